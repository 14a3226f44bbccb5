/*
 * keyset -- where the identity provider's public keys come from: the port of auth.
 *
 * A form holds the latest JWKS it could read, as text; each auth state parses its own copy, so keys are never shared
 * between threads. A failed reading leaves the text as it was: the provider being away does not stop those whose key
 * is known. Every function may be called from any thread, and none waits for a network.
 */
#ifndef PLAYHOUSE_KEYSET_H
#define PLAYHOUSE_KEYSET_H

#include <stddef.h>
#include <stdint.h>

enum { KEYSET_BYTES_MAX = 256 * 1024 }; /* a larger answer or file is refused; providers have a few KiB */

typedef enum keyset_state {
    KEYSET_READY,   /* the latest reading succeeded */
    KEYSET_LOADING, /* a reading is under way; poll again */
    KEYSET_AWAY,    /* the latest reading failed */
} keyset_state_t;

typedef struct keyset keyset_t;
struct keyset {
    /* Asks for the keys to be read anew. No effect while a reading is under way. */
    void (*refresh)(keyset_t *self);
    /* How the latest reading ended. When the text is of another generation than *generation, *jwks is a copy of it
     * (free it) and *generation is set; else *jwks is NULL. Generation 0 is none. */
    keyset_state_t (*poll)(keyset_t *self, uint64_t *generation, char **jwks);
    void (*destroy)(keyset_t *self);
};

/* The form that `where` calls for: an https URL, a path, or, when it is empty, what the provider at `issuer` says.
 * Plain http is for loopback hosts (127.0.0.1, localhost, [::1]) only. NULL: *error says why. */
keyset_t *keyset_open(const char *where, const char *issuer, char *error, size_t error_size);

/* A file, read again when it changes (looked at in each poll). It need not exist yet. */
keyset_t *keyset_file_new(const char *path);
/* A URL, fetched by a thread of its own: 3 s to connect, 5 s in all, no redirects. NULL: as keyset_open. */
keyset_t *keyset_https_new(const char *url, char *error, size_t error_size);
/* Where <issuer>/.well-known/openid-configuration says, asked anew in each reading; each of the two fetches is limited
 * as with keyset_https_new. The document has to name this very issuer. NULL: as keyset_open. */
keyset_t *keyset_discover_new(const char *issuer, char *error, size_t error_size);
/* A fixed text, copied. */
keyset_t *keyset_text_new(const char *jwks);

/* Ends a reading that is under way (within 1 s). NULL is fine. */
void keyset_destroy(keyset_t **self_p);

#endif
