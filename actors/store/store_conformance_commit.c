/* The suite: batches of actions, and what a bad one leaves. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_conformance_helpers.h"

/* Sizes around the numbers of rows that INSERTs take. */
static void
batches_of_any_size_are_stored_in_order(void **state)
{
    subject_t *self = *state;
    static msg_persistence_append_t appends[STORE_BATCH_MAX];
    static const uint32_t sizes[] = {1, 7, 8, 9, 31, 32, 33, 41, 256, STORE_BATCH_MAX};
    create(self->store, "u", "a");
    create(self->store, "u", "b");
    int64_t epoch = lease(self->store, "plaza/main", 0);
    int64_t done = 0;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        for (uint32_t i = 0; i < sizes[s]; i++, done++) {
            appends[i] = append_make("plaza/main", epoch, done + 1, done % 2 == 0 ? "a" : "b", done / 2 + 1);
        }
        assert_int_equal(commit(self->store, appends, sizes[s]), STORE_OK);
    }
    reopen(self);
    obj_action_row_t rows[STORE_READ_ACTIONS];
    uint32_t count = 1;
    int64_t next = 1;
    while (count > 0) {
        assert_int_equal(self->store->read_actions(self->store, "b", next, rows, &count), STORE_OK);
        for (uint32_t i = 0; i < count; i++, next++) {
            char payload[32];
            int length = snprintf(payload, sizeof(payload), "move %d", (int)next);
            assert_int_equal(rows[i].sequence, next);
            assert_int_equal(rows[i].action_id, next * 10);
            assert_string_equal(rows[i].character_id, "b");
            assert_string_equal(rows[i].room, "plaza/main");
            assert_int_equal(rows[i].kind, ACTION_KIND_MOVE);
            assert_int_equal(rows[i].payload_len, length);
            assert_memory_equal(rows[i].payload, payload, (size_t)length);
        }
    }
    assert_int_equal(next - 1, done / 2);
    msg_persistence_member_loaded_t b = member(self->store, "b");
    assert_int_equal(b.sequence, done / 2);
    assert_int_equal(b.last_action_id, done / 2 * 10);
    assert_true(b.has_room);
    assert_string_equal(b.room, "plaza/main");
    assert_true(b.x == (double)(done / 2 % 1000) && b.y == 7);
}

static void
largest_payload_and_every_kind_come_back(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    create(store, "u", "c");
    int64_t epoch = lease(store, "plaza/main", 0);
    for (int kind = 0; kind < ACTION_KIND_COUNT; kind++) {
        msg_persistence_append_t append = append_make("plaza/main", epoch, kind + 1, "c", kind + 1);
        append.action.kind = (action_kind_t)kind;
        append.action.payload_len = kind == 0 ? 0 : sizeof(append.action.payload);
        memset(append.action.payload, kind, sizeof(append.action.payload));
        assert_int_equal(commit(store, &append, 1), STORE_OK);
        obj_action_row_t row;
        assert_int_equal(store->find_action(store, "c", append.action.action_id, &row), STORE_OK);
        assert_int_equal(row.kind, kind);
        assert_int_equal(row.payload_len, append.action.payload_len);
        assert_memory_equal(row.payload, append.action.payload, row.payload_len);
    }
}

/* A good append and then a bad one of another room: nothing is stored, the bad one is named, the rest can be. */
static void
expect_culprit(subject_t *self, msg_persistence_append_t bad, store_result_t expected)
{
    msg_persistence_member_loaded_t before = member(self->store, "good");
    int64_t epoch = lease(self->store, "plaza/good", 0);
    msg_persistence_append_t batch[2] = {append_make("plaza/good", epoch, 1, "good", before.sequence + 1), bad};
    store_report_t report;
    assert_int_equal(self->store->commit(self->store, batch, 2, AT, &report), expected);
    assert_ptr_equal(report.culprit, &batch[1]);
    assert_int_equal(member(self->store, "good").sequence, before.sequence);
    assert_int_equal(self->store->commit(self->store, batch, 1, AT, &report), STORE_OK);
    assert_int_equal(member(self->store, "good").sequence, before.sequence + 1);
}

