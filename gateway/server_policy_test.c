#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server_policy.h"

static obj_sign_in_t
provider(const char *issuer)
{
    obj_sign_in_t sign_in = {.kind = SIGN_IN_KIND_OIDC, .has_issuer = true};
    snprintf(sign_in.issuer, sizeof(sign_in.issuer), "%s", issuer);
    return sign_in;
}

static void
without_a_provider_nothing_foreign_is_allowed(void **state)
{
    (void)state;
    static const obj_sign_in_t dev = {.kind = SIGN_IN_KIND_DEV};
    const obj_sign_in_t *const none[] = {NULL, &dev};
    for (size_t i = 0; i < 2; i++) {
        char policy[SERVER_POLICY_SIZE];
        assert_true(server_policy_write(policy, none[i]));
        assert_string_equal(policy, "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
                                    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
    }
}

static void
the_providers_origin_and_no_more_of_it_may_be_talked_to(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"https://id.example/realms/play", " https://id.example;"},
        {"https://id.example:8443", " https://id.example:8443;"},
        {"http://[::1]:9000/", " http://[::1]:9000;"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char policy[SERVER_POLICY_SIZE], connect[128];
        obj_sign_in_t sign_in = provider(rows[i][0]);
        assert_true(server_policy_write(policy, &sign_in));
        snprintf(connect, sizeof(connect), "connect-src 'self' ws: wss:%s ", rows[i][1]);
        assert_non_null(strstr(policy, connect));
        snprintf(connect, sizeof(connect), "form-action 'self'%.*s", (int)strlen(rows[i][1]) - 1, rows[i][1]);
        assert_string_equal(strstr(policy, "form-action"), connect);
    }
}

static void
an_issuer_that_is_no_address_adds_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"id.example",          "https://",
                                      "javascript:alert(1)", "https://a;script-src *",
                                      "https://a b",         "https://user@id.example/"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char policy[SERVER_POLICY_SIZE];
        obj_sign_in_t sign_in = provider(bad[i]);
        assert_false(server_policy_write(policy, &sign_in));
        assert_non_null(strstr(policy, "connect-src 'self' ws: wss:; "));
        assert_null(strstr(policy, "script"));
    }
}

static void
the_longest_issuer_fits(void **state)
{
    (void)state;
    char policy[SERVER_POLICY_SIZE];
    obj_sign_in_t sign_in = {.kind = SIGN_IN_KIND_OIDC, .has_issuer = true};
    memset(sign_in.issuer, 'a', sizeof(sign_in.issuer) - 1);
    memcpy(sign_in.issuer, "https://", strlen("https://"));
    assert_true(server_policy_write(policy, &sign_in));
    assert_string_equal(policy + strlen(policy) - strlen(sign_in.issuer), sign_in.issuer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_provider_nothing_foreign_is_allowed),
        cmocka_unit_test(the_providers_origin_and_no_more_of_it_may_be_talked_to),
        cmocka_unit_test(an_issuer_that_is_no_address_adds_nothing),
        cmocka_unit_test(the_longest_issuer_fits),
    };
    return cmocka_run_group_tests_name("server_policy", tests, NULL, NULL);
}
