/* What a build before this one has kept in Redis, and this one finds there. */
#include "registry_conformance_helpers.h"
#include "registry_redis.h"
#include "redis_test_helpers.h"

static redis_fixture_t redis;

static registry_t *
make(void *context)
{
    char why[160] = "";
    (void)context;
    redis_fixture_do(&redis, "FLUSHALL");
    registry_t *registry = registry_redis_new(redis.url, 5000, 0, why, sizeof why);
    assert_string_equal(why, "");
    registry_redis_use_caller_clock(registry);
    return registry;
}

/* The record of a session as builds before 0.3.0 have packed it: without the end of the access token. */
static void
make_old(const char *session_id)
{
    static const char script[] = "local f = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1])) "
                                 "local fields = #f "
                                 "f[17] = nil "
                                 "redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(f)) "
                                 "return fields";
    redisReply *reply = redis_fixture_ask(&redis, "EVAL %s 1 playhouse:{alpha}:sessions %s", script, session_id);
    assert_int_equal(reply->integer, 17); /* else there is another layout to think of */
    freeReplyObject(reply);
}

static void
sessions_from_before_the_tokens_end_was_kept_go_on_and_take_the_next_one(void **state)
{
    world_t *self = *state;
    const int64_t until = INT64_C(1800000000000);
    self->role = ROLE_MODERATOR;
    self->auth_until = until;
    for (unsigned i = 1; i <= 3; i++) {
        world_play(self, i, "h1");
    }
    make_old("s1");
    make_old("s2");
    make_old("s3");
    assert_result(REGISTRY_OK, world_find(self, 1)); /* nothing is lost */
    assert_int_equal(self->session.role, ROLE_MODERATOR);
    assert_true(self->session.auth_until == 0);
    assert_int_equal(self->session.connection, 1);
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn)); /* it is packed anew, and still not known */
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h1", 1));
    assert_true(self->session.auth_until == 0);
    assert_result(REGISTRY_OK, world_authorize(self, 1, self->session.turn, until));
    assert_true(self->session.auth_until == until);
    assert_result(REGISTRY_OK, world_renew(self, 2, 1002, 92));
    assert_true(self->session.auth_until == until);
    assert_result(REGISTRY_OK, world_ask(self, 3, 70));
    assert_result(REGISTRY_OK, world_replace(self, 3, 70, 93));
    assert_true(self->session.auth_until == until);
    assert_count(self, 1, 2, 0, 0);
}

int
main(void)
{
    static const registry_conformance_t form = {.name = "registry redis upgrade", .make = make};
    const struct CMUnitTest tests[] = {
        CASE(sessions_from_before_the_tokens_end_was_kept_go_on_and_take_the_next_one),
    };
    registry_form = &form;
    redis_fixture_open(&redis);
    int failed = cmocka_run_group_tests_name(form.name, tests, NULL, NULL);
    redis_fixture_close(&redis);
    return failed;
}
