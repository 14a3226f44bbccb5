/*
 * outbox -- what waits for one connection: messages in order, small ones as bytes, large ones as shared blobs.
 *
 * Costs 32 bytes while empty. Several messages leave as one frame: in JSON [a,b], in msgpack an array; one message
 * alone leaves as it is.
 */
#ifndef PLAYHOUSE_OUTBOX_H
#define PLAYHOUSE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"

enum {
    OUTBOX_FRAME_BYTES = 16384, /* a frame takes no further message over this; one message may be larger */
    OUTBOX_FRAME_MESSAGES = CODEC_FRAME_MESSAGES_MAX,
};

typedef struct outbox {
    uint8_t *data; /* NULL while empty */
    uint32_t at, end, capacity;
    uint32_t count; /* messages */
    size_t waiting; /* payload bytes, blobs included */
} outbox_t;

/* Where frames are put together: one per thread, grows to the largest frame there was. Zero it; free with fini. */
typedef struct outbox_frame {
    uint8_t *data;
    size_t capacity;
} outbox_frame_t;

/* Room for a message of up to `size` bytes; then outbox_commit says how many there are (0: none after all). */
uint8_t *outbox_reserve(outbox_t *self, uint32_t size);
void outbox_commit(outbox_t *self, uint32_t length);
/* Takes a reference. */
void outbox_add_blob(outbox_t *self, blob_t *blob);

/* The next frame: *length bytes with `headroom` free ones in front. NULL when nothing waits. */
uint8_t *outbox_take(outbox_t *self, codec_format_t format, size_t headroom, outbox_frame_t *frame, size_t *length);

void outbox_clear(outbox_t *self);
void outbox_frame_fini(outbox_frame_t *self);

#endif
