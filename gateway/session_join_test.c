#include "gateway_fixture.h"

static void
a_ticket_becomes_a_session_with_its_next_token_and_the_rooms_welcome(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter(house, peer, "s1", "plaza/main", ROLE_PLAYER);
    peer_let_in(house, peer, 7);
    assert_heard(house, peer,
                 "[{\"type\":\"event.reconnect_token\",\"reconnectToken\":\"" NEXT_TOKEN
                 "\",\"graceSeconds\":60},{\"welcome\":1}]");
    assert_silent(house, peer);
    assert_int_equal(sim_metric(house->sim, METRIC_CONNECTIONS, 0), 1);
    peer_gone(house, &peer);
    assert_int_equal(sim_metric(house->sim, METRIC_CONNECTIONS, 0), 0);
}

static void
a_reconnect_token_goes_where_it_says_and_opens_the_session_again(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer,
             "{\"type\":\"session.join\",\"reconnectToken\":\"" TOKEN "\",\"instance\":\"arena\",\"build\":\"b1\"}");
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_ENTER);
    assert_string_equal(ask->key, "arena");
    assert_string_equal(((const msg_admission_enter_t *)ask->body)->secret, TOKEN);
    msg_admission_entered_t entered = entered_body("s1", "arena/main-2", 6);
    sim_reply(house->sim, ask, MSG_ADMISSION_ENTERED, &entered);
    peer_let_in(house, peer, 7);
    assert_heard(house, peer, "{\"welcome\":1}");
    peer_gone(house, &peer);
    assert_let_go(house, MSG_ADMISSION_DROP, "arena", "s1", 6);
}

static void
only_who_comes_back_tells_the_room_what_it_still_has(void **state)
{
    house_t *house = *state;
    static const struct {
        const char *secret, *rest;
        bool version, sequence;
    } rows[] = {{"reconnectToken", ",\"roomVersion\":4294967301,\"lastSequence\":17", true, true},
                {"reconnectToken", ",\"roomVersion\":4294967301", true, false},
                {"reconnectToken", "", false, false},
                {"ticket", ",\"roomVersion\":4294967301,\"lastSequence\":17", false, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        peer_t *peer = peer_open(house, CODEC_JSON);
        char join[256];
        snprintf(join, sizeof(join), "{\"type\":\"session.join\",\"%s\":\"" TOKEN "\",\"build\":\"b1\"%s}",
                 rows[i].secret, rows[i].rest);
        peer_say(house, peer, join);
        msg_admission_entered_t entered = entered_body("s1", "plaza/main", TURN);
        sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_ENTERED, &entered);
        const msg_room_join_t *asked = sim_take(house->sim, MSG_ROOM_JOIN)->body;
        assert_true(asked->has_room_version == rows[i].version && asked->has_last_sequence == rows[i].sequence);
        assert_int_equal(asked->room_version, rows[i].version ? INT64_C(4294967301) : 0);
        assert_int_equal(asked->last_sequence, rows[i].sequence ? 17 : 0);
        peer_gone(house, &peer);
    }
}

static void
who_has_waited_has_nothing_of_a_room_yet_and_keeps_its_ticket(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s2", 5);
    static const char join[] = "{\"type\":\"session.join\",\"reconnectToken\":\"" NEXT_TOKEN
                               "\",\"build\":\"b1\",\"roomVersion\":9,\"lastSequence\":17}";
    peer_say(house, peer, join);
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_WAITING};
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_REFUSED, &refused);
    assert_heard(house, peer, "STILL_WAITING");
    msg_gateway_admitted_t admitted = {.connection = (int64_t)peer->handle, .seconds = 30};
    house_tell_as(house, MSG_QUEUE_ATTACH, MSG_GATEWAY_ADMITTED, &admitted);
    assert_heard(house, peer, "\"ticket\":\"" NEXT_TOKEN "\"");
    peer_say(house, peer, join);
    msg_admission_entered_t entered = entered_body("s2", "plaza/main", TURN);
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_ENTERED, &entered);
    const msg_room_join_t *asked = sim_take(house->sim, MSG_ROOM_JOIN)->body;
    assert_true(!asked->has_room_version && !asked->has_last_sequence);
    peer_gone(house, &peer);
}

