#include "room_fixture.h"

/* The store has this action of ann. */
static void
found(fixture_t *f, const msg_persistence_append_t *stored)
{
    const msg_t *msg = take(f, MSG_PERSISTENCE_FIND_ACTION);
    const msg_persistence_find_action_t *find = msg->body;
    assert_int_equal(find->action_id, stored->action.action_id);
    assert_string_equal(find->character_id, "ann");
    static msg_persistence_action_t body;
    body.action = stored->action;
    sim_reply(f->sim, msg, MSG_PERSISTENCE_ACTION, &body);
}

static void
not_found(fixture_t *f, store_fault_t fault)
{
    msg_persistence_failed_t body = {.fault = fault};
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_FIND_ACTION), MSG_PERSISTENCE_FAILED, &body);
}

static int64_t
ann_in_open_room(fixture_t *f)
{
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    settle(f);
    return ann;
}

static void
an_intent_goes_to_the_store_at_once_with_all_it_changes(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 7, 510, 520);
    const msg_persistence_append_t *append = appended_next(f);
    assert_string_equal(append->room, ROOM);
    assert_int_equal(append->epoch, 1);
    assert_int_equal(append->number, 1);
    assert_string_equal(append->action.character_id, "ann");
    assert_int_equal(append->action.sequence, 1);
    assert_int_equal(append->action.action_id, 7);
    assert_int_equal(append->action.kind, ACTION_KIND_MOVE);
    assert_true(append->x == 510 && append->y == 520);
    assert_false(append->has_item);
    obj_move_content_t content;
    codec_fault_t fault;
    assert_int_equal(codec_decode(CODEC_MSGPACK, &type_move_content, append->action.payload, append->action.payload_len,
                                  &content, &fault),
                     CODEC_OK);
    assert_true(content.x == 510 && content.y == 520);
    act(f, ann, 9, ITEM_ACTION_PICKUP, "item-22", NULL);
    append = appended_next(f);
    assert_int_equal(append->number, 2);
    assert_int_equal(append->action.sequence, 2);
    assert_true(append->x == 510 && append->y == 520);
    assert_true(append->has_item);
    assert_string_equal(append->item.holder, "ann");
}

static void
nothing_is_acknowledged_or_visible_before_the_commit(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 1, 510, 500);
    chat(f, ann, 2, "hello");
    act(f, ann, 3, ITEM_ACTION_PICKUP, "item-22", NULL);
    sim_advance(f->sim, 4 * ACT_SEC);
    none(f, MSG_GATEWAY_ACK);
    none(f, MSG_GATEWAY_DELTA);
    room_inspection_t seen;
    room_inspect(fixture_room(f), &seen);
    assert_false(seen.items[21].has_holder);
    commit(f, 1, 1);
    msg_gateway_ack_t ack = expect_ack(f, 1, 1);
    assert_int_equal(ack.connection, 5);
    assert_int_equal(ack.room_version, appended_next(f)->action.room_version);
    none(f, MSG_GATEWAY_ACK);
    const msg_event_state_delta_t *delta = delta_next(f);
    assert_true(delta->members_len == 1 && delta->members[0].x == 510);
    assert_false(delta->has_chats);
    commit(f, 1, 3);
    expect_ack(f, 2, 2);
    expect_ack(f, 3, 3);
    sim_advance(f->sim, 50 * ACT_MSEC);
    delta = delta_next(f);
    assert_string_equal(delta->chats[0].text, "hello");
    assert_string_equal(delta->chats[0].character_id, "ann");
    assert_string_equal(delta->items[0].holder, "ann");
    assert_int_equal(sim_metric(f->sim, METRIC_ACTIONS, ACTION_KIND_MOVE), 1);
    assert_int_equal(sim_metric(f->sim, METRIC_ACTIONS, ACTION_KIND_CHAT), 1);
    assert_int_equal(sim_metric(f->sim, METRIC_ACTIONS, ACTION_KIND_PICKUP), 1);
}

