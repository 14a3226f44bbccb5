/* proxies -- the load balancers that are believed when they say, in X-Forwarded-For, for whom they ask. */
#ifndef PLAYHOUSE_PROXIES_H
#define PLAYHOUSE_PROXIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

enum { PROXIES_MAX = 64, PROXIES_WORD_SIZE = 64 };

typedef struct proxies {
    struct {
        uint8_t network[WIRE_ADDRESS_BYTES];
        unsigned bits; /* of `network` that count: 0 to 128 */
    } rows[PROXIES_MAX];
    size_t count;
} proxies_t;

/* Reads a list of addresses and networks ("10.0.0.7 10.1.0.0/16 fd00::/8"), separated by spaces. False: `wrong` has the
 * first word that is neither, or "" when there are more than PROXIES_MAX. */
bool proxies_read(proxies_t *self, const char *list, char wrong[PROXIES_WORD_SIZE]);

/* Whom a connection from `address` is for. `forwarded` is the whole X-Forwarded-For of its request, "" when there is
 * none; each proxy appends the address that it was asked from, so that only what trusted ones have appended is
 * believed: the client is the last address that is none of theirs. What is no address ends the search. */
void proxies_client(const proxies_t *self, const char *forwarded, uint8_t address[WIRE_ADDRESS_BYTES]);

#endif
