/* Certificates in files: czmq reads ours and we read czmq's; what is no certificate is refused; nothing is overwritten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <czmq.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert.h"
#include "curve_test_helpers.h"

static char why[256];

static void
made_keys_are_read_here_and_by_czmq(void **state)
{
    const char *folder = *state;
    cert_t made, cert;
    assert_true(cert_make(folder, "room-1", &made, why, sizeof why));
    assert_string_equal(made.secret_key, "");
    assert_true(cert_read_secret(folder_file(folder, "room-1.key_secret"), &cert, why, sizeof why));
    assert_string_equal(cert.public_key, made.public_key);
    zcert_t *theirs = zcert_load(folder_file(folder, "room-1.key"));
    assert_non_null(theirs);
    assert_string_equal(zcert_public_txt(theirs), cert.public_key);
    assert_string_equal(zcert_secret_txt(theirs), cert.secret_key);
    zcert_destroy(&theirs);
    assert_true(cert_read_public(folder_file(folder, "room-1.key"), &cert, why, sizeof why));
    assert_string_equal(cert.public_key, made.public_key);
    assert_string_equal(cert.secret_key, "");
}

static void
keys_that_czmq_made_are_read(void **state)
{
    const char *folder = *state;
    zcert_t *theirs = zcert_new();
    zcert_set_meta(theirs, "name", "curve");
    zcert_set_meta(theirs, "public-key", "none");
    assert_int_equal(zcert_save(theirs, folder_file(folder, "theirs.key")), 0);
    cert_t cert;
    assert_true(cert_read_secret(folder_file(folder, "theirs.key_secret"), &cert, why, sizeof why));
    assert_string_equal(cert.public_key, zcert_public_txt(theirs));
    assert_string_equal(cert.secret_key, zcert_secret_txt(theirs));
    zcert_destroy(&theirs);
}

static void
nothing_is_overwritten_and_nothing_is_left_behind(void **state)
{
    const char *folder = *state;
    cert_t first, again;
    assert_true(cert_make(folder, "a", &first, why, sizeof why));
    assert_false(cert_make(folder, "a", &again, why, sizeof why));
    assert_non_null(strstr(why, "already"));
    assert_true(cert_read_secret(folder_file(folder, "a.key_secret"), &again, why, sizeof why));
    assert_string_equal(first.public_key, again.public_key);
    assert_int_equal(unlink(folder_file(folder, "a.key_secret")), 0);
    assert_false(cert_make(folder, "a", &again, why, sizeof why)); /* the public one is still there */
    assert_int_not_equal(access(folder_file(folder, "a.key_secret"), F_OK), 0);
}

static void
a_secret_is_for_its_owner_alone(void **state)
{
    const char *folder = *state;
    const char *path = folder_file(folder, "a.key_secret");
    struct stat about;
    cert_t cert;
    mode_t before = umask(0777); /* however strict or lax the shell is */
    bool made = cert_make(folder, "a", NULL, why, sizeof why);
    umask(before);
    assert_true(made);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    for (size_t i = 0; i < 3; i++) {
        static const mode_t open_to_others[] = {0604, 0620, 0644};
        assert_int_equal(chmod(path, open_to_others[i]), 0);
        assert_false(cert_read_secret(path, &cert, why, sizeof why));
        assert_non_null(strstr(why, "chmod 600"));
    }
    assert_int_equal(chmod(path, 0440), 0); /* root's, for the group of the service */
    assert_true(cert_read_secret(path, &cert, why, sizeof why));
}

