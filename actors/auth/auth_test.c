#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <cjose/cjose.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "sim.h"

/* ---- keys and tokens, made anew for each run ---- */

static cjose_jwk_t *ec_key, *other_key, *rsa_key;
static char *jwks_both, *jwks_other; /* of ec_key and rsa_key; of all three */

static char *
public_json(const cjose_jwk_t *key)
{
    char *text = cjose_jwk_to_json(key, false, NULL);
    assert_non_null(text);
    return text;
}

static int
make_keys(void **state)
{
    (void)state;
    ec_key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    other_key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    rsa_key = cjose_jwk_create_RSA_random(2048, (const uint8_t *)"\x01\x00\x01", 3, NULL);
    assert_true(ec_key != NULL && other_key != NULL && rsa_key != NULL);
    assert_true(cjose_jwk_set_kid(ec_key, "ec", 2, NULL) && cjose_jwk_set_kid(other_key, "other", 5, NULL) &&
                cjose_jwk_set_kid(rsa_key, "rsa", 3, NULL));
    char *ec = public_json(ec_key);
    char *other = public_json(other_key);
    char *rsa = public_json(rsa_key);
    assert_true(asprintf(&jwks_both, "{\"keys\":[%s,%s]}", ec, rsa) > 0);
    assert_true(asprintf(&jwks_other, "{\"keys\":[%s,%s,%s]}", ec, rsa, other) > 0);
    free(ec);
    free(other);
    free(rsa);
    return 0;
}

static int
free_keys(void **state)
{
    (void)state;
    cjose_jwk_release(ec_key);
    cjose_jwk_release(other_key);
    cjose_jwk_release(rsa_key);
    free(jwks_both);
    free(jwks_other);
    return 0;
}

enum { TOKEN_SIZE = sizeof((msg_auth_verify_t *)NULL)->token };

/* A token signed by cjose. NULL kid: none. */
static void
sign(const cjose_jwk_t *key, const char *algorithm, const char *kid, const char *payload, char token[TOKEN_SIZE])
{
    cjose_header_t *header = cjose_header_new(NULL);
    assert_true(cjose_header_set(header, "alg", algorithm, NULL));
    if (kid != NULL) {
        assert_true(cjose_header_set(header, "kid", kid, NULL));
    }
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)payload, strlen(payload), NULL);
    const char *compact = NULL;
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, NULL));
    assert_true(snprintf(token, TOKEN_SIZE, "%s", compact) < TOKEN_SIZE);
    cjose_jws_release(jws);
    cjose_header_release(header);
}

static void
append_base64url(char token[TOKEN_SIZE], const char *text)
{
    char *out = NULL;
    size_t length = 0;
    assert_true(cjose_base64url_encode((const uint8_t *)text, strlen(text), &out, &length, NULL));
    size_t used = strlen(token);
    assert_true(snprintf(token + used, TOKEN_SIZE - used, "%s", out) < (int)(TOKEN_SIZE - used));
    free(out);
}

/* A token put together by hand: header and payload are texts, the signature is base64url already. */
static void
assemble(const char *header, const char *payload, const char *signature, char token[TOKEN_SIZE])
{
    token[0] = '\0';
    append_base64url(token, header);
    size_t used = strlen(token);
    snprintf(token + used, TOKEN_SIZE - used, ".");
    append_base64url(token, payload);
    used = strlen(token);
    assert_true(snprintf(token + used, TOKEN_SIZE - used, ".%s", signature) < (int)(TOKEN_SIZE - used));
}

/* ---- the actor in its simulator ---- */

/* A key set whose provider the test plays: it decides when a reading ends and how. */
typedef struct played_keyset {
    keyset_t port;
    keyset_state_t state;
    const char *text;
    uint64_t generation;
    unsigned refreshes;
    bool slow; /* a refresh is under way until the test ends it */
} played_keyset_t;

static void
played_refresh(keyset_t *port)
{
    played_keyset_t *self = (played_keyset_t *)port;
    self->refreshes++;
    if (self->slow) {
        self->state = KEYSET_LOADING;
    }
}

