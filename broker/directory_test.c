/* Who owns a key: fairly shared out, moved only where it must be, by name where each process has its own; who leaves
 * owns what nobody else can; and who had it before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directory.h"

enum { PLACES = 5, KEYS = 5000 };

/* A directory of nodes 1 to `count`, each with one room; node `leaving` leaves and node `without` is not there. */
static directory_t *
rooms(uint32_t count, uint32_t leaving, uint32_t without)
{
    directory_t *self = calloc(1, sizeof *self);
    self->self = 1;
    for (uint32_t id = 1; id <= count; id++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", id);
        directory_node_t *node = id != without ? directory_add_node(self, id, name, "127.0.0.1") : NULL;
        if (node != NULL) {
            node->leaving = id == leaving;
            assert_true(directory_add_mailbox(node, ACT_KIND_ROOM, 0, (uint16_t)(5000 + id)));
            assert_true(directory_add_mailbox(node, ACT_KIND_METRICS, 0, (uint16_t)(6000 + id)));
        }
    }
    assert_int_equal(directory_settle(self), 0);
    return self;
}

static void
key_of(int i, char key[32])
{
    snprintf(key, 32, "plaza/main-%d", i);
}

static void
keys_spread_and_only_a_lost_places_keys_move(void **state)
{
    (void)state;
    directory_t *all = rooms(PLACES, 0, 0), *less = rooms(PLACES, 0, 3);
    int per_place[PLACES + 1] = {0};
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        act_addr_t to, then;
        key_of(i, key);
        assert_true(directory_owner(all, ACT_KIND_ROOM, key, &to));
        assert_true(directory_owner(less, ACT_KIND_ROOM, key, &then));
        per_place[to.node]++;
        assert_true(to.node == 3 || to.node == then.node);
        assert_string_equal(to.key, key);
    }
    for (int i = 1; i <= PLACES; i++) {
        assert_in_range(per_place[i], KEYS / PLACES * 8 / 10, KEYS / PLACES * 12 / 10);
    }
    act_addr_t to;
    assert_false(directory_owner(all, ACT_KIND_AUTH, "", &to));
    free(all);
    free(less);
}

static void
who_leaves_owns_only_what_nobody_else_can(void **state)
{
    (void)state;
    directory_t *two = rooms(2, 2, 0), *last = rooms(1, 1, 0);
    act_addr_t to;
    for (int i = 0; i < 100; i++) {
        char key[32];
        key_of(i, key);
        assert_true(directory_owner(two, ACT_KIND_ROOM, key, &to));
        assert_int_equal(to.node, 1);
    }
    assert_non_null(directory_node(two, 2)); /* it can still be spoken to */
    assert_true(directory_owner(last, ACT_KIND_ROOM, "plaza/main", &to));
    assert_int_equal(to.node, 1);
    free(two);
    free(last);
}

static void
what_each_process_has_for_itself_is_addressed_by_its_name(void **state)
{
    (void)state;
    directory_t *all = rooms(3, 3, 0);
    act_addr_t to;
    assert_true(directory_owner(all, ACT_KIND_METRICS, "", &to));
    assert_int_equal(to.node, 1);
    assert_true(directory_owner(all, ACT_KIND_METRICS, "n2", &to));
    assert_int_equal(to.node, 2);
    assert_true(directory_owner(all, ACT_KIND_METRICS, "n3", &to)); /* leaving or not */
    assert_int_equal(to.node, 3);
    assert_false(directory_owner(all, ACT_KIND_METRICS, "n4", &to));
    assert_false(directory_owner(all, ACT_KIND_NODE, "", &to));
    free(all);
}

static void
the_owner_before_is_remembered_over_changes_that_did_not_move_the_key(void **state)
{
    (void)state;
    directory_t *one = rooms(2, 0, 2), *two = rooms(2, 0, 0), *three = rooms(3, 0, 0);
    directory_history_t *history = calloc(1, sizeof *history);
    directory_remember(history, one, two);
    directory_remember(history, two, three);
    three->self = 3;
    int moved = 0;
    for (int i = 0; i < 300; i++) {
        char key[32];
        act_addr_t to, before;
        key_of(i, key);
        assert_true(directory_owner(three, ACT_KIND_ROOM, key, &to));
        bool was = directory_owner_before(three, history, ACT_KIND_ROOM, key, &before);
        assert_int_equal(was, to.node != 1); /* what node 1 has, it always had */
        assert_true(!was || (before.node != to.node && strcmp(before.key, key) == 0));
        moved += to.node == 2 && before.node == 1;
    }
    assert_in_range(moved, 50, 150); /* moved by the change before the last one */
    free(one);
    free(two);
    free(three);
    free(history);
}

