/* metric_table -- the rows of metrics.tbl.h as data, for those who print them. */
#ifndef PLAYHOUSE_METRIC_TABLE_H
#define PLAYHOUSE_METRIC_TABLE_H

#include "metric.h"

typedef struct metric_info {
    const char *name;
    metric_type_t type;
    const char *label;         /* NULL: none */
    const char *const *values; /* of the label, values_count of them; NULL without a label */
    size_t values_count;       /* 1 without a label */
    const char *help;
} metric_info_t;

extern const metric_info_t metric_infos[METRIC_ID_COUNT];

/* The upper bound of a histogram's bucket: microseconds, or plain numbers for METRIC_SIZES. Not of the last bucket,
 * which takes the rest. */
uint64_t metric_bucket_bound(metric_type_t type, uint32_t bucket);

#endif
