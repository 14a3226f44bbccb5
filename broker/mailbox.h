/*
 * mailbox -- the messages that wait for one kind on one thread: copied structs, one after the other, in two buffers
 * that change places. While a batch is read from one, what handlers send to their own mailbox goes into the other; so
 * a message stays where it is while it is handled, and nothing is allocated per message.
 *
 * Bounded by a count (`broker.mailbox_max`) and by bytes (MAILBOX_BYTES_MAX); a full mailbox refuses, and its senders
 * are told.
 */
#ifndef PLAYHOUSE_MAILBOX_H
#define PLAYHOUSE_MAILBOX_H

#include "act.h"

enum {
    MAILBOX_BYTES_MAX = 64 << 20,             /* 40,000 messages of the largest common size, a chat of 1.4 kB */
    MAILBOX_BODY_MAX = MAILBOX_BYTES_MAX / 4, /* more than any body; see host_is_full */
    MAILBOX_BYTES_KEEP = 1 << 20,             /* an emptied buffer larger than this is given back */
};

typedef struct mailbox_buffer {
    uint8_t *bytes;
    size_t used, capacity;
} mailbox_buffer_t;

typedef struct mailbox {
    mailbox_buffer_t filling, reading;
    size_t at;  /* in reading */
    bool given; /* the record at `at` is being handled */
    size_t count, count_max;
} mailbox_t;

void mailbox_init(mailbox_t *self, size_t count_max);
/* Releases what is left. */
void mailbox_fini(mailbox_t *self);
void mailbox_clear(mailbox_t *self);

/* Copies *msg and its body and retains its blobs. False: full. */
bool mailbox_push(mailbox_t *self, const msg_t *msg);
/* The next message, or NULL. It stays valid until the next call of mailbox_next; its blobs are released by then. */
const msg_t *mailbox_next(mailbox_t *self);

#endif
