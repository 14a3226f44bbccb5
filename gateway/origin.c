/* Which pages may open a WebSocket: the server's own, and those of gateway.origins. */
#include "state.h"

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
