/* The schema of a PostgreSQL database. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store_migrate_form.h"
#include "store_postgres_form.h"

enum {
    MIGRATE_PATIENCE = 10, /* times the time-out: for who migrates now, and whoever uses a table that is to change */
    VALUE_MAX = 24,
};

/* Held from the first look to the last migration. One of the database's advisory locks; the number is "playhous". */
#define MIGRATE_LOCK "8100957003803751795"

static const char migration_table[] = "CREATE TABLE IF NOT EXISTS schema_migration (version bigint PRIMARY KEY, "
                                      "name text NOT NULL, checksum text NOT NULL, applied_at bigint NOT NULL)";

/* What stands where our tables would be made, but for what an extension has put there. */
static const char things[] =
    "SELECT count(*) FILTER (WHERE relname = 'schema_migration'), count(*) FROM pg_class c "
    "WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
    "AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT EXISTS "
    "(SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/* In one line, without what the server adds about its query. */
static bool
refuse_query(PGconn *db, const PGresult *result, const char *what, char why[STORE_ERROR_MAX])
{
    const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *text = said != NULL ? said : PQerrorMessage(db);
    return migrate_refuse(why, "%s%.*s", what, (int)strcspn(text, "\n"), text);
}

/* One statement, or several without values. */
static bool
run(PGconn *db, const char *sql, int count, const char *const *values, char why[STORE_ERROR_MAX])
{
    PGresult *result =
        count == 0 ? PQexec(db, sql) : PQexecParams(db, sql, count, NULL, values, NULL, NULL, 0 /* as text */);
    ExecStatusType status = PQresultStatus(result);
    bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || refuse_query(db, result, "", why);
    PQclear(result);
    return done;
}

static bool
read_rows(PGconn *db, applied_t *applied, char why[STORE_ERROR_MAX])
{
    PGresult *rows = PQexec(db, "SELECT version, checksum FROM schema_migration ORDER BY version");
    bool good = PQresultStatus(rows) == PGRES_TUPLES_OK || refuse_query(db, rows, "cannot read the store: ", why);
    for (int i = 0; good && i < PQntuples(rows); i++) {
        good = migrate_note(applied, strtoll(PQgetvalue(rows, i, 0), NULL, 10), PQgetvalue(rows, i, 1)) ||
               migrate_refuse(why, "schema_migration has over %d rows; is it a store of playhouse?", MIGRATIONS_MAX);
    }
    PQclear(rows);
    return good;
}

static bool
read_applied(void *context, applied_t *applied, char why[STORE_ERROR_MAX])
{
    PGconn *db = context;
    PGresult *row = PQexec(db, things);
    bool good = PQresultStatus(row) == PGRES_TUPLES_OK || refuse_query(db, row, "cannot read the store: ", why);
    if (good) {
        applied->ours = strcmp(PQgetvalue(row, 0, 0), "0") != 0;
        applied->empty = strcmp(PQgetvalue(row, 0, 1), "0") == 0;
    }
    PQclear(row);
    return good && (!applied->ours || read_rows(db, applied, why));
}

static bool
write_row(PGconn *db, const migration_t *migration, bool up, int64_t at, char why[STORE_ERROR_MAX])
{
    char version[VALUE_MAX], when[VALUE_MAX];
    const char *const values[] = {version, migration->name, migration->checksum, when};
    snprintf(version, sizeof(version), "%" PRId64, migration->version);
    snprintf(when, sizeof(when), "%" PRId64, at);
    return up ? run(db, "INSERT INTO schema_migration (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)", 4,
                    values, why)
              : run(db, "DELETE FROM schema_migration WHERE version = $1", 1, values, why);
}

static bool
run_migration(void *context, const migration_t *migration, bool up, int64_t at, char why[STORE_ERROR_MAX])
{
    PGconn *db = context;
    char said[STORE_ERROR_MAX] = "";
    bool ready = run(db, "BEGIN", 0, NULL, said) && run(db, migration_table, 0, NULL, said) &&
                 run(db, up ? migration->up : migration->down, 0, NULL, said) && write_row(db, migration, up, at, said);
    if (ready && run(db, "COMMIT", 0, NULL, said)) {
        return true;
    }
    if (ready && PQstatus(db) == CONNECTION_BAD) {
        return migrate_refuse(why, "%.300s; whether it was kept, playhouse migrate status tells", said);
    }
    PQclear(PQexec(db, "ROLLBACK")); /* without a connection the server does it */
    return migrate_refuse(why, "%.300s; nothing of it was kept", said);
}

static migrator_t
migrator_of(PGconn *db, const char *where)
{
    return (migrator_t){.where = where,
                        .key = "store.url",
                        .migrations = postgres_migrations,
                        .count = postgres_migrations_count,
                        .db = db,
                        .read = read_applied,
                        .run = run_migration};
}

/* Names are UTF-8. */
static bool
check_encoding(PGconn *db, const char *where, char error[STORE_ERROR_MAX])
{
    const char *encoding = PQparameterStatus(db, "server_encoding");
    return (encoding != NULL && strcmp(encoding, "UTF8") == 0) ||
           migrate_refuse(error, "the database %s has the encoding %s; make one with ENCODING 'UTF8', see store.url",
                          where, encoding != NULL ? encoding : "of nobody knows what");
}

bool
store_postgres_check_schema(PGconn *db, const char *where, char error[STORE_ERROR_MAX])
{
    const migrator_t migrator = migrator_of(db, where);
    return check_encoding(db, where, error) && migrate_check(&migrator, false, error);
}

/* Waits for who migrates now. The lock ends with the connection. */
static bool
lock(PGconn *db, int64_t timeout_msec, const char *where, char error[STORE_ERROR_MAX])
{
    char sql[80];
    char why[STORE_ERROR_MAX] = "";
    snprintf(sql, sizeof(sql), "SET statement_timeout = 0; SET lock_timeout = %" PRId64,
             timeout_msec * MIGRATE_PATIENCE);
    return (run(db, sql, 0, NULL, why) && run(db, "SELECT pg_advisory_lock(" MIGRATE_LOCK ")", 0, NULL, why)) ||
           migrate_refuse(error, "cannot migrate the store %s: %.300s; does another playhouse migrate it now?", where,
                          why);
}

bool
store_postgres_migrate(const char *url, int64_t timeout_msec, const migrate_work_t *work, char error[STORE_ERROR_MAX])
{
    char where[POSTGRES_WHERE_MAX] = "";
    PGconn *db = store_postgres_connect(url, timeout_msec, error);
    if (db != NULL) {
        store_postgres_where(db, where);
    }
    const migrator_t migrator = migrator_of(db, where);
    bool done = db != NULL && check_encoding(db, where, error) &&
                (work->what == MIGRATE_STATUS || lock(db, timeout_msec, where, error)) &&
                migrate_do(&migrator, work, error);
    PQfinish(db);
    return done;
}
