/*
 * registry -- who has a seat, who waits, and whose secret is whose: the port that admission and queue share, and the
 * one place where capacity (A3), the order of the queue (A4) and one session per character (A6) are decided.
 *
 * Each operation is one atomic decision for all its callers: whatever actor or thread of the process they are (memory),
 * and whatever process or host (Redis). docs/admission.md draws the states.
 *
 * Each instance is decided by itself. One session per character goes further in memory, over all instances of the
 * process; in Redis it is of each instance. Over instances the store has the last word.
 *
 *   waiting ──promote──► connecting ──enter──► active ──drop──► grace ──enter──► active
 *
 * Connecting, active and grace hold a seat. In each state exactly one secret opens the session (`secret`, the SHA-256
 * of it; see secret.h): a ticket while it is connecting, a reconnect token otherwise. Who is promoted keeps the token
 * it has: that is its ticket now. Showing a secret spends it.
 *
 * Numbers. Each claim draws the next `number` of its instance: it is the order of the queue, and the fence of the
 * store: a registry that has gone back in time draws a number that the store has seen. `version` rises with each change
 * of a session, so the store takes the newest in whatever order they come. `turn` is the version at which a connection
 * last took hold of the session: what an earlier connection says of it later (drop, leave) means nothing.
 *
 * Time. left_ms of a session is how long its state lasts yet (REGISTRY_NO_END: for good). `now` is the caller's
 * act_now; a form with a clock of its own (Redis: its TIME, in the script) does not read it. A state whose time is
 * over, and that sweep has not got to yet: its secret answers EXPIRED and promote passes over it; all else takes it as
 * it stands.
 *
 * A registry that remembers nothing, or less than it once did, answers LOST to everything but restore_*, notices
 * (beat, tell) and attempts, until it has been told what the store knows. Between restore_end and the end of its window
 * (in which other processes tell what they know) it answers CLOSED to claim and promote. Operations may block for a
 * bounded time.
 */
#ifndef PLAYHOUSE_REGISTRY_H
#define PLAYHOUSE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act.h"
#include "secret.h"

enum {
    REGISTRY_NO_END = -1,
    REGISTRY_SILENT_MSEC = 4000, /* a holder that has not beaten for so long is gone */
    REGISTRY_TOMBSTONE_MSEC =
        600000, /* so long a secret that is no good any more is told apart from one that never was */
    REGISTRY_TOMBSTONES_MAX = 16384, /* of one instance; beyond it the oldest are forgotten */
    REGISTRY_ASKS_MAX = 256,     /* replacements of one session that may be asked for and open at once; beyond it the
                                    oldest is void */
    REGISTRY_NOTICES_MAX = 1024, /* of one holder; beyond it the oldest is dropped. Those that nobody takes go with the
                                    holder REGISTRY_TOMBSTONE_MSEC after it was last heard of (memory), or a day after
                                    the last one (Redis) */
    REGISTRY_HOLDERS_MAX = 256,  /* memory: of one instance that hold no session; beyond it the one heard of longest ago
                                    is forgotten, with its notices. Redis: no bound, a silent one is forgotten */
    REGISTRY_INSTANCES_CAP = 64, /* of one process */
    REGISTRY_SUBJECTS_MAX = 65536, /* memory: users and addresses with failed attempts; see attempt_failed */
    REGISTRY_WHY_SIZE = 320,
};

/* One session, in the words of the schema (types.json, sessionRow). */
typedef obj_session_row_t registry_session_t;

/* What the access token says that is shown with an operation. */
typedef struct registry_bearer {
    const char *user_id;
    role_t role;
    int64_t auth_until; /* when it runs out, ms since 1970; 0: not known */
} registry_bearer_t;

/* What the caller's configuration allows. */
typedef struct registry_limits {
    uint32_t capacity;  /* seats; the instance's own capacity (switches) goes before it */
    uint32_t room_size; /* sessions of one room */
    uint32_t queue_max; /* that may wait; 0: nobody new */
    int64_t ticket_msec, offer_msec, grace_msec, ask_msec;
} registry_limits_t;

