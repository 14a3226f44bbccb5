/* watch: what it shows of mailboxes and of the messages they have handled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_test_helpers.h"
#include "watch.h"

enum { MAILBOXES = 2, OFFSET = 5000000 };

typedef struct stage {
    recorder_t recorders[MAILBOXES];
    _Atomic uint64_t *metrics;
    watch_config_t config;
    sim_t *sim;
} stage_t;

static const act_kind_id_t kinds[MAILBOXES] = {ACT_KIND_ROOM, ACT_KIND_PERSISTENCE};

static size_t
stage_read(void *me, stats_row_t *rows, size_t capacity)
{
    stage_t *self = me;
    assert_true(capacity >= MAILBOXES);
    for (unsigned i = 0; i < MAILBOXES; i++) {
        rows[i] = (stats_row_t){.kind = act_kind_names[kinds[i]],
                                .thread = i,
                                .keys = 3,
                                .depth = 5,
                                .handled = recorder_end(&self->recorders[i]),
                                .handler_usec = 70,
                                .refused = 7,
                                .restarts = 1,
                                .metrics = self->metrics,
                                .recorder = &self->recorders[i]};
    }
    return MAILBOXES;
}

static bool
stage_process(uint64_t *resident_bytes, uint64_t *cpu_usec)
{
    *resident_bytes = 4096;
    *cpu_usec = 1500;
    return true;
}

static act_usec_t
stage_offset(void)
{
    return OFFSET;
}

static int
set_up(void **state)
{
    stage_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    for (int i = 0; i < MAILBOXES; i++) {
        recorder_init(&self->recorders[i], kinds[i]);
    }
    self->metrics = calloc(metric_slots_count(), sizeof *self->metrics);
    assert_non_null(self->metrics);
    self->metrics[metric_slot(METRIC_CONNECTIONS, 0)] = 4;
    self->config = (watch_config_t){.stats = {.read = stage_read, .self = self},
                                    .node = "north-1",
                                    .process = stage_process,
                                    .clock_offset = stage_offset};
    self->sim = sim_new(1);
    sim_add(self->sim, &watch_kind, &self->config);
    *state = self;
    return 0;
}

static int
tear_down(void **state)
{
    stage_t *self = *state;
    sim_destroy(&self->sim);
    for (int i = 0; i < MAILBOXES; i++) {
        recorder_fini(&self->recorders[i]);
    }
    free(self->metrics);
    free(self);
    return 0;
}

/* A message that mailbox i handled. */
static void
handle(stage_t *self, int i, act_usec_t at, uint8_t trace)
{
    static const msg_room_peek_t peek;
    static msg_persistence_append_t append;
    msg_t msg = {.type = i == 0 ? MSG_ROOM_PEEK : MSG_PERSISTENCE_APPEND,
                 .from = {.kind = ACT_KIND_GATEWAY, .thread = 1},
                 .correlation = 9,
                 .trace = {.bytes = {trace}},
                 .key = "plaza/main",
                 .body = i == 0 ? (const void *)&peek : &append};
    recorder_note(&self->recorders[i], &msg, at, 12);
}

static msg_watch_tailed_t
tail(stage_t *self, const msg_watch_tail_t *question)
{
    assert_true(sim_ask(self->sim, MSG_WATCH_TAIL, "", question, ACT_SEC, 1));
    return *(const msg_watch_tailed_t *)sim_expect(self->sim, MSG_WATCH_TAILED)->body;
}

static msg_watch_tail_t
go_on(const msg_watch_tail_t *question, const msg_watch_tailed_t *answer)
{
    msg_watch_tail_t next = *question;
    next.has_cursor = true;
    next.cursor_len = answer->cursor_len;
    memcpy(next.cursor, answer->cursor, sizeof next.cursor);
    return next;
}

static void
check_refused(stage_t *self, const msg_watch_tail_t *question, const char *why)
{
    assert_true(sim_ask(self->sim, MSG_WATCH_TAIL, "", question, ACT_SEC, 1));
    const msg_watch_refused_t *refused = sim_expect(self->sim, MSG_WATCH_REFUSED)->body;
    assert_non_null(strstr(refused->why, why));
}

