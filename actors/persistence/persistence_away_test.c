/* A store that is away, loses answers, or has more to tidy up: what is said, counted and logged. */
#include "log_test_helpers.h"
#include "persistence_test_helpers.h"

static size_t
occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void
flood_of_appends_while_the_store_is_away_is_answered_and_asks_it_little(void **state)
{
    stage_t *self = *state;
    enum { COUNT = PUPPET_QUEUE_CAP, ROOMS = 3 };
    static const char *const rooms[ROOMS] = {"plaza/a", "plaza/b", "plaza/c"};
    int64_t epochs[ROOMS];
    character(self, "c");
    for (int room = 0; room < ROOMS; room++) {
        epochs[room] = lease(self, rooms[room]);
    }
    self->shaky.away = STORE_UNAVAILABLE;
    for (int i = 0; i < COUNT; i++) {
        queue_append(self, append_make(rooms[i % ROOMS], epochs[i % ROOMS], 1 + i / ROOMS, "c", 1 + i));
    }
    say(self);
    /* One refusal for all that was in the first batch, and one for each append after that. */
    assert_in_range(self->puppet.heard_count, COUNT - STORE_BATCH_MAX, COUNT);
    while (self->puppet.heard_taken < self->puppet.heard_count) {
        const msg_persistence_append_refused_t *refused = heard(self, MSG_PERSISTENCE_APPEND_REFUSED);
        assert_int_equal(refused->fault, STORE_FAULT_UNAVAILABLE);
    }
    assert_in_range(self->shaky.commits, 1, ROOMS);
    assert_int_equal(sequence_of(self, "c"), 0);
    self->shaky.away = STORE_OK;
    epochs[0] = lease(self, rooms[0]);
    tell(self, append_make(rooms[0], epochs[0], 1, "c", 1));
    expect_appended(self, epochs[0], 1);
}

static void
whatever_is_asked_while_the_store_is_away_is_unavailable_and_logged_once(void **state)
{
    stage_t *self = *state;
    const msg_persistence_load_room_t room = load_make("plaza/main", 1);
    const msg_persistence_save_session_t save = {.session = session_make("plaza", 1, "s1", SESSION_STATE_ACTIVE)};
    const struct {
        msg_type_t type;
        const void *body;
        msg_type_t answer;
    } asks[] = {
        {MSG_PERSISTENCE_CREATE_CHARACTER,
         &(msg_persistence_create_character_t){.user_id = "user", .character_id = "c", .name = "Ada"},
         MSG_PERSISTENCE_CHARACTER},
        {MSG_PERSISTENCE_LIST_CHARACTERS, &(msg_persistence_list_characters_t){.user_id = "user"},
         MSG_PERSISTENCE_CHARACTERS},
        {MSG_PERSISTENCE_SELECT_CHARACTER,
         &(msg_persistence_select_character_t){.user_id = "user", .character_id = "c"}, MSG_PERSISTENCE_CHARACTER},
        {MSG_PERSISTENCE_FIND_CHARACTER, &(msg_persistence_find_character_t){.user_id = "user"},
         MSG_PERSISTENCE_CHARACTER},
        {MSG_PERSISTENCE_LOAD_ROOM, &room, MSG_PERSISTENCE_ROOM_LOADED},
        {MSG_PERSISTENCE_LOAD_MEMBER, &(msg_persistence_load_member_t){.character_id = "c"},
         MSG_PERSISTENCE_MEMBER_LOADED},
        {MSG_PERSISTENCE_READ_ACTIONS, &(msg_persistence_read_actions_t){.character_id = "c", .from_sequence = 1},
         MSG_PERSISTENCE_ACTIONS},
        {MSG_PERSISTENCE_MUTE_CHARACTER, &(msg_persistence_mute_character_t){.character_id = "c"},
         MSG_PERSISTENCE_MUTED},
        {MSG_PERSISTENCE_LOAD_SESSIONS, &(msg_persistence_load_sessions_t){.instance = "plaza"},
         MSG_PERSISTENCE_SESSIONS},
        {MSG_PERSISTENCE_SAVE_INSTANCE, &(msg_persistence_save_instance_t){.instance = "plaza"},
         MSG_PERSISTENCE_INSTANCE},
        {MSG_PERSISTENCE_LOAD_INSTANCE, &(msg_persistence_load_instance_t){.instance = "plaza"},
         MSG_PERSISTENCE_INSTANCE},
        {MSG_PERSISTENCE_PING, &(msg_persistence_ping_t){0}, MSG_PERSISTENCE_PONG},
        {MSG_PERSISTENCE_SAVE_SESSION, &save, MSG_PERSISTENCE_SESSION_SAVED}, /* logged as a commit */
    };
    const size_t count = sizeof asks / sizeof *asks;
    self->shaky.away = STORE_UNAVAILABLE;
    capture_begin(LOG_INFO);
    for (size_t i = 0; i < 3 * count; i++) {
        expect_failed(self, asks[i % count].type, asks[i % count].body, STORE_FAULT_UNAVAILABLE);
    }
    const char *text = capture_end();
    assert_int_equal(occurrences(text, "\"store-failed\""), count - 1);
    assert_int_equal(occurrences(text, "\"commit-failed\""), 1);
    assert_null(strstr(text, "recovered"));
    self->shaky.away = STORE_OK;
    capture_begin(LOG_INFO);
    for (size_t i = 0; i < 2 * count; i++) {
        ask(self, asks[i % count].type, asks[i % count].body, asks[i % count].answer);
    }
    text = capture_end();
    assert_int_equal(occurrences(text, "\"store-recovered\""), count - 1);
    assert_int_equal(occurrences(text, "\"commit-recovered\""), 1);
}

