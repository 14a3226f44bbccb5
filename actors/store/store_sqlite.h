/*
 * store_sqlite -- the store as one SQLite file: WAL, synchronous=FULL, written by one process alone.
 *
 * Beside it stand <path>-wal and <path>-shm while the store is open, and <path>-lock, which the writer holds.
 * store_migrate.h migrates it.
 */
#ifndef PLAYHOUSE_STORE_SQLITE_H
#define PLAYHOUSE_STORE_SQLITE_H

#include "store.h"

/* The store, owned by the caller (its `close` ends it), or NULL with a line in `error` that says what went wrong and
 * what to do. Refuses a schema older or newer than this binary's, a migration that was changed after it was applied,
 * and a file in use. `create`: a file that is missing or empty is made and migrated; else that is refused too. */
store_t *store_sqlite_open(const char *path, bool create, char error[STORE_ERROR_MAX]);

#endif
