/* What time brings: the ends of tickets, offers and graces, silent gateways, and the notices left for gateways. */
#include "registry_conformance_helpers.h"

static void
assert_swept(world_t *self, const char *session_id, registry_swept_t why)
{
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_string_equal(self->session.session_id, session_id);
    assert_int_equal(self->swept, why);
}

static void
a_ticket_that_is_not_used_ends_the_session(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    int64_t version = self->session.version;
    world_pass(self, TICKET_MSEC - 1);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    assert_swept(self, "s1", REGISTRY_SWEPT_TICKET);
    assert_int_equal(self->session.state, SESSION_STATE_ENDED);
    assert_string_equal(self->session.user_id, "user 1");
    assert_int_equal(self->session.secret_len, 0);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_true(self->session.version > version);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    assert_count(self, 0, 0, 0, 0);
    assert_true(self->count.version > version);
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 1, 1, 2}));
}

static void
an_offer_that_is_not_taken_ends_the_session(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    assert_result(REGISTRY_OK, world_promote(self));
    world_pass(self, OFFER_MSEC - 1);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    assert_swept(self, "s2", REGISTRY_SWEPT_OFFER);
    assert_result(REGISTRY_EXPIRED, world_enter(self, 2, 22, "h1", 1));
    assert_count(self, 0, 0, 0, 0);
}

static void
a_grace_ends_seats_and_places(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_drop(self, 1, turn));
    world_pass(self, GRACE_MSEC - 1000);
    assert_swept(self, "s2", REGISTRY_SWEPT_GRACE);
    assert_int_equal(self->session.state, SESSION_STATE_ENDED);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 999);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    assert_swept(self, "s1", REGISTRY_SWEPT_GRACE);
    assert_count(self, 0, 0, 0, 0);
    assert_result(REGISTRY_EXPIRED, world_enter(self, 1001, 91, "h1", 1));
    assert_result(REGISTRY_EXPIRED, world_watch(self, 2, 92, "h1", 1));
}

static void
all_that_is_due_is_swept_one_by_one(void **state)
{
    world_t *self = *state;
    for (unsigned i = 1; i <= CAPACITY; i++) {
        world_claim_one(self, i);
        world_pass(self, 10);
    }
    self->instance = "beta";
    assert_result(REGISTRY_OK, world_claim_one(self, 9));
    self->instance = "alpha";
    world_pass(self, 2 * TICKET_MSEC);
    unsigned seen = 0;
    while (world_sweep(self) == REGISTRY_OK) {
        assert_int_equal(self->swept, REGISTRY_SWEPT_TICKET);
        unsigned number = (unsigned)(self->session.session_id[1] - '0');
        assert_in_range(number, 1, CAPACITY);
        assert_false(seen & 1u << number);
        seen |= 1u << number;
    }
    assert_int_equal(seen, 2 + 4 + 8);
    assert_count(self, 0, 0, 0, 0);
    self->instance = "beta";
    assert_swept(self, "s9", REGISTRY_SWEPT_TICKET);
}

static void
sessions_of_a_silent_gateway_are_dropped(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 2;
    world_play(self, 1, "h1");
    int64_t turn = self->session.turn;
    world_play(self, 2, "h2");
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_watch(self, 3, 33, "h1", 3));
    world_pass(self, REGISTRY_SILENT_MSEC - 1);
    assert_result(REGISTRY_OK, world_beat(self, "h2", 0));
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    unsigned seen = 0;
    for (unsigned i = 0; i < 2; i++) {
        assert_result(REGISTRY_OK, world_sweep(self));
        assert_int_equal(self->swept, REGISTRY_SWEPT_HOLDER);
        assert_string_equal(self->session.holder, "");
        assert_int_equal(self->session.connection, 0);
        assert_int_equal(self->session.left_ms, GRACE_MSEC);
        assert_true(self->session.version > self->session.turn);
        bool is_active = strcmp(self->session.session_id, "s1") == 0;
        assert_int_equal(self->session.state, is_active ? SESSION_STATE_GRACE : SESSION_STATE_WAITING);
        seen |= is_active ? 1u : 2u;
    }
    assert_int_equal(seen, 3);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    assert_count(self, 0, 1, 1, 1);
    assert_result(REGISTRY_STALE, world_drop(self, 1, turn)); /* it was dropped for it */
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h2", 9));
    assert_result(REGISTRY_OK, world_watch(self, 33, 93, "h2", 10));
    world_pass(self, REGISTRY_SILENT_MSEC - 1);
    assert_result(REGISTRY_OK, world_beat(self, "h2", 0));
    world_pass(self, REGISTRY_SILENT_MSEC - 1);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
}

