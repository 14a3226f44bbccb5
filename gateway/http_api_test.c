#include "gateway_fixture.h"

static void
an_address_that_is_not_there_and_a_method_it_does_not_know(void **state)
{
    house_t *house = *state;
    call_t call;
    static const char *const nowhere[] = {"/api/nothing",
                                          "/api/characters/",
                                          "/api/characters/a b/select",
                                          "/api/characters//select",
                                          "/instances/plaza/connect/x",
                                          "/instances/1234567890123456789012345/connect",
                                          "/metrics",
                                          "/dev/token"};
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        call_post(house, &call, nowhere[i], "{}");
        assert_answer(&call, 404, "\"code\":\"NOT_FOUND\"");
    }
    call_send(house, &call, (wire_request_t){.method = WIRE_OTHER, .path = "/api/characters"});
    assert_answer(&call, 405, "METHOD_NOT_ALLOWED");
    assert_string_equal(call.allow, "GET, POST");
    call_get(house, &call, "/instances/plaza/connect");
    assert_answer(&call, 405, "METHOD_NOT_ALLOWED");
    assert_string_equal(call.allow, "POST");
    assert_int_equal(house_kept(house), 0);
}

static void
without_a_token_that_could_be_one_the_answer_is_401(void **state)
{
    house_t *house = *state;
    call_t call;
    char long_one[WIRE_TOKEN_MAX + 16] = "Bearer ";
    memset(long_one + 7, 'x', WIRE_TOKEN_MAX + 1);
    const char *const bad[] = {"", "Bearer", "Bearer ", "Basic eHg=", "Bearer a b", "Bearer a\"", long_one};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        call_send(house, &call, (wire_request_t){.path = "/api/characters", .authorization = bad[i]});
        assert_answer(&call, 401, "\"code\":\"UNAUTHENTICATED\"");
        assert_true(call.authenticate);
    }
    assert_int_equal(house_kept(house), 0);
}

static void
a_token_that_auth_refuses_is_401_and_keys_that_are_away_503(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_auth_refused_t refused = {.fault = TOKEN_FAULT_EXPIRED};
    call_get(house, &call, "/api/characters");
    sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    refused.fault = TOKEN_FAULT_KEYS_UNAVAILABLE;
    call_get(house, &call, "/api/characters");
    sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
    assert_answer(&call, 503, "UNAVAILABLE");
    assert_int_equal(call.retry_seconds, 1);
    call_get(house, &call, "/api/characters");
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_answer(&call, 504, "TIMEOUT");
}

static void
what_is_wrong_with_a_body_is_told_to_who_may_ask(void **state)
{
    house_t *house = *state;
    call_t call;
    wire_request_t request = {.method = WIRE_POST,
                              .path = "/api/characters",
                              .authorization = "Bearer good",
                              .content_type = "text/plain",
                              .body = (const uint8_t *)"{}",
                              .length = 2};
    call_send(house, &call, request);
    assert_answer(&call, 415, "UNSUPPORTED_MEDIA");
    request.too_large = true;
    call_send(house, &call, request);
    assert_answer(&call, 413, "TOO_LARGE");
    request.too_large = false;
    request.unread = true;
    call_send(house, &call, request);
    assert_answer(&call, 400, "content-length");
    static const char *const bad[][2] = {{"{\"nome\":\"x\"}", "body: "},
                                         {"{}", "body: name: "},
                                         {"{\"name\":\"\"}", "body: name: "},
                                         {"{\"name\":", "body: "},
                                         {"", "body: "}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        call_post(house, &call, "/api/characters", bad[i][0]);
        assert_int_equal(call.answers, 0);
        call_verify(house);
        assert_answer(&call, 400, bad[i][1]);
    }
    assert_int_equal(house_kept(house), 0);
}

