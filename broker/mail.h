/*
 * mail -- messages on their way into and out of one thread: routed to a neighbour's mailbox, or as a frame to another
 * thread or process; and frames that have come, into the mailboxes here. Part of the worker.
 */
#ifndef PLAYHOUSE_MAIL_H
#define PLAYHOUSE_MAIL_H

#include "worker.h"

enum {
    MAIL_FAR_HIGH_WATER = 4096, /* messages of one other process that may wait before one mailbox */
    MAIL_COMPLAINT_SEC = 1,     /* between two lines in the log about frames that cannot be read */
};

/* Delivers a copy of *msg (its key is to->key). False: refused. */
bool mail_route(worker_t *self, const act_addr_t *to, const msg_t *msg);

/* Makes and binds a host's sockets. Returns false after filling `why`. */
bool mail_open(worker_t *self, worker_host_t *host, uint16_t port, char *why, size_t why_size);
/* On the worker's thread: watches them. */
void mail_start(worker_t *self, worker_host_t *host);
void mail_stop(worker_t *self, worker_host_t *host);
void mail_close(worker_host_t *host);

/* Moves what has come into the mailbox, as far as there is room. False: nothing was there. */
bool mail_drain(worker_t *self, worker_host_t *host);
/* After a change of who is there, or when their time is up: takes the early frames. */
void mail_take_early(worker_t *self, worker_host_t *host);

#endif
