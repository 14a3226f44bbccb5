/* The suite: which sessions are taken, and which refused. */
#include "store_conformance_helpers.h"

/* Every state, every role, texts and numbers as long as the schema allows. */
static void
sessions_come_back_as_they_were_saved_also_after_a_restart(void **state)
{
    subject_t *self = *state;
    static const session_state_t states[] = {SESSION_STATE_WAITING, SESSION_STATE_CONNECTING, SESSION_STATE_ACTIVE,
                                             SESSION_STATE_GRACE};
    obj_session_row_t sessions[4];
    for (int i = 0; i < 4; i++) {
        char id[25];
        snprintf(id, sizeof(id), "session-%d", i);
        sessions[i] = session_make("plaza", i + 1, id, states[i]);
        sessions[i].role = (role_t)i;
        sessions[i].connection = sessions[i].turn = INT64_C(9007199254740991) - i;
        sessions[i].version = INT64_C(9007199254740000) + i;
        sessions[i].left_ms = i == 2 ? -1 : i * 1000;
        sessions[i].auth_until = i == 3 ? INT64_C(9007199254740991) : i * AT;
    }
    memset(sessions[0].user_id, '\'', sizeof(sessions[0].user_id) - 1);
    snprintf(sessions[0].name, sizeof(sessions[0].name), "\"'; DROP TABLE session; --%%s\xf0\x9f\x8e\xad");
    memset(sessions[1].room, 'r', sizeof(sessions[1].room) - 1);
    memset(sessions[1].holder, 'h', sizeof(sessions[1].holder) - 1);
    sessions[2].secret_len = 0;
    _Static_assert(ROLE_COUNT == 4, "each role once");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(save(self, sessions[i]), SESSION_CONFLICT_NONE);
    }
    for (int round = 0; round < 2; round++) {
        msg_persistence_sessions_t loaded = load_at(self, "plaza", 0, AT);
        assert_int_equal(loaded.sessions_len, 4);
        assert_int_equal(loaded.number, 4);
        for (int i = 0; i < 4; i++) {
            expect_same(&loaded.sessions[i], &sessions[i]);
        }
        reopen(self);
    }
    expect_live(self, "elsewhere", "");
    assert_int_equal(load_at(self, "elsewhere", 0, AT).number, 0);
}

/* Four versions in each of the 24 orders. */
static void
newest_version_is_kept_in_whatever_order_they_come(void **state)
{
    subject_t *self = *state;
    for (int order = 0; order < 24; order++) {
        char id[25];
        snprintf(id, sizeof(id), "s%02d", order);
        int left[4] = {1, 2, 3, 4};
        for (int step = 0, code = order; step < 4; code /= 4 - step, step++) {
            int at = code % (4 - step);
            obj_session_row_t session = session_make("plaza", order + 1, id, SESSION_STATE_ACTIVE);
            session.version = left[at];
            session.turn = left[at] * 10;
            session.connection = left[at] * 100;
            session.auth_until = AT - left[at]; /* also one that is sooner over */
            session.secret[0] = (uint8_t)left[at];
            snprintf(session.room, sizeof(session.room), "plaza/main-%d", left[at]);
            snprintf(session.holder, sizeof(session.holder), "holder-%d", left[at]);
            assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
            memmove(&left[at], &left[at + 1], (size_t)(3 - at) * sizeof(*left));
        }
        msg_persistence_sessions_t loaded = load_at(self, "plaza", order, AT);
        assert_int_equal(loaded.sessions_len, 1);
        assert_string_equal(loaded.sessions[0].room, "plaza/main-4");
        assert_string_equal(loaded.sessions[0].holder, "holder-4");
        assert_int_equal(loaded.sessions[0].turn, 40);
        assert_int_equal(loaded.sessions[0].connection, 400);
        assert_int_equal(loaded.sessions[0].auth_until, AT - 4);
        assert_int_equal(loaded.sessions[0].secret[0], 4);
        assert_int_equal(save(self, changed(session_make("plaza", order + 1, id, 0), 5, SESSION_STATE_ENDED)),
                         SESSION_CONFLICT_NONE);
        expect_live(self, "plaza", "");
    }
}

