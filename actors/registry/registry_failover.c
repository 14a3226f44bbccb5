/*
 * Where an instance is decided: by the primary, or by the spare while the primary is away. One switch per instance:
 *
 *   on the primary ──restore_begin finds it away──► on the spare ──try_return──► returning ──restore_begin──► on the
 * primary
 *
 * The lock is for the switches alone: the forms do their work outside of it. An operation that is under way while its
 * instance is switched lands in the form that is left, and that one is forgotten before it is used again.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry.h"

/* An instance on the spare. */
typedef struct stand_in {
    char key[sizeof((registry_session_t *)NULL)->instance];
    bool is_returning;
} stand_in_t;

typedef struct registry_failover {
    registry_t port;
    registry_t *primary, *spare; /* the spare may be NULL */
    pthread_mutex_t lock;
    uint32_t count;
    stand_in_t stand_ins[REGISTRY_INSTANCES_CAP];
} registry_failover_t;

static stand_in_t *
registry_failover_find(registry_failover_t *self, const char *key)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->stand_ins[i].key, key) == 0) {
            return &self->stand_ins[i];
        }
    }
    return NULL;
}

/* The form that decides for this instance now. */
static registry_t *
registry_failover_form(registry_t *port, const char *key)
{
    registry_failover_t *self = (registry_failover_t *)port;
    pthread_mutex_lock(&self->lock);
    registry_t *form = registry_failover_find(self, key) != NULL ? self->spare : self->primary;
    pthread_mutex_unlock(&self->lock);
    return form;
}

/* For what belongs to no instance. */
static registry_t *
registry_failover_any(registry_t *port)
{
    registry_failover_t *self = (registry_failover_t *)port;
    pthread_mutex_lock(&self->lock);
    registry_t *form = self->count > 0 ? self->spare : self->primary;
    pthread_mutex_unlock(&self->lock);
    return form;
}

/* Onto the spare, or to stay there. False: it cannot take another instance. */
static bool
registry_failover_leave(registry_failover_t *self, const char *key)
{
    pthread_mutex_lock(&self->lock);
    stand_in_t *stand_in = registry_failover_find(self, key);
    bool is_new = stand_in == NULL && self->count < REGISTRY_INSTANCES_CAP && strlen(key) < sizeof self->stand_ins->key;
    if (is_new) {
        stand_in = &self->stand_ins[self->count++];
        snprintf(stand_in->key, sizeof stand_in->key, "%s", key);
    }
    if (stand_in != NULL) {
        stand_in->is_returning = false;
    }
    pthread_mutex_unlock(&self->lock);
    return stand_in != NULL;
}

static void
registry_failover_back(registry_failover_t *self, const char *key)
{
    pthread_mutex_lock(&self->lock);
    stand_in_t *stand_in = registry_failover_find(self, key);
    if (stand_in != NULL) {
        *stand_in = self->stand_ins[--self->count];
    }
    pthread_mutex_unlock(&self->lock);
}

static bool
registry_failover_is_returning(registry_failover_t *self, const char *key)
{
    pthread_mutex_lock(&self->lock);
    const stand_in_t *stand_in = registry_failover_find(self, key);
    bool is_returning = stand_in != NULL && stand_in->is_returning;
    pthread_mutex_unlock(&self->lock);
    return is_returning;
}

static registry_result_t
registry_failover_restore_begin(registry_t *port, act_usec_t now, const char *key, int64_t number,
                                const registry_switches_t *switches)
{
    registry_failover_t *self = (registry_failover_t *)port;
    registry_t *primary = self->primary, *spare = self->spare;
    bool is_returning = registry_failover_is_returning(self, key);
    if (spare != NULL && !is_returning && registry_failover_form(port, key) == spare) {
        return spare->restore_begin(spare, now, key, number, switches);
    }
    /* What it knew before it went away is old: others may have lived without it, as this process has. */
    registry_result_t result = is_returning ? primary->forget(primary, now, key) : REGISTRY_OK;
    if (result == REGISTRY_OK) {
        result = primary->restore_begin(primary, now, key, number, switches);
    }
    if (result != REGISTRY_UNAVAILABLE) {
        if (is_returning && spare != NULL) {
            registry_failover_back(self, key);
            spare->forget(spare, now, key);
        }
        return result;
    }
    if (spare == NULL || !registry_failover_leave(self, key)) {
        return REGISTRY_UNAVAILABLE;
    }
    if (!is_returning) { /* else it is in use there, and stays so */
        spare->forget(spare, now, key);
    }
    return spare->restore_begin(spare, now, key, number, switches);
}

