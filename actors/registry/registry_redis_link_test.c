/* A registry whose Redis dies, hangs or talks nonsense; and two processes that ask at once. */
#include <pthread.h>
#include <time.h>

#include "registry_conformance_helpers.h"
#include "registry_redis.h"
#include "redis_liar_test_helpers.h"

enum {
    TIMEOUT_MSEC = 250,
    SLACK_MSEC = 10000, /* of a machine that has other things to do */
    RETRY_MSEC = 200,
    RACE_THREADS = 4,
    RACE_CLAIMS = 2000,
    RACE_SEATS = 50,
};

static redis_fixture_t redis;

static world_t
world_make(const char *url, int64_t timeout_msec)
{
    char why[160] = "";
    world_t world = {.registry = registry_redis_new(url, timeout_msec, 0, why, sizeof why),
                     .now = INT64_C(1000) * ACT_SEC,
                     .instance = "alpha",
                     .limits = {.capacity = CAPACITY,
                                .room_size = ROOM_SIZE,
                                .queue_max = QUEUE_MAX,
                                .ticket_msec = TICKET_MSEC,
                                .offer_msec = OFFER_MSEC,
                                .grace_msec = GRACE_MSEC,
                                .ask_msec = ASK_MSEC}};
    assert_string_equal(why, "");
    assert_non_null(world.registry);
    return world;
}

static void
assert_why(world_t *self, const char *part)
{
    char why[REGISTRY_WHY_SIZE];
    self->registry->why(self->registry, why, sizeof why);
    if (strstr(why, part) == NULL) {
        fail_msg("expected '%s' in '%s'", part, why);
    }
}

static int64_t
clock_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- a url ---- */

static void
a_url_that_is_none_is_refused_with_a_reason(void **state)
{
    (void)state;
    char why[160] = "";
    assert_null(registry_redis_new("redis://hunter2@host", 100, 0, why, sizeof why));
    assert_string_not_equal(why, "");
    assert_null(strstr(why, "hunter2"));
}

static void
where_nobody_listens_it_is_unavailable_and_says_so(void **state)
{
    (void)state;
    world_t self = world_make("unix:/nowhere/redis.sock", TIMEOUT_MSEC);
    assert_result(REGISTRY_UNAVAILABLE, world_claim_one(&self, 1));
    assert_why(&self, "/nowhere/redis.sock: could not connect");
    assert_result(REGISTRY_UNAVAILABLE, world_attempt_left(&self, 1, 1));
    assert_result(REGISTRY_UNAVAILABLE, world_beat(&self, "h1", 1));
    const registry_switches_t off = {0};
    assert_result(REGISTRY_UNAVAILABLE, self.registry->restore_begin(self.registry, self.now, "alpha", 0, &off));
    registry_destroy(&self.registry);
}

/* ---- a Redis that goes ---- */

static void
a_redis_that_dies_is_unavailable_and_usable_again_when_it_is_back(void **state)
{
    (void)state;
    redis_fixture_do(&redis, "FLUSHALL");
    world_t self = world_make(redis.url, TIMEOUT_MSEC);
    world_restore(&self, 0, NULL, 0);
    assert_result(REGISTRY_OK, world_claim_one(&self, 1));
    redis_fixture_kill(&redis);
    int64_t before = clock_msec();
    assert_result(REGISTRY_UNAVAILABLE, world_claim_one(&self, 2));
    assert_result(REGISTRY_UNAVAILABLE, world_count(&self));
    assert_in_range(clock_msec() - before, 0, SLACK_MSEC);
    redis_fixture_start(&redis);
    assert_result(REGISTRY_UNAVAILABLE, world_count(&self)); /* it does not try again at once */
    world_pass(&self, RETRY_MSEC / 2);
    assert_result(REGISTRY_UNAVAILABLE, world_count(&self));
    world_pass(&self, SLACK_MSEC);
    assert_result(REGISTRY_LOST, world_claim_one(&self, 2));
    world_restore(&self, 0, NULL, 0);
    assert_result(REGISTRY_OK, world_claim_one(&self, 2));
    registry_destroy(&self.registry);
}

