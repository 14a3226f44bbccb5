/* One batch of appends in one transaction. */
#include "store_sqlite_form.h"

#include <string.h>

enum { INSERT_COLUMNS = 10, INSERT_SQL_MAX = 2048 };

/* Rows of the prepared INSERTs: few statements for a large batch. Other choices (one by one, 16, 128) came out within
 * the noise of store_bench. */
static const uint32_t insert_rows[INSERT_FORMS] = {32, 8, 1};

bool
store_sqlite_prepare_inserts(store_sqlite_t *self)
{
    for (int form = 0; form < INSERT_FORMS; form++) {
        char sql[INSERT_SQL_MAX] = "INSERT INTO action (id, character_id, sequence, action_id, room, room_version, "
                                   "kind, payload, at, prev) VALUES ";
        size_t length = strlen(sql);
        for (uint32_t row = 0; row < insert_rows[form]; row++) {
            length +=
                (size_t)snprintf(sql + length, sizeof(sql) - length, "%s(?,?,?,?,?,?,?,?,?,?)", row == 0 ? "" : ",");
        }
        if (sqlite3_prepare_v3(self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &self->inserts[form], NULL) != SQLITE_OK) {
            return false;
        }
    }
    return true;
}

static void
tails_forget(store_sqlite_t *self)
{
    memset(self->tails, 0, TAIL_SLOTS * sizeof(*self->tails));
    self->tails_count = 0;
}

/* The slot of a character: its own, or the free one where it belongs. */
static tail_t *
tail_slot(store_sqlite_t *self, const char *id)
{
    uint64_t at = store_text_hash(id, "");
    while (self->tails[at % TAIL_SLOTS].number != 0 && strcmp(self->tails[at % TAIL_SLOTS].id, id) != 0) {
        at++;
    }
    return &self->tails[at % TAIL_SLOTS];
}

static store_result_t
tail_find(store_sqlite_t *self, const char *id, tail_t **out)
{
    tail_t *tail = tail_slot(self, id);
    *out = tail;
    if (tail->number != 0) {
        return STORE_OK;
    }
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_TAIL, "s", id);
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        *tail = (tail_t){.number = sqlite3_column_int64(row, 0),
                         .sequence = sqlite3_column_int64(row, 1),
                         .action_id = sqlite3_column_int64(row, 2),
                         .log = sqlite3_column_int64(row, 3)};
        snprintf(tail->id, sizeof(tail->id), "%s", id);
        self->tails_count++;
    }
    sqlite3_reset(row);
    if (code == SQLITE_ROW) {
        return STORE_OK;
    }
    return code == SQLITE_DONE ? STORE_NOT_FOUND : store_sqlite_fault(self);
}

/* Is every room's lease the newest? Each room is read once. */
static store_result_t
commit_check_rooms(store_sqlite_t *self, const msg_persistence_append_t *appends, uint32_t count,
                   store_report_t *report)
{
    store_group_start(&self->group, STORE_BY_ROOM);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = store_group_first(&self->group, appends, i);
        bool newest = appends[i].epoch == appends[first].epoch;
        if (first == i) {
            sqlite3_stmt *row = store_sqlite_bind(self, SQL_ROOM, "s", appends[i].room);
            int code = sqlite3_step(row);
            newest = code == SQLITE_ROW && sqlite3_column_int64(row, 0) == appends[i].epoch;
            sqlite3_reset(row);
            if (code != SQLITE_ROW && code != SQLITE_DONE) {
                return store_sqlite_fault(self);
            }
        }
        if (!newest) {
            report->culprit = &appends[i];
            return STORE_STALE_EPOCH;
        }
    }
    return STORE_OK;
}

/* Gives each action its place in its character's chain. */
static store_result_t
commit_link(store_sqlite_t *self, const msg_persistence_append_t *appends, uint32_t count, store_report_t *report)
{
    self->touched_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const obj_action_row_t *action = &appends[i].action;
        tail_t *tail;
        store_result_t result = tail_find(self, action->character_id, &tail);
        if (result == STORE_OK && tail->batch != self->batch) {
            tail->batch = self->batch;
            tail->new_sequence = tail->sequence;
            tail->new_action_id = tail->action_id;
            tail->new_log = tail->log;
            self->touched[self->touched_count++] = tail;
        }
        if (result == STORE_OK &&
            (action->sequence != tail->new_sequence + 1 || action->action_id <= tail->new_action_id)) {
            result = STORE_GAP;
        }
        if (result != STORE_OK) {
            report->culprit = result == STORE_GAP || result == STORE_NOT_FOUND ? &appends[i] : NULL;
            return result;
        }
        self->prev[i] = tail->new_log;
        tail->new_log = self->next_log + i;
        tail->new_sequence = action->sequence;
        tail->new_action_id = action->action_id;
        tail->last = i;
    }
    return STORE_OK;
}

