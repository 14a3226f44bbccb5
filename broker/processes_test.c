/* Several processes, here in one: they find each other through brokers and talk over TCP; keys go where they belong and
 * move when somebody leaves; what strangers send is dropped and counted; brokers can go away. Real sockets, and no
 * waiting but for a condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "envelope.h"
#include "hub.h"
#include "node.h"
#include "send.h"

enum { ROUNDS = 200, MOVES = 500, KEYS = 20, WAIT_SECONDS = 20 };

/* What the tests wait for. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int answers, refusals, moves, rooms, retired, registered, refused;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void
seen_add(int *counter, int n)
{
    pthread_mutex_lock(&seen.lock);
    *counter += n;
    pthread_cond_signal(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static int
seen_now(const int *counter)
{
    pthread_mutex_lock(&seen.lock);
    int now = *counter;
    pthread_mutex_unlock(&seen.lock);
    return now;
}

static void
await(const int *counter, int wanted)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&seen.lock);
    while (*counter < wanted) {
        assert_int_equal(pthread_cond_timedwait(&seen.changed, &seen.lock, &until), 0);
    }
    pthread_mutex_unlock(&seen.lock);
}

/* ---- kinds ---- */

/* The store: answers pings. */
static void
store_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    msg_persistence_pong_t pong = {.schema = 1};
    reply_persistence_pong(ctx, msg, &pong);
}

static const act_kind_t store_kind = {
    .id = ACT_KIND_PERSISTENCE, .name = "persistence", .keying = ACT_SHARDED, .receive = store_receive};

/* The room: counts moves, and lets go of what is not its own. */
static bool
room_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)ctx;
    (void)config;
    seen_add(&seen.rooms, 1);
    return true;
}

static void
room_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    assert_int_equal(msg->type, MSG_ROOM_MOVE);
    seen_add(&seen.moves, 1);
}

static void
room_view(void *state, act_ctx_t *ctx)
{
    (void)state;
    if (!act_owns(ctx)) {
        seen_add(&seen.retired, 1);
        act_retire(ctx);
    }
}

static const act_kind_t room_like_kind = {.id = ACT_KIND_ROOM,
                                          .name = "room",
                                          .keying = ACT_KEYED,
                                          .init = room_init,
                                          .receive = room_receive,
                                          .view = room_view};

/* The gateway: when it sees a store it pings it, one ping after the other; when it sees enough rooms it moves. */
typedef struct asker_config {
    int rounds, moves;
    uint32_t nodes; /* that must be there first */
} asker_config_t;

typedef struct asker {
    const asker_config_t *config;
    int answers;
    bool asking, moved;
} asker_t;

static void
asker_ask(act_ctx_t *ctx)
{
    msg_persistence_ping_t ping = {0};
    request_persistence_ping(ctx, "", &ping, 20 * ACT_SEC, 1);
}

/* How many processes own one of the keys. */
static uint32_t
asker_owners(act_ctx_t *ctx)
{
    uint32_t owners[KEYS], count = 0;
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        act_addr_t to;
        snprintf(key, sizeof key, "plaza/r%d", i);
        if (act_owner(ctx, ACT_KIND_ROOM, key, &to)) {
            uint32_t at = 0;
            while (at < count && owners[at] != to.node) {
                at++;
            }
            owners[at] = to.node;
            count += at == count;
        }
    }
    return count;
}

static void
asker_view(void *state, act_ctx_t *ctx)
{
    asker_t *self = state;
    act_addr_t to;
    if (!self->asking && self->config->rounds > 0 && act_owner(ctx, ACT_KIND_PERSISTENCE, "", &to)) {
        assert_true(act_reaches(ctx, &to));
        self->asking = true;
        asker_ask(ctx);
    }
    if (!self->moved && self->config->moves > 0 && asker_owners(ctx) >= self->config->nodes) {
        self->moved = true;
        for (int i = 0; i < self->config->moves; i++) {
            msg_room_move_t move = {.action_id = i + 1, .x = 1, .y = 2};
            char key[32];
            snprintf(key, sizeof key, "plaza/r%d", i % KEYS);
            assert_true(send_room_move(ctx, key, &move));
        }
    }
}

static bool
asker_init(void *state, act_ctx_t *ctx, const void *config)
{
    ((asker_t *)state)->config = config;
    asker_view(state, ctx); /* what was there before is no change */
    return true;
}

static void
asker_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    asker_t *self = state;
    if (msg->type != MSG_PERSISTENCE_PONG) {
        seen_add(&seen.refusals, 1);
        return;
    }
    seen_add(&seen.answers, 1);
    if (++self->answers < self->config->rounds) {
        asker_ask(ctx);
    }
}

