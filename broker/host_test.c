/* What act.h promises, kept by host.c in the simulator: requests, deadlines, timers, failure, retirement. The kinds
 * here borrow messages of real ones; what they do with them is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "send.h"
#include "sim.h"

/* ---- a kind per room key that counts, asks and fails on demand ---- */

typedef struct counter {
    int64_t messages, flushed, expired[ACT_TIMERS_CAP];
    msg_t asker;
    bool asked;
} counter_t;

static struct {
    int inits, finis, late;
    bool init_fails;
} counter_seen;

static bool
counter_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)ctx;
    (void)config;
    counter_seen.inits++;
    return !counter_seen.init_fails;
}

static void
counter_fini(void *state, act_ctx_t *ctx)
{
    (void)state;
    (void)ctx;
    counter_seen.finis++;
}

/* room.peek asks the store (and answers when it has), room.resync fails, room.leave retires, room.move starts the
 * timer of its number (actionId) for its x in milliseconds. */
static void
counter_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    counter_t *self = state;
    self->messages++;
    if (msg->type == MSG_ROOM_PEEK) {
        msg_persistence_ping_t ping = {0};
        self->asker = *msg;
        self->asked = true;
        request_persistence_ping(ctx, act_key(ctx), &ping, 2 * ACT_SEC, 77);
    } else if (msg->type == MSG_PERSISTENCE_PONG || msg->type == MSG_ACT_NO_ANSWER) {
        assert_int_equal(msg->context, 77);
        msg_room_peeked_t answer = {.members = msg->type == MSG_PERSISTENCE_PONG ? 1 : 0, .pending = self->messages};
        if (msg->type == MSG_ACT_NO_ANSWER) {
            answer.items = ((const msg_act_no_answer_t *)msg->body)->code;
        }
        reply_room_peeked(ctx, &self->asker, &answer);
    } else if (msg->type == MSG_ROOM_RESYNC) {
        act_fail(ctx, "the test says so");
    } else if (msg->type == MSG_ROOM_LEAVE) {
        act_retire(ctx);
    } else if (msg->type == MSG_ROOM_MOVE) {
        const msg_room_move_t *move = msg->body;
        act_timer_start(ctx, (int)move->action_id, (act_usec_t)move->x * ACT_MSEC);
    }
}

static void
counter_expire(void *state, act_ctx_t *ctx, int timer)
{
    ((counter_t *)state)->expired[timer] = act_now(ctx);
}

static void
counter_flush(void *state, act_ctx_t *ctx)
{
    (void)ctx;
    ((counter_t *)state)->flushed++;
}

static void
counter_late(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    (void)msg;
    counter_seen.late++;
}

static const act_kind_t counter_kind = {
    .id = ACT_KIND_ROOM,
    .name = "counter",
    .keying = ACT_KEYED,
    .state_size = sizeof(counter_t),
    .init = counter_init,
    .receive = counter_receive,
    .expire = counter_expire,
    .flush = counter_flush,
    .late = counter_late,
    .fini = counter_fini,
};

static int
setup(void **state)
{
    memset(&counter_seen, 0, sizeof counter_seen);
    sim_t *sim = sim_new(7);
    sim_add(sim, &counter_kind, NULL);
    *state = sim;
    return 0;
}

static int
teardown(void **state)
{
    sim_t *sim = *state;
    sim_destroy(&sim);
    assert_int_equal(counter_seen.inits, counter_seen.finis);
    return 0;
}

static void
peek(sim_t *sim, const char *key)
{
    msg_room_peek_t body = {0};
    assert_true(sim_ask(sim, MSG_ROOM_PEEK, key, &body, 10 * ACT_SEC, 5));
}

static void
tell(sim_t *sim, msg_type_t type, const char *key)
{
    union {
        msg_room_leave_t leave;
        msg_room_resync_t resync;
    } body = {0};
    assert_true(sim_tell(sim, type, key, &body));
}