static void
copies_of_a_commit_acknowledge_nothing_twice(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 1, 510, 500);
    move(f, ann, 2, 511, 500);
    commit(f, 1, 1);
    commit(f, 1, 1);
    commit(f, 2, 2); /* another lease */
    expect_ack(f, 1, 1);
    none(f, MSG_GATEWAY_ACK);
    commit(f, 1, 9); /* more than was ever sent */
    expect_ack(f, 2, 2);
    none(f, MSG_GATEWAY_ACK);
    commit(f, 1, 9);
    none(f, MSG_GATEWAY_ACK);
}

static void
an_ack_carries_the_trace_of_its_intent(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 1, 510, 500);
    act_trace_t trace = take(f, MSG_PERSISTENCE_APPEND)->trace;
    chat(f, ann, 2, "hello");
    commit(f, 1, 2);
    assert_memory_equal(&take(f, MSG_GATEWAY_ACK)->trace, &trace, sizeof trace);
    assert_memory_not_equal(&take(f, MSG_GATEWAY_ACK)->trace, &trace, sizeof trace);
}

static void
intents_are_checked_against_what_is_due(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    int64_t bob = join_at(f, 6, "bob", 500, 500);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    act(f, bob, 1, ITEM_ACTION_PICKUP, "item-22", NULL); /* nobody can see it yet, and it is taken all the same */
    expect_refused(f, 1, ERROR_ITEM_TAKEN);
    act(f, ann, 2, ITEM_ACTION_GIVE, "item-22", "bob");
    act(f, ann, 3, ITEM_ACTION_DROP, "item-22", NULL);
    expect_refused(f, 3, ERROR_NOT_HOLDER);
    act(f, bob, 1, ITEM_ACTION_DROP, "item-22", NULL);
    move(f, ann, 4, 750, 500);
    move(f, ann, 5, 751, 500);
    expect_refused(f, 5, ERROR_TOO_FAST);
    act(f, ann, 6, ITEM_ACTION_PICKUP, "item-22", NULL);
    expect_refused(f, 6, ERROR_TOO_FAR);
    none(f, MSG_GATEWAY_REFUSED);
    assert_int_equal(peek(f).pending, 4);
}

static void
every_refusal_of_the_world_reaches_the_client(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 1, 1001, 500);
    expect_refused(f, 1, ERROR_OUT_OF_BOUNDS);
    move(f, ann, 1, 900, 500);
    expect_refused(f, 1, ERROR_TOO_FAST);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "nothing", NULL);
    expect_refused(f, 1, ERROR_NO_SUCH_ITEM);
    act(f, ann, 1, ITEM_ACTION_GIVE, "item-22", NULL);
    expect_refused(f, 1, ERROR_BAD_REQUEST);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    act(f, ann, 2, ITEM_ACTION_GIVE, "item-22", "ann");
    expect_refused(f, 2, ERROR_NO_SUCH_TARGET);
    none(f, MSG_GATEWAY_REFUSED);
    assert_int_equal(appended_next(f)->action.sequence, 1); /* the refused ones left no gap */
    none(f, MSG_PERSISTENCE_APPEND);
}

static void
a_gift_is_one_append_and_no_item_is_made_or_lost(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    join_at(f, 6, "bob", 510, 500);
    settle(f);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    act(f, ann, 2, ITEM_ACTION_GIVE, "item-22", "bob");
    appended_next(f);
    const msg_persistence_append_t *append = appended_next(f);
    assert_int_equal(append->action.kind, ACTION_KIND_GIVE);
    assert_true(append->has_item);
    assert_string_equal(append->item.item_id, "item-22");
    assert_string_equal(append->item.holder, "bob");
    none(f, MSG_PERSISTENCE_APPEND);
    commit(f, 1, 2);
    const msg_event_state_delta_t *delta = delta_next(f);
    assert_int_equal(delta->items_len, 1);
    assert_string_equal(delta->items[0].holder, "bob");
    room_inspection_t seen;
    room_inspect(fixture_room(f), &seen);
    assert_int_equal(seen.items_count, 24);
    for (uint32_t i = 0; i < seen.items_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            assert_string_not_equal(seen.items[i].item_id, seen.items[j].item_id);
        }
    }
}

