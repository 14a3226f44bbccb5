/*
 * admission_fixture -- admission in the simulator, and its tester in the place of the store, the queue and the
 * gateways.
 *
 * User 7 is "user 7", has character "c7" and connects with session id "s7" from an address of its own. The store here
 * keeps what it is told; `serve` answers what it was asked so far, a test may answer in its place.
 */
#ifndef PLAYHOUSE_ADMISSION_FIXTURE_H
#define PLAYHOUSE_ADMISSION_FIXTURE_H

#include "admission_state.h"
#include "registry_test_helpers.h"

enum { LOCK_SEC = 60, CONNECT_USEC = 10 * ACT_SEC, STORE_ROWS_MAX = 128 };

typedef struct fixture {
    sim_t *sim;
    registry_t *registry;
    admission_config_t config;
    uint64_t asked; /* contexts used so far */
    /* the store */
    registry_session_t rows[STORE_ROWS_MAX]; /* by number */
    uint32_t rows_count;
    int64_t number; /* the highest ever */
    obj_instance_switches_t switches;
    session_conflict_t conflict; /* of the next save_session */
    const char *beating[3];      /* gateways that `pass` lets beat; NULL at the end */
    bool reconnect;              /* secrets are shown as reconnect tokens, not as tickets */
    /* what came last */
    msg_admission_connected_t connected;
    msg_admission_entered_t entered;
} fixture_t;

/* ---- messages to the tester ---- */

static inline const msg_t *
take(fixture_t *f, msg_type_t type)
{
    return sim_expect(f->sim, type);
}

static inline void
none(fixture_t *f, msg_type_t type)
{
    sim_expect_none(f->sim, type);
}

static inline uint32_t
forget(fixture_t *f, msg_type_t type)
{
    return sim_forget(f->sim, type);
}

static inline void
assert_end(fixture_t *f, int64_t connection, close_code_t close)
{
    sim_expect_end(f->sim, connection, close);
}

/* Drops what most tests do not look at, and nothing else has come. */
static inline void
nothing_else(fixture_t *f)
{
    forget(f, MSG_QUEUE_CHANGED);
    forget(f, MSG_QUEUE_FORGET);
    forget(f, MSG_GATEWAY_NOTICE);
    forget(f, MSG_GATEWAY_REPORT);
    none(f, MSG_NONE);
}

/* ---- the store ---- */

static inline registry_session_t *
stored(fixture_t *f, const char *session_id)
{
    for (uint32_t i = 0; i < f->rows_count; i++) {
        if (strcmp(f->rows[i].session_id, session_id) == 0) {
            return &f->rows[i];
        }
    }
    return NULL;
}

static inline void
store_keep(fixture_t *f, const registry_session_t *session)
{
    registry_session_t *row = stored(f, session->session_id);
    if (row == NULL) {
        assert_in_range(f->rows_count, 0, STORE_ROWS_MAX - 1);
        row = &f->rows[f->rows_count++];
        *row = *session;
    } else if (row->version < session->version) {
        *row = *session;
    }
    f->number = session->number > f->number ? session->number : f->number;
}

/* The one that was asked for, or the user's own. */
static inline void
store_find(fixture_t *f, const msg_t *msg, bool suspended)
{
    const msg_persistence_find_character_t *find = msg->body;
    msg_persistence_character_t body = {.character = {.active = true, .suspended = suspended}};
    snprintf(body.character.id, sizeof body.character.id, "%s", find->character_id);
    if (!find->has_character_id) {
        snprintf(body.character.id, sizeof body.character.id, "c%lu", strtoul(find->user_id + 5, NULL, 10));
    }
    snprintf(body.character.name, sizeof body.character.name, "Name of %s", body.character.id);
    sim_reply(f->sim, msg, MSG_PERSISTENCE_CHARACTER, &body);
}

static inline void
store_save(fixture_t *f, const msg_t *msg)
{
    const msg_persistence_save_session_t *save = msg->body;
    msg_persistence_session_saved_t body = {.conflict = f->conflict};
    if (f->conflict == SESSION_CONFLICT_NONE) {
        store_keep(f, &save->session);
    }
    f->conflict = SESSION_CONFLICT_NONE;
    sim_reply(f->sim, msg, MSG_PERSISTENCE_SESSION_SAVED, &body);
}

