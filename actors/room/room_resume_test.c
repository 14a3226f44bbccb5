#include "room_fixture.h"

/* A client comes back as `connection`; the welcome is left in f->welcome. Returns its handle. */
static int64_t
back(fixture_t *f, int64_t connection, const char *character, int64_t version)
{
    ask_join_back(f, connection, character, version, 0);
    member_loaded(f, 0, 0, 500, 500);
    return joined(f, connection, FORMAT_MSGPACK);
}

/* What is under way is committed and shown. */
static void
show(fixture_t *f)
{
    room_t *room = fixture_room(f);
    commit(f, room->epoch, room->next_number - 1);
    forget(f, MSG_PERSISTENCE_APPEND);
    forget(f, MSG_GATEWAY_ACK);
    settle(f);
}

static bool
has_left(const msg_event_welcome_t *welcome, const char *character)
{
    for (uint32_t i = 0; i < welcome->changes.left_len; i++) {
        if (strcmp(welcome->changes.left[i], character) == 0) {
            return true;
        }
    }
    return false;
}

static const obj_member_view_t *
has_member(const msg_event_welcome_t *welcome, const char *character)
{
    for (uint32_t i = 0; i < welcome->changes.members_len; i++) {
        if (strcmp(welcome->changes.members[i].character_id, character) == 0) {
            return &welcome->changes.members[i];
        }
    }
    return NULL;
}

/* ann, bob and cyd are in, and all has been shown. Returns the version of that. */
static int64_t
room_of_three(fixture_t *f, int64_t *ann, int64_t *bob, int64_t *cyd)
{
    open_room(f);
    *ann = join_at(f, 5, "ann", 500, 500);
    *bob = join_at(f, 6, "bob", 510, 500);
    *cyd = join_at(f, 7, "cyd", 520, 500);
    settle(f);
    return peek(f).room_version;
}

static void
who_comes_back_is_told_what_has_changed_and_nothing_else(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann);
    move(f, bob, 1, 515, 500);
    act(f, bob, 2, ITEM_ACTION_PICKUP, "item-22", NULL);
    show(f);
    back(f, 8, "ann", version);
    assert_false(f->welcome.has_snapshot);
    assert_true(f->welcome.has_changes);
    assert_int_equal(f->welcome.changes.since, version);
    assert_int_equal(f->welcome.changes.members_len, 2); /* cyd stands where she stood */
    assert_true(has_member(&f->welcome, "bob")->x == 515);
    assert_non_null(has_member(&f->welcome, "ann"));
    assert_int_equal(f->welcome.changes.items_len, 1);
    assert_string_equal(f->welcome.changes.items[0].holder, "bob");
    assert_int_equal(f->welcome.changes.left_len, 0); /* ann has left, and is here again */
    assert_false(f->welcome.has_chats);
    assert_false(f->welcome.has_chats_lost);
    assert_int_equal(f->welcome.room_version, peek(f).room_version);
    assert_int_equal(sim_metric(f->sim, METRIC_RESUMES, RESUME_BY_CHANGES), 1);
    assert_int_equal(sim_metric(f->sim, METRIC_RESUMES, RESUME_BY_SNAPSHOT), 0);
}

static void
leavers_are_told_once_and_not_those_who_are_here_again(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann);
    leave(f, 6, bob);
    leave(f, 6, join_at(f, 8, "bob", 1, 1));
    leave(f, 8, join_at(f, 9, "bob", 1, 1));
    leave(f, 9, fixture_room(f)->members[1].handle);
    leave(f, 7, cyd);
    join_at(f, 10, "cyd", 1, 1);
    join_at(f, 11, "dan", 1, 1);
    leave(f, 11, 0);
    back(f, 12, "ann", version);
    assert_true(f->welcome.has_changes);
    assert_int_equal(f->welcome.changes.left_len, 2);
    assert_true(has_left(&f->welcome, "bob"));
    assert_true(has_left(&f->welcome, "dan"));
    assert_int_equal(f->welcome.changes.members_len, 2);
    assert_true(has_member(&f->welcome, "cyd")->x == 1);
}

static void
who_has_it_all_is_told_of_itself_alone(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd;
    room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann);
    settle(f);
    back(f, 8, "ann", peek(f).room_version);
    assert_true(f->welcome.has_changes);
    assert_int_equal(f->welcome.changes.members_len, 1);
    assert_int_equal(f->welcome.changes.items_len + f->welcome.changes.left_len, 0);
}

