#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "envelope.h"

/* ---- environment of the hosts ---- */

static act_usec_t
worker_now(void *self)
{
    (void)self;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (act_usec_t)now.tv_sec * ACT_SEC + now.tv_nsec / 1000;
}

static int64_t
worker_wall_msec(void *self)
{
    (void)self;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
worker_secret(void *self, void *bytes, size_t length)
{
    (void)self;
    for (size_t done = 0; done < length;) {
        ssize_t n = getrandom((uint8_t *)bytes + done, length - done, 0);
        ACT_ASSERT(n > 0 || errno == EINTR);
        done += n > 0 ? (size_t)n : 0;
    }
}

static bool
worker_owner(void *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    return directory_owner(&((worker_t *)self)->shared->directory, kind, key, to);
}

static bool
worker_owner_before(void *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    (void)self;
    (void)kind;
    (void)key;
    (void)to;
    return false;
}

static bool
worker_reaches(void *self, uint32_t node)
{
    (void)self;
    return node == 0;
}

static void
worker_endpoint(act_kind_id_t kind, unsigned thread, char *text, size_t size)
{
    snprintf(text, size, "inproc://%s-%u", act_kind_names[kind], thread);
}

static void *
worker_outbox(worker_t *self, const act_addr_t *to)
{
    void **push = &self->push[to->kind][to->thread];
    if (*push == NULL) {
        char endpoint[64];
        worker_endpoint(to->kind, to->thread, endpoint, sizeof endpoint);
        int none = 0, linger = 0;
        *push = zmq_socket(self->shared->zmq, ZMQ_PUSH);
        ACT_ASSERT(*push != NULL);
        zmq_setsockopt(*push, ZMQ_SNDHWM, &none, sizeof none); /* bounded by the receiver's `inbound` */
        zmq_setsockopt(*push, ZMQ_LINGER, &linger, sizeof linger);
        ACT_ASSERT(zmq_connect(*push, endpoint) == 0);
    }
    return *push;
}

static size_t
worker_encode(worker_t *self, const msg_t *msg)
{
    for (;;) {
        size_t length = envelope_encode(msg, worker_now(self), self->frame, self->frame_capacity);
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

static bool
worker_route(void *me, const act_addr_t *to, const msg_t *msg)
{
    worker_t *self = me;
    host_t *host = to->node == 0 && to->kind < ACT_KIND_COUNT && to->thread < DIRECTORY_PLACES_MAX
                       ? self->shared->hosts[to->kind][to->thread]
                       : NULL;
    if (host == NULL) {
        return false;
    }
    msg_t copy = *msg;
    memcpy(copy.key, to->key, sizeof copy.key);
    if (self->shared->workers[to->kind][to->thread] == self) {
        return host_push(host, &copy);
    }
    if (atomic_fetch_add_explicit(&host->inbound, 1, memory_order_relaxed) >= self->shared->mailbox_max) {
        atomic_fetch_sub_explicit(&host->inbound, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&host->turned_away, 1, memory_order_relaxed);
        return false;
    }
    size_t length = worker_encode(self, &copy);
    int sent = zmq_send(worker_outbox(self, to), self->frame, length, ZMQ_DONTWAIT);
    ACT_ASSERT(sent == (int)length);
    return true;
}

/* ---- the loop ---- */

/* Moves what has come from other threads into the mailbox. False: nothing there. */
static bool
worker_drain(worker_t *self, worker_host_t *host)
{
    bool any = false;
    /* What does not fit yet stays in the socket, where `inbound` bounds it. */
    for (int i = 0; host->arrived && i < HOST_BATCH_MAX && !host_is_full(&host->host); i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, host->pull, ZMQ_DONTWAIT) < 0) {
            ACT_ASSERT(errno == EAGAIN || errno == EINTR);
            host->arrived = errno == EINTR;
        } else {
            msg_t msg;
            codec_fault_t fault;
            atomic_fetch_sub_explicit(&host->host.inbound, 1, memory_order_relaxed);
            codec_error_t error =
                envelope_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), worker_now(self), &msg, self->body, &fault);
            ACT_ASSERT(error == CODEC_OK); /* inproc: written by this very program */
            host_push(&host->host, &msg);
            codec_release(msg_infos[msg.type].type, self->body);
            any = true;
        }
        zmq_msg_close(&frame);
    }
    return any;
}

