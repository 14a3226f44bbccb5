/* A room goes to another owner, and what it does when processes around it are gone. Slots 0 and 1 run rooms; gateways
 * and the store are the tester's, gateways in slots of their own. */
#include "room_fixture.h"
#include "sim_test_helpers.h"

enum { GATE_A = 5, GATE_B = 6, STORE = 4 };

static int
setup(void **state)
{
    fixture_setup(state);
    fixture_t *f = *state;
    sim_add_on(f->sim, 1, &room_kind, &f->config);
    sim_node(f->sim, 1, SIM_NODE_OUT);
    return 0;
}

static act_addr_t
gate(uint32_t node)
{
    return (act_addr_t){.node = node, .kind = ACT_KIND_GATEWAY};
}

static act_addr_t
room_at(uint32_t slot)
{
    act_addr_t addr = {.node = slot, .kind = ACT_KIND_ROOM};
    snprintf(addr.key, sizeof addr.key, ROOM);
    return addr;
}

static room_t *
room_in(fixture_t *f, uint32_t slot)
{
    return sim_state_on(f->sim, slot, ACT_KIND_ROOM, ROOM);
}

static void
join_from(fixture_t *f, uint32_t node, uint32_t slot, int64_t connection, const char *character, bool moved)
{
    act_addr_t from = gate(node), to = room_at(slot);
    msg_room_join_t join = {
        .connection = connection, .role = ROLE_PLAYER, .format = FORMAT_MSGPACK, .has_moved = moved, .moved = moved};
    snprintf(join.session_id, sizeof join.session_id, "s%d", (int)connection);
    snprintf(join.character_id, sizeof join.character_id, "%s", character);
    snprintf(join.name, sizeof join.name, "%s", character);
    sim_ask_as(f->sim, &from, &to, MSG_ROOM_JOIN, &join, 10 * ACT_SEC, (uint64_t)connection);
}

static int64_t
member_from(fixture_t *f, uint32_t node, int64_t connection, const char *character)
{
    join_from(f, node, 0, connection, character, false);
    member_loaded(f, 0, 0, 500, 500);
    return joined(f, connection, FORMAT_MSGPACK);
}

static void
says(fixture_t *f, uint32_t node, uint32_t slot, msg_type_t type, const void *body)
{
    act_addr_t from = gate(node), to = room_at(slot);
    sim_send_as(f->sim, &from, &to, type, body);
}

static void
moves(fixture_t *f, uint32_t node, int64_t member, int64_t action_id)
{
    msg_room_move_t body = {.connection = 5, .member = member, .action_id = action_id, .x = 501, .y = 500};
    says(f, node, 0, MSG_ROOM_MOVE, &body);
}

static void
parted(fixture_t *f, uint32_t node)
{
    says(f, node, 0, MSG_ROOM_PARTED, &(msg_room_parted_t){0});
}

static void
expect_moving(fixture_t *f, uint32_t node)
{
    const msg_gateway_room_moving_t *body = sim_expect(f->sim, MSG_GATEWAY_ROOM_MOVING)->body;
    assert_string_equal(body->room, ROOM);
    assert_int_equal(sim_taken_to(f->sim).node, node);
}

static void
expect_moved(fixture_t *f, uint32_t node, uint32_t owner)
{
    const msg_gateway_room_moved_t *body = sim_expect(f->sim, MSG_GATEWAY_ROOM_MOVED)->body;
    assert_string_equal(body->room, ROOM);
    assert_int_equal(body->node, owner);
    assert_int_equal(sim_taken_to(f->sim).node, node);
}

/* Slot 1 owns the room from now on; slot 0 is reached. */
static void
hand_over(fixture_t *f)
{
    sim_node(f->sim, 1, SIM_NODE_IN);
    sim_node(f->sim, 0, SIM_NODE_LEAVING);
}

