/* The gateways of an instance: who is alive, who is told what, and whether they hold what the registry says. */
#include "admission_fixture.h"

/* ---- who is there ---- */

static void
a_new_gateway_is_told_how_the_instance_stands(void **state)
{
    fixture_t *f = *state;
    msg_admission_configure_t configure = {.has_maintenance = true, .maintenance = true};
    assert_true(sim_ask(f->sim, MSG_ADMISSION_CONFIGURE, PLAZA, &configure, ASK_USEC, 1));
    serve(f);
    assert_int_equal(forget(f, MSG_GATEWAY_NOTICE), 2);
    beat(f, "g3");
    const msg_gateway_notice_t *notice = take(f, MSG_GATEWAY_NOTICE)->body;
    assert_true(notice->maintenance);
    assert_string_equal(notice->instance, PLAZA);
    beat(f, "g3");
    none(f, MSG_GATEWAY_NOTICE);
}

static void
a_gateway_that_is_heard_before_the_store_is_told_once_all_is_known(void **state)
{
    fixture_t *f = *state;
    f->switches.maintenance = true;
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    sim_crash(f->sim, ACT_KIND_ADMISSION);
    beat(f, "g1");
    none(f, MSG_GATEWAY_NOTICE);
    serve(f);
    assert_true(((const msg_gateway_notice_t *)take(f, MSG_GATEWAY_NOTICE)->body)->maintenance);
    none(f, MSG_GATEWAY_NOTICE);
}

static void
what_a_silent_gateway_held_goes_into_grace_on_time(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    play(f, 1, "g1");
    memcpy(token, f->entered.reconnect_token, sizeof token);
    play(f, 2, "g2");
    pass(f, 30 * ACT_SEC);
    assert_seats(f, 0, 2, 0, 0);
    f->beating[0] = "g2"; /* g1 is not heard of any more */
    f->beating[1] = NULL;
    pass(f, (REGISTRY_SILENT_MSEC / 1000 - 1) * ACT_SEC); /* and was heard of last a second before that */
    assert_seats(f, 0, 2, 0, 0);
    pass(f, 2 * ACT_SEC);
    assert_seats(f, 0, 1, 1, 0);
    assert_stored(f, "s1", SESSION_STATE_GRACE);
    assert_int_equal(count_of(f, METRIC_HOLDERS_LOST, 0), 1);
    assert_int_equal(count_of(f, METRIC_DROPS, 0), 1);
    enter(f, token, "g2", 7); /* its client comes back somewhere else */
    none(f, MSG_GATEWAY_END); /* nobody held it meanwhile */
    pass(f, 2 * GRACE_SEC * ACT_SEC);
    assert_seats(f, 0, 2, 0, 0);
}

static void
a_gateway_that_beats_late_now_and_then_is_not_silent(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    f->beating[0] = NULL;
    for (int i = 0; i < 20; i++) {
        pass(f, 29 * ACT_SEC / 10);
        beat(f, "g1");
    }
    assert_seats(f, 0, 1, 0, 0);
}

static void
what_was_left_for_a_gateway_by_others_is_told_at_its_beat(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 70; i++) { /* more than one page */
        registry_notice_t notice = {.session_id = "x", .connection = 100 + i, .close = CLOSE_CODE_KICKED};
        assert_int_equal(f->registry->tell(f->registry, sim_now(f->sim), PLAZA, "g1", &notice), REGISTRY_OK);
    }
    none(f, MSG_GATEWAY_END);
    pass(f, ACT_SEC);
    for (int i = 0; i < 70; i++) {
        assert_end(f, 100 + i, CLOSE_CODE_KICKED);
    }
    pass(f, 3 * ACT_SEC);
    none(f, MSG_GATEWAY_END);
}

