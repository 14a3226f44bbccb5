/* What operators ask and switch. */
#include "admission_fixture.h"

static void
ask_configure(fixture_t *f, const msg_admission_configure_t *body)
{
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONFIGURE, PLAZA, body, ASK_USEC, ++f->asked));
}

static obj_instance_info_t
configure(fixture_t *f, const msg_admission_configure_t *body)
{
    ask_configure(f, body);
    serve(f);
    return ((const msg_admission_instance_t *)take(f, MSG_ADMISSION_INSTANCE)->body)->instance;
}

static void
set_drain(fixture_t *f, bool on)
{
    msg_admission_configure_t body = {.has_drain = true, .drain = on};
    assert_int_equal(configure(f, &body).drain, on);
}

/* ends_in_seconds -1: the sessions stay. */
static void
set_maintenance(fixture_t *f, bool on, int64_t ends_in_seconds, const char *message)
{
    msg_admission_configure_t body = {.has_maintenance = true,
                                      .maintenance = on,
                                      .has_ends_in_seconds = ends_in_seconds >= 0,
                                      .ends_in_seconds = ends_in_seconds,
                                      .has_message = message != NULL};
    snprintf(body.message, sizeof body.message, "%s", message != NULL ? message : "");
    assert_int_equal(configure(f, &body).maintenance, on);
}

static void
assert_connect(fixture_t *f, unsigned number, reason_t reason)
{
    msg_admission_connect_t body = connect_body(number);
    connect_with(f, &body);
    assert_string_equal(reason_names[f->connected.reason], reason_names[reason]);
    assert_true(f->connected.has_retry_after_seconds);
}

/* ---- how it stands ---- */

static void
inspecting_tells_how_the_instance_stands(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    play(f, 1, "g1");
    play(f, 2, "g1");
    drop(f, "s2", f->entered.turn);
    admit(f, 3, secret);
    queue_up(f, 4, secret);
    obj_instance_info_t info = inspect(f);
    assert_string_equal(info.id, PLAZA);
    assert_int_equal(info.capacity, 3);
    assert_int_equal(info.connecting, 1);
    assert_int_equal(info.active, 1);
    assert_int_equal(info.grace, 1);
    assert_int_equal(info.waiting, 1);
    assert_false(info.drain || info.maintenance || info.degraded || info.has_message || info.has_ends_in_seconds);
}

static void
the_list_is_by_number_and_goes_on_after_the_last_one(void **state)
{
    fixture_t *f = *state;
    f->config.limits.capacity = 40;
    secret_t secret;
    unsigned seen = 0;
    play(f, 1, "g1");
    for (unsigned i = 2; i <= 40; i++) {
        admit(f, i, secret);
    }
    int64_t after = 0;
    for (int page = 0; page < 3; page++) {
        msg_admission_list_t body = {.after = after};
        assert_true(sim_ask(f->sim, MSG_ADMISSION_LIST, PLAZA, &body, ASK_USEC, ++f->asked));
        const msg_admission_sessions_t *answer = take(f, MSG_ADMISSION_SESSIONS)->body;
        assert_int_equal(answer->sessions_len, page == 0 ? 32 : page == 1 ? 8 : 0);
        for (uint32_t i = 0; i < answer->sessions_len; i++) {
            const obj_session_view_t *view = &answer->sessions[i];
            char id[8];
            snprintf(id, sizeof id, "s%u", ++seen);
            assert_string_equal(view->session_id, id);
            assert_true(view->number > after);
            after = view->number;
            assert_int_equal(view->state, seen == 1 ? SESSION_STATE_ACTIVE : SESSION_STATE_CONNECTING);
            assert_int_equal(view->has_left_seconds, seen != 1);
            assert_int_equal(view->left_seconds, seen != 1 ? TICKET_SEC : 0);
            assert_int_equal(strncmp(view->room, "plaza/main", 10), 0);
        }
    }
    assert_int_equal(seen, 40);
}

/* ---- switched ---- */

static void
a_switch_is_in_the_store_before_it_is_anywhere_else(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    msg_admission_configure_t body = {.has_drain = true, .drain = true};
    ask_configure(f, &body);
    none(f, MSG_ADMISSION_INSTANCE);
    assert_false(inspect(f).drain);
    const msg_t *msg = take(f, MSG_PERSISTENCE_SAVE_INSTANCE);
    const msg_persistence_save_instance_t *save = msg->body;
    assert_string_equal(save->instance, PLAZA);
    assert_true(save->switches.drain);
    store_save_instance(f, msg);
    assert_true(((const msg_admission_instance_t *)take(f, MSG_ADMISSION_INSTANCE)->body)->instance.drain);
    registry_switches_t switches;
    assert_int_equal(f->registry->get_switches(f->registry, sim_now(f->sim), PLAZA, &switches), REGISTRY_OK);
    assert_true(switches.drain);
    for (int i = 0; i < 2; i++) { /* one for each gateway */
        const msg_gateway_notice_t *notice = take(f, MSG_GATEWAY_NOTICE)->body;
        assert_string_equal(notice->instance, PLAZA);
        assert_false(notice->maintenance || notice->degraded);
    }
    set_drain(f, false);
    admit(f, 1, ticket);
}

