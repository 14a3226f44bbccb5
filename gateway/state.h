/* state -- what the files of the gateway share: its struct, a session's, a request's. Private to this folder. */
#ifndef PLAYHOUSE_GATEWAY_STATE_H
#define PLAYHOUSE_GATEWAY_STATE_H

#include "address.h"
#include "audience.h"
#include "gateway.h"
#include "outbox.h"
#include "rate.h"
#include "send.h"

enum {
    GATEWAY_SLOT_BITS = 20, /* of a handle: which slot; the rest is the slot's generation */
    GATEWAY_SLOT_MASK = (1 << GATEWAY_SLOT_BITS) - 1,
    GATEWAY_REFUSED_MAX = 50, /* messages the schema refused, before the connection is closed */
    GATEWAY_SENT_CAP = 8,     /* intents whose way to the ack is timed at once, per connection */
    GATEWAY_HTTP_CAP = 1024,  /* requests under way; over it OVERLOADED */
    GATEWAY_NONE = UINT32_MAX,
    GATEWAY_SESSION_PREFIX = 11, /* characters of a session id that are this gateway's; its name as a holder */
    GATEWAY_INSTANCES_CAP = 64,  /* as many as the admin API lists */

    GATEWAY_SWEEP_USEC = 500 * ACT_MSEC,
    GATEWAY_ASK_USEC = 5 * ACT_SEC,      /* enter, attach, room.join, auth, characters */
    GATEWAY_CONNECT_USEC = 10 * ACT_SEC, /* POST connect, all of it (A1) */
    GATEWAY_PING_USEC = 1 * ACT_SEC,     /* a dependency's answer for health */
    GATEWAY_RESYNC_USEC = 2 * ACT_SEC,   /* then the whole state is asked for again */
    GATEWAY_DRAIN_USEC = 5 * ACT_SEC,    /* what a closing connection may still take */
    GATEWAY_SENT_OLD_USEC = 10 * ACT_SEC,
    GATEWAY_BEAT_USEC = 1 * ACT_SEC, /* a sign of life for each instance, and a look at what runs out */
    GATEWAY_REFRESH_SECONDS = 5,     /* between two session.refresh of a connection */
    GATEWAY_MOVE_USEC = 3 * ACT_SEC, /* a room that moves: until it has gone, and then until it has a session again */
    GATEWAY_HOLD_USEC = 5 * ACT_SEC, /* all of that together: what a session has said is kept back no longer */
    GATEWAY_MOVE_LOOK_USEC = 50 * ACT_MSEC, /* between two tries to join one that is on its way */
    GATEWAY_HELD_CAP = 256,                 /* messages kept back of a session; over it OVERLOADED */
    GATEWAY_HELD_BYTES_MAX = 65536,         /* likewise */
    GATEWAY_RETRY_MSEC = 1000,              /* what is told with a transient refusal of which nothing better is known */
};

typedef enum gateway_timer { GATEWAY_TIMER_SWEEP, GATEWAY_TIMER_BEAT, GATEWAY_TIMER_MOVE } gateway_timer_t;

/* First byte of the context of an act_request; the rest is a handle. */
typedef enum gateway_ask {
    GATEWAY_ASK_ENTER = 1,
    GATEWAY_ASK_JOIN,
    GATEWAY_ASK_HTTP,
    GATEWAY_ASK_ATTACH,
    GATEWAY_ASK_REFRESH,
    GATEWAY_ASK_IDENTITY, /* of an HTTP request that asks two at once: auth's part */
} gateway_ask_t;

/* Of a connection; the session's own is session_state_t of the schema. */
typedef enum session_phase {
    SESSION_FREE,
    SESSION_OPENED,   /* no session.join or queue.watch yet */
    SESSION_WATCHING, /* queue token shown; from `turn` on it hears of its place */
    SESSION_JOINING,  /* secret shown, or (`audience`) room asked */
    SESSION_JOINED,
    SESSION_CLOSING, /* left everything; its last words are on their way out */
} session_phase_t;

typedef struct session_sent {
    uint32_t action_id; /* low bits */
    uint32_t usec;      /* low bits of act_now; 0: free */
} session_sent_t;

/* What a session has said while its room moves. */
typedef struct held_message {
    struct held_message *next;
    act_trace_t trace;
    msg_type_t type; /* room.move, chat or action; or session.leave, without a body */
    union {
        msg_room_move_t move;
        msg_room_action_t action;
        msg_room_chat_t chat;
    } body; /* as much of it as its type takes */
} held_message_t;

typedef struct session_hold {
    act_usec_t since;
    held_message_t *first, **end;
    uint32_t count, bytes;
    bool leaves; /* its client has said that it leaves, and means it however this ends */
} session_hold_t;

