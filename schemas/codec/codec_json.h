/* codec_json -- what the two halves of the JSON decoder share: codec_json.c reads values into structs,
 * codec_json_frame.c passes over values and finds the messages of a frame. */
#ifndef PLAYHOUSE_CODEC_JSON_H
#define PLAYHOUSE_CODEC_JSON_H

#include "codec_internal.h"

static inline void
json_space(codec_reader_t *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t')) {
        in->at++;
    }
}

/* The next byte that is no white space, not consumed; 0 at the end (a NUL in the input is a syntax error as well). */
static inline uint8_t
json_peek(codec_reader_t *in)
{
    json_space(in);
    return in->at < in->end ? *in->at : 0;
}

static inline bool
json_take(codec_reader_t *in, uint8_t byte)
{
    if (json_peek(in) != byte) {
        return false;
    }
    in->at++;
    return true;
}

static inline bool
json_literal(codec_reader_t *in, const char *text, size_t length)
{
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, text, length) != 0) {
        return false;
    }
    in->at += length;
    return true;
}

/* One character inside a string, which is not its closing quote. */
codec_error_t codec_json_character(codec_reader_t *in, uint32_t *point);
/* A string that is a name; the opening quote is consumed already. */
codec_error_t codec_json_word(codec_reader_t *in, codec_word_t *word);
/* One name and its colon. */
codec_error_t codec_json_key(codec_reader_t *in, codec_word_t *word);
/* Fields up to the closing brace. `more`: one comes now; else a comma or the brace. */
codec_error_t codec_json_fields(codec_reader_t *in, const codec_type_t *type, void *body, codec_seen_t *seen,
                                bool more);

#endif