static void
worker_on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)events;
    worker_t *self = watcher->data;
    bool worked = true;
    for (int round = 0; worked && round < WORKER_ROUNDS_MAX; round++) {
        worked = false;
        for (size_t i = 0; i < self->hosts_count; i++) {
            if (self->hosts[i].running) {
                worked |= worker_drain(self, &self->hosts[i]);
                worked |= host_turn(&self->hosts[i].host);
            }
        }
    }
    act_usec_t due = INT64_MAX;
    for (size_t i = 0; i < self->hosts_count; i++) {
        act_usec_t next = self->hosts[i].running ? host_due(&self->hosts[i].host) : INT64_MAX;
        due = next < due ? next : due;
    }
    if (worked) {
        ev_idle_start(loop, &self->idle); /* do not block: there is more to do */
    } else {
        ev_idle_stop(loop, &self->idle);
    }
    if (due != INT64_MAX) {
        act_usec_t wait = due - worker_now(self);
        /* libev counts from the time it last looked. */
        ev_now_update(loop);
        self->timer.repeat = wait > 0 ? (double)wait / ACT_SEC : 1e-6;
        ev_timer_again(loop, &self->timer);
    } else {
        ev_timer_stop(loop, &self->timer);
    }
}

static void
worker_on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    ((worker_host_t *)watcher->data)->arrived = true;
}

static void
worker_on_idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

static void
worker_on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    ev_timer_stop(loop, watcher); /* prepare looks for what is due and arms it again */
}

static void
worker_stop_host(worker_t *self, worker_host_t *host)
{
    if (!host->running) {
        return;
    }
    host->arrived = true; /* what was sent may be here before its descriptor has said so */
    while (worker_drain(self, host) || host_turn(&host->host)) {
    }
    host_stop(&host->host);
    host->running = false;
    ev_io_stop(self->loop, &host->readable);
}

static void
worker_on_control(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)events;
    worker_t *self = watcher->data;
    pthread_mutex_lock(&self->lock);
    if (self->order == WORKER_STOP_KIND) {
        for (size_t i = 0; i < self->hosts_count; i++) {
            if (self->hosts[i].host.kind->id == self->order_kind) {
                worker_stop_host(self, &self->hosts[i]);
            }
        }
    } else if (self->order == WORKER_QUIT) {
        ev_break(loop, EVBREAK_ALL);
    }
    self->order = WORKER_RUN;
    self->done = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static const char *
worker_start_hosts(worker_t *self)
{
    for (size_t i = 0; i < self->hosts_count; i++) {
        worker_host_t *host = &self->hosts[i];
        int fd;
        size_t size = sizeof fd;
        zmq_getsockopt(host->pull, ZMQ_FD, &fd, &size);
        ev_io_init(&host->readable, worker_on_readable, fd, EV_READ);
        host->readable.data = host;
        ev_io_start(self->loop, &host->readable);
        host->arrived = true; /* the descriptor tells of changes only */
        host->running = true;
        if (!host_start(&host->host)) {
            return host->host.kind->name;
        }
    }
    return NULL;
}

static void *
worker_main(void *me)
{
    worker_t *self = me;
    const char *failed = worker_start_hosts(self);
    pthread_mutex_lock(&self->lock);
    self->failed = failed;
    self->done = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    ev_run(self->loop, 0);
    for (size_t i = 0; i < self->hosts_count; i++) {
        if (self->hosts[i].running) {
            host_stop(&self->hosts[i].host);
            ev_io_stop(self->loop, &self->hosts[i].readable);
        }
        zmq_close(self->hosts[i].pull);
        self->hosts[i].pull = NULL;
    }
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        for (int thread = 0; thread < DIRECTORY_PLACES_MAX; thread++) {
            if (self->push[kind][thread] != NULL) {
                zmq_close(self->push[kind][thread]);
            }
        }
    }
    return NULL;
}

/* ---- made, started and stopped by another thread ---- */

