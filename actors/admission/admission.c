/* The kind: its messages, its tick, and what its other files share. */
#include "admission_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
admission_copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

uint32_t
admission_capacity(const admission_t *self)
{
    return self->switches.capacity > 0 ? (uint32_t)self->switches.capacity : self->config->limits.capacity;
}

registry_limits_t
admission_limits(const admission_t *self)
{
    registry_limits_t limits = self->config->limits;
    limits.capacity = admission_capacity(self);
    if (self->told_degraded) {
        limits.queue_max = 0; /* nobody new waits while the registry is away */
    }
    return limits;
}

bool
admission_is_lost(admission_t *self, act_ctx_t *ctx, registry_result_t result)
{
    if (result != REGISTRY_LOST && result != REGISTRY_UNAVAILABLE) {
        return false;
    }
    if (result == REGISTRY_UNAVAILABLE) {
        act_count(ctx, METRIC_REGISTRY_FAILURES, 0, 1);
    }
    admission_rebuild(self, ctx);
    return true;
}

admission_answer_t *
admission_answer_new(admission_t *self, const msg_t *request)
{
    admission_answer_t *answer = calloc(1, sizeof *answer);
    ACT_ASSERT(answer != NULL);
    answer->request = *request;
    answer->request.body = NULL;
    answer->next = self->answers;
    answer->link = &self->answers;
    if (answer->next != NULL) {
        answer->next->link = &answer->next;
    }
    self->answers = answer;
    return answer;
}

void
admission_answer_free(admission_answer_t *answer)
{
    *answer->link = answer->next;
    if (answer->next != NULL) {
        answer->next->link = answer->link;
    }
    free(answer);
}

static void
admission_answer_drop(void *waiting)
{
    admission_answer_free(waiting);
}

bool
admission_is_answering(const admission_t *self, const msg_t *request)
{
    for (const admission_answer_t *answer = self->answers; answer != NULL; answer = answer->next) {
        const act_addr_t *from = &answer->request.from;
        if (answer->request.correlation == request->correlation && from->node == request->from.node &&
            from->kind == request->from.kind && from->thread == request->from.thread) {
            return true;
        }
    }
    return false;
}

void
admission_save(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, uint32_t seats_max,
               admission_answer_t *answer)
{
    saver_save(self->saver, ctx, session, seats_max, answer);
}

void
admission_queue_news(admission_t *self, act_ctx_t *ctx, int64_t number)
{
    msg_queue_changed_t changed = {.number = number};
    if (number == 0 || !send_queue_changed(ctx, act_key(ctx), &changed)) {
        self->queue_news = true; /* once for all of a batch; its number, if it had one, is only for the measured wait */
    }
}

void
admission_ended(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, session_end_t why)
{
    act_count(ctx, METRIC_SESSIONS_ENDED, why, 1);
    act_log(ctx, LOG_INFO, "session-ended", "a session is over; its seat or place is free",
            LOG_S("session", session->session_id), LOG_S("reason", session_end_names[why]));
    admission_save(self, ctx, session, 0, NULL);
    msg_queue_forget_t forget;
    admission_copy_text(forget.session_id, sizeof forget.session_id, session->session_id);
    send_queue_forget(ctx, act_key(ctx),
                      &forget); /* refused: its watcher is found to be gone at the queue's next look */
    admission_queue_news(self, ctx, 0);
}

/* ---- time ---- */

static void
admission_gauge(act_ctx_t *ctx, metric_id_t metric, uint32_t now, uint32_t *before)
{
    act_gauge(ctx, metric, 0, (int64_t)now - (int64_t)*before);
    *before = now;
}

static void
admission_gauges(admission_t *self, act_ctx_t *ctx)
{
    registry_count_t count;
    registry_t *registry = self->config->registry;
    registry_result_t result = registry->count(registry, act_now(ctx), act_key(ctx), &count);
    if (admission_is_lost(self, ctx, result)) {
        return;
    }
    admission_gauge(ctx, METRIC_SESSIONS_CONNECTING, count.connecting, &self->counted.connecting);
    admission_gauge(ctx, METRIC_SESSIONS_ACTIVE, count.active, &self->counted.active);
    admission_gauge(ctx, METRIC_SESSIONS_GRACE, count.grace, &self->counted.grace);
    admission_gauge(ctx, METRIC_QUEUE_WAITING, count.waiting, &self->counted.waiting);
}

