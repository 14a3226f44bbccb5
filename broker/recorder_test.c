/* The flight recorder: what it remembers, what it forgets, and that whoever reads never sees half of anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "recorder.h"

enum { NOTED_COUNT = 300000 };

static int
set_up(void **state)
{
    recorder_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    recorder_init(self, ACT_KIND_ROOM);
    *state = self;
    return 0;
}

static int
tear_down(void **state)
{
    recorder_t *self = *state;
    recorder_fini(self);
    free(self);
    return 0;
}

/* All of its fields follow from n. */
static msg_t
message(uint64_t n, const void *body)
{
    msg_t msg = {.type = MSG_ROOM_PEEK,
                 .from = {.node = (uint32_t)n, .kind = ACT_KIND_FRONT, .thread = (uint8_t)(n % 7)},
                 .correlation = n,
                 .body = body};
    memcpy(msg.trace.bytes, &n, sizeof n);
    memcpy(msg.trace.bytes + 8, &n, sizeof n);
    snprintf(msg.key, sizeof msg.key, "plaza/%0*llu", (int)(n % 50) + 1, (unsigned long long)n % 10000000);
    snprintf(msg.from.key, sizeof msg.from.key, "%llu", (unsigned long long)n);
    return msg;
}

static void
note(recorder_t *self, uint64_t n)
{
    static const msg_room_peek_t body;
    msg_t msg = message(n, &body);
    recorder_note(self, &msg, (act_usec_t)n * ACT_MSEC, (act_usec_t)(n % 1000));
}

static void
check_head(const recorder_head_t *head, uint64_t n)
{
    msg_t msg = message(n, NULL);
    assert_int_equal(head->at, n * ACT_MSEC);
    assert_int_equal(head->handler_usec, n % 1000);
    assert_int_equal(head->type, msg.type);
    assert_int_equal(head->correlation, n);
    assert_int_equal(head->from.node, msg.from.node);
    assert_int_equal(head->from.kind, msg.from.kind);
    assert_int_equal(head->from.thread, msg.from.thread);
    assert_string_equal(head->from.key, msg.from.key);
    assert_string_equal(head->key, msg.key);
    assert_memory_equal(head->trace.bytes, msg.trace.bytes, sizeof head->trace.bytes);
}

static void
last_thousand_heads_are_remembered_and_older_ones_are_not(void **state)
{
    recorder_t *self = *state;
    recorder_head_t head;
    assert_false(recorder_read(self, 0, &head));
    for (uint64_t n = 0; n < 3 * RECORDER_HEADS; n++) {
        note(self, n);
    }
    assert_int_equal(recorder_end(self), 3 * RECORDER_HEADS);
    assert_int_equal(recorder_begin(self), 2 * RECORDER_HEADS);
    assert_false(recorder_read(self, 2 * RECORDER_HEADS - 1, &head));
    assert_false(recorder_read(self, 3 * RECORDER_HEADS, &head));
    for (uint64_t n = 2 * RECORDER_HEADS; n < 3 * RECORDER_HEADS; n++) {
        assert_true(recorder_read(self, n, &head));
        assert_int_equal(head.position, n);
        check_head(&head, n);
    }
}

static void
longest_keys_are_kept_whole(void **state)
{
    static const msg_room_peek_t body;
    recorder_head_t head;
    msg_t msg = {.type = MSG_ROOM_PEEK, .body = &body};
    memset(msg.key, 'k', ACT_KEY_MAX);
    memset(msg.from.key, 'f', ACT_KEY_MAX);
    recorder_note(*state, &msg, 1, 1);
    assert_true(recorder_read(*state, 0, &head));
    assert_string_equal(head.key, msg.key);
    assert_string_equal(head.from.key, msg.from.key);
}

static void *
note_many(void *self)
{
    for (uint64_t n = 0; n < NOTED_COUNT; n++) {
        note(self, n);
    }
    return NULL;
}

