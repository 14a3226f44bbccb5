#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "house.h"

/* What a role needs to be somewhere before it is of use. */
static const struct {
    act_kind_id_t kind;
    uint32_t needs;
} house_needs[] = {
    {ACT_KIND_GATEWAY, 1u << ACT_KIND_AUTH | 1u << ACT_KIND_ADMISSION | 1u << ACT_KIND_QUEUE | 1u << ACT_KIND_ROOM |
                           1u << ACT_KIND_PERSISTENCE},
    {ACT_KIND_ADMISSION, 1u << ACT_KIND_QUEUE | 1u << ACT_KIND_PERSISTENCE},
    {ACT_KIND_QUEUE, 1u << ACT_KIND_ADMISSION | 1u << ACT_KIND_PERSISTENCE},
    {ACT_KIND_ROOM, 1u << ACT_KIND_PERSISTENCE},
};

/* What every process among others has; and what is a role. */
static const uint32_t house_always = 1u << ACT_KIND_METRICS | 1u << ACT_KIND_WATCH | 1u << ACT_KIND_NODE;
static const uint32_t house_roles = 1u << ACT_KIND_BROKER | 1u << ACT_KIND_GATEWAY | 1u << ACT_KIND_AUTH |
                                    1u << ACT_KIND_ADMISSION | 1u << ACT_KIND_QUEUE | 1u << ACT_KIND_ROOM |
                                    1u << ACT_KIND_PERSISTENCE | 1u << ACT_KIND_METRICS;

bool
house_runs(const house_t *self, act_kind_id_t kind)
{
    return (self->net.kinds & 1u << kind) != 0;
}

bool
house_is_loopback(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127);
}

/* ---- roles ---- */

static act_kind_id_t
house_role_named(const char *name)
{
    for (int kind = 1; kind < ACT_KIND_COUNT; kind++) {
        if ((house_roles & 1u << kind) != 0 && strcmp(act_kind_names[kind], name) == 0) {
            return (act_kind_id_t)kind;
        }
    }
    return ACT_KIND_NONE;
}

static bool
house_read_roles(house_t *self)
{
    char text[HOUSE_ROLES_MAX + 1], *rest = NULL;
    const char *roles = config_text(self->config, CONFIG_ROLES);
    if ((size_t)snprintf(text, sizeof text, "%s", roles) >= sizeof text) {
        return house_refuse("could not read the roles", "roles is too long", "name each role once");
    }
    for (char *name = strtok_r(text, ", ", &rest); name != NULL; name = strtok_r(NULL, ", ", &rest)) {
        act_kind_id_t role = house_role_named(name);
        if (role == ACT_KIND_NONE || house_runs(self, role)) {
            return house_refuse(role == ACT_KIND_NONE ? "there is no such role" : "a role is named twice", name,
                                "roles are broker, gateway, auth, admission, queue, room, persistence and metrics, "
                                "joined by commas");
        }
        size_t used = strlen(self->net.roles);
        snprintf(self->net.roles + used, sizeof self->net.roles - used, "%s%s", used > 0 ? "," : "", name);
        self->net.kinds |= 1u << role;
    }
    self->net.kinds |= house_always;
    return true;
}

/* Kinds whose state would be two if two processes ran them. */
static uint32_t
house_exclusive(const house_t *self)
{
    bool sqlite = *config_text(self->config, CONFIG_STORE_URL) == '\0';
    bool memory = *config_text(self->config, CONFIG_REGISTRY_URL) == '\0';
    return (sqlite ? 1u << ACT_KIND_PERSISTENCE : 0) | (memory ? 1u << ACT_KIND_ADMISSION | 1u << ACT_KIND_QUEUE : 0);
}

static bool
house_check_roles(const house_t *self)
{
    bool memory = *config_text(self->config, CONFIG_REGISTRY_URL) == '\0';
    if (memory && house_runs(self, ACT_KIND_ADMISSION) != house_runs(self, ACT_KIND_QUEUE)) {
        return house_refuse("admission and queue must know of the same seats",
                            "registry.url is not set, so they are in the memory of one process",
                            "give one process both roles, or set registry.url");
    }
    return true;
}

