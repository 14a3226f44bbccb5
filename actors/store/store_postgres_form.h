/*
 * store_postgres_form -- what the files of the PostgreSQL form share; nobody else includes it.
 *
 * A function of the port is a call: store_postgres_call, and then its work, as often as store_postgres_again says:
 *
 *     store_postgres_call(self);
 *     do {
 *         result = work(self, ...);
 *     } while (store_postgres_again(self, result));
 *
 * `work` runs one statement, or some between store_postgres_begin and store_postgres_end. It may run twice, also when
 * the first time was stored but its answer lost: a repeat must be harmless. A statement that fails inside a transaction
 * ends it; those after it fail too, until store_postgres_end.
 */
#ifndef PLAYHOUSE_STORE_POSTGRES_FORM_H
#define PLAYHOUSE_STORE_POSTGRES_FORM_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "store_group.h"
#include "store_postgres.h"

enum {
    POSTGRES_VERSION_MIN = 140000,   /* DETACH PARTITION CONCURRENTLY */
    POSTGRES_BACKOFF_MIN_MSEC = 100, /* between tries to connect, doubling */
    POSTGRES_BACKOFF_MAX_MSEC = 2000,
    POSTGRES_CONFLICTS_MAX = 4, /* repeats of one call after deadlocks and serialization failures */
    POSTGRES_PARAMS_MAX = 32,   /* of one statement */
    POSTGRES_WHERE_MAX = 256,
};

typedef enum postgres_statement {
#define STATEMENT(id, sql) id,
#include "statements_postgres.tbl.h"
#undef STATEMENT
    POSTGRES_STATEMENT_COUNT
} postgres_statement_t;

/* An array to be sent, as PostgreSQL reads it. One of texts or bytes may have NULLs. */
typedef enum postgres_element { POSTGRES_TEXTS, POSTGRES_INTS, POSTGRES_DOUBLES, POSTGRES_BYTES } postgres_element_t;
typedef struct postgres_array {
    uint8_t *bytes;
    size_t length, cap;
    uint32_t count;
    postgres_element_t element;
    bool failed; /* out of memory; a statement with it fails */
} postgres_array_t;

/* Empties it, keeping its memory; a zeroed one is ready for this. */
void postgres_array_start(postgres_array_t *self, postgres_element_t element);
void postgres_array_text(postgres_array_t *self, const char *text); /* or NULL */
void postgres_array_int(postgres_array_t *self, int64_t value);
void postgres_array_double(postgres_array_t *self, double value);
void postgres_array_bytes(postgres_array_t *self, const void *bytes, size_t length); /* `bytes` may be NULL */
void postgres_array_free(postgres_array_t *self);

/* The arguments of one run. They borrow what they are given. */
typedef struct postgres_params {
    int count;
    Oid types[POSTGRES_PARAMS_MAX];
    const char *values[POSTGRES_PARAMS_MAX];
    int lengths[POSTGRES_PARAMS_MAX];
    int formats[POSTGRES_PARAMS_MAX];
    uint64_t numbers[POSTGRES_PARAMS_MAX];
} postgres_params_t;

/* What a repeat might mend. */
typedef enum postgres_repeat { POSTGRES_REPEAT_NO, POSTGRES_REPEAT_CONFLICT, POSTGRES_REPEAT_LOST } postgres_repeat_t;

enum { POSTGRES_ARRAYS = 22 };

typedef struct store_postgres {
    store_t port; /* first: a store_t * is a store_postgres_t * */
    char *url;
    int64_t timeout_msec;
    PGconn *connection; /* NULL: away */
    bool prepared[POSTGRES_STATEMENT_COUNT];
    int64_t retry_usec;   /* no try to connect before */
    int64_t backoff_msec; /* 0: the connection has worked */
    bool connected_before;
    uint32_t reconnects; /* since the last report */
    /* Of the call under way. */
    int64_t deadline_usec;
    uint32_t conflicts, losses;
    enum { POSTGRES_SINGLE, POSTGRES_OPEN, POSTGRES_BROKEN } transaction;
    /* Of the last failure. */
    store_result_t fault;
    postgres_repeat_t repeat;
    char sqlstate[6]; /* "": not the server's */
    char detail[32];  /* what the error of one of our functions says beyond that */
    char error[STORE_ERROR_MAX];
    /* For ping. */
    bool failed;                              /* the last write did not succeed */
    int64_t written_usec;                     /* when the last one did, monotonic */
    postgres_array_t arrays[POSTGRES_ARRAYS]; /* for whoever runs a statement; valid until the next call */
    /* Of the batch under way: indexes of appends, in the order in which rows are to be locked. */
    store_group_t group;
    uint16_t rooms[STORE_BATCH_MAX], characters[STORE_BATCH_MAX], items[STORE_BATCH_MAX];
    uint32_t rooms_count, characters_count, items_count;
    uint16_t lasts[STORE_BATCH_MAX]; /* by the index of a character's first append: its last */
} store_postgres_t;

/* store_postgres_run.c: arguments, columns, and above them store_postgres_run */

extern const char *const postgres_statement_sql[POSTGRES_STATEMENT_COUNT];

/* store_postgres_connect.c */

