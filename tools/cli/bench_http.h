/*
 * bench_http -- one HTTP/1.1 connection that is kept, one question at a time, without blocking. For the load
 * generator only: it understands what our own server says, and answers with a Content-Length.
 */
#ifndef PLAYHOUSE_BENCH_HTTP_H
#define PLAYHOUSE_BENCH_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an epoll descriptor points at: the first member of whatever it belongs to. */
typedef struct bench_source {
    void (*ready)(struct bench_source *self, uint32_t events);
} bench_source_t;

/* The server, and the epoll descriptor that all connections are watched by. */
typedef struct bench_peer {
    int epoll;
    struct sockaddr_in address;
    char host[128]; /* for the Host header */
} bench_peer_t;

/* `url` is http://HOST[:PORT]. False after saying on standard error why it cannot be that. */
bool bench_peer_open(bench_peer_t *self, const char *url, bool allow_remote);
void bench_peer_close(bench_peer_t *self);
/* A connecting, non-blocking socket, watched for both directions; -1 after saying why not. */
int bench_peer_connect(const bench_peer_t *self, bench_source_t *source);

enum { BENCH_HTTP_OUT_CAP = 8192, BENCH_HTTP_IN_CAP = 65536 };

/* `body` ends with NUL and lives for the call. Status 0: the connection failed, and `body` says how. */
typedef void bench_http_fn(void *owner, int status, const char *body, size_t length);

typedef struct bench_http {
    bench_source_t source;
    const bench_peer_t *peer;
    bench_http_fn *answered;
    void *owner;
    int fd; /* -1: none */
    bool asking;
    bool reused; /* the connection has answered before, so that it may have been closed meanwhile */
    size_t out_length;
    size_t out_at;
    size_t in_length;
    char out[BENCH_HTTP_OUT_CAP];
    char in[BENCH_HTTP_IN_CAP + 1];
} bench_http_t;

void bench_http_init(bench_http_t *self, const bench_peer_t *peer, bench_http_fn *answered, void *owner);
void bench_http_fini(bench_http_t *self);
/* `token` and `body` may be NULL. `answered` is called later, or at once when it fails. */
void bench_http_ask(bench_http_t *self, const char *method, const char *path, const char *token, const char *body);

#endif