/* ---- who this is ---- */

/* Host name and process id, as far as a name may be that. */
static void
house_make_name(char *name, size_t size)
{
    char host[24] = "node";
    gethostname(host, sizeof host - 1);
    host[sizeof host - 1] = '\0';
    snprintf(name, size, "%s-%ld", host, (long)getpid());
    for (char *at = name; *at != '\0'; at++) {
        bool good =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') || *at == '_';
        *at = good ? *at : '-';
    }
}

static bool
house_read_name(house_t *self)
{
    static const char id[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *name = config_text(self->config, CONFIG_NODE_NAME);
    size_t length = strlen(name);
    if (length == 0) {
        house_make_name(self->net.name, sizeof self->net.name);
        return true;
    }
    if (length > DIRECTORY_NAME_MAX || strspn(name, id) != length) {
        return house_refuse("this process cannot have that name", name,
                            "node.name is at most 40 letters, digits, - and _");
    }
    memcpy(self->net.name, name, length + 1);
    return true;
}

static bool
house_check_host(const house_t *self)
{
    const char *host = config_text(self->config, CONFIG_NODE_HOST);
    return strlen(host) <= DIRECTORY_HOST_MAX ||
           house_refuse("others could not be told where this process is", "node.host is longer than 63 bytes",
                        "give an address, or a shorter name");
}

/* Words of [NAME@]tcp://HOST:PORT. */
static bool
house_read_broker(house_t *self, const char *word)
{
    house_net_t *net = &self->net;
    char host[DIRECTORY_HOST_MAX + 1], name[CERT_NAME_MAX + 1];
    const char *endpoint = curve_endpoint(word, name);
    uint16_t port;
    if (net->brokers_count == ROSTER_BROKERS_MAX) {
        return house_refuse("there are too many brokers", "node.brokers names more than 8", "two or three are enough");
    }
    if (endpoint == NULL || !socket_endpoint_parse(endpoint, host, sizeof host, &port) || port == 0) {
        return house_refuse("node.brokers names something that is no endpoint", word,
                            "give [NAME@]tcp://HOST:PORT for each broker, separated by spaces");
    }
    if (self->curve != NULL && *name == '\0') {
        return house_refuse("node.brokers does not say which certificate a broker has", word,
                            "give NAME@tcp://HOST:PORT, where NAME.key is in keys.allowed");
    }
    node_broker_t *broker = &net->brokers[net->brokers_count++];
    snprintf(broker->endpoint, sizeof broker->endpoint, "%s", endpoint);
    memcpy(broker->name, name, sizeof broker->name);
    return true;
}

static bool
house_read_brokers(house_t *self)
{
    char text[CONFIG_TEXT_CAP], *rest = NULL;
    snprintf(text, sizeof text, "%s", config_text(self->config, CONFIG_NODE_BROKERS));
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (!house_read_broker(self, word)) {
            return false;
        }
    }
    return self->net.brokers_count > 0 || house_runs(self, ACT_KIND_BROKER) ||
           house_refuse("this process knows no broker", "node.brokers is not set",
                        "set it to tcp://HOST:PORT of each process with role broker, or give this one that role");
}

