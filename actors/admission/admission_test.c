#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "admission_pending.h"
#include "sim.h"

enum { CONNECT_USEC = 10 * ACT_SEC, TICKET_USEC = 30 * ACT_SEC };

typedef struct world {
    sim_t *sim;
    registry_t *registry;
    admission_config_t config;
    uint64_t asked; /* contexts used so far */
} world_t;

static world_t *
world_new(uint32_t capacity, uint32_t room_size)
{
    static const char *const instances[] = {"plaza", NULL};
    world_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->sim = sim_new(7);
    self->registry = registry_memory_new(100000);
    self->config = (admission_config_t){
        .registry = self->registry,
        .instances = instances,
        .build = "b1",
        .limits = {.capacity = capacity, .room_size = room_size, .ticket_usec = TICKET_USEC},
    };
    sim_add(self->sim, &admission_kind, &self->config);
    return self;
}

static int
setup(void **state)
{
    *state = world_new(3, 2);
    return 0;
}

static int
teardown(void **state)
{
    world_t *self = *state;
    sim_destroy(&self->sim);
    registry_destroy(&self->registry);
    free(self);
    return 0;
}

static msg_admission_connect_t
connect_body(unsigned number)
{
    msg_admission_connect_t body = {.role = ROLE_PLAYER, .build = "b1"};
    snprintf(body.session_id, sizeof body.session_id, "s%u", number);
    snprintf(body.user_id, sizeof body.user_id, "user %u", number);
    return body;
}

static void
ask(world_t *self, const char *instance, const msg_admission_connect_t *body)
{
    assert_true(sim_ask(self->sim, MSG_ADMISSION_CONNECT, instance, body, CONNECT_USEC, ++self->asked));
}

/* The store finds character number `character`. */
static void
find(world_t *self, unsigned character, bool suspended)
{
    const msg_t *msg = sim_take(self->sim, MSG_PERSISTENCE_FIND_CHARACTER);
    assert_non_null(msg);
    msg_persistence_character_t body = {.character = {.active = true, .suspended = suspended}};
    snprintf(body.character.id, sizeof body.character.id, "c%u", character);
    snprintf(body.character.name, sizeof body.character.name, "Name %u", character);
    sim_reply(self->sim, msg, MSG_PERSISTENCE_CHARACTER, &body);
}

static msg_admission_connected_t
connected(world_t *self)
{
    const msg_t *msg = sim_take(self->sim, MSG_ADMISSION_CONNECTED);
    assert_non_null(msg);
    return *(const msg_admission_connected_t *)msg->body;
}

static void
assert_reason(world_t *self, reason_t reason)
{
    msg_admission_connected_t body = connected(self);
    assert_int_equal(body.outcome, reason == REASON_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED);
    assert_true(body.has_reason);
    assert_string_equal(reason_names[body.reason], reason_names[reason]);
    assert_false(body.has_ticket);
    assert_int_equal(body.has_retry_after_seconds, reason == REASON_QUEUE_FULL);
    assert_int_equal(sim_kept(self->sim), 0);
}

static void
assert_seats(world_t *self, uint32_t connecting, uint32_t active)
{
    registry_count_t count = self->registry->count(self->registry, "plaza");
    assert_int_equal(count.connecting, connecting);
    assert_int_equal(count.active, active);
    assert_int_equal((int64_t)sim_metric(self->sim, METRIC_SESSIONS_CONNECTING, 0), connecting);
    assert_int_equal((int64_t)sim_metric(self->sim, METRIC_SESSIONS_ACTIVE, 0), active);
}

static void
admit(world_t *self, unsigned session, unsigned character, char ticket[44])
{
    msg_admission_connect_t body = connect_body(session);
    ask(self, "plaza", &body);
    find(self, character, false);
    msg_admission_connected_t answer = connected(self);
    assert_int_equal(answer.outcome, OUTCOME_ADMITTED);
    assert_true(answer.has_ticket && answer.has_character_id && !answer.has_reason);
    assert_int_equal(strlen(answer.ticket), 43);
    snprintf(ticket, 44, "%s", answer.ticket);
}

