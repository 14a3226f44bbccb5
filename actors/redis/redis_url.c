#include "redis_url.h"

#include <stdio.h>
#include <string.h>

enum { REDIS_PORT = 6379, REDIS_DATABASE_MAX = 9999 };

static bool
refuse(char *why, size_t why_size, const char *what)
{
    snprintf(why, why_size, "%s", what);
    return false;
}

static int
hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Undoes percent-encoding. False: it is not well-formed, has a NUL in it, or does not fit. */
static bool
take_decoded(char *out, size_t size, const char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];
        if (byte == '%') {
            if (length - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) {
                return false;
            }
            byte = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        if (byte == '\0' || used + 1 >= size) {
            return false;
        }
        out[used++] = byte;
    }
    out[used] = '\0';
    return true;
}

static bool
take_text(char *out, size_t size, const char *text, size_t length)
{
    if (length + 1 > size) {
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* All of `text` up to `end`, as digits. */
static bool
take_number(uint16_t *out, const char *text, const char *end, uint32_t max)
{
    uint32_t number = 0;
    if (text == end) {
        return false;
    }
    for (; text < end; text++) {
        if (*text < '0' || *text > '9' || (number = number * 10 + (uint32_t)(*text - '0')) > max) {
            return false;
        }
    }
    *out = (uint16_t)number;
    return true;
}

static bool
take_login(redis_address_t *self, const char *text, const char *end)
{
    const char *colon = memchr(text, ':', (size_t)(end - text));
    return colon != NULL && take_decoded(self->user, sizeof self->user, text, (size_t)(colon - text)) &&
           take_decoded(self->password, sizeof self->password, colon + 1, (size_t)(end - colon - 1)) &&
           *self->password != '\0';
}

static bool
take_host(redis_address_t *self, const char *text, const char *end)
{
    const char *host_end;
    if (text < end && *text == '[') {
        text++;
        host_end = memchr(text, ']', (size_t)(end - text));
        if (host_end == NULL || !take_text(self->host, sizeof self->host, text, (size_t)(host_end - text))) {
            return false;
        }
        host_end++;
    } else {
        host_end = memchr(text, ':', (size_t)(end - text));
        host_end = host_end != NULL ? host_end : end;
        if (!take_text(self->host, sizeof self->host, text, (size_t)(host_end - text))) {
            return false;
        }
    }
    if (*self->host == '\0' ||
        strspn(self->host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") !=
            strlen(self->host)) {
        return false;
    }
    if (host_end == end) {
        self->port = REDIS_PORT;
        return true;
    }
    return *host_end == ':' && take_number(&self->port, host_end + 1, end, UINT16_MAX) && self->port != 0;
}

bool
redis_address_parse(redis_address_t *self, const char *url, char *why, size_t why_size)
{
    static const char tcp[] = "redis://", local[] = "unix:";
    *self = (redis_address_t){0};
    if (strncmp(url, local, sizeof local - 1) == 0) {
        const char *path = url + sizeof local - 1;
        if (*path == '\0' || !take_text(self->path, sizeof self->path, path, strlen(path))) {
            return refuse(why, why_size, "after unix: stands the path of a socket, of at most 107 bytes");
        }
        return true;
    }
    if (strncmp(url, tcp, sizeof tcp - 1) != 0) {
        return refuse(why, why_size, "it must start with redis:// or unix:");
    }
    const char *text = url + sizeof tcp - 1;
    const char *end = text + strcspn(text, "/");
    const char *at = memrchr(text, '@', (size_t)(end - text));
    if (at != NULL && !take_login(self, text, at)) {
        return refuse(why, why_size, "before the @ stands USER:PASSWORD or :PASSWORD, percent-encoded where need be");
    }
    if (!take_host(self, at != NULL ? at + 1 : text, end)) {
        return refuse(why, why_size, "it must name HOST:PORT, with a port from 1 to 65535");
    }
    if (*end != '\0' && end[1] != '\0' &&
        !take_number(&self->database, end + 1, end + strlen(end), REDIS_DATABASE_MAX)) {
        return refuse(why, why_size, "after the / stands the number of a database");
    }
    return true;
}

void
redis_address_show(const redis_address_t *self, char *text, size_t size)
{
    if (*self->path != '\0') {
        snprintf(text, size, "unix:%s", self->path);
    } else {
        const bool bare = strchr(self->host, ':') == NULL;
        snprintf(text, size, bare ? "%s:%u" : "[%s]:%u", self->host, (unsigned)self->port);
    }
}
