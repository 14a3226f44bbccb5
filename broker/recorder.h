/*
 * recorder -- the flight recorder of one mailbox: the heads of the last messages it handled, always on, and of their
 * bodies, masked, what somebody who watches has asked for.
 *
 * Written by the thread of the mailbox, which never waits: a head is a score of stores, and a body that cannot be
 * written at once is dropped and counted. Read from any thread while that goes on.
 *
 * Everything is kept in place for RECORDER_HEADS messages and then written over; who reads too slowly learns from the
 * positions how many it has missed.
 */
#ifndef PLAYHOUSE_RECORDER_H
#define PLAYHOUSE_RECORDER_H

#include <pthread.h>
#include <stdatomic.h>

#include "act.h"

enum {
    RECORDER_HEADS = 1024,          /* messages remembered; over it the oldest is forgotten */
    RECORDER_BODY_MAX = 512,        /* bytes of a body as text; what is longer is cut and ends with "..." */
    RECORDER_TAPS_MAX = 4,          /* filters whose bodies are kept at the same time; over it recorder_tap says no */
    RECORDER_BODIES_PER_SEC = 1000, /* bodies written in one second; over it they are dropped and counted */
    RECORDER_BUCKETS = 96,          /* of the times handlers took: to 8 us each, then four to an octave, to 33 s */
};

typedef struct recorder_head {
    uint64_t position; /* counts the messages of this mailbox from 0 */
    act_usec_t at;     /* when its handler began */
    uint32_t handler_usec;
    msg_type_t type;
    act_addr_t from;
    uint64_t correlation;
    act_trace_t trace;
    char key[ACT_KEY_MAX + 1]; /* "" for a sharded kind's */
} recorder_head_t;

/* What somebody wants to see. All zero: everything. */
typedef struct recorder_filter {
    act_kind_id_t kind; /* that handled it */
    msg_type_t type;
    bool keyed;
    char key[ACT_KEY_MAX + 1]; /* of the receiver or of the sender */
    bool traced;
    act_trace_t trace;
    uint32_t sample; /* 0 and 1: all; N: about one in N traces, and those whole. Without a trace: one in N messages */
} recorder_filter_t;

typedef struct recorder_slot recorder_slot_t;
typedef struct recorder_body recorder_body_t;

typedef struct recorder {
    act_kind_id_t kind;
    recorder_slot_t *slots;    /* RECORDER_HEADS */
    _Atomic uint64_t position; /* of the next message */
    _Atomic uint64_t took[RECORDER_BUCKETS];
    _Atomic bool tapped;
    _Atomic uint64_t bodies_dropped;
    pthread_mutex_t lock; /* of what follows; the mailbox's thread only tries it */
    struct {
        recorder_filter_t filter;
        act_usec_t until; /* 0: free */
    } taps[RECORDER_TAPS_MAX];
    recorder_body_t *bodies; /* RECORDER_HEADS, by position; NULL until the first tap */
    act_usec_t second;       /* in which `written` bodies were written */
    uint32_t written;
} recorder_t;

void recorder_init(recorder_t *self, act_kind_id_t kind);
void recorder_fini(recorder_t *self);

/* By the mailbox's thread, after its handler: it began `at` and took `took` microseconds. */
void recorder_note(recorder_t *self, const msg_t *msg, act_usec_t at, act_usec_t took);

/* ---- by whoever watches, on any thread ---- */

/* The position that the next message will have: how many have been handled. */
uint64_t recorder_end(const recorder_t *self);
/* The oldest that may still be there. */
uint64_t recorder_begin(const recorder_t *self);
/* False: written over, or not there yet. */
bool recorder_read(const recorder_t *self, uint64_t position, recorder_head_t *head);
bool recorder_matches(const recorder_t *self, const recorder_filter_t *filter, const recorder_head_t *head);

/* Bodies of what matches are kept until then; asked again with the same filter the time is prolonged. False: as many
 * others watch as may. */
bool recorder_tap(recorder_t *self, const recorder_filter_t *filter, act_usec_t now, act_usec_t until);
/* The body at that position: its length, NUL-terminated; 0 when none was kept. */
size_t recorder_read_body(recorder_t *self, uint64_t position, char out[RECORDER_BODY_MAX + 1]);

/* How long handlers have taken, in microseconds: a copy of the counts, and what a share of them (0.99) stayed at or
 * below since `before` (may be NULL) was copied. 0 when nothing was handled. */
void recorder_read_took(const recorder_t *self, uint64_t took[RECORDER_BUCKETS]);
uint64_t recorder_quantile(const uint64_t took[RECORDER_BUCKETS], const uint64_t *before, double share);

#endif
