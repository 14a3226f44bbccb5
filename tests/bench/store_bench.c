/*
 * store_bench -- what one stored action costs: the SQLite store's commit beside a bare group commit, in one run.
 *
 * The bare one does the least that could be called the same work, as anybody would write it: a transaction per batch,
 * in it an INSERT into a log and an UPDATE of the profile for each action; no lease, no sequence check, no idempotence.
 * Both on one file each in FOLDER (default: the current one), WAL, synchronous=FULL; 500 characters in 50 rooms.
 * Then what one saved session costs, beside 10,000 that are live: each is saved as it connects, plays and ends.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "store_sqlite.h"

enum { CHARACTERS = 500, ROOMS = 50, LIVE_SESSIONS = 10000, PAYLOAD = 24, PATH_MAX_LENGTH = 1024 };

typedef struct cost {
    double cpu_usec;    /* per action */
    double rate;        /* actions per second of wall time */
    double commit_usec; /* wall time of one commit */
} cost_t;

_Noreturn static void
die(const char *what, const char *why)
{
    fprintf(stderr, "store_bench: cannot %s: %s\n", what, why);
    exit(1);
}

static double
cpu_now(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double
wall_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void
remove_store(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[PATH_MAX_LENGTH];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

/* Who acts in the i-th action: as users come, in no order. */
static uint32_t
actor_of(uint32_t i)
{
    return i * 7919u % CHARACTERS;
}

static cost_t
cost_of(double cpu, double wall, uint32_t batches, uint32_t batch)
{
    double actions = (double)batches * batch;
    return (cost_t){.cpu_usec = cpu / actions, .rate = actions / wall * 1e6, .commit_usec = wall / batches};
}

static void
exec(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
}

static void
step(sqlite3 *db, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK) {
        die("write", sqlite3_errmsg(db));
    }
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
    return statement;
}

static cost_t
run_bare(const char *path, uint32_t batch, uint32_t batches)
{
    sqlite3 *db = NULL;
    remove_store(path);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die("open a file", path);
    }
    exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
             "CREATE TABLE profile (id INTEGER PRIMARY KEY, x REAL, y REAL, sequence INTEGER);"
             "CREATE TABLE log (id INTEGER PRIMARY KEY, profile INTEGER, sequence INTEGER, payload BLOB);"
             "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499) "
             "INSERT INTO profile SELECT i, 0, 0, 0 FROM n;");
    sqlite3_stmt *begin = prepare(db, "BEGIN"), *commit = prepare(db, "COMMIT");
    sqlite3_stmt *insert = prepare(db, "INSERT INTO log (profile, sequence, payload) VALUES (?1, ?2, ?3)");
    sqlite3_stmt *update = prepare(db, "UPDATE profile SET x = ?2, y = ?3, sequence = ?4 WHERE id = ?1");
    static const uint8_t payload[PAYLOAD];
    int64_t sequences[CHARACTERS] = {0};
    double cpu = cpu_now(), wall = wall_now();
    for (uint32_t b = 0, i = 0; b < batches; b++) {
        step(db, begin);
        for (uint32_t n = 0; n < batch; n++, i++) {
            uint32_t who = actor_of(i);
            sequences[who]++;
            sqlite3_bind_int64(insert, 1, who);
            sqlite3_bind_int64(insert, 2, sequences[who]);
            sqlite3_bind_blob(insert, 3, payload, PAYLOAD, SQLITE_STATIC);
            step(db, insert);
            sqlite3_bind_int64(update, 1, who);
            sqlite3_bind_double(update, 2, i % 1000);
            sqlite3_bind_double(update, 3, 7);
            sqlite3_bind_int64(update, 4, sequences[who]);
            step(db, update);
        }
        step(db, commit);
    }
    cost_t cost = cost_of(cpu_now() - cpu, wall_now() - wall, batches, batch);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(insert);
    sqlite3_finalize(update);
    sqlite3_close(db);
    remove_store(path);
    return cost;
}

