/* Two processes run the queue on one registry, slots 1 and 2 of the simulator: the key moves between them. Admission,
 * the store and the gateways are the tester's, in slot 0. */
#include "queue_fixture.h"

static int
setup(void **state)
{
    fixture_t *f = fixture_bare();
    sim_add_on(f->sim, 1, &queue_kind, &f->config);
    sim_add_on(f->sim, 2, &queue_kind, &f->config);
    *state = f;
    return 0;
}

static bool
runs_on(fixture_t *f, uint32_t slot)
{
    return sim_state_on(f->sim, slot, ACT_KIND_QUEUE, PLAZA) != NULL;
}

static uint32_t
owner_of(fixture_t *f)
{
    assert_true(runs_on(f, 1) != runs_on(f, 2));
    return runs_on(f, 1) ? 1 : 2;
}

static act_addr_t
address_on(fixture_t *f, uint32_t slot)
{
    return act_self(sim_ctx_on(f->sim, slot, ACT_KIND_QUEUE, PLAZA));
}

/* What a gateway says when it sees that the queue has moved: to the one before (NULL: it is dead), and to the owner. */
static void
watch_again(fixture_t *f, const act_addr_t *before, int64_t connection)
{
    msg_queue_forget_t gone;
    msg_queue_watching_t watching = {.turn = f->attached.turn, .connection = connection};
    snprintf(gone.session_id, sizeof gone.session_id, "%s", f->attached.session_id);
    snprintf(watching.session_id, sizeof watching.session_id, "%s", f->attached.session_id);
    if (before != NULL) {
        sim_send_to(f->sim, before, MSG_QUEUE_FORGET, &gone);
    }
    assert_true(sim_tell(f->sim, MSG_QUEUE_WATCHING, PLAZA, &watching));
}

static void
one_who_watches_hears_of_its_place_from_the_next_owner_and_keeps_it(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    watch(f, 3);
    uint32_t before = owner_of(f);
    act_addr_t old = address_on(f, before);
    pass(f, 2);
    while (sim_take(f->sim, MSG_GATEWAY_QUEUE_POSITION) != NULL) { /* the depth has changed */
    }
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    watch_again(f, &old, 3);
    pass(f, 1);
    assert_told(f, 3, 2, 2, -1);
    pass(f, 2 * GRACE_SEC); /* its place does not end by time */
    assert_state(f, 3, SESSION_STATE_WAITING);
    assert_true(runs_on(f, before)); /* the other one watches there still */
    end(f, 2);
    pass(f, 2);
    assert_end(f, 2, CLOSE_CODE_SESSION_ENDED);
    assert_told(f, 3, 1, 1, -1);
    pass(f, 2);
    assert_int_equal(owner_of(f), 3 - before);
    end(f, 1);
    changed(f, 0);
    serve(f);
    pass(f, 1);
    assert_admitted(f, 3);
    nothing_else(f);
}

static void
an_owner_that_died_is_made_good_by_the_next(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    uint32_t before = owner_of(f);
    sim_node_crash(f->sim, before);
    end(f, 1); /* and nobody heard that a seat is free */
    pass(f, 5);
    sim_node(f->sim, before, SIM_NODE_OUT);
    watch_again(f, NULL, 2);
    pass(f, 1);
    assert_state(f, 2, SESSION_STATE_CONNECTING);
    assert_admitted(f, 2);
    nothing_else(f);
}

static void
a_seat_that_was_offered_by_the_one_before_is_told_by_the_next(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    uint32_t before = owner_of(f);
    act_addr_t old = address_on(f, before);
    end(f, 1);
    changed(f, 0); /* it is offered, and the store has not answered */
    assert_state(f, 2, SESSION_STATE_CONNECTING);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    watch_again(f, &old, 2);
    pass(f, 2);
    assert_admitted(f, 2);
    pass(f, 2);
    assert_int_equal(owner_of(f), 3 - before);
    nothing_else(f);
}

static void
only_the_owner_offers_seats(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    uint32_t before = owner_of(f);
    act_addr_t old = address_on(f, before);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    sim_set_full(f->sim, ACT_KIND_QUEUE, true); /* what it passes on is lost */
    msg_queue_changed_t news = {.number = 0};
    end(f, 1);
    sim_send_to(f->sim, &old, MSG_QUEUE_CHANGED, &news);
    pass(f, 2);
    assert_state(f, 2, SESSION_STATE_WAITING);
    sim_set_full(f->sim, ACT_KIND_QUEUE, false);
    sim_send_to(f->sim, &old, MSG_QUEUE_CHANGED, &news);
    assert_state(f, 2, SESSION_STATE_CONNECTING);
    forget(f, MSG_PERSISTENCE_SAVE_SESSION);
}

static void
an_attach_under_way_is_answered_where_it_was_asked(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    seat(f, 1);
    line_up(f, 2);
    uint32_t before = owner_of(f);
    first_secret(2, secret);
    ask_attach(f, secret, 2);
    sim_node(f->sim, before, SIM_NODE_LEAVING);
    sim_advance(f->sim, 2 * ACT_SEC);
    assert_true(runs_on(f, before));
    serve(f);
    f->attached = *(const msg_queue_attached_t *)take(f, MSG_QUEUE_ATTACHED)->body;
    assert_told(f, 2, 1, 1, -1);
    act_addr_t old = address_on(f, before);
    watch_again(f, &old, 2);
    watch_again(f, &old, 2); /* once more is harmless */
    pass(f, 2);
    assert_int_equal(owner_of(f), 3 - before);
    assert_told(f, 2, 1, 1, -1);
    nothing_else(f);
}

static void
a_place_that_is_over_or_held_elsewhere_by_then_is_told_so(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    uint32_t before = owner_of(f);
    sim_node_crash(f->sim, before);
    end(f, 2);
    sim_node(f->sim, before, SIM_NODE_OUT);
    watch_again(f, NULL, 2);
    pass(f, 1);
    assert_end(f, 2, CLOSE_CODE_SESSION_ENDED);
    watch(f, 3);
    f->attached.turn--; /* a connection of an earlier turn */
    watch_again(f, NULL, 33);
    pass(f, 2);
    none(f, MSG_GATEWAY_END);
    line_up(f, 4);
    pass(f, 2);
    assert_told(f, 3, 1, 2, -1);
    nothing_else(f);
}

#undef CASE
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_who_watches_hears_of_its_place_from_the_next_owner_and_keeps_it),
        CASE(an_owner_that_died_is_made_good_by_the_next),
        CASE(a_seat_that_was_offered_by_the_one_before_is_told_by_the_next),
        CASE(only_the_owner_offers_seats),
        CASE(an_attach_under_way_is_answered_where_it_was_asked),
        CASE(a_place_that_is_over_or_held_elsewhere_by_then_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
