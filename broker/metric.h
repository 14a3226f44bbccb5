/* metric -- the numbers of the metrics that actors count; the table is metrics.tbl.h. */
#ifndef PLAYHOUSE_METRIC_H
#define PLAYHOUSE_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h" /* generated: the enums that label values come from */

/* A METRIC_HISTOGRAM is of times, METRIC_SIZES is a histogram of plain numbers. */
typedef enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_SIZES } metric_type_t;

typedef enum metric_id {
#define METRIC(id, name, type, label, values, values_count, help) id,
#include "metrics.tbl.h"
#undef METRIC
    METRIC_ID_COUNT
} metric_id_t;

enum {
    /* A histogram has a bucket for each of 20 powers of two and one for the rest, then the sum. Powers of two cost one
     * instruction to find. Times go from 2^5 (32 us) to 2^24 (16.8 s), sizes from 1 to 2^19. */
    METRIC_BUCKETS = 21,
    METRIC_TIME_BUCKET_LOW = 5,
    METRIC_HISTOGRAM_SLOTS = METRIC_BUCKETS + 1,
};

#endif
