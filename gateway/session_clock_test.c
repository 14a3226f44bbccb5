#include "gateway_fixture.h"

#define MOVE "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}"

/* The wall clock of the simulation, in ms since 1970. */
static int64_t
wall(house_t *house)
{
    return act_wall_msec(house->ctx);
}

static house_t *
house_of_idle(const char *idle, const char *warning)
{
    char idle_flag[64], warning_flag[64];
    snprintf(idle_flag, sizeof(idle_flag), "--gateway.idle_seconds=%s", idle);
    snprintf(warning_flag, sizeof(warning_flag), "--gateway.idle_warning_seconds=%s", warning);
    char *flags[] = {"test", idle_flag, warning_flag, NULL};
    return house_new(flags);
}

/* Plays with an access token that runs out in so many seconds. */
static peer_t *
peer_join_for(house_t *house, int64_t seconds)
{
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter_until(house, peer, wall(house) + seconds * 1000);
    peer_let_in(house, peer, 7);
    assert_heard(house, peer, "{\"welcome\":1}");
    return peer;
}

/* ---- who does nothing ---- */

static void
who_does_nothing_is_warned_and_then_ends_with_the_seat_free(void **state)
{
    (void)state;
    house_t *house = house_of_idle("10", "4");
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    sim_advance(house->sim, 6 * ACT_SEC - ACT_MSEC);
    assert_silent(house, peer);
    sim_advance(house->sim, 2 * ACT_SEC);
    assert_heard(house, peer, "{\"type\":\"event.inactivity_warning\",\"seconds\":4}");
    sim_advance(house->sim, 2 * ACT_SEC);
    assert_silent(house, peer);
    assert_int_equal(peer->close_code, 0);
    sim_advance(house->sim, 3 * ACT_SEC);
    assert_closed(peer, CLOSE_CODE_INACTIVE);
    const msg_room_leave_t *out = sim_take(house->sim, MSG_ROOM_LEAVE)->body;
    assert_int_equal(out->member, 7);
    const msg_admission_leave_t *leave = sim_take(house->sim, MSG_ADMISSION_LEAVE)->body;
    assert_true(leave->has_why && leave->why == SESSION_END_INACTIVE && leave->turn == TURN);
    assert_string_equal(leave->session_id, "s1");
    assert_int_equal(house_kept(house), 0);
    assert_int_equal(sim_metric(house->sim, METRIC_CLOSES, CLOSE_CODE_INACTIVE), 1);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0);
    house_destroy(house);
}

static void
a_session_is_never_ended_before_its_time(void **state)
{
    (void)state;
    house_t *house = house_of_idle("10", "4");
    for (int i = 0; i < 20; i++) { /* joined at any part of a second */
        sim_advance(house->sim, 137 * ACT_MSEC);
        peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
        act_usec_t since = sim_now(house->sim);
        while (peer->close_code == 0) {
            sim_advance(house->sim, 50 * ACT_MSEC);
            (void)peer_hear(house, peer);
        }
        act_usec_t took = sim_now(house->sim) - since;
        assert_true(took >= 10 * ACT_SEC && took <= 13 * ACT_SEC);
        peer_gone(house, &peer);
    }
    house_destroy(house);
}

static void
any_intent_counts_also_a_refused_one_and_a_warning_is_forgotten(void **state)
{
    (void)state;
    static const char *const intents[] = {
        MOVE, "{\"type\":\"intent.chat\",\"actionId\":2,\"text\":\"x\"}",
        "{\"type\":\"intent.action\",\"actionId\":3,\"action\":\"drop\",\"itemId\":\"i1\"}"};
    house_t *house = house_of_idle("10", "4");
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    session_find(house->gateway, peer->handle)->role = ROLE_SPECTATOR; /* refused, each of them */
    for (size_t i = 0; i < 3; i++) {
        sim_advance(house->sim, 4 * ACT_SEC);
        assert_silent(house, peer);
        sim_advance(house->sim, 4 * ACT_SEC);
        assert_heard(house, peer, "event.inactivity_warning");
        peer_say(house, peer, intents[i]);
        assert_heard(house, peer, "FORBIDDEN");
    }
    assert_int_equal(peer->close_code, 0);
    sim_advance(house->sim, 8 * ACT_SEC);
    assert_heard(house, peer, "event.inactivity_warning");
    peer_say(house, peer, "{\"type\":\"intent.dance\"}"); /* is none */
    assert_heard(house, peer, "BAD_REQUEST");
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_closed(peer, CLOSE_CODE_INACTIVE);
    peer_gone(house, &peer);
    house_destroy(house);
}

static void
without_a_limit_nobody_is_too_idle(void **state)
{
    (void)state;
    house_t *house = house_of_idle("0", "60");
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_say(house, peer, MOVE);
    sim_advance(house->sim, (act_usec_t)3600 * ACT_SEC);
    assert_silent(house, peer);
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
    house_destroy(house);
}

