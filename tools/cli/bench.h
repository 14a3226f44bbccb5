/*
 * bench -- loads one server: makes characters, joins sessions, sends moves, and counts what comes back.
 *
 * bench_join.c brings sessions in over HTTP, bench_session.c is what their sockets hear. bench_load.c lets them play,
 * bench_visit.c lets others come and go meanwhile, bench_queue.c lets others wait for their seats, bench_fresh.c looks
 * how old is what they see of each other. bench_report.c prints; cmd_bench.c is the command. One thread, one epoll
 * descriptor, every phase bounded in time.
 */
#ifndef PLAYHOUSE_BENCH_H
#define PLAYHOUSE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench_scan.h"
#include "bench_stats.h"
#include "bench_ws.h"
#include "client_http.h"
#include "msg.h"

enum {
    BENCH_OUTSTANDING_CAP = 64,
    BENCH_JOINERS_CAP = 1024,
    BENCH_CODES_CAP = 16, /* different reasons that are counted by name */
    BENCH_CODE_CAP = 64,
    BENCH_SESSIONS_MAX = 100000,
    BENCH_VISITS_MAX = 2000, /* a second */
    BENCH_FREES_MAX = 10000, /* a second */
    BENCH_VISITORS_MIN = 64, /* who take turns to visit */
    BENCH_TICK_USEC = 1000,  /* how often what is due is looked for */
    BENCH_DRAIN_SEC = 10,    /* how long the last answers may take */
    BENCH_MESSAGE_CAP = 256,
};

