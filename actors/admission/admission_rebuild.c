/* A registry that has lost its memory is told what the store knows; one that is away is stood in for (the registry's
 * failover form does that, at restore_begin). Meanwhile what needs the registry waits, in order. */
#include "admission_state.h"

#include <stdlib.h>
#include <string.h>

enum { ADMISSION_REBUILD_RETRY_USEC = 500 * ACT_MSEC };

/* ---- what waits ---- */

static void
admission_deferred_drop_first(admission_t *self)
{
    admission_deferred_t *first = self->deferred;
    self->deferred = first->next;
    if (self->deferred == NULL) {
        self->deferred_end = &self->deferred;
    }
    self->deferred_count--;
    free(first->body);
    free(first);
}

void
admission_deferred_fini(admission_t *self)
{
    while (self->deferred != NULL) {
        admission_deferred_drop_first(self);
    }
}

void
admission_defer(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    if (self->deferred_count == ADMISSION_DEFERRED_MAX) {
        act_log(ctx, LOG_WARN, "deferred-dropped", "too many messages wait for the registry: the oldest is dropped",
                LOG_N("waiting", self->deferred_count));
        admission_deferred_drop_first(self);
    }
    size_t size = msg_infos[msg->type].type->size;
    admission_deferred_t *deferred = calloc(1, sizeof *deferred);
    ACT_ASSERT(deferred != NULL);
    deferred->body = malloc(size);
    ACT_ASSERT(deferred->body != NULL);
    memcpy(deferred->body, msg->body, size);
    deferred->msg = *msg;
    deferred->msg.body = deferred->body;
    *self->deferred_end = deferred;
    self->deferred_end = &deferred->next;
    self->deferred_count++;
    act_count(ctx, METRIC_ADMISSION_DEFERRED, 0, 1);
}

/* In the order they came. What finds the registry lost once more goes to the end of a new list. */
static void
admission_deferred_replay(admission_t *self, act_ctx_t *ctx)
{
    admission_deferred_t *list = self->deferred;
    self->deferred = NULL;
    self->deferred_end = &self->deferred;
    self->deferred_count = 0;
    while (list != NULL) {
        admission_deferred_t *next = list->next;
        bool over = list->msg.correlation != 0 && list->msg.deadline != 0 && list->msg.deadline <= act_now(ctx);
        if (!over) {
            act_trace_set(ctx, list->msg.trace);
            admission_handle(self, ctx, &list->msg);
        }
        free(list->body);
        free(list);
        list = next;
    }
}

/* ---- the rebuild ---- */

static uint64_t
admission_rebuild_context(const admission_t *self)
{
    return (uint64_t)ADMISSION_ASK_REBUILD << 56 | self->rebuild;
}

static void
admission_rebuild_ask_sessions(admission_t *self, act_ctx_t *ctx)
{
    msg_persistence_load_sessions_t body = {.after = self->rebuild_after};
    admission_copy_text(body.instance, sizeof body.instance, act_key(ctx));
    request_persistence_load_sessions(ctx, act_key(ctx), &body, ADMISSION_STORE_USEC, admission_rebuild_context(self));
}

static void
admission_rebuild_start(admission_t *self, act_ctx_t *ctx)
{
    msg_persistence_load_instance_t body;
    self->rebuild++;
    self->rebuild_after = 0;
    self->restoring = false;
    admission_copy_text(body.instance, sizeof body.instance, act_key(ctx));
    request_persistence_load_instance(ctx, act_key(ctx), &body, ADMISSION_STORE_USEC, admission_rebuild_context(self));
}

void
admission_rebuild(admission_t *self, act_ctx_t *ctx)
{
    self->ready = false;
    if (!self->rebuilding && !self->leaving) {
        self->rebuilding = true;
        act_log(ctx, LOG_INFO, "registry-rebuild", "the registry is told what the store knows");
        admission_rebuild_start(self, ctx);
    }
}

void
admission_rebuild_cancel(admission_t *self, act_ctx_t *ctx)
{
    self->rebuild++; /* what is still to come of this try is void */
    self->rebuilding = false;
    act_timer_stop(ctx, ADMISSION_TIMER_REBUILD);
    while (self->deferred != NULL) {
        act_trace_set(ctx, self->deferred->msg.trace);
        admission_pass_on(self, ctx, &self->deferred->msg);
        admission_deferred_drop_first(self);
    }
    admission_refuse_all(self, ctx, REASON_DEPENDENCY_UNAVAILABLE);
}

static void
admission_rebuild_failed(admission_t *self, act_ctx_t *ctx, const char *why)
{
    act_log(ctx, LOG_WARN, "registry-rebuild-failed", "the registry could not be told what the store knows; once more",
            LOG_S("why", why));
    self->rebuild++; /* what is still to come of this try is void */
    admission_refuse_all(self, ctx, REASON_DEPENDENCY_UNAVAILABLE);
    act_timer_start(ctx, ADMISSION_TIMER_REBUILD, ADMISSION_REBUILD_RETRY_USEC);
}

