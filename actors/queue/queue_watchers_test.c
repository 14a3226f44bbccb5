/* Who watches, by session: beside an array that is looked through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "queue_watchers.h"

enum { NAMES = 300, STEPS = 20000 };

static void
a_random_walk_finds_what_is_there_in_the_order_it_came(void **state)
{
    (void)state;
    static unsigned there[NAMES]; /* names, oldest first */
    unsigned count = 0;
    uint64_t random = 7;
    queue_watchers_t watchers;
    memset(&watchers, 0, sizeof watchers);
    for (int step = 0; step < STEPS; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned name = (unsigned)(random >> 33) % NAMES, at = 0;
        char id[16];
        snprintf(id, sizeof id, "s%u", name);
        while (at < count && there[at] != name) {
            at++;
        }
        queue_watcher_t *found = queue_watchers_find(&watchers, id);
        assert_int_equal(found != NULL, at < count);
        if (random >> 32 & 1) {
            queue_watcher_t *added = queue_watchers_add(&watchers, id);
            assert_true(found == NULL || added == found);
            assert_string_equal(added->session_id, id);
            if (found == NULL) {
                there[count++] = name;
            }
        } else if (found != NULL) {
            queue_watchers_remove(&watchers, found);
            memmove(there + at, there + at + 1, (count - at - 1) * sizeof *there);
            count--;
        }
        assert_int_equal(watchers.count, count);
    }
    const queue_watcher_t *watcher = watchers.first;
    for (unsigned i = 0; i < count; i++, watcher = watcher->after) {
        char id[16];
        snprintf(id, sizeof id, "s%u", there[i]);
        assert_non_null(watcher);
        assert_string_equal(watcher->session_id, id);
        assert_ptr_equal(watcher->after == NULL ? watchers.last : watcher, watcher);
    }
    assert_null(watcher);
    assert_true(count > NAMES / 4);
    queue_watchers_fini(&watchers);
    assert_null(watchers.first);
    assert_int_equal(watchers.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_random_walk_finds_what_is_there_in_the_order_it_came)};
    return cmocka_run_group_tests_name("queue_watchers", tests, NULL, NULL);
}
