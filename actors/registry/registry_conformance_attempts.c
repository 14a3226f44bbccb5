/* A9: failed attempts lock, exactly. */
#include <stdlib.h>

#include "registry_conformance_helpers.h"

enum { WINDOW_MSEC = 60000, LOCK_MSEC = 45000, USER_MAX = 5, ADDRESS_MAX = 8 };
static const registry_attempt_limits_t attempt_limits = {
    .user_max = USER_MAX, .address_max = ADDRESS_MAX, .window_msec = WINDOW_MSEC, .lock_msec = LOCK_MSEC};

static void
assert_left(world_t *self, unsigned user, unsigned address, int64_t left)
{
    assert_result(REGISTRY_OK, world_attempt_left(self, user, address));
    assert_int_equal(self->left, left);
}

static void
fail_times(world_t *self, unsigned user, unsigned address, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        assert_result(REGISTRY_OK, world_attempt_failed(self, user, address, attempt_limits));
    }
}

static void
a_users_last_failure_locks_the_user_at_every_address(void **state)
{
    world_t *self = *state;
    for (unsigned i = 1; i < USER_MAX; i++) {
        fail_times(self, 1, i, 1);
        assert_int_equal(self->left, 0);
        world_pass(self, 10);
    }
    assert_left(self, 1, 1, 0);
    fail_times(self, 1, USER_MAX, 1);
    assert_int_equal(self->left, LOCK_MSEC);
    assert_left(self, 1, 99, LOCK_MSEC);
    assert_left(self, 2, 1, 0);
    assert_left(self, 0, 1, 0);
    world_pass(self, LOCK_MSEC - 1);
    assert_left(self, 1, 99, 1);
    world_pass(self, 1);
    assert_left(self, 1, 99, 0);
    fail_times(self, 1, 99, USER_MAX - 1); /* counted from nothing again */
    assert_int_equal(self->left, 0);
    fail_times(self, 1, 99, 1);
    assert_int_equal(self->left, LOCK_MSEC);
}

static void
an_addresss_last_failure_locks_it_for_every_user(void **state)
{
    world_t *self = *state;
    for (unsigned i = 1; i < ADDRESS_MAX; i++) {
        fail_times(self, i % 2 == 0 ? 0 : i, 1, 1); /* also where no user is known */
    }
    assert_int_equal(self->left, 0);
    fail_times(self, 0, 1, 1);
    assert_int_equal(self->left, LOCK_MSEC);
    assert_left(self, 77, 1, LOCK_MSEC);
    assert_left(self, 0, 1, LOCK_MSEC);
    assert_left(self, 1, 2, 0);
}

static void
a_failure_counts_until_the_window_has_slid_over_it(void **state)
{
    world_t *self = *state;
    fail_times(self, 1, 1, 1);
    world_pass(self, 1);
    fail_times(self, 1, 2, USER_MAX - 2);
    world_pass(self, WINDOW_MSEC - 1); /* the first one is out, just so */
    fail_times(self, 1, 3, 1);
    assert_int_equal(self->left, 0);
    world_pass(self, 1);
    fail_times(self, 1, 4, 1); /* now the others too */
    assert_int_equal(self->left, 0);
    world_pass(self, WINDOW_MSEC - 2);
    fail_times(self, 9, 9, 1); /* newcomers do not push them out */
    fail_times(self, 1, 5, USER_MAX - 2);
    assert_int_equal(self->left, LOCK_MSEC); /* the two of before were still in */
}

static void
nothing_is_counted_for_who_is_locked(void **state)
{
    world_t *self = *state;
    fail_times(self, 1, 1, USER_MAX);
    world_pass(self, 1000);
    fail_times(self, 1, 2, USER_MAX - 1);
    assert_int_equal(self->left, LOCK_MSEC - 1000); /* it is not prolonged */
    world_pass(self, LOCK_MSEC - 1000);
    fail_times(self, 1, 3, USER_MAX - 1);
    assert_int_equal(self->left, 0);
    fail_times(self, 2, 2, ADDRESS_MAX - USER_MAX); /* but the address was not locked, and did count */
    assert_int_equal(self->left, 0);
    fail_times(self, 3, 2, 1);
    assert_int_equal(self->left, LOCK_MSEC);
}

static void
the_longer_lock_is_told(void **state)
{
    world_t *self = *state;
    fail_times(self, 1, 1, USER_MAX);
    world_pass(self, 500);
    fail_times(self, 0, 1, ADDRESS_MAX - USER_MAX);
    assert_int_equal(self->left, LOCK_MSEC);
    assert_left(self, 1, 1, LOCK_MSEC);
    assert_left(self, 1, 2, LOCK_MSEC - 500);
}

static void
a_user_and_an_address_of_one_hash_are_two_subjects(void **state)
{
    world_t *self = *state;
    registry_attempt_t attempt = {.has_user = true};
    for (unsigned i = 0; i < USER_MAX; i++) {
        assert_result(REGISTRY_OK, self->registry->attempt_failed(self->registry, self->now, &attempt, &attempt_limits,
                                                                  &self->left));
        assert_int_equal(self->left, i + 1 < USER_MAX ? 0 : LOCK_MSEC);
    }
    attempt.has_user = false;
    assert_result(REGISTRY_OK, self->registry->attempt_left(self->registry, self->now, &attempt, &self->left));
    assert_int_equal(self->left, 0);
}

