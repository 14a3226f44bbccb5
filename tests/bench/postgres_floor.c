/*
 * postgres_floor -- the least a durable action can cost in PostgreSQL: bare group commits, one connection, one
 * statement for a batch of 1, 10, 100 and 1000: rows of unnest into a log, and each character's profile once. No lease,
 * no sequence check, no index but the primary keys.
 *
 *   postgres_floor --url URL [--store-pid PID] [--seconds N]
 *
 * Prints a row for each: actions per second, CPU per action of this process and of PostgreSQL (PID and its children),
 * and the time of one commit. It makes two tables of its own, and drops them.
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_stats.h"

enum { CHARACTERS = 500, BATCH_CAP = 1000, TEXT_CAP = BATCH_CAP * 24 + 3 };

static const char setup[] =
    "DROP TABLE IF EXISTS floor_log, floor_profile;"
    "CREATE TABLE floor_profile (id int PRIMARY KEY, x float8, sequence bigint) WITH (fillfactor = 50);"
    "CREATE TABLE floor_log (id bigserial PRIMARY KEY, profile int, sequence bigint, payload bytea);"
    "INSERT INTO floor_profile SELECT i, 0, 0 FROM generate_series(0, 499) i;";
static const char statement[] =
    "WITH batch AS (SELECT * FROM unnest($1::int[], $2::bigint[]) AS b (profile, sequence)), "
    "logged AS (INSERT INTO floor_log (profile, sequence, payload) "
    "SELECT profile, sequence, '\\x000102030405060708090a0b0c0d0e0f1011121314151617' FROM batch) "
    "UPDATE floor_profile p SET x = l.sequence, sequence = l.sequence "
    "FROM (SELECT profile, max(sequence) AS sequence FROM batch GROUP BY profile) l WHERE p.id = l.profile";

static PGconn *connection;

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "postgres_floor: cannot %s: %s\n", what, PQerrorMessage(connection));
    exit(1);
}

static void
run(const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        die("make its tables");
    }
    PQclear(result);
}

/* One batch: who acts, as users come, in no order; each with its next sequence. */
static void
commit(uint32_t batch, uint32_t *next)
{
    static char profiles[TEXT_CAP], numbers[TEXT_CAP];
    size_t p = 0, n = 0;
    for (uint32_t i = 0; i < batch; i++, (*next)++) {
        const char *mark = i == 0 ? "{" : ",";
        p += (size_t)snprintf(profiles + p, sizeof(profiles) - p, "%s%u", mark, *next * 7919u % CHARACTERS);
        n += (size_t)snprintf(numbers + n, sizeof(numbers) - n, "%s%u", mark, *next / CHARACTERS + 1);
    }
    memcpy(profiles + p, "}", 2);
    memcpy(numbers + n, "}", 2);
    const char *const values[] = {profiles, numbers};
    PGresult *result = PQexecPrepared(connection, "batch", 2, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        die("commit");
    }
    PQclear(result);
}

static void
measure(uint32_t batch, int64_t seconds, int64_t store_pid)
{
    bench_usage_t self[2], store[2] = {{0}, {0}};
    uint32_t actions = 0;
    uint64_t commits = 0;
    bool good = bench_usage_read(getpid(), &self[0]);
    good = good && (store_pid == 0 || bench_usage_read_family(store_pid, &store[0]));
    int64_t begin = bench_now();
    for (; bench_now() < begin + seconds * 1000000; commits++) {
        commit(batch, &actions);
    }
    double usec = (double)(bench_now() - begin);
    good = good && bench_usage_read(getpid(), &self[1]);
    good = good && (store_pid == 0 || bench_usage_read_family(store_pid, &store[1]));
    if (!good) {
        exit(1);
    }
    printf("bare batches of %-5u %8.0f actions/s  CPU %6.2f + %6.2f us/action  commit %6.0f us\n", batch,
           actions / usec * 1e6, (double)(self[1].cpu_usec - self[0].cpu_usec) / actions,
           (double)(store[1].cpu_usec - store[0].cpu_usec) / actions, usec / (double)commits);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    const char *url = NULL;
    int64_t pid = 0, seconds = 3;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--url") == 0) {
            url = argv[i + 1];
        } else if (strcmp(argv[i], "--store-pid") == 0) {
            pid = strtoll(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = strtoll(argv[i + 1], NULL, 10);
        }
    }
    if (url == NULL || seconds < 1) {
        fprintf(stderr, "usage: postgres_floor --url URL [--store-pid PID] [--seconds N]\n");
        return 2;
    }
    connection = PQconnectdb(url);
    if (PQstatus(connection) != CONNECTION_OK) {
        die("connect");
    }
    run("SET client_min_messages = warning");
    run(setup);
    PQclear(PQprepare(connection, "batch", statement, 2, NULL));
    static const uint32_t batches[] = {1, 10, 100, 1000};
    for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
        measure(batches[i], seconds, pid);
    }
    run("DROP TABLE floor_log, floor_profile");
    PQfinish(connection);
    return 0;
}
