/* What every form of the key set must do, those of https against a server in this test; then what is special to some.
 */
#include "keyset_fixture.h"

/* ---- the forms, and what the test does to what they read ---- */

typedef struct form {
    const char *name;
    void (*open)(world_t *self);
    void (*publish)(world_t *self, const char *text);
    void (*vanish)(world_t *self);
    void (*close)(world_t *self);
} form_t;

static const form_t *form;

static void
file_open(world_t *self)
{
    snprintf(self->folder, sizeof self->folder, "/tmp/keyset-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->path, sizeof self->path, "%s/keys.json", self->folder);
    self->keyset = keyset_open(self->path, "", NULL, 0);
}

static void
file_publish(world_t *self, const char *text)
{
    FILE *file = fopen(self->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
file_vanish(world_t *self)
{
    assert_int_equal(unlink(self->path), 0);
}

static void
file_close(world_t *self)
{
    unlink(self->path);
    assert_int_equal(rmdir(self->folder), 0);
}

static void
https_open(world_t *self)
{
    char url[64];
    char error[200] = "";
    server_start(&self->server);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/keys", self->server.port);
    self->keyset = keyset_open(url, "", error, sizeof error);
    assert_string_equal(error, "");
}

static void
discover_open(world_t *self)
{
    char keys[80];
    char error[200] = "";
    server_start(&self->server);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%u", self->server.port);
    snprintf(keys, sizeof keys, "%s/keys", self->url);
    server_describe(&self->server, self->url, keys);
    self->keyset = keyset_open("", self->url, error, sizeof error);
    assert_string_equal(error, "");
}

static void
https_publish(world_t *self, const char *text)
{
    server_set(&self->server, 200, text, false);
}

static void
https_vanish(world_t *self)
{
    server_set(&self->server, 503, "{\"keys\":[]}", false);
}

static void
https_close(world_t *self)
{
    server_stop(&self->server);
}

/* ---- conformance ---- */

static void
what_is_published_is_read_and_given_once(void **state)
{
    world_t *self = *state;
    form->publish(self, "{\"keys\":[1]}");
    assert_reads(self, KEYSET_READY, "{\"keys\":[1]}");
    assert_reads(self, KEYSET_READY, NULL);
    form->publish(self, "{\"keys\":[1,2]}");
    assert_reads(self, KEYSET_READY, "{\"keys\":[1,2]}");
    assert_int_equal(self->generation, 2);
}

static void
each_reader_has_its_own_generation(void **state)
{
    world_t *self = *state;
    form->publish(self, "{\"keys\":[1]}");
    assert_reads(self, KEYSET_READY, "{\"keys\":[1]}");
    uint64_t fresh = 0;
    char *text = NULL;
    assert_int_equal(self->keyset->poll(self->keyset, &fresh, &text), KEYSET_READY);
    assert_string_equal(text, "{\"keys\":[1]}");
    assert_int_equal(fresh, self->generation);
    free(text);
}

static void
nothing_there_is_away_and_comes_later(void **state)
{
    world_t *self = *state;
    assert_reads(self, KEYSET_AWAY, NULL);
    assert_int_equal(self->generation, 0);
    form->publish(self, "{\"keys\":[1]}");
    assert_reads(self, KEYSET_READY, "{\"keys\":[1]}");
}

static void
what_was_read_is_kept_while_the_provider_is_away(void **state)
{
    world_t *self = *state;
    form->publish(self, "{\"keys\":[1]}");
    assert_reads(self, KEYSET_READY, "{\"keys\":[1]}");
    form->vanish(self);
    assert_reads(self, KEYSET_AWAY, NULL);
    uint64_t fresh = 0;
    char *text = NULL;
    assert_int_equal(self->keyset->poll(self->keyset, &fresh, &text), KEYSET_AWAY);
    assert_string_equal(text, "{\"keys\":[1]}");
    free(text);
    form->publish(self, "{\"keys\":[1]}");
    assert_reads(self, KEYSET_READY, NULL);
}

static void
too_large_is_away_and_the_largest_is_not(void **state)
{
    world_t *self = *state;
    char *text = calloc(1, LARGE + 1);
    assert_non_null(text);
    memset(text, ' ', LARGE);
    form->publish(self, text);
    assert_reads(self, KEYSET_AWAY, NULL);
    text[LARGE - 1] = '\0';
    form->publish(self, text);
    assert_reads(self, KEYSET_READY, text);
    free(text);
}

static int
setup(void **state)
{
    world_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    form->open(self);
    assert_non_null(self->keyset);
    *state = self;
    return 0;
}

static int
teardown(void **state)
{
    world_t *self = *state;
    keyset_destroy(&self->keyset);
    assert_null(self->keyset);
    form->close(self);
    free(self);
    return 0;
}

/* ---- special to the file ---- */

static void
changed_file_is_read_without_being_asked(void **state)
{
    world_t *self = *state;
    char *text = NULL;
    file_publish(self, "{\"keys\":[1]}");
    assert_int_equal(self->keyset->poll(self->keyset, &self->generation, &text), KEYSET_READY);
    assert_string_equal(text, "{\"keys\":[1]}");
    free(text);
    file_publish(self, "{\"keys\":[1,2]}");
    assert_int_equal(self->keyset->poll(self->keyset, &self->generation, &text), KEYSET_READY);
    assert_string_equal(text, "{\"keys\":[1,2]}");
    free(text);
    file_vanish(self);
    assert_int_equal(self->keyset->poll(self->keyset, &self->generation, &text), KEYSET_AWAY);
    assert_null(text);
}

static void
folder_is_no_key_set(void **state)
{
    world_t *self = *state;
    keyset_t *folder = keyset_open(self->folder, "", NULL, 0);
    uint64_t generation = 0;
    char *text = NULL;
    folder->refresh(folder);
    assert_int_equal(folder->poll(folder, &generation, &text), KEYSET_AWAY);
    assert_null(text);
    keyset_destroy(&folder);
}

/* ---- special to https ---- */

static void
redirects_are_not_followed(void **state)
{
    world_t *self = *state;
    server_set(&self->server, 302, "{\"keys\":[1]}", false);
    assert_reads(self, KEYSET_AWAY, NULL);
    assert_int_equal(server_requests(&self->server), 1);
}

static void
one_reading_at_a_time_whoever_asks(void **state)
{
    world_t *self = *state;
    server_set(&self->server, 200, "{\"keys\":[1]}", false);
    for (int i = 0; i < 100; i++) {
        self->keyset->refresh(self->keyset);
    }
    assert_reads(self, KEYSET_READY, "{\"keys\":[1]}");
    assert_in_range(server_requests(&self->server), 1, 3);
}

static void
silent_provider_is_given_up_and_nobody_waits_for_it(void **state)
{
    world_t *self = *state;
    server_set(&self->server, 200, "{\"keys\":[1]}", false);
    assert_reads(self, KEYSET_READY, "{\"keys\":[1]}");
    server_set(&self->server, 200, "{\"keys\":[2]}", true);
    char *text = NULL;
    uint64_t fresh = 0;
    self->keyset->refresh(self->keyset);
    assert_int_equal(self->keyset->poll(self->keyset, &fresh, &text), KEYSET_LOADING); /* had it waited: away */
    assert_string_equal(text, "{\"keys\":[1]}");
    free(text);
    assert_reads(self, KEYSET_AWAY, NULL);
}

static void
only_https_or_a_loopback_host_is_a_source(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "http://id.example/keys",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://127.0.0.2/",
        "http://user@evil.example/",
        "http://127.0.0.1@evil.example/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://localhost/",
        "https://",
        "http://[::2]/",
        "://",
    };
    static const char *const good[] = {"https://id.example/keys", "http://127.0.0.1:1/", "http://localhost:1/",
                                       "http://[::1]:1/", "HTTPS://id.example/"};
    char error[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error[0] = '\0';
        assert_null(keyset_open(bad[i], "", error, sizeof error));
        assert_non_null(strstr(error, "https"));
    }
    assert_null(keyset_open("", "", error, sizeof error));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        keyset_t *keyset = keyset_open(good[i], "", error, sizeof error);
        assert_non_null(keyset);
        keyset_destroy(&keyset);
    }
}

/* ---- special to a fixed text ---- */

static void
text_is_always_there(void **state)
{
    (void)state;
    keyset_t *keyset = keyset_text_new("{\"keys\":[]}");
    uint64_t generation = 0;
    char *text = NULL;
    keyset->refresh(keyset);
    assert_int_equal(keyset->poll(keyset, &generation, &text), KEYSET_READY);
    assert_string_equal(text, "{\"keys\":[]}");
    free(text);
    assert_int_equal(keyset->poll(keyset, &generation, &text), KEYSET_READY);
    assert_null(text);
    keyset_destroy(&keyset);
    keyset_destroy(&keyset);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    static const form_t forms[] = {
        {"keyset file", file_open, file_publish, file_vanish, file_close},
        {"keyset https", https_open, https_publish, https_vanish, https_close},
        {"keyset discover", discover_open, https_publish, https_vanish, https_close},
    };
    const struct CMUnitTest all[] = {
        CASE(what_is_published_is_read_and_given_once), CASE(each_reader_has_its_own_generation),
        CASE(nothing_there_is_away_and_comes_later),    CASE(what_was_read_is_kept_while_the_provider_is_away),
        CASE(too_large_is_away_and_the_largest_is_not),
    };
    const struct CMUnitTest of_file[] = {
        CASE(changed_file_is_read_without_being_asked),
        CASE(folder_is_no_key_set),
    };
    const struct CMUnitTest of_https[] = {
        CASE(redirects_are_not_followed),
        CASE(one_reading_at_a_time_whoever_asks),
        CASE(silent_provider_is_given_up_and_nobody_waits_for_it),
        CASE(end_does_not_wait_for_a_silent_provider),
        cmocka_unit_test(only_https_or_a_loopback_host_is_a_source),
        cmocka_unit_test(text_is_always_there),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        form = &forms[i];
        failed += cmocka_run_group_tests_name(form->name, all, NULL, NULL);
    }
    form = &forms[0];
    failed += cmocka_run_group_tests_name("keyset file only", of_file, NULL, NULL);
    form = &forms[1];
    failed += cmocka_run_group_tests_name("keyset https only", of_https, NULL, NULL);
    return failed;
}