static void
more_gateways_than_can_be_known_are_not_told_but_do_no_harm(void **state)
{
    fixture_t *f = *state;
    log_setup(LOG_OFF, NULL);
    for (int i = 0; i < ADMISSION_GATEWAYS_MAX + 10; i++) {
        char holder[16];
        snprintf(holder, sizeof holder, "h%d", i);
        beat(f, holder);
    }
    assert_int_equal(forget(f, MSG_GATEWAY_NOTICE), ADMISSION_GATEWAYS_MAX - 2);
    pass(f, 6 * ACT_SEC); /* they are silent, and there is room again */
    log_setup(LOG_ERROR, NULL);
    beat(f, "late");
    assert_int_equal(forget(f, MSG_GATEWAY_NOTICE), 1);
}

/* ---- the audit ---- */

/* Until the next report is asked of this gateway (there must be one, within an audit's time); its marker. */
static int64_t
report(fixture_t *f)
{
    for (int i = 0; i < ADMISSION_AUDIT_TICKS + ADMISSION_SETTLE_TICKS + 1; i++) {
        const msg_t *msg = sim_take(f->sim, MSG_GATEWAY_REPORT);
        if (msg != NULL) {
            const msg_gateway_report_t *body = msg->body;
            assert_string_equal(body->instance, PLAZA);
            assert_true(body->marker > 0);
            return body->marker;
        }
        pass(f, ACT_SEC);
    }
    fail_msg("no gateway.report");
    return 0;
}

typedef struct held {
    const char *session_id;
    int64_t turn, connection;
} held_t;

/* g1 says that it holds these. */
static void
say_held(fixture_t *f, int64_t marker, const held_t *held, uint32_t count, bool last)
{
    msg_admission_held_t body = {.holder = "g1", .marker = marker, .last = last, .sessions_len = count};
    for (uint32_t i = 0; i < count; i++) {
        snprintf(body.sessions[i].session_id, sizeof body.sessions[i].session_id, "%s", held[i].session_id);
        body.sessions[i].turn = held[i].turn;
        body.sessions[i].connection = held[i].connection;
    }
    assert_true(sim_tell(f->sim, MSG_ADMISSION_HELD, PLAZA, &body));
}

/* Only g1 beats, so that each report is for it. */
static void
alone(fixture_t *f)
{
    f->beating[0] = "g1";
    f->beating[1] = NULL;
    pass(f, 6 * ACT_SEC);
    pass(f, (ADMISSION_AUDIT_TICKS + ADMISSION_SETTLE_TICKS) * ACT_SEC);
    forget(f, MSG_GATEWAY_REPORT);
    forget(f, MSG_GATEWAY_NOTICE);
}

