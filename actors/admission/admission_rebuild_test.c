/* A registry that knows nothing, or less than it once did, is told what the store knows. */
#include "admission_fixture.h"

/* As the store has session `number`. */
static registry_session_t
row(unsigned number, session_state_t state)
{
    registry_session_t session = {.state = state,
                                  .number = number,
                                  .version = 10 * number,
                                  .turn = 10 * number,
                                  .connection = state == SESSION_STATE_ACTIVE ? number : 0,
                                  .left_ms = state == SESSION_STATE_ACTIVE ? REGISTRY_NO_END : 20000,
                                  .secret_len = SECRET_HASH_SIZE};
    char secret[SECRET_TEXT_SIZE];
    snprintf(session.session_id, sizeof session.session_id, "s%u", number);
    snprintf(session.instance, sizeof session.instance, "%s", PLAZA);
    snprintf(session.character_id, sizeof session.character_id, "c%u", number);
    snprintf(session.user_id, sizeof session.user_id, "user %u", number);
    snprintf(session.name, sizeof session.name, "Name");
    snprintf(session.room, sizeof session.room, "%s", state == SESSION_STATE_WAITING ? "" : "plaza/main");
    snprintf(session.holder, sizeof session.holder, "%s", state == SESSION_STATE_ACTIVE ? "g1" : "");
    snprintf(secret, sizeof secret, "%043u", number);
    secret_hash(secret, session.secret);
    return session;
}

/* Nobody knows anything but the store; nothing was asked of it yet. */
static void
lose(fixture_t *f)
{
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    sim_crash(f->sim, ACT_KIND_ADMISSION);
    while (sim_take(f->sim, MSG_NONE) != NULL) {
    }
    beat(f, "g1");
}

static void
all_pages_of_the_store_are_restored_and_the_numbers_go_on(void **state)
{
    fixture_t *f = *state;
    f->config.limits.capacity = 200;
    f->config.limits.queue_max = 200;
    for (unsigned i = 1; i <= 40; i++) {
        registry_session_t session = row(i, i <= 10   ? SESSION_STATE_ACTIVE
                                            : i <= 20 ? SESSION_STATE_GRACE
                                            : i <= 25 ? SESSION_STATE_CONNECTING
                                                      : SESSION_STATE_WAITING);
        store_keep(f, &session);
    }
    f->number = 77; /* the one that had it has ended */
    lose(f);
    const msg_t *msg = take(f, MSG_PERSISTENCE_LOAD_INSTANCE);
    assert_string_equal(((const msg_persistence_load_instance_t *)msg->body)->instance, PLAZA);
    store_load_instance(f, msg);
    msg = take(f, MSG_PERSISTENCE_LOAD_SESSIONS);
    assert_int_equal(((const msg_persistence_load_sessions_t *)msg->body)->after, 0);
    store_load_sessions(f, msg);
    msg = take(f, MSG_PERSISTENCE_LOAD_SESSIONS);
    assert_int_equal(((const msg_persistence_load_sessions_t *)msg->body)->after, 16);
    store_load_sessions(f, msg);
    registry_count_t count;
    assert_int_equal(f->registry->count(f->registry, sim_now(f->sim), PLAZA, &count), REGISTRY_LOST); /* not yet */
    serve(f);
    assert_seats(f, 5, 10, 10, 15);
    take(f, MSG_QUEUE_CHANGED); /* there may be seats */
    char secret[SECRET_TEXT_SIZE];
    snprintf(secret, sizeof secret, "%043u", 11);
    enter(f, secret, "g1", 11);
    assert_string_equal(f->entered.session_id, "s11");
    queue_up(f, 99, secret);
    assert_int_equal(stored(f, "s99")->number, 78);
    assert_int_equal(f->connected.position, 16);
}

