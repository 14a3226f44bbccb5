/* Claims: seats, rooms, the queue's length, one session per character, and what an operator has switched. */
#include "registry_conformance_helpers.h"

static void
a_claim_takes_a_seat_by_a_ticket(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){1, 2, 3, 4}));
    registry_session_t claimed = self->session;
    assert_string_equal(self->other.session_id, "");
    assert_int_equal(claimed.state, SESSION_STATE_CONNECTING);
    assert_string_equal(claimed.room, "alpha/main");
    assert_string_equal(claimed.holder, "");
    assert_int_equal(claimed.connection, 0);
    assert_int_equal(claimed.turn, 0);
    assert_true(claimed.number > 0 && claimed.version > 0);
    assert_int_equal(claimed.left_ms, TICKET_MSEC);
    assert_count(self, 1, 0, 0, 0);
    assert_true(self->count.version == claimed.version);

    world_pass(self, 1000);
    assert_result(REGISTRY_OK, world_find(self, 1));
    claimed.left_ms -= 1000;
    assert_string_equal(self->session.session_id, "s1");
    assert_string_equal(self->session.instance, "alpha");
    assert_string_equal(self->session.character_id, "c2");
    assert_string_equal(self->session.user_id, "user 3");
    assert_string_equal(self->session.name, "Name 2");
    assert_int_equal(self->session.role, ROLE_PLAYER);
    assert_string_equal(self->session.room, claimed.room);
    assert_true(self->session.number == claimed.number && self->session.version == claimed.version);
    assert_true(self->session.left_ms == claimed.left_ms);
    assert_int_equal(self->session.secret_len, SECRET_HASH_SIZE);
    assert_memory_equal(self->session.secret, claimed.secret, SECRET_HASH_SIZE);
    assert_int_equal(self->place, 0);
    assert_result(REGISTRY_OK, world_find_character(self, 2));
    assert_string_equal(self->session.session_id, "s1");
    assert_result(REGISTRY_UNKNOWN, world_find(self, 2));
    assert_result(REGISTRY_UNKNOWN, world_find_character(self, 1));
}

static void
long_names_come_back_whole(void **state)
{
    world_t *self = *state;
    registry_session_t row = world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_ENDED, 0, 0);
    memset(row.session_id, 's', sizeof row.session_id - 1);
    memset(row.character_id, 'c', sizeof row.character_id - 1);
    for (size_t i = 0; i + 2 < sizeof row.user_id; i += 2) {
        memcpy(row.user_id + i, "\xc3\xa9", 2);
    }
    memset(row.name, '"', sizeof row.name - 1);
    row.role = ROLE_ADMIN;
    self->session = row;
    assert_result(REGISTRY_OK,
                  self->registry->claim(self->registry, self->now, &self->session, &self->other, &self->limits));
    uint32_t count = 0;
    registry_session_t listed;
    assert_result(REGISTRY_OK, self->registry->list(self->registry, self->now, "alpha", 0, &listed, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(listed.session_id, row.session_id);
    assert_string_equal(listed.character_id, row.character_id);
    assert_string_equal(listed.user_id, row.user_id);
    assert_string_equal(listed.name, row.name);
    assert_int_equal(listed.role, ROLE_ADMIN);
}

static void
claims_beyond_capacity_wait_and_beyond_the_queue_are_full(void **state)
{
    world_t *self = *state;
    int64_t number = 0;
    for (unsigned i = 1; i <= CAPACITY + QUEUE_MAX; i++) {
        assert_result(i <= CAPACITY ? REGISTRY_OK : REGISTRY_QUEUED, world_claim_one(self, i));
        assert_true(self->session.number > number);
        number = self->session.number;
    }
    assert_int_equal(self->session.state, SESSION_STATE_WAITING);
    assert_string_equal(self->session.room, "");
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    assert_result(REGISTRY_FULL, world_claim_one(self, 9));
    assert_count(self, CAPACITY, 0, 0, QUEUE_MAX);
    assert_result(REGISTRY_UNKNOWN, world_find(self, 9));
    for (unsigned i = 1; i <= QUEUE_MAX; i++) {
        assert_result(REGISTRY_OK, world_find(self, CAPACITY + i));
        assert_int_equal(self->place, i);
    }
    self->limits.queue_max = 0;
    assert_result(REGISTRY_FULL, world_claim_one(self, 9));
}

static void
nobody_overtakes_who_waits(void **state)
{
    world_t *self = *state;
    for (unsigned i = 1; i <= CAPACITY + 1; i++) {
        world_claim_one(self, i);
    }
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_count(self, CAPACITY - 1, 0, 0, 1);
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 8));
    assert_result(REGISTRY_OK, world_find(self, 8));
    assert_int_equal(self->place, 2);
}

static void
every_state_with_a_seat_counts(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    world_play(self, 2, "h1");
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    assert_result(REGISTRY_OK, world_claim_one(self, 3));
    assert_count(self, 1, 1, 1, 0);
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 4));
}

