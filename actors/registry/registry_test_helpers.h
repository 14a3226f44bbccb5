/* registry_test_helpers -- what the fixtures of admission and queue share: names, times and limits of what is tested,
 * and what a gateway is told. */
#ifndef PLAYHOUSE_REGISTRY_TEST_HELPERS_H
#define PLAYHOUSE_REGISTRY_TEST_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry.h"
#include "sim_test_helpers.h"

#define PLAZA "plaza"

/* Each its own time, so that none can stand for another. */
enum { TICKET_SEC = 30, OFFER_SEC = 20, GRACE_SEC = 60, ASK_SEC = 50, ASK_USEC = 5 * ACT_SEC };

typedef char secret_t[SECRET_TEXT_SIZE];

static const char *const fixture_instances[] = {PLAZA, "arena", NULL};

static inline registry_limits_t
fixture_limits(uint32_t capacity, uint32_t room_size, uint32_t queue_max)
{
    return (registry_limits_t){.capacity = capacity,
                               .room_size = room_size,
                               .queue_max = queue_max,
                               .ticket_msec = TICKET_SEC * 1000,
                               .offer_msec = OFFER_SEC * 1000,
                               .grace_msec = GRACE_SEC * 1000,
                               .ask_msec = ASK_SEC * 1000};
}

/* A gateway was told to close this connection. */
static inline void
sim_expect_end(sim_t *sim, int64_t connection, close_code_t close)
{
    const msg_gateway_end_t *end = sim_expect(sim, MSG_GATEWAY_END)->body;
    assert_int_equal(end->connection, connection);
    assert_string_equal(close_code_names[end->close], close_code_names[close]);
}

/* A test in a fixture of its own. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
