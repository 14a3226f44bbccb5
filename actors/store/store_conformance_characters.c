/* The suite: characters, and who is muted. */
#include "store_conformance_helpers.h"

static void
first_character_is_the_active_one_and_list_is_oldest_first(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    create(store, "u", "z");
    create(store, "u", "a");
    create(store, "other", "o");
    obj_character_t list[STORE_CHARACTERS_PER_USER];
    uint32_t count = 0;
    assert_int_equal(store->list_characters(store, "u", list, &count), STORE_OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].id, "z");
    assert_true(list[0].active);
    assert_false(list[0].suspended);
    assert_string_equal(list[1].id, "a");
    assert_false(list[1].active);
    assert_int_equal(store->list_characters(store, "nobody", list, &count), STORE_OK);
    assert_int_equal(count, 0);
}

static void
repeated_create_gives_the_same_character_once(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    obj_character_t one, two;
    assert_int_equal(store->create_character(store, "u", "c", "Ada", AT, &one), STORE_OK);
    assert_int_equal(store->create_character(store, "u", "c", "Ada", AT + 1, &two), STORE_OK);
    assert_string_equal(one.id, two.id);
    assert_string_equal(one.name, two.name);
    assert_true(two.active);
    obj_character_t list[STORE_CHARACTERS_PER_USER];
    uint32_t count;
    assert_int_equal(store->list_characters(store, "u", list, &count), STORE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(store->create_character(store, "thief", "c", "Ada", AT, &two), STORE_NOT_OWNER);
}

static void
seventeenth_character_is_over_the_limit_and_a_repeat_of_the_sixteenth_is_not(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    char id[16];
    for (int i = 0; i < STORE_CHARACTERS_PER_USER; i++) {
        snprintf(id, sizeof(id), "c%d", i);
        create(store, "u", id);
    }
    obj_character_t made;
    assert_int_equal(store->create_character(store, "u", "more", "Ada", AT, &made), STORE_LIMIT);
    assert_int_equal(store->create_character(store, "u", "c15", "Ada", AT, &made), STORE_OK);
    assert_int_equal(store->create_character(store, "v", "more", "Ada", AT, &made), STORE_OK);
}

static void
select_moves_the_active_mark_and_only_its_owner_may(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    obj_character_t found;
    assert_int_equal(store->find_character(store, "u", NULL, &found), STORE_NOT_FOUND);
    create(store, "u", "a");
    create(store, "u", "b");
    assert_int_equal(store->select_character(store, "u", "b", &found), STORE_OK);
    assert_true(found.active);
    assert_int_equal(store->select_character(store, "u", "b", &found), STORE_OK);
    assert_int_equal(store->find_character(store, "u", NULL, &found), STORE_OK);
    assert_string_equal(found.id, "b");
    assert_int_equal(store->find_character(store, "u", "a", &found), STORE_OK);
    assert_false(found.active);
    assert_int_equal(store->select_character(store, "thief", "a", &found), STORE_NOT_OWNER);
    assert_int_equal(store->select_character(store, "u", "nobody", &found), STORE_NOT_OWNER);
    assert_int_equal(store->find_character(store, "thief", "a", &found), STORE_NOT_OWNER);
    assert_int_equal(store->find_character(store, "u", "nobody", &found), STORE_NOT_OWNER);
}

static void
hostile_text_is_only_text(void **state)
{
    store_t *store = ((subject_t *)*state)->store;
    obj_character_t made, found;
    const char *user = "u'; DROP TABLE character; --\xe2\x82\xac";
    assert_int_equal(store->create_character(store, user, "c", "\"'%s\xf0\x9f\x8e\xad", AT, &made), STORE_OK);
    assert_int_equal(store->find_character(store, user, NULL, &found), STORE_OK);
    assert_string_equal(found.name, "\"'%s\xf0\x9f\x8e\xad");
}

static void
muted_character_stays_so_over_its_actions_and_a_restart_until_it_is_lifted(void **state)
{
    subject_t *self = *state;
    create(self->store, "u", "c");
    create(self->store, "u", "d");
    int64_t epoch = lease(self->store, "plaza/main", 0);
    assert_int_equal(member(self->store, "c").muted_until, 0);
    assert_int_equal(self->store->mute_character(self->store, "c", AT), STORE_OK);
    msg_persistence_append_t append = append_make("plaza/main", epoch, 1, "c", 1);
    assert_int_equal(commit(self->store, &append, 1), STORE_OK);
    assert_int_equal(self->store->mute_character(self->store, "c", INT64_C(9007199254740991)), STORE_OK);
    reopen(self);
    msg_persistence_member_loaded_t c = member(self->store, "c");
    assert_int_equal(c.muted_until, INT64_C(9007199254740991));
    assert_int_equal(c.sequence, 1);
    assert_int_equal(member(self->store, "d").muted_until, 0);
    assert_int_equal(self->store->mute_character(self->store, "c", 0), STORE_OK);
    assert_int_equal(self->store->mute_character(self->store, "c", 0), STORE_OK); /* as it is */
    assert_int_equal(member(self->store, "c").muted_until, 0);
    assert_int_equal(self->store->mute_character(self->store, "nobody", AT), STORE_NOT_FOUND);
}

const struct CMUnitTest store_character_tests[] = {
    CASE(first_character_is_the_active_one_and_list_is_oldest_first),
    CASE(repeated_create_gives_the_same_character_once),
    CASE(seventeenth_character_is_over_the_limit_and_a_repeat_of_the_sixteenth_is_not),
    CASE(select_moves_the_active_mark_and_only_its_owner_may),
    CASE(hostile_text_is_only_text),
    CASE(muted_character_stays_so_over_its_actions_and_a_restart_until_it_is_lifted),
    {0},
};
