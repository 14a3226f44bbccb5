/*
 * sim_state -- what sim.c (parcels, turns, the tester) and sim_net.c (several processes and who sees whom) share.
 * Private to the two.
 */
#ifndef PLAYHOUSE_SIM_STATE_H
#define PLAYHOUSE_SIM_STATE_H

#include "directory.h"
#include "heap.h"
#include "host.h"
#include "sim.h"

enum {
    SIM_MAILBOX_MAX = 65536,
    SIM_PAIRS = 16384,       /* sender and receiver pairs whose order is kept, at once */
    SIM_ROUNDS_MAX = 100000, /* of messages at one moment; more is a storm, and a bug */
    SIM_MILLION = 1000000,
    SIM_FRAME_MAX = 4 << 20, /* bytes of a message as a frame */
};

/* A message on its way, or kept for the tester. */
typedef struct sim_parcel {
    heap_node_t due; /* first */
    act_addr_t to;
    msg_t msg;
    struct sim_parcel *next;
    void *body;
} sim_parcel_t;

/* When the last message of a sender to a receiver will be there; the next may not be earlier. */
typedef struct sim_pair {
    uint64_t key;
    act_usec_t last;
} sim_pair_t;

/* What one process sees of another. */
typedef struct sim_sight {
    uint32_t id;
    sim_presence_t presence;
} sim_sight_t;

/* One process: a slot, and in it one life after the other, each with an id of its own. */
typedef struct sim_node {
    sim_t *sim;
    uint32_t id; /* slot + SIM_NODES_CAP * life */
    bool dead;   /* it has crashed */
    sim_presence_t presence;
    bool blind[SIM_NODES_CAP]; /* to whom it is cut off */
    sim_sight_t sights[SIM_NODES_CAP];
    directory_t view;
    directory_history_t history;
    act_usec_t look_at; /* when it hears of the last change; INT64_MAX: it has */
    host_env_t env;
    host_t hosts[ACT_KIND_COUNT];
    const act_kind_t *kinds[ACT_KIND_COUNT]; /* NULL: was not added */
    const void *configs[ACT_KIND_COUNT];
} sim_node_t;

struct sim {
    act_usec_t now;
    uint64_t random;
    sim_node_t nodes[SIM_NODES_CAP];
    uint32_t nodes_top; /* nothing was added from this slot on */
    bool added[ACT_KIND_COUNT], full[ACT_KIND_COUNT];
    uint32_t homes[ACT_KIND_COUNT];
    sim_faults_t faults;
    bool muted; /* a crash is under way: nobody hears its fini */
    heap_t parcels;
    sim_pair_t pairs[SIM_PAIRS];
    sim_parcel_t *kept, **kept_end, *taken;
    size_t kept_count;
    uint8_t *frame; /* SIM_FRAME_MAX bytes */
    void *body;     /* MSG_BODY_MAX bytes */
    act_trace_t trace;
};

/* sim.c */
/* What the hosts are given, without the part of sim_net.c. `self` is a sim_node_t. */
extern const host_env_t sim_env;

/* sim_net.c */
void sim_net_init(sim_t *self);
/* Who has this address now. NULL: the tester, or (*lost) nobody, since its process is gone. */
host_t *sim_net_host(sim_t *self, const act_addr_t *to, bool *lost);
/* Does the sender see the receiver's process? */
bool sim_net_sees(const sim_t *self, const act_addr_t *from, const act_addr_t *to);
/* False: nobody runs the kind. A kind that was never added is the tester's. */
bool sim_net_owner(void *node, act_kind_id_t kind, const char *key, act_addr_t *to);
/* Processes that are to hear of a change now do. True: one did. */
bool sim_net_look(sim_t *self);
/* When the next does; INT64_MAX: none. */
act_usec_t sim_net_due(const sim_t *self);
/* Each of so many places may hold a host that runs; NULL: it does not. */
uint32_t sim_net_hosts(const sim_t *self);
host_t *sim_net_host_at(sim_t *self, uint32_t i);
void sim_net_fini(sim_t *self);

#endif
