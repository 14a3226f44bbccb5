/*
 * registry -- who has a seat: the port of admission, and the one place where capacity and "one session per character"
 * are decided. Each operation is atomic for all its callers, whatever actor, thread or host they are.
 *
 * A session is connecting (it holds its seat by a ticket that runs out), then active, then gone. Both states hold a
 * seat and the character. The registry knows a ticket by its SHA-256 only.
 *
 * Durations are given, not dates, because clocks of hosts are not compared; `now` is the caller's act_now, and a form
 * with a clock of its own (Redis: its TIME, in the script) does not read it. A form may block in its calls, for a
 * bounded time.
 *
 * What comes later, each again one atomic operation: enqueue and promote (claim answers QUEUED, a leave hands its seat
 * to the head of the queue), drop and resume (active -> grace -> active, the seat held), replace (a session takes over
 * seat and character of another), heartbeat (sessions of a gateway that died end). They are states and results
 * beside those below; what is here keeps its meaning.
 */
#ifndef PLAYHOUSE_REGISTRY_H
#define PLAYHOUSE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act.h"

enum { REGISTRY_HASH_SIZE = 32 }; /* SHA-256 */

typedef enum registry_state { REGISTRY_CONNECTING, REGISTRY_ACTIVE } registry_state_t;

typedef struct registry_session {
    registry_state_t state;
    role_t role;
    char session_id[sizeof((msg_admission_redeemed_t *)NULL)->session_id];
    char character_id[sizeof((msg_admission_redeemed_t *)NULL)->character_id];
    char instance[ACT_KEY_MAX + 1];
    char room[sizeof((msg_admission_redeemed_t *)NULL)->room]; /* given by claim: "<instance>/main", then main-2 ... */
    char name[sizeof((msg_admission_redeemed_t *)NULL)->name];
    char user_id[sizeof((msg_admission_redeemed_t *)NULL)->user_id];
} registry_session_t;

/* The limits that a claim is held to; they are the caller's configuration. */
typedef struct registry_limits {
    uint32_t capacity;  /* sessions of the instance */
    uint32_t room_size; /* sessions of one room */
    act_usec_t ticket_usec;
} registry_limits_t;

typedef enum registry_result {
    REGISTRY_OK,
    REGISTRY_FULL,        /* claim: the instance has no seat (or the form no memory) left */
    REGISTRY_EXISTS,      /* claim: the character has a session, on whatever instance */
    REGISTRY_REPEATED,    /* claim: this very session has its seat already */
    REGISTRY_UNKNOWN,     /* redeem, leave: there is no such ticket or session */
    REGISTRY_UNAVAILABLE, /* the registry is away; whether it was done is not known */
} registry_result_t;

typedef struct registry_count {
    uint32_t connecting;
    uint32_t active;
} registry_count_t;

typedef struct registry registry_t;
struct registry {
    /* Takes a seat in the first room with a place, as connecting. On OK `session->room` and `state` are set. */
    registry_result_t (*claim)(registry_t *self, act_usec_t now, registry_session_t *session,
                               const uint8_t ticket[REGISTRY_HASH_SIZE], const registry_limits_t *limits);
    /* connecting -> active, once, if the ticket has not run out; *session is filled. */
    registry_result_t (*redeem)(registry_t *self, act_usec_t now, const char *instance,
                                const uint8_t ticket[REGISTRY_HASH_SIZE], registry_session_t *session);
    /* Ends a session; seat and character are free. *session is what it was. */
    registry_result_t (*leave)(registry_t *self, const char *instance, const char *session_id,
                               registry_session_t *session);
    /* Ends one session of the instance whose ticket has run out: OK, and *session is what it was; UNKNOWN: none is
     * left. Until it is swept such a session holds its seat. */
    registry_result_t (*sweep)(registry_t *self, act_usec_t now, const char *instance, registry_session_t *session);
    /* How long until the next ticket of the instance runs out (0: it has); -1: no ticket is out. */
    act_usec_t (*next)(registry_t *self, act_usec_t now, const char *instance);
    /* The seats taken. */
    registry_count_t (*count)(registry_t *self, const char *instance);
    void (*destroy)(registry_t *self);
};

/* The form for one process: exact, forgets all with it. Shared by its admission states, on any thread. Holds at most
 * `sessions_max` sessions (claim answers FULL beyond) of at most REGISTRY_MEMORY_INSTANCES_CAP instances. */
enum { REGISTRY_MEMORY_INSTANCES_CAP = 64 };
registry_t *registry_memory_new(uint32_t sessions_max);

/* NULL is fine. */
void registry_destroy(registry_t **self_p);

#endif
