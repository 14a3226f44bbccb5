#include "gateway_fixture.h"

static void
answer_characters(house_t *house, bool active)
{
    call_verify(house);
    const msg_t *ask = sim_take(house->sim, MSG_PERSISTENCE_LIST_CHARACTERS);
    assert_non_null(ask);
    msg_persistence_characters_t list = {
        .characters_len = 2,
        .characters = {{.id = "c1", .name = "Ann"}, {.id = "c2", .name = "Bob", .active = active}}};
    sim_reply(house->sim, ask, MSG_PERSISTENCE_CHARACTERS, &list);
}

/* What this instance's admission is asked about the active character. */
static msg_t
take_find(house_t *house, const char *instance)
{
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_FIND);
    assert_non_null(ask);
    assert_string_equal(ask->key, instance);
    assert_string_equal(((const msg_admission_find_t *)ask->body)->character_id, "c2");
    return *ask;
}

static void
answer_nothing(house_t *house, const char *instance)
{
    msg_t ask = take_find(house, instance);
    msg_admission_found_t nothing = {.has_session = false};
    sim_reply(house->sim, &ask, MSG_ADMISSION_FOUND, &nothing);
}

static void
bootstrap_tells_all_a_client_needs_and_compares_the_build(void **state)
{
    house_t *house = *state;
    call_t call;
    call_post(house, &call, "/api/session/bootstrap", "{\"build\":\"b0\"}");
    call_verify(house);
    assert_answer(&call, 409, "VERSION_MISMATCH");
    static const char *const good[] = {"{\"build\":\"b1\"}", "{}", ""};
    for (size_t i = 0; i < 3; i++) {
        call_post(house, &call, "/api/session/bootstrap", good[i]);
        answer_characters(house, true);
        answer_nothing(house, "plaza");
        answer_nothing(house, "arena");
        assert_answer(&call, 200, "\"character\":{\"id\":\"c2\"");
        assert_non_null(strstr(call.body, "\"instance\":{\"id\":\"plaza\",\"capacity\":1000}"));
        assert_null(strstr(call.body, "\"session\""));
    }
}

static void
without_an_active_character_no_session_is_looked_for(void **state)
{
    house_t *house = *state;
    call_t call;
    call_get(house, &call, "/api/session/bootstrap");
    answer_characters(house, false);
    assert_answer(&call, 200, "\"instance\":{\"id\":\"plaza\"");
    assert_null(strstr(call.body, "\"character\":"));
    assert_int_equal(house_kept(house), 0);
}

static void
a_session_is_told_with_the_instance_where_it_is(void **state)
{
    house_t *house = *state;
    call_t call;
    call_get(house, &call, "/api/session/bootstrap");
    answer_characters(house, true);
    answer_nothing(house, "plaza");
    msg_t ask = take_find(house, "arena");
    msg_admission_found_t found = {.has_session = true,
                                   .session = {.session_id = "s9",
                                               .character_id = "c2",
                                               .name = "Bob",
                                               .state = SESSION_STATE_GRACE,
                                               .room = "arena/main",
                                               .has_left_seconds = true,
                                               .left_seconds = 42}};
    sim_reply(house->sim, &ask, MSG_ADMISSION_FOUND, &found);
    assert_answer(&call, 200,
                  "\"session\":{\"sessionId\":\"s9\",\"characterId\":\"c2\",\"name\":\"Bob\",\"state\":\"grace\"");
    assert_non_null(strstr(call.body, "\"leftSeconds\":42"));
    assert_non_null(strstr(call.body, "\"instance\":{\"id\":\"arena\""));
}

static void
an_admission_that_cannot_say_does_not_stop_anybody(void **state)
{
    house_t *house = *state;
    call_t call;
    call_get(house, &call, "/api/session/bootstrap");
    answer_characters(house, true);
    msg_t ask = take_find(house, "plaza");
    msg_admission_declined_t declined = {.code = ERROR_UNAVAILABLE};
    sim_reply(house->sim, &ask, MSG_ADMISSION_DECLINED, &declined);
    (void)take_find(house, "arena");
    sim_advance(house->sim, GATEWAY_PING_USEC + 100 * ACT_MSEC);
    assert_answer(&call, 200, "\"instance\":{\"id\":\"plaza\"");
    assert_null(strstr(call.body, "\"session\""));
}

static void
a_store_that_is_away_is_told(void **state)
{
    house_t *house = *state;
    call_t call;
    call_get(house, &call, "/api/session/bootstrap");
    call_verify(house);
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(house->sim, sim_take(house->sim, MSG_PERSISTENCE_LIST_CHARACTERS), MSG_PERSISTENCE_FAILED, &failed);
    assert_answer(&call, 503, "UNAVAILABLE");
    call_get(house, &call, "/api/session/bootstrap"); /* is under way when the gateway goes down */
    answer_characters(house, true);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(bootstrap_tells_all_a_client_needs_and_compares_the_build),
        TEST(without_an_active_character_no_session_is_looked_for),
        TEST(a_session_is_told_with_the_instance_where_it_is),
        TEST(an_admission_that_cannot_say_does_not_stop_anybody),
        TEST(a_store_that_is_away_is_told),
    };
    return cmocka_run_group_tests_name("http_bootstrap", tests, NULL, NULL);
}
