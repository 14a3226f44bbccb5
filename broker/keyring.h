/*
 * keyring -- who is allowed: the public certificates (cert.h) of one folder, looked at again while the process runs.
 *
 * A certificate is a file NAME.key; whatever else lies in the folder is passed over. May be used by several threads.
 */
#ifndef PLAYHOUSE_KEYRING_H
#define PLAYHOUSE_KEYRING_H

#include "cert.h"

enum { KEYRING_MAX = 1024 }; /* certificates of a folder; over it the rest is not allowed, and the log says so */

typedef struct keyring keyring_t;

/* What a look has found. */
typedef struct keyring_news {
    bool changed;
    size_t count;    /* certificates that are allowed now */
    size_t removed;  /* keys that were allowed before and are not any more */
    size_t unusable; /* files that are no certificates, or too many; each is named in the log */
} keyring_news_t;

/* Reads the folder. "" is a keyring that holds nothing for good. NULL: `why` says why it cannot be read. */
keyring_t *keyring_open(const char *folder, char *why, size_t why_size);
void keyring_destroy(keyring_t **self_p);

/* Reads the folder again if anything in it has changed. A folder that cannot be read leaves what was known, and is
 * named in the log. */
void keyring_look(keyring_t *self, keyring_news_t *news);

/* Is the key (40 characters of Z85; need not end there) allowed? `name` (may be NULL) is told whose it is. */
bool keyring_allows(keyring_t *self, const char *public_key, char name[CERT_NAME_MAX + 1]);
/* The key of NAME.key. False: it is not there. */
bool keyring_find(keyring_t *self, const char *name, char public_key[CERT_KEY_SIZE]);

#endif
