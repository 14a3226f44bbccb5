/*
 * room_state -- what a room remembers, shared by the sources of this folder and nobody else.
 *
 * Everything that can be seen has two values: `seen` is committed and what members are shown, `due` is speculative
 * and what intents are checked against. What lies between them is the ring of pending actions, in order.
 */
#ifndef PLAYHOUSE_ROOM_STATE_H
#define PLAYHOUSE_ROOM_STATE_H

#include "room.h"
#include "send.h"

enum {
    ROOM_MEMBERS_CAP = 256,       /* as max of snapshot.members; a handle's slot has 8 bits */
    ROOM_MEMBER_PENDING_MAX = 64, /* over it TOO_MANY_PENDING */
    ROOM_PENDING_CAP = 4096,      /* over it OVERLOADED */
    ROOM_PENDING_FIRST = 64,      /* what the ring starts with; it doubles */
    ROOM_WAITING_CAP = 256,       /* joins under way; over it OVERLOADED */
    ROOM_LOOKUPS_CAP = 1024,  /* resends being looked up: a full room comes back with ten each; over it OVERLOADED */
    ROOM_GATEWAYS_CAP = 64,   /* gateway threads with members here; over it OVERLOADED */
    ROOM_CHATS_CAP = 64,      /* as max of event.state_delta.chats; then the delta leaves early */
    ROOM_CHATS_KEPT_CAP = 64, /* as max of event.welcome.chats; who missed an older one is told chatsLost */
    ROOM_LEAVERS_CAP = 256,   /* as max of changes.left; who missed an older one gets a snapshot */
    ROOM_YIELDS_CAP = 4,      /* who may wait for the room at once; over it the first is told that it is there */
    ROOM_ENDED_CAP = 256,     /* ended connections whose late joins are recognised */
    ROOM_FORMATS = 2,
    ROOM_PAYLOAD_MAX = 1280, /* as max of actionRow.payload */
    ROOM_FRAME_MAX = 262144, /* the largest whole state with the longest chats takes 230 kB of JSON */

    ROOM_ASK_MSEC = 5000,    /* a question to the store */
    ROOM_COMMIT_MSEC = 5000, /* an append without any answer: unknown, so load again */
    ROOM_BACKOFF_MSEC = 100, /* after a failed load; doubles */
    ROOM_BACKOFF_MSEC_MAX = 5000,
    ROOM_LINGER_MSEC = 60000,
    ROOM_EXPECTED_MSEC = 1000,     /* a room that is not ours: so long may the view be on its way that says it is */
    ROOM_YIELD_MSEC = 3000,        /* asked to let go, the owner before has so long; and stays so long to answer */
    ROOM_PARTING_MSEC = 2000,      /* a gateway that has not parted by then has its members ended */
    ROOM_GATHER_MSEC = 1000,       /* the first delta waits so long for the members that are on their way */
    ROOM_RETRY_MSEC = 250,         /* told to clients with a transient refusal */
    ROOM_MUTED_MSEC_MAX = 3600000, /* as max of gateway.refused.retryAfterMs */
};

/* A lease counts its versions in 32 bits; with half of them gone the room takes a new one. */
#define ROOM_COUNTER_MAX ((uint64_t)1 << 31)

typedef enum room_timer {
    ROOM_TIMER_COMMIT,
    ROOM_TIMER_DELTA,
    ROOM_TIMER_LOAD,
    ROOM_TIMER_LINGER,
    ROOM_TIMER_MOVE
} room_timer_t;

/* What a request to the store was for: the highest byte of its context; below it a stamp (32 bits) and an index
 * (16 bits). An answer whose stamp is not the current one is of an earlier try and ignored. */
typedef enum room_ask { ROOM_ASK_LOAD, ROOM_ASK_RELOAD, ROOM_ASK_JOIN, ROOM_ASK_LOOKUP, ROOM_ASK_YIELD } room_ask_t;

