/* The form for one process: all that every form must do, what is its own, and several threads at once. */
#include <pthread.h>
#include <stdlib.h>

#include "registry_conformance_helpers.h"

static registry_t *
make_memory(void *context)
{
    (void)context;
    return registry_memory_new();
}

static const registry_conformance_t memory_form = {
    .name = "registry_memory", .make = make_memory, .walk_steps = 200000, .attempt_steps = 100000};

static void
instances_beyond_their_number_are_not_taken(void **state)
{
    world_t *self = *state;
    const registry_switches_t off = {0};
    for (unsigned i = 2; i <= REGISTRY_INSTANCES_CAP; i++) { /* alpha and beta are there */
        char name[16];
        snprintf(name, sizeof name, "i%u", i);
        assert_result(i < REGISTRY_INSTANCES_CAP ? REGISTRY_OK : REGISTRY_FULL,
                      self->registry->restore_begin(self->registry, self->now, name, 0, &off));
    }
    self->instance = "i64";
    assert_result(REGISTRY_LOST, world_count(self));
    assert_result(REGISTRY_FULL, world_beat(self, "h1", 1));
    assert_result(REGISTRY_FULL, world_tell(self, "h1", 1, 1));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
}

static void
a_room_that_is_none_is_chosen_anew(void **state)
{
    world_t *self = *state;
    static const char *const rooms[] = {
        "",           "alpha/main", "beta/main-0",  "beta/main-1",          "beta/main-02",
        "beta/main-", "beta/main2", "beta/main-2x", "beta/main-99999999999"};
    self->instance = "beta";
    self->limits.room_size = 5;
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        registry_session_t row = world_row(self, (world_session_t){i, i, i, i}, SESSION_STATE_GRACE, i + 1, i + 1);
        snprintf(row.room, sizeof row.room, "%s", rooms[i]);
        world_restore(self, i + 1, &row, 1);
        assert_result(REGISTRY_OK, world_find(self, i));
        assert_string_equal(self->session.room, i < 5 ? "beta/main" : "beta/main-2");
    }
}

static void
a_session_without_a_secret_is_not_restored(void **state)
{
    world_t *self = *state;
    registry_session_t row = world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 1, 1);
    row.secret_len = 0;
    world_restore(self, 1, &row, 1);
    assert_count(self, 0, 0, 0, 0);
}

static void
a_restored_session_that_nobody_holds_is_dropped(void **state)
{
    world_t *self = *state;
    registry_session_t row = world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_ACTIVE, 1, 1);
    row.holder[0] = '\0';
    world_restore(self, 1, &row, 1);
    assert_count(self, 0, 1, 0, 0);
    world_pass(self, REGISTRY_SILENT_MSEC);
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_int_equal(self->swept, REGISTRY_SWEPT_HOLDER);
    assert_count(self, 0, 0, 1, 0);
}

/* Tells each of `count` holders "x<i>" something. */
static void
tell_many(world_t *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        assert_result(REGISTRY_OK, world_tell(self, name, 1, i));
        world_pass(self, 1);
    }
}

static void
holders_beyond_their_number_push_the_one_heard_of_longest_ago_out(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1"); /* it holds something: it is not one of them */
    tell_many(self, REGISTRY_HOLDERS_MAX);
    assert_result(REGISTRY_OK, world_tell(self, "one more", 1, 5));
    assert_result(REGISTRY_OK, world_beat(self, "x1", 16));
    assert_int_equal(self->place, 1);
    assert_result(REGISTRY_OK, world_beat(self, "one more", 16));
    assert_int_equal(self->place, 1);
    assert_result(REGISTRY_OK, world_beat(self, "x0", 16)); /* it, and then x2, went */
    assert_int_equal(self->place, 0);
    assert_result(REGISTRY_OK, world_beat(self, "x3", 16));
    assert_int_equal(self->place, 1);
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_string_equal(self->session.holder, "h1");
}

static void
holders_that_are_silent_for_long_are_forgotten(void **state)
{
    world_t *self = *state;
    tell_many(self, 3);
    world_pass(self, REGISTRY_TOMBSTONE_MSEC - 2);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_result(REGISTRY_OK, world_beat(self, "x0", 16));
    assert_int_equal(self->place, 0);
    assert_result(REGISTRY_OK, world_beat(self, "x2", 16));
    assert_int_equal(self->place, 1);
}

