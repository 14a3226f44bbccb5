/* The connection of the PostgreSQL form: lost and made anew, bounded in time, and what its errors say. */
#include "store_postgres.h"
#include "store_proxy_test_helpers.h"
#include "store_test_rows.h"

#define AT INT64_C(1700000000000)

enum { TIMEOUT_MSEC = 2000, AT_ONCE_MSEC = 50 };

static postgres_fixture_t postgres;

static int64_t
now_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
set_up(void **state)
{
    char error[STORE_ERROR_MAX] = "";
    obj_character_t made;
    postgres_fixture_fresh(&postgres);
    store_t *store = store_postgres_open(postgres.url, TIMEOUT_MSEC, error);
    assert_string_equal(error, "");
    assert_int_equal(store->create_character(store, "u", "c", "Ada", AT, &made), STORE_OK);
    *state = store;
    return 0;
}

static int
tear_down(void **state)
{
    store_t *store = *state;
    if (store != NULL) {
        store->close(&store);
    }
    return 0;
}

static void
expect_says(const char *text, const char *word)
{
    if (strstr(text, word) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, word);
    }
}

static void
connection_that_was_cut_while_nobody_used_it_is_made_anew_without_a_word(void **state)
{
    store_t *store = *state;
    msg_persistence_load_room_t ask = load_make("plaza/main", 1);
    msg_persistence_room_loaded_t loaded;
    msg_persistence_member_loaded_t member;
    store_report_t report;
    obj_character_t found;
    int64_t schema;
    for (int i = 0; i < 4; i++) {
        postgres_fixture_do(&postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                       "WHERE application_name = 'playhouse'");
        store_result_t results[] = {
            i == 0 ? store->load_room(store, &ask, &loaded) : STORE_OK,
            i == 1 ? store->load_member(store, "c", &member) : STORE_OK,
            i == 2 ? store->create_character(store, "u", "d", "Bob", AT, &found) : STORE_OK,
            i == 3 ? store->mute_character(store, "c", AT) : STORE_OK,
        };
        assert_int_equal(results[i], STORE_OK);
    }
    assert_int_equal(store->load_member(store, "c", &member), STORE_OK);
    assert_int_equal(member.muted_until, AT);
    assert_int_equal(store->ping(store, &schema), STORE_OK);
    msg_persistence_append_t append = append_make("plaza/main", loaded.epoch, 1, "c", 1);
    assert_int_equal(store->commit(store, &append, 1, AT, &report), STORE_OK);
    assert_int_equal(report.reconnects, 4);
}

static void
server_that_is_away_costs_no_time_between_tries_and_is_found_again(void **state)
{
    store_t *store = *state;
    obj_character_t found;
    int64_t schema;
    postgres_fixture_stop(&postgres, SIGINT);
    assert_int_equal(store->find_character(store, "u", "c", &found), STORE_UNAVAILABLE);
    for (int i = 0; i < 200; i++) { /* with its folder there, and no server: each try is short too */
        int64_t begin = now_msec();
        assert_int_equal(store->ping(store, &schema), STORE_UNAVAILABLE);
        assert_true(now_msec() - begin <= AT_ONCE_MSEC);
    }
    expect_says(store->error_text(store), "cannot connect to PostgreSQL");
    expect_says(store->error_text(store), "store.url");
    postgres_fixture_start(&postgres);
    int64_t begin = now_msec();
    while (store->find_character(store, "u", "c", &found) != STORE_OK) {
        assert_true(now_msec() - begin <= 2000 + TIMEOUT_MSEC); /* the longest pause between tries */
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
    assert_string_equal(found.name, "Ada");
    assert_int_equal(store->ping(store, &schema), STORE_OK);
    assert_true(schema >= 1);
}

static void
statement_that_waits_for_a_lock_is_given_up_in_time_and_the_connection_kept(void **state)
{
    store_t *store = *state;
    msg_persistence_load_room_t ask = load_make("plaza/main", 1);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    postgres_fixture_do(&postgres, "BEGIN; SELECT 1 FROM room FOR UPDATE");
    int64_t begin = now_msec();
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_UNAVAILABLE);
    assert_true(now_msec() - begin < TIMEOUT_MSEC);
    expect_says(store->error_text(store), "57014");
    postgres_fixture_do(&postgres, "ROLLBACK");
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    assert_int_equal(loaded.epoch, 2); /* the one that was given up is not there */
    assert_int_equal(loaded.items_len, 1);
    store_report_t report;
    msg_persistence_append_t append = append_make("plaza/main", 2, 1, "c", 1);
    assert_int_equal(store->commit(store, &append, 1, AT, &report), STORE_OK);
    assert_int_equal(report.reconnects, 0);
}