/* Whose the room is. */
typedef enum room_phase {
    ROOM_HERE,
    ROOM_EXPECTED, /* not ours by our view, which may be late: it waits before it loads */
    ROOM_ASKING,   /* the owner before is asked to let go */
    ROOM_PARTING,  /* gateways are told; what is under way is settled */
    ROOM_GONE,     /* it is with its new owner; only questions are answered here */
} room_phase_t;

typedef struct room_gateway {
    act_addr_t addr;
    uint32_t readers[ROOM_FORMATS]; /* members by format; none at all: the slot is free */
    bool behind;                    /* it missed a delta or all has changed: the next one is the whole state */
    bool parting;                   /* it was told that the room moves, and has not said room.parted */
    bool orphans;                   /* a connection there may not know that its membership is over */
    act_usec_t unshown_at;          /* since when it has missed a committed change; 0: none */
} room_gateway_t;

typedef struct room_member {
    int64_t handle; /* 0: the slot is free */
    bool present;   /* false: it left, and the slot is kept until its pending actions are settled */
    bool loading;   /* its load_member of this reload is out */
    bool mute_told; /* by room.mute, which is newer than what that load_member has read */
    uint8_t gateway;
    uint16_t pending;
    role_t role;
    format_t format;
    int64_t connection;
    char session_id[25];
    obj_member_view_t seen;
    int64_t version;     /* of the state in which it came or moved last */
    int64_t muted_until; /* ms since 1970 */
    int64_t seen_sequence, seen_action_id;
    double due_x, due_y, stride;
    act_usec_t stride_at;
    int64_t due_sequence, due_action_id;
} room_member_t;

typedef struct room_chat {
    int64_t version; /* of the delta that showed it; 0: it waits for the next one */
    char character_id[25];
    char name[129];
    char text[];
} room_chat_t;

typedef struct room_pending {
    act_trace_t trace;
    uint64_t digest; /* of its content, see room_content_t */
    int64_t action_id, sequence, room_version;
    action_kind_t kind;
    uint16_t member; /* slot; it cannot change hands while this is pending */
    int16_t item;    /* -1: none */
    double x, y;
    obj_item_view_t item_after;
    room_chat_t *chat; /* owned; NULL for other kinds */
} room_pending_t;

typedef struct room_waiting {
    struct room_waiting *next;
    uint32_t stamp;
    bool asked;     /* load_member is out */
    bool mute_told; /* by room.mute, which may be newer than what load_member has read */
    int64_t muted_until;
    msg_t head; /* of the room.join, for the answer */
    msg_room_join_t join;
} room_waiting_t;

typedef struct room_lookup {
    bool used;
    uint32_t stamp;
    action_kind_t kind;
    int64_t member, action_id;
    uint64_t digest;
} room_lookup_t;

typedef struct room_leaver {
    int64_t version; /* of the state without it; 0: none, or it has come back */
    char character_id[25];
} room_leaver_t;

typedef struct room_ended {
    uint32_t node;
    uint8_t thread;
    int64_t connection;
    char session_id[25];
} room_ended_t;

