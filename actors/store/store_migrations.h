/* store_migrations -- schemas/migrations/, embedded at build time (embed_migrations.py), a table for each form. */
#ifndef PLAYHOUSE_STORE_MIGRATIONS_H
#define PLAYHOUSE_STORE_MIGRATIONS_H

#include <stdint.h>

/* x_migrations[i].version is i + 1. */
typedef struct migration {
    int64_t version;
    const char *name;
    const char *checksum; /* SHA-256 of the file that goes up, in hex */
    const char *up;
    const char *down;
    const char *loses; /* what going down loses, for people */
} migration_t;

extern const migration_t sqlite_migrations[];
extern const uint32_t sqlite_migrations_count;
extern const migration_t postgres_migrations[];
extern const uint32_t postgres_migrations_count;

#endif
