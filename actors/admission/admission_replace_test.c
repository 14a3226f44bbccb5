/* One session of a character: asked whether to take it over, confirmed or taken back. */
#include "admission_fixture.h"

/* User 1 connects once more, from another place; `token` is what it is told, or what it confirms with. */
static void
again(fixture_t *f, const char *confirm)
{
    static unsigned session;
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "again%u", ++session);
    snprintf(body.address, sizeof body.address, "2001:db8::");
    body.has_replace_token = confirm != NULL;
    snprintf(body.replace_token, sizeof body.replace_token, "%s", confirm != NULL ? confirm : "");
    connect_with(f, &body);
}

static void
assert_asked(fixture_t *f, secret_t token)
{
    assert_int_equal(f->connected.outcome, OUTCOME_FAILED);
    assert_string_equal(reason_names[f->connected.reason], reason_names[REASON_REPLACEMENT_REQUIRED]);
    assert_true(f->connected.has_replace_token);
    assert_false(f->connected.has_ticket || f->connected.has_retry_after_seconds);
    memcpy(token, f->connected.replace_token, sizeof(secret_t));
}

static void
asking_leaves_the_first_session_as_it_is(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    again(f, NULL);
    assert_asked(f, token);
    assert_seats(f, 0, 1, 0, 0);
    none(f, MSG_GATEWAY_END);
    assert_int_equal(count_of(f, METRIC_REPLACEMENTS_ASKED, 0), 1);
    for (int i = 0; i < 10; i++) { /* being asked is no failure */
        again(f, NULL);
        assert_asked(f, token);
    }
    enter(f, f->entered.reconnect_token, "g1", 1);
}

static void
confirmed_the_session_moves_and_keeps_its_seat(void **state)
{
    fixture_t *f = *state;
    secret_t token, other, kept;
    play(f, 1, "g1");
    int64_t turn = f->entered.turn;
    memcpy(kept, f->entered.reconnect_token, sizeof kept);
    admit(f, 2, other);
    admit(f, 3, other);
    queue_up(f, 4, other); /* full, and somebody waits: that is no matter */
    again(f, NULL);
    assert_asked(f, token);
    again(f, token);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_string_equal(f->connected.session_id, "s1");
    assert_end(f, 1, CLOSE_CODE_REPLACED);
    assert_seats(f, 3, 0, 0, 1);
    assert_stored(f, "s1", SESSION_STATE_CONNECTING);
    assert_string_equal(stored(f, "s1")->holder, "");
    assert_int_equal(count_of(f, METRIC_REPLACEMENTS, 0), 1);
    enter_refused(f, kept, SECRET_FAULT_SPENT); /* the first one's token is void */
    drop(f, "s1", turn);
    leave(f, "s1", turn);
    assert_seats(f, 3, 0, 0, 1);
    enter(f, f->connected.ticket, "g2", 11);
    assert_string_equal(f->entered.session_id, "s1");
    none(f, MSG_GATEWAY_END);
}

static void
a_second_confirmation_is_asked_anew(void **state)
{
    fixture_t *f = *state;
    secret_t first, second, next;
    play(f, 1, "g1");
    again(f, NULL);
    assert_asked(f, first);
    again(f, NULL);
    assert_asked(f, second);
    again(f, first);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    again(f, first);
    assert_asked(f, next);
    again(f, second); /* the one who lost is told so, and may ask again */
    assert_asked(f, next);
    assert_int_equal(count_of(f, METRIC_REPLACEMENTS, 0), 1);
    again(f, next);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
}

static void
a_confirmation_too_late_or_of_somebody_else_confirms_nothing(void **state)
{
    fixture_t *f = *state;
    secret_t token, next, other;
    play(f, 1, "g1");
    again(f, NULL);
    assert_asked(f, token);
    msg_admission_connect_t body = connect_body(2);
    body.has_replace_token = true;
    memcpy(body.replace_token, token, sizeof body.replace_token);
    connect_with(f, &body); /* is just a connect of that user */
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_string_equal(f->connected.session_id, "s2");
    assert_seats(f, 1, 1, 0, 0);
    pass(f, ASK_SEC * ACT_SEC);
    again(f, token);
    assert_asked(f, next);
    assert_seats(f, 0, 1, 0, 0);
    drop(f, "s1", f->entered.turn);
    pass(f, (GRACE_SEC + 1) * ACT_SEC);
    again(f, next); /* there is nothing to take over any more: a fresh session */
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_string_not_equal(f->connected.session_id, "s1");
    memcpy(other, f->connected.ticket, sizeof other);
    enter(f, other, "g1", 5);
}

