/* registry_memory_table -- finds what lives inside its owners: hash chains through links that stand in them. Any number
 * of links may have one hash; whoever looks compares the rest. */
#ifndef PLAYHOUSE_REGISTRY_MEMORY_TABLE_H
#define PLAYHOUSE_REGISTRY_MEMORY_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct registry_link {
    struct registry_link *next;
    uint32_t hash;
} registry_link_t;

/* Zeroed: empty. Grows with what is put in; without memory its chains get longer. */
typedef struct registry_table {
    registry_link_t **buckets;
    uint32_t mask; /* buckets less one */
    uint32_t count;
} registry_table_t;

/* Whose member `member` the link at `link` is. */
#define REGISTRY_OWNER(type, member, link) ((type *)(void *)((char *)(link)-offsetof(type, member)))

uint32_t registry_text_hash(const char *text);
/* Of a SHA-256, whose bytes are as good as drawn. */
uint32_t registry_digest_hash(const uint8_t *digest);

void registry_table_fini(registry_table_t *self);
void registry_table_put(registry_table_t *self, registry_link_t *link, uint32_t hash);
void registry_table_remove(registry_table_t *self, registry_link_t *link);
/* The links of this hash, one after the other; NULL: no more. */
registry_link_t *registry_table_first(const registry_table_t *self, uint32_t hash);
registry_link_t *registry_table_next(const registry_link_t *link);

#endif
