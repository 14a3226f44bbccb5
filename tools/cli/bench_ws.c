#include "bench_ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BENCH_WS_READ_CAP = 1 << 18,
    BENCH_WS_SEND_CAP = 4096,
    BENCH_WS_OUT_MAX = 1 << 20,
    BENCH_WS_HEAD_CAP = 14,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10,
};

/* The load generator has one thread; what has come is read into one place, so that an idle session costs nothing. */
static uint8_t bench_ws_space[BENCH_WS_READ_CAP];

static void
bench_ws_free(bench_ws_t *self)
{
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->fd = -1;
    self->open = false;
    free(self->in);
    free(self->out);
    self->in = NULL;
    self->out = NULL;
    self->in_length = 0;
    self->in_capacity = 0;
    self->out_length = 0;
}

void
bench_ws_close(bench_ws_t *self)
{
    bench_ws_free(self);
}

static void
bench_ws_end(bench_ws_t *self, int code, const char *why)
{
    bench_ws_free(self);
    self->events->closed(self, code, why);
}

/* Writes, or keeps what does not go now. */
static void
bench_ws_write(bench_ws_t *self, const void *data, size_t length)
{
    ssize_t written = self->out_length ? 0 : send(self->fd, data, length, MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN) {
        bench_ws_end(self, 0, strerror(errno));
        return;
    }
    size_t done = written > 0 ? (size_t)written : 0;
    if (done == length) {
        return;
    }
    uint8_t *grown =
        self->out_length + length <= BENCH_WS_OUT_MAX ? realloc(self->out, self->out_length + length) : NULL;
    if (!grown) {
        bench_ws_end(self, 0, "the server does not read");
        return;
    }
    self->out = grown;
    memcpy(grown + self->out_length, (const uint8_t *)data + done, length - done);
    self->out_length += length - done;
}

static void
bench_ws_flush(bench_ws_t *self)
{
    while (self->fd >= 0 && self->out_length) {
        ssize_t written = send(self->fd, self->out, self->out_length, MSG_NOSIGNAL);
        if (written < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                bench_ws_end(self, 0, strerror(errno));
            }
            return;
        }
        self->out_length -= (size_t)written;
        memmove(self->out, self->out + written, self->out_length);
    }
}

static void
bench_ws_send_frame(bench_ws_t *self, uint8_t op, const uint8_t *data, size_t length)
{
    static uint32_t seed = 2463534242u; /* masks keep proxies honest; here only their cost matters */
    uint8_t frame[BENCH_WS_HEAD_CAP + BENCH_WS_SEND_CAP];
    size_t at = 2;
    if (length > BENCH_WS_SEND_CAP) {
        bench_ws_end(self, 0, "a message to be sent is too long");
        return;
    }
    frame[0] = 0x80 | op;
    if (length < 126) {
        frame[1] = (uint8_t)(0x80 | length);
    } else {
        frame[1] = 0x80 | 126;
        frame[at++] = (uint8_t)(length >> 8);
        frame[at++] = (uint8_t)length;
    }
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    uint8_t mask[4];
    memcpy(mask, &seed, sizeof(mask));
    memcpy(frame + at, mask, sizeof(mask));
    at += sizeof(mask);
    for (size_t i = 0; i < length; i++) {
        frame[at + i] = data[i] ^ mask[i % 4];
    }
    bench_ws_write(self, frame, at + length);
}

void
bench_ws_send(bench_ws_t *self, const uint8_t *data, size_t length)
{
    if (self->open) {
        bench_ws_send_frame(self, self->format == CODEC_JSON ? OP_TEXT : OP_BINARY, data, length);
    }
}

static void
bench_ws_on_frame(bench_ws_t *self, uint8_t op, const uint8_t *data, size_t length)
{
    switch (op) {
    case OP_TEXT:
    case OP_BINARY:
        self->events->message(self, data, length);
        return;
    case OP_PING:
        bench_ws_send_frame(self, OP_PONG, data, length);
        return;
    case OP_CLOSE:
        bench_ws_end(self, length >= 2 ? data[0] << 8 | data[1] : 0, "the server closed it");
        return;
    case OP_PONG:
        return;
    default:
        bench_ws_end(self, 0, "the server sent a frame of an unknown kind");
    }
}

