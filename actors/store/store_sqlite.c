#include "store_migrations.h"
#include "store_sqlite_form.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const statement_sql[STATEMENT_COUNT] = {
#define STATEMENT(id, sql) [id] = sql,
#include "statements.tbl.h"
#undef STATEMENT
};

int64_t
store_sqlite_clock_usec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

store_result_t
store_sqlite_fault(store_sqlite_t *self)
{
    int code = sqlite3_errcode(self->db) & 0xff;
    snprintf(self->error, sizeof(self->error), "%s (SQLite %d)", sqlite3_errmsg(self->db),
             sqlite3_extended_errcode(self->db));
    return code == SQLITE_FULL || code == SQLITE_IOERR ? STORE_FULL : STORE_UNAVAILABLE;
}

store_result_t
store_sqlite_strange(store_sqlite_t *self, const char *table)
{
    snprintf(self->error, sizeof(self->error), "a row of table %s breaks the schema; was the file edited by hand?",
             table);
    return STORE_UNAVAILABLE;
}

sqlite3_stmt *
store_sqlite_bind(store_sqlite_t *self, statement_t statement, const char *kinds, ...)
{
    sqlite3_stmt *prepared = self->statements[statement];
    va_list arguments;
    va_start(arguments, kinds);
    for (int i = 1; kinds[i - 1] != '\0'; i++) {
        if (kinds[i - 1] == 's') {
            sqlite3_bind_text(prepared, i, va_arg(arguments, const char *), -1, SQLITE_STATIC);
        } else if (kinds[i - 1] == 'd') {
            sqlite3_bind_double(prepared, i, va_arg(arguments, double));
        } else if (kinds[i - 1] == 'b') {
            const void *bytes = va_arg(arguments, const void *);
            sqlite3_bind_blob(prepared, i, bytes, va_arg(arguments, int), SQLITE_STATIC);
        } else {
            sqlite3_bind_int64(prepared, i, va_arg(arguments, int64_t));
        }
    }
    va_end(arguments);
    return prepared;
}

bool
store_sqlite_run(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    sqlite3_reset(statement); /* gives the same error again */
    return code == SQLITE_DONE || code == SQLITE_ROW;
}

bool
store_sqlite_begin(store_sqlite_t *self)
{
    self->changes = sqlite3_total_changes(self->db);
    return store_sqlite_run(self->statements[SQL_BEGIN]);
}

store_result_t
store_sqlite_end(store_sqlite_t *self, store_result_t result)
{
    if (result == STORE_OK) {
        if (store_sqlite_run(self->statements[SQL_COMMIT])) {
            if (sqlite3_total_changes(self->db) != self->changes) { /* else it does not say that writing works */
                self->failed = false;
                self->written_usec = store_sqlite_clock_usec();
            }
            return STORE_OK;
        }
        result = store_sqlite_fault(self);
    }
    self->failed = self->failed || result == STORE_FULL || result == STORE_UNAVAILABLE;
    /* After some errors SQLite has rolled back already. */
    if (sqlite3_get_autocommit(self->db) == 0 && !store_sqlite_run(self->statements[SQL_ROLLBACK])) {
        return store_sqlite_fault(self);
    }
    return result;
}

bool
store_sqlite_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    if (length >= size) {
        return false;
    }
    if (length > 0) {
        memcpy(out, text, length);
    }
    out[length] = '\0';
    return true;
}

static store_result_t
store_sqlite_ping(store_t *port, int64_t *schema)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    if (self->failed || store_sqlite_clock_usec() - self->written_usec > 1000000) {
        store_result_t result = STORE_OK;
        if (!store_sqlite_begin(self) || !store_sqlite_run(self->statements[SQL_PROBE])) {
            result = store_sqlite_fault(self);
        }
        result = store_sqlite_end(self, result);
        if (result != STORE_OK) {
            return result;
        }
    }
    *schema = sqlite_migrations_count;
    return STORE_OK;
}

