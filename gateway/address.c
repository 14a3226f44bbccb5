#include "address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "fnv.h"

static uint32_t
address_hash(const uint8_t bytes[WIRE_ADDRESS_BYTES])
{
    uint32_t hash = fnv32_bytes(FNV_32, bytes, WIRE_ADDRESS_BYTES);
    return (hash ^ hash >> 16) % ADDRESS_BUCKETS;
}

address_t *
address_enter(address_book_t *self, const uint8_t bytes[WIRE_ADDRESS_BYTES], uint32_t max)
{
    address_t **bucket = &self->buckets[address_hash(bytes)];
    address_t *found = *bucket;
    while (found != NULL && memcmp(found->bytes, bytes, WIRE_ADDRESS_BYTES) != 0) {
        found = found->next;
    }
    if (found == NULL) {
        found = calloc(1, sizeof(*found));
        ACT_ASSERT(found != NULL);
        memcpy(found->bytes, bytes, WIRE_ADDRESS_BYTES);
        found->next = *bucket;
        *bucket = found;
    } else if (found->connections >= max) {
        return NULL;
    }
    found->connections++;
    return found;
}

void
address_leave(address_book_t *self, address_t **address_p)
{
    address_t *address = *address_p;
    *address_p = NULL;
    ACT_ASSERT(address->connections > 0);
    if (--address->connections > 0) {
        return;
    }
    address_t **link = &self->buckets[address_hash(address->bytes)];
    while (*link != address) {
        link = &(*link)->next;
    }
    *link = address->next;
    free(address);
}

static bool
address_is_v4(const uint8_t bytes[WIRE_ADDRESS_BYTES])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

void
address_text(const address_t *self, char text[ADDRESS_TEXT_SIZE])
{
    uint8_t shown[WIRE_ADDRESS_BYTES] = {0};
    if (address_is_v4(self->bytes)) {
        memcpy(shown, self->bytes + 12, 3);
        (void)inet_ntop(AF_INET, shown, text, ADDRESS_TEXT_SIZE);
    } else {
        memcpy(shown, self->bytes, 6);
        (void)inet_ntop(AF_INET6, shown, text, ADDRESS_TEXT_SIZE);
    }
}

void
address_scope(const uint8_t bytes[WIRE_ADDRESS_BYTES], char text[ADDRESS_SCOPE_SIZE])
{
    if (address_is_v4(bytes)) {
        (void)inet_ntop(AF_INET, bytes + 12, text, ADDRESS_SCOPE_SIZE);
        return;
    }
    uint8_t network[WIRE_ADDRESS_BYTES] = {0};
    memcpy(network, bytes, 8);
    (void)inet_ntop(AF_INET6, network, text, ADDRESS_SCOPE_SIZE);
    size_t length = strlen(text); /* at most 21: the second half is zero */
    memcpy(text + length, "/64", sizeof("/64"));
}

bool
address_is_loopback(const uint8_t bytes[WIRE_ADDRESS_BYTES])
{
    static const uint8_t v6[WIRE_ADDRESS_BYTES] = {[15] = 1};
    return address_is_v4(bytes) ? bytes[12] == 127 : memcmp(bytes, v6, sizeof(v6)) == 0;
}
