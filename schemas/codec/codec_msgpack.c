#include "codec_msgpack.h"

static bool
msgpack_big_endian(codec_reader_t *in, unsigned width, uint64_t *value)
{
    if ((size_t)(in->end - in->at) < width) {
        return false;
    }
    *value = 0;
    for (unsigned i = 0; i < width; i++) {
        *value = *value << 8 | *in->at++;
    }
    return true;
}

static bool
msgpack_sized(codec_reader_t *in, msgpack_token_t *token, msgpack_kind_t kind, unsigned width)
{
    uint64_t size = 0;
    token->kind = kind;
    bool readable = msgpack_big_endian(in, width, &size);
    size += kind == MSGPACK_EXTENSION;
    token->size = (uint32_t)size;
    return readable && (kind >= MSGPACK_LIST || (uint64_t)(in->end - in->at) >= size);
}

static bool
msgpack_number(codec_reader_t *in, msgpack_token_t *token, uint8_t lead)
{
    uint64_t bits = 0;
    unsigned width = lead <= 0xCB ? (lead == 0xCA ? 4 : 8) : 1u << (lead & 3);
    if (!msgpack_big_endian(in, width, &bits)) {
        return false;
    }
    if (lead == 0xCA) {
        uint32_t half = (uint32_t)bits;
        float number = 0;
        memcpy(&number, &half, sizeof number);
        token->number = (double)number;
    } else {
        memcpy(&token->number, &bits, sizeof token->number);
    }
    token->kind = lead <= 0xCB ? MSGPACK_FLOAT : bits > INT64_MAX && lead < 0xD0 ? MSGPACK_HUGE : MSGPACK_INT;
    unsigned shift = 64 - 8 * width; /* the sign of a signed integer */
    token->integer = lead >= 0xD0 ? (int64_t)(bits << shift) >> shift : (int64_t)bits;
    return true;
}

static bool
msgpack_wide_token(codec_reader_t *in, msgpack_token_t *token, uint8_t lead)
{
    switch (lead) {
    case 0xC0:
        token->kind = MSGPACK_NIL;
        return true;
    case 0xC2:
    case 0xC3:
        token->kind = MSGPACK_BOOL;
        token->integer = lead & 1;
        return true;
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return msgpack_sized(in, token, MSGPACK_BYTES, 1u << (lead - 0xC4));
    case 0xC7:
    case 0xC8:
    case 0xC9:
        return msgpack_sized(in, token, MSGPACK_EXTENSION, 1u << (lead - 0xC7));
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        token->kind = MSGPACK_EXTENSION;
        token->size = 1 + (1u << (lead - 0xD4));
        return (size_t)(in->end - in->at) >= token->size;
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return msgpack_sized(in, token, MSGPACK_STRING, 1u << (lead - 0xD9));
    case 0xDC:
    case 0xDD:
        return msgpack_sized(in, token, MSGPACK_LIST, lead == 0xDC ? 2 : 4);
    case 0xDE:
    case 0xDF:
        return msgpack_sized(in, token, MSGPACK_MAP, lead == 0xDE ? 2 : 4);
    default:
        return lead >= 0xCA && lead <= 0xD3 && msgpack_number(in, token, lead);
    }
}

bool
codec_msgpack_token(codec_reader_t *in, msgpack_token_t *token)
{
    if (in->at == in->end) {
        return false;
    }
    uint8_t lead = *in->at++;
    if (lead < 0x80 || lead >= 0xE0) {
        token->kind = MSGPACK_INT;
        token->integer = (int8_t)lead;
        return true;
    }
    if (lead >= 0xC0) {
        return msgpack_wide_token(in, token, lead);
    }
    token->kind = lead >= 0xA0 ? MSGPACK_STRING : lead >= 0x90 ? MSGPACK_LIST : MSGPACK_MAP;
    token->size = lead >= 0xA0 ? lead & 0x1F : lead & 0x0F;
    return token->kind != MSGPACK_STRING || (size_t)(in->end - in->at) >= token->size;
}

static codec_error_t
msgpack_check_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint32_t point = 0;
        size_t length = codec_utf8_read(at, end, &point);
        if (length == 0 || point == 0) {
            return CODEC_UTF8;
        }
        at += length;
    }
    return CODEC_OK;
}

codec_error_t
codec_msgpack_word(codec_reader_t *in, codec_word_t *word)
{
    msgpack_token_t token;
    if (!codec_msgpack_token(in, &token)) {
        return CODEC_SYNTAX;
    }
    if (token.kind != MSGPACK_STRING) {
        return CODEC_TYPE;
    }
    word->text = (const char *)in->at;
    word->length = token.size <= CODEC_WORD_MAX ? token.size : 0;
    in->at += token.size;
    return CODEC_OK;
}

codec_error_t
codec_msgpack_word_fault(const codec_word_t *word, codec_error_t error)
{
    const uint8_t *text = (const uint8_t *)word->text;
    return msgpack_check_utf8(text, text + word->length) == CODEC_OK ? error : CODEC_UTF8;
}

static codec_error_t
msgpack_string(codec_reader_t *in, const codec_field_t *field, char *slot, uint32_t size)
{
    uint8_t common = codec_class_of(field);
    uint32_t points = 0;
    char *out = slot;
    const uint8_t *at = in->at, *end = at + size;
    while (at < end) {
        uint32_t point = *at;
        size_t length = point < 0x80 ? 1 : codec_utf8_read(at, end, &point);
        if (length == 0 || point == 0) {
            return CODEC_UTF8;
        }
        if (points++ == field->length_max) {
            return CODEC_LENGTH;
        }
        if (length == 1 || field->pattern == CODEC_PATTERN_ANY) {
            common &= length == 1 ? codec_classes[point] : CODEC_CLASS_ANY;
            memcpy(out, at, length);
            out += length;
        } else {
            common = 0;
        }
        at += length;
    }
    in->at = end;
    *out = '\0';
    return points < field->length_min ? CODEC_LENGTH : common == 0 ? CODEC_PATTERN : CODEC_OK;
}

