/* Who has a seat, who waits, and what time and gateways do to it. */
#include "registry_redis_call.h"
#include "registry_redis_form.h"

static registry_result_t
redis_claim(registry_t *port, act_usec_t now, registry_session_t *session, registry_session_t *ended,
            const registry_limits_t *limits)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_claim, session->instance);
    call_text(&call, session->session_id);
    call_text(&call, session->character_id);
    call_text(&call, session->user_id);
    call_text(&call, session->name);
    call_name(&call, role_names, ROLE_COUNT, session->role);
    call_hash(&call, session->secret);
    call_number(&call, limits->capacity);
    call_number(&call, limits->room_size);
    call_number(&call, limits->queue_max);
    call_number(&call, limits->ticket_msec);
    call_number(&call, limits->grace_msec);
    call_number(&call, session->auth_until);
    registry_result_t result = call_run(&call);
    *ended = (registry_session_t){0};
    if (result == REGISTRY_OK || result == REGISTRY_QUEUED || result == REGISTRY_FULL) {
        call_take_whom(&call, ended);
    }
    if (result == REGISTRY_OK || result == REGISTRY_QUEUED || result == REGISTRY_EXISTS) {
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_end_attempt(registry_t *port, act_usec_t now, const char *instance, const char *user_id,
                  const char *except_character_id, registry_session_t *ended)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_end_attempt, instance);
    call_text(&call, user_id);
    call_text(&call, except_character_id);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_session(&call, ended);
    }
    return call_end(&call);
}

static registry_result_t
redis_authorize(registry_t *port, act_usec_t now, const char *instance, const char *session_id, int64_t turn,
                int64_t auth_until, registry_session_t *session)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_authorize, instance);
    call_text(&call, session_id);
    call_number(&call, turn);
    call_number(&call, auth_until);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_drop(registry_t *port, act_usec_t now, const char *instance, const char *session_id, int64_t turn,
           const registry_limits_t *limits, registry_session_t *session)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_drop, instance);
    call_text(&call, session_id);
    call_number(&call, turn);
    call_number(&call, limits->grace_msec);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_leave(registry_t *port, act_usec_t now, const char *instance, const char *session_id, int64_t turn,
            registry_session_t *session, session_state_t *was)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_leave, instance);
    call_text(&call, session_id);
    call_number(&call, turn);
    if (call_run(&call) == REGISTRY_OK) {
        *was = (session_state_t)call_take_name(&call, session_state_names, SESSION_STATE_COUNT);
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_promote(registry_t *port, act_usec_t now, const char *instance, const registry_limits_t *limits,
              registry_session_t *session)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_promote, instance);
    call_number(&call, limits->capacity);
    call_number(&call, limits->room_size);
    call_number(&call, limits->offer_msec);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_touch(registry_t *port, act_usec_t now, const char *instance, const char *session_id,
            const registry_limits_t *limits)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_touch, instance);
    call_text(&call, session_id);
    call_number(&call, limits->grace_msec);
    call_run(&call);
    return call_end(&call);
}

static registry_result_t
redis_sweep(registry_t *port, act_usec_t now, const char *instance, const registry_limits_t *limits,
            registry_session_t *session, registry_swept_t *swept)
{
    static const char *const names[] = {[REGISTRY_SWEPT_TICKET] = "TICKET",
                                        [REGISTRY_SWEPT_OFFER] = "OFFER",
                                        [REGISTRY_SWEPT_GRACE] = "GRACE",
                                        [REGISTRY_SWEPT_HOLDER] = "HOLDER"};
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_sweep, instance);
    call_number(&call, REGISTRY_SILENT_MSEC);
    call_number(&call, limits->grace_msec);
    if (call_run(&call) == REGISTRY_OK) {
        *swept = (registry_swept_t)call_take_name(&call, names, sizeof names / sizeof *names);
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_beat(registry_t *port, act_usec_t now, const char *instance, const char *holder, registry_notice_t *notices,
           uint32_t max, uint32_t *count)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_beat, instance);
    call_text(&call, holder);
    call_number(&call, max);
    *count = 0;
    if (call_run(&call) == REGISTRY_OK) {
        while (call_left(&call) > 0 && *count < max) {
            registry_notice_t *notice = &notices[*count];
            call_take_text(&call, notice->session_id, sizeof notice->session_id);
            notice->connection = call_take_number(&call, 0, REDIS_INT_MAX);
            notice->close = (close_code_t)call_take_name(&call, close_code_names, CLOSE_CODE_COUNT);
            ++*count;
        }
    }
    return call_end(&call);
}

static registry_result_t
redis_tell(registry_t *port, act_usec_t now, const char *instance, const char *holder, const registry_notice_t *notice)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_tell, instance);
    call_text(&call, holder);
    call_number(&call, REGISTRY_NOTICES_MAX);
    call_text(&call, notice->session_id);
    call_number(&call, notice->connection);
    call_name(&call, close_code_names, CLOSE_CODE_COUNT, notice->close);
    call_run(&call);
    return call_end(&call);
}

void
redis_form_seats(registry_t *port)
{
    port->claim = redis_claim;
    port->end_attempt = redis_end_attempt;
    port->authorize = redis_authorize;
    port->drop = redis_drop;
    port->leave = redis_leave;
    port->promote = redis_promote;
    port->touch = redis_touch;
    port->sweep = redis_sweep;
    port->beat = redis_beat;
    port->tell = redis_tell;
}
