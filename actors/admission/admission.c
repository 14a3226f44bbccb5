#include "admission.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "admission_pending.h"
#include "send.h"

typedef enum admission_timer { ADMISSION_TIMER_EXPIRY } admission_timer_t;

typedef struct admission {
    const admission_config_t *config;
    bool open; /* this key is an instance of ours */
    admission_table_t table;
} admission_t;

static void
admission_log_outcome(act_ctx_t *ctx, const char *session_id, const char *user_id, const char *reason)
{
    char hash[13];
    log_hash(user_id, hash);
    if (reason == NULL) {
        act_log(ctx, LOG_INFO, "session-admitted", "a session has its seat", LOG_S("session", session_id),
                LOG_S("user", hash));
    } else {
        act_log(ctx, LOG_INFO, "session-refused", "a connect was not admitted", LOG_S("session", session_id),
                LOG_S("user", hash), LOG_S("reason", reason));
    }
}

static void
admission_refuse(act_ctx_t *ctx, const msg_t *request, const char *session_id, const char *user_id, reason_t reason)
{
    msg_admission_connected_t body = {
        .outcome = reason == REASON_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED,
        .has_reason = true,
        .reason = reason,
        .has_retry_after_seconds = reason == REASON_QUEUE_FULL,
        .retry_after_seconds = reason == REASON_QUEUE_FULL ? ADMISSION_RETRY_SECONDS : 0,
    };
    act_count(ctx, METRIC_CONNECTS, body.outcome, 1);
    act_count(ctx, METRIC_CONNECT_REASONS, reason, 1);
    admission_log_outcome(ctx, session_id, user_id, reason_names[reason]);
    reply_admission_connected(ctx, request, &body);
}

static void
admission_refuse_pending(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, reason_t reason)
{
    admission_refuse(ctx, &pending->request, pending->session_id, pending->user_id, reason);
    admission_table_drop(&self->table, pending);
}

/* 32 secret bytes as 43 characters of base64url. */
static void
admission_draw_ticket(act_ctx_t *ctx, char ticket[44])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[33] = {0}; /* one more, to end on a whole group of three */
    act_random_secret(ctx, bytes, 32);
    char *out = ticket;
    for (size_t i = 0; i < sizeof bytes; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6) {
            *out++ = letters[group >> shift & 63];
        }
    }
    ticket[43] = '\0'; /* over the last character, which is all padding */
}

static void
admission_hash_ticket(const char *ticket, uint8_t hash[REGISTRY_HASH_SIZE])
{
    _Static_assert(REGISTRY_HASH_SIZE == SHA256_DIGEST_LENGTH, "tickets are known by their SHA-256");
    SHA256((const uint8_t *)ticket, strlen(ticket), hash);
}

/* Frees the seats of tickets that have run out, and wakes up for the next one. */
static void
admission_sweep(admission_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    registry_session_t ended;
    while (registry->sweep(registry, act_now(ctx), act_key(ctx), &ended) == REGISTRY_OK) {
        act_gauge(ctx, METRIC_SESSIONS_CONNECTING, 0, -1);
        act_log(ctx, LOG_INFO, "session-ended", "a ticket was not used in time; its seat is free",
                LOG_S("session", ended.session_id), LOG_S("reason", "TICKET_EXPIRED"));
    }
    act_usec_t left = registry->next(registry, act_now(ctx), act_key(ctx));
    if (left >= 0) {
        act_timer_start(ctx, ADMISSION_TIMER_EXPIRY, left);
    }
}

static reason_t
admission_claim_reason(registry_result_t result)
{
    switch (result) {
    case REGISTRY_FULL:
        return REASON_QUEUE_FULL;
    case REGISTRY_EXISTS:
    case REGISTRY_REPEATED: /* a repeat gets no second ticket; the first answer had it */
        return REASON_ALREADY_IN_SESSION;
    case REGISTRY_UNAVAILABLE:
        return REASON_DEPENDENCY_UNAVAILABLE;
    case REGISTRY_OK:
    case REGISTRY_UNKNOWN:
        break;
    }
    ACT_UNREACHABLE("claim does not answer so");
}

