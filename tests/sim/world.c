#include "world_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const world_count_names[WORLD_COUNTS] = {
#define X(id, name) [id] = name,
    WORLD_COUNTED(X)
#undef X
};

void
world_breach(void *me, const char *what)
{
    world_t *self = me;
    if (!self->result->broken) {
        self->result->broken = true;
        self->result->at_msec = sim_now(self->sim) / ACT_MSEC;
        snprintf(self->result->what, sizeof self->result->what, "%s", what);
    }
}

static void
world_configure_admission(world_t *self)
{
    static const char *const instances[] = {WORLD_INSTANCE, NULL};
    const registry_limits_t limits = {.capacity = WORLD_CAPACITY,
                                      .room_size = 100,
                                      .queue_max = WORLD_QUEUE_MAX,
                                      .ticket_msec = WORLD_GRACE_MSEC,
                                      .offer_msec = WORLD_GRACE_MSEC,
                                      .grace_msec = WORLD_GRACE_MSEC,
                                      .ask_msec = WORLD_GRACE_MSEC};
    self->admission = (admission_config_t){
        .registry = self->registry,
        .instances = instances,
        .build = "sim",
        .replacement = true,
        .limits = limits,
        .attempts = {.user_max = 1000, .address_max = 1000, .window_msec = 60000, .lock_msec = 60000}};
    self->queue = (queue_config_t){.registry = self->registry, .instances = instances, .limits = limits};
}

static void
world_open(world_t *self, uint64_t seed)
{
    char why[STORE_ERROR_MAX];
    self->store = store_sqlite_open(self->path, true, why);
    if (self->store == NULL) {
        fprintf(stderr, "could not open the store of the simulation: %s\n", why);
        exit(2);
    }
    self->sim = sim_new(seed);
    self->primary = registry_memory_new();
    self->registry = registry_failover_new(self->primary, registry_memory_new());
    self->players = calloc(1, sizeof *self->players);
    ACT_ASSERT(self->players != NULL);
    *self->players = (players_t){.on_ack = world_on_ack,
                                 .on_line = world_on_line,
                                 .on_breach = world_breach,
                                 .tick_usec = 4 * ACT_MSEC,
                                 .grace_usec = WORLD_GRACE_MSEC * (act_usec_t)ACT_MSEC,
                                 .world = self};
    for (int i = 0; i < CHARACTERS; i++) {
        client_t *client = &self->players->clients[i];
        obj_character_t made;
        client->next_action_id = 1;
        snprintf(client->id, sizeof client->id, "c%d", i);
        snprintf(client->user, sizeof client->user, "user-%d", i);
        store_result_t result =
            self->store->create_character(self->store, client->user, client->id, "Somebody", 1, &made);
        ACT_ASSERT(result == STORE_OK);
    }
    world_configure_admission(self);
    self->room = (room_config_t){
        .delta_msec = 50, .moves_per_second = 20, .chats_per_second = 5, .build = "sim", .rules = &plaza_rules};
    self->persistence = (persistence_config_t){.stores = &self->store, .stores_count = 1};
    world_place(self);
}

static void
world_close(world_t *self)
{
    world_rival_fini(self);
    sim_destroy(&self->sim);
    shaky_mend(&self->shaky);
    self->store->close(&self->store);
    registry_destroy(&self->registry);
    free(self->players);
}

/* Over several processes: mostly rooms move; a part of these evenings is gentle, and then that is all. */
static void
world_net_weather(world_t *self, sim_faults_t *faults)
{
    self->moves = true;
    faults->view_delay_max = sim_random(self->sim) % 2 == 0 ? 0 : 200 * ACT_MSEC;
    if (sim_random(self->sim) % 3 == 0) {
        self->crashes = self->fulls = self->losses = self->rivals = false;
        faults->drop_ppm = faults->duplicate_ppm = 0;
        self->players->gentle = true;
    }
}

/* How bad this evening is: from a quiet one to one where everything goes wrong at once. */
static void
world_weather(world_t *self)
{
    static const uint32_t ppm[] = {0, 2000, 20000, 80000};
    sim_faults_t faults = {.drop_ppm = ppm[sim_random(self->sim) % 3],
                           .duplicate_ppm = ppm[sim_random(self->sim) % 4],
                           .delay_ppm = ppm[sim_random(self->sim) % 4] * 5,
                           .delay_max = 1 + (act_usec_t)(sim_random(self->sim) % (300 * ACT_MSEC))};
    self->crashes = sim_random(self->sim) % 4 != 0;
    self->fulls = sim_random(self->sim) % 2 != 0;
    self->losses = sim_random(self->sim) % 4 != 0;
    self->rivals = sim_random(self->sim) % 4 == 0;
    if (self->spread) {
        world_net_weather(self, &faults);
    }
    bool lossless = faults.drop_ppm == 0 && !self->fulls;
    sim_set_faults(self->sim, &faults);
    self->players->sees_all = faults.drop_ppm == 0;
    self->players->books_sure = lossless || !self->crashes;
    self->players->faultless = lossless && !self->crashes && !self->losses;
}

