/* What the server says of itself: build, health, metrics, actors; and the tokens of --dev. */
#include "http.h"

#include <string.h>

enum { HTTP_ACTORS_MAX = 64 * 512 }; /* bytes: 64 rows of less than 512 */

bool
http_version_start(gateway_t *self, http_request_t *request)
{
    obj_version_info_t version;
    memset(&version, 0, sizeof(version));
    memcpy(version.build, self->config->build, strnlen(self->config->build, sizeof(version.build) - 1));
    http_answer(self, request->conn, 200, &type_version_info, &version);
    return false;
}

bool
http_health_start(gateway_t *self, http_request_t *request)
{
    msg_persistence_ping_t ping = {0};
    request_persistence_ping(self->ctx, "", &ping, GATEWAY_PING_USEC, http_context(self, request));
    return true;
}

/* `needed`: without it the server is not ready. */
static void
http_health_add(obj_health_t *health, const char *name, bool ok, bool needed, const char *detail)
{
    obj_dependency_t *row = &health->dependencies[health->dependencies_len++];
    row->ok = ok;
    memcpy(row->name, name, strnlen(name, sizeof(row->name) - 1));
    if (!ok) {
        row->has_detail = true;
        memcpy(row->detail, detail, strnlen(detail, sizeof(row->detail) - 1));
        health->ready = health->ready && !needed;
    }
}

void
http_health_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    obj_health_t health;
    memset(&health, 0, sizeof(health));
    health.ready = true;
    memcpy(health.build, self->config->build, strnlen(self->config->build, sizeof(health.build) - 1));
    const char *detail = "the store cannot be written";
    if (msg->type == MSG_ACT_NO_ANSWER) {
        const msg_act_no_answer_t *none = msg->body;
        detail = error_texts[none->code];
    }
    http_health_add(&health, "store", msg->type == MSG_PERSISTENCE_PONG, true, detail);
    bool room = self->sessions_free != GATEWAY_NONE || self->sessions_used < self->limits.connections_max;
    http_health_add(&health, "capacity", room, true, "gateway.connections_max WebSockets are open");
    health.degraded = instances_degraded(self);
    http_health_add(&health, "registry", !health.degraded, false, "the registry is away; the store decides");
    http_answer(self, request->conn, health.ready ? 200 : 503, &type_health, &health);
}

bool
http_metrics_start(gateway_t *self, http_request_t *request)
{
    msg_metrics_scrape_t scrape = {0};
    request_metrics_scrape(self->ctx, "", &scrape, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_metrics_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_METRICS_TEXT) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_metrics_text_t *metrics = msg->body;
    wire_answer_t answer = {.status = 200,
                            .content_type = "text/plain; version=0.0.4; charset=utf-8",
                            .body = metrics->text->data,
                            .length = metrics->text->length};
    self->config->wire->answer(request->conn, &answer);
}

bool
http_actors_start(gateway_t *self, http_request_t *request)
{
    msg_metrics_actors_t actors = {0};
    request_metrics_actors(self->ctx, "", &actors, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_actors_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_METRICS_ACTOR_LIST) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    http_answer_large(self, request->conn, &type_metrics_actor_list, msg->body, HTTP_ACTORS_MAX);
}

bool
http_dev_token_start(gateway_t *self, http_request_t *request)
{
    obj_dev_token_t token;
    memset(&token, 0, sizeof(token));
    if (!self->config->dev_token(self->config->self, request->body.dev_token.name, act_wall_msec(self->ctx),
                                 token.access_token, sizeof(token.access_token))) {
        http_refuse(self, request->conn, ERROR_BAD_REQUEST, "body: name cannot be a user's", 0);
        return false;
    }
    memcpy(token.token_type, "Bearer", sizeof("Bearer"));
    token.expires_in = self->config->dev_token_seconds;
    http_answer(self, request->conn, 200, &type_dev_token, &token);
    return false;
}
