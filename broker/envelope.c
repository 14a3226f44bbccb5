#include "envelope.h"

#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

typedef struct envelope_out {
    uint8_t *bytes;
    size_t at, capacity;
} envelope_out_t;

static int
envelope_write(void *self, const char *bytes, size_t length)
{
    envelope_out_t *out = self;
    if (length > out->capacity - out->at) {
        return -1;
    }
    memcpy(out->bytes + out->at, bytes, length);
    out->at += length;
    return 0;
}

static int
envelope_write_text(msgpack_packer *packer, const char *text)
{
    size_t length = strlen(text);
    return msgpack_pack_str(packer, length) || msgpack_pack_str_body(packer, text, length);
}

size_t
envelope_encode(const msg_t *msg, act_usec_t now, uint8_t *out, size_t capacity)
{
    envelope_out_t head = {.bytes = out, .capacity = capacity};
    msgpack_packer packer;
    msgpack_packer_init(&packer, &head, envelope_write);
    char from[ACT_KEY_MAX + 48];
    snprintf(from, sizeof from, "%u:%s:%u:%s", msg->from.node, act_kind_names[msg->from.kind], msg->from.thread,
             msg->from.key);
    /* At least 1: 0 would say that there is no deadline. */
    uint64_t ttl = msg->deadline == 0 ? 0 : msg->deadline <= now ? 1 : (uint64_t)(msg->deadline - now) / ACT_MSEC + 1;
    if (msgpack_pack_array(&packer, 7) || envelope_write_text(&packer, msg_infos[msg->type].name) ||
        envelope_write_text(&packer, msg->key) || envelope_write_text(&packer, from) ||
        msgpack_pack_uint64(&packer, msg->correlation) || msgpack_pack_uint64(&packer, ttl) ||
        msgpack_pack_bin(&packer, sizeof msg->trace.bytes) ||
        msgpack_pack_bin_body(&packer, msg->trace.bytes, sizeof msg->trace.bytes)) {
        return 0;
    }
    size_t body =
        codec_encode(CODEC_MSGPACK, msg_infos[msg->type].type, NULL, msg->body, out + head.at, capacity - head.at);
    return body ? head.at + body : 0;
}

/* ---- reading ---- */

typedef struct envelope_in {
    const uint8_t *bytes;
    size_t at, length;
} envelope_in_t;

/* Big-endian number of n bytes; false: cut short. */
static bool
envelope_take(envelope_in_t *in, size_t n, uint64_t *value)
{
    if (n > in->length - in->at) {
        return false;
    }
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        *value = *value << 8 | in->bytes[in->at++];
    }
    return true;
}

static bool
envelope_take_uint(envelope_in_t *in, uint64_t *value)
{
    uint64_t tag;
    if (!envelope_take(in, 1, &tag)) {
        return false;
    }
    if (tag < 0x80) {
        *value = tag;
        return true;
    }
    return tag >= 0xcc && tag <= 0xcf && envelope_take(in, (size_t)1 << (tag - 0xcc), value);
}

/* A string or byte string; points into the frame. */
static bool
envelope_take_bytes(envelope_in_t *in, const uint8_t **bytes, size_t *length)
{
    uint64_t tag, n = 0;
    if (!envelope_take(in, 1, &tag)) {
        return false;
    }
    if ((tag & 0xe0) == 0xa0) {
        n = tag & 0x1f;
    } else if (tag == 0xc4 || tag == 0xd9) {
        if (!envelope_take(in, 1, &n)) {
            return false;
        }
    } else if ((tag != 0xc5 && tag != 0xda) || !envelope_take(in, 2, &n)) {
        return false;
    }
    if (n > in->length - in->at) {
        return false;
    }
    *bytes = in->bytes + in->at;
    *length = n;
    in->at += n;
    return true;
}

/* A string of at most size - 1 bytes without NUL, copied. */
static bool
envelope_take_text(envelope_in_t *in, char *text, size_t size)
{
    const uint8_t *bytes;
    size_t length;
    if (!envelope_take_bytes(in, &bytes, &length) || length >= size || memchr(bytes, 0, length) != NULL) {
        return false;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    return true;
}

/* node:kind:thread:key, or "" from somebody who wants no answer. */
static bool
envelope_parse_from(const char *text, act_addr_t *from)
{
    *from = (act_addr_t){0};
    if (*text == '\0') {
        return true;
    }
    unsigned node, thread;
    char kind[24];
    int key = 0;
    if (sscanf(text, "%10u:%23[a-z]:%3u:%n", &node, kind, &thread, &key) != 3 || key == 0 || thread > UINT8_MAX ||
        strlen(text + key) > ACT_KEY_MAX) {
        return false;
    }
    for (int i = 1; i < ACT_KIND_COUNT; i++) {
        if (strcmp(kind, act_kind_names[i]) == 0) {
            *from = (act_addr_t){.node = node, .kind = (uint8_t)i, .thread = (uint8_t)thread};
            snprintf(from->key, sizeof from->key, "%s", text + key);
            return true;
        }
    }
    return false;
}

static const char *
envelope_take_head(envelope_in_t *in, act_usec_t now, msg_t *msg)
{
    char type[64], from[ACT_KEY_MAX + 48];
    const uint8_t *trace;
    size_t trace_length;
    uint64_t array, ttl;
    if (!envelope_take(in, 1, &array) || array != 0x97) {
        return "envelope";
    }
    if (!envelope_take_text(in, type, sizeof type) || !(msg->type = msg_type_find(type, strlen(type)))) {
        return "type";
    }
    if (!envelope_take_text(in, msg->key, sizeof msg->key)) {
        return "key";
    }
    if (!envelope_take_text(in, from, sizeof from) || !envelope_parse_from(from, &msg->from)) {
        return "from";
    }
    if (!envelope_take_uint(in, &msg->correlation)) {
        return "correlation";
    }
    if (!envelope_take_uint(in, &ttl) || ttl > 3600000) {
        return "ttl_ms";
    }
    msg->deadline = ttl ? now + (act_usec_t)ttl * ACT_MSEC : 0;
    if (!envelope_take_bytes(in, &trace, &trace_length) || trace_length != sizeof msg->trace.bytes) {
        return "trace";
    }
    memcpy(msg->trace.bytes, trace, sizeof msg->trace.bytes);
    return NULL;
}

codec_error_t
envelope_decode(const uint8_t *data, size_t length, act_usec_t now, msg_t *msg, void *body, codec_fault_t *fault)
{
    envelope_in_t in = {.bytes = data, .length = length};
    *msg = (msg_t){.body = body};
    const char *wrong = envelope_take_head(&in, now, msg);
    if (wrong != NULL) {
        *fault = (codec_fault_t){.error = CODEC_SYNTAX, .field = wrong};
        return CODEC_SYNTAX;
    }
    return codec_decode(CODEC_MSGPACK, msg_infos[msg->type].type, data + in.at, length - in.at, body, fault);
}
