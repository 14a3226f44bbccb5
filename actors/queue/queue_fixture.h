/*
 * queue_fixture -- the queue in the simulator, and its tester in the place of admission, the store and the gateways.
 *
 * What admission would do is done to the registry directly. Session 7 is "s7", of "user 7" and character "c7"; the
 * first secret of it is its number in 43 digits.
 */
#ifndef PLAYHOUSE_QUEUE_FIXTURE_H
#define PLAYHOUSE_QUEUE_FIXTURE_H

#include "queue.h"
#include "registry_test_helpers.h"

typedef struct fixture {
    sim_t *sim;
    registry_t *registry;
    queue_config_t config;
    uint64_t asked;             /* contexts used so far */
    registry_session_t session; /* of the last operation on the registry */
    msg_queue_attached_t attached;
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

/* Nothing has come but the measured pace. */
static inline void
nothing_else(fixture_t *f)
{
    forget(f, MSG_ADMISSION_PACE);
    none(f, MSG_NONE);
}

/* ---- the store ---- */

/* It has this session now. */
static inline void
saved(fixture_t *f, const msg_t *msg)
{
    sim_reply(f->sim, msg, MSG_PERSISTENCE_SESSION_SAVED, &(msg_persistence_session_saved_t){0});
}

/* Answers whatever it is asked; how often that was. */
static inline uint32_t
serve(fixture_t *f)
{
    uint32_t count = 0;
    const msg_t *msg;
    while ((msg = sim_take(f->sim, MSG_PERSISTENCE_SAVE_SESSION)) != NULL) {
        saved(f, msg);
        count++;
    }
    return count;
}

/* Seconds in which the store answers. */
static inline void
pass(fixture_t *f, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        sim_advance(f->sim, ACT_SEC);
        serve(f);
    }
}

/* ---- the registry ---- */

static inline void
first_secret(unsigned number, secret_t secret)
{
    snprintf(secret, sizeof(secret_t), "%043u", number);
}

static inline registry_result_t
claim_on(fixture_t *f, const char *instance, unsigned number)
{
    registry_session_t ended;
    secret_t secret;
    f->session = (registry_session_t){.secret_len = SECRET_HASH_SIZE};
    snprintf(f->session.session_id, sizeof f->session.session_id, "s%u", number);
    snprintf(f->session.instance, sizeof f->session.instance, "%s", instance);
    snprintf(f->session.character_id, sizeof f->session.character_id, "c%u", number);
    snprintf(f->session.user_id, sizeof f->session.user_id, "user %u", number);
    snprintf(f->session.name, sizeof f->session.name, "Name");
    first_secret(number, secret);
    secret_hash(secret, f->session.secret);
    return f->registry->claim(f->registry, sim_now(f->sim), &f->session, &ended, &f->config.limits);
}

static inline void
seat(fixture_t *f, unsigned number)
{
    assert_int_equal(claim_on(f, PLAZA, number), REGISTRY_OK);
}

static inline void
changed(fixture_t *f, int64_t number)
{
    msg_queue_changed_t body = {.number = number};
    assert_true(sim_tell(f->sim, MSG_QUEUE_CHANGED, PLAZA, &body));
}

/* One who waits, and the queue hears so. */
static inline void
line_up(fixture_t *f, unsigned number)
{
    assert_int_equal(claim_on(f, PLAZA, number), REGISTRY_QUEUED);
    changed(f, f->session.number);
}

/* The session is over, in the registry. */
static inline void
end(fixture_t *f, unsigned number)
{
    session_state_t was;
    char id[16];
    snprintf(id, sizeof id, "s%u", number);
    assert_int_equal(f->registry->leave(f->registry, sim_now(f->sim), PLAZA, id, REGISTRY_ANY_TURN, &f->session, &was),
                     REGISTRY_OK);
}

static inline registry_result_t
find(fixture_t *f, unsigned number)
{
    uint32_t place;
    char id[16];
    snprintf(id, sizeof id, "s%u", number);
    return f->registry->find_session(f->registry, sim_now(f->sim), PLAZA, id, &f->session, &place);
}

static inline void
assert_state(fixture_t *f, unsigned number, session_state_t state)
{
    assert_int_equal(find(f, number), REGISTRY_OK);
    assert_string_equal(session_state_names[f->session.state], session_state_names[state]);
}

