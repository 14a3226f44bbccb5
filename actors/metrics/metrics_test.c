/* The text is read back by a parser of the exposition format, as far as we write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metric_table.h"
#include "metrics.h"
#include "sim.h"

enum { SAMPLES_CAP = 2000, NAMES_CAP = 200 };

typedef struct sample {
    char name[80];
    char labels[200]; /* as written, without braces */
    double value;
} sample_t;

typedef struct exposition {
    sample_t samples[SAMPLES_CAP];
    size_t samples_count;
    struct {
        char name[80];
        char type[16];
    } metrics[NAMES_CAP];
    size_t metrics_count;
} exposition_t;

/* Which metric a sample belongs to must be the last that HELP and TYPE announced. */
static void
check_belongs(const exposition_t *self, const char *name)
{
    assert_true(self->metrics_count > 0);
    const char *metric = self->metrics[self->metrics_count - 1].name;
    const char *type = self->metrics[self->metrics_count - 1].type;
    size_t length = strlen(metric);
    assert_memory_equal(name, metric, length);
    if (strcmp(type, "histogram") == 0) {
        assert_true(strcmp(name + length, "_bucket") == 0 || strcmp(name + length, "_sum") == 0 ||
                    strcmp(name + length, "_count") == 0);
    } else {
        assert_string_equal(name + length, "");
    }
}

static void
parse_sample(exposition_t *self, const char *line)
{
    assert_true(self->samples_count < SAMPLES_CAP);
    sample_t *sample = &self->samples[self->samples_count++];
    size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
    assert_in_range(name, 1, sizeof(sample->name) - 1);
    snprintf(sample->name, sizeof(sample->name), "%.*s", (int)name, line);
    const char *at = line + name;
    sample->labels[0] = '\0';
    if (*at == '{') {
        const char *begin = ++at;
        bool quoted = false;
        for (; *at != '}' || quoted; at++) {
            assert_true(*at != '\0');
            if (*at == '\\') {
                at++;
                assert_non_null(strchr("\\\"n", *at));
            } else if (*at == '"') {
                quoted = !quoted;
            }
        }
        snprintf(sample->labels, sizeof(sample->labels), "%.*s", (int)(at - begin), begin);
        at++;
    }
    assert_int_equal(*at, ' ');
    char *end;
    sample->value = strtod(at + 1, &end);
    assert_true(end != at + 1 && *end == '\0');
    check_belongs(self, sample->name);
}

static void
parse_line(exposition_t *self, char *line)
{
    char help_name[80], type_name[80], type[16];
    int help_at = 0;
    if (sscanf(line, "# HELP %79s %n", help_name, &help_at) == 1 && help_at > 0) {
        assert_true(line[help_at] != '\0');
        assert_true(self->metrics_count < NAMES_CAP);
        for (size_t i = 0; i < self->metrics_count; i++) {
            assert_string_not_equal(self->metrics[i].name, help_name); /* each once */
        }
        snprintf(self->metrics[self->metrics_count++].name, sizeof(help_name), "%s", help_name);
    } else if (sscanf(line, "# TYPE %79s %15s", type_name, type) == 2) {
        assert_true(self->metrics_count > 0);
        assert_string_equal(self->metrics[self->metrics_count - 1].name, type_name);
        snprintf(self->metrics[self->metrics_count - 1].type, sizeof(type), "%s", type);
    } else {
        parse_sample(self, line);
    }
}

static exposition_t *
parse(const char *text, size_t length)
{
    exposition_t *self = calloc(1, sizeof(*self));
    char *copy = strndup(text, length);
    assert_non_null(self);
    assert_non_null(copy);
    assert_int_equal(copy[length - 1], '\n');
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        parse_line(self, line);
    }
    free(copy);
    return self;
}

static double
value_of(const exposition_t *self, const char *name, const char *labels)
{
    for (size_t i = 0; i < self->samples_count; i++) {
        if (strcmp(self->samples[i].name, name) == 0 && strcmp(self->samples[i].labels, labels) == 0) {
            return self->samples[i].value;
        }
    }
    fail_msg("there is no %s{%s}", name, labels);
    return 0;
}

