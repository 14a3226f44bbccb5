/* What a process among others says of itself: health, with and without a gateway; numbers of its own. */
#include "gateway_fixture.h"

static const char *const instances[] = {"plaza", NULL};

static void
stub_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    (void)msg;
}

static const act_kind_t room_stub = {.id = ACT_KIND_ROOM, .name = "room", .keying = ACT_KEYED, .receive = stub_receive};

static house_t *
house_among_others(bool admin_only, uint32_t kinds)
{
    house_t *house = house_new_bare(NULL, instances);
    house->config.node = "tower-1";
    house->config.roles = admin_only ? "room" : "gateway";
    house->config.kinds = kinds;
    house->config.admin_only = admin_only;
    house_start(house, admin_only ? &admin_kind : &gateway_kind);
    return house;
}

static int brokers_heard = 2; /* of two */

static void
answer_all(house_t *house)
{
    const msg_persistence_pong_t store = {.schema = 1, .cache = CACHE_STATE_NONE};
    const msg_auth_pong_t identity = {.keys = true, .fresh = true};
    const msg_t *ask;
    if ((ask = sim_take(house->sim, MSG_PERSISTENCE_PING)) != NULL) {
        sim_reply(house->sim, ask, MSG_PERSISTENCE_PONG, &store);
    }
    if ((ask = sim_take(house->sim, MSG_AUTH_PING)) != NULL) {
        sim_reply(house->sim, ask, MSG_AUTH_PONG, &identity);
    }
    if ((ask = sim_take(house->sim, MSG_NODE_VIEW)) != NULL) {
        msg_node_viewed_t *viewed = calloc(1, sizeof(*viewed));
        assert_non_null(viewed);
        viewed->brokers_len = 2;
        for (int i = 0; i < 2; i++) {
            snprintf(viewed->brokers[i].endpoint, sizeof(viewed->brokers[i].endpoint), "tcp://127.0.0.1:557%d", i);
            viewed->brokers[i].heard = i < brokers_heard;
        }
        sim_reply(house->sim, ask, MSG_NODE_VIEWED, viewed);
        free(viewed);
    }
}

static call_t
health(house_t *house, bool admin)
{
    call_t call;
    call_send(house, &call, (wire_request_t){.path = admin ? "/health" : "/api/health", .admin = admin});
    answer_all(house);
    assert_int_equal(call.answers, 1);
    return call;
}

static void
a_gateway_is_ready_when_somebody_runs_each_kind_that_it_leans_on(void **state)
{
    (void)state;
    house_t *house = house_among_others(false, 1u << ACT_KIND_GATEWAY);
    sim_add_on(house->sim, 1, &room_stub, NULL);
    call_t call = health(house, true);
    assert_answer(&call, 200, "\"ready\":true,\"degraded\":false,");
    assert_non_null(strstr(call.body, "\"node\":\"tower-1\",\"roles\":\"gateway\""));
    assert_non_null(strstr(call.body, "{\"name\":\"view\",\"ok\":true}"));
    sim_node(house->sim, 1, SIM_NODE_OUT);
    call = health(house, true);
    assert_answer(&call, 503, "\"ready\":false,\"degraded\":true,");
    assert_non_null(strstr(call.body, "{\"name\":\"view\",\"ok\":false,\"detail\":\"nobody runs room\"}"));
    call = health(house, false);
    assert_answer(&call, 503, "\"nobody runs room\"");
    assert_null(strstr(call.body, "tower-1")); /* strangers do not hear the names */
    sim_node(house->sim, 1, SIM_NODE_IN);
    call = health(house, false);
    assert_answer(&call, 200, "\"ready\":true");
    house_destroy(house);
}

static void
a_process_without_a_gateway_answers_for_what_it_runs_itself(void **state)
{
    (void)state;
    house_t *house = house_among_others(true, 1u << ACT_KIND_ROOM);
    sim_add_on(house->sim, 1, &room_stub, NULL);
    call_t call = health(house, true); /* nobody is asked */
    assert_answer(&call, 200,
                  "{\"ready\":true,\"degraded\":false,\"build\":\"b1\",\"node\":\"tower-1\",\"roles\":"
                  "\"room\",\"dependencies\":[{\"name\":\"view\",\"ok\":true},{\"name\":\"brokers\",\"ok\":true}]}");
    sim_node(house->sim, 1, SIM_NODE_OUT); /* to start this one anew would not help */
    call = health(house, true);
    assert_answer(&call, 200, "\"ready\":true,\"degraded\":true,");
    house_destroy(house);
}

