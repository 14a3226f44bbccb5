#include "room_fixture.h"

static void
the_first_change_leaves_at_once_and_the_next_after_the_pause(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    for (int i = 1; i <= 3; i++) {
        move(f, ann, i, 500 + i, 500);
    }
    commit(f, 1, 1);
    assert_true(delta_next(f)->members[0].x == 501);
    commit(f, 1, 2);
    sim_advance(f->sim, 20 * ACT_MSEC);
    commit(f, 1, 3);
    sim_advance(f->sim, 29999);
    none(f, MSG_GATEWAY_DELTA);
    sim_advance(f->sim, 1);
    const msg_event_state_delta_t *delta = delta_next(f); /* both in one, as it is now */
    assert_int_equal(delta->members_len, 1);
    assert_true(delta->members[0].x == 503);
    sim_advance(f->sim, ACT_SEC);
    none(f, MSG_GATEWAY_DELTA);
    assert_int_equal(sim_metric(f->sim, METRIC_DELTAS, 0), 3); /* the first told of the join */
}

static void
versions_rise_with_each_delta_whatever_overtakes_what(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    int64_t version = peek(f).room_version;
    move(f, ann, 1, 501, 500);
    join_at(f, 6, "bob", 500, 500); /* comes later and is visible earlier */
    int64_t with_bob = delta_next(f)->room_version;
    assert_true(with_bob > version);
    commit(f, 1, 1);
    sim_advance(f->sim, 50 * ACT_MSEC);
    int64_t with_move = delta_next(f)->room_version;
    assert_true(with_move > with_bob);
    assert_true(expect_ack(f, 1, 1).room_version <= with_move);
    leave(f, 5, ann);
    sim_advance(f->sim, 50 * ACT_MSEC);
    assert_true(delta_next(f)->room_version > with_move);
}

static void
each_format_is_there_when_somebody_reads_it_and_says_the_same(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    const msg_gateway_delta_t *body = take(f, MSG_GATEWAY_DELTA)->body;
    assert_false(body->has_json);
    assert_true(body->has_msgpack);
    ask_join_as(f, 6, "bob", FORMAT_JSON, ROLE_PLAYER);
    member_loaded(f, 0, 0, 1.25, 2);
    int64_t bob = joined(f, 6, FORMAT_JSON);
    settle(f);
    chat(f, bob, 1, "gr\xc3\xbc\xc3\x9f \"dich\"");
    move(f, bob, 2, 1.5, 2);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    commit(f, 1, 3);
    body = take(f, MSG_GATEWAY_DELTA)->body;
    static msg_event_state_delta_t json, msgpack;
    decode(body->json, FORMAT_JSON, MSG_EVENT_STATE_DELTA, &json);
    decode(body->msgpack, FORMAT_MSGPACK, MSG_EVENT_STATE_DELTA, &msgpack);
    assert_memory_equal(&json, &msgpack, sizeof json);
    assert_string_equal(json.chats[0].text, "gr\xc3\xbc\xc3\x9f \"dich\"");
    assert_true(json.members[0].x == 1.5 || json.members[1].x == 1.5);
    leave(f, 5, ann);
    sim_advance(f->sim, 50 * ACT_MSEC);
    body = take(f, MSG_GATEWAY_DELTA)->body;
    assert_true(body->has_json);
    assert_false(body->has_msgpack);
}

static void
leavers_are_told_and_who_came_back_is_not_among_them(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    join_at(f, 5, "ann", 500, 500);
    int64_t bob = join_at(f, 6, "bob", 500, 500);
    int64_t cyd = join_at(f, 7, "cyd", 500, 500);
    settle(f);
    leave(f, 6, bob); /* leading edge */
    assert_string_equal(delta_next(f)->left[0], "bob");
    leave(f, 7, cyd);
    bob = join_at(f, 8, "bob", 400, 400);
    leave(f, 8, bob);
    join_at(f, 9, "bob", 300, 300);
    sim_advance(f->sim, 50 * ACT_MSEC);
    const msg_event_state_delta_t *delta = delta_next(f);
    assert_int_equal(delta->left_len, 1);
    assert_string_equal(delta->left[0], "cyd");
    assert_int_equal(delta->members_len, 1);
    assert_string_equal(delta->members[0].character_id, "bob");
    assert_true(delta->members[0].x == 300);
}

static void
a_joiner_gets_the_snapshot_and_loses_nothing_after_it(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    move(f, ann, 1, 501, 500);
    move(f, ann, 2, 502, 500);
    move(f, ann, 3, 503, 500);
    commit(f, 1, 1);
    commit(f, 1, 2);
    delta_next(f);
    ask_join(f, 6, "bob");
    member_loaded(f, 0, 0, 1, 1);
    size_t kept = sim_kept(f->sim);
    joined(f, 6, FORMAT_MSGPACK);
    assert_true(kept > 0);
    none(f, MSG_GATEWAY_DELTA); /* nothing to bob's gateway before its room.joined */
    assert_true(f->welcome.snapshot.members[0].x == 502);
    commit(f, 1, 3);
    sim_advance(f->sim, 50 * ACT_MSEC);
    const msg_event_state_delta_t *delta = delta_next(f);
    assert_true(delta->room_version > f->welcome.room_version);
    assert_int_equal(delta->members_len, 2); /* bob himself is told to the others by it */
    assert_true(delta->members[0].x == 503);
}

