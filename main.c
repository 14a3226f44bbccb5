/*
 * main -- where it starts: read the configuration, start what this process is to run, stop it in reverse.
 *
 * The only file that knows every actor.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admission.h"
#include "auth.h"
#include "broker.h"
#include "build_id.h"
#include "cli.h"
#include "dev_issuer.h"
#include "front.h"
#include "gateway.h"
#include "metrics.h"
#include "persistence.h"
#include "queue.h"
#include "room.h"
#include "server.h"

enum {
    HOUSE_INSTANCES_TEXT = 2048, /* bytes of admission.instances */
    HOUSE_STORES_CAP = 16,       /* threads of persistence */
};

/* All that one process is made of. */
typedef struct house {
    const config_t *config;
    broker_t *broker;
    store_t *stores[HOUSE_STORES_CAP]; /* one for each thread of persistence, and its cache; NULL beyond */
    cache_t *caches[HOUSE_STORES_CAP];
    registry_t *registry;
    keyset_t *keyset;
    dev_issuer_t *issuer; /* NULL without --dev */
    gateway_ports_t ports;
    char static_folder[PATH_MAX];
    auth_config_t auth;
    admission_config_t admission;
    queue_config_t queue;
    char instance_names[HOUSE_INSTANCES_TEXT];
    const char *instances[REGISTRY_INSTANCES_CAP + 1]; /* into instance_names; NULL at the end */
    room_config_t room;
    obj_limits_t limits; /* of that room's world */
    persistence_config_t persistence;
    metrics_config_t metrics;
    obj_sign_in_t sign_in;
    gateway_config_t gateway;
    front_config_t front;
} house_t;

/* What listens where: told by the actors while they start, read after all have. */
static struct {
    char url[128], admin[128], front[128];
} house_bound;

static void
house_on_bound(void *self, bool admin, const char *host, int port)
{
    (void)self;
    snprintf(admin ? house_bound.admin : house_bound.url, sizeof house_bound.url, "http://%s:%d", host, port);
}

static void
house_on_front(const char *where)
{
    snprintf(house_bound.front, sizeof house_bound.front, "%s", where);
}

static bool
house_dev_token(void *self, const char *name, int64_t wall_msec, char *out, size_t capacity)
{
    const house_t *house = self;
    return dev_issuer_token(house->issuer, name, ROLE_PLAYER, wall_msec, DEV_ISSUER_TTL_SECONDS, out, capacity);
}

static bool
house_refuse(const char *what, const char *why, const char *hint)
{
    log_event(LOG_ERROR, "cannot-start", what, LOG_S("why", why), LOG_S("hint", hint));
    return false;
}

/* ---- the parts ---- */

static bool
house_is_loopback(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}

static bool
house_check_front(const char *endpoint)
{
    char host[64] = "";
    if (*endpoint == '\0' || (sscanf(endpoint, "tcp://%63[^:]:", host) == 1 && house_is_loopback(host))) {
        return true;
    }
    return house_refuse("the front door may only be on loopback", endpoint,
                        "set broker.endpoint to tcp://127.0.0.1:PORT, or to nothing");
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
    self->keyset = keyset_text_new(dev_issuer_jwks(self->issuer));
    self->auth.rules.issuer = DEV_ISSUER_NAME;
    log_event(LOG_WARN, "insecure-dev-mode", "anybody may sign in as anybody: for development only");
    return true;
}

