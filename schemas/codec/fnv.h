/*
 * fnv -- FNV-1a: a quick hash of short texts, for tables. Whoever may choose the texts can make them collide. Goes on
 * from `hash`, which is FNV_64 or FNV_32 at first; its high bits are alike for short texts, so fold them in.
 */
#ifndef PLAYHOUSE_FNV_H
#define PLAYHOUSE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_64 UINT64_C(0xcbf29ce484222325)
#define FNV_32 UINT32_C(0x811c9dc5)

static inline uint64_t
fnv_bytes(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static inline uint64_t
fnv_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static inline uint32_t
fnv32_bytes(uint32_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT32_C(0x01000193);
    }
    return hash;
}

static inline uint32_t
fnv32_text(uint32_t hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT32_C(0x01000193);
    }
    return hash;
}

#endif
