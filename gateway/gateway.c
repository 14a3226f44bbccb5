#include "state.h"

#include <stdlib.h>
#include <string.h>

static void
gateway_limits_read(gateway_limits_t *limits, const config_t *config)
{
    *limits = (gateway_limits_t){
        .frame_max = (uint32_t)config_int(config, CONFIG_GATEWAY_FRAME_MAX),
        .connections_max = (uint32_t)config_int(config, CONFIG_GATEWAY_CONNECTIONS_MAX),
        .address_max = (uint32_t)config_int(config, CONFIG_GATEWAY_ADDRESS_MAX),
        .idle_seconds = (uint32_t)config_int(config, CONFIG_GATEWAY_IDLE_SECONDS),
        .idle_warning_seconds = (uint32_t)config_int(config, CONFIG_GATEWAY_IDLE_WARNING_SECONDS),
        .auth_warning_seconds = (uint32_t)config_int(config, CONFIG_GATEWAY_AUTH_WARNING_SECONDS),
        .outbox_max = (size_t)config_int(config, CONFIG_GATEWAY_OUTBOX_MAX),
        .coalesce_at = (size_t)config_int(config, CONFIG_GATEWAY_COALESCE_AT),
        .stall_usec = config_int(config, CONFIG_GATEWAY_STALL_SECONDS) * ACT_SEC,
        .join_usec = config_int(config, CONFIG_GATEWAY_JOIN_SECONDS) * ACT_SEC,
        .moves_per_second = config_int(config, CONFIG_GATEWAY_MOVES_PER_SECOND),
        .chats_per_second = config_int(config, CONFIG_GATEWAY_CHATS_PER_SECOND),
    };
}

/* Limits that only make sense together. */
static bool
gateway_limits_ok(const gateway_limits_t *limits, act_ctx_t *ctx)
{
    if (limits->idle_seconds == 0 || limits->idle_warning_seconds < limits->idle_seconds) {
        return true;
    }
    act_log(ctx, LOG_ERROR, "cannot-start",
            "gateway.idle_warning_seconds is not less than gateway.idle_seconds: a session would be warned before it "
            "is idle; make it shorter, or gateway.idle_seconds 0",
            LOG_N("idleSeconds", limits->idle_seconds), LOG_N("idleWarningSeconds", limits->idle_warning_seconds));
    return false;
}

static const char gateway_digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
gateway_digits_write(uint64_t number, char *text, size_t digits)
{
    for (size_t i = digits; i > 0; i--) {
        text[i - 1] = gateway_digits[number & 63];
        number >>= 6;
    }
}

void
gateway_draw_id(gateway_t *self, char id[25])
{
    uint64_t bits[2];
    act_random_secret(self->ctx, bits, sizeof(bits));
    gateway_digits_write(bits[0], id, 10); /* 60 bits of each */
    gateway_digits_write(bits[1], id + 10, 10);
    id[20] = '\0';
}

void
gateway_session_id(const gateway_t *self, uint64_t handle, char id[25])
{
    memcpy(id, self->session_prefix, GATEWAY_SESSION_PREFIX);
    gateway_digits_write(handle, id + GATEWAY_SESSION_PREFIX, 9); /* a handle has 53 bits */
    id[GATEWAY_SESSION_PREFIX + 9] = '\0';
}

static bool
gateway_init(void *state, act_ctx_t *ctx, const void *config)
{
    gateway_t *self = state;
    self->ctx = ctx;
    self->config = config;
    gateway_limits_read(&self->limits, self->config->config);
    if (!gateway_limits_ok(&self->limits, ctx)) {
        return false;
    }
    self->sessions = calloc(self->limits.connections_max, sizeof(*self->sessions));
    self->clocks = calloc(self->limits.connections_max, sizeof(*self->clocks));
    self->requests = calloc(GATEWAY_HTTP_CAP, sizeof(*self->requests));
    ACT_ASSERT(self->sessions != NULL && self->clocks != NULL && self->requests != NULL);
    self->sessions_free = self->watch_first = self->requests_free = GATEWAY_NONE;
    self->generation = act_random(ctx) >> 33; /* 31 bits; with those to come and the slot it stays below 2^53 */
    gateway_digits_write(act_random(ctx), self->session_prefix, GATEWAY_SESSION_PREFIX);
    instances_init(self);
    act_timer_start(ctx, GATEWAY_TIMER_BEAT, 0);
    self->wire = self->config->wire->start(self, ctx, self->config);
    return self->wire != NULL;
}

/* Has the client of this connection said that it leaves, and waits only for its close? */
static bool
gateway_has_left(const session_t *session)
{
    return session != NULL && session->state == SESSION_CLOSING && session->close == CLOSE_CODE_LEFT;
}

