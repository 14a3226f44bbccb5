#include "world_state.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>

enum {
    HOUR_MSEC = 3600000,
    HOUR_WARM_MSEC = 1200000,    /* then every table and cache has the size that it needs */
    HOUR_GROWTH_MAX = 256 << 10, /* bytes; what is under way differs from moment to moment */
    HOUR_SQLITE_MAX = 4 << 20,   /* bytes; its cache of pages has 2 MB by default, and fills as the file grows */
    HOUR_TICK_USEC = 50 * ACT_MSEC,
    HOUR_MISHAP_USEC = 1 * ACT_SEC,
    HOUR_CHECK_STEPS = 16, /* the registry and the store are looked at once in so many steps */
    HOUR_CALM_MSEC = 30000,
    HOUR_EMPTY_MSEC = 150000, /* longer than a room waits for somebody to come */
};

/* Bytes that are in use, without those of SQLite, which bounds its own. */
static size_t
hour_memory(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd - (size_t)sqlite3_memory_used();
}

static void
hour_until(world_t *self, int64_t msec)
{
    act_usec_t end = msec * ACT_MSEC, mishap_at = sim_now(self->sim);
    uint64_t *steps = &self->result->counts[WORLD_STEPS];
    while (!self->result->broken && sim_step(self->sim, end)) {
        if (++*steps % HOUR_CHECK_STEPS == 0) {
            world_check(self);
        } else {
            world_check_seen(self);
        }
        if (sim_now(self->sim) >= mishap_at) {
            mishap_at += HOUR_MISHAP_USEC;
            world_mishap(self);
        }
    }
}

static void
hour_check_memory(world_t *self, size_t warm, size_t late)
{
    size_t sqlite = (size_t)sqlite3_memory_used();
    printf("%zu kB after %d minutes, %zu kB after %d, and %zu kB of SQLite\n", warm >> 10, HOUR_WARM_MSEC / 60000,
           late >> 10, HOUR_MSEC / 60000, sqlite >> 10);
    if (late > warm + HOUR_GROWTH_MAX || sqlite > HOUR_SQLITE_MAX) {
        world_breach(self, "B10: memory grows with time");
    }
}

static void
hour_check_characters(world_t *self)
{
    for (int i = 0; i < CHARACTERS; i++) {
        const client_t *client = &self->players->clients[i];
        msg_persistence_member_loaded_t stored;
        if (self->store->load_member(self->store, client->id, &stored) != STORE_OK ||
            stored.sequence < client->last_sequence) {
            world_breach(self, "B12: an acknowledged action is lost");
        }
    }
}

void
world_hour(uint64_t seed, const char *folder, world_result_t *result)
{
    static world_t self; /* large */
    static const sim_faults_t faults = {
        .duplicate_ppm = 2000, .delay_ppm = 10000, .delay_max = 100 * (act_usec_t)ACT_MSEC};
    static const sim_faults_t none;
    world_begin(&self, seed, folder, result);
    sim_set_faults(self.sim, &faults);
    self.crashes = self.fulls = self.losses = self.rivals = true;
    self.moves = self.spread;
    self.players->sees_all = true;
    self.players->tick_usec = HOUR_TICK_USEC;
    hour_until(&self, HOUR_WARM_MSEC);
    size_t warm = hour_memory();
    hour_until(&self, HOUR_MSEC);
    hour_check_memory(&self, warm, hour_memory());
    sim_set_faults(self.sim, &none);
    world_mend(&self);
    self.players->quiet = true;
    world_calm(&self, HOUR_CALM_MSEC);
    world_check_views(&self);
    hour_check_characters(&self);
    self.players->leaving = true;
    world_calm(&self, HOUR_EMPTY_MSEC);
    world_check_empty(&self);
    if (world_room(&self) != NULL) {
        world_breach(&self, "an empty room has not retired");
    }
    world_end(&self);
}
