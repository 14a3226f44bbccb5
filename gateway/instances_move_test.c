/* Admission and queue of an instance move from one process to another, slots 1 and 2 of the simulator; the gateway is
 * in slot 0. What stands in their place only writes down what it hears. */
#include "gateway_fixture.h"

enum { EARS_MAX = 64 };

typedef struct heard {
    msg_type_t type;
    uint32_t node;
    union {
        msg_queue_watching_t watching;
        msg_queue_forget_t forget;
    };
    msg_t head;
} heard_t;

static heard_t heard[EARS_MAX];
static size_t heard_count;

static void
ear_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    assert_true(heard_count < EARS_MAX);
    heard_t *row = &heard[heard_count++];
    *row = (heard_t){.type = msg->type, .node = act_self(ctx).node, .head = *msg};
    if (msg->type == MSG_QUEUE_WATCHING) {
        row->watching = *(const msg_queue_watching_t *)msg->body;
    } else if (msg->type == MSG_QUEUE_FORGET) {
        row->forget = *(const msg_queue_forget_t *)msg->body;
    } else if (msg->type == MSG_QUEUE_ATTACH) {
        msg_queue_attached_t attached = {
            .session_id = "s1", .user_id = "u", .turn = 5, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
        act_reply(ctx, msg, MSG_QUEUE_ATTACHED, &attached);
    }
}

#define EAR(kind_id, kind_name)                                                                                        \
    {                                                                                                                  \
        .id = (kind_id), .name = (kind_name), .keying = ACT_KEYED, .receive = ear_receive,                             \
    }
static const act_kind_t queue_ear = EAR(ACT_KIND_QUEUE, "queue"), admission_ear = EAR(ACT_KIND_ADMISSION, "admission");

/* How often a process has heard this, and it is forgotten; *last: the last of it. */
static int
hears(uint32_t node, msg_type_t type, heard_t *last)
{
    int count = 0;
    for (size_t i = 0; i < heard_count; i++) {
        if (heard[i].node == node && heard[i].type == type) {
            if (last != NULL) {
                *last = heard[i];
            }
            heard[i].type = MSG_NONE;
            count++;
        }
    }
    return count;
}

static uint32_t
owner_of(house_t *house, act_kind_id_t kind, const char *instance)
{
    act_addr_t to;
    assert_true(act_owner(house->ctx, kind, instance, &to));
    return to.node;
}

static int
setup(void **state)
{
    static const char *const instances[] = {"plaza", NULL};
    house_t *house = house_new_of(NULL, instances);
    for (uint32_t slot = 1; slot <= 2; slot++) {
        sim_add_on(house->sim, slot, &queue_ear, NULL);
        sim_add_on(house->sim, slot, &admission_ear, NULL);
    }
    sim_advance(house->sim, 2 * ACT_SEC);
    heard_count = 0;
    *state = house;
    return 0;
}

static int
teardown(void **state)
{
    house_destroy(*state);
    heard_count = 0;
    return 0;
}

/* A connection that watches, attached at the present owner of the queue. */
static peer_t *
watcher(house_t *house)
{
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    assert_heard(house, peer, NEXT_TOKEN);
    return peer;
}

static void
the_new_owner_of_admission_hears_a_beat_at_once(void **state)
{
    house_t *house = *state;
    uint32_t before = owner_of(house, ACT_KIND_ADMISSION, "plaza");
    sim_node(house->sim, before, SIM_NODE_LEAVING);
    assert_int_equal(hears(3 - before, MSG_ADMISSION_BEAT, NULL), 1);
    sim_advance(house->sim, ACT_SEC);
    assert_int_equal(hears(3 - before, MSG_ADMISSION_BEAT, NULL), 1);
    assert_int_equal(hears(before, MSG_ADMISSION_BEAT, NULL), 0);
    sim_node(house->sim, before, SIM_NODE_OUT); /* nothing moves with that */
    assert_int_equal(hears(3 - before, MSG_ADMISSION_BEAT, NULL), 0);
}

