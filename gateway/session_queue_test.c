#include "gateway_fixture.h"

#define JOIN_WITH_NEXT "{\"type\":\"session.join\",\"ticket\":\"" NEXT_TOKEN "\",\"build\":\"b1\"}"
#define WATCH "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}"

static void
push_position(house_t *house, const peer_t *peer, int64_t position, int64_t eta_seconds)
{
    msg_gateway_queue_position_t push = {.connection = (int64_t)peer->handle,
                                         .position = position,
                                         .depth = 9,
                                         .has_eta_seconds = eta_seconds >= 0,
                                         .eta_seconds = eta_seconds >= 0 ? eta_seconds : 0};
    house_tell_as(house, MSG_QUEUE_ATTACH, MSG_GATEWAY_QUEUE_POSITION, &push);
}

static void
push_admitted(house_t *house, const peer_t *peer)
{
    msg_gateway_admitted_t push = {.connection = (int64_t)peer->handle, .seconds = 30};
    house_tell_as(house, MSG_QUEUE_ATTACH, MSG_GATEWAY_ADMITTED, &push);
}

/* A watcher that has answered event.admitted with its ticket; what admission was asked, by its head. */
static msg_t
peer_take_seat(house_t *house, peer_t *peer)
{
    push_admitted(house, peer);
    assert_heard(house, peer, "event.admitted");
    peer_say(house, peer, JOIN_WITH_NEXT);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_ENTER);
    assert_non_null(ask);
    assert_string_equal(((const msg_admission_enter_t *)ask->body)->secret, NEXT_TOKEN);
    return *ask;
}

static void
who_watches_hears_of_its_place_until_a_seat_is_held(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    peer_t *other = peer_watch(house, CODEC_MSGPACK, "s2", 6);
    push_position(house, peer, 2, -1);
    assert_heard(house, peer, "{\"type\":\"event.queue_position\",\"position\":2,\"depth\":9}");
    push_position(house, peer, 1, 40);
    assert_heard(house, peer, "\"position\":1,\"depth\":9,\"etaSeconds\":40}");
    assert_silent(house, other);
    push_admitted(house, peer); /* the ticket is the token it was given last */
    assert_heard(house, peer, "{\"type\":\"event.admitted\",\"ticket\":\"" NEXT_TOKEN "\",\"seconds\":30}");
    push_admitted(house, other);
    assert_heard(house, other, NEXT_TOKEN);
    peer_gone(house, &peer);
    peer_gone(house, &other);
}

static void
the_ticket_of_a_held_seat_turns_the_watch_into_a_session(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    msg_t ask = peer_take_seat(house, peer);
    push_position(house, peer, 1, -1); /* was under way */
    assert_silent(house, peer);
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", 8);
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
    peer_let_in(house, peer, 7);
    assert_heard(house, peer, "event.reconnect_token");
    assert_non_null(strstr(peer->heard, "{\"welcome\":1}"));
    assert_int_equal(house_kept(house), 0); /* no detach */
    static const session_sent_t none[GATEWAY_SENT_CAP];
    assert_memory_equal(session_find(house->gateway, peer->handle)->sent, none, sizeof(none)); /* its token was there */
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":1,\"x\":2,\"y\":3}");
    assert_non_null(sim_take(house->sim, MSG_ROOM_MOVE));
    push_admitted(house, peer);
    assert_silent(house, peer);
    peer_gone(house, &peer);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", 8);
}

static void
another_instance_is_watched_and_joined_where_it_was_named(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer,
             "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"instance\":\"arena\",\"build\":\"b1\"}");
    const msg_t *ask = sim_take(house->sim, MSG_QUEUE_ATTACH);
    assert_string_equal(ask->key, "arena");
    msg_queue_attached_t attached = {
        .session_id = "s1", .user_id = "u", .turn = 5, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
    sim_reply(house->sim, ask, MSG_QUEUE_ATTACHED, &attached);
    assert_heard(house, peer, NEXT_TOKEN);
    peer_say(house, peer,
             "{\"type\":\"session.join\",\"ticket\":\"" NEXT_TOKEN "\",\"instance\":\"plaza\",\"build\":\"b1\"}");
    assert_heard(house, peer, "BAD_REQUEST");
    assert_int_equal(peer->close_code, 0);
    msg_t enter = peer_take_seat(house, peer);
    assert_string_equal(enter.key, "arena");
    peer_gone(house, &peer);
    assert_let_go(house, MSG_QUEUE_DETACH, "arena", "s1", 5);
}

