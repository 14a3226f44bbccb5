/* Whose turn it is: promoted in order, stored, told; by this process or another; and how long it takes. */
#include "queue_fixture.h"

/* A seat of the plaza is free, and the queue hears so. */
static void
free_seat(fixture_t *f, unsigned number)
{
    end(f, number);
    changed(f, 0);
}

static registry_result_t
promote(fixture_t *f)
{
    return f->registry->promote(f->registry, sim_now(f->sim), PLAZA, &f->config.limits, &f->session);
}

/* ---- in order ---- */

static void
seats_go_to_who_waits_longest_and_are_stored_before_they_are_told(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    for (unsigned i = 2; i <= 6; i++) {
        watch(f, i);
    }
    pass(f, 1);
    forget(f, MSG_GATEWAY_QUEUE_POSITION);
    f->config.limits.capacity = 3;
    free_seat(f, 1);
    for (unsigned i = 2; i <= 4; i++) {
        none(f, MSG_GATEWAY_ADMITTED);
        const msg_t *msg = take(f, MSG_PERSISTENCE_SAVE_SESSION);
        const msg_persistence_save_session_t *save = msg->body;
        char id[16];
        snprintf(id, sizeof id, "s%u", i);
        assert_string_equal(save->session.session_id, id);
        assert_int_equal(save->session.state, SESSION_STATE_CONNECTING);
        assert_int_equal(save->session.left_ms, OFFER_SEC * 1000);
        assert_int_equal(save->seats_max, 0);
        saved(f, msg);
        assert_admitted(f, i);
    }
    nothing_else(f);
    assert_int_equal(sim_metric(f->sim, METRIC_QUEUE_PROMOTIONS, 0), 3);
    pass(f, 1);
    assert_told(f, 5, 1, 2, 1); /* three at one moment: that is quick */
    assert_told(f, 6, 2, 2, 1);
    pass(f, 5);
    nothing_else(f); /* told once */
}

static void
an_offer_is_taken_with_the_token_that_was_told_last(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    assert_int_equal(enter(f, f->attached.reconnect_token, "g1", 2), REGISTRY_WAITING);
    free_seat(f, 1);
    serve(f);
    assert_admitted(f, 2);
    assert_int_equal(enter(f, f->attached.reconnect_token, "g1", 2), REGISTRY_OK);
    pass(f, 3);
    nothing_else(f);
}

static void
a_store_that_is_away_keeps_no_offer_back(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    free_seat(f, 1);
    take(f, MSG_PERSISTENCE_SAVE_SESSION);
    for (int i = 0; i < 2; i++) {
        sim_advance(f->sim, ACT_SEC);
        none(f, MSG_GATEWAY_ADMITTED);
        none(f, MSG_PERSISTENCE_SAVE_SESSION);
    }
    sim_advance(f->sim, ACT_SEC);
    assert_admitted(f, 2);
    sim_advance(f->sim, ACT_SEC);
    assert_int_equal(serve(f), 1); /* once more, until it is stored */
}

static void
who_does_not_watch_finds_the_offer_when_it_comes(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    line_up(f, 2);
    free_seat(f, 1);
    assert_int_equal(serve(f), 1);
    none(f, MSG_GATEWAY_ADMITTED);
    assert_int_equal(locate(f, 2).position, 0);
    pass(f, 5);
    attach(f, 2);
    assert_admitted(f, 2);
    none(f, MSG_GATEWAY_QUEUE_POSITION);
    assert_int_equal(find(f, 2), REGISTRY_OK);
    assert_int_equal(f->session.left_ms, (OFFER_SEC - 5) * 1000); /* its time goes on */
}

static void
who_drops_while_it_is_offered_finds_the_offer_again(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    free_seat(f, 1);
    detach(f, "s2", f->attached.turn);
    serve(f);
    none(f, MSG_GATEWAY_ADMITTED);
    ask_attach(f, f->attached.reconnect_token, 22);
    serve(f);
    take(f, MSG_QUEUE_ATTACHED);
    assert_admitted(f, 22);
    nothing_else(f);
}

static void
one_promoted_while_its_attach_is_stored_is_told_once_and_after_it_is_stored(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    seat(f, 1);
    line_up(f, 2);
    first_secret(2, secret);
    ask_attach(f, secret, 2);
    msg_t attach_save = *take(f, MSG_PERSISTENCE_SAVE_SESSION); /* its head is all that an answer needs */
    free_seat(f, 1);
    msg_t offer_save = *take(f, MSG_PERSISTENCE_SAVE_SESSION);
    saved(f, &attach_save);
    take(f, MSG_QUEUE_ATTACHED);
    none(f, MSG_GATEWAY_ADMITTED);
    none(f, MSG_GATEWAY_QUEUE_POSITION);
    saved(f, &offer_save);
    assert_admitted(f, 2);
    pass(f, 3);
    nothing_else(f);
}