static codec_error_t
msgpack_bytes(codec_reader_t *in, const codec_field_t *field, void *body, void *slot, uint32_t size)
{
    if (size < field->length_min || size > field->length_max) {
        return CODEC_LENGTH;
    }
    if (field->kind == CODEC_FIELD_BYTES) {
        memcpy(slot, in->at, size);
        memcpy((char *)body + field->count_offset, &size, sizeof size);
    } else {
        *(blob_t **)slot = blob_new(in->at, size);
    }
    in->at += size;
    return CODEC_OK;
}

static codec_error_t
msgpack_numeric(const codec_field_t *field, void *slot, const msgpack_token_t *token)
{
    if (token->kind == MSGPACK_HUGE) {
        return CODEC_RANGE;
    }
    if (field->kind == CODEC_FIELD_INT) {
        return token->kind == MSGPACK_INT ? codec_store_int(field, slot, token->integer) : CODEC_TYPE;
    }
    if (token->kind == MSGPACK_INT) {
        return codec_store_number(field, slot, (double)token->integer);
    }
    return token->kind == MSGPACK_FLOAT ? codec_store_number(field, slot, token->number) : CODEC_TYPE;
}

static codec_error_t
msgpack_value(codec_reader_t *in, const codec_field_t *field, void *body, void *slot)
{
    if (field->kind == CODEC_FIELD_OBJECT) {
        return codec_msgpack_map(in, field->type, slot, CODEC_TAG_NONE);
    }
    if (field->kind == CODEC_FIELD_ENUM) {
        codec_word_t word;
        codec_error_t error = codec_msgpack_word(in, &word);
        error = error == CODEC_OK ? codec_store_enum(field, slot, &word) : error;
        return error == CODEC_ENUM ? codec_msgpack_word_fault(&word, error) : error;
    }
    msgpack_token_t token;
    if (!codec_msgpack_token(in, &token)) {
        return CODEC_SYNTAX;
    }
    switch ((codec_field_kind_t)field->kind) {
    case CODEC_FIELD_BOOL:
        *(bool *)slot = token.kind == MSGPACK_BOOL && token.integer != 0;
        return token.kind == MSGPACK_BOOL ? CODEC_OK : CODEC_TYPE;
    case CODEC_FIELD_INT:
    case CODEC_FIELD_NUMBER:
        return msgpack_numeric(field, slot, &token);
    case CODEC_FIELD_STRING:
        return token.kind == MSGPACK_STRING ? msgpack_string(in, field, slot, token.size) : CODEC_TYPE;
    case CODEC_FIELD_BYTES:
    case CODEC_FIELD_BLOB:
        return token.kind == MSGPACK_BYTES ? msgpack_bytes(in, field, body, slot, token.size) : CODEC_TYPE;
    case CODEC_FIELD_ENUM:
    case CODEC_FIELD_OBJECT:
        break;
    }
    return CODEC_TYPE;
}

static codec_error_t
msgpack_list(codec_reader_t *in, const codec_field_t *field, void *body, char *slot)
{
    msgpack_token_t token;
    if (!codec_msgpack_token(in, &token)) {
        return CODEC_SYNTAX;
    }
    if (token.kind != MSGPACK_LIST) {
        return CODEC_TYPE;
    }
    if (token.size < field->list_min || token.size > field->list_max) {
        return CODEC_LENGTH;
    }
    for (uint32_t i = 0; i < token.size; i++) {
        uint32_t count = i + 1; /* a failure releases what is there */
        memcpy((char *)body + field->count_offset, &count, sizeof count);
        codec_error_t error = msgpack_value(in, field, body, slot + (size_t)i * field->element_size);
        if (error != CODEC_OK) {
            return error;
        }
    }
    return CODEC_OK;
}

codec_error_t
codec_msgpack_fields(codec_reader_t *in, const codec_type_t *type, void *body, codec_seen_t *seen, uint32_t pairs)
{
    for (uint32_t i = 0; i < pairs; i++) {
        codec_word_t name;
        const codec_field_t *field = NULL;
        codec_error_t error = codec_msgpack_word(in, &name);
        if (error != CODEC_OK) {
            in->field = ""; /* it is the name that is wrong */
            return error;
        }
        error = codec_field_enter(in, type, seen, &name, &field);
        if (error == CODEC_UNKNOWN) {
            error = codec_msgpack_word_fault(&name, error);
        } else if (error == CODEC_OK && field == NULL) {
            error = codec_msgpack_skip(in, 1, NULL);
        } else if (error == CODEC_OK) {
            void *slot = codec_field_slot(field, body);
            error = field->list ? msgpack_list(in, field, body, slot) : msgpack_value(in, field, body, slot);
            in->field = error != CODEC_OK && in->field == NULL ? field->name : in->field;
        }
        if (error != CODEC_OK) {
            return error;
        }
    }
    return codec_fields_close(in, type, seen);
}

codec_error_t
codec_msgpack_map(codec_reader_t *in, const codec_type_t *type, void *body, codec_tag_t tag)
{
    msgpack_token_t token;
    if (!codec_msgpack_token(in, &token)) {
        return CODEC_SYNTAX;
    }
    codec_seen_t seen = {.tag = tag};
    return token.kind == MSGPACK_MAP ? codec_msgpack_fields(in, type, body, &seen, token.size) : CODEC_TYPE;
}
