/* The cache on a real Redis: how long a value is fresh, what a forget keeps out, poison, and a Redis that is away. */
#include <openssl/sha.h>
#include <time.h>

#include "cache.h"
#include "redis_liar_test_helpers.h"

enum {
    TIMEOUT_MSEC = 250,
    SLACK_MSEC = 10000, /* of a machine that has other things to do */
    HEAD = 17,          /* V and 16 digits */
    RECORD_HEAD = HEAD + SHA256_DIGEST_LENGTH,
    FRESH_USEC = CACHE_FRESH_MSEC * ACT_MSEC,
};

static redis_fixture_t redis;
static act_usec_t now = 1000 * (act_usec_t)ACT_SEC;

static cache_t *
cache_make(const char *url, int64_t timeout_msec)
{
    char why[160] = "";
    cache_t *cache = cache_redis_new(url, timeout_msec, why, sizeof why);
    assert_string_equal(why, "");
    assert_non_null(cache);
    return cache;
}

static int
set_up(void **state)
{
    redis_fixture_do(&redis, "FLUSHALL");
    *state = cache_make(redis.url, 5000);
    return 0;
}

static int
tear_down(void **state)
{
    cache_t *cache = *state;
    cache->destroy(&cache);
    return 0;
}

static int64_t
clock_usec(clockid_t which)
{
    struct timespec time;
    clock_gettime(which, &time);
    return (int64_t)time.tv_sec * ACT_SEC + time.tv_nsec / 1000;
}

static int64_t
clock_msec(void)
{
    return clock_usec(CLOCK_MONOTONIC) / ACT_MSEC;
}

static cache_found_t
get(cache_t *cache, const char *name, cache_value_t *out)
{
    return cache->get(cache, now, name, out);
}

static void
put(cache_t *cache, const char *name, int64_t began, const char *text)
{
    cache->put(cache, now, name, began, text, strlen(text));
}

static void
forget(cache_t *cache, const char *name)
{
    cache->forget(cache, now, name);
}

static void
assert_found(cache_t *cache, const char *name, cache_found_t expected)
{
    cache_value_t value;
    assert_string_equal(cache_found_names[get(cache, name, &value)], cache_found_names[expected]);
    assert_true(value.began != 0 || expected == CACHE_FOUND_AWAY);
    assert_true(value.length == 0 || expected == CACHE_FOUND_FRESH);
}

/* When a read of the store that starts now begins. */
static int64_t
begin(cache_t *cache, const char *name)
{
    cache_value_t value;
    assert_int_not_equal(get(cache, name, &value), CACHE_FOUND_AWAY);
    return value.began;
}

/* What is there now, and was put a moment ago: on a machine that was elsewhere meanwhile it is put again. */
static void
assert_keeps(cache_t *cache, const char *name, const char *text)
{
    cache_value_t value;
    for (int tries = 0; tries < 50; tries++) {
        put(cache, name, begin(cache, name), text);
        cache_found_t found = get(cache, name, &value);
        if (found != CACHE_FOUND_STALE && found != CACHE_FOUND_NOTHING) {
            assert_int_equal(found, CACHE_FOUND_FRESH);
            assert_int_equal(value.length, strlen(text));
            assert_memory_equal(value.bytes, text, strlen(text));
            return;
        }
    }
    fail_msg("what was put was never fresh");
}

/* The key that all is kept under: there is one. */
static void
only_key(char key[128])
{
    redisReply *keys = redis_fixture_ask(&redis, "KEYS *");
    assert_int_equal(keys->elements, 1);
    snprintf(key, 128, "%s", keys->element[0]->str);
    freeReplyObject(keys);
}

/* A record as the cache makes them. */
static size_t
record_make(char *record, const char *name, int64_t began, const char *value)
{
    char text[1024];
    snprintf(record, HEAD + 8, "V%016lld", (long long)began);
    size_t length = strlen(name) + 1;
    memcpy(text, name, length);
    memcpy(text + length, record, HEAD);
    memcpy(text + length + HEAD, value, strlen(value));
    SHA256((const uint8_t *)text, length + HEAD + strlen(value), (uint8_t *)record + HEAD);
    memcpy(record + RECORD_HEAD, value, strlen(value));
    return RECORD_HEAD + strlen(value);
}