static void
taken_back_the_token_confirms_nothing_and_the_session_goes_on(void **state)
{
    fixture_t *f = *state;
    secret_t token, next;
    play(f, 1, "g1");
    again(f, NULL);
    assert_asked(f, token);
    msg_admission_end_t body = {.user_id = "user 1", .has_replace_token = true};
    memcpy(body.replace_token, token, sizeof body.replace_token);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, PLAZA, &body, ASK_USEC, 1));
    assert_false(ended(f)); /* no session has ended by that */
    none(f, MSG_PERSISTENCE_FIND_CHARACTER);
    assert_seats(f, 0, 1, 0, 0);
    none(f, MSG_GATEWAY_END);
    again(f, token);
    assert_asked(f, next);
    assert_seats(f, 0, 1, 0, 0);
}

static void
one_in_grace_or_connecting_is_taken_over_too(void **state)
{
    fixture_t *f = *state;
    secret_t token, ticket;
    admit(f, 1, ticket);
    again(f, NULL);
    assert_asked(f, token);
    pass(f, 10 * ACT_SEC);
    again(f, token);
    enter_refused(f, ticket, SECRET_FAULT_SPENT);
    pass(f, TICKET_SEC * ACT_SEC - 1); /* a whole ticket's time again */
    assert_seats(f, 1, 0, 0, 0);
    enter(f, f->connected.ticket, "g1", 1);
    drop(f, "s1", f->entered.turn);
    again(f, NULL);
    assert_asked(f, token);
    again(f, token);
    assert_seats(f, 1, 0, 0, 0);
    none(f, MSG_GATEWAY_END); /* nobody held it */
    enter(f, f->connected.ticket, "g1", 2);
}

static void
a_place_in_the_queue_is_taken_over_and_kept(void **state)
{
    fixture_t *f = *state;
    secret_t token, secret;
    for (unsigned i = 2; i <= 4; i++) {
        play(f, i, "g1");
    }
    queue_up(f, 1, secret);
    queue_up(f, 5, token);
    again(f, NULL);
    assert_asked(f, token);
    again(f, token);
    assert_int_equal(f->connected.outcome, OUTCOME_QUEUED);
    assert_int_equal(f->connected.position, 1);
    assert_true(f->connected.has_reconnect_token);
    assert_string_not_equal(f->connected.reconnect_token, secret);
    assert_seats(f, 0, 3, 0, 2);
}

static void
confirming_ends_the_users_attempt_as_another_character(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    again(f, NULL);
    assert_asked(f, token);
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "other");
    body.has_character_id = true;
    snprintf(body.character_id, sizeof body.character_id, "c99");
    connect_with(f, &body);
    assert_seats(f, 1, 1, 0, 0);
    again(f, token);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_string_equal(f->connected.session_id, "s1");
    assert_seats(f, 1, 0, 0, 0);
    assert_stored(f, "other", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_CHARACTER_CHANGED), 1);
}

static void
a_copy_of_a_confirmation_that_was_good_is_not_asked_anew(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    play(f, 1, "g1");
    again(f, NULL);
    snprintf(body.session_id, sizeof body.session_id, "again");
    body.has_replace_token = true;
    memcpy(body.replace_token, f->connected.replace_token, sizeof body.replace_token);
    for (int i = 0; i < 2; i++) { /* on its way twice, while the store is slow */
        assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, CONNECT_USEC, 4711));
        store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    }
    serve(f);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    none(f, MSG_ADMISSION_CONNECTED);
}

static void
switched_off_there_is_no_dialogue(void **state)
{
    fixture_t *f = *state;
    f->config.replacement = false;
    play(f, 1, "g1");
    again(f, NULL);
    assert_string_equal(reason_names[f->connected.reason], reason_names[REASON_ALREADY_IN_SESSION]);
    assert_false(f->connected.has_replace_token);
    assert_int_equal(f->connected.retry_after_seconds, 5);
    assert_seats(f, 0, 1, 0, 0);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(asking_leaves_the_first_session_as_it_is),
        CASE(confirmed_the_session_moves_and_keeps_its_seat),
        CASE(a_second_confirmation_is_asked_anew),
        CASE(a_confirmation_too_late_or_of_somebody_else_confirms_nothing),
        CASE(taken_back_the_token_confirms_nothing_and_the_session_goes_on),
        CASE(one_in_grace_or_connecting_is_taken_over_too),
        CASE(a_place_in_the_queue_is_taken_over_and_kept),
        CASE(confirming_ends_the_users_attempt_as_another_character),
        CASE(a_copy_of_a_confirmation_that_was_good_is_not_asked_anew),
        CASE(switched_off_there_is_no_dialogue),
    };
    return cmocka_run_group_tests_name("admission_replace", tests, NULL, NULL);
}