void
world_mend(world_t *self)
{
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        sim_set_full(self->sim, (act_kind_id_t)kind, false);
    }
    shaky_mend(&self->shaky);
    if (self->crashes) {
        world_net_mend(self);
    }
}

void
world_mishap(world_t *self)
{
    static const act_kind_id_t kinds[] = {ACT_KIND_ROOM, ACT_KIND_PERSISTENCE, ACT_KIND_ADMISSION, ACT_KIND_QUEUE,
                                          ACT_KIND_GATEWAY};
    act_kind_id_t kind = kinds[sim_random(self->sim) % 5];
    uint64_t dice = sim_random(self->sim) % 1000;
    if (dice < 2 && self->crashes) {
        self->retired += kind == ACT_KIND_ROOM ? sim_metric(self->sim, METRIC_ROOM_RETIRED, 0) : 0;
        sim_crash_on(self->sim, world_slot_of(self, kind), kind);
        self->result->counts[WORLD_CRASHES]++;
    } else if (dice >= 2 && dice < 4 && self->fulls && kind != ACT_KIND_GATEWAY) {
        sim_set_full(self->sim, kind, true);
    } else if (dice == 4 && self->losses) { /* Redis was flushed */
        self->registry->forget(self->registry, sim_now(self->sim), WORLD_INSTANCE);
        self->result->counts[WORLD_LOSSES]++;
    } else if (dice == 5 && self->losses && !self->shaky.away) { /* Redis is away */
        shaky_cut(&self->shaky, self->primary);
        self->result->counts[WORLD_LOSSES]++;
    } else if (dice >= 6 && dice < 40) {
        world_mend(self);
    } else if (dice >= 40 && dice < 43 && self->rivals) {
        world_rival_act(self);
    } else if (dice >= 50 && dice < 53 && self->moves) {
        world_net_move(self);
    } else if (dice >= 53 && dice < 55 && self->spread && self->crashes) {
        world_net_mishap(self);
    }
}

static void
world_evening(world_t *self)
{
    act_usec_t end = sim_now(self->sim) + (act_usec_t)WORLD_MSEC * ACT_MSEC;
    while (!self->result->broken && sim_step(self->sim, end)) {
        world_check(self);
        world_mishap(self);
        self->result->counts[WORLD_STEPS]++;
    }
}

void
world_calm(world_t *self, int64_t msec)
{
    act_usec_t end = sim_now(self->sim) + msec * ACT_MSEC;
    while (!self->result->broken && sim_now(self->sim) < end && sim_step(self->sim, end)) {
        world_check(self);
        self->result->counts[WORLD_STEPS]++;
    }
}

/* The faults end; what is outstanding is settled, and the books must agree. Then everybody goes home. */
static void
world_morning(world_t *self)
{
    static const sim_faults_t none;
    sim_set_faults(self->sim, &none);
    world_mend(self);
    self->players->quiet = true;
    world_calm(self, WORLD_CALM_MSEC);
    for (int i = 0; i < CHARACTERS && !self->result->broken; i++) {
        world_check_log(self, &self->players->clients[i]);
    }
    if (!self->result->broken) {
        world_check_items(self);
        world_check_views(self);
    }
    self->players->leaving = true;
    world_calm(self, WORLD_EMPTY_MSEC);
    if (!self->result->broken) {
        world_check_empty(self);
    }
}

static void
world_count(world_t *self)
{
    const players_t *players = self->players;
    uint64_t *counts = self->result->counts;
    counts[WORLD_ADMITTED] = players->admitted;
    counts[WORLD_QUEUED] = players->queued;
    counts[WORLD_RESUMED] = players->resumed;
    counts[WORLD_REPLACED] = players->replaced;
    counts[WORLD_ACKS] = players->acks;
    counts[WORLD_REFUSALS] = players->refusals;
    counts[WORLD_LOST] = players->lost;
    counts[WORLD_HANDED] = players->handed;
    counts[WORLD_BY_CHANGES] = players->by_changes;
    counts[WORLD_BY_SNAPSHOT] = players->by_snapshot;
    counts[WORLD_HEARD] = self->said.heard;
    counts[WORLD_RETIRED] = self->retired + sim_metric(self->sim, METRIC_ROOM_RETIRED, 0);
    counts[WORLD_MOVED] = players->moved;
    counts[WORLD_RIVALS] = self->rival.ended;
}

void
world_begin(world_t *self, uint64_t seed, const char *folder, world_result_t *result)
{
    *result = (world_result_t){0};
    memset(self, 0, sizeof *self);
    self->result = result;
    self->spread = seed % 2 == 0;
    snprintf(self->path, sizeof self->path, "%s/sim-%llu.db", folder, (unsigned long long)seed);
    world_open(self, seed);
}

void
world_end(world_t *self)
{
    char lock[sizeof self->path + 8];
    snprintf(lock, sizeof lock, "%s-lock", self->path);
    world_count(self);
    world_close(self);
    unlink(self->path);
    unlink(lock);
}

void
world_run(uint64_t seed, const char *folder, world_result_t *result)
{
    static world_t self; /* large */
    world_begin(&self, seed, folder, result);
    world_weather(&self);
    world_evening(&self);
    world_morning(&self);
    world_end(&self);
}
