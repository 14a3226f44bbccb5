/* Where a Redis is, in each of the ways that a url can say it; and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "redis_url.h"

static void
a_url_that_is_none_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "localhost:6379",
        "http://localhost",
        "redis:localhost",
        "redis://",
        "redis://:6379",
        "redis://host:",
        "redis://host:0",
        "redis://host:65536",
        "redis://host:63x",
        "redis://host:-1",
        "redis://ho st:1",
        "redis://host/one",
        "redis://host/-1",
        "redis://host/1/2",
        "redis://host/10000",
        "redis://host/99999999999999999999",
        "redis://[::1",
        "redis://[]:1",
        "redis://[::1]x",
        "redis://hunter2@host",
        "redis://:@host",
        "redis://:hunter2%@host",
        "redis://:hunter2%0@host",
        "redis://:hunter2%00@host",
        "redis://:hunter2%zz@host",
        "redis://:hunter2@",
        "unix:",
        "unix:/"
        "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "012",
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char why[160] = "";
        redis_address_t address;
        if (redis_address_parse(&address, urls[i], why, sizeof why)) {
            fail_msg("'%s' was taken", urls[i]);
        }
        assert_string_not_equal(why, "");
        assert_null(strstr(why, "hunter2"));
    }
}

static void
a_url_is_taken_in_each_of_its_ways(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        redis_address_t address;
        const char *shown;
    } cases[] = {
        {"redis://localhost", {.host = "localhost", .port = 6379}, "localhost:6379"},
        {"redis://localhost/", {.host = "localhost", .port = 6379}, "localhost:6379"},
        {"redis://127.0.0.1:1", {.host = "127.0.0.1", .port = 1}, "127.0.0.1:1"},
        {"redis://[::1]:6380/3", {.host = "::1", .port = 6380, .database = 3}, "[::1]:6380"},
        {"redis://:pass%2Fword@h:1/0", {.host = "h", .port = 1, .password = "pass/word"}, "h:1"},
        {"redis://us%3Aer:p@ss@h:1", {.host = "h", .port = 1, .user = "us:er", .password = "p@ss"}, "h:1"},
        {"redis://cache-1.redis:65535", {.host = "cache-1.redis", .port = 65535}, "cache-1.redis:65535"},
        {"unix:relative.sock", {.path = "relative.sock"}, "unix:relative.sock"},
        {"unix:/run/redis.sock", {.path = "/run/redis.sock"}, "unix:/run/redis.sock"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[160] = "", shown[300];
        redis_address_t address;
        assert_true(redis_address_parse(&address, cases[i].url, why, sizeof why));
        assert_string_equal(address.path, cases[i].address.path);
        assert_string_equal(address.host, cases[i].address.host);
        assert_int_equal(address.port, cases[i].address.port);
        assert_int_equal(address.database, cases[i].address.database);
        assert_string_equal(address.user, cases[i].address.user);
        assert_string_equal(address.password, cases[i].address.password);
        redis_address_show(&address, shown, sizeof shown);
        assert_string_equal(shown, cases[i].shown);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_that_is_none_is_refused_with_a_reason),
        cmocka_unit_test(a_url_is_taken_in_each_of_its_ways),
    };
    return cmocka_run_group_tests_name("redis url", tests, NULL, NULL);
}