typedef struct room {
    const room_config_t *config;
    const rules_t *rules;
    char key[50];
    room_state_t state;
    room_phase_t phase;
    msg_t yields[ROOM_YIELDS_CAP]; /* the heads of each room.yield that waits for an answer, the first first */
    uint32_t yields_count;
    act_addr_t before;       /* asked to let go */
    uint32_t moved;          /* members that it had when it went */
    uint32_t arrived;        /* joins of members that have moved, that have ended one way or the other */
    uint32_t expected;       /* members that are on their way here, as the owner before said ... */
    act_usec_t gather_until; /* ... and how long the delta waits for them; 0: it does not */
    bool torn;               /* some members were ended on the way */
    act_addr_t store;        /* the persistence thread that gave the lease */
    bool retired;            /* another owner has taken the lease: it goes as soon as no answer is due */
    int64_t epoch, next_number;
    uint64_t counter;     /* versions given out in this lease */
    int64_t room_version; /* of the visible state */
    uint32_t stamp;       /* of requests; see room_ask_t */
    uint32_t load_stamp;
    uint32_t loading_members;
    unsigned failures; /* in a row, of loads and of leases that ended in one */
    act_usec_t opened_at;

    int64_t generation;   /* of handles; starts at random, so that handles of an earlier life are not mistaken */
    uint32_t members_top; /* slots from here on were never used */
    uint32_t present_count;
    uint32_t gateways_top; /* rows from here on were never used */
    room_member_t members[ROOM_MEMBERS_CAP];
    room_gateway_t gateways[ROOM_GATEWAYS_CAP];
    room_waiting_t *waiting;
    uint32_t waiting_count;
    room_ended_t ended[ROOM_ENDED_CAP];
    uint32_t ended_next;

    uint32_t items_count;
    obj_item_view_t items_seen[RULES_ITEMS_CAP];
    obj_item_view_t items_due[RULES_ITEMS_CAP];

    room_pending_t *pending; /* ring of pending_cap, a power of two */
    uint32_t pending_cap, pending_head, pending_count;
    room_lookup_t lookups[ROOM_LOOKUPS_CAP];

    /* Changed since the last delta. */
    uint64_t changed_members[ROOM_MEMBERS_CAP / 64];
    uint64_t changed_items;
    uint32_t left_count, chats_count; /* the newest of the rings below */
    int64_t shown_version;            /* of the last delta */
    act_usec_t changed_at;            /* the word of the oldest commit among the changes; 0: none */
    act_usec_t delta_at;              /* not before */

    /* What has happened since which version, for who comes back: beside this, each member's version. */
    int64_t base_version;  /* changes since an earlier one are not known */
    int64_t chats_version; /* nor is all that was said */
    int64_t item_versions[RULES_ITEMS_CAP];
    room_leaver_t leavers[ROOM_LEAVERS_CAP]; /* a ring; no character is in it twice, or while it is here */
    uint32_t leavers_next;
    room_chat_t *chats[ROOM_CHATS_KEPT_CAP]; /* a ring; owned */
    uint32_t chats_next;
} room_t;

/* room.c */
uint64_t room_context(room_ask_t ask, uint32_t stamp, uint32_t index);
/* The visible state has changed: gives it the next version. */
void room_version_next(room_t *self);

/* room_members.c */
void room_on_join(room_t *self, act_ctx_t *ctx, const msg_t *msg);
void room_on_leave(room_t *self, act_ctx_t *ctx, const msg_t *msg);
/* The present member with this handle, or NULL. */
room_member_t *room_member_find(room_t *self, int64_t handle);
/* The present member that plays this character, or NULL. */
room_member_t *room_member_of(const room_t *self, const char *character_id);
/* Ends a membership; its pending actions go on. Its gateway is told to close the connection, unless `why` is LEFT. */
void room_member_end(room_t *self, act_ctx_t *ctx, room_member_t *member, close_code_t why);
void room_on_mute(room_t *self, act_ctx_t *ctx, const msg_t *msg);
/* One pending action less; the slot of one who left is freed with the last. */
void room_member_settle(room_member_t *member);
/* A member that is not (or no longer) known has said something: its connection is to be closed. */
void room_member_unknown(act_ctx_t *ctx, const msg_t *msg, int64_t connection);
bool room_addr_same(const act_addr_t *a, const act_addr_t *b);
const act_addr_t *room_member_addr(const room_t *self, const room_member_t *member);

