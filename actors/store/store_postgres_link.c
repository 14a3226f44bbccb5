/* The connection: made, set up, lost, made anew. Nothing here blocks beyond a deadline. */
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
    RECONNECT_SHARE = 4, /* of a call's time, for one try of several */
    RECONNECT_MIN_USEC = 100000,
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

/* Blanks out the password, and makes one line of it. */
static void
line_clean(const PGconn *connection, char *line)
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

/* The last result of what was sent: an error when there was one. NULL: the connection is lost, or it takes too long. */
static PGresult *
link_receive(PGconn *connection, int64_t deadline_usec)
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
    PGresult *result = link_receive(connection, deadline_usec);
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

static PGconn *
link_open(const char *url, int64_t timeout_msec, int64_t deadline_usec, char error[STORE_ERROR_MAX])
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
    line_clean(connection, why);
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
    PGconn *connection = link_open(url, timeout_msec, deadline_usec, error);
    if (connection != NULL) {
        PQsetnonblocking(connection, 0);
    }
    return connection;
}

/* Closes it. When it has worked since it was made, the next try may be at once. */
static void
link_lose(store_postgres_t *self)
{
    PQfinish(self->connection);
    self->connection = NULL;
    self->failed = true; /* ping asks, and does not go by what was before */
    self->retry_usec = store_postgres_clock_usec() + self->backoff_msec * 1000;
}

/* `deadline_usec`: of this try. */
static bool
link_ensure(store_postgres_t *self, int64_t deadline_usec)
{
    if (self->connection != NULL) {
        return true;
    }
    self->fault = STORE_UNAVAILABLE;
    self->repeat = POSTGRES_REPEAT_NO;
    self->sqlstate[0] = self->detail[0] = '\0';
    if (store_postgres_clock_usec() < self->retry_usec) {
        return false;
    }
    self->connection = link_open(self->url, self->timeout_msec, deadline_usec, self->error);
    /* Also one that is made has to prove itself: the next success sets this to 0. */
    self->backoff_msec = self->backoff_msec == 0 ? POSTGRES_BACKOFF_MIN_MSEC : self->backoff_msec * 2;
    if (self->backoff_msec > POSTGRES_BACKOFF_MAX_MSEC) {
        self->backoff_msec = POSTGRES_BACKOFF_MAX_MSEC;
    }
    if (self->connection == NULL) {
        self->retry_usec = store_postgres_clock_usec() + self->backoff_msec * 1000;
        return false;
    }
    memset(self->prepared, 0, sizeof(self->prepared));
    self->reconnects += self->connected_before;
    self->connected_before = true;
    return true;
}

bool
store_postgres_reconnect(store_postgres_t *self)
{
    while (self->connection == NULL) {
        int64_t now = store_postgres_clock_usec();
        if (now >= self->deadline_usec) {
            return false;
        }
        if (now < self->retry_usec) {
            int64_t until = self->retry_usec < self->deadline_usec ? self->retry_usec : self->deadline_usec;
            poll(NULL, 0, (int)((until - now) / 1000 + 1));
        } else {
            /* A server that is going down may take a connection and never answer: that must not cost all of the time.
             */
            int64_t share = self->timeout_msec * 1000 / RECONNECT_SHARE;
            int64_t until = now + (share > RECONNECT_MIN_USEC ? share : RECONNECT_MIN_USEC);
            link_ensure(self, until < self->deadline_usec ? until : self->deadline_usec);
        }
    }
    return true;
}

void
store_postgres_call(store_postgres_t *self)
{
    self->deadline_usec = store_postgres_clock_usec() + self->timeout_msec * 1000;
    self->conflicts = self->losses = 0;
    self->transaction = POSTGRES_SINGLE;
    self->repeat = POSTGRES_REPEAT_NO;
}

bool
store_postgres_again(store_postgres_t *self, store_result_t result)
{
    if (result != STORE_UNAVAILABLE || store_postgres_clock_usec() >= self->deadline_usec) {
        return false;
    }
    if (self->repeat == POSTGRES_REPEAT_CONFLICT) {
        return self->conflicts++ < POSTGRES_CONFLICTS_MAX;
    }
    return self->repeat == POSTGRES_REPEAT_LOST && self->losses++ == 0;
}

/* What the server says, as a fault. */
static void
link_judge(store_postgres_t *self)
{
    static const char *const conflicts[] = {"40001", "40P01"};
    static const char *const disk[] = {"53100", "58030"};
    static const char *const gone[] = {"57P01", "57P02", "57P03", "57P05", "26000"}; /* 26000: its statements are */
    self->fault = STORE_UNAVAILABLE;
    self->repeat = POSTGRES_REPEAT_NO;
    for (size_t i = 0; i < sizeof(conflicts) / sizeof(*conflicts); i++) {
        self->repeat = strcmp(self->sqlstate, conflicts[i]) == 0 ? POSTGRES_REPEAT_CONFLICT : self->repeat;
    }
    for (size_t i = 0; i < sizeof(disk) / sizeof(*disk); i++) {
        self->fault = strcmp(self->sqlstate, disk[i]) == 0 ? STORE_FULL : self->fault;
    }
    for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
        self->repeat = strcmp(self->sqlstate, gone[i]) == 0 ? POSTGRES_REPEAT_LOST : self->repeat;
    }
}

