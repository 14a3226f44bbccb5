/* The file of the SQLite form: who may open it, and its migrations. */
#include <sys/wait.h>

#include "store_migrate.h"
#include "store_migrations.h"
#include "store_sqlite_form.h"
#include "store_test_helpers.h"

static int
set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    fixture_folder(self);
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
file_run(const fixture_t *self, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
expect_refused(const fixture_t *self, bool create, const char *hint)
{
    char error[STORE_ERROR_MAX] = "";
    assert_null(store_sqlite_open(self->path, create, error));
    assert_non_null(strstr(error, self->path));
    if (strstr(error, hint) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, hint);
    }
}

typedef bool command_fn(const store_options_t *options, FILE *out);

static bool
command(command_fn run, const fixture_t *self, char text[1024])
{
    const store_options_t options = {.url = "", .path = self->path};
    memset(text, 0, 1024);
    FILE *out = fmemopen(text, 1024, "w");
    assert_non_null(out);
    bool done = run(&options, out);
    assert_int_equal(fclose(out), 0);
    return done;
}

static bool
down(const store_options_t *options, FILE *out)
{
    return store_migrate_down(options, true, out);
}

static bool
down_unsure(const store_options_t *options, FILE *out)
{
    return store_migrate_down(options, false, out);
}

static void
missing_file_is_made_only_when_asked(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    expect_refused(self, false, "playhouse migrate up");
    assert_false(command(store_migrate_status, self, text));
    assert_int_equal(access(self->path, F_OK), -1);
    fixture_open(self);
    self->store->close(&self->store);
    char error[STORE_ERROR_MAX];
    self->store = store_sqlite_open(self->path, false, error);
    assert_non_null(self->store);
}

static void
folder_that_is_not_there_is_named(void **state)
{
    fixture_t *self = *state;
    fixture_t other = *self;
    snprintf(other.path, sizeof(other.path), "%s/no/x.db", self->folder);
    expect_refused(&other, true, "store.path");
}

static void
migrate_makes_the_file_once_and_status_tells(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_migrate_up, self, text));
    assert_non_null(strstr(text, "applied 0001 init"));
    assert_true(command(store_migrate_up, self, text));
    assert_null(strstr(text, "applied"));
    assert_true(command(store_migrate_status, self, text));
    assert_non_null(strstr(text, "0001 init"));
    fixture_open(self);
}

static void
older_schema_is_refused_until_migrated(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    /* A file in which no migration is recorded stands for every older one. */
    file_run(self, "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT "
                   "NULL, applied_at INTEGER NOT NULL) STRICT");
    expect_refused(self, false, "older than this binary's");
    expect_refused(self, false, "playhouse migrate up");
    assert_false(command(store_migrate_status, self, text));
    assert_non_null(strstr(text, "missing"));
    assert_true(command(store_migrate_up, self, text));
    assert_true(command(store_migrate_status, self, text));
    fixture_open(self);
}

/* A file as the first version made it, with a character who has done something. */
static void
file_make_first(const fixture_t *self)
{
    char row[256];
    snprintf(row, sizeof(row), "INSERT INTO schema_migration VALUES (1, 'init', '%s', 0)",
             sqlite_migrations[0].checksum);
    file_run(self, "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT "
                   "NULL, applied_at INTEGER NOT NULL) STRICT");
    file_run(self, sqlite_migrations[0].up);
    file_run(self, row);
    file_run(self, "INSERT INTO character VALUES (1, 'c', 'u', 'Ada', 1, 0, 3, 4, 'plaza/main', 1, 10, 1, 0);"
                   "INSERT INTO room VALUES ('plaza/main', 5);"
                   "INSERT INTO action VALUES (1, 'c', 1, 10, 'plaza/main', 7, 'move', x'80', 0, 0)");
}

static void
file_of_the_first_version_is_migrated_and_keeps_what_it_has(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    file_make_first(self);
    expect_refused(self, true, "older than this binary's");
    assert_true(command(store_migrate_up, self, text));
    assert_null(strstr(text, "applied 0001"));
    assert_non_null(strstr(text, "applied 0002 sessions"));
    fixture_open(self);
    store_t *store = self->store;
    obj_character_t found;
    assert_int_equal(store->find_character(store, "u", NULL, &found), STORE_OK);
    assert_string_equal(found.id, "c");
    obj_action_row_t row;
    assert_int_equal(store->find_action(store, "c", 10, &row), STORE_OK);
    msg_persistence_append_t append = append_make("plaza/main", 5, 1, "c", 2);
    store_report_t report;
    assert_int_equal(store->commit(store, &append, 1, 1, &report), STORE_OK);
    msg_persistence_sessions_t sessions;
    assert_int_equal(store->load_sessions(store, "plaza", 0, 1, &sessions), STORE_OK);
    assert_int_equal(sessions.sessions_len, 0);
    assert_int_equal(sessions.number, 0);
    msg_persistence_save_session_t save = {.session = session_make("plaza", 1, "s", SESSION_STATE_ACTIVE)};
    const msg_persistence_save_session_t *saves[1] = {&save};
    session_conflict_t conflict;
    assert_int_equal(store->save_sessions(store, saves, 1, 1, &conflict), STORE_OK);
    assert_int_equal(conflict, SESSION_CONFLICT_NONE);
}

