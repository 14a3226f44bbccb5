/*
 * bench_stats -- a histogram of times with one part in 64 of error, and what a server's process has used so far.
 */
#ifndef PLAYHOUSE_BENCH_STATS_H
#define PLAYHOUSE_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_STATS_SUB = 64,    /* buckets of each power of two */
    BENCH_STATS_POWERS = 32, /* up to 2^37 us; longer ones count as that */
    BENCH_PIDS_MAX = 32,     /* processes of one server */
};

/* Zeroed is empty. */
typedef struct bench_stats {
    uint64_t counts[BENCH_STATS_POWERS * BENCH_STATS_SUB];
    uint64_t count;
    int64_t max; /* us */
} bench_stats_t;

void bench_stats_add(bench_stats_t *self, int64_t usec);
/* The least time that `part` (0..1) of the observations do not exceed, in us; 0 when there are none. */
int64_t bench_stats_quantile(const bench_stats_t *self, double part);

typedef struct bench_usage {
    int64_t cpu_usec; /* user and system, of all threads */
    int64_t rss;      /* bytes */
} bench_usage_t;

/* The processes of one server. */
typedef struct bench_pids {
    int64_t pids[BENCH_PIDS_MAX];
    size_t count;
} bench_pids_t;

/* Reads 1 to BENCH_PIDS_MAX process ids that are joined by commas, each once. False: it is something else. */
bool bench_pids_parse(const char *text, bench_pids_t *pids);

/* Reads /proc/PID. False after saying on standard error why not. */
bool bench_usage_read(int64_t pid, bench_usage_t *usage);

/* CPU of a process and its children together, those included that have ended and were waited for; no memory. */
bool bench_usage_read_family(int64_t pid, bench_usage_t *usage);

int64_t bench_now(void); /* monotonic us */

#endif
