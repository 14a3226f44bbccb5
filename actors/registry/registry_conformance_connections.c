/* Connections: who holds a session, and what an earlier connection may still say of it. */
#include "registry_conformance_helpers.h"

static void
a_second_connection_takes_an_active_session_over(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h2", 8));
    assert_string_equal(self->other.session_id, "s1");
    assert_string_equal(self->other.holder, "h1");
    assert_int_equal(self->other.connection, 1);
    assert_true(self->other.turn == turn);
    assert_string_equal(self->session.holder, "h2");
    assert_int_equal(self->session.connection, 8);
    assert_true(self->session.turn > turn);
    assert_count(self, 0, 1, 0, 0);
    assert_result(REGISTRY_STALE, world_drop(self, 1, turn));
    assert_result(REGISTRY_STALE, world_leave(self, 1, turn));
    assert_count(self, 0, 1, 0, 0);
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_string_equal(self->session.holder, "h2");
}

static void
the_same_connection_is_not_to_be_closed(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    world_play(self, 1, "h1");
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h1", 1));
    assert_string_equal(self->other.session_id, "");
    assert_result(REGISTRY_OK, world_enter(self, 91, 92, "h1", 2)); /* another of the same gateway is */
    assert_int_equal(self->other.connection, 1);
    assert_result(REGISTRY_OK, world_enter(self, 92, 93, "h2", 2)); /* and the same number of another one */
    assert_string_equal(self->other.holder, "h1");
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 5));
    assert_string_equal(self->other.session_id, "");
    assert_result(REGISTRY_OK, world_watch(self, 22, 23, "h1", 5));
    assert_string_equal(self->other.session_id, "");
    assert_result(REGISTRY_OK, world_watch(self, 23, 24, "h1", 6));
    assert_string_equal(self->other.session_id, "s2");
    assert_int_equal(self->other.connection, 5);
}

static void
a_drop_holds_the_seat_for_the_grace(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn, version = self->session.version;
    assert_result(REGISTRY_OK, world_drop(self, 1, turn));
    assert_int_equal(self->session.state, SESSION_STATE_GRACE);
    assert_string_equal(self->session.holder, "");
    assert_int_equal(self->session.connection, 0);
    assert_true(self->session.turn == turn && self->session.version > version);
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    assert_count(self, 0, 0, 1, 0);
    world_pass(self, 1000);
    assert_result(REGISTRY_STALE, world_drop(self, 1, turn)); /* said twice: the grace goes on */
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_int_equal(self->session.left_ms, GRACE_MSEC - 1000);
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h1", 2));
    assert_string_equal(self->other.session_id, "");
    assert_int_equal(self->session.state, SESSION_STATE_ACTIVE);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_result(REGISTRY_UNKNOWN, world_drop(self, 2, turn));
}

static void
a_connection_of_before_a_renewal_can_say_nothing(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_OK, world_renew(self, 1, 1001, 91));
    assert_result(REGISTRY_STALE, world_drop(self, 1, turn));
    assert_result(REGISTRY_STALE, world_leave(self, 1, turn));
    assert_count(self, 0, 1, 0, 0);
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn));
}

static void
a_leave_frees_the_seat_at_once(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn, version = self->session.version;
    assert_result(REGISTRY_OK, world_leave(self, 1, turn));
    assert_int_equal(self->was, SESSION_STATE_ACTIVE);
    assert_string_equal(self->session.session_id, "s1");
    assert_string_equal(self->session.character_id, "c1");
    assert_string_equal(self->session.user_id, "user 1");
    assert_int_equal(self->session.state, SESSION_STATE_ENDED);
    assert_string_equal(self->session.room, "alpha/main");
    assert_string_equal(self->session.holder, "h1");
    assert_int_equal(self->session.connection, 1);
    assert_true(self->session.version > version);
    assert_int_equal(self->session.secret_len, 0);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_count(self, 0, 0, 0, 0);
    assert_true(self->count.version == self->session.version);
    assert_result(REGISTRY_UNKNOWN, world_leave(self, 1, turn));
    assert_result(REGISTRY_UNKNOWN, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_UNKNOWN, world_drop(self, 1, turn));
    assert_result(REGISTRY_UNKNOWN, world_find(self, 1));
    assert_result(REGISTRY_UNKNOWN, world_find_character(self, 1));
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 1, 1, 2}));
}

