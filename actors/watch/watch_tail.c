/* watch.tail: what the flight recorders hold, from all mailboxes, in one order. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "watch_state.h"

enum { TAIL_ENTRIES_CAP = 128 }; /* of one answer, as its schema says */

/* Where the reading of one mailbox stands. */
typedef struct tail_reader {
    recorder_t *recorder;
    uint64_t position, end; /* end: as it was when the answer was begun */
    recorder_head_t head;   /* the next that matches */
    bool found;
} tail_reader_t;

__attribute__((format(printf, 3, 4))) static void
watch_refuse(act_ctx_t *ctx, const msg_t *msg, const char *format, ...)
{
    msg_watch_refused_t refused = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refused.why, sizeof refused.why, format, arguments);
    va_end(arguments);
    reply_watch_refused(ctx, msg, &refused);
}

/* ---- the filter ---- */

static bool
tail_read_kind(act_ctx_t *ctx, const msg_t *msg, const char *name, act_kind_id_t *kind)
{
    nearest_t nearest = nearest_start(name);
    for (int i = 1; i < ACT_KIND_COUNT; i++) {
        if (strcmp(act_kind_names[i], name) == 0) {
            *kind = (act_kind_id_t)i;
            return true;
        }
        nearest_offer(&nearest, act_kind_names[i]);
    }
    char hint[2 * NEAREST_WORD_CAP];
    nearest_hint(&nearest, hint, sizeof hint);
    watch_refuse(ctx, msg, "there is no kind '%s'%s", name, hint);
    return false;
}

static bool
tail_read_type(act_ctx_t *ctx, const msg_t *msg, const char *name, msg_type_t *type)
{
    *type = msg_type_find(name, strlen(name));
    if (*type != MSG_NONE) {
        return true;
    }
    nearest_t nearest = nearest_start(name);
    for (int i = 1; i < MSG_COUNT; i++) {
        nearest_offer(&nearest, msg_infos[i].name);
    }
    char hint[2 * NEAREST_WORD_CAP];
    nearest_hint(&nearest, hint, sizeof hint);
    watch_refuse(ctx, msg, "no message is called '%s'%s", name, hint);
    return false;
}

static bool
tail_read_trace(act_ctx_t *ctx, const msg_t *msg, const char *text, act_trace_t *trace)
{
    for (size_t i = 0; i < sizeof trace->bytes; i++) {
        unsigned byte;
        if (strspn(text + 2 * i, "0123456789abcdefABCDEF") < 2 || sscanf(text + 2 * i, "%2x", &byte) != 1) {
            watch_refuse(ctx, msg, "a trace is 32 hex digits");
            return false;
        }
        trace->bytes[i] = (uint8_t)byte;
    }
    return true;
}

/* False: refused. */
static bool
tail_read_filter(act_ctx_t *ctx, const msg_t *msg, const msg_watch_tail_t *tail, recorder_filter_t *filter)
{
    *filter = (recorder_filter_t){
        .keyed = tail->has_key, .traced = tail->has_trace, .sample = tail->has_sample ? (uint32_t)tail->sample : 0};
    memcpy(filter->key, tail->key, sizeof filter->key);
    return (!tail->has_kind || tail_read_kind(ctx, msg, tail->kind, &filter->kind)) &&
           (!tail->has_message || tail_read_type(ctx, msg, tail->message, &filter->type)) &&
           (!tail->has_trace || tail_read_trace(ctx, msg, tail->trace, &filter->trace));
}

/* ---- reading ---- */

/* Watching makes messages: they are shown to whoever asks for them by name only. */
static bool
tail_is_own(msg_type_t type)
{
    return strncmp(msg_infos[type].name, "watch.", strlen("watch.")) == 0;
}

/* Goes on to the next that matches; counts what was written over before it could be read. */
static void
tail_seek(tail_reader_t *self, const recorder_filter_t *filter, int64_t *lost)
{
    for (self->found = false; self->position < self->end && !self->found; self->position += !self->found) {
        if (!recorder_read(self->recorder, self->position, &self->head)) {
            uint64_t begin = recorder_begin(self->recorder);
            uint64_t next = begin > self->position + 1 ? begin : self->position + 1;
            next = next < self->end ? next : self->end;
            *lost += (int64_t)(next - self->position);
            self->position = next - 1;
            continue;
        }
        bool named = filter->kind == ACT_KIND_WATCH || filter->type != MSG_NONE || filter->traced;
        self->found = recorder_matches(self->recorder, filter, &self->head) && (named || !tail_is_own(self->head.type));
    }
}