static void
a_join_shows_one_secret_and_not_two_or_none(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    static const char *const bad[] = {"{\"type\":\"session.join\",\"build\":\"b1\"}",
                                      "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"reconnectToken\":\"" TOKEN
                                      "\",\"build\":\"b1\"}"};
    for (int i = 0; i < GATEWAY_REFUSED_MAX; i++) {
        assert_int_equal(peer->close_code, 0);
        peer_say(house, peer, bad[i % 2]);
        assert_heard(house, peer, "\"code\":\"BAD_REQUEST\",\"message\":\"session.join: wants either");
    }
    assert_closed(peer, CLOSE_CODE_BAD_FRAME);
    assert_int_equal(house_kept(house), 0);
    peer_gone(house, &peer);
}

static void
a_second_join_is_refused(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_say(house, peer, "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"build\":\"b1\"}");
    assert_heard(house, peer, "ALREADY_JOINED");
    assert_null(sim_take(house->sim, MSG_ADMISSION_ENTER));
    peer_gone(house, &peer);
}

static void
another_build_hears_the_servers_and_is_closed(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"build\":\"b0\"}");
    assert_int_equal(peer->close_code, 0); /* the last word first */
    assert_heard(house, peer, "{\"type\":\"event.version_mismatch\",\"build\":\"b1\"}");
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_VERSION_MISMATCH]);
    assert_int_equal(house_kept(house), 0);
    peer_gone(house, &peer);
}

static void
a_secret_that_opens_nothing_is_told_and_closed(void **state)
{
    house_t *house = *state;
    static const struct {
        bool token;
        secret_fault_t fault;
        error_code_t code;
        close_code_t close;
    } rows[] = {
        {false, SECRET_FAULT_UNKNOWN, ERROR_TICKET_INVALID, CLOSE_CODE_TICKET_INVALID},
        {false, SECRET_FAULT_SPENT, ERROR_TICKET_INVALID, CLOSE_CODE_TICKET_INVALID},
        {false, SECRET_FAULT_EXPIRED, ERROR_TICKET_INVALID, CLOSE_CODE_TICKET_INVALID},
        {false, SECRET_FAULT_UNAVAILABLE, ERROR_UNAVAILABLE, CLOSE_CODE_OVERLOADED},
        {true, SECRET_FAULT_UNKNOWN, ERROR_RECONNECT_INVALID, CLOSE_CODE_RECONNECT_INVALID},
        {true, SECRET_FAULT_SPENT, ERROR_RECONNECT_INVALID, CLOSE_CODE_RECONNECT_INVALID},
        {true, SECRET_FAULT_EXPIRED, ERROR_RECONNECT_EXPIRED, CLOSE_CODE_RECONNECT_INVALID},
        {true, SECRET_FAULT_UNAVAILABLE, ERROR_UNAVAILABLE, CLOSE_CODE_OVERLOADED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        peer_t *peer = peer_open(house, CODEC_JSON);
        char join[200], code[64];
        snprintf(join, sizeof(join), "{\"type\":\"session.join\",\"%s\":\"%s\",\"build\":\"b1\"}",
                 rows[i].token ? "reconnectToken" : "ticket", TOKEN);
        snprintf(code, sizeof(code), "\"code\":\"%s\"", error_names[rows[i].code]);
        peer_say(house, peer, join);
        msg_admission_refused_t refused = {.fault = rows[i].fault};
        sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_REFUSED, &refused);
        assert_heard(house, peer, code);
        assert_closed(peer, rows[i].close);
        peer_gone(house, &peer);
    }
    assert_int_equal(house_kept(house), 0);
}

