/*
 * config -- one table of keys (config.tbl.h), three places to set them: a ZPL file, the environment
 * (PLAYHOUSE_GATEWAY_PORT) and flags (--gateway.port 8080), each stronger than the one before.
 *
 * Unknown keys and bad values are faults that name where they stand (file:line, variable or flag) and the nearest
 * known key. Read once before any thread starts; read-only from then on, so every thread may read it.
 */
#ifndef PLAYHOUSE_CONFIG_H
#define PLAYHOUSE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum config_key {
#define CONFIG(id, key, type, fallback, min, max, unit, doc) id,
#include "config.tbl.h"
#undef CONFIG
    CONFIG_KEY_COUNT
} config_key_t;

enum { CONFIG_TEXT_CAP = 1024 /* bytes of one value with its NUL; a longer one is refused */ };

typedef enum config_type { CONFIG_INT, CONFIG_BOOL, CONFIG_TEXT } config_type_t;

typedef struct config config_t;

/* The defaults. */
config_t *config_new(void);
void config_destroy(config_t **self_p);

/* Each returns false after writing one line per fault to `faults`. */
bool config_load_file(config_t *self, const char *path, FILE *faults);
bool config_load_env(config_t *self, char *const *environment, FILE *faults);
/* Takes --key value and --key=value out of argv (argc is updated); a bool flag may stand alone. `--config FILE` is
 * the caller's and is left in place, as is every word without "--". */
bool config_load_flags(config_t *self, int *argc, char **argv, FILE *faults);

int64_t config_int(const config_t *self, config_key_t key);
bool config_bool(const config_t *self, config_key_t key);
/* Valid as long as the config. "" when not set. */
const char *config_text(const config_t *self, config_key_t key);

/* Has it been set, even to its default? */
bool config_is_set(const config_t *self, config_key_t key);

/* Every key with default, unit, range and what it does, as ZPL that can be saved and edited. */
void config_print(FILE *out);

#endif
