/* What act.h promises to actors, on top of host.h. */
#include "act.h"

#include <stdlib.h>
#include <string.h>

#include "cell.h"

static uint64_t
host_random(host_t *self) /* xoshiro256** */
{
    uint64_t *s = self->random, t = s[1] << 17, result = s[1] * 5;
    result = ((result << 7) | (result >> 57)) * 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

act_usec_t
act_now(const act_ctx_t *ctx)
{
    return ctx->host->now;
}

int64_t
act_wall_msec(const act_ctx_t *ctx)
{
    return ctx->host->env->wall_msec(ctx->host->env->self);
}

uint64_t
act_random(act_ctx_t *ctx)
{
    return host_random(ctx->host);
}

void
act_random_secret(act_ctx_t *ctx, void *bytes, size_t length)
{
    ctx->host->env->secret(ctx->host->env->self, bytes, length);
}

const char *
act_key(const act_ctx_t *ctx)
{
    return ctx->self.key;
}

act_addr_t
act_self(const act_ctx_t *ctx)
{
    return ctx->self;
}

static bool
act_route(act_ctx_t *ctx, const act_addr_t *to, msg_t *msg)
{
    msg->from = ctx->self;
    msg->trace = ctx->trace;
    return ctx->host->env->route(ctx->host->env->self, to, msg);
}

bool
act_send(act_ctx_t *ctx, msg_type_t type, const char *key, const void *body)
{
    act_addr_t to;
    msg_t msg = {.type = type, .body = body};
    return ctx->host->env->owner(ctx->host->env->self, msg_infos[type].kind, key, &to) && act_route(ctx, &to, &msg);
}

bool
act_send_to(act_ctx_t *ctx, const act_addr_t *to, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type, .body = body};
    return act_route(ctx, to, &msg);
}

/* `to` NULL: there is nobody to ask. */
static void
act_ask(act_ctx_t *ctx, const act_addr_t *to, msg_type_t type, const void *body, act_usec_t timeout, uint64_t context)
{
    act_usec_t due = ctx->host->now + timeout;
    if (ctx->deadline != 0 && ctx->deadline < due) {
        due = ctx->deadline;
    }
    host_request_t *request = request_new(ctx, due, context);
    request->type = type;
    request->node = to != NULL ? to->node : ctx->self.node;
    msg_t msg = {.type = type, .body = body, .correlation = request->correlation, .deadline = due};
    if (to == NULL || !act_route(ctx, to, &msg)) {
        request->code = to != NULL && act_reaches(ctx, to) ? ERROR_OVERLOADED : ERROR_UNAVAILABLE;
        heap_put(&ctx->host->request_timers, &request->timer, ctx->host->now);
    }
}

void
act_request(act_ctx_t *ctx, msg_type_t type, const char *key, const void *body, act_usec_t timeout, uint64_t context)
{
    act_addr_t to;
    act_ask(ctx, act_owner(ctx, msg_infos[type].kind, key, &to) ? &to : NULL, type, body, timeout, context);
}

void
act_request_to(act_ctx_t *ctx, const act_addr_t *to, msg_type_t type, const void *body, act_usec_t timeout,
               uint64_t context)
{
    act_ask(ctx, to, type, body, timeout, context);
}

void
act_reply(act_ctx_t *ctx, const msg_t *request, msg_type_t type, const void *body)
{
    if (request->correlation != 0) {
        msg_t msg = {.type = type, .body = body, .correlation = request->correlation};
        act_route(ctx, &request->from, &msg); /* refused: the asker hears TIMEOUT */
    }
}

bool
act_owner(const act_ctx_t *ctx, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    return ctx->host->env->owner(ctx->host->env->self, kind, key, to);
}

bool
act_owns(const act_ctx_t *ctx)
{
    act_addr_t to;
    return ctx->host->kind->keying == ACT_SHARDED || (act_owner(ctx, ctx->host->kind->id, ctx->self.key, &to) &&
                                                      to.node == ctx->self.node && to.thread == ctx->self.thread);
}

