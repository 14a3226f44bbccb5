#include "gateway_fixture.h"

static void
intents_before_the_join_are_refused_with_their_action_id(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":5,\"x\":1,\"y\":1}");
    assert_heard(house, peer, "\"code\":\"NOT_JOINED\"");
    assert_non_null(strstr(peer->heard, "\"actionId\":5"));
    assert_non_null(strstr(peer->heard, "\"traceId\":\""));
    assert_int_equal(house_kept(house), 0);
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
}

static void
a_silent_connection_is_closed_after_the_join_time_and_not_before(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    sim_advance(house->sim, 9900 * ACT_MSEC);
    assert_silent(house, peer);
    sim_advance(house->sim, 700 * ACT_MSEC);
    assert_heard(house, peer, "NOT_JOINED");
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_NOT_JOINED]);
    assert_int_equal(sim_metric(house->sim, METRIC_CLOSES, CLOSE_CODE_NOT_JOINED), 1);
    peer_gone(house, &peer);
}

static void
intents_become_messages_to_the_room_and_acks_come_back(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_say(house, peer,
             "[{\"type\":\"intent.move\",\"actionId\":1,\"x\":2.5,\"y\":3},"
             "{\"type\":\"intent.chat\",\"actionId\":2,\"text\":\"hello\"},"
             "{\"type\":\"intent.action\",\"actionId\":3,\"action\":\"give\",\"itemId\":\"i1\",\"targetId\":\"c2\"}]");
    const msg_t *msg = sim_take(house->sim, MSG_ROOM_MOVE);
    assert_non_null(msg);
    assert_string_equal(msg->key, "plaza/main");
    const msg_room_move_t *move = msg->body;
    assert_true(move->member == 7 && move->action_id == 1 && move->x == 2.5 && move->y == 3);
    act_addr_t gateway = msg->from;
    const msg_room_chat_t *chat = sim_take(house->sim, MSG_ROOM_CHAT)->body;
    assert_true(chat->member == 7 && chat->action_id == 2 && strcmp(chat->text, "hello") == 0);
    const msg_room_action_t *action = sim_take(house->sim, MSG_ROOM_ACTION)->body;
    assert_true(action->action == ITEM_ACTION_GIVE && action->has_target_id && strcmp(action->target_id, "c2") == 0);
    sim_advance(house->sim, 3 * ACT_MSEC);
    msg_gateway_ack_t ack = {.connection = (int64_t)peer->handle, .action_id = 1, .sequence = 9, .room_version = 77};
    sim_send_to(house->sim, &gateway, MSG_GATEWAY_ACK, &ack);
    msg_gateway_refused_t refused = {.connection = (int64_t)peer->handle, .action_id = 3, .code = ERROR_TOO_FAR};
    sim_send_to(house->sim, &gateway, MSG_GATEWAY_REFUSED, &refused);
    assert_heard(house, peer, "[{\"type\":\"event.ack\",\"actionId\":1,\"sequence\":9,\"roomVersion\":77},{");
    assert_non_null(strstr(peer->heard, "\"code\":\"TOO_FAR\""));
    assert_non_null(strstr(peer->heard, "\"actionId\":3"));
    assert_int_equal(sim_metric(house->sim, METRIC_MESSAGES_REFUSED, ERROR_TOO_FAR), 1);
    assert_int_equal(sim_metric(house->sim, METRIC_FRAMES_OUT, 0), 2);
    peer_gone(house, &peer);
}

static void
what_is_over_the_rate_is_told_how_long_to_wait_and_waiting_helps(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    for (int i = 0; i < 5; i++) {
        peer_say(house, peer, "{\"type\":\"intent.chat\",\"actionId\":1,\"text\":\"x\"}");
        assert_non_null(sim_take(house->sim, MSG_ROOM_CHAT));
    }
    peer_say(house, peer, "{\"type\":\"intent.chat\",\"actionId\":6,\"text\":\"x\"}");
    assert_null(sim_take(house->sim, MSG_ROOM_CHAT));
    assert_heard(house, peer, "RATE_LIMITED");
    assert_non_null(strstr(peer->heard, "\"retryAfterMs\":200"));
    assert_non_null(strstr(peer->heard, "\"actionId\":6"));
    sim_advance(house->sim, 200 * ACT_MSEC);
    peer_say(house, peer, "{\"type\":\"intent.chat\",\"actionId\":6,\"text\":\"x\"}");
    assert_non_null(sim_take(house->sim, MSG_ROOM_CHAT));
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":7,\"x\":1,\"y\":1}");
    assert_non_null(sim_take(house->sim, MSG_ROOM_MOVE)); /* moves have their own */
    peer_gone(house, &peer);
}

