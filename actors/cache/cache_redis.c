/*
 * The Redis form. A record is
 *
 *     V, 16 digits, SHA-256, value    of a value; the digits are when the read of it began, in microseconds of Redis
 *     F, 16 digits                    of a forget; when that was
 *
 * The SHA-256 is over the name, the head and the value: what was cut, changed, moved from another name or given
 * another time is no record. It is no proof against somebody who may write here and means harm; nothing that is not in
 * the store can be decided from here.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache.h"
#include "cache_redis_script.h"

enum {
    STAMP_DIGITS = 16,
    HEAD_SIZE = 1 + STAMP_DIGITS,
    RECORD_HEAD = HEAD_SIZE + SHA256_DIGEST_LENGTH,
    RECORD_MAX = RECORD_HEAD + CACHE_VALUE_MAX,
    KEY_SIZE = sizeof "playhouse:cache:" + (size_t)2 * SHA256_DIGEST_LENGTH,
    NUMBER_SIZE = 12,
    CALL_ARGS_MAX = 3, /* of a script */
};

typedef struct cache_redis {
    cache_t port;
    redis_link_t *link;
    bool away;           /* the last call failed, and so do all until retry_at */
    act_usec_t retry_at; /* on the caller's clock */
    int64_t delay_msec;  /* after the next failure */
} cache_redis_t;

/* How long Redis has taken is real time, whatever clock the caller lives by. In microseconds. */
static int64_t
cache_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * ACT_SEC + now.tv_nsec / 1000;
}

/* ---- records ---- */

