#include "hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "envelope.h"
#include "members.h"
#include "send.h"

enum {
    HUB_TICK,                /* timer */
    HUB_BEAT_MAX = 65536,    /* bytes of what a process sends; ZMQ_MAXMSGSIZE closes who sends more */
    HUB_FRAME_MAX = 1 << 20, /* bytes of what is told */
    HUB_BATCH_MAX = 256,     /* messages read at once */
    HUB_HIGH_WATER = 64,     /* messages that may wait for one process, or from it; over it they are dropped: a beat
                              * says which view has come */
};

typedef struct hub {
    act_ctx_t *ctx;
    socket_watch_t watch;
    curve_t *curve; /* NULL: plain */
    members_t *members;
    uint8_t *frame; /* HUB_FRAME_MAX */
    void *body;     /* MSG_BODY_MAX */
    msg_node_told_t *told;
} hub_t;

/* ---- telling ---- */

static size_t
hub_encode(hub_t *self, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type, .from = act_self(self->ctx), .body = body};
    return envelope_encode(&msg, act_now(self->ctx), self->frame, HUB_FRAME_MAX);
}

/* Who has gone, or takes nothing, is not waited for. */
static void
hub_write(hub_t *self, const void *identity, size_t identity_length, size_t length)
{
    if (zmq_send(self->watch.socket, identity, identity_length, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) {
        zmq_send(self->watch.socket, self->frame, length, ZMQ_DONTWAIT);
    }
}

static size_t
hub_encode_view(hub_t *self)
{
    const members_t *members = self->members;
    self->told->version = members->version;
    self->told->settled = members->settled;
    self->told->nodes_len = members->count;
    for (uint32_t i = 0; i < members->count; i++) {
        self->told->nodes[i] = members->rows[i].node;
    }
    size_t length = hub_encode(self, MSG_NODE_TOLD, self->told);
    ACT_ASSERT(length > 0); /* MEMBERS_MAX rows fit */
    return length;
}

static void
hub_tell_all(hub_t *self)
{
    size_t length = hub_encode_view(self);
    for (uint32_t i = 0; i < self->members->count; i++) {
        const member_t *member = &self->members->rows[i];
        hub_write(self, member->identity, member->identity_length, length);
    }
}

/* ---- hearing ---- */

static void
hub_arm(hub_t *self)
{
    act_usec_t due = members_due(self->members);
    if (due == INT64_MAX) {
        act_timer_stop(self->ctx, HUB_TICK);
    } else {
        act_timer_start(self->ctx, HUB_TICK, due > act_now(self->ctx) ? due - act_now(self->ctx) : 0);
    }
}

static void
hub_on_beat(hub_t *self, const msg_broker_beat_t *beat, const uint8_t *identity, size_t identity_length)
{
    member_t *member;
    msg_node_refused_t refused;
    members_beat_t became = members_beat(self->members, act_now(self->ctx), &beat->node, &member, &refused);
    if (became == MEMBERS_REFUSED) {
        hub_write(self, identity, identity_length, hub_encode(self, MSG_NODE_REFUSED, &refused));
        act_log(self->ctx, LOG_WARN, "node-refused", "a process may not join", LOG_S("name", beat->node.name),
                LOG_S("why", node_refusal_names[refused.refusal]), LOG_S("by", refused.has_by ? refused.by : ""));
        return;
    }
    memcpy(member->identity, identity, identity_length);
    member->identity_length = (uint8_t)identity_length;
    if (became == MEMBERS_CHANGED) {
        act_log(self->ctx, LOG_INFO, beat->node.leaving ? "node-leaves" : "node-joined",
                beat->node.leaving ? "a process says that it leaves" : "a process has joined",
                LOG_S("name", beat->node.name), LOG_N("id", beat->node.id), LOG_S("roles", beat->node.roles));
        hub_tell_all(self);
    } else if (beat->version != self->members->version) {
        hub_write(self, identity, identity_length, hub_encode_view(self));
    } else {
        msg_node_alive_t alive = {0};
        hub_write(self, identity, identity_length, hub_encode(self, MSG_NODE_ALIVE, &alive));
    }
}

/* Has the sender proved that it has this key? Without keys nobody can. */
static bool
hub_is_from(hub_t *self, zmq_msg_t *frame, const char *public_key)
{
    return self->curve == NULL || strcmp(curve_sender(frame), public_key) == 0;
}

static void
hub_on_leave(hub_t *self, const msg_broker_leave_t *leave, zmq_msg_t *frame)
{
    for (uint32_t i = 0; i < self->members->count; i++) {
        const obj_node_row_t *row = &self->members->rows[i].node;
        if (row->id == leave->id && !hub_is_from(self, frame, row->public_key)) {
            act_count(self->ctx, METRIC_FAR_MALFORMED, 0, 1);
            return;
        }
    }
    if (members_leave(self->members, leave->id)) {
        act_log(self->ctx, LOG_INFO, "node-left", "a process has left", LOG_N("id", leave->id));
        hub_tell_all(self);
    }
}

static void
hub_on_frame(hub_t *self, const uint8_t *identity, size_t identity_length, zmq_msg_t *frame)
{
    msg_t msg;
    codec_fault_t fault;
    if (!curve_admits(self->curve, CURVE_PROCESSES, frame) ||
        envelope_decode(zmq_msg_data(frame), zmq_msg_size(frame), act_now(self->ctx), &msg, self->body, &fault) !=
            CODEC_OK) {
        act_count(self->ctx, METRIC_FAR_MALFORMED, 0, 1);
        return;
    }
    const msg_broker_beat_t *beat = self->body;
    if (msg.type == MSG_BROKER_BEAT && hub_is_from(self, frame, beat->node.public_key)) {
        hub_on_beat(self, beat, identity, identity_length);
    } else if (msg.type == MSG_BROKER_LEAVE) {
        hub_on_leave(self, self->body, frame);
    } else {
        act_count(self->ctx, METRIC_FAR_MALFORMED, 0, 1);
    }
    codec_release(msg_infos[msg.type].type, self->body);
}

/* One message of the ROUTER: identity, frame. False: nothing there. */
static bool
hub_read(hub_t *self)
{
    uint8_t identity[MEMBERS_IDENTITY_MAX];
    int identity_length = zmq_recv(self->watch.socket, identity, sizeof identity, ZMQ_DONTWAIT);
    if (identity_length < 0) {
        return false;
    }
    int frames = 0, more = 1;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    for (size_t size = sizeof more; more; frames++) {
        if (zmq_msg_recv(&frame, self->watch.socket, ZMQ_DONTWAIT) < 0) {
            break;
        }
        zmq_getsockopt(self->watch.socket, ZMQ_RCVMORE, &more, &size);
    }
    if (frames == 1) {
        hub_on_frame(self, identity, (size_t)identity_length, &frame);
    } else {
        act_count(self->ctx, METRIC_FAR_MALFORMED, 0, 1);
    }
    zmq_msg_close(&frame);
    return true;
}

static void
hub_on_readable(void *me)
{
    hub_t *self = me;
    act_enter(self->ctx);
    for (int i = 0; i < HUB_BATCH_MAX && hub_read(self); i++) {
    }
    hub_arm(self);
    act_leave(self->ctx);
}

/* ---- as an actor ---- */

static void
hub_on_table(hub_t *self, const msg_t *msg)
{
    const members_t *members = self->members;
    msg_broker_tabled_t answer = {
        .settled = members->settled, .version = members->version, .nodes_len = members->count};
    for (uint32_t i = 0; i < members->count; i++) {
        const member_t *member = &members->rows[i];
        answer.nodes[i] = (obj_node_heard_t){.id = member->node.id,
                                             .age_msec = (act_now(self->ctx) - member->heard) / ACT_MSEC,
                                             .leaving = member->node.leaving};
        memcpy(answer.nodes[i].name, member->node.name, sizeof answer.nodes[i].name);
    }
    reply_broker_tabled(self->ctx, msg, &answer);
}

static void
hub_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    switch ((broker_inbox_t)msg->type) {
    case BROKER_INBOX_TABLE:
        hub_on_table(state, msg);
        break;
    case BROKER_INBOX_BEAT:
    case BROKER_INBOX_LEAVE:
        act_count(ctx, METRIC_FAR_MALFORMED, 0, 1); /* only its own socket says where they come from */
        break;
    }
}

