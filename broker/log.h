/*
 * log -- JSON lines on standard error when it is not a terminal, readable lines when it is.
 *
 * Fields: ts (RFC 3339, UTC, ms), level, event (stable kebab-case id), message (a sentence), node and roles (when the
 * process is not alone), actor, key, trace, then the caller's. One write(2) per line, so that lines of several threads
 * do not mix.
 */
#ifndef PLAYHOUSE_LOG_H
#define PLAYHOUSE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* LOG_OFF is only for log_setup: nothing is written. */
typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF } log_level_t;

/* A named value: text (borrowed for the call), or a number when text is NULL. A list ends with name == NULL. */
typedef struct log_field {
    const char *name;
    const char *text;
    int64_t number;
} log_field_t;

#define LOG_S(field, value)                                                                                            \
    {                                                                                                                  \
        .name = (field), .text = (value)                                                                               \
    }
#define LOG_N(field, value)                                                                                            \
    {                                                                                                                  \
        .name = (field), .number = (int64_t)(value)                                                                    \
    }

/* Before any thread starts. `marker` (may be NULL) is a word put into every line: --dev names itself there. */
void log_setup(log_level_t lowest, const char *marker);
/* Before any thread starts: every line names this process and what it does. Borrowed for good. */
void log_setup_node(const char *node, const char *roles);

void log_line(log_level_t level, const char *actor, const char *key, const char *trace, const char *event,
              const char *sentence, const log_field_t *fields);

/* From outside actors: log_event(LOG_INFO, "listening", "the page is up", LOG_S("url", url)). */
#define log_event(level, event, sentence, ...)                                                                         \
    log_line((level), NULL, NULL, NULL, (event), (sentence),                                                           \
             (const log_field_t[]){__VA_ARGS__ __VA_OPT__(, ){.name = NULL}})

/* A user id as logs may show it: 12 hex digits of an HMAC-SHA-256 under a key drawn at each start. */
void log_hash(const char *user_id, char text[13]);

#endif
