#include "codec_internal.h"

#include <math.h>
#include <stdlib.h>

#include "pow10.h"

enum {
    NUMBER_TEXT_MAX = 64,       /* longer texts of numbers are refused as out of range */
    NUMBER_DIGITS_MAX = 18,     /* digits that surely fit in 63 bits */
    NUMBER_EXACT_POW10 = 22,    /* the greatest power of ten that is a double */
    NUMBER_EXPONENT_MAX = 9999, /* beyond this the value is 0 or infinite whatever the digits are */
};

static const double number_pow10[NUMBER_EXACT_POW10 + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* digits * 10^exponent */
typedef struct number_decimal {
    uint64_t digits;
    int32_t exponent;
} number_decimal_t;

static uint64_t
number_round_to_odd(const struct pow10 *power, uint64_t factor)
{
    __extension__ typedef unsigned __int128 wide_t;
    wide_t low = (wide_t)power->low * factor;
    wide_t high = (wide_t)power->high * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The candidate between vbl and vbr (all scaled by 4) with the fewest digits, nearest to vb. */
static number_decimal_t
number_choose(uint64_t lower, uint64_t upper, uint64_t vb, int32_t exponent)
{
    uint64_t s = vb / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool down_inside = lower <= 40 * tens;
        bool up_inside = 40 * tens + 40 <= upper;
        if (down_inside != up_inside) {
            return (number_decimal_t){tens + up_inside, exponent + 1};
        }
    }
    bool down_inside = lower <= 4 * s;
    bool up_inside = 4 * s + 4 <= upper;
    if (down_inside != up_inside) {
        return (number_decimal_t){s + up_inside, exponent};
    }
    uint64_t middle = 4 * s + 2;
    bool round_up = vb > middle || (vb == middle && (s & 1) != 0);
    return (number_decimal_t){s + round_up, exponent};
}

/* Schubfach: a positive finite double to its shortest decimal. */
static number_decimal_t
number_shortest(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int32_t biased = (int32_t)(bits >> 52);
    uint64_t c = biased != 0 ? fraction | UINT64_C(1) << 52 : fraction;
    int32_t q = (biased != 0 ? biased : 1) - 1075;
    if (biased != 0 && q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) {
        return (number_decimal_t){c >> -q, 0};
    }
    bool even = c % 2 == 0;
    bool closer = fraction == 0 && biased > 1;
    int32_t k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
    int32_t h = q + ((-k * 1741647) >> 19) + 1;
    const struct pow10 *power = &pow10_table[-k - POW10_FIRST];
    uint64_t low = number_round_to_odd(power, (4 * c - 2 + closer) << h);
    uint64_t mid = number_round_to_odd(power, (4 * c) << h);
    uint64_t high = number_round_to_odd(power, (4 * c + 2) << h);
    return number_choose(low + !even, high - !even, mid, k);
}

static size_t
number_put_digits(uint64_t value, char *out)
{
    char reversed[20];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < length; i++) {
        out[i] = reversed[length - 1 - i];
    }
    return length;
}

size_t
codec_int_print(int64_t value, char out[CODEC_NUMBER_CAP])
{
    if (value >= 0) {
        return number_put_digits((uint64_t)value, out);
    }
    out[0] = '-';
    return 1 + number_put_digits(0 - (uint64_t)value, out + 1);
}

/* Lays out `length` digits with the point after `point` of them, by the rules of JavaScript's Number.toString. */
static size_t
number_lay_out(const char *digits, size_t length, int32_t point, char *out)
{
    char *at = out;
    if (point > 0 && point <= 21) {
        size_t whole = (size_t)point < length ? (size_t)point : length;
        memcpy(at, digits, whole);
        at += whole;
        memset(at, '0', (size_t)point - whole);
        at += (size_t)point - whole;
        if (whole < length) {
            *at++ = '.';
            memcpy(at, digits + whole, length - whole);
            at += length - whole;
        }
    } else if (point > -6 && point <= 0) {
        memcpy(at, "0.00000", (size_t)(2 - point));
        at += 2 - point;
        memcpy(at, digits, length);
        at += length;
    } else {
        *at++ = digits[0];
        if (length > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, length - 1);
            at += length - 1;
        }
        *at++ = 'e';
        *at++ = point > 0 ? '+' : '-';
        at += number_put_digits((uint64_t)(point > 0 ? point - 1 : 1 - point), at);
    }
    return (size_t)(at - out);
}