static void
a_watch_is_of_this_build_and_comes_first(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b0\"}");
    assert_heard(house, peer, "{\"type\":\"event.version_mismatch\",\"build\":\"b1\"}");
    assert_closed(peer, CLOSE_CODE_VERSION_MISMATCH);
    peer_gone(house, &peer);
    peer = peer_watch(house, CODEC_JSON, "s1", 5);
    peer_say(house, peer, WATCH);
    assert_heard(house, peer, "ALREADY_JOINED");
    peer_say(house, peer, "{\"type\":\"intent.move\",\"actionId\":5,\"x\":1,\"y\":1}");
    assert_heard(house, peer, "NOT_JOINED");
    assert_int_equal(house_kept(house), 0);
    peer_gone(house, &peer);
    peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_say(house, peer, WATCH);
    assert_heard(house, peer, "ALREADY_JOINED");
    peer_gone(house, &peer);
    peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, WATCH);
    peer_say(house, peer, JOIN_WITH_NEXT); /* while the queue is asked */
    assert_heard(house, peer, "ALREADY_JOINED");
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
}

static void
a_token_of_no_place_is_told_and_closed(void **state)
{
    house_t *house = *state;
    static const struct {
        secret_fault_t fault;
        const char *heard;
        close_code_t close;
    } rows[] = {
        {SECRET_FAULT_UNKNOWN, "\"RECONNECT_INVALID\"", CLOSE_CODE_RECONNECT_INVALID},
        {SECRET_FAULT_SPENT, "\"RECONNECT_INVALID\"", CLOSE_CODE_RECONNECT_INVALID},
        {SECRET_FAULT_WAITING, "\"RECONNECT_INVALID\"", CLOSE_CODE_RECONNECT_INVALID}, /* no answer to this question */
        {SECRET_FAULT_EXPIRED, "\"RECONNECT_EXPIRED\"", CLOSE_CODE_RECONNECT_INVALID},
        {SECRET_FAULT_UNAVAILABLE, "\"UNAVAILABLE\"", CLOSE_CODE_OVERLOADED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        peer_t *peer = peer_open(house, CODEC_JSON);
        peer_say(house, peer, WATCH);
        msg_queue_refused_t refused = {.fault = rows[i].fault};
        sim_reply(house->sim, sim_take(house->sim, MSG_QUEUE_ATTACH), MSG_QUEUE_REFUSED, &refused);
        assert_heard(house, peer, rows[i].heard);
        assert_closed(peer, rows[i].close);
        peer_gone(house, &peer);
    }
    assert_int_equal(house_kept(house), 0);
}

static void
a_queue_that_is_full_or_silent_is_told_and_closed(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    sim_set_full(house->sim, ACT_KIND_QUEUE, true);
    peer_say(house, peer, WATCH);
    assert_heard(house, peer, "\"OVERLOADED\"");
    assert_closed(peer, CLOSE_CODE_OVERLOADED);
    peer_gone(house, &peer);
    sim_set_full(house->sim, ACT_KIND_QUEUE, false);
    peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, WATCH);
    sim_advance(house->sim, 6 * ACT_SEC);
    assert_heard(house, peer, "\"TIMEOUT\"");
    assert_closed(peer, CLOSE_CODE_OVERLOADED);
    peer_gone(house, &peer);
}

