/* Out of a room, and out of admission's or the queue's hands: on every way a connection can end. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* The instance of a room key, "plaza" of "plaza/main". */
static void
session_instance(const char *room, char instance[ACT_KEY_MAX + 1])
{
    size_t length = strcspn(room, "/");
    ACT_ASSERT(length <= ACT_KEY_MAX);
    memcpy(instance, room, length);
    instance[length] = '\0';
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

static void
session_leave_room(gateway_t *self, session_t *session)
{
    bool parted = session->audience->phase == AUDIENCE_PARTED;
    session_leave_audience(self, session);
    /* Without a member room.joined is on its way, and is undone when it comes and finds nobody. A room that it has
     * parted from it just does not follow. */
    if (session->member != 0 && !parted) {
        msg_room_leave_t leave = {.connection = (int64_t)session_handle(self, session), .member = session->member};
        if (!send_to_room_leave(self->ctx, &session->audience->room, &leave)) {
            act_log(self->ctx, LOG_WARN, "leave-lost",
                    "the room could not be told that a session left: it is not there, or its mailbox is full",
                    LOG_S("session", session->session_id), LOG_S("room", session->audience->room.key));
        }
    }
    session_hold_drop(session);
    session->ask_again = false;
    audience_release(&self->audiences, &session->audience);
    free(session->who);
    session->who = NULL;
    session->member = 0;
}

static bool
session_tell_leave(gateway_t *self, const char *instance, const char *session_id, int64_t turn, bool inactive)
{
    msg_admission_leave_t leave = {.turn = turn, .has_why = inactive, .why = SESSION_END_INACTIVE};
    memcpy(leave.session_id, session_id, sizeof(leave.session_id));
    return send_admission_leave(self->ctx, instance, &leave);
}

static bool
session_tell_drop(gateway_t *self, const char *instance, const char *session_id, int64_t turn)
{
    msg_admission_drop_t drop = {.turn = turn};
    memcpy(drop.session_id, session_id, sizeof(drop.session_id));
    return send_admission_drop(self->ctx, instance, &drop);
}

static bool
session_tell_detach(gateway_t *self, const char *instance, const char *session_id, int64_t turn)
{
    msg_queue_detach_t detach = {.turn = turn};
    memcpy(detach.session_id, session_id, sizeof(detach.session_id));
    return send_queue_detach(self->ctx, instance, &detach);
}

/* What a message lost here would have said, admission finds out at its next gateway.report. */
static void
session_let_go(gateway_t *self, session_t *session, session_parting_t parting, bool watching)
{
    const char *instance = self->instances[session->instance].id;
    int64_t turn = session->turn;
    session->turn = 0;
    bool inactive = parting == SESSION_PARTING_INACTIVE;
    bool told = parting != SESSION_PARTING_DROP
                    ? session_tell_leave(self, instance, session->session_id, turn, inactive)
                : watching ? session_tell_detach(self, instance, session->session_id, turn)
                           : session_tell_drop(self, instance, session->session_id, turn);
    if (!told) {
        act_log(self->ctx, LOG_WARN, "leave-lost",
                "admission or the queue could not be told that a connection is gone: it is not there, or its mailbox "
                "is full",
                LOG_S("session", session->session_id), LOG_S("instance", instance));
    }
}

void
session_leave(gateway_t *self, session_t *session, session_parting_t parting)
{
    /* A watch lasts until admission.entered: when that finds nobody it is undone by a turn of its own. */
    bool watching = session->audience == NULL;
    if (parting == SESSION_PARTING_DROP && session_has_left(session)) {
        parting = SESSION_PARTING_LEAVE; /* its client said so before the connection, or the room, was lost */
    }
    session->stale = false;
    session->resync_at = 0;
    session_clock_stop(self, session);
    act_trace_set(self->ctx, session->trace);
    if (session->audience != NULL) {
        session_leave_room(self, session);
    }
    if (session->turn != 0) {
        session_let_go(self, session, parting, watching);
    }
}

void
session_undo(gateway_t *self, const msg_t *msg, bool left)
{
    if (msg->type == MSG_ADMISSION_ENTERED) {
        const msg_admission_entered_t *entered = msg->body;
        char instance[ACT_KEY_MAX + 1];
        session_instance(entered->room, instance);
        (void)(left ? session_tell_leave(self, instance, entered->session_id, entered->turn, false)
                    : session_tell_drop(self, instance, entered->session_id, entered->turn));
    } else if (msg->type == MSG_QUEUE_ATTACHED) {
        const msg_queue_attached_t *attached = msg->body; /* of the queue whose key is its instance */
        (void)(left ? session_tell_leave(self, msg->from.key, attached->session_id, attached->turn, false)
                    : session_tell_detach(self, msg->from.key, attached->session_id, attached->turn));
    } else if (msg->type == MSG_ROOM_JOINED) {
        const msg_room_joined_t *joined = msg->body;
        msg_room_leave_t leave = {.connection = joined->connection, .member = joined->member};
        send_to_room_leave(self->ctx, &msg->from, &leave);
    }
}

void
session_on_end(gateway_t *self, const msg_t *msg)
{
    const msg_gateway_end_t *end = msg->body;
    session_t *session = session_find(self, (uint64_t)end->connection);
    if (session == NULL || session->state == SESSION_OPENED || session->state == SESSION_CLOSING) {
        return;
    }
    if (msg->from.kind != ACT_KIND_ROOM) {
        session->turn = 0; /* who holds the sessions knows, and needs no word */
    } else if (session->audience != NULL && session_room_is(session, &msg->from)) {
        session->member = 0; /* the room knows; the session has its grace */
    } else {
        return;
    }
    if (end->close == CLOSE_CODE_REPLACED) {
        msg_event_session_replaced_t replaced = {0};
        const char *text = close_code_texts[CLOSE_CODE_REPLACED];
        memcpy(replaced.message, text, strnlen(text, sizeof(replaced.message) - 1));
        session_say(self, session, &type_event_session_replaced, "event.session_replaced", &replaced, 512);
    }
    session_end(self, session, end->close);
}