static void
second_migration_that_fails_leaves_the_first_version(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    file_make_first(self);
    file_run(self, "CREATE TABLE instance (x INTEGER)"); /* the name of its last table */
    assert_false(command(store_migrate_up, self, text));
    assert_non_null(strstr(text, "migration 2 sessions"));
    assert_non_null(strstr(text, "nothing of it was kept"));
    assert_false(command(store_migrate_status, self, text));
    assert_non_null(strstr(text, "has schema 1,"));
    file_run(self, "DROP TABLE instance; CREATE TABLE session (x INTEGER); DROP TABLE session");
    assert_true(command(store_migrate_up, self, text));
    fixture_open(self);
}

static void
down_says_what_would_be_lost_and_undoes_one_migration_when_told_to(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_false(command(down, self, text));
    assert_int_equal(access(self->path, F_OK), -1);
    fixture_open(self);
    obj_character_t made;
    assert_int_equal(self->store->create_character(self->store, "u", "c", "Ada", 1, &made), STORE_OK);
    assert_int_equal(self->store->mute_character(self->store, "c", 5), STORE_OK);
    assert_false(command(down, self, text)); /* it is in use */
    assert_non_null(strstr(text, "another process uses it"));
    self->store->close(&self->store);

    assert_false(command(down_unsure, self, text));
    assert_non_null(strstr(text, "who is muted"));
    assert_non_null(strstr(text, "--yes"));
    assert_true(command(store_migrate_status, self, text));
    assert_true(command(down, self, text));
    assert_non_null(strstr(text, "undone 0003"));
    expect_refused(self, true, "older than this binary's");
    assert_true(command(store_migrate_up, self, text));
    assert_non_null(strstr(text, "applied 0003"));
    fixture_open(self);
    msg_persistence_member_loaded_t loaded;
    assert_int_equal(self->store->load_member(self->store, "c", &loaded), STORE_OK);
    assert_int_equal(loaded.muted_until, 0); /* that is what was lost */
}

static void
every_migration_can_be_undone_and_done_again(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    for (int round = 0; round < 2; round++) {
        assert_true(command(store_migrate_up, self, text));
        for (uint32_t i = sqlite_migrations_count; i > 0; i--) {
            char undone[24];
            snprintf(undone, sizeof(undone), "undone %04u", i);
            assert_true(command(down, self, text));
            assert_non_null(strstr(text, undone));
        }
        assert_false(command(down, self, text));
        assert_non_null(strstr(text, "nothing to undo"));
        file_run(self,
                 "CREATE TABLE checked (x INTEGER CHECK (x = 2));" /* itself, and schema_migration */
                 "INSERT INTO checked SELECT count(*) FROM sqlite_schema WHERE type = 'table'; DROP TABLE checked");
    }
    assert_true(command(store_migrate_up, self, text));
    fixture_open(self);
}

static void
down_that_fails_changes_nothing(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_migrate_up, self, text));
    file_run(self, "CREATE INDEX mine ON session (auth_until)"); /* the last thing that it takes away */
    assert_false(command(down, self, text));
    assert_non_null(strstr(text, "nothing of it was kept"));
    file_run(self, "UPDATE character SET muted_until = 0; DROP INDEX mine");
    assert_true(command(store_migrate_status, self, text));
    assert_true(command(down, self, text));
}

static void
hole_in_the_migrations_is_refused(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_migrate_up, self, text));
    file_run(self, "DELETE FROM schema_migration WHERE version = 2");
    expect_refused(self, true, "missing under a newer one");
    assert_false(command(store_migrate_up, self, text));
    assert_false(command(down, self, text));
}

