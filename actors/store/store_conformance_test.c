/* What every form of the store does; here the SQLite form on a real file. */
#include "store_test_helpers.h"

#include <signal.h>
#include <sys/wait.h>

enum { AT = 1700000000 };

static int
set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    fixture_folder(self);
    fixture_open(self);
    *state = self;
    return 0;
}

static int
tear_down(void **state)
{
    fixture_t *self = *state;
    fixture_remove(self);
    free(self);
    return 0;
}

static void
reopen(fixture_t *self)
{
    self->store->close(&self->store);
    fixture_open(self);
}

static void
create(store_t *store, const char *user, const char *id)
{
    obj_character_t made;
    assert_int_equal(store->create_character(store, user, id, "Ada", AT, &made), STORE_OK);
}

static int64_t
lease(store_t *store, const char *room, uint32_t items)
{
    msg_persistence_load_room_t ask = load_make(room, items);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    return loaded.epoch;
}

static store_result_t
commit(store_t *store, const msg_persistence_append_t *appends, uint32_t count)
{
    store_report_t report;
    return store->commit(store, appends, count, AT, &report);
}

static msg_persistence_member_loaded_t
member(store_t *store, const char *id)
{
    msg_persistence_member_loaded_t loaded;
    assert_int_equal(store->load_member(store, id, &loaded), STORE_OK);
    return loaded;
}

static void
first_character_is_the_active_one_and_list_is_oldest_first(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    create(store, "u", "z");
    create(store, "u", "a");
    create(store, "other", "o");
    obj_character_t list[STORE_CHARACTERS_PER_USER];
    uint32_t count = 0;
    assert_int_equal(store->list_characters(store, "u", list, &count), STORE_OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].id, "z");
    assert_true(list[0].active);
    assert_false(list[0].suspended);
    assert_string_equal(list[1].id, "a");
    assert_false(list[1].active);
    assert_int_equal(store->list_characters(store, "nobody", list, &count), STORE_OK);
    assert_int_equal(count, 0);
}

