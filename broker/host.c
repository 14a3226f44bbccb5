#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directory.h"

enum {
    CELL_BACKOFF_MSEC = 100, /* after the first act_fail; doubles */
    CELL_BACKOFF_MSEC_MAX = 10000,
    CELL_STEADY_SEC = 60, /* a state that lived this long starts its back-off anew */
};

typedef struct cell_timer {
    heap_node_t node; /* first */
    act_ctx_t *cell;
    int number;
} cell_timer_t;

/* One state of a kind: the context that its functions are given. */
struct act_ctx {
    host_t *host;
    void *state; /* NULL: failed, waits for its restart */
    act_addr_t self;
    act_trace_t trace;
    act_usec_t deadline; /* of the request in hand, 0: none */
    act_ctx_t *next, *next_touched;
    host_request_t *requests;
    cell_timer_t timers[ACT_TIMERS_CAP];
    cell_timer_t restart;
    act_usec_t made_at;
    unsigned failures;
    bool touched, retire, failed;
};

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

void
host_init(host_t *self, const act_kind_t *kind, const void *config, const host_env_t *env, uint8_t thread,
          size_t mailbox_max, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->kind = kind;
    self->config = config;
    self->env = env;
    self->thread = thread;
    mailbox_init(&self->mailbox, mailbox_max);
    self->metrics = calloc(metric_slots_count(), sizeof *self->metrics);
    ACT_ASSERT(self->metrics != NULL);
    if (seed == 0) {
        env->secret(env->self, self->random, sizeof self->random);
    } else {
        for (int i = 0; i < 4; i++) {
            seed = (seed + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
            self->random[i] = seed ^ (seed >> 29);
        }
    }
    self->random[0] |= 1; /* all zero would stay so */
    self->correlation = host_random(self) >> 16;
    self->now = env->now(env->self);
}

static void
host_add(_Atomic uint64_t *counter, uint64_t n)
{
    /* One writer: a plain add, made visible to readers. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* ---- requests ---- */

static host_request_t **
host_request_find(host_t *self, uint64_t correlation)
{
    host_request_t **link = &self->requests[correlation % HOST_BUCKETS];
    while (*link != NULL && (*link)->correlation != correlation) {
        link = &(*link)->next;
    }
    return link;
}

static void
host_request_end(host_t *self, host_request_t *request)
{
    heap_remove(&self->request_timers, &request->timer);
    host_request_t **link = host_request_find(self, request->correlation);
    *link = request->next;
    *request->cell_back = request->cell_next;
    if (request->cell_next != NULL) {
        request->cell_next->cell_back = request->cell_back;
    }
    request->next = self->requests_free;
    self->requests_free = request;
}

static host_request_t *
host_request_new(act_ctx_t *cell, act_usec_t due, uint64_t context)
{
    host_t *self = cell->host;
    host_request_t *request = self->requests_free;
    if (request != NULL) {
        self->requests_free = request->next;
    } else {
        request = malloc(sizeof *request);
        ACT_ASSERT(request != NULL);
    }
    *request = (host_request_t){.cell = cell,
                                .correlation = ++self->correlation,
                                .context = context,
                                .trace = cell->trace,
                                .code = ERROR_TIMEOUT};
    host_request_t **link = &self->requests[request->correlation % HOST_BUCKETS];
    request->next = *link;
    *link = request;
    request->cell_next = cell->requests;
    request->cell_back = &cell->requests;
    if (cell->requests != NULL) {
        cell->requests->cell_back = &request->cell_next;
    }
    cell->requests = request;
    heap_put(&self->request_timers, &request->timer, due);
    return request;
}

/* ---- states ---- */

static act_ctx_t **
host_link(host_t *self, const char *key)
{
    act_ctx_t **link = &self->cells[directory_hash(key) % HOST_BUCKETS];
    while (*link != NULL && strcmp((*link)->self.key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

act_ctx_t *
host_find(host_t *self, const char *key)
{
    return *host_link(self, self->kind->keying == ACT_KEYED ? key : "");
}

void *
host_state(act_ctx_t *cell)
{
    return cell->state;
}

static void
cell_touch(act_ctx_t *cell)
{
    if (!cell->touched) {
        cell->touched = true;
        cell->next_touched = cell->host->touched;
        cell->host->touched = cell;
    }
}

/* Ends what the state waits for, and the state. */
static void
cell_clear(act_ctx_t *cell)
{
    host_t *self = cell->host;
    while (cell->requests != NULL) {
        host_request_end(self, cell->requests);
    }
    if (cell->state != NULL && self->kind->fini != NULL) {
        self->kind->fini(cell->state, cell);
    }
    while (cell->requests != NULL) { /* made by fini */
        host_request_end(self, cell->requests);
    }
    for (int i = 0; i < ACT_TIMERS_CAP; i++) {
        heap_remove(&self->cell_timers, &cell->timers[i].node);
    }
    free(cell->state);
    cell->state = NULL;
    cell->failed = false;
    cell->retire = false;
}

static void
cell_destroy(act_ctx_t *cell)
{
    host_t *self = cell->host;
    cell_clear(cell);
    heap_remove(&self->cell_timers, &cell->restart.node);
    act_ctx_t **link = host_link(self, cell->self.key);
    *link = cell->next;
    atomic_fetch_sub_explicit(&self->keys, 1, memory_order_relaxed);
    free(cell);
}

static void
cell_failed(act_ctx_t *cell)
{
    host_t *self = cell->host;
    if (self->now - cell->made_at > (act_usec_t)CELL_STEADY_SEC * ACT_SEC) {
        cell->failures = 0;
    }
    act_usec_t backoff = CELL_BACKOFF_MSEC;
    for (unsigned i = 0; i < cell->failures && backoff < CELL_BACKOFF_MSEC_MAX; i++) {
        backoff *= 2;
    }
    backoff = backoff < CELL_BACKOFF_MSEC_MAX ? backoff : CELL_BACKOFF_MSEC_MAX;
    cell->failures++;
    host_add(&self->restarts, 1);
    cell_clear(cell);
    heap_put(&self->cell_timers, &cell->restart.node, self->now + backoff * ACT_MSEC);
}

static bool
cell_make(act_ctx_t *cell)
{
    host_t *self = cell->host;
    cell->state = calloc(1, self->kind->state_size ? self->kind->state_size : 1);
    ACT_ASSERT(cell->state != NULL);
    cell->made_at = self->now;
    bool made = self->kind->init == NULL || self->kind->init(cell->state, cell, self->config);
    if (made && !cell->failed) {
        cell_touch(cell);
        return true;
    }
    cell_failed(cell);
    return false;
}

static act_ctx_t *
cell_new(host_t *self, const char *key)
{
    if (atomic_load_explicit(&self->keys, memory_order_relaxed) >= HOST_STATES_MAX) {
        return NULL;
    }
    act_ctx_t *cell = calloc(1, sizeof *cell);
    ACT_ASSERT(cell != NULL);
    cell->host = self;
    cell->self.kind = (uint8_t)self->kind->id;
    cell->self.thread = self->thread;
    snprintf(cell->self.key, sizeof cell->self.key, "%s", key);
    for (int i = 0; i < ACT_TIMERS_CAP; i++) {
        cell->timers[i] = (cell_timer_t){.cell = cell, .number = i};
    }
    cell->restart = (cell_timer_t){.cell = cell, .number = -1};
    act_ctx_t **link = host_link(self, cell->self.key);
    *link = cell;
    atomic_fetch_add_explicit(&self->keys, 1, memory_order_relaxed);
    cell_make(cell);
    return cell;
}

/* After each call into the kind. */
static void
cell_after(act_ctx_t *cell)
{
    cell->deadline = 0;
    if (cell->failed) {
        cell_failed(cell);
    } else {
        cell_touch(cell);
    }
}

/* ---- turns ---- */

/* A request that this host cannot serve is answered, so that its asker need not wait for the deadline. */
static void
host_refuse(host_t *self, const msg_t *msg, error_code_t code)
{
    host_add(&self->refused, 1);
    if (msg->correlation == 0 || msg->type == MSG_ACT_NO_ANSWER || msg_infos[msg->type].answer) {
        return;
    }
    msg_act_no_answer_t body = {.code = code};
    msg_t answer = {.type = MSG_ACT_NO_ANSWER, .correlation = msg->correlation, .trace = msg->trace, .body = &body};
    self->env->route(self->env->self, &msg->from, &answer);
}

static void
cell_receive(act_ctx_t *cell, const msg_t *msg)
{
    cell->trace = msg->trace;
    cell->deadline = msg->deadline;
    cell->retire = false;
    cell->host->kind->receive(cell->state, cell, msg);
    cell_after(cell);
}

/* An answer finds the state that asked, with the context it gave. */
static void
host_answer(host_t *self, const msg_t *msg)
{
    host_request_t *request = *host_request_find(self, msg->correlation);
    act_ctx_t *cell = request != NULL ? request->cell : host_find(self, msg->key);
    msg_t answer = *msg;
    answer.deadline = 0;
    if (request != NULL) {
        answer.context = request->context;
        host_request_end(self, request);
        cell_receive(cell, &answer);
        return;
    }
    host_add(&self->metrics[metric_slot(METRIC_LATE_ANSWERS, 0)], 1);
    if (self->kind->late != NULL && cell != NULL && cell->state != NULL && msg->type != MSG_ACT_NO_ANSWER) {
        cell->trace = msg->trace;
        self->kind->late(cell->state, cell, &answer);
        cell_after(cell);
    }
}

static void
host_dispatch(host_t *self, const msg_t *msg)
{
    host_add(&self->handled, 1);
    bool answer = msg_infos[msg->type].answer || msg->type == MSG_ACT_NO_ANSWER;
    if (answer && msg->correlation != 0) {
        host_answer(self, msg);
        return;
    }
    if (msg->correlation != 0 && msg->deadline != 0 && msg->deadline <= self->now) {
        return; /* its asker has been told TIMEOUT */
    }
    act_ctx_t *cell = host_find(self, msg->key);
    if (cell == NULL) {
        cell = cell_new(self, self->kind->keying == ACT_KEYED ? msg->key : "");
    }
    if (cell == NULL || cell->state == NULL) {
        host_refuse(self, msg, cell == NULL ? ERROR_OVERLOADED : ERROR_UNAVAILABLE);
        return;
    }
    cell_receive(cell, msg);
}

static void
host_expire_timer(host_t *self, cell_timer_t *timer)
{
    act_ctx_t *cell = timer->cell;
    heap_remove(&self->cell_timers, &timer->node);
    if (timer->number >= 0) {
        cell->trace = (act_trace_t){0};
        self->kind->expire(cell->state, cell, timer->number);
        cell_after(cell);
    } else if (self->kind->keying == ACT_KEYED) {
        cell_destroy(cell); /* the next message makes it anew */
    } else {
        cell_make(cell);
    }
}

static void
host_expire_request(host_t *self, host_request_t *request)
{
    msg_act_no_answer_t body = {.code = request->code};
    msg_t msg = {
        .type = MSG_ACT_NO_ANSWER, .correlation = request->correlation, .trace = request->trace, .body = &body};
    msg.from = request->cell->self;
    memcpy(msg.key, request->cell->self.key, sizeof msg.key);
    host_answer(self, &msg);
}

/* At most what was due at the start, so that a timer that starts itself again cannot hold the thread. */
static bool
host_expire(host_t *self)
{
    bool worked = false;
    heap_node_t *node;
    for (int i = 0; i < HOST_BATCH_MAX && (node = heap_first(&self->cell_timers)) && node->due <= self->now; i++) {
        host_expire_timer(self, (cell_timer_t *)(void *)node);
        worked = true;
    }
    for (int i = 0; i < HOST_BATCH_MAX && (node = heap_first(&self->request_timers)) && node->due <= self->now; i++) {
        host_expire_request(self, (host_request_t *)(void *)node);
        worked = true;
    }
    return worked;
}

static bool
host_flush(host_t *self)
{
    bool worked = false;
    act_ctx_t *cell = self->touched;
    self->touched = NULL;
    while (cell != NULL) {
        act_ctx_t *next = cell->next_touched;
        if (cell->state != NULL && self->kind->flush != NULL) {
            self->kind->flush(cell->state, cell);
        }
        cell->touched = false; /* only now: flush may retire its state, and must not put it on the list again */
        if (cell->failed) {
            cell_failed(cell);
        } else if (cell->retire && cell->requests == NULL) {
            cell_destroy(cell);
        }
        worked = true;
        cell = next;
    }
    return worked;
}

bool
host_turn(host_t *self)
{
    act_usec_t start = self->now = self->env->now(self->env->self);
    bool worked = host_expire(self);
    const msg_t *msg = NULL;
    for (int i = 0; i < HOST_BATCH_MAX && (msg = mailbox_next(&self->mailbox)) != NULL; i++) {
        host_dispatch(self, msg);
        worked = true;
    }
    worked |= host_flush(self);
    if (worked) {
        atomic_store_explicit(&self->waiting, self->mailbox.count, memory_order_relaxed);
        host_add(&self->handler_usec, (uint64_t)(self->env->now(self->env->self) - start));
    }
    return worked;
}

act_usec_t
host_due(const host_t *self)
{
    heap_node_t *cell = heap_first(&self->cell_timers), *request = heap_first(&self->request_timers);
    act_usec_t due = cell != NULL ? cell->due : INT64_MAX;
    return request != NULL && request->due < due ? request->due : due;
}

bool
host_push(host_t *self, const msg_t *msg)
{
    if (!mailbox_push(&self->mailbox, msg)) {
        host_add(&self->refused, 1);
        return false;
    }
    atomic_store_explicit(&self->waiting, self->mailbox.count, memory_order_relaxed);
    return true;
}

bool
host_is_full(const host_t *self)
{
    return self->mailbox.count >= self->mailbox.count_max;
}

bool
host_start(host_t *self)
{
    if (self->kind->keying == ACT_KEYED) {
        return true;
    }
    act_ctx_t *cell = cell_new(self, "");
    return cell != NULL && cell->state != NULL;
}

void
host_stop(host_t *self)
{
    self->touched = NULL;
    for (int i = 0; i < HOST_BUCKETS; i++) {
        while (self->cells[i] != NULL) {
            cell_destroy(self->cells[i]);
        }
    }
    mailbox_clear(&self->mailbox);
    self->touched = NULL;
}

void
host_fini(host_t *self)
{
    host_stop(self);
    while (self->requests_free != NULL) {
        host_request_t *request = self->requests_free;
        self->requests_free = request->next;
        free(request);
    }
    heap_fini(&self->cell_timers);
    heap_fini(&self->request_timers);
    mailbox_fini(&self->mailbox);
    free(self->metrics);
}

void
host_stats(host_t *self, stats_row_t *row)
{
    *row = (stats_row_t){
        .kind = self->kind->name,
        .thread = self->thread,
        .keys = atomic_load_explicit(&self->keys, memory_order_relaxed),
        .depth = atomic_load_explicit(&self->waiting, memory_order_relaxed) +
                 atomic_load_explicit(&self->inbound, memory_order_relaxed),
        .handled = atomic_load_explicit(&self->handled, memory_order_relaxed),
        .handler_usec = atomic_load_explicit(&self->handler_usec, memory_order_relaxed),
        .refused = atomic_load_explicit(&self->refused, memory_order_relaxed) +
                   atomic_load_explicit(&self->turned_away, memory_order_relaxed),
        .restarts = atomic_load_explicit(&self->restarts, memory_order_relaxed),
        .metrics = self->metrics,
    };
}

/* ---- act.h ---- */

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

void
act_request(act_ctx_t *ctx, msg_type_t type, const char *key, const void *body, act_usec_t timeout, uint64_t context)
{
    act_usec_t due = ctx->host->now + timeout;
    if (ctx->deadline != 0 && ctx->deadline < due) {
        due = ctx->deadline;
    }
    host_request_t *request = host_request_new(ctx, due, context);
    act_addr_t to;
    msg_t msg = {.type = type, .body = body, .correlation = request->correlation, .deadline = due};
    bool owned = ctx->host->env->owner(ctx->host->env->self, msg_infos[type].kind, key, &to);
    if (!owned || !act_route(ctx, &to, &msg)) {
        request->code = owned ? ERROR_OVERLOADED : ERROR_UNAVAILABLE;
        heap_put(&ctx->host->request_timers, &request->timer, ctx->host->now);
    }
}

void
act_reply(act_ctx_t *ctx, const msg_t *request, msg_type_t type, const void *body)
{
    if (request->correlation != 0) {
        msg_t msg = {.type = type, .body = body, .correlation = request->correlation};
        act_route(ctx, &request->from, &msg); /* refused: the asker hears TIMEOUT */
    }
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
