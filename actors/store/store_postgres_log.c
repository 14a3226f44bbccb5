/* The log: what a character did, and the partitions in which that is kept. */
#include "store_names.h"
#include "store_postgres_form.h"

#include <stdio.h>
#include <string.h>

enum {
    MAINTAIN_LOCK = 7020116,    /* of those who look after the partitions; play_partition has the one before */
    PARTITIONS_AHEAD_HOURS = 2, /* how far the log is prepared */
    PARTITIONS_MADE_MAX = 8,    /* by one call */
    PARTITIONS_KEPT = 48,       /* about so many hold what is kept; each statement on the log locks them all */
    PARTITION_HOURS_MAX = 168,  /* of one partition; when all is kept, of each */
    DETACH_PATIENCE_MSEC = 200, /* for those who still use an old partition */
    NUMBER_MAX = 24,
};
static const int64_t hour_msec = 3600000;

static bool
log_action(const PGresult *rows, int row, obj_action_row_t *out)
{
    char name[32];
    int kind = 0;
    if (!store_postgres_text(rows, row, 5, name, sizeof(name)) ||
        !store_name_find(action_kind_names, ACTION_KIND_COUNT, name, &kind)) {
        return false;
    }
    out->kind = (action_kind_t)kind;
    out->sequence = store_postgres_int(rows, row, 1);
    out->action_id = store_postgres_int(rows, row, 2);
    out->room_version = store_postgres_int(rows, row, 4);
    return store_postgres_text(rows, row, 0, out->character_id, sizeof(out->character_id)) &&
           store_postgres_text(rows, row, 3, out->room, sizeof(out->room)) &&
           store_postgres_bytes(rows, row, 6, out->payload, sizeof(out->payload), &out->payload_len);
}

static store_result_t
log_find(store_postgres_t *self, const char *character_id, int64_t action_id, obj_action_row_t *out)
{
    PGresult *rows =
        store_postgres_run(self, PG_FIND_ACTION, "sii", character_id, action_id, (int64_t)STORE_FIND_STEPS_MAX);
    if (rows == NULL) {
        return store_postgres_fault(self);
    }
    store_result_t result = STORE_NOT_FOUND;
    if (PQntuples(rows) > 0) {
        result = log_action(rows, 0, out) ? STORE_OK : store_postgres_strange(self, "action");
    }
    PQclear(rows);
    return result;
}

store_result_t
store_postgres_find_action(store_t *port, const char *character_id, int64_t action_id, obj_action_row_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    obj_action_row_t found;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = log_find(self, character_id, action_id, &found);
    } while (store_postgres_again(self, result));
    if (result == STORE_OK) {
        *out = found;
    }
    return result;
}

static store_result_t
log_read(store_postgres_t *self, const char *character_id, int64_t from_sequence, obj_action_row_t *rows,
         uint32_t *count)
{
    PGresult *found =
        store_postgres_run(self, PG_READ_ACTIONS, "sii", character_id, from_sequence, (int64_t)STORE_READ_ACTIONS);
    if (found == NULL) {
        return store_postgres_fault(self);
    }
    store_result_t result = PQntuples(found) > 0 ? STORE_OK : STORE_NOT_FOUND;
    int length = result == STORE_OK && !PQgetisnull(found, 0, 1) ? PQntuples(found) : 0;
    for (int i = 0; i < length && i < STORE_READ_ACTIONS && result == STORE_OK; i++) {
        result = log_action(found, i, &rows[i]) ? STORE_OK : store_postgres_strange(self, "action");
    }
    if (result == STORE_OK) {
        *count = (uint32_t)length;
    }
    PQclear(found);
    return result;
}

store_result_t
store_postgres_read_actions(store_t *port, const char *character_id, int64_t from_sequence, obj_action_row_t *rows,
                            uint32_t *count)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = log_read(self, character_id, from_sequence, rows, count);
    } while (store_postgres_again(self, result));
    return result;
}

int64_t
store_postgres_partition(store_postgres_t *self, int64_t at, int64_t hours)
{
    PGresult *row = store_postgres_run(self, PG_PARTITION, "ii", at, hours);
    int64_t end = row != NULL ? store_postgres_int(row, 0, 0) : -1;
    PQclear(row);
    return end;
}

