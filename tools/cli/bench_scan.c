#include "bench_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bench_answer_kind_t
bench_scan_kind(const char *name, size_t length)
{
    static const struct {
        const char *name;
        bench_answer_kind_t kind;
    } kinds[] = {{"event.ack", BENCH_ACK}, {"event.error", BENCH_ERROR}, {"event.welcome", BENCH_WELCOME}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0) {
            return kinds[i].kind;
        }
    }
    return BENCH_OTHER;
}

/* ---- msgpack ---- */

typedef struct bench_pack {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
} bench_pack_t;

typedef enum bench_value_kind { VALUE_OTHER, VALUE_INT, VALUE_STRING, VALUE_ARRAY, VALUE_MAP } bench_value_kind_t;

typedef struct bench_value {
    bench_value_kind_t kind;
    uint64_t number; /* an int; the length of a string; how many values follow a container's head */
    const uint8_t *bytes;
} bench_value_t;

static uint64_t
bench_pack_number(bench_pack_t *self, size_t bytes)
{
    uint64_t number = 0;
    if ((size_t)(self->end - self->at) < bytes) {
        self->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        number = number << 8 | *self->at++;
    }
    return number;
}

static bench_value_t
bench_pack_bytes(bench_pack_t *self, bench_value_kind_t kind, uint64_t length)
{
    bench_value_t value = {.kind = kind, .number = length, .bytes = self->at};
    if (length > (uint64_t)(self->end - self->at)) {
        self->bad = true;
        return (bench_value_t){.kind = VALUE_OTHER};
    }
    self->at += length;
    return value;
}

/* One value, of a container only its head. */
static bench_value_t
bench_pack_next(bench_pack_t *self)
{
    uint8_t head = (uint8_t)bench_pack_number(self, 1);
    if (head < 0x80 || head >= 0xe0) {
        return (bench_value_t){.kind = VALUE_INT, .number = (uint64_t)(int64_t)(int8_t)head};
    }
    if (head < 0x90) {
        return (bench_value_t){.kind = VALUE_MAP, .number = 2 * (head & 0x0fu)};
    }
    if (head < 0xa0) {
        return (bench_value_t){.kind = VALUE_ARRAY, .number = head & 0x0fu};
    }
    if (head < 0xc0) {
        return bench_pack_bytes(self, VALUE_STRING, head & 0x1fu);
    }
    switch (head) {
    case 0xc4: /* bin and str: a length of 1, 2 or 4 bytes */
    case 0xc5:
    case 0xc6:
        return bench_pack_bytes(self, VALUE_OTHER, bench_pack_number(self, (size_t)1 << (head - 0xc4)));
    case 0xd9:
    case 0xda:
    case 0xdb:
        return bench_pack_bytes(self, VALUE_STRING, bench_pack_number(self, (size_t)1 << (head - 0xd9)));
    case 0xcc: /* unsigned and signed ints; those we look for are not negative */
    case 0xcd:
    case 0xce:
    case 0xcf:
        return (bench_value_t){.kind = VALUE_INT, .number = bench_pack_number(self, (size_t)1 << (head - 0xcc))};
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return (bench_value_t){.kind = VALUE_INT, .number = bench_pack_number(self, (size_t)1 << (head - 0xd0))};
    case 0xca:
        return bench_pack_bytes(self, VALUE_OTHER, 4);
    case 0xcb:
        return bench_pack_bytes(self, VALUE_OTHER, 8);
    case 0xdc:
    case 0xdd:
        return (bench_value_t){.kind = VALUE_ARRAY, .number = bench_pack_number(self, head == 0xdc ? 2 : 4)};
    case 0xde:
    case 0xdf:
        return (bench_value_t){.kind = VALUE_MAP, .number = 2 * bench_pack_number(self, head == 0xde ? 2 : 4)};
    default: /* nil, false, true; and what our schemas never use */
        self->bad = self->bad || head > 0xc3 || head == 0xc1;
        return (bench_value_t){.kind = VALUE_OTHER};
    }
}