static void
reader_beside_the_writer_sees_whole_heads_and_bodies_only(void **state)
{
    recorder_t *self = *state;
    const recorder_filter_t all = {0};
    pthread_t writer;
    uint64_t read = 0, bodies = 0;
    assert_true(recorder_tap(self, &all, 0, INT64_MAX));
    assert_int_equal(pthread_create(&writer, NULL, note_many, self), 0);
    for (uint64_t position = 0; position < NOTED_COUNT;) {
        recorder_head_t head;
        char body[RECORDER_BODY_MAX + 1];
        uint64_t begin = recorder_begin(self), end = recorder_end(self);
        position = position < begin ? begin : position;
        if (position < end && recorder_read(self, position, &head)) {
            check_head(&head, position);
            read++;
            if (recorder_read_body(self, position, body) > 0) {
                assert_string_equal(body, "{}");
                bodies++;
            }
        }
        position += position < end;
    }
    pthread_join(writer, NULL);
    assert_true(read > 0 && bodies > 0);
}

/* ---- filters ---- */

static void
filter_asks_for_kind_type_trace_and_either_key(void **state)
{
    recorder_t *self = *state;
    recorder_head_t head;
    note(self, 12);
    assert_true(recorder_read(self, 0, &head));
    recorder_filter_t none = {0}, filter = {.kind = ACT_KIND_ROOM, .type = MSG_ROOM_PEEK, .traced = true};
    filter.trace = head.trace;
    assert_true(recorder_matches(self, &none, &head));
    assert_true(recorder_matches(self, &filter, &head));
    filter.keyed = true;
    snprintf(filter.key, sizeof filter.key, "%s", head.key);
    assert_true(recorder_matches(self, &filter, &head));
    snprintf(filter.key, sizeof filter.key, "%s", head.from.key);
    assert_true(recorder_matches(self, &filter, &head));
    filter.key[0] = 'x';
    assert_false(recorder_matches(self, &filter, &head));
    assert_false(recorder_matches(self, &(recorder_filter_t){.kind = ACT_KIND_FRONT}, &head));
    assert_false(recorder_matches(self, &(recorder_filter_t){.type = MSG_ROOM_JOIN}, &head));
    assert_false(recorder_matches(self, &(recorder_filter_t){.traced = true}, &head));
}

static void
sample_takes_about_one_in_n_and_traces_whole(void **state)
{
    recorder_t *self = *state;
    const recorder_filter_t tenth = {.sample = 10};
    uint32_t matched = 0;
    for (uint64_t n = 0; n < 2000; n++) {
        recorder_head_t head = {.position = n, .type = MSG_ROOM_PEEK};
        uint64_t draw = (n + 1) * 0x9e3779b97f4a7c15u;
        memcpy(head.trace.bytes, &draw, sizeof draw);
        bool matches = recorder_matches(self, &tenth, &head);
        matched += matches;
        head.position += 3; /* another message of that trace */
        assert_int_equal(recorder_matches(self, &tenth, &head), matches);
    }
    assert_in_range(matched, 140, 260);
}

/* ---- bodies ---- */

static void
tell_secret(recorder_t *self, act_usec_t at)
{
    msg_room_chat_t chat = {.connection = 3, .member = 4, .action_id = 5};
    snprintf(chat.text, sizeof chat.text, "meet me at nine");
    msg_t msg = {.type = MSG_ROOM_CHAT, .body = &chat};
    recorder_note(self, &msg, at, 1);
}