/* room_joins.c */
room_waiting_t *room_waiting_add(room_t *self, const msg_t *msg);
/* The join under way of this character, or NULL. */
room_waiting_t *room_waiting_of(const room_t *self, const char *character_id);
/* Unlinks and frees. */
void room_waiting_end(room_t *self, room_waiting_t *waiting);
/* Drops those whose asker has given up. */
void room_waiting_purge(room_t *self, act_ctx_t *ctx);
/* Asks for every character that can be loaded now. */
void room_joins_resume(room_t *self, act_ctx_t *ctx);
void room_on_join_loaded(room_t *self, act_ctx_t *ctx, uint32_t stamp, const msg_persistence_member_loaded_t *loaded);
void room_on_join_failed(room_t *self, act_ctx_t *ctx, uint32_t stamp, error_code_t code);
void room_join_refuse(act_ctx_t *ctx, const msg_t *head, int64_t connection, error_code_t code);
/* The room has another owner, or will have: it is to be asked. */
void room_join_send_on(act_ctx_t *ctx, const msg_t *head, int64_t connection);
/* `head` is that of `join`. True: with changes, not with the whole. */
bool room_join_answer(room_t *self, act_ctx_t *ctx, const msg_t *head, const msg_room_join_t *join,
                      const room_member_t *member);
/* Puts a character where the store says it stood, or near the middle if that was elsewhere or nowhere. */
void room_place(const room_t *self, const msg_persistence_member_loaded_t *loaded, double *x, double *y);

/* room_move.c */
/* Loads the room if it is ours; else waits, or asks the owner before. */
void room_begin(room_t *self, act_ctx_t *ctx);
void room_on_view(room_t *self, act_ctx_t *ctx);
void room_on_yield(room_t *self, act_ctx_t *ctx, const msg_t *msg);
/* Nothing is under way here any more: everybody who waits for the room may load it. */
void room_answer_yields(room_t *self, act_ctx_t *ctx);
/* NULL: there was no answer in time. */
void room_on_yielded(room_t *self, act_ctx_t *ctx, uint32_t stamp, const msg_room_yielded_t *yielded);
/* Nobody there is a member any more. */
void room_on_absent(room_t *self, act_ctx_t *ctx, const msg_t *msg);
void room_on_parted(room_t *self, act_ctx_t *ctx, const msg_t *msg);
void room_on_move_timer(room_t *self, act_ctx_t *ctx);
/* Goes, when everybody has parted and nothing is under way. */
void room_move_flush(room_t *self, act_ctx_t *ctx);
/* The delta has to wait for members that are on their way. */
bool room_gathers(room_t *self, const act_ctx_t *ctx);
/* The room is open: from now on it waits for those who are on their way. */
void room_gather(room_t *self, act_ctx_t *ctx);

/* room_load.c */
void room_load(room_t *self, act_ctx_t *ctx);
/* What is still to come of a load under way is void. */
void room_load_drop(room_t *self, act_ctx_t *ctx);
/* The state that is due cannot be reached: refuses what is pending and starts again from what is stored. */
void room_reload(room_t *self, act_ctx_t *ctx, const char *why);
/* Somebody else has taken the lease: ends everything, and itself. */
void room_retire(room_t *self, act_ctx_t *ctx);
void room_on_loaded(room_t *self, act_ctx_t *ctx, const msg_t *msg, uint32_t stamp);
void room_on_load_failed(room_t *self, act_ctx_t *ctx, uint32_t stamp, const char *why);
void room_on_reloaded(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t slot,
                      const msg_persistence_member_loaded_t *loaded);
void room_on_reload_failed(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t slot, bool not_found,
                           const char *why);
/* A reload no longer waits for this member. */
void room_reload_without(room_t *self, act_ctx_t *ctx, room_member_t *member);

/* room_intents.c */
void room_on_move(room_t *self, act_ctx_t *ctx, const msg_t *msg);
void room_on_chat(room_t *self, act_ctx_t *ctx, const msg_t *msg);
void room_on_action(room_t *self, act_ctx_t *ctx, const msg_t *msg);
void room_refuse(room_t *self, act_ctx_t *ctx, const room_member_t *member, int64_t action_id, error_code_t code);

/* room_repeat.c: what makes a resend harmless. Content is the kind and the intent without its actionId as msgpack;
 * what is in the store is compared with what is asked by it. */
