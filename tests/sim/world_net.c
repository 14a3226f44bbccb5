/*
 * The world over three processes: slot 0 has admission, the queue, a gateway and a store thread, slot 1 a room kind and
 * a store thread, slot 2 a room kind and a gateway. Rooms move, processes crash, and views differ.
 */
#include "world_state.h"

enum { NET_SLOTS = 3, NET_FIRST = 1 /* the first that may leave or crash */ };

void
world_place(world_t *self)
{
    sim_t *sim = self->sim;
    self->players->gates_count = self->spread ? PLAYER_GATES : 1;
    for (unsigned i = 0; i < PLAYER_GATES; i++) {
        self->gates[i] = (player_config_t){.all = self->players, .gate = i};
    }
    sim_add_on(sim, 0, &persistence_kind, &self->persistence);
    sim_add_on(sim, 0, &admission_kind, &self->admission);
    sim_add_on(sim, 0, &queue_kind, &self->queue);
    if (self->spread) {
        sim_add_on(sim, 1, &persistence_kind, &self->persistence);
        sim_add_on(sim, 1, &room_kind, &self->room);
        sim_add_on(sim, 2, &room_kind, &self->room);
        sim_add_on(sim, 2, &player_kind, &self->gates[1]);
    } else {
        sim_add_on(sim, 0, &room_kind, &self->room);
    }
    sim_add_on(sim, 0, &player_kind, &self->gates[0]);
}

void *
world_room_at(world_t *self, uint32_t slot)
{
    return sim_state_on(self->sim, slot, ACT_KIND_ROOM, WORLD_ROOM);
}

/* The one with the newest lease. */
void *
world_room(world_t *self)
{
    void *newest = NULL;
    int64_t epoch = 0;
    for (uint32_t slot = 0; slot < NET_SLOTS; slot++) {
        void *room = world_room_at(self, slot);
        room_inspection_t seen;
        if (room == NULL) {
            continue;
        }
        room_inspect(room, &seen);
        if (newest == NULL || (seen.open && seen.epoch > epoch)) {
            newest = room;
            epoch = seen.open ? seen.epoch : 0;
        }
    }
    return newest;
}

static void
net_revive(world_t *self, uint32_t slot)
{
    if (!sim_node_runs(self->sim, slot)) {
        sim_node(self->sim, slot, SIM_NODE_OUT); /* it is noticed */
    }
    sim_node(self->sim, slot, SIM_NODE_IN);
}

/* A room process goes, and the rooms of it; or comes back. Never both go: nobody would be left. */
void
world_net_move(world_t *self)
{
    uint32_t slot = NET_FIRST + (uint32_t)(sim_random(self->sim) % 2), other = NET_SLOTS - slot;
    if (self->away[slot]) {
        net_revive(self, slot);
        self->away[slot] = false;
    } else if (!self->away[other]) {
        sim_node(self->sim, slot, SIM_NODE_LEAVING);
        self->away[slot] = true;
        self->result->counts[WORLD_MOVES]++;
    }
}

void
world_net_mishap(world_t *self)
{
    uint32_t slot = NET_FIRST + (uint32_t)(sim_random(self->sim) % 2), other = NET_SLOTS - slot;
    uint64_t dice = sim_random(self->sim) % 3;
    if (dice == 0 && sim_node_runs(self->sim, slot) && !self->away[other]) {
        self->retired += sim_metric(self->sim, METRIC_ROOM_RETIRED, 0);
        sim_node_crash(self->sim, slot);
        self->away[slot] = true;
        self->result->counts[WORLD_CRASHES]++;
    } else if (dice == 1) {
        uint32_t viewer = (uint32_t)(sim_random(self->sim) % NET_SLOTS);
        uint32_t hidden = (viewer + 1 + (uint32_t)(sim_random(self->sim) % 2)) % NET_SLOTS;
        sim_split(self->sim, viewer, hidden, true);
        self->result->counts[WORLD_SPLITS]++;
    } else if (!sim_node_runs(self->sim, slot)) {
        sim_node(self->sim, slot, SIM_NODE_OUT); /* it is noticed, and not there yet */
    }
}

void
world_net_mend(world_t *self)
{
    for (uint32_t slot = 0; self->spread && slot < NET_SLOTS; slot++) {
        for (uint32_t hidden = 0; hidden < NET_SLOTS; hidden++) {
            if (slot != hidden) {
                sim_split(self->sim, slot, hidden, false);
            }
        }
        if (self->away[slot]) {
            net_revive(self, slot);
            self->away[slot] = false;
        }
    }
}

uint32_t
world_slot_of(world_t *self, act_kind_id_t kind)
{
    uint32_t slot = (uint32_t)(sim_random(self->sim) % NET_SLOTS);
    for (uint32_t i = 0; i < NET_SLOTS && !sim_runs(self->sim, slot, kind); i++) {
        slot = (slot + 1) % NET_SLOTS;
    }
    return slot;
}