/* In the clear it may only be this machine. */
static bool
house_check_plain(const house_t *self)
{
    char host[DIRECTORY_HOST_MAX + 1] = "";
    uint16_t port;
    const char *bind = config_text(self->config, CONFIG_BROKER_BIND);
    if (self->curve != NULL || config_bool(self->config, CONFIG_INSECURE_PLAIN_TCP)) {
        return true;
    }
    static const char hint[] = "make keys and set keys.secret and keys.allowed, or set "
                               "insecure_plain_tcp_beyond_loopback if the network is yours alone";
    if (!house_is_loopback(self->net.node.host)) {
        return house_refuse("others would reach this process in the clear beyond this machine", "node.host", hint);
    }
    if (house_runs(self, ACT_KIND_BROKER) &&
        (!socket_endpoint_parse(bind, host, sizeof host, &port) || !house_is_loopback(host))) {
        return house_refuse("others would reach the broker in the clear beyond this machine", "broker.bind", hint);
    }
    for (uint32_t i = 0; i < self->net.brokers_count; i++) {
        socket_endpoint_parse(self->net.brokers[i].endpoint, host, sizeof host, &port);
        if (!house_is_loopback(host)) {
            return house_refuse("this process would talk to a broker in the clear beyond this machine",
                                self->net.brokers[i].endpoint, hint);
        }
    }
    return true;
}

/* ---- told while it runs ---- */

static void
house_wake(house_t *self)
{
    uint64_t one = 1;
    if (write(self->net.wake, &one, sizeof one) < 0) {
        log_event(LOG_ERROR, "wake-failed", "could not wake the main thread");
    }
}

static void
house_on_changed(void *me, bool registered)
{
    house_t *self = me;
    self->net.registered = registered;
    house_wake(self);
}

static void
house_on_refused(void *me, const char *why)
{
    house_t *self = me;
    log_event(LOG_ERROR, "not-admitted", "this process may not be among the others and ends", LOG_S("why", why),
              LOG_S("hint", "stop the other one first; with PostgreSQL and Redis there may be several"));
    self->net.refused = true;
    house_wake(self);
}

/* The broker of this process is among those that it registers with. */
static void
house_on_broker(void *me, const char *where)
{
    house_t *self = me;
    house_net_t *net = &self->net;
    char host[DIRECTORY_HOST_MAX + 1], listed[DIRECTORY_HOST_MAX + 1], own[SOCKET_ENDPOINT_MAX];
    uint16_t port = 0, listed_port;
    snprintf(self->bound.broker, sizeof self->bound.broker, "%.127s", where);
    socket_endpoint_parse(where, host, sizeof host, &port);
    bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || strcmp(host, "*") == 0;
    for (uint32_t i = 0; i < net->brokers_count; i++) {
        socket_endpoint_parse(net->brokers[i].endpoint, listed, sizeof listed, &listed_port);
        if (port == listed_port && (strcmp(host, listed) == 0 || strcmp(net->node.host, listed) == 0)) {
            return;
        }
    }
    socket_endpoint(any ? "127.0.0.1" : host, port, own, sizeof own);
    if (net->brokers_count < ROSTER_BROKERS_MAX) {
        node_broker_t *broker = &net->brokers[net->brokers_count++];
        memcpy(broker->endpoint, own, sizeof broker->endpoint);
        broker->name[0] = '\0'; /* itself */
    }
}

/* ---- all of it ---- */

static bool
house_open_alone(house_t *self)
{
    const char *front = config_text(self->config, CONFIG_BROKER_ENDPOINT);
    self->net.kinds =
        (house_roles & ~(1u << ACT_KIND_BROKER)) | 1u << ACT_KIND_WATCH | (*front != '\0' ? 1u << ACT_KIND_FRONT : 0);
    return true;
}

