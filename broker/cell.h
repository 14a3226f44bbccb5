/*
 * cell -- one state of a kind, and what it waits for: its timers and its requests. What act_ctx_t is. Shared by
 * cell.c (making, failing, retiring), host.c (turns), act.c (what actors call) and, for a host's counters, mail.c.
 */
#ifndef PLAYHOUSE_CELL_H
#define PLAYHOUSE_CELL_H

#include "host.h"

typedef struct cell_timer {
    heap_node_t node; /* first */
    act_ctx_t *cell;
    int number;
} cell_timer_t;

/* One state of a kind: the context that its functions are given. */
struct act_ctx {
    host_t *host;
    void *state; /* NULL: failed, waits for its restart */
    act_addr_t self;
    act_trace_t trace;
    act_usec_t deadline; /* of the request in hand, 0: none */
    act_ctx_t *next, *next_touched;
    host_request_t *requests;
    cell_timer_t timers[ACT_TIMERS_CAP];
    cell_timer_t restart;
    act_usec_t made_at;
    unsigned failures;
    bool touched, retire, failed;
    bool moved; /* its key is another's, and that one has what it needs */
};

/* The link that points at the state of a key, or the NULL where it would stand. */
act_ctx_t **cell_link(host_t *host, const char *key);
/* Makes a state. NULL: HOST_STATES_MAX are there. Its `state` is NULL when init said no: it waits for its restart. */
act_ctx_t *cell_new(host_t *host, const char *key);
/* Calls init. False: it said no, and is tried again later. */
bool cell_make(act_ctx_t *cell);
/* Calls fini, ends what it waits for, forgets it. Not while it is on the host's list of touched ones. */
void cell_destroy(act_ctx_t *cell);
/* Ends the state and sets the time of its restart. */
void cell_failed(act_ctx_t *cell);
/* Flush is due. */
void cell_touch(act_ctx_t *cell);
/* After each call into the kind. */
void cell_after(act_ctx_t *cell);

/* The link that points at a request, or the NULL where it would stand. */
host_request_t **request_find(host_t *host, uint64_t correlation);
host_request_t *request_new(act_ctx_t *cell, act_usec_t due, uint64_t context);
void request_end(host_t *host, host_request_t *request);

/* A counter that only this thread writes and others read. */
void host_add(_Atomic uint64_t *counter, uint64_t n);

#endif
