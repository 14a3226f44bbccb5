#include "node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "envelope.h"
#include "send.h"

enum {
    NODE_BEAT,                /* timer */
    NODE_FRAME_MAX = 65536,   /* bytes of what is sent */
    NODE_TOLD_MAX = 1 << 20,  /* bytes of what comes; ZMQ_MAXMSGSIZE closes who sends more */
    NODE_BATCH_MAX = 64,      /* messages read at once */
    NODE_HIGH_WATER = 4,      /* beats that wait for a broker that is away; a later one says the same */
    NODE_REFUSED_MSEC = 6000, /* refused for so long, it ends: longer than a dead holder of the place is there */
    NODE_LEAVE_MSEC = 200,    /* what the last word has to be sent */
};

typedef struct node node_t;

typedef struct node_link {
    node_t *node;
    uint32_t number;
    socket_watch_t watch;
    char public_key[CERT_KEY_SIZE]; /* of that broker, when it was connected to; "" without keys */
} node_link_t;

struct node {
    act_ctx_t *ctx;
    const node_config_t *config;
    node_link_t links[ROSTER_BROKERS_MAX];
    roster_t *view;
    uint8_t *frame; /* NODE_FRAME_MAX */
    void *body;     /* MSG_BODY_MAX */
    directory_t *directory;
    act_usec_t refused_since; /* 0: not refused */
    bool ended;               /* `refused` was called */
    bool was_registered, said_leaving;
    int64_t nodes, brokers; /* as the gauges show them */
};

/* ---- saying ---- */

static void
node_write(node_t *self, uint32_t broker, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type, .from = act_self(self->ctx), .body = body};
    size_t length = envelope_encode(&msg, act_now(self->ctx), self->frame, NODE_FRAME_MAX);
    ACT_ASSERT(length > 0);
    if (self->links[broker].watch.socket != NULL) {
        zmq_send(self->links[broker].watch.socket, self->frame, length, ZMQ_DONTWAIT); /* full: the next says it too */
    }
}

static void
node_beat(node_t *self)
{
    msg_broker_beat_t beat = {.node = *broker_self(self->config->broker)};
    beat.node.leaving = self->said_leaving = broker_is_leaving(self->config->broker);
    for (uint32_t i = 0; i < self->view->brokers_count; i++) {
        beat.version = self->view->brokers[i].version;
        node_write(self, i, MSG_BROKER_BEAT, &beat);
    }
}

/* ---- what follows from what was heard ---- */

static void
node_publish(node_t *self)
{
    const roster_t *view = self->view;
    memset(self->directory, 0, sizeof *self->directory);
    self->directory->self = (uint32_t)view->self.id;
    for (uint32_t i = 0; i < view->nodes_count; i++) {
        directory_add_row(self->directory, &view->nodes[i]);
    }
    uint32_t left_out = directory_settle(self->directory);
    if (left_out > 0) {
        act_log(self->ctx, LOG_WARN, "too-many-threads", "some threads own nothing: a kind has too many",
                LOG_N("leftOut", left_out), LOG_N("max", DIRECTORY_PLACES_MAX));
    }
    for (uint32_t i = 0; self->brokers == 0 && self->said_leaving && i < self->directory->nodes_count; i++) {
        /* Nobody can be told that it leaves: it does, and keeps what it has until it ends. */
        self->directory->nodes[i].leaving |= self->directory->nodes[i].id == self->directory->self;
    }
    broker_publish(self->config->broker, self->directory);
    act_count(self->ctx, METRIC_VIEW_CHANGES, 0, 1);
    act_log(self->ctx, LOG_INFO, "view-changed", "who is there has changed", LOG_N("nodes", view->nodes_count));
}

