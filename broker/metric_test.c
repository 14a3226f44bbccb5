#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "metric_table.h"
#include "stats.h"

static void
slots_of_all_metrics_follow_each_other_without_overlap(void **state)
{
    (void)state;
    size_t next = 0;
    for (int id = 0; id < METRIC_ID_COUNT; id++) {
        const metric_info_t *info = &metric_infos[id];
        assert_int_equal(metric_slot((metric_id_t)id, 0), next);
        for (uint32_t label = 0; label < info->values_count; label++) {
            assert_int_equal(metric_slot((metric_id_t)id, label), next + label);
        }
        next += info->type >= METRIC_HISTOGRAM ? METRIC_HISTOGRAM_SLOTS : info->values_count;
    }
    assert_int_equal(metric_slots_count(), next);
}

static void
check_buckets(metric_id_t metric, uint64_t first, uint64_t last)
{
    metric_type_t type = metric_infos[metric].type;
    assert_int_equal(metric_bucket(metric, 0), 0);
    for (uint32_t i = 0; i < METRIC_BUCKETS - 1; i++) {
        uint64_t bound = metric_bucket_bound(type, i);
        assert_int_equal(metric_bucket(metric, bound), i);
        assert_int_equal(metric_bucket(metric, bound + 1), i + 1);
    }
    assert_int_equal(metric_bucket_bound(type, 0), first);
    assert_int_equal(metric_bucket_bound(type, METRIC_BUCKETS - 2), last);
    assert_int_equal(metric_bucket(metric, UINT64_MAX), METRIC_BUCKETS - 1);
}

static void
bucket_is_the_first_whose_bound_is_not_below(void **state)
{
    (void)state;
    check_buckets(METRIC_COMMIT_LATENCY, 32, 1 << 24);
    check_buckets(METRIC_COMMIT_SIZE, 1, 1 << 19);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_of_all_metrics_follow_each_other_without_overlap),
        cmocka_unit_test(bucket_is_the_first_whose_bound_is_not_below),
    };
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
