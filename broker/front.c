#include "front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "envelope.h"
#include "front_line.h"
#include "socket.h"

enum {
    FRONT_REPORT,               /* timer */
    FRONT_REPORT_MSEC = 1000,   /* between two looks at which keys were refused */
    FRONT_PENDING_CAP = 256,    /* questions under way; over it the answer is a fault */
    FRONT_IDENTITY_MAX = 255,   /* ZeroMQ's own bound */
    FRONT_REQUEST_MAX = 65536,  /* bytes of a request; ZMQ_MAXMSGSIZE closes who sends more */
    FRONT_ANSWER_MAX = 4 << 20, /* bytes of an answer */
    FRONT_TIMEOUT_SEC = 5,      /* what an asker waits */
    FRONT_BATCH_MAX = 64,       /* requests read at once */
    FRONT_HIGH_WATER = 1000,    /* messages that may wait for one asker, or from it */
    FRONT_LINGER_MSEC = 100,    /* what the last answers have to be sent */
};

/* Who waits for an answer, and in which form. */
typedef struct front_asker {
    bool waiting, text, delimiter;
    uint8_t identity[FRONT_IDENTITY_MAX];
    size_t identity_length;
    uint64_t correlation; /* the asker's own, in an envelope */
} front_asker_t;

typedef struct front {
    act_ctx_t *ctx;
    curve_t *curve;
    socket_watch_t watch;
    front_asker_t askers[FRONT_PENDING_CAP];
    uint8_t *answer; /* FRONT_ANSWER_MAX */
    void *body;      /* MSG_BODY_MAX */
    front_line_t line;
} front_t;

/* ---- answers ---- */

static void
front_write(front_t *self, front_asker_t *asker, const void *data, size_t length)
{
    asker->waiting = false;
    /* An asker that has gone is no fault of ours: ROUTER_MANDATORY tells, and there is nobody to tell it to. */
    if (zmq_send(self->watch.socket, asker->identity, asker->identity_length, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        act_log(self->ctx, LOG_DEBUG, "front-asker-gone", "an answer at the front door found nobody");
        return;
    }
    if (asker->delimiter) {
        zmq_send(self->watch.socket, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    }
    zmq_send(self->watch.socket, data, length, ZMQ_DONTWAIT);
}

/* A line of JSON: its type and one sentence. */
static void
front_write_text(front_t *self, front_asker_t *asker, const char *type, const char *text)
{
    size_t at = (size_t)snprintf((char *)self->answer, FRONT_ANSWER_MAX, "{\"type\":\"%s\",\"message\":\"", type);
    for (; *text != '\0' && at < FRONT_ANSWER_MAX - 8; text++) {
        if (*text == '"' || *text == '\\') {
            self->answer[at++] = '\\';
        }
        self->answer[at++] = (uint8_t)(*text >= ' ' && *text <= '~' ? *text : '?');
    }
    self->answer[at++] = '"';
    self->answer[at++] = '}';
    front_write(self, asker, self->answer, at);
}

static void
front_write_fault(front_t *self, front_asker_t *asker, const char *message)
{
    act_count(self->ctx, METRIC_FRONT_FAULTS, 0, 1);
    front_write_text(self, asker, "front.fault", message);
}

static void
front_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    front_t *self = state;
    if (msg->correlation == 0 || msg->context >= FRONT_PENDING_CAP || !self->askers[msg->context].waiting) {
        return; /* not an answer to anybody here */
    }
    front_asker_t *asker = &self->askers[msg->context];
    const msg_info_t *info = &msg_infos[msg->type];
    size_t length;
    if (asker->text) {
        length = codec_encode(CODEC_JSON, info->type, info->name, msg->body, self->answer, FRONT_ANSWER_MAX);
    } else {
        msg_t answer = *msg;
        answer.correlation = asker->correlation;
        length = envelope_encode(&answer, act_now(ctx), self->answer, FRONT_ANSWER_MAX);
    }
    if (length == 0) {
        front_write_fault(self, asker, "the answer is too large");
        return;
    }
    front_write(self, asker, self->answer, length);
}

/* ---- requests ---- */

/* Puts a checked message in; its answer, if it has one, will find the asker. */
static void
front_forward(front_t *self, front_asker_t *asker, msg_type_t type, const char *key, const void *body)
{
    const msg_info_t *info = &msg_infos[type];
    act_trace_new(self->ctx);
    if (info->asks) {
        asker->waiting = true;
        act_request(self->ctx, type, key, body, (act_usec_t)FRONT_TIMEOUT_SEC * ACT_SEC,
                    (uint64_t)(asker - self->askers));
    } else if (act_send(self->ctx, type, key, body)) {
        static const char sent[] = "{\"type\":\"front.sent\"}";
        front_write(self, asker, sent, sizeof sent - 1);
    } else {
        front_write_fault(self, asker, "the mailbox of that actor is full, or nobody runs it");
    }
}

static void
front_on_line(front_t *self, front_asker_t *asker, const char *data, size_t length)
{
    switch (front_line_read(data, length, &self->line, self->body)) {
    case FRONT_LINE_MESSAGE:
        front_forward(self, asker, self->line.type, self->line.key, self->body);
        codec_release(msg_infos[self->line.type].type, self->body);
        return;
    case FRONT_LINE_EXPLAINED:
        front_write_text(self, asker, "front.help", self->line.text);
        return;
    case FRONT_LINE_FAULT:
        front_write_fault(self, asker, self->line.text);
        return;
    }
}

/* Of the head: its field. Of the body: what it may be. */
static void
front_envelope_fault(front_t *self, front_asker_t *asker, const msg_t *msg, const codec_fault_t *fault)
{
    static const char *const parts[] = {"envelope", "type", "key", "from", "correlation", "ttl_ms", "trace"};
    bool head = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && fault->error == CODEC_SYNTAX; i++) {
        head |= strcmp(parts[i], fault->field) == 0;
    }
    char why[1024];
    if (!head && msg->type != MSG_NONE && !front_type_is_heard(msg->type, why, sizeof why)) {
        front_write_fault(self, asker, why);
        return;
    }
    if (head || msg->type == MSG_NONE) {
        snprintf(why, sizeof why,
                 "the envelope's '%s' is not as it must be; expected a msgpack array [type, key, from, correlation, "
                 "ttl_ms, trace (16 bytes), body (map)]",
                 fault->field);
    } else {
        front_explain_fault(msg->type, fault, why, sizeof why);
    }
    front_write_fault(self, asker, why);
}