/* True: there was a broker, and now there is none. */
static bool
node_gauge(node_t *self)
{
    int64_t brokers = 0;
    for (uint32_t i = 0; i < self->view->brokers_count; i++) {
        brokers += roster_hears(self->view, i, act_now(self->ctx));
    }
    bool lost = brokers != self->brokers && brokers == 0;
    if (lost) {
        act_log(self->ctx, LOG_WARN, "no-broker", "no broker is heard; this process goes on with what it knows",
                LOG_S("hint", "see node.brokers"));
    }
    act_gauge(self->ctx, METRIC_BROKERS, 0, brokers - self->brokers);
    act_gauge(self->ctx, METRIC_NODES, 0, (int64_t)self->view->nodes_count - self->nodes);
    self->brokers = brokers;
    self->nodes = self->view->nodes_count;
    return lost;
}

static void
node_end(node_t *self, const char *what, const char *by)
{
    if (!self->ended) {
        char why[160];
        self->ended = true;
        snprintf(why, sizeof why, "%s%s%s", what, *by ? ": " : "", by);
        self->config->refused(self->config->self, why);
    }
}

static void
node_check(node_t *self)
{
    bool changed = roster_merge(self->view, act_now(self->ctx));
    bool lost = node_gauge(self);
    if (changed || (lost && self->said_leaving)) {
        node_publish(self);
    }
    if (changed || self->view->registered != self->was_registered) {
        self->was_registered = self->view->registered;
        self->config->changed(self->config->self, self->view->registered);
    }
    const char *kind;
    const obj_node_row_t *other = roster_conflict(self->view, &kind);
    if (other != NULL) {
        char what[80];
        snprintf(what, sizeof what, "another process runs %s, which only one may", kind);
        node_end(self, what, other->name);
    }
}

/* ---- hearing ---- */

static void
node_on_refused(node_t *self, const msg_node_refused_t *refused)
{
    if (refused->refusal == NODE_REFUSAL_REPLACED) {
        node_end(self, "a newer process of this name is there", refused->has_by ? refused->by : "");
        return;
    }
    if (self->refused_since == 0) {
        self->refused_since = act_now(self->ctx);
    } else if (act_now(self->ctx) - self->refused_since >= (act_usec_t)NODE_REFUSED_MSEC * ACT_MSEC) {
        char what[80];
        snprintf(what, sizeof what, "another process runs %s, which only one may",
                 refused->has_kind ? refused->kind : "a kind");
        node_end(self,
                 refused->refusal == NODE_REFUSAL_FULL    ? "there are too many processes"
                 : refused->refusal == NODE_REFUSAL_TAKEN ? "a process with another key has this name"
                                                          : what,
                 refused->has_by ? refused->by : "");
    }
}

static void
node_on_frame(node_t *self, uint32_t broker, const uint8_t *data, size_t length)
{
    msg_t msg;
    codec_fault_t fault;
    if (envelope_decode(data, length, act_now(self->ctx), &msg, self->body, &fault) != CODEC_OK) {
        act_count(self->ctx, METRIC_FAR_MALFORMED, 0, 1);
        return;
    }
    if (msg.type == MSG_NODE_TOLD) {
        roster_told(self->view, broker, act_now(self->ctx), self->body);
        self->refused_since = 0;
    } else if (msg.type == MSG_NODE_ALIVE) {
        roster_alive(self->view, broker, act_now(self->ctx));
    } else if (msg.type == MSG_NODE_GONE) {
        roster_gone(self->view, broker);
    } else if (msg.type == MSG_NODE_REFUSED) {
        node_on_refused(self, self->body);
    } else {
        act_count(self->ctx, METRIC_FAR_MALFORMED, 0, 1);
    }
    codec_release(msg_infos[msg.type].type, self->body);
}

static void
node_on_readable(void *me)
{
    node_link_t *link = me;
    node_t *self = link->node;
    act_enter(self->ctx);
    for (int i = 0; i < NODE_BATCH_MAX; i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        bool read = zmq_msg_recv(&frame, link->watch.socket, ZMQ_DONTWAIT) >= 0;
        if (read) {
            node_on_frame(self, link->number, zmq_msg_data(&frame), zmq_msg_size(&frame));
        }
        zmq_msg_close(&frame);
        if (!read) {
            break;
        }
    }
    node_check(self);
    act_leave(self->ctx);
}

/* ---- as an actor ---- */

