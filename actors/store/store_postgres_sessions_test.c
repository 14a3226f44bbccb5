/* Sessions on PostgreSQL when several write at the same time, and what only its tables show. */
#include <pthread.h>
#include <stdatomic.h>

#include "store_conformance_helpers.h"
#include "store_postgres.h"
#include "store_postgres_test_helpers.h"

static postgres_fixture_t postgres;

static store_t *
form_open(void *context, bool fresh)
{
    postgres_fixture_t *self = context;
    char error[STORE_ERROR_MAX] = "";
    if (fresh) {
        postgres_fixture_fresh(self);
    }
    store_t *store = store_postgres_open(self->url, POSTGRES_TIMEOUT_MSEC, error);
    assert_string_equal(error, "");
    return store;
}

static const store_conformance_t form = {.name = "store postgres sessions", .open = form_open, .context = &postgres};

/* Held seats as the instances' rows count them, where that is not what their sessions say. */
#define MISCOUNTED                                                                                                     \
    "SELECT count(*) FROM instance i WHERE i.seats <> (SELECT count(*) FROM session s WHERE s.instance = i.id AND "    \
    "s.ended_at IS NULL AND s.state <> 'waiting')"

/* When every store is closed, so that the server has counted. */
static void
expect_no_deadlocks(void)
{
    postgres_fixture_settle(&postgres);
    assert_int_equal(
        postgres_fixture_ask(&postgres, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"),
        0);
}

/* ---- two stores at once ---- */

enum {
    RACERS = 2,
    RACES = 800,
    RACE_BATCH = 6,
    RACE_CHARACTERS = 10,
    RACE_SEATS = 3,
    RACE_INSTANCES = 2,
    RACE_RECENT = 8
};

static const char *const race_instances[RACE_INSTANCES] = {"beach", "plaza"};
static atomic_llong race_numbers[RACE_INSTANCES];
static atomic_int race_running;

typedef struct racer {
    pthread_t thread;
    store_t *store;
    uint64_t random;
    uint32_t name, ids;
    uint32_t saved[SESSION_CONFLICT_COUNT];
    uint32_t failed;
    obj_session_row_t recent[RACE_INSTANCES][RACE_RECENT];
} racer_t;

static uint32_t
draw(racer_t *self, uint32_t below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (uint32_t)(self->random >> 33) % below;
}

static obj_session_row_t
race_session(racer_t *self, uint32_t instance)
{
    obj_session_row_t *slot = &self->recent[instance][draw(self, RACE_RECENT)];
    if (slot->version > 0 && draw(self, 3) == 0) {
        slot->version++;
        slot->state = (session_state_t)draw(self, SESSION_STATE_COUNT);
    } else if (slot->version > 0 && slot->state != SESSION_STATE_ENDED && draw(self, 2) == 0) {
        slot->version++;
        slot->state = SESSION_STATE_ENDED;
    } else {
        char id[25];
        snprintf(id, sizeof id, "r%u-%u", self->name, self->ids++);
        *slot = session_make(race_instances[instance], atomic_fetch_add(&race_numbers[instance], 1) + 1, id,
                             draw(self, 2) == 0 ? SESSION_STATE_WAITING : SESSION_STATE_ACTIVE);
        snprintf(slot->character_id, sizeof slot->character_id, "c%u", draw(self, RACE_CHARACTERS));
    }
    return *slot;
}

/* Every second batch is of one instance, mostly its own: then only characters are fought for. */
static uint32_t
race_batch(racer_t *self, msg_persistence_save_session_t *copies)
{
    uint32_t count = 1 + draw(self, RACE_BATCH);
    bool mixed = draw(self, 2) == 0;
    uint32_t own = draw(self, 4) == 0 ? 1 - self->name : self->name;
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = (msg_persistence_save_session_t){
            .session = race_session(self, mixed ? draw(self, RACE_INSTANCES) : own), .seats_max = RACE_SEATS};
    }
    return count;
}

/* No assertions: cmocka's are the main thread's. */
static void *
race(void *context)
{
    racer_t *self = context;
    for (int i = 0; i < RACES; i++) {
        msg_persistence_save_session_t copies[RACE_BATCH];
        const msg_persistence_save_session_t *saves[RACE_BATCH];
        session_conflict_t conflicts[RACE_BATCH];
        uint32_t count = race_batch(self, copies);
        for (uint32_t k = 0; k < count; k++) {
            saves[k] = &copies[k];
        }
        if (self->store->save_sessions(self->store, saves, count, AT + i, conflicts) != STORE_OK) {
            self->failed++;
            continue;
        }
        for (uint32_t k = 0; k < count; k++) {
            self->saved[conflicts[k]]++;
        }
    }
    atomic_fetch_sub(&race_running, 1);
    return NULL;
}

