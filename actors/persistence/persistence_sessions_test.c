/* Sessions and instances at the persistence actor, in the simulator, on a real store. */
#include <signal.h>

#include "persistence_test_helpers.h"

enum { CROWD = 600 };

static msg_persistence_save_session_t
save_make(int number, int64_t seats_max)
{
    char id[25];
    snprintf(id, sizeof(id), "s%d", number);
    return (msg_persistence_save_session_t){.session = session_make("plaza", number, id, SESSION_STATE_ACTIVE),
                                            .seats_max = seats_max};
}

static void
heard_saved(stage_t *self, session_conflict_t conflict)
{
    const msg_persistence_session_saved_t *saved = heard(self, MSG_PERSISTENCE_SESSION_SAVED);
    assert_int_equal(saved->conflict, conflict);
}

/* How many live sessions the store has, by its own word. */
static int
stored(stage_t *self)
{
    msg_persistence_sessions_t page;
    store_t *store = self->fixture.store;
    int count = 0;
    int64_t after = 0;
    do {
        assert_int_equal(store->load_sessions(store, "plaza", after, 1, &page), STORE_OK);
        count += (int)page.sessions_len;
        after = page.sessions_len > 0 ? page.sessions[page.sessions_len - 1].number : after;
    } while (page.sessions_len > 0);
    return count;
}

static void
save_is_answered_when_it_is_stored(void **state)
{
    stage_t *self = *state;
    msg_persistence_save_session_t save = save_make(1, 0);
    const msg_persistence_session_saved_t *saved =
        ask(self, MSG_PERSISTENCE_SAVE_SESSION, &save, MSG_PERSISTENCE_SESSION_SAVED);
    assert_int_equal(saved->conflict, SESSION_CONFLICT_NONE);
    assert_int_equal(stored(self), 1);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
    save = save_make(2, 1);
    saved = ask(self, MSG_PERSISTENCE_SAVE_SESSION, &save, MSG_PERSISTENCE_SESSION_SAVED);
    assert_int_equal(saved->conflict, SESSION_CONFLICT_SEATS);
    assert_int_equal(stored(self), 1);
    expect_nothing(self);
}

static void
save_that_nobody_waits_for_is_stored(void **state)
{
    stage_t *self = *state;
    msg_persistence_save_session_t save = save_make(1, 0);
    assert_true(sim_tell(self->sim, MSG_PERSISTENCE_SAVE_SESSION, "plaza", &save));
    assert_int_equal(stored(self), 1);
    expect_nothing(self);
}

static void
what_arrives_together_is_one_commit_and_each_hears_its_own_answer(void **state)
{
    stage_t *self = *state;
    enum { COUNT = 50 };
    static msg_persistence_save_session_t saves[COUNT];
    for (int i = 0; i < COUNT; i++) {
        saves[i] = save_make(i == 20 ? 3 : i + 1, COUNT - 10);
        snprintf(saves[i].session.session_id, sizeof(saves[i].session.session_id), "id-%d", i);
        queue(self, MSG_PERSISTENCE_SAVE_SESSION, &saves[i], true);
    }
    say(self);
    for (int i = 0; i < COUNT; i++) {
        heard_saved(self, i == 20          ? SESSION_CONFLICT_NUMBER
                          : i > COUNT - 10 ? SESSION_CONFLICT_SEATS
                                           : SESSION_CONFLICT_NONE);
    }
    heard_nothing_more(self);
    assert_int_equal(stored(self), COUNT - 10);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
}

static void
more_than_a_batch_is_several_commits(void **state)
{
    stage_t *self = *state;
    static msg_persistence_save_session_t saves[CROWD];
    for (int i = 0; i < CROWD; i++) {
        saves[i] = save_make(i + 1, CROWD);
        queue(self, MSG_PERSISTENCE_SAVE_SESSION, &saves[i], true);
    }
    say(self);
    for (int i = 0; i < CROWD; i++) {
        heard_saved(self, SESSION_CONFLICT_NONE);
    }
    heard_nothing_more(self);
    assert_int_equal(stored(self), CROWD);
    assert_in_range(sim_metric(self->sim, METRIC_COMMITS, 0), 3, 20);
}