/* ---- values ---- */

static void
what_was_put_is_found_under_its_name_alone(void **state)
{
    cache_t *cache = *state;
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    assert_keeps(cache, "one", "hello");
    assert_found(cache, "two", CACHE_FOUND_NOTHING);
    assert_keeps(cache, "two", "");
    assert_keeps(cache, "one", "good bye");
    assert_false(cache->is_away(cache));
    assert_string_equal(cache->error_text(cache), "");
}

static void
a_value_is_fresh_for_100_ms_after_its_reading_began_and_then_stale(void **state)
{
    cache_t *cache = *state;
    cache_value_t value;
    bool fresh = false;
    for (int tries = 0; !fresh && tries < 50; tries++) { /* a machine may be elsewhere for 100 ms */
        int64_t began = begin(cache, "one"), asked;
        put(cache, "one", began, "hello");
        cache_found_t found;
        do {
            asked = clock_usec(CLOCK_REALTIME); /* Redis's clock, too: it is on this machine */
            found = get(cache, "one", &value);
            if (found == CACHE_FOUND_FRESH) {
                fresh = true;
                assert_true(asked - began <= FRESH_USEC);
            }
        } while (found == CACHE_FOUND_FRESH);
        assert_true(found == CACHE_FOUND_STALE || !fresh);
        assert_int_equal(value.length, 0);
        int64_t answered = clock_usec(CLOCK_REALTIME); /* what the asking took counts too */
        assert_true(!fresh || answered - began + (answered - asked) > FRESH_USEC);
    }
    assert_true(fresh);
}

static void
a_put_is_not_kept_over_a_newer_one_nor_when_it_is_too_old_or_of_the_future(void **state)
{
    cache_t *cache = *state;
    int64_t older = begin(cache, "one"), newer = begin(cache, "one");
    assert_true(newer > older);
    put(cache, "one", newer - 2 * FRESH_USEC, "too old");
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    put(cache, "one", newer + SLACK_MSEC * (int64_t)ACT_MSEC, "future");
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    put(cache, "one", 0, "of nobody");
    put(cache, "one", -5, "of nobody");
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    assert_keeps(cache, "one", "newer");
    put(cache, "one", older, "older");
    put(cache, "one", newer, "older");
    cache_value_t value;
    if (get(cache, "one", &value) == CACHE_FOUND_FRESH) {
        assert_int_equal(value.length, strlen("newer"));
        assert_memory_equal(value.bytes, "newer", strlen("newer"));
    }
}

static void
the_longest_value_is_kept_and_a_longer_one_is_not(void **state)
{
    cache_t *cache = *state;
    static char longest[CACHE_VALUE_MAX + 2];
    memset(longest, 'x', CACHE_VALUE_MAX + 1);
    put(cache, "one", begin(cache, "one"), longest);
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    longest[CACHE_VALUE_MAX] = '\0';
    assert_keeps(cache, "one", longest);
}

static void
a_forget_keeps_out_what_was_read_before_it(void **state)
{
    cache_t *cache = *state, *other = cache_make(redis.url, 5000);
    int64_t before = begin(other, "one");
    assert_keeps(other, "one", "old");
    int64_t also_before = begin(other, "one");
    forget(cache, "one");
    assert_found(other, "one", CACHE_FOUND_NOTHING);
    put(other, "one", before, "old");
    put(other, "one", also_before, "old");
    assert_found(other, "one", CACHE_FOUND_NOTHING);
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    assert_keeps(other, "one", "new");
    other->destroy(&other);
}