static void
the_whole_is_sent_when_it_is_shorter(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    char name[16];
    for (int i = 0; i < 26; i++) { /* 24 items, bob, cyd and ann herself: 27 */
        snprintf(name, sizeof name, "c%d", i);
        leave(f, 20 + i, join_at(f, 20 + i, name, 1, 1));
    }
    leave(f, 5, ann);
    back(f, 8, "ann", version);
    assert_true(f->welcome.has_changes); /* 26 who left, and ann: as long as the whole */
    leave(f, 8, 0);
    leave(f, 50, join_at(f, 50, "one-more", 1, 1));
    back(f, 9, "ann", version);
    assert_true(f->welcome.has_snapshot);
    assert_false(f->welcome.has_changes);
    assert_int_equal(f->welcome.snapshot.members_len, 3);
    assert_false(f->welcome.has_chats_lost);
    assert_int_equal(sim_metric(f->sim, METRIC_RESUMES, RESUME_BY_SNAPSHOT), 1);
}

static void
chats_since_then_come_with_the_changes(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd;
    room_of_three(f, &ann, &bob, &cyd);
    chat(f, bob, 1, "before");
    show(f);
    int64_t version = peek(f).room_version;
    leave(f, 5, ann);
    chat(f, bob, 2, "one");
    chat(f, cyd, 1, "two");
    show(f);
    chat(f, bob, 3, "three");
    show(f);
    back(f, 8, "ann", version);
    assert_true(f->welcome.has_changes);
    assert_int_equal(f->welcome.chats_len, 3);
    assert_string_equal(f->welcome.chats[0].text, "one");
    assert_string_equal(f->welcome.chats[0].character_id, "bob");
    assert_string_equal(f->welcome.chats[1].text, "two");
    assert_string_equal(f->welcome.chats[2].text, "three");
    assert_false(f->welcome.has_chats_lost);
}

static void
a_first_join_gets_no_old_chats(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd;
    room_of_three(f, &ann, &bob, &cyd);
    chat(f, bob, 1, "before");
    show(f);
    join_at(f, 8, "dan", 1, 1);
    assert_true(f->welcome.has_snapshot);
    assert_false(f->welcome.has_chats);
    assert_false(f->welcome.has_chats_lost);
    assert_int_equal(sim_metric(f->sim, METRIC_RESUMES, RESUME_BY_SNAPSHOT), 0);
}

/* The one delicate moment: a chat is in the state, and not yet told, when somebody comes in. */
static void
a_chat_that_waits_for_its_delta_comes_once_to_who_comes_back_meanwhile(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann); /* the leading edge: what follows waits */
    chat(f, bob, 1, "hello");
    commit(f, 1, 1);
    int64_t again = back(f, 8, "ann", version);
    assert_false(f->welcome.has_chats); /* it comes with the delta ... */
    int64_t welcomed = f->welcome.room_version;
    forget(f, MSG_GATEWAY_DELTA);
    sim_advance(f->sim, 50 * ACT_MSEC);
    assert_int_equal(delta_next(f)->chats_len, 1);
    assert_true(f->delta.room_version > welcomed); /* ... and that can be told from the welcome */
    int64_t told = f->delta.room_version;
    leave(f, 8, again);
    back(f, 9, "ann", welcomed); /* the delta was lost on its way */
    assert_int_equal(f->welcome.chats_len, 1);
    leave(f, 9, 0);
    back(f, 10, "ann", told);
    assert_int_equal(f->welcome.chats_len, 0);
}

static void
chats_beyond_the_ring_are_said_to_be_lost(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    char text[16];
    leave(f, 5, ann);
    for (int i = 1; i <= ROOM_CHATS_KEPT_CAP; i++) {
        snprintf(text, sizeof text, "%d", i);
        chat(f, bob, i, text);
        show(f);
    }
    int64_t ring = back(f, 8, "ann", version);
    assert_int_equal(f->welcome.chats_len, ROOM_CHATS_KEPT_CAP); /* all there is to hear */
    assert_false(f->welcome.has_chats_lost);
    leave(f, 8, ring);
    chat(f, bob, 100, "the last");
    show(f);
    back(f, 9, "ann", version);
    assert_int_equal(f->welcome.chats_len, ROOM_CHATS_KEPT_CAP);
    assert_string_equal(f->welcome.chats[0].text, "2");
    assert_string_equal(f->welcome.chats[ROOM_CHATS_KEPT_CAP - 1].text, "the last");
    assert_true(f->welcome.has_chats_lost && f->welcome.chats_lost);
    assert_true(f->welcome.has_changes); /* who is where is known all the same */
}

