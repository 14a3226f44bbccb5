/*
 * store_proxy_test_helpers -- stands between a store and its PostgreSQL, and breaks the connection where it hurts. A
 * thread; it waits for what it is told to break to come by.
 */
#ifndef PLAYHOUSE_STORE_PROXY_TEST_HELPERS_H
#define PLAYHOUSE_STORE_PROXY_TEST_HELPERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "store_postgres_test_helpers.h"

enum { PROXY_PORT = 6000, PROXY_PAIRS = 16, PROXY_BYTES = 1 << 16, PROXY_POLL_MSEC = 20 };

/* What becomes of the next thing that the client says. */
typedef enum proxy_mode {
    PROXY_FORWARD,
    PROXY_CUT_QUERY,  /* lost on its way; both ends are closed */
    PROXY_CUT_ANSWER, /* done, and the answer lost; both ends are closed */
    PROXY_CUT_CLIENT, /* it is on its way; the client's end is closed, the server's stays open */
    PROXY_HANG,       /* it is on its way, and no answer ever comes back; both ends stay open */
} proxy_mode_t;

typedef struct proxy_pair {
    int client, server; /* -1: closed */
    bool mute;          /* what the server says is dropped */
    bool cut;           /* to be closed when the server has answered */
} proxy_pair_t;

typedef struct proxy {
    const postgres_fixture_t *postgres;
    char url[160]; /* through it */
    int listener;
    pthread_t thread;
    atomic_int mode;
    atomic_int broken;   /* how often a mode has struck */
    atomic_bool cut_now; /* closes the client's end of each that hangs */
    atomic_bool stop;
    proxy_pair_t pairs[PROXY_PAIRS];
} proxy_t;

static inline struct sockaddr_un
proxy_address(const postgres_fixture_t *postgres, int port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.%d", postgres->folder, port);
    return address;
}

static inline void
proxy_close(int *end)
{
    if (*end >= 0) {
        close(*end);
        *end = -1;
    }
}

static inline bool
proxy_write(int end, const char *bytes, ssize_t length)
{
    for (ssize_t done = 0; done < length;) {
        ssize_t wrote = send(end, bytes + done, (size_t)(length - done), MSG_NOSIGNAL);
        if (wrote <= 0) {
            return false;
        }
        done += wrote;
    }
    return true;
}

static inline void
proxy_accept(proxy_t *self)
{
    int client = accept(self->listener, NULL, NULL);
    struct sockaddr_un address = proxy_address(self->postgres, POSTGRES_PORT);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int i = 0; i < PROXY_PAIRS; i++) {
        proxy_pair_t *pair = &self->pairs[i];
        if (pair->client < 0 && pair->server < 0 && connect(server, (struct sockaddr *)&address, sizeof address) == 0) {
            *pair = (proxy_pair_t){.client = client, .server = server};
            return;
        }
    }
    close(server); /* the server is down */
    close(client);
}

static inline void
proxy_from_client(proxy_t *self, proxy_pair_t *pair)
{
    char bytes[PROXY_BYTES];
    ssize_t length = read(pair->client, bytes, sizeof bytes);
    if (length <= 0) {
        proxy_close(&pair->client);
        proxy_close(&pair->server);
        return;
    }
    int mode = atomic_exchange(&self->mode, PROXY_FORWARD);
    pair->cut = mode == PROXY_CUT_ANSWER;
    pair->mute = pair->mute || (mode != PROXY_FORWARD);
    if (mode == PROXY_CUT_QUERY || !proxy_write(pair->server, bytes, length)) {
        proxy_close(&pair->client);
        proxy_close(&pair->server);
    } else if (mode == PROXY_CUT_CLIENT) {
        proxy_close(&pair->client);
    }
    if (mode != PROXY_FORWARD && mode != PROXY_CUT_ANSWER) {
        atomic_fetch_add(&self->broken, 1);
    }
}

static inline void
proxy_from_server(proxy_t *self, proxy_pair_t *pair)
{
    char bytes[PROXY_BYTES];
    ssize_t length = read(pair->server, bytes, sizeof bytes);
    /* Its last message is that it is ready: Z, a length of 5, and that it is in no transaction. */
    bool ready = length >= 6 && memcmp(bytes + length - 6, "Z\0\0\0\5I", 6) == 0;
    bool lost = length <= 0 || (!pair->mute && !proxy_write(pair->client, bytes, length));
    if (lost || (pair->cut && ready)) {
        proxy_close(&pair->client);
        proxy_close(&pair->server);
        if (pair->cut) {
            atomic_fetch_add(&self->broken, 1);
        }
    }
}

static inline void *
proxy_run(void *context)
{
    proxy_t *self = context;
    while (!atomic_load(&self->stop)) {
        struct pollfd items[1 + 2 * PROXY_PAIRS] = {{.fd = self->listener, .events = POLLIN}};
        for (int i = 0; i < PROXY_PAIRS; i++) {
            items[1 + 2 * i] = (struct pollfd){.fd = self->pairs[i].client, .events = POLLIN};
            items[2 + 2 * i] = (struct pollfd){.fd = self->pairs[i].server, .events = POLLIN};
        }
        poll(items, 1 + 2 * PROXY_PAIRS, PROXY_POLL_MSEC);
        bool cut_now = atomic_exchange(&self->cut_now, false);
        for (int i = 0; i < PROXY_PAIRS; i++) {
            if (items[1 + 2 * i].revents != 0 && self->pairs[i].client >= 0) {
                proxy_from_client(self, &self->pairs[i]);
            }
            if (cut_now && self->pairs[i].mute) {
                proxy_close(&self->pairs[i].client);
            }
            if (items[2 + 2 * i].revents != 0 && self->pairs[i].server >= 0) {
                proxy_from_server(self, &self->pairs[i]);
            }
        }
        if (items[0].revents != 0) {
            proxy_accept(self);
        }
    }
    return NULL;
}

static inline void
proxy_open(proxy_t *self, const postgres_fixture_t *postgres)
{
    memset(self, 0, sizeof *self);
    self->postgres = postgres;
    snprintf(self->url, sizeof self->url, "postgresql://postgres@/%s?host=%s&port=%d", postgres->database,
             postgres->folder, PROXY_PORT);
    for (int i = 0; i < PROXY_PAIRS; i++) {
        self->pairs[i].client = self->pairs[i].server = -1;
    }
    struct sockaddr_un address = proxy_address(postgres, PROXY_PORT);
    self->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(self->listener >= 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(self->listener, PROXY_PAIRS), 0);
    assert_int_equal(pthread_create(&self->thread, NULL, proxy_run, self), 0);
}

static inline void
proxy_shut(proxy_t *self)
{
    atomic_store(&self->stop, true);
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    struct sockaddr_un address = proxy_address(self->postgres, PROXY_PORT);
    unlink(address.sun_path);
    close(self->listener);
    for (int i = 0; i < PROXY_PAIRS; i++) {
        proxy_close(&self->pairs[i].client);
        proxy_close(&self->pairs[i].server);
    }
}

/* Until a mode has struck that often in all. */
static inline void
proxy_wait(proxy_t *self, int broken)
{
    for (int polls = 0; atomic_load(&self->broken) < broken; polls++) {
        assert_true(polls < POSTGRES_POLLS);
        poll(NULL, 0, POSTGRES_POLL_MSEC);
    }
}

#endif
