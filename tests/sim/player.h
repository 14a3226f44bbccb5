/*
 * player -- the people of the simulation. A kind that stands where the gateway stands: it connects, waits, joins, acts,
 * resends, leaves, drops, comes back with its token and with what it still shows, reads slowly, takes over and is taken
 * over, by a seed, and writes down what it was told. What it was told is what the invariants (world_check.c) are about.
 *
 * It is a careless gateway on purpose: an answer that comes late is not undone. What that leaves behind is for the
 * audit (gateway.report) to find.
 */
#ifndef PLAYHOUSE_SIM_PLAYER_H
#define PLAYHOUSE_SIM_PLAYER_H

#include "view.h"

enum {
    PLAYERS = 9,
    CHARACTERS = 8,     /* the last two players share one: somebody is always in somebody's way */
    PLAYER_GATES = 2,   /* gateways */
    PLAYER_KEPT = 32,   /* intents kept back while the room moves */
    PLAYER_UNACKED = 4, /* intents of a character under way */
    ACTIONS_MAX = 4096, /* acks remembered of one character */
};

typedef enum player_state {
    PLAYER_IDLE,
    PLAYER_CONNECTING,
    PLAYER_AWAY,      /* has a token, and no connection */
    PLAYER_ATTACHING, /* shows the token of a place in the queue */
    PLAYER_WAITING,   /* hears of its place */
    PLAYER_ENTERING,  /* shows a ticket, or a token */
    PLAYER_JOINING,
    PLAYER_IN
} player_state_t;

typedef enum intent_kind { INTENT_MOVE, INTENT_CHAT, INTENT_ACTION } intent_kind_t;

/* What a client keeps of an intent until its ack. */
typedef struct intent {
    int64_t action_id; /* 0: none */
    intent_kind_t kind;
    union {
        msg_room_move_t move;
        msg_room_chat_t chat;
        msg_room_action_t action;
    } u;
} intent_t;

/* The memory of one person's client: it outlives connections. */
typedef struct client {
    char id[25], user[32];
    int64_t next_action_id;
    intent_t unacked[PLAYER_UNACKED];
    int64_t last_sequence; /* of all acks */
    struct {
        int64_t action_id, sequence, version;
    } acks[ACTIONS_MAX]; /* in order of actionId */
    int acks_count;
} client_t;

/* One gateway: with which owner of the room it is. */
typedef struct gate {
    unsigned incarnation;
    bool found, settled, parted;
    act_usec_t parted_at;
    act_addr_t room;
    int64_t epoch; /* of the lease of the owner before */
} gate_t;

typedef struct player {
    player_state_t state;
    unsigned life; /* rises with each connection or try for one: answers to earlier ones mean nothing */
    uint64_t connection;
    int64_t member, turn;
    char session_id[25], room[50], name[129], character_id[25];
    char secret[44];        /* ticket or token that opens its session now; "" none */
    char spent[44];         /* one that was shown with success before; "" none */
    char replace_token[44]; /* "" none */
    bool queued;            /* the secret is of a place in the queue */
    bool certain;           /* nothing that could have changed the secret is unanswered */
    bool was_certain;       /* when it was shown last */
    bool reused;            /* what it shows was spent before */
    uint32_t position;      /* as told last on this connection; 0: not yet */
    format_t format;
    view_t view;          /* outlives connections, and sessions now and then */
    int64_t said_version; /* with the join; -1: none */
    bool slow;            /* it does not read: deltas are left out, until it asks for the whole */
    act_usec_t slow_at, resync_at;
    bool ask_again; /* the room was on its way */
    bool held;      /* it moves: what this one says is kept back */
    act_usec_t held_at;
    intent_t kept[PLAYER_KEPT];
    int kept_count;
    act_usec_t since;   /* of the state */
    act_usec_t away_at; /* when it dropped */
} player_t;

/* Shared by the kind, which has one state, and the world; the world owns it. */
typedef struct players {
    player_t players[PLAYERS];
    client_t clients[CHARACTERS];
    uint64_t connections;
    gate_t gates[PLAYER_GATES];
    unsigned gates_count; /* player i is at gate i modulo this */
    unsigned incarnation; /* of all gateways that they stood for */
    bool gentle;          /* nothing but planned moves happens: nobody may be refused or closed by one */
    bool quiet;           /* no new intents: only resends, until all is acked */
    bool leaving;         /* and now everybody goes home */
    bool faultless;       /* nothing is lost this evening: what was promised must be had */
    bool sees_all;        /* no message is lost: what it shows is what is */
    bool books_sure;      /* no change can have been lost on its way to the store for good */
    act_usec_t grace_usec;
    act_usec_t tick_usec; /* how often each of them does something */
    uint64_t acks, refusals, admitted, queued, resumed, replaced, moved;
    uint64_t by_changes, by_snapshot, lost, handed; /* welcomes by their form, chatsLost or full, items given away */
    /* Called for each ack before anything else happens: is it in the store? */
    void (*on_ack)(void *world, const client_t *client, const intent_t *intent, const msg_gateway_ack_t *ack);
    void (*on_line)(void *world, int player, const obj_chat_line_t *line);
    void (*on_breach)(void *world, const char *what);
    void *world;
} players_t;

client_t *players_client(const players_t *self, int player);

typedef struct player_config {
    players_t *all;
    unsigned gate;
} player_config_t;

extern const act_kind_t player_kind; /* config: a player_config_t */

#endif
