/*
 * registry_memory_state -- what the memory form of the registry is made of. One lock over all of it: whoever calls
 * anything here holds it (registry_memory.c).
 *
 * A session is an entry. It stands in four tables of the whole registry (by its id, character, user and secret), in the
 * list of its instance by number, in the queue while it waits, in the heap of deadlines while its state ends by time,
 * and in the list of the holder of its connection.
 */
#ifndef PLAYHOUSE_REGISTRY_MEMORY_STATE_H
#define PLAYHOUSE_REGISTRY_MEMORY_STATE_H

#include <pthread.h>

#include "heap.h"
#include "registry.h"
#include "registry_memory_table.h"

/* The bytes that the schema allows an id. */
enum { REGISTRY_ID_SIZE = sizeof((registry_session_t *)NULL)->session_id };
enum { REGISTRY_NO_ROOM = UINT32_MAX };

typedef struct registry_entry registry_entry_t;
typedef struct registry_instance registry_instance_t;

/* A gateway thread, as one instance sees it. */
typedef struct registry_holder {
    struct registry_holder *next;
    char name[REGISTRY_ID_SIZE];
    bool has_beaten;
    act_usec_t beat, heard;         /* the last beat; the last of anything: a beat, a telling, a hold */
    registry_entry_t *first, *last; /* what it holds, by held_since */
    struct registry_letter *letters, **letters_end;
    uint32_t letters_count;
} registry_holder_t;

/* A notice on its way. */
typedef struct registry_letter {
    struct registry_letter *next;
    registry_notice_t notice;
} registry_letter_t;

/* A replacement that is asked for. */
typedef struct registry_ask {
    registry_link_t by_hash;
    registry_entry_t *entry;
    struct registry_ask *next;
    act_usec_t until;
    uint8_t hash[SECRET_HASH_SIZE];
} registry_ask_t;

/* A secret that is no good any more. */
typedef struct registry_tomb {
    registry_link_t by_secret;
    registry_instance_t *instance;
    struct registry_tomb *next;
    act_usec_t until;
    registry_result_t result; /* SPENT or EXPIRED */
    uint8_t secret[SECRET_HASH_SIZE];
} registry_tomb_t;

struct registry_entry {
    registry_link_t by_session, by_character, by_user, by_secret;
    registry_instance_t *instance;
    registry_entry_t *earlier, *later; /* by number */
    registry_entry_t *ahead, *behind;  /* in the queue */
    heap_node_t deadline;              /* in no heap: its state does not end by time */
    registry_holder_t *holder;         /* NULL: nobody */
    registry_entry_t *held_before, *held_after;
    act_usec_t held_since;
    registry_ask_t *asks, **asks_end; /* oldest first */
    uint32_t asks_count;
    int64_t connection, number, version, turn, auth_until;
    uint32_t room; /* 0 is main, 1 is main-2 ...; or REGISTRY_NO_ROOM */
    role_t role;
    session_state_t state;
    bool is_offer;
    uint8_t secret[SECRET_HASH_SIZE];
    char session_id[REGISTRY_ID_SIZE], character_id[REGISTRY_ID_SIZE];
    const char *name;
    char user_id[]; /* and the name after it: as long as they are, where the schema allows 1,148 bytes */
};

typedef enum registry_stage { REGISTRY_STAGE_LOST, REGISTRY_STAGE_RESTORING, REGISTRY_STAGE_IN_USE } registry_stage_t;

struct registry_instance {
    char key[REGISTRY_ID_SIZE];
    registry_stage_t stage;
    registry_count_t count;
    int64_t number; /* the last one drawn */
    registry_switches_t switches;
    registry_entry_t *first, *last; /* by number */
    registry_entry_t *head, *tail;  /* the queue */
    heap_t deadlines;
    registry_holder_t *holders;
    registry_tomb_t *tombs, **tombs_end; /* oldest first */
    uint32_t tombs_count;
    uint32_t *rooms; /* sessions of each room opened so far */
    uint32_t rooms_count;
    uint32_t room_size; /* of the one who came in before */
    uint32_t room_hint; /* every room below it is full */
};

/* Failed attempts of a user or an address. */
typedef struct registry_subject {
    registry_link_t by_hash;
    struct registry_subject *before, *after; /* by when they failed last */
    uint8_t hash[SECRET_HASH_SIZE];
    bool is_user;
    act_usec_t locked_until; /* 0: never was */
    act_usec_t forget_at;    /* nothing of it counts any more then */
    uint32_t count, capacity;
    act_usec_t *failures;
} registry_subject_t;

