/* The life of a session after its connect: entered, dropped, taken over, left, ended by time. */
#include "admission_fixture.h"

/* ---- in and out ---- */

static void
a_ticket_is_good_once_and_says_who_and_where(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 5, ticket);
    ask_enter(f, ticket, "g1", 12);
    none(f, MSG_ADMISSION_ENTERED); /* not before the store has its next secret */
    serve(f);
    const msg_admission_entered_t *entered = take(f, MSG_ADMISSION_ENTERED)->body;
    assert_string_equal(entered->session_id, "s5");
    assert_string_equal(entered->character_id, "c5");
    assert_string_equal(entered->user_id, "user 5");
    assert_string_equal(entered->name, "Name of c5");
    assert_string_equal(entered->room, "plaza/main");
    assert_int_equal(entered->role, ROLE_PLAYER);
    assert_int_equal(entered->grace_seconds, GRACE_SEC);
    assert_string_not_equal(entered->reconnect_token, ticket);
    const registry_session_t *row = stored(f, "s5");
    uint8_t hash[SECRET_HASH_SIZE];
    secret_hash(entered->reconnect_token, hash);
    assert_memory_equal(row->secret, hash, sizeof hash);
    assert_int_equal(row->turn, entered->turn);
    assert_int_equal(row->connection, 12);
    assert_string_equal(row->holder, "g1");
    assert_stored(f, "s5", SESSION_STATE_ACTIVE);
    assert_seats(f, 0, 1, 0, 0);
    enter_refused(f, ticket, SECRET_FAULT_SPENT);
    assert_seats(f, 0, 1, 0, 0);
    assert_int_equal(count_of(f, METRIC_SECRETS_REFUSED, SECRET_FAULT_SPENT), 1);
    nothing_else(f);
}

static void
who_entered_plays_whether_the_store_has_it_or_not(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 1, ticket);
    ask_enter(f, ticket, "g1", 1);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    f->entered = *(const msg_admission_entered_t *)take(f, MSG_ADMISSION_ENTERED)->body;
    assert_stored(f, "s1", SESSION_STATE_CONNECTING);
    pass(f, ACT_SEC); /* and it is tried again */
    assert_stored(f, "s1", SESSION_STATE_ACTIVE);
    assert_seats(f, 0, 1, 0, 0);
}

static void
each_secret_that_opens_nothing_is_told_why(void **state)
{
    fixture_t *f = *state;
    secret_t ticket, waiting;
    memset(ticket, 'A', sizeof ticket - 1);
    ticket[sizeof ticket - 1] = '\0';
    enter_refused(f, ticket, SECRET_FAULT_UNKNOWN);
    admit(f, 1, ticket);
    pass(f, TICKET_SEC * ACT_SEC);
    enter_refused(f, ticket, SECRET_FAULT_EXPIRED);
    for (unsigned i = 2; i <= 4; i++) {
        admit(f, i, ticket);
    }
    queue_up(f, 5, waiting);
    enter_refused(f, waiting, SECRET_FAULT_WAITING);
    enter_refused(f, waiting, SECRET_FAULT_WAITING); /* it is not spent by that */
    leave(f, "s4", 0);
    enter_refused(f, ticket, SECRET_FAULT_SPENT);
}

static void
dropped_it_keeps_its_seat_and_comes_back_with_its_token(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    memcpy(token, f->entered.reconnect_token, sizeof token);
    f->reconnect = true;
    for (int i = 0; i < 3; i++) {
        int64_t turn = f->entered.turn;
        drop(f, "s1", turn);
        serve(f);
        assert_stored(f, "s1", SESSION_STATE_GRACE);
        assert_int_equal(stored(f, "s1")->left_ms, GRACE_SEC * 1000);
        assert_seats(f, 0, 0, 1, 0);
        pass(f, GRACE_SEC * ACT_SEC - 1);
        enter(f, token, i % 2 ? "g1" : "g2", 10 + i);
        assert_seats(f, 0, 1, 0, 0);
        assert_true(f->entered.turn > turn);
        enter_refused(f, token, SECRET_FAULT_SPENT);
        drop(f, "s1", turn); /* what an earlier connection says means nothing */
        leave(f, "s1", turn);
        assert_seats(f, 0, 1, 0, 0);
        memcpy(token, f->entered.reconnect_token, sizeof token);
    }
    assert_int_equal(count_of(f, METRIC_DROPS, 0), 3);
    assert_int_equal(count_of(f, METRIC_RECONNECTS, 0), 3);
    nothing_else(f);
}

