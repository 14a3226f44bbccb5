/* Sessions on their way into the store; the tester is the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "send.h"
#include "session_saver.h"
#include "sim.h"

#define PLAZA "plaza"

enum { RETRIES = 1024 }; /* sent again in one tick */

/* What the saver stands in: it gives it its answers, and remembers what became of the last save. */
typedef struct owner {
    saver_t *saver;
    uint32_t done;
    registry_session_t session;
    saver_outcome_t outcome;
    session_conflict_t conflict;
    void *waiting;
    bool end_it; /* save it once more when it is done, as one that has ended */
} owner_t;

typedef struct world {
    sim_t *sim;
    owner_t *owner;
    act_ctx_t *ctx;
    bool dropped; /* what waited was handed out at the end */
} world_t;

static void
owner_done(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
           session_conflict_t conflict, void *waiting)
{
    owner_t *self = actor;
    self->done++;
    self->session = *session;
    self->outcome = outcome;
    self->conflict = conflict;
    self->waiting = waiting;
    if (self->end_it) {
        registry_session_t ended = *session;
        self->end_it = false;
        ended.state = SESSION_STATE_ENDED;
        ended.version++;
        saver_save(self->saver, ctx, &ended, 0, NULL);
    }
}

static bool
owner_init(void *state, act_ctx_t *ctx, const void *config)
{
    owner_t *self = state;
    (void)ctx;
    (void)config;
    self->saver = saver_new(owner_done, self);
    return true;
}

static void
owner_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    owner_t *self = state;
    if (msg->type != MSG_QUEUE_CHANGED) { /* which only makes the state */
        assert_true(saver_is_mine(msg));
        saver_answer(self->saver, ctx, msg);
    }
}

static void
owner_drop(void *waiting)
{
    *(bool *)waiting = true;
}

static void
owner_fini(void *state, act_ctx_t *ctx)
{
    (void)ctx;
    saver_destroy(&((owner_t *)state)->saver, owner_drop);
}

static const act_kind_t owner_kind = {
    .id = ACT_KIND_QUEUE,
    .name = "owner",
    .keying = ACT_KEYED,
    .state_size = sizeof(owner_t),
    .init = owner_init,
    .receive = owner_receive,
    .fini = owner_fini,
};

/* ---- helpers ---- */

static registry_session_t
row(unsigned number, int64_t version)
{
    registry_session_t session = {.state = SESSION_STATE_ACTIVE, .number = number, .version = version};
    session.secret_len = sizeof session.secret;
    snprintf(session.session_id, sizeof session.session_id, "s%u", number);
    snprintf(session.instance, sizeof session.instance, "%s", PLAZA);
    snprintf(session.character_id, sizeof session.character_id, "c%u", number);
    snprintf(session.user_id, sizeof session.user_id, "user %u", number);
    snprintf(session.name, sizeof session.name, "Name");
    return session;
}

static void
save_with(world_t *self, unsigned number, int64_t version, uint32_t seats_max, void *waiting)
{
    registry_session_t session = row(number, version);
    act_enter(self->ctx);
    saver_save(self->owner->saver, self->ctx, &session, seats_max, waiting);
    act_leave(self->ctx);
    sim_run(self->sim);
}

static void
save(world_t *self, unsigned number, int64_t version)
{
    save_with(self, number, version, 0, NULL);
}

static void
tick(world_t *self)
{
    act_enter(self->ctx);
    saver_tick(self->owner->saver, self->ctx);
    act_leave(self->ctx);
    sim_run(self->sim);
}

/* The next save that the store is asked for: of this session, in this version. Its head is all an answer needs. */
static msg_t
asked(world_t *self, unsigned number, int64_t version)
{
    const msg_t *msg = sim_take(self->sim, MSG_PERSISTENCE_SAVE_SESSION);
    assert_non_null(msg);
    const msg_persistence_save_session_t *body = msg->body;
    assert_int_equal(body->session.number, number);
    assert_int_equal(body->session.version, version);
    assert_string_equal(msg->key, PLAZA);
    return *msg;
}

static void
nothing_asked(world_t *self)
{
    assert_int_equal(sim_kept(self->sim), 0);
}

