#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"

enum { HEADROOM = 16 };

static void
put(outbox_t *outbox, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    memcpy(outbox_reserve(outbox, 2 * length), text, length); /* more room than needed, as an encoder asks for */
    outbox_commit(outbox, length);
}

static void
assert_frame(outbox_t *outbox, codec_format_t format, const char *bytes, size_t size)
{
    outbox_frame_t frame = {0};
    size_t length = 0;
    uint8_t *data = outbox_take(outbox, format, HEADROOM, &frame, &length);
    assert_non_null(data);
    assert_int_equal(length, size);
    assert_memory_equal(data, bytes, size);
    memset(data - HEADROOM, 0, HEADROOM); /* the wire's */
    outbox_frame_fini(&frame);
}

static void
one_message_leaves_bare_and_the_empty_outbox_costs_nothing(void **state)
{
    (void)state;
    outbox_t outbox = {0};
    put(&outbox, "{}");
    assert_int_equal(outbox.waiting, 2);
    assert_frame(&outbox, CODEC_JSON, "{}", 2);
    assert_null(outbox.data);
    assert_int_equal(outbox.capacity, 0);
}

static void
several_messages_leave_as_one_array_in_order(void **state)
{
    (void)state;
    outbox_t outbox = {0};
    blob_t *blob = blob_new("{\"b\":1}", 7);
    put(&outbox, "{\"a\":1}");
    outbox_add_blob(&outbox, blob);
    put(&outbox, "{\"c\":1}");
    assert_int_equal(atomic_load(&blob->references), 2);
    assert_frame(&outbox, CODEC_JSON, "[{\"a\":1},{\"b\":1},{\"c\":1}]", 25);
    assert_int_equal(atomic_load(&blob->references), 1);
    put(&outbox, "\x80");
    put(&outbox, "\x80");
    assert_frame(&outbox, CODEC_MSGPACK, "\xdc\x00\x02\x80\x80", 5);
    blob_release(&blob);
    outbox_clear(&outbox);
}

static void
a_frame_is_bounded_and_a_large_message_goes_alone(void **state)
{
    (void)state;
    outbox_t outbox = {0};
    outbox_frame_t frame = {0};
    blob_t *large = blob_new(NULL, 100000);
    memset(large->data, 'x', large->length);
    put(&outbox, "{}");
    outbox_add_blob(&outbox, large);
    put(&outbox, "{}");
    assert_int_equal(outbox.waiting, 100004);
    size_t length;
    assert_non_null(outbox_take(&outbox, CODEC_JSON, HEADROOM, &frame, &length));
    assert_int_equal(length, 2);
    assert_non_null(outbox_take(&outbox, CODEC_JSON, HEADROOM, &frame, &length));
    assert_int_equal(length, 100000);
    assert_non_null(outbox_take(&outbox, CODEC_JSON, HEADROOM, &frame, &length));
    assert_int_equal(length, 2);
    assert_null(outbox_take(&outbox, CODEC_JSON, HEADROOM, &frame, &length));
    for (int i = 0; i < OUTBOX_FRAME_MESSAGES + 1; i++) {
        put(&outbox, "1");
    }
    assert_non_null(outbox_take(&outbox, CODEC_JSON, HEADROOM, &frame, &length));
    assert_int_equal(length, 2 * OUTBOX_FRAME_MESSAGES + 1);
    assert_int_equal(outbox.count, 1);
    outbox_clear(&outbox);
    outbox_frame_fini(&frame);
    blob_release(&large);
}

static void
clearing_gives_blobs_back(void **state)
{
    (void)state;
    outbox_t outbox = {0};
    blob_t *blob = blob_new("x", 1);
    for (int i = 0; i < 100; i++) {
        outbox_add_blob(&outbox, blob);
    }
    assert_int_equal(atomic_load(&blob->references), 101);
    outbox_clear(&outbox);
    assert_int_equal(atomic_load(&blob->references), 1);
    assert_int_equal(outbox.waiting, 0);
    blob_release(&blob);
}

static void
what_was_reserved_and_not_used_leaves_nothing_behind(void **state)
{
    (void)state;
    outbox_t outbox = {0};
    assert_non_null(outbox_reserve(&outbox, 1000));
    outbox_commit(&outbox, 0);
    assert_null(outbox.data);
    assert_int_equal(outbox.count, 0);
}

static void
taking_and_adding_in_turn_keeps_order_and_stays_small(void **state)
{
    (void)state;
    outbox_t outbox = {0};
    outbox_frame_t frame = {0};
    char text[5000], next = 'a', expected = 'a';
    size_t length;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 5; i++) { /* four fit into a frame: one more stays each time, until it is cleared below */
            memset(text, next++, sizeof(text) - 1);
            text[sizeof(text) - 1] = '\0';
            put(&outbox, text);
            next = next > 'z' ? 'a' : next;
        }
        while (outbox.count > 1) {
            const uint8_t *data = outbox_take(&outbox, CODEC_MSGPACK, HEADROOM, &frame, &length);
            assert_non_null(data);
            for (size_t at = length % (sizeof(text) - 1); at < length; at += sizeof(text) - 1) {
                assert_int_equal(data[at], expected);
                expected = expected == 'z' ? 'a' : (char)(expected + 1);
            }
        }
    }
    assert_true(outbox.capacity <= 65536);
    outbox_clear(&outbox);
    outbox_frame_fini(&frame);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message_leaves_bare_and_the_empty_outbox_costs_nothing),
        cmocka_unit_test(several_messages_leave_as_one_array_in_order),
        cmocka_unit_test(a_frame_is_bounded_and_a_large_message_goes_alone),
        cmocka_unit_test(clearing_gives_blobs_back),
        cmocka_unit_test(what_was_reserved_and_not_used_leaves_nothing_behind),
        cmocka_unit_test(taking_and_adding_in_turn_keeps_order_and_stays_small),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
