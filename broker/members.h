/*
 * members -- a broker's table of processes: who has registered, when each was last heard, who may not join. Time and
 * wires are its caller's.
 *
 * A process that is silent for MEMBERS_SILENCE_MSEC is out. For as long after its start a broker may not have heard of
 * all: it is not settled, and nobody takes it for proof that somebody is gone.
 */
#ifndef PLAYHOUSE_MEMBERS_H
#define PLAYHOUSE_MEMBERS_H

#include "act.h"

enum {
    MEMBERS_MAX = 64,            /* processes; more are refused */
    MEMBERS_BEAT_MSEC = 1000,    /* between two beats of a process */
    MEMBERS_SILENCE_MSEC = 4000, /* of a process, or of a broker */
    MEMBERS_IDENTITY_MAX = 255,  /* bytes of ZeroMQ's routing id */
};

typedef struct member {
    obj_node_row_t node;
    act_usec_t heard;
    uint8_t identity[MEMBERS_IDENTITY_MAX]; /* where to tell it; the caller's */
    uint8_t identity_length;
} member_t;

typedef struct members {
    member_t rows[MEMBERS_MAX];
    uint32_t count;
    int64_t version; /* of what there is to tell; never 0 */
    act_usec_t started;
    bool settled;
} members_t;

typedef enum members_beat {
    MEMBERS_SAME,    /* nothing has changed */
    MEMBERS_CHANGED, /* somebody is new, or another than before */
    MEMBERS_REFUSED, /* it may not join */
} members_beat_t;

/* `version` is where to begin: another at each start, so that what an earlier life of this broker told is not taken
 * for what this one has to tell. */
void members_init(members_t *self, act_usec_t now, int64_t version);

/* A process says what it is, and its caller knows that it has the key that it names. A row is changed, or replaced by
 * one of its name, only by who has the key of that row; whoever has another waits until the row is gone. *member_p is
 * its row, unless it is refused: then *refused says why. */
members_beat_t members_beat(members_t *self, act_usec_t now, const obj_node_row_t *node, member_t **member_p,
                            msg_node_refused_t *refused);
/* False: it was not there. */
bool members_leave(members_t *self, int64_t id);
/* Takes out who is silent. True: there is something new to tell. */
bool members_tick(members_t *self, act_usec_t now);
/* When to call members_tick next. */
act_usec_t members_due(const members_t *self);

/* Of two processes of one name, is `a` the later life? */
bool members_is_later(const obj_node_row_t *a, const obj_node_row_t *b);
/* May both be there? NULL: yes; else the kind that only one of them may run. */
const char *members_conflict(const obj_node_row_t *a, const obj_node_row_t *b);

#endif