static inline void
store_load_sessions(fixture_t *f, const msg_t *msg)
{
    const msg_persistence_load_sessions_t *load = msg->body;
    msg_persistence_sessions_t *body = calloc(1, sizeof *body);
    assert_non_null(body);
    body->number = f->number;
    for (uint32_t i = 0; i < f->rows_count && body->sessions_len < 16; i++) {
        const registry_session_t *row = &f->rows[i];
        if (row->number > load->after && row->state != SESSION_STATE_ENDED && strcmp(row->instance, PLAZA) == 0) {
            body->sessions[body->sessions_len++] = *row;
        }
    }
    sim_reply(f->sim, msg, MSG_PERSISTENCE_SESSIONS, body);
    free(body);
}

static inline void
store_load_instance(fixture_t *f, const msg_t *msg)
{
    msg_persistence_instance_t body = {.switches = f->switches};
    sim_reply(f->sim, msg, MSG_PERSISTENCE_INSTANCE, &body);
}

static inline void
store_save_instance(fixture_t *f, const msg_t *msg)
{
    f->switches = ((const msg_persistence_save_instance_t *)msg->body)->switches;
    store_load_instance(f, msg);
}

/* Answers whatever the store is asked, until it is asked no more. */
static inline void
serve(fixture_t *f)
{
    for (bool any = true; any;) {
        const msg_t *msg;
        any = false;
        while ((msg = sim_take(f->sim, MSG_PERSISTENCE_SAVE_SESSION)) != NULL) {
            store_save(f, msg);
            any = true;
        }
        while ((msg = sim_take(f->sim, MSG_PERSISTENCE_SAVE_INSTANCE)) != NULL) {
            store_save_instance(f, msg);
            any = true;
        }
        while ((msg = sim_take(f->sim, MSG_PERSISTENCE_LOAD_INSTANCE)) != NULL) {
            store_load_instance(f, msg);
            any = true;
        }
        while ((msg = sim_take(f->sim, MSG_PERSISTENCE_LOAD_SESSIONS)) != NULL) {
            store_load_sessions(f, msg);
            any = true;
        }
        while ((msg = sim_take(f->sim, MSG_PERSISTENCE_FIND_CHARACTER)) != NULL) {
            store_find(f, msg, false);
            any = true;
        }
    }
}

static inline void
store_fails(fixture_t *f, msg_type_t asked, store_fault_t fault)
{
    msg_persistence_failed_t body = {.fault = fault};
    sim_reply(f->sim, take(f, asked), MSG_PERSISTENCE_FAILED, &body);
}

/* ---- time and gateways ---- */

static inline void
beat(fixture_t *f, const char *holder)
{
    msg_admission_beat_t body;
    snprintf(body.holder, sizeof body.holder, "%s", holder);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_BEAT, PLAZA, &body));
}

/* In steps of at most a second; gateways beat, the store answers. */
static inline void
pass(fixture_t *f, act_usec_t by)
{
    while (by > 0) {
        act_usec_t step = by < ACT_SEC ? by : ACT_SEC;
        for (const char **holder = f->beating; *holder != NULL; holder++) {
            beat(f, *holder);
        }
        sim_advance(f->sim, step);
        serve(f);
        by -= step;
    }
}

/* ---- what is asked of admission ---- */

static inline msg_admission_connect_t
connect_body(unsigned number)
{
    msg_admission_connect_t body = {.role = ROLE_PLAYER, .build = "b1"};
    snprintf(body.session_id, sizeof body.session_id, "s%u", number);
    snprintf(body.user_id, sizeof body.user_id, "user %u", number);
    snprintf(body.address, sizeof body.address, "192.0.2.%u", number);
    return body;
}

static inline void
ask_connect(fixture_t *f, const msg_admission_connect_t *body)
{
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, body, CONNECT_USEC, ++f->asked));
}

