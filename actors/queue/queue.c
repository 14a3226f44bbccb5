#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "queue_pace.h"
#include "queue_watchers.h"
#include "send.h"
#include "session_saver.h"

enum { QUEUE_TICK_USEC = 1 * ACT_SEC, QUEUE_PROMOTE_MAX = 256 };

typedef enum queue_timer { QUEUE_TIMER_TICK } queue_timer_t;

typedef struct queue {
    const queue_config_t *config;
    bool open;    /* this key is an instance of ours */
    bool leaving; /* the key belongs elsewhere: seats are offered there; who still watches here is told on */
    bool changed; /* a seat may be free: see to it in flush */
    saver_t *saver;
    queue_watchers_t watchers;
    queue_pace_t pace;
    int64_t ms_per_place, told_ms_per_place;
    int64_t *numbers; /* of those who wait, as the last tick read them; `limits.queue_max` and more */
    uint32_t numbers_count, numbers_max;
} queue_t;

/* What is to be said when the store has it. */
typedef struct queue_waiting {
    msg_t request;                /* of an attach; without a correlation: a seat is offered */
    char token[SECRET_TEXT_SIZE]; /* of an attach */
} queue_waiting_t;

static void
queue_copy_id(char *to, const char *from)
{
    size_t length = strnlen(from, sizeof((registry_session_t *)NULL)->session_id - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

static queue_waiting_t *
queue_waiting_new(const msg_t *request, const char *token)
{
    queue_waiting_t *waiting = calloc(1, sizeof *waiting);
    ACT_ASSERT(waiting != NULL);
    if (request != NULL) {
        waiting->request = *request;
        waiting->request.body = NULL;
        memcpy(waiting->token, token, sizeof waiting->token);
    }
    return waiting;
}

/* ---- positions ---- */

static int
queue_compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* 1 is next; 0: it does not wait any more. */
static uint32_t
queue_position(const queue_t *self, int64_t number)
{
    const int64_t *found = self->numbers_count == 0 ? NULL
                                                    : bsearch(&number, self->numbers, self->numbers_count,
                                                              sizeof number, queue_compare_numbers);
    return found != NULL ? (uint32_t)(found - self->numbers) + 1 : 0;
}

static int64_t
queue_eta_seconds(const queue_t *self, uint32_t position)
{
    int64_t seconds = (position * self->ms_per_place + 999) / 1000;
    return seconds < 86400 ? seconds : 86400;
}

static bool
queue_read_numbers(queue_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    self->numbers_count = 0;
    return registry->waiting(registry, act_now(ctx), act_key(ctx), self->numbers, self->numbers_max,
                             &self->numbers_count) == REGISTRY_OK;
}

static void
queue_tell_position(queue_t *self, act_ctx_t *ctx, queue_watcher_t *watcher, uint32_t position)
{
    if (position == watcher->told_position && self->numbers_count == watcher->told_depth) {
        return;
    }
    msg_gateway_queue_position_t body = {.connection = watcher->connection,
                                         .position = position,
                                         .depth = self->numbers_count,
                                         .has_eta_seconds = self->ms_per_place > 0,
                                         .eta_seconds = queue_eta_seconds(self, position)};
    if (send_to_gateway_queue_position(ctx, &watcher->gateway, &body)) { /* refused: at the next tick */
        bool moved = position != watcher->told_position;
        watcher->told_position = position;
        watcher->told_depth = self->numbers_count;
        watcher->told_at = act_now(ctx);
        act_count(ctx, METRIC_QUEUE_PUSHES, 0, moved);
    }
}

/* ---- offers ---- */

/* A seat is held for the one who watches: it may join with the token it has. */
static void
queue_admit(queue_t *self, act_ctx_t *ctx, queue_watcher_t *watcher)
{
    msg_gateway_admitted_t body = {.connection = watcher->connection,
                                   .seconds = self->config->limits.offer_msec / 1000};
    body.seconds = body.seconds > 0 ? body.seconds : 1;
    if (send_to_gateway_admitted(ctx, &watcher->gateway, &body)) {
        queue_watchers_remove(&self->watchers, watcher); /* it has all that it waited for */
    } else {
        watcher->offered = false; /* at the next tick */
    }
}

static void
queue_promoted(queue_t *self, act_ctx_t *ctx, const registry_session_t *session)
{
    act_usec_t waited = queue_pace_promoted(&self->pace, act_now(ctx), session->number);
    act_count(ctx, METRIC_QUEUE_PROMOTIONS, 0, 1);
    if (waited >= 0) {
        act_observe(ctx, METRIC_QUEUE_WAIT, (uint64_t)waited);
    }
    act_log(ctx, LOG_INFO, "session-promoted", "a seat is held for the head of the queue",
            LOG_S("session", session->session_id), LOG_N("waitedMs", waited >= 0 ? waited / ACT_MSEC : -1));
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
    if (watcher != NULL && watcher->turn == session->turn) {
        watcher->offered = true;
        saver_save(self->saver, ctx, session, 0, queue_waiting_new(NULL, NULL));
    } else {
        saver_save(self->saver, ctx, session, 0, NULL);
    }
}

/* A process of the queue alone has nothing to tell a registry: admission, elsewhere, has restored it, or will. */
static void
queue_join(const queue_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    registry_count_t count;
    if (registry->join != NULL && registry->count(registry, act_now(ctx), act_key(ctx), &count) == REGISTRY_LOST) {
        registry->join(registry, act_now(ctx), act_key(ctx)); /* refused: at the next tick */
    }
}

static void
queue_promote(queue_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    for (int i = 0; i < QUEUE_PROMOTE_MAX; i++) {
        registry_result_t result =
            registry->promote(registry, act_now(ctx), act_key(ctx), &self->config->limits, &session);
        if (result != REGISTRY_OK) {
            return; /* nobody, or the registry is away: the tick tries again */
        }
        queue_promoted(self, ctx, &session);
    }
    self->changed = true; /* there may be more */
}

/* ---- messages ---- */

static void
queue_refuse(act_ctx_t *ctx, const msg_t *request, registry_result_t result)
{
    msg_queue_refused_t body = {.fault = SECRET_FAULT_UNKNOWN};
    switch (result) {
    case REGISTRY_SPENT:
        body.fault = SECRET_FAULT_SPENT;
        break;
    case REGISTRY_EXPIRED:
        body.fault = SECRET_FAULT_EXPIRED;
        break;
    case REGISTRY_FULL:
    case REGISTRY_LOST:
    case REGISTRY_CLOSED:
    case REGISTRY_UNAVAILABLE:
        body.fault = SECRET_FAULT_UNAVAILABLE;
        break;
    default:
        break;
    }
    reply_queue_refused(ctx, request, &body);
}

static bool
queue_same_gateway(const act_addr_t *a, const act_addr_t *b)
{
    return a->node == b->node && a->kind == b->kind && a->thread == b->thread && strcmp(a->key, b->key) == 0;
}

/* The connection that watched before is to close; the one that is known here, or one that another process (or an
 * earlier life of this state) knew. */
static void
queue_end_before(queue_t *self, act_ctx_t *ctx, const msg_t *request, const registry_session_t *session,
                 const registry_session_t *before)
{
    registry_t *registry = self->config->registry;
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
    if (watcher != NULL) {
        msg_gateway_end_t end = {.connection = watcher->connection, .close = CLOSE_CODE_REPLACED};
        if (watcher->connection != session->connection || !queue_same_gateway(&watcher->gateway, &request->from)) {
            send_to_gateway_end(ctx, &watcher->gateway, &end);
        }
        queue_watchers_remove(&self->watchers, watcher);
    } else if (before->session_id[0] != '\0') {
        registry_notice_t notice = {.connection = before->connection, .close = CLOSE_CODE_REPLACED};
        queue_copy_id(notice.session_id, before->session_id);
        registry->tell(registry, act_now(ctx), act_key(ctx), before->holder, &notice);
    }
}

/* Does this very connection watch already? */
static bool
queue_is_attached(const queue_t *self, const msg_t *request, int64_t connection)
{
    for (const queue_watcher_t *watcher = self->watchers.first; watcher != NULL; watcher = watcher->after) {
        if (watcher->connection == connection && queue_same_gateway(&watcher->gateway, &request->from)) {
            return true;
        }
    }
    return false;
}

/* A new watcher, or one that watches anew. */
static queue_watcher_t *
queue_watch(queue_t *self, act_ctx_t *ctx, const msg_t *from, const char *session_id, int64_t connection, int64_t turn)
{
    queue_watcher_t *watcher = queue_watchers_add(&self->watchers, session_id);
    watcher->gateway = from->from;
    watcher->reached = act_reaches(ctx, &from->from);
    watcher->connection = connection;
    watcher->turn = turn;
    watcher->number = 0;
    watcher->told_position = watcher->told_depth = 0;
    return watcher;
}

static void
queue_on_attach(queue_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_queue_attach_t *body = request->body;
    registry_t *registry = self->config->registry;
    char token[SECRET_TEXT_SIZE];
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE];
    registry_session_t session, before;
    before.session_id[0] = '\0';
    secret_hash(body->secret, shown);
    secret_draw(ctx, token, next);
    registry_result_t result = registry->watch(registry, act_now(ctx), act_key(ctx), shown, next, body->holder,
                                               body->connection, &session, &before);
    if (result == REGISTRY_SPENT && queue_is_attached(self, request, body->connection)) {
        return; /* a copy of one that was good */
    }
    if (result != REGISTRY_OK) {
        queue_refuse(ctx, request, result);
        if (result == REGISTRY_SPENT) {
            act_log(ctx, LOG_WARN, "token-reused", "a queue token was shown that had been used before");
        }
        return;
    }
    queue_end_before(self, ctx, request, &session, &before);
    queue_watcher_t *watcher = queue_watch(self, ctx, request, session.session_id, body->connection, session.turn);
    watcher->number = session.number;
    watcher->offered = session.state == SESSION_STATE_CONNECTING;
    watcher->attached = false;
    saver_save(self->saver, ctx, &session, 0, queue_waiting_new(request, token));
}

/* It was attached at the owner before us: what the registry says of it is looked up at the next tick. */
static void
queue_on_watching(queue_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_queue_watching_t *body = msg->body;
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, body->session_id);
    if (watcher != NULL && watcher->turn >= body->turn) {
        return; /* a copy, or the place has gone on since */
    }
    if (watcher == NULL && self->watchers.count >= self->numbers_max) {
        msg_gateway_end_t end = {.connection = body->connection, .close = CLOSE_CODE_OVERLOADED};
        send_to_gateway_end(ctx, &msg->from, &end); /* it has its token */
        return;
    }
    watcher = queue_watch(self, ctx, msg, body->session_id, body->connection, body->turn);
    watcher->attached = true;
    watcher->offered = false;
}

