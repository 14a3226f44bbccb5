/* The SQLite form does what every form must do, on a real file; and what it does when the disk is full. */
#include <signal.h>

#include "store_conformance_helpers.h"
#include "store_test_helpers.h"

static store_t *
form_open(void *context, bool fresh)
{
    fixture_t *file = context;
    char error[STORE_ERROR_MAX] = "";
    if (fresh) {
        fixture_erase(file);
    }
    store_t *store = store_sqlite_open(file->path, fresh, error);
    if (store == NULL) {
        print_error("%s\n", error);
    }
    return store;
}

/* Who is gone writes nothing any more. */
static void
form_settle(void *context)
{
    (void)context;
}

static void
full_disk_keeps_all_that_was_stored_and_goes_on_when_there_is_room(void **state)
{
    subject_t *self = *state;
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

/* A batch that ends, changes and adds on a disk that is full. */
static void
full_disk_leaves_sessions_as_they_were(void **state)
{
    subject_t *self = *state;
    static obj_session_row_t batch[STORE_SESSIONS_MAX];
    session_conflict_t conflicts[STORE_SESSIONS_MAX];
    obj_session_row_t a = session_make("plaza", 1, "a", SESSION_STATE_ACTIVE);
    obj_session_row_t old = session_make("plaza", 3, "old", SESSION_STATE_ENDED);
    assert_int_equal(save_seat(self, a, 2), SESSION_CONFLICT_NONE);
    assert_int_equal(save_seat(self, session_make("plaza", 2, "b", SESSION_STATE_ACTIVE), 2), SESSION_CONFLICT_NONE);
    assert_int_equal(save_at(self, old, 0, AT - DAY), SESSION_CONFLICT_NONE);
    batch[0] = changed(a, 2, SESSION_STATE_ENDED);
    batch[1] = of_character(session_make("plaza", 4, "c", SESSION_STATE_WAITING), "character-b");
    for (int i = 2; i < STORE_SESSIONS_MAX; i++) {
        char id[25];
        snprintf(id, sizeof(id), "s%d", i);
        batch[i] = session_make("plaza", i + 4, id, SESSION_STATE_WAITING);
        memset(batch[i].user_id, 'u', sizeof(batch[i].user_id) - 1);
    }
    obj_instance_switches_t switches = {.drain = true};
    msg_persistence_sessions_t loaded;
    session_conflict_t repeat;
    int64_t schema;
    conflicts[0] = SESSION_CONFLICT_COUNT;
    disk_limit(4096);
    store_result_t saved = save_batch(self, batch, STORE_SESSIONS_MAX, 2, conflicts);
    store_result_t switched = self->store->save_instance(self->store, "plaza", &switches);
    store_result_t read = self->store->load_sessions(self->store, "plaza", 0, AT + 1, &loaded); /* `old` is due */
    store_result_t repeated = save_batch(self, &a, 1, 0, &repeat);
    store_result_t ping = self->store->ping(self->store, &schema);
    disk_limit(RLIM_INFINITY);
    assert_int_equal(saved, STORE_FULL);
    assert_int_equal(conflicts[0], SESSION_CONFLICT_COUNT); /* not written */
    assert_int_equal(switched, STORE_FULL);
    assert_true(strlen(self->store->error_text(self->store)) > 0);
    assert_int_equal(read, STORE_OK);
    assert_int_equal(loaded.sessions_len, 2);
    assert_int_equal(loaded.number, 3);
    assert_int_equal(repeated, STORE_OK); /* nothing to write */
    assert_int_equal(repeat, SESSION_CONFLICT_NONE);
    assert_int_equal(ping, STORE_FULL); /* so that did not show that there is room */

    for (int round = 0; round < 2; round++) {
        expect_live(self, "plaza", "a 1.1 active, b 2.1 active");
        obj_session_row_t one_more = session_make("plaza", 1000, "one-more", SESSION_STATE_ACTIVE);
        assert_int_equal(save_seat(self, one_more, 2), SESSION_CONFLICT_SEATS);
        assert_int_equal(self->store->load_instance(self->store, "plaza", &switches), STORE_OK);
        assert_false(switches.drain);
        reopen(self);
    }
    assert_int_equal(save_batch(self, batch, STORE_SESSIONS_MAX, 2, conflicts), STORE_OK);
    loaded = load_at(self, "plaza", 0, AT);
    assert_string_equal(loaded.sessions[0].session_id, "c");
    assert_int_equal(loaded.number, STORE_SESSIONS_MAX + 3);
}

int
main(void)
{
    fixture_t file;
    fixture_folder(&file);
    const store_conformance_t form = {
        .name = "store sqlite", .open = form_open, .settle = form_settle, .context = &file, .walks = 5};
    const struct CMUnitTest tests[] = {
        CASE(full_disk_keeps_all_that_was_stored_and_goes_on_when_there_is_room),
        CASE(full_disk_leaves_sessions_as_they_were),
    };
    int failed = store_conformance_run(&form);
    signal(SIGXFSZ, SIG_IGN);
    failed += cmocka_run_group_tests_name("store sqlite, disk full", tests, NULL, NULL);
    fixture_remove(&file);
    return failed;
}
