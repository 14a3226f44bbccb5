/* Watching a place: attached, told where it stands, detached, asked over HTTP. */
#include "queue_fixture.h"

/* ---- attached ---- */

static void
a_token_is_spent_and_the_next_one_is_told_when_the_store_has_it(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    uint8_t hash[SECRET_HASH_SIZE];
    seat(f, 1);
    line_up(f, 2);
    first_secret(2, secret);
    ask_attach(f, secret, 20);
    none(f, MSG_QUEUE_ATTACHED);
    const msg_t *msg = take(f, MSG_PERSISTENCE_SAVE_SESSION);
    const msg_persistence_save_session_t *save = msg->body;
    assert_int_equal(save->seats_max, 0);
    registry_session_t kept = save->session;
    assert_string_equal(kept.session_id, "s2");
    assert_int_equal(kept.state, SESSION_STATE_WAITING);
    assert_string_equal(kept.holder, "g1");
    assert_int_equal(kept.connection, 20);
    assert_int_equal(kept.left_ms, REGISTRY_NO_END);
    saved(f, msg);
    f->attached = *(const msg_queue_attached_t *)take(f, MSG_QUEUE_ATTACHED)->body;
    assert_string_equal(f->attached.session_id, "s2");
    assert_string_equal(f->attached.user_id, "user 2");
    assert_int_equal(f->attached.grace_seconds, GRACE_SEC);
    assert_int_equal(f->attached.turn, kept.turn);
    secret_hash(f->attached.reconnect_token, hash);
    assert_memory_equal(hash, kept.secret, sizeof hash);
    assert_told(f, 20, 1, 1, -1); /* at once */
    attach_refused(f, secret, SECRET_FAULT_SPENT);
    assert_int_equal(claim_on(f, PLAZA, 9), REGISTRY_QUEUED);
    nothing_else(f);
}

static void
each_secret_that_is_no_place_is_told_why(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    first_secret(77, secret);
    attach_refused(f, secret, SECRET_FAULT_UNKNOWN);
    seat(f, 1);
    first_secret(1, secret);
    assert_int_equal(enter(f, secret, "g1", 1), REGISTRY_OK);
    line_up(f, 2);
    sim_advance(f->sim, GRACE_SEC * ACT_SEC);
    first_secret(2, secret);
    attach_refused(f, secret, SECRET_FAULT_EXPIRED);
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    attach_refused(f, secret, SECRET_FAULT_UNAVAILABLE);
    nothing_else(f);
}

static void
attached_whether_the_store_has_it_or_not(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    seat(f, 1);
    line_up(f, 2);
    first_secret(2, secret);
    ask_attach(f, secret, 2);
    msg_persistence_failed_t failed = {.fault = STORE_FAULT_UNAVAILABLE};
    sim_reply(f->sim, take(f, MSG_PERSISTENCE_SAVE_SESSION), MSG_PERSISTENCE_FAILED, &failed);
    take(f, MSG_QUEUE_ATTACHED);
    assert_told(f, 2, 1, 1, -1);
    sim_advance(f->sim, ACT_SEC);
    assert_int_equal(serve(f), 1); /* it is tried again */
    sim_advance(f->sim, ACT_SEC);
    assert_int_equal(serve(f), 0);
}

static void
one_that_goes_before_it_is_attached_hears_nothing(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    seat(f, 1);
    line_up(f, 2);
    first_secret(2, secret);
    ask_attach(f, secret, 2);
    assert_int_equal(find(f, 2), REGISTRY_OK);
    detach(f, "s2", f->session.turn); /* a gateway that has given it up */
    msg_t msg = *take(f, MSG_PERSISTENCE_SAVE_SESSION);
    msg_persistence_session_saved_t body = {.conflict = SESSION_CONFLICT_NUMBER};
    sim_reply(f->sim, &msg, MSG_PERSISTENCE_SESSION_SAVED, &body); /* whatever the store says */
    assert_int_equal(sim_metric(f->sim, METRIC_SESSION_CONFLICTS, SESSION_CONFLICT_NUMBER), 1);
    take(f, MSG_QUEUE_ATTACHED);
    serve(f);
    pass(f, 2);
    nothing_else(f);
}

