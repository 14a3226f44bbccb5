/* A connection that watches a place in the queue: it hears where it stands, and when a seat is held for it. */
#include "state.h"

#include <string.h>

void
session_on_watch(gateway_t *self, session_t *session, const msg_queue_watch_t *msg)
{
    if (session->state != SESSION_OPENED) {
        session_refuse(self, session, ERROR_ALREADY_JOINED, NULL, 0, 0);
        return;
    }
    session->trace = act_trace(self->ctx);
    if (!session_build_ok(self, session, msg->build)) {
        return;
    }
    uint32_t instance = instances_find(self, msg->has_instance ? msg->instance : NULL);
    session->state = SESSION_WATCHING;
    session->since = act_now(self->ctx);
    session->by_token = true;
    if (instance == GATEWAY_NONE) {
        session_on_secret_refused(self, session, SECRET_FAULT_UNKNOWN); /* nobody waits for what is not there */
        return;
    }
    session->instance = (uint8_t)instance;
    msg_queue_attach_t attach = {.connection = (int64_t)session_handle(self, session)};
    memcpy(attach.secret, msg->queue_token, sizeof(attach.secret));
    memcpy(attach.holder, self->session_prefix, sizeof(self->session_prefix));
    request_queue_attach(self->ctx, self->instances[instance].id, &attach, GATEWAY_ASK_USEC,
                         session_context(self, session, GATEWAY_ASK_ATTACH));
}

void
session_on_attached(gateway_t *self, session_t *session, const msg_t *msg)
{
    const msg_queue_attached_t *attached = msg->body;
    ACT_ASSERT(session->state == SESSION_WATCHING && session->turn == 0);
    memcpy(session->session_id, attached->session_id, sizeof(session->session_id));
    log_hash(attached->user_id, session->user);
    session->turn = attached->turn;
    memcpy(session->token, attached->reconnect_token, sizeof(session->token));
    char address[ADDRESS_TEXT_SIZE];
    address_text(session->address, address);
    act_trace_set(self->ctx, session->trace);
    act_log(self->ctx, LOG_INFO, "session-watching", "a connection watches its place in the queue",
            LOG_S("session", session->session_id), LOG_S("user", session->user), LOG_S("address", address));
    session_say_token(self, session, attached->reconnect_token, attached->grace_seconds);
    instances_greet(self, session);
    gateway_instance_t *instance = &self->instances[session->instance];
    if (msg->from.node != instance->queue.node && !session_watch_again(self, session, &msg->from)) {
        instance->watch_again = true; /* the queue has moved while this was under way */
    }
}

bool
session_watch_again(gateway_t *self, const session_t *session, const act_addr_t *before)
{
    msg_queue_forget_t forget;
    msg_queue_watching_t watching = {.turn = session->turn, .connection = (int64_t)session_handle(self, session)};
    memcpy(forget.session_id, session->session_id, sizeof(forget.session_id));
    memcpy(watching.session_id, session->session_id, sizeof(watching.session_id));
    if (before != NULL && act_reaches(self->ctx, before)) {
        act_send_to(self->ctx, before, MSG_QUEUE_FORGET, &forget); /* refused: it is told of its place twice */
    }
    return send_queue_watching(self->ctx, self->instances[session->instance].id, &watching);
}

/* NULL: it watches no more, or shows its ticket already. */
static session_t *
session_find_watching(gateway_t *self, int64_t connection)
{
    session_t *session = session_find(self, (uint64_t)connection);
    return session != NULL && session->state == SESSION_WATCHING && session->turn != 0 ? session : NULL;
}

void
session_on_position(gateway_t *self, const msg_gateway_queue_position_t *msg)
{
    session_t *session = session_find_watching(self, msg->connection);
    if (session != NULL) {
        msg_event_queue_position_t position = {.position = msg->position,
                                               .depth = msg->depth,
                                               .has_eta_seconds = msg->has_eta_seconds,
                                               .eta_seconds = msg->eta_seconds};
        session_say(self, session, &type_event_queue_position, "event.queue_position", &position, 160);
    }
}

void
session_on_admitted(gateway_t *self, const msg_gateway_admitted_t *msg)
{
    session_t *session = session_find_watching(self, msg->connection);
    if (session != NULL && !session->admitted) { /* once, though two owners of the queue may say so */
        session->admitted = true;
        msg_event_admitted_t admitted = {.seconds = msg->seconds};
        memcpy(admitted.ticket, session->token, sizeof(admitted.ticket));
        session_say(self, session, &type_event_admitted, "event.admitted", &admitted, 160);
    }
}