typedef enum registry_result {
    REGISTRY_OK,
    REGISTRY_QUEUED, /* claim: it waits */
    REGISTRY_FULL,   /* claim: no seat, and no place in the queue; any: the form cannot take more (memory, instances) */
    REGISTRY_EXISTS, /* claim: the character has a session, on this instance (Redis) or any (memory); *session is that
                        one, without its secret */
    REGISTRY_REPEATED,    /* claim: this very session is there already */
    REGISTRY_DRAINING,    /* claim: see switches */
    REGISTRY_MAINTENANCE, /* likewise */
    REGISTRY_UNKNOWN,     /* no such session or secret */
    REGISTRY_SPENT,       /* the secret was good once, and was shown before */
    REGISTRY_EXPIRED,     /* the secret's session ended before it was shown */
    REGISTRY_WAITING,     /* enter: the session has no seat yet */
    REGISTRY_STALE,       /* drop, leave, authorize: the session has gone on since that turn, or no connection holds it
                             (drop) */
    REGISTRY_CLOSED,      /* claim, promote: not all is known again; soon */
    REGISTRY_LOST,        /* it must be restored first */
    REGISTRY_UNAVAILABLE, /* it is away; whether it was done is not known */
    REGISTRY_RESULT_COUNT,
} registry_result_t;

/* "OK" and so on, as the scripts of the Redis form say them. */
extern const char *const registry_result_names[REGISTRY_RESULT_COUNT];
/* What somebody is told whose secret did not open what it was shown for. */
secret_fault_t registry_secret_fault(registry_result_t result);

typedef struct registry_count {
    uint32_t connecting, active, grace; /* seats */
    uint32_t waiting;
    int64_t version; /* the highest that any session of the instance was given */
} registry_count_t;

/* What an operator has switched. Kept in the store; here for the decision. */
typedef struct registry_switches {
    uint32_t capacity; /* 0: the caller's limits.capacity */
    bool drain, maintenance;
} registry_switches_t;

/* Something that the gateway of a holder is to be told about one of its connections, left for it by another process. */
typedef struct registry_notice {
    char session_id[sizeof((registry_session_t *)NULL)->session_id];
    int64_t connection;
    close_code_t close;
} registry_notice_t;

/* Why sweep changed a session. */
typedef enum registry_swept {
    REGISTRY_SWEPT_TICKET, /* ended: a ticket was not used in time */
    REGISTRY_SWEPT_OFFER,  /* ended: an offered seat was not taken in time */
    REGISTRY_SWEPT_GRACE,  /* ended: the seat's, or the place's, grace is over */
    REGISTRY_SWEPT_HOLDER, /* dropped: its gateway is silent */
} registry_swept_t;

/* Who made an attempt to connect: the SHA-256 of a user id, and of an address. */
typedef struct registry_attempt {
    uint8_t user[SECRET_HASH_SIZE];
    uint8_t address[SECRET_HASH_SIZE];
    bool has_user; /* a token that is not good names nobody */
} registry_attempt_t;

typedef struct registry_attempt_limits {
    uint32_t user_max, address_max; /* failures within the window that lock */
    int64_t window_msec, lock_msec;
} registry_attempt_limits_t;

