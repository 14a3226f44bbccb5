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
        next += info->type == METRIC_HISTOGRAM ? METRIC_HISTOGRAM_SLOTS : info->values_count;
    }
    assert_int_equal(metric_slots_count(), next);
}

static void
bucket_is_the_first_whose_bound_is_not_below(void **state)
{
    (void)state;
    assert_int_equal(metric_bucket(0), 0);
    for (uint32_t i = 0; i < METRIC_BUCKETS - 1; i++) {
        uint64_t bound = metric_bucket_bound(i);
        assert_int_equal(metric_bucket(bound), i);
        assert_int_equal(metric_bucket(bound + 1), i + 1);
    }
    assert_int_equal(metric_bucket_bound(0), 32);
    assert_int_equal(metric_bucket_bound(METRIC_BUCKETS - 2), 1 << 24);
    assert_int_equal(metric_bucket(UINT64_MAX), METRIC_BUCKETS - 1);
}

static void
histograms_are_of_time_unless_they_end_in_size(void **state)
{
    (void)state;
    assert_true(metric_is_time(&metric_infos[METRIC_COMMIT_LATENCY]));
    assert_false(metric_is_time(&metric_infos[METRIC_COMMIT_SIZE]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_of_all_metrics_follow_each_other_without_overlap),
        cmocka_unit_test(bucket_is_the_first_whose_bound_is_not_below),
        cmocka_unit_test(histograms_are_of_time_unless_they_end_in_size),
    };
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
