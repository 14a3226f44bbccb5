#include "sender.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "log.h"

void
sender_init(sender_t *self, void *zmq, curve_t *curve)
{
    *self = (sender_t){.zmq = zmq, .curve = curve};
}

void
sender_fini(sender_t *self)
{
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        for (int thread = 0; thread < DIRECTORY_PLACES_MAX; thread++) {
            if (self->near[kind][thread] != NULL) {
                zmq_close(self->near[kind][thread]);
                self->near[kind][thread] = NULL;
            }
        }
    }
    for (int i = 0; i < SENDER_FAR_MAX; i++) {
        if (self->far[i].node != 0) {
            zmq_close(self->far[i].push);
        }
    }
    memset(self->far, 0, sizeof self->far);
    self->far_count = 0;
}

/* ---- within the process ---- */

void
sender_near_endpoint(act_kind_id_t kind, unsigned thread, char *text, size_t size)
{
    snprintf(text, size, "inproc://%s-%u", act_kind_names[kind], thread);
}

void
sender_send_near(sender_t *self, const act_addr_t *to, const void *frame, size_t length)
{
    void **push = &self->near[to->kind][to->thread];
    if (*push == NULL) {
        char endpoint[64];
        sender_near_endpoint(to->kind, to->thread, endpoint, sizeof endpoint);
        int none = 0;
        *push = zmq_socket(self->zmq, ZMQ_PUSH);
        ACT_ASSERT(*push != NULL);
        zmq_setsockopt(*push, ZMQ_SNDHWM, &none, sizeof none); /* bounded by the receiver's `inbound` */
        zmq_setsockopt(*push, ZMQ_LINGER, &none, sizeof none);
        ACT_ASSERT(zmq_connect(*push, endpoint) == 0);
    }
    int sent = zmq_send(*push, frame, length, ZMQ_DONTWAIT);
    ACT_ASSERT(sent == (int)length);
}

/* ---- to other processes ---- */

static uint32_t
sender_place(uint32_t node, uint8_t kind, uint8_t thread)
{
    uint64_t hash = ((uint64_t)node << 16 | (uint64_t)kind << 8 | thread) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32) % SENDER_FAR_MAX;
}

/* The row of a mailbox, or the free one where it would stand. There is always a free one. */
static sender_far_t *
sender_find(sender_t *self, uint32_t node, uint8_t kind, uint8_t thread)
{
    uint32_t at = sender_place(node, kind, thread);
    for (;; at = (at + 1) % SENDER_FAR_MAX) {
        sender_far_t *row = &self->far[at];
        if (row->node == 0 || (row->node == node && row->kind == kind && row->thread == thread)) {
            return row;
        }
    }
}

/* Once for each process, as long as it is there: every message to it comes by here. */
static void
sender_tell_stranger(sender_t *self, const directory_node_t *node)
{
    for (uint32_t i = 0; i < self->strangers_count; i++) {
        if (self->strangers[i] == node->id) {
            return;
        }
    }
    if (self->strangers_count < DIRECTORY_NODES_MAX) {
        self->strangers[self->strangers_count++] = node->id;
    }
    log_event(LOG_ERROR, "peer-not-allowed", "nothing is sent to a process whose key is not allowed here",
              LOG_S("peer", node->name), LOG_S("key", node->public_key),
              LOG_S("hint", "put its certificate into keys.allowed of this process"));
}

static void *
sender_open(sender_t *self, const directory_t *directory, const act_addr_t *to)
{
    const directory_node_t *node = directory_node(directory, to->node);
    uint16_t port = node != NULL ? directory_port(node, to->kind, to->thread) : 0;
    if (port == 0) {
        return NULL;
    }
    if (!curve_allows(self->curve, node->public_key)) {
        sender_tell_stranger(self, node);
        return NULL;
    }
    char endpoint[SOCKET_ENDPOINT_MAX];
    socket_endpoint(node->host, port, endpoint, sizeof endpoint);
    void *push = socket_tcp_new(self->zmq, ZMQ_PUSH, SENDER_HIGH_WATER, SENDER_FRAME_MAX);
    if (!socket_connect(push, self->curve, endpoint, node->public_key)) {
        zmq_close(push);
        return NULL;
    }
    return push;
}

bool
sender_send_far(sender_t *self, const directory_t *directory, const act_addr_t *to, const void *frame, size_t length)
{
    sender_far_t *row = sender_find(self, to->node, to->kind, to->thread);
    if (row->node == 0) {
        void *push = self->far_count + 1 < SENDER_FAR_MAX ? sender_open(self, directory, to) : NULL;
        if (push == NULL) {
            return false;
        }
        *row = (sender_far_t){.node = to->node, .kind = to->kind, .thread = to->thread, .push = push};
        self->far_count++;
    }
    return zmq_send(row->push, frame, length, ZMQ_DONTWAIT) == (int)length;
}

void
sender_prune(sender_t *self, const directory_t *directory)
{
    sender_far_t kept[SENDER_FAR_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < SENDER_FAR_MAX; i++) {
        sender_far_t *row = &self->far[i];
        if (row->node != 0 && directory_node(directory, row->node) != NULL) {
            kept[count++] = *row;
        } else if (row->node != 0) {
            zmq_close(row->push);
        }
        *row = (sender_far_t){0};
    }
    for (uint32_t i = 0; i < count; i++) {
        *sender_find(self, kept[i].node, kept[i].kind, kept[i].thread) = kept[i];
    }
    self->far_count = count;
    uint32_t strangers = 0;
    for (uint32_t i = 0; i < self->strangers_count; i++) {
        if (directory_node(directory, self->strangers[i]) != NULL) {
            self->strangers[strangers++] = self->strangers[i];
        }
    }
    self->strangers_count = strangers;
}