static void
the_grace_ends_on_time(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    memcpy(token, f->entered.reconnect_token, sizeof token);
    pass(f, ACT_SEC / 3);
    drop(f, "s1", f->entered.turn);
    pass(f, GRACE_SEC * ACT_SEC - 1);
    assert_seats(f, 0, 0, 1, 0);
    pass(f, 1);
    enter_refused(f, token, SECRET_FAULT_EXPIRED);
    pass(f, ACT_SEC);
    assert_seats(f, 0, 0, 0, 0);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_GRACE_EXPIRED), 1);
    enter_refused(f, token, SECRET_FAULT_EXPIRED);
    take(f, MSG_QUEUE_FORGET);
    take(f, MSG_QUEUE_CHANGED);
}

static void
a_ticket_holds_its_seat_until_it_runs_out_and_not_a_second_longer(void **state)
{
    fixture_t *f = *state;
    secret_t ticket, later;
    admit(f, 1, ticket);
    pass(f, 10 * ACT_SEC);
    admit(f, 2, later);
    pass(f, (TICKET_SEC - 10) * ACT_SEC - 1);
    assert_seats(f, 2, 0, 0, 0);
    pass(f, ACT_SEC);
    assert_seats(f, 1, 0, 0, 0);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_TICKET_EXPIRED), 1);
    enter(f, later, "g1", 1);
    pass(f, TICKET_SEC * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
}

static void
a_leave_frees_the_seat_at_once_and_the_queue_hears_of_it(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    forget(f, MSG_QUEUE_CHANGED);
    leave(f, "s1", f->entered.turn);
    assert_seats(f, 0, 0, 0, 0);
    assert_int_equal(((const msg_queue_changed_t *)take(f, MSG_QUEUE_CHANGED)->body)->number, 0);
    serve(f);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_LEFT), 1);
    leave(f, "s1", f->entered.turn);
    nothing_else(f);
    play(f, 1, "g1");
}

static void
a_queue_that_is_full_hears_of_the_seat_later(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    forget(f, MSG_QUEUE_CHANGED);
    sim_set_full(f->sim, ACT_KIND_QUEUE, true);
    queue_up(f, 4, secret);
    leave(f, "s1", 0);
    none(f, MSG_QUEUE_CHANGED);
    sim_set_full(f->sim, ACT_KIND_QUEUE, false);
    pass(f, ACT_SEC);
    take(f, MSG_QUEUE_CHANGED);
    none(f, MSG_QUEUE_CHANGED);
}

static void
rooms_are_opened_as_they_fill(void **state)
{
    fixture_t *f = *state;
    static const char *const rooms[] = {"plaza/main", "plaza/main", "plaza/main-2"};
    for (unsigned i = 0; i < 3; i++) {
        play(f, i + 1, "g1");
        assert_string_equal(f->entered.room, rooms[i]);
    }
}

/* ---- taken over, taken up ---- */

static void
a_token_shown_elsewhere_takes_a_live_connection_over(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    int64_t turn = f->entered.turn;
    secret_t token;
    memcpy(token, f->entered.reconnect_token, sizeof token);
    assert_int_equal(count_of(f, METRIC_RECONNECTS, 0), 0);
    f->reconnect = true;
    enter(f, token, "g2", 8);
    assert_end(f, 1, CLOSE_CODE_REPLACED);
    assert_int_equal(count_of(f, METRIC_RECONNECTS, 0), 1);
    drop(f, "s1", turn);
    assert_seats(f, 0, 1, 0, 0);
    enter(f, f->entered.reconnect_token, "g2", 8); /* the same connection is not closed */
    none(f, MSG_GATEWAY_END);
}

static void
the_gateway_of_another_process_is_told_through_the_registry(void **state)
{
    fixture_t *f = *state;
    registry_notice_t notices[4];
    uint32_t count = 0;
    secret_t ticket;
    admit(f, 1, ticket);
    enter(f, ticket, "far", 8); /* which does not beat here */
    enter(f, f->entered.reconnect_token, "g1", 9);
    none(f, MSG_GATEWAY_END);
    assert_int_equal(f->registry->beat(f->registry, sim_now(f->sim), PLAZA, "far", notices, 4, &count), REGISTRY_OK);
    assert_int_equal(count, 1);
    assert_int_equal(notices[0].connection, 8);
    assert_int_equal(notices[0].close, CLOSE_CODE_REPLACED);
}