/* The one atomic step: a seat, and the character is nobody else's. Then a ticket for it. */
static void
admission_claim(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, const obj_character_t *character)
{
    registry_t *registry = self->config->registry;
    registry_limits_t limits = self->config->limits;
#ifdef PLAYHOUSE_PLANTED_CAPACITY
    /* A BUG, PLANTED ON PURPOSE, in no build but the one that shows that the simulation catches it: capacity was
     * checked when the connect came in (see admission_on_connect), and is not checked again where the seat is taken. */
    limits.capacity = UINT32_MAX;
#endif
    msg_admission_connected_t body = {.outcome = OUTCOME_ADMITTED, .has_character_id = true, .has_ticket = true};
    registry_session_t session = {.role = pending->role};
    uint8_t hash[REGISTRY_HASH_SIZE];
    admission_draw_ticket(ctx, body.ticket);
    admission_hash_ticket(body.ticket, hash);
    snprintf(session.session_id, sizeof session.session_id, "%s", pending->session_id);
    snprintf(session.character_id, sizeof session.character_id, "%s", character->id);
    snprintf(session.instance, sizeof session.instance, "%s", act_key(ctx));
    snprintf(session.name, sizeof session.name, "%s", character->name);
    snprintf(session.user_id, sizeof session.user_id, "%s", pending->user_id);
    snprintf(body.character_id, sizeof body.character_id, "%s", character->id);
    admission_sweep(self, ctx);
    registry_result_t result = registry->claim(registry, act_now(ctx), &session, hash, &limits);
    if (result != REGISTRY_OK) {
        admission_refuse_pending(self, ctx, pending, admission_claim_reason(result));
        return;
    }
    if (!act_timer_running(ctx, ADMISSION_TIMER_EXPIRY)) {
        act_timer_start(ctx, ADMISSION_TIMER_EXPIRY, limits.ticket_usec);
    }
    act_gauge(ctx, METRIC_SESSIONS_CONNECTING, 0, 1);
    act_count(ctx, METRIC_CONNECTS, OUTCOME_ADMITTED, 1);
    admission_log_outcome(ctx, session.session_id, session.user_id, NULL);
    reply_admission_connected(ctx, &pending->request, &body);
    admission_table_drop(&self->table, pending);
}

static void
admission_on_connect(admission_t *self, act_ctx_t *ctx, const msg_t *request, const msg_admission_connect_t *body)
{
    if (!self->open) {
        admission_refuse(ctx, request, body->session_id, body->user_id, REASON_INVALID_INSTANCE);
        return;
    }
    if (strcmp(body->build, self->config->build) != 0) {
        admission_refuse(ctx, request, body->session_id, body->user_id, REASON_VERSION_MISMATCH);
        return;
    }
#ifdef PLAYHOUSE_PLANTED_CAPACITY
    /* The other half of the planted bug: check here, act later. */
    registry_count_t taken = self->config->registry->count(self->config->registry, act_key(ctx));
    if (taken.connecting + taken.active >= self->config->limits.capacity) {
        admission_refuse(ctx, request, body->session_id, body->user_id, REASON_QUEUE_FULL);
        return;
    }
#endif
    admission_pending_t *pending = admission_table_find(&self->table, body->session_id);
    if (pending != NULL) {
        pending->request = *request; /* a repeat: whoever asked last hears the one decision */
        pending->request.body = NULL;
        return;
    }
    pending = admission_table_add(&self->table, request, body);
    if (pending == NULL) {
        admission_refuse(ctx, request, body->session_id, body->user_id, REASON_OVERLOADED);
        return;
    }
    msg_persistence_find_character_t find = {.has_character_id = body->has_character_id};
    memcpy(find.user_id, body->user_id, sizeof find.user_id);
    memcpy(find.character_id, body->character_id, sizeof find.character_id);
    request_persistence_find_character(ctx, act_key(ctx), &find, ADMISSION_FIND_USEC,
                                       admission_table_context(&self->table, pending));
}

static void
admission_on_character(admission_t *self, act_ctx_t *ctx, const msg_t *answer, const msg_persistence_character_t *body)
{
    admission_pending_t *pending = admission_table_answered(&self->table, answer->context);
    if (pending == NULL) {
        return;
    }
    if (pending->request.deadline != 0 && act_now(ctx) >= pending->request.deadline) {
        admission_refuse_pending(self, ctx, pending, REASON_TIMEOUT); /* nobody would use the seat */
        return;
    }
    if (body->character.suspended) {
        admission_refuse_pending(self, ctx, pending, REASON_SUSPENDED);
        return;
    }
    admission_claim(self, ctx, pending, &body->character);
}

static reason_t
admission_store_reason(store_fault_t fault)
{
    switch (fault) {
    case STORE_FAULT_NOT_FOUND:
        return REASON_NO_ACTIVE_CHARACTER;
    case STORE_FAULT_NOT_OWNER:
        return REASON_NOT_OWNER;
    case STORE_FAULT_FULL:
    case STORE_FAULT_UNAVAILABLE:
        return REASON_DEPENDENCY_UNAVAILABLE;
    case STORE_FAULT_LIMIT:
    case STORE_FAULT_STALE_EPOCH:
    case STORE_FAULT_GAP:
    case STORE_FAULT_COUNT:
        break;
    }
    return REASON_INTERNAL;
}

static void
admission_on_failed(admission_t *self, act_ctx_t *ctx, const msg_t *answer, const msg_persistence_failed_t *body)
{
    admission_pending_t *pending = admission_table_answered(&self->table, answer->context);
    if (pending != NULL) {
        admission_refuse_pending(self, ctx, pending, admission_store_reason(body->fault));
    }
}

