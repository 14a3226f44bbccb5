/* A connection: made, set up for us, waited on. Nothing here blocks beyond a deadline. */
#include "store_postgres_form.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    KEEPALIVE_SECONDS = 10,
    KEEPALIVE_COUNT = 3,
    NUMBER_MAX = 24,
};

/* A statement gets half of the time that a call has: so that one which the server gives up is known to have changed
 * nothing, and the call has time to say so. The plans are those that are right for any size: all look rows up by index,
 * also while a table is small or not analyzed yet. The functions rely on READ COMMITTED, and STORE_OK on a commit that
 * is on the disk. */
static const char setup_sql[] =
    "SELECT set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false), "
    "set_config('tcp_user_timeout', $2, false), set_config('tcp_keepalives_idle', $3, false), "
    "set_config('tcp_keepalives_interval', $3, false), set_config('tcp_keepalives_count', $4, false), "
    "set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false), "
    "set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), "
    "set_config('jit', 'off', false), set_config('default_transaction_isolation', 'read committed', false), "
    "set_config('client_min_messages', 'error', false), set_config('synchronous_commit', "
    "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, "
    "false)";

int64_t
store_postgres_clock_usec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool
socket_wait(const PGconn *connection, short events, int64_t deadline_usec)
{
    struct pollfd item = {.fd = PQsocket(connection), .events = events};
    for (;;) {
        int64_t left = deadline_usec - store_postgres_clock_usec();
        if (left <= 0) {
            return false;
        }
        int ready = poll(&item, 1, (int)(left / 1000 + 1));
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}

void
store_postgres_clean(const PGconn *connection, char *line)
{
    const char *secret = PQpass(connection);
    if (secret != NULL && secret[0] != '\0') {
        for (char *found = line; (found = strstr(found, secret)) != NULL; found += strlen(secret)) {
            memset(found, '*', strlen(secret));
        }
    }
    size_t length = strlen(line);
    while (length > 0 && strchr("\n ", line[length - 1]) != NULL) {
        line[--length] = '\0';
    }
    for (char *found = line; (found = strchr(found, '\n')) != NULL;) {
        *found = ' ';
    }
}

/* libpq's own words about a URL quote parts of it: what follows a stray @ or / in the password would count as a host, a
 * port or a database. So such a URL gets no further than this. */
static bool
url_check(const char *url, char error[STORE_ERROR_MAX])
{
    const char *start = strstr(url, "://");
    bool good = start != NULL && (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0);
    if (good) {
        const char *rest = start + 3;
        rest += strcspn(rest, "@/");
        rest += *rest == '@';
        good = memchr(rest, '@', strcspn(rest, "?")) == NULL;
    }
    PQconninfoOption *options = good ? PQconninfoParse(url, NULL) : NULL;
    good = options != NULL;
    for (PQconninfoOption *option = options; good && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, "port") == 0 && option->val != NULL) {
            good = option->val[strspn(option->val, "0123456789,")] == '\0';
        }
    }
    PQconninfoFree(options);
    if (!good) {
        snprintf(error, STORE_ERROR_MAX,
                 "cannot read store.url: it must be like postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with "
                 "each @ / ? %% in a part written as %%40 %%2F %%3F %%25");
    }
    return good;
}

void
store_postgres_where(const PGconn *connection, char where[POSTGRES_WHERE_MAX])
{
    const char *host = PQhost(connection), *port = PQport(connection), *database = PQdb(connection);
    snprintf(where, POSTGRES_WHERE_MAX, "%s:%s/%s", host != NULL ? host : "", port != NULL ? port : "",
             database != NULL ? database : "");
}

PGresult *
store_postgres_receive(PGconn *connection, int64_t deadline_usec)
{
    int flushed;
    while ((flushed = PQflush(connection)) == 1) {
        if (!socket_wait(connection, POLLIN | POLLOUT, deadline_usec) || PQconsumeInput(connection) == 0) {
            return NULL;
        }
    }
    PGresult *last = NULL;
    for (bool alive = flushed == 0; alive;) {
        while (alive && PQisBusy(connection)) {
            alive = socket_wait(connection, POLLIN, deadline_usec) && PQconsumeInput(connection) == 1;
        }
        PGresult *next = alive ? PQgetResult(connection) : NULL;
        if (alive && next == NULL) {
            return last;
        }
        if (next != NULL) {
            PQclear(last);
            last = next;
        }
    }
    PQclear(last);
    return NULL;
}

static void
notice_drop(void *self, const char *text)
{
    (void)self, (void)text;
}