static void
start_timer(sim_t *sim, int timer, int msec)
{
    msg_room_move_t body = {.action_id = timer, .x = msec};
    assert_true(sim_tell(sim, MSG_ROOM_MOVE, "a/b", &body));
}

static error_code_t
no_answer_code(sim_t *sim)
{
    const msg_t *answer = sim_take(sim, MSG_ROOM_PEEKED);
    assert_non_null(answer);
    const msg_room_peeked_t *body = answer->body;
    assert_int_equal(body->members, 0);
    return (error_code_t)body->items;
}

/* ---- tests ---- */

static void
each_key_has_a_state_of_its_own(void **state)
{
    sim_t *sim = *state;
    start_timer(sim, 0, 1);
    peek(sim, "a/b");
    peek(sim, "a/c");
    assert_int_equal(((counter_t *)sim_state(sim, ACT_KIND_ROOM, "a/b"))->messages, 2);
    assert_int_equal(((counter_t *)sim_state(sim, ACT_KIND_ROOM, "a/c"))->messages, 1);
    assert_null(sim_state(sim, ACT_KIND_ROOM, "a/d"));
}

static void
an_answer_comes_back_with_its_context_and_trace(void **state)
{
    sim_t *sim = *state;
    peek(sim, "a/b");
    const msg_t *ping = sim_take(sim, MSG_PERSISTENCE_PING);
    assert_non_null(ping);
    assert_string_equal(ping->from.key, "a/b");
    act_trace_t trace = ping->trace;
    msg_persistence_pong_t pong = {0};
    sim_reply(sim, ping, MSG_PERSISTENCE_PONG, &pong);
    const msg_t *answer = sim_take(sim, MSG_ROOM_PEEKED);
    assert_non_null(answer);
    assert_int_equal(answer->context, 5);
    assert_memory_equal(&answer->trace, &trace, sizeof trace);
    assert_int_equal(((const msg_room_peeked_t *)answer->body)->members, 1);
}

static void
a_request_without_answer_times_out_once_and_its_late_answer_is_late(void **state)
{
    sim_t *sim = *state;
    peek(sim, "a/b");
    sim_advance(sim, 2 * ACT_SEC - 1);
    assert_null(sim_take(sim, MSG_ROOM_PEEKED));
    sim_advance(sim, 1);
    assert_int_equal(no_answer_code(sim), ERROR_TIMEOUT);
    const msg_t *ping = sim_take(sim, MSG_PERSISTENCE_PING);
    assert_non_null(ping);
    msg_persistence_pong_t pong = {0};
    sim_reply(sim, ping, MSG_PERSISTENCE_PONG, &pong);
    assert_null(sim_take(sim, MSG_ROOM_PEEKED));
    assert_int_equal(counter_seen.late, 1);
    assert_int_equal(sim_metric(sim, METRIC_LATE_ANSWERS, 0), 1);
}

static void
a_repeated_answer_is_late_too(void **state)
{
    sim_t *sim = *state;
    peek(sim, "a/b");
    const msg_t *ping = sim_take(sim, MSG_PERSISTENCE_PING);
    msg_persistence_pong_t pong = {0};
    sim_reply(sim, ping, MSG_PERSISTENCE_PONG, &pong);
    sim_reply(sim, ping, MSG_PERSISTENCE_PONG, &pong);
    assert_int_equal(counter_seen.late, 1);
    assert_non_null(sim_take(sim, MSG_ROOM_PEEKED));
    assert_null(sim_take(sim, MSG_ROOM_PEEKED));
}

static void
a_full_mailbox_is_an_answer(void **state)
{
    sim_t *sim = *state;
    sim_set_full(sim, ACT_KIND_PERSISTENCE, true);
    peek(sim, "a/b");
    assert_int_equal(no_answer_code(sim), ERROR_OVERLOADED);
}

