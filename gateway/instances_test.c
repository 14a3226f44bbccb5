#include "gateway_fixture.h"

static msg_gateway_notice_t
notice_of(const char *instance, bool degraded, bool maintenance)
{
    msg_gateway_notice_t notice = {.degraded = degraded, .maintenance = maintenance};
    snprintf(notice.instance, sizeof(notice.instance), "%s", instance);
    return notice;
}

static void
notice(house_t *house, msg_gateway_notice_t what)
{
    house_tell_as(house, MSG_ADMISSION_BEAT, MSG_GATEWAY_NOTICE, &what);
}

static msg_gateway_notice_t
maintenance_of(const char *instance, int64_t ends_in_seconds, const char *message)
{
    msg_gateway_notice_t what = notice_of(instance, false, true);
    what.has_ends_in_seconds = ends_in_seconds >= 0;
    what.ends_in_seconds = ends_in_seconds >= 0 ? ends_in_seconds : 0;
    what.has_message = message != NULL;
    snprintf(what.message, sizeof(what.message), "%s", message != NULL ? message : "");
    return what;
}

/* As peer_join, in the other instance. */
static peer_t *
peer_join_arena(house_t *house)
{
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer,
             "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"instance\":\"arena\",\"build\":\"b1\"}");
    msg_admission_entered_t entered = entered_body("s9", "arena/main", 90);
    sim_reply(house->sim, sim_take(house->sim, MSG_ADMISSION_ENTER), MSG_ADMISSION_ENTERED, &entered);
    peer_let_in(house, peer, 9);
    assert_heard(house, peer, "welcome");
    return peer;
}

static void
each_instance_hears_a_beat_at_once_and_then_every_second(void **state)
{
    house_t *house = *state;
    for (int second = 0; second < 3; second++) {
        static const char *const instances[] = {"plaza", "arena"};
        for (int i = 0; i < 2; i++) {
            const msg_t *beat = sim_take(house->sim, MSG_ADMISSION_BEAT);
            assert_non_null(beat);
            assert_string_equal(beat->key, instances[i]);
            assert_string_equal(((const msg_admission_beat_t *)beat->body)->holder, house->gateway->session_prefix);
        }
        assert_null(sim_take(house->sim, MSG_ADMISSION_BEAT));
        if (second == 1) { /* one that is refused does not end them */
            sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
            sim_advance(house->sim, 1 * ACT_SEC);
            sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
        }
        sim_advance(house->sim, 1 * ACT_SEC);
    }
    assert_int_equal(strlen(house->gateway->session_prefix), 11);
}

