#include "room_fixture.h"

static void
ended(fixture_t *f, int64_t connection)
{
    expect_end(f, connection, CLOSE_CODE_SESSION_ENDED);
}

static void
a_join_is_answered_with_the_whole_of_the_room(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    join_at(f, 5, "ann", 10, 20);
    assert_string_equal(f->welcome.session_id, "s5");
    assert_string_equal(f->welcome.character_id, "ann");
    assert_string_equal(f->welcome.room, ROOM);
    assert_string_equal(f->welcome.build, "test-build");
    assert_int_equal(f->welcome.snapshot.items_len, 24);
    assert_int_equal(f->welcome.snapshot.members_len, 1);
    assert_true(f->welcome.snapshot.members[0].x == 10 && f->welcome.snapshot.members[0].y == 20);
    assert_true(f->welcome.limits.speed == 250 && f->welcome.limits.reach == 60);
    assert_int_equal(f->welcome.limits.moves_per_second, 20);
    assert_int_equal(f->welcome.limits.chat_max, 280);
    assert_int_equal(f->welcome.room_version >> 32, 1);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MEMBERS, 0), 1);
}

static void
the_welcome_says_how_far_the_character_had_come(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join_as(f, 5, "ann", FORMAT_JSON, ROLE_PLAYER);
    member_loaded(f, 41, 77, 1, 2);
    joined(f, 5, FORMAT_JSON);
    assert_int_equal(f->welcome.sequence, 41);
    assert_int_equal(f->welcome.last_action_id, 77);
}

static void
who_stood_elsewhere_is_put_near_the_middle(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join(f, 5, "ann");
    const msg_t *msg = take(f, MSG_PERSISTENCE_LOAD_MEMBER);
    msg_persistence_member_loaded_t body = {.character_id = "ann", .has_room = true, .room = "plaza/main-2", .x = 1};
    sim_reply(f->sim, msg, MSG_PERSISTENCE_MEMBER_LOADED, &body);
    joined(f, 5, FORMAT_MSGPACK);
    const obj_member_view_t *me = &f->welcome.snapshot.members[0];
    assert_true(me->x >= 400 && me->x <= 600 && me->y >= 400 && me->y <= 600);
}

static void
the_same_join_again_has_the_same_answer(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t member = join_at(f, 5, "ann", 10, 20);
    ask_join(f, 5, "ann");
    assert_int_equal(joined(f, 5, FORMAT_MSGPACK), member);
    none(f, MSG_PERSISTENCE_LOAD_MEMBER);
    assert_int_equal(peek(f).members, 1);
    ask_join(f, 6, "bob"); /* twice while it loads: one member, one answer */
    ask_join(f, 6, "bob");
    member_loaded(f, 0, 0, 1, 1);
    joined(f, 6, FORMAT_MSGPACK);
    none(f, MSG_ROOM_JOINED);
    none(f, MSG_PERSISTENCE_LOAD_MEMBER);
    assert_int_equal(peek(f).members, 2);
}

static void
another_connection_of_the_character_takes_over(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t first = join_at(f, 5, "ann", 10, 20);
    ask_join(f, 6, "ann");
    ended(f, 5);
    member_loaded(f, 0, 0, 10, 20);
    int64_t second = joined(f, 6, FORMAT_MSGPACK);
    assert_int_not_equal(first, second);
    assert_int_equal(f->welcome.snapshot.members_len, 1);
    move(f, first, 1, 11, 20); /* the old handle is nobody's, whoever has its slot now */
    none(f, MSG_PERSISTENCE_APPEND);
    ended(f, 99);
    leave(f, 5, first);
    assert_int_equal(peek(f).members, 1);
}

static void
a_late_copy_of_an_old_join_does_not_take_over_again(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    join_at(f, 5, "ann", 10, 20);
    join_at(f, 6, "ann", 10, 20);
    forget(f, MSG_GATEWAY_END);
    ask_join(f, 5, "ann");
    expect_join_refused(f, 5, ERROR_CONFLICT);
    none(f, MSG_GATEWAY_END);
    assert_int_equal(peek(f).members, 1);
}

static void
of_two_joins_under_way_the_later_one_counts(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join(f, 5, "ann");
    ask_join(f, 6, "ann");
    expect_join_refused(f, 5, ERROR_CONFLICT);
    member_loaded(f, 0, 0, 1, 1); /* for the first: nobody wants it any more */
    none(f, MSG_ROOM_JOINED);
    member_loaded(f, 0, 0, 1, 1);
    joined(f, 6, FORMAT_MSGPACK);
}

