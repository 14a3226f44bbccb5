/* A Redis that has lost all, or some, or the last of what it was told: it is noticed, and nobody gets a second seat. */
#include "registry_conformance_helpers.h"
#include "registry_redis.h"
#include "redis_test_helpers.h"

enum { WINDOW_MSEC = 3000, KEYS_MAX = 64, ROWS_MAX = 64, SEATS = 6 };

static redis_fixture_t redis;

static registry_t *
make(int64_t window_msec)
{
    char why[160] = "";
    registry_t *registry = registry_redis_new(redis.url, 5000, window_msec, why, sizeof why);
    assert_string_equal(why, "");
    registry_redis_use_caller_clock(registry);
    return registry;
}

static world_t
world_make(int64_t window_msec)
{
    return (world_t){.registry = make(window_msec),
                     .now = INT64_C(1000) * ACT_SEC,
                     .instance = "alpha",
                     .limits = {.capacity = SEATS,
                                .room_size = ROOM_SIZE,
                                .queue_max = 100,
                                .ticket_msec = TICKET_MSEC,
                                .offer_msec = OFFER_MSEC,
                                .grace_msec = GRACE_MSEC,
                                .ask_msec = ASK_MSEC}};
}

static int
set_up(void **state)
{
    static world_t world;
    redis_fixture_do(&redis, "FLUSHALL");
    world = world_make(0);
    world_restore(&world, 0, NULL, 0);
    *state = &world;
    return 0;
}

static int
tear_down(void **state)
{
    world_t *self = *state;
    registry_destroy(&self->registry);
    return 0;
}

#define LOSS(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void
assert_why(world_t *self, const char *part)
{
    char why[REGISTRY_WHY_SIZE];
    self->registry->why(self->registry, why, sizeof why);
    if (strstr(why, part) == NULL) {
        fail_msg("expected '%s' in '%s'", part, why);
    }
}

/* Some of everything, so that every key that there can be is there. */
static void
fill(world_t *self)
{
    for (unsigned i = 1; i <= 4; i++) {
        world_play(self, i, i % 2 == 0 ? "h1" : "h2");
    }
    assert_result(REGISTRY_OK, world_drop(self, 4, self->session.turn));
    assert_result(REGISTRY_OK, world_claim_one(self, 5));
    assert_result(REGISTRY_OK, world_claim_one(self, 6));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 7));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 8));
    assert_result(REGISTRY_OK, world_watch(self, 8, 1008, "h1", 8));
    assert_result(REGISTRY_OK, world_leave(self, 2, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 9));
    assert_result(REGISTRY_OK, world_leave(self, 5, REGISTRY_ANY_TURN)); /* a room with a place */
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    assert_result(REGISTRY_OK, world_tell(self, "h3", 1, 1));
}

/* ---- all keys, as they are at one time ---- */

typedef struct snapshot {
    size_t count;
    redisReply *keys;
    redisReply *values[KEYS_MAX];
} snapshot_t;

static snapshot_t
snapshot_take(void)
{
    snapshot_t self = {.keys = redis_fixture_ask(&redis, "KEYS *")};
    self.count = self.keys->elements;
    assert_in_range(self.count, 1, KEYS_MAX);
    for (size_t i = 0; i < self.count; i++) {
        self.values[i] = redis_fixture_ask(&redis, "DUMP %s", self.keys->element[i]->str);
        assert_int_equal(self.values[i]->type, REDIS_REPLY_STRING);
    }
    return self;
}

static void
snapshot_put_back(const snapshot_t *self)
{
    redis_fixture_do(&redis, "FLUSHALL");
    for (size_t i = 0; i < self->count; i++) {
        redis_fixture_do(&redis, "RESTORE %s 0 %b", self->keys->element[i]->str, self->values[i]->str,
                         self->values[i]->len);
    }
}

static void
snapshot_free(snapshot_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        freeReplyObject(self->values[i]);
    }
    freeReplyObject(self->keys);
}

static bool
is_of_notices(const char *key)
{
    return strstr(key, ":notices:") != NULL;
}

/* ---- what the store knows ---- */

typedef struct store {
    registry_session_t rows[ROWS_MAX];
    uint32_t count;
} store_t;

static void
store_take(store_t *self, world_t *world)
{
    assert_result(REGISTRY_OK,
                  world->registry->list(world->registry, world->now, "alpha", 0, self->rows, ROWS_MAX, &self->count));
}

