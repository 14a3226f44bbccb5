/* Whether this server can serve, and what it leans on. The store and auth are asked at once, and have a second. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

/* What has been heard so far. */
typedef struct http_health {
    bool store_here, identity_here; /* answered, or given up */
    const char *store;              /* what is wrong; NULL: nothing */
    const char *identity;           /* likewise, or worth telling */
    bool identity_ok;
    cache_state_t cache;
} http_health_t;

bool
http_health_start(gateway_t *self, http_request_t *request)
{
    request->so_far = calloc(1, sizeof(http_health_t));
    ACT_ASSERT(request->so_far != NULL);
    msg_persistence_ping_t ping = {0};
    request_persistence_ping(self->ctx, "", &ping, GATEWAY_PING_USEC, http_context(self, request));
    msg_auth_ping_t who = {0};
    request_auth_ping(self->ctx, "", &who, GATEWAY_PING_USEC, http_context_identity(self, request));
    return true;
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
http_health_answer(gateway_t *self, http_request_t *request)
{
    const http_health_t *heard = request->so_far;
    bool room = self->sessions_free != GATEWAY_NONE || self->sessions_used < self->limits.connections_max;
    bool registry_away = instances_degraded(self), cache_away = heard->cache == CACHE_STATE_AWAY;
    obj_health_t health = {.ready = heard->store == NULL && room, .degraded = registry_away || cache_away};
    memcpy(health.build, self->config->build, strnlen(self->config->build, sizeof(health.build) - 1));
    http_health_add(&health, "store", heard->store == NULL, heard->store);
    http_health_add(&health, "capacity", room, room ? NULL : "gateway.connections_max WebSockets are open");
    http_health_add(&health, "registry", !registry_away,
                    registry_away ? "the registry is away; the store decides" : NULL);
    http_health_add(&health, "identity", heard->identity_ok, heard->identity);
    if (heard->cache != CACHE_STATE_NONE) {
        http_health_add(&health, "cache", !cache_away, cache_away ? "the cache is away; the store is read" : NULL);
    }
    http_answer(self, request->conn, health.ready ? 200 : 503, &type_health, &health);
}

void
http_health_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    http_health_t *heard = request->so_far;
    if (msg->context >> 56 == GATEWAY_ASK_IDENTITY) {
        http_health_on_identity(heard, msg);
    } else {
        http_health_on_store(heard, msg);
    }
    request->more = !heard->store_here || !heard->identity_here;
    if (!request->more) {
        http_health_answer(self, request);
    }
}