static void
admission_tick(admission_t *self, act_ctx_t *ctx)
{
    self->ticks++;
    act_timer_start(ctx, ADMISSION_TIMER_TICK, ADMISSION_TICK_USEC);
    if (self->leaving) {
        admission_leaving_tick(self, ctx);
        return;
    }
    if (!self->ready) {
        return;
    }
    registry_t *registry = self->config->registry;
    if (self->told_degraded) {
        act_count(ctx, METRIC_DEGRADED_SECONDS, 0, 1);
        if (registry->try_return(registry, act_now(ctx))) {
            admission_rebuild(self, ctx);
            return;
        }
    }
    saver_tick(self->saver, ctx);
    admission_gateways_tick(self, ctx);
    if (self->ready && act_now(ctx) - self->since >= REGISTRY_SILENT_MSEC * (act_usec_t)ACT_MSEC) {
        admission_sweep(self, ctx);
    }
    if (self->ready) {
        admission_switches_tick(self, ctx);
    }
    if (self->ready) {
        admission_maintenance_tick(self, ctx);
        admission_gauges(self, ctx);
    }
    if (self->ready) {
        admission_decide_all(self, ctx); /* those who were told CLOSED */
    }
}

/* ---- messages ---- */

/* False: the registry was lost on the way. */
static bool
admission_work(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    switch ((admission_inbox_t)msg->type) {
    case ADMISSION_INBOX_ENTER:
        return admission_on_enter(self, ctx, msg);
    case ADMISSION_INBOX_REFRESHED:
        return admission_on_refreshed(self, ctx, msg->body);
    case ADMISSION_INBOX_DROP:
        return admission_on_drop(self, ctx, msg->body);
    case ADMISSION_INBOX_LEAVE:
        return admission_on_leave(self, ctx, msg->body);
    case ADMISSION_INBOX_SELECT:
        return admission_on_select(self, ctx, msg->body);
    case ADMISSION_INBOX_KICK:
        return admission_on_kick(self, ctx, msg);
    case ADMISSION_INBOX_MUTED:
        return admission_on_muted(self, ctx, msg->body);
    case ADMISSION_INBOX_FIND:
        return admission_on_find(self, ctx, msg);
    case ADMISSION_INBOX_INSPECT:
        return admission_on_inspect(self, ctx, msg);
    case ADMISSION_INBOX_LIST:
        return admission_on_list(self, ctx, msg);
    default:
        ACT_UNREACHABLE("only what needs the registry comes here");
    }
}

void
admission_handle(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    if (!self->ready || !admission_work(self, ctx, msg)) {
        admission_defer(self, ctx, msg);
    }
}

static void
admission_on_answer(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    if (saver_is_mine(msg)) {
        saver_answer(self->saver, ctx, msg);
        return;
    }
    switch ((admission_ask_t)(msg->context >> 56)) {
    case ADMISSION_ASK_CHARACTER:
        admission_on_character(self, ctx, msg);
        return;
    case ADMISSION_ASK_REBUILD:
        admission_on_rebuild_answer(self, ctx, msg);
        return;
    case ADMISSION_ASK_CONFIGURE:
        admission_on_configured(self, ctx, msg);
        return;
    }
    ACT_UNREACHABLE("an answer comes back with the context it was asked with");
}

/* What somebody asks of an instance that is not there. A key that is none is not remembered: strangers make up as many
 * as they like. */
static void
admission_receive_closed(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_UNKNOWN};
    act_retire(ctx);
    switch ((admission_inbox_t)msg->type) {
    case ADMISSION_INBOX_CONNECT:
        admission_on_connect(self, ctx, msg);
        return;
    case ADMISSION_INBOX_ATTEMPT:
        admission_on_attempt(self, ctx, msg);
        return;
    case ADMISSION_INBOX_ENTER:
        reply_admission_refused(ctx, msg, &refused);
        return;
    case ADMISSION_INBOX_END:
    case ADMISSION_INBOX_CONFIGURE:
    case ADMISSION_INBOX_FIND:
    case ADMISSION_INBOX_INSPECT:
    case ADMISSION_INBOX_LIST:
    case ADMISSION_INBOX_KICK:
        admission_decline(ctx, msg, ERROR_NOT_FOUND);
        return;
    default:
        return;
    }
}

