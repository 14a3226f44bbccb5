/* The persistence actor in the simulator, on a real store. */
#include <signal.h>

#include "persistence_test_helpers.h"

static void
append_is_acknowledged_when_it_is_stored(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 1);
    expect_nothing(self);
    assert_int_equal(sequence_of(self, "c"), 1);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
}

static void
append_without_the_lease_that_is_known_is_refused(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    tell(self, append_make("plaza/main", 1, 1, "c", 1));
    expect_refused(self, 1, STORE_FAULT_LEASE_UNKNOWN);
    int64_t old = lease(self, "plaza/main");
    int64_t epoch = lease(self, "plaza/main");
    assert_int_equal(epoch, old + 1);
    tell(self, append_make("plaza/main", old, 1, "c", 1));
    expect_refused(self, old, STORE_FAULT_STALE_EPOCH);
    tell(self, append_make("plaza/main", epoch + 1, 1, "c", 1));
    expect_refused(self, epoch + 1, STORE_FAULT_LEASE_UNKNOWN);
    assert_int_equal(sequence_of(self, "c"), 0);
    tell(self, append_make("plaza/main", epoch, 1, "c", 1)); /* the holder is not disturbed by them */
    expect_appended(self, epoch, 1);
}

static void
lease_that_another_process_has_taken_is_stale_until_it_is_taken_back(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 1);
    msg_persistence_load_room_t load = load_make("plaza/main", 0);
    msg_persistence_room_loaded_t loaded;
    store_t *store = self->fixture.store;
    assert_int_equal(store->load_room(store, &load, &loaded), STORE_OK);
    tell(self, append_make("plaza/main", epoch, 2, "c", 2));
    expect_refused(self, epoch, STORE_FAULT_STALE_EPOCH);
    tell(self, append_make("plaza/main", epoch, 3, "c", 3));
    expect_refused(self, epoch, STORE_FAULT_STALE_EPOCH);
    assert_int_equal(sequence_of(self, "c"), 1);
    tell(self, append_make("plaza/main", loaded.epoch, 1, "c", 2)); /* the other's are not for here */
    expect_refused(self, loaded.epoch, STORE_FAULT_LEASE_UNKNOWN);
    epoch = lease(self, "plaza/main");
    assert_int_equal(epoch, loaded.epoch + 1);
    tell(self, append_make("plaza/main", epoch, 1, "c", 2));
    expect_appended(self, epoch, 1);
}

static void
mute_is_stored_and_lifted(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    msg_persistence_mute_character_t mute = {.character_id = "c", .muted_until = 1800000000000};
    msg_persistence_load_member_t who = {.character_id = "c"};
    ask(self, MSG_PERSISTENCE_MUTE_CHARACTER, &mute, MSG_PERSISTENCE_MUTED);
    const msg_persistence_member_loaded_t *member =
        ask(self, MSG_PERSISTENCE_LOAD_MEMBER, &who, MSG_PERSISTENCE_MEMBER_LOADED);
    assert_int_equal(member->muted_until, mute.muted_until);
    mute.muted_until = 0;
    ask(self, MSG_PERSISTENCE_MUTE_CHARACTER, &mute, MSG_PERSISTENCE_MUTED);
    member = ask(self, MSG_PERSISTENCE_LOAD_MEMBER, &who, MSG_PERSISTENCE_MEMBER_LOADED);
    assert_int_equal(member->muted_until, 0);
    snprintf(mute.character_id, sizeof(mute.character_id), "nobody");
    expect_failed(self, MSG_PERSISTENCE_MUTE_CHARACTER, &mute, STORE_FAULT_NOT_FOUND);
}

static void
repeat_is_acknowledged_again_and_stored_once(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    tell(self, append_make("plaza/main", epoch, 2, "c", 2));
    expect_appended(self, epoch, 1);
    expect_appended(self, epoch, 2);
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 2);
    expect_nothing(self);
    assert_int_equal(sequence_of(self, "c"), 2);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 2);
}