/* True: redeemed, and *out is the answer. */
static bool
redeem(world_t *self, const char *instance, const char *ticket, msg_admission_redeemed_t *out)
{
    msg_admission_redeem_t body;
    snprintf(body.ticket, sizeof body.ticket, "%s", ticket);
    assert_true(sim_ask(self->sim, MSG_ADMISSION_REDEEM, instance, &body, ACT_SEC, ++self->asked));
    const msg_t *msg = sim_take(self->sim, MSG_NONE);
    assert_non_null(msg);
    if (msg->type == MSG_ADMISSION_REDEEMED) {
        *out = *(const msg_admission_redeemed_t *)msg->body;
        return true;
    }
    assert_int_equal(msg->type, MSG_ADMISSION_REFUSED);
    return false;
}

static void
leave(world_t *self, unsigned session)
{
    msg_admission_leave_t body;
    snprintf(body.session_id, sizeof body.session_id, "s%u", session);
    assert_true(sim_tell(self->sim, MSG_ADMISSION_LEAVE, "plaza", &body));
}

/* ---- refusals ---- */

static void
unknown_instance_is_refused_and_not_remembered(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    msg_admission_redeemed_t out;
    ask(self, "atlantis", &body);
    assert_reason(self, REASON_INVALID_INSTANCE);
    assert_null(sim_state(self->sim, ACT_KIND_ADMISSION, "atlantis"));
    assert_false(redeem(self, "atlantis", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &out));
    assert_null(sim_state(self->sim, ACT_KIND_ADMISSION, "atlantis"));
}

static void
other_build_is_refused_without_asking_the_store(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.build, sizeof body.build, "b2");
    ask(self, "plaza", &body);
    assert_reason(self, REASON_VERSION_MISMATCH);
}

