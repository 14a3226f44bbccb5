#include "dev_issuer.h"

#include <cjose/cjose.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user_name.h"

enum { DEV_ISSUER_FILE_MAX = 4096 }; /* bytes of a key file; ours have 250 */

struct dev_issuer {
    cjose_jwk_t *key;
    char *kid; /* cjose's allocation, which is malloc's */
    char *jwks;
    char *audience;
};

/* RFC 7638: SHA-256 of the key's required members in order, base64url. NULL when the key has not got them. */
static char *
dev_issuer_thumbprint(const cjose_jwk_t *key)
{
    char *text = cjose_jwk_to_json(key, false, NULL);
    json_t *json = text == NULL ? NULL : json_loads(text, 0, NULL);
    free(text);
    const char *x = json_string_value(json_object_get(json, "x"));
    const char *y = json_string_value(json_object_get(json, "y"));
    char members[256];
    char *print = NULL;
    if (x != NULL && y != NULL) {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        size_t length = 0;
        int used =
            snprintf(members, sizeof members, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
        if (used > 0 && (size_t)used < sizeof members) {
            SHA256((const uint8_t *)members, (size_t)used, digest);
            if (!cjose_base64url_encode(digest, sizeof digest, &print, &length, NULL)) {
                print = NULL;
            }
        }
    }
    json_decref(json);
    return print;
}

static cjose_jwk_t *
dev_issuer_read(int file, const char *path, char *error, size_t error_size)
{
    struct stat about;
    char text[DEV_ISSUER_FILE_MAX + 1];
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || (about.st_mode & 077) != 0) {
        snprintf(error, error_size, "the key file %s may be read by others: chmod 600 it, or delete it for a new one",
                 path);
        return NULL;
    }
    ssize_t length = read(file, text, sizeof text);
    cjose_jwk_t *key = NULL;
    if (length > 0 && length <= DEV_ISSUER_FILE_MAX) {
        key = cjose_jwk_import(text, (size_t)length, NULL);
    }
    OPENSSL_cleanse(text, sizeof text);
    char *private = NULL;
    bool good = key != NULL && cjose_jwk_get_kty(key, NULL) == CJOSE_JWK_KTY_EC &&
                cjose_jwk_EC_get_curve(key, NULL) == CJOSE_JWK_EC_P_256 &&
                (private = cjose_jwk_to_json(key, true, NULL)) != NULL && strstr(private, "\"d\":") != NULL;
    if (private != NULL) {
        OPENSSL_cleanse(private, strlen(private));
        free(private);
    }
    if (!good) {
        snprintf(error, error_size, "the key file %s is not a private P-256 JWK: delete it for a new one", path);
        cjose_jwk_release(key);
        return NULL;
    }
    return key;
}

/* Writes a new key beside `path` and links it there, so that whoever comes second finds a whole one. */
static bool
dev_issuer_make(const char *path, char *error, size_t error_size)
{
    char draft[PATH_MAX];
    int used = snprintf(draft, sizeof draft, "%s.XXXXXX", path);
    int file = used > 0 && (size_t)used < sizeof draft ? mkostemp(draft, O_CLOEXEC) : -1; /* of mode 0600 */
    if (file < 0) {
        snprintf(error, error_size, "cannot write a key file at %s: %s; see dev.key", path, strerror(errno));
        return false;
    }
    cjose_jwk_t *key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    char *text = key == NULL ? NULL : cjose_jwk_to_json(key, true, NULL);
    size_t length = text == NULL ? 0 : strlen(text);
    bool written = length > 0 && write(file, text, length) == (ssize_t)length && fsync(file) == 0;
    bool linked = written && (link(draft, path) == 0 || errno == EEXIST);
    if (!linked) {
        snprintf(error, error_size, "cannot write the key file %s: %s; see dev.key", path, strerror(errno));
    }
    close(file);
    unlink(draft);
    if (text != NULL) {
        OPENSSL_cleanse(text, length);
        free(text);
    }
    cjose_jwk_release(key);
    return linked;
}