static void
keys_are_namespaced_end_by_themselves_and_show_no_name(void **state)
{
    cache_t *cache = *state;
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        char key[128];
        if (forgotten) {
            forget(cache, "characters:somebody");
        } else {
            assert_keeps(cache, "characters:somebody", "hello");
        }
        only_key(key);
        assert_int_equal(strlen(key), strlen("playhouse:cache:") + 64);
        assert_memory_equal(key, "playhouse:cache:", strlen("playhouse:cache:"));
        assert_null(strstr(key, "somebody"));
        redisReply *left = redis_fixture_ask(&redis, "PTTL %s", key);
        assert_in_range(left->integer, 1, CACHE_TTL_MSEC);
        freeReplyObject(left);
        redisReply *kept = redis_fixture_ask(&redis, "GET %s", key);
        assert_null(memmem(kept->str, kept->len, "somebody", strlen("somebody")));
        freeReplyObject(kept);
    }
}

/* ---- poison ---- */

static void
what_is_no_record_is_nothing_and_goes_with_the_next_put(void **state)
{
    cache_t *cache = *state;
    static char huge[1 << 20];
    memset(huge, 'V', sizeof huge);
    char key[128], record[1024], bad[1024];
    assert_keeps(cache, "one", "hello");
    only_key(key);
    int64_t began = begin(cache, "one");
    size_t length = record_make(record, "one", began, "hello");
    assert_int_equal(length, RECORD_HEAD + 5);
    for (int poison = 0; poison < 12; poison++) {
        memcpy(bad, record, length);
        size_t bad_length = length;
        switch (poison) {
        case 0:
            bad_length = 0;
            break;
        case 1:
            bad_length = 1;
            break;
        case 2:
            bad_length = HEAD;
            break;
        case 3:
            bad_length = RECORD_HEAD - 1;
            break;
        case 4:
            bad_length = length - 1;
            break;
        case 5:
            bad[bad_length++] = 'x';
            break;
        case 6:
            bad[0] = 'W';
            break;
        case 7:
            bad[3] = 'x';
            break;
        case 8:
            bad[HEAD - 1] = bad[HEAD - 1] == '9' ? '0' : bad[HEAD - 1] + 1;
            break; /* another time */
        case 9:
            bad[RECORD_HEAD] = 'j';
            break;
        case 10:
            bad_length = record_make(bad, "two", began, "hello");
            break; /* another name's */
        case 11:
            bad_length = record_make(bad, "one", began + 3600 * (int64_t)ACT_SEC, "hello");
            break; /* the future */
        }
        redis_fixture_do(&redis, "SET %s %b", key, bad, bad_length);
        assert_found(cache, "one", CACHE_FOUND_NOTHING);
        assert_keeps(cache, "one", "hello");
    }
    redis_fixture_do(&redis, "SET %s %b", key, huge, sizeof huge);
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    assert_keeps(cache, "one", "hello");
    redis_fixture_do(&redis, "SET %s %s", key, "F9999999999999999");
    assert_found(cache, "one", CACHE_FOUND_NOTHING); /* a forget that is to come does not last */
    assert_keeps(cache, "one", "hello");
    redis_fixture_do(&redis, "SET %s %b", key, record, record_make(record, "one", began - FRESH_USEC, "hello"));
    assert_found(cache, "one", CACHE_FOUND_STALE); /* a good one that is old is not poison */
    assert_keeps(cache, "one", "hello");
}

static void
a_key_of_another_type_is_nothing_and_goes_with_the_next_write(void **state)
{
    cache_t *cache = *state;
    static const char *const makes[] = {"LPUSH %s x", "SADD %s x", "HSET %s x y", "ZADD %s 1 x", "XADD %s * x y"};
    char key[128];
    assert_keeps(cache, "one", "hello");
    only_key(key);
    for (size_t i = 0; i < 2 * (sizeof makes / sizeof *makes); i++) {
        redis_fixture_do(&redis, "DEL %s", key);
        redis_fixture_do(&redis, makes[i / 2], key);
        assert_found(cache, "one", CACHE_FOUND_NOTHING);
        if (i % 2 == 0) {
            forget(cache, "one");
            assert_found(cache, "one", CACHE_FOUND_NOTHING);
        }
        assert_keeps(cache, "one", "hello");
    }
}

