/* Characters through the cache, on a real Redis and a real store. */
#include <time.h>

#include "log_test_helpers.h"
#include "persistence_test_helpers.h"
#include "redis_test_helpers.h"

enum { TRIES = 50, TIMEOUT_MSEC = 2000 };

static redis_fixture_t redis;

static cache_t *
cache_make(void)
{
    char why[160] = "";
    cache_t *cache = cache_redis_new(redis.url, TIMEOUT_MSEC, why, sizeof why);
    assert_non_null(cache);
    return cache;
}

static int
set_up_cache(void **state)
{
    redis_fixture_do(&redis, "FLUSHALL");
    stage_t *self = stage_make();
    self->cache = cache_make();
    stage_start(self);
    *state = self;
    return 0;
}

static uint64_t
found(stage_t *self, cache_found_t what)
{
    return sim_metric(self->sim, METRIC_CACHE, what);
}

static uint32_t
list(stage_t *self, const char *user)
{
    msg_persistence_list_characters_t whose = {0};
    snprintf(whose.user_id, sizeof(whose.user_id), "%s", user);
    const msg_persistence_characters_t *all =
        ask(self, MSG_PERSISTENCE_LIST_CHARACTERS, &whose, MSG_PERSISTENCE_CHARACTERS);
    return all->characters_len;
}

/* `id` NULL: the active one. */
static const obj_character_t *
find(stage_t *self, const char *user, const char *id)
{
    msg_persistence_find_character_t which = {.has_character_id = id != NULL};
    snprintf(which.user_id, sizeof(which.user_id), "%s", user);
    snprintf(which.character_id, sizeof(which.character_id), "%s", id != NULL ? id : "");
    const msg_persistence_character_t *one =
        ask(self, MSG_PERSISTENCE_FIND_CHARACTER, &which, MSG_PERSISTENCE_CHARACTER);
    return &one->character;
}

/* What the one key of the cache is called. */
static void
only_key(char key[128])
{
    redisReply *keys = redis_fixture_ask(&redis, "KEYS playhouse:cache:*");
    assert_int_equal(keys->elements, 1);
    snprintf(key, 128, "%s", keys->element[0]->str);
    freeReplyObject(keys);
}