#define GOOD "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID" /* public, of the test vectors in zmq_curve(7) */
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
#define OTHER "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static void
what_is_no_certificate_is_refused(void **state)
{
    const char *folder = *state;
    static const struct {
        const char *text;
        bool is_public, is_secret;
    } cases[] = {
        {"curve\n    public-key = \"" GOOD "\"\n", true, false},
        {"curve # ours\r\n\tpublic-key=\"" GOOD "\" # a comment\r\n", true, false},
        {"metadata\n    a = 1\ncurve\n    public-key = \"" GOOD "\"\n    secret-key = \"" SECRET "\"", true, true},
        {"curve\n    public-key = \"" OTHER "\"\n    secret-key = \"" SECRET "\"\n", true, false},
        {"", false, false},
        {"curve\n", false, false},
        {"curve", false, false},
        {"    public-key = \"" GOOD "\"\n", false, false},
        {"public-key = \"" GOOD "\"\n", false, false},
        {"curved\n    public-key = \"" GOOD "\"\n", false, false},
        {"metadata\n    public-key = \"" GOOD "\"\n", false, false},
        {"curve\n    public-key = " GOOD "\n", false, false},
        {"curve\n    public-key = \"" GOOD "\n", false, false},
        {"curve\n    public-key = \"" GOOD "0\"\n", false, false},
        {"curve\n    public-key = \"short\"\n", false, false},
        {"curve\n    public-key = \"~ne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n", false, false},
        {"curve\n    public-key = \"#####$$$$$%%%%%@@@@@}}}}}{{{{{]]]]][[[[[\"\n", false, false},
        {"curve\n    public-key = \"" GOOD "\"\n    public-key = \"" OTHER "\"\n", false, false},
        {"curve\n    public-key = \"" GOOD "\"\n    secret-key = \"no\"\n", false, false},
        {"curve\n    secret-key = \"" SECRET "\"\n", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cert_t cert;
        folder_write(folder, "x.key", cases[i].text, 0600);
        if (cert_read_public(folder_file(folder, "x.key"), &cert, why, sizeof why) != cases[i].is_public ||
            cert_read_secret(folder_file(folder, "x.key"), &cert, why, sizeof why) != cases[i].is_secret) {
            fail_msg("case %zu: %s", i, cases[i].text);
        }
    }
}

static void
what_is_no_small_text_file_is_refused(void **state)
{
    const char *folder = *state;
    cert_t cert;
    assert_false(cert_read_public(folder_file(folder, "none.key"), &cert, why, sizeof why));
    assert_false(cert_read_public(folder, &cert, why, sizeof why));
    assert_false(cert_read_public("/dev/zero", &cert, why, sizeof why));
    assert_int_equal(mkfifo(folder_file(folder, "pipe.key"), 0600), 0);
    assert_false(cert_read_public(folder_file(folder, "pipe.key"), &cert, why, sizeof why)); /* and does not wait */
    char large[CERT_FILE_MAX + 2];
    memset(large, ' ', sizeof large);
    memcpy(large, "curve\n    public-key = \"" GOOD "\"\n", 66);
    large[CERT_FILE_MAX] = '\0';
    folder_write(folder, "large.key", large, 0600);
    assert_true(cert_read_public(folder_file(folder, "large.key"), &cert, why, sizeof why));
    large[CERT_FILE_MAX] = ' ';
    large[CERT_FILE_MAX + 1] = '\0';
    folder_write(folder, "large.key", large, 0600);
    assert_false(cert_read_public(folder_file(folder, "large.key"), &cert, why, sizeof why));
}

static void
names_are_plain_words(void **state)
{
    const char *folder = *state;
    static const char *const good[] = {"a", "room-1", "0", "a.b_c-d"};
    static const char *const bad[] = {"", ".", "..", ".a", "-a", "a/b", "../a", "a b", "a\n", "é"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(cert_name_is_good(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(cert_make(folder, bad[i], NULL, why, sizeof why));
    }
    char longest[CERT_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[CERT_NAME_MAX + 1] = '\0';
    assert_false(cert_name_is_good(longest));
    longest[CERT_NAME_MAX] = '\0';
    assert_true(cert_make(folder, longest, NULL, why, sizeof why));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_keys_are_read_here_and_by_czmq, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(keys_that_czmq_made_are_read, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_overwritten_and_nothing_is_left_behind, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(a_secret_is_for_its_owner_alone, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_certificate_is_refused, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_small_text_file_is_refused, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(names_are_plain_words, folder_setup, folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
