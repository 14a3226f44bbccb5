/* Headers, algorithms and signatures: before any claim is looked at. */
#include "auth_fixture.h"

/* ---- signatures, algorithms, keys ---- */

static void
unsigned_token_is_refused(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"kid\":\"ec\"}",
        "{\"alg\":\"None\",\"kid\":\"ec\"}",
        "{\"alg\":\"nOnE\"}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        assemble(headers[i], payload, "AAAA", token);
        ask(self, token);
        assert_refused(self, TOKEN_FAULT_ALGORITHM);
        assemble(headers[i], payload, "", token); /* as RFC 7519 writes it */
        ask(self, token);
        assert_refused(self, TOKEN_FAULT_ALGORITHM);
    }
    free(payload);
}

static void
hmac_with_the_public_key_is_refused(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    const cjose_jwk_t *keys[] = {ec_key, rsa_key};
    static const char *const kids[] = {"ec", "rsa"};
    static const char *const algorithms[] = {"HS256", "HS384", "HS512"};
    for (size_t i = 0; i < 2; i++) {
        char *public = public_json(keys[i]);
        cjose_jwk_t *secret = cjose_jwk_create_oct_spec((const uint8_t *)public, strlen(public), NULL);
        assert_non_null(secret);
        for (size_t j = 0; j < 3; j++) {
            sign(secret, algorithms[j], kids[i], payload, token);
            ask(self, token);
            assert_refused(self, TOKEN_FAULT_ALGORITHM);
        }
        cjose_jwk_release(secret);
        free(public);
    }
    free(payload);
}

static void
other_algorithms_are_refused_though_the_signature_is_good(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    static const char *const algorithms[] = {"RS384", "RS512", "PS256", "PS384", "PS512"};
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        sign(rsa_key, algorithms[i], "rsa", payload, token);
        ask(self, token);
        assert_refused(self, TOKEN_FAULT_ALGORITHM);
    }
    free(payload);
}

static void
algorithm_must_fit_the_key(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(ec_key, "ES256", "rsa", payload, token);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_ALGORITHM);
    sign(rsa_key, "RS256", "ec", payload, token);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_ALGORITHM);
    free(payload);
}

static void
another_key_under_a_known_kid_is_a_bad_signature(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(other_key, "ES256", "ec", payload, token);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_SIGNATURE);
    free(payload);
}

static void
tampered_tokens_are_bad_signatures(void **state)
{
    world_t *self = *state;
    char good[TOKEN_SIZE];
    char bad[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    char *promoted = payload_of(self, NULL, "{\"role\":\"admin\"}");
    static const char *const kids[] = {"ec", "rsa"};
    for (int i = 0; i < 2; i++) {
        char header[80];
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", i == 0 ? "ES256" : "RS256", kids[i]);
        assemble(header, payload, "", bad);
        ask(self, bad);
        assert_refused(self, TOKEN_FAULT_SIGNATURE);
        sign(i == 0 ? ec_key : rsa_key, i == 0 ? "ES256" : "RS256", kids[i], payload, good);
        assemble(header, promoted, strrchr(good, '.') + 1, bad);
        ask(self, bad);
        assert_refused(self, TOKEN_FAULT_SIGNATURE);
        for (size_t at = 0; at < 40; at += 3) { /* in the signature, not in its last character: that has spare bits */
            snprintf(bad, sizeof bad, "%s", good);
            char *letter = strrchr(bad, '.') + 1 + at;
            *letter = *letter == 'A' ? 'B' : 'A';
            ask(self, bad);
            assert_refused(self, TOKEN_FAULT_SIGNATURE);
        }
    }
    free(promoted);
    free(payload);
}

static void
signature_of_a_wrong_length_is_a_bad_signature(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(ec_key, "ES256", "ec", payload, token);
    size_t length = strlen(token);
    token[length - 4] = '\0';
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_SIGNATURE);
    snprintf(token + length - 4, sizeof token - length + 4, "AAAAAAAA");
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_SIGNATURE);
    assemble("{\"alg\":\"ES256\",\"kid\":\"ec\"}", payload, /* r = s = 0 */
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", token);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_SIGNATURE);
    free(payload);
}

static void
token_without_a_kid_names_no_key_and_reads_none(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    unsigned before = self->keyset.refreshes;
    sign(ec_key, "ES256", NULL, payload, token);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_UNKNOWN_KEY);
    assert_int_equal(self->keyset.refreshes, before);
    free(payload);
}

