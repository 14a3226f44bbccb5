#include "registry_conformance.h"

#include <stdlib.h>

#include "registry_conformance_helpers.h"

#ifdef __SANITIZE_THREAD__
enum { ONE_THREAD_SHARE = 10 }; /* slow there, and one thread alone is no race */
#else
enum { ONE_THREAD_SHARE = 1 };
#endif

const registry_conformance_t *registry_form;

const char *
world_result_name(registry_result_t result)
{
    return (unsigned)result < REGISTRY_RESULT_COUNT ? registry_result_names[result] : "no result";
}

int
world_set_up(void **state)
{
    world_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->registry = registry_form->make(registry_form->context);
    assert_non_null(self->registry);
    self->now = INT64_C(1000) * ACT_SEC;
    self->limits = (registry_limits_t){.capacity = CAPACITY,
                                       .room_size = ROOM_SIZE,
                                       .queue_max = QUEUE_MAX,
                                       .ticket_msec = TICKET_MSEC,
                                       .offer_msec = OFFER_MSEC,
                                       .grace_msec = GRACE_MSEC,
                                       .ask_msec = ASK_MSEC};
    self->instance = "beta";
    world_restore(self, 0, NULL, 0);
    self->instance = "alpha";
    world_restore(self, 0, NULL, 0);
    *state = self;
    return 0;
}

int
world_tear_down(void **state)
{
    world_t *self = *state;
    registry_destroy(&self->registry);
    free(self);
    return 0;
}

int
registry_conformance_run(const registry_conformance_t *form)
{
    static const struct CMUnitTest *const lists[] = {
        registry_seat_tests,   registry_secret_tests, registry_connection_tests, registry_replacement_tests,
        registry_queue_tests,  registry_time_tests,   registry_restore_tests,    registry_attempt_tests,
        registry_bearer_tests, registry_walk_tests,
    };
    struct CMUnitTest tests[200];
    size_t count = 0;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct CMUnitTest *test = lists[i]; test->test_func != NULL; test++) {
            ACT_ASSERT(count < sizeof tests / sizeof *tests);
            tests[count++] = *test;
        }
    }
    static registry_conformance_t shortened;
    shortened = *form;
    shortened.walk_steps /= ONE_THREAD_SHARE;
    shortened.attempt_steps /= ONE_THREAD_SHARE;
    registry_form = &shortened;
    return _cmocka_run_group_tests(form->name, tests, count, NULL, NULL);
}
