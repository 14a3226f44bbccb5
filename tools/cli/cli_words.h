/*
 * cli_words -- words that people type and read: identifiers, on and off, lengths of time, names made fit for a
 * terminal.
 *
 * What is wrong with a word is said on standard error in the name of `command`; the caller returns 2 then.
 */
#ifndef PLAYHOUSE_CLI_WORDS_H
#define PLAYHOUSE_CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_SECONDS_TEXT_CAP = 32 };

/* Is `word` 1 to 24 letters, digits, '-' and '_'? `what` names it: INSTANCE. */
bool cli_word_id(const char *command, const char *what, const char *word);
/* on or off. */
bool cli_word_switch(const char *command, const char *word, bool *on);
/* 90, 90s, 5m or 2h, as seconds, at most `max` of them. `what` names it: --in. */
bool cli_word_seconds(const char *command, const char *what, const char *word, int64_t max, int64_t *seconds);

/* The same the other way: 45s, 5m, 4m 59s, 2h 5m. */
void cli_seconds_text(int64_t seconds, char text[CLI_SECONDS_TEXT_CAP]);
/* A copy of UTF-8 without control characters (each is a '?'), cut at a whole character if it does not fit. */
void cli_plain_text(const char *text, char *plain, size_t size);

#endif