static void
characters_are_listed_made_and_selected_for_the_bearer(void **state)
{
    house_t *house = *state;
    call_t call;
    call_get(house, &call, "/api/characters");
    call_verify(house);
    const msg_t *ask = sim_take(house->sim, MSG_PERSISTENCE_LIST_CHARACTERS);
    assert_string_equal(((const msg_persistence_list_characters_t *)ask->body)->user_id, "auth0|someone");
    msg_persistence_characters_t list = {.characters_len = 1,
                                         .characters = {{.id = "c1", .name = "Ann", .active = true}}};
    sim_reply(house->sim, ask, MSG_PERSISTENCE_CHARACTERS, &list);
    assert_answer(&call, 200,
                  "{\"characters\":[{\"id\":\"c1\",\"name\":\"Ann\",\"active\":true,\"suspended\":false}]}");

    call_post(house, &call, "/api/characters", "{\"name\":\"Bob\"}");
    call_verify(house);
    ask = sim_take(house->sim, MSG_PERSISTENCE_CREATE_CHARACTER);
    const msg_persistence_create_character_t *create = ask->body;
    assert_string_equal(create->name, "Bob");
    assert_int_equal(strlen(create->character_id), 20);
    msg_persistence_character_t one = {.character = {.id = "c2", .name = "Bob"}};
    sim_reply(house->sim, ask, MSG_PERSISTENCE_CHARACTER, &one);
    assert_answer(&call, 201, "\"id\":\"c2\"");

    call_post(house, &call, "/api/characters", "{\"name\":\"Bob\"}");
    call_verify(house);
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_LIMIT};
    sim_reply(house->sim, sim_take(house->sim, MSG_PERSISTENCE_CREATE_CHARACTER), MSG_PERSISTENCE_FAILED, &failed);
    assert_answer(&call, 409, "CONFLICT");

    call_send(
        house, &call,
        (wire_request_t){.method = WIRE_POST, .path = "/api/characters/c9/select", .authorization = "bearer good"});
    call_verify(house);
    ask = sim_take(house->sim, MSG_PERSISTENCE_SELECT_CHARACTER);
    assert_string_equal(((const msg_persistence_select_character_t *)ask->body)->character_id, "c9");
    failed.fault = STORE_FAULT_NOT_OWNER;
    sim_reply(house->sim, ask, MSG_PERSISTENCE_FAILED, &failed);
    assert_answer(&call, 404, "NOT_FOUND"); /* whose it is, is nobody else's business */
    assert_int_equal(house_kept(house), 0);
}

static void
a_selection_is_told_to_every_instance(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int full = 0; full < 2; full++) {
        call_send(
            house, &call,
            (wire_request_t){.method = WIRE_POST, .path = "/api/characters/c2/select", .authorization = "bearer good"});
        call_verify(house);
        msg_persistence_character_t one = {.character = {.id = "c2", .name = "Bob", .active = true}};
        sim_set_full(house->sim, ACT_KIND_ADMISSION, full);
        sim_reply(house->sim, sim_take(house->sim, MSG_PERSISTENCE_SELECT_CHARACTER), MSG_PERSISTENCE_CHARACTER, &one);
        sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
        assert_answer(&call, 200, "\"id\":\"c2\"");
        static const char *const instances[] = {"plaza", "arena"};
        for (int i = 0; i < 2 && !full; i++) {
            const msg_t *told = sim_take(house->sim, MSG_ADMISSION_SELECT);
            assert_string_equal(told->key, instances[i]);
            const msg_admission_select_t *select = told->body;
            assert_string_equal(select->user_id, "auth0|someone");
            assert_string_equal(select->character_id, "c2");
        }
        assert_int_equal(house_kept(house), 0);
    }
}