static void
what_is_held_by_a_gateway_that_does_not_beat_goes_into_grace(void **state)
{
    fixture_t *f = *state;
    registry_session_t session = row(1, SESSION_STATE_ACTIVE);
    store_keep(f, &session);
    session = row(2, SESSION_STATE_ACTIVE);
    snprintf(session.holder, sizeof session.holder, "dead");
    store_keep(f, &session);
    lose(f);
    serve(f);
    assert_seats(f, 0, 2, 0, 0);
    pass(f, 6 * ACT_SEC);
    assert_seats(f, 0, 1, 1, 0);
    assert_stored(f, "s2", SESSION_STATE_GRACE);
}

static void
what_is_newer_and_not_stored_yet_goes_before_what_is_loaded(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    drop(f, "s1", f->entered.turn);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    secret_t token;
    memcpy(token, f->entered.reconnect_token, sizeof token);
    play(f, 2, "g1");
    leave(f, "s2", f->entered.turn);
    store_fails(f, MSG_PERSISTENCE_SAVE_SESSION, STORE_FAULT_UNAVAILABLE);
    assert_stored(f, "s1", SESSION_STATE_ACTIVE); /* old */
    assert_stored(f, "s2", SESSION_STATE_ACTIVE); /* long gone */
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    leave(f, "s77", 0); /* finds out */
    serve(f);
    assert_seats(f, 0, 0, 1, 0);
    enter(f, token, "g1", 5);
    pass(f, ACT_SEC);
    assert_stored(f, "s1", SESSION_STATE_ACTIVE);
    assert_stored(f, "s2", SESSION_STATE_ENDED);
}

/* ---- meanwhile ---- */

static void
what_comes_meanwhile_waits_and_is_done_in_order(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    int64_t turn = f->entered.turn;
    memcpy(token, f->entered.reconnect_token, sizeof token);
    lose(f);
    drop(f, "s1", turn);
    ask_enter(f, token, "g2", 8);
    ask_enter(f, token, "g2", 9);
    drop(f, "s1", turn); /* of the first connection, once more */
    msg_admission_connect_t body = connect_body(2);
    ask_connect(f, &body);
    body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "again");
    body.has_reconnect_token = true;
    memset(body.reconnect_token, 'A', sizeof body.reconnect_token - 1);
    ask_connect(f, &body);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_INSPECT, PLAZA, &(msg_admission_inspect_t){0}, ASK_USEC, 1));
    assert_true(sim_ask(f->sim, MSG_ADMISSION_LIST, PLAZA, &(msg_admission_list_t){0}, ASK_USEC, 1));
    msg_admission_kick_t kick = {.has_session_id = true, .session_id = "s77"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_KICK, PLAZA, &kick, ASK_USEC, 1));
    msg_admission_end_t end = {.user_id = "user 77"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, PLAZA, &end, ASK_USEC, 1));
    msg_admission_select_t select = {.user_id = "user 77", .character_id = "c77"};
    assert_true(sim_tell(f->sim, MSG_ADMISSION_SELECT, PLAZA, &select));
    assert_int_equal(count_of(f, METRIC_ADMISSION_DEFERRED, 0), 8);
    none(f, MSG_ADMISSION_INSTANCE);
    serve(f);
    const msg_admission_entered_t *entered = take(f, MSG_ADMISSION_ENTERED)->body;
    assert_string_equal(entered->session_id, "s1");
    assert_int_equal(((const msg_admission_refused_t *)take(f, MSG_ADMISSION_REFUSED)->body)->fault,
                     SECRET_FAULT_SPENT);
    none(f, MSG_GATEWAY_END); /* the drop came first: nobody was thrown out */
    take(f, MSG_ADMISSION_INSTANCE);
    take(f, MSG_ADMISSION_SESSIONS);
    assert_false(ended(f)); /* the kick */
    assert_false(ended(f)); /* the end */
    assert_int_equal(connected(f).reason, REASON_RECONNECT_INVALID);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    assert_seats(f, 1, 1, 0, 0);
}

