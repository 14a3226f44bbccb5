/* Who is there as one process puts it together, in virtual time: several brokers, one that is new, one that is wrong,
 * none at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "members_test_helpers.h"
#include "roster.h"

#define NOW ((act_usec_t)100 * ACT_SEC)
#define SILENCE ((act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC)

static obj_node_row_t
room(const char *name, int64_t id)
{
    return row_of(name, id, id, "room", false);
}

/* The view of process "me" (10) that knows of two brokers. */
static roster_t *
mine(void)
{
    roster_t *self = calloc(1, sizeof *self);
    obj_node_row_t me = room("me", 10);
    roster_init(self, &me, 2);
    return self;
}

/* A broker tells of these processes. */
static void
tell(roster_t *self, uint32_t broker, act_usec_t at, bool settled, const obj_node_row_t *rows, uint32_t count)
{
    msg_node_told_t *told = calloc(1, sizeof *told);
    told->version = 5;
    told->settled = settled;
    told->nodes_len = count;
    memcpy(told->nodes, rows, count * sizeof *rows);
    roster_told(self, broker, at, told);
    free(told);
}

/* A broker answers a beat a second, and has nothing new. */
static void
beat_on(roster_t *self, uint32_t broker, act_usec_t from, act_usec_t to)
{
    for (act_usec_t at = from; at <= to; at += (act_usec_t)MEMBERS_BEAT_MSEC * ACT_MSEC) {
        roster_alive(self, broker, at);
    }
}

static bool
has(const roster_t *self, int64_t id)
{
    for (uint32_t i = 0; i < self->nodes_count; i++) {
        if (self->nodes[i].id == id) {
            return true;
        }
    }
    return false;
}

static void
it_is_what_the_brokers_say_together(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t one[] = {room("me", 10), room("a", 1)}, two[] = {room("a", 1), room("b", 2)};
    tell(self, 0, NOW, true, one, 2);
    assert_true(roster_merge(self, NOW));
    assert_true(self->registered);
    tell(self, 1, NOW, true, two, 2);
    assert_true(roster_merge(self, NOW));
    assert_int_equal(self->nodes_count, 3);
    assert_false(roster_merge(self, NOW)); /* the same again is no change */
    assert_int_equal(self->nodes[0].id, 1);
    assert_int_equal(self->nodes[1].id, 2);
    free(self);
}

static void
it_is_always_in_it_itself(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1)};
    tell(self, 0, NOW, true, rows, 1);
    roster_merge(self, NOW);
    assert_true(has(self, 10));
    assert_false(self->registered);
    free(self);
}

static void
who_is_in_no_settled_view_any_more_is_gone(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t both[] = {room("a", 1), room("me", 10)};
    tell(self, 0, NOW, true, both, 2);
    tell(self, 1, NOW, true, both, 2);
    roster_merge(self, NOW);
    tell(self, 0, NOW, true, both + 1, 1);
    assert_false(roster_merge(self, NOW)); /* the other broker still hears it */
    assert_true(has(self, 1));
    tell(self, 1, NOW, true, both + 1, 1);
    assert_true(roster_merge(self, NOW));
    assert_false(has(self, 1));
    free(self);
}

static void
a_broker_that_has_just_started_proves_nobody_gone(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1), room("me", 10), room("b", 20)};
    tell(self, 0, NOW, true, rows, 2);
    roster_merge(self, NOW);
    roster_gone(self, 0);
    tell(self, 0, NOW + ACT_SEC, false, rows + 1, 2); /* back, with an empty table at first */
    assert_true(roster_merge(self, NOW + ACT_SEC));
    assert_true(has(self, 1) && has(self, 20));
    beat_on(self, 0, NOW + ACT_SEC, NOW + 5 * (act_usec_t)ACT_SEC);
    tell(self, 0, NOW + 5 * (act_usec_t)ACT_SEC, true, rows + 1, 2);
    assert_true(roster_merge(self, NOW + 5 * (act_usec_t)ACT_SEC));
    assert_false(has(self, 1));
    free(self);
}

static void
a_broker_that_was_silent_proves_nobody_gone_before_they_had_time_to_come_back_to_it(void **state)
{
    (void)state;
    const act_usec_t silences[] = {(act_usec_t)ROSTER_DOUBT_MSEC * ACT_MSEC, 5 * (act_usec_t)ACT_SEC};
    for (int i = 0; i < 2; i++) {
        roster_t *self = mine();
        obj_node_row_t rows[] = {room("a", 1), room("me", 10), room("b", 20)};
        tell(self, 0, NOW, true, rows, 2);
        roster_merge(self, NOW);
        act_usec_t back = NOW + silences[i];
        tell(self, 0, back, true, rows + 1, 1); /* it stood still and has given all up; only this process is back */
        assert_false(roster_merge(self, back));
        beat_on(self, 0, back, back + SILENCE);
        assert_false(roster_merge(self, back + SILENCE - 1));
        tell(self, 0, back + SILENCE - 1, true, rows + 1, 2); /* who is new is there at once */
        assert_true(roster_merge(self, back + SILENCE - 1));
        assert_true(has(self, 1) && has(self, 20));
        assert_true(roster_merge(self, back + SILENCE));
        assert_false(has(self, 1));
        assert_true(has(self, 20));
        free(self);
    }
}