static void
an_instance_that_is_not_there_opens_for_no_secret(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer,
             "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"instance\":\"moon\",\"build\":\"b1\"}");
    assert_heard(house, peer, "TICKET_INVALID");
    assert_closed(peer, CLOSE_CODE_TICKET_INVALID);
    peer_gone(house, &peer);
    peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer,
             "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"instance\":\"moon\",\"build\":\"b1\"}");
    assert_heard(house, peer, "RECONNECT_INVALID");
    assert_closed(peer, CLOSE_CODE_RECONNECT_INVALID);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0);
}

static void
who_waits_yet_may_watch_instead_and_has_the_time_for_it(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    sim_advance(house->sim, 9 * ACT_SEC);
    peer_say(house, peer, "{\"type\":\"session.join\",\"reconnectToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_WAITING};
    sim_advance(house->sim, 3 * ACT_SEC); /* admission takes its time, which is not the client's */
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_REFUSED, &refused);
    assert_heard(house, peer, "\"code\":\"STILL_WAITING\"");
    sim_advance(house->sim, 9 * ACT_SEC);
    assert_int_equal(peer->close_code, 0);
    peer_say(house, peer, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    assert_non_null(sim_take(house->sim, MSG_QUEUE_ATTACH));
    peer_gone(house, &peer);
    peer = peer_open(house, CODEC_JSON);
    for (int i = 0; i < GATEWAY_REFUSED_MAX; i++) { /* a client that asks over and over is not served for ever */
        assert_int_equal(peer->close_code, 0);
        peer_say(house, peer, "{\"type\":\"session.join\",\"reconnectToken\":\"" TOKEN "\",\"build\":\"b1\"}");
        sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_REFUSED, &refused);
        assert_heard(house, peer, "STILL_WAITING");
    }
    assert_closed(peer, CLOSE_CODE_BAD_FRAME);
    peer_gone(house, &peer);
}

static void
who_waits_yet_and_does_nothing_about_it_is_closed(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"session.join\",\"reconnectToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_WAITING};
    sim_advance(house->sim, 3 * ACT_SEC);
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_REFUSED, &refused);
    assert_heard(house, peer, "STILL_WAITING");
    sim_advance(house->sim, 10600 * ACT_MSEC);
    assert_heard(house, peer, "NOT_JOINED");
    assert_closed(peer, CLOSE_CODE_NOT_JOINED);
    peer_gone(house, &peer);
}

static void
admission_away_or_full_is_told_and_closed(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    (void)peer_show(house, peer);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_heard(house, peer, "TIMEOUT");
    assert_closed(peer, CLOSE_CODE_OVERLOADED);
    peer_gone(house, &peer);
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"build\":\"b1\"}");
    assert_heard(house, peer, "OVERLOADED");
    assert_closed(peer, CLOSE_CODE_OVERLOADED);
    peer_gone(house, &peer);
}

static void
a_room_that_refuses_ends_the_connection_and_the_session_has_its_grace(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter(house, peer, "s1", "plaza/main", ROLE_PLAYER);
    msg_room_refused_t refused = {.connection = (int64_t)peer->handle, .code = ERROR_ROOM_FULL};
    sim_reply(house->sim, sim_take(house->sim, MSG_ROOM_JOIN), MSG_ROOM_REFUSED, &refused);
    assert_heard(house, peer, "ROOM_FULL");
    assert_closed(peer, CLOSE_CODE_ROOM_CLOSED);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    assert_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    peer_gone(house, &peer);
}

