/* What comes in on a WebSocket: frames put together, decoded, checked, and sent on. Everything here is hostile. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
session_sent_note(session_t *session, int64_t action_id, act_usec_t now)
{
    uint32_t usec = (uint32_t)now;
    for (size_t i = 0; i < GATEWAY_SENT_CAP; i++) {
        session_sent_t *sent = &session->sent[i];
        if (sent->usec == 0 || usec - sent->usec > (uint32_t)GATEWAY_SENT_OLD_USEC) {
            *sent = (session_sent_t){.action_id = (uint32_t)action_id, .usec = usec == 0 ? 1 : usec};
            return;
        }
    }
}

/* May this session act now? Says so to the client when it may not. */
static bool
session_may_act(gateway_t *self, session_t *session, rate_t *rate, int64_t per_second, int64_t action_id)
{
    if (session->state != SESSION_JOINED) {
        session_refuse(self, session, ERROR_NOT_JOINED, NULL, action_id, 0);
        return false;
    }
    session_touch(self, session);
    if (session->role == ROLE_SPECTATOR) {
        session_refuse(self, session, ERROR_FORBIDDEN, NULL, action_id, 0);
        return false;
    }
    int64_t wait = rate_take(rate, act_now(self->ctx), per_second);
    if (wait > 0) {
        session_refuse(self, session, ERROR_RATE_LIMITED, NULL, action_id, wait);
        return false;
    }
    return true;
}

static void
session_sent_on(gateway_t *self, session_t *session, bool sent, int64_t action_id)
{
    if (sent) {
        session_sent_note(session, action_id, act_now(self->ctx));
    } else {
        session_refuse(self, session, ERROR_OVERLOADED, NULL, action_id, 0);
    }
}

static void
session_on_move(gateway_t *self, session_t *session, const msg_intent_move_t *msg)
{
    if (session_may_act(self, session, &session->moves, self->limits.moves_per_second, msg->action_id)) {
        msg_room_move_t move = {.connection = (int64_t)session_handle(self, session),
                                .member = session->member,
                                .action_id = msg->action_id,
                                .x = msg->x,
                                .y = msg->y};
        session_sent_on(self, session, session_to_room(self, session, MSG_ROOM_MOVE, &move), msg->action_id);
    }
}

static void
session_on_chat(gateway_t *self, session_t *session, const msg_intent_chat_t *msg)
{
    if (session_may_act(self, session, &session->chats, self->limits.chats_per_second, msg->action_id)) {
        msg_room_chat_t chat = {.connection = (int64_t)session_handle(self, session),
                                .member = session->member,
                                .action_id = msg->action_id};
        memcpy(chat.text, msg->text, sizeof(chat.text));
        session_sent_on(self, session, session_to_room(self, session, MSG_ROOM_CHAT, &chat), msg->action_id);
    }
}

static void
session_on_action(gateway_t *self, session_t *session, const msg_intent_action_t *msg)
{
    if (session_may_act(self, session, &session->moves, self->limits.moves_per_second, msg->action_id)) {
        msg_room_action_t action = {.connection = (int64_t)session_handle(self, session),
                                    .member = session->member,
                                    .action_id = msg->action_id,
                                    .action = msg->action,
                                    .has_target_id = msg->has_target_id};
        memcpy(action.item_id, msg->item_id, sizeof(action.item_id));
        memcpy(action.target_id, msg->target_id, sizeof(action.target_id));
        session_sent_on(self, session, session_to_room(self, session, MSG_ROOM_ACTION, &action), msg->action_id);
    }
}

static void
session_dispatch(gateway_t *self, session_t *session, uint32_t type)
{
    switch (type) {
    case MSG_SESSION_JOIN:
        session_on_join(self, session, &self->in.session_join);
        return;
    case MSG_SESSION_REFRESH:
        session_on_refresh(self, session, &self->in.session_refresh);
        return;
    case MSG_QUEUE_WATCH:
        session_on_watch(self, session, &self->in.queue_watch);
        return;
    case MSG_SESSION_LEAVE:
        if (!session_hold_leave(self, session)) {
            session_end(self, session, CLOSE_CODE_LEFT);
        }
        return;
    case MSG_INTENT_MOVE:
        session_on_move(self, session, &self->in.intent_move);
        return;
    case MSG_INTENT_CHAT:
        session_on_chat(self, session, &self->in.intent_chat);
        return;
    case MSG_INTENT_ACTION:
        session_on_action(self, session, &self->in.intent_action);
        return;
    default:
        ACT_UNREACHABLE("msg_find_client_in knows a message that the gateway does not");
    }
}

