#include "roster.h"

#include <stdlib.h>
#include <string.h>

void
roster_init(roster_t *self, const obj_node_row_t *node, uint32_t brokers_count)
{
    ACT_ASSERT(brokers_count <= ROSTER_BROKERS_MAX);
    memset(self, 0, sizeof *self);
    self->self = *node;
    self->brokers_count = brokers_count;
    self->nodes[0] = *node;
    self->nodes_count = 1;
}

/* A word of that broker has come. */
static void
roster_hear(roster_t *self, uint32_t broker, act_usec_t now)
{
    roster_broker_t *from = &self->brokers[broker];
    if (from->heard == 0 && self->nodes_count == 1) {
        from->since = INT64_MIN;
    } else if (from->heard == 0 || now - from->heard >= (act_usec_t)ROSTER_DOUBT_MSEC * ACT_MSEC) {
        from->since = now;
    }
    from->heard = now;
}

/* May it be taken for proof that somebody is gone? */
static bool
roster_believes(const roster_broker_t *broker, act_usec_t now)
{
    return broker->settled && broker->since <= now - (act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC;
}

void
roster_told(roster_t *self, uint32_t broker, act_usec_t now, const msg_node_told_t *told)
{
    roster_broker_t *from = &self->brokers[broker];
    memcpy(from->nodes, told->nodes, told->nodes_len * sizeof from->nodes[0]);
    from->nodes_count = told->nodes_len;
    from->version = told->version;
    from->settled = told->settled;
    roster_hear(self, broker, now);
}

void
roster_alive(roster_t *self, uint32_t broker, act_usec_t now)
{
    roster_hear(self, broker, now);
}

void
roster_gone(roster_t *self, uint32_t broker)
{
    self->brokers[broker].heard = 0;
    self->brokers[broker].version = 0;
    self->brokers[broker].nodes_count = 0;
}

bool
roster_hears(const roster_t *self, uint32_t broker, act_usec_t now)
{
    const roster_broker_t *from = &self->brokers[broker];
    return from->heard != 0 && from->version != 0 && now - from->heard < (act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC;
}

/* ---- putting it together ---- */

/* Takes a row in. Of one life said twice, it leaves if either says so; of two lives the later stays. */
static void
roster_take(obj_node_row_t *nodes, uint32_t *count, const obj_node_row_t *row)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (nodes[i].id == row->id) {
            nodes[i].leaving |= row->leaving;
            return;
        }
        if (strcmp(nodes[i].name, row->name) == 0) {
            if (members_is_later(row, &nodes[i])) {
                nodes[i] = *row;
            }
            return;
        }
    }
    if (*count < MEMBERS_MAX) { /* brokers refuse more; two of them may have let in others */
        nodes[(*count)++] = *row;
    }
}

static int
roster_compare(const void *a, const void *b)
{
    int64_t x = ((const obj_node_row_t *)a)->id, y = ((const obj_node_row_t *)b)->id;
    return (x > y) - (x < y);
}

/* What a process is does not change while it lives, but for `leaving`. */
static bool
roster_same(const obj_node_row_t *a, uint32_t a_count, const obj_node_row_t *b, uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++) {
        same = a[i].id == b[i].id && a[i].leaving == b[i].leaving;
    }
    return same;
}

/* This process is always there; whether it leaves is what the brokers say. */
static void
roster_take_self(roster_t *self, obj_node_row_t *nodes, uint32_t *count)
{
    self->registered = false;
    for (uint32_t i = 0; i < *count; i++) {
        if (nodes[i].id == self->self.id) {
            self->registered = true;
            self->self.leaving = nodes[i].leaving;
            return;
        }
    }
    if (*count == MEMBERS_MAX) {
        (*count)--;
    }
    nodes[(*count)++] = self->self;
}

bool
roster_merge(roster_t *self, act_usec_t now)
{
    bool hears = false, settled = false;
    obj_node_row_t *nodes = malloc(MEMBERS_MAX * sizeof *nodes);
    ACT_ASSERT(nodes != NULL);
    uint32_t count = 0;
    for (uint32_t b = 0; b < self->brokers_count; b++) {
        const roster_broker_t *broker = &self->brokers[b];
        if (roster_hears(self, b, now)) {
            hears = true;
            settled |= roster_believes(broker, now);
            for (uint32_t i = 0; i < broker->nodes_count; i++) {
                roster_take(nodes, &count, &broker->nodes[i]);
            }
        }
    }
    roster_take_self(self, nodes, &count);
    if (!settled) {
        for (uint32_t i = 0; i < self->nodes_count; i++) {
            roster_take(nodes, &count, &self->nodes[i]);
        }
    }
    self->registered &= hears;
    qsort(nodes, count, sizeof *nodes, roster_compare);
    bool same = roster_same(nodes, count, self->nodes, self->nodes_count);
    memcpy(self->nodes, nodes, count * sizeof *nodes);
    self->nodes_count = count;
    free(nodes);
    return !same;
}

const obj_node_row_t *
roster_conflict(const roster_t *self, const char **kind)
{
    for (uint32_t i = 0; i < self->nodes_count; i++) {
        const obj_node_row_t *node = &self->nodes[i];
        if (node->id != self->self.id && !node->leaving && !self->self.leaving && members_is_later(&self->self, node) &&
            (*kind = members_conflict(&self->self, node)) != NULL) {
            return node;
        }
    }
    return NULL;
}
