#include "keyset_discover.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

bool
keyset_discover_url(const char *issuer, char out[KEYSET_URL_SIZE])
{
    size_t length = strlen(issuer);
    if (length > 0 && issuer[length - 1] == '/') {
        length--;
    }
    if (length >= KEYSET_URL_SIZE) {
        return false;
    }
    return snprintf(out, KEYSET_URL_SIZE, "%.*s/.well-known/openid-configuration", (int)length, issuer) <
           KEYSET_URL_SIZE;
}

bool
keyset_discover_read(const char *document, const char *issuer, char jwks_uri[KEYSET_URL_SIZE], const char **why)
{
    json_t *json = json_loads(document, JSON_REJECT_DUPLICATES, NULL);
    const char *named = json_string_value(json_object_get(json, "issuer"));
    const char *keys = json_string_value(json_object_get(json, "jwks_uri"));
    *why = NULL;
    if (!json_is_object(json)) {
        *why = "it is not a JSON object";
    } else if (named == NULL || strcmp(named, issuer) != 0) {
        *why = "its issuer is not auth.issuer, letter for letter";
    } else if (keys == NULL) {
        *why = "it has no jwks_uri";
    } else if (snprintf(jwks_uri, KEYSET_URL_SIZE, "%s", keys) >= KEYSET_URL_SIZE) {
        *why = "its jwks_uri is too long";
    }
    json_decref(json);
    return *why == NULL;
}
