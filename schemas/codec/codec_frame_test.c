#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"

static union msg_client_in body;
static uint32_t type;
static uint64_t action_id;
static codec_fault_t fault;

static void
open_text(codec_frame_t *frame, const char *text)
{
    codec_frame_open(frame, CODEC_JSON, (const uint8_t *)text, strlen(text));
}

static int
next(codec_frame_t *frame)
{
    return codec_frame_next(frame, msg_find_client_in, &type, &body, sizeof body, &action_id, &fault);
}

static void
expect_refused(codec_frame_t *frame, codec_error_t error, const char *field, uint64_t action)
{
    assert_int_equal(next(frame), -1);
    assert_int_equal(fault.error, error);
    assert_string_equal(fault.field, field);
    assert_int_equal(action_id, action);
}

static void
expect_move(codec_frame_t *frame, uint64_t action)
{
    assert_int_equal(next(frame), 1);
    assert_int_equal(type, MSG_INTENT_MOVE);
    assert_int_equal(action_id, action);
    assert_int_equal(body.intent_move.action_id, (int64_t)action);
}

#define MOVE(action) "{\"type\":\"intent.move\",\"actionId\":" action ",\"x\":1,\"y\":2.5}"

static void
one_message_alone_is_a_frame(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, " \t\r\n" MOVE("7") "\n ");
    expect_move(&frame, 7);
    assert_true(body.intent_move.x == 1 && body.intent_move.y == 2.5);
    assert_int_equal(next(&frame), 0);
    assert_int_equal(next(&frame), 0);
}

static void
type_may_stand_anywhere(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, "[{\"actionId\":8,\"x\":1,\"y\":2,\"type\":\"intent.move\"} , "
                      "{\"y\":2,\"type\":\"intent.move\",\"x\":1,\"actionId\":9}]");
    expect_move(&frame, 8);
    expect_move(&frame, 9);
    assert_int_equal(next(&frame), 0);
}

static void
names_and_words_may_have_escapes(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, "{\"\\u0074ype\":\"intent\\u002emove\",\"action\\u0049d\":8,\"x\":1,\"\\u0079\":2}");
    expect_move(&frame, 8);
    open_text(&frame, "{\"type\":\"intent.action\",\"actionId\":1,\"action\":\"pick\\u0075p\",\"itemId\":\"\\u0061\"}");
    assert_int_equal(next(&frame), 1);
    assert_int_equal(body.intent_action.action, ITEM_ACTION_PICKUP);
    assert_string_equal(body.intent_action.item_id, "a");
    assert_false(body.intent_action.has_target_id);
}

static void
refused_message_leaves_the_ones_after_it(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, "[{\"type\":\"intent.move\",\"x\":-1,\"y\":{\"a\":[\"}]\\\"\",null]},\"actionId\":5},"
                      "{\"type\":\"no.such\",\"actionId\":6},7,[],\"text\",null,true,"
                      "{\"type\":\"event.ack\",\"actionId\":7,\"sequence\":1,\"roomVersion\":1}," MOVE("10") "]");
    expect_refused(&frame, CODEC_RANGE, "x", 5);
    assert_int_equal(type, MSG_INTENT_MOVE);
    expect_refused(&frame, CODEC_UNKNOWN, "type", 6);
    assert_int_equal(type, 0);
    for (int i = 0; i < 5; i++) {
        expect_refused(&frame, CODEC_TYPE, "", 0);
    }
    expect_refused(&frame, CODEC_UNKNOWN, "type", 7); /* only the server says that */
    expect_move(&frame, 10);
    assert_int_equal(next(&frame), 0);
}

static void
action_id_is_told_only_when_it_is_one(void **state)
{
    (void)state;
    static const char *const ids[] = {"0", "-1", "1.0", "\"5\"", "9007199254740992", "1e3", "null", "[5]"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char text[128];
        codec_frame_t frame;
        snprintf(text, sizeof text, "{\"type\":\"intent.move\",\"actionId\":%s,\"x\":1,\"y\":2}", ids[i]);
        open_text(&frame, text);
        assert_int_equal(next(&frame), -1);
        assert_string_equal(fault.field, "actionId");
        assert_int_equal(action_id, 0);
    }
    codec_frame_t frame;
    open_text(&frame, "{\"type\":\"intent.move\",\"x\":{\"actionId\":5},\"y\":2}"); /* not the message's own */
    expect_refused(&frame, CODEC_TYPE, "x", 0);
}