static void
rooms_fill_in_order_and_from_the_first_with_a_place(void **state)
{
    world_t *self = *state;
    static const char *const rooms[] = {"alpha/main", "alpha/main", "alpha/main-2", "alpha/main-2", "alpha/main-3"};
    self->limits.capacity = 10;
    for (unsigned i = 0; i < 5; i++) {
        assert_result(REGISTRY_OK, world_claim_one(self, i + 1));
        assert_string_equal(self->session.room, rooms[i]);
    }
    assert_result(REGISTRY_OK, world_leave(self, 4, REGISTRY_ANY_TURN));
    assert_string_equal(self->session.room, "alpha/main-2");
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_claim_one(self, 6));
    assert_string_equal(self->session.room, "alpha/main");
    assert_result(REGISTRY_OK, world_claim_one(self, 7));
    assert_string_equal(self->session.room, "alpha/main-2");
    assert_result(REGISTRY_OK, world_claim_one(self, 8));
    assert_string_equal(self->session.room, "alpha/main-3");
    self->limits.room_size = 3; /* read anew: the first rooms have a place again */
    assert_result(REGISTRY_OK, world_claim_one(self, 9));
    assert_string_equal(self->session.room, "alpha/main");
}

static void
a_room_is_kept_until_the_end_of_the_session(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    world_play(self, 2, "h1");
    world_play(self, 3, "h1");
    assert_string_equal(self->session.room, "alpha/main-2");
    int64_t turn = self->session.turn;
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_drop(self, 3, turn));
    assert_string_equal(self->session.room, "alpha/main-2");
    assert_result(REGISTRY_OK, world_enter(self, 1003, 2003, "h1", 9));
    assert_string_equal(self->session.room, "alpha/main-2");
    assert_result(REGISTRY_OK, world_ask(self, 3, 77));
    assert_result(REGISTRY_OK, world_replace(self, 3, 77, 3003));
    assert_string_equal(self->session.room, "alpha/main-2");
}

static void
a_character_has_one_session_over_all_instances(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){1, 1, 1, 1}));
    if (registry_form
            ->characters_per_instance) { /* of this instance only: over instances the store has the last word */
        assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){2, 1, 1, 2}));
        self->instance = "beta";
        assert_result(REGISTRY_OK, world_claim(self, (world_session_t){3, 1, 1, 3}));
        return;
    }
    int64_t version = self->session.version;
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){2, 1, 1, 2}));
    assert_string_equal(self->session.session_id, "s1");
    assert_string_equal(self->session.instance, "alpha");
    assert_string_equal(self->session.user_id, "user 1");
    assert_int_equal(self->session.state, SESSION_STATE_CONNECTING);
    assert_true(self->session.version == version);
    assert_int_equal(self->session.secret_len, 0);
    self->instance = "beta";
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){3, 1, 1, 3}));
    assert_string_equal(self->session.session_id, "s1");
    assert_string_equal(self->session.instance, "alpha");
    assert_result(REGISTRY_UNKNOWN, world_find_character(self, 1));
    assert_count(self, 0, 0, 0, 0);
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    self->instance = "beta";
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){4, 1, 1, 4}));
    assert_string_equal(self->session.room, "beta/main");
}

static void
instances_do_not_share_seats_queue_or_secrets(void **state)
{
    world_t *self = *state;
    for (unsigned i = 1; i <= CAPACITY + 1; i++) {
        world_claim_one(self, i);
    }
    self->instance = "beta";
    assert_count(self, 0, 0, 0, 0);
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 1, 91, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_watch(self, 4, 91, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_renew(self, 1, 1, 91));
    assert_result(REGISTRY_UNKNOWN, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_UNKNOWN, world_drop(self, 1, 0));
    assert_result(REGISTRY_UNKNOWN, world_find(self, 1));
    assert_result(REGISTRY_UNKNOWN, world_promote(self));
    assert_result(REGISTRY_OK, world_claim_one(self, 9));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_enter(self, 1, 91, "h1", 1));
    assert_count(self, CAPACITY - 1, 1, 0, 1);
}

static void
a_repeated_claim_changes_nothing(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_REPEATED, world_claim(self, (world_session_t){1, 1, 1, 2}));
    assert_result(REGISTRY_REPEATED, world_claim(self, (world_session_t){1, 5, 1, 3}));
    assert_count(self, 1, 0, 0, 0);
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 2, 92, "h1", 1));
    assert_result(REGISTRY_OK, world_enter(self, 1, 91, "h1", 1));
}

static void
a_claim_ends_the_users_other_attempt(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){1, 1, 7, 1}));
    int64_t version = self->session.version;
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 2, 7, 2})); /* in the seat of the first */
    assert_string_equal(self->other.session_id, "s1");
    assert_string_equal(self->other.character_id, "c1");
    assert_int_equal(self->other.state, SESSION_STATE_ENDED);
    assert_int_equal(self->other.secret_len, 0);
    assert_int_equal(self->other.left_ms, REGISTRY_NO_END);
    assert_true(self->other.version > version);
    assert_true(self->session.version > version);
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 91, "h1", 1));
    assert_count(self, 1, 0, 0, 0);

    assert_result(REGISTRY_QUEUED, world_claim(self, (world_session_t){3, 3, 8, 3}));
    assert_string_equal(self->other.session_id, "");
    assert_result(REGISTRY_QUEUED, world_claim(self, (world_session_t){4, 4, 8, 4}));
    assert_string_equal(self->other.session_id, "s3");
    assert_count(self, 1, 0, 0, 1);
}

