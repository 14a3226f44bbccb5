/* Secrets: each opens its session once, and what is no good any more is told apart from what never was. */
#include "registry_conformance_helpers.h"

static void
a_ticket_enters_once_and_the_next_secret_after_it(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    int64_t version = self->session.version;
    assert_result(REGISTRY_OK, world_enter(self, 1, 11, "h1", 5));
    assert_string_equal(self->other.session_id, "");
    assert_string_equal(self->session.session_id, "s1");
    assert_int_equal(self->session.state, SESSION_STATE_ACTIVE);
    assert_string_equal(self->session.holder, "h1");
    assert_int_equal(self->session.connection, 5);
    assert_true(self->session.version > version);
    assert_true(self->session.turn == self->session.version);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    uint8_t secret[SECRET_HASH_SIZE];
    world_secret(11, secret);
    assert_memory_equal(self->session.secret, secret, SECRET_HASH_SIZE);
    assert_count(self, 0, 1, 0, 0);
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 12, "h1", 6));
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 12, 13, "h1", 6));
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_int_equal(self->session.connection, 5);
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn));
    assert_result(REGISTRY_OK, world_enter(self, 11, 12, "h2", 7));
    assert_result(REGISTRY_SPENT, world_enter(self, 11, 13, "h2", 7));
}

static void
a_secret_that_never_was_is_unknown(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 2, 3, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_watch(self, 2, 3, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_renew(self, 1, 2, 3));
    assert_count(self, 1, 0, 0, 0);
}

static void
a_secret_is_expired_at_the_end_of_its_time_and_after(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    world_pass(self, TICKET_MSEC - 1);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    assert_result(REGISTRY_EXPIRED, world_enter(self, 1, 11, "h1", 1)); /* before it is swept */
    assert_result(REGISTRY_EXPIRED, world_watch(self, 1, 11, "h1", 1));
    assert_result(REGISTRY_EXPIRED, world_renew(self, 1, 1, 11));
    assert_count(self, 1, 0, 0, 0);
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_result(REGISTRY_EXPIRED, world_enter(self, 1, 11, "h1", 1)); /* and after */
    assert_result(REGISTRY_EXPIRED, world_watch(self, 1, 11, "h1", 1));
    assert_result(REGISTRY_EXPIRED, world_renew(self, 1, 1, 11));
    assert_result(REGISTRY_EXPIRED, world_enter(self, 1, 11, "h1", 1)); /* and again: nothing is spent by it */
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 11, 12, "h1", 1));
}

static void
a_tickets_last_moment_is_good(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    world_pass(self, TICKET_MSEC - 1);
    assert_result(REGISTRY_OK, world_enter(self, 1, 11, "h1", 1));
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn));
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    world_pass(self, GRACE_MSEC - 1);
    assert_result(REGISTRY_OK, world_enter(self, 11, 12, "h1", 1));
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn));
    world_pass(self, GRACE_MSEC);
    assert_result(REGISTRY_EXPIRED, world_enter(self, 12, 13, "h1", 1));
}

static void
secrets_of_a_session_that_was_ended_are_spent(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 91, "h1", 1));
    world_play(self, 2, "h1");
    assert_result(REGISTRY_OK, world_leave(self, 2, self->session.turn));
    assert_result(REGISTRY_SPENT, world_renew(self, 2, 1002, 92));
    assert_result(REGISTRY_SPENT, world_renew(self, 2, 2, 92));
}

static void
who_waits_cannot_enter_and_keeps_the_secret(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    int64_t version = self->session.version;
    assert_result(REGISTRY_WAITING, world_enter(self, 2, 92, "h1", 1));
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_true(self->session.version == version);
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 92, 93, "h1", 1));
    assert_result(REGISTRY_OK, world_watch(self, 2, 92, "h1", 1));
    assert_result(REGISTRY_WAITING, world_enter(self, 92, 93, "h1", 1));
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_OK, world_enter(self, 92, 93, "h1", 1));
}

static void
who_plays_cannot_watch_and_keeps_the_secret(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_UNKNOWN, world_watch(self, 1001, 91, "h2", 2));
    assert_result(REGISTRY_OK, world_drop(self, 1, turn));
    assert_result(REGISTRY_UNKNOWN, world_watch(self, 1001, 91, "h2", 2));
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h2", 2));
}

