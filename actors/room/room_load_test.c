#include "room_fixture.h"

static void
load_fails(fixture_t *f)
{
    msg_persistence_failed_t body = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_LOAD_ROOM), MSG_PERSISTENCE_FAILED, &body);
}

static void
refuse_appends(fixture_t *f, int64_t epoch)
{
    msg_persistence_append_refused_t body = {.epoch = epoch, .fault = STORE_FAULT_LEASE_UNKNOWN};
    tell_room(f, MSG_PERSISTENCE_APPEND_REFUSED, &body);
}

static void
a_new_room_asks_the_store_and_offers_its_seed(void **state)
{
    fixture_t *f = *state;
    peek(f);
    const msg_t *msg = take(f, MSG_PERSISTENCE_LOAD_ROOM);
    const msg_persistence_load_room_t *load = msg->body;
    assert_string_equal(msg->key, ROOM);
    assert_string_equal(load->room, ROOM);
    assert_int_equal(load->seed_len, 24);
    assert_string_equal(load->seed[0].item_id, "item-1");
}

static void
a_load_that_fails_is_tried_again_with_growing_pauses(void **state)
{
    fixture_t *f = *state;
    peek(f);
    for (act_usec_t pause = 100 * ACT_MSEC, total = 0; total < 30 * ACT_SEC; total += pause) {
        load_fails(f);
        sim_advance(f->sim, pause - 1);
        none(f, MSG_PERSISTENCE_LOAD_ROOM);
        sim_advance(f->sim, 1);
        pause = pause * 2 < 5 * ACT_SEC ? pause * 2 : 5 * ACT_SEC;
    }
    loaded(f, 3);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    assert_int_equal(peek(f).epoch, 3);
}

static void
a_load_without_an_answer_is_tried_again_and_its_late_answer_ignored(void **state)
{
    fixture_t *f = *state;
    peek(f);
    const msg_t *first = take(f, MSG_PERSISTENCE_LOAD_ROOM);
    sim_advance(f->sim, 5 * ACT_SEC + 100 * ACT_MSEC);
    msg_persistence_room_loaded_t late = {.room = ROOM, .epoch = 1};
    sim_reply(f->sim, first, MSG_PERSISTENCE_ROOM_LOADED, &late);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    loaded(f, 2);
    assert_int_equal(peek(f).epoch, 2);
    assert_int_equal(peek(f).items, 24);
}

static void
joins_wait_for_the_room_to_open(void **state)
{
    fixture_t *f = *state;
    peek(f);
    ask_join(f, 5, "ann");
    ask_join(f, 6, "bob");
    none(f, MSG_PERSISTENCE_LOAD_MEMBER);
    loaded(f, 1);
    member_loaded(f, 0, 0, 1, 1);
    member_loaded(f, 0, 0, 2, 2);
    joined(f, 5, FORMAT_MSGPACK);
    joined(f, 6, FORMAT_MSGPACK);
}

/* ann at 500, 500 with sequence 1 acknowledged, and two more pending that took item-22 and moved her. */
static int64_t
room_with_pending(fixture_t *f)
{
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    chat(f, ann, 1, "hello");
    commit(f, 1, 1);
    expect_ack(f, 1, 1);
    settle(f);
    act(f, ann, 2, ITEM_ACTION_PICKUP, "item-22", NULL);
    move(f, ann, 3, 520, 500);
    forget(f, MSG_PERSISTENCE_APPEND);
    return ann;
}

static void
a_refused_commit_refuses_what_is_pending_and_starts_from_the_store(void **state)
{
    fixture_t *f = *state;
    int64_t ann = room_with_pending(f);
    int64_t version = peek(f).room_version;
    refuse_appends(f, 1);
    expect_refused(f, 2, ERROR_UNAVAILABLE);
    expect_refused(f, 3, ERROR_UNAVAILABLE);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    assert_int_equal(peek(f).pending, 0);
    move(f, ann, 4, 501, 500);
    expect_refused(f, 4, ERROR_UNAVAILABLE);
    loaded(f, 2);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING); /* its members first */
    member_loaded(f, 1, 1, 500, 500);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    assert_true(peek(f).room_version > version);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RELOADS, 0), 1);
    none(f, MSG_GATEWAY_ACK);
    act(f, ann, 2, ITEM_ACTION_PICKUP, "item-22", NULL); /* the same ids are good again */
    assert_int_equal(appended_next(f)->number, 1);
    assert_int_equal(f->append.epoch, 2);
    assert_int_equal(f->append.action.sequence, 2);
    assert_true(f->append.x == 500);
    commit(f, 2, 1);
    expect_ack(f, 2, 2);
}

