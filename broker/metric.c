#include "metric_table.h"

#include "act.h"
#include "stats.h"

/* Slots follow each other in the order of the table. */
enum {
#define METRIC(id, name, type, label, values, values_count, help)                                                      \
    id##_FIRST,                                                                                                        \
        id##_LAST = id##_FIRST + ((type) >= METRIC_HISTOGRAM ? METRIC_HISTOGRAM_SLOTS : (int)(values_count)) - 1,
#include "metrics.tbl.h"
#undef METRIC
    SLOTS_COUNT
};

static const size_t first_slots[METRIC_ID_COUNT] = {
#define METRIC(id, name, type, label, values, values_count, help) [id] = id##_FIRST,
#include "metrics.tbl.h"
#undef METRIC
};

const metric_info_t metric_infos[METRIC_ID_COUNT] = {
#define METRIC(id, name, type, label, values, values_count, help)                                                      \
    [id] = {name, type, label, values, values_count, help},
#include "metrics.tbl.h"
#undef METRIC
};

size_t
metric_slot(metric_id_t metric, uint32_t label)
{
    ACT_ASSERT((uint32_t)metric < METRIC_ID_COUNT && label < metric_infos[metric].values_count);
    return first_slots[metric] + label;
}

size_t
metric_slots_count(void)
{
    return SLOTS_COUNT;
}

static uint32_t
metric_bucket_low(metric_type_t type)
{
    return type == METRIC_HISTOGRAM ? METRIC_TIME_BUCKET_LOW : 0;
}

uint32_t
metric_bucket(metric_id_t metric, uint64_t value)
{
    uint32_t low = metric_bucket_low(metric_infos[metric].type);
    if (value <= (uint64_t)1 << low) {
        return 0;
    }
    uint32_t bucket = 64 - (uint32_t)__builtin_clzll(value - 1) - low;
    return bucket < METRIC_BUCKETS ? bucket : METRIC_BUCKETS - 1;
}

uint64_t
metric_bucket_bound(metric_type_t type, uint32_t bucket)
{
    ACT_ASSERT(bucket < METRIC_BUCKETS - 1);
    return (uint64_t)1 << (metric_bucket_low(type) + bucket);
}
