/* A folder of certificates is what it is at the last look: added, removed, replaced, unusable, gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "curve_test_helpers.h"
#include "keyring.h"
#include "log.h"

static char why[256];

static void
make(const char *folder, const char *name, cert_t *cert)
{
    assert_true(cert_make(folder, name, cert, why, sizeof why));
}

static void
drop(const char *folder, const char *file)
{
    assert_int_equal(unlink(folder_file(folder, file)), 0);
}

static void
who_is_added_is_allowed_and_who_is_removed_is_not(void **state)
{
    const char *folder = *state;
    cert_t ann, bob;
    keyring_news_t news;
    char name[CERT_NAME_MAX + 1], key[CERT_KEY_SIZE];
    make(folder, "ann", &ann);
    keyring_t *ring = keyring_open(folder, why, sizeof why);
    assert_non_null(ring);
    assert_true(keyring_allows(ring, ann.public_key, name));
    assert_string_equal(name, "ann");
    make(folder, "bob", &bob);
    assert_false(keyring_allows(ring, bob.public_key, NULL));
    keyring_look(ring, &news);
    assert_true(news.changed && news.count == 2 && news.removed == 0);
    assert_true(keyring_allows(ring, bob.public_key, NULL));
    keyring_look(ring, &news);
    assert_false(news.changed);
    drop(folder, "ann.key");
    keyring_look(ring, &news);
    assert_true(news.changed && news.count == 1 && news.removed == 1);
    assert_false(keyring_allows(ring, ann.public_key, NULL));
    assert_false(keyring_find(ring, "ann", key));
    assert_true(keyring_find(ring, "bob", key));
    assert_string_equal(key, bob.public_key);
    keyring_destroy(&ring);
}

static void
a_certificate_that_is_replaced_under_its_name_counts_as_removed(void **state)
{
    const char *folder = *state;
    cert_t before, after;
    keyring_news_t news;
    char key[CERT_KEY_SIZE];
    make(folder, "ann", &before);
    keyring_t *ring = keyring_open(folder, why, sizeof why);
    make(folder, "next", &after);
    assert_int_equal(rename(folder_file(folder, "next.key"), folder_file(folder, "ann.key")), 0);
    keyring_look(ring, &news);
    assert_true(news.changed && news.count == 1 && news.removed == 1);
    assert_true(keyring_find(ring, "ann", key));
    assert_string_equal(key, after.public_key);
    assert_false(keyring_allows(ring, before.public_key, NULL));
    keyring_destroy(&ring);
}

static void
a_key_under_two_names_stays_until_both_are_gone(void **state)
{
    const char *folder = *state;
    cert_t ann;
    keyring_news_t news;
    make(folder, "ann", &ann);
    assert_int_equal(link(folder_file(folder, "ann.key"), folder_file(folder, "ann-too.key")), 0);
    keyring_t *ring = keyring_open(folder, why, sizeof why);
    drop(folder, "ann.key");
    keyring_look(ring, &news);
    assert_true(news.changed && news.removed == 0);
    assert_true(keyring_allows(ring, ann.public_key, NULL));
    keyring_destroy(&ring);
}

static void
what_is_no_certificate_is_passed_over(void **state)
{
    const char *folder = *state;
    cert_t ann;
    keyring_news_t news;
    make(folder, "ann", &ann);
    folder_write(folder, "README", "notes", 0600);
    folder_write(folder, "-x.key", "no name of a certificate", 0600);
    folder_write(folder, "broken.key", "curve\n", 0600);
    keyring_t *ring = keyring_open(folder, why, sizeof why);
    keyring_look(ring, &news);
    assert_int_equal(news.count, 1);
    folder_write(folder, "torn.key", "curve\n    public-key = \"Yne@$w-vo<fVvi", 0600);
    keyring_look(ring, &news);
    assert_true(news.changed && news.count == 1 && news.unusable == 2);
    keyring_look(ring, &news);
    assert_false(news.changed); /* and nothing is said again */
    keyring_destroy(&ring);
}

static void
a_folder_that_is_gone_leaves_what_was_known(void **state)
{
    const char *folder = *state;
    cert_t ann;
    keyring_news_t news;
    char away[64];
    make(folder, "ann", &ann);
    keyring_t *ring = keyring_open(folder, why, sizeof why);
    snprintf(away, sizeof away, "%s-away", folder);
    assert_int_equal(rename(folder, away), 0);
    keyring_look(ring, &news);
    assert_false(news.changed);
    assert_true(keyring_allows(ring, ann.public_key, NULL));
    assert_int_equal(rename(away, folder), 0);
    drop(folder, "ann.key");
    keyring_look(ring, &news);
    assert_true(news.changed && news.removed == 1);
    keyring_destroy(&ring);
}

static void
a_folder_that_was_never_there_is_an_error_and_no_folder_allows_nobody(void **state)
{
    const char *folder = *state;
    cert_t ann;
    keyring_news_t news;
    assert_null(keyring_open(folder_file(folder, "none"), why, sizeof why));
    assert_non_null(strstr(why, "none"));
    make(folder, "ann", &ann);
    keyring_t *ring = keyring_open("", why, sizeof why);
    keyring_look(ring, &news);
    assert_true(!news.changed && news.count == 0);
    assert_false(keyring_allows(ring, ann.public_key, NULL));
    keyring_destroy(&ring);
}

static void
a_folder_with_too_many_is_cut(void **state)
{
    const char *folder = *state;
    cert_t ann;
    make(folder, "ann", &ann);
    for (int i = 0; i < KEYRING_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "ann-%d.key", i);
        assert_int_equal(link(folder_file(folder, "ann.key"), folder_file(folder, name)), 0);
    }
    keyring_t *ring = keyring_open(folder, why, sizeof why);
    keyring_news_t news;
    keyring_look(ring, &news);
    assert_int_equal(news.count, KEYRING_MAX);
    keyring_destroy(&ring);
}

int
main(void)
{
    log_setup(LOG_OFF, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_added_is_allowed_and_who_is_removed_is_not, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_certificate_that_is_replaced_under_its_name_counts_as_removed, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_key_under_two_names_stays_until_both_are_gone, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_certificate_is_passed_over, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_gone_leaves_what_was_known, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_was_never_there_is_an_error_and_no_folder_allows_nobody,
                                        folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(a_folder_with_too_many_is_cut, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
