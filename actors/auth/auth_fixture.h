/*
 * auth_fixture -- auth in the simulator, a key set whose provider the test plays, and tokens that cjose signs.
 *
 * ec_key and rsa_key are in the first key set under the kids "ec" and "rsa", other_key ("other") is not.
 */
#ifndef PLAYHOUSE_AUTH_FIXTURE_H
#define PLAYHOUSE_AUTH_FIXTURE_H

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

static inline char *
public_json(const cjose_jwk_t *key)
{
    char *text = cjose_jwk_to_json(key, false, NULL);
    assert_non_null(text);
    return text;
}

static inline int
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

static inline int
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

/* A token signed by cjose. NULL kid or type: none. */
static inline void
sign_typed(const cjose_jwk_t *key, const char *algorithm, const char *kid, const char *type, const char *payload,
           char token[TOKEN_SIZE])
{
    cjose_header_t *header = cjose_header_new(NULL);
    assert_true(cjose_header_set(header, "alg", algorithm, NULL));
    if (kid != NULL) {
        assert_true(cjose_header_set(header, "kid", kid, NULL));
    }
    if (type != NULL) {
        assert_true(cjose_header_set(header, "typ", type, NULL));
    }
    cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)payload, strlen(payload), NULL);
    const char *compact = NULL;
    assert_non_null(jws);
    assert_true(cjose_jws_export(jws, &compact, NULL));
    assert_true(snprintf(token, TOKEN_SIZE, "%s", compact) < TOKEN_SIZE);
    cjose_jws_release(jws);
    cjose_header_release(header);
}

static inline void
sign(const cjose_jwk_t *key, const char *algorithm, const char *kid, const char *payload, char token[TOKEN_SIZE])
{
    sign_typed(key, algorithm, kid, NULL, payload, token);
}

static inline void
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
static inline void
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
    uint64_t taken; /* the generation that was given out last */
    unsigned refreshes;
    bool slow; /* a refresh is under way until the test ends it */
} played_keyset_t;

static inline void
played_refresh(keyset_t *port)
{
    played_keyset_t *self = (played_keyset_t *)port;
    self->refreshes++;
    if (self->slow) {
        self->state = KEYSET_LOADING;
    }
}

static inline keyset_state_t
played_poll(keyset_t *port, uint64_t *generation, char **jwks)
{
    played_keyset_t *self = (played_keyset_t *)port;
    *jwks = NULL;
    if (*generation != self->generation) {
        *jwks = strdup(self->text);
        *generation = self->taken = self->generation;
    }
    return self->state;
}

static inline void
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

static inline int
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

static inline int
teardown(void **state)
{
    world_t *self = *state;
    sim_destroy(&self->sim);
    free(self);
    return 0;
}

/* A good payload, with `more` (",\"x\":1") at its end; a member given there replaces none, so leave it out by name. */
static inline char *
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

static inline void
ask(world_t *self, const char *token)
{
    static msg_auth_verify_t body;
    assert_true(snprintf(body.token, sizeof body.token, "%s", token) < (int)sizeof body.token);
    assert_true(sim_ask(self->sim, MSG_AUTH_VERIFY, "", &body, 10 * ACT_SEC, 1));
}

static inline void
assert_refused(world_t *self, token_fault_t fault)
{
    const msg_t *msg = sim_take(self->sim, MSG_NONE);
    assert_non_null(msg);
    assert_int_equal(msg->type, MSG_AUTH_REFUSED);
    assert_string_equal(token_fault_names[((const msg_auth_refused_t *)msg->body)->fault], token_fault_names[fault]);
    assert_int_equal(sim_kept(self->sim), 0);
}

static inline msg_auth_verified_t
verified(world_t *self)
{
    const msg_t *msg = sim_take(self->sim, MSG_NONE);
    assert_non_null(msg);
    assert_int_equal(msg->type, MSG_AUTH_VERIFIED);
    assert_int_equal(sim_kept(self->sim), 0);
    return *(const msg_auth_verified_t *)msg->body;
}

/* A token of ec_key with this payload. */
static inline void
ask_payload(world_t *self, const char *payload)
{
    char token[TOKEN_SIZE];
    sign(ec_key, "ES256", "ec", payload, token);
    ask(self, token);
}

static inline void
ask_claims(world_t *self, const char *without, const char *more)
{
    char *payload = payload_of(self, without, more);
    ask_payload(self, payload);
    free(payload);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