static void
the_deadline_of_the_asker_cuts_what_is_asked_for_it(void **state)
{
    sim_t *sim = *state;
    msg_room_peek_t body = {0};
    assert_true(sim_ask(sim, MSG_ROOM_PEEK, "a/b", &body, ACT_SEC, 1));
    const msg_t *ping = sim_take(sim, MSG_PERSISTENCE_PING);
    assert_int_equal(ping->deadline, sim_now(sim) + ACT_SEC);
    sim_advance(sim, ACT_SEC);
    assert_int_equal(no_answer_code(sim), ERROR_TIMEOUT);
}

static void
a_request_past_its_deadline_is_not_handled(void **state)
{
    sim_t *sim = *state;
    sim_faults_t slow = {.delay_ppm = 1000000, .delay_max = 1};
    sim_set_faults(sim, &slow);
    msg_room_peek_t body = {0};
    for (int i = 0; i < 20; i++) { /* a delay of 0 or 1 us against a deadline of 1 us: some are late */
        assert_true(sim_ask(sim, MSG_ROOM_PEEK, "a/b", &body, 1, 1));
        sim_advance(sim, ACT_SEC);
    }
    counter_t *counter = sim_state(sim, ACT_KIND_ROOM, "a/b");
    assert_non_null(counter);
    assert_true(counter->messages < 40);
}

static void
timers_expire_at_their_time_and_can_be_moved(void **state)
{
    sim_t *sim = *state;
    act_usec_t start = sim_now(sim);
    start_timer(sim, 0, 30);
    start_timer(sim, 1, 10);
    start_timer(sim, 2, 20);
    start_timer(sim, 2, 40);
    counter_t *counter = sim_state(sim, ACT_KIND_ROOM, "a/b");
    sim_advance(sim, 35 * ACT_MSEC);
    assert_int_equal(counter->expired[1], start + 10 * ACT_MSEC);
    assert_int_equal(counter->expired[0], start + 30 * ACT_MSEC);
    assert_int_equal(counter->expired[2], 0);
    sim_advance(sim, 5 * ACT_MSEC);
    assert_int_equal(counter->expired[2], start + 40 * ACT_MSEC);
}

static void
flush_follows_a_batch_once(void **state)
{
    sim_t *sim = *state;
    sim_faults_t twice = {.duplicate_ppm = 1000000};
    sim_set_faults(sim, &twice);
    start_timer(sim, 0, 30); /* the tester's own posts are not duplicated: one message, one flush */
    counter_t *counter = sim_state(sim, ACT_KIND_ROOM, "a/b");
    assert_int_equal(counter->messages, 1);
    assert_int_equal(counter->flushed, 1);
}

static void
a_failed_state_refuses_then_is_made_anew(void **state)
{
    sim_t *sim = *state;
    tell(sim, MSG_ROOM_RESYNC, "a/b");
    assert_null(sim_state(sim, ACT_KIND_ROOM, "a/b"));
    msg_room_peek_t body = {0};
    assert_true(sim_ask(sim, MSG_ROOM_PEEK, "a/b", &body, ACT_SEC, 9));
    const msg_t *refused = sim_take(sim, MSG_ACT_NO_ANSWER);
    assert_non_null(refused);
    assert_int_equal(((const msg_act_no_answer_t *)refused->body)->code, ERROR_UNAVAILABLE);
    sim_advance(sim, 100 * ACT_MSEC);
    peek(sim, "a/b");
    assert_non_null(sim_state(sim, ACT_KIND_ROOM, "a/b"));
    assert_non_null(sim_take(sim, MSG_PERSISTENCE_PING));
}

static void
an_init_that_fails_is_tried_again_with_back_off(void **state)
{
    sim_t *sim = *state;
    counter_seen.init_fails = true;
    msg_room_peek_t body = {0};
    assert_true(sim_ask(sim, MSG_ROOM_PEEK, "a/b", &body, ACT_SEC, 9));
    assert_int_equal(counter_seen.inits, 1);
    assert_non_null(sim_take(sim, MSG_ACT_NO_ANSWER));
    assert_true(sim_ask(sim, MSG_ROOM_PEEK, "a/b", &body, ACT_SEC, 9));
    assert_int_equal(counter_seen.inits, 1);
    counter_seen.init_fails = false;
    sim_advance(sim, 100 * ACT_MSEC);
    peek(sim, "a/b");
    assert_int_equal(counter_seen.inits, 2);
}

