/* Several processes in one simulation: keys move, processes come, go, fall silent and do not see each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "directory.h"
#include "send.h"
#include "sim.h"
#include "sim_test_helpers.h"

enum { KEYS = 24 };

/* Remembers what its view said last, and asks the store when it is told to. */
typedef struct witness {
    int views, answers, unanswered;
    bool owns, had_before;
    act_addr_t before;
} witness_t;

static void
witness_look(witness_t *self, act_ctx_t *ctx)
{
    self->owns = act_owns(ctx);
    self->had_before = act_owner_before(ctx, &self->before);
}

static bool
witness_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)config;
    witness_look(state, ctx);
    return true;
}

static void
witness_view(void *state, act_ctx_t *ctx)
{
    ((witness_t *)state)->views++;
    witness_look(state, ctx);
}

static void
witness_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    witness_t *self = state;
    msg_room_peeked_t answer = {.members = 0};
    if (msg->type == MSG_ROOM_PEEK) {
        reply_room_peeked(ctx, msg, &answer);
    } else if (msg->type == MSG_ROOM_RESYNC) {
        act_addr_t to = {.node = (uint32_t)((const msg_room_resync_t *)msg->body)->connection, .kind = ACT_KIND_ROOM};
        snprintf(to.key, sizeof to.key, "there");
        act_request_to(ctx, &to, MSG_ROOM_PEEK, &(msg_room_peek_t){0}, ACT_SEC, 5);
    } else if (msg->type == MSG_ROOM_PEEKED) {
        self->answers++;
    } else if (msg->type == MSG_ACT_NO_ANSWER) {
        self->unanswered++;
    }
}

static const act_kind_t witness_kind = {
    .id = ACT_KIND_ROOM,
    .name = "witness",
    .keying = ACT_KEYED,
    .state_size = sizeof(witness_t),
    .init = witness_init,
    .receive = witness_receive,
    .view = witness_view,
};

static int
setup(void **state)
{
    sim_t *sim = sim_new(11);
    for (uint32_t slot = 0; slot < 3; slot++) {
        sim_add_on(sim, slot, &witness_kind, NULL);
    }
    *state = sim;
    return 0;
}

static int
teardown(void **state)
{
    sim_t *sim = *state;
    sim_destroy(&sim);
    return 0;
}

static const char *
key_of(int i)
{
    static char key[16];
    snprintf(key, sizeof key, "k%d/room", i);
    return key;
}

static void
wake_all(sim_t *sim)
{
    for (int i = 0; i < KEYS; i++) {
        assert_true(sim_tell(sim, MSG_ROOM_LEAVE, key_of(i), &(msg_room_leave_t){0}));
    }
}

/* The slots that have a state of this key, as bits. */
static unsigned
homes(sim_t *sim, const char *key)
{
    unsigned bits = 0;
    for (uint32_t slot = 0; slot < 3; slot++) {
        bits |= sim_state_on(sim, slot, ACT_KIND_ROOM, key) != NULL ? 1u << slot : 0;
    }
    return bits;
}

static void
keys_are_spread_over_the_processes(void **state)
{
    sim_t *sim = *state;
    int count[8] = {0};
    wake_all(sim);
    for (int i = 0; i < KEYS; i++) {
        count[homes(sim, key_of(i))]++;
    }
    assert_int_equal(count[1] + count[2] + count[4], KEYS); /* each in one */
    assert_true(count[1] > 0 && count[2] > 0 && count[4] > 0);
}

static void
a_process_that_leaves_loses_its_keys_and_no_others_move(void **state)
{
    sim_t *sim = *state;
    wake_all(sim);
    sim_node(sim, 1, SIM_NODE_LEAVING);
    wake_all(sim);
    int moved = 0;
    for (int i = 0; i < KEYS; i++) {
        unsigned where = homes(sim, key_of(i));
        assert_int_not_equal(where, 2); /* its own are at somebody else's now, too */
        if ((where & 2) == 0) {
            assert_true(where == 1 || where == 4);
            continue;
        }
        moved++;
        const witness_t *old = sim_state_on(sim, 1, ACT_KIND_ROOM, key_of(i));
        const witness_t *new = sim_state_on(sim, (where & 1) != 0 ? 0 : 2, ACT_KIND_ROOM, key_of(i));
        assert_int_equal(old->views, 1);
        assert_false(old->owns);
        assert_true(new->owns &&new->had_before);
        assert_int_equal(new->before.node, 1);
    }
    assert_true(moved > 0);
}

