/* From a ticket to a place in a room, and out again. Whatever was taken on the way is given back on every way out. */
#include "state.h"

#include <string.h>

void
session_instance(const char *room, char instance[ACT_KEY_MAX + 1])
{
    size_t length = strcspn(room, "/");
    ACT_ASSERT(length <= ACT_KEY_MAX);
    memcpy(instance, room, length);
    instance[length] = '\0';
}

static uint64_t
session_context(const gateway_t *self, const session_t *session, gateway_ask_t ask)
{
    return (uint64_t)ask << 56 | session_handle(self, session);
}

void
session_on_join(gateway_t *self, session_t *session, const msg_session_join_t *msg)
{
    if (session->state != SESSION_OPENED) {
        session_refuse(self, session, ERROR_ALREADY_JOINED, NULL, 0, 0);
        return;
    }
    session->trace = act_trace(self->ctx);
    if (strcmp(msg->build, self->config->build) != 0) {
        msg_event_version_mismatch_t mismatch;
        memset(&mismatch, 0, sizeof(mismatch));
        memcpy(mismatch.build, self->config->build, strnlen(self->config->build, sizeof(mismatch.build) - 1));
        session_say(self, session, &type_event_version_mismatch, "event.version_mismatch", &mismatch, 256);
        session_end(self, session, CLOSE_CODE_VERSION_MISMATCH);
        return;
    }
    session->state = SESSION_JOINING;
    session->since = act_now(self->ctx);
    msg_admission_redeem_t redeem;
    memcpy(redeem.ticket, msg->ticket, sizeof(redeem.ticket));
    request_admission_redeem(self->ctx, GATEWAY_INSTANCE, &redeem, GATEWAY_ASK_USEC,
                             session_context(self, session, GATEWAY_ASK_REDEEM));
}

void
session_on_redeemed(gateway_t *self, session_t *session, const msg_t *msg)
{
    const msg_admission_redeemed_t *redeemed = msg->body;
    ACT_ASSERT(session->state == SESSION_JOINING && session->audience == NULL);
    memcpy(session->session_id, redeemed->session_id, sizeof(session->session_id));
    log_hash(redeemed->user_id, session->user);
    session->role = (uint8_t)redeemed->role;
    session->audience = audience_hold(&self->audiences, redeemed->room);
    msg_room_join_t join = {.connection = (int64_t)session_handle(self, session),
                            .role = redeemed->role,
                            .format = (format_t)session->format};
    memcpy(join.session_id, redeemed->session_id, sizeof(join.session_id));
    memcpy(join.character_id, redeemed->character_id, sizeof(join.character_id));
    memcpy(join.name, redeemed->name, sizeof(join.name));
    request_room_join(self->ctx, redeemed->room, &join, GATEWAY_ASK_USEC,
                      session_context(self, session, GATEWAY_ASK_JOIN));
}

void
session_on_joined(gateway_t *self, session_t *session, const msg_t *msg)
{
    const msg_room_joined_t *joined = msg->body;
    ACT_ASSERT(session->state == SESSION_JOINING && session->audience != NULL);
    session->state = SESSION_JOINED;
    session->since = act_now(self->ctx);
    session->member = joined->member;
    session->room_before = GATEWAY_NONE;
    session->room_next = session->audience->first;
    uint32_t slot = (uint32_t)(session - self->sessions);
    if (session->room_next != GATEWAY_NONE) {
        self->sessions[session->room_next].room_before = slot;
    }
    session->audience->first = slot;
    char address[ADDRESS_TEXT_SIZE];
    address_text(session->address, address);
    act_trace_set(self->ctx, session->trace);
    act_log(self->ctx, LOG_INFO, "session-joined", "a session is in its room", LOG_S("session", session->session_id),
            LOG_S("user", session->user), LOG_S("room", session->audience->key), LOG_S("address", address),
            LOG_S("format", format_names[session->format]));
    session_give(self, session, joined->welcome);
}

void
session_on_not_joined(gateway_t *self, session_t *session, error_code_t code, close_code_t why)
{
    act_trace_set(self->ctx, session->trace);
    session_refuse(self, session, code, NULL, 0, 0);
    session_end(self, session, why);
}

static void
session_leave_audience(gateway_t *self, session_t *session)
{
    if (session->room_next != GATEWAY_NONE) {
        self->sessions[session->room_next].room_before = session->room_before;
    }
    if (session->room_before != GATEWAY_NONE) {
        self->sessions[session->room_before].room_next = session->room_next;
    } else if (session->audience->first == (uint32_t)(session - self->sessions)) {
        session->audience->first = session->room_next;
    }
    session->room_next = session->room_before = GATEWAY_NONE;
}

void
session_leave(gateway_t *self, session_t *session)
{
    session->stale = false;
    session->resync_at = 0;
    if (session->audience == NULL) {
        return; /* a ticket on its way is undone when its answer comes and finds nobody */
    }
    act_trace_set(self->ctx, session->trace);
    session_leave_audience(self, session);
    if (session->member != 0) { /* else room.joined is on its way, and is undone when it comes and finds nobody */
        msg_room_leave_t leave = {.connection = (int64_t)session_handle(self, session), .member = session->member};
        if (!send_room_leave(self->ctx, session->audience->key, &leave)) {
            act_log(self->ctx, LOG_WARN, "leave-lost",
                    "the room could not be told that a session left: its mailbox is full",
                    LOG_S("session", session->session_id), LOG_S("room", session->audience->key));
        }
    }
    msg_admission_leave_t free_seat;
    char instance[ACT_KEY_MAX + 1];
    session_instance(session->audience->key, instance);
    memcpy(free_seat.session_id, session->session_id, sizeof(free_seat.session_id));
    if (!send_admission_leave(self->ctx, instance, &free_seat)) {
        act_log(self->ctx, LOG_WARN, "leave-lost",
                "admission could not be told that a session left: its mailbox is full",
                LOG_S("session", session->session_id));
    }
    audience_release(&self->audiences, &session->audience);
    session->member = 0;
}

void
session_undo(gateway_t *self, const msg_t *msg)
{
    if (msg->type == MSG_ADMISSION_REDEEMED) {
        const msg_admission_redeemed_t *redeemed = msg->body;
        msg_admission_leave_t leave;
        char instance[ACT_KEY_MAX + 1];
        session_instance(redeemed->room, instance);
        memcpy(leave.session_id, redeemed->session_id, sizeof(leave.session_id));
        send_admission_leave(self->ctx, instance, &leave);
    } else if (msg->type == MSG_ROOM_JOINED) {
        const msg_room_joined_t *joined = msg->body;
        msg_room_leave_t leave = {.connection = joined->connection, .member = joined->member};
        send_room_leave(self->ctx, msg->from.key, &leave);
    }
}
