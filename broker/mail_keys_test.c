/* Keys on the way into a mailbox: what a process says of where a message comes from is held against the key that it
 * has proved to have. Real sockets and CURVE; no waiting but for a condition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <time.h>
#include <zmq.h>

#include "broker.h"
#include "curve_test_helpers.h"
#include "envelope.h"

enum { WAIT_SECONDS = 20, GATEWAY = 77, NOBODY_YET = 78 };

static _Atomic uint64_t pings;

static void
store_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    assert_int_equal(msg->type, MSG_PERSISTENCE_PING);
    atomic_fetch_add(&pings, 1);
}

static const act_kind_t store_like_kind = {
    .id = ACT_KIND_PERSISTENCE, .name = "persistence", .keying = ACT_SHARDED, .receive = store_receive};

/* The process under test, and what it has been told: that a process named gateway is there, with its key. */
typedef struct house {
    char *keys;
    broker_t *broker;
    broker_node_t node;
    char secret[256], endpoint[SOCKET_ENDPOINT_MAX];
} house_t;

static curve_t *
open_keys(house_t *house, void *zmq, const char *name, char secret[256])
{
    char why[256] = "";
    snprintf(secret, 256, "%s/%s" CERT_SECRET_SUFFIX, house->keys, name);
    curve_t *curve =
        curve_new(zmq, &(curve_config_t){.secret = secret, .allowed = house->keys, .tools = ""}, why, sizeof why);
    assert_string_equal(why, "");
    return curve;
}

/* What a broker would tell; in the end, that this one leaves. */
static void
tell_of_gateway(house_t *house, bool leaving)
{
    obj_node_row_t gateway = *broker_self(house->broker);
    directory_t *directory = calloc(1, sizeof *directory);
    assert_non_null(directory);
    gateway.id = GATEWAY;
    gateway.places_len = 0;
    snprintf(gateway.name, sizeof gateway.name, "gateway");
    assert_true(curve_public_of(house->node.curve, "gateway", gateway.public_key));
    directory->self = (uint32_t)broker_self(house->broker)->id;
    directory_add_row(directory, broker_self(house->broker))->leaving = leaving;
    directory_add_row(directory, &gateway);
    directory_settle(directory);
    broker_publish(house->broker, directory);
    free(directory);
}

static int
setup(void **state)
{
    static house_t house;
    static const char *const names[] = {"store", "gateway", "other"};
    char why[256] = "";
    house = (house_t){.broker = broker_new()};
    *state = &house;
    atomic_store(&pings, 0);
    assert_int_equal(folder_setup((void **)&house.keys), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(cert_make(house.keys, names[i], NULL, why, sizeof why));
    }
    house.node = (broker_node_t){.name = "store",
                                 .host = "127.0.0.1",
                                 .roles = "test",
                                 .curve = open_keys(&house, broker_zmq(house.broker), "store", house.secret)};
    broker_add(house.broker, &store_like_kind, NULL);
    assert_true(broker_start(house.broker, &(broker_options_t){.placement = "", .mailbox_max = 64, .node = &house.node},
                             why, sizeof why));
    socket_endpoint("127.0.0.1", (uint16_t)broker_self(house.broker)->places[0].port, house.endpoint,
                    sizeof house.endpoint);
    tell_of_gateway(&house, false);
    return 0;
}

static int
teardown(void **state)
{
    house_t *house = *state;
    tell_of_gateway(house, true);
    assert_true(broker_stop(house->broker));
    broker_destroy(&house->broker);
    curve_destroy(&house->node.curve);
    return folder_teardown((void **)&house->keys);
}

/* A process with that key sends a ping and says that it comes from a node; returns when it has gone. */
static void
send_ping(house_t *house, const char *name, uint32_t from)
{
    char secret[256], key[CERT_KEY_SIZE];
    uint8_t frame[512];
    const msg_persistence_ping_t ping = {0};
    const msg_t msg = {.type = MSG_PERSISTENCE_PING,
                       .from = {.node = from, .kind = ACT_KIND_GATEWAY},
                       .correlation = 1,
                       .body = &ping};
    size_t length = envelope_encode(&msg, 0, frame, sizeof frame);
    int linger = WAIT_SECONDS * 1000;
    void *zmq = zmq_ctx_new(), *push = zmq_socket(zmq, ZMQ_PUSH);
    curve_t *curve = open_keys(house, NULL, name, secret);
    assert_true(curve_public_of(curve, "store", key));
    assert_true(curve_client(curve, push, key));
    zmq_setsockopt(push, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(push, house->endpoint), 0);
    assert_int_equal(zmq_send(push, frame, length, 0), (int)length);
    zmq_close(push);
    zmq_ctx_term(zmq);
    curve_destroy(&curve);
}

static uint64_t
dropped(house_t *house)
{
    stats_row_t rows[4];
    stats_source_t stats = broker_stats(house->broker);
    assert_int_equal(stats.read(stats.self, rows, 4), 1);
    return rows[0].metrics[metric_slot(METRIC_FAR_MALFORMED, 0)];
}

/* Until so many pings have come and so many frames were dropped. */
static void
await(house_t *house, uint64_t pinged, uint64_t frames)
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        assert_true(now.tv_sec - start.tv_sec < WAIT_SECONDS);
    } while (atomic_load(&pings) < pinged || dropped(house) < frames);
    assert_int_equal(atomic_load(&pings), pinged);
    assert_int_equal(dropped(house), frames);
}

static void
a_process_is_heard_with_its_own_key(void **state)
{
    send_ping(*state, "gateway", GATEWAY);
    await(*state, 1, 0);
}

static void
an_allowed_process_that_claims_to_be_another_is_dropped_and_counted(void **state)
{
    send_ping(*state, "other", GATEWAY);
    await(*state, 0, 1);
    send_ping(*state, "gateway", GATEWAY);
    await(*state, 1, 1);
}

/* It waits for word of its sender, and is then taken as it is: nobody can answer it. */
static void
a_process_that_nobody_has_told_of_yet_may_have_any_allowed_key(void **state)
{
    send_ping(*state, "other", NOBODY_YET);
    await(*state, 1, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_process_is_heard_with_its_own_key, setup, teardown),
        cmocka_unit_test_setup_teardown(an_allowed_process_that_claims_to_be_another_is_dropped_and_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_process_that_nobody_has_told_of_yet_may_have_any_allowed_key, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