/* A partition is an hour, longer when much is kept: there are never many. */
static int64_t
partition_hours(int64_t keep_msec)
{
    int64_t hours = keep_msec / hour_msec / PARTITIONS_KEPT;
    if (keep_msec <= 0 || hours > PARTITION_HOURS_MAX) {
        return PARTITION_HOURS_MAX;
    }
    return hours < 1 ? 1 : hours;
}

static store_result_t
maintain_ahead(store_postgres_t *self, int64_t at, int64_t keep_msec)
{
    int64_t end = at;
    for (int i = 0; i < PARTITIONS_MADE_MAX && end <= at + PARTITIONS_AHEAD_HOURS * hour_msec; i++) {
        end = store_postgres_partition(self, end, partition_hours(keep_msec));
        if (end < 0) {
            return store_postgres_fault(self);
        }
    }
    return STORE_OK;
}

/* Runs what the database has written for us, with its names quoted. Those who still use the partition are waited for a
 * short time only; *late: that was not enough, and the next call goes on. */
static bool
maintain_detach(store_postgres_t *self, const char *command, bool *late)
{
    char usual[NUMBER_MAX], brief[NUMBER_MAX];
    int64_t half_msec = self->timeout_msec / 2;
    snprintf(usual, sizeof(usual), "%lld", (long long)half_msec);
    snprintf(brief, sizeof(brief), "%lld",
             (long long)(half_msec < DETACH_PATIENCE_MSEC ? half_msec : DETACH_PATIENCE_MSEC));
    if (store_postgres_write(self, PG_PATIENCE, "s", brief) < 0) {
        return false;
    }
    *late = !store_postgres_command(self, command) && strcmp(self->sqlstate, "57014") == 0;
    bool done = *late || self->sqlstate[0] == '\0';
    return done && store_postgres_write(self, PG_PATIENCE, "s", usual) >= 0;
}

/* Takes out the oldest partition when it ends before that, and drops it. A partition that is taken out already is one
 * whose dropping did not come about. */
static store_result_t
maintain_forget(store_postgres_t *self, int64_t before, bool *more)
{
    PGresult *old = store_postgres_run(self, PG_OLD_PARTITIONS, "i", before);
    if (old == NULL) {
        return store_postgres_fault(self);
    }
    bool late = false, done = true;
    if (PQntuples(old) > 0) {
        const char *detach = PQgetvalue(old, 0, 1);
        int64_t lower = store_postgres_int(old, 0, 0);
        done = detach[0] == '\0' || maintain_detach(self, detach, &late);
        if (done && !late) {
            done = store_postgres_command(self, PQgetvalue(old, 0, 2)) &&
                   store_postgres_write(self, PG_PARTITION_FORGET, "i", lower) >= 0;
        }
    }
    *more = done && !late && PQntuples(old) > 1;
    PQclear(old);
    return done ? STORE_OK : store_postgres_fault(self);
}

static store_result_t
maintain_do(store_postgres_t *self, int64_t at, int64_t keep_msec, bool *more)
{
    PGresult *row = store_postgres_run(self, PG_MAINTAIN_LOCK, "i", (int64_t)MAINTAIN_LOCK);
    if (row == NULL) {
        return store_postgres_fault(self);
    }
    bool locked = store_postgres_int(row, 0, 0) != 0;
    PQclear(row);
    if (!locked) {
        return STORE_OK; /* somebody else is at it */
    }
    store_result_t result = maintain_ahead(self, at, keep_msec);
    if (result == STORE_OK && keep_msec > 0) {
        result = maintain_forget(self, at - keep_msec, more);
    }
    if (result != STORE_OK) {
        store_postgres_disconnect(self); /* gives up the lock, and leaves the error as it is */
    } else if (store_postgres_write(self, PG_MAINTAIN_UNLOCK, "i", (int64_t)MAINTAIN_LOCK) < 0) {
        result = store_postgres_fault(self);
    }
    return result;
}

store_result_t
store_postgres_maintain(store_t *port, int64_t at, int64_t keep_msec, bool *more)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        *more = false;
        result = maintain_do(self, at, keep_msec, more);
    } while (store_postgres_again(self, result));
    return result;
}
