/*
 * store_postgres_test_helpers -- a PostgreSQL of its own for a test program: a real server on a unix socket in a folder
 * that goes away with it, and in it a database for each test. It dies with the test, however that ends.
 */
#ifndef PLAYHOUSE_STORE_POSTGRES_TEST_HELPERS_H
#define PLAYHOUSE_STORE_POSTGRES_TEST_HELPERS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_migrate.h"

#ifndef POSTGRES_BIN
#define POSTGRES_BIN "/usr/lib/postgresql/15/bin"
#endif

enum { POSTGRES_POLLS = 3000, POSTGRES_POLL_MSEC = 10, POSTGRES_TIMEOUT_MSEC = 10000, POSTGRES_PORT = 5432 };

typedef struct postgres_fixture {
    char folder[64]; /* the socket stands in it, as .s.PGSQL.5432 */
    char data[80];   /* the cluster */
    bool durable;    /* fsync is on: set before postgres_fixture_open */
    pid_t pid;       /* 0: it does not run */
    uint32_t made;   /* databases so far */
    char database[32];
    char url[160]; /* of that database, as store_open takes it */
    PGconn *db;    /* the test's own connection to it, made at need */
} postgres_fixture_t;

/* ---- processes: PostgreSQL does not run as root ---- */

/* Runs a program of PostgreSQL, its output in folder/log. Ends with this process. */
static inline pid_t
postgres_fixture_spawn(const postgres_fixture_t *self, const char *program, const char *const *arguments)
{
    char path[128], log[96];
    const char *argv[32] = {path};
    int argc = 1;
    snprintf(path, sizeof path, "%s/%s", POSTGRES_BIN, program);
    snprintf(log, sizeof log, "%s/log", self->folder);
    for (; *arguments != NULL; arguments++) {
        assert_true(argc < 31);
        argv[argc++] = *arguments;
    }
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (geteuid() == 0 && user == NULL) {
        fail_msg("there is no user postgres, and PostgreSQL does not run as root; is it installed?");
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int out = -1;
        /* The signal is asked for last: to become another user takes it back. SIGQUIT ends the server's children too.
         */
        if ((user == NULL || (setgroups(0, NULL) == 0 && setgid(user->pw_gid) == 0 && setuid(user->pw_uid) == 0)) &&
            chdir("/") == 0 && prctl(PR_SET_PDEATHSIG, SIGQUIT) == 0 && getppid() == parent &&
            (out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600)) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
            execv(path, (char *const *)argv);
        }
        _exit(127);
    }
    return pid;
}

/* What the server has to say for itself, when a test cannot go on. */
static inline void
postgres_fixture_fail(const postgres_fixture_t *self, const char *what)
{
    char path[96], line[512];
    snprintf(path, sizeof path, "%s/log", self->folder);
    FILE *log = fopen(path, "r");
    while (log != NULL && fgets(line, sizeof line, log) != NULL) {
        print_error("%s", line);
    }
    if (log != NULL) {
        fclose(log);
    }
    fail_msg("%s; are the programs of PostgreSQL in %s?", what, POSTGRES_BIN);
}

static inline bool
postgres_fixture_answers(const postgres_fixture_t *self)
{
    char info[160];
    snprintf(info, sizeof info, "host=%s user=postgres dbname=postgres", self->folder);
    return PQping(info) == PQPING_OK;
}