static void
bytes_by_chance_are_never_found_fresh(void **state)
{
    cache_t *cache = *state;
    char key[128], bytes[256];
    uint64_t seed = 42;
    assert_keeps(cache, "one", "hello");
    only_key(key);
    for (int i = 0; i < 500; i++) {
        size_t length = (size_t)(seed >> 20) % sizeof bytes;
        for (size_t k = 0; k < length; k++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[k] = (char)(seed >> 33);
        }
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (i % 2 == 0 && length >= HEAD) {
            memcpy(bytes, i % 4 == 0 ? "V0000000000000001" : "F1700000000000000", HEAD);
        }
        redis_fixture_do(&redis, "SET %s %b", key, bytes, length);
        assert_found(cache, "one", CACHE_FOUND_NOTHING);
    }
}

/* ---- a Redis that has no room, or is away ---- */

static void
a_redis_without_memory_keeps_nothing_and_is_not_away(void **state)
{
    cache_t *cache = *state;
    assert_keeps(cache, "one", "hello");
    redis_fixture_do(&redis, "CONFIG SET maxmemory 1");
    put(cache, "two", begin(cache, "two"), "hello");
    assert_found(cache, "two", CACHE_FOUND_NOTHING);
    forget(cache, "one");
    assert_found(cache, "one", CACHE_FOUND_NOTHING);
    assert_false(cache->is_away(cache));
    redis_fixture_do(&redis, "CONFIG SET maxmemory 0");
    assert_keeps(cache, "one", "hello");
}

static void
where_nobody_listens_it_is_away_and_nothing_happens(void **state)
{
    (void)state;
    cache_t *cache = cache_make("unix:/nowhere/redis.sock", TIMEOUT_MSEC);
    assert_false(cache->is_away(cache));
    assert_found(cache, "one", CACHE_FOUND_AWAY);
    assert_true(cache->is_away(cache));
    assert_non_null(strstr(cache->error_text(cache), "/nowhere/redis.sock: could not connect"));
    put(cache, "one", 1, "hello");
    forget(cache, "one");
    assert_false(cache->ping(cache, now));
    cache->destroy(&cache);
}

static void
a_cache_that_went_is_asked_less_and_less_and_is_back_by_itself(void **state)
{
    cache_t *cache = *state;
    assert_keeps(cache, "one", "hello");
    assert_true(cache->ping(cache, now));
    redis_fixture_kill(&redis);
    assert_false(cache->ping(cache, now));
    for (int i = 0; i < 6; i++) { /* each of them is a failure: the delay is as long as it gets */
        now += 2 * CACHE_RETRY_MAX_MSEC * (act_usec_t)ACT_MSEC;
        assert_found(cache, "one", CACHE_FOUND_AWAY);
    }
    redis_fixture_start(&redis);
    now += CACHE_RETRY_MAX_MSEC * (act_usec_t)ACT_MSEC / 2;
    assert_found(cache, "one", CACHE_FOUND_AWAY); /* it is not asked yet */
    put(cache, "one", 1, "hello");
    forget(cache, "one");
    assert_true(cache->is_away(cache));
    now += SLACK_MSEC * (act_usec_t)ACT_MSEC;
    assert_found(cache, "one", CACHE_FOUND_NOTHING); /* it knows neither values nor scripts */
    assert_false(cache->is_away(cache));
    assert_keeps(cache, "one", "hello");
    redis_fixture_do(&redis, "CLIENT KILL TYPE normal SKIPME yes");
    assert_found(cache, "one", CACHE_FOUND_AWAY);
    now += CACHE_RETRY_MSEC * (act_usec_t)ACT_MSEC + SLACK_MSEC * (act_usec_t)ACT_MSEC;
    assert_keeps(cache, "one", "hello");
}

static void
a_redis_that_hangs_is_waited_for_once_and_no_longer_than_the_time_out(void **state)
{
    (void)state;
    cache_t *cache = cache_make(redis.url, TIMEOUT_MSEC);
    assert_keeps(cache, "one", "hello");
    assert_int_equal(kill(redis.pid, SIGSTOP), 0);
    int64_t before = clock_msec();
    assert_found(cache, "one", CACHE_FOUND_AWAY);
    assert_in_range(clock_msec() - before, TIMEOUT_MSEC - 1, SLACK_MSEC);
    before = clock_msec();
    for (int i = 0; i < 1000; i++) {
        assert_found(cache, "one", CACHE_FOUND_AWAY);
        put(cache, "one", 1, "hello");
        forget(cache, "one");
    }
    assert_in_range(clock_msec() - before, 0, SLACK_MSEC);
    assert_int_equal(kill(redis.pid, SIGCONT), 0);
    now += SLACK_MSEC * (act_usec_t)ACT_MSEC;
    assert_keeps(cache, "one", "hello");
    cache->destroy(&cache);
}

