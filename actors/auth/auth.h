/* auth -- who is this? Verifies access tokens; see README.md. */
#ifndef PLAYHOUSE_AUTH_H
#define PLAYHOUSE_AUTH_H

#include "act.h"
#include "keyset.h"
#include "token.h"

enum {
    AUTH_PENDING_CAP = 64,                /* tokens that wait for keys; over it KEYS_UNAVAILABLE at once */
    AUTH_PENDING_USEC = 3 * ACT_SEC,      /* how long one waits for a key set that is being read */
    AUTH_POLL_USEC = 20 * ACT_MSEC,       /* how often the port is looked at while a reading is under way */
    AUTH_REFRESH_MIN_USEC = 10 * ACT_SEC, /* an unknown kid has the keys read again at most this often */
    AUTH_KNOWN_SLOTS = 4096,              /* tokens whose signature need not be checked again; 128 KiB */
    AUTH_REFRESH_USEC = 300 * ACT_SEC,    /* and without one, this often: so that a withdrawn key goes */
    AUTH_RETRY_USEC = 10 * ACT_SEC,       /* and this long after a reading that failed */
};

typedef struct auth_config {
    keyset_t *keyset; /* borrowed */
    token_rules_t rules;
} auth_config_t;

extern const act_kind_t auth_kind;

#endif
