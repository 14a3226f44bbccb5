/* The form for one process: claims, the queue, what time brings, and reading. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry_memory_state.h"

registry_memory_t *
registry_memory_lock(registry_t *port)
{
    registry_memory_t *self = (registry_memory_t *)port;
    pthread_mutex_lock(&self->lock);
    return self;
}

registry_result_t
registry_memory_unlock(registry_memory_t *self, registry_result_t result)
{
    pthread_mutex_unlock(&self->lock);
    return result;
}

registry_instance_t *
registry_memory_instance(registry_memory_t *self, const char *key)
{
    for (uint32_t i = 0; i < self->instances_count; i++) {
        if (strcmp(self->instances[i]->key, key) == 0) {
            return self->instances[i];
        }
    }
    return NULL;
}

registry_instance_t *
registry_memory_in_use(registry_memory_t *self, const char *key)
{
    registry_instance_t *instance = registry_memory_instance(self, key);
    return instance != NULL && instance->stage == REGISTRY_STAGE_IN_USE ? instance : NULL;
}

registry_instance_t *
registry_memory_open(registry_memory_t *self, const char *key)
{
    registry_instance_t *instance = registry_memory_instance(self, key);
    if (instance != NULL || self->instances_count == REGISTRY_INSTANCES_CAP || strlen(key) >= REGISTRY_ID_SIZE) {
        return instance;
    }
    instance = calloc(1, sizeof *instance);
    if (instance != NULL) {
        snprintf(instance->key, sizeof instance->key, "%s", key);
        instance->tombs_end = &instance->tombs;
        self->instances[self->instances_count++] = instance;
    }
    return instance;
}

static bool
registry_instance_has_seat(const registry_instance_t *self, const registry_limits_t *limits)
{
    uint32_t capacity = self->switches.capacity != 0 ? self->switches.capacity : limits->capacity;
    return self->count.connecting + self->count.active + self->count.grace < capacity;
}

/* Is there something that decides before seats and places do? OK: no. */
static registry_result_t
registry_memory_refuses(registry_memory_t *self, const registry_instance_t *instance, act_usec_t now,
                        registry_session_t *session)
{
    if (registry_entry_find(self, instance, session->session_id) != NULL) {
        return REGISTRY_REPEATED;
    }
    const registry_entry_t *rival = registry_entry_of_character(self, session->character_id);
    if (rival != NULL) {
        registry_entry_row(rival, now, session);
        session->secret_len = 0;
        return REGISTRY_EXISTS;
    }
    return instance->switches.maintenance ? REGISTRY_MAINTENANCE
           : instance->switches.drain     ? REGISTRY_DRAINING
                                          : REGISTRY_OK;
}

static registry_result_t
registry_memory_claim(registry_t *port, act_usec_t now, registry_session_t *session, registry_session_t *ended,
                      const registry_limits_t *limits)
{
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_in_use(self, session->instance);
    ended->session_id[0] = '\0';
    registry_result_t result = instance != NULL ? registry_memory_refuses(self, instance, now, session) : REGISTRY_LOST;
    if (result != REGISTRY_OK) {
        return registry_memory_unlock(self, result);
    }
    registry_entry_t *attempt = registry_entry_of_attempt(self, instance, session->user_id, session->character_id);
    if (attempt != NULL) {
        registry_entry_end(self, attempt, now, REGISTRY_SPENT, ended);
    }
#ifdef PLAYHOUSE_PLANTED_OVERTAKING
    /* A BUG, PLANTED ON PURPOSE, in no build but the one that shows that the simulation catches it. */
    bool has_seat = registry_instance_has_seat(instance, limits);
#else
    bool has_seat = instance->count.waiting == 0 && registry_instance_has_seat(instance, limits);
#endif
    if (!has_seat && instance->count.waiting >= limits->queue_max) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    session->state = has_seat ? SESSION_STATE_CONNECTING : SESSION_STATE_WAITING;
    session->number = instance->number + 1;
    session->turn = 0;
    registry_entry_t *entry = registry_entry_new(self, instance, session);
    if (entry == NULL) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    if (has_seat && !registry_room_choose(entry, limits->room_size)) {
        registry_entry_forget(self, entry);
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    instance->number++;
    registry_entry_change(entry);
    registry_entry_set_left(entry, now, has_seat ? limits->ticket_msec : limits->grace_msec);
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, has_seat ? REGISTRY_OK : REGISTRY_QUEUED);
}

