/* Where the keys are, by what the provider says of itself: what is believed of it, and what is not. */
#include "keyset_fixture.h"

#include "keyset_discover.h"

static const char keys_text[] = "{\"keys\":[1]}";

static void
describe(world_t *self, const char *issuer, const char *keys_path)
{
    char keys[128];
    snprintf(keys, sizeof keys, "%s%s", self->url, keys_path);
    server_describe(&self->server, issuer, keys);
}

static int
setup(void **state)
{
    world_t *self = calloc(1, sizeof *self);
    char error[300] = "";
    assert_non_null(self);
    server_start(&self->server);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%u", self->server.port);
    describe(self, self->url, "/keys");
    server_set(&self->server, 200, keys_text, false);
    self->keyset = keyset_discover_new(self->url, error, sizeof error);
    assert_string_equal(error, "");
    *state = self;
    return 0;
}

static int
teardown(void **state)
{
    world_t *self = *state;
    keyset_destroy(&self->keyset);
    server_stop(&self->server);
    free(self);
    return 0;
}

static void
assert_latest_path(world_t *self, const char *path)
{
    pthread_mutex_lock(&self->server.lock);
    assert_string_equal(self->server.path, path);
    pthread_mutex_unlock(&self->server.lock);
}

/* The document is read and not believed: no keys, and nothing else is fetched. */
static void
assert_not_believed(world_t *self)
{
    unsigned before = server_requests(&self->server);
    assert_reads(self, KEYSET_AWAY, NULL);
    assert_int_equal(server_requests(&self->server), before + 1);
    assert_latest_path(self, DISCOVERY);
}

static void
keys_are_fetched_where_the_provider_says(void **state)
{
    world_t *self = *state;
    assert_reads(self, KEYSET_READY, keys_text);
    assert_latest_path(self, "/keys");
    assert_int_equal(server_requests(&self->server), 2);
}

static void
keys_that_move_are_followed_at_the_next_reading(void **state)
{
    world_t *self = *state;
    assert_reads(self, KEYSET_READY, keys_text);
    describe(self, self->url, "/keys/2");
    server_set(&self->server, 200, "{\"keys\":[2]}", false);
    assert_reads(self, KEYSET_READY, "{\"keys\":[2]}");
    assert_latest_path(self, "/keys/2");
}

static void
another_issuer_is_not_believed(void **state)
{
    world_t *self = *state;
    char other[96];
    assert_reads(self, KEYSET_READY, keys_text);
    static const char *const ends[] = {"/", "/tenant", "0", "#"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(other, sizeof other, "%s%s", self->url, ends[i]);
        describe(self, other, "/keys");
        assert_not_believed(self);
    }
    snprintf(other, sizeof other, "http://localhost:%u", self->server.port);
    describe(self, other, "/keys");
    assert_not_believed(self);
    describe(self, self->url, "/keys");
    assert_reads(self, KEYSET_READY, NULL); /* as before */
}

static void
keys_elsewhere_than_https_or_loopback_are_not_fetched(void **state)
{
    world_t *self = *state;
    static const char *const places[] = {
        "http://id.example/keys",
        "http://127.0.0.1.evil.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/keys",
        "/keys",
        "keys",
        "",
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        server_describe(&self->server, self->url, places[i]);
        assert_not_believed(self);
    }
}

static void
a_document_that_is_wrong_is_not_believed(void **state)
{
    world_t *self = *state;
    char texts[7][256] = {"", "[]", "<html>", "{}"};
    snprintf(texts[4], sizeof texts[4], "{\"issuer\":\"%s\"}", self->url);
    snprintf(texts[5], sizeof texts[5], "{\"issuer\":\"%s\",\"jwks_uri\":[\"%s/keys\"]}", self->url, self->url);
    snprintf(texts[6], sizeof texts[6], "{\"issuer\":\"http://x\",\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}",
             self->url, self->url);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pthread_mutex_lock(&self->server.lock);
        free(self->server.document);
        self->server.document = strdup(texts[i]);
        pthread_mutex_unlock(&self->server.lock);
        assert_not_believed(self);
    }
}

