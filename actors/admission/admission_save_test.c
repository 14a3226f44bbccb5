/* An outcome is told when the store has it; what the store does not take is taken back. */
#include "admission_fixture.h"

/* Asks, finds the character; the save is what the store is asked for now. */
static void
claim(fixture_t *f, unsigned number)
{
    msg_admission_connect_t body = connect_body(number);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    none(f, MSG_ADMISSION_CONNECTED);
}

static void
a_seat_is_told_only_when_it_is_in_the_store(void **state)
{
    fixture_t *f = *state;
    claim(f, 1);
    assert_seats(f, 1, 0, 0, 0);
    const msg_t *msg = take(f, MSG_PERSISTENCE_SAVE_SESSION);
    const msg_persistence_save_session_t *save = msg->body;
    const registry_session_t *session = &save->session;
    assert_int_equal(save->seats_max, 0); /* the registry counts */
    assert_string_equal(session->session_id, "s1");
    assert_string_equal(session->instance, PLAZA);
    assert_string_equal(session->character_id, "c1");
    assert_string_equal(session->user_id, "user 1");
    assert_string_equal(session->name, "Name of c1");
    assert_string_equal(session->room, "plaza/main");
    assert_int_equal(session->state, SESSION_STATE_CONNECTING);
    assert_int_equal(session->left_ms, TICKET_SEC * 1000);
    assert_int_equal(session->secret_len, SECRET_HASH_SIZE);
    uint8_t kept[SECRET_HASH_SIZE], shown[SECRET_HASH_SIZE];
    memcpy(kept, session->secret, sizeof kept);
    none(f, MSG_ADMISSION_CONNECTED);
    claim(f, 2); /* this took `msg` */
    store_save(f, take(f, MSG_PERSISTENCE_SAVE_SESSION));
    assert_string_equal(connected(f).session_id, "s2"); /* each waits for its own */
    sim_advance(f->sim, SAVER_SAVE_USEC);               /* nobody answered for the first */
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    claim(f, 1);
    while ((msg = sim_take(f->sim, MSG_PERSISTENCE_SAVE_SESSION)) != NULL) {
        store_save(f, msg);
    }
    secret_hash(connected(f).ticket, shown);
    assert_memory_not_equal(kept, shown, sizeof kept); /* another attempt has another ticket */
    assert_memory_equal(stored(f, "s1")->secret, shown, sizeof shown);
}

/* The store answers the claim of s1 with this conflict. */
static void
conflict(fixture_t *f, session_conflict_t what)
{
    claim(f, 1);
    f->conflict = what;
    store_save(f, take(f, MSG_PERSISTENCE_SAVE_SESSION));
    assert_int_equal(count_of(f, METRIC_SESSION_CONFLICTS, what), 1);
}

static void
a_number_that_the_store_has_seen_makes_the_registry_start_again(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 2, ticket);
    f->number = 100; /* others have drawn these, and the registry does not know */
    conflict(f, SESSION_CONFLICT_NUMBER);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    take(f, MSG_PERSISTENCE_LOAD_INSTANCE);
    registry_count_t count;
    assert_int_equal(f->registry->count(f->registry, sim_now(f->sim), PLAZA, &count), REGISTRY_LOST);
    pass(f, 6 * ACT_SEC); /* nobody answered this try; the next one is answered */
    assert_seats(f, 1, 0, 0, 0);
    assert_int_equal(count_of(f, METRIC_REGISTRY_REBUILDS, 0), 2);
    admit(f, 3, ticket);
    assert_true(stored(f, "s3")->number > 100);
    forget(f, MSG_QUEUE_CHANGED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_CONFLICT), 1);
    nothing_else(f);
}

static void
a_character_that_lives_elsewhere_in_the_store_is_refused(void **state)
{
    fixture_t *f = *state;
    conflict(f, SESSION_CONFLICT_CHARACTER);
    assert_refused(f, REASON_ALREADY_IN_SESSION, 5);
    assert_seats(f, 0, 0, 0, 0);
    serve(f);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_CONFLICT), 1);
    assert_int_equal(count_of(f, METRIC_REGISTRY_REBUILDS, 0), 1); /* the one at the start */
    nothing_else(f);
}

static void
seats_that_the_store_does_not_see_are_refused(void **state)
{
    fixture_t *f = *state;
    conflict(f, SESSION_CONFLICT_SEATS);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    assert_seats(f, 0, 0, 0, 0);
    serve(f);
    nothing_else(f);
}

static void
a_store_that_fails_or_is_silent_gives_nobody_a_seat(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    claim(f, 1);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    assert_seats(f, 0, 0, 0, 0);
    claim(f, 2);
    sim_advance(f->sim, SAVER_SAVE_USEC);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    assert_seats(f, 0, 0, 0, 0);
    pass(f, SAVER_SAVE_USEC + 2 * ACT_SEC); /* the ends reach the store at last, and nothing else of them does */
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_stored(f, "s2", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_GIVEN_UP), 2);
    admit(f, 3, ticket);
    nothing_else(f);
}