static bool
commit_insert(store_sqlite_t *self, const msg_persistence_append_t *appends, uint32_t count, int64_t at)
{
    uint32_t i = 0;
    for (int form = 0; form < INSERT_FORMS; form++) {
        sqlite3_stmt *insert = self->inserts[form];
        for (; count - i >= insert_rows[form]; i += insert_rows[form]) {
            int column = 0;
            for (uint32_t row = i; row < i + insert_rows[form]; row++) {
                const obj_action_row_t *action = &appends[row].action;
                sqlite3_bind_int64(insert, ++column, self->next_log + row);
                sqlite3_bind_text(insert, ++column, action->character_id, -1, SQLITE_STATIC);
                sqlite3_bind_int64(insert, ++column, action->sequence);
                sqlite3_bind_int64(insert, ++column, action->action_id);
                sqlite3_bind_text(insert, ++column, appends[row].room, -1, SQLITE_STATIC);
                sqlite3_bind_int64(insert, ++column, action->room_version);
                sqlite3_bind_text(insert, ++column, action_kind_names[action->kind], -1, SQLITE_STATIC);
                sqlite3_bind_blob(insert, ++column, action->payload, (int)action->payload_len, SQLITE_STATIC);
                sqlite3_bind_int64(insert, ++column, at);
                sqlite3_bind_int64(insert, ++column, self->prev[row]);
            }
            if (!store_sqlite_run(insert)) {
                return false;
            }
        }
    }
    return true;
}

/* Each character once: where it stands after its last action. */
static store_result_t
commit_profiles(store_sqlite_t *self, const msg_persistence_append_t *appends, store_report_t *report)
{
    for (uint32_t i = 0; i < self->touched_count; i++) {
        const tail_t *tail = self->touched[i];
        const msg_persistence_append_t *last = &appends[tail->last];
        if (!store_sqlite_run(store_sqlite_bind(self, SQL_PROFILE, "iiddsiii", tail->number, tail->sequence, last->x,
                                                last->y, last->room, tail->new_sequence, tail->new_action_id,
                                                tail->new_log))) {
            return store_sqlite_fault(self);
        }
        if (sqlite3_changes(self->db) != 1) {
            report->culprit = last;
            return STORE_GAP;
        }
    }
    return STORE_OK;
}

/* Each item once: its last state, so from the end. */
static store_result_t
commit_items(store_sqlite_t *self, const msg_persistence_append_t *appends, uint32_t count, store_report_t *report)
{
    store_group_start(&self->group, STORE_BY_ITEM);
    for (uint32_t i = count; i-- > 0;) {
        const obj_item_view_t *item = &appends[i].item;
        if (!appends[i].has_item || store_group_first(&self->group, appends, i) != i) {
            continue;
        }
        if (!store_sqlite_run(store_sqlite_bind(self, SQL_ITEM, "sssdd", appends[i].room, item->item_id,
                                                item->has_holder ? item->holder : NULL, item->x, item->y))) {
            return store_sqlite_fault(self);
        }
        if (sqlite3_changes(self->db) != 1) {
            report->culprit = &appends[i];
            return STORE_NOT_FOUND;
        }
    }
    return STORE_OK;
}

static store_result_t
commit_write(store_sqlite_t *self, const msg_persistence_append_t *appends, uint32_t count, int64_t at,
             store_report_t *report)
{
    if (!store_sqlite_begin(self)) {
        return store_sqlite_fault(self);
    }
    store_result_t result = commit_check_rooms(self, appends, count, report);
    if (result == STORE_OK) {
        result = commit_link(self, appends, count, report);
    }
    if (result == STORE_OK && !commit_insert(self, appends, count, at)) {
        result = store_sqlite_fault(self);
    }
    if (result == STORE_OK) {
        result = commit_profiles(self, appends, report);
    }
    if (result == STORE_OK) {
        result = commit_items(self, appends, count, report);
    }
    return result;
}

static bool
commit_read_next(store_sqlite_t *self)
{
    sqlite3_stmt *row = self->statements[SQL_LAST_LOG];
    int code = sqlite3_step(row);
    self->next_log = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) + 1 : 0;
    sqlite3_reset(row);
    return code == SQLITE_ROW;
}

store_result_t
store_sqlite_commit(store_t *port, const msg_persistence_append_t *appends, uint32_t count, int64_t at,
                    store_report_t *report)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    int64_t begin = store_sqlite_clock_usec();
    *report = (store_report_t){.culprit = NULL};
    if (self->tails_count + count > TAILS_CAP) {
        tails_forget(self);
    }
    self->batch++;
    store_result_t result = self->next_log == 0 && !commit_read_next(self) ? store_sqlite_fault(self) : STORE_OK;
    if (result == STORE_OK) {
        result = store_sqlite_end(self, commit_write(self, appends, count, at, report));
    }
    report->usec = (uint64_t)(store_sqlite_clock_usec() - begin);
    if (result == STORE_OK) {
        for (uint32_t i = 0; i < self->touched_count; i++) {
            tail_t *tail = self->touched[i];
            tail->sequence = tail->new_sequence;
            tail->action_id = tail->new_action_id;
            tail->log = tail->new_log;
        }
        self->next_log += count;
    } else if (report->culprit == NULL) {
        /* After an error of the disk nobody knows what became of it: read again what is there. */
        tails_forget(self);
        self->next_log = 0;
    }
    return result;
}
