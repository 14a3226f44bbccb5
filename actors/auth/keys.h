/* keys -- a parsed JWKS: the public keys by kid that may verify RS256 (RSA, 2048..8192 bits) or ES256 (EC, P-256).
 * Keys of other kinds or uses, without a kid, or not sound are left out. Belongs to one thread. */
#ifndef PLAYHOUSE_KEYS_H
#define PLAYHOUSE_KEYS_H

#include <cjose/cjose.h>
#include <stddef.h>

enum {
    KEYS_CAP = 64,      /* keys of one set; the rest is left out. Providers have two to five. */
    KEYS_KID_MAX = 255, /* bytes of a kid */
};

typedef struct keys keys_t;

/* NULL: not a JWKS, or no key in it is of use. */
keys_t *keys_parse(const char *jwks);
void keys_destroy(keys_t **self_p);
size_t keys_count(const keys_t *self);
/* Borrowed; NULL when there is none of that kid. `self` may be NULL. */
const cjose_jwk_t *keys_find(const keys_t *self, const char *kid);

#endif