static void
a_takeover_waits_for_what_the_character_has_under_way(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t member = join_at(f, 5, "ann", 10, 20);
    move(f, member, 1, 30, 20);
    ask_join(f, 6, "ann");
    ended(f, 5);
    none(f, MSG_PERSISTENCE_LOAD_MEMBER);
    commit(f, 1, 1);
    none(f, MSG_GATEWAY_ACK); /* its connection has gone */
    member_loaded(f, 1, 1, 30, 20);
    joined(f, 6, FORMAT_MSGPACK);
    assert_int_equal(f->welcome.sequence, 1);
}

static void
who_leaves_is_gone_but_what_was_asked_is_done(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    join_at(f, 6, "bob", 500, 500);
    settle(f);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    leave(f, 5, ann);
    const msg_event_state_delta_t *delta = delta_next(f);
    assert_int_equal(delta->left_len, 1);
    assert_string_equal(delta->left[0], "ann");
    assert_false(delta->has_items);
    commit(f, 1, 1);
    sim_advance(f->sim, 50 * ACT_MSEC);
    delta = delta_next(f);
    assert_int_equal(delta->items_len, 1);
    assert_string_equal(delta->items[0].holder, "ann");
    assert_false(delta->has_members);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MEMBERS, 0), 1);
}

static void
leaving_twice_or_as_nobody_changes_nothing(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    leave(f, 5, ann);
    leave(f, 5, ann);
    leave(f, 77, 0);
    leave(f, 0, 12345);
    assert_int_equal(peek(f).members, 0);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_MEMBERS, 0), 0);
}

static void
a_connection_that_never_heard_its_handle_can_leave(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    join_at(f, 5, "ann", 500, 500);
    leave(f, 5, 0);
    assert_int_equal(peek(f).members, 0);
    ask_join(f, 6, "bob"); /* also while its character loads */
    leave(f, 6, 0);
    member_loaded(f, 0, 0, 1, 1);
    none(f, MSG_ROOM_JOINED);
    assert_int_equal(peek(f).members, 0);
}

static void
a_join_whose_asker_gave_up_takes_no_place(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    ask_join(f, 5, "ann"); /* waits for 10 s */
    sim_advance(f->sim, 11 * ACT_SEC);
    forget(f, MSG_PERSISTENCE_LOAD_MEMBER);
    while (peek(f).state == ROOM_STATE_LOADING) {
        loaded(f, 1);
        sim_advance(f->sim, ACT_MSEC);
    }
    none(f, MSG_ROOM_JOINED);
    none(f, MSG_PERSISTENCE_LOAD_MEMBER);
    assert_int_equal(peek(f).members, 0);
}

static void
a_character_that_cannot_be_loaded_is_refused(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join(f, 5, "ann");
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_NOT_FOUND};
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_LOAD_MEMBER), MSG_PERSISTENCE_FAILED, &failed);
    expect_join_refused(f, 5, ERROR_NOT_FOUND);
    ask_join(f, 6, "bob");
    failed.fault = STORE_FAULT_UNAVAILABLE;
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_LOAD_MEMBER), MSG_PERSISTENCE_FAILED, &failed);
    expect_join_refused(f, 6, ERROR_UNAVAILABLE);
    ask_join(f, 7, "cyd"); /* no answer at all */
    sim_advance(f->sim, 5 * ACT_SEC);
    expect_join_refused(f, 7, ERROR_TIMEOUT);
    assert_int_equal(peek(f).members, 0);
}

static void
a_full_room_refuses_and_keeps_its_members(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    char name[16];
    for (int i = 1; i <= ROOM_MEMBERS_CAP; i++) {
        snprintf(name, sizeof name, "c%d", i);
        join_at(f, i, name, 500, 500);
    }
    ask_join(f, 1000, "late");
    expect_join_refused(f, 1000, ERROR_ROOM_FULL);
    assert_int_equal(peek(f).members, ROOM_MEMBERS_CAP);
    ask_join(f, 1001, name); /* its own place can still be taken over */
    ended(f, ROOM_MEMBERS_CAP);
    member_loaded(f, 0, 0, 1, 1);
    int64_t last = joined(f, 1001, FORMAT_MSGPACK);
    leave(f, 1001, last);
    join_at(f, 1002, "late", 500, 500);
}

static void
too_many_joins_at_once_are_told_to_wait(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    char name[16];
    for (int i = 1; i <= ROOM_WAITING_CAP; i++) {
        snprintf(name, sizeof name, "c%d", i);
        ask_join(f, i, name);
    }
    none(f, MSG_ROOM_REFUSED);
    ask_join(f, 1000, "late");
    expect_join_refused(f, 1000, ERROR_OVERLOADED);
}

