/*
 * socket -- what the ZeroMQ sockets between processes have in common: their bounds, their heartbeats, who protects
 * them, and how one is watched on an event loop.
 */
#ifndef PLAYHOUSE_SOCKET_H
#define PLAYHOUSE_SOCKET_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "curve.h"

enum {
    SOCKET_HEARTBEAT_MSEC = 1000, /* between two heartbeats of ZMTP */
    SOCKET_SILENCE_MSEC = 3000,   /* a connection that says nothing for so long is made anew */
    SOCKET_CONNECT_MSEC = 1000,   /* an attempt to connect; then the next */
    SOCKET_RECONNECT_MSEC = 50,   /* between two attempts at first, doubling */
    SOCKET_RECONNECT_MSEC_MAX = 500,
    SOCKET_BACKLOG = 128,
    SOCKET_ENDPOINT_MAX = 160, /* bytes of tcp://HOST:PORT with its NUL */
};

/* A TCP socket of `type` with the bounds above, linger 0 and these: messages that may wait, bytes of a message. */
void *socket_tcp_new(void *zmq, int type, int high_water, int64_t size_max);

/* Binds to an address or to what a name resolves to; port 0 is any. Returns the port; 0: errno says why not. */
uint16_t socket_bind(void *socket, curve_t *curve, const char *host, uint16_t port);
/* To whoever has that public key (any text when `curve` is NULL). False: the key is not allowed (errno EACCES), or
 * ZeroMQ will not. */
bool socket_connect(void *socket, curve_t *curve, const char *endpoint, const char *public_key);
/* tcp://HOST:PORT, with brackets around an IPv6 address. */
void socket_endpoint(const char *host, uint16_t port, char *text, size_t size);
/* Cuts tcp://HOST:PORT into host and port (0 for "*"). False: it is not of that form. */
bool socket_endpoint_parse(const char *endpoint, char *host, size_t host_size, uint16_t *port);

/* A socket on an event loop. ZeroMQ's descriptor tells of changes only, so before the loop sleeps it is read until
 * dry. Zero it before use; on_readable runs on the loop's thread, reads some, and may use the socket. */
typedef struct socket_watch {
    void *socket;
    void (*on_readable)(void *self);
    void *self;
    ev_io io;
    ev_prepare prepare;
    ev_idle idle;
    bool started;
} socket_watch_t;

void socket_watch_start(socket_watch_t *self, struct ev_loop *loop);
void socket_watch_stop(socket_watch_t *self, struct ev_loop *loop);

#endif