static void
text_that_is_no_json_ends_the_frame(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "[",
        "{",
        "[" MOVE("1"),
        "{\"type\"}",
        "{\"type\":}",
        "{type:1}",
        "{\"type\":\"intent.move\",}",
        "{\"type\":\"intent.move\",\"x\":01}",
        "{\"type\":\"intent.move\",\"x\":tru}",
        "{\"type\":\"intent.move\" \"x\":1}",
        "{\"type\":\"intent.chat\",\"text\":\"a\nb\"}",
        "{\"type\":\"intent.chat\",\"text\":\"\\x41\"}",
        "{\"type\":\"intent.chat\",\"text\":\"\\u12g4\"}",
        "{\"type\":\"intent.chat\",\"text\":\"open}",
        "{'type':'intent.move'}",
        "// nothing",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        codec_frame_t frame;
        open_text(&frame, texts[i]);
        int result = 1;
        while (result == 1) {
            result = next(&frame);
        }
        assert_int_equal(result, -1);
        assert_int_equal(fault.error, CODEC_SYNTAX);
        assert_int_equal(next(&frame), 0);
    }
}

static void
what_follows_a_good_message_is_still_checked(void **state)
{
    (void)state;
    static const char *const tails[] = {"x", "," MOVE("2"), "]", "{}", "\v"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char text[256];
        codec_frame_t frame;
        snprintf(text, sizeof text, MOVE("1") "%s", tails[i]);
        open_text(&frame, text);
        expect_move(&frame, 1);
        expect_refused(&frame, CODEC_SYNTAX, "", 0);
        assert_int_equal(next(&frame), 0);
    }
    codec_frame_t frame;
    open_text(&frame, "[" MOVE("1") ",]");
    expect_move(&frame, 1);
    assert_int_equal(next(&frame), -1);
    open_text(&frame, "[" MOVE("1") "] 1");
    expect_move(&frame, 1);
    expect_refused(&frame, CODEC_SYNTAX, "", 0);
}

static void
empty_array_is_a_frame_of_nothing(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, " [ ] ");
    assert_int_equal(next(&frame), 0);
    codec_frame_open(&frame, CODEC_MSGPACK, (const uint8_t *)"\x90", 1);
    assert_int_equal(next(&frame), 0);
    codec_frame_open(&frame, CODEC_MSGPACK, NULL, 0);
    expect_refused(&frame, CODEC_SYNTAX, "", 0);
    codec_frame_open(&frame, CODEC_JSON, NULL, 0);
    expect_refused(&frame, CODEC_SYNTAX, "", 0);
}

static void
sixty_four_messages_fit_and_no_more(void **state)
{
    (void)state;
    for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
        uint8_t bytes[8192] = "[", *at = bytes + 1;
        if (format == CODEC_MSGPACK) {
            at = (uint8_t *)memcpy(bytes, "\xdc\x00\x41", 3) + 3;
        }
        const msg_intent_move_t move = {.action_id = 3, .x = 1, .y = 2};
        for (int i = 0; i < CODEC_FRAME_MESSAGES_MAX + 1; i++) {
            if (format == CODEC_JSON && i > 0) {
                *at++ = ',';
            }
            at += codec_encode((codec_format_t)format, &type_intent_move, "intent.move", &move, at, 200);
        }
        if (format == CODEC_JSON) {
            *at++ = ']';
        }
        codec_frame_t frame;
        codec_frame_open(&frame, (codec_format_t)format, bytes, (size_t)(at - bytes));
        for (int i = 0; i < CODEC_FRAME_MESSAGES_MAX; i++) {
            expect_move(&frame, 3);
        }
        expect_refused(&frame, CODEC_SIZE, "", 0);
        assert_int_equal(next(&frame), 0);
    }
}

