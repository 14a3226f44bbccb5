#include <inttypes.h>

#include "bench.h"

typedef struct bench_numbers {
    double joins_per_second, join_seconds, join_cpu_usec;
    double seconds, acks_per_second, cpu_usec, cores, rss, session_bytes;
    double p50, p95, p99, max; /* ms */
} bench_numbers_t;

static double
bench_per(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static bench_numbers_t
bench_numbers(const bench_t *self)
{
    double cpu = (double)(self->after_load.cpu_usec - self->before_load.cpu_usec);
    double joined = (double)self->joined;
    const bench_usage_t *last = self->options->join_only ? &self->after_join : &self->after_load;
    return (bench_numbers_t){
        .join_seconds = (double)self->join_usec / 1e6,
        .joins_per_second = bench_per(joined * 1e6, (double)self->join_usec),
        .join_cpu_usec = bench_per((double)(self->after_join.cpu_usec - self->before_join.cpu_usec), joined),
        .seconds = (double)self->load_usec / 1e6,
        .acks_per_second = bench_per((double)self->acked * 1e6, (double)self->load_usec),
        .cpu_usec = bench_per(cpu, (double)self->acked),
        .cores = bench_per(cpu, (double)self->load_usec),
        .rss = (double)last->rss,
        .session_bytes = bench_per((double)(self->after_join.rss - self->before_join.rss), joined),
        .p50 = (double)bench_stats_quantile(&self->acks, 0.5) / 1e3,
        .p95 = (double)bench_stats_quantile(&self->acks, 0.95) / 1e3,
        .p99 = (double)bench_stats_quantile(&self->acks, 0.99) / 1e3,
        .max = (double)self->acks.max / 1e3,
    };
}

static void
bench_tally_text(const bench_tally_t *tally, const char *name, FILE *out)
{
    for (uint32_t i = 0; i < tally->rows_count; i++) {
        fprintf(out, "%-10s %" PRIu64 " x %s\n", name, tally->rows[i].count, tally->rows[i].code);
    }
}

void
bench_report_text(const bench_t *self, FILE *out)
{
    bench_numbers_t n = bench_numbers(self);
    const bench_options_t *options = self->options;
    bool server = options->pid != 0;
    fprintf(out, "%-10s %" PRId64 " of %" PRId64 " joined in %.2f s, %.0f/s", "sessions", self->joined,
            options->sessions, n.join_seconds, n.joins_per_second);
    if (server) {
        fprintf(out, "; CPU %.0f us per join", n.join_cpu_usec);
    }
    fprintf(out, "\n");
    if (!options->idle && !options->join_only) {
        fprintf(
            out,
            "%-10s %" PRIu64 " acks in %.1f s, %.0f/s; %" PRIu64 " sent, %" PRIu64 " refused, %" PRIu64 " unanswered\n",
            "actions", self->acked, n.seconds, n.acks_per_second, self->sent, self->refusals.count, self->unanswered);
        fprintf(out, "%-10s p50 %.2f ms, p95 %.2f ms, p99 %.2f ms, max %.2f ms\n", "ack", n.p50, n.p95, n.p99, n.max);
        fprintf(out, "%-10s %" PRIu64 " messages, %.1f MB\n", "read", self->messages, (double)self->bytes / 1e6);
    }
    if (server) {
        fprintf(out, "%-10s", "server");
        if (!options->idle && !options->join_only) {
            fprintf(out, " CPU %.1f us per action,", n.cpu_usec);
        }
        fprintf(out, " %.2f cores; memory %.1f MB, %.0f bytes per session\n", n.cores, n.rss / 1e6, n.session_bytes);
    }
    bench_tally_text(&self->failures, "failed", out);
    bench_tally_text(&self->refusals, "refused", out);
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

void
bench_report_json(const bench_t *self, FILE *out)
{
    bench_numbers_t n = bench_numbers(self);
    const bench_options_t *options = self->options;
    fprintf(out, "{\"sessions\":%" PRId64 ",\"joined\":%" PRId64 ",\"joinSeconds\":%.3f,\"joinsPerSecond\":%.1f",
            options->sessions, self->joined, n.join_seconds, n.joins_per_second);
    if (!options->join_only) {
        fprintf(out, ",\"seconds\":%.3f", n.seconds);
    }
    if (!options->idle && !options->join_only) {
        fprintf(out,
                ",\"rate\":%" PRId64 ",\"sent\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"unanswered\":%" PRIu64
                ",\"acksPerSecond\":%.1f",
                options->rate, self->sent, self->acked, self->unanswered, n.acks_per_second);
        fprintf(out, ",\"ackMs\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}", n.p50, n.p95, n.p99, n.max);
        fprintf(out, ",\"messagesRead\":%" PRIu64 ",\"bytesRead\":%" PRIu64, self->messages, self->bytes);
    }
    if (options->pid) {
        fprintf(out,
                ",\"server\":{\"cpuUsecPerJoin\":%.1f,\"cpuUsecPerAction\":%.2f,\"cores\":%.3f,\"rssBytes\":%.0f"
                ",\"bytesPerSession\":%.0f}",
                n.join_cpu_usec, n.cpu_usec, n.cores, n.rss, n.session_bytes);
    }
    bench_tally_json(&self->failures, "failures", out);
    bench_tally_json(&self->refusals, "refusals", out);
    fprintf(out, "}\n");
}
