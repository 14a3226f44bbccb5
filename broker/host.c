#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "cell.h"

void
host_init(host_t *self, const act_kind_t *kind, const void *config, const host_env_t *env, uint32_t node,
          uint8_t thread, size_t mailbox_max, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->kind = kind;
    self->config = config;
    self->env = env;
    self->node = node;
    self->thread = thread;
    mailbox_init(&self->mailbox, mailbox_max);
    recorder_init(&self->recorder, kind->id);
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
    self->correlation = self->random[0] >> 16;
    self->now = env->now(env->self);
}

void
host_add(_Atomic uint64_t *counter, uint64_t n)
{
    /* One writer: a plain add, made visible to readers. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

act_ctx_t *
host_find(host_t *self, const char *key)
{
    return *cell_link(self, self->kind->keying == ACT_KEYED ? key : "");
}

void *
host_state(act_ctx_t *cell)
{
    return cell->state;
}

/* A request that this host cannot serve is answered, so that its asker need not wait for the deadline. */
static void
host_refuse(host_t *self, const msg_t *msg, error_code_t code)
{
    host_add(&self->refused, 1);
    if (msg->correlation == 0 || msg->type == MSG_ACT_NO_ANSWER || msg_infos[msg->type].answer) {
        return;
    }
    msg_act_no_answer_t body = {.code = code};
    msg_t answer = {.type = MSG_ACT_NO_ANSWER,
                    .from = {.node = self->node, .kind = (uint8_t)self->kind->id, .thread = self->thread},
                    .correlation = msg->correlation,
                    .trace = msg->trace,
                    .body = &body};
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
host_answered(host_t *self, host_request_t *request, const msg_t *msg)
{
    act_ctx_t *cell = request->cell;
    msg_t answer = *msg;
    answer.deadline = 0;
    answer.context = request->context;
    request_end(self, request);
    cell_receive(cell, &answer);
}

/* An answer whose request has ended. */
static void
host_late(host_t *self, const msg_t *msg)
{
    act_ctx_t *cell = host_find(self, msg->key);
    msg_t answer = *msg;
    answer.deadline = 0;
    host_add(&self->metrics[metric_slot(METRIC_LATE_ANSWERS, 0)], 1);
    if (self->kind->late != NULL && cell != NULL && cell->state != NULL && msg->type != MSG_ACT_NO_ANSWER) {
        cell->trace = msg->trace;
        self->kind->late(cell->state, cell, &answer);
        cell_after(cell);
    }
}

/* Only the process that was asked may answer, and only what the schema says; actors rely on both. What else has the
 * number of a request is dropped, and the request goes on. */
static void
host_answer(host_t *self, const msg_t *msg)
{
    host_request_t *request = *request_find(self, msg->correlation);
    if (request == NULL) {
        host_late(self, msg);
    } else if (msg->from.node == request->node &&
               (msg->type == MSG_ACT_NO_ANSWER || msg_answers(request->type, msg->type))) {
        host_answered(self, request, msg);
    } else {
        host_add(&self->metrics[metric_slot(METRIC_FAR_MALFORMED, 0)], 1);
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
    host_answered(self, request, &msg);
    recorder_note(&self->recorder, &msg, self->now, 0);
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

/* One batch of the mailbox. Where one handler ends the next begins: the clock is read once for each. */
static bool
host_handle(host_t *self, act_usec_t at)
{
    const msg_t *msg = NULL;
    int handled = 0;
    for (; handled < HOST_BATCH_MAX && (msg = mailbox_next(&self->mailbox)) != NULL; handled++) {
        host_dispatch(self, msg);
        act_usec_t end = self->env->now(self->env->self);
        recorder_note(&self->recorder, msg, at, end - at);
        at = end;
    }
    return handled > 0;
}

bool
host_turn(host_t *self)
{
    act_usec_t start = self->now = self->env->now(self->env->self);
    bool worked = host_expire(self);
    worked |= host_handle(self, worked ? self->env->now(self->env->self) : start);
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

/* An answer that is in the mailbox already still comes, but late: it cannot be told apart from one that never does. */
static void
host_give_up(host_t *self)
{
    for (int i = 0; i < HOST_BUCKETS; i++) {
        for (host_request_t *request = self->requests[i]; request != NULL; request = request->next) {
            if (request->node != self->node && request->code == ERROR_TIMEOUT &&
                !self->env->reaches(self->env->self, request->node)) {
                request->code = ERROR_UNAVAILABLE;
                heap_put(&self->request_timers, &request->timer, self->now);
            }
        }
    }
}

void
host_view(host_t *self)
{
    self->now = self->env->now(self->env->self);
    host_give_up(self);
    if (self->kind->view == NULL) {
        return;
    }
    for (int i = 0; i < HOST_BUCKETS; i++) {
        for (act_ctx_t *cell = self->cells[i]; cell != NULL; cell = cell->next) {
            if (cell->state != NULL) {
                cell->trace = (act_trace_t){0};
                self->kind->view(cell->state, cell);
                cell_after(cell);
            }
        }
    }
}

bool
host_has_strangers(const host_t *self)
{
    for (int i = 0; self->kind->keying == ACT_KEYED && i < HOST_BUCKETS; i++) {
        for (const act_ctx_t *cell = self->cells[i]; cell != NULL; cell = cell->next) {
            if (!cell->moved && !act_owns(cell)) {
                return true;
            }
        }
    }
    return false;
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
    return self->mailbox.count >= self->mailbox.count_max || self->mailbox.filling.used >= MAILBOX_BYTES_MAX / 2;
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
    recorder_fini(&self->recorder);
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
        .recorder = &self->recorder,
    };
}