worker_t *
worker_new(worker_shared_t *shared)
{
    worker_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->shared = shared;
    self->loop = ev_loop_new(EVFLAG_AUTO);
    ACT_ASSERT(self->loop != NULL);
    self->frame_capacity = 65536;
    self->frame = malloc(self->frame_capacity);
    self->body = aligned_alloc(64, (MSG_BODY_MAX + 63) / 64 * 64);
    ACT_ASSERT(self->frame != NULL && self->body != NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    self->env = (host_env_t){.self = self,
                             .now = worker_now,
                             .wall_msec = worker_wall_msec,
                             .secret = worker_secret,
                             .owner = worker_owner,
                             .owner_before = worker_owner_before,
                             .reaches = worker_reaches,
                             .route = worker_route,
                             .loop = self->loop};
    ev_prepare_init(&self->prepare, worker_on_prepare);
    self->prepare.data = self;
    ev_set_priority(&self->prepare, EV_MINPRI); /* after libraries' own preparation */
    ev_prepare_start(self->loop, &self->prepare);
    ev_idle_init(&self->idle, worker_on_idle);
    ev_init(&self->timer, worker_on_timer);
    ev_async_init(&self->control, worker_on_control);
    self->control.data = self;
    ev_async_start(self->loop, &self->control);
    return self;
}

void
worker_destroy(worker_t **self_p)
{
    worker_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->hosts_count; i++) {
        host_fini(&self->hosts[i].host);
        if (self->hosts[i].pull != NULL) { /* its thread was never started */
            zmq_close(self->hosts[i].pull);
        }
    }
    ev_loop_destroy(self->loop);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free(self->frame);
    free(self->body);
    free(self);
    *self_p = NULL;
}

void
worker_add(worker_t *self, const act_kind_t *kind, const void *config, uint8_t thread)
{
    ACT_ASSERT(self->hosts_count < WORKER_HOSTS_MAX);
    worker_host_t *host = &self->hosts[self->hosts_count++];
    host->worker = self;
    host_init(&host->host, kind, config, &self->env, 0, thread, self->shared->mailbox_max, 0);
    char endpoint[64];
    int none = 0;
    worker_endpoint(kind->id, thread, endpoint, sizeof endpoint);
    host->pull = zmq_socket(self->shared->zmq, ZMQ_PULL);
    ACT_ASSERT(host->pull != NULL);
    zmq_setsockopt(host->pull, ZMQ_RCVHWM, &none, sizeof none);
    ACT_ASSERT(zmq_bind(host->pull, endpoint) == 0);
    self->shared->hosts[kind->id][thread] = &host->host;
    self->shared->workers[kind->id][thread] = self;
}

/* Waits for `done`, with the lock held. */
static bool
worker_await(worker_t *self, int seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    while (!self->done) {
        if (pthread_cond_timedwait(&self->changed, &self->lock, &until) == ETIMEDOUT) {
            return self->done;
        }
    }
    return true;
}

const char *
worker_start(worker_t *self)
{
    int error = pthread_create(&self->thread, NULL, worker_main, self);
    ACT_ASSERT(error == 0);
    self->started = true;
    pthread_mutex_lock(&self->lock);
    bool done = worker_await(self, 30);
    const char *failed = done ? self->failed : "a thread that does not come up within 30 s";
    pthread_mutex_unlock(&self->lock);
    return failed;
}

static bool
worker_order(worker_t *self, int order, act_kind_id_t kind, int seconds)
{
    pthread_mutex_lock(&self->lock);
    self->order = order;
    self->order_kind = kind;
    self->done = false;
    ev_async_send(self->loop, &self->control);
    bool done = worker_await(self, seconds);
    pthread_mutex_unlock(&self->lock);
    return done;
}

bool
worker_stop_kind(worker_t *self, act_kind_id_t kind, int seconds)
{
    return !self->started || worker_order(self, WORKER_STOP_KIND, kind, seconds);
}

bool
worker_quit(worker_t *self, int seconds)
{
    if (!self->started) {
        return true;
    }
    if (!worker_order(self, WORKER_QUIT, ACT_KIND_NONE, seconds)) {
        return false;
    }
    pthread_join(self->thread, NULL);
    self->started = false;
    return true;
}
