/* heap -- deadlines in order: a binary heap of nodes that live inside their owners. Equal deadlines come out in the
 * order they were put in, so that a simulation replays. */
#ifndef PLAYHOUSE_HEAP_H
#define PLAYHOUSE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: in no heap. */
typedef struct heap_node {
    int64_t due;
    uint64_t order;
    size_t place; /* index + 1; 0: in no heap */
} heap_node_t;

typedef struct heap {
    heap_node_t **nodes;
    size_t count, capacity;
    uint64_t order;
} heap_t;

void heap_fini(heap_t *self);
/* Puts the node in, or moves it when it is in already. */
void heap_put(heap_t *self, heap_node_t *node, int64_t due);
/* Nothing happens when it is not in. */
void heap_remove(heap_t *self, heap_node_t *node);
/* The earliest; NULL when empty. */
heap_node_t *heap_first(const heap_t *self);

#endif
