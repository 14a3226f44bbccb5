#include "gateway_fixture.h"

static const struct {
    bool post;
    const char *path, *body, *nowhere;
    bool moderator; /* may; an admin always */
    msg_type_t asks;
} routes[] = {
    {false, "/instances/arena/sessions", NULL, "/instances/moon/sessions", true, MSG_ADMISSION_LIST},
    {true, "/instances/arena/kick", "{\"characterId\":\"c5\"}", "/instances/moon/kick", true, MSG_ADMISSION_KICK},
    {true, "/instances/arena/mute", "{\"characterId\":\"c5\",\"seconds\":60}", "/instances/moon/mute", true,
     MSG_PERSISTENCE_MUTE_CHARACTER},
    {false, "/instances/arena", NULL, "/instances/moon", false, MSG_ADMISSION_INSPECT},
    {true, "/instances/arena", "{\"drain\":true}", "/instances/moon", false, MSG_ADMISSION_CONFIGURE},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static void
call_route(house_t *house, call_t *call, size_t i, bool nowhere)
{
    const char *path = nowhere ? routes[i].nowhere : routes[i].path;
    if (routes[i].post) {
        call_post(house, call, path, routes[i].body);
    } else {
        call_get(house, call, path);
    }
}

static void
each_route_is_for_its_role_and_those_above_it(void **state)
{
    house_t *house = *state;
    call_t call;
    for (size_t i = 0; i < ROUTES; i++) {
        for (int role = 0; role < ROLE_COUNT; role++) {
            bool may = role == ROLE_ADMIN || (role == ROLE_MODERATOR && routes[i].moderator);
            call_route(house, &call, i, false);
            assert_int_equal(call.answers, 0);
            call_verify_as(house, (role_t)role);
            const msg_t *ask = sim_take(house->sim, routes[i].asks);
            assert_true((ask != NULL) == may);
            if (!may) {
                assert_answer(&call, 403, "\"code\":\"FORBIDDEN\"");
            } else if (routes[i].asks != MSG_PERSISTENCE_MUTE_CHARACTER) {
                assert_string_equal(ask->key, "arena");
            }
            assert_int_equal(house_kept(house), 0);
        }
    }
}

static void
without_a_good_token_nothing_is_said_of_roles(void **state)
{
    house_t *house = *state;
    call_t call;
    for (size_t i = 0; i < ROUTES; i++) {
        call_route(house, &call, i, false);
        msg_auth_refused_t refused = {.fault = TOKEN_FAULT_SIGNATURE};
        sim_reply(house->sim, sim_take(house->sim, MSG_AUTH_VERIFY), MSG_AUTH_REFUSED, &refused);
        assert_answer(&call, 401, "UNAUTHENTICATED");
        assert_int_equal(house_kept(house), 0);
    }
}

static void
who_may_not_ask_does_not_learn_what_is_there(void **state)
{
    house_t *house = *state;
    call_t call;
    for (size_t i = 0; i < ROUTES; i++) {
        call_route(house, &call, i, true);
        call_verify_as(house, ROLE_PLAYER);
        assert_answer(&call, 403, "FORBIDDEN");
        call_route(house, &call, i, true);
        call_verify_as(house, ROLE_ADMIN);
        assert_answer(&call, 404, "there is no such instance");
        assert_int_equal(house_kept(house), 0);
    }
    call_post(house, &call, "/instances/plaza/kick", "{\"nonsense\":1}");
    call_verify_as(house, ROLE_SPECTATOR);
    assert_answer(&call, 403, "FORBIDDEN"); /* and not what is wrong with the body */
}

static void
a_moderator_sees_sessions_and_ends_one(void **state)
{
    house_t *house = *state;
    call_t call;
    call_send(
        house, &call,
        (wire_request_t){.path = "/instances/plaza/sessions", .query = "after=7", .authorization = "Bearer good"});
    call_verify_as(house, ROLE_MODERATOR);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_LIST);
    assert_int_equal(((const msg_admission_list_t *)ask->body)->after, 7);
    msg_admission_sessions_t sessions = {
        .sessions_len = 1, .sessions = {{.session_id = "s1", .character_id = "c5", .name = "Eve", .number = 8}}};
    sim_reply(house->sim, ask, MSG_ADMISSION_SESSIONS, &sessions);
    assert_answer(&call, 200, "{\"sessions\":[{\"sessionId\":\"s1\",\"characterId\":\"c5\"");
    for (int ended = 0; ended < 2; ended++) {
        call_post(house, &call, "/instances/plaza/kick", "{\"sessionId\":\"s1\"}");
        call_verify_as(house, ROLE_MODERATOR);
        ask = sim_take(house->sim, MSG_ADMISSION_KICK);
        assert_string_equal(((const msg_admission_kick_t *)ask->body)->session_id, "s1");
        msg_admission_ended_t answer = {.ended = ended};
        sim_reply(house->sim, ask, MSG_ADMISSION_ENDED, &answer);
        assert_answer(&call, 200, ended ? "{\"left\":true}" : "{\"left\":false}");
    }
    call_post(house, &call, "/instances/plaza/kick", "{}");
    call_verify_as(house, ROLE_MODERATOR);
    assert_answer(&call, 400, "wants either");
}

