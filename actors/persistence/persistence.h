/*
 * persistence -- what is written down; commits once per flush, the sessions and then the actions.
 *
 * Owns   nothing of the world: the store does (store.h). Remembers which lease each room holds, and the batches.
 * Hears  persistence.append from rooms; persistence.save_session from admission and queue; loads, look-ups,
 *        characters, switches                                                (schemas/persistence.json)
 * Says   answers; persistence.appended or persistence.append_refused to the room, once per commit
 * Timers the window, in which a batch waits for company; maintain, each minute, on the first thread
 * Dies   never by itself; after a restart no lease is known, so every room takes a new one
 */
#ifndef PLAYHOUSE_PERSISTENCE_H
#define PLAYHOUSE_PERSISTENCE_H

#include "act.h"
#include "cache.h"
#include "store.h"

/* Stores and caches are borrowed and outlive the kind; no other thread uses them meanwhile. */
typedef struct persistence_config {
    store_t *const *stores; /* one for each thread of the kind */
    uint32_t stores_count;
    cache_t *const *caches; /* as many as stores; NULL: there is none */
    int64_t window_msec;    /* how long a batch waits for more to share its commit; 0: no longer than the mailbox */
    int64_t keep_msec;      /* how long the log of actions is kept; 0: for good */
} persistence_config_t;

extern const act_kind_t persistence_kind;

#endif
