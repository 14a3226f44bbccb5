#include "store_migrations.h"
#include "store_postgres_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PING_USEC = 1000000 }; /* a write that is no older says that writing works */

static store_result_t
play_ping(store_postgres_t *self)
{
    bool done = store_postgres_write(self, PG_PROBE, "") >= 0;
    return store_postgres_wrote(self, done ? STORE_OK : store_postgres_fault(self));
}

static store_result_t
store_postgres_ping(store_t *port, int64_t *schema)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result = STORE_OK;
    if (self->failed || store_postgres_clock_usec() - self->written_usec > PING_USEC) {
        store_postgres_call(self);
        do {
            result = play_ping(self);
        } while (store_postgres_again(self, result));
    }
    if (result == STORE_OK) {
        *schema = postgres_migrations_count;
    }
    return result;
}

static bool
play_character(const PGresult *rows, int row, obj_character_t *out)
{
    out->active = store_postgres_int(rows, row, 2) != 0;
    out->suspended = store_postgres_int(rows, row, 3) != 0;
    return store_postgres_text(rows, row, 0, out->id, sizeof(out->id)) &&
           store_postgres_text(rows, row, 1, out->name, sizeof(out->name));
}

static store_result_t
play_list(store_postgres_t *self, const char *user_id, obj_character_t *list, uint32_t *count)
{
    PGresult *rows = store_postgres_run(self, PG_CHARACTERS, "s", user_id);
    if (rows == NULL) {
        return store_postgres_fault(self);
    }
    store_result_t result = STORE_OK;
    int found = PQntuples(rows) < STORE_CHARACTERS_PER_USER ? PQntuples(rows) : STORE_CHARACTERS_PER_USER;
    for (int i = 0; i < found && result == STORE_OK; i++) {
        result = play_character(rows, i, &list[i]) ? STORE_OK : store_postgres_strange(self, "character");
    }
    if (result == STORE_OK) {
        *count = (uint32_t)found;
    }
    PQclear(rows);
    return result;
}

static store_result_t
store_postgres_list_characters(store_t *port, const char *user_id, obj_character_t *list, uint32_t *count)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = play_list(self, user_id, list, count);
    } while (store_postgres_again(self, result));
    return result;
}

/* The character of a statement that also gives its user_id; NOT_FOUND when there is none, NOT_OWNER when it is another
 * user's. */
static store_result_t
play_owned(store_postgres_t *self, postgres_statement_t statement, const char *argument, const char *user_id,
           obj_character_t *out)
{
    PGresult *row = store_postgres_run(self, statement, "s", argument);
    if (row == NULL) {
        return store_postgres_fault(self);
    }
    store_result_t result = STORE_NOT_FOUND;
    if (PQntuples(row) > 0) {
        bool owner = strcmp(PQgetvalue(row, 0, 4), user_id) == 0;
        result = !owner                        ? STORE_NOT_OWNER
                 : play_character(row, 0, out) ? STORE_OK
                                               : store_postgres_strange(self, "character");
    }
    PQclear(row);
    return result;
}

static store_result_t
store_postgres_find_character(store_t *port, const char *user_id, const char *id, obj_character_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    obj_character_t found;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = play_owned(self, id != NULL ? PG_CHARACTER : PG_ACTIVE, id != NULL ? id : user_id, user_id, &found);
    } while (store_postgres_again(self, result));
    if (result == STORE_OK) {
        *out = found;
    }
    return result == STORE_NOT_FOUND && id != NULL ? STORE_NOT_OWNER : result;
}

/* Inside a transaction: until its end nobody else makes or selects characters of this user. */
static bool
play_lock_user(store_postgres_t *self, const char *user_id)
{
    return store_postgres_begin(self) && store_postgres_write(self, PG_USER_LOCK, "s", user_id) >= 0;
}

static store_result_t
play_create(store_postgres_t *self, const char *user_id, const char *id, const char *name, int64_t at,
            obj_character_t *out)
{
    if (!play_lock_user(self, user_id) ||
        store_postgres_write(self, PG_CREATE, "sssii", id, user_id, name, at, (int64_t)STORE_CHARACTERS_PER_USER) < 0) {
        return store_postgres_fault(self);
    }
    /* One that was there already is found too. */
    store_result_t result = play_owned(self, PG_CHARACTER, id, user_id, out);
    return result == STORE_NOT_FOUND ? STORE_LIMIT : result;
}