static bool
registry_failover_try_return(registry_t *port, act_usec_t now)
{
    registry_failover_t *self = (registry_failover_t *)port;
    char key[sizeof self->stand_ins->key] = "";
    pthread_mutex_lock(&self->lock);
    if (self->count > 0) {
        snprintf(key, sizeof key, "%s", self->stand_ins[0].key);
    }
    pthread_mutex_unlock(&self->lock);
    registry_count_t count;
    if (key[0] == '\0' || self->primary->count(self->primary, now, key, &count) == REGISTRY_UNAVAILABLE) {
        return false;
    }
    pthread_mutex_lock(&self->lock);
    for (uint32_t i = 0; i < self->count; i++) {
        self->stand_ins[i].is_returning = true;
    }
    pthread_mutex_unlock(&self->lock);
    return true;
}

static bool
registry_failover_is_degraded(const registry_t *port)
{
    registry_failover_t *self = (registry_failover_t *)port; /* for its lock */
    pthread_mutex_lock(&self->lock);
    bool is_degraded = self->count > 0;
    pthread_mutex_unlock(&self->lock);
    return is_degraded;
}

static void
registry_failover_why(registry_t *port, char *text, size_t size)
{
    registry_t *primary = ((registry_failover_t *)port)->primary;
    primary->why(primary, text, size);
}

static registry_result_t
registry_failover_claim(registry_t *port, act_usec_t now, registry_session_t *session, registry_session_t *ended,
                        const registry_limits_t *limits)
{
    registry_t *form = registry_failover_form(port, session->instance);
    return form->claim(form, now, session, ended, limits);
}

static registry_result_t
registry_failover_end_attempt(registry_t *port, act_usec_t now, const char *key, const char *user_id,
                              const char *except_character_id, registry_session_t *ended)
{
    registry_t *form = registry_failover_form(port, key);
    return form->end_attempt(form, now, key, user_id, except_character_id, ended);
}

static registry_result_t
registry_failover_renew(registry_t *port, act_usec_t now, const char *key, const registry_bearer_t *bearer,
                        const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                        const registry_limits_t *limits, registry_session_t *session)
{
    registry_t *form = registry_failover_form(port, key);
    return form->renew(form, now, key, bearer, shown, next, limits, session);
}

static registry_result_t
registry_failover_enter(registry_t *port, act_usec_t now, const char *key, const uint8_t shown[SECRET_HASH_SIZE],
                        const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection,
                        registry_session_t *session, registry_session_t *before)
{
    registry_t *form = registry_failover_form(port, key);
    return form->enter(form, now, key, shown, next, holder, connection, session, before);
}

static registry_result_t
registry_failover_watch(registry_t *port, act_usec_t now, const char *key, const uint8_t shown[SECRET_HASH_SIZE],
                        const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection,
                        registry_session_t *session, registry_session_t *before)
{
    registry_t *form = registry_failover_form(port, key);
    return form->watch(form, now, key, shown, next, holder, connection, session, before);
}

static registry_result_t
registry_failover_authorize(registry_t *port, act_usec_t now, const char *key, const char *session_id, int64_t turn,
                            int64_t auth_until, registry_session_t *session)
{
    registry_t *form = registry_failover_form(port, key);
    return form->authorize(form, now, key, session_id, turn, auth_until, session);
}

static registry_result_t
registry_failover_drop(registry_t *port, act_usec_t now, const char *key, const char *session_id, int64_t turn,
                       const registry_limits_t *limits, registry_session_t *session)
{
    registry_t *form = registry_failover_form(port, key);
    return form->drop(form, now, key, session_id, turn, limits, session);
}