static void
the_owner_before_is_remembered_over_views_that_moved_no_key(void **state)
{
    sim_t *sim = *state;
    int moved = 0;
    wake_all(sim);
    sim_node(sim, 1, SIM_NODE_LEAVING);
    for (int i = 0; i < 2 * DIRECTORY_HISTORY; i++) {
        sim_node(sim, 3, i % 2 == 0 ? SIM_NODE_OUT : SIM_NODE_IN); /* it runs no room */
    }
    wake_all(sim);
    for (int i = 0; i < KEYS; i++) {
        unsigned where = homes(sim, key_of(i));
        const witness_t *owner = sim_state_on(sim, (where & 1) != 0 ? 0 : 2, ACT_KIND_ROOM, key_of(i));
        if ((where & 2) != 0) {
            assert_true(owner->owns);
            assert_true(owner->had_before);
            assert_int_equal(owner->before.node, 1);
            moved++;
        }
    }
    assert_true(moved > 0);
}

static void
who_has_crashed_is_no_owner_before_once_that_is_known(void **state)
{
    sim_t *sim = *state;
    wake_all(sim);
    sim_node_crash(sim, 1);
    sim_node(sim, 1, SIM_NODE_OUT);
    wake_all(sim);
    for (int i = 0; i < KEYS; i++) {
        unsigned where = homes(sim, key_of(i));
        assert_true(where == 1 || where == 4);
        const witness_t *owner = sim_state_on(sim, where == 1 ? 0 : 2, ACT_KIND_ROOM, key_of(i));
        assert_true(owner->owns);
        assert_true(!owner->had_before || owner->before.node != 1);
    }
}

static void
ask_from_0(sim_t *sim, uint32_t node)
{
    act_addr_t asker = {.kind = ACT_KIND_ROOM};
    snprintf(asker.key, sizeof asker.key, "asker");
    sim_send_to(sim, &asker, MSG_ROOM_RESYNC, &(msg_room_resync_t){.connection = node});
}

static void
a_new_life_does_not_hear_what_was_for_the_last(void **state)
{
    sim_t *sim = *state;
    ask_from_0(sim, 2);
    const witness_t *asker = sim_state(sim, ACT_KIND_ROOM, "asker");
    assert_int_equal(asker->answers, 1);
    sim_node_crash(sim, 2);
    assert_false(sim_node_runs(sim, 2));
    ask_from_0(sim, 2);
    assert_int_equal(asker->unanswered, 0); /* nobody knows yet: it waits out its time */
    sim_advance(sim, ACT_SEC);
    assert_int_equal(asker->unanswered, 1);
    sim_node(sim, 2, SIM_NODE_IN);
    assert_true(sim_node_runs(sim, 2));
    ask_from_0(sim, 2);
    assert_int_equal(asker->unanswered, 2); /* at once: that life is over */
    ask_from_0(sim, 2 + SIM_NODES_CAP);
    assert_int_equal(asker->answers, 2);
}

static void
a_split_hides_one_from_the_other_alone(void **state)
{
    sim_t *sim = *state;
    wake_all(sim);
    sim_split(sim, 0, 1, true);
    ask_from_0(sim, 1);
    const witness_t *asker = sim_state(sim, ACT_KIND_ROOM, "asker");
    assert_int_equal(asker->unanswered, 1);
    for (int i = 0; i < KEYS; i++) {
        const witness_t *third = sim_state_on(sim, 2, ACT_KIND_ROOM, key_of(i));
        assert_true(third == NULL || third->views == 0);
    }
    sim_split(sim, 0, 1, false);
    ask_from_0(sim, 1);
    assert_int_equal(asker->answers, 1);
}

static void
who_is_cut_off_goes_on_with_what_it_saw_last(void **state)
{
    sim_t *sim = *state;
    wake_all(sim);
    sim_node(sim, 1, SIM_NODE_OUT);
    wake_all(sim);
    int both = 0;
    for (int i = 0; i < KEYS; i++) {
        if ((homes(sim, key_of(i)) & 2) != 0) {
            const witness_t *old = sim_state_on(sim, 1, ACT_KIND_ROOM, key_of(i));
            both += old->owns && homes(sim, key_of(i)) != 2;
        }
    }
    assert_true(both > 0);
}

static void
views_come_late_when_they_are_said_to(void **state)
{
    sim_t *sim = *state;
    sim_faults_t faults = {.view_delay_max = ACT_SEC};
    sim_set_faults(sim, &faults);
    wake_all(sim);
    sim_node(sim, 1, SIM_NODE_LEAVING);
    sim_advance(sim, ACT_SEC);
    int seen = 0;
    for (int i = 0; i < KEYS; i++) {
        const witness_t *old = sim_state_on(sim, 1, ACT_KIND_ROOM, key_of(i));
        seen += old != NULL && old->views == 1 && !old->owns;
    }
    assert_true(seen > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_spread_over_the_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_that_leaves_loses_its_keys_and_no_others_move, setup, teardown),
        cmocka_unit_test_setup_teardown(the_owner_before_is_remembered_over_views_that_moved_no_key, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_crashed_is_no_owner_before_once_that_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_life_does_not_hear_what_was_for_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(a_split_hides_one_from_the_other_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_cut_off_goes_on_with_what_it_saw_last, setup, teardown),
        cmocka_unit_test_setup_teardown(views_come_late_when_they_are_said_to, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
