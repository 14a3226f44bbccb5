#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec_internal.h"

static const char *
printed(double value)
{
    static char text[CODEC_NUMBER_CAP + 1];
    size_t length = codec_number_print(value, text);
    assert_true(length <= CODEC_NUMBER_CAP);
    text[length] = '\0';
    return text;
}

static void
numbers_are_printed_as_javascript_prints_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {123456789012345680000.0, "123456789012345680000"},
        {1.5e-6, "0.0000015"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.25e-7, "1.25e-7"},
        {9007199254740993.0, "9007199254740992"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {4.35, "4.35"},
        {999.9999999999999, "999.9999999999999"},
        {1e23, "1e+23"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(printed(rows[i].value), rows[i].text);
    }
}

static uint64_t
random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static size_t
significant_digits(const char *text)
{
    size_t digits = 0, zeros = 0;
    for (const char *at = text; *at != '\0' && *at != 'e'; at++) {
        if (*at == '0') {
            zeros += digits > 0;
        } else if (*at >= '1' && *at <= '9') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

static void
check_round_trip(double value)
{
    const char *text = printed(value);
    double back = strtod(text, NULL);
    char shorter[64];
    size_t digits = significant_digits(text);
    if (back != value || digits > 17) {
        fail_msg("%.17g was printed as %s", value, text);
    }
    if (digits > 1) { /* no text with one digit less reads back as the same */
        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
        assert_true(strtod(shorter, NULL) != value);
    }
    codec_reader_t in = {(const uint8_t *)text, (const uint8_t *)text + strlen(text), NULL};
    codec_number_t number;
    assert_true(codec_number_read(&in, &number));
    assert_true(number.value == value && in.at == in.end);
}

static void
any_double_reads_back_from_its_shortest_text(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = random_next(&seed);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            check_round_trip(value);
        }
        check_round_trip((double)(bits >> 11) / 9007199254740992.0 * 1000); /* a place on a plane */
        check_round_trip((double)(bits % 1000000) / 1000);
    }
}

static bool
reads(const char *text, codec_number_t *number)
{
    codec_reader_t in = {(const uint8_t *)text, (const uint8_t *)text + strlen(text), NULL};
    return codec_number_read(&in, number) && in.at == in.end;
}

static void
numbers_are_read_as_json_spells_them(void **state)
{
    (void)state;
    codec_number_t number;
    static const char *const wrong[] = {"",    "-",    "+1",  "01",  "-01", ".5",   "1.",       "1.e5", "1e",
                                        "1e+", "0x10", "NaN", "1_0", "--1", "1.5.", "Infinity", "1e5.0"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(reads(wrong[i], &number));
    }
    assert_true(reads("-0", &number) && number.integral && number.integer == 0);
    assert_true(reads("9007199254740993", &number) && number.integer == INT64_C(9007199254740993));
    assert_true(reads("999999999999999999", &number) && !number.too_big);
    assert_true(reads("1000000000000000000", &number) && number.too_big);
    assert_true(reads("1.0", &number) && !number.integral && number.value == 1);
    assert_true(reads("1E+2", &number) && !number.integral && number.value == 100);
    assert_true(reads("1e99999999999999999999", &number) && isinf(number.value));
    assert_true(reads("0.000000000000000000000000000000000000000000000000001", &number) && number.value == 1e-51);
    assert_true(reads("179769313486231570000e288", &number) && number.value == DBL_MAX);
    assert_true(reads("1e-400", &number) && number.value == 0);
    char longest[80];
    memset(longest, '1', sizeof longest);
    longest[1] = '.';
    longest[sizeof longest - 1] = '\0';
    assert_true(reads(longest, &number) && isinf(number.value)); /* refused as out of range */
}

static void
integers_are_printed_to_their_ends(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 9, 10, -1, INT64_C(9007199254740991), INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[CODEC_NUMBER_CAP + 1], wanted[CODEC_NUMBER_CAP];
        text[codec_int_print(values[i], text)] = '\0';
        snprintf(wanted, sizeof wanted, "%lld", (long long)values[i]);
        assert_string_equal(text, wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_printed_as_javascript_prints_them),
        cmocka_unit_test(any_double_reads_back_from_its_shortest_text),
        cmocka_unit_test(numbers_are_read_as_json_spells_them),
        cmocka_unit_test(integers_are_printed_to_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
