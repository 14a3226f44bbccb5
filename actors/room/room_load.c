/* From the store: at the start, and again when a commit was refused or is unknown. One path for both. */
#include "room_state.h"

#include <string.h>

static act_usec_t
room_backoff(const room_t *self)
{
    act_usec_t delay = ROOM_BACKOFF_MSEC;
    for (unsigned i = 1; i < self->failures && delay < ROOM_BACKOFF_MSEC_MAX; i++) {
        delay *= 2;
    }
    return (delay < ROOM_BACKOFF_MSEC_MAX ? delay : ROOM_BACKOFF_MSEC_MAX) * ACT_MSEC;
}

void
room_load(room_t *self, act_ctx_t *ctx)
{
    msg_persistence_load_room_t body;
    memcpy(body.room, self->key, sizeof body.room);
    body.seed_len = self->rules->seed(body.seed);
    self->state = ROOM_STATE_LOADING;
    self->load_stamp = ++self->stamp;
    act_timer_stop(ctx, ROOM_TIMER_LOAD);
    request_persistence_load_room(ctx, self->key, &body, (act_usec_t)ROOM_ASK_MSEC * ACT_MSEC,
                                  room_context(ROOM_ASK_LOAD, self->load_stamp, 0));
}

void
room_load_drop(room_t *self, act_ctx_t *ctx)
{
    self->load_stamp = ++self->stamp;
    self->loading_members = 0;
    for (uint32_t i = 0; i < self->members_top; i++) {
        self->members[i].loading = false;
    }
    act_timer_stop(ctx, ROOM_TIMER_LOAD);
}

static void
room_load_later(room_t *self, act_ctx_t *ctx)
{
    room_load_drop(self, ctx);
    act_timer_start(ctx, ROOM_TIMER_LOAD, room_backoff(self));
}

void
room_reload(room_t *self, act_ctx_t *ctx, const char *why)
{
    act_log(ctx, LOG_WARN, "room-reload", "the room starts again from what is stored", LOG_S("why", why),
            LOG_N("pending", self->pending_count), LOG_N("epoch", self->epoch));
    act_count(ctx, METRIC_ROOM_RELOADS, 0, 1);
    act_timer_stop(ctx, ROOM_TIMER_COMMIT);
    self->state = ROOM_STATE_LOADING;
    room_pending_refuse(self, ctx);
    if (self->phase != ROOM_HERE) {
        return; /* it is its next owner's to load */
    }
    if (act_now(ctx) - self->opened_at > (act_usec_t)ROOM_BACKOFF_MSEC_MAX * ACT_MSEC) {
        self->failures = 0;
    }
    if (self->failures++ == 0) {
        room_load(self, ctx);
    } else {
        room_load_later(self, ctx); /* a lease that ends in a refusal at once is no cure */
    }
}

void
room_retire(room_t *self, act_ctx_t *ctx)
{
    act_log(ctx, LOG_WARN, "room-retired", "another owner has taken the room's lease, and this one gives up",
            LOG_N("epoch", self->epoch), LOG_N("members", self->present_count), LOG_N("pending", self->pending_count));
    act_count(ctx, METRIC_ROOM_RETIRED, 0, 1);
    act_timer_stop(ctx, ROOM_TIMER_COMMIT);
    self->retired = true;
    self->state = ROOM_STATE_LOADING; /* for good: what is asked of it is refused until it has gone */
    room_pending_refuse(self, ctx);
    for (uint32_t i = 0; i < self->members_top; i++) {
        if (self->members[i].present) {
            room_member_end(self, ctx, &self->members[i], CLOSE_CODE_ROOM_CLOSED);
        }
    }
    while (self->waiting != NULL) {
        room_join_refuse(ctx, &self->waiting->head, self->waiting->join.connection, ERROR_UNAVAILABLE);
        room_waiting_end(self, self->waiting);
    }
    room_answer_yields(self, ctx);
}