/* A store with its characters and rooms, each room under its first lease. */
static store_t *
open_store(const char *path)
{
    char error[STORE_ERROR_MAX];
    remove_store(path);
    store_t *store = store_sqlite_open(path, true, error);
    if (store == NULL) {
        die("open the store", error);
    }
    for (int i = 0; i < CHARACTERS; i++) {
        char id[32];
        obj_character_t made;
        snprintf(id, sizeof(id), "character-%011d", i);
        if (store->create_character(store, id, id, "Ada", 1, &made) != STORE_OK) {
            die("make a character", store->error_text(store));
        }
    }
    for (int i = 0; i < ROOMS; i++) {
        msg_persistence_load_room_t ask = {.seed_len = 0};
        msg_persistence_room_loaded_t loaded;
        snprintf(ask.room, sizeof(ask.room), "plaza/room-%d", i);
        if (store->load_room(store, &ask, &loaded) != STORE_OK) {
            die("make a room", store->error_text(store));
        }
    }
    return store;
}

static cost_t
run_store(const char *path, uint32_t batch, uint32_t batches)
{
    static msg_persistence_append_t appends[STORE_BATCH_MAX];
    store_t *store = open_store(path);
    int64_t sequences[CHARACTERS] = {0};
    double cpu = 0, wall = 0;
    for (uint32_t b = 0, i = 0; b < batches; b++) {
        for (uint32_t n = 0; n < batch; n++, i++) {
            uint32_t who = actor_of(i);
            msg_persistence_append_t *append = &appends[n];
            *append = (msg_persistence_append_t){.epoch = 1, .x = i % 1000, .y = 7};
            snprintf(append->room, sizeof(append->room), "plaza/room-%u", who % ROOMS);
            snprintf(append->action.character_id, sizeof(append->action.character_id), "character-%011u", who);
            append->action.sequence = append->action.action_id = ++sequences[who];
            append->action.room_version = i;
            append->action.kind = ACTION_KIND_MOVE;
            append->action.payload_len = PAYLOAD;
        }
        store_report_t report;
        double cpu_before = cpu_now(), wall_before = wall_now();
        if (store->commit(store, appends, batch, 1, &report) != STORE_OK) {
            die("commit", store->error_text(store));
        }
        cpu += cpu_now() - cpu_before;
        wall += wall_now() - wall_before;
    }
    store->close(&store);
    remove_store(path);
    return cost_of(cpu, wall, batches, batch);
}

/* The `number`-th session, of a character of its own; ids come in no order. */
static void
make_session(obj_session_row_t *session, uint64_t number, session_state_t state)
{
    uint64_t id = number * 0x9e3779b97f4a7c15u;
    *session = (obj_session_row_t){.role = ROLE_PLAYER, .state = state, .number = (int64_t)number};
    snprintf(session->session_id, sizeof(session->session_id), "%016" PRIx64 "%06d", id, 0);
    snprintf(session->character_id, sizeof(session->character_id), "%016" PRIx64 "%06d", id * 31, 1);
    snprintf(session->user_id, sizeof(session->user_id), "%016" PRIx64 "-%016" PRIx64, id * 37, id * 41);
    snprintf(session->instance, sizeof(session->instance), "plaza");
    snprintf(session->name, sizeof(session->name), "Ada");
    snprintf(session->room, sizeof(session->room), "plaza/main");
    snprintf(session->holder, sizeof(session->holder), "abcdefghijk");
    session->version = state; /* they rise in the order of a life */
    session->secret_len = sizeof(session->secret);
    session->left_ms = 30000;
}