static const act_kind_t asker_kind = {.id = ACT_KIND_GATEWAY,
                                      .name = "gateway",
                                      .keying = ACT_SHARDED,
                                      .state_size = sizeof(asker_t),
                                      .init = asker_init,
                                      .view = asker_view,
                                      .receive = asker_receive};

/* ---- processes ---- */

typedef struct process {
    broker_t *broker;
    hub_config_t hub;
    node_config_t node;
    node_broker_t brokers[2];
    uint32_t brokers_count;
    broker_node_t self;
    bool registered;
    asker_config_t asker;
} process_t;

static void
process_on_bound(void *me, const char *where)
{
    process_t *self = me;
    snprintf(self->brokers[self->brokers_count++].endpoint, SOCKET_ENDPOINT_MAX, "%s", where);
}

static void
process_on_changed(void *me, bool registered)
{
    process_t *self = me;
    if (registered && !self->registered) {
        self->registered = true;
        seen_add(&seen.registered, 1);
    }
}

static void
process_on_refused(void *me, const char *why)
{
    (void)me;
    assert_non_null(strstr(why, "newer"));
    seen_add(&seen.refused, 1);
}

/* What of a process is not as usual. */
static size_t mailbox_max = 65536;
static const char *placement = "broker+node";

/* A process of some kinds; without brokers of others it has its own. Waits until it is registered. */
static process_t *
process_start(const char *name, const process_t *other, const act_kind_t *kind, const asker_config_t *asker)
{
    char why[256] = "";
    process_t *self = calloc(1, sizeof *self);
    self->broker = broker_new();
    self->hub = (hub_config_t){
        .broker = self->broker, .endpoint = "tcp://127.0.0.1:*", .bound = process_on_bound, .self = self};
    self->node = (node_config_t){.broker = self->broker,
                                 .brokers = self->brokers,
                                 .brokers_count = &self->brokers_count,
                                 .changed = process_on_changed,
                                 .refused = process_on_refused,
                                 .self = self};
    self->self = (broker_node_t){.name = name, .host = "127.0.0.1", .roles = "test"};
    if (asker != NULL) {
        self->asker = *asker;
    }
    if (other == NULL) {
        broker_add(self->broker, &hub_kind, &self->hub);
    } else {
        memcpy(self->brokers, other->brokers, sizeof self->brokers);
        self->brokers_count = other->brokers_count;
    }
    broker_add(self->broker, &node_kind, &self->node);
    if (kind != NULL) {
        broker_add(self->broker, kind, &self->asker);
    }
    broker_options_t options = {.placement = placement, .mailbox_max = mailbox_max, .node = &self->self};
    int before = seen_now(&seen.registered);
    assert_true(broker_start(self->broker, &options, why, sizeof why));
    await(&seen.registered, before + 1);
    return self;
}

static void
process_stop(process_t **self_p)
{
    assert_true(broker_stop((*self_p)->broker));
    broker_destroy(&(*self_p)->broker);
    free(*self_p);
    *self_p = NULL;
}

/* The TCP port of a process's mailbox. */
static int
process_port(const process_t *self, const char *kind)
{
    const obj_node_row_t *row = broker_self(self->broker);
    for (uint32_t i = 0; i < row->places_len; i++) {
        if (strcmp(row->places[i].kind, kind) == 0) {
            return (int)row->places[i].port;
        }
    }
    return 0;
}

static uint64_t
process_metric(const process_t *self, const char *kind, metric_id_t metric)
{
    stats_row_t rows[16];
    stats_source_t stats = broker_stats(self->broker);
    size_t count = stats.read(stats.self, rows, 16);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].kind, kind) == 0) {
            return rows[i].metrics[metric_slot(metric, 0)];
        }
    }
    return 0;
}

static int
setup(void **state)
{
    (void)state;
    mailbox_max = 65536;
    placement = "broker+node";
    seen.answers = seen.refusals = seen.moves = seen.rooms = seen.retired = seen.registered = seen.refused = 0;
    return 0;
}

/* ---- tests ---- */

static void
processes_find_each_other_and_talk(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *gateway =
        process_start("gateway", broker, &asker_kind, &(asker_config_t){.rounds = ROUNDS}); /* it waits */
    process_t *store = process_start("store", broker, &store_kind, NULL);
    await(&seen.answers, ROUNDS);
    assert_int_equal(seen_now(&seen.refusals), 0);
    assert_true(process_metric(gateway, "gateway", METRIC_FAR_SENT) >= ROUNDS);
    process_stop(&gateway);
    process_stop(&store);
    process_stop(&broker);
}

