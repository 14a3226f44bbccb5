/* playhouse tail, beside a front door of a few lines that answers as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

#include "cli.h"
#include "envelope.h"

enum { TEXT_CAP = 8192, FRAME_CAP = 65536, WAIT_MSEC = 20000 };

typedef struct door {
    void *zmq, *router;
    char endpoint[64];
    pthread_t thread;
    uint64_t asks[4]; /* correlation of each watch.tail */
    int asks_count;
    uint8_t who[256]; /* who asked last */
    size_t who_length;
} door_t;

/* What one process answers: one entry of a room, named by its key. */
static void
door_answer(door_t *self, uint64_t correlation, const char *key, bool more)
{
    static uint8_t frame[FRAME_CAP];
    msg_watch_tailed_t *body = calloc(1, sizeof *body);
    assert_non_null(body);
    body->more = more;
    body->entries_len = 1;
    obj_tail_entry_t *entry = &body->entries[0];
    entry->at_us = 1000000;
    snprintf(entry->kind, sizeof entry->kind, "room");
    snprintf(entry->key, sizeof entry->key, "%s", key);
    snprintf(entry->message, sizeof entry->message, "room.join");
    memset(entry->trace, '0', sizeof entry->trace - 1);
    msg_t msg = {.type = MSG_WATCH_TAILED,
                 .from = {.kind = ACT_KIND_WATCH},
                 .correlation = correlation,
                 .key = "",
                 .body = body};
    size_t length = envelope_encode(&msg, 0, frame, sizeof frame);
    assert_true(length > 0);
    zmq_send(self->router, self->who, self->who_length, ZMQ_SNDMORE);
    zmq_send(self->router, frame, length, 0);
    free(body);
}

static void
door_answer_alone(door_t *self, uint64_t correlation)
{
    static uint8_t frame[FRAME_CAP];
    msg_act_no_answer_t body = {.code = ERROR_UNAVAILABLE};
    msg_t msg = {
        .type = MSG_ACT_NO_ANSWER, .from = {.kind = ACT_KIND_FRONT}, .correlation = correlation, .body = &body};
    size_t length = envelope_encode(&msg, 0, frame, sizeof frame);
    zmq_send(self->router, self->who, self->who_length, ZMQ_SNDMORE);
    zmq_send(self->router, frame, length, 0);
}

/* The next watch.tail; who is there is answered meanwhile. False: nobody asks any more. */
static bool
door_next_ask(door_t *self)
{
    static uint8_t frame[FRAME_CAP];
    static _Alignas(64) uint8_t body[MSG_BODY_MAX];
    for (;;) {
        int who = zmq_recv(self->router, self->who, sizeof self->who, 0);
        int length = who > 0 ? zmq_recv(self->router, frame, sizeof frame, 0) : -1;
        msg_t msg;
        codec_fault_t fault;
        if (length < 0 || envelope_decode(frame, (size_t)length, 0, &msg, body, &fault) != CODEC_OK) {
            return false;
        }
        self->who_length = (size_t)who;
        if (msg.type == MSG_WATCH_TAIL) {
            self->asks[self->asks_count++] = msg.correlation;
            return true;
        }
        door_answer_alone(self, msg.correlation);
    }
}

/* The answer to the first ask comes once more, before that to the second. */
static void *
door_serve_late(void *argument)
{
    door_t *self = argument;
    if (door_next_ask(self)) {
        door_answer(self, self->asks[0], "first", true);
    }
    if (door_next_ask(self)) {
        door_answer(self, self->asks[0], "first", true);
        door_answer(self, self->asks[1], "second", false);
    }
    if (door_next_ask(self)) { /* only who took the late one asks a third time */
        door_answer(self, self->asks[2], "third", false);
    }
    return NULL;
}

static const char *
run_tail(char **argv, int argc)
{
    static char text[TEXT_CAP];
    config_t *config = config_new();
    assert_non_null(config);
    int file = memfd_create("out", 0), saved = dup(STDOUT_FILENO);
    assert_true(file >= 0 && saved >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    int status = cmd_tail(argc, argv, config);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    close(file);
    config_destroy(&config);
    assert_int_equal(status, EXIT_SUCCESS);
    assert_true(length >= 0);
    text[length] = '\0';
    return text;
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

static void
an_answer_of_an_earlier_ask_is_not_shown_again(void **state)
{
    (void)state;
    door_t door = {.zmq = zmq_ctx_new()};
    int wait = WAIT_MSEC, linger = 0;
    size_t size = sizeof door.endpoint;
    door.router = zmq_socket(door.zmq, ZMQ_ROUTER);
    zmq_setsockopt(door.router, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_setsockopt(door.router, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_bind(door.router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(door.router, ZMQ_LAST_ENDPOINT, door.endpoint, &size), 0);
    assert_int_equal(pthread_create(&door.thread, NULL, door_serve_late, &door), 0);
    char *argv[] = {"tail", "--once", "--front", door.endpoint, NULL};
    const char *text = run_tail(argv, 4);
    zmq_ctx_shutdown(door.zmq);
    pthread_join(door.thread, NULL);
    zmq_close(door.router);
    zmq_ctx_term(door.zmq);
    assert_int_equal(times(text, "first"), 1);
    assert_int_equal(times(text, "second"), 1);
    assert_int_equal(door.asks_count, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_of_an_earlier_ask_is_not_shown_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
