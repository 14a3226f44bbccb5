/* What the load generator makes of the frames of a server: who is in, who waits, and whose turn it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"

enum { FRAME_CAP = 65536, SESSIONS = 4 };

static bench_t bench;
static bench_options_t options;
static bench_session_t sessions[SESSIONS];
static bench_session_t *holders[SESSIONS];
static int64_t freed_at[SESSIONS];

/* Sessions without sockets: what they send goes nowhere. */
static void
start(codec_format_t format, bench_part_t part, bench_state_t state)
{
    bench_fresh_close(&bench); /* of the test before */
    options = (bench_options_t){.format = format};
    bench = (bench_t){.options = &options, .sessions = sessions, .sessions_count = SESSIONS};
    bench.queue.holders = holders;
    bench.queue.freed_at = freed_at;
    assert_true(bench_fresh_open(&bench));
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = (bench_session_t){.bench = &bench, .part = part, .state = state, .since = bench_now()};
        sessions[i].ws.fd = -1;
        sessions[i].ws.format = format;
        sessions[i].entry = part == BENCH_WATCHER ? &bench.waits : &bench.joins;
        sessions[i].place = i + 1;
    }
}

/* One frame of `count` messages. */
static void
hear(bench_session_t *session, int count, const char *const *names, const codec_type_t *const *types,
     const void *const *bodies)
{
    static uint8_t frame[FRAME_CAP];
    codec_format_t format = session->ws.format;
    size_t at = 0;
    frame[at++] = format == CODEC_JSON ? '[' : (uint8_t)(0x90 + count);
    for (int i = 0; i < count; i++) {
        if (format == CODEC_JSON && i > 0) {
            frame[at++] = ',';
        }
        at += codec_encode(format, types[i], names[i], bodies[i], frame + at, sizeof(frame) - at);
    }
    if (format == CODEC_JSON) {
        frame[at++] = ']';
    }
    bench_session_events.message(&session->ws, frame, at);
}

static void
hear_one(bench_session_t *session, const char *name, const codec_type_t *type, const void *body)
{
    hear(session, 1, &name, &type, &body);
}

static void
put_secret(char *field)
{
    memset(field, 's', 43);
    field[43] = '\0';
}

/* As the server does: the token that comes first, the delta that others' joins cause, the welcome. */
static void
hear_welcome(bench_session_t *session)
{
    static msg_event_reconnect_token_t token;
    static msg_event_state_delta_t delta;
    static msg_event_welcome_t welcome;
    token = (msg_event_reconnect_token_t){.grace_seconds = 60};
    put_secret(token.reconnect_token);
    delta = (msg_event_state_delta_t){.room_version = 7};
    welcome = (msg_event_welcome_t){.last_action_id = 41,
                                    .limits = {.moves_per_second = 20, .chats_per_second = 5, .chat_max = 280}};
    snprintf(welcome.session_id, sizeof(welcome.session_id), "s1");
    snprintf(welcome.character_id, sizeof(welcome.character_id), "c1");
    snprintf(welcome.name, sizeof(welcome.name), "Ann");
    snprintf(welcome.room, sizeof(welcome.room), "plaza/main");
    snprintf(welcome.build, sizeof(welcome.build), "b");
    const char *names[] = {"event.reconnect_token", "event.state_delta", "event.welcome"};
    const codec_type_t *types[] = {&type_event_reconnect_token, &type_event_state_delta, &type_event_welcome};
    const void *bodies[] = {&token, &delta, &welcome};
    hear(session, 3, names, types, bodies);
}

static void
hear_position(bench_session_t *session)
{
    msg_event_queue_position_t position = {.position = 3, .depth = 4};
    hear_one(session, "event.queue_position", &type_event_queue_position, &position);
}

static void
hear_admitted(bench_session_t *session)
{
    msg_event_admitted_t admitted = {.seconds = 30};
    put_secret(admitted.ticket);
    hear_one(session, "event.admitted", &type_event_admitted, &admitted);
}

