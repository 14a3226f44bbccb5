#include "store_sessions.h"

#define LEFT_MSEC_MAX INT64_C(9007199254740991) /* as in the schema */

bool
session_has_seat(session_state_t state)
{
    return state != SESSION_STATE_WAITING && state != SESSION_STATE_ENDED;
}

int64_t
session_until(const obj_session_row_t *session, int64_t at)
{
    return session->left_ms == -1 || session->state == SESSION_STATE_ENDED ? (int64_t)SESSION_LASTS
                                                                           : at + session->left_ms;
}

int64_t
session_left(int64_t until, int64_t at)
{
    if (until == SESSION_LASTS) {
        return -1;
    }
    int64_t left = until - at < LEFT_MSEC_MAX ? until - at : LEFT_MSEC_MAX;
    return left > 0 ? left : 0;
}
