/* Sessions and what is switched of an instance. */
#include "store_names.h"
#include "store_sessions.h"
#include "store_sqlite_form.h"

#include <inttypes.h>
#include <string.h>

enum { ALL = -1 };

/* What decides about a save: the row of its id, or the live one of its character. */
typedef struct stored {
    char instance[sizeof(((obj_session_row_t *)0)->instance)];
    char character_id[sizeof(((obj_session_row_t *)0)->character_id)];
    int64_t number;
    int64_t version;
    session_state_t state;
} stored_t;

static bool
column_name(sqlite3_stmt *row, int column, const char *const *names, int count, int *out)
{
    char name[32];
    return store_sqlite_text(row, column, name, sizeof(name)) && store_name_find(names, count, name, out);
}

/* How many hold a seat of this instance, in the transaction under way; NULL: not counted yet. */
static seats_t *
seats_known(store_sqlite_t *self, const char *instance)
{
    for (uint32_t i = 0; i < self->seats_count; i++) {
        if (strcmp(self->seats[i].instance, instance) == 0) {
            return &self->seats[i];
        }
    }
    return NULL;
}

static store_result_t
seats_find(store_sqlite_t *self, const char *instance, seats_t **out)
{
    *out = seats_known(self, instance);
    if (*out != NULL) {
        return STORE_OK;
    }
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_SEATS, "s", instance);
    int code = sqlite3_step(row);
    int64_t held = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_reset(row);
    if (code != SQLITE_ROW) {
        return store_sqlite_fault(self);
    }
    if (self->seats_count == SEATS_CAP) {
        self->seats_count = 0;
    }
    *out = &self->seats[self->seats_count++];
    snprintf((*out)->instance, sizeof((*out)->instance), "%s", instance);
    (*out)->held = held;
    return STORE_OK;
}

static void
seats_change(store_sqlite_t *self, const char *instance, session_state_t from, session_state_t to)
{
    seats_t *seats = seats_known(self, instance);
    if (seats != NULL) {
        seats->held += session_has_seat(to) - session_has_seat(from);
    }
}

/* May this one have a seat, if `freed` of those held are given back first? */
static store_result_t
seats_check(store_sqlite_t *self, const msg_persistence_save_session_t *save, int64_t freed,
            session_conflict_t *conflict)
{
    seats_t *seats;
    if (save->seats_max == 0) {
        return STORE_OK;
    }
    store_result_t result = seats_find(self, save->session.instance, &seats);
    if (result == STORE_OK && seats->held - freed >= save->seats_max) {
        *conflict = SESSION_CONFLICT_SEATS;
    }
    return result;
}

/* NOT_FOUND when there is no such row. */
static store_result_t
stored_find(store_sqlite_t *self, statement_t statement, const char *id, stored_t *out)
{
    sqlite3_stmt *row = store_sqlite_bind(self, statement, "s", id);
    store_result_t result = STORE_OK;
    int code = sqlite3_step(row);
    int state = 0;
    if (code != SQLITE_ROW) {
        result = code == SQLITE_DONE ? STORE_NOT_FOUND : store_sqlite_fault(self);
    } else if (!store_sqlite_text(row, 0, out->instance, sizeof(out->instance)) ||
               !store_sqlite_text(row, 2, out->character_id, sizeof(out->character_id)) ||
               !column_name(row, 4, session_state_names, SESSION_STATE_COUNT, &state)) {
        result = store_sqlite_strange(self, "session");
    } else {
        out->number = sqlite3_column_int64(row, 1);
        out->version = sqlite3_column_int64(row, 3);
        out->state = (session_state_t)state;
    }
    sqlite3_reset(row);
    return result;
}

static store_result_t
session_end(store_sqlite_t *self, const stored_t *stored, int64_t version, int64_t at)
{
    if (!store_sqlite_run(
            store_sqlite_bind(self, SQL_SESSION_END, "siii", stored->instance, stored->number, version, at))) {
        return store_sqlite_fault(self);
    }
    seats_change(self, stored->instance, stored->state, SESSION_STATE_ENDED);
    return STORE_OK;
}

static store_result_t
session_insert(store_sqlite_t *self, const obj_session_row_t *session, int64_t at)
{
    bool ended = session->state == SESSION_STATE_ENDED;
    if (!store_sqlite_run(store_sqlite_bind(
            self, SQL_SESSION_ADD, "sissssssssiiibiii", session->instance, session->number, session->session_id,
            session->character_id, session->user_id, session->name, role_names[session->role],
            session_state_names[session->state], session->room, session->holder, session->connection, session->version,
            session->turn, session->secret, ended ? 0 : (int)session->secret_len,
            ended ? (int64_t)SESSION_LASTS : session_until(session, at), ended ? at : (int64_t)SESSION_LASTS,
            session->auth_until))) {
        return store_sqlite_fault(self);
    }
    seats_change(self, session->instance, SESSION_STATE_ENDED, session->state);
    return STORE_OK;
}

