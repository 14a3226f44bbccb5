#include "gateway_fixture.h"

/* The phases in which a connection has something to lose. */
typedef enum held {
    HELD_WATCH_ASKED,
    HELD_WATCH,
    HELD_WATCH_ENTERING, /* it showed the ticket of its seat */
    HELD_ENTERING,
    HELD_ROOM_ASKED,
    HELD_JOINED,
    HELD_COUNT,
} held_t;

/* A connection of session s1 in that phase; the last question it has made, by its head. */
static peer_t *
peer_hold(house_t *house, held_t held, msg_t *ask)
{
    peer_t *peer;
    switch (held) {
    case HELD_WATCH_ASKED:
        peer = peer_open(house, CODEC_JSON);
        peer_say(house, peer, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}");
        *ask = *sim_take(house->sim, MSG_QUEUE_ATTACH);
        return peer;
    case HELD_WATCH:
        return peer_watch(house, CODEC_JSON, "s1", 5);
    case HELD_WATCH_ENTERING:
        peer = peer_watch(house, CODEC_JSON, "s1", 5);
        *ask = peer_show(house, peer);
        return peer;
    case HELD_ENTERING:
        peer = peer_open(house, CODEC_JSON);
        *ask = peer_show(house, peer);
        return peer;
    case HELD_ROOM_ASKED:
        peer = peer_open(house, CODEC_JSON);
        peer_enter(house, peer, "s1", "plaza/main", ROLE_PLAYER);
        assert_heard(house, peer, NEXT_TOKEN);
        *ask = *sim_take(house->sim, MSG_ROOM_JOIN);
        return peer;
    default:
        return peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    }
}

static void
end_as(house_t *house, const peer_t *peer, msg_type_t hearer, close_code_t why)
{
    msg_gateway_end_t end = {.connection = (int64_t)peer->handle, .close = why};
    house_tell_as(house, hearer, MSG_GATEWAY_END, &end);
}

/* Nothing but a room.leave, if this one is in a room. */
static void
assert_only_room_left(house_t *house, held_t held)
{
    const msg_t *leave = sim_take(house->sim, MSG_ROOM_LEAVE);
    assert_int_equal(leave != NULL, held == HELD_JOINED);
    assert_int_equal(house_kept(house), 0);
}

static void
who_holds_the_sessions_may_end_one_in_each_phase_and_needs_no_word(void **state)
{
    house_t *house = *state;
    static const close_code_t codes[] = {CLOSE_CODE_MAINTENANCE,   CLOSE_CODE_KICKED,
                                         CLOSE_CODE_OFFER_EXPIRED, CLOSE_CODE_CHARACTER_CHANGED,
                                         CLOSE_CODE_SESSION_ENDED, CLOSE_CODE_LEFT};
    for (int held = 0; held < HELD_COUNT; held++) {
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
            msg_t ask;
            peer_t *peer = peer_hold(house, (held_t)held, &ask);
            end_as(house, peer, i % 2 ? MSG_ADMISSION_ENTER : MSG_QUEUE_ATTACH, codes[i]);
            assert_closed(peer, codes[i]);
            assert_only_room_left(house, (held_t)held);
            end_as(house, peer, MSG_ADMISSION_ENTER, CLOSE_CODE_KICKED); /* once is enough */
            assert_closed(peer, codes[i]);
            peer_gone(house, &peer);
            assert_int_equal(house_kept(house), 0);
        }
    }
}

static void
who_is_replaced_is_told_so_first(void **state)
{
    house_t *house = *state;
    for (int held = 0; held < HELD_COUNT; held++) {
        msg_t ask;
        peer_t *peer = peer_hold(house, (held_t)held, &ask);
        end_as(house, peer, MSG_ADMISSION_ENTER, CLOSE_CODE_REPLACED);
        assert_int_equal(peer->close_code, 0);
        assert_heard(house, peer, "{\"type\":\"event.session_replaced\",\"message\":\"the character was taken over");
        assert_closed(peer, CLOSE_CODE_REPLACED);
        assert_only_room_left(house, (held_t)held);
        peer_gone(house, &peer);
    }
}

