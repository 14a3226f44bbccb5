/*
 * redis_link -- one connection to Redis, and scripts called over it.
 *
 * It connects at a call, and after a loss again at a later one, but not before REDIS_RETRY_USEC have passed. A call
 * takes at most `timeout_msec`, connecting included (but for the lookup of a host's name, which the resolver bounds,
 * and for time in which this process stood still). Whatever goes wrong ends the connection: no answer is ever taken for
 * that of another call. Not for two threads at once.
 */
#ifndef PLAYHOUSE_REDIS_LINK_H
#define PLAYHOUSE_REDIS_LINK_H

#include <hiredis/hiredis.h>

#include "act.h"

enum {
    REDIS_RETRY_USEC = 200 * ACT_MSEC,
    REDIS_WHY_SIZE = 320,
    REDIS_SERVER_SIZE = 41, /* a run id */
};

/* A script as embed_scripts.py has put it into the binary. What it says is `prelude` and `body`, one after the other.
 */
typedef struct redis_script {
    const char *sha1; /* of both, as EVALSHA wants it */
    const char *prelude;
    const char *body;
} redis_script_t;

typedef struct redis_link redis_link_t;

/* NULL: `why` says what is wrong with the url. */
redis_link_t *redis_link_new(const char *url, int64_t timeout_msec, char *why, size_t why_size);
void redis_link_destroy(redis_link_t **self_p);

/* Starts a call: is there a connection? `now` is only for when to try again. */
bool redis_link_open(redis_link_t *self, act_usec_t now);
/* The run id of the Redis that it is connected to: another one after each restart and each failover. */
const char *redis_link_server(const redis_link_t *self);
/* Runs a script, once (it is loaded first if Redis does not know it). `argv` has two places free in front. NULL: it is
 * away. */
redisReply *redis_link_eval(redis_link_t *self, const redis_script_t *script, int argc, const char **argv,
                            size_t *lengths);
/* Ends the connection, because of what an answer was. */
void redis_link_fail(redis_link_t *self, const char *what, const char *detail);
/* Why the last call failed; "" when none has. */
const char *redis_link_why(const redis_link_t *self);

#endif