static void
a_place_that_is_not_stored_is_taken_back_too(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    claim(f, 4);
    assert_seats(f, 3, 0, 0, 1);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_FULL);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    assert_seats(f, 3, 0, 0, 0);
    serve(f);
    assert_stored(f, "s4", SESSION_STATE_ENDED);
}

static void
a_deadline_that_passes_while_it_is_stored_seats_nobody(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, 2 * ACT_SEC, 1));
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    sim_advance(f->sim, 2 * ACT_SEC);
    store_save(f, take(f, MSG_PERSISTENCE_SAVE_SESSION)); /* it is in the store, and too late */
    assert_refused(f, REASON_TIMEOUT, 1);
    assert_seats(f, 0, 0, 0, 0);
    serve(f);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_CONNECTS, OUTCOME_ADMITTED), 0);
    nothing_else(f);
}

static void
a_copy_of_a_connect_that_was_good_is_not_told_otherwise(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    for (int i = 0; i < 2; i++) { /* on its way twice, while the store is slow */
        assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, CONNECT_USEC, 4711));
        store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    }
    serve(f);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    enter(f, f->connected.ticket, "g1", 1);
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, f->entered.reconnect_token, sizeof body.reconnect_token);
    for (int i = 0; i < 2; i++) {
        assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, CONNECT_USEC, 4712));
    }
    serve(f);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    for (int i = 0; i < 2; i++) {
        f->asked = 4712; /* the same question */
        ask_enter(f, f->connected.ticket, "g1", 2);
    }
    serve(f);
    take(f, MSG_ADMISSION_ENTERED);
    assert_end(f, 1, CLOSE_CODE_REPLACED);
    assert_seats(f, 0, 1, 0, 0);
    nothing_else(f);
}

/* ---- given up ---- */

static void
given_up_while_the_character_is_looked_for_takes_no_seat(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    leave(f, "s1", 0);
    serve(f);
    assert_seats(f, 0, 0, 0, 0);
    assert_null(stored(f, "s1"));
    nothing_else(f);
}

static void
given_up_while_it_is_stored_ends_it(void **state)
{
    fixture_t *f = *state;
    claim(f, 1);
    leave(f, "s1", 0);
    assert_seats(f, 0, 0, 0, 0);
    serve(f);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    forget(f, MSG_ADMISSION_CONNECTED); /* nobody reads it, and the ticket opens nothing */
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_GIVEN_UP), 1);
    nothing_else(f);
}

static void
given_up_after_the_answer_ends_it_and_its_ticket(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 1, ticket);
    leave(f, "s1", 0);
    assert_seats(f, 0, 0, 0, 0);
    enter_refused(f, ticket, SECRET_FAULT_SPENT);
    const msg_queue_forget_t *forgotten = take(f, MSG_QUEUE_FORGET)->body;
    assert_string_equal(forgotten->session_id, "s1");
    assert_stored(f, "s1", SESSION_STATE_ENDED);
}

static void
given_up_in_the_queue_frees_the_place(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    queue_up(f, 4, secret);
    leave(f, "s4", 0);
    assert_seats(f, 3, 0, 0, 0);
    serve(f);
    assert_stored(f, "s4", SESSION_STATE_ENDED);
}

static void
given_up_after_somebody_entered_means_nothing(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    leave(f, "s1", 0);
    assert_seats(f, 0, 1, 0, 0);
    leave(f, "s77", 0);
    assert_seats(f, 0, 1, 0, 0);
    nothing_else(f);
}

static void
given_up_while_the_registry_is_rebuilt_takes_no_seat(void **state)
{
    fixture_t *f = *state;
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false); /* finds that the registry is lost */
    leave(f, "s1", 0);
    serve(f);
    assert_seats(f, 0, 0, 0, 0);
    assert_null(stored(f, "s1"));
    nothing_else(f);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_seat_is_told_only_when_it_is_in_the_store),
        CASE(a_number_that_the_store_has_seen_makes_the_registry_start_again),
        CASE(a_character_that_lives_elsewhere_in_the_store_is_refused),
        CASE(seats_that_the_store_does_not_see_are_refused),
        CASE(a_store_that_fails_or_is_silent_gives_nobody_a_seat),
        CASE(a_place_that_is_not_stored_is_taken_back_too),
        CASE(a_deadline_that_passes_while_it_is_stored_seats_nobody),
        CASE(a_copy_of_a_connect_that_was_good_is_not_told_otherwise),
        CASE(given_up_while_the_character_is_looked_for_takes_no_seat),
        CASE(given_up_while_it_is_stored_ends_it),
        CASE(given_up_after_the_answer_ends_it_and_its_ticket),
        CASE(given_up_in_the_queue_frees_the_place),
        CASE(given_up_after_somebody_entered_means_nothing),
        CASE(given_up_while_the_registry_is_rebuilt_takes_no_seat),
    };
    return cmocka_run_group_tests_name("admission_save", tests, NULL, NULL);
}
