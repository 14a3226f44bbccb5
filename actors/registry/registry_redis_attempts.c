/* Failed attempts to connect (A9): they are about users and addresses, not about an instance. */
#include <stdio.h>
#include <string.h>

#include "registry_redis_call.h"
#include "registry_redis_form.h"

enum { KEY_SIZE = 24 + 2 * SECRET_HASH_SIZE };

static void
subject_key(char key[KEY_SIZE], char kind, const uint8_t hash[SECRET_HASH_SIZE])
{
    int used = snprintf(key, KEY_SIZE, "playhouse:{attempts}:%c:", kind);
    ACT_ASSERT(used > 0 && used + 2 * SECRET_HASH_SIZE < KEY_SIZE);
    for (unsigned i = 0; i < SECRET_HASH_SIZE; i++) {
        snprintf(key + used + 2 * i, 3, "%02x", hash[i]);
    }
}

/* The call has the address as its first key and the user, if there is one, as its second. */
static void
attempt_begin(redis_call_t *call, registry_t *port, act_usec_t now, const redis_script_t *script,
              const registry_attempt_t *attempt, char keys[2][KEY_SIZE])
{
    subject_key(keys[0], 'a', attempt->address);
    subject_key(keys[1], 'u', attempt->user);
    call_begin_keys(call, port, now, script, (const char *const[]){keys[0], keys[1]}, attempt->has_user ? 2 : 1);
}

static registry_result_t
attempt_end(redis_call_t *call, int64_t *left_msec)
{
    if (call_run(call) == REGISTRY_OK) {
        *left_msec = call_take_number(call, 0, REDIS_INT_MAX);
    }
    return call_end(call);
}

static registry_result_t
redis_attempt_left(registry_t *port, act_usec_t now, const registry_attempt_t *attempt, int64_t *left_msec)
{
    redis_call_t call;
    char keys[2][KEY_SIZE];
    attempt_begin(&call, port, now, &redis_script_attempt_left, attempt, keys);
    return attempt_end(&call, left_msec);
}

static registry_result_t
redis_attempt_failed(registry_t *port, act_usec_t now, const registry_attempt_t *attempt,
                     const registry_attempt_limits_t *limits, int64_t *left_msec)
{
    redis_call_t call;
    char keys[2][KEY_SIZE];
    attempt_begin(&call, port, now, &redis_script_attempt_failed, attempt, keys);
    call_number(&call, limits->window_msec);
    call_number(&call, limits->lock_msec);
    call_number(&call, limits->address_max);
    call_number(&call, limits->user_max);
    return attempt_end(&call, left_msec);
}

void
redis_form_attempts(registry_t *port)
{
    port->attempt_left = redis_attempt_left;
    port->attempt_failed = redis_attempt_failed;
}
