/* The threads: kinds on one and on several talk through mailboxes and sockets alike; a bad placement is refused; a
 * stop lets what was accepted be answered. Real threads, and no waiting but for a condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "broker.h"
#include "send.h"

enum { ROUNDS = 500, STORM = 2000 };

/* What the test waits for. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers, no_answers, moves, finis;
    bool storm;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void
seen_add(int *counter)
{
    pthread_mutex_lock(&seen.lock);
    (*counter)++;
    pthread_cond_signal(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

/* The store: answers pings. */
static void
store_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    msg_persistence_pong_t pong = {.schema = 1};
    reply_persistence_pong(ctx, msg, &pong);
}

static void
count_fini(void *state, act_ctx_t *ctx)
{
    (void)state;
    (void)ctx;
    seen_add(&seen.finis);
}

static const act_kind_t store_kind = {.id = ACT_KIND_PERSISTENCE,
                                      .name = "persistence",
                                      .keying = ACT_SHARDED,
                                      .receive = store_receive,
                                      .fini = count_fini};

/* The room: counts moves. */
static void
room_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    assert_int_equal(msg->type, MSG_ROOM_MOVE);
    seen_add(&seen.moves);
}

static const act_kind_t room_like_kind = {
    .id = ACT_KIND_ROOM, .name = "room", .keying = ACT_KEYED, .receive = room_receive, .fini = count_fini};

/* The asker: one ping after the other. */
static void
asker_ask(act_ctx_t *ctx)
{
    msg_persistence_ping_t ping = {0};
    request_persistence_ping(ctx, "", &ping, 20 * ACT_SEC, 1);
}

static bool
asker_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)config;
    asker_ask(ctx);
    for (int i = 0; seen.storm && i < STORM; i++) {
        msg_room_move_t move = {.action_id = i + 1, .x = 1, .y = 2};
        char key[32];
        snprintf(key, sizeof key, "plaza/r%d", i % 7);
        assert_true(send_room_move(ctx, key, &move));
    }
    return true;
}

static void
asker_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    if (msg->type != MSG_PERSISTENCE_PONG) {
        seen_add(&seen.no_answers);
        return;
    }
    seen_add(&seen.answers);
    if (seen.answers < ROUNDS) {
        asker_ask(ctx);
    }
}

static const act_kind_t asker_kind = {.id = ACT_KIND_GATEWAY,
                                      .name = "gateway",
                                      .keying = ACT_SHARDED,
                                      .init = asker_init,
                                      .receive = asker_receive,
                                      .fini = count_fini};

/* Sends to the store, by its address, what the store does not hear. */
static bool
stray_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)config;
    act_addr_t store;
    msg_room_move_t move = {.action_id = 1, .x = 1, .y = 2};
    return act_owner(ctx, ACT_KIND_PERSISTENCE, "", &store) && !act_send_to(ctx, &store, MSG_ROOM_MOVE, &move);
}

static const act_kind_t stray_kind = {
    .id = ACT_KIND_AUTH, .name = "auth", .keying = ACT_SHARDED, .init = stray_init, .receive = store_receive};

static bool
failing_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)ctx;
    (void)config;
    return false;
}

static const act_kind_t failing_kind = {
    .id = ACT_KIND_AUTH, .name = "auth", .keying = ACT_SHARDED, .init = failing_init, .receive = store_receive};

static int
setup(void **state)
{
    (void)state;
    seen.answers = seen.no_answers = seen.moves = seen.finis = 0;
    seen.storm = false;
    return 0;
}

static void
await(const int *counter, int wanted)
{
    pthread_mutex_lock(&seen.lock);
    while (*counter < wanted) {
        pthread_cond_wait(&seen.changed, &seen.lock);
    }
    pthread_mutex_unlock(&seen.lock);
}

static broker_t *
start(const char *placement)
{
    char why[256];
    broker_t *broker = broker_new();
    broker_options_t options = {.placement = placement, .mailbox_max = 65536};
    broker_add(broker, &store_kind, NULL);
    broker_add(broker, &room_like_kind, NULL);
    broker_add(broker, &asker_kind, NULL);
    assert_true(broker_start(broker, &options, why, sizeof why));
    return broker;
}

static void
run(const char *placement)
{
    broker_t *broker = start(placement);
    await(&seen.answers, ROUNDS);
    assert_int_equal(seen.no_answers, 0);
    stats_row_t rows[16];
    stats_source_t stats = broker_stats(broker);
    assert_true(stats.read(stats.self, rows, 16) >= 3);
    assert_true(broker_stop(broker));
    broker_destroy(&broker);
    assert_null(broker);
}

