#include "view.h"

#include <stdlib.h>
#include <string.h>

void
view_init(view_t *self, const obj_node_row_t *node, uint32_t brokers_count)
{
    ACT_ASSERT(brokers_count <= VIEW_BROKERS_MAX);
    memset(self, 0, sizeof *self);
    self->self = *node;
    self->brokers_count = brokers_count;
    self->nodes[0] = *node;
    self->nodes_count = 1;
}

void
view_told(view_t *self, uint32_t broker, act_usec_t now, const msg_node_told_t *told)
{
    view_broker_t *from = &self->brokers[broker];
    memcpy(from->nodes, told->nodes, told->nodes_len * sizeof from->nodes[0]);
    from->nodes_count = told->nodes_len;
    from->version = told->version;
    from->settled = told->settled;
    from->heard = now;
}

void
view_alive(view_t *self, uint32_t broker, act_usec_t now)
{
    self->brokers[broker].heard = now;
}

void
view_gone(view_t *self, uint32_t broker)
{
    self->brokers[broker].heard = 0;
    self->brokers[broker].version = 0;
    self->brokers[broker].nodes_count = 0;
}

bool
view_hears(const view_t *self, uint32_t broker, act_usec_t now)
{
    const view_broker_t *from = &self->brokers[broker];
    return from->heard != 0 && from->version != 0 && now - from->heard < (act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC;
}

/* ---- putting it together ---- */

/* Takes a row in. Of one life said twice, it leaves if either says so; of two lives the later stays. */
static void
view_take(obj_node_row_t *nodes, uint32_t *count, const obj_node_row_t *row)
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
view_compare(const void *a, const void *b)
{
    int64_t x = ((const obj_node_row_t *)a)->id, y = ((const obj_node_row_t *)b)->id;
    return (x > y) - (x < y);
}

/* What a process is does not change while it lives, but for `leaving`. */
static bool
view_same(const obj_node_row_t *a, uint32_t a_count, const obj_node_row_t *b, uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++) {
        same = a[i].id == b[i].id && a[i].leaving == b[i].leaving;
    }
    return same;
}

/* This process is always there; whether it leaves is what the brokers say. */
static void
view_take_self(view_t *self, obj_node_row_t *nodes, uint32_t *count)
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
view_merge(view_t *self, act_usec_t now)
{
    bool hears = false, settled = false;
    obj_node_row_t *nodes = malloc(MEMBERS_MAX * sizeof *nodes);
    ACT_ASSERT(nodes != NULL);
    uint32_t count = 0;
    for (uint32_t b = 0; b < self->brokers_count; b++) {
        const view_broker_t *broker = &self->brokers[b];
        if (view_hears(self, b, now)) {
            hears = true;
            settled |= broker->settled;
            for (uint32_t i = 0; i < broker->nodes_count; i++) {
                view_take(nodes, &count, &broker->nodes[i]);
            }
        }
    }
    view_take_self(self, nodes, &count);
    if (!settled) {
        for (uint32_t i = 0; i < self->nodes_count; i++) {
            view_take(nodes, &count, &self->nodes[i]);
        }
    }
    self->registered &= hears;
    qsort(nodes, count, sizeof *nodes, view_compare);
    bool same = view_same(nodes, count, self->nodes, self->nodes_count);
    memcpy(self->nodes, nodes, count * sizeof *nodes);
    self->nodes_count = count;
    free(nodes);
    return !same;
}

const obj_node_row_t *
view_conflict(const view_t *self, const char **kind)
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
