#include "house.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build_id.h"
#include "server.h"

enum {
    HOUSE_JOIN_MSEC = 10000, /* what others have to come up; then the log says who is missing, and waiting goes on */
};

bool
house_refuse(const char *what, const char *why, const char *hint)
{
    log_event(LOG_ERROR, "cannot-start", what, LOG_S("why", why), LOG_S("hint", hint));
    return false;
}

/* ---- what listens where: told by the actors while they start, read after all have ---- */

static void
house_on_bound(void *me, bool admin, const char *host, int port)
{
    house_t *self = me;
    snprintf(admin ? self->bound.admin : self->bound.url, sizeof self->bound.url, "http://%s:%d", host, port);
}

static house_t *house_at_the_door; /* front.h gives no self */

static void
house_on_front(const char *where)
{
    snprintf(house_at_the_door->bound.front, sizeof house_at_the_door->bound.front, "%s", where);
}

/* ---- configuration ---- */

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

static bool
house_process(uint64_t *resident_bytes, uint64_t *cpu_usec)
{
    metrics_process_t process;
    if (!metrics_process_read(&process)) {
        return false;
    }
    *resident_bytes = process.resident_bytes;
    *cpu_usec = process.cpu_usec;
    return true;
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
    self->watch = (watch_config_t){.stats = broker_stats(self->broker),
                                   .node = self->net.name,
                                   .process = house_process,
                                   .clock_offset = watch_clock_offset};
    if (self->net.on) {
        self->metrics.node = self->net.name;
        self->metrics.roles = self->net.roles;
    }
    house_at_the_door = self;
    self->front.bound = house_on_front;
    self->limits = room_limits(&self->room);
    house_find_page(self);
    pthread_mutex_init(&self->ports.lock, NULL);
    self->gateway = (gateway_config_t){
        .config = config,
        .build = PLAYHOUSE_BUILD,
        .wire = &server_wire,
        .ports = &self->ports,
        .proxies = &self->proxies,
        .threads = broker_threads_of(self->placement, gateway_kind.name),
        .static_folder = self->static_folder,
        .instances = self->instances,
        .limits = &self->limits,
        .bound = house_on_bound,
        .dev_token = self->issuer != NULL ? house_dev_token : NULL,
        .sign_in = &self->sign_in,
        .dev_token_seconds = DEV_ISSUER_TTL_SECONDS,
        .self = self,
        .node = self->net.on ? self->net.name : NULL,
        .roles = self->net.roles,
        .kinds = self->net.kinds,
    };
    self->admin = self->gateway;
    self->admin.admin_only = true;
}

/* What others need last comes first: they are stopped in reverse. */
static void
house_add_actors(house_t *self)
{
    const struct {
        const act_kind_t *kind;
        const void *config;
    } rows[] = {
        {&hub_kind, &self->net.hub},     {&node_kind, &self->net.node_config}, {&persistence_kind, &self->persistence},
        {&metrics_kind, &self->metrics}, {&watch_kind, &self->watch},          {&room_kind, &self->room},
        {&queue_kind, &self->queue},     {&admission_kind, &self->admission},  {&auth_kind, &self->auth},
        {&gateway_kind, &self->gateway}, {&admin_kind, &self->admin},          {&front_kind, &self->front},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (house_runs(self, rows[i].kind->id)) {
            broker_add(self->broker, rows[i].kind, rows[i].config);
        }
    }
}

/* ---- life ---- */

bool
house_open(house_t *self)
{
    self->broker = broker_new();
    if (!house_open_curve(self) || !house_open_net(self) ||
        (house_runs(self, ACT_KIND_FRONT) && !house_open_front(self))) {
        return false;
    }
    house_place(self);
    if (!house_open_auth(self) || !house_open_ports(self)) {
        return false;
    }
    house_configure(self);
    house_add_actors(self);
    broker_options_t options = {.placement = self->placement,
                                .mailbox_max = (size_t)config_int(self->config, CONFIG_BROKER_MAILBOX_MAX),
                                .node = self->net.on ? &self->net.node : NULL};
    char why[256];
    if (!broker_start(self->broker, &options, why, sizeof why)) {
        return house_refuse("could not start the actors", why, "the lines above say more; see broker.placement");
    }
    return true;
}

static int64_t
house_now_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
house_say_listening(const house_t *self)
{
    if (!self->net.on) {
        log_event(LOG_INFO, "listening", "open the page in a browser", LOG_S("url", self->bound.url),
                  LOG_S("admin", self->bound.admin), LOG_S("frontDoor", self->bound.front),
                  LOG_S("build", PLAYHOUSE_BUILD));
        return;
    }
    log_event(LOG_INFO, "listening", "this process is among the others", LOG_S("url", self->bound.url),
              LOG_S("admin", self->bound.admin), LOG_S("frontDoor", self->bound.front),
              LOG_S("broker", self->bound.broker), LOG_N("id", broker_self(self->broker)->id),
              LOG_S("build", PLAYHOUSE_BUILD));
}

/* Says once who is missing. */
static void
house_complain(const house_t *self, const char *missing)
{
    if (!self->net.registered) {
        log_event(LOG_WARN, "no-broker", "no broker has taken this process in yet; it waits",
                  LOG_S("hint", "is a process with role broker running where node.brokers says?"));
    } else {
        log_event(LOG_WARN, "roles-missing", "nobody runs what this process needs; it listens without",
                  LOG_S("missing", missing), LOG_S("hint", "start processes with these roles"));
    }
}

bool
house_join(house_t *self, int signals)
{
    char missing[128] = "";
    bool complained = false;
    for (int64_t start = house_now_msec(); self->net.on;) {
        int64_t left = start + HOUSE_JOIN_MSEC - house_now_msec();
        house_missing(self, missing, sizeof missing);
        if (self->net.registered && *missing == '\0') {
            break;
        }
        if (left <= 0 && !complained) {
            house_complain(self, missing);
            complained = true;
        }
        if (left <= 0 && self->net.registered) {
            break;
        }
        struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = self->net.wake, .events = POLLIN}};
        poll(fds, 2, complained ? -1 : (int)(left > 0 ? left : 0));
        uint64_t count;
        if (fds[0].revents != 0 || self->net.refused) {
            return false;
        }
        if (fds[1].revents != 0 && read(self->net.wake, &count, sizeof count) < 0) {
            return false;
        }
    }
    house_say_listening(self);
    return true;
}

void
house_close(house_t *self)
{
    broker_destroy(&self->broker);
    curve_destroy(&self->curve);
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
    if (self->net.on) {
        log_setup_node(NULL, NULL);
        close(self->net.wake);
    }
}
