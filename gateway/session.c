/* The life of a connection: opened, watched while something has a time limit, closed; and what is sent to it. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

session_t *
session_find(gateway_t *self, uint64_t handle)
{
    uint64_t slot = handle & GATEWAY_SLOT_MASK;
    if (slot >= self->sessions_used) {
        return NULL;
    }
    session_t *session = &self->sessions[slot];
    if (session->state == SESSION_FREE || session->generation != handle >> GATEWAY_SLOT_BITS) {
        return NULL;
    }
    return session;
}

uint64_t
session_handle(const gateway_t *self, const session_t *session)
{
    return session->generation << GATEWAY_SLOT_BITS | (uint64_t)(session - self->sessions);
}

void
session_watch(gateway_t *self, session_t *session)
{
    if (session->watched) {
        return;
    }
    uint32_t slot = (uint32_t)(session - self->sessions);
    session->watched = true;
    session->watch_before = GATEWAY_NONE;
    session->watch_next = self->watch_first;
    if (self->watch_first != GATEWAY_NONE) {
        self->sessions[self->watch_first].watch_before = slot;
    } else if (!act_timer_running(self->ctx, GATEWAY_TIMER_SWEEP)) {
        act_timer_start(self->ctx, GATEWAY_TIMER_SWEEP, GATEWAY_SWEEP_USEC);
    }
    self->watch_first = slot;
}

static void
session_unwatch(gateway_t *self, session_t *session)
{
    if (!session->watched) {
        return;
    }
    session->watched = false;
    if (session->watch_next != GATEWAY_NONE) {
        self->sessions[session->watch_next].watch_before = session->watch_before;
    }
    if (session->watch_before != GATEWAY_NONE) {
        self->sessions[session->watch_before].watch_next = session->watch_next;
    } else {
        self->watch_first = session->watch_next;
    }
}

uint64_t
gateway_open(gateway_t *self, void *conn, codec_format_t format, const uint8_t address[WIRE_ADDRESS_BYTES])
{
    uint32_t slot = self->sessions_free;
    if (slot == GATEWAY_NONE && self->sessions_used == self->limits.connections_max) {
        act_log(self->ctx, LOG_WARN, "connections-full", "a WebSocket was refused: gateway.connections_max are open",
                LOG_N("connections", self->limits.connections_max));
        return 0;
    }
    address_t *from = address_enter(&self->addresses, address, self->limits.address_max);
    if (from == NULL) {
        act_log(self->ctx, LOG_WARN, "address-full",
                "a WebSocket was refused: its address has gateway.address_max open",
                LOG_N("connections", self->limits.address_max));
        return 0;
    }
    if (slot == GATEWAY_NONE) {
        slot = self->sessions_used++;
    } else {
        self->sessions_free = self->sessions[slot].watch_next;
    }
    session_t *session = &self->sessions[slot];
    *session = (session_t){.conn = conn, .address = from, .state = SESSION_OPENED, .format = (uint8_t)format};
    self->clocks[slot] = (session_clock_t){.idle_due = SESSION_NEVER, .auth_due = SESSION_NEVER};
    session->auth_until = SESSION_NEVER;
    session->generation = ++self->generation;
    session->since = act_now(self->ctx);
    session->room_next = session->room_before = GATEWAY_NONE;
    session->trace = act_trace_new(self->ctx);
    session_watch(self, session);
    act_gauge(self->ctx, METRIC_CONNECTIONS, 0, 1);
    return session_handle(self, session);
}

static void
session_free(gateway_t *self, session_t *session)
{
    session_unwatch(self, session);
    outbox_clear(&session->outbox);
    free(session->partial);
    address_leave(&self->addresses, &session->address);
    session->partial = NULL;
    session->state = SESSION_FREE;
    session->watch_next = self->sessions_free;
    self->sessions_free = (uint32_t)(session - self->sessions);
    act_gauge(self->ctx, METRIC_CONNECTIONS, 0, -1);
}

/* The line about a session's end; `event` names how. */
static void
session_log_end(gateway_t *self, const session_t *session, const char *event, const char *sentence, const char *reason)
{
    char address[ADDRESS_TEXT_SIZE];
    address_text(session->address, address);
    act_trace_set(self->ctx, session->trace);
    act_log(self->ctx, LOG_INFO, event, sentence, LOG_S("session", session->session_id), LOG_S("user", session->user),
            LOG_S("address", address), LOG_S("reason", reason));
}

