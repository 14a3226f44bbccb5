/* A primary that comes and goes, and the spare in its place. Both are the memory form, which tells by LOST when it is
 * asked in the place of the other. */
#include "registry_conformance_helpers.h"

static bool is_away;             /* the primary */
static bool is_away_after_begin; /* it goes away once more, in the middle of a restore */
static registry_t real;          /* what its operations are when it is there */
static registry_t *spare;        /* of the failover made last */

static registry_result_t
away_claim(registry_t *self, act_usec_t now, registry_session_t *session, registry_session_t *ended,
           const registry_limits_t *limits)
{
    return is_away ? REGISTRY_UNAVAILABLE : real.claim(self, now, session, ended, limits);
}

static registry_result_t
away_count(registry_t *self, act_usec_t now, const char *instance, registry_count_t *count)
{
    return is_away ? REGISTRY_UNAVAILABLE : real.count(self, now, instance, count);
}

static registry_result_t
away_beat(registry_t *self, act_usec_t now, const char *instance, const char *holder, registry_notice_t *notices,
          uint32_t max, uint32_t *count)
{
    return is_away ? REGISTRY_UNAVAILABLE : real.beat(self, now, instance, holder, notices, max, count);
}

static registry_result_t
away_restore_begin(registry_t *self, act_usec_t now, const char *instance, int64_t number,
                   const registry_switches_t *switches)
{
    if (is_away) {
        return REGISTRY_UNAVAILABLE;
    }
    is_away = is_away_after_begin;
    return real.restore_begin(self, now, instance, number, switches);
}

static registry_result_t
away_restore_end(registry_t *self, act_usec_t now, const char *instance)
{
    return is_away ? REGISTRY_UNAVAILABLE : real.restore_end(self, now, instance);
}

static registry_result_t
away_forget(registry_t *self, act_usec_t now, const char *instance)
{
    return is_away ? REGISTRY_UNAVAILABLE : real.forget(self, now, instance);
}

static registry_result_t
away_attempt_failed(registry_t *self, act_usec_t now, const registry_attempt_t *attempt,
                    const registry_attempt_limits_t *limits, int64_t *left_msec)
{
    return is_away ? REGISTRY_UNAVAILABLE : real.attempt_failed(self, now, attempt, limits, left_msec);
}

static void
away_why(registry_t *self, char *text, size_t size)
{
    (void)self;
    snprintf(text, size, "the primary's trouble");
}

static registry_t *
make_primary(void)
{
    registry_t *self = registry_memory_new();
    real = *self;
    is_away = is_away_after_begin = false;
    self->claim = away_claim;
    self->count = away_count;
    self->beat = away_beat;
    self->restore_begin = away_restore_begin;
    self->restore_end = away_restore_end;
    self->forget = away_forget;
    self->attempt_failed = away_attempt_failed;
    self->why = away_why;
    return self;
}

static registry_t *
make_failover(void *context)
{
    (void)context;
    spare = registry_memory_new();
    return registry_failover_new(make_primary(), spare);
}

static const registry_conformance_t failover_form = {
    .name = "registry_failover", .make = make_failover, .walk_steps = 20000, .attempt_steps = 10000};

static bool
is_degraded(const world_t *self)
{
    return self->registry->is_degraded(self->registry);
}

static bool
try_return(world_t *self)
{
    return self->registry->try_return(self->registry, self->now);
}

/* The primary goes, and this instance is turned to the spare; `row` is what the store knows. */
static void
fail_over(world_t *self, registry_session_t *row)
{
    is_away = true;
    assert_result(REGISTRY_UNAVAILABLE, world_count(self));
    world_restore(self, 10, row, row != NULL);
}

static void
an_operation_that_finds_the_primary_away_says_so(void **state)
{
    world_t *self = *state;
    is_away = true;
    assert_result(REGISTRY_UNAVAILABLE, world_claim_one(self, 1));
    assert_result(REGISTRY_UNAVAILABLE, world_beat(self, "h1", 1));
    assert_result(REGISTRY_UNAVAILABLE,
                  world_attempt_failed(self, 1, 1, (registry_attempt_limits_t){1, 1, 1000, 1000}));
    assert_false(is_degraded(self));
    assert_false(try_return(self));
    is_away = false; /* it was a moment: nothing is lost */
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_false(is_degraded(self));
    assert_false(try_return(self));
}