static void
newer_schema_is_refused(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_migrate_up, self, text));
    file_run(self, "INSERT INTO schema_migration VALUES (9999, 'later', 'x', 0)");
    expect_refused(self, true, "newer than this binary's");
    assert_false(command(store_migrate_up, self, text));
    assert_non_null(strstr(text, "newer"));
    assert_false(command(store_migrate_status, self, text));
}

static void
changed_migration_is_refused(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_migrate_up, self, text));
    file_run(self, "UPDATE schema_migration SET checksum = 'other' WHERE version = 1");
    expect_refused(self, true, "differs from this binary's");
    assert_false(command(store_migrate_up, self, text));
}

static void
somebody_elses_file_is_refused_and_left_alone(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    file_run(self, "CREATE TABLE recipe (name TEXT)");
    expect_refused(self, true, "not a store of playhouse");
    assert_false(command(store_migrate_up, self, text));
    file_run(self, "INSERT INTO recipe VALUES ('cake')");
}

static void
file_that_is_no_database_is_refused(void **state)
{
    fixture_t *self = *state;
    FILE *file = fopen(self->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fputs("this is not a database. ", file);
    }
    assert_int_equal(fclose(file), 0);
    expect_refused(self, true, "not a database");
}

static void
failed_migration_leaves_nothing(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    /* The name of its last table is taken, so the migration fails at its end. */
    file_run(self, "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT "
                   "NULL, applied_at INTEGER NOT NULL) STRICT; CREATE TABLE health (x INTEGER)");
    assert_false(command(store_migrate_up, self, text));
    assert_non_null(strstr(text, "nothing of it was kept"));
    file_run(self, "DROP TABLE health; CREATE TABLE character (x INTEGER); DROP TABLE character");
    assert_true(command(store_migrate_up, self, text));
}

/* By its end and as one that arrives ended; nothing else of the port would show it. */
static void
session_that_has_ended_leaves_no_secret_behind(void **state)
{
    fixture_t *self = *state;
    msg_persistence_save_session_t rows[3] = {
        {.session = session_make("plaza", 1, "a", SESSION_STATE_ACTIVE)},
        {.session = session_make("plaza", 1, "a", SESSION_STATE_ENDED)},
        {.session = session_make("plaza", 2, "b", SESSION_STATE_ENDED)},
    };
    const msg_persistence_save_session_t *saves[3] = {&rows[0], &rows[1], &rows[2]};
    session_conflict_t conflicts[3];
    rows[1].session.version = 2;
    fixture_open(self);
    assert_int_equal(self->store->save_sessions(self->store, saves, 3, 1, conflicts), STORE_OK);
    self->store->close(&self->store);
    file_run(self, "CREATE TABLE checked (ended INTEGER CHECK (ended = 2), secrets INTEGER CHECK (secrets = 0));"
                   "INSERT INTO checked SELECT count(*), sum(length(secret)) FROM session WHERE state = 'ended'");
}

static void
second_process_is_told_that_the_file_is_in_use(void **state)
{
    fixture_t *self = *state;
    fixture_open(self);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char error[STORE_ERROR_MAX] = "";
        store_t *second = store_sqlite_open(self->path, true, error);
        _exit(second == NULL && strstr(error, "another process uses it") != NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    obj_character_t made; /* and the first one did not notice */
    assert_int_equal(self->store->create_character(self->store, "u", "c", "Ada", 1, &made), STORE_OK);
}

int
main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FILE_TEST(missing_file_is_made_only_when_asked),
        FILE_TEST(folder_that_is_not_there_is_named),
        FILE_TEST(migrate_makes_the_file_once_and_status_tells),
        FILE_TEST(older_schema_is_refused_until_migrated),
        FILE_TEST(file_of_the_first_version_is_migrated_and_keeps_what_it_has),
        FILE_TEST(second_migration_that_fails_leaves_the_first_version),
        FILE_TEST(down_says_what_would_be_lost_and_undoes_one_migration_when_told_to),
        FILE_TEST(every_migration_can_be_undone_and_done_again),
        FILE_TEST(down_that_fails_changes_nothing),
        FILE_TEST(hole_in_the_migrations_is_refused),
        FILE_TEST(newer_schema_is_refused),
        FILE_TEST(changed_migration_is_refused),
        FILE_TEST(somebody_elses_file_is_refused_and_left_alone),
        FILE_TEST(file_that_is_no_database_is_refused),
        FILE_TEST(failed_migration_leaves_nothing),
        FILE_TEST(session_that_has_ended_leaves_no_secret_behind),
        FILE_TEST(second_process_is_told_that_the_file_is_in_use),
    };
    return cmocka_run_group_tests_name("store_sqlite", tests, NULL, NULL);
}
