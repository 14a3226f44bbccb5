#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev_issuer.h"
#include "token.h"
#include "user_name.h"

static const int64_t now = INT64_C(1700000000000); /* milliseconds since 1970 */
static const token_rules_t rules = {.issuer = DEV_ISSUER_NAME, .audience = "playhouse", .role_claim = "role"};

typedef struct world {
    char folder[32];
    char path[64];
    char error[300];
} world_t;

static int
setup(void **state)
{
    world_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    snprintf(self->folder, sizeof self->folder, "/tmp/dev-issuer-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->path, sizeof self->path, "%s/key.json", self->folder);
    *state = self;
    return 0;
}

static int
teardown(void **state)
{
    world_t *self = *state;
    unlink(self->path);
    assert_int_equal(rmdir(self->folder), 0); /* and nothing else was left there */
    free(self);
    return 0;
}

static dev_issuer_t *
issuer_of(world_t *self)
{
    self->error[0] = '\0';
    return dev_issuer_new(self->path, "playhouse", self->error, sizeof self->error);
}

/* Verifies with the keys of `jwks`, as auth does. */
static bool
verify(const char *jwks, const char *token, int64_t wall_msec, msg_auth_verified_t *claims, token_fault_t *fault)
{
    token_head_t head;
    keys_t *keys = keys_parse(jwks);
    assert_non_null(keys);
    assert_int_equal(keys_count(keys), 1);
    bool good = token_open(token, &head, fault);
    if (good) {
        const cjose_jwk_t *key = keys_find(keys, head.kid);
        *fault = TOKEN_FAULT_UNKNOWN_KEY;
        good = key != NULL && token_verify(token, &head, key, false, &rules, wall_msec, claims, fault);
    }
    keys_destroy(&keys);
    return good;
}

static void
its_tokens_are_verified_in_the_ordinary_way(void **state)
{
    dev_issuer_t *issuer = issuer_of(*state);
    assert_non_null(issuer);
    char token[DEV_ISSUER_TOKEN_SIZE];
    msg_auth_verified_t claims;
    token_fault_t fault = TOKEN_FAULT_COUNT;
    assert_true(dev_issuer_token(issuer, "Zo\xc3\xab", ROLE_MODERATOR, now, 60, token, sizeof token));
    assert_true(verify(dev_issuer_jwks(issuer), token, now, &claims, &fault));
    assert_string_equal(claims.user_id, "dev:Zo\xc3\xab");
    assert_true(claims.has_name);
    assert_string_equal(claims.name, "Zo\xc3\xab");
    assert_int_equal(claims.role, ROLE_MODERATOR);
    assert_int_equal(claims.expires_at, now + 60000);
    assert_false(verify(dev_issuer_jwks(issuer), token, now + 90000, &claims, &fault));
    assert_int_equal(fault, TOKEN_FAULT_EXPIRED);
    dev_issuer_destroy(&issuer);
    assert_null(issuer);
}

static void
the_key_is_made_once_private_and_kept(void **state)
{
    world_t *self = *state;
    dev_issuer_t *first = issuer_of(self);
    dev_issuer_t *second = issuer_of(self);
    struct stat about;
    assert_true(first != NULL && second != NULL);
    assert_int_equal(stat(self->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_string_equal(dev_issuer_jwks(first), dev_issuer_jwks(second));
    assert_null(strstr(dev_issuer_jwks(first), "\"d\""));
    dev_issuer_destroy(&first);
    dev_issuer_destroy(&second);
}

static void
another_machine_s_tokens_are_not_ours(void **state)
{
    world_t *self = *state;
    dev_issuer_t *ours = issuer_of(self);
    unlink(self->path);
    dev_issuer_t *theirs = issuer_of(self);
    char token[DEV_ISSUER_TOKEN_SIZE];
    msg_auth_verified_t claims;
    token_fault_t fault = TOKEN_FAULT_COUNT;
    assert_true(dev_issuer_token(theirs, "Ada", ROLE_PLAYER, now, 60, token, sizeof token));
    assert_false(verify(dev_issuer_jwks(ours), token, now, &claims, &fault));
    assert_int_equal(fault, TOKEN_FAULT_UNKNOWN_KEY);
    dev_issuer_destroy(&ours);
    dev_issuer_destroy(&theirs);
}

static void
key_file_that_others_may_read_is_refused(void **state)
{
    world_t *self = *state;
    dev_issuer_t *issuer = issuer_of(self);
    dev_issuer_destroy(&issuer);
    assert_int_equal(chmod(self->path, 0640), 0);
    assert_null(issuer_of(self));
    assert_non_null(strstr(self->error, "chmod 600"));
}

static void
key_file_that_is_no_private_key_is_refused(void **state)
{
    world_t *self = *state;
    dev_issuer_t *issuer = issuer_of(self);
    char public[512];
    const char *jwks = dev_issuer_jwks(issuer);
    snprintf(public, sizeof public, "%.*s", (int)(strlen(jwks) - strlen("{\"keys\":[]}")),
             jwks + strlen("{\"keys\":["));
    dev_issuer_destroy(&issuer);
    const char *const rows[] = {"", "x", "{}", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", public};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        FILE *file = fopen(self->path, "w");
        assert_non_null(file);
        assert_true(fputs(rows[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_null(issuer_of(self));
        assert_non_null(strstr(self->error, "delete it"));
    }
}

static void
place_that_cannot_be_written_is_said(void **state)
{
    (void)state;
    char error[300] = "";
    assert_null(dev_issuer_new("/nowhere/at/all/key.json", "playhouse", error, sizeof error));
    assert_non_null(strstr(error, "dev.key"));
}

static void *
open_issuer(void *context)
{
    char error[300];
    return dev_issuer_new(context, "playhouse", error, sizeof error);
}

static void
two_at_once_make_one_key(void **state)
{
    world_t *self = *state;
    for (int round = 0; round < 20; round++) {
        pthread_t threads[2];
        dev_issuer_t *issuers[2];
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, open_issuer, self->path), 0);
        }
        for (int i = 0; i < 2; i++) {
            void *made = NULL;
            pthread_join(threads[i], &made);
            issuers[i] = made;
            assert_non_null(issuers[i]);
        }
        assert_string_equal(dev_issuer_jwks(issuers[0]), dev_issuer_jwks(issuers[1]));
        dev_issuer_destroy(&issuers[0]);
        dev_issuer_destroy(&issuers[1]);
        assert_int_equal(unlink(self->path), 0);
    }
}

static void
only_valid_names_roles_and_times_get_a_token(void **state)
{
    dev_issuer_t *issuer = issuer_of(*state);
    char token[DEV_ISSUER_TOKEN_SIZE];
    assert_false(dev_issuer_token(issuer, "", ROLE_PLAYER, now, 60, token, sizeof token));
    assert_false(dev_issuer_token(issuer, "a\nb", ROLE_PLAYER, now, 60, token, sizeof token));
    assert_false(dev_issuer_token(issuer, "Ada", ROLE_COUNT, now, 60, token, sizeof token));
    assert_false(dev_issuer_token(issuer, "Ada", ROLE_PLAYER, now, 0, token, sizeof token));
    assert_false(dev_issuer_token(issuer, "Ada", ROLE_PLAYER, now, DEV_ISSUER_TTL_MAX + 1, token, sizeof token));
    assert_false(dev_issuer_token(issuer, "Ada", ROLE_PLAYER, now, 60, token, 20));
    char longest[USER_NAME_SIZE] = "";
    for (int i = 0; i < USER_NAME_MAX; i++) {
        memcpy(longest + 4 * i, "\xf0\x9f\x98\x80", 5);
    }
    assert_true(dev_issuer_token(issuer, longest, ROLE_MODERATOR, now, DEV_ISSUER_TTL_MAX, token, sizeof token));
    dev_issuer_destroy(&issuer);
}

static void
names_are_printable_utf8_of_one_to_thirty_two(void **state)
{
    (void)state;
    static const char *const good[] = {
        "A", "Ada Lovelace", "Zo\xc3\xab", "\xe6\x9d\x8e", "\xf0\x9f\x98\x80", "0123456789abcdef0123456789abcdef"};
    static const char *const bad[] = {
        "",
        " A",
        "A ",
        "A\xc2\xa0",
        "0123456789abcdef0123456789abcdefg",
        "A\tB",
        "A\x7f",
        "\xc2\x85",
        "A\xe2\x80\xaeZ", /* right-to-left override */
        "A\xe2\x80\x8bZ", /* zero width space */
        "\xef\xbf\xbf",
        "\xff",
        "A\xc3",            /* cut short */
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xee\x80\x80",     /* private use */
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(user_name_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(user_name_valid(bad[i]));
        char tidy[USER_NAME_SIZE];
        bool left = user_name_tidy(bad[i], tidy);
        assert_int_equal(left, user_name_valid(tidy)); /* what is left is a name, or nothing */
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(its_tokens_are_verified_in_the_ordinary_way),
        CASE(the_key_is_made_once_private_and_kept),
        CASE(another_machine_s_tokens_are_not_ours),
        CASE(key_file_that_others_may_read_is_refused),
        CASE(key_file_that_is_no_private_key_is_refused),
        CASE(place_that_cannot_be_written_is_said),
        CASE(two_at_once_make_one_key),
        CASE(only_valid_names_roles_and_times_get_a_token),
        cmocka_unit_test(names_are_printable_utf8_of_one_to_thirty_two),
    };
    return cmocka_run_group_tests_name("dev_issuer", tests, NULL, NULL);
}
