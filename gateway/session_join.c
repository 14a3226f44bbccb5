/* From a secret to a place in a room. Whatever was taken on the way is given back on every way out (session_leave.c).
 */
#include "state.h"

#include <stdlib.h>
#include <string.h>

uint64_t
session_context(const gateway_t *self, const session_t *session, gateway_ask_t ask)
{
    return (uint64_t)ask << 56 | session_handle(self, session);
}

bool
session_build_ok(gateway_t *self, session_t *session, const char *build)
{
    if (strcmp(build, self->config->build) == 0) {
        return true;
    }
    msg_event_version_mismatch_t mismatch;
    memset(&mismatch, 0, sizeof(mismatch));
    memcpy(mismatch.build, self->config->build, strnlen(self->config->build, sizeof(mismatch.build) - 1));
    session_say(self, session, &type_event_version_mismatch, "event.version_mismatch", &mismatch, 256);
    session_end(self, session, CLOSE_CODE_VERSION_MISMATCH);
    return false;
}

void
session_say_token(gateway_t *self, session_t *session, const char *token, int64_t grace_seconds)
{
    msg_event_reconnect_token_t next = {.grace_seconds = grace_seconds};
    memcpy(next.reconnect_token, token, sizeof(next.reconnect_token));
    session_say(self, session, &type_event_reconnect_token, "event.reconnect_token", &next, 192);
}

/* May this session.join be asked of admission? Says so to the client when it may not. */
static bool
session_join_ok(gateway_t *self, session_t *session, const msg_session_join_t *msg)
{
    bool watching = session->state == SESSION_WATCHING && session->turn != 0;
    if (session->state != SESSION_OPENED && !watching) {
        session_refuse(self, session, ERROR_ALREADY_JOINED, NULL, 0, 0);
        return false;
    }
    if (msg->has_ticket == msg->has_reconnect_token) {
        session_refuse_counted(self, session, ERROR_BAD_REQUEST,
                               "session.join: wants either a ticket or a reconnectToken", 0);
        return false;
    }
    if (watching && msg->has_instance && instances_find(self, msg->instance) != session->instance) {
        session_refuse_counted(self, session, ERROR_BAD_REQUEST,
                               "session.join: instance: this connection watches the queue of another one", 0);
        return false;
    }
    session->trace = act_trace(self->ctx);
    return session_build_ok(self, session, msg->build);
}

/* What the client still has of its room, until the room is asked. Only one that comes back to a room has any. */
static void
session_keep_state(session_t *session, const msg_session_join_t *msg, bool watching)
{
    bool back = msg->has_reconnect_token && !watching;
    session->has_room_version = back && msg->has_room_version;
    session->room_version = msg->room_version;
    session->has_last_sequence = back && msg->has_last_sequence;
    session->last_sequence = msg->last_sequence;
}

/* False: its access token has run out, and it ends; its seat is held for the grace. */
static bool
session_auth_ok(gateway_t *self, session_t *session, int64_t auth_until)
{
    if (auth_until == 0 || act_wall_msec(self->ctx) < auth_until) {
        session_set_auth(self, session, auth_until);
        return true;
    }
    session_refuse(self, session, ERROR_UNAUTHENTICATED, "the access token has run out: sign in again", 0, 0);
    session_end(self, session, CLOSE_CODE_TOKEN_EXPIRED);
    return false;
}

void
session_on_join(gateway_t *self, session_t *session, const msg_session_join_t *msg)
{
    if (!session_join_ok(self, session, msg)) {
        return;
    }
    bool watching = session->state == SESSION_WATCHING;
    uint32_t instance = watching ? session->instance : instances_find(self, msg->has_instance ? msg->instance : NULL);
    session->state = SESSION_JOINING;
    session->since = act_now(self->ctx);
    session->by_token = msg->has_reconnect_token;
    session->admitted = false; /* if it was too early, it is told anew */
    session_keep_state(session, msg, watching);
    if (instance == GATEWAY_NONE) {
        session_on_secret_refused(self, session, SECRET_FAULT_UNKNOWN); /* nothing opens what is not there */
        return;
    }
    session->instance = (uint8_t)instance;
    msg_admission_enter_t enter = {.connection = (int64_t)session_handle(self, session),
                                   .reconnect = msg->has_reconnect_token};
    memcpy(enter.secret, msg->has_ticket ? msg->ticket : msg->reconnect_token, sizeof(enter.secret));
    memcpy(enter.holder, self->session_prefix, sizeof(self->session_prefix));
    request_admission_enter(self->ctx, self->instances[instance].id, &enter, GATEWAY_ASK_USEC,
                            session_context(self, session, GATEWAY_ASK_ENTER));
}

