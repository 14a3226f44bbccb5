/* The suite: finding and reading actions, and forgetting them. */
#include "store_conformance_helpers.h"

static void
find_action_looks_back_a_bounded_way(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    static msg_persistence_append_t appends[STORE_FIND_STEPS_MAX + 1];
    create(store, "u", "c");
    create(store, "u", "fresh");
    int64_t epoch = lease(store, "plaza/main", 0);
    for (int i = 0; i <= STORE_FIND_STEPS_MAX; i++) {
        appends[i] = append_make("plaza/main", epoch, i + 1, "c", i + 1);
    }
    assert_int_equal(commit(store, appends, STORE_FIND_STEPS_MAX + 1), STORE_OK);
    obj_action_row_t row;
    assert_int_equal(store->find_action(store, "c", 10, &row), STORE_NOT_FOUND); /* one step too far */
    assert_int_equal(store->find_action(store, "c", 20, &row), STORE_OK);
    assert_int_equal(row.sequence, 2);
    assert_int_equal(store->find_action(store, "c", 25, &row), STORE_NOT_FOUND); /* between two */
    assert_int_equal(store->find_action(store, "c", 99999, &row), STORE_NOT_FOUND);
    assert_int_equal(store->find_action(store, "fresh", 10, &row), STORE_NOT_FOUND);
    assert_int_equal(store->find_action(store, "nobody", 10, &row), STORE_NOT_FOUND);
}

static void
read_actions_starts_where_asked(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    static msg_persistence_append_t appends[100];
    create(store, "u", "c");
    int64_t epoch = lease(store, "plaza/main", 0);
    for (int i = 0; i < 100; i++) {
        appends[i] = append_make("plaza/main", epoch, i + 1, "c", i + 1);
    }
    assert_int_equal(commit(store, appends, 100), STORE_OK);
    obj_action_row_t rows[STORE_READ_ACTIONS];
    uint32_t count;
    assert_int_equal(store->read_actions(store, "c", 0, rows, &count), STORE_OK);
    assert_int_equal(count, STORE_READ_ACTIONS);
    assert_int_equal(rows[0].sequence, 1);
    assert_int_equal(store->read_actions(store, "c", 90, rows, &count), STORE_OK);
    assert_int_equal(count, 11);
    assert_int_equal(rows[0].sequence, 90);
    assert_int_equal(rows[10].sequence, 100);
    assert_int_equal(store->read_actions(store, "c", 101, rows, &count), STORE_OK);
    assert_int_equal(count, 0);
    assert_int_equal(store->read_actions(store, "nobody", 0, rows, &count), STORE_NOT_FOUND);
}

/* Appends `count` actions of a character, from `sequence` on, all accepted at one time. */
static void
append_at(store_t *store, int64_t epoch, const char *id, int64_t sequence, int count, int64_t at)
{
    static msg_persistence_append_t appends[STORE_BATCH_MAX];
    store_report_t report;
    for (int i = 0; i < count; i++) {
        appends[i] = append_make("plaza/main", epoch, sequence + i, id, sequence + i);
    }
    assert_int_equal(store->commit(store, appends, (uint32_t)count, at, &report), STORE_OK);
}

/* Steps until there is no more to do. */
static void
maintain(store_t *store, int64_t at, int64_t keep_msec)
{
    bool more = true;
    for (int steps = 0; more; steps++) {
        assert_true(steps < 100);
        assert_int_equal(store->maintain(store, at, keep_msec, &more), STORE_OK);
    }
}

static void
expect_kept(store_t *store, const char *id, int64_t first, int64_t last)
{
    obj_action_row_t rows[STORE_READ_ACTIONS];
    uint32_t count;
    assert_int_equal(store->read_actions(store, id, 0, rows, &count), STORE_OK);
    assert_int_equal(count, last - first + 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].sequence, first + i);
    }
    assert_int_equal(store->find_action(store, id, first * 10, &rows[0]), count > 0 ? STORE_OK : STORE_NOT_FOUND);
    assert_int_equal(store->find_action(store, id, (first - 1) * 10, &rows[0]), STORE_NOT_FOUND);
}

/* In whole hours: a form may forget an hour at a time. */
static void
old_actions_are_forgotten_younger_ones_kept_and_the_sequence_goes_on(void **state)
{
    subject_t *self = *state;
    const int64_t start = AT - AT % HOUR;
    create(self->store, "u", "a");
    create(self->store, "u", "old");
    int64_t epoch = lease(self->store, "plaza/main", 0);
    append_at(self->store, epoch, "a", 1, 5, start);
    append_at(self->store, epoch, "old", 1, 9, start + HOUR);
    append_at(self->store, epoch, "a", 6, 5, start + 2 * HOUR);
    append_at(self->store, epoch, "a", 11, 5, start + 9 * HOUR);
    maintain(self->store, start + 10 * HOUR, 0);
    expect_kept(self->store, "a", 1, 15);
    maintain(self->store, start + 10 * HOUR, 10 * HOUR);
    expect_kept(self->store, "a", 1, 15);
    maintain(self->store, start + 10 * HOUR, 9 * HOUR);
    expect_kept(self->store, "a", 6, 15);
    expect_kept(self->store, "old", 1, 9);
    maintain(self->store, start + 10 * HOUR, 4 * HOUR);
    reopen(self);
    expect_kept(self->store, "a", 11, 15);
    expect_kept(self->store, "old", 10, 9);

    assert_int_equal(member(self->store, "old").sequence, 9);
    assert_int_equal(member(self->store, "old").last_action_id, 90);
    msg_persistence_append_t again = append_make("plaza/main", epoch, 1, "old", 9);
    assert_int_equal(commit(self->store, &again, 1), STORE_GAP); /* forgotten, and yet not taken a second time */
    append_at(self->store, epoch, "old", 10, 1, start + 10 * HOUR);
    append_at(self->store, epoch, "a", 16, 1, start + 10 * HOUR);
    expect_kept(self->store, "old", 10, 10);
    expect_kept(self->store, "a", 11, 16);
}

static void
long_log_is_forgotten_in_bounded_steps_while_it_grows(void **state)
{
    subject_t *self = *state;
    const int64_t start = AT - AT % HOUR;
    create(self->store, "u", "a");
    create(self->store, "u", "b");
    int64_t epoch = lease(self->store, "plaza/main", 0);
    for (int hour = 0; hour < 4; hour++) {
        append_at(self->store, epoch, "a", 1 + hour * 1000, 1000, start + hour * HOUR);
    }
    int64_t now = start + 20 * HOUR;
    bool more = true;
    int steps = 0;
    for (; more; steps++) {
        assert_true(steps < 100);
        append_at(self->store, epoch, "b", 1 + steps, 1, now);
        assert_int_equal(self->store->maintain(self->store, now, HOUR, &more), STORE_OK);
    }
    assert_true(steps > 1);
    expect_kept(self->store, "a", 4001, 4000);
    expect_kept(self->store, "b", 1, steps);
    append_at(self->store, epoch, "a", 4001, 1, now);
    expect_kept(self->store, "a", 4001, 4001);
}

const struct CMUnitTest store_log_tests[] = {
    CASE(find_action_looks_back_a_bounded_way),
    CASE(read_actions_starts_where_asked),
    CASE(old_actions_are_forgotten_younger_ones_kept_and_the_sequence_goes_on),
    CASE(long_log_is_forgotten_in_bounded_steps_while_it_grows),
    {0},
};
