/*
 * outbox -- the sending side of one thread: one PUSH socket per mailbox that it speaks to, made at first use. Within
 * the process it is an inproc socket, bounded by the receiver's count; to another process a TCP socket with a high
 * water mark, which never blocks and is closed, with what still waits in it, when its process is no longer there.
 */
#ifndef PLAYHOUSE_OUTBOX_H
#define PLAYHOUSE_OUTBOX_H

#include "directory.h"
#include "socket.h"

enum {
    OUTBOX_FAR_MAX = 1024,      /* mailboxes of other processes that one thread speaks to at once */
    OUTBOX_HIGH_WATER = 16384,  /* messages that may wait for one of them */
    OUTBOX_FRAME_MAX = 4 << 20, /* bytes of a message */
};

typedef struct outbox_far {
    uint32_t node; /* 0: free */
    uint8_t kind, thread;
    void *push;
} outbox_far_t;

typedef struct outbox {
    void *zmq;
    const socket_guard_t *guard;
    void *near[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX];
    outbox_far_t far[OUTBOX_FAR_MAX]; /* a hash table, open addressing */
    uint32_t far_count;
} outbox_t;

void outbox_init(outbox_t *self, void *zmq, const socket_guard_t *guard);
void outbox_fini(outbox_t *self);

/* The endpoint of a mailbox of this process. */
void outbox_near_endpoint(act_kind_id_t kind, unsigned thread, char *text, size_t size);
/* To a mailbox of this process, which has room for it. */
void outbox_send_near(outbox_t *self, const act_addr_t *to, const void *frame, size_t length);
/* To one of another process. False: it is not there, or too much waits for it. */
bool outbox_send_far(outbox_t *self, const directory_t *directory, const act_addr_t *to, const void *frame,
                     size_t length);
/* Closes what leads to processes that are no longer there. */
void outbox_prune(outbox_t *self, const directory_t *directory);

#endif