/* Whether a connection's seat or place outlives it. */
typedef enum session_parting {
    SESSION_PARTING_DROP,     /* it does, for the grace */
    SESSION_PARTING_LEAVE,    /* its client has left */
    SESSION_PARTING_INACTIVE, /* its client has done nothing for too long */
} session_parting_t;

enum { SESSION_NEVER = UINT32_MAX };

/* When something of a joined session runs out: a warning first, then the end. All that the look at them once a second
 * touches of those that are not due. */
typedef struct session_clock {
    uint32_t idle_due; /* a second of act_now; SESSION_NEVER: nothing is due */
    uint32_t auth_due; /* a second since 1970, likewise */
} session_clock_t;

/* One connection; 10,000 idle ones are the aim, so every byte counts. A slot that was never used is never touched. */
typedef struct session {
    void *conn;
    address_t *address;
    audience_t *audience; /* NULL before the secret was good */
    char *who;            /* its character's id and name, each with its NUL; NULL before the secret was good */
    session_hold_t *hold; /* what it says is kept back; NULL: it is not */
    outbox_t outbox;
    int64_t member;        /* the room's handle; 0 before it is in */
    int64_t turn;          /* its hold on session_id; 0: it has none that admission or queue should hear the end of */
    act_usec_t since;      /* when it got into its state */
    act_usec_t waiting_at; /* since when nothing was taken of what waits */
    act_usec_t resync_at;  /* when the whole state was asked for; 0: was not */
    act_usec_t partial_at; /* when the message in `partial` began */
    uint8_t *partial;      /* a message of which more is to come */
    uint32_t partial_length, partial_capacity;
    uint32_t room_next, room_before;   /* in the audience */
    uint32_t watch_next, watch_before; /* among those with a time limit running; `next` also of the free list */
    uint64_t generation;
    rate_t moves, chats;
    union {
        session_sent_t sent[GATEWAY_SENT_CAP]; /* once joined */
        struct {
            char token[44]; /* while it watches: the last it was given, the ticket of its seat */
            bool has_room_version, has_last_sequence;
            int64_t room_version, last_sequence; /* while it enters: what its client still has */
        };
    };
    act_trace_t trace;
    uint8_t state;  /* session_phase_t */
    uint8_t format; /* codec_format_t */
    uint8_t role;   /* role_t */
    uint8_t close;  /* close_code_t, while closing */
    uint8_t refused;
    uint8_t instance; /* index of gateway.instances */
    bool watched, stale, asked_write, close_told;
    bool partial_binary;
    bool ask_again; /* its room was on its way when it was asked */
    bool by_token;  /* the secret it showed is a reconnect token, not a ticket */
    bool too_large; /* while closing: its frame was, which RFC 6455 has a code of its own for */
    bool admitted;  /* while it watches: it has been told that a seat is held */
    bool idle_warned, auth_warned;
    bool refreshing;     /* auth is being asked about a newer access token */
    uint32_t auth_until; /* the second since 1970 at which its access token runs out; SESSION_NEVER: not known */
    uint32_t refresh_at; /* the second of act_now from which on it may show one again */
    char session_id[25]; /* "" before the secret was good */
    char user[13];       /* as logs may show it */
} session_t;

struct http_route;

/* One request under way. Made when its route needs an actor, gone with its answer. */
typedef struct http_request {
    void *conn;
    const struct http_route *route; /* NULL: the slot is free */
    uint64_t generation;
    act_usec_t begun;
    uint32_t next_free;
    bool authenticated; /* the token was good: the route's own actor is being asked */
    bool attempted;     /* the token was not good, and admission hears of that */
    bool more;          /* set by finish: it has asked once more */
    role_t role;
    char id[25];    /* the {id} of the path */
    char query[25]; /* the value of the route's parameter; "" when absent */
    uint8_t address[WIRE_ADDRESS_BYTES];
    char user_id[sizeof(((msg_auth_verified_t *)0)->user_id)];
    const char *wrong;   /* with the query; told, as what is wrong with the body, after the token was found good */
    codec_fault_t fault; /* of the body */
    int64_t auth_until;  /* when its token runs out, ms since 1970 */
    int64_t muted_until; /* of POST mute, likewise */
    void *so_far;        /* the answer of a route that asks more than once; http_api.c frees it with the request */
    union {
        obj_connect_request_t connect;
        obj_character_create_t create;
        obj_bootstrap_request_t bootstrap;
        obj_dev_token_request_t dev_token;
        obj_leave_request_t leave;
        obj_instance_change_t change;
        obj_kick_request_t kick;
        obj_mute_request_t mute;
    } body;
} http_request_t;