static void
a_warning_that_is_as_long_as_the_time_itself_is_refused_at_the_start(void **state)
{
    (void)state;
    for (int seconds = 60; seconds <= 61; seconds++) {
        house_t house = {.values = config_new()};
        static const char *const instances[] = {"plaza", NULL};
        char warning[64];
        snprintf(warning, sizeof(warning), "--gateway.idle_warning_seconds=%d", seconds);
        char *flags[] = {"test", "--gateway.idle_seconds=60", warning, NULL};
        int count = 3;
        assert_true(config_load_flags(house.values, &count, flags, stderr));
        house.config = (gateway_config_t){.config = house.values,
                                          .build = "b1",
                                          .wire = &fixture_wire,
                                          .wire_config = &house,
                                          .instances = instances};
        house.sim = sim_new(11);
        sim_add(house.sim, &gateway_kind, &house.config);
        assert_null(house.gateway); /* its wire was never started */
        sim_destroy(&house.sim);
        config_destroy(&house.values);
    }
}

/* ---- whose access token runs out ---- */

static void
a_join_with_a_token_that_has_run_out_is_refused_and_keeps_its_grace(void **state)
{
    house_t *house = *state;
    for (int ended = 0; ended < 2; ended++) {
        peer_t *peer = peer_open(house, CODEC_JSON);
        peer_enter_until(house, peer, wall(house) - ended);
        assert_heard(house, peer, NEXT_TOKEN); /* what it comes back with, over HTTP */
        assert_non_null(strstr(peer->heard, "\"code\":\"UNAUTHENTICATED\""));
        assert_closed(peer, CLOSE_CODE_TOKEN_EXPIRED);
        assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
        assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
        assert_int_equal(house_kept(house), 0);
        peer_gone(house, &peer);
        assert_int_equal(house_kept(house), 0);
    }
}

static void
a_token_that_runs_out_is_told_before_and_then_the_seat_is_held(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.auth_warning_seconds=20", NULL};
    house_t *house = house_new(flags);
    peer_t *peer = peer_join_for(house, 100);
    sim_advance(house->sim, 79 * ACT_SEC);
    assert_silent(house, peer);
    sim_advance(house->sim, 2 * ACT_SEC);
    assert_heard(house, peer, "{\"type\":\"event.auth_expiring\",\"seconds\":");
    assert_true(strstr(peer->heard, ":20}") != NULL || strstr(peer->heard, ":19}") != NULL);
    sim_advance(house->sim, 18 * ACT_SEC);
    assert_silent(house, peer); /* once */
    assert_int_equal(peer->close_code, 0);
    sim_advance(house->sim, 2500 * ACT_MSEC);
    assert_closed(peer, CLOSE_CODE_TOKEN_EXPIRED);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    peer_gone(house, &peer);
    house_destroy(house);
}

static void
a_token_that_ends_within_the_warning_is_told_at_once(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join_for(house, 30);
    sim_advance(house->sim, 1 * ACT_SEC);
    assert_heard(house, peer, "event.auth_expiring");
    sim_advance(house->sim, 30 * ACT_SEC);
    assert_closed(peer, CLOSE_CODE_TOKEN_EXPIRED);
    peer_gone(house, &peer);
}

static void
a_token_whose_end_is_not_known_or_after_all_time_has_none(void **state)
{
    (void)state;
    house_t *house = house_of_idle("0", "60");
    static const int64_t ends[] = {0, INT64_C(9007199254740991)};
    for (size_t i = 0; i < 2; i++) {
        peer_t *peer = peer_open(house, CODEC_JSON);
        peer_enter_until(house, peer, ends[i]);
        peer_let_in(house, peer, 7);
        assert_heard(house, peer, "{\"welcome\":1}");
        sim_advance(house->sim, (act_usec_t)5000 * ACT_SEC);
        assert_silent(house, peer);
        peer_gone(house, &peer);
    }
    house_destroy(house);
}

static void
a_token_that_runs_out_while_the_room_is_asked_ends_it_after_the_welcome(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter_until(house, peer, wall(house) + 1000);
    assert_heard(house, peer, NEXT_TOKEN);
    sim_advance(house->sim, 3 * ACT_SEC);
    assert_silent(house, peer);
    peer_let_in(house, peer, 7);
    assert_heard(house, peer, "{\"welcome\":1}");
    sim_advance(house->sim, 1 * ACT_SEC);
    assert_closed(peer, CLOSE_CODE_TOKEN_EXPIRED);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    peer_gone(house, &peer);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_nothing_is_warned_and_then_ends_with_the_seat_free),
        cmocka_unit_test(a_session_is_never_ended_before_its_time),
        cmocka_unit_test(any_intent_counts_also_a_refused_one_and_a_warning_is_forgotten),
        cmocka_unit_test(without_a_limit_nobody_is_too_idle),
        cmocka_unit_test(a_warning_that_is_as_long_as_the_time_itself_is_refused_at_the_start),
        TEST(a_join_with_a_token_that_has_run_out_is_refused_and_keeps_its_grace),
        cmocka_unit_test(a_token_that_runs_out_is_told_before_and_then_the_seat_is_held),
        TEST(a_token_that_ends_within_the_warning_is_told_at_once),
        cmocka_unit_test(a_token_whose_end_is_not_known_or_after_all_time_has_none),
        TEST(a_token_that_runs_out_while_the_room_is_asked_ends_it_after_the_welcome),
    };
    return cmocka_run_group_tests_name("session_clock", tests, NULL, NULL);
}
