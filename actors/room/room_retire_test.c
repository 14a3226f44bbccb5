#include "room_fixture.h"

static void
refuse_appends(fixture_t *f, store_fault_t fault)
{
    msg_persistence_append_refused_t body = {.epoch = fixture_room(f)->epoch, .fault = fault};
    tell_room(f, MSG_PERSISTENCE_APPEND_REFUSED, &body);
}

static void
a_room_whose_lease_another_has_taken_ends_everything_and_itself(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    join_at(f, 6, "bob", 500, 500);
    move(f, ann, 1, 501, 500);
    move(f, ann, 2, 502, 500);
    refuse_appends(f, STORE_FAULT_STALE_EPOCH);
    expect_refused(f, 1, ERROR_UNAVAILABLE);
    expect_refused(f, 2, ERROR_UNAVAILABLE);
    expect_end(f, 5, CLOSE_CODE_ROOM_CLOSED);
    expect_end(f, 6, CLOSE_CODE_ROOM_CLOSED);
    assert_null(fixture_room(f));
    none(f, MSG_PERSISTENCE_LOAD_ROOM); /* it does not fight for the lease */
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RETIRED, 0), 1);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RELOADS, 0), 0);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MEMBERS, 0), 0);
}

static void
who_comes_after_that_finds_a_new_room(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    int64_t version = peek(f).room_version;
    move(f, ann, 1, 501, 500);
    refuse_appends(f, STORE_FAULT_STALE_EPOCH);
    forget(f, MSG_PERSISTENCE_APPEND);
    ask_join_back(f, 6, "ann", version, 0);
    loaded(f, 3); /* 2 was the other owner's */
    member_loaded(f, 1, 7, 510, 500);
    joined(f, 6, FORMAT_MSGPACK);
    assert_true(f->welcome.has_snapshot);
    assert_true(f->welcome.chats_lost);
    assert_true(f->welcome.room_version > version);
    assert_int_equal(f->welcome.last_action_id, 7);
}

static void
any_other_refusal_only_makes_it_load_again(void **state)
{
    fixture_t *f = *state;
    static const store_fault_t faults[] = {STORE_FAULT_LEASE_UNKNOWN, STORE_FAULT_GAP, STORE_FAULT_FULL,
                                           STORE_FAULT_UNAVAILABLE, STORE_FAULT_NOT_FOUND};
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        sim_advance(f->sim, 6 * ACT_SEC);
        move(f, ann, 1, 501, 500);
        refuse_appends(f, faults[i]);
        expect_refused(f, 1, ERROR_UNAVAILABLE);
        loaded(f, (int64_t)i + 2);
        member_loaded(f, 0, 0, 500, 500);
        assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    }
    none(f, MSG_GATEWAY_END);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RETIRED, 0), 0);
}

/* An answer is due still: the state stays until it has come, and says no to everybody meanwhile. */
static void
a_room_that_cannot_go_yet_refuses_what_comes(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    chat(f, ann, 3, "hello");
    chat(f, ann, 2, "hello"); /* is looked up */
    ask_join(f, 6, "bob");    /* is loaded */
    refuse_appends(f, STORE_FAULT_STALE_EPOCH);
    expect_refused(f, 3, ERROR_UNAVAILABLE);
    expect_end(f, 5, CLOSE_CODE_ROOM_CLOSED);
    expect_join_refused(f, 6, ERROR_UNAVAILABLE);
    assert_non_null(fixture_room(f));
    ask_join(f, 7, "cyd");
    expect_join_refused(f, 7, ERROR_UNAVAILABLE);
    move(f, ann, 4, 501, 500);
    expect_end(f, 99, CLOSE_CODE_SESSION_ENDED);
    leave(f, 5, ann);
    sim_tell(f->sim, MSG_ROOM_MUTE, ROOM, &(msg_room_mute_t){.character_id = "ann"});
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    assert_int_equal(peek(f).members, 0);
    refuse_appends(f, STORE_FAULT_STALE_EPOCH);
    commit(f, 1, 1);
    member_loaded(f, 0, 0, 500, 500); /* bob's: nobody waits for it */
    none(f, MSG_ROOM_JOINED);
    assert_non_null(fixture_room(f));
    sim_advance(f->sim, 5 * ACT_SEC); /* the other answer never comes */
    assert_null(fixture_room(f));
    none(f, MSG_GATEWAY_REFUSED);
    none(f, MSG_GATEWAY_ACK);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RETIRED, 0), 1);
}

/* All of it is delivered before the room's flush: none of it may keep the room, or be left without an answer. */
static void
what_comes_in_the_same_batch_is_answered_and_does_not_keep_it(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    move(f, ann, 1, 501, 500);
    forget(f, MSG_PERSISTENCE_APPEND);
    room_t *room = fixture_room(f);
    act_ctx_t *ctx = sim_ctx(f->sim, ACT_KIND_ROOM, ROOM);
    act_addr_t gateway = room->gateways[0].addr;
    msg_persistence_append_refused_t refused = {.epoch = 1, .fault = STORE_FAULT_STALE_EPOCH};
    msg_room_move_t late = {.connection = 5, .member = ann, .action_id = 2, .x = 502, .y = 500};
    const msg_t batch[] = {{.type = MSG_PERSISTENCE_APPEND_REFUSED, .from = gateway, .body = &refused},
                           {.type = MSG_ROOM_MOVE, .from = gateway, .body = &late}};
    for (size_t i = 0; i < sizeof batch / sizeof *batch; i++) {
        room_kind.receive(room, ctx, &batch[i]);
    }
    act_leave(ctx);
    sim_run(f->sim);
    expect_refused(f, 1, ERROR_UNAVAILABLE);
    expect_end(f, 5, CLOSE_CODE_ROOM_CLOSED);
    expect_end(f, 5, CLOSE_CODE_SESSION_ENDED); /* a connection that has been told already */
    assert_null(fixture_room(f));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_room_whose_lease_another_has_taken_ends_everything_and_itself),
        TEST(who_comes_after_that_finds_a_new_room),
        TEST(any_other_refusal_only_makes_it_load_again),
        TEST(a_room_that_cannot_go_yet_refuses_what_comes),
        TEST(what_comes_in_the_same_batch_is_answered_and_does_not_keep_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
