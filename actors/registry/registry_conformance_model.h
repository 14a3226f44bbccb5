/*
 * registry_conformance_model -- what registry.h says, written down a second time and as plainly as can be: arrays that
 * are looked through. The random walk compares every form with it.
 *
 * Each function says what the form must answer, and does it. Numbers and versions are the form's own: they are given to
 * the model, which checks that they rise.
 */
#ifndef PLAYHOUSE_REGISTRY_CONFORMANCE_MODEL_H
#define PLAYHOUSE_REGISTRY_CONFORMANCE_MODEL_H

#include "registry.h"

enum {
    MODEL_INSTANCES = 2,
    MODEL_HOLDERS = 3, /* "h1" ...; 0 is nobody */
    MODEL_SESSIONS_MAX = 64,
    MODEL_DEAD_MAX = 16384,
    MODEL_ASKS_MAX = 1024,
    MODEL_NOTICES_MAX = 256,
};

typedef struct model_session {
    unsigned instance, session, character, user, secret; /* session 0: this entry is free */
    session_state_t state;
    unsigned room; /* 1: main; 0: none */
    unsigned holder;
    role_t role;
    int64_t connection, number, version, turn, auth_until;
    act_usec_t until; /* below 0: for good */
    act_usec_t since; /* when its holder took hold */
    bool is_offer;
} model_session_t;

/* Whoever renews or replaces: registry_bearer_t with a number for a name. */
typedef struct model_bearer {
    unsigned user;
    role_t role;
    int64_t auth_until;
} model_bearer_t;

typedef struct model_dead {
    unsigned instance, secret;
    registry_result_t result;
    act_usec_t until;
} model_dead_t;

typedef struct model_ask {
    unsigned instance, session, ask;
    act_usec_t until;
} model_ask_t;

typedef struct model {
    bool characters_per_instance; /* see registry_conformance.h */
    act_usec_t now;
    registry_limits_t limits;
    registry_switches_t switches[MODEL_INSTANCES];
    int64_t number[MODEL_INSTANCES], version[MODEL_INSTANCES];
    model_session_t sessions[MODEL_SESSIONS_MAX];
    model_dead_t dead[MODEL_DEAD_MAX];
    uint32_t dead_count;
    model_ask_t asks[MODEL_ASKS_MAX];
    uint32_t asks_count;
    act_usec_t beats[MODEL_INSTANCES][MODEL_HOLDERS + 1]; /* 0: never */
    int64_t notices[MODEL_INSTANCES][MODEL_HOLDERS + 1][MODEL_NOTICES_MAX];
    uint32_t notices_count[MODEL_INSTANCES][MODEL_HOLDERS + 1];
    model_session_t other; /* *ended or *before of the last operation; session 0: none */
    session_state_t was;
} model_t;

/* NULL: there is none. */
model_session_t *model_find(model_t *self, unsigned instance, unsigned session);
/* On any instance, or on this one if each decides for itself. */
model_session_t *model_find_character(model_t *self, unsigned instance, unsigned character);
uint32_t model_seats(const model_t *self, unsigned instance);
uint32_t model_waiting(const model_t *self, unsigned instance);
uint32_t model_capacity(const model_t *self, unsigned instance);
/* 1 for the head of the queue, 0 for one who does not wait. */
uint32_t model_place(const model_t *self, const model_session_t *session);
int64_t model_left_msec(const model_t *self, const model_session_t *session);

/* `names` has instance, session, character, user, secret, role and auth_until. */
registry_result_t model_claim(model_t *self, model_session_t names, int64_t number, int64_t version,
                              int64_t ended_version);
registry_result_t model_end_attempt(model_t *self, unsigned instance, unsigned user, unsigned except_character,
                                    int64_t version);
registry_result_t model_renew(model_t *self, unsigned instance, model_bearer_t bearer, unsigned shown, unsigned next,
                              int64_t version);
registry_result_t model_enter(model_t *self, unsigned instance, unsigned shown, unsigned next, unsigned holder,
                              int64_t connection, int64_t version);
registry_result_t model_watch(model_t *self, unsigned instance, unsigned shown, unsigned next, unsigned holder,
                              int64_t connection, int64_t version);
registry_result_t model_authorize(model_t *self, unsigned instance, unsigned session, int64_t turn, int64_t auth_until,
                                  int64_t version);
registry_result_t model_drop(model_t *self, unsigned instance, unsigned session, int64_t turn, int64_t version);
registry_result_t model_leave(model_t *self, unsigned instance, unsigned session, int64_t turn, int64_t version);
registry_result_t model_ask(model_t *self, unsigned instance, unsigned character, unsigned ask);
void model_unask(model_t *self, unsigned instance, unsigned user, unsigned ask);
registry_result_t model_replace(model_t *self, unsigned instance, model_bearer_t bearer, unsigned ask, unsigned next,
                                int64_t version);
registry_result_t model_promote(model_t *self, unsigned instance, int64_t version);
registry_result_t model_touch(model_t *self, unsigned instance, unsigned session);
/* Is there anything that time has brought? */
bool model_is_due(const model_t *self, unsigned instance);
/* This is what the form found; is it due, and for that reason? */
bool model_sweep(model_t *self, unsigned instance, unsigned session, registry_swept_t swept, int64_t version);
/* The instance was forgotten, and all its sessions were restored. */
void model_restore(model_t *self, unsigned instance);

#endif
