/* metric -- the numbers of the metrics that actors count; the table is metrics.tbl.h. */
#ifndef PLAYHOUSE_METRIC_H
#define PLAYHOUSE_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "msg.h" /* generated: the enums that label values come from */

typedef enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } metric_type_t;

typedef enum metric_id {
#define METRIC(id, name, type, label, values, values_count, help) id,
#include "metrics.tbl.h"
#undef METRIC
    METRIC_ID_COUNT
} metric_id_t;

enum {
    /* Histograms have a bucket for each power of two from 2^5 (32 us) to 2^24 (16.8 s) and one for the rest, then
     * the sum. Powers of two cost one instruction to find. */
    METRIC_BUCKET_LOW = 5,
    METRIC_BUCKETS = 21,
    METRIC_HISTOGRAM_SLOTS = METRIC_BUCKETS + 1,
};

#endif
