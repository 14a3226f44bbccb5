/*
 * redis_liar_test_helpers -- a server that answers what the test says, whatever it is asked: for answers that no Redis
 * gives. One connection at a time, between liar_begin and liar_end.
 */
#ifndef PLAYHOUSE_REDIS_LIAR_TEST_HELPERS_H
#define PLAYHOUSE_REDIS_LIAR_TEST_HELPERS_H

#include <pthread.h>

#include "redis_test_helpers.h"

typedef struct liar {
    char folder[32];
    char url[128]; /* as redis_link_new takes it */
    struct sockaddr_un address;
    int listener;
    const char *info, *answer; /* to what comes first, and to what comes after it */
    pthread_t thread;
} liar_t;

/* What a link is content with when it asks who the server is. */
static const char liar_good_info[] = "$27\r\n# Server\r\nrun_id:abc\r\nx:1\r\n\r\n";

/* Answers each piece that it reads: what is asked here fits into one. */
static inline void *
liar_run(void *context)
{
    const liar_t *self = context;
    char asked[8192];
    int fd = accept(self->listener, NULL, NULL);
    for (const char *answer = self->info; fd >= 0 && recv(fd, asked, sizeof asked, 0) > 0; answer = self->answer) {
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static inline void
liar_open(liar_t *self)
{
    *self = (liar_t){.folder = "/tmp/playhouse-liar-XXXXXX", .address = {.sun_family = AF_UNIX}};
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->address.sun_path, sizeof self->address.sun_path, "%s/sock", self->folder);
    snprintf(self->url, sizeof self->url, "unix:%s", self->address.sun_path);
    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&self->address, sizeof self->address), 0);
    assert_int_equal(listen(self->listener, 1), 0);
}

static inline void
liar_begin(liar_t *self, const char *info, const char *answer)
{
    self->info = info;
    self->answer = answer;
    assert_int_equal(pthread_create(&self->thread, NULL, liar_run, self), 0);
}

/* After whoever was connected to it has hung up. */
static inline void
liar_end(liar_t *self)
{
    pthread_join(self->thread, NULL);
}

static inline void
liar_close(liar_t *self)
{
    close(self->listener);
    unlink(self->address.sun_path);
    rmdir(self->folder);
}

#endif