static void
commit_whose_answer_was_lost_is_counted_by_what_became_of_it(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    self->shaky.report = (store_report_t){.unknown = true, .became = COMMIT_BECAME_STORED, .reconnects = 2};
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 1);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS_UNKNOWN, COMMIT_BECAME_STORED), 1);
    assert_int_equal(sim_metric(self->sim, METRIC_STORE_RECONNECTS, 0), 2);

    /* Nobody knows: it was stored after all. The room starts again from what is stored, and nothing is there twice. */
    self->shaky.report = (store_report_t){.unknown = true, .became = COMMIT_BECAME_NOT_KNOWN, .reconnects = 1};
    self->shaky.commit_fault = STORE_UNAVAILABLE;
    self->shaky.commit_lost = true;
    tell(self, append_make("plaza/main", epoch, 2, "c", 2));
    expect_refused(self, epoch, STORE_FAULT_UNAVAILABLE);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS_UNKNOWN, COMMIT_BECAME_NOT_KNOWN), 1);
    assert_int_equal(sim_metric(self->sim, METRIC_STORE_RECONNECTS, 0), 3);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMIT_FAILURES, 0), 1);
    self->shaky.report = (store_report_t){.unknown = false};
    self->shaky.commit_fault = STORE_OK;
    epoch = lease(self, "plaza/main");
    msg_persistence_find_action_t resent = {.character_id = "c", .action_id = 20};
    const msg_persistence_action_t *found = ask(self, MSG_PERSISTENCE_FIND_ACTION, &resent, MSG_PERSISTENCE_ACTION);
    assert_int_equal(found->action.sequence, 2);
    tell(self, append_make("plaza/main", epoch, 1, "c", 2));
    expect_refused(self, epoch, STORE_FAULT_GAP);
    assert_int_equal(sequence_of(self, "c"), 2);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS_UNKNOWN, COMMIT_BECAME_STORED), 1);
}

static void
maintain_runs_soon_after_the_start_then_each_minute_and_at_once_while_there_is_more(void **state)
{
    stage_t *self = *state;
    assert_int_equal(self->shaky.maintains, 0);
    sim_advance(self->sim, ACT_SEC);
    assert_int_equal(self->shaky.maintains, 1);
    assert_true(self->shaky.keep_msec == self->config.keep_msec);
    sim_advance(self->sim, 58 * (act_usec_t)ACT_SEC);
    assert_int_equal(self->shaky.maintains, 1);
    self->shaky.more = 5;
    sim_advance(self->sim, 2 * ACT_SEC);
    assert_int_equal(self->shaky.maintains, 7); /* five that had more to do, and the one that had not */
    sim_advance(self->sim, 10 * 60 * (act_usec_t)ACT_SEC);
    assert_int_equal(self->shaky.maintains, 17);
}

static void
maintain_that_fails_is_tried_again_soon_and_logged_once(void **state)
{
    stage_t *self = *state;
    self->shaky.away = STORE_UNAVAILABLE;
    capture_begin(LOG_INFO);
    sim_advance(self->sim, 30 * (act_usec_t)ACT_SEC);
    const char *text = capture_end();
    assert_int_equal(occurrences(text, "\"maintain-failed\""), 1);
    assert_in_range(self->shaky.maintains, 3, 10);
    self->shaky.away = STORE_OK;
    capture_begin(LOG_INFO);
    sim_advance(self->sim, 10 * (act_usec_t)ACT_SEC);
    text = capture_end();
    assert_int_equal(occurrences(text, "\"maintain-recovered\""), 1);
    uint32_t before = self->shaky.maintains;
    sim_advance(self->sim, 49 * (act_usec_t)ACT_SEC);
    assert_int_equal(self->shaky.maintains, before); /* back to each minute */
}

static void
thread_without_a_store_of_its_own_does_not_start(void **state)
{
    (void)state;
    stage_t *self = stage_make();
    self->config.stores_count = 0;
    capture_begin(LOG_ERROR);
    stage_start(self);
    const char *text = capture_end();
    assert_int_equal(occurrences(text, "\"no-store\""), 1);
    assert_null(sim_state(self->sim, ACT_KIND_PERSISTENCE, ""));
    void *ended = self;
    tear_down(&ended);
}

static int
set_up_keeping(void **state)
{
    stage_t *self = stage_make();
    self->config.keep_msec = INT64_C(24) * 3600 * 1000;
    stage_start(self);
    *state = self;
    return 0;
}

int
main(void)
{
#define AWAY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_keeping, tear_down)
    const struct CMUnitTest tests[] = {
        AWAY_TEST(flood_of_appends_while_the_store_is_away_is_answered_and_asks_it_little),
        AWAY_TEST(whatever_is_asked_while_the_store_is_away_is_unavailable_and_logged_once),
        AWAY_TEST(commit_whose_answer_was_lost_is_counted_by_what_became_of_it),
        AWAY_TEST(maintain_runs_soon_after_the_start_then_each_minute_and_at_once_while_there_is_more),
        AWAY_TEST(maintain_that_fails_is_tried_again_soon_and_logged_once),
        cmocka_unit_test(thread_without_a_store_of_its_own_does_not_start),
    };
    return cmocka_run_group_tests_name("persistence away", tests, NULL, NULL);
}