static bool
house_open_auth(house_t *self)
{
    const char *issuer = config_text(self->config, CONFIG_AUTH_ISSUER);
    const char *jwks = config_text(self->config, CONFIG_AUTH_JWKS);
    self->auth.rules = (token_rules_t){.issuer = issuer,
                                       .audience = config_text(self->config, CONFIG_AUTH_AUDIENCE),
                                       .role_claim = config_text(self->config, CONFIG_AUTH_ROLE_CLAIM)};
    if (config_bool(self->config, CONFIG_AUTH_DEV)) {
        if (!house_open_dev_issuer(self)) {
            return false;
        }
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

/* What shares a thread. PostgreSQL is waited for over a socket: there persistence must not hold the gateway's loop. */
static const char *
house_placement(const config_t *config)
{
    const char *placement = config_text(config, CONFIG_BROKER_PLACEMENT);
    if (strcmp(placement, "auto") != 0) {
        return placement;
    }
    return *config_text(config, CONFIG_STORE_URL) == '\0'
               ? "gateway+room+persistence auth+admission+queue+metrics+front"
               : "gateway+room persistence auth+admission+queue+metrics+front";
}

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
    unsigned threads = broker_threads_of(house_placement(self->config), persistence_kind.name);
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

/* The page is built into web/ beside the build folders, or installed beside the binary. */
static void
house_find_page(house_t *self)
{
    static const char *const places[] = {"web", "../web", "../share/playhouse/web"};
    const char *configured = config_text(self->config, CONFIG_GATEWAY_STATIC);
    snprintf(self->static_folder, sizeof self->static_folder, "%s", configured);
    char binary[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - 1);
    for (size_t i = 0; *configured == '\0' && length > 0 && i < sizeof places / sizeof *places; i++) {
        binary[length] = '\0';
        char *slash = strrchr(binary, '/');
        int folder = slash != NULL ? (int)(slash - binary) : 0;
        struct stat found;
        char path[PATH_MAX];
        if ((size_t)snprintf(path, sizeof path, "%.*s/%s", folder, binary, places[i]) < sizeof path &&
            stat(path, &found) == 0 && S_ISDIR(found.st_mode)) {
            memcpy(self->static_folder, path, sizeof path);
            return;
        }
    }
}

static int64_t
house_seconds(const house_t *self, config_key_t key)
{
    return config_int(self->config, key) * 1000;
}

static void
house_configure_admission(house_t *self)
{
    const config_t *config = self->config;
    registry_limits_t limits = {
        .capacity = (uint32_t)config_int(config, CONFIG_ADMISSION_CAPACITY),
        .room_size = (uint32_t)config_int(config, CONFIG_ADMISSION_ROOM_SIZE),
        .queue_max = (uint32_t)config_int(config, CONFIG_ADMISSION_QUEUE_MAX),
        .ticket_msec = house_seconds(self, CONFIG_ADMISSION_TICKET_SECONDS),
        .offer_msec = house_seconds(self, CONFIG_ADMISSION_OFFER_SECONDS),
        .grace_msec = house_seconds(self, CONFIG_ADMISSION_GRACE_SECONDS),
        .ask_msec = house_seconds(self, CONFIG_ADMISSION_REPLACE_SECONDS),
    };
    self->queue = (queue_config_t){.registry = self->registry, .instances = self->instances, .limits = limits};
    self->admission = (admission_config_t){
        .registry = self->registry,
        .instances = self->instances,
        .build = PLAYHOUSE_BUILD,
        .replacement = config_bool(config, CONFIG_ADMISSION_REPLACEMENT),
        .limits = limits,
        .attempts = {.user_max = (uint32_t)config_int(config, CONFIG_ADMISSION_ATTEMPTS),
                     .address_max = (uint32_t)config_int(config, CONFIG_ADMISSION_ATTEMPTS_PER_ADDRESS),
                     .window_msec = house_seconds(self, CONFIG_ADMISSION_ATTEMPT_SECONDS),
                     .lock_msec = house_seconds(self, CONFIG_ADMISSION_LOCK_SECONDS)},
    };
}

static void
house_configure(house_t *self)
{
    const config_t *config = self->config;
    house_configure_admission(self);
    self->room = (room_config_t){.delta_msec = config_int(config, CONFIG_ROOM_DELTA_MSEC),
                                 .moves_per_second = config_int(config, CONFIG_GATEWAY_MOVES_PER_SECOND),
                                 .chats_per_second = config_int(config, CONFIG_GATEWAY_CHATS_PER_SECOND),
                                 .build = PLAYHOUSE_BUILD,
                                 .rules = &plaza_rules};
    self->metrics = (metrics_config_t){
        .stats = broker_stats(self->broker), .build = PLAYHOUSE_BUILD, .process = metrics_process_read};
    self->front = (front_config_t){.endpoint = config_text(config, CONFIG_BROKER_ENDPOINT), .bound = house_on_front};
    self->limits = room_limits(&self->room);
    house_find_page(self);
    pthread_mutex_init(&self->ports.lock, NULL);
    self->gateway = (gateway_config_t){
        .config = config,
        .build = PLAYHOUSE_BUILD,
        .wire = &server_wire,
        .ports = &self->ports,
        .threads = broker_threads_of(house_placement(config), gateway_kind.name),
        .static_folder = self->static_folder,
        .instances = self->instances,
        .limits = &self->limits,
        .bound = house_on_bound,
        .dev_token = self->issuer != NULL ? house_dev_token : NULL,
        .sign_in = &self->sign_in,
        .dev_token_seconds = DEV_ISSUER_TTL_SECONDS,
        .self = self,
    };
}

/* What others need last comes first: they are stopped in reverse. */
static void
house_add_actors(house_t *self)
{
    broker_add(self->broker, &persistence_kind, &self->persistence);
    broker_add(self->broker, &metrics_kind, &self->metrics);
    broker_add(self->broker, &room_kind, &self->room);
    broker_add(self->broker, &queue_kind, &self->queue);
    broker_add(self->broker, &admission_kind, &self->admission);
    broker_add(self->broker, &auth_kind, &self->auth);
    broker_add(self->broker, &gateway_kind, &self->gateway);
    if (*self->front.endpoint != '\0') {
        broker_add(self->broker, &front_kind, &self->front);
    }
}

/* ---- life ---- */

static bool
house_open(house_t *self)
{
    self->broker = broker_new();
    if (!house_check_front(config_text(self->config, CONFIG_BROKER_ENDPOINT)) || !house_name_instances(self) ||
        !house_open_auth(self) || !house_open_sign_in(self) || !house_open_stores(self) || !house_open_registry(self)) {
        return false;
    }
    house_configure(self);
    house_add_actors(self);
    broker_options_t options = {.placement = house_placement(self->config),
                                .mailbox_max = (size_t)config_int(self->config, CONFIG_BROKER_MAILBOX_MAX)};
    char why[256];
    if (!broker_start(self->broker, &options, why, sizeof why)) {
        return house_refuse("could not start the actors", why, "the lines above say more; see broker.placement");
    }
    log_event(LOG_INFO, "listening", "open the page in a browser", LOG_S("url", house_bound.url),
              LOG_S("admin", house_bound.admin), LOG_S("frontDoor", house_bound.front),
              LOG_S("build", PLAYHOUSE_BUILD));
    return true;
}

static void
house_close(house_t *self)
{
    broker_destroy(&self->broker);
    for (int thread = 0; thread < HOUSE_STORES_CAP; thread++) {
        if (self->caches[thread] != NULL) {
            self->caches[thread]->destroy(&self->caches[thread]);
        }
        if (self->stores[thread] != NULL) {
            self->stores[thread]->close(&self->stores[thread]);
        }
    }
    registry_destroy(&self->registry);
    keyset_destroy(&self->keyset);
    dev_issuer_destroy(&self->issuer);
}

/* As many descriptors as the system lets us have: each connection is one. */
static void
house_raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void
house_wait(const sigset_t *signals)
{
    int signal_number = 0;
    sigwait(signals, &signal_number);
    log_event(LOG_INFO, "stopping", "asked to stop; sessions are told", LOG_S("signal", strsignal(signal_number)));
}

static int
cmd_run(int argc, char **argv, config_t *config)
{
    if (argc > 1) {
        return cli_misuse("run", argv[1]);
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    house_raise_limits();
    house_t house = {.config = config};
    bool good = house_open(&house);
    if (good) {
        house_wait(&signals);
        good = broker_stop(house.broker);
        if (!good) {
            _exit(EXIT_FAILURE); /* a thread that is stuck cannot be joined */
        }
        log_event(LOG_INFO, "stopped", "all actors have ended");
    }
    house_close(&house);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    return cli_main(argc, argv, cmd_run);
}
