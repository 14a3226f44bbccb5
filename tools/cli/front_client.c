#include "front_client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "client_front.h"
#include "envelope.h"

enum {
    FRONT_CLIENT_FRAME_MAX = 65536,        /* of a question, as the front door takes it */
    FRONT_CLIENT_NODES_NUMBER = UINT32_MAX /* the question who is there */
};

struct front_client {
    const char *command, *front;
    const config_t *config;
    void *socket;
    void *body; /* MSG_BODY_MAX: of the last answer */
    msg_type_t held;
};

int64_t
front_client_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static volatile sig_atomic_t front_client_signal;

static void
front_client_on_signal(int number)
{
    front_client_signal = number;
}

bool
front_client_stopped(void)
{
    static bool caught;
    if (!caught) {
        caught = true;
        struct sigaction action = {.sa_handler = front_client_on_signal};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    return front_client_signal != 0;
}

front_client_t *
front_client_new(const char *command, const char *front, const config_t *config)
{
    void *socket = client_front_open(command, config, front, ZMQ_DEALER, FRONT_CLIENT_ANSWER_SEC * 1000);
    if (socket == NULL) {
        return NULL;
    }
    front_client_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    *self = (front_client_t){.command = command,
                             .config = config,
                             .front = front,
                             .socket = socket,
                             .body = aligned_alloc(64, (MSG_BODY_MAX + 63) / 64 * 64)};
    ACT_ASSERT(self->body != NULL);
    return self;
}

static void
front_client_let_go(front_client_t *self)
{
    if (self->held != MSG_NONE) {
        codec_release(msg_infos[self->held].type, self->body);
        self->held = MSG_NONE;
    }
}

void
front_client_destroy(front_client_t **self_p)
{
    front_client_t *self = *self_p;
    if (self != NULL) {
        front_client_let_go(self);
        zmq_close(self->socket);
        free(self->body);
        free(self);
        *self_p = NULL;
    }
}

bool
front_client_send(front_client_t *self, msg_type_t type, const char *key, const void *body, uint64_t number)
{
    static uint8_t frame[FRONT_CLIENT_FRAME_MAX];
    msg_t msg = {.type = type, .from = {.kind = ACT_KIND_FRONT}, .correlation = number, .body = body};
    snprintf(msg.key, sizeof msg.key, "%s", key);
    size_t length = envelope_encode(&msg, 0, frame, sizeof frame);
    ACT_ASSERT(length > 0);
    return zmq_send(self->socket, frame, length, ZMQ_DONTWAIT) == (int)length;
}

front_client_heard_t
front_client_receive(front_client_t *self, msg_t *msg, int64_t msec)
{
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    zmq_msg_t frame;
    front_client_let_go(self);
    if (zmq_poll(&item, 1, msec > 0 ? msec : 0) <= 0) {
        return FRONT_CLIENT_NOTHING;
    }
    zmq_msg_init(&frame);
    front_client_heard_t heard = FRONT_CLIENT_NOTHING;
    if (zmq_msg_recv(&frame, item.socket, ZMQ_DONTWAIT) >= 0) {
        codec_fault_t fault;
        const char *data = zmq_msg_data(&frame);
        if (envelope_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), 0, msg, self->body, &fault) == CODEC_OK) {
            self->held = msg->type;
            heard = FRONT_CLIENT_ANSWER;
        } else {
            fprintf(stderr, "playhouse %s: %.*s\n", self->command, (int)zmq_msg_size(&frame), data);
            heard = FRONT_CLIENT_FAULT;
        }
    }
    zmq_msg_close(&frame);
    return heard;
}

/* ---- who is there ---- */

static size_t
front_client_names(const msg_t *msg, char names[FRONT_CLIENT_NODES_MAX][ACT_KEY_MAX + 1])
{
    if (msg->type != MSG_NODE_VIEWED) { /* nobody runs the kind: this process is alone */
        names[0][0] = '\0';
        return 1;
    }
    const msg_node_viewed_t *viewed = msg->body;
    size_t count = 0;
    for (; count < viewed->nodes_len && count < FRONT_CLIENT_NODES_MAX; count++) {
        snprintf(names[count], sizeof names[count], "%s", viewed->nodes[count].name);
    }
    return count;
}

size_t
front_client_nodes(front_client_t *self, char names[FRONT_CLIENT_NODES_MAX][ACT_KEY_MAX + 1])
{
    static const msg_node_view_t nothing;
    front_client_send(self, MSG_NODE_VIEW, "", &nothing, FRONT_CLIENT_NODES_NUMBER);
    int64_t until = front_client_now() + (int64_t)3 * FRONT_CLIENT_ANSWER_SEC * ACT_SEC;
    for (int64_t left; (left = until - front_client_now()) > 0 && !front_client_stopped();) {
        msg_t msg;
        front_client_heard_t heard = front_client_receive(self, &msg, left / ACT_MSEC + 1);
        if (heard == FRONT_CLIENT_ANSWER && msg.correlation == FRONT_CLIENT_NODES_NUMBER) {
            return front_client_names(&msg, names);
        }
    }
    if (!front_client_stopped()) {
        client_front_silent(self->command, self->config, self->front, 3 * FRONT_CLIENT_ANSWER_SEC);
    }
    return 0;
}

void
front_client_write_json(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putc('\\', out);
        }
        putc(*text < ' ' && *text >= 0 ? '?' : *text, out);
    }
    putc('"', out);
}