static void
queue_on_detach(queue_t *self, act_ctx_t *ctx, const msg_queue_detach_t *body)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, body->session_id);
    if (watcher != NULL && watcher->turn == body->turn) {
        queue_watchers_remove(&self->watchers, watcher);
    }
    registry_result_t result = registry->drop(registry, act_now(ctx), act_key(ctx), body->session_id, body->turn,
                                              &self->config->limits, &session);
    if (result == REGISTRY_OK) {
        act_count(ctx, METRIC_DROPS, 0, 1);
        act_log(ctx, LOG_INFO, "place-grace", "one who waits lost its connection; its place is held",
                LOG_S("session", session.session_id));
        saver_save(self->saver, ctx, &session, 0, NULL);
    } /* LOST or away: the registry's own look at silent holders, or admission's audit, finds it */
}

static void
queue_on_locate(queue_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_queue_locate_t *body = request->body;
    registry_t *registry = self->config->registry;
    registry_session_t session;
    registry_count_t count = {0};
    uint32_t place = 0;
    registry_result_t result =
        registry->find_character(registry, act_now(ctx), act_key(ctx), body->character_id, &session, &place);
    if (result == REGISTRY_OK && (strcmp(session.user_id, body->user_id) != 0 ||
                                  session.state == SESSION_STATE_ACTIVE || session.state == SESSION_STATE_GRACE)) {
        result = REGISTRY_UNKNOWN;
    }
    if (result == REGISTRY_OK) {
        result = registry->count(registry, act_now(ctx), act_key(ctx), &count);
    }
    if (result != REGISTRY_OK) {
        queue_refuse(ctx, request, result);
        return;
    }
    registry->touch(registry, act_now(ctx), act_key(ctx), session.session_id, &self->config->limits);
    msg_queue_standing_t answer = {.position = place,
                                   .depth = count.waiting,
                                   .has_eta_seconds = place > 0 && self->ms_per_place > 0,
                                   .eta_seconds = queue_eta_seconds(self, place)};
    reply_queue_standing(ctx, request, &answer);
}

