/* Sessions and what is switched of an instance. The rules stand in schemas/migrations/postgres/0002_sessions.sql. */
#include <string.h>

#include "store_names.h"
#include "store_postgres_form.h"
#include "store_sessions.h"

enum {
    CLEAN_ROWS = 2048, /* of one step */
    CLEAN_PART = 4,    /* of a load's time, at most */
    ENUM_NAME_MAX = 32,
};

/* The arrays of sessions_save, in its order. */
typedef enum saved_column {
    SAVED_INSTANCE,
    SAVED_NUMBER,
    SAVED_ID,
    SAVED_CHARACTER,
    SAVED_USER,
    SAVED_NAME,
    SAVED_ROLE,
    SAVED_STATE,
    SAVED_ROOM,
    SAVED_HOLDER,
    SAVED_CONNECTION,
    SAVED_VERSION,
    SAVED_TURN,
    SAVED_SECRET,
    SAVED_UNTIL,
    SAVED_AUTH_UNTIL,
    SAVED_SEATS,
    SAVED_COLUMNS,
} saved_column_t;

_Static_assert((int)SAVED_COLUMNS <= (int)POSTGRES_ARRAYS, "a column of what is saved is one of the form's arrays");

static const postgres_element_t saved_elements[SAVED_COLUMNS] = {
    [SAVED_INSTANCE] = POSTGRES_TEXTS,  [SAVED_NUMBER] = POSTGRES_INTS,     [SAVED_ID] = POSTGRES_TEXTS,
    [SAVED_CHARACTER] = POSTGRES_TEXTS, [SAVED_USER] = POSTGRES_TEXTS,      [SAVED_NAME] = POSTGRES_TEXTS,
    [SAVED_ROLE] = POSTGRES_TEXTS,      [SAVED_STATE] = POSTGRES_TEXTS,     [SAVED_ROOM] = POSTGRES_TEXTS,
    [SAVED_HOLDER] = POSTGRES_TEXTS,    [SAVED_CONNECTION] = POSTGRES_INTS, [SAVED_VERSION] = POSTGRES_INTS,
    [SAVED_TURN] = POSTGRES_INTS,       [SAVED_SECRET] = POSTGRES_BYTES,    [SAVED_UNTIL] = POSTGRES_INTS,
    [SAVED_AUTH_UNTIL] = POSTGRES_INTS, [SAVED_SEATS] = POSTGRES_INTS,
};

static void
saves_fill(postgres_array_t *columns, const msg_persistence_save_session_t *save, int64_t at)
{
    const obj_session_row_t *session = &save->session;
    postgres_array_text(&columns[SAVED_INSTANCE], session->instance);
    postgres_array_int(&columns[SAVED_NUMBER], session->number);
    postgres_array_text(&columns[SAVED_ID], session->session_id);
    postgres_array_text(&columns[SAVED_CHARACTER], session->character_id);
    postgres_array_text(&columns[SAVED_USER], session->user_id);
    postgres_array_text(&columns[SAVED_NAME], session->name);
    postgres_array_text(&columns[SAVED_ROLE], role_names[session->role]);
    postgres_array_text(&columns[SAVED_STATE], session_state_names[session->state]);
    postgres_array_text(&columns[SAVED_ROOM], session->room);
    postgres_array_text(&columns[SAVED_HOLDER], session->holder);
    postgres_array_int(&columns[SAVED_CONNECTION], session->connection);
    postgres_array_int(&columns[SAVED_VERSION], session->version);
    postgres_array_int(&columns[SAVED_TURN], session->turn);
    postgres_array_bytes(&columns[SAVED_SECRET], session->secret,
                         session->state == SESSION_STATE_ENDED ? 0 : session->secret_len);
    postgres_array_int(&columns[SAVED_UNTIL], session_until(session, at));
    postgres_array_int(&columns[SAVED_AUTH_UNTIL], session->auth_until);
    postgres_array_int(&columns[SAVED_SEATS], save->seats_max);
}

