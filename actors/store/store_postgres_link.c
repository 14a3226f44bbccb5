/* The connection of a store: lost, made anew, and what is sent over it. Nothing here blocks beyond a deadline. */
#include "store_postgres_form.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    NUMBER_MAX = 24,
    RECONNECT_SHARE = 4, /* of a call's time, for one try of several */
    RECONNECT_MIN_USEC = 100000,
};

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
    self->connection = store_postgres_open_link(self->url, self->timeout_msec, deadline_usec, self->error);
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
    store_postgres_clean(self->connection, self->error);
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
    PGresult *result = sent == 1 ? store_postgres_receive(self->connection, self->deadline_usec) : NULL;
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
        PGresult *done = PQsendQuery(self->connection, "ROLLBACK") == 1
                             ? store_postgres_receive(self->connection, self->deadline_usec)
                             : NULL;
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
