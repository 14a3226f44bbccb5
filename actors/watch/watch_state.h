/* What the files of this actor share. */
#ifndef PLAYHOUSE_WATCH_STATE_H
#define PLAYHOUSE_WATCH_STATE_H

#include "send.h"
#include "watch.h"

/* The times of one mailbox's handlers as they stood: quantiles are of what came since `older`. */
typedef struct watch_times {
    uint64_t older[RECORDER_BUCKETS], newer[RECORDER_BUCKETS];
} watch_times_t;

typedef struct watch {
    const watch_config_t *config;
    act_usec_t started, copied; /* when `newer` was copied */
    watch_times_t times[WATCH_ROWS_CAP];
} watch_t;

size_t watch_rows(watch_t *self, stats_row_t rows[WATCH_ROWS_CAP]);
/* A number as messages carry it. */
int64_t watch_number(uint64_t number);

void watch_on_tail(watch_t *self, act_ctx_t *ctx, const msg_t *msg);

#endif