static keyset_state_t
played_poll(keyset_t *port, uint64_t *generation, char **jwks)
{
    played_keyset_t *self = (played_keyset_t *)port;
    *jwks = NULL;
    if (*generation != self->generation) {
        *jwks = strdup(self->text);
        *generation = self->generation;
    }
    return self->state;
}

static void
played_end(played_keyset_t *self, keyset_state_t state, const char *text)
{
    self->state = state;
    if (text != NULL) {
        self->text = text;
        self->generation++;
    }
}

typedef struct world {
    sim_t *sim;
    played_keyset_t keyset;
    auth_config_t config;
    int64_t seconds; /* the wall clock at the start, since 1970 */
} world_t;

static int
setup(void **state)
{
    world_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->keyset.port = (keyset_t){.refresh = played_refresh, .poll = played_poll};
    played_end(&self->keyset, KEYSET_READY, jwks_both);
    self->config = (auth_config_t){
        .keyset = &self->keyset.port,
        .rules = {.issuer = "https://id.example", .audience = "playhouse", .role_claim = "role"},
    };
    self->sim = sim_new(3);
    sim_add(self->sim, &auth_kind, &self->config);
    self->seconds = act_wall_msec(sim_ctx(self->sim, ACT_KIND_AUTH, "")) / 1000;
    *state = self;
    return 0;
}

static int
teardown(void **state)
{
    world_t *self = *state;
    sim_destroy(&self->sim);
    free(self);
    return 0;
}

/* A good payload, with `more` (",\"x\":1") at its end; a member given there replaces none, so leave it out by name. */
static char *
payload_of(const world_t *self, const char *without, const char *more)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", "https://id.example", "aud", "playhouse", "sub",
                             "user-1", "iat", (json_int_t)self->seconds, "exp", (json_int_t)(self->seconds + 3600));
    assert_non_null(json);
    if (without != NULL) {
        json_object_del(json, without);
    }
    if (more != NULL) {
        json_t *extra = json_loads(more, 0, NULL);
        assert_non_null(extra);
        json_object_update(json, extra);
        json_decref(extra);
    }
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static void
ask(world_t *self, const char *token)
{
    static msg_auth_verify_t body;
    assert_true(snprintf(body.token, sizeof body.token, "%s", token) < (int)sizeof body.token);
    assert_true(sim_ask(self->sim, MSG_AUTH_VERIFY, "", &body, 10 * ACT_SEC, 1));
}

static void
assert_refused(world_t *self, token_fault_t fault)
{
    const msg_t *msg = sim_take(self->sim, MSG_NONE);
    assert_non_null(msg);
    assert_int_equal(msg->type, MSG_AUTH_REFUSED);
    assert_string_equal(token_fault_names[((const msg_auth_refused_t *)msg->body)->fault], token_fault_names[fault]);
    assert_int_equal(sim_kept(self->sim), 0);
}

static msg_auth_verified_t
verified(world_t *self)
{
    const msg_t *msg = sim_take(self->sim, MSG_NONE);
    assert_non_null(msg);
    assert_int_equal(msg->type, MSG_AUTH_VERIFIED);
    assert_int_equal(sim_kept(self->sim), 0);
    return *(const msg_auth_verified_t *)msg->body;
}

/* A token of ec_key with this payload. */
static void
ask_payload(world_t *self, const char *payload)
{
    char token[TOKEN_SIZE];
    sign(ec_key, "ES256", "ec", payload, token);
    ask(self, token);
}

static void
ask_claims(world_t *self, const char *without, const char *more)
{
    char *payload = payload_of(self, without, more);
    ask_payload(self, payload);
    free(payload);
}

/* ---- tokens that are good ---- */

static void
es256_and_rs256_are_verified(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(ec_key, "ES256", "ec", payload, token);
    ask(self, token);
    msg_auth_verified_t claims = verified(self);
    assert_string_equal(claims.user_id, "user-1");
    assert_int_equal(claims.role, ROLE_PLAYER);
    assert_false(claims.has_name);
    assert_int_equal(claims.expires_at, (self->seconds + 3600) * 1000);
    sign(rsa_key, "RS256", "rsa", payload, token);
    ask(self, token);
    assert_string_equal(verified(self).user_id, "user-1");
    free(payload);
}