static bool
verdicts_read(const PGresult *rows, uint32_t count, session_conflict_t *conflicts)
{
    static const char letters[] = ".NCS";
    _Static_assert(SESSION_CONFLICT_COUNT == 4 && SESSION_CONFLICT_NUMBER == 1 && SESSION_CONFLICT_CHARACTER == 2 &&
                       SESSION_CONFLICT_SEATS == 3,
                   "a letter for each, in the order of the schema");
    session_conflict_t became[STORE_SESSIONS_MAX];
    if (PQntuples(rows) != 1 || PQgetlength(rows, 0, 0) != (int)count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *letter = memchr(letters, PQgetvalue(rows, 0, 0)[i], sizeof(letters) - 1);
        if (letter == NULL) {
            return false;
        }
        became[i] = (session_conflict_t)(letter - letters);
    }
    memcpy(conflicts, became, count * sizeof(*conflicts));
    return true;
}

static store_result_t
sessions_save(store_postgres_t *self, uint32_t count, int64_t at, session_conflict_t *conflicts)
{
    postgres_array_t *a = self->arrays;
    PGresult *rows = store_postgres_run(self, PG_SESSIONS_SAVE, "iiaaaaaaaaaaaaaaaaa", at, at - SESSION_FORGET_MSEC,
                                        &a[SAVED_INSTANCE], &a[SAVED_NUMBER], &a[SAVED_ID], &a[SAVED_CHARACTER],
                                        &a[SAVED_USER], &a[SAVED_NAME], &a[SAVED_ROLE], &a[SAVED_STATE], &a[SAVED_ROOM],
                                        &a[SAVED_HOLDER], &a[SAVED_CONNECTION], &a[SAVED_VERSION], &a[SAVED_TURN],
                                        &a[SAVED_SECRET], &a[SAVED_UNTIL], &a[SAVED_AUTH_UNTIL], &a[SAVED_SEATS]);
    if (rows == NULL) {
        return store_postgres_fault(self);
    }
    bool good = verdicts_read(rows, count, conflicts);
    PQclear(rows);
    return good ? STORE_OK : store_postgres_strange(self, "session");
}

/* A repeat after an answer that was lost finds each session as it was saved, and so no conflict. */
store_result_t
store_postgres_save_sessions(store_t *port, const msg_persistence_save_session_t *const *saves, uint32_t count,
                             int64_t at, session_conflict_t *conflicts)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    for (int column = 0; column < SAVED_COLUMNS; column++) {
        postgres_array_start(&self->arrays[column], saved_elements[column]);
    }
    for (uint32_t i = 0; i < count; i++) {
        saves_fill(self->arrays, saves[i], at);
    }
    store_postgres_call(self);
    do {
        result = sessions_save(self, count, at, conflicts);
    } while (store_postgres_again(self, result));
    return store_postgres_wrote(self, result);
}

static bool
column_name(const PGresult *rows, int row, int column, const char *const *names, int count, int *out)
{
    char name[ENUM_NAME_MAX];
    return store_postgres_text(rows, row, column, name, sizeof(name)) && store_name_find(names, count, name, out);
}

static bool
session_read(const PGresult *rows, int row, const char *instance, int64_t at, obj_session_row_t *out)
{
    int role = 0;
    int state = 0;
    if (!store_postgres_text(rows, row, 1, out->session_id, sizeof(out->session_id)) ||
        !store_postgres_text(rows, row, 2, out->character_id, sizeof(out->character_id)) ||
        !store_postgres_text(rows, row, 3, out->user_id, sizeof(out->user_id)) ||
        !store_postgres_text(rows, row, 4, out->name, sizeof(out->name)) ||
        !column_name(rows, row, 5, role_names, ROLE_COUNT, &role) ||
        !column_name(rows, row, 6, session_state_names, SESSION_STATE_COUNT, &state) ||
        !store_postgres_text(rows, row, 7, out->room, sizeof(out->room)) ||
        !store_postgres_text(rows, row, 8, out->holder, sizeof(out->holder)) ||
        !store_postgres_bytes(rows, row, 13, out->secret, sizeof(out->secret), &out->secret_len)) {
        return false;
    }
    snprintf(out->instance, sizeof(out->instance), "%s", instance);
    out->role = (role_t)role;
    out->state = (session_state_t)state;
    out->connection = store_postgres_int(rows, row, 9);
    out->number = store_postgres_int(rows, row, 10);
    out->version = store_postgres_int(rows, row, 11);
    out->turn = store_postgres_int(rows, row, 12);
    out->left_ms = session_left(store_postgres_int(rows, row, 14), at);
    out->auth_until = store_postgres_int(rows, row, 15);
    return true;
}