/* Also after a kill: then it waits for what is left of the old server, and recovers what that had. */
static inline void
postgres_fixture_start(postgres_fixture_t *self)
{
    const char *fsync = self->durable ? "fsync=on" : "fsync=off";
    const char *pages = self->durable ? "full_page_writes=on" : "full_page_writes=off";
    const char *const arguments[] = {"-D", self->data,
                                     "-k", self->folder,
                                     "-c", "listen_addresses=",
                                     "-c", fsync,
                                     "-c", pages,
                                     "-c", "shared_buffers=16MB",
                                     "-c", "max_connections=40",
                                     "-c", "deadlock_timeout=200ms",
                                     "-c", "log_min_messages=warning",
                                     NULL};
    assert_int_equal(self->pid, 0);
    for (int polls = 0; self->pid == 0 || !postgres_fixture_answers(self); polls++) {
        if (polls == POSTGRES_POLLS) {
            postgres_fixture_fail(self, "postgres did not start");
        }
        if (self->pid != 0 && waitpid(self->pid, NULL, WNOHANG) == self->pid) {
            self->pid = 0;
        }
        if (self->pid == 0) {
            self->pid = postgres_fixture_spawn(self, "postgres", arguments);
        }
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
}

static inline void
postgres_fixture_hang_up(postgres_fixture_t *self)
{
    PQfinish(self->db);
    self->db = NULL;
}

/* SIGKILL: a crash. SIGQUIT: immediate shutdown, as one that is not clean. SIGINT: clean, with connections cut. */
static inline void
postgres_fixture_stop(postgres_fixture_t *self, int signal_number)
{
    postgres_fixture_hang_up(self);
    if (self->pid > 0) {
        assert_int_equal(kill(self->pid, signal_number), 0);
        assert_int_equal(waitpid(self->pid, NULL, 0), self->pid);
        self->pid = 0;
    }
}

/* ---- databases ---- */

static inline void
postgres_fixture_name(postgres_fixture_t *self, const char *database)
{
    postgres_fixture_hang_up(self);
    snprintf(self->database, sizeof self->database, "%s", database);
    snprintf(self->url, sizeof self->url, "postgresql://postgres@/%s?host=%s&port=%d", database, self->folder,
             POSTGRES_PORT);
}

static inline PGconn *
postgres_fixture_connect(const postgres_fixture_t *self, const char *database)
{
    char info[192];
    snprintf(info, sizeof info, "host=%s user=postgres dbname=%s options='-c client_min_messages=warning'",
             self->folder, database);
    PGconn *db = PQconnectdb(info);
    if (PQstatus(db) != CONNECTION_OK) {
        fail_msg("postgres: %s", PQerrorMessage(db));
    }
    return db;
}

static inline void
postgres_fixture_run(PGconn *db, const char *sql)
{
    PGresult *result = PQexec(db, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("postgres: %s", PQerrorMessage(db));
    }
    PQclear(result);
}

/* Statements in the database of the test. */
static inline void
postgres_fixture_do(postgres_fixture_t *self, const char *sql)
{
    self->db = self->db != NULL ? self->db : postgres_fixture_connect(self, self->database);
    postgres_fixture_run(self->db, sql);
}

/* The number that a query gives there. */
static inline int64_t
postgres_fixture_ask(postgres_fixture_t *self, const char *sql)
{
    self->db = self->db != NULL ? self->db : postgres_fixture_connect(self, self->database);
    PGresult *result = PQexec(self->db, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        fail_msg("postgres: no one row of %s: %s", sql, PQerrorMessage(self->db));
    }
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return number;
}

/* A database of its own from here on, as the template is; the one before it is dropped. */
static inline void
postgres_fixture_make(postgres_fixture_t *self, const char *from)
{
    char sql[160], name[32];
    postgres_fixture_hang_up(self);
    PGconn *db = postgres_fixture_connect(self, "postgres");
    if (self->made > 0) {
        snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", self->database);
        postgres_fixture_run(db, sql);
    }
    snprintf(name, sizeof name, "test_%u", ++self->made);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE %s", name, from);
    postgres_fixture_run(db, sql);
    PQfinish(db);
    postgres_fixture_name(self, name);
}

static inline void
postgres_fixture_fresh(postgres_fixture_t *self) /* migrated */
{
    postgres_fixture_make(self, "migrated");
}

static inline void
postgres_fixture_empty(postgres_fixture_t *self)
{
    postgres_fixture_make(self, "template0");
}

/* Waits until nobody but the test is connected to the database: what a client that has died left is done. */
static inline void
postgres_fixture_settle(postgres_fixture_t *self)
{
    for (int polls = 0; postgres_fixture_ask(self, "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                                   "current_database() AND pid <> pg_backend_pid() "
                                                   "AND backend_type = 'client backend'") != 0;
         polls++) {
        assert_true(polls < POSTGRES_POLLS);
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
}

/* ---- all of it ---- */

static inline void
postgres_fixture_migrate(const postgres_fixture_t *self)
{
    char text[2048] = "";
    const store_options_t options = {.url = self->url, .path = "", .timeout_msec = POSTGRES_TIMEOUT_MSEC};
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    bool done = store_migrate_up(&options, out);
    fclose(out);
    if (!done) {
        fail_msg("%s", text);
    }
}

static inline void
postgres_fixture_open(postgres_fixture_t *self)
{
    int status = -1;
    snprintf(self->folder, sizeof self->folder, "/tmp/playhouse-postgres-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->data, sizeof self->data, "%s/data", self->folder);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user != NULL) {
        assert_int_equal(chown(self->folder, user->pw_uid, user->pw_gid), 0);
    }
    const char *const arguments[] = {"-D",   self->data,   "--no-sync",         "-A", "trust", "-U", "postgres", "-E",
                                     "UTF8", "--locale=C", "--no-instructions", NULL};
    pid_t pid = postgres_fixture_spawn(self, "initdb", arguments);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        postgres_fixture_fail(self, "initdb failed");
    }
    postgres_fixture_start(self);
    PGconn *db = postgres_fixture_connect(self, "postgres");
    postgres_fixture_run(db, "CREATE DATABASE migrated TEMPLATE template0");
    PQfinish(db);
    postgres_fixture_name(self, "migrated");
    postgres_fixture_migrate(self);
}

static inline int
postgres_fixture_remove(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about, (void)kind, (void)walk;
    return remove(path);
}

static inline void
postgres_fixture_close(postgres_fixture_t *self)
{
    postgres_fixture_stop(self, SIGQUIT);
    assert_int_equal(nftw(self->folder, postgres_fixture_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
