/* codec_msgpack -- what the two halves of the msgpack decoder share: codec_msgpack.c reads values into structs,
 * codec_msgpack_frame.c passes over values and finds the messages of a frame. */
#ifndef PLAYHOUSE_CODEC_MSGPACK_H
#define PLAYHOUSE_CODEC_MSGPACK_H

#include "codec_internal.h"

/* One token. For strings, bytes and extensions (with the byte of their type) `size` bytes follow and are known to be
 * there; for lists and maps `size` elements or pairs follow, which are not. */
typedef enum msgpack_kind {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_INT,
    MSGPACK_HUGE, /* an unsigned integer above INT64_MAX */
    MSGPACK_FLOAT,
    MSGPACK_STRING,
    MSGPACK_BYTES,
    MSGPACK_EXTENSION,
    MSGPACK_LIST,
    MSGPACK_MAP,
} msgpack_kind_t;

typedef struct msgpack_token {
    msgpack_kind_t kind;
    uint32_t size;
    int64_t integer; /* also of a bool */
    double number;
} msgpack_token_t;

bool codec_msgpack_token(codec_reader_t *in, msgpack_token_t *token);
/* A string that is a name. */
codec_error_t codec_msgpack_word(codec_reader_t *in, codec_word_t *word);
/* `error` of a word that nobody knows, or CODEC_UTF8 when it is not even one. */
codec_error_t codec_msgpack_word_fault(const codec_word_t *word, codec_error_t error);
/* The next `pairs` fields, which are the rest of a map. */
codec_error_t codec_msgpack_fields(codec_reader_t *in, const codec_type_t *type, void *body, codec_seen_t *seen,
                                   uint32_t pairs);

#endif
