/* keyset_fixture -- a provider in this test, and a key set that is read and waited for. */
#ifndef PLAYHOUSE_KEYSET_FIXTURE_H
#define PLAYHOUSE_KEYSET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "keyset.h"
#include "log.h"

enum { LARGE = KEYSET_BYTES_MAX + 1, WAIT_MSEC = 8000 };

/* ---- a provider: one thread, one answer at a time, "Connection: close" ---- */

typedef struct server {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener;
    uint16_t port;
    bool stop;
    bool mute; /* accepts, and says nothing */
    int status;
    char *body;
    char *document; /* what it says of itself, always with 200; NULL: as at every other path */
    char path[64];  /* of the latest request */
    unsigned requests;
} server_t;

#define DISCOVERY "/.well-known/openid-configuration"

static inline void
server_answer(server_t *self, int peer)
{
    char request[4096];
    ssize_t got = recv(peer, request, sizeof request - 1, 0);
    if (got <= 0) {
        return;
    }
    request[got] = '\0';
    pthread_mutex_lock(&self->lock);
    self->requests++;
    if (sscanf(request, "GET %63s", self->path) != 1) {
        self->path[0] = '\0'; /* not a thread that may fail: the test looks at the path */
    }
    bool discovery = self->document != NULL && strcmp(self->path, DISCOVERY) == 0;
    const char *text = discovery ? self->document : self->body;
    bool mute = self->mute;
    char head[256];
    int used = snprintf(head, sizeof head,
                        "HTTP/1.1 %d X\r\nConnection: close\r\nLocation: /there\r\nContent-Length: %zu\r\n\r\n",
                        discovery ? 200 : self->status, strlen(text));
    char *body = strdup(text);
    pthread_mutex_unlock(&self->lock);
    if (mute) {
        (void)recv(peer, request, sizeof request, 0); /* until the other side gives up */
    } else if (send(peer, head, (size_t)used, MSG_NOSIGNAL) == used) {
        for (size_t at = 0, length = strlen(body); at < length;) {
            ssize_t sent = send(peer, body + at, length - at, MSG_NOSIGNAL);
            if (sent <= 0) {
                break; /* it has read enough */
            }
            at += (size_t)sent;
        }
    }
    free(body);
}

static inline void *
server_run(void *context)
{
    server_t *self = context;
    for (;;) {
        int peer = accept(self->listener, NULL, NULL);
        pthread_mutex_lock(&self->lock);
        bool stop = self->stop;
        pthread_mutex_unlock(&self->lock);
        if (peer < 0 || stop) {
            close(peer);
            return NULL;
        }
        server_answer(self, peer);
        close(peer);
    }
}

static inline void
server_start(server_t *self)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    memset(self, 0, sizeof *self);
    self->status = 404;
    self->body = strdup("");
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(self->listener, 8), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&at, &size), 0);
    self->port = ntohs(at.sin_port);
    pthread_mutex_init(&self->lock, NULL);
    assert_int_equal(pthread_create(&self->thread, NULL, server_run, self), 0);
}

static inline void
server_stop(server_t *self)
{
    pthread_mutex_lock(&self->lock);
    self->stop = true;
    pthread_mutex_unlock(&self->lock);
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->listener);
    pthread_mutex_destroy(&self->lock);
    free(self->body);
    free(self->document);
}

static inline void
server_set(server_t *self, int status, const char *body, bool mute)
{
    pthread_mutex_lock(&self->lock);
    free(self->body);
    self->status = status;
    self->body = strdup(body);
    self->mute = mute;
    pthread_mutex_unlock(&self->lock);
}

/* From now on it says of itself: this issuer, and its keys there. */
static inline void
server_describe(server_t *self, const char *issuer, const char *jwks_uri)
{
    pthread_mutex_lock(&self->lock);
    free(self->document);
    assert_true(asprintf(&self->document, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s\",\"x\":[{}]}", issuer, jwks_uri) > 0);
    pthread_mutex_unlock(&self->lock);
}

static inline unsigned
server_requests(server_t *self)
{
    pthread_mutex_lock(&self->lock);
    unsigned requests = self->requests;
    pthread_mutex_unlock(&self->lock);
    return requests;
}

/* ---- a key set under test ---- */

typedef struct world {
    keyset_t *keyset;
    uint64_t generation; /* the latest seen */
    server_t server;
    char url[64]; /* of the server */
    char folder[32];
    char path[64];
} world_t;

/* Refreshes and waits for the end of the reading, bounded. The text, if there is a newer one, is the caller's. */
static inline keyset_state_t
read_again(world_t *self, char **text)
{
    self->keyset->refresh(self->keyset);
    char *newest = NULL;
    keyset_state_t state = KEYSET_LOADING;
    struct timespec began;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (now = began; (now.tv_sec - began.tv_sec) * 1000 < WAIT_MSEC; clock_gettime(CLOCK_MONOTONIC, &now)) {
        state = self->keyset->poll(self->keyset, &self->generation, &newest);
        if (state != KEYSET_LOADING) {
            break;
        }
        assert_null(newest);
        poll(NULL, 0, 1); /* let the form's thread run */
    }
    *text = newest;
    return state;
}

static inline void
assert_reads(world_t *self, keyset_state_t state, const char *text)
{
    char *got = NULL;
    assert_int_equal(read_again(self, &got), state);
    if (text == NULL) {
        assert_null(got);
    } else {
        assert_non_null(got);
        assert_string_equal(got, text);
    }
    free(got);
}

/* ---- a test of every form that asks somebody ---- */

static inline void
end_does_not_wait_for_a_silent_provider(void **state)
{
    world_t *self = *state;
    struct timespec began;
    struct timespec ended;
    server_set(&self->server, 200, "", true);
    self->keyset->refresh(self->keyset);
    clock_gettime(CLOCK_MONOTONIC, &began);
    keyset_destroy(&self->keyset);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true(ended.tv_sec - began.tv_sec <= 3);
}

#endif
