/* A registry that has lost its memory, and is told by the store. */
#include "registry_conformance_helpers.h"

static const registry_switches_t off = {0};

/* Everything that needs to know who has a seat. */
static void
assert_lost(world_t *self)
{
    registry_t *registry = self->registry;
    registry_switches_t switches;
    registry_session_t row;
    int64_t number;
    uint32_t count;
    assert_result(REGISTRY_LOST, world_claim_one(self, 1));
    assert_result(REGISTRY_LOST, world_end_attempt(self, 1, 2));
    assert_result(REGISTRY_LOST, world_renew(self, 1, 1, 2));
    assert_result(REGISTRY_LOST, world_enter(self, 1, 2, "h1", 1));
    assert_result(REGISTRY_LOST, world_watch(self, 1, 2, "h1", 1));
    assert_result(REGISTRY_LOST, world_authorize(self, 1, 1, 1));
    assert_result(REGISTRY_LOST, world_drop(self, 1, 1));
    assert_result(REGISTRY_LOST, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_LOST, world_ask(self, 1, 3));
    assert_result(REGISTRY_LOST, world_unask(self, 1, 3));
    assert_result(REGISTRY_LOST, world_replace(self, 1, 3, 4));
    assert_result(REGISTRY_LOST, world_promote(self));
    assert_result(REGISTRY_LOST, world_sweep(self));
    assert_result(REGISTRY_LOST, world_touch(self, 1));
    assert_result(REGISTRY_LOST, world_find(self, 1));
    assert_result(REGISTRY_LOST, world_find_character(self, 1));
    assert_result(REGISTRY_LOST, world_count(self));
    assert_result(REGISTRY_LOST, registry->waiting(registry, self->now, self->instance, &number, 1, &count));
    assert_result(REGISTRY_LOST, registry->list(registry, self->now, self->instance, 0, &row, 1, &count));
    assert_result(REGISTRY_LOST, registry->get_switches(registry, self->now, self->instance, &switches));
    assert_result(REGISTRY_LOST, world_switch(self, off));
}

static void
a_registry_that_remembers_nothing_is_lost_until_it_is_restored(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    self->instance = "gamma";
    assert_lost(self);
    registry_session_t row = world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 1, 1);
    assert_result(REGISTRY_LOST, registry->restore_add(registry, self->now, "gamma", &row, 1, &self->limits));
    assert_result(REGISTRY_LOST, registry->restore_end(registry, self->now, "gamma"));
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, "gamma", 0, &off));
    assert_lost(self);
    assert_result(REGISTRY_OK, registry->restore_add(registry, self->now, "gamma", &row, 1, &self->limits));
    assert_lost(self);
    assert_result(REGISTRY_OK, registry->restore_end(registry, self->now, "gamma"));
    assert_count(self, 0, 0, 1, 0);
}

static void
notices_beats_and_attempts_need_no_memory(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    const registry_attempt_limits_t limits = {1, 1, 1000, 1000};
    assert_result(REGISTRY_OK, world_tell(self, "h1", 1, 5));
    assert_result(REGISTRY_OK, world_beat(self, "h1", 16));
    assert_int_equal(self->left, 5);
    assert_result(REGISTRY_OK, world_attempt_failed(self, 1, 1, limits));
    assert_int_equal(self->left, 1000);
    assert_result(REGISTRY_OK, world_attempt_left(self, 1, 1));
    assert_int_equal(self->left, 1000);
}

static void
a_forgotten_instance_is_lost_and_the_others_are_not(void **state)
{
    world_t *self = *state;
    world_play(self, 1, "h1");
    self->instance = "beta";
    assert_result(REGISTRY_OK, world_claim_one(self, 2));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_switch(self, (registry_switches_t){.drain = true}));
    assert_result(REGISTRY_OK, self->registry->forget(self->registry, self->now, "alpha"));
    assert_lost(self);
    assert_result(REGISTRY_OK, self->registry->forget(self->registry, self->now, "alpha"));
    assert_result(REGISTRY_OK, self->registry->forget(self->registry, self->now, "never heard of"));
    assert_result(REGISTRY_LOST, self->registry->restore_end(self->registry, self->now, "alpha"));
    world_restore(self, 0, NULL, 0);
    assert_count(self, 0, 0, 0, 0);
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 1001, 91, "h1", 1));
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 1, 91, "h1", 1));           /* its tombstones are gone too */
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){3, 1, 1, 3})); /* so are its switches */
    self->instance = "beta";
    assert_count(self, 1, 0, 0, 0);
    assert_result(REGISTRY_OK, world_enter(self, 2, 92, "h1", 1));
}

