/* What the load generator counts has to be what happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench_scan.h"
#include "bench_stats.h"
#include "msg.h"

enum { FRAME_CAP = 65536 };

typedef struct heard {
    bench_answer_t answers[8];
    int count;
} heard_t;

static void
hear(void *owner, const bench_answer_t *answer)
{
    heard_t *self = owner;
    assert_true(self->count < 8);
    self->answers[self->count++] = *answer;
}

/* A frame of three messages: a delta whose chat looks like an ack, an ack, an error. */
static size_t
frame_of(codec_format_t format, uint8_t *frame)
{
    static msg_event_state_delta_t delta;
    delta = (msg_event_state_delta_t){.room_version = 7, .has_chats = true, .chats_len = 1, .has_members = true};
    delta.members_len = 1;
    snprintf(delta.members[0].character_id, sizeof(delta.members[0].character_id), "c1");
    snprintf(delta.members[0].name, sizeof(delta.members[0].name), "Ann");
    delta.members[0].x = 3.25;
    snprintf(delta.chats[0].character_id, sizeof(delta.chats[0].character_id), "c1");
    snprintf(delta.chats[0].name, sizeof(delta.chats[0].name), "Ann");
    snprintf(delta.chats[0].text, sizeof(delta.chats[0].text), "{\"type\":\"event.ack\",\"actionId\":99}");
    msg_event_ack_t ack = {.action_id = 70000, .sequence = 5, .room_version = 4294967296};
    msg_event_error_t error = {.code = ERROR_RATE_LIMITED, .has_action_id = true, .action_id = 3};
    snprintf(error.message, sizeof(error.message), "wait");
    memset(error.trace_id, 'a', sizeof(error.trace_id) - 1);
    size_t at = 0;
    bool json = format == CODEC_JSON;
    frame[at++] = json ? '[' : 0x93;
    at += codec_encode(format, &type_event_state_delta, "event.state_delta", &delta, frame + at, FRAME_CAP - at);
    if (json) {
        frame[at++] = ',';
    }
    at += codec_encode(format, &type_event_ack, "event.ack", &ack, frame + at, FRAME_CAP - at);
    if (json) {
        frame[at++] = ',';
    }
    at += codec_encode(format, &type_event_error, "event.error", &error, frame + at, FRAME_CAP - at);
    if (json) {
        frame[at++] = ']';
    }
    return at;
}

static void
acks_and_errors_are_found_between_other_messages(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_CAP];
    for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
        heard_t heard = {.count = 0};
        assert_true(bench_scan((codec_format_t)format, frame, frame_of((codec_format_t)format, frame), hear, &heard));
        assert_int_equal(heard.count, 2);
        assert_int_equal(heard.answers[0].kind, BENCH_ACK);
        assert_int_equal(heard.answers[0].action_id, 70000);
        assert_int_equal(heard.answers[1].kind, BENCH_ERROR);
        assert_int_equal(heard.answers[1].action_id, 3);
        assert_string_equal(heard.answers[1].code, "RATE_LIMITED");
    }
}

static void
a_msgpack_frame_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_CAP];
    size_t length = frame_of(CODEC_MSGPACK, frame);
    for (size_t cut = 0; cut < length; cut++) {
        heard_t heard = {.count = 0};
        uint8_t *copy = malloc(cut ? cut : 1); /* exactly that long: ASan sees what reads on */
        assert_non_null(copy);
        memcpy(copy, frame, cut);
        assert_false(bench_scan(CODEC_MSGPACK, copy, cut, hear, &heard));
        free(copy);
    }
}

static void
quantiles_are_right_to_one_part_in_64(void **state)
{
    (void)state;
    static bench_stats_t stats;
    memset(&stats, 0, sizeof(stats));
    assert_int_equal(bench_stats_quantile(&stats, 0.5), 0);
    for (int i = 1; i <= 100000; i++) {
        bench_stats_add(&stats, i);
    }
    static const double parts[] = {0.01, 0.5, 0.95, 0.99, 0.999};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        double right = parts[i] * 100000;
        double told = (double)bench_stats_quantile(&stats, parts[i]);
        assert_true(told >= right && told <= right * (1 + 1.0 / 64) + 1);
    }
    assert_int_equal(bench_stats_quantile(&stats, 1), 100000);
    bench_stats_add(&stats, INT64_MAX);
    assert_true(bench_stats_quantile(&stats, 1) > 100000);
}

static void
processes_are_named_each_once(void **state)
{
    (void)state;
    bench_pids_t pids;
    assert_true(bench_pids_parse("12", &pids));
    assert_int_equal(pids.count, 1);
    assert_true(bench_pids_parse("3,2147483647,12", &pids));
    assert_int_equal(pids.count, 3);
    assert_int_equal(pids.pids[1], INT32_MAX);
    static const char *const wrong[] = {"", ",", "0", "-1", "1,", ",1", "1,,2", "1 2", "7,7", "2147483648", "1x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(bench_pids_parse(wrong[i], &pids));
    }
    char text[BENCH_PIDS_MAX * 4 + 4];
    size_t length = 0;
    for (int i = 0; i < BENCH_PIDS_MAX; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%d", i > 0 ? "," : "", 100 + i);
    }
    assert_true(bench_pids_parse(text, &pids));
    snprintf(text + length, sizeof(text) - length, ",99");
    assert_false(bench_pids_parse(text, &pids));
}

static void
use_of_a_process_is_read_from_proc(void **state)
{
    (void)state;
    bench_usage_t before;
    bench_usage_t after;
    assert_true(bench_usage_read(getpid(), &before));
    assert_true(before.rss > 0);
    for (after = before; after.cpu_usec == before.cpu_usec;) { /* until a tick of it was used */
        assert_true(bench_usage_read(getpid(), &after));
    }
    assert_true(after.cpu_usec > before.cpu_usec);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acks_and_errors_are_found_between_other_messages),
        cmocka_unit_test(a_msgpack_frame_cut_anywhere_is_refused),
        cmocka_unit_test(quantiles_are_right_to_one_part_in_64),
        cmocka_unit_test(processes_are_named_each_once),
        cmocka_unit_test(use_of_a_process_is_read_from_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