static void
hub_expire(void *state, act_ctx_t *ctx, int timer)
{
    (void)timer;
    hub_t *self = state;
    if (members_tick(self->members, act_now(ctx))) {
        hub_tell_all(self);
    }
    hub_arm(self);
}

static bool
hub_bind(hub_t *self, const hub_config_t *config)
{
    char host[DIRECTORY_HOST_MAX + 1], where[SOCKET_ENDPOINT_MAX];
    uint16_t port;
    int mandatory = 1;
    if (!socket_endpoint_parse(config->endpoint, host, sizeof host, &port)) {
        act_log(self->ctx, LOG_ERROR, "broker-bind-failed", "broker.bind is not an endpoint",
                LOG_S("endpoint", config->endpoint), LOG_S("hint", "give tcp://HOST:PORT"));
        return false;
    }
    self->watch.socket = socket_tcp_new(broker_zmq(config->broker), ZMQ_ROUTER, HUB_HIGH_WATER, HUB_BEAT_MAX);
    zmq_setsockopt(self->watch.socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    self->curve = broker_curve(config->broker);
    port = socket_bind(self->watch.socket, self->curve, host, port);
    if (port == 0) {
        act_log(self->ctx, LOG_ERROR, "broker-bind-failed", "could not listen for other processes",
                LOG_S("endpoint", config->endpoint), LOG_S("why", zmq_strerror(errno)),
                LOG_S("hint", "set broker.bind to a free port of this machine"));
        return false;
    }
    socket_endpoint(host, port, where, sizeof where);
    if (config->bound != NULL) {
        config->bound(config->self, where);
    }
    return true;
}

static bool
hub_init(void *state, act_ctx_t *ctx, const void *config)
{
    hub_t *self = state;
    self->ctx = ctx;
    self->members = malloc(sizeof *self->members);
    self->frame = malloc(HUB_FRAME_MAX);
    self->body = aligned_alloc(64, (MSG_BODY_MAX + 63) / 64 * 64);
    self->told = calloc(1, sizeof *self->told);
    ACT_ASSERT(self->members != NULL && self->frame != NULL && self->body != NULL && self->told != NULL);
    members_init(self->members, act_now(ctx), (int64_t)(act_random(ctx) >> 16));
    if (!hub_bind(self, config)) {
        return false;
    }
    self->watch.on_readable = hub_on_readable;
    self->watch.self = self;
    socket_watch_start(&self->watch, act_loop(ctx));
    hub_arm(self);
    return true;
}

static void
hub_fini(void *state, act_ctx_t *ctx)
{
    hub_t *self = state;
    socket_watch_stop(&self->watch, act_loop(ctx));
    if (self->watch.socket != NULL) {
        int linger = 100;
        msg_node_gone_t gone = {0};
        size_t length = hub_encode(self, MSG_NODE_GONE, &gone);
        for (uint32_t i = 0; i < self->members->count; i++) {
            hub_write(self, self->members->rows[i].identity, self->members->rows[i].identity_length, length);
        }
        zmq_setsockopt(self->watch.socket, ZMQ_LINGER, &linger, sizeof linger);
        zmq_close(self->watch.socket);
    }
    free(self->members);
    free(self->frame);
    free(self->body);
    free(self->told);
}

const act_kind_t hub_kind = {
    .id = ACT_KIND_BROKER,
    .name = "broker",
    .keying = ACT_SHARDED,
    .state_size = sizeof(hub_t),
    .init = hub_init,
    .receive = hub_receive,
    .expire = hub_expire,
    .fini = hub_fini,
};