static void
a_broker_that_is_heard_all_the_time_is_believed_at_once(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1), room("me", 10)};
    tell(self, 0, NOW, true, rows, 2); /* the first word of all: nobody is lost by it */
    roster_merge(self, NOW);
    assert_true(has(self, 1));
    act_usec_t soon = NOW + (act_usec_t)ROSTER_DOUBT_MSEC * ACT_MSEC - 1;
    tell(self, 0, soon, true, rows + 1, 1);
    assert_true(roster_merge(self, soon));
    assert_false(has(self, 1));
    free(self);
}

static void
a_broker_first_heard_when_the_others_are_lost_proves_nobody_gone_either(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1), room("me", 10)};
    tell(self, 0, NOW, true, rows, 2);
    roster_merge(self, NOW);
    roster_gone(self, 0);
    tell(self, 1, NOW + 1, true, rows + 1, 1);
    assert_false(roster_merge(self, NOW + 1));
    assert_true(has(self, 1));
    free(self);
}

static void
without_brokers_the_last_view_stays(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1), room("me", 10)};
    tell(self, 0, NOW, true, rows, 2);
    roster_merge(self, NOW);
    assert_true(roster_hears(self, 0, NOW + SILENCE - 1));
    assert_false(roster_hears(self, 0, NOW + SILENCE));
    assert_false(roster_merge(self, NOW + SILENCE));
    assert_true(has(self, 1));
    assert_false(self->registered);
    roster_gone(self, 0);
    assert_false(roster_merge(self, NOW + SILENCE));
    assert_true(has(self, 1));
    free(self);
}

static void
a_silent_broker_no_longer_counts_beside_one_that_is_heard(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1), room("me", 10)};
    tell(self, 0, NOW, true, rows, 2);
    tell(self, 1, NOW, true, rows + 1, 1);
    roster_merge(self, NOW);
    assert_true(has(self, 1));
    beat_on(self, 1, NOW, NOW + SILENCE - 1);
    assert_true(roster_merge(self, NOW + SILENCE));
    assert_false(has(self, 1));
    free(self);
}

static void
of_two_lives_of_a_name_the_later_counts_whoever_says_it(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t old = row_of("a", 77, 1000, "room", false), new = row_of("a", 5, 2000, "room", false);
    tell(self, 0, NOW, true, &new, 1);
    tell(self, 1, NOW, true, &old, 1);
    roster_merge(self, NOW);
    assert_true(has(self, 5) && !has(self, 77));
    tell(self, 0, NOW, false, &old, 1); /* also when only adding */
    tell(self, 1, NOW, false, &old, 1);
    assert_false(roster_merge(self, NOW));
    assert_true(has(self, 5) && !has(self, 77));
    free(self);
}

static void
who_leaves_leaves_as_soon_as_one_broker_says_so(void **state)
{
    (void)state;
    roster_t *self = mine();
    obj_node_row_t rows[] = {room("a", 1), room("me", 10)};
    tell(self, 0, NOW, true, rows, 2);
    tell(self, 1, NOW, true, rows, 2);
    roster_merge(self, NOW);
    rows[0].leaving = rows[1].leaving = true;
    tell(self, 1, NOW, true, rows, 2);
    assert_true(roster_merge(self, NOW));
    assert_true(self->nodes[0].leaving && self->nodes[1].leaving && self->self.leaving);
    free(self);
}

static void
two_that_were_let_in_by_different_brokers_find_out(void **state)
{
    (void)state;
    roster_t *self = calloc(1, sizeof *self);
    obj_node_row_t me = row_of("me", 10, 2000, "persistence", true), other = row_of("a", 1, 1000, "persistence", true);
    const char *kind = NULL;
    roster_init(self, &me, 2);
    tell(self, 0, NOW, true, &me, 1);
    roster_merge(self, NOW);
    assert_null(roster_conflict(self, &kind));
    tell(self, 1, NOW, true, &other, 1);
    roster_merge(self, NOW);
    assert_string_equal(roster_conflict(self, &kind)->name, "a"); /* it was first */
    assert_string_equal(kind, "persistence");
    other.incarnation = 3000; /* then it is the other that ends */
    other.id = 2;
    tell(self, 1, NOW, true, &other, 1);
    roster_merge(self, NOW);
    assert_null(roster_conflict(self, &kind));
    free(self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_the_brokers_say_together),
        cmocka_unit_test(it_is_always_in_it_itself),
        cmocka_unit_test(who_is_in_no_settled_view_any_more_is_gone),
        cmocka_unit_test(a_broker_that_has_just_started_proves_nobody_gone),
        cmocka_unit_test(a_broker_that_was_silent_proves_nobody_gone_before_they_had_time_to_come_back_to_it),
        cmocka_unit_test(a_broker_that_is_heard_all_the_time_is_believed_at_once),
        cmocka_unit_test(a_broker_first_heard_when_the_others_are_lost_proves_nobody_gone_either),
        cmocka_unit_test(without_brokers_the_last_view_stays),
        cmocka_unit_test(a_silent_broker_no_longer_counts_beside_one_that_is_heard),
        cmocka_unit_test(of_two_lives_of_a_name_the_later_counts_whoever_says_it),
        cmocka_unit_test(who_leaves_leaves_as_soon_as_one_broker_says_so),
        cmocka_unit_test(two_that_were_let_in_by_different_brokers_find_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
