/* store_group -- the appends of one batch by what they are about, for the forms' commits. */
#ifndef PLAYHOUSE_STORE_GROUP_H
#define PLAYHOUSE_STORE_GROUP_H

#include "store.h"

typedef enum store_group_by { STORE_BY_ROOM, STORE_BY_ITEM, STORE_BY_CHARACTER } store_group_by_t;

enum { STORE_GROUP_SLOTS = 2 * STORE_BATCH_MAX };

typedef struct store_group {
    store_group_by_t by; /* an item: of its room */
    uint16_t slots[STORE_GROUP_SLOTS];
} store_group_t;

/* Of both, one after the other. */
uint64_t store_text_hash(const char *a, const char *b);

void store_group_start(store_group_t *self, store_group_by_t by);
/* The first append since start that was asked for and is about the same: its index, `i` when it is this one. */
uint32_t store_group_first(store_group_t *self, const msg_persistence_append_t *appends, uint32_t i);

#endif