static void
an_admin_sees_and_switches_one_instance(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_admission_instance_t answer = {.instance = {.id = "arena", .capacity = 5}};
    call_get(house, &call, "/instances/arena");
    call_verify_as(house, ROLE_ADMIN);
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_INSPECT), MSG_ADMISSION_INSTANCE, &answer);
    assert_answer(&call, 200, "{\"id\":\"arena\",\"capacity\":5");
    call_post(house, &call, "/instances/arena", "{\"drain\":true}");
    call_verify_as(house, ROLE_ADMIN);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_CONFIGURE);
    assert_true(((const msg_admission_configure_t *)ask->body)->drain);
    sim_reply(house->sim, ask, MSG_ADMISSION_INSTANCE, &answer);
    assert_answer(&call, 200, "{\"id\":\"arena\"");
}

/* What the store was asked for a mute of so many seconds. */
static msg_t
call_mute(house_t *house, call_t *call, int seconds)
{
    char body[96];
    snprintf(body, sizeof(body), "{\"characterId\":\"c5\",\"seconds\":%d}", seconds);
    call_post(house, call, "/instances/plaza/mute", body);
    call_verify_as(house, ROLE_MODERATOR);
    const msg_t *ask = sim_take(house->sim, MSG_PERSISTENCE_MUTE_CHARACTER);
    assert_non_null(ask);
    const msg_persistence_mute_character_t *mute = ask->body;
    assert_string_equal(mute->character_id, "c5");
    assert_int_equal(mute->muted_until, seconds > 0 ? act_wall_msec(house->ctx) + seconds * INT64_C(1000) : 0);
    return *ask;
}

static void
a_mute_is_in_the_store_before_any_room_hears_of_it(void **state)
{
    house_t *house = *state;
    call_t call;
    static const int seconds[] = {600, 31536000, 0};
    for (size_t i = 0; i < 3; i++) {
        msg_t ask = call_mute(house, &call, seconds[i]);
        int64_t until = seconds[i] > 0 ? act_wall_msec(house->ctx) + seconds[i] * INT64_C(1000) : 0;
        sim_advance(house->sim, 300 * ACT_MSEC);
        assert_int_equal(house_kept(house), 0);
        msg_persistence_muted_t muted = {0};
        sim_reply(house->sim, &ask, MSG_PERSISTENCE_MUTED, &muted);
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "{\"mutedUntil\":%lld}", (long long)until);
        assert_answer(&call, 200, wanted);
        static const char *const instances[] = {"plaza", "arena"}; /* wherever the character plays */
        for (int k = 0; k < 2; k++) {
            const msg_t *told = sim_take(house->sim, MSG_ADMISSION_MUTED);
            assert_string_equal(told->key, instances[k]);
            const msg_admission_muted_t *body = told->body;
            assert_string_equal(body->character_id, "c5");
            assert_int_equal(body->muted_until, until);
        }
        assert_int_equal(house_kept(house), 0);
    }
}

static void
a_mute_that_is_not_stored_is_told_to_nobody(void **state)
{
    house_t *house = *state;
    call_t call;
    static const struct {
        store_fault_t fault;
        unsigned status;
    } rows[] = {{STORE_FAULT_NOT_FOUND, 404}, {STORE_FAULT_UNAVAILABLE, 503}};
    for (size_t i = 0; i < 2; i++) {
        msg_t ask = call_mute(house, &call, 60);
        msg_persistence_failed_t failed = {.fault = rows[i].fault};
        sim_reply(house->sim, &ask, MSG_PERSISTENCE_FAILED, &failed);
        assert_answer(&call, rows[i].status, "\"code\":");
        assert_int_equal(house_kept(house), 0);
    }
    call_post(house, &call, "/instances/plaza/mute", "{\"characterId\":\"c5\",\"seconds\":31536001}");
    call_verify_as(house, ROLE_ADMIN);
    assert_answer(&call, 400, "body: seconds: ");
}

static void
a_mute_whose_room_cannot_be_told_is_to_be_sent_again(void **state)
{
    house_t *house = *state;
    call_t call;
    msg_t ask = call_mute(house, &call, 60);
    msg_persistence_muted_t muted = {0};
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    sim_reply(house->sim, &ask, MSG_PERSISTENCE_MUTED, &muted);
    sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
    assert_answer(&call, 503, "it is stored");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_route_is_for_its_role_and_those_above_it), TEST(without_a_good_token_nothing_is_said_of_roles),
        TEST(who_may_not_ask_does_not_learn_what_is_there),  TEST(a_moderator_sees_sessions_and_ends_one),
        TEST(an_admin_sees_and_switches_one_instance),       TEST(a_mute_is_in_the_store_before_any_room_hears_of_it),
        TEST(a_mute_that_is_not_stored_is_told_to_nobody),   TEST(a_mute_whose_room_cannot_be_told_is_to_be_sent_again),
    };
    return cmocka_run_group_tests_name("http_moderate", tests, NULL, NULL);
}
