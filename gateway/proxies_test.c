/* Who is believed, and whom a connection is for then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxies.h"

static proxies_t
read_list(const char *list)
{
    proxies_t proxies;
    char wrong[PROXIES_WORD_SIZE];
    if (!proxies_read(&proxies, list, wrong)) {
        fail_msg("'%s' is refused for '%s'", list, wrong);
    }
    return proxies;
}

static void
refused(const char *list, const char *why)
{
    proxies_t proxies;
    char wrong[PROXIES_WORD_SIZE];
    assert_false(proxies_read(&proxies, list, wrong));
    assert_string_equal(wrong, why);
}

static void
bytes_of(const char *text, uint8_t address[WIRE_ADDRESS_BYTES])
{
    memset(address, 0, WIRE_ADDRESS_BYTES);
    if (inet_pton(AF_INET, text, address + 12) == 1) {
        address[10] = address[11] = 0xff;
        return;
    }
    assert_int_equal(inet_pton(AF_INET6, text, address), 1);
}

/* A request from `peer` with this header is for `client`. */
static void
comes_from(const char *list, const char *peer, const char *forwarded, const char *client)
{
    proxies_t proxies = read_list(list);
    uint8_t address[WIRE_ADDRESS_BYTES], expected[WIRE_ADDRESS_BYTES];
    bytes_of(peer, address);
    bytes_of(client, expected);
    proxies_client(&proxies, forwarded, address);
    if (memcmp(address, expected, sizeof address) != 0) {
        char text[INET6_ADDRSTRLEN];
        fail_msg("'%s' at %s: %s", forwarded, peer, inet_ntop(AF_INET6, address, text, sizeof text));
    }
}

static void
a_list_is_of_addresses_and_networks(void **state)
{
    (void)state;
    assert_int_equal(read_list("").count, 0);
    assert_int_equal(read_list("   ").count, 0);
    proxies_t proxies = read_list(" 10.0.0.7  10.1.0.0/16 fd00::/8 ::1 0.0.0.0/0 ");
    const unsigned bits[] = {128, 112, 8, 128, 96};
    assert_int_equal(proxies.count, 5);
    for (size_t i = 0; i < proxies.count; i++) {
        assert_int_equal(proxies.rows[i].bits, bits[i]);
    }
}

static void
what_is_neither_is_refused_by_its_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {"balancer", "10.0.0.0/33", "::/129",     "10.0.0.0/", "10.0.0.0/8x",  "10.0.0",
                                        "/8",       "10.0.0.0/-1", "10.0.0.0,8", "[::1]",     "10.0.0.0/0008"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char list[64];
        snprintf(list, sizeof list, "10.0.0.1 %s ::1", wrong[i]);
        refused(list, wrong[i]);
    }
    refused("10.0.0.0/ 8", "10.0.0.0/");
    char many[1024] = "", longer[128];
    for (size_t i = 0; i <= PROXIES_MAX; i++) {
        memcpy(many + 9 * i, "10.0.0.1 ", 9);
    }
    refused(many, "");
    memset(longer, '1', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    proxies_t proxies;
    char wrong_word[PROXIES_WORD_SIZE];
    assert_false(proxies_read(&proxies, longer, wrong_word));
    assert_int_equal(strlen(wrong_word), PROXIES_WORD_SIZE - 1);
}

static void
who_is_not_trusted_is_not_believed(void **state)
{
    (void)state;
    comes_from("", "10.0.0.7", "192.0.2.1", "10.0.0.7");
    comes_from("10.0.0.8 10.1.0.0/16", "10.0.0.7", "192.0.2.1", "10.0.0.7");
    comes_from("10.1.0.0/16", "10.2.0.0", "192.0.2.1", "10.2.0.0");
    comes_from("10.1.128.0/17", "10.1.127.255", "192.0.2.1", "10.1.127.255");
    comes_from("::/8", "10.0.0.7", "192.0.2.1", "192.0.2.1"); /* IPv4 is ::ffff:a.b.c.d */
    comes_from("fd00::/8", "2001:db8::1", "192.0.2.1", "2001:db8::1");
}

static void
a_trusted_one_says_for_whom_it_asks(void **state)
{
    (void)state;
    comes_from("10.0.0.7", "10.0.0.7", "192.0.2.1", "192.0.2.1");
    comes_from("10.1.128.0/17", "10.1.200.3", "192.0.2.1", "192.0.2.1");
    comes_from("0.0.0.0/0", "10.1.200.3", "2001:db8::1", "2001:db8::1");
    comes_from("fd00::/8", "fd12::3", " 192.0.2.1:4711 ", "192.0.2.1");
    comes_from("10.0.0.7", "10.0.0.7", "2001:db8::1", "2001:db8::1");
    comes_from("10.0.0.7", "10.0.0.7", "[2001:db8::1]", "2001:db8::1");
    comes_from("10.0.0.7", "10.0.0.7", "[2001:db8::1]:80", "2001:db8::1");
    comes_from("10.0.0.7", "10.0.0.7", "", "10.0.0.7"); /* a health check of its own */
}

static void
what_the_client_has_put_in_front_is_not_believed(void **state)
{
    (void)state;
    comes_from("10.0.0.7", "10.0.0.7", "127.0.0.1, 192.0.2.1", "192.0.2.1");
    comes_from("10.0.0.0/24", "10.0.0.7", "127.0.0.1, 192.0.2.1, 10.0.0.9,10.0.0.8", "192.0.2.1");
    comes_from("10.0.0.0/24", "10.0.0.7", "10.0.0.9,\t10.0.0.8", "10.0.0.9"); /* all are trusted: the first */
}

static void
what_is_no_address_ends_the_search(void **state)
{
    (void)state;
    static const char *const odd[] = {"unknown",
                                      "192.0.2.1,",
                                      "192.0.2.1, ",
                                      ",",
                                      " ",
                                      "[",
                                      "[]",
                                      "[192.0.2.1",
                                      "1.2.3",
                                      ":",
                                      "::::",
                                      "192.0.2.1, for=10.0.0.1",
                                      "1111111111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        comes_from("10.0.0.0/24", "10.0.0.7", odd[i], "10.0.0.7");
    }
    comes_from("10.0.0.0/24", "10.0.0.7", "192.0.2.1, unknown, 10.0.0.8", "10.0.0.8");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_of_addresses_and_networks),
        cmocka_unit_test(what_is_neither_is_refused_by_its_name),
        cmocka_unit_test(who_is_not_trusted_is_not_believed),
        cmocka_unit_test(a_trusted_one_says_for_whom_it_asks),
        cmocka_unit_test(what_the_client_has_put_in_front_is_not_believed),
        cmocka_unit_test(what_is_no_address_ends_the_search),
    };
    return cmocka_run_group_tests_name("proxies", tests, NULL, NULL);
}
