/*
 * store_postgres -- the store as a PostgreSQL database (14 or newer), which several processes may share.
 *
 * One connection, made anew when it is lost: at once, then after 100 ms, doubling to 2 s; while it is away every
 * function says UNAVAILABLE at once, but for one try when that time is over. No function blocks longer than
 * `timeout_msec`, looking up a host's name aside.
 */
#ifndef PLAYHOUSE_STORE_POSTGRES_H
#define PLAYHOUSE_STORE_POSTGRES_H

#include "store.h"

/* The store, owned by the caller (its `close` ends it), or NULL with a line in `error` that says what went wrong and
 * what to do, and never has the password. `url`: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as libpq takes it, what
 * is special in its parts as %XX. `timeout_msec`: 100..60000. */
store_t *store_postgres_open(const char *url, int64_t timeout_msec, char error[STORE_ERROR_MAX]);

#endif