static void
a_gift_to_one_who_left_is_refused_and_leaves_it_in_hand(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    int64_t bob = join_at(f, 6, "bob", 510, 500);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    sim_tell(f->sim, MSG_ROOM_LEAVE, ROOM, &(msg_room_leave_t){.connection = 6, .member = bob});
    act(f, ann, 2, ITEM_ACTION_GIVE, "item-22", "bob");
    expect_refused(f, 2, ERROR_NO_SUCH_TARGET);
    commit(f, 1, 1);
    room_inspection_t seen;
    room_inspect(fixture_room(f), &seen);
    assert_string_equal(seen.items[21].holder, "ann");
}

/* ---- resends ---- */

static void
a_resend_of_what_is_pending_waits_for_the_one_ack(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 1, 510, 500);
    move(f, ann, 1, 510, 500);
    appended_next(f);
    none(f, MSG_PERSISTENCE_APPEND);
    none(f, MSG_PERSISTENCE_FIND_ACTION);
    none(f, MSG_GATEWAY_REFUSED);
    commit(f, 1, 1);
    expect_ack(f, 1, 1);
    none(f, MSG_GATEWAY_ACK);
}

static void
another_content_under_a_pending_id_is_a_conflict(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 1, 510, 500);
    move(f, ann, 1, 510, 500.5);
    expect_refused(f, 1, ERROR_ACTION_CONFLICT);
    chat(f, ann, 1, "hello");
    expect_refused(f, 1, ERROR_ACTION_CONFLICT);
    commit(f, 1, 1);
    expect_ack(f, 1, 1);
}

static void
a_resend_of_what_is_stored_gets_the_same_ack(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    act(f, ann, 4, ITEM_ACTION_PICKUP, "item-22", NULL);
    appended_next(f);
    commit(f, 1, 1);
    msg_gateway_ack_t first = expect_ack(f, 4, 1);
    act(f, ann, 4, ITEM_ACTION_PICKUP, "item-22", NULL);
    found(f, &f->append);
    msg_gateway_ack_t again = expect_ack(f, 4, 1);
    assert_int_equal(again.room_version, first.room_version);
    assert_int_equal(again.connection, first.connection);
    none(f, MSG_PERSISTENCE_APPEND);
}

static void
another_content_under_a_stored_id_is_a_conflict(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    act(f, ann, 4, ITEM_ACTION_PICKUP, "item-22", NULL);
    appended_next(f);
    commit(f, 1, 1);
    expect_ack(f, 4, 1);
    act(f, ann, 4, ITEM_ACTION_PICKUP, "item-23", NULL);
    found(f, &f->append);
    expect_refused(f, 4, ERROR_ACTION_CONFLICT);
    act(f, ann, 4, ITEM_ACTION_DROP, "item-22", NULL); /* the same words, another kind */
    found(f, &f->append);
    expect_refused(f, 4, ERROR_ACTION_CONFLICT);
}

static void
an_id_that_was_passed_over_can_no_longer_be(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 9, 510, 500);
    move(f, ann, 4, 511, 500);
    not_found(f, STORE_FAULT_NOT_FOUND);
    expect_refused(f, 4, ERROR_ACTION_OUT_OF_ORDER);
    move(f, ann, 4, 511, 500);
    not_found(f, STORE_FAULT_UNAVAILABLE);
    expect_refused(f, 4, ERROR_UNAVAILABLE);
    move(f, ann, 4, 511, 500);
    sim_advance(f->sim, 4 * ACT_SEC);
    commit(f, 1, 1);
    sim_advance(f->sim, ACT_SEC); /* the lookup has no answer */
    expect_refused(f, 4, ERROR_UNAVAILABLE);
}

static void
lookups_are_bounded(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 100000, 510, 500);
    for (int i = 1; i <= ROOM_LOOKUPS_CAP; i++) {
        move(f, ann, i, 510, 500);
    }
    none(f, MSG_GATEWAY_REFUSED);
    move(f, ann, 90000, 510, 500);
    expect_refused(f, 90000, ERROR_OVERLOADED);
    not_found(f, STORE_FAULT_NOT_FOUND);
    expect_refused(f, 1, ERROR_ACTION_OUT_OF_ORDER);
    move(f, ann, 90000, 510, 500);
    none(f, MSG_GATEWAY_REFUSED);
}