int64_t store_postgres_clock_usec(void); /* monotonic */

/* A connection made within `timeout_msec`, set up for us, or NULL with a line in `error`; its owner has PQfinish. In
 * blocking mode: what is run on it directly is bounded by statement_timeout alone. */
PGconn *store_postgres_connect(const char *url, int64_t timeout_msec, char error[STORE_ERROR_MAX]);
/* "HOST:PORT/DATABASE", for errors. */
void store_postgres_where(const PGconn *connection, char where[POSTGRES_WHERE_MAX]);
/* The same as a store uses it: by that time (monotonic), and in non-blocking mode. */
PGconn *store_postgres_open_link(const char *url, int64_t timeout_msec, int64_t deadline_usec,
                                 char error[STORE_ERROR_MAX]);
/* The last result of what was sent: an error when there was one. NULL: the connection is lost, or it takes too long. */
PGresult *store_postgres_receive(PGconn *connection, int64_t deadline_usec);
/* Blanks out the password, and makes one line of it. */
void store_postgres_clean(const PGconn *connection, char *line);

/* store_postgres_link.c */

void store_postgres_call(store_postgres_t *self);
bool store_postgres_again(store_postgres_t *self, store_result_t result);

/* Runs a statement with its arguments: 's' text or NULL, 'i' int64_t, 'd' double, 'b' bytes (const void * and size_t),
 * 'a' postgres_array_t *; one letter each, always the same for one statement, and they are the types that it
 * sees ($1 is text, bigint, double precision, bytea, or an array of one). The result is the caller's (PQclear), its
 * columns binary. NULL: it failed, self->fault says how. */
PGresult *store_postgres_run(store_postgres_t *self, postgres_statement_t statement, const char *kinds, ...);
/* The same without its rows: how many were changed or read, -1: it failed. */
int64_t store_postgres_write(store_postgres_t *self, postgres_statement_t statement, const char *kinds, ...);
/* What they are made of. */
PGresult *store_postgres_send(store_postgres_t *self, postgres_statement_t statement, const postgres_params_t *params);
/* A command that cannot be prepared. */
bool store_postgres_command(store_postgres_t *self, const char *sql);

bool store_postgres_begin(store_postgres_t *self);
/* Ends the transaction: commits when `result` is OK, else rolls back. Returns what became of it. Also after a begin
 * that failed. */
store_result_t store_postgres_end(store_postgres_t *self, store_result_t result);
/* Notes that a write was stored, or not, for ping; returns `result`. */
store_result_t store_postgres_wrote(store_postgres_t *self, store_result_t result);

/* The fault of the last statement that failed; never STORE_OK. */
store_result_t store_postgres_fault(const store_postgres_t *self);
/* Notes that a row holds what this program would not have written. */
store_result_t store_postgres_strange(store_postgres_t *self, const char *table);

/* Columns of a row. Copies a text or bytes; false when it does not fit (then it was not written by us). NULL gives "",
 * 0, false. */
bool store_postgres_text(const PGresult *rows, int row, int column, char *out, size_t size);
bool store_postgres_bytes(const PGresult *rows, int row, int column, uint8_t *out, size_t size, uint32_t *length);
int64_t store_postgres_int(const PGresult *rows, int row, int column); /* also a smaller integer, or a boolean */
double store_postgres_double(const PGresult *rows, int row, int column);

/* Tries to connect until the call's deadline, waiting in between: for a commit whose answer was lost. */
bool store_postgres_reconnect(store_postgres_t *self);
void store_postgres_disconnect(store_postgres_t *self);

/* store_postgres_migrate.c: is the schema this binary's? A line in `error` says if not. */
bool store_postgres_check_schema(PGconn *db, const char *where, char error[STORE_ERROR_MAX]);

/* store_postgres_commit.c */
store_result_t store_postgres_commit(store_t *port, const msg_persistence_append_t *appends, uint32_t count, int64_t at,
                                     store_report_t *report);

/* store_postgres_log.c */

/* Makes the partition of the log that has `at`, `hours` long, if there is none. The time where it ends, -1: it failed.
 */
int64_t store_postgres_partition(store_postgres_t *self, int64_t at, int64_t hours);
store_result_t store_postgres_find_action(store_t *port, const char *character_id, int64_t action_id,
                                          obj_action_row_t *out);
store_result_t store_postgres_read_actions(store_t *port, const char *character_id, int64_t from_sequence,
                                           obj_action_row_t *rows, uint32_t *count);
store_result_t store_postgres_maintain(store_t *port, int64_t at, int64_t keep_msec, bool *more);

/* store_postgres_sessions.c */
store_result_t store_postgres_save_sessions(store_t *port, const msg_persistence_save_session_t *const *saves,
                                            uint32_t count, int64_t at, session_conflict_t *conflicts);
store_result_t store_postgres_load_sessions(store_t *port, const char *instance, int64_t after, int64_t at,
                                            msg_persistence_sessions_t *out);
store_result_t store_postgres_save_instance(store_t *port, const char *instance,
                                            const obj_instance_switches_t *switches);
store_result_t store_postgres_load_instance(store_t *port, const char *instance, obj_instance_switches_t *switches);

#endif
