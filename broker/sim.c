#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "metric_table.h"
#include "sim_state.h"

/* The tester's address: no kind runs on that thread. */
static const act_addr_t sim_tester = {.kind = ACT_KIND_FRONT, .thread = UINT8_MAX};

uint64_t
sim_random(sim_t *self) /* splitmix64 */
{
    uint64_t x = self->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static bool
sim_chance(sim_t *self, uint32_t ppm)
{
    return ppm > 0 && sim_random(self) % SIM_MILLION < ppm;
}

/* ---- parcels ---- */

static sim_parcel_t *
sim_parcel_new(const act_addr_t *to, const msg_t *msg)
{
    const codec_type_t *type = msg_infos[msg->type].type;
    sim_parcel_t *parcel = calloc(1, sizeof *parcel);
    ACT_ASSERT(parcel != NULL);
    parcel->body = malloc(type->size);
    ACT_ASSERT(parcel->body != NULL);
    memcpy(parcel->body, msg->body, type->size);
    codec_retain(type, parcel->body);
    parcel->to = *to;
    parcel->msg = *msg;
    parcel->msg.body = parcel->body;
    memcpy(parcel->msg.key, to->key, sizeof parcel->msg.key);
    return parcel;
}

static void
sim_parcel_destroy(sim_parcel_t *parcel)
{
    if (parcel != NULL) {
        codec_release(msg_infos[parcel->msg.type].type, parcel->body);
        free(parcel->body);
        free(parcel);
    }
}

/* Of a kind that runs nowhere the tester plays the part; so it does for a process to which nothing was added. */
static bool
sim_is_tester(sim_t *self, const act_addr_t *to)
{
    bool lost = false;
    return to->thread == sim_tester.thread || (sim_net_host(self, to, &lost) == NULL && !lost);
}

static void
sim_keep(sim_t *self, sim_parcel_t *parcel)
{
    bool answer = msg_infos[parcel->msg.type].answer || parcel->msg.type == MSG_ACT_NO_ANSWER;
    if (answer && parcel->msg.correlation != 0) {
        parcel->msg.context = parcel->msg.correlation - 1;
    }
    *self->kept_end = parcel;
    self->kept_end = &parcel->next;
    self->kept_count++;
}

/* Not earlier than what the same sender sent to the same receiver before. */
static act_usec_t
sim_ordered(sim_t *self, const act_addr_t *from, const act_addr_t *to, act_usec_t due)
{
    uint64_t key = directory_hash(from->key) * 31 + directory_hash(to->key) * 17 +
                   ((uint64_t)(from->node % SIM_NODES_CAP) << 40 | (uint64_t)(to->node % SIM_NODES_CAP) << 32 |
                    (uint64_t)from->kind << 24 | (uint64_t)from->thread << 16 | (uint64_t)to->kind << 8 | to->thread) *
                       0x9e3779b97f4a7c15u;
    key |= 1;
    for (size_t i = key % SIM_PAIRS, tries = 0; tries < SIM_PAIRS; i = (i + 1) % SIM_PAIRS, tries++) {
        sim_pair_t *pair = &self->pairs[i];
        if (pair->key == key || pair->key == 0) {
            pair->key = key;
            pair->last = due > pair->last ? due : pair->last;
            return pair->last;
        }
    }
    ACT_UNREACHABLE("more sender and receiver pairs than SIM_PAIRS");
}

static void
sim_post(sim_t *self, const act_addr_t *to, const msg_t *msg)
{
    act_usec_t due = self->now;
    if (!sim_is_tester(self, to) && sim_chance(self, self->faults.delay_ppm)) {
        due += (act_usec_t)(sim_random(self) % (uint64_t)(self->faults.delay_max + 1));
    }
    sim_parcel_t *parcel = sim_parcel_new(to, msg);
    heap_put(&self->parcels, &parcel->due, sim_ordered(self, &msg->from, to, due));
}

/* What is copied here is a frame between threads: it must survive being one. */
static void
sim_check_frame(sim_t *self, const act_addr_t *to, const msg_t *msg)
{
    msg_t out = *msg, back;
    codec_fault_t fault;
    memcpy(out.key, to->key, sizeof out.key);
    size_t length = envelope_encode(&out, self->now, self->frame, SIM_FRAME_MAX);
    ACT_ASSERT(length > 0);
    ACT_ASSERT(envelope_decode(self->frame, length, self->now, &back, self->body, &fault) == CODEC_OK);
    ACT_ASSERT(back.type == out.type && strcmp(back.key, out.key) == 0 && back.correlation == out.correlation);
    codec_release(msg_infos[back.type].type, self->body);
}

static bool
sim_route(void *me, const act_addr_t *to, const msg_t *msg)
{
    sim_t *self = ((sim_node_t *)me)->sim;
    sim_check_frame(self, to, msg);
    if (self->full[to->kind] || !sim_net_sees(self, &msg->from, to)) {
        return false;
    }
    if (self->muted || (!sim_is_tester(self, to) && sim_chance(self, self->faults.drop_ppm))) {
        return true;
    }
    sim_post(self, to, msg);
    if (!sim_is_tester(self, to) && sim_chance(self, self->faults.duplicate_ppm)) {
        sim_post(self, to, msg);
    }
    return true;
}

/* ---- environment of the hosts ---- */

static act_usec_t
sim_env_now(void *node)
{
    return ((sim_node_t *)node)->sim->now;
}

static int64_t
sim_env_wall(void *node)
{
    return 1700000000000 + sim_env_now(node) / ACT_MSEC; /* some day in 2023 */
}

static void
sim_env_secret(void *node, void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)(sim_random(((sim_node_t *)node)->sim) >> 56);
    }
}

