/*
 * registry_redis_call -- one operation of the Redis form: its arguments, put together; its script, run; what it
 * answers, taken apart. Every answer is { result, revision, ... }, and what follows is exactly what the operation
 * takes: anything else ends the connection, and the operation is UNAVAILABLE.
 *
 *     redis_call_t call;
 *     call_begin(&call, port, now, &redis_script_drop, instance);
 *     call_text(&call, session_id);
 *     if (call_run(&call) == REGISTRY_OK) {
 *         call_take_session(&call, session);
 *     }
 *     return call_end(&call);
 */
#ifndef PLAYHOUSE_REGISTRY_REDIS_CALL_H
#define PLAYHOUSE_REGISTRY_REDIS_CALL_H

#include <pthread.h>

#include "registry.h"
#include "registry_redis_script.h"

enum {
    REDIS_GENERATION_SIZE = 17, /* 64 random bits, in hex */
    REDIS_ROWS_MAX = 16,        /* sessions of one call: what the store gives at once */
    REDIS_ARGS_MAX = 16 + REDIS_ROWS_MAX * 16,
    REDIS_ARENA_SIZE = 4096, /* keys and numbers, as text */
};

static const int64_t REDIS_INT_MAX = INT64_C(9007199254740991); /* as in types.json; what Lua counts exactly */

/* What this process knows of an instance in Redis. */
typedef struct redis_instance {
    char key[sizeof((registry_session_t *)NULL)->instance];
    char generation[REDIS_GENERATION_SIZE]; /* that it has restored into; empty: none */
    char joining[REDIS_GENERATION_SIZE];    /* that it restores into now */
    int64_t revision;                       /* the highest seen of `generation` */
} redis_instance_t;

typedef struct registry_redis {
    registry_t port;
    pthread_mutex_t lock; /* of all that follows; held for the length of a call */
    redis_link_t *link;
    int64_t window_msec;
    bool caller_clock;
    char trouble[REGISTRY_WHY_SIZE]; /* why the last one was that was LOST or UNAVAILABLE */
    uint32_t instances_count;
    redis_instance_t instances[REGISTRY_INSTANCES_CAP]; /* that this process has begun to restore */
} registry_redis_t;

typedef struct redis_call {
    registry_redis_t *self;
    const redis_script_t *script;
    redis_instance_t *instance; /* one of the registry's, or `stranger`; NULL: it is about attempts */
    redis_instance_t stranger;  /* an instance that this process has not restored */
    redisReply *reply;
    size_t taken; /* elements of the reply */
    bool failed;
    registry_result_t result;
    int64_t revision; /* of the instance, as the answer gives it */
    int argc;
    size_t arena_used;
    const char *argv[REDIS_ARGS_MAX];
    size_t lengths[REDIS_ARGS_MAX];
    char arena[REDIS_ARENA_SIZE];
} redis_call_t;

/* Locks the registry until call_end. */
void call_begin(redis_call_t *self, registry_t *port, act_usec_t now, const redis_script_t *script,
                const char *instance);
/* The same, for a script that is about no instance and has keys of its own. */
void call_begin_keys(redis_call_t *self, registry_t *port, act_usec_t now, const redis_script_t *script,
                     const char *const *keys, int count);

/* Borrowed until call_run. */
void call_text(redis_call_t *self, const char *text);
void call_bytes(redis_call_t *self, const void *bytes, size_t length);
void call_hash(redis_call_t *self, const uint8_t hash[SECRET_HASH_SIZE]);
void call_number(redis_call_t *self, int64_t number);
void call_name(redis_call_t *self, const char *const *names, unsigned count, unsigned index);

registry_result_t call_run(redis_call_t *self);

/* Each takes the next element. When it is not of that kind, the call fails and the rest is not to be looked at. */
int64_t call_take_number(redis_call_t *self, int64_t min, int64_t max);
void call_take_text(redis_call_t *self, char *text, size_t size);
/* The index of the next element's word among `count` names. */
unsigned call_take_name(redis_call_t *self, const char *const *names, unsigned count);
void call_take_session(redis_call_t *self, registry_session_t *session);
/* A session, or nobody: session_id is "". */
void call_take_whom(redis_call_t *self, registry_session_t *session);
size_t call_left(const redis_call_t *self);

/* Between call_begin and call_end: this process restores the instance, or forgets it. Without room for one more
 * instance the result is FULL, and the call is not to be run. */
bool call_may_remember(redis_call_t *self);
redis_instance_t *call_remember(redis_call_t *self);
void call_forget(redis_call_t *self);

/* Unlocks. The result, or UNAVAILABLE when the call failed or something of the answer was left over. */
registry_result_t call_end(redis_call_t *self);

#endif
