/* A broker's table of processes, in virtual time: who joins, beats, falls silent, leaves, comes back, and who may not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "members_test_helpers.h"

#define START ((act_usec_t)100 * ACT_SEC)

static members_t *
table(void)
{
    members_t *self = calloc(1, sizeof *self);
    members_init(self, START, 41);
    return self;
}

static members_beat_t
beat(members_t *self, act_usec_t at, obj_node_row_t row, msg_node_refused_t *refused)
{
    member_t *member = NULL;
    members_beat_t became = members_beat(self, at, &row, &member, refused);
    assert_true(became == MEMBERS_REFUSED || member->node.id == row.id);
    return became;
}

static void
a_process_joins_once_and_its_beats_change_nothing(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    obj_node_row_t room = row_of("room-1", 7, 1, "room", false);
    assert_int_equal(beat(self, START, room, &refused), MEMBERS_CHANGED);
    int64_t version = self->version;
    assert_int_equal(beat(self, START + ACT_SEC, room, &refused), MEMBERS_SAME);
    assert_true(self->version == version);
    assert_int_equal(self->count, 1);
    free(self);
}

static void
a_process_that_is_silent_for_four_seconds_is_out_and_not_before(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    beat(self, START, row_of("a", 1, 1, "room", false), &refused);
    beat(self, START + ACT_SEC, row_of("b", 2, 1, "room", false), &refused);
    assert_true(members_due(self) == START + 4 * (act_usec_t)ACT_SEC);
    assert_false(members_tick(self, START + 4 * (act_usec_t)ACT_SEC - 1));
    assert_int_equal(self->count, 2);
    assert_true(members_tick(self, START + 4 * (act_usec_t)ACT_SEC));
    assert_int_equal(self->count, 1);
    assert_string_equal(self->rows[0].node.name, "b");
    assert_true(members_due(self) == START + 5 * (act_usec_t)ACT_SEC);
    free(self);
}

static void
a_broker_is_settled_when_it_has_listened_for_that_long(void **state)
{
    (void)state;
    members_t *self = table();
    assert_false(self->settled);
    assert_true(members_due(self) == START + 4 * (act_usec_t)ACT_SEC);
    assert_false(members_tick(self, START + 4 * (act_usec_t)ACT_SEC - 1));
    assert_true(members_tick(self, START + 4 * (act_usec_t)ACT_SEC)); /* and that is news */
    assert_true(self->settled);
    assert_true(members_due(self) == INT64_MAX);
    free(self);
}

static void
a_process_says_that_it_leaves_and_then_that_it_has(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    obj_node_row_t room = row_of("room-1", 7, 1, "room", false);
    beat(self, START, room, &refused);
    room.leaving = true;
    assert_int_equal(beat(self, START, room, &refused), MEMBERS_CHANGED);
    assert_true(self->rows[0].node.leaving);
    assert_true(members_leave(self, 7));
    assert_int_equal(self->count, 0);
    assert_false(members_leave(self, 7));
    free(self);
}

static void
a_new_life_replaces_the_old_one_which_may_not_come_back(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    obj_node_row_t old = row_of("store", 7, 1000, "persistence", true);
    obj_node_row_t new = row_of("store", 3, 2000, "persistence", true);
    beat(self, START, old, &refused);
    assert_int_equal(beat(self, START + 1, new, &refused), MEMBERS_CHANGED);
    assert_int_equal(self->count, 1);
    assert_int_equal(self->rows[0].node.id, 3);
    assert_int_equal(beat(self, START + 2, old, &refused), MEMBERS_REFUSED);
    assert_int_equal(refused.refusal, NODE_REFUSAL_REPLACED);
    assert_string_equal(refused.by, "store");
    free(self);
}

static obj_node_row_t
keyed(obj_node_row_t row, char key)
{
    row.has_public_key = true;
    memset(row.public_key, key, sizeof row.public_key - 1);
    return row;
}