static void
every_mailbox_and_the_process_are_shown(void **state)
{
    stage_t *self = *state;
    handle(self, 0, 1, 1);
    assert_true(sim_ask(self->sim, MSG_WATCH_ACTORS, "", &(msg_watch_actors_t){0}, ACT_SEC, 1));
    const msg_watch_actor_list_t *list = sim_expect(self->sim, MSG_WATCH_ACTOR_LIST)->body;
    assert_string_equal(list->node, "north-1");
    assert_int_equal(list->actors_len, MAILBOXES);
    assert_int_equal(list->rooms, 3);
    assert_int_equal(list->sessions, 4 * MAILBOXES);
    assert_int_equal(list->resident_bytes, 4096);
    assert_int_equal(list->cpu_us, 1500);
    assert_int_equal(list->at_us, sim_now(self->sim) + OFFSET);
    const obj_watch_row_t *row = &list->actors[0];
    assert_string_equal(row->kind, "room");
    assert_int_equal(row->handled, 1);
    assert_in_range(row->p99_us, 12, 15);
    assert_int_equal(row->depth, 5);
    assert_int_equal(row->refused, 7);
    assert_int_equal(row->restarts, 1);
}

static int64_t
p99(stage_t *self)
{
    assert_true(sim_ask(self->sim, MSG_WATCH_ACTORS, "", &(msg_watch_actors_t){0}, ACT_SEC, 1));
    return ((const msg_watch_actor_list_t *)sim_expect(self->sim, MSG_WATCH_ACTOR_LIST)->body)->actors[0].p99_us;
}

static void
times_of_handlers_age(void **state)
{
    stage_t *self = *state;
    handle(self, 0, 1, 1);
    assert_in_range(p99(self), 12, 15);
    for (int i = 0; i < 3; i++) {
        sim_advance(self->sim, (act_usec_t)WATCH_STEADY_SECONDS * ACT_SEC);
        p99(self);
    }
    assert_int_equal(p99(self), 0);
}

static void
tail_begins_now_and_goes_on_where_it_was(void **state)
{
    stage_t *self = *state;
    handle(self, 0, 1, 1);
    msg_watch_tail_t question = {0};
    msg_watch_tailed_t answer = tail(self, &question);
    assert_int_equal(answer.entries_len, 0);
    handle(self, 1, 30, 2);
    handle(self, 0, 20, 1);
    question = go_on(&question, &answer);
    answer = tail(self, &question);
    assert_int_equal(answer.entries_len, 2);
    const obj_tail_entry_t *entry = &answer.entries[0];
    assert_int_equal(entry->at_us, 20 + OFFSET);
    assert_string_equal(entry->kind, "room");
    assert_string_equal(entry->key, "plaza/main");
    assert_string_equal(entry->message, "room.peek");
    assert_string_equal(entry->from, "0:gateway:1:");
    assert_string_equal(entry->trace, "01000000000000000000000000000000");
    assert_int_equal(entry->handler_us, 12);
    assert_int_equal(entry->correlation, 9);
    assert_false(entry->has_body);
    assert_int_equal(answer.entries[1].at_us, 30 + OFFSET);
    question = go_on(&question, &answer);
    assert_int_equal(tail(self, &question).entries_len, 0);
}

static void
past_is_shown_in_pages(void **state)
{
    stage_t *self = *state;
    for (int i = 0; i < 200; i++) {
        handle(self, i % 2, i, 1);
    }
    msg_watch_tail_t question = {.has_past = true, .past = true};
    int seen = 0;
    msg_watch_tailed_t answer;
    do {
        answer = tail(self, &question);
        for (uint32_t i = 0; i < answer.entries_len; i++) {
            assert_int_equal(answer.entries[i].at_us, seen++ + OFFSET);
        }
        question = go_on(&question, &answer);
    } while (answer.more);
    assert_int_equal(seen, 200);
    assert_int_equal(answer.lost, 0);
}