static void
repeat_changes_nothing(void **state)
{
    subject_t *self = *state;
    obj_session_row_t session = session_make("plaza", 1, "s", SESSION_STATE_ACTIVE);
    assert_int_equal(save_seat(self, session, 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, session, 1), SESSION_CONFLICT_NONE);
    snprintf(session.holder, sizeof(session.holder), "other"); /* of the same version: what came first */
    assert_int_equal(save_seat(self, session, 1), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "s 1.1 active");
    assert_string_equal(load_at(self, "plaza", 0, AT).sessions[0].holder, "");
}

static void
ended_is_final(void **state)
{
    subject_t *self = *state;
    obj_session_row_t session = session_make("plaza", 1, "s", SESSION_STATE_ACTIVE);
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, changed(session, 3, SESSION_STATE_ENDED)), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, changed(session, 2, SESSION_STATE_GRACE)), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, changed(session, 9, SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NONE);
    reopen(self);
    assert_int_equal(save(self, changed(session, 10, SESSION_STATE_WAITING)), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "");
    assert_int_equal(load_at(self, "plaza", 0, AT).number, 1);
}

static void
session_that_arrives_ended_stays_so_and_takes_nothing(void **state)
{
    subject_t *self = *state;
    obj_session_row_t other = of_character(session_make("beach", 1, "other", SESSION_STATE_ACTIVE), "c");
    obj_session_row_t session = of_character(session_make("plaza", 2, "s", SESSION_STATE_ACTIVE), "c");
    assert_int_equal(save(self, other), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, changed(session, 4, SESSION_STATE_ENDED), 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, changed(session, 3, SESSION_STATE_ACTIVE), 1), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "");
    expect_live(self, "beach", "other 1.1 active");
    assert_int_equal(load_at(self, "plaza", 0, AT).number, 2);
    assert_int_equal(save_seat(self, session_make("plaza", 3, "t", SESSION_STATE_ACTIVE), 1), SESSION_CONFLICT_NONE);

    /* What its number is above of is over, as if it had come in time. */
    session = of_character(session_make("plaza", 9, "u", SESSION_STATE_ENDED), "character-t");
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "");
}

