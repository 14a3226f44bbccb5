/*
 * front_line -- one line of text of the front door: KIND KEY TYPE JSON, read as strictly as any other message; or a
 * question about the messages themselves: help, kinds, types KIND, help TYPE. What cannot be read gets an answer that
 * says what was understood, what was expected and, where something is near, what may have been meant.
 *
 * Nothing of a line is said back but words of at most FRONT_WORD_SHOWN letters, digits and - _ . /: a secret is longer.
 */
#ifndef PLAYHOUSE_FRONT_LINE_H
#define PLAYHOUSE_FRONT_LINE_H

#include "act.h"

enum {
    FRONT_WORD_SHOWN = 32,      /* bytes of a word that is said back; a longer one is told by its length */
    FRONT_EXPLAINED_MAX = 8192, /* bytes of an explanation, NUL included; what is longer is cut */
};

typedef enum front_line_outcome {
    FRONT_LINE_MESSAGE,   /* type, key and body are filled; the caller releases the body */
    FRONT_LINE_EXPLAINED, /* it was a question, and `text` answers it */
    FRONT_LINE_FAULT,     /* `text` says why it cannot be put in */
} front_line_outcome_t;

typedef struct front_line {
    msg_type_t type;
    char key[ACT_KEY_MAX + 1];
    char text[FRONT_EXPLAINED_MAX]; /* plain text, printable ASCII */
} front_line_t;

/* `data` need not end with a NUL; `body` has room for MSG_BODY_MAX bytes. */
front_line_outcome_t front_line_read(const char *data, size_t length, front_line_t *line, void *body);

/* Is that a key that may be put in? At most ACT_KEY_MAX bytes of printable ASCII without spaces. */
bool front_key_is_good(const char *key);
/* May a message of that type be put in? False: `why` says why not. */
bool front_type_is_heard(msg_type_t type, char *why, size_t size);
/* Why a body was refused, and what its field may be. */
void front_explain_fault(msg_type_t type, const codec_fault_t *fault, char *why, size_t size);
/* The fields of a message, "connection: int 0..., text?: string of 1 to 280", for people. */
void front_describe(msg_type_t type, char *text, size_t size);

#endif
