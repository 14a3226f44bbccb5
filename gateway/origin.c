/* Which pages may open a WebSocket: the server's own, and those of gateway.origins; and who may use the admin listener:
 * nobody of this machine who came by another name than loopback's, and others only to see how it goes. */
#include "address.h"
#include "state.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

bool
gateway_origin_allowed(const gateway_t *self, const char *origin, const char *host)
{
    const char *scheme = strstr(origin, "://");
    if (scheme != NULL && host[0] != '\0' && strcasecmp(scheme + 3, host) == 0) {
        return true;
    }
    const char *list = config_text(self->config->config, CONFIG_GATEWAY_ORIGINS);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        if ((length == 1 && *at == '*') ||
            (length > 0 && strlen(origin) == length && strncasecmp(at, origin, length) == 0)) {
            return true;
        }
        at += length;
    }
    return false;
}

/* "localhost", "127.0.0.1" or "[::1]", with or without a port. */
static bool
origin_is_loopback(const char *authority)
{
    static const char v6[] = "[::1]";
    char name[64];
    bool bracket = authority[0] == '[';
    size_t length = bracket ? strcspn(authority, "]") + 1 : strcspn(authority, ":");
    if (length >= sizeof(name) || length > strlen(authority)) {
        return false;
    }
    memcpy(name, authority, length);
    name[length] = '\0';
    const char *port = authority + length;
    if (port[0] == ':' ? port[1 + strspn(port + 1, "0123456789")] != '\0' : port[0] != '\0') {
        return false;
    }
    struct in_addr v4;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, v6) == 0 ||
           (inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

bool
gateway_admin_allowed(const wire_request_t *in)
{
    if (!address_is_loopback(in->address)) {
        return in->method == WIRE_GET && (strcmp(in->path, "/health") == 0 || strcmp(in->path, "/metrics") == 0);
    }
    const char *scheme = strstr(in->origin, "://");
    return (in->host[0] == '\0' || origin_is_loopback(in->host)) &&
           (in->origin[0] == '\0' || (scheme != NULL && origin_is_loopback(scheme + 3)));
}