static void
renew_gives_another_secret_and_leaves_the_session_as_it_is(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 2;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    world_play(self, 2, "h1");
    world_pass(self, 1000);

    int64_t version = self->count.version;
    assert_result(REGISTRY_OK, world_renew(self, 1, 1, 11)); /* a ticket: its time goes on */
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_int_equal(self->session.left_ms, TICKET_MSEC - 1000);
    assert_true(self->session.version > version && self->session.turn == self->session.version);
    assert_result(REGISTRY_SPENT, world_renew(self, 1, 1, 12));
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 12, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_renew(self, 2, 11, 12)); /* another user's: not spent by it */

    assert_result(REGISTRY_OK, world_renew(self, 2, 1002, 22)); /* an active one stays active, and held */
    assert_int_equal(self->session.state, SESSION_STATE_ACTIVE);
    assert_string_equal(self->session.holder, "h1");
    assert_int_equal(self->session.connection, 2);
    assert_true(self->session.turn == self->session.version);
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_renew(self, 2, 22, 23)); /* a grace goes on */
    assert_int_equal(self->session.state, SESSION_STATE_GRACE);
    assert_int_equal(self->session.left_ms, GRACE_MSEC - 1000);
    assert_result(REGISTRY_OK, world_enter(self, 11, 12, "h1", 3));
    assert_result(REGISTRY_OK, world_enter(self, 23, 24, "h1", 4));
    assert_count(self, 0, 2, 0, 0);
}

static void
renew_gives_a_place_its_whole_grace_and_makes_an_offer_a_ticket(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    world_pass(self, GRACE_MSEC - 1);
    assert_result(REGISTRY_OK, world_renew(self, 2, 2, 22));
    assert_int_equal(self->session.state, SESSION_STATE_WAITING);
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    assert_result(REGISTRY_OK, world_watch(self, 22, 23, "h1", 2));
    assert_result(REGISTRY_OK, world_renew(self, 2, 23, 24)); /* watched it stays, and does not end */
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_string_equal(self->session.holder, "h1");
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_int_equal(self->session.left_ms, OFFER_MSEC);
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_renew(self, 2, 24, 25));
    assert_int_equal(self->session.left_ms, TICKET_MSEC);
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_renew(self, 2, 25, 26)); /* once: now it is a ticket */
    assert_int_equal(self->session.left_ms, TICKET_MSEC - 1000);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    world_pass(self, REGISTRY_SILENT_MSEC - 1);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    world_pass(self, TICKET_MSEC - 1000 - REGISTRY_SILENT_MSEC + 1);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_int_equal(self->swept, REGISTRY_SWEPT_TICKET);
}

static void
tombstones_are_forgotten_after_their_time(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1"); /* 1 is spent */
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn));
    world_pass(self, GRACE_MSEC);
    assert_result(REGISTRY_OK, world_sweep(self)); /* 1001 is expired */
    world_pass(self, REGISTRY_TOMBSTONE_MSEC - GRACE_MSEC - 1);
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 91, "h1", 1));
    world_pass(self, 1);
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 1, 91, "h1", 1));
    assert_result(REGISTRY_EXPIRED, world_enter(self, 1001, 91, "h1", 1));
    world_pass(self, GRACE_MSEC);
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 1001, 91, "h1", 1));
}

static void
tombstones_beyond_their_number_push_the_oldest_out(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    for (unsigned i = 1; i <= REGISTRY_TOMBSTONES_MAX; i++) {
        assert_result(REGISTRY_OK, world_renew(self, 1, i, i + 1));
    }
    assert_result(REGISTRY_SPENT, world_renew(self, 1, 1, 2));
    assert_result(REGISTRY_OK, world_renew(self, 1, REGISTRY_TOMBSTONES_MAX + 1, REGISTRY_TOMBSTONES_MAX + 2));
    assert_result(REGISTRY_UNKNOWN, world_renew(self, 1, 1, 2));
    assert_result(REGISTRY_SPENT, world_renew(self, 1, 2, 3));
    assert_result(REGISTRY_OK, world_enter(self, REGISTRY_TOMBSTONES_MAX + 2, REGISTRY_TOMBSTONES_MAX + 3, "h1", 1));
}

const struct CMUnitTest registry_secret_tests[] = {
    CASE(a_ticket_enters_once_and_the_next_secret_after_it),
    CASE(a_secret_that_never_was_is_unknown),
    CASE(a_secret_is_expired_at_the_end_of_its_time_and_after),
    CASE(a_tickets_last_moment_is_good),
    CASE(secrets_of_a_session_that_was_ended_are_spent),
    CASE(who_waits_cannot_enter_and_keeps_the_secret),
    CASE(who_plays_cannot_watch_and_keeps_the_secret),
    CASE(renew_gives_another_secret_and_leaves_the_session_as_it_is),
    CASE(renew_gives_a_place_its_whole_grace_and_makes_an_offer_a_ticket),
    CASE(tombstones_are_forgotten_after_their_time),
    CASE(tombstones_beyond_their_number_push_the_oldest_out),
    {0},
};
