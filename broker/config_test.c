#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

static config_t *config;
static char *faults_text;
static size_t faults_size;
static FILE *faults;

static int
setup(void **state)
{
    (void)state;
    config = config_new();
    faults = open_memstream(&faults_text, &faults_size);
    return config && faults ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    config_destroy(&config);
    fclose(faults);
    free(faults_text);
    return 0;
}

static void
expect_fault(const char *text)
{
    fflush(faults);
    if (!strstr(faults_text, text)) {
        fail_msg("expected \"%s\" in: %s", text, faults_text);
    }
}

static void
expect_no_fault(void)
{
    fflush(faults);
    assert_string_equal(faults_text, "");
}

static bool
load_text(const char *text, char path[32])
{
    snprintf(path, 32, "config-test-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    bool good = config_load_file(config, path, faults);
    unlink(path);
    return good;
}

static void
expect_file_fault(const char *text, int line, const char *what)
{
    char path[32];
    char where[64];
    assert_false(load_text(text, path));
    snprintf(where, sizeof(where), "%s:%d: ", path, line);
    expect_fault(where);
    expect_fault(what);
}

static void
defaults_are_those_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(config_int(config, CONFIG_GATEWAY_PORT), 8080);
    assert_string_equal(config_text(config, CONFIG_BROKER_ENDPOINT), "tcp://127.0.0.1:5570");
    assert_string_equal(config_text(config, CONFIG_AUTH_ISSUER), "");
    assert_false(config_bool(config, CONFIG_AUTH_DEV));
}

static void
a_file_sets_keys_in_sections_and_with_full_names(void **state)
{
    (void)state;
    char path[32];
    assert_true(load_text("# mine\n\ngateway\n    port = 9000   # here\n    host = \"127.0.0.2\"\nstore.path = a b.db\n"
                          "dev = yes\n",
                          path));
    expect_no_fault();
    assert_int_equal(config_int(config, CONFIG_GATEWAY_PORT), 9000);
    assert_string_equal(config_text(config, CONFIG_GATEWAY_HOST), "127.0.0.2");
    assert_string_equal(config_text(config, CONFIG_STORE_PATH), "a b.db");
    assert_true(config_bool(config, CONFIG_AUTH_DEV));
}

static void
an_unknown_key_names_file_line_and_the_nearest(void **state)
{
    (void)state;
    expect_file_fault("gateway\n    host = x\n\n    prot = 1\n", 4,
                      "unknown key 'gateway.prot'; did you mean 'gateway.port'?");
}

static void
a_bad_value_names_file_line_and_range(void **state)
{
    (void)state;
    expect_file_fault("store\n    path = port\ngateway\n    port = 70000\n", 4,
                      "gateway.port is '70000': it must be a whole number from 0 to 65535");
    expect_file_fault("room.delta_ms = 5x\n", 1, "room.delta_ms is '5x'");
    expect_file_fault("dev = maybe\n", 1, "dev is 'maybe': it must be true or false");
}

static void
a_key_twice_is_a_fault_of_the_second_line(void **state)
{
    (void)state;
    expect_file_fault("gateway\n    port = 1\n    port = 2\n", 3, "gateway.port is set for the second time");
}

static void
a_file_that_is_not_zpl_names_the_line(void **state)
{
    (void)state;
    expect_file_fault("gateway\n  port = 1\n", 2, "indented by four spaces");
    expect_file_fault("    port = 1\n", 1, "indented by four spaces");
    expect_file_fault("\nhello there\n", 2, "neither `name = value` nor the name of a section");
    expect_file_fault("store.path = \"x\n", 1, "the quote is not closed");
}

static void
a_file_that_is_not_there_is_a_fault(void **state)
{
    (void)state;
    assert_false(config_load_file(config, "no-such-file.zpl", faults));
    expect_fault("no-such-file.zpl: cannot open the configuration: No such file or directory");
}

static void
a_section_without_keys_is_no_fault(void **state)
{
    (void)state;
    char path[32];
    assert_true(load_text("gateway\n#    port = 1\nadmin\n    port = 0\n", path));
    expect_no_fault();
}

static void
what_config_print_prints_can_be_loaded(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    char path[32];
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print(out);
    fclose(out);
    bool good = load_text(text, path);
    free(text);
    expect_no_fault();
    assert_true(good);
    assert_int_equal(config_int(config, CONFIG_GATEWAY_FRAME_MAX), 16384);
    assert_string_equal(config_text(config, CONFIG_AUTH_ISSUER), "");
}