static void
a_room_that_does_not_answer_drops_the_session_and_a_late_place_is_given_back(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter(house, peer, "s1", "plaza/main", ROLE_PLAYER);
    msg_t ask = *sim_take(house->sim, MSG_ROOM_JOIN);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_heard(house, peer, "TIMEOUT");
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_OVERLOADED]);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    msg_room_joined_t joined = {
        .connection = (int64_t)peer->handle, .member = 9, .has_welcome = true, .welcome = blob_new("{}", 2)};
    sim_reply(house->sim, &ask, MSG_ROOM_JOINED, &joined);
    const msg_t *leave = sim_take(house->sim, MSG_ROOM_LEAVE);
    assert_non_null(leave);
    assert_int_equal(((const msg_room_leave_t *)leave->body)->member, 9);
    blob_release(&joined.welcome);
    peer_gone(house, &peer);
}

static void
an_answer_that_comes_twice_does_not_end_the_session(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter(house, peer, "s1", "plaza/main", ROLE_PLAYER);
    msg_t ask = *sim_take(house->sim, MSG_ROOM_JOIN);
    msg_room_joined_t joined = {
        .connection = (int64_t)peer->handle, .member = 9, .has_welcome = true, .welcome = blob_new("{}", 2)};
    sim_reply(house->sim, &ask, MSG_ROOM_JOINED, &joined);
    sim_reply(house->sim, &ask, MSG_ROOM_JOINED, &joined);
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", TURN);
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
    assert_int_equal(house_kept(house), 0);
    assert_heard(house, peer, "{}");
    blob_release(&joined.welcome);
    peer_gone(house, &peer);
}

static void
a_session_entered_for_a_connection_that_is_gone_has_its_grace(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    msg_t ask = peer_show(house, peer);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0); /* nothing is held yet */
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", 9);
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", 9);
    assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
}

static void
a_session_entered_after_its_client_left_is_over(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    msg_t ask = peer_show(house, peer);
    peer_say(house, peer, "{\"type\":\"session.leave\"}");
    assert_closed(peer, CLOSE_CODE_LEFT);
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", 9);
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
    assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", "s1", 9);
    assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
    peer_gone(house, &peer);
}

static void
a_session_entered_too_late_is_dropped_unless_a_connection_holds_it_by_that_turn(void **state)
{
    house_t *house = *state;
    peer_t *late = peer_open(house, CODEC_JSON);
    msg_t ask = peer_show(house, late);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_heard(house, late, "TIMEOUT");
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", TURN);
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered); /* a copy of what `peer` got */
    assert_int_equal(house_kept(house), 0);
    entered.turn = TURN - 1;
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN - 1);
    peer_gone(house, &peer);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    peer_gone(house, &late);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_ticket_becomes_a_session_with_its_next_token_and_the_rooms_welcome),
        TEST(a_reconnect_token_goes_where_it_says_and_opens_the_session_again),
        TEST(only_who_comes_back_tells_the_room_what_it_still_has),
        TEST(who_has_waited_has_nothing_of_a_room_yet_and_keeps_its_ticket),
        TEST(a_join_shows_one_secret_and_not_two_or_none),
        TEST(a_second_join_is_refused),
        TEST(another_build_hears_the_servers_and_is_closed),
        TEST(a_secret_that_opens_nothing_is_told_and_closed),
        TEST(an_instance_that_is_not_there_opens_for_no_secret),
        TEST(who_waits_yet_may_watch_instead_and_has_the_time_for_it),
        TEST(who_waits_yet_and_does_nothing_about_it_is_closed),
        TEST(admission_away_or_full_is_told_and_closed),
        TEST(a_room_that_refuses_ends_the_connection_and_the_session_has_its_grace),
        TEST(a_room_that_does_not_answer_drops_the_session_and_a_late_place_is_given_back),
        TEST(an_answer_that_comes_twice_does_not_end_the_session),
        TEST(a_session_entered_for_a_connection_that_is_gone_has_its_grace),
        TEST(a_session_entered_after_its_client_left_is_over),
        TEST(a_session_entered_too_late_is_dropped_unless_a_connection_holds_it_by_that_turn),
    };
    return cmocka_run_group_tests_name("session_join", tests, NULL, NULL);
}
