/* What is pending, and what happens to it: committed, it becomes visible and is acknowledged; refused, it is gone. */
#include "room_state.h"

#include <stdlib.h>

room_pending_t *
room_pending_at(const room_t *self, uint32_t index)
{
    return &self->pending[(self->pending_head + index) & (self->pending_cap - 1)];
}

static void
room_pending_grow(room_t *self)
{
    uint32_t cap = self->pending_cap == 0 ? ROOM_PENDING_FIRST : self->pending_cap * 2;
    room_pending_t *pending = malloc(cap * sizeof *pending);
    ACT_ASSERT(pending != NULL);
    for (uint32_t i = 0; i < self->pending_count; i++) {
        pending[i] = *room_pending_at(self, i);
    }
    free(self->pending);
    self->pending = pending;
    self->pending_cap = cap;
    self->pending_head = 0;
}

room_pending_t *
room_pending_push(room_t *self)
{
    ACT_ASSERT(self->pending_count < ROOM_PENDING_CAP);
    if (self->pending_count == self->pending_cap) {
        room_pending_grow(self);
    }
    return room_pending_at(self, self->pending_count++);
}

void
room_ack(room_t *self, act_ctx_t *ctx, const room_pending_t *pending)
{
    const room_member_t *member = &self->members[pending->member];
    if (member->present) {
        msg_gateway_ack_t body = {.connection = member->connection,
                                  .action_id = pending->action_id,
                                  .sequence = pending->sequence,
                                  .room_version = pending->room_version};
        send_to_gateway_ack(ctx, room_member_addr(self, member), &body); /* not sent: a resend gets it */
    }
}

/* The oldest pending action is in the store. Its ack says the version it was given when it was accepted; whoever came
 * or left since has taken later ones, and then the state that shows it has a later one still. */
static void
room_apply(room_t *self, act_ctx_t *ctx)
{
    room_pending_t *pending = room_pending_at(self, 0);
    room_member_t *member = &self->members[pending->member];
    if (pending->room_version > self->room_version) {
        self->room_version = pending->room_version;
    } else {
        room_version_next(self);
    }
    bool seen = pending->item >= 0 || pending->chat != NULL;
    member->seen_sequence = pending->sequence;
    member->seen_action_id = pending->action_id;
    if (member->seen.x != pending->x || member->seen.y != pending->y) {
        member->seen.x = pending->x;
        member->seen.y = pending->y;
        if (member->present) {
            room_mark_member(self, member);
            seen = true;
        }
    }
    if (pending->item >= 0) {
        self->items_seen[pending->item] = pending->item_after;
        room_mark_item(self, (uint32_t)pending->item);
    }
    if (pending->chat != NULL) {
        room_mark_chat(self, ctx, pending->chat);
    }
    if (seen && self->changed_at == 0) {
        self->changed_at = act_now(ctx);
    }
#ifndef PLAYHOUSE_PLANTED_EARLY_ACK
    act_trace_set(ctx, pending->trace);
    room_ack(self, ctx, pending);
#endif
    act_count(ctx, METRIC_ACTIONS, pending->kind, 1);
    self->pending_head = (self->pending_head + 1) & (self->pending_cap - 1);
    self->pending_count--;
    room_member_settle(member);
}

void
room_on_appended(room_t *self, act_ctx_t *ctx, const msg_persistence_appended_t *appended)
{
    int64_t oldest = self->next_number - self->pending_count;
    if (self->state != ROOM_STATE_OPEN || appended->epoch != self->epoch || appended->through < oldest) {
        return; /* of an earlier lease, or a copy */
    }
    act_trace_t trace = act_trace(ctx);
    for (int64_t number = oldest; number <= appended->through && self->pending_count > 0; number++) {
        room_apply(self, ctx);
    }
    act_trace_set(ctx, trace);
    self->failures = 0;
    act_timer_stop(ctx, ROOM_TIMER_COMMIT);
    if (self->pending_count > 0) {
        act_timer_start(ctx, ROOM_TIMER_COMMIT, (act_usec_t)ROOM_COMMIT_MSEC * ACT_MSEC);
    }
    if (self->waiting != NULL) { /* some may have waited for this */
        room_joins_resume(self, ctx);
    }
}

void
room_on_append_refused(room_t *self, act_ctx_t *ctx, const msg_persistence_append_refused_t *refused)
{
    if (self->state != ROOM_STATE_OPEN || refused->epoch != self->epoch) {
        return;
    }
    if (refused->fault == STORE_FAULT_STALE_EPOCH) {
        room_retire(self, ctx);
    } else {
        room_reload(self, ctx, store_fault_names[refused->fault]);
    }
}

void
room_pending_refuse(room_t *self, act_ctx_t *ctx)
{
    act_trace_t trace = act_trace(ctx);
    for (; self->pending_count > 0; self->pending_count--) {
        room_pending_t *pending = room_pending_at(self, 0);
        room_member_t *member = &self->members[pending->member];
        if (member->present) {
            act_trace_set(ctx, pending->trace);
            room_refuse(self, ctx, member, pending->action_id, ERROR_UNAVAILABLE);
        }
        free(pending->chat);
        self->pending_head = (self->pending_head + 1) & (self->pending_cap - 1);
        room_member_settle(member);
    }
    act_trace_set(ctx, trace);
}