/* In one look, whoever writes meanwhile: too many seats, two live sessions of a character, or a count that is wrong. */
static int64_t
race_breaches(void)
{
    return postgres_fixture_ask(
        &postgres, "SELECT (SELECT count(*) FROM (SELECT instance FROM session WHERE ended_at IS NULL AND "
                   "state <> 'waiting' GROUP BY instance HAVING count(*) > 3) AS a) + (SELECT count(*) FROM (SELECT "
                   "character_id FROM session WHERE ended_at IS NULL GROUP BY character_id HAVING count(*) > 1) AS b) "
                   "+ (" MISCOUNTED ")");
}

static void
two_stores_at_once_never_exceed_seats_share_a_character_or_wait_in_a_circle(void **state)
{
    subject_t *self = *state;
    racer_t *racers = calloc(RACERS, sizeof *racers);
    uint32_t looks = 0;
    _Static_assert(RACE_SEATS == 3 && (int)RACERS == (int)RACE_INSTANCES, "as race_breaches and race_batch say");
    assert_non_null(racers);
    for (int i = 0; i < RACE_INSTANCES; i++) {
        atomic_store(&race_numbers[i], 0);
    }
    atomic_store(&race_running, RACERS);
    for (uint32_t i = 0; i < RACERS; i++) {
        racers[i].store = i == 0 ? self->store : form_open(&postgres, false);
        racers[i].random = (i + 1) * 0x9e3779b97f4a7c15u;
        racers[i].name = i;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    while (atomic_load(&race_running) > 0) {
        assert_int_equal(race_breaches(), 0);
        looks++;
    }
    uint32_t saved[SESSION_CONFLICT_COUNT] = {0};
    for (uint32_t i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
        assert_int_equal(racers[i].failed, 0);
        for (int k = 0; k < SESSION_CONFLICT_COUNT; k++) {
            saved[k] += racers[i].saved[k];
        }
    }
    racers[1].store->close(&racers[1].store);
    self->store->close(&self->store);
    free(racers);
    assert_int_equal(race_breaches(), 0);
    expect_no_deadlocks();
    assert_true(looks > 0);
    assert_true(saved[SESSION_CONFLICT_NONE] > 100 && saved[SESSION_CONFLICT_SEATS] > 20 &&
                saved[SESSION_CONFLICT_CHARACTER] > 20); /* it was tight */
}

/* ---- somebody who does not lock what we lock ---- */

typedef struct saver {
    pthread_t thread;
    store_t *store;
    msg_persistence_save_session_t saves[3];
    session_conflict_t conflicts[3];
    store_result_t result;
} saver_t;

static void *
save_three(void *context)
{
    saver_t *self = context;
    const msg_persistence_save_session_t *saves[3] = {&self->saves[0], &self->saves[1], &self->saves[2]};
    self->result = self->store->save_sessions(self->store, saves, 3, AT, self->conflicts);
    return NULL;
}

static void
wait_until_some_wait_for_locks(int64_t count)
{
    for (int polls = 0; postgres_fixture_ask(&postgres, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type "
                                                        "= 'Lock' AND datname = current_database()") < count;
         polls++) {
        assert_true(polls < POSTGRES_POLLS);
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
}

#define BY_HAND                                                                                                        \
    "INSERT INTO session (instance, number, id, character_id, user_id, name, role, state, room, holder, connection, "  \
    "version, turn, secret, until, auth_until) VALUES ('%s', %d, '%s', '%s', '', '', 'player', 'active', '', '', 0, "  \
    "1, 0, '', -1, 0)"

/* What a save becomes that waits for a row that another transaction has put in without any lock of ours. */
static void
expect_beside(subject_t *self, const char *instance, int number, const char *id, const char *character_id,
              session_conflict_t expected)
{
    char sql[512];
    saver_t saver = {.store = self->store};
    saver.saves[0].session = session_make("plaza", 1, "first", SESSION_STATE_ACTIVE);
    saver.saves[1].session = of_character(session_make("plaza", 2, "second", SESSION_STATE_ACTIVE), "c");
    saver.saves[2].session = session_make("plaza", 3, "third", SESSION_STATE_WAITING);
    snprintf(sql, sizeof sql, BY_HAND, instance, number, id, character_id);
    PGconn *other = postgres_fixture_connect(&postgres, postgres.database);
    postgres_fixture_run(other, "BEGIN");
    postgres_fixture_run(other, sql);
    assert_int_equal(pthread_create(&saver.thread, NULL, save_three, &saver), 0);
    wait_until_some_wait_for_locks(1);
    postgres_fixture_run(other, "COMMIT");
    assert_int_equal(pthread_join(saver.thread, NULL), 0);
    PQfinish(other);
    assert_int_equal(saver.result, STORE_OK);
    assert_int_equal(saver.conflicts[0], SESSION_CONFLICT_NONE);
    assert_int_equal(saver.conflicts[1], expected);
    assert_int_equal(saver.conflicts[2], SESSION_CONFLICT_NONE);
}

static void
index_has_the_last_word_on_a_character_and_spoils_nothing_else(void **state)
{
    subject_t *self = *state;
    expect_beside(self, "beach", 1, "other", "c", SESSION_CONFLICT_CHARACTER);
    expect_live(self, "plaza", "first 1.1 active, third 3.1 waiting");
    expect_live(self, "beach", "other 1.1 active");
}

static void
index_has_the_last_word_on_a_number_and_spoils_nothing_else(void **state)
{
    subject_t *self = *state;
    expect_beside(self, "plaza", 2, "other", "d", SESSION_CONFLICT_NUMBER);
    expect_live(self, "plaza", "first 1.1 active, other 2.1 active, third 3.1 waiting");
}

static void
index_has_the_last_word_on_an_id_and_spoils_nothing_else(void **state)
{
    subject_t *self = *state;
    expect_beside(self, "beach", 2, "second", "d", SESSION_CONFLICT_NUMBER);
    expect_live(self, "plaza", "first 1.1 active, third 3.1 waiting");
}

/* Both have a new session of c1 and of c2, in different orders, and are held up after the first of them by a row that
 * another transaction has put in. */
static void
two_that_bring_the_same_characters_in_other_orders_wait_one_after_the_other(void **state)
{
    subject_t *self = *state;
    static const char *const characters[2][3] = {{"c1", "m", "c2"}, {"c2", "n", "c1"}};
    saver_t savers[2] = {{.store = self->store}, {.store = form_open(&postgres, false)}};
    char sql[512];
    PGconn *other = postgres_fixture_connect(&postgres, postgres.database);
    postgres_fixture_run(other, "BEGIN");
    for (int i = 0; i < 2; i++) {
        snprintf(sql, sizeof sql, BY_HAND, "cave", i, characters[i][1], characters[i][1]);
        postgres_fixture_run(other, sql);
    }
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) {
            char id[25];
            snprintf(id, sizeof id, "s%d-%d", i, k);
            savers[i].saves[k].session =
                of_character(session_make(race_instances[i], k + 1, id, SESSION_STATE_ACTIVE), characters[i][k]);
        }
        assert_int_equal(pthread_create(&savers[i].thread, NULL, save_three, &savers[i]), 0);
    }
    wait_until_some_wait_for_locks(2);
    postgres_fixture_run(other, "ROLLBACK");
    PQfinish(other);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(savers[i].thread, NULL), 0);
        assert_int_equal(savers[i].result, STORE_OK);
        assert_int_equal(savers[i].conflicts[1], SESSION_CONFLICT_NONE);
        assert_int_equal(savers[i].conflicts[0], savers[i].conflicts[2]); /* one has both, the other none */
        savers[i].store->close(&savers[i].store);
    }
    assert_int_equal(savers[0].conflicts[0] + savers[1].conflicts[0], SESSION_CONFLICT_CHARACTER);
    self->store = NULL;
    expect_no_deadlocks();
}

