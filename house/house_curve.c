#include <stdio.h>
#include <string.h>

#include "house.h"

/* The keys of this process, and who may talk to it. */
bool
house_open_curve(house_t *self)
{
    const curve_config_t keys = {.secret = config_text(self->config, CONFIG_KEYS_SECRET),
                                 .allowed = config_text(self->config, CONFIG_KEYS_ALLOWED),
                                 .tools = config_text(self->config, CONFIG_KEYS_TOOLS)};
    if (*keys.secret == '\0') {
        return (*keys.allowed == '\0' && *keys.tools == '\0') ||
               house_refuse("others are allowed, but this process has no key", "keys.secret is not set",
                            "make one with `playhouse keys NAME`, or leave keys.allowed and keys.tools empty too");
    }
    char why[512];
    self->curve = curve_new(broker_zmq(self->broker), &keys, why, sizeof why);
    return self->curve != NULL || house_refuse("could not open the keys", why, "see `playhouse help keys`");
}

/* The front door is plain and on loopback, or anywhere for tools with keys. */
bool
house_open_front(house_t *self)
{
    char host[DIRECTORY_HOST_MAX + 1], name[CERT_NAME_MAX + 1];
    uint16_t port;
    const char *text = config_text(self->config, CONFIG_BROKER_ENDPOINT), *endpoint = curve_endpoint(text, name);
    bool guarded = *config_text(self->config, CONFIG_KEYS_TOOLS) != '\0';
    if (endpoint == NULL || !socket_endpoint_parse(endpoint, host, sizeof host, &port)) {
        return house_refuse("the front door has no usable address", text,
                            "set broker.endpoint to tcp://127.0.0.1:PORT, or to nothing");
    }
    if (!guarded && !house_is_loopback(host)) {
        return house_refuse("without keys the front door may only be on loopback", endpoint,
                            "set broker.endpoint to tcp://127.0.0.1:PORT, or set keys.secret and keys.tools");
    }
    self->front.zmq = broker_zmq(self->broker);
    self->front.curve = guarded ? self->curve : NULL;
    self->front.endpoint = endpoint;
    return true;
}
