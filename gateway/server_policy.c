#include "server_policy.h"

#include <stdio.h>
#include <string.h>

/* The length of "https://host:port" at the begin of a URL; 0: it is none. What could end a directive is no part. */
static size_t
server_policy_origin(const char *url)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t scheme = strlen(schemes[i]);
        if (strncmp(url, schemes[i], scheme) != 0) {
            continue;
        }
        size_t authority = strspn(url + scheme, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]");
        char after = url[scheme + authority];
        return authority > 0 && (after == '\0' || after == '/') ? scheme + authority : 0;
    }
    return 0;
}

bool
server_policy_write(char policy[SERVER_POLICY_SIZE], const obj_sign_in_t *sign_in)
{
    bool provider = sign_in != NULL && sign_in->kind == SIGN_IN_KIND_OIDC && sign_in->has_issuer;
    size_t length = provider ? server_policy_origin(sign_in->issuer) : 0;
    char origin[sizeof(sign_in->issuer) + 1] = "";
    if (length > 0) {
        snprintf(origin, sizeof(origin), " %.*s", (int)length, sign_in->issuer);
    }
    snprintf(policy, SERVER_POLICY_SIZE,
             "default-src 'self'; connect-src 'self' ws: wss:%s; img-src 'self' data:; frame-ancestors 'none'; "
             "base-uri 'none'; form-action 'self'%s",
             origin, origin);
    return !provider || length > 0;
}