typedef struct gateway_limits {
    uint32_t frame_max, connections_max, address_max;
    size_t outbox_max, coalesce_at;
    uint32_t idle_seconds, idle_warning_seconds; /* idle_seconds 0: nobody is too idle */
    uint32_t auth_warning_seconds;
    act_usec_t stall_usec, join_usec;
    int64_t moves_per_second, chats_per_second;
} gateway_limits_t;

/* One instance as admission has last told of it. */
typedef struct gateway_instance {
    const char *id;
    act_addr_t admission, queue; /* whose they were at the last view; key "": nobody's yet */
    bool watch_again;            /* some who watch could not be told of to the queue's new owner: once more */
    bool degraded;
    bool maintenance;
    bool has_ends;
    act_usec_t ends_at;      /* when maintenance ends the sessions, on this thread's clock */
    int64_t ends_in_seconds; /* as last told */
    char message[sizeof(((msg_gateway_notice_t *)0)->message)];
} gateway_instance_t;

struct gateway {
    act_ctx_t *ctx;
    const gateway_config_t *config;
    void *wire; /* what wire_t.start gave */
    gateway_limits_t limits;
    session_t *sessions;     /* [connections_max], touched up to sessions_used */
    session_clock_t *clocks; /* likewise, by the same slot */
    uint32_t sessions_used, sessions_free, watch_first;
    address_book_t addresses;
    audience_table_t audiences;
    gateway_instance_t *instances; /* [instances_count]; the first is where a client goes that names none */
    uint32_t instances_count;
    outbox_frame_t frame;
    http_request_t *requests; /* [GATEWAY_HTTP_CAP], likewise */
    uint32_t requests_used, requests_free;
    uint64_t generation; /* rises; where it starts is drawn, so that no handle of a gateway before it comes again */
    char session_prefix[GATEWAY_SESSION_PREFIX + 1];
    union msg_client_in in; /* the client message in hand */
};

/* session.c: life and end of a connection, and what is sent to it. */
session_t *session_find(gateway_t *self, uint64_t handle);
uint64_t session_handle(const gateway_t *self, const session_t *session);
/* Says it, then closes; leaves room, admission and queue at once. */
void session_end(gateway_t *self, session_t *session, close_code_t why);
/* retry_msec, action_id: 0 where there is none. `message` NULL: the code's own text. */
void session_refuse(gateway_t *self, session_t *session, error_code_t code, const char *message, int64_t action_id,
                    int64_t retry_msec);
/* Encodes straight into the outbox. */
void session_say(gateway_t *self, session_t *session, const codec_type_t *type, const char *tag, const void *body,
                 uint32_t size);
void session_give(gateway_t *self, session_t *session, blob_t *blob);
/* A refusal that is the client's own doing: ends the connection when it keeps at it. */
void session_count_refused(gateway_t *self, session_t *session);
void session_watch(gateway_t *self, session_t *session);
void session_sweep(gateway_t *self);
void session_fini_all(gateway_t *self);

/* session_join.c: from a secret to a room. */
void session_on_join(gateway_t *self, session_t *session, const msg_session_join_t *msg);
void session_on_entered(gateway_t *self, session_t *session, const msg_t *msg);
void session_on_joined(gateway_t *self, session_t *session, const msg_t *msg);
void session_on_not_joined(gateway_t *self, session_t *session, error_code_t code, close_code_t why);
/* The secret it showed opens nothing: says so, and ends it unless it may try something else. */
void session_on_secret_refused(gateway_t *self, session_t *session, secret_fault_t fault);
/* False: the client's build is another one; it has been told, and the connection ends. */
bool session_build_ok(gateway_t *self, session_t *session, const char *build);
uint64_t session_context(const gateway_t *self, const session_t *session, gateway_ask_t ask);
void session_say_token(gateway_t *self, session_t *session, const char *token, int64_t grace_seconds);

/* session_move.c: whose a session's room is, and what happens when that changes. */
/* Asks the room, or sees to it that it is asked when it has arrived. */
void session_ask_room(gateway_t *self, session_t *session);
/* The room has said no, since it is on its way. */
void session_ask_again(gateway_t *self, session_t *session);
/* To the session's room, or kept back. False: it cannot be taken. `body` is of one of the types of held_message_t. */
bool session_to_room(gateway_t *self, session_t *session, msg_type_t type, const void *body);
/* Its client leaves. True: as soon as what is kept back has been said. */
bool session_hold_leave(gateway_t *self, session_t *session);
/* It has left, and only what is kept back has not been said yet. */
bool session_has_left(const session_t *session);
void session_hold_drop(session_t *session);
/* This owner has let it in. */
void session_settle_room(session_t *session, const act_addr_t *from);
/* Its room has it again. */
void session_on_rejoined(gateway_t *self, session_t *session, const msg_t *msg);
void session_on_room_moving(gateway_t *self, const msg_t *msg);
void session_on_room_moved(gateway_t *self, const msg_t *msg);
/* It is the owner that has let the session's fellows in, or none has yet. */
bool session_room_is(const session_t *session, const act_addr_t *from);
/* Rooms on their way: what is to be asked again, what has taken too long. */
void session_look_at_moves(gateway_t *self);
/* Who is there has changed. */
void session_on_view(gateway_t *self);