static void
loads_of_the_same_batch_see_the_saves_before_them(void **state)
{
    stage_t *self = *state;
    msg_persistence_save_session_t one = save_make(1, 0), two = save_make(2, 0), three = save_make(3, 0);
    msg_persistence_load_sessions_t load = {.instance = "plaza"};
    msg_persistence_save_instance_t change = {.instance = "plaza", .switches = {.capacity = 7, .drain = true}};
    msg_persistence_load_instance_t read = {.instance = "plaza"};
    queue(self, MSG_PERSISTENCE_SAVE_SESSION, &one, true);
    queue(self, MSG_PERSISTENCE_LOAD_SESSIONS, &load, true);
    queue(self, MSG_PERSISTENCE_SAVE_SESSION, &two, true);
    queue(self, MSG_PERSISTENCE_SAVE_INSTANCE, &change, true);
    queue(self, MSG_PERSISTENCE_SAVE_SESSION, &three, true);
    queue(self, MSG_PERSISTENCE_LOAD_INSTANCE, &read, true);
    queue(self, MSG_PERSISTENCE_LOAD_SESSIONS, &load, true);
    say(self);
    heard_saved(self, SESSION_CONFLICT_NONE);
    const msg_persistence_sessions_t *loaded = heard(self, MSG_PERSISTENCE_SESSIONS);
    assert_int_equal(loaded->sessions_len, 1);
    assert_int_equal(loaded->number, 1);
    heard_saved(self, SESSION_CONFLICT_NONE);
    const msg_persistence_instance_t *instance = heard(self, MSG_PERSISTENCE_INSTANCE);
    assert_int_equal(instance->switches.capacity, 7);
    heard_saved(self, SESSION_CONFLICT_NONE);
    instance = heard(self, MSG_PERSISTENCE_INSTANCE);
    assert_int_equal(instance->switches.capacity, 7);
    assert_true(instance->switches.drain);
    loaded = heard(self, MSG_PERSISTENCE_SESSIONS);
    assert_int_equal(loaded->sessions_len, 3);
    assert_int_equal(loaded->number, 3);
    heard_nothing_more(self);
}

static void
sessions_and_actions_of_one_batch_do_not_hinder_each_other(void **state)
{
    stage_t *self = *state;
    msg_persistence_create_character_t create = {.user_id = "user", .character_id = "c", .name = "Ada"};
    ask(self, MSG_PERSISTENCE_CREATE_CHARACTER, &create, MSG_PERSISTENCE_CHARACTER);
    msg_persistence_load_room_t lease = load_make("plaza/main", 0);
    ask(self, MSG_PERSISTENCE_LOAD_ROOM, &lease, MSG_PERSISTENCE_ROOM_LOADED);
    msg_persistence_append_t append = append_make("plaza/main", 1, 1, "c", 1);
    msg_persistence_append_t bad = append_make("plaza/main", 1, 2, "c", 9); /* out of order: refused by the store */
    msg_persistence_save_session_t one = save_make(1, 0), two = save_make(1, 0);
    snprintf(two.session.session_id, sizeof(two.session.session_id), "two"); /* the same number */
    queue(self, MSG_PERSISTENCE_SAVE_SESSION, &one, true);
    queue(self, MSG_PERSISTENCE_APPEND, &append, false);
    queue(self, MSG_PERSISTENCE_SAVE_SESSION, &two, true);
    say(self);
    queue(self, MSG_PERSISTENCE_APPEND, &bad, false);
    queue(self, MSG_PERSISTENCE_SAVE_SESSION, &one, true);
    say(self);
    heard_saved(self, SESSION_CONFLICT_NONE);
    heard_saved(self, SESSION_CONFLICT_NUMBER);
    const msg_persistence_appended_t *appended = heard(self, MSG_PERSISTENCE_APPENDED);
    assert_int_equal(appended->through, 1);
    heard_saved(self, SESSION_CONFLICT_NONE);
    const msg_persistence_append_refused_t *refused = heard(self, MSG_PERSISTENCE_APPEND_REFUSED);
    assert_int_equal(refused->fault, STORE_FAULT_GAP);
    heard_nothing_more(self);
    assert_int_equal(stored(self), 1);
}

