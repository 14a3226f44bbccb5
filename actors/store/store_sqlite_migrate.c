/* Opening the file, and its schema. */
#include "store_migrate_form.h"
#include "store_sqlite_form.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { BUSY_MSEC = 2000 }; /* how long a reader from outside may hold up a write */

static const char migration_table[] = "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, "
                                      "name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";

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
        migrate_refuse(error,
                       "cannot open the store %s: there is no such file, or it may not be read and written; playhouse "
                       "migrate up makes one",
                       path);
    } else {
        migrate_refuse(error, "cannot open the store %s: %s; check store.path", path,
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
        migrate_refuse(error, "cannot open the store %s: the path is too long", path);
        return -1;
    }
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        migrate_refuse(error, "cannot open the store %s: cannot make %s: %s; check store.path", path, name,
                       strerror(errno));
    } else if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        migrate_refuse(error, "cannot open the store %s: another process uses it; stop that one, or set store.path",
                       path);
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

static bool
read_applied(void *context, applied_t *applied, char why[STORE_ERROR_MAX])
{
    sqlite3 *db = context;
    int64_t tables = 0;
    int64_t ours = 0;
    sqlite3_stmt *rows = NULL;
    int code = SQLITE_DONE;
    bool good = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables) &&
                read_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'", &ours);
    applied->empty = tables == 0;
    applied->ours = ours != 0;
    if (good && applied->ours) {
        good = sqlite3_prepare_v2(db, "SELECT version, checksum FROM schema_migration ORDER BY version", -1, &rows,
                                  NULL) == SQLITE_OK;
    }
    while (good && applied->ours && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        good = migrate_note(applied, sqlite3_column_int64(rows, 0), (const char *)sqlite3_column_text(rows, 1));
    }
    good = good && code == SQLITE_DONE;
    if (!good) {
        migrate_refuse(why, "cannot read the store %s: %s", sqlite3_db_filename(db, NULL), sqlite3_errmsg(db));
    }
    sqlite3_finalize(rows);
    return good;
}

/* The row of schema_migration: added or, on the way down, removed. */
static bool
write_row(sqlite3 *db, const migration_t *migration, bool up, int64_t at)
{
    sqlite3_stmt *row = NULL;
    const char *sql = up ? "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)"
                         : "DELETE FROM schema_migration WHERE version = ?1";
    bool done = sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK &&
                sqlite3_bind_int64(row, 1, migration->version) == SQLITE_OK;
    if (up) {
        done = done && sqlite3_bind_text(row, 2, migration->name, -1, SQLITE_STATIC) == SQLITE_OK &&
               sqlite3_bind_text(row, 3, migration->checksum, -1, SQLITE_STATIC) == SQLITE_OK &&
               sqlite3_bind_int64(row, 4, at) == SQLITE_OK;
    }
    done = done && sqlite3_step(row) == SQLITE_DONE && sqlite3_changes(db) == 1;
    sqlite3_finalize(row);
    return done;
}

static bool
run_migration(void *context, const migration_t *migration, bool up, int64_t at, char why[STORE_ERROR_MAX])
{
    sqlite3 *db = context;
    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, migration_table, NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(db, up ? migration->up : migration->down, NULL, NULL, NULL) == SQLITE_OK &&
        write_row(db, migration, up, at) && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
        return true;
    }
    return migrate_refuse(why, "%s; nothing of it was kept",
                          sqlite3_errmsg(db)); /* closing the file, which follows, rolls back */
}

static migrator_t
migrator_of(sqlite3 *db, const char *path)
{
    return (migrator_t){.where = path,
                        .key = "store.path",
                        .migrations = sqlite_migrations,
                        .count = sqlite_migrations_count,
                        .db = db,
                        .read = read_applied,
                        .run = run_migration};
}

bool
store_sqlite_check_schema(sqlite3 *db, const char *path, bool create, char error[STORE_ERROR_MAX])
{
    const migrator_t migrator = migrator_of(db, path);
    return migrate_check(&migrator, create, error);
}

bool
store_sqlite_migrate(const char *path, const migrate_work_t *work, char error[STORE_ERROR_MAX])
{
    /* Who only looks need not be the one that writes. */
    int lock = work->what == MIGRATE_STATUS ? -1 : store_sqlite_lock(path, error);
    if (lock < 0 && work->what != MIGRATE_STATUS) {
        return false;
    }
    sqlite3 *db = store_sqlite_open_file(path, work->what == MIGRATE_UP, error);
    const migrator_t migrator = migrator_of(db, path);
    bool done = db != NULL && migrate_do(&migrator, work, error);
    sqlite3_close(db);
    if (lock >= 0) {
        close(lock);
    }
    return done;
}
