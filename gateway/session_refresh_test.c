#include "gateway_fixture.h"

#define REFRESH "{\"type\":\"session.refresh\",\"accessToken\":\"newer\"}"
#define HOUR INT64_C(3600000)

enum { MEMBER = 7 };

static int64_t
wall(house_t *house)
{
    return act_wall_msec(house->ctx);
}

/* Plays with an access token that runs out in an hour. */
static peer_t *
peer_play(house_t *house)
{
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter_until(house, peer, wall(house) + HOUR);
    peer_let_in(house, peer, MEMBER);
    assert_heard(house, peer, "{\"welcome\":1}");
    return peer;
}

/* What auth was asked about the token that the client has just shown. */
static msg_t
peer_refresh(house_t *house, peer_t *peer)
{
    peer_say(house, peer, REFRESH);
    const msg_t *ask = sim_take(house->sim, MSG_AUTH_VERIFY);
    assert_non_null(ask);
    assert_string_equal(((const msg_auth_verify_t *)ask->body)->token, "newer");
    return *ask;
}

static void
auth_verifies(house_t *house, const msg_t *ask, const char *user_id, role_t role, int64_t expires_at)
{
    msg_auth_verified_t verified = {.role = role, .expires_at = expires_at};
    snprintf(verified.user_id, sizeof(verified.user_id), "%s", user_id);
    sim_reply(house->sim, ask, MSG_AUTH_VERIFIED, &verified);
}

static void
assert_refreshed(house_t *house, const char *session_id, int64_t turn, int64_t auth_until)
{
    const msg_t *told = sim_take(house->sim, MSG_ADMISSION_REFRESHED);
    assert_non_null(told);
    assert_string_equal(told->key, "plaza");
    const msg_admission_refreshed_t *refreshed = told->body;
    assert_string_equal(refreshed->session_id, session_id);
    assert_int_equal(refreshed->turn, turn);
    assert_int_equal(refreshed->auth_until, auth_until);
}

static void
a_newer_token_of_the_same_user_moves_the_end(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    msg_t ask = peer_refresh(house, peer);
    int64_t until = wall(house) + 2 * HOUR;
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, until);
    assert_heard(house, peer, "{\"type\":\"event.refreshed\",\"expiresInSeconds\":7200}");
    assert_refreshed(house, "s1", TURN, until);
    for (int i = 0; i < 65; i++) { /* past the first end; it plays all the while */
        sim_advance(house->sim, 60 * ACT_SEC);
        peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}");
        assert_non_null(sim_take(house->sim, MSG_ROOM_MOVE));
    }
    assert_silent(house, peer);
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
}

static void
a_refresh_after_the_warning_is_warned_of_again_before_the_new_end(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.idle_seconds=0", NULL};
    house_t *house = house_new(flags);
    peer_t *peer = peer_play(house);
    sim_advance(house->sim, (act_usec_t)3542 * ACT_SEC);
    assert_heard(house, peer, "event.auth_expiring");
    msg_t ask = peer_refresh(house, peer);
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) + HOUR);
    assert_heard(house, peer, "event.refreshed");
    sim_advance(house->sim, (act_usec_t)3500 * ACT_SEC);
    assert_silent(house, peer);
    sim_advance(house->sim, 45 * ACT_SEC);
    assert_heard(house, peer, "event.auth_expiring");
    sim_advance(house->sim, 60 * ACT_SEC);
    assert_closed(peer, CLOSE_CODE_TOKEN_EXPIRED);
    peer_gone(house, &peer);
    house_destroy(house);
}

static void
a_token_that_ends_sooner_takes_nothing_away(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    msg_t ask = peer_refresh(house, peer);
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) + HOUR / 2);
    assert_heard(house, peer, "{\"type\":\"event.refreshed\",\"expiresInSeconds\":3600}");
    assert_null(sim_take(house->sim, MSG_ADMISSION_REFRESHED));
    peer_gone(house, &peer);
}

static void
another_users_token_is_refused_and_changes_nothing(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    msg_t ask = peer_refresh(house, peer);
    auth_verifies(house, &ask, "auth0|another", ROLE_SPECTATOR, wall(house) + 9 * HOUR);
    assert_heard(house, peer, "\"code\":\"FORBIDDEN\"");
    assert_null(sim_take(house->sim, MSG_ADMISSION_REFRESHED));
    session_t *session = session_find(house->gateway, peer->handle);
    assert_int_equal(session->role, ROLE_PLAYER);
    assert_int_equal(session->refused, 1);
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
}

static void
a_bad_token_and_an_auth_that_is_away_change_nothing(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    static const struct {
        token_fault_t fault;
        const char *code, *transient;
        int counted;
    } rows[] = {{TOKEN_FAULT_EXPIRED, "UNAUTHENTICATED", "\"transient\":false", 1},
                {TOKEN_FAULT_SIGNATURE, "UNAUTHENTICATED", "\"transient\":false", 2},
                {TOKEN_FAULT_KEYS_UNAVAILABLE, "UNAVAILABLE", "\"transient\":true,\"retryAfterMs\":", 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        msg_t ask = peer_refresh(house, peer);
        msg_auth_refused_t refused = {.fault = rows[i].fault};
        sim_reply(house->sim, &ask, MSG_AUTH_REFUSED, &refused);
        assert_heard(house, peer, rows[i].code);
        assert_non_null(strstr(peer->heard, rows[i].transient));
        assert_int_equal(session_find(house->gateway, peer->handle)->refused, rows[i].counted);
        sim_advance(house->sim, GATEWAY_REFRESH_SECONDS * ACT_SEC);
    }
    (void)peer_refresh(house, peer);
    sim_advance(house->sim, GATEWAY_ASK_USEC + ACT_SEC);
    assert_heard(house, peer, "TIMEOUT");
    sim_set_full(house->sim, ACT_KIND_AUTH, true);
    peer_say(house, peer, REFRESH);
    assert_heard(house, peer, "OVERLOADED");
    sim_set_full(house->sim, ACT_KIND_AUTH, false);
    assert_null(sim_take(house->sim, MSG_ADMISSION_REFRESHED));
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
}

static void
a_token_that_only_the_clock_skew_lets_pass_is_no_newer_one(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    msg_t ask = peer_refresh(house, peer);
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) - 1);
    assert_heard(house, peer, "UNAUTHENTICATED");
    peer_gone(house, &peer);
}