static void
key_make(const char *name, char key[KEY_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    ACT_ASSERT(*name != '\0' && strlen(name) <= CACHE_NAME_MAX);
    SHA256((const uint8_t *)name, strlen(name), digest);
    int length = snprintf(key, KEY_SIZE, "playhouse:cache:");
    for (size_t i = 0; i < sizeof digest; i++) {
        length += snprintf(key + length, KEY_SIZE - (size_t)length, "%02x", digest[i]);
    }
}

static void
record_digest(const char *name, const char *head, const uint8_t *value, size_t length,
              uint8_t digest[SHA256_DIGEST_LENGTH])
{
    uint8_t text[CACHE_NAME_MAX + 1 + HEAD_SIZE + CACHE_VALUE_MAX];
    size_t used = strlen(name) + 1;
    memcpy(text, name, used);
    memcpy(text + used, head, HEAD_SIZE);
    used += HEAD_SIZE;
    memcpy(text + used, value, length);
    SHA256(text, used + length, digest);
}

/* All of 16 digits; -1: they are not. */
static int64_t
stamp_read(const char *text)
{
    int64_t stamp = 0;
    for (int i = 0; i < STAMP_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        stamp = stamp * 10 + (text[i] - '0');
    }
    return stamp;
}

/* What a record is at `now` (of Redis), when it took `took` to have it. */
static cache_found_t
record_read(const char *name, const char *record, size_t length, int64_t now, int64_t took, cache_value_t *out)
{
    if (length < RECORD_HEAD || length > RECORD_MAX || *record != 'V') {
        return CACHE_FOUND_NOTHING;
    }
    int64_t began = stamp_read(record + 1);
    const uint8_t *value = (const uint8_t *)record + RECORD_HEAD;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    record_digest(name, record, value, length - RECORD_HEAD, digest);
    if (began < 0 || began > now || memcmp(digest, record + HEAD_SIZE, sizeof digest) != 0) {
        return CACHE_FOUND_NOTHING;
    }
    if (now - began + took > CACHE_FRESH_MSEC * (int64_t)ACT_MSEC) {
        return CACHE_FOUND_STALE;
    }
    out->length = (uint32_t)(length - RECORD_HEAD);
    memcpy(out->bytes, value, out->length);
    return CACHE_FOUND_FRESH;
}

/* ---- calls ---- */

/* One script with its one key. */
typedef struct cache_call {
    const redis_script_t *script;
    char key[KEY_SIZE];
    int argc;
    const char *argv[4 + CALL_ARGS_MAX]; /* the first two places are the link's */
    size_t lengths[4 + CALL_ARGS_MAX];
    int64_t started; /* by cache_clock */
} cache_call_t;

static void
call_bytes(cache_call_t *self, const char *bytes, size_t length)
{
    ACT_ASSERT(self->argc < 4 + CALL_ARGS_MAX);
    self->argv[self->argc] = bytes;
    self->lengths[self->argc++] = length;
}

static void
call_make(cache_call_t *self, const redis_script_t *script, const char *name)
{
    self->script = script;
    self->argc = 2;
    key_make(name, self->key);
    call_bytes(self, "1", 1);
    call_bytes(self, self->key, strlen(self->key));
}

/* The answer, or none. */
static redisReply *
call_run(cache_call_t *self, cache_redis_t *cache, act_usec_t now)
{
    self->started = cache_clock();
    if (!redis_link_open(cache->link, now)) {
        return NULL;
    }
    return redis_link_eval(cache->link, self->script, self->argc, self->argv, self->lengths);
}

/* After each call: was there an answer, and was it one to what was asked? If not, the cache is away, and is not asked
 * for a while that gets longer. Frees it. */
static void
call_end(cache_call_t *self, cache_redis_t *cache, act_usec_t now, redisReply *reply, bool good)
{
    if (reply != NULL && !good) {
        redis_link_fail(cache->link, "not an answer to what was asked", "it is of another form");
    }
    freeReplyObject(reply);
    cache->away = !good;
    if (good) {
        cache->delay_msec = CACHE_RETRY_MSEC;
        return;
    }
    cache->retry_at = now + (cache_clock() - self->started) + cache->delay_msec * ACT_MSEC;
    cache->delay_msec = cache->delay_msec < CACHE_RETRY_MAX_MSEC ? 2 * cache->delay_msec : CACHE_RETRY_MAX_MSEC;
}

static bool
cache_may_ask(const cache_redis_t *self, act_usec_t now)
{
    return !self->away || now >= self->retry_at;
}

/* ---- the port ---- */

static bool
is_look_answer(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_STRING &&
           reply->element[1]->type == REDIS_REPLY_STRING && reply->element[1]->len == STAMP_DIGITS &&
           stamp_read(reply->element[1]->str) > 0;
}

static cache_found_t
cache_redis_get(cache_t *port, act_usec_t now, const char *name, cache_value_t *out)
{
    cache_redis_t *self = (cache_redis_t *)port;
    cache_call_t call;
    char longest[NUMBER_SIZE];
    cache_found_t found = CACHE_FOUND_AWAY;
    out->began = 0;
    out->length = 0;
    if (!cache_may_ask(self, now)) {
        return found;
    }
    call_make(&call, &cache_script_look, name);
    call_bytes(&call, longest, (size_t)snprintf(longest, sizeof longest, "%d", RECORD_MAX));
    redisReply *reply = call_run(&call, self, now);
    bool good = reply != NULL && is_look_answer(reply);
    if (good) {
        const redisReply *record = reply->element[0];
        out->began = stamp_read(reply->element[1]->str);
        found = record_read(name, record->str, record->len, out->began, cache_clock() - call.started, out);
    }
    call_end(&call, self, now, reply, good);
    return found;
}

static bool
cache_redis_ping(cache_t *port, act_usec_t now)
{
    cache_value_t nothing;
    return cache_redis_get(port, now, "ping", &nothing) != CACHE_FOUND_AWAY;
}

static void
cache_redis_put(cache_t *port, act_usec_t now, const char *name, int64_t began, const void *bytes, size_t length)
{
    cache_redis_t *self = (cache_redis_t *)port;
    if (began <= 0 || length > CACHE_VALUE_MAX || !cache_may_ask(self, now)) {
        return;
    }
    char record[RECORD_MAX], head[HEAD_SIZE + 8], fresh[NUMBER_SIZE], ttl[NUMBER_SIZE];
    snprintf(head, sizeof head, "V%0*lld", STAMP_DIGITS, (long long)began);
    memcpy(record, head, HEAD_SIZE);
    memcpy(record + RECORD_HEAD, bytes, length);
    record_digest(name, record, bytes, length, (uint8_t *)record + HEAD_SIZE);
    cache_call_t call;
    call_make(&call, &cache_script_put, name);
    call_bytes(&call, record, RECORD_HEAD + length);
    call_bytes(&call, fresh, (size_t)snprintf(fresh, sizeof fresh, "%d", CACHE_FRESH_MSEC * ACT_MSEC));
    call_bytes(&call, ttl, (size_t)snprintf(ttl, sizeof ttl, "%d", CACHE_TTL_MSEC));
    redisReply *reply = call_run(&call, self, now);
    call_end(&call, self, now, reply, reply != NULL && reply->type == REDIS_REPLY_INTEGER);
}

static void
cache_redis_forget(cache_t *port, act_usec_t now, const char *name)
{
    cache_redis_t *self = (cache_redis_t *)port;
    if (!cache_may_ask(self, now)) {
        return;
    }
    char ttl[NUMBER_SIZE];
    cache_call_t call;
    call_make(&call, &cache_script_forget, name);
    call_bytes(&call, ttl, (size_t)snprintf(ttl, sizeof ttl, "%d", CACHE_TTL_MSEC));
    redisReply *reply = call_run(&call, self, now);
    call_end(&call, self, now, reply, reply != NULL && reply->type == REDIS_REPLY_INTEGER);
}

static bool
cache_redis_is_away(const cache_t *port)
{
    return ((const cache_redis_t *)port)->away;
}

static const char *
cache_redis_error_text(const cache_t *port)
{
    return redis_link_why(((const cache_redis_t *)port)->link);
}

static void
cache_redis_destroy(cache_t **port_p)
{
    cache_redis_t *self = (cache_redis_t *)*port_p;
    redis_link_destroy(&self->link);
    free(self);
    *port_p = NULL;
}

cache_t *
cache_redis_new(const char *url, int64_t timeout_msec, char *why, size_t why_size)
{
    redis_link_t *link = redis_link_new(url, timeout_msec, why, why_size);
    if (link == NULL) {
        return NULL;
    }
    cache_redis_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    *self = (cache_redis_t){.port = {.get = cache_redis_get,
                                     .put = cache_redis_put,
                                     .forget = cache_redis_forget,
                                     .ping = cache_redis_ping,
                                     .is_away = cache_redis_is_away,
                                     .error_text = cache_redis_error_text,
                                     .destroy = cache_redis_destroy},
                            .link = link,
                            .delay_msec = CACHE_RETRY_MSEC};
    return &self->port;
}
