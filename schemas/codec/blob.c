#include "blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

blob_t *
blob_new(const void *data, size_t length)
{
    blob_t *self = length <= UINT32_MAX ? malloc(sizeof *self + length) : NULL;
    if (self == NULL) {
        fprintf(stderr, "no memory for a blob of %zu bytes\n", length);
        abort();
    }
    atomic_init(&self->references, 1);
    self->length = (uint32_t)length;
    if (data != NULL && length > 0) {
        memcpy(self->data, data, length);
    }
    return self;
}

blob_t *
blob_retain(blob_t *self)
{
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    return self;
}

void
blob_release(blob_t **self_p)
{
    blob_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL && atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) {
        free(self);
    }
}