static void
queue_on_forget(queue_t *self, const msg_queue_forget_t *body)
{
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, body->session_id);
    if (watcher != NULL) {
        queue_watchers_remove(&self->watchers, watcher);
    }
}

static void
queue_on_changed(queue_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_queue_changed_t *body = msg->body;
    if (self->leaving) {
        if (msg->from.kind != ACT_KIND_QUEUE) { /* once: two that take each other for the owner must not play ball */
            send_queue_changed(ctx, act_key(ctx), body); /* refused: the owner's tick looks, too */
        }
        return;
    }
    self->changed = true;
    if (body->number > 0) {
        queue_pace_arrived(&self->pace, act_now(ctx), body->number);
    }
}

/* ---- when the store has it ---- */

static void
queue_attached(queue_t *self, act_ctx_t *ctx, const registry_session_t *session, const queue_waiting_t *waiting)
{
    msg_queue_attached_t answer = {.turn = session->turn, .grace_seconds = self->config->limits.grace_msec / 1000};
    queue_copy_id(answer.session_id, session->session_id);
    memcpy(answer.user_id, session->user_id, sizeof answer.user_id);
    memcpy(answer.reconnect_token, waiting->token, sizeof answer.reconnect_token);
    answer.grace_seconds = answer.grace_seconds > 0 ? answer.grace_seconds : 1;
    reply_queue_attached(ctx, &waiting->request, &answer);
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
    if (watcher == NULL || watcher->turn != session->turn) {
        return; /* gone meanwhile */
    }
    watcher->attached = true;
    if (session->state == SESSION_STATE_CONNECTING) {
        queue_admit(self, ctx, watcher);
    } else if (!watcher->offered && queue_read_numbers(self, ctx)) {
        uint32_t position = queue_position(self, watcher->number);
        if (position > 0) {
            queue_tell_position(self, ctx, watcher, position);
        }
    }
}

