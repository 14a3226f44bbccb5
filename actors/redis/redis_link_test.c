/* One connection to a real Redis: scripts, logins, a Redis that dies, hangs or is none. */
#include <openssl/sha.h>
#include <time.h>

#include "redis_liar_test_helpers.h"
#include "redis_link.h"

enum {
    TIMEOUT_MSEC = 250,
    PATIENT_MSEC = 1000,
    STANDS_MSEC = 1500, /* longer than that */
    LONGER_MSEC = 100,
    SLACK_MSEC = 10000, /* of a machine that has other things to do */
};

static redis_fixture_t redis;
static act_usec_t now = 1000 * (act_usec_t)ACT_SEC;

static redis_link_t *
link_make(const char *url, int64_t timeout_msec)
{
    char why[160] = "";
    redis_link_t *link = redis_link_new(url, timeout_msec, why, sizeof why);
    assert_string_equal(why, "");
    assert_non_null(link);
    return link;
}

/* A script that answers its argument, after the SHA-1 of what it is made of. */
static redis_script_t
script_make(const char *prelude, const char *body, char sha1[41])
{
    char text[256];
    uint8_t digest[SHA_DIGEST_LENGTH];
    int length = snprintf(text, sizeof text, "%s%s", prelude, body);
    SHA1((const uint8_t *)text, (size_t)length, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(sha1 + 2 * i, 3, "%02x", digest[i]);
    }
    return (redis_script_t){.sha1 = sha1, .prelude = prelude, .body = body};
}

/* One call, with one argument. NULL: it is away. The answer is the caller's. */
static redisReply *
call(redis_link_t *link, const char *prelude, const char *body, const char *argument)
{
    char sha1[41];
    redis_script_t script = script_make(prelude, body, sha1);
    const char *argv[4] = {NULL, NULL, "0", argument};
    size_t lengths[4] = {0, 0, 1, strlen(argument)};
    return redis_link_open(link, now) ? redis_link_eval(link, &script, 4, argv, lengths) : NULL;
}

static bool
answers(redis_link_t *link)
{
    redisReply *reply = call(link, "", "return ARGV[1]", "hello");
    if (reply == NULL) {
        return false;
    }
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    assert_string_equal(reply->str, "hello");
    freeReplyObject(reply);
    return true;
}

static void
assert_why(const redis_link_t *link, const char *part)
{
    if (strstr(redis_link_why(link), part) == NULL) {
        fail_msg("expected '%s' in '%s'", part, redis_link_why(link));
    }
}