static void
a_limit_of_zero_does_not_count(void **state)
{
    world_t *self = *state;
    const registry_attempt_limits_t limits = {0, 2, WINDOW_MSEC, LOCK_MSEC};
    for (unsigned i = 1; i < 10; i++) {
        assert_result(REGISTRY_OK, world_attempt_failed(self, 1, i, limits));
        assert_int_equal(self->left, 0);
    }
    assert_result(REGISTRY_OK, world_attempt_failed(self, 1, 1, limits));
    assert_int_equal(self->left, LOCK_MSEC);
    assert_left(self, 1, 2, 0);
}

static void
subjects_beyond_their_number_push_out_the_one_that_failed_longest_ago(void **state)
{
    world_t *self = *state;
    const bool by_time = registry_form->subjects_by_time; /* then no number pushes anybody out */
    const unsigned subjects = by_time ? 256 : REGISTRY_SUBJECTS_MAX;
    const registry_attempt_limits_t limits = {2, 2, 10000000, 1000};
    for (unsigned i = 1; i <= subjects; i++) {
        assert_result(REGISTRY_OK, world_attempt_failed(self, 0, i, limits));
        world_pass(self, 1);
    }
    assert_result(REGISTRY_OK, world_attempt_failed(self, 0, 1, limits));
    assert_int_equal(self->left, 1000); /* all are remembered; now 2 has failed longest ago */
    world_pass(self, 1);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 0, subjects + 1, limits));
    world_pass(self, 1);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 0, 2, limits)); /* pushes out 3 */
    assert_int_equal(self->left, by_time ? 1000 : 0);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 0, 4, limits));
    assert_int_equal(self->left, 1000);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 0, 3, limits));
    assert_int_equal(self->left, by_time ? 1000 : 0);
}

/* The exact model: every failure ever, and a look through all of them. */
enum { USERS = 40, ADDRESSES = 12, FAILURES_MAX = 65536 };

typedef struct subject {
    act_usec_t locked_until;
    uint32_t count;
    act_usec_t failures[FAILURES_MAX];
} subject_t;

static int64_t
subject_left(const subject_t *self, act_usec_t now)
{
    return self->locked_until > now ? (self->locked_until - now) / ACT_MSEC : 0;
}

static void
subject_failed(subject_t *self, act_usec_t now, uint32_t max)
{
    if (subject_left(self, now) > 0) {
        return;
    }
    assert_true(self->count < FAILURES_MAX);
    self->failures[self->count++] = now;
    uint32_t within = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        within += now - self->failures[i] < (act_usec_t)WINDOW_MSEC * ACT_MSEC;
    }
    if (within >= max) {
        self->locked_until = now + (act_usec_t)LOCK_MSEC * ACT_MSEC;
        self->count = 0;
    }
}

static void
random_attempts_agree_with_an_exact_model(void **state)
{
    world_t *self = *state;
    subject_t *users = calloc(USERS + 1, sizeof *users), *addresses = calloc(ADDRESSES + 1, sizeof *addresses);
    ACT_ASSERT(users != NULL && addresses != NULL);
    uint64_t seed = 1;
    uint32_t locked = 0, agreed = 0;
    for (uint32_t step = 0; step < registry_form->attempt_steps; step++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        uint32_t draw = (uint32_t)(seed >> 33);
        world_pass(self, draw % 3 == 0 ? 0 : draw / 3 % 2500);
        unsigned address = draw / 16 % ADDRESSES + 1;
        unsigned user = draw / 1024 % (USERS + 1); /* 0: none is known */
        int64_t left = subject_left(&addresses[address], self->now);
        int64_t user_left = user != 0 ? subject_left(&users[user], self->now) : 0;
        left = user_left > left ? user_left : left;
        assert_result(REGISTRY_OK, world_attempt_left(self, user, address));
        locked += left > 0;
        agreed += self->left == left;
        if (left > 0 ? draw % 7 != 0 : draw % 5 == 0) {
            continue; /* the caller refuses who is locked, mostly; and some do not fail */
        }
        assert_result(REGISTRY_OK, world_attempt_failed(self, user, address, attempt_limits));
        subject_failed(&addresses[address], self->now, ADDRESS_MAX);
        if (user != 0) {
            subject_failed(&users[user], self->now, USER_MAX);
        }
    }
    free(users);
    free(addresses);
    print_message("%u random attempts, %u of them locked, %u as in the model\n", registry_form->attempt_steps, locked,
                  agreed);
    assert_int_equal(agreed, registry_form->attempt_steps);
    assert_in_range(locked, registry_form->attempt_steps / 20, registry_form->attempt_steps / 20 * 19);
}

const struct CMUnitTest registry_attempt_tests[] = {
    CASE(a_users_last_failure_locks_the_user_at_every_address),
    CASE(an_addresss_last_failure_locks_it_for_every_user),
    CASE(a_failure_counts_until_the_window_has_slid_over_it),
    CASE(nothing_is_counted_for_who_is_locked),
    CASE(the_longer_lock_is_told),
    CASE(a_user_and_an_address_of_one_hash_are_two_subjects),
    CASE(a_limit_of_zero_does_not_count),
    CASE(subjects_beyond_their_number_push_out_the_one_that_failed_longest_ago),
    CASE(random_attempts_agree_with_an_exact_model),
    {0},
};