/* A connection shows this secret to join. */
static inline registry_result_t
enter(fixture_t *f, const char *secret, const char *holder, int64_t connection)
{
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE] = {7};
    registry_session_t before;
    secret_hash(secret, shown);
    return f->registry->enter(f->registry, sim_now(f->sim), PLAZA, shown, next, holder, connection, &f->session,
                              &before);
}

static inline void
open_instance(fixture_t *f, const char *instance)
{
    const registry_switches_t switches = {0};
    assert_int_equal(f->registry->restore_begin(f->registry, sim_now(f->sim), instance, 0, &switches), REGISTRY_OK);
    assert_int_equal(f->registry->restore_end(f->registry, sim_now(f->sim), instance), REGISTRY_OK);
}

/* ---- what is asked of the queue ---- */

static inline void
ask_attach(fixture_t *f, const char *secret, int64_t connection)
{
    msg_queue_attach_t body = {.connection = connection, .holder = "g1"};
    snprintf(body.secret, sizeof body.secret, "%s", secret);
    assert_true(sim_ask(f->sim, MSG_QUEUE_ATTACH, PLAZA, &body, ASK_USEC, ++f->asked));
}

/* Watches; connection = number. In f->attached. */
static inline void
attach(fixture_t *f, unsigned number)
{
    secret_t secret;
    first_secret(number, secret);
    ask_attach(f, secret, number);
    serve(f);
    f->attached = *(const msg_queue_attached_t *)take(f, MSG_QUEUE_ATTACHED)->body;
}

/* Lines up and watches; what it is told first is dropped. */
static inline void
watch(fixture_t *f, unsigned number)
{
    line_up(f, number);
    attach(f, number);
    take(f, MSG_GATEWAY_QUEUE_POSITION);
}

static inline void
attach_refused(fixture_t *f, const char *secret, secret_fault_t fault)
{
    ask_attach(f, secret, 99);
    const msg_queue_refused_t *refused = take(f, MSG_QUEUE_REFUSED)->body;
    assert_string_equal(secret_fault_names[refused->fault], secret_fault_names[fault]);
}

static inline void
detach(fixture_t *f, const char *session_id, int64_t turn)
{
    msg_queue_detach_t body = {.turn = turn};
    snprintf(body.session_id, sizeof body.session_id, "%s", session_id);
    assert_true(sim_tell(f->sim, MSG_QUEUE_DETACH, PLAZA, &body));
}

static inline void
ask_locate(fixture_t *f, unsigned user, unsigned character)
{
    msg_queue_locate_t body;
    snprintf(body.user_id, sizeof body.user_id, "user %u", user);
    snprintf(body.character_id, sizeof body.character_id, "c%u", character);
    assert_true(sim_ask(f->sim, MSG_QUEUE_LOCATE, PLAZA, &body, ASK_USEC, ++f->asked));
}

static inline msg_queue_standing_t
locate(fixture_t *f, unsigned number)
{
    ask_locate(f, number, number);
    return *(const msg_queue_standing_t *)take(f, MSG_QUEUE_STANDING)->body;
}

/* eta -1: none. */
static inline void
assert_told(fixture_t *f, int64_t connection, int64_t position, int64_t depth, int64_t eta_seconds)
{
    const msg_gateway_queue_position_t *body = take(f, MSG_GATEWAY_QUEUE_POSITION)->body;
    assert_int_equal(body->connection, connection);
    assert_int_equal(body->position, position);
    assert_int_equal(body->depth, depth);
    assert_int_equal(body->has_eta_seconds ? body->eta_seconds : -1, eta_seconds);
}

static inline void
assert_admitted(fixture_t *f, int64_t connection)
{
    const msg_gateway_admitted_t *body = take(f, MSG_GATEWAY_ADMITTED)->body;
    assert_int_equal(body->connection, connection);
    assert_int_equal(body->seconds, OFFER_SEC);
}

/* ---- set up ---- */

/* An empty registry with two instances, one seat each; nobody runs the queue yet. */
static inline fixture_t *
fixture_bare(void)
{
    fixture_t *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->sim = sim_new(7);
    f->registry = registry_memory_new();
    f->config = (queue_config_t){
        .registry = f->registry, .instances = fixture_instances, .limits = fixture_limits(1, 1000, 1000)};
    open_instance(f, PLAZA);
    open_instance(f, "arena");
    return f;
}

static inline int
fixture_setup(void **state)
{
    fixture_t *f = fixture_bare();
    sim_add(f->sim, &queue_kind, &f->config);
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
