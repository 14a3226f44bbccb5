/* address -- how many connections each remote address has; how logs show one: IPv4 without its last byte, IPv6 without
 * its last ten; and what counts as one client: an IPv4 address, the first 64 bits of an IPv6 address. */
#ifndef PLAYHOUSE_ADDRESS_H
#define PLAYHOUSE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

enum { ADDRESS_BUCKETS = 1024, ADDRESS_TEXT_SIZE = 48, ADDRESS_SCOPE_SIZE = 46 };

/* One that has connections. Lives as long as they do. */
typedef struct address {
    struct address *next;
    uint32_t connections;
    uint8_t bytes[WIRE_ADDRESS_BYTES];
} address_t;

typedef struct address_book {
    address_t *buckets[ADDRESS_BUCKETS];
} address_book_t;

/* Counts a connection in. NULL: the address has `max` already. */
address_t *address_enter(address_book_t *self, const uint8_t bytes[WIRE_ADDRESS_BYTES], uint32_t max);
void address_leave(address_book_t *self, address_t **address_p);
void address_text(const address_t *self, char text[ADDRESS_TEXT_SIZE]);
/* "192.0.2.1" or "2001:db8:0:1::/64"; not for logs. */
void address_scope(const uint8_t bytes[WIRE_ADDRESS_BYTES], char text[ADDRESS_SCOPE_SIZE]);
/* 127.0.0.0/8 or ::1. No address (all zero) is none. */
bool address_is_loopback(const uint8_t bytes[WIRE_ADDRESS_BYTES]);

#endif