static void
messages_forgotten_before_they_were_looked_at_are_counted(void **state)
{
    stage_t *self = *state;
    msg_watch_tail_t question = {0};
    msg_watch_tailed_t answer = tail(self, &question);
    for (int i = 0; i < RECORDER_HEADS + 25; i++) {
        handle(self, 0, i, 1);
    }
    question = go_on(&question, &answer);
    answer = tail(self, &question);
    assert_int_equal(answer.lost, 25);
    assert_int_equal(answer.entries[0].at_us, 25 + OFFSET);
}

static void
cursor_of_an_earlier_life_begins_with_what_is_remembered(void **state)
{
    stage_t *self = *state;
    handle(self, 0, 1, 1);
    msg_watch_tail_t question = {.has_cursor = true, .cursor_len = 1, .cursor = {1000000}};
    assert_int_equal(tail(self, &question).entries_len, 1);
}

static void
filter_is_obeyed_and_nonsense_is_refused(void **state)
{
    stage_t *self = *state;
    handle(self, 0, 1, 1);
    handle(self, 1, 2, 2);
    msg_watch_tail_t question = {.has_past = true, .past = true, .has_kind = true, .kind = "room"};
    assert_int_equal(tail(self, &question).entries_len, 1);
    question = (msg_watch_tail_t){.has_past = true, .past = true, .has_trace = true};
    snprintf(question.trace, sizeof question.trace, "02000000000000000000000000000000");
    assert_string_equal(tail(self, &question).entries[0].message, "persistence.append");
    question = (msg_watch_tail_t){.has_past = true, .past = true, .has_key = true, .key = "plaza/other"};
    assert_int_equal(tail(self, &question).entries_len, 0);
    check_refused(self, &(msg_watch_tail_t){.has_kind = true, .kind = "rom"}, "did you mean 'room'?");
    check_refused(self, &(msg_watch_tail_t){.has_message = true, .message = "room.pek"}, "did you mean 'room.peek'?");
    check_refused(self, &(msg_watch_tail_t){.has_trace = true, .trace = "zz000000000000000000000000000000"}, "hex");
}

static void
bodies_come_with_what_is_handled_after_they_were_asked_for(void **state)
{
    stage_t *self = *state;
    msg_watch_tail_t question = {
        .has_past = true, .past = true, .has_bodies = true, .bodies = true, .has_kind = true, .kind = "room"};
    act_usec_t now = sim_now(self->sim);
    handle(self, 0, now, 1);
    msg_watch_tailed_t answer = tail(self, &question);
    assert_false(answer.entries[0].has_body);
    handle(self, 0, now, 1);
    handle(self, 0, now + (WATCH_TAP_SECONDS + 1) * (act_usec_t)ACT_SEC, 1); /* nobody has asked for long */
    question = go_on(&question, &answer);
    answer = tail(self, &question);
    assert_int_equal(answer.entries_len, 2);
    assert_string_equal(answer.entries[0].body, "{}");
    assert_false(answer.entries[1].has_body);
}

static void
too_many_who_want_bodies_are_told(void **state)
{
    stage_t *self = *state;
    msg_watch_tail_t question = {.has_bodies = true, .bodies = true, .has_sample = true};
    for (int64_t i = 1; i <= RECORDER_TAPS_MAX; i++) {
        question.sample = i;
        assert_false(tail(self, &question).bodies_full);
    }
    question.sample = RECORDER_TAPS_MAX + 1;
    assert_true(tail(self, &question).bodies_full);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_mailbox_and_the_process_are_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_of_handlers_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tail_begins_now_and_goes_on_where_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(past_is_shown_in_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_forgotten_before_they_were_looked_at_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cursor_of_an_earlier_life_begins_with_what_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filter_is_obeyed_and_nonsense_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_come_with_what_is_handled_after_they_were_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_who_want_bodies_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
