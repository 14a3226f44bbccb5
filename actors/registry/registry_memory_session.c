/* What happens to a session between its claim and its end. */
#include "registry_memory_state.h"

#include <string.h>

/* Who holds it now, to be told; session_id "" when nobody does, or this very connection. */
static void
registry_session_before(const registry_entry_t *entry, act_usec_t now, const char *holder, int64_t connection,
                        registry_session_t *before)
{
    before->session_id[0] = '\0';
    if (entry->holder != NULL && (strcmp(entry->holder->name, holder) != 0 || entry->connection != connection)) {
        registry_entry_row(entry, now, before);
        before->secret_len = 0;
    }
}

/* A connection shows the session's secret, and has got it from now on. False: no memory. */
static bool
registry_session_take_hold(registry_memory_t *self, registry_entry_t *entry, act_usec_t now,
                           const uint8_t next[SECRET_HASH_SIZE], const char *name, int64_t connection,
                           registry_session_t *before)
{
    registry_holder_t *holder = registry_holder_open(entry->instance, name, now);
    if (holder == NULL) {
        return false;
    }
    registry_session_before(entry, now, name, connection, before);
    registry_secret_change(self, entry, now, next);
    registry_holder_hold(holder, entry, connection, now);
    registry_entry_change(entry);
    entry->turn = entry->version;
    return true;
}

registry_result_t
registry_memory_enter(registry_t *port, act_usec_t now, const char *key, const uint8_t shown[SECRET_HASH_SIZE],
                      const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection,
                      registry_session_t *session, registry_session_t *before)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    registry_entry_t *entry;
    before->session_id[0] = '\0';
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_result_t result = registry_secret_show(self, instance, now, shown, &entry);
    if (result == REGISTRY_OK && entry->state == SESSION_STATE_WAITING) {
        result = REGISTRY_WAITING;
    }
    if (result != REGISTRY_OK) {
        return registry_memory_unlock(self, result);
    }
    if (!registry_session_take_hold(self, entry, now, next, holder, connection, before)) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    registry_entry_change_state(entry, SESSION_STATE_ACTIVE);
    registry_entry_set_left(entry, now, REGISTRY_NO_END);
    entry->is_offer = false;
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_watch(registry_t *port, act_usec_t now, const char *key, const uint8_t shown[SECRET_HASH_SIZE],
                      const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection,
                      registry_session_t *session, registry_session_t *before)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    registry_entry_t *entry;
    before->session_id[0] = '\0';
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_result_t result = registry_secret_show(self, instance, now, shown, &entry);
    if (result == REGISTRY_OK && (entry->state == SESSION_STATE_ACTIVE || entry->state == SESSION_STATE_GRACE)) {
        result = REGISTRY_UNKNOWN;
    }
    if (result != REGISTRY_OK) {
        return registry_memory_unlock(self, result);
    }
    if (!registry_session_take_hold(self, entry, now, next, holder, connection, before)) {
        return registry_memory_unlock(self, REGISTRY_FULL);
    }
    if (entry->state == SESSION_STATE_WAITING) {
        registry_entry_set_left(entry, now, REGISTRY_NO_END);
    }
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

/* Its user has it from now on, over HTTP, with this access token. */
static void
registry_session_take_over(registry_memory_t *self, registry_entry_t *entry, act_usec_t now,
                           const uint8_t next[SECRET_HASH_SIZE], const registry_bearer_t *bearer)
{
    registry_secret_change(self, entry, now, next);
    registry_entry_change(entry);
    entry->turn = entry->version;
    entry->role = bearer->role;
    entry->auth_until = bearer->auth_until;
}

