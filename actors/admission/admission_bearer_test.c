/* What the access token says: its role and its end, from the connect to whoever enters; and a newer one's. */
#include "admission_fixture.h"

static const int64_t until = INT64_C(1800000000000), later = INT64_C(1800003600000), latest = INT64_C(9007199254740991);

static msg_admission_connect_t
connect_as(unsigned number, role_t role, int64_t auth_until)
{
    msg_admission_connect_t body = connect_body(number);
    body.role = role;
    body.auth_until = auth_until;
    return body;
}

/* Plays; connection = number. */
static void
play_as(fixture_t *f, unsigned number, role_t role, int64_t auth_until)
{
    msg_admission_connect_t body = connect_as(number, role, auth_until);
    assert_int_equal(connect_with(f, &body).outcome, OUTCOME_ADMITTED);
    enter(f, f->connected.ticket, "g1", number);
}

static void
assert_entered(const fixture_t *f, role_t role, int64_t auth_until)
{
    assert_string_equal(role_names[f->entered.role], role_names[role]);
    assert_true(f->entered.auth_until == auth_until);
}

static void
assert_bearer_stored(fixture_t *f, const char *session_id, role_t role, int64_t auth_until)
{
    const registry_session_t *row = stored(f, session_id);
    assert_non_null(row);
    assert_string_equal(role_names[row->role], role_names[role]);
    assert_true(row->auth_until == auth_until);
}

static void
who_enters_is_told_when_the_token_of_the_connect_runs_out(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_as(1, ROLE_MODERATOR, until);
    assert_int_equal(connect_with(f, &body).outcome, OUTCOME_ADMITTED);
    assert_bearer_stored(f, "s1", ROLE_MODERATOR, until);
    enter(f, f->connected.ticket, "g1", 1);
    assert_entered(f, ROLE_MODERATOR, until);
    drop(f, "s1", f->entered.turn);
    enter(f, f->entered.reconnect_token, "g2", 2); /* and again, whoever comes back */
    assert_entered(f, ROLE_MODERATOR, until);
    for (unsigned i = 2; i <= 3; i++) {
        play_as(f, i, ROLE_PLAYER, 0);
        assert_entered(f, ROLE_PLAYER, 0); /* not known */
    }
    body = connect_as(4, ROLE_SPECTATOR, latest);
    assert_int_equal(connect_with(f, &body).outcome, OUTCOME_QUEUED);
    assert_bearer_stored(f, "s4", ROLE_SPECTATOR, latest);
}

static void
a_reconnect_over_http_takes_role_and_end_of_its_token(void **state)
{
    fixture_t *f = *state;
    play_as(f, 1, ROLE_ADMIN, later);
    drop(f, "s1", f->entered.turn);
    msg_admission_connect_t body = connect_as(1, ROLE_SPECTATOR, until); /* less, and for less time */
    snprintf(body.session_id, sizeof body.session_id, "fresh");
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, f->entered.reconnect_token, sizeof body.reconnect_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_bearer_stored(f, "s1", ROLE_SPECTATOR, until);
    enter(f, f->connected.ticket, "g1", 2);
    assert_entered(f, ROLE_SPECTATOR, until);
}

static void
a_takeover_takes_role_and_end_of_its_token(void **state)
{
    fixture_t *f = *state;
    play_as(f, 1, ROLE_ADMIN, later);
    msg_admission_connect_t body = connect_as(1, ROLE_PLAYER, until);
    snprintf(body.session_id, sizeof body.session_id, "again1");
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_REPLACEMENT_REQUIRED);
    assert_bearer_stored(f, "s1", ROLE_ADMIN, later); /* asking changes nothing */
    snprintf(body.session_id, sizeof body.session_id, "again2");
    body.has_replace_token = true;
    memcpy(body.replace_token, f->connected.replace_token, sizeof body.replace_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.outcome, OUTCOME_ADMITTED);
    assert_end(f, 1, CLOSE_CODE_REPLACED);
    assert_bearer_stored(f, "s1", ROLE_PLAYER, until);
    enter(f, f->connected.ticket, "g2", 2);
    assert_entered(f, ROLE_PLAYER, until);
}

