/* registry_redis -- what the Redis form has beyond the port; for main.c, benches and tests. */
#ifndef PLAYHOUSE_REGISTRY_REDIS_H
#define PLAYHOUSE_REGISTRY_REDIS_H

#include "registry.h"

/* For tests: from now on time is what the calls give as `now`, in whole milliseconds, not Redis's clock. */
void registry_redis_use_caller_clock(registry_t *self);

#endif