static void
who_watches_may_do_so_for_hours(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    sim_advance(house->sim, (act_usec_t)3600 * ACT_SEC);
    assert_int_equal(peer->close_code, 0);
    assert_false(act_timer_running(house->ctx, GATEWAY_TIMER_SWEEP));
    push_position(house, peer, 1, -1);
    sim_advance(house->sim, 21 * ACT_SEC); /* but it has to read what it is told */
    assert_closed(peer, CLOSE_CODE_SLOW_CONSUMER);
    assert_let_go(house, MSG_QUEUE_DETACH, "plaza", "s1", 5);
    peer_gone(house, &peer);
}

static void
a_dropped_watch_is_detached_and_a_leave_ends_the_place(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    peer_gone(house, &peer);
    assert_let_go(house, MSG_QUEUE_DETACH, "plaza", "s1", 5);
    peer = peer_watch(house, CODEC_JSON, "s1", 6);
    peer_say(house, peer, "{\"type\":\"session.leave\"}");
    assert_closed(peer, CLOSE_CODE_LEFT);
    assert_let_go(house, MSG_ADMISSION_LEAVE, "plaza", "s1", 6);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0); /* once */
}

static void
a_place_attached_for_a_connection_that_is_gone_is_given_back(void **state)
{
    house_t *house = *state;
    msg_queue_attached_t attached = {
        .session_id = "s1", .user_id = "u", .turn = 5, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, WATCH);
    msg_t ask = *sim_take(house->sim, MSG_QUEUE_ATTACH);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0);
    sim_reply(house->sim, &ask, MSG_QUEUE_ATTACHED, &attached);
    assert_let_go(house, MSG_QUEUE_DETACH, "", "s1", 5); /* the tester has no key */
    peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, WATCH);
    ask = *sim_take(house->sim, MSG_QUEUE_ATTACH);
    peer_say(house, peer, "{\"type\":\"session.leave\"}");
    sim_reply(house->sim, &ask, MSG_QUEUE_ATTACHED, &attached);
    assert_let_go(house, MSG_ADMISSION_LEAVE, "", "s1", 5);
    peer_gone(house, &peer);
}

/* A queue that takes its time: answers after six seconds. */
typedef struct slow_queue {
    msg_t ask;
} slow_queue_t;

static void
slow_queue_receive(void *me, act_ctx_t *ctx, const msg_t *msg)
{
    if (msg->type == MSG_QUEUE_ATTACH) {
        ((slow_queue_t *)me)->ask = *msg;
        act_timer_start(ctx, 0, 6 * ACT_SEC);
    } else {
        assert_int_equal(msg->type, MSG_QUEUE_DETACH);
        const msg_queue_detach_t *detach = msg->body;
        assert_string_equal(act_key(ctx), "arena");
        assert_string_equal(detach->session_id, "s1");
        assert_int_equal(detach->turn, 5);
        act_timer_start(ctx, 1, (act_usec_t)3600 * ACT_SEC); /* as a sign */
    }
}

