/*
 * registry_conformance -- what every form of the registry must do: a cmocka group that the test of a form runs on it.
 *
 * Time is the `now` of the calls, in whole milliseconds, and starts at some minutes; a form with a clock of its own
 * must be told to read that instead. No call waits.
 */
#ifndef PLAYHOUSE_REGISTRY_CONFORMANCE_H
#define PLAYHOUSE_REGISTRY_CONFORMANCE_H

#include "registry.h"

/* A form that nobody has used: it remembers no session, attempt or notice (every instance is LOST), and is not CLOSED
 * after a restore. The suite destroys it. Called once for each test. */
typedef registry_t *registry_make_fn(void *context);

typedef struct registry_conformance {
    const char *name; /* of the form, for the output */
    registry_make_fn *make;
    void *context;
    bool characters_per_instance; /* one session of a character on each instance; over all of them the store decides */
    bool subjects_by_time;        /* it forgets subjects (A9) when their time is over, however many there are */
    uint32_t walk_steps;          /* of one random walk against the model; there are several */
    uint32_t attempt_steps;       /* of the random attempts against the model (A9) */
} registry_conformance_t;

/* The number of tests that failed. */
int registry_conformance_run(const registry_conformance_t *form);

#endif
