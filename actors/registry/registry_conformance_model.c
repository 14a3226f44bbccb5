#include "registry_conformance_model.h"

#include <string.h>

static act_usec_t
model_after(const model_t *self, int64_t msec)
{
    return self->now + msec * ACT_MSEC;
}

static void
model_rise(model_t *self, model_session_t *session, int64_t version)
{
    ACT_ASSERT(version > self->version[session->instance]);
    self->version[session->instance] = version;
    session->version = version;
}

model_session_t *
model_find(model_t *self, unsigned instance, unsigned session)
{
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        if (self->sessions[i].session == session && self->sessions[i].instance == instance && session != 0) {
            return &self->sessions[i];
        }
    }
    return NULL;
}

model_session_t *
model_find_character(model_t *self, unsigned instance, unsigned character)
{
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        if (self->sessions[i].session != 0 && self->sessions[i].character == character &&
            (!self->characters_per_instance || self->sessions[i].instance == instance)) {
            return &self->sessions[i];
        }
    }
    return NULL;
}

static model_session_t *
model_find_secret(model_t *self, unsigned instance, unsigned secret)
{
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        if (self->sessions[i].session != 0 && self->sessions[i].instance == instance &&
            self->sessions[i].secret == secret) {
            return &self->sessions[i];
        }
    }
    return NULL;
}

uint32_t
model_waiting(const model_t *self, unsigned instance)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        const model_session_t *session = &self->sessions[i];
        count += session->session != 0 && session->instance == instance && session->state == SESSION_STATE_WAITING;
    }
    return count;
}

uint32_t
model_seats(const model_t *self, unsigned instance)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        const model_session_t *session = &self->sessions[i];
        count += session->session != 0 && session->instance == instance && session->state != SESSION_STATE_WAITING;
    }
    return count;
}

uint32_t
model_capacity(const model_t *self, unsigned instance)
{
    return self->switches[instance].capacity != 0 ? self->switches[instance].capacity : self->limits.capacity;
}

uint32_t
model_place(const model_t *self, const model_session_t *session)
{
    uint32_t place = session->state == SESSION_STATE_WAITING;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX && place > 0; i++) {
        const model_session_t *other = &self->sessions[i];
        place += other->session != 0 && other->instance == session->instance && other->state == SESSION_STATE_WAITING &&
                 other->number < session->number;
    }
    return place;
}

int64_t
model_left_msec(const model_t *self, const model_session_t *session)
{
    if (session->until < 0) {
        return REGISTRY_NO_END;
    }
    return session->until > self->now ? (session->until - self->now) / ACT_MSEC : 0;
}

static bool
model_is_over(const model_t *self, const model_session_t *session)
{
    return session->until >= 0 && session->until <= self->now;
}

static unsigned
model_free_room(const model_t *self, unsigned instance)
{
    for (unsigned room = 1;; room++) {
        uint32_t members = 0;
        for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
            members += self->sessions[i].session != 0 && self->sessions[i].instance == instance &&
                       self->sessions[i].room == room;
        }
        if (members < self->limits.room_size) {
            return room;
        }
    }
}

static void
model_bury(model_t *self, unsigned instance, unsigned secret, registry_result_t result)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->dead_count; i++) {
        if (self->dead[i].until > self->now) {
            self->dead[kept++] = self->dead[i];
        }
    }
    ACT_ASSERT(kept < MODEL_DEAD_MAX);
    self->dead[kept] = (model_dead_t){instance, secret, result, model_after(self, REGISTRY_TOMBSTONE_MSEC)};
    self->dead_count = kept + 1;
}

static void
model_change_secret(model_t *self, model_session_t *session, unsigned next)
{
    model_bury(self, session->instance, session->secret, REGISTRY_SPENT);
    session->secret = next;
}

static void
model_void_asks(model_t *self, unsigned instance, unsigned session)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->asks_count; i++) {
        if (self->asks[i].instance != instance || self->asks[i].session != session) {
            self->asks[kept++] = self->asks[i];
        }
    }
    self->asks_count = kept;
}

static void
model_end(model_t *self, model_session_t *session, registry_result_t how, int64_t version)
{
    model_rise(self, session, version);
    model_bury(self, session->instance, session->secret, how);
    model_void_asks(self, session->instance, session->session);
    session->session = 0;
}

