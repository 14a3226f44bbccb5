/* Two processes run admission on one registry, slots 1 and 2 of the simulator: the key moves between them. The store
 * and the gateways are the tester's, in slot 0; one gateway is a process of its own, in slot 3. */
#include "admission_fixture.h"
#include "send.h"

enum { GATEWAY_SLOT = 3 };

static void
beater_say(act_ctx_t *ctx)
{
    msg_admission_beat_t beat = {.holder = "g3"};
    send_admission_beat(ctx, PLAZA, &beat);
    act_timer_start(ctx, 0, ACT_SEC);
}

static bool
beater_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)config;
    act_timer_start(ctx, 0, 0);
    return true;
}

static void
beater_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    (void)msg;
}

static void
beater_expire(void *state, act_ctx_t *ctx, int timer)
{
    (void)state;
    (void)timer;
    beater_say(ctx);
}

static const act_kind_t beater_kind = {
    .id = ACT_KIND_METRICS, /* any that nobody else is here */
    .name = "beater",
    .keying = ACT_SHARDED,
    .init = beater_init,
    .receive = beater_receive,
    .expire = beater_expire,
};

static uint32_t
owner_of(fixture_t *f)
{
    bool first = sim_state_on(f->sim, 1, ACT_KIND_ADMISSION, PLAZA) != NULL;
    bool other = sim_state_on(f->sim, 2, ACT_KIND_ADMISSION, PLAZA) != NULL;
    assert_true(first != other);
    return first ? 1 : 2;
}

static int
setup(void **state)
{
    fixture_t *f = fixture_bare(registry_memory_new());
    sim_add_on(f->sim, 1, &admission_kind, &f->config);
    sim_add_on(f->sim, 2, &admission_kind, &f->config);
    beat(f, "g1");
    beat(f, "g2");
    serve(f);
    nothing_else(f);
    pass(f, 5 * ACT_SEC);
    *state = f;
    return 0;
}

static const admission_t *
admission_on(fixture_t *f, uint32_t slot)
{
    return sim_state_on(f->sim, slot, ACT_KIND_ADMISSION, PLAZA);
}

/* ---- planned ---- */

static void
a_key_that_moves_takes_its_gateways_and_sessions_along(void **state)
{
    fixture_t *f = *state;
    uint32_t before = owner_of(f);
    play(f, 1, "g1");
    forget(f, MSG_GATEWAY_NOTICE);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    pass(f, 3 * ACT_SEC);
    assert_int_equal(owner_of(f), 3 - before);
    assert_int_equal(forget(f, MSG_GATEWAY_NOTICE), 2); /* both gateways hear how it stands */
    assert_int_equal(count_of(f, METRIC_SESSIONS_ACTIVE, 0), 1);
    pass(f, 10 * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
    play(f, 2, "g2");
    drop(f, "s1", stored(f, "s1")->turn);
    assert_seats(f, 0, 1, 1, 0);
    none(f, MSG_GATEWAY_END);
}

static void
what_is_under_way_is_answered_by_the_one_who_was_asked(void **state)
{
    fixture_t *f = *state;
    uint32_t before = owner_of(f);
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    sim_advance(f->sim, 2 * ACT_SEC); /* the store takes its time */
    assert_non_null(admission_on(f, before));
    serve(f);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    assert_seats(f, 1, 0, 0, 0);
    pass(f, 2 * ACT_SEC);
    assert_int_equal(owner_of(f), 3 - before);
    enter(f, f->connected.ticket, "g1", 1);
    assert_seats(f, 0, 1, 0, 0);
}

static void
what_the_store_does_not_have_yet_keeps_the_state_that_knows_it(void **state)
{
    fixture_t *f = *state;
    uint32_t before = owner_of(f);
    play(f, 1, "g1");
    leave(f, "s1", f->entered.turn);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    for (int i = 0; i < 5; i++) {
        sim_advance(f->sim, ACT_SEC);
        store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    }
    assert_non_null(admission_on(f, before));
    pass(f, 2 * ACT_SEC);
    assert_null(admission_on(f, before));
    assert_stored(f, "s1", SESSION_STATE_ENDED);
}

static void
a_switch_at_the_one_who_leaves_is_declined_and_kept_by_the_next(void **state)
{
    fixture_t *f = *state;
    uint32_t before = owner_of(f);
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body); /* it has something to do yet */
    const act_addr_t old = act_self(sim_ctx_on(f->sim, before, ACT_KIND_ADMISSION, PLAZA));
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    msg_admission_configure_t drain = {.has_drain = true, .drain = true};
    sim_send_to(f->sim, &old, MSG_ADMISSION_CONFIGURE, &drain);
    none(f, MSG_PERSISTENCE_SAVE_INSTANCE);
    pass(f, 3 * ACT_SEC);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONFIGURE, PLAZA, &drain, ASK_USEC, ++f->asked));
    serve(f);
    take(f, MSG_ADMISSION_INSTANCE);
    sim_node(f->sim, before, SIM_NODE_IN); /* and back: it knows what was switched meanwhile */
    pass(f, 3 * ACT_SEC);
    assert_int_equal(owner_of(f), before);
    assert_true(inspect(f).drain);
}