static store_result_t
store_postgres_create_character(store_t *port, const char *user_id, const char *id, const char *name, int64_t at,
                                obj_character_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    obj_character_t made;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = store_postgres_end(self, play_create(self, user_id, id, name, at, &made));
    } while (store_postgres_again(self, result));
    if (result == STORE_OK) {
        *out = made;
    }
    return result;
}

static store_result_t
play_select(store_postgres_t *self, const char *user_id, const char *id, obj_character_t *out)
{
    if (!play_lock_user(self, user_id)) {
        return store_postgres_fault(self);
    }
    store_result_t result = play_owned(self, PG_CHARACTER, id, user_id, out);
    if (result != STORE_OK) {
        return result == STORE_NOT_FOUND ? STORE_NOT_OWNER : result;
    }
    if (store_postgres_write(self, PG_DESELECT, "ss", user_id, id) < 0 ||
        store_postgres_write(self, PG_SELECT, "s", id) < 0) {
        return store_postgres_fault(self);
    }
    out->active = true;
    return STORE_OK;
}

static store_result_t
store_postgres_select_character(store_t *port, const char *user_id, const char *id, obj_character_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    obj_character_t selected;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = store_postgres_end(self, play_select(self, user_id, id, &selected));
    } while (store_postgres_again(self, result));
    if (result == STORE_OK) {
        *out = selected;
    }
    return result;
}

static store_result_t
play_seed(store_postgres_t *self, const msg_persistence_load_room_t *ask)
{
    postgres_array_t *ids = &self->arrays[0], *kinds = &self->arrays[1], *holders = &self->arrays[2];
    postgres_array_t *xs = &self->arrays[3], *ys = &self->arrays[4];
    postgres_array_start(ids, POSTGRES_TEXTS);
    postgres_array_start(kinds, POSTGRES_TEXTS);
    postgres_array_start(holders, POSTGRES_TEXTS);
    postgres_array_start(xs, POSTGRES_DOUBLES);
    postgres_array_start(ys, POSTGRES_DOUBLES);
    for (uint32_t i = 0; i < ask->seed_len; i++) {
        const obj_item_view_t *item = &ask->seed[i];
        postgres_array_text(ids, item->item_id);
        postgres_array_text(kinds, item->kind);
        postgres_array_text(holders, item->has_holder ? item->holder : NULL);
        postgres_array_double(xs, item->x);
        postgres_array_double(ys, item->y);
    }
    bool done = store_postgres_write(self, PG_SEED, "saaaaa", ask->room, ids, kinds, holders, xs, ys) >= 0;
    return done ? STORE_OK : store_postgres_fault(self);
}

static store_result_t
play_items(store_postgres_t *self, msg_persistence_room_loaded_t *out)
{
    PGresult *rows = store_postgres_run(self, PG_ITEMS, "s", out->room);
    if (rows == NULL) {
        return store_postgres_fault(self);
    }
    store_result_t result = STORE_OK;
    for (int i = 0; i < PQntuples(rows) && i < STORE_ITEMS_PER_ROOM && result == STORE_OK; i++) {
        obj_item_view_t *item = &out->items[out->items_len++];
        item->has_holder = !PQgetisnull(rows, i, 2);
        item->x = store_postgres_double(rows, i, 3);
        item->y = store_postgres_double(rows, i, 4);
        if (!store_postgres_text(rows, i, 0, item->item_id, sizeof(item->item_id)) ||
            !store_postgres_text(rows, i, 1, item->kind, sizeof(item->kind)) ||
            !store_postgres_text(rows, i, 2, item->holder, sizeof(item->holder))) {
            result = store_postgres_strange(self, "item");
        }
    }
    PQclear(rows);
    return result;
}

static store_result_t
play_load_room(store_postgres_t *self, const msg_persistence_load_room_t *ask, msg_persistence_room_loaded_t *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->room, ask->room, sizeof(out->room));
    PGresult *row = store_postgres_begin(self)
                        ? store_postgres_run(self, PG_LEASE, "si", ask->room, (int64_t)STORE_EPOCH_MAX)
                        : NULL;
    if (row == NULL) {
        return store_postgres_fault(self);
    }
    out->epoch = PQntuples(row) > 0 ? store_postgres_int(row, 0, 0) : 0;
    PQclear(row);
    if (out->epoch == 0) {
        return STORE_LIMIT;
    }
    /* The first lease of a room is what makes it. */
    store_result_t result = out->epoch == 1 && ask->seed_len > 0 ? play_seed(self, ask) : STORE_OK;
    return result == STORE_OK ? play_items(self, out) : result;
}