static void
a_redis_that_hangs_is_unavailable_in_time(void **state)
{
    (void)state;
    redis_fixture_do(&redis, "FLUSHALL");
    world_t self = world_make(redis.url, TIMEOUT_MSEC);
    world_t fresh = world_make(redis.url, TIMEOUT_MSEC);
    world_restore(&self, 0, NULL, 0);
    assert_result(REGISTRY_OK, world_claim_one(&self, 1));
    assert_int_equal(kill(redis.pid, SIGSTOP), 0);
    int64_t before = clock_msec();
    assert_result(REGISTRY_UNAVAILABLE, world_claim_one(&self, 2));
    int64_t after = clock_msec();
    assert_in_range(after - before, TIMEOUT_MSEC - 1, SLACK_MSEC);
    assert_why(&self, "no answer");
    before = clock_msec();
    assert_result(REGISTRY_UNAVAILABLE, world_count(&fresh)); /* also before it ever answered */
    assert_in_range(clock_msec() - before, 0, SLACK_MSEC);
    before = clock_msec();
    for (unsigned i = 0; i < 1000; i++) { /* and nobody waits for it meanwhile */
        assert_result(REGISTRY_UNAVAILABLE, world_count(&self));
    }
    assert_in_range(clock_msec() - before, 0, SLACK_MSEC);
    assert_int_equal(kill(redis.pid, SIGCONT), 0);
    world_pass(&self, SLACK_MSEC);
    assert_result(REGISTRY_OK, world_count(&self));                        /* it has lost nothing */
    assert_true(self.count.connecting >= 1 && self.count.connecting <= 2); /* the second may have been done */
    registry_destroy(&self.registry);
    registry_destroy(&fresh.registry);
}

static void
a_spare_stands_in_while_redis_is_away(void **state)
{
    (void)state;
    redis_fixture_do(&redis, "FLUSHALL");
    world_t self = world_make(redis.url, TIMEOUT_MSEC);
    registry_t *port = self.registry = registry_failover_new(self.registry, registry_memory_new());
    world_restore(&self, 0, NULL, 0);
    assert_result(REGISTRY_OK, world_claim_one(&self, 1));
    registry_session_t row = self.session;
    assert_false(port->is_degraded(port));
    redis_fixture_kill(&redis);
    assert_result(REGISTRY_UNAVAILABLE, world_claim_one(&self, 2));
    world_restore(&self, 1, &row, 1);
    assert_true(port->is_degraded(port));
    assert_why(&self, redis.socket); /* of the one that is away, and where it is */
    assert_count(&self, 1, 0, 0, 0);
    assert_result(REGISTRY_OK, world_claim_one(&self, 2));
    assert_true(self.session.number > row.number);
    registry_session_t rows[2] = {row, self.session};
    world_pass(&self, SLACK_MSEC);
    assert_false(port->try_return(port, self.now));
    redis_fixture_start(&redis);
    world_pass(&self, SLACK_MSEC);
    assert_true(port->try_return(port, self.now));
    world_restore(&self, 2, rows, 2);
    assert_false(port->is_degraded(port));
    assert_count(&self, 2, 0, 0, 0);
    assert_result(REGISTRY_OK, world_enter(&self, 1, 11, "h1", 1));
    redisReply *keys = redis_fixture_ask(&redis, "KEYS playhouse:{alpha}:sessions");
    assert_int_equal(keys->elements, 1);
    freeReplyObject(keys);
    registry_destroy(&self.registry);
}

/* ---- a Redis that talks nonsense ---- */

static world_t
liar_world(liar_t *liar, const char *info, const char *answer)
{
    liar_begin(liar, info, answer);
    return world_make(liar->url, 2000);
}

static void
liar_world_end(liar_t *liar, world_t *world)
{
    registry_destroy(&world->registry);
    liar_end(liar);
}

