#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
    BENCH_REST_USEC = 100000, /* a session that was refused waits this long */
    BENCH_BURST_MAX = 4096,   /* actions sent between two looks at the sockets */
    BENCH_LEAVE_SEC = 10,
};

const double bench_step_length = 0.05;

static void
bench_send_move(bench_session_t *self, int64_t due)
{
    bench_t *bench = self->bench;
    uint8_t message[BENCH_MESSAGE_CAP];
    self->action_id++;
    bench_fresh_sent(self, due);
    double x = self->x + bench_fresh_offset(self->action_id);
    msg_intent_move_t move = {.action_id = self->action_id, .x = x, .y = self->y};
    size_t length = codec_encode(self->ws.format, &type_intent_move, "intent.move", &move, message, sizeof(message));
    self->outstanding++;
    self->due_at[self->action_id % BENCH_OUTSTANDING_CAP] = due;
    bench->sent += bench->counting;
    bench_ws_send(&self->ws, message, length);
}

static bool
bench_can_send(const bench_session_t *self, int64_t now)
{
    return self->state == BENCH_PLAYING && self->outstanding < self->bench->options->outstanding &&
           self->rest_until <= now;
}

void
bench_on_answer(bench_session_t *self, const bench_answer_t *answer)
{
    bench_t *bench = self->bench;
    int64_t now = bench_now();
    int64_t *due = &self->due_at[answer->action_id % BENCH_OUTSTANDING_CAP];
    if (answer->action_id < 1 || *due == 0) {
        bench_tally_add(&bench->refusals, answer->kind == BENCH_ERROR ? answer->code : "an ack nobody waited for");
        return;
    }
    if (answer->kind == BENCH_ERROR) {
        bench_tally_add(&bench->refusals, answer->code);
        self->rest_until = now + BENCH_REST_USEC;
    } else {
        bench_fresh_acked(self, answer->action_id, now);
    }
    if (answer->kind != BENCH_ERROR && bench->counting) {
        bench->acked++;
        if (*due >= bench->count_start) {
            bench_stats_add(&bench->acks, now - *due);
        }
    }
    *due = 0;
    self->outstanding--;
    if (bench->load_start && bench->options->rate == 0 && !bench->ending && bench_can_send(self, now)) {
        bench_send_move(self, now);
    }
}

/* Sends what is due. Sessions take turns; an action that finds all of them full stays due. */
static void
bench_send_due(bench_t *self, int64_t *actions, int64_t *turn)
{
    int64_t now = bench_now();
    const bench_options_t *options = self->options;
    if (options->rate == 0) {
        for (int64_t i = 0; i < options->sessions; i++) {
            while (bench_can_send(&self->sessions[i], now)) {
                bench_send_move(&self->sessions[i], now);
            }
        }
        return;
    }
    for (int burst = 0; burst < BENCH_BURST_MAX; burst++) {
        int64_t due = self->load_start + *actions * 1000000 / options->rate;
        int64_t tried = 0;
        while (due <= now && tried < options->sessions && !bench_can_send(&self->sessions[*turn], now)) {
            *turn = (*turn + 1) % options->sessions;
            tried++;
        }
        if (due > now || tried == options->sessions) {
            return;
        }
        bench_send_move(&self->sessions[*turn], due);
        *turn = (*turn + 1) % options->sessions;
        ++*actions;
    }
}

/* Acks and visits that are still to come. */
static uint64_t
bench_outstanding(const bench_t *self)
{
    uint64_t count = 0;
    for (int64_t i = 0; i < self->options->sessions; i++) {
        count += self->sessions[i].state == BENCH_PLAYING ? self->sessions[i].outstanding : 0;
    }
    return count + (uint64_t)bench_connecting(self);
}

bool
bench_load(bench_t *self)
{
    int64_t actions = 0;
    int64_t turn = 0;
    bool good = true;
    self->load_start = bench_now();
    self->count_start = self->load_start + self->options->warmup * 1000000;
    int64_t end = self->count_start + self->options->seconds * 1000000;
    for (int64_t now = self->load_start; now < end && good && self->playing > 0; now = bench_now()) {
        if (!self->counting && now >= self->count_start) {
            self->counting = true;
            self->count_start = now;
            good = bench_costs(self, &self->before_load);
        }
        bench_send_due(self, &actions, &turn);
        bench_visit_due(self, now);
        bench_poll(self, BENCH_TICK_USEC);
    }
    good = bench_costs(self, &self->after_load) && good;
    self->load_usec = bench_now() - self->count_start;
    self->counting = false;
    self->load_start = 0;
    int64_t deadline = bench_now() + (int64_t)BENCH_DRAIN_SEC * 1000000;
    while (bench_outstanding(self) > 0 && bench_now() < deadline) {
        bench_poll(self, BENCH_TICK_USEC);
    }
    self->unanswered = bench_outstanding(self);
    return good;
}

bool
bench_idle(bench_t *self)
{
    self->count_start = bench_now();
    bool good = bench_costs(self, &self->before_load);
    int64_t end = self->count_start + self->options->seconds * 1000000;
    for (int64_t left = end - bench_now(); left > 0 && self->playing > 0; left = end - bench_now()) {
        bench_poll(self, left < 100000 ? left : 100000);
    }
    self->load_usec = bench_now() - self->count_start;
    return bench_costs(self, &self->after_load) && good;
}

void
bench_leave(bench_t *self)
{
    self->ending = true;
    if (bench_count(self, BENCH_WAITING) > 0) {
        bench_run_phase(self, BENCH_END, self->options->sessions, self->sessions_count, "leaving the queue");
    }
    for (int64_t i = 0; i < self->sessions_count; i++) {
        if (self->sessions[i].state == BENCH_PLAYING) {
            bench_session_leave(&self->sessions[i]);
        }
    }
    int64_t deadline = bench_now() + (int64_t)BENCH_LEAVE_SEC * 1000000;
    while (bench_count(self, BENCH_LEAVING) > 0 && bench_now() < deadline) {
        bench_poll(self, 10000);
    }
    for (int64_t i = 0; i < self->options->joiners; i++) {
        client_http_fini(&self->joiners[i].http);
    }
    for (int64_t i = 0; i < self->sessions_count; i++) {
        bench_ws_close(&self->sessions[i].ws);
        free(self->sessions[i].token);
    }
}
