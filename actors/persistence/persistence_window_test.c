/* A batch that waits for company: for how long, and what does not wait. */
#include "persistence_test_helpers.h"

enum { WINDOW_MSEC = 20, WINDOW = WINDOW_MSEC * ACT_MSEC };

static int
set_up_window(void **state)
{
    stage_t *self = stage_make();
    self->config.window_msec = WINDOW_MSEC;
    stage_start(self);
    *state = self;
    return 0;
}

static void
batch_waits_for_company_and_no_longer_than_its_window(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    sim_advance(self->sim, WINDOW / 2);
    tell(self, append_make("plaza/main", epoch, 2, "c", 2));
    sim_advance(self->sim, WINDOW / 2 - 1);
    expect_nothing(self);
    assert_int_equal(sequence_of(self, "c"), 0);
    sim_advance(self->sim, 1);
    expect_appended(self, epoch, 2);
    expect_nothing(self);
    assert_int_equal(sequence_of(self, "c"), 2);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
    tell(self, append_make("plaza/main", epoch, 3, "c", 3)); /* the next one has a window of its own */
    sim_advance(self->sim, WINDOW - 1);
    expect_nothing(self);
    sim_advance(self->sim, 1);
    expect_appended(self, epoch, 3);
}

static void
full_batch_goes_at_once_and_the_rest_waits(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    for (int i = 1; i <= STORE_BATCH_MAX + 10; i++) {
        queue_append(self, append_make("plaza/main", epoch, i, "c", i));
    }
    say(self);
    heard_appended(self, epoch, STORE_BATCH_MAX);
    heard_nothing_more(self);
    assert_int_equal(sequence_of(self, "c"), STORE_BATCH_MAX);
    sim_advance(self->sim, WINDOW);
    heard_appended(self, epoch, STORE_BATCH_MAX + 10);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 2);
}

static void
reads_do_not_wait_and_see_what_did(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    character(self, "b");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "a", 1));
    msg_persistence_load_member_t whose = {.character_id = "b"};
    const msg_persistence_member_loaded_t *member =
        ask(self, MSG_PERSISTENCE_LOAD_MEMBER, &whose, MSG_PERSISTENCE_MEMBER_LOADED);
    assert_int_equal(member->sequence, 0);
    assert_int_equal(sequence_of(self, "a"), 0); /* nobody has asked for it */
    snprintf(whose.character_id, sizeof(whose.character_id), "a");
    assert_true(sim_ask(self->sim, MSG_PERSISTENCE_LOAD_MEMBER, "plaza/main", &whose, 10 * ACT_SEC, 1));
    expect_appended(self, epoch, 1);
    member = expect(self, MSG_PERSISTENCE_MEMBER_LOADED);
    assert_int_equal(member->sequence, 1);
    sim_advance(self->sim, 2 * WINDOW);
    expect_nothing(self);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
}

static void
new_lease_comes_after_what_waits(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    msg_persistence_load_room_t load = load_make("plaza/main", 0);
    assert_true(sim_ask(self->sim, MSG_PERSISTENCE_LOAD_ROOM, "plaza/main", &load, 10 * ACT_SEC, 1));
    expect_appended(self, epoch, 1);
    const msg_persistence_room_loaded_t *loaded = expect(self, MSG_PERSISTENCE_ROOM_LOADED);
    assert_int_equal(loaded->epoch, epoch + 1);
}

static void
repeat_of_what_waits_is_not_acknowledged_before_it_is_stored(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    sim_advance(self->sim, WINDOW - 1);
    expect_nothing(self);
    sim_advance(self->sim, 1);
    expect_appended(self, epoch, 1);
    expect_nothing(self);
    tell(self, append_make("plaza/main", epoch, 1, "c", 1)); /* and when nothing waits, at once */
    expect_appended(self, epoch, 1);
}

static void
gap_is_refused_at_once_after_what_came_before_it_is_stored(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    tell(self, append_make("plaza/main", epoch, 3, "c", 3));
    expect_appended(self, epoch, 1);
    expect_refused(self, epoch, STORE_FAULT_GAP);
    assert_int_equal(sequence_of(self, "c"), 1);
}

static void
sessions_wait_for_nothing(void **state)
{
    stage_t *self = *state;
    msg_persistence_save_session_t save = {.session = session_make("plaza", 1, "s1", SESSION_STATE_ACTIVE)};
    ask(self, MSG_PERSISTENCE_SAVE_SESSION, &save, MSG_PERSISTENCE_SESSION_SAVED);
}

static void
what_waits_is_written_when_the_actor_ends(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    assert_int_equal(sequence_of(self, "c"), 0);
    sim_destroy(&self->sim);
    assert_int_equal(sequence_of(self, "c"), 1);
}

int
main(void)
{
#define WINDOW_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_window, tear_down)
    const struct CMUnitTest tests[] = {
        WINDOW_TEST(batch_waits_for_company_and_no_longer_than_its_window),
        WINDOW_TEST(full_batch_goes_at_once_and_the_rest_waits),
        WINDOW_TEST(reads_do_not_wait_and_see_what_did),
        WINDOW_TEST(new_lease_comes_after_what_waits),
        WINDOW_TEST(repeat_of_what_waits_is_not_acknowledged_before_it_is_stored),
        WINDOW_TEST(gap_is_refused_at_once_after_what_came_before_it_is_stored),
        WINDOW_TEST(sessions_wait_for_nothing),
        WINDOW_TEST(what_waits_is_written_when_the_actor_ends),
    };
    return cmocka_run_group_tests_name("persistence window", tests, NULL, NULL);
}
