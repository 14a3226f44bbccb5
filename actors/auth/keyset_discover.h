/* keyset_discover -- what an identity provider says of itself (OpenID Connect Discovery 1.0): texts in, texts out. */
#ifndef PLAYHOUSE_KEYSET_DISCOVER_H
#define PLAYHOUSE_KEYSET_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>

enum { KEYSET_URL_SIZE = 2048 }; /* bytes of a URL that is followed, with the NUL */

/* Where it says so: the issuer, less a slash at its end, and "/.well-known/openid-configuration". False: too long. */
bool keyset_discover_url(const char *issuer, char out[KEYSET_URL_SIZE]);

/* Takes jwks_uri out of the document, which must name this very issuer, letter for letter. Nothing else in it counts.
 * False: *why says what is wrong with it (a text that lasts). */
bool keyset_discover_read(const char *document, const char *issuer, char jwks_uri[KEYSET_URL_SIZE], const char **why);

#endif
