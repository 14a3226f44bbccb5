#include "codec_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define A CODEC_CLASS_ANY
#define P (CODEC_CLASS_ANY | CODEC_CLASS_TEXT | CODEC_CLASS_PLAIN)
#define T (CODEC_CLASS_ANY | CODEC_CLASS_TEXT)
#define D (P | CODEC_CLASS_ID | CODEC_CLASS_KEY)
#define K (P | CODEC_CLASS_KEY)
/* clang-format off */
const uint8_t codec_classes[256] = {
    0, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A,
    P, P, T, P, P, P, P, P, P, P, P, P, P, D, P, K, D, D, D, D, D, D, D, D, D, D, P, P, P, P, P, P,
    P, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, P, T, P, P, D,
    P, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, P, P, P, P, A | CODEC_CLASS_PLAIN,
};
/* clang-format on */
#undef A
#undef P
#undef T
#undef D
#undef K

const uint8_t codec_nothing[1] = {0};

static const char *const codec_error_texts[] = {
    [CODEC_OK] = "well formed",
    [CODEC_SYNTAX] = "not readable, or cut short",
    [CODEC_TYPE] = "a value of the wrong type",
    [CODEC_REQUIRED] = "a field is missing",
    [CODEC_ENUM] = "a word that is not in the list",
    [CODEC_RANGE] = "a number out of range",
    [CODEC_LENGTH] = "too short or too long",
    [CODEC_PATTERN] = "a character that is not allowed here",
    [CODEC_UTF8] = "not UTF-8, or U+0000",
    [CODEC_UNKNOWN] = "not known here",
    [CODEC_DUPLICATE] = "a field twice",
    [CODEC_DEPTH] = "nested too deep",
    [CODEC_SIZE] = "too many messages, or too large",
};

const char *
codec_error_text(codec_error_t error)
{
    return codec_error_texts[error];
}

static const codec_field_t *
codec_field_find(const codec_type_t *type, const codec_word_t *name, uint32_t expected)
{
    for (uint32_t i = 0, at = expected; i < type->fields_count; i++, at++) {
        const codec_field_t *field = &type->fields[at >= type->fields_count ? at -= type->fields_count : at];
        if (codec_word_is(name, field->name, field->name_length)) {
            return field;
        }
    }
    return NULL;
}

codec_error_t
codec_field_enter(codec_reader_t *in, const codec_type_t *type, codec_seen_t *seen, const codec_word_t *name,
                  const codec_field_t **found)
{
    const codec_field_t *field = codec_field_find(type, name, seen->next);
    *found = field;
    if (field == NULL) {
        if (seen->tag != CODEC_TAG_NONE && codec_word_is(name, "type", 4)) {
            in->field = seen->tag == CODEC_TAG_SEEN ? "type" : NULL;
            codec_error_t error = seen->tag == CODEC_TAG_SEEN ? CODEC_DUPLICATE : CODEC_OK;
            seen->tag = CODEC_TAG_SEEN;
            return error;
        }
        in->field = "";
        return CODEC_UNKNOWN;
    }
    uint32_t index = (uint32_t)(field - type->fields);
    if (seen->fields & UINT64_C(1) << index) {
        in->field = field->name;
        return CODEC_DUPLICATE;
    }
    seen->fields |= UINT64_C(1) << index;
    seen->next = index + 1;
    return CODEC_OK;
}

codec_error_t
codec_fields_close(codec_reader_t *in, const codec_type_t *type, const codec_seen_t *seen)
{
    for (uint32_t i = 0; i < type->fields_count; i++) {
        if (!type->fields[i].optional && !(seen->fields & UINT64_C(1) << i)) {
            in->field = type->fields[i].name;
            return CODEC_REQUIRED;
        }
    }
    return CODEC_OK;
}

void *
codec_field_slot(const codec_field_t *field, void *body)
{
    if (field->optional) {
        *(bool *)((char *)body + field->has_offset) = true;
    }
    return (char *)body + field->offset;
}

codec_error_t
codec_store_int(const codec_field_t *field, void *slot, int64_t value)
{
    *(int64_t *)slot = value;
    return value < field->int_min || value > field->int_max ? CODEC_RANGE : CODEC_OK;
}

codec_error_t
codec_store_number(const codec_field_t *field, void *slot, double value)
{
    *(double *)slot = value + 0.0; /* -0 becomes 0 */
    return value >= field->number_min && value <= field->number_max ? CODEC_OK : CODEC_RANGE;
}

codec_error_t
codec_store_enum(const codec_field_t *field, void *slot, const codec_word_t *word)
{
    for (uint32_t i = 0; i < field->names_count; i++) {
        const char *name = field->names[i];
        if (codec_word_is(word, name, strlen(name))) {
            memcpy(slot, &i, sizeof i);
            return CODEC_OK;
        }
    }
    return CODEC_ENUM;
}

