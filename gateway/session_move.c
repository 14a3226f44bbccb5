/*
 * Whose a session's room is. A gateway stays with the owner that has let its sessions in until that one says that the
 * room goes, or is gone. While it goes, what sessions say to it is kept back, in order, and their clients notice
 * nothing.
 */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* ---- whose it is ---- */

bool
session_room_is(const session_t *session, const act_addr_t *from)
{
    return audience_is_of(session->audience, from);
}

void
session_settle_room(session_t *session, const act_addr_t *from)
{
    audience_t *audience = session->audience;
    audience->room.node = from->node;
    audience->room.thread = from->thread;
    audience->found = audience->settled = true;
}

/* One of its sessions is a member there. */
static bool
audience_is_anchored(const gateway_t *self, const audience_t *audience)
{
    for (uint32_t slot = audience->first; slot != GATEWAY_NONE; slot = self->sessions[slot].room_next) {
        if (self->sessions[slot].member != 0) {
            return true;
        }
    }
    return false;
}

static void
audience_loosen(const gateway_t *self, audience_t *audience)
{
    if (audience->phase != AUDIENCE_PARTED && !audience_is_anchored(self, audience)) {
        audience->found = audience->settled = false;
    }
}

static void
moves_watch(gateway_t *self)
{
    if (!act_timer_running(self->ctx, GATEWAY_TIMER_MOVE)) {
        act_timer_start(self->ctx, GATEWAY_TIMER_MOVE, GATEWAY_MOVE_LOOK_USEC);
    }
}

void
session_ask_room(gateway_t *self, session_t *session)
{
    audience_t *audience = session->audience;
    act_addr_t owner;
    if (!audience->found && act_owner(self->ctx, ACT_KIND_ROOM, audience->room.key, &owner)) {
        audience->room = owner;
        audience->found = true;
    }
    session->ask_again = !audience->found || audience->phase == AUDIENCE_PARTED;
    if (session->ask_again) {
        moves_watch(self);
        return;
    }
    bool moved = session->state == SESSION_JOINED;
    msg_room_join_t join = {.connection = (int64_t)session_handle(self, session),
                            .role = (role_t)session->role,
                            .format = (format_t)session->format,
                            .has_moved = moved,
                            .moved = moved,
                            .has_epoch = moved,
                            .epoch = moved ? audience->epoch : 0};
    if (!moved) {
        join.has_room_version = session->has_room_version;
        join.room_version = session->has_room_version ? session->room_version : 0;
        join.has_last_sequence = session->has_last_sequence;
        join.last_sequence = session->has_last_sequence ? session->last_sequence : 0;
    }
    size_t id = strlen(session->who) + 1;
    memcpy(join.session_id, session->session_id, sizeof(join.session_id));
    memcpy(join.character_id, session->who, id);
    memcpy(join.name, session->who + id, strlen(session->who + id) + 1);
    request_to_room_join(self->ctx, &audience->room, &join, moved ? GATEWAY_MOVE_USEC : GATEWAY_ASK_USEC,
                         session_context(self, session, GATEWAY_ASK_JOIN));
}

void
session_ask_again(gateway_t *self, session_t *session)
{
    session->ask_again = true;
    moves_watch(self);
}

/* ---- what is kept back ---- */

static void
session_hold_begin(gateway_t *self, session_t *session)
{
    if (session->hold == NULL) {
        session->hold = calloc(1, sizeof(*session->hold));
        ACT_ASSERT(session->hold != NULL);
        session->hold->since = act_now(self->ctx);
        session->hold->end = &session->hold->first;
        session->audience->held++;
    }
}

static void
hold_free(session_hold_t *hold)
{
    for (held_message_t *next; hold->first != NULL; hold->first = next) {
        next = hold->first->next;
        free(hold->first);
    }
    free(hold);
}

/* It has none any more; the room is at home again with the last. */
static session_hold_t *
session_hold_take(session_t *session)
{
    session_hold_t *hold = session->hold;
    session->hold = NULL;
    if (--session->audience->held == 0) {
        session->audience->phase = AUDIENCE_HOME;
    }
    return hold;
}

