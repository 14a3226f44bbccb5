/* A commit on PostgreSQL when something goes wrong on its way, and when another does it at the same time. */
#include "store_postgres.h"
#include "store_proxy_test_helpers.h"
#include "store_test_rows.h"

#define AT INT64_C(1700000000000)
#define HOUR INT64_C(3600000)

enum { TIMEOUT_MSEC = 8000, HANG_TIMEOUT_MSEC = 2000, RESTART_TIMEOUT_MSEC = 60000 /* a slow machine's */ };

static postgres_fixture_t postgres;

/* A store through the proxy, with a character "c" in a room, and one action of it. */
typedef struct fixture {
    proxy_t proxy;
    store_t *store;
    int64_t epoch;
    int64_t sequence; /* c's last */
} fixture_t;

static store_t *
store_on(const char *url, int64_t timeout_msec)
{
    char error[STORE_ERROR_MAX] = "";
    store_t *store = store_postgres_open(url, timeout_msec, error);
    assert_string_equal(error, "");
    assert_non_null(store);
    return store;
}

static int64_t
lease(store_t *store, const char *room)
{
    msg_persistence_load_room_t ask = load_make(room, 1);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    return loaded.epoch;
}

static store_result_t
commit_next(fixture_t *self, store_report_t *report)
{
    msg_persistence_append_t appends[2];
    for (int i = 0; i < 2; i++) {
        appends[i] = append_make("plaza/main", self->epoch, self->sequence + 1 + i, "c", self->sequence + 1 + i);
    }
    return self->store->commit(self->store, appends, 2, AT, report);
}

static void
fixture_start(fixture_t *self, int64_t timeout_msec)
{
    obj_character_t made;
    store_report_t report;
    self->store = store_on(self->proxy.url, timeout_msec);
    assert_int_equal(self->store->create_character(self->store, "u", "c", "Ada", AT, &made), STORE_OK);
    self->epoch = lease(self->store, "plaza/main");
    assert_int_equal(commit_next(self, &report), STORE_OK);
    assert_false(report.unknown);
    self->sequence = 2;
}

static int
set_up(void **state)
{
    fixture_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    postgres_fixture_fresh(&postgres);
    proxy_open(&self->proxy, &postgres);
    *state = self;
    return 0;
}

static int
tear_down(void **state)
{
    fixture_t *self = *state;
    if (self->store != NULL) {
        self->store->close(&self->store);
    }
    proxy_shut(&self->proxy);
    free(self);
    return 0;
}

/* Each action of c once, up to `sequence`, and c stands there. */
static void
expect_log(int64_t sequence)
{
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM action"), sequence);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(DISTINCT sequence) FROM action"), sequence);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT sequence FROM character WHERE id = 'c'"), sequence);
}

static void
commit_breaks(fixture_t *self, proxy_mode_t mode, commit_became_t became)
{
    store_report_t report;
    atomic_store(&self->proxy.mode, mode);
    assert_int_equal(commit_next(self, &report), STORE_OK);
    assert_true(report.unknown);
    assert_int_equal(report.became, became);
    assert_int_equal(report.reconnects, 1);
    assert_null(report.culprit);
    self->sequence += 2;
    expect_log(self->sequence);
    assert_int_equal(commit_next(self, &report), STORE_OK); /* and on it goes */
    assert_false(report.unknown);
    assert_int_equal(report.reconnects, 0);
    self->sequence += 2;
    expect_log(self->sequence);
}

static void
batch_whose_answer_is_lost_is_found_and_not_stored_twice(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    commit_breaks(self, PROXY_CUT_ANSWER, COMMIT_BECAME_STORED);
}

static void
batch_that_is_lost_on_its_way_is_sent_again(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    commit_breaks(self, PROXY_CUT_QUERY, COMMIT_BECAME_NOT_STORED);
}

static void
answer_that_never_comes_is_asked_for_within_the_time(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, HANG_TIMEOUT_MSEC);
    commit_breaks(self, PROXY_HANG, COMMIT_BECAME_STORED);
}

