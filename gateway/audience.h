/* audience -- which of this gateway's connections are in which room: who gets a room's deltas. */
#ifndef PLAYHOUSE_AUDIENCE_H
#define PLAYHOUSE_AUDIENCE_H

#include <stddef.h>
#include <stdint.h>

#include "act.h"

enum { AUDIENCE_BUCKETS = 256, AUDIENCE_NOBODY = UINT32_MAX };

/* Whether what its sessions say goes to the room now. */
typedef enum audience_phase {
    AUDIENCE_HOME,
    AUDIENCE_PARTED,    /* the room is about to go: what they say is kept back until it has */
    AUDIENCE_REJOINING, /* its new owner is being asked to take them */
} audience_phase_t;

/* One room with sessions here. `first` is a slot of the sessions' table; they are linked through room_next. */
typedef struct audience {
    struct audience *next;
    uint32_t first;
    uint32_t references; /* sessions in it or on their way in */
    uint32_t held;       /* sessions in it of which something is kept back */
    bool found;          /* `room` says who is asked ... */
    bool settled;        /* ... and has let one in: so it stays until that owner says otherwise or is gone */
    uint8_t phase;       /* audience_phase_t */
    act_usec_t since;    /* of the phase */
    int64_t epoch;       /* of the lease of the owner before */
    act_addr_t room;     /* its key is the room's */
} audience_t;

typedef struct audience_table {
    audience_t *buckets[AUDIENCE_BUCKETS];
} audience_table_t;

/* NULL: nobody of that room is here. */
audience_t *audience_find(audience_table_t *self, const char *key);
/* Finds or makes; audience_release undoes it. */
audience_t *audience_hold(audience_table_t *self, const char *key);
/* The owner that has let its sessions in has this address, or none has yet. */
bool audience_is_of(const audience_t *self, const act_addr_t *room);
void audience_release(audience_table_t *self, audience_t **audience_p);

#endif