static void
front_on_envelope(front_t *self, front_asker_t *asker, const uint8_t *data, size_t length)
{
    msg_t msg;
    char why[160];
    codec_fault_t fault;
    if (envelope_decode(data, length, act_now(self->ctx), &msg, self->body, &fault) != CODEC_OK) {
        front_envelope_fault(self, asker, &msg, &fault);
        return;
    }
    asker->correlation = msg.correlation;
    if (!front_type_is_heard(msg.type, why, sizeof why)) {
        front_write_fault(self, asker, why);
    } else if (!front_key_is_good(msg.key)) {
        front_write_fault(self, asker, "the key may only have printable ASCII without spaces");
    } else {
        front_forward(self, asker, msg.type, msg.key, self->body);
    }
    codec_release(msg_infos[msg.type].type, self->body);
}

static front_asker_t *
front_free_asker(front_t *self)
{
    for (int i = 0; i < FRONT_PENDING_CAP; i++) {
        if (!self->askers[i].waiting) {
            return &self->askers[i];
        }
    }
    return NULL;
}

static void
front_on_request(front_t *self, front_asker_t *asker, zmq_msg_t *frame)
{
    const uint8_t *data = zmq_msg_data(frame);
    size_t length = zmq_msg_size(frame);
    asker->text = length == 0 || data[0] != 0x97; /* an envelope is a msgpack array of 7 */
    if (!asker->text) {
        front_on_envelope(self, asker, data, length);
        return;
    }
    front_on_line(self, asker, (const char *)data, length);
}