static void
bench_pack_skip(bench_pack_t *self)
{
    uint64_t left = 1;
    while (left > 0 && !self->bad) {
        bench_value_t value = bench_pack_next(self);
        left += value.kind == VALUE_ARRAY || value.kind == VALUE_MAP ? value.number : 0;
        left--;
    }
}

static bool
bench_value_is(const bench_value_t *value, const char *text)
{
    return value->kind == VALUE_STRING && value->number == strlen(text) &&
           memcmp(value->bytes, text, value->number) == 0;
}

static void
bench_pack_message(bench_pack_t *self, uint64_t fields, bench_answer_t *answer)
{
    for (uint64_t i = 0; i < fields && !self->bad; i++) {
        bench_value_t key = bench_pack_next(self);
        bool type = bench_value_is(&key, "type");
        if (!type && !bench_value_is(&key, "actionId") && !bench_value_is(&key, "code")) {
            bench_pack_skip(self);
            continue;
        }
        bench_value_t value = bench_pack_next(self);
        if (type && value.kind == VALUE_STRING) {
            answer->kind = bench_scan_kind((const char *)value.bytes, value.number);
        } else if (value.kind == VALUE_INT) {
            answer->action_id = (int64_t)value.number;
        } else if (value.kind == VALUE_STRING) {
            snprintf(answer->code, sizeof(answer->code), "%.*s", (int)(value.number & 63), (const char *)value.bytes);
        }
    }
}

static bool
bench_scan_msgpack(const uint8_t *data, size_t length, bench_answer_fn *found, void *owner)
{
    bench_pack_t pack = {.at = data, .end = data + length};
    bench_value_t head = bench_pack_next(&pack);
    bool array = head.kind == VALUE_ARRAY;
    uint64_t messages = array ? head.number : 1;
    for (uint64_t i = 0; i < messages && !pack.bad; i++) {
        bench_value_t message = array ? bench_pack_next(&pack) : head;
        bench_answer_t answer = {.kind = BENCH_OTHER};
        pack.bad = pack.bad || message.kind != VALUE_MAP;
        bench_pack_message(&pack, message.number / 2, &answer);
        if (!pack.bad && answer.kind != BENCH_OTHER) {
            found(owner, &answer);
        }
    }
    return !pack.bad;
}

/* ---- JSON ---- */

/* The server writes "type" first and no space anywhere, and a quote inside of a string is escaped: so these bytes are
 * nothing else than what they look like. */
static bool
bench_scan_json(const uint8_t *data, size_t length, bench_answer_fn *found, void *owner)
{
    static const char mark[] = "{\"type\":\"event.";
    const char *at = (const char *)data;
    const char *end = at + length;
    while ((at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)) != NULL) {
        const char *name = at + strlen("{\"type\":\"");
        const char *name_end = memchr(name, '"', (size_t)(end - name));
        const char *next = memmem(name, (size_t)(end - name), mark, sizeof(mark) - 1);
        const char *stop = next ? next : end;
        bench_answer_t answer = {.kind = name_end ? bench_scan_kind(name, (size_t)(name_end - name)) : BENCH_OTHER};
        if (answer.kind == BENCH_ACK || answer.kind == BENCH_ERROR) {
            const char *id = memmem(name, (size_t)(stop - name), "\"actionId\":", 11);
            const char *code = memmem(name, (size_t)(stop - name), "\"code\":\"", 8);
            answer.action_id = id ? strtoll(id + 11, NULL, 10) : 0; /* a '}' always follows */
            if (code) {
                const char *code_end = memchr(code + 8, '"', (size_t)(stop - code - 8));
                snprintf(answer.code, sizeof(answer.code), "%.*s", code_end ? (int)(code_end - code - 8) : 0, code + 8);
            }
        }
        if (answer.kind != BENCH_OTHER) {
            found(owner, &answer);
        }
        at = stop;
        if (!next) {
            break;
        }
    }
    return true;
}

bool
bench_scan(codec_format_t format, const uint8_t *data, size_t length, bench_answer_fn *found, void *owner)
{
    return format == CODEC_JSON ? bench_scan_json(data, length, found, owner)
                                : bench_scan_msgpack(data, length, found, owner);
}
