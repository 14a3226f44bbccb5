#include "gateway_fixture.h"

static void
admin_get(house_t *house, call_t *call, const char *path, const char *query)
{
    call_send(house, call, (wire_request_t){.path = path, .query = query, .host = "127.0.0.1:8081", .admin = true});
}

static void
admin_post(house_t *house, call_t *call, const char *path, const char *json)
{
    call_send(house, call,
              (wire_request_t){.method = WIRE_POST,
                               .path = path,
                               .host = "localhost:8081",
                               .content_type = "application/json",
                               .body = (const uint8_t *)json,
                               .length = strlen(json),
                               .admin = true});
}

static msg_admission_instance_t
instance_of(const char *id)
{
    msg_admission_instance_t answer = {.instance = {.capacity = 100, .active = 3, .grace = 1, .waiting = 2}};
    snprintf(answer.instance.id, sizeof(answer.instance.id), "%s", id);
    return answer;
}

static void
every_instance_is_asked_in_turn(void **state)
{
    house_t *house = *state;
    call_t call;
    admin_get(house, &call, "/admin/instances", "");
    static const char *const ids[] = {"plaza", "arena"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(call.answers, 0);
        const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_INSPECT);
        assert_string_equal(ask->key, ids[i]);
        msg_admission_instance_t answer = instance_of(ids[i]);
        sim_reply(house->sim, ask, MSG_ADMISSION_INSTANCE, &answer);
    }
    assert_answer(&call, 200,
                  "{\"instances\":[{\"id\":\"plaza\",\"capacity\":100,\"connecting\":0,\"active\":3,\"grace\":1,"
                  "\"waiting\":2,\"drain\":false,\"maintenance\":false,\"degraded\":false},{\"id\":\"arena\",");
    assert_int_equal(house_kept(house), 0);
}

static void
a_list_that_cannot_be_had_whole_is_refused(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_admission_instance_t answer = instance_of("plaza");
    msg_admission_declined_t declined = {.code = ERROR_UNAVAILABLE};
    admin_get(house, &call, "/admin/instances", "");
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_INSPECT), MSG_ADMISSION_INSTANCE, &answer);
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_INSPECT), MSG_ADMISSION_DECLINED, &declined);
    assert_answer(&call, 503, "UNAVAILABLE");
    admin_get(house, &call, "/admin/instances", "");
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_INSPECT), MSG_ADMISSION_INSTANCE, &answer);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_answer(&call, 504, "TIMEOUT");
    (void)sim_take(house->sim, MSG_ADMISSION_INSPECT);
    admin_get(house, &call, "/admin/instances", "");
    msg_t ask = *sim_take(house->sim, MSG_ADMISSION_INSPECT);
    act_enter(house->ctx);
    gateway_http_gone(house->gateway, call.handle);
    act_leave(house->ctx);
    sim_reply(house->sim, &ask, MSG_ADMISSION_INSTANCE, &answer); /* nobody waits for it */
    assert_int_equal(call.answers, 0);
    assert_int_equal(house_kept(house), 0);
    admin_get(house, &call, "/admin/instances", ""); /* is under way when the gateway goes down */
}

static void
the_longest_list_of_instances_fits_its_answer(void **state)
{
    (void)state;
    static char ids[GATEWAY_INSTANCES_CAP][25];
    static const char *instances[GATEWAY_INSTANCES_CAP + 1];
    for (int i = 0; i < GATEWAY_INSTANCES_CAP; i++) {
        snprintf(ids[i], sizeof(ids[i]), "instance-of-24-chars-%03u", (unsigned)i % 1000);
        instances[i] = ids[i];
    }
    house_t *house = house_new_of(NULL, instances);
    call_t call;
    admin_get(house, &call, "/admin/instances", "");
    for (int i = 0; i < GATEWAY_INSTANCES_CAP; i++) {
        msg_admission_instance_t answer = {.instance = {.capacity = 1000000,
                                                        .connecting = 1000000,
                                                        .active = 1000000,
                                                        .grace = 1000000,
                                                        .waiting = 1000000,
                                                        .has_ends_in_seconds = true,
                                                        .ends_in_seconds = 86400,
                                                        .has_message = true}};
        snprintf(answer.instance.id, sizeof(answer.instance.id), "%.24s", ids[i]);
        memset(answer.instance.message, 1, 200); /* six bytes each in JSON */
        sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_INSPECT), MSG_ADMISSION_INSTANCE, &answer);
    }
    assert_answer(&call, 200, "instance-of-24-chars-000");
    assert_true(call.length > 64 * 1400);
    house_destroy(house);
}

