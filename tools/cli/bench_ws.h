/*
 * bench_ws -- one WebSocket of the load generator: a socket, frames, masks; no TLS, no extension, no heap while frames
 * come whole. Cheap, so that it is the server that is measured.
 */
#ifndef PLAYHOUSE_BENCH_WS_H
#define PLAYHOUSE_BENCH_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client_http.h"
#include "codec.h"

enum { BENCH_WS_FRAME_MAX = 4 << 20 /* bytes of a message that is still read */ };

typedef struct bench_ws bench_ws_t;

/* `message` lives for the call. `closed` comes once, with the close code or 0; bench_ws_close does not call it. */
typedef struct bench_ws_events {
    void (*opened)(bench_ws_t *ws);
    void (*message)(bench_ws_t *ws, const uint8_t *data, size_t length);
    void (*closed)(bench_ws_t *ws, int code, const char *why);
} bench_ws_events_t;

struct bench_ws {
    client_source_t source;
    const client_peer_t *peer;
    const bench_ws_events_t *events;
    codec_format_t format;
    int fd; /* -1: none */
    bool open;
    bool upgrade_sent;
    uint8_t *in; /* a frame that has not come whole */
    size_t in_length;
    size_t in_capacity;
    uint8_t *out; /* what the socket has not taken yet */
    size_t out_length;
};

/* Starts to connect; false after saying why not. The subprotocol follows from `format`. */
bool bench_ws_open(bench_ws_t *self, const client_peer_t *peer, const bench_ws_events_t *events, codec_format_t format);
void bench_ws_close(bench_ws_t *self);
/* One message in one frame. What the socket does not take at once is sent later. At most 4096 bytes. */
void bench_ws_send(bench_ws_t *self, const uint8_t *data, size_t length);

#endif
