#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec_internal.h"
#include "msg.h"

static codec_fault_t fault;
static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX];

static codec_error_t
decode_text(const codec_type_t *type, const char *text)
{
    return codec_decode(CODEC_JSON, type, (const uint8_t *)text, strlen(text), body, &fault);
}

static void
names_of_messages_are_found_and_others_are_not(void **state)
{
    (void)state;
    for (int i = MSG_NONE + 1; i < MSG_COUNT; i++) {
        const char *name = msg_infos[i].name;
        assert_int_equal(msg_type_find(name, strlen(name)), i);
        assert_int_equal(msg_type_find(name, strlen(name) + 1), MSG_NONE); /* with its NUL */
        assert_true(msg_infos[i].type->size <= MSG_BODY_MAX);
    }
    assert_int_equal(msg_type_find("", 0), MSG_NONE);
    assert_int_equal(msg_type_find("room.join\0", 10), MSG_NONE);
    uint32_t type = 0;
    assert_non_null(msg_find_client_in("intent.move", 11, &type));
    assert_null(msg_find_client_in("event.ack", 9, &type));
    assert_null(msg_find_client_in("room.move", 9, &type));
}

static void
messages_know_whom_they_are_for(void **state)
{
    (void)state;
    assert_int_equal(msg_infos[MSG_ROOM_MOVE].kind, ACT_KIND_ROOM);
    assert_false(msg_infos[MSG_ROOM_MOVE].answer);
    assert_int_equal(msg_infos[MSG_ROOM_JOINED].kind, ACT_KIND_NONE);
    assert_true(msg_infos[MSG_ROOM_JOINED].answer);
    assert_true(msg_infos[MSG_PERSISTENCE_APPENDED].answer);
    assert_int_equal(msg_infos[MSG_GATEWAY_ACK].kind, ACT_KIND_GATEWAY);
    assert_int_equal(msg_infos[MSG_INTENT_MOVE].kind, ACT_KIND_NONE);
    assert_true(msg_infos[MSG_ADMISSION_ENTER].masked);
    assert_false(msg_infos[MSG_ROOM_MOVE].masked);
    assert_string_equal(act_kind_names[ACT_KIND_FRONT], "front");
}

static void
tables_of_words_agree_with_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(error_http[ERROR_RATE_LIMITED], 429);
    assert_true(error_transient[ERROR_RATE_LIMITED]);
    assert_int_equal(close_code_numbers[CLOSE_CODE_SLOW_CONSUMER], 4005);
    assert_string_equal(reason_names[REASON_TIMEOUT], "TIMEOUT");
    assert_string_equal(format_names[CODEC_JSON], "json");
    assert_string_equal(format_names[CODEC_MSGPACK], "msgpack");
    for (int i = 0; i < ERROR_COUNT; i++) {
        assert_true(error_http[i] >= 400 && error_http[i] < 600 && error_texts[i][0] != '\0');
    }
}

static void
classes_of_characters_are_the_patterns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        bool id = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z') || i == '-' || i == '_';
        bool text = i >= 0x20 && i < 0x7F;
        unsigned wanted = (i > 0 && i < 0x80 ? CODEC_CLASS_ANY : 0u) | (id ? CODEC_CLASS_ID : 0u) |
                          (id || i == '/' ? CODEC_CLASS_KEY : 0u) | (text ? CODEC_CLASS_TEXT : 0u) |
                          (i >= 0x20 && i < 0x80 && i != '"' && i != '\\' ? CODEC_CLASS_PLAIN : 0u);
        assert_int_equal(codec_classes[i], wanted);
    }
}

static void
every_code_point_survives_utf8_and_nothing_else_is_one(void **state)
{
    (void)state;
    for (uint32_t point = 1; point <= 0x110000; point++) {
        uint8_t bytes[4];
        uint32_t back = 0;
        size_t length = codec_utf8_write(point, bytes), read = codec_utf8_read(bytes, bytes + length, &back);
        bool valid = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        assert_int_equal(read, valid ? length : 0);
        assert_true(!valid || back == point);
        if (valid && length > 1) {
            assert_int_equal(codec_utf8_read(bytes, bytes + length - 1, &back), 0);
        }
    }
}

static void
surrogate_pairs_become_one_code_point(void **state)
{
    (void)state;
    assert_int_equal(decode_text(&type_intent_chat, "{\"actionId\":1,\"text\":\"\\uD83D\\ude00\\u00e9\\/\"}"),
                     CODEC_OK);
    assert_string_equal(((msg_intent_chat_t *)body)->text, "\xf0\x9f\x98\x80\xc3\xa9/");
}

static void
null_leaves_nothing_out(void **state)
{
    (void)state;
    assert_int_equal(
        decode_text(&type_intent_action, "{\"actionId\":1,\"action\":\"give\",\"itemId\":\"a\",\"targetId\":null}"),
        CODEC_TYPE);
    assert_string_equal(fault.field, "targetId");
}

static void
minus_zero_becomes_zero(void **state)
{
    (void)state;
    assert_int_equal(decode_text(&type_intent_move, "{\"actionId\":1,\"x\":-0,\"y\":-0.0}"), CODEC_OK);
    assert_false(signbit(((msg_intent_move_t *)body)->x) || signbit(((msg_intent_move_t *)body)->y));
}

