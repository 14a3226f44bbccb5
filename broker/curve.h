/*
 * curve -- CURVE on the sockets that leave the process: its own keys, and who is allowed to talk to it.
 *
 * Two domains, each with its folder of public certificates (keyring.h): processes, which speak through mailboxes and
 * brokers, and tools, which speak at the front door. A key of one is a stranger to the other. Folders are looked at
 * again while the process runs: who was added gets in without a restart, who was removed is refused at its next
 * connection, and what its living connections still bring is not read (curve_admits).
 *
 * Everybody is refused who is not named: libzmq asks a thread of this file at each handshake (ZAP), and a socket of a
 * context without that thread lets nobody in. A refused process is told nothing and tries again after
 * CURVE_HANDSHAKE_MSEC, so that it comes in by itself once its certificate is there; a refused tool is told.
 *
 * A curve_t * may be NULL where a function says so: then sockets stay plain. May be used by several threads.
 */
#ifndef PLAYHOUSE_CURVE_H
#define PLAYHOUSE_CURVE_H

#include <stdint.h>

#include "cert.h"

enum {
    CURVE_HANDSHAKE_MSEC = 2000, /* what a handshake may take before its connection is closed */
    CURVE_LOOK_MSEC = 1000,      /* between two looks at the folders; at a handshake CURVE_LOOK_MIN_MSEC */
    CURVE_LOOK_MIN_MSEC = 100,
};

typedef enum curve_domain { CURVE_PROCESSES, CURVE_TOOLS, CURVE_DOMAIN_COUNT } curve_domain_t;

typedef struct curve curve_t;
struct act_ctx; /* act.h; the command line uses this header without it */

/* What has been counted since the start, by domain. */
typedef struct curve_counts {
    uint64_t allowed[CURVE_DOMAIN_COUNT]; /* handshakes */
    uint64_t refused[CURVE_DOMAIN_COUNT];
    uint64_t stale[CURVE_DOMAIN_COUNT]; /* frames not read, because their sender's key was removed */
} curve_counts_t;

typedef struct curve_config {
    const char *secret;  /* keys.secret: NAME.key_secret */
    const char *allowed; /* keys.allowed: the processes; "" is nobody but this one */
    const char *tools;   /* keys.tools: "" is nobody */
} curve_config_t;

/* `zmq` is the context whose server sockets are guarded; borrowed, it has at most one, and its end ends the handler.
 * NULL: for a tool, which connects and guards nothing. Call before the first curve_server. NULL: `why` says what is
 * wrong. */
curve_t *curve_new(void *zmq, const curve_config_t *config, char *why, size_t why_size);
/* From then on nobody is let in. NULL: nothing to do. */
void curve_destroy(curve_t **self_p);

/* On a socket that will be bound; before zmq_bind. With NULL only the time of the handshake is bounded, here and there.
 */
void curve_server(curve_t *self, void *socket, curve_domain_t domain);
/* On a socket that will connect to whoever has this public key; before zmq_connect. NULL does nothing. False: the key
 * is not that of an allowed process, and the socket must not be connected. */
bool curve_client(curve_t *self, void *socket, const char *server_public_key);

/* Is the sender of this frame (a zmq_msg_t * as it was received; the first frame of a message is enough) still allowed?
 * Costs nothing until the first key is removed, 0.1 us after that. NULL: always. */
bool curve_admits(curve_t *self, curve_domain_t domain, void *frame);
/* The public key that the sender of a frame has proved to have; "" over a plain connection. Valid as long as the frame.
 */
const char *curve_sender(void *frame);

/* This process's public key; "" for NULL. */
const char *curve_public(const curve_t *self);
/* The public key of an allowed process by its certificate's name. False: there is none. */
bool curve_public_of(curve_t *self, const char *name, char public_key[CERT_KEY_SIZE]);
/* Is that key (40 characters) allowed as a process, this one included? NULL: always. */
bool curve_allows(curve_t *self, const char *public_key);

void curve_count(curve_t *self, curve_counts_t *counts);
/* Adds what has happened in a domain since the last call to the metrics of that actor; one actor per domain calls it,
 * now and then. NULL: nothing. */
void curve_report(curve_t *self, curve_domain_t domain, struct act_ctx *ctx);

/* [NAME@]ENDPOINT: returns ENDPOINT, and NAME or "" in `name`. NULL: NAME cannot be the name of a certificate. */
const char *curve_endpoint(const char *text, char name[CERT_NAME_MAX + 1]);

#endif
