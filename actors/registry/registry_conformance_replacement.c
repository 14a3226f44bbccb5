/* Replacement: asked for, taken back, confirmed once. */
#include "registry_conformance_helpers.h"

static void
a_confirmed_ask_moves_the_session_and_keeps_its_seat(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    int64_t number = self->session.number, turn = self->session.turn;
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_OK, world_find(self, 1)); /* asking changes nothing */
    assert_true(self->session.version == turn && self->session.state == SESSION_STATE_ACTIVE);
    assert_result(REGISTRY_OK, world_replace(self, 1, 70, 91));
    assert_string_equal(self->other.session_id, "s1");
    assert_string_equal(self->other.holder, "h1");
    assert_int_equal(self->other.connection, 1);
    assert_string_equal(self->session.session_id, "s1");
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_string_equal(self->session.holder, "");
    assert_int_equal(self->session.connection, 0);
    assert_true(self->session.number == number);
    assert_true(self->session.turn > turn && self->session.turn == self->session.version);
    assert_int_equal(self->session.left_ms, TICKET_MSEC);
    assert_count(self, 1, 0, 0, 0);
    assert_result(REGISTRY_STALE, world_drop(self, 1, turn));
    assert_result(REGISTRY_STALE, world_leave(self, 1, turn));
    assert_result(REGISTRY_SPENT, world_enter(self, 1001, 92, "h1", 1)); /* its tokens are revoked */
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 70, 92));
    assert_result(REGISTRY_OK, world_enter(self, 91, 92, "h2", 2));
    assert_count(self, 0, 1, 0, 0);
}

static void
a_confirmed_ask_of_one_who_waits_keeps_the_place(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 7));
    assert_result(REGISTRY_OK, world_ask(self, 2, 70));
    assert_result(REGISTRY_OK, world_replace(self, 2, 70, 91));
    assert_int_equal(self->session.state, SESSION_STATE_WAITING);
    assert_string_equal(self->session.holder, "");
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    assert_string_equal(self->other.session_id, "s2");
    assert_int_equal(self->other.connection, 7);
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_int_equal(self->place, 1);
    assert_result(REGISTRY_SPENT, world_watch(self, 22, 92, "h1", 8));
    assert_result(REGISTRY_OK, world_watch(self, 91, 92, "h1", 8));
}

static void
a_confirmed_ask_of_what_nobody_holds_tells_nobody(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_OK, world_replace(self, 1, 70, 91));
    assert_string_equal(self->other.session_id, "");
    assert_int_equal(self->session.left_ms, TICKET_MSEC);
    world_play(self, 2, "h1");
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    assert_result(REGISTRY_OK, world_ask(self, 2, 71));
    assert_result(REGISTRY_OK, world_replace(self, 2, 71, 92));
    assert_string_equal(self->other.session_id, "");
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_count(self, 2, 0, 0, 0);
}

static void
an_offer_that_is_replaced_is_a_ticket(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_OK, world_ask(self, 2, 70));
    assert_result(REGISTRY_OK, world_replace(self, 2, 70, 91));
    assert_int_equal(self->session.left_ms, TICKET_MSEC);
    world_pass(self, TICKET_MSEC);
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_int_equal(self->swept, REGISTRY_SWEPT_TICKET);
}

static void
an_ask_is_for_its_user_and_this_instance(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 2, 70, 91));
    self->instance = "beta";
    assert_result(REGISTRY_UNKNOWN, world_ask(self, 1, 71));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 70, 91));
    self->instance = "alpha";
    assert_result(REGISTRY_UNKNOWN, world_ask(self, 2, 71));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 71, 91));
    assert_count(self, 0, 1, 0, 0);
    assert_result(REGISTRY_OK, world_replace(self, 1, 70, 91)); /* no refusal has used it up */
}

static void
an_ask_lasts_its_time(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    world_pass(self, 1);
    assert_result(REGISTRY_OK, world_ask(self, 1, 71));
    world_pass(self, ASK_MSEC - 1);
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 70, 91));
    assert_result(REGISTRY_OK, world_replace(self, 1, 71, 91));
}

static void
asks_end_with_the_replacement_and_with_the_session(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_OK, world_ask(self, 1, 71));
    assert_result(REGISTRY_OK, world_replace(self, 1, 70, 91));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 71, 92));
    assert_result(REGISTRY_OK, world_ask(self, 1, 72));
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 72, 92));
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 1, 1, 2}));
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 72, 92));
}

static void
an_ask_can_be_taken_back(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    assert_result(REGISTRY_OK, world_ask(self, 1, 71));
    assert_result(REGISTRY_OK, world_unask(self, 1, 70));
    assert_result(REGISTRY_OK, world_unask(self, 1, 70));
    assert_result(REGISTRY_OK, world_unask(self, 1, 99));
    assert_result(REGISTRY_OK, world_unask(self, 2, 71)); /* another user's is left alone */
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 70, 91));
    assert_result(REGISTRY_OK, world_replace(self, 1, 71, 91));
}

static void
asks_beyond_their_number_void_the_oldest(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    for (unsigned i = 0; i <= REGISTRY_ASKS_MAX; i++) {
        assert_result(REGISTRY_OK, world_ask(self, 1, 5000 + i));
    }
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 1, 5000, 91));
    assert_result(REGISTRY_OK, world_unask(self, 1, 5002)); /* makes room for one */
    assert_result(REGISTRY_OK, world_ask(self, 1, 6000));
    assert_result(REGISTRY_OK, world_replace(self, 1, 5001, 91));
}

const struct CMUnitTest registry_replacement_tests[] = {
    CASE(a_confirmed_ask_moves_the_session_and_keeps_its_seat),
    CASE(a_confirmed_ask_of_one_who_waits_keeps_the_place),
    CASE(a_confirmed_ask_of_what_nobody_holds_tells_nobody),
    CASE(an_offer_that_is_replaced_is_a_ticket),
    CASE(an_ask_is_for_its_user_and_this_instance),
    CASE(an_ask_lasts_its_time),
    CASE(asks_end_with_the_replacement_and_with_the_session),
    CASE(an_ask_can_be_taken_back),
    CASE(asks_beyond_their_number_void_the_oldest),
    {0},
};
