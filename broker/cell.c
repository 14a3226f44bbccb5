#include "cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directory.h"

enum {
    CELL_BACKOFF_MSEC = 100, /* after the first act_fail; doubles */
    CELL_BACKOFF_MSEC_MAX = 10000,
    CELL_STEADY_SEC = 60, /* a state that lived this long starts its back-off anew */
};

/* ---- requests ---- */

host_request_t **
request_find(host_t *self, uint64_t correlation)
{
    host_request_t **link = &self->requests[correlation % HOST_BUCKETS];
    while (*link != NULL && (*link)->correlation != correlation) {
        link = &(*link)->next;
    }
    return link;
}

void
request_end(host_t *self, host_request_t *request)
{
    heap_remove(&self->request_timers, &request->timer);
    host_request_t **link = request_find(self, request->correlation);
    *link = request->next;
    *request->cell_back = request->cell_next;
    if (request->cell_next != NULL) {
        request->cell_next->cell_back = request->cell_back;
    }
    request->next = self->requests_free;
    self->requests_free = request;
}

host_request_t *
request_new(act_ctx_t *cell, act_usec_t due, uint64_t context)
{
    host_t *self = cell->host;
    host_request_t *request = self->requests_free;
    if (request != NULL) {
        self->requests_free = request->next;
    } else {
        request = malloc(sizeof *request);
        ACT_ASSERT(request != NULL);
    }
    *request = (host_request_t){.cell = cell,
                                .correlation = ++self->correlation,
                                .context = context,
                                .trace = cell->trace,
                                .code = ERROR_TIMEOUT};
    host_request_t **link = &self->requests[request->correlation % HOST_BUCKETS];
    request->next = *link;
    *link = request;
    request->cell_next = cell->requests;
    request->cell_back = &cell->requests;
    if (cell->requests != NULL) {
        cell->requests->cell_back = &request->cell_next;
    }
    cell->requests = request;
    heap_put(&self->request_timers, &request->timer, due);
    return request;
}

/* ---- states ---- */

act_ctx_t **
cell_link(host_t *self, const char *key)
{
    act_ctx_t **link = &self->cells[directory_hash(key) % HOST_BUCKETS];
    while (*link != NULL && strcmp((*link)->self.key, key) != 0) {
        link = &(*link)->next;
    }
    return link;
}

void
cell_touch(act_ctx_t *cell)
{
    if (!cell->touched) {
        cell->touched = true;
        cell->next_touched = cell->host->touched;
        cell->host->touched = cell;
    }
}

/* Ends what the state waits for, and the state. */
static void
cell_clear(act_ctx_t *cell)
{
    host_t *self = cell->host;
    while (cell->requests != NULL) {
        request_end(self, cell->requests);
    }
    if (cell->state != NULL && self->kind->fini != NULL) {
        self->kind->fini(cell->state, cell);
    }
    while (cell->requests != NULL) { /* made by fini */
        request_end(self, cell->requests);
    }
    for (int i = 0; i < ACT_TIMERS_CAP; i++) {
        heap_remove(&self->cell_timers, &cell->timers[i].node);
    }
    free(cell->state);
    cell->state = NULL;
    cell->failed = false;
    cell->retire = false;
}

void
cell_destroy(act_ctx_t *cell)
{
    host_t *self = cell->host;
    cell_clear(cell);
    heap_remove(&self->cell_timers, &cell->restart.node);
    act_ctx_t **link = cell_link(self, cell->self.key);
    *link = cell->next;
    atomic_fetch_sub_explicit(&self->keys, 1, memory_order_relaxed);
    free(cell);
}

void
cell_failed(act_ctx_t *cell)
{
    host_t *self = cell->host;
    if (self->now - cell->made_at > (act_usec_t)CELL_STEADY_SEC * ACT_SEC) {
        cell->failures = 0;
    }
    act_usec_t backoff = CELL_BACKOFF_MSEC;
    for (unsigned i = 0; i < cell->failures && backoff < CELL_BACKOFF_MSEC_MAX; i++) {
        backoff *= 2;
    }
    backoff = backoff < CELL_BACKOFF_MSEC_MAX ? backoff : CELL_BACKOFF_MSEC_MAX;
    cell->failures++;
    host_add(&self->restarts, 1);
    cell_clear(cell);
    heap_put(&self->cell_timers, &cell->restart.node, self->now + backoff * ACT_MSEC);
}

bool
cell_make(act_ctx_t *cell)
{
    host_t *self = cell->host;
    cell->state = calloc(1, self->kind->state_size ? self->kind->state_size : 1);
    ACT_ASSERT(cell->state != NULL);
    cell->made_at = self->now;
    cell->moved = false;
    bool made = self->kind->init == NULL || self->kind->init(cell->state, cell, self->config);
    if (made && !cell->failed) {
        cell_touch(cell);
        return true;
    }
    cell_failed(cell);
    return false;
}

act_ctx_t *
cell_new(host_t *self, const char *key)
{
    if (atomic_load_explicit(&self->keys, memory_order_relaxed) >= HOST_STATES_MAX) {
        return NULL;
    }
    act_ctx_t *cell = calloc(1, sizeof *cell);
    ACT_ASSERT(cell != NULL);
    cell->host = self;
    cell->self.node = self->node;
    cell->self.kind = (uint8_t)self->kind->id;
    cell->self.thread = self->thread;
    snprintf(cell->self.key, sizeof cell->self.key, "%s", key);
    for (int i = 0; i < ACT_TIMERS_CAP; i++) {
        cell->timers[i] = (cell_timer_t){.cell = cell, .number = i};
    }
    cell->restart = (cell_timer_t){.cell = cell, .number = -1};
    act_ctx_t **link = cell_link(self, cell->self.key);
    *link = cell;
    atomic_fetch_add_explicit(&self->keys, 1, memory_order_relaxed);
    cell_make(cell);
    return cell;
}

void
cell_after(act_ctx_t *cell)
{
    cell->deadline = 0;
    if (cell->failed) {
        cell_failed(cell);
    } else {
        cell_touch(cell);
    }
}