static void
a_leave_tells_the_state_before(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 2;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    world_play(self, 2, "h1");
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_int_equal(self->was, SESSION_STATE_CONNECTING);
    assert_result(REGISTRY_OK, world_leave(self, 2, REGISTRY_ANY_TURN));
    assert_int_equal(self->was, SESSION_STATE_GRACE);
    assert_result(REGISTRY_OK, world_leave(self, 3, REGISTRY_ANY_TURN));
    assert_int_equal(self->was, SESSION_STATE_WAITING);
    assert_count(self, 0, 0, 0, 0);
}

static void
a_connect_that_was_given_up_ends_only_what_nobody_used(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 2;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    world_play(self, 2, "h1");
    assert_result(REGISTRY_STALE, world_leave(self, 2, 0));
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    assert_result(REGISTRY_STALE, world_leave(self, 2, 0));
    assert_result(REGISTRY_OK, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_renew(self, 3, 3, 33)); /* its secret was shown */
    assert_result(REGISTRY_STALE, world_leave(self, 3, 0));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 4));
    assert_result(REGISTRY_OK, world_watch(self, 4, 44, "h1", 4));
    assert_result(REGISTRY_STALE, world_leave(self, 4, 0));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 5));
    assert_result(REGISTRY_OK, world_leave(self, 5, 0));
    assert_int_equal(self->was, SESSION_STATE_WAITING);
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 6));
    assert_result(REGISTRY_OK, world_leave(self, 2, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_leave(self, 3, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s6");
    assert_result(REGISTRY_OK, world_leave(self, 6, 0)); /* an offer that nobody knows of */
    assert_count(self, 1, 0, 0, 0);
}

static void
a_watched_place_does_not_end_and_a_dropped_one_has_its_grace(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    int64_t version = self->session.version;
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 7));
    assert_string_equal(self->other.session_id, "");
    assert_int_equal(self->session.state, SESSION_STATE_WAITING);
    assert_string_equal(self->session.room, "");
    assert_string_equal(self->session.holder, "h1");
    assert_int_equal(self->session.connection, 7);
    assert_true(self->session.version > version && self->session.turn == self->session.version);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_result(REGISTRY_SPENT, world_watch(self, 2, 23, "h1", 7));
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_OK, world_drop(self, 2, turn));
    assert_int_equal(self->session.state, SESSION_STATE_WAITING);
    assert_string_equal(self->session.holder, "");
    assert_true(self->session.turn == turn && self->session.version > turn);
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    assert_count(self, 1, 0, 0, 1);
    assert_result(REGISTRY_OK, world_watch(self, 22, 23, "h2", 9)); /* the place is still there */
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_int_equal(self->place, 1);
    assert_result(REGISTRY_STALE, world_drop(self, 2, turn));
    assert_result(REGISTRY_OK, world_leave(self, 2, self->session.turn));
}

/* Session 2 waits, watched by connection 7 of h1 and opened by secret 22, and is offered a seat. Gives the turn of the
 * watch. */
static int64_t
watch_and_promote(world_t *self)
{
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 7));
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_WAITING, world_enter(self, 22, 99, "h1", 7)); /* no seat is offered yet; not spent */
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s2");
    return turn;
}