static void
assert_same_as_store(const store_t *self, world_t *world)
{
    static store_t now;
    store_take(&now, world);
    assert_int_equal(now.count, self->count);
    for (uint32_t i = 0; i < now.count; i++) {
        assert_string_equal(now.rows[i].session_id, self->rows[i].session_id);
        assert_int_equal(now.rows[i].state, self->rows[i].state);
        assert_memory_equal(now.rows[i].secret, self->rows[i].secret, SECRET_HASH_SIZE);
        assert_string_equal(now.rows[i].room, self->rows[i].room);
        assert_true(now.rows[i].version == self->rows[i].version);
    }
}

/* ---- tests ---- */

static void
the_loss_of_any_one_key_is_noticed(void **state)
{
    world_t *self = *state;
    static store_t store;
    fill(self);
    store_take(&store, self);
    snapshot_t all = snapshot_take();
    unsigned kinds = 0;
    for (size_t i = 0; i < all.count; i++) {
        const char *key = all.keys->element[i]->str;
        redis_fixture_do(&redis, "DEL %s", key);
        if (!is_of_notices(key)) {
            kinds++;
            assert_result(REGISTRY_LOST, world_count(self));
            assert_result(REGISTRY_LOST, world_claim(self, (world_session_t){90, 1, 1, 90}));
            assert_result(REGISTRY_LOST, world_promote(self));
            assert_result(REGISTRY_LOST, world_sweep(self));
        }
        snapshot_put_back(&all);
        assert_same_as_store(&store, self);
    }
    assert_int_equal(kinds, 15); /* every key that the prelude names */
    snapshot_free(&all);
}

static void
the_loss_of_any_keys_is_made_good_by_the_store(void **state)
{
    world_t *self = *state;
    static store_t store;
    fill(self);
    store_take(&store, self);
    snapshot_t all = snapshot_take();
    uint64_t seed = 42;
    for (unsigned round = 0; round < 200; round++) {
        snapshot_put_back(&all);
        world_restore(self, 100, store.rows, store.count); /* joins again what was put back */
        unsigned gone = 0; /* of those that there are: a restore brings back no asks, and no tombstones */
        for (size_t i = 0; i < all.count; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            if (seed >> 62 == 0 && !is_of_notices(all.keys->element[i]->str)) {
                redisReply *reply = redis_fixture_ask(&redis, "DEL %s", all.keys->element[i]->str);
                gone += (unsigned)reply->integer;
                freeReplyObject(reply);
            }
        }
        if (gone == 0) {
            continue;
        }
        assert_result(REGISTRY_LOST, world_claim(self, (world_session_t){90, 1, 1, 90}));
        world_restore(self, 100, store.rows, store.count);
        assert_same_as_store(&store, self);
        for (unsigned i = 0; i < store.count; i++) {
            unsigned character = (unsigned)strtoul(store.rows[i].character_id + 1, NULL, 10);
            assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){90, character, 90, 90}));
        }
        assert_result(REGISTRY_QUEUED, world_claim_one(self, 91));
        assert_true(self->session.number > 100);
    }
    snapshot_free(&all);
}

static void
a_key_of_another_type_is_a_loss(void **state)
{
    world_t *self = *state;
    static const char *const keys[] = {"meta", "sessions", "queue", "tombstones"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        world_restore(self, 0, NULL, 0);
        assert_result(REGISTRY_OK, world_claim_one(self, 1));
        redis_fixture_do(&redis, "SET playhouse:{alpha}:%s nonsense", keys[i]);
        assert_result(REGISTRY_LOST, world_count(self));
        world_restore(self, 0, NULL, 0);
        assert_count(self, 0, 0, 0, 0);
    }
}

static void
a_flush_is_lost_and_nobody_new_is_let_in_for_the_window(void **state)
{
    world_t *self = *state;
    static store_t store;
    registry_destroy(&self->registry);
    *self = world_make(WINDOW_MSEC);
    world_restore(self, 0, NULL, 0); /* joins what set_up began */
    fill(self);
    store_take(&store, self);
    redis_fixture_do(&redis, "FLUSHALL");
    assert_result(REGISTRY_LOST, world_count(self));
    assert_why(self, "nothing is remembered");
    world_restore(self, 100, store.rows, store.count);
    assert_result(REGISTRY_CLOSED, world_claim_one(self, 50));
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){50, 1, 1, 50}));
    assert_result(REGISTRY_CLOSED, world_promote(self));
    assert_result(REGISTRY_OK, world_enter(self, 1004, 2004, "h1", 9)); /* who has a seat may come back */
    world_pass(self, WINDOW_MSEC - 1);
    assert_result(REGISTRY_CLOSED, world_promote(self));
    world_pass(self, 1);
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 50));
}

