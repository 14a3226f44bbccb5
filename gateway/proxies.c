#include "proxies.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, V4_MAPPED_BITS = V6_BITS - V4_BITS };

/* Of `length` bytes; IPv4 as ::ffff:a.b.c.d. */
static bool
proxies_address(const char *text, size_t length, uint8_t address[WIRE_ADDRESS_BYTES], unsigned *bits)
{
    char word[INET6_ADDRSTRLEN];
    if (length == 0 || length >= sizeof word) {
        return false;
    }
    memcpy(word, text, length);
    word[length] = '\0';
    memset(address, 0, WIRE_ADDRESS_BYTES);
    address[10] = address[11] = 0xff;
    *bits = V4_BITS;
    if (inet_pton(AF_INET, word, address + 12) == 1) {
        return true;
    }
    *bits = V6_BITS;
    return inet_pton(AF_INET6, word, address) == 1;
}

/* "10.1.0.0/16", or an address alone. */
static bool
proxies_network(proxies_t *self, const char *word)
{
    size_t length = strcspn(word, "/");
    unsigned all;
    if (!proxies_address(word, length, self->rows[self->count].network, &all)) {
        return false;
    }
    unsigned bits = all;
    if (word[length] == '/') {
        const char *digits = word + length + 1;
        size_t count = strspn(digits, "0123456789");
        bits = (unsigned)strtoul(digits, NULL, 10);
        if (count == 0 || count > 3 || digits[count] != '\0' || bits > all) {
            return false;
        }
    }
    self->rows[self->count++].bits = bits + (all == V4_BITS ? V4_MAPPED_BITS : 0);
    return true;
}

bool
proxies_read(proxies_t *self, const char *list, char wrong[PROXIES_WORD_SIZE])
{
    self->count = 0;
    wrong[0] = '\0';
    for (const char *at = list + strspn(list, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (self->count == PROXIES_MAX) {
            wrong[0] = '\0';
            return false;
        }
        size_t shown = length < PROXIES_WORD_SIZE ? length : PROXIES_WORD_SIZE - 1;
        memcpy(wrong, at, shown);
        wrong[shown] = '\0';
        if (shown < length || !proxies_network(self, wrong)) {
            return false;
        }
        at += length;
    }
    wrong[0] = '\0';
    return true;
}

static bool
proxies_has(const proxies_t *self, const uint8_t address[WIRE_ADDRESS_BYTES])
{
    for (size_t i = 0; i < self->count; i++) {
        size_t whole = self->rows[i].bits / 8;
        const uint8_t *network = self->rows[i].network;
        unsigned rest = self->rows[i].bits % 8;
        if (memcmp(network, address, whole) == 0 &&
            (rest == 0 || (network[whole] ^ address[whole]) >> (8 - rest) == 0)) {
            return true;
        }
    }
    return false;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80". */
static bool
proxies_hop(const char *text, size_t length, uint8_t address[WIRE_ADDRESS_BYTES])
{
    unsigned bits;
    const char *colon = memchr(text, ':', length), *bracket = memchr(text, ']', length);
    if (length > 0 && text[0] == '[') {
        return bracket != NULL && proxies_address(text + 1, (size_t)(bracket - text - 1), address, &bits);
    }
    if (colon != NULL && memchr(colon + 1, ':', length - (size_t)(colon + 1 - text)) == NULL) {
        length = (size_t)(colon - text); /* the only one: a port's */
    }
    return proxies_address(text, length, address, &bits);
}

void
proxies_client(const proxies_t *self, const char *forwarded, uint8_t address[WIRE_ADDRESS_BYTES])
{
    const char *end = forwarded + strlen(forwarded);
    while (end > forwarded && proxies_has(self, address)) {
        const char *begin = end;
        while (begin > forwarded && begin[-1] != ',') {
            begin--;
        }
        const char *from = begin + strspn(begin, " \t"), *to = end;
        while (to > from && (to[-1] == ' ' || to[-1] == '\t')) {
            to--;
        }
        uint8_t hop[WIRE_ADDRESS_BYTES];
        if (to <= from || !proxies_hop(from, (size_t)(to - from), hop)) {
            return;
        }
        memcpy(address, hop, WIRE_ADDRESS_BYTES);
        end = begin > forwarded ? begin - 1 : forwarded;
    }
}