/* The answer that is there; in f->connected, too. */
static inline msg_admission_connected_t
connected(fixture_t *f)
{
    f->connected = *(const msg_admission_connected_t *)take(f, MSG_ADMISSION_CONNECTED)->body;
    return f->connected;
}

static inline msg_admission_connected_t
connect_with(fixture_t *f, const msg_admission_connect_t *body)
{
    ask_connect(f, body);
    serve(f);
    return connected(f);
}

static inline void
admit(fixture_t *f, unsigned number, secret_t ticket)
{
    msg_admission_connect_t body = connect_body(number);
    assert_string_equal(outcome_names[connect_with(f, &body).outcome], outcome_names[OUTCOME_ADMITTED]);
    memcpy(ticket, f->connected.ticket, sizeof(secret_t));
}

static inline void
queue_up(fixture_t *f, unsigned number, secret_t token)
{
    msg_admission_connect_t body = connect_body(number);
    assert_string_equal(outcome_names[connect_with(f, &body).outcome], outcome_names[OUTCOME_QUEUED]);
    memcpy(token, f->connected.reconnect_token, sizeof(secret_t));
}

static inline void
assert_refused(fixture_t *f, reason_t reason, int64_t retry_seconds)
{
    msg_admission_connected_t body = connected(f);
    assert_int_equal(body.outcome, reason == REASON_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED);
    assert_true(body.has_reason);
    assert_string_equal(reason_names[body.reason], reason_names[reason]);
    assert_false(body.has_ticket || body.has_reconnect_token || body.has_position || body.has_session_id);
    assert_int_equal(body.has_retry_after_seconds, retry_seconds > 0);
    assert_int_equal(body.retry_after_seconds, retry_seconds);
}

static inline void
ask_enter(fixture_t *f, const char *secret, const char *holder, int64_t connection)
{
    msg_admission_enter_t body = {.connection = connection,
                                  .reconnect = strcmp(secret, f->entered.reconnect_token) == 0};
    snprintf(body.secret, sizeof body.secret, "%s", secret);
    snprintf(body.holder, sizeof body.holder, "%s", holder);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_ENTER, PLAZA, &body, ASK_USEC, ++f->asked));
}

/* *entered is f->entered. */
static inline const msg_admission_entered_t *
enter(fixture_t *f, const char *secret, const char *holder, int64_t connection)
{
    ask_enter(f, secret, holder, connection);
    serve(f);
    f->entered = *(const msg_admission_entered_t *)take(f, MSG_ADMISSION_ENTERED)->body;
    return &f->entered;
}

static inline void
enter_refused(fixture_t *f, const char *secret, secret_fault_t fault)
{
    ask_enter(f, secret, "g1", 99);
    serve(f);
    const msg_admission_refused_t *refused = take(f, MSG_ADMISSION_REFUSED)->body;
    assert_string_equal(secret_fault_names[refused->fault], secret_fault_names[fault]);
}

/* Admitted and entered: a session that plays, held by `holder`, connection = number. Its token is in f->entered. */
static inline void
play(fixture_t *f, unsigned number, const char *holder)
{
    secret_t ticket;
    admit(f, number, ticket);
    enter(f, ticket, holder, number);
}

static inline void
leave(fixture_t *f, const char *session_id, int64_t turn)
{
    msg_admission_leave_t body = {.turn = turn};
    snprintf(body.session_id, sizeof body.session_id, "%s", session_id);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_LEAVE, PLAZA, &body));
}

static inline void
refreshed(fixture_t *f, const char *session_id, int64_t turn, int64_t auth_until)
{
    msg_admission_refreshed_t body = {.turn = turn, .auth_until = auth_until};
    snprintf(body.session_id, sizeof body.session_id, "%s", session_id);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_REFRESHED, PLAZA, &body));
}

static inline void
muted(fixture_t *f, const char *character_id, int64_t muted_until)
{
    msg_admission_muted_t body = {.muted_until = muted_until};
    snprintf(body.character_id, sizeof body.character_id, "%s", character_id);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_MUTED, PLAZA, &body));
}