/* One message of the ROUTER: identity, perhaps an empty frame, the request. False: nothing there. */
static bool
front_read(front_t *self)
{
    zmq_msg_t identity, frame;
    zmq_msg_init(&identity);
    zmq_msg_init(&frame);
    bool read = zmq_msg_recv(&identity, self->watch.socket, ZMQ_DONTWAIT) >= 0;
    if (read) {
        bool delimiter = false;
        int frames = 0;
        while (zmq_msg_more(frames ? &frame : &identity) &&
               zmq_msg_recv(&frame, self->watch.socket, ZMQ_DONTWAIT) >= 0) {
            delimiter |= frames == 0 && zmq_msg_size(&frame) == 0;
            frames++;
        }
        bool admitted = frames == 0 || curve_admits(self->curve, CURVE_TOOLS, &frame);
        front_asker_t busy = {0}, *asker = front_free_asker(self);
        bool full = asker == NULL;
        asker = full ? &busy : asker;
        *asker = (front_asker_t){.delimiter = delimiter, .identity_length = zmq_msg_size(&identity)};
        memcpy(asker->identity, zmq_msg_data(&identity), asker->identity_length);
        if (!admitted) {
            front_write_fault(self, asker, "the key of this tool is not allowed any more");
        } else if (full) {
            front_write_fault(self, asker, "too many questions are under way");
        } else if (frames != (delimiter ? 2 : 1)) {
            front_write_fault(self, asker, "a request is one frame");
        } else {
            front_on_request(self, asker, &frame);
        }
    }
    zmq_msg_close(&identity);
    zmq_msg_close(&frame);
    return read;
}

/* ---- the socket on the loop ---- */

static void
front_on_readable(void *me)
{
    front_t *self = me;
    act_enter(self->ctx);
    for (int i = 0; i < FRONT_BATCH_MAX && front_read(self); i++) {
    }
    act_leave(self->ctx);
}

/* Whoever is refused in the handshake sends nothing that could be read. */
static void
front_expire(void *state, act_ctx_t *ctx, int timer)
{
    (void)timer;
    curve_report(((front_t *)state)->curve, CURVE_TOOLS, ctx);
    act_timer_start(ctx, FRONT_REPORT, (act_usec_t)FRONT_REPORT_MSEC * ACT_MSEC);
}

static bool
front_bind(front_t *self, const front_config_t *config)
{
    int linger = FRONT_LINGER_MSEC, mandatory = 1;
    self->curve = config->curve;
    self->watch.socket = socket_tcp_new(config->zmq, ZMQ_ROUTER, FRONT_HIGH_WATER, FRONT_REQUEST_MAX);
    curve_server(self->curve, self->watch.socket, CURVE_TOOLS);
    zmq_setsockopt(self->watch.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(self->watch.socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    if (zmq_bind(self->watch.socket, config->endpoint) != 0) {
        act_log(self->ctx, LOG_ERROR, "front-bind-failed", "could not open the front door",
                LOG_S("endpoint", config->endpoint), LOG_S("why", zmq_strerror(errno)),
                LOG_S("hint", "set broker.endpoint to a free loopback port, or to nothing"));
        return false;
    }
    char where[128];
    size_t size = sizeof where;
    zmq_getsockopt(self->watch.socket, ZMQ_LAST_ENDPOINT, where, &size);
    if (config->bound != NULL) {
        config->bound(where);
    }
    return true;
}

static void
front_fini(void *state, act_ctx_t *ctx)
{
    front_t *self = state;
    socket_watch_stop(&self->watch, act_loop(ctx));
    if (self->watch.socket != NULL) {
        zmq_close(self->watch.socket);
    }
    free(self->answer);
    free(self->body);
}

static bool
front_init(void *state, act_ctx_t *ctx, const void *config)
{
    front_t *self = state;
    self->ctx = ctx;
    self->answer = malloc(FRONT_ANSWER_MAX);
    self->body = aligned_alloc(64, (MSG_BODY_MAX + 63) / 64 * 64);
    ACT_ASSERT(self->answer != NULL && self->body != NULL);
    if (!front_bind(self, config)) {
        return false;
    }
    self->watch.on_readable = front_on_readable;
    self->watch.self = self;
    socket_watch_start(&self->watch, act_loop(ctx));
    if (self->curve != NULL) {
        act_timer_start(ctx, FRONT_REPORT, 0);
    }
    return true;
}

const act_kind_t front_kind = {
    .id = ACT_KIND_FRONT,
    .name = "front",
    .keying = ACT_SHARDED,
    .state_size = sizeof(front_t),
    .init = front_init,
    .receive = front_receive,
    .expire = front_expire,
    .fini = front_fini,
};
