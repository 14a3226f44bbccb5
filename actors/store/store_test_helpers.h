/* store_test_helpers -- a store of its own for a test, on a real file in a folder that goes away with it. */
#ifndef PLAYHOUSE_STORE_TEST_HELPERS_H
#define PLAYHOUSE_STORE_TEST_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "store_sqlite.h"
#include "store_test_rows.h"

typedef struct fixture {
    char folder[64];
    char path[80];
    store_t *store;
} fixture_t;

static inline void
fixture_open(fixture_t *self)
{
    char error[STORE_ERROR_MAX] = "";
    self->store = store_sqlite_open(self->path, true, error);
    assert_string_equal(error, "");
    assert_non_null(self->store);
}

/* Without a store yet. */
static inline void
fixture_folder(fixture_t *self)
{
    snprintf(self->folder, sizeof(self->folder), "/tmp/playhouse-store-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->path, sizeof(self->path), "%s/test.db", self->folder);
    self->store = NULL;
}

/* The file and what stands beside it. */
static inline void
fixture_erase(const fixture_t *self)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", "-lock"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s%s", self->path, suffixes[i]);
        unlink(path);
    }
}

static inline void
fixture_remove(fixture_t *self)
{
    if (self->store != NULL) {
        self->store->close(&self->store);
    }
    fixture_erase(self);
    assert_int_equal(rmdir(self->folder), 0);
}

/* Files of this process may not grow over `bytes`; RLIM_INFINITY lifts it. A disk that is full, for SQLite. */
static inline void
disk_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
