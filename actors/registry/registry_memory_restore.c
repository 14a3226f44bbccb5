#include "registry_memory_state.h"

#include <string.h>

registry_result_t
registry_memory_restore_begin(registry_t *port, act_usec_t now, const char *key, int64_t number,
                              const registry_switches_t *switches)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_open(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    if (instance->stage != REGISTRY_STAGE_IN_USE) {
        instance->stage = REGISTRY_STAGE_RESTORING;
        instance->switches = *switches;
    }
    if (number > instance->number) {
        instance->number = number;
    }
    return registry_memory_unlock(self, REGISTRY_OK);
}

/* Has it gone on here, or ended, and the store has not heard of that? Then its secret is no good any more. */
static bool
registry_restore_is_buried(registry_memory_t *self, const registry_instance_t *instance, act_usec_t now,
                           const registry_session_t *row)
{
    registry_entry_t *other;
    registry_result_t shown = registry_secret_show(self, instance, now, row->secret, &other);
    return other == NULL && shown != REGISTRY_UNKNOWN;
}

/* What is there gives way, or what is added does (then false). */
static bool
registry_restore_is_wanted(registry_memory_t *self, registry_instance_t *instance, act_usec_t now,
                           registry_session_t *row)
{
    registry_entry_t *same = registry_entry_find(self, instance, row->session_id);
    if (same != NULL && same->version >= row->version) {
        return false;
    }
    if (row->state == SESSION_STATE_ENDED) {
        if (same != NULL) {
            registry_entry_drop(self, same, now, REGISTRY_SPENT);
        }
        return false;
    }
    if (row->secret_len != SECRET_HASH_SIZE) {
        return false; /* nothing could open it */
    }
    if (same == NULL && registry_restore_is_buried(self, instance, now, row)) {
        row->state = SESSION_STATE_ENDED;
        row->version = ++instance->count.version;
        row->secret_len = 0;
        return false;
    }
    registry_entry_t *rival = registry_entry_of_character(self, row->character_id);
    if (rival != NULL && rival != same) {
        if (rival->instance != instance || rival->number >= row->number) {
            return false;
        }
        registry_entry_drop(self, rival, now, REGISTRY_SPENT);
    }
    if (same != NULL && memcmp(same->secret, row->secret, SECRET_HASH_SIZE) == 0) {
        registry_entry_forget(self, same); /* its secret is still good */
    } else if (same != NULL) {
        registry_entry_drop(self, same, now, REGISTRY_SPENT);
    }
    return true;
}

static void
registry_restore_time(registry_entry_t *entry, act_usec_t now, int64_t left_msec, const registry_limits_t *limits)
{
    if (entry->state == SESSION_STATE_ACTIVE || (entry->state == SESSION_STATE_WAITING && entry->holder != NULL)) {
        return;
    }
    if (left_msec == REGISTRY_NO_END) {
        left_msec = entry->state == SESSION_STATE_CONNECTING ? limits->ticket_msec : limits->grace_msec;
    }
    registry_entry_set_left(entry, now, left_msec);
}

static registry_result_t
registry_restore_one(registry_memory_t *self, registry_instance_t *instance, act_usec_t now, registry_session_t *row,
                     const registry_limits_t *limits)
{
    if (row->number > instance->number) {
        instance->number = row->number;
    }
    if (row->version > instance->count.version) {
        instance->count.version = row->version;
    }
    if (!registry_restore_is_wanted(self, instance, now, row)) {
        return REGISTRY_OK;
    }
    registry_entry_t *entry = registry_entry_new(self, instance, row);
    if (entry == NULL) {
        return REGISTRY_FULL;
    }
    bool has_seat = row->state != SESSION_STATE_WAITING;
    bool is_held = row->holder[0] != '\0' || row->state == SESSION_STATE_ACTIVE; /* by "": by one who will not beat */
    registry_holder_t *holder = is_held ? registry_holder_open(instance, row->holder, now) : NULL;
    if ((is_held && holder == NULL) ||
        (has_seat && !registry_room_take(entry, row->room) && !registry_room_choose(entry, limits->room_size))) {
        registry_entry_forget(self, entry);
        return REGISTRY_FULL;
    }
    if (is_held) {
        registry_holder_hold(holder, entry, row->connection, now);
    }
    registry_restore_time(entry, now, row->left_ms, limits);
    return REGISTRY_OK;
}

registry_result_t
registry_memory_restore_add(registry_t *port, act_usec_t now, const char *key, registry_session_t *sessions,
                            uint32_t count, const registry_limits_t *limits)
{
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_instance(self, key);
    if (instance == NULL || instance->stage == REGISTRY_STAGE_LOST) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_result_t result = REGISTRY_OK;
    for (uint32_t i = 0; i < count && result == REGISTRY_OK; i++) {
        result = registry_restore_one(self, instance, now, &sessions[i], limits);
    }
    return registry_memory_unlock(self, result);
}

registry_result_t
registry_memory_restore_end(registry_t *port, act_usec_t now, const char *key)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_instance(self, key);
    if (instance == NULL || instance->stage == REGISTRY_STAGE_LOST) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    instance->stage = REGISTRY_STAGE_IN_USE;
    return registry_memory_unlock(self, REGISTRY_OK);
}

void
registry_instance_forget(registry_memory_t *self, registry_instance_t *instance)
{
    while (instance->first != NULL) {
        registry_entry_forget(self, instance->first);
    }
    registry_secret_forget_tombs(self, instance);
    instance->stage = REGISTRY_STAGE_LOST;
    instance->number = 0;
    instance->count.version = 0;
}

registry_result_t
registry_memory_forget(registry_t *port, act_usec_t now, const char *key)
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    registry_instance_t *instance = registry_memory_instance(self, key);
    if (instance != NULL) {
        registry_instance_forget(self, instance);
    }
    return registry_memory_unlock(self, REGISTRY_OK);
}
