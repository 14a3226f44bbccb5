#include "admission_pending.h"

#include <stdlib.h>
#include <string.h>

#include "fnv.h"

enum { ADMISSION_TABLE_FIRST = 64 }; /* slots of the first allocation; each next one doubles */

/* Never 0. Session ids are drawn by the gateway: nobody outside chooses them. */
static uint32_t
admission_table_hash(const char *session_id)
{
    return fnv32_text(FNV_32, session_id) | 1;
}

void
admission_table_fini(admission_table_t *self)
{
    free(self->slots);
    self->slots = NULL;
}

/* Memory for one slot more. False: there is none, or the cap is reached. */
static bool
admission_table_grow(admission_table_t *self)
{
    if (self->top < self->size) {
        return true;
    }
    if (self->size == ADMISSION_PENDING_CAP) {
        return false;
    }
    uint32_t size = self->size == 0 ? ADMISSION_TABLE_FIRST : self->size * 2;
    admission_pending_t *slots = realloc(self->slots, size * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    memset(slots + self->size, 0, (size - self->size) * sizeof *slots);
    self->slots = slots;
    self->size = size;
    return true;
}

admission_pending_t *
admission_table_add(admission_table_t *self, const msg_t *request, const char *session_id)
{
    uint32_t slot = self->top;
    if (self->free_count > 0) {
        slot = self->free_slots[--self->free_count];
    } else if (admission_table_grow(self)) {
        self->top++;
    } else {
        return NULL;
    }
    admission_pending_t *pending = &self->slots[slot];
    ACT_ASSERT(!pending->used);
    *pending = (admission_pending_t){.used = true, .turn = pending->turn, .request = *request};
    pending->request.body = NULL;
    memcpy(pending->session_id, session_id, strnlen(session_id, sizeof pending->session_id - 1));
    self->hashes[slot] = session_id[0] != '\0' ? admission_table_hash(session_id) : 0;
    return pending;
}

admission_pending_t *
admission_table_find(admission_table_t *self, const char *session_id)
{
    uint32_t hash = admission_table_hash(session_id);
    for (uint32_t i = 0; i < self->top; i++) {
        if (self->hashes[i] == hash && strcmp(self->slots[i].session_id, session_id) == 0) {
            return &self->slots[i];
        }
    }
    return NULL;
}

void
admission_table_drop(admission_table_t *self, admission_pending_t *pending)
{
    uint32_t slot = (uint32_t)(pending - self->slots);
    ACT_ASSERT(pending->used);
    pending->used = false;
    pending->turn++;
    self->hashes[slot] = 0;
    self->free_slots[self->free_count++] = slot;
}

uint64_t
admission_table_context(const admission_table_t *self, const admission_pending_t *pending)
{
    return (uint64_t)(pending->turn & 0xffffff) << 32 | (uint64_t)(pending - self->slots);
}

admission_pending_t *
admission_table_answered(admission_table_t *self, uint64_t context)
{
    uint32_t slot = (uint32_t)context, turn = (uint32_t)(context >> 32) & 0xffffff;
    if (slot >= self->top || !self->slots[slot].used || (self->slots[slot].turn & 0xffffff) != turn) {
        return NULL;
    }
    return &self->slots[slot];
}
