#include "store_group.h"

#include <string.h>

#include "fnv.h"

uint64_t
store_text_hash(const char *a, const char *b)
{
    uint64_t hash = fnv_text(fnv_text(FNV_64, a), b);
    return hash ^ hash >> 32;
}

void
store_group_start(store_group_t *self, store_group_by_t by)
{
    memset(self, 0, sizeof(*self));
    self->by = by;
}

static bool
same(store_group_by_t by, const msg_persistence_append_t *a, const msg_persistence_append_t *b)
{
    if (by == STORE_BY_CHARACTER) {
        return strcmp(a->action.character_id, b->action.character_id) == 0;
    }
    return strcmp(a->room, b->room) == 0 && (by == STORE_BY_ROOM || strcmp(a->item.item_id, b->item.item_id) == 0);
}

uint32_t
store_group_first(store_group_t *self, const msg_persistence_append_t *appends, uint32_t i)
{
    const msg_persistence_append_t *mine = &appends[i];
    uint64_t at = store_text_hash(self->by == STORE_BY_CHARACTER ? mine->action.character_id : mine->room,
                                  self->by == STORE_BY_ITEM ? mine->item.item_id : "");
    uint16_t *slot;
    while (*(slot = &self->slots[at++ % STORE_GROUP_SLOTS]) != 0) {
        if (same(self->by, &appends[*slot - 1], mine)) {
            return *slot - 1u;
        }
    }
    *slot = (uint16_t)(i + 1);
    return i;
}
