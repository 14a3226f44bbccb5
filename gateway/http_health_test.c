#include "gateway_fixture.h"

static void
answer_store(house_t *house, cache_state_t cache)
{
    const msg_t *ask = sim_take(house->sim, MSG_PERSISTENCE_PING);
    assert_non_null(ask);
    msg_persistence_pong_t pong = {.schema = 1, .cache = cache};
    sim_reply(house->sim, ask, MSG_PERSISTENCE_PONG, &pong);
}

static void
answer_identity(house_t *house, bool keys, bool fresh)
{
    const msg_t *ask = sim_take(house->sim, MSG_AUTH_PING);
    assert_non_null(ask);
    msg_auth_pong_t pong = {.keys = keys, .fresh = fresh};
    sim_reply(house->sim, ask, MSG_AUTH_PONG, &pong);
}

static void
ask_health(house_t *house, call_t *call)
{
    call_send(house, call, (wire_request_t){.path = "/api/health"});
    assert_int_equal(call->answers, 0);
}

static void
health_is_what_the_store_says_within_a_second(void **state)
{
    house_t *house = *state;
    call_t call;
    ask_health(house, &call);
    answer_store(house, CACHE_STATE_NONE);
    assert_int_equal(call.answers, 0);
    answer_identity(house, true, true);
    assert_answer(&call, 200,
                  "{\"ready\":true,\"degraded\":false,\"build\":\"b1\",\"dependencies\":[{\"name\":\"store\","
                  "\"ok\":true},{\"name\":\"capacity\",\"ok\":true},{\"name\":\"registry\",\"ok\":true},"
                  "{\"name\":\"identity\",\"ok\":true}]}");
    call_send(house, &call, (wire_request_t){.path = "/health", .admin = true});
    answer_identity(house, true, true);
    sim_advance(house->sim, 1100 * ACT_MSEC);
    assert_answer(&call, 503, "{\"ready\":false,\"degraded\":false,");
    assert_non_null(strstr(call.body, "[{\"name\":\"store\",\"ok\":false,\"detail\":"));
    (void)sim_take(house->sim, MSG_PERSISTENCE_PING);
    ask_health(house, &call);
    answer_identity(house, true, true);
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(house->sim, sim_take(house->sim, MSG_PERSISTENCE_PING), MSG_PERSISTENCE_FAILED, &failed);
    assert_answer(&call, 503, "{\"name\":\"store\",\"ok\":false,\"detail\":\"the store cannot be written\"}");
}

static void
the_provider_is_told_and_not_needed(void **state)
{
    house_t *house = *state;
    call_t call;
    static const struct {
        bool keys, fresh;
        const char *row;
    } rows[] = {{true, true, "{\"name\":\"identity\",\"ok\":true}"},
                {true, false, "{\"name\":\"identity\",\"ok\":true,\"detail\":\"the identity provider did not answer"},
                {false, false, "{\"name\":\"identity\",\"ok\":false,\"detail\":\"no key"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask_health(house, &call);
        answer_identity(house, rows[i].keys, rows[i].fresh);
        answer_store(house, CACHE_STATE_NONE);
        assert_answer(&call, 200, "{\"ready\":true,\"degraded\":false,");
        assert_non_null(strstr(call.body, rows[i].row));
    }
    ask_health(house, &call); /* auth does not answer */
    answer_store(house, CACHE_STATE_NONE);
    sim_advance(house->sim, 1100 * ACT_MSEC);
    assert_answer(&call, 200, "{\"ready\":true,");
    assert_non_null(strstr(call.body, "{\"name\":\"identity\",\"ok\":false,\"detail\":"));
}

static void
a_cache_is_told_where_there_is_one_and_its_loss_is_degraded(void **state)
{
    house_t *house = *state;
    call_t call;
    ask_health(house, &call);
    answer_store(house, CACHE_STATE_OK);
    answer_identity(house, true, true);
    assert_answer(&call, 200, "{\"ready\":true,\"degraded\":false,");
    assert_non_null(strstr(call.body, "{\"name\":\"cache\",\"ok\":true}]"));
    ask_health(house, &call);
    answer_identity(house, true, true);
    answer_store(house, CACHE_STATE_AWAY);
    assert_answer(&call, 200, "{\"ready\":true,\"degraded\":true,");
    assert_non_null(strstr(call.body, "{\"name\":\"cache\",\"ok\":false,\"detail\":\"the cache is away"));
}

static void
a_registry_that_is_away_makes_it_degraded_and_not_unready(void **state)
{
    house_t *house = *state;
    call_t call;
    static const char *const instances[] = {"plaza", "arena"};
    for (int i = 0; i < 4; i++) { /* one after the other goes, then comes back */
        msg_gateway_notice_t notice = {.degraded = i < 2};
        snprintf(notice.instance, sizeof(notice.instance), "%s", instances[i % 2]);
        house_tell_as(house, MSG_ADMISSION_BEAT, MSG_GATEWAY_NOTICE, &notice);
        ask_health(house, &call);
        answer_store(house, CACHE_STATE_NONE);
        answer_identity(house, true, true);
        assert_answer(&call, 200, i < 3 ? "{\"ready\":true,\"degraded\":true," : "{\"ready\":true,\"degraded\":false,");
        assert_non_null(
            strstr(call.body, i < 3 ? "{\"name\":\"registry\",\"ok\":false,\"detail\":\"the registry is away; "
                                      "the store decides\"}"
                                    : "{\"name\":\"registry\",\"ok\":true}"));
    }
}

static void
a_client_that_hangs_up_is_not_answered(void **state)
{
    house_t *house = *state;
    call_t call;
    ask_health(house, &call);
    answer_store(house, CACHE_STATE_OK);
    act_enter(house->ctx);
    gateway_http_gone(house->gateway, call.handle);
    act_leave(house->ctx);
    answer_identity(house, true, true);
    assert_int_equal(call.answers, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(health_is_what_the_store_says_within_a_second),
        TEST(the_provider_is_told_and_not_needed),
        TEST(a_cache_is_told_where_there_is_one_and_its_loss_is_degraded),
        TEST(a_registry_that_is_away_makes_it_degraded_and_not_unready),
        TEST(a_client_that_hangs_up_is_not_answered),
    };
    return cmocka_run_group_tests_name("http_health", tests, NULL, NULL);
}
