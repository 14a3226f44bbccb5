/* A room goes to another owner: clients notice nothing. The owners are played by the test, in slots of their own. */
#include "gateway_fixture.h"
#include "state.h"

enum { OLD = 1, NEW = 2 };

static act_addr_t
room_at(uint32_t node)
{
    act_addr_t addr = {.node = node, .kind = ACT_KIND_ROOM};
    snprintf(addr.key, sizeof(addr.key), "plaza/main");
    return addr;
}

/* What the room at `node` says to the gateway. */
static void
room_says(house_t *house, uint32_t node, msg_type_t type, const void *body)
{
    act_addr_t from = room_at(node), to = act_self(house->ctx);
    sim_send_as(house->sim, &from, &to, type, body);
}

/* Lets in who asked last at `node`. */
static void
room_lets_in(house_t *house, uint32_t node, int64_t member, bool welcome)
{
    const msg_t *ask = sim_take(house->sim, MSG_ROOM_JOIN);
    assert_non_null(ask);
    assert_int_equal(sim_taken_to(house->sim).node, node);
    const msg_room_join_t *join = ask->body;
    msg_room_joined_t joined = {.connection = join->connection, .member = member, .has_welcome = welcome};
    assert_true((join->has_moved && join->moved) == !welcome);
    joined.welcome = welcome ? blob_new("{\"welcome\":1}", 13) : NULL;
    act_addr_t from = room_at(node);
    sim_reply_as(house->sim, &from, ask, MSG_ROOM_JOINED, &joined);
    if (welcome) {
        blob_release(&joined.welcome);
    }
}

static void
room_refuses_moved(house_t *house, uint32_t node)
{
    const msg_t *ask = sim_take(house->sim, MSG_ROOM_JOIN);
    assert_non_null(ask);
    const msg_room_join_t *join = ask->body;
    msg_room_refused_t refused = {
        .connection = join->connection, .code = ERROR_UNAVAILABLE, .has_moved = true, .moved = true};
    act_addr_t from = room_at(node);
    sim_reply_as(house->sim, &from, ask, MSG_ROOM_REFUSED, &refused);
}

static peer_t *
peer_in(house_t *house, const char *session_id, int64_t member)
{
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_enter(house, peer, session_id, "plaza/main", ROLE_PLAYER);
    room_lets_in(house, OLD, member, true);
    assert_heard(house, peer, "{\"welcome\":1}");
    return peer;
}

static void
room_moving(house_t *house)
{
    room_says(house, OLD, MSG_GATEWAY_ROOM_MOVING, &(msg_gateway_room_moving_t){.room = "plaza/main"});
}

static void
room_moved(house_t *house)
{
    room_says(house, OLD, MSG_GATEWAY_ROOM_MOVED, &(msg_gateway_room_moved_t){.room = "plaza/main", .node = NEW});
}

static void
expect_move(house_t *house, uint32_t node, int64_t member, int64_t action_id)
{
    const msg_t *msg = sim_take(house->sim, MSG_ROOM_MOVE);
    assert_non_null(msg);
    const msg_room_move_t *move = msg->body;
    assert_int_equal(sim_taken_to(house->sim).node, node);
    assert_int_equal(move->member, member);
    assert_int_equal(move->action_id, action_id);
}

static void
what_is_said_while_the_room_moves_is_kept_back_and_goes_to_its_new_owner_in_order(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}");
    expect_move(house, OLD, 7, 1);
    room_moving(house);
    assert_non_null(sim_take(house->sim, MSG_ROOM_PARTED));
    assert_int_equal(sim_taken_to(house->sim).node, OLD);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":2,\"x\":1,\"y\":1}");
    peer_say(house, peer, "{\"type\":\"intent.chat\",\"actionId\":3,\"text\":\"hello\"}");
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":4,\"x\":1,\"y\":1}");
    assert_null(sim_take(house->sim, MSG_ROOM_MOVE));
    /* The ack of what was said before still comes. */
    room_says(house, OLD, MSG_GATEWAY_ACK,
              &(msg_gateway_ack_t){.connection = (int64_t)peer->handle, .action_id = 1, .sequence = 1});
    assert_heard(house, peer, "event.ack");
    room_moved(house);
    room_lets_in(house, NEW, 9, false);
    expect_move(house, NEW, 9, 2);
    const msg_t *chat = sim_take(house->sim, MSG_ROOM_CHAT);
    assert_non_null(chat);
    assert_string_equal(((const msg_room_chat_t *)chat->body)->text, "hello");
    expect_move(house, NEW, 9, 4);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":5,\"x\":1,\"y\":1}");
    expect_move(house, NEW, 9, 5);
    assert_silent(house, peer);
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_int_equal(sim_taken_to(house->sim).node, NEW);
}