static void
restored_sessions_go_on(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    self->limits.capacity = 4;
    registry_session_t rows[5] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_ACTIVE, 11, 31),
        world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 12, 35),
        world_row(self, (world_session_t){3, 3, 3, 3}, SESSION_STATE_CONNECTING, 13, 33),
        world_row(self, (world_session_t){5, 5, 5, 5}, SESSION_STATE_WAITING, 15, 34),
        world_row(self, (world_session_t){4, 4, 4, 4}, SESSION_STATE_WAITING, 14, 32),
    };
    rows[0].turn = 30;
    rows[1].left_ms = 5000;
    snprintf(rows[1].room, sizeof rows[1].room, "gamma/main-2");
    rows[2].left_ms = 6000;
    rows[3].left_ms = 7000;
    snprintf(rows[4].holder, sizeof rows[4].holder, "h1");
    rows[4].connection = 2;
    rows[4].turn = 29;
    world_restore(self, 20, rows, 5);
    assert_count(self, 1, 1, 1, 2);
    assert_true(self->count.version == 35);
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_true(self->session.number == 11 && self->session.version == 31 && self->session.turn == 30);
    assert_string_equal(self->session.holder, "h1");
    assert_string_equal(self->session.room, "gamma/main");
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_string_equal(self->session.room, "gamma/main-2");
    assert_int_equal(self->session.left_ms, 5000);
    assert_result(REGISTRY_OK, world_find(self, 3));
    assert_int_equal(self->session.left_ms, 6000);
    assert_result(REGISTRY_OK, world_find(self, 4));
    assert_int_equal(self->place, 1);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END); /* it is watched */
    assert_result(REGISTRY_OK, world_find(self, 5));
    assert_int_equal(self->place, 2);
    assert_int_equal(self->session.left_ms, 7000);
    registry_session_t listed[6];
    uint32_t count = 0;
    assert_result(REGISTRY_OK, self->registry->list(self->registry, self->now, "gamma", 0, listed, 6, &count));
    assert_int_equal(count, 5);
    for (unsigned i = 0; i < 5; i++) { /* by number, whatever the order they were told in */
        assert_int_equal(listed[i].number, 11 + i);
    }

    assert_result(REGISTRY_QUEUED, world_claim_one(self, 6));
    assert_true(self->session.number > 20 && self->session.version > 35);
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){7, 5, 5, 7}));
    assert_result(REGISTRY_OK, world_enter(self, 2, 92, "h1", 3));
    assert_string_equal(self->session.room, "gamma/main-2");
    assert_result(REGISTRY_OK, world_enter(self, 3, 93, "h1", 4));
    assert_result(REGISTRY_OK, world_drop(self, 1, 30));
    assert_result(REGISTRY_OK, world_promote(self));
    assert_string_equal(self->session.session_id, "s4");
    assert_string_equal(self->session.room, "gamma/main-2"); /* main has two, by what was restored */
}

static void
restored_time_runs_out(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    registry_session_t rows[3] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_CONNECTING, 11, 31),
        world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 12, 32),
        world_row(self, (world_session_t){3, 3, 3, 3}, SESSION_STATE_WAITING, 13, 33),
    };
    rows[0].left_ms = 0;
    rows[1].left_ms = -2;
    rows[2].left_ms = -100000;
    world_restore(self, 13, rows, 3);
    assert_result(REGISTRY_EXPIRED, world_enter(self, 1, 91, "h1", 1));
    assert_result(REGISTRY_EXPIRED, world_enter(self, 2, 92, "h1", 1));
    assert_result(REGISTRY_EXPIRED, world_watch(self, 3, 93, "h1", 1));
    unsigned tickets = 0, graces = 0;
    while (world_sweep(self) == REGISTRY_OK) {
        tickets += self->swept == REGISTRY_SWEPT_TICKET;
        graces += self->swept == REGISTRY_SWEPT_GRACE;
    }
    assert_int_equal(tickets, 1);
    assert_int_equal(graces, 2);
    assert_count(self, 0, 0, 0, 0);

    assert_result(REGISTRY_OK, self->registry->forget(self->registry, self->now, "gamma"));
    for (unsigned i = 0; i < 3; i++) {
        rows[i].left_ms = REGISTRY_NO_END; /* unknown: the whole time */
    }
    world_restore(self, 13, rows, 3);
    static const int64_t left[] = {TICKET_MSEC, GRACE_MSEC, GRACE_MSEC};
    for (unsigned i = 0; i < 3; i++) {
        assert_result(REGISTRY_OK, world_find(self, i + 1));
        assert_int_equal(self->session.left_ms, left[i]);
    }
}