static void
number_belongs_to_one_session_of_its_instance(void **state)
{
    subject_t *self = *state;
    obj_session_row_t session = session_make("plaza", 5, "a", SESSION_STATE_ACTIVE);
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, session_make("plaza", 5, "b", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NUMBER);
    assert_int_equal(save(self, session_make("plaza", 5, "b", SESSION_STATE_ENDED)), SESSION_CONFLICT_NUMBER);
    assert_int_equal(save(self, session_make("beach", 5, "b", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, session_make("plaza", 4, "late", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, session_make("plaza", 0, "zero", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NUMBER);
    assert_int_equal(save(self, changed(session, 2, SESSION_STATE_ENDED)), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, session_make("plaza", 5, "c", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NUMBER);
    expect_live(self, "plaza", "late 4.1 active");
    expect_live(self, "beach", "b 5.1 active");
}

static void
id_keeps_its_number_instance_and_character(void **state)
{
    subject_t *self = *state;
    obj_session_row_t session = session_make("plaza", 5, "a", SESSION_STATE_ACTIVE);
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    for (int round = 0; round < 2; round++) { /* live, and then ended */
        obj_session_row_t other = session_make("plaza", 6, "a", SESSION_STATE_ACTIVE);
        assert_int_equal(save(self, changed(other, 7, SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NUMBER);
        other = session_make("beach", 5, "a", SESSION_STATE_ACTIVE);
        assert_int_equal(save(self, changed(other, 7, SESSION_STATE_ENDED)), SESSION_CONFLICT_NUMBER);
        other = of_character(session, "somebody-else");
        assert_int_equal(save(self, changed(other, 7, SESSION_STATE_GRACE)), SESSION_CONFLICT_NUMBER);
        expect_live(self, "plaza", round == 0 ? "a 5.1 active" : "");
        expect_live(self, "beach", "");
        assert_int_equal(save(self, changed(session, 2, SESSION_STATE_ENDED)), SESSION_CONFLICT_NONE);
    }
}

static void
character_has_one_live_session_in_all_instances(void **state)
{
    subject_t *self = *state;
    obj_session_row_t plaza = of_character(session_make("plaza", 7, "a", SESSION_STATE_GRACE), "c");
    obj_session_row_t beach = of_character(session_make("beach", 9, "b", SESSION_STATE_WAITING), "c");
    assert_int_equal(save(self, plaza), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, beach), SESSION_CONFLICT_CHARACTER);
    assert_int_equal(load_at(self, "beach", 0, AT).number, 0); /* it was never given */
    expect_live(self, "plaza", "a 7.1 grace");
    assert_int_equal(save(self, changed(plaza, 2, SESSION_STATE_ENDED)), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, beach), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, of_character(session_make("plaza", 8, "d", SESSION_STATE_ACTIVE), "c")),
                     SESSION_CONFLICT_CHARACTER);
    expect_live(self, "beach", "b 9.1 waiting");
    expect_live(self, "plaza", "");
}

static void
higher_number_of_the_same_character_ends_the_lower_one(void **state)
{
    subject_t *self = *state;
    obj_session_row_t first = of_character(session_make("plaza", 7, "first", SESSION_STATE_ACTIVE), "c");
    obj_session_row_t second = of_character(session_make("plaza", 8, "second", SESSION_STATE_WAITING), "c");
    obj_session_row_t stale = of_character(session_make("plaza", 6, "stale", SESSION_STATE_ACTIVE), "c");
    assert_int_equal(save(self, first), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, second), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "second 8.1 waiting");
    assert_int_equal(save(self, changed(first, 5, SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "second 8.1 waiting");
    assert_int_equal(save(self, stale), SESSION_CONFLICT_CHARACTER); /* of a registry that has gone back in time */
    reopen(self);
    expect_live(self, "plaza", "second 8.1 waiting");
}

static void
seats_are_refused_over_the_limit_of_their_instance(void **state)
{
    subject_t *self = *state;
    obj_session_row_t a = session_make("plaza", 1, "a", SESSION_STATE_CONNECTING);
    obj_session_row_t b = session_make("plaza", 2, "b", SESSION_STATE_ACTIVE);
    obj_session_row_t c = session_make("plaza", 3, "c", SESSION_STATE_GRACE);
    assert_int_equal(save_seat(self, a, 2), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, session_make("beach", 1, "x", SESSION_STATE_ACTIVE), 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, b, 2), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, c, 2), SESSION_CONFLICT_SEATS);
    assert_int_equal(load_at(self, "plaza", 0, AT).number, 2);
    assert_int_equal(save_seat(self, changed(c, 1, SESSION_STATE_WAITING), 2), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, changed(c, 2, SESSION_STATE_CONNECTING), 2), SESSION_CONFLICT_SEATS);
    expect_live(self, "plaza", "a 1.1 connecting, b 2.1 active, c 3.1 waiting");

    /* Who has one keeps it, whatever the limit has become. */
    assert_int_equal(save_seat(self, changed(b, 2, SESSION_STATE_GRACE), 1), SESSION_CONFLICT_NONE);
    reopen(self);
    assert_int_equal(save_seat(self, changed(a, 2, SESSION_STATE_ACTIVE), 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, changed(c, 2, SESSION_STATE_CONNECTING), 2), SESSION_CONFLICT_SEATS);
    assert_int_equal(save_seat(self, changed(b, 3, SESSION_STATE_ENDED), 2), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, changed(c, 2, SESSION_STATE_CONNECTING), 2), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "a 1.2 active, c 3.2 connecting");
    assert_int_equal(save_seat(self, session_make("plaza", 4, "d", SESSION_STATE_ACTIVE), 2), SESSION_CONFLICT_SEATS);
    assert_int_equal(save_seat(self, session_make("plaza", 5, "e", SESSION_STATE_ACTIVE), 0), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, session_make("plaza", 6, "f", SESSION_STATE_ACTIVE), 3), SESSION_CONFLICT_SEATS);
}