/* In bounded steps, so that nobody who saves waits for long, and for a part of the call's time. What cannot be
 * forgotten now can be at the next load. */
static void
sessions_clean(store_postgres_t *self, int64_t at)
{
    int64_t until = store_postgres_clock_usec() + self->timeout_msec * 1000 / CLEAN_PART;
    int64_t count = CLEAN_ROWS;
    while (count == CLEAN_ROWS && store_postgres_clock_usec() < until) {
        PGresult *rows =
            store_postgres_run(self, PG_SESSIONS_CLEAN, "ii", at - SESSION_FORGET_MSEC, (int64_t)CLEAN_ROWS);
        count = rows != NULL ? store_postgres_int(rows, 0, 0) : 0;
        PQclear(rows);
    }
}

static store_result_t
sessions_load(store_postgres_t *self, const char *instance, int64_t after, int64_t at, msg_persistence_sessions_t *out)
{
    PGresult *rows = store_postgres_run(self, PG_SESSIONS, "si", instance, after);
    if (rows == NULL) {
        return store_postgres_fault(self);
    }
    bool good = PQntuples(rows) >= 1 && PQntuples(rows) <= STORE_READ_SESSIONS;
    out->sessions_len = 0;
    out->number = good ? store_postgres_int(rows, 0, 0) : 0;
    for (int row = 0; good && row < PQntuples(rows) && !PQgetisnull(rows, row, 1); row++) {
        good = session_read(rows, row, instance, at, &out->sessions[out->sessions_len++]);
    }
    PQclear(rows);
    return good ? STORE_OK : store_postgres_strange(self, "session");
}

store_result_t
store_postgres_load_sessions(store_t *port, const char *instance, int64_t after, int64_t at,
                             msg_persistence_sessions_t *out)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    if (after == 0) {
        sessions_clean(self, at);
    }
    do {
        result = sessions_load(self, instance, after, at, out);
    } while (store_postgres_again(self, result));
    return result;
}

store_result_t
store_postgres_save_instance(store_t *port, const char *instance, const obj_instance_switches_t *switches)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        int64_t saved = store_postgres_write(self, PG_INSTANCE_SAVE, "siiiis", instance, switches->capacity,
                                             (int64_t)switches->drain, (int64_t)switches->maintenance,
                                             switches->ends_at, switches->message);
        result = saved >= 0 ? STORE_OK : store_postgres_fault(self);
    } while (store_postgres_again(self, result));
    return store_postgres_wrote(self, result);
}

static store_result_t
instance_load(store_postgres_t *self, const char *instance, obj_instance_switches_t *switches)
{
    obj_instance_switches_t read = {.capacity = 0};
    PGresult *rows = store_postgres_run(self, PG_INSTANCE, "s", instance);
    if (rows == NULL) {
        return store_postgres_fault(self);
    }
    bool good = true;
    if (PQntuples(rows) > 0) {
        read.capacity = store_postgres_int(rows, 0, 0);
        read.drain = store_postgres_int(rows, 0, 1) != 0;
        read.maintenance = store_postgres_int(rows, 0, 2) != 0;
        read.ends_at = store_postgres_int(rows, 0, 3);
        good = store_postgres_text(rows, 0, 4, read.message, sizeof(read.message));
    }
    PQclear(rows);
    if (!good) {
        return store_postgres_strange(self, "instance");
    }
    *switches = read;
    return STORE_OK;
}

store_result_t
store_postgres_load_instance(store_t *port, const char *instance, obj_instance_switches_t *switches)
{
    store_postgres_t *self = (store_postgres_t *)port;
    store_result_t result;
    store_postgres_call(self);
    do {
        result = instance_load(self, instance, switches);
    } while (store_postgres_again(self, result));
    return result;
}
