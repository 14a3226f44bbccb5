/* rate -- a token bucket in eight bytes: the moment at which it will be full again. It holds a second's worth. */
#ifndef PLAYHOUSE_RATE_H
#define PLAYHOUSE_RATE_H

#include "act.h"

typedef struct rate {
    act_usec_t full_at;
} rate_t;

/* Takes one of `per_second`. 0: taken; else how many milliseconds until there will be one. */
static inline int64_t
rate_take(rate_t *self, act_usec_t now, int64_t per_second)
{
    act_usec_t cost = ACT_SEC / per_second;
    act_usec_t full_at = self->full_at > now ? self->full_at : now;
    act_usec_t over = full_at + cost - now - ACT_SEC;
    if (over > 0) {
        return (over + ACT_MSEC - 1) / ACT_MSEC;
    }
    self->full_at = full_at + cost;
    return 0;
}

#endif