static void
store(world_t *self, const msg_t *save_msg, session_conflict_t conflict)
{
    msg_persistence_session_saved_t body = {.conflict = conflict};
    sim_reply(self->sim, save_msg, MSG_PERSISTENCE_SESSION_SAVED, &body);
}

static void
fail_it(world_t *self, const msg_t *save_msg)
{
    msg_persistence_failed_t body = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(self->sim, save_msg, MSG_PERSISTENCE_FAILED, &body);
}

static void
assert_done(world_t *self, uint32_t done, unsigned number, int64_t version, saver_outcome_t outcome)
{
    assert_int_equal(self->owner->done, done);
    assert_int_equal(self->owner->session.number, number);
    assert_int_equal(self->owner->session.version, version);
    assert_int_equal(self->owner->outcome, outcome);
}

static int
setup(void **state)
{
    world_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->sim = sim_new(7);
    sim_add(self->sim, &owner_kind, NULL);
    assert_true(sim_tell(self->sim, MSG_QUEUE_CHANGED, PLAZA, &(msg_queue_changed_t){0}));
    self->owner = sim_state(self->sim, ACT_KIND_QUEUE, PLAZA);
    self->ctx = sim_ctx(self->sim, ACT_KIND_QUEUE, PLAZA);
    *state = self;
    return 0;
}

static int
teardown(void **state)
{
    world_t *self = *state;
    sim_destroy(&self->sim);
    free(self);
    return 0;
}

/* ---- outcomes ---- */

static void
each_answer_of_the_store_is_an_outcome_and_gives_back_what_waited(void **state)
{
    world_t *self = *state;
    int waits;
    save_with(self, 1, 1, 0, &waits);
    msg_t msg = asked(self, 1, 1);
    assert_int_equal(self->owner->done, 0);
    store(self, &msg, SESSION_CONFLICT_NONE);
    assert_done(self, 1, 1, 1, SAVER_STORED);
    assert_ptr_equal(self->owner->waiting, &waits);
    static const session_conflict_t conflicts[] = {SESSION_CONFLICT_NUMBER, SESSION_CONFLICT_CHARACTER,
                                                   SESSION_CONFLICT_SEATS};
    for (unsigned i = 0; i < 3; i++) {
        save_with(self, 2 + i, 2, 0, &waits);
        msg = asked(self, 2 + i, 2);
        store(self, &msg, conflicts[i]);
        assert_done(self, 2 + i, 2 + i, 2, SAVER_CONFLICT);
        assert_int_equal(self->owner->conflict, conflicts[i]);
        assert_ptr_equal(self->owner->waiting, &waits);
    }
    save_with(self, 9, 3, 0, &waits);
    msg = asked(self, 9, 3);
    fail_it(self, &msg);
    assert_done(self, 5, 9, 3, SAVER_UNSAVED);
    assert_int_equal(self->owner->conflict, SESSION_CONFLICT_NONE);
    assert_ptr_equal(self->owner->waiting, &waits);
    tick(self);
    msg = asked(self, 9, 3);
    store(self, &msg, SESSION_CONFLICT_NONE);
    assert_done(self, 6, 9, 3, SAVER_STORED);
    assert_null(self->owner->waiting); /* it was given back */
    tick(self);
    nothing_asked(self);
}

static void
a_silent_store_or_one_that_is_full_is_tried_again_until_it_answers(void **state)
{
    world_t *self = *state;
    save_with(self, 1, 1, 17, NULL);
    asked(self, 1, 1);
    sim_advance(self->sim, SAVER_SAVE_USEC - 1);
    tick(self);
    nothing_asked(self); /* it is under way */
    assert_int_equal(self->owner->done, 0);
    sim_advance(self->sim, 1);
    assert_done(self, 1, 1, 1, SAVER_UNSAVED);
    nothing_asked(self); /* not before the tick */
    sim_set_full(self->sim, ACT_KIND_PERSISTENCE, true);
    for (uint32_t i = 0; i < 10; i++) {
        tick(self);
        sim_advance(self->sim, ACT_SEC);
        assert_done(self, 2 + i, 1, 1, SAVER_UNSAVED);
    }
    sim_set_full(self->sim, ACT_KIND_PERSISTENCE, false);
    tick(self);
    const msg_t *msg = sim_take(self->sim, MSG_PERSISTENCE_SAVE_SESSION);
    assert_non_null(msg);
    assert_int_equal(((const msg_persistence_save_session_t *)msg->body)->seats_max, 17); /* as at first */
    store(self, msg, SESSION_CONFLICT_NONE);
    assert_done(self, 12, 1, 1, SAVER_STORED);
}

