#include "registry_memory_state.h"

#include <stdlib.h>
#include <string.h>

registry_result_t
registry_secret_show(registry_memory_t *self, const registry_instance_t *instance, act_usec_t now,
                     const uint8_t shown[SECRET_HASH_SIZE], registry_entry_t **entry)
{
    registry_link_t *link = registry_table_first(&self->secrets, registry_digest_hash(shown));
    for (; link != NULL; link = registry_table_next(link)) {
        *entry = REGISTRY_OWNER(registry_entry_t, by_secret, link);
        if ((*entry)->instance == instance && memcmp((*entry)->secret, shown, SECRET_HASH_SIZE) == 0) {
            return registry_entry_is_over(*entry, now) ? REGISTRY_EXPIRED : REGISTRY_OK;
        }
    }
    *entry = NULL;
    link = registry_table_first(&self->tombs, registry_digest_hash(shown));
    for (; link != NULL; link = registry_table_next(link)) {
        const registry_tomb_t *tomb = REGISTRY_OWNER(registry_tomb_t, by_secret, link);
        if (tomb->instance == instance && tomb->until > now && memcmp(tomb->secret, shown, SECRET_HASH_SIZE) == 0) {
            return tomb->result;
        }
    }
    return REGISTRY_UNKNOWN;
}

static void
registry_tomb_forget(registry_memory_t *self, registry_instance_t *instance)
{
    registry_tomb_t *tomb = instance->tombs;
    instance->tombs = tomb->next;
    if (instance->tombs == NULL) {
        instance->tombs_end = &instance->tombs;
    }
    instance->tombs_count--;
    registry_table_remove(&self->tombs, &tomb->by_secret);
    free(tomb);
}

void
registry_secret_forget_tombs(registry_memory_t *self, registry_instance_t *instance)
{
    while (instance->tombs != NULL) {
        registry_tomb_forget(self, instance);
    }
}

void
registry_secret_bury(registry_memory_t *self, registry_entry_t *entry, act_usec_t now, registry_result_t result)
{
    registry_instance_t *instance = entry->instance;
    while (instance->tombs != NULL &&
           (instance->tombs->until <= now || instance->tombs_count >= REGISTRY_TOMBSTONES_MAX)) {
        registry_tomb_forget(self, instance);
    }
    registry_tomb_t *tomb = malloc(sizeof *tomb);
    if (tomb == NULL) {
        return; /* the secret is unknown then, and as useless */
    }
    *tomb = (registry_tomb_t){
        .instance = instance, .until = now + (act_usec_t)REGISTRY_TOMBSTONE_MSEC * ACT_MSEC, .result = result};
    memcpy(tomb->secret, entry->secret, SECRET_HASH_SIZE);
    registry_table_put(&self->tombs, &tomb->by_secret, registry_digest_hash(tomb->secret));
    *instance->tombs_end = tomb;
    instance->tombs_end = &tomb->next;
    instance->tombs_count++;
}

void
registry_secret_change(registry_memory_t *self, registry_entry_t *entry, act_usec_t now,
                       const uint8_t next[SECRET_HASH_SIZE])
{
    registry_secret_bury(self, entry, now, REGISTRY_SPENT);
    registry_table_remove(&self->secrets, &entry->by_secret);
    memcpy(entry->secret, next, SECRET_HASH_SIZE);
    registry_table_put(&self->secrets, &entry->by_secret, registry_digest_hash(next));
}

bool
registry_ask_open(registry_memory_t *self, registry_entry_t *entry, act_usec_t now,
                  const uint8_t hash[SECRET_HASH_SIZE], int64_t ask_msec)
{
    registry_ask_t *ask = malloc(sizeof *ask);
    if (ask == NULL) {
        return false;
    }
    while (entry->asks != NULL && (entry->asks->until <= now || entry->asks_count >= REGISTRY_ASKS_MAX)) {
        registry_ask_close(self, entry->asks);
    }
    *ask = (registry_ask_t){.entry = entry, .until = now + ask_msec * ACT_MSEC};
    memcpy(ask->hash, hash, SECRET_HASH_SIZE);
    registry_table_put(&self->asks, &ask->by_hash, registry_digest_hash(hash));
    *entry->asks_end = ask;
    entry->asks_end = &ask->next;
    entry->asks_count++;
    return true;
}

registry_ask_t *
registry_ask_find(registry_memory_t *self, const registry_instance_t *instance, const uint8_t hash[SECRET_HASH_SIZE])
{
    registry_link_t *link = registry_table_first(&self->asks, registry_digest_hash(hash));
    for (; link != NULL; link = registry_table_next(link)) {
        registry_ask_t *ask = REGISTRY_OWNER(registry_ask_t, by_hash, link);
        if (ask->entry->instance == instance && memcmp(ask->hash, hash, SECRET_HASH_SIZE) == 0) {
            return ask;
        }
    }
    return NULL;
}

void
registry_ask_close(registry_memory_t *self, registry_ask_t *ask)
{
    registry_entry_t *entry = ask->entry;
    registry_ask_t **at = &entry->asks;
    while (*at != ask) {
        at = &(*at)->next;
    }
    *at = ask->next;
    if (*at == NULL) {
        entry->asks_end = at;
    }
    entry->asks_count--;
    registry_table_remove(&self->asks, &ask->by_hash);
    free(ask);
}

void
registry_ask_close_all(registry_memory_t *self, registry_entry_t *entry)
{
    while (entry->asks != NULL) {
        registry_ask_close(self, entry->asks);
    }
}
