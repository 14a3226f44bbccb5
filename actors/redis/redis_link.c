#include "redis_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "redis_url.h"

enum {
    LOOK_USEC = 50 * ACT_MSEC,   /* at most so long between two looks at the clock while an answer is awaited */
    STILL_USEC = 150 * ACT_MSEC, /* three times that and more: this process did not run */
};

struct redis_link {
    redis_address_t address;
    int64_t timeout_msec;
    redisContext *context;     /* NULL: not connected */
    act_usec_t call_now;       /* the caller's clock, as the call in hand started */
    act_usec_t retry_at;       /* on the caller's clock; not before */
    int64_t started, deadline; /* of the call in hand, by link_clock */
    int64_t looked;            /* when it looked there last */
    char server[REDIS_SERVER_SIZE];
    char why[REDIS_WHY_SIZE];
};

/* How long this call has taken is real time, whatever clock the caller lives by. In microseconds. */
static int64_t
link_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * ACT_SEC + now.tv_nsec / 1000;
}

/* Of the time for the call in hand. What passed while this process stood still (its machine was taken from it, or it
 * was stopped) does not count: nobody can say that Redis was late then, which most likely stood still with it. */
static int64_t
link_left(redis_link_t *self)
{
    int64_t looked = link_clock(), passed = looked - self->looked;
    self->looked = looked;
    if (passed > STILL_USEC) {
        self->deadline += passed - LOOK_USEC;
    }
    return self->deadline > looked ? self->deadline - looked : 0;
}

redis_link_t *
redis_link_new(const char *url, int64_t timeout_msec, char *why, size_t why_size)
{
    redis_address_t address;
    if (!redis_address_parse(&address, url, why, why_size)) {
        return NULL;
    }
    redis_link_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->address = address;
    explicit_bzero(&address, sizeof address);
    self->timeout_msec = timeout_msec > 0 ? timeout_msec : 1;
    self->retry_at = INT64_MIN;
    return self;
}

void
redis_link_destroy(redis_link_t **self_p)
{
    redis_link_t *self = *self_p;
    if (self != NULL) {
        if (self->context != NULL) {
            redisFree(self->context);
        }
        explicit_bzero(self, sizeof *self);
        free(self);
        *self_p = NULL;
    }
}

void
redis_link_fail(redis_link_t *self, const char *what, const char *detail)
{
    char where[sizeof self->address.host + 16];
    redis_address_show(&self->address, where, sizeof where);
    snprintf(self->why, sizeof self->why, "redis at %s: %s: %s", where, what, detail);
    if (self->context != NULL) {
        redisFree(self->context);
        self->context = NULL;
    }
    self->retry_at = self->call_now + (link_clock() - self->started) + REDIS_RETRY_USEC;
}

const char *
redis_link_why(const redis_link_t *self)
{
    return self->why;
}

const char *
redis_link_server(const redis_link_t *self)
{
    return self->server;
}

/* Waits until the socket is ready. False, and the call has failed: it was not in time. */
static bool
link_wait(redis_link_t *self, short events)
{
    struct pollfd ready = {.fd = self->context->fd, .events = events};
    for (;;) {
        int64_t left = link_left(self);
        if (left == 0) {
            redis_link_fail(self, "no answer", "the time for it is over");
            return false;
        }
        int64_t wait = left < LOOK_USEC ? left : LOOK_USEC;
        int count = poll(&ready, 1, (int)((wait + ACT_MSEC - 1) / ACT_MSEC));
        if (count > 0) {
            return true;
        }
        if (count < 0 && errno != EINTR) {
            redis_link_fail(self, "could not wait", strerror(errno));
            return false;
        }
    }
}

/* hiredis would wait for each piece anew, and its write raises SIGPIPE. */
static bool
link_write(redis_link_t *self, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(self->context->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!link_wait(self, POLLOUT)) {
                return false;
            }
        } else if (sent < 0 && errno != EINTR) {
            redis_link_fail(self, "could not send", strerror(errno));
            return false;
        }
    }
    return true;
}

static redisReply *
link_read(redis_link_t *self)
{
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(self->context, &reply) != REDIS_OK) {
            redis_link_fail(self, "an answer that is none", self->context->errstr);
            return NULL;
        }
        if (reply != NULL) {
            return reply;
        }
        if (!link_wait(self, POLLIN)) {
            return NULL;
        }
        if (redisBufferRead(self->context) != REDIS_OK) {
            redis_link_fail(self, "could not read", self->context->errstr);
            return NULL;
        }
    }
}

