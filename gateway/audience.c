#include "audience.h"

#include <stdlib.h>
#include <string.h>

#include "fnv.h"

static audience_t **
audience_bucket(audience_table_t *self, const char *key)
{
    uint32_t hash = fnv32_text(FNV_32, key);
    return &self->buckets[(hash ^ hash >> 16) % AUDIENCE_BUCKETS];
}

audience_t *
audience_find(audience_table_t *self, const char *key)
{
    audience_t *found = *audience_bucket(self, key);
    while (found != NULL && strcmp(found->room.key, key) != 0) {
        found = found->next;
    }
    return found;
}

audience_t *
audience_hold(audience_table_t *self, const char *key)
{
    audience_t *found = audience_find(self, key);
    if (found == NULL) {
        size_t length = strlen(key);
        ACT_ASSERT(length <= ACT_KEY_MAX);
        found = calloc(1, sizeof(*found));
        ACT_ASSERT(found != NULL);
        found->room.kind = ACT_KIND_ROOM;
        memcpy(found->room.key, key, length + 1);
        found->first = AUDIENCE_NOBODY;
        audience_t **bucket = audience_bucket(self, key);
        found->next = *bucket;
        *bucket = found;
    }
    found->references++;
    return found;
}

void
audience_release(audience_table_t *self, audience_t **audience_p)
{
    audience_t *audience = *audience_p;
    *audience_p = NULL;
    if (audience == NULL || --audience->references > 0) {
        return;
    }
    ACT_ASSERT(audience->first == AUDIENCE_NOBODY);
    audience_t **link = audience_bucket(self, audience->room.key);
    while (*link != audience) {
        link = &(*link)->next;
    }
    *link = audience->next;
    free(audience);
}

bool
audience_is_of(const audience_t *self, const act_addr_t *room)
{
    return !self->settled || (self->room.node == room->node && self->room.thread == room->thread);
}