static void
neighbours_on_one_thread_talk(void **state)
{
    (void)state;
    run("gateway+persistence+room");
    assert_int_equal(seen.finis, 2); /* no room was spoken to */
}

static void
kinds_on_threads_of_their_own_talk(void **state)
{
    (void)state;
    run("gateway persistence room");
}

static void
kinds_that_are_not_placed_get_a_thread(void **state)
{
    (void)state;
    run("");
}

static void
kinds_of_other_processes_are_passed_over(void **state)
{
    (void)state;
    run("metrics+auth gateway+persistence+front room");
}

static void
keys_spread_over_threads_and_each_message_comes_once(void **state)
{
    (void)state;
    seen.storm = true;
    broker_t *broker = start("gateway persistence room*3");
    await(&seen.moves, STORM);
    assert_true(broker_stop(broker));
    broker_destroy(&broker);
    assert_int_equal(seen.moves, STORM);
    assert_int_equal(seen.finis, 2 + 7);
}

static void
a_stop_handles_what_was_accepted(void **state)
{
    (void)state;
    seen.storm = true;
    broker_t *broker = start("gateway persistence room");
    assert_true(broker_stop(broker));
    assert_int_equal(seen.moves, STORM);
    broker_destroy(&broker);
}

static void
refuse(const char *placement, const char *expected)
{
    char why[256] = "";
    broker_t *broker = broker_new();
    broker_options_t options = {.placement = placement, .mailbox_max = 16};
    broker_add(broker, &store_kind, NULL);
    assert_false(broker_start(broker, &options, why, sizeof why));
    assert_non_null(strstr(why, expected));
    broker_destroy(&broker);
}

static void
a_bad_placement_is_refused_by_name(void **state)
{
    (void)state;
    refuse("persistence+dragon", "'dragon'");
    refuse("persistence persistence", "twice");
    refuse("persistence*0", "number of threads");
    refuse("persistence*x", "number of threads");
}

static void
a_kind_that_cannot_start_stops_the_start(void **state)
{
    (void)state;
    char why[256] = "";
    broker_t *broker = broker_new();
    broker_options_t options = {.placement = "", .mailbox_max = 16};
    broker_add(broker, &store_kind, NULL);
    broker_add(broker, &failing_kind, NULL);
    assert_false(broker_start(broker, &options, why, sizeof why));
    assert_non_null(strstr(why, "auth"));
    broker_destroy(&broker);
}

static void
what_an_actor_does_not_hear_does_not_reach_it(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char why[256] = "";
        broker_t *broker = broker_new();
        broker_options_t options = {.placement = i == 0 ? "auth+persistence" : "auth persistence", .mailbox_max = 16};
        broker_add(broker, &store_kind, NULL);
        broker_add(broker, &stray_kind, NULL);
        assert_true(broker_start(broker, &options, why, sizeof why));
        assert_true(broker_stop(broker));
        broker_destroy(&broker);
    }
}

static void
a_placement_says_how_many_threads_a_kind_has(void **state)
{
    (void)state;
    assert_int_equal(broker_threads_of("gateway*3 room+persistence", "gateway"), 3);
    assert_int_equal(broker_threads_of("gateway*3 room+persistence*2", "room"), 2);
    assert_int_equal(broker_threads_of("gateway room", "room"), 1);
    assert_int_equal(broker_threads_of("gateway", "room"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(neighbours_on_one_thread_talk, setup),
        cmocka_unit_test_setup(kinds_on_threads_of_their_own_talk, setup),
        cmocka_unit_test_setup(kinds_that_are_not_placed_get_a_thread, setup),
        cmocka_unit_test_setup(kinds_of_other_processes_are_passed_over, setup),
        cmocka_unit_test_setup(keys_spread_over_threads_and_each_message_comes_once, setup),
        cmocka_unit_test_setup(a_stop_handles_what_was_accepted, setup),
        cmocka_unit_test_setup(a_bad_placement_is_refused_by_name, setup),
        cmocka_unit_test_setup(a_kind_that_cannot_start_stops_the_start, setup),
        cmocka_unit_test_setup(what_an_actor_does_not_hear_does_not_reach_it, setup),
        cmocka_unit_test(a_placement_says_how_many_threads_a_kind_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
