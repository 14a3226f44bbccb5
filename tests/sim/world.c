#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admission.h"
#include "persistence.h"
#include "queue.h"
#include "rules.h"
#include "player.h"
#include "room.h"
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

enum { WORLD_SESSIONS_MAX = 64 };

typedef struct world {
    sim_t *sim;
    store_t *store;
    registry_t *primary;  /* a memory form that stands for Redis; the registry's */
    registry_t *registry; /* failover of it and another */
    shaky_t shaky;
    int64_t seated;    /* the highest number among sessions that hold a seat ... */
    uint64_t rebuilds; /* ... as of this many rebuilds */
    players_t *players;
    players_t *players_config;   /* what the kind's config points at */
    bool crashes, fulls, losses; /* what may happen: of actors, mailboxes, the registry */
    world_result_t *result;
    admission_config_t admission;
    queue_config_t queue;
    room_config_t room;
    persistence_config_t persistence;
    registry_session_t sessions[WORLD_SESSIONS_MAX]; /* as the last look found them */
} world_t;

static void
world_breach(void *me, const char *what)
{
    world_t *self = me;
    if (!self->result->broken) {
        self->result->broken = true;
        self->result->at_msec = sim_now(self->sim) / ACT_MSEC;
        snprintf(self->result->what, sizeof self->result->what, "%s", what);
    }
}

/* ---- promises ---- */

/* B5, B6: what is acknowledged is in the store, under that sequence. */
static void
world_on_ack(void *me, const client_t *client, const intent_t *intent, const msg_gateway_ack_t *ack)
{
    world_t *self = me;
    obj_action_row_t row;
    if (self->store->find_action(self->store, client->id, intent->action_id, &row) != STORE_OK) {
        world_breach(self, "B5: an ack left before its commit");
    } else if (row.sequence != ack->sequence || row.room_version != ack->room_version) {
        world_breach(self, "B6: the ack differs from what is stored");
    }
}

/* The sessions of the registry; 0 while it has lost its memory. */
static uint32_t
world_sessions(world_t *self, registry_session_t *sessions, uint32_t max)
{
    uint32_t count = 0;
    registry_result_t result =
        self->registry->list(self->registry, sim_now(self->sim), WORLD_INSTANCE, 0, sessions, max, &count);
    return result == REGISTRY_OK ? count : 0;
}

static bool
world_has_seat(const registry_session_t *session)
{
    return session->state == SESSION_STATE_CONNECTING || session->state == SESSION_STATE_ACTIVE ||
           session->state == SESSION_STATE_GRACE;
}

/* A3, A4, A6 over the registry: seats, order, one session per character. Nobody may hold a seat that was given since
 * the step before while one with a lower number waits. A session whose end was lost on its way to the store, with the
 * actor that would have sent it again, comes back as a ghost when the registry is lost too, until the audit finds it:
 * on evenings where all of that may happen seats are not counted. */
static void
world_check_sessions(world_t *self)
{
    registry_session_t *sessions = self->sessions;
    uint32_t count = world_sessions(self, sessions, WORLD_SESSIONS_MAX), seats = 0;
    int64_t head = INT64_MAX, seated = 0;
    uint64_t rebuilds = sim_metric(self->sim, METRIC_REGISTRY_REBUILDS, 0);
    for (uint32_t i = 0; i < count; i++) {
        seats += world_has_seat(&sessions[i]);
        bool waits = sessions[i].state == SESSION_STATE_WAITING && sessions[i].left_ms != 0; /* 0: its time is over */
        if (waits && sessions[i].number < head) {
            head = sessions[i].number;
        }
        if (world_has_seat(&sessions[i]) && sessions[i].number > seated) {
            seated = sessions[i].number;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(sessions[i].character_id, sessions[k].character_id) == 0) {
                world_breach(self, "A6: one character in two sessions");
            }
        }
    }
    if (seats > WORLD_CAPACITY && self->players->books_sure) {
        world_breach(self, "A3: more seats taken than there are");
    }
    if (rebuilds == self->rebuilds && seated > self->seated && seated > head) {
        world_breach(self, "A4: somebody was overtaken");
    }
    self->seated = seated > self->seated || rebuilds != self->rebuilds ? seated : self->seated;
    self->rebuilds = rebuilds;
}

