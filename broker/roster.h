/*
 * roster -- who is there, as one process puts it together from what its brokers tell. Time and wires are its caller's.
 *
 * It is the union of what the brokers say that were heard within MEMBERS_SILENCE_MSEC. As long as none of those is
 * settled it only adds to what was there; while none is heard at all the last view stays: what works goes on without
 * brokers. Of two lives of one name the later counts. The process itself is always in it.
 *
 * A broker that comes back after a silence may have heard of nobody else either meanwhile (it stood still, it was cut
 * off) and have given all up: it counts as not settled until it has been heard for MEMBERS_SILENCE_MSEC, in which they
 * come back to it. Only who knows of nobody yet believes it at once.
 */
#ifndef PLAYHOUSE_ROSTER_H
#define PLAYHOUSE_ROSTER_H

#include "members.h"

enum {
    ROSTER_BROKERS_MAX = 8,
    /* Without a word of a broker for so long, others may have had none either. It answers every beat; and half of
     * MEMBERS_SILENCE_MSEC is before it gives up anybody because it stands still. */
    ROSTER_DOUBT_MSEC = 2 * MEMBERS_BEAT_MSEC,
};

/* What one broker has said. */
typedef struct roster_broker {
    obj_node_row_t nodes[MEMBERS_MAX];
    uint32_t nodes_count;
    int64_t version;  /* 0: it has told nothing yet, or may have told what did not come */
    act_usec_t heard; /* 0: never */
    act_usec_t since; /* it is heard without a break; INT64_MIN: since this process came, which knew of nobody */
    bool settled;
} roster_broker_t;

typedef struct roster {
    obj_node_row_t self;
    roster_broker_t brokers[ROSTER_BROKERS_MAX];
    uint32_t brokers_count;
    obj_node_row_t nodes[MEMBERS_MAX]; /* the result, by rising id */
    uint32_t nodes_count;
    bool registered; /* a broker that is heard has told of this process */
} roster_t;

void roster_init(roster_t *self, const obj_node_row_t *node, uint32_t brokers_count);

void roster_told(roster_t *self, uint32_t broker, act_usec_t now, const msg_node_told_t *told);
void roster_alive(roster_t *self, uint32_t broker, act_usec_t now);
/* The broker has said that it ends. */
void roster_gone(roster_t *self, uint32_t broker);

bool roster_hears(const roster_t *self, uint32_t broker, act_usec_t now);
/* Puts it together anew. True: it is another than before. */
bool roster_merge(roster_t *self, act_usec_t now);
/* Another process, not leaving, that runs a kind which only one may run, and was first; NULL: none. */
const obj_node_row_t *roster_conflict(const roster_t *self, const char **kind);

#endif