static void
gap_refuses_the_epoch_until_a_new_lease(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 1);
    tell(self, append_make("plaza/main", epoch, 3, "c", 3));
    expect_refused(self, epoch, STORE_FAULT_GAP);
    tell(self, append_make("plaza/main", epoch, 2, "c", 2)); /* late: too late */
    expect_refused(self, epoch, STORE_FAULT_GAP);
    assert_int_equal(sequence_of(self, "c"), 1);
    epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 2));
    expect_appended(self, epoch, 1);
}

static void
sequence_out_of_order_refuses_its_room_alone(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    character(self, "b");
    int64_t good = lease(self, "plaza/good");
    int64_t bad = lease(self, "plaza/bad");
    queue_append(self, append_make("plaza/good", good, 1, "a", 1));
    queue_append(self, append_make("plaza/bad", bad, 1, "b", 5));
    queue_append(self, append_make("plaza/good", good, 2, "a", 2));
    say(self);
    heard_refused(self, bad, STORE_FAULT_GAP);
    heard_appended(self, good, 2);
    heard_nothing_more(self);
    assert_int_equal(sequence_of(self, "a"), 2);
    assert_int_equal(sequence_of(self, "b"), 0);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMIT_FAILURES, 0), 1);
    tell(self, append_make("plaza/bad", bad, 2, "b", 1));
    expect_refused(self, bad, STORE_FAULT_GAP);
    tell(self, append_make("plaza/good", good, 3, "a", 3));
    expect_appended(self, good, 3);
}

static void
what_arrives_together_is_one_commit(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    for (int i = 1; i <= 50; i++) {
        queue_append(self, append_make("plaza/main", epoch, i, "c", i));
    }
    say(self);
    heard_appended(self, epoch, 50);
    heard_nothing_more(self);
    assert_int_equal(sequence_of(self, "c"), 50);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
}

static void
more_than_a_batch_is_several_commits_in_order(void **state)
{
    stage_t *self = *state;
    enum { COUNT = STORE_BATCH_MAX * 2 + 100 };
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    for (int i = 1; i <= COUNT; i++) {
        queue_append(self, append_make("plaza/main", epoch, i, "c", i));
    }
    say(self);
    assert_int_equal(sequence_of(self, "c"), COUNT);
    assert_in_range(sim_metric(self->sim, METRIC_COMMITS, 0), 3, 60);
}

static void
reads_of_the_same_batch_see_the_appends_before_them(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    msg_persistence_load_member_t member = {.character_id = "c"};
    msg_persistence_find_action_t find = {.character_id = "c", .action_id = 20};
    msg_persistence_read_actions_t read = {.character_id = "c", .from_sequence = 1};
    queue_append(self, append_make("plaza/main", epoch, 1, "c", 1));
    queue(self, MSG_PERSISTENCE_LOAD_MEMBER, &member, true);
    queue_append(self, append_make("plaza/main", epoch, 2, "c", 2));
    queue(self, MSG_PERSISTENCE_FIND_ACTION, &find, true);
    queue_append(self, append_make("plaza/main", epoch, 3, "c", 3));
    queue(self, MSG_PERSISTENCE_READ_ACTIONS, &read, true);
    say(self);
    heard_appended(self, epoch, 1);
    const msg_persistence_member_loaded_t *loaded = heard(self, MSG_PERSISTENCE_MEMBER_LOADED);
    assert_int_equal(loaded->sequence, 1);
    assert_int_equal(loaded->last_action_id, 10);
    heard_appended(self, epoch, 2);
    const msg_persistence_action_t *found = heard(self, MSG_PERSISTENCE_ACTION);
    assert_int_equal(found->action.sequence, 2);
    heard_appended(self, epoch, 3);
    const msg_persistence_actions_t *actions = heard(self, MSG_PERSISTENCE_ACTIONS);
    assert_int_equal(actions->actions_len, 3);
    heard_nothing_more(self);
}