static model_session_t *
model_attempt(model_t *self, unsigned instance, unsigned user, unsigned except_character)
{
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        model_session_t *session = &self->sessions[i];
        if (session->session != 0 && session->instance == instance && session->user == user &&
            session->character != except_character &&
            (session->state == SESSION_STATE_WAITING || session->state == SESSION_STATE_CONNECTING)) {
            return session;
        }
    }
    return NULL;
}

registry_result_t
model_end_attempt(model_t *self, unsigned instance, unsigned user, unsigned except_character, int64_t version)
{
    model_session_t *session = model_attempt(self, instance, user, except_character);
    self->other = (model_session_t){0};
    if (session == NULL) {
        return REGISTRY_UNKNOWN;
    }
    self->other = *session;
    model_end(self, session, REGISTRY_SPENT, version);
    return REGISTRY_OK;
}

registry_result_t
model_claim(model_t *self, model_session_t names, int64_t number, int64_t version, int64_t ended_version)
{
    unsigned instance = names.instance;
    self->other = (model_session_t){0};
    if (model_find(self, instance, names.session) != NULL) {
        return REGISTRY_REPEATED;
    }
    if (model_find_character(self, instance, names.character) != NULL) {
        return REGISTRY_EXISTS;
    }
    if (self->switches[instance].maintenance) {
        return REGISTRY_MAINTENANCE;
    }
    if (self->switches[instance].drain) {
        return REGISTRY_DRAINING;
    }
    model_end_attempt(self, instance, names.user, names.character, ended_version);
    bool seat = model_seats(self, instance) < model_capacity(self, instance) && model_waiting(self, instance) == 0;
    if (!seat && model_waiting(self, instance) >= self->limits.queue_max) {
        return REGISTRY_FULL;
    }
    model_session_t *session = NULL;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX && session == NULL; i++) {
        session = self->sessions[i].session == 0 ? &self->sessions[i] : NULL;
    }
    ACT_ASSERT(session != NULL && number > self->number[instance]);
    *session = names;
    session->number = self->number[instance] = number;
    session->state = seat ? SESSION_STATE_CONNECTING : SESSION_STATE_WAITING;
    session->room = 0;
    session->room = seat ? model_free_room(self, instance) : 0;
    session->until = model_after(self, seat ? self->limits.ticket_msec : self->limits.grace_msec);
    model_rise(self, session, version);
    return seat ? REGISTRY_OK : REGISTRY_QUEUED;
}

/* What a secret leads to: OK and *found, or what is to be answered. */
static registry_result_t
model_show(model_t *self, unsigned instance, unsigned secret, model_session_t **found)
{
    *found = model_find_secret(self, instance, secret);
    if (*found != NULL) {
        return model_is_over(self, *found) ? REGISTRY_EXPIRED : REGISTRY_OK;
    }
    for (uint32_t i = 0; i < self->dead_count; i++) {
        const model_dead_t *dead = &self->dead[i];
        if (dead->secret == secret && dead->instance == instance && dead->until > self->now) {
            return dead->result;
        }
    }
    return REGISTRY_UNKNOWN;
}

static void
model_take_over(model_t *self, model_session_t *session, model_bearer_t bearer, unsigned next, int64_t version)
{
    model_change_secret(self, session, next);
    model_rise(self, session, version);
    session->turn = version;
    session->role = bearer.role;
    session->auth_until = bearer.auth_until;
}

registry_result_t
model_renew(model_t *self, unsigned instance, model_bearer_t bearer, unsigned shown, unsigned next, int64_t version)
{
    model_session_t *session;
    registry_result_t result = model_show(self, instance, shown, &session);
    if (session != NULL && session->user != bearer.user) {
        return REGISTRY_UNKNOWN;
    }
    if (session == NULL || result != REGISTRY_OK) {
        return result;
    }
    model_take_over(self, session, bearer, next, version);
    if (session->state == SESSION_STATE_WAITING && session->holder == 0) {
        session->until = model_after(self, self->limits.grace_msec);
    }
    if (session->state == SESSION_STATE_CONNECTING && session->is_offer) {
        session->until = model_after(self, self->limits.ticket_msec);
        session->is_offer = false;
    }
    return REGISTRY_OK;
}

static void
model_take_hold(model_t *self, model_session_t *session, unsigned next, unsigned holder, int64_t connection,
                int64_t version)
{
    if (session->holder != 0 && (session->holder != holder || session->connection != connection)) {
        self->other = *session;
    }
    model_change_secret(self, session, next);
    model_rise(self, session, version);
    session->turn = version;
    session->holder = holder;
    session->connection = connection;
    session->since = self->now;
}