static void
a_restored_session_stays_active_if_its_gateway_beats(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    registry_session_t rows[2] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_ACTIVE, 11, 31),
        world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_ACTIVE, 12, 32),
    };
    snprintf(rows[1].holder, sizeof rows[1].holder, "h2");
    world_restore(self, 12, rows, 2);
    world_pass(self, REGISTRY_SILENT_MSEC - 1);
    assert_result(REGISTRY_OK, world_beat(self, "h2", 0));
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    world_pass(self, 1);
    assert_result(REGISTRY_OK, world_sweep(self));
    assert_string_equal(self->session.session_id, "s1");
    assert_int_equal(self->swept, REGISTRY_SWEPT_HOLDER);
    assert_result(REGISTRY_UNKNOWN, world_sweep(self));
    assert_count(self, 0, 1, 1, 0);
}

static void
what_is_there_stays_unless_a_higher_version_comes(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    self->instance = "gamma";
    registry_session_t row = world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 11, 31);
    world_restore(self, 11, &row, 1);
    row.left_ms = 5000;
    world_restore(self, 11, &row, 1); /* the same version */
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_int_equal(self->session.left_ms, GRACE_MSEC);
    world_secret(2, row.secret);
    row.version = 30;
    world_restore(self, 11, &row, 1); /* a lower one */
    assert_result(REGISTRY_UNKNOWN, world_enter(self, 2, 92, "h1", 1));
    row.version = 40;
    world_restore(self, 11, &row, 1); /* a higher one */
    assert_count(self, 0, 0, 1, 0);
    assert_true(self->count.version == 40);
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_int_equal(self->session.left_ms, 5000);
    assert_true(self->session.version == 40);
    assert_result(REGISTRY_OK, world_enter(self, 2, 92, "h1", 1));
    row.version = 39; /* what the store knew before */
    world_restore(self, 11, &row, 1);
    assert_count(self, 0, 1, 0, 0);
    row.state = SESSION_STATE_ENDED;
    assert_result(REGISTRY_OK, registry->restore_add(registry, self->now, "gamma", &row, 1, &self->limits));
    assert_count(self, 0, 1, 0, 0);
    row.version = 1000;
    row.secret_len = 0;
    assert_result(REGISTRY_OK, registry->restore_add(registry, self->now, "gamma", &row, 1, &self->limits));
    assert_count(self, 0, 0, 0, 0);
    assert_result(REGISTRY_UNKNOWN, world_find(self, 1));
    assert_result(REGISTRY_OK, world_claim(self, (world_session_t){2, 1, 1, 3}));
    assert_true(self->session.version > 1000);
}

static void
a_restore_while_in_use_changes_no_switch_and_loses_nothing(void **state)
{
    world_t *self = *state;
    registry_t *registry = self->registry;
    registry_switches_t switches = {.capacity = 2, .drain = true};
    self->instance = "gamma";
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, "gamma", 100, &switches));
    assert_result(REGISTRY_OK, registry->restore_end(registry, self->now, "gamma"));
    assert_result(REGISTRY_DRAINING, world_claim_one(self, 1));
    switches.drain = false;
    assert_result(REGISTRY_OK, world_switch(self, switches));
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_true(self->session.number > 100);
    switches.maintenance = true;
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, "gamma", 50, &switches));
    assert_count(self, 1, 0, 0, 0);                       /* not lost by it */
    assert_result(REGISTRY_OK, world_claim_one(self, 2)); /* and no maintenance */
    assert_true(self->session.number > 101);
    registry_session_t row = world_row(self, (world_session_t){3, 3, 3, 3}, SESSION_STATE_GRACE, 40, 10);
    assert_result(REGISTRY_OK, registry->restore_add(registry, self->now, "gamma", &row, 1, &self->limits));
    assert_result(REGISTRY_OK, registry->restore_end(registry, self->now, "gamma"));
    assert_count(self, 2, 0, 1, 0); /* whatever the capacity */
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 4));
}

