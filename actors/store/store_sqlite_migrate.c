/* Opening the file, and its schema. */
#include "store_sqlite_form.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MSEC = 2000 }; /* how long a reader from outside may hold up a write */

static const char migration_table[] = "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, "
                                      "name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";

__attribute__((format(printf, 2, 3))) static bool
refuse(char error[STORE_ERROR_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, STORE_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

sqlite3 *
store_sqlite_open_file(const char *path, bool create, char error[STORE_ERROR_MAX])
{
    static const char *const pragmas[] = {
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
    };
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite3_open_v2(path, &db, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MSEC);
        for (size_t i = 0; i < sizeof(pragmas) / sizeof(*pragmas) && code == SQLITE_OK; i++) {
            code = sqlite3_exec(db, pragmas[i], NULL, NULL, NULL);
        }
    }
    if (code == SQLITE_OK) {
        return db;
    }
    if (code == SQLITE_CANTOPEN && !create) {
        refuse(error,
               "cannot open the store %s: there is no such file, or it may not be read and written; playhouse "
               "migrate up makes one",
               path);
    } else {
        refuse(error, "cannot open the store %s: %s; check store.path", path,
               db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    }
    sqlite3_close(db);
    return NULL;
}

int
store_sqlite_lock(const char *path, char error[STORE_ERROR_MAX])
{
    char name[PATH_MAX];
    if ((size_t)snprintf(name, sizeof(name), "%s-lock", path) >= sizeof(name)) {
        refuse(error, "cannot open the store %s: the path is too long", path);
        return -1;
    }
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        refuse(error, "cannot open the store %s: cannot make %s: %s; check store.path", path, name, strerror(errno));
    } else if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        refuse(error, "cannot open the store %s: another process uses it; stop that one, or set store.path", path);
        close(lock);
        lock = -1;
    }
    return lock;
}

/* The first column of the one row. False: SQLite could not. */
static bool
read_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    bool done = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    if (done) {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return done;
}

/* The version of the file's schema; 0 for a new file. False with a line in `error` when it is not a store of ours, or
 * was migrated by something else. */
static bool
read_version(sqlite3 *db, const char *path, int64_t *version, char error[STORE_ERROR_MAX])
{
    int64_t tables = 0;
    int64_t ours = 0;
    *version = 0;
    if (!read_number(db, "SELECT count(*) FROM sqlite_schema", &tables) ||
        !read_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'", &ours)) {
        return refuse(error, "cannot read the store %s: %s", path, sqlite3_errmsg(db));
    }
    if (ours == 0) {
        return tables == 0 || refuse(error, "%s is a SQLite file but not a store of playhouse; check store.path", path);
    }
    sqlite3_stmt *rows = NULL;
    int code =
        sqlite3_prepare_v2(db, "SELECT version, checksum FROM schema_migration ORDER BY version", -1, &rows, NULL);
    bool good = code == SQLITE_OK;
    while (good && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        *version = sqlite3_column_int64(rows, 0);
        const char *checksum = (const char *)sqlite3_column_text(rows, 1);
        if (*version >= 1 && *version <= migrations_count &&
            (checksum == NULL || strcmp(checksum, migrations[*version - 1].checksum) != 0)) {
            good = refuse(error, "migration %" PRId64 " of %s differs from this binary's; use the binary that made it",
                          *version, path);
        }
    }
    if (good && code != SQLITE_DONE) {
        good = refuse(error, "cannot read the store %s: %s", path, sqlite3_errmsg(db));
    }
    sqlite3_finalize(rows);
    return good;
}

static bool
apply(sqlite3 *db, const migration_t *migration)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sqlite3_stmt *row = NULL;
    bool done =
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, migration_table, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, migration->sql, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "INSERT INTO schema_migration VALUES (?1, ?2, ?3, ?4)", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_bind_int64(row, 1, migration->version) == SQLITE_OK &&
        sqlite3_bind_text(row, 2, migration->name, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_text(row, 3, migration->checksum, -1, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int64(row, 4, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_DONE;
    sqlite3_finalize(row);
    return done && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

/* Applies what comes after `version`. `out` may be NULL. */
static bool
apply_from(sqlite3 *db, const char *path, int64_t version, FILE *out, char error[STORE_ERROR_MAX])
{
    for (; version < migrations_count; version++) {
        const migration_t *migration = &migrations[version];
        if (!apply(db, migration)) {
            /* Closing the file, which follows, rolls back. */
            return refuse(error, "migration %" PRId64 " %s of %s failed: %s; nothing of it was kept",
                          migration->version, migration->name, path, sqlite3_errmsg(db));
        }
        if (out != NULL) {
            fprintf(out, "applied %04" PRId64 " %s\n", migration->version, migration->name);
        }
    }
    return true;
}

static bool
refuse_newer(const char *path, int64_t version, char error[STORE_ERROR_MAX])
{
    return refuse(error,
                  "the store %s has schema %" PRId64 ", newer than this binary's %" PRIu32 "; use a newer playhouse",
                  path, version, migrations_count);
}

bool
store_sqlite_check_schema(sqlite3 *db, const char *path, bool create, char error[STORE_ERROR_MAX])
{
    int64_t version;
    if (!read_version(db, path, &version, error)) {
        return false;
    }
    if (version == 0 && create) {
        return apply_from(db, path, 0, NULL, error);
    }
    if (version > migrations_count) {
        return refuse_newer(path, version, error);
    }
    return version == migrations_count ||
           refuse(error,
                  "the store %s has schema %" PRId64 ", older than this binary's %" PRIu32 "; run playhouse migrate up",
                  path, version, migrations_count);
}

bool
store_sqlite_migrate(const char *path, FILE *out)
{
    char error[STORE_ERROR_MAX];
    int64_t version = 0;
    int lock = store_sqlite_lock(path, error);
    sqlite3 *db = lock >= 0 ? store_sqlite_open_file(path, true, error) : NULL;
    bool done = db != NULL && read_version(db, path, &version, error) &&
                (version <= migrations_count || refuse_newer(path, version, error)) &&
                apply_from(db, path, version, out, error);
    sqlite3_close(db);
    if (lock >= 0) {
        close(lock);
    }
    if (done) {
        fprintf(out, "%s has schema %" PRIu32 "\n", path, migrations_count);
    } else {
        fprintf(out, "%s\n", error);
    }
    return done;
}

bool
store_sqlite_status(const char *path, FILE *out)
{
    char error[STORE_ERROR_MAX];
    int64_t version = 0;
    sqlite3 *db = store_sqlite_open_file(path, false, error);
    bool known = db != NULL && read_version(db, path, &version, error);
    sqlite3_close(db);
    known = known && (version <= migrations_count || refuse_newer(path, version, error));
    if (!known) {
        fprintf(out, "%s\n", error);
        return false;
    }
    for (uint32_t i = 0; i < migrations_count; i++) {
        fprintf(out, "%04" PRId64 " %-24s %s\n", migrations[i].version, migrations[i].name,
                migrations[i].version <= version ? "applied" : "missing");
    }
    fprintf(out, "%s has schema %" PRId64 ", this binary needs %" PRIu32 "\n", path, version, migrations_count);
    return version == migrations_count;
}