bool
act_owner_before(const act_ctx_t *ctx, act_addr_t *to)
{
    return ctx->host->env->owner_before(ctx->host->env->self, ctx->host->kind->id, ctx->self.key, to);
}

bool
act_reaches(const act_ctx_t *ctx, const act_addr_t *addr)
{
    return ctx->host->env->reaches(ctx->host->env->self, addr->node);
}

void
act_timer_start(act_ctx_t *ctx, int timer, act_usec_t delay)
{
    ACT_ASSERT(timer >= 0 && timer < ACT_TIMERS_CAP && ctx->host->kind->expire != NULL);
    heap_put(&ctx->host->cell_timers, &ctx->timers[timer].node, ctx->host->now + delay);
}

void
act_timer_stop(act_ctx_t *ctx, int timer)
{
    ACT_ASSERT(timer >= 0 && timer < ACT_TIMERS_CAP);
    heap_remove(&ctx->host->cell_timers, &ctx->timers[timer].node);
}

bool
act_timer_running(const act_ctx_t *ctx, int timer)
{
    return ctx->timers[timer].node.place != 0;
}

act_trace_t
act_trace(const act_ctx_t *ctx)
{
    return ctx->trace;
}

void
act_trace_set(act_ctx_t *ctx, act_trace_t trace)
{
    ctx->trace = trace;
}

act_trace_t
act_trace_new(act_ctx_t *ctx)
{
    uint64_t bits[2] = {host_random(ctx->host), host_random(ctx->host)};
    memcpy(ctx->trace.bytes, bits, sizeof ctx->trace.bytes);
    return ctx->trace;
}

void
act_trace_text(act_trace_t trace, char text[33])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof trace.bytes; i++) {
        text[2 * i] = digits[trace.bytes[i] >> 4];
        text[2 * i + 1] = digits[trace.bytes[i] & 15];
    }
    text[32] = '\0';
}

void
act_enter(act_ctx_t *ctx)
{
    ctx->host->now = ctx->host->env->now(ctx->host->env->self);
}

void
act_leave(act_ctx_t *ctx)
{
    cell_after(ctx);
}

void *
act_loop(const act_ctx_t *ctx)
{
    return ctx->host->env->loop;
}

void
act_fail(act_ctx_t *ctx, const char *why)
{
    act_log(ctx, LOG_ERROR, "actor-failed", "the actor cannot go on and will be restarted", LOG_S("why", why));
    ctx->failed = true;
}

void
act_moved(act_ctx_t *ctx)
{
    ctx->moved = true;
}

void
act_retire(act_ctx_t *ctx)
{
    ctx->retire = true;
    cell_touch(ctx);
}

void
act_count(act_ctx_t *ctx, metric_id_t metric, uint32_t label, uint64_t n)
{
    host_add(&ctx->host->metrics[metric_slot(metric, label)], n);
}

void
act_gauge(act_ctx_t *ctx, metric_id_t metric, uint32_t label, int64_t delta)
{
    host_add(&ctx->host->metrics[metric_slot(metric, label)], (uint64_t)delta); /* two's complement adds alike */
}

void
act_observe(act_ctx_t *ctx, metric_id_t metric, uint64_t value)
{
    _Atomic uint64_t *slots = &ctx->host->metrics[metric_slot(metric, 0)];
    host_add(&slots[metric_bucket(metric, value)], 1);
    host_add(&slots[METRIC_BUCKETS], value);
}

void
act_log_fields(act_ctx_t *ctx, log_level_t level, const char *event, const char *sentence, const log_field_t *fields)
{
    static const act_trace_t none;
    char trace[33];
    act_trace_text(ctx->trace, trace);
    bool traced = memcmp(&ctx->trace, &none, sizeof none) != 0;
    log_line(level, ctx->host->kind->name, ctx->self.key, traced ? trace : NULL, event, sentence, fields);
}

_Noreturn void
act_panic(const char *file, int line, const char *what)
{
    log_event(LOG_ERROR, "panic", "our own bug; the process ends", LOG_S("file", file), LOG_N("line", line),
              LOG_S("what", what));
    abort();
}
