#include <string.h>

#include "bench.h"

typedef union bench_event {
    msg_event_reconnect_token_t reconnect_token;
    msg_event_welcome_t welcome;
    msg_event_queue_position_t position;
    msg_event_admitted_t admitted;
    msg_event_error_t error;
} bench_event_t;

static const codec_type_t *
bench_find_event(const char *name, size_t length, uint32_t *type)
{
    static const struct {
        const char *name;
        const codec_type_t *table;
        uint32_t type;
    } events[] = {{"event.reconnect_token", &type_event_reconnect_token, MSG_EVENT_RECONNECT_TOKEN},
                  {"event.welcome", &type_event_welcome, MSG_EVENT_WELCOME},
                  {"event.queue_position", &type_event_queue_position, MSG_EVENT_QUEUE_POSITION},
                  {"event.admitted", &type_event_admitted, MSG_EVENT_ADMITTED},
                  {"event.error", &type_event_error, MSG_EVENT_ERROR}};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (strlen(events[i].name) == length && memcmp(events[i].name, name, length) == 0) {
            *type = events[i].type;
            return events[i].table;
        }
    }
    *type = 0;
    return NULL;
}

static void
bench_session_send(bench_session_t *self, const codec_type_t *type, const char *name, const void *body)
{
    uint8_t message[BENCH_MESSAGE_CAP];
    bench_ws_send(&self->ws, message, codec_encode(self->ws.format, type, name, body, message, sizeof(message)));
}

static void
bench_session_join(bench_session_t *self)
{
    msg_session_join_t join = {.has_ticket = true};
    snprintf(join.ticket, sizeof(join.ticket), "%s", self->secret);
    snprintf(join.build, sizeof(join.build), "%s", self->bench->build);
    self->state = BENCH_ASKING;
    bench_session_send(self, &type_session_join, "session.join", &join);
}

static void
bench_session_watch(bench_session_t *self)
{
    msg_queue_watch_t watch = {0};
    snprintf(watch.queue_token, sizeof(watch.queue_token), "%s", self->secret);
    snprintf(watch.build, sizeof(watch.build), "%s", self->bench->build);
    bench_session_send(self, &type_queue_watch, "queue.watch", &watch);
}

void
bench_session_leave(bench_session_t *self)
{
    msg_session_leave_t leave = {0};
    self->bench->playing -= self->state == BENCH_PLAYING;
    self->state = BENCH_LEAVING;
    bench_session_send(self, &type_session_leave, "session.leave", &leave);
}

/* It was to go anyway once the end has begun; whoever gives its place up over HTTP waits for that answer. */
static void
bench_session_fail(bench_session_t *self, const char *why)
{
    self->bench->playing -= self->state == BENCH_PLAYING;
    if (self->bench->ending) {
        self->state = BENCH_GONE;
        bench_ws_close(&self->ws);
    } else {
        bench_joiner_free(self, why);
    }
}

/* It is in its room. */
static void
bench_on_welcome(bench_session_t *self, const msg_event_welcome_t *welcome)
{
    bench_t *bench = self->bench;
    self->action_id = welcome->last_action_id;
    memcpy(self->character_id, welcome->character_id, sizeof(self->character_id));
    bench_fresh_enter(self);
    for (uint32_t i = 0; i < welcome->snapshot.members_len; i++) {
        const obj_member_view_t *member = &welcome->snapshot.members[i];
        if (strcmp(member->character_id, welcome->character_id) == 0) {
            /* A step to the right must stay on the plane. */
            self->x = member->x < bench_step_length ? member->x : member->x - bench_step_length;
            self->y = member->y;
        }
    }
    if (self->entry) {
        bench_stats_add(&self->entry->enter, bench_now() - self->since);
    }
    self->state = BENCH_PLAYING;
    bench->playing++;
    bench->joined += self->part == BENCH_PLAYER;
    bench_joiner_free(self, NULL);
    if (self->part == BENCH_VISITOR) {
        bench_session_leave(self);
    } else if (self->part == BENCH_WATCHER) {
        bench_on_seat(self);
    }
}

static void
bench_on_event(bench_session_t *self, uint32_t type, const bench_event_t *event)
{
    switch (type) {
    case MSG_EVENT_WELCOME:
        bench_on_welcome(self, &event->welcome);
        return;
    case MSG_EVENT_QUEUE_POSITION:
        bench_on_position(self);
        return;
    case MSG_EVENT_ADMITTED:
        snprintf(self->secret, sizeof(self->secret), "%s", event->admitted.ticket);
        if (bench_on_admitted(self)) {
            bench_session_join(self);
        }
        return;
    case MSG_EVENT_ERROR:
        bench_session_fail(self, error_names[event->error.code]);
        return;
    default: /* event.reconnect_token: nothing here comes back after a drop */
        return;
    }
}

/* What comes before the session is in its room is read whole; afterwards only acks and errors are looked for. */
static void
bench_session_enter(bench_session_t *self, const uint8_t *data, size_t length)
{
    static bench_event_t event;
    codec_frame_t frame;
    codec_frame_open(&frame, self->ws.format, data, length);
    for (int got = 1; got != 0 && (self->state == BENCH_ASKING || self->state == BENCH_WAITING);) {
        codec_fault_t fault;
        uint32_t type = 0;
        uint64_t action_id = 0;
        got = codec_frame_next(&frame, bench_find_event, &type, &event, sizeof(event), &action_id, &fault);
        if (got == 1) {
            bench_on_event(self, type, &event);
        } else if (got < 0 && fault.error != CODEC_UNKNOWN) {
            bench_session_fail(self, "an event of the server cannot be read");
        }
    }
}

static void
bench_session_answer(void *owner, const bench_answer_t *answer)
{
    bench_session_t *self = owner;
    if (self->state == BENCH_PLAYING) {
        bench_on_answer(self, answer);
    }
}

static void
bench_session_message(bench_ws_t *ws, const uint8_t *data, size_t length)
{
    bench_session_t *self = (bench_session_t *)ws;
    self->bench->messages += self->bench->counting;
    self->bench->bytes += self->bench->counting ? length : 0;
    if (self->state == BENCH_ASKING || self->state == BENCH_WAITING) {
        bench_session_enter(self, data, length);
    } else if (!bench_scan(ws->format, data, length, bench_session_answer, self)) {
        bench_tally_add(&self->bench->failures, "a frame of the server cannot be read");
    } else if (self->reads_deltas) {
        bench_fresh_look(self, data, length);
    }
}

static void
bench_session_opened(bench_ws_t *ws)
{
    bench_session_t *self = (bench_session_t *)ws;
    if (self->part == BENCH_WATCHER) {
        bench_session_watch(self);
    } else {
        bench_session_join(self);
    }
}

static void
bench_session_closed(bench_ws_t *ws, int code, const char *why)
{
    bench_session_t *self = (bench_session_t *)ws;
    if (self->state == BENCH_LEAVING) {
        self->state = self->part == BENCH_VISITOR ? BENCH_READY : BENCH_GONE;
        return;
    }
    char failure[BENCH_CODE_CAP];
    snprintf(failure, sizeof(failure), code ? "%s with %d" : "%s", why, code);
    bench_session_fail(self, failure);
}

const bench_ws_events_t bench_session_events = {
    .opened = bench_session_opened,
    .message = bench_session_message,
    .closed = bench_session_closed,
};