static void
the_environment_sets_keys_and_unknown_variables_are_faults(void **state)
{
    (void)state;
    char *const good[] = {"PATH=/bin", "PLAYHOUSE_GATEWAY_PORT=81", "PLAYHOUSE_ROOM_DELTA_MS=9", "PLAYHOUSE_BUILD=x",
                          NULL};
    char *const bad[] = {"PLAYHOUSE_GATEWAY_PROT=81", NULL};
    assert_true(config_load_env(config, good, faults));
    expect_no_fault();
    assert_int_equal(config_int(config, CONFIG_GATEWAY_PORT), 81);
    assert_int_equal(config_int(config, CONFIG_ROOM_DELTA_MSEC), 9);
    assert_false(config_load_env(config, bad, faults));
    expect_fault("unknown variable PLAYHOUSE_GATEWAY_PROT; did you mean 'PLAYHOUSE_GATEWAY_PORT'?");
}

static void
flags_are_taken_out_and_other_words_are_left(void **state)
{
    (void)state;
    char words[][32] = {"playhouse", "--dev",    "run", "--gateway.port", "0", "--store.path=x.db",
                        "--json",    "--config", "f"};
    char *argv[10] = {NULL};
    int argc = 9;
    for (int i = 0; i < argc; i++) {
        argv[i] = words[i];
    }
    assert_true(config_load_flags(config, &argc, argv, faults));
    expect_no_fault();
    assert_int_equal(argc, 5);
    assert_string_equal(argv[1], "run");
    assert_string_equal(argv[2], "--json");
    assert_string_equal(argv[3], "--config");
    assert_string_equal(argv[4], "f");
    assert_null(argv[5]);
    assert_true(config_bool(config, CONFIG_AUTH_DEV));
    assert_int_equal(config_int(config, CONFIG_GATEWAY_PORT), 0);
    assert_string_equal(config_text(config, CONFIG_STORE_PATH), "x.db");
}

static void
a_bool_flag_takes_a_word_that_is_a_bool(void **state)
{
    (void)state;
    char words[][16] = {"playhouse", "--dev", "false", "run"};
    char *argv[5] = {words[0], words[1], words[2], words[3], NULL};
    int argc = 4;
    assert_true(config_load_flags(config, &argc, argv, faults));
    assert_int_equal(argc, 2);
    assert_false(config_bool(config, CONFIG_AUTH_DEV));
}

static void
bad_flags_are_faults(void **state)
{
    (void)state;
    char words[][32] = {"playhouse", "--gatway.port", "1", "--admin.port", "--log.level"};
    char *argv[6] = {words[0], words[1], words[2], words[3], words[4], NULL};
    int argc = 5;
    assert_false(config_load_flags(config, &argc, argv, faults));
    expect_fault("--gatway.port: unknown key; did you mean 'gateway.port'?");
    expect_fault("--admin.port: needs a value");
    expect_fault("--log.level: needs a value");
}

static void
what_is_far_from_every_key_gets_no_hint(void **state)
{
    (void)state;
    char *const bad[] = {"PLAYHOUSE_QUITE_ANOTHER_THING=1", NULL};
    assert_false(config_load_env(config, bad, faults));
    expect_fault("unknown variable PLAYHOUSE_QUITE_ANOTHER_THING\n");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(defaults_are_those_of_the_table),
        CASE(a_file_sets_keys_in_sections_and_with_full_names),
        CASE(an_unknown_key_names_file_line_and_the_nearest),
        CASE(a_bad_value_names_file_line_and_range),
        CASE(a_key_twice_is_a_fault_of_the_second_line),
        CASE(a_file_that_is_not_zpl_names_the_line),
        CASE(a_file_that_is_not_there_is_a_fault),
        CASE(a_section_without_keys_is_no_fault),
        CASE(what_config_print_prints_can_be_loaded),
        CASE(the_environment_sets_keys_and_unknown_variables_are_faults),
        CASE(flags_are_taken_out_and_other_words_are_left),
        CASE(a_bool_flag_takes_a_word_that_is_a_bool),
        CASE(bad_flags_are_faults),
        CASE(what_is_far_from_every_key_gets_no_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