static bool
store_sqlite_character(sqlite3_stmt *row, obj_character_t *out)
{
    out->active = sqlite3_column_int(row, 2) != 0;
    out->suspended = sqlite3_column_int(row, 3) != 0;
    return store_sqlite_text(row, 0, out->id, sizeof(out->id)) &&
           store_sqlite_text(row, 1, out->name, sizeof(out->name));
}

static store_result_t
store_sqlite_list_characters(store_t *port, const char *user_id, obj_character_t *list, uint32_t *count)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    sqlite3_stmt *rows = store_sqlite_bind(self, SQL_CHARACTERS, "s", user_id);
    store_result_t result = STORE_OK;
    uint32_t found = 0;
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && result == STORE_OK && found < STORE_CHARACTERS_PER_USER) {
        if (!store_sqlite_character(rows, &list[found++])) {
            result = store_sqlite_strange(self, "character");
        }
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        result = store_sqlite_fault(self);
    }
    sqlite3_reset(rows);
    *count = result == STORE_OK ? found : 0;
    return result;
}

/* The character of a statement that also gives its user_id; NOT_FOUND when there is none, NOT_OWNER when it is another
 * user's. */
static store_result_t
store_sqlite_owned(store_sqlite_t *self, statement_t statement, const char *argument, const char *user_id,
                   obj_character_t *out)
{
    sqlite3_stmt *row = store_sqlite_bind(self, statement, "s", argument);
    store_result_t result;
    const char *owner;
    int code = sqlite3_step(row);
    if (code == SQLITE_DONE) {
        result = STORE_NOT_FOUND;
    } else if (code != SQLITE_ROW) {
        result = store_sqlite_fault(self);
    } else if ((owner = (const char *)sqlite3_column_text(row, 4)) == NULL) {
        result = store_sqlite_fault(self);
    } else if (strcmp(owner, user_id) != 0) {
        result = STORE_NOT_OWNER;
    } else {
        result = store_sqlite_character(row, out) ? STORE_OK : store_sqlite_strange(self, "character");
    }
    sqlite3_reset(row);
    return result;
}

static store_result_t
store_sqlite_find_character(store_t *port, const char *user_id, const char *id, obj_character_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    obj_character_t found;
    store_result_t result =
        store_sqlite_owned(self, id != NULL ? SQL_CHARACTER : SQL_ACTIVE, id != NULL ? id : user_id, user_id, &found);
    if (result == STORE_OK) {
        *out = found;
    }
    return result == STORE_NOT_FOUND && id != NULL ? STORE_NOT_OWNER : result;
}

/* Inside a transaction. */
static store_result_t
store_sqlite_insert_character(store_sqlite_t *self, const char *user_id, const char *id, const char *name, int64_t at,
                              obj_character_t *out)
{
    store_result_t result = store_sqlite_owned(self, SQL_CHARACTER, id, user_id, out);
    if (result != STORE_NOT_FOUND) {
        return result;
    }
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_CHARACTERS_COUNT, "s", user_id);
    int64_t count = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : -1;
    sqlite3_reset(row);
    if (count < 0) {
        return store_sqlite_fault(self);
    }
    if (count >= STORE_CHARACTERS_PER_USER) {
        return STORE_LIMIT;
    }
    int64_t active = count == 0;
    if (!store_sqlite_run(store_sqlite_bind(self, SQL_CREATE, "sssii", id, user_id, name, active, at))) {
        return store_sqlite_fault(self);
    }
    return store_sqlite_owned(self, SQL_CHARACTER, id, user_id, out);
}

static store_result_t
store_sqlite_create_character(store_t *port, const char *user_id, const char *id, const char *name, int64_t at,
                              obj_character_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    obj_character_t made;
    store_result_t result = store_sqlite_begin(self) ? store_sqlite_insert_character(self, user_id, id, name, at, &made)
                                                     : store_sqlite_fault(self);
    result = store_sqlite_end(self, result);
    if (result == STORE_OK) {
        *out = made;
    }
    return result;
}