static void
many_chats_in_one_pause_leave_in_several_deltas(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    int64_t bob = join_at(f, 6, "bob", 500, 500);
    settle(f);
    char text[32];
    for (int i = 1; i <= 100; i++) {
        snprintf(text, sizeof text, "line %d", i);
        chat(f, i <= 50 ? ann : bob, i, text);
    }
    commit(f, 1, 100);
    sim_advance(f->sim, 50 * ACT_MSEC);
    int lines = 0;
    for (int part = 0; part < 2; part++) {
        const msg_event_state_delta_t *delta = delta_next(f);
        for (uint32_t i = 0; i < delta->chats_len; i++) {
            snprintf(text, sizeof text, "line %d", ++lines);
            assert_string_equal(delta->chats[i].text, text);
        }
    }
    assert_int_equal(lines, 100);
    none(f, MSG_GATEWAY_DELTA);
}

static void
many_leavers_in_one_pause_are_all_told(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    join_at(f, 1, "ann", 500, 500);
    settle(f);
    char name[16];
    for (int i = 2; i <= 400; i++) {
        snprintf(name, sizeof name, "c%d", i);
        leave(f, i, join_at(f, i, name, 500, 500));
    }
    sim_advance(f->sim, 50 * ACT_MSEC);
    int left = 0;
    while (left < 399) {
        left += (int)delta_next(f)->left_len;
    }
    assert_int_equal(left, 399);
    none(f, MSG_GATEWAY_DELTA);
}

static void
a_member_that_missed_deltas_gets_the_whole_state(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    ask_join_as(f, 6, "bob", FORMAT_JSON, ROLE_PLAYER);
    member_loaded(f, 0, 0, 1, 1);
    int64_t bob = joined(f, 6, FORMAT_JSON);
    settle(f);
    move(f, ann, 1, 501, 500);
    chat(f, ann, 2, "hello");
    commit(f, 1, 2);
    sim_tell(f->sim, MSG_ROOM_RESYNC, ROOM, &(msg_room_resync_t){.connection = 6, .member = bob});
    const msg_gateway_state_t *body = take(f, MSG_GATEWAY_STATE)->body;
    assert_int_equal(body->connection, 6);
    decode(body->frame, FORMAT_JSON, MSG_EVENT_STATE_DELTA, &f->delta);
    assert_true(f->delta.has_full && f->delta.full);
    assert_int_equal(f->delta.members_len, 2);
    assert_true(f->delta.members[0].x == 501);
    assert_int_equal(f->delta.items_len, 24);
    assert_false(f->delta.has_chats);
    assert_int_equal(f->delta.room_version, peek(f).room_version);
}

static void
a_gateway_that_could_not_take_a_delta_gets_the_whole_state_later(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    move(f, ann, 1, 501, 500);
    sim_set_full(f->sim, ACT_KIND_FRONT, true); /* the tester's address */
    commit(f, 1, 1);
    sim_advance(f->sim, 60 * ACT_MSEC);
    sim_set_full(f->sim, ACT_KIND_FRONT, false);
    none(f, MSG_GATEWAY_DELTA);
    sim_advance(f->sim, 50 * ACT_MSEC);
    const msg_event_state_delta_t *delta = delta_next(f);
    assert_true(delta->full);
    assert_true(delta->members[0].x == 501);
    assert_int_equal(delta->items_len, 24);
    move(f, ann, 2, 502, 500);
    commit(f, 1, 2);
    sim_advance(f->sim, 50 * ACT_MSEC);
    assert_false(delta_next(f)->has_full);
}

static void
a_gateway_that_is_new_here_is_sent_the_whole_first(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    assert_true(delta_next(f)->full); /* there may be connections of an earlier life of this room */
    settle(f);
    move(f, ann, 1, 501, 500);
    commit(f, 1, 1);
    assert_false(delta_next(f)->has_full);
    leave(f, 5, ann);
    sim_advance(f->sim, 100 * ACT_MSEC);
    join_at(f, 6, "ann", 500, 500);
    assert_false(delta_next(f)->has_full); /* not each time */
    sim_advance(f->sim, 100 * ACT_MSEC);
    sim_set_full(f->sim, ACT_KIND_FRONT, true);
    ask_join(f, 7, "ann"); /* the room cannot say to 6 that it is over */
    sim_set_full(f->sim, ACT_KIND_FRONT, false);
    ask_join(f, 7, "ann");
    sim_advance(f->sim, 5 * ACT_SEC);
    forget(f, MSG_GATEWAY_DELTA);
    forget(f, MSG_PERSISTENCE_LOAD_MEMBER);
    forget(f, MSG_ROOM_REFUSED);
    none(f, MSG_GATEWAY_END);
    join_at(f, 8, "ann", 500, 500);
    assert_true(delta_next(f)->full);
}