static void
after_a_reload_everybody_is_shown_the_whole(void **state)
{
    fixture_t *f = *state;
    room_with_pending(f);
    refuse_appends(f, 1);
    loaded(f, 2);
    member_loaded(f, 3, 3, 520, 500); /* they had been committed after all */
    sim_advance(f->sim, 50 * ACT_MSEC);
    msg_event_state_delta_t *delta = &f->delta;
    const msg_t *msg;
    int count = 0;
    while ((msg = sim_take(f->sim, MSG_GATEWAY_DELTA)) != NULL) {
        decode(((const msg_gateway_delta_t *)msg->body)->msgpack, FORMAT_MSGPACK, MSG_EVENT_STATE_DELTA, delta);
        count++;
    }
    assert_true(count > 0);
    assert_int_equal(delta->room_version >> 32, 2);
    assert_true(delta->full);
    assert_true(delta->members[0].x == 520);
    assert_int_equal(delta->items_len, 24);
}

static void
what_was_committed_unheard_is_acknowledged_when_resent(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    move(f, ann, 2, 520, 500);
    appended_next(f);
    refuse_appends(f, 1);
    expect_refused(f, 2, ERROR_UNAVAILABLE);
    loaded(f, 2);
    member_loaded(f, 1, 2, 520, 500);
    move(f, ann, 2, 520, 500);
    none(f, MSG_PERSISTENCE_APPEND);
    static msg_persistence_action_t body;
    body.action = f->append.action;
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_FIND_ACTION), MSG_PERSISTENCE_ACTION, &body);
    assert_int_equal(expect_ack(f, 2, 1).room_version, f->append.action.room_version);
}

static void
a_commit_without_an_answer_is_given_five_seconds(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    move(f, ann, 1, 501, 500);
    sim_advance(f->sim, 4 * ACT_SEC);
    move(f, ann, 2, 502, 500);
    commit(f, 1, 1); /* progress: the rest has its own five seconds */
    expect_ack(f, 1, 1);
    sim_advance(f->sim, 5 * ACT_SEC - 1);
    none(f, MSG_GATEWAY_REFUSED);
    sim_advance(f->sim, 1);
    expect_refused(f, 2, ERROR_UNAVAILABLE);
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    commit(f, 1, 2); /* too late: the new lease will say what is true */
    none(f, MSG_GATEWAY_ACK);
    loaded(f, 2);
    member_loaded(f, 2, 2, 502, 500);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    sim_advance(f->sim, 60 * ACT_SEC); /* nothing is pending: no timer runs */
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RELOADS, 0), 1);
}

static void
a_refusal_of_an_earlier_lease_is_ignored(void **state)
{
    fixture_t *f = *state;
    room_with_pending(f);
    refuse_appends(f, 1);
    refuse_appends(f, 1);
    loaded(f, 2);
    member_loaded(f, 1, 1, 500, 500);
    refuse_appends(f, 1);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    assert_int_equal(sim_metric(f->sim, METRIC_ROOM_RELOADS, 0), 1);
}

static void
a_lease_that_ends_at_once_in_a_refusal_is_followed_by_a_pause(void **state)
{
    fixture_t *f = *state;
    int64_t ann = room_with_pending(f);
    refuse_appends(f, 1);
    loaded(f, 2);
    member_loaded(f, 1, 1, 500, 500);
    move(f, ann, 4, 501, 500);
    refuse_appends(f, 2);
    none(f, MSG_PERSISTENCE_LOAD_ROOM);
    sim_advance(f->sim, 200 * ACT_MSEC);
    loaded(f, 3);
    member_loaded(f, 1, 1, 500, 500);
    assert_int_equal(peek(f).epoch, 3);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
}

static void
a_reload_that_cannot_load_a_member_begins_again(void **state)
{
    fixture_t *f = *state;
    room_with_pending(f);
    join_at(f, 6, "bob", 1, 1);
    refuse_appends(f, 1);
    loaded(f, 2);
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_LOAD_MEMBER), MSG_PERSISTENCE_FAILED, &failed);
    member_loaded(f, 0, 0, 1, 1); /* bob's answer does not open half a room */
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    sim_advance(f->sim, 5 * ACT_SEC);
    loaded(f, 3);
    member_loaded(f, 1, 1, 500, 500);
    member_loaded(f, 0, 0, 1, 1);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    assert_int_equal(peek(f).members, 2);
}

