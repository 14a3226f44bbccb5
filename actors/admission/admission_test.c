/* A connect, from what is refused at once to its one outcome. */
#include "admission_fixture.h"

/* ---- refused at once ---- */

static void
an_unknown_instance_is_refused_and_not_remembered(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, "atlantis", &body, CONNECT_USEC, 1));
    assert_refused(f, REASON_INVALID_INSTANCE, 0);
    msg_admission_enter_t enter_body = {.connection = 1, .holder = "g1"};
    memset(enter_body.secret, 'A', sizeof enter_body.secret - 1);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_ENTER, "atlantis", &enter_body, ASK_USEC, 2));
    const msg_admission_refused_t *refused = take(f, MSG_ADMISSION_REFUSED)->body;
    assert_int_equal(refused->fault, SECRET_FAULT_UNKNOWN);
    msg_admission_end_t end = {.user_id = "user 1"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, "atlantis", &end, ASK_USEC, 3));
    assert_declined(f, ERROR_NOT_FOUND);
    msg_admission_configure_t configure = {.has_drain = true, .drain = true};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONFIGURE, "atlantis", &configure, ASK_USEC, 4));
    assert_declined(f, ERROR_NOT_FOUND);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_INSPECT, "atlantis", &(msg_admission_inspect_t){0}, ASK_USEC, 5));
    assert_declined(f, ERROR_NOT_FOUND);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_LIST, "atlantis", &(msg_admission_list_t){0}, ASK_USEC, 6));
    assert_declined(f, ERROR_NOT_FOUND);
    assert_true(
        sim_ask(f->sim, MSG_ADMISSION_FIND, "atlantis", &(msg_admission_find_t){.character_id = "c1"}, ASK_USEC, 8));
    assert_declined(f, ERROR_NOT_FOUND);
    msg_admission_kick_t kick = {.has_session_id = true, .session_id = "s1"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_KICK, "atlantis", &kick, ASK_USEC, 7));
    assert_declined(f, ERROR_NOT_FOUND);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_LEAVE, "atlantis", &(msg_admission_leave_t){.session_id = "s1"}));
    assert_true(sim_tell(f->sim, MSG_ADMISSION_BEAT, "atlantis", &(msg_admission_beat_t){.holder = "g1"}));
    assert_null(sim_state(f->sim, ACT_KIND_ADMISSION, "atlantis"));
    nothing_else(f);
}

static void
another_build_is_refused_without_asking_the_store(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.build, sizeof body.build, "b2");
    ask_connect(f, &body);
    assert_refused(f, REASON_VERSION_MISMATCH, 0);
    nothing_else(f);
}

/* ---- the store's say ---- */

static void
the_store_is_asked_for_this_user_and_this_character(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(4);
    body.has_character_id = true;
    snprintf(body.character_id, sizeof body.character_id, "c9");
    ask_connect(f, &body);
    const msg_persistence_find_character_t *asked = take(f, MSG_PERSISTENCE_FIND_CHARACTER)->body;
    assert_string_equal(asked->user_id, "user 4");
    assert_true(asked->has_character_id);
    assert_string_equal(asked->character_id, "c9");
}

static void
each_fault_of_the_store_has_its_reason(void **state)
{
    fixture_t *f = *state;
    static const struct {
        store_fault_t fault;
        reason_t reason;
        int64_t retry_seconds;
    } rows[] = {
        {STORE_FAULT_NOT_FOUND, REASON_NO_ACTIVE_CHARACTER, 0},
        {STORE_FAULT_NOT_OWNER, REASON_NOT_OWNER, 0},
        {STORE_FAULT_UNAVAILABLE, REASON_DEPENDENCY_UNAVAILABLE, 2},
        {STORE_FAULT_FULL, REASON_DEPENDENCY_UNAVAILABLE, 2},
        {STORE_FAULT_LIMIT, REASON_INTERNAL, 5},
        {STORE_FAULT_STALE_EPOCH, REASON_INTERNAL, 5},
        {STORE_FAULT_GAP, REASON_INTERNAL, 5},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t before = count_of(f, METRIC_CONNECT_REASONS, rows[i].reason);
        msg_admission_connect_t body = connect_body(i + 1);
        ask_connect(f, &body);
        store_fails(f, MSG_PERSISTENCE_FIND_CHARACTER, rows[i].fault);
        assert_refused(f, rows[i].reason, rows[i].retry_seconds);
        assert_int_equal(count_of(f, METRIC_CONNECT_REASONS, rows[i].reason), before + 1);
    }
    assert_seats(f, 0, 0, 0, 0);
    nothing_else(f);
}

static void
a_suspended_character_is_refused(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), true);
    assert_refused(f, REASON_SUSPENDED, 0);
    assert_seats(f, 0, 0, 0, 0);
    nothing_else(f);
}

