/*
 * hub -- the actor `broker`, in each process of role broker: tells every process who is there. Messages between
 * processes do not pass through it.
 *
 * Owns   the ROUTER socket of broker.bind, the table of processes (members.h)
 * Hears  broker.beat|leave on that socket; broker.table
 * Says   node.told to all at every change, node.alive, node.refused and node.gone to one, on that socket
 * Timers TICK, when the next process has been silent for too long
 * Dies   the others go on with what the other brokers say, or with what they knew; a new one knows all after a second
 */
#ifndef PLAYHOUSE_HUB_H
#define PLAYHOUSE_HUB_H

#include "broker.h"

typedef struct hub_config {
    broker_t *broker;
    const char *endpoint;                         /* tcp://HOST:PORT; port * means any */
    void (*bound)(void *self, const char *where); /* told what was bound, before init returns; may be NULL */
    void *self;                                   /* given to bound */
} hub_config_t;

extern const act_kind_t hub_kind;

#endif