typedef struct registry_attempts {
    registry_table_t subjects;
    registry_subject_t *first, *last; /* by when they failed last */
} registry_attempts_t;

typedef struct registry_memory {
    registry_t port;
    pthread_mutex_t lock;
    registry_table_t sessions, characters, users, secrets, asks, tombs;
    uint32_t instances_count;
    registry_instance_t *instances[REGISTRY_INSTANCES_CAP];
    registry_attempts_t attempts;
} registry_memory_t;

/* ---- registry_memory.c ---- */

registry_memory_t *registry_memory_lock(registry_t *port);
/* Gives `result` back. */
registry_result_t registry_memory_unlock(registry_memory_t *self, registry_result_t result);
/* NULL: it is not in use (LOST). */
registry_instance_t *registry_memory_in_use(registry_memory_t *self, const char *key);
/* As heard of, in whatever stage; NULL: never heard of. */
registry_instance_t *registry_memory_instance(registry_memory_t *self, const char *key);
/* The same, made when need be. NULL: there is no room for it, or this is no instance's name. */
registry_instance_t *registry_memory_open(registry_memory_t *self, const char *key);

/* ---- registry_memory_entry.c ---- */

/* NULL: there is none. */
registry_entry_t *registry_entry_find(registry_memory_t *self, const registry_instance_t *instance,
                                      const char *session_id);
registry_entry_t *registry_entry_of_character(registry_memory_t *self, const char *character_id);
/* The user's session of this instance that is connecting or waiting for another character than this. */
registry_entry_t *registry_entry_of_attempt(registry_memory_t *self, const registry_instance_t *instance,
                                            const char *user_id, const char *except_character_id);
/* Puts a session in by row->number, in row->state but without deadline, holder or room. NULL: no memory. */
registry_entry_t *registry_entry_new(registry_memory_t *self, registry_instance_t *instance,
                                     const registry_session_t *row);
/* Takes it out and forgets it; its secret has that result from now on. */
void registry_entry_drop(registry_memory_t *self, registry_entry_t *entry, act_usec_t now, registry_result_t result);
/* The same for a session that ends: *row is what is told of it. */
void registry_entry_end(registry_memory_t *self, registry_entry_t *entry, act_usec_t now, registry_result_t result,
                        registry_session_t *row);
/* Without a tombstone: the instance is forgotten. */
void registry_entry_forget(registry_memory_t *self, registry_entry_t *entry);

void registry_entry_row(const registry_entry_t *self, act_usec_t now, registry_session_t *row);
/* 1 for the head of the queue; 0: it does not wait. */
uint32_t registry_entry_place(const registry_entry_t *self);
void registry_entry_change_state(registry_entry_t *self, session_state_t state);
/* Draws its next version. */
void registry_entry_change(registry_entry_t *self);
/* REGISTRY_NO_END: for good. */
void registry_entry_set_left(registry_entry_t *self, act_usec_t now, int64_t left_msec);
bool registry_entry_is_over(const registry_entry_t *self, act_usec_t now);

/* Its state ends by time, or its holder is silent. What is held is let go: the connection is gone. */
void registry_entry_let_go(registry_entry_t *self, act_usec_t now, const registry_limits_t *limits);

/* ---- registry_memory_room.c ---- */

/* The first room with a place, opened when need be. False: no memory. */
bool registry_room_choose(registry_entry_t *entry, uint32_t room_size);
/* The room that row->room names; false: it names none of this instance. */
bool registry_room_take(registry_entry_t *entry, const char *room);
void registry_room_leave(registry_entry_t *entry);
/* "" when it has none. */
void registry_room_name(const registry_entry_t *entry, char *name, size_t size);

/* ---- registry_memory_secret.c ---- */

/* What a secret that is shown leads to: OK and *entry, or what is to be answered. SPENT and EXPIRED name nobody; an
 * EXPIRED of a session that is over but not swept does. */
registry_result_t registry_secret_show(registry_memory_t *self, const registry_instance_t *instance, act_usec_t now,
                                       const uint8_t shown[SECRET_HASH_SIZE], registry_entry_t **entry);
/* The one before is spent. */
void registry_secret_change(registry_memory_t *self, registry_entry_t *entry, act_usec_t now,
                            const uint8_t next[SECRET_HASH_SIZE]);
void registry_secret_bury(registry_memory_t *self, registry_entry_t *entry, act_usec_t now, registry_result_t result);
void registry_secret_forget_tombs(registry_memory_t *self, registry_instance_t *instance);