/* Adds what the save took, in microseconds, to *cpu and *wall. */
static void
save_sessions(store_t *store, uint64_t first, uint32_t count, session_state_t state, double *cpu, double *wall)
{
    static msg_persistence_save_session_t saves[STORE_SESSIONS_MAX];
    const msg_persistence_save_session_t *batch[STORE_SESSIONS_MAX];
    session_conflict_t conflicts[STORE_SESSIONS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        make_session(&saves[i].session, first + i, state);
        saves[i].seats_max = 1000000;
        batch[i] = &saves[i];
    }
    double cpu_before = cpu_now(), wall_before = wall_now();
    if (store->save_sessions(store, batch, count, 1, conflicts) != STORE_OK) {
        die("save sessions", store->error_text(store));
    }
    *cpu += cpu_now() - cpu_before;
    *wall += wall_now() - wall_before;
}

static cost_t
run_sessions(const char *path, uint32_t batch, uint32_t batches)
{
    static const session_state_t life[] = {SESSION_STATE_CONNECTING, SESSION_STATE_ACTIVE, SESSION_STATE_ENDED};
    store_t *store = open_store(path);
    uint64_t number = 1;
    double cpu = 0, wall = 0;
    for (; number <= LIVE_SESSIONS; number += 100) {
        save_sessions(store, number, 100, SESSION_STATE_ACTIVE, &cpu, &wall);
    }
    cpu = wall = 0;
    for (uint32_t b = 0; b < batches; b++, number += batch) {
        for (int i = 0; i < 3; i++) {
            save_sessions(store, number, batch, life[i], &cpu, &wall);
        }
    }
    store->close(&store);
    remove_store(path);
    return cost_of(cpu, wall, batches * 3, batch);
}

static int
compare_cpu(const void *a, const void *b)
{
    double x = ((const cost_t *)a)->cpu_usec, y = ((const cost_t *)b)->cpu_usec;
    return (x > y) - (x < y);
}

typedef cost_t (*run_fn)(const char *path, uint32_t batch, uint32_t batches);

static cost_t
median(run_fn run, const char *path, uint32_t batch, uint32_t batches)
{
    cost_t costs[3];
    for (int i = 0; i < 3; i++) {
        costs[i] = run(path, batch, batches);
    }
    qsort(costs, 3, sizeof(*costs), compare_cpu);
    return costs[1];
}

int
main(int argc, char **argv)
{
    static const uint32_t batches[][2] = {{1, 2000}, {10, 1000}, {100, 400}, {1000, 80}}; /* size, how many */
    static const uint32_t session_batches[][2] = {{1, 1000}, {16, 500}, {256, 60}};
    char path[PATH_MAX_LENGTH - 16];
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: store_bench [FOLDER]\n");
        return 2;
    }
    int length = snprintf(path, sizeof(path), "%s/store_bench.db", argc == 2 ? argv[1] : ".");
    if (length < 0 || (size_t)length >= sizeof(path)) {
        die("use the folder", "its name is too long");
    }
    printf("median of 3 runs           bare group commit                 store\n");
    printf("batch          CPU us/action  actions/s  commit us   CPU us/action  actions/s  commit us   ratio of CPU\n");
    for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
        cost_t bare = median(run_bare, path, batches[i][0], batches[i][1]);
        cost_t store = median(run_store, path, batches[i][0], batches[i][1]);
        printf("%-12" PRIu32 " %15.2f %10.0f %10.0f %15.2f %10.0f %10.0f %14.2f\n", batches[i][0], bare.cpu_usec,
               bare.rate, bare.commit_usec, store.cpu_usec, store.rate, store.commit_usec,
               store.cpu_usec / bare.cpu_usec);
    }
    printf("\nsessions, batch    CPU us/save    saves/s  commit us\n");
    for (size_t i = 0; i < sizeof(session_batches) / sizeof(*session_batches); i++) {
        cost_t cost = median(run_sessions, path, session_batches[i][0], session_batches[i][1]);
        printf("%-12" PRIu32 " %17.2f %10.0f %10.0f\n", session_batches[i][0], cost.cpu_usec, cost.rate,
               cost.commit_usec);
    }
    return 0;
}