static void
a_promoted_watcher_enters_with_the_token_it_has(void **state)
{
    world_t *self = *state;
    uint8_t token[SECRET_HASH_SIZE];
    int64_t turn = watch_and_promote(self);
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_string_equal(self->session.holder, "h1");
    assert_int_equal(self->session.connection, 7);
    assert_true(self->session.turn == turn && self->session.version > turn);
    world_secret(22, token);
    assert_int_equal(self->session.secret_len, SECRET_HASH_SIZE);
    assert_memory_equal(self->session.secret, token, SECRET_HASH_SIZE);
    world_pass(self, OFFER_MSEC - 1);
    assert_result(REGISTRY_OK, world_enter(self, 22, 23, "h1", 7));
    assert_string_equal(self->other.session_id, ""); /* who watched is who enters */
    assert_int_equal(self->session.state, SESSION_STATE_ACTIVE);
    assert_true(self->session.turn == self->session.version && self->session.turn > turn);
    assert_result(REGISTRY_SPENT, world_enter(self, 22, 99, "h1", 7));
    assert_result(REGISTRY_STALE, world_drop(self, 2, turn)); /* the watch is over */
    assert_count(self, 0, 1, 0, 0);
}

static void
an_offered_seat_is_held_for_the_rest_of_its_time_when_its_watcher_drops(void **state)
{
    world_t *self = *state;
    int64_t turn = watch_and_promote(self);
    int64_t version = self->session.version;
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_drop(self, 2, turn));
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_string_equal(self->session.holder, "");
    assert_true(self->session.turn == turn && self->session.version > version);
    assert_int_equal(self->session.left_ms, OFFER_MSEC - 1000);
    assert_result(REGISTRY_STALE, world_drop(self, 2, turn));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_watch(self, 22, 23, "h1", 8)); /* it can be watched again, with the token */
    assert_string_equal(self->other.session_id, "");
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_int_equal(self->session.left_ms, OFFER_MSEC - 1000);
    assert_result(REGISTRY_STALE, world_drop(self, 2, turn));
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    world_pass(self, OFFER_MSEC - 1001);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    assert_result(REGISTRY_UNKNOWN, world_promote(self)); /* the seat is not free */
    assert_result(REGISTRY_OK, world_enter(self, 23, 24, "h2", 9));
    assert_string_equal(self->other.session_id, "");
    assert_count(self, 0, 1, 0, 1);
}

static void
an_offered_seat_whose_watcher_dropped_ends_with_its_time(void **state)
{
    world_t *self = *state;
    int64_t turn = watch_and_promote(self);
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_drop(self, 2, turn));
    world_pass(self, OFFER_MSEC - 1000);
    assert_result(REGISTRY_EXPIRED, world_enter(self, 22, 99, "h1", 7));
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_int_equal(self->swept, REGISTRY_SWEPT_OFFER);
    assert_count(self, 0, 0, 0, 0);
}

static void
an_offer_entered_by_another_connection_tells_the_watching_one(void **state)
{
    world_t *self = *state;
    int64_t turn = watch_and_promote(self);
    assert_result(REGISTRY_OK, world_enter(self, 22, 23, "h1", 8));
    assert_string_equal(self->other.session_id, "s2");
    assert_int_equal(self->other.connection, 7);
    assert_result(REGISTRY_STALE, world_drop(self, 2, turn));
    assert_count(self, 0, 1, 0, 0);
}

const struct CMUnitTest registry_connection_tests[] = {
    CASE(a_second_connection_takes_an_active_session_over),
    CASE(the_same_connection_is_not_to_be_closed),
    CASE(a_drop_holds_the_seat_for_the_grace),
    CASE(a_connection_of_before_a_renewal_can_say_nothing),
    CASE(a_leave_frees_the_seat_at_once),
    CASE(a_leave_tells_the_state_before),
    CASE(a_connect_that_was_given_up_ends_only_what_nobody_used),
    CASE(a_watched_place_does_not_end_and_a_dropped_one_has_its_grace),
    CASE(a_promoted_watcher_enters_with_the_token_it_has),
    CASE(an_offered_seat_is_held_for_the_rest_of_its_time_when_its_watcher_drops),
    CASE(an_offered_seat_whose_watcher_dropped_ends_with_its_time),
    CASE(an_offer_entered_by_another_connection_tells_the_watching_one),
    {0},
};
