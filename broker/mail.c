#include "mail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "cell.h"
#include "envelope.h"

/* ---- out ---- */

static size_t
mail_encode(worker_t *self, const msg_t *msg)
{
    for (;;) {
        size_t length = envelope_encode(msg, self->env.now(self), self->frame, self->frame_capacity);
        if (length > 0) {
            return length;
        }
        self->frame_capacity *= 2;
        ACT_ASSERT(self->frame_capacity <= WORKER_FRAME_MAX);
        free(self->frame);
        self->frame = malloc(self->frame_capacity);
        ACT_ASSERT(self->frame != NULL);
    }
}

/* To a host of another thread of this process. */
static bool
mail_route_near(worker_t *self, host_t *host, const act_addr_t *to, const msg_t *msg)
{
    if (atomic_fetch_add_explicit(&host->inbound, 1, memory_order_relaxed) >= self->shared->mailbox_max) {
        atomic_fetch_sub_explicit(&host->inbound, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&host->turned_away, 1, memory_order_relaxed);
        return false;
    }
    size_t length = mail_encode(self, msg);
    sender_send_near(&self->sender, to, self->frame, length);
    return true;
}

/* To another process. The sender is a host of this thread: its counters are ours to write. */
static bool
mail_route_far(worker_t *self, const act_addr_t *to, const msg_t *msg)
{
    if (directory_node(&self->directory, to->node) == NULL) {
        return false;
    }
    size_t length = mail_encode(self, msg);
    bool sent = sender_send_far(&self->sender, &self->directory, to, self->frame, length);
    const host_t *from = self->shared->hosts[msg->from.kind][msg->from.thread];
    host_add(&from->metrics[metric_slot(sent ? METRIC_FAR_SENT : METRIC_FAR_REFUSED, 0)], 1);
    return sent;
}

bool
mail_route(worker_t *self, const act_addr_t *to, const msg_t *msg)
{
    if (to->kind >= ACT_KIND_COUNT || to->thread >= DIRECTORY_PLACES_MAX) {
        return false;
    }
    msg_t copy = *msg;
    memcpy(copy.key, to->key, sizeof copy.key);
    if (to->node != self->shared->node) {
        return mail_route_far(self, to, &copy);
    }
    host_t *host = self->shared->hosts[to->kind][to->thread];
    if (host == NULL || !(msg_infos[msg->type].heard_by & 1u << to->kind)) {
        return false; /* an address that somebody made up; other processes look for themselves */
    }
    return self->shared->workers[to->kind][to->thread] == self ? host_push(host, &copy)
                                                               : mail_route_near(self, host, to, &copy);
}

/* ---- in ---- */

bool
mail_open(worker_t *self, worker_host_t *host, uint16_t port, char *why, size_t why_size)
{
    char endpoint[64];
    int none = 0;
    sender_near_endpoint(host->host.kind->id, host->host.thread, endpoint, sizeof endpoint);
    host->near.socket = zmq_socket(self->shared->zmq, ZMQ_PULL);
    ACT_ASSERT(host->near.socket != NULL);
    zmq_setsockopt(host->near.socket, ZMQ_RCVHWM, &none, sizeof none);
    ACT_ASSERT(zmq_bind(host->near.socket, endpoint) == 0);
    if (self->shared->node == 0) {
        return true;
    }
    host->far.socket = socket_tcp_new(self->shared->zmq, ZMQ_PULL, MAIL_FAR_HIGH_WATER, WORKER_FRAME_MAX);
    host->port = socket_bind(host->far.socket, self->shared->curve, self->shared->host, port);
    if (host->port == 0) {
        snprintf(why, why_size, "could not listen on %s port %u for %s: %s", self->shared->host, port,
                 host->host.kind->name, zmq_strerror(errno));
        return false;
    }
    return true;
}

static void
mail_on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    ((worker_pull_t *)watcher->data)->arrived = true;
}