/* What the room is told of it, now and whenever it has another owner. */
static void
session_keep_who(session_t *session, const msg_admission_entered_t *entered)
{
    size_t id = strlen(entered->character_id) + 1, name = strlen(entered->name) + 1;
    session->who = malloc(id + name);
    ACT_ASSERT(session->who != NULL);
    memcpy(session->who, entered->character_id, id);
    memcpy(session->who + id, entered->name, name);
}

void
session_on_entered(gateway_t *self, session_t *session, const msg_t *msg)
{
    const msg_admission_entered_t *entered = msg->body;
    ACT_ASSERT(session->state == SESSION_JOINING && session->audience == NULL);
    memcpy(session->session_id, entered->session_id, sizeof(session->session_id));
    log_hash(entered->user_id, session->user);
    session->turn = entered->turn;
    session->role = (uint8_t)entered->role;
    memset(session->token, 0, sizeof(session->token)); /* of a watch */
    session_keep_who(session, entered);
    session->audience = audience_hold(&self->audiences, entered->room);
    session_say_token(self, session, entered->reconnect_token, entered->grace_seconds);
    if (session->state != SESSION_JOINING || !session_auth_ok(self, session, entered->auth_until)) {
        return; /* its outbox was full, or its token has run out */
    }
    session_ask_room(self, session);
}

void
session_on_joined(gateway_t *self, session_t *session, const msg_t *msg)
{
    const msg_room_joined_t *joined = msg->body;
    ACT_ASSERT(session->state == SESSION_JOINING && session->audience != NULL);
    if (!joined->has_welcome) {
        session_undo(self, msg, false); /* our own join did not say that it had one already */
        session_on_not_joined(self, session, ERROR_INTERNAL, CLOSE_CODE_ROOM_CLOSED);
        return;
    }
    session->state = SESSION_JOINED;
    session->since = act_now(self->ctx);
    session->member = joined->member;
    session->ask_again = false;
    memset(session->sent, 0, sizeof(session->sent)); /* where what its client still had was */
    session_settle_room(session, &msg->from);
    session->room_before = GATEWAY_NONE;
    session->room_next = session->audience->first;
    uint32_t slot = (uint32_t)(session - self->sessions);
    if (session->room_next != GATEWAY_NONE) {
        self->sessions[session->room_next].room_before = slot;
    }
    session->audience->first = slot;
    session_clock_start(self, session);
    char address[ADDRESS_TEXT_SIZE];
    address_text(session->address, address);
    act_trace_set(self->ctx, session->trace);
    act_log(self->ctx, LOG_INFO, "session-joined", "a session is in its room", LOG_S("session", session->session_id),
            LOG_S("user", session->user), LOG_S("room", session->audience->room.key), LOG_S("address", address),
            LOG_S("format", format_names[session->format]));
    session_give(self, session, joined->welcome);
    instances_greet(self, session);
}

void
session_on_not_joined(gateway_t *self, session_t *session, error_code_t code, close_code_t why)
{
    act_trace_set(self->ctx, session->trace);
    session_refuse(self, session, code, NULL, 0, 0);
    session_end(self, session, why);
}

/* A session that has no seat yet: the client may watch its place instead, or goes on watching it. */
static void
session_still_waits(gateway_t *self, session_t *session)
{
    session->state = session->turn != 0 ? SESSION_WATCHING : SESSION_OPENED;
    session->since = act_now(self->ctx);
    act_trace_set(self->ctx, session->trace);
    session_refuse_counted(self, session, ERROR_STILL_WAITING, NULL, 0);
}

void
session_on_secret_refused(gateway_t *self, session_t *session, secret_fault_t fault)
{
    if (fault == SECRET_FAULT_UNAVAILABLE) {
        session_on_not_joined(self, session, ERROR_UNAVAILABLE, CLOSE_CODE_OVERLOADED);
    } else if (fault == SECRET_FAULT_WAITING && session->state == SESSION_JOINING) {
        session_still_waits(self, session);
    } else if (!session->by_token) {
        session_on_not_joined(self, session, ERROR_TICKET_INVALID, CLOSE_CODE_TICKET_INVALID);
    } else {
        session_on_not_joined(self, session,
                              fault == SECRET_FAULT_EXPIRED ? ERROR_RECONNECT_EXPIRED : ERROR_RECONNECT_INVALID,
                              CLOSE_CODE_RECONNECT_INVALID);
    }
}
