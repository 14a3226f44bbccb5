#include "gateway_fixture.h"

static void
a_leave_ends_what_admission_finds(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int ended = 0; ended < 2; ended++) {
        call_post(house, &call, "/instances/arena/leave",
                  ended ? "{\"characterId\":\"c1\",\"replaceToken\":\"" TICKET "\"}" : "{}");
        call_verify(house);
        const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_END);
        assert_string_equal(ask->key, "arena");
        const msg_admission_end_t *end = ask->body;
        assert_string_equal(end->user_id, "auth0|someone");
        assert_true(end->has_character_id == ended && end->has_replace_token == ended);
        assert_string_equal(end->character_id, ended ? "c1" : "");
        assert_string_equal(end->replace_token, ended ? TICKET : "");
        msg_admission_ended_t answer = {.ended = ended};
        sim_reply(house->sim, ask, MSG_ADMISSION_ENDED, &answer);
        assert_answer(&call, 200, ended ? "{\"left\":true}" : "{\"left\":false}");
    }
}

static void
a_leave_that_is_declined_says_why(void **state)
{
    house_t *house = *state;
    call_t call;
    static const struct {
        error_code_t code;
        unsigned status;
    } rows[] = {{ERROR_NOT_FOUND, 404}, {ERROR_FORBIDDEN, 403}, {ERROR_UNAVAILABLE, 503}, {ERROR_BAD_REQUEST, 400}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        call_post(house, &call, "/instances/moon/leave", "{}"); /* which instance there is, admission says */
        call_verify(house);
        msg_admission_declined_t declined = {.code = rows[i].code};
        sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_END), MSG_ADMISSION_DECLINED, &declined);
        assert_answer(&call, rows[i].status, error_names[rows[i].code]);
    }
    call_post(house, &call, "/instances/plaza/leave", "{}");
    call_verify(house);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_answer(&call, 504, "TIMEOUT");
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    call_post(house, &call, "/instances/plaza/leave", "{}");
    call_verify(house);
    assert_answer(&call, 503, "OVERLOADED");
}

static void
a_leave_wants_a_token_and_a_body(void **state)
{
    house_t *house = *state;
    call_t call;
    wire_request_t request = {.method = WIRE_POST, .path = "/instances/plaza/leave", .authorization = "Bearer good"};
    call_send(house, &call, request);
    assert_answer(&call, 415, "UNSUPPORTED_MEDIA");
    request.content_type = "application/json";
    request.authorization = "";
    call_send(house, &call, request);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    static const char *const bad[] = {"", "[]", "{\"characterId\":\"\"}", "{\"replaceToken\":\"short\"}", "{\"x\":1}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        call_post(house, &call, "/instances/plaza/leave", bad[i]);
        call_verify(house);
        assert_answer(&call, 400, "body: ");
    }
    call_get(house, &call, "/instances/plaza/leave");
    assert_answer(&call, 405, "METHOD_NOT_ALLOWED");
    assert_int_equal(house_kept(house), 0);
}

static void
status_send(house_t *house, call_t *call, const char *query)
{
    call_send(
        house, call,
        (wire_request_t){.path = "/instances/plaza/queue/status", .query = query, .authorization = "Bearer good"});
}

static void
a_place_in_the_queue_is_told_to_its_owner(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int eta = 0; eta < 2; eta++) {
        status_send(house, &call, "characterId=c-1_X");
        call_verify(house);
        const msg_t *ask = sim_take(house->sim, MSG_QUEUE_LOCATE);
        assert_string_equal(ask->key, "plaza");
        const msg_queue_locate_t *locate = ask->body;
        assert_string_equal(locate->user_id, "auth0|someone");
        assert_string_equal(locate->character_id, "c-1_X");
        msg_queue_standing_t standing = {.position = eta, .depth = 7, .has_eta_seconds = eta, .eta_seconds = 30 * eta};
        sim_reply(house->sim, ask, MSG_QUEUE_STANDING, &standing);
        assert_answer(&call, 200,
                      eta ? "{\"position\":1,\"depth\":7,\"etaSeconds\":30}" : "{\"position\":0,\"depth\":7}");
    }
}

static void
who_does_not_wait_is_not_found(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int fault = 0; fault < SECRET_FAULT_COUNT; fault++) {
        status_send(house, &call, "characterId=c1");
        call_verify(house);
        msg_queue_refused_t refused = {.fault = (secret_fault_t)fault};
        sim_reply(house->sim, sim_take(house->sim, MSG_QUEUE_LOCATE), MSG_QUEUE_REFUSED, &refused);
        bool away = fault == SECRET_FAULT_UNAVAILABLE;
        assert_answer(&call, away ? 503 : 404, away ? "\"UNAVAILABLE\"" : "\"NOT_FOUND\"");
    }
    status_send(house, &call, "characterId=c1");
    call_verify(house);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_answer(&call, 504, "TIMEOUT");
}

static void
a_query_is_one_known_parameter_and_nothing_else(void **state)
{
    house_t *house = *state;
    call_t call;
    static const char *const bad[] = {"",
                                      "characterId",
                                      "characterId=",
                                      "=c1",
                                      "c1",
                                      "characterid=c1",
                                      "xcharacterId=c1",
                                      "characterIdx=c1",
                                      "characterId:c1",
                                      "characterId=c1&",
                                      "&characterId=c1",
                                      "characterId=c1&after=2",
                                      "after=2&characterId=c1",
                                      "characterId=c1&characterId=c2",
                                      "characterId=c%31",
                                      "characterId=c 1",
                                      "characterId=c+1",
                                      "characterId=c1=",
                                      "characterId=c1#x",
                                      "characterId=../c1",
                                      "characterId=\xc3\xa9",
                                      "characterId=1234567890123456789012345",
                                      "after=1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        status_send(house, &call, bad[i]);
        assert_int_equal(call.answers, 0); /* told to who may ask */
        call_verify(house);
        assert_answer(&call, 400, "\"code\":\"BAD_REQUEST\",\"message\":\"query: ");
    }
    assert_int_equal(house_kept(house), 0);
    status_send(house, &call, "characterId=123456789012345678901234");
    call_verify(house);
    assert_non_null(sim_take(house->sim, MSG_QUEUE_LOCATE));
    call_send(house, &call,
              (wire_request_t){.path = "/api/version", .query = "cache=none"}); /* takes none, minds none */
    assert_answer(&call, 200, "b1");
}

static void
status_wants_a_token(void **state)
{
    house_t *house = *state;
    call_t call;
    call_send(house, &call, (wire_request_t){.path = "/instances/plaza/queue/status", .query = "characterId=c1"});
    assert_answer(&call, 401, "UNAUTHENTICATED");
    call_post(house, &call, "/instances/plaza/queue/status", "{}");
    assert_answer(&call, 405, "METHOD_NOT_ALLOWED");
    assert_int_equal(house_kept(house), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_leave_ends_what_admission_finds),
        TEST(a_leave_that_is_declined_says_why),
        TEST(a_leave_wants_a_token_and_a_body),
        TEST(a_place_in_the_queue_is_told_to_its_owner),
        TEST(who_does_not_wait_is_not_found),
        TEST(a_query_is_one_known_parameter_and_nothing_else),
        TEST(status_wants_a_token),
    };
    return cmocka_run_group_tests_name("http_instance", tests, NULL, NULL);
}
