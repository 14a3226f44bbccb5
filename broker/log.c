#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_LINE_CAP = 2048, /* bytes of a line; a longer one is cut, and still ends properly */
    LOG_TAIL = 4,        /* what always has room at the end: a quote, a brace, a newline, NUL */
    LOG_TEXT_MAX = 512,  /* bytes of one value */
    LOG_HASH_BYTES = 6,
    LOG_KEY_BYTES = 32,
};

static struct {
    log_level_t lowest;
    const char *marker;
    const char *node, *roles; /* NULL: it is alone */
    bool readable;
    bool ready;
    uint8_t hash_key[LOG_KEY_BYTES];
} log_state = {.lowest = LOG_INFO};

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};

/* A line being made. `full` once something did not fit: nothing is added after that. */
typedef struct log_buffer {
    char text[LOG_LINE_CAP];
    size_t length;
    bool full;
} log_buffer_t;

static void
log_put(log_buffer_t *self, const char *text, size_t length)
{
    if (self->full || self->length + length > LOG_LINE_CAP - LOG_TAIL) {
        self->full = true;
        return;
    }
    memcpy(self->text + self->length, text, length);
    self->length += length;
}

static void
log_put_text(log_buffer_t *self, const char *text)
{
    log_put(self, text, strlen(text));
}

/* Bytes of the UTF-8 sequence at `text`, 0 if it is none. Never reads past a NUL. */
static size_t
log_utf8(const unsigned char *text)
{
    size_t length = text[0] < 0x80                       ? 1
                    : text[0] >= 0xc2 && text[0] < 0xe0  ? 2
                    : text[0] >= 0xe0 && text[0] < 0xf0  ? 3
                    : text[0] >= 0xf0 && text[0] <= 0xf4 ? 4
                                                         : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)) {
        return 0;
    }
    return length;
}

/* Fit for JSON and for a terminal: control characters escaped, what is not UTF-8 replaced. */
static void
log_put_escaped(log_buffer_t *self, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + strnlen(text, LOG_TEXT_MAX);
    while (at < end) {
        size_t length = log_utf8(at);
        char escape[8];
        if (length == 0 || at + length > end) {
            log_put_text(self, "\xef\xbf\xbd");
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            escape[0] = '\\';
            escape[1] = (char)*at;
            log_put(self, escape, 2);
        } else if (*at < 0x20 || *at == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", *at);
            log_put(self, escape, 6);
        } else {
            log_put(self, (const char *)at, length);
        }
        at += length;
    }
}

static void
log_put_number(log_buffer_t *self, int64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, number);
    log_put_text(self, text);
}

/* One `,"name":"text"`, left out whole when it does not fit. */
static void
log_json_field(log_buffer_t *self, const char *name, const char *text, int64_t number)
{
    size_t before = self->length;
    log_put_text(self, self->length > 1 ? ",\"" : "\"");
    log_put_text(self, name);
    log_put_text(self, text ? "\":\"" : "\":");
    if (text) {
        log_put_escaped(self, text);
        log_put_text(self, "\"");
    } else {
        log_put_number(self, number);
    }
    if (self->full) {
        self->length = before;
    }
}

static void
log_readable_field(log_buffer_t *self, const char *name, const char *text, int64_t number)
{
    size_t before = self->length;
    log_put_text(self, " ");
    log_put_text(self, name);
    log_put_text(self, "=");
    if (text) {
        log_put_escaped(self, text);
    } else {
        log_put_number(self, number);
    }
    if (self->full) {
        self->length = before;
    }
}

static void
log_time(char text[32])
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    char seconds[24];
    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 32, "%s.%03uZ", seconds, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

/* One write per line, so that lines do not mix. Standard error that cannot be written has nobody to be told of it. */
static void
log_write(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written < 0 && errno != EINTR) {
            return;
        }
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
}

void
log_setup(log_level_t lowest, const char *marker)
{
    log_state.lowest = lowest;
    log_state.marker = marker;
    log_state.readable = isatty(STDERR_FILENO) == 1;
    if (!log_state.ready && RAND_bytes(log_state.hash_key, LOG_KEY_BYTES) != 1) {
        fprintf(stderr, "cannot draw a key for hashes in the log: the system has no random bytes\n");
        abort();
    }
    log_state.ready = true;
}

void
log_setup_node(const char *node, const char *roles)
{
    log_state.node = node;
    log_state.roles = roles;
}

static void
log_line_readable(log_buffer_t *line, log_level_t level, const char *actor, const char *key, const char *event,
                  const char *sentence)
{
    static const char *const colours[] = {"\x1b[2m", "", "\x1b[33m", "\x1b[31m"};
    char time_text[32];
    log_time(time_text);
    log_put(line, time_text + 11, 12);
    log_put_text(line, " ");
    log_put_text(line, colours[level]);
    log_put_text(line, log_level_names[level]);
    log_put_text(line, *colours[level] ? "\x1b[0m " : " ");
    if (log_state.marker) {
        log_put_text(line, "[");
        log_put_escaped(line, log_state.marker);
        log_put_text(line, "] ");
    }
    if (log_state.node) {
        log_put_escaped(line, log_state.node);
        log_put_text(line, " ");
    }
    if (actor) {
        log_put_text(line, actor);
        log_put_text(line, key && *key ? " " : "");
        log_put_escaped(line, key ? key : "");
        log_put_text(line, ": ");
    }
    log_put_escaped(line, sentence);
    log_readable_field(line, "event", event, 0);
}

void
log_line(log_level_t level, const char *actor, const char *key, const char *trace, const char *event,
         const char *sentence, const log_field_t *fields)
{
    if (level < log_state.lowest) {
        return;
    }
    log_buffer_t line = {.length = 0};
    if (log_state.readable) {
        log_line_readable(&line, level, actor, key, event, sentence);
    } else {
        char time_text[32];
        log_time(time_text);
        log_put_text(&line, "{");
        log_json_field(&line, "ts", time_text, 0);
        log_json_field(&line, "level", log_level_names[level], 0);
        log_json_field(&line, "event", event, 0);
        log_json_field(&line, "message", sentence, 0);
    }
    void (*put)(log_buffer_t *, const char *, const char *, int64_t) =
        log_state.readable ? log_readable_field : log_json_field;
    if (!log_state.readable) {
        const struct {
            const char *name;
            const char *text;
        } heads[] = {{"mode", log_state.marker},
                     {"node", log_state.node},
                     {"roles", log_state.roles},
                     {"actor", actor},
                     {"key", key}};
        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
            if (heads[i].text && *heads[i].text) {
                put(&line, heads[i].name, heads[i].text, 0);
            }
        }
    }
    if (trace && *trace) {
        put(&line, "trace", trace, 0);
    }
    for (const log_field_t *field = fields; field && field->name; field++) {
        put(&line, field->name, field->text, field->number);
    }
    size_t length = line.length;
    if (!log_state.readable) {
        line.text[length++] = '}';
    }
    line.text[length++] = '\n';
    log_write(line.text, length);
}

void
log_hash(const char *user_id, char text[13])
{
    if (!log_state.ready) {
        log_setup(log_state.lowest, log_state.marker);
    }
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!HMAC(EVP_sha256(), log_state.hash_key, LOG_KEY_BYTES, (const uint8_t *)user_id, strlen(user_id), digest,
              &length)) {
        snprintf(text, 13, "unhashable");
        return;
    }
    for (size_t i = 0; i < LOG_HASH_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
}
