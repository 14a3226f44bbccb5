#include "codec_internal.h"

#include <stdio.h>

static void json_write_map(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body);

/* Writes \uXXXX, or two of them, for one code point beyond ASCII; returns its bytes. The text is UTF-8. */
static size_t
json_write_escaped(codec_writer_t *out, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t bytes = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    uint32_t point = at[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes && i < length; i++) {
        point = point << 6 | (at[i] & 0x3f);
    }
    char escaped[16];
    int size = point < 0x10000
                   ? snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)point)
                   : snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((point - 0x10000) >> 10)),
                              (unsigned)(0xdc00 + ((point - 0x10000) & 0x3ff)));
    codec_put(out, escaped, (size_t)size);
    return bytes < length ? bytes : length;
}

static void
json_write_string(codec_writer_t *out, const char *text, size_t length)
{
    static const char letters[] = "btn_fr"; /* of the controls 8 to 13 */
    codec_put_byte(out, '"');
    for (size_t i = 0; i < length;) {
        size_t from = i;
        while (i < length &&
               (((uint8_t)text[i] >= 0x80 && !out->shown) || codec_classes[(uint8_t)text[i]] & CODEC_CLASS_PLAIN)) {
            i++;
        }
        codec_put(out, text + from, i - from);
        if (i == length) {
            break;
        }
        if ((uint8_t)text[i] >= 0x80) {
            i += json_write_escaped(out, text + i, length - i);
            continue;
        }
        uint8_t byte = (uint8_t)text[i++];
        if (byte >= 0x20) {
            codec_put(out, (const uint8_t[]){'\\', byte}, 2);
        } else if (byte >= 8 && byte <= 13 && byte != 11) {
            codec_put(out, (const uint8_t[]){'\\', (uint8_t)letters[byte - 8]}, 2);
        } else {
            static const char hex[] = "0123456789abcdef";
            codec_put(out, (const char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
        }
    }
    codec_put_byte(out, '"');
}

static void
json_write_base64(codec_writer_t *out, const uint8_t *data, size_t length)
{
    if (out->shown) {
        char text[32];
        codec_put(out, text, (size_t)snprintf(text, sizeof text, "\"(%zu bytes)\"", length));
        return;
    }
    codec_put_byte(out, '"');
    codec_base64_write(out, data, length);
    codec_put_byte(out, '"');
}

static void
json_write_value(codec_writer_t *out, const codec_field_t *field, const void *body, const void *slot)
{
    char number[CODEC_NUMBER_CAP];
    switch ((codec_field_kind_t)field->kind) {
    case CODEC_FIELD_BOOL:
        codec_put(out, *(const bool *)slot ? "true" : "false", *(const bool *)slot ? 4 : 5);
        return;
    case CODEC_FIELD_INT:
        codec_put(out, number, codec_int_print(*(const int64_t *)slot, number));
        return;
    case CODEC_FIELD_NUMBER:
        codec_put(out, number, codec_number_print(codec_number_of(field, slot), number));
        return;
    case CODEC_FIELD_STRING:
        json_write_string(out, slot, strnlen(slot, field->element_size));
        return;
    case CODEC_FIELD_ENUM: {
        const char *name = codec_enum_name(field, slot);
        json_write_string(out, name, strlen(name));
        return;
    }
    case CODEC_FIELD_BYTES:
        json_write_base64(out, slot, codec_list_count(field, body));
        return;
    case CODEC_FIELD_BLOB: {
        const blob_t *blob = codec_blob_of(field, slot);
        json_write_base64(out, blob->data, blob->length);
        return;
    }
    case CODEC_FIELD_OBJECT:
        json_write_map(out, field->type, NULL, slot);
        return;
    }
}

static void
json_write_list(codec_writer_t *out, const codec_field_t *field, const void *body, const char *slot)
{
    uint32_t count = codec_list_count(field, body);
    codec_put_byte(out, '[');
    for (uint32_t i = 0; i < count && !out->full; i++) {
        if (i > 0) {
            codec_put_byte(out, ',');
        }
        json_write_value(out, field, body, slot + (size_t)i * field->element_size);
    }
    codec_put_byte(out, ']');
}

static void
json_write_map(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body)
{
    codec_put_byte(out, '{');
    if (tag != NULL) {
        codec_put(out, "\"type\":", 7);
        json_write_string(out, tag, strlen(tag));
    }
    bool comma = tag != NULL;
    for (uint32_t i = 0; i < type->fields_count; i++) {
        const codec_field_t *field = &type->fields[i];
        const char *slot = (const char *)body + field->offset;
        if (!codec_field_present(field, body)) {
            continue;
        }
        codec_put(out, ",\"", comma ? 2 : 0);
        if (!comma) {
            codec_put_byte(out, '"');
        }
        comma = true;
        codec_put(out, field->name, field->name_length);
        codec_put(out, "\":", 2);
        if (out->shown && field->mask) {
            codec_put(out, "\"***\"", 5);
        } else if (field->list) {
            json_write_list(out, field, body, slot);
        } else {
            json_write_value(out, field, body, slot);
        }
    }
    codec_put_byte(out, '}');
}

size_t
codec_show(const codec_type_t *type, const void *body, char *out, size_t capacity)
{
    codec_writer_t writer = {.at = (uint8_t *)out, .end = (uint8_t *)out + capacity - 3, .shown = true};
    json_write_map(&writer, type, NULL, body);
    if (writer.full) {
        memcpy(writer.at, "...", 3);
        writer.at += 3;
    }
    return (size_t)(writer.at - (uint8_t *)out);
}

void
codec_json_write(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body)
{
    json_write_map(out, type, tag, body);
}