static store_result_t
store_postgres_load_room(store_t *port, const msg_persistence_load_room_t *ask, msg_persistence_room_loaded_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = store_postgres_end(self, play_load_room(self, ask, out));
    } while (store_postgres_again(self, result));
    return result;
}

static store_result_t
play_member(store_postgres_t *self, const char *character_id, msg_persistence_member_loaded_t *out)
{
    PGresult *row = store_postgres_run(self, PG_MEMBER, "s", character_id);
    if (row == NULL) {
        return store_postgres_fault(self);
    }
    store_result_t result = STORE_NOT_FOUND;
    if (PQntuples(row) > 0) {
        msg_persistence_member_loaded_t found = {.sequence = store_postgres_int(row, 0, 0),
                                                 .last_action_id = store_postgres_int(row, 0, 1),
                                                 .has_room = !PQgetisnull(row, 0, 2),
                                                 .x = store_postgres_double(row, 0, 3),
                                                 .y = store_postgres_double(row, 0, 4),
                                                 .muted_until = store_postgres_int(row, 0, 5)};
        snprintf(found.character_id, sizeof(found.character_id), "%s", character_id);
        result = store_postgres_text(row, 0, 2, found.room, sizeof(found.room))
                     ? STORE_OK
                     : store_postgres_strange(self, "character");
        if (result == STORE_OK) {
            *out = found;
        }
    }
    PQclear(row);
    return result;
}

static store_result_t
store_postgres_load_member(store_t *port, const char *character_id, msg_persistence_member_loaded_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = play_member(self, character_id, out);
    } while (store_postgres_again(self, result));
    return result;
}

static store_result_t
store_postgres_mute_character(store_t *port, const char *character_id, int64_t until)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        int64_t changed = store_postgres_write(self, PG_MUTE, "si", character_id, until);
        result = changed < 0 ? store_postgres_fault(self) : changed == 0 ? STORE_NOT_FOUND : STORE_OK;
        result = store_postgres_wrote(self, result);
    } while (store_postgres_again(self, result));
    return result;
}

static const char *
store_postgres_error_text(const store_t *port)
{
    return ((const store_postgres_t *)port)->error;
}

static void
store_postgres_close(store_t **port_p)
{
    store_postgres_t *self = (store_postgres_t *)*port_p;
    *port_p = NULL;
    if (self == NULL) {
        return;
    }
    store_postgres_disconnect(self);
    for (int i = 0; i < POSTGRES_ARRAYS; i++) {
        postgres_array_free(&self->arrays[i]);
    }
    free(self->url);
    free(self);
}

static const store_t store_postgres_port = {
    .ping = store_postgres_ping,
    .list_characters = store_postgres_list_characters,
    .create_character = store_postgres_create_character,
    .select_character = store_postgres_select_character,
    .find_character = store_postgres_find_character,
    .load_room = store_postgres_load_room,
    .load_member = store_postgres_load_member,
    .mute_character = store_postgres_mute_character,
    .commit = store_postgres_commit,
    .find_action = store_postgres_find_action,
    .read_actions = store_postgres_read_actions,
    .save_sessions = store_postgres_save_sessions,
    .load_sessions = store_postgres_load_sessions,
    .save_instance = store_postgres_save_instance,
    .load_instance = store_postgres_load_instance,
    .maintain = store_postgres_maintain,
    .error_text = store_postgres_error_text,
    .close = store_postgres_close,
};

store_t *
store_postgres_open(const char *url, int64_t timeout_msec, char error[STORE_ERROR_MAX])
{
    store_postgres_t *self = calloc(1, sizeof(*self));
    char *own_url = strdup(url);
    if (self == NULL || own_url == NULL) {
        free(self);
        free(own_url);
        snprintf(error, STORE_ERROR_MAX, "cannot open the store: out of memory");
        return NULL;
    }
    store_t *port = &self->port;
    self->port = store_postgres_port;
    self->url = own_url;
    self->timeout_msec = timeout_msec;
    store_postgres_call(self);
    char where[POSTGRES_WHERE_MAX];
    if (!store_postgres_command(self, "SELECT 1")) {
        snprintf(error, STORE_ERROR_MAX, "%s", self->error);
        store_postgres_close(&port);
        return NULL;
    }
    store_postgres_where(self->connection, where);
    if (!store_postgres_check_schema(self->connection, where, error)) {
        store_postgres_close(&port);
    }
    return port;
}
