/* blob -- bytes that several holders share: an encoded frame that goes to many sockets. Counted; freed with the last
 * reference. Immutable once shared. The count is atomic, so that a blob may be released on another thread. */
#ifndef PLAYHOUSE_BLOB_H
#define PLAYHOUSE_BLOB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* LWS_PRE: libwebsockets writes its frame header in front of the payload. Checked by the gateway at compile time. */
enum { BLOB_HEADROOM = 16 };

typedef struct blob {
    atomic_uint references;
    uint32_t length;
    uint8_t headroom[BLOB_HEADROOM]; /* before data, free for a transport's frame header */
    uint8_t data[];
} blob_t;

/* One reference, owned by the caller; `data` is copied, or left unset when NULL. Never NULL: out of memory ends the
 * process. */
blob_t *blob_new(const void *data, size_t length);
blob_t *blob_retain(blob_t *self);
/* Drops a reference and nulls the caller's pointer; NULL is fine. */
void blob_release(blob_t **self_p);

#endif
