#include "metrics.h"

#include <stdlib.h>

#include "send.h"

enum { METRICS_TEXT_MAX = 1048576 }; /* as in the schema; some 60 kB are usual */

typedef struct metrics {
    const metrics_config_t *config;
    act_usec_t started;
} metrics_t;

static size_t
metrics_rows(metrics_t *self, stats_row_t rows[METRICS_ROWS_CAP])
{
    size_t count = self->config->stats.read(self->config->stats.self, rows, METRICS_ROWS_CAP);
    return count < METRICS_ROWS_CAP ? count : METRICS_ROWS_CAP;
}

static void
metrics_on_scrape(metrics_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    stats_row_t rows[METRICS_ROWS_CAP];
    size_t count = metrics_rows(self, rows);
    metrics_process_t process;
    bool known = self->config->process(&process);
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    ACT_ASSERT(out != NULL);
    const metrics_page_t page = {.rows = rows,
                                 .count = count,
                                 .build = self->config->build,
                                 .node = self->config->node,
                                 .roles = self->config->roles,
                                 .uptime = act_now(ctx) - self->started,
                                 .process = known ? &process : NULL};
    metrics_write(out, &page);
    ACT_ASSERT(fclose(out) == 0 && length <= METRICS_TEXT_MAX);
    msg_metrics_text_t answer = {.text = blob_new(text, length)};
    free(text);
    reply_metrics_text(ctx, msg, &answer);
    blob_release(&answer.text);
}

static void
metrics_on_actors(metrics_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    stats_row_t rows[METRICS_ROWS_CAP];
    size_t count = metrics_rows(self, rows);
    msg_metrics_actor_list_t list = {.actors_len = (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        obj_actor_row_t *row = &list.actors[i];
        snprintf(row->kind, sizeof(row->kind), "%s", rows[i].kind);
        row->thread = rows[i].thread;
        row->keys = (int64_t)rows[i].keys;
        row->depth = (int64_t)rows[i].depth;
        row->handled = (int64_t)rows[i].handled;
        row->handler_us = (int64_t)rows[i].handler_usec;
        row->refused = (int64_t)rows[i].refused;
        row->restarts = (int64_t)rows[i].restarts;
    }
    reply_metrics_actor_list(ctx, msg, &list);
}

static void
metrics_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    metrics_t *self = state;
    switch ((metrics_inbox_t)msg->type) {
    case METRICS_INBOX_SCRAPE:
        metrics_on_scrape(self, ctx, msg);
        return;
    case METRICS_INBOX_ACTORS:
        metrics_on_actors(self, ctx, msg);
        return;
    }
    ACT_UNREACHABLE("metrics hears only what its schema says");
}

static bool
metrics_init(void *state, act_ctx_t *ctx, const void *config)
{
    metrics_t *self = state;
    self->config = config;
    self->started = act_now(ctx);
    return true;
}

const act_kind_t metrics_kind = {
    .id = ACT_KIND_METRICS,
    .name = "metrics",
    .keying = ACT_SHARDED,
    .state_size = sizeof(metrics_t),
    .init = metrics_init,
    .receive = metrics_receive,
};