const host_env_t sim_env = {
    .now = sim_env_now, .wall_msec = sim_env_wall, .secret = sim_env_secret, .route = sim_route};

/* ---- running ---- */

/* Hands over what is due. False: nothing was. */
static bool
sim_deliver(sim_t *self)
{
    bool any = false;
    heap_node_t *node;
    while ((node = heap_first(&self->parcels)) != NULL && node->due <= self->now) {
        sim_parcel_t *parcel = (sim_parcel_t *)(void *)node;
        heap_remove(&self->parcels, node);
        any = true;
        bool lost = false;
        host_t *host = sim_net_host(self, &parcel->to, &lost);
        if (parcel->to.thread == sim_tester.thread || (host == NULL && !lost)) {
            sim_keep(self, parcel);
            continue;
        }
        if (host != NULL) {
            host_push(host, &parcel->msg);
        }
        sim_parcel_destroy(parcel);
    }
    return any;
}

static bool
sim_turn(sim_t *self)
{
    bool worked = sim_net_look(self);
    worked |= sim_deliver(self);
    uint32_t count = sim_net_hosts(self), first = (uint32_t)(sim_random(self) % (count > 0 ? count : 1));
    for (uint32_t i = 0; i < count; i++) {
        host_t *host = sim_net_host_at(self, (first + i) % count);
        worked |= host != NULL && host_turn(host);
    }
    return worked;
}

void
sim_run(sim_t *self)
{
    for (int round = 0; sim_turn(self); round++) {
        ACT_ASSERT(round < SIM_ROUNDS_MAX);
    }
}

static act_usec_t
sim_due(sim_t *self)
{
    heap_node_t *node = heap_first(&self->parcels);
    act_usec_t due = node != NULL ? node->due : INT64_MAX, next = sim_net_due(self);
    due = next < due ? next : due;
    for (uint32_t i = 0; i < sim_net_hosts(self); i++) {
        host_t *host = sim_net_host_at(self, i);
        next = host != NULL ? host_due(host) : INT64_MAX;
        due = next < due ? next : due;
    }
    return due;
}

bool
sim_step(sim_t *self, act_usec_t limit)
{
    act_usec_t due = sim_due(self);
    if (due == INT64_MAX || due > limit) {
        return false;
    }
    self->now = due > self->now ? due : self->now;
    sim_run(self);
    return true;
}

void
sim_advance(sim_t *self, act_usec_t by)
{
    act_usec_t until = self->now + by;
    sim_run(self);
    while (sim_step(self, until)) {
    }
    self->now = until;
    sim_run(self);
}

act_usec_t
sim_now(const sim_t *self)
{
    return self->now;
}

/* ---- made and filled ---- */

sim_t *
sim_new(uint64_t seed)
{
    sim_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->frame = malloc(SIM_FRAME_MAX);
    self->body = aligned_alloc(64, (MSG_BODY_MAX + 63) / 64 * 64);
    ACT_ASSERT(self->frame != NULL && self->body != NULL);
    self->random = seed;
    self->now = ACT_SEC; /* not 0: a time of 0 often means "never" */
    self->kept_end = &self->kept;
    sim_net_init(self);
    return self;
}

void
sim_destroy(sim_t **self_p)
{
    sim_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    sim_net_fini(self);
    heap_node_t *node;
    while ((node = heap_first(&self->parcels)) != NULL) {
        heap_remove(&self->parcels, node);
        sim_parcel_destroy((sim_parcel_t *)(void *)node);
    }
    heap_fini(&self->parcels);
    sim_parcel_destroy(self->taken);
    for (sim_parcel_t *next; self->kept != NULL; self->kept = next) {
        next = self->kept->next;
        sim_parcel_destroy(self->kept);
    }
    free(self->frame);
    free(self->body);
    free(self);
    *self_p = NULL;
}

void
sim_set_faults(sim_t *self, const sim_faults_t *faults)
{
    self->faults = *faults;
}

void
sim_set_full(sim_t *self, act_kind_id_t kind, bool full)
{
    self->full[kind] = full;
}