/* False: no memory. */
bool registry_ask_open(registry_memory_t *self, registry_entry_t *entry, act_usec_t now,
                       const uint8_t hash[SECRET_HASH_SIZE], int64_t ask_msec);
/* Also one that has run out. NULL: there is none on this instance. */
registry_ask_t *registry_ask_find(registry_memory_t *self, const registry_instance_t *instance,
                                  const uint8_t hash[SECRET_HASH_SIZE]);
void registry_ask_close(registry_memory_t *self, registry_ask_t *ask);
void registry_ask_close_all(registry_memory_t *self, registry_entry_t *entry);

/* ---- registry_memory_holder.c ---- */

/* Made when need be. NULL: no memory. */
registry_holder_t *registry_holder_open(registry_instance_t *instance, const char *name, act_usec_t now);
void registry_holder_hold(registry_holder_t *self, registry_entry_t *entry, int64_t connection, act_usec_t now);
/* Nothing happens when nobody holds it. */
void registry_holder_release(registry_entry_t *entry);
/* One whose holder is silent; NULL: there is none. */
registry_entry_t *registry_holder_silent(const registry_instance_t *instance, act_usec_t now);
bool registry_holder_tell(registry_holder_t *self, const registry_notice_t *notice);
uint32_t registry_holder_take(registry_holder_t *self, registry_notice_t *notices, uint32_t max);
void registry_holder_forget_all(registry_instance_t *instance);

/* ---- registry_memory_attempt.c ---- */

int64_t registry_attempt_left(const registry_attempts_t *self, act_usec_t now, const registry_attempt_t *attempt);
void registry_attempt_failed(registry_attempts_t *self, act_usec_t now, const registry_attempt_t *attempt,
                             const registry_attempt_limits_t *limits);
void registry_attempts_fini(registry_attempts_t *self);

/* ---- operations, put into the port by registry_memory.c ---- */

registry_result_t registry_memory_enter(registry_t *port, act_usec_t now, const char *key,
                                        const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                                        const char *holder, int64_t connection, registry_session_t *session,
                                        registry_session_t *before);
registry_result_t registry_memory_watch(registry_t *port, act_usec_t now, const char *key,
                                        const uint8_t shown[SECRET_HASH_SIZE], const uint8_t next[SECRET_HASH_SIZE],
                                        const char *holder, int64_t connection, registry_session_t *session,
                                        registry_session_t *before);
registry_result_t registry_memory_renew(registry_t *port, act_usec_t now, const char *key,
                                        const registry_bearer_t *bearer, const uint8_t shown[SECRET_HASH_SIZE],
                                        const uint8_t next[SECRET_HASH_SIZE], const registry_limits_t *limits,
                                        registry_session_t *session);
registry_result_t registry_memory_authorize(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                                            int64_t turn, int64_t auth_until, registry_session_t *session);
registry_result_t registry_memory_drop(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                                       int64_t turn, const registry_limits_t *limits, registry_session_t *session);
registry_result_t registry_memory_leave(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                                        int64_t turn, registry_session_t *session, session_state_t *was);
registry_result_t registry_memory_ask(registry_t *port, act_usec_t now, const char *key, const char *character_id,
                                      const uint8_t ask[SECRET_HASH_SIZE], const registry_limits_t *limits);
registry_result_t registry_memory_unask(registry_t *port, act_usec_t now, const char *key, const char *user_id,
                                        const uint8_t ask[SECRET_HASH_SIZE]);
registry_result_t registry_memory_replace(registry_t *port, act_usec_t now, const char *key,
                                          const registry_bearer_t *bearer, const uint8_t ask[SECRET_HASH_SIZE],
                                          const uint8_t next[SECRET_HASH_SIZE], const registry_limits_t *limits,
                                          registry_session_t *session, registry_session_t *before);
registry_result_t registry_memory_touch(registry_t *port, act_usec_t now, const char *key, const char *session_id,
                                        const registry_limits_t *limits);
registry_result_t registry_memory_restore_begin(registry_t *port, act_usec_t now, const char *key, int64_t number,
                                                const registry_switches_t *switches);
registry_result_t registry_memory_restore_add(registry_t *port, act_usec_t now, const char *key,
                                              registry_session_t *sessions, uint32_t count,
                                              const registry_limits_t *limits);
registry_result_t registry_memory_restore_end(registry_t *port, act_usec_t now, const char *key);
registry_result_t registry_memory_forget(registry_t *port, act_usec_t now, const char *key);
/* Takes out all that restore_begin put in and after it; what holders are to be told stays. */
void registry_instance_forget(registry_memory_t *self, registry_instance_t *instance);

#endif