/* What is no printable ASCII came from outside, and is shown as such. */
static void
tail_copy(char *to, size_t size, const char *from)
{
    size_t length = 0;
    for (; from[length] != '\0' && length < size - 1; length++) {
        to[length] = from[length] >= ' ' && from[length] <= '~' ? from[length] : '?';
    }
    to[length] = '\0';
}

static void
tail_write(const tail_reader_t *reader, unsigned thread, act_usec_t offset, obj_tail_entry_t *entry)
{
    const recorder_head_t *head = &reader->head;
    char from[ACT_KEY_MAX + 48];
    *entry = (obj_tail_entry_t){.at_us = head->at + offset,
                                .thread = thread,
                                .handler_us = head->handler_usec,
                                .correlation = watch_number(head->correlation)};
    snprintf(entry->kind, sizeof entry->kind, "%s", act_kind_names[reader->recorder->kind]);
    tail_copy(entry->key, sizeof entry->key, head->key);
    tail_copy(entry->message, sizeof entry->message, msg_infos[head->type].name);
    snprintf(from, sizeof from, "%" PRIu32 ":%s:%u:%s", head->from.node,
             act_kind_names[head->from.kind < ACT_KIND_COUNT ? head->from.kind : 0], (unsigned)head->from.thread,
             head->from.key);
    tail_copy(entry->from, sizeof entry->from, from);
    act_trace_text(head->trace, entry->trace);
    entry->has_body = recorder_read_body(reader->recorder, head->position, entry->body) > 0;
}

static uint64_t
tail_start(const msg_watch_tail_t *tail, size_t i, const recorder_t *recorder)
{
    uint64_t end = recorder_end(recorder);
    if (tail->has_cursor && i < tail->cursor_len) {
        uint64_t at = (uint64_t)tail->cursor[i];
        return at <= end ? at : recorder_begin(recorder); /* beyond: of an earlier life of this process */
    }
    return tail->has_cursor || tail->has_past ? recorder_begin(recorder) : end;
}

/* The reader whose next message began first; NULL when none has one. */
static tail_reader_t *
tail_first(tail_reader_t *readers, size_t count)
{
    tail_reader_t *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (readers[i].found && (first == NULL || readers[i].head.at < first->head.at)) {
            first = &readers[i];
        }
    }
    return first;
}

static void
tail_tap(const recorder_filter_t *filter, act_usec_t now, tail_reader_t *readers, size_t count,
         msg_watch_tailed_t *tailed)
{
    for (size_t i = 0; i < count; i++) {
        bool other = filter->kind != ACT_KIND_NONE && filter->kind != readers[i].recorder->kind;
        if (!other && !recorder_tap(readers[i].recorder, filter, now, now + (act_usec_t)WATCH_TAP_SECONDS * ACT_SEC)) {
            tailed->bodies_full = true;
        }
    }
}

void
watch_on_tail(watch_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_watch_tail_t *tail = msg->body;
    recorder_filter_t filter;
    if (!tail_read_filter(ctx, msg, tail, &filter)) {
        return;
    }
    stats_row_t rows[WATCH_ROWS_CAP];
    tail_reader_t readers[WATCH_ROWS_CAP];
    size_t count = watch_rows(self, rows);
    msg_watch_tailed_t tailed = {.cursor_len = (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        readers[i] = (tail_reader_t){.recorder = rows[i].recorder, .end = recorder_end(rows[i].recorder)};
        readers[i].position = tail_start(tail, i, rows[i].recorder);
        tail_seek(&readers[i], &filter, &tailed.lost);
        tailed.bodies_dropped += (int64_t)atomic_load_explicit(&rows[i].recorder->bodies_dropped, memory_order_relaxed);
    }
    if (tail->has_bodies && tail->bodies) {
        tail_tap(&filter, act_now(ctx), readers, count, &tailed);
    }
    act_usec_t offset = self->config->clock_offset();
    tail_reader_t *next;
    while ((next = tail_first(readers, count)) != NULL && tailed.entries_len < TAIL_ENTRIES_CAP) {
        tail_write(next, rows[next - readers].thread, offset, &tailed.entries[tailed.entries_len++]);
        next->position++;
        tail_seek(next, &filter, &tailed.lost);
    }
    tailed.more = next != NULL;
    for (size_t i = 0; i < count; i++) {
        tailed.cursor[i] = (int64_t)readers[i].position;
    }
    snprintf(tailed.node, sizeof tailed.node, "%s", self->config->node);
    reply_watch_tailed(ctx, msg, &tailed);
}
