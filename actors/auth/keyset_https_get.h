/* keyset_https_get -- one bounded GET of something an identity provider publishes: 3 s to connect, 5 s in all, at most
 * KEYSET_BYTES_MAX, no redirects. Waits: only for a thread that may. */
#ifndef PLAYHOUSE_KEYSET_HTTPS_GET_H
#define PLAYHOUSE_KEYSET_HTTPS_GET_H

#include <stdatomic.h>
#include <stdbool.h>

enum {
    KEYSET_CONNECT_MSEC = 3000,
    KEYSET_TOTAL_MSEC = 5000,
};

/* May keys come from this URL? https, or (then *plain is true) http from this machine: 127.0.0.1, localhost, [::1]. */
bool keyset_https_allowed(const char *url, bool *plain);

/* Can a path be put behind this URL? Not when it has a query, a fragment, or a user. */
bool keyset_https_extensible(const char *url);

/* The body of a 200 without a NUL in it: the caller's, free it. NULL after a line in the log, or, without one, because
 * *stopping was set: that ends it within 1 s. `plain` is what keyset_https_allowed said. */
char *keyset_https_get(const char *url, bool plain, const atomic_bool *stopping);

#endif
