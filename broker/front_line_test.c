/* A line at the front door: read strictly, refused helpfully, and never said back when it may be a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "front_line.h"

static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX];
static front_line_t line;

static front_line_outcome_t
read_line(const char *text)
{
    front_line_outcome_t outcome = front_line_read(text, strlen(text), &line, body);
    for (const char *at = line.text; *at; at++) {
        assert_in_range(*at, ' ', '~');
    }
    return outcome;
}

static void
check_fault(const char *text, const char *helpful)
{
    assert_int_equal(read_line(text), FRONT_LINE_FAULT);
    if (strstr(line.text, helpful) == NULL) {
        fail_msg("'%s' was answered by '%s', which does not say '%s'", text, line.text, helpful);
    }
}

static void
line_of_four_words_is_a_message(void **state)
{
    (void)state;
    assert_int_equal(
        read_line("room plaza/main room.move {\"connection\":1,\"member\":2,\"actionId\":3,\"x\":4,\"y\":5}"),
        FRONT_LINE_MESSAGE);
    assert_int_equal(line.type, MSG_ROOM_MOVE);
    assert_string_equal(line.key, "plaza/main");
    assert_int_equal(((msg_room_move_t *)(void *)body)->action_id, 3);
}

static void
line_may_end_with_line_ends_leave_its_body_out_and_have_an_empty_key(void **state)
{
    (void)state;
    assert_int_equal(read_line("  metrics  -  metrics.actors  \r\n"), FRONT_LINE_MESSAGE);
    assert_int_equal(line.type, MSG_METRICS_ACTORS);
    assert_string_equal(line.key, "");
    assert_int_equal(read_line("room plaza/main room.peek    { }\n\n"), FRONT_LINE_MESSAGE);
}

static void
faults_say_what_was_understood_and_expected(void **state)
{
    (void)state;
    check_fault("", "room plaza/main room.peek {}");
    check_fault("   \n", "ask: help");
    check_fault("rom plaza/main room.peek {}", "did you mean 'room'?");
    check_fault("room", "understood kind 'room', but there is no type");
    check_fault("room plaza/main", "understood kind 'room' and a key");
    check_fault("room plaza/main room.pek {}", "did you mean 'room.peek'?");
    check_fault("room plaza/main room.peeked {}", "it is an answer");
    check_fault("room plaza/main event.ack {}", "for clients");
    check_fault("auth plaza/main room.peek {}", "its first word names the kind, room");
    check_fault("front - room.peek {}", "not for the kind 'front'");
    check_fault("room plaza/main room.move {\"member\":\"a\"}", "field 'member'");
    check_fault("room plaza/main room.move {\"member\":\"a\"}", "expected whole number 0 to 9007199254740991");
    check_fault("room plaza/main room.move {\"connection\":1}", "'member'");
    check_fault("room plaza/main room.action {\"connection\":1,\"member\":1,\"actionId\":1,\"action\":\"eat\"}",
                "\"pickup\"|\"drop\"|\"give\"");
    check_fault("room plaza/main room.peek {\"x\":1}", "it has no fields");
    check_fault("room plaza/main room.peek {", "room.peek");
    check_fault("room plaza/main room.peek {} {}", "room.peek");
}

static void
what_only_looks_like_one_line_is_refused(void **state)
{
    (void)state;
    static const char nul[] = "room plaza/main room.peek {}\0garbage";
    check_fault("room plaza/main room.peek {}\nroom plaza/main room.peek {}", "one line");
    assert_int_equal(front_line_read(nul, sizeof nul - 1, &line, body), FRONT_LINE_FAULT);
    assert_non_null(strstr(line.text, "NUL"));
    check_fault("room plaza/\x01main room.peek {}", "printable ASCII");
    check_fault("room pl\xc3\xa4za room.peek {}", "printable ASCII");
}

static void
key_has_at_most_63_bytes(void **state)
{
    (void)state;
    char text[200];
    snprintf(text, sizeof text, "room %063d room.peek {}", 0);
    assert_int_equal(read_line(text), FRONT_LINE_MESSAGE);
    assert_int_equal(strlen(line.key), ACT_KEY_MAX);
    snprintf(text, sizeof text, "room %064d room.peek {}", 0);
    check_fault(text, "expected at most 63");
}

static void
secrets_are_never_said_back(void **state)
{
    (void)state;
    static const char secret[] = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"; /* as long as a ticket */
    static const char *const shapes[] = {"%s",
                                         "%s plaza admission.enter {}",
                                         "admission %s admission.entr",
                                         "admission plaza %s {}",
                                         "types %s",
                                         "help %s",
                                         "admission plaza admission.enter {\"ticket\":\"%s\"}",
                                         "admission {\"ticket\":\"%s\"}",
                                         "admission plaza {\"ticket\":\"%s\"}"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char text[300];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, shapes[i], secret);
#pragma GCC diagnostic pop
        assert_int_equal(read_line(text), FRONT_LINE_FAULT);
        if (strstr(line.text, secret) != NULL || strstr(line.text, "Zm9vYmFy") != NULL) {
            fail_msg("%s says a secret back", line.text);
        }
    }
}

static void
questions_are_answered(void **state)
{
    (void)state;
    assert_int_equal(read_line("help\n"), FRONT_LINE_EXPLAINED);
    assert_int_equal(read_line("kinds"), FRONT_LINE_EXPLAINED);
    assert_non_null(strstr(line.text, " persistence"));
    assert_null(strstr(line.text, " front"));
    assert_int_equal(read_line("types room"), FRONT_LINE_EXPLAINED);
    assert_non_null(strstr(line.text, " room.move"));
    assert_null(strstr(line.text, "room.joined"));
    check_fault("types rom", "did you mean 'room'?");
    check_fault("help room.pek", "did you mean 'room.peek'?");
    assert_int_equal(read_line("help room.move"), FRONT_LINE_EXPLAINED);
    assert_non_null(strstr(line.text, "x: number 0 to 1000"));
}

static void
every_message_can_be_explained(void **state)
{
    (void)state;
    for (int i = 1; i < MSG_COUNT; i++) {
        char text[100];
        snprintf(text, sizeof text, "help %s", msg_infos[i].name);
        assert_int_equal(read_line(text), FRONT_LINE_EXPLAINED);
        assert_non_null(strstr(line.text, msg_infos[i].name));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_four_words_is_a_message),
        cmocka_unit_test(line_may_end_with_line_ends_leave_its_body_out_and_have_an_empty_key),
        cmocka_unit_test(faults_say_what_was_understood_and_expected),
        cmocka_unit_test(what_only_looks_like_one_line_is_refused),
        cmocka_unit_test(key_has_at_most_63_bytes),
        cmocka_unit_test(secrets_are_never_said_back),
        cmocka_unit_test(questions_are_answered),
        cmocka_unit_test(every_message_can_be_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