static void
headers_that_are_wrong_are_malformed(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    static const char *const headers[] = {
        "[]",
        "{}",
        "\"ES256\"",
        "{\"alg\":256,\"kid\":\"ec\"}",
        "{\"alg\":null}",
        "{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"ec\"}",
        "{\"alg\":\"ES256\",\"kid\":\"ec\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"ES256\",\"kid\":\"ec\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":7}",
        "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"\"}",
        "{\"alg\":\"ES256\",\"kid\":\"ec\"",
        "nonsense",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        assemble(headers[i], payload, "AAAA", token);
        ask(self, token);
        assert_refused(self, TOKEN_FAULT_MALFORMED);
    }
    free(payload);
}

/* Well signed by the provider, with good claims; only its type differs. */
static void
token_for_another_purpose_is_malformed(void **state)
{
    world_t *self = *state;
    static const struct {
        const char *type;
        bool good;
    } rows[] = {
        {"JWT", true},
        {"jwt", true},
        {"at+jwt", true},
        {"AT+JWT", true},
        {"application/at+jwt", true},
        {"logout+jwt", false},
        {"dpop+jwt", false},
        {"secevent+jwt", false},
        {"oauth-authz-req+jwt", false},
        {"jwt ", false},
        {"at+jwt; x", false},
    };
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sign_typed(ec_key, "ES256", "ec", rows[i].type, payload, token);
        ask(self, token);
        if (rows[i].good) {
            verified(self);
        } else {
            assert_refused(self, TOKEN_FAULT_MALFORMED);
        }
    }
    free(payload);
}

static void
texts_that_are_no_tokens_are_malformed(void **state)
{
    world_t *self = *state;
    static const char *const rows[] = {
        "x",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "aa.bb.",
        ".bb.cc",
        "aa..cc",
        "aaaa.bbbb.cccc.dddd",
        "aaaa.bbbb.cccc.",
        "aa aa.bbbb.cccc",
        "aaaa.bbbb.cccc=",
        "aa+/.bbbb.cccc",
        "aaaaa.bbbb.cccc",
        "\x7f.\x01.\xff",
        "Bearer x.y.z",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask(self, rows[i]);
        assert_refused(self, TOKEN_FAULT_MALFORMED);
    }
}

static void
every_truncation_of_a_good_token_is_refused(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char cut[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(ec_key, "ES256", "ec", payload, token);
    free(payload);
    for (size_t length = 1; length < strlen(token); length++) {
        snprintf(cut, sizeof cut, "%.*s", (int)length, token);
        ask(self, cut);
        const msg_t *msg = sim_take(self->sim, MSG_NONE);
        assert_non_null(msg);
        assert_int_equal(msg->type, MSG_AUTH_REFUSED);
    }
    assert_true(snprintf(cut, sizeof cut, "%s.%s", token, "AAAA") < (int)sizeof cut);
    ask(self, cut);
    assert_refused(self, TOKEN_FAULT_MALFORMED);
}

static void
the_largest_texts_are_refused(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    memset(token, 'A', sizeof token - 1);
    token[sizeof token - 1] = '\0';
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_MALFORMED);
    token[1000] = token[3000] = '.';
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_MALFORMED);
    memset(token, '.', sizeof token - 1);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_MALFORMED);
    char deep[2000];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    ask_payload(self, deep);
    assert_refused(self, TOKEN_FAULT_MALFORMED);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(unsigned_token_is_refused),
        CASE(hmac_with_the_public_key_is_refused),
        CASE(other_algorithms_are_refused_though_the_signature_is_good),
        CASE(algorithm_must_fit_the_key),
        CASE(another_key_under_a_known_kid_is_a_bad_signature),
        CASE(tampered_tokens_are_bad_signatures),
        CASE(signature_of_a_wrong_length_is_a_bad_signature),
        CASE(token_without_a_kid_names_no_key_and_reads_none),
        CASE(headers_that_are_wrong_are_malformed),
        CASE(token_for_another_purpose_is_malformed),
        CASE(texts_that_are_no_tokens_are_malformed),
        CASE(every_truncation_of_a_good_token_is_refused),
        CASE(the_largest_texts_are_refused),
    };
    return cmocka_run_group_tests_name("auth signatures", tests, make_keys, free_keys);
}