static void
repeated_create_gives_the_same_character_once(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    obj_character_t one, two;
    assert_int_equal(store->create_character(store, "u", "c", "Ada", AT, &one), STORE_OK);
    assert_int_equal(store->create_character(store, "u", "c", "Ada", AT + 1, &two), STORE_OK);
    assert_string_equal(one.id, two.id);
    assert_string_equal(one.name, two.name);
    assert_true(two.active);
    obj_character_t list[STORE_CHARACTERS_PER_USER];
    uint32_t count;
    assert_int_equal(store->list_characters(store, "u", list, &count), STORE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(store->create_character(store, "thief", "c", "Ada", AT, &two), STORE_NOT_OWNER);
}

static void
seventeenth_character_is_over_the_limit_and_a_repeat_of_the_sixteenth_is_not(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    char id[16];
    for (int i = 0; i < STORE_CHARACTERS_PER_USER; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        create(store, "u", id);
    }
    obj_character_t made;
    assert_int_equal(store->create_character(store, "u", "more", "Ada", AT, &made), STORE_LIMIT);
    assert_int_equal(store->create_character(store, "u", "c15", "Ada", AT, &made), STORE_OK);
    assert_int_equal(store->create_character(store, "v", "more", "Ada", AT, &made), STORE_OK);
}

static void
select_moves_the_active_mark_and_only_its_owner_may(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    obj_character_t found;
    assert_int_equal(store->find_character(store, "u", NULL, &found), STORE_NOT_FOUND);
    create(store, "u", "a");
    create(store, "u", "b");
    assert_int_equal(store->select_character(store, "u", "b", &found), STORE_OK);
    assert_true(found.active);
    assert_int_equal(store->select_character(store, "u", "b", &found), STORE_OK);
    assert_int_equal(store->find_character(store, "u", NULL, &found), STORE_OK);
    assert_string_equal(found.id, "b");
    assert_int_equal(store->find_character(store, "u", "a", &found), STORE_OK);
    assert_false(found.active);
    assert_int_equal(store->select_character(store, "thief", "a", &found), STORE_NOT_OWNER);
    assert_int_equal(store->select_character(store, "u", "nobody", &found), STORE_NOT_OWNER);
    assert_int_equal(store->find_character(store, "thief", "a", &found), STORE_NOT_OWNER);
    assert_int_equal(store->find_character(store, "u", "nobody", &found), STORE_NOT_OWNER);
}

static void
hostile_text_is_only_text(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    obj_character_t made, found;
    const char *user = "u'; DROP TABLE character; --\xe2\x82\xac";
    assert_int_equal(store->create_character(store, user, "c", "\"'%s\xf0\x9f\x8e\xad", AT, &made), STORE_OK);
    assert_int_equal(store->find_character(store, user, NULL, &found), STORE_OK);
    assert_string_equal(found.name, "\"'%s\xf0\x9f\x8e\xad");
}

static void
lease_epochs_rise_over_reopens_and_seed_is_for_new_rooms_only(void **state)
{
    fixture_t *self = *state;
    assert_int_equal(lease(self->store, "plaza/main", 3), 1);
    assert_int_equal(lease(self->store, "plaza/other", 0), 1);
    reopen(self);
    msg_persistence_load_room_t ask = load_make("plaza/main", 5);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(self->store->load_room(self->store, &ask, &loaded), STORE_OK);
    assert_int_equal(loaded.epoch, 2);
    assert_string_equal(loaded.room, "plaza/main");
    assert_int_equal(loaded.items_len, 3);
    assert_string_equal(loaded.items[2].item_id, "item-2");
    assert_string_equal(loaded.items[2].kind, "ball");
    assert_false(loaded.items[2].has_holder);
    assert_true(loaded.items[2].x == 2);
}

static void
member_that_never_moved_has_no_place(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    msg_persistence_member_loaded_t loaded;
    assert_int_equal(store->load_member(store, "nobody", &loaded), STORE_NOT_FOUND);
    create(store, "u", "c");
    loaded = member(store, "c");
    assert_string_equal(loaded.character_id, "c");
    assert_false(loaded.has_room);
    assert_int_equal(loaded.sequence, 0);
    assert_int_equal(loaded.last_action_id, 0);
}

/* Sizes around the numbers of rows that INSERTs take. */
static void
batches_of_any_size_are_stored_in_order(void **state)
{
    fixture_t *self = *state;
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
    store_t *store = ((fixture_t *)*state)->store;
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

static void
item_keeps_its_last_state_of_a_batch(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
    create(store, "u", "a");
    msg_persistence_load_room_t ask = load_make("plaza/main", 2);
    int64_t epoch = lease(store, "plaza/main", 2);
    assert_int_equal(lease(store, "plaza/two", 2), 1);
    msg_persistence_append_t appends[3];
    for (int i = 0; i < 3; i++) {
        appends[i] = append_make("plaza/main", epoch, i + 1, "a", i + 1);
        appends[i].has_item = true;
        appends[i].item = ask.seed[i == 1 ? 1 : 0];
        appends[i].item.has_holder = i != 2;
        snprintf(appends[i].item.holder, sizeof(appends[i].item.holder), "a");
        appends[i].item.x = 40 + i;
    }
    assert_int_equal(commit(store, appends, 3), STORE_OK);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    assert_int_equal(loaded.items_len, 2);
    assert_false(loaded.items[0].has_holder);
    assert_true(loaded.items[0].x == 42);
    assert_true(loaded.items[1].has_holder);
    assert_string_equal(loaded.items[1].holder, "a");
    ask = load_make("plaza/two", 0); /* the other room's item of the same name is another */
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    assert_true(loaded.items[0].x == 0);
}

/* A good append and then a bad one of another room: nothing is stored, the bad one is named, the rest can be. */
static void
expect_culprit(fixture_t *self, msg_persistence_append_t bad, store_result_t expected)
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
    fixture_t *self = *state;
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
    store_t *store = ((fixture_t *)*state)->store;
    create(store, "u", "c");
    int64_t old = lease(store, "plaza/main", 0);
    int64_t epoch = lease(store, "plaza/main", 0);
    msg_persistence_append_t batch[2] = {append_make("plaza/main", epoch, 1, "c", 1),
                                         append_make("plaza/main", old, 2, "c", 2)};
    assert_int_equal(commit(store, batch, 2), STORE_STALE_EPOCH);
    assert_int_equal(member(store, "c").sequence, 0);
}

static void
find_action_looks_back_a_bounded_way(void **state)
{
    store_t *store = ((fixture_t *)*state)->store;
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
    store_t *store = ((fixture_t *)*state)->store;
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

static void
full_disk_keeps_all_that_was_stored_and_goes_on_when_there_is_room(void **state)
{
    fixture_t *self = *state;
    create(self->store, "u", "c");
    int64_t epoch = lease(self->store, "plaza/main", 0);
    int64_t schema;
    disk_limit(256 * 1024);
    int64_t stored = 0;
    store_result_t result;
    store_report_t report = {.culprit = NULL};
    do {
        msg_persistence_append_t append = append_make("plaza/main", epoch, stored + 1, "c", stored + 1);
        result = self->store->commit(self->store, &append, 1, AT, &report);
        stored += result == STORE_OK;
    } while (result == STORE_OK && stored < 1000);
    disk_limit(4096); /* the smaller write of a ping might still have fitted */
    store_result_t ping = self->store->ping(self->store, &schema);
    int64_t kept = member(self->store, "c").sequence; /* reading goes on */
    disk_limit(RLIM_INFINITY);
    assert_int_equal(result, STORE_FULL);
    assert_null(report.culprit);
    assert_int_equal(ping, STORE_FULL);
    assert_true(strlen(self->store->error_text(self->store)) > 0);
    assert_true(stored > 0);
    assert_int_equal(kept, stored);

    assert_int_equal(self->store->ping(self->store, &schema), STORE_OK);
    msg_persistence_append_t append = append_make("plaza/main", epoch, stored + 1, "c", stored + 1);
    assert_int_equal(commit(self->store, &append, 1), STORE_OK);
    reopen(self);
    assert_int_equal(member(self->store, "c").sequence, stored + 1);
}

/* Writes until it is killed, and says through the pipe how far it is. */
static _Noreturn void
child_append(const char *path, int pipe_end)
{
    char error[STORE_ERROR_MAX];
    store_t *store = store_sqlite_open(path, false, error);
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
    fixture_t *self = *state;
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
            child_append(self->path, ends[1]);
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

        fixture_open(self);
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

int
main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STORE_TEST(first_character_is_the_active_one_and_list_is_oldest_first),
        STORE_TEST(repeated_create_gives_the_same_character_once),
        STORE_TEST(seventeenth_character_is_over_the_limit_and_a_repeat_of_the_sixteenth_is_not),
        STORE_TEST(select_moves_the_active_mark_and_only_its_owner_may),
        STORE_TEST(hostile_text_is_only_text),
        STORE_TEST(lease_epochs_rise_over_reopens_and_seed_is_for_new_rooms_only),
        STORE_TEST(member_that_never_moved_has_no_place),
        STORE_TEST(batches_of_any_size_are_stored_in_order),
        STORE_TEST(largest_payload_and_every_kind_come_back),
        STORE_TEST(item_keeps_its_last_state_of_a_batch),
        STORE_TEST(bad_append_names_its_room_and_nothing_of_the_batch_is_stored),
        STORE_TEST(mixed_epochs_of_one_room_are_stale),
        STORE_TEST(find_action_looks_back_a_bounded_way),
        STORE_TEST(read_actions_starts_where_asked),
        STORE_TEST(full_disk_keeps_all_that_was_stored_and_goes_on_when_there_is_room),
        STORE_TEST(killed_writer_loses_nothing_that_it_acknowledged),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