static void
bodies_are_kept_only_while_asked_for_and_masked(void **state)
{
    recorder_t *self = *state;
    char body[RECORDER_BODY_MAX + 1];
    const recorder_filter_t chats = {.type = MSG_ROOM_CHAT};
    tell_secret(self, 1);
    assert_int_equal(recorder_read_body(self, 0, body), 0);
    assert_true(recorder_tap(self, &chats, 2, 10000));
    tell_secret(self, 3);
    note(self, 4); /* of another type */
    assert_true(recorder_read_body(self, 1, body) > 0);
    assert_string_equal(body, "{\"connection\":3,\"member\":4,\"actionId\":5,\"text\":\"***\"}");
    assert_int_equal(recorder_read_body(self, 2, body), 0);
    tell_secret(self, 10000); /* its time is over */
    assert_int_equal(recorder_read_body(self, 3, body), 0);
    assert_false(atomic_load(&self->tapped));
}

static void
taps_are_bounded_and_the_same_filter_takes_one(void **state)
{
    recorder_t *self = *state;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < RECORDER_TAPS_MAX; i++) {
            assert_true(recorder_tap(self, &(recorder_filter_t){.sample = i + 2}, 10, 20));
        }
    }
    assert_false(recorder_tap(self, &(recorder_filter_t){0}, 19, 30));
    assert_true(recorder_tap(self, &(recorder_filter_t){0}, 20, 30)); /* theirs have run out */
}

static void
bodies_over_the_bound_of_a_second_are_dropped_and_counted(void **state)
{
    recorder_t *self = *state;
    assert_true(recorder_tap(self, &(recorder_filter_t){0}, 0, INT64_MAX));
    for (int i = 0; i < RECORDER_BODIES_PER_SEC + 7; i++) {
        tell_secret(self, 10);
    }
    assert_int_equal(atomic_load(&self->bodies_dropped), 7);
    tell_secret(self, 10 + ACT_SEC);
    assert_int_equal(atomic_load(&self->bodies_dropped), 7);
}

static void
body_that_is_being_read_costs_the_actor_nothing_but_that_body(void **state)
{
    recorder_t *self = *state;
    char body[RECORDER_BODY_MAX + 1];
    assert_true(recorder_tap(self, &(recorder_filter_t){0}, 0, INT64_MAX));
    pthread_mutex_lock(&self->lock); /* as a reader has it */
    tell_secret(self, 1);
    pthread_mutex_unlock(&self->lock);
    assert_int_equal(atomic_load(&self->bodies_dropped), 1);
    assert_int_equal(recorder_end(self), 1);
    assert_int_equal(recorder_read_body(self, 0, body), 0);
}

/* ---- times ---- */

static void
quantiles_are_of_what_came_since(void **state)
{
    recorder_t *self = *state;
    static const msg_room_peek_t nothing;
    uint64_t before[RECORDER_BUCKETS], now[RECORDER_BUCKETS];
    msg_t msg = {.type = MSG_ROOM_PEEK, .body = &nothing};
    recorder_read_took(self, before);
    assert_int_equal(recorder_quantile(before, NULL, 0.99), 0);
    for (int i = 0; i < 100; i++) {
        recorder_note(self, &msg, i, i < 98 ? 3 : 100000);
    }
    recorder_read_took(self, before);
    assert_int_equal(recorder_quantile(before, NULL, 0.5), 3);
    assert_in_range(recorder_quantile(before, NULL, 0.99), 100000, 125000);
    recorder_note(self, &msg, 1, 40);
    recorder_note(self, &msg, 1, INT64_MAX);
    recorder_read_took(self, now);
    assert_in_range(recorder_quantile(now, before, 0.5), 40, 50);
    assert_in_range(recorder_quantile(now, before, 1), 28000000, 33554431); /* the last bucket has no end */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(last_thousand_heads_are_remembered_and_older_ones_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(longest_keys_are_kept_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reader_beside_the_writer_sees_whole_heads_and_bodies_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filter_asks_for_kind_type_trace_and_either_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sample_takes_about_one_in_n_and_traces_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_are_kept_only_while_asked_for_and_masked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(taps_are_bounded_and_the_same_filter_takes_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_over_the_bound_of_a_second_are_dropped_and_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(body_that_is_being_read_costs_the_actor_nothing_but_that_body, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(quantiles_are_of_what_came_since, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