static void
a_spectator_sees_and_cannot_act(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join_as(f, 5, "ann", FORMAT_MSGPACK, ROLE_SPECTATOR);
    member_loaded(f, 0, 0, 500, 500);
    int64_t ann = joined(f, 5, FORMAT_MSGPACK);
    move(f, ann, 1, 501, 500);
    expect_refused(f, 1, ERROR_FORBIDDEN);
    chat(f, ann, 2, "hello");
    expect_refused(f, 2, ERROR_FORBIDDEN);
    act(f, ann, 3, ITEM_ACTION_PICKUP, "item-22", NULL);
    expect_refused(f, 3, ERROR_FORBIDDEN);
    none(f, MSG_PERSISTENCE_APPEND);
    assert_int_equal(delta_next(f)->members_len, 1);
}

static void
an_unknown_member_has_its_connection_ended(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    move(f, 12345, 1, 1, 1);
    ended(f, 99);
    chat(f, 0, 1, "hello");
    ended(f, 99);
    sim_tell(f->sim, MSG_ROOM_RESYNC, ROOM, &(msg_room_resync_t){.connection = 42, .member = 7});
    ended(f, 42);
    sim_tell(f->sim, MSG_ROOM_RESYNC, ROOM, &(msg_room_resync_t){.member = 7}); /* nobody to be told */
    none(f, MSG_GATEWAY_END);
}

static void
handles_of_an_earlier_life_of_the_room_are_nobodys(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t before = join_at(f, 5, "ann", 500, 500);
    sim_crash(f->sim, ACT_KIND_ROOM);
    forget(f, MSG_PERSISTENCE_LOAD_ROOM);
    open_room(f);
    int64_t after = join_at(f, 6, "bob", 500, 500);
    assert_int_not_equal(before, after);
    move(f, before, 1, 501, 500);
    none(f, MSG_PERSISTENCE_APPEND);
    ended(f, 99);
}

static void
an_empty_room_retires_after_its_linger_and_not_before(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    sim_advance(f->sim, 3600 * (act_usec_t)ACT_SEC);
    assert_non_null(fixture_room(f));
    move(f, ann, 1, 501, 500);
    leave(f, 5, ann);
    sim_advance(f->sim, 4 * ACT_SEC); /* something is pending still */
    commit(f, 1, 1);
    sim_advance(f->sim, 59999 * (act_usec_t)ACT_MSEC);
    assert_non_null(fixture_room(f));
    sim_advance(f->sim, ACT_MSEC);
    assert_null(fixture_room(f));
}

static void
who_comes_during_the_linger_keeps_the_room(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    sim_advance(f->sim, 59 * ACT_SEC);
    join_at(f, 5, "ann", 500, 500);
    sim_advance(f->sim, 120 * ACT_SEC);
    assert_int_equal(peek(f).members, 1);
}

static void
peek_tells_how_the_room_is(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    move(f, ann, 1, 501, 500);
    msg_room_peeked_t peeked = peek(f);
    assert_int_equal(peeked.state, ROOM_STATE_OPEN);
    assert_int_equal(peeked.members, 1);
    assert_int_equal(peeked.items, 24);
    assert_int_equal(peeked.pending, 1);
    assert_int_equal(peeked.epoch, 1);
    room_inspection_t seen;
    room_inspect(fixture_room(f), &seen);
    assert_true(seen.open);
    assert_int_equal(seen.room_version, peeked.room_version);
    assert_int_equal(seen.pending_count, 1);
    assert_int_equal(room_inspect_sequence(fixture_room(f), "ann"), 0);
    assert_int_equal(room_inspect_sequence(fixture_room(f), "bob"), -1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_join_is_answered_with_the_whole_of_the_room),
        TEST(the_welcome_says_how_far_the_character_had_come),
        TEST(who_stood_elsewhere_is_put_near_the_middle),
        TEST(the_same_join_again_has_the_same_answer),
        TEST(another_connection_of_the_character_takes_over),
        TEST(a_late_copy_of_an_old_join_does_not_take_over_again),
        TEST(of_two_joins_under_way_the_later_one_counts),
        TEST(a_takeover_waits_for_what_the_character_has_under_way),
        TEST(who_leaves_is_gone_but_what_was_asked_is_done),
        TEST(leaving_twice_or_as_nobody_changes_nothing),
        TEST(a_connection_that_never_heard_its_handle_can_leave),
        TEST(a_join_whose_asker_gave_up_takes_no_place),
        TEST(a_character_that_cannot_be_loaded_is_refused),
        TEST(a_full_room_refuses_and_keeps_its_members),
        TEST(too_many_joins_at_once_are_told_to_wait),
        TEST(a_spectator_sees_and_cannot_act),
        TEST(an_unknown_member_has_its_connection_ended),
        TEST(handles_of_an_earlier_life_of_the_room_are_nobodys),
        TEST(an_empty_room_retires_after_its_linger_and_not_before),
        TEST(who_comes_during_the_linger_keeps_the_room),
        TEST(peek_tells_how_the_room_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