static void
a_process_that_has_just_come_asks_who_had_its_keys_without_it(void **state)
{
    (void)state;
    directory_t *alone = rooms(1, 0, 0), *three = rooms(3, 0, 0);
    alone->self = three->self = 1;
    directory_history_t *history = calloc(1, sizeof *history);
    assert_non_null(history);
    directory_remember(history, alone, three);
    int others[4] = {0};
    for (int i = 0; i < 300; i++) {
        char key[32];
        act_addr_t to, before;
        key_of(i, key);
        assert_true(directory_owner(three, ACT_KIND_ROOM, key, &to));
        if (to.node == 1) {
            assert_true(directory_owner_before(three, history, ACT_KIND_ROOM, key, &before));
            assert_in_range(before.node, 2, 3);
            others[before.node]++;
        }
    }
    assert_true(others[2] > 20 && others[3] > 20);
    assert_false(directory_owner_before(alone, history, ACT_KIND_ROOM, "plaza/main", &(act_addr_t){0}));
    free(alone);
    free(three);
    free(history);
}

static void
a_process_that_has_just_come_asks_who_had_its_keys_though_that_one_leaves_by_now(void **state)
{
    (void)state;
    directory_t *before = rooms(2, 0, 0), *all = rooms(3, 0, 0), *less = rooms(3, 1, 0);
    less->self = 3;
    directory_history_t *history = calloc(1, sizeof *history);
    assert_non_null(history);
    directory_remember(history, all, less);
    int leavers = 0;
    for (int i = 0; i < 300; i++) {
        char key[32];
        act_addr_t now, had, to;
        key_of(i, key);
        assert_true(directory_owner(all, ACT_KIND_ROOM, key, &now));
        if (now.node == 3) {
            assert_true(directory_owner(before, ACT_KIND_ROOM, key, &had));
            assert_true(directory_owner_before(less, history, ACT_KIND_ROOM, key, &to));
            assert_int_equal(to.node, had.node);
            leavers += to.node == 1;
        }
    }
    assert_true(leavers > 20);
    free(before);
    free(all);
    free(less);
    free(history);
}

static void
an_owner_before_that_is_gone_is_nobody(void **state)
{
    (void)state;
    directory_t *two = rooms(2, 0, 0), *less = rooms(2, 0, 1);
    less->self = 2;
    directory_history_t *history = calloc(1, sizeof *history);
    directory_remember(history, two, less);
    for (int i = 0; i < 100; i++) {
        char key[32];
        act_addr_t before;
        key_of(i, key);
        assert_false(directory_owner_before(less, history, ACT_KIND_ROOM, key, &before));
    }
    free(two);
    free(less);
    free(history);
}

static void
bounds_are_kept(void **state)
{
    (void)state;
    directory_t *self = calloc(1, sizeof *self);
    for (uint32_t id = 1; id <= DIRECTORY_NODES_MAX; id++) {
        directory_node_t *node = directory_add_node(self, id, "n", "h");
        assert_non_null(node);
        assert_true(directory_add_mailbox(node, ACT_KIND_ROOM, 0, 1));
        assert_true(directory_add_mailbox(node, ACT_KIND_ROOM, 1, 2));
    }
    assert_null(directory_add_node(self, 999, "n", "h"));
    assert_int_equal(directory_settle(self), DIRECTORY_NODES_MAX * 2 - DIRECTORY_PLACES_MAX);
    assert_int_equal(directory_port(directory_node(self, 1), ACT_KIND_ROOM, 1), 2);
    assert_int_equal(directory_port(directory_node(self, 1), ACT_KIND_AUTH, 0), 0);
    free(self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_spread_and_only_a_lost_places_keys_move),
        cmocka_unit_test(who_leaves_owns_only_what_nobody_else_can),
        cmocka_unit_test(what_each_process_has_for_itself_is_addressed_by_its_name),
        cmocka_unit_test(the_owner_before_is_remembered_over_changes_that_did_not_move_the_key),
        cmocka_unit_test(a_process_that_has_just_come_asks_who_had_its_keys_without_it),
        cmocka_unit_test(a_process_that_has_just_come_asks_who_had_its_keys_though_that_one_leaves_by_now),
        cmocka_unit_test(an_owner_before_that_is_gone_is_nobody),
        cmocka_unit_test(bounds_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
