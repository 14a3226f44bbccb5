/*
 * store_sqlite -- the store as one SQLite file: WAL, synchronous=FULL, written by one process alone.
 *
 * Beside it stand <path>-wal and <path>-shm while the store is open, and <path>-lock, which the writer holds. All
 * three functions say what went wrong, and what to do, in one line.
 */
#ifndef PLAYHOUSE_STORE_SQLITE_H
#define PLAYHOUSE_STORE_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "store.h"

enum { STORE_ERROR_MAX = 512 };

/* The store, owned by the caller (its `close` ends it), or NULL with a line in `error`. Refuses a schema older or
 * newer than this binary's, a migration that was changed after it was applied, and a file in use. `create`: a file
 * that is missing or empty is made and migrated; else that is refused too. */
store_t *store_sqlite_open(const char *path, bool create, char error[STORE_ERROR_MAX]);

/* `playhouse migrate up`: applies what is missing, each migration in one transaction; makes the file when there is
 * none. `playhouse migrate status`: changes nothing. Lines for people go to `out`. False when it failed (migrate), or
 * when the file is missing or not at this binary's version (status). */
bool store_sqlite_migrate(const char *path, FILE *out);
bool store_sqlite_status(const char *path, FILE *out);

#endif
