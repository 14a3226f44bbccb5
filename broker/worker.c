#include "worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "mail.h"

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
    return directory_owner(&((worker_t *)self)->directory, kind, key, to);
}

static bool
worker_owner_before(void *me, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    const worker_t *self = me;
    return directory_owner_before(&self->directory, &self->history, kind, key, to);
}

static bool
worker_reaches(void *me, uint32_t node)
{
    const worker_t *self = me;
    return node == self->shared->node || directory_node(&self->directory, node) != NULL;
}

static bool
worker_route(void *self, const act_addr_t *to, const msg_t *msg)
{
    return mail_route(self, to, msg);
}

/* ---- who is there ---- */

void
worker_nudge(worker_shared_t *shared, worker_t *const *workers, size_t count)
{
    atomic_fetch_add_explicit(&shared->view.version, 1, memory_order_release);
    for (size_t i = 0; i < count; i++) {
        ev_async_send(workers[i]->loop, &workers[i]->news);
    }
}

void
worker_publish(worker_shared_t *shared, worker_t *const *workers, size_t count, const directory_t *directory)
{
    pthread_mutex_lock(&shared->view.lock);
    shared->view.directory = *directory;
    pthread_mutex_unlock(&shared->view.lock);
    worker_nudge(shared, workers, count);
}

/* Takes over what was published last. False: nothing new. */
static bool
worker_look(worker_t *self)
{
    if (atomic_load_explicit(&self->shared->view.version, memory_order_relaxed) == self->version) {
        return false;
    }
    directory_t before = self->directory;
    pthread_mutex_lock(&self->shared->view.lock);
    self->directory = self->shared->view.directory;
    self->version = atomic_load_explicit(&self->shared->view.version, memory_order_relaxed);
    pthread_mutex_unlock(&self->shared->view.lock);
    directory_remember(&self->history, &before, &self->directory);
    return true;
}

static void
worker_tell(worker_t *self)
{
    sender_prune(&self->sender, &self->directory);
    for (size_t i = 0; i < self->hosts_count; i++) {
        if (self->hosts[i].running) {
            host_view(&self->hosts[i].host);
            mail_take_early(self, &self->hosts[i]);
        }
    }
}

/* ---- the loop ---- */

static act_usec_t
worker_early_due(const worker_host_t *host)
{
    return host->early.count > 0 ? host->early.until : INT64_MAX;
}

/* When something is due on this thread that nothing else wakes it for. */
static act_usec_t
worker_due(const worker_t *self)
{
    act_usec_t due = INT64_MAX;
    for (size_t i = 0; i < self->hosts_count; i++) {
        const worker_host_t *host = &self->hosts[i];
        if (host->running) {
            act_usec_t next = host_due(&host->host), early = worker_early_due(host);
            due = next < due ? next : due;
            due = early < due ? early : due;
        }
    }
    return due;
}

static void
worker_on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)events;
    worker_t *self = watcher->data;
    if (worker_look(self)) {
        worker_tell(self);
    }
    bool worked = true;
    for (int round = 0; worked && round < WORKER_ROUNDS_MAX; round++) {
        worked = false;
        for (size_t i = 0; i < self->hosts_count; i++) {
            if (self->hosts[i].running) {
                if (self->hosts[i].early.count > 0 && self->hosts[i].early.until <= worker_now(self)) {
                    mail_take_early(self, &self->hosts[i]);
                }
                worked |= mail_drain(self, &self->hosts[i]);
                worked |= host_turn(&self->hosts[i].host);
            }
        }
    }
    act_usec_t due = worker_due(self);
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
worker_on_idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

static void
worker_on_news(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)loop; /* waking the loop is all it is for: prepare looks */
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
    host->near.arrived = true; /* what was sent may be here before its descriptor has said so */
    host->far.arrived = host->far.socket != NULL;
    bool more = true;
    for (int i = 0; i < WORKER_STOP_ROUNDS_MAX && more; i++) {
        host->early.until = 0; /* nobody is waited for any more */
        mail_take_early(self, host);
        more = mail_drain(self, host);
        more |= host_turn(&host->host) || host->early.count > 0;
    }
    host_stop(&host->host);
    host->running = false;
    mail_stop(self, host);
}

/* Tells whoever gave an order that it is done. With the lock held. */
static void
worker_report(worker_t *self)
{
    self->order = WORKER_RUN;
    self->done = true;
    pthread_cond_signal(&self->changed);
}

