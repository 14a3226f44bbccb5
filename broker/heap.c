#include "heap.h"

#include <stdlib.h>

#include "act.h"

static bool
heap_before(const heap_node_t *a, const heap_node_t *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void
heap_set(heap_t *self, size_t i, heap_node_t *node)
{
    self->nodes[i] = node;
    node->place = i + 1;
}

static void
heap_up(heap_t *self, size_t i)
{
    heap_node_t *node = self->nodes[i];
    while (i > 0 && heap_before(node, self->nodes[(i - 1) / 2])) {
        heap_set(self, i, self->nodes[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_set(self, i, node);
}

static void
heap_down(heap_t *self, size_t i)
{
    heap_node_t *node = self->nodes[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= self->count) {
            break;
        }
        if (child + 1 < self->count && heap_before(self->nodes[child + 1], self->nodes[child])) {
            child++;
        }
        if (!heap_before(self->nodes[child], node)) {
            break;
        }
        heap_set(self, i, self->nodes[child]);
        i = child;
    }
    heap_set(self, i, node);
}

void
heap_fini(heap_t *self)
{
    free(self->nodes);
    *self = (heap_t){0};
}

void
heap_put(heap_t *self, heap_node_t *node, int64_t due)
{
    heap_remove(self, node);
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 64;
        heap_node_t **nodes = realloc(self->nodes, capacity * sizeof *nodes);
        ACT_ASSERT(nodes != NULL);
        self->nodes = nodes;
        self->capacity = capacity;
    }
    node->due = due;
    node->order = self->order++;
    heap_set(self, self->count, node);
    self->count++;
    heap_up(self, self->count - 1);
}

void
heap_remove(heap_t *self, heap_node_t *node)
{
    if (node->place == 0) {
        return;
    }
    size_t i = node->place - 1;
    node->place = 0;
    heap_node_t *last = self->nodes[--self->count];
    if (last == node) {
        return;
    }
    heap_set(self, i, last);
    heap_up(self, i);
    heap_down(self, last->place - 1);
}

heap_node_t *
heap_first(const heap_t *self)
{
    return self->count ? self->nodes[0] : NULL;
}