static obj_node_seen_t
node_seen(const node_t *self, const obj_node_row_t *row)
{
    obj_node_seen_t seen = {.id = row->id, .leaving = row->leaving, .self = row->id == self->view->self.id};
    memcpy(seen.name, row->name, sizeof seen.name);
    memcpy(seen.host, row->host, sizeof seen.host);
    memcpy(seen.roles, row->roles, sizeof seen.roles);
    for (uint32_t i = 0; i < row->places_len; i++) {
        uint32_t k = 0;
        while (k < seen.kinds_len && strcmp(seen.kinds[k].kind, row->places[i].kind) != 0) {
            k++;
        }
        if (k < sizeof seen.kinds / sizeof seen.kinds[0]) {
            memcpy(seen.kinds[k].kind, row->places[i].kind, sizeof seen.kinds[k].kind);
            seen.kinds[k].threads++;
            seen.kinds_len += k == seen.kinds_len;
        }
    }
    return seen;
}

static void
node_on_view(node_t *self, const msg_t *msg)
{
    msg_node_viewed_t *answer = calloc(1, sizeof *answer);
    ACT_ASSERT(answer != NULL);
    const roster_t *view = self->view;
    for (uint32_t i = 0; i < view->nodes_count; i++) {
        answer->nodes[answer->nodes_len++] = node_seen(self, &view->nodes[i]);
    }
    for (uint32_t i = 0; i < view->brokers_count; i++) {
        const roster_broker_t *broker = &view->brokers[i];
        obj_broker_seen_t *seen = &answer->brokers[answer->brokers_len++];
        *seen = (obj_broker_seen_t){
            .settled = broker->settled,
            .heard = roster_hears(view, i, act_now(self->ctx)),
            .age_msec = broker->heard != 0 ? (act_now(self->ctx) - broker->heard) / ACT_MSEC : 0,
        };
        snprintf(seen->endpoint, sizeof seen->endpoint, "%s", self->config->brokers[i].endpoint);
    }
    reply_node_viewed(self->ctx, msg, answer);
    free(answer);
}

static void
node_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    switch ((node_inbox_t)msg->type) {
    case NODE_INBOX_VIEW:
        node_on_view(state, msg);
        break;
    case NODE_INBOX_TOLD:
    case NODE_INBOX_ALIVE:
    case NODE_INBOX_REFUSED:
    case NODE_INBOX_GONE:
        act_count(ctx, METRIC_FAR_MALFORMED, 0, 1); /* only its own sockets say where they come from */
        break;
    }
}

/* The public key of a broker. False: it has no certificate in keys.allowed. */
static bool
node_key_of(const node_t *self, uint32_t number, char key[CERT_KEY_SIZE])
{
    curve_t *curve = broker_curve(self->config->broker);
    const char *name = self->config->brokers[number].name;
    if (curve == NULL || *name == '\0') {
        snprintf(key, CERT_KEY_SIZE, "%s", curve_public(curve));
        return true;
    }
    return curve_public_of(curve, name, key);
}

/* Ends the connection to a broker, if there is one. */
static void
node_disconnect(node_t *self, node_link_t *link)
{
    socket_watch_stop(&link->watch, act_loop(self->ctx));
    if (link->watch.socket != NULL) {
        zmq_close(link->watch.socket);
        link->watch.socket = NULL;
    }
}

/* False: it may not be, and there is no connection. */
static bool
node_connect(node_t *self, uint32_t number)
{
    node_link_t *link = &self->links[number];
    const node_broker_t *broker = &self->config->brokers[number];
    link->node = self;
    link->number = number;
    if (!node_key_of(self, number, link->public_key)) {
        act_log(self->ctx, LOG_ERROR, "broker-unknown", "a broker has no certificate here",
                LOG_S("endpoint", broker->endpoint), LOG_S("name", broker->name),
                LOG_S("hint", "put its NAME.key into keys.allowed"));
        return false;
    }
    link->watch.socket = socket_tcp_new(broker_zmq(self->config->broker), ZMQ_DEALER, NODE_HIGH_WATER, NODE_TOLD_MAX);
    if (!socket_connect(link->watch.socket, broker_curve(self->config->broker), broker->endpoint, link->public_key)) {
        act_log(self->ctx, LOG_ERROR, "broker-connect-failed", "could not connect to a broker",
                LOG_S("endpoint", broker->endpoint), LOG_S("why", zmq_strerror(errno)),
                LOG_S("hint", "see node.brokers"));
        node_disconnect(self, link);
        return false;
    }
    link->watch.on_readable = node_on_readable;
    link->watch.self = link;
    socket_watch_start(&link->watch, act_loop(self->ctx));
    return true;
}

