/* The schema of a PostgreSQL database: up, down, status, and what a start refuses. */
#include <pthread.h>

#include "store_migrations.h"
#include "store_postgres.h"
#include "store_postgres_test_helpers.h"

enum { TEXT_MAX = 4096, SHORT_TIMEOUT_MSEC = 100 };

static postgres_fixture_t postgres;

static int
set_up(void **state)
{
    (void)state;
    postgres_fixture_empty(&postgres);
    return 0;
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

typedef bool command_fn(const store_options_t *options, FILE *out);

static bool
command_within(command_fn run, int64_t timeout_msec, char text[TEXT_MAX])
{
    const store_options_t options = {.url = postgres.url, .path = "", .timeout_msec = timeout_msec};
    memset(text, 0, TEXT_MAX);
    FILE *out = fmemopen(text, TEXT_MAX, "w");
    if (out == NULL) {
        return false;
    }
    bool done = run(&options, out);
    return fclose(out) == 0 && done;
}

static void
expect_command(command_fn run, bool done, const char *said)
{
    char text[TEXT_MAX];
    if (command_within(run, POSTGRES_TIMEOUT_MSEC, text) != done || strstr(text, said) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, said);
    }
}

static void
expect_refused(const char *hint)
{
    char error[STORE_ERROR_MAX] = "";
    const store_options_t options = {.url = postgres.url, .path = "", .timeout_msec = POSTGRES_TIMEOUT_MSEC};
    assert_null(store_open(&options, error));
    if (strstr(error, hint) == NULL || strstr(error, postgres.database) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, hint);
    }
}

static void
expect_opens(void)
{
    char error[STORE_ERROR_MAX] = "";
    const store_options_t options = {.url = postgres.url, .path = "", .timeout_msec = POSTGRES_TIMEOUT_MSEC};
    store_t *store = store_open(&options, error);
    assert_string_equal(error, "");
    obj_character_t made;
    assert_int_equal(store->create_character(store, "u", "c", "Ada", 1, &made), STORE_OK);
    store->close(&store);
}

static int64_t
tables(void)
{
    return postgres_fixture_ask(&postgres, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace");
}

static void
empty_database_is_migrated_by_nobody_but_migrate_up(void **state)
{
    (void)state;
    expect_refused("playhouse migrate up");
    expect_command(store_migrate_status, false, "0001 play                     missing");
    assert_int_equal(tables(), 0);
    expect_command(store_migrate_up, true, "applied 0002 sessions");
    expect_command(store_migrate_up, true, "has schema");
    expect_command(store_migrate_status, true, "applied");
    expect_opens();
}

static void
older_newer_changed_and_holed_schemas_are_refused(void **state)
{
    (void)state;
    expect_command(store_migrate_up, true, "applied");
    postgres_fixture_do(&postgres, "INSERT INTO schema_migration VALUES (9999, 'later', 'x', 0)");
    expect_refused("newer than this binary's");
    expect_command(store_migrate_up, false, "use a newer playhouse");
    expect_command(down, false, "use a newer playhouse");
    postgres_fixture_do(&postgres, "DELETE FROM schema_migration WHERE version = 9999");
    expect_opens();
    postgres_fixture_do(&postgres, "CREATE TABLE kept AS SELECT * FROM schema_migration WHERE version = 1;"
                                   "DELETE FROM schema_migration WHERE version = 1");
    expect_refused("missing under a newer one");
    postgres_fixture_do(&postgres, "INSERT INTO schema_migration SELECT version, name, 'other', 0 FROM kept");
    expect_refused("differs from this binary's");
    expect_command(store_migrate_up, false, "differs from this binary's");
    expect_command(store_migrate_status, false, "differs from this binary's");
    postgres_fixture_do(&postgres, "DELETE FROM schema_migration");
    expect_refused("older than this binary's");
}

static void
database_of_somebody_else_is_refused_and_left_alone(void **state)
{
    (void)state;
    postgres_fixture_do(&postgres, "CREATE TABLE recipe (name text)");
    expect_refused("not a store of playhouse");
    expect_command(store_migrate_up, false, "not a store of playhouse; check store.url");
    expect_command(down, false, "not a store of playhouse");
    assert_int_equal(tables(), 1);
}

static void
what_an_extension_has_made_is_nobody_elses(void **state)
{
    (void)state;
    postgres_fixture_do(&postgres, "CREATE EXTENSION pg_stat_statements");
    assert_true(tables() > 0);
    expect_command(store_migrate_up, true, "applied 0001");
    expect_opens();
}

static void
database_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    PGconn *db = postgres_fixture_connect(&postgres, "postgres");
    postgres_fixture_run(db, "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'");
    PQfinish(db);
    postgres_fixture_name(&postgres, "latin");
    expect_refused("ENCODING 'UTF8'");
    expect_command(store_migrate_up, false, "LATIN1");
}

static void
down_says_what_would_be_lost_and_undoes_one_migration_when_told_to(void **state)
{
    (void)state;
    expect_command(down, false, "nothing to undo");
    expect_command(store_migrate_up, true, "applied");
    int64_t before = tables();
    expect_command(down_unsure, false, "every session");
    expect_command(down_unsure, false, "--yes");
    assert_int_equal(tables(), before);
    expect_opens();
    expect_command(down, true, "undone 0002 sessions");
    expect_refused("older than this binary's");
    expect_command(store_migrate_up, true, "applied 0002");
    assert_int_equal(tables(), before);
    expect_opens(); /* with the character that was made before */
}