void
session_refuse_counted(gateway_t *self, session_t *session, error_code_t code, const char *message, int64_t action_id)
{
    session_refuse(self, session, code, message, action_id, 0);
    session_count_refused(self, session);
}

/* Says what the schema found; ends the connection when the frame is lost or the client keeps at it. */
static void
session_on_fault(gateway_t *self, session_t *session, uint32_t type, const codec_fault_t *fault, uint64_t action_id)
{
    char message[160];
    bool named = fault->field[0] != '\0';
    snprintf(message, sizeof(message), "%s: %s%s%s", type == MSG_NONE ? "message" : msg_infos[type].name, fault->field,
             named ? ": " : "", codec_error_text(fault->error));
    session_refuse_counted(self, session, ERROR_BAD_REQUEST, message, (int64_t)action_id);
    if (fault->error == CODEC_SYNTAX || fault->error == CODEC_DEPTH || fault->error == CODEC_SIZE) {
        session_end(self, session, CLOSE_CODE_BAD_FRAME);
    }
}

static void
session_on_frame(gateway_t *self, session_t *session, const uint8_t *data, size_t length, bool binary)
{
    act_count(self->ctx, METRIC_FRAMES_IN, 0, 1);
    codec_format_t format = (codec_format_t)session->format;
    if (binary != (format == CODEC_MSGPACK)) {
        act_trace_set(self->ctx, session->trace);
        session_refuse(self, session, ERROR_BAD_REQUEST,
                       binary ? "a binary frame, but the subprotocol is JSON"
                              : "a text frame, but the subprotocol is msgpack",
                       0, 0);
        session_end(self, session, CLOSE_CODE_BAD_FRAME);
        return;
    }
    codec_frame_t frame;
    codec_frame_open(&frame, format, data, length);
    while (session->state != SESSION_CLOSING) {
        uint32_t type = MSG_NONE;
        uint64_t action_id = 0;
        codec_fault_t fault;
        int got = codec_frame_next(&frame, msg_find_client_in, &type, &self->in, sizeof(self->in), &action_id, &fault);
        if (got == 0) {
            return;
        }
        act_trace_set(self->ctx, act_trace_new(self->ctx));
        if (got > 0) {
            session_dispatch(self, session, type);
        } else {
            session_on_fault(self, session, type, &fault, action_id);
        }
    }
}

static void
session_partial_clear(session_t *session)
{
    free(session->partial);
    session->partial = NULL;
    session->partial_length = session->partial_capacity = 0;
}

/* False: the message is over gateway.frame_max. */
static bool
session_partial_add(gateway_t *self, session_t *session, const uint8_t *data, size_t length)
{
    size_t total = session->partial_length + length;
    if (total > self->limits.frame_max) {
        return false;
    }
    if (total > session->partial_capacity || session->partial == NULL) {
        uint32_t capacity = session->partial_capacity == 0 ? 1024 : session->partial_capacity;
        while (capacity < total) {
            capacity *= 2;
        }
        session->partial = realloc(session->partial, capacity);
        ACT_ASSERT(session->partial != NULL);
        session->partial_capacity = capacity;
    }
    memcpy(session->partial + session->partial_length, data, length);
    session->partial_length = (uint32_t)total;
    return true;
}

static void
session_on_too_large(gateway_t *self, session_t *session)
{
    session_partial_clear(session);
    act_trace_set(self->ctx, session->trace);
    session_refuse(self, session, ERROR_TOO_LARGE, "the frame is larger than gateway.frame_max", 0, 0);
    session->too_large = true;
    session_end(self, session, CLOSE_CODE_BAD_FRAME);
}

void
gateway_data(gateway_t *self, uint64_t handle, const uint8_t *data, size_t length, bool first, bool last, bool binary)
{
    session_t *session = session_find(self, handle);
    if (session == NULL || session->state == SESSION_CLOSING) {
        return;
    }
    if (first && last && length <= self->limits.frame_max) {
        session_on_frame(self, session, data, length, binary);
        return;
    }
    if (first) {
        session_partial_clear(session);
        session->partial_at = act_now(self->ctx);
        session->partial_binary = binary;
        session_watch(self, session);
    }
    if (length > 0 && !session_partial_add(self, session, data, length)) {
        session_on_too_large(self, session);
        return;
    }
    if (last) {
        uint8_t *whole = session->partial;
        size_t total = session->partial_length;
        session->partial = NULL; /* the frame may end the session */
        session_partial_clear(session);
        session_on_frame(self, session, whole != NULL ? whole : data, total, session->partial_binary);
        free(whole);
    }
}