static void
worker_on_moving(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    worker_t *self = watcher->data;
    const directory_node_t *node = directory_node(&self->directory, self->shared->node);
    bool moved = node != NULL && node->leaving;
    for (size_t i = 0; moved && i < self->hosts_count; i++) {
        moved = !host_has_strangers(&self->hosts[i].host);
    }
    if (moved) {
        ev_timer_stop(loop, watcher);
        pthread_mutex_lock(&self->lock);
        if (self->order == WORKER_MOVE_AWAY) {
            worker_report(self);
        }
        pthread_mutex_unlock(&self->lock);
    }
}

static void
worker_on_control(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)events;
    worker_t *self = watcher->data;
    pthread_mutex_lock(&self->lock);
    if (self->order == WORKER_MOVE_AWAY) {
        ev_timer_again(loop, &self->moving); /* it reports */
        pthread_mutex_unlock(&self->lock);
        return;
    }
    ev_timer_stop(loop, &self->moving);
    if (self->order == WORKER_STOP_KIND) {
        for (size_t i = 0; i < self->hosts_count; i++) {
            if (self->hosts[i].host.kind->id == self->order_kind) {
                worker_stop_host(self, &self->hosts[i]);
            }
        }
    } else if (self->order == WORKER_QUIT) {
        ev_break(loop, EVBREAK_ALL);
    }
    worker_report(self);
    pthread_mutex_unlock(&self->lock);
}

/* The next to start: whom others need comes first, however they are placed. NULL: all run. */
static worker_host_t *
worker_next_host(worker_t *self)
{
    worker_host_t *next = NULL;
    for (size_t i = 0; i < self->hosts_count; i++) {
        worker_host_t *host = &self->hosts[i];
        if (!host->running && (next == NULL || host->rank < next->rank)) {
            next = host;
        }
    }
    return next;
}

static const char *
worker_start_hosts(worker_t *self)
{
    for (worker_host_t *host; (host = worker_next_host(self)) != NULL;) {
        mail_start(self, host);
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
    worker_look(self);
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
            mail_stop(self, &self->hosts[i]);
        }
        mail_close(&self->hosts[i]);
    }
    sender_fini(&self->sender);
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
    sender_init(&self->sender, shared->zmq, shared->curve);
    ev_async_init(&self->news, worker_on_news);
    ev_async_start(self->loop, &self->news);
    ev_init(&self->moving, worker_on_moving);
    self->moving.data = self;
    self->moving.repeat = WORKER_MOVED_MSEC / 1000.0;
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
        mail_close(&self->hosts[i]); /* if its thread was never started */
    }
    ev_loop_destroy(self->loop);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free(self->frame);
    free(self->body);
    free(self);
    *self_p = NULL;
}

bool
worker_add(worker_t *self, const act_kind_t *kind, const void *config, uint8_t thread, uint16_t port, char *why,
           size_t why_size)
{
    ACT_ASSERT(self->hosts_count < WORKER_HOSTS_MAX);
    worker_host_t *host = &self->hosts[self->hosts_count++];
    host_init(&host->host, kind, config, &self->env, self->shared->node, thread, self->shared->mailbox_max, 0);
    self->shared->hosts[kind->id][thread] = &host->host;
    self->shared->workers[kind->id][thread] = self;
    return mail_open(self, host, port, why, why_size);
}

/* Waits for `done`, with the lock held. */
static bool
worker_await(worker_t *self, int64_t msec)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(msec / 1000) + (until.tv_nsec + msec % 1000 * 1000000 >= 1000000000);
    until.tv_nsec = (until.tv_nsec + msec % 1000 * 1000000) % 1000000000;
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
    bool done = worker_await(self, 30000);
    const char *failed = done ? self->failed : "a thread that does not come up within 30 s";
    pthread_mutex_unlock(&self->lock);
    return failed;
}

static bool
worker_order(worker_t *self, int order, act_kind_id_t kind, int64_t msec)
{
    pthread_mutex_lock(&self->lock);
    self->order = order;
    self->order_kind = kind;
    self->done = false;
    ev_async_send(self->loop, &self->control);
    bool done = worker_await(self, msec);
    pthread_mutex_unlock(&self->lock);
    return done;
}

bool
worker_move_away(worker_t *self, int64_t msec)
{
    return !self->started || worker_order(self, WORKER_MOVE_AWAY, ACT_KIND_NONE, msec);
}

bool
worker_stop_kind(worker_t *self, act_kind_id_t kind, int seconds)
{
    return !self->started || worker_order(self, WORKER_STOP_KIND, kind, seconds * 1000L);
}

bool
worker_quit(worker_t *self, int seconds)
{
    if (!self->started) {
        return true;
    }
    if (!worker_order(self, WORKER_QUIT, ACT_KIND_NONE, seconds * 1000L)) {
        return false;
    }
    pthread_join(self->thread, NULL);
    self->started = false;
    return true;
}
