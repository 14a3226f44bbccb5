/*
 * persistence -- what is written down; commits once per flush, the sessions and then the actions.
 *
 * Owns   nothing of the world: the store does (store.h). Remembers which lease each room holds, and the batches.
 * Hears  persistence.append from rooms; persistence.save_session from admission and queue; loads, look-ups,
 *        characters, switches                                                (schemas/persistence.json)
 * Says   answers; persistence.appended or persistence.append_refused to the room, once per commit
 * Timers none
 * Dies   never by itself; after a restart no lease is known, so every room takes a new one
 */
#ifndef PLAYHOUSE_PERSISTENCE_H
#define PLAYHOUSE_PERSISTENCE_H

#include "act.h"
#include "store.h"

typedef struct persistence_config {
    store_t *store; /* borrowed; outlives the kind; no other thread uses it meanwhile */
} persistence_config_t;

extern const act_kind_t persistence_kind;

#endif
