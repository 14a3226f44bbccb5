/*
 * store -- the port to what is written down. The persistence actor speaks to nothing else; a form (SQLite, PostgreSQL)
 * fills in the functions, and every form passes the conformance suite (store_conformance*.c).
 *
 * One thread at a time uses a store. Every function may block for a bounded time. Each that writes is one transaction:
 * when it returns STORE_OK the change is durable, when it returns anything else nothing of it is known to be. Strings
 * obey the schema (persistence.json); out parameters are written only on STORE_OK, except where said.
 */
#ifndef PLAYHOUSE_STORE_H
#define PLAYHOUSE_STORE_H

#include "msg.h" /* generated */

enum {
    STORE_CHARACTERS_PER_USER = 16,
    STORE_ITEMS_PER_ROOM = 64,
    STORE_READ_ACTIONS = 32,        /* rows that one read_actions gives */
    STORE_FIND_STEPS_MAX = 256,     /* how far back find_action looks; a room lets 64 of a member wait */
    STORE_READ_STEPS_MAX = 1 << 20, /* how far back read_actions looks */
    STORE_EPOCH_MAX = 2097151,      /* as in the schema */
    STORE_BATCH_MAX = 1024,         /* appends in one commit */
    STORE_SESSIONS_MAX = 256,       /* sessions in one save_sessions */
    STORE_READ_SESSIONS = 16,       /* rows that one load_sessions gives */
    STORE_ERROR_MAX = 512,          /* bytes of a line about what went wrong */
};

/* STORE_OK, or the faults of the schema in its order. */
typedef enum store_result {
    STORE_OK,
    STORE_NOT_FOUND,
    STORE_NOT_OWNER,
    STORE_LIMIT,
    STORE_STALE_EPOCH,
    STORE_LEASE_UNKNOWN, /* the actor's own word; no form gives it */
    STORE_GAP,
    STORE_FULL,        /* no room on the disk, or it cannot be written */
    STORE_UNAVAILABLE, /* anything else: error_text says what */
} store_result_t;

store_fault_t store_fault_of(store_result_t result); /* not for STORE_OK */

/* About a commit, also a failed one. */
typedef struct store_report {
    uint64_t usec;                           /* wall time from begin to commit */
    const msg_persistence_append_t *culprit; /* on failure: an append of the room whose fault it was; NULL: nobody's */
    bool unknown;           /* the store's answer was lost, and it was asked what became of the batch */
    commit_became_t became; /* if so, what it said; not known: the commit has failed, but may be stored */
    uint32_t reconnects;    /* connections made anew since the last report */
} store_report_t;

typedef struct store store_t;
struct store {
    /* Can it be written? Tries with a write of its own, at most once a second while commits go well. */
    store_result_t (*ping)(store_t *self, int64_t *schema);

    /* Oldest first; `list` has room for STORE_CHARACTERS_PER_USER. */
    store_result_t (*list_characters)(store_t *self, const char *user_id, obj_character_t *list, uint32_t *count);
    /* The first of a user is the active one. A repeat with the same id gives the same character; NOT_OWNER when the
     * id is another user's; LIMIT when the user has STORE_CHARACTERS_PER_USER. `at`: milliseconds since 1970. */
    store_result_t (*create_character)(store_t *self, const char *user_id, const char *id, const char *name, int64_t at,
                                       obj_character_t *out);
    store_result_t (*select_character)(store_t *self, const char *user_id, const char *id, obj_character_t *out);
    /* `id` NULL: the active one. NOT_OWNER for another's or nobody's, NOT_FOUND when none is active. */
    store_result_t (*find_character)(store_t *self, const char *user_id, const char *id, obj_character_t *out);

    /* Takes the lease of a room: the epoch rises by one. `seed` is stored when the room is new. LIMIT after
     * STORE_EPOCH_MAX. *out may be written on failure. */
    store_result_t (*load_room)(store_t *self, const msg_persistence_load_room_t *ask,
                                msg_persistence_room_loaded_t *out);
    store_result_t (*load_member)(store_t *self, const char *character_id, msg_persistence_member_loaded_t *out);
    /* `until`: milliseconds since 1970, 0 lifts it. NOT_FOUND without such a character. */
    store_result_t (*mute_character)(store_t *self, const char *character_id, int64_t until);

