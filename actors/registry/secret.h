/* secret -- tickets and tokens: 256 random bits as 43 characters of base64url, known to the server by their SHA-256. */
#ifndef PLAYHOUSE_SECRET_H
#define PLAYHOUSE_SECRET_H

#include "act.h"

enum { SECRET_HASH_SIZE = 32, SECRET_TEXT_SIZE = 44 };

/* Draws one; `hash` is its SHA-256. */
void secret_draw(act_ctx_t *ctx, char text[SECRET_TEXT_SIZE], uint8_t hash[SECRET_HASH_SIZE]);
/* SHA-256 of any text: a secret, a user id, an address. */
void secret_hash(const char *text, uint8_t hash[SECRET_HASH_SIZE]);

#endif
