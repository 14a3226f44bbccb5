#include "codec_internal.h"

static void msgpack_write_map(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body);

/* A lead byte and `width` bytes of `value`, the highest first. */
static void
msgpack_put_head(codec_writer_t *out, uint8_t lead, uint64_t value, unsigned width)
{
    uint8_t bytes[9] = {lead};
    for (unsigned i = 0; i < width; i++) {
        bytes[1 + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
    codec_put(out, bytes, 1 + width);
}

static void
msgpack_put_int(codec_writer_t *out, int64_t value)
{
    uint64_t bits = (uint64_t)value;
    if (value >= -32 && value < 128) {
        codec_put_byte(out, (uint8_t)bits);
    } else if (value >= 0) {
        unsigned size = bits <= UINT8_MAX ? 0 : bits <= UINT16_MAX ? 1 : bits <= UINT32_MAX ? 2 : 3;
        msgpack_put_head(out, (uint8_t)(0xCC + size), bits, 1u << size);
    } else {
        unsigned size = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
        msgpack_put_head(out, (uint8_t)(0xD0 + size), bits, 1u << size);
    }
}

/* Whole numbers are written as integers, as JavaScript's and Python's libraries do. */
static void
msgpack_put_number(codec_writer_t *out, double value)
{
    const double safe = 9007199254740991.0;
    if (value >= -safe && value <= safe && value == (double)(int64_t)value) {
        msgpack_put_int(out, (int64_t)value);
        return;
    }
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    msgpack_put_head(out, 0xCB, bits, 8);
}

static void
msgpack_put_string(codec_writer_t *out, const char *text, size_t length)
{
    if (length < 32) {
        codec_put_byte(out, (uint8_t)(0xA0 | length));
    } else {
        unsigned size = length <= UINT8_MAX ? 0 : length <= UINT16_MAX ? 1 : 2;
        msgpack_put_head(out, (uint8_t)(0xD9 + size), length, 1u << size);
    }
    codec_put(out, text, length);
}

static void
msgpack_put_bytes(codec_writer_t *out, const uint8_t *data, size_t length)
{
    unsigned size = length <= UINT8_MAX ? 0 : length <= UINT16_MAX ? 1 : 2;
    msgpack_put_head(out, (uint8_t)(0xC4 + size), length, 1u << size);
    codec_put(out, data, length);
}

/* The head of a map (fixed 0x80, wide 0xDE) or of an array (0x90, 0xDC). */
static void
msgpack_put_count(codec_writer_t *out, uint8_t fixed, uint8_t wide, uint32_t count)
{
    if (count < 16) {
        codec_put_byte(out, (uint8_t)(fixed | count));
    } else {
        bool big = count > UINT16_MAX;
        msgpack_put_head(out, (uint8_t)(wide + big), count, big ? 4 : 2);
    }
}

static void
msgpack_write_value(codec_writer_t *out, const codec_field_t *field, const void *body, const void *slot)
{
    switch ((codec_field_kind_t)field->kind) {
    case CODEC_FIELD_BOOL:
        codec_put_byte(out, *(const bool *)slot ? 0xC3 : 0xC2);
        return;
    case CODEC_FIELD_INT:
        msgpack_put_int(out, *(const int64_t *)slot);
        return;
    case CODEC_FIELD_NUMBER:
        msgpack_put_number(out, codec_number_of(field, slot));
        return;
    case CODEC_FIELD_STRING:
        msgpack_put_string(out, slot, strnlen(slot, field->element_size));
        return;
    case CODEC_FIELD_ENUM: {
        const char *name = codec_enum_name(field, slot);
        msgpack_put_string(out, name, strlen(name));
        return;
    }
    case CODEC_FIELD_BYTES:
        msgpack_put_bytes(out, slot, codec_list_count(field, body));
        return;
    case CODEC_FIELD_BLOB: {
        const blob_t *blob = codec_blob_of(field, slot);
        msgpack_put_bytes(out, blob->data, blob->length);
        return;
    }
    case CODEC_FIELD_OBJECT:
        msgpack_write_map(out, field->type, NULL, slot);
        return;
    }
}

static void
msgpack_write_map(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body)
{
    uint32_t count = tag != NULL;
    for (uint32_t i = 0; i < type->fields_count; i++) {
        count += codec_field_present(&type->fields[i], body);
    }
    msgpack_put_count(out, 0x80, 0xDE, count);
    if (tag != NULL) {
        msgpack_put_string(out, "type", 4);
        msgpack_put_string(out, tag, strlen(tag));
    }
    for (uint32_t i = 0; i < type->fields_count; i++) {
        const codec_field_t *field = &type->fields[i];
        const char *slot = (const char *)body + field->offset;
        if (!codec_field_present(field, body)) {
            continue;
        }
        msgpack_put_string(out, field->name, field->name_length);
        if (!field->list) {
            msgpack_write_value(out, field, body, slot);
            continue;
        }
        uint32_t elements = codec_list_count(field, body);
        msgpack_put_count(out, 0x90, 0xDC, elements);
        for (uint32_t k = 0; k < elements; k++) {
            msgpack_write_value(out, field, body, slot + (size_t)k * field->element_size);
        }
    }
}

void
codec_msgpack_write(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body)
{
    msgpack_write_map(out, type, tag, body);
}
