#include "room_fixture.h"

enum { MINUTE_MSEC = 60000 };

static void
mute(fixture_t *f, const char *character, int64_t until)
{
    msg_room_mute_t body = {.muted_until = until};
    snprintf(body.character_id, sizeof body.character_id, "%s", character);
    sim_tell(f->sim, MSG_ROOM_MUTE, ROOM, &body);
}

/* Milliseconds since 1970, as the room reads them. */
static int64_t
now(fixture_t *f)
{
    return act_wall_msec(sim_ctx(f->sim, ACT_KIND_ROOM, ROOM));
}

static void
expect_muted(fixture_t *f, int64_t action_id, int64_t retry_msec)
{
    const msg_gateway_refused_t *body = take(f, MSG_GATEWAY_REFUSED)->body;
    assert_int_equal(body->action_id, action_id);
    assert_string_equal(error_names[body->code], "MUTED");
    assert_false(error_transient[body->code]);
    assert_true(body->has_retry_after_ms);
    assert_int_equal(body->retry_after_ms, retry_msec);
}

static void
who_is_muted_cannot_speak_until_its_time_has_come(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    mute(f, "ann", now(f) + MINUTE_MSEC);
    chat(f, ann, 1, "hello");
    expect_muted(f, 1, MINUTE_MSEC);
    sim_advance(f->sim, 59999 * (act_usec_t)ACT_MSEC);
    chat(f, ann, 2, "hello");
    expect_muted(f, 2, 1);
    none(f, MSG_PERSISTENCE_APPEND);
    move(f, ann, 3, 501, 500); /* it may walk */
    assert_int_equal(appended_next(f)->action.action_id, 3);
    sim_advance(f->sim, ACT_MSEC);
    chat(f, ann, 4, "hello");
    assert_int_equal(appended_next(f)->action.action_id, 4);
}

static void
others_may_speak_and_a_mute_can_be_lifted(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    int64_t bob = join_at(f, 6, "bob", 500, 500);
    mute(f, "ann", now(f) + MINUTE_MSEC);
    mute(f, "nobody", now(f) + MINUTE_MSEC);
    chat(f, bob, 1, "hello");
    assert_int_equal(appended_next(f)->action.action_id, 1);
    mute(f, "ann", 0);
    chat(f, ann, 1, "hello");
    assert_string_equal(appended_next(f)->action.character_id, "ann");
}

static void
a_long_mute_says_as_much_as_the_schema_can(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    mute(f, "ann", 9007199254740991);
    chat(f, ann, 1, "hello");
    expect_muted(f, 1, ROOM_MUTED_MSEC_MAX);
}

static void
who_was_muted_before_it_came_is_muted(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join(f, 5, "ann");
    member_loaded_muted(f, 0, 0, 1, 1, now(f) + MINUTE_MSEC);
    int64_t ann = joined(f, 5, FORMAT_MSGPACK);
    chat(f, ann, 1, "hello");
    expect_muted(f, 1, MINUTE_MSEC);
    leave(f, 5, ann);
    ask_join(f, 6, "ann"); /* coming back is no way out */
    member_loaded_muted(f, 0, 0, 1, 1, now(f) + MINUTE_MSEC);
    chat(f, joined(f, 6, FORMAT_MSGPACK), 2, "hello");
    expect_muted(f, 2, MINUTE_MSEC);
}

/* The word that the store was told comes from elsewhere, and may overtake what was read before it. */
static void
a_mute_during_the_join_is_not_undone_by_what_was_read_before(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    ask_join(f, 5, "ann");
    mute(f, "ann", now(f) + MINUTE_MSEC);
    member_loaded(f, 0, 0, 1, 1);
    chat(f, joined(f, 5, FORMAT_MSGPACK), 1, "hello");
    expect_muted(f, 1, MINUTE_MSEC);
}

static void
a_reload_knows_of_mutes_before_and_during_it(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    int64_t bob = join_at(f, 6, "bob", 500, 500);
    move(f, ann, 1, 501, 500);
    tell_room(f, MSG_PERSISTENCE_APPEND_REFUSED,
              &(msg_persistence_append_refused_t){.epoch = 1, .fault = STORE_FAULT_LEASE_UNKNOWN});
    forget(f, MSG_GATEWAY_REFUSED);
    loaded(f, 2);
    mute(f, "bob", now(f) + MINUTE_MSEC);
    member_loaded_muted(f, 0, 0, 500, 500, now(f) + MINUTE_MSEC); /* ann: its room.mute was lost */
    member_loaded(f, 0, 0, 500, 500);                             /* bob: read before */
    chat(f, ann, 2, "hello");
    expect_muted(f, 2, MINUTE_MSEC);
    chat(f, bob, 1, "hello");
    expect_muted(f, 1, MINUTE_MSEC);
}

static void
what_was_said_before_the_mute_is_acknowledged_when_resent(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    int64_t ann = join_at(f, 5, "ann", 500, 500);
    chat(f, ann, 1, "hello");
    mute(f, "ann", now(f) + MINUTE_MSEC);
    commit(f, 1, 1);
    expect_ack(f, 1, 1);
    appended_next(f);
    chat(f, ann, 1, "hello");
    static msg_persistence_action_t body;
    body.action = f->append.action;
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_FIND_ACTION), MSG_PERSISTENCE_ACTION, &body);
    expect_ack(f, 1, 1);
    none(f, MSG_GATEWAY_REFUSED);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_is_muted_cannot_speak_until_its_time_has_come),
        TEST(others_may_speak_and_a_mute_can_be_lifted),
        TEST(a_long_mute_says_as_much_as_the_schema_can),
        TEST(who_was_muted_before_it_came_is_muted),
        TEST(a_mute_during_the_join_is_not_undone_by_what_was_read_before),
        TEST(a_reload_knows_of_mutes_before_and_during_it),
        TEST(what_was_said_before_the_mute_is_acknowledged_when_resent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
