/* POST connect: what is asked, what can be said without a decision, and the one outcome that each connect has. */
#include "admission_state.h"

#include <string.h>

static const int64_t admission_retry_seconds[REASON_COUNT] = {
    [REASON_MAINTENANCE] = 10, [REASON_DRAINING] = 10, [REASON_ALREADY_IN_SESSION] = 5,
    [REASON_QUEUE_FULL] = 5,   [REASON_TIMEOUT] = 1,   [REASON_DEPENDENCY_UNAVAILABLE] = 2,
    [REASON_OVERLOADED] = 1,   [REASON_INTERNAL] = 5,
};

static registry_attempt_t
admission_attempt_of(const char *user_id, const char *address)
{
    registry_attempt_t attempt = {.has_user = user_id != NULL};
    if (user_id != NULL) {
        secret_hash(user_id, attempt.user);
    }
    secret_hash(address, attempt.address);
    return attempt;
}

/* One more failed attempt (A9). Returns how long its user or address is locked now, in seconds. */
static int64_t
admission_count_failure(const admission_t *self, act_ctx_t *ctx, const char *user_id, const char *address)
{
    registry_t *registry = self->config->registry;
    registry_attempt_t attempt = admission_attempt_of(user_id, address);
    int64_t before = 0, left = 0;
    registry->attempt_left(registry, act_now(ctx), &attempt, &before);
    registry->attempt_failed(registry, act_now(ctx), &attempt, &self->config->attempts, &left);
    if (left > 0 && before == 0) {
        char hash[13] = "";
        if (user_id != NULL) {
            log_hash(user_id, hash);
        }
        act_count(ctx, METRIC_LOCKOUTS, 0, 1);
        act_log(ctx, LOG_WARN, "locked-out", "too many failed connects: a user or an address has to wait",
                LOG_S("user", hash), LOG_N("seconds", (left + 999) / 1000));
    }
    return (left + 999) / 1000;
}

/* How long this attempt has to wait, in seconds; 0: not. A registry that is away locks nobody out. */
static int64_t
admission_locked_seconds(const admission_t *self, act_ctx_t *ctx, const char *user_id, const char *address)
{
    registry_attempt_t attempt = admission_attempt_of(user_id, address);
    int64_t left = 0;
    registry_t *registry = self->config->registry;
    if (registry->attempt_left(registry, act_now(ctx), &attempt, &left) != REGISTRY_OK) {
        return 0;
    }
    return (left + 999) / 1000;
}

/* ---- outcomes ---- */

void
admission_log_outcome(act_ctx_t *ctx, const char *event, const char *sentence, const char *session_id,
                      const char *user_id, const char *reason)
{
    char hash[13];
    log_hash(user_id, hash);
    act_log(ctx, LOG_INFO, event, sentence, LOG_S("session", session_id), LOG_S("user", hash), LOG_S("reason", reason));
}

void
admission_refuse_with(const admission_t *self, act_ctx_t *ctx, const admission_pending_t *who, reason_t reason,
                      msg_admission_connected_t *body)
{
    body->outcome = reason == REASON_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED;
    body->has_reason = true;
    body->reason = reason;
    if (!body->has_retry_after_seconds && admission_retry_seconds[reason] > 0) {
        body->has_retry_after_seconds = true;
        body->retry_after_seconds = admission_retry_seconds[reason];
    }
    if (!reason_transient[reason]) {
        admission_count_failure(self, ctx, who->user_id, who->address);
    }
    act_count(ctx, METRIC_CONNECTS, body->outcome, 1);
    act_count(ctx, METRIC_CONNECT_REASONS, reason, 1);
    admission_log_outcome(ctx, "session-refused", "a connect was not admitted", who->session_id, who->user_id,
                          reason_names[reason]);
    reply_admission_connected(ctx, &who->request, body);
}

void
admission_refuse(const admission_t *self, act_ctx_t *ctx, const admission_pending_t *who, reason_t reason)
{
    msg_admission_connected_t body = {0};
    admission_refuse_with(self, ctx, who, reason, &body);
}

void
admission_refuse_pending(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, reason_t reason)
{
    if (pending->is_end) {
        admission_decline(ctx, &pending->request,
                          reason == REASON_NOT_OWNER || reason == REASON_NO_ACTIVE_CHARACTER ? ERROR_NOT_FOUND
                          : reason == REASON_TIMEOUT                                         ? ERROR_TIMEOUT
                                                                                             : ERROR_UNAVAILABLE);
    } else {
        admission_refuse(self, ctx, pending, reason);
    }
    admission_table_drop(&self->table, pending);
}

/* ---- messages ---- */

static void
admission_ask_character(admission_t *self, act_ctx_t *ctx, const admission_pending_t *pending, bool has_character_id,
                        const char *character_id)
{
    msg_persistence_find_character_t find = {.has_character_id = has_character_id};
    memcpy(find.user_id, pending->user_id, sizeof find.user_id);
    admission_copy_text(find.character_id, sizeof find.character_id, character_id);
    request_persistence_find_character(ctx, act_key(ctx), &find, ADMISSION_FIND_USEC,
                                       (uint64_t)ADMISSION_ASK_CHARACTER << 56 |
                                           admission_table_context(&self->table, pending));
}