/* The fixture's `loaded` answers for the oldest load_room. */
static void
a_room_goes_when_all_have_parted_and_everything_is_settled(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = member_from(f, GATE_A, 5, "ann");
    member_from(f, GATE_B, 6, "bob");
    settle(f);
    moves(f, GATE_A, ann, 1);
    hand_over(f);
    expect_moving(f, GATE_A);
    expect_moving(f, GATE_B);
    moves(f, GATE_A, ann, 2); /* it has not parted yet: so this is done here */
    parted(f, GATE_A);
    commit(f, 1, 2);
    expect_ack(f, 1, 1);
    expect_ack(f, 2, 2);
    sim_expect_none(f->sim, MSG_GATEWAY_ROOM_MOVED);
    forget(f, MSG_GATEWAY_DELTA);
    parted(f, GATE_B);
    expect_moved(f, GATE_A, 1);
    expect_moved(f, GATE_B, 1);
    sim_expect_none(f->sim, MSG_GATEWAY_END);
    sim_expect_none(f->sim, MSG_GATEWAY_REFUSED);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MOVES, ROOM_MOVE_END_WHOLE), 1);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MEMBERS, 0), 0);
    sim_advance(f->sim, 4 * ACT_SEC);
    assert_null(room_in(f, 0));
}

static void
the_last_delta_leaves_before_the_room_does(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = member_from(f, GATE_A, 5, "ann");
    settle(f);
    msg_room_chat_t said = {.connection = 5, .member = ann, .action_id = 1, .text = "so long"};
    says(f, GATE_A, 0, MSG_ROOM_CHAT, &said);
    hand_over(f);
    parted(f, GATE_A);
    forget(f, MSG_GATEWAY_DELTA);
    commit(f, 1, 1);
    delta_next(f);
    assert_int_equal(f->delta.chats_len, 1);
    expect_moved(f, GATE_A, 1);
}

static void
the_new_owner_waits_for_the_word_of_the_one_before_and_then_for_its_members(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    member_from(f, GATE_A, 6, "bob");
    settle(f);
    hand_over(f);
    join_from(f, GATE_B, 1, 7, "cat", false); /* it comes before those that are on their way */
    if (room_in(f, 1)->phase == ROOM_HERE) {
        fail_msg("it has not asked");
    }
    sim_expect_none(f->sim, MSG_PERSISTENCE_LOAD_ROOM);
    parted(f, GATE_A);
    expect_moved(f, GATE_A, 1);
    loaded(f, 2);
    member_loaded(f, 0, 0, 500, 500);
    joined(f, 7, FORMAT_MSGPACK);
    sim_advance(f->sim, 100 * ACT_MSEC);
    sim_expect_none(f->sim, MSG_GATEWAY_DELTA);
    join_from(f, GATE_A, 1, 5, "ann", true);
    member_loaded(f, 3, 4, 500, 500);
    const msg_room_joined_t *back = take(f, MSG_ROOM_JOINED)->body;
    assert_int_equal(back->connection, 5);
    assert_false(back->has_welcome);
    join_from(f, GATE_A, 1, 6, "bob", true);
    member_loaded(f, 3, 4, 500, 500);
    forget(f, MSG_ROOM_JOINED);
    sim_run(f->sim);
    delta_next(f);
    assert_true(f->delta.full);
    assert_int_equal(f->delta.members_len, 3);
}

static void
members_that_do_not_arrive_are_not_waited_for_long(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    settle(f);
    hand_over(f);
    parted(f, GATE_A);
    join_from(f, GATE_B, 1, 7, "cat", false);
    join_from(f, GATE_B, 1, 8, "dan", false);
    loaded(f, 2);
    member_loaded(f, 0, 0, 500, 500);
    joined(f, 7, FORMAT_MSGPACK);
    sim_advance(f->sim, (ROOM_GATHER_MSEC + 100) * ACT_MSEC);
    delta_next(f);
    assert_true(f->delta.full);
}

static void
an_owner_before_that_says_nothing_is_waited_for_only_so_long(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    settle(f);
    hand_over(f);
    join_from(f, GATE_B, 1, 7, "cat", false);
    sim_node_crash(f->sim, 0);
    sim_advance(f->sim, (ROOM_YIELD_MSEC - 100) * ACT_MSEC);
    sim_expect_none(f->sim, MSG_PERSISTENCE_LOAD_ROOM);
    sim_advance(f->sim, 200 * ACT_MSEC);
    loaded(f, 2);
}

