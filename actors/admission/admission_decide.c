/* What the registry decides about a connect, and what becomes of it when the store has answered. */
#include "admission_state.h"

#include <string.h>

/* What a connect is told of a session that is let in, or waits; `secret` opens it. */
static admission_answer_t *
admission_good_answer(admission_t *self, act_ctx_t *ctx, const admission_pending_t *pending,
                      const registry_session_t *session, const char *secret)
{
    admission_answer_t *answer = admission_answer_new(self, &pending->request);
    msg_admission_connected_t *body = &answer->body.connected;
    bool waits = session->state == SESSION_STATE_WAITING;
    body->outcome = waits ? OUTCOME_QUEUED : OUTCOME_ADMITTED;
    body->has_session_id = body->has_character_id = true;
    admission_copy_text(body->session_id, sizeof body->session_id, session->session_id);
    admission_copy_text(body->character_id, sizeof body->character_id, session->character_id);
    body->has_ticket = !waits;
    body->has_reconnect_token = waits;
    admission_copy_text(waits ? body->reconnect_token : body->ticket, sizeof body->ticket, secret);
    if (waits) {
        registry_session_t found;
        uint32_t place = 0;
        registry_t *registry = self->config->registry;
        registry->find_session(registry, act_now(ctx), act_key(ctx), session->session_id, &found, &place);
        body->has_position = true;
        body->position = place > 0 ? place : 1; /* 0: it was offered a seat in this very moment */
        body->has_eta_seconds = place > 0 && self->ms_per_place > 0;
        int64_t eta = (place * self->ms_per_place + 999) / 1000;
        body->eta_seconds = eta < 86400 ? eta : 86400;
    }
    return answer;
}

/* ---- the decision ---- */

static void
admission_finish(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, const registry_session_t *session,
                 const char *secret, bool claimed)
{
    admission_answer_t *answer = admission_good_answer(self, ctx, pending, session, secret);
    answer->claimed = claimed;
    admission_save(self, ctx, session, claimed && self->told_degraded ? admission_capacity(self) : 0, answer);
    if (session->state == SESSION_STATE_WAITING) {
        admission_queue_news(self, ctx, session->number);
    }
    admission_table_drop(&self->table, pending);
}

static registry_bearer_t
admission_bearer(const admission_pending_t *pending)
{
    return (registry_bearer_t){.user_id = pending->user_id, .role = pending->role, .auth_until = pending->auth_until};
}

/* A session or a place is taken up again with its token. */
static void
admission_renew(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending)
{
    char secret[SECRET_TEXT_SIZE];
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE];
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    const registry_bearer_t bearer = admission_bearer(pending);
    registry_session_t session;
    secret_hash(pending->reconnect_token, shown);
    secret_draw(ctx, secret, next);
    registry_result_t result =
        registry->renew(registry, act_now(ctx), act_key(ctx), &bearer, shown, next, &limits, &session);
    if (admission_is_lost(self, ctx, result)) {
        return;
    }
    if (result == REGISTRY_OK) {
        act_count(ctx, METRIC_RECONNECTS, 0, 1);
        admission_finish(self, ctx, pending, &session, secret, false);
        return;
    }
    if (result == REGISTRY_SPENT && admission_is_answering(self, &pending->request)) {
        admission_table_drop(&self->table, pending); /* a copy of a connect that was good */
        return;
    }
    secret_fault_t fault = registry_secret_fault(result);
    act_count(ctx, METRIC_SECRETS_REFUSED, fault, 1);
    if (fault == SECRET_FAULT_SPENT) {
        admission_log_outcome(ctx, "token-reused", "a reconnect token was shown that had been used before",
                              pending->session_id, pending->user_id, secret_fault_names[fault]);
    }
    admission_refuse_pending(self, ctx, pending,
                             result == REGISTRY_EXPIRED ? REASON_RECONNECT_EXPIRED : REASON_RECONNECT_INVALID);
}

/* False: the token confirms nothing (any more), and the connect goes on like one without. */
static bool
admission_replace(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending)
{
    char secret[SECRET_TEXT_SIZE];
    uint8_t ask[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE];
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    const registry_bearer_t bearer = admission_bearer(pending);
    registry_session_t session, before;
    secret_hash(pending->replace_token, ask);
    secret_draw(ctx, secret, next);
    if (!admission_end_attempt(self, ctx, pending->user_id, pending->character_id)) {
        return true; /* the registry wants it ended first: a user has one attempt under way */
    }
    registry_result_t result =
        registry->replace(registry, act_now(ctx), act_key(ctx), &bearer, ask, next, &limits, &session, &before);
    if (admission_is_lost(self, ctx, result)) {
        return true;
    }
    if (result != REGISTRY_OK && admission_is_answering(self, &pending->request)) {
        admission_table_drop(&self->table, pending); /* a copy of a confirmation that was good */
        return true;
    }
    if (result != REGISTRY_OK) {
        return false;
    }
    act_count(ctx, METRIC_REPLACEMENTS, 0, 1);
    admission_log_outcome(ctx, "session-replaced", "a session was taken over from another place", session.session_id,
                          pending->user_id, "REPLACED");
    if (before.session_id[0] != '\0') {
        admission_tell(self, ctx, &before, CLOSE_CODE_REPLACED);
    }
    admission_finish(self, ctx, pending, &session, secret, false);
    return true;
}