/* A session that the store has. */
static store_result_t
session_change(store_sqlite_t *self, const msg_persistence_save_session_t *save, const stored_t *stored, int64_t at,
               session_conflict_t *conflict)
{
    const obj_session_row_t *session = &save->session;
    if (stored->number != session->number || strcmp(stored->instance, session->instance) != 0 ||
        strcmp(stored->character_id, session->character_id) != 0) {
        *conflict = SESSION_CONFLICT_NUMBER;
        return STORE_OK;
    }
    if (stored->state == SESSION_STATE_ENDED || stored->version >= session->version) {
        return STORE_OK;
    }
    if (session->state == SESSION_STATE_ENDED) {
        return session_end(self, stored, session->version, at);
    }
    if (session_has_seat(session->state) && !session_has_seat(stored->state)) {
        store_result_t result = seats_check(self, save, 0, conflict);
        if (result != STORE_OK || *conflict != SESSION_CONFLICT_NONE) {
            return result;
        }
    }
    if (!store_sqlite_run(store_sqlite_bind(self, SQL_SESSION_CHANGE, "sisssiiibii", session->instance, session->number,
                                            session_state_names[session->state], session->room, session->holder,
                                            session->connection, session->version, session->turn, session->secret,
                                            (int)session->secret_len, session_until(session, at),
                                            session->auth_until))) {
        return store_sqlite_fault(self);
    }
    seats_change(self, session->instance, stored->state, session->state);
    return STORE_OK;
}

static store_result_t
number_is_taken(store_sqlite_t *self, const obj_session_row_t *session, bool *taken)
{
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_SESSION_NUMBER, "si", session->instance, session->number);
    int code = sqlite3_step(row);
    *taken = code == SQLITE_ROW && sqlite3_column_int(row, 0) != 0;
    sqlite3_reset(row);
    return code == SQLITE_ROW ? STORE_OK : store_sqlite_fault(self);
}

/* A session that is new here; `other` is its character's live one, or NULL. One that arrives ended takes nothing from
 * anybody, but ends what its number is above of, as it would have had it come in time. */
static store_result_t
session_enter(store_sqlite_t *self, const msg_persistence_save_session_t *save, const stored_t *other, int64_t at,
              session_conflict_t *conflict)
{
    const obj_session_row_t *session = &save->session;
    bool supersedes =
        other != NULL && strcmp(other->instance, session->instance) == 0 && other->number < session->number;
    store_result_t result = STORE_OK;
    if (session->state != SESSION_STATE_ENDED && other != NULL && !supersedes) {
        *conflict = SESSION_CONFLICT_CHARACTER;
    } else if (session_has_seat(session->state)) {
        result = seats_check(self, save, supersedes && session_has_seat(other->state), conflict);
    }
    if (result != STORE_OK || *conflict != SESSION_CONFLICT_NONE) {
        return result;
    }
    if (supersedes) {
        result = session_end(self, other, other->version, at);
    }
    return result == STORE_OK ? session_insert(self, session, at) : result;
}

/* What became of one save; a conflict has written nothing. Inside a transaction. */
static store_result_t
session_save(store_sqlite_t *self, const msg_persistence_save_session_t *save, int64_t at, session_conflict_t *conflict)
{
    const obj_session_row_t *session = &save->session;
    stored_t stored;
    bool taken;
    *conflict = SESSION_CONFLICT_NONE;
    store_result_t result = stored_find(self, SQL_SESSION, session->session_id, &stored);
    if (result == STORE_OK) {
        return session_change(self, save, &stored, at, conflict);
    }
    if (result != STORE_NOT_FOUND) {
        return result;
    }
    result = number_is_taken(self, session, &taken);
    if (result != STORE_OK || taken) {
        *conflict = SESSION_CONFLICT_NUMBER;
        return result;
    }
    result = stored_find(self, SQL_SESSION_OF, session->character_id, &stored);
    if (result != STORE_OK && result != STORE_NOT_FOUND) {
        return result;
    }
    return session_enter(self, save, result == STORE_OK ? &stored : NULL, at, conflict);
}

/* Deletes the `limit` sessions that ended longest ago, if that is over a day; keeps their numbers from being given
 * again. Inside a transaction. */
static store_result_t
sessions_forget(store_sqlite_t *self, int64_t at, int64_t limit)
{
    if (!store_sqlite_run(store_sqlite_bind(self, SQL_SESSIONS_NOTE, "ii", at - SESSION_FORGET_MSEC, limit))) {
        return store_sqlite_fault(self);
    }
    if (sqlite3_changes(self->db) > 0 &&
        !store_sqlite_run(store_sqlite_bind(self, SQL_SESSIONS_FORGET, "ii", at - SESSION_FORGET_MSEC, limit))) {
        return store_sqlite_fault(self);
    }
    return STORE_OK;
}

