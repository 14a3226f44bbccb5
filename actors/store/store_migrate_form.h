/*
 * store_migrate_form -- what both forms do alike about versions (store_migrate.c), and what each does for it; nobody
 * else includes it.
 *
 * A store has a table schema_migration (version, name, checksum, applied_at in ms since 1970): a row for each migration
 * that was applied. Its version is the highest, 0 without rows.
 */
#ifndef PLAYHOUSE_STORE_MIGRATE_FORM_H
#define PLAYHOUSE_STORE_MIGRATE_FORM_H

#include "store_migrate.h"
#include "store_migrations.h"

enum { MIGRATIONS_MAX = 1000, CHECKSUM_LENGTH = 64 };

/* What a store says of itself. */
typedef struct applied {
    bool ours;  /* it has a schema_migration */
    bool empty; /* it holds nothing at all */
    uint32_t count;
    struct {
        int64_t version;
        char checksum[CHECKSUM_LENGTH + 1];
    } rows[MIGRATIONS_MAX]; /* by version */
} applied_t;

/* An open store that is to be looked at or migrated. Both functions write a line into `why` when they fail. */
typedef struct migrator {
    const char *where; /* what errors call it */
    const char *key;   /* the configuration's, for hints */
    const migration_t *migrations;
    uint32_t count;
    void *db;
    bool (*read)(void *db, applied_t *applied, char why[STORE_ERROR_MAX]);
    /* In one transaction: makes schema_migration if need be, runs `up` or `down`, and adds or removes its row. */
    bool (*run)(void *db, const migration_t *migration, bool up, int64_t at, char why[STORE_ERROR_MAX]);
} migrator_t;

/* Writes the line, and is false. */
__attribute__((format(printf, 2, 3))) bool migrate_refuse(char error[STORE_ERROR_MAX], const char *format, ...);
/* Notes one row of schema_migration; false when there are more than a store of ours can have. */
bool migrate_note(applied_t *applied, int64_t version, const char *checksum);

/* Is the store's schema this binary's? `create`: a store that holds nothing is brought there. */
bool migrate_check(const migrator_t *self, bool create, char error[STORE_ERROR_MAX]);

/* One command. Each form opens and locks its own store, has migrate_do do the work, and closes it. */
typedef struct migrate_work {
    enum { MIGRATE_UP, MIGRATE_DOWN, MIGRATE_STATUS } what;
    bool sure;
    FILE *out;
} migrate_work_t;
/* False with an empty `error`: the lines say why. */
bool migrate_do(const migrator_t *self, const migrate_work_t *work, char error[STORE_ERROR_MAX]);
bool store_sqlite_migrate(const char *path, const migrate_work_t *work, char error[STORE_ERROR_MAX]);
bool store_postgres_migrate(const char *url, int64_t timeout_msec, const migrate_work_t *work,
                            char error[STORE_ERROR_MAX]);

#endif