static void
what_is_held_on_both_sides_stays(void **state)
{
    fixture_t *f = *state;
    alone(f);
    play(f, 1, "g1");
    const held_t held = {"s1", f->entered.turn, 1};
    say_held(f, report(f), &held, 1, true);
    pass(f, 5 * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
    none(f, MSG_GATEWAY_END);
}

static void
what_a_gateway_does_not_hold_is_dropped(void **state)
{
    fixture_t *f = *state;
    alone(f);
    play(f, 1, "g1");
    int64_t turn = f->entered.turn;
    play(f, 2, "g1");
    play(f, 3, "g2"); /* another's, which is not judged by this one's word */
    f->beating[1] = "g2";
    int64_t marker = report(f);
    forget(f, MSG_GATEWAY_REPORT);
    say_held(f, marker, NULL, 0, false);
    say_held(f, marker, &(held_t){"s2", turn, 2}, 1, true); /* s1 not at all, s2 in a turn that is over */
    pass(f, 2 * ACT_SEC);
    assert_seats(f, 0, 1, 2, 0);
    assert_stored(f, "s1", SESSION_STATE_GRACE);
    assert_stored(f, "s2", SESSION_STATE_GRACE);
    assert_stored(f, "s3", SESSION_STATE_ACTIVE);
}

static void
a_ghost_is_told_that_it_is_over(void **state)
{
    fixture_t *f = *state;
    alone(f);
    play(f, 1, "g1");
    int64_t turn = f->entered.turn;
    play(f, 2, "g1");
    drop(f, "s2", f->entered.turn);
    const held_t held[] = {
        {"gone", 3, 7}, {"s1", turn, 1}, {"s2", f->entered.turn, 2}, /* in its grace, though the gateway still has it */
    };
    int64_t marker = report(f);
    say_held(f, marker, held, 3, true);
    say_held(f, marker, held, 0, true); /* said twice */
    pass(f, 2 * ACT_SEC);
    assert_end(f, 7, CLOSE_CODE_SESSION_ENDED);
    assert_end(f, 2, CLOSE_CODE_SESSION_ENDED);
    none(f, MSG_GATEWAY_END);
    assert_seats(f, 0, 1, 1, 0);
}

static void
a_session_that_has_gone_on_elsewhere_is_a_ghost_where_it_was(void **state)
{
    fixture_t *f = *state;
    alone(f);
    play(f, 1, "g1");
    const held_t held = {"s1", f->entered.turn, 1};
    enter(f, f->entered.reconnect_token, "g2", 5);
    forget(f, MSG_GATEWAY_END); /* lost on its way */
    f->beating[1] = "g2";
    int64_t marker = report(f);
    forget(f, MSG_GATEWAY_REPORT);
    say_held(f, marker, &held, 1, true);
    pass(f, 2 * ACT_SEC);
    assert_end(f, 1, CLOSE_CODE_SESSION_ENDED);
    assert_seats(f, 0, 1, 0, 0);
}

static void
what_changes_after_the_marker_is_not_judged(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    alone(f);
    play(f, 1, "g1");
    drop(f, "s1", f->entered.turn);
    admit(f, 2, ticket);
    int64_t marker = report(f);
    enter(f, f->entered.reconnect_token, "g1", 8); /* while it makes its report */
    secret_t token;
    memcpy(token, f->entered.reconnect_token, sizeof token);
    enter(f, ticket, "g1", 9);
    say_held(f, marker, NULL, 0, true);
    pass(f, 5 * ACT_SEC);
    assert_seats(f, 0, 2, 0, 0);
    none(f, MSG_GATEWAY_END);
}

/* A second in which the store does not answer. The gateway does: it holds what it has been told that it holds. */
static void
slow_second(fixture_t *f, bool *told)
{
    beat(f, "g1");
    sim_advance(f->sim, ACT_SEC);
    const msg_t *msg = sim_take(f->sim, MSG_ADMISSION_ENTERED);
    if (msg != NULL) {
        f->entered = *(const msg_admission_entered_t *)msg->body;
        *told = true;
    }
    msg = sim_take(f->sim, MSG_GATEWAY_REPORT);
    if (msg != NULL) {
        const held_t held = {"s1", f->entered.turn, 1};
        say_held(f, ((const msg_gateway_report_t *)msg->body)->marker, &held, *told, true);
    }
}

static void
one_who_enters_while_the_store_is_slow_is_not_judged(void **state)
{
    fixture_t *f = *state;
    alone(f);
    for (int offset = 0; offset < ADMISSION_AUDIT_TICKS; offset++) { /* against the begin of an audit */
        secret_t ticket;
        bool told = false;
        admit(f, 1, ticket);
        pass(f, (offset % (TICKET_SEC - 1)) * ACT_SEC);
        forget(f, MSG_GATEWAY_REPORT);
        ask_enter(f, ticket, "g1", 1); /* the registry has it, the gateway does not know yet */
        while (!told) {
            slow_second(f, &told);
        }
        serve(f);
        for (int i = 0; i < ADMISSION_AUDIT_TICKS + ADMISSION_SETTLE_TICKS + 2; i++) {
            slow_second(f, &told);
        }
        serve(f);
        assert_stored(f, "s1", SESSION_STATE_ACTIVE);
        leave(f, "s1", f->entered.turn);
        serve(f);
        stored(f, "s1")->session_id[0] = 'x'; /* of the one before; the next one has its name */
        pass(f, ACT_SEC);
    }
}

static void
held_of_another_audit_or_of_a_stranger_means_nothing(void **state)
{
    fixture_t *f = *state;
    alone(f);
    play(f, 1, "g1");
    say_held(f, 0, NULL, 0, true);
    say_held(f, 1, NULL, 0, true);
    int64_t marker = report(f);
    say_held(f, marker - 1, NULL, 0, true);
    say_held(f, marker + 1, NULL, 0, true);
    msg_admission_held_t stranger = {.holder = "g9", .marker = marker, .last = true};
    assert_true(sim_tell(f->sim, MSG_ADMISSION_HELD, PLAZA, &stranger));
    say_held(f, marker, NULL, 0, false); /* the last one does not come */
    enter(f, f->entered.reconnect_token, "g1", 2);
    pass(f, (ADMISSION_AUDIT_TICKS - ADMISSION_SETTLE_TICKS / 2) * ACT_SEC);
    say_held(f, f->entered.turn + 1, NULL, 0, true); /* the marker of the next one, which has not asked yet */
    pass(f, ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
    int64_t next = report(f); /* and is asked again */
    assert_true(next > marker);
    say_held(f, marker, NULL, 0, true);
    pass(f, 3 * ACT_SEC);
    assert_seats(f, 0, 1, 0, 0);
    say_held(f, next, NULL, 0, true);
    pass(f, 3 * ACT_SEC);
    assert_seats(f, 0, 0, 1, 0);
}

static void
an_audit_goes_through_all_pages(void **state)
{
    fixture_t *f = *state;
    enum { SESSIONS = 100 };
    static held_t held[SESSIONS];
    static char ids[SESSIONS][8];
    alone(f);
    f->config.limits.capacity = SESSIONS;
    for (unsigned i = 0; i < SESSIONS; i++) {
        play(f, i + 1, "g1");
        snprintf(ids[i], sizeof ids[i], "s%u", i + 1);
        held[i] = (held_t){ids[i], f->entered.turn, i + 1};
    }
    int64_t marker = report(f);
    say_held(f, marker, held + 50, 49, false);
    say_held(f, marker, held, 50, true); /* all but the last one, in some order */
    pass(f, 4 * ACT_SEC);
    assert_seats(f, 0, SESSIONS - 1, 1, 0);
    assert_stored(f, "s100", SESSION_STATE_GRACE);
    none(f, MSG_GATEWAY_END);
}

static void
one_who_watches_is_audited_as_one_who_plays(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE] = {1};
    registry_session_t session, before;
    alone(f);
    f->config.limits.capacity = 1;
    play(f, 1, "g1");
    queue_up(f, 2, secret);
    secret_hash(secret, shown);
    assert_int_equal(f->registry->watch(f->registry, sim_now(f->sim), PLAZA, shown, next, "g1", 2, &session, &before),
                     REGISTRY_OK);
    int64_t marker = report(f);
    say_held(f, marker, &(held_t){"s1", f->entered.turn, 1}, 1, true);
    pass(f, 2 * ACT_SEC);
    assert_seats(f, 0, 1, 0, 1);
    assert_string_equal(stored(f, "s2")->holder, "");
    pass(f, (GRACE_SEC + 1) * ACT_SEC); /* nobody watches: the place is held for the grace, and not longer */
    assert_seats(f, 0, 1, 0, 0);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_new_gateway_is_told_how_the_instance_stands),
        CASE(a_gateway_that_is_heard_before_the_store_is_told_once_all_is_known),
        CASE(what_a_silent_gateway_held_goes_into_grace_on_time),
        CASE(a_gateway_that_beats_late_now_and_then_is_not_silent),
        CASE(what_was_left_for_a_gateway_by_others_is_told_at_its_beat),
        CASE(more_gateways_than_can_be_known_are_not_told_but_do_no_harm),
        CASE(what_is_held_on_both_sides_stays),
        CASE(what_a_gateway_does_not_hold_is_dropped),
        CASE(a_ghost_is_told_that_it_is_over),
        CASE(a_session_that_has_gone_on_elsewhere_is_a_ghost_where_it_was),
        CASE(what_changes_after_the_marker_is_not_judged),
        CASE(one_who_enters_while_the_store_is_slow_is_not_judged),
        CASE(held_of_another_audit_or_of_a_stranger_means_nothing),
        CASE(an_audit_goes_through_all_pages),
        CASE(one_who_watches_is_audited_as_one_who_plays),
    };
    return cmocka_run_group_tests_name("admission_gateways", tests, NULL, NULL);
}