static void
a_retired_state_is_gone_and_comes_back_at_need(void **state)
{
    sim_t *sim = *state;
    start_timer(sim, 0, 30);
    tell(sim, MSG_ROOM_LEAVE, "a/b");
    assert_null(sim_state(sim, ACT_KIND_ROOM, "a/b"));
    sim_advance(sim, ACT_SEC); /* its timer went with it */
    start_timer(sim, 0, 30);
    assert_int_equal(((counter_t *)sim_state(sim, ACT_KIND_ROOM, "a/b"))->messages, 1);
}

static void
a_state_that_waits_for_an_answer_is_not_retired(void **state)
{
    sim_t *sim = *state;
    peek(sim, "a/b");
    tell(sim, MSG_ROOM_LEAVE, "a/b");
    assert_non_null(sim_state(sim, ACT_KIND_ROOM, "a/b"));
}

static void
a_crash_forgets_everything_and_tells_nobody(void **state)
{
    sim_t *sim = *state;
    peek(sim, "a/b");
    sim_crash(sim, ACT_KIND_ROOM);
    assert_null(sim_state(sim, ACT_KIND_ROOM, "a/b"));
    sim_advance(sim, 10 * ACT_SEC);
    assert_null(sim_take(sim, MSG_ROOM_PEEKED));
}

static void
the_same_seed_draws_the_same(void **state)
{
    (void)state;
    sim_t *one = sim_new(42), *other = sim_new(42), *third = sim_new(43);
    uint64_t a = sim_random(one), b = sim_random(other), c = sim_random(third);
    assert_int_equal(a, b);
    assert_int_not_equal(a, c);
    sim_destroy(&one);
    sim_destroy(&other);
    sim_destroy(&third);
}

/* ---- who is there, with an environment of the test's own ---- */

enum { NEAR_NODE = 1, FAR_NODE = 2, OTHER_NODE = 3 };

typedef struct town {
    act_usec_t now;
    uint32_t asked; /* the process that runs the store */
    bool far_gone;
    msg_room_peeked_t peeked;
    int answers;
    uint64_t ping; /* what the last question to the store has for a number */
} town_t;

static act_usec_t
town_now(void *self)
{
    return ((town_t *)self)->now;
}

static bool
town_owner(void *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    *to = (act_addr_t){.node = ((town_t *)self)->asked, .kind = (uint8_t)kind};
    snprintf(to->key, sizeof to->key, "%s", key);
    return true;
}

static bool
town_reaches(void *self, uint32_t node)
{
    return node != FAR_NODE || !((town_t *)self)->far_gone;
}

static bool
town_route(void *me, const act_addr_t *to, const msg_t *msg)
{
    town_t *self = me;
    (void)to;
    if (msg->type == MSG_ROOM_PEEKED) {
        self->peeked = *(const msg_room_peeked_t *)msg->body;
        self->answers++;
    } else if (msg->type == MSG_PERSISTENCE_PING) {
        self->ping = msg->correlation;
    }
    return true;
}

/* An answer to that question, or what says so. */
static void
town_answer(host_t *host, const town_t *town, uint32_t node, msg_type_t type)
{
    const union {
        msg_persistence_pong_t pong;
        msg_persistence_character_t character;
        msg_act_no_answer_t none;
    } body = {0};
    msg_t answer = {.type = type, .from = {.node = node}, .correlation = town->ping, .body = &body};
    snprintf(answer.key, sizeof answer.key, "plaza/main");
    assert_true(host_push(host, &answer));
    host_turn(host);
}

static void
town_peek(host_t *host)
{
    const msg_room_peek_t body = {0};
    msg_t peek = {.type = MSG_ROOM_PEEK, .correlation = 5, .body = &body};
    snprintf(peek.key, sizeof peek.key, "plaza/main");
    assert_true(host_push(host, &peek));
    host_turn(host);
}