static void
queue_on_saved(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
               session_conflict_t conflict, void *data)
{
    queue_t *self = actor;
    queue_waiting_t *waiting = data;
    (void)outcome; /* whether the store has it or not yet: the place is theirs */
    if (conflict != SESSION_CONFLICT_NONE) {
        act_count(ctx, METRIC_SESSION_CONFLICTS, conflict, 1);
    }
    if (waiting != NULL && waiting->request.correlation != 0) {
        queue_attached(self, ctx, session, waiting);
    } else if (waiting != NULL) {
        queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
        if (watcher != NULL && watcher->turn == session->turn) {
            queue_admit(self, ctx, watcher);
        }
    }
    free(waiting);
}

/* ---- time ---- */

/* This one does not wait any more, and was not offered a seat by us: by another process, or it ended. */
static void
queue_look_after(queue_t *self, act_ctx_t *ctx, queue_watcher_t *watcher)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    uint32_t place;
    registry_result_t result =
        registry->find_session(registry, act_now(ctx), act_key(ctx), watcher->session_id, &session, &place);
    if (result == REGISTRY_OK && session.state == SESSION_STATE_CONNECTING && session.turn == watcher->turn) {
        queue_admit(self, ctx, watcher);
    } else if (result == REGISTRY_UNKNOWN ||
               (result == REGISTRY_OK && (session.turn != watcher->turn || session.state != SESSION_STATE_WAITING))) {
        msg_gateway_end_t end = {.connection = watcher->connection, .close = CLOSE_CODE_SESSION_ENDED};
        if (result == REGISTRY_UNKNOWN || session.connection != watcher->connection) { /* else it has joined */
            send_to_gateway_end(ctx, &watcher->gateway, &end);                         /* harmless if it knows */
        }
        queue_watchers_remove(&self->watchers, watcher);
    } else if (result == REGISTRY_OK && watcher->number == 0) { /* it came from another owner of the queue */
        watcher->number = session.number;
        queue_tell_position(self, ctx, watcher, queue_position(self, session.number));
    }
}

static void
queue_tell_pace(queue_t *self, act_ctx_t *ctx)
{
    self->ms_per_place = queue_pace_msec(&self->pace, act_now(ctx));
    self->ms_per_place = self->ms_per_place < 86400000 ? self->ms_per_place : 86400000;
    if (self->ms_per_place != self->told_ms_per_place) {
        msg_admission_pace_t body = {.ms_per_place = self->ms_per_place};
        if (send_admission_pace(ctx, act_key(ctx), &body)) {
            self->told_ms_per_place = self->ms_per_place;
        }
    }
}

/* The state ends when nobody watches here any more and the store has all. */
static void
queue_leave(const queue_t *self, act_ctx_t *ctx)
{
    if (self->watchers.count == 0 && saver_is_idle(self->saver)) {
        act_log(ctx, LOG_INFO, "queue-moved", "another process keeps the queue");
        act_retire(ctx);
    }
}

static void
queue_tick(queue_t *self, act_ctx_t *ctx)
{
    act_timer_start(ctx, QUEUE_TIMER_TICK, QUEUE_TICK_USEC);
    saver_tick(self->saver, ctx);
    queue_join(self, ctx);
    if (self->leaving) {
        queue_leave(self, ctx);
    } else {
        queue_promote(self, ctx);
        queue_tell_pace(self, ctx);
    }
    if (self->watchers.first == NULL || !queue_read_numbers(self, ctx)) {
        return;
    }
    for (queue_watcher_t *watcher = self->watchers.first, *after; watcher != NULL; watcher = after) {
        after = watcher->after;
        if (!watcher->attached) {
            continue; /* its gateway would not know whom this is for */
        }
        uint32_t position = queue_position(self, watcher->number);
        if (position == 0 && !watcher->offered) {
            queue_look_after(self, ctx, watcher);
        } else if (position > 0 && act_now(ctx) - watcher->told_at >= QUEUE_TICK_USEC) {
            queue_tell_position(self, ctx, watcher, position);
        }
    }
}