/* The character has a session: it may be taken over, if its user says so once more. */
static void
admission_ask(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, const registry_session_t *other)
{
    if (!self->config->replacement || strcmp(other->instance, act_key(ctx)) != 0) {
        admission_refuse_pending(self, ctx, pending, REASON_ALREADY_IN_SESSION);
        return;
    }
    msg_admission_connected_t body = {.has_replace_token = true};
    uint8_t ask[SECRET_HASH_SIZE];
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    secret_draw(ctx, body.replace_token, ask);
    registry_result_t result = registry->ask(registry, act_now(ctx), act_key(ctx), other->character_id, ask, &limits);
    if (admission_is_lost(self, ctx, result)) {
        return;
    }
    if (result != REGISTRY_OK) { /* it ended in between: the next tick decides anew */
        return;
    }
    act_count(ctx, METRIC_REPLACEMENTS_ASKED, 0, 1);
    admission_refuse_with(self, ctx, pending, REASON_REPLACEMENT_REQUIRED, &body);
    admission_table_drop(&self->table, pending);
}

static void
admission_claimed(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, registry_result_t result,
                  const registry_session_t *session, const char *secret)
{
    switch (result) {
    case REGISTRY_OK:
    case REGISTRY_QUEUED:
        admission_finish(self, ctx, pending, session, secret, true);
        return;
    case REGISTRY_EXISTS:
        admission_ask(self, ctx, pending, session);
        return;
    case REGISTRY_REPEATED: /* a repeat gets no second ticket; the first answer has it, or will */
        if (admission_is_answering(self, &pending->request)) {
            admission_table_drop(&self->table, pending);
        } else {
            admission_refuse_pending(self, ctx, pending, REASON_ALREADY_IN_SESSION);
        }
        return;
    case REGISTRY_MAINTENANCE:
        admission_refuse_pending(self, ctx, pending, REASON_MAINTENANCE);
        return;
    case REGISTRY_DRAINING:
        admission_refuse_pending(self, ctx, pending, REASON_DRAINING);
        return;
    case REGISTRY_FULL:
        admission_refuse_pending(self, ctx, pending,
                                 self->told_degraded ? REASON_DEPENDENCY_UNAVAILABLE : REASON_QUEUE_FULL);
        return;
    case REGISTRY_CLOSED: /* soon: the tick tries again */
        return;
    default:
        ACT_UNREACHABLE("claim does not answer so");
    }
}

/* The one atomic step: a seat or a place, and the character is nobody else's. */
static void
admission_claim(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending)
{
    char secret[SECRET_TEXT_SIZE];
    uint8_t hash[SECRET_HASH_SIZE];
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    registry_session_t session = {
        .role = pending->role, .secret_len = SECRET_HASH_SIZE, .auth_until = pending->auth_until};
    registry_session_t other;
#ifdef PLAYHOUSE_PLANTED_CAPACITY
    /* A BUG, PLANTED ON PURPOSE, in no build but the one that shows that the simulation catches it: capacity was
     * checked when the connect came in (admission_on_connect), and is not checked again where the seat is taken. */
    limits.capacity = UINT32_MAX;
#endif
    secret_draw(ctx, secret, hash);
    memcpy(session.secret, hash, sizeof session.secret);
    admission_copy_text(session.session_id, sizeof session.session_id, pending->session_id);
    admission_copy_text(session.character_id, sizeof session.character_id, pending->character_id);
    admission_copy_text(session.instance, sizeof session.instance, act_key(ctx));
    admission_copy_text(session.name, sizeof session.name, pending->name);
    admission_copy_text(session.user_id, sizeof session.user_id, pending->user_id);
    other.session_id[0] = '\0';
    registry_result_t result = registry->claim(registry, act_now(ctx), &session, &other, &limits);
    if (admission_is_lost(self, ctx, result)) {
        return;
    }
    if (other.session_id[0] != '\0') { /* the user's attempt as another character is over */
        admission_tell(self, ctx, &other, CLOSE_CODE_CHARACTER_CHANGED);
        admission_ended(self, ctx, &other, SESSION_END_CHARACTER_CHANGED);
    }
    admission_claimed(self, ctx, pending, result, &session, secret);
}