static void
a_claim_leaves_what_is_no_attempt_alone(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){1, 1, 7, 1}));
    assert_result(REGISTRY_OK, world_enter(self, 1, 91, "h1", 1));
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 2, 7, 2})); /* the first one is active */
    assert_string_equal(self->other.session_id, "");
    self->instance = "beta";
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){3, 3, 7, 3})); /* the second one is elsewhere */
    assert_string_equal(self->other.session_id, "");
    self->instance = "alpha";
    assert_count(self, 1, 1, 0, 0);
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){4, 1, 7, 4})); /* a refusal ends nothing */
    assert_count(self, 1, 1, 0, 0);
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.drain = true}));
    assert_result(REGISTRY_DRAINING, world_claim(self, (world_session_t){5, 5, 7, 5}));
    assert_count(self, 1, 1, 0, 0);
}

static void
an_attempt_is_ended_unless_it_is_for_this_character(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_UNKNOWN, world_end_attempt(self, 7, 2));
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){1, 1, 7, 1}));
    int64_t version = self->session.version;
    assert_result(REGISTRY_UNKNOWN, world_end_attempt(self, 7, 1));
    assert_result(REGISTRY_UNKNOWN, world_end_attempt(self, 8, 2));
    assert_result(REGISTRY_OK, world_end_attempt(self, 7, 2));
    assert_string_equal(self->other.session_id, "s1");
    assert_int_equal(self->other.state, SESSION_STATE_ENDED);
    assert_true(self->other.version > version);
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 91, "h1", 1));
    assert_count(self, 0, 0, 0, 0);
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 1, 7, 2}));
    assert_result(REGISTRY_OK, world_enter(self, 2, 92, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_end_attempt(self, 7, 2)); /* it is an attempt no more */
    assert_result(REGISTRY_OK, world_drop(self, 2, self->session.turn));
    assert_result(REGISTRY_UNKNOWN, world_end_attempt(self, 7, 2));
}

static void
switches_refuse_claims_in_their_order(void **state)
{
    world_t *self = *state;
    registry_switches_t got = {.drain = true};
    assert_result(REGISTRY_OK, self->registry->get_switches(self->registry, self->now, "alpha", &got));
    assert_true(!got.drain && !got.maintenance && got.capacity == 0);
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.drain = true}));
    assert_result(REGISTRY_DRAINING, world_claim_one(self, 2));
    assert_result(REGISTRY_REPEATED, world_claim_one(self, 1));
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){3, 1, 1, 3}));
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.drain = true, .maintenance = true}));
    assert_result(REGISTRY_MAINTENANCE, world_claim_one(self, 2));
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){3, 1, 1, 3}));
    assert_result(REGISTRY_OK, self->registry->get_switches(self->registry, self->now, "alpha", &got));
    assert_true(got.drain && got.maintenance && got.capacity == 0);
    self->instance = "beta"; /* each instance has its own */
    assert_result(REGISTRY_OK, world_claim_one(self, 2));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){0}));
    assert_result(REGISTRY_OK, world_claim_one(self, 4));
}

static void
the_instances_own_capacity_goes_before_the_callers(void **state)
{
    world_t *self = *state;
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.capacity = 1}));
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_UNKNOWN, world_promote(self));
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.capacity = 2}));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.capacity = 1})); /* nobody loses a seat */
    assert_count(self, 2, 0, 0, 0);
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 3));
    assert_result(REGISTRY_UNKNOWN, world_promote(self));
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){0}));
    assert_result(REGISTRY_OK, world_promote(self));
}

const struct CMUnitTest registry_seat_tests[] = {
    CASE(a_claim_takes_a_seat_by_a_ticket),
    CASE(long_names_come_back_whole),
    CASE(claims_beyond_capacity_wait_and_beyond_the_queue_are_full),
    CASE(nobody_overtakes_who_waits),
    CASE(every_state_with_a_seat_counts),
    CASE(rooms_fill_in_order_and_from_the_first_with_a_place),
    CASE(a_room_is_kept_until_the_end_of_the_session),
    CASE(a_character_has_one_session_over_all_instances),
    CASE(instances_do_not_share_seats_queue_or_secrets),
    CASE(a_repeated_claim_changes_nothing),
    CASE(a_claim_ends_the_users_other_attempt),
    CASE(a_claim_leaves_what_is_no_attempt_alone),
    CASE(an_attempt_is_ended_unless_it_is_for_this_character),
    CASE(switches_refuse_claims_in_their_order),
    CASE(the_instances_own_capacity_goes_before_the_callers),
    {0},
};