void
gateway_closed(gateway_t *self, uint64_t handle)
{
    session_t *session = session_find(self, handle);
    if (session == NULL) {
        return;
    }
    if (session->state != SESSION_CLOSING) {
        if (session_has_left(session)) {
            session_log_end(self, session, "session-left", "the client left", close_code_names[CLOSE_CODE_LEFT]);
        } else if (session->session_id[0] != '\0') {
            session_log_end(self, session, "session-dropped", "the connection of a session is gone", "DROPPED");
        }
        session_leave(self, session, SESSION_PARTING_DROP);
    }
    session_free(self, session);
}

static void
session_close_wire(gateway_t *self, session_t *session)
{
    if (!session->close_told) {
        session->close_told = true;
        unsigned code = session->too_large ? WIRE_TOO_LARGE : close_code_numbers[session->close];
        self->config->wire->close(session->conn, code, close_code_names[session->close]);
    }
}

void
session_end(gateway_t *self, session_t *session, close_code_t why)
{
    if (session->state == SESSION_CLOSING) {
        return;
    }
    if (why == CLOSE_CODE_ROOM_CLOSED && session_has_left(session)) {
        why = CLOSE_CODE_LEFT; /* it has nothing to come back for */
    }
    bool left = why == CLOSE_CODE_LEFT;
    session_log_end(self, session, left ? "session-left" : "session-closed",
                    left ? "the client left" : "the connection is being closed", close_code_names[why]);
    act_count(self->ctx, METRIC_CLOSES, why, 1);
    session_leave(self, session,
                  left || why == CLOSE_CODE_ROLE_CHANGED ? SESSION_PARTING_LEAVE
                  : why == CLOSE_CODE_INACTIVE           ? SESSION_PARTING_INACTIVE
                                                         : SESSION_PARTING_DROP);
    session->state = SESSION_CLOSING;
    session->since = act_now(self->ctx);
    session->close = (uint8_t)why;
    if (why == CLOSE_CODE_SLOW_CONSUMER) {
        outbox_clear(&session->outbox);
    }
    if (session->outbox.count == 0) {
        session_close_wire(self, session);
    }
    session_watch(self, session);
}

/* After something was put into the outbox: it is bounded, and it wants to leave. */
static void
session_queued(gateway_t *self, session_t *session)
{
    if (session->outbox.waiting > self->limits.outbox_max) {
        session_end(self, session, CLOSE_CODE_SLOW_CONSUMER);
        return;
    }
    if (!session->asked_write) {
        session->asked_write = true;
        session->waiting_at = act_now(self->ctx);
        session_watch(self, session);
        self->config->wire->want_write(session->conn);
    }
}

void
session_say(gateway_t *self, session_t *session, const codec_type_t *type, const char *tag, const void *body,
            uint32_t size)
{
    uint8_t *place = outbox_reserve(&session->outbox, size);
    size_t length = codec_encode((codec_format_t)session->format, type, tag, body, place, size);
    ACT_ASSERT(length > 0);
    outbox_commit(&session->outbox, (uint32_t)length);
    session_queued(self, session);
}

void
session_give(gateway_t *self, session_t *session, blob_t *blob)
{
    outbox_add_blob(&session->outbox, blob);
    session_queued(self, session);
}

void
session_refuse(gateway_t *self, session_t *session, error_code_t code, const char *message, int64_t action_id,
               int64_t retry_msec)
{
    msg_event_error_t error = {.code = code, .transient = error_transient[code]};
    const char *text = message != NULL ? message : error_texts[code];
    size_t length = strnlen(text, sizeof(error.message) - 1);
    memcpy(error.message, text, length);
    error.retry_after_ms = retry_msec > 0 || !error.transient ? retry_msec : GATEWAY_RETRY_MSEC;
    error.has_retry_after_ms = error.retry_after_ms > 0;
    error.has_action_id = action_id > 0;
    error.action_id = action_id;
    act_trace_text(act_trace(self->ctx), error.trace_id);
    act_count(self->ctx, METRIC_MESSAGES_REFUSED, code, 1);
    session_say(self, session, &type_event_error, "event.error", &error, 1024);
}