static void
room_opened(room_t *self, act_ctx_t *ctx)
{
    self->state = ROOM_STATE_OPEN;
    room_version_next(self);
    room_changes_forget(self); /* nobody can say what has changed while it was loaded */
    self->opened_at = act_now(ctx);
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        self->gateways[i].behind = true; /* anything may have changed: the next delta is the whole */
    }
    act_log(ctx, LOG_INFO, "room-open", "the room is open", LOG_N("epoch", self->epoch),
            LOG_N("members", self->present_count), LOG_N("items", self->items_count));
    room_gather(self, ctx);
    room_joins_resume(self, ctx);
}

void
room_on_loaded(room_t *self, act_ctx_t *ctx, const msg_t *msg, uint32_t stamp)
{
    const msg_persistence_room_loaded_t *loaded = msg->body;
    if (stamp != self->load_stamp || self->state != ROOM_STATE_LOADING) {
        return;
    }
    self->epoch = loaded->epoch;
    self->store = msg->from;
    memcpy(self->store.key, self->key, sizeof self->key);
    self->counter = 0;
    self->next_number = 1;
    room_version_next(self);
    self->items_count = loaded->items_len;
    memcpy(self->items_seen, loaded->items, loaded->items_len * sizeof loaded->items[0]);
    memcpy(self->items_due, loaded->items, loaded->items_len * sizeof loaded->items[0]);
    for (uint32_t i = 0; i < self->members_top; i++) {
        room_member_t *member = &self->members[i];
        if (member->present) {
            msg_persistence_load_member_t body;
            memcpy(body.character_id, member->seen.character_id, sizeof body.character_id);
            member->loading = true;
            member->mute_told = false;
            self->loading_members++;
            request_to_persistence_load_member(ctx, &self->store, &body, (act_usec_t)ROOM_ASK_MSEC * ACT_MSEC,
                                               room_context(ROOM_ASK_RELOAD, stamp, i));
        }
    }
    if (self->loading_members == 0) {
        room_opened(self, ctx);
    }
}

void
room_on_load_failed(room_t *self, act_ctx_t *ctx, uint32_t stamp, const char *why)
{
    if (stamp != self->load_stamp || self->state != ROOM_STATE_LOADING) {
        return;
    }
    self->failures++;
    room_load_later(self, ctx);
    act_log(ctx, LOG_WARN, "room-load-failed", "the room cannot be loaded and tries again", LOG_S("why", why),
            LOG_N("failures", self->failures), LOG_N("retry_ms", room_backoff(self) / ACT_MSEC));
}

void
room_reload_without(room_t *self, act_ctx_t *ctx, room_member_t *member)
{
    if (member->loading) {
        member->loading = false;
        if (--self->loading_members == 0) {
            room_opened(self, ctx);
        }
    }
}

void
room_on_reloaded(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t slot,
                 const msg_persistence_member_loaded_t *loaded)
{
    room_member_t *member = &self->members[slot];
    if (stamp != self->load_stamp || !member->loading) {
        return; /* of an earlier try, or it has left meanwhile */
    }
    if (loaded->has_room && strcmp(loaded->room, self->key) == 0) { /* else it never moved here: it stays */
        room_place(self, loaded, &member->seen.x, &member->seen.y);
    }
    member->due_x = member->seen.x;
    member->due_y = member->seen.y;
    member->seen_sequence = member->due_sequence = loaded->sequence;
    member->seen_action_id = member->due_action_id = loaded->last_action_id;
    member->muted_until = member->mute_told ? member->muted_until : loaded->muted_until;
    room_reload_without(self, ctx, member);
}

void
room_on_reload_failed(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t slot, bool not_found, const char *why)
{
    room_member_t *member = &self->members[slot];
    if (stamp != self->load_stamp || !member->loading) {
        return;
    }
    if (not_found) {
        room_member_end(self, ctx, member, CLOSE_CODE_SESSION_ENDED); /* the character is no more */
    } else {
        room_on_load_failed(self, ctx, stamp, why);
    }
}