static void
a_silent_store_is_a_timeout_within_the_ten_seconds(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    take(f, MSG_PERSISTENCE_FIND_CHARACTER);
    sim_advance(f->sim, ADMISSION_FIND_USEC - 1);
    none(f, MSG_ADMISSION_CONNECTED);
    sim_advance(f->sim, 1);
    assert_refused(f, REASON_TIMEOUT, 1);
    nothing_else(f);
}

static void
an_answer_after_the_deadline_takes_no_seat(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, ACT_SEC, 1));
    msg_t asked = *take(f, MSG_PERSISTENCE_FIND_CHARACTER); /* its head is all that an answer needs */
    msg_persistence_character_t found = {.character = {.id = "c1", .name = "Name", .active = true}};
    sim_advance(f->sim, ACT_SEC);
    assert_refused(f, REASON_TIMEOUT, 1);
    sim_reply(f->sim, &asked, MSG_PERSISTENCE_CHARACTER, &found);
    assert_seats(f, 0, 0, 0, 0);
    nothing_else(f);
    secret_t ticket;
    admit(f, 1, ticket);
}

static void
an_overloaded_store_is_overloaded(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    sim_set_full(f->sim, ACT_KIND_PERSISTENCE, true);
    ask_connect(f, &body);
    assert_refused(f, REASON_OVERLOADED, 1);
    nothing_else(f);
}

static void
a_full_table_of_waiting_connects_is_overloaded_and_empties(void **state)
{
    fixture_t *f = *state;
    for (unsigned i = 1; i <= ADMISSION_PENDING_CAP; i++) {
        msg_admission_connect_t body = connect_body(i);
        ask_connect(f, &body);
    }
    msg_admission_connect_t body = connect_body(ADMISSION_PENDING_CAP + 1);
    ask_connect(f, &body);
    assert_refused(f, REASON_OVERLOADED, 1);
    msg_admission_end_t end = {.user_id = "user 1"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, PLAZA, &end, ASK_USEC, 1));
    assert_declined(f, ERROR_OVERLOADED);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), true);
    assert_refused(f, REASON_SUSPENDED, 0);
    ask_connect(f, &body); /* there is room for it now */
    none(f, MSG_ADMISSION_CONNECTED);
}

/* ---- seats and places ---- */

static void
an_admitted_one_hears_who_it_is_and_gets_a_ticket(void **state)
{
    fixture_t *f = *state;
    secret_t first, second;
    admit(f, 1, first);
    assert_true(f->connected.has_ticket && f->connected.has_session_id && f->connected.has_character_id);
    assert_false(f->connected.has_reason || f->connected.has_reconnect_token || f->connected.has_position ||
                 f->connected.has_eta_seconds || f->connected.has_retry_after_seconds);
    assert_string_equal(f->connected.session_id, "s1");
    assert_string_equal(f->connected.character_id, "c1");
    admit(f, 2, second);
    assert_string_not_equal(first, second);
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_int_equal(count_of(f, METRIC_CONNECTS, OUTCOME_ADMITTED), 2);
    nothing_else(f);
}

static void
a_crowd_at_once_gets_exactly_the_seats_and_the_places(void **state)
{
    fixture_t *f = *state;
    unsigned outcomes[OUTCOME_COUNT] = {0}, last = 0;
    for (unsigned i = 1; i <= 50; i++) {
        msg_admission_connect_t body = connect_body(i);
        ask_connect(f, &body);
    }
    serve(f);
    for (unsigned i = 1; i <= 50; i++) {
        msg_admission_connected_t answer = connected(f);
        outcomes[answer.outcome]++;
        if (answer.outcome == OUTCOME_QUEUED) {
            assert_true(answer.has_position && answer.position == ++last);
        } else if (answer.outcome == OUTCOME_FAILED) {
            assert_int_equal(answer.reason, REASON_QUEUE_FULL);
            assert_int_equal(answer.retry_after_seconds, 5);
        }
    }
    assert_int_equal(outcomes[OUTCOME_ADMITTED], 3);
    assert_int_equal(outcomes[OUTCOME_QUEUED], 3);
    assert_int_equal(outcomes[OUTCOME_FAILED], 44);
    assert_seats(f, 3, 0, 0, 3);
    sim_advance(f->sim, ACT_SEC);
    assert_int_equal((int64_t)count_of(f, METRIC_SESSIONS_CONNECTING, 0), 3);
    assert_int_equal((int64_t)count_of(f, METRIC_QUEUE_WAITING, 0), 3);
    nothing_else(f);
}