static void
gateway_on_enter_answer(gateway_t *self, const msg_t *msg, session_t *session)
{
    if (session == NULL || session->state != SESSION_JOINING || session->audience != NULL) {
        session_undo(self, msg, gateway_has_left(session));
    } else if (msg->type == MSG_ADMISSION_ENTERED) {
        session_on_entered(self, session, msg);
    } else if (msg->type == MSG_ADMISSION_REFUSED) {
        const msg_admission_refused_t *refused = msg->body;
        session_on_secret_refused(self, session, refused->fault);
    } else {
        const msg_act_no_answer_t *none = msg->body;
        session_on_not_joined(self, session, none->code, CLOSE_CODE_OVERLOADED);
    }
}

static void
gateway_on_attach_answer(gateway_t *self, const msg_t *msg, session_t *session)
{
    if (session == NULL || session->state != SESSION_WATCHING || session->turn != 0) {
        session_undo(self, msg, gateway_has_left(session));
    } else if (msg->type == MSG_QUEUE_ATTACHED) {
        session_on_attached(self, session, msg);
    } else if (msg->type == MSG_QUEUE_REFUSED) {
        const msg_queue_refused_t *refused = msg->body;
        session_on_secret_refused(self, session, refused->fault);
    } else {
        const msg_act_no_answer_t *none = msg->body;
        session_on_not_joined(self, session, none->code, CLOSE_CODE_OVERLOADED);
    }
}

static void
gateway_on_join_answer(gateway_t *self, const msg_t *msg, session_t *session)
{
    bool rejoins = session != NULL && session->state == SESSION_JOINED && session->hold != NULL;
    if (session == NULL || (session->state != SESSION_JOINING && !rejoins)) {
        session_undo(self, msg, false);
    } else if (msg->type == MSG_ROOM_JOINED && !session_room_is(session, &msg->from)) {
        session_undo(self, msg, false); /* its fellows were let in by another owner meanwhile: it follows them */
        session_ask_again(self, session);
    } else if (msg->type == MSG_ROOM_JOINED) {
        (rejoins ? session_on_rejoined : session_on_joined)(self, session, msg);
    } else if (msg->type == MSG_ROOM_REFUSED) {
        const msg_room_refused_t *refused = msg->body;
        if (refused->has_moved && refused->moved) {
            session_ask_again(self, session);
        } else {
            session_on_not_joined(self, session, refused->code, CLOSE_CODE_ROOM_CLOSED);
        }
    } else if (rejoins) {
        session_on_not_joined(self, session, ERROR_UNAVAILABLE, CLOSE_CODE_ROOM_CLOSED);
    } else {
        const msg_act_no_answer_t *none = msg->body;
        session_on_not_joined(self, session, none->code, CLOSE_CODE_OVERLOADED);
    }
}

static void
gateway_on_answer(gateway_t *self, const msg_t *msg)
{
    uint64_t handle = msg->context & ((UINT64_C(1) << 56) - 1);
    switch ((gateway_ask_t)(msg->context >> 56)) {
    case GATEWAY_ASK_ENTER:
        gateway_on_enter_answer(self, msg, session_find(self, handle));
        return;
    case GATEWAY_ASK_ATTACH:
        gateway_on_attach_answer(self, msg, session_find(self, handle));
        return;
    case GATEWAY_ASK_JOIN:
        gateway_on_join_answer(self, msg, session_find(self, handle));
        return;
    case GATEWAY_ASK_REFRESH:
        session_on_refresh_answer(self, session_find(self, handle), msg);
        return;
    case GATEWAY_ASK_HTTP:
    case GATEWAY_ASK_IDENTITY:
        http_receive(self, msg);
        return;
    }
    ACT_UNREACHABLE("an answer comes back with the context it was asked with");
}

