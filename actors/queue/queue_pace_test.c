/* What is measured of the wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue_pace.h"

enum { START = 5 * ACT_SEC };

static queue_pace_t pace;

static int
setup(void **state)
{
    (void)state;
    memset(&pace, 0, sizeof pace);
    return 0;
}

static void
two_promotions_are_the_least_that_measures(void **state)
{
    (void)state;
    assert_int_equal(queue_pace_msec(&pace, START), 0);
    queue_pace_promoted(&pace, START, 1);
    assert_int_equal(queue_pace_msec(&pace, START + 10 * ACT_SEC), 0);
    queue_pace_promoted(&pace, START + 10 * ACT_SEC, 2);
    assert_int_equal(queue_pace_msec(&pace, START + 10 * ACT_SEC), 10000);
    queue_pace_promoted(&pace, START + 14 * ACT_SEC, 3);
    assert_int_equal(queue_pace_msec(&pace, START + 14 * ACT_SEC), 7000);
    assert_int_equal(queue_pace_msec(&pace, START + 20 * ACT_SEC), 10000); /* none since: it is slower now */
}

static void
only_the_newest_and_the_not_too_old_are_measured(void **state)
{
    (void)state;
    act_usec_t now = START;
    for (int64_t i = 0; i < 3 * QUEUE_PACE_CAP; i++) {
        now += i < QUEUE_PACE_CAP ? 9 * ACT_SEC : 2 * ACT_SEC;
        queue_pace_promoted(&pace, now, i);
    }
    assert_int_equal(queue_pace_msec(&pace, now), 2000); /* nothing of the slow ones */
    assert_int_equal(queue_pace_msec(&pace, now + QUEUE_PACE_MSEC * (act_usec_t)ACT_MSEC + 1), 0);
    now += 590 * (act_usec_t)ACT_SEC;
    queue_pace_promoted(&pace, now, 1000); /* 10 s before that are 5 of the others */
    assert_int_equal(queue_pace_msec(&pace, now), 600000 / 6);
}

static void
a_wait_is_from_the_coming_to_the_promotion(void **state)
{
    (void)state;
    queue_pace_arrived(&pace, START, 5);
    queue_pace_arrived(&pace, START + 1, 6);
    queue_pace_arrived(&pace, START + 2, 6); /* said twice */
    queue_pace_arrived(&pace, START + 3, 4); /* late: not among the others any more */
    queue_pace_arrived(&pace, START + 4, 9);
    assert_int_equal(queue_pace_promoted(&pace, START + 10, 5), 10);
    assert_int_equal(queue_pace_promoted(&pace, START + 20, 9), 16); /* 6 has left */
    assert_int_equal(queue_pace_promoted(&pace, START + 30, 10), -1);
    assert_int_equal(pace.arrivals_count, 0);
    queue_pace_arrived(&pace, START, 4);
    assert_int_equal(queue_pace_promoted(&pace, START + 1, 4), 1); /* a registry that began again */
}

static void
more_than_can_be_measured_are_not_and_harm_nobody(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= QUEUE_ARRIVALS_CAP + 100; i++) {
        queue_pace_arrived(&pace, START + i, i);
    }
    for (int64_t i = 1; i <= QUEUE_ARRIVALS_CAP + 100; i++) {
        act_usec_t waited = queue_pace_promoted(&pace, START + 10000, i);
        assert_int_equal(waited, i <= QUEUE_ARRIVALS_CAP ? 10000 - i : -1);
    }
    queue_pace_arrived(&pace, START, 100000);
    assert_int_equal(queue_pace_promoted(&pace, START + 7, 100000), 7);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(two_promotions_are_the_least_that_measures),
        CASE(only_the_newest_and_the_not_too_old_are_measured),
        CASE(a_wait_is_from_the_coming_to_the_promotion),
        CASE(more_than_can_be_measured_are_not_and_harm_nobody),
    };
    return cmocka_run_group_tests_name("queue_pace", tests, NULL, NULL);
}