static void
a_process_of_the_store_is_ready_when_that_is(void **state)
{
    (void)state;
    house_t *house = house_among_others(true, 1u << ACT_KIND_PERSISTENCE);
    call_t call = health(house, true);
    assert_answer(&call, 200, "\"dependencies\":[{\"name\":\"store\",\"ok\":true},{\"name\":\"view\"");
    call_send(house, &call, (wire_request_t){.path = "/health", .admin = true});
    const msg_persistence_failed_t failed = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(house->sim, sim_take(house->sim, MSG_PERSISTENCE_PING), MSG_PERSISTENCE_FAILED, &failed);
    answer_all(house);
    assert_answer(&call, 503, "\"ready\":false,");
    house_destroy(house);
}

static void
brokers_that_are_not_heard_are_told_and_not_needed(void **state)
{
    (void)state;
    house_t *house = house_among_others(false, 1u << ACT_KIND_GATEWAY);
    brokers_heard = 1;
    call_t call = health(house, true);
    assert_answer(&call, 200, "\"ready\":true,\"degraded\":false,");
    assert_non_null(strstr(call.body, "\"brokers\",\"ok\":true,\"detail\":\"1 of 2 are not heard\"}"));
    brokers_heard = 0;
    call = health(house, true);
    assert_answer(&call, 200, "\"ready\":true,\"degraded\":true,");
    assert_non_null(strstr(call.body, "\"brokers\",\"ok\":false,\"detail\":\"2 of 2 are not heard\"}"));
    brokers_heard = 2;
    house_destroy(house);
}

static void
numbers_are_those_of_the_very_process_that_is_asked(void **state)
{
    (void)state;
    for (int admin_only = 0; admin_only < 2; admin_only++) {
        house_t *house = house_among_others(admin_only, 1u << ACT_KIND_ROOM);
        call_t call;
        call_send(house, &call, (wire_request_t){.path = "/metrics", .admin = true});
        const msg_t *ask = sim_take(house->sim, MSG_METRICS_SCRAPE);
        assert_non_null(ask);
        msg_metrics_text_t text = {.text = blob_new("playhouse 1\n", 12)};
        sim_reply(house->sim, ask, MSG_METRICS_TEXT, &text);
        blob_release(&text.text);
        assert_answer(&call, 200, "playhouse 1");
        call_send(house, &call, (wire_request_t){.path = "/actors", .admin = true});
        assert_non_null(sim_take(house->sim, MSG_METRICS_ACTORS));
        house_destroy(house);
    }
}

static void
operators_may_ask_any_process(void **state)
{
    (void)state;
    house_t *house = house_among_others(true, 1u << ACT_KIND_ROOM);
    call_t call;
    call_send(house, &call, (wire_request_t){.path = "/admin/instances", .admin = true});
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_INSPECT);
    assert_non_null(ask);
    const msg_admission_instance_t answer = {.instance = {.id = "plaza", .capacity = 50}};
    sim_reply(house->sim, ask, MSG_ADMISSION_INSTANCE, &answer);
    assert_answer(&call, 200, "\"id\":\"plaza\"");
    call_send(house, &call, (wire_request_t){.path = "/admin/instances/attic/sessions", .admin = true});
    assert_answer(&call, 404, "NOT_FOUND");
    house_destroy(house);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_is_ready_when_somebody_runs_each_kind_that_it_leans_on),
        cmocka_unit_test(a_process_without_a_gateway_answers_for_what_it_runs_itself),
        cmocka_unit_test(a_process_of_the_store_is_ready_when_that_is),
        cmocka_unit_test(brokers_that_are_not_heard_are_told_and_not_needed),
        cmocka_unit_test(numbers_are_those_of_the_very_process_that_is_asked),
        cmocka_unit_test(operators_may_ask_any_process),
    };
    return cmocka_run_group_tests_name("http_process", tests, NULL, NULL);
}
