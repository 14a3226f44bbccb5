/* store_sqlite_form -- what the files of the SQLite form share; nobody else includes it. */
#ifndef PLAYHOUSE_STORE_SQLITE_FORM_H
#define PLAYHOUSE_STORE_SQLITE_FORM_H

#include <stdio.h>

#include <sqlite3.h>

#include "store_group.h"
#include "store_sqlite.h"

typedef enum statement {
#define STATEMENT(id, sql) id,
#include "statements.tbl.h"
#undef STATEMENT
    STATEMENT_COUNT
} statement_t;

enum {
    INSERT_FORMS = 3,    /* INSERTs of several rows, most first; insert_rows[] says how many */
    TAILS_CAP = 1 << 14, /* characters whose newest row is remembered; when full all are forgotten and read again */
    TAIL_SLOTS = 1 << 15,
    SEATS_CAP = 64, /* instances whose seats are remembered; when full all are forgotten and counted again */
};

/* A character's newest row in the log. So a commit knows `prev` and the next sequence without reading: this process
 * alone writes the file. Changed only after a commit. */
typedef struct tail {
    char id[sizeof(((obj_character_t *)0)->id)];
    int64_t number; /* of the character's row; 0: a free slot */
    int64_t sequence;
    int64_t action_id;
    int64_t log;
    /* Of the batch under way, when `batch` is its number: the same after it, and the last append. */
    uint64_t batch;
    int64_t new_sequence;
    int64_t new_action_id;
    int64_t new_log;
    uint32_t last;
} tail_t;

/* How many live sessions of an instance hold a seat. So a save need not count them: this process alone writes the file.
 * Goes with the transaction under way; forgotten when one fails. */
typedef struct seats {
    char instance[sizeof(((obj_session_row_t *)0)->instance)];
    int64_t held;
} seats_t;

typedef struct store_sqlite {
    store_t port; /* first: a store_t * is a store_sqlite_t * */
    sqlite3 *db;
    int lock; /* descriptor of the file that says this process writes the store */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    sqlite3_stmt *inserts[INSERT_FORMS];
    char error[STORE_ERROR_MAX];
    int changes;          /* rows written before the transaction under way */
    bool failed;          /* the last write did not succeed */
    int64_t written_usec; /* when the last one did, monotonic */
    int64_t next_log;     /* id of the next action; 0: to be read */
    uint64_t batch;       /* number of the batch under way */
    uint32_t tails_count;
    tail_t *tails; /* TAIL_SLOTS, open addressing */
    /* Of the batch under way. */
    int64_t prev[STORE_BATCH_MAX];
    tail_t *touched[STORE_BATCH_MAX]; /* each character once */
    uint32_t touched_count;
    store_group_t group; /* by room, then by item */
    uint32_t seats_count;
    seats_t seats[SEATS_CAP];
} store_sqlite_t;

int64_t store_sqlite_clock_usec(void); /* monotonic */

/* Opens the file in WAL mode; NULL with a line in `error`. `create`: make it when it is missing. Others may read it
 * meanwhile (backups, a curious operator); who writes has taken the lock before. */
sqlite3 *store_sqlite_open_file(const char *path, bool create, char error[STORE_ERROR_MAX]);
/* Makes this process the one that writes: takes PATH-lock, which the system gives back when the process is gone. The
 * descriptor, to be closed; -1 with a line in `error` when another process has it. */
int store_sqlite_lock(const char *path, char error[STORE_ERROR_MAX]);
/* Is the schema this binary's? `create` and nothing in the file: makes it so. */
bool store_sqlite_check_schema(sqlite3 *db, const char *path, bool create, char error[STORE_ERROR_MAX]);

/* Notes what SQLite says, as FULL or UNAVAILABLE. */
store_result_t store_sqlite_fault(store_sqlite_t *self);
/* Notes that a row holds what this program would not have written. */
store_result_t store_sqlite_strange(store_sqlite_t *self, const char *table);

/* A prepared statement with its arguments: 's' text or NULL, 'i' int64_t, 'd' double, 'b' bytes (const void * and int),
 * one letter each. They are borrowed until it is run again. */
sqlite3_stmt *store_sqlite_bind(store_sqlite_t *self, statement_t statement, const char *kinds, ...);
/* Runs a statement to its end and resets it; true when SQLite did it. */
bool store_sqlite_run(sqlite3_stmt *statement);
bool store_sqlite_begin(store_sqlite_t *self);
/* Ends the transaction: commits when `result` is OK, else rolls back. Returns what became of it. */
store_result_t store_sqlite_end(store_sqlite_t *self, store_result_t result);

/* store_sqlite_commit.c */
bool store_sqlite_prepare_inserts(store_sqlite_t *self);
store_result_t store_sqlite_commit(store_t *port, const msg_persistence_append_t *appends, uint32_t count, int64_t at,
                                   store_report_t *report);

/* store_sqlite_log.c */
store_result_t store_sqlite_find_action(store_t *port, const char *character_id, int64_t action_id,
                                        obj_action_row_t *out);
store_result_t store_sqlite_read_actions(store_t *port, const char *character_id, int64_t from_sequence,
                                         obj_action_row_t *rows, uint32_t *count);

/* Forgets what is old, a few rows at a time. */
store_result_t store_sqlite_maintain(store_t *port, int64_t at, int64_t keep_msec, bool *more);

/* store_sqlite_sessions.c */
store_result_t store_sqlite_save_sessions(store_t *port, const msg_persistence_save_session_t *const *saves,
                                          uint32_t count, int64_t at, session_conflict_t *conflicts);
store_result_t store_sqlite_load_sessions(store_t *port, const char *instance, int64_t after, int64_t at,
                                          msg_persistence_sessions_t *out);
store_result_t store_sqlite_save_instance(store_t *port, const char *instance, const obj_instance_switches_t *switches);
store_result_t store_sqlite_load_instance(store_t *port, const char *instance, obj_instance_switches_t *switches);

/* Copies a text column; false when it does not fit (then the file was not written by us). NULL gives "". */
bool store_sqlite_text(sqlite3_stmt *statement, int column, char *out, size_t size);

#endif