static void
a_save_may_be_made_where_another_one_is_done(void **state)
{
    world_t *self = *state;
    save(self, 1, 1);
    self->owner->end_it = true;
    msg_t msg = asked(self, 1, 1);
    fail_it(self, &msg);
    msg = asked(self, 1, 2);
    tick(self);
    nothing_asked(self); /* the first one is old */
    store(self, &msg, SESSION_CONFLICT_NONE);
    assert_done(self, 2, 1, 2, SAVER_STORED);
    assert_int_equal(self->owner->session.state, SESSION_STATE_ENDED);
    tick(self);
    nothing_asked(self);
}

/* ---- the newest ---- */

static void
each_change_is_sent_at_once_and_in_order(void **state)
{
    world_t *self = *state;
    for (int64_t version = 1; version <= 5; version++) {
        save(self, 1, version);
    }
    for (int64_t version = 1; version <= 5; version++) {
        asked(self, 1, version);
    }
    nothing_asked(self);
}

static void
only_the_newest_version_is_tried_again(void **state)
{
    world_t *self = *state;
    msg_t msgs[4];
    for (int64_t version = 1; version <= 3; version++) {
        save(self, 1, version);
        msgs[version] = asked(self, 1, version);
    }
    save(self, 2, 9);
    msg_t other = asked(self, 2, 9);
    fail_it(self, &msgs[1]); /* newer ones are under way */
    fail_it(self, &msgs[3]);
    fail_it(self, &msgs[2]);
    fail_it(self, &other);
    tick(self);
    asked(self, 1, 3);
    asked(self, 2, 9);
    nothing_asked(self);
}

static void
one_that_failed_before_a_newer_one_was_stored_is_not_tried_again(void **state)
{
    world_t *self = *state;
    save(self, 1, 1);
    msg_t msg = asked(self, 1, 1);
    fail_it(self, &msg);
    save(self, 1, 2);
    msg = asked(self, 1, 2);
    store(self, &msg, SESSION_CONFLICT_NONE);
    tick(self);
    nothing_asked(self);
    assert_null(saver_newer(self->owner->saver, "s1", 0));
}

static void
the_newest_that_is_not_stored_is_known_and_only_that(void **state)
{
    world_t *self = *state;
    saver_t *saver = self->owner->saver;
    assert_null(saver_newer(saver, "s1", 0));
    save(self, 1, 5);
    msg_t first = asked(self, 1, 5);
    save(self, 1, 7);
    msg_t second = asked(self, 1, 7);
    save(self, 2, 9);
    assert_int_equal(saver_newer(saver, "s1", 4)->version, 7); /* those under way, too */
    assert_int_equal(saver_newer(saver, "s1", 6)->version, 7);
    assert_null(saver_newer(saver, "s1", 7));
    assert_int_equal(saver_newer(saver, "s2", 7)->version, 9);
    assert_null(saver_newer(saver, "s3", 0));
    store(self, &first, SESSION_CONFLICT_NONE);
    fail_it(self, &second);
    assert_int_equal(saver_newer(saver, "s1", 5)->version, 7); /* and those that wait for the tick */
    tick(self);
    asked(self, 2, 9);
    msg_t again = asked(self, 1, 7);
    store(self, &again, SESSION_CONFLICT_NONE);
    assert_null(saver_newer(saver, "s1", 0));
}

/* ---- earlier lives ---- */

