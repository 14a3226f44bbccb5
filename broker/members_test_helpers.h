/* members_test_helpers -- processes made up for tests of who is there. */
#ifndef PLAYHOUSE_MEMBERS_TEST_HELPERS_H
#define PLAYHOUSE_MEMBERS_TEST_HELPERS_H

#include <stdio.h>

#include "members.h"

/* A process of one place of `kind`. */
static inline obj_node_row_t
row_of(const char *name, int64_t id, int64_t incarnation, const char *kind, bool exclusive)
{
    obj_node_row_t row = {.id = id, .incarnation = incarnation, .places_len = 1};
    snprintf(row.name, sizeof row.name, "%s", name);
    snprintf(row.host, sizeof row.host, "127.0.0.1");
    snprintf(row.roles, sizeof row.roles, "%s", kind);
    row.places[0] = (obj_node_place_t){.port = 5000, .exclusive = exclusive};
    snprintf(row.places[0].kind, sizeof row.places[0].kind, "%s", kind);
    return row;
}

#endif