/* Reads the head of a frame: its length in all, or 0 when the head has not come whole. */
static size_t
bench_ws_head(const uint8_t *data, size_t length, size_t *head)
{
    if (length < 2) {
        return 0;
    }
    uint64_t payload = data[1] & 0x7f;
    *head = 2;
    if (payload >= 126) {
        size_t bytes = payload == 126 ? 2 : 8;
        if (length < 2 + bytes) {
            return 0;
        }
        payload = 0;
        for (size_t i = 0; i < bytes; i++) {
            payload = payload << 8 | data[2 + i];
        }
        *head += bytes;
    }
    return payload <= BENCH_WS_FRAME_MAX ? *head + (size_t)payload : SIZE_MAX;
}

/* Hands out the whole frames and returns how many bytes they were. */
static size_t
bench_ws_frames(bench_ws_t *self, const uint8_t *data, size_t length)
{
    size_t at = 0;
    while (self->fd >= 0) {
        size_t head = 0;
        size_t total = bench_ws_head(data + at, length - at, &head);
        if (total == SIZE_MAX || (total > 0 && ((data[at] & 0xf0) != 0x80 || (data[at + 1] & 0x80)))) {
            /* Our server sends each message in one frame and never masks. */
            bench_ws_end(self, 0, "the server sent a frame that is too long, cut up or masked");
            return length;
        }
        if (total == 0 || total > length - at) {
            return at;
        }
        bench_ws_on_frame(self, data[at] & 0x0f, data + at + head, total - head);
        at += total;
    }
    return length;
}

static bool
bench_ws_keep(bench_ws_t *self, const uint8_t *data, size_t length)
{
    if (self->in_length + length > self->in_capacity) {
        size_t capacity = (self->in_length + length) * 2;
        uint8_t *grown = realloc(self->in, capacity);
        if (!grown) {
            bench_ws_end(self, 0, "out of memory");
            return false;
        }
        self->in = grown;
        self->in_capacity = capacity;
    }
    memcpy(self->in + self->in_length, data, length);
    self->in_length += length;
    return true;
}

/* The server's answer to the upgrade. Returns the bytes it took; 0: not whole yet. */
static size_t
bench_ws_upgraded(bench_ws_t *self, const uint8_t *data, size_t length)
{
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) {
        return 0;
    }
    if (length < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0) {
        char why[64];
        snprintf(why, sizeof(why), "the upgrade was answered by %.*s", (int)(length < 12 ? length : 12), data);
        bench_ws_end(self, 0, why);
        return length;
    }
    self->open = true;
    self->events->opened(self);
    return (size_t)(end - data) + 4;
}

static void
bench_ws_on_bytes(bench_ws_t *self, const uint8_t *data, size_t length)
{
    size_t kept = self->in_length;
    if (kept) {
        if (!bench_ws_keep(self, data, length)) {
            return;
        }
        data = self->in;
        length = self->in_length;
    }
    size_t at = self->open ? 0 : bench_ws_upgraded(self, data, length);
    if (self->fd >= 0 && self->open) {
        at += bench_ws_frames(self, data + at, length - at);
    }
    if (self->fd < 0) {
        return;
    }
    if (kept) {
        self->in_length = length - at;
        memmove(self->in, self->in + at, self->in_length);
    } else if (at < length) {
        bench_ws_keep(self, data + at, length - at);
    }
}

static void
bench_ws_upgrade(bench_ws_t *self)
{
    char head[512];
    int length = snprintf(head, sizeof(head),
                          "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: cGxheWhvdXNlIGJlbmNoIQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: playhouse.v1.%s\r\n\r\n",
                          self->peer->host, self->format == CODEC_JSON ? "json" : "msgpack");
    self->upgrade_sent = true;
    bench_ws_write(self, head, (size_t)length);
}

static void
bench_ws_ready(client_source_t *source, uint32_t events)
{
    bench_ws_t *self = (bench_ws_t *)source;
    if (self->fd >= 0 && (events & EPOLLOUT) && !self->upgrade_sent) {
        bench_ws_upgrade(self);
    } else if (events & EPOLLOUT) {
        bench_ws_flush(self);
    }
    while (self->fd >= 0) {
        ssize_t got = recv(self->fd, bench_ws_space, sizeof(bench_ws_space), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            bench_ws_end(self, 0, got < 0 ? strerror(errno) : "the server closed the connection");
            return;
        }
        bench_ws_on_bytes(self, bench_ws_space, (size_t)got);
        if ((size_t)got < sizeof(bench_ws_space) && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
            return; /* edge-triggered: what comes later is told again */
        }
    }
}

bool
bench_ws_open(bench_ws_t *self, const client_peer_t *peer, const bench_ws_events_t *events, codec_format_t format)
{
    *self = (bench_ws_t){.source.ready = bench_ws_ready, .peer = peer, .events = events, .format = format};
    self->fd = client_peer_connect(peer, &self->source);
    return self->fd >= 0;
}