static void
the_longest_list_of_sessions_fits_its_answer(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_admission_sessions_t sessions = {.sessions_len = 32};
    for (int i = 0; i < 32; i++) {
        sessions.sessions[i] = (obj_session_view_t){.session_id = "session-id-of-24-letters",
                                                    .character_id = "character-id-24-letters-",
                                                    .state = SESSION_STATE_CONNECTING,
                                                    .room = "instance-id-24-letters--/room-id-of-24-letters---",
                                                    .number = INT64_C(9007199254740991),
                                                    .has_left_seconds = true,
                                                    .left_seconds = INT64_C(9007199254740991)};
        memset(sessions.sessions[i].name, 1, 32); /* six bytes each in JSON */
    }
    admin_get(house, &call, "/admin/instances/plaza/sessions", "");
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_LIST), MSG_ADMISSION_SESSIONS, &sessions);
    assert_answer(&call, 200, "room-id-of-24-letters---");
    assert_true(call.length > 32 * 400);
}

static void
what_is_switched_reaches_admission(void **state)
{
    house_t *house = *state;
    call_t call;
    admin_post(house, &call, "/admin/instances/arena",
               "{\"capacity\":7,\"drain\":false,\"maintenance\":true,\"endsInSeconds\":60,\"message\":\"soon\"}");
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_CONFIGURE);
    assert_string_equal(ask->key, "arena");
    const msg_admission_configure_t *all = ask->body;
    assert_true(all->has_capacity && all->capacity == 7 && all->has_drain && !all->drain);
    assert_true(all->has_maintenance && all->maintenance && all->has_ends_in_seconds && all->ends_in_seconds == 60);
    assert_true(all->has_message && strcmp(all->message, "soon") == 0);
    msg_admission_instance_t answer = instance_of("arena");
    sim_reply(house->sim, ask, MSG_ADMISSION_INSTANCE, &answer);
    assert_answer(&call, 200, "{\"id\":\"arena\",\"capacity\":100,");
    admin_post(house, &call, "/admin/instances/plaza", "{\"drain\":true}");
    ask = sim_take(house->sim, MSG_ADMISSION_CONFIGURE);
    const msg_admission_configure_t *one = ask->body;
    assert_true(one->has_drain && one->drain && !one->has_capacity && !one->has_maintenance);
    assert_true(!one->has_ends_in_seconds && !one->has_message);
    msg_admission_declined_t declined = {.code = ERROR_UNAVAILABLE};
    sim_reply(house->sim, ask, MSG_ADMISSION_DECLINED, &declined);
    assert_answer(&call, 503, "UNAVAILABLE");
    admin_post(house, &call, "/admin/instances/plaza", "{\"capacity\":0}");
    assert_answer(&call, 400, "body: capacity: ");
}

static void
sessions_are_listed_from_where_the_last_list_ended(void **state)
{
    house_t *house = *state;
    call_t call;
    static const struct {
        const char *query;
        int64_t after;
    } good[] = {{"", 0}, {"after=0", 0}, {"after=17", 17}, {"after=9007199254740991", INT64_C(9007199254740991)}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        admin_get(house, &call, "/admin/instances/plaza/sessions", good[i].query);
        const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_LIST);
        assert_string_equal(ask->key, "plaza");
        assert_int_equal(((const msg_admission_list_t *)ask->body)->after, good[i].after);
        msg_admission_sessions_t sessions = {.sessions_len = 1,
                                             .sessions = {{.session_id = "s1",
                                                           .character_id = "c1",
                                                           .name = "Ann",
                                                           .state = SESSION_STATE_GRACE,
                                                           .room = "plaza/main",
                                                           .number = 18,
                                                           .has_left_seconds = true,
                                                           .left_seconds = 40}}};
        sim_reply(house->sim, ask, MSG_ADMISSION_SESSIONS, &sessions);
        assert_answer(
            &call, 200,
            "{\"sessions\":[{\"sessionId\":\"s1\",\"characterId\":\"c1\",\"name\":\"Ann\",\"state\":\"grace\","
            "\"room\":\"plaza/main\",\"number\":18,\"leftSeconds\":40}]}");
    }
    admin_get(house, &call, "/admin/instances/plaza/sessions", "");
    msg_admission_declined_t declined = {.code = ERROR_UNAVAILABLE};
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_LIST), MSG_ADMISSION_DECLINED, &declined);
    assert_answer(&call, 503, "UNAVAILABLE");
    static const char *const bad[] = {
        "after=",   "after=x",    "after=-1", "after=1_0", "after=9007199254740992", "after=999999999999999999999999",
        "before=1", "after=1&x=2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        admin_get(house, &call, "/admin/instances/plaza/sessions", bad[i]);
        assert_answer(&call, 400, "query: ");
    }
    assert_int_equal(house_kept(house), 0);
}

