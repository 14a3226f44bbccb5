/* codec_internal -- what the files of the codec share; nobody else includes it. */
#ifndef PLAYHOUSE_CODEC_INTERNAL_H
#define PLAYHOUSE_CODEC_INTERNAL_H

#include "codec.h"

#include <string.h>

enum {
    CODEC_WORD_MAX = 255,  /* bytes of a field name or an enum word; longer ones are no name of ours */
    CODEC_NUMBER_CAP = 32, /* room for any printed number */
};

/* A place in the input. `field` is what the innermost failure is about, NULL while there is none. */
typedef struct codec_reader {
    const uint8_t *at;
    const uint8_t *end;
    const char *field;
} codec_reader_t;

typedef struct codec_writer {
    uint8_t *at;
    uint8_t *end;
    bool full;
    bool shown; /* for people: masked, ASCII, and bytes by their number */
} codec_writer_t;

/* A short text of the input: a field name, an enum word, a message type. `text` points into the input, or to
 * `buffer` where it had escapes. Too long: length 0, which is nobody's name. */
typedef struct codec_word {
    const char *text;
    size_t length;
    char buffer[CODEC_WORD_MAX];
} codec_word_t;

/* May the map have a "type" beside its fields? */
typedef enum codec_tag {
    CODEC_TAG_NONE, /* no: it is as unknown as any other */
    CODEC_TAG_OPEN, /* once, and its value was read before */
    CODEC_TAG_SEEN, /* it was there; once more is a duplicate */
} codec_tag_t;

/* Which fields of a map were there. */
typedef struct codec_seen {
    uint64_t fields;
    uint32_t next; /* where the next field is expected */
    codec_tag_t tag;
} codec_seen_t;

/* Where an input of no bytes begins. */
extern const uint8_t codec_nothing[1];

/* Classes of characters, bits in codec_classes[byte]. */
enum {
    CODEC_CLASS_ANY = 1,    /* ASCII but NUL */
    CODEC_CLASS_ID = 2,     /* CODEC_PATTERN_ID */
    CODEC_CLASS_KEY = 4,    /* CODEC_PATTERN_KEY */
    CODEC_CLASS_TEXT = 8,   /* CODEC_PATTERN_TEXT */
    CODEC_CLASS_PLAIN = 16, /* ASCII that stands for itself in a JSON string */
};
extern const uint8_t codec_classes[256];

static inline uint8_t
codec_class_of(const codec_field_t *field)
{
    return (uint8_t)(1u << field->pattern);
}

static inline void
codec_put(codec_writer_t *out, const void *data, size_t length)
{
    if ((size_t)(out->end - out->at) < length) {
        out->full = true;
        out->end = out->at; /* nothing shorter goes in after it */
        return;
    }
    memcpy(out->at, data, length);
    out->at += length;
}

static inline void
codec_put_byte(codec_writer_t *out, uint8_t byte)
{
    if (out->at == out->end) {
        out->full = true;
        return;
    }
    *out->at++ = byte;
}

/* Finds the field that a name of the input means and notes that it was there. CODEC_OK with *found NULL: it is the
 * tag, whose value is to be passed over. */
codec_error_t codec_field_enter(codec_reader_t *in, const codec_type_t *type, codec_seen_t *seen,
                                const codec_word_t *name, const codec_field_t **found);
/* CODEC_REQUIRED when a field is missing. */
codec_error_t codec_fields_close(codec_reader_t *in, const codec_type_t *type, const codec_seen_t *seen);
/* Where the value of a field that was met goes; sets its `has`. */
void *codec_field_slot(const codec_field_t *field, void *body);

/* Checks a value and stores it. */
codec_error_t codec_store_int(const codec_field_t *field, void *slot, int64_t value);
codec_error_t codec_store_number(const codec_field_t *field, void *slot, double value);
codec_error_t codec_store_enum(const codec_field_t *field, void *slot, const codec_word_t *word);

/* Is there something to write, and where? A struct that breaks its schema ends the process. */
bool codec_field_present(const codec_field_t *field, const void *body);
uint32_t codec_list_count(const codec_field_t *field, const void *body);
const char *codec_enum_name(const codec_field_t *field, const void *slot);
const blob_t *codec_blob_of(const codec_field_t *field, const void *slot);
double codec_number_of(const codec_field_t *field, const void *slot);
_Noreturn void codec_breach(const codec_field_t *field, const char *why);

/* Length of the UTF-8 sequence at `at`, 0 when it is none; *point is its code point. */
size_t codec_utf8_read(const uint8_t *at, const uint8_t *end, uint32_t *point);
size_t codec_utf8_write(uint32_t point, uint8_t *out);

/* Shortest text that reads back as the same double, as JavaScript prints it. Returns its length; no NUL. */
size_t codec_number_print(double value, char out[CODEC_NUMBER_CAP]);
size_t codec_int_print(int64_t value, char out[CODEC_NUMBER_CAP]);

/* A JSON number. integral: no fraction and no exponent, and then `integer` is its value unless `too_big`. */
typedef struct codec_number {
    bool integral;
    bool too_big;
    int64_t integer;
    double value; /* infinite when it is not a double */
} codec_number_t;
bool codec_number_read(codec_reader_t *in, codec_number_t *number);
/* Only `in` moves on; false when it is no number. */
bool codec_number_skip(codec_reader_t *in);

/* Base64 with padding. Decoding: CODEC_PATTERN for what is none, CODEC_LENGTH beyond `capacity`. */
void codec_base64_write(codec_writer_t *out, const uint8_t *data, size_t length);
codec_error_t codec_base64_read(const uint8_t *text, size_t length, uint8_t *out, size_t capacity, size_t *decoded);

/* Per format: one map, of which the opening is still to come; a value passed over (`depth`: containers around it;
 * *action_id, when not NULL, gets the map's own "actionId"); the name under "type" (then *rest, when the tag was the
 * first field, is where the others go on, else NULL); where the next message of a frame begins. */
codec_error_t codec_json_map(codec_reader_t *in, const codec_type_t *type, void *body, codec_tag_t tag);
codec_error_t codec_json_end(codec_reader_t *in);
codec_error_t codec_json_skip(codec_reader_t *in, unsigned depth, uint64_t *action_id);
codec_error_t codec_json_message(codec_reader_t *in, codec_find_fn find, uint32_t *type, void *body, size_t capacity,
                                 const codec_type_t **table);
codec_error_t codec_json_step(codec_frame_t *frame);
void codec_json_write(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body);

codec_error_t codec_msgpack_map(codec_reader_t *in, const codec_type_t *type, void *body, codec_tag_t tag);
codec_error_t codec_msgpack_skip(codec_reader_t *in, unsigned depth, uint64_t *action_id);
codec_error_t codec_msgpack_message(codec_reader_t *in, codec_find_fn find, uint32_t *type, void *body, size_t capacity,
                                    const codec_type_t **table);
codec_error_t codec_msgpack_step(codec_frame_t *frame);
void codec_msgpack_write(codec_writer_t *out, const codec_type_t *type, const char *tag, const void *body);

/* A message's table by its name, with room checked. Shared by both formats. */
codec_error_t codec_message_find(codec_reader_t *in, codec_find_fn find, const codec_word_t *name, uint32_t *type,
                                 size_t capacity, const codec_type_t **table);

static inline bool
codec_word_is(const codec_word_t *word, const char *text, size_t length)
{
    return word->length == length && memcmp(word->text, text, length) == 0;
}

#endif
