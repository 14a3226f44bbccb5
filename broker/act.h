/*
 * act -- all that an actor may do.
 *
 * An actor kind is a struct, some functions and a table. It owns no thread, no socket, no clock and no random source:
 * whatever it wants of the world it asks of its context. So the same object file runs on a thread with a mailbox and
 * in a simulator with a virtual clock. Handlers run to completion, one at a time for one state, and do not block
 * (except in a port the kind was given).
 */
#ifndef PLAYHOUSE_ACT_H
#define PLAYHOUSE_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "metric.h"
#include "msg.h" /* generated: msg_type_t, msg_<actor>_<verb>_t, act_kind_id_t */

typedef int64_t act_usec_t; /* microseconds; act_now is monotonic from an unknown start */

enum {
    ACT_KEY_MAX = 63,   /* bytes of a key; the longest is instance/room with 49 */
    ACT_TIMERS_CAP = 5, /* timers of one kind */
    ACT_MSEC = 1000,    /* microseconds in a millisecond */
    ACT_SEC = 1000000,  /* microseconds in a second */
};

typedef struct act_ctx act_ctx_t;

/* Where a message comes from, and so where an answer goes. Plain data: copy it, keep it. */
typedef struct act_addr {
    uint32_t node;  /* which process; drawn anew at each start of one, so no two lives of a process share it */
    uint8_t kind;   /* act_kind_id_t */
    uint8_t thread; /* which of the kind's threads */
    char key[ACT_KEY_MAX + 1];
} act_addr_t;

typedef struct act_trace {
    uint8_t bytes[16];
} act_trace_t;

typedef struct msg {
    msg_type_t type;
    act_addr_t from;
    uint64_t correlation; /* 0: nobody waits for an answer */
    uint64_t context;     /* on an answer or act.no_answer: what the asker gave to act_request */
    act_usec_t deadline;  /* on this thread's clock; 0: none */
    act_trace_t trace;
    char key[ACT_KEY_MAX + 1];
    const void *body; /* msg_<type>_t; valid for the length of the call. Retain its blobs to keep them. */
} msg_t;

typedef enum act_keying {
    ACT_KEYED,   /* one state per key, made at the first message */
    ACT_SHARDED, /* one state per thread, made at the start; the key only chooses which */
} act_keying_t;

/* One row per kind, at the foot of its source. Every function but init and receive may be NULL. */
typedef struct act_kind {
    act_kind_id_t id;
    const char *name;
    act_keying_t keying;
    size_t state_size; /* the runtime allocates it, zeroed */
    /* `config` is what main.c gave for this kind, shared by all its states and read-only. False: it cannot start now;
     * the runtime tries again with back-off, and a process whose sharded kinds fail at its start does not start. */
    bool (*init)(void *state, act_ctx_t *ctx, const void *config);
    void (*receive)(void *state, act_ctx_t *ctx, const msg_t *msg);
    /* A timer of this state has run out. It is stopped before the call. */
    void (*expire)(void *state, act_ctx_t *ctx, int timer);
    /* After a batch in which this state received, expired or was touched. */
    void (*flush)(void *state, act_ctx_t *ctx);
    /* Who is there has changed (a process came, left or fell silent): keys may belong elsewhere now, addresses may lead
     * nowhere. Called for every state; act_owns, act_owner and act_reaches say how it is. */
    void (*view)(void *state, act_ctx_t *ctx);
    /* An answer that came after its deadline. NULL: counted and dropped. */
    void (*late)(void *state, act_ctx_t *ctx, const msg_t *msg);
    /* Also after an init that failed: what init did not get to is zero. */
    void (*fini)(void *state, act_ctx_t *ctx);
} act_kind_t;

/* Time: monotonic microseconds, the same all through one batch of handlers; and milliseconds since 1970. */
act_usec_t act_now(const act_ctx_t *ctx);
int64_t act_wall_msec(const act_ctx_t *ctx);

/* Random: bits for jitter and ids that need not be secret; and bytes fit for secrets. */
uint64_t act_random(act_ctx_t *ctx);
void act_random_secret(act_ctx_t *ctx, void *bytes, size_t length);

/* The key of this state ("" for a sharded one) and its address as others see it. */
const char *act_key(const act_ctx_t *ctx);
act_addr_t act_self(const act_ctx_t *ctx);

/*
 * Sending. The type says the kind it goes to (by its first word), the key says which of them. *body is copied, its
 * blobs are retained; the caller keeps it. Never blocks. False: the receiver's mailbox is full or it has no owner,
 * the message is not sent, and it is counted; tell your own asker OVERLOADED or try later, as your contract says.
 */
bool act_send(act_ctx_t *ctx, msg_type_t type, const char *key, const void *body);
/* To one address, kept from an earlier message: for what is neither a new message nor its answer. */
bool act_send_to(act_ctx_t *ctx, const act_addr_t *to, msg_type_t type, const void *body);

