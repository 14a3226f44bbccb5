#include "gateway_fixture.h"

/* A connect up to admission; the question it asked, by its head, and the session id drawn for it. */
static msg_t
connect_ask_as(house_t *house, call_t *call, char drawn[25])
{
    call_post(house, call, "/instances/plaza/connect", "{\"characterId\":\"c1\",\"build\":\"b1\"}");
    call_verify(house);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_CONNECT);
    assert_non_null(ask);
    assert_string_equal(ask->key, "plaza");
    const msg_admission_connect_t *connect = ask->body;
    assert_true(!connect->has_replace_token && !connect->has_reconnect_token && connect->has_character_id);
    assert_int_equal(connect->auth_until, EXPIRES_AT);
    memcpy(drawn, connect->session_id, 25);
    return *ask; /* its head; the body is gone with the next sim_take */
}

static msg_t
connect_ask(house_t *house, call_t *call)
{
    char drawn[25];
    return connect_ask_as(house, call, drawn);
}

static void
connect_answers_with_the_one_outcome(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_t ask = connect_ask(house, &call);
    msg_admission_connected_t connected = {.outcome = OUTCOME_ADMITTED,
                                           .has_ticket = true,
                                           .ticket = TICKET,
                                           .has_session_id = true,
                                           .session_id = "s-from-admission",
                                           .has_character_id = true,
                                           .character_id = "c1"};
    sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
    assert_answer(&call, 200,
                  "{\"outcome\":\"admitted\",\"ticket\":\"" TICKET
                  "\",\"characterId\":\"c1\",\"sessionId\":\"s-from-admission\"}");
    ask = connect_ask(house, &call);
    connected = (msg_admission_connected_t){.outcome = OUTCOME_QUEUED,
                                            .has_position = true,
                                            .position = 3,
                                            .has_eta_seconds = true,
                                            .eta_seconds = 90,
                                            .has_session_id = true,
                                            .session_id = "s2",
                                            .has_reconnect_token = true,
                                            .reconnect_token = TOKEN};
    sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
    assert_answer(&call, 200,
                  "{\"outcome\":\"queued\",\"sessionId\":\"s2\",\"position\":3,\"etaSeconds\":90,"
                  "\"reconnectToken\":\"" TOKEN "\"}");
    ask = connect_ask(house, &call);
    connected = (msg_admission_connected_t){.outcome = OUTCOME_FAILED,
                                            .has_reason = true,
                                            .reason = REASON_REPLACEMENT_REQUIRED,
                                            .has_replace_token = true,
                                            .replace_token = TOKEN};
    sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
    assert_answer(&call, 200, "{\"outcome\":\"failed\",\"reason\":\"REPLACEMENT_REQUIRED\",\"transient\":true,");
    assert_non_null(strstr(call.body, "\"replaceToken\":\"" TOKEN "\"}"));
    ask = connect_ask(house, &call);
    connected = (msg_admission_connected_t){.outcome = OUTCOME_FAILED,
                                            .has_reason = true,
                                            .reason = REASON_DEPENDENCY_UNAVAILABLE,
                                            .has_retry_after_seconds = true,
                                            .retry_after_seconds = 5};
    sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
    assert_answer(&call, 200, "\"retryAfterSeconds\":5}");
    assert_null(sim_take(house->sim, MSG_ADMISSION_LEAVE));
}

static void
every_reason_has_its_own_words(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        msg_t ask = connect_ask(house, &call);
        msg_admission_connected_t connected = {
            .outcome = OUTCOME_FAILED, .has_reason = true, .reason = (reason_t)reason};
        sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
        char wanted[400];
        snprintf(wanted, sizeof(wanted),
                 "{\"outcome\":\"failed\",\"reason\":\"%s\",\"transient\":%s,\"message\":\"%s\"}", reason_names[reason],
                 reason_transient[reason] ? "true" : "false", reason_texts[reason]);
        if (reason == REASON_RATE_LIMITED) {
            assert_answer(&call, 429, "\"code\":\"RATE_LIMITED\",\"message\":\"too many failed attempts\"");
            assert_int_equal(call.retry_seconds, 1);
        } else {
            assert_answer(&call, 200, wanted);
        }
    }
}

static void
who_is_locked_out_hears_for_how_long(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_t ask = connect_ask(house, &call);
    msg_admission_connected_t connected = {.outcome = OUTCOME_FAILED,
                                           .has_reason = true,
                                           .reason = REASON_RATE_LIMITED,
                                           .has_retry_after_seconds = true,
                                           .retry_after_seconds = 42};
    sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
    assert_answer(&call, 429, "RATE_LIMITED");
    assert_non_null(strstr(call.body, "\"retryAfterMs\":42000"));
    assert_int_equal(call.retry_seconds, 42);
    assert_null(sim_take(house->sim, MSG_ADMISSION_LEAVE));
}

