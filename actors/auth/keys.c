#include "keys.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct keys {
    size_t count;
    cjose_jwk_t *keys[KEYS_CAP];
};

/* Absent, or exactly this text. */
static bool
keys_allows(const json_t *entry, const char *field, const char *only)
{
    const json_t *value = json_object_get(entry, field);
    return value == NULL || (json_is_string(value) && strcmp(json_string_value(value), only) == 0);
}

static bool
keys_is(const json_t *entry, const char *field, const char *text)
{
    return json_object_get(entry, field) != NULL && keys_allows(entry, field, text);
}

/* Is it meant for the one algorithm that goes with its type? */
static bool
keys_usable(const json_t *entry)
{
    const char *kid = json_string_value(json_object_get(entry, "kid"));
    if (kid == NULL || *kid == '\0' || strlen(kid) > KEYS_KID_MAX || !keys_allows(entry, "use", "sig")) {
        return false;
    }
    if (keys_is(entry, "kty", "EC")) {
        return keys_is(entry, "crv", "P-256") && keys_allows(entry, "alg", "ES256");
    }
    return keys_is(entry, "kty", "RSA") && keys_allows(entry, "alg", "RS256");
}

/* The public part only, whatever else the provider published by mistake. */
static cjose_jwk_t *
keys_import(const json_t *entry)
{
    static const char *const fields[] = {"kty", "kid", "crv", "x", "y", "n", "e"};
    json_t *public = json_object();
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *value = json_object_get(entry, fields[i]);
        if (value != NULL) {
            json_object_set(public, fields[i], value);
        }
    }
    char *text = json_dumps(public, JSON_COMPACT);
    json_decref(public);
    if (text == NULL) {
        return NULL;
    }
    cjose_jwk_t *key = cjose_jwk_import(text, strlen(text), NULL);
    free(text);
    if (key == NULL) {
        return NULL;
    }
    size_t bits = cjose_jwk_get_keysize(key, NULL);
    if (cjose_jwk_get_kty(key, NULL) == CJOSE_JWK_KTY_RSA && (bits < 2048 || bits > 8192)) {
        cjose_jwk_release(key);
        return NULL;
    }
    return key;
}

keys_t *
keys_parse(const char *jwks)
{
    json_t *root = json_loads(jwks, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(root, "keys");
    keys_t *self = calloc(1, sizeof *self);
    for (size_t i = 0; self != NULL && i < json_array_size(list) && self->count < KEYS_CAP; i++) {
        const json_t *entry = json_array_get(list, i);
        if (!keys_usable(entry) || keys_find(self, json_string_value(json_object_get(entry, "kid"))) != NULL) {
            continue;
        }
        cjose_jwk_t *key = keys_import(entry);
        if (key != NULL) {
            self->keys[self->count++] = key;
        }
    }
    json_decref(root);
    if (self != NULL && self->count == 0) {
        keys_destroy(&self);
    }
    return self;
}

void
keys_destroy(keys_t **self_p)
{
    keys_t *self = *self_p;
    *self_p = NULL;
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        cjose_jwk_release(self->keys[i]);
    }
    free(self);
}

size_t
keys_count(const keys_t *self)
{
    return self->count;
}

const cjose_jwk_t *
keys_find(const keys_t *self, const char *kid)
{
    for (size_t i = 0; self != NULL && i < self->count; i++) {
        if (strcmp(cjose_jwk_get_kid(self->keys[i], NULL), kid) == 0) {
            return self->keys[i];
        }
    }
    return NULL;
}
