#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
    BENCH_REST_USEC = 100000, /* a session that was refused waits this long */
    BENCH_TICK_USEC = 1000,   /* how often what is due is looked for */
    BENCH_BURST_MAX = 4096,   /* actions sent between two looks at the sockets */
    BENCH_DRAIN_SEC = 10,     /* how long the last acks may take */
    BENCH_LEAVE_SEC = 3,
    BENCH_MESSAGE_CAP = 256,
};

static const double bench_step_length = 0.05; /* far below any speed limit, also at 1000 moves a second */

static void
bench_send_move(bench_session_t *self, int64_t due)
{
    bench_t *bench = self->bench;
    uint8_t message[BENCH_MESSAGE_CAP];
    self->action_id++;
    double offset = self->action_id % 2 ? bench_step_length : 0;
    msg_intent_move_t move = {.action_id = self->action_id, .x = self->x + offset, .y = self->y};
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

static void
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
    } else if (bench->counting) {
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

void
bench_session_answer(void *owner, const bench_answer_t *answer)
{
    bench_session_t *self = owner;
    if (self->state == BENCH_PLAYING && answer->kind != BENCH_WELCOME) {
        bench_on_answer(self, answer);
    } else if (self->state == BENCH_ASKING && answer->kind == BENCH_ERROR) {
        bench_joined(self, answer->code);
    }
}

static const codec_type_t *
bench_find_welcome(const char *name, size_t length, uint32_t *type)
{
    static const char welcome[] = "event.welcome";
    bool is = length == sizeof(welcome) - 1 && memcmp(name, welcome, length) == 0;
    *type = is ? MSG_EVENT_WELCOME : 0;
    return is ? &type_event_welcome : NULL;
}

static void
bench_on_welcome(bench_session_t *self, const msg_event_welcome_t *welcome)
{
    self->action_id = welcome->last_action_id;
    for (uint32_t i = 0; i < welcome->snapshot.members_len; i++) {
        const obj_member_view_t *member = &welcome->snapshot.members[i];
        if (strcmp(member->character_id, welcome->character_id) == 0) {
            /* A step to the right must stay on the plane. */
            self->x = member->x < bench_step_length ? member->x : member->x - bench_step_length;
            self->y = member->y;
        }
    }
    bench_joined(self, NULL);
}

static void
bench_session_message(bench_ws_t *ws, const uint8_t *data, size_t length)
{
    bench_session_t *self = (bench_session_t *)ws;
    self->bench->messages += self->bench->counting;
    self->bench->bytes += self->bench->counting ? length : 0;
    if (self->state == BENCH_ASKING) {
        static msg_event_welcome_t welcome;
        codec_frame_t frame;
        codec_fault_t fault;
        uint32_t type = 0;
        uint64_t action_id = 0;
        codec_frame_open(&frame, ws->format, data, length);
        if (codec_frame_next(&frame, bench_find_welcome, &type, &welcome, sizeof(welcome), &action_id, &fault) == 1) {
            bench_on_welcome(self, &welcome);
            return;
        }
    }
    if (!bench_scan(ws->format, data, length, bench_session_answer, self)) {
        bench_tally_add(&self->bench->failures, "a frame of the server cannot be read");
    }
}

static void
bench_session_opened(bench_ws_t *ws)
{
    bench_session_t *self = (bench_session_t *)ws;
    uint8_t message[BENCH_MESSAGE_CAP];
    msg_session_join_t join;
    memset(&join, 0, sizeof(join));
    snprintf(join.ticket, sizeof(join.ticket), "%s", self->ticket);
    snprintf(join.build, sizeof(join.build), "%s", self->bench->build);
    bench_ws_send(ws, message,
                  codec_encode(ws->format, &type_session_join, "session.join", &join, message, sizeof(message)));
}

static void
bench_session_closed(bench_ws_t *ws, int code, const char *why)
{
    bench_session_t *self = (bench_session_t *)ws;
    char failure[BENCH_CODE_CAP];
    snprintf(failure, sizeof(failure), code ? "%s with %d" : "%s", why, code);
    if (self->state == BENCH_ASKING) {
        bench_joined(self, failure);
    } else if (self->state == BENCH_PLAYING) {
        self->bench->playing--;
        if (!self->bench->ending) {
            bench_tally_add(&self->bench->failures, failure);
        }
    }
    self->state = BENCH_GONE;
}

const bench_ws_events_t bench_session_events = {
    .opened = bench_session_opened,
    .message = bench_session_message,
    .closed = bench_session_closed,
};

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

static uint64_t
bench_outstanding(const bench_t *self)
{
    uint64_t count = 0;
    for (int64_t i = 0; i < self->options->sessions; i++) {
        count += self->sessions[i].state == BENCH_PLAYING ? self->sessions[i].outstanding : 0;
    }
    return count;
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
            good = bench_usage(self, &self->before_load);
        }
        bench_send_due(self, &actions, &turn);
        bench_poll(self, BENCH_TICK_USEC);
    }
    good = bench_usage(self, &self->after_load) && good;
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
    bool good = bench_usage(self, &self->before_load);
    int64_t end = self->count_start + self->options->seconds * 1000000;
    for (int64_t left = end - bench_now(); left > 0 && self->playing > 0; left = end - bench_now()) {
        bench_poll(self, left < 100000 ? left : 100000);
    }
    self->load_usec = bench_now() - self->count_start;
    return bench_usage(self, &self->after_load) && good;
}

void
bench_leave(bench_t *self)
{
    self->ending = true;
    for (int64_t i = 0; i < self->options->sessions; i++) {
        uint8_t message[BENCH_MESSAGE_CAP];
        msg_session_leave_t leave = {0};
        bench_ws_t *ws = &self->sessions[i].ws;
        if (self->sessions[i].state == BENCH_PLAYING) {
            bench_ws_send(
                ws, message,
                codec_encode(ws->format, &type_session_leave, "session.leave", &leave, message, sizeof(message)));
        }
    }
    int64_t deadline = bench_now() + (int64_t)BENCH_LEAVE_SEC * 1000000;
    while (self->playing > 0 && bench_now() < deadline) {
        bench_poll(self, 10000);
    }
    for (int64_t i = 0; i < self->options->sessions; i++) {
        bench_ws_close(&self->sessions[i].ws);
        free(self->sessions[i].token);
    }
}