static void
a_lookup_for_one_who_left_is_told_to_nobody(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    move(f, ann, 9, 510, 500);
    move(f, ann, 4, 511, 500);
    sim_tell(f->sim, MSG_ROOM_LEAVE, ROOM, &(msg_room_leave_t){.connection = 5, .member = ann});
    not_found(f, STORE_FAULT_NOT_FOUND);
    none(f, MSG_GATEWAY_REFUSED);
}

/* ---- limits ---- */

static void
a_member_may_have_so_many_pending_and_no_more(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    for (int i = 1; i <= ROOM_MEMBER_PENDING_MAX; i++) {
        chat(f, ann, i, "hello");
    }
    none(f, MSG_GATEWAY_REFUSED);
    chat(f, ann, 65, "hello");
    expect_refused(f, 65, ERROR_TOO_MANY_PENDING);
    commit(f, 1, 1);
    chat(f, ann, 65, "hello"); /* no trace was left of it */
    none(f, MSG_GATEWAY_REFUSED);
    commit(f, 1, 65);
    for (int i = 1; i <= 65; i++) {
        expect_ack(f, i, i);
    }
}

static void
a_room_may_have_so_many_pending_and_no_more(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    char name[16];
    for (int i = 1; i <= ROOM_PENDING_CAP / ROOM_MEMBER_PENDING_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        int64_t member = join_at(f, i, name, 500, 500);
        for (int action = 1; action <= ROOM_MEMBER_PENDING_MAX; action++) {
            move(f, member, action, 500, 500);
            take(f, MSG_PERSISTENCE_APPEND);
        }
    }
    none(f, MSG_GATEWAY_REFUSED);
    int64_t late = join_at(f, 1000, "late", 500, 500);
    move(f, late, 1, 500, 500);
    expect_refused(f, 1, ERROR_OVERLOADED);
    commit(f, 1, 1);
    move(f, late, 1, 500, 500);
    none(f, MSG_GATEWAY_REFUSED);
    commit(f, 1, ROOM_PENDING_CAP + 1);
    assert_int_equal(peek(f).pending, 0);
}

static void
a_store_with_a_full_mailbox_is_an_overload_that_leaves_no_trace(void **state)
{
    fixture_t *f = *state;
    int64_t ann = ann_in_open_room(f);
    sim_set_full(f->sim, ACT_KIND_PERSISTENCE, true);
    move(f, ann, 1, 510, 500);
    act(f, ann, 2, ITEM_ACTION_PICKUP, "item-22", NULL);
    expect_refused(f, 1, ERROR_OVERLOADED);
    expect_refused(f, 2, ERROR_OVERLOADED);
    sim_set_full(f->sim, ACT_KIND_PERSISTENCE, false);
    assert_int_equal(peek(f).pending, 0);
    act(f, ann, 1, ITEM_ACTION_PICKUP, "item-22", NULL);
    assert_int_equal(appended_next(f)->number, 1);
    assert_int_equal(f->append.action.sequence, 1);
    assert_true(f->append.x == 500);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_intent_goes_to_the_store_at_once_with_all_it_changes),
        TEST(nothing_is_acknowledged_or_visible_before_the_commit),
        TEST(copies_of_a_commit_acknowledge_nothing_twice),
        TEST(an_ack_carries_the_trace_of_its_intent),
        TEST(intents_are_checked_against_what_is_due),
        TEST(every_refusal_of_the_world_reaches_the_client),
        TEST(a_gift_is_one_append_and_no_item_is_made_or_lost),
        TEST(a_gift_to_one_who_left_is_refused_and_leaves_it_in_hand),
        TEST(a_resend_of_what_is_pending_waits_for_the_one_ack),
        TEST(another_content_under_a_pending_id_is_a_conflict),
        TEST(a_resend_of_what_is_stored_gets_the_same_ack),
        TEST(another_content_under_a_stored_id_is_a_conflict),
        TEST(an_id_that_was_passed_over_can_no_longer_be),
        TEST(lookups_are_bounded),
        TEST(a_lookup_for_one_who_left_is_told_to_nobody),
        TEST(a_member_may_have_so_many_pending_and_no_more),
        TEST(a_room_may_have_so_many_pending_and_no_more),
        TEST(a_store_with_a_full_mailbox_is_an_overload_that_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