static void
a_store_that_is_away_declines_and_nothing_is_switched(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    msg_admission_configure_t body = {.has_drain = true, .drain = true};
    ask_configure(f, &body);
    store_fails(f, MSG_PERSISTENCE_SAVE_INSTANCE, STORE_FAULT_UNAVAILABLE);
    assert_declined(f, ERROR_UNAVAILABLE);
    ask_configure(f, &body);
    take(f, MSG_PERSISTENCE_SAVE_INSTANCE);
    sim_advance(f->sim, ASK_USEC);
    assert_declined(f, ERROR_UNAVAILABLE);
    assert_false(inspect(f).drain);
    admit(f, 1, ticket);
    body = (msg_admission_configure_t){.has_capacity = true, .capacity = 2};
    obj_instance_info_t info = configure(f, &body);
    assert_int_equal(info.capacity, 2);
    assert_false(info.drain || f->switches.drain); /* what failed is not in what comes later */
}

static void
two_switches_at_once_are_both_kept(void **state)
{
    fixture_t *f = *state;
    msg_admission_configure_t drain = {.has_drain = true, .drain = true};
    msg_admission_configure_t capacity = {.has_capacity = true, .capacity = 9};
    msg_admission_configure_t maintenance = {.has_maintenance = true, .maintenance = true};
    ask_configure(f, &drain);
    ask_configure(f, &capacity);
    serve(f);
    take(f, MSG_ADMISSION_INSTANCE);
    take(f, MSG_ADMISSION_INSTANCE);
    obj_instance_info_t info = inspect(f);
    assert_true(info.drain && info.capacity == 9);
    drain.drain = false;
    capacity.capacity = 5;
    ask_configure(f, &drain);
    ask_configure(f, &capacity);
    store_fails(f, MSG_PERSISTENCE_SAVE_INSTANCE, STORE_FAULT_UNAVAILABLE); /* the first; the second is under way */
    assert_declined(f, ERROR_UNAVAILABLE);
    ask_configure(f, &maintenance);
    serve(f);
    assert_int_equal(forget(f, MSG_ADMISSION_INSTANCE), 2);
    info = inspect(f);
    assert_true(info.maintenance && info.capacity == 5);
    assert_true(f->switches.maintenance && f->switches.capacity == 5);
}

static void
more_switches_than_can_wait_are_overloaded(void **state)
{
    fixture_t *f = *state;
    msg_admission_configure_t body = {.has_capacity = true};
    for (int i = 0; i < ADMISSION_CONFIGURES_MAX; i++) {
        body.capacity = 10 + i;
        ask_configure(f, &body);
    }
    ask_configure(f, &body);
    assert_declined(f, ERROR_OVERLOADED);
    serve(f);
    assert_int_equal(forget(f, MSG_ADMISSION_INSTANCE), ADMISSION_CONFIGURES_MAX);
    assert_int_equal(inspect(f).capacity, 10 + ADMISSION_CONFIGURES_MAX - 1);
    body.capacity = 7;
    assert_int_equal(configure(f, &body).capacity, 7);
}

static void
a_switch_while_the_registry_is_rebuilt_is_declined(void **state)
{
    fixture_t *f = *state;
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    sim_advance(f->sim, ACT_SEC); /* the tick finds out */
    msg_admission_configure_t body = {.has_drain = true, .drain = true};
    ask_configure(f, &body);
    assert_declined(f, ERROR_OVERLOADED);
    serve(f);
    set_drain(f, true);
}

static void
a_switch_that_finds_the_registry_lost_is_declined_and_holds_all_the_same(void **state)
{
    fixture_t *f = *state;
    msg_admission_configure_t body = {.has_drain = true, .drain = true};
    ask_configure(f, &body);
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    store_save_instance(f, take(f, MSG_PERSISTENCE_SAVE_INSTANCE));
    assert_declined(f, ERROR_UNAVAILABLE); /* nobody can say how it stands */
    serve(f);
    assert_true(inspect(f).drain);
    assert_connect(f, 1, REASON_DRAINING);
}

static void
more_seats_are_news_for_the_queue_and_fewer_send_nobody_away(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    for (unsigned i = 1; i <= 3; i++) {
        admit(f, i, secret);
    }
    queue_up(f, 4, secret);
    forget(f, MSG_QUEUE_CHANGED);
    msg_admission_configure_t body = {.has_capacity = true, .capacity = 4};
    configure(f, &body);
    take(f, MSG_QUEUE_CHANGED);
    registry_session_t session;
    assert_int_equal(f->registry->promote(f->registry, sim_now(f->sim), PLAZA, &f->config.limits, &session),
                     REGISTRY_OK);
    body.capacity = 1;
    configure(f, &body);
    assert_seats(f, 4, 0, 0, 0);
    queue_up(f, 5, secret);
}