static void
session_that_ends_another_may_have_its_seat(void **state)
{
    subject_t *self = *state;
    obj_session_row_t first = of_character(session_make("plaza", 1, "first", SESSION_STATE_ACTIVE), "c");
    obj_session_row_t second = of_character(session_make("plaza", 2, "second", SESSION_STATE_CONNECTING), "c");
    obj_session_row_t third = of_character(session_make("plaza", 3, "third", SESSION_STATE_WAITING), "c");
    obj_session_row_t fourth = of_character(session_make("plaza", 5, "fourth", SESSION_STATE_ACTIVE), "c");
    assert_int_equal(save_seat(self, first, 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, second, 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, third, 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, session_make("plaza", 4, "new", SESSION_STATE_ACTIVE), 1), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, fourth, 1), SESSION_CONFLICT_SEATS); /* one who waits has none to give */
    expect_live(self, "plaza", "third 3.1 waiting, new 4.1 active");
}

static void
conflict_spoils_nothing_else_in_its_batch(void **state)
{
    subject_t *self = *state;
    obj_session_row_t old = of_character(session_make("plaza", 1, "old", SESSION_STATE_ACTIVE), "c");
    assert_int_equal(save(self, old), SESSION_CONFLICT_NONE);
    assert_int_equal(save(self, of_character(session_make("beach", 1, "far", SESSION_STATE_ACTIVE), "far")),
                     SESSION_CONFLICT_NONE);
    obj_session_row_t batch[] = {
        session_make("plaza", 2, "a", SESSION_STATE_ACTIVE),
        session_make("plaza", 1, "b", SESSION_STATE_ACTIVE),                      /* old's number */
        of_character(session_make("plaza", 3, "c", SESSION_STATE_ACTIVE), "far"), /* lives on the beach */
        changed(old, 2, SESSION_STATE_ENDED),
        of_character(session_make("plaza", 4, "d", SESSION_STATE_ACTIVE), "c"), /* free a line ago */
        session_make("plaza", 5, "e", SESSION_STATE_ACTIVE),                    /* no seat left */
        changed(session_make("plaza", 2, "a", 0), 2, SESSION_STATE_GRACE),
        session_make("plaza", 6, "f", SESSION_STATE_WAITING),
        session_make("plaza", 6, "g", SESSION_STATE_WAITING), /* given two lines ago */
    };
    static const session_conflict_t expected[] = {
        SESSION_CONFLICT_NONE, SESSION_CONFLICT_NUMBER, SESSION_CONFLICT_CHARACTER,
        SESSION_CONFLICT_NONE, SESSION_CONFLICT_NONE,   SESSION_CONFLICT_SEATS,
        SESSION_CONFLICT_NONE, SESSION_CONFLICT_NONE,   SESSION_CONFLICT_NUMBER,
    };
    enum { COUNT = sizeof(batch) / sizeof(*batch) };
    session_conflict_t conflicts[COUNT];
    assert_int_equal(save_batch(self, batch, COUNT, 2, conflicts), STORE_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(conflicts[i], expected[i]);
    }
    expect_live(self, "plaza", "a 2.2 grace, d 4.1 active, f 6.1 waiting");
}

const struct CMUnitTest store_session_tests[] = {
    CASE(sessions_come_back_as_they_were_saved_also_after_a_restart),
    CASE(newest_version_is_kept_in_whatever_order_they_come),
    CASE(repeat_changes_nothing),
    CASE(ended_is_final),
    CASE(session_that_arrives_ended_stays_so_and_takes_nothing),
    CASE(number_belongs_to_one_session_of_its_instance),
    CASE(id_keeps_its_number_instance_and_character),
    CASE(character_has_one_live_session_in_all_instances),
    CASE(higher_number_of_the_same_character_ends_the_lower_one),
    CASE(seats_are_refused_over_the_limit_of_their_instance),
    CASE(session_that_ends_another_may_have_its_seat),
    CASE(conflict_spoils_nothing_else_in_its_batch),
    {0},
};