static void
an_owner_before_that_is_known_to_be_gone_is_not_waited_for(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    hand_over(f);
    join_from(f, GATE_B, 1, 7, "cat", false);
    forget(f, MSG_PERSISTENCE_LOAD_ROOM);
    sim_node_crash(f->sim, 0);
    sim_node(f->sim, 0, SIM_NODE_OUT);
    assert_int_equal(room_in(f, 1)->phase, ROOM_HERE);
}

static void
a_gateway_that_does_not_part_has_its_members_ended(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    member_from(f, GATE_B, 6, "bob");
    settle(f);
    hand_over(f);
    parted(f, GATE_A);
    sim_advance(f->sim, (ROOM_PARTING_MSEC + 100) * ACT_MSEC);
    expect_end(f, 6, CLOSE_CODE_ROOM_CLOSED);
    sim_expect_none(f->sim, MSG_GATEWAY_END);
    expect_moved(f, GATE_A, 1);
    sim_expect_none(f->sim, MSG_GATEWAY_ROOM_MOVED);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MOVES, ROOM_MOVE_END_TORN), 1);
}

static void
expect_sent_on(fixture_t *f, int64_t connection)
{
    const msg_room_refused_t *body = sim_expect(f->sim, MSG_ROOM_REFUSED)->body;
    assert_int_equal(body->connection, connection);
    assert_true(body->has_moved && body->moved);
}

static void
who_comes_while_it_goes_is_sent_on(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    join_from(f, GATE_A, 0, 6, "bob", false); /* is being loaded */
    hand_over(f);
    expect_sent_on(f, 6);
    join_from(f, GATE_A, 0, 7, "cat", false);
    expect_sent_on(f, 7);
    parted(f, GATE_A);
    join_from(f, GATE_A, 0, 8, "dan", false); /* it has gone */
    expect_sent_on(f, 8);
}

static void
a_room_that_the_next_owner_asks_for_goes_though_its_own_view_is_late(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    settle(f);
    sim_ask(f->sim, MSG_ROOM_YIELD, ROOM, &(msg_room_yield_t){0}, ACT_SEC, 1);
    expect_moving(f, GATE_A);
    sim_expect_none(f->sim, MSG_ROOM_YIELDED);
    parted(f, GATE_A);
    const msg_room_yielded_t *yielded = sim_expect(f->sim, MSG_ROOM_YIELDED)->body;
    assert_int_equal(yielded->members, 1);
    sim_expect(f->sim, MSG_GATEWAY_ROOM_MOVED);
}

static void
asks_for(fixture_t *f, uint32_t node)
{
    act_addr_t from = {.node = node, .kind = ACT_KIND_ROOM}, to = room_at(0);
    sim_ask_as(f->sim, &from, &to, MSG_ROOM_YIELD, &(msg_room_yield_t){0}, ACT_SEC, 1);
}

static void
expect_yielded(fixture_t *f, uint32_t node)
{
    sim_expect(f->sim, MSG_ROOM_YIELDED);
    assert_int_equal(sim_taken_to(f->sim).node, node);
}

static void
everybody_who_asks_while_it_goes_is_answered_when_it_has_gone(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    settle(f);
    asks_for(f, 2);
    asks_for(f, 3);
    sim_expect_none(f->sim, MSG_ROOM_YIELDED);
    parted(f, GATE_A);
    expect_yielded(f, 2);
    expect_yielded(f, 3);
    sim_expect_none(f->sim, MSG_ROOM_YIELDED);
    asks_for(f, 2);
    expect_yielded(f, 2);
}

static void
so_many_may_wait_for_a_room_and_then_the_first_need_not(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    settle(f);
    for (uint32_t i = 0; i <= ROOM_YIELDS_CAP; i++) {
        sim_expect_none(f->sim, MSG_ROOM_YIELDED);
        assert_int_equal(sim_metric(f->sim, METRIC_ROOM_YIELDS_EARLY, 0), 0);
        asks_for(f, 2 + i % 2);
    }
    expect_yielded(f, 2);
    sim_expect_none(f->sim, MSG_ROOM_YIELDED);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_YIELDS_EARLY, 0), 1);
    parted(f, GATE_A);
    for (uint32_t i = 1; i <= ROOM_YIELDS_CAP; i++) {
        expect_yielded(f, 2 + i % 2);
    }
}

