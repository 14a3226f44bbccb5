#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "secret.h"
#include "sim.h"

enum { DRAWS = 2000 };

static char texts[DRAWS][SECRET_TEXT_SIZE];

/* Draws them all at its start, as only who has a context can. */
static bool
drawer_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)state;
    (void)config;
    for (unsigned i = 0; i < DRAWS; i++) {
        uint8_t drawn[SECRET_HASH_SIZE], hash[SECRET_HASH_SIZE];
        secret_draw(ctx, texts[i], drawn);
        secret_hash(texts[i], hash);
        assert_memory_equal(drawn, hash, SECRET_HASH_SIZE);
    }
    return true;
}

static void
drawer_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    (void)msg;
}

static const act_kind_t drawer_kind = {.id = ACT_KIND_ROOM,
                                       .name = "drawer",
                                       .keying = ACT_SHARDED,
                                       .state_size = 1,
                                       .init = drawer_init,
                                       .receive = drawer_receive};

static void
secrets_are_base64url_all_over_and_none_is_drawn_twice(void **state)
{
    (void)state;
    sim_t *sim = sim_new(1);
    sim_add(sim, &drawer_kind, NULL);
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bool seen[SECRET_TEXT_SIZE - 1][64] = {{false}};
    for (unsigned i = 0; i < DRAWS; i++) {
        assert_int_equal(strlen(texts[i]), SECRET_TEXT_SIZE - 1);
        assert_int_equal(strspn(texts[i], digits), SECRET_TEXT_SIZE - 1);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(texts[i], texts[j]);
        }
        for (unsigned at = 0; at < SECRET_TEXT_SIZE - 1; at++) {
            seen[at][strchr(digits, texts[i][at]) - digits] = true;
        }
    }
    for (unsigned at = 0; at < SECRET_TEXT_SIZE - 1; at++) {
        unsigned different = 0;
        for (unsigned digit = 0; digit < 64; digit++) {
            different += seen[at][digit];
        }
        assert_int_equal(different, at < SECRET_TEXT_SIZE - 2 ? 64 : 16); /* 256 bits: the last digit has four */
    }
    sim_destroy(&sim);
}

static void
a_hash_is_the_sha_256_of_the_text(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                       0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                       0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t hash[SECRET_HASH_SIZE];
    secret_hash("abc", hash);
    assert_memory_equal(hash, expected, SECRET_HASH_SIZE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_base64url_all_over_and_none_is_drawn_twice),
        cmocka_unit_test(a_hash_is_the_sha_256_of_the_text),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
