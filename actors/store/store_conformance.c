#include "store_conformance_helpers.h"

#include <signal.h>

enum { CASES_MAX = 200 };

const store_conformance_t *store_form;

int
subject_set_up(void **state)
{
    subject_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->store = store_form->open(store_form->context, true);
    assert_non_null(self->store);
    *state = self;
    return 0;
}

int
subject_tear_down(void **state)
{
    subject_t *self = *state;
    if (self->store != NULL) {
        self->store->close(&self->store);
    }
    free(self);
    return 0;
}

void
reopen(subject_t *self)
{
    self->store->close(&self->store);
    self->store = store_form->open(store_form->context, false);
    assert_non_null(self->store);
}

int
store_conformance_run(const store_conformance_t *form)
{
    static const struct CMUnitTest *const lists[] = {
        store_character_tests, store_room_tests, store_commit_tests, store_log_tests,
        store_session_tests,   store_kept_tests, store_walk_tests,
    };
    struct CMUnitTest tests[CASES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        for (const struct CMUnitTest *test = lists[i]; test->test_func != NULL; test++) {
            assert_true(count < CASES_MAX);
            tests[count++] = *test;
        }
    }
    signal(SIGPIPE, SIG_IGN); /* of children that are killed */
    store_form = form;
    return _cmocka_run_group_tests(form->name, tests, count, NULL, NULL);
}
