/*
 * world -- one simulated evening: admission, queue, room and persistence as they are shipped, on a real SQLite file and
 * a registry that is lost and goes away, with players, faults and crashes by a seed; and after each step the promises
 * of requirements A3, A4, A6, A7, B5, B6 and that no item is made, lost or doubled. In the end everybody leaves, and no
 * seat or place may be left (A11).
 */
#ifndef PLAYHOUSE_SIM_WORLD_H
#define PLAYHOUSE_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct world_result {
    bool broken;
    char what[256];  /* the promise that was broken */
    int64_t at_msec; /* of virtual time */
    uint64_t acks, refusals, admitted, queued, resumed, replaced, steps, crashes, losses;
} world_result_t;

/* Runs the evening of `seed` with its store in `folder` (a file is made and removed). */
void world_run(uint64_t seed, const char *folder, world_result_t *result);

#endif
