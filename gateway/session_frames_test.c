#include "gateway_fixture.h"

static void
a_message_may_come_in_pieces(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    const char *json = "{\"type\":\"intent.move\",\"actionId\":1,\"x\":2,\"y\":3}";
    size_t length = strlen(json);
    for (size_t i = 0; i < length; i++) {
        peer_data(house, peer, json + i, 1, i == 0, i == length - 1, false);
    }
    const msg_t *msg = sim_take(house->sim, MSG_ROOM_MOVE);
    assert_non_null(msg);
    assert_int_equal(((const msg_room_move_t *)msg->body)->action_id, 1);
    assert_null(session_find(house->gateway, peer->handle)->partial);
    peer_data(house, peer, json, length, true, false, false);
    peer_data(house, peer, "", 0, false, true, false); /* an empty last piece */
    assert_non_null(sim_take(house->sim, MSG_ROOM_MOVE));
    peer_gone(house, &peer);
}

static void
the_rest_of_a_message_has_to_come_in_time(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_data(house, peer, "{", 1, true, false, false);
    sim_advance(house->sim, 11 * ACT_SEC);
    assert_heard(house, peer, "BAD_REQUEST");
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_BAD_FRAME]);
    peer_gone(house, &peer);
}

static void
a_frame_over_the_limit_closes_with_1009_whole_or_in_pieces(void **state)
{
    house_t *house = *state;
    char *large = malloc(16385);
    assert_non_null(large);
    memset(large, ' ', 16385);
    for (int pieces = 0; pieces < 2; pieces++) {
        peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
        if (pieces) {
            peer_data(house, peer, large, 10000, true, false, false);
            peer_data(house, peer, large, 6384, false, false, false);
            assert_silent(house, peer);
            peer_data(house, peer, large, 1, false, true, false);
        } else {
            peer_data(house, peer, large, 16385, true, true, false);
        }
        assert_heard(house, peer, "TOO_LARGE");
        assert_int_equal(peer->close_code, WIRE_TOO_LARGE);
        peer_gone(house, &peer);
    }
    memcpy(large + 16384 - 24, "{\"type\":\"session.leave\"}", 24);
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_data(house, peer, large, 16384, true, true, false); /* the largest there may be */
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_LEFT]);
    peer_gone(house, &peer);
    free(large);
}

static void
an_unreadable_frame_is_told_and_ends_the_connection(void **state)
{
    house_t *house = *state;
    static const char *const frames[] = {"",        "nonsense", "{\"type\":", "[[]]", "{\"type\":\"intent.move\"}x",
                                         "\xff\xfe"};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
        peer_say(house, peer, frames[i]);
        assert_heard(house, peer, "BAD_REQUEST");
        if (peer->close_code == 0) {
            peer_say(house, peer, "{");
            assert_heard(house, peer, "BAD_REQUEST");
        }
        assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_BAD_FRAME]);
        peer_gone(house, &peer);
    }
}

static void
the_kind_of_frame_must_be_the_subprotocols(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_data(house, peer, "\x80", 1, true, true, true);
    assert_heard(house, peer, "subprotocol is JSON");
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_BAD_FRAME]);
    peer_gone(house, &peer);
    peer = peer_join(house, CODEC_MSGPACK, "s1", "plaza/main", 7);
    peer_data(house, peer, "{}", 2, true, true, false);
    assert_heard(house, peer, "subprotocol is msgpack");
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_BAD_FRAME]);
    peer_gone(house, &peer);
}

static void
what_the_schema_refuses_is_named_and_the_connection_lives_until_the_fiftieth(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_say(house, peer,
             "[{\"type\":\"intent.move\",\"actionId\":4,\"x\":-1,\"y\":1},"
             "{\"type\":\"intent.move\",\"actionId\":5,\"x\":1,\"y\":1}]");
    assert_heard(house, peer, "\"message\":\"intent.move: x: ");
    assert_non_null(strstr(peer->heard, "\"actionId\":4"));
    assert_non_null(sim_take(house->sim, MSG_ROOM_MOVE)); /* the good one of the same frame */
    peer_say(house, peer, "{\"type\":\"room.move\"}");
    assert_heard(house, peer, "\"message\":\"message: ");
    for (int i = 2; i < GATEWAY_REFUSED_MAX; i++) {
        assert_int_equal(peer->close_code, 0);
        peer_say(house, peer, "{\"type\":\"intent.move\"}");
        assert_heard(house, peer, "BAD_REQUEST");
    }
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_BAD_FRAME]);
    assert_int_equal(sim_metric(house->sim, METRIC_MESSAGES_REFUSED, ERROR_BAD_REQUEST), GATEWAY_REFUSED_MAX);
    peer_gone(house, &peer);
}

/* Bytes of a good frame, some of them changed: whatever they are, the gateway stands, and says why it closes. */
static void
mutated_frames_do_no_harm(void **state)
{
    house_t *house = *state;
    static const char good[] =
        "[{\"type\":\"intent.chat\",\"actionId\":12,\"text\":\"h\\u00e9\"},{\"type\":\"session.leave\"}]";
    uint8_t packed[256];
    msg_intent_move_t move = {.action_id = 5, .x = 1, .y = 2};
    size_t packed_length = codec_encode(CODEC_MSGPACK, &type_intent_move, "intent.move", &move, packed, sizeof(packed));
    for (int round = 0; round < 3000; round++) {
        codec_format_t format = round % 2 ? CODEC_MSGPACK : CODEC_JSON;
        peer_t *peer = peer_join(house, format, "s1", "plaza/main", 7);
        uint8_t bytes[256];
        size_t length = format == CODEC_JSON ? sizeof(good) - 1 : packed_length;
        memcpy(bytes, format == CODEC_JSON ? (const uint8_t *)good : packed, length);
        for (uint64_t left = 1 + sim_random(house->sim) % 4; left > 0; left--) {
            bytes[sim_random(house->sim) % length] = (uint8_t)sim_random(house->sim);
        }
        length = sim_random(house->sim) % 4 == 0 ? sim_random(house->sim) % length : length;
        size_t cut = length > 0 ? sim_random(house->sim) % length : 0;
        peer_data(house, peer, bytes, cut, true, false, format == CODEC_MSGPACK);
        peer_data(house, peer, bytes + cut, length - cut, false, true, format == CODEC_MSGPACK);
        if (peer->wants) {
            assert_non_null(peer_hear(house, peer));
        }
        peer_gone(house, &peer);
        while (sim_take(house->sim, MSG_NONE) != NULL) {
        }
    }
    assert_int_equal(sim_metric(house->sim, METRIC_CONNECTIONS, 0), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_may_come_in_pieces),
        TEST(the_rest_of_a_message_has_to_come_in_time),
        TEST(a_frame_over_the_limit_closes_with_1009_whole_or_in_pieces),
        TEST(an_unreadable_frame_is_told_and_ends_the_connection),
        TEST(the_kind_of_frame_must_be_the_subprotocols),
        TEST(what_the_schema_refuses_is_named_and_the_connection_lives_until_the_fiftieth),
        TEST(mutated_frames_do_no_harm),
    };
    return cmocka_run_group_tests_name("session_frames", tests, NULL, NULL);
}