static int64_t
clock_msec(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void
a_url_that_is_none_makes_no_link(void **state)
{
    (void)state;
    char why[160] = "";
    assert_null(redis_link_new("redis://hunter2@host", 100, why, sizeof why));
    assert_string_not_equal(why, "");
    assert_null(strstr(why, "hunter2"));
}

static void
a_script_is_sent_once_and_stands_behind_its_prelude(void **state)
{
    (void)state;
    redis_fixture_do(&redis, "SCRIPT FLUSH");
    redis_fixture_do(&redis, "CONFIG RESETSTAT");
    redis_link_t *link = link_make(redis.url, 5000);
    for (int i = 0; i < 3; i++) {
        redisReply *reply = call(link, "local greeting = 'hi '\n", "return greeting .. ARGV[1]", "Ada");
        assert_non_null(reply);
        assert_string_equal(reply->str, "hi Ada");
        freeReplyObject(reply);
    }
    redisReply *stats = redis_fixture_ask(&redis, "INFO commandstats");
    assert_non_null(strstr(stats->str, "cmdstat_script|load:calls=1,"));
    assert_non_null(strstr(stats->str, "cmdstat_evalsha:calls=4,"));
    freeReplyObject(stats);
    assert_int_equal(strlen(redis_link_server(link)), REDIS_SERVER_SIZE - 1);
    redis_link_destroy(&link);
}

static void
a_script_that_fails_ends_the_connection(void **state)
{
    (void)state;
    redis_link_t *link = link_make(redis.url, 5000);
    assert_true(answers(link));
    assert_null(call(link, "", "return redis.call('NOSUCH')", ""));
    assert_why(link, "a script failed");
    assert_false(answers(link));
    now += REDIS_RETRY_USEC + ACT_SEC;
    assert_true(answers(link));
    redis_link_destroy(&link);
}

static void
where_nobody_listens_it_is_away_and_says_so(void **state)
{
    (void)state;
    redis_link_t *link = link_make("unix:/nowhere/redis.sock", TIMEOUT_MSEC);
    assert_false(answers(link));
    assert_why(link, "/nowhere/redis.sock: could not connect");
    redis_link_destroy(&link);
}

static void
the_password_is_asked_for_and_never_shown(void **state)
{
    (void)state;
    redis_fixture_t locked;
    redis_fixture_open(&locked);
    redis_fixture_do(&locked, "ACL SETUSER someone on >hunt:er2 ~* &* +@all");
    redis_fixture_do(&locked, "CONFIG SET requirepass hunter2");
    static const struct {
        const char *login, *database, *why; /* why NULL: it is let in */
    } cases[] = {
        {"", "", "NOAUTH"},
        {":wrong-hunter@", "", "login was refused"},
        {":hunter2@", "", NULL},
        {":hunter2@", "/3", NULL},
        {":hunter2@", "/9999", "database"},
        {"someone:hunt%3Aer2@", "/2", NULL},
        {"someone:hunter2@", "/2", "login was refused"},
    };
    int port = 0;
    for (int tries = 0; port == 0; tries++) { /* one that is free: Redis says no if it is not */
        assert_in_range(tries, 0, 20);
        int candidate = 20000 + (int)((getpid() * 7 + tries * 997) % 20000);
        redisReply *reply = redisCommand(locked.context, "CONFIG SET port %d", candidate);
        assert_non_null(reply);
        port = reply->type == REDIS_REPLY_STATUS ? candidate : 0;
        freeReplyObject(reply);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[128];
        snprintf(url, sizeof url, "redis://%s127.0.0.1:%d%s", cases[i].login, port, cases[i].database);
        redis_link_t *link = link_make(url, 5000);
        assert_int_equal(answers(link), cases[i].why == NULL);
        if (cases[i].why != NULL) {
            assert_why(link, cases[i].why);
        }
        assert_null(strstr(redis_link_why(link), "hunt"));
        redis_link_destroy(&link);
    }
    redis_fixture_close(&locked);
}

static void
a_redis_that_dies_is_away_and_there_again_when_it_is_back(void **state)
{
    (void)state;
    redis_link_t *link = link_make(redis.url, TIMEOUT_MSEC);
    assert_true(answers(link));
    char server[REDIS_SERVER_SIZE];
    snprintf(server, sizeof server, "%s", redis_link_server(link));
    redis_fixture_kill(&redis);
    assert_false(answers(link));
    redis_fixture_start(&redis);
    assert_false(answers(link)); /* it does not try again at once */
    now += REDIS_RETRY_USEC / 2;
    assert_false(answers(link));
    now += SLACK_MSEC * (act_usec_t)ACT_MSEC;
    assert_true(answers(link));
    assert_string_not_equal(redis_link_server(link), server);
    redis_link_destroy(&link);
}

static void
a_redis_that_hangs_is_away_in_time(void **state)
{
    (void)state;
    redis_link_t *link = link_make(redis.url, TIMEOUT_MSEC), *fresh = link_make(redis.url, TIMEOUT_MSEC);
    assert_true(answers(link));
    assert_int_equal(kill(redis.pid, SIGSTOP), 0);
    int64_t before = clock_msec();
    assert_false(answers(link));
    assert_in_range(clock_msec() - before, TIMEOUT_MSEC - 1, SLACK_MSEC);
    assert_why(link, "no answer");
    before = clock_msec();
    assert_false(answers(fresh)); /* also before it ever answered */
    for (int i = 0; i < 1000; i++) {
        assert_false(answers(link)); /* and nobody waits for it meanwhile */
    }
    assert_in_range(clock_msec() - before, 0, SLACK_MSEC);
    assert_int_equal(kill(redis.pid, SIGCONT), 0);
    now += SLACK_MSEC * (act_usec_t)ACT_MSEC;
    assert_true(answers(link));
    redis_link_destroy(&link);
    redis_link_destroy(&fresh);
}

/* A child: when it is told to, both stand still for longer than a call may take, and Redis for a moment longer. */
static pid_t
fork_who_stops(pid_t test, pid_t server, int told)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char word;
        bool stops = read(told, &word, 1) == 1 && kill(test, SIGSTOP) == 0;
        poll(NULL, 0, STANDS_MSEC);
        stops = kill(test, SIGCONT) == 0 && stops;
        poll(NULL, 0, LONGER_MSEC);
        _exit(kill(server, SIGCONT) == 0 && stops ? 0 : 1);
    }
    return child;
}