/* A broker whose certificate was replaced is connected to anew. It may be replaced again meanwhile: what fails is tried
 * again at the next beat. */
static void
node_follow_keys(node_t *self)
{
    for (uint32_t i = 0; i < self->view->brokers_count; i++) {
        node_link_t *link = &self->links[i];
        char key[CERT_KEY_SIZE];
        if (node_key_of(self, i, key) && (link->watch.socket == NULL || strcmp(key, link->public_key) != 0)) {
            act_log(self->ctx, LOG_INFO, "broker-key-changed", "a broker has another certificate now",
                    LOG_S("endpoint", self->config->brokers[i].endpoint));
            node_disconnect(self, link);
            node_connect(self, i);
        }
    }
}

static void
node_expire(void *state, act_ctx_t *ctx, int timer)
{
    (void)timer;
    node_t *self = state;
    node_follow_keys(self);
    curve_report(broker_curve(self->config->broker), CURVE_PROCESSES, ctx);
    node_beat(self);
    node_check(self);
    act_timer_start(ctx, NODE_BEAT, (act_usec_t)MEMBERS_BEAT_MSEC * ACT_MSEC);
}

static bool
node_init(void *state, act_ctx_t *ctx, const void *config)
{
    node_t *self = state;
    self->ctx = ctx;
    self->config = config;
    self->view = malloc(sizeof *self->view);
    self->frame = malloc(NODE_FRAME_MAX);
    self->body = aligned_alloc(64, (MSG_BODY_MAX + 63) / 64 * 64);
    self->directory = malloc(sizeof *self->directory);
    ACT_ASSERT(self->view != NULL && self->frame != NULL && self->body != NULL && self->directory != NULL);
    ACT_ASSERT(*self->config->brokers_count > 0); /* the broker of this process starts before */
    roster_init(self->view, broker_self(self->config->broker), *self->config->brokers_count);
    for (uint32_t i = 0; i < self->view->brokers_count; i++) {
        if (!node_connect(self, i)) {
            return false;
        }
    }
    node_gauge(self);
    act_timer_start(ctx, NODE_BEAT, 0);
    return true;
}

/* Somebody has come, or broker_stop has begun. */
static void
node_view(void *state, act_ctx_t *ctx)
{
    node_t *self = state;
    (void)ctx;
    if (broker_is_leaving(self->config->broker) && !self->said_leaving) {
        node_beat(self);
        if (self->brokers == 0) {
            node_publish(self);
        }
    }
}

static void
node_fini(void *state, act_ctx_t *ctx)
{
    node_t *self = state;
    for (uint32_t i = 0; self->view != NULL && i < self->view->brokers_count; i++) {
        socket_watch_stop(&self->links[i].watch, act_loop(ctx));
        if (self->links[i].watch.socket != NULL) {
            int linger = NODE_LEAVE_MSEC;
            msg_broker_leave_t leave = {.id = self->view->self.id};
            node_write(self, i, MSG_BROKER_LEAVE, &leave);
            zmq_setsockopt(self->links[i].watch.socket, ZMQ_LINGER, &linger, sizeof linger);
            zmq_close(self->links[i].watch.socket);
        }
    }
    free(self->view);
    free(self->frame);
    free(self->body);
    free(self->directory);
}

const act_kind_t node_kind = {
    .id = ACT_KIND_NODE,
    .name = "node",
    .keying = ACT_SHARDED,
    .state_size = sizeof(node_t),
    .init = node_init,
    .receive = node_receive,
    .expire = node_expire,
    .view = node_view,
    .fini = node_fini,
};