static registry_result_t
registry_failover_leave_session(registry_t *port, act_usec_t now, const char *key, const char *session_id, int64_t turn,
                                registry_session_t *session, session_state_t *was)
{
    registry_t *form = registry_failover_form(port, key);
    return form->leave(form, now, key, session_id, turn, session, was);
}

static registry_result_t
registry_failover_ask(registry_t *port, act_usec_t now, const char *key, const char *character_id,
                      const uint8_t ask[SECRET_HASH_SIZE], const registry_limits_t *limits)
{
    registry_t *form = registry_failover_form(port, key);
    return form->ask(form, now, key, character_id, ask, limits);
}

static registry_result_t
registry_failover_unask(registry_t *port, act_usec_t now, const char *key, const char *user_id,
                        const uint8_t ask[SECRET_HASH_SIZE])
{
    registry_t *form = registry_failover_form(port, key);
    return form->unask(form, now, key, user_id, ask);
}

static registry_result_t
registry_failover_replace(registry_t *port, act_usec_t now, const char *key, const registry_bearer_t *bearer,
                          const uint8_t ask[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                          const registry_limits_t *limits, registry_session_t *session, registry_session_t *before)
{
    registry_t *form = registry_failover_form(port, key);
    return form->replace(form, now, key, bearer, ask, next, limits, session, before);
}

static registry_result_t
registry_failover_promote(registry_t *port, act_usec_t now, const char *key, const registry_limits_t *limits,
                          registry_session_t *session)
{
    registry_t *form = registry_failover_form(port, key);
    return form->promote(form, now, key, limits, session);
}

static registry_result_t
registry_failover_sweep(registry_t *port, act_usec_t now, const char *key, const registry_limits_t *limits,
                        registry_session_t *session, registry_swept_t *swept)
{
    registry_t *form = registry_failover_form(port, key);
    return form->sweep(form, now, key, limits, session, swept);
}

static registry_result_t
registry_failover_beat(registry_t *port, act_usec_t now, const char *key, const char *holder,
                       registry_notice_t *notices, uint32_t max, uint32_t *count)
{
    registry_t *form = registry_failover_form(port, key);
    return form->beat(form, now, key, holder, notices, max, count);
}

static registry_result_t
registry_failover_tell(registry_t *port, act_usec_t now, const char *key, const char *holder,
                       const registry_notice_t *notice)
{
    registry_t *form = registry_failover_form(port, key);
    return form->tell(form, now, key, holder, notice);
}

static registry_result_t
registry_failover_touch(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                        const registry_limits_t *limits)
{
    registry_t *form = registry_failover_form(port, key);
    return form->touch(form, now, key, session_id, limits);
}

static registry_result_t
registry_failover_find_session(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                               registry_session_t *session, uint32_t *place)
{
    registry_t *form = registry_failover_form(port, key);
    return form->find_session(form, now, key, session_id, session, place);
}

static registry_result_t
registry_failover_find_character(registry_t *port, act_usec_t now, const char *key, const char *character_id,
                                 registry_session_t *session, uint32_t *place)
{
    registry_t *form = registry_failover_form(port, key);
    return form->find_character(form, now, key, character_id, session, place);
}

static registry_result_t
registry_failover_count(registry_t *port, act_usec_t now, const char *key, registry_count_t *count)
{
    registry_t *form = registry_failover_form(port, key);
    return form->count(form, now, key, count);
}

static registry_result_t
registry_failover_waiting(registry_t *port, act_usec_t now, const char *key, int64_t *numbers, uint32_t max,
                          uint32_t *count)
{
    registry_t *form = registry_failover_form(port, key);
    return form->waiting(form, now, key, numbers, max, count);
}

static registry_result_t
registry_failover_list(registry_t *port, act_usec_t now, const char *key, int64_t after, registry_session_t *sessions,
                       uint32_t max, uint32_t *count)
{
    registry_t *form = registry_failover_form(port, key);
    return form->list(form, now, key, after, sessions, max, count);
}

static registry_result_t
registry_failover_get_switches(registry_t *port, act_usec_t now, const char *key, registry_switches_t *switches)
{
    registry_t *form = registry_failover_form(port, key);
    return form->get_switches(form, now, key, switches);
}

static registry_result_t
registry_failover_set_switches(registry_t *port, act_usec_t now, const char *key, const registry_switches_t *switches)
{
    registry_t *form = registry_failover_form(port, key);
    return form->set_switches(form, now, key, switches);
}

static registry_result_t
registry_failover_restore_add(registry_t *port, act_usec_t now, const char *key, registry_session_t *sessions,
                              uint32_t count, const registry_limits_t *limits)
{
    registry_t *form = registry_failover_form(port, key);
    return form->restore_add(form, now, key, sessions, count, limits);
}

static registry_result_t
registry_failover_restore_end(registry_t *port, act_usec_t now, const char *key)
{
    registry_t *form = registry_failover_form(port, key);
    return form->restore_end(form, now, key);
}

/* An instance on the spare has been restored there. */
static registry_result_t
registry_failover_join(registry_t *port, act_usec_t now, const char *key)
{
    registry_t *form = registry_failover_form(port, key);
    return form->join != NULL ? form->join(form, now, key) : REGISTRY_LOST;
}

static registry_result_t
registry_failover_forget(registry_t *port, act_usec_t now, const char *key)
{
    registry_t *form = registry_failover_form(port, key);
    return form->forget(form, now, key);
}

static void
registry_failover_let_go(registry_t *port, act_usec_t now, const char *key)
{
    registry_failover_t *self = (registry_failover_t *)port;
    if (self->spare != NULL && registry_failover_form(port, key) == self->spare) {
        registry_failover_back(self, key);
        self->spare->forget(self->spare, now, key);
    }
}

static registry_result_t
registry_failover_attempt_left(registry_t *port, act_usec_t now, const registry_attempt_t *attempt, int64_t *left_msec)
{
    registry_t *form = registry_failover_any(port);
    return form->attempt_left(form, now, attempt, left_msec);
}

static registry_result_t
registry_failover_attempt_failed(registry_t *port, act_usec_t now, const registry_attempt_t *attempt,
                                 const registry_attempt_limits_t *limits, int64_t *left_msec)
{
    registry_t *form = registry_failover_any(port);
    return form->attempt_failed(form, now, attempt, limits, left_msec);
}

static void
registry_failover_destroy(registry_t *port)
{
    registry_failover_t *self = (registry_failover_t *)port;
    registry_destroy(&self->primary);
    registry_destroy(&self->spare);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

registry_t *
registry_failover_new(registry_t *primary, registry_t *spare)
{
    registry_failover_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL && primary != NULL);
    self->port = (registry_t){
        .claim = registry_failover_claim,
        .end_attempt = registry_failover_end_attempt,
        .renew = registry_failover_renew,
        .enter = registry_failover_enter,
        .watch = registry_failover_watch,
        .authorize = registry_failover_authorize,
        .drop = registry_failover_drop,
        .leave = registry_failover_leave_session,
        .ask = registry_failover_ask,
        .unask = registry_failover_unask,
        .replace = registry_failover_replace,
        .promote = registry_failover_promote,
        .sweep = registry_failover_sweep,
        .beat = registry_failover_beat,
        .tell = registry_failover_tell,
        .touch = registry_failover_touch,
        .find_session = registry_failover_find_session,
        .find_character = registry_failover_find_character,
        .count = registry_failover_count,
        .waiting = registry_failover_waiting,
        .list = registry_failover_list,
        .get_switches = registry_failover_get_switches,
        .set_switches = registry_failover_set_switches,
        .restore_begin = registry_failover_restore_begin,
        .restore_add = registry_failover_restore_add,
        .restore_end = registry_failover_restore_end,
        .join = registry_failover_join,
        .forget = registry_failover_forget,
        .attempt_left = registry_failover_attempt_left,
        .attempt_failed = registry_failover_attempt_failed,
        .is_degraded = registry_failover_is_degraded,
        .why = registry_failover_why,
        .let_go = registry_failover_let_go,
        .try_return = registry_failover_try_return,
        .destroy = registry_failover_destroy,
    };
    self->primary = primary;
    self->spare = spare;
    pthread_mutex_init(&self->lock, NULL);
    return &self->port;
}