static cjose_jwk_t *
dev_issuer_load(const char *path, char *error, size_t error_size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && errno == ENOENT) {
        if (!dev_issuer_make(path, error, error_size)) {
            return NULL;
        }
        file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    if (file < 0) {
        snprintf(error, error_size, "cannot open the key file %s: %s; see dev.key", path, strerror(errno));
        return NULL;
    }
    cjose_jwk_t *key = dev_issuer_read(file, path, error, error_size);
    close(file);
    return key;
}

/* Gives the key its kid, and makes the JWKS. */
static bool
dev_issuer_describe(dev_issuer_t *self)
{
    self->kid = dev_issuer_thumbprint(self->key);
    if (self->kid == NULL || !cjose_jwk_set_kid(self->key, self->kid, strlen(self->kid), NULL)) {
        return false;
    }
    char *public = cjose_jwk_to_json(self->key, false, NULL);
    if (public == NULL) {
        return false;
    }
    int used = asprintf(&self->jwks, "{\"keys\":[%s]}", public);
    free(public);
    if (used < 0) {
        self->jwks = NULL;
    }
    return self->jwks != NULL;
}

dev_issuer_t *
dev_issuer_new(const char *path, const char *audience, char *error, size_t error_size)
{
    dev_issuer_t *self = calloc(1, sizeof *self);
    if (self == NULL || (self->audience = strdup(audience)) == NULL) {
        snprintf(error, error_size, "out of memory");
        free(self);
        return NULL;
    }
    self->key = dev_issuer_load(path, error, error_size);
    if (self->key != NULL && !dev_issuer_describe(self)) {
        snprintf(error, error_size, "cannot use the key of %s", path);
        cjose_jwk_release(self->key);
        self->key = NULL;
    }
    if (self->key == NULL) {
        dev_issuer_destroy(&self);
    }
    return self;
}

void
dev_issuer_destroy(dev_issuer_t **self_p)
{
    dev_issuer_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    cjose_jwk_release(self->key);
    free(self->kid);
    free(self->jwks);
    free(self->audience);
    free(self);
}

const char *
dev_issuer_jwks(const dev_issuer_t *self)
{
    return self->jwks;
}

static char *
dev_issuer_claims(const dev_issuer_t *self, const char *name, role_t role, int64_t wall_msec, int64_t ttl_seconds)
{
    char subject[sizeof "dev:" + USER_NAME_SIZE];
    snprintf(subject, sizeof subject, "dev:%s", name);
    int64_t seconds = wall_msec / 1000;
    json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "iss", DEV_ISSUER_NAME, "aud", self->audience,
                               "sub", subject, "name", name, "role", role_names[role], "iat", (json_int_t)seconds,
                               "exp", (json_int_t)(seconds + ttl_seconds));
    char *text = claims == NULL ? NULL : json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    return text;
}

bool
dev_issuer_token(const dev_issuer_t *self, const char *name, role_t role, int64_t wall_msec, int64_t ttl_seconds,
                 char *out, size_t capacity)
{
    if (!user_name_valid(name) || (uint32_t)role >= ROLE_COUNT || ttl_seconds < 1 || ttl_seconds > DEV_ISSUER_TTL_MAX) {
        return false;
    }
    char *claims = dev_issuer_claims(self, name, role, wall_msec, ttl_seconds);
    cjose_header_t *header = cjose_header_new(NULL);
    cjose_jws_t *jws = NULL;
    const char *compact = NULL;
    bool good = false;
    if (claims != NULL && header != NULL && cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, NULL) &&
        cjose_header_set(header, CJOSE_HDR_KID, self->kid, NULL)) {
        jws = cjose_jws_sign(self->key, header, (const uint8_t *)claims, strlen(claims), NULL);
    }
    if (jws != NULL && cjose_jws_export(jws, &compact, NULL)) {
        int used = snprintf(out, capacity, "%s", compact);
        good = used > 0 && (size_t)used < capacity;
    }
    cjose_jws_release(jws);
    cjose_header_release(header);
    free(claims);
    return good;
}
