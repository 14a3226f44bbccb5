/*
 * token -- reads one access token: a JWT signed with RS256 or ES256, nothing else. No clock, no key set of its own:
 * all it needs is given, so every refusal is a test of two calls. A token's text goes nowhere but into these calls.
 */
#ifndef PLAYHOUSE_TOKEN_H
#define PLAYHOUSE_TOKEN_H

#include <cjose/cjose.h>
#include <stdbool.h>
#include <stdint.h>

#include "keys.h"
#include "msg.h"

enum { TOKEN_SKEW_MSEC = 30000 }; /* how far the provider's clock and ours may be apart */

/* What a token must say. Borrowed texts. */
typedef struct token_rules {
    const char *issuer;
    const char *audience;
    const char *role_claim;
} token_rules_t;

typedef enum token_algorithm { TOKEN_RS256, TOKEN_ES256 } token_algorithm_t;

typedef struct token_head {
    token_algorithm_t algorithm;
    char kid[KEYS_KID_MAX + 1];
} token_head_t;

/* Reads the header. False: MALFORMED, ALGORITHM, or UNKNOWN_KEY when it names no key. */
bool token_open(const char *token, token_head_t *head, token_fault_t *fault);

/* Checks the rest, the signature before any claim. `key` is the one of head->kid; wall_msec is now, since 1970.
 * `signature_known`: this very token was verified with this very key before; only its claims are checked again. */
bool token_verify(const char *token, const token_head_t *head, const cjose_jwk_t *key, bool signature_known,
                  const token_rules_t *rules, int64_t wall_msec, msg_auth_verified_t *claims, token_fault_t *fault);

#endif