/* Sum and count of what METRIC_FRESHNESS has observed, in microseconds. */
static void
freshness(fixture_t *f, uint64_t sum, uint64_t count)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < METRIC_BUCKETS; i++) {
        seen += sim_metric(f->sim, METRIC_FRESHNESS, i);
    }
    assert_int_equal(seen, count);
    assert_int_equal(sim_metric(f->sim, METRIC_FRESHNESS, METRIC_BUCKETS), sum);
}

static void
each_delta_says_how_old_the_oldest_commit_in_it_is(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    freshness(f, 0, 0); /* who comes and goes is no commit */
    for (int i = 1; i <= 4; i++) {
        move(f, ann, i, i == 1 ? 500 : 500 + i, 500); /* the first leads nowhere */
    }
    commit(f, 1, 1);
    sim_advance(f->sim, 100 * ACT_MSEC);
    freshness(f, 0, 0); /* and is not seen */
    commit(f, 1, 2);    /* at once */
    freshness(f, 0, 1);
    sim_advance(f->sim, 20 * ACT_MSEC);
    chat(f, ann, 5, "hello");
    act(f, ann, 6, ITEM_ACTION_PICKUP, "item-22", NULL);
    commit(f, 1, 5);
    sim_advance(f->sim, 10 * ACT_MSEC);
    commit(f, 1, 6);
    sim_advance(f->sim, 20 * ACT_MSEC);
    freshness(f, 30 * ACT_MSEC, 2);
}

static void
what_a_gateway_could_not_take_counts_from_its_commit_when_it_can(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    move(f, ann, 1, 501, 500);
    sim_set_full(f->sim, ACT_KIND_FRONT, true); /* the tester's address */
    commit(f, 1, 1);
    sim_advance(f->sim, 60 * ACT_MSEC);
    freshness(f, 0, 0);
    sim_set_full(f->sim, ACT_KIND_FRONT, false);
    sim_advance(f->sim, 40 * ACT_MSEC);
    freshness(f, 100 * ACT_MSEC, 1);
}

static void
the_largest_room_with_the_longest_names_and_chats_fits_its_frame(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    for (int i = 1; i <= ROOM_MEMBERS_CAP; i++) {
        msg_room_join_t join = {.connection = i, .session_id = "s", .format = FORMAT_JSON};
        snprintf(join.character_id, sizeof join.character_id, "character-%014d", i);
        for (int n = 0; n < 32; n++) {
            join.name[n] = '\x01'; /* six bytes of JSON each */
        }
        sim_ask(f->sim, MSG_ROOM_JOIN, ROOM, &join, 10 * ACT_SEC, 1);
        member_loaded(f, 0, 0, 123.45678901234567, 765.43210987654321);
    }
    const msg_t *msg;
    int64_t members[ROOM_CHATS_CAP];
    for (int i = 0; i < ROOM_MEMBERS_CAP; i++) {
        members[i % ROOM_CHATS_CAP] = ((const msg_room_joined_t *)take(f, MSG_ROOM_JOINED)->body)->member;
    }
    settle(f);
    char text[281];
    memset(text, '\x02', 280);
    text[280] = '\0';
    for (int i = 0; i < ROOM_CHATS_CAP; i++) {
        chat(f, members[i], 1, text);
    }
    for (int i = 0; i < ROOM_GATEWAYS_CAP; i++) {
        fixture_room(f)->gateways[i].behind = true;
    }
    commit(f, 1, ROOM_CHATS_CAP);
    msg = take(f, MSG_GATEWAY_DELTA);
    decode(((const msg_gateway_delta_t *)msg->body)->json, FORMAT_JSON, MSG_EVENT_STATE_DELTA, &f->delta);
    assert_true(f->delta.full);
    assert_int_equal(f->delta.members_len, ROOM_MEMBERS_CAP);
    assert_int_equal(f->delta.chats_len, ROOM_CHATS_CAP);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_first_change_leaves_at_once_and_the_next_after_the_pause),
        TEST(versions_rise_with_each_delta_whatever_overtakes_what),
        TEST(each_format_is_there_when_somebody_reads_it_and_says_the_same),
        TEST(leavers_are_told_and_who_came_back_is_not_among_them),
        TEST(a_joiner_gets_the_snapshot_and_loses_nothing_after_it),
        TEST(many_chats_in_one_pause_leave_in_several_deltas),
        TEST(many_leavers_in_one_pause_are_all_told),
        TEST(a_member_that_missed_deltas_gets_the_whole_state),
        TEST(a_gateway_that_could_not_take_a_delta_gets_the_whole_state_later),
        TEST(a_gateway_that_is_new_here_is_sent_the_whole_first),
        TEST(each_delta_says_how_old_the_oldest_commit_in_it_is),
        TEST(what_a_gateway_could_not_take_counts_from_its_commit_when_it_can),
        TEST(the_largest_room_with_the_longest_names_and_chats_fits_its_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