void
codec_breach(const codec_field_t *field, const char *why)
{
    fprintf(stderr, "cannot encode the field %s: %s\n", field->name, why);
    abort();
}

bool
codec_field_present(const codec_field_t *field, const void *body)
{
    return !field->optional || *(const bool *)((const char *)body + field->has_offset);
}

uint32_t
codec_list_count(const codec_field_t *field, const void *body)
{
    uint32_t count = 0;
    memcpy(&count, (const char *)body + field->count_offset, sizeof count);
    if (count > (field->list ? field->list_max : field->length_max)) {
        codec_breach(field, "it has more elements than the schema allows");
    }
    return count;
}

const char *
codec_enum_name(const codec_field_t *field, const void *slot)
{
    uint32_t index = 0;
    memcpy(&index, slot, sizeof index);
    if (index >= field->names_count) {
        codec_breach(field, "its value is not in the enum");
    }
    return field->names[index];
}

const blob_t *
codec_blob_of(const codec_field_t *field, const void *slot)
{
    const blob_t *blob = *(blob_t *const *)slot;
    if (blob == NULL) {
        codec_breach(field, "the blob is not set");
    }
    return blob;
}

double
codec_number_of(const codec_field_t *field, const void *slot)
{
    double value = *(const double *)slot;
    if (!isfinite(value)) {
        codec_breach(field, "the number is not finite");
    }
    return value;
}

size_t
codec_utf8_read(const uint8_t *at, const uint8_t *end, uint32_t *point)
{
    uint8_t lead = *at;
    if (lead < 0x80) {
        *point = lead;
        return 1;
    }
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < length) {
        return 0;
    }
    uint32_t value = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3Fu);
    }
    *point = value;
    return value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF) ? 0 : length;
}

size_t
codec_utf8_write(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (uint8_t)(0xF00u >> length | point);
    return length;
}

/* Visits the blobs of a struct: releases them, or takes one reference more. */
static void
codec_walk(const codec_type_t *type, void *body, bool release)
{
    for (uint32_t i = 0; type->has_blobs && i < type->fields_count; i++) {
        const codec_field_t *field = &type->fields[i];
        char *slot = (char *)body + field->offset;
        if (field->kind == CODEC_FIELD_BLOB) {
            if (release) {
                blob_release((blob_t **)slot);
            } else if (*(blob_t **)slot != NULL) {
                blob_retain(*(blob_t **)slot);
            }
        } else if (field->kind == CODEC_FIELD_OBJECT && field->type->has_blobs && codec_field_present(field, body)) {
            uint32_t count = field->list ? codec_list_count(field, body) : 1;
            for (uint32_t k = 0; k < count; k++) {
                codec_walk(field->type, slot + (size_t)k * field->element_size, release);
            }
        }
    }
}

void
codec_release(const codec_type_t *type, void *body)
{
    codec_walk(type, body, true);
}

void
codec_retain(const codec_type_t *type, void *body)
{
    codec_walk(type, body, false);
}

size_t
codec_encode(codec_format_t format, const codec_type_t *type, const char *tag, const void *body, uint8_t *out,
             size_t capacity)
{
    codec_writer_t writer = {.at = out, .end = out + capacity};
    if (format == CODEC_JSON) {
        codec_json_write(&writer, type, tag, body);
    } else {
        codec_msgpack_write(&writer, type, tag, body);
    }
    return writer.full ? 0 : (size_t)(writer.at - out);
}

static codec_error_t
codec_decode_end(codec_format_t format, codec_reader_t *in)
{
    return format == CODEC_JSON ? codec_json_end(in) : in->at == in->end ? CODEC_OK : CODEC_SYNTAX;
}

codec_error_t
codec_decode(codec_format_t format, const codec_type_t *type, const uint8_t *data, size_t length, void *body,
             codec_fault_t *fault)
{
    bool json = format == CODEC_JSON;
    data = length > 0 ? data : codec_nothing;
    codec_reader_t in = {data, data + length, NULL}, whole = in;
    memset(body, 0, type->size);
    codec_error_t error =
        json ? codec_json_map(&in, type, body, CODEC_TAG_NONE) : codec_msgpack_map(&in, type, body, CODEC_TAG_NONE);
    if (error == CODEC_OK) {
        error = codec_decode_end(format, &in);
    } else {
        /* What cannot be read at all is that first, and a breach of the schema only then. */
        codec_error_t skip = json ? codec_json_skip(&whole, 0, NULL) : codec_msgpack_skip(&whole, 0, NULL);
        skip = skip == CODEC_OK ? codec_decode_end(format, &whole) : skip;
        error = skip != CODEC_OK ? skip : error;
    }
    if (error != CODEC_OK) {
        codec_release(type, body);
    }
    bool unreadable = error == CODEC_SYNTAX || error == CODEC_DEPTH || in.field == NULL;
    *fault = (codec_fault_t){error, unreadable ? "" : in.field};
    return error;
}
