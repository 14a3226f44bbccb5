#include "cli_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"

enum { CLI_ID_MAX = 24, CLI_SECONDS_DIGITS_MAX = 9, CLI_WORD_HINT_CAP = 2 * NEAREST_WORD_CAP };

bool
cli_word_id(const char *command, const char *what, const char *word)
{
    size_t length = strlen(word);
    size_t good = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (length < 1 || length > CLI_ID_MAX || good != length) {
        fprintf(stderr, "playhouse %s: %s is '%s': it must be 1 to %d letters, digits, - and _\n", command, what, word,
                CLI_ID_MAX);
        return false;
    }
    return true;
}

bool
cli_word_switch(const char *command, const char *word, bool *on)
{
    *on = strcmp(word, "on") == 0;
    if (*on || strcmp(word, "off") == 0) {
        return true;
    }
    nearest_t nearest = nearest_start(word);
    nearest_offer(&nearest, "on");
    nearest_offer(&nearest, "off");
    char hint[CLI_WORD_HINT_CAP];
    nearest_hint(&nearest, hint, sizeof(hint));
    fprintf(stderr, "playhouse %s: '%s' is neither on nor off%s\n", command, word, hint);
    return false;
}

/* How many seconds the unit after the digits stands for; 0: there is no such unit. */
static int64_t
cli_seconds_unit(const char *unit)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(units[i].name, unit) == 0) {
            return units[i].seconds;
        }
    }
    return 0;
}

bool
cli_word_seconds(const char *command, const char *what, const char *word, int64_t max, int64_t *seconds)
{
    size_t digits = strspn(word, "0123456789");
    int64_t unit = digits > 0 && digits <= CLI_SECONDS_DIGITS_MAX ? cli_seconds_unit(word + digits) : 0;
    int64_t value = unit > 0 ? strtoll(word, NULL, 10) * unit : -1;
    if (value < 0 || value > max) {
        char longest[CLI_SECONDS_TEXT_CAP];
        cli_seconds_text(max, longest);
        fprintf(stderr, "playhouse %s: %s is '%s': it must be a time like 90, 90s, 5m or 2h, at most %s\n", command,
                what, word, longest);
        return false;
    }
    *seconds = value;
    return true;
}

void
cli_seconds_text(int64_t seconds, char text[CLI_SECONDS_TEXT_CAP])
{
    bool hours = seconds >= 3600;
    long long large = (long long)(hours ? seconds / 3600 : seconds / 60);
    long long small = (long long)(hours ? seconds % 3600 / 60 : seconds % 60);
    const char *units = hours ? "hm" : "ms";
    if (large == 0) {
        snprintf(text, CLI_SECONDS_TEXT_CAP, "%llds", small);
    } else if (small == 0) {
        snprintf(text, CLI_SECONDS_TEXT_CAP, "%lld%c", large, units[0]);
    } else {
        snprintf(text, CLI_SECONDS_TEXT_CAP, "%lld%c %lld%c", large, units[0], small, units[1]);
    }
}

/* Bytes of the character that begins with this one. */
static size_t
cli_plain_step(const char *text)
{
    size_t step = 1;
    while (((unsigned char)text[step] & 0xc0) == 0x80) {
        step++;
    }
    return step;
}

/* C0, DEL and C1: what a terminal may obey instead of showing it. */
static bool
cli_plain_control(const char *text, size_t step)
{
    const unsigned char *bytes = (const unsigned char *)text;
    return (step == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7f)) || (step == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0);
}

void
cli_plain_text(const char *text, char *plain, size_t size)
{
    size_t at = 0;
    while (*text) {
        size_t step = cli_plain_step(text);
        bool control = cli_plain_control(text, step);
        size_t length = control ? 1 : step;
        if (at + length >= size) {
            break;
        }
        memcpy(plain + at, control ? "?" : text, length);
        at += length;
        text += step;
    }
    plain[at] = '\0';
}
