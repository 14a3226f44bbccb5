/* The rate limit: what is counted, who is locked out, and for how long. */
#include "admission_fixture.h"

/* One attempt of user 7 that ends with this reason. */
static void
fail_with(fixture_t *f, reason_t reason)
{
    static unsigned session = 1000;
    msg_admission_connect_t body = connect_body(7);
    snprintf(body.session_id, sizeof body.session_id, "s%u", ++session);
    body.has_reconnect_token = reason == REASON_RECONNECT_INVALID;
    memset(body.reconnect_token, 'A', sizeof body.reconnect_token - 1);
    if (reason == REASON_VERSION_MISMATCH) {
        snprintf(body.build, sizeof body.build, "other");
    }
    if (reason == REASON_INVALID_INSTANCE) {
        assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, "atlantis", &body, CONNECT_USEC, 1));
    } else {
        ask_connect(f, &body);
    }
    const msg_t *msg = sim_take(f->sim, MSG_PERSISTENCE_FIND_CHARACTER);
    if (msg != NULL && reason == REASON_SUSPENDED) {
        store_find(f, msg, true);
    } else if (msg != NULL) {
        msg_persistence_failed_t failed = {.fault = reason == REASON_NOT_OWNER             ? STORE_FAULT_NOT_OWNER
                                                    : reason == REASON_NO_ACTIVE_CHARACTER ? STORE_FAULT_NOT_FOUND
                                                                                           : STORE_FAULT_UNAVAILABLE};
        sim_reply(f->sim, msg, MSG_PERSISTENCE_FAILED, &failed);
    }
    assert_string_equal(reason_names[connected(f).reason], reason_names[reason]);
}

static void
each_terminal_reason_counts_and_the_fifth_failure_locks_the_user(void **state)
{
    fixture_t *f = *state;
    static const reason_t terminal[] = {REASON_NO_ACTIVE_CHARACTER, REASON_NOT_OWNER,        REASON_SUSPENDED,
                                        REASON_INVALID_INSTANCE,    REASON_VERSION_MISMATCH, REASON_RECONNECT_INVALID};
    for (size_t i = 0; i < sizeof terminal / sizeof *terminal; i++) {
        for (int j = 0; j < 4; j++) {
            fail_with(f, REASON_DEPENDENCY_UNAVAILABLE); /* transient ones do not count */
        }
        for (int j = 0; j < 5; j++) {
            fail_with(f, terminal[i]);
        }
        fail_with(f, REASON_RATE_LIMITED);
        assert_true(f->connected.has_retry_after_seconds);
        assert_int_equal(f->connected.retry_after_seconds, LOCK_SEC);
        assert_int_equal(count_of(f, METRIC_LOCKOUTS, 0), i + 1);
        none(f, MSG_PERSISTENCE_FIND_CHARACTER);
        pass(f, LOCK_SEC * ACT_SEC - 1);
        fail_with(f, REASON_RATE_LIMITED);
        assert_int_equal(f->connected.retry_after_seconds, 1);
        pass(f, 1);
    }
    secret_t ticket;
    admit(f, 7, ticket); /* the lock is over, and what led to it is forgotten */
    nothing_else(f);
}

static void
a_token_that_came_too_late_counts(void **state)
{
    fixture_t *f = *state;
    play(f, 7, "g1");
    msg_admission_connect_t body = connect_body(7);
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, f->entered.reconnect_token, sizeof body.reconnect_token);
    drop(f, "s7", f->entered.turn);
    pass(f, (GRACE_SEC + 1) * ACT_SEC);
    for (int i = 0; i < 5; i++) {
        ask_connect(f, &body);
        assert_refused(f, REASON_RECONNECT_EXPIRED, 0);
    }
    ask_connect(f, &body);
    assert_refused(f, REASON_RATE_LIMITED, LOCK_SEC);
}

static void
attempts_while_locked_do_not_make_the_lock_longer(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 5; i++) {
        fail_with(f, REASON_NOT_OWNER);
    }
    for (int i = 0; i < LOCK_SEC; i++) {
        fail_with(f, REASON_RATE_LIMITED);
        pass(f, ACT_SEC);
    }
    secret_t ticket;
    admit(f, 7, ticket);
}

static void
failures_that_are_spread_out_and_successes_lock_nobody(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    for (int i = 0; i < 20; i++) {
        fail_with(f, REASON_NOT_OWNER);
        pass(f, 15 * ACT_SEC); /* the fifth is always over a minute after the first */
    }
    for (int i = 0; i < 10; i++) {
        admit(f, 7, ticket);
        leave(f, "s7", 0);
    }
}

static void
an_address_is_locked_whatever_the_users_and_bad_access_tokens_count(void **state)
{
    fixture_t *f = *state;
    msg_admission_attempt_t attempt = {.address = "192.0.2.99"};
    for (unsigned i = 1; i <= 4; i++) {
        msg_admission_connect_t body = connect_body(i);
        snprintf(body.address, sizeof body.address, "192.0.2.99");
        snprintf(body.build, sizeof body.build, "other");
        ask_connect(f, &body);
        assert_refused(f, REASON_VERSION_MISMATCH, 0);
        assert_true(sim_ask(f->sim, MSG_ADMISSION_ATTEMPT, PLAZA, &attempt, ASK_USEC, i));
        const msg_admission_attempted_t *told = take(f, MSG_ADMISSION_ATTEMPTED)->body;
        assert_int_equal(told->retry_after_seconds, 0); /* this one is still told 401 */
    }
    assert_int_equal(count_of(f, METRIC_CONNECT_REASONS, REASON_UNAUTHENTICATED), 4);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_ATTEMPT, PLAZA, &attempt, ASK_USEC, 5));
    assert_int_equal(((const msg_admission_attempted_t *)take(f, MSG_ADMISSION_ATTEMPTED)->body)->retry_after_seconds,
                     LOCK_SEC);
    assert_int_equal(count_of(f, METRIC_CONNECT_REASONS, REASON_RATE_LIMITED), 1);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_ATTEMPT, "atlantis", &attempt, ASK_USEC, 6));
    assert_int_equal(((const msg_admission_attempted_t *)take(f, MSG_ADMISSION_ATTEMPTED)->body)->retry_after_seconds,
                     LOCK_SEC);
    msg_admission_connect_t body = connect_body(9);
    snprintf(body.address, sizeof body.address, "192.0.2.99");
    ask_connect(f, &body);
    assert_refused(f, REASON_RATE_LIMITED, LOCK_SEC);
    secret_t ticket;
    admit(f, 9, ticket); /* the user is not locked, at another address */
    nothing_else(f);
}

static void
a_lock_goes_before_every_other_reason(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 5; i++) {
        fail_with(f, REASON_NOT_OWNER);
    }
    msg_admission_connect_t body = connect_body(7);
    snprintf(body.build, sizeof body.build, "other");
    ask_connect(f, &body);
    assert_refused(f, REASON_RATE_LIMITED, LOCK_SEC);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, "atlantis", &body, CONNECT_USEC, 1));
    assert_refused(f, REASON_RATE_LIMITED, LOCK_SEC);
    nothing_else(f);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(each_terminal_reason_counts_and_the_fifth_failure_locks_the_user),
        CASE(a_token_that_came_too_late_counts),
        CASE(attempts_while_locked_do_not_make_the_lock_longer),
        CASE(failures_that_are_spread_out_and_successes_lock_nobody),
        CASE(an_address_is_locked_whatever_the_users_and_bad_access_tokens_count),
        CASE(a_lock_goes_before_every_other_reason),
    };
    return cmocka_run_group_tests_name("admission_attempts", tests, NULL, NULL);
}
