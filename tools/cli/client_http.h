/*
 * client_http -- one HTTP/1.1 connection that is kept, one question at a time, without blocking. For the load generator
 * (bench) and for operators' commands (admin): it understands what our own server says, and answers with a
 * Content-Length.
 */
#ifndef PLAYHOUSE_CLIENT_HTTP_H
#define PLAYHOUSE_CLIENT_HTTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an epoll descriptor points at: the first member of whatever it belongs to. */
typedef struct client_source {
    void (*ready)(struct client_source *self, uint32_t events);
} client_source_t;

/* The server, and the epoll descriptor that all connections are watched by. */
typedef struct client_peer {
    int epoll;
    struct sockaddr_in address;
    char host[128]; /* for the Host header */
} client_peer_t;

/* `url` is http://HOST[:PORT]. False after saying on standard error why it cannot be that. */
bool client_peer_open(client_peer_t *self, const char *url, bool allow_remote);
void client_peer_close(client_peer_t *self);
/* A connecting, non-blocking socket, watched for both directions; -1 after saying why not. */
int client_peer_connect(const client_peer_t *self, client_source_t *source);

enum {
    CLIENT_HTTP_OUT_CAP = 8192,
    CLIENT_HTTP_IN_CAP = 160 * 1024, /* the longest answer is the list of 64 instances, each with a message */
};

/* `body` ends with NUL and lives for the call. Status 0: the connection failed, and `body` says how. */
typedef void client_http_fn(void *owner, int status, const char *body, size_t length);

typedef struct client_http {
    client_source_t source;
    const client_peer_t *peer;
    client_http_fn *answered;
    void *owner;
    int fd; /* -1: none */
    bool asking;
    bool reused; /* the connection has answered before, so that it may have been closed meanwhile */
    size_t out_length;
    size_t out_at;
    size_t in_length;
    char out[CLIENT_HTTP_OUT_CAP];
    char in[CLIENT_HTTP_IN_CAP + 1];
} client_http_t;

void client_http_init(client_http_t *self, const client_peer_t *peer, client_http_fn *answered, void *owner);
void client_http_fini(client_http_t *self);
/* `token` and `body` may be NULL. `answered` is called later, or at once when it fails. */
void client_http_ask(client_http_t *self, const char *method, const char *path, const char *token, const char *body);

#endif