static void
the_tokens_and_the_address_of_a_connect_reach_admission(void **state)
{
    house_t *house = *state;
    call_t call;
    static const char body[] = "{\"build\":\"b1\",\"replaceToken\":\"" TICKET "\",\"reconnectToken\":\"" TOKEN "\"}";
    wire_request_t request = {.method = WIRE_POST,
                              .path = "/instances/arena/connect",
                              .authorization = "Bearer good",
                              .content_type = "application/json",
                              .body = (const uint8_t *)body,
                              .length = sizeof(body) - 1,
                              .address = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}};
    call_send(house, &call, request);
    call_verify(house);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_CONNECT);
    assert_string_equal(ask->key, "arena");
    const msg_admission_connect_t *connect = ask->body;
    assert_true(connect->has_replace_token && connect->has_reconnect_token && !connect->has_character_id);
    assert_string_equal(connect->replace_token, TICKET);
    assert_string_equal(connect->reconnect_token, TOKEN);
    assert_string_equal(connect->address, "192.0.2.1");
    (void)connect_ask(house, &call); /* neither token */
}

static void
an_address_is_one_client_up_to_its_first_64_bits(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[WIRE_ADDRESS_BYTES];
        const char *text;
    } rows[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 255, [13] = 255, [14] = 255, [15] = 255}, "255.255.255.255"},
        {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9}, "2001:db8:0:1::/64"},
        {{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0xff, 0xff, 1}, "2001:db8:ffff:ffff::/64"},
        {{0xfe, 0x80, [15] = 1}, "fe80::/64"},
        {{[15] = 1}, "::/64"},
        {{0}, "::/64"},
        {{[10] = 0xff, [11] = 0xfe, [12] = 10}, "::/64"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[ADDRESS_SCOPE_SIZE];
        address_scope(rows[i].bytes, text);
        assert_string_equal(text, rows[i].text);
    }
}

/* A connect with a token that auth refuses. */
static void
connect_with_bad_token(house_t *house, call_t *call, const char *path, token_fault_t fault)
{
    call_post(house, call, path, "{\"build\":\"b1\"}");
    msg_auth_refused_t refused = {.fault = fault};
    sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
}

static void
a_bad_token_is_counted_against_its_address_and_answered_401_until_it_is_locked(void **state)
{
    house_t *house = *state;
    call_t call;
    connect_with_bad_token(house, &call, "/instances/arena/connect", TOKEN_FAULT_EXPIRED);
    assert_int_equal(call.answers, 0);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_ATTEMPT);
    assert_string_equal(ask->key, "arena");
    assert_string_equal(((const msg_admission_attempt_t *)ask->body)->address, "::/64");
    msg_admission_attempted_t attempted = {.retry_after_seconds = 0};
    sim_reply(house->sim, ask, MSG_ADMISSION_ATTEMPTED, &attempted);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    assert_true(call.authenticate);
    connect_with_bad_token(house, &call, "/instances/moon/connect", TOKEN_FAULT_EXPIRED);
    ask = sim_take(house->sim, MSG_ADMISSION_ATTEMPT);
    assert_string_equal(ask->key, "plaza"); /* one that is there */
    attempted.retry_after_seconds = 33;
    sim_reply(house->sim, ask, MSG_ADMISSION_ATTEMPTED, &attempted);
    assert_answer(&call, 429, "\"code\":\"RATE_LIMITED\"");
    assert_int_equal(call.retry_seconds, 33);
    assert_false(call.authenticate);
    assert_null(sim_take(house->sim, MSG_ADMISSION_LEAVE));
}

static void
a_bad_token_is_401_also_when_admission_does_not_answer(void **state)
{
    house_t *house = *state;
    call_t call;
    connect_with_bad_token(house, &call, "/instances/plaza/connect", TOKEN_FAULT_EXPIRED);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    connect_with_bad_token(house, &call, "/instances/plaza/connect", TOKEN_FAULT_EXPIRED);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
    call_post(house, &call, "/instances/plaza/connect", "{\"build\":\"b1\"}");
    sim_advance(house->sim, 4900 * ACT_MSEC); /* auth takes half of the ten seconds, admission the rest */
    msg_auth_refused_t refused = {.fault = TOKEN_FAULT_EXPIRED};
    sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
    sim_advance(house->sim, 4900 * ACT_MSEC);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    call_get(house, &call, "/api/characters"); /* elsewhere nothing is counted */
    while (sim_take(house->sim, MSG_ADMISSION_ATTEMPT) != NULL) {
    }
    sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
    assert_answer(&call, 401, "UNAUTHENTICATED");
    assert_int_equal(house_kept(house), 0);
}