/* ---- the kind ---- */

static bool
queue_init(void *state, act_ctx_t *ctx, const void *config)
{
    queue_t *self = state;
    self->config = config;
    for (const char *const *name = self->config->instances; *name != NULL; name++) {
        self->open = self->open || strcmp(*name, act_key(ctx)) == 0;
    }
    if (self->open) {
        self->leaving = !act_owns(ctx); /* its asker does not know yet who is there now */
        self->saver = saver_new(queue_on_saved, self);
        self->numbers_max = self->config->limits.queue_max + 1024; /* what was restored may be over the limit */
        self->numbers = calloc(self->numbers_max, sizeof *self->numbers);
        ACT_ASSERT(self->numbers != NULL);
        act_timer_start(ctx, QUEUE_TIMER_TICK, QUEUE_TICK_USEC);
        queue_join(self, ctx);
    }
    return true;
}

static void
queue_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    queue_t *self = state;
    if (!self->open) { /* a key that is no instance is not remembered */
        act_retire(ctx);
        if (msg->type == MSG_QUEUE_ATTACH || msg->type == MSG_QUEUE_LOCATE) {
            queue_refuse(ctx, msg, REGISTRY_UNKNOWN);
        }
        return;
    }
    switch ((queue_inbox_t)msg->type) {
    case QUEUE_INBOX_ATTACH:
        queue_on_attach(self, ctx, msg);
        return;
    case QUEUE_INBOX_DETACH:
        queue_on_detach(self, ctx, msg->body);
        return;
    case QUEUE_INBOX_LOCATE:
        queue_on_locate(self, ctx, msg);
        return;
    case QUEUE_INBOX_CHANGED:
        queue_on_changed(self, ctx, msg);
        return;
    case QUEUE_INBOX_WATCHING:
        queue_on_watching(self, ctx, msg);
        return;
    case QUEUE_INBOX_FORGET:
        queue_on_forget(self, msg->body);
        return;
    case QUEUE_INBOX_PERSISTENCE_SESSION_SAVED:
    case QUEUE_INBOX_PERSISTENCE_FAILED:
    case QUEUE_INBOX_ACT_NO_ANSWER:
        saver_answer(self->saver, ctx, msg);
        return;
    }
    ACT_UNREACHABLE("queue hears only what the schema routes to it");
}

static void
queue_expire(void *state, act_ctx_t *ctx, int timer)
{
    switch ((queue_timer_t)timer) {
    case QUEUE_TIMER_TICK:
        queue_tick(state, ctx);
        return;
    }
    ACT_UNREACHABLE("queue has one timer");
}

/* Watchers stay until their gateway says that they are watched elsewhere. */
static void
queue_view(void *state, act_ctx_t *ctx)
{
    queue_t *self = state;
    if (!self->open) {
        return;
    }
    self->leaving = !act_owns(ctx);
    self->changed |= !self->leaving; /* what the owner before was told may be lost */
    for (queue_watcher_t *watcher = self->watchers.first, *after; watcher != NULL; watcher = after) {
        after = watcher->after;
        bool reached = act_reaches(ctx, &watcher->gateway);
        if (watcher->reached && !reached) {                  /* one that is not in the view yet was not reached */
            queue_watchers_remove(&self->watchers, watcher); /* admission sees to its place */
        } else {
            watcher->reached = reached;
        }
    }
}

static void
queue_flush(void *state, act_ctx_t *ctx)
{
    queue_t *self = state;
    if (self->changed && !self->leaving) {
        self->changed = false;
        queue_promote(self, ctx);
    }
}

static void
queue_fini(void *state, act_ctx_t *ctx)
{
    (void)ctx;
    queue_t *self = state;
    queue_watchers_fini(&self->watchers);
    saver_destroy(&self->saver, free);
    free(self->numbers);
}

const act_kind_t queue_kind = {
    .id = ACT_KIND_QUEUE,
    .name = "queue",
    .keying = ACT_KEYED,
    .state_size = sizeof(queue_t),
    .init = queue_init,
    .receive = queue_receive,
    .expire = queue_expire,
    .flush = queue_flush,
    .view = queue_view,
    .fini = queue_fini,
};
