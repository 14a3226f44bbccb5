/* role -- what a role allows beside another one. */
#ifndef PLAYHOUSE_ROLE_H
#define PLAYHOUSE_ROLE_H

#include "msg.h"

/* Rises with what is allowed. */
static inline int
role_rank(role_t role)
{
    static const int ranks[ROLE_COUNT] = {
        [ROLE_SPECTATOR] = 0, [ROLE_PLAYER] = 1, [ROLE_MODERATOR] = 2, [ROLE_ADMIN] = 3};
    return ranks[role];
}

#endif