/* A commit in a thread of its own, so that the test can act meanwhile. */
typedef struct commit_thread {
    fixture_t *fixture;
    pthread_t thread;
    store_report_t report;
    store_result_t result;
} commit_thread_t;

static void *
commit_run(void *context)
{
    commit_thread_t *self = context;
    self->result = commit_next(self->fixture, &self->report);
    return NULL;
}

static void
commit_start(commit_thread_t *self, fixture_t *fixture)
{
    memset(self, 0, sizeof(*self));
    self->fixture = fixture;
    assert_int_equal(pthread_create(&self->thread, NULL, commit_run, self), 0);
}

static void
wait_for(const char *sql, int64_t value)
{
    for (int polls = 0; postgres_fixture_ask(&postgres, sql) != value; polls++) {
        assert_true(polls < POSTGRES_POLLS);
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
}

#define WAITING "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

/* The old backend works on, held up by somebody else, while the store asks what became of the batch: it has to wait. */
static void
old_backend_that_still_works_is_waited_for(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    PGconn *other = postgres_fixture_connect(&postgres, postgres.database);
    postgres_fixture_run(other, "BEGIN; SELECT 1 FROM character WHERE id = 'c' FOR UPDATE");
    commit_thread_t commit;
    atomic_store(&self->proxy.mode, PROXY_HANG);
    commit_start(&commit, self);
    wait_for(WAITING, 1);
    atomic_store(&self->proxy.cut_now, true);
    wait_for(WAITING, 2);
    postgres_fixture_run(other, "ROLLBACK");
    PQfinish(other);
    assert_int_equal(pthread_join(commit.thread, NULL), 0);
    assert_int_equal(commit.result, STORE_OK);
    assert_true(commit.report.unknown);
    assert_int_equal(commit.report.became, COMMIT_BECAME_STORED);
    expect_log(self->sequence + 2);
}

/* And when a newer lease is given out meanwhile, the answer is still the true one. */
static void
stored_batch_is_found_also_under_a_newer_lease(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    commit_thread_t commit;
    PGconn *other = postgres_fixture_connect(&postgres, postgres.database);
    atomic_store(&self->proxy.mode, PROXY_HANG);
    postgres_fixture_run(other, "BEGIN; SELECT 1 FROM character WHERE id = 'c' FOR UPDATE");
    commit_start(&commit, self);
    wait_for(WAITING, 1);
    atomic_store(&self->proxy.cut_now, true);
    wait_for(WAITING, 2); /* the old backend, and the one that asks */
    store_t *second = store_on(postgres.url, TIMEOUT_MSEC);
    postgres_fixture_run(other, "ROLLBACK");
    PQfinish(other);
    assert_int_equal(lease(second, "plaza/main"), self->epoch + 1);
    assert_int_equal(pthread_join(commit.thread, NULL), 0);
    assert_int_equal(commit.result, STORE_OK);
    assert_int_equal(commit.report.became, COMMIT_BECAME_STORED);
    second->close(&second);
    self->sequence += 2;
    expect_log(self->sequence);
    store_report_t report;
    assert_int_equal(commit_next(self, &report), STORE_STALE_EPOCH);
    assert_non_null(report.culprit);
    expect_log(self->sequence);
}

/* A batch is on its way when the server is killed and started again; the n-th of its test. The store's answer, and that
 * it is true. */
static store_result_t
killed_under_commit(fixture_t *self, int n, proxy_mode_t mode, int signal_number)
{
    commit_thread_t commit;
    atomic_store(&self->proxy.mode, mode);
    commit_start(&commit, self);
    proxy_wait(&self->proxy, n);
    postgres_fixture_stop(&postgres, signal_number);
    postgres_fixture_start(&postgres);
    assert_int_equal(pthread_join(commit.thread, NULL), 0);
    assert_true(commit.report.unknown);
    int64_t stored = postgres_fixture_ask(&postgres, "SELECT sequence FROM character WHERE id = 'c'");
    if (commit.result == STORE_OK) {
        assert_true(commit.report.became != COMMIT_BECAME_NOT_KNOWN);
        assert_int_equal(stored, self->sequence + 2);
    } else {
        assert_int_equal(commit.result, STORE_UNAVAILABLE);
        assert_int_equal(commit.report.became, COMMIT_BECAME_NOT_KNOWN);
        assert_true(stored == self->sequence || stored == self->sequence + 2);
    }
    self->sequence = stored;
    expect_log(stored);
    return commit.result;
}

/* Before it has the batch, while it works on it, and when it has stored it. */
static void
stopped_server_that_comes_back_leaves_each_batch_stored_once(void **state)
{
    static const proxy_mode_t points[] = {PROXY_CUT_QUERY, PROXY_CUT_CLIENT, PROXY_HANG, PROXY_CUT_ANSWER};
    fixture_t *self = *state;
    fixture_start(self, RESTART_TIMEOUT_MSEC);
    for (int i = 0; i < (int)(sizeof points / sizeof *points); i++) {
        assert_int_equal(killed_under_commit(self, i + 1, points[i], SIGQUIT), STORE_OK);
    }
}

/* What is left of a server whose head is killed may keep who asks waiting for all of the time. */
static void
killed_server_leaves_each_batch_whole_and_once(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    killed_under_commit(self, 1, PROXY_CUT_CLIENT, SIGKILL);
    killed_under_commit(self, 2, PROXY_CUT_ANSWER, SIGKILL);
}

static void
server_that_stays_away_leaves_a_batch_not_known_in_bounded_time(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, HANG_TIMEOUT_MSEC);
    commit_thread_t commit;
    atomic_store(&self->proxy.mode, PROXY_HANG);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    commit_start(&commit, self);
    proxy_wait(&self->proxy, 1);
    postgres_fixture_stop(&postgres, SIGQUIT);
    assert_int_equal(pthread_join(commit.thread, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    postgres_fixture_start(&postgres);
    assert_int_equal(commit.result, STORE_UNAVAILABLE);
    assert_true(commit.report.unknown);
    assert_int_equal(commit.report.became, COMMIT_BECAME_NOT_KNOWN);
    int64_t msec = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
    assert_true(msec <= 5 * HANG_TIMEOUT_MSEC);
}

static void
row_that_is_locked_costs_half_of_the_time_and_the_commit_is_known_to_have_failed(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, HANG_TIMEOUT_MSEC);
    postgres_fixture_do(&postgres, "BEGIN; SELECT 1 FROM character WHERE id = 'c' FOR UPDATE");
    store_report_t report;
    assert_int_equal(commit_next(self, &report), STORE_UNAVAILABLE);
    assert_false(report.unknown);
    assert_null(report.culprit);
    assert_non_null(strstr(self->store->error_text(self->store), "57014"));
    assert_true(report.usec < HANG_TIMEOUT_MSEC * 1000);
    postgres_fixture_do(&postgres, "ROLLBACK");
    expect_log(self->sequence);
    assert_int_equal(commit_next(self, &report), STORE_OK);
    assert_int_equal(report.reconnects, 0);
}

static void
older_lease_is_stale_for_a_store_that_has_not_heard_of_the_newer_one(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    store_t *second = store_on(postgres.url, TIMEOUT_MSEC);
    store_report_t report;
    int64_t epoch = lease(second, "plaza/main");
    assert_int_equal(epoch, self->epoch + 1);
    assert_int_equal(commit_next(self, &report), STORE_STALE_EPOCH);
    msg_persistence_append_t append = append_make("plaza/main", epoch, 1, "c", self->sequence + 1);
    assert_int_equal(second->commit(second, &append, 1, AT, &report), STORE_OK);
    int64_t other = lease(self->store, "plaza/other");
    msg_persistence_append_t late = append_make("plaza/other", other, 1, "c", self->sequence + 1);
    assert_int_equal(self->store->commit(self->store, &late, 1, AT, &report), STORE_GAP);
    assert_ptr_equal(report.culprit, &late);
    second->close(&second);
    expect_log(self->sequence + 1);
}

/* One of several stores on one database. */
typedef struct worker {
    pthread_t thread;
    int number;
    int failed, made, refused;
    pthread_barrier_t *pace;
} worker_t;

enum { WORKERS = 3, ROUNDS = 60, BATCH = 20, CREATES = 10, PACE = 4 };

static void *
worker_commits(void *context)
{
    worker_t *self = context;
    static _Thread_local msg_persistence_append_t appends[BATCH];
    char room[32], error[STORE_ERROR_MAX];
    store_t *store = store_postgres_open(postgres.url, TIMEOUT_MSEC, error);
    msg_persistence_load_room_t ask;
    assert_non_null(store);
    static _Thread_local msg_persistence_room_loaded_t loaded;
    snprintf(room, sizeof(room), "plaza/room-%d", self->number);
    ask = load_make(room, 0);
    self->failed = store->load_room(store, &ask, &loaded) != STORE_OK;
    for (int round = 0; round < ROUNDS; round++) {
        if (round % PACE == 0) { /* their clocks agree by an hour */
            pthread_barrier_wait(self->pace);
        }
        for (int i = 0; i < BATCH; i++) {
            char id[24]; /* each store in an order of its own */
            int who = self->number % 2 == 0 ? i : BATCH - 1 - i;
            snprintf(id, sizeof(id), "c-%d-%d", self->number, who);
            appends[i] = append_make(room, loaded.epoch, round * BATCH + i + 1, id, round + 1);
        }
        store_report_t report;
        if (store->commit(store, appends, BATCH, AT + round * HOUR / 4, &report) != STORE_OK) {
            print_error("commit: %s\n", store->error_text(store));
            self->failed++;
        }
        bool more = true; /* all of them look after the log; the first who comes does */
        for (int steps = 0; more && steps < 10; steps++) {
            if (store->maintain(store, AT + round * HOUR / 4, 4 * HOUR, &more) != STORE_OK) {
                print_error("maintain: %s\n", store->error_text(store));
                self->failed++;
            }
        }
    }
    store->close(&store);
    return NULL;
}

static void
partitions_come_and_go_while_several_stores_commit(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    postgres_fixture_do(&postgres, "INSERT INTO character (id, user_id, name, created_at) "
                                   "SELECT 'c-' || n || '-' || i, 'u-' || n || '-' || i, 'Ada', 1 "
                                   "FROM generate_series(0, 2) n, generate_series(0, 19) i");
    pthread_barrier_t pace;
    worker_t workers[WORKERS] = {{.number = 0}, {.number = 1}, {.number = 2}};
    assert_int_equal(pthread_barrier_init(&pace, NULL, WORKERS), 0);
    for (int i = 0; i < WORKERS; i++) {
        workers[i].pace = &pace;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_commits, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].failed, 0);
    }
    pthread_barrier_destroy(&pace);
    bool more = true;
    int64_t now = AT + (ROUNDS - 1) * HOUR / 4;
    for (int steps = 0; more; steps++) {
        assert_true(steps < 100);
        assert_int_equal(self->store->maintain(self->store, now, 4 * HOUR, &more), STORE_OK);
    }
    /* What is kept, the hour that it begins in, and two hours ahead: and no table beside them. */
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM action_partition"), 4 + 1 + 2);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = "
                                                     "i.inhparent WHERE c.relname = 'action'"),
                     4 + 1 + 2);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname "
                                                     "LIKE 'action\\_2%'"),
                     4 + 1 + 2);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT min(sequence) FROM character WHERE id LIKE 'c-%'"),
                     ROUNDS);
}