void
session_hold_drop(session_t *session)
{
    if (session->hold != NULL) {
        hold_free(session_hold_take(session));
    }
}

static bool
session_hold_add(gateway_t *self, session_t *session, msg_type_t type, const void *body, size_t length)
{
    session_hold_t *hold = session->hold;
    size_t size = offsetof(held_message_t, body) + length;
    if (hold->count == GATEWAY_HELD_CAP || hold->bytes + size > GATEWAY_HELD_BYTES_MAX) {
        return false;
    }
    held_message_t *message = malloc(size);
    ACT_ASSERT(message != NULL);
    message->next = NULL;
    message->trace = act_trace(self->ctx);
    message->type = type;
    if (length > 0) {
        memcpy(&message->body, body, length);
    }
    *hold->end = message;
    hold->end = &message->next;
    hold->count++;
    hold->bytes += (uint32_t)size;
    return true;
}

bool
session_to_room(gateway_t *self, session_t *session, msg_type_t type, const void *body)
{
    return session->hold == NULL ? act_send_to(self->ctx, &session->audience->room, type, body)
                                 : session_hold_add(self, session, type, body, msg_infos[type].type->size);
}

bool
session_hold_leave(gateway_t *self, session_t *session)
{
    bool held = session->state == SESSION_JOINED && session->hold != NULL && session->hold->first != NULL &&
                session_hold_add(self, session, MSG_SESSION_LEAVE, NULL, 0);
    if (held) {
        session->hold->leaves = true;
    }
    return held;
}

bool
session_has_left(const session_t *session)
{
    return session->hold != NULL && session->hold->leaves;
}

static bool
held_send(gateway_t *self, const session_t *session, held_message_t *message, int64_t *action_id)
{
    switch (message->type) {
    case MSG_ROOM_MOVE:
        message->body.move.member = session->member;
        *action_id = message->body.move.action_id;
        return send_to_room_move(self->ctx, &session->audience->room, &message->body.move);
    case MSG_ROOM_CHAT:
        message->body.chat.member = session->member;
        *action_id = message->body.chat.action_id;
        return send_to_room_chat(self->ctx, &session->audience->room, &message->body.chat);
    case MSG_ROOM_ACTION:
        message->body.action.member = session->member;
        *action_id = message->body.action.action_id;
        return send_to_room_action(self->ctx, &session->audience->room, &message->body.action);
    default:
        ACT_UNREACHABLE("only intents are kept back");
    }
}

static void
session_release(gateway_t *self, session_t *session)
{
    session_hold_t *hold = session_hold_take(session);
    act_observe(self->ctx, METRIC_MOVE_HOLD, (uint64_t)(act_now(self->ctx) - hold->since));
    for (held_message_t *at = hold->first; at != NULL && session->state == SESSION_JOINED; at = at->next) {
        int64_t action_id = 0;
        act_trace_set(self->ctx, at->trace);
        if (at->type == MSG_SESSION_LEAVE) {
            session_end(self, session, CLOSE_CODE_LEFT);
        } else if (!held_send(self, session, at, &action_id)) {
            session_refuse(self, session, ERROR_OVERLOADED, NULL, action_id, 0);
        }
    }
    hold_free(hold);
}

void
session_on_rejoined(gateway_t *self, session_t *session, const msg_t *msg)
{
    const msg_room_joined_t *joined = msg->body;
    session->member = joined->member;
    session_settle_room(session, &msg->from);
    session_release(self, session);
    if (session->state == SESSION_JOINED && session->stale) {
        session->resync_at = 0; /* what it asked the owner before */
        session_drained(self, session);
    }
}

/* ---- the room goes ---- */