static void
requests_under_way_are_bounded(void **state)
{
    house_t *house = *state;
    call_t *calls = calloc(GATEWAY_HTTP_CAP + 1, sizeof(*calls));
    assert_non_null(calls);
    for (int i = 0; i < GATEWAY_HTTP_CAP; i++) {
        call_get(house, &calls[i], "/api/characters");
        assert_int_equal(calls[i].answers, 0);
    }
    call_get(house, &calls[GATEWAY_HTTP_CAP], "/api/characters");
    assert_answer(&calls[GATEWAY_HTTP_CAP], 503, "OVERLOADED");
    sim_advance(house->sim, 6 * ACT_SEC);
    for (int i = 0; i < GATEWAY_HTTP_CAP; i++) {
        assert_answer(&calls[i], 504, "TIMEOUT");
    }
    while (sim_take(house->sim, MSG_NONE) != NULL) {
    }
    call_get(house, &calls[0], "/api/characters"); /* there is room again */
    call_verify(house);
    assert_non_null(sim_take(house->sim, MSG_PERSISTENCE_LIST_CHARACTERS));
    free(calls);
}

static void
metrics_are_for_the_admin_listener_only(void **state)
{
    house_t *house = *state;
    call_t call;
    call_send(house, &call, (wire_request_t){.path = "/actors"});
    assert_answer(&call, 404, "NOT_FOUND");
    call_send(house, &call, (wire_request_t){.path = "/api/version", .admin = true});
    assert_answer(&call, 404, "NOT_FOUND");
    call_send(house, &call, (wire_request_t){.path = "/metrics", .admin = true});
    msg_metrics_text_t text = {.text = blob_new("playhouse_connections 0\n", 24)};
    sim_reply(house->sim, sim_take(house->sim, MSG_METRICS_SCRAPE), MSG_METRICS_TEXT, &text);
    blob_release(&text.text);
    assert_answer(&call, 200, "playhouse_connections 0\n");
    call_send(house, &call, (wire_request_t){.path = "/actors", .admin = true});
    msg_metrics_actor_list_t list = {.actors_len = 1, .actors = {{.kind = "room", .handled = 5}}};
    sim_reply(house->sim, sim_take(house->sim, MSG_METRICS_ACTORS), MSG_METRICS_ACTOR_LIST, &list);
    assert_answer(&call, 200, "\"kind\":\"room\"");
}

static bool
dev_token(void *self, const char *name, int64_t wall_msec, char *out, size_t capacity)
{
    (void)self;
    (void)wall_msec;
    snprintf(out, capacity, "token-of-%s", name);
    return strcmp(name, "nobody") != 0;
}

static void
how_to_sign_in_is_told_to_anybody(void **state)
{
    house_t *house = *state;
    call_t call;
    call_send(house, &call, (wire_request_t){.path = "/api/sign-in"});
    assert_answer(&call, 200, "{\"kind\":\"none\"}");
    static const obj_sign_in_t oidc = {.kind = SIGN_IN_KIND_OIDC,
                                       .has_issuer = true,
                                       .issuer = "https://id.example",
                                       .has_client_id = true,
                                       .client_id = "plaza",
                                       .has_scope = true,
                                       .scope = "openid"};
    house->config.sign_in = &oidc;
    call_send(house, &call, (wire_request_t){.path = "/api/sign-in"});
    assert_answer(&call, 200,
                  "{\"kind\":\"oidc\",\"issuer\":\"https://id.example\",\"clientId\":\"plaza\",\"scope\":\"openid\"}");
    assert_int_equal(house_kept(house), 0);
}