static void
degraded_on_and_off_is_told_once_to_those_of_the_instance(void **state)
{
    house_t *house = *state;
    peer_t *joined = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_t *watcher = peer_watch(house, CODEC_JSON, "s2", 5);
    peer_t *other = peer_join_arena(house);
    peer_t *guest = peer_open(house, CODEC_JSON);
    peer_t *asking = peer_open(house, CODEC_JSON); /* whether it will be a watcher, the queue has to say yet */
    peer_say(house, asking, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    notice(house, notice_of("plaza", false, false)); /* as it was */
    assert_silent(house, joined);
    notice(house, notice_of("plaza", true, false));
    assert_heard(house, joined, "{\"type\":\"event.degraded\",\"on\":true}");
    assert_heard(house, watcher, "{\"type\":\"event.degraded\",\"on\":true}");
    notice(house, notice_of("plaza", true, false));
    assert_silent(house, joined);
    notice(house, notice_of("moon", true, false));
    assert_silent(house, other);
    assert_silent(house, guest);
    assert_silent(house, asking);
    notice(house, notice_of("plaza", false, false));
    assert_heard(house, joined, "{\"type\":\"event.degraded\",\"on\":false}");
    assert_heard(house, watcher, "{\"type\":\"event.degraded\",\"on\":false}");
    assert_silent(house, other);
    assert_silent(house, guest);
    peer_gone(house, &joined);
    peer_gone(house, &watcher);
    peer_gone(house, &other);
    peer_gone(house, &guest);
    peer_gone(house, &asking);
}

static void
who_comes_later_hears_of_it_right_after_the_welcome(void **state)
{
    house_t *house = *state;
    msg_gateway_notice_t what = maintenance_of("plaza", 60, "back soon");
    what.degraded = true;
    notice(house, what);
    sim_advance(house->sim, 15 * ACT_SEC);
    peer_t *joined = peer_open(house, CODEC_JSON);
    peer_enter(house, joined, "s1", "plaza/main", ROLE_PLAYER);
    notice(house, what); /* while it is on its way in */
    peer_let_in(house, joined, 7);
    assert_heard(
        house, joined,
        "{\"welcome\":1},{\"type\":\"event.degraded\",\"on\":true},{\"type\":\"event.maintenance\",\"on\":true,"
        "\"endsInSeconds\":45,\"message\":\"back soon\"}]");
    peer_t *watcher = peer_watch(house, CODEC_JSON, "s2", 5);
    assert_non_null(strstr(watcher->heard, "{\"type\":\"event.degraded\",\"on\":true}"));
    assert_non_null(strstr(watcher->heard, "\"endsInSeconds\":45"));
    peer_t *other = peer_join_arena(house);
    assert_null(strstr(other->heard, "event.degraded"));
    sim_advance(house->sim, 100 * ACT_SEC);
    peer_t *last = peer_join(house, CODEC_JSON, "s3", "plaza/main", 8);
    assert_non_null(strstr(last->heard, "\"endsInSeconds\":0"));
    peer_gone(house, &joined);
    peer_gone(house, &watcher);
    peer_gone(house, &other);
    peer_gone(house, &last);
}

static void
maintenance_is_told_as_it_comes_counts_down_and_goes(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_t *other = peer_join_arena(house);
    notice(house, maintenance_of("plaza", -1, NULL));
    assert_heard(house, peer, "{\"type\":\"event.maintenance\",\"on\":true}");
    notice(house, maintenance_of("plaza", -1, NULL));
    assert_silent(house, peer);
    notice(house, maintenance_of("plaza", 60, "back \"soon\""));
    assert_heard(house, peer, "\"on\":true,\"endsInSeconds\":60,\"message\":\"back \\\"soon\\\"\"}");
    notice(house, maintenance_of("plaza", 60, "back \"soon\""));
    assert_silent(house, peer);
    sim_advance(house->sim, 30 * ACT_SEC);
    notice(house, maintenance_of("plaza", 30, "back \"soon\""));
    assert_heard(house, peer, "\"endsInSeconds\":30,");
    notice(house, maintenance_of("plaza", 30, NULL));
    assert_heard(house, peer, "\"endsInSeconds\":30}");
    notice(house, notice_of("plaza", false, false));
    assert_heard(house, peer, "{\"type\":\"event.maintenance\",\"on\":false}");
    notice(house, notice_of("plaza", false, false));
    assert_silent(house, peer);
    assert_silent(house, other);
    peer_t *late = peer_join(house, CODEC_JSON, "s2", "plaza/main", 8);
    assert_null(strstr(late->heard, "event.maintenance"));
    peer_gone(house, &peer);
    peer_gone(house, &other);
    peer_gone(house, &late);
}

static void
the_longest_message_of_all_is_passed_on(void **state)
{
    house_t *house = *state;
    peer_t *json = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_t *msgpack = peer_join(house, CODEC_MSGPACK, "s2", "plaza/main", 8);
    char message[801] = "";
    memset(message, 1, 200); /* each is six bytes in JSON */
    notice(house, maintenance_of("plaza", 86400, message));
    assert_heard(house, json, "\\u0001\\u0001");
    assert_heard(house, msgpack, "event.maintenance");
    for (int i = 0; i < 200; i++) {
        memcpy(message + 4 * i, "\xf0\x9f\x8e\xad", 4);
    }
    notice(house, maintenance_of("plaza", 86400, message));
    assert_heard(house, json, message);
    assert_heard(house, msgpack, message);
    peer_gone(house, &json);
    peer_gone(house, &msgpack);
}

static void
a_notice_may_end_a_slow_client(void **state)
{
    house_t *house = *state;
    peer_t *slow = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_t *quick = peer_join(house, CODEC_JSON, "s2", "plaza/main", 8);
    session_find(house->gateway, slow->handle)->outbox.waiting = house->gateway->limits.outbox_max;
    notice(house, notice_of("plaza", true, false));
    assert_closed(slow, CLOSE_CODE_SLOW_CONSUMER);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
    assert_heard(house, quick, "event.degraded");
    peer_gone(house, &slow);
    peer_gone(house, &quick);
}

static msg_admission_held_t
take_held(house_t *house, const char *instance, int64_t marker)
{
    const msg_t *msg = sim_take(house->sim, MSG_ADMISSION_HELD);
    assert_non_null(msg);
    assert_string_equal(msg->key, instance);
    msg_admission_held_t held = *(const msg_admission_held_t *)msg->body;
    assert_string_equal(held.holder, house->gateway->session_prefix);
    assert_int_equal(held.marker, marker);
    return held;
}

static void
report(house_t *house, const char *instance, int64_t marker)
{
    msg_gateway_report_t ask = {.marker = marker};
    snprintf(ask.instance, sizeof(ask.instance), "%s", instance);
    house_tell_as(house, MSG_ADMISSION_BEAT, MSG_GATEWAY_REPORT, &ask);
}

static void
a_report_names_every_session_held_here_and_its_turn(void **state)
{
    house_t *house = *state;
    report(house, "plaza", 1);
    msg_admission_held_t held = take_held(house, "plaza", 1);
    assert_true(held.last && held.sessions_len == 0);
    peer_t *joined = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_t *watcher = peer_watch(house, CODEC_JSON, "s2", 5);
    peer_t *joining = peer_open(house, CODEC_JSON);
    peer_enter(house, joining, "s3", "plaza/main", ROLE_PLAYER);
    assert_non_null(sim_take(house->sim, MSG_ROOM_JOIN));
    peer_t *entering = peer_open(house, CODEC_JSON);
    (void)peer_show(house, entering);
    peer_t *other = peer_join_arena(house);
    peer_t *left = peer_join(house, CODEC_JSON, "s4", "plaza/main", 8);
    peer_say(house, left, "{\"type\":\"session.leave\"}");
    report(house, "plaza", 2);
    held = take_held(house, "plaza", 2);
    assert_true(held.last && held.sessions_len == 3);
    assert_string_equal(held.sessions[0].session_id, "s1");
    assert_int_equal(held.sessions[0].turn, TURN);
    assert_int_equal(held.sessions[0].connection, joined->handle);
    assert_string_equal(held.sessions[1].session_id, "s2");
    assert_int_equal(held.sessions[1].turn, 5);
    assert_string_equal(held.sessions[2].session_id, "s3");
    report(house, "arena", 3);
    held = take_held(house, "arena", 3);
    assert_true(held.last && held.sessions_len == 1 && held.sessions[0].turn == 90);
    report(house, "moon", 4);
    held = take_held(house, "moon", 4);
    assert_true(held.last && held.sessions_len == 0);
    peer_gone(house, &joined);
    peer_gone(house, &watcher);
    peer_gone(house, &joining);
    peer_gone(house, &entering);
    peer_gone(house, &other);
    peer_gone(house, &left);
}

static void
a_long_report_comes_in_pieces_and_the_last_says_so(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.address_max=1000", NULL};
    house_t *house = house_new(flags);
    static peer_t *peers[257];
    static const uint32_t counts[] = {127, 128, 129, 256, 257};
    uint32_t open = 0;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        for (; open < counts[i]; open++) {
            char id[25];
            snprintf(id, sizeof(id), "s%u", open);
            peers[open] = peer_watch(house, CODEC_JSON, id, 100 + open);
        }
        report(house, "plaza", counts[i]);
        uint32_t told = 0;
        for (msg_admission_held_t held = {0}; !held.last;) {
            held = take_held(house, "plaza", counts[i]);
            assert_true(held.sessions_len == 128 || held.last);
            for (uint32_t j = 0; j < held.sessions_len; j++) {
                assert_int_equal(held.sessions[j].turn, 100 + told++);
            }
        }
        assert_int_equal(told, counts[i]);
        assert_null(sim_take(house->sim, MSG_ADMISSION_HELD));
    }
    sim_set_full(house->sim, ACT_KIND_ADMISSION, true);
    report(house, "plaza", 9);
    sim_set_full(house->sim, ACT_KIND_ADMISSION, false);
    assert_int_equal(house_kept(house), 0);
    while (open > 0) {
        peer_gone(house, &peers[--open]);
    }
    house_destroy(house);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_instance_hears_a_beat_at_once_and_then_every_second),
        TEST(degraded_on_and_off_is_told_once_to_those_of_the_instance),
        TEST(who_comes_later_hears_of_it_right_after_the_welcome),
        TEST(maintenance_is_told_as_it_comes_counts_down_and_goes),
        TEST(the_longest_message_of_all_is_passed_on),
        TEST(a_notice_may_end_a_slow_client),
        TEST(a_report_names_every_session_held_here_and_its_turn),
        cmocka_unit_test(a_long_report_comes_in_pieces_and_the_last_says_so),
    };
    return cmocka_run_group_tests_name("instances", tests, NULL, NULL);
}
