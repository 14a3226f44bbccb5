/* The file of the SQLite form: who may open it, and its migrations. */
#include <sqlite3.h>
#include <sys/wait.h>

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

typedef bool (*command_fn)(const char *path, FILE *out);

static bool
command(command_fn run, const fixture_t *self, char text[1024])
{
    memset(text, 0, 1024);
    FILE *out = fmemopen(text, 1024, "w");
    assert_non_null(out);
    bool done = run(self->path, out);
    assert_int_equal(fclose(out), 0);
    return done;
}

static void
missing_file_is_made_only_when_asked(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    expect_refused(self, false, "playhouse migrate up");
    assert_false(command(store_sqlite_status, self, text));
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
    assert_true(command(store_sqlite_migrate, self, text));
    assert_non_null(strstr(text, "applied 0001 init"));
    assert_true(command(store_sqlite_migrate, self, text));
    assert_null(strstr(text, "applied"));
    assert_true(command(store_sqlite_status, self, text));
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
    assert_false(command(store_sqlite_status, self, text));
    assert_non_null(strstr(text, "missing"));
    assert_true(command(store_sqlite_migrate, self, text));
    assert_true(command(store_sqlite_status, self, text));
    fixture_open(self);
}

static void
newer_schema_is_refused(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_sqlite_migrate, self, text));
    file_run(self, "INSERT INTO schema_migration VALUES (9999, 'later', 'x', 0)");
    expect_refused(self, true, "newer than this binary's");
    assert_false(command(store_sqlite_migrate, self, text));
    assert_non_null(strstr(text, "newer"));
    assert_false(command(store_sqlite_status, self, text));
}

static void
changed_migration_is_refused(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    assert_true(command(store_sqlite_migrate, self, text));
    file_run(self, "UPDATE schema_migration SET checksum = 'other' WHERE version = 1");
    expect_refused(self, true, "differs from this binary's");
    assert_false(command(store_sqlite_migrate, self, text));
}

static void
somebody_elses_file_is_refused_and_left_alone(void **state)
{
    fixture_t *self = *state;
    char text[1024];
    file_run(self, "CREATE TABLE recipe (name TEXT)");
    expect_refused(self, true, "not a store of playhouse");
    assert_false(command(store_sqlite_migrate, self, text));
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
    assert_false(command(store_sqlite_migrate, self, text));
    assert_non_null(strstr(text, "nothing of it was kept"));
    file_run(self, "DROP TABLE health; CREATE TABLE character (x INTEGER); DROP TABLE character");
    assert_true(command(store_sqlite_migrate, self, text));
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
        FILE_TEST(newer_schema_is_refused),
        FILE_TEST(changed_migration_is_refused),
        FILE_TEST(somebody_elses_file_is_refused_and_left_alone),
        FILE_TEST(file_that_is_no_database_is_refused),
        FILE_TEST(failed_migration_leaves_nothing),
        FILE_TEST(second_process_is_told_that_the_file_is_in_use),
    };
    return cmocka_run_group_tests_name("store_sqlite", tests, NULL, NULL);
}