/* Inside a transaction. */
static store_result_t
store_sqlite_activate(store_sqlite_t *self, const char *user_id, const char *id, obj_character_t *out)
{
    store_result_t result = store_sqlite_owned(self, SQL_CHARACTER, id, user_id, out);
    if (result != STORE_OK) {
        return result == STORE_NOT_FOUND ? STORE_NOT_OWNER : result;
    }
    if (!store_sqlite_run(store_sqlite_bind(self, SQL_DESELECT, "s", user_id)) ||
        !store_sqlite_run(store_sqlite_bind(self, SQL_SELECT, "s", id))) {
        return store_sqlite_fault(self);
    }
    out->active = true;
    return STORE_OK;
}

static store_result_t
store_sqlite_select_character(store_t *port, const char *user_id, const char *id, obj_character_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    obj_character_t selected;
    store_result_t result =
        store_sqlite_begin(self) ? store_sqlite_activate(self, user_id, id, &selected) : store_sqlite_fault(self);
    result = store_sqlite_end(self, result);
    if (result == STORE_OK) {
        *out = selected;
    }
    return result;
}

/* Inside a transaction: the new epoch, and the seed when the room is new. */
static store_result_t
store_sqlite_take_lease(store_sqlite_t *self, const msg_persistence_load_room_t *ask, int64_t *epoch)
{
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_ROOM, "s", ask->room);
    int code = sqlite3_step(row);
    *epoch = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) + 1 : 1;
    sqlite3_reset(row);
    if (code == SQLITE_ROW) {
        if (*epoch > STORE_EPOCH_MAX) {
            return STORE_LIMIT;
        }
        return store_sqlite_run(store_sqlite_bind(self, SQL_ROOM_LEASE, "si", ask->room, *epoch))
                   ? STORE_OK
                   : store_sqlite_fault(self);
    }
    if (code != SQLITE_DONE || !store_sqlite_run(store_sqlite_bind(self, SQL_ROOM_CREATE, "s", ask->room))) {
        return store_sqlite_fault(self);
    }
    for (uint32_t i = 0; i < ask->seed_len; i++) {
        const obj_item_view_t *item = &ask->seed[i];
        if (!store_sqlite_run(store_sqlite_bind(self, SQL_ITEM_CREATE, "ssssdd", ask->room, item->item_id, item->kind,
                                                item->has_holder ? item->holder : NULL, item->x, item->y))) {
            return store_sqlite_fault(self);
        }
    }
    return STORE_OK;
}

static store_result_t
store_sqlite_read_items(store_sqlite_t *self, msg_persistence_room_loaded_t *out)
{
    sqlite3_stmt *rows = store_sqlite_bind(self, SQL_ITEMS, "s", out->room);
    store_result_t result = STORE_OK;
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && result == STORE_OK && out->items_len < STORE_ITEMS_PER_ROOM) {
        obj_item_view_t *item = &out->items[out->items_len++];
        item->has_holder = sqlite3_column_type(rows, 2) != SQLITE_NULL;
        item->x = sqlite3_column_double(rows, 3);
        item->y = sqlite3_column_double(rows, 4);
        if (!store_sqlite_text(rows, 0, item->item_id, sizeof(item->item_id)) ||
            !store_sqlite_text(rows, 1, item->kind, sizeof(item->kind)) ||
            !store_sqlite_text(rows, 2, item->holder, sizeof(item->holder))) {
            result = store_sqlite_strange(self, "item");
        }
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        result = store_sqlite_fault(self);
    }
    sqlite3_reset(rows);
    return result;
}

static store_result_t
store_sqlite_load_room(store_t *port, const msg_persistence_load_room_t *ask, msg_persistence_room_loaded_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    memset(out, 0, sizeof(*out));
    memcpy(out->room, ask->room, sizeof(out->room));
    store_result_t result =
        store_sqlite_begin(self) ? store_sqlite_take_lease(self, ask, &out->epoch) : store_sqlite_fault(self);
    if (result == STORE_OK) {
        result = store_sqlite_read_items(self, out);
    }
    return store_sqlite_end(self, result);
}

