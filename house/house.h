/*
 * house -- one process: what it is to run, the ports that takes, and the configuration of each actor. Made and ended by
 * main.c.
 */
#ifndef PLAYHOUSE_HOUSE_H
#define PLAYHOUSE_HOUSE_H

#include <limits.h>

#include "admission.h"
#include "auth.h"
#include "broker.h"
#include "dev_issuer.h"
#include "front.h"
#include "gateway.h"
#include "hub.h"
#include "metrics.h"
#include "node.h"
#include "persistence.h"
#include "queue.h"
#include "room.h"
#include "watch.h"

enum {
    HOUSE_INSTANCES_TEXT = 2048, /* bytes of admission.instances */
    HOUSE_STORES_CAP = 16,       /* threads of persistence, and its cache */
    HOUSE_ROLES_MAX = 120,       /* bytes of roles */
};

/* What this process is among others. */
typedef struct house_net {
    bool on;        /* roles was given */
    uint32_t kinds; /* what it runs: bits of act_kind_id_t */
    char roles[HOUSE_ROLES_MAX + 1], name[DIRECTORY_NAME_MAX + 1];
    broker_node_t node;
    node_broker_t brokers[ROSTER_BROKERS_MAX];
    uint32_t brokers_count;
    node_config_t node_config;
    hub_config_t hub;
    int wake; /* an eventfd: the view has changed, or this process may not be there */
    _Atomic bool registered, refused;
} house_net_t;

/* All that one process is made of. */
typedef struct house {
    const config_t *config;
    house_net_t net;
    char placement[CONFIG_TEXT_CAP];
    broker_t *broker;
    curve_t *curve;                    /* NULL without keys */
    store_t *stores[HOUSE_STORES_CAP]; /* one for each thread of persistence, and its cache; NULL beyond */
    cache_t *caches[HOUSE_STORES_CAP];
    registry_t *registry;
    keyset_t *keyset;
    dev_issuer_t *issuer; /* NULL without --dev */
    gateway_ports_t ports;
    proxies_t proxies;
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
    watch_config_t watch;
    obj_sign_in_t sign_in;
    gateway_config_t gateway;
    gateway_config_t admin; /* the same for processes without a gateway */
    front_config_t front;
    struct {
        char url[128], admin[128], front[128], broker[128]; /* what listens where; told while actors start */
    } bound;
} house_t;

/* Says why this process does not start. Always false. */
bool house_refuse(const char *what, const char *why, const char *hint);
bool house_is_loopback(const char *host);
/* Does this process run that kind? */
bool house_runs(const house_t *self, act_kind_id_t kind);

/* house_net.c: reads roles, node.* and broker.*, and refuses what does not go together. */
bool house_open_net(house_t *self);
/* Fills self->placement. */
void house_place(house_t *self);
/* The kinds that this process needs and nobody runs, as last seen, joined by commas; "" when all are there. */
void house_missing(const house_t *self, char *text, size_t size);

/* house_curve.c: the keys of this process; and where the front door may be, if it has one. */
bool house_open_curve(house_t *self);
bool house_open_front(house_t *self);

/* house_auth.c: who may sign in, and how. */
bool house_open_auth(house_t *self);
bool house_dev_token(void *self, const char *name, int64_t wall_msec, char *out, size_t capacity);

/* house_ports.c: instances, stores and registry. */
bool house_open_ports(house_t *self);

/* house.c: all of it. */
bool house_open(house_t *self);
/* Waits until this process is among the others and they have what it needs; then says where it listens. False: a
 * signal came, or this process may not be there. `signals` is a signalfd. */
bool house_join(house_t *self, int signals);
void house_close(house_t *self);

#endif