/*
 * Asks. Exactly one of these comes back to `receive`, with msg->context as given here: an answer, or act.no_answer
 * (deadline passed, mailbox full, no owner). Inside a handler of a request the deadline is cut to what its asker has
 * left. The answer to a request that had given up goes to `late`.
 */
void act_request(act_ctx_t *ctx, msg_type_t type, const char *key, const void *body, act_usec_t timeout,
                 uint64_t context);

/* The same, of one address. */
void act_request_to(act_ctx_t *ctx, const act_addr_t *to, msg_type_t type, const void *body, act_usec_t timeout,
                    uint64_t context);

/* Answers `request` (still in its handler, or a kept copy of its head: body is not read). No effect when nobody
 * waits. */
void act_reply(act_ctx_t *ctx, const msg_t *request, msg_type_t type, const void *body);

/*
 * Who is there, as this thread sees it now; another may see it otherwise for a moment. Between two calls of `view`
 * nothing changes.
 */
/* Whose key that is: where act_send would send. False: nobody runs the kind. */
bool act_owner(const act_ctx_t *ctx, act_kind_id_t kind, const char *key, act_addr_t *to);
/* Does the key of this state belong here? Always true of a sharded one. */
bool act_owns(const act_ctx_t *ctx);
/* Who had the key of this state before the last change that moved it, if that is somebody else who is still there:
 * whoever takes over asks it to let go. When no such change is known: who would have it if this process had not come.
 */
bool act_owner_before(const act_ctx_t *ctx, act_addr_t *to);
/* Is the process of that address still there? */
bool act_reaches(const act_ctx_t *ctx, const act_addr_t *addr);

/* Timers: small numbers of the kind, one deadline each. Starting a running timer replaces its deadline. */
void act_timer_start(act_ctx_t *ctx, int timer, act_usec_t delay);
void act_timer_stop(act_ctx_t *ctx, int timer);
bool act_timer_running(const act_ctx_t *ctx, int timer);

/* The trace that sends and logs carry. Set from the message in hand before each handler; a kind that goes on with
 * work of an earlier message sets it back; the edge makes new ones. */
act_trace_t act_trace(const act_ctx_t *ctx);
void act_trace_set(act_ctx_t *ctx, act_trace_t trace);
act_trace_t act_trace_new(act_ctx_t *ctx);
/* 32 hex digits and a NUL. */
void act_trace_text(act_trace_t trace, char text[33]);

/* For a kind whose port hears from outside between batches (the gateway's sockets): brackets that work, so that time
 * is fresh, and flush follows. Not needed inside init, receive, expire, flush, late and fini. */
void act_enter(act_ctx_t *ctx);
void act_leave(act_ctx_t *ctx);

/* The event loop of this thread (struct ev_loop *), for ports only. NULL in the simulator. */
void *act_loop(const act_ctx_t *ctx);

/* This state cannot go on. It is finished after this call returns to the runtime, and made anew, with back-off
 * (100 ms doubling to 10 s), at a later message. What waits for it meanwhile hears act.no_answer UNAVAILABLE. */
void act_fail(act_ctx_t *ctx, const char *why);

/* This state has let its key go and only stays to tell who asks: the end of the process need not wait for it. */
void act_moved(act_ctx_t *ctx);

/* A keyed state with nothing left to remember asks to be retired after this batch; it is made again at need. */
void act_retire(act_ctx_t *ctx);

/* Counters of this kind and thread; see metrics.tbl.h. `label` is the index of the label's value, 0 where none. */
void act_count(act_ctx_t *ctx, metric_id_t metric, uint32_t label, uint64_t n);
void act_gauge(act_ctx_t *ctx, metric_id_t metric, uint32_t label, int64_t delta);
/* A histogram's observation, in microseconds (or in units, where the table says so). */
void act_observe(act_ctx_t *ctx, metric_id_t metric, uint64_t value);

/* A line in the log, with kind, key and trace: act_log(ctx, LOG_INFO, "room-full", "the room is full",
 * LOG_S("session", id), LOG_N("members", n)). Event ids are kebab case and stable; the sentence is lower case.
 * Never a token, a chat text or a raw user id (log_hash makes a keyed hash of one). */
#define act_log(ctx, level, event, sentence, ...)                                                                      \
    act_log_fields((ctx), (level), (event), (sentence), (const log_field_t[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}})
void act_log_fields(act_ctx_t *ctx, log_level_t level, const char *event, const char *sentence,
                    const log_field_t *fields);

/* Our own bug: says which actor, which message, which state, and ends the process. On in release builds. */
#define ACT_ASSERT(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            act_panic(__FILE__, __LINE__, #condition);                                                                 \
        }                                                                                                              \
    } while (0)
#define ACT_UNREACHABLE(why) act_panic(__FILE__, __LINE__, (why))
_Noreturn void act_panic(const char *file, int line, const char *what);

#endif
