#include "broker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "worker.h"

enum {
    BROKER_STOP_SECONDS = 5,
    BROKER_MOVE_MSEC = 3000,    /* what keys have to move away before the stop */
    BROKER_SOCKETS_MAX = 16384, /* of ZeroMQ, in this process */
    BROKER_PLACEMENT_MAX = 512, /* bytes of broker.placement */
};

typedef struct broker_kind {
    const act_kind_t *kind;
    const void *config;
    uint8_t threads; /* placed so far */
} broker_kind_t;

struct broker {
    worker_shared_t shared;
    broker_kind_t kinds[ACT_KIND_COUNT];
    size_t kinds_count;
    worker_t *workers[WORKERS_MAX];
    size_t workers_count;
    const broker_node_t *options_node; /* NULL: it is alone */
    obj_node_row_t node;
    _Atomic bool leaving;
    bool started; /* all of it */
};

broker_t *
broker_new(void)
{
    broker_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->shared.zmq = zmq_ctx_new();
    ACT_ASSERT(self->shared.zmq != NULL);
    zmq_ctx_set(self->shared.zmq, ZMQ_IO_THREADS, 1); /* for other processes; inproc needs none */
    zmq_ctx_set(self->shared.zmq, ZMQ_MAX_SOCKETS, BROKER_SOCKETS_MAX);
    zmq_ctx_set(self->shared.zmq, ZMQ_BLOCKY, 0);
    pthread_mutex_init(&self->shared.view.lock, NULL);
    return self;
}

void
broker_add(broker_t *self, const act_kind_t *kind, const void *config)
{
    ACT_ASSERT(self->kinds_count < ACT_KIND_COUNT && self->workers_count == 0);
    self->kinds[self->kinds_count++] = (broker_kind_t){.kind = kind, .config = config};
}

/* ---- placement ---- */

static broker_kind_t *
broker_kind_named(broker_t *self, const char *name)
{
    for (size_t i = 0; i < self->kinds_count; i++) {
        if (strcmp(self->kinds[i].kind->name, name) == 0) {
            return &self->kinds[i];
        }
    }
    return NULL;
}

static bool
broker_place_kind(broker_t *self, worker_t *worker, broker_kind_t *placed, char *why, size_t why_size)
{
    act_kind_id_t id = placed->kind->id;
    const broker_node_t *node = self->options_node;
    uint32_t count = self->node.places_len;
    if (count == DIRECTORY_MAILBOXES_MAX) {
        snprintf(why, why_size, "more than %d mailboxes", DIRECTORY_MAILBOXES_MAX);
        return false;
    }
    uint16_t port = node != NULL && node->port != 0 ? (uint16_t)(node->port + count) : 0;
    if (!worker_add(worker, placed->kind, placed->config, placed->threads, port, why, why_size)) {
        return false;
    }
    worker_host_t *host = &worker->hosts[worker->hosts_count - 1];
    host->rank = (size_t)(placed - self->kinds);
    obj_node_place_t *place = &self->node.places[self->node.places_len++];
    *place = (obj_node_place_t){
        .thread = placed->threads, .port = host->port, .exclusive = node != NULL && (node->exclusive & 1u << id) != 0};
    snprintf(place->kind, sizeof place->kind, "%s", act_kind_names[id]);
    placed->threads++;
    return true;
}