static void
the_join_says_again_who_it_is(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    room_moved(house);
    const msg_t *ask = sim_take(house->sim, MSG_ROOM_JOIN);
    assert_non_null(ask);
    const msg_room_join_t *join = ask->body;
    assert_int_equal(join->connection, peer->handle);
    assert_string_equal(join->session_id, "s1");
    assert_string_equal(join->character_id, "c1");
    assert_string_equal(join->name, "Ann");
    assert_true(join->moved);
    assert_false(join->has_room_version);
    peer_gone(house, &peer);
}

static void
who_leaves_meanwhile_leaves_after_what_it_has_said(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}");
    peer_say(house, peer, "{\"type\":\"session.leave\"}");
    room_moved(house);
    assert_null(sim_take(house->sim, MSG_ADMISSION_LEAVE));
    room_lets_in(house, NEW, 9, false);
    expect_move(house, NEW, 9, 1);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", "s1", TURN);
    assert_closed(peer, CLOSE_CODE_LEFT);
    peer_gone(house, &peer);
}

static void
who_has_left_meanwhile_and_closes_gives_up_its_seat(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}");
    peer_say(house, peer, "{\"type\":\"session.leave\"}");
    peer_gone(house, &peer); /* as a client does that has said it */
    assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", "s1", TURN);
    assert_null(sim_take(house->sim, MSG_ADMISSION_DROP));
    room_moved(house);
    assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
}

static void
who_has_left_meanwhile_has_left_when_the_room_does_not_arrive(void **state)
{
    house_t *house = *state;
    for (int asked = 0; asked < 2; asked++) {
        peer_t *peer = peer_in(house, "s1", 7);
        room_moving(house);
        peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}");
        peer_say(house, peer, "{\"type\":\"session.leave\"}");
        if (asked) {
            room_moved(house);
        }
        sim_advance(house->sim, GATEWAY_MOVE_USEC + GATEWAY_MOVE_LOOK_USEC);
        assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", "s1", TURN);
        assert_null(sim_take(house->sim, MSG_ADMISSION_DROP));
        peer_hear(house, peer);
        assert_closed(peer, CLOSE_CODE_LEFT);
        peer_gone(house, &peer);
    }
}

static void
who_drops_meanwhile_does_not_follow(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}");
    peer_gone(house, &peer);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    assert_null(sim_take(house->sim, MSG_ROOM_LEAVE)); /* it has parted: nothing comes after that */
    room_moved(house);
    assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
}

static void
who_comes_meanwhile_is_asked_for_at_the_new_owner(void **state)
{
    house_t *house = *state;
    peer_t *first = peer_in(house, "s1", 7);
    room_moving(house);
    peer_t *second = peer_open(house, CODEC_JSON);
    peer_enter(house, second, "s2", "plaza/main", ROLE_PLAYER);
    assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
    room_moved(house);
    room_lets_in(house, NEW, 9, false);
    sim_advance(house->sim, GATEWAY_MOVE_LOOK_USEC);
    room_lets_in(house, NEW, 10, true);
    assert_heard(house, second, "{\"welcome\":1}");
    peer_gone(house, &first);
    peer_gone(house, &second);
}

static void
an_owner_that_sends_on_is_asked_again_until_the_room_has_arrived(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    room_moved(house);
    for (int i = 0; i < 5; i++) {
        room_refuses_moved(house, i == 0 ? NEW : OLD); /* then who owns it by the gateway's own view */
        assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
        sim_advance(house->sim, GATEWAY_MOVE_LOOK_USEC);
    }
    const msg_t *ask = sim_take(house->sim, MSG_ROOM_JOIN);
    assert_non_null(ask);
    assert_int_equal(sim_taken_to(house->sim).node, OLD);
    assert_silent(house, peer);
    peer_gone(house, &peer);
}

static void
a_room_that_does_not_arrive_closes_its_sessions(void **state)
{
    house_t *house = *state;
    peer_t *parted = peer_in(house, "s1", 7);
    room_moving(house);
    sim_advance(house->sim, GATEWAY_MOVE_USEC + GATEWAY_MOVE_LOOK_USEC);
    assert_closed(parted, CLOSE_CODE_ROOM_CLOSED);
    peer_gone(house, &parted);
    sim_take(house->sim, MSG_ADMISSION_DROP);
    peer_t *asked = peer_in(house, "s2", 8);
    room_moving(house);
    room_moved(house);
    sim_advance(house->sim, GATEWAY_MOVE_USEC + GATEWAY_MOVE_LOOK_USEC);
    peer_hear(house, asked);
    assert_closed(asked, CLOSE_CODE_ROOM_CLOSED);
    peer_gone(house, &asked);
}

