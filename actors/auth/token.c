#include "token.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "user_name.h"

enum {
    TOKEN_SUBJECT_MAX = 255,           /* code points of sub */
    TOKEN_ES256_SIGNATURE_LENGTH = 86, /* base64url of the 64 bytes r, s */
};
static const double token_seconds_max = 9007199254740.0; /* in ms it is a whole double */

/* Three parts of base64url, none of an impossible length; only the signature may be empty (as with alg none). */
static bool
token_well_formed(const char *token, size_t dots[2])
{
    size_t seen = 0;
    size_t part = 0;
    size_t at = 0;
    for (;; at++) {
        char c = token[at];
        bool letter =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (letter) {
            part++;
            continue;
        }
        if ((c != '.' && c != '\0') || (part == 0 && seen < 2) || part % 4 == 1) {
            return false;
        }
        if (c == '\0') {
            return seen == 2;
        }
        if (seen == 2) {
            return false;
        }
        dots[seen++] = at;
        part = 0;
    }
}

static json_t *
token_header(const char *token, size_t length)
{
    uint8_t *bytes = NULL;
    size_t bytes_length = 0;
    if (!cjose_base64url_decode(token, length, &bytes, &bytes_length, NULL)) {
        return NULL;
    }
    json_t *header = json_loadb((const char *)bytes, bytes_length, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    return header;
}

/* Is it for access at all? RFC 9068 says at+jwt, older providers JWT or nothing. Others name another purpose: a token
 * of a logout, a proof of possession, an event. */
static bool
token_type_fits(const json_t *type)
{
    const char *text = json_string_value(type);
    if (type == NULL) {
        return true;
    }
    return text != NULL && (strcasecmp(text, "JWT") == 0 || strcasecmp(text, "at+jwt") == 0 ||
                            strcasecmp(text, "application/at+jwt") == 0);
}

static bool
token_read_header(const json_t *header, token_head_t *head, token_fault_t *fault)
{
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    if (!json_is_object(header) || algorithm == NULL) {
        *fault = TOKEN_FAULT_MALFORMED;
        return false;
    }
    *fault = TOKEN_FAULT_ALGORITHM;
    if (strcmp(algorithm, "RS256") == 0) {
        head->algorithm = TOKEN_RS256;
    } else if (strcmp(algorithm, "ES256") == 0) {
        head->algorithm = TOKEN_ES256;
    } else {
        return false;
    }
    if (json_object_get(header, "crit") != NULL || !token_type_fits(json_object_get(header, "typ"))) {
        *fault = TOKEN_FAULT_MALFORMED; /* crit: extensions that must be understood, and are not */
        return false;
    }
    const char *kid = json_string_value(json_object_get(header, "kid"));
    if (kid == NULL || *kid == '\0' || strlen(kid) > KEYS_KID_MAX) {
        *fault = TOKEN_FAULT_UNKNOWN_KEY;
        return false;
    }
    snprintf(head->kid, sizeof head->kid, "%s", kid);
    return true;
}

bool
token_open(const char *token, token_head_t *head, token_fault_t *fault)
{
    size_t dots[2];
    *fault = TOKEN_FAULT_MALFORMED;
    if (!token_well_formed(token, dots)) {
        return false;
    }
    json_t *header = token_header(token, dots[0]);
    bool good = header != NULL && token_read_header(header, head, fault);
    json_decref(header);
    return good;
}

static bool
token_audience_has(const json_t *audience, const char *wanted)
{
    if (json_is_string(audience)) {
        return strcmp(json_string_value(audience), wanted) == 0;
    }
    for (size_t i = 0; i < json_array_size(audience); i++) {
        const char *one = json_string_value(json_array_get(audience, i));
        if (one != NULL && strcmp(one, wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* A NumericDate in milliseconds; false when it is not one. */
static bool
token_date(const json_t *value, int64_t *msec)
{
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds <= token_seconds_max)) {
        return false;
    }
    *msec = (int64_t)floor(seconds * 1000);
    return true;
}

static bool
token_check_times(const json_t *payload, int64_t wall_msec, msg_auth_verified_t *claims, token_fault_t *fault)
{
    const json_t *nbf = json_object_get(payload, "nbf");
    int64_t from = 0;
    if (!token_date(json_object_get(payload, "exp"), &claims->expires_at) || (nbf != NULL && !token_date(nbf, &from))) {
        *fault = TOKEN_FAULT_CLAIMS;
        return false;
    }
    if (wall_msec >= claims->expires_at + TOKEN_SKEW_MSEC) {
        *fault = TOKEN_FAULT_EXPIRED;
        return false;
    }
    if (nbf != NULL && wall_msec < from - TOKEN_SKEW_MSEC) {
        *fault = TOKEN_FAULT_NOT_YET_VALID;
        return false;
    }
    return true;
}

static size_t
token_code_points(const char *text)
{
    size_t points = 0;
    for (; *text != '\0'; text++) {
        points += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return points;
}

static bool
token_read_role(const json_t *value, role_t *role)
{
    *role = ROLE_PLAYER;
    if (value == NULL) {
        return true;
    }
    const char *word = json_string_value(value);
    for (uint32_t i = 0; word != NULL && i < ROLE_COUNT; i++) {
        if (strcmp(word, role_names[i]) == 0) {
            *role = (role_t)i;
            return true;
        }
    }
    return false;
}

static bool
token_read_person(const json_t *payload, const token_rules_t *rules, msg_auth_verified_t *claims)
{
    const char *subject = json_string_value(json_object_get(payload, "sub"));
    size_t points = subject == NULL ? 0 : token_code_points(subject);
    if (points < 1 || points > TOKEN_SUBJECT_MAX) {
        return false;
    }
    snprintf(claims->user_id, sizeof claims->user_id, "%s", subject);
    static const char *const name_claims[] = {"preferred_username", "name"};
    for (size_t i = 0; i < sizeof name_claims / sizeof *name_claims && !claims->has_name; i++) {
        const char *name = json_string_value(json_object_get(payload, name_claims[i]));
        claims->has_name = name != NULL && user_name_tidy(name, claims->name);
    }
    return token_read_role(json_object_get(payload, rules->role_claim), &claims->role);
}

static bool
token_check_claims(const json_t *payload, const token_rules_t *rules, int64_t wall_msec, msg_auth_verified_t *claims,
                   token_fault_t *fault)
{
    _Static_assert(sizeof claims->name == USER_NAME_SIZE, "user_name.h and the schema's userName are the same");
    if (!token_check_times(payload, wall_msec, claims, fault)) {
        return false;
    }
    const char *issuer = json_string_value(json_object_get(payload, "iss"));
    if (issuer == NULL || strcmp(issuer, rules->issuer) != 0) {
        *fault = TOKEN_FAULT_ISSUER;
        return false;
    }
    if (!token_audience_has(json_object_get(payload, "aud"), rules->audience)) {
        *fault = TOKEN_FAULT_AUDIENCE;
        return false;
    }
    *fault = TOKEN_FAULT_CLAIMS;
    return token_read_person(payload, rules, claims);
}

/* The payload of a token whose signature is good, or NULL with *fault. */
static json_t *
token_signed_payload(const char *token, const cjose_jwk_t *key, bool signature_known, token_fault_t *fault)
{
    uint8_t *text = NULL;
    size_t length = 0;
    json_t *payload = NULL;
    *fault = TOKEN_FAULT_MALFORMED;
    cjose_jws_t *jws = cjose_jws_import(token, strlen(token), NULL);
    if (jws == NULL) {
        return NULL;
    }
    if (!signature_known && !cjose_jws_verify(jws, key, NULL)) {
        *fault = TOKEN_FAULT_SIGNATURE;
    } else if (cjose_jws_get_plaintext(jws, &text, &length, NULL)) {
        payload = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, NULL);
    }
    cjose_jws_release(jws);
    return payload;
}

bool
token_verify(const char *token, const token_head_t *head, const cjose_jwk_t *key, bool signature_known,
             const token_rules_t *rules, int64_t wall_msec, msg_auth_verified_t *claims, token_fault_t *fault)
{
    memset(claims, 0, sizeof *claims);
    bool curve = head->algorithm == TOKEN_ES256;
    if (cjose_jwk_get_kty(key, NULL) != (curve ? CJOSE_JWK_KTY_EC : CJOSE_JWK_KTY_RSA)) {
        *fault = TOKEN_FAULT_ALGORITHM;
        return false;
    }
    size_t signature_length = strlen(strrchr(token, '.') + 1);
    if (signature_length == 0 || (curve && signature_length != TOKEN_ES256_SIGNATURE_LENGTH)) {
        *fault = TOKEN_FAULT_SIGNATURE;
        return false;
    }
    json_t *payload = token_signed_payload(token, key, signature_known, fault);
    bool good = json_is_object(payload) && token_check_claims(payload, rules, wall_msec, claims, fault);
    json_decref(payload);
    return good;
}