static void
each_fault_of_the_store_has_its_reason(void **state)
{
    world_t *self = *state;
    static const struct {
        store_fault_t fault;
        reason_t reason;
    } rows[] = {
        {STORE_FAULT_NOT_FOUND, REASON_NO_ACTIVE_CHARACTER},
        {STORE_FAULT_NOT_OWNER, REASON_NOT_OWNER},
        {STORE_FAULT_UNAVAILABLE, REASON_DEPENDENCY_UNAVAILABLE},
        {STORE_FAULT_FULL, REASON_DEPENDENCY_UNAVAILABLE},
        {STORE_FAULT_LIMIT, REASON_INTERNAL},
        {STORE_FAULT_STALE_EPOCH, REASON_INTERNAL},
        {STORE_FAULT_GAP, REASON_INTERNAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t before = sim_metric(self->sim, METRIC_CONNECT_REASONS, rows[i].reason);
        msg_admission_connect_t body = connect_body((unsigned)i);
        msg_persistence_failed_t failed = {.fault = rows[i].fault};
        ask(self, "plaza", &body);
        sim_reply(self->sim, sim_take(self->sim, MSG_PERSISTENCE_FIND_CHARACTER), MSG_PERSISTENCE_FAILED, &failed);
        assert_reason(self, rows[i].reason);
        assert_int_equal(sim_metric(self->sim, METRIC_CONNECT_REASONS, rows[i].reason), before + 1);
    }
    assert_seats(self, 0, 0);
}

static void
the_store_is_asked_for_this_user_and_this_character(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(4);
    body.has_character_id = true;
    snprintf(body.character_id, sizeof body.character_id, "c9");
    ask(self, "plaza", &body);
    const msg_t *msg = sim_take(self->sim, MSG_PERSISTENCE_FIND_CHARACTER);
    assert_non_null(msg);
    const msg_persistence_find_character_t *asked = msg->body;
    assert_string_equal(asked->user_id, "user 4");
    assert_true(asked->has_character_id);
    assert_string_equal(asked->character_id, "c9");
}

static void
suspended_character_is_refused(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    ask(self, "plaza", &body);
    find(self, 1, true);
    assert_reason(self, REASON_SUSPENDED);
    assert_seats(self, 0, 0);
}

static void
silent_store_is_a_timeout_within_the_ten_seconds(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    ask(self, "plaza", &body);
    const msg_t *msg = sim_take(self->sim, MSG_PERSISTENCE_FIND_CHARACTER);
    assert_non_null(msg);
    sim_advance(self->sim, ADMISSION_FIND_USEC - 1);
    assert_int_equal(sim_kept(self->sim), 0);
    sim_advance(self->sim, 1);
    assert_reason(self, REASON_TIMEOUT);
}

static void
an_answer_after_the_deadline_takes_no_seat(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    assert_true(sim_ask(self->sim, MSG_ADMISSION_CONNECT, "plaza", &body, ACT_SEC, 1));
    const msg_t *taken = sim_take(self->sim, MSG_PERSISTENCE_FIND_CHARACTER);
    assert_non_null(taken);
    msg_t asked = *taken; /* its head is all that an answer needs */
    msg_persistence_character_t found = {.character = {.id = "c1", .name = "Name 1", .active = true}};
    sim_advance(self->sim, ACT_SEC);
    assert_reason(self, REASON_TIMEOUT);
    sim_reply(self->sim, &asked, MSG_PERSISTENCE_CHARACTER, &found);
    assert_int_equal(sim_kept(self->sim), 0);
    assert_seats(self, 0, 0);
    char ticket[44];
    admit(self, 2, 1, ticket);
}

static void
overloaded_store_is_overloaded(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    sim_set_full(self->sim, ACT_KIND_PERSISTENCE, true);
    ask(self, "plaza", &body);
    assert_reason(self, REASON_OVERLOADED);
}

static void
full_table_of_waiting_connects_is_overloaded_and_empties(void **state)
{
    world_t *self = *state;
    for (unsigned i = 0; i < ADMISSION_PENDING_CAP; i++) {
        msg_admission_connect_t body = connect_body(i);
        ask(self, "plaza", &body);
    }
    assert_int_equal(sim_kept(self->sim), ADMISSION_PENDING_CAP);
    msg_admission_connect_t body = connect_body(ADMISSION_PENDING_CAP);
    ask(self, "plaza", &body);
    msg_admission_connected_t answer = connected(self);
    assert_int_equal(answer.reason, REASON_OVERLOADED);
    find(self, 0, false);
    assert_int_equal(connected(self).outcome, OUTCOME_ADMITTED);
    ask(self, "plaza", &body);
    assert_null(sim_take(self->sim, MSG_ADMISSION_CONNECTED));
}

/* ---- seats ---- */

static void
full_instance_says_when_to_try_again(void **state)
{
    world_t *self = *state;
    char ticket[44];
    for (unsigned i = 0; i < 3; i++) {
        admit(self, i, i, ticket);
    }
    msg_admission_connect_t body = connect_body(3);
    ask(self, "plaza", &body);
    find(self, 3, false);
    msg_admission_connected_t answer = connected(self);
    assert_int_equal(answer.outcome, OUTCOME_FAILED);
    assert_int_equal(answer.reason, REASON_QUEUE_FULL);
    assert_true(answer.has_retry_after_seconds);
    assert_int_equal(answer.retry_after_seconds, ADMISSION_RETRY_SECONDS);
    leave(self, 0);
    admit(self, 3, 3, ticket);
    assert_seats(self, 3, 0);
}

static void
a_crowd_at_once_gets_exactly_the_capacity(void **state)
{
    (void)state;
    world_t *self = world_new(50, 100);
    unsigned admitted = 0;
    for (unsigned i = 0; i < 500; i++) {
        msg_admission_connect_t body = connect_body(i);
        ask(self, "plaza", &body);
    }
    for (unsigned i = 0; i < 500; i++) {
        find(self, i, false);
    }
    for (unsigned i = 0; i < 500; i++) {
        msg_admission_connected_t answer = connected(self);
        admitted += answer.outcome == OUTCOME_ADMITTED;
        assert_true(answer.outcome == OUTCOME_ADMITTED || answer.reason == REASON_QUEUE_FULL);
    }
    assert_int_equal(admitted, 50);
    assert_seats(self, 50, 0);
    void *whole = self;
    teardown(&whole);
}

static void
spectator_takes_a_seat_too(void **state)
{
    world_t *self = *state;
    msg_admission_redeemed_t out;
    msg_admission_connect_t body = connect_body(1);
    body.role = ROLE_SPECTATOR;
    ask(self, "plaza", &body);
    find(self, 1, false);
    msg_admission_connected_t answer = connected(self);
    assert_seats(self, 1, 0);
    assert_true(redeem(self, "plaza", answer.ticket, &out));
    assert_int_equal(out.role, ROLE_SPECTATOR);
}

static void
character_in_a_session_is_refused_another(void **state)
{
    world_t *self = *state;
    char ticket[44];
    admit(self, 1, 1, ticket);
    msg_admission_connect_t body = connect_body(2);
    ask(self, "plaza", &body);
    find(self, 1, false);
    assert_reason(self, REASON_ALREADY_IN_SESSION);
    assert_seats(self, 1, 0);
}

static void
repeat_while_the_store_is_asked_is_decided_once(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    ask(self, "plaza", &body);
    ask(self, "plaza", &body);
    assert_int_equal(sim_kept(self->sim), 1);
    find(self, 1, false);
    assert_int_equal(sim_kept(self->sim), 1);
    const msg_t *msg = sim_take(self->sim, MSG_ADMISSION_CONNECTED);
    assert_non_null(msg);
    assert_int_equal(msg->context, self->asked);
    assert_seats(self, 1, 0);
}

static void
repeat_after_the_decision_gets_no_second_ticket_or_seat(void **state)
{
    world_t *self = *state;
    char ticket[44];
    msg_admission_redeemed_t out;
    admit(self, 1, 1, ticket);
    msg_admission_connect_t body = connect_body(1);
    ask(self, "plaza", &body);
    find(self, 1, false);
    assert_reason(self, REASON_ALREADY_IN_SESSION);
    assert_seats(self, 1, 0);
    assert_true(redeem(self, "plaza", ticket, &out));
}

/* ---- tickets ---- */

static void
ticket_is_good_once_and_says_who_and_where(void **state)
{
    world_t *self = *state;
    char ticket[44];
    msg_admission_redeemed_t out;
    admit(self, 5, 6, ticket);
    assert_seats(self, 1, 0);
    assert_true(redeem(self, "plaza", ticket, &out));
    assert_string_equal(out.session_id, "s5");
    assert_string_equal(out.character_id, "c6");
    assert_string_equal(out.user_id, "user 5");
    assert_string_equal(out.name, "Name 6");
    assert_string_equal(out.room, "plaza/main");
    assert_int_equal(out.role, ROLE_PLAYER);
    assert_seats(self, 0, 1);
    assert_false(redeem(self, "plaza", ticket, &out));
    assert_seats(self, 0, 1);
}

static void
made_up_ticket_is_refused(void **state)
{
    world_t *self = *state;
    char ticket[44];
    msg_admission_redeemed_t out;
    admit(self, 1, 1, ticket);
    ticket[0] = ticket[0] == 'A' ? 'B' : 'A';
    assert_false(redeem(self, "plaza", ticket, &out));
    assert_seats(self, 1, 0);
}

static void
tickets_differ_and_are_base64url(void **state)
{
    world_t *self = *state;
    char first[44];
    char second[44];
    admit(self, 1, 1, first);
    admit(self, 2, 2, second);
    assert_string_not_equal(first, second);
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
}

static void
ticket_holds_its_seat_until_it_runs_out_and_not_longer(void **state)
{
    world_t *self = *state;
    char ticket[44];
    msg_admission_redeemed_t out;
    admit(self, 1, 1, ticket);
    sim_advance(self->sim, 10 * ACT_SEC);
    char later[44];
    admit(self, 2, 2, later);
    sim_advance(self->sim, TICKET_USEC - 10 * ACT_SEC - 1);
    assert_seats(self, 2, 0);
    sim_advance(self->sim, 1);
    assert_seats(self, 1, 0);
    assert_false(redeem(self, "plaza", ticket, &out));
    assert_true(redeem(self, "plaza", later, &out));
    sim_advance(self->sim, 10 * TICKET_USEC);
    assert_seats(self, 0, 1);
}

static void
leaving_frees_the_seat_whatever_the_state_and_twice_is_harmless(void **state)
{
    world_t *self = *state;
    char ticket[44];
    msg_admission_redeemed_t out;
    admit(self, 1, 1, ticket);
    leave(self, 1);
    assert_seats(self, 0, 0);
    assert_false(redeem(self, "plaza", ticket, &out));
    admit(self, 2, 1, ticket);
    assert_true(redeem(self, "plaza", ticket, &out));
    leave(self, 2);
    leave(self, 2);
    leave(self, 77);
    assert_seats(self, 0, 0);
    admit(self, 3, 1, ticket);
}

static void
connect_given_up_while_the_store_is_asked_takes_no_seat(void **state)
{
    world_t *self = *state;
    msg_admission_connect_t body = connect_body(1);
    ask(self, "plaza", &body);
    leave(self, 1);
    find(self, 1, false);
    assert_int_equal(sim_kept(self->sim), 0);
    assert_seats(self, 0, 0);
}

static void
rooms_are_opened_as_they_fill(void **state)
{
    world_t *self = *state;
    static const char *const rooms[] = {"plaza/main", "plaza/main", "plaza/main-2"};
    for (unsigned i = 0; i < 3; i++) {
        char ticket[44];
        msg_admission_redeemed_t out;
        admit(self, i, i, ticket);
        assert_true(redeem(self, "plaza", ticket, &out));
        assert_string_equal(out.room, rooms[i]);
    }
}

static void
seats_outlive_the_actor_and_its_tickets_still_run_out(void **state)
{
    world_t *self = *state;
    char ticket[44];
    char unused[44];
    msg_admission_redeemed_t out;
    admit(self, 1, 1, ticket);
    admit(self, 2, 2, unused);
    sim_crash(self->sim, ACT_KIND_ADMISSION);
    assert_true(redeem(self, "plaza", ticket, &out));
    registry_count_t count = self->registry->count(self->registry, "plaza");
    assert_int_equal(count.connecting + count.active, 2);
    sim_advance(self->sim, TICKET_USEC);
    count = self->registry->count(self->registry, "plaza");
    assert_int_equal(count.connecting, 0);
    assert_int_equal(count.active, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(unknown_instance_is_refused_and_not_remembered),
        CASE(other_build_is_refused_without_asking_the_store),
        CASE(each_fault_of_the_store_has_its_reason),
        CASE(the_store_is_asked_for_this_user_and_this_character),
        CASE(suspended_character_is_refused),
        CASE(silent_store_is_a_timeout_within_the_ten_seconds),
        CASE(an_answer_after_the_deadline_takes_no_seat),
        CASE(overloaded_store_is_overloaded),
        CASE(full_table_of_waiting_connects_is_overloaded_and_empties),
        CASE(full_instance_says_when_to_try_again),
        CASE(a_crowd_at_once_gets_exactly_the_capacity),
        CASE(spectator_takes_a_seat_too),
        CASE(character_in_a_session_is_refused_another),
        CASE(repeat_while_the_store_is_asked_is_decided_once),
        CASE(repeat_after_the_decision_gets_no_second_ticket_or_seat),
        CASE(ticket_is_good_once_and_says_who_and_where),
        CASE(made_up_ticket_is_refused),
        CASE(tickets_differ_and_are_base64url),
        CASE(ticket_holds_its_seat_until_it_runs_out_and_not_longer),
        CASE(leaving_frees_the_seat_whatever_the_state_and_twice_is_harmless),
        CASE(connect_given_up_while_the_store_is_asked_takes_no_seat),
        CASE(rooms_are_opened_as_they_fill),
        CASE(seats_outlive_the_actor_and_its_tickets_still_run_out),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