static void
a_queued_one_hears_its_position_and_an_eta_only_if_one_was_measured(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    forget(f, MSG_QUEUE_CHANGED);
    queue_up(f, 4, secret);
    assert_true(f->connected.has_reconnect_token && f->connected.has_position && f->connected.has_session_id);
    assert_false(f->connected.has_ticket || f->connected.has_eta_seconds || f->connected.has_reason);
    assert_int_equal(f->connected.position, 1);
    const msg_queue_changed_t *changed = take(f, MSG_QUEUE_CHANGED)->body;
    assert_int_equal(changed->number, stored(f, "s4")->number);
    msg_admission_pace_t pace = {.ms_per_place = 2600};
    assert_true(sim_tell(f->sim, MSG_ADMISSION_PACE, PLAZA, &pace));
    queue_up(f, 5, secret);
    assert_int_equal(f->connected.position, 2);
    assert_true(f->connected.has_eta_seconds);
    assert_int_equal(f->connected.eta_seconds, 6); /* 5.2 */
    pace.ms_per_place = 86400000;
    assert_true(sim_tell(f->sim, MSG_ADMISSION_PACE, PLAZA, &pace));
    queue_up(f, 6, secret);
    assert_int_equal(f->connected.eta_seconds, 86400);
    assert_int_equal(count_of(f, METRIC_CONNECTS, OUTCOME_QUEUED), 3);
}

static void
nobody_overtakes_who_waits(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    queue_up(f, 4, secret);
    leave(f, "s1", 0);
    queue_up(f, 5, secret); /* though there is a seat: it is for the one before it */
    assert_seats(f, 2, 0, 0, 2);
}

static void
a_spectator_takes_a_seat_too(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    body.role = ROLE_SPECTATOR;
    msg_admission_connected_t answer = connect_with(f, &body);
    assert_seats(f, 1, 0, 0, 0);
    assert_int_equal(enter(f, answer.ticket, "g1", 1)->role, ROLE_SPECTATOR);
}

static void
a_repeat_while_the_store_is_asked_is_decided_once(void **state)
{
    fixture_t *f = *state;
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    ask_connect(f, &body);
    serve(f);
    assert_int_equal(take(f, MSG_ADMISSION_CONNECTED)->context, f->asked);
    assert_seats(f, 1, 0, 0, 0);
    nothing_else(f);
}

static void
a_repeat_after_the_decision_gets_no_second_ticket_or_seat(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 1, ticket);
    msg_admission_connect_t body = connect_body(1);
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_ALREADY_IN_SESSION);
    assert_seats(f, 1, 0, 0, 0);
    enter(f, ticket, "g1", 1);
}

static void
a_character_on_another_instance_is_refused_without_a_dialogue(void **state)
{
    fixture_t *f = *state;
    const registry_switches_t switches = {0};
    registry_session_t session = {.session_id = "x",
                                  .instance = "arena",
                                  .character_id = "c1",
                                  .user_id = "user 1",
                                  .name = "N",
                                  .secret_len = SECRET_HASH_SIZE},
                       other;
    assert_int_equal(f->registry->restore_begin(f->registry, sim_now(f->sim), "arena", 0, &switches), REGISTRY_OK);
    assert_int_equal(f->registry->restore_end(f->registry, sim_now(f->sim), "arena"), REGISTRY_OK);
    assert_int_equal(f->registry->claim(f->registry, sim_now(f->sim), &session, &other, &f->config.limits),
                     REGISTRY_OK);
    msg_admission_connect_t body = connect_body(1);
    ask_connect(f, &body);
    serve(f);
    assert_refused(f, REASON_ALREADY_IN_SESSION, 5);
    nothing_else(f);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(an_unknown_instance_is_refused_and_not_remembered),
        CASE(another_build_is_refused_without_asking_the_store),
        CASE(the_store_is_asked_for_this_user_and_this_character),
        CASE(each_fault_of_the_store_has_its_reason),
        CASE(a_suspended_character_is_refused),
        CASE(a_silent_store_is_a_timeout_within_the_ten_seconds),
        CASE(an_answer_after_the_deadline_takes_no_seat),
        CASE(an_overloaded_store_is_overloaded),
        CASE(a_full_table_of_waiting_connects_is_overloaded_and_empties),
        CASE(an_admitted_one_hears_who_it_is_and_gets_a_ticket),
        CASE(a_crowd_at_once_gets_exactly_the_seats_and_the_places),
        CASE(a_queued_one_hears_its_position_and_an_eta_only_if_one_was_measured),
        CASE(nobody_overtakes_who_waits),
        CASE(a_spectator_takes_a_seat_too),
        CASE(a_repeat_while_the_store_is_asked_is_decided_once),
        CASE(a_repeat_after_the_decision_gets_no_second_ticket_or_seat),
        CASE(a_character_on_another_instance_is_refused_without_a_dialogue),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
