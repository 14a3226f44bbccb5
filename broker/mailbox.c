#include "mailbox.h"

#include <stdlib.h>
#include <string.h>

/* What stands in a buffer: this head, then the body. */
typedef struct mailbox_record {
    size_t size; /* of the whole record, a multiple of MAILBOX_ALIGN */
    msg_t msg;
    _Alignas(16) uint8_t body[];
} mailbox_record_t;

enum { MAILBOX_ALIGN = 16 };

_Static_assert(MSG_BODY_MAX + sizeof(mailbox_record_t) <= MAILBOX_BODY_MAX, "half a mailbox holds any message");

void
mailbox_init(mailbox_t *self, size_t count_max)
{
    *self = (mailbox_t){.count_max = count_max};
}

void
mailbox_fini(mailbox_t *self)
{
    mailbox_clear(self);
    free(self->filling.bytes);
    free(self->reading.bytes);
    *self = (mailbox_t){0};
}

void
mailbox_clear(mailbox_t *self)
{
    while (mailbox_next(self) != NULL) {
    }
}

static bool
mailbox_reserve(mailbox_buffer_t *buffer, size_t size)
{
    if (buffer->used + size <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity ? buffer->capacity : 4096;
    while (capacity < buffer->used + size) {
        capacity *= 2;
    }
    if (capacity > MAILBOX_BYTES_MAX) {
        return false;
    }
    uint8_t *bytes = aligned_alloc(MAILBOX_ALIGN, capacity);
    ACT_ASSERT(bytes != NULL);
    if (buffer->used > 0) {
        memcpy(bytes, buffer->bytes, buffer->used);
    }
    free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool
mailbox_push(mailbox_t *self, const msg_t *msg)
{
    const codec_type_t *type = msg_infos[msg->type].type;
    size_t size = (sizeof(mailbox_record_t) + type->size + MAILBOX_ALIGN - 1) / MAILBOX_ALIGN * MAILBOX_ALIGN;
    if (self->count >= self->count_max || !mailbox_reserve(&self->filling, size)) {
        return false;
    }
    mailbox_record_t *record = (mailbox_record_t *)(void *)(self->filling.bytes + self->filling.used);
    record->size = size;
    record->msg = *msg;
    memcpy(record->body, msg->body, type->size);
    if (type->has_blobs) {
        codec_retain(type, record->body);
    }
    self->filling.used += size;
    self->count++;
    return true;
}

/* The buffer that was read becomes the one that fills. */
static void
mailbox_swap(mailbox_t *self)
{
    mailbox_buffer_t emptied = self->reading;
    if (emptied.capacity > MAILBOX_BYTES_KEEP && emptied.used < emptied.capacity / 4) {
        free(emptied.bytes);
        emptied = (mailbox_buffer_t){0};
    }
    emptied.used = 0;
    self->reading = self->filling;
    self->filling = emptied;
    self->at = 0;
}

/* The message given out last has been handled: drop what it holds and step over it. */
static void
mailbox_finish(mailbox_t *self)
{
    mailbox_record_t *record = (mailbox_record_t *)(void *)(self->reading.bytes + self->at);
    const codec_type_t *type = msg_infos[record->msg.type].type;
    if (type->has_blobs) {
        codec_release(type, record->body);
    }
    self->at += record->size;
    self->given = false;
}

const msg_t *
mailbox_next(mailbox_t *self)
{
    if (self->given) {
        mailbox_finish(self);
    }
    if (self->at >= self->reading.used) {
        if (self->filling.used == 0) {
            return NULL;
        }
        mailbox_swap(self);
    }
    mailbox_record_t *record = (mailbox_record_t *)(void *)(self->reading.bytes + self->at);
    record->msg.body = record->body; /* set here: the buffer may have moved since the push */
    self->given = true;
    self->count--;
    return &record->msg;
}
