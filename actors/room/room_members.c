/* Who is in the room: memberships begin and end here. */
#include "room_state.h"

#include <string.h>

bool
room_addr_same(const act_addr_t *a, const act_addr_t *b)
{
    return a->node == b->node && a->kind == b->kind && a->thread == b->thread && strcmp(a->key, b->key) == 0;
}

const act_addr_t *
room_member_addr(const room_t *self, const room_member_t *member)
{
    return &self->gateways[member->gateway].addr;
}

room_member_t *
room_member_find(room_t *self, int64_t handle)
{
    room_member_t *member = &self->members[handle & (ROOM_MEMBERS_CAP - 1)];
    return handle != 0 && member->handle == handle && member->present ? member : NULL;
}

room_member_t *
room_member_of(const room_t *self, const char *character_id)
{
    for (uint32_t i = 0; i < self->members_top; i++) {
        const room_member_t *member = &self->members[i];
        if (member->present && strcmp(member->seen.character_id, character_id) == 0) {
            return (room_member_t *)member;
        }
    }
    return NULL;
}

void
room_member_unknown(act_ctx_t *ctx, const msg_t *msg, int64_t connection)
{
    if (connection != 0) {
        msg_gateway_end_t body = {.connection = connection, .close = CLOSE_CODE_SESSION_ENDED};
        send_to_gateway_end(ctx, &msg->from, &body); /* refused: the next intent tries again */
    }
}

/* ---- connections that have ended ---- */

static void
room_ended_add(room_t *self, const act_addr_t *addr, int64_t connection, const char *session_id)
{
    room_ended_t *ended = &self->ended[self->ended_next++ % ROOM_ENDED_CAP];
    ended->node = addr->node;
    ended->thread = addr->thread;
    ended->connection = connection;
    memcpy(ended->session_id, session_id, sizeof ended->session_id);
}

