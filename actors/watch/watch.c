#include "watch.h"

#include <stdio.h>
#include <string.h>

#include "watch_state.h"

size_t
watch_rows(watch_t *self, stats_row_t rows[WATCH_ROWS_CAP])
{
    size_t count = self->config->stats.read(self->config->stats.self, rows, WATCH_ROWS_CAP);
    return count < WATCH_ROWS_CAP ? count : WATCH_ROWS_CAP;
}

int64_t
watch_number(uint64_t number)
{
    const uint64_t max = 9007199254740991; /* 2^53 - 1 */
    return (int64_t)(number < max ? number : max);
}

/* Every WATCH_STEADY_SECONDS, when somebody asks, `newer` becomes `older`. */
static void
watch_age_times(watch_t *self, act_usec_t now, const stats_row_t *rows, size_t count)
{
    if (now - self->copied < (act_usec_t)WATCH_STEADY_SECONDS * ACT_SEC) {
        return;
    }
    self->copied = now;
    for (size_t i = 0; i < count; i++) {
        watch_times_t *times = &self->times[i];
        memcpy(times->older, times->newer, sizeof times->older);
        recorder_read_took(rows[i].recorder, times->newer);
    }
}

static void
watch_write_row(watch_t *self, size_t i, const stats_row_t *from, obj_watch_row_t *row)
{
    uint64_t took[RECORDER_BUCKETS];
    recorder_read_took(from->recorder, took);
    snprintf(row->kind, sizeof row->kind, "%s", from->kind);
    row->thread = from->thread;
    row->keys = watch_number(from->keys);
    row->depth = watch_number(from->depth);
    row->handled = watch_number(from->handled);
    row->handler_us = watch_number(from->handler_usec);
    row->p99_us = watch_number(recorder_quantile(took, self->times[i].older, 0.99));
    row->refused = watch_number(from->refused);
    row->restarts = watch_number(from->restarts);
}

static void
watch_on_actors(watch_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    stats_row_t rows[WATCH_ROWS_CAP];
    size_t count = watch_rows(self, rows);
    uint64_t resident = 0, cpu = 0, sessions = 0, rooms = 0;
    if (!self->config->process(&resident, &cpu)) {
        resident = cpu = 0;
    }
    msg_watch_actor_list_t list = {.actors_len = (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        watch_write_row(self, i, &rows[i], &list.actors[i]);
        sessions += atomic_load_explicit(&rows[i].metrics[metric_slot(METRIC_CONNECTIONS, 0)], memory_order_relaxed);
        rooms += strcmp(rows[i].kind, act_kind_names[ACT_KIND_ROOM]) == 0 ? rows[i].keys : 0;
    }
    watch_age_times(self, act_now(ctx), rows, count);
    snprintf(list.node, sizeof list.node, "%s", self->config->node);
    list.at_us = act_now(ctx) + self->config->clock_offset();
    list.up_ms = (act_now(ctx) - self->started) / ACT_MSEC;
    list.cpu_us = watch_number(cpu);
    list.resident_bytes = watch_number(resident);
    list.rooms = watch_number(rooms);
    list.sessions = watch_number(sessions);
    reply_watch_actor_list(ctx, msg, &list);
}

static void
watch_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    watch_t *self = state;
    switch ((watch_inbox_t)msg->type) {
    case WATCH_INBOX_ACTORS:
        watch_on_actors(self, ctx, msg);
        return;
    case WATCH_INBOX_TAIL:
        watch_on_tail(self, ctx, msg);
        return;
    }
    ACT_UNREACHABLE("watch hears only what its schema says");
}

static bool
watch_init(void *state, act_ctx_t *ctx, const void *config)
{
    watch_t *self = state;
    self->config = config;
    self->started = self->copied = act_now(ctx);
    return true;
}

const act_kind_t watch_kind = {
    .id = ACT_KIND_WATCH,
    .name = "watch",
    .keying = ACT_SHARDED,
    .state_size = sizeof(watch_t),
    .init = watch_init,
    .receive = watch_receive,
};