static void
redis_forgets_scripts_and_nothing_is_lost(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    redis_fixture_do(&redis, "SCRIPT FLUSH");
    assert_result(REGISTRY_OK, world_enter(self, 1, 2, "h1", 1));
    assert_result(REGISTRY_OK, world_claim_one(self, 3));
    assert_count(self, 1, 1, 0, 0);
}

static void
a_replica_without_the_last_writes_is_lost(void **state)
{
    world_t *self = *state;
    fill(self);
    snapshot_t before = snapshot_take();
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 20));
    snapshot_put_back(&before);
    assert_result(REGISTRY_LOST, world_claim_one(self, 21));
    assert_why(self, "gone back");
    assert_result(REGISTRY_LOST, world_find(self, 20));
    world_restore(self, 100, NULL, 0);
    assert_count(self, 0, 0, 0, 0); /* it was begun anew */
    snapshot_free(&before);
}

static void
a_redis_that_has_restarted_is_lost_even_if_it_looks_whole(void **state)
{
    world_t *self = *state;
    world_t other = world_make(0);
    fill(self);
    world_restore(&other, 0, NULL, 0);
    redis_fixture_do(&redis, "SAVE");
    redis_fixture_kill(&redis);
    redis_fixture_start(&redis); /* it has all, but nobody knows that */
    for (world_t *world = self;; world = &other) {
        assert_result(REGISTRY_UNAVAILABLE, world_count(world)); /* its connection has ended */
        world_pass(world, 60000);
        assert_result(REGISTRY_LOST, world_count(world));
        assert_why(world, "restarted");
        if (world == &other) {
            break;
        }
    }
    world_restore(self, 0, NULL, 0);
    assert_count(self, 0, 0, 0, 0);
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    world_restore(&other, 0, NULL, 0);
    assert_count(&other, 1, 0, 0, 0); /* the other one joins */
    assert_count(self, 1, 0, 0, 0);
    registry_destroy(&other.registry);
}

static void
another_layout_is_left_alone(void **state)
{
    world_t *self = *state;
    const registry_switches_t off = {0};
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    redis_fixture_do(&redis, "HSET playhouse:{alpha}:meta layout 2");
    assert_result(REGISTRY_UNAVAILABLE, world_count(self));
    assert_why(self, "layout 2");
    assert_result(REGISTRY_UNAVAILABLE, world_claim_one(self, 2));
    assert_result(REGISTRY_UNAVAILABLE, world_beat(self, "h1", 1));
    assert_result(REGISTRY_UNAVAILABLE, self->registry->restore_begin(self->registry, self->now, "alpha", 0, &off));
    assert_result(REGISTRY_UNAVAILABLE, self->registry->forget(self->registry, self->now, "alpha"));
    redis_fixture_do(&redis, "HSET playhouse:{alpha}:meta layout 1");
    assert_count(self, 1, 0, 0, 0);
    redis_fixture_do(&redis, "HDEL playhouse:{alpha}:meta layout");
    assert_result(REGISTRY_LOST, world_count(self));
}

static void
a_second_process_joins_and_adds_what_it_knows(void **state)
{
    world_t *self = *state;
    world_t other = world_make(WINDOW_MSEC);
    const registry_switches_t off = {0};
    world_play(self, 1, "h1");
    assert_result(REGISTRY_LOST, world_count(&other));
    assert_why(&other, "has not restored");
    registry_session_t row = world_row(&other, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 40, 40);
    registry_t *registry = other.registry;
    assert_result(REGISTRY_OK, registry->restore_begin(registry, other.now, "alpha", 50, &off));
    assert_result(REGISTRY_LOST, world_count(&other));
    assert_count(self, 0, 1, 0, 0); /* goes on meanwhile */
    assert_result(REGISTRY_OK, registry->restore_add(registry, other.now, "alpha", &row, 1, &other.limits));
    assert_result(REGISTRY_OK, registry->restore_end(registry, other.now, "alpha"));
    assert_count(&other, 0, 1, 1, 0);
    assert_count(self, 0, 1, 1, 0);
    assert_result(REGISTRY_OK, world_claim_one(&other, 3)); /* no window: it was open already */
    assert_true(other.session.number > 50);
    assert_result(REGISTRY_OK, world_enter(self, 3, 33, "h1", 3));

    assert_result(REGISTRY_OK, world_tell(&other, "h1", 1, 7)); /* and one leaves the other a notice */
    assert_result(REGISTRY_OK, world_beat(self, "h1", 4));
    assert_int_equal(self->left, 7);

    assert_result(REGISTRY_OK, registry->forget(registry, other.now, "alpha"));
    assert_result(REGISTRY_LOST, world_count(self));
    assert_result(REGISTRY_LOST, world_count(&other));
    registry_destroy(&other.registry);
}

