#include "directory.h"

#include <stdio.h>

uint64_t
directory_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
    }
    return hash;
}

/* The finaliser of splitmix64: FNV alone leaves the high bits of short keys alike. */
static uint64_t
directory_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

bool
directory_add(directory_t *self, act_kind_id_t kind, uint32_t node, uint8_t thread)
{
    if (self->kinds[kind].count == DIRECTORY_PLACES_MAX) {
        return false;
    }
    self->kinds[kind].places[self->kinds[kind].count++] = (directory_place_t){.node = node, .thread = thread};
    return true;
}

bool
directory_owner(const directory_t *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    uint32_t count = self->kinds[kind].count;
    if (count == 0) {
        return false;
    }
    const directory_place_t *best = &self->kinds[kind].places[0];
    if (count > 1) {
        uint64_t hash = directory_hash(key), best_weight = 0;
        for (uint32_t i = 0; i < count; i++) {
            const directory_place_t *place = &self->kinds[kind].places[i];
            uint64_t weight = directory_mix(hash ^ directory_mix(((uint64_t)place->node << 8 | place->thread) + 1));
            if (i == 0 || weight > best_weight) {
                best = place;
                best_weight = weight;
            }
        }
    }
    to->node = best->node;
    to->kind = (uint8_t)kind;
    to->thread = best->thread;
    snprintf(to->key, sizeof to->key, "%s", key);
    return true;
}
