/* The life of a session after its connect: entered, refreshed, dropped, left, ended or muted by others, ended by time.
 */
#include "admission_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in ---- */

static void
admission_entered_body(const admission_t *self, msg_admission_entered_t *body, const registry_session_t *session,
                       const char *token)
{
    *body = (msg_admission_entered_t){.role = session->role,
                                      .turn = session->turn,
                                      .grace_seconds = self->config->limits.grace_msec / 1000,
                                      .auth_until = session->auth_until};
    admission_copy_text(body->session_id, sizeof body->session_id, session->session_id);
    admission_copy_text(body->character_id, sizeof body->character_id, session->character_id);
    admission_copy_text(body->user_id, sizeof body->user_id, session->user_id);
    admission_copy_text(body->name, sizeof body->name, session->name);
    admission_copy_text(body->room, sizeof body->room, session->room);
    admission_copy_text(body->reconnect_token, sizeof body->reconnect_token, token);
    if (body->grace_seconds < 1) {
        body->grace_seconds = 1; /* a test's grace may be shorter than what can be said */
    }
}

static void
admission_refuse_secret(act_ctx_t *ctx, const msg_t *request, registry_result_t result)
{
    msg_admission_refused_t refused = {.fault = registry_secret_fault(result)};
    act_count(ctx, METRIC_SECRETS_REFUSED, refused.fault, 1);
    act_log(ctx, refused.fault == SECRET_FAULT_SPENT ? LOG_WARN : LOG_INFO,
            refused.fault == SECRET_FAULT_SPENT ? "token-reused" : "secret-refused",
            "a ticket or token was shown that opens nothing", LOG_S("fault", secret_fault_names[refused.fault]));
    reply_admission_refused(ctx, request, &refused);
}

bool
admission_on_enter(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_enter_t *body = request->body;
    registry_t *registry = self->config->registry;
    char token[SECRET_TEXT_SIZE];
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE];
    registry_session_t session, before;
    secret_hash(body->secret, shown);
    secret_draw(ctx, token, next);
    before.session_id[0] = '\0';
#ifdef PLAYHOUSE_PLANTED_REUSE
    /* A BUG, PLANTED ON PURPOSE, in no build but the one that shows that the simulation catches it: a token that is
     * shown is good again. */
    memcpy(token, body->secret, sizeof token);
    memcpy(next, shown, sizeof next);
#endif
    registry_result_t result = registry->enter(registry, act_now(ctx), act_key(ctx), shown, next, body->holder,
                                               body->connection, &session, &before);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    if (result != REGISTRY_OK) {
        if (result != REGISTRY_SPENT || !admission_is_answering(self, request)) {
            admission_refuse_secret(ctx, request, result);
        }
        return true;
    }
    bool resumed = body->reconnect;
    if (before.session_id[0] != '\0' && before.holder[0] != '\0') {
        admission_tell(self, ctx, &before, CLOSE_CODE_REPLACED);
    }
    if (resumed) {
        act_count(ctx, METRIC_RECONNECTS, 0, 1);
    }
    act_log(ctx, LOG_INFO, resumed ? "session-resumed" : "session-active",
            resumed ? "a session was taken up again with its token" : "a ticket was redeemed",
            LOG_S("session", session.session_id), LOG_S("room", session.room));
    admission_answer_t *answer = admission_answer_new(self, request);
    answer->is_entered = true;
    admission_entered_body(self, &answer->body.entered, &session, token);
    admission_save(self, ctx, &session, 0, answer);
    return true;
}

bool
admission_on_refreshed(admission_t *self, act_ctx_t *ctx, const msg_admission_refreshed_t *body)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    registry_result_t result = registry->authorize(registry, act_now(ctx), act_key(ctx), body->session_id, body->turn,
                                                   body->auth_until, &session);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    if (result == REGISTRY_OK && session.auth_until == body->auth_until) { /* else it had a token that lasts longer */
        admission_save(self, ctx, &session, 0, NULL);
    }
    return true;
}

