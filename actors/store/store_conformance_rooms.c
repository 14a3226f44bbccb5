/* The suite: rooms, their leases, members and items. */
#include "store_conformance_helpers.h"

static void
lease_epochs_rise_over_reopens_and_seed_is_for_new_rooms_only(void **state)
{
    subject_t *self = *state;
    assert_int_equal(lease(self->store, "plaza/main", 3), 1);
    assert_int_equal(lease(self->store, "plaza/other", 0), 1);
    reopen(self);
    msg_persistence_load_room_t ask = load_make("plaza/main", 5);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(self->store->load_room(self->store, &ask, &loaded), STORE_OK);
    assert_int_equal(loaded.epoch, 2);
    assert_string_equal(loaded.room, "plaza/main");
    assert_int_equal(loaded.items_len, 3);
    assert_string_equal(loaded.items[2].item_id, "item-2");
    assert_string_equal(loaded.items[2].kind, "ball");
    assert_false(loaded.items[2].has_holder);
    assert_true(loaded.items[2].x == 2);
}

static void
member_that_never_moved_has_no_place(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    msg_persistence_member_loaded_t loaded;
    assert_int_equal(store->load_member(store, "nobody", &loaded), STORE_NOT_FOUND);
    create(store, "u", "c");
    loaded = member(store, "c");
    assert_string_equal(loaded.character_id, "c");
    assert_false(loaded.has_room);
    assert_int_equal(loaded.sequence, 0);
    assert_int_equal(loaded.last_action_id, 0);
}

static void
item_keeps_its_last_state_of_a_batch(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    create(store, "u", "a");
    msg_persistence_load_room_t ask = load_make("plaza/main", 2);
    int64_t epoch = lease(store, "plaza/main", 2);
    assert_int_equal(lease(store, "plaza/two", 2), 1);
    msg_persistence_append_t appends[3];
    for (int i = 0; i < 3; i++) {
        appends[i] = append_make("plaza/main", epoch, i + 1, "a", i + 1);
        appends[i].has_item = true;
        appends[i].item = ask.seed[i == 1 ? 1 : 0];
        appends[i].item.has_holder = i != 2;
        snprintf(appends[i].item.holder, sizeof(appends[i].item.holder), "a");
        appends[i].item.x = 40 + i;
    }
    assert_int_equal(commit(store, appends, 3), STORE_OK);
    msg_persistence_room_loaded_t loaded;
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    assert_int_equal(loaded.items_len, 2);
    assert_false(loaded.items[0].has_holder);
    assert_true(loaded.items[0].x == 42);
    assert_true(loaded.items[1].has_holder);
    assert_string_equal(loaded.items[1].holder, "a");
    ask = load_make("plaza/two", 0); /* the other room's item of the same name is another */
    assert_int_equal(store->load_room(store, &ask, &loaded), STORE_OK);
    assert_true(loaded.items[0].x == 0);
}

const struct CMUnitTest store_room_tests[] = {
    CASE(lease_epochs_rise_over_reopens_and_seed_is_for_new_rooms_only),
    CASE(member_that_never_moved_has_no_place),
    CASE(item_keeps_its_last_state_of_a_batch),
    {0},
};
