/* Several processes in one simulation: who is there, who sees whom, and whose key is whose. */
#include <stdio.h>
#include <string.h>

#include "sim_state.h"

static uint32_t
sim_slot(uint32_t id)
{
    return id % SIM_NODES_CAP;
}

static bool
sim_is_there(const sim_sight_t *sight, uint32_t id)
{
    return sight->id == id && sight->presence != SIM_NODE_OUT;
}

/* ---- what hosts ask ---- */

bool
sim_net_owner(void *me, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    const sim_node_t *node = me;
    if (!node->sim->added[kind]) {
        *to = (act_addr_t){.node = node->sim->homes[kind], .kind = (uint8_t)kind};
        snprintf(to->key, sizeof to->key, "%s", key);
        return true;
    }
    return directory_owner(&node->view, kind, key, to);
}

static bool
sim_net_reaches(void *me, uint32_t id)
{
    const sim_node_t *node = me;
    return sim_is_there(&node->sights[sim_slot(id)], id);
}

static bool
sim_net_owner_before(void *me, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    const sim_node_t *node = me;
    return directory_owner_before(&node->view, &node->history, kind, key, to);
}

bool
sim_net_sees(const sim_t *self, const act_addr_t *from, const act_addr_t *to)
{
    const sim_node_t *node = &self->nodes[sim_slot(from->node)];
    return node->id == to->node || sim_is_there(&node->sights[sim_slot(to->node)], to->node);
}

host_t *
sim_net_host(sim_t *self, const act_addr_t *to, bool *lost)
{
    sim_node_t *node = &self->nodes[sim_slot(to->node)];
    bool runs = node->kinds[to->kind] != NULL;
    *lost = runs && (node->dead || node->id != to->node);
    return runs && !*lost ? &node->hosts[to->kind] : NULL;
}

host_t *
sim_net_host_at(sim_t *self, uint32_t i)
{
    sim_node_t *node = &self->nodes[i / ACT_KIND_COUNT];
    return !node->dead && node->kinds[i % ACT_KIND_COUNT] != NULL ? &node->hosts[i % ACT_KIND_COUNT] : NULL;
}

uint32_t
sim_net_hosts(const sim_t *self)
{
    return self->nodes_top * ACT_KIND_COUNT;
}

/* ---- who sees whom ---- */

/* What a process would see if it looked now. */
static void
sim_sights(const sim_t *self, const sim_node_t *viewer, sim_sight_t sights[SIM_NODES_CAP])
{
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        const sim_node_t *node = &self->nodes[slot];
        sights[slot] = (sim_sight_t){.id = node->id, .presence = viewer->blind[slot] ? SIM_NODE_OUT : node->presence};
    }
}

static void
sim_directory(const sim_t *self, const sim_node_t *viewer, directory_t *directory)
{
    memset(directory, 0, sizeof *directory);
    directory->self = viewer->id;
    for (uint32_t slot = 0; slot < self->nodes_top; slot++) {
        const sim_node_t *node = &self->nodes[slot];
        const sim_sight_t *sight = &viewer->sights[slot];
        if (sight->presence == SIM_NODE_OUT) {
            continue;
        }
        char name[DIRECTORY_NAME_MAX + 1];
        snprintf(name, sizeof name, "slot-%u", (unsigned)slot);
        directory_node_t *row = directory_add_node(directory, sight->id, name, "");
        ACT_ASSERT(row != NULL);
        row->leaving = sight->presence == SIM_NODE_LEAVING;
        for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
            ACT_ASSERT(node->kinds[kind] == NULL || directory_add_mailbox(row, (act_kind_id_t)kind, 0, 0));
        }
    }
    directory_settle(directory);
}

static bool
sim_sights_same(const sim_sight_t *a, const sim_sight_t *b)
{
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        if (a[slot].id != b[slot].id || a[slot].presence != b[slot].presence) {
            return false;
        }
    }
    return true;
}

/* One who is cut off from all hears of nothing: what it saw last stays. */
static void
sim_node_look(sim_t *self, sim_node_t *node)
{
    sim_sight_t sights[SIM_NODES_CAP];
    node->look_at = INT64_MAX;
    sim_sights(self, node, sights);
    if (node->dead || node->presence == SIM_NODE_OUT || sim_sights_same(node->sights, sights)) {
        return;
    }
    memcpy(node->sights, sights, sizeof sights);
    directory_t before = node->view;
    sim_directory(self, node, &node->view);
    directory_remember(&node->history, &before, &node->view);
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        if (node->kinds[kind] != NULL) {
            host_view(&node->hosts[kind]);
        }
    }
}

bool
sim_net_look(sim_t *self)
{
    bool any = false;
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        sim_node_t *node = &self->nodes[slot];
        if (node->look_at <= self->now) {
            sim_node_look(self, node);
            any = true;
        }
    }
    return any;
}

act_usec_t
sim_net_due(const sim_t *self)
{
    act_usec_t due = INT64_MAX;
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        due = self->nodes[slot].look_at < due ? self->nodes[slot].look_at : due;
    }
    return due;
}

