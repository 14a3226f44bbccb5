#include "bench_stats.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BENCH_STATS_SUB_BITS = 6, BENCH_PROC_CAP = 4096 };

static uint32_t
bench_stats_bucket(uint64_t usec)
{
    if (usec < BENCH_STATS_SUB) {
        return (uint32_t)usec;
    }
    uint32_t power = 63 - (uint32_t)__builtin_clzll(usec) - BENCH_STATS_SUB_BITS;
    uint32_t bucket = (power + 1) * BENCH_STATS_SUB + (uint32_t)((usec >> power) - BENCH_STATS_SUB);
    uint32_t last = BENCH_STATS_POWERS * BENCH_STATS_SUB - 1;
    return bucket < last ? bucket : last;
}

/* The greatest time of a bucket. */
static int64_t
bench_stats_top(uint32_t bucket)
{
    uint32_t row = bucket / BENCH_STATS_SUB;
    uint32_t place = bucket % BENCH_STATS_SUB;
    if (row == 0) {
        return place;
    }
    return (((int64_t)BENCH_STATS_SUB + place + 1) << (row - 1)) - 1;
}

void
bench_stats_add(bench_stats_t *self, int64_t usec)
{
    int64_t value = usec > 0 ? usec : 0;
    self->counts[bench_stats_bucket((uint64_t)value)]++;
    self->count++;
    self->max = value > self->max ? value : self->max;
}

int64_t
bench_stats_quantile(const bench_stats_t *self, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)self->count + 0.999999);
    uint64_t seen = 0;
    wanted = wanted > 0 ? wanted : 1;
    for (uint32_t i = 0; i < BENCH_STATS_POWERS * BENCH_STATS_SUB && self->count > 0; i++) {
        seen += self->counts[i];
        if (seen >= wanted) {
            int64_t top = bench_stats_top(i);
            return top < self->max ? top : self->max;
        }
    }
    return self->max;
}

bool
bench_pids_parse(const char *text, bench_pids_t *pids)
{
    pids->count = 0;
    for (const char *at = text;; at++) {
        char *end = NULL;
        long long pid = *at >= '1' && *at <= '9' ? strtoll(at, &end, 10) : 0;
        if (pid < 1 || pid > INT32_MAX || pids->count == BENCH_PIDS_MAX) {
            return false;
        }
        for (size_t i = 0; i < pids->count; i++) {
            if (pids->pids[i] == pid) {
                return false;
            }
        }
        pids->pids[pids->count++] = pid;
        if (*end != ',') {
            return *end == '\0';
        }
        at = end;
    }
}

static bool
bench_proc_read(int64_t pid, const char *name, char text[BENCH_PROC_CAP])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/%s", pid, name);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, BENCH_PROC_CAP - 1, file) : 0;
    text[length] = '\0';
    if (length == 0) {
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
    }
    if (file) {
        fclose(file);
    }
    return length > 0;
}

/* Of /proc/PID/stat; times in us. */
typedef struct bench_stat {
    int64_t parent;
    int64_t own;
    int64_t children; /* that have ended and were waited for */
} bench_stat_t;

static bool
bench_stat_parse(const char *text, bench_stat_t *stat)
{
    const char *name_end = strrchr(text, ')'); /* the name itself may hold anything */
    uint64_t times[4];
    if (!name_end ||
        sscanf(name_end + 1,
               " %*c %" SCNd64 " %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &stat->parent, &times[0], &times[1], &times[2], &times[3]) != 5) {
        return false;
    }
    int64_t tick = 1000000 / sysconf(_SC_CLK_TCK);
    stat->own = (int64_t)(times[0] + times[1]) * tick;
    stat->children = (int64_t)(times[2] + times[3]) * tick;
    return true;
}

static bool
bench_stat_read(int64_t pid, bench_stat_t *stat)
{
    char text[BENCH_PROC_CAP];
    if (!bench_proc_read(pid, "stat", text)) {
        return false;
    }
    if (!bench_stat_parse(text, stat)) {
        fprintf(stderr, "cannot understand /proc/%" PRId64 "/stat\n", pid);
        return false;
    }
    return true;
}

bool
bench_usage_read_family(int64_t pid, bench_usage_t *usage)
{
    bench_stat_t stat;
    if (!bench_stat_read(pid, &stat)) {
        return false;
    }
    usage->cpu_usec = stat.own + stat.children;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
        int64_t child = strtoll(entry->d_name, NULL, 10); /* 0: not a process */
        char path[64];
        char text[BENCH_PROC_CAP];
        snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", child);
        FILE *file = child > 0 ? fopen(path, "re") : NULL; /* it may be gone by now */
        if (file != NULL) {
            text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
            fclose(file);
            usage->cpu_usec += bench_stat_parse(text, &stat) && stat.parent == pid ? stat.own : 0;
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
    return true;
}

bool
bench_usage_read(int64_t pid, bench_usage_t *usage)
{
    char text[BENCH_PROC_CAP];
    bench_stat_t stat;
    if (!bench_stat_read(pid, &stat)) {
        return false;
    }
    usage->cpu_usec = stat.own;
    if (!bench_proc_read(pid, "status", text)) {
        return false;
    }
    const char *rss = strstr(text, "VmRSS:");
    int64_t kilobytes = 0;
    if (!rss || sscanf(rss, "VmRSS: %" SCNd64, &kilobytes) != 1) {
        fprintf(stderr, "process %" PRId64 " has no memory any more: has it ended?\n", pid);
        return false;
    }
    usage->rss = kilobytes * 1024;
    return true;
}

int64_t
bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