static bool
room_ended_has(const room_t *self, const msg_t *msg, const msg_room_join_t *join)
{
    uint32_t count = self->ended_next < ROOM_ENDED_CAP ? self->ended_next : ROOM_ENDED_CAP;
    for (uint32_t i = 0; i < count; i++) {
        const room_ended_t *ended = &self->ended[i];
        if (ended->connection == join->connection && ended->node == msg->from.node &&
            ended->thread == msg->from.thread && strcmp(ended->session_id, join->session_id) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the end of a membership ---- */

void
room_member_settle(room_member_t *member)
{
    ACT_ASSERT(member->pending > 0);
    member->pending--;
    if (member->pending == 0 && !member->present) {
        member->handle = 0;
    }
}

void
room_member_end(room_t *self, act_ctx_t *ctx, room_member_t *member, close_code_t why)
{
    room_gateway_t *gateway = &self->gateways[member->gateway];
    bool tell = why != CLOSE_CODE_LEFT;
    room_reserve_left(self, ctx);
    if (tell) {
        msg_gateway_end_t body = {.connection = member->connection, .close = why};
        if (!send_to_gateway_end(ctx, &gateway->addr, &body)) {
            gateway->orphans = true; /* its next intent is answered by this again */
        }
    }
    act_log(ctx, LOG_INFO, "room-left", tell ? "the room has ended a membership" : "a character has left",
            LOG_S("session", member->session_id), LOG_S("character", member->seen.character_id));
    room_ended_add(self, &gateway->addr, member->connection, member->session_id);
    gateway->readers[member->format]--;
    member->present = false;
    self->present_count--;
    act_gauge(ctx, METRIC_ROOM_MEMBERS, 0, -1);
    room_unmark_member(self, member);
    room_version_next(self);
    room_mark_left(self, member->seen.character_id);
    if (member->pending == 0) {
        member->handle = 0;
    }
    room_reload_without(self, ctx, member);
}

/* ---- messages ---- */

/* Ends what this character has here from other connections. True: this very connection has asked before, and is
 * answered or will be. */
static bool
room_join_again(room_t *self, act_ctx_t *ctx, const msg_t *msg, const msg_room_join_t *join)
{
    room_member_t *member = room_member_of(self, join->character_id);
    if (member != NULL) {
        if (member->connection == join->connection && room_addr_same(room_member_addr(self, member), &msg->from)) {
            room_join_answer(self, ctx, msg, join, member);
            return true;
        }
        room_member_end(self, ctx, member, CLOSE_CODE_SESSION_ENDED);
    }
    room_waiting_t *waiting = room_waiting_of(self, join->character_id);
    if (waiting != NULL) {
        if (waiting->join.connection == join->connection && room_addr_same(&waiting->head.from, &msg->from)) {
            waiting->head = *msg;
            waiting->head.body = NULL;
            return true;
        }
        room_ended_add(self, &waiting->head.from, waiting->join.connection, waiting->join.session_id);
        room_join_refuse(ctx, &waiting->head, waiting->join.connection, ERROR_CONFLICT);
        room_waiting_end(self, waiting);
    }
    return false;
}

void
room_on_join(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_room_join_t *join = msg->body;
    if (self->phase == ROOM_GONE || (self->phase == ROOM_PARTING && !self->retired)) {
        room_join_send_on(ctx, msg, join->connection);
        return;
    }
    if (self->retired || room_ended_has(self, msg, join)) { /* ended: a copy that comes late */
        room_join_refuse(ctx, msg, join->connection, self->retired ? ERROR_UNAVAILABLE : ERROR_CONFLICT);
        return;
    }
    if (join->has_epoch && join->epoch > self->epoch && self->state == ROOM_STATE_OPEN) {
        room_reload(self, ctx, "another owner has had the lease since");
    }
    if (room_join_again(self, ctx, msg, join)) {
        return;
    }
    if (self->waiting_count == ROOM_WAITING_CAP) {
        room_waiting_purge(self, ctx);
    }
    if (self->present_count == ROOM_MEMBERS_CAP || self->waiting_count == ROOM_WAITING_CAP) {
        bool full = self->present_count == ROOM_MEMBERS_CAP;
        room_join_refuse(ctx, msg, join->connection, full ? ERROR_ROOM_FULL : ERROR_OVERLOADED);
        return;
    }
    room_waiting_add(self, msg);
    room_joins_resume(self, ctx);
}

void
room_on_leave(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_room_leave_t *leave = msg->body;
    room_member_t *member = room_member_find(self, leave->member);
    for (uint32_t i = 0; member == NULL && leave->connection != 0 && i < self->members_top; i++) {
        room_member_t *other = &self->members[i];
        if (other->present && other->connection == leave->connection &&
            room_addr_same(room_member_addr(self, other), &msg->from)) {
            member = other;
        }
    }
    if (member != NULL) {
        room_member_end(self, ctx, member, CLOSE_CODE_LEFT);
        return;
    }
    for (room_waiting_t *waiting = self->waiting; waiting != NULL; waiting = waiting->next) {
        if (waiting->join.connection == leave->connection && room_addr_same(&waiting->head.from, &msg->from)) {
            room_ended_add(self, &msg->from, leave->connection, waiting->join.session_id);
            room_waiting_end(self, waiting);
            return;
        }
    }
}

void
room_on_mute(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_room_mute_t *mute = msg->body;
    room_member_t *member = room_member_of(self, mute->character_id);
    room_waiting_t *waiting = room_waiting_of(self, mute->character_id);
    if (member != NULL) {
        member->muted_until = mute->muted_until;
        member->mute_told = true;
        act_log(ctx, LOG_INFO, "room-muted", "a moderator has said until when a character may not speak",
                LOG_S("session", member->session_id), LOG_S("character", mute->character_id),
                LOG_N("muted_until", mute->muted_until));
    }
    if (waiting != NULL) {
        waiting->muted_until = mute->muted_until;
        waiting->mute_told = true;
    }
}
