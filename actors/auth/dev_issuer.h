/*
 * dev_issuer -- INSECURE, for `--dev`: an identity provider in a file. Signs anybody in by name, with an ES256 key of
 * this machine. Its tokens are verified in the ordinary way, with the JWKS it gives.
 */
#ifndef PLAYHOUSE_DEV_ISSUER_H
#define PLAYHOUSE_DEV_ISSUER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

#define DEV_ISSUER_NAME "playhouse-dev" /* iss of its tokens */

enum {
    DEV_ISSUER_TTL_SECONDS = 12 * 60 * 60,
    DEV_ISSUER_TTL_MAX = 366 * 24 * 60 * 60,
    DEV_ISSUER_TOKEN_SIZE = 2048, /* room for any token it makes, with the NUL */
};

typedef struct dev_issuer dev_issuer_t;

/* Loads the private key (a JWK, a file of mode 0600), or makes it when there is none; two at once make one key.
 * `audience` is copied. NULL: *error says why. */
dev_issuer_t *dev_issuer_new(const char *path, const char *audience, char *error, size_t error_size);
void dev_issuer_destroy(dev_issuer_t **self_p);

/* The public key as a JWKS. Valid as long as the issuer. */
const char *dev_issuer_jwks(const dev_issuer_t *self);

/* A token of user "dev:<name>". `name` is 1..32 code points of printable UTF-8, ttl_seconds 1..DEV_ISSUER_TTL_MAX.
 * False: the name or the ttl is not that, or it does not fit. May be called from any thread. */
bool dev_issuer_token(const dev_issuer_t *self, const char *name, role_t role, int64_t wall_msec, int64_t ttl_seconds,
                      char *out, size_t capacity);

#endif