static void
time_in_which_the_machine_stands_still_is_not_that_of_redis(void **state)
{
    (void)state;
    redis_link_t *link = link_make(redis.url, PATIENT_MSEC);
    assert_true(answers(link));
    int told[2], status = 0;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork_who_stops(getpid(), redis.pid, told[0]);
    assert_int_equal(kill(redis.pid, SIGSTOP), 0);
    int64_t before = clock_msec();
    assert_int_equal(write(told[1], "x", 1), 1);
    bool answered = answers(link);
    assert_in_range(clock_msec() - before, STANDS_MSEC, STANDS_MSEC + SLACK_MSEC);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    if (!answered) {
        fail_msg("%s", redis_link_why(link));
    }
    close(told[0]);
    close(told[1]);
    redis_link_destroy(&link);
}

static void
a_redis_that_does_not_say_who_it_is_is_none(void **state)
{
    (void)state;
    static const char *const infos[] = {
        "$-1\r\n",
        "+run_id:abc\r\n",
        "-ERR no\r\n",
        "$10\r\n# Server\r\n\r\n",
        "$21\r\n# Server\r\nrun_id:\r\n\r\n\r\n",
        "$63\r\n# Server\r\nrun_id:0123456789012345678901234567890123456789012345\r\n",
    };
    liar_t liar;
    liar_open(&liar);
    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++) {
        liar_begin(&liar, infos[i], "$5\r\nhello\r\n");
        redis_link_t *link = link_make(liar.url, 2000);
        assert_false(answers(link));
        assert_why(link, "INFO");
        redis_link_destroy(&link);
        liar_end(&liar);
    }
    liar_begin(&liar, liar_good_info, "$5\r\nhello\r\n");
    redis_link_t *link = link_make(liar.url, 2000);
    assert_true(answers(link)); /* it is not the liar that was refused */
    redis_link_destroy(&link);
    liar_end(&liar);
    liar_close(&liar);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_that_is_none_makes_no_link),
        cmocka_unit_test(a_script_is_sent_once_and_stands_behind_its_prelude),
        cmocka_unit_test(a_script_that_fails_ends_the_connection),
        cmocka_unit_test(where_nobody_listens_it_is_away_and_says_so),
        cmocka_unit_test(the_password_is_asked_for_and_never_shown),
        cmocka_unit_test(a_redis_that_dies_is_away_and_there_again_when_it_is_back),
        cmocka_unit_test(a_redis_that_hangs_is_away_in_time),
        cmocka_unit_test(time_in_which_the_machine_stands_still_is_not_that_of_redis),
        cmocka_unit_test(a_redis_that_does_not_say_who_it_is_is_none),
    };
    redis_fixture_open(&redis);
    int failed = cmocka_run_group_tests_name("redis link", tests, NULL, NULL);
    redis_fixture_close(&redis);
    return failed;
}