registry_result_t
model_enter(model_t *self, unsigned instance, unsigned shown, unsigned next, unsigned holder, int64_t connection,
            int64_t version)
{
    model_session_t *session;
    registry_result_t result = model_show(self, instance, shown, &session);
    self->other = (model_session_t){0};
    if (session == NULL || result != REGISTRY_OK) {
        return result;
    }
    if (session->state == SESSION_STATE_WAITING) {
        return REGISTRY_WAITING;
    }
    model_take_hold(self, session, next, holder, connection, version);
    session->state = SESSION_STATE_ACTIVE;
    session->is_offer = false;
    session->until = -1;
    return REGISTRY_OK;
}

registry_result_t
model_watch(model_t *self, unsigned instance, unsigned shown, unsigned next, unsigned holder, int64_t connection,
            int64_t version)
{
    model_session_t *session;
    registry_result_t result = model_show(self, instance, shown, &session);
    self->other = (model_session_t){0};
    if (session == NULL || result != REGISTRY_OK) {
        return result;
    }
    if (session->state == SESSION_STATE_ACTIVE || session->state == SESSION_STATE_GRACE) {
        return REGISTRY_UNKNOWN;
    }
    model_take_hold(self, session, next, holder, connection, version);
    if (session->state == SESSION_STATE_WAITING) {
        session->until = -1;
    }
    return REGISTRY_OK;
}

static void
model_let_go(model_t *self, model_session_t *session, int64_t version)
{
    model_rise(self, session, version);
    session->holder = 0;
    session->connection = 0;
    if (session->state == SESSION_STATE_ACTIVE) {
        session->state = SESSION_STATE_GRACE;
    }
    if (session->state != SESSION_STATE_CONNECTING) {
        session->until = model_after(self, self->limits.grace_msec);
    }
}

registry_result_t
model_authorize(model_t *self, unsigned instance, unsigned session_id, int64_t turn, int64_t auth_until,
                int64_t version)
{
    model_session_t *session = model_find(self, instance, session_id);
    if (session == NULL) {
        return REGISTRY_UNKNOWN;
    }
    if (session->turn != turn) {
        return REGISTRY_STALE;
    }
    if (auth_until > session->auth_until) {
        model_rise(self, session, version);
        session->auth_until = auth_until;
    }
    return REGISTRY_OK;
}

registry_result_t
model_drop(model_t *self, unsigned instance, unsigned session_id, int64_t turn, int64_t version)
{
    model_session_t *session = model_find(self, instance, session_id);
    if (session == NULL) {
        return REGISTRY_UNKNOWN;
    }
    if (session->turn != turn || session->holder == 0) {
        return REGISTRY_STALE;
    }
    model_let_go(self, session, version);
    return REGISTRY_OK;
}

registry_result_t
model_leave(model_t *self, unsigned instance, unsigned session_id, int64_t turn, int64_t version)
{
    model_session_t *session = model_find(self, instance, session_id);
    if (session == NULL) {
        return REGISTRY_UNKNOWN;
    }
    if (turn != REGISTRY_ANY_TURN && turn != session->turn) {
        return REGISTRY_STALE;
    }
    self->was = session->state;
    model_end(self, session, REGISTRY_SPENT, version);
    return REGISTRY_OK;
}

registry_result_t
model_ask(model_t *self, unsigned instance, unsigned character, unsigned ask)
{
    const model_session_t *session = model_find_character(self, instance, character);
    if (session == NULL || session->instance != instance) {
        return REGISTRY_UNKNOWN;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->asks_count; i++) {
        if (self->asks[i].until > self->now) {
            self->asks[kept++] = self->asks[i];
        }
    }
    ACT_ASSERT(kept < MODEL_ASKS_MAX); /* and the walk never has REGISTRY_ASKS_MAX of one session open */
    self->asks[kept] = (model_ask_t){instance, session->session, ask, model_after(self, self->limits.ask_msec)};
    self->asks_count = kept + 1;
    return REGISTRY_OK;
}

void
model_unask(model_t *self, unsigned instance, unsigned user, unsigned ask)
{
    for (uint32_t i = 0; i < self->asks_count; i++) {
        if (self->asks[i].ask == ask && self->asks[i].instance == instance) {
            const model_session_t *session = model_find(self, instance, self->asks[i].session);
            if (session != NULL && session->user == user) {
                self->asks[i].until = self->now;
            }
        }
    }
}

