#include "shaky_registry.h"

#include <stdio.h>

#pragma GCC diagnostic ignored "-Wunused-parameter" /* an answer that does not depend on the question */

#define AWAY(name, ...)                                                                                                \
    static registry_result_t shaky_##name(registry_t *self, act_usec_t now, __VA_ARGS__)                               \
    {                                                                                                                  \
        return REGISTRY_UNAVAILABLE;                                                                                   \
    }

typedef registry_session_t session_t;
typedef registry_limits_t limits_t;
typedef const uint8_t hash_t[SECRET_HASH_SIZE];

AWAY(claim, session_t *session, session_t *ended, const limits_t *limits)
AWAY(end_attempt, const char *instance, const char *user, const char *except, session_t *ended)
AWAY(renew, const char *instance, const registry_bearer_t *bearer, hash_t shown, hash_t next, const limits_t *limits,
     session_t *out)
AWAY(show, const char *instance, hash_t shown, hash_t next, const char *holder, int64_t connection, session_t *out,
     session_t *before)
AWAY(authorize, const char *instance, const char *id, int64_t turn, int64_t auth_until, session_t *out)
AWAY(drop, const char *instance, const char *id, int64_t turn, const limits_t *limits, session_t *out)
AWAY(leave, const char *instance, const char *id, int64_t turn, session_t *out, session_state_t *was)
AWAY(ask, const char *instance, const char *character, hash_t ask, const limits_t *limits)
AWAY(unask, const char *instance, const char *user, hash_t ask)
AWAY(replace, const char *instance, const registry_bearer_t *bearer, hash_t ask, hash_t next, const limits_t *limits,
     session_t *out, session_t *before)
AWAY(promote, const char *instance, const limits_t *limits, session_t *out)
AWAY(sweep, const char *instance, const limits_t *limits, session_t *out, registry_swept_t *swept)
AWAY(beat, const char *instance, const char *holder, registry_notice_t *notices, uint32_t max, uint32_t *count)
AWAY(tell, const char *instance, const char *holder, const registry_notice_t *notice)
AWAY(touch, const char *instance, const char *id, const limits_t *limits)
AWAY(find, const char *instance, const char *id, session_t *out, uint32_t *place)
AWAY(count, const char *instance, registry_count_t *count)
AWAY(waiting, const char *instance, int64_t *numbers, uint32_t max, uint32_t *count)
AWAY(list, const char *instance, int64_t after, session_t *out, uint32_t max, uint32_t *count)
AWAY(get_switches, const char *instance, registry_switches_t *switches)
AWAY(set_switches, const char *instance, const registry_switches_t *switches)
AWAY(restore_begin, const char *instance, int64_t number, const registry_switches_t *switches)
AWAY(restore_add, const char *instance, session_t *sessions, uint32_t count, const limits_t *limits)
AWAY(instance, const char *instance)
AWAY(attempt_left, const registry_attempt_t *attempt, int64_t *left)
AWAY(attempt_failed, const registry_attempt_t *attempt, const registry_attempt_limits_t *limits, int64_t *left)

static void
shaky_why(registry_t *self, char *text, size_t size)
{
    snprintf(text, size, "its power is cut");
}

void
shaky_cut(shaky_t *self, registry_t *registry)
{
    self->registry = registry;
    self->table = *registry;
    self->away = true;
    *registry = (registry_t){
        .claim = shaky_claim,
        .end_attempt = shaky_end_attempt,
        .renew = shaky_renew,
        .enter = shaky_show,
        .watch = shaky_show,
        .authorize = shaky_authorize,
        .drop = shaky_drop,
        .leave = shaky_leave,
        .ask = shaky_ask,
        .unask = shaky_unask,
        .replace = shaky_replace,
        .promote = shaky_promote,
        .sweep = shaky_sweep,
        .beat = shaky_beat,
        .tell = shaky_tell,
        .touch = shaky_touch,
        .find_session = shaky_find,
        .find_character = shaky_find,
        .count = shaky_count,
        .waiting = shaky_waiting,
        .list = shaky_list,
        .get_switches = shaky_get_switches,
        .set_switches = shaky_set_switches,
        .restore_begin = shaky_restore_begin,
        .restore_add = shaky_restore_add,
        .restore_end = shaky_instance,
        .forget = shaky_instance,
        .attempt_left = shaky_attempt_left,
        .attempt_failed = shaky_attempt_failed,
        .is_degraded = self->table.is_degraded,
        .why = shaky_why,
        .try_return = self->table.try_return,
        .destroy = self->table.destroy,
    };
}

void
shaky_mend(shaky_t *self)
{
    if (self->away) {
        *self->registry = self->table;
        self->away = false;
    }
}
