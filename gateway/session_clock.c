/* What runs out by itself while a session plays: the time it may do nothing, and the access token it came with. Each
 * warns first. Once a second all clocks are looked at, eight bytes each; a session itself only when its time has come.
 */
#include "state.h"

/* The second of act_now; rounded up it is the first one that begins after now. */
static uint32_t
session_second(const gateway_t *self)
{
    return (uint32_t)(act_now(self->ctx) / ACT_SEC);
}

static uint32_t
session_second_up(const gateway_t *self)
{
    return (uint32_t)((act_now(self->ctx) + ACT_SEC - 1) / ACT_SEC);
}

static session_clock_t *
session_clock(const gateway_t *self, const session_t *session)
{
    return &self->clocks[session - self->sessions];
}

uint32_t
session_wall_second(int64_t wall_msec)
{
    int64_t second = (wall_msec + 999) / 1000;
    return second < SESSION_NEVER ? (uint32_t)second : SESSION_NEVER;
}

uint32_t
session_wall_now(const gateway_t *self)
{
    return (uint32_t)(act_wall_msec(self->ctx) / 1000);
}

/* ---- who does nothing ---- */

void
session_touch(gateway_t *self, session_t *session)
{
    const gateway_limits_t *limits = &self->limits;
    if (limits->idle_seconds != 0) {
        session_clock(self, session)->idle_due =
            session_second_up(self) + limits->idle_seconds - limits->idle_warning_seconds;
        session->idle_warned = false;
    }
}

static void
session_idle_due(gateway_t *self, session_t *session)
{
    if (session->idle_warned) {
        session_end(self, session, CLOSE_CODE_INACTIVE);
        return;
    }
    session->idle_warned = true;
    session_clock(self, session)->idle_due = session_second_up(self) + self->limits.idle_warning_seconds;
    msg_event_inactivity_warning_t warning = {.seconds = self->limits.idle_warning_seconds};
    session_say(self, session, &type_event_inactivity_warning, "event.inactivity_warning", &warning, 96);
}

/* ---- whose access token runs out ---- */

void
session_set_auth(gateway_t *self, session_t *session, int64_t auth_until)
{
    uint32_t until = auth_until == 0 ? SESSION_NEVER : session_wall_second(auth_until);
    uint32_t warning = self->limits.auth_warning_seconds;
    session->auth_warned = false;
    session->auth_until = until;
    session_clock(self, session)->auth_due = until == SESSION_NEVER ? until : until > warning ? until - warning : 0;
}

static void
session_auth_due(gateway_t *self, session_t *session, uint32_t wall)
{
    uint32_t until = session->auth_until;
    if (wall >= until) {
        session_end(self, session, CLOSE_CODE_TOKEN_EXPIRED);
        return;
    }
    session->auth_warned = true;
    session_clock(self, session)->auth_due = until;
    msg_event_auth_expiring_t expiring = {.seconds = until - wall};
    session_say(self, session, &type_event_auth_expiring, "event.auth_expiring", &expiring, 96);
}

/* ---- all of them ---- */

void
session_clock_start(gateway_t *self, session_t *session)
{
    session_touch(self, session);
}

void
session_clock_stop(gateway_t *self, const session_t *session)
{
    *session_clock(self, session) = (session_clock_t){.idle_due = SESSION_NEVER, .auth_due = SESSION_NEVER};
}

void
session_tick(gateway_t *self)
{
    uint32_t second = session_second(self), wall = session_wall_now(self);
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        const session_clock_t *clock = &self->clocks[slot];
        if (second < clock->idle_due && wall < clock->auth_due) {
            continue;
        }
        session_t *session = &self->sessions[slot];
        if (session->state != SESSION_JOINED) {
            continue; /* its room is being asked: at the next look */
        }
        act_trace_set(self->ctx, session->trace);
        if (wall >= clock->auth_due) {
            session_auth_due(self, session, wall);
        }
        if (second >= clock->idle_due) { /* not any more when it has just ended */
            session_idle_due(self, session);
        }
    }
}