static void
a_welcome_behind_a_token_and_a_delta_is_heard(void **state)
{
    (void)state;
    for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
        start((codec_format_t)format, BENCH_PLAYER, BENCH_ASKING);
        hear_welcome(&sessions[0]);
        assert_int_equal(sessions[0].state, BENCH_PLAYING);
        assert_int_equal(sessions[0].action_id, 41);
        assert_int_equal(bench.joined, 1);
        assert_int_equal(bench.playing, 1);
        assert_int_equal(bench.joins.enter.count, 1);
        assert_int_equal(bench.failures.count, 0);
    }
}

static void
a_refusal_ends_the_session_and_is_counted_by_its_code(void **state)
{
    (void)state;
    start(CODEC_JSON, BENCH_PLAYER, BENCH_ASKING);
    msg_event_error_t error = {.code = ERROR_TICKET_INVALID};
    snprintf(error.message, sizeof(error.message), "no");
    memset(error.trace_id, 'a', sizeof(error.trace_id) - 1);
    hear_one(&sessions[0], "event.error", &type_event_error, &error);
    assert_int_equal(sessions[0].state, BENCH_GONE);
    assert_int_equal(bench.failures.count, 1);
    assert_string_equal(bench.failures.rows[0].code, "TICKET_INVALID");
    bench_session_events.message(&sessions[1].ws, (const uint8_t *)"{\"type\":", 8);
    assert_int_equal(bench.failures.count, 2);
    assert_int_equal(bench.playing, 0);
}

static void
a_visitor_leaves_at_once_and_may_come_again(void **state)
{
    (void)state;
    start(CODEC_MSGPACK, BENCH_VISITOR, BENCH_ASKING);
    sessions[0].entry = &bench.visits;
    sessions[1].entry = NULL; /* outside of the measured time */
    hear_welcome(&sessions[0]);
    hear_welcome(&sessions[1]);
    assert_int_equal(sessions[0].state, BENCH_LEAVING);
    assert_int_equal(bench.visits.enter.count, 1);
    assert_int_equal(bench.joined + bench.playing, 0);
    bench_session_events.closed(&sessions[0].ws, 4000, "the server closed it");
    assert_int_equal(sessions[0].state, BENCH_READY);
    assert_int_equal(bench.failures.count, 0);
}

static void
a_seat_is_timed_from_the_leave_that_freed_it(void **state)
{
    (void)state;
    for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
        start((codec_format_t)format, BENCH_WATCHER, BENCH_ASKING);
        bench.counting = true;
        hear_position(&sessions[0]);
        hear_position(&sessions[1]);
        hear_position(&sessions[1]);
        assert_int_equal(sessions[0].state, BENCH_WAITING);
        assert_int_equal(bench.waits.enter.count, 2);
        assert_int_equal(bench.queue.pushes, 3);
        freed_at[0] = bench_now() - 5000000;
        bench.queue.freed = 1;
        hear_admitted(&sessions[0]);
        assert_int_equal(sessions[0].state, BENCH_ASKING);
        assert_true(bench.seats.connect.max >= 5000000 && bench.seats.connect.max < 60000000);
        hear_welcome(&sessions[0]);
        assert_int_equal(sessions[0].state, BENCH_PLAYING);
        assert_int_equal(bench.seats.enter.count, 1);
        assert_int_equal(bench.queue.holders_count, 1);
        assert_ptr_equal(holders[0], &sessions[0]);
        assert_int_equal(bench.failures.count, 0);
    }
}

