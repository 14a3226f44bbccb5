/*
 * cert -- certificates in files: the keys of one process or tool, as czmq's zcert writes and reads them.
 *
 * NAME.key holds the public key and may be shown to anybody; NAME.key_secret holds both and is for its owner alone. A
 * file is text in ZPL: a section `curve` with public-key and secret-key, each 40 characters of Z85 in double quotes.
 * Other sections are passed over.
 */
#ifndef PLAYHOUSE_CERT_H
#define PLAYHOUSE_CERT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    CERT_KEY_SIZE = 41,   /* a key as text: 40 characters of Z85 and a NUL */
    CERT_NAME_MAX = 63,   /* bytes of NAME */
    CERT_FILE_MAX = 4096, /* bytes of a file; a larger one is refused */
};

#define CERT_PUBLIC_SUFFIX ".key"
#define CERT_SECRET_SUFFIX ".key_secret"

typedef struct cert {
    char public_key[CERT_KEY_SIZE];
    char secret_key[CERT_KEY_SIZE]; /* "" when only the public one was read */
} cert_t;

/* 1 to 63 letters, digits, '.', '_' and '-', of which the first is a letter or digit. */
bool cert_name_is_good(const char *name);
/* 40 characters of Z85 that are 32 bytes? */
bool cert_key_is_good(const char *key);

/* NAME.key: only its public key is looked at. False: `why` says what is wrong, without the path. */
bool cert_read_public(const char *path, cert_t *cert, char *why, size_t why_size);
/* NAME.key_secret: both keys, which must belong together, in a file that is not open to strangers (mode & 027 is 0).
 * The caller wipes it after use with cert_wipe. */
bool cert_read_secret(const char *path, cert_t *cert, char *why, size_t why_size);
void cert_wipe(cert_t *cert);

/* Makes new keys: FOLDER/NAME.key_secret, mode 0600, and FOLDER/NAME.key; the folder too if it is missing. Nothing is
 * overwritten, and nothing is left behind by a failure. `cert` (may be NULL) is told the public key alone. */
bool cert_make(const char *folder, const char *name, cert_t *cert, char *why, size_t why_size);

#endif
