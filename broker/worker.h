/*
 * worker -- one thread: an event loop, the hosts that share it, and their sockets to other threads.
 *
 * A message to a host of the same thread is a copied struct in its mailbox. To another thread it is encoded once and
 * pushed into the PULL socket of that host: one PUSH per host that is spoken to, made at first use.
 */
#ifndef PLAYHOUSE_WORKER_H
#define PLAYHOUSE_WORKER_H

#include <ev.h>
#include <pthread.h>

#include "directory.h"
#include "host.h"

enum {
    WORKER_HOSTS_MAX = 16,  /* kinds on one thread */
    WORKERS_MAX = 64,       /* threads of a process */
    WORKER_ROUNDS_MAX = 16, /* turns of all hosts before sockets are looked at again */
    WORKER_FRAME_MAX = 4 << 20,
};

typedef struct worker worker_t;

/* What the threads of a process share; written before they start, then only read. */
typedef struct worker_shared {
    void *zmq;
    directory_t directory;
    host_t *hosts[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX]; /* by kind and thread number */
    worker_t *workers[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX];
    size_t mailbox_max;
} worker_shared_t;

typedef struct worker_host {
    host_t host;
    worker_t *worker;
    void *pull;
    ev_io readable;
    bool arrived; /* the PULL socket may hold messages */
    bool running;
} worker_host_t;

struct worker {
    worker_shared_t *shared;
    pthread_t thread;
    struct ev_loop *loop;
    ev_prepare prepare;
    ev_idle idle;
    ev_timer timer;
    ev_async control;
    host_env_t env;
    worker_host_t hosts[WORKER_HOSTS_MAX];
    size_t hosts_count;
    void *push[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX];
    uint8_t *frame; /* scratch for encoding */
    size_t frame_capacity;
    void *body; /* scratch for decoding: MSG_BODY_MAX bytes */
    bool started;
    /* What the starting thread asks of this one and hears from it; under `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { WORKER_RUN, WORKER_STOP_KIND, WORKER_QUIT } order;
    act_kind_id_t order_kind;
    bool done;
    const char *failed; /* the kind whose init failed, or NULL */
};

worker_t *worker_new(worker_shared_t *shared);
/* After its thread has ended. */
void worker_destroy(worker_t **self_p);
/* Adds a host; binds its mailbox. */
void worker_add(worker_t *self, const act_kind_t *kind, const void *config, uint8_t thread);
/* Starts the thread and waits until its sharded states are made. Returns the name of a kind that failed, or NULL. */
const char *worker_start(worker_t *self);
/* Stops every host of a kind on this thread. False: not within `seconds`. */
bool worker_stop_kind(worker_t *self, act_kind_id_t kind, int seconds);
bool worker_quit(worker_t *self, int seconds);

#endif