/* ---- the tables ---- */

static void
session_that_has_ended_leaves_no_secret_behind(void **state)
{
    subject_t *self = *state;
    obj_session_row_t a = session_make("plaza", 1, "a", SESSION_STATE_ACTIVE);
    obj_session_row_t over = of_character(session_make("plaza", 3, "c", SESSION_STATE_ACTIVE), "d");
    save(self, a);
    save(self, changed(a, 2, SESSION_STATE_ENDED));
    save(self, session_make("plaza", 2, "b", SESSION_STATE_ENDED));
    save(self, over);
    save(self, of_character(session_make("plaza", 4, "d", SESSION_STATE_WAITING), "d"));
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM session WHERE state = 'ended'"), 3);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT coalesce(sum(length(secret)), 0) FROM session WHERE state "
                                                     "= 'ended'"),
                     0);
    assert_int_equal(postgres_fixture_ask(&postgres, MISCOUNTED), 0);
}

static void
load_forgets_ten_thousand_that_ended_long_ago_of_all_instances(void **state)
{
    subject_t *self = *state;
    save(self, session_make("plaza", 1, "live", SESSION_STATE_ACTIVE));
    save(self, session_make("beach", 1, "gone", SESSION_STATE_ENDED));
    postgres_fixture_do(
        &postgres, "INSERT INTO session SELECT i, n, i || n, 'c' || n, '', '', 'player', 'ended', '', '', 0, 1, 0, "
                   "'', -1, 0, 1000 + n FROM generate_series(2, 5001) AS n, (VALUES ('plaza'), ('beach')) AS v (i)");
    assert_int_equal(load_at(self, "plaza", 0, AT).number, 5001);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT count(*) FROM session"), 2);
    assert_int_equal(load_at(self, "beach", 0, AT).number, 5001);
    expect_live(self, "plaza", "live 1.1 active");
}