static void
keys_are_shared_out_and_move_when_a_process_leaves(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *one = process_start("one", broker, &room_like_kind, NULL);
    process_t *two = process_start("two", broker, &room_like_kind, NULL);
    process_t *gateway = process_start("gateway", broker, &asker_kind, &(asker_config_t){.moves = MOVES, .nodes = 2});
    await(&seen.moves, MOVES);
    assert_int_equal(seen_now(&seen.rooms), KEYS); /* each key in one place */
    process_stop(&two);
    assert_in_range(seen_now(&seen.retired), 1, KEYS - 1); /* it let go of its own before it ended */
    seen_add(&seen.moves, -MOVES);
    process_t *late = process_start("late", broker, &asker_kind, &(asker_config_t){.moves = MOVES, .nodes = 1});
    await(&seen.moves, MOVES);
    process_stop(&late);
    process_stop(&gateway);
    process_stop(&one);
    process_stop(&broker);
}

static void
what_works_goes_on_when_the_broker_ends(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *store = process_start("store", broker, &store_kind, NULL);
    process_t *gateway = process_start("gateway", broker, &asker_kind, &(asker_config_t){.rounds = INT32_MAX});
    await(&seen.answers, ROUNDS);
    process_stop(&broker);
    await(&seen.answers, seen_now(&seen.answers) + ROUNDS);
    assert_int_equal(seen_now(&seen.refusals), 0);
    process_stop(&gateway);
    process_stop(&store);
}

static void
a_new_life_of_a_process_ends_the_old_one(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *old = process_start("store", broker, &store_kind, NULL);
    process_t *new = process_start("store", broker, &store_kind, NULL);
    await(&seen.refused, 1);
    process_t *gateway = process_start("gateway", broker, &asker_kind, &(asker_config_t){.rounds = ROUNDS});
    await(&seen.answers, ROUNDS);
    process_stop(&gateway);
    process_stop(&old);
    process_stop(&new);
    process_stop(&broker);
}

/* Sends frames of which the last is refused (that one of several is empty), and waits for that, so that none is left on
 * its way. */
static void
offend_last(process_t *victim, const char *kind, int port, const void *bytes, size_t length, int count,
            uint64_t *refused)
{
    char endpoint[64];
    int linger = 5000;
    void *zmq = zmq_ctx_new(), *push = zmq_socket(zmq, ZMQ_PUSH);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    zmq_setsockopt(push, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(push, endpoint), 0);
    for (int i = 1; i < count; i++) {
        assert_int_equal(zmq_send(push, bytes, length, 0), (int)length);
    }
    size_t last_length = count > 1 ? 0 : length;
    assert_int_equal(zmq_send(push, bytes, last_length, 0), (int)last_length);
    zmq_close(push);
    zmq_ctx_term(zmq);
    (*refused)++;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        assert_true(now.tv_sec - start.tv_sec < WAIT_SECONDS);
    } while (process_metric(victim, kind, METRIC_FAR_MALFORMED) < *refused);
}

static void
offend(process_t *victim, const char *kind, int port, const void *bytes, size_t length, uint64_t *refused)
{
    offend_last(victim, kind, port, bytes, length, 1, refused);
}

/* The same, of a message that is well formed. */
static void
offend_with(process_t *victim, const char *kind, const msg_t *msg, uint64_t *refused)
{
    uint8_t frame[1024];
    size_t length = envelope_encode(msg, 0, frame, sizeof frame);
    assert_true(length > 0);
    offend(victim, kind, process_port(victim, kind), frame, length, refused);
}

static void
answers_to_nothing_are_dropped_and_counted(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *gateway = process_start("gateway", broker, &asker_kind, &(asker_config_t){0});
    uint64_t refused = 0;
    const act_addr_t from = {.node = 7, .kind = ACT_KIND_PERSISTENCE};
    const msg_act_no_answer_t none = {.code = ERROR_TIMEOUT};
    offend_with(gateway, "gateway", &(msg_t){.type = MSG_ACT_NO_ANSWER, .from = from, .body = &none}, &refused);
    const msg_persistence_pong_t pong = {.schema = 1};
    offend_with(gateway, "gateway", &(msg_t){.type = MSG_PERSISTENCE_PONG, .from = from, .body = &pong}, &refused);
    process_stop(&gateway);
    process_stop(&broker);
    assert_int_equal(seen.refusals + seen.answers, 0);
}