static void
refuse_appends_stale(fixture_t *f)
{
    msg_persistence_append_refused_t body = {.epoch = 1, .fault = STORE_FAULT_STALE_EPOCH};
    tell_room(f, MSG_PERSISTENCE_APPEND_REFUSED, &body);
}

static void
who_asks_is_answered_when_the_lease_turns_out_to_be_anothers(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = member_from(f, GATE_A, 5, "ann");
    settle(f);
    moves(f, GATE_A, ann, 1);
    join_from(f, GATE_A, 0, 6, "bob", false); /* is loaded: so the room stays until that is answered */
    asks_for(f, 2);
    sim_expect_none(f->sim, MSG_ROOM_YIELDED);
    refuse_appends_stale(f);
    expect_yielded(f, 2);
    assert_non_null(room_in(f, 0));
    asks_for(f, 3);
    expect_yielded(f, 3);
}

static void
a_room_that_has_lost_its_lease_lets_go_at_once(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = member_from(f, GATE_A, 5, "ann");
    settle(f);
    moves(f, GATE_A, ann, 1);
    join_from(f, GATE_A, 0, 6, "bob", false);
    refuse_appends_stale(f);
    assert_non_null(room_in(f, 0));
    asks_for(f, 2);
    expect_yielded(f, 2);
    sim_expect_none(f->sim, MSG_GATEWAY_ROOM_MOVING);
}

static void
a_room_that_is_not_here_lets_go_at_once(void **state)
{
    fixture_t *f = *state;
    sim_node(f->sim, 1, SIM_NODE_IN);
    sim_node(f->sim, 0, SIM_NODE_LEAVING);
    act_addr_t from = {.node = 3, .kind = ACT_KIND_ROOM}, to = room_at(0);
    sim_ask_as(f->sim, &from, &to, MSG_ROOM_YIELD, &(msg_room_yield_t){0}, ACT_SEC, 1);
    const msg_room_yielded_t *yielded = sim_expect(f->sim, MSG_ROOM_YIELDED)->body;
    assert_int_equal(yielded->members, 0);
    sim_expect_none(f->sim, MSG_PERSISTENCE_LOAD_ROOM);
}

static void
a_room_that_is_not_its_own_by_its_view_waits_a_little_for_that_to_change(void **state)
{
    fixture_t *f = *state;
    sim_node(f->sim, 1, SIM_NODE_IN);
    sim_node(f->sim, 0, SIM_NODE_LEAVING);
    join_from(f, GATE_A, 0, 5, "ann", false);
    sim_expect_none(f->sim, MSG_PERSISTENCE_LOAD_ROOM);
    sim_advance(f->sim, ROOM_EXPECTED_MSEC * ACT_MSEC);
    loaded(f, 1); /* whoever has asked knows better */
    member_loaded(f, 0, 0, 500, 500);
    joined(f, 5, FORMAT_MSGPACK);
}

static void
members_of_a_gateway_that_is_gone_leave(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    member_from(f, GATE_B, 6, "bob");
    settle(f);
    sim_node(f->sim, GATE_B, SIM_NODE_OUT);
    sim_advance(f->sim, 100 * ACT_MSEC);
    delta_next(f);
    assert_int_equal(f->delta.left_len, 1);
    assert_string_equal(f->delta.left[0], "bob");
    assert_int_equal(fixture_room(f)->present_count, 1);
    sim_expect_none(f->sim, MSG_GATEWAY_END);
}

static void
a_gateway_that_was_hidden_only_begins_with_the_whole_again(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    settle(f);
    sim_split(f->sim, 0, GATE_A, true);
    sim_split(f->sim, 0, GATE_A, false);
    member_from(f, GATE_A, 6, "bob");
    sim_advance(f->sim, 100 * ACT_MSEC);
    delta_next(f);
    assert_true(f->delta.full);
}

