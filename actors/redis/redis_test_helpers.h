/*
 * redis_test_helpers -- a Redis of its own for a test: a real redis-server that keeps nothing on disk, at a
 * socket in a folder that goes away with it. It dies with the test, however that ends.
 */
#ifndef PLAYHOUSE_REDIS_TEST_HELPERS_H
#define PLAYHOUSE_REDIS_TEST_HELPERS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

enum { REDIS_START_POLLS = 1000, REDIS_START_POLL_MSEC = 10 };

typedef struct redis_fixture {
    char folder[64];
    char socket[96];
    char url[112];         /* as redis_link_new takes it */
    pid_t pid;             /* 0: it does not run */
    redisContext *context; /* the test's own connection, made at need */
} redis_fixture_t;

static inline bool
redis_fixture_answers(const redis_fixture_t *self)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", self->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

/* With more of redis-server's options, up to NULL. */
static inline void
redis_fixture_start_with(redis_fixture_t *self, const char *const *options)
{
    char *argv[32] = {"redis-server", "--port", "0", "--unixsocket", self->socket, "--dir",
                      self->folder,   "--save", "",  "--appendonly", "no",         "--logfile",
                      "redis.log"};
    int argc = 13;
    for (; options != NULL && *options != NULL && argc < 31; options++) {
        argv[argc++] = (char *)*options;
    }
    self->pid = fork();
    assert_true(self->pid >= 0);
    if (self->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execvp(argv[0], argv);
        _exit(127);
    }
    for (int polls = 0; !redis_fixture_answers(self); polls++) {
        int status = 0;
        if (waitpid(self->pid, &status, WNOHANG) != 0 || polls == REDIS_START_POLLS) {
            fail_msg("redis-server did not start (status %d); is it installed?", status);
        }
        poll(NULL, 0, REDIS_START_POLL_MSEC);
    }
}

static inline void
redis_fixture_start(redis_fixture_t *self)
{
    redis_fixture_start_with(self, NULL);
}

static inline void
redis_fixture_open(redis_fixture_t *self)
{
    *self = (redis_fixture_t){.folder = "/tmp/playhouse-redis-XXXXXX"};
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->socket, sizeof self->socket, "%s/redis.sock", self->folder);
    snprintf(self->url, sizeof self->url, "unix:%s", self->socket);
    redis_fixture_start(self);
}

static inline void
redis_fixture_hang_up(redis_fixture_t *self)
{
    if (self->context != NULL) {
        redisFree(self->context);
        self->context = NULL;
    }
}

/* As a crash. What it had is gone. */
static inline void
redis_fixture_kill(redis_fixture_t *self)
{
    redis_fixture_hang_up(self);
    if (self->pid > 0) {
        assert_int_equal(kill(self->pid, SIGKILL), 0);
        assert_int_equal(waitpid(self->pid, NULL, 0), self->pid);
        self->pid = 0;
    }
}

static inline void
redis_fixture_close(redis_fixture_t *self)
{
    static const char *const files[] = {"redis.sock", "redis.log", "dump.rdb"};
    redis_fixture_kill(self);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", self->folder, files[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(self->folder), 0);
}

/* One command, its words in hiredis's format. The answer is the caller's, and is no error. */
static inline redisReply *
redis_fixture_ask(redis_fixture_t *self, const char *format, ...)
{
    if (self->context == NULL) {
        self->context = redisConnectUnix(self->socket);
        assert_non_null(self->context);
        assert_int_equal(self->context->err, 0);
    }
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(self->context, format, arguments);
    va_end(arguments);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR) {
        fail_msg("redis: %s", reply->str);
    }
    return reply;
}

/* The same, for what it does. */
#define redis_fixture_do(self, ...) freeReplyObject(redis_fixture_ask((self), __VA_ARGS__))

#endif