static void
read_of_another_character_does_not_cut_the_batch(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    character(self, "b");
    int64_t epoch = lease(self, "plaza/main");
    msg_persistence_load_member_t member = {.character_id = "b"};
    queue_append(self, append_make("plaza/main", epoch, 1, "a", 1));
    queue(self, MSG_PERSISTENCE_LOAD_MEMBER, &member, true);
    queue_append(self, append_make("plaza/main", epoch, 2, "a", 2));
    say(self);
    heard(self, MSG_PERSISTENCE_MEMBER_LOADED);
    heard_appended(self, epoch, 2);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMITS, 0), 1);
}

static void
new_lease_comes_after_the_appends_of_the_one_before(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    msg_persistence_load_room_t load = load_make("plaza/main", 0);
    msg_persistence_append_t append = append_make("plaza/main", epoch, 1, "c", 1);
    append.has_item = true;
    append.item = load_make("plaza/main", 1).seed[0];
    append.item.has_holder = true;
    snprintf(append.item.holder, sizeof(append.item.holder), "c");
    queue_append(self, append);
    queue(self, MSG_PERSISTENCE_LOAD_ROOM, &load, true);
    say(self);
    heard_appended(self, epoch, 1);
    const msg_persistence_room_loaded_t *loaded = heard(self, MSG_PERSISTENCE_ROOM_LOADED);
    assert_int_equal(loaded->epoch, epoch + 1);
    assert_int_equal(loaded->items_len, 2);
    assert_true(loaded->items[0].has_holder);
    assert_string_equal(loaded->items[0].holder, "c");
    assert_int_equal(sequence_of(self, "c"), 1);
}

static void
full_disk_refuses_every_room_of_the_batch_until_it_takes_a_new_lease(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    character(self, "b");
    int64_t one = lease(self, "plaza/one");
    int64_t two = lease(self, "plaza/two");
    tell(self, append_make("plaza/one", one, 1, "a", 1));
    expect_appended(self, one, 1);
    queue_append(self, append_make("plaza/one", one, 2, "a", 2));
    queue_append(self, append_make("plaza/two", two, 1, "b", 1));
    disk_limit(4096);
    say(self);
    expect_failed(self, MSG_PERSISTENCE_PING, &(msg_persistence_ping_t){0}, STORE_FAULT_FULL);
    disk_limit(RLIM_INFINITY);
    heard_refused(self, one, STORE_FAULT_FULL);
    heard_refused(self, two, STORE_FAULT_FULL);
    heard_nothing_more(self);
    assert_int_equal(sim_metric(self->sim, METRIC_COMMIT_FAILURES, 0), 1);
    assert_int_equal(sequence_of(self, "a"), 1);
    assert_int_equal(sequence_of(self, "b"), 0);

    /* There is room again, and still the old epochs are refused: what was lost must not be jumped over. */
    tell(self, append_make("plaza/one", one, 3, "a", 2));
    expect_refused(self, one, STORE_FAULT_FULL);
    tell(self, append_make("plaza/two", two, 2, "b", 1));
    expect_refused(self, two, STORE_FAULT_FULL);
    ask(self, MSG_PERSISTENCE_PING, &(msg_persistence_ping_t){0}, MSG_PERSISTENCE_PONG);
    one = lease(self, "plaza/one");
    tell(self, append_make("plaza/one", one, 1, "a", 2));
    expect_appended(self, one, 1);
    assert_int_equal(sequence_of(self, "a"), 2);
}

static void
crash_forgets_leases_and_keeps_the_store(void **state)
{
    stage_t *self = *state;
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 1);
    sim_crash(self->sim, ACT_KIND_PERSISTENCE);
    tell(self, append_make("plaza/main", epoch, 2, "c", 2));
    expect_refused(self, epoch, STORE_FAULT_LEASE_UNKNOWN);
    assert_int_equal(sequence_of(self, "c"), 1);
    assert_int_equal(lease(self, "plaza/main"), epoch + 1);
    tell(self, append_make("plaza/main", epoch + 1, 1, "c", 2));
    expect_appended(self, epoch + 1, 1);
}

