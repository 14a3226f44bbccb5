/*
 * watch -- shows people what the actors of this process do: how each mailbox stands, and the messages it handles.
 *
 * Owns   two copies of each mailbox's handler times; reads the runtime's counters and flight recorders through its port
 * Hears  watch.actors, watch.tail                                               (schemas/watch.json)
 * Says   watch.actor_list, watch.tailed, watch.refused to the asker
 * Timers none
 * Dies   never
 *
 * It remembers nobody who watches: they poll, with the cursor of the last answer, and what they ask for costs only the
 * thread of this actor. Bodies are the exception: while they are asked for, their actors write them down (recorder.h).
 */
#ifndef PLAYHOUSE_WATCH_H
#define PLAYHOUSE_WATCH_H

#include "act.h"
#include "recorder.h"
#include "stats.h"

enum {
    WATCH_ROWS_CAP = 64,     /* mailboxes shown; as many as watch.actor_list and a cursor take */
    WATCH_TAP_SECONDS = 5,   /* bodies are kept this long after the last ask */
    WATCH_STEADY_SECONDS = 5 /* handler times are at least of this long, while somebody asks */
};

typedef struct watch_config {
    stats_source_t stats;
    const char *node; /* the name of this process; "" when it is alone */
    /* Memory in bytes and CPU time in microseconds of this process. False: unknown, both are told as 0. */
    bool (*process)(uint64_t *resident_bytes, uint64_t *cpu_usec);
    /* What is added to act_now for microseconds since 1970. watch_clock_offset in the server. */
    act_usec_t (*clock_offset)(void);
} watch_config_t;

act_usec_t watch_clock_offset(void);

extern const act_kind_t watch_kind;

#endif