static void
an_answer_that_is_not_to_be_understood_is_none(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "nonsense\r\n",
        ":1\r\n",
        "+OK\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "-ERR no\r\n",
        "-NOSCRIPT no\r\n",
        "*1\r\n$2\r\nOK\r\n",
        "*2\r\n$2\r\nOK\r\n$1\r\n1\r\n",
        "*2\r\n$4\r\nFINE\r\n:1\r\n",
        "*2\r\n:0\r\n:1\r\n",
        "*2\r\n$2\r\nOK\r\n:1\r\n",
        "*2\r\n$2\r\nOK\r\n:-1\r\n",
        "*2\r\n$4\r\nLOST\r\n:0\r\n",
        "*6\r\n$2\r\nOK\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*7\r\n$2\r\nOK\r\n:1\r\n:-1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*7\r\n$2\r\nOK\r\n:1\r\n:1\r\n:1\r\n:1\r\n:4294967296\r\n:1\r\n",
        "*7\r\n$2\r\nOK\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:9007199254740992\r\n",
        "*7\r\n$2\r\nOK\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n$1\r\n1\r\n",
        "*8\r\n$2\r\nOK\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
    };
    liar_t liar;
    liar_open(&liar);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        world_t world = liar_world(&liar, liar_good_info, answers[i]);
        assert_result(REGISTRY_UNAVAILABLE, world_count(&world));
        assert_why(&world, "redis at unix:");
        liar_world_end(&liar, &world);
    }
    world_t world = liar_world(&liar, liar_good_info, "*7\r\n$2\r\nOK\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n");
    assert_count(&world, 2, 3, 4, 5); /* it is not the liar that was refused */
    liar_world_end(&liar, &world);
    liar_close(&liar);
}

/* ---- Redis's own clock ---- */

static void
time_is_that_of_redis(void **state)
{
    (void)state;
    redis_fixture_do(&redis, "FLUSHALL");
    world_t self = world_make(redis.url, 5000);
    world_restore(&self, 0, NULL, 0);
    self.limits.ticket_msec = 50;
    assert_result(REGISTRY_OK, world_claim_one(&self, 1));
    world_pass(&self, 1000000); /* the caller's does not matter */
    registry_result_t result = world_sweep(&self);
    for (unsigned polls = 0; result == REGISTRY_UNKNOWN && polls < 1000; polls++) {
        poll(NULL, 0, 10);
        result = world_sweep(&self);
    }
    assert_result(REGISTRY_OK, result);
    assert_int_equal(self.swept, REGISTRY_SWEPT_TICKET);
    const registry_attempt_limits_t limits = {1, 1, 60000, 60000};
    assert_result(REGISTRY_OK, world_attempt_failed(&self, 1, 1, limits));
    assert_result(REGISTRY_OK, world_attempt_left(&self, 1, 2));
    assert_in_range(self.left, 1, 60000);
    registry_destroy(&self.registry);
}

/* ---- two processes ---- */

typedef struct racer {
    world_t world;
    unsigned first, got, queued;
    bool broken;
    int64_t numbers[RACE_CLAIMS]; /* of those that wait, as they were answered */
} racer_t;

static bool
within_capacity(world_t *world)
{
    registry_count_t count;
    return world->registry->count(world->registry, world->now, "alpha", &count) == REGISTRY_OK &&
           count.connecting + count.active + count.grace <= RACE_SEATS;
}

/* No cmocka in here: it is not for threads. */
static void *
racer_claim(void *context)
{
    racer_t *self = context;
    for (unsigned i = 0; i < RACE_CLAIMS / RACE_THREADS; i++) {
        registry_result_t result = world_claim_one(&self->world, self->first + i);
        self->got += result == REGISTRY_OK;
        self->broken |= result != REGISTRY_OK && result != REGISTRY_QUEUED;
        if (result == REGISTRY_QUEUED) {
            self->numbers[self->queued++] = self->world.session.number;
        }
        self->broken |= i % 8 == 0 && !within_capacity(&self->world);
    }
    return NULL;
}

/* Some claim, some leave, some promote; each for itself. */
static void *
racer_play(void *context)
{
    racer_t *self = context;
    uint64_t seed = self->first;
    for (unsigned i = 0; i < RACE_CLAIMS / RACE_THREADS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned draw = (unsigned)(seed >> 33) % 10, who = (unsigned)(seed >> 40) % 200;
        registry_result_t result = draw < 4   ? world_claim_one(&self->world, who)
                                   : draw < 7 ? world_leave(&self->world, who, REGISTRY_ANY_TURN)
                                              : world_promote(&self->world);
        self->broken |= result >= REGISTRY_CLOSED || !within_capacity(&self->world);
    }
    return NULL;
}