/* Every refusal has code, message, transient and traceId, and says when to come again if that may help. */
static void
every_error_over_http_and_on_a_connection_follows_the_one_contract(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    for (int code = 0; code < ERROR_COUNT; code++) {
        call_t call = {0};
        char wanted[160];
        snprintf(wanted, sizeof(wanted), "\"code\":\"%s\",\"message\":\"", error_names[code]);
        act_enter(house->ctx);
        gateway_http_refuse(house->gateway, &call, (error_code_t)code, NULL);
        session_refuse(house->gateway, session_find(house->gateway, peer->handle), (error_code_t)code, NULL, 0, 0);
        act_leave(house->ctx);
        assert_answer(&call, (unsigned)error_http[code], wanted);
        assert_heard(house, peer, wanted);
        const char *const texts[] = {call.body, peer->heard};
        for (size_t i = 0; i < 2; i++) {
            const char *transient = error_transient[code] ? "\"transient\":true,\"retryAfterMs\":1000,\"traceId\":\""
                                                          : "\"transient\":false,\"traceId\":\"";
            const char *found = strstr(texts[i], transient);
            assert_non_null(found);
            assert_int_equal(strspn(found + strlen(transient), "0123456789abcdef"), 32);
        }
        assert_int_equal(call.retry_seconds, error_transient[code] ? 1 : 0);
    }
    peer_gone(house, &peer);
}

static void
dev_tokens_are_there_only_with_dev(void **state)
{
    house_t *house = *state;
    call_t call;
    call_post(house, &call, "/dev/token", "{\"name\":\"ann\"}");
    assert_answer(&call, 404, "NOT_FOUND");
    house->config.dev_token = dev_token;
    house->config.dev_token_seconds = 60;
    call_post(house, &call, "/dev/token", "{\"name\":\"ann\"}");
    assert_answer(&call, 200, "{\"accessToken\":\"token-of-ann\",\"tokenType\":\"Bearer\",\"expiresIn\":60}");
    call_post(house, &call, "/dev/token", "{\"name\":\"nobody\"}");
    assert_answer(&call, 400, "BAD_REQUEST");
    call_post(house, &call, "/dev/token", "{\"name\":5}");
    assert_answer(&call, 400, "body: name: ");
}

static void
a_page_may_connect_from_its_own_server_or_a_named_one(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.origins=https://play.example http://other:81", NULL};
    house_t *house = house_new(flags);
    gateway_t *gateway = house->gateway;
    assert_true(gateway_origin_allowed(gateway, "http://127.0.0.1:8080", "127.0.0.1:8080"));
    assert_true(gateway_origin_allowed(gateway, "https://play.example", "10.0.0.1"));
    assert_true(gateway_origin_allowed(gateway, "http://OTHER:81", "10.0.0.1"));
    assert_false(gateway_origin_allowed(gateway, "https://play.example.evil", "10.0.0.1"));
    assert_false(gateway_origin_allowed(gateway, "http://127.0.0.1:8080.evil", "127.0.0.1:8080"));
    assert_false(gateway_origin_allowed(gateway, "http://127.0.0.1:80", "127.0.0.1:8080"));
    assert_false(gateway_origin_allowed(gateway, "null", "127.0.0.1:8080"));
    assert_false(gateway_origin_allowed(gateway, "http://", ""));
    house_destroy(house);
    char *any[] = {"test", "--gateway.origins=*", NULL};
    house = house_new(any);
    assert_true(gateway_origin_allowed(house->gateway, "https://anywhere", "10.0.0.1"));
    house_destroy(house);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_address_that_is_not_there_and_a_method_it_does_not_know),
        TEST(without_a_token_that_could_be_one_the_answer_is_401),
        TEST(a_token_that_auth_refuses_is_401_and_keys_that_are_away_503),
        TEST(what_is_wrong_with_a_body_is_told_to_who_may_ask),
        TEST(characters_are_listed_made_and_selected_for_the_bearer),
        TEST(a_selection_is_told_to_every_instance),
        TEST(requests_under_way_are_bounded),
        TEST(metrics_are_for_the_admin_listener_only),
        TEST(how_to_sign_in_is_told_to_anybody),
        TEST(every_error_over_http_and_on_a_connection_follows_the_one_contract),
        TEST(dev_tokens_are_there_only_with_dev),
        cmocka_unit_test(a_page_may_connect_from_its_own_server_or_a_named_one),
    };
    return cmocka_run_group_tests_name("http_api", tests, NULL, NULL);
}