/* A3 and A6 over people: of those who hold a session that the registry knows as theirs. */
static void
world_check_people(world_t *self)
{
    uint32_t inside = 0;
    for (int i = 0; i < PLAYERS; i++) {
        const player_t *player = &self->players->players[i];
        registry_session_t session;
        uint32_t place;
        inside += player->state == PLAYER_IN &&
                  self->registry->find_session(self->registry, sim_now(self->sim), WORLD_INSTANCE, player->session_id,
                                               &session, &place) == REGISTRY_OK &&
                  session.turn == player->turn;
    }
    if (inside > WORLD_CAPACITY && self->players->books_sure) {
        world_breach(self, "A3: more people inside than there are seats");
    }
}

/* Nothing is seen in the room that is not in the store; and the items are the items. */
static void
world_check_room(world_t *self)
{
    void *state = sim_state(self->sim, ACT_KIND_ROOM, WORLD_ROOM);
    room_inspection_t seen;
    if (state == NULL) {
        return;
    }
    room_inspect(state, &seen);
    if (!seen.open) {
        return;
    }
    for (int i = 0; i < CHARACTERS; i++) {
        int64_t sequence = room_inspect_sequence(state, self->players->clients[i].id);
        msg_persistence_member_loaded_t stored;
        if (sequence > 0 && (self->store->load_member(self->store, self->players->clients[i].id, &stored) != STORE_OK ||
                             stored.sequence < sequence)) {
            world_breach(self, "B5: an effect was seen before its commit");
        }
    }
    if (seen.items_count != WORLD_ITEMS) {
        world_breach(self, "items were made or lost in the room");
    }
}

static void
world_check(world_t *self)
{
    world_check_sessions(self);
    world_check_people(self);
    world_check_room(self);
}

/* At the end: sequences without gaps, actionIds rising, every ack there once. */
static void
world_check_log(world_t *self, const client_t *client)
{
    obj_action_row_t rows[STORE_READ_ACTIONS];
    int64_t sequence = 0, action_id = 0;
    int acked = 0;
    for (uint32_t count = 1; count > 0 && !self->result->broken;) {
        if (self->store->read_actions(self->store, client->id, sequence + 1, rows, &count) != STORE_OK) {
            world_breach(self, "the log of a character cannot be read");
            return;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].sequence != sequence + 1 || rows[i].action_id <= action_id) {
                world_breach(self, "B6: a gap, or an action twice, in the log");
            }
            sequence = rows[i].sequence;
            action_id = rows[i].action_id;
            for (int k = 0; k < client->acks_count; k++) {
                acked += client->acks[k].action_id == action_id && client->acks[k].sequence == sequence;
            }
        }
    }
    if (acked != client->acks_count) {
        world_breach(self, "B5: an acknowledged action is not in the log");
    }
}

static void
world_check_items(world_t *self)
{
    msg_persistence_load_room_t ask = {.room = WORLD_ROOM};
    msg_persistence_room_loaded_t *stored = calloc(1, sizeof *stored);
    if (stored == NULL || self->store->load_room(self->store, &ask, stored) != STORE_OK) {
        world_breach(self, "the room cannot be read");
    } else if (stored->items_len != 0 && stored->items_len != WORLD_ITEMS) {
        world_breach(self, "items were made or lost in the store");
    }
    for (uint32_t i = 0; stored != NULL && i < stored->items_len; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(stored->items[i].item_id, stored->items[k].item_id) == 0) {
                world_breach(self, "an item is there twice");
            }
        }
    }
    free(stored);
}

/* ---- the evening ---- */

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
world_open(world_t *self, uint64_t seed, const char *path)
{
    char why[STORE_ERROR_MAX];
    self->store = store_sqlite_open(path, true, why);
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
                                 .on_breach = world_breach,
                                 .grace_usec = WORLD_GRACE_MSEC * (act_usec_t)ACT_MSEC,
                                 .world = self};
    self->players_config = self->players;
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
    self->persistence = (persistence_config_t){.store = self->store};
    sim_add(self->sim, &persistence_kind, &self->persistence);
    sim_add(self->sim, &admission_kind, &self->admission);
    sim_add(self->sim, &queue_kind, &self->queue);
    sim_add(self->sim, &room_kind, &self->room);
    sim_add(self->sim, &player_kind, &self->players_config);
}