static void
leavers_beyond_the_ring_make_it_a_snapshot(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    char name[16];
    int64_t members[200];
    for (int i = 0; i < 200; i++) { /* so many that the whole is never the shorter one */
        snprintf(name, sizeof name, "c%d", i);
        members[i] = join_at(f, 1 + i, name, 1, 1);
    }
    leave(f, 1, members[0]);
    settle(f);
    int64_t version = peek(f).room_version;
    for (int i = 0; i < ROOM_LEAVERS_CAP - 1; i++) { /* with c0 the ring is full */
        snprintf(name, sizeof name, "d%d", i);
        leave(f, 1000 + i, join_at(f, 1000 + i, name, 1, 1));
        if (i == 99) {
            settle(f);
            version = peek(f).room_version;
        }
    }
    settle(f);
    back(f, 2000, "who", version);
    assert_true(f->welcome.has_changes);
    assert_int_equal(f->welcome.changes.left_len, ROOM_LEAVERS_CAP - 1 - 100);
    for (int i = 0; i < 101; i++) { /* c0 and d0 to d99 are forgotten: who saw them go can still be served ... */
        snprintf(name, sizeof name, "e%d", i);
        leave(f, 3000 + i, join_at(f, 3000 + i, name, 1, 1));
    }
    leave(f, 2000, 0);
    back(f, 2001, "who", version);
    assert_true(f->welcome.has_snapshot); /* ... but now e0 to e100 and d100 and "who" are too much for the ring */
    assert_false(f->welcome.has_chats_lost);
}

static void
a_version_that_is_not_of_this_lease_gets_the_whole(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann);
    settle(f);
    back(f, 8, "ann", peek(f).room_version + 1); /* above all that was */
    assert_true(f->welcome.has_snapshot);
    assert_true(f->welcome.chats_lost);
    leave(f, 8, 0);
    back(f, 9, "ann", 0);
    assert_true(f->welcome.has_snapshot);
    assert_true(f->welcome.chats_lost);
    leave(f, 9, 0);
    chat(f, bob, 1, "in the old lease");
    show(f);
    move(f, bob, 2, 511, 500);
    tell_room(f, MSG_PERSISTENCE_APPEND_REFUSED,
              &(msg_persistence_append_refused_t){.epoch = 1, .fault = STORE_FAULT_UNAVAILABLE});
    loaded(f, 2);
    member_loaded(f, 1, 1, 510, 500);
    member_loaded(f, 0, 0, 520, 500);
    back(f, 10, "ann", version);
    assert_true(f->welcome.has_snapshot);
    assert_int_equal(f->welcome.chats_len, 1); /* what is known is told ... */
    assert_string_equal(f->welcome.chats[0].text, "in the old lease");
    assert_true(f->welcome.chats_lost); /* ... and that there may have been more */
}

/* A reload changes what is seen without a word of what: no version of before the room was open again can be resumed
 * from, also not one of the new lease that was shown while it was loaded. */
static void
a_version_of_a_half_loaded_room_gets_the_whole(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd;
    room_of_three(f, &ann, &bob, &cyd);
    move(f, bob, 1, 511, 500);
    tell_room(f, MSG_PERSISTENCE_APPEND_REFUSED,
              &(msg_persistence_append_refused_t){.epoch = 1, .fault = STORE_FAULT_UNAVAILABLE});
    loaded(f, 2);
    leave(f, 5, ann);
    sim_advance(f->sim, 50 * ACT_MSEC);
    int64_t half = delta_next(f)->room_version;
    assert_int_equal(half >> 32, 2);
    forget(f, MSG_PERSISTENCE_LOAD_MEMBER);
    sim_advance(f->sim, 6 * ACT_SEC); /* and once more from the start */
    loaded(f, 3);
    member_loaded(f, 1, 1, 512, 500);
    member_loaded(f, 0, 0, 520, 500);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
    back(f, 8, "ann", half);
    assert_true(f->welcome.has_snapshot);
    leave(f, 8, 0);
    settle(f);
    back(f, 9, "ann", peek(f).room_version);
    assert_true(f->welcome.has_changes);
}