static void
a_key_that_comes_back_at_once_is_taken_up_again(void **state)
{
    fixture_t *f = *state;
    uint32_t before = owner_of(f);
    play(f, 1, "g1");
    msg_admission_connect_t body = connect_body(2);
    ask_connect(f, &body);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    sim_node(f->sim, before, SIM_NODE_IN);
    serve(f);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    pass(f, 3 * ACT_SEC);
    assert_int_equal(owner_of(f), before);
    assert_false(admission_on(f, before)->leaving);
    pass(f, 10 * ACT_SEC);
    assert_seats(f, 1, 1, 0, 0);
}

/* ---- a process dies ---- */

static void
nobody_is_taken_for_silent_because_the_owner_was_dead(void **state)
{
    fixture_t *f = *state;
    uint32_t before = owner_of(f);
    play(f, 1, "g1");
    play(f, 2, "g2");
    sim_node_crash(f->sim, before);
    pass(f, 6 * ACT_SEC); /* until that is known; beats go nowhere */
    sim_node(f->sim, before, SIM_NODE_OUT);
    f->beating[1] = NULL;
    pass(f, 3 * ACT_SEC); /* one gateway is late, too */
    f->beating[1] = "g2";
    pass(f, 10 * ACT_SEC);
    assert_int_equal(owner_of(f), 3 - before);
    assert_seats(f, 0, 2, 0, 0);
    assert_int_equal(count_of(f, METRIC_HOLDERS_LOST, 0), 0);
}

static void
what_a_gateway_of_a_dead_process_held_is_in_grace_at_once(void **state)
{
    fixture_t *f = *state;
    sim_add_on(f->sim, GATEWAY_SLOT, &beater_kind, NULL);
    pass(f, ACT_SEC);
    play(f, 1, "g3");
    play(f, 2, "g1");
    sim_node_crash(f->sim, GATEWAY_SLOT);
    sim_node(f->sim, GATEWAY_SLOT, SIM_NODE_OUT);
    assert_seats(f, 0, 1, 1, 0);
    serve(f);
    assert_stored(f, "s1", SESSION_STATE_GRACE);
    assert_stored(f, "s2", SESSION_STATE_ACTIVE);
    assert_int_equal(count_of(f, METRIC_HOLDERS_LOST, 0), 1);
    pass(f, 10 * ACT_SEC);
    assert_int_equal(count_of(f, METRIC_HOLDERS_LOST, 0), 1);
    assert_seats(f, 0, 1, 1, 0);
}

/* ---- one that does not own it is asked ---- */

static void
what_is_told_to_the_wrong_process_reaches_the_owner(void **state)
{
    fixture_t *f = *state;
    uint32_t owner = owner_of(f);
    play(f, 1, "g1");
    act_addr_t wrong = act_self(sim_ctx_on(f->sim, owner, ACT_KIND_ADMISSION, PLAZA));
    wrong.node = 3 - owner;
    msg_admission_drop_t body = {.turn = f->entered.turn, .session_id = "s1"};
    sim_send_to(f->sim, &wrong, MSG_ADMISSION_DROP, &body);
    assert_seats(f, 0, 0, 1, 0);
    pass(f, 2 * ACT_SEC);
    assert_int_equal(owner_of(f), owner); /* and the wrong one has nothing to remember */
}

static void
two_that_take_each_other_for_the_owner_do_not_play_ball(void **state)
{
    fixture_t *f = *state;
    uint32_t owner = owner_of(f);
    play(f, 1, "g1");
    act_addr_t to = act_self(sim_ctx_on(f->sim, owner, ACT_KIND_ADMISSION, PLAZA));
    sim_node(f->sim, owner, SIM_NODE_LEAVING);
    pass(f, 3 * ACT_SEC);
    msg_admission_drop_t body = {.turn = f->entered.turn, .session_id = "s1"};
    msg_t head = {.type = MSG_ADMISSION_CONNECT, .from = to};
    sim_reply(f->sim, &head, MSG_ADMISSION_DROP, &body); /* as admission would say it */
    assert_seats(f, 0, 1, 0, 0);
    sim_send_to(f->sim, &to, MSG_ADMISSION_DROP, &body); /* as a gateway would */
    assert_seats(f, 0, 0, 1, 0);
}

#undef CASE
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_key_that_moves_takes_its_gateways_and_sessions_along),
        CASE(what_is_under_way_is_answered_by_the_one_who_was_asked),
        CASE(what_the_store_does_not_have_yet_keeps_the_state_that_knows_it),
        CASE(a_switch_at_the_one_who_leaves_is_declined_and_kept_by_the_next),
        CASE(a_key_that_comes_back_at_once_is_taken_up_again),
        CASE(nobody_is_taken_for_silent_because_the_owner_was_dead),
        CASE(what_a_gateway_of_a_dead_process_held_is_in_grace_at_once),
        CASE(what_is_told_to_the_wrong_process_reaches_the_owner),
        CASE(two_that_take_each_other_for_the_owner_do_not_play_ball),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
