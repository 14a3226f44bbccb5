#include "gateway_fixture.h"

/* A delta of a room in both formats, of `size` bytes each. */
static void
room_delta(house_t *house, const char *room, char fill, size_t size)
{
    msg_gateway_delta_t delta = {.has_json = true, .has_msgpack = true};
    snprintf(delta.room, sizeof(delta.room), "%s", room);
    delta.json = blob_new(NULL, size);
    delta.msgpack = blob_new(NULL, size);
    memset(delta.json->data, fill, size);
    memset(delta.msgpack->data, fill + 1, size);
    assert_true(sim_tell(house->sim, MSG_GATEWAY_DELTA, "", &delta));
    blob_release(&delta.json);
    blob_release(&delta.msgpack);
}

static void
room_state_to(house_t *house, peer_t *peer, const char *text)
{
    msg_gateway_state_t whole = {.connection = (int64_t)peer->handle, .frame = blob_new(text, strlen(text))};
    assert_true(sim_tell(house->sim, MSG_GATEWAY_STATE, "", &whole));
    blob_release(&whole.frame);
}

static void
a_delta_goes_to_its_room_only_and_in_each_ones_format(void **state)
{
    house_t *house = *state;
    peer_t *json = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    peer_t *msgpack = peer_join(house, CODEC_MSGPACK, "s2", "plaza/main", 2);
    peer_t *other = peer_join(house, CODEC_JSON, "s3", "plaza/main-2", 1);
    room_delta(house, "plaza/main", 'a', 3);
    assert_heard(house, json, "aaa");
    assert_heard(house, msgpack, "bbb");
    assert_silent(house, other);
    peer_gone(house, &json);
    room_delta(house, "plaza/main", 'c', 3);
    assert_heard(house, msgpack, "ddd");
    room_delta(house, "plaza/none", 'c', 3);
    peer_gone(house, &msgpack);
    peer_gone(house, &other);
    room_delta(house, "plaza/main", 'c', 3); /* to nobody */
}

static void
a_slow_client_misses_deltas_and_gets_the_whole_state_when_it_reads_again(void **state)
{
    house_t *house = *state;
    peer_t *slow = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    peer_t *quick = peer_join(house, CODEC_JSON, "s2", "plaza/main", 2);
    for (int i = 0; i < 100; i++) {
        room_delta(house, "plaza/main", 'a', 1000);
        assert_non_null(peer_hear(house, quick));
    }
    uint64_t left_out = sim_metric(house->sim, METRIC_DELTAS_COALESCED, 0);
    assert_true(left_out > 25 && left_out < 50); /* of 100 kB, 64 kB waited */
    assert_null(sim_take(house->sim, MSG_ROOM_RESYNC));
    while (peer_hear(house, slow) != NULL) {
    }
    const msg_t *resync = sim_take(house->sim, MSG_ROOM_RESYNC);
    assert_non_null(resync);
    assert_int_equal(((const msg_room_resync_t *)resync->body)->member, 1);
    room_delta(house, "plaza/main", 'x', 10); /* is in the whole state to come */
    assert_silent(house, slow);
    room_state_to(house, slow, "whole");
    room_delta(house, "plaza/main", 'y', 3);
    assert_heard(house, slow, "[whole,yyy]");
    room_state_to(house, slow, "again"); /* a copy of the answer would take the client back */
    assert_silent(house, slow);
    assert_null(sim_take(house->sim, MSG_ROOM_RESYNC));
    peer_gone(house, &slow);
    peer_gone(house, &quick);
}

static void
a_whole_state_that_does_not_come_is_asked_for_again(void **state)
{
    house_t *house = *state;
    peer_t *slow = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    for (int i = 0; i < 70; i++) {
        room_delta(house, "plaza/main", 'a', 1000);
    }
    while (peer_hear(house, slow) != NULL) {
    }
    assert_non_null(sim_take(house->sim, MSG_ROOM_RESYNC));
    sim_advance(house->sim, 1900 * ACT_MSEC);
    assert_null(sim_take(house->sim, MSG_ROOM_RESYNC));
    sim_advance(house->sim, 700 * ACT_MSEC);
    assert_non_null(sim_take(house->sim, MSG_ROOM_RESYNC));
    peer_gone(house, &slow);
}

static void
a_client_that_takes_nothing_is_closed_after_the_stall_time(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    room_delta(house, "plaza/main", 'a', 10);
    sim_advance(house->sim, 19 * ACT_SEC);
    assert_int_equal(peer->close_code, 0);
    sim_advance(house->sim, 2 * ACT_SEC);
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_SLOW_CONSUMER]);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_int_equal(sim_metric(house->sim, METRIC_CLOSES, CLOSE_CODE_SLOW_CONSUMER), 1);
    peer_gone(house, &peer);
}

static void
a_quiet_client_is_left_alone(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    sim_advance(house->sim, 500 * ACT_SEC);
    assert_int_equal(peer->close_code, 0);
    assert_false(act_timer_running(house->ctx, GATEWAY_TIMER_SWEEP)); /* and costs no wake-up */
    peer_gone(house, &peer);
}

static void
an_outbox_over_its_bound_closes_the_connection_and_frees_what_waited(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    msg_gateway_ack_t ack = {.connection = (int64_t)peer->handle, .action_id = 1, .sequence = 1, .room_version = 1};
    for (int i = 0; i < 100000 && peer->close_code == 0; i++) {
        assert_true(sim_tell(house->sim, MSG_GATEWAY_ACK, "", &ack));
    }
    assert_int_equal(peer->close_code, close_code_numbers[CLOSE_CODE_SLOW_CONSUMER]);
    assert_null(session_find(house->gateway, peer->handle)->outbox.data);
    room_delta(house, "plaza/main", 'a', 10);
    assert_silent(house, peer);
    peer_gone(house, &peer);
}

static void
deltas_of_a_room_may_end_its_last_listener(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.outbox_max=65536", "--gateway.coalesce_at=1000000", NULL};
    house_t *house = house_new(flags);
    peer_t *a = peer_join(house, CODEC_JSON, "s1", "plaza/main", 1);
    peer_t *b = peer_join(house, CODEC_JSON, "s2", "plaza/main", 2);
    room_delta(house, "plaza/main", 'a', 60000);
    room_delta(house, "plaza/main", 'a', 60000);
    assert_int_equal(a->close_code, close_code_numbers[CLOSE_CODE_SLOW_CONSUMER]);
    assert_int_equal(b->close_code, close_code_numbers[CLOSE_CODE_SLOW_CONSUMER]);
    room_delta(house, "plaza/main", 'a', 60000);
    peer_gone(house, &a);
    peer_gone(house, &b);
    house_destroy(house);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_delta_goes_to_its_room_only_and_in_each_ones_format),
        TEST(a_slow_client_misses_deltas_and_gets_the_whole_state_when_it_reads_again),
        TEST(a_whole_state_that_does_not_come_is_asked_for_again),
        TEST(a_client_that_takes_nothing_is_closed_after_the_stall_time),
        TEST(a_quiet_client_is_left_alone),
        TEST(an_outbox_over_its_bound_closes_the_connection_and_frees_what_waited),
        cmocka_unit_test(deltas_of_a_room_may_end_its_last_listener),
    };
    return cmocka_run_group_tests_name("session_slow", tests, NULL, NULL);
}
