/* The registry is away: another one stands in, the store has the last word, and nobody new waits. */
#include "admission_fixture.h"
#include "log_test_helpers.h"
#include "shaky_registry.h"

static shaky_t shaky;
static registry_t *primary;

static int
setup(void **state)
{
    primary = registry_memory_new();
    fixture_t *f = fixture_new(registry_failover_new(primary, registry_memory_new()));
    log_setup(LOG_OFF, NULL); /* being degraded is an error in the log */
    beat(f, "g1");
    beat(f, "g2");
    serve(f);
    nothing_else(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    shaky_mend(&shaky);
    log_setup(LOG_ERROR, NULL);
    return fixture_teardown(state);
}

/* Until it is back, as each gateway was told. */
static void
assert_noticed(fixture_t *f, bool degraded)
{
    for (int i = 0; i < 2; i++) {
        const msg_gateway_notice_t *notice = take(f, MSG_GATEWAY_NOTICE)->body;
        assert_int_equal(notice->degraded, degraded);
        assert_false(notice->maintenance);
    }
    none(f, MSG_GATEWAY_NOTICE);
    assert_int_equal((int64_t)count_of(f, METRIC_DEGRADED, 0), degraded);
}

static void
cut(fixture_t *f)
{
    shaky_cut(&shaky, primary);
    pass(f, ACT_SEC); /* the tick finds out */
    assert_noticed(f, true);
}

static void
mend(fixture_t *f)
{
    shaky_mend(&shaky);
    pass(f, ACT_SEC);
    assert_noticed(f, false);
}

static void
all_are_told_and_it_is_counted(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    assert_false(inspect(f).degraded);
    cut(f);
    assert_true(inspect(f).degraded);
    assert_true(count_of(f, METRIC_REGISTRY_FAILURES, 0) > 0);
    uint64_t before = count_of(f, METRIC_DEGRADED_SECONDS, 0);
    pass(f, 10 * ACT_SEC);
    assert_int_equal(count_of(f, METRIC_DEGRADED_SECONDS, 0), before + 10);
    none(f, MSG_GATEWAY_NOTICE);
    beat(f, "g3");
    assert_true(((const msg_gateway_notice_t *)take(f, MSG_GATEWAY_NOTICE)->body)->degraded);
    pass(f, 6 * ACT_SEC); /* which goes away again */
    mend(f);
    assert_false(inspect(f).degraded);
    assert_seats(f, 0, 1, 0, 0);
}

static void
the_log_says_why_it_is_away_and_that_it_is_back(void **state)
{
    fixture_t *f = *state;
    capture_begin(LOG_INFO);
    shaky_cut(&shaky, primary);
    pass(f, ACT_SEC);
    const char *log = capture_end();
    assert_noticed(f, true);
    assert_non_null(strstr(log, "\"degraded\""));
    assert_non_null(strstr(log, "its power is cut"));
    capture_begin(LOG_INFO);
    shaky_mend(&shaky);
    pass(f, ACT_SEC);
    log = capture_end();
    log_setup(LOG_OFF, NULL);
    assert_noticed(f, false);
    assert_non_null(strstr(log, "\"recovered\""));
    assert_null(strstr(log, "its power is cut"));
}

static void
who_plays_goes_on_and_may_come_back(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    play(f, 1, "g1");
    admit(f, 2, ticket);
    shaky_cut(&shaky, primary);
    ask_enter(f, ticket, "g1", 2); /* the first that finds it away: it waits until another stands in */
    serve(f);
    assert_string_equal(((const msg_admission_entered_t *)take(f, MSG_ADMISSION_ENTERED)->body)->session_id, "s2");
    assert_noticed(f, true);
    drop(f, "s1", f->entered.turn);
    assert_seats(f, 0, 1, 1, 0);
    enter(f, f->entered.reconnect_token, "g2", 3);
    pass(f, 10 * ACT_SEC);
    assert_seats(f, 0, 2, 0, 0);
    mend(f);
    assert_seats(f, 0, 2, 0, 0);
    enter(f, f->entered.reconnect_token, "g2", 4); /* the newest secret is known */
    assert_seats(f, 0, 2, 0, 0);
}

static void
a_free_seat_is_given_if_the_store_sees_it_too(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    cut(f);
    msg_admission_connect_t body = connect_body(2);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    const msg_t *msg = take(f, MSG_PERSISTENCE_SAVE_SESSION);
    assert_int_equal(((const msg_persistence_save_session_t *)msg->body)->seats_max, 3);
    store_save(f, msg);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    f->conflict = SESSION_CONFLICT_SEATS; /* another process has given the last one away */
    body = connect_body(3);
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_DEPENDENCY_UNAVAILABLE);
    assert_true(f->connected.has_retry_after_seconds);
    serve(f);
    assert_seats(f, 1, 1, 0, 0);
    assert_int_equal(count_of(f, METRIC_SESSION_CONFLICTS, SESSION_CONFLICT_SEATS), 1);
}

static void
nobody_new_waits_and_who_waits_keeps_the_place(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        play(f, i, "g1");
    }
    queue_up(f, 4, secret);
    cut(f);
    msg_admission_connect_t body = connect_body(5);
    ask_connect(f, &body);
    serve(f);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    assert_seats(f, 0, 3, 0, 1);
    leave(f, "s3", f->entered.turn);
    ask_connect(f, &body);
    serve(f);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2); /* the seat is for the one who waits */
    registry_session_t session;
    assert_int_equal(f->registry->promote(f->registry, sim_now(f->sim), PLAZA, &f->config.limits, &session),
                     REGISTRY_OK);
    enter(f, secret, "g1", 4);
    mend(f);
    assert_seats(f, 0, 3, 0, 0);
    queue_up(f, 5, secret); /* now there is a queue again */
}

