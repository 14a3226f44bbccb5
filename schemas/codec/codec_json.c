#include "codec_json.h"

static bool
json_hex4(codec_reader_t *in, uint32_t *value)
{
    *value = 0;
    if (in->end - in->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        uint8_t digit = *in->at++, letter = digit | 0x20;
        if (digit >= '0' && digit <= '9') {
            *value = *value << 4 | (uint32_t)(digit - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            *value = *value << 4 | (uint32_t)(letter - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

/* What follows a backslash. */
static codec_error_t
json_escape(codec_reader_t *in, uint32_t *point)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (in->at == in->end) {
        return CODEC_SYNTAX;
    }
    uint8_t letter = *in->at++;
    const char *found = letter != 0 ? strchr(letters, letter) : NULL;
    if (found != NULL) {
        *point = (uint8_t)meanings[found - letters];
        return CODEC_OK;
    }
    if (letter != 'u' || !json_hex4(in, point)) {
        return CODEC_SYNTAX;
    }
    if (*point >= 0xD800 && *point <= 0xDBFF) {
        uint32_t low = 0;
        codec_reader_t ahead = *in;
        if (!json_literal(&ahead, "\\u", 2) || !json_hex4(&ahead, &low) || low < 0xDC00 || low > 0xDFFF) {
            return CODEC_UTF8;
        }
        *in = ahead;
        *point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
        return CODEC_OK;
    }
    return *point == 0 || (*point >= 0xDC00 && *point <= 0xDFFF) ? CODEC_UTF8 : CODEC_OK;
}

codec_error_t
codec_json_character(codec_reader_t *in, uint32_t *point)
{
    if (in->at == in->end || *in->at < 0x20) {
        return CODEC_SYNTAX;
    }
    if (*in->at == '\\') {
        in->at++;
        return json_escape(in, point);
    }
    size_t length = codec_utf8_read(in->at, in->end, point);
    in->at += length;
    return length == 0 ? CODEC_UTF8 : CODEC_OK;
}

/* The rest of a word that is not plain ASCII, from its first character on. */
static codec_error_t
json_word_slow(codec_reader_t *in, codec_word_t *word)
{
    size_t length = 0;
    while (in->at == in->end || *in->at != '"') {
        uint32_t point = 0;
        codec_error_t error = codec_json_character(in, &point);
        if (error != CODEC_OK) {
            return error;
        }
        uint8_t bytes[4];
        size_t more = codec_utf8_write(point, bytes);
        if (length + more <= CODEC_WORD_MAX) {
            memcpy(word->buffer + length, bytes, more);
        }
        length += more;
    }
    in->at++;
    word->text = word->buffer;
    word->length = length <= CODEC_WORD_MAX ? length : 0;
    return CODEC_OK;
}

codec_error_t
codec_json_word(codec_reader_t *in, codec_word_t *word)
{
    const uint8_t *from = in->at, *at = from;
    while (at < in->end && codec_classes[*at] & CODEC_CLASS_PLAIN) {
        at++;
    }
    if (at == in->end || *at != '"') {
        return json_word_slow(in, word);
    }
    word->text = (const char *)from;
    word->length = (size_t)(at - from);
    in->at = at + 1;
    return CODEC_OK;
}

static codec_error_t
json_string(codec_reader_t *in, const codec_field_t *field, char *slot)
{
    uint8_t class = codec_class_of(field);
    uint32_t points = 0;
    uint8_t common = class; /* loses the bit at the first character that does not belong */
    char *out = slot;
    for (;;) {
        const uint8_t *at = in->at;
        while (at < in->end && codec_classes[*at] & CODEC_CLASS_PLAIN && points < field->length_max) {
            common &= codec_classes[*at];
            *out++ = (char)*at++;
            points++;
        }
        in->at = at;
        if (at < in->end && *at == '"') {
            break;
        }
        uint32_t point = 0;
        codec_error_t error = codec_json_character(in, &point);
        if (error != CODEC_OK) {
            return error;
        }
        if (points == field->length_max) {
            return CODEC_LENGTH;
        }
        points++;
        if (point < 0x80) {
            common &= codec_classes[point];
            *out++ = (char)point;
        } else if (field->pattern == CODEC_PATTERN_ANY) {
            out += codec_utf8_write(point, (uint8_t *)out);
        } else {
            common = 0;
        }
    }
    in->at++;
    *out = '\0';
    return points < field->length_min ? CODEC_LENGTH : common == 0 ? CODEC_PATTERN : CODEC_OK;
}

/* The bytes of a base64 string, whose opening quote is consumed. Escaped characters are not base64 as we write it. */
static codec_error_t
json_base64(codec_reader_t *in, const uint8_t **text, size_t *length)
{
    *text = in->at;
    while (in->at < in->end && codec_classes[*in->at] & CODEC_CLASS_PLAIN) {
        in->at++;
    }
    if (in->at == in->end || *in->at < 0x20) {
        return CODEC_SYNTAX;
    }
    *length = (size_t)(in->at - *text);
    return *in->at++ == '"' ? CODEC_OK : CODEC_PATTERN;
}

static codec_error_t
json_bytes(codec_reader_t *in, const codec_field_t *field, void *body, void *slot)
{
    const uint8_t *text = NULL;
    size_t length = 0, decoded = 0;
    codec_error_t error = json_base64(in, &text, &length);
    if (error != CODEC_OK) {
        return error;
    }
    if (field->kind == CODEC_FIELD_BYTES) {
        error = codec_base64_read(text, length, slot, field->length_max, &decoded);
        uint32_t count = error == CODEC_OK ? (uint32_t)decoded : 0;
        memcpy((char *)body + field->count_offset, &count, sizeof count);
    } else {
        size_t capacity = length / 4 * 3 < field->length_max ? length / 4 * 3 : field->length_max;
        blob_t *blob = blob_new(NULL, capacity);
        error = codec_base64_read(text, length, blob->data, capacity, &decoded);
        blob->length = error == CODEC_OK ? (uint32_t)decoded : 0;
        *(blob_t **)slot = blob;
    }
    return error == CODEC_OK && decoded < field->length_min ? CODEC_LENGTH : error;
}

static codec_error_t
json_text_value(codec_reader_t *in, const codec_field_t *field, void *body, void *slot)
{
    if (json_peek(in) != '"') {
        return in->at == in->end ? CODEC_SYNTAX : CODEC_TYPE;
    }
    in->at++;
    if (field->kind == CODEC_FIELD_STRING) {
        return json_string(in, field, slot);
    }
    if (field->kind != CODEC_FIELD_ENUM) {
        return json_bytes(in, field, body, slot);
    }
    codec_word_t word;
    codec_error_t error = codec_json_word(in, &word);
    return error == CODEC_OK ? codec_store_enum(field, slot, &word) : error;
}

static codec_error_t
json_number_value(codec_reader_t *in, const codec_field_t *field, void *slot)
{
    uint8_t first = json_peek(in);
    if (first != '-' && (first < '0' || first > '9')) {
        return in->at == in->end ? CODEC_SYNTAX : CODEC_TYPE;
    }
    codec_number_t number;
    if (!codec_number_read(in, &number)) {
        return CODEC_SYNTAX;
    }
    if (field->kind == CODEC_FIELD_NUMBER) {
        return codec_store_number(field, slot, number.value);
    }
    if (!number.integral) {
        return CODEC_TYPE;
    }
    return number.too_big ? CODEC_RANGE : codec_store_int(field, slot, number.integer);
}

static codec_error_t
json_value(codec_reader_t *in, const codec_field_t *field, void *body, void *slot)
{
    switch ((codec_field_kind_t)field->kind) {
    case CODEC_FIELD_BOOL:
        json_space(in);
        *(bool *)slot = json_literal(in, "true", 4);
        if (*(bool *)slot || json_literal(in, "false", 5)) {
            return CODEC_OK;
        }
        return in->at == in->end ? CODEC_SYNTAX : CODEC_TYPE;
    case CODEC_FIELD_INT:
    case CODEC_FIELD_NUMBER:
        return json_number_value(in, field, slot);
    case CODEC_FIELD_STRING:
    case CODEC_FIELD_ENUM:
    case CODEC_FIELD_BYTES:
    case CODEC_FIELD_BLOB:
        return json_text_value(in, field, body, slot);
    case CODEC_FIELD_OBJECT:
        return codec_json_map(in, field->type, slot, CODEC_TAG_NONE);
    }
    return CODEC_TYPE;
}

static codec_error_t
json_list(codec_reader_t *in, const codec_field_t *field, void *body, char *slot)
{
    if (!json_take(in, '[')) {
        return in->at == in->end ? CODEC_SYNTAX : CODEC_TYPE;
    }
    uint32_t count = 0;
    for (bool more = !json_take(in, ']'); more; more = json_take(in, ',')) {
        if (count == field->list_max) {
            return CODEC_LENGTH;
        }
        char *element = slot + (size_t)count * field->element_size;
        count++;
        memcpy((char *)body + field->count_offset, &count, sizeof count); /* a failure releases what is there */
        codec_error_t error = json_value(in, field, body, element);
        if (error != CODEC_OK) {
            return error;
        }
    }
    if (count > 0 && !json_take(in, ']')) {
        return CODEC_SYNTAX;
    }
    return count < field->list_min ? CODEC_LENGTH : CODEC_OK;
}

codec_error_t
codec_json_key(codec_reader_t *in, codec_word_t *word)
{
    if (!json_take(in, '"')) {
        return CODEC_SYNTAX;
    }
    codec_error_t error = codec_json_word(in, word);
    return error == CODEC_OK && !json_take(in, ':') ? CODEC_SYNTAX : error;
}

codec_error_t
codec_json_fields(codec_reader_t *in, const codec_type_t *type, void *body, codec_seen_t *seen, bool more)
{
    for (more = more || json_take(in, ','); more; more = json_take(in, ',')) {
        codec_word_t name;
        const codec_field_t *field = NULL;
        codec_error_t error = codec_json_key(in, &name);
        if (error != CODEC_OK) {
            in->field = ""; /* it is the name that is wrong */
            return error;
        }
        error = codec_field_enter(in, type, seen, &name, &field);
        if (error == CODEC_OK && field == NULL) {
            error = codec_json_skip(in, 1, NULL);
        } else if (error == CODEC_OK) {
            void *slot = codec_field_slot(field, body);
            error = field->list ? json_list(in, field, body, slot) : json_value(in, field, body, slot);
            in->field = error != CODEC_OK && in->field == NULL ? field->name : in->field;
        }
        if (error != CODEC_OK) {
            return error;
        }
    }
    return json_take(in, '}') ? codec_fields_close(in, type, seen) : CODEC_SYNTAX;
}

codec_error_t
codec_json_map(codec_reader_t *in, const codec_type_t *type, void *body, codec_tag_t tag)
{
    if (!json_take(in, '{')) {
        return in->at == in->end ? CODEC_SYNTAX : CODEC_TYPE;
    }
    codec_seen_t seen = {.tag = tag};
    if (json_take(in, '}')) {
        return codec_fields_close(in, type, &seen);
    }
    return codec_json_fields(in, type, body, &seen, true);
}

codec_error_t
codec_json_end(codec_reader_t *in)
{
    json_space(in);
    return in->at == in->end ? CODEC_OK : CODEC_SYNTAX;
}
