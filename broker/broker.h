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
#include "stats.h"

typedef struct broker broker_t;

typedef struct broker_options {
    /* Kinds that share a thread joined by '+', threads separated by spaces; kind*N runs a thread of that group N
     * times. A kind that was added and is not named gets a thread of its own. */
    const char *placement;
    size_t mailbox_max; /* messages */
} broker_options_t;

broker_t *broker_new(void);
/* Stops what runs. */
void broker_destroy(broker_t **self_p);

/* Before broker_start. Kinds are stopped in the reverse order of their addition, so add first what others need last.
 * `config` is borrowed until broker_destroy. */
void broker_add(broker_t *self, const act_kind_t *kind, const void *config);

/* Returns when every sharded state is made. False: `why` says which kind or word is wrong, and nothing runs. */
bool broker_start(broker_t *self, const broker_options_t *options, char *why, size_t why_size);

/* Kind by kind, while the others go on: so what was accepted is committed and answered. False: a kind did not end
 * within 5 s; it is named in the log, its thread still runs, and the process should end at once. */
bool broker_stop(broker_t *self);

/* How many threads a placement gives a kind; 1 when it is not named. */
unsigned broker_threads_of(const char *placement, const char *kind);

/* What the metrics actor reads; valid until broker_destroy, usable from the moment broker_start is called. */
stats_source_t broker_stats(broker_t *self);

#endif
