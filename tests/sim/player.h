/*
 * player -- the people of the simulation. A kind that stands where the gateway stands: it connects, joins, acts,
 * resends, leaves and drops, by a seed, and writes down what it was told. What it was told is what the invariants
 * (world.c) are about.
 */
#ifndef PLAYHOUSE_SIM_PLAYER_H
#define PLAYHOUSE_SIM_PLAYER_H

#include "act.h"

enum {
    PLAYERS = 6,
    CHARACTERS = 5,     /* the last two players share one: somebody is always in somebody's way */
    PLAYER_UNACKED = 4, /* intents of a character under way */
    ACTIONS_MAX = 4096, /* acks remembered of one character */
};

typedef enum player_state {
    PLAYER_IDLE,
    PLAYER_CONNECTING,
    PLAYER_REDEEMING,
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
    struct {
        int64_t action_id, sequence, version;
    } acks[ACTIONS_MAX]; /* in order of actionId */
    int acks_count;
} client_t;

typedef struct player {
    player_state_t state;
    unsigned turn; /* rises at each connect: answers to earlier ones mean nothing */
    uint64_t connection;
    int64_t member;
    char session_id[25], room[50], name[129];
    char ticket[44];
    role_t role;
    act_usec_t since; /* of the state */
} player_t;

/* Shared by the kind, which has one state, and the world; the world owns it. */
typedef struct players {
    player_t players[PLAYERS];
    client_t clients[CHARACTERS];
    uint64_t connections;
    bool quiet; /* no new intents: only resends, until all is acked */
    uint64_t acks, refusals, admitted;
    /* Called for each ack before anything else happens: is it in the store? */
    void (*on_ack)(void *world, const client_t *client, const intent_t *intent, const msg_gateway_ack_t *ack);
    void (*on_breach)(void *world, const char *what);
    void *world;
} players_t;

client_t *players_client(players_t *self, int player);

extern const act_kind_t player_kind; /* config: a players_t */

#endif