static void
check_value(const exposition_t *self, const char *name, const char *labels, double expected)
{
    double value = value_of(self, name, labels);
    if (value < expected - 1e-9 || value > expected + 1e-9) {
        fail_msg("%s{%s} is %g, expected %g", name, labels, value, expected);
    }
}

/* Two mailboxes with numbers in them. */
typedef struct stage {
    _Atomic uint64_t *metrics[2];
    stats_row_t rows[2];
    metrics_config_t config;
    sim_t *sim;
} stage_t;

static size_t
stage_read(void *me, stats_row_t *rows, size_t capacity)
{
    stage_t *self = me;
    assert_true(capacity >= 2);
    memcpy(rows, self->rows, sizeof(self->rows));
    return 2;
}

static bool
stage_process(metrics_process_t *out)
{
    *out = (metrics_process_t){.resident_bytes = 4096, .cpu_usec = 1500000, .open_fds = 12};
    return true;
}

static int
set_up(void **state)
{
    stage_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    for (int i = 0; i < 2; i++) {
        self->metrics[i] = calloc(metric_slots_count(), sizeof(*self->metrics[i]));
        assert_non_null(self->metrics[i]);
        self->rows[i] = (stats_row_t){.kind = i == 0 ? "gateway" : "room",
                                      .thread = (unsigned)i,
                                      .keys = 3,
                                      .depth = 5,
                                      .handled = 100,
                                      .handler_usec = 2500000,
                                      .refused = 7,
                                      .restarts = 1,
                                      .metrics = self->metrics[i]};
    }
    self->config = (metrics_config_t){
        .stats = {.read = stage_read, .self = self}, .build = "0.1 \"x\\y\"\nz", .process = stage_process};
    self->sim = sim_new(1);
    sim_add(self->sim, &metrics_kind, &self->config);
    *state = self;
    return 0;
}

static int
tear_down(void **state)
{
    stage_t *self = *state;
    sim_destroy(&self->sim);
    free(self->metrics[0]);
    free(self->metrics[1]);
    free(self);
    return 0;
}

static void
count(stage_t *self, int row, metric_id_t metric, size_t slot, uint64_t n)
{
    self->metrics[row][metric_slot(metric, 0) + slot] += n;
}

static exposition_t *
scrape(stage_t *self)
{
    assert_true(sim_ask(self->sim, MSG_METRICS_SCRAPE, "", &(msg_metrics_scrape_t){0}, ACT_SEC, 1));
    const msg_t *msg = sim_take(self->sim, MSG_METRICS_TEXT);
    assert_non_null(msg);
    const msg_metrics_text_t *answer = msg->body;
    return parse((const char *)answer->text->data, answer->text->length);
}

static void
every_metric_of_the_table_is_there_with_help_and_type(void **state)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "histogram"};
    exposition_t *found = scrape(*state);
    for (int id = 0; id < METRIC_ID_COUNT; id++) {
        size_t i = 0;
        while (i < found->metrics_count && strcmp(found->metrics[i].name, metric_infos[id].name) != 0) {
            i++;
        }
        assert_true(i < found->metrics_count);
        assert_string_equal(found->metrics[i].type, types[metric_infos[id].type]);
        for (size_t v = 0; metric_infos[id].label != NULL && v < metric_infos[id].values_count; v++) {
            char labels[200];
            snprintf(labels, sizeof(labels), "%s=\"%s\"", metric_infos[id].label, metric_infos[id].values[v]);
            check_value(found, metric_infos[id].name, labels, 0);
        }
    }
    free(found);
}