static void
a_restore_that_finds_it_away_turns_to_the_spare(void **state)
{
    world_t *self = *state;
    registry_session_t row = world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 5, 5);
    fail_over(self, &row);
    assert_true(is_degraded(self));
    char why[REGISTRY_WHY_SIZE];
    self->registry->why(self->registry, why, sizeof why);
    assert_string_equal(why, "the primary's trouble"); /* the spare has none to tell */
    assert_count(self, 0, 0, 1, 0);
    assert_result(REGISTRY_OK, world_claim_one(self, 2));
    assert_true(self->session.number > 10);
    assert_false(try_return(self));
    self->instance = "beta"; /* has not been turned */
    assert_result(REGISTRY_UNAVAILABLE, world_count(self));
}

static void
everything_of_a_turned_instance_is_asked_of_the_spare(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    registry_switches_t switches = {.drain = true};
    int64_t number;
    uint32_t count = 0;
    fail_over(self, NULL);
    is_away = false; /* what still went to the primary would find nobody there */
    self->limits.capacity = 1;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_touch(self, 2));
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 2));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_end_attempt(self, 3, 4));
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_result(REGISTRY_OK, world_find_character(self, 2));
    assert_result(REGISTRY_OK, registry->waiting(registry, self->now, "alpha", &number, 1, &count));
    assert_int_equal(count, 1);
    assert_result(REGISTRY_OK, registry->list(registry, self->now, "alpha", 0, &self->session, 1, &count));
    assert_int_equal(count, 1);
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_OK, world_ask(self, 1, 71));
    assert_result(REGISTRY_OK, world_unask(self, 1, 70));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 70, 92));
    assert_result(REGISTRY_OK, world_drop(self, 1, turn));
    assert_result(REGISTRY_OK, world_renew(self, 1, 1001, 91));
    assert_result(REGISTRY_OK, world_replace(self, 1, 71, 92));
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_OK, world_tell(self, "h1", 2, 7));
    assert_result(REGISTRY_OK, world_beat(self, "h1", 1));
    assert_int_equal(self->place, 1);
    world_pass(self, OFFER_MSEC);
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_result(REGISTRY_OK, world_switch(self, switches));
    switches.drain = false;
    assert_result(REGISTRY_OK, registry->get_switches(registry, self->now, "alpha", &switches));
    assert_true(switches.drain);
    assert_result(REGISTRY_OK, registry->forget(registry, self->now, "alpha"));
    assert_result(REGISTRY_LOST, world_count(self));
    world_restore(self, 0, NULL, 0); /* on the spare again: nobody has seen the primary come back */
    assert_true(is_degraded(self));
    assert_count(self, 0, 0, 0, 0);
}

static void
each_instance_returns_with_its_own_restore(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1)); /* what the primary knows goes out of date */
    fail_over(self, NULL);
    self->instance = "beta";
    fail_over(self, NULL);
    assert_result(REGISTRY_OK, world_claim_one(self, 2));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_claim_one(self, 3));
    assert_false(try_return(self));
    is_away = false;
    assert_true(try_return(self));
    assert_true(is_degraded(self)); /* the spare goes on */
    assert_count(self, 1, 0, 0, 0);
    registry_session_t row = world_row(self, (world_session_t){4, 4, 4, 4}, SESSION_STATE_GRACE, 15, 15);
    world_restore(self, 15, &row, 1);
    assert_count(self, 0, 0, 1, 0); /* the store's, and nothing of before */
    assert_result(REGISTRY_OK, world_find(self, 4));
    assert_true(is_degraded(self));
    self->instance = "beta";
    assert_count(self, 1, 0, 0, 0);
    assert_result(REGISTRY_OK, world_find(self, 2));
    world_restore(self, 15, NULL, 0);
    assert_count(self, 0, 0, 0, 0);
    assert_false(is_degraded(self));
    assert_false(try_return(self));
}

static void
the_spare_starts_from_nothing_each_time(void **state)
{
    world_t *self = *state;
    fail_over(self, NULL);
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    is_away = false;
    assert_true(try_return(self));
    world_restore(self, 0, NULL, 0);
    assert_result(REGISTRY_LOST, spare->count(spare, self->now, "alpha", &self->count)); /* it keeps nothing */
    fail_over(self, NULL);
    assert_count(self, 0, 0, 0, 0);

    registry_t *failover = self->registry;
    registry_session_t row = world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 9, 9);
    self->registry = spare; /* somebody else has used it */
    self->instance = "beta";
    world_restore(self, 9, &row, 1);
    self->registry = failover;
    fail_over(self, NULL);
    assert_count(self, 0, 0, 0, 0);
}