typedef struct registry registry_t;
struct registry {
    /*
     * A fresh connect. In: *session with session_id, instance, character_id, user_id, name, role, auth_until and secret
     * (a ticket's if it gets a seat, a reconnect token's if it waits). It gets the first room with a place and a seat
     * (OK, connecting) if one is free and nobody waits, else the last place (QUEUED, waiting for the grace). The same
     * user's session of this instance that is connecting or waiting for another character ends first: *ended, its
     * session_id "" when there was none (there is never more than one if whoever confirms a replacement calls
     * end_attempt first). What is decided first: LOST, REPEATED, EXISTS, MAINTENANCE, DRAINING, CLOSED; none of them
     * ends anything.
     */
    registry_result_t (*claim)(registry_t *self, act_usec_t now, registry_session_t *session, registry_session_t *ended,
                               const registry_limits_t *limits);
    /* Ends the user's session that is connecting or waiting, unless it is this character's. UNKNOWN: there is none. */
    registry_result_t (*end_attempt)(registry_t *self, act_usec_t now, const char *instance, const char *user_id,
                                     const char *except_character_id, registry_session_t *ended);
    /* A user shows a session's secret over HTTP and gets another: the session stays as it is (an offered seat becomes a
     * ticket; a place without a watcher has its whole grace again), but its role and auth_until are the bearer's from
     * now on, higher or lower. OK, SPENT, EXPIRED, UNKNOWN (also when it is another user's, and then it is not
     * spent). */
    registry_result_t (*renew)(registry_t *self, act_usec_t now, const char *instance, const registry_bearer_t *bearer,
                               const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                               const registry_limits_t *limits, registry_session_t *session);
    /* A connection shows a secret: connecting, grace or active -> active, held by `holder` and `connection`, opened
     * from now on by `next`. *before is what it was when another connection held it, to be closed; else its session_id
     * is "". OK, WAITING (not spent), SPENT, EXPIRED, UNKNOWN. */
    registry_result_t (*enter)(registry_t *self, act_usec_t now, const char *instance,
                               const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                               const char *holder, int64_t connection, registry_session_t *session,
                               registry_session_t *before);
    /* A connection shows the secret of one who waits, or has just been offered a seat (is connecting), to hear of it:
     * as enter, but the state stays; a place that is watched does not end by time. UNKNOWN, and not spent, also for one
     * who is active or in grace. */
    registry_result_t (*watch)(registry_t *self, act_usec_t now, const char *instance,
                               const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                               const char *holder, int64_t connection, registry_session_t *session,
                               registry_session_t *before);
    /* The connection of that turn has shown another access token of the session's user. OK, and *session as it is now:
     * a later auth_until is taken and raises the version, in whatever state; an earlier one or the same changes
     * nothing. */
    registry_result_t (*authorize)(registry_t *self, act_usec_t now, const char *instance, const char *session_id,
                                   int64_t turn, int64_t auth_until, registry_session_t *session);
    /* The connection of that turn is gone: active -> grace; waiting -> waiting for the grace; an offer stays as it is,
     * but nobody holds it. The turn stays. */
    registry_result_t (*drop)(registry_t *self, act_usec_t now, const char *instance, const char *session_id,
                              int64_t turn, const registry_limits_t *limits, registry_session_t *session);
    /* Ends a session. turn REGISTRY_ANY_TURN: whoever holds it; 0: only if no connection ever held it and none has
     * shown its secret (a connect that was given up); else: only in that turn. *session is what it was, with its state
     * ended, its version raised and no secret; `was` the state before. So it is wherever a session has ended. */
    registry_result_t (*leave)(registry_t *self, act_usec_t now, const char *instance, const char *session_id,
                               int64_t turn, registry_session_t *session, session_state_t *was);
    /* A replacement of this character's session is asked for: `ask` confirms it, once, within limits->ask_msec. */
    registry_result_t (*ask)(registry_t *self, act_usec_t now, const char *instance, const char *character_id,
                             const uint8_t ask[SECRET_HASH_SIZE], const registry_limits_t *limits);
    /* Takes an ask about a session of this user back. Harmless when it is not there, or is about another's. */
    registry_result_t (*unask)(registry_t *self, act_usec_t now, const char *instance, const char *user_id,
                               const uint8_t ask[SECRET_HASH_SIZE]);
    /* Confirms: the session keeps its seat (-> connecting) or its place (waiting, for the grace), is opened by `next`
     * alone, held by nobody, with the bearer's role and auth_until, and all other asks of it are void. *before: who
     * held it, to be told; session_id "" when nobody did. UNKNOWN: not such an ask (any more), or of another user. */
    registry_result_t (*replace)(registry_t *self, act_usec_t now, const char *instance,
                                 const registry_bearer_t *bearer, const uint8_t ask[SECRET_HASH_SIZE],
                                 const uint8_t next[SECRET_HASH_SIZE], const registry_limits_t *limits,
                                 registry_session_t *session, registry_session_t *before);
    /* If a seat is free, who waits longest has it: -> connecting, for limits->offer_msec, opened by the same secret,
     * held by the same connection in the same turn. OK and *session; UNKNOWN when nobody waits or no seat is free. Not
     * while there is maintenance (UNKNOWN). */
    registry_result_t (*promote)(registry_t *self, act_usec_t now, const char *instance,
                                 const registry_limits_t *limits, registry_session_t *session);

