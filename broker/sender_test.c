/* To processes over CURVE: one whose key is not allowed costs nothing and is named once. */
#include "log_test_helpers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "curve_test_helpers.h"
#include "sender.h"

enum { PEER = 7, WAIT_MSEC = 20000 };

static char why[512];

/* A directory of one process, with a room at `port` and that key. */
static directory_t *
peer_at(const char *endpoint, const char *public_key)
{
    directory_t *directory = calloc(1, sizeof *directory);
    assert_non_null(directory);
    char host[DIRECTORY_HOST_MAX + 1];
    uint16_t port = 0;
    assert_true(socket_endpoint_parse(endpoint, host, sizeof host, &port));
    directory_node_t *node = directory_add_node(directory, PEER, "room-1", "127.0.0.1");
    assert_non_null(node);
    snprintf(node->public_key, sizeof node->public_key, "%s", public_key);
    assert_true(directory_add_mailbox(node, ACT_KIND_ROOM, 0, port));
    directory_settle(directory);
    return directory;
}

static int
times(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

static curve_t *
open_keys(const char *keys, void *zmq, const char *name)
{
    const curve_config_t config = {.secret = folder_file(keys, name), .allowed = keys, .tools = ""};
    return curve_new(zmq, &config, why, sizeof why);
}

static const act_addr_t room = {.node = PEER, .kind = ACT_KIND_ROOM, .key = "plaza/main"};

static void
who_is_not_allowed_is_named_once_and_costs_no_socket(void **state)
{
    const char *keys = *state;
    cert_t peer;
    assert_true(cert_make(keys, "gate", NULL, why, sizeof why));
    assert_true(cert_make(keys, "peer", &peer, why, sizeof why));
    assert_int_equal(unlink(folder_file(keys, "peer.key")), 0);
    directory_t *directory = peer_at("tcp://127.0.0.1:9", peer.public_key);
    directory_t *empty = calloc(1, sizeof *empty);
    sender_t *sender = malloc(sizeof *sender);
    assert_true(empty != NULL && sender != NULL);
    curve_t *ours = open_keys(keys, NULL, "gate.key_secret");
    assert_non_null(ours);
    void *none = zmq_ctx_new();
    assert_int_equal(zmq_ctx_set(none, ZMQ_MAX_SOCKETS, 1), 0);
    void *only = zmq_socket(none, ZMQ_PUSH);
    sender_init(sender, none, ours);

    capture_begin(LOG_INFO);
    for (int i = 0; i < 100; i++) {
        assert_false(sender_send_far(sender, directory, &room, "hello", 5));
    }
    sender_prune(sender, directory);
    assert_false(sender_send_far(sender, directory, &room, "hello", 5));
    const char *text = capture_end();
    assert_int_equal(times(text, "peer-not-allowed"), 1);
    assert_non_null(strstr(text, "room-1"));
    assert_non_null(strstr(text, peer.public_key));
    capture_begin(LOG_INFO);
    sender_prune(sender, empty);
    assert_false(sender_send_far(sender, directory, &room, "hello", 5));
    assert_int_equal(times(capture_end(), "peer-not-allowed"), 1); /* it has gone and come back */

    sender_fini(sender);
    zmq_close(only);
    zmq_ctx_term(none);
    curve_destroy(&ours);
    free(sender);
    free(directory);
    free(empty);
}

static void
who_is_not_allowed_is_spoken_to_once_its_certificate_is_there(void **state)
{
    char aside[64], endpoint[SOCKET_ENDPOINT_MAX], got[8];
    const char *keys = *state;
    int wait = WAIT_MSEC;
    size_t size = sizeof endpoint;
    cert_t peer;
    assert_true(cert_make(keys, "gate", NULL, why, sizeof why));
    assert_true(cert_make(keys, "peer", &peer, why, sizeof why));
    void *there = zmq_ctx_new(), *here = zmq_ctx_new();
    curve_t *theirs = open_keys(keys, there, "peer.key_secret");
    assert_non_null(theirs);
    void *pull = zmq_socket(there, ZMQ_PULL);
    zmq_setsockopt(pull, ZMQ_RCVTIMEO, &wait, sizeof wait);
    curve_server(theirs, pull, CURVE_PROCESSES);
    assert_int_equal(zmq_bind(pull, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    directory_t *directory = peer_at(endpoint, peer.public_key);
    sender_t *sender = malloc(sizeof *sender);
    assert_non_null(sender);
    snprintf(aside, sizeof aside, "%s.aside", keys);
    assert_int_equal(rename(folder_file(keys, "peer.key"), aside), 0);
    curve_t *ours = open_keys(keys, NULL, "gate.key_secret");
    assert_non_null(ours);
    sender_init(sender, here, ours);
    assert_false(sender_send_far(sender, directory, &room, "hello", 5));
    sender_fini(sender);

    assert_int_equal(rename(aside, folder_file(keys, "peer.key")), 0);
    curve_destroy(&ours);
    ours = open_keys(keys, NULL, "gate.key_secret");
    assert_non_null(ours);
    sender_init(sender, here, ours);
    assert_true(sender_send_far(sender, directory, &room, "hello", 5));
    assert_int_equal(zmq_recv(pull, got, sizeof got, 0), 5);

    sender_fini(sender);
    zmq_close(pull);
    curve_destroy(&theirs);
    curve_destroy(&ours);
    zmq_ctx_term(here);
    zmq_ctx_term(there);
    free(sender);
    free(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_not_allowed_is_named_once_and_costs_no_socket, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(who_is_not_allowed_is_spoken_to_once_its_certificate_is_there, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