static void
admission_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    admission_t *self = state;
    if (!self->open) {
        admission_receive_closed(self, ctx, msg);
        return;
    }
    if (self->leaving && !self->ready && !msg_infos[msg->type].answer && msg->type != MSG_ACT_NO_ANSWER) {
        admission_pass_on(self, ctx, msg);
        return;
    }
    switch ((admission_inbox_t)msg->type) {
    case ADMISSION_INBOX_CONNECT:
        admission_on_connect(self, ctx, msg);
        return;
    case ADMISSION_INBOX_ATTEMPT:
        admission_on_attempt(self, ctx, msg);
        return;
    case ADMISSION_INBOX_END:
        admission_on_end(self, ctx, msg);
        return;
    case ADMISSION_INBOX_BEAT:
        admission_on_beat(self, ctx, msg);
        return;
    case ADMISSION_INBOX_HELD:
        admission_on_held(self, ctx, msg->body);
        return;
    case ADMISSION_INBOX_PACE: /* of the queue, whichever of both has moved */
        self->ms_per_place = ((const msg_admission_pace_t *)msg->body)->ms_per_place;
        return;
    case ADMISSION_INBOX_CONFIGURE:
        admission_on_configure(self, ctx, msg);
        return;
    case ADMISSION_INBOX_ENTER:
    case ADMISSION_INBOX_REFRESHED:
    case ADMISSION_INBOX_DROP:
    case ADMISSION_INBOX_LEAVE:
    case ADMISSION_INBOX_SELECT:
    case ADMISSION_INBOX_KICK:
    case ADMISSION_INBOX_MUTED:
    case ADMISSION_INBOX_FIND:
    case ADMISSION_INBOX_INSPECT:
    case ADMISSION_INBOX_LIST:
        admission_handle(self, ctx, msg);
        return;
    case ADMISSION_INBOX_PERSISTENCE_CHARACTER:
    case ADMISSION_INBOX_PERSISTENCE_SESSION_SAVED:
    case ADMISSION_INBOX_PERSISTENCE_SESSIONS:
    case ADMISSION_INBOX_PERSISTENCE_INSTANCE:
    case ADMISSION_INBOX_PERSISTENCE_FAILED:
    case ADMISSION_INBOX_ACT_NO_ANSWER:
        admission_on_answer(self, ctx, msg);
        return;
    }
    ACT_UNREACHABLE("admission hears only what the schema routes to it");
}

static void
admission_flush(void *state, act_ctx_t *ctx)
{
    admission_t *self = state;
    if (self->queue_news && self->ready && !self->leaving) {
        msg_queue_changed_t changed = {.number = 0};
        self->queue_news = !send_queue_changed(ctx, act_key(ctx), &changed); /* refused: at the next flush */
    }
}

/* ---- the kind ---- */

static bool
admission_init(void *state, act_ctx_t *ctx, const void *config)
{
    admission_t *self = state;
    self->config = config;
    self->deferred_end = &self->deferred;
    for (const char *const *name = self->config->instances; *name != NULL; name++) {
        self->open = self->open || strcmp(*name, act_key(ctx)) == 0;
    }
    if (self->open) {
        self->saver = saver_new(admission_on_saved, self);
        self->since = act_now(ctx);
        self->leaving = !act_owns(ctx); /* its asker does not know yet who is there now */
        admission_rebuild(self, ctx);
        act_timer_start(ctx, ADMISSION_TIMER_TICK, ADMISSION_TICK_USEC);
    }
    return true;
}

static void
admission_expire(void *state, act_ctx_t *ctx, int timer)
{
    switch ((admission_timer_t)timer) {
    case ADMISSION_TIMER_TICK:
        admission_tick(state, ctx);
        return;
    case ADMISSION_TIMER_REBUILD:
        admission_on_rebuild_timer(state, ctx);
        return;
    }
    ACT_UNREACHABLE("admission has two timers");
}

static void
admission_fini(void *state, act_ctx_t *ctx)
{
    admission_t *self = state; /* whoever waits hears act.no_answer from the runtime, or its own deadline */
    registry_count_t none = {0};
    admission_gauge(ctx, METRIC_SESSIONS_CONNECTING, none.connecting, &self->counted.connecting);
    admission_gauge(ctx, METRIC_SESSIONS_ACTIVE, none.active, &self->counted.active);
    admission_gauge(ctx, METRIC_SESSIONS_GRACE, none.grace, &self->counted.grace);
    admission_gauge(ctx, METRIC_QUEUE_WAITING, none.waiting, &self->counted.waiting);
    act_gauge(ctx, METRIC_DEGRADED, 0, -(int64_t)self->told_degraded);
    admission_table_fini(&self->table);
    saver_destroy(&self->saver, admission_answer_drop);
    admission_deferred_fini(self);
    admission_gateways_fini(self);
}

const act_kind_t admission_kind = {
    .id = ACT_KIND_ADMISSION,
    .name = "admission",
    .keying = ACT_KEYED,
    .state_size = sizeof(admission_t),
    .init = admission_init,
    .receive = admission_receive,
    .expire = admission_expire,
    .flush = admission_flush,
    .view = admission_on_view,
    .fini = admission_fini,
};