static void
a_beat_with_another_key_or_name_changes_no_row(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    const obj_node_row_t row = keyed(row_of("room-1", 7, 1000, "room", false), 'a');
    beat(self, START, row, &refused);
    int64_t version = self->version;
    obj_node_row_t others[] = {keyed(row, 'b'), keyed(row_of("room-2", 7, 1000, "room", false), 'a')};
    for (int i = 0; i < 2; i++) {
        others[i].leaving = true;
        assert_int_equal(beat(self, START + ACT_SEC, others[i], &refused), MEMBERS_REFUSED);
        assert_int_equal(refused.refusal, NODE_REFUSAL_TAKEN);
        assert_string_equal(refused.by, "room-1");
        assert_true(self->version == version && self->rows[0].heard == START && !self->rows[0].node.leaving);
    }
    free(self);
}

static void
a_name_is_its_keys_until_its_process_is_gone(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    beat(self, START, keyed(row_of("room-1", 7, 1000, "room", false), 'a'), &refused);
    const obj_node_row_t next = keyed(row_of("room-1", 8, 2000, "room", false), 'b');
    assert_int_equal(beat(self, START + 1, next, &refused), MEMBERS_REFUSED);
    assert_int_equal(refused.refusal, NODE_REFUSAL_TAKEN);
    assert_string_equal(refused.by, "room-1");
    assert_int_equal(self->rows[0].node.id, 7);
    members_tick(self, START + 4 * (act_usec_t)ACT_SEC);
    assert_int_equal(beat(self, START + 4 * (act_usec_t)ACT_SEC, next, &refused), MEMBERS_CHANGED);
    assert_int_equal(
        beat(self, START + 4 * (act_usec_t)ACT_SEC, keyed(row_of("room-1", 9, 3000, "room", false), 'b'), &refused),
        MEMBERS_CHANGED); /* a new life with the same key replaces it at once */
    assert_int_equal(self->count, 1);
    assert_int_equal(self->rows[0].node.id, 9);
    free(self);
}

static void
a_kind_that_only_one_may_run_is_refused_to_a_second_until_the_first_leaves(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    obj_node_row_t first = row_of("one", 1, 1, "persistence", true);
    obj_node_row_t second = row_of("two", 2, 2, "persistence", false);
    beat(self, START, first, &refused);
    assert_int_equal(beat(self, START, second, &refused), MEMBERS_REFUSED);
    assert_int_equal(refused.refusal, NODE_REFUSAL_EXCLUSIVE);
    assert_string_equal(refused.kind, "persistence");
    assert_string_equal(refused.by, "one");
    assert_int_equal(beat(self, START, row_of("three", 3, 3, "room", true), &refused), MEMBERS_CHANGED);
    first.leaving = true;
    beat(self, START, first, &refused);
    assert_int_equal(beat(self, START, second, &refused), MEMBERS_CHANGED);
    free(self);
}

static void
a_full_table_refuses(void **state)
{
    (void)state;
    members_t *self = table();
    msg_node_refused_t refused;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(beat(self, START, row_of(name, i + 1, 1, "room", false), &refused), MEMBERS_CHANGED);
    }
    assert_int_equal(beat(self, START, row_of("more", 999, 1, "room", false), &refused), MEMBERS_REFUSED);
    assert_int_equal(refused.refusal, NODE_REFUSAL_FULL);
    free(self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_joins_once_and_its_beats_change_nothing),
        cmocka_unit_test(a_process_that_is_silent_for_four_seconds_is_out_and_not_before),
        cmocka_unit_test(a_broker_is_settled_when_it_has_listened_for_that_long),
        cmocka_unit_test(a_process_says_that_it_leaves_and_then_that_it_has),
        cmocka_unit_test(a_new_life_replaces_the_old_one_which_may_not_come_back),
        cmocka_unit_test(a_beat_with_another_key_or_name_changes_no_row),
        cmocka_unit_test(a_name_is_its_keys_until_its_process_is_gone),
        cmocka_unit_test(a_kind_that_only_one_may_run_is_refused_to_a_second_until_the_first_leaves),
        cmocka_unit_test(a_full_table_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