static void
a_client_that_is_ahead_of_the_store_gets_the_whole_and_is_counted(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann);
    chat(f, bob, 1, "hello");
    show(f);
    ask_join_back(f, 8, "ann", version, 8);
    member_loaded(f, 7, 7, 500, 500);
    joined(f, 8, FORMAT_MSGPACK);
    assert_true(f->welcome.has_snapshot);
    assert_true(f->welcome.chats_lost); /* its versions are of another history */
    assert_int_equal(f->welcome.chats_len, 0);
    assert_int_equal(f->welcome.sequence, 7);
    assert_int_equal(sim_metric(f->sim, METRIC_CLIENTS_AHEAD, 0), 1);
    leave(f, 8, 0);
    ask_join_back(f, 9, "ann", version, 7);
    member_loaded(f, 7, 7, 500, 500);
    joined(f, 9, FORMAT_MSGPACK);
    assert_true(f->welcome.has_changes);
    assert_int_equal(sim_metric(f->sim, METRIC_CLIENTS_AHEAD, 0), 1);
}

static void
the_same_join_again_is_told_the_same_changes(void **state)
{
    fixture_t *f = *state;
    int64_t ann, bob, cyd, version = room_of_three(f, &ann, &bob, &cyd);
    leave(f, 5, ann);
    chat(f, bob, 1, "hello");
    show(f);
    int64_t member = back(f, 8, "ann", version);
    ask_join_back(f, 8, "ann", version, 0);
    assert_int_equal(joined(f, 8, FORMAT_MSGPACK), member);
    assert_true(f->welcome.has_changes);
    assert_int_equal(f->welcome.chats_len, 1);
    assert_int_equal(sim_metric(f->sim, METRIC_RESUMES, RESUME_BY_CHANGES), 1);
}

static void
the_largest_welcome_fits_its_frame(void **state)
{
    fixture_t *f = *state;
    open_room(f);
    char text[281];
    memset(text, '\x02', 280); /* six bytes of JSON each */
    text[280] = '\0';
    int64_t first = 0;
    for (int i = 1; i < ROOM_MEMBERS_CAP; i++) {
        msg_room_join_t join = {.connection = i, .session_id = "s", .format = FORMAT_JSON};
        snprintf(join.character_id, sizeof join.character_id, "character-%014d", i);
        memset(join.name, '\x01', 32);
        sim_ask(f->sim, MSG_ROOM_JOIN, ROOM, &join, 10 * ACT_SEC, 1);
        member_loaded(f, 0, 0, 123.45678901234567, 765.43210987654321);
        first = i == 1 ? ((const msg_room_joined_t *)take(f, MSG_ROOM_JOINED)->body)->member : first;
    }
    for (int i = 1; i <= ROOM_CHATS_KEPT_CAP; i++) {
        chat(f, first, i, text);
        show(f);
    }
    msg_room_join_t join = {
        .connection = 999, .session_id = "s", .format = FORMAT_JSON, .has_room_version = true, .room_version = 1};
    snprintf(join.character_id, sizeof join.character_id, "the-one-who-comes-back");
    memset(join.name, '\x01', 32);
    forget(f, MSG_ROOM_JOINED);
    for (int i = 0; i < 2; i++) { /* the whole, and changes that are about as long */
        join.connection++;
        sim_ask(f->sim, MSG_ROOM_JOIN, ROOM, &join, 10 * ACT_SEC, 1);
        member_loaded(f, 0, 0, 1, 1);
        forget(f, MSG_GATEWAY_END);
        const msg_room_joined_t *body = take(f, MSG_ROOM_JOINED)->body;
        decode(body->welcome, FORMAT_JSON, MSG_EVENT_WELCOME, &f->welcome);
        assert_int_equal(f->welcome.chats_len, ROOM_CHATS_KEPT_CAP);
        assert_int_equal(f->welcome.has_changes, i == 1);
        join.room_version = fixture_room(f)->base_version;
    }
    assert_int_equal(f->welcome.changes.members_len, ROOM_MEMBERS_CAP);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_comes_back_is_told_what_has_changed_and_nothing_else),
        TEST(leavers_are_told_once_and_not_those_who_are_here_again),
        TEST(who_has_it_all_is_told_of_itself_alone),
        TEST(the_whole_is_sent_when_it_is_shorter),
        TEST(chats_since_then_come_with_the_changes),
        TEST(a_first_join_gets_no_old_chats),
        TEST(a_chat_that_waits_for_its_delta_comes_once_to_who_comes_back_meanwhile),
        TEST(chats_beyond_the_ring_are_said_to_be_lost),
        TEST(leavers_beyond_the_ring_make_it_a_snapshot),
        TEST(a_version_that_is_not_of_this_lease_gets_the_whole),
        TEST(a_version_of_a_half_loaded_room_gets_the_whole),
        TEST(a_client_that_is_ahead_of_the_store_gets_the_whole_and_is_counted),
        TEST(the_same_join_again_is_told_the_same_changes),
        TEST(the_largest_welcome_fits_its_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
