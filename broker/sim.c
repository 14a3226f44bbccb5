#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directory.h"
#include "envelope.h"
#include "heap.h"
#include "host.h"
#include "metric_table.h"

enum {
    SIM_MAILBOX_MAX = 65536,
    SIM_PAIRS = 4096,        /* sender and receiver pairs whose order is kept, at once */
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

struct sim {
    act_usec_t now;
    uint64_t random;
    host_env_t env;
    host_t hosts[ACT_KIND_COUNT];
    bool added[ACT_KIND_COUNT], full[ACT_KIND_COUNT];
    const act_kind_t *kinds[ACT_KIND_COUNT];
    const void *configs[ACT_KIND_COUNT];
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

static bool
sim_is_tester(const sim_t *self, const act_addr_t *to)
{
    return to->thread == sim_tester.thread || !self->added[to->kind];
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
                   ((uint64_t)from->kind << 24 | (uint64_t)from->thread << 16 | (uint64_t)to->kind << 8 | to->thread) *
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
    sim_t *self = me;
    sim_check_frame(self, to, msg);
    if (self->full[to->kind]) {
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
sim_env_now(void *self)
{
    return ((sim_t *)self)->now;
}

static int64_t
sim_env_wall(void *self)
{
    return 1700000000000 + ((sim_t *)self)->now / ACT_MSEC; /* some day in 2023 */
}

static void
sim_env_secret(void *self, void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)(sim_random(self) >> 56);
    }
}

static bool
sim_env_owner(void *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    (void)self;
    *to = (act_addr_t){.kind = (uint8_t)kind};
    snprintf(to->key, sizeof to->key, "%s", key);
    return true;
}

static bool
sim_env_owner_before(void *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    (void)self;
    (void)kind;
    (void)key;
    (void)to;
    return false;
}

static bool
sim_env_reaches(void *self, uint32_t node)
{
    (void)self;
    return node == 0;
}

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
        if (sim_is_tester(self, &parcel->to)) {
            sim_keep(self, parcel);
        } else {
            host_push(&self->hosts[parcel->to.kind], &parcel->msg);
            sim_parcel_destroy(parcel);
        }
    }
    return any;
}

static bool
sim_turn(sim_t *self)
{
    bool worked = sim_deliver(self);
    unsigned first = (unsigned)(sim_random(self) % ACT_KIND_COUNT);
    for (unsigned i = 0; i < ACT_KIND_COUNT; i++) {
        unsigned kind = (first + i) % ACT_KIND_COUNT;
        worked |= self->added[kind] && host_turn(&self->hosts[kind]);
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
sim_due(const sim_t *self)
{
    heap_node_t *node = heap_first(&self->parcels);
    act_usec_t due = node != NULL ? node->due : INT64_MAX;
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        act_usec_t next = self->added[kind] ? host_due(&self->hosts[kind]) : INT64_MAX;
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
    self->env = (host_env_t){.self = self,
                             .now = sim_env_now,
                             .wall_msec = sim_env_wall,
                             .secret = sim_env_secret,
                             .owner = sim_env_owner,
                             .owner_before = sim_env_owner_before,
                             .reaches = sim_env_reaches,
                             .route = sim_route};
    return self;
}

void
sim_destroy(sim_t **self_p)
{
    sim_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    self->muted = true;
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        if (self->added[kind]) {
            host_fini(&self->hosts[kind]);
        }
    }
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

static void
sim_make(sim_t *self, int kind)
{
    host_init(&self->hosts[kind], self->kinds[kind], self->configs[kind], &self->env, 0, 0, SIM_MAILBOX_MAX,
              sim_random(self) | 1);
    self->added[kind] = true;
    host_start(&self->hosts[kind]);
}

void
sim_add(sim_t *self, const act_kind_t *kind, const void *config)
{
    self->kinds[kind->id] = kind;
    self->configs[kind->id] = config;
    sim_make(self, kind->id);
}

void
sim_crash(sim_t *self, act_kind_id_t kind)
{
    self->muted = true;
    host_fini(&self->hosts[kind]);
    self->muted = false;
    sim_make(self, kind);
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

/* ---- the tester ---- */

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
    sim_env_owner(self, msg_infos[type].kind, key, &to);
    if (self->full[to.kind]) {
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
sim_reply(sim_t *self, const msg_t *taken, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type,
                 .from = {.kind = (uint8_t)msg_infos[taken->type].kind, .thread = sim_tester.thread},
                 .correlation = taken->correlation,
                 .trace = taken->trace,
                 .body = body};
    sim_post(self, &taken->from, &msg);
    sim_run(self);
}

void
sim_send_to(sim_t *self, const act_addr_t *to, msg_type_t type, const void *body)
{
    msg_t msg = {.type = type, .from = sim_tester, .body = body};
    sim_post(self, to, &msg);
    sim_run(self);
}

void *
sim_state(sim_t *self, act_kind_id_t kind, const char *key)
{
    act_ctx_t *ctx = sim_ctx(self, kind, key);
    return ctx != NULL ? host_state(ctx) : NULL;
}

act_ctx_t *
sim_ctx(sim_t *self, act_kind_id_t kind, const char *key)
{
    return self->added[kind] ? host_find(&self->hosts[kind], key) : NULL;
}

uint64_t
sim_metric(const sim_t *self, metric_id_t metric, uint32_t label)
{
    uint64_t sum = 0;
    bool histogram = metric_infos[metric].type >= METRIC_HISTOGRAM;
    ACT_ASSERT(!histogram || label < METRIC_HISTOGRAM_SLOTS);
    size_t slot = histogram ? metric_slot(metric, 0) + label : metric_slot(metric, label);
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        sum += self->added[kind] ? self->hosts[kind].metrics[slot] : 0;
    }
    return sum;
}