static void
mail_start_pull(worker_t *self, worker_pull_t *pull)
{
    if (pull->socket == NULL) {
        return;
    }
    int fd;
    size_t size = sizeof fd;
    zmq_getsockopt(pull->socket, ZMQ_FD, &fd, &size);
    ev_io_init(&pull->readable, mail_on_readable, fd, EV_READ);
    pull->readable.data = pull;
    ev_io_start(self->loop, &pull->readable);
    pull->arrived = true; /* the descriptor tells of changes only */
}

void
mail_start(worker_t *self, worker_host_t *host)
{
    mail_start_pull(self, &host->near);
    mail_start_pull(self, &host->far);
}

void
mail_stop(worker_t *self, worker_host_t *host)
{
    ev_io_stop(self->loop, &host->near.readable);
    ev_io_stop(self->loop, &host->far.readable);
}

void
mail_close(worker_host_t *host)
{
    worker_pull_t *pulls[] = {&host->near, &host->far};
    for (uint32_t i = 0; i < host->early.count; i++) {
        zmq_msg_close(&host->early.frames[i]);
    }
    free(host->early.frames);
    host->early = (worker_early_t){0};
    for (int i = 0; i < 2; i++) {
        if (pulls[i]->socket != NULL) {
            zmq_close(pulls[i]->socket);
            pulls[i]->socket = NULL;
        }
    }
}

/* Does the process that a frame names have the key that brought it? One that is not known yet may have any: nobody
 * answers it until it is. */
static bool
mail_is_from(const worker_t *self, uint32_t node, zmq_msg_t *frame)
{
    const directory_node_t *row = self->shared->curve != NULL ? directory_node(&self->directory, node) : NULL;
    return row == NULL || strcmp(row->public_key, curve_sender(frame)) == 0;
}

/* What another process sends may be anything. NULL: the message is good and *msg and self->body are filled. */
static const char *
mail_read_far(worker_t *self, const host_t *host, zmq_msg_t *frame, msg_t *msg)
{
    codec_fault_t fault;
    if (zmq_msg_more(frame)) {
        return "it has more than one frame";
    }
    if (!curve_admits(self->shared->curve, CURVE_PROCESSES, frame)) {
        return "the key of its sender is not allowed any more";
    }
    if (envelope_decode(zmq_msg_data(frame), zmq_msg_size(frame), self->env.now(self), msg, self->body, &fault) !=
        CODEC_OK) {
        return "it cannot be read";
    }
    const msg_info_t *info = &msg_infos[msg->type];
    bool answer = (info->answer && !info->addressed) || msg->type == MSG_ACT_NO_ANSWER;
    const char *wrong = !(info->heard_by & 1u << host->kind->id) ? "that actor does not hear messages of that type"
                        : msg->from.node == self->shared->node   ? "it says that it comes from this very process"
                        : !mail_is_from(self, msg->from.node, frame)
                            ? "it says that it comes from a process with another key"
                        : answer && msg->correlation == 0 ? "it answers nothing"
                                                          : NULL;
    if (wrong != NULL) {
        codec_release(info->type, self->body);
    }
    return wrong;
}

static void
mail_complain(worker_t *self, worker_host_t *host, const char *why)
{
    host_add(&host->host.metrics[metric_slot(METRIC_FAR_MALFORMED, 0)], 1);
    act_usec_t now = self->env.now(self);
    if (now - self->complained >= (act_usec_t)MAIL_COMPLAINT_SEC * ACT_SEC) {
        self->complained = now;
        log_event(LOG_WARN, "frame-refused", "a frame of another process was dropped",
                  LOG_S("for", host->host.kind->name), LOG_S("why", why),
                  LOG_S("hint", "who else can reach this port? playhouse_far_malformed_total counts them"));
    }
}

/* Drops the rest of a message of several frames. */
static void
mail_skip(void *socket, zmq_msg_t *frame)
{
    while (zmq_msg_more(frame) && zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) >= 0) {
    }
}

