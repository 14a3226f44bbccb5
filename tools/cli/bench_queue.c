#include <stdlib.h>

#include "bench.h"

void
bench_on_position(bench_session_t *self)
{
    bench_t *bench = self->bench;
    bench->queue.pushes += bench->counting;
    if (self->state == BENCH_ASKING) {
        bench_stats_add(&self->entry->enter, bench_now() - self->since);
        self->state = BENCH_WAITING;
        bench_joiner_free(self, NULL);
    }
}

/* The first seat that is freed goes to whoever waits first: so the n-th event.admitted answers the n-th leave, and the
 * n-th in the queue cannot have one before n seats were freed. */
bool
bench_on_admitted(bench_session_t *self)
{
    bench_t *bench = self->bench;
    bench_queue_t *queue = &bench->queue;
    if (bench->ending) {
        return false;
    }
    int64_t now = bench_now();
    int64_t number = queue->admitted++;
    if (number >= queue->freed || self->place > queue->freed) {
        bench_tally_add(&bench->failures, "admitted before its turn");
    }
    self->since = number < queue->freed ? queue->freed_at[number] : now;
    self->entry = &bench->seats;
    bench_stats_add(&self->entry->connect, now - self->since);
    bench_joiner_free(self, NULL);
    return true;
}

void
bench_on_seat(bench_session_t *self)
{
    bench_queue_t *queue = &self->bench->queue;
    queue->holders[queue->holders_count++] = self;
}

static bool
bench_queue_fill(bench_t *self)
{
    bench_queue_t *queue = &self->queue;
    int64_t players = self->options->sessions;
    for (int64_t i = 0; i < players; i++) {
        if (self->sessions[i].state == BENCH_PLAYING) {
            bench_on_seat(&self->sessions[i]);
        }
    }
    int64_t start = bench_now();
    bool good = bench_run_phase(self, BENCH_ENTER, players, self->sessions_count, "filling the queue");
    queue->fill_usec = bench_now() - start;
    queue->waited = bench_count(self, BENCH_WAITING);
    if (good && queue->waited == 0) {
        fprintf(stderr, "nobody waits\n");
    }
    return good && queue->waited > 0;
}

/* Whoever has had a seat longest leaves it. */
static void
bench_queue_free(bench_t *self)
{
    bench_queue_t *queue = &self->queue;
    bench_session_t *holder = queue->holders[queue->freed];
    queue->freed_at[queue->freed++] = bench_now();
    if (holder->state == BENCH_PLAYING) { /* else it was lost, which is a failure already */
        bench_session_leave(holder);
    }
}

static void
bench_queue_run(bench_t *self)
{
    bench_queue_t *queue = &self->queue;
    int64_t end = self->count_start + self->options->seconds * 1000000;
    for (int64_t now = self->count_start; now < end && queue->admitted < queue->waited; now = bench_now()) {
        while (queue->freed < queue->waited && queue->freed < queue->holders_count &&
               self->count_start + queue->freed * 1000000 / self->options->frees <= now) {
            bench_queue_free(self);
        }
        bench_poll(self, BENCH_TICK_USEC);
    }
}

bool
bench_queue(bench_t *self)
{
    bench_queue_t *queue = &self->queue;
    queue->holders = calloc((size_t)self->sessions_count, sizeof(bench_session_t *));
    queue->freed_at = calloc((size_t)self->sessions_count, sizeof(int64_t));
    if (!queue->holders || !queue->freed_at) {
        fprintf(stderr, "playhouse bench: out of memory\n");
        return false;
    }
    if (!bench_queue_fill(self) || !bench_costs(self, &self->before_load)) {
        return false;
    }
    self->count_start = bench_now();
    self->counting = true;
    bench_queue_run(self);
    self->counting = false;
    self->load_usec = bench_now() - self->count_start;
    bool good = bench_costs(self, &self->after_load);
    int64_t deadline = bench_now() + (int64_t)BENCH_DRAIN_SEC * 1000000;
    while ((queue->admitted < queue->freed || bench_count(self, BENCH_ASKING) > 0) && bench_now() < deadline) {
        bench_poll(self, BENCH_TICK_USEC);
    }
    int64_t missing = queue->admitted < queue->freed ? queue->freed - queue->admitted : 0;
    self->unanswered = (uint64_t)(missing + bench_count(self, BENCH_ASKING));
    return good;
}