static void
a_primary_that_goes_again_before_the_restore_leaves_the_spare_in_use(void **state)
{
    world_t *self = *state;
    fail_over(self, NULL);
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    is_away = false;
    assert_true(try_return(self));
    is_away = true;
    registry_session_t row = world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 9, 9);
    world_restore(self, 10, &row, 1);
    assert_true(is_degraded(self));
    assert_count(self, 1, 0, 1, 0);
    assert_false(try_return(self));
    is_away = false;
    world_restore(self, 10, NULL, 0); /* it has to be seen again first */
    assert_count(self, 1, 0, 1, 0);
    assert_true(try_return(self));
    world_restore(self, 0, NULL, 0);
    assert_count(self, 0, 0, 0, 0);
    assert_false(is_degraded(self));
}

static void
a_primary_that_goes_in_the_middle_of_a_restore_is_stood_in_for_by_the_next(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    const registry_switches_t off = {0};
    is_away_after_begin = true;
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, "gamma", 0, &off));
    assert_result(REGISTRY_UNAVAILABLE, registry->restore_end(registry, self->now, "gamma"));
    assert_false(is_degraded(self));
    self->instance = "gamma";
    world_restore(self, 0, NULL, 0);
    assert_true(is_degraded(self));
    assert_count(self, 0, 0, 0, 0);
}

static void
attempts_are_counted_by_the_spare_while_anything_is_degraded(void **state)
{
    world_t *self = *state;
    const registry_attempt_limits_t limits = {1, 100, 1000000, 1000000};
    assert_result(REGISTRY_OK, world_attempt_failed(self, 1, 1, limits));
    fail_over(self, NULL);
    assert_result(REGISTRY_OK, world_attempt_left(self, 1, 1));
    assert_int_equal(self->left, 0);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 2, 1, limits));
    assert_true(self->left > 0);
    is_away = false;
    assert_true(try_return(self));
    world_restore(self, 0, NULL, 0);
    assert_result(REGISTRY_OK, world_attempt_left(self, 1, 1));
    assert_true(self->left > 0);
    assert_result(REGISTRY_OK, world_attempt_left(self, 2, 1));
    assert_int_equal(self->left, 0);
}

static void
without_a_spare_the_primary_is_all_there_is(void **state)
{
    world_t *self = *state;
    registry_t *registry = registry_failover_new(make_primary(), NULL);
    const registry_switches_t off = {0};
    is_away = true;
    assert_result(REGISTRY_UNAVAILABLE, registry->restore_begin(registry, self->now, "alpha", 0, &off));
    assert_false(registry->is_degraded(registry));
    assert_false(registry->try_return(registry, self->now));
    is_away = false;
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, "alpha", 0, &off));
    registry_destroy(&registry);
    assert_null(registry);
    registry_destroy(&registry);
}

static void
more_instances_than_the_spare_takes_stay_away(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    const registry_switches_t off = {0};
    is_away = true;
    for (unsigned i = 0; i <= REGISTRY_INSTANCES_CAP; i++) {
        char name[16];
        snprintf(name, sizeof name, "i%u", i);
        assert_result(i < REGISTRY_INSTANCES_CAP ? REGISTRY_OK : REGISTRY_UNAVAILABLE,
                      registry->restore_begin(registry, self->now, name, 0, &off));
    }
    assert_result(REGISTRY_UNAVAILABLE,
                  registry->restore_begin(registry, self->now, "a name that no instance can have", 0, &off));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_operation_that_finds_the_primary_away_says_so),
        CASE(a_restore_that_finds_it_away_turns_to_the_spare),
        CASE(everything_of_a_turned_instance_is_asked_of_the_spare),
        CASE(each_instance_returns_with_its_own_restore),
        CASE(the_spare_starts_from_nothing_each_time),
        CASE(a_primary_that_goes_again_before_the_restore_leaves_the_spare_in_use),
        CASE(a_primary_that_goes_in_the_middle_of_a_restore_is_stood_in_for_by_the_next),
        CASE(attempts_are_counted_by_the_spare_while_anything_is_degraded),
        CASE(without_a_spare_the_primary_is_all_there_is),
        CASE(more_instances_than_the_spare_takes_stay_away),
    };
    int failed = registry_conformance_run(&failover_form);
    return failed + cmocka_run_group_tests_name("registry_failover alone", tests, NULL, NULL);
}