static void
partition_in_use_is_taken_out_later_and_holds_up_nobody(void **state)
{
    fixture_t *self = *state;
    fixture_start(self, TIMEOUT_MSEC);
    bool more = false;
    store_report_t report;
    PGconn *reader = postgres_fixture_connect(&postgres, postgres.database);
    postgres_fixture_run(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM action");
    assert_int_equal(self->store->maintain(self->store, AT + 9 * HOUR, 4 * HOUR, &more), STORE_OK);
    assert_false(more);
    msg_persistence_append_t next = append_make("plaza/main", self->epoch, 3, "c", 3);
    assert_int_equal(self->store->commit(self->store, &next, 1, AT + 9 * HOUR, &report), STORE_OK);
    assert_true(report.usec < TIMEOUT_MSEC * 1000 / 4);
    assert_int_equal(
        postgres_fixture_ask(&postgres, "SELECT count(*) FROM action_partition WHERE lower <= 1700000000000"), 1);
    postgres_fixture_run(reader, "COMMIT");
    PQfinish(reader);
    assert_int_equal(self->store->maintain(self->store, AT + 9 * HOUR, 4 * HOUR, &more), STORE_OK);
    assert_int_equal(
        postgres_fixture_ask(&postgres, "SELECT count(*) FROM action_partition WHERE lower <= 1700000000000"), 0);
    obj_action_row_t row;
    assert_int_equal(self->store->find_action(self->store, "c", 10, &row), STORE_NOT_FOUND);
    assert_int_equal(self->store->find_action(self->store, "c", 30, &row), STORE_OK);
}

static void *
worker_creates(void *context)
{
    worker_t *self = context;
    char error[STORE_ERROR_MAX], id[32];
    store_t *store = store_postgres_open(postgres.url, TIMEOUT_MSEC, error);
    for (int i = 0; i < CREATES && store != NULL; i++) {
        obj_character_t made;
        snprintf(id, sizeof(id), "mine-%d-%d", self->number, i);
        store_result_t result = store->create_character(store, "same", id, "Ada", AT, &made);
        self->made += result == STORE_OK;
        self->refused += result == STORE_LIMIT;
        result = store->select_character(store, "same", id, &made);
        self->failed += result != STORE_OK && result != STORE_NOT_OWNER;
    }
    if (store != NULL) {
        store->close(&store);
    }
    return NULL;
}

static void
user_on_several_stores_has_no_more_characters_than_on_one_and_one_is_active(void **state)
{
    (void)state;
    worker_t workers[WORKERS] = {{.number = 0}, {.number = 1}, {.number = 2}};
    int made = 0, refused = 0;
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_creates, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].failed, 0);
        made += workers[i].made;
        refused += workers[i].refused;
    }
    assert_int_equal(made, STORE_CHARACTERS_PER_USER);
    assert_int_equal(refused, WORKERS * CREATES - STORE_CHARACTERS_PER_USER);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM character WHERE active"), 1);
}