/* ---- out ---- */

bool
admission_on_drop(admission_t *self, act_ctx_t *ctx, const msg_admission_drop_t *body)
{
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    registry_session_t session;
    registry_result_t result =
        registry->drop(registry, act_now(ctx), act_key(ctx), body->session_id, body->turn, &limits, &session);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    if (result == REGISTRY_OK) {
        act_count(ctx, METRIC_DROPS, 0, 1);
        act_log(ctx, LOG_INFO, "session-grace", "a session lost its connection; its seat is held",
                LOG_S("session", session.session_id), LOG_N("seconds", session.left_ms / 1000));
        admission_save(self, ctx, &session, 0, NULL);
    }
    return true;
}

/* Of the reasons that there are, a gateway has only these to give. */
static session_end_t
admission_leave_why(const msg_admission_leave_t *body)
{
    if (body->turn == 0) {
        return SESSION_END_GIVEN_UP;
    }
    return body->has_why && body->why == SESSION_END_INACTIVE ? SESSION_END_INACTIVE : SESSION_END_LEFT;
}

bool
admission_on_leave(admission_t *self, act_ctx_t *ctx, const msg_admission_leave_t *body)
{
    registry_t *registry = self->config->registry;
    admission_pending_t *pending = admission_table_find(&self->table, body->session_id);
    if (pending != NULL) {
        admission_table_drop(&self->table, pending); /* the asker gave up: no seat will be taken */
    }
    registry_session_t session;
    session_state_t was;
    registry_result_t result =
        registry->leave(registry, act_now(ctx), act_key(ctx), body->session_id, body->turn, &session, &was);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    if (result == REGISTRY_OK) {
        admission_ended(self, ctx, &session, admission_leave_why(body));
    }
    return true;
}

bool
admission_end_attempt(admission_t *self, act_ctx_t *ctx, const char *user_id, const char *except_character_id)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    registry_result_t result =
        registry->end_attempt(registry, act_now(ctx), act_key(ctx), user_id, except_character_id, &session);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    if (result == REGISTRY_OK) {
        admission_tell(self, ctx, &session, CLOSE_CODE_CHARACTER_CHANGED);
        admission_ended(self, ctx, &session, SESSION_END_CHARACTER_CHANGED);
    }
    return true;
}

bool
admission_on_select(admission_t *self, act_ctx_t *ctx, const msg_admission_select_t *body)
{
    return admission_end_attempt(self, ctx, body->user_id, body->character_id);
}

/* Ends a session that was found, whoever holds it, and tells its connection. */
static registry_result_t
admission_end_found(admission_t *self, act_ctx_t *ctx, const registry_session_t *found, close_code_t close,
                    session_end_t why)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    session_state_t was;
    registry_result_t result =
        registry->leave(registry, act_now(ctx), act_key(ctx), found->session_id, REGISTRY_ANY_TURN, &session, &was);
    if (result == REGISTRY_OK) {
        if (found->holder[0] != '\0') {
            admission_tell(self, ctx, found, close);
        }
        admission_ended(self, ctx, &session, why);
    }
    return result;
}

bool
admission_end_character(admission_t *self, act_ctx_t *ctx, const admission_pending_t *pending)
{
    registry_t *registry = self->config->registry;
    msg_admission_ended_t answer = {.ended = false};
    registry_result_t result;
    if (pending->replace_token[0] != '\0') { /* only that is taken back */
        uint8_t ask[SECRET_HASH_SIZE];
        secret_hash(pending->replace_token, ask);
        result = registry->unask(registry, act_now(ctx), act_key(ctx), pending->user_id, ask);
    } else {
        registry_session_t found;
        uint32_t place;
        result = registry->find_character(registry, act_now(ctx), act_key(ctx), pending->character_id, &found, &place);
        if (result == REGISTRY_OK && strcmp(found.instance, act_key(ctx)) == 0) {
            result = admission_end_found(self, ctx, &found, CLOSE_CODE_LEFT, SESSION_END_LEFT);
            answer.ended = result == REGISTRY_OK;
        }
    }
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    reply_admission_ended(ctx, &pending->request, &answer);
    return true;
}

