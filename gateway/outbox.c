#include "outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTBOX_START = 256,        /* first allocation: a couple of acks */
    OUTBOX_BLOB = 0x80000000u, /* in a record's head: a pointer follows, not bytes */
    OUTBOX_FRONT = 3,          /* bytes in front of the first message, for the head of an array */
};

/* A record is its head, 4 bytes: the length, or OUTBOX_BLOB; then the bytes, or the pointer. */
static void *
outbox_alloc(void *old, size_t size)
{
    void *data = realloc(old, size);
    if (data == NULL) {
        abort(); /* as blob_new: out of memory ends the process */
    }
    return data;
}

uint8_t *
outbox_reserve(outbox_t *self, uint32_t size)
{
    uint32_t need = (uint32_t)sizeof(uint32_t) + size;
    if (self->capacity - self->end < need) {
        if (self->at > 0) {
            memmove(self->data, self->data + self->at, self->end - self->at);
            self->end -= self->at;
            self->at = 0;
        }
        uint32_t capacity = self->capacity == 0 ? OUTBOX_START : self->capacity;
        while (capacity - self->end < need) {
            capacity *= 2;
        }
        if (capacity != self->capacity) {
            self->data = outbox_alloc(self->data, capacity);
            self->capacity = capacity;
        }
    }
    return self->data + self->end + sizeof(uint32_t);
}

void
outbox_commit(outbox_t *self, uint32_t length)
{
    if (length > 0) {
        memcpy(self->data + self->end, &length, sizeof(length));
        self->end += (uint32_t)sizeof(length) + length;
        self->count++;
        self->waiting += length;
    } else if (self->count == 0) {
        outbox_clear(self);
    }
}

void
outbox_add_blob(outbox_t *self, blob_t *blob)
{
    uint8_t *place = outbox_reserve(self, sizeof(blob_t *));
    uint32_t head = OUTBOX_BLOB;
    blob_t *held = blob_retain(blob);
    memcpy(place - sizeof(head), &head, sizeof(head));
    memcpy(place, &held, sizeof(held));
    self->end += (uint32_t)(sizeof(head) + sizeof(held));
    self->count++;
    self->waiting += blob->length;
}

/* The record at `at`: its bytes and length; *blob is set when it is one. Returns where the next record starts. */
static uint32_t
outbox_read(const outbox_t *self, uint32_t at, const uint8_t **bytes, uint32_t *length, blob_t **blob)
{
    uint32_t head;
    memcpy(&head, self->data + at, sizeof(head));
    at += (uint32_t)sizeof(head);
    *blob = NULL;
    if (head != OUTBOX_BLOB) {
        *bytes = self->data + at;
        *length = head;
        return at + head;
    }
    memcpy(blob, self->data + at, sizeof(*blob));
    *bytes = (*blob)->data;
    *length = (*blob)->length;
    return at + (uint32_t)sizeof(*blob);
}

/* How many messages go into the next frame, and their bytes with a separator each. */
static uint32_t
outbox_measure(const outbox_t *self, size_t *total)
{
    uint32_t messages = 0;
    *total = 0;
    for (uint32_t at = self->at; at < self->end && messages < OUTBOX_FRAME_MESSAGES; messages++) {
        const uint8_t *bytes;
        uint32_t length;
        blob_t *blob;
        at = outbox_read(self, at, &bytes, &length, &blob);
        if (messages > 0 && *total + length + 1 > OUTBOX_FRAME_BYTES) {
            break;
        }
        *total += length + 1;
    }
    return messages;
}

/* Puts the head (and in JSON the end) of an array around `messages` messages; a single one stays bare. */
static uint8_t *
outbox_wrap(uint8_t *first, uint8_t *end, codec_format_t format, uint32_t messages, size_t *length)
{
    if (messages > 1 && format == CODEC_JSON) {
        *--first = '[';
        *end++ = ']';
    } else if (messages > 1) {
        first -= 3;
        first[0] = 0xdc; /* array 16 */
        first[1] = (uint8_t)(messages >> 8);
        first[2] = (uint8_t)messages;
    }
    *length = (size_t)(end - first);
    return first;
}

uint8_t *
outbox_take(outbox_t *self, codec_format_t format, size_t headroom, outbox_frame_t *frame, size_t *length)
{
    if (self->count == 0) {
        return NULL;
    }
    size_t total;
    uint32_t messages = outbox_measure(self, &total);
    size_t need = headroom + OUTBOX_FRONT + total + 1;
    if (frame->capacity < need) {
        frame->capacity = need < 2 * OUTBOX_FRAME_BYTES ? 2 * OUTBOX_FRAME_BYTES : need;
        free(frame->data);
        frame->data = outbox_alloc(NULL, frame->capacity);
    }
    uint8_t *first = frame->data + headroom + OUTBOX_FRONT;
    uint8_t *out = first;
    for (uint32_t i = 0; i < messages; i++) {
        const uint8_t *bytes;
        uint32_t size;
        blob_t *blob;
        self->at = outbox_read(self, self->at, &bytes, &size, &blob);
        if (i > 0 && format == CODEC_JSON) {
            *out++ = ',';
        }
        memcpy(out, bytes, size);
        out += size;
        self->waiting -= size;
        blob_release(&blob);
    }
    self->count -= messages;
    if (self->count == 0) {
        assert(self->waiting == 0 && self->at == self->end);
        outbox_clear(self);
    }
    return outbox_wrap(first, out, format, messages, length);
}

void
outbox_clear(outbox_t *self)
{
    while (self->at < self->end && self->count > 0) {
        const uint8_t *bytes;
        uint32_t length;
        blob_t *blob;
        self->at = outbox_read(self, self->at, &bytes, &length, &blob);
        blob_release(&blob);
    }
    free(self->data);
    *self = (outbox_t){0};
}

void
outbox_frame_fini(outbox_frame_t *self)
{
    free(self->data);
    *self = (outbox_frame_t){0};
}