static void
slow_queue_expire(void *me, act_ctx_t *ctx, int timer)
{
    (void)timer;
    msg_queue_attached_t attached = {
        .session_id = "s1", .user_id = "u", .turn = 5, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
    reply_queue_attached(ctx, &((slow_queue_t *)me)->ask, &attached);
}

static void
a_place_attached_too_late_is_given_back_to_its_queue_unless_it_is_held(void **state)
{
    house_t *house = *state;
    static const act_kind_t slow_kind = {.id = ACT_KIND_QUEUE,
                                         .name = "queue",
                                         .keying = ACT_KEYED,
                                         .state_size = sizeof(slow_queue_t),
                                         .receive = slow_queue_receive,
                                         .expire = slow_queue_expire};
    peer_t *held = peer_watch(house, CODEC_JSON, "s1", 5);
    sim_add(house->sim, &slow_kind, NULL);
    for (int i = 0; i < 2; i++) {
        peer_t *peer = peer_open(house, CODEC_JSON);
        peer_say(house, peer,
                 "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"instance\":\"arena\",\"build\":\"b1\"}");
        sim_advance(house->sim, 5500 * ACT_MSEC);
        assert_heard(house, peer, "TIMEOUT");
        if (i == 1) { /* the first time it is as if this were the one that has it */
            session_find(house->gateway, held->handle)->turn = 4;
        }
        sim_advance(house->sim, 1 * ACT_SEC);
        assert_int_equal(act_timer_running(sim_ctx(house->sim, ACT_KIND_QUEUE, "arena"), 1), i == 1);
        peer_gone(house, &peer);
    }
    sim_set_full(house->sim, ACT_KIND_QUEUE, true);
    peer_gone(house, &held); /* nobody can be told: the next report tells */
    assert_int_equal(house_kept(house), 0);
}

static void
a_ticket_shown_too_early_lets_the_watch_go_on(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    msg_t ask = peer_take_seat(house, peer);
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_WAITING};
    sim_reply(house->sim, &ask, MSG_ADMISSION_REFUSED, &refused);
    assert_heard(house, peer, "STILL_WAITING");
    sim_advance(house->sim, 20 * ACT_SEC);
    assert_int_equal(peer->close_code, 0);
    push_position(house, peer, 3, -1);
    assert_heard(house, peer, "event.queue_position");
    (void)peer_take_seat(house, peer); /* the token is what it was */
    peer_gone(house, &peer);
    assert_let_go(house, MSG_QUEUE_DETACH, "plaza", "s1", 5);
}

static void
a_ticket_that_is_refused_ends_the_watch(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    msg_t ask = peer_take_seat(house, peer);
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_EXPIRED};
    sim_reply(house->sim, &ask, MSG_ADMISSION_REFUSED, &refused);
    assert_heard(house, peer, "TICKET_INVALID");
    assert_closed(peer, CLOSE_CODE_TICKET_INVALID);
    assert_let_go(house, MSG_QUEUE_DETACH, "plaza", "s1", 5);
    peer_gone(house, &peer);
}

static void
a_drop_while_the_ticket_is_looked_at_lets_go_of_both(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
    msg_t ask = peer_take_seat(house, peer);
    peer_gone(house, &peer);
    assert_let_go(house, MSG_QUEUE_DETACH, "plaza", "s1", 5); /* means nothing when the ticket was good */
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", 8);
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
    assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", 8);
}

static void
pushes_for_who_does_not_watch_are_not_passed_on(void **state)
{
    house_t *house = *state;
    peer_t *peers[] = {peer_open(house, CODEC_JSON), peer_open(house, CODEC_JSON),
                       peer_join(house, CODEC_JSON, "s1", "plaza/main", 7)};
    peer_say(house, peers[1], WATCH); /* not answered yet */
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        push_position(house, peers[i], 1, -1);
        push_admitted(house, peers[i]);
        assert_silent(house, peers[i]);
        peer_gone(house, &peers[i]);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_watches_hears_of_its_place_until_a_seat_is_held),
        TEST(the_ticket_of_a_held_seat_turns_the_watch_into_a_session),
        TEST(another_instance_is_watched_and_joined_where_it_was_named),
        TEST(a_watch_is_of_this_build_and_comes_first),
        TEST(a_token_of_no_place_is_told_and_closed),
        TEST(a_queue_that_is_full_or_silent_is_told_and_closed),
        TEST(who_watches_may_do_so_for_hours),
        TEST(a_dropped_watch_is_detached_and_a_leave_ends_the_place),
        TEST(a_place_attached_for_a_connection_that_is_gone_is_given_back),
        TEST(a_place_attached_too_late_is_given_back_to_its_queue_unless_it_is_held),
        TEST(a_ticket_shown_too_early_lets_the_watch_go_on),
        TEST(a_ticket_that_is_refused_ends_the_watch),
        TEST(a_drop_while_the_ticket_is_looked_at_lets_go_of_both),
        TEST(pushes_for_who_does_not_watch_are_not_passed_on),
    };
    return cmocka_run_group_tests_name("session_queue", tests, NULL, NULL);
}
