/*
 * store_migrate -- `playhouse migrate`: bringing a store to this binary's schema, and back by one.
 *
 * On the form that the options choose, as store_open does. Each migration is one transaction. Two at once: on SQLite
 * the second is refused, as the file is in use; on PostgreSQL it waits for the first, for a bounded time. Lines for
 * people go to `out`, also about what failed.
 */
#ifndef PLAYHOUSE_STORE_MIGRATE_H
#define PLAYHOUSE_STORE_MIGRATE_H

#include <stdio.h>

#include "store.h"

/* Applies what is missing. A SQLite file that is not there is made; a PostgreSQL database is not. False when the store
 * is not at this binary's version afterwards. */
bool store_migrate_up(const store_options_t *options, FILE *out);
/* Undoes the newest migration, and loses what only it could hold. Not `sure`: says what that is, changes nothing, and
 * is false. */
bool store_migrate_down(const store_options_t *options, bool sure, FILE *out);
/* Changes nothing. False when the store is missing or not at this binary's version. */
bool store_migrate_status(const store_options_t *options, FILE *out);

#endif