static void
depth_is_bounded_and_ends_the_frame(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, "[{\"type\":\"no.such\",\"a\":[[[[[[[1]]]]]]]}," MOVE("1") "]"); /* 8 with the map */
    expect_refused(&frame, CODEC_UNKNOWN, "type", 0);
    expect_move(&frame, 1);
    open_text(&frame, "[{\"type\":\"no.such\",\"a\":[[[[[[[[1]]]]]]]]}," MOVE("1") "]");
    expect_refused(&frame, CODEC_DEPTH, "", 0);
    assert_int_equal(next(&frame), 0);
    enum { NESTED = 100000 };
    char *deep = malloc(NESTED);
    memset(deep, '[', NESTED);
    codec_frame_open(&frame, CODEC_JSON, (const uint8_t *)deep, NESTED);
    expect_refused(&frame, CODEC_DEPTH, "", 0);
    memset(deep, '\x91', NESTED);
    codec_frame_open(&frame, CODEC_MSGPACK, (const uint8_t *)deep, NESTED);
    expect_refused(&frame, CODEC_DEPTH, "", 0);
    free(deep);
}

static void
msgpack_frames_are_read_alike(void **state)
{
    (void)state;
    /* [{"y": 2, "type": "intent.move", "actionId": uint64 4, "x": float32 1.5}, {1: 2, "actionId": 6}, {"type": bin}]
     */
    static const char bytes[] = "\x93\x84\xa1y\x02\xa4type\xabintent.move\xa8"
                                "actionId\xcf\0\0\0\0\0\0\0\x04\xa1x\xca\x3f\xc0\0\0"
                                "\x82\x01\x02\xa8"
                                "actionId\x06"
                                "\x81\xa4type\xc4\x01z";
    codec_frame_t frame;
    codec_frame_open(&frame, CODEC_MSGPACK, (const uint8_t *)bytes, sizeof bytes - 1);
    expect_move(&frame, 4);
    assert_true(body.intent_move.x == 1.5 && body.intent_move.y == 2);
    expect_refused(&frame, CODEC_TYPE, "", 6);
    expect_refused(&frame, CODEC_TYPE, "type", 0);
    assert_int_equal(next(&frame), 0);
    codec_frame_open(&frame, CODEC_MSGPACK, (const uint8_t *)bytes, sizeof bytes); /* one byte too many */
    assert_int_equal(next(&frame), 1);
    assert_int_equal(next(&frame), -1);
    assert_int_equal(next(&frame), -1);
    expect_refused(&frame, CODEC_SYNTAX, "", 0);
}

static void
counts_that_lie_are_cut_short(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {"\xdd\xff\xff\xff\xff", 5},
        {"\xdf\xff\xff\xff\xff", 5},
        {"\xdb\xff\xff\xff\xff", 5},
        {"\xc6\xff\xff\xff\xff", 5},
        {"\xc9\xff\xff\xff\xff\x01", 6},
        {"\x81\xa4type\xdb\xff\xff\xff\xffx", 12},
        {"\xc1", 1},
        {"\xd9", 1},
        {"\x81\xa4typ", 5},
        {"\xcf\0\0", 3},
        {"\xd8\x01", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        codec_frame_t frame;
        codec_frame_open(&frame, CODEC_MSGPACK, (const uint8_t *)rows[i].bytes, rows[i].length);
        expect_refused(&frame, CODEC_SYNTAX, "", 0);
        assert_int_equal(next(&frame), 0);
    }
}

static void
body_without_room_is_refused(void **state)
{
    (void)state;
    codec_frame_t frame;
    open_text(&frame, MOVE("1"));
    assert_int_equal(
        codec_frame_next(&frame, msg_find_client_in, &type, &body, sizeof(msg_intent_move_t) - 1, &action_id, &fault),
        -1);
    assert_int_equal(fault.error, CODEC_SIZE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message_alone_is_a_frame),
        cmocka_unit_test(type_may_stand_anywhere),
        cmocka_unit_test(names_and_words_may_have_escapes),
        cmocka_unit_test(refused_message_leaves_the_ones_after_it),
        cmocka_unit_test(action_id_is_told_only_when_it_is_one),
        cmocka_unit_test(text_that_is_no_json_ends_the_frame),
        cmocka_unit_test(what_follows_a_good_message_is_still_checked),
        cmocka_unit_test(empty_array_is_a_frame_of_nothing),
        cmocka_unit_test(sixty_four_messages_fit_and_no_more),
        cmocka_unit_test(depth_is_bounded_and_ends_the_frame),
        cmocka_unit_test(msgpack_frames_are_read_alike),
        cmocka_unit_test(counts_that_lie_are_cut_short),
        cmocka_unit_test(body_without_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