static void
counters_and_gauges_are_summed_over_mailboxes(void **state)
{
    stage_t *self = *state;
    count(self, 0, METRIC_CONNECTS, OUTCOME_ADMITTED, 2);
    count(self, 1, METRIC_CONNECTS, OUTCOME_ADMITTED, 3);
    count(self, 1, METRIC_CONNECTS, OUTCOME_FAILED, 9);
    count(self, 0, METRIC_ROOM_MEMBERS, 0, 10);
    count(self, 1, METRIC_ROOM_MEMBERS, 0, (uint64_t)-4);
    exposition_t *found = scrape(self);
    check_value(found, "playhouse_connects_total", "outcome=\"admitted\"", 5);
    check_value(found, "playhouse_connects_total", "outcome=\"failed\"", 9);
    check_value(found, "playhouse_room_members", "", 6);
    free(found);
}

static void
gauge_below_zero_is_shown_as_such(void **state)
{
    stage_t *self = *state;
    count(self, 1, METRIC_ROOM_MEMBERS, 0, (uint64_t)-4);
    exposition_t *found = scrape(self);
    check_value(found, "playhouse_room_members", "", -4);
    free(found);
}

static void
histograms_are_cumulative_and_time_is_in_seconds(void **state)
{
    stage_t *self = *state;
    count(self, 0, METRIC_COMMIT_LATENCY, 0, 2);                  /* up to 32 us */
    count(self, 1, METRIC_COMMIT_LATENCY, 5, 3);                  /* up to 1024 us */
    count(self, 1, METRIC_COMMIT_LATENCY, METRIC_BUCKETS - 1, 1); /* over 16.8 s */
    count(self, 1, METRIC_COMMIT_LATENCY, METRIC_BUCKETS, 20002500);
    count(self, 0, METRIC_COMMIT_SIZE, 1, 4);
    count(self, 0, METRIC_COMMIT_SIZE, METRIC_BUCKETS, 200);
    exposition_t *found = scrape(self);
    check_value(found, "playhouse_commit_seconds_bucket", "le=\"0.000032\"", 2);
    check_value(found, "playhouse_commit_seconds_bucket", "le=\"0.000512\"", 2);
    check_value(found, "playhouse_commit_seconds_bucket", "le=\"0.001024\"", 5);
    check_value(found, "playhouse_commit_seconds_bucket", "le=\"16.777216\"", 5);
    check_value(found, "playhouse_commit_seconds_bucket", "le=\"+Inf\"", 6);
    check_value(found, "playhouse_commit_seconds_count", "", 6);
    check_value(found, "playhouse_commit_seconds_sum", "", 20.0025);
    check_value(found, "playhouse_commit_batch_size_bucket", "le=\"1\"", 0);
    check_value(found, "playhouse_commit_batch_size_bucket", "le=\"2\"", 4);
    check_value(found, "playhouse_commit_batch_size_sum", "", 200);
    double before = 0;
    for (size_t i = 0; i < found->samples_count; i++) {
        if (strcmp(found->samples[i].name, "playhouse_commit_seconds_bucket") == 0) {
            assert_true(found->samples[i].value >= before);
            before = found->samples[i].value;
        }
    }
    free(found);
}

static void
mailboxes_process_and_build_are_shown(void **state)
{
    stage_t *self = *state;
    sim_advance(self->sim, 90 * ACT_SEC);
    exposition_t *found = scrape(self);
    check_value(found, "playhouse_mailbox_depth", "actor=\"gateway\",thread=\"0\"", 5);
    check_value(found, "playhouse_handled_total", "actor=\"room\",thread=\"1\"", 100);
    check_value(found, "playhouse_handler_seconds_total", "actor=\"room\",thread=\"1\"", 2.5);
    check_value(found, "playhouse_mailbox_refused_total", "actor=\"room\",thread=\"1\"", 7);
    check_value(found, "playhouse_actor_restarts_total", "actor=\"gateway\",thread=\"0\"", 1);
    check_value(found, "playhouse_actor_keys", "actor=\"room\",thread=\"1\"", 3);
    check_value(found, "playhouse_build_info", "build=\"0.1 \\\"x\\\\y\\\"\\nz\"", 1);
    check_value(found, "playhouse_uptime_seconds", "", 90);
    check_value(found, "process_resident_memory_bytes", "", 4096);
    check_value(found, "process_cpu_seconds_total", "", 1.5);
    check_value(found, "process_open_fds", "", 12);
    free(found);
}