static void
an_answer_to_an_earlier_use_of_its_place_means_nothing(void **state)
{
    world_t *self = *state;
    const msg_persistence_session_saved_t good = {.conflict = SESSION_CONFLICT_NONE};
    save(self, 1, 1);
    msg_t msg = asked(self, 1, 1);
    store(self, &msg, SESSION_CONFLICT_NONE);
    save(self, 2, 2); /* in the same place */
    msg = asked(self, 2, 2);
    const uint64_t strange[] = {
        (uint64_t)SAVER_CONTEXT << 56,                         /* the use before */
        (uint64_t)SAVER_CONTEXT << 56 | (uint64_t)2 << 32,     /* one to come */
        (uint64_t)SAVER_CONTEXT << 56 | (uint64_t)1 << 32 | 1, /* a place that never was */
        (uint64_t)SAVER_CONTEXT << 56 | UINT32_MAX,            /* likewise */
    };
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        msg_t answer = {.type = MSG_PERSISTENCE_SESSION_SAVED, .context = strange[i], .body = &good};
        assert_true(saver_is_mine(&answer));
        saver_answer(self->owner->saver, self->ctx, &answer);
        assert_int_equal(self->owner->done, 1);
    }
    msg_t foreign = {.type = MSG_PERSISTENCE_SESSION_SAVED, .context = (uint64_t)1 << 56, .body = &good};
    assert_false(saver_is_mine(&foreign));
    store(self, &msg, SESSION_CONFLICT_NONE);
    assert_done(self, 2, 2, 2, SAVER_STORED);
}

static void
what_still_waits_at_the_end_is_handed_out(void **state)
{
    world_t *self = *state;
    save_with(self, 1, 1, 0, &self->dropped);
    save(self, 2, 2);
    asked(self, 1, 1);
    sim_crash(self->sim, ACT_KIND_QUEUE);
    assert_true(self->dropped);
    saver_t *none = NULL;
    saver_destroy(&none, owner_drop);
}

/* ---- limits ---- */

static void
so_many_are_tried_again_in_one_tick_and_all_have_their_turn(void **state)
{
    world_t *self = *state;
    enum { MANY = 2 * RETRIES + 500 };
    static uint8_t seen[MANY];
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < MANY; i++) {
        save(self, i, 1);
        msg_t msg = asked(self, i, 1);
        fail_it(self, &msg);
    }
    for (int round = 0; round < 3; round++) {
        tick(self);
        assert_int_equal(sim_kept(self->sim), round < 2 ? RETRIES : MANY - 2 * RETRIES);
        const msg_t *msg;
        while ((msg = sim_take(self->sim, MSG_PERSISTENCE_SAVE_SESSION)) != NULL) {
            int64_t number = ((const msg_persistence_save_session_t *)msg->body)->session.number;
            assert_int_equal(seen[number]++, 0);
        }
    }
    tick(self);
    nothing_asked(self);
}

static void
more_than_can_wait_are_given_up(void **state)
{
    world_t *self = *state;
    for (unsigned i = 0; i <= SAVER_UNSAVED_MAX; i++) {
        save(self, i, 1);
        msg_t msg = asked(self, i, 1);
        fail_it(self, &msg);
    }
    assert_int_equal(self->owner->done, SAVER_UNSAVED_MAX + 1);
    char id[16];
    snprintf(id, sizeof id, "s%u", SAVER_UNSAVED_MAX);
    assert_null(saver_newer(self->owner->saver, id, 0));
    assert_non_null(saver_newer(self->owner->saver, "s0", 0));
    uint32_t again = 0;
    for (unsigned i = 0; i <= SAVER_UNSAVED_MAX / RETRIES; i++) {
        const msg_t *msg;
        tick(self);
        while ((msg = sim_take(self->sim, MSG_PERSISTENCE_SAVE_SESSION)) != NULL) {
            store(self, msg, SESSION_CONFLICT_NONE);
            again++;
        }
    }
    assert_int_equal(again, SAVER_UNSAVED_MAX);
    tick(self);
    nothing_asked(self);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(each_answer_of_the_store_is_an_outcome_and_gives_back_what_waited),
        CASE(a_silent_store_or_one_that_is_full_is_tried_again_until_it_answers),
        CASE(a_save_may_be_made_where_another_one_is_done),
        CASE(each_change_is_sent_at_once_and_in_order),
        CASE(only_the_newest_version_is_tried_again),
        CASE(one_that_failed_before_a_newer_one_was_stored_is_not_tried_again),
        CASE(the_newest_that_is_not_stored_is_known_and_only_that),
        CASE(an_answer_to_an_earlier_use_of_its_place_means_nothing),
        CASE(what_still_waits_at_the_end_is_handed_out),
        CASE(so_many_are_tried_again_in_one_tick_and_all_have_their_turn),
        CASE(more_than_can_wait_are_given_up),
    };
    return cmocka_run_group_tests_name("session_saver", tests, NULL, NULL);
}
