/* The Redis form does what every form must do, on a real Redis. */
#include "registry_conformance.h"
#include "registry_redis.h"
#include "redis_test_helpers.h"

static registry_t *
make(void *context)
{
    redis_fixture_t *redis = context;
    char why[160] = "";
    redis_fixture_do(redis, "FLUSHALL");
    registry_t *registry = registry_redis_new(redis->url, 5000, 0, why, sizeof why);
    assert_string_equal(why, "");
    registry_redis_use_caller_clock(registry);
    return registry;
}

int
main(void)
{
    redis_fixture_t redis;
    redis_fixture_open(&redis);
    const registry_conformance_t form = {.name = "registry redis",
                                         .make = make,
                                         .context = &redis,
                                         .characters_per_instance = true,
                                         .subjects_by_time = true,
                                         .walk_steps = 8000,
                                         .attempt_steps = 5000};
    int failed = registry_conformance_run(&form);
    redis_fixture_close(&redis);
    return failed;
}