    /* One change that time has brought: OK, *session as it is now and *swept why. UNKNOWN: nothing is due. Due is a
     * state at its very end, and whatever is held by a holder that has not beaten for REGISTRY_SILENT_MSEC, counted
     * from when this connection took hold at the earliest. */
    registry_result_t (*sweep)(registry_t *self, act_usec_t now, const char *instance, const registry_limits_t *limits,
                               registry_session_t *session, registry_swept_t *swept);
    /* This holder is alive. Takes up to `max` of the notices left for it. */
    registry_result_t (*beat)(registry_t *self, act_usec_t now, const char *instance, const char *holder,
                              registry_notice_t *notices, uint32_t max, uint32_t *count);
    registry_result_t (*tell)(registry_t *self, act_usec_t now, const char *instance, const char *holder,
                              const registry_notice_t *notice);

    /* A sign of life of one who waits without a watcher: its grace begins anew. UNKNOWN: no such one, or its time is
     * over. The version stays: the store need not know. */
    registry_result_t (*touch)(registry_t *self, act_usec_t now, const char *instance, const char *session_id,
                               const registry_limits_t *limits);

    /* Reading. find_*: *place is 1 for the head of the queue, 0 for one who does not wait. */
    registry_result_t (*find_session)(registry_t *self, act_usec_t now, const char *instance, const char *session_id,
                                      registry_session_t *session, uint32_t *place);
    registry_result_t (*find_character)(registry_t *self, act_usec_t now, const char *instance,
                                        const char *character_id, registry_session_t *session, uint32_t *place);
    registry_result_t (*count)(registry_t *self, act_usec_t now, const char *instance, registry_count_t *count);
    /* The numbers of those who wait, rising. */
    registry_result_t (*waiting)(registry_t *self, act_usec_t now, const char *instance, int64_t *numbers, uint32_t max,
                                 uint32_t *count);
    /* Sessions whose number is above `after`, rising. */
    registry_result_t (*list)(registry_t *self, act_usec_t now, const char *instance, int64_t after,
                              registry_session_t *sessions, uint32_t max, uint32_t *count);

    registry_result_t (*get_switches)(registry_t *self, act_usec_t now, const char *instance,
                                      registry_switches_t *switches);
    registry_result_t (*set_switches)(registry_t *self, act_usec_t now, const char *instance,
                                      const registry_switches_t *switches);

