/*
 * world -- one simulated evening: admission, queue, room and persistence as they are shipped, on a real SQLite file and
 * a registry that is lost and goes away, with players, faults and crashes by a seed; and after each step the promises
 * of requirements A3, A4, A6, A7, B5, B6, B11 and that no item is made, lost or doubled. In the end everybody leaves,
 * and no seat or place may be left (A11).
 */
#ifndef PLAYHOUSE_SIM_WORLD_H
#define PLAYHOUSE_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

/* What has happened, so that nobody mistakes an evening without events for a good one. */
#define WORLD_COUNTED(X)                                                                                               \
    X(WORLD_STEPS, "steps")                                                                                            \
    X(WORLD_ADMITTED, "admitted")                                                                                      \
    X(WORLD_QUEUED, "queued")                                                                                          \
    X(WORLD_RESUMED, "resumed")                                                                                        \
    X(WORLD_REPLACED, "replaced")                                                                                      \
    X(WORLD_ACKS, "acks")                                                                                              \
    X(WORLD_REFUSALS, "refusals")                                                                                      \
    X(WORLD_CRASHES, "crashes")                                                                                        \
    X(WORLD_LOSSES, "registry losses")                                                                                 \
    X(WORLD_BY_CHANGES, "joins by changes")                                                                            \
    X(WORLD_BY_SNAPSHOT, "by snapshot")                                                                                \
    X(WORLD_VIEWS, "views compared")                                                                                   \
    X(WORLD_HEARD, "lines heard")                                                                                      \
    X(WORLD_LOST, "times lines were declared lost")                                                                    \
    X(WORLD_HANDED, "items handed over")                                                                               \
    X(WORLD_MOVES, "room processes left")                                                                              \
    X(WORLD_MOVED, "sessions moved")                                                                                   \
    X(WORLD_SPLITS, "split views")                                                                                     \
    X(WORLD_RETIRED, "rooms retired")                                                                                  \
    X(WORLD_RIVALS, "of the other owner")

typedef enum world_count {
#define X(id, name) id,
    WORLD_COUNTED(X)
#undef X
        WORLD_COUNTS
} world_count_t;

extern const char *const world_count_names[WORLD_COUNTS];

typedef struct world_result {
    bool broken;
    char what[256];  /* the promise that was broken */
    int64_t at_msec; /* of virtual time */
    uint64_t counts[WORLD_COUNTS];
} world_result_t;

/* Runs the evening of `seed` with its store in `folder` (a file is made and removed). */
void world_run(uint64_t seed, const char *folder, world_result_t *result);

/* One long evening of 3,600 virtual seconds: constant coming and going, now and then a mishap. Memory may not grow from
 * the twentieth minute to the last, and in the end nothing may be left. Not with a sanitizer: those keep what was
 * freed. */
void world_hour(uint64_t seed, const char *folder, world_result_t *result);

#endif