static void
drained_nobody_new_comes_in_but_all_who_are_in_go_on(void **state)
{
    fixture_t *f = *state;
    secret_t secret, token;
    registry_session_t session;
    for (unsigned i = 1; i <= 3; i++) {
        play(f, i, "g1");
    }
    memcpy(token, f->entered.reconnect_token, sizeof token);
    queue_up(f, 4, secret);
    set_drain(f, true);
    assert_connect(f, 5, REASON_DRAINING);
    assert_int_equal(f->connected.retry_after_seconds, 10);
    drop(f, "s3", f->entered.turn);
    enter(f, token, "g1", 9); /* reconnects go on */
    leave(f, "s3", f->entered.turn);
    assert_int_equal(/* and so do promotions */
                     f->registry->promote(f->registry, sim_now(f->sim), PLAZA, &f->config.limits, &session),
                     REGISTRY_OK);
    enter(f, secret, "g1", 10);
    assert_seats(f, 0, 3, 0, 0);
    assert_connect(f, 6, REASON_DRAINING);
}

static void
switches_survive_the_actor_and_the_registry(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    set_maintenance(f, true, 3000, "new floors");
    set_drain(f, true);
    sim_crash(f->sim, ACT_KIND_ADMISSION);
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    beat(f, "g1");
    forget(f, MSG_GATEWAY_NOTICE);
    serve(f);
    const msg_gateway_notice_t *notice = take(f, MSG_GATEWAY_NOTICE)->body;
    assert_true(notice->maintenance && notice->has_message);
    assert_int_equal(notice->ends_in_seconds, 3000);
    obj_instance_info_t info = inspect(f);
    assert_true(info.drain && info.maintenance && info.has_message);
    assert_string_equal(info.message, "new floors");
    assert_connect(f, 1, REASON_MAINTENANCE);
    set_maintenance(f, false, -1, NULL);
    assert_connect(f, 1, REASON_DRAINING);
    set_drain(f, false);
    admit(f, 1, ticket);
}

/* ---- maintenance ---- */

/* How many seconds the next notice counts; -1: it does not. */
static int64_t
noticed(fixture_t *f)
{
    const msg_gateway_notice_t *notice = take(f, MSG_GATEWAY_NOTICE)->body;
    assert_true(notice->maintenance);
    assert_string_equal(notice->message, notice->has_message ? "new floors" : "");
    return notice->has_ends_in_seconds ? notice->ends_in_seconds : -1;
}

static void
maintenance_without_an_end_refuses_all_that_is_new_and_ends_nobody(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    set_maintenance(f, true, -1, NULL);
    assert_int_equal(noticed(f), -1);
    assert_connect(f, 2, REASON_MAINTENANCE);
    assert_int_equal(f->connected.retry_after_seconds, 10);
    pass(f, 300 * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
    enter(f, f->entered.reconnect_token, "g1", 2);
    obj_instance_info_t info = inspect(f);
    assert_true(info.maintenance && !info.has_ends_in_seconds && !info.has_message);
}

static void
maintenance_counts_down_and_then_ends_the_sessions(void **state)
{
    fixture_t *f = *state;
    secret_t secret, ticket;
    f->beating[1] = NULL;
    pass(f, 6 * ACT_SEC); /* g2 is gone: each notice comes once */
    forget(f, MSG_GATEWAY_NOTICE);
    play(f, 1, "g1");
    play(f, 2, "far");
    admit(f, 3, ticket);
    queue_up(f, 4, secret);
    set_maintenance(f, true, 35, "new floors");
    assert_int_equal(noticed(f), 35);
    none(f, MSG_GATEWAY_NOTICE);
    int64_t last = 35, far = 0;
    for (int i = 0; i < 34; i++) {
        pass(f, ACT_SEC);
        const msg_t *msg = sim_take(f->sim, MSG_GATEWAY_NOTICE);
        if (msg != NULL) {
            const msg_gateway_notice_t *notice = msg->body;
            assert_true(notice->has_ends_in_seconds && notice->ends_in_seconds < last);
            last = notice->ends_in_seconds;
            far += last > 10;
        }
        assert_true(34 - i > 10 || last == 34 - i); /* each of the last ten is counted */
    }
    assert_in_range(far, 2, 3);
    none(f, MSG_GATEWAY_END);
    assert_int_equal(inspect(f).ends_in_seconds, 1);
    pass(f, 2 * ACT_SEC);
    assert_seats(f, 0, 0, 0, 0);
    assert_end(f, 1, CLOSE_CODE_MAINTENANCE); /* the other gateway, or whoever holds it, is told by its own process */
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_MAINTENANCE), 3);
    assert_stored(f, "s4", SESSION_STATE_ENDED);
    assert_connect(f, 5, REASON_MAINTENANCE);
    enter_refused(f, f->entered.reconnect_token, SECRET_FAULT_SPENT);
    set_maintenance(f, false, -1, NULL);
    admit(f, 5, ticket);
}