static void
a_kick_names_a_session_or_a_character(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int by_session = 0; by_session < 2; by_session++) {
        admin_post(house, &call, "/admin/instances/plaza/kick",
                   by_session ? "{\"sessionId\":\"s1\"}" : "{\"characterId\":\"c1\"}");
        const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_KICK);
        assert_string_equal(ask->key, "plaza");
        const msg_admission_kick_t *kick = ask->body;
        assert_true(kick->has_session_id == by_session && kick->has_character_id == !by_session);
        assert_string_equal(by_session ? kick->session_id : kick->character_id, by_session ? "s1" : "c1");
        msg_admission_ended_t ended = {.ended = by_session};
        sim_reply(house->sim, ask, MSG_ADMISSION_ENDED, &ended);
        assert_answer(&call, 200, by_session ? "{\"left\":true}" : "{\"left\":false}");
    }
    admin_post(house, &call, "/admin/instances/plaza/kick", "{}");
    assert_answer(&call, 400, "either a sessionId or a characterId");
    admin_post(house, &call, "/admin/instances/plaza/kick", "{\"sessionId\":\"s1\",\"characterId\":\"c1\"}");
    assert_answer(&call, 400, "either a sessionId or a characterId");
    assert_int_equal(house_kept(house), 0);
}

static void
an_instance_that_is_not_there_is_404_at_once(void **state)
{
    house_t *house = *state;
    call_t call;
    admin_post(house, &call, "/admin/instances/moon", "{\"drain\":true}");
    assert_answer(&call, 404, "there is no such instance");
    admin_post(house, &call, "/admin/instances/moon/kick", "{\"sessionId\":\"s1\"}");
    assert_answer(&call, 404, "there is no such instance");
    admin_get(house, &call, "/admin/instances/moon/sessions", "");
    assert_answer(&call, 404, "there is no such instance");
    assert_int_equal(house_kept(house), 0);
}

static void
the_admin_routes_are_not_on_the_open_listener(void **state)
{
    house_t *house = *state;
    call_t call;
    call_get(house, &call, "/admin/instances");
    assert_answer(&call, 404, "NOT_FOUND");
    call_post(house, &call, "/admin/instances/plaza", "{\"drain\":true}");
    assert_answer(&call, 404, "NOT_FOUND");
    call_post(house, &call, "/admin/instances/plaza/kick", "{\"sessionId\":\"s1\"}");
    assert_answer(&call, 404, "NOT_FOUND");
    assert_int_equal(house_kept(house), 0);
}

static void
an_admin_post_is_json(void **state)
{
    house_t *house = *state;
    call_t call;
    static const char *const types[] = {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        call_send(house, &call,
                  (wire_request_t){.method = WIRE_POST,
                                   .path = "/admin/instances/plaza",
                                   .host = "127.0.0.1:8081",
                                   .content_type = types[i],
                                   .body = (const uint8_t *)"{\"drain\":true}",
                                   .length = 14,
                                   .admin = true});
        assert_answer(&call, 415, "UNSUPPORTED_MEDIA");
    }
    assert_int_equal(house_kept(house), 0);
}