static void
answer_that_never_comes_counts_as_a_lost_connection_after_the_time(void **state)
{
    store_t *store;
    char error[STORE_ERROR_MAX] = "";
    obj_character_t found;
    proxy_t proxy;
    (void)state;
    proxy_open(&proxy, &postgres);
    store = store_postgres_open(proxy.url, TIMEOUT_MSEC, error);
    assert_non_null(store);
    assert_int_equal(store->find_character(store, "u", "c", &found), STORE_OK);
    atomic_store(&proxy.mode, PROXY_HANG);
    int64_t begin = now_msec();
    assert_int_equal(store->find_character(store, "u", "c", &found), STORE_UNAVAILABLE);
    int64_t took = now_msec() - begin;
    assert_true(took >= TIMEOUT_MSEC && took <= TIMEOUT_MSEC + AT_ONCE_MSEC * 10);
    expect_says(store->error_text(store), "store.timeout_ms");
    assert_int_equal(store->find_character(store, "u", "c", &found), STORE_OK);
    store->close(&store);
    proxy_shut(&proxy);
}

static void
server_that_accepts_and_is_silent_is_given_up_in_time(void **state)
{
    char error[STORE_ERROR_MAX] = "", url[200];
    struct sockaddr_un address = proxy_address(&postgres, PROXY_PORT);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    snprintf(url, sizeof url, "postgresql://postgres@/x?host=%s&port=%d", postgres.folder, PROXY_PORT);
    int64_t begin = now_msec();
    assert_null(store_postgres_open(url, 300, error));
    assert_true(now_msec() - begin <= 300 + AT_ONCE_MSEC * 10);
    expect_says(error, "no answer within ");
    close(listener);
    unlink(address.sun_path);
}

static void
standby_is_named_as_one(void **state)
{
    store_t *store = *state;
    int64_t schema;
    char sql[128];
    snprintf(sql, sizeof sql, "ALTER DATABASE %s SET default_transaction_read_only = on", postgres.database);
    postgres_fixture_do(&postgres, sql);
    postgres_fixture_do(&postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                   "WHERE application_name = 'playhouse'");
    assert_int_equal(store->mute_character(store, "c", 1), STORE_UNAVAILABLE);
    expect_says(store->error_text(store), "standby");
    assert_int_equal(store->ping(store, &schema), STORE_UNAVAILABLE);
    snprintf(sql, sizeof sql, "ALTER DATABASE %s RESET default_transaction_read_only", postgres.database);
    postgres_fixture_do(&postgres, "SET transaction_read_only = off; SET default_transaction_read_only = off");
    postgres_fixture_do(&postgres, sql);
    int64_t begin = now_msec();
    while (store->ping(store, &schema) != STORE_OK) { /* it looks for the primary by itself */
        assert_true(now_msec() - begin <= 2000 + TIMEOUT_MSEC);
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
}

static void
password_is_in_no_error(void **state)
{
    static const char *const urls[] = {
        "postgresql://user:s3cret@127.0.0.1:1/db",
        "postgresql://user:s3cret@x@127.0.0.1:1/db",
        "postgresql://user:x@s3cret@127.0.0.1:1/db",
        "postgresql://user:x/s3cret@127.0.0.1:1/db",
        "postgresql://user:s3cret",
        "postgresql://user:s3cret@127.0.0.1:s3cret/db",
        "postgresql://user@127.0.0.1:1/db?password=s3cret",
        "postgresql://user@127.0.0.1:1/db?s3cret",
        "host=127.0.0.1 port=1 password=s3cret",
        "s3cret",
        "postgresql://user:%s3cret@127.0.0.1:1/db",
        "postgresql://user@127.0.0.1:1/db?sslmode=s3cret&password=s3cret",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        char error[STORE_ERROR_MAX] = "";
        assert_null(store_postgres_open(urls[i], 300, error));
        assert_true(strlen(error) > 20);
        expect_says(error, "store.url");
        if (strstr(error, "s3cret") != NULL) {
            fail_msg("%s: %s", urls[i], error);
        }
    }
}

static void
database_that_was_never_migrated_is_refused(void **state)
{
    char error[STORE_ERROR_MAX] = "";
    (void)state;
    postgres_fixture_empty(&postgres);
    assert_null(store_postgres_open(postgres.url, TIMEOUT_MSEC, error));
    expect_says(error, "playhouse migrate up");
}

int
main(void)
{
#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LINK_TEST(connection_that_was_cut_while_nobody_used_it_is_made_anew_without_a_word),
        LINK_TEST(server_that_is_away_costs_no_time_between_tries_and_is_found_again),
        LINK_TEST(statement_that_waits_for_a_lock_is_given_up_in_time_and_the_connection_kept),
        LINK_TEST(answer_that_never_comes_counts_as_a_lost_connection_after_the_time),
        LINK_TEST(server_that_accepts_and_is_silent_is_given_up_in_time),
        LINK_TEST(standby_is_named_as_one),
        LINK_TEST(password_is_in_no_error),
        cmocka_unit_test(database_that_was_never_migrated_is_refused),
    };
    postgres_fixture_open(&postgres);
    int failed = cmocka_run_group_tests_name("store postgres", tests, NULL, NULL);
    postgres_fixture_close(&postgres);
    return failed;
}