/* `error` says why, when it says so. */
static bool
link_setup(PGconn *connection, int64_t timeout_msec, int64_t deadline_usec, char error[STORE_ERROR_MAX])
{
    char statement[NUMBER_MAX], idle[NUMBER_MAX], keepalive[NUMBER_MAX], count[NUMBER_MAX];
    snprintf(statement, sizeof(statement), "%lld", (long long)timeout_msec / 2);
    snprintf(idle, sizeof(idle), "%lld", (long long)timeout_msec * 2);
    snprintf(keepalive, sizeof(keepalive), "%d", KEEPALIVE_SECONDS);
    snprintf(count, sizeof(count), "%d", KEEPALIVE_COUNT);
    const char *values[] = {statement, idle, keepalive, count};
    if (PQserverVersion(connection) < POSTGRES_VERSION_MIN) {
        snprintf(error, STORE_ERROR_MAX, "it is PostgreSQL %d; %d or newer is needed",
                 PQserverVersion(connection) / 10000, POSTGRES_VERSION_MIN / 10000);
        return false;
    }
    if (PQsetnonblocking(connection, 1) != 0 ||
        PQsendQueryParams(connection, setup_sql, 4, NULL, values, NULL, NULL, 0) == 0) {
        return false;
    }
    PGresult *result = store_postgres_receive(connection, deadline_usec);
    bool done = PQresultStatus(result) == PGRES_TUPLES_OK;
    PQclear(result);
    return done;
}

static PGconn *
link_start(const char *url, int64_t timeout_msec)
{
    char timeout[NUMBER_MAX], keepalive[NUMBER_MAX], count[NUMBER_MAX];
    snprintf(timeout, sizeof(timeout), "%lld", (long long)timeout_msec);
    snprintf(keepalive, sizeof(keepalive), "%d", KEEPALIVE_SECONDS);
    snprintf(count, sizeof(count), "%d", KEEPALIVE_COUNT);
    /* What stands before dbname, which is the URL, gives way to what the URL says. */
    static const char *const names[] = {"fallback_application_name",
                                        "keepalives",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "dbname",
                                        "client_encoding",
                                        NULL};
    const char *const values[] = {"playhouse", "1", keepalive, keepalive, count, timeout, url, "UTF8", NULL};
    return PQconnectStartParams(names, values, 1);
}

/* Until it is connected, cannot be, or the time is over. */
static bool
link_wait(PGconn *connection, int64_t deadline_usec)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    if (PQstatus(connection) == CONNECTION_BAD) {
        return false;
    }
    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!socket_wait(connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_usec)) {
            return false;
        }
        status = PQconnectPoll(connection);
    }
    return status == PGRES_POLLING_OK;
}

PGconn *
store_postgres_open_link(const char *url, int64_t timeout_msec, int64_t deadline_usec, char error[STORE_ERROR_MAX])
{
    if (!url_check(url, error)) {
        return NULL;
    }
    int64_t begin_usec = store_postgres_clock_usec();
    PGconn *connection = link_start(url, timeout_msec);
    if (connection == NULL) {
        snprintf(error, STORE_ERROR_MAX, "cannot connect to PostgreSQL: out of memory");
        return NULL;
    }
    PQsetNoticeProcessor(connection, notice_drop, NULL);
    char why[STORE_ERROR_MAX] = "", where[POSTGRES_WHERE_MAX];
    if (link_wait(connection, deadline_usec) && link_setup(connection, timeout_msec, deadline_usec, why)) {
        return connection;
    }
    if (store_postgres_clock_usec() >= deadline_usec) {
        snprintf(why, sizeof(why), "no answer within %lld ms",
                 (long long)(store_postgres_clock_usec() - begin_usec) / 1000);
    } else if (why[0] == '\0') {
        snprintf(why, sizeof(why), "%s", PQerrorMessage(connection));
    }
    store_postgres_clean(connection, why);
    store_postgres_where(connection, where);
    snprintf(error, STORE_ERROR_MAX,
             "cannot connect to PostgreSQL at %.120s: %.300s; is store.url right, and is it up?", where, why);
    PQfinish(connection);
    return NULL;
}

PGconn *
store_postgres_connect(const char *url, int64_t timeout_msec, char error[STORE_ERROR_MAX])
{
    int64_t deadline_usec = store_postgres_clock_usec() + timeout_msec * 1000;
    PGconn *connection = store_postgres_open_link(url, timeout_msec, deadline_usec, error);
    if (connection != NULL) {
        PQsetnonblocking(connection, 0);
    }
    return connection;
}