static void
a_second_connection_closes_the_first(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    int64_t turn = f->attached.turn;
    ask_attach(f, f->attached.reconnect_token, 22);
    serve(f);
    f->attached = *(const msg_queue_attached_t *)take(f, MSG_QUEUE_ATTACHED)->body;
    assert_end(f, 2, CLOSE_CODE_REPLACED);
    assert_told(f, 22, 1, 1, -1);
    detach(f, "s2", turn); /* the first one goes: that means nothing */
    assert_int_equal(find(f, 2), REGISTRY_OK);
    assert_int_equal(f->session.connection, 22);
    line_up(f, 3);
    pass(f, 1);
    assert_told(f, 22, 1, 2, -1);
    ask_attach(f, f->attached.reconnect_token, 22); /* the same connection is not closed */
    serve(f);
    take(f, MSG_QUEUE_ATTACHED);
    none(f, MSG_GATEWAY_END);
}

static void
a_copy_of_a_good_attach_is_not_told_that_its_token_is_spent(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    seat(f, 1);
    line_up(f, 2);
    first_secret(2, secret);
    ask_attach(f, secret, 2);
    ask_attach(f, secret, 2);
    serve(f);
    take(f, MSG_QUEUE_ATTACHED);
    take(f, MSG_GATEWAY_QUEUE_POSITION);
    nothing_else(f);
}

static void
an_unknown_instance_is_refused_and_not_remembered(void **state)
{
    fixture_t *f = *state;
    msg_queue_attach_t body = {.holder = "g1", .connection = 1};
    first_secret(1, body.secret);
    assert_true(sim_ask(f->sim, MSG_QUEUE_ATTACH, "atlantis", &body, ASK_USEC, 1));
    assert_int_equal(((const msg_queue_refused_t *)take(f, MSG_QUEUE_REFUSED)->body)->fault, SECRET_FAULT_UNKNOWN);
    msg_queue_locate_t locate_body = {.user_id = "user 1", .character_id = "c1"};
    assert_true(sim_ask(f->sim, MSG_QUEUE_LOCATE, "atlantis", &locate_body, ASK_USEC, 1));
    take(f, MSG_QUEUE_REFUSED);
    assert_true(sim_tell(f->sim, MSG_QUEUE_CHANGED, "atlantis", &(msg_queue_changed_t){0}));
    assert_null(sim_state(f->sim, ACT_KIND_QUEUE, "atlantis"));
    nothing_else(f);
}

/* ---- positions ---- */

static void
positions_are_pushed_once_a_second_and_only_when_they_change(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    for (unsigned i = 2; i <= 5; i++) {
        watch(f, i);
    }
    sim_advance(f->sim, ACT_SEC);
    for (unsigned i = 2; i <= 4; i++) {
        assert_told(f, i, i - 1, 4, -1); /* the line has grown behind them */
    }
    nothing_else(f);
    pass(f, 10);
    nothing_else(f);
    end(f, 2);
    end(f, 4);
    changed(f, 0);
    none(f, MSG_GATEWAY_QUEUE_POSITION); /* not before the second is over */
    sim_advance(f->sim, ACT_SEC);
    assert_told(f, 3, 1, 2, -1);
    assert_told(f, 5, 2, 2, -1);
    assert_end(f, 2, CLOSE_CODE_SESSION_ENDED); /* nobody else has told them */
    assert_end(f, 4, CLOSE_CODE_SESSION_ENDED);
    pass(f, 10);
    nothing_else(f);
    assert_int_equal(sim_metric(f->sim, METRIC_QUEUE_PUSHES, 0), 6); /* positions that changed */
}

static void
a_gateway_that_is_full_is_told_at_the_next_tick(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    watch(f, 3);
    end(f, 2);
    sim_set_full(f->sim, ACT_KIND_FRONT, true); /* where the tester is */
    pass(f, 3);
    sim_set_full(f->sim, ACT_KIND_FRONT, false);
    pass(f, 1);
    assert_told(f, 3, 1, 1, -1);
}

static void
a_forgotten_one_hears_nothing_more(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    watch(f, 2);
    watch(f, 3);
    end(f, 2);
    msg_queue_forget_t body = {.session_id = "s2"};
    assert_true(sim_tell(f->sim, MSG_QUEUE_FORGET, PLAZA, &body));
    assert_true(sim_tell(f->sim, MSG_QUEUE_FORGET, PLAZA, &body));
    pass(f, 2);
    assert_told(f, 3, 1, 1, -1);
    nothing_else(f);
}

/* ---- detached ---- */

