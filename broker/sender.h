/*
 * sender -- the sending side of one thread: one PUSH socket per mailbox that it speaks to, made at first use. Within
 * the process it is an inproc socket, bounded by the receiver's count; to another process a TCP socket with a high
 * water mark, which never blocks and is closed, with what still waits in it, when its process is no longer there.
 */
#ifndef PLAYHOUSE_SENDER_H
#define PLAYHOUSE_SENDER_H

#include "directory.h"
#include "socket.h"

enum {
    SENDER_FAR_MAX = 1024,      /* mailboxes of other processes that one thread speaks to at once */
    SENDER_HIGH_WATER = 16384,  /* messages that may wait for one of them */
    SENDER_FRAME_MAX = 4 << 20, /* bytes of a message */
};

typedef struct sender_far {
    uint32_t node; /* 0: free */
    uint8_t kind, thread;
    void *push;
} sender_far_t;

typedef struct sender {
    void *zmq;
    curve_t *curve;
    void *near[ACT_KIND_COUNT][DIRECTORY_PLACES_MAX];
    sender_far_t far[SENDER_FAR_MAX]; /* a hash table, open addressing */
    uint32_t far_count;
    uint32_t strangers[DIRECTORY_NODES_MAX]; /* processes whose key is not allowed here, and that was said */
    uint32_t strangers_count;
} sender_t;

void sender_init(sender_t *self, void *zmq, curve_t *curve);
void sender_fini(sender_t *self);

/* The endpoint of a mailbox of this process. */
void sender_near_endpoint(act_kind_id_t kind, unsigned thread, char *text, size_t size);
/* To a mailbox of this process, which has room for it. */
void sender_send_near(sender_t *self, const act_addr_t *to, const void *frame, size_t length);
/* To one of another process. False: it is not there, too much waits for it, or its key is not allowed here, which is
 * logged once for each process and made good by its certificate: the next message finds it. */
bool sender_send_far(sender_t *self, const directory_t *directory, const act_addr_t *to, const void *frame,
                     size_t length);
/* Closes what leads to processes that are no longer there. */
void sender_prune(sender_t *self, const directory_t *directory);

#endif
