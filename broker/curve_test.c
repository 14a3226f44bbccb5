/*
 * CURVE over real sockets: who is allowed gets in, everybody else does not, and lists that change are heeded by who
 * runs. No waiting but for a condition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zmq.h>

#include "curve.h"
#include "curve_test_helpers.h"
#include "log.h"

enum { WAIT_MSEC = 20000 };

static char why[512];

/* A process with a PULL socket, in the folder `keys`, and the folder of tools beside it. */
typedef struct house {
    char *keys;
    char tools[64], endpoint[64];
    void *zmq, *pull, *monitor;
    curve_t *curve;
    cert_t room, other, ops; /* two processes and a tool; their secrets are in `keys` */
} house_t;

static curve_t *
open_keys(const house_t *house, void *zmq, const char *name)
{
    const curve_config_t config = {
        .secret = folder_file(house->keys, name), .allowed = house->keys, .tools = house->tools};
    return curve_new(zmq, &config, why, sizeof why);
}

static void
make(const char *folder, const char *name, cert_t *cert)
{
    assert_true(cert_make(folder, name, cert, why, sizeof why));
}

/* A bound socket with a monitor of its handshakes. */
static void
serve(house_t *house, void *zmq, curve_t *curve, curve_domain_t domain)
{
    static int served;
    char handshakes[64];
    int wait = WAIT_MSEC, linger = 0;
    size_t size = sizeof house->endpoint;
    snprintf(handshakes, sizeof handshakes, "inproc://handshakes-%d", served++);
    house->pull = zmq_socket(zmq, ZMQ_PULL);
    zmq_setsockopt(house->pull, ZMQ_RCVTIMEO, &wait, sizeof wait);
    curve_server(curve, house->pull, domain);
    assert_int_equal(zmq_socket_monitor(house->pull, handshakes,
                                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH),
                     0);
    house->monitor = zmq_socket(zmq, ZMQ_PAIR);
    zmq_setsockopt(house->monitor, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(house->monitor, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(house->monitor, handshakes), 0);
    assert_int_equal(zmq_bind(house->pull, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(house->pull, ZMQ_LAST_ENDPOINT, house->endpoint, &size), 0);
}

static void
unserve(house_t *house)
{
    zmq_socket_monitor(house->pull, NULL, 0);
    zmq_close(house->monitor);
    zmq_close(house->pull);
}

static int
setup(void **state)
{
    static house_t house;
    house = (house_t){.zmq = zmq_ctx_new()};
    *state = &house;
    if (folder_setup((void **)&house.keys) != 0) {
        return -1;
    }
    snprintf(house.tools, sizeof house.tools, "%s-tools", house.keys);
    if (mkdir(house.tools, 0700) != 0) {
        return -1;
    }
    make(house.keys, "house", NULL);
    make(house.keys, "room", &house.room);
    make(house.keys, "other", &house.other);
    make(house.keys, "ops", &house.ops);
    if (rename(folder_file(house.keys, "ops.key"), folder_file(house.tools, "ops.key")) != 0) {
        return -1;
    }
    house.curve = open_keys(&house, house.zmq, "house.key_secret");
    assert_non_null(house.curve);
    serve(&house, house.zmq, house.curve, CURVE_PROCESSES);
    return 0;
}

static int
teardown(void **state)
{
    house_t *house = *state;
    unserve(house);
    curve_destroy(&house->curve);
    zmq_ctx_term(house->zmq);
    folder_empty(house->tools);
    return rmdir(house->tools) | folder_teardown((void **)&house->keys);
}

/* Whoever connects: a context of its own, as another process has. */
typedef struct visitor {
    void *zmq, *push;
    curve_t *curve;
} visitor_t;

static visitor_t
visit(const house_t *house, const char *secret, const char *server_key)
{
    int linger = 0;
    visitor_t self = {.zmq = zmq_ctx_new()};
    self.push = zmq_socket(self.zmq, ZMQ_PUSH);
    zmq_setsockopt(self.push, ZMQ_LINGER, &linger, sizeof linger);
    if (secret != NULL) {
        self.curve = open_keys(house, NULL, secret);
        assert_non_null(self.curve);
        assert_true(curve_client(self.curve, self.push, server_key));
    }
    assert_int_equal(zmq_connect(self.push, house->endpoint), 0);
    return self;
}

static void
say(visitor_t *self, const char *text)
{
    assert_int_equal(zmq_send(self->push, text, strlen(text), 0), strlen(text));
}

static void
leave(visitor_t *self)
{
    zmq_close(self->push);
    curve_destroy(&self->curve);
    zmq_ctx_term(self->zmq);
}

/* The next frame is this one, from the owner of that key. */
static void
hear(house_t *house, const char *text, const char *key, bool admitted)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    assert_int_equal(zmq_msg_recv(&frame, house->pull, 0), strlen(text));
    assert_memory_equal(zmq_msg_data(&frame), text, strlen(text));
    assert_string_equal(curve_sender(&frame), key);
    assert_int_equal(curve_admits(house->curve, CURVE_PROCESSES, &frame), admitted);
    zmq_msg_close(&frame);
}

static void
hear_nothing(house_t *house)
{
    char byte;
    assert_int_equal(zmq_recv(house->pull, &byte, 1, ZMQ_DONTWAIT), -1);
}

/* A handshake with the house has failed. */
static void
hear_failure(house_t *house)
{
    char frame[64];
    assert_true(zmq_recv(house->monitor, frame, sizeof frame, 0) > 0);
    assert_true(zmq_recv(house->monitor, frame, sizeof frame, 0) >= 0);
}

static curve_counts_t
count(const house_t *house)
{
    curve_counts_t counts;
    curve_count(house->curve, &counts);
    return counts;
}

static void
who_is_allowed_gets_in_and_is_known_by_its_key(void **state)
{
    house_t *house = *state;
    visitor_t visitor = visit(house, "room.key_secret", curve_public(house->curve));
    say(&visitor, "hello");
    hear(house, "hello", house->room.public_key, true);
    assert_int_equal(count(house).allowed[CURVE_PROCESSES], 1);
    leave(&visitor);
    visitor = visit(house, "house.key_secret", curve_public(house->curve)); /* itself needs no certificate there */
    say(&visitor, "me");
    hear(house, "me", curve_public(house->curve), true);
    leave(&visitor);
}

static void
who_is_not_allowed_stays_out_until_its_certificate_is_added(void **state)
{
    house_t *house = *state;
    cert_t late;
    make(house->tools, "late", &late); /* never seen among the processes before its time */
    assert_int_equal(rename(folder_file(house->tools, "late.key_secret"), folder_file(house->keys, "late.key_secret")),
                     0);
    visitor_t visitor = visit(house, "late.key_secret", curve_public(house->curve));
    say(&visitor, "hello");
    hear_failure(house);
    hear_nothing(house);
    assert_true(count(house).refused[CURVE_PROCESSES] > 0);
    assert_int_equal(count(house).allowed[CURVE_PROCESSES], 0);
    assert_int_equal(rename(folder_file(house->tools, "late.key"), folder_file(house->keys, "late.key")), 0);
    hear(house, "hello", late.public_key, true); /* over the same socket, which has tried again */
    leave(&visitor);
}

static void
a_tool_is_no_process_and_a_process_is_no_tool(void **state)
{
    house_t *house = *state;
    visitor_t visitor = visit(house, "ops.key_secret", curve_public(house->curve));
    say(&visitor, "hello");
    hear_failure(house);
    assert_true(count(house).refused[CURVE_PROCESSES] > 0);
    hear_nothing(house);
    leave(&visitor);
    unserve(house);
    serve(house, house->zmq, house->curve, CURVE_TOOLS);
    visitor = visit(house, "room.key_secret", curve_public(house->curve));
    say(&visitor, "hello");
    hear_failure(house);
    assert_int_equal(count(house).refused[CURVE_TOOLS], 1); /* a tool is told, and does not try again */
    hear_nothing(house);
    leave(&visitor);
    visitor = visit(house, "ops.key_secret", curve_public(house->curve));
    say(&visitor, "ask");
    char text[4] = "";
    assert_int_equal(zmq_recv(house->pull, text, 3, 0), 3);
    assert_string_equal(text, "ask");
    leave(&visitor);
}

static void
without_keys_or_with_the_wrong_one_nobody_gets_in(void **state)
{
    house_t *house = *state;
    visitor_t plain = visit(house, NULL, NULL);
    say(&plain, "hello");
    hear_failure(house);
    visitor_t wrong = visit(house, "room.key_secret", house->other.public_key);
    say(&wrong, "hello");
    hear_failure(house);
    hear_nothing(house);
    assert_int_equal(count(house).allowed[CURVE_PROCESSES], 0);
    leave(&plain);
    leave(&wrong);
}

static void
a_context_without_the_handler_lets_nobody_in(void **state)
{
    house_t *house = *state;
    void *zmq = zmq_ctx_new();
    house_t unguarded = *house;
    serve(&unguarded, zmq, house->curve, CURVE_PROCESSES);
    visitor_t visitor = visit(&unguarded, "room.key_secret", curve_public(house->curve));
    say(&visitor, "hello");
    hear_failure(&unguarded);
    hear_nothing(&unguarded);
    leave(&visitor);
    unserve(&unguarded);
    zmq_ctx_term(zmq);
}

static void
a_key_that_is_removed_is_not_heard_any_more_over_what_lives(void **state)
{
    house_t *house = *state;
    visitor_t visitor = visit(house, "room.key_secret", curve_public(house->curve));
    visitor_t second = visit(house, "other.key_secret", curve_public(house->curve));
    say(&visitor, "before");
    hear(house, "before", house->room.public_key, true);
    assert_int_equal(unlink(folder_file(house->keys, "room.key")), 0);
    bool admitted = true;
    for (int i = 0; i < 1000000 && admitted; i++) { /* until the handler has looked */
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        say(&visitor, "more");
        assert_int_equal(zmq_msg_recv(&frame, house->pull, 0), 4);
        admitted = curve_admits(house->curve, CURVE_PROCESSES, &frame);
        zmq_msg_close(&frame);
    }
    assert_false(admitted);
    assert_false(curve_allows(house->curve, house->room.public_key));
    assert_int_equal(count(house).stale[CURVE_PROCESSES], 1);
    say(&second, "still here");
    hear(house, "still here", house->other.public_key, true);
    leave(&visitor);
    leave(&second);
}

static void
nobody_connects_to_a_server_that_is_not_allowed(void **state)
{
    house_t *house = *state;
    cert_t rogue;
    make(house->tools, "rogue", &rogue);
    curve_t *curve = open_keys(house, NULL, "room.key_secret");
    void *push = zmq_socket(house->zmq, ZMQ_PUSH);
    assert_false(curve_client(curve, push, rogue.public_key));
    assert_false(curve_client(curve, push, "no key"));
    assert_false(curve_client(curve, push, ""));
    assert_true(curve_client(curve, push, curve_public(house->curve)));
    char key[CERT_KEY_SIZE];
    assert_true(curve_public_of(curve, "house", key));
    assert_string_equal(key, curve_public(house->curve));
    assert_false(curve_public_of(curve, "rogue", key));
    zmq_close(push);
    curve_destroy(&curve);
}

static void
without_keys_sockets_are_plain(void **state)
{
    house_t *house = *state;
    unserve(house);
    serve(house, house->zmq, NULL, CURVE_PROCESSES);
    visitor_t visitor = visit(house, NULL, NULL);
    assert_true(curve_client(NULL, visitor.push, ""));
    say(&visitor, "hello");
    hear(house, "hello", "", true);
    leave(&visitor);
    assert_true(curve_admits(NULL, CURVE_PROCESSES, NULL));
    assert_string_equal(curve_public(NULL), "");
}

static void
keys_that_are_not_usable_are_an_error_that_says_so(void **state)
{
    house_t *house = *state;
    assert_null(open_keys(house, NULL, "none.key_secret"));
    assert_non_null(strstr(why, "none.key_secret"));
    assert_null(open_keys(house, NULL, "house.key")); /* the public one; read by all, too */
    const curve_config_t config = {
        .secret = folder_file(house->keys, "house.key_secret"), .allowed = "/none", .tools = ""};
    assert_null(curve_new(NULL, &config, why, sizeof why));
    assert_non_null(strstr(why, "/none"));
    assert_null(open_keys(house, house->zmq, "house.key_secret")); /* the context is guarded already */
}

static void
the_end_of_the_context_ends_the_handler(void **state)
{
    house_t *house = *state;
    void *zmq = zmq_ctx_new();
    curve_t *curve = open_keys(house, zmq, "room.key_secret");
    assert_non_null(curve);
    assert_int_equal(zmq_ctx_term(zmq), 0);
    curve_destroy(&curve);
}

static void
endpoints_name_the_certificate_of_the_other_side(void **state)
{
    (void)state;
    char name[CERT_NAME_MAX + 1];
    assert_string_equal(curve_endpoint("tcp://127.0.0.1:1", name), "tcp://127.0.0.1:1");
    assert_string_equal(name, "");
    assert_string_equal(curve_endpoint("broker-1@tcp://h:1", name), "tcp://h:1");
    assert_string_equal(name, "broker-1");
    assert_null(curve_endpoint("../x@tcp://h:1", name));
    assert_null(curve_endpoint("@tcp://h:1", name));
}

int
main(void)
{
    log_setup(LOG_OFF, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_allowed_gets_in_and_is_known_by_its_key, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_not_allowed_stays_out_until_its_certificate_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tool_is_no_process_and_a_process_is_no_tool, setup, teardown),
        cmocka_unit_test_setup_teardown(without_keys_or_with_the_wrong_one_nobody_gets_in, setup, teardown),
        cmocka_unit_test_setup_teardown(a_context_without_the_handler_lets_nobody_in, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_is_removed_is_not_heard_any_more_over_what_lives, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_connects_to_a_server_that_is_not_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_keys_sockets_are_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_that_are_not_usable_are_an_error_that_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_context_ends_the_handler, setup, teardown),
        cmocka_unit_test(endpoints_name_the_certificate_of_the_other_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