static void
more_rooms_than_leases_are_remembered_go_on_with_new_ones(void **state)
{
    stage_t *self = *state;
    enum { LEASES = 4096 }; /* ROOMS_CAP of persistence_state.h */
    character(self, "c");
    int64_t epoch = lease(self, "plaza/main");
    char room[32];
    for (int i = 0; i < LEASES; i++) {
        snprintf(room, sizeof(room), "plaza/r%d", i);
        lease(self, room);
    }
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_refused(self, epoch, STORE_FAULT_LEASE_UNKNOWN);
    epoch = lease(self, "plaza/main");
    tell(self, append_make("plaza/main", epoch, 1, "c", 1));
    expect_appended(self, epoch, 1);
}

static void
characters_are_answered_and_refusals_name_their_fault(void **state)
{
    stage_t *self = *state;
    msg_persistence_find_character_t active = {.user_id = "user"};
    msg_persistence_find_character_t other = {.user_id = "thief", .has_character_id = true, .character_id = "a"};
    msg_persistence_select_character_t select = {.user_id = "user", .character_id = "b"};
    expect_failed(self, MSG_PERSISTENCE_FIND_CHARACTER, &active, STORE_FAULT_NOT_FOUND);
    character(self, "a");
    character(self, "b");
    character(self, "b");
    const msg_persistence_character_t *one =
        ask(self, MSG_PERSISTENCE_SELECT_CHARACTER, &select, MSG_PERSISTENCE_CHARACTER);
    assert_true(one->character.active);
    one = ask(self, MSG_PERSISTENCE_FIND_CHARACTER, &active, MSG_PERSISTENCE_CHARACTER);
    assert_string_equal(one->character.id, "b");
    expect_failed(self, MSG_PERSISTENCE_FIND_CHARACTER, &other, STORE_FAULT_NOT_OWNER);
    msg_persistence_list_characters_t whose = {.user_id = "user"};
    const msg_persistence_characters_t *list =
        ask(self, MSG_PERSISTENCE_LIST_CHARACTERS, &whose, MSG_PERSISTENCE_CHARACTERS);
    assert_int_equal(list->characters_len, 2);
    expect_failed(self, MSG_PERSISTENCE_LOAD_MEMBER, &(msg_persistence_load_member_t){.character_id = "nobody"},
                  STORE_FAULT_NOT_FOUND);
    expect_failed(self, MSG_PERSISTENCE_FIND_ACTION,
                  &(msg_persistence_find_action_t){.character_id = "a", .action_id = 1}, STORE_FAULT_NOT_FOUND);
}

int
main(void)
{
    signal(SIGXFSZ, SIG_IGN);
#define ACTOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ACTOR_TEST(append_is_acknowledged_when_it_is_stored),
        ACTOR_TEST(append_without_the_lease_that_is_known_is_refused),
        ACTOR_TEST(lease_that_another_process_has_taken_is_stale_until_it_is_taken_back),
        ACTOR_TEST(mute_is_stored_and_lifted),
        ACTOR_TEST(repeat_is_acknowledged_again_and_stored_once),
        ACTOR_TEST(gap_refuses_the_epoch_until_a_new_lease),
        ACTOR_TEST(sequence_out_of_order_refuses_its_room_alone),
        ACTOR_TEST(what_arrives_together_is_one_commit),
        ACTOR_TEST(more_than_a_batch_is_several_commits_in_order),
        ACTOR_TEST(reads_of_the_same_batch_see_the_appends_before_them),
        ACTOR_TEST(read_of_another_character_does_not_cut_the_batch),
        ACTOR_TEST(new_lease_comes_after_the_appends_of_the_one_before),
        ACTOR_TEST(full_disk_refuses_every_room_of_the_batch_until_it_takes_a_new_lease),
        ACTOR_TEST(crash_forgets_leases_and_keeps_the_store),
        ACTOR_TEST(more_rooms_than_leases_are_remembered_go_on_with_new_ones),
        ACTOR_TEST(characters_are_answered_and_refusals_name_their_fault),
    };
    return cmocka_run_group_tests_name("persistence", tests, NULL, NULL);
}
