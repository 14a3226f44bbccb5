#include <stdio.h>
#include <string.h>

#include "house.h"

/* The store and the cache of one thread of persistence. */
static bool
house_open_shelf(house_t *self, uint32_t thread)
{
    char why[STORE_ERROR_MAX];
    const store_options_t options = {.url = config_text(self->config, CONFIG_STORE_URL),
                                     .path = config_text(self->config, CONFIG_STORE_PATH),
                                     .timeout_msec = config_int(self->config, CONFIG_STORE_TIMEOUT_MSEC)};
    self->stores[thread] = store_open(&options, why);
    if (self->stores[thread] == NULL) {
        return house_refuse("could not open the store", why, "see store.url and store.path");
    }
    const char *cache = config_text(self->config, CONFIG_CACHE_URL);
    if (*cache != '\0') {
        self->caches[thread] =
            cache_redis_new(cache, config_int(self->config, CONFIG_CACHE_TIMEOUT_MSEC), why, sizeof why);
        if (self->caches[thread] == NULL) {
            return house_refuse("cache.url is not usable", why, "give redis://HOST:PORT or unix:PATH, or nothing");
        }
    }
    return true;
}

static bool
house_open_stores(house_t *self)
{
    unsigned threads = broker_threads_of(self->placement, persistence_kind.name);
    if (threads > HOUSE_STORES_CAP) {
        return house_refuse("could not open the stores", "broker.placement has too many threads of persistence",
                            "16 are allowed; one is enough for tens of thousands of actions a second");
    }
    for (unsigned thread = 0; thread < threads; thread++) {
        if (!house_open_shelf(self, thread)) {
            return false;
        }
    }
    self->persistence = (persistence_config_t){
        .stores = self->stores,
        .stores_count = threads,
        .caches = *config_text(self->config, CONFIG_CACHE_URL) != '\0' ? self->caches : NULL,
        .window_msec = config_int(self->config, CONFIG_STORE_WINDOW_MSEC),
        .keep_msec = config_int(self->config, CONFIG_STORE_KEEP_HOURS) * 3600 * 1000,
    };
    return true;
}

static bool
house_is_instance(const char *name)
{
    static const char id[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = strspn(name, id);
    return length > 0 && length <= 24 && name[length] == '\0';
}

static bool
house_name_instances(house_t *self)
{
    const char *text = config_text(self->config, CONFIG_ADMISSION_INSTANCES);
    size_t count = 0;
    char *rest = NULL;
    if ((size_t)snprintf(self->instance_names, sizeof self->instance_names, "%s", text) >=
        sizeof self->instance_names) {
        return house_refuse("could not name the instances", "admission.instances is too long", "name fewer");
    }
    for (char *name = strtok_r(self->instance_names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        if (count == REGISTRY_INSTANCES_CAP || !house_is_instance(name)) {
            return house_refuse("could not name the instances", name,
                                "admission.instances is a list of at most 64 names of letters, digits, - and _");
        }
        self->instances[count++] = name;
    }
    return count > 0 || house_refuse("there is no instance to connect to", "admission.instances is empty", "name one");
}

/* Who has a seat: Redis, with this process's memory to stand in for it; or that memory alone. */
static bool
house_open_registry(house_t *self)
{
    const char *url = config_text(self->config, CONFIG_REGISTRY_URL);
    if (*url == '\0') {
        self->registry = registry_memory_new();
        return true;
    }
    char why[256];
    registry_t *redis = registry_redis_new(url, config_int(self->config, CONFIG_REGISTRY_TIMEOUT_MSEC),
                                           config_int(self->config, CONFIG_REGISTRY_REBUILD_MSEC), why, sizeof why);
    if (redis == NULL) {
        return house_refuse("registry.url is not usable", why, "give redis://HOST:PORT or unix:PATH, or nothing");
    }
    self->registry = registry_failover_new(redis, registry_memory_new());
    return true;
}

static bool
house_read_proxies(house_t *self)
{
    char wrong[PROXIES_WORD_SIZE];
    return proxies_read(&self->proxies, config_text(self->config, CONFIG_GATEWAY_TRUSTED_PROXIES), wrong) ||
           house_refuse("gateway.trusted_proxies is not usable", *wrong != '\0' ? wrong : "there are too many",
                        "give at most 64 addresses and networks, like 10.0.0.7 or 10.1.0.0/16");
}

bool
house_open_ports(house_t *self)
{
    return house_name_instances(self) && house_read_proxies(self) &&
           (!house_runs(self, ACT_KIND_PERSISTENCE) || house_open_stores(self)) &&
           ((!house_runs(self, ACT_KIND_ADMISSION) && !house_runs(self, ACT_KIND_QUEUE)) || house_open_registry(self));
}