static void
what_has_waited_too_long_is_not_done(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    admit(f, 1, ticket);
    lose(f);
    ask_enter(f, ticket, "g1", 1);
    ask_enter(f, ticket, "g1", 1);
    assert_true(sim_tell(f->sim, MSG_ADMISSION_LEAVE, PLAZA, &(msg_admission_leave_t){.session_id = "s77"}));
    msg_admission_connect_t body = connect_body(2);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, ASK_USEC, 7));
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    sim_advance(f->sim, ASK_USEC);
    serve(f);
    pass(f, ACT_SEC);
    none(f, MSG_ADMISSION_ENTERED);
    none(f, MSG_ADMISSION_REFUSED);
    assert_int_equal(connected(f).outcome, OUTCOME_FAILED); /* when the store did not answer the first time */
    assert_seats(f, 1, 0, 0, 0);
    enter(f, ticket, "g1", 1); /* it is not spent */
}

static void
a_connect_that_waits_hears_a_timeout_when_its_time_is_over(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    memcpy(token, f->entered.reconnect_token, sizeof token);
    lose(f);
    msg_admission_connect_t body = connect_body(2);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, 2 * ACT_SEC, 7));
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "again");
    body.has_reconnect_token = true;
    memcpy(body.reconnect_token, token, sizeof body.reconnect_token);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONNECT, PLAZA, &body, 2 * ACT_SEC, 8));
    sim_advance(f->sim, 3 * ACT_SEC);
    serve(f);
    assert_refused(f, REASON_TIMEOUT, 1);
    assert_refused(f, REASON_TIMEOUT, 1);
    assert_seats(f, 0, 1, 0, 0);
    enter(f, token, "g1", 2); /* it is not spent */
}

static void
more_than_can_wait_push_the_oldest_out(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    int64_t turn = f->entered.turn;
    play(f, 2, "g1");
    lose(f);
    log_setup(LOG_OFF, NULL);
    leave(f, "s1", turn);
    leave(f, "s2", f->entered.turn);
    for (int i = 0; i < ADMISSION_DEFERRED_MAX - 1; i++) {
        leave(f, "s77", 0);
    }
    log_setup(LOG_ERROR, NULL);
    serve(f);
    assert_seats(f, 0, 1, 0, 0); /* s1's was the oldest */
    assert_stored(f, "s2", SESSION_STATE_ENDED);
}

/* ---- the store is away too ---- */

static void
a_store_that_fails_is_asked_again_and_connects_are_told(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    log_setup(LOG_OFF, NULL);
    admit(f, 1, ticket);
    lose(f);
    msg_admission_connect_t body = connect_body(2);
    ask_connect(f, &body);
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    msg_admission_end_t end = {.user_id = "user 1"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, PLAZA, &end, ASK_USEC, 1));
    store_find(f, take(f, MSG_PERSISTENCE_FIND_CHARACTER), false);
    store_fails(f, MSG_PERSISTENCE_LOAD_INSTANCE, STORE_FAULT_UNAVAILABLE);
    assert_refused(f, REASON_DEPENDENCY_UNAVAILABLE, 2);
    assert_declined(f, ERROR_UNAVAILABLE);
    none(f, MSG_PERSISTENCE_LOAD_INSTANCE); /* not at once */
    sim_advance(f->sim, ACT_SEC);
    store_load_instance(f, take(f, MSG_PERSISTENCE_LOAD_INSTANCE));
    store_fails(f, MSG_PERSISTENCE_LOAD_SESSIONS, STORE_FAULT_FULL);
    sim_advance(f->sim, ACT_SEC);
    store_load_instance(f, take(f, MSG_PERSISTENCE_LOAD_INSTANCE)); /* from the beginning */
    store_load_sessions(f, take(f, MSG_PERSISTENCE_LOAD_SESSIONS));
    store_fails(f, MSG_PERSISTENCE_LOAD_SESSIONS, STORE_FAULT_UNAVAILABLE); /* after the first page */
    sim_advance(f->sim, ACT_SEC);
    take(f, MSG_PERSISTENCE_LOAD_INSTANCE);
    sim_advance(f->sim, ADMISSION_STORE_USEC + ACT_SEC); /* silent */
    serve(f);
    log_setup(LOG_ERROR, NULL);
    assert_seats(f, 1, 0, 0, 0);
    enter(f, ticket, "g1", 1);
    assert_int_equal(count_of(f, METRIC_REGISTRY_REBUILDS, 0), 1); /* of the new state: all of it was one */
}

