/*
 * evalsha_floor -- the least a decision in Redis can cost: bare EVALSHA calls of a script that reads and writes one
 * field of a hash, from one connection, one at a time and 16 in flight. No session, no check, no other thread.
 *
 *   evalsha_floor --url redis://HOST:PORT|unix:PATH [--seconds N]
 *
 * Prints a row for each: calls per second, CPU per call of this process and of Redis, and the time of one call (of a
 * batch of 16). It writes to one key of its own, and removes it.
 */
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench_stats.h"

enum { FLIGHT = 16, FIELDS = 1000, HOST_CAP = 256 };

static const char script[] = "local was = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') "
                             "redis.call('HSET', KEYS[1], ARGV[1], was + 1) return was";
static const char key[] = "playhouse:evalsha_floor";

_Noreturn static void
die(const char *what, const char *why)
{
    fprintf(stderr, "evalsha_floor: cannot %s: %s\n", what, why);
    exit(1);
}

static redisReply *
answer(redisContext *redis, redisReply *reply, int type)
{
    if (reply == NULL) {
        die("ask redis", redis->errstr);
    }
    if (reply->type != type) {
        die("ask redis", reply->type == REDIS_REPLY_ERROR ? reply->str : "the answer is of another type");
    }
    return reply;
}

static redisContext *
open_redis(const char *url)
{
    char host[HOST_CAP];
    int port = 0;
    redisContext *redis = NULL;
    if (strncmp(url, "unix:", 5) == 0) {
        redis = redisConnectUnix(url + 5);
    } else if (sscanf(url, "redis://%255[^:]:%d", host, &port) == 2) {
        redis = redisConnect(host, port);
    } else {
        die("use the url", "it must be redis://HOST:PORT or unix:PATH");
    }
    if (redis == NULL || redis->err) {
        die("connect", redis ? redis->errstr : "out of memory");
    }
    return redis;
}

/* CPU that Redis has used so far, in us. */
static double
redis_cpu(redisContext *redis)
{
    redisReply *reply = answer(redis, redisCommand(redis, "INFO cpu"), REDIS_REPLY_STRING);
    const char *kernel = strstr(reply->str, "used_cpu_sys:"), *user = strstr(reply->str, "used_cpu_user:");
    double seconds = 0;
    if (kernel && user) {
        seconds = strtod(kernel + strlen("used_cpu_sys:"), NULL) + strtod(user + strlen("used_cpu_user:"), NULL);
    }
    freeReplyObject(reply);
    return seconds * 1e6;
}

static double
own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* `flight` calls leave together, and are waited for together. */
static void
call(redisContext *redis, const char *sha, int flight, uint64_t number)
{
    for (int i = 0; i < flight; i++) {
        if (redisAppendCommand(redis, "EVALSHA %s 1 %s field-%d", sha, key, (int)((number + (uint64_t)i) % FIELDS)) !=
            REDIS_OK) {
            die("ask redis", redis->errstr);
        }
    }
    for (int i = 0; i < flight; i++) {
        void *reply = NULL;
        if (redisGetReply(redis, &reply) != REDIS_OK) {
            die("ask redis", redis->errstr);
        }
        freeReplyObject(answer(redis, reply, REDIS_REPLY_INTEGER));
    }
}

static void
run(redisContext *redis, const char *sha, int flight, int64_t seconds)
{
    static bench_stats_t times;
    memset(&times, 0, sizeof(times));
    uint64_t calls = 0;
    double redis_before = redis_cpu(redis), own_before = own_cpu();
    int64_t start = bench_now(), now = start;
    while (now < start + seconds * 1000000) {
        call(redis, sha, flight, calls);
        calls += (uint64_t)flight;
        int64_t after = bench_now();
        bench_stats_add(&times, after - now);
        now = after;
    }
    double own = own_cpu() - own_before, all = redis_cpu(redis) - redis_before;
    printf("evalsha %2d in flight %8.0f calls/s, CPU %5.1f us per call + %5.1f of redis, p50 %.3f ms, p99 %.3f ms\n",
           flight, (double)calls * 1e6 / (double)(now - start), own / (double)calls, all / (double)calls,
           (double)bench_stats_quantile(&times, 0.5) / 1000, (double)bench_stats_quantile(&times, 0.99) / 1000);
}

int
main(int argc, char **argv)
{
    const char *url = NULL;
    int64_t seconds = 5;
    for (int i = 1; i < argc; i += 2) {
        int64_t number = i + 1 < argc ? strtoll(argv[i + 1], NULL, 10) : 0;
        if (i + 1 < argc && strcmp(argv[i], "--url") == 0) {
            url = argv[i + 1];
        } else if (strcmp(argv[i], "--seconds") == 0 && number > 0 && number <= 600) {
            seconds = number;
        } else {
            url = NULL;
            break;
        }
    }
    if (url == NULL) {
        fprintf(stderr, "usage: evalsha_floor --url redis://HOST:PORT|unix:PATH [--seconds N]\n");
        return 2;
    }
    redisContext *redis = open_redis(url);
    redisReply *loaded = answer(redis, redisCommand(redis, "SCRIPT LOAD %s", script), REDIS_REPLY_STRING);
    call(redis, loaded->str, FLIGHT, 0); /* the first ones are slower */
    run(redis, loaded->str, 1, seconds);
    run(redis, loaded->str, FLIGHT, seconds);
    freeReplyObject(loaded);
    freeReplyObject(answer(redis, redisCommand(redis, "DEL %s", key), REDIS_REPLY_INTEGER));
    redisFree(redis);
    return 0;
}
