/* keyset_shelf -- what every keyset form has: the latest text, its generation and the state, under a lock. */
#ifndef PLAYHOUSE_KEYSET_SHELF_H
#define PLAYHOUSE_KEYSET_SHELF_H

#include <pthread.h>

#include "keyset.h"

typedef struct keyset_shelf {
    pthread_mutex_t lock;
    char *text; /* NULL: none yet */
    uint64_t generation;
    keyset_state_t state;
} keyset_shelf_t;

void keyset_shelf_init(keyset_shelf_t *self, keyset_state_t state);
void keyset_shelf_fini(keyset_shelf_t *self);

/* Each of these wants the lock to be held. put takes `text` (malloc) and makes it the next generation, unless it is
 * what is there; NULL means the reading failed. */
void keyset_shelf_put(keyset_shelf_t *self, char *text);
keyset_state_t keyset_shelf_poll(const keyset_shelf_t *self, uint64_t *generation, char **jwks);

/* malloc that does not fail: out of memory ends the process. */
void *keyset_allocate(size_t size);

#endif
