/* The key set as it comes, changes, is away and comes back. */
#include "auth_fixture.h"

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
provider_that_is_away_is_asked_again_every_ten_seconds(void **state)
{
    world_t *self = *state;
    self->keyset.slow = true;
    unsigned before = self->keyset.refreshes;
    sim_advance(self->sim, AUTH_REFRESH_USEC);
    assert_int_equal(self->keyset.refreshes, before + 1);
    played_end(&self->keyset, KEYSET_AWAY, NULL);
    for (unsigned i = 2; i < 6; i++) {
        sim_advance(self->sim, AUTH_POLL_USEC); /* hears that it has failed */
        sim_advance(self->sim, AUTH_RETRY_USEC - 1);
        assert_int_equal(self->keyset.refreshes, before + i - 1);
        sim_advance(self->sim, 1);
        assert_int_equal(self->keyset.refreshes, before + i);
        played_end(&self->keyset, KEYSET_AWAY, NULL);
    }
    sim_advance(self->sim, AUTH_POLL_USEC);
    sim_advance(self->sim, AUTH_RETRY_USEC);
    played_end(&self->keyset, KEYSET_READY, NULL);
    before = self->keyset.refreshes;
    sim_advance(self->sim, AUTH_POLL_USEC);
    sim_advance(self->sim, AUTH_REFRESH_USEC - 1);
    assert_int_equal(self->keyset.refreshes, before);
    sim_advance(self->sim, 1);
    assert_int_equal(self->keyset.refreshes, before + 1);
}

static void
keys_are_taken_though_nobody_asks(void **state)
{
    world_t *self = *state;
    self->keyset.slow = true;
    sim_advance(self->sim, AUTH_REFRESH_USEC);
    played_end(&self->keyset, KEYSET_READY, jwks_other);
    sim_advance(self->sim, AUTH_POLL_USEC);
    assert_int_equal(self->keyset.taken, self->keyset.generation);
}

/* ---- what it says of itself ---- */

static void
assert_pong(world_t *self, bool keys, bool fresh)
{
    msg_auth_ping_t ping = {0};
    assert_true(sim_ask(self->sim, MSG_AUTH_PING, "", &ping, 10 * ACT_SEC, 1));
    const msg_t *msg = sim_take(self->sim, MSG_AUTH_PONG);
    assert_non_null(msg);
    const msg_auth_pong_t *pong = msg->body;
    assert_int_equal(pong->keys, keys);
    assert_int_equal(pong->fresh, fresh);
}

static void
pong_says_what_the_latest_reading_that_ended_has_given(void **state)
{
    world_t *self = *state;
    assert_pong(self, true, true);
    played_end(&self->keyset, KEYSET_AWAY, NULL);
    assert_pong(self, true, false);
    played_end(&self->keyset, KEYSET_LOADING, NULL);
    assert_pong(self, true, false);
    played_end(&self->keyset, KEYSET_READY, NULL);
    assert_pong(self, true, true);
    played_end(&self->keyset, KEYSET_LOADING, NULL);
    assert_pong(self, true, true);
    played_end(&self->keyset, KEYSET_READY, "{\"keys\":[]}");
    assert_pong(self, true, false);
    played_end(&self->keyset, KEYSET_READY, jwks_other);
    assert_pong(self, true, true);
}

static void
pong_says_that_there_were_never_keys(void **state)
{
    world_t *self = *state;
    played_keyset_t none = {.port = {.refresh = played_refresh, .poll = played_poll}, .slow = true};
    self->config.keyset = &none.port;
    sim_destroy(&self->sim);
    self->sim = sim_new(3);
    sim_add(self->sim, &auth_kind, &self->config);
    assert_pong(self, false, false);
    played_end(&none, KEYSET_AWAY, NULL);
    assert_pong(self, false, false);
    played_end(&none, KEYSET_READY, "{\"keys\":[7]}");
    assert_pong(self, false, false);
    played_end(&none, KEYSET_READY, jwks_both);
    assert_pong(self, true, true);
}

/* ---- what is taken of a key set ---- */

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

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(unknown_kid_has_the_keys_read_again_at_most_every_ten_seconds),
        CASE(rotated_key_is_found_and_the_old_one_forgotten),
        CASE(key_that_was_exchanged_under_its_kid_is_noticed),
        CASE(unknown_kid_waits_while_keys_are_read_and_known_ones_do_not),
        CASE(waiting_ends_with_the_reading_or_after_three_seconds),
        CASE(full_waiting_list_refuses_at_once),
        CASE(provider_away_stops_only_those_whose_key_is_unknown),
        CASE(keys_are_read_again_from_time_to_time),
        CASE(provider_that_is_away_is_asked_again_every_ten_seconds),
        CASE(keys_are_taken_though_nobody_asks),
        CASE(pong_says_what_the_latest_reading_that_ended_has_given),
        CASE(pong_says_that_there_were_never_keys),
        CASE(only_sound_signing_keys_with_a_kid_are_taken),
    };
    return cmocka_run_group_tests_name("auth keys", tests, make_keys, free_keys);
}