    /*
     * Restoring: begin, any number of adds, end. What is there already stays, unless what is added has a higher
     * version; so several processes may do it at once, each with what it knows. `number`: the highest the store has
     * seen. `switches` hold unless the registry is in use already (others have restored it). add and end answer LOST
     * when nobody began.
     *
     * An added session that is active stays so if its holder beats, counted from now. Who waits and is held is watched:
     * for good. `left_ms` below 0 other than REGISTRY_NO_END is over now; REGISTRY_NO_END, where the state does end, is
     * the whole time that `limits` give. A seat without a room is given one. A connecting one counts
     * as a ticket, not as an offer. One that has ended ends what is there of a lower version. One that is not there,
     * but whose secret is SPENT or EXPIRED here, has ended since the store heard of it: it stays away, and its row is
     * made what the store is to hear, as by leave. Of two sessions of a character the higher number of this instance
     * stays; one on another instance stays before it (memory) or beside it (Redis). Capacity is not looked at.
     *
     * restore_begin forgets everything first if the registry is LOST for reasons of its own. FULL: as above.
     */
    registry_result_t (*restore_begin)(registry_t *self, act_usec_t now, const char *instance, int64_t number,
                                       const registry_switches_t *switches);
    registry_result_t (*restore_add)(registry_t *self, act_usec_t now, const char *instance,
                                     registry_session_t *sessions, uint32_t count, const registry_limits_t *limits);
    registry_result_t (*restore_end)(registry_t *self, act_usec_t now, const char *instance);
    /* This process has nothing to tell, and takes part in what others have restored. OK; LOST: nobody has. NULL: of a
     * form for one process. */
    registry_result_t (*join)(registry_t *self, act_usec_t now, const char *instance);
    /* Forgets the instance, as if it had never been restored. For a caller that knows better. */
    registry_result_t (*forget)(registry_t *self, act_usec_t now, const char *instance);

    /*
     * A9. attempt_left: how long this user or this address is locked yet, in ms; 0: not. attempt_failed: one more
     * failure now (user and address are subjects of their own; *left_msec as attempt_left would give it after that);
     * max of them within the window lock for lock_msec, and are then forgotten. While a subject is locked nothing is
     * counted for it. Memory knows at most REGISTRY_SUBJECTS_MAX subjects, and forgets the one that failed longest ago
     * beyond it; Redis has no such bound, and forgets each when its window or its lock is over. max 0: not counted.
     */
    registry_result_t (*attempt_left)(registry_t *self, act_usec_t now, const registry_attempt_t *attempt,
                                      int64_t *left_msec);
    registry_result_t (*attempt_failed)(registry_t *self, act_usec_t now, const registry_attempt_t *attempt,
                                        const registry_attempt_limits_t *limits, int64_t *left_msec);

    /* Does another form stand in for the one that was configured, while that is away? (registry_failover.c) */
    bool (*is_degraded)(const registry_t *self);
    /* What the last trouble of the configured form was: why it is away, or LOST; "" when there was none, and always of
     * memory. For people: it names a host, and never a password. Copied to `text`, cut at `size`. On any thread. */
    void (*why)(registry_t *self, char *text, size_t size);
    /* This process decides for the instance no more: a spare that stands in for it here does so no longer, and forgets
     * it. NULL: of a form without a spare. */
    void (*let_go)(registry_t *self, act_usec_t now, const char *instance);
    /* Tries to reach a form that was away; true: it answers, and wants to be restored. Others: false. */
    bool (*try_return)(registry_t *self, act_usec_t now);
    void (*destroy)(registry_t *self);
};

enum { REGISTRY_ANY_TURN = -1 };

/* The form for one process: exact, and forgotten with it. Shared by all states of the process, on any thread. */
registry_t *registry_memory_new(void);

/* Redis: `url` is redis://HOST:PORT, redis://HOST:PORT/DB or unix:PATH. It connects at the first operation, and again
 * at a later one after a loss; each waits for at most `timeout_msec`. window_msec: how long it is CLOSED after it was
 * restored from nothing. NULL: `why` says what is wrong with the url. */
registry_t *registry_redis_new(const char *url, int64_t timeout_msec, int64_t window_msec, char *why, size_t why_size);

/*
 * `primary`, and while it is away `spare` (memory; NULL: none) in its place. Takes both over. An operation that finds
 * the primary away answers UNAVAILABLE; a restore_begin that finds it away turns this instance to the spare, which
 * forgets what it knew of it. When try_return has found the primary to answer, the next restore_begin of each instance
 * makes the primary forget it, turns back and restores it there; until then the spare goes on. It is degraded while any
 * instance is on the spare, and attempts go there meanwhile.
 */
registry_t *registry_failover_new(registry_t *primary, registry_t *spare);

/* NULL is fine. */
void registry_destroy(registry_t **self_p);

#endif