registry_result_t
registry_memory_renew(registry_t *port, act_usec_t now, const char *key, const registry_bearer_t *bearer,
                      const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                      const registry_limits_t *limits, registry_session_t *session)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    registry_entry_t *entry;
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_result_t result = registry_secret_show(self, instance, now, shown, &entry);
    if (entry != NULL && strcmp(entry->user_id, bearer->user_id) != 0) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    if (entry == NULL || result != REGISTRY_OK) {
        return registry_memory_unlock(self, result);
    }
    registry_session_take_over(self, entry, now, next, bearer);
    if (entry->state == SESSION_STATE_WAITING && entry->holder == NULL) {
        registry_entry_set_left(entry, now, limits->grace_msec);
    } else if (entry->is_offer) {
        registry_entry_set_left(entry, now, limits->ticket_msec);
        entry->is_offer = false;
    }
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_authorize(registry_t *port, act_usec_t now, const char *key, const char *session_id, int64_t turn,
                          int64_t auth_until, registry_session_t *session)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *entry = registry_entry_find(self, instance, session_id);
    if (entry == NULL) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    if (entry->turn != turn) {
        return registry_memory_unlock(self, REGISTRY_STALE);
    }
    if (auth_until > entry->auth_until) {
        registry_entry_change(entry);
        entry->auth_until = auth_until;
    }
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_drop(registry_t *port, act_usec_t now, const char *key, const char *session_id, int64_t turn,
                     const registry_limits_t *limits, registry_session_t *session)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *entry = registry_entry_find(self, instance, session_id);
    if (entry == NULL) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    if (entry->turn != turn || entry->holder == NULL) {
        return registry_memory_unlock(self, REGISTRY_STALE);
    }
    registry_entry_let_go(entry, now, limits);
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_leave(registry_t *port, act_usec_t now, const char *key, const char *session_id, int64_t turn,
                      registry_session_t *session, session_state_t *was)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *entry = registry_entry_find(self, instance, session_id);
    if (entry == NULL) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    if (turn != REGISTRY_ANY_TURN && turn != entry->turn) {
        return registry_memory_unlock(self, REGISTRY_STALE);
    }
    *was = entry->state;
    registry_entry_end(self, entry, now, REGISTRY_SPENT, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_ask(registry_t *port, act_usec_t now, const char *key, const char *character_id,
                    const uint8_t ask[SECRET_HASH_SIZE], const registry_limits_t *limits)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *entry = registry_entry_of_character(self, character_id);
    if (entry == NULL || entry->instance != instance) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    bool is_open = registry_ask_open(self, entry, now, ask, limits->ask_msec);
    return registry_memory_unlock(self, is_open ? REGISTRY_OK : REGISTRY_FULL);
}

registry_result_t
registry_memory_unask(registry_t *port, act_usec_t now, const char *key, const char *user_id,
                      const uint8_t ask[SECRET_HASH_SIZE])
{
    (void)now;
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_ask_t *open = registry_ask_find(self, instance, ask);
    if (open != NULL && strcmp(open->entry->user_id, user_id) == 0) {
        registry_ask_close(self, open);
    }
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_replace(registry_t *port, act_usec_t now, const char *key, const registry_bearer_t *bearer,
                        const uint8_t ask[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                        const registry_limits_t *limits, registry_session_t *session, registry_session_t *before)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    before->session_id[0] = '\0';
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    const registry_ask_t *open = registry_ask_find(self, instance, ask);
    if (open == NULL || open->until <= now || strcmp(open->entry->user_id, bearer->user_id) != 0) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    registry_entry_t *entry = open->entry;
    registry_session_before(entry, now, "", 0, before);
    registry_ask_close_all(self, entry);
    registry_holder_release(entry);
    registry_session_take_over(self, entry, now, next, bearer);
    entry->is_offer = false;
    if (entry->state == SESSION_STATE_WAITING) {
        registry_entry_set_left(entry, now, limits->grace_msec);
    } else {
        registry_entry_change_state(entry, SESSION_STATE_CONNECTING);
        registry_entry_set_left(entry, now, limits->ticket_msec);
    }
    registry_entry_row(entry, now, session);
    return registry_memory_unlock(self, REGISTRY_OK);
}

registry_result_t
registry_memory_touch(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                      const registry_limits_t *limits)
{
    registry_memory_t *self = registry_memory_lock(port);
    const registry_instance_t *instance = registry_memory_in_use(self, key);
    if (instance == NULL) {
        return registry_memory_unlock(self, REGISTRY_LOST);
    }
    registry_entry_t *entry = registry_entry_find(self, instance, session_id);
    if (entry == NULL || entry->state != SESSION_STATE_WAITING || entry->holder != NULL ||
        registry_entry_is_over(entry, now)) {
        return registry_memory_unlock(self, REGISTRY_UNKNOWN);
    }
    registry_entry_set_left(entry, now, limits->grace_msec);
    return registry_memory_unlock(self, REGISTRY_OK);
}