static void
an_answer_that_is_none_is_away(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "nonsense\r\n",
        ":1\r\n",
        "+OK\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "-ERR no\r\n",
        "-NOSCRIPT no\r\n",
        "*1\r\n$0\r\n\r\n",
        "*2\r\n$-1\r\n$16\r\n1700000000000000\r\n",
        "*2\r\n$0\r\n\r\n:1700000000000000\r\n",
        "*2\r\n$0\r\n\r\n$15\r\n170000000000000\r\n",
        "*2\r\n$0\r\n\r\n$16\r\n17000000000x0000\r\n",
        "*2\r\n$0\r\n\r\n$16\r\n0000000000000000\r\n",
        "*3\r\n$0\r\n\r\n$16\r\n1700000000000000\r\n:1\r\n",
    };
    liar_t liar;
    liar_open(&liar);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        liar_begin(&liar, liar_good_info, answers[i]);
        cache_t *cache = cache_make(liar.url, 2000);
        assert_found(cache, "one", CACHE_FOUND_AWAY);
        assert_non_null(strstr(cache->error_text(cache), "redis at unix:"));
        cache->destroy(&cache);
        liar_end(&liar);
    }
    liar_begin(&liar, liar_good_info, "*2\r\n$0\r\n\r\n$16\r\n1700000000000000\r\n");
    cache_t *cache = cache_make(liar.url, 2000);
    assert_found(cache, "one", CACHE_FOUND_NOTHING); /* it is not the liar that was refused */
    put(cache, "one", 1700000000000000, "hello");
    assert_true(cache->is_away(cache)); /* that was no answer to a put */
    cache->destroy(&cache);
    liar_end(&liar);
    liar_close(&liar);
}

static void
a_url_that_is_none_is_refused_with_a_reason(void **state)
{
    (void)state;
    char why[160] = "";
    assert_null(cache_redis_new("http://hunter2@host", 100, why, sizeof why));
    assert_string_not_equal(why, "");
    assert_null(strstr(why, "hunter2"));
}

int
main(void)
{
#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CACHE_TEST(what_was_put_is_found_under_its_name_alone),
        CACHE_TEST(a_value_is_fresh_for_100_ms_after_its_reading_began_and_then_stale),
        CACHE_TEST(a_put_is_not_kept_over_a_newer_one_nor_when_it_is_too_old_or_of_the_future),
        CACHE_TEST(the_longest_value_is_kept_and_a_longer_one_is_not),
        CACHE_TEST(a_forget_keeps_out_what_was_read_before_it),
        CACHE_TEST(keys_are_namespaced_end_by_themselves_and_show_no_name),
        CACHE_TEST(what_is_no_record_is_nothing_and_goes_with_the_next_put),
        CACHE_TEST(a_key_of_another_type_is_nothing_and_goes_with_the_next_write),
        CACHE_TEST(bytes_by_chance_are_never_found_fresh),
        CACHE_TEST(a_redis_without_memory_keeps_nothing_and_is_not_away),
        cmocka_unit_test(where_nobody_listens_it_is_away_and_nothing_happens),
        CACHE_TEST(a_cache_that_went_is_asked_less_and_less_and_is_back_by_itself),
        cmocka_unit_test(a_redis_that_hangs_is_waited_for_once_and_no_longer_than_the_time_out),
        cmocka_unit_test(an_answer_that_is_none_is_away),
        cmocka_unit_test(a_url_that_is_none_is_refused_with_a_reason),
    };
    redis_fixture_open(&redis);
    int failed = cmocka_run_group_tests_name("cache redis", tests, NULL, NULL);
    redis_fixture_close(&redis);
    return failed;
}