void
admission_on_rebuild_timer(admission_t *self, act_ctx_t *ctx)
{
    admission_rebuild_start(self, ctx);
}

/* It is away and another one decides, or it is back. */
static void
admission_switched_over(admission_t *self, act_ctx_t *ctx, bool degraded)
{
    registry_t *registry = self->config->registry;
    self->told_degraded = degraded;
    act_gauge(ctx, METRIC_DEGRADED, 0, degraded ? 1 : -1);
    if (degraded) {
        char why[REGISTRY_WHY_SIZE];
        registry->why(registry, why, sizeof why);
        act_log(ctx, LOG_ERROR, "degraded", "the registry is away: the store decides, and nobody new is queued",
                LOG_S("why", why));
    } else {
        act_log(ctx, LOG_INFO, "recovered", "the registry is back and knows what the store knows");
    }
}

static void
admission_rebuilt(admission_t *self, act_ctx_t *ctx)
{
    bool degraded = self->config->registry->is_degraded(self->config->registry);
    self->rebuilding = false;
    self->ready = true;
    act_count(ctx, METRIC_REGISTRY_REBUILDS, 0, 1);
    if (degraded != self->told_degraded) {
        admission_switched_over(self, ctx, degraded);
    }
    admission_notify(self, ctx, NULL); /* the switches may be others, too */
    admission_audit_soon(self);
    admission_queue_news(self, ctx, 0);
    admission_deferred_replay(self, ctx);
    admission_decide_all(self, ctx);
}

static bool
admission_restore_begin(admission_t *self, act_ctx_t *ctx, int64_t number)
{
    registry_t *registry = self->config->registry;
    registry_switches_t switches = {.capacity = (uint32_t)self->switches.capacity,
                                    .drain = self->switches.drain,
                                    .maintenance = self->switches.maintenance};
    self->restoring = true;
    return registry->restore_begin(registry, act_now(ctx), act_key(ctx), number, &switches) == REGISTRY_OK;
}

/* What was loaded, or what is newer of it and still on its way to the store. */
static bool
admission_restore_add(admission_t *self, act_ctx_t *ctx, const msg_persistence_sessions_t *page)
{
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    registry_session_t *good = calloc(page->sessions_len + 1, sizeof *good);
    uint32_t count = 0;
    ACT_ASSERT(good != NULL);
    for (uint32_t i = 0; i < page->sessions_len; i++) {
        const registry_session_t *stored = &page->sessions[i];
        const registry_session_t *newer = saver_newer(self->saver, stored->session_id, stored->version);
        if (newer == NULL || newer->state != SESSION_STATE_ENDED) {
            good[count++] = newer != NULL ? *newer : *stored;
        }
    }
    bool done = registry->restore_add(registry, act_now(ctx), act_key(ctx), good, count, &limits) == REGISTRY_OK;
    for (uint32_t i = 0; done && i < count; i++) {
        if (good[i].state == SESSION_STATE_ENDED) { /* its end was lost on its way to the store */
            admission_save(self, ctx, &good[i], 0, NULL);
        }
    }
    free(good);
    return done;
}

static void
admission_rebuild_page(admission_t *self, act_ctx_t *ctx, const msg_persistence_sessions_t *page)
{
    registry_t *registry = self->config->registry;
    if (!self->restoring && !admission_restore_begin(self, ctx, page->number)) {
        admission_rebuild_failed(self, ctx, "the registry is away");
    } else if (page->sessions_len > 0) {
        if (admission_restore_add(self, ctx, page)) {
            self->rebuild_after = page->sessions[page->sessions_len - 1].number;
            admission_rebuild_ask_sessions(self, ctx);
        } else {
            admission_rebuild_failed(self, ctx, "the registry went away");
        }
    } else if (registry->restore_end(registry, act_now(ctx), act_key(ctx)) == REGISTRY_OK) {
        admission_rebuilt(self, ctx);
    } else {
        admission_rebuild_failed(self, ctx, "the registry went away");
    }
}

void
admission_on_rebuild_answer(admission_t *self, act_ctx_t *ctx, const msg_t *answer)
{
    if (!self->rebuilding || (uint32_t)answer->context != self->rebuild) {
        return; /* of an earlier try */
    }
    if (answer->type == MSG_PERSISTENCE_INSTANCE) {
        self->switches = self->due = ((const msg_persistence_instance_t *)answer->body)->switches;
        admission_rebuild_ask_sessions(self, ctx);
    } else if (answer->type == MSG_PERSISTENCE_SESSIONS) {
        admission_rebuild_page(self, ctx, answer->body);
    } else {
        admission_rebuild_failed(self, ctx, "the store does not answer");
    }
}
