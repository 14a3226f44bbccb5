/* redis_url -- where a Redis is, taken from its url. */
#ifndef PLAYHOUSE_REDIS_URL_H
#define PLAYHOUSE_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REDIS_PATH_SIZE = 108 }; /* what a socket's address has room for (sys/un.h) */

typedef struct redis_address {
    char path[REDIS_PATH_SIZE]; /* of a unix socket; empty: host and port */
    char host[254];
    uint16_t port;
    uint16_t database;
    char user[128]; /* empty: Redis's default user */
    char password[512];
} redis_address_t;

/*
 * redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], an IPv6 HOST in brackets, USER and PASSWORD percent-encoded where
 * they must be; or unix:PATH. False: `why` says what is wrong with it, without saying what it was (there may be a
 * password in it).
 */
bool redis_address_parse(redis_address_t *self, const char *url, char *why, size_t why_size);
/* As errors may show it: without user and password. */
void redis_address_show(const redis_address_t *self, char *text, size_t size);

#endif