typedef struct room_content {
    action_kind_t kind;
    uint32_t length;
    uint64_t digest;
    uint8_t bytes[ROOM_PAYLOAD_MAX];
} room_content_t;
void room_content_make(room_content_t *self, const rules_intent_t *intent);
/* An actionId that is not greater than the last accepted one. */
void room_repeat(room_t *self, act_ctx_t *ctx, const room_member_t *member, int64_t action_id,
                 const room_content_t *content);
void room_on_action_found(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t index, const obj_action_row_t *row);
void room_on_action_missing(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t index, bool not_found);

/* room_commit.c */
/* A new last element of the ring, not cleared; the ring must not be full. */
room_pending_t *room_pending_push(room_t *self);
room_pending_t *room_pending_at(const room_t *self, uint32_t index);
void room_on_appended(room_t *self, act_ctx_t *ctx, const msg_persistence_appended_t *appended);
void room_on_append_refused(room_t *self, act_ctx_t *ctx, const msg_persistence_append_refused_t *refused);
/* Refuses and forgets everything that is pending. */
void room_pending_refuse(room_t *self, act_ctx_t *ctx);
void room_ack(room_t *self, act_ctx_t *ctx, const room_pending_t *pending);

/* room_changes.c: what has changed since the last delta, and since which version. Each that marks stamps what it marks
 * with the room's version: call room_version_next first. */
void room_mark_member(room_t *self, room_member_t *member);
void room_unmark_member(room_t *self, const room_member_t *member);
void room_mark_item(room_t *self, uint32_t index);
/* Makes room for one leaver, before anything of it has changed: this may send the delta. */
void room_reserve_left(room_t *self, act_ctx_t *ctx);
void room_mark_left(room_t *self, const char *character_id);
void room_unmark_left(room_t *self, const char *character_id);
/* Takes the line over; this may send the delta. */
void room_mark_chat(room_t *self, act_ctx_t *ctx, room_chat_t *chat);
bool room_is_marked(const room_t *self);
/* A delta with all that is marked leaves now, as the state of the room's version: gives the chats theirs. */
void room_marks_stamp(room_t *self);
void room_marks_clear(room_t *self);
/* Whoever had a version of before now cannot be told what has changed since. */
void room_changes_forget(room_t *self);
void room_changes_fini(room_t *self);
/* A chat of the ring, from 0, the oldest, to below room_chats_kept(). The last chats_count wait for the delta. */
uint32_t room_chats_kept(const room_t *self);
const room_chat_t *room_chat_at(const room_t *self, uint32_t index);

/* Copies; each returns how many. `views` and `left` have room for all there can be. */
uint32_t room_list_members(const room_t *self, obj_member_view_t *views);
uint32_t room_members_since(const room_t *self, int64_t version, obj_member_view_t *views);
uint32_t room_items_since(const room_t *self, int64_t version, obj_item_view_t *views);
uint32_t room_left_since(const room_t *self, int64_t version, char (*left)[25]);
void room_chat_line(const room_chat_t *chat, obj_chat_line_t *line);

/* room_delta.c */
/* Sends the delta if it is time, else sees to it that it will be. */
void room_delta_flush(room_t *self, act_ctx_t *ctx);
void room_delta_send(room_t *self, act_ctx_t *ctx);
/* All that is to be shown leaves now. */
void room_delta_last(room_t *self, act_ctx_t *ctx);
/* Each is one reference of the caller's. */
blob_t *room_whole(const room_t *self, format_t format);
blob_t *room_frame(format_t format, const codec_type_t *type, const char *tag, const void *body);

/* room_welcome.c */
/* It had an ack for something that the store does not know. */
bool room_client_is_ahead(const room_member_t *member, const msg_room_join_t *join);
/* One reference of the caller's. *changes: it tells what has changed since join's roomVersion, not the whole. */
blob_t *room_welcome(const room_t *self, const room_member_t *member, const msg_room_join_t *join, bool *changes);

#endif
