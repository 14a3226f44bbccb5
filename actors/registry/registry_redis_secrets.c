/* Secrets: shown, spent, asked for, replaced. */
#include "registry_redis_call.h"
#include "registry_redis_form.h"

/* What renew and replace are told. */
static void
call_takeover(redis_call_t *self, const registry_bearer_t *bearer, const uint8_t shown[SECRET_HASH_SIZE],
              const uint8_t next[SECRET_HASH_SIZE], const registry_limits_t *limits)
{
    call_text(self, bearer->user_id);
    call_hash(self, shown);
    call_hash(self, next);
    call_number(self, limits->ticket_msec);
    call_number(self, limits->grace_msec);
    call_name(self, role_names, ROLE_COUNT, bearer->role);
    call_number(self, bearer->auth_until);
}

static registry_result_t
redis_renew(registry_t *port, act_usec_t now, const char *instance, const registry_bearer_t *bearer,
            const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
            const registry_limits_t *limits, registry_session_t *session)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_renew, instance);
    call_takeover(&call, bearer, shown, next, limits);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_show(registry_t *port, act_usec_t now, const char *instance, const char *what,
           const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE], const char *holder,
           int64_t connection, registry_session_t *session, registry_session_t *before)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_show, instance);
    call_text(&call, what);
    call_hash(&call, shown);
    call_hash(&call, next);
    call_text(&call, holder);
    call_number(&call, connection);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_whom(&call, before);
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_enter(registry_t *port, act_usec_t now, const char *instance, const uint8_t shown[SECRET_HASH_SIZE],
            const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection, registry_session_t *session,
            registry_session_t *before)
{
    return redis_show(port, now, instance, "enter", shown, next, holder, connection, session, before);
}

static registry_result_t
redis_watch(registry_t *port, act_usec_t now, const char *instance, const uint8_t shown[SECRET_HASH_SIZE],
            const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection, registry_session_t *session,
            registry_session_t *before)
{
    return redis_show(port, now, instance, "watch", shown, next, holder, connection, session, before);
}

static registry_result_t
redis_ask(registry_t *port, act_usec_t now, const char *instance, const char *character_id,
          const uint8_t ask[SECRET_HASH_SIZE], const registry_limits_t *limits)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_ask, instance);
    call_text(&call, character_id);
    call_hash(&call, ask);
    call_number(&call, limits->ask_msec);
    call_number(&call, REGISTRY_ASKS_MAX);
    call_run(&call);
    return call_end(&call);
}

static registry_result_t
redis_unask(registry_t *port, act_usec_t now, const char *instance, const char *user_id,
            const uint8_t ask[SECRET_HASH_SIZE])
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_unask, instance);
    call_text(&call, user_id);
    call_hash(&call, ask);
    call_run(&call);
    return call_end(&call);
}

static registry_result_t
redis_replace(registry_t *port, act_usec_t now, const char *instance, const registry_bearer_t *bearer,
              const uint8_t ask[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
              const registry_limits_t *limits, registry_session_t *session, registry_session_t *before)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_replace, instance);
    call_takeover(&call, bearer, ask, next, limits);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_whom(&call, before);
        call_take_session(&call, session);
    }
    return call_end(&call);
}

void
redis_form_secrets(registry_t *port)
{
    port->renew = redis_renew;
    port->enter = redis_enter;
    port->watch = redis_watch;
    port->ask = redis_ask;
    port->unask = redis_unask;
    port->replace = redis_replace;
}