bool
admission_on_kick(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_kick_t *body = request->body;
    registry_t *registry = self->config->registry;
    registry_session_t found;
    uint32_t place;
    registry_result_t result = REGISTRY_UNKNOWN;
    if (body->has_session_id == body->has_character_id) {
        admission_decline(ctx, request, ERROR_BAD_REQUEST);
        return true;
    }
    if (body->has_session_id) {
        result = registry->find_session(registry, act_now(ctx), act_key(ctx), body->session_id, &found, &place);
    } else {
        result = registry->find_character(registry, act_now(ctx), act_key(ctx), body->character_id, &found, &place);
    }
    if (result == REGISTRY_OK) {
        result = admission_end_found(self, ctx, &found, CLOSE_CODE_KICKED, SESSION_END_KICKED);
    }
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    msg_admission_ended_t answer = {.ended = result == REGISTRY_OK};
    reply_admission_ended(ctx, request, &answer);
    return true;
}

bool
admission_on_muted(admission_t *self, act_ctx_t *ctx, const msg_admission_muted_t *body)
{
    registry_t *registry = self->config->registry;
    registry_session_t found;
    uint32_t place;
    registry_result_t result =
        registry->find_character(registry, act_now(ctx), act_key(ctx), body->character_id, &found, &place);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    if (result != REGISTRY_OK || found.room[0] == '\0') {
        return true; /* its room reads it from the store when it joins */
    }
    msg_room_mute_t mute = {.muted_until = body->muted_until};
    admission_copy_text(mute.character_id, sizeof mute.character_id, body->character_id);
    if (!send_room_mute(ctx, found.room, &mute)) {
        act_log(ctx, LOG_WARN, "mute-not-told",
                "a room's mailbox is full: it hears of a mute when the character joins anew; mute it once more",
                LOG_S("session", found.session_id), LOG_S("room", found.room));
    }
    return true;
}

/* ---- time ---- */

static void
admission_swept(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, registry_swept_t swept)
{
    switch (swept) {
    case REGISTRY_SWEPT_TICKET: /* its connection watched, and its user asked for a ticket over HTTP */
        admission_tell(self, ctx, session, CLOSE_CODE_OFFER_EXPIRED);
        admission_ended(self, ctx, session, SESSION_END_TICKET_EXPIRED);
        return;
    case REGISTRY_SWEPT_OFFER:
        admission_tell(self, ctx, session, CLOSE_CODE_OFFER_EXPIRED);
        admission_ended(self, ctx, session, SESSION_END_OFFER_EXPIRED);
        return;
    case REGISTRY_SWEPT_GRACE:
        admission_ended(self, ctx, session, SESSION_END_GRACE_EXPIRED);
        return;
    case REGISTRY_SWEPT_HOLDER:
        act_count(ctx, METRIC_DROPS, 0, 1);
        act_log(ctx, LOG_WARN, "session-grace", "a session's gateway fell silent; its seat or place is held",
                LOG_S("session", session->session_id));
        admission_save(self, ctx, session, 0, NULL);
        return;
    }
    ACT_UNREACHABLE("a sweep has one of these causes");
}

void
admission_sweep(admission_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    registry_limits_t limits = admission_limits(self);
    for (int i = 0; i < ADMISSION_SWEEP_MAX; i++) {
        registry_session_t session;
        registry_swept_t swept;
        registry_result_t result = registry->sweep(registry, act_now(ctx), act_key(ctx), &limits, &session, &swept);
        if (result != REGISTRY_OK) {
            admission_is_lost(self, ctx, result);
            return;
        }
        admission_swept(self, ctx, &session, swept);
    }
}
