/*
 * broker -- runs actor kinds on threads: the placement table, mailboxes, the directory, start and stop.
 *
 * Made, filled and started by main.c; the public face of this folder for whoever starts a process. Actors see act.h.
 */
#ifndef PLAYHOUSE_BROKER_H
#define PLAYHOUSE_BROKER_H

#include <stdbool.h>
#include <stddef.h>

#include "act.h"
#include "curve.h"
#include "directory.h"
#include "socket.h"
#include "stats.h"

typedef struct broker broker_t;

/* This process among others. */
typedef struct broker_node {
    const char *name;   /* letters, digits, - and _; a new life of the process has the same */
    const char *host;   /* where others reach its mailboxes, and where they are bound */
    uint16_t port;      /* of the first mailbox, the next has the next; 0: any */
    const char *roles;  /* for people */
    uint32_t exclusive; /* kinds that no other process may run: bits of act_kind_id_t */
    curve_t *curve;     /* protects the sockets; NULL: they are plain */
} broker_node_t;

typedef struct broker_options {
    /* Kinds that share a thread joined by '+', threads separated by spaces; kind*N runs a thread of that group N
     * times. A kind that was added and is not named gets a thread of its own. */
    const char *placement;
    size_t mailbox_max;        /* messages */
    const broker_node_t *node; /* NULL: it is alone. Borrowed until broker_destroy. */
} broker_options_t;

broker_t *broker_new(void);
/* Stops what runs. */
void broker_destroy(broker_t **self_p);

/* Before broker_start. Kinds are stopped in the reverse order of their addition, so add first what others need last.
 * `config` is borrowed until broker_destroy. */
void broker_add(broker_t *self, const act_kind_t *kind, const void *config);

/* Returns when every sharded state is made. False: `why` says which kind or word is wrong, and nothing runs. */
bool broker_start(broker_t *self, const broker_options_t *options, char *why, size_t why_size);

/* What other processes are told of this one; valid from broker_start on. */
const obj_node_row_t *broker_self(const broker_t *self);
/* The ZeroMQ context that all sockets between processes share, with keys and the front door; it ends with
 * broker_destroy. And their keys; NULL: they are plain. */
void *broker_zmq(broker_t *self);
curve_t *broker_curve(const broker_t *self);
/* From any thread: who is there. */
void broker_publish(broker_t *self, const directory_t *directory);
/* Does anybody run that kind, as last published? */
bool broker_has(broker_t *self, act_kind_id_t kind);
/* Has broker_stop begun? From then on the node says that it leaves. */
bool broker_is_leaving(const broker_t *self);

/* Among others: says that it leaves and waits until no key is here that belongs elsewhere, at most 3 s. Then, and at
 * once when it is alone: kind by kind, while the others go on: so what was accepted is committed and answered. False: a
 * kind did not end within 5 s; it is named in the log, its thread still runs, and the process should end at once. */
bool broker_stop(broker_t *self);

/* How many threads a placement gives a kind; 1 when it is not named. */
unsigned broker_threads_of(const char *placement, const char *kind);

/* What the metrics actor reads; valid until broker_destroy, usable from the moment broker_start is called. */
stats_source_t broker_stats(broker_t *self);

#endif