static void
a_registry_that_loses_its_memory_while_it_is_told_is_told_again(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    log_setup(LOG_OFF, NULL);
    admit(f, 1, ticket);
    lose(f);
    store_load_instance(f, take(f, MSG_PERSISTENCE_LOAD_INSTANCE));
    store_load_sessions(f, take(f, MSG_PERSISTENCE_LOAD_SESSIONS));
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    serve(f);
    pass(f, ACT_SEC);
    log_setup(LOG_ERROR, NULL);
    assert_seats(f, 1, 0, 0, 0);
    enter(f, ticket, "g1", 1);
}

static void
every_operation_finds_out_that_the_registry_is_lost_and_is_done_after_it(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    play(f, 1, "g1");
    play(f, 2, "g1");
    admit(f, 3, ticket);
    registry_t *registry = f->registry;
    registry->forget(registry, sim_now(f->sim), PLAZA);
    drop(f, "s2", f->entered.turn);
    serve(f);
    assert_seats(f, 1, 1, 1, 0);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    leave(f, "s2", f->entered.turn);
    serve(f);
    assert_seats(f, 1, 1, 0, 0);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    enter(f, ticket, "g1", 3);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    msg_admission_kick_t kick = {.has_character_id = true, .character_id = "c1"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_KICK, PLAZA, &kick, ASK_USEC, 1));
    serve(f);
    assert_true(ended(f));
    registry->forget(registry, sim_now(f->sim), PLAZA);
    msg_admission_end_t end = {.user_id = "user 3"};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_END, PLAZA, &end, ASK_USEC, 1));
    serve(f);
    assert_true(ended(f));
    assert_seats(f, 0, 0, 0, 0);
    admit(f, 4, ticket);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    msg_admission_select_t select = {.user_id = "user 4", .character_id = "c99"};
    assert_true(sim_tell(f->sim, MSG_ADMISSION_SELECT, PLAZA, &select));
    serve(f);
    assert_seats(f, 0, 0, 0, 0);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    admit(f, 5, ticket);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    assert_true(sim_ask(f->sim, MSG_ADMISSION_INSPECT, PLAZA, &(msg_admission_inspect_t){0}, ASK_USEC, 1));
    serve(f);
    take(f, MSG_ADMISSION_INSTANCE);
    registry->forget(registry, sim_now(f->sim), PLAZA);
    pass(f, ACT_SEC); /* the tick */
    assert_seats(f, 1, 0, 0, 0);
    msg_admission_connect_t body = connect_body(5);
    snprintf(body.session_id, sizeof body.session_id, "again");
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_REPLACEMENT_REQUIRED);
    registry->forget(registry, sim_now(f->sim), PLAZA); /* and what was asked for with it */
    body.has_replace_token = true;
    memcpy(body.replace_token, f->connected.replace_token, sizeof body.replace_token);
    connect_with(f, &body);
    assert_int_equal(f->connected.reason, REASON_REPLACEMENT_REQUIRED);
    assert_seats(f, 1, 0, 0, 0);
}

/* ---- not quite there ---- */

static registry_result_t answer; /* of the operations below */

static registry_result_t
stubborn_claim(registry_t *self, act_usec_t now, registry_session_t *session, registry_session_t *ended,
               const registry_limits_t *limits)
{
    (void)self, (void)now, (void)session, (void)ended, (void)limits;
    return answer;
}

