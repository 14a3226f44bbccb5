/* What those hear who watch: their position, a seat that is held for them, and that it is over. */
#include <stdlib.h>

#include "queue_state.h"
#include "send.h"

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

int64_t
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

void
queue_tell_first(queue_t *self, act_ctx_t *ctx, queue_watcher_t *watcher)
{
    uint32_t position = queue_read_numbers(self, ctx) ? queue_position(self, watcher->number) : 0;
    if (position > 0) {
        queue_tell_position(self, ctx, watcher, position);
    }
}

/* ---- offers, and the end ---- */

void
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

/* ---- all of them ---- */

void
queue_tell_all(queue_t *self, act_ctx_t *ctx)
{
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