/* A page may have its own name resolve to 127.0.0.1 and then be of "the same origin": the name gives it away. */
static void
a_page_from_elsewhere_cannot_use_the_admin_listener(void **state)
{
    house_t *house = *state;
    static const struct {
        const char *host, *origin;
        bool good;
    } rows[] = {
        {"127.0.0.1:8081", "", true},
        {"127.1.2.3", "", true},
        {"localhost", "", true},
        {"LOCALHOST:8081", "", true},
        {"[::1]:8081", "", true},
        {"[::1]", "", true},
        {"", "", true}, /* no browser leaves it out */
        {"localhost:8081", "http://localhost:8081", true},
        {"localhost:8081", "http://127.0.0.1:8080", true},
        {"localhost:8081", "http://[::1]", true},
        {"evil.example:8081", "", false},
        {"localhost.evil.example", "", false},
        {"127.0.0.1.evil.example:8081", "", false},
        {"127.0.0.1:8081.evil.example", "", false},
        {"127.0.0.1:80x", "", false},
        {"128.0.0.1", "", false},
        {"10.0.0.1:8081", "", false},
        {"0.0.0.0:8081", "", false},
        {"[::2]:8081", "", false},
        {"[::1", "", false},
        {"[::1]evil", "", false},
        {"127.0.0.1:8081,evil.example", "", false},
        {"?", "", false},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", "", false},
        {"localhost:8081", "http://evil.example", false},
        {"localhost:8081", "http://localhost.evil.example", false},
        {"localhost:8081", "null", false},
        {"localhost:8081", "localhost", false},
        {"localhost:8081", "http://localhost@evil.example", false},
        {"evil.example", "http://evil.example", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        call_t call;
        for (int method = 0; method < 2; method++) {
            wire_request_t request = {.method = method ? WIRE_POST : WIRE_GET,
                                      .path = method ? "/admin/instances/plaza" : "/metrics",
                                      .host = rows[i].host,
                                      .origin = rows[i].origin,
                                      .content_type = "application/json",
                                      .body = (const uint8_t *)"{\"drain\":true}",
                                      .length = 14,
                                      .admin = true};
            call_send(house, &call, request);
            if (rows[i].good) {
                assert_int_equal(call.answers, 0);
                assert_non_null(sim_take(house->sim, method ? MSG_ADMISSION_CONFIGURE : MSG_METRICS_SCRAPE));
            } else {
                assert_answer(&call, 403, "FORBIDDEN");
                assert_int_equal(house_kept(house), 0);
            }
        }
    }
}

/* With admin.host beyond loopback. */
static void
another_machine_may_only_see_how_it_goes(void **state)
{
    house_t *house = *state;
    static const uint8_t peers[][WIRE_ADDRESS_BYTES] = {
        {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7},
        {[10] = 0xff, [11] = 0xff, [12] = 126, [13] = 255, [14] = 255, [15] = 255},
        {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
        {[15] = 2},
    };
    static const struct {
        wire_method_t method;
        const char *path;
        msg_type_t asks; /* 0: refused */
    } rows[] = {
        {WIRE_GET, "/metrics", MSG_METRICS_SCRAPE},
        {WIRE_GET, "/health", MSG_PERSISTENCE_PING},
        {WIRE_POST, "/metrics", 0},
        {WIRE_GET, "/actors", 0},
        {WIRE_GET, "/admin/instances", 0},
        {WIRE_GET, "/metrics/", 0},
        {WIRE_POST, "/admin/instances/plaza", 0},
        {WIRE_POST, "/admin/instances/plaza/kick", 0},
    };
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]) * (sizeof(rows) / sizeof(rows[0])); i++) {
        size_t peer = i % (sizeof(peers) / sizeof(peers[0])), row = i / (sizeof(peers) / sizeof(peers[0]));
        call_t call;
        wire_request_t request = {.method = rows[row].method,
                                  .path = rows[row].path,
                                  .host = peer == 0 ? "127.0.0.1:8081" : "room-1.example:8081",
                                  .content_type = "application/json",
                                  .body = (const uint8_t *)"{\"drain\":true}",
                                  .length = 14,
                                  .admin = true};
        memcpy(request.address, peers[peer], WIRE_ADDRESS_BYTES);
        call_send(house, &call, request);
        if (rows[row].asks != 0) {
            assert_int_equal(call.answers, 0);
            assert_non_null(sim_take(house->sim, rows[row].asks));
        } else {
            assert_answer(&call, 403, "FORBIDDEN");
        }
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_instance_is_asked_in_turn),
        TEST(a_list_that_cannot_be_had_whole_is_refused),
        cmocka_unit_test(the_longest_list_of_instances_fits_its_answer),
        TEST(the_longest_list_of_sessions_fits_its_answer),
        TEST(what_is_switched_reaches_admission),
        TEST(sessions_are_listed_from_where_the_last_list_ended),
        TEST(a_kick_names_a_session_or_a_character),
        TEST(an_instance_that_is_not_there_is_404_at_once),
        TEST(the_admin_routes_are_not_on_the_open_listener),
        TEST(an_admin_post_is_json),
        TEST(a_page_from_elsewhere_cannot_use_the_admin_listener),
        TEST(another_machine_may_only_see_how_it_goes),
    };
    return cmocka_run_group_tests_name("http_admin", tests, NULL, NULL);
}
