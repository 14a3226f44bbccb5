/* Sessions that others end: their user elsewhere, their gateway, an operator, another character, an offer that is not
 * taken. */
#include "admission_fixture.h"

/* ---- by a user, by an operator ---- */

static void
ask_end(fixture_t *f, unsigned user, const char *character)
{
    msg_admission_end_t body = {.has_character_id = character != NULL};
    snprintf(body.user_id, sizeof body.user_id, "user %u", user);
    snprintf(body.character_id, sizeof body.character_id, "%s", character != NULL ? character : "");
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, PLAZA, &body, ASK_USEC, ++f->asked));
}

static void
leaving_over_http_ends_whatever_the_character_does_here(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    play(f, 1, "g1");
    ask_end(f, 1, NULL); /* the active character */
    serve(f);
    assert_true(ended(f));
    assert_end(f, 1, CLOSE_CODE_LEFT);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    queue_up(f, 4, secret);
    ask_end(f, 4, "c4");
    serve(f);
    assert_true(ended(f));
    assert_seats(f, 3, 0, 0, 0);
    ask_end(f, 4, "c4");
    serve(f);
    assert_false(ended(f)); /* nobody there */
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_LEFT), 2);
    nothing_else(f);
}

static void
leave_because(fixture_t *f, const char *session_id, int64_t turn, session_end_t why)
{
    msg_admission_leave_t body = {.turn = turn, .has_why = true, .why = why};
    snprintf(body.session_id, sizeof body.session_id, "%s", session_id);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_LEAVE, PLAZA, &body));
    serve(f);
}

static void
a_gateway_ends_a_session_because_nothing_was_done_and_for_no_other_reason_of_its_own(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    play(f, 1, "g1");
    leave_because(f, "s1", f->entered.turn - 1, SESSION_END_INACTIVE); /* it has gone on */
    assert_seats(f, 0, 1, 0, 0);
    leave_because(f, "s1", f->entered.turn, SESSION_END_INACTIVE);
    assert_seats(f, 0, 0, 0, 0);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    none(f, MSG_GATEWAY_END); /* its gateway knows */
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_INACTIVE), 1);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_LEFT), 0);
    uint64_t left = 0;
    for (session_end_t why = 0; why < SESSION_END_COUNT; why++) {
        if (why != SESSION_END_INACTIVE) {
            play(f, 2, "g1");
            leave_because(f, "s2", f->entered.turn, why);
            assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_LEFT), ++left);
        }
    }
    admit(f, 3, ticket);
    leave_because(f, "s3", 0, SESSION_END_INACTIVE); /* nobody was there yet to do nothing */
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_GIVEN_UP), 1);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_INACTIVE), 1);
    assert_seats(f, 0, 0, 0, 0);
}

static void
leaving_over_http_is_for_the_owner_even_when_suspended(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    ask_end(f, 2, "c1");
    store_fails(f, MSG_PERSISTENCE_FIND_CHARACTER, STORE_FAULT_NOT_OWNER);
    assert_declined(f, ERROR_NOT_FOUND);
    ask_end(f, 2, NULL);
    store_fails(f, MSG_PERSISTENCE_FIND_CHARACTER, STORE_FAULT_NOT_FOUND);
    assert_declined(f, ERROR_NOT_FOUND);
    ask_end(f, 1, NULL);
    store_fails(f, MSG_PERSISTENCE_FIND_CHARACTER, STORE_FAULT_UNAVAILABLE);
    assert_declined(f, ERROR_UNAVAILABLE);
    ask_end(f, 1, NULL);
    take(f, MSG_PERSISTENCE_FIND_CHARACTER);
    pass(f, ASK_USEC);
    assert_declined(f, ERROR_TIMEOUT);
    assert_seats(f, 0, 1, 0, 0);
    ask_end(f, 1, NULL);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), true);
    assert_true(ended(f));
    assert_seats(f, 0, 0, 0, 0);
}

static void
kick(fixture_t *f, const char *session, const char *character)
{
    msg_admission_kick_t body = {.has_session_id = session != NULL, .has_character_id = character != NULL};
    snprintf(body.session_id, sizeof body.session_id, "%s", session != NULL ? session : "");
    snprintf(body.character_id, sizeof body.character_id, "%s", character != NULL ? character : "");
    assert_true(sim_ask(f->sim, MSG_ADMISSION_KICK, PLAZA, &body, ASK_USEC, ++f->asked));
}

static void
an_operator_kicks_by_session_or_by_character(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    play(f, 1, "g1");
    admit(f, 2, ticket);
    kick(f, "s1", NULL);
    assert_true(ended(f));
    assert_end(f, 1, CLOSE_CODE_KICKED);
    kick(f, NULL, "c2");
    assert_true(ended(f));
    none(f, MSG_GATEWAY_END); /* nobody held it */
    assert_seats(f, 0, 0, 0, 0);
    enter_refused(f, ticket, SECRET_FAULT_SPENT);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_KICKED), 2);
    kick(f, "s1", NULL);
    assert_false(ended(f));
    kick(f, NULL, "c1");
    assert_false(ended(f));
    kick(f, NULL, NULL);
    assert_declined(f, ERROR_BAD_REQUEST);
    kick(f, "s1", "c1");
    assert_declined(f, ERROR_BAD_REQUEST);
    serve(f);
    nothing_else(f);
}