/* What can be said against a connect without the store or the registry's seats. */
static bool
admission_is_refused_at_once(admission_t *self, act_ctx_t *ctx, const admission_pending_t *who, const char *build)
{
    int64_t locked = admission_locked_seconds(self, ctx, who->user_id, who->address);
    if (locked > 0) {
        msg_admission_connected_t body = {.has_retry_after_seconds = true, .retry_after_seconds = locked};
        admission_refuse_with(self, ctx, who, REASON_RATE_LIMITED, &body);
        return true;
    }
    if (!self->open || strcmp(build, self->config->build) != 0) {
        admission_refuse(self, ctx, who, self->open ? REASON_VERSION_MISMATCH : REASON_INVALID_INSTANCE);
        return true;
    }
#ifdef PLAYHOUSE_PLANTED_CAPACITY
    /* The other half of the planted bug: check here, act later. */
    registry_count_t count = {0};
    self->config->registry->count(self->config->registry, act_now(ctx), act_key(ctx), &count);
    if (count.connecting + count.active + count.grace >= admission_capacity(self)) {
        admission_refuse(self, ctx, who, REASON_QUEUE_FULL);
        return true;
    }
#endif
    return false;
}

void
admission_on_connect(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_connect_t *body = request->body;
    admission_pending_t who = {.request = *request, .role = body->role};
    memcpy(who.session_id, body->session_id, sizeof who.session_id);
    memcpy(who.user_id, body->user_id, sizeof who.user_id);
    memcpy(who.address, body->address, sizeof who.address);
    if (admission_is_refused_at_once(self, ctx, &who, body->build)) {
        return;
    }
    admission_pending_t *pending = admission_table_find(&self->table, body->session_id);
    if (pending != NULL) {
        pending->request = *request; /* a repeat: whoever asked last hears the one decision */
        pending->request.body = NULL;
        return;
    }
    pending = admission_table_add(&self->table, request, body->session_id);
    if (pending == NULL) {
        admission_refuse(self, ctx, &who, REASON_OVERLOADED);
        return;
    }
    pending->role = body->role;
    pending->auth_until = body->auth_until;
    memcpy(pending->user_id, body->user_id, sizeof pending->user_id);
    memcpy(pending->address, body->address, sizeof pending->address);
    if (body->has_replace_token) {
        memcpy(pending->replace_token, body->replace_token, sizeof pending->replace_token);
    }
    if (body->has_reconnect_token) {
        memcpy(pending->reconnect_token, body->reconnect_token, sizeof pending->reconnect_token);
        admission_decide(self, ctx, pending);
    } else {
        admission_ask_character(self, ctx, pending, body->has_character_id, body->character_id);
    }
}

void
admission_on_end(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_end_t *body = request->body;
    admission_pending_t *pending = admission_table_add(&self->table, request, "");
    if (pending == NULL) {
        admission_decline(ctx, request, ERROR_OVERLOADED);
        return;
    }
    pending->is_end = true;
    memcpy(pending->user_id, body->user_id, sizeof pending->user_id);
    if (body->has_replace_token) {
        memcpy(pending->replace_token, body->replace_token, sizeof pending->replace_token);
        admission_decide(self, ctx, pending);
    } else {
        admission_ask_character(self, ctx, pending, body->has_character_id, body->character_id);
    }
}

void
admission_on_attempt(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_attempt_t *body = request->body;
    msg_admission_attempted_t answer = {.retry_after_seconds =
                                            admission_locked_seconds(self, ctx, NULL, body->address)};
    if (answer.retry_after_seconds == 0) {
        admission_count_failure(self, ctx, NULL, body->address); /* this one is still told 401 */
    }
    act_count(ctx, METRIC_CONNECTS, OUTCOME_FAILED, 1);
    act_count(ctx, METRIC_CONNECT_REASONS,
              answer.retry_after_seconds > 0 ? REASON_RATE_LIMITED : REASON_UNAUTHENTICATED, 1);
    reply_admission_attempted(ctx, request, &answer);
}

static reason_t
admission_reason_of_answer(const msg_t *answer)
{
    if (answer->type == MSG_ACT_NO_ANSWER) {
        error_code_t code = ((const msg_act_no_answer_t *)answer->body)->code;
        return code == ERROR_TIMEOUT      ? REASON_TIMEOUT
               : code == ERROR_OVERLOADED ? REASON_OVERLOADED
                                          : REASON_DEPENDENCY_UNAVAILABLE;
    }
    switch (((const msg_persistence_failed_t *)answer->body)->fault) {
    case STORE_FAULT_NOT_FOUND:
        return REASON_NO_ACTIVE_CHARACTER;
    case STORE_FAULT_NOT_OWNER:
        return REASON_NOT_OWNER;
    case STORE_FAULT_FULL:
    case STORE_FAULT_UNAVAILABLE:
        return REASON_DEPENDENCY_UNAVAILABLE;
    default:
        return REASON_INTERNAL;
    }
}

void
admission_on_character(admission_t *self, act_ctx_t *ctx, const msg_t *answer)
{
    admission_pending_t *pending = admission_table_answered(&self->table, answer->context);
    if (pending == NULL) {
        return;
    }
    if (answer->type != MSG_PERSISTENCE_CHARACTER) {
        admission_refuse_pending(self, ctx, pending, admission_reason_of_answer(answer));
        return;
    }
    const obj_character_t *character = &((const msg_persistence_character_t *)answer->body)->character;
    if (character->suspended && !pending->is_end) {
        admission_refuse_pending(self, ctx, pending, REASON_SUSPENDED);
        return;
    }
    admission_copy_text(pending->character_id, sizeof pending->character_id, character->id);
    admission_copy_text(pending->name, sizeof pending->name, character->name);
    admission_decide(self, ctx, pending);
}
