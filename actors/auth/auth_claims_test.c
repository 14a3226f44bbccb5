/* What a good token must say, and what each fault of it is called. */
#include "auth_fixture.h"

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

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(es256_and_rs256_are_verified),         CASE(audience_may_be_a_list),
        CASE(each_role_is_read_and_none_is_player), CASE(names_are_tidied_and_the_preferred_one_wins),
        CASE(times_have_thirty_seconds_of_grace),   CASE(token_expires_when_time_passes),
        CASE(each_bad_claim_has_its_fault),         CASE(payload_that_is_no_object_is_malformed),
    };
    return cmocka_run_group_tests_name("auth claims", tests, make_keys, free_keys);
}