int
main(void)
{
#define COMMIT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        COMMIT_TEST(batch_whose_answer_is_lost_is_found_and_not_stored_twice),
        COMMIT_TEST(batch_that_is_lost_on_its_way_is_sent_again),
        COMMIT_TEST(answer_that_never_comes_is_asked_for_within_the_time),
        COMMIT_TEST(old_backend_that_still_works_is_waited_for),
        COMMIT_TEST(stored_batch_is_found_also_under_a_newer_lease),
        COMMIT_TEST(stopped_server_that_comes_back_leaves_each_batch_stored_once),
        COMMIT_TEST(killed_server_leaves_each_batch_whole_and_once),
        COMMIT_TEST(server_that_stays_away_leaves_a_batch_not_known_in_bounded_time),
        COMMIT_TEST(row_that_is_locked_costs_half_of_the_time_and_the_commit_is_known_to_have_failed),
        COMMIT_TEST(older_lease_is_stale_for_a_store_that_has_not_heard_of_the_newer_one),
        COMMIT_TEST(partitions_come_and_go_while_several_stores_commit),
        COMMIT_TEST(partition_in_use_is_taken_out_later_and_holds_up_nobody),
        COMMIT_TEST(user_on_several_stores_has_no_more_characters_than_on_one_and_one_is_active),
    };
    postgres_fixture_open(&postgres);
    int failed = cmocka_run_group_tests_name("store postgres, commit", tests, NULL, NULL);
    postgres_fixture_close(&postgres);
    return failed;
}
