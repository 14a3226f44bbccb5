#include "store_conformance_helpers.h"

void
create(store_t *store, const char *user, const char *id)
{
    obj_character_t made;
    assert_int_equal(store->create_character(store, user, id, "Ada", AT, &made), STORE_OK);
}

int64_t
lease(store_t *store, const char *room, uint32_t items)
{
    msg_persistence_load_room_t ask = load_make(room, items);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    return loaded.epoch;
}

store_result_t
commit(store_t *store, const msg_persistence_append_t *appends, uint32_t count)
{
    store_report_t report;
    return store->commit(store, appends, count, AT, &report);
}

msg_persistence_member_loaded_t
member(store_t *store, const char *id)
{
    msg_persistence_member_loaded_t loaded;
    assert_int_equal(store->load_member(store, id, &loaded), STORE_OK);
    return loaded;
}

session_conflict_t
save_at(const subject_t *self, obj_session_row_t session, int64_t seats_max, int64_t at)
{
    msg_persistence_save_session_t save = {.session = session, .seats_max = seats_max};
    const msg_persistence_save_session_t *saves[1] = {&save};
    session_conflict_t conflict = SESSION_CONFLICT_COUNT;
    assert_int_equal(self->store->save_sessions(self->store, saves, 1, at, &conflict), STORE_OK);
    return conflict;
}

session_conflict_t
save(const subject_t *self, obj_session_row_t session)
{
    return save_at(self, session, 0, AT);
}

session_conflict_t
save_seat(const subject_t *self, obj_session_row_t session, int64_t seats_max)
{
    return save_at(self, session, seats_max, AT);
}

store_result_t
save_batch(const subject_t *self, const obj_session_row_t *sessions, uint32_t count, int64_t seats_max,
           session_conflict_t *conflicts)
{
    static msg_persistence_save_session_t copies[STORE_SESSIONS_MAX];
    const msg_persistence_save_session_t *saves[STORE_SESSIONS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = (msg_persistence_save_session_t){.session = sessions[i], .seats_max = seats_max};
        saves[i] = &copies[i];
    }
    return self->store->save_sessions(self->store, saves, count, AT, conflicts);
}

obj_session_row_t
changed(obj_session_row_t session, int64_t version, session_state_t state)
{
    session.version = version;
    session.state = state;
    return session;
}

obj_session_row_t
of_character(obj_session_row_t session, const char *character_id)
{
    snprintf(session.character_id, sizeof(session.character_id), "%s", character_id);
    return session;
}

msg_persistence_sessions_t
load_at(const subject_t *self, const char *instance, int64_t after, int64_t at)
{
    msg_persistence_sessions_t loaded;
    assert_int_equal(self->store->load_sessions(self->store, instance, after, at, &loaded), STORE_OK);
    return loaded;
}

void
expect_live(const subject_t *self, const char *instance, const char *expected)
{
    char text[1024] = "";
    size_t length = 0;
    msg_persistence_sessions_t loaded = load_at(self, instance, 0, AT);
    for (uint32_t i = 0; i < loaded.sessions_len; i++) {
        const obj_session_row_t *session = &loaded.sessions[i];
        assert_string_equal(session->instance, instance);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %d.%d %s", i == 0 ? "" : ", ",
                                   session->session_id, (int)session->number, (int)session->version,
                                   session_state_names[session->state]);
    }
    assert_string_equal(text, expected);
}

void
expect_same(const obj_session_row_t *a, const obj_session_row_t *b)
{
    assert_string_equal(a->session_id, b->session_id);
    assert_string_equal(a->instance, b->instance);
    assert_string_equal(a->character_id, b->character_id);
    assert_string_equal(a->user_id, b->user_id);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->role, b->role);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->room, b->room);
    assert_string_equal(a->holder, b->holder);
    assert_int_equal(a->connection, b->connection);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->turn, b->turn);
    assert_int_equal(a->secret_len, b->secret_len);
    assert_memory_equal(a->secret, b->secret, a->secret_len);
    assert_int_equal(a->left_ms, b->left_ms);
    assert_int_equal(a->auth_until, b->auth_until);
}