static void
one_with_nothing_to_tell_joins_what_another_has_restored_and_begins_nothing(void **state)
{
    world_t *self = *state;
    world_t other = world_make(0);
    registry_t *registry = other.registry;
    const registry_switches_t off = {0};
    registry_session_t row = world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 4, 4);
    redis_fixture_do(&redis, "FLUSHALL");
    assert_result(REGISTRY_LOST, registry->join(registry, other.now, "alpha"));
    assert_result(REGISTRY_OK, self->registry->restore_begin(self->registry, self->now, "alpha", 0, &off));
    assert_result(REGISTRY_LOST, registry->join(registry, other.now, "alpha")); /* not all is told yet */
    assert_result(REGISTRY_OK, self->registry->restore_add(self->registry, self->now, "alpha", &row, 1, &self->limits));
    assert_result(REGISTRY_OK, self->registry->restore_end(self->registry, self->now, "alpha"));
    assert_result(REGISTRY_LOST, world_count(&other));
    assert_result(REGISTRY_OK, registry->join(registry, other.now, "alpha"));
    assert_count(&other, 0, 0, 1, 0);
    assert_count(self, 0, 0, 1, 0);
    redis_fixture_do(&redis, "FLUSHALL");
    assert_result(REGISTRY_LOST, world_count(&other));
    assert_result(REGISTRY_LOST, registry->join(registry, other.now, "alpha"));
    registry_destroy(&other.registry);
}

static void
a_restore_that_another_overtakes_is_lost(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    const registry_switches_t off = {0};
    registry_session_t row = world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 4, 4);
    redis_fixture_do(&redis, "FLUSHALL");
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, "alpha", 0, &off));
    assert_result(REGISTRY_OK, registry->restore_add(registry, self->now, "alpha", &row, 1, &self->limits));
    redis_fixture_do(&redis, "FLUSHALL");
    assert_result(REGISTRY_LOST, registry->restore_add(registry, self->now, "alpha", &row, 1, &self->limits));
    world_t other = world_make(0);
    world_restore(&other, 0, NULL, 0);
    assert_result(REGISTRY_LOST, registry->restore_end(registry, self->now, "alpha"));
    assert_count(&other, 0, 0, 0, 0);
    world_restore(self, 0, &row, 1);
    assert_count(&other, 0, 0, 1, 0);
    registry_destroy(&other.registry);
}

static void
many_rows_are_restored_in_pieces(void **state)
{
    world_t *self = *state;
    static registry_session_t rows[100];
    for (unsigned i = 0; i < 100; i++) {
        rows[i] = world_row(self, (world_session_t){i, i, i, i}, SESSION_STATE_GRACE, i + 1, i + 1);
        memset(rows[i].user_id, 'u', sizeof rows[i].user_id - 1);
    }
    world_restore(self, 100, rows, 100);
    assert_count(self, 0, 0, 100, 0);
    assert_result(REGISTRY_OK, world_find(self, 99));
    assert_string_equal(self->session.user_id, rows[99].user_id);
}

static void
what_cannot_be_as_it_is_told_is_made_good(void **state)
{
    world_t *self = *state;
    static const char *const rooms[] = {"",
                                        "beta/main",
                                        "alpha/main-0",
                                        "alpha/main-1",
                                        "alpha/main-02",
                                        "alpha/main-",
                                        "alpha/main2",
                                        "alpha/main-2x",
                                        "alpha/main-99999999999"};
    self->limits.room_size = 5;
    for (unsigned i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        registry_session_t row = world_row(self, (world_session_t){i, i, i, i}, SESSION_STATE_GRACE, i + 1, i + 1);
        snprintf(row.room, sizeof row.room, "%s", rooms[i]);
        world_restore(self, i + 1, &row, 1);
        assert_result(REGISTRY_OK, world_find(self, i));
        assert_string_equal(self->session.room, i < 5 ? "alpha/main" : "alpha/main-2");
    }
    registry_session_t row = world_row(self, (world_session_t){50, 50, 50, 50}, SESSION_STATE_GRACE, 50, 50);
    snprintf(row.room, sizeof row.room, "alpha/main-4000000000"); /* the rooms before it are not opened for it */
    world_restore(self, 50, &row, 1);
    assert_result(REGISTRY_OK, world_find(self, 50));
    assert_string_equal(self->session.room, row.room);
    row = world_row(self, (world_session_t){51, 51, 51, 51}, SESSION_STATE_GRACE, 51, 51);
    row.secret_len = 0; /* nothing could open it */
    world_restore(self, 51, &row, 1);
    assert_result(REGISTRY_UNKNOWN, world_find(self, 51));
    row = world_row(self, (world_session_t){52, 52, 52, 52}, SESSION_STATE_ACTIVE, 52, 52);
    row.holder[0] = '\0'; /* nobody will say that it is gone */
    world_restore(self, 52, &row, 1);
    assert_count(self, 0, 1, 10, 0);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, REGISTRY_SILENT_MSEC);
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_int_equal(self->swept, REGISTRY_SWEPT_HOLDER);
    assert_count(self, 0, 0, 11, 0);
}

