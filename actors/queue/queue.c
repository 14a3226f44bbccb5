#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "queue_state.h"
#include "send.h"

enum { QUEUE_PROMOTE_MAX = 256 };

typedef enum queue_timer { QUEUE_TIMER_TICK } queue_timer_t;

/* ---- whose turn it is ---- */

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

/* ---- time ---- */

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
    queue_tell_all(self, ctx);
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