static void
one_that_drops_keeps_its_place_for_the_grace_and_gets_it_back(void **state)
{
    fixture_t *f = *state;
    secret_t token;
    seat(f, 1);
    watch(f, 2);
    line_up(f, 3);
    pass(f, 2 * GRACE_SEC); /* watched it stays */
    assert_state(f, 2, SESSION_STATE_WAITING);
    forget(f, MSG_GATEWAY_QUEUE_POSITION);
    memcpy(token, f->attached.reconnect_token, sizeof token);
    detach(f, "s2", f->attached.turn);
    const msg_t *msg = take(f, MSG_PERSISTENCE_SAVE_SESSION);
    const msg_persistence_save_session_t *save = msg->body;
    assert_string_equal(save->session.holder, "");
    assert_int_equal(save->session.left_ms, GRACE_SEC * 1000);
    saved(f, msg);
    assert_int_equal(sim_metric(f->sim, METRIC_DROPS, 0), 1);
    detach(f, "s2", f->attached.turn); /* said twice */
    detach(f, "s77", 5);
    pass(f, GRACE_SEC - 1);
    nothing_else(f);
    ask_attach(f, token, 22);
    serve(f);
    take(f, MSG_QUEUE_ATTACHED);
    assert_told(f, 22, 1, 2, -1); /* s3's place has no watcher either, and nobody sweeps here */
    nothing_else(f);
}

/* ---- asked over HTTP ---- */

static void
the_owner_hears_where_the_character_stands(void **state)
{
    fixture_t *f = *state;
    seat(f, 1);
    for (unsigned i = 2; i <= 4; i++) {
        line_up(f, i);
    }
    msg_queue_standing_t standing = locate(f, 3);
    assert_int_equal(standing.position, 2);
    assert_int_equal(standing.depth, 3);
    assert_false(standing.has_eta_seconds);
    standing = locate(f, 1); /* who has a seat, and has not taken it yet */
    assert_int_equal(standing.position, 0);
    assert_false(standing.has_eta_seconds);
    nothing_else(f);
}

static void
nobody_else_hears_of_it_nor_of_who_does_not_wait_here(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    seat(f, 1);
    line_up(f, 2);
    assert_int_equal(claim_on(f, "arena", 7), REGISTRY_OK);
    first_secret(1, secret);
    assert_int_equal(enter(f, secret, "g1", 1), REGISTRY_OK);
    static const unsigned asks[][2] = {{1, 2}, {2, 77}, {77, 2}, {1, 1}, {7, 7}};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        ask_locate(f, asks[i][0], asks[i][1]);
        assert_int_equal(((const msg_queue_refused_t *)take(f, MSG_QUEUE_REFUSED)->body)->fault, SECRET_FAULT_UNKNOWN);
    }
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    ask_locate(f, 2, 2);
    assert_int_equal(((const msg_queue_refused_t *)take(f, MSG_QUEUE_REFUSED)->body)->fault, SECRET_FAULT_UNAVAILABLE);
    nothing_else(f);
}

static void
asking_keeps_the_place(void **state)
{
    fixture_t *f = *state;
    registry_session_t session;
    registry_swept_t swept;
    seat(f, 1);
    line_up(f, 2);
    line_up(f, 3);
    for (int i = 0; i < 5; i++) {
        sim_advance(f->sim, (GRACE_SEC - 1) * ACT_SEC);
        locate(f, 3);
    }
    while (f->registry->sweep(f->registry, sim_now(f->sim), PLAZA, &f->config.limits, &session, &swept) ==
           REGISTRY_OK) {
    }
    serve(f);
    assert_int_equal(find(f, 2), REGISTRY_UNKNOWN);
    assert_int_equal(find(f, 3), REGISTRY_OK);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(a_token_is_spent_and_the_next_one_is_told_when_the_store_has_it),
        CASE(each_secret_that_is_no_place_is_told_why),
        CASE(attached_whether_the_store_has_it_or_not),
        CASE(one_that_goes_before_it_is_attached_hears_nothing),
        CASE(a_second_connection_closes_the_first),
        CASE(a_copy_of_a_good_attach_is_not_told_that_its_token_is_spent),
        CASE(an_unknown_instance_is_refused_and_not_remembered),
        CASE(positions_are_pushed_once_a_second_and_only_when_they_change),
        CASE(a_gateway_that_is_full_is_told_at_the_next_tick),
        CASE(a_forgotten_one_hears_nothing_more),
        CASE(one_that_drops_keeps_its_place_for_the_grace_and_gets_it_back),
        CASE(the_owner_hears_where_the_character_stands),
        CASE(nobody_else_hears_of_it_nor_of_who_does_not_wait_here),
        CASE(asking_keeps_the_place),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