static void
admission_on_no_answer(admission_t *self, act_ctx_t *ctx, const msg_t *answer, const msg_act_no_answer_t *body)
{
    admission_pending_t *pending = admission_table_answered(&self->table, answer->context);
    if (pending == NULL) {
        return;
    }
    reason_t reason = body->code == ERROR_TIMEOUT      ? REASON_TIMEOUT
                      : body->code == ERROR_OVERLOADED ? REASON_OVERLOADED
                                                       : REASON_DEPENDENCY_UNAVAILABLE;
    admission_refuse_pending(self, ctx, pending, reason);
}

static void
admission_on_redeem(admission_t *self, act_ctx_t *ctx, const msg_t *request, const msg_admission_redeem_t *body)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    uint8_t hash[REGISTRY_HASH_SIZE];
    admission_hash_ticket(body->ticket, hash);
    if (!self->open || registry->redeem(registry, act_now(ctx), act_key(ctx), hash, &session) != REGISTRY_OK) {
        act_log(ctx, LOG_INFO, "ticket-refused", "a ticket is unknown, spent or expired");
        reply_admission_refused(ctx, request, &(msg_admission_refused_t){0});
        return;
    }
    act_gauge(ctx, METRIC_SESSIONS_CONNECTING, 0, -1);
    act_gauge(ctx, METRIC_SESSIONS_ACTIVE, 0, 1);
    act_log(ctx, LOG_INFO, "session-active", "a ticket was redeemed", LOG_S("session", session.session_id),
            LOG_S("room", session.room));
    msg_admission_redeemed_t answer = {.role = session.role};
    memcpy(answer.session_id, session.session_id, sizeof answer.session_id);
    memcpy(answer.character_id, session.character_id, sizeof answer.character_id);
    memcpy(answer.user_id, session.user_id, sizeof answer.user_id);
    memcpy(answer.name, session.name, sizeof answer.name);
    memcpy(answer.room, session.room, sizeof answer.room);
    reply_admission_redeemed(ctx, request, &answer);
}

static void
admission_on_leave(admission_t *self, act_ctx_t *ctx, const msg_admission_leave_t *body)
{
    registry_t *registry = self->config->registry;
    registry_session_t ended;
    admission_pending_t *pending = admission_table_find(&self->table, body->session_id);
    if (pending != NULL) {
        admission_table_drop(&self->table, pending); /* the asker gave up: no seat will be taken */
    }
    if (registry->leave(registry, act_key(ctx), body->session_id, &ended) != REGISTRY_OK) {
        return;
    }
    bool active = ended.state == REGISTRY_ACTIVE;
    act_gauge(ctx, active ? METRIC_SESSIONS_ACTIVE : METRIC_SESSIONS_CONNECTING, 0, -1);
    act_log(ctx, LOG_INFO, "session-ended", "a session is over; its seat is free", LOG_S("session", ended.session_id),
            LOG_S("reason", active ? "LEFT" : "CONNECT_GIVEN_UP"));
}

static bool
admission_init(void *state, act_ctx_t *ctx, const void *config)
{
    admission_t *self = state;
    self->config = config;
    for (const char *const *name = self->config->instances; *name != NULL; name++) {
        self->open = self->open || strcmp(*name, act_key(ctx)) == 0;
    }
    if (self->open) {
        admission_sweep(self, ctx); /* tickets that an earlier state of this key gave */
    }
    return true;
}

static void
admission_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    admission_t *self = state;
    if (!self->open) {
        act_retire(ctx); /* a key that is no instance is not remembered: strangers make up as many as they like */
    }
    switch ((admission_inbox_t)msg->type) {
    case ADMISSION_INBOX_CONNECT:
        admission_on_connect(self, ctx, msg, msg->body);
        return;
    case ADMISSION_INBOX_REDEEM:
        admission_on_redeem(self, ctx, msg, msg->body);
        return;
    case ADMISSION_INBOX_LEAVE:
        admission_on_leave(self, ctx, msg->body);
        return;
    case ADMISSION_INBOX_PERSISTENCE_CHARACTER:
        admission_on_character(self, ctx, msg, msg->body);
        return;
    case ADMISSION_INBOX_PERSISTENCE_FAILED:
        admission_on_failed(self, ctx, msg, msg->body);
        return;
    case ADMISSION_INBOX_ACT_NO_ANSWER:
        admission_on_no_answer(self, ctx, msg, msg->body);
        return;
    }
    ACT_UNREACHABLE("admission hears only what the schema routes to it");
}

static void
admission_expire(void *state, act_ctx_t *ctx, int timer)
{
    switch ((admission_timer_t)timer) {
    case ADMISSION_TIMER_EXPIRY:
        admission_sweep(state, ctx);
        return;
    }
    ACT_UNREACHABLE("admission has one timer");
}

static void
admission_fini(void *state, act_ctx_t *ctx)
{
    (void)ctx; /* whoever waits hears act.no_answer from the runtime, or its own deadline */
    admission_t *self = state;
    admission_table_fini(&self->table);
}

const act_kind_t admission_kind = {
    .id = ACT_KIND_ADMISSION,
    .name = "admission",
    .keying = ACT_KEYED,
    .state_size = sizeof(admission_t),
    .init = admission_init,
    .receive = admission_receive,
    .expire = admission_expire,
    .fini = admission_fini,
};
