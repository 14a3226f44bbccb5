/*
 * bench -- loads one server: makes characters, joins sessions, sends moves, and counts what comes back.
 *
 * bench_join.c brings the sessions in, bench_load.c plays them, bench_report.c prints; cmd_bench.c is the command.
 * One thread, one epoll descriptor, every phase bounded in time.
 */
#ifndef PLAYHOUSE_BENCH_H
#define PLAYHOUSE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench_http.h"
#include "bench_scan.h"
#include "bench_stats.h"
#include "bench_ws.h"
#include "msg.h"

enum {
    BENCH_OUTSTANDING_CAP = 64,
    BENCH_JOINERS_CAP = 1024,
    BENCH_CODES_CAP = 16, /* different reasons that are counted by name */
    BENCH_CODE_CAP = 64,
    BENCH_SESSIONS_MAX = 100000,
};

typedef struct bench_options {
    const char *url;
    const char *token_path; /* of the server; NULL: tokens are signed with the key in dev_key */
    const char *dev_key;
    const char *audience;
    const char *users;
    codec_format_t format;
    int64_t sessions;
    int64_t rate; /* actions per second in all; 0: as fast as acks come */
    int64_t outstanding;
    int64_t seconds;
    int64_t warmup;
    int64_t joiners;
    int64_t pid; /* 0: none */
    bool idle;
    bool join_only;
    bool allow_remote;
} bench_options_t;

/* How often something happened, by what it is called. */
typedef struct bench_tally {
    struct {
        char code[BENCH_CODE_CAP];
        uint64_t count;
    } rows[BENCH_CODES_CAP];
    uint32_t rows_count;
    uint64_t count;
} bench_tally_t;

void bench_tally_add(bench_tally_t *self, const char *code);

typedef enum bench_state {
    BENCH_NEW,
    BENCH_READY,  /* its character is there */
    BENCH_ASKING, /* connects, opens and joins */
    BENCH_PLAYING,
    BENCH_GONE,
} bench_state_t;

struct bench;

typedef struct bench_session {
    bench_ws_t ws; /* first: events of the socket come as this */
    struct bench *bench;
    struct bench_joiner *joiner; /* who waits for it to be in; NULL later */
    char *token;
    char ticket[44];
    bench_state_t state;
    uint32_t outstanding;
    int64_t action_id;                     /* the last one sent */
    int64_t due_at[BENCH_OUTSTANDING_CAP]; /* when the action was due, by actionId; 0: not outstanding */
    int64_t rest_until;                    /* after a refusal */
    double x, y;
} bench_session_t;

/* One HTTP connection that brings one session after the other in. */
typedef struct bench_joiner {
    bench_http_t http; /* first */
    struct bench *bench;
    bench_session_t *session; /* NULL: nothing to do */
    int step;
} bench_joiner_t;

typedef struct bench {
    const bench_options_t *options;
    bench_peer_t peer;
    bench_session_t *sessions;
    bench_joiner_t *joiners;
    char build[65];
    int64_t next;     /* sessions before this one were given to a joiner in this phase */
    int64_t finished; /* sessions done with in this phase */
    int64_t joined;
    int64_t playing;
    bool ending;

    int64_t join_usec;
    bench_usage_t before_join, after_join, before_load, after_load;
    int64_t load_usec;

    bool counting; /* inside of the measured time */
    int64_t load_start;
    int64_t count_start;
    uint64_t sent;
    uint64_t acked;
    uint64_t messages; /* WebSocket messages read */
    uint64_t bytes;
    uint64_t unanswered;
    bench_stats_t acks;
    bench_tally_t failures; /* joins and connections that failed */
    bench_tally_t refusals; /* actions that were refused */
} bench_t;

/* Each returns false after saying why on standard error. */
bool bench_prepare(bench_t *self); /* build, tokens, characters */
bool bench_join(bench_t *self);
bool bench_load(bench_t *self);
bool bench_idle(bench_t *self);
void bench_leave(bench_t *self);

/* Waits for events at most `usec` and handles them. */
void bench_poll(bench_t *self, int64_t usec);
bool bench_usage(bench_t *self, bench_usage_t *usage);

/* Sockets of sessions, for bench_join.c. */
extern const bench_ws_events_t bench_session_events;
void bench_session_answer(void *owner, const bench_answer_t *answer);
/* The session is in, or (why not NULL) it failed: its joiner takes the next. */
void bench_joined(bench_session_t *session, const char *why);

void bench_report_text(const bench_t *self, FILE *out);
void bench_report_json(const bench_t *self, FILE *out);

#endif
