#include "codec_msgpack.h"

static void
msgpack_note_action(codec_reader_t ahead, uint64_t *action_id)
{
    msgpack_token_t token;
    if (*action_id == 0 && codec_msgpack_token(&ahead, &token) && token.kind == MSGPACK_INT && token.integer > 0 &&
        token.integer < INT64_C(1) << 53) {
        *action_id = (uint64_t)token.integer;
    }
}

codec_error_t
codec_msgpack_skip(codec_reader_t *in, unsigned depth, uint64_t *action_id)
{
    msgpack_token_t token;
    if (!codec_msgpack_token(in, &token)) {
        return CODEC_SYNTAX;
    }
    if (token.kind < MSGPACK_LIST) {
        in->at += token.kind >= MSGPACK_STRING ? token.size : 0;
        return CODEC_OK;
    }
    if (depth == CODEC_DEPTH_MAX) {
        return CODEC_DEPTH;
    }
    bool map = token.kind == MSGPACK_MAP;
    for (uint32_t i = 0; i < token.size; i++) {
        codec_word_t name;
        codec_reader_t key = *in;
        bool noted = map && action_id != NULL && codec_msgpack_word(&key, &name) == CODEC_OK &&
                     codec_word_is(&name, "actionId", 8);
        if (noted) {
            msgpack_note_action(key, action_id);
        }
        codec_error_t error = codec_msgpack_skip(in, depth + 1, NULL);
        error = error == CODEC_OK && map ? codec_msgpack_skip(in, depth + 1, NULL) : error;
        if (error != CODEC_OK) {
            return error;
        }
    }
    return CODEC_OK;
}

/* The word under "type" of the map that begins here; *index says which pair of *pairs it was. */
static codec_error_t
msgpack_tag(codec_reader_t *in, codec_word_t *word, uint32_t *pairs, uint32_t *index)
{
    msgpack_token_t token;
    if (!codec_msgpack_token(in, &token)) {
        return CODEC_SYNTAX;
    }
    if (token.kind != MSGPACK_MAP) {
        return CODEC_TYPE;
    }
    *pairs = token.size;
    for (*index = 0; *index < token.size; ++*index) {
        codec_error_t error = codec_msgpack_word(in, word);
        if (error != CODEC_OK) {
            return error;
        }
        if (codec_word_is(word, "type", 4)) {
            in->field = "type";
            return codec_msgpack_word(in, word);
        }
        error = codec_msgpack_skip(in, 1, NULL);
        if (error != CODEC_OK) {
            return error;
        }
    }
    in->field = "type";
    return CODEC_REQUIRED;
}

codec_error_t
codec_msgpack_message(codec_reader_t *in, codec_find_fn find, uint32_t *type, void *body, size_t capacity,
                      const codec_type_t **table)
{
    codec_reader_t tag = *in;
    codec_word_t word;
    uint32_t pairs = 0, index = 0;
    codec_error_t error = msgpack_tag(&tag, &word, &pairs, &index);
    in->field = tag.field;
    error = error == CODEC_OK ? codec_message_find(in, find, &word, type, capacity, table) : error;
    if (error != CODEC_OK) {
        return error == CODEC_UNKNOWN ? codec_msgpack_word_fault(&word, error) : error;
    }
    in->field = NULL;
    memset(body, 0, (*table)->size);
    if (index > 0) {
        return codec_msgpack_map(in, *table, body, CODEC_TAG_OPEN);
    }
    codec_seen_t seen = {.tag = CODEC_TAG_SEEN};
    in->at = tag.at;
    return codec_msgpack_fields(in, *table, body, &seen, pairs - 1);
}

codec_error_t
codec_msgpack_step(codec_frame_t *frame)
{
    codec_reader_t in = {frame->data + frame->at, frame->data + frame->length, NULL};
    if (frame->seen == 0) {
        codec_reader_t ahead = in;
        msgpack_token_t token;
        if (!codec_msgpack_token(&ahead, &token)) {
            return CODEC_SYNTAX;
        }
        frame->array = token.kind == MSGPACK_LIST;
        frame->left = frame->array ? token.size : 1;
        in.at = frame->array ? ahead.at : in.at;
    }
    frame->at = (size_t)(in.at - frame->data);
    frame->done = frame->left == 0;
    if (frame->done) {
        return in.at == in.end ? CODEC_OK : CODEC_SYNTAX;
    }
    frame->left--;
    return CODEC_OK;
}
