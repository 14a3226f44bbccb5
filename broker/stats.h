/*
 * stats -- the runtime's own numbers about each mailbox, and where the actors' counters (metric.h) are kept. What the
 * metrics actor reads: its port. Numbers are read while others write them: each is whole, together they are a moment
 * apart.
 */
#ifndef PLAYHOUSE_STATS_H
#define PLAYHOUSE_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "metric.h"

typedef struct stats_row {
    const char *kind;
    unsigned thread;
    uint64_t keys;         /* live states */
    uint64_t depth;        /* messages waiting in the mailbox */
    uint64_t handled;      /* messages handled since the start */
    uint64_t handler_usec; /* wall time inside batches */
    uint64_t refused;      /* refused because the mailbox was full */
    uint64_t restarts;     /* states made anew after act_fail */
    const _Atomic uint64_t
        *metrics;              /* METRIC slots: [metric_slot(id, label)]; a histogram takes METRIC_HISTOGRAM_SLOTS */
    struct recorder *recorder; /* its flight recorder (recorder.h); NULL in a test */
} stats_row_t;

typedef struct stats_source {
    size_t (*read)(void *self, stats_row_t *rows, size_t capacity); /* returns how many rows there are */
    void *self;
} stats_source_t;

/* Index of a metric's slot for a label value; gauges are int64_t bits in the same array. */
size_t metric_slot(metric_id_t metric, uint32_t label);
size_t metric_slots_count(void);
/* The bucket of a histogram's value: 0..METRIC_BUCKETS-1, the first whose bound is not below it. */
uint32_t metric_bucket(metric_id_t metric, uint64_t value);

#endif
