/*
 * worker -- one thread: an event loop, the hosts that share it, and their sockets to other threads.
 *
 * A message to a host of the same thread is a copied struct in its mailbox. To another thread it is encoded once and
 * pushed into the PULL socket of that host (mail.c, sender.c). Between two turns the thread takes over what has become
 * known of who is there (worker_publish).
 */
#ifndef PLAYHOUSE_WORKER_H
#define PLAYHOUSE_WORKER_H

#include <ev.h>
#include <pthread.h>
#include <zmq.h>

#include "directory.h"
#include "host.h"
#include "sender.h"

enum {
    WORKER_HOSTS_MAX = 16,         /* kinds on one thread */
    WORKERS_MAX = 64,              /* threads of a process */
    WORKER_ROUNDS_MAX = 16,        /* turns of all hosts before sockets are looked at again */
    WORKER_STOP_ROUNDS_MAX = 1024, /* turns of a host that is to stop, while others still send to it */
    WORKER_FRAME_MAX = SENDER_FRAME_MAX,
    WORKER_EARLY_MAX = 1024,  /* frames that wait for word of their sender; one more is taken as it is */
    WORKER_EARLY_MSEC = 1000, /* how long they do */
    WORKER_MOVED_MSEC = 10,   /* between two looks whether all keys have moved away */
};

typedef struct worker worker_t;

/* What the threads of a process share; but for `view`, written before they start, then only read. */
typedef struct worker_shared {
    void *zmq;
    uint32_t node;    /* this process; 0: it is alone */
    const char *host; /* where its mailboxes are bound when it is not */
    curve_t *curve;   /* NULL: nobody */
    struct {
        pthread_mutex_t lock;
        directory_t directory; /* under lock */
        _Atomic uint64_t version;
    } view;
    host_t *hosts[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX]; /* by kind and thread number */
    worker_t *workers[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX];
    size_t mailbox_max;
} worker_shared_t;

typedef struct worker_pull {
    void *socket;
    ev_io readable;
    bool arrived; /* it may hold messages */
} worker_pull_t;

/* Frames of processes that this thread has not heard of yet: they have heard of it a moment earlier. */
typedef struct worker_early {
    zmq_msg_t *frames; /* WORKER_EARLY_MAX, made at the first one */
    uint32_t count;
    act_usec_t until; /* when they are taken as they are */
} worker_early_t;

typedef struct worker_host {
    host_t host;
    worker_pull_t near, far; /* from other threads; from other processes: NULL when it is alone */
    uint16_t port;           /* of `far` */
    worker_early_t early;
    size_t rank; /* those of a thread are started by rising rank */
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
    sender_t sender;
    directory_t directory; /* this thread's own copy, of `version` */
    directory_history_t history;
    uint64_t version;
    act_usec_t complained; /* when the log last heard of a frame that could not be read */
    ev_async news;         /* there is a newer view */
    ev_timer moving;       /* looks whether all keys have moved away */
    uint8_t *frame;        /* scratch for encoding */
    size_t frame_capacity;
    void *body; /* scratch for decoding: MSG_BODY_MAX bytes */
    bool started;
    /* What the starting thread asks of this one and hears from it; under `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum { WORKER_RUN, WORKER_MOVE_AWAY, WORKER_STOP_KIND, WORKER_QUIT } order;
    act_kind_id_t order_kind;
    bool done;
    const char *failed; /* the kind whose init failed, or NULL */
};

worker_t *worker_new(worker_shared_t *shared);
/* After its thread has ended. */
void worker_destroy(worker_t **self_p);
/* Adds a host; binds its mailbox, when there are other processes to this TCP port of shared->host too (0: any). False:
 * `why` says why not. */
bool worker_add(worker_t *self, const act_kind_t *kind, const void *config, uint8_t thread, uint16_t port, char *why,
                size_t why_size);
/* Starts the thread and waits until its sharded states are made. Returns the name of a kind that failed, or NULL. */
const char *worker_start(worker_t *self);
/* Waits until no state here has a key that belongs elsewhere. False: there still is one after `msec`. */
bool worker_move_away(worker_t *self, int64_t msec);
/* Stops every host of a kind on this thread. False: not within `seconds`. */
bool worker_stop_kind(worker_t *self, act_kind_id_t kind, int seconds);
bool worker_quit(worker_t *self, int seconds);

/* From any thread: this is who is there now. The workers take it over between two turns and tell every state. */
void worker_publish(worker_shared_t *shared, worker_t *const *workers, size_t count, const directory_t *directory);
/* The same without anything new: every state looks again. */
void worker_nudge(worker_shared_t *shared, worker_t *const *workers, size_t count);

#endif
