/* Whether this process can serve, and what it leans on. The store and auth are asked at once, and have a second. A
 * gateway leans on whoever is there; a process without one (admin.c) answers for what it runs itself. */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What has been heard so far. */
typedef struct http_health {
    bool asks_store, asks_identity; /* else they are not this process' business */
    bool store_here, identity_here; /* answered, given up, or not asked */
    const char *store;              /* what is wrong; NULL: nothing */
    const char *identity;           /* likewise, or worth telling */
    bool identity_ok;
    cache_state_t cache;
    bool asks_view; /* when the others are heard: of this process' own node */
    uint32_t brokers_count, brokers_heard;
} http_health_t;

/* False: it is not to be asked. */
static bool
http_health_ask(gateway_t *self, act_kind_id_t kind, msg_type_t type, const void *body, uint64_t context)
{
    if (!self->config->admin_only) {
        act_request(self->ctx, type, "", body, GATEWAY_PING_USEC, context);
        return true;
    }
    const act_addr_t here = http_here(self, kind);
    bool runs = (self->config->kinds >> kind & 1) != 0;
    if (runs) {
        act_request_to(self->ctx, &here, type, body, GATEWAY_PING_USEC, context);
    }
    return runs;
}

static void
http_health_on_store(http_health_t *heard, const msg_t *msg)
{
    heard->store_here = true;
    if (msg->type == MSG_PERSISTENCE_PONG) {
        heard->cache = ((const msg_persistence_pong_t *)msg->body)->cache;
    } else if (msg->type == MSG_ACT_NO_ANSWER) {
        heard->store = error_texts[((const msg_act_no_answer_t *)msg->body)->code];
    } else {
        heard->store = "the store cannot be written";
    }
}

static void
http_health_on_identity(http_health_t *heard, const msg_t *msg)
{
    heard->identity_here = true;
    if (msg->type == MSG_AUTH_PONG) {
        const msg_auth_pong_t *pong = msg->body;
        heard->identity_ok = pong->keys;
        heard->identity = !pong->keys    ? "no key of the identity provider is known: nobody can sign in"
                          : !pong->fresh ? "the identity provider did not answer the last time; its known keys hold"
                                         : NULL;
    } else {
        heard->identity = error_texts[((const msg_act_no_answer_t *)msg->body)->code];
    }
}

/* `detail`: for people; NULL: there is nothing to say. */
static void
http_health_add(obj_health_t *health, const char *name, bool ok, const char *detail)
{
    obj_dependency_t *row = &health->dependencies[health->dependencies_len++];
    row->ok = ok;
    memcpy(row->name, name, strnlen(name, sizeof(row->name) - 1));
    if (detail != NULL) {
        row->has_detail = true;
        memcpy(row->detail, detail, strnlen(detail, sizeof(row->detail) - 1));
    }
}

static void
http_health_dependencies(gateway_t *self, const http_health_t *heard, obj_health_t *health)
{
    if (heard->asks_store) {
        http_health_add(health, "store", heard->store == NULL, heard->store);
    }
    if (!self->config->admin_only) {
        bool room = self->sessions_free != GATEWAY_NONE || self->sessions_used < self->limits.connections_max;
        bool registry_away = instances_degraded(self);
        http_health_add(health, "capacity", room, room ? NULL : "gateway.connections_max WebSockets are open");
        http_health_add(health, "registry", !registry_away,
                        registry_away ? "the registry is away; the store decides" : NULL);
        health->ready = health->ready && room;
        health->degraded = health->degraded || registry_away;
    }
    if (heard->asks_identity) {
        http_health_add(health, "identity", heard->identity_ok, heard->identity);
    }
    if (heard->cache != CACHE_STATE_NONE) {
        bool away = heard->cache == CACHE_STATE_AWAY;
        http_health_add(health, "cache", !away, away ? "the cache is away; the store is read" : NULL);
        health->degraded = health->degraded || away;
    }
}

/* Without brokers all goes on; but who comes and who goes is not noticed. */
static void
http_health_brokers(const http_health_t *heard, obj_health_t *health)
{
    char detail[64];
    uint32_t silent = heard->brokers_count - heard->brokers_heard;
    snprintf(detail, sizeof(detail), "%u of %u are not heard", (unsigned)silent, (unsigned)heard->brokers_count);
    http_health_add(health, "brokers", heard->brokers_heard > 0, silent > 0 ? detail : NULL);
    health->degraded = health->degraded || heard->brokers_heard == 0;
}