static void
audience_may_be_a_list(void **state)
{
    world_t *self = *state;
    ask_claims(self, NULL, "{\"aud\":[\"other\",7,\"playhouse\"]}");
    verified(self);
}

static void
each_role_is_read_and_none_is_player(void **state)
{
    world_t *self = *state;
    for (uint32_t i = 0; i < ROLE_COUNT; i++) {
        char more[64];
        snprintf(more, sizeof more, "{\"role\":\"%s\"}", role_names[i]);
        ask_claims(self, NULL, more);
        assert_int_equal(verified(self).role, i);
    }
}

static void
names_are_tidied_and_the_preferred_one_wins(void **state)
{
    world_t *self = *state;
    static const struct {
        const char *more, *name;
    } rows[] = {
        {"{\"name\":\"Ada\"}", "Ada"},
        {"{\"name\":\"Ada\",\"preferred_username\":\"ada1\"}", "ada1"},
        {"{\"name\":\"Ada\",\"preferred_username\":\"  \\t \"}", "Ada"},
        {"{\"name\":\"  A\\u202ed\\na  \"}", "Ada"},
        {"{\"name\":\"Zo\\u00eb \\ud83d\\ude00\"}", "Zo\xc3\xab \xf0\x9f\x98\x80"},
        {"{\"name\":\"0123456789012345678901234567890123456789\"}", "01234567890123456789012345678901"},
        {"{\"name\":12}", NULL},
        {"{\"name\":\"\"}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask_claims(self, NULL, rows[i].more);
        msg_auth_verified_t claims = verified(self);
        assert_int_equal(claims.has_name, rows[i].name != NULL);
        assert_string_equal(claims.name, rows[i].name != NULL ? rows[i].name : "");
    }
}

static void
times_have_thirty_seconds_of_grace(void **state)
{
    world_t *self = *state;
    static const struct {
        const char *claim;
        int offset;
        int fault; /* -1: good */
    } rows[] = {
        {"exp", -28, -1}, {"exp", -31, TOKEN_FAULT_EXPIRED},      {"exp", -3600, TOKEN_FAULT_EXPIRED},
        {"nbf", 29, -1},  {"nbf", 33, TOKEN_FAULT_NOT_YET_VALID}, {"nbf", 3600, TOKEN_FAULT_NOT_YET_VALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char more[64];
        snprintf(more, sizeof more, "{\"%s\":%lld}", rows[i].claim, (long long)(self->seconds + rows[i].offset));
        ask_claims(self, NULL, more);
        if (rows[i].fault < 0) {
            verified(self);
        } else {
            assert_refused(self, (token_fault_t)rows[i].fault);
        }
    }
}

static void
token_expires_when_time_passes(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(ec_key, "ES256", "ec", payload, token);
    free(payload);
    int64_t left =
        (self->seconds + 3600) * 1000 + TOKEN_SKEW_MSEC - act_wall_msec(sim_ctx(self->sim, ACT_KIND_AUTH, ""));
    sim_advance(self->sim, (left - 1) * ACT_MSEC);
    ask(self, token);
    verified(self);
    sim_advance(self->sim, ACT_MSEC);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_EXPIRED);
}

/* ---- claims that are not ---- */

static void
each_bad_claim_has_its_fault(void **state)
{
    world_t *self = *state;
    char long_subject[400];
    snprintf(long_subject, sizeof long_subject, "{\"sub\":\"%0256d\"}", 0);
    const struct {
        const char *without, *more;
        token_fault_t fault;
    } rows[] = {
        {"iss", NULL, TOKEN_FAULT_ISSUER},
        {NULL, "{\"iss\":\"https://evil.example\"}", TOKEN_FAULT_ISSUER},
        {NULL, "{\"iss\":\"https://id.example/\"}", TOKEN_FAULT_ISSUER},
        {NULL, "{\"iss\":[\"https://id.example\"]}", TOKEN_FAULT_ISSUER},
        {"aud", NULL, TOKEN_FAULT_AUDIENCE},
        {NULL, "{\"aud\":\"playhous\"}", TOKEN_FAULT_AUDIENCE},
        {NULL, "{\"aud\":[]}", TOKEN_FAULT_AUDIENCE},
        {NULL, "{\"aud\":[\"a\",[\"playhouse\"]]}", TOKEN_FAULT_AUDIENCE},
        {NULL, "{\"aud\":{\"playhouse\":1}}", TOKEN_FAULT_AUDIENCE},
        {"sub", NULL, TOKEN_FAULT_CLAIMS},
        {NULL, "{\"sub\":\"\"}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"sub\":17}", TOKEN_FAULT_CLAIMS},
        {NULL, long_subject, TOKEN_FAULT_CLAIMS},
        {"exp", NULL, TOKEN_FAULT_CLAIMS},
        {NULL, "{\"exp\":\"9999999999\"}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"exp\":1e300}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"exp\":-1}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"nbf\":\"0\"}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"role\":\"root\"}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"role\":[\"admin\"]}", TOKEN_FAULT_CLAIMS},
        {NULL, "{\"role\":null}", TOKEN_FAULT_CLAIMS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask_claims(self, rows[i].without, rows[i].more);
        assert_refused(self, rows[i].fault);
    }
}

static void
payload_that_is_no_object_is_malformed(void **state)
{
    world_t *self = *state;
    static const char *const rows[] = {
        "[]", "7", "not json", "{\"sub\":\"a\",\"sub\":\"b\"}", "{\"sub\":\"\\u0000\"}", "{\"sub\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask_payload(self, rows[i]);
        assert_refused(self, TOKEN_FAULT_MALFORMED);
    }
}

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

/* ---- the key set ---- */

/* A token of other_key, whose kid the first key set has not. */
static void
ask_other(world_t *self)
{
    char token[TOKEN_SIZE];
    char *payload = payload_of(self, NULL, NULL);
    sign(other_key, "ES256", "other", payload, token);
    ask(self, token);
    free(payload);
}

static void
unknown_kid_has_the_keys_read_again_at_most_every_ten_seconds(void **state)
{
    world_t *self = *state;
    unsigned before = self->keyset.refreshes;
    for (int i = 0; i < 20; i++) {
        ask_other(self);
        assert_refused(self, TOKEN_FAULT_UNKNOWN_KEY);
    }
    assert_int_equal(self->keyset.refreshes, before + 1);
    sim_advance(self->sim, AUTH_REFRESH_MIN_USEC - 1);
    ask_other(self);
    assert_int_equal(self->keyset.refreshes, before + 1);
    sim_advance(self->sim, 1);
    ask_other(self);
    assert_int_equal(self->keyset.refreshes, before + 2);
    assert_int_equal(sim_metric(self->sim, METRIC_TOKENS_REFUSED, TOKEN_FAULT_UNKNOWN_KEY), 22);
}

/* A key set of one public key, under the kid that is given. */
static void
jwks_of_one(const cjose_jwk_t *key, const char *kid, char *out, size_t size)
{
    char *text = cjose_jwk_to_json(key, false, NULL);
    assert_non_null(text);
    json_t *jwk = json_loads(text, 0, NULL);
    json_t *set = json_pack("{s:[o]}", "keys", jwk);
    assert_int_equal(json_object_set_new(jwk, "kid", json_string(kid)), 0);
    char *whole = json_dumps(set, 0);
    assert_true((size_t)snprintf(out, size, "%s", whole) < size);
    free(whole);
    json_decref(set);
    free(text);
}

static void
rotated_key_is_found_and_the_old_one_forgotten(void **state)
{
    world_t *self = *state;
    played_end(&self->keyset, KEYSET_READY, jwks_other);
    ask_other(self);
    verified(self);
    played_end(&self->keyset, KEYSET_READY, jwks_both);
    ask_other(self);
    assert_refused(self, TOKEN_FAULT_UNKNOWN_KEY);
}

/* A token that was good once is not remembered longer than the keys it was good under. */
static void
key_that_was_exchanged_under_its_kid_is_noticed(void **state)
{
    world_t *self = *state;
    char token[TOKEN_SIZE], jwks[1024];
    char *payload = payload_of(self, NULL, NULL);
    sign(ec_key, "ES256", "ec", payload, token);
    for (int i = 0; i < 2; i++) {
        ask(self, token);
        verified(self);
    }
    jwks_of_one(other_key, "ec", jwks, sizeof jwks);
    played_end(&self->keyset, KEYSET_READY, jwks);
    ask(self, token);
    assert_refused(self, TOKEN_FAULT_SIGNATURE);
    free(payload);
}

static void
unknown_kid_waits_while_keys_are_read_and_known_ones_do_not(void **state)
{
    world_t *self = *state;
    self->keyset.slow = true;
    ask_other(self);
    assert_int_equal(sim_kept(self->sim), 0);
    ask_claims(self, NULL, NULL);
    verified(self);
    sim_advance(self->sim, ACT_SEC);
    assert_int_equal(sim_kept(self->sim), 0);
    played_end(&self->keyset, KEYSET_READY, jwks_other);
    sim_advance(self->sim, AUTH_POLL_USEC);
    verified(self);
}

static void
waiting_ends_with_the_reading_or_after_three_seconds(void **state)
{
    world_t *self = *state;
    self->keyset.slow = true;
    ask_other(self);
    played_end(&self->keyset, KEYSET_READY, NULL);
    sim_advance(self->sim, AUTH_POLL_USEC);
    assert_refused(self, TOKEN_FAULT_UNKNOWN_KEY);
    sim_advance(self->sim, AUTH_REFRESH_MIN_USEC);
    ask_other(self);
    played_end(&self->keyset, KEYSET_AWAY, NULL);
    sim_advance(self->sim, AUTH_POLL_USEC);
    assert_refused(self, TOKEN_FAULT_KEYS_UNAVAILABLE);
    sim_advance(self->sim, AUTH_REFRESH_MIN_USEC);
    ask_other(self);
    sim_advance(self->sim, AUTH_PENDING_USEC - 1);
    assert_int_equal(sim_kept(self->sim), 0);
    sim_advance(self->sim, 1 + AUTH_POLL_USEC);
    assert_refused(self, TOKEN_FAULT_KEYS_UNAVAILABLE);
}

static void
full_waiting_list_refuses_at_once(void **state)
{
    world_t *self = *state;
    self->keyset.slow = true;
    for (int i = 0; i < AUTH_PENDING_CAP; i++) {
        ask_other(self);
    }
    assert_int_equal(sim_kept(self->sim), 0);
    ask_other(self);
    assert_refused(self, TOKEN_FAULT_KEYS_UNAVAILABLE);
    played_end(&self->keyset, KEYSET_READY, jwks_other);
    sim_advance(self->sim, AUTH_POLL_USEC);
    assert_int_equal(sim_kept(self->sim), AUTH_PENDING_CAP);
}

static void
provider_away_stops_only_those_whose_key_is_unknown(void **state)
{
    world_t *self = *state;
    played_end(&self->keyset, KEYSET_AWAY, NULL);
    ask_claims(self, NULL, NULL);
    verified(self);
    ask_other(self);
    assert_refused(self, TOKEN_FAULT_KEYS_UNAVAILABLE);
    played_end(&self->keyset, KEYSET_READY, "<html>we are down</html>");
    ask_claims(self, NULL, NULL);
    verified(self);
    ask_other(self);
    assert_refused(self, TOKEN_FAULT_KEYS_UNAVAILABLE);
}

static void
keys_are_read_again_from_time_to_time(void **state)
{
    world_t *self = *state;
    unsigned before = self->keyset.refreshes;
    sim_advance(self->sim, AUTH_REFRESH_USEC - 1);
    assert_int_equal(self->keyset.refreshes, before);
    sim_advance(self->sim, 1);
    assert_int_equal(self->keyset.refreshes, before + 1);
    sim_advance(self->sim, AUTH_REFRESH_USEC);
    assert_int_equal(self->keyset.refreshes, before + 2);
}

static void
only_sound_signing_keys_with_a_kid_are_taken(void **state)
{
    (void)state;
    cjose_jwk_t *small = cjose_jwk_create_RSA_random(1024, (const uint8_t *)"\x01\x00\x01", 3, NULL);
    cjose_jwk_t *wide = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_384, NULL);
    assert_true(small != NULL && wide != NULL);
    assert_true(cjose_jwk_set_kid(small, "small", 5, NULL) && cjose_jwk_set_kid(wide, "wide", 4, NULL));
    char *rows[] = {public_json(small), public_json(wide)};
    char text[4096];
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "{\"keys\":[%s]}", rows[i]);
        assert_null(keys_parse(text));
        free(rows[i]);
    }
    cjose_jwk_release(small);
    cjose_jwk_release(wide);
    static const char *const changes[] = {"{\"use\":\"enc\"}",
                                          "{\"alg\":\"ES384\"}",
                                          "{\"kid\":7}",
                                          "{\"kid\":\"\"}",
                                          "{\"x\":\"AAAA\"}",
                                          "{\"y\":7}",
                                          "{\"kty\":\"oct\",\"k\":\"AAAA\"}"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *public = public_json(ec_key);
        json_t *json = json_loads(public, 0, NULL);
        json_t *change = json_loads(changes[i], 0, NULL);
        free(public);
        json_object_update(json, change);
        char *changed = json_dumps(json, 0);
        snprintf(text, sizeof text, "{\"keys\":[%s]}", changed);
        assert_null(keys_parse(text));
        free(changed);
        json_decref(change);
        json_decref(json);
    }
    assert_null(keys_parse("{\"keys\":{}}"));
    assert_null(keys_parse("{\"keys\":[7,null,\"x\"]}"));
    assert_null(keys_parse("[]"));
    assert_null(keys_parse(""));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(es256_and_rs256_are_verified),
        CASE(audience_may_be_a_list),
        CASE(each_role_is_read_and_none_is_player),
        CASE(names_are_tidied_and_the_preferred_one_wins),
        CASE(times_have_thirty_seconds_of_grace),
        CASE(token_expires_when_time_passes),
        CASE(each_bad_claim_has_its_fault),
        CASE(payload_that_is_no_object_is_malformed),
        CASE(unsigned_token_is_refused),
        CASE(hmac_with_the_public_key_is_refused),
        CASE(other_algorithms_are_refused_though_the_signature_is_good),
        CASE(algorithm_must_fit_the_key),
        CASE(another_key_under_a_known_kid_is_a_bad_signature),
        CASE(tampered_tokens_are_bad_signatures),
        CASE(signature_of_a_wrong_length_is_a_bad_signature),
        CASE(token_without_a_kid_names_no_key_and_reads_none),
        CASE(headers_that_are_wrong_are_malformed),
        CASE(texts_that_are_no_tokens_are_malformed),
        CASE(every_truncation_of_a_good_token_is_refused),
        CASE(the_largest_texts_are_refused),
        CASE(unknown_kid_has_the_keys_read_again_at_most_every_ten_seconds),
        CASE(rotated_key_is_found_and_the_old_one_forgotten),
        CASE(key_that_was_exchanged_under_its_kid_is_noticed),
        CASE(unknown_kid_waits_while_keys_are_read_and_known_ones_do_not),
        CASE(waiting_ends_with_the_reading_or_after_three_seconds),
        CASE(full_waiting_list_refuses_at_once),
        CASE(provider_away_stops_only_those_whose_key_is_unknown),
        CASE(keys_are_read_again_from_time_to_time),
        CASE(only_sound_signing_keys_with_a_kid_are_taken),
    };
    return cmocka_run_group_tests_name("auth", tests, make_keys, free_keys);
}
