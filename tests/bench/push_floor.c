/*
 * push_floor -- the least that a message between two actors can cost: bare PUSH and PULL sockets of libzmq, one frame
 * of the size of a move's envelope, from one thread to another, over each transport. No codec, no mailbox, no check.
 *
 *   push_floor [--seconds N]
 *
 * Prints a row for each transport: messages per second, CPU per message of both ends together, and the time of a
 * message there and back between two threads that sleep when they have nothing to do.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

#include "bench_stats.h"

enum { FRAME = 192, HIGH_WATER = 16384, KEY = 41, ENDPOINT_MAX = 256 };

typedef struct floor {
    void *zmq;
    void *there, *back; /* PULL sockets of this end: what comes to the echo, what comes back */
    char there_at[ENDPOINT_MAX], back_at[ENDPOINT_MAX];
    bool curve, echo; /* echo: each message is sent back; else they are counted */
    char public_key[KEY], secret_key[KEY];
    uint64_t heard;
} floor_t;

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "push_floor: cannot %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void *
open_pull(floor_t *self, const char *endpoint, char *at)
{
    int high_water = HIGH_WATER, yes = 1;
    size_t size = ENDPOINT_MAX;
    void *socket = zmq_socket(self->zmq, ZMQ_PULL);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
    if (self->curve) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, self->secret_key, KEY);
    }
    if (zmq_bind(socket, endpoint) != 0 || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, at, &size) != 0) {
        die("bind");
    }
    return socket;
}

static void *
open_push(floor_t *self, const char *at)
{
    int high_water = HIGH_WATER, linger = 0;
    void *socket = zmq_socket(self->zmq, ZMQ_PUSH);
    zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    if (self->curve) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, self->public_key, KEY);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, self->public_key, KEY);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, self->secret_key, KEY);
    }
    if (zmq_connect(socket, at) != 0) {
        die("connect");
    }
    return socket;
}

/* The other end. A frame of one byte ends it. */
static void *
far_end(void *me)
{
    floor_t *self = me;
    void *push = open_push(self, self->back_at);
    uint8_t frame[FRAME];
    int length;
    while ((length = zmq_recv(self->there, frame, sizeof frame, 0)) > 1) {
        self->heard++;
        if (self->echo && zmq_send(push, frame, (size_t)length, 0) < 0) {
            die("send");
        }
    }
    if (length != 1 || zmq_send(push, frame, 1, 0) < 0) { /* all were heard */
        die("receive");
    }
    int patience = 1000;
    zmq_setsockopt(push, ZMQ_LINGER, &patience, sizeof patience);
    zmq_close(push);
    return NULL;
}

static double
own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static uint64_t
flood(floor_t *self, void *push, int64_t until)
{
    uint8_t frame[FRAME] = {0x97};
    uint64_t sent = 0;
    for (; (sent & 1023) != 0 || bench_now() < until; sent++) {
        if (zmq_send(push, frame, sizeof frame, 0) < 0) {
            die("send");
        }
    }
    if (zmq_send(push, frame, 1, 0) < 0 || zmq_recv(self->back, frame, sizeof frame, 0) != 1) {
        die("hear that all have come");
    }
    return sent;
}

static void
ping(floor_t *self, void *push, int64_t until, bench_stats_t *times)
{
    uint8_t frame[FRAME] = {0x97};
    for (int64_t start = bench_now(), now; start < until; start = now) {
        if (zmq_send(push, frame, sizeof frame, 0) < 0 || zmq_recv(self->back, frame, sizeof frame, 0) < 0) {
            die("ping");
        }
        now = bench_now();
        bench_stats_add(times, now - start);
    }
    if (zmq_send(push, frame, 1, 0) < 0 || zmq_recv(self->back, frame, sizeof frame, 0) != 1) {
        die("hear the end");
    }
}

static void
run(const char *name, const char *there, const char *back, bool curve, int64_t seconds)
{
    static bench_stats_t times;
    memset(&times, 0, sizeof times);
    double per_second = 0, cpu = 0;
    for (int echo = 0; echo < 2; echo++) {
        floor_t self = {.zmq = zmq_ctx_new(), .curve = curve, .echo = echo != 0};
        pthread_t thread;
        if (curve && zmq_curve_keypair(self.public_key, self.secret_key) != 0) {
            die("make keys");
        }
        self.there = open_pull(&self, there, self.there_at);
        self.back = open_pull(&self, back, self.back_at);
        void *push = open_push(&self, self.there_at);
        pthread_create(&thread, NULL, far_end, &self);
        double before = own_cpu();
        int64_t start = bench_now();
        if (echo) {
            ping(&self, push, start + seconds * 1000000, &times);
        } else {
            uint64_t sent = flood(&self, push, start + seconds * 1000000);
            per_second = (double)sent * 1e6 / (double)(bench_now() - start);
            cpu = (own_cpu() - before) / (double)sent;
        }
        pthread_join(thread, NULL);
        zmq_close(push);
        zmq_close(self.there);
        zmq_close(self.back);
        zmq_ctx_term(self.zmq);
    }
    printf("%-10s %9.0f messages/s, CPU %5.2f us per message of both ends; there and back p50 %.3f ms, p99 %.3f ms\n",
           name, per_second, cpu, (double)bench_stats_quantile(&times, 0.5) / 1000,
           (double)bench_stats_quantile(&times, 0.99) / 1000);
}

int
main(int argc, char **argv)
{
    int64_t seconds = argc == 3 && strcmp(argv[1], "--seconds") == 0 ? strtoll(argv[2], NULL, 10) : argc == 1 ? 2 : 0;
    if (seconds < 1 || seconds > 600) {
        fprintf(stderr, "usage: push_floor [--seconds N]\n");
        return 2;
    }
    run("inproc", "inproc://there", "inproc://back", false, seconds);
    run("ipc", "ipc://*", "ipc://*", false, seconds);
    run("tcp", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", false, seconds);
    run("tcp+CURVE", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", true, seconds);
    return 0;
}