static void
world_close(world_t *self)
{
    sim_destroy(&self->sim);
    shaky_mend(&self->shaky);
    self->store->close(&self->store);
    registry_destroy(&self->registry);
    free(self->players);
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
    sim_set_faults(self->sim, &faults);
    self->crashes = sim_random(self->sim) % 4 != 0;
    self->fulls = sim_random(self->sim) % 2 != 0;
    self->losses = sim_random(self->sim) % 4 != 0;
    bool lossless = faults.drop_ppm == 0 && !self->fulls;
    self->players->books_sure = lossless || !self->crashes;
    self->players->faultless = lossless && !self->crashes && !self->losses;
}

static void
world_mend(world_t *self)
{
    for (int kind = 0; kind < ACT_KIND_COUNT; kind++) {
        sim_set_full(self->sim, (act_kind_id_t)kind, false);
    }
    shaky_mend(&self->shaky);
}

static void
world_mishap(world_t *self)
{
    static const act_kind_id_t kinds[] = {ACT_KIND_ROOM, ACT_KIND_PERSISTENCE, ACT_KIND_ADMISSION, ACT_KIND_QUEUE,
                                          ACT_KIND_GATEWAY};
    act_kind_id_t kind = kinds[sim_random(self->sim) % 5];
    uint64_t dice = sim_random(self->sim) % 1000;
    if (dice < 2 && self->crashes) {
        sim_crash(self->sim, kind);
        self->result->crashes++;
    } else if (dice >= 2 && dice < 4 && self->fulls && kind != ACT_KIND_GATEWAY) {
        sim_set_full(self->sim, kind, true);
    } else if (dice == 4 && self->losses) { /* Redis was flushed */
        self->registry->forget(self->registry, sim_now(self->sim), WORLD_INSTANCE);
        self->result->losses++;
    } else if (dice == 5 && self->losses && !self->shaky.away) { /* Redis is away */
        shaky_cut(&self->shaky, self->primary);
        self->result->losses++;
    } else if (dice >= 6 && dice < 40) {
        world_mend(self);
    }
}

static void
world_evening(world_t *self)
{
    act_usec_t end = sim_now(self->sim) + (act_usec_t)WORLD_MSEC * ACT_MSEC;
    while (!self->result->broken && sim_step(self->sim, end)) {
        world_check(self);
        world_mishap(self);
        self->result->steps++;
    }
}

static void
world_calm(world_t *self, int64_t msec)
{
    act_usec_t end = sim_now(self->sim) + msec * ACT_MSEC;
    while (!self->result->broken && sim_now(self->sim) < end && sim_step(self->sim, end)) {
        world_check(self);
        self->result->steps++;
    }
}

/* Everybody has left and every deadline has passed: a seat or a place that is still taken is lost for good. */
static void
world_check_empty(world_t *self)
{
    registry_count_t count;
    msg_persistence_sessions_t *stored = calloc(1, sizeof *stored);
    ACT_ASSERT(stored != NULL);
    if (self->registry->count(self->registry, sim_now(self->sim), WORLD_INSTANCE, &count) != REGISTRY_OK) {
        world_breach(self, "the registry was not rebuilt");
    } else if (count.connecting + count.active + count.grace + count.waiting > 0) {
        world_breach(self, "a seat or a place leaked");
    } else if (self->store->load_sessions(self->store, WORLD_INSTANCE, 0, 1, stored) != STORE_OK ||
               stored->sessions_len > 0) {
        world_breach(self, "a session is left in the store");
    }
    free(stored);
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
    }
    self->players->leaving = true;
    world_calm(self, WORLD_EMPTY_MSEC);
    if (!self->result->broken) {
        world_check_empty(self);
    }
}

void
world_run(uint64_t seed, const char *folder, world_result_t *result)
{
    char path[256];
    snprintf(path, sizeof path, "%s/sim-%llu.db", folder, (unsigned long long)seed);
    *result = (world_result_t){0};
    static world_t self; /* large */
    self = (world_t){.result = result};
    world_open(&self, seed, path);
    world_weather(&self);
    world_evening(&self);
    world_morning(&self);
    result->acks = self.players->acks;
    result->refusals = self.players->refusals;
    result->admitted = self.players->admitted;
    result->queued = self.players->queued;
    result->resumed = self.players->resumed;
    result->replaced = self.players->replaced;
    world_close(&self);
    unlink(path);
    snprintf(path, sizeof path, "%s/sim-%llu.db-lock", folder, (unsigned long long)seed);
    unlink(path);
}