static void
a_token_shown_over_http_gives_a_ticket_for_the_seat_that_is_held(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    drop(f, "s1", f->entered.turn);
    memcpy(token, f->entered.reconnect_token, sizeof token);
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "fresh");
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, token, sizeof body.reconnect_token);
    ask_connect(f, &body);
    none(f, MSG_PERSISTENCE_FIND_CHARACTER); /* who comes back is known */
    serve(f);
    connected(f);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_string_equal(f->connected.session_id, "s1");
    assert_string_equal(f->connected.character_id, "c1");
    assert_seats(f, 0, 0, 1, 0);
    enter(f, f->connected.ticket, "g1", 2);
    assert_string_equal(f->entered.session_id, "s1");
    assert_int_equal(count_of(f, METRIC_CONNECTS, OUTCOME_ADMITTED), 2);
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_RECONNECT_INVALID); /* it was spent */
    body.user_id[5] = '2';
    memcpy(body.reconnect_token, f->entered.reconnect_token, sizeof body.reconnect_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_RECONNECT_INVALID); /* it is another's */
    body.user_id[5] = '1';
    drop(f, "s1", f->entered.turn);
    pass(f, GRACE_SEC * ACT_SEC);
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_RECONNECT_EXPIRED);
    assert_false(f->connected.has_retry_after_seconds);
}

static void
a_place_taken_up_over_http_has_its_position_and_a_new_token(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
        enter(f, secret, "g1", i);
    }
    queue_up(f, 4, secret);
    queue_up(f, 5, secret);
    pass(f, GRACE_SEC * ACT_SEC - 1);
    msg_admission_connect_t body = connect_body(5);
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, secret, sizeof body.reconnect_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.outcome, OUTCOME_QUEUED);
    assert_int_equal(f->connected.position, 2);
    assert_string_not_equal(f->connected.reconnect_token, secret);
    assert_string_equal(f->connected.session_id, "s5");
    pass(f, 2 * ACT_SEC); /* the other one's grace is over */
    assert_seats(f, 0, 3, 0, 1);
    assert_stored(f, "s4", SESSION_STATE_ENDED);
    memcpy(body.reconnect_token, f->connected.reconnect_token, sizeof body.reconnect_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.position, 1);
}

static void
seats_outlive_the_actor(void **state)
{
    fixture_t *f = *state;
    secret_t ticket, unused;
    admit(f, 1, ticket);
    admit(f, 2, unused);
    sim_crash(f->sim, ACT_KIND_ADMISSION);
    ask_enter(f, ticket, "g1", 1);
    serve(f);
    take(f, MSG_ADMISSION_ENTERED);
    pass(f, TICKET_SEC * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
    assert_int_equal((int64_t)count_of(f, METRIC_SESSIONS_ACTIVE, 0), 1);
}

static void
an_actor_that_goes_while_others_wait_for_it_leaves_nothing_behind(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 1, ticket);
    msg_admission_connect_t body = connect_body(2);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    msg_t save = *take(f, MSG_PERSISTENCE_SAVE_SESSION); /* a connect waits for it */
    body = connect_body(3);
    ask_connect(f, &body);
    msg_t found = *take(f, MSG_PERSISTENCE_FIND_CHARACTER); /* and another one for that */
    msg_admission_configure_t configure = {.has_drain = true, .drain = true};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONFIGURE, PLAZA, &configure, ASK_USEC, 1));
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    ask_enter(f, ticket, "g1", 1); /* and this for the registry */
    sim_crash(f->sim, ACT_KIND_ADMISSION);
    beat(f, "g1");
    sim_reply(f->sim, &save, MSG_PERSISTENCE_SESSION_SAVED, &(msg_persistence_session_saved_t){0});
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(f->sim, &found, MSG_PERSISTENCE_FAILED, &failed);
    serve(f);
    pass(f, ACT_SEC);
    assert_seats(f, 1, 0, 0, 0); /* s2 was not stored, and nobody was told of it */
    none(f, MSG_ADMISSION_CONNECTED);
    enter(f, ticket, "g1", 1);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_ticket_is_good_once_and_says_who_and_where),
        CASE(who_entered_plays_whether_the_store_has_it_or_not),
        CASE(each_secret_that_opens_nothing_is_told_why),
        CASE(dropped_it_keeps_its_seat_and_comes_back_with_its_token),
        CASE(the_grace_ends_on_time),
        CASE(a_ticket_holds_its_seat_until_it_runs_out_and_not_a_second_longer),
        CASE(a_leave_frees_the_seat_at_once_and_the_queue_hears_of_it),
        CASE(a_queue_that_is_full_hears_of_the_seat_later),
        CASE(rooms_are_opened_as_they_fill),
        CASE(a_token_shown_elsewhere_takes_a_live_connection_over),
        CASE(the_gateway_of_another_process_is_told_through_the_registry),
        CASE(a_token_shown_over_http_gives_a_ticket_for_the_seat_that_is_held),
        CASE(a_place_taken_up_over_http_has_its_position_and_a_new_token),
        CASE(seats_outlive_the_actor),
        CASE(an_actor_that_goes_while_others_wait_for_it_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("admission_sessions", tests, NULL, NULL);
}