/* session_queue.c: a connection that watches its place in the queue. */
void session_on_watch(gateway_t *self, session_t *session, const msg_queue_watch_t *msg);
void session_on_attached(gateway_t *self, session_t *session, const msg_t *msg);
void session_on_position(gateway_t *self, const msg_gateway_queue_position_t *msg);
void session_on_admitted(gateway_t *self, const msg_gateway_admitted_t *msg);

/* The queue of its instance is another's now: it watches there, and no more at `before` (NULL: that has been told).
 * False: refused. */
bool session_watch_again(gateway_t *self, const session_t *session, const act_addr_t *before);

/* session_clock.c: what runs out by itself: a session that does nothing, an access token. */
/* It plays from now on. */
void session_clock_start(gateway_t *self, session_t *session);
void session_clock_stop(gateway_t *self, const session_t *session);
/* Its client has shown an intent. */
void session_touch(gateway_t *self, session_t *session);
/* Its access token runs out then: ms since 1970, 0: not known. */
void session_set_auth(gateway_t *self, session_t *session, int64_t auth_until);
/* The first second since 1970 at which this (ms since 1970) has passed; and the one it is now. */
uint32_t session_wall_second(int64_t wall_msec);
uint32_t session_wall_now(const gateway_t *self);
/* Once a second. */
void session_tick(gateway_t *self);

/* session_refresh.c: a newer access token. */
void session_on_refresh(gateway_t *self, session_t *session, const msg_session_refresh_t *msg);
void session_on_refresh_answer(gateway_t *self, session_t *session, const msg_t *msg);

/* session_leave.c: out of the room, and the word to admission or queue: that the session is over, or that its grace
 * begins. Nothing happens for what was not taken or has been given back. */
void session_leave(gateway_t *self, session_t *session, session_parting_t parting);
/* An answer that gives a seat or a place to nobody: gives it back. `left`: its client had left, and not dropped. */
void session_undo(gateway_t *self, const msg_t *msg, bool left);
/* gateway.end: the room, or who holds the sessions, has ended this one. */
void session_on_end(gateway_t *self, const msg_t *msg);

/* session_in.c: frames and client messages. */
/* session_refuse and session_count_refused. */
void session_refuse_counted(gateway_t *self, session_t *session, error_code_t code, const char *message,
                            int64_t action_id);

/* instances.c: the instances, how each stands, and what admission hears of this gateway. */
void instances_init(gateway_t *self);
void instances_fini(gateway_t *self);
/* The index of this id; NULL: of the default one. GATEWAY_NONE: there is no such instance. */
uint32_t instances_find(const gateway_t *self, const char *id);
/* Is the registry of one of them away? */
bool instances_degraded(const gateway_t *self);
void instances_beat(gateway_t *self);
/* Who is there has changed: new owners of admission and queue hear of this gateway at once. */
void instances_view(gateway_t *self);
void instances_on_notice(gateway_t *self, const msg_gateway_notice_t *msg);
void instances_on_report(gateway_t *self, const msg_gateway_report_t *msg);
/* Tells a newcomer what the others have been told. */
void instances_greet(gateway_t *self, session_t *session);

/* session_out.c: gateway.* from rooms. */
void session_on_ack(gateway_t *self, const msg_gateway_ack_t *msg);
void session_on_refused(gateway_t *self, const msg_gateway_refused_t *msg);
void session_on_delta(gateway_t *self, const msg_t *msg);
void session_on_state(gateway_t *self, const msg_gateway_state_t *msg);
void session_drained(gateway_t *self, session_t *session);

/* http_api.c: from a request to its route, its token and its actor. */
void http_receive(gateway_t *self, const msg_t *msg);
void http_fini_all(gateway_t *self);
/* A session id that no gateway gives twice; `handle` is that of the request that asks for it. */
void gateway_session_id(const gateway_t *self, uint64_t handle, char id[25]);
/* A new id that nobody can guess. */
void gateway_draw_id(gateway_t *self, char id[25]);

#endif