static void
an_offer_of_a_silent_gateway_stays_an_offer(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 2));
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    assert_result(REGISTRY_OK, world_promote(self));
    int64_t version = self->session.version;
    world_pass(self, REGISTRY_SILENT_MSEC);
    assert_swept(self, "s2", REGISTRY_SWEPT_HOLDER);
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_string_equal(self->session.holder, "");
    assert_true(self->session.version > version);
    assert_int_equal(self->session.left_ms, OFFER_MSEC - REGISTRY_SILENT_MSEC);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, OFFER_MSEC - REGISTRY_SILENT_MSEC);
    assert_swept(self, "s2", REGISTRY_SWEPT_OFFER);
}

static void
silence_counts_from_when_the_connection_took_hold(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    world_pass(self, 3 * REGISTRY_SILENT_MSEC); /* it had nothing to beat for */
    world_play(self, 1, "h1");
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, REGISTRY_SILENT_MSEC / 2);
    world_play(self, 2, "h1"); /* no beat: nothing is known of the first one by it */
    world_pass(self, REGISTRY_SILENT_MSEC / 2);
    assert_swept(self, "s1", REGISTRY_SWEPT_HOLDER);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, REGISTRY_SILENT_MSEC / 2 - 1);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    assert_swept(self, "s2", REGISTRY_SWEPT_HOLDER);
}

static void
a_gateway_beats_for_each_instance(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    world_pass(self, REGISTRY_SILENT_MSEC - 1);
    self->instance = "beta";
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    self->instance = "alpha";
    world_pass(self, 1);
    assert_swept(self, "s1", REGISTRY_SWEPT_HOLDER);
}

static void
notices_wait_for_their_gateway_in_order(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_int_equal(self->place, 0);
    for (unsigned i = 1; i <= 5; i++) {
        assert_result(REGISTRY_OK, world_tell(self, "h1", i, 100 + i));
    }
    assert_result(REGISTRY_OK, world_tell(self, "h2", 6, 200)); /* one it has not heard of yet */
    self->instance = "beta";
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_int_equal(self->place, 0);
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_beat(self, "h1", 0));
    assert_int_equal(self->place, 0);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 3));
    assert_int_equal(self->place, 3);
    assert_int_equal(self->left, 101);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_int_equal(self->place, 2);
    assert_int_equal(self->left, 104);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_int_equal(self->place, 0);

    registry_notice_t notice;
    uint32_t count = 0;
    assert_result(REGISTRY_OK, self->registry->beat(self->registry, self->now, "alpha", "h2", &notice, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(notice.session_id, "s6");
    assert_int_equal(notice.connection, 200);
    assert_int_equal(notice.close, CLOSE_CODE_REPLACED);
}

static void
notices_beyond_their_number_push_the_oldest_out(void **state)
{
    world_t *self = *state;
    for (unsigned i = 1; i <= REGISTRY_NOTICES_MAX + 2; i++) {
        assert_result(REGISTRY_OK, world_tell(self, "h1", 1, i));
    }
    unsigned seen = 0;
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_int_equal(self->left, 3);
    while (self->place > 0) {
        seen += self->place;
        assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    }
    assert_int_equal(seen, REGISTRY_NOTICES_MAX);
}

static void
a_telling_is_no_beat(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    world_pass(self, REGISTRY_SILENT_MSEC);
    assert_result(REGISTRY_OK, world_tell(self, "h1", 1, 1));
    assert_swept(self, "s1", REGISTRY_SWEPT_HOLDER);
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16)); /* it was only slow */
    assert_int_equal(self->place, 1);
}

const struct CMUnitTest registry_time_tests[] = {
    CASE(a_ticket_that_is_not_used_ends_the_session),
    CASE(an_offer_that_is_not_taken_ends_the_session),
    CASE(a_grace_ends_seats_and_places),
    CASE(all_that_is_due_is_swept_one_by_one),
    CASE(sessions_of_a_silent_gateway_are_dropped),
    CASE(an_offer_of_a_silent_gateway_stays_an_offer),
    CASE(silence_counts_from_when_the_connection_took_hold),
    CASE(a_gateway_beats_for_each_instance),
    CASE(notices_wait_for_their_gateway_in_order),
    CASE(notices_beyond_their_number_push_the_oldest_out),
    CASE(a_telling_is_no_beat),
    {0},
};
