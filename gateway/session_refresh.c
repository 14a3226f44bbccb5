/* A newer access token on a live connection: it may stay for as long as that one lasts. One that allows less ends the
 * session, one that allows more does so from the next connect on. A bad one changes nothing.
 */
#include "role.h"
#include "state.h"

#include <string.h>

/* Has this connection a session or a place, of which admission can be told? */
static bool
session_may_refresh(const session_t *session)
{
    return session->turn != 0 && (session->state == SESSION_JOINED || session->state == SESSION_WATCHING);
}

/* Milliseconds until it may show a token; 0: now. */
static int64_t
session_refresh_wait(const gateway_t *self, const session_t *session)
{
    act_usec_t left = (act_usec_t)session->refresh_at * ACT_SEC - act_now(self->ctx);
    if (left <= 0) {
        return session->refreshing ? GATEWAY_RETRY_MSEC : 0;
    }
    return (left + ACT_MSEC - 1) / ACT_MSEC;
}

void
session_on_refresh(gateway_t *self, session_t *session, const msg_session_refresh_t *msg)
{
    if (!session_may_refresh(session)) {
        session_refuse_counted(self, session, ERROR_NOT_JOINED, NULL, 0);
        return;
    }
    int64_t wait = session_refresh_wait(self, session);
    if (wait > 0) {
        session_refuse(self, session, ERROR_RATE_LIMITED, NULL, 0, wait);
        session_count_refused(self, session);
        return;
    }
    session->refreshing = true;
    session->refresh_at = (uint32_t)(act_now(self->ctx) / ACT_SEC) + GATEWAY_REFRESH_SECONDS;
    msg_auth_verify_t verify;
    memcpy(verify.token, msg->access_token, sizeof(verify.token));
    request_auth_verify(self->ctx, session->session_id, &verify, GATEWAY_ASK_USEC,
                        session_context(self, session, GATEWAY_ASK_REFRESH));
}

/* Is that who opened the session? The keyed hash stands for the user: nobody can look for another id with the same
 * one. */
static bool
session_is_of(const session_t *session, const char *user_id)
{
    char user[sizeof(session->user)];
    log_hash(user_id, user);
    return strlen(user) == sizeof(user) - 1 && strcmp(user, session->user) == 0; /* shorter: could not be hashed */
}

static void
session_say_refreshed(gateway_t *self, session_t *session, uint32_t until)
{
    uint32_t now = session_wall_now(self);
    msg_event_refreshed_t refreshed = {.expires_in_seconds = until > now ? until - now : 0};
    session_say(self, session, &type_event_refreshed, "event.refreshed", &refreshed, 96);
}

static void
session_on_verified(gateway_t *self, session_t *session, const msg_auth_verified_t *verified)
{
    if (!session_is_of(session, verified->user_id)) {
        session_refuse_counted(self, session, ERROR_FORBIDDEN, "the access token is another user's", 0);
        return;
    }
    if (verified->expires_at <= act_wall_msec(self->ctx)) {
        session_refuse_counted(self, session, ERROR_UNAUTHENTICATED, NULL, 0); /* good for auth's clock skew only */
        return;
    }
    bool joined = session->state == SESSION_JOINED;
    if (joined && role_rank(verified->role) < role_rank((role_t)session->role)) {
        session_end(self, session, CLOSE_CODE_ROLE_CHANGED); /* else it would come back with the old one by its token */
        return;
    }
    uint32_t until = session_wall_second(verified->expires_at), before = session->auth_until;
    if (before == SESSION_NEVER || until > before) {
        msg_admission_refreshed_t refreshed = {.turn = session->turn, .auth_until = verified->expires_at};
        memcpy(refreshed.session_id, session->session_id, sizeof(refreshed.session_id));
        if (!send_admission_refreshed(self->ctx, self->instances[session->instance].id, &refreshed)) {
            session_refuse(self, session, ERROR_OVERLOADED, NULL, 0, 0);
            return;
        }
        before = until;
        if (joined) {
            session_set_auth(self, session, verified->expires_at);
        }
    }
    session_say_refreshed(self, session, before);
}

void
session_on_refresh_answer(gateway_t *self, session_t *session, const msg_t *msg)
{
    if (session == NULL || session->state == SESSION_CLOSING) {
        return;
    }
    session->refreshing = false;
    if (!session_may_refresh(session)) {
        session_refuse(self, session, ERROR_UNAVAILABLE, NULL, 0, 0); /* it is entering: what for is not known yet */
    } else if (msg->type == MSG_AUTH_VERIFIED) {
        session_on_verified(self, session, msg->body);
    } else if (msg->type == MSG_AUTH_REFUSED) {
        const msg_auth_refused_t *refused = msg->body;
        if (refused->fault == TOKEN_FAULT_KEYS_UNAVAILABLE) {
            session_refuse(self, session, ERROR_UNAVAILABLE, NULL, 0, 0);
        } else {
            session_refuse_counted(self, session, ERROR_UNAUTHENTICATED, NULL, 0);
        }
    } else {
        const msg_act_no_answer_t *none = msg->body;
        session_refuse(self, session, none->code, NULL, 0, 0);
    }
}
