/* shaky_registry -- a registry whose power can be cut: then every operation answers UNAVAILABLE. What it knew it knows
 * when it is back, however old that is by then. */
#ifndef PLAYHOUSE_SIM_SHAKY_REGISTRY_H
#define PLAYHOUSE_SIM_SHAKY_REGISTRY_H

#include "registry.h"

typedef struct shaky {
    registry_t *registry; /* the form itself; its table of functions is exchanged */
    registry_t table;     /* as it was */
    bool away;
} shaky_t;

/* Cuts the power of `registry`, which stays the caller's, or gives it back. */
void shaky_cut(shaky_t *self, registry_t *registry);
void shaky_mend(shaky_t *self);

#endif