static void
a_session_is_kept_waiting_for_five_seconds_in_all(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    sim_advance(house->sim, GATEWAY_MOVE_USEC - 2 * GATEWAY_MOVE_LOOK_USEC);
    room_moved(house);
    sim_advance(house->sim, 2 * ACT_SEC);
    assert_int_equal(peer->close_code, 0);
    sim_advance(house->sim, 3 * GATEWAY_MOVE_LOOK_USEC);
    peer_hear(house, peer);
    assert_closed(peer, CLOSE_CODE_ROOM_CLOSED);
    peer_gone(house, &peer);
}

static void
a_room_whose_process_is_gone_closes_its_sessions_and_no_others(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    sim_set_home(house->sim, ACT_KIND_ROOM, 0);
    peer_t *other = peer_join(house, CODEC_JSON, "s2", "plaza/other", 3);
    sim_node(house->sim, NEW, SIM_NODE_OUT);
    assert_int_equal(peer->close_code, 0);
    sim_node(house->sim, OLD, SIM_NODE_OUT);
    assert_closed(peer, CLOSE_CODE_ROOM_CLOSED);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    assert_int_equal(other->close_code, 0);
    peer_gone(house, &peer);
    peer_gone(house, &other);
}

static void
what_an_owner_before_still_says_is_not_passed_on(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    room_moved(house);
    room_lets_in(house, NEW, 9, false);
    msg_gateway_delta_t delta = {.room = "plaza/main", .has_json = true, .json = blob_new("{\"delta\":1}", 11)};
    room_says(house, OLD, MSG_GATEWAY_DELTA, &delta);
    assert_non_null(sim_take(house->sim, MSG_ROOM_ABSENT)); /* that none of its members is here it can know */
    assert_int_equal(sim_taken_to(house->sim).node, OLD);
    room_says(house, OLD, MSG_GATEWAY_END,
              &(msg_gateway_end_t){.connection = (int64_t)peer->handle, .close = CLOSE_CODE_SESSION_ENDED});
    assert_silent(house, peer);
    room_moving(house); /* nor does it take it along once more */
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":5,\"x\":1,\"y\":1}");
    expect_move(house, NEW, 9, 5);
    room_says(house, NEW, MSG_GATEWAY_DELTA, &delta);
    assert_heard(house, peer, "{\"delta\":1}");
    assert_null(sim_take(house->sim, MSG_ROOM_ABSENT));
    blob_release(&delta.json);
    peer_gone(house, &peer);
}

static void
what_is_kept_back_is_bounded(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_in(house, "s1", 7);
    room_moving(house);
    for (int i = 1; i <= GATEWAY_HELD_CAP; i++) {
        char intent[96];
        snprintf(intent, sizeof(intent), "{\"type\":\"intent.move\",\"actionId\":%d,\"x\":1,\"y\":1}", i);
        peer_say(house, peer, intent);
    }
    assert_silent(house, peer);
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":999,\"x\":1,\"y\":1}");
    assert_heard(house, peer, "OVERLOADED");
    room_moved(house);
    room_lets_in(house, NEW, 9, false);
    for (int i = 1; i <= GATEWAY_HELD_CAP; i++) {
        expect_move(house, NEW, 9, i);
    }
    assert_null(sim_take(house->sim, MSG_ROOM_MOVE));
    peer_gone(house, &peer);
}

static int
setup(void **state)
{
    char *flags[] = {"playhouse", "--gateway.moves_per_second=1000", NULL};
    house_t *house = *state = house_new(flags);
    sim_set_home(house->sim, ACT_KIND_ROOM, OLD);
    return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_said_while_the_room_moves_is_kept_back_and_goes_to_its_new_owner_in_order),
        TEST(the_join_says_again_who_it_is),
        TEST(who_leaves_meanwhile_leaves_after_what_it_has_said),
        TEST(who_has_left_meanwhile_and_closes_gives_up_its_seat),
        TEST(who_has_left_meanwhile_has_left_when_the_room_does_not_arrive),
        TEST(who_drops_meanwhile_does_not_follow),
        TEST(who_comes_meanwhile_is_asked_for_at_the_new_owner),
        TEST(an_owner_that_sends_on_is_asked_again_until_the_room_has_arrived),
        TEST(a_room_that_does_not_arrive_closes_its_sessions),
        TEST(a_session_is_kept_waiting_for_five_seconds_in_all),
        TEST(a_room_whose_process_is_gone_closes_its_sessions_and_no_others),
        TEST(what_an_owner_before_still_says_is_not_passed_on),
        TEST(what_is_kept_back_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
