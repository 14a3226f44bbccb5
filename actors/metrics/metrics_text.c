/* Prometheus text, exposition format 0.0.4, and the page that lists every name. */
#include <inttypes.h>

#include "metric_table.h"
#include "metrics.h"

static const char *const type_names[] = {[METRIC_COUNTER] = "counter",
                                         [METRIC_GAUGE] = "gauge",
                                         [METRIC_HISTOGRAM] = "histogram",
                                         [METRIC_SIZES] = "histogram"};

/* The runtime's own numbers, one line per mailbox. */
typedef struct mailbox_info {
    const char *name;
    metric_type_t type;
    const char *help;
    size_t offset; /* of a uint64_t in stats_row_t */
    bool time;     /* microseconds there, seconds here */
} mailbox_info_t;

static const mailbox_info_t mailbox_infos[] = {
    {"playhouse_mailbox_depth", METRIC_GAUGE, "messages waiting in a mailbox", offsetof(stats_row_t, depth), false},
    {"playhouse_mailbox_refused_total", METRIC_COUNTER, "messages refused because a mailbox was full",
     offsetof(stats_row_t, refused), false},
    {"playhouse_handled_total", METRIC_COUNTER, "messages handled by an actor", offsetof(stats_row_t, handled), false},
    {"playhouse_handler_seconds_total", METRIC_COUNTER, "wall time an actor spent in its batches",
     offsetof(stats_row_t, handler_usec), true},
    {"playhouse_actor_restarts_total", METRIC_COUNTER, "states of an actor that failed and were made anew",
     offsetof(stats_row_t, restarts), false},
    {"playhouse_actor_keys", METRIC_GAUGE, "live states of an actor", offsetof(stats_row_t, keys), false},
};

/* One line per process; the last three only where the operating system tells. */
enum { PROCESS_BUILD, PROCESS_UPTIME, PROCESS_RESIDENT, PROCESS_CPU, PROCESS_FDS, PROCESS_COUNT };
static const metric_info_t process_infos[PROCESS_COUNT] = {
    [PROCESS_BUILD] = {"playhouse_build_info", METRIC_GAUGE, "build", NULL, 1, "always 1; the label is the build"},
    [PROCESS_UPTIME] = {"playhouse_uptime_seconds", METRIC_GAUGE, NULL, NULL, 1, "time since the start"},
    [PROCESS_RESIDENT] = {"process_resident_memory_bytes", METRIC_GAUGE, NULL, NULL, 1, "resident memory"},
    [PROCESS_CPU] = {"process_cpu_seconds_total", METRIC_COUNTER, NULL, NULL, 1, "user and system CPU time"},
    [PROCESS_FDS] = {"process_open_fds", METRIC_GAUGE, NULL, NULL, 1, "open file descriptors"},
};

enum { MAILBOX_INFOS_COUNT = sizeof(mailbox_infos) / sizeof(*mailbox_infos), USEC_PER_SEC = 1000000 };

static void
write_head(FILE *out, const char *name, metric_type_t type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

static void
write_seconds(FILE *out, uint64_t usec)
{
    fprintf(out, "%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC, usec % USEC_PER_SEC);
}

/* A label value in quotes. */
static void
write_value(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\\n", out);
        } else {
            fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
        }
    }
    fputc('"', out);
}

typedef struct label {
    const char *name, *value;
} label_t;

/* The name of a sample and its labels: the process', then these. */
static void
write_labelled(FILE *out, const metrics_page_t *page, const char *name, const char *suffix, label_t one, label_t two)
{
    const label_t labels[] = {{"node", page->node != NULL && page->node[0] != '\0' ? page->node : NULL},
                              {"roles", page->roles != NULL && page->roles[0] != '\0' ? page->roles : NULL},
                              one,
                              two};
    char before = '{';
    fprintf(out, "%s%s", name, suffix);
    for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
        if (labels[i].name != NULL && labels[i].value != NULL) {
            fprintf(out, "%c%s=", before, labels[i].name);
            write_value(out, labels[i].value);
            before = ',';
        }
    }
    fputs(before == ',' ? "} " : " ", out);
}

/* With one label (NULL: none). */
static void
write_name(FILE *out, const metrics_page_t *page, const char *name, const char *suffix, const char *label,
           const char *value)
{
    write_labelled(out, page, name, suffix, (label_t){label, value}, (label_t){NULL, NULL});
}

static uint64_t
slot_sum(const metrics_page_t *page, size_t slot)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < page->count; i++) {
        sum += atomic_load_explicit(&page->rows[i].metrics[slot], memory_order_relaxed);
    }
    return sum;
}

/* The upper bound of a bucket, as a label. */
static void
bound_text(const metric_info_t *info, uint32_t bucket, char text[32])
{
    uint64_t bound = metric_bucket_bound(info->type, bucket);
    if (info->type == METRIC_HISTOGRAM) {
        snprintf(text, 32, "%" PRIu64 ".%06" PRIu64, bound / USEC_PER_SEC, bound % USEC_PER_SEC);
    } else {
        snprintf(text, 32, "%" PRIu64, bound);
    }
}