void
session_count_refused(gateway_t *self, session_t *session)
{
    if (++session->refused >= GATEWAY_REFUSED_MAX) {
        session_end(self, session, CLOSE_CODE_BAD_FRAME);
    }
}

uint8_t *
gateway_take(gateway_t *self, uint64_t handle, size_t *length, bool *more)
{
    *more = false;
    session_t *session = session_find(self, handle);
    if (session == NULL) {
        return NULL;
    }
    uint8_t *frame =
        outbox_take(&session->outbox, (codec_format_t)session->format, WIRE_HEADROOM, &self->frame, length);
    if (frame != NULL) {
        act_count(self->ctx, METRIC_FRAMES_OUT, 0, 1);
        act_count(self->ctx, METRIC_BYTES_OUT, 0, *length);
    }
    session->waiting_at = act_now(self->ctx);
    *more = session->outbox.count > 0;
    session->asked_write = *more;
    if (!*more) {
        if (session->state == SESSION_CLOSING) {
            session_close_wire(self, session);
        } else if (session->stale) {
            session_drained(self, session);
        }
    } else {
        session_watch(self, session);
    }
    return frame;
}

/* False: nothing of this session has a time limit any more. */
static bool
session_check(gateway_t *self, session_t *session, act_usec_t now)
{
    act_usec_t age = now - session->since;
    switch ((session_phase_t)session->state) {
    case SESSION_OPENED:
        if (age >= self->limits.join_usec) {
            session_refuse(self, session, ERROR_NOT_JOINED, NULL, 0, 0);
            session_end(self, session, CLOSE_CODE_NOT_JOINED);
        }
        return true;
    case SESSION_CLOSING:
        if (age >= GATEWAY_DRAIN_USEC) {
            outbox_clear(&session->outbox);
            session_close_wire(self, session);
        }
        return !session->close_told;
    case SESSION_WATCHING:
    case SESSION_JOINING:
    case SESSION_JOINED:
        break;
    case SESSION_FREE:
        ACT_UNREACHABLE("a free slot is not watched");
    }
    if (session->asked_write && now - session->waiting_at >= self->limits.stall_usec) {
        session_end(self, session, CLOSE_CODE_SLOW_CONSUMER);
        return true;
    }
    if (session->partial != NULL && now - session->partial_at >= self->limits.join_usec) {
        session_refuse(self, session, ERROR_BAD_REQUEST, "the rest of a message did not come", 0, 0);
        session_end(self, session, CLOSE_CODE_BAD_FRAME);
        return true;
    }
    if (session->resync_at != 0 && now - session->resync_at >= GATEWAY_RESYNC_USEC) {
        session_drained(self, session);
    }
    return session->asked_write || session->partial != NULL || session->stale;
}

void
session_sweep(gateway_t *self)
{
    act_usec_t now = act_now(self->ctx);
    uint32_t slot = self->watch_first;
    while (slot != GATEWAY_NONE) {
        session_t *session = &self->sessions[slot];
        slot = session->watch_next;
        act_trace_set(self->ctx, session->trace);
        if (!session_check(self, session, now)) {
            session_unwatch(self, session);
        }
    }
    if (self->watch_first != GATEWAY_NONE) {
        act_timer_start(self->ctx, GATEWAY_TIMER_SWEEP, GATEWAY_SWEEP_USEC);
    }
}

void
session_fini_all(gateway_t *self)
{
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        session_t *session = &self->sessions[slot];
        if (session->state == SESSION_FREE) {
            continue;
        }
        session_end(self, session, CLOSE_CODE_SHUTDOWN);
        session_close_wire(self, session);
        session_free(self, session);
    }
    free(self->sessions);
    free(self->clocks);
    self->sessions = NULL;
    self->clocks = NULL;
    self->sessions_used = 0;
}
