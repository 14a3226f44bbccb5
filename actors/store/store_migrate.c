#include "store_migrate_form.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool
migrate_refuse(char error[STORE_ERROR_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, STORE_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

bool
migrate_note(applied_t *applied, int64_t version, const char *checksum)
{
    if (applied->count == MIGRATIONS_MAX) {
        return false;
    }
    applied->rows[applied->count].version = version;
    snprintf(applied->rows[applied->count].checksum, sizeof(applied->rows[0].checksum), "%s",
             checksum != NULL ? checksum : "");
    applied->count++;
    return true;
}

/* The newest version of the store, 0 for one that holds nothing. False with a line in `error` when it is not a store of
 * ours, is newer than this binary, or was migrated by something else. */
static bool
version_of(const migrator_t *self, const applied_t *applied, int64_t *version, char error[STORE_ERROR_MAX])
{
    *version = 0;
    if (!applied->ours) {
        return applied->empty ||
               migrate_refuse(error, "%s holds other things and is not a store of playhouse; check %s", self->where,
                              self->key);
    }
    if (applied->count > 0 && applied->rows[applied->count - 1].version > self->count) {
        return migrate_refuse(
            error, "the store %s has schema %" PRId64 ", newer than this binary's %" PRIu32 "; use a newer playhouse",
            self->where, applied->rows[applied->count - 1].version, self->count);
    }
    for (uint32_t i = 0; i < applied->count; i++) {
        if (applied->rows[i].version != i + 1) {
            return migrate_refuse(error, "migration %" PRIu32 " of %s is missing under a newer one; restore a backup",
                                  i + 1, self->where);
        }
        if (strcmp(applied->rows[i].checksum, self->migrations[i].checksum) != 0) {
            return migrate_refuse(error,
                                  "migration %" PRIu32 " of %s differs from this binary's; use the binary that made it",
                                  i + 1, self->where);
        }
    }
    *version = applied->count;
    return true;
}

static bool
read_version(const migrator_t *self, int64_t *version, char error[STORE_ERROR_MAX])
{
    applied_t *applied = calloc(1, sizeof(*applied));
    bool known = applied != NULL ? self->read(self->db, applied, error) && version_of(self, applied, version, error)
                                 : migrate_refuse(error, "cannot read the store %s: out of memory", self->where);
    free(applied);
    return known;
}

static int64_t
wall_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Applies what comes after `version`. `out` may be NULL. */
static bool
apply_from(const migrator_t *self, int64_t version, FILE *out, char error[STORE_ERROR_MAX])
{
    for (; version < self->count; version++) {
        const migration_t *migration = &self->migrations[version];
        char why[STORE_ERROR_MAX] = "";
        if (!self->run(self->db, migration, true, wall_msec(), why)) {
            return migrate_refuse(error, "migration %" PRId64 " %s of %s failed: %.400s", migration->version,
                                  migration->name, self->where, why);
        }
        if (out != NULL) {
            fprintf(out, "applied %04" PRId64 " %s\n", migration->version, migration->name);
        }
    }
    return true;
}

bool
migrate_check(const migrator_t *self, bool create, char error[STORE_ERROR_MAX])
{
    int64_t version;
    if (!read_version(self, &version, error)) {
        return false;
    }
    if (version == 0 && create) {
        return apply_from(self, 0, NULL, error);
    }
    return version == self->count || migrate_refuse(error,
                                                    "the store %s has schema %" PRId64
                                                    ", older than this binary's %" PRIu32 "; run playhouse migrate up",
                                                    self->where, version, self->count);
}

static bool
migrate_up(const migrator_t *self, FILE *out, char error[STORE_ERROR_MAX])
{
    int64_t version;
    if (!read_version(self, &version, error) || !apply_from(self, version, out, error)) {
        return false;
    }
    fprintf(out, "%s has schema %" PRIu32 "\n", self->where, self->count);
    return true;
}

static bool
migrate_down(const migrator_t *self, bool sure, FILE *out, char error[STORE_ERROR_MAX])
{
    int64_t version;
    char why[STORE_ERROR_MAX] = "";
    if (!read_version(self, &version, error)) {
        return false;
    }
    if (version == 0) {
        return migrate_refuse(error, "%s has schema 0: there is nothing to undo", self->where);
    }
    const migration_t *migration = &self->migrations[version - 1];
    if (!sure) {
        return migrate_refuse(error,
                              "undoing migration %" PRId64 " %s of %s would lose %s; nothing was changed; "
                              "to do it, say playhouse migrate down --yes",
                              migration->version, migration->name, self->where, migration->loses);
    }
    if (!self->run(self->db, migration, false, wall_msec(), why)) {
        return migrate_refuse(error, "undoing migration %" PRId64 " %s of %s failed: %.400s", migration->version,
                              migration->name, self->where, why);
    }
    fprintf(out, "undone %04" PRId64 " %s\n%s has schema %" PRId64 ", this binary needs %" PRIu32 "\n",
            migration->version, migration->name, self->where, version - 1, self->count);
    return true;
}

static bool
migrate_status(const migrator_t *self, FILE *out, char error[STORE_ERROR_MAX])
{
    int64_t version;
    if (!read_version(self, &version, error)) {
        return false;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        fprintf(out, "%04" PRId64 " %-24s %s\n", self->migrations[i].version, self->migrations[i].name,
                self->migrations[i].version <= version ? "applied" : "missing");
    }
    fprintf(out, "%s has schema %" PRId64 ", this binary needs %" PRIu32 "\n", self->where, version, self->count);
    *error = '\0';
    return version == self->count;
}

bool
migrate_do(const migrator_t *self, const migrate_work_t *work, char error[STORE_ERROR_MAX])
{
    switch (work->what) {
    case MIGRATE_UP:
        return migrate_up(self, work->out, error);
    case MIGRATE_DOWN:
        return migrate_down(self, work->sure, work->out, error);
    case MIGRATE_STATUS:
        return migrate_status(self, work->out, error);
    }
    abort();
}

static bool
migrate(const store_options_t *options, migrate_work_t work)
{
    char error[STORE_ERROR_MAX] = "";
    bool done = *options->url != '\0' ? store_postgres_migrate(options->url, options->timeout_msec, &work, error)
                                      : store_sqlite_migrate(options->path, &work, error);
    if (!done && *error != '\0') {
        fprintf(work.out, "%s\n", error);
    }
    return done;
}

bool
store_migrate_up(const store_options_t *options, FILE *out)
{
    return migrate(options, (migrate_work_t){.what = MIGRATE_UP, .out = out});
}

bool
store_migrate_down(const store_options_t *options, bool sure, FILE *out)
{
    return migrate(options, (migrate_work_t){.what = MIGRATE_DOWN, .sure = sure, .out = out});
}

bool
store_migrate_status(const store_options_t *options, FILE *out)
{
    return migrate(options, (migrate_work_t){.what = MIGRATE_STATUS, .out = out});
}