static void
what_says_that_it_comes_from_the_process_it_is_sent_to_is_dropped_and_counted(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *room = process_start("room", broker, &room_like_kind, NULL);
    uint64_t refused = 0;
    const msg_room_move_t move = {.connection = 1, .member = 99, .action_id = 1, .x = 1, .y = 1};
    const act_addr_t here = {.node = (uint32_t)broker_self(room->broker)->id, .kind = ACT_KIND_NODE};
    offend_with(room, "room", &(msg_t){.type = MSG_ROOM_MOVE, .from = here, .key = "plaza/main", .body = &move},
                &refused);
    process_stop(&room);
    process_stop(&broker);
    assert_int_equal(seen.rooms + seen.moves, 0);
}

/* Moves of a process that nobody has told of, and then a frame that is refused. */
static void
move_early(process_t *room, int count)
{
    uint8_t frame[1024];
    uint64_t refused = 0;
    const msg_room_move_t move = {.connection = 1, .member = 99, .action_id = 1, .x = 1, .y = 1};
    const act_addr_t from = {.node = 7, .kind = ACT_KIND_GATEWAY};
    const msg_t msg = {.type = MSG_ROOM_MOVE, .from = from, .key = "plaza/main", .body = &move};
    size_t length = envelope_encode(&msg, 0, frame, sizeof frame);
    assert_true(length > 0);
    offend_last(room, "room", process_port(room, "room"), frame, length, count + 1, &refused);
}

static void
early_frames_wait_for_room_in_the_mailbox_too(void **state)
{
    (void)state;
    mailbox_max = 8;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *room = process_start("room", broker, &room_like_kind, NULL);
    move_early(room, 100);
    await(&seen.moves, 100); /* when nobody has told of their sender for a second */
    process_stop(&room);
    process_stop(&broker);
}

static void
a_stop_handles_what_has_come_from_other_processes_early_frames_too(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *room = process_start("room", broker, &room_like_kind, NULL);
    move_early(room, 100);
    process_stop(&room);
    assert_int_equal(seen.moves, 100);
    process_stop(&broker);
}

static void
a_broker_starts_before_the_node_that_needs_it_wherever_they_are_placed(void **state)
{
    (void)state;
    const char *placements[] = {"node+broker", "node broker"};
    for (int i = 0; i < 2; i++) {
        placement = placements[i];
        process_t *broker = process_start("broker", NULL, NULL, NULL);
        process_stop(&broker);
    }
}

static void
what_strangers_send_is_dropped_and_counted(void **state)
{
    (void)state;
    process_t *broker = process_start("broker", NULL, NULL, NULL);
    process_t *store = process_start("store", broker, &store_kind, NULL);
    int port = process_port(store, "persistence");
    uint64_t refused = 0, told = 0;
    offend(store, "persistence", port, "", 0, &refused);
    offend(store, "persistence", port, "garbage", 7, &refused);
    offend(store, "persistence", port,
           "\x97\xa9room.peek\xa0\xa0\x00\x00\xc4\x10"
           "0123456789abcdef\x80",
           33, &refused);                        /* good, but not for this actor */
    int node_port = process_port(store, "node"); /* only its own sockets tell it who is there */
    offend(store, "node", node_port,
           "\x97\xa9node.gone\xa0\xa0\x00\x00\xc4\x10"
           "0123456789abcdef\x80",
           33, &told);
    uint8_t *large = calloc(1, 1 << 20);
    offend(store, "persistence", port, large, 1 << 20, &refused);
    free(large);
    process_t *gateway = process_start("gateway", broker, &asker_kind, &(asker_config_t){.rounds = ROUNDS});
    await(&seen.answers, ROUNDS);
    process_stop(&gateway);
    process_stop(&store);
    process_stop(&broker);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(processes_find_each_other_and_talk, setup),
        cmocka_unit_test_setup(keys_are_shared_out_and_move_when_a_process_leaves, setup),
        cmocka_unit_test_setup(what_works_goes_on_when_the_broker_ends, setup),
        cmocka_unit_test_setup(a_new_life_of_a_process_ends_the_old_one, setup),
        cmocka_unit_test_setup(answers_to_nothing_are_dropped_and_counted, setup),
        cmocka_unit_test_setup(what_says_that_it_comes_from_the_process_it_is_sent_to_is_dropped_and_counted, setup),
        cmocka_unit_test_setup(early_frames_wait_for_room_in_the_mailbox_too, setup),
        cmocka_unit_test_setup(a_stop_handles_what_has_come_from_other_processes_early_frames_too, setup),
        cmocka_unit_test_setup(a_broker_starts_before_the_node_that_needs_it_wherever_they_are_placed, setup),
        cmocka_unit_test_setup(what_strangers_send_is_dropped_and_counted, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