static registry_result_t
stubborn_ask(registry_t *self, act_usec_t now, const char *instance, const char *character_id,
             const uint8_t ask[SECRET_HASH_SIZE], const registry_limits_t *limits)
{
    (void)self, (void)now, (void)instance, (void)character_id, (void)ask, (void)limits;
    return answer;
}

static registry_result_t
stubborn_enter(registry_t *self, act_usec_t now, const char *instance, const uint8_t shown[SECRET_HASH_SIZE],
               const uint8_t next[SECRET_HASH_SIZE], const char *holder, int64_t connection,
               registry_session_t *session, registry_session_t *before)
{
    (void)self, (void)now, (void)instance, (void)shown, (void)next, (void)holder, (void)connection;
    (void)session, (void)before;
    return answer;
}

static void
a_registry_that_is_not_open_yet_is_asked_again_until_the_deadline(void **state)
{
    fixture_t *f = *state;
    const registry_t whole = *f->registry;
    msg_admission_connect_t body = connect_body(1);
    answer = REGISTRY_CLOSED;
    f->registry->claim = stubborn_claim;
    ask_connect(f, &body);
    pass(f, 5 * ACT_SEC);
    none(f, MSG_ADMISSION_CONNECTED);
    *f->registry = whole;
    pass(f, ACT_SEC);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    f->registry->claim = stubborn_claim;
    body = connect_body(2);
    ask_connect(f, &body);
    pass(f, CONNECT_USEC + ACT_SEC);
    assert_refused(f, REASON_TIMEOUT, 1);
    *f->registry = whole;
    assert_seats(f, 1, 0, 0, 0);
}

static void
a_session_that_ends_before_it_can_be_asked_for_is_no_hindrance(void **state)
{
    fixture_t *f = *state;
    const registry_t whole = *f->registry;
    play(f, 1, "g1");
    answer = REGISTRY_UNKNOWN;
    f->registry->ask = stubborn_ask;
    msg_admission_connect_t body = connect_body(1);
    snprintf(body.session_id, sizeof body.session_id, "again");
    ask_connect(f, &body);
    serve(f);
    none(f, MSG_ADMISSION_CONNECTED);
    *f->registry = whole;
    leave(f, "s1", f->entered.turn);
    pass(f, ACT_SEC);
    assert_int_equal(connected(f).outcome, OUTCOME_ADMITTED);
    assert_string_equal(f->connected.session_id, "again");
}

static void
a_registry_without_room_is_not_the_secrets_fault(void **state)
{
    fixture_t *f = *state;
    const registry_t whole = *f->registry;
    secret_t ticket;
    admit(f, 1, ticket);
    answer = REGISTRY_FULL;
    f->registry->enter = stubborn_enter;
    enter_refused(f, ticket, SECRET_FAULT_UNAVAILABLE);
    *f->registry = whole;
    enter(f, ticket, "g1", 1);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(all_pages_of_the_store_are_restored_and_the_numbers_go_on),
        CASE(what_is_held_by_a_gateway_that_does_not_beat_goes_into_grace),
        CASE(what_is_newer_and_not_stored_yet_goes_before_what_is_loaded),
        CASE(what_comes_meanwhile_waits_and_is_done_in_order),
        CASE(what_has_waited_too_long_is_not_done),
        CASE(a_connect_that_waits_hears_a_timeout_when_its_time_is_over),
        CASE(more_than_can_wait_push_the_oldest_out),
        CASE(a_store_that_fails_is_asked_again_and_connects_are_told),
        CASE(a_registry_that_loses_its_memory_while_it_is_told_is_told_again),
        CASE(every_operation_finds_out_that_the_registry_is_lost_and_is_done_after_it),
        CASE(a_registry_that_is_not_open_yet_is_asked_again_until_the_deadline),
        CASE(a_session_that_ends_before_it_can_be_asked_for_is_no_hindrance),
        CASE(a_registry_without_room_is_not_the_secrets_fault),
    };
    return cmocka_run_group_tests_name("admission_rebuild", tests, NULL, NULL);
}