void
sim_set_home(sim_t *self, act_kind_id_t kind, uint32_t slot)
{
    ACT_ASSERT(slot < SIM_NODES_CAP && !self->added[kind]);
    self->homes[kind] = slot;
}

/* ---- the tester ---- */

/* Whose view the tester's messages go by: the first process that is there. */
static sim_node_t *
sim_guide(sim_t *self)
{
    uint32_t slot = 0;
    while (slot + 1 < self->nodes_top && (self->nodes[slot].dead || self->nodes[slot].presence != SIM_NODE_IN)) {
        slot++;
    }
    return &self->nodes[slot];
}

static bool
sim_tell_as(sim_t *self, msg_type_t type, const char *key, const void *body, uint64_t correlation, act_usec_t timeout)
{
    act_addr_t to;
    msg_t msg = {.type = type,
                 .from = sim_tester,
                 .correlation = correlation,
                 .deadline = timeout ? self->now + timeout : 0,
                 .body = body};
    uint64_t trace[2] = {sim_random(self), sim_random(self)};
    memcpy(msg.trace.bytes, trace, sizeof msg.trace.bytes);
    if (!sim_net_owner(sim_guide(self), msg_infos[type].kind, key, &to) || self->full[to.kind]) {
        return false;
    }
    sim_post(self, &to, &msg);
    sim_run(self);
    return true;
}

bool
sim_tell(sim_t *self, msg_type_t type, const char *key, const void *body)
{
    return sim_tell_as(self, type, key, body, 0, 0);
}

bool
sim_ask(sim_t *self, msg_type_t type, const char *key, const void *body, act_usec_t timeout, uint64_t context)
{
    return sim_tell_as(self, type, key, body, context + 1, timeout);
}

const msg_t *
sim_take(sim_t *self, msg_type_t type)
{
    sim_parcel_destroy(self->taken);
    self->taken = NULL;
    sim_parcel_t **link = &self->kept;
    while (*link != NULL && type != MSG_NONE && (*link)->msg.type != type) {
        link = &(*link)->next;
    }
    sim_parcel_t *parcel = *link;
    if (parcel == NULL) {
        return NULL;
    }
    *link = parcel->next;
    if (self->kept_end == &parcel->next) {
        self->kept_end = link;
    }
    self->kept_count--;
    self->taken = parcel;
    return &parcel->msg;
}

size_t
sim_kept(const sim_t *self)
{
    return self->kept_count;
}

void
sim_reply_as(sim_t *self, const act_addr_t *from, const msg_t *taken, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type, .from = *from, .correlation = taken->correlation, .trace = taken->trace, .body = body};
    sim_post(self, &taken->from, &msg);
    sim_run(self);
}

void
sim_reply(sim_t *self, const msg_t *taken, msg_type_t type, const void *body)
{
    uint8_t kind = (uint8_t)msg_infos[taken->type].kind;
    act_addr_t from = {.node = self->homes[kind], .kind = kind, .thread = sim_tester.thread};
    sim_reply_as(self, &from, taken, type, body);
}

void
sim_ask_as(sim_t *self, const act_addr_t *from, const act_addr_t *to, msg_type_t type, const void *body,
           act_usec_t timeout, uint64_t context)
{
    msg_t msg = {
        .type = type, .from = *from, .correlation = context + 1, .deadline = self->now + timeout, .body = body};
    sim_post(self, to, &msg);
    sim_run(self);
}

void
sim_send_as(sim_t *self, const act_addr_t *from, const act_addr_t *to, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type, .from = *from, .body = body};
    sim_post(self, to, &msg);
    sim_run(self);
}

void
sim_send_to(sim_t *self, const act_addr_t *to, msg_type_t type, const void *body)
{
    sim_send_as(self, &sim_tester, to, type, body);
}

act_addr_t
sim_taken_to(const sim_t *self)
{
    ACT_ASSERT(self->taken != NULL);
    return self->taken->to;
}

void *
sim_state(sim_t *self, act_kind_id_t kind, const char *key)
{
    return sim_state_on(self, 0, kind, key);
}

act_ctx_t *
sim_ctx(sim_t *self, act_kind_id_t kind, const char *key)
{
    return sim_ctx_on(self, 0, kind, key);
}

uint64_t
sim_metric(sim_t *self, metric_id_t metric, uint32_t label)
{
    uint64_t sum = 0;
    bool histogram = metric_infos[metric].type >= METRIC_HISTOGRAM;
    ACT_ASSERT(!histogram || label < METRIC_HISTOGRAM_SLOTS);
    size_t slot = histogram ? metric_slot(metric, 0) + label : metric_slot(metric, label);
    for (uint32_t i = 0; i < sim_net_hosts(self); i++) {
        const host_t *host = sim_net_host_at(self, i);
        sum += host != NULL ? host->metrics[slot] : 0;
    }
    return sum;
}