static registry_result_t
registry_memory_end_attempt(registry_t *port, act_usec_t now, const char *key, const char *user_id,
                            const char *except_character_id, registry_session_t *ended)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *attempt = registry_entry_of_attempt(self, instance, user_id, except_character_id);
    if (attempt == NULL) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    registry_entry_end(self, attempt, now, REGISTRY_SPENT, ended);
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_promote(registry_t *port, act_usec_t now, const char *key, const registry_limits_t *limits,
                        registry_session_t *session)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *entry = instance->head;
    while (entry != NULL && registry_entry_is_over(entry, now)) {
        entry = entry->behind;
    }
    if (entry == NULL || instance->switches.maintenance || !registry_instance_has_seat(instance, limits)) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    if (!registry_room_choose(entry, limits->room_size)) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    registry_entry_change_state(entry, SESSION_STATE_CONNECTING);
    registry_entry_change(entry);
    registry_entry_set_left(entry, now, limits->offer_msec);
    entry->is_offer = true;
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_sweep(registry_t *port, act_usec_t now, const char *key, const registry_limits_t *limits,
                      registry_session_t *session, registry_swept_t *swept)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    heap_node_t *first = heap_first(&instance->deadlines);
    if (first != NULL && first->due <= now) {
        registry_entry_t *entry = REGISTRY_OWNER(registry_entry_t, deadline, first);
        *swept = entry->state != SESSION_STATE_CONNECTING ? REGISTRY_SWEPT_GRACE
                 : entry->is_offer                        ? REGISTRY_SWEPT_OFFER
                                                          : REGISTRY_SWEPT_TICKET;
        registry_entry_end(self, entry, now, REGISTRY_EXPIRED, session);
        return registry_memory_unlock(self, REGISTRY_OK);
    }
    registry_entry_t *held = registry_holder_silent(instance, now);
    if (held == NULL) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    *swept = REGISTRY_SWEPT_HOLDER;
    registry_entry_let_go(held, now, limits);
    registry_entry_row(held, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_beat(registry_t *port, act_usec_t now, const char *key, const char *name, registry_notice_t *notices,
                     uint32_t max, uint32_t *count)
{
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_open(self, key);
    registry_holder_t *holder = instance != NULL ? registry_holder_open(instance, name, now) : NULL;
    *count = 0;
    if (holder == NULL) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    holder->has_beaten = true;
    holder->beat = now;
    *count = registry_holder_take(holder, notices, max);
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_tell(registry_t *port, act_usec_t now, const char *key, const char *name,
                     const registry_notice_t *notice)
{
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_open(self, key);
    registry_holder_t *holder = instance != NULL ? registry_holder_open(instance, name, now) : NULL;
    bool is_told = holder != NULL && registry_holder_tell(holder, notice);
    return registry_memory_unlock(self, is_told ? REGISTRY_OK : REGISTRY_FULL);
}

static registry_result_t
registry_memory_found(const registry_entry_t *entry, act_usec_t now, registry_session_t *session, uint32_t *place)
{
    if (entry == NULL) {
        return REGISTRY_UNKNOWN;
    }
    registry_entry_row(entry, now, session);
    *place = registry_entry_place(entry);
    return REGISTRY_OK;
}

static registry_result_t
registry_memory_find_session(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                             registry_session_t *session, uint32_t *place)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    const registry_entry_t *entry = registry_entry_find(self, instance, session_id);
    return registry_memory_unlock(self, registry_memory_found(entry, now, session, place));
}

static registry_result_t
registry_memory_find_character(registry_t *port, act_usec_t now, const char *key, const char *character_id,
                               registry_session_t *session, uint32_t *place)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    const registry_entry_t *entry = registry_entry_of_character(self, character_id);
    if (entry != NULL && entry->instance != instance) {
        entry = NULL;
    }
    return registry_memory_unlock(self, registry_memory_found(entry, now, session, place));
}

