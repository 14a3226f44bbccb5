#include <string.h>

#include "house.h"

bool
house_dev_token(void *self, const char *name, int64_t wall_msec, char *out, size_t capacity)
{
    const house_t *house = self;
    return dev_issuer_token(house->issuer, name, ROLE_PLAYER, wall_msec, DEV_ISSUER_TTL_SECONDS, out, capacity);
}

static bool
house_open_dev_issuer(house_t *self)
{
    char why[256];
    if (!house_is_loopback(config_text(self->config, CONFIG_GATEWAY_HOST))) {
        return house_refuse("--dev signs anybody in and may only listen on loopback",
                            config_text(self->config, CONFIG_GATEWAY_HOST),
                            "set gateway.host to 127.0.0.1, or configure auth.issuer instead of --dev");
    }
    self->issuer = dev_issuer_new(config_text(self->config, CONFIG_AUTH_DEV_KEY),
                                  config_text(self->config, CONFIG_AUTH_AUDIENCE), why, sizeof why);
    if (self->issuer == NULL) {
        return house_refuse("could not open the local issuer's key", why, "see dev.key");
    }
    log_event(LOG_WARN, "insecure-dev-mode", "anybody may sign in as anybody: for development only");
    return true;
}

/* Where the keys come from that tokens are checked with. */
static bool
house_open_keys(house_t *self)
{
    const char *issuer = config_text(self->config, CONFIG_AUTH_ISSUER);
    const char *jwks = config_text(self->config, CONFIG_AUTH_JWKS);
    self->auth.rules = (token_rules_t){.issuer = issuer,
                                       .audience = config_text(self->config, CONFIG_AUTH_AUDIENCE),
                                       .role_claim = config_text(self->config, CONFIG_AUTH_ROLE_CLAIM)};
    if (self->issuer != NULL) {
        self->keyset = keyset_text_new(dev_issuer_jwks(self->issuer));
        self->auth.rules.issuer = DEV_ISSUER_NAME;
    } else if (*issuer == '\0') {
        return house_refuse("nobody could sign in: there is no identity provider", "auth.issuer is not set",
                            "set it, or run with --dev to try it on this machine");
    } else {
        char why[512];
        self->keyset = keyset_open(jwks, issuer, why, sizeof why);
        if (self->keyset == NULL) {
            return house_refuse("the provider's keys have no place to come from", why,
                                "give auth.issuer as the provider writes it, or in auth.jwks a file or an https URL");
        }
    }
    self->auth.keyset = self->keyset;
    return true;
}

/* Copies what the page is told; false: it cannot be told. */
static bool
house_tell(char *to, size_t size, const char *what, const char *value)
{
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++) {
        if (value[i] < ' ' || value[i] > '~') {
            return house_refuse("the page could not be told how to sign in", what, "use plain ASCII");
        }
    }
    if (length >= size) {
        return house_refuse("the page could not be told how to sign in", what, "it has at most 255 characters");
    }
    memcpy(to, value, length + 1);
    return true;
}

/* How people sign in, for the page. */
static bool
house_open_sign_in(house_t *self)
{
    obj_sign_in_t *to = &self->sign_in;
    const char *issuer = config_text(self->config, CONFIG_AUTH_ISSUER);
    const char *client = config_text(self->config, CONFIG_AUTH_CLIENT_ID);
    const char *scope = config_text(self->config, CONFIG_AUTH_SCOPE);
    const char *resource = config_text(self->config, CONFIG_AUTH_RESOURCE);
    if (self->issuer != NULL || *issuer == '\0' || *client == '\0') {
        to->kind = self->issuer != NULL ? SIGN_IN_KIND_DEV : SIGN_IN_KIND_NONE;
        return true;
    }
    *to = (obj_sign_in_t){.kind = SIGN_IN_KIND_OIDC,
                          .has_issuer = true,
                          .has_client_id = true,
                          .has_scope = *scope != '\0',
                          .has_resource = *resource != '\0'};
    return house_tell(to->issuer, sizeof to->issuer, "auth.issuer", issuer) &&
           house_tell(to->client_id, sizeof to->client_id, "auth.client_id", client) &&
           house_tell(to->scope, sizeof to->scope, "auth.scope", scope) &&
           house_tell(to->resource, sizeof to->resource, "auth.resource", resource);
}

bool
house_open_auth(house_t *self)
{
    bool signs = house_runs(self, ACT_KIND_GATEWAY), checks = house_runs(self, ACT_KIND_AUTH);
    if (!signs && !checks) {
        return true;
    }
    return (!config_bool(self->config, CONFIG_AUTH_DEV) || house_open_dev_issuer(self)) &&
           (!checks || house_open_keys(self)) && (!signs || house_open_sign_in(self));
}