static void
who_watches_does_so_at_the_new_owner_of_the_queue_and_no_more_at_the_old(void **state)
{
    house_t *house = *state;
    peer_t *peer = watcher(house), *stranger = peer_open(house, CODEC_JSON);
    uint32_t before = owner_of(house, ACT_KIND_QUEUE, "plaza");
    heard_t last;
    sim_node(house->sim, before, SIM_NODE_LEAVING);
    assert_int_equal(hears(before, MSG_QUEUE_FORGET, &last), 1);
    assert_string_equal(last.forget.session_id, "s1");
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, &last), 1);
    assert_string_equal(last.watching.session_id, "s1");
    assert_int_equal(last.watching.turn, 5);
    assert_int_equal(last.watching.connection, (int64_t)peer->handle);
    assert_string_equal(last.head.key, "plaza");
    assert_silent(house, peer); /* its client notices nothing */
    sim_advance(house->sim, 5 * ACT_SEC);
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, NULL), 0);
    peer_gone(house, &peer);
    assert_int_equal(hears(3 - before, MSG_QUEUE_DETACH, NULL), 1);
    peer_gone(house, &stranger);
}

static void
what_the_full_new_owner_refused_is_said_again_with_the_next_beat(void **state)
{
    house_t *house = *state;
    peer_t *peer = watcher(house);
    uint32_t before = owner_of(house, ACT_KIND_QUEUE, "plaza");
    sim_set_full(house->sim, ACT_KIND_QUEUE, true);
    sim_node_crash(house->sim, before);
    sim_node(house->sim, before, SIM_NODE_OUT);
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, NULL), 0);
    sim_set_full(house->sim, ACT_KIND_QUEUE, false);
    sim_advance(house->sim, ACT_SEC);
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, NULL), 1);
    sim_advance(house->sim, 3 * ACT_SEC);
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, NULL), 0);
    peer_gone(house, &peer);
}

static void
an_attach_that_the_old_owner_answers_yet_is_taken_to_the_new_one(void **state)
{
    house_t *house = *state;
    uint32_t before = owner_of(house, ACT_KIND_QUEUE, "plaza");
    const sim_faults_t slow = {.delay_ppm = 1000000, .delay_max = 900 * ACT_MSEC};
    sim_set_faults(house->sim, &slow);
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    sim_node(house->sim, before, SIM_NODE_LEAVING);
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, NULL), 0);
    sim_advance(house->sim, 4 * ACT_SEC);
    assert_heard(house, peer, NEXT_TOKEN);
    assert_int_equal(hears(before, MSG_QUEUE_ATTACH, NULL), 1);
    assert_int_equal(hears(before, MSG_QUEUE_FORGET, NULL), 1);
    assert_int_equal(hears(3 - before, MSG_QUEUE_WATCHING, NULL), 1);
    peer_gone(house, &peer);
}

static void
an_attach_at_an_owner_that_dies_is_refused_as_soon_as_that_is_known(void **state)
{
    house_t *house = *state;
    uint32_t before = owner_of(house, ACT_KIND_QUEUE, "plaza");
    sim_node_crash(house->sim, before);
    peer_t *peer = peer_open(house, CODEC_JSON);
    peer_say(house, peer, "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}");
    assert_silent(house, peer);
    sim_node(house->sim, before, SIM_NODE_OUT);
    assert_heard(house, peer, "UNAVAILABLE");
    assert_closed(peer, CLOSE_CODE_OVERLOADED);
    peer_gone(house, &peer);
}

static void
two_owners_that_offer_the_same_seat_are_heard_once(void **state)
{
    house_t *house = *state;
    peer_t *peer = watcher(house);
    msg_gateway_admitted_t push = {.connection = (int64_t)peer->handle, .seconds = 30};
    house_tell_as(house, MSG_QUEUE_ATTACH, MSG_GATEWAY_ADMITTED, &push);
    house_tell_as(house, MSG_QUEUE_ATTACH, MSG_GATEWAY_ADMITTED, &push);
    assert_heard(house, peer, "event.admitted");
    assert_silent(house, peer);
    peer_gone(house, &peer);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_new_owner_of_admission_hears_a_beat_at_once),
        TEST(who_watches_does_so_at_the_new_owner_of_the_queue_and_no_more_at_the_old),
        TEST(what_the_full_new_owner_refused_is_said_again_with_the_next_beat),
        TEST(an_attach_that_the_old_owner_answers_yet_is_taken_to_the_new_one),
        TEST(an_attach_at_an_owner_that_dies_is_refused_as_soon_as_that_is_known),
        TEST(two_owners_that_offer_the_same_seat_are_heard_once),
    };
    return cmocka_run_group_tests_name("instances_move", tests, NULL, NULL);
}