/* Two registries, as two processes have them; two threads on each, as admission and queue are. */
static racer_t *
race(void *(*run)(void *))
{
    static racer_t racers[RACE_THREADS];
    pthread_t threads[RACE_THREADS];
    redis_fixture_do(&redis, "FLUSHALL");
    memset(racers, 0, sizeof racers);
    for (unsigned i = 0; i < RACE_THREADS; i++) {
        if (i < 2) {
            racers[i].world = world_make(redis.url, 30000);
            racers[i].world.limits.capacity = RACE_SEATS;
            racers[i].world.limits.queue_max = RACE_CLAIMS;
            world_restore(&racers[i].world, 0, NULL, 0);
        } else {
            racers[i].world = racers[i - 2].world;
        }
        racers[i].first = 1 + i * RACE_CLAIMS;
    }
    for (unsigned i = 0; i < RACE_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACE_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(racers[i].broken);
    }
    return racers;
}

static void
race_end(racer_t *racers)
{
    registry_destroy(&racers[0].world.registry);
    registry_destroy(&racers[1].world.registry);
}

static void
a_crowd_on_two_processes_gets_exactly_the_seats_and_its_order(void **state)
{
    (void)state;
    racer_t *racers = race(racer_claim);
    unsigned got = 0, queued = 0;
    for (unsigned i = 0; i < RACE_THREADS; i++) {
        got += racers[i].got;
        queued += racers[i].queued;
        for (unsigned k = 1; k < racers[i].queued; k++) {
            assert_true(racers[i].numbers[k] > racers[i].numbers[k - 1]);
        }
    }
    assert_int_equal(got, RACE_SEATS);
    assert_int_equal(queued, RACE_CLAIMS - RACE_SEATS);
    static int64_t waiting[RACE_CLAIMS];
    uint32_t count = 0;
    registry_t *registry = racers[1].world.registry;
    assert_result(REGISTRY_OK, registry->waiting(registry, 0, "alpha", waiting, RACE_CLAIMS, &count));
    assert_int_equal(count, queued);
    unsigned at[RACE_THREADS] = {0};
    for (uint32_t i = 0; i < count; i++) { /* the queue is the merge of what each was told */
        bool found = false;
        assert_true(i == 0 || waiting[i] > waiting[i - 1]);
        for (unsigned k = 0; k < RACE_THREADS && !found; k++) {
            found = at[k] < racers[k].queued && racers[k].numbers[at[k]] == waiting[i];
            at[k] += found;
        }
        assert_true(found);
    }
    race_end(racers);
}

static void
claims_leaves_and_promotions_at_once_never_exceed_the_seats(void **state)
{
    (void)state;
    racer_t *racers = race(racer_play);
    world_t *world = &racers[0].world;
    registry_result_t result = world_promote(world);
    while (result == REGISTRY_OK) {
        result = world_promote(world);
    }
    assert_result(REGISTRY_UNKNOWN, result);
    assert_result(REGISTRY_OK, world_count(world));
    uint32_t seats = world->count.connecting + world->count.active + world->count.grace;
    assert_true(seats <= RACE_SEATS && (seats == RACE_SEATS || world->count.waiting == 0));
    race_end(racers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_that_is_none_is_refused_with_a_reason),
        cmocka_unit_test(where_nobody_listens_it_is_unavailable_and_says_so),
        cmocka_unit_test(a_redis_that_dies_is_unavailable_and_usable_again_when_it_is_back),
        cmocka_unit_test(a_redis_that_hangs_is_unavailable_in_time),
        cmocka_unit_test(a_spare_stands_in_while_redis_is_away),
        cmocka_unit_test(an_answer_that_is_not_to_be_understood_is_none),
        cmocka_unit_test(time_is_that_of_redis),
        cmocka_unit_test(a_crowd_on_two_processes_gets_exactly_the_seats_and_its_order),
        cmocka_unit_test(claims_leaves_and_promotions_at_once_never_exceed_the_seats),
    };
    redis_fixture_open(&redis);
    int failed = cmocka_run_group_tests_name("registry redis link", tests, NULL, NULL);
    redis_fixture_close(&redis);
    return failed;
}