size_t
codec_number_print(double value, char out[CODEC_NUMBER_CAP])
{
    if (value == 0) {
        out[0] = '0';
        return 1;
    }
    size_t sign = value < 0;
    out[0] = '-';
    number_decimal_t decimal = number_shortest(fabs(value));
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    char digits[20];
    size_t length = number_put_digits(decimal.digits, digits);
    return sign + number_lay_out(digits, length, (int32_t)length + decimal.exponent, out + sign);
}

/* What a scan of a number found; the value is +-mantissa * 10^exponent when `exact`. */
typedef struct number_scan {
    const uint8_t *from;
    uint64_t mantissa;
    int32_t exponent;
    uint32_t digits;
    bool negative, integral, exact;
} number_scan_t;

static const uint8_t *
number_scan_digits(const uint8_t *at, const uint8_t *end, number_scan_t *scan)
{
    while (at < end && *at >= '0' && *at <= '9') {
        if (scan->digits < NUMBER_DIGITS_MAX) {
            scan->mantissa = scan->mantissa * 10 + (*at - '0');
            scan->digits += scan->mantissa != 0;
        } else {
            scan->exact = false;
        }
        at++;
    }
    return at;
}

static const uint8_t *
number_scan_exponent(const uint8_t *at, const uint8_t *end, number_scan_t *scan)
{
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    const uint8_t *from = at;
    int32_t exponent = 0;
    while (at < end && *at >= '0' && *at <= '9') {
        exponent = exponent < NUMBER_EXPONENT_MAX ? exponent * 10 + (*at - '0') : exponent;
        at++;
    }
    scan->exponent += negative ? -exponent : exponent;
    return at == from ? NULL : at;
}

/* RFC 8259: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static bool
number_scan(codec_reader_t *in, number_scan_t *scan)
{
    const uint8_t *at = in->at, *end = in->end;
    *scan = (number_scan_t){.from = at, .integral = true, .exact = true};
    scan->negative = at < end && *at == '-';
    at += scan->negative;
    const uint8_t *whole = at;
    at = number_scan_digits(at, end, scan);
    if (at == whole || (*whole == '0' && at != whole + 1)) {
        return false;
    }
    if (at < end && *at == '.') {
        const uint8_t *fraction = ++at;
        at = number_scan_digits(at, end, scan);
        if (at == fraction) {
            return false;
        }
        scan->integral = false;
        scan->exponent = (int32_t) - (at - fraction < NUMBER_EXPONENT_MAX ? at - fraction : NUMBER_EXPONENT_MAX);
    }
    if (at < end && (*at | 0x20) == 'e') {
        scan->integral = false;
        at = number_scan_exponent(at + 1, end, scan);
    }
    in->at = at == NULL ? in->at : at;
    return at != NULL;
}

static double
number_value(const codec_reader_t *in, const number_scan_t *scan)
{
    if (scan->exact && scan->mantissa <= UINT64_C(1) << 53 && scan->exponent >= -NUMBER_EXACT_POW10 &&
        scan->exponent <= NUMBER_EXACT_POW10) {
        double value = (double)scan->mantissa; /* both factors are exact, so the result is the nearest double */
        value = scan->exponent < 0 ? value / number_pow10[-scan->exponent] : value * number_pow10[scan->exponent];
        return scan->negative ? -value : value;
    }
    char text[NUMBER_TEXT_MAX + 1];
    size_t length = (size_t)(in->at - scan->from);
    if (length > NUMBER_TEXT_MAX) {
        return INFINITY;
    }
    memcpy(text, scan->from, length);
    text[length] = '\0';
    return strtod(text, NULL); /* the process stays in the "C" locale */
}

bool
codec_number_read(codec_reader_t *in, codec_number_t *number)
{
    number_scan_t scan;
    if (!number_scan(in, &scan)) {
        return false;
    }
    number->integral = scan.integral;
    number->too_big = !scan.exact;
    number->integer = scan.negative ? -(int64_t)scan.mantissa : (int64_t)scan.mantissa;
    number->value = number_value(in, &scan);
    return true;
}

bool
codec_number_skip(codec_reader_t *in)
{
    number_scan_t scan;
    return number_scan(in, &scan);
}