static void
bad_append_names_its_room_and_nothing_of_the_batch_is_stored(void **state)
{
    subject_t *self = *state;
    create(self->store, "u", "good");
    create(self->store, "u", "c");
    int64_t epoch = lease(self->store, "plaza/main", 1);
    msg_persistence_append_t first = append_make("plaza/main", epoch, 1, "c", 1);
    assert_int_equal(commit(self->store, &first, 1), STORE_OK);

    expect_culprit(self, append_make("plaza/main", epoch + 1, 2, "c", 2), STORE_STALE_EPOCH);
    expect_culprit(self, append_make("plaza/unknown", 1, 1, "c", 2), STORE_STALE_EPOCH);
    expect_culprit(self, append_make("plaza/main", epoch, 2, "c", 1), STORE_GAP);
    expect_culprit(self, append_make("plaza/main", epoch, 2, "c", 3), STORE_GAP);
    expect_culprit(self, append_make("plaza/main", epoch, 2, "nobody", 1), STORE_NOT_FOUND);
    msg_persistence_append_t bad = append_make("plaza/main", epoch, 2, "c", 2);
    bad.action.action_id = first.action.action_id; /* a second time under a new sequence */
    expect_culprit(self, bad, STORE_GAP);
    bad = append_make("plaza/main", epoch, 2, "c", 2);
    bad.has_item = true;
    snprintf(bad.item.item_id, sizeof(bad.item.item_id), "unknown");
    expect_culprit(self, bad, STORE_NOT_FOUND);
    assert_int_equal(member(self->store, "c").sequence, 1);
    lease(self->store, "plaza/main", 0);
    expect_culprit(self, append_make("plaza/main", epoch, 2, "c", 2), STORE_STALE_EPOCH);
    reopen(self);
    expect_culprit(self, append_make("plaza/main", epoch + 1, 1, "c", 1), STORE_GAP);
    msg_persistence_append_t next = append_make("plaza/main", epoch + 1, 1, "c", 2);
    assert_int_equal(commit(self->store, &next, 1), STORE_OK);
}

static void
mixed_epochs_of_one_room_are_stale(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    create(store, "u", "c");
    int64_t old = lease(store, "plaza/main", 0);
    int64_t epoch = lease(store, "plaza/main", 0);
    msg_persistence_append_t batch[2] = {append_make("plaza/main", epoch, 1, "c", 1),
                                         append_make("plaza/main", old, 2, "c", 2)};
    assert_int_equal(commit(store, batch, 2), STORE_STALE_EPOCH);
    assert_int_equal(member(store, "c").sequence, 0);
}

/* Writes until it is killed, and says through the pipe how far it is. */
static _Noreturn void
child_append(int pipe_end)
{
    store_t *store = store_form->open(store_form->context, false);
    msg_persistence_load_room_t ask = load_make("plaza/main", 0);
    static msg_persistence_room_loaded_t loaded;
    static msg_persistence_member_loaded_t c;
    bool good = store != NULL && store->load_room(store, &ask, &loaded) == STORE_OK &&
                store->load_member(store, "c", &c) == STORE_OK;
    for (int64_t done = c.sequence; good;) {
        static msg_persistence_append_t appends[20];
        uint32_t count = (uint32_t)(done % 20) + 1;
        for (uint32_t i = 0; i < count; i++) {
            appends[i] = append_make("plaza/main", loaded.epoch, done + i + 1, "c", done + i + 1);
        }
        store_report_t report;
        good = store->commit(store, appends, count, AT, &report) == STORE_OK;
        done += count;
        good = good && write(pipe_end, &done, sizeof(done)) == sizeof(done);
    }
    _exit(1);
}

static void
killed_writer_loses_nothing_that_it_acknowledged(void **state)
{
    subject_t *self = *state;
    create(self->store, "u", "c");
    int64_t floor = 0;
    for (int round = 0; round < 5; round++) {
        self->store->close(&self->store);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            child_append(ends[1]);
        }
        close(ends[1]);
        int64_t acked = 0;
        for (int i = 0; i < 7 + round * 5; i++) {
            assert_int_equal(read(ends[0], &acked, sizeof(acked)), sizeof(acked));
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &acked, sizeof(acked)) == sizeof(acked)) {
        }
        close(ends[0]);
        assert_true(acked > floor);

        store_form->settle(store_form->context);
        self->store = store_form->open(store_form->context, false);
        assert_non_null(self->store);
        int64_t kept = member(self->store, "c").sequence;
        assert_true(kept >= acked && kept <= acked + 20); /* at most one batch that was not acknowledged */
        obj_action_row_t rows[STORE_READ_ACTIONS];
        uint32_t count = 1;
        int64_t next = 1;
        while (count > 0) {
            assert_int_equal(self->store->read_actions(self->store, "c", next, rows, &count), STORE_OK);
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(rows[i].sequence, next++);
            }
        }
        assert_int_equal(next - 1, kept);
        floor = kept;
    }
}

const struct CMUnitTest store_commit_tests[] = {
    CASE(batches_of_any_size_are_stored_in_order),
    CASE(largest_payload_and_every_kind_come_back),
    CASE(bad_append_names_its_room_and_nothing_of_the_batch_is_stored),
    CASE(mixed_epochs_of_one_room_are_stale),
    CASE(killed_writer_loses_nothing_that_it_acknowledged),
    {0},
};