/* Until what was read before this is older than the cache may give out. */
static void
wait_until_stale(void)
{
    struct timespec start, now;
    clock_gettime(CLOCK_REALTIME, &start);
    do {
        poll(NULL, 0, 10);
        clock_gettime(CLOCK_REALTIME, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 <= CACHE_FRESH_MSEC);
}

static void
second_read_is_answered_by_the_cache(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    character(self, "b");
    assert_int_equal(list(self, "user"), 2);
    assert_int_equal(self->shaky.lists, 1);
    assert_int_equal(found(self, CACHE_FOUND_NOTHING), 1);
    for (int tries = 0; tries < TRIES && found(self, CACHE_FOUND_FRESH) < 3; tries++) {
        uint32_t before = self->shaky.lists;
        uint64_t fresh = found(self, CACHE_FOUND_FRESH);
        assert_string_equal(find(self, "user", NULL)->id, "a");
        assert_int_equal(self->shaky.lists - before, fresh == found(self, CACHE_FOUND_FRESH));
        assert_string_equal(find(self, "user", "b")->id, "b");
        assert_int_equal(list(self, "user"), 2);
    }
    assert_true(found(self, CACHE_FOUND_FRESH) >= 3);
    assert_int_equal(self->shaky.finds, 0);
    assert_int_equal(list(self, "somebody else"), 0);
}

static void
value_that_is_too_old_is_read_again_and_counted(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    list(self, "user");
    wait_until_stale();
    uint32_t before = self->shaky.lists;
    uint64_t forced = sim_metric(self->sim, METRIC_FORCED_REFRESH, 0);
    assert_string_equal(find(self, "user", NULL)->id, "a");
    assert_int_equal(self->shaky.lists, before + 1);
    assert_int_equal(sim_metric(self->sim, METRIC_FORCED_REFRESH, 0), forced + 1);
    assert_int_equal(found(self, CACHE_FOUND_STALE), forced + 1);
}

static void
cache_never_says_no(void **state)
{
    stage_t *self = *state;
    msg_persistence_find_character_t other = {.user_id = "thief", .has_character_id = true, .character_id = "a"};
    expect_failed(self, MSG_PERSISTENCE_FIND_CHARACTER, &(msg_persistence_find_character_t){.user_id = "user"},
                  STORE_FAULT_NOT_FOUND);
    /* Made without this process: the cache still says that there is none. */
    store_t *store = self->fixture.store;
    obj_character_t made;
    assert_int_equal(store->create_character(store, "user", "a", "Ada", 1, &made), STORE_OK);
    assert_string_equal(find(self, "user", NULL)->id, "a");
    assert_string_equal(find(self, "user", "a")->id, "a");
    for (int i = 0; i < 3; i++) {
        expect_failed(self, MSG_PERSISTENCE_FIND_CHARACTER, &other, STORE_FAULT_NOT_OWNER);
    }
}

static void
what_was_created_or_selected_is_seen_at_once_by_all_who_share_the_cache(void **state)
{
    stage_t *self = *state;
    stage_t *other = stage_make(); /* another process: its own actor and cache, the same Redis and store */
    other->shaky.real = self->fixture.store;
    other->cache = cache_make();
    stage_start(other);
    character(self, "a");
    assert_int_equal(list(other, "user"), 1);
    character(self, "b");
    assert_int_equal(list(other, "user"), 2);
    for (int i = 0; i < 20; i++) {
        const char *id = i % 2 == 0 ? "b" : "a";
        msg_persistence_select_character_t select = {.user_id = "user"};
        snprintf(select.character_id, sizeof(select.character_id), "%s", id);
        assert_non_null(find(other, "user", NULL));
        ask(self, MSG_PERSISTENCE_SELECT_CHARACTER, &select, MSG_PERSISTENCE_CHARACTER);
        assert_string_equal(find(other, "user", NULL)->id, id);
        assert_string_equal(find(self, "user", NULL)->id, id);
        assert_true(find(other, "user", id)->active);
    }
    void *ended = other;
    tear_down(&ended);
}

static void
poison_is_never_served(void **state)
{
    stage_t *self = *state;
    cache_t *liar = cache_make();
    char key[128];
    static const char not_a_list[] = "\x81\xaa"
                                     "characters\xc0";
    msg_persistence_characters_t forged = {.characters_len = 1, .characters = {{.id = "mallory", .active = true}}};
    uint8_t bytes[CACHE_VALUE_MAX];
    snprintf(forged.characters[0].name, sizeof(forged.characters[0].name), "Mallory");
    size_t length =
        codec_encode(CODEC_MSGPACK, msg_infos[MSG_PERSISTENCE_CHARACTERS].type, NULL, &forged, bytes, sizeof bytes);
    character(self, "a");
    list(self, "user");
    only_key(key);
    cache_value_t value;
    for (int i = 0; i < 5; i++) {
        switch (i) {
        case 0:
            redis_fixture_do(&redis, "SET %s garbage", key);
            break;
        case 1:
            redis_fixture_do(&redis, "SET %s %b", key, bytes, length);
            break; /* a list, and no record */
        case 2:    /* another user's record */
            redis_fixture_do(&redis, "DEL %s", key);
            liar->get(liar, 0, "characters:mallory", &value);
            liar->put(liar, 0, "characters:mallory", value.began, bytes, length);
            {
                char other[128];
                only_key(other);
                redis_fixture_do(&redis, "RENAME %s %s", other, key);
            }
            break;
        case 3: /* a record whose value is none */
            redis_fixture_do(&redis, "DEL %s", key);
            liar->get(liar, 0, "characters:user", &value);
            liar->put(liar, 0, "characters:user", value.began, not_a_list, sizeof not_a_list - 1);
            break;
        case 4:
            redis_fixture_do(&redis, "DEL %s", key);
            redis_fixture_do(&redis, "LPUSH %s x", key);
            break;
        }
        uint32_t before = self->shaky.lists;
        assert_string_equal(find(self, "user", NULL)->id, "a");
        assert_int_equal(self->shaky.lists, before + 1);
    }
    assert_int_equal(found(self, CACHE_FOUND_FRESH), 0);
    liar->destroy(&liar);
}

static void
no_user_id_is_in_redis(void **state)
{
    stage_t *self = *state;
    msg_persistence_create_character_t create = {.user_id = "auth0|somebody", .character_id = "c", .name = "Ada"};
    ask(self, MSG_PERSISTENCE_CREATE_CHARACTER, &create, MSG_PERSISTENCE_CHARACTER);
    assert_int_equal(list(self, "auth0|somebody"), 1);
    char key[128];
    only_key(key);
    redisReply *kept = redis_fixture_ask(&redis, "GET %s", key);
    assert_null(memmem(kept->str, kept->len, "somebody", strlen("somebody")));
    assert_null(strstr(key, "somebody"));
    assert_non_null(memmem(kept->str, kept->len, "Ada", 3)); /* it is a value that was looked at */
    freeReplyObject(kept);
}

static cache_state_t
pong(stage_t *self)
{
    const msg_persistence_pong_t *answer =
        ask(self, MSG_PERSISTENCE_PING, &(msg_persistence_ping_t){0}, MSG_PERSISTENCE_PONG);
    return answer->cache;
}

static void
cache_that_is_away_costs_reads_and_is_back_by_itself(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    assert_int_equal(pong(self), CACHE_STATE_OK);
    redis_fixture_kill(&redis);
    capture_begin(LOG_INFO);
    for (int i = 1; i <= 10; i++) {
        uint32_t before = self->shaky.lists;
        assert_string_equal(find(self, "user", NULL)->id, "a");
        assert_int_equal(self->shaky.lists, before + 1);
        sim_advance(self->sim, ACT_SEC);
    }
    character(self, "b"); /* what cannot be forgotten is stored all the same */
    assert_int_equal(list(self, "user"), 2);
    assert_int_equal(found(self, CACHE_FOUND_AWAY), 11);
    assert_int_equal(pong(self), CACHE_STATE_AWAY);
    redis_fixture_start(&redis);
    sim_advance(self->sim, 10 * ACT_SEC);
    assert_int_equal(pong(self), CACHE_STATE_OK); /* also when nobody reads */
    const char *text = capture_end();
    assert_non_null(strstr(text, "\"cache-away\""));
    assert_null(strstr(strstr(text, "\"cache-away\"") + 1, "\"cache-away\""));
    assert_non_null(strstr(text, "\"cache-back\""));
    for (int tries = 0; tries < TRIES && found(self, CACHE_FOUND_FRESH) == 0; tries++) {
        assert_int_equal(list(self, "user"), 2);
    }
    assert_true(found(self, CACHE_FOUND_FRESH) > 0);
}

static void
without_a_cache_the_store_is_asked_and_the_pong_says_none(void **state)
{
    stage_t *self = *state;
    character(self, "a");
    assert_int_equal(pong(self), CACHE_STATE_NONE);
    assert_string_equal(find(self, "user", NULL)->id, "a");
    assert_int_equal(self->shaky.finds, 1);
    assert_int_equal(self->shaky.lists, 0);
    for (int i = 0; i < CACHE_FOUND_COUNT; i++) {
        assert_int_equal(found(self, (cache_found_t)i), 0);
    }
}

static void
store_that_is_away_is_not_hidden_by_an_old_value(void **state)
{
    stage_t *self = *state;
    msg_persistence_find_character_t which = {.user_id = "user"};
    character(self, "a");
    list(self, "user");
    self->shaky.away = STORE_UNAVAILABLE;
    wait_until_stale();
    expect_failed(self, MSG_PERSISTENCE_FIND_CHARACTER, &which, STORE_FAULT_UNAVAILABLE);
    self->shaky.away = STORE_OK;
    assert_string_equal(find(self, "user", NULL)->id, "a");
}

int
main(void)
{
#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_cache, tear_down)
    const struct CMUnitTest tests[] = {
        CACHE_TEST(second_read_is_answered_by_the_cache),
        CACHE_TEST(value_that_is_too_old_is_read_again_and_counted),
        CACHE_TEST(cache_never_says_no),
        CACHE_TEST(what_was_created_or_selected_is_seen_at_once_by_all_who_share_the_cache),
        CACHE_TEST(poison_is_never_served),
        CACHE_TEST(no_user_id_is_in_redis),
        CACHE_TEST(cache_that_is_away_costs_reads_and_is_back_by_itself),
        CACHE_TEST(store_that_is_away_is_not_hidden_by_an_old_value),
        cmocka_unit_test_setup_teardown(without_a_cache_the_store_is_asked_and_the_pong_says_none, set_up, tear_down),
    };
    redis_fixture_open(&redis);
    int failed = cmocka_run_group_tests_name("persistence cache", tests, NULL, NULL);
    redis_fixture_close(&redis);
    return failed;
}