static const char *
hint_of(const char *sqlstate)
{
    static const char *const hints[][2] = {
        {"25006", "; it is a standby or read-only: let store.url name the primary, or all with "
                  "target_session_attrs=read-write"},
        {"57014", "; it took over half of store.timeout_ms: is it overloaded, or a row locked?"},
        {"53100", "; make room on the disk"},
        {"42501", "; grant the user of store.url what playhouse migrate made"},
        {"42P01", "; run: playhouse migrate up"},
    };
    for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
        if (strcmp(sqlstate, hints[i][0]) == 0) {
            return hints[i][1];
        }
    }
    return "";
}

/* Notes why `result` is no success; NULL: there was no answer. */
static void
link_failed(store_postgres_t *self, const PGresult *result)
{
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *detail = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *primary = result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    bool late = result == NULL && PQstatus(self->connection) == CONNECTION_OK;
    snprintf(self->sqlstate, sizeof(self->sqlstate), "%s", state != NULL ? state : "");
    snprintf(self->detail, sizeof(self->detail), "%.31s", detail != NULL ? detail : "");
    link_judge(self);
    if (late) {
        snprintf(self->error, sizeof(self->error), "PostgreSQL did not answer within %lld ms (store.timeout_ms)",
                 (long long)self->timeout_msec);
    } else if (primary != NULL) {
        snprintf(self->error, sizeof(self->error), "%.300s (PostgreSQL %s)%s", primary, self->sqlstate,
                 hint_of(self->sqlstate));
    } else {
        snprintf(self->error, sizeof(self->error), "the connection to PostgreSQL is lost: %.400s",
                 PQerrorMessage(self->connection));
    }
    line_clean(self->connection, self->error);
    self->transaction = self->transaction == POSTGRES_SINGLE ? POSTGRES_SINGLE : POSTGRES_BROKEN;
    if (result == NULL || PQstatus(self->connection) == CONNECTION_BAD || self->repeat == POSTGRES_REPEAT_LOST) {
        self->repeat = POSTGRES_REPEAT_LOST;
        link_lose(self);
    } else if (strcmp(self->sqlstate, "25006") == 0) {
        link_lose(self); /* the next try may find the primary */
    }
}

/* The answer to what was sent, `sent` being what libpq said to that. */
static PGresult *
link_answer(store_postgres_t *self, int sent)
{
    PGresult *result = sent == 1 ? link_receive(self->connection, self->deadline_usec) : NULL;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        self->backoff_msec = 0;
        self->sqlstate[0] = self->detail[0] = '\0';
        return result;
    }
    link_failed(self, result);
    PQclear(result);
    return NULL;
}

/* May a statement go out now? */
static bool
link_ready(store_postgres_t *self)
{
    return self->transaction == POSTGRES_OPEN ||
           (self->transaction == POSTGRES_SINGLE && link_ensure(self, self->deadline_usec));
}

PGresult *
store_postgres_send(store_postgres_t *self, postgres_statement_t statement, const postgres_params_t *params)
{
    if (!link_ready(self)) {
        return NULL;
    }
    char name[NUMBER_MAX];
    snprintf(name, sizeof(name), "s%d", (int)statement);
    if (!self->prepared[statement]) {
        PGresult *made = link_answer(self, PQsendPrepare(self->connection, name, postgres_statement_sql[statement],
                                                         params->count, params->types));
        if (made == NULL) {
            return NULL;
        }
        PQclear(made);
        self->prepared[statement] = true;
    }
    return link_answer(self, PQsendQueryPrepared(self->connection, name, params->count, params->values, params->lengths,
                                                 params->formats, 1));
}

bool
store_postgres_command(store_postgres_t *self, const char *sql)
{
    PGresult *result = link_ready(self) ? link_answer(self, PQsendQuery(self->connection, sql)) : NULL;
    PQclear(result);
    return result != NULL;
}

bool
store_postgres_begin(store_postgres_t *self)
{
    self->transaction = POSTGRES_SINGLE;
    if (!store_postgres_command(self, "BEGIN")) {
        return false;
    }
    self->transaction = POSTGRES_OPEN;
    return true;
}

store_result_t
store_postgres_end(store_postgres_t *self, store_result_t result)
{
    bool begun = self->transaction != POSTGRES_SINGLE, broken = self->transaction == POSTGRES_BROKEN;
    self->transaction = POSTGRES_SINGLE;
    if (!begun) {
        return result;
    }
    if (result == STORE_OK && !broken) {
        return store_postgres_wrote(self, store_postgres_command(self, "COMMIT") ? STORE_OK : self->fault);
    }
    result = result == STORE_OK ? self->fault : result;
    if (self->connection != NULL) {
        PGresult *done =
            PQsendQuery(self->connection, "ROLLBACK") == 1 ? link_receive(self->connection, self->deadline_usec) : NULL;
        if (PQresultStatus(done) != PGRES_COMMAND_OK) {
            link_lose(self); /* which rolls back too; why it failed is known already */
        }
        PQclear(done);
    }
    return store_postgres_wrote(self, result);
}

store_result_t
store_postgres_wrote(store_postgres_t *self, store_result_t result)
{
    if (result == STORE_OK) {
        self->failed = false;
        self->written_usec = store_postgres_clock_usec();
    }
    self->failed = self->failed || result == STORE_FULL || result == STORE_UNAVAILABLE;
    return result;
}

store_result_t
store_postgres_fault(const store_postgres_t *self)
{
    return self->fault;
}

void
store_postgres_disconnect(store_postgres_t *self)
{
    PQfinish(self->connection);
    self->connection = NULL;
}