/* Among other processes: does somebody run each kind that nobody can play without? */
static void
http_health_view(const gateway_t *self, obj_health_t *health)
{
    static const act_kind_id_t needed[] = {ACT_KIND_PERSISTENCE, ACT_KIND_AUTH, ACT_KIND_ADMISSION, ACT_KIND_QUEUE,
                                           ACT_KIND_ROOM};
    char missing[128] = "nobody runs";
    size_t length = strlen(missing), none = length;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        act_addr_t owner;
        if (!act_owner(self->ctx, needed[i], "", &owner)) {
            length += (size_t)snprintf(missing + length, sizeof(missing) - length, "%s %s", length > none ? "," : "",
                                       act_kind_names[needed[i]]);
        }
    }
    bool all = length == none;
    http_health_add(health, "view", all, all ? NULL : missing);
    health->degraded = health->degraded || !all;
    health->ready = health->ready && (all || self->config->admin_only); /* nobody is served by starting others anew */
}

static void
http_health_answer(gateway_t *self, http_request_t *request)
{
    const http_health_t *heard = request->so_far;
    obj_health_t health = {.ready = heard->store == NULL};
    memcpy(health.build, self->config->build, strnlen(self->config->build, sizeof(health.build) - 1));
    http_health_dependencies(self, heard, &health);
    if (self->config->node != NULL && request->route->admin) { /* no stranger needs the names */
        health.has_node = health.has_roles = true;
        memcpy(health.node, self->config->node, strnlen(self->config->node, sizeof(health.node) - 1));
        memcpy(health.roles, self->config->roles, strnlen(self->config->roles, sizeof(health.roles) - 1));
    }
    if (self->config->node != NULL) {
        http_health_view(self, &health);
        http_health_brokers(heard, &health);
    }
    http_answer(self, request->conn, health.ready ? 200 : 503, &type_health, &health);
}

static void
http_health_on_view(http_health_t *heard, const msg_t *msg)
{
    if (msg->type == MSG_NODE_VIEWED) {
        const msg_node_viewed_t *viewed = msg->body;
        heard->brokers_count = viewed->brokers_len;
        for (uint32_t i = 0; i < viewed->brokers_len; i++) {
            heard->brokers_heard += viewed->brokers[i].heard;
        }
    }
}

/* What store and auth say is here. True: its node is asked yet. */
static bool
http_health_go_on(gateway_t *self, http_request_t *request)
{
    http_health_t *heard = request->so_far;
    heard->asks_view = self->config->node != NULL;
    if (heard->asks_view) {
        const msg_node_view_t view = {0};
        request_node_view(self->ctx, "", &view, GATEWAY_PING_USEC, http_context(self, request));
    } else {
        http_health_answer(self, request);
    }
    return heard->asks_view;
}

bool
http_health_start(gateway_t *self, http_request_t *request)
{
    http_health_t *heard = request->so_far = calloc(1, sizeof(http_health_t));
    ACT_ASSERT(heard != NULL);
    const msg_persistence_ping_t ping = {0};
    const msg_auth_ping_t who = {0};
    heard->asks_store =
        http_health_ask(self, ACT_KIND_PERSISTENCE, MSG_PERSISTENCE_PING, &ping, http_context(self, request));
    heard->asks_identity =
        http_health_ask(self, ACT_KIND_AUTH, MSG_AUTH_PING, &who, http_context_identity(self, request));
    heard->store_here = !heard->asks_store;
    heard->identity_here = !heard->asks_identity;
    return heard->asks_store || heard->asks_identity || http_health_go_on(self, request);
}

void
http_health_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    http_health_t *heard = request->so_far;
    if (heard->asks_view) {
        http_health_on_view(heard, msg);
        http_health_answer(self, request);
        return;
    }
    if (msg->context >> 56 == GATEWAY_ASK_IDENTITY) {
        http_health_on_identity(heard, msg);
    } else {
        http_health_on_store(heard, msg);
    }
    request->more = !heard->store_here || !heard->identity_here || http_health_go_on(self, request);
}
