#include "codec_json.h"

static codec_error_t
json_skip_string(codec_reader_t *in)
{
    in->at++;
    while (in->at < in->end && *in->at != '"') {
        uint32_t point = 0;
        if (*in->at >= 0x80) {
            in->at++; /* whether it is UTF-8 matters only to who reads it */
            continue;
        }
        if (codec_json_character(in, &point) == CODEC_SYNTAX) {
            return CODEC_SYNTAX;
        }
    }
    if (in->at == in->end) {
        return CODEC_SYNTAX;
    }
    in->at++;
    return CODEC_OK;
}

/* The value of a map's own "actionId", when it is one. */
static void
json_note_action(codec_reader_t ahead, uint64_t *action_id)
{
    codec_number_t number;
    json_space(&ahead);
    if (*action_id == 0 && codec_number_read(&ahead, &number) && number.integral && !number.too_big &&
        number.integer > 0 && number.integer < INT64_C(1) << 53) {
        *action_id = (uint64_t)number.integer;
    }
}

static codec_error_t
json_skip_container(codec_reader_t *in, unsigned depth, uint64_t *action_id)
{
    bool map = *in->at++ == '{';
    uint8_t close = map ? '}' : ']';
    if (depth == CODEC_DEPTH_MAX) {
        return CODEC_DEPTH;
    }
    if (json_take(in, close)) {
        return CODEC_OK;
    }
    do {
        if (map) {
            codec_word_t name;
            codec_reader_t key = *in;
            bool noted =
                action_id != NULL && codec_json_key(&key, &name) == CODEC_OK && codec_word_is(&name, "actionId", 8);
            if (json_peek(in) != '"' || json_skip_string(in) != CODEC_OK || !json_take(in, ':')) {
                return CODEC_SYNTAX;
            }
            if (noted) {
                json_note_action(*in, action_id);
            }
        }
        codec_error_t error = codec_json_skip(in, depth + 1, NULL);
        if (error != CODEC_OK) {
            return error;
        }
    } while (json_take(in, ','));
    return json_take(in, close) ? CODEC_OK : CODEC_SYNTAX;
}

codec_error_t
codec_json_skip(codec_reader_t *in, unsigned depth, uint64_t *action_id)
{
    switch (json_peek(in)) {
    case '{':
    case '[':
        return json_skip_container(in, depth, action_id);
    case '"':
        return json_skip_string(in);
    case 't':
        return json_literal(in, "true", 4) ? CODEC_OK : CODEC_SYNTAX;
    case 'f':
        return json_literal(in, "false", 5) ? CODEC_OK : CODEC_SYNTAX;
    case 'n':
        return json_literal(in, "null", 4) ? CODEC_OK : CODEC_SYNTAX;
    default:
        return codec_number_skip(in) ? CODEC_OK : CODEC_SYNTAX;
    }
}

/* The word under "type" of the map that begins here. *rest: where the fields after it go on when it came first. */
static codec_error_t
json_tag(codec_reader_t *in, codec_word_t *word, codec_reader_t *rest, bool *first)
{
    if (!json_take(in, '{')) {
        return in->at == in->end ? CODEC_SYNTAX : CODEC_TYPE;
    }
    *first = true;
    if (json_peek(in) == '}') {
        in->field = "type";
        return CODEC_REQUIRED;
    }
    do {
        codec_error_t error = codec_json_key(in, word);
        if (error != CODEC_OK) {
            return error;
        }
        if (codec_word_is(word, "type", 4)) {
            in->field = "type";
            if (json_peek(in) != '"') {
                return CODEC_TYPE;
            }
            in->at++;
            error = codec_json_word(in, word);
            *rest = *in;
            return error;
        }
        *first = false;
        error = codec_json_skip(in, 1, NULL);
        if (error != CODEC_OK) {
            return error;
        }
    } while (json_take(in, ','));
    in->field = "type";
    return CODEC_REQUIRED;
}

codec_error_t
codec_json_message(codec_reader_t *in, codec_find_fn find, uint32_t *type, void *body, size_t capacity,
                   const codec_type_t **table)
{
    codec_reader_t tag = *in, rest = *in;
    codec_word_t word;
    bool first = true;
    codec_error_t error = json_tag(&tag, &word, &rest, &first);
    in->field = tag.field;
    error = error == CODEC_OK ? codec_message_find(in, find, &word, type, capacity, table) : error;
    if (error != CODEC_OK) {
        return error;
    }
    in->field = NULL;
    memset(body, 0, (*table)->size);
    if (!first) {
        return codec_json_map(in, *table, body, CODEC_TAG_OPEN);
    }
    codec_seen_t seen = {.tag = CODEC_TAG_SEEN};
    in->at = rest.at;
    return codec_json_fields(in, *table, body, &seen, false);
}

codec_error_t
codec_json_step(codec_frame_t *frame)
{
    codec_reader_t in = {frame->data + frame->at, frame->data + frame->length, NULL};
    bool fresh = frame->seen == 0;
    bool message = !frame->array && fresh;
    if (fresh && json_take(&in, '[')) {
        frame->array = true;
        message = !json_take(&in, ']');
    } else if (frame->array) {
        message = json_take(&in, ',');
        if (!message && !json_take(&in, ']')) {
            return CODEC_SYNTAX;
        }
    }
    json_space(&in);
    frame->at = (size_t)(in.at - frame->data);
    frame->done = !message;
    return (in.at == in.end) == message ? CODEC_SYNTAX : CODEC_OK;
}