static void
a_refresh_is_stored_and_told_to_whoever_comes_back(void **state)
{
    fixture_t *f = *state;
    play_as(f, 1, ROLE_PLAYER, until);
    refreshed(f, "s1", f->entered.turn, later);
    serve(f);
    assert_bearer_stored(f, "s1", ROLE_PLAYER, later);
    assert_int_equal(stored(f, "s1")->turn, f->entered.turn);
    assert_stored(f, "s1", SESSION_STATE_ACTIVE);
    nothing_else(f);                /* nobody is answered */
    drop(f, "s1", f->entered.turn); /* the connection is the one it was */
    serve(f);
    assert_stored(f, "s1", SESSION_STATE_GRACE);
    enter(f, f->entered.reconnect_token, "g1", 2);
    assert_entered(f, ROLE_PLAYER, later);
}

static void
a_refresh_that_is_no_news_or_of_an_earlier_connection_changes_nothing(void **state)
{
    fixture_t *f = *state;
    play_as(f, 1, ROLE_PLAYER, later);
    const int64_t turn = f->entered.turn, version = stored(f, "s1")->version;
    refreshed(f, "s1", turn, until);
    refreshed(f, "s1", turn - 1, latest);
    refreshed(f, "s1", 0, latest);
    refreshed(f, "nobody", turn, latest);
    none(f, MSG_PERSISTENCE_SAVE_SESSION);
    refreshed(f, "s1", turn, later); /* a copy: harmless */
    serve(f);
    assert_true(stored(f, "s1")->version == version);
    assert_bearer_stored(f, "s1", ROLE_PLAYER, later);
    enter(f, f->entered.reconnect_token, "g1", 1);
    refreshed(f, "s1", turn, latest);
    none(f, MSG_PERSISTENCE_SAVE_SESSION);
    nothing_else(f);
}

static void
a_refresh_waits_for_a_registry_that_is_lost(void **state)
{
    fixture_t *f = *state;
    play_as(f, 1, ROLE_PLAYER, until);
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    refreshed(f, "s1", f->entered.turn, later); /* finds it out */
    refreshed(f, "s1", f->entered.turn, latest);
    assert_int_equal(count_of(f, METRIC_ADMISSION_DEFERRED, 0), 2);
    none(f, MSG_PERSISTENCE_SAVE_SESSION);
    serve(f);
    assert_bearer_stored(f, "s1", ROLE_PLAYER, latest);
    enter(f, f->entered.reconnect_token, "g1", 2);
    assert_entered(f, ROLE_PLAYER, latest);
}

static void
a_refresh_that_the_store_did_not_take_is_sent_again_and_outlives_the_registry(void **state)
{
    fixture_t *f = *state;
    play_as(f, 1, ROLE_PLAYER, until);
    refreshed(f, "s1", f->entered.turn, later);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    enter(f, f->entered.reconnect_token, "g1", 2); /* after a rebuild from a store that does not know of it */
    assert_entered(f, ROLE_PLAYER, later);
    pass(f, ACT_SEC);
    assert_bearer_stored(f, "s1", ROLE_PLAYER, later);
}

static void
an_instance_that_is_not_there_hears_nothing_of_it(void **state)
{
    fixture_t *f = *state;
    assert_true(sim_tell(f->sim, MSG_ADMISSION_REFRESHED, "nowhere",
                         &(msg_admission_refreshed_t){.session_id = "s1", .auth_until = until}));
    assert_true(sim_tell(f->sim, MSG_ADMISSION_MUTED, "nowhere",
                         &(msg_admission_muted_t){.character_id = "c1", .muted_until = until}));
    nothing_else(f);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(who_enters_is_told_when_the_token_of_the_connect_runs_out),
        CASE(a_reconnect_over_http_takes_role_and_end_of_its_token),
        CASE(a_takeover_takes_role_and_end_of_its_token),
        CASE(a_refresh_is_stored_and_told_to_whoever_comes_back),
        CASE(a_refresh_that_is_no_news_or_of_an_earlier_connection_changes_nothing),
        CASE(a_refresh_waits_for_a_registry_that_is_lost),
        CASE(a_refresh_that_the_store_did_not_take_is_sent_again_and_outlives_the_registry),
        CASE(an_instance_that_is_not_there_hears_nothing_of_it),
    };
    return cmocka_run_group_tests_name("admission_bearer", tests, NULL, NULL);
}
