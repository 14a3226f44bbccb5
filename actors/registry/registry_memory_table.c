#include "registry_memory_table.h"

#include <stdlib.h>
#include <string.h>

#include "act.h"
#include "fnv.h"

enum { BUCKETS_MIN = 64 };

/* The texts are ids that the server drew, or that the identity provider gave: nobody outside chooses them. */
uint32_t
registry_text_hash(const char *text)
{
    uint32_t hash = fnv32_text(FNV_32, text);
    return hash ^ hash >> 15;
}

uint32_t
registry_digest_hash(const uint8_t *digest)
{
    uint32_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

void
registry_table_fini(registry_table_t *self)
{
    free(self->buckets);
    *self = (registry_table_t){0};
}

static void
registry_table_grow(registry_table_t *self)
{
    uint32_t size = self->buckets != NULL ? 2 * (self->mask + 1) : BUCKETS_MIN;
    registry_link_t **buckets = size != 0 ? calloc(size, sizeof(registry_link_t *)) : NULL;
    if (buckets == NULL) {
        ACT_ASSERT(self->buckets != NULL); /* not even the first few */
        return;
    }
    for (uint32_t i = 0; self->buckets != NULL && i <= self->mask; i++) {
        for (registry_link_t *link = self->buckets[i]; link != NULL;) {
            registry_link_t *next = link->next;
            link->next = buckets[link->hash & (size - 1)];
            buckets[link->hash & (size - 1)] = link;
            link = next;
        }
    }
    free(self->buckets);
    self->buckets = buckets;
    self->mask = size - 1;
}

void
registry_table_put(registry_table_t *self, registry_link_t *link, uint32_t hash)
{
    if (self->buckets == NULL || self->count > self->mask) {
        registry_table_grow(self);
    }
    registry_link_t **bucket = &self->buckets[hash & self->mask];
    *link = (registry_link_t){.next = *bucket, .hash = hash};
    *bucket = link;
    self->count++;
}

void
registry_table_remove(registry_table_t *self, registry_link_t *link)
{
    registry_link_t **at = &self->buckets[link->hash & self->mask];
    while (*at != link) {
        ACT_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = link->next;
    self->count--;
}

static registry_link_t *
registry_link_of(registry_link_t *link, uint32_t hash)
{
    while (link != NULL && link->hash != hash) {
        link = link->next;
    }
    return link;
}

registry_link_t *
registry_table_first(const registry_table_t *self, uint32_t hash)
{
    return self->buckets != NULL ? registry_link_of(self->buckets[hash & self->mask], hash) : NULL;
}

registry_link_t *
registry_table_next(const registry_link_t *link)
{
    return registry_link_of(link->next, link->hash);
}
