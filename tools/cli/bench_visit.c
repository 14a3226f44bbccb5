#include "bench.h"

/* Whose turn it is, among the visitors that have left; NULL: all are on their way. */
static bench_session_t *
bench_visit_next(bench_t *self)
{
    int64_t visitors = self->sessions_count - self->options->sessions;
    for (int64_t tried = 0; tried < visitors; tried++) {
        bench_session_t *session = &self->sessions[self->options->sessions + self->visitor];
        self->visitor = (self->visitor + 1) % visitors;
        if (session->state == BENCH_READY) {
            return session;
        }
    }
    return NULL;
}

/* A visit that finds no visitor or no joiner free stays due, and its time runs. */
void
bench_visit_due(bench_t *self, int64_t now)
{
    while (self->options->visits > 0) {
        int64_t due = self->load_start + self->visits_begun * 1000000 / self->options->visits;
        bool counts = self->counting && due >= self->count_start;
        bench_session_t *session = due <= now ? bench_visit_next(self) : NULL;
        if (!session || !bench_connect(session, due, counts ? &self->visits : NULL)) {
            return;
        }
        self->visits_begun++;
    }
}