store_result_t
store_sqlite_save_sessions(store_t *port, const msg_persistence_save_session_t *const *saves, uint32_t count,
                           int64_t at, session_conflict_t *conflicts)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    session_conflict_t became[STORE_SESSIONS_MAX];
    store_result_t result = store_sqlite_begin(self) ? STORE_OK : store_sqlite_fault(self);
    for (uint32_t i = 0; i < count && result == STORE_OK; i++) {
        result = session_save(self, saves[i], at, &became[i]);
    }
    if (result == STORE_OK) {
        result = sessions_forget(self, at, count); /* as many as can have come, so the table does not grow for ever */
    }
    result = store_sqlite_end(self, result);
    if (result == STORE_OK) {
        memcpy(conflicts, became, count * sizeof(*conflicts));
    } else {
        self->seats_count = 0; /* to be counted again */
    }
    return result;
}

static bool
session_read(sqlite3_stmt *row, const char *instance, int64_t at, obj_session_row_t *out)
{
    int role = 0;
    int state = 0;
    size_t secret = (size_t)sqlite3_column_bytes(row, 12);
    int64_t until = sqlite3_column_int64(row, 13);
    if (secret > sizeof(out->secret) || !store_sqlite_text(row, 0, out->session_id, sizeof(out->session_id)) ||
        !store_sqlite_text(row, 1, out->character_id, sizeof(out->character_id)) ||
        !store_sqlite_text(row, 2, out->user_id, sizeof(out->user_id)) ||
        !store_sqlite_text(row, 3, out->name, sizeof(out->name)) ||
        !column_name(row, 4, role_names, ROLE_COUNT, &role) ||
        !column_name(row, 5, session_state_names, SESSION_STATE_COUNT, &state) ||
        !store_sqlite_text(row, 6, out->room, sizeof(out->room)) ||
        !store_sqlite_text(row, 7, out->holder, sizeof(out->holder))) {
        return false;
    }
    snprintf(out->instance, sizeof(out->instance), "%s", instance);
    out->role = (role_t)role;
    out->state = (session_state_t)state;
    out->connection = sqlite3_column_int64(row, 8);
    out->number = sqlite3_column_int64(row, 9);
    out->version = sqlite3_column_int64(row, 10);
    out->turn = sqlite3_column_int64(row, 11);
    out->secret_len = (uint32_t)secret;
    if (secret > 0) {
        memcpy(out->secret, sqlite3_column_blob(row, 12), secret);
    }
    out->auth_until = sqlite3_column_int64(row, 14);
    out->left_ms = session_left(until, at);
    return true;
}

static store_result_t
sessions_highest(store_sqlite_t *self, const char *instance, int64_t *number)
{
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_SESSIONS_NUMBER, "s", instance);
    int code = sqlite3_step(row);
    *number = code == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_reset(row);
    return code == SQLITE_ROW ? STORE_OK : store_sqlite_fault(self);
}

store_result_t
store_sqlite_load_sessions(store_t *port, const char *instance, int64_t after, int64_t at,
                           msg_persistence_sessions_t *out)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    if (after == 0) {
        /* What cannot be deleted now can be later: the disk may be full, and reading goes on. */
        (void)store_sqlite_end(self,
                               store_sqlite_begin(self) ? sessions_forget(self, at, ALL) : store_sqlite_fault(self));
    }
    out->sessions_len = 0;
    store_result_t result = sessions_highest(self, instance, &out->number);
    if (result != STORE_OK) {
        return result;
    }
    sqlite3_stmt *rows = store_sqlite_bind(self, SQL_SESSIONS, "si", instance, after);
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && result == STORE_OK && out->sessions_len < STORE_READ_SESSIONS) {
        if (!session_read(rows, instance, at, &out->sessions[out->sessions_len++])) {
            result = store_sqlite_strange(self, "session");
        }
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        result = store_sqlite_fault(self);
    }
    sqlite3_reset(rows);
    return result;
}

store_result_t
store_sqlite_save_instance(store_t *port, const char *instance, const obj_instance_switches_t *switches)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    store_result_t result = STORE_OK;
    if (!store_sqlite_begin(self) ||
        !store_sqlite_run(store_sqlite_bind(self, SQL_INSTANCE_SAVE, "siiiis", instance, switches->capacity,
                                            (int64_t)switches->drain, (int64_t)switches->maintenance, switches->ends_at,
                                            switches->message))) {
        result = store_sqlite_fault(self);
    }
    return store_sqlite_end(self, result);
}

store_result_t
store_sqlite_load_instance(store_t *port, const char *instance, obj_instance_switches_t *switches)
{
    store_sqlite_t *self = (store_sqlite_t *)port;
    sqlite3_stmt *row = store_sqlite_bind(self, SQL_INSTANCE, "s", instance);
    store_result_t result = STORE_OK;
    obj_instance_switches_t read = {.capacity = 0};
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        read.capacity = sqlite3_column_int64(row, 0);
        read.drain = sqlite3_column_int(row, 1) != 0;
        read.maintenance = sqlite3_column_int(row, 2) != 0;
        read.ends_at = sqlite3_column_int64(row, 3);
        if (!store_sqlite_text(row, 4, read.message, sizeof(read.message))) {
            result = store_sqlite_strange(self, "instance");
        }
    } else if (code != SQLITE_DONE) {
        result = store_sqlite_fault(self);
    }
    sqlite3_reset(row);
    if (result == STORE_OK) {
        *switches = read;
    }
    return result;
}