static void
what_was_asked_of_a_process_that_is_gone_ends_unavailable_at_once(void **state)
{
    (void)state;
    town_t town = {.now = ACT_SEC, .asked = FAR_NODE};
    const host_env_t env = {
        .self = &town, .now = town_now, .owner = town_owner, .reaches = town_reaches, .route = town_route};
    host_t host;
    host_init(&host, &counter_kind, NULL, &env, NEAR_NODE, 0, 16, 7);
    town_peek(&host);
    host_view(&host); /* something else has changed */
    host_turn(&host);
    assert_int_equal(town.answers, 0);
    town.asked = NEAR_NODE;
    town_peek(&host); /* the store is elsewhere now, and nothing is wrong with what is asked there */
    town.far_gone = true;
    host_view(&host);
    host_turn(&host);
    assert_int_equal(town.answers, 1);
    assert_int_equal(town.peeked.items, ERROR_UNAVAILABLE);
    town.now += 2 * ACT_SEC;
    host_turn(&host);
    assert_int_equal(town.answers, 2);
    assert_int_equal(town.peeked.items, ERROR_TIMEOUT);
    host_fini(&host);
}

static void
only_who_was_asked_may_answer_and_only_as_the_schema_says(void **state)
{
    (void)state;
    town_t town = {.now = ACT_SEC, .asked = FAR_NODE};
    const host_env_t env = {
        .self = &town, .now = town_now, .owner = town_owner, .reaches = town_reaches, .route = town_route};
    host_t host;
    host_init(&host, &counter_kind, NULL, &env, NEAR_NODE, 0, 16, 7);
    town_peek(&host);
    town_answer(&host, &town, OTHER_NODE, MSG_PERSISTENCE_PONG);
    town_answer(&host, &town, OTHER_NODE, MSG_ACT_NO_ANSWER);
    town_answer(&host, &town, NEAR_NODE, MSG_ACT_NO_ANSWER);
    town_answer(&host, &town, FAR_NODE, MSG_PERSISTENCE_CHARACTER);
    assert_int_equal(town.answers, 0);
    assert_int_equal(host.metrics[metric_slot(METRIC_FAR_MALFORMED, 0)], 4);
    town_answer(&host, &town, FAR_NODE, MSG_PERSISTENCE_PONG); /* the question still stands */
    assert_int_equal(town.answers, 1);
    assert_int_equal(town.peeked.members, 1);
    town_peek(&host);
    town.now += 2 * ACT_SEC;
    host_turn(&host); /* its own word that nobody has answered does come through */
    assert_int_equal(town.answers, 2);
    assert_int_equal(town.peeked.items, ERROR_TIMEOUT);
    host_fini(&host);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(each_key_has_a_state_of_its_own),
        CASE(an_answer_comes_back_with_its_context_and_trace),
        CASE(a_request_without_answer_times_out_once_and_its_late_answer_is_late),
        CASE(a_repeated_answer_is_late_too),
        CASE(a_full_mailbox_is_an_answer),
        CASE(the_deadline_of_the_asker_cuts_what_is_asked_for_it),
        CASE(a_request_past_its_deadline_is_not_handled),
        CASE(timers_expire_at_their_time_and_can_be_moved),
        CASE(flush_follows_a_batch_once),
        CASE(a_failed_state_refuses_then_is_made_anew),
        CASE(an_init_that_fails_is_tried_again_with_back_off),
        CASE(a_retired_state_is_gone_and_comes_back_at_need),
        CASE(a_state_that_waits_for_an_answer_is_not_retired),
        CASE(a_crash_forgets_everything_and_tells_nobody),
        cmocka_unit_test(the_same_seed_draws_the_same),
        CASE(only_who_was_asked_may_answer_and_only_as_the_schema_says),
        CASE(what_was_asked_of_a_process_that_is_gone_ends_unavailable_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