static void
each_sample_of_a_process_among_others_says_which_one_it_is(void **state)
{
    stage_t *self = *state;
    self->config.node = "tower-\"1\"";
    self->config.roles = "room";
    count(self, 0, METRIC_CONNECTS, OUTCOME_ADMITTED, 2);
    count(self, 0, METRIC_COMMIT_LATENCY, 0, 2);
    exposition_t *found = scrape(self);
#define HERE "node=\"tower-\\\"1\\\"\",roles=\"room\""
    for (size_t i = 0; i < found->samples_count; i++) {
        assert_memory_equal(found->samples[i].labels, HERE, strlen(HERE));
    }
    check_value(found, "playhouse_connects_total", HERE ",outcome=\"admitted\"", 2);
    check_value(found, "playhouse_commit_seconds_bucket", HERE ",le=\"0.000032\"", 2);
    check_value(found, "playhouse_commit_seconds_count", HERE, 2);
    check_value(found, "playhouse_mailbox_depth", HERE ",actor=\"gateway\",thread=\"0\"", 5);
    check_value(found, "process_open_fds", HERE, 12);
    free(found);
}

static void
actors_are_listed(void **state)
{
    stage_t *self = *state;
    assert_true(sim_ask(self->sim, MSG_METRICS_ACTORS, "", &(msg_metrics_actors_t){0}, ACT_SEC, 1));
    const msg_t *msg = sim_take(self->sim, MSG_METRICS_ACTOR_LIST);
    assert_non_null(msg);
    const msg_metrics_actor_list_t *list = msg->body;
    assert_int_equal(list->actors_len, 2);
    assert_string_equal(list->actors[1].kind, "room");
    assert_int_equal(list->actors[1].thread, 1);
    assert_int_equal(list->actors[1].depth, 5);
    assert_int_equal(list->actors[1].handler_us, 2500000);
    assert_int_equal(list->actors[1].refused, 7);
}

static void
process_numbers_are_those_of_this_process(void **state)
{
    (void)state;
    metrics_process_t before, after;
    assert_true(metrics_process_read(&before));
    assert_true(before.resident_bytes > 100000);
    assert_true(before.open_fds >= 3);
    FILE *file = fopen("/dev/null", "r");
    assert_non_null(file);
    assert_true(metrics_process_read(&after));
    assert_int_equal(after.open_fds, before.open_fds + 1);
    assert_true(after.cpu_usec >= before.cpu_usec);
    assert_int_equal(fclose(file), 0);
}

static void
page_of_all_names_is_up_to_date(void **state)
{
    (void)state;
    const char *folder = getenv("PLAYHOUSE_SOURCE_DIR");
    assert_non_null(folder);
    char path[1024];
    snprintf(path, sizeof(path), "%s/docs/metrics.md", folder);
    char *page = NULL, *expected = NULL;
    size_t length = 0, capacity = 0;
    FILE *out = open_memstream(&expected, &length);
    assert_non_null(out);
    metrics_write_reference(out);
    assert_int_equal(fclose(out), 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getdelim(&page, &capacity, '\0', file) > 0);
    assert_int_equal(fclose(file), 0);
    if (strcmp(page, expected) != 0) {
        fail_msg("docs/metrics.md is not what the table says; renew it: cmake --build <build> --target metrics_page");
    }
    free(page);
    free(expected);
}

int
main(void)
{
#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        METRICS_TEST(every_metric_of_the_table_is_there_with_help_and_type),
        METRICS_TEST(counters_and_gauges_are_summed_over_mailboxes),
        METRICS_TEST(gauge_below_zero_is_shown_as_such),
        METRICS_TEST(histograms_are_cumulative_and_time_is_in_seconds),
        METRICS_TEST(mailboxes_process_and_build_are_shown),
        METRICS_TEST(each_sample_of_a_process_among_others_says_which_one_it_is),
        METRICS_TEST(actors_are_listed),
        cmocka_unit_test(process_numbers_are_those_of_this_process),
        cmocka_unit_test(page_of_all_names_is_up_to_date),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