static void
an_answer_after_the_end_gives_back_what_it_gives(void **state)
{
    house_t *house = *state;
    msg_t ask;
    peer_t *peer = peer_hold(house, HELD_WATCH_ASKED, &ask);
    end_as(house, peer, MSG_QUEUE_ATTACH, CLOSE_CODE_KICKED);
    msg_queue_attached_t attached = {
        .session_id = "s1", .user_id = "u", .turn = 6, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
    sim_reply(house->sim, &ask, MSG_QUEUE_ATTACHED, &attached);
    assert_let_go(house, MSG_QUEUE_DETACH, "", "s1", 6);
    peer_gone(house, &peer);
    for (held_t held = HELD_WATCH_ENTERING; held <= HELD_ENTERING; held++) {
        peer = peer_hold(house, held, &ask);
        end_as(house, peer, MSG_ADMISSION_ENTER, CLOSE_CODE_KICKED);
        msg_admission_entered_t entered = entered_body("s1", "plaza/main", 8);
        sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
        assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", 8);
        peer_gone(house, &peer);
    }
    peer = peer_hold(house, HELD_ROOM_ASKED, &ask);
    end_as(house, peer, MSG_ADMISSION_ENTER, CLOSE_CODE_KICKED);
    msg_room_joined_t joined = {
        .connection = (int64_t)peer->handle, .member = 9, .has_welcome = true, .welcome = blob_new("{}", 2)};
    sim_reply(house->sim, &ask, MSG_ROOM_JOINED, &joined);
    assert_int_equal(((const msg_room_leave_t *)sim_take(house->sim, MSG_ROOM_LEAVE)->body)->member, 9);
    blob_release(&joined.welcome);
    peer_gone(house, &peer);
    assert_int_equal(house_kept(house), 0);
}

static void
a_room_that_ends_a_session_leaves_it_its_grace(void **state)
{
    house_t *house = *state;
    for (held_t held = HELD_ROOM_ASKED; held <= HELD_JOINED; held++) {
        msg_t ask;
        peer_t *peer = peer_hold(house, held, &ask);
        end_as(house, peer, MSG_ROOM_JOIN, CLOSE_CODE_SESSION_ENDED);
        assert_closed(peer, CLOSE_CODE_SESSION_ENDED);
        assert_null(sim_take(house->sim, MSG_ROOM_LEAVE)); /* the room knows */
        assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", TURN);
        peer_gone(house, &peer);
    }
    for (held_t held = HELD_WATCH_ASKED; held <= HELD_ENTERING; held++) {
        msg_t ask;
        peer_t *peer = peer_hold(house, held, &ask);
        end_as(house, peer, MSG_ROOM_JOIN, CLOSE_CODE_SESSION_ENDED); /* there is no room yet that could */
        assert_int_equal(peer->close_code, 0);
        peer_gone(house, &peer);
    }
}

static void
an_end_for_who_has_nothing_to_end_is_nothing(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_open(house, CODEC_JSON);
    end_as(house, peer, MSG_ADMISSION_ENTER, CLOSE_CODE_KICKED);
    assert_int_equal(peer->close_code, 0);
    uint64_t old = peer->handle;
    peer_gone(house, &peer);
    peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    msg_gateway_end_t end = {.connection = (int64_t)old, .close = CLOSE_CODE_KICKED};
    house_tell_as(house, MSG_ADMISSION_ENTER, MSG_GATEWAY_END, &end);
    assert_int_equal(peer->close_code, 0);
    peer_gone(house, &peer);
}

/* What must be said when the connection of each phase drops, and when its client leaves. */
static void
each_way_out_says_what_it_is(void **state)
{
    house_t *house = *state;
    static const struct {
        msg_type_t drop, leave;
        int64_t turn;
    } rows[HELD_COUNT] = {
        [HELD_WATCH_ASKED] = {MSG_NONE, MSG_NONE, 0},
        [HELD_WATCH] = {MSG_QUEUE_DETACH, MSG_ADMISSION_LEAVE, 5},
        [HELD_WATCH_ENTERING] = {MSG_QUEUE_DETACH, MSG_ADMISSION_LEAVE, 5},
        [HELD_ENTERING] = {MSG_NONE, MSG_NONE, 0},
        [HELD_ROOM_ASKED] = {MSG_ADMISSION_DROP, MSG_ADMISSION_LEAVE, TURN},
        [HELD_JOINED] = {MSG_ADMISSION_DROP, MSG_ADMISSION_LEAVE, TURN},
    };
    for (int held = 0; held < HELD_COUNT; held++) {
        for (int leaves = 0; leaves < 2; leaves++) {
            msg_t ask;
            peer_t *peer = peer_hold(house, (held_t)held, &ask);
            if (leaves) {
                peer_say(house, peer, "{\"type\":\"session.leave\"}");
                assert_closed(peer, CLOSE_CODE_LEFT);
            }
            peer_gone(house, &peer);
            msg_type_t said = leaves ? rows[held].leave : rows[held].drop;
            if (said != MSG_NONE) {
                assert_let_go(house, said, "plaza", "s1", rows[held].turn);
            }
            assert_only_room_left(house, (held_t)held);
        }
    }
}

static void
a_word_that_cannot_be_said_is_left_to_the_next_report(void **state)
{
    house_t *house = *state;
    static const act_kind_id_t kinds[] = {ACT_KIND_ADMISSION, ACT_KIND_QUEUE, ACT_KIND_ROOM};
    for (int held = 0; held < HELD_COUNT; held++) {
        for (int leaves = 0; leaves < 2; leaves++) {
            msg_t ask;
            peer_t *peer = peer_hold(house, (held_t)held, &ask);
            for (size_t i = 0; i < 3; i++) {
                sim_set_full(house->sim, kinds[i], true);
            }
            if (leaves) {
                peer_say(house, peer, "{\"type\":\"session.leave\"}");
            }
            peer_gone(house, &peer);
            for (size_t i = 0; i < 3; i++) {
                sim_set_full(house->sim, kinds[i], false);
            }
            assert_int_equal(house_kept(house), 0);
        }
    }
    msg_gateway_report_t report = {.instance = "plaza", .marker = 3};
    house_tell_as(house, MSG_ADMISSION_BEAT, MSG_GATEWAY_REPORT, &report);
    const msg_admission_held_t *none = sim_take(house->sim, MSG_ADMISSION_HELD)->body;
    assert_true(none->last && none->sessions_len == 0);
}

static void
going_down_tells_everybody_and_their_sessions_have_their_grace(void **state)
{
    house_t *house = *state;
    peer_t *peer = peer_join(house, CODEC_JSON, "s1", "plaza/main", 7);
    peer_t *watcher = peer_watch(house, CODEC_JSON, "s2", 5);
    peer_t *guest = peer_open(house, CODEC_JSON);
    act_enter(house->ctx);
    act_fail(house->ctx, "the test wants it to go down");
    act_leave(house->ctx);
    sim_run(house->sim);
    assert_null(house->gateway);
    assert_closed(peer, CLOSE_CODE_SHUTDOWN);
    assert_closed(watcher, CLOSE_CODE_SHUTDOWN);
    assert_closed(guest, CLOSE_CODE_SHUTDOWN);
    const msg_admission_drop_t *drop = sim_take(house->sim, MSG_ADMISSION_DROP)->body;
    assert_true(strcmp(drop->session_id, "s1") == 0 && drop->turn == TURN);
    const msg_queue_detach_t *detach = sim_take(house->sim, MSG_QUEUE_DETACH)->body;
    assert_true(strcmp(detach->session_id, "s2") == 0 && detach->turn == 5);
    assert_non_null(sim_take(house->sim, MSG_ROOM_LEAVE));
    assert_int_equal(house_kept(house), 0);
    free(peer);
    free(watcher);
    free(guest);
}

static void
an_outbox_that_is_full_ends_what_would_be_said_into_it(void **state)
{
    (void)state;
    char *flags[] = {"test", "--gateway.outbox_max=65536", "--gateway.stall_seconds=3600", NULL};
    house_t *house = house_new(flags);
    msg_gateway_queue_position_t push = {.position = 1, .depth = 1};
    for (int i = 0; i < 2; i++) {
        peer_t *peer = peer_watch(house, CODEC_JSON, "s1", 5);
        session_t *session = session_find(house->gateway, peer->handle);
        push.connection = (int64_t)peer->handle;
        while (session->outbox.waiting + 100 < 65536) {
            house_tell_as(house, MSG_QUEUE_ATTACH, MSG_GATEWAY_QUEUE_POSITION, &push);
        }
        assert_int_equal(peer->close_code, 0);
        if (i == 0) {
            end_as(house, peer, MSG_ADMISSION_ENTER, CLOSE_CODE_REPLACED); /* its last word has no room */
            assert_int_equal(house_kept(house), 0);
        } else {
            msg_t ask = peer_show(house, peer);
            msg_admission_entered_t entered = entered_body("s1", "plaza/main", 8);
            sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
            assert_let_go(house, MSG_ADMISSION_DROP, "plaza", "s1", 8);
            assert_null(sim_take(house->sim, MSG_ROOM_JOIN));
        }
        assert_closed(peer, CLOSE_CODE_SLOW_CONSUMER);
        peer_gone(house, &peer);
    }
    house_destroy(house);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)
    const struct CMUnitTest tests[] = {
        TEST(who_holds_the_sessions_may_end_one_in_each_phase_and_needs_no_word),
        TEST(who_is_replaced_is_told_so_first),
        TEST(an_answer_after_the_end_gives_back_what_it_gives),
        TEST(a_room_that_ends_a_session_leaves_it_its_grace),
        TEST(an_end_for_who_has_nothing_to_end_is_nothing),
        TEST(each_way_out_says_what_it_is),
        TEST(a_word_that_cannot_be_said_is_left_to_the_next_report),
        TEST(going_down_tells_everybody_and_their_sessions_have_their_grace),
        cmocka_unit_test(an_outbox_that_is_full_ends_what_would_be_said_into_it),
    };
    return cmocka_run_group_tests_name("session_end", tests, NULL, NULL);
}
