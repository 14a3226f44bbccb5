#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "log_test_helpers.h"

static json_t *
line_of(const char *text)
{
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    return line;
}

static const char *
field(json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static void
a_line_is_one_json_object_with_the_named_fields(void **state)
{
    (void)state;
    capture_begin(LOG_INFO);
    log_line(LOG_WARN, "room", "plaza/main", "00ff", "room-full", "the room is full",
             (const log_field_t[]){LOG_S("session", "s1"), LOG_N("members", -7), {.name = NULL}});
    json_t *line = line_of(capture_end());
    assert_string_equal(field(line, "level"), "warn");
    assert_string_equal(field(line, "event"), "room-full");
    assert_string_equal(field(line, "message"), "the room is full");
    assert_string_equal(field(line, "actor"), "room");
    assert_string_equal(field(line, "key"), "plaza/main");
    assert_string_equal(field(line, "trace"), "00ff");
    assert_string_equal(field(line, "session"), "s1");
    assert_int_equal(json_integer_value(json_object_get(line, "members")), -7);
    unsigned parts[7];
    assert_int_equal(sscanf(field(line, "ts"), "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ", &parts[0], &parts[1], &parts[2],
                            &parts[3], &parts[4], &parts[5], &parts[6]),
                     7);
    json_decref(line);
}

static void
hostile_text_cannot_break_the_line(void **state)
{
    (void)state;
    capture_begin(LOG_INFO);
    log_event(LOG_INFO, "x", "y", LOG_S("value", "a\"b\\c\nd\x1b[31m\xff\xed\xa0\x80\xc3\xa9"));
    json_t *line = line_of(capture_end());
    assert_string_equal(field(line, "value"),
                        "a\"b\\c\nd\x1b[31m\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9");
    json_decref(line);
}

static void
a_line_that_is_too_long_leaves_whole_fields_out(void **state)
{
    (void)state;
    char large[4000];
    memset(large, '"', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    capture_begin(LOG_INFO);
    log_event(LOG_INFO, "x", "y", LOG_S("a", large), LOG_S("b", large), LOG_S("c", large));
    json_t *line = line_of(capture_end());
    assert_int_equal(strlen(field(line, "a")), 512);
    assert_null(json_object_get(line, "c"));
    json_decref(line);
}

static void
lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    capture_begin(LOG_INFO);
    log_event(LOG_DEBUG, "x", "y");
    assert_string_equal(capture_end(), "");
}

static void
the_marker_is_in_every_line(void **state)
{
    (void)state;
    capture_begin(LOG_INFO);
    log_setup(LOG_INFO, "INSECURE-DEV");
    log_event(LOG_INFO, "x", "y");
    json_t *line = line_of(capture_end());
    assert_string_equal(field(line, "mode"), "INSECURE-DEV");
    json_decref(line);
}

static void
a_process_among_others_is_named_in_every_line(void **state)
{
    (void)state;
    capture_begin(LOG_INFO);
    log_setup_node("room-1", "room,persistence");
    log_event(LOG_INFO, "x", "y");
    log_setup_node(NULL, NULL);
    json_t *line = line_of(capture_end());
    assert_string_equal(field(line, "node"), "room-1");
    assert_string_equal(field(line, "roles"), "room,persistence");
    json_decref(line);
}

static void
a_hash_is_the_same_for_the_same_user_and_says_nothing_of_the_name(void **state)
{
    (void)state;
    char one[13];
    char again[13];
    char other[13];
    log_hash("dev:alice", one);
    log_hash("dev:alice", again);
    log_hash("dev:alicf", other);
    assert_int_equal(strspn(one, "0123456789abcdef"), 12);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_json_object_with_the_named_fields),
        cmocka_unit_test(hostile_text_cannot_break_the_line),
        cmocka_unit_test(a_line_that_is_too_long_leaves_whole_fields_out),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(the_marker_is_in_every_line),
        cmocka_unit_test(a_process_among_others_is_named_in_every_line),
        cmocka_unit_test(a_hash_is_the_same_for_the_same_user_and_says_nothing_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