static void
what_happened_meanwhile_is_known_when_it_is_back_and_what_it_knew_is_not(void **state)
{
    fixture_t *f = *state;
    secret_t old, ticket;
    play(f, 1, "g1");
    memcpy(old, f->entered.reconnect_token, sizeof old);
    int64_t turn = f->entered.turn;
    play(f, 2, "g1");
    cut(f);
    enter(f, old, "g2", 8);
    forget(f, MSG_GATEWAY_END);
    leave(f, "s2", f->entered.turn); /* said by a connection that does not hold s2: it goes on */
    admit(f, 3, ticket);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_KICK, PLAZA,
                        &(msg_admission_kick_t){.has_session_id = true, .session_id = "s2"}, ASK_USEC, 1));
    serve(f);
    assert_true(ended(f));
    mend(f);
    assert_seats(f, 1, 1, 0, 0);
    drop(f, "s1", turn);
    assert_seats(f, 1, 1, 0, 0);
    enter(f, ticket, "g1", 3);
    ask_enter(f, old, "g1", 99);
    serve(f);
    take(f, MSG_ADMISSION_REFUSED);
    admit(f, 4, ticket); /* with a number that nobody had */
    assert_stored(f, "s2", SESSION_STATE_ENDED);
    assert_seats(f, 1, 2, 0, 0);
}

static void
it_may_go_away_again_on_the_way_back(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    play(f, 1, "g1");
    cut(f);
    shaky_mend(&shaky);
    beat(f, "g1");
    sim_advance(f->sim, ACT_SEC);
    take(f, MSG_PERSISTENCE_LOAD_INSTANCE); /* it answers, and wants to be restored */
    shaky_cut(&shaky, primary);
    pass(f, 7 * ACT_SEC);
    assert_true(inspect(f).degraded);
    admit(f, 2, ticket);
    forget(f, MSG_GATEWAY_NOTICE);
    mend(f);
    pass(f, 6 * ACT_SEC);
    assert_seats(f, 1, 1, 0, 0);
}

static void
with_the_store_away_too_connects_are_told_and_nothing_is_lost(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    shaky_cut(&shaky, primary);
    msg_admission_connect_t body = connect_body(2);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    store_fails(f, MSG_PERSISTENCE_LOAD_INSTANCE, STORE_FAULT_UNAVAILABLE);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    beat(f, "g1");
    sim_advance(f->sim, ACT_SEC);
    store_fails(f, MSG_PERSISTENCE_LOAD_INSTANCE, STORE_FAULT_UNAVAILABLE);
    pass(f, ACT_SEC);
    assert_noticed(f, true);
    assert_seats(f, 0, 1, 0, 0);
}

static void
a_registry_that_is_away_locks_nobody_out(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.build, sizeof body.build, "other");
    for (int i = 0; i < 5; i++) {
        ask_connect(f, &body);
        assert_refused(f, REASON_VERSION_MISMATCH, 0);
    }
    ask_connect(f, &body);
    assert_refused(f, REASON_RATE_LIMITED, LOCK_SEC);
    shaky_cut(&shaky, primary);
    ask_connect(f, &body);
    assert_refused(f, REASON_VERSION_MISMATCH, 0);
}

static void
an_actor_that_starts_while_it_is_away_is_degraded_too(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    cut(f);
    sim_crash(f->sim, ACT_KIND_ADMISSION);
    pass(f, ACT_SEC);
    assert_noticed(f, true);
    assert_seats(f, 0, 1, 0, 0);
    mend(f);
    assert_seats(f, 0, 1, 0, 0);
}

static void
one_that_nobody_stands_in_for_is_waited_for(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(registry_memory_new());
    secret_t ticket, second;
    pass(f, ACT_SEC);
    admit(f, 1, ticket);
    admit(f, 2, second);
    shaky_cut(&shaky, f->registry);
    ask_enter(f, ticket, "g1", 1);
    msg_admission_connect_t body = connect_body(3);
    ask_connect(f, &body);
    serve(f);
    pass(f, ACT_SEC); /* until the next try */
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    pass(f, 2 * ACT_SEC);
    none(f, MSG_ADMISSION_ENTERED);
    shaky_mend(&shaky);
    pass(f, ACT_SEC);
    assert_string_equal(((const msg_admission_entered_t *)take(f, MSG_ADMISSION_ENTERED)->body)->session_id, "s1");
    assert_false(inspect(f).degraded);
    assert_seats(f, 1, 1, 0, 0);
    void *whole = f;
    fixture_teardown(&whole);
}

#undef CASE
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_are_told_and_it_is_counted),
        CASE(the_log_says_why_it_is_away_and_that_it_is_back),
        CASE(who_plays_goes_on_and_may_come_back),
        CASE(a_free_seat_is_given_if_the_store_sees_it_too),
        CASE(nobody_new_waits_and_who_waits_keeps_the_place),
        CASE(what_happened_meanwhile_is_known_when_it_is_back_and_what_it_knew_is_not),
        CASE(it_may_go_away_again_on_the_way_back),
        CASE(with_the_store_away_too_connects_are_told_and_nothing_is_lost),
        CASE(a_registry_that_is_away_locks_nobody_out),
        CASE(an_actor_that_starts_while_it_is_away_is_degraded_too),
        CASE(one_that_nobody_stands_in_for_is_waited_for),
    };
    return cmocka_run_group_tests_name("admission_away", tests, NULL, NULL);
}
