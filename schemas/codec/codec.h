/*
 * codec -- reads and writes the structs that the generator makes from schemas/, as JSON or msgpack.
 *
 * One table per struct (codec_type_t, generated) and one interpreter per format. Decoding fills a bounded struct
 * without a tree and without a heap (blobs excepted) and checks every rule of the schema on the way: type, required,
 * enum, range, length, pattern, UTF-8, unknown and repeated fields, depth, size. Nothing here reads past `length`,
 * whatever the bytes are.
 */
#ifndef PLAYHOUSE_CODEC_H
#define PLAYHOUSE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blob.h"

typedef enum codec_format { CODEC_JSON, CODEC_MSGPACK } codec_format_t; /* same order as enum format of the schemas */

typedef enum codec_error {
    CODEC_OK,
    CODEC_SYNTAX,    /* not JSON, not msgpack, or cut short */
    CODEC_TYPE,      /* a value of another type than the schema says */
    CODEC_REQUIRED,  /* a field is missing */
    CODEC_ENUM,      /* a word that is not in the enum */
    CODEC_RANGE,     /* a number outside min..max, or not finite */
    CODEC_LENGTH,    /* a string, list or byte string too short or too long */
    CODEC_PATTERN,   /* a character that this string may not have */
    CODEC_UTF8,      /* not UTF-8, a lone surrogate, or U+0000 */
    CODEC_UNKNOWN,   /* a field, or a message type, that the schema does not know */
    CODEC_DUPLICATE, /* a field twice */
    CODEC_DEPTH,     /* nested deeper than CODEC_DEPTH_MAX */
    CODEC_SIZE,      /* more messages in a frame, or more bytes, than allowed */
} codec_error_t;

enum {
    CODEC_DEPTH_MAX = 8,           /* the deepest schema has 4 */
    CODEC_FRAME_MESSAGES_MAX = 64, /* messages in one client frame */
};

/* Why a decode failed. `field` is a name from the schema, or "" ; valid for ever (static text). */
typedef struct codec_fault {
    codec_error_t error;
    const char *field;
} codec_fault_t;

typedef enum codec_field_kind {
    CODEC_FIELD_BOOL,   /* bool */
    CODEC_FIELD_INT,    /* int64_t */
    CODEC_FIELD_NUMBER, /* double */
    CODEC_FIELD_STRING, /* char[capacity], NUL-terminated */
    CODEC_FIELD_ENUM,   /* int32_t-sized C enum, index into names */
    CODEC_FIELD_BYTES,  /* uint32_t x_len; uint8_t x[capacity] */
    CODEC_FIELD_BLOB,   /* blob_t *x, one reference owned by the struct; NULL when absent */
    CODEC_FIELD_OBJECT, /* nested struct */
} codec_field_kind_t;

typedef enum codec_pattern {
    CODEC_PATTERN_ANY,  /* any UTF-8 but U+0000; lengths count code points */
    CODEC_PATTERN_ID,   /* [A-Za-z0-9_-] */
    CODEC_PATTERN_KEY,  /* [A-Za-z0-9_-] and '/' */
    CODEC_PATTERN_TEXT, /* printable ASCII */
} codec_pattern_t;

struct codec_type;

/* One field of a struct. For a list (`list` set) the other members describe one element, the count is a uint32_t at
 * `count_offset`, and `list_min`..`list_max` bound it. */
typedef struct codec_field {
    const char *name; /* camelCase, as on the wire */
    uint8_t name_length;
    uint8_t kind;    /* codec_field_kind_t */
    uint8_t pattern; /* codec_pattern_t */
    bool optional;   /* then a bool at `has_offset` says whether it is there */
    bool list;
    bool mask; /* never shown by tools or logs */
    uint32_t offset;
    uint32_t has_offset;
    uint32_t count_offset; /* of the uint32_t that counts a list's elements or a byte string's length */
    uint32_t element_size; /* bytes of one element (of the field itself when it is no list) */
    uint32_t list_min, list_max;
    int64_t int_min, int_max;
    double number_min, number_max;
    uint32_t length_min, length_max; /* strings: code points; bytes and blobs: bytes */
    const char *const *names;        /* enums */
    uint32_t names_count;
    const struct codec_type *type; /* objects */
} codec_field_t;

typedef struct codec_type {
    const char *name;
    uint32_t size; /* sizeof the C struct */
    uint32_t fields_count;
    const codec_field_t *fields;
    bool has_blobs; /* some field, at any depth, is a blob */
} codec_type_t;

/* Writes one map. Returns its length, or 0 when it does not fit in `capacity`. The struct must obey its schema:
 * it is our own, and a breach is a bug, not an input. `tag` (may be NULL) is written first as the field "type". */
size_t codec_encode(codec_format_t format, const codec_type_t *type, const char *tag, const void *body, uint8_t *out,
                    size_t capacity);

/* Writes one map as JSON for people who watch: what the schema masks is "***", bytes and blobs are told by their
 * number, all is ASCII. What does not fit in `capacity` (at least 16) is left out, and the text ends with "...".
 * Returns its length; there is no NUL. */
size_t codec_show(const codec_type_t *type, const void *body, char *out, size_t capacity);

/* Reads exactly one map into *body (zeroed first). On failure *body owns nothing. */
codec_error_t codec_decode(codec_format_t format, const codec_type_t *type, const uint8_t *data, size_t length,
                           void *body, codec_fault_t *fault);

/* Drops the references to blobs that *body owns. */
void codec_release(const codec_type_t *type, void *body);
/* Takes a reference for each blob in *body, after a struct copy. */
void codec_retain(const codec_type_t *type, void *body);

const char *codec_error_text(codec_error_t error);

/* A client's frame: one map or an array of maps, each with its message type under "type". */
typedef struct codec_frame {
    codec_format_t format;
    const uint8_t *data;
    size_t length;
    size_t at;
    uint32_t left; /* msgpack: maps still to come */
    uint32_t seen;
    bool array;
    bool done;
} codec_frame_t;

void codec_frame_open(codec_frame_t *frame, codec_format_t format, const uint8_t *data, size_t length);

/*
 * The next message of the frame. `find` maps a type name to its table (NULL: not allowed here) and gives the number
 * of the type back in *type. Returns 1: *body (room for `capacity` bytes) is filled; 0: the frame is at its end;
 * -1: this message is refused, see *fault, *type is 0 when unknown. *action_id is the message's own "actionId" when
 * it has a readable one, else 0, also when refused. After -1 with CODEC_SYNTAX, CODEC_DEPTH or CODEC_SIZE the frame
 * cannot be read further; after any other the next call goes on with the next message.
 */
typedef const codec_type_t *(*codec_find_fn)(const char *name, size_t name_length, uint32_t *type);
int codec_frame_next(codec_frame_t *frame, codec_find_fn find, uint32_t *type, void *body, size_t capacity,
                     uint64_t *action_id, codec_fault_t *fault);

#endif