/* Its new version stands beside the old one: no index learns of it. */
static void
change_between_live_states_touches_no_index(void **state)
{
    subject_t *self = *state;
    obj_session_row_t session = session_make("plaza", 1, "s", SESSION_STATE_WAITING);
    save(self, session);
    for (int version = 2; version < 22; version++) {
        save(self, changed(session, version, version % 2 == 0 ? SESSION_STATE_ACTIVE : SESSION_STATE_GRACE));
    }
    self->store->close(&self->store); /* so that the server has counted */
    postgres_fixture_settle(&postgres);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = "
                                                     "'session'"),
                     20);
    assert_int_equal(postgres_fixture_ask(&postgres, "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = "
                                                     "'session'"),
                     20);
}

static void
expect_plan(const char *types, const char *query, const char *values, const char *index)
{
    char sql[512], named[64];
    snprintf(sql, sizeof sql, "PREPARE p (%s) AS %s", types, query);
    postgres_fixture_do(&postgres, sql);
    snprintf(sql, sizeof sql, "EXPLAIN EXECUTE p (%s)", values);
    snprintf(named, sizeof named, " using %s on ", index);
    PGresult *plan = PQexec(postgres.db, sql);
    bool found = false;
    for (int row = 0; row < PQntuples(plan); row++) {
        found = found || strstr(PQgetvalue(plan, row, 0), named) != NULL;
    }
    PQclear(plan);
    postgres_fixture_do(&postgres, "DEALLOCATE p");
    if (!found) {
        fail_msg("\"%s\" does not use %s", query, index);
    }
}

/* Plans are made once on each connection, maybe before there is anything to count. */
static void
new_table_is_searched_by_the_right_index(void **state)
{
    (void)state;
    postgres_fixture_do(&postgres, "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off");
    expect_plan("text", "SELECT 1 FROM session WHERE character_id = $1 AND ended_at IS NULL", "'c'",
                "session_character");
    expect_plan("text", "SELECT 1 FROM session WHERE id = $1", "'s'", "session_id_key");
    expect_plan("text, bigint", "SELECT 1 FROM session WHERE instance = $1 AND number = $2", "'plaza', 1",
                "session_pkey");
    expect_plan("text, bigint",
                "SELECT number FROM session WHERE instance = $1 AND ended_at < $2 ORDER BY ended_at "
                "LIMIT 5",
                "'plaza', 1", "session_ended");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(two_stores_at_once_never_exceed_seats_share_a_character_or_wait_in_a_circle),
        CASE(index_has_the_last_word_on_a_character_and_spoils_nothing_else),
        CASE(index_has_the_last_word_on_a_number_and_spoils_nothing_else),
        CASE(index_has_the_last_word_on_an_id_and_spoils_nothing_else),
        CASE(two_that_bring_the_same_characters_in_other_orders_wait_one_after_the_other),
        CASE(session_that_has_ended_leaves_no_secret_behind),
        CASE(load_forgets_ten_thousand_that_ended_long_ago_of_all_instances),
        CASE(change_between_live_states_touches_no_index),
        CASE(new_table_is_searched_by_the_right_index),
    };
    store_form = &form;
    postgres_fixture_open(&postgres);
    int failed = cmocka_run_group_tests_name(form.name, tests, NULL, NULL);
    postgres_fixture_close(&postgres);
    return failed;
}