void
session_on_room_moving(gateway_t *self, const msg_t *msg)
{
    static const msg_room_parted_t parted;
    const msg_gateway_room_moving_t *moving = msg->body;
    audience_t *audience = audience_find(&self->audiences, moving->room);
    if (audience != NULL && audience->first != GATEWAY_NONE && audience->phase != AUDIENCE_PARTED &&
        audience_is_of(audience, &msg->from)) {
        audience->phase = AUDIENCE_PARTED;
        audience->since = act_now(self->ctx);
        for (uint32_t slot = audience->first; slot != GATEWAY_NONE; slot = self->sessions[slot].room_next) {
            session_hold_begin(self, &self->sessions[slot]);
        }
        moves_watch(self);
    }
    send_to_room_parted(self->ctx, &msg->from, &parted); /* refused: the room ends those who are here */
}

void
session_on_room_moved(gateway_t *self, const msg_t *msg)
{
    const msg_gateway_room_moved_t *moved = msg->body;
    audience_t *audience = audience_find(&self->audiences, moved->room);
    if (audience == NULL || audience->phase != AUDIENCE_PARTED || audience->first == GATEWAY_NONE ||
        !audience_is_of(audience, &msg->from)) {
        return;
    }
    audience->phase = AUDIENCE_REJOINING;
    audience->since = act_now(self->ctx);
    audience->room.node = (uint32_t)moved->node;
    audience->room.thread = (uint8_t)moved->thread;
    audience->epoch = moved->epoch;
    audience->settled = false;
    audience->found = act_reaches(self->ctx, &audience->room); /* else it is asked for by our own view */
    for (uint32_t slot = audience->first; slot != GATEWAY_NONE; slot = self->sessions[slot].room_next) {
        self->sessions[slot].member = 0;
        self->sessions[slot].resync_at = 0;
        session_ask_room(self, &self->sessions[slot]);
    }
}

/* ---- what has taken too long, and who is gone ---- */

static void
session_lose_room(gateway_t *self, session_t *session)
{
    if (session->state == SESSION_JOINING) {
        session_on_not_joined(self, session, ERROR_UNAVAILABLE, CLOSE_CODE_ROOM_CLOSED);
    } else {
        act_trace_set(self->ctx, session->trace);
        session_end(self, session, CLOSE_CODE_ROOM_CLOSED);
    }
}

/* True: it is still on its way. */
static bool
session_look_at_move(gateway_t *self, session_t *session, act_usec_t now)
{
    const audience_t *audience = session->audience;
    bool parted = audience->phase == AUDIENCE_PARTED && now - audience->since >= GATEWAY_MOVE_USEC;
    bool held = session->hold != NULL && (parted || now - session->hold->since >= GATEWAY_HOLD_USEC);
    bool asked = session->ask_again && session->state == SESSION_JOINING && now - session->since >= GATEWAY_ASK_USEC;
    if (held || asked) {
        session_lose_room(self, session);
        return false;
    }
    if (session->ask_again) {
        act_trace_set(self->ctx, session->trace);
        session_ask_room(self, session);
    }
    return session->ask_again || session->hold != NULL;
}

static void
audiences_loosen(gateway_t *self)
{
    for (int i = 0; i < AUDIENCE_BUCKETS; i++) {
        for (audience_t *audience = self->audiences.buckets[i]; audience != NULL; audience = audience->next) {
            audience_loosen(self, audience);
        }
    }
}

void
session_look_at_moves(gateway_t *self)
{
    act_usec_t now = act_now(self->ctx);
    bool more = false;
    audiences_loosen(self);
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        session_t *session = &self->sessions[slot];
        if (session->state != SESSION_FREE && (session->ask_again || session->hold != NULL)) {
            more |= session_look_at_move(self, session, now);
        }
    }
    if (more) {
        moves_watch(self);
    }
}

void
session_on_view(gateway_t *self)
{
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        session_t *session = &self->sessions[slot];
        const audience_t *audience = session->state != SESSION_FREE ? session->audience : NULL;
        if (audience != NULL && audience->found && !session->ask_again && !act_reaches(self->ctx, &audience->room)) {
            session_lose_room(self, session);
        }
    }
    audiences_loosen(self);
}
