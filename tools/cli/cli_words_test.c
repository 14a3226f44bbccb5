/* Words of operators: what is taken, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"
#include "cli_words.h"

enum { DAY = 86400 };

static void
lengths_of_time_are_read_with_and_without_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"90", 90},          {"90s", 90},
        {"5m", 300},         {"2h", 7200},
        {"24h", DAY},        {"0", 0},
        {"0h", 0},           {"007", 7},
        {"86400", DAY},      {"", -1},
        {"s", -1},           {"5 m", -1},
        {"5M", -1},          {"1.5h", -1},
        {"-5", -1},          {"+5", -1},
        {" 5", -1},          {"5m30s", -1},
        {"25h", -1},         {"86401", -1},
        {"1441m", -1},       {"5d", -1},
        {"999999999", -1},   {"999999999h", -1},
        {"9999999999h", -1}, {"18446744073709551616", -1},
        {"0x10", -1},        {"5ms", -1},
        {"m5", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t seconds = -1;
        bool good = cli_word_seconds("test", "--in", cases[i].word, DAY, &seconds);
        assert_int_equal(good, cases[i].seconds >= 0);
        assert_int_equal(seconds, cases[i].seconds); /* untouched when refused */
    }
}

static void
lengths_of_time_are_written_in_at_most_two_units(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},    {59, "59s"},     {60, "1m"},   {299, "4m 59s"}, {3599, "59m 59s"},
        {3600, "1h"}, {3660, "1h 1m"}, {7259, "2h"}, {86400, "24h"},  {9007199254740991, "2501999792983h 36m"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[CLI_SECONDS_TEXT_CAP];
        cli_seconds_text(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void
switches_are_on_or_off_and_nothing_else(void **state)
{
    (void)state;
    bool on = false;
    assert_true(cli_word_switch("test", "on", &on));
    assert_true(on);
    assert_true(cli_word_switch("test", "off", &on));
    assert_false(on);
    static const char *const wrong[] = {"", "ON", "onn", "1", "true", "of", "offf"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(cli_word_switch("test", wrong[i], &on));
    }
}

static void
identifiers_that_would_change_the_path_are_refused(void **state)
{
    (void)state;
    assert_true(cli_word_id("test", "INSTANCE", "plaza"));
    assert_true(cli_word_id("test", "INSTANCE", "-_aZ09"));
    assert_true(cli_word_id("test", "INSTANCE", "123456789012345678901234"));
    static const char *const wrong[] = {
        "", "1234567890123456789012345", "a/b", "..", "a b", "a?after", "a%2f", "\n", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(cli_word_id("test", "INSTANCE", wrong[i]));
    }
}

static void
names_cannot_give_orders_to_a_terminal(void **state)
{
    (void)state;
    char plain[64];
    cli_plain_text("Z\xc3\xb6"
                   "e \xf0\x9f\x8e\xad",
                   plain, sizeof(plain));
    assert_string_equal(plain, "Z\xc3\xb6"
                               "e \xf0\x9f\x8e\xad");
    cli_plain_text("a\x1b[2Jb\nc\x7f"
                   "d\xc2\x9b"
                   "e\t",
                   plain, sizeof(plain));
    assert_string_equal(plain, "a?[2Jb?c?d?e?");
    char tight[5];
    cli_plain_text("abc\xc3\xb6", tight, sizeof(tight)); /* the last one would be cut in half */
    assert_string_equal(tight, "abc");
    cli_plain_text("", tight, sizeof(tight));
    assert_string_equal(tight, "");
}

static void
numbers_are_whole_and_in_their_range(void **state)
{
    (void)state;
    int64_t number = 7;
    assert_true(cli_number("SEATS", "1000000", 1, 1000000, &number));
    assert_int_equal(number, 1000000);
    static const char *const wrong[] = {"0", "1000001", "", "12a", "1e3", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(cli_number("SEATS", wrong[i], 1, 1000000, &number));
        assert_int_equal(number, 1000000);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_of_time_are_read_with_and_without_a_unit),
        cmocka_unit_test(lengths_of_time_are_written_in_at_most_two_units),
        cmocka_unit_test(switches_are_on_or_off_and_nothing_else),
        cmocka_unit_test(identifiers_that_would_change_the_path_are_refused),
        cmocka_unit_test(names_cannot_give_orders_to_a_terminal),
        cmocka_unit_test(numbers_are_whole_and_in_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