static void
what_follows_the_map_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode_text(&type_room_leave, "{\"member\":1} x"), CODEC_SYNTAX);
    assert_int_equal(codec_decode(CODEC_MSGPACK, &type_session_leave, (const uint8_t *)"\x80\x80", 2, body, &fault),
                     CODEC_SYNTAX);
    assert_int_equal(decode_text(&type_session_leave, " {} "), CODEC_OK);
    assert_int_equal(decode_text(&type_session_leave, "{\"type\":\"session.leave\"}"), CODEC_UNKNOWN);
}

static void
blobs_are_owned_once_and_freed_with_the_last(void **state)
{
    (void)state;
    msg_gateway_delta_t delta = {.room = "plaza/main", .has_json = true, .json = blob_new("{}", 2)};
    msg_gateway_delta_t copy = delta;
    codec_retain(&type_gateway_delta, &copy);
    assert_int_equal(atomic_load(&delta.json->references), 2);
    codec_release(&type_gateway_delta, &copy);
    assert_null(copy.json);
    assert_int_equal(atomic_load(&delta.json->references), 1);
    codec_release(&type_gateway_delta, &delta);
    assert_null(delta.json);
}

static void
refused_body_owns_no_blob(void **state)
{
    (void)state;
    assert_int_equal(
        decode_text(&type_gateway_delta, "{\"room\":\"a/b\",\"json\":\"YQ==\",\"msgpack\":\"YQ==\",\"x\":1}"),
        CODEC_UNKNOWN);
    assert_null(((msg_gateway_delta_t *)body)->json);
    assert_null(((msg_gateway_delta_t *)body)->msgpack);
}

static void
blob_of_the_most_bytes_passes_and_one_more_does_not(void **state)
{
    (void)state;
    enum { MOST = 1048576, CAP = 2 * MOST };
    uint8_t *out = malloc(CAP);
    for (int format = CODEC_JSON; format <= CODEC_MSGPACK; format++) {
        for (size_t more = 0; more < 2; more++) {
            msg_metrics_text_t text = {.text = blob_new(NULL, MOST + more)};
            memset(text.text->data, 'a', MOST + more);
            size_t length = codec_encode((codec_format_t)format, &type_metrics_text, NULL, &text, out, CAP);
            assert_true(length > MOST);
            codec_error_t error = codec_decode((codec_format_t)format, &type_metrics_text, out, length, body, &fault);
            assert_int_equal(error, more ? CODEC_LENGTH : CODEC_OK);
            codec_release(&type_metrics_text, body);
            codec_release(&type_metrics_text, &text);
        }
    }
    free(out);
}

static void
base64_that_is_not_canonical_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"YR==", "YWJ=", "Y===", "====", "=", "YQ==YQ==", "YQ=a", "Y Q=", "YQ\\u003d="};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"text\":\"%s\"}", wrong[i]);
        assert_int_equal(decode_text(&type_metrics_text, text), CODEC_PATTERN);
        assert_string_equal(fault.field, "text");
    }
    assert_int_equal(decode_text(&type_metrics_text, "{\"text\":\"YWJj\"}"), CODEC_OK);
    assert_memory_equal(((msg_metrics_text_t *)body)->text->data, "abc", 3);
    codec_release(&type_metrics_text, body);
}

static void
encode_into_a_child(const codec_type_t *type, const void *broken)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        uint8_t out[256];
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        codec_encode(CODEC_JSON, type, NULL, broken, out, sizeof out);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
struct_that_breaks_its_schema_ends_the_process(void **state)
{
    (void)state;
    const msg_room_refused_t no_word = {.code = ERROR_COUNT};
    const msg_intent_move_t no_number = {.x = NAN};
    const msg_gateway_state_t no_blob = {.connection = 1};
    static const msg_persistence_characters_t too_many = {.characters_len = 17};
    encode_into_a_child(&type_room_refused, &no_word);
    encode_into_a_child(&type_intent_move, &no_number);
    encode_into_a_child(&type_gateway_state, &no_blob);
    encode_into_a_child(&type_persistence_characters, &too_many);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_messages_are_found_and_others_are_not),
        cmocka_unit_test(messages_know_whom_they_are_for),
        cmocka_unit_test(tables_of_words_agree_with_their_numbers),
        cmocka_unit_test(classes_of_characters_are_the_patterns),
        cmocka_unit_test(every_code_point_survives_utf8_and_nothing_else_is_one),
        cmocka_unit_test(surrogate_pairs_become_one_code_point),
        cmocka_unit_test(null_leaves_nothing_out),
        cmocka_unit_test(minus_zero_becomes_zero),
        cmocka_unit_test(what_follows_the_map_is_refused),
        cmocka_unit_test(blobs_are_owned_once_and_freed_with_the_last),
        cmocka_unit_test(refused_body_owns_no_blob),
        cmocka_unit_test(blob_of_the_most_bytes_passes_and_one_more_does_not),
        cmocka_unit_test(base64_that_is_not_canonical_is_refused),
        cmocka_unit_test(struct_that_breaks_its_schema_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