static void
an_admission_out_of_turn_is_a_failure(void **state)
{
    (void)state;
    start(CODEC_JSON, BENCH_WATCHER, BENCH_WAITING);
    freed_at[0] = bench_now();
    bench.queue.freed = 1;
    hear_admitted(&sessions[1]); /* the second, when one seat is free */
    assert_int_equal(bench.failures.count, 1);
    hear_admitted(&sessions[0]); /* a second one, for no seat */
    assert_int_equal(bench.failures.count, 2);
    start(CODEC_JSON, BENCH_WATCHER, BENCH_WAITING);
    bench.ending = true;
    hear_admitted(&sessions[0]); /* whoever leaves at the end makes seats free that nobody wants */
    assert_int_equal(sessions[0].state, BENCH_WAITING);
    assert_int_equal(bench.failures.count + (uint64_t)bench.queue.admitted, 0);
}

static void
a_connection_that_is_lost_is_a_failure_until_the_end(void **state)
{
    (void)state;
    start(CODEC_JSON, BENCH_WATCHER, BENCH_WAITING);
    bench_session_events.closed(&sessions[0].ws, 4007, "the server closed it");
    assert_int_equal(sessions[0].state, BENCH_GONE);
    assert_string_equal(bench.failures.rows[0].code, "the server closed it with 4007");
    bench.ending = true;
    bench_session_events.closed(&sessions[1].ws, 4000, "the server closed it");
    assert_int_equal(sessions[1].state, BENCH_GONE);
    assert_int_equal(bench.failures.count, 1);
}

/* The character of sessions[of], as its room shows it after that action. */
static void
hear_move(bench_session_t *session, int of, int64_t action_id)
{
    static msg_event_state_delta_t delta;
    delta = (msg_event_state_delta_t){.room_version = 8, .has_members = true, .members_len = 1};
    snprintf(delta.members[0].character_id, sizeof(delta.members[0].character_id), "c%d", of);
    snprintf(delta.members[0].name, sizeof(delta.members[0].name), "Ann");
    delta.members[0].x = sessions[of].x + bench_fresh_offset(action_id);
    hear_one(session, "event.state_delta", &type_event_state_delta, &delta);
}

static void
what_others_see_of_a_move_is_timed_once(void **state)
{
    (void)state;
    start(CODEC_MSGPACK, BENCH_PLAYER, BENCH_PLAYING);
    bench.counting = true;
    for (int i = 0; i < SESSIONS; i++) {
        snprintf(sessions[i].character_id, sizeof(sessions[i].character_id), "c%d", i);
        sessions[i].x = 10 * i;
        bench_fresh_enter(&sessions[i]);
    }
    int64_t now = bench_now();
    sessions[1].action_id = 70; /* beyond one round of places */
    bench_fresh_sent(&sessions[1], now - 5000);
    bench_fresh_acked(&sessions[1], 70, now - 2000);
    hear_move(&sessions[2], 1, 70);
    assert_int_equal(bench.fresh.seen.count, 0); /* this one skips deltas */
    hear_move(&sessions[0], 1, 69);              /* never sent here */
    hear_move(&sessions[0], 0, 70);              /* itself is nobody else */
    assert_int_equal(bench.fresh.seen.count, 0);
    hear_move(&sessions[0], 1, 70);
    hear_move(&sessions[0], 1, 70);
    assert_int_equal(bench.fresh.seen.count, 1);
    assert_true(bench.fresh.seen.max >= 5000 && bench.fresh.after_ack.max >= 2000);
    assert_true(bench.fresh.after_ack.max < bench.fresh.seen.max);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_welcome_behind_a_token_and_a_delta_is_heard),
        cmocka_unit_test(a_refusal_ends_the_session_and_is_counted_by_its_code),
        cmocka_unit_test(a_visitor_leaves_at_once_and_may_come_again),
        cmocka_unit_test(a_seat_is_timed_from_the_leave_that_freed_it),
        cmocka_unit_test(an_admission_out_of_turn_is_a_failure),
        cmocka_unit_test(a_connection_that_is_lost_is_a_failure_until_the_end),
        cmocka_unit_test(what_others_see_of_a_move_is_timed_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bench_fresh_close(&bench);
    return failed;
}