/* One command, one answer; NULL: the connection has ended. An error that Redis answers is an answer. */
static redisReply *
link_ask(redis_link_t *self, int argc, const char **argv, const size_t *lengths)
{
    sds command = NULL;
    int length = redisFormatSdsCommandArgv(&command, argc, argv, lengths);
    if (length < 0) {
        redis_link_fail(self, "could not ask", "there is no memory for it");
        return NULL;
    }
    bool sent = link_write(self, command, (size_t)length);
    redisFreeSdsCommand(command);
    return sent ? link_read(self) : NULL;
}

/* As link_ask, of words, and an error is a failure. */
static redisReply *
link_command(redis_link_t *self, int argc, const char **argv, const char *what)
{
    size_t lengths[3];
    ACT_ASSERT(argc <= 3);
    for (int i = 0; i < argc; i++) {
        lengths[i] = strlen(argv[i]);
    }
    redisReply *reply = link_ask(self, argc, argv, lengths);
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        redis_link_fail(self, what, reply->str);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

static bool
link_log_in(redis_link_t *self)
{
    const redis_address_t *address = &self->address;
    if (*address->password == '\0') {
        return true;
    }
    const char *argv[3] = {"AUTH"};
    int argc = 1;
    if (*address->user != '\0') {
        argv[argc++] = address->user;
    }
    argv[argc++] = address->password;
    redisReply *reply = link_command(self, argc, argv, "the login was refused");
    freeReplyObject(reply);
    return reply != NULL;
}

static bool
link_select(redis_link_t *self)
{
    if (self->address.database == 0) {
        return true;
    }
    char number[8];
    snprintf(number, sizeof number, "%u", (unsigned)self->address.database);
    redisReply *reply = link_command(self, 2, (const char *[]){"SELECT", number}, "there is no such database");
    freeReplyObject(reply);
    return reply != NULL;
}

static bool
link_learn_server(redis_link_t *self)
{
    redisReply *reply = link_command(self, 2, (const char *[]){"INFO", "server"}, "INFO was refused");
    if (reply == NULL) {
        return false;
    }
    static const char field[] = "\nrun_id:";
    const char *found = reply->type == REDIS_REPLY_STRING ? strstr(reply->str, field) : NULL;
    size_t length = found != NULL ? strcspn(found + sizeof field - 1, "\r\n") : 0;
    bool known = length > 0 && length < sizeof self->server;
    if (known) {
        memcpy(self->server, found + sizeof field - 1, length);
        self->server[length] = '\0';
    }
    freeReplyObject(reply);
    if (!known) {
        redis_link_fail(self, "INFO", "it gives no run_id");
    }
    return known;
}

static bool
link_connect(redis_link_t *self)
{
    const redis_address_t *address = &self->address;
    int64_t left = link_left(self);
    struct timeval timeout = {.tv_sec = left / ACT_SEC, .tv_usec = left % ACT_SEC};
    self->context = *address->path != '\0' ? redisConnectUnixWithTimeout(address->path, timeout)
                                           : redisConnectWithTimeout(address->host, address->port, timeout);
    self->looked = link_clock(); /* it did not stand still: it waited */
    if (self->context == NULL || self->context->err != 0) {
        redis_link_fail(self, "could not connect", self->context != NULL ? self->context->errstr : "no memory");
        return false;
    }
    return link_log_in(self) && link_select(self) && link_learn_server(self);
}

bool
redis_link_open(redis_link_t *self, act_usec_t now)
{
    self->call_now = now;
    self->started = link_clock();
    self->looked = self->started;
    self->deadline = self->started + self->timeout_msec * ACT_MSEC;
    if (self->context != NULL) {
        return true;
    }
    return now >= self->retry_at && link_connect(self);
}

static bool
link_load(redis_link_t *self, const redis_script_t *script)
{
    size_t head = strlen(script->prelude), length = head + strlen(script->body);
    char *text = malloc(length + 1);
    ACT_ASSERT(text != NULL);
    memcpy(text, script->prelude, head);
    memcpy(text + head, script->body, length - head + 1);
    redisReply *reply = link_command(self, 3, (const char *[]){"SCRIPT", "LOAD", text}, "a script was refused");
    free(text);
    freeReplyObject(reply);
    return reply != NULL;
}

redisReply *
redis_link_eval(redis_link_t *self, const redis_script_t *script, int argc, const char **argv, size_t *lengths)
{
    argv[0] = "EVALSHA";
    lengths[0] = strlen(argv[0]);
    argv[1] = script->sha1;
    lengths[1] = strlen(script->sha1);
    redisReply *reply = link_ask(self, argc, argv, lengths);
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
        freeReplyObject(reply);
        reply = link_load(self, script) ? link_ask(self, argc, argv, lengths) : NULL;
    }
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        redis_link_fail(self, "a script failed", reply->str);
        freeReplyObject(reply);
        reply = NULL;
    }
    return reply;
}
