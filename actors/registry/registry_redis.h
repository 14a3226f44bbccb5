/* registry_redis -- what the Redis form has beyond the port; for main.c, benches and tests. */
#ifndef PLAYHOUSE_REGISTRY_REDIS_H
#define PLAYHOUSE_REGISTRY_REDIS_H

#include "registry.h"

/* What the last trouble was: why it is UNAVAILABLE, or LOST; "" when there was none. Copied to `text`. On any thread.
 */
void registry_redis_why(registry_t *self, char *text, size_t size);
/* For tests: from now on time is what the calls give as `now`, in whole milliseconds, not Redis's clock. */
void registry_redis_use_caller_clock(registry_t *self);

#endif
