/*
 * directory -- who owns a key: rendezvous hashing over the threads that run a kind. Each thread of each process is a
 * place; a key belongs to the place whose hash with it is greatest, so a place that comes or goes moves only its own
 * share of the keys. Read-only while the process runs: every thread may look.
 */
#ifndef PLAYHOUSE_DIRECTORY_H
#define PLAYHOUSE_DIRECTORY_H

#include "act.h"

enum { DIRECTORY_PLACES_MAX = 64 /* threads of one kind, over all processes */ };

typedef struct directory_place {
    uint32_t node;
    uint8_t thread;
} directory_place_t;

typedef struct directory {
    struct {
        directory_place_t places[DIRECTORY_PLACES_MAX];
        uint32_t count;
    } kinds[ACT_KIND_COUNT];
} directory_t;

/* False: DIRECTORY_PLACES_MAX are there already. */
bool directory_add(directory_t *self, act_kind_id_t kind, uint32_t node, uint8_t thread);
/* Fills *to (key included). False: nobody runs that kind. */
bool directory_owner(const directory_t *self, act_kind_id_t kind, const char *key, act_addr_t *to);

/* 64 well-mixed bits of a text. */
uint64_t directory_hash(const char *text);

#endif
