/*
 * queue -- who waits, and whose turn it is; see README.md, and docs/admission.md for the states.
 *
 * Owns   the watches of its instance (which connection hears of which place), what was measured of the wait
 * Hears  queue.* (schemas/queue.json)
 * Says   gateway.queue_position, gateway.admitted, gateway.end; persistence.save_session; admission.pace
 * Timers TICK, once a second: positions that changed, offers that other processes made
 */
#ifndef PLAYHOUSE_QUEUE_H
#define PLAYHOUSE_QUEUE_H

#include "act.h"
#include "registry.h"

enum {
    QUEUE_PACE_CAP = 64,          /* promotions that the pace is measured from, the newest */
    QUEUE_PACE_MSEC = 600 * 1000, /* and none older than this */
};

/* Given by main.c, borrowed for as long as the kind runs. */
typedef struct queue_config {
    registry_t *registry;         /* the one that admission has */
    const char *const *instances; /* names, NULL at the end */
    registry_limits_t limits;     /* as admission's */
} queue_config_t;

extern const act_kind_t queue_kind;

#endif