static void
a_member_whose_character_is_gone_is_ended_by_the_reload(void **state)
{
    fixture_t *f = *state;
    room_with_pending(f);
    refuse_appends(f, 1);
    loaded(f, 2);
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_NOT_FOUND};
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_LOAD_MEMBER), MSG_PERSISTENCE_FAILED, &failed);
    assert_int_equal(((const msg_gateway_end_t *)take(f, MSG_GATEWAY_END)->body)->connection, 5);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    assert_int_equal(peek(f).members, 0);
}

static void
who_leaves_during_a_reload_does_not_hold_it_up(void **state)
{
    fixture_t *f = *state;
    int64_t ann = room_with_pending(f);
    refuse_appends(f, 1);
    loaded(f, 2);
    sim_tell(f->sim, MSG_ROOM_LEAVE, ROOM, &(msg_room_leave_t){.connection = 5, .member = ann});
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    member_loaded(f, 1, 1, 500, 500); /* its answer finds nobody */
    assert_int_equal(peek(f).members, 0);
}

static void
a_join_that_a_reload_overtakes_is_loaded_anew(void **state)
{
    fixture_t *f = *state;
    room_with_pending(f);
    ask_join(f, 6, "bob");
    refuse_appends(f, 1);
    member_loaded(f, 7, 7, 1, 1); /* read before the new lease */
    none(f, MSG_ROOM_JOINED);
    loaded(f, 2);
    member_loaded(f, 1, 1, 500, 500);
    member_loaded(f, 8, 8, 2, 2);
    joined(f, 6, FORMAT_MSGPACK);
    assert_int_equal(f->welcome.sequence, 8);
}

static void
what_a_leaver_had_pending_is_forgotten_by_a_reload(void **state)
{
    fixture_t *f = *state;
    int64_t ann = room_with_pending(f);
    sim_tell(f->sim, MSG_ROOM_LEAVE, ROOM, &(msg_room_leave_t){.connection = 5, .member = ann});
    ask_join(f, 6, "ann");
    refuse_appends(f, 1);
    none(f, MSG_GATEWAY_REFUSED); /* nobody is there to hear it */
    loaded(f, 2);
    member_loaded(f, 1, 1, 500, 500);
    joined(f, 6, FORMAT_MSGPACK);
    assert_int_equal(f->welcome.sequence, 1);
}

static void
a_lease_that_has_given_out_its_versions_is_renewed(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    fixture_room(f)->counter = ROOM_COUNTER_MAX;
    move(f, ann, 1, 501, 500);
    expect_refused(f, 1, ERROR_UNAVAILABLE);
    loaded(f, 2);
    member_loaded(f, 0, 0, 500, 500);
    move(f, ann, 1, 501, 500);
    assert_int_equal(appended_next(f)->action.room_version >> 32, 2);
}

static void
a_key_that_names_no_room_makes_none(void **state)
{
    fixture_t *f = *state;
    static const char *const keys[] = {"plaza",
                                       "/main",
                                       "plaza/",
                                       "plaza/main/2",
                                       "plaza/m!in",
                                       "plaza/m\x80in",
                                       "plaza/a-name-with-more-than-the-forty-nine-characters"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        sim_ask(f->sim, MSG_ROOM_PEEK, keys[i], &(msg_room_peek_t){0}, 0, 1);
        const msg_act_no_answer_t *refused = take(f, MSG_ACT_NO_ANSWER)->body;
        assert_int_equal(refused->code, ERROR_UNAVAILABLE);
        none(f, MSG_PERSISTENCE_LOAD_ROOM);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_room_asks_the_store_and_offers_its_seed),
        TEST(a_key_that_names_no_room_makes_none),
        TEST(a_load_that_fails_is_tried_again_with_growing_pauses),
        TEST(a_load_without_an_answer_is_tried_again_and_its_late_answer_ignored),
        TEST(joins_wait_for_the_room_to_open),
        TEST(a_refused_commit_refuses_what_is_pending_and_starts_from_the_store),
        TEST(after_a_reload_everybody_is_shown_the_whole),
        TEST(what_was_committed_unheard_is_acknowledged_when_resent),
        TEST(a_commit_without_an_answer_is_given_five_seconds),
        TEST(a_refusal_of_an_earlier_lease_is_ignored),
        TEST(a_lease_that_ends_at_once_in_a_refusal_is_followed_by_a_pause),
        TEST(a_reload_that_cannot_load_a_member_begins_again),
        TEST(a_member_whose_character_is_gone_is_ended_by_the_reload),
        TEST(who_leaves_during_a_reload_does_not_hold_it_up),
        TEST(a_join_that_a_reload_overtakes_is_loaded_anew),
        TEST(what_a_leaver_had_pending_is_forgotten_by_a_reload),
        TEST(a_lease_that_has_given_out_its_versions_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