static void
instances_beyond_their_number_are_not_taken(void **state)
{
    world_t *self = *state;
    const registry_switches_t off = {0};
    for (unsigned i = 1; i <= REGISTRY_INSTANCES_CAP; i++) { /* alpha is there */
        char name[16];
        snprintf(name, sizeof name, "i%u", i);
        assert_result(i < REGISTRY_INSTANCES_CAP ? REGISTRY_OK : REGISTRY_FULL,
                      self->registry->restore_begin(self->registry, self->now, name, 0, &off));
    }
    self->instance = "i64";
    assert_result(REGISTRY_LOST, world_count(self));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_OK, self->registry->forget(self->registry, self->now, "i1"));
    assert_result(REGISTRY_OK, self->registry->restore_begin(self->registry, self->now, "i64", 0, &off));
}

static void
assert_every_key_has_an_end(size_t count)
{
    redisReply *keys = redis_fixture_ask(&redis, "KEYS *");
    assert_int_equal(keys->elements, count);
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *ttl = redis_fixture_ask(&redis, "TTL %s", keys->element[i]->str);
        if (ttl->integer < 0 || ttl->integer > 86400) {
            fail_msg("%s has %lld s left", keys->element[i]->str, ttl->integer);
        }
        freeReplyObject(ttl);
    }
    freeReplyObject(keys);
}

static void
every_key_goes_away_by_itself(void **state)
{
    world_t *self = *state;
    const registry_attempt_limits_t limits = {2, 2, 1000, 1000};
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){100, 100, 100, 100}));
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){101, 101, 100, 101})); /* the first one goes */
    assert_result(REGISTRY_OK, world_renew(self, 100, 101, 102));
    assert_every_key_has_an_end(11);
    assert_result(REGISTRY_OK, world_leave(self, 101, REGISTRY_ANY_TURN));
    fill(self);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 1, 1, limits));
    assert_every_key_has_an_end(18);
    redis_fixture_do(&redis, "EXPIRE playhouse:{alpha}:sessions 100"); /* and lives on in use */
    world_pass(self, 60000);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    redisReply *ttl = redis_fixture_ask(&redis, "TTL playhouse:{alpha}:sessions");
    assert_in_range(ttl->integer, 86000, 86400);
    freeReplyObject(ttl);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOSS(the_loss_of_any_one_key_is_noticed),
        LOSS(the_loss_of_any_keys_is_made_good_by_the_store),
        LOSS(a_key_of_another_type_is_a_loss),
        LOSS(a_flush_is_lost_and_nobody_new_is_let_in_for_the_window),
        LOSS(redis_forgets_scripts_and_nothing_is_lost),
        LOSS(a_replica_without_the_last_writes_is_lost),
        LOSS(a_redis_that_has_restarted_is_lost_even_if_it_looks_whole),
        LOSS(another_layout_is_left_alone),
        LOSS(a_second_process_joins_and_adds_what_it_knows),
        LOSS(one_with_nothing_to_tell_joins_what_another_has_restored_and_begins_nothing),
        LOSS(a_restore_that_another_overtakes_is_lost),
        LOSS(many_rows_are_restored_in_pieces),
        LOSS(what_cannot_be_as_it_is_told_is_made_good),
        LOSS(instances_beyond_their_number_are_not_taken),
        LOSS(every_key_goes_away_by_itself),
    };
    redis_fixture_open(&redis);
    int failed = cmocka_run_group_tests_name("registry redis loss", tests, NULL, NULL);
    redis_fixture_close(&redis);
    return failed;
}