    /*
     * Stores `count` (1..STORE_BATCH_MAX) appends in the order given, all or none: the actions, of each character
     * where it stands after its last one, of each item its last state. Under `room` of the append; its action.room is
     * not read. For each room the epoch must be its newest lease (STALE_EPOCH), for each action the sequence must be
     * its character's last plus one and the actionId above its last (GAP), the character and the item must exist
     * (NOT_FOUND). These name a culprit: leave out that room's appends and the others can be tried again.
     * *report is always written.
     */
    store_result_t (*commit)(store_t *self, const msg_persistence_append_t *appends, uint32_t count, int64_t at,
                             store_report_t *report);

    /* NOT_FOUND when it is not among the character's last STORE_FIND_STEPS_MAX, or is forgotten (maintain). */
    store_result_t (*find_action)(store_t *self, const char *character_id, int64_t action_id, obj_action_row_t *out);
    /* Up to STORE_READ_ACTIONS rows from `from_sequence` on, in order, without those that are forgotten. NOT_FOUND
     * without such a character, LIMIT when a form that walks would have to go more than STORE_READ_STEPS_MAX back.
     * `rows` may be written on failure. */
    store_result_t (*read_actions)(store_t *self, const char *character_id, int64_t from_sequence,
                                   obj_action_row_t *rows, uint32_t *count);

    /*
     * Sessions as they are now, `count` (1..STORE_SESSIONS_MAX) in the order given, all in one transaction;
     * conflicts[i] says what became of saves[i], and one with a conflict changes nothing. An id that is stored with the
     * same or a higher version, or has ended, stays as it is (no conflict); under another number, instance or character
     * it is NUMBER. A session that is new here: NUMBER when its instance has given that number to another (also to one
     * that is forgotten: then all lower ones too), CHARACTER when its character has a live session on another instance,
     * or on this one with a higher number; a live one with a lower number ends. One that is new and has ended already
     * is never CHARACTER. SEATS when it holds a seat that it did not hold in the store, and seats_max (not 0) of its
     * instance do already, without the one that ends for it. `at`: milliseconds since 1970; a session's left_ms is
     * kept as a date. Each call also forgets up to `count` of what ended over a day before `at`.
     */
    store_result_t (*save_sessions)(store_t *self, const msg_persistence_save_session_t *const *saves, uint32_t count,
                                    int64_t at, session_conflict_t *conflicts);
    /* Up to STORE_READ_SESSIONS that have not ended, by number, from above `after`; left_ms is 0 when it is over. And
     * the highest number that the instance ever had. After 0 it also forgets all that ended over a day before `at`.
     * *out may be written on failure. */
    store_result_t (*load_sessions)(store_t *self, const char *instance, int64_t after, int64_t at,
                                    msg_persistence_sessions_t *out);
    store_result_t (*save_instance)(store_t *self, const char *instance, const obj_instance_switches_t *switches);
    /* All zero for an instance that was never saved. */
    store_result_t (*load_instance)(store_t *self, const char *instance, obj_instance_switches_t *switches);

    /*
     * A bounded step of what is to be done now and then: makes room for the log of the hours to come, and forgets the
     * actions accepted before `at` - keep_msec (0: keeps all). *more: there is more to do at once. Never holds up a
     * commit for long, and what it could not do now it does at the next call. Characters, items, sessions stay.
     */
    store_result_t (*maintain)(store_t *self, int64_t at, int64_t keep_msec, bool *more);

    /* Why the last function that gave FULL or UNAVAILABLE did; for the operator. Valid until the next call. */
    const char *(*error_text)(const store_t *self);
    void (*close)(store_t **self_p);
};

/* Where it is. */
typedef struct store_options {
    const char *url;      /* of a PostgreSQL database, as libpq takes it; "": the SQLite file */
    const char *path;     /* of the SQLite file */
    int64_t timeout_msec; /* that PostgreSQL may take for one operation */
} store_options_t;

/* The store, owned by the caller (its `close` ends it), or NULL with a line in `error` that says what went wrong and
 * what to do. A SQLite file that is missing or empty is made; a PostgreSQL database is never migrated by this. */
store_t *store_open(const store_options_t *options, char error[STORE_ERROR_MAX]);

#endif