static registry_result_t
registry_memory_count(registry_t *port, act_usec_t now, const char *key, registry_count_t *count)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    *count = instance->count;
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_waiting(registry_t *port, act_usec_t now, const char *key, int64_t *numbers, uint32_t max,
                        uint32_t *count)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    *count = 0;
    for (const registry_entry_t *entry = instance->head; entry != NULL && *count < max; entry = entry->behind) {
        numbers[(*count)++] = entry->number;
    }
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_list(registry_t *port, act_usec_t now, const char *key, int64_t after, registry_session_t *sessions,
                     uint32_t max, uint32_t *count)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    *count = 0;
    const registry_entry_t *entry = instance->first;
    while (entry != NULL && entry->number <= after) {
        entry = entry->later;
    }
    for (; entry != NULL && *count < max; entry = entry->later) {
        registry_entry_row(entry, now, &sessions[(*count)++]);
    }
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_get_switches(registry_t *port, act_usec_t now, const char *key, registry_switches_t *switches)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    *switches = instance->switches;
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_set_switches(registry_t *port, act_usec_t now, const char *key, const registry_switches_t *switches)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    instance->switches = *switches;
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_attempt_left(registry_t *port, act_usec_t now, const registry_attempt_t *attempt, int64_t *left_msec)
{
    registry_memory_t *self = registry_memory_lock(port);
    *left_msec = registry_attempt_left(&self->attempts, now, attempt);
    return registry_memory_unlock(self, REGISTRY_OK);
}

static registry_result_t
registry_memory_attempt_failed(registry_t *port, act_usec_t now, const registry_attempt_t *attempt,
                               const registry_attempt_limits_t *limits, int64_t *left_msec)
{
    registry_memory_t *self = registry_memory_lock(port);
    registry_attempt_failed(&self->attempts, now, attempt, limits);
    *left_msec = registry_attempt_left(&self->attempts, now, attempt);
    return registry_memory_unlock(self, REGISTRY_OK);
}

static bool
registry_memory_is_degraded(const registry_t *port)
{
    (void)port;
    return false;
}

static void
registry_memory_why(registry_t *port, char *text, size_t size)
{
    (void)port;
    snprintf(text, size, "%s", "");
}

static bool
registry_memory_try_return(registry_t *port, act_usec_t now)
{
    (void)port;
    (void)now;
    return false;
}

static void
registry_memory_destroy(registry_t *port)
{
    registry_memory_t *self = (registry_memory_t *)port;
    for (uint32_t i = 0; i < self->instances_count; i++) {
        registry_instance_t *instance = self->instances[i];
        registry_instance_forget(self, instance);
        registry_holder_forget_all(instance);
        heap_fini(&instance->deadlines);
        free(instance->rooms);
        free(instance);
    }
    registry_table_fini(&self->sessions);
    registry_table_fini(&self->characters);
    registry_table_fini(&self->users);
    registry_table_fini(&self->secrets);
    registry_table_fini(&self->asks);
    registry_table_fini(&self->tombs);
    registry_attempts_fini(&self->attempts);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

registry_t *
registry_memory_new(void)
{
    registry_memory_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->port = (registry_t){
        .claim = registry_memory_claim,
        .end_attempt = registry_memory_end_attempt,
        .renew = registry_memory_renew,
        .enter = registry_memory_enter,
        .watch = registry_memory_watch,
        .authorize = registry_memory_authorize,
        .drop = registry_memory_drop,
        .leave = registry_memory_leave,
        .ask = registry_memory_ask,
        .unask = registry_memory_unask,
        .replace = registry_memory_replace,
        .promote = registry_memory_promote,
        .sweep = registry_memory_sweep,
        .beat = registry_memory_beat,
        .tell = registry_memory_tell,
        .touch = registry_memory_touch,
        .find_session = registry_memory_find_session,
        .find_character = registry_memory_find_character,
        .count = registry_memory_count,
        .waiting = registry_memory_waiting,
        .list = registry_memory_list,
        .get_switches = registry_memory_get_switches,
        .set_switches = registry_memory_set_switches,
        .restore_begin = registry_memory_restore_begin,
        .restore_add = registry_memory_restore_add,
        .restore_end = registry_memory_restore_end,
        .forget = registry_memory_forget,
        .attempt_left = registry_memory_attempt_left,
        .attempt_failed = registry_memory_attempt_failed,
        .is_degraded = registry_memory_is_degraded,
        .why = registry_memory_why,
        .try_return = registry_memory_try_return,
        .destroy = registry_memory_destroy,
    };
    pthread_mutex_init(&self->lock, NULL);
    return &self->port;
}