typedef struct bench_options {
    const char *url;
    const char *token_path; /* of the server; NULL: tokens are signed with the key in dev_key */
    const char *dev_key;
    const char *audience;
    const char *users;
    const char *freshness_path; /* NULL, or where each sight of another's move is written */
    codec_format_t format;
    int64_t sessions;
    int64_t rate; /* actions per second in all; 0: as fast as acks come */
    int64_t outstanding;
    int64_t seconds;
    int64_t warmup;
    int64_t joiners;
    bench_pids_t servers; /* none: count is 0 */
    int64_t registry_pid; /* 0: none */
    int64_t store_pid;    /* of PostgreSQL's postmaster: it and its children; 0: none */
    int64_t visits;       /* sessions per second that come and go beside the load; 0: none */
    int64_t queue;        /* how many wait; 0: none */
    int64_t frees;        /* seats per second that are freed for them */
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

/* The first options->sessions are players; the others, as the mode has it, visitors or watchers. */
typedef enum bench_part { BENCH_PLAYER, BENCH_VISITOR, BENCH_WATCHER } bench_part_t;

typedef enum bench_state {
    BENCH_NEW,
    BENCH_READY,   /* its character is there */
    BENCH_ASKING,  /* connects, opens and joins */
    BENCH_WAITING, /* in the queue, and watches it */
    BENCH_PLAYING,
    BENCH_LEAVING, /* has said so */
    BENCH_GONE,
} bench_state_t;

/* How long entering took: until the answer to connect, and until the session was in its room (a watcher: until it heard
 * its first position). */
typedef struct bench_entry {
    bench_stats_t connect;
    bench_stats_t enter;
} bench_entry_t;

struct bench;

typedef struct bench_session {
    bench_ws_t ws; /* first: events of the socket come as this */
    struct bench *bench;
    struct bench_joiner *joiner; /* who waits for it to be in; NULL later */
    char *token;
    char secret[44]; /* what opens it next: a ticket, or the token of a place in the queue */
    bench_part_t part;
    bench_state_t state;
    int64_t since;        /* when it was due to enter */
    bench_entry_t *entry; /* where that is counted; NULL: nowhere */
    int64_t place;        /* in the queue, when it was put there */
    uint32_t outstanding;
    int64_t action_id;                     /* the last one sent */
    int64_t due_at[BENCH_OUTSTANDING_CAP]; /* when the action was due, by actionId; 0: not outstanding */
    int64_t rest_until;                    /* after a refusal */
    double x, y;
    char character_id[25];
    bool reads_deltas;
    int64_t seen_id; /* the newest action that somebody else has seen */
    int64_t sent_at[BENCH_OUTSTANDING_CAP], acked_at[BENCH_OUTSTANDING_CAP]; /* by actionId; 0: not (yet) */
} bench_session_t;

/* One HTTP connection that brings one session after the other in. */
typedef struct bench_joiner {
    client_http_t http; /* first */
    struct bench *bench;
    bench_session_t *session; /* NULL: nothing to do */
    int step;
} bench_joiner_t;

/* What the processes have used so far; those without a pid nothing. */
typedef struct bench_costs {
    bench_usage_t server;                /* all of its processes together */
    bench_usage_t parts[BENCH_PIDS_MAX]; /* each of them, as in options->servers */
    bench_usage_t registry;
    bench_usage_t store;
} bench_costs_t;

/* How old is what others see? */
typedef struct bench_fresh {
    bench_stats_t seen;           /* from a move that is sent until somebody else sees it */
    bench_stats_t after_ack;      /* from its ack until then */
    bench_session_t **characters; /* mask + 1 slots, open addressing */
    uint64_t mask;
    FILE *log; /* characterId,actionId,microseconds since 1970 */
} bench_fresh_t;

typedef struct bench_queue {
    bench_session_t **holders; /* who has had a seat, in the order they got it */
    int64_t *freed_at;         /* by the order of freeing */
    int64_t holders_count;
    int64_t waited;   /* when the first seat was freed */
    int64_t freed;    /* seats; these holders have gone */
    int64_t admitted; /* of those who waited */
    uint64_t pushes;
    int64_t fill_usec;
} bench_queue_t;

typedef enum bench_phase { BENCH_PREPARE, BENCH_ENTER, BENCH_END } bench_phase_t;

typedef struct bench {
    const bench_options_t *options;
    client_peer_t peer;
    bench_session_t *sessions;
    int64_t sessions_count; /* players and the others */
    bench_joiner_t *joiners;
    char build[65];
    bench_phase_t phase;
    int64_t next;     /* sessions before this one were given to a joiner in this phase */
    int64_t last;     /* this one and those after it are not in this phase */
    int64_t finished; /* sessions done with in this phase */
    int64_t joined;
    int64_t playing;
    bool ending;

    int64_t join_usec;
    bench_costs_t before_join, after_join, before_load, after_load;
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
    bench_entry_t joins;  /* of players */
    bench_entry_t visits; /* of visitors, within the measured time */
    bench_entry_t waits;  /* of watchers, into the queue */
    bench_entry_t seats;  /* of watchers, from a freed seat to event.admitted, and into the room */
    int64_t visits_begun;
    int64_t visitor; /* whose turn it is */
    bench_queue_t queue;
    bench_fresh_t fresh;
    bench_tally_t failures; /* joins and connections that failed */
    bench_tally_t refusals; /* actions that were refused */
} bench_t;

/* Each returns false after saying why on standard error. */
bool bench_prepare(bench_t *self); /* build, tokens, characters */
bool bench_join(bench_t *self);
bool bench_load(bench_t *self);
bool bench_idle(bench_t *self);
bool bench_queue(bench_t *self);
void bench_leave(bench_t *self);

/* Waits for events at most `usec` and handles them. */
void bench_poll(bench_t *self, int64_t usec);
bool bench_costs(bench_t *self, bench_costs_t *costs);
int64_t bench_count(const bench_t *self, bench_state_t state);

/* Far below any speed limit, also at 1000 moves a second. */
extern const double bench_step_length;

/* ---- bench_join.c ---- */

/* Sessions first..last-1 go through the joiners. */
bool bench_run_phase(bench_t *self, bench_phase_t phase, int64_t first, int64_t last, const char *what);
/* A session that is ready connects and enters; false: no joiner is free. Not from inside of a joiner's answer. */
bool bench_connect(bench_session_t *session, int64_t since, bench_entry_t *entry);
/* How many joiners are busy. */
int64_t bench_connecting(const bench_t *self);
/* The session has got in or got its place, or (why not NULL) it failed: its joiner, if any, takes the next. */
void bench_joiner_free(bench_session_t *session, const char *why);

/* ---- bench_session.c ---- */

extern const bench_ws_events_t bench_session_events;
void bench_session_leave(bench_session_t *self);

/* ---- bench_fresh.c ---- */

/* False after saying why. */
bool bench_fresh_open(bench_t *self);
void bench_fresh_close(bench_t *self);
/* How far from its first place a move goes. */
double bench_fresh_offset(int64_t action_id);
/* It is in its room; its action_id was sent; one was acknowledged; a frame was read. */
void bench_fresh_enter(bench_session_t *self);
void bench_fresh_sent(bench_session_t *self, int64_t now);
void bench_fresh_acked(bench_session_t *self, int64_t action_id, int64_t now);
void bench_fresh_look(bench_session_t *self, const uint8_t *data, size_t length);

/* ---- what bench_session.c tells ---- */

/* bench_load.c: an ack, or a refusal. */
void bench_on_answer(bench_session_t *self, const bench_answer_t *answer);
/* bench_queue.c: a position; a seat is held for it, shall it be taken?; it has been taken. */
void bench_on_position(bench_session_t *self);
bool bench_on_admitted(bench_session_t *self);
void bench_on_seat(bench_session_t *self);

/* bench_visit.c */
/* Starts the visits that are due. */
void bench_visit_due(bench_t *self, int64_t now);

void bench_report_text(const bench_t *self, FILE *out);
void bench_report_json(const bench_t *self, FILE *out);

#endif