/* ---- another character ---- */

static void
connecting_as_another_character_ends_the_first_attempt(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 1, ticket);
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "other");
    body.has_character_id = true;
    snprintf(body.character_id, sizeof body.character_id, "c99");
    connect_with(f, &body);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_seats(f, 1, 0, 0, 0);
    enter_refused(f, ticket, SECRET_FAULT_SPENT);
    assert_stored(f, "s1", SESSION_STATE_ENDED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_CHARACTER_CHANGED), 1);
    enter(f, f->connected.ticket, "g1", 1);
    admit(f, 1, ticket); /* one that plays is not an attempt: it stays */
    assert_seats(f, 1, 1, 0, 0);
}

static void
selecting_another_character_ends_the_attempt_and_tells_who_watches(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE] = {1};
    registry_session_t session, before;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    queue_up(f, 4, secret);
    secret_hash(secret, shown);
    assert_int_equal(f->registry->watch(f->registry, sim_now(f->sim), PLAZA, shown, next, "g1", 44, &session, &before),
                     REGISTRY_OK);
    msg_admission_select_t body = {.user_id = "user 4", .character_id = "c4"};
    assert_true(sim_tell(f->sim, MSG_ADMISSION_SELECT, PLAZA, &body));
    assert_seats(f, 3, 0, 0, 1); /* it is the same one */
    snprintf(body.character_id, sizeof body.character_id, "c99");
    assert_true(sim_tell(f->sim, MSG_ADMISSION_SELECT, PLAZA, &body));
    assert_seats(f, 3, 0, 0, 0);
    assert_end(f, 44, CLOSE_CODE_CHARACTER_CHANGED);
    serve(f);
    assert_stored(f, "s4", SESSION_STATE_ENDED);
}

/* ---- offers ---- */

/* Session 4 waits, watched by connection 44 of g1, and is offered a seat. */
static void
offer(fixture_t *f, secret_t secret)
{
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE];
    registry_session_t session, before;
    secret_t other;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, other);
        enter(f, other, "g2", i);
    }
    queue_up(f, 4, other);
    secret_draw(sim_ctx(f->sim, ACT_KIND_ADMISSION, PLAZA), secret, next);
    secret_hash(other, shown);
    assert_int_equal(f->registry->watch(f->registry, sim_now(f->sim), PLAZA, shown, next, "g1", 44, &session, &before),
                     REGISTRY_OK);
    leave(f, "s3", f->entered.turn);
    assert_int_equal(f->registry->promote(f->registry, sim_now(f->sim), PLAZA, &f->config.limits, &session),
                     REGISTRY_OK);
    serve(f);
}

static void
an_offer_that_is_not_taken_ends_and_its_connection_is_told(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    offer(f, secret);
    pass(f, OFFER_SEC * ACT_SEC - 1);
    assert_seats(f, 1, 2, 0, 0);
    pass(f, ACT_SEC);
    assert_seats(f, 0, 2, 0, 0);
    assert_end(f, 44, CLOSE_CODE_OFFER_EXPIRED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_OFFER_EXPIRED), 1);
    enter_refused(f, secret, SECRET_FAULT_EXPIRED);
}

static void
an_offer_is_taken_by_the_connection_that_watched(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    offer(f, secret);
    enter(f, secret, "g1", 44);
    none(f, MSG_GATEWAY_END);
    assert_seats(f, 0, 3, 0, 0);
}

static void
an_offer_made_a_ticket_over_http_tells_who_watched_when_that_ends(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    offer(f, secret);
    msg_admission_connect_t body = connect_body(4);
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, secret, sizeof body.reconnect_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    pass(f, TICKET_SEC * ACT_SEC - 1);
    assert_seats(f, 1, 2, 0, 0);
    pass(f, ACT_SEC);
    assert_end(f, 44, CLOSE_CODE_OFFER_EXPIRED);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_TICKET_EXPIRED), 1);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(leaving_over_http_ends_whatever_the_character_does_here),
        CASE(a_gateway_ends_a_session_because_nothing_was_done_and_for_no_other_reason_of_its_own),
        CASE(leaving_over_http_is_for_the_owner_even_when_suspended),
        CASE(an_operator_kicks_by_session_or_by_character),
        CASE(connecting_as_another_character_ends_the_first_attempt),
        CASE(selecting_another_character_ends_the_attempt_and_tells_who_watches),
        CASE(an_offer_that_is_not_taken_ends_and_its_connection_is_told),
        CASE(an_offer_is_taken_by_the_connection_that_watched),
        CASE(an_offer_made_a_ticket_over_http_tells_who_watched_when_that_ends),
    };
    return cmocka_run_group_tests_name("admission_ended", tests, NULL, NULL);
}
