/* The suite: what is kept of sessions and instances, and for how long. */
#include "store_conformance_helpers.h"

static void
expect_left(const subject_t *self, int64_t at, int64_t left_ms)
{
    msg_persistence_sessions_t loaded = load_at(self, "plaza", 0, at);
    assert_int_equal(loaded.sessions_len, 1);
    assert_int_equal(loaded.sessions[0].left_ms, left_ms);
}

static void
time_left_runs_on_while_nobody_looks(void **state)
{
    subject_t *self = *state;
    obj_session_row_t session = session_make("plaza", 1, "s", SESSION_STATE_GRACE);
    session.left_ms = 60000;
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    expect_left(self, AT, 60000);
    expect_left(self, AT + 59999, 1);
    reopen(self);
    expect_left(self, AT + 60000, 0);
    expect_left(self, AT + 60001, 0); /* not -1: that is for good */
    expect_left(self, AT + 30 * DAY, 0);
    expect_left(self, AT - 5000, 65000); /* the clock was put back */
    session.version = 2;
    session.left_ms = 0;
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    expect_left(self, AT, 0);
    session.version = 3;
    session.left_ms = -1;
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    expect_left(self, AT + 30 * DAY, -1);
    session.version = 4;
    session.left_ms = INT64_C(9007199254740991);
    assert_int_equal(save(self, session), SESSION_CONFLICT_NONE);
    expect_left(self, AT, INT64_C(9007199254740991));
    expect_left(self, AT - 1, INT64_C(9007199254740991)); /* what the schema allows */
}

/* Every third ended in between, and another instance has the same numbers. */
static void
thousand_sessions_are_read_sixteen_at_a_time(void **state)
{
    subject_t *self = *state;
    enum { COUNT = 1000, LIVE = COUNT - COUNT / 3 };
    static obj_session_row_t batch[STORE_SESSIONS_MAX];
    session_conflict_t conflicts[STORE_SESSIONS_MAX];
    for (int instance = 0; instance < 2; instance++) {
        uint32_t fill = 0;
        for (int i = 1; i <= COUNT; i++) {
            char id[25];
            snprintf(id, sizeof(id), "%s-%d", instance == 0 ? "p" : "b", i);
            session_state_t now = i % 3 == 0 ? SESSION_STATE_ENDED : SESSION_STATE_ACTIVE;
            batch[fill++] = session_make(instance == 0 ? "plaza" : "beach", i, id, now);
            if (fill == STORE_SESSIONS_MAX || i == COUNT) {
                assert_int_equal(save_batch(self, batch, fill, COUNT, conflicts), STORE_OK);
                for (uint32_t k = 0; k < fill; k++) {
                    assert_int_equal(conflicts[k], SESSION_CONFLICT_NONE);
                }
                fill = 0;
            }
        }
    }
    reopen(self);
    int seen = 0, pages = 0;
    int64_t after = 0;
    for (msg_persistence_sessions_t page = load_at(self, "plaza", after, AT); page.sessions_len > 0;
         page = load_at(self, "plaza", after, AT), pages++) {
        assert_int_equal(page.number, COUNT);
        for (uint32_t i = 0; i < page.sessions_len; i++, seen++) {
            int64_t next = after + (after % 3 == 2 ? 2 : 1);
            char id[25];
            snprintf(id, sizeof(id), "p-%d", (int)next);
            assert_int_equal(page.sessions[i].number, next);
            assert_string_equal(page.sessions[i].session_id, id);
            after = next;
        }
    }
    assert_int_equal(seen, LIVE);
    assert_int_equal(pages, (LIVE + STORE_READ_SESSIONS - 1) / STORE_READ_SESSIONS);
    obj_session_row_t one_more = session_make("plaza", COUNT + 1, "one-more", SESSION_STATE_ACTIVE);
    assert_int_equal(save_seat(self, one_more, LIVE), SESSION_CONFLICT_SEATS);
    assert_int_equal(save_seat(self, one_more, LIVE + 1), SESSION_CONFLICT_NONE);
}