static void
full_disk_is_told_to_each_who_saves_until_there_is_room(void **state)
{
    stage_t *self = *state;
    enum { COUNT = 20 };
    static msg_persistence_save_session_t saves[COUNT];
    msg_persistence_save_instance_t change = {.instance = "plaza", .switches = {.drain = true}};
    msg_persistence_load_sessions_t load = {.instance = "plaza"};
    for (int i = 0; i < COUNT; i++) {
        saves[i] = save_make(i + 1, 0);
        queue(self, MSG_PERSISTENCE_SAVE_SESSION, &saves[i], true);
    }
    queue(self, MSG_PERSISTENCE_LOAD_SESSIONS, &load, true);
    queue(self, MSG_PERSISTENCE_SAVE_INSTANCE, &change, true);
    disk_limit(4096);
    say(self);
    disk_limit(RLIM_INFINITY);
    for (int i = 0; i < COUNT; i++) {
        const msg_persistence_failed_t *failed = heard(self, MSG_PERSISTENCE_FAILED);
        assert_int_equal(failed->fault, STORE_FAULT_FULL);
    }
    const msg_persistence_sessions_t *loaded = heard(self, MSG_PERSISTENCE_SESSIONS); /* reading goes on */
    assert_int_equal(loaded->sessions_len, 0);
    const msg_persistence_failed_t *failed = heard(self, MSG_PERSISTENCE_FAILED);
    assert_int_equal(failed->fault, STORE_FAULT_FULL);
    heard_nothing_more(self);
    assert_int_equal(stored(self), 0);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 0);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMIT_FAILURES, 0), 1);

    for (int i = 0; i < COUNT; i++) {
        queue(self, MSG_PERSISTENCE_SAVE_SESSION, &saves[i], true);
    }
    say(self);
    for (int i = 0; i < COUNT; i++) {
        heard_saved(self, SESSION_CONFLICT_NONE);
    }
    assert_int_equal(stored(self), COUNT);
}

static void
time_left_runs_on_with_the_clock_over_a_crash(void **state)
{
    stage_t *self = *state;
    msg_persistence_save_session_t save = save_make(1, 0);
    msg_persistence_load_sessions_t load = {.instance = "plaza"};
    save.session.left_ms = 60000;
    ask(self, MSG_PERSISTENCE_SAVE_SESSION, &save, MSG_PERSISTENCE_SESSION_SAVED);
    sim_advance(self->sim, 10 * ACT_SEC);
    sim_crash(self->sim, ACT_KIND_PERSISTENCE);
    const msg_persistence_sessions_t *loaded =
        ask(self, MSG_PERSISTENCE_LOAD_SESSIONS, &load, MSG_PERSISTENCE_SESSIONS);
    assert_int_equal(loaded->sessions_len, 1);
    assert_string_equal(loaded->sessions[0].session_id, "s1");
    assert_int_equal(loaded->sessions[0].left_ms, 50000);
    load.after = 1;
    loaded = ask(self, MSG_PERSISTENCE_LOAD_SESSIONS, &load, MSG_PERSISTENCE_SESSIONS);
    assert_int_equal(loaded->sessions_len, 0);
    assert_int_equal(loaded->number, 1);
    sim_advance(self->sim, 60 * ACT_SEC);
    load.after = 0;
    loaded = ask(self, MSG_PERSISTENCE_LOAD_SESSIONS, &load, MSG_PERSISTENCE_SESSIONS);
    assert_int_equal(loaded->sessions[0].left_ms, 0);
}

int
main(void)
{
    signal(SIGXFSZ, SIG_IGN);
#define ACTOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ACTOR_TEST(save_is_answered_when_it_is_stored),
        ACTOR_TEST(save_that_nobody_waits_for_is_stored),
        ACTOR_TEST(what_arrives_together_is_one_commit_and_each_hears_its_own_answer),
        ACTOR_TEST(more_than_a_batch_is_several_commits),
        ACTOR_TEST(loads_of_the_same_batch_see_the_saves_before_them),
        ACTOR_TEST(sessions_and_actions_of_one_batch_do_not_hinder_each_other),
        ACTOR_TEST(full_disk_is_told_to_each_who_saves_until_there_is_room),
        ACTOR_TEST(time_left_runs_on_with_the_clock_over_a_crash),
    };
    return cmocka_run_group_tests_name("persistence_sessions", tests, NULL, NULL);
}