bool
house_open_net(house_t *self)
{
    house_net_t *net = &self->net;
    const config_t *config = self->config;
    net->on = *config_text(config, CONFIG_ROLES) != '\0';
    net->wake = -1;
    if (!net->on) {
        return house_open_alone(self);
    }
    net->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (net->wake < 0 || !house_read_roles(self) || !house_read_name(self) || !house_check_host(self) ||
        !house_read_brokers(self)) {
        return false;
    }
    log_setup_node(net->name, net->roles);
    const char *front = config_text(config, CONFIG_BROKER_ENDPOINT);
    bool door = house_runs(self, ACT_KIND_BROKER) || config_is_set(config, CONFIG_BROKER_ENDPOINT);
    net->kinds |= door && *front != '\0' ? 1u << ACT_KIND_FRONT : 0;
    net->kinds |= house_runs(self, ACT_KIND_GATEWAY) ? 0 : 1u << ACT_KIND_ADMIN; /* a gateway has that listener, too */
    net->node = (broker_node_t){.name = net->name,
                                .host = config_text(config, CONFIG_NODE_HOST),
                                .port = (uint16_t)config_int(config, CONFIG_NODE_PORT),
                                .roles = net->roles,
                                .curve = self->curve,
                                .exclusive = house_exclusive(self)};
    net->hub = (hub_config_t){.broker = self->broker,
                              .endpoint = config_text(config, CONFIG_BROKER_BIND),
                              .bound = house_on_broker,
                              .self = self};
    net->node_config = (node_config_t){.broker = self->broker,
                                       .brokers = net->brokers,
                                       .brokers_count = &net->brokers_count,
                                       .changed = house_on_changed,
                                       .refused = house_on_refused,
                                       .self = self};
    return house_check_roles(self) && house_check_plain(self);
}

void
house_missing(const house_t *self, char *text, size_t size)
{
    uint32_t needs = 0;
    *text = '\0';
    for (size_t i = 0; i < sizeof house_needs / sizeof house_needs[0]; i++) {
        needs |= house_runs(self, house_needs[i].kind) ? house_needs[i].needs : 0;
    }
    for (int kind = 1; kind < ACT_KIND_COUNT; kind++) {
        if ((needs & 1u << kind) != 0 && !broker_has(self->broker, (act_kind_id_t)kind)) {
            size_t used = strlen(text);
            snprintf(text + used, size - used, "%s%s", used > 0 ? "," : "", act_kind_names[kind]);
        }
    }
}

/* ---- what shares a thread ---- */

/* A kind that has more than one thread has each for itself. */
static bool
house_is_alone(const house_t *self, config_key_t threads)
{
    return config_int(self->config, threads) > 1;
}

static void
house_place_word(house_t *self, const char *word, int64_t threads)
{
    char times[16] = "";
    if (threads > 1) {
        snprintf(times, sizeof times, "*%d", (int)threads);
    }
    size_t used = strlen(self->placement);
    const char *between = used == 0 || self->placement[used - 1] == ' ' || *word == ' ' ? "" : "+";
    snprintf(self->placement + used, sizeof self->placement - used, "%s%s%s", between, word, times);
}

/* PostgreSQL is waited for over a socket: there persistence must not hold the gateway's loop. Nor may what waits for a
 * registry hold the beats of this process. */
void
house_place(house_t *self)
{
    const char *given = config_text(self->config, CONFIG_BROKER_PLACEMENT);
    if (strcmp(given, "auto") != 0) {
        snprintf(self->placement, sizeof self->placement, "%s", given);
        return;
    }
    bool postgres = *config_text(self->config, CONFIG_STORE_URL) != '\0';
    const struct {
        const char *kind;
        config_key_t key;
        bool apart;
    } rows[] = {{"gateway", CONFIG_GATEWAY_THREADS, false},
                {"room", CONFIG_ROOM_THREADS, false},
                {"persistence", CONFIG_PERSISTENCE_THREADS, postgres},
                {"auth", CONFIG_AUTH_THREADS, false}};
    for (int i = 0; i < 3; i++) {
        if (!rows[i].apart && !house_is_alone(self, rows[i].key)) {
            house_place_word(self, rows[i].kind, 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        if ((rows[i].apart || house_is_alone(self, rows[i].key))) {
            house_place_word(self, " ", 1);
            house_place_word(self, rows[i].kind, config_int(self->config, rows[i].key));
        }
    }
    house_place_word(self, house_is_alone(self, CONFIG_AUTH_THREADS) ? " " : " auth", 1);
    house_place_word(self,
                     self->net.on ? "admission+queue metrics+watch+front+admin broker+node"
                                  : "admission+queue+metrics+watch+front",
                     1);
}