static void
what_ended_over_a_day_ago_is_forgotten_and_its_number_is_not(void **state)
{
    subject_t *self = *state;
    obj_session_row_t live = session_make("plaza", 1, "live", SESSION_STATE_ACTIVE);
    obj_session_row_t old = session_make("plaza", 9, "old", SESSION_STATE_ENDED);
    obj_session_row_t younger = session_make("plaza", 4, "younger", SESSION_STATE_ENDED);
    obj_session_row_t beach = session_make("beach", 3, "beach", SESSION_STATE_ENDED);
    assert_int_equal(save_at(self, live, 0, AT), SESSION_CONFLICT_NONE);
    assert_int_equal(save_at(self, old, 0, AT), SESSION_CONFLICT_NONE);
    assert_int_equal(save_at(self, beach, 0, AT), SESSION_CONFLICT_NONE);
    assert_int_equal(save_at(self, younger, 0, AT + 1), SESSION_CONFLICT_NONE);
    load_at(self, "plaza", 0, AT + DAY); /* to the day, and not over it */
    assert_int_equal(save(self, old), SESSION_CONFLICT_NONE);
    load_at(self, "plaza", 1, AT + DAY + 1); /* only the first page cleans up */
    assert_int_equal(save(self, old), SESSION_CONFLICT_NONE);

    msg_persistence_sessions_t loaded = load_at(self, "plaza", 0, AT + DAY + 1);
    assert_int_equal(loaded.sessions_len, 1);
    assert_int_equal(loaded.number, 9);
    assert_int_equal(save(self, old), SESSION_CONFLICT_NUMBER);
    assert_int_equal(save(self, younger), SESSION_CONFLICT_NONE); /* is still known to have ended */
    assert_int_equal(save(self, session_make("plaza", 8, "new", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NUMBER);
    assert_int_equal(save(self, changed(live, 2, SESSION_STATE_GRACE)), SESSION_CONFLICT_NONE);
    assert_int_equal(load_at(self, "beach", 0, AT + DAY + 1).number, 3);
    reopen(self);
    load_at(self, "plaza", 0, AT + 2 * DAY);
    assert_int_equal(save(self, younger), SESSION_CONFLICT_NUMBER);
    assert_int_equal(load_at(self, "plaza", 0, AT).number, 9); /* 4 came later, and is not the highest */
    assert_int_equal(save(self, session_make("plaza", 9, "new", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NUMBER);
    assert_int_equal(save(self, session_make("plaza", 10, "new", SESSION_STATE_ACTIVE)), SESSION_CONFLICT_NONE);
    expect_live(self, "plaza", "live 1.2 grace, new 10.1 active");
}

static void
each_save_forgets_as_much_as_it_may_bring(void **state)
{
    subject_t *self = *state;
    enum { COUNT = 10 };
    obj_session_row_t old[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char id[25];
        snprintf(id, sizeof(id), "old-%d", i);
        old[i] = session_make("plaza", i + 1, id, SESSION_STATE_ENDED);
        assert_int_equal(save_at(self, old[i], 0, AT - 2 * DAY + i), SESSION_CONFLICT_NONE);
    }
    obj_session_row_t batch[3] = {session_make("plaza", 11, "a", SESSION_STATE_ACTIVE),
                                  session_make("plaza", 12, "b", SESSION_STATE_ACTIVE),
                                  session_make("beach", 1, "c", SESSION_STATE_ACTIVE)};
    session_conflict_t conflicts[3];
    assert_int_equal(save_batch(self, batch, 3, 0, conflicts), STORE_OK);
    assert_int_equal(save(self, old[2]), SESSION_CONFLICT_NUMBER); /* the three that ended first */
    assert_int_equal(save(self, old[3]), SESSION_CONFLICT_NUMBER); /* and one by the line above */
    assert_int_equal(save(self, old[9]), SESSION_CONFLICT_NONE);
}

static void
switches_are_kept_for_each_instance(void **state)
{
    subject_t *self = *state;
    store_t *store = self->store;
    obj_instance_switches_t read = {.capacity = 77};
    assert_int_equal(store->load_instance(store, "plaza", &read), STORE_OK);
    assert_true(read.capacity == 0 && !read.drain && !read.maintenance && read.ends_at == 0);
    assert_string_equal(read.message, "");
    obj_instance_switches_t plaza = {.capacity = 1000000, .drain = true, .ends_at = AT};
    obj_instance_switches_t beach = {.maintenance = true, .ends_at = INT64_C(9007199254740991)};
    memset(beach.message, '"', sizeof(beach.message) - 1);
    assert_int_equal(store->save_instance(store, "plaza", &beach), STORE_OK);
    assert_int_equal(store->save_instance(store, "plaza", &plaza), STORE_OK);
    assert_int_equal(store->save_instance(store, "beach", &beach), STORE_OK);
    assert_int_equal(save_at(self, session_make("plaza", 5, "s", SESSION_STATE_ENDED), 0, AT), SESSION_CONFLICT_NONE);
    assert_int_equal(save_at(self, session_make("fresh", 5, "t", SESSION_STATE_ENDED), 0, AT), SESSION_CONFLICT_NONE);
    assert_int_equal(load_at(self, "plaza", 0, AT + 2 * DAY).number, 5);
    reopen(self);
    store = self->store;
    assert_int_equal(store->load_instance(store, "plaza", &read), STORE_OK);
    assert_true(read.capacity == 1000000 && read.drain && !read.maintenance && read.ends_at == AT);
    assert_string_equal(read.message, "");
    assert_int_equal(store->load_instance(store, "beach", &read), STORE_OK);
    assert_true(read.capacity == 0 && !read.drain && read.maintenance && read.ends_at == beach.ends_at);
    assert_string_equal(read.message, beach.message);
    assert_int_equal(store->load_instance(store, "fresh", &read), STORE_OK); /* its row is only of its number */
    assert_true(read.capacity == 0 && !read.drain && !read.maintenance && read.ends_at == 0);
    assert_int_equal(store->save_instance(store, "plaza", &beach), STORE_OK);
    assert_int_equal(load_at(self, "plaza", 0, AT).number, 5); /* and switching keeps it */
}

const struct CMUnitTest store_kept_tests[] = {
    CASE(time_left_runs_on_while_nobody_looks),
    CASE(thousand_sessions_are_read_sixteen_at_a_time),
    CASE(what_ended_over_a_day_ago_is_forgotten_and_its_number_is_not),
    CASE(each_save_forgets_as_much_as_it_may_bring),
    CASE(switches_are_kept_for_each_instance),
    {0},
};