static void
what_admission_cannot_be_told_is_not_taken(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    msg_t ask = peer_refresh(house, peer);
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) + 2 * HOUR);
    sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
    assert_heard(house, peer, "OVERLOADED");
    const session_t *session = session_find(house->gateway, peer->handle);
    assert_int_equal(session->auth_until, session_wall_second(wall(house) + HOUR));
    peer_gone(house, &peer);
}

static void
a_token_that_allows_less_ends_the_session_and_one_that_allows_more_changes_nothing_yet(void **state)
{
    house_t *house = *state;
    static const struct {
        role_t before, of_the_token;
        bool ends;
    } cases[] = {{ROLE_PLAYER, ROLE_SPECTATOR, true},
                 {ROLE_ADMIN, ROLE_MODERATOR, true},
                 {ROLE_PLAYER, ROLE_ADMIN, false},
                 {ROLE_SPECTATOR, ROLE_PLAYER, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        peer_t *peer = peer_play(house);
        session_t *session = session_find(house->gateway, peer->handle);
        session->role = (uint8_t)cases[i].before;
        msg_t ask = peer_refresh(house, peer);
        auth_verifies(house, &ask, "auth0|someone", cases[i].of_the_token, wall(house) + 2 * HOUR);
        if (cases[i].ends) {
            assert_closed(peer, CLOSE_CODE_ROLE_CHANGED);
            assert_non_null(sim_take(house->sim, MSG_ADMISSION_LEAVE)); /* no token brings it back */
        } else {
            assert_heard(house, peer, "event.refreshed");
            assert_int_equal(session->role, cases[i].before);
        }
        peer_gone(house, &peer);
    }
}

static void
refreshes_are_one_at_a_time_and_bounded(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_play(house);
    msg_t ask = peer_refresh(house, peer);
    peer_say(house, peer, REFRESH);
    assert_null(sim_take(house->sim, MSG_AUTH_VERIFY));
    assert_heard(house, peer, "\"code\":\"RATE_LIMITED\"");
    assert_non_null(strstr(peer->heard, "\"retryAfterMs\":"));
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) + 2 * HOUR);
    assert_heard(house, peer, "event.refreshed");
    for (int i = 1; i < GATEWAY_REFUSED_MAX; i++) {
        assert_int_equal(peer->close_code, 0);
        peer_say(house, peer, REFRESH);
        assert_heard(house, peer, "RATE_LIMITED");
    }
    assert_null(sim_take(house->sim, MSG_AUTH_VERIFY));
    assert_closed(peer, CLOSE_CODE_BAD_FRAME);
    peer_gone(house, &peer);
}

static void
who_waits_may_refresh_and_who_has_nothing_may_not(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, REFRESH);
    assert_heard(house, peer, "NOT_JOINED");
    assert_null(sim_take(house->sim, MSG_AUTH_VERIFY));
    peer_gone(house, &peer);
    peer = peer_watch(house, CODEC_JSON, "s2", 5);
    msg_t ask = peer_refresh(house, peer);
    int64_t until = wall(house) + HOUR;
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, until);
    assert_heard(house, peer, "\"expiresInSeconds\":3600");
    assert_refreshed(house, "s2", 5, until);
    peer_gone(house, &peer);
}

static void
an_answer_that_finds_it_entering_or_gone_is_not_taken(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s2", 5);
    msg_t ask = peer_refresh(house, peer);
    (void)peer_show(house, peer);
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) + HOUR);
    assert_heard(house, peer, "UNAVAILABLE");
    assert_null(sim_take(house->sim, MSG_ADMISSION_REFRESHED));
    peer_gone(house, &peer);
    peer = peer_play(house);
    ask = peer_refresh(house, peer);
    peer_gone(house, &peer);
    auth_verifies(house, &ask, "auth0|someone", ROLE_PLAYER, wall(house) + 2 * HOUR);
    assert_null(sim_take(house->sim, MSG_ADMISSION_REFRESHED));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_newer_token_of_the_same_user_moves_the_end),
        cmocka_unit_test(a_refresh_after_the_warning_is_warned_of_again_before_the_new_end),
        TEST(a_token_that_ends_sooner_takes_nothing_away),
        TEST(another_users_token_is_refused_and_changes_nothing),
        TEST(a_bad_token_and_an_auth_that_is_away_change_nothing),
        TEST(a_token_that_only_the_clock_skew_lets_pass_is_no_newer_one),
        TEST(what_admission_cannot_be_told_is_not_taken),
        TEST(a_token_that_allows_less_ends_the_session_and_one_that_allows_more_changes_nothing_yet),
        TEST(refreshes_are_one_at_a_time_and_bounded),
        TEST(who_waits_may_refresh_and_who_has_nothing_may_not),
        TEST(an_answer_that_finds_it_entering_or_gone_is_not_taken),
    };
    return cmocka_run_group_tests_name("session_refresh", tests, NULL, NULL);
}
