/* metric_table -- the rows of metrics.tbl.h as data, for those who print them. */
#ifndef PLAYHOUSE_METRIC_TABLE_H
#define PLAYHOUSE_METRIC_TABLE_H

#include <stdbool.h>

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

/* The upper bound of a histogram's bucket, in its own unit (microseconds, or what its name says). Not of the last,
 * which takes the rest. */
uint64_t metric_bucket_bound(uint32_t bucket);
/* Does this histogram count microseconds, shown as seconds? Else its name ends in _size. */
bool metric_is_time(const metric_info_t *info);

#endif