static void
sim_spread(sim_t *self)
{
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        act_usec_t late = self->faults.view_delay_max;
        late = late > 0 ? (act_usec_t)(sim_random(self) % (uint64_t)(late + 1)) : 0;
        self->nodes[slot].look_at = self->now + late;
    }
    sim_run(self);
}

void
sim_split(sim_t *self, uint32_t viewer, uint32_t other, bool apart)
{
    ACT_ASSERT(viewer < SIM_NODES_CAP && other < SIM_NODES_CAP && viewer != other);
    self->nodes[viewer].blind[other] = apart;
    sim_spread(self);
}

/* ---- life and death ---- */

static void
sim_make(sim_node_t *node, act_kind_id_t kind)
{
    host_init(&node->hosts[kind], node->kinds[kind], node->configs[kind], &node->env, node->id, 0, SIM_MAILBOX_MAX,
              sim_random(node->sim) | 1);
    host_start(&node->hosts[kind]);
}

void
sim_add_on(sim_t *self, uint32_t slot, const act_kind_t *kind, const void *config)
{
    ACT_ASSERT(slot < SIM_NODES_CAP);
    sim_node_t *node = &self->nodes[slot];
    self->added[kind->id] = true;
    self->nodes_top = slot < self->nodes_top ? self->nodes_top : slot + 1;
    node->kinds[kind->id] = kind;
    node->configs[kind->id] = config;
    for (uint32_t i = 0; i < SIM_NODES_CAP; i++) { /* nothing has moved yet: as if it had been there from the start */
        sim_directory(self, &self->nodes[i], &self->nodes[i].view);
    }
    sim_make(node, kind->id);
}

void
sim_add(sim_t *self, const act_kind_t *kind, const void *config)
{
    sim_add_on(self, 0, kind, config);
}

static void
sim_end(sim_t *self, sim_node_t *node, int kind)
{
    self->muted = true;
    host_fini(&node->hosts[kind]);
    self->muted = false;
}

void
sim_crash_on(sim_t *self, uint32_t slot, act_kind_id_t kind)
{
    sim_node_t *node = &self->nodes[slot];
    ACT_ASSERT(!node->dead && node->kinds[kind] != NULL);
    sim_end(self, node, kind);
    sim_make(node, kind);
}

void
sim_crash(sim_t *self, act_kind_id_t kind)
{
    sim_crash_on(self, 0, kind);
}

void
sim_node_crash(sim_t *self, uint32_t slot)
{
    sim_node_t *node = &self->nodes[slot];
    for (int kind = 0; kind < ACT_KIND_COUNT && !node->dead; kind++) {
        if (node->kinds[kind] != NULL) {
            sim_end(self, node, kind);
        }
    }
    node->dead = true;
}

bool
sim_node_runs(const sim_t *self, uint32_t slot)
{
    return !self->nodes[slot].dead;
}

bool
sim_runs(const sim_t *self, uint32_t slot, act_kind_id_t kind)
{
    return !self->nodes[slot].dead && self->nodes[slot].kinds[kind] != NULL;
}

static void
sim_node_begin(sim_t *self, sim_node_t *node)
{
    node->dead = false;
    node->id += SIM_NODES_CAP;
    sim_sights(self, node, node->sights);
    memset(&node->history, 0, sizeof node->history);
    sim_directory(self, node, &node->view);
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        if (node->kinds[kind] != NULL) {
            sim_make(node, (act_kind_id_t)kind);
        }
    }
}

void
sim_node(sim_t *self, uint32_t slot, sim_presence_t presence)
{
    ACT_ASSERT(slot < SIM_NODES_CAP);
    sim_node_t *node = &self->nodes[slot];
    node->presence = presence;
    if (node->dead && presence == SIM_NODE_IN) {
        sim_node_begin(self, node);
    }
    sim_spread(self);
}

void
sim_net_init(sim_t *self)
{
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        sim_node_t *node = &self->nodes[slot];
        *node = (sim_node_t){.sim = self, .id = slot, .presence = SIM_NODE_IN, .look_at = INT64_MAX, .env = sim_env};
        node->env.self = node;
        node->env.owner = sim_net_owner;
        node->env.owner_before = sim_net_owner_before;
        node->env.reaches = sim_net_reaches;
    }
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        sim_sights(self, &self->nodes[slot], self->nodes[slot].sights);
    }
}

void *
sim_state_on(sim_t *self, uint32_t slot, act_kind_id_t kind, const char *key)
{
    act_ctx_t *ctx = sim_ctx_on(self, slot, kind, key);
    return ctx != NULL ? host_state(ctx) : NULL;
}

act_ctx_t *
sim_ctx_on(sim_t *self, uint32_t slot, act_kind_id_t kind, const char *key)
{
    sim_node_t *node = &self->nodes[slot];
    return !node->dead && node->kinds[kind] != NULL ? host_find(&node->hosts[kind], key) : NULL;
}

void
sim_net_fini(sim_t *self)
{
    for (uint32_t slot = 0; slot < self->nodes_top; slot++) {
        sim_node_crash(self, slot);
    }
}
