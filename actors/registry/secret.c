#include "secret.h"

#include <openssl/sha.h>
#include <string.h>

void
secret_draw(act_ctx_t *ctx, char text[SECRET_TEXT_SIZE], uint8_t hash[SECRET_HASH_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[33] = {0}; /* one more than are drawn, to end on a whole group of three */
    act_random_secret(ctx, bytes, sizeof bytes - 1);
    char *out = text;
    for (size_t i = 0; i < sizeof bytes; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6) {
            *out++ = letters[group >> shift & 63];
        }
    }
    text[SECRET_TEXT_SIZE - 1] = '\0'; /* over the last character, which is all padding */
    secret_hash(text, hash);
}

void
secret_hash(const char *text, uint8_t hash[SECRET_HASH_SIZE])
{
    _Static_assert(SECRET_HASH_SIZE == SHA256_DIGEST_LENGTH, "secrets are known by their SHA-256");
    SHA256((const uint8_t *)text, strlen(text), hash);
}
