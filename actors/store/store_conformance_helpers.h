/*
 * store_conformance_helpers -- the suite's hands: a store under test, and what its cases do with it in few words.
 */
#ifndef PLAYHOUSE_STORE_CONFORMANCE_HELPERS_H
#define PLAYHOUSE_STORE_CONFORMANCE_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_conformance.h"
#include "store_test_rows.h"

#define AT INT64_C(1700000000000)
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

typedef struct subject {
    store_t *store;
} subject_t;

extern const store_conformance_t *store_form;

/* A store that holds nothing; and the same one, closed and opened again. */
int subject_set_up(void **state);
int subject_tear_down(void **state);
void reopen(subject_t *self);

void create(store_t *store, const char *user, const char *id);
int64_t lease(store_t *store, const char *room, uint32_t items);
store_result_t commit(store_t *store, const msg_persistence_append_t *appends, uint32_t count);
msg_persistence_member_loaded_t member(store_t *store, const char *id);
/* A batch of one. */
session_conflict_t save_at(const subject_t *self, obj_session_row_t session, int64_t seats_max, int64_t at);
session_conflict_t save(const subject_t *self, obj_session_row_t session);
session_conflict_t save_seat(const subject_t *self, obj_session_row_t session, int64_t seats_max);
store_result_t save_batch(const subject_t *self, const obj_session_row_t *sessions, uint32_t count, int64_t seats_max,
                          session_conflict_t *conflicts);
obj_session_row_t changed(obj_session_row_t session, int64_t version, session_state_t state);
obj_session_row_t of_character(obj_session_row_t session, const char *character_id);
msg_persistence_sessions_t load_at(const subject_t *self, const char *instance, int64_t after, int64_t at);
/* Who is live, as "id number.version state" each; no more than one page. */
void expect_live(const subject_t *self, const char *instance, const char *expected);
void expect_same(const obj_session_row_t *a, const obj_session_row_t *b);

#define CASE(name) cmocka_unit_test_setup_teardown(name, subject_set_up, subject_tear_down)

/* Each ends with an empty one. */
extern const struct CMUnitTest store_character_tests[];
extern const struct CMUnitTest store_room_tests[];
extern const struct CMUnitTest store_commit_tests[];
extern const struct CMUnitTest store_log_tests[];
extern const struct CMUnitTest store_session_tests[];
extern const struct CMUnitTest store_kept_tests[];
extern const struct CMUnitTest store_walk_tests[];

#endif