static void
it_is_never_degraded_and_has_nowhere_to_return_to(void **state)
{
    const world_t *self = *state;
    char why[REGISTRY_WHY_SIZE] = "nonsense";
    assert_false(self->registry->is_degraded(self->registry));
    self->registry->why(self->registry, why, sizeof why);
    assert_string_equal(why, "");
    assert_false(self->registry->try_return(self->registry, self->now));
}

/* ---- threads ---- */

enum {
    THREADS = 4,
    RACES = 400,
    RACE_CHARACTERS = 24,
    RACE_CAPACITY = 5,
    RACE_QUEUE = 4,
    RACE_SESSIONS = RACE_CAPACITY + RACE_QUEUE
};

typedef struct racer {
    pthread_t thread;
    world_t world;
    unsigned number;
    unsigned admitted, queued, refused;
    registry_session_t rows[RACE_SESSIONS + 1];
} racer_t;

/* Asked at any moment: seats, places, and one session per character. */
static bool
race_is_fair(racer_t *self)
{
    const world_t *world = &self->world;
    uint32_t count = 0, waiting = 0;
    registry_result_t result =
        world->registry->list(world->registry, world->now, "alpha", 0, self->rows, RACE_SESSIONS + 1, &count);
    for (uint32_t i = 0; i < count; i++) {
        waiting += self->rows[i].state == SESSION_STATE_WAITING;
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(self->rows[i].character_id, self->rows[j].character_id) == 0) {
                return false;
            }
        }
    }
    return result == REGISTRY_OK && waiting <= RACE_QUEUE && count - waiting <= RACE_CAPACITY;
}

/* Claims, enters, drops, leaves, promotes and sweeps beside the others, each with its own ids and secrets. No
 * assertions: cmocka's are the main thread's. */
static void *
race(void *context)
{
    racer_t *self = context;
    world_t *world = &self->world;
    registry_notice_t notices[4];
    uint32_t count;
    for (unsigned i = 0; i < RACES; i++) {
        unsigned id = (self->number * RACES + i + 10) * 10, character = (i * 7 + self->number) % RACE_CHARACTERS + 1;
        world_session_t names = {id, character, character, id};
        registry_result_t result = world_claim(world, names);
        self->admitted += result == REGISTRY_OK;
        self->queued += result == REGISTRY_QUEUED;
        self->refused += result == REGISTRY_EXISTS || result == REGISTRY_FULL;
        if (world_enter(world, id, id + 1, "h1", id) == REGISTRY_OK && i % 3 != 0) {
            world_drop(world, id, world->session.turn);
        }
        world_ask(world, character, id + 2);
        world_pass(world, 5);
        if (!race_is_fair(self)) {
            self->refused = UINT32_MAX;
            return NULL;
        }
        world_promote(world);
        world_sweep(world);
        world->registry->beat(world->registry, world->now, "alpha", "h1", notices, 4, &count);
        world_tell(world, "h1", id, id);
        world_attempt_failed(world, character, 1, (registry_attempt_limits_t){5, 1000, 1000, 1000});
        world_leave(world, id - 20, REGISTRY_ANY_TURN); /* the one before the last */
    }
    return NULL;
}

static void
racing_threads_never_exceed_capacity_or_share_a_character(void **state)
{
    world_t *self = *state;
    racer_t *racers = calloc(THREADS, sizeof *racers);
    assert_non_null(racers);
    self->limits.capacity = RACE_CAPACITY;
    self->limits.queue_max = RACE_QUEUE;
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i].world = *self;
        racers[i].number = i;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    unsigned admitted = 0, queued = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_true(racers[i].refused < RACES);
        assert_true(racers[i].admitted + racers[i].queued + racers[i].refused == RACES);
        admitted += racers[i].admitted;
        queued += racers[i].queued;
    }
    print_message("%u admitted, %u queued of %u\n", admitted, queued, THREADS * RACES);
    assert_true(admitted > 0 && queued > 0);
    assert_true(race_is_fair(&racers[0]));
    free(racers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(instances_beyond_their_number_are_not_taken),
        CASE(a_room_that_is_none_is_chosen_anew),
        CASE(a_session_without_a_secret_is_not_restored),
        CASE(a_restored_session_that_nobody_holds_is_dropped),
        CASE(holders_beyond_their_number_push_the_one_heard_of_longest_ago_out),
        CASE(holders_that_are_silent_for_long_are_forgotten),
        CASE(it_is_never_degraded_and_has_nowhere_to_return_to),
        CASE(racing_threads_never_exceed_capacity_or_share_a_character),
    };
    int failed = registry_conformance_run(&memory_form);
    return failed + cmocka_run_group_tests_name("registry_memory alone", tests, NULL, NULL);
}
