/*
 * host -- one kind on one thread: its mailbox, its states by key, their timers and the requests they wait for. It is
 * what act.h talks to. A thread (worker.c) or the simulator (sim.c) drives it and gives it an environment: so the
 * same code runs an actor in both.
 */
#ifndef PLAYHOUSE_HOST_H
#define PLAYHOUSE_HOST_H

#include "act.h"
#include "heap.h"
#include "mailbox.h"
#include "recorder.h"
#include "stats.h"

enum {
    HOST_BATCH_MAX = 1024,   /* messages handled before flush; more wait for the next turn */
    HOST_STATES_MAX = 65536, /* keys of one kind on one thread; over it, messages to new keys are refused */
    HOST_BUCKETS = 1024,     /* of the hash of keys; of the hash of requests */
};

typedef struct host host_t;

/* What a host wants of the world. */
typedef struct host_env {
    void *self;
    act_usec_t (*now)(void *self);
    int64_t (*wall_msec)(void *self);
    void (*secret)(void *self, void *bytes, size_t length);
    /* Who owns a key; false: nobody. */
    bool (*owner)(void *self, act_kind_id_t kind, const char *key, act_addr_t *to);
    /* Who owned it before its present owner and is still there; of a key of ours that always was, as far as is known:
     * who would own it if this process had not come. False: nobody. */
    bool (*owner_before)(void *self, act_kind_id_t kind, const char *key, act_addr_t *to);
    /* Is that process there? */
    bool (*reaches)(void *self, uint32_t node);
    /* Delivers a copy of *msg (its key is to->key); false: refused. */
    bool (*route)(void *self, const act_addr_t *to, const msg_t *msg);
    void *loop; /* struct ev_loop *, or NULL */
} host_env_t;

typedef struct host_request {
    heap_node_t timer; /* first: a heap node is found back by its address */
    struct host_request *next;
    struct host_request *cell_next, **cell_back;
    act_ctx_t *cell;
    uint64_t correlation, context;
    act_trace_t trace;
    msg_type_t type;   /* what was asked */
    uint32_t node;     /* the process that was asked */
    error_code_t code; /* what act.no_answer will say */
} host_request_t;

struct host {
    const act_kind_t *kind;
    const void *config;
    const host_env_t *env;
    uint32_t node;
    uint8_t thread;
    mailbox_t mailbox;
    heap_t cell_timers, request_timers;
    act_ctx_t *cells[HOST_BUCKETS];
    act_ctx_t *touched; /* states that wait for flush */
    host_request_t *requests[HOST_BUCKETS];
    host_request_t *requests_free;
    uint64_t correlation;
    uint64_t random[4];
    act_usec_t now;
    recorder_t recorder;
    /* Written by this thread, read by the metrics actor. */
    _Atomic uint64_t keys, waiting, handled, handler_usec, refused, restarts;
    _Atomic uint64_t inbound, turned_away; /* on their way from other threads; refused to them */
    _Atomic uint64_t *metrics;
};

/* `seed` 0 means: from the environment's secret bytes. */
void host_init(host_t *self, const act_kind_t *kind, const void *config, const host_env_t *env, uint32_t node,
               uint8_t thread, size_t mailbox_max, uint64_t seed);
/* Makes the one state of a sharded kind. False: its init failed. */
bool host_start(host_t *self);
/* `fini` on every state; nothing is handled after it. */
void host_stop(host_t *self);
void host_fini(host_t *self);

/* From a neighbour on the same thread. False: full, counted. */
bool host_push(host_t *self, const msg_t *msg);
/* False: a push of any one message succeeds. */
bool host_is_full(const host_t *self);
/* Timers that are due, one batch of messages, then flush. True: it did something, or more waits. */
bool host_turn(host_t *self);
/* Who is there has changed: what was asked of processes that are gone ends in the next turn, with act.no_answer
 * UNAVAILABLE; then `view` of every state. Flush follows with the next turn. */
void host_view(host_t *self);
/* Is there a state whose key belongs elsewhere? */
bool host_has_strangers(const host_t *self);
/* The earliest deadline; INT64_MAX when there is none. */
act_usec_t host_due(const host_t *self);

/* The state of a key, for the simulator; NULL when there is none. */
act_ctx_t *host_find(host_t *self, const char *key);
void *host_state(act_ctx_t *cell);

void host_stats(host_t *self, stats_row_t *row);

#endif
