/*
 * registry_conformance_helpers -- the suite's hands: a registry under test, and each of its operations with numbers for
 * names. Session 7 is "s7", character 7 "c7", user 7 "user 7"; secrets and asks are numbers that no two of them share.
 */
#ifndef PLAYHOUSE_REGISTRY_CONFORMANCE_HELPERS_H
#define PLAYHOUSE_REGISTRY_CONFORMANCE_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "registry_conformance.h"

/* Each its own time, so that none can stand for another. */
enum { TICKET_MSEC = 30000, OFFER_MSEC = 20000, GRACE_MSEC = 60000, ASK_MSEC = 50000 };
enum { CAPACITY = 3, ROOM_SIZE = 2, QUEUE_MAX = 3 };

/* What the last operation gave stands in session, other (*ended, *before), was, swept, place, count and left. Whoever
 * claims, renews or replaces has role and auth_until, and so have rows. */
typedef struct world {
    registry_t *registry;
    act_usec_t now;
    const char *instance;
    registry_limits_t limits;
    role_t role;
    int64_t auth_until;
    registry_session_t session, other;
    session_state_t was;
    registry_swept_t swept;
    registry_count_t count;
    uint32_t place;
    int64_t left;
} world_t;

typedef struct world_session {
    unsigned session, character, user, secret;
} world_session_t;

void world_pass(world_t *self, int64_t msec);
void world_secret(unsigned number, uint8_t hash[SECRET_HASH_SIZE]);
/* A row as the store would have it: held, when it is active, by "h1" and connection 1. */
registry_session_t world_row(const world_t *self, world_session_t names, session_state_t state, int64_t number,
                             int64_t version);

registry_result_t world_claim(world_t *self, world_session_t names);
/* Session, character, user and secret have the same number. */
registry_result_t world_claim_one(world_t *self, unsigned number);
registry_result_t world_end_attempt(world_t *self, unsigned user, unsigned except_character);
registry_result_t world_renew(world_t *self, unsigned user, unsigned shown, unsigned next);
registry_result_t world_enter(world_t *self, unsigned shown, unsigned next, const char *holder, int64_t connection);
registry_result_t world_watch(world_t *self, unsigned shown, unsigned next, const char *holder, int64_t connection);
registry_result_t world_authorize(world_t *self, unsigned session, int64_t turn, int64_t auth_until);
registry_result_t world_drop(world_t *self, unsigned session, int64_t turn);
registry_result_t world_leave(world_t *self, unsigned session, int64_t turn);
registry_result_t world_ask(world_t *self, unsigned character, unsigned ask);
registry_result_t world_unask(world_t *self, unsigned user, unsigned ask);
registry_result_t world_replace(world_t *self, unsigned user, unsigned ask, unsigned next);
registry_result_t world_promote(world_t *self);
registry_result_t world_sweep(world_t *self);
/* Takes up to `max` notices and gives the first one's connection in `left`, their number in `place`. */
registry_result_t world_beat(world_t *self, const char *holder, uint32_t max);
registry_result_t world_tell(world_t *self, const char *holder, unsigned session, int64_t connection);
registry_result_t world_touch(world_t *self, unsigned session);
registry_result_t world_find(world_t *self, unsigned session);
registry_result_t world_find_character(world_t *self, unsigned character);
registry_result_t world_count(world_t *self);
registry_result_t world_switch(world_t *self, registry_switches_t switches);
/* begin, one add of `count` rows, end: all OK. */
void world_restore(world_t *self, int64_t number, registry_session_t *rows, uint32_t count);
/* user 0: only an address. */
registry_result_t world_attempt_left(world_t *self, unsigned user, unsigned address);
registry_result_t world_attempt_failed(world_t *self, unsigned user, unsigned address,
                                       registry_attempt_limits_t limits);

/* Each says the names of both results when they differ. */
#define assert_result(expected, actual) world_assert_result((expected), (actual), __FILE__, __LINE__)
void world_assert_result(registry_result_t expected, registry_result_t actual, const char *file, int line);
#define assert_count(world, connecting, active, grace, waiting)                                                        \
    world_assert_count((world), (const registry_count_t){(connecting), (active), (grace), (waiting), 0}, __FILE__,     \
                       __LINE__)
void world_assert_count(world_t *self, registry_count_t expected, const char *file, int line);
const char *world_result_name(registry_result_t result);

/* Claims and enters: an active session held by `holder`, connection = number, whose secret is number + 1000. */
void world_play(world_t *self, unsigned number, const char *holder);

/* The tests, in the files of their names; each list ends with a test without a function. */
extern const struct CMUnitTest registry_seat_tests[];
extern const struct CMUnitTest registry_secret_tests[];
extern const struct CMUnitTest registry_connection_tests[];
extern const struct CMUnitTest registry_replacement_tests[];
extern const struct CMUnitTest registry_bearer_tests[];
extern const struct CMUnitTest registry_queue_tests[];
extern const struct CMUnitTest registry_time_tests[];
extern const struct CMUnitTest registry_restore_tests[];
extern const struct CMUnitTest registry_attempt_tests[];
extern const struct CMUnitTest registry_walk_tests[];
/* The form under test, for those who need more than one registry or its numbers. */
extern const registry_conformance_t *registry_form;

/* A world with "alpha" and "beta" restored, both empty; in "alpha". */
int world_set_up(void **state);
int world_tear_down(void **state);

#define CASE(name)                                                                                                     \
    {                                                                                                                  \
#name, name, world_set_up, world_tear_down, NULL                                                               \
    }

#endif