static store_result_t
store_sqlite_load_member(store_t *port, const char *character_id, msg_persistence_member_loaded_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_MEMBER, "s", character_id);
    store_result_t result = STORE_OK;
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        memset(out, 0, sizeof(*out));
        snprintf(out->character_id, sizeof(out->character_id), "%s", character_id);
        out->sequence = sqlite3_column_int64(row, 0);
        out->last_action_id = sqlite3_column_int64(row, 1);
        out->has_room = sqlite3_column_type(row, 2) != SQLITE_NULL;
        out->x = sqlite3_column_double(row, 3);
        out->y = sqlite3_column_double(row, 4);
        out->muted_until = sqlite3_column_int64(row, 5);
        if (!store_sqlite_text(row, 2, out->room, sizeof(out->room))) {
            result = store_sqlite_strange(self, "character");
        }
    } else {
        result = code == SQLITE_DONE ? STORE_NOT_FOUND : store_sqlite_fault(self);
    }
    sqlite3_reset(row);
    return result;
}

static store_result_t
store_sqlite_mute_character(store_t *port, const char *character_id, int64_t until)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    store_result_t result = STORE_OK;
    if (!store_sqlite_begin(self) || !store_sqlite_run(store_sqlite_bind(self, SQL_MUTE, "si", character_id, until))) {
        result = store_sqlite_fault(self);
    } else if (sqlite3_changes(self->db) != 1) {
        result = STORE_NOT_FOUND;
    }
    return store_sqlite_end(self, result);
}

static const char *
store_sqlite_error_text(const store_t *port)
{
    return ((const store_sqlite_t *)port)->error;
}

static void
store_sqlite_close(store_t **port_p)
{
    store_sqlite_t *self = (store_sqlite_t *)*port_p;
    *port_p = NULL;
    if (self == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(self->statements[i]);
    }
    for (int i = 0; i < INSERT_FORMS; i++) {
        sqlite3_finalize(self->inserts[i]);
    }
    sqlite3_close(self->db);
    if (self->lock >= 0) {
        close(self->lock);
    }
    free(self->tails);
    free(self);
}

static const store_t store_sqlite_port = {
    .ping = store_sqlite_ping,
    .list_characters = store_sqlite_list_characters,
    .create_character = store_sqlite_create_character,
    .select_character = store_sqlite_select_character,
    .find_character = store_sqlite_find_character,
    .load_room = store_sqlite_load_room,
    .load_member = store_sqlite_load_member,
    .mute_character = store_sqlite_mute_character,
    .commit = store_sqlite_commit,
    .find_action = store_sqlite_find_action,
    .read_actions = store_sqlite_read_actions,
    .save_sessions = store_sqlite_save_sessions,
    .load_sessions = store_sqlite_load_sessions,
    .save_instance = store_sqlite_save_instance,
    .load_instance = store_sqlite_load_instance,
    .maintain = store_sqlite_maintain,
    .error_text = store_sqlite_error_text,
    .close = store_sqlite_close,
};

store_t *
store_sqlite_open(const char *path, bool create, char error[STORE_ERROR_MAX])
{
    store_sqlite_t *self = calloc(1, sizeof(*self));
    tail_t *tails = calloc(TAIL_SLOTS, sizeof(*tails));
    if (self == NULL || tails == NULL) {
        free(self);
        free(tails);
        snprintf(error, STORE_ERROR_MAX, "cannot open the store %s: out of memory", path);
        return NULL;
    }
    self->port = store_sqlite_port;
    self->tails = tails;
    store_t *port = &self->port;
    self->lock = store_sqlite_lock(path, error);
    self->db = self->lock >= 0 ? store_sqlite_open_file(path, create, error) : NULL;
    if (self->db == NULL || !store_sqlite_check_schema(self->db, path, create, error)) {
        store_sqlite_close(&port);
        return NULL;
    }
    bool prepared = store_sqlite_prepare_inserts(self);
    for (int i = 0; i < STATEMENT_COUNT && prepared; i++) {
        prepared = sqlite3_prepare_v3(self->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &self->statements[i],
                                      NULL) == SQLITE_OK;
    }
    if (!prepared) {
        snprintf(error, STORE_ERROR_MAX, "cannot use the store %s: %s", path, sqlite3_errmsg(self->db));
        store_sqlite_close(&port);
    }
    return port;
}
