#include <inttypes.h>

#include "bench.h"

typedef struct bench_numbers {
    double joins_per_second, join_seconds, join_cpu_usec, join_registry_usec;
    double seconds, acks_per_second, cpu_usec, cores, registry_cores, rss, session_bytes;
    double store_usec, store_cores;
    double visits_per_second, waits_per_second, fill_seconds, pushes_per_second;
} bench_numbers_t;

/* Milliseconds. */
typedef struct bench_times {
    double p50, p95, p99, max;
} bench_times_t;

static double
bench_per(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static bench_numbers_t
bench_numbers(const bench_t *self)
{
    double seconds = (double)self->load_usec / 1e6;
    double cpu = (double)(self->after_load.server.cpu_usec - self->before_load.server.cpu_usec);
    double registry = (double)(self->after_load.registry.cpu_usec - self->before_load.registry.cpu_usec);
    double store = (double)(self->after_load.store.cpu_usec - self->before_load.store.cpu_usec);
    double joined = (double)self->joined;
    const bench_costs_t *join[] = {&self->before_join, &self->after_join};
    const bench_usage_t *last = self->options->join_only ? &self->after_join.server : &self->after_load.server;
    return (bench_numbers_t){
        .join_seconds = (double)self->join_usec / 1e6,
        .joins_per_second = bench_per(joined * 1e6, (double)self->join_usec),
        .join_cpu_usec = bench_per((double)(join[1]->server.cpu_usec - join[0]->server.cpu_usec), joined),
        .join_registry_usec = bench_per((double)(join[1]->registry.cpu_usec - join[0]->registry.cpu_usec), joined),
        .seconds = seconds,
        .acks_per_second = bench_per((double)self->acked, seconds),
        .cpu_usec = bench_per(cpu, (double)self->acked),
        .cores = bench_per(cpu, (double)self->load_usec),
        .registry_cores = bench_per(registry, (double)self->load_usec),
        .store_usec = bench_per(store, (double)self->acked),
        .store_cores = bench_per(store, (double)self->load_usec),
        .rss = (double)last->rss,
        .session_bytes = bench_per((double)(join[1]->server.rss - join[0]->server.rss), joined),
        .visits_per_second = bench_per((double)self->visits.enter.count, seconds),
        .fill_seconds = (double)self->queue.fill_usec / 1e6,
        .waits_per_second = bench_per((double)self->waits.enter.count * 1e6, (double)self->queue.fill_usec),
        .pushes_per_second = bench_per((double)self->queue.pushes, seconds),
    };
}

/* Of one process of the server, while sessions played. */
typedef struct bench_part_cost {
    double cpu_usec, cores, rss;
} bench_part_cost_t;

static bench_part_cost_t
bench_part_cost(const bench_t *self, size_t i)
{
    double cpu = (double)(self->after_load.parts[i].cpu_usec - self->before_load.parts[i].cpu_usec);
    const bench_costs_t *last = self->options->join_only ? &self->after_join : &self->after_load;
    return (bench_part_cost_t){.cpu_usec = bench_per(cpu, (double)self->acked),
                               .cores = bench_per(cpu, (double)self->load_usec),
                               .rss = (double)last->parts[i].rss};
}

static bench_times_t
bench_times(const bench_stats_t *stats)
{
    return (bench_times_t){.p50 = (double)bench_stats_quantile(stats, 0.5) / 1e3,
                           .p95 = (double)bench_stats_quantile(stats, 0.95) / 1e3,
                           .p99 = (double)bench_stats_quantile(stats, 0.99) / 1e3,
                           .max = (double)stats->max / 1e3};
}

/* Do sessions play? */
static bool
bench_plays(const bench_options_t *options)
{
    return !options->idle && !options->join_only && options->queue == 0;
}

/* ---- for people ---- */

static void
bench_times_text(const bench_stats_t *stats, const char *name, const char *what, FILE *out)
{
    bench_times_t t = bench_times(stats);
    fprintf(out, "%-10s %sp50 %.2f ms, p95 %.2f ms, p99 %.2f ms, max %.2f ms\n", name, what, t.p50, t.p95, t.p99,
            t.max);
}

static void
bench_tally_text(const bench_tally_t *tally, const char *name, FILE *out)
{
    for (uint32_t i = 0; i < tally->rows_count; i++) {
        fprintf(out, "%-10s %" PRIu64 " x %s\n", name, tally->rows[i].count, tally->rows[i].code);
    }
}

static void
bench_joins_text(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    fprintf(out, "%-10s %" PRId64 " of %" PRId64 " joined in %.2f s, %.0f/s", "sessions", self->joined,
            self->options->sessions, n->join_seconds, n->joins_per_second);
    if (self->options->servers.count > 0) {
        fprintf(out, "; CPU %.0f us per join", n->join_cpu_usec);
    }
    if (self->options->registry_pid) {
        fprintf(out, " + %.0f us of the registry", n->join_registry_usec);
    }
    fprintf(out, "\n");
    bench_times_text(&self->joins.connect, "connect", "", out);
    bench_times_text(&self->joins.enter, "join", "connect included: ", out);
}

static void
bench_load_text(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    fprintf(out,
            "%-10s %" PRIu64 " acks in %.1f s, %.0f/s; %" PRIu64 " sent, %" PRIu64 " refused, %" PRIu64 " unanswered\n",
            "actions", self->acked, n->seconds, n->acks_per_second, self->sent, self->refusals.count, self->unanswered);
    bench_times_text(&self->acks, "ack", "", out);
    bench_times_text(&self->fresh.seen, "seen", "by somebody else: ", out);
    bench_times_text(&self->fresh.after_ack, "", "after the ack: ", out);
    fprintf(out, "%-10s %" PRIu64 " messages, %.1f MB\n", "read", self->messages, (double)self->bytes / 1e6);
    if (self->options->visits) {
        fprintf(out, "%-10s %" PRIu64 " came and went meanwhile, %.0f/s\n", "visits", self->visits.enter.count,
                n->visits_per_second);
        bench_times_text(&self->visits.connect, "", "connect: ", out);
        bench_times_text(&self->visits.enter, "", "in the room: ", out);
    }
}

static void
bench_queue_text(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    const bench_queue_t *queue = &self->queue;
    fprintf(out, "%-10s %" PRId64 " of %" PRId64 " waited after %.2f s, %.0f/s\n", "queue", queue->waited,
            self->options->queue, n->fill_seconds, n->waits_per_second);
    bench_times_text(&self->waits.connect, "", "connect: ", out);
    bench_times_text(&self->waits.enter, "", "first position: ", out);
    fprintf(out, "%-10s %" PRId64 " freed, %" PRId64 " given on, %" PRIu64 " unanswered\n", "seats", queue->freed,
            queue->admitted, self->unanswered);
    bench_times_text(&self->seats.connect, "", "event.admitted after: ", out);
    bench_times_text(&self->seats.enter, "", "in the room after: ", out);
    fprintf(out, "%-10s %" PRIu64 " positions in %.1f s, %.0f/s\n", "pushes", queue->pushes, n->seconds,
            n->pushes_per_second);
}

static void
bench_server_text(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    const bench_options_t *options = self->options;
    fprintf(out, "%-10s", "server");
    if (bench_plays(options)) {
        fprintf(out, " CPU %.1f us per action,", n->cpu_usec);
    }
    fprintf(out, " %.2f cores; memory %.1f MB, %.0f bytes per session\n", n->cores, n->rss / 1e6, n->session_bytes);
    for (size_t i = 0; options->servers.count > 1 && i < options->servers.count; i++) {
        bench_part_cost_t part = bench_part_cost(self, i);
        fprintf(out, "%-10s %" PRId64 ":", "", options->servers.pids[i]);
        if (bench_plays(options)) {
            fprintf(out, " CPU %.1f us per action,", part.cpu_usec);
        }
        fprintf(out, " %.2f cores; memory %.1f MB\n", part.cores, part.rss / 1e6);
    }
}

void
bench_report_text(const bench_t *self, FILE *out)
{
    bench_numbers_t n = bench_numbers(self);
    const bench_options_t *options = self->options;
    bench_joins_text(self, &n, out);
    if (bench_plays(options)) {
        bench_load_text(self, &n, out);
    }
    if (options->queue) {
        bench_queue_text(self, &n, out);
    }
    if (options->servers.count > 0) {
        bench_server_text(self, &n, out);
    }
    if (options->registry_pid && !options->join_only) {
        fprintf(out, "%-10s %.2f cores\n", "registry", n.registry_cores);
    }
    if (options->store_pid && bench_plays(options)) {
        fprintf(out, "%-10s CPU %.1f us per action, %.2f cores\n", "store", n.store_usec, n.store_cores);
    }
    bench_tally_text(&self->failures, "failed", out);
    bench_tally_text(&self->refusals, "refused", out);
}

/* ---- for programs ---- */

static void
bench_times_json(const bench_stats_t *stats, const char *name, FILE *out)
{
    bench_times_t t = bench_times(stats);
    fprintf(out, ",\"%s\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, t.p50, t.p95, t.p99, t.max);
}

/* Names are ours or come from a server's close reason: what is not plain is left out. */
static void
bench_tally_json(const bench_tally_t *tally, const char *name, FILE *out)
{
    fprintf(out, ",\"%s\":{", name);
    for (uint32_t i = 0; i < tally->rows_count; i++) {
        fprintf(out, "%s\"", i ? "," : "");
        for (const char *at = tally->rows[i].code; *at; at++) {
            if ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\') {
                fputc(*at, out);
            }
        }
        fprintf(out, "\":%" PRIu64, tally->rows[i].count);
    }
    fprintf(out, "}");
}

static void
bench_load_json(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    fprintf(out,
            ",\"rate\":%" PRId64 ",\"sent\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"unanswered\":%" PRIu64
            ",\"acksPerSecond\":%.1f",
            self->options->rate, self->sent, self->acked, self->unanswered, n->acks_per_second);
    bench_times_json(&self->acks, "ackMs", out);
    bench_times_json(&self->fresh.seen, "seenMs", out);
    bench_times_json(&self->fresh.after_ack, "seenAfterAckMs", out);
    fprintf(out, ",\"seen\":%" PRIu64, self->fresh.seen.count);
    fprintf(out, ",\"messagesRead\":%" PRIu64 ",\"bytesRead\":%" PRIu64, self->messages, self->bytes);
    if (self->options->visits) {
        fprintf(out, ",\"visits\":{\"rate\":%" PRId64 ",\"done\":%" PRIu64 ",\"perSecond\":%.1f", self->options->visits,
                self->visits.enter.count, n->visits_per_second);
        bench_times_json(&self->visits.connect, "connectMs", out);
        bench_times_json(&self->visits.enter, "joinMs", out);
        fprintf(out, "}");
    }
}

static void
bench_queue_json(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    const bench_queue_t *queue = &self->queue;
    fprintf(out, ",\"queue\":{\"waited\":%" PRId64 ",\"fillSeconds\":%.3f,\"queuedPerSecond\":%.1f", queue->waited,
            n->fill_seconds, n->waits_per_second);
    bench_times_json(&self->waits.connect, "connectMs", out);
    bench_times_json(&self->waits.enter, "firstPositionMs", out);
    fprintf(out, ",\"freed\":%" PRId64 ",\"admitted\":%" PRId64 ",\"unanswered\":%" PRIu64, queue->freed,
            queue->admitted, self->unanswered);
    bench_times_json(&self->seats.connect, "admittedMs", out);
    bench_times_json(&self->seats.enter, "joinedMs", out);
    fprintf(out, ",\"pushes\":%" PRIu64 ",\"pushesPerSecond\":%.1f}", queue->pushes, n->pushes_per_second);
}

static void
bench_server_json(const bench_t *self, const bench_numbers_t *n, FILE *out)
{
    const bench_pids_t *servers = &self->options->servers;
    fprintf(out,
            ",\"server\":{\"cpuUsecPerJoin\":%.1f,\"cpuUsecPerAction\":%.2f,\"cores\":%.3f,\"rssBytes\":%.0f"
            ",\"bytesPerSession\":%.0f,\"processes\":[",
            n->join_cpu_usec, n->cpu_usec, n->cores, n->rss, n->session_bytes);
    for (size_t i = 0; i < servers->count; i++) {
        bench_part_cost_t part = bench_part_cost(self, i);
        fprintf(out, "%s{\"pid\":%" PRId64 ",\"cpuUsecPerAction\":%.2f,\"cores\":%.3f,\"rssBytes\":%.0f}",
                i > 0 ? "," : "", servers->pids[i], part.cpu_usec, part.cores, part.rss);
    }
    fprintf(out, "]}");
}

void
bench_report_json(const bench_t *self, FILE *out)
{
    bench_numbers_t n = bench_numbers(self);
    const bench_options_t *options = self->options;
    fprintf(out, "{\"sessions\":%" PRId64 ",\"joined\":%" PRId64 ",\"joinSeconds\":%.3f,\"joinsPerSecond\":%.1f",
            options->sessions, self->joined, n.join_seconds, n.joins_per_second);
    bench_times_json(&self->joins.connect, "connectMs", out);
    bench_times_json(&self->joins.enter, "joinMs", out);
    if (!options->join_only) {
        fprintf(out, ",\"seconds\":%.3f", n.seconds);
    }
    if (bench_plays(options)) {
        bench_load_json(self, &n, out);
    }
    if (options->queue) {
        bench_queue_json(self, &n, out);
    }
    if (options->servers.count > 0) {
        bench_server_json(self, &n, out);
    }
    if (options->registry_pid) {
        fprintf(out, ",\"registry\":{\"cpuUsecPerJoin\":%.1f,\"cores\":%.3f}", n.join_registry_usec, n.registry_cores);
    }
    if (options->store_pid) {
        fprintf(out, ",\"store\":{\"cpuUsecPerAction\":%.2f,\"cores\":%.3f}", n.store_usec, n.store_cores);
    }
    bench_tally_json(&self->failures, "failures", out);
    bench_tally_json(&self->refusals, "refusals", out);
    fprintf(out, "}\n");
}
