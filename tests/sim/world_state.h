/* world_state -- what the sources of the world share: world.c runs the evening, world_check.c knows the promises,
 * world_rival.c is the other owner of the room. */
#ifndef PLAYHOUSE_SIM_WORLD_STATE_H
#define PLAYHOUSE_SIM_WORLD_STATE_H

#include "world.h"

#include "admission.h"
#include "persistence.h"
#include "player.h"
#include "queue.h"
#include "room.h"
#include "rules.h"
#include "said.h"
#include "shaky_registry.h"
#include "sim.h"
#include "store_sqlite.h"

enum {
    WORLD_CAPACITY = 4,  /* fewer than characters: there is always a crowd at the door */
    WORLD_QUEUE_MAX = 3, /* and not everybody may wait */
    WORLD_MSEC = 4000,
    WORLD_CALM_MSEC = 30000,  /* afterwards, without faults: everything outstanding is settled */
    WORLD_EMPTY_MSEC = 60000, /* and then everybody has left, and so has every trace of them */
    WORLD_GRACE_MSEC = 2000,
    WORLD_ITEMS = 24,
};

#define WORLD_INSTANCE "plaza"
#define WORLD_ROOM "plaza/main"

enum {
    WORLD_SESSIONS_MAX = 64,
    WORLD_STATES = 64, /* of the room that are remembered, to compare late views with */
};

/* Another server with the same store, of which only the room and its persistence are there. Somebody who is nowhere
 * else plays in it. */
typedef struct rival {
    sim_t *sim; /* NULL: there is none yet */
    int64_t member, action_id;
    int64_t connections;
    uint64_t ended; /* times that its room has given up */
} rival_t;

typedef struct world {
    char path[256]; /* of the store's file */
    sim_t *sim;
    store_t *store;
    registry_t *primary;  /* a memory form that stands for Redis; the registry's */
    registry_t *registry; /* failover of it and another */
    shaky_t shaky;
    int64_t seated;                      /* the highest number among sessions that hold a seat ... */
    uint64_t rebuilds;                   /* ... as of this many rebuilds */
    int64_t waiting[WORLD_SESSIONS_MAX]; /* the numbers of those who waited then */
    uint32_t waiting_count;
    players_t *players;
    player_config_t gates[PLAYER_GATES];
    bool spread;                 /* over three processes, see world_net.c */
    bool moves;                  /* rooms move */
    bool away[SIM_NODES_CAP];    /* it has left, or crashed */
    bool crashes, fulls, losses; /* what may happen: of actors, mailboxes, the registry */
    bool rivals;                 /* another owner of the room may come up */
    world_result_t *result;
    rival_t rival;
    said_t said;
    struct {
        int64_t version;
        uint64_t digest;
    } states[WORLD_STATES]; /* of the room, after steps, the newest at states_count - 1 modulo WORLD_STATES */
    uint64_t states_count;
    int64_t epoch;    /* of the newest lease that was seen */
    uint64_t retired; /* rooms, before the last crash of rooms: their counters went with them */
    admission_config_t admission;
    queue_config_t queue;
    room_config_t room;
    persistence_config_t persistence;
    registry_session_t sessions[WORLD_SESSIONS_MAX]; /* as the last look found them */
} world_t;

/* world.c */
void world_breach(void *me, const char *what);
void world_begin(world_t *self, uint64_t seed, const char *folder, world_result_t *result);
/* Adds up what has happened, and leaves nothing behind. */
void world_end(world_t *self);
/* By the dice, mostly nothing. */
void world_mishap(world_t *self);
/* Every mishap that lasts is over. */
void world_mend(world_t *self);
/* So long, without any more mishaps. */
void world_calm(world_t *self, int64_t msec);

/* world_check.c */
void world_on_ack(void *me, const client_t *client, const intent_t *intent, const msg_gateway_ack_t *ack);
void world_on_line(void *me, int player, const obj_chat_line_t *line);
/* After a step: all that can be checked then, or only what is shown, which is cheap. */
void world_check(world_t *self);
void world_check_seen(world_t *self);
/* When everything is settled: the books agree. */
void world_check_log(world_t *self, const client_t *client);
void world_check_items(world_t *self);
void world_check_views(world_t *self);
/* Everybody has left and every deadline has passed: a seat or a place that is still taken is lost for good. */
void world_check_empty(world_t *self);

/* world_net.c */
/* Adds the kinds. */
void world_place(world_t *self);
/* The room's state in that process; and the one with the newest lease. NULL: none. */
void *world_room_at(world_t *self, uint32_t slot);
void *world_room(world_t *self);
void world_net_move(world_t *self);
void world_net_mishap(world_t *self);
void world_net_mend(world_t *self);
/* One of the processes that run it, by the dice. */
uint32_t world_slot_of(world_t *self, act_kind_id_t kind);

/* world_rival.c */
/* It comes up if it is not there, takes the lease, and does something; or finds out that it has lost it. */
void world_rival_act(world_t *self);
void world_rival_fini(world_t *self);

#endif