static bool
broker_is_kind(const char *name)
{
    for (int i = 1; i < ACT_KIND_COUNT; i++) {
        if (strcmp(name, act_kind_names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The i-th thread of a group. Kinds that this process does not run are passed over. */
static bool
broker_place_thread(broker_t *self, const char *group, uint8_t i, char *why, size_t why_size)
{
    char names[BROKER_PLACEMENT_MAX], *rest = NULL;
    worker_t *worker = NULL;
    snprintf(names, sizeof names, "%s", group);
    for (char *name = strtok_r(names, "+", &rest); name != NULL; name = strtok_r(NULL, "+", &rest)) {
        broker_kind_t *kind = broker_kind_named(self, name);
        if (kind == NULL && broker_is_kind(name)) {
            continue;
        }
        if (kind == NULL || kind->threads != i) {
            snprintf(why, why_size, kind == NULL ? "there is no kind '%s'" : "'%s' is placed twice", name);
            return false;
        }
        if (worker == NULL) {
            if (self->workers_count == WORKERS_MAX) {
                snprintf(why, why_size, "more than %d threads", WORKERS_MAX);
                return false;
            }
            worker = self->workers[self->workers_count++] = worker_new(&self->shared);
        }
        if (!broker_place_kind(self, worker, kind, why, why_size)) {
            return false;
        }
    }
    return true;
}

/* One group, "room+persistence" or "room*2", makes as many threads as its number says. */
static bool
broker_place_group(broker_t *self, char *group, char *why, size_t why_size)
{
    unsigned long threads = 1;
    char *star = strchr(group, '*');
    if (star != NULL) {
        char *end;
        *star = '\0';
        threads = strtoul(star + 1, &end, 10);
        if (*end != '\0' || threads < 1 || threads > WORKERS_MAX) {
            snprintf(why, why_size, "the number of threads of '%s' must be 1 to %d", group, WORKERS_MAX);
            return false;
        }
    }
    for (unsigned long i = 0; i < threads; i++) {
        if (!broker_place_thread(self, group, (uint8_t)i, why, why_size)) {
            return false;
        }
    }
    return true;
}

static bool
broker_place(broker_t *self, const char *placement, char *why, size_t why_size)
{
    char groups[BROKER_PLACEMENT_MAX];
    if ((size_t)snprintf(groups, sizeof groups, "%s", placement) >= sizeof groups) {
        snprintf(why, why_size, "broker.placement is longer than %d bytes", BROKER_PLACEMENT_MAX - 1);
        return false;
    }
    char *rest = NULL;
    for (char *group = strtok_r(groups, " ", &rest); group != NULL; group = strtok_r(NULL, " ", &rest)) {
        if (!broker_place_group(self, group, why, why_size)) {
            return false;
        }
    }
    for (size_t i = 0; i < self->kinds_count; i++) {
        if (self->kinds[i].threads == 0) {
            char name[32];
            snprintf(name, sizeof name, "%s", self->kinds[i].kind->name);
            if (!broker_place_group(self, name, why, why_size)) {
                return false;
            }
        }
    }
    return true;
}

unsigned
broker_threads_of(const char *placement, const char *kind)
{
    size_t length = strlen(kind);
    for (const char *at = strstr(placement, kind); at != NULL; at = strstr(at + 1, kind)) {
        bool starts = at == placement || at[-1] == ' ' || at[-1] == '+';
        if (starts && strchr(" +*", at[length]) != NULL) { /* the NUL at the end is found too */
            const char *star = at + strcspn(at, " *");
            unsigned long threads = *star == '*' ? strtoul(star + 1, NULL, 10) : 1;
            return threads >= 1 && threads <= WORKERS_MAX ? (unsigned)threads : 1;
        }
    }
    return 1;
}

/* ---- start and stop ---- */

/* Kinds others need first come first: a worker is started when its earliest kind is due. */
static const char *
broker_start_workers(broker_t *self)
{
    for (size_t k = 0; k < self->kinds_count; k++) {
        for (uint8_t thread = 0; thread < self->kinds[k].threads; thread++) {
            worker_t *worker = self->shared.workers[self->kinds[k].kind->id][thread];
            const char *failed = worker->started ? NULL : worker_start(worker);
            if (failed != NULL) {
                return failed;
            }
        }
    }
    return NULL;
}

/* Who this is, but for its places. */
static void
broker_name(broker_t *self, const broker_node_t *node)
{
    self->options_node = node;
    if (node == NULL) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint32_t drawn = 0;
    while (drawn == 0) { /* 0 is who is alone */
        ACT_ASSERT(getrandom(&drawn, sizeof drawn, 0) == sizeof drawn);
        drawn &= (1u << 30) - 1;
    }
    self->node.id = drawn;
    self->node.incarnation = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    snprintf(self->node.name, sizeof self->node.name, "%s", node->name);
    snprintf(self->node.host, sizeof self->node.host, "%s", node->host);
    snprintf(self->node.roles, sizeof self->node.roles, "%s", node->roles);
    self->node.has_public_key = node->curve != NULL;
    snprintf(self->node.public_key, sizeof self->node.public_key, "%s", curve_public(node->curve));
    self->shared.node = drawn;
    self->shared.host = self->node.host;
    self->shared.curve = node->curve;
}

/* Until the first view comes, this process is all there is. */
static void
broker_publish_self(broker_t *self)
{
    directory_t *directory = calloc(1, sizeof *directory);
    ACT_ASSERT(directory != NULL);
    directory->self = self->shared.node;
    directory_add_row(directory, &self->node);
    directory_settle(directory);
    broker_publish(self, directory);
    free(directory);
}

bool
broker_start(broker_t *self, const broker_options_t *options, char *why, size_t why_size)
{
    /* Signals are for the thread that started us. */
    sigset_t all, before;
    sigfillset(&all);
    self->shared.mailbox_max = options->mailbox_max;
    broker_name(self, options->node);
    if (!broker_place(self, options->placement, why, why_size)) {
        return false;
    }
    broker_publish_self(self);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const char *failed = broker_start_workers(self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != NULL) {
        snprintf(why, why_size, "%s did not start", failed);
        broker_stop(self);
        return false;
    }
    self->started = true;
    return true;
}

/* Says that it leaves, and waits until what it had is elsewhere. */
static void
broker_leave(broker_t *self)
{
    atomic_store(&self->leaving, true);
    worker_nudge(&self->shared, self->workers, self->workers_count);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t start = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, msec = start;
    for (size_t i = 0; i < self->workers_count; i++) {
        int64_t left = start + BROKER_MOVE_MSEC - msec;
        if (!worker_move_away(self->workers[i], left > 0 ? left : 0)) {
            log_event(LOG_WARN, "keys-not-moved", "this process ends with keys that others have not taken over yet",
                      LOG_N("waitedMsec", BROKER_MOVE_MSEC));
            return;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        msec = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }
}

bool
broker_stop(broker_t *self)
{
    if (self->options_node != NULL && self->started) {
        broker_leave(self);
    }
    for (size_t k = self->kinds_count; k-- > 0;) {
        for (uint8_t thread = 0; thread < self->kinds[k].threads; thread++) {
            act_kind_id_t id = self->kinds[k].kind->id;
            if (!worker_stop_kind(self->shared.workers[id][thread], id, BROKER_STOP_SECONDS)) {
                log_event(LOG_ERROR, "actor-stuck", "an actor did not stop in time",
                          LOG_S("actor", self->kinds[k].kind->name), LOG_N("thread", thread),
                          LOG_N("seconds", BROKER_STOP_SECONDS));
                return false;
            }
        }
    }
    bool quit = true;
    for (size_t i = 0; i < self->workers_count; i++) {
        quit &= worker_quit(self->workers[i], BROKER_STOP_SECONDS);
    }
    return quit;
}

void
broker_destroy(broker_t **self_p)
{
    broker_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->workers_count; i++) {
        worker_destroy(&self->workers[i]);
    }
    zmq_ctx_term(self->shared.zmq);
    pthread_mutex_destroy(&self->shared.view.lock);
    free(self);
    *self_p = NULL;
}

/* ---- among others ---- */

const obj_node_row_t *
broker_self(const broker_t *self)
{
    return &self->node;
}

void *
broker_zmq(broker_t *self)
{
    return self->shared.zmq;
}

curve_t *
broker_curve(const broker_t *self)
{
    return self->shared.curve;
}

void
broker_publish(broker_t *self, const directory_t *directory)
{
    worker_publish(&self->shared, self->workers, self->workers_count, directory);
}

bool
broker_has(broker_t *self, act_kind_id_t kind)
{
    act_addr_t to;
    pthread_mutex_lock(&self->shared.view.lock);
    bool has = directory_owner(&self->shared.view.directory, kind, "", &to);
    pthread_mutex_unlock(&self->shared.view.lock);
    return has;
}

bool
broker_is_leaving(const broker_t *self)
{
    return atomic_load(&self->leaving);
}

static size_t
broker_read_stats(void *me, stats_row_t *rows, size_t capacity)
{
    broker_t *self = me;
    size_t count = 0;
    for (size_t w = 0; w < self->workers_count; w++) {
        for (size_t h = 0; h < self->workers[w]->hosts_count; h++) {
            if (count < capacity) {
                host_stats(&self->workers[w]->hosts[h].host, &rows[count]);
            }
            count++;
        }
    }
    return count < capacity ? count : capacity;
}

stats_source_t
broker_stats(broker_t *self)
{
    return (stats_source_t){.read = broker_read_stats, .self = self};
}