static void
a_lease_that_another_has_had_since_is_taken_anew(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    act_addr_t from = gate(GATE_A), to = room_at(0);
    msg_room_join_t join = {.connection = 5, .has_moved = true, .moved = true, .has_epoch = true, .epoch = 1};
    snprintf(join.session_id, sizeof join.session_id, "s5");
    snprintf(join.character_id, sizeof join.character_id, "ann");
    snprintf(join.name, sizeof join.name, "ann");
    sim_ask_as(f->sim, &from, &to, MSG_ROOM_JOIN, &join, ACT_SEC, 1);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    join.epoch = 2;
    join.connection = 6;
    sim_ask_as(f->sim, &from, &to, MSG_ROOM_JOIN, &join, ACT_SEC, 1);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    loaded(f, 3);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
}

static void
who_a_gateway_does_not_know_leaves(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    member_from(f, GATE_A, 5, "ann");
    member_from(f, GATE_B, 6, "bob");
    says(f, GATE_A, 0, MSG_ROOM_ABSENT, &(msg_room_absent_t){0});
    assert_int_equal(fixture_room(f)->present_count, 1);
    assert_non_null(room_member_of(fixture_room(f), "bob"));
}

static void
a_room_stays_with_who_gave_its_lease_and_loads_again_when_that_is_gone(void **state)
{
    fixture_t *f = *state;
    act_addr_t store = {.node = STORE, .kind = ACT_KIND_PERSISTENCE, .thread = 3};
    sim_set_home(f->sim, ACT_KIND_PERSISTENCE, STORE);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    const msg_t *asked = take(f, MSG_PERSISTENCE_LOAD_ROOM);
    msg_persistence_room_loaded_t *body = calloc(1, sizeof *body);
    assert_non_null(body);
    body->epoch = 1;
    snprintf(body->room, sizeof body->room, ROOM);
    sim_reply_as(f->sim, &store, asked, MSG_PERSISTENCE_ROOM_LOADED, body);
    free(body);
    join_from(f, GATE_A, 0, 5, "ann", false);
    member_loaded(f, 0, 0, 500, 500);
    int64_t ann = joined(f, 5, FORMAT_MSGPACK);
    moves(f, GATE_A, ann, 1);
    sim_expect(f->sim, MSG_PERSISTENCE_APPEND);
    assert_int_equal(sim_taken_to(f->sim).node, STORE);
    assert_int_equal(sim_taken_to(f->sim).thread, 3);
    sim_set_home(f->sim, ACT_KIND_PERSISTENCE, 0);
    sim_node(f->sim, STORE, SIM_NODE_OUT);
    expect_refused(f, 1, ERROR_UNAVAILABLE);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    loaded(f, 2);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RELOADS, 0), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_room_goes_when_all_have_parted_and_everything_is_settled),
        TEST(the_last_delta_leaves_before_the_room_does),
        TEST(the_new_owner_waits_for_the_word_of_the_one_before_and_then_for_its_members),
        TEST(members_that_do_not_arrive_are_not_waited_for_long),
        TEST(an_owner_before_that_says_nothing_is_waited_for_only_so_long),
        TEST(an_owner_before_that_is_known_to_be_gone_is_not_waited_for),
        TEST(a_gateway_that_does_not_part_has_its_members_ended),
        TEST(who_comes_while_it_goes_is_sent_on),
        TEST(a_room_that_the_next_owner_asks_for_goes_though_its_own_view_is_late),
        TEST(everybody_who_asks_while_it_goes_is_answered_when_it_has_gone),
        TEST(so_many_may_wait_for_a_room_and_then_the_first_need_not),
        TEST(who_asks_is_answered_when_the_lease_turns_out_to_be_anothers),
        TEST(a_room_that_has_lost_its_lease_lets_go_at_once),
        TEST(a_room_that_is_not_here_lets_go_at_once),
        TEST(a_room_that_is_not_its_own_by_its_view_waits_a_little_for_that_to_change),
        TEST(members_of_a_gateway_that_is_gone_leave),
        TEST(a_gateway_that_was_hidden_only_begins_with_the_whole_again),
        TEST(a_lease_that_another_has_had_since_is_taken_anew),
        TEST(who_a_gateway_does_not_know_leaves),
        TEST(a_room_stays_with_who_gave_its_lease_and_loads_again_when_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