static void
gateway_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)ctx;
    gateway_t *self = state;
    switch ((gateway_inbox_t)msg->type) {
    case GATEWAY_INBOX_ACK:
        session_on_ack(self, msg->body);
        return;
    case GATEWAY_INBOX_REFUSED:
        session_on_refused(self, msg->body);
        return;
    case GATEWAY_INBOX_DELTA:
        session_on_delta(self, msg);
        return;
    case GATEWAY_INBOX_STATE:
        session_on_state(self, msg->body);
        return;
    case GATEWAY_INBOX_END:
        session_on_end(self, msg);
        return;
    case GATEWAY_INBOX_ROOM_MOVING:
        session_on_room_moving(self, msg);
        return;
    case GATEWAY_INBOX_ROOM_MOVED:
        session_on_room_moved(self, msg);
        return;
    case GATEWAY_INBOX_QUEUE_POSITION:
        session_on_position(self, msg->body);
        return;
    case GATEWAY_INBOX_ADMITTED:
        session_on_admitted(self, msg->body);
        return;
    case GATEWAY_INBOX_NOTICE:
        instances_on_notice(self, msg->body);
        return;
    case GATEWAY_INBOX_REPORT:
        instances_on_report(self, msg->body);
        return;
    case GATEWAY_INBOX_ADMISSION_CONNECTED:
    case GATEWAY_INBOX_ADMISSION_ATTEMPTED:
    case GATEWAY_INBOX_ADMISSION_ENTERED:
    case GATEWAY_INBOX_ADMISSION_REFUSED:
    case GATEWAY_INBOX_ADMISSION_ENDED:
    case GATEWAY_INBOX_ADMISSION_DECLINED:
    case GATEWAY_INBOX_ADMISSION_FOUND:
    case GATEWAY_INBOX_ADMISSION_INSTANCE:
    case GATEWAY_INBOX_ADMISSION_SESSIONS:
    case GATEWAY_INBOX_AUTH_VERIFIED:
    case GATEWAY_INBOX_AUTH_REFUSED:
    case GATEWAY_INBOX_AUTH_PONG:
    case GATEWAY_INBOX_METRICS_TEXT:
    case GATEWAY_INBOX_METRICS_ACTOR_LIST:
    case GATEWAY_INBOX_NODE_VIEWED:
    case GATEWAY_INBOX_PERSISTENCE_CHARACTERS:
    case GATEWAY_INBOX_PERSISTENCE_CHARACTER:
    case GATEWAY_INBOX_PERSISTENCE_PONG:
    case GATEWAY_INBOX_PERSISTENCE_MUTED:
    case GATEWAY_INBOX_PERSISTENCE_FAILED:
    case GATEWAY_INBOX_QUEUE_ATTACHED:
    case GATEWAY_INBOX_QUEUE_REFUSED:
    case GATEWAY_INBOX_QUEUE_STANDING:
    case GATEWAY_INBOX_ROOM_JOINED:
    case GATEWAY_INBOX_ROOM_REFUSED:
    case GATEWAY_INBOX_ACT_NO_ANSWER:
        gateway_on_answer(self, msg);
        return;
    }
    ACT_UNREACHABLE("the runtime delivers only what the schema sends here");
}

/* Does a connection hold this session by this turn? */
static bool
gateway_holds(const gateway_t *self, const char *session_id, int64_t turn)
{
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        const session_t *session = &self->sessions[slot];
        if (session->turn == turn && strcmp(session->session_id, session_id) == 0) {
            return true;
        }
    }
    return false;
}

/* A seat or a place that came after its asker had given up is given back; a copy of an answer that was in time is not.
 * (A connect that was given up sent its admission.leave then.) */
static void
gateway_late(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)ctx;
    gateway_t *self = state;
    bool here = true;
    if (msg->type == MSG_ROOM_JOINED) {
        const msg_room_joined_t *joined = msg->body;
        const session_t *session = session_find(self, (uint64_t)joined->connection);
        here = session != NULL && session->member == joined->member;
    } else if (msg->type == MSG_ADMISSION_ENTERED) {
        const msg_admission_entered_t *entered = msg->body;
        here = gateway_holds(self, entered->session_id, entered->turn);
    } else if (msg->type == MSG_QUEUE_ATTACHED) {
        const msg_queue_attached_t *attached = msg->body;
        here = gateway_holds(self, attached->session_id, attached->turn);
    }
    if (!here) {
        session_undo(self, msg, false);
    }
}

static void
gateway_expire(void *state, act_ctx_t *ctx, int timer)
{
    (void)ctx;
    switch ((gateway_timer_t)timer) {
    case GATEWAY_TIMER_SWEEP:
        session_sweep(state);
        return;
    case GATEWAY_TIMER_BEAT:
        instances_beat(state);
        session_tick(state);
        return;
    case GATEWAY_TIMER_MOVE:
        session_look_at_moves(state);
        return;
    }
    ACT_UNREACHABLE("the gateway has three timers");
}

static void
gateway_view(void *state, act_ctx_t *ctx)
{
    (void)ctx;
    instances_view(state);
    session_on_view(state);
}

static void
gateway_fini(void *state, act_ctx_t *ctx)
{
    (void)ctx;
    gateway_t *self = state;
    session_fini_all(self);
    http_fini_all(self);
    if (self->wire != NULL) { /* it may have been init that failed */
        self->config->wire->stop(self->wire);
    }
    outbox_frame_fini(&self->frame);
    instances_fini(self);
}

const act_kind_t gateway_kind = {
    .id = ACT_KIND_GATEWAY,
    .name = "gateway",
    .keying = ACT_SHARDED,
    .state_size = sizeof(gateway_t),
    .init = gateway_init,
    .receive = gateway_receive,
    .expire = gateway_expire,
    .view = gateway_view,
    .late = gateway_late,
    .fini = gateway_fini,
};
