/* store_sessions -- what both forms know about sessions. */
#ifndef PLAYHOUSE_STORE_SESSIONS_H
#define PLAYHOUSE_STORE_SESSIONS_H

#include "store.h"

enum {
    SESSION_FORGET_MSEC = 24 * 60 * 60 * 1000, /* after its end */
    SESSION_LASTS = -1,                        /* its state is never over by itself */
};

bool session_has_seat(session_state_t state);
/* What is kept of left_ms: when its state is over, or SESSION_LASTS. One that has ended has none. */
int64_t session_until(const obj_session_row_t *session, int64_t at);
/* What is left of that: 0 when it is over. */
int64_t session_left(int64_t until, int64_t at);

#endif