static void
however_many_seats_are_free_all_are_given(void **state)
{
    fixture_t *f = *state;
    enum { MANY = 600 };
    seat(f, 1);
    for (unsigned i = 2; i < 2 + MANY; i++) {
        line_up(f, i);
    }
    f->config.limits.capacity = MANY + 1;
    changed(f, 0);
    serve(f);
    pass(f, 1);
    registry_count_t count;
    assert_int_equal(f->registry->count(f->registry, sim_now(f->sim), PLAZA, &count), REGISTRY_OK);
    assert_int_equal(count.waiting, 0);
    assert_int_equal(count.connecting, MANY + 1);
}

static void
not_while_there_is_maintenance(void **state)
{
    fixture_t *f = *state;
    registry_switches_t switches = {.maintenance = true};
    seat(f, 1);
    watch(f, 2);
    f->registry->set_switches(f->registry, sim_now(f->sim), PLAZA, &switches);
    free_seat(f, 1);
    pass(f, 3);
    assert_state(f, 2, SESSION_STATE_WAITING);
    switches.maintenance = false;
    f->registry->set_switches(f->registry, sim_now(f->sim), PLAZA, &switches);
    changed(f, 0);
    serve(f);
    assert_admitted(f, 2);
}

static void
a_registry_that_is_lost_promotes_nobody_until_it_is_restored(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    assert_int_equal(find(f, 2), REGISTRY_OK);
    registry_session_t row = f->session;
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    changed(f, 0);
    pass(f, 3);
    nothing_else(f); /* nobody is sent away for it */
    const registry_switches_t switches = {0};
    assert_int_equal(f->registry->restore_begin(f->registry, sim_now(f->sim), PLAZA, 2, &switches), REGISTRY_OK);
    assert_int_equal(f->registry->restore_add(f->registry, sim_now(f->sim), PLAZA, &row, 1, &f->config.limits),
                     REGISTRY_OK);
    assert_int_equal(f->registry->restore_end(f->registry, sim_now(f->sim), PLAZA), REGISTRY_OK);
    pass(f, 1); /* the tick tries again */
    assert_admitted(f, 2);
}

/* ---- told late, or by others ---- */

static void
a_gateway_that_is_full_is_told_of_its_offer_at_the_next_tick(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    sim_set_full(f->sim, ACT_KIND_FRONT, true); /* where the tester is */
    free_seat(f, 1);
    pass(f, 3);
    sim_set_full(f->sim, ACT_KIND_FRONT, false);
    none(f, MSG_GATEWAY_ADMITTED);
    pass(f, 1);
    assert_admitted(f, 2);
    pass(f, 3);
    nothing_else(f);
}

static void
an_offer_of_another_process_is_found_by_the_tick(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    watch(f, 3);
    end(f, 1);
    assert_int_equal(promote(f), REGISTRY_OK);
    none(f, MSG_GATEWAY_ADMITTED);
    pass(f, 1);
    assert_admitted(f, 2);
    assert_told(f, 3, 1, 1, -1);
    nothing_else(f);
}

static void
one_that_joined_on_the_connection_it_watched_on_is_left_alone(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    end(f, 1);
    assert_int_equal(promote(f), REGISTRY_OK);
    assert_int_equal(enter(f, f->attached.reconnect_token, "g1", 2), REGISTRY_OK); /* before the tick */
    pass(f, 3);
    nothing_else(f);
}

static void
one_that_joined_elsewhere_is_over_where_it_watched(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    end(f, 1);
    assert_int_equal(promote(f), REGISTRY_OK);
    assert_int_equal(enter(f, f->attached.reconnect_token, "g2", 22), REGISTRY_OK);
    pass(f, 1);
    assert_end(f, 2, CLOSE_CODE_SESSION_ENDED);
    pass(f, 3);
    nothing_else(f);
}

static void
one_whose_token_was_renewed_elsewhere_is_not_told_of_the_offer(void **state)
{
    fixture_t *f = *state;
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE] = {9};
    seat(f, 1);
    watch(f, 2);
    secret_hash(f->attached.reconnect_token, shown);
    const registry_bearer_t bearer = {.user_id = "user 2"};
    assert_int_equal(
        f->registry->renew(f->registry, sim_now(f->sim), PLAZA, &bearer, shown, next, &f->config.limits, &f->session),
        REGISTRY_OK);
    free_seat(f, 1);
    serve(f);
    none(f, MSG_GATEWAY_ADMITTED); /* the token it has opens nothing any more */
    pass(f, 1);
    none(f, MSG_GATEWAY_ADMITTED);
    forget(f, MSG_GATEWAY_END);
    pass(f, 3);
    nothing_else(f);
}