static void
every_migration_can_be_undone_and_done_again(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        expect_command(store_migrate_up, true, "applied 0001");
        expect_opens();
        for (uint32_t i = postgres_migrations_count; i > 0; i--) {
            char undone[32];
            snprintf(undone, sizeof undone, "undone %04u", i);
            expect_command(down, true, undone);
        }
        assert_int_equal(tables(), 2); /* schema_migration and its key */
        assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM pg_proc WHERE pronamespace = "
                                                         "'public'::regnamespace"),
                         0);
    }
}

static void
migration_that_fails_leaves_nothing(void **state)
{
    (void)state;
    expect_command(store_migrate_up, true, "applied");
    expect_command(down, true, "undone 0002");
    int64_t before = tables();
    postgres_fixture_do(&postgres, "CREATE FUNCTION sessions_clean(bigint, bigint) RETURNS bigint LANGUAGE sql AS "
                                   "'SELECT 1::bigint'"); /* the name of nearly its last thing */
    expect_command(store_migrate_up, false, "nothing of it was kept");
    assert_int_equal(tables(), before);
    postgres_fixture_do(&postgres, "DROP FUNCTION sessions_clean");
    expect_command(store_migrate_up, true, "applied 0002");
    before = tables();
    postgres_fixture_do(&postgres, "CREATE VIEW mine AS SELECT id FROM instance"); /* the last thing it takes away */
    expect_command(down, false, "nothing of it was kept");
    assert_int_equal(tables(), before + 1);
    expect_opens();
}

/* ---- two at once ---- */

typedef struct migrating {
    pthread_t thread;
    bool done;
    char text[TEXT_MAX];
} migrating_t;

static void *
migrate_up(void *context)
{
    migrating_t *self = context;
    self->done = command_within(store_migrate_up, POSTGRES_TIMEOUT_MSEC, self->text);
    return NULL;
}

static void
two_at_once_migrate_one_after_the_other(void **state)
{
    (void)state;
    enum { AT_ONCE = 4 };
    migrating_t *all = calloc(AT_ONCE, sizeof *all);
    assert_non_null(all);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_create(&all[i].thread, NULL, migrate_up, &all[i]), 0);
    }
    int applied = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(all[i].thread, NULL), 0);
        assert_true(all[i].done);
        applied += strstr(all[i].text, "applied") != NULL;
    }
    free(all);
    assert_int_equal(applied, 1);
    expect_opens();
}

static void
second_one_waits_for_the_first_and_not_for_ever(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    migrating_t patient = {.done = false};
    const char *waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = "
                          "current_database()";
    expect_command(store_migrate_up, true, "applied");
    expect_command(down, true, "undone 0002");
    PGconn *first = postgres_fixture_connect(&postgres, postgres.database);
    postgres_fixture_run(first, "SELECT pg_advisory_lock(x'706c6179686f7573'::bigint)"); /* as one that migrates */
    assert_false(command_within(store_migrate_up, SHORT_TIMEOUT_MSEC, text));
    assert_non_null(strstr(text, "does another playhouse migrate it now?"));
    assert_int_equal(pthread_create(&patient.thread, NULL, migrate_up, &patient), 0);
    for (int polls = 0; postgres_fixture_ask(&postgres, waiting) == 0; polls++) {
        assert_true(polls < POSTGRES_POLLS);
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
    PQfinish(first);
    assert_int_equal(pthread_join(patient.thread, NULL), 0);
    assert_true(patient.done);
    expect_opens();
}

static void
server_that_is_away_is_said_so(void **state)
{
    (void)state;
    postgres_fixture_stop(&postgres, SIGQUIT);
    char text[TEXT_MAX];
    bool done = command_within(store_migrate_up, SHORT_TIMEOUT_MSEC, text);
    postgres_fixture_start(&postgres);
    assert_false(done);
    assert_non_null(strstr(text, "cannot connect"));
    assert_non_null(strstr(text, "store.url"));
    expect_command(store_migrate_up, true, "applied");
}

int
main(void)
{
#define MIGRATE_TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        MIGRATE_TEST(empty_database_is_migrated_by_nobody_but_migrate_up),
        MIGRATE_TEST(older_newer_changed_and_holed_schemas_are_refused),
        MIGRATE_TEST(database_of_somebody_else_is_refused_and_left_alone),
        MIGRATE_TEST(what_an_extension_has_made_is_nobody_elses),
        MIGRATE_TEST(database_that_is_not_utf8_is_refused),
        MIGRATE_TEST(down_says_what_would_be_lost_and_undoes_one_migration_when_told_to),
        MIGRATE_TEST(every_migration_can_be_undone_and_done_again),
        MIGRATE_TEST(migration_that_fails_leaves_nothing),
        MIGRATE_TEST(two_at_once_migrate_one_after_the_other),
        MIGRATE_TEST(second_one_waits_for_the_first_and_not_for_ever),
        MIGRATE_TEST(server_that_is_away_is_said_so),
    };
    postgres_fixture_open(&postgres);
    int failed = cmocka_run_group_tests_name("store postgres migrate", tests, NULL, NULL);
    postgres_fixture_close(&postgres);
    return failed;
}
