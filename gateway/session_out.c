/* What rooms have to say to connections: acks, refusals, deltas, whole states. */
#include "state.h"

/* When the intent with this actionId came in; 0: that is not known. */
static act_usec_t
session_sent_take(session_t *session, int64_t action_id, act_usec_t now)
{
    for (size_t i = 0; i < GATEWAY_SENT_CAP; i++) {
        session_sent_t *sent = &session->sent[i];
        if (sent->usec != 0 && sent->action_id == (uint32_t)action_id) {
            act_usec_t took = (uint32_t)((uint32_t)now - sent->usec);
            sent->usec = 0;
            return took > 0 ? took : 1;
        }
    }
    return 0;
}

static session_t *
session_find_joined(gateway_t *self, int64_t connection)
{
    session_t *session = session_find(self, (uint64_t)connection);
    return session != NULL && session->state == SESSION_JOINED ? session : NULL;
}

void
session_on_ack(gateway_t *self, const msg_gateway_ack_t *msg)
{
    session_t *session = session_find_joined(self, msg->connection);
    if (session == NULL) {
        return;
    }
    act_usec_t took = session_sent_take(session, msg->action_id, act_now(self->ctx));
    if (took != 0) {
        act_observe(self->ctx, METRIC_ACTION_LATENCY, (uint64_t)took);
    }
    msg_event_ack_t ack = {.action_id = msg->action_id, .sequence = msg->sequence, .room_version = msg->room_version};
    session_say(self, session, &type_event_ack, "event.ack", &ack, 160);
}

void
session_on_refused(gateway_t *self, const msg_gateway_refused_t *msg)
{
    session_t *session = session_find_joined(self, msg->connection);
    if (session != NULL) {
        (void)session_sent_take(session, msg->action_id, act_now(self->ctx));
        session_refuse(self, session, msg->code, NULL, msg->action_id,
                       msg->has_retry_after_ms ? msg->retry_after_ms : 0);
    }
}

void
session_on_delta(gateway_t *self, const msg_t *head)
{
    const msg_gateway_delta_t *msg = head->body;
    const audience_t *audience = audience_find(&self->audiences, msg->room);
    uint32_t slot = audience != NULL ? audience->first : GATEWAY_NONE;
    if (audience == NULL || !audience->settled || !audience_is_of(audience, &head->from)) {
        static const msg_room_absent_t absent;
        if (audience == NULL || audience->settled) {
            send_to_room_absent(self->ctx, &head->from, &absent); /* refused: its next delta comes here, too */
        }
        return; /* of an owner before, or of whom we could not tell that the last of us has gone */
    }
    while (slot != GATEWAY_NONE) {
        session_t *session = &self->sessions[slot];
        slot = session->room_next; /* session_give may end this session, and free the audience with its last */
        blob_t *blob = session->format == CODEC_JSON ? msg->json : msg->msgpack;
        if (session->stale || session->outbox.waiting >= self->limits.coalesce_at) {
            act_count(self->ctx, METRIC_DELTAS_COALESCED, 0, 1);
            if (!session->stale) {
                session->stale = true;
                session_watch(self, session);
            }
        } else if (blob != NULL) {
            session_give(self, session, blob);
        } else {
            /* the room did not know of this format yet: the whole state makes it good */
            session->stale = true;
            session_watch(self, session);
            session_drained(self, session);
        }
    }
}

void
session_drained(gateway_t *self, session_t *session)
{
    if (session->outbox.count > 0 || session->audience == NULL || session->hold != NULL) {
        return;
    }
    act_usec_t now = act_now(self->ctx);
    if (session->resync_at != 0 && now - session->resync_at < GATEWAY_RESYNC_USEC) {
        return;
    }
    session->resync_at = now;
    session_watch(self, session);
    act_trace_set(self->ctx, session->trace);
    msg_room_resync_t resync = {.connection = (int64_t)session_handle(self, session), .member = session->member};
    send_to_room_resync(self->ctx, &session->audience->room, &resync); /* refused: the sweep asks again */
}

void
session_on_state(gateway_t *self, const msg_gateway_state_t *msg)
{
    session_t *session = session_find_joined(self, msg->connection);
    if (session == NULL || session->resync_at == 0) {
        return; /* an answer that comes twice must not take the client back */
    }
    session->stale = false;
    session->resync_at = 0;
    session_give(self, session, msg->frame);
}