void
admission_decide(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending)
{
    pending->decided = true;
    if (pending->request.deadline != 0 && act_now(ctx) >= pending->request.deadline) {
        admission_refuse_pending(self, ctx, pending, REASON_TIMEOUT); /* nobody would use the seat */
    } else if (!self->ready) {
        return;
    } else if (pending->is_end) {
        if (admission_end_character(self, ctx, pending)) {
            admission_table_drop(&self->table, pending);
        }
    } else if (pending->reconnect_token[0] != '\0') {
        admission_renew(self, ctx, pending);
    } else if (pending->replace_token[0] == '\0' || !admission_replace(self, ctx, pending)) {
        admission_claim(self, ctx, pending);
    }
}

void
admission_decide_all(admission_t *self, act_ctx_t *ctx)
{
    for (uint32_t i = 0; i < self->table.top; i++) {
        admission_pending_t *pending = &self->table.slots[i];
        if (pending->used && pending->decided) {
            act_trace_set(ctx, pending->request.trace);
            admission_decide(self, ctx, pending);
        }
    }
}

void
admission_refuse_all(admission_t *self, act_ctx_t *ctx, reason_t reason)
{
    for (uint32_t i = 0; i < self->table.top; i++) {
        admission_pending_t *pending = &self->table.slots[i];
        if (pending->used && pending->decided) {
            act_trace_set(ctx, pending->request.trace);
            admission_refuse_pending(self, ctx, pending, reason);
        }
    }
}

/* ---- when the store has it ---- */

/* The store did not take a fresh claim, or nobody waits for it any more: it is undone. Also when the registry is lost
 * or has forgotten it: the store may have it yet, or get it when it is sent once more. */
static void
admission_take_back(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, session_conflict_t conflict)
{
    registry_t *registry = self->config->registry;
    registry_session_t ended;
    session_state_t was;
    registry_result_t result =
        registry->leave(registry, act_now(ctx), act_key(ctx), session->session_id, 0, &ended, &was);
    if (result == REGISTRY_OK) {
        admission_ended(self, ctx, &ended,
                        conflict == SESSION_CONFLICT_NONE ? SESSION_END_GIVEN_UP : SESSION_END_CONFLICT);
    } else if (result != REGISTRY_STALE) {
        ended = *session;
        ended.state = SESSION_STATE_ENDED;
        ended.version++;
        ended.secret_len = 0;
        ended.left_ms = REGISTRY_NO_END;
        admission_save(self, ctx, &ended, 0, NULL);
        admission_is_lost(self, ctx, result);
    }
    if (conflict == SESSION_CONFLICT_NUMBER) { /* the registry has gone back in time, and did not notice */
        registry->forget(registry, act_now(ctx), act_key(ctx));
        admission_rebuild(self, ctx);
    }
}

static void
admission_claim_saved(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
                      session_conflict_t conflict, const admission_answer_t *answer)
{
    admission_pending_t who = {.request = answer->request};
    bool late = answer->request.deadline != 0 && act_now(ctx) >= answer->request.deadline;
    if (outcome == SAVER_STORED && !late) {
        const msg_admission_connected_t *body = &answer->body.connected;
        bool waits = body->outcome == OUTCOME_QUEUED;
        act_count(ctx, METRIC_CONNECTS, body->outcome, 1);
        admission_log_outcome(ctx, waits ? "session-queued" : "session-admitted",
                              waits ? "a session waits for a seat" : "a session has its seat", session->session_id,
                              session->user_id, outcome_names[body->outcome]);
        reply_admission_connected(ctx, &answer->request, body);
        return;
    }
    admission_take_back(self, ctx, session, conflict);
    admission_copy_text(who.session_id, sizeof who.session_id, session->session_id);
    admission_copy_text(who.user_id, sizeof who.user_id, session->user_id);
    admission_refuse(self, ctx, &who,
                     conflict == SESSION_CONFLICT_CHARACTER ? REASON_ALREADY_IN_SESSION
                     : late                                 ? REASON_TIMEOUT
                                                            : REASON_DEPENDENCY_UNAVAILABLE);
}

void
admission_on_saved(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
                   session_conflict_t conflict, void *waiting)
{
    admission_t *self = actor;
    admission_answer_t *answer = waiting;
    if (conflict != SESSION_CONFLICT_NONE) {
        act_count(ctx, METRIC_SESSION_CONFLICTS, conflict, 1);
        act_log(ctx, LOG_WARN, "session-conflict", "the store does not agree with the registry about a session",
                LOG_S("session", session->session_id), LOG_S("conflict", session_conflict_names[conflict]));
    }
    if (answer == NULL) {
        return;
    }
    act_trace_set(ctx, answer->request.trace);
    if (answer->is_entered) { /* whether the store has its new token or not: it plays */
        reply_admission_entered(ctx, &answer->request, &answer->body.entered);
    } else if (answer->claimed) {
        admission_claim_saved(self, ctx, session, outcome, conflict, answer);
    } else {
        act_count(ctx, METRIC_CONNECTS, answer->body.connected.outcome, 1);
        reply_admission_connected(ctx, &answer->request, &answer->body.connected);
    }
    admission_answer_free(answer);
}