static void
write_histogram(FILE *out, const metrics_page_t *page, const metric_info_t *info, size_t slot)
{
    uint64_t cumulated = 0;
    char bound[32];
    for (uint32_t i = 0; i < METRIC_BUCKETS - 1; i++) {
        cumulated += slot_sum(page, slot + i);
        bound_text(info, i, bound);
        write_name(out, page, info->name, "_bucket", "le", bound);
        fprintf(out, "%" PRIu64 "\n", cumulated);
    }
    cumulated += slot_sum(page, slot + METRIC_BUCKETS - 1);
    write_name(out, page, info->name, "_bucket", "le", "+Inf");
    fprintf(out, "%" PRIu64 "\n", cumulated);
    write_name(out, page, info->name, "_sum", NULL, NULL);
    uint64_t sum = slot_sum(page, slot + METRIC_BUCKETS);
    if (info->type == METRIC_HISTOGRAM) {
        write_seconds(out, sum);
    } else {
        fprintf(out, "%" PRIu64, sum);
    }
    fputc('\n', out);
    write_name(out, page, info->name, "_count", NULL, NULL);
    fprintf(out, "%" PRIu64 "\n", cumulated);
}

static void
write_metric(FILE *out, const metrics_page_t *page, metric_id_t id)
{
    const metric_info_t *info = &metric_infos[id];
    write_head(out, info->name, info->type, info->help);
    if (info->type >= METRIC_HISTOGRAM) {
        write_histogram(out, page, info, metric_slot(id, 0));
        return;
    }
    for (uint32_t i = 0; i < info->values_count; i++) {
        uint64_t value = slot_sum(page, metric_slot(id, i));
        write_name(out, page, info->name, "", info->label, info->label != NULL ? info->values[i] : NULL);
        /* A gauge's rows may be negative one by one; two's complement adds them alike. */
        if (info->type == METRIC_GAUGE) {
            fprintf(out, "%" PRId64 "\n", (int64_t)value);
        } else {
            fprintf(out, "%" PRIu64 "\n", value);
        }
    }
}

static void
write_mailboxes(FILE *out, const metrics_page_t *page, const mailbox_info_t *info)
{
    write_head(out, info->name, info->type, info->help);
    for (size_t i = 0; i < page->count; i++) {
        const stats_row_t *row = &page->rows[i];
        uint64_t value = *(const uint64_t *)((const char *)row + info->offset);
        char thread[16];
        snprintf(thread, sizeof thread, "%u", row->thread);
        write_labelled(out, page, info->name, "", (label_t){"actor", row->kind}, (label_t){"thread", thread});
        if (info->time) {
            write_seconds(out, value);
        } else {
            fprintf(out, "%" PRIu64, value);
        }
        fputc('\n', out);
    }
}

static void
write_process(FILE *out, const metrics_page_t *page)
{
    const metrics_process_t *process = page->process;
    for (int i = 0; i < (process != NULL ? PROCESS_COUNT : PROCESS_RESIDENT); i++) {
        const metric_info_t *info = &process_infos[i];
        write_head(out, info->name, info->type, info->help);
        write_name(out, page, info->name, "", info->label, page->build);
        if (i == PROCESS_BUILD) {
            fputc('1', out);
        } else if (i == PROCESS_UPTIME || i == PROCESS_CPU) {
            write_seconds(out, i == PROCESS_UPTIME ? (uint64_t)page->uptime : process->cpu_usec);
        } else {
            fprintf(out, "%" PRIu64, i == PROCESS_RESIDENT ? process->resident_bytes : process->open_fds);
        }
        fputc('\n', out);
    }
}

void
metrics_write(FILE *out, const metrics_page_t *page)
{
    for (int id = 0; id < METRIC_ID_COUNT; id++) {
        write_metric(out, page, (metric_id_t)id);
    }
    for (int i = 0; i < MAILBOX_INFOS_COUNT; i++) {
        write_mailboxes(out, page, &mailbox_infos[i]);
    }
    write_process(out, page);
}

static void
write_reference_row(FILE *out, const metric_info_t *info)
{
    fprintf(out, "| `%s` | %s | ", info->name, type_names[info->type]);
    if (info->label != NULL) {
        fprintf(out, "`%s`%s", info->label, info->values != NULL ? ": " : "");
        for (size_t i = 0; info->values != NULL && i < info->values_count; i++) {
            fprintf(out, "%s%s", i == 0 ? "" : ", ", info->values[i]);
        }
    }
    fprintf(out, " | %s |\n", info->help);
}

void
metrics_write_reference(FILE *out)
{
    fputs("# Metrics\n\n"
          "Prometheus text (exposition format 0.0.4) at `/metrics` of the admin port. Names are stable. Counters and\n"
          "histograms start at 0 with the process. Of a process among others every sample has two labels more: `node`, "
          "its\n"
          "name, and `roles`. Histograms have a bucket for each power of two from 32 on: of\n"
          "microseconds, shown in seconds, or of units where the name ends in `_size`.\n\n"
          "This page is generated from `broker/metrics.tbl.h` (`cmake --build <build> --target metrics_page`).\n\n"
          "| name | type | labels | what |\n|---|---|---|---|\n",
          out);
    for (int id = 0; id < METRIC_ID_COUNT; id++) {
        write_reference_row(out, &metric_infos[id]);
    }
    for (int i = 0; i < MAILBOX_INFOS_COUNT; i++) {
        const mailbox_info_t *info = &mailbox_infos[i];
        fprintf(out, "| `%s` | %s | `actor`, `thread` | %s |\n", info->name, type_names[info->type], info->help);
    }
    for (int i = 0; i < PROCESS_COUNT; i++) {
        write_reference_row(out, &process_infos[i]);
    }
}
