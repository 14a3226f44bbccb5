/* Reading the log: a character's actions, walked back from its newest row. */
#include "store_names.h"
#include "store_sqlite_form.h"

#include <string.h>

enum { FORGET_ROWS = 512 }; /* in one step: some milliseconds */

/* One row and the id of the one before it. NOT_FOUND: it is forgotten, and so are those before it. */
static store_result_t
store_sqlite_action(store_sqlite_t *self, int64_t id, obj_action_row_t *out, int64_t *prev)
{
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_ACTION, "i", id);
    int code = sqlite3_step(row);
    if (code != SQLITE_ROW) {
        sqlite3_reset(row);
        return code == SQLITE_DONE ? STORE_NOT_FOUND : store_sqlite_fault(self);
    }
    char name[32];
    int kind = 0;
    size_t length = (size_t)sqlite3_column_bytes(row, 6);
    bool fits =
        length <= sizeof(out->payload) && store_sqlite_text(row, 0, out->character_id, sizeof(out->character_id)) &&
        store_sqlite_text(row, 3, out->room, sizeof(out->room)) && store_sqlite_text(row, 5, name, sizeof(name)) &&
        store_name_find(action_kind_names, ACTION_KIND_COUNT, name, &kind);
    if (fits) {
        out->kind = (action_kind_t)kind;
        out->sequence = sqlite3_column_int64(row, 1);
        out->action_id = sqlite3_column_int64(row, 2);
        out->room_version = sqlite3_column_int64(row, 4);
        out->payload_len = (uint32_t)length;
        if (length > 0) {
            memcpy(out->payload, sqlite3_column_blob(row, 6), length);
        }
        *prev = sqlite3_column_int64(row, 7);
    } else {
        snprintf(self->error, sizeof(self->error), "row %lld of table action breaks the schema", (long long)id);
    }
    sqlite3_reset(row);
    return fits ? STORE_OK : STORE_UNAVAILABLE;
}

static store_result_t
store_sqlite_newest(store_sqlite_t *self, const char *character_id, int64_t *id)
{
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_TAIL, "s", character_id);
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        *id = sqlite3_column_int64(row, 3);
    }
    sqlite3_reset(row);
    if (code == SQLITE_ROW) {
        return STORE_OK;
    }
    return code == SQLITE_DONE ? STORE_NOT_FOUND : store_sqlite_fault(self);
}

store_result_t
store_sqlite_find_action(store_t *port, const char *character_id, int64_t action_id, obj_action_row_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    int64_t id = 0;
    store_result_t result = store_sqlite_newest(self, character_id, &id);
    if (result != STORE_OK) {
        return result;
    }
    obj_action_row_t row;
    for (int step = 0; step < STORE_FIND_STEPS_MAX && id != 0; step++) {
        result = store_sqlite_action(self, id, &row, &id);
        if (result != STORE_OK) {
            return result;
        }
        if (row.action_id == action_id) {
            *out = row;
            return STORE_OK;
        }
        if (row.action_id < action_id) {
            break; /* they rise: it is not further back */
        }
    }
    return STORE_NOT_FOUND;
}

store_result_t
store_sqlite_read_actions(store_t *port, const char *character_id, int64_t from_sequence, obj_action_row_t *rows,
                          uint32_t *count)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    int64_t id = 0;
    store_result_t result = store_sqlite_newest(self, character_id, &id);
    if (result != STORE_OK) {
        return result;
    }
    /* Walked from the newest down: a ring keeps the last ones seen, those with the lowest sequences. */
    obj_action_row_t ring[STORE_READ_ACTIONS];
    obj_action_row_t row;
    uint32_t seen = 0;
    while (id != 0) {
        if (seen == STORE_READ_STEPS_MAX) {
            return STORE_LIMIT;
        }
        result = store_sqlite_action(self, id, &row, &id);
        if (result == STORE_NOT_FOUND || (result == STORE_OK && row.sequence < from_sequence)) {
            break;
        }
        if (result != STORE_OK) {
            return result;
        }
        ring[seen++ % STORE_READ_ACTIONS] = row;
    }
    *count = seen < STORE_READ_ACTIONS ? seen : STORE_READ_ACTIONS;
    for (uint32_t i = 0; i < *count; i++) {
        rows[i] = ring[(seen - 1 - i) % STORE_READ_ACTIONS];
    }
    return STORE_OK;
}

/* What is forgotten is the head of the table, as ids rise with time. Rows that name one as `prev` stay as they are. */
store_result_t
store_sqlite_maintain(store_t *port, int64_t at, int64_t keep_msec, bool *more)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    *more = false;
    if (keep_msec == 0) {
        return STORE_OK;
    }
    store_result_t result = STORE_OK;
    if (!store_sqlite_begin(self) ||
        !store_sqlite_run(store_sqlite_bind(self, SQL_FORGET, "ii", at - keep_msec, (int64_t)FORGET_ROWS))) {
        result = store_sqlite_fault(self);
    }
    bool many = sqlite3_changes(self->db) >= FORGET_ROWS / 2; /* a clock that was put back leaves some between them */
    result = store_sqlite_end(self, result);
    *more = result == STORE_OK && many;
    return result;
}