registry_result_t
model_replace(model_t *self, unsigned instance, model_bearer_t bearer, unsigned ask, unsigned next, int64_t version)
{
    model_session_t *session = NULL;
    self->other = (model_session_t){0};
    for (uint32_t i = 0; i < self->asks_count; i++) {
        const model_ask_t *open = &self->asks[i];
        if (open->ask == ask && open->instance == instance && open->until > self->now) {
            session = model_find(self, instance, open->session);
        }
    }
    if (session == NULL || session->user != bearer.user) {
        return REGISTRY_UNKNOWN;
    }
    if (session->holder != 0) {
        self->other = *session;
    }
    model_void_asks(self, instance, session->session);
    model_take_over(self, session, bearer, next, version);
    session->holder = 0;
    session->connection = 0;
    session->is_offer = false;
    bool waits = session->state == SESSION_STATE_WAITING;
    session->state = waits ? SESSION_STATE_WAITING : SESSION_STATE_CONNECTING;
    session->until = model_after(self, waits ? self->limits.grace_msec : self->limits.ticket_msec);
    return REGISTRY_OK;
}

registry_result_t
model_promote(model_t *self, unsigned instance, int64_t version)
{
    model_session_t *first = NULL;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        model_session_t *session = &self->sessions[i];
        if (session->session != 0 && session->instance == instance && session->state == SESSION_STATE_WAITING &&
            !model_is_over(self, session) && (first == NULL || session->number < first->number)) {
            first = session;
        }
    }
    if (first == NULL || self->switches[instance].maintenance ||
        model_seats(self, instance) >= model_capacity(self, instance)) {
        return REGISTRY_UNKNOWN;
    }
    first->room = model_free_room(self, instance);
    first->state = SESSION_STATE_CONNECTING;
    first->is_offer = true;
    first->until = model_after(self, self->limits.offer_msec);
    model_rise(self, first, version);
    return REGISTRY_OK;
}

registry_result_t
model_touch(model_t *self, unsigned instance, unsigned session_id)
{
    model_session_t *session = model_find(self, instance, session_id);
    if (session == NULL || session->state != SESSION_STATE_WAITING || session->holder != 0 ||
        model_is_over(self, session)) {
        return REGISTRY_UNKNOWN;
    }
    session->until = model_after(self, self->limits.grace_msec);
    return REGISTRY_OK;
}

static bool
model_is_silent(const model_t *self, const model_session_t *session)
{
    act_usec_t heard = self->beats[session->instance][session->holder];
    if (heard < session->since) {
        heard = session->since;
    }
    return session->holder != 0 && self->now - heard >= (act_usec_t)REGISTRY_SILENT_MSEC * ACT_MSEC;
}

bool
model_is_due(const model_t *self, unsigned instance)
{
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        const model_session_t *session = &self->sessions[i];
        if (session->session != 0 && session->instance == instance &&
            (model_is_over(self, session) || model_is_silent(self, session))) {
            return true;
        }
    }
    return false;
}

bool
model_sweep(model_t *self, unsigned instance, unsigned session_id, registry_swept_t swept, int64_t version)
{
    model_session_t *session = model_find(self, instance, session_id);
    if (session == NULL) {
        return false;
    }
    if (swept == REGISTRY_SWEPT_HOLDER) {
        bool silent = model_is_silent(self, session);
        model_let_go(self, session, version);
        return silent;
    }
    registry_swept_t why = session->state != SESSION_STATE_CONNECTING ? REGISTRY_SWEPT_GRACE
                           : session->is_offer                        ? REGISTRY_SWEPT_OFFER
                                                                      : REGISTRY_SWEPT_TICKET;
    bool over = model_is_over(self, session);
    model_end(self, session, REGISTRY_EXPIRED, version);
    return over && swept == why;
}

void
model_restore(model_t *self, unsigned instance)
{
    self->version[instance] = 0;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        model_session_t *session = &self->sessions[i];
        if (session->session == 0 || session->instance != instance) {
            continue;
        }
        model_void_asks(self, instance, session->session);
        session->is_offer = false;
        session->since = self->now;
        if (session->until >= 0 && session->until < self->now) {
            session->until = self->now;
        }
        if (session->version > self->version[instance]) {
            self->version[instance] = session->version;
        }
    }
    for (uint32_t i = 0; i < self->dead_count; i++) {
        if (self->dead[i].instance == instance) {
            self->dead[i].until = self->now;
        }
    }
}
