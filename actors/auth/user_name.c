#include "user_name.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 sequence at `text`, with its code point; 0 when it is not one. Never reads past the NUL. */
static size_t
user_name_decode(const char *text, uint32_t *point)
{
    const uint8_t *at = (const uint8_t *)text;
    if (at[0] < 0x80) {
        *point = at[0];
        return 1;
    }
    size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (at[0] < 0xc2 || at[0] > 0xf4) {
        return 0;
    }
    uint32_t value = at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3f);
    }
    if (value < lowest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *point = value;
    return length;
}

static bool
user_name_printable(uint32_t point)
{
    static const struct {
        uint32_t low, high;
    } hidden[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},    {0x061c, 0x061c}, {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},    {0xfeff, 0xfeff}, {0xfff0, 0xfffb},
        {0xfdd0, 0xfdef}, {0xe000, 0xf8ff}, {0xe0000, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (point >= hidden[i].low && point <= hidden[i].high) {
            return false;
        }
    }
    return (point & 0xfffe) != 0xfffe;
}

static bool
user_name_space(uint32_t point)
{
    return point == ' ' || point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
           point == 0x202f || point == 0x205f || point == 0x3000;
}

bool
user_name_valid(const char *text)
{
    size_t points = 0;
    bool space = true; /* before the first character, so that a leading space counts as an end */
    while (*text != '\0') {
        uint32_t point = 0;
        size_t length = user_name_decode(text, &point);
        if (length == 0 || !user_name_printable(point) || (points == 0 && user_name_space(point))) {
            return false;
        }
        space = user_name_space(point);
        text += length;
        points++;
    }
    return points >= 1 && points <= USER_NAME_MAX && !space;
}

bool
user_name_tidy(const char *text, char out[USER_NAME_SIZE])
{
    size_t points = 0;
    size_t used = 0;
    size_t kept = 0; /* bytes up to the last character that is no space */
    while (*text != '\0' && points < USER_NAME_MAX) {
        uint32_t point = 0;
        size_t length = user_name_decode(text, &point);
        if (length == 0 || !user_name_printable(point) || (points == 0 && user_name_space(point))) {
            text += length == 0 ? 1 : length;
            continue;
        }
        memcpy(out + used, text, length);
        used += length;
        text += length;
        points++;
        if (!user_name_space(point)) {
            kept = used;
        }
    }
    out[kept] = '\0';
    return kept > 0;
}
