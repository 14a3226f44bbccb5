/*
 * cache -- the port to small values that are quick to read and may be lost at any time. What is kept here stands
 * somewhere else too: a cache that is empty, away or wrong costs a read of the store, nothing else. So no function
 * gives an error, and none waits longer than the form's time-out says.
 *
 * Each value is kept with the time at which the read of the store began that it comes from, on the one clock that all
 * who share the cache go by. It is given out as FRESH until CACHE_FRESH_MSEC after that, the time the asking took
 * included, and never later. forget, after a change was stored, also keeps out what was read before it: until a value
 * whose reading began after the forget is put, there is none.
 *
 * One thread at a time uses a cache.
 */
#ifndef PLAYHOUSE_CACHE_H
#define PLAYHOUSE_CACHE_H

#include "act.h"

enum {
    CACHE_FRESH_MSEC = 100, /* what a value may be behind the store */
    CACHE_TTL_MSEC = 10000, /* then it goes by itself; until then it is found, and known to be stale */
    CACHE_NAME_MAX = 1100,  /* bytes of a name */
    CACHE_VALUE_MAX = 4096, /* bytes of a value; a longer one is not kept */
    CACHE_RETRY_MSEC = 200, /* after a failure nothing is asked for this long, doubling with each to ... */
    CACHE_RETRY_MAX_MSEC = 3200,
};

/* What get has found. */
typedef struct cache_value {
    int64_t began;   /* for put, of what is now read from the store; 0: away, and put has nothing to do */
    uint32_t length; /* of `bytes`, when FRESH; else 0 */
    uint8_t bytes[CACHE_VALUE_MAX];
} cache_value_t;

typedef struct cache cache_t;
struct cache {
    /* FRESH, STALE (there is one, and it is too old), NOTHING, or AWAY. Names are the caller's, 1 to CACHE_NAME_MAX
     * bytes; they are not kept in clear. `now` is act_now, and is only for when to try again. */
    cache_found_t (*get)(cache_t *self, act_usec_t now, const char *name, cache_value_t *out);
    /* `began`: what the get gave that came before the read of the store. Nothing is kept over a newer value or a later
     * forget, nor what is older than CACHE_FRESH_MSEC by now. */
    void (*put)(cache_t *self, act_usec_t now, const char *name, int64_t began, const void *bytes, size_t length);
    /* After the change is in the store. While the cache is away others may go on reading what was there before for
     * CACHE_FRESH_MSEC after it was read, as they may without any change. */
    void (*forget)(cache_t *self, act_usec_t now, const char *name);
    /* Is it there? Asks it, but not while nothing is to be asked (CACHE_RETRY_MSEC). */
    bool (*ping)(cache_t *self, act_usec_t now);
    /* Was it away when it was asked last? */
    bool (*is_away)(const cache_t *self);
    /* Why it was away last; "" when it never was. Valid until the next call. Names no user and no password. */
    const char *(*error_text)(const cache_t *self);
    void (*destroy)(cache_t **self_p);
};

/* The Redis at `url` (redis://HOST:PORT[/DATABASE], unix:PATH; see redis_url.h). It need not be there yet: it is
 * connected to at the first call. One call takes at most `timeout_msec`. NULL: `why` says what is wrong with the url.
 */
cache_t *cache_redis_new(const char *url, int64_t timeout_msec, char *why, size_t why_size);

#endif