static void
a_connect_that_is_not_decided_in_ten_seconds_says_so_and_gives_the_seat_up(void **state)
{
    house_t *house = *state;
    call_t call;
    call_post(house, &call, "/instances/plaza/connect", "{\"build\":\"b1\"}");
    sim_advance(house->sim, 4 * ACT_SEC); /* auth was slow */
    call_verify(house);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_CONNECT);
    char session_id[25];
    memcpy(session_id, ((const msg_admission_connect_t *)ask->body)->session_id, sizeof(session_id));
    sim_advance(house->sim, 5500 * ACT_MSEC);
    assert_int_equal(call.answers, 0);
    sim_advance(house->sim, 500 * ACT_MSEC);
    assert_answer(&call, 200, "{\"outcome\":\"timeout\",\"reason\":\"TIMEOUT\",\"transient\":true,");
    assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", session_id, 0);
    assert_int_equal(sim_metric(house->sim, METRIC_CONNECTS, OUTCOME_TIMEOUT), 1);
}

static void
a_connect_has_an_outcome_also_when_a_service_is_away_or_full(void **state)
{
    house_t *house = *state;
    call_t call;
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    call_post(house, &call, "/instances/plaza/connect", "{\"build\":\"b1\"}");
    call_verify(house);
    assert_answer(&call, 200, "{\"outcome\":\"failed\",\"reason\":\"OVERLOADED\",\"transient\":true,");
    sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
    call_post(house, &call, "/instances/plaza/connect", "{\"build\":\"b1\"}");
    msg_auth_refused_t refused = {.fault = TOKEN_FAULT_KEYS_UNAVAILABLE};
    sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
    assert_answer(&call, 200, "DEPENDENCY_UNAVAILABLE");
    call_post(house, &call, "/instances/plaza/connect", "{\"build\":\"b1\"}");
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_answer(&call, 200, "\"outcome\":\"timeout\"");
}

static void
call_hang_up(house_t *house, const call_t *call)
{
    act_enter(house->ctx);
    gateway_http_gone(house->gateway, call->handle);
    act_leave(house->ctx);
    sim_run(house->sim);
}

static void
a_client_that_hangs_up_keeps_no_seat_and_no_place(void **state)
{
    house_t *house = *state;
    call_t call;
    for (int queued = 0; queued < 2; queued++) {
        msg_admission_connected_t connected = {.outcome = queued ? OUTCOME_QUEUED : OUTCOME_ADMITTED,
                                               .has_session_id = true,
                                               .session_id = "s1",
                                               .has_ticket = true,
                                               .ticket = TICKET};
        char drawn[25];
        msg_t ask = connect_ask_as(house, &call, drawn);
        call_hang_up(house, &call);
        assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", drawn, 0);
        sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
        assert_int_equal(call.answers, 0);
        assert_int_equal(house_kept(house), 0);

        ask = connect_ask_as(house, &call, drawn);
        call.gone = true; /* seen only when there is something to say */
        sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
        assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", drawn, 0);

        ask = connect_ask_as(house, &call, drawn);
        call.gone = true;
        connected.outcome = OUTCOME_FAILED; /* it has nothing to give back */
        sim_reply(house->sim, &ask, MSG_ADMISSION_CONNECTED, &connected);
        assert_int_equal(house_kept(house), 0);
    }
}

static void
a_client_may_hang_up_before_admission_is_asked(void **state)
{
    house_t *house = *state;
    call_t call;
    call_post(house, &call, "/instances/plaza/connect", "{\"build\":\"b1\"}");
    msg_t verify = *sim_take(house->sim, MSG_AUTH_VERIFY);
    call_hang_up(house, &call);
    msg_auth_verified_t verified = {.user_id = "auth0|someone", .role = ROLE_PLAYER, .expires_at = 1};
    sim_reply(house->sim, &verify, MSG_AUTH_VERIFIED, &verified);
    assert_int_equal(house_kept(house), 0);
    connect_with_bad_token(house, &call, "/instances/plaza/connect", TOKEN_FAULT_EXPIRED);
    msg_t attempt = *sim_take(house->sim, MSG_ADMISSION_ATTEMPT);
    call_hang_up(house, &call);
    msg_admission_attempted_t attempted = {.retry_after_seconds = 9};
    sim_reply(house->sim, &attempt, MSG_ADMISSION_ATTEMPTED, &attempted);
    assert_int_equal(call.answers, 0);
    assert_int_equal(house_kept(house), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(connect_answers_with_the_one_outcome),
        TEST(every_reason_has_its_own_words),
        TEST(who_is_locked_out_hears_for_how_long),
        TEST(the_tokens_and_the_address_of_a_connect_reach_admission),
        TEST(an_address_is_one_client_up_to_its_first_64_bits),
        TEST(a_bad_token_is_counted_against_its_address_and_answered_401_until_it_is_locked),
        TEST(a_bad_token_is_401_also_when_admission_does_not_answer),
        TEST(a_connect_that_is_not_decided_in_ten_seconds_says_so_and_gives_the_seat_up),
        TEST(a_connect_has_an_outcome_also_when_a_service_is_away_or_full),
        TEST(a_client_that_hangs_up_keeps_no_seat_and_no_place),
        TEST(a_client_may_hang_up_before_admission_is_asked),
    };
    return cmocka_run_group_tests_name("http_connect", tests, NULL, NULL);
}
