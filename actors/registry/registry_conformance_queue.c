/* The queue: order, promotion, and reading. */
#include "registry_conformance_helpers.h"

/* One plays, and `count` wait: sessions 2, 3 ... */
static void
queue_up(world_t *self, unsigned count)
{
    self->limits.capacity = 1;
    self->limits.queue_max = 100;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    for (unsigned i = 0; i < count; i++) {
        assert_result(REGISTRY_QUEUED, world_claim_one(self, 2 + i));
    }
}

static void
who_waits_longest_is_promoted(void **state)
{
    world_t *self = *state;
    queue_up(self, 3);
    assert_result(REGISTRY_UNKNOWN, world_promote(self)); /* no seat */
    assert_result(REGISTRY_OK, world_find(self, 2));
    int64_t number = self->session.number, version = self->count.version;
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s2");
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_string_equal(self->session.room, "alpha/main");
    assert_true(self->session.number == number && self->session.version > version && self->session.turn == 0);
    assert_int_equal(self->session.left_ms, OFFER_MSEC);
    assert_count(self, 1, 0, 0, 2);
    assert_result(REGISTRY_UNKNOWN, world_promote(self));
    assert_result(REGISTRY_OK, world_find(self, 4));
    assert_int_equal(self->place, 2);
    assert_result(REGISTRY_OK, world_enter(self, 2, 22, "h1", 1)); /* by the secret it had */
    self->limits.capacity = 10;
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s3");
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s4");
    assert_result(REGISTRY_UNKNOWN, world_promote(self)); /* nobody waits */
    assert_count(self, 2, 1, 0, 0);
}

static void
promotion_goes_on_while_draining_and_rests_in_maintenance(void **state)
{
    world_t *self = *state;
    queue_up(self, 2);
    self->limits.capacity = 2;
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.maintenance = true}));
    assert_result(REGISTRY_UNKNOWN, world_promote(self));
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.drain = true}));
    assert_result(REGISTRY_OK, world_promote(self));
}

static void
promotion_passes_over_a_place_whose_time_is_over(void **state)
{
    world_t *self = *state;
    queue_up(self, 1);
    world_pass(self, GRACE_MSEC - 1);
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_OK, world_leave(self, 1, 0));
    world_pass(self, 1);
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s3");
    self->limits.capacity = 2;
    assert_result(REGISTRY_UNKNOWN, world_promote(self));
    assert_result(REGISTRY_EXPIRED, world_watch(self, 2, 22, "h1", 1));
    assert_count(self, 1, 0, 0, 1);                           /* sweep's work */
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 4)); /* till then somebody waits */
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_string_equal(self->session.session_id, "s2");
    assert_int_equal(self->swept, REGISTRY_SWEPT_GRACE);
}

static void
places_close_up_when_somebody_goes(void **state)
{
    world_t *self = *state;
    queue_up(self, 4);
    assert_result(REGISTRY_OK, world_leave(self, 3, REGISTRY_ANY_TURN));
    static const unsigned order[] = {2, 4, 5};
    for (unsigned i = 0; i < 3; i++) {
        assert_result(REGISTRY_OK, world_find(self, order[i]));
        assert_int_equal(self->place, i + 1);
        assert_result(REGISTRY_OK, world_find_character(self, order[i]));
        assert_int_equal(self->place, i + 1);
    }
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_int_equal(self->place, 0);
    assert_result(REGISTRY_QUEUED, world_claim(self, (world_session_t){6, 3, 3, 6})); /* it comes back at the end */
    assert_result(REGISTRY_OK, world_find(self, 6));
    assert_int_equal(self->place, 4);
}

static void
a_sign_of_life_gives_a_place_its_whole_grace_again(void **state)
{
    world_t *self = *state;
    queue_up(self, 3);
    int64_t version = self->session.version;
    world_pass(self, GRACE_MSEC - 1);
    assert_result(REGISTRY_OK, world_touch(self, 2));
    assert_result(REGISTRY_OK, world_watch(self, 3, 33, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_touch(self, 3)); /* it is watched */
    assert_result(REGISTRY_UNKNOWN, world_touch(self, 1)); /* it has a seat */
    assert_result(REGISTRY_UNKNOWN, world_touch(self, 9));
    world_pass(self, 1);
    assert_result(REGISTRY_UNKNOWN, world_touch(self, 4)); /* too late */
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_int_equal(self->session.left_ms, GRACE_MSEC - 1);
    assert_true(self->session.version < version && self->session.turn == 0);
    assert_result(REGISTRY_OK, world_find(self, 3));
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_result(REGISTRY_OK, world_find(self, 4));
    assert_int_equal(self->session.left_ms, 0);
}

static void
who_waits_is_told_in_order(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    int64_t numbers[10];
    uint32_t count = 99;
    assert_result(REGISTRY_OK, registry->waiting(registry, self->now, "alpha", numbers, 10, &count));
    assert_int_equal(count, 0);
    queue_up(self, 5);
    assert_result(REGISTRY_OK, world_leave(self, 4, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, registry->waiting(registry, self->now, "alpha", numbers, 10, &count));
    assert_int_equal(count, 4);
    static const unsigned order[] = {2, 3, 5, 6};
    for (unsigned i = 0; i < 4; i++) {
        assert_result(REGISTRY_OK, world_find(self, order[i]));
        assert_true(self->session.number == numbers[i]);
    }
    assert_result(REGISTRY_OK, registry->waiting(registry, self->now, "alpha", numbers, 2, &count));
    assert_int_equal(count, 2);
    assert_true(numbers[0] < numbers[1]);
}

static void
sessions_are_listed_by_number_and_in_pieces(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    queue_up(self, 6);
    assert_result(REGISTRY_OK, world_enter(self, 1, 11, "h1", 1));
    assert_result(REGISTRY_OK, world_leave(self, 4, REGISTRY_ANY_TURN));
    static const char *const order[] = {"s1", "s2", "s3", "s5", "s6", "s7"};
    registry_session_t rows[4];
    uint32_t count = 99;
    int64_t after = 0;
    unsigned seen = 0;
    do {
        assert_result(REGISTRY_OK, registry->list(registry, self->now, "alpha", after, rows, 4, &count));
        assert_in_range(count, 0, 4);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(seen < 6 && rows[i].number > after);
            assert_string_equal(rows[i].session_id, order[seen++]);
            after = rows[i].number;
        }
    } while (count > 0);
    assert_int_equal(seen, 6);
    assert_result(REGISTRY_OK, registry->list(registry, self->now, "alpha", 0, rows, 1, &count));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].state, SESSION_STATE_ACTIVE);
    assert_string_equal(rows[0].holder, "h1");
    assert_result(REGISTRY_OK, registry->list(registry, self->now, "beta", 0, rows, 4, &count));
    assert_int_equal(count, 0);
}

const struct CMUnitTest registry_queue_tests[] = {
    CASE(who_waits_longest_is_promoted),
    CASE(promotion_goes_on_while_draining_and_rests_in_maintenance),
    CASE(promotion_passes_over_a_place_whose_time_is_over),
    CASE(places_close_up_when_somebody_goes),
    CASE(a_sign_of_life_gives_a_place_its_whole_grace_again),
    CASE(who_waits_is_told_in_order),
    CASE(sessions_are_listed_by_number_and_in_pieces),
    {0},
};