static void
of_two_sessions_of_a_character_the_higher_number_is_restored(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    registry_session_t rows[3] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 11, 33),
        world_row(self, (world_session_t){2, 1, 1, 2}, SESSION_STATE_GRACE, 13, 31),
        world_row(self, (world_session_t){3, 1, 1, 3}, SESSION_STATE_GRACE, 12, 32),
    };
    world_restore(self, 13, rows, 3);
    assert_count(self, 0, 0, 1, 0);
    assert_true(self->count.version == 33);
    assert_result(REGISTRY_OK, world_find_character(self, 1));
    assert_string_equal(self->session.session_id, "s2");
    if (registry_form->characters_per_instance) {
        return;
    }
    self->instance = "delta"; /* numbers of different instances say nothing of each other */
    registry_session_t row = world_row(self, (world_session_t){4, 1, 1, 4}, SESSION_STATE_GRACE, 99, 99);
    world_restore(self, 99, &row, 1);
    assert_count(self, 0, 0, 0, 0);
    self->instance = "gamma";
    assert_result(REGISTRY_OK, world_enter(self, 2, 92, "h1", 1));
}

static void
what_has_ended_here_is_not_brought_back_by_a_store_that_has_not_heard_of_it(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    registry_session_t rows[3] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 11, 31),
        world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_WAITING, 12, 32),
        world_row(self, (world_session_t){3, 3, 3, 3}, SESSION_STATE_GRACE, 13, 33),
    };
    const registry_session_t before = rows[0];
    world_restore(self, 13, rows, 3);
    assert_result(REGISTRY_OK, world_enter(self, 1, 91, "h1", 1)); /* with another secret since */
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_OK, world_leave(self, 2, REGISTRY_ANY_TURN));
    const int64_t ended = self->session.version;
    world_restore(self, 13, rows, 3);
    assert_count(self, 0, 0, 1, 0);
    for (int i = 0; i < 2; i++) { /* and the store is to hear of it */
        assert_int_equal(rows[i].state, SESSION_STATE_ENDED);
        assert_int_equal(rows[i].secret_len, 0);
        assert_true(rows[i].version > ended);
    }
    assert_int_equal(rows[2].state, SESSION_STATE_GRACE);
    assert_result(REGISTRY_SPENT, world_enter(self, 1, 92, "h1", 2));
    rows[0] = before;
    world_secret(4, rows[0].secret); /* one that it can only have been given elsewhere */
    rows[0].version = 1000;
    world_restore(self, 13, rows, 1);
    assert_count(self, 0, 0, 2, 0);
}

static void
a_seat_without_a_room_is_given_one(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    registry_session_t rows[3] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_GRACE, 11, 31),
        world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 12, 32),
        world_row(self, (world_session_t){3, 3, 3, 3}, SESSION_STATE_GRACE, 13, 33),
    };
    rows[1].room[0] = '\0';
    rows[2].room[0] = '\0';
    world_restore(self, 13, rows, 3);
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_string_equal(self->session.room, "gamma/main");
    assert_result(REGISTRY_OK, world_find(self, 3));
    assert_string_equal(self->session.room, "gamma/main-2");
}

const struct CMUnitTest registry_restore_tests[] = {
    CASE(a_registry_that_remembers_nothing_is_lost_until_it_is_restored),
    CASE(notices_beats_and_attempts_need_no_memory),
    CASE(a_forgotten_instance_is_lost_and_the_others_are_not),
    CASE(restored_sessions_go_on),
    CASE(restored_time_runs_out),
    CASE(a_restored_session_stays_active_if_its_gateway_beats),
    CASE(what_is_there_stays_unless_a_higher_version_comes),
    CASE(a_restore_while_in_use_changes_no_switch_and_loses_nothing),
    CASE(of_two_sessions_of_a_character_the_higher_number_is_restored),
    CASE(what_has_ended_here_is_not_brought_back_by_a_store_that_has_not_heard_of_it),
    CASE(a_seat_without_a_room_is_given_one),
    {0},
};