static void
maintenance_that_ends_at_once_ends_at_the_next_tick_however_many(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    f->config.limits.capacity = 100;
    for (unsigned i = 1; i <= 100; i++) {
        admit(f, i, ticket);
    }
    set_maintenance(f, true, 0, "new floors");
    pass(f, ACT_SEC);
    assert_seats(f, 0, 0, 0, 0);
    assert_int_equal(count_of(f, METRIC_SESSIONS_ENDED, SESSION_END_MAINTENANCE), 100);
}

static void
called_off_before_its_end_nobody_is_sent_away(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    set_maintenance(f, true, 5, "new floors");
    pass(f, 3 * ACT_SEC);
    set_maintenance(f, false, -1, NULL);
    forget(f, MSG_GATEWAY_NOTICE);
    pass(f, 10 * ACT_SEC);
    none(f, MSG_GATEWAY_NOTICE);
    assert_seats(f, 0, 1, 0, 0);
    obj_instance_info_t info = inspect(f);
    assert_false(info.maintenance || info.has_message || info.has_ends_in_seconds);
    set_maintenance(f, true, -1, NULL); /* an earlier end is not in it */
    pass(f, 10 * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
}

static void
what_another_process_switches_is_so_here_within_a_second(void **state)
{
    fixture_t *f = *state;
    const registry_switches_t switches = {.capacity = 2, .drain = true};
    assert_int_equal(f->registry->set_switches(f->registry, sim_now(f->sim), PLAZA, &switches), REGISTRY_OK);
    sim_advance(f->sim, ACT_SEC);
    const msg_t *saved = sim_take(f->sim, MSG_PERSISTENCE_SAVE_INSTANCE);
    assert_non_null(saved);
    const msg_persistence_save_instance_t *body = saved->body;
    assert_int_equal(body->switches.capacity, 2);
    assert_true(body->switches.drain);
    sim_advance(f->sim, 3 * ACT_SEC);
    assert_null(sim_take(f->sim, MSG_PERSISTENCE_SAVE_INSTANCE));
}

static void
a_characters_session_is_found_wherever_it_stands(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    static const char *const wanted[] = {"c1", "c2"};
    admit(f, 1, ticket);
    for (int i = 0; i < 2; i++) {
        msg_admission_find_t find = {0};
        snprintf(find.character_id, sizeof find.character_id, "%s", wanted[i]);
        assert_true(sim_ask(f->sim, MSG_ADMISSION_FIND, PLAZA, &find, ASK_USEC, ++f->asked));
        const msg_admission_found_t *found = take(f, MSG_ADMISSION_FOUND)->body;
        assert_int_equal(found->has_session, i == 0);
        if (found->has_session) {
            assert_string_equal(found->session.session_id, "s1");
            assert_string_equal(found->session.character_id, "c1");
            assert_int_equal(found->session.state, SESSION_STATE_CONNECTING);
            assert_true(found->session.has_left_seconds);
        }
    }
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_characters_session_is_found_wherever_it_stands),
        CASE(inspecting_tells_how_the_instance_stands),
        CASE(the_list_is_by_number_and_goes_on_after_the_last_one),
        CASE(a_switch_is_in_the_store_before_it_is_anywhere_else),
        CASE(a_store_that_is_away_declines_and_nothing_is_switched),
        CASE(two_switches_at_once_are_both_kept),
        CASE(more_switches_than_can_wait_are_overloaded),
        CASE(a_switch_while_the_registry_is_rebuilt_is_declined),
        CASE(a_switch_that_finds_the_registry_lost_is_declined_and_holds_all_the_same),
        CASE(more_seats_are_news_for_the_queue_and_fewer_send_nobody_away),
        CASE(drained_nobody_new_comes_in_but_all_who_are_in_go_on),
        CASE(switches_survive_the_actor_and_the_registry),
        CASE(maintenance_without_an_end_refuses_all_that_is_new_and_ends_nobody),
        CASE(maintenance_counts_down_and_then_ends_the_sessions),
        CASE(maintenance_that_ends_at_once_ends_at_the_next_tick_however_many),
        CASE(called_off_before_its_end_nobody_is_sent_away),
        CASE(what_another_process_switches_is_so_here_within_a_second),
    };
    return cmocka_run_group_tests_name("admission_operate", tests, NULL, NULL);
}