static void
a_document_that_is_too_large_is_not_read(void **state)
{
    world_t *self = *state;
    assert_reads(self, KEYSET_READY, keys_text);
    pthread_mutex_lock(&self->server.lock);
    size_t length = strlen(self->server.document);
    char *text = calloc(1, LARGE + 1);
    assert_non_null(text);
    memcpy(text, self->server.document, length);
    memset(text + length, ' ', LARGE - length);
    free(self->server.document);
    self->server.document = text;
    pthread_mutex_unlock(&self->server.lock);
    assert_not_believed(self);
    pthread_mutex_lock(&self->server.lock);
    text[LARGE - 1] = '\0';
    pthread_mutex_unlock(&self->server.lock);
    assert_reads(self, KEYSET_READY, NULL);
}

static void
redirected_discovery_is_not_followed(void **state)
{
    world_t *self = *state;
    pthread_mutex_lock(&self->server.lock);
    free(self->server.document);
    self->server.document = NULL;
    pthread_mutex_unlock(&self->server.lock);
    server_set(&self->server, 302, "", false);
    assert_not_believed(self);
}

/* ---- without a network ---- */

static void
the_document_stands_behind_the_issuer(void **state)
{
    (void)state;
    char url[KEYSET_URL_SIZE];
    assert_true(keyset_discover_url("https://id.example", url));
    assert_string_equal(url, "https://id.example" DISCOVERY);
    assert_true(keyset_discover_url("https://id.example/", url));
    assert_string_equal(url, "https://id.example" DISCOVERY);
    assert_true(keyset_discover_url("https://id.example/realms/play", url));
    assert_string_equal(url, "https://id.example/realms/play" DISCOVERY);
    char issuer[KEYSET_URL_SIZE + 1];
    size_t longest = sizeof url - sizeof DISCOVERY;
    memset(issuer, 'a', sizeof issuer);
    issuer[longest] = '\0';
    assert_true(keyset_discover_url(issuer, url));
    assert_int_equal(strlen(url), sizeof url - 1);
    issuer[longest] = 'a';
    issuer[longest + 1] = '\0';
    assert_false(keyset_discover_url(issuer, url));
    issuer[longest + 1] = 'a';
    issuer[KEYSET_URL_SIZE] = '\0';
    assert_false(keyset_discover_url(issuer, url));
}

static void
an_address_that_is_too_long_is_not_followed(void **state)
{
    (void)state;
    char uri[KEYSET_URL_SIZE];
    char document[2 * KEYSET_URL_SIZE];
    const char *why = NULL;
    snprintf(document, sizeof document, "{\"issuer\":\"i\",\"jwks_uri\":\"%0*d\"}", KEYSET_URL_SIZE - 1, 0);
    assert_true(keyset_discover_read(document, "i", uri, &why));
    assert_int_equal(strlen(uri), KEYSET_URL_SIZE - 1);
    snprintf(document, sizeof document, "{\"issuer\":\"i\",\"jwks_uri\":\"%0*d\"}", KEYSET_URL_SIZE, 0);
    assert_false(keyset_discover_read(document, "i", uri, &why));
    assert_non_null(strstr(why, "too long"));
}

static void
only_a_url_that_a_path_can_follow_is_an_issuer(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "id.example",
        "http://id.example",
        "ftp://id.example",
        "file:///etc",
        "https://id.example?x=1",
        "https://id.example/#x",
        "https://id.example?",
        "https://someone@id.example",
        "https://someone:secret@id.example/",
        "http://127.0.0.1:1/?tenant=2",
    };
    static const char *const good[] = {"https://id.example", "https://id.example/realms/play/", "http://localhost:1",
                                       "http://[::1]:1/"};
    char error[512];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error[0] = '\0';
        assert_null(keyset_open("", bad[i], error, sizeof error));
        assert_non_null(strstr(error, "https"));
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        keyset_t *keyset = keyset_open("", good[i], error, sizeof error);
        assert_non_null(keyset);
        keyset_destroy(&keyset);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(keys_are_fetched_where_the_provider_says),
        CASE(keys_that_move_are_followed_at_the_next_reading),
        CASE(another_issuer_is_not_believed),
        CASE(keys_elsewhere_than_https_or_loopback_are_not_fetched),
        CASE(a_document_that_is_wrong_is_not_believed),
        CASE(a_document_that_is_too_large_is_not_read),
        CASE(redirected_discovery_is_not_followed),
        CASE(end_does_not_wait_for_a_silent_provider),
        cmocka_unit_test(the_document_stands_behind_the_issuer),
        cmocka_unit_test(an_address_that_is_too_long_is_not_followed),
        cmocka_unit_test(only_a_url_that_a_path_can_follow_is_an_issuer),
    };
    return cmocka_run_group_tests_name("keyset discover", tests, NULL, NULL);
}