static void
who_waits_outlives_the_actor(void **state)
{
    fixture_t *f = *state;
    registry_notice_t notices[4];
    uint32_t count = 0;
    seat(f, 1);
    watch(f, 2);
    watch(f, 3);
    secret_t token;
    memcpy(token, f->attached.reconnect_token, sizeof token);
    sim_crash(f->sim, ACT_KIND_QUEUE);
    changed(f, 0); /* it is made anew */
    pass(f, 2);
    forget(f, MSG_GATEWAY_QUEUE_POSITION);
    ask_attach(f, token, 33); /* while the connection of before is still there, and nobody here knows it */
    serve(f);
    take(f, MSG_QUEUE_ATTACHED);
    assert_told(f, 33, 2, 2, -1);
    assert_int_equal(f->registry->beat(f->registry, sim_now(f->sim), PLAZA, "g1", notices, 4, &count), REGISTRY_OK);
    assert_int_equal(count, 1);
    assert_int_equal(notices[0].connection, 3);
    assert_int_equal(notices[0].close, CLOSE_CODE_REPLACED);
    free_seat(f, 1);
    serve(f); /* s2 is offered its seat, and nobody here knows its connection */
    none(f, MSG_GATEWAY_ADMITTED);
    pass(f, 1);
    assert_told(f, 33, 1, 1, -1);
    nothing_else(f);
}

/* ---- how long it takes ---- */

/* One more is promoted now. */
static void
move_up(fixture_t *f)
{
    f->config.limits.capacity++;
    changed(f, 0);
    serve(f);
}

static void
an_eta_is_measured_and_never_invented(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    for (unsigned i = 2; i <= 9; i++) {
        line_up(f, i);
    }
    attach(f, 9);
    assert_told(f, 9, 8, 8, -1);
    pass(f, 1);
    none(f, MSG_ADMISSION_PACE);
    move_up(f);
    pass(f, 1);
    assert_told(f, 9, 7, 7, -1); /* one promotion measures nothing */
    none(f, MSG_ADMISSION_PACE);
    pass(f, 9);
    move_up(f);
    pass(f, 1);
    assert_told(f, 9, 6, 6, 66); /* 10 s apart, and one since */
    assert_int_equal(((const msg_admission_pace_t *)take(f, MSG_ADMISSION_PACE)->body)->ms_per_place, 11000);
    assert_int_equal(locate(f, 9).eta_seconds, 66);
    pass(f, 9);
    move_up(f);
    pass(f, 1);
    assert_told(f, 9, 5, 5, 53); /* 21 s for two more */
    pass(f, 49);
    forget(f, MSG_ADMISSION_PACE);
    assert_int_equal(locate(f, 9).eta_seconds, 5 * 35); /* a queue that has come to a halt is slow */
    pass(f, 1);
    take(f, MSG_ADMISSION_PACE);
}

static void
what_was_measured_long_ago_is_forgotten(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    for (unsigned i = 2; i <= 9; i++) {
        line_up(f, i);
    }
    move_up(f);
    pass(f, 10);
    move_up(f);
    pass(f, 1);
    assert_true(locate(f, 9).has_eta_seconds);
    pass(f, QUEUE_PACE_MSEC / 1000 - 12);
    assert_true(locate(f, 9).has_eta_seconds);
    pass(f, 2);
    assert_false(locate(f, 9).has_eta_seconds);
    forget(f, MSG_ADMISSION_PACE);
    pass(f, 20);
    none(f, MSG_ADMISSION_PACE); /* 0 was told once */
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(seats_go_to_who_waits_longest_and_are_stored_before_they_are_told),
        CASE(an_offer_is_taken_with_the_token_that_was_told_last),
        CASE(a_store_that_is_away_keeps_no_offer_back),
        CASE(who_does_not_watch_finds_the_offer_when_it_comes),
        CASE(who_drops_while_it_is_offered_finds_the_offer_again),
        CASE(one_promoted_while_its_attach_is_stored_is_told_once_and_after_it_is_stored),
        CASE(however_many_seats_are_free_all_are_given),
        CASE(not_while_there_is_maintenance),
        CASE(a_registry_that_is_lost_promotes_nobody_until_it_is_restored),
        CASE(a_gateway_that_is_full_is_told_of_its_offer_at_the_next_tick),
        CASE(an_offer_of_another_process_is_found_by_the_tick),
        CASE(one_that_joined_on_the_connection_it_watched_on_is_left_alone),
        CASE(one_that_joined_elsewhere_is_over_where_it_watched),
        CASE(one_whose_token_was_renewed_elsewhere_is_not_told_of_the_offer),
        CASE(who_waits_outlives_the_actor),
        CASE(an_eta_is_measured_and_never_invented),
        CASE(what_was_measured_long_ago_is_forgotten),
    };
    return cmocka_run_group_tests_name("queue_offers", tests, NULL, NULL);
}