static void
a_spectator_sees_and_may_not_act(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter(house, peer, "s1", "plaza/main", ROLE_SPECTATOR);
    msg_room_joined_t joined = {
        .connection = (int64_t)peer->handle, .member = 3, .has_welcome = true, .welcome = blob_new("{}", 2)};
    sim_reply(house->sim, sim_take(house->sim, MSG_ROOM_JOIN), MSG_ROOM_JOINED, &joined);
    blob_release(&joined.welcome);
    assert_heard(house, peer, "{}");
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":7,\"x\":1,\"y\":1}");
    assert_heard(house, peer, "FORBIDDEN");
    assert_int_equal(house_kept(house), 0);
    peer_gone(house, &peer);
}

static void
a_full_room_mailbox_is_told_as_overloaded(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    sim_set_full(house->sim, ACT_KIND_ROOM, true);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":7,\"x\":1,\"y\":1}");
    assert_heard(house, peer, "OVERLOADED");
    assert_non_null(strstr(peer->heard, "\"transient\":true"));
    sim_set_full(house->sim, ACT_KIND_ROOM, false);
    peer_gone(house, &peer);
}

static void
leaving_frees_room_and_seat_at_once_and_the_rest_of_the_frame_is_not_read(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_say(house, peer, "[{\"type\":\"session.leave\"},{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}]");
    assert_closed(peer, CLOSE_CODE_LEFT);
    assert_int_equal(((const msg_room_leave_t *)sim_take(house->sim, MSG_ROOM_LEAVE)->body)->member, 7);
    assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", "s1", TURN);
    assert_int_equal(house_kept(house), 0);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0); /* once */
}

static void
a_dropped_connection_leaves_its_room_and_its_handle_is_never_used_again(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    uint64_t old = peer->handle;
    peer_gone(house, &peer);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    peer = peer_join(house, CODEC_JSON, "s2", "plaza/main", 8);
    assert_int_equal(peer->handle & GATEWAY_SLOT_MASK, old & GATEWAY_SLOT_MASK);
    assert_int_not_equal(peer->handle, old);
    assert_true(peer->handle < UINT64_C(1) << 53);
    msg_gateway_ack_t ack = {.connection = (int64_t)old, .action_id = 1, .sequence = 9, .room_version = 77};
    assert_true(sim_tell(house->sim, MSG_GATEWAY_ACK, "", &ack));
    assert_silent(house, peer);
    peer_gone(house, &peer);
}

static void
connections_are_bounded_in_all_and_by_address(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.connections_max=3", "--gateway.address_max=2", NULL};
    house_t *house = house_new(flags);
    peer_t *a = peer_open_from(house, CODEC_JSON, 1), *b = peer_open_from(house, CODEC_JSON, 1);
    peer_t *refused = peer_open_from(house, CODEC_JSON, 1);
    assert_int_equal(refused->handle, 0);
    free(refused);
    peer_t *c = peer_open_from(house, CODEC_JSON, 2);
    assert_int_not_equal(c->handle, 0);
    refused = peer_open_from(house, CODEC_JSON, 3);
    assert_int_equal(refused->handle, 0);
    free(refused);
    peer_gone(house, &a);
    a = peer_open_from(house, CODEC_JSON, 1);
    assert_int_not_equal(a->handle, 0);
    peer_gone(house, &a);
    peer_gone(house, &b);
    peer_gone(house, &c);
    house_destroy(house);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(intents_before_the_join_are_refused_with_their_action_id),
        TEST(a_silent_connection_is_closed_after_the_join_time_and_not_before),
        TEST(intents_become_messages_to_the_room_and_acks_come_back),
        TEST(what_is_over_the_rate_is_told_how_long_to_wait_and_waiting_helps),
        TEST(a_spectator_sees_and_may_not_act),
        TEST(a_full_room_mailbox_is_told_as_overloaded),
        TEST(leaving_frees_room_and_seat_at_once_and_the_rest_of_the_frame_is_not_read),
        TEST(a_dropped_connection_leaves_its_room_and_its_handle_is_never_used_again),
        cmocka_unit_test(connections_are_bounded_in_all_and_by_address),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