/* One more, of at most WORKER_EARLY_MAX. */
static void
mail_put_early(worker_early_t *early, zmq_msg_t *frame)
{
    if (early->frames == NULL) {
        early->frames = calloc(WORKER_EARLY_MAX, sizeof *early->frames);
        ACT_ASSERT(early->frames != NULL);
    }
    zmq_msg_init(&early->frames[early->count]);
    zmq_msg_move(&early->frames[early->count], frame);
    early->count++;
}

/* Keeps the frame of a process that is not in this thread's view yet, so that it can be answered. False: it is, or
 * there are too many. */
static bool
mail_keep_early(worker_t *self, worker_host_t *host, const msg_t *msg, zmq_msg_t *frame)
{
    worker_early_t *early = &host->early;
    if (msg->from.node == 0 || directory_node(&self->directory, msg->from.node) != NULL ||
        early->count == WORKER_EARLY_MAX) {
        return false;
    }
    if (early->count == 0) {
        early->until = self->env.now(self) + (act_usec_t)WORKER_EARLY_MSEC * ACT_MSEC;
    }
    mail_put_early(early, frame);
    return true;
}

/* `waits`: it may wait for word of its sender. */
static void
mail_take_frame(worker_t *self, worker_host_t *host, zmq_msg_t *frame, bool waits)
{
    msg_t msg;
    const char *wrong = mail_read_far(self, &host->host, frame, &msg);
    if (wrong != NULL) {
        mail_complain(self, host, wrong);
        mail_skip(host->far.socket, frame);
        return;
    }
    if (!waits || !mail_keep_early(self, host, &msg, frame)) {
        host_push(&host->host, &msg);
    }
    codec_release(msg_infos[msg.type].type, self->body);
}

static void
mail_take_far(worker_t *self, worker_host_t *host, zmq_msg_t *frame)
{
    mail_take_frame(self, host, frame, true);
}

void
mail_take_early(worker_t *self, worker_host_t *host)
{
    worker_early_t early = host->early;
    act_usec_t now = self->env.now(self);
    bool waits = now < early.until;
    host->early = (worker_early_t){0};
    uint32_t i = 0;
    for (; i < early.count && !host_is_full(&host->host); i++) {
        mail_take_frame(self, host, &early.frames[i], waits);
        zmq_msg_close(&early.frames[i]);
    }
    host->early.until = i < early.count ? now : early.until; /* the rest: as soon as there is room, before any other */
    for (; i < early.count; i++) {
        mail_put_early(&host->early, &early.frames[i]);
        zmq_msg_close(&early.frames[i]);
    }
    free(early.frames);
}

static void
mail_take_near(worker_t *self, worker_host_t *host, zmq_msg_t *frame)
{
    msg_t msg;
    codec_fault_t fault;
    atomic_fetch_sub_explicit(&host->host.inbound, 1, memory_order_relaxed);
    codec_error_t error =
        envelope_decode(zmq_msg_data(frame), zmq_msg_size(frame), self->env.now(self), &msg, self->body, &fault);
    ACT_ASSERT(error == CODEC_OK); /* inproc: written by this very program */
    host_push(&host->host, &msg);
    codec_release(msg_infos[msg.type].type, self->body);
}

/* What does not fit yet stays in the socket, where `inbound` or its high water mark bounds it. */
static bool
mail_drain_pull(worker_t *self, worker_host_t *host, worker_pull_t *pull,
                void (*take)(worker_t *, worker_host_t *, zmq_msg_t *))
{
    bool any = false;
    for (int i = 0; pull->arrived && i < HOST_BATCH_MAX && !host_is_full(&host->host); i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, pull->socket, ZMQ_DONTWAIT) < 0) {
            ACT_ASSERT(errno == EAGAIN || errno == EINTR);
            pull->arrived = errno == EINTR;
        } else {
            take(self, host, &frame);
            any = true;
        }
        zmq_msg_close(&frame);
    }
    return any;
}

bool
mail_drain(worker_t *self, worker_host_t *host)
{
    bool near = mail_drain_pull(self, host, &host->near, mail_take_near);
    return mail_drain_pull(self, host, &host->far, mail_take_far) || near;
}