/* What a room was told: that this character is muted. */
static inline void
assert_muted(fixture_t *f, const char *room, const char *character_id, int64_t muted_until)
{
    const msg_t *msg = take(f, MSG_ROOM_MUTE);
    const msg_room_mute_t *body = msg->body;
    assert_string_equal(msg->key, room);
    assert_string_equal(body->character_id, character_id);
    assert_true(body->muted_until == muted_until);
}

static inline void
drop(fixture_t *f, const char *session_id, int64_t turn)
{
    msg_admission_drop_t body = {.turn = turn};
    snprintf(body.session_id, sizeof body.session_id, "%s", session_id);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_DROP, PLAZA, &body));
}

/* Whether something was ended by this kick or end. */
static inline bool
ended(fixture_t *f)
{
    return ((const msg_admission_ended_t *)take(f, MSG_ADMISSION_ENDED)->body)->ended;
}

static inline void
assert_declined(fixture_t *f, error_code_t code)
{
    const msg_admission_declined_t *body = take(f, MSG_ADMISSION_DECLINED)->body;
    assert_string_equal(error_names[body->code], error_names[code]);
}

/* ---- what there is ---- */

static inline obj_instance_info_t
inspect(fixture_t *f)
{
    assert_true(sim_ask(f->sim, MSG_ADMISSION_INSPECT, PLAZA, &(msg_admission_inspect_t){0}, ASK_USEC, ++f->asked));
    return ((const msg_admission_instance_t *)take(f, MSG_ADMISSION_INSTANCE)->body)->instance;
}

#define assert_seats(f, connecting, active, grace, waiting)                                                            \
    assert_seats_at((f), (connecting), (active), (grace), (waiting), __FILE__, __LINE__)
static inline void
assert_seats_at(fixture_t *f, uint32_t connecting, uint32_t active, uint32_t grace, uint32_t waiting, const char *file,
                int line)
{
    registry_count_t count = {0};
    _assert_int_equal(f->registry->count(f->registry, sim_now(f->sim), PLAZA, &count), REGISTRY_OK, file, line);
    _assert_int_equal(count.connecting, connecting, file, line);
    _assert_int_equal(count.active, active, file, line);
    _assert_int_equal(count.grace, grace, file, line);
    _assert_int_equal(count.waiting, waiting, file, line);
}

/* What the store has of this session. */
static inline void
assert_stored(fixture_t *f, const char *session_id, session_state_t state)
{
    const registry_session_t *row = stored(f, session_id);
    assert_non_null(row);
    assert_string_equal(session_state_names[row->state], session_state_names[state]);
}

static inline uint64_t
count_of(fixture_t *f, metric_id_t metric, uint32_t label)
{
    return sim_metric(f->sim, metric, label);
}

/* ---- set up ---- */

/* Nobody runs admission yet. */
static inline fixture_t *
fixture_bare(registry_t *registry)
{
    fixture_t *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->sim = sim_new(7);
    f->registry = registry;
    f->config = (admission_config_t){
        .registry = registry,
        .instances = fixture_instances,
        .build = "b1",
        .replacement = true,
        .limits = fixture_limits(3, 2, 3),
        .attempts = {.user_max = 5, .address_max = 8, .window_msec = 60000, .lock_msec = LOCK_SEC * 1000},
    };
    f->beating[0] = "g1";
    f->beating[1] = "g2";
    return f;
}

/* Not asked anything yet. */
static inline fixture_t *
fixture_new(registry_t *registry)
{
    fixture_t *f = fixture_bare(registry);
    sim_add(f->sim, &admission_kind, &f->config);
    return f;
}

/* A memory registry, and admission has told it that the store has nothing; gateways g1 and g2 are known. */
static inline int
fixture_setup(void **state)
{
    fixture_t *f = fixture_new(registry_memory_new());
    beat(f, "g1");
    beat(f, "g2");
    serve(f);
    nothing_else(f);
    *state = f;
    return 0;
}

static inline int
fixture_teardown(void **state)
{
    fixture_t *f = *state;
    sim_destroy(&f->sim);
    registry_destroy(&f->registry);
    free(f);
    return 0;
}

#endif
