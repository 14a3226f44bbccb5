/* sim_test_helpers -- reading what an actor in the simulator has said. `f` is a test's fixture: anything with a `sim`.
 */
#ifndef PLAYHOUSE_SIM_TEST_HELPERS_H
#define PLAYHOUSE_SIM_TEST_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"

/* The oldest of this type (MSG_NONE: of any); fails the test when there is none. Valid until the next one is taken. */
static inline const msg_t *
sim_expect(sim_t *sim, msg_type_t type)
{
    const msg_t *msg = sim_take(sim, type);
    if (msg == NULL) {
        fail_msg("no %s", msg_infos[type].name);
    }
    return msg;
}

/* Fails the test when there is one. */
static inline void
sim_expect_none(sim_t *sim, msg_type_t type)
{
    const msg_t *msg = sim_take(sim, type);
    if (msg != NULL) {
        fail_msg("unexpected %s", msg_infos[msg->type].name);
    }
}

/* Drops what has come of this type; how many there were. */
static inline uint32_t
sim_forget(sim_t *sim, msg_type_t type)
{
    uint32_t count = 0;
    while (sim_take(sim, type) != NULL) {
        count++;
    }
    return count;
}

#endif
