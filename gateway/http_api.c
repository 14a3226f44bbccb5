/* From a request to its route, its token and its actor: one small state machine per request, in a bounded table. */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const http_route_t http_routes[] = {
    {.method = WIRE_GET, .path = "/api/version", .open = true, .start = http_version_start},
    {.method = WIRE_GET, .path = "/api/health", .open = true, .start = http_health_start, .finish = http_health_finish},
    {.method = WIRE_GET, .path = "/api/characters", .start = http_characters_start, .finish = http_characters_finish},
    {.method = WIRE_POST,
     .path = "/api/characters",
     .body = &type_character_create,
     .start = http_create_start,
     .finish = http_create_finish},
    {.method = WIRE_POST,
     .path = "/api/characters/{id}/select",
     .start = http_select_start,
     .finish = http_select_finish},
    {.method = WIRE_GET,
     .path = "/api/session/bootstrap",
     .start = http_bootstrap_start,
     .finish = http_bootstrap_finish},
    {.method = WIRE_POST,
     .path = "/api/session/bootstrap",
     .body = &type_bootstrap_request,
     .may_be_empty = true,
     .start = http_bootstrap_start,
     .finish = http_bootstrap_finish},
    {.method = WIRE_POST,
     .path = "/instances/{id}/connect",
     .body = &type_connect_request,
     .start = http_connect_start,
     .finish = http_connect_finish,
     .abandon = http_connect_abandon},
    {.method = WIRE_POST,
     .path = "/dev/token",
     .open = true,
     .dev = true,
     .body = &type_dev_token_request,
     .start = http_dev_token_start},
    {.method = WIRE_GET,
     .path = "/health",
     .admin = true,
     .open = true,
     .start = http_health_start,
     .finish = http_health_finish},
    {.method = WIRE_GET,
     .path = "/metrics",
     .admin = true,
     .open = true,
     .start = http_metrics_start,
     .finish = http_metrics_finish},
    {.method = WIRE_GET,
     .path = "/actors",
     .admin = true,
     .open = true,
     .start = http_actors_start,
     .finish = http_actors_finish},
};

enum { HTTP_ROUTES = sizeof(http_routes) / sizeof(http_routes[0]) };

/* ---- answers ---- */

static void
http_answer_with(gateway_t *self, void *conn, wire_answer_t answer, const codec_type_t *type, const void *body)
{
    uint8_t json[HTTP_BODY_MAX];
    answer.length = codec_encode(CODEC_JSON, type, NULL, body, json, sizeof(json));
    ACT_ASSERT(answer.length > 0);
    answer.body = json;
    answer.content_type = "application/json";
    self->config->wire->answer(conn, &answer);
}

void
http_answer(gateway_t *self, void *conn, unsigned status, const codec_type_t *type, const void *body)
{
    http_answer_with(self, conn, (wire_answer_t){.status = status}, type, body);
}

static void
http_refuse_with(gateway_t *self, void *conn, wire_answer_t answer, error_code_t code, const char *message,
                 int64_t retry_msec)
{
    obj_http_error_t error = {.code = code, .transient = error_transient[code]};
    const char *text = message != NULL ? message : error_texts[code];
    memcpy(error.message, text, strnlen(text, sizeof(error.message) - 1));
    if (retry_msec == 0 && (error_http[code] == 503 || error_http[code] == 429)) {
        retry_msec = 1000;
    }
    error.has_retry_after_ms = retry_msec > 0;
    error.retry_after_ms = retry_msec;
    act_trace_text(act_trace(self->ctx), error.trace_id);
    answer.status = error_http[code];
    answer.retry_seconds = (unsigned)((retry_msec + 999) / 1000);
    answer.authenticate = code == ERROR_UNAUTHENTICATED;
    http_answer_with(self, conn, answer, &type_http_error, &error);
}

void
http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message, int64_t retry_msec)
{
    http_refuse_with(self, conn, (wire_answer_t){0}, code, message, retry_msec);
}

void
gateway_http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message)
{
    act_trace_set(self->ctx, act_trace_new(self->ctx));
    http_refuse(self, conn, code, message, 0);
}

void
http_refuse_as(gateway_t *self, void *conn, const msg_t *msg)
{
    static const error_code_t codes[STORE_FAULT_COUNT] = {
        [STORE_FAULT_NOT_FOUND] = ERROR_NOT_FOUND,
        [STORE_FAULT_NOT_OWNER] = ERROR_NOT_FOUND,
        [STORE_FAULT_LIMIT] = ERROR_CONFLICT,
        [STORE_FAULT_STALE_EPOCH] = ERROR_INTERNAL,
        [STORE_FAULT_GAP] = ERROR_INTERNAL,
        [STORE_FAULT_FULL] = ERROR_UNAVAILABLE,
        [STORE_FAULT_UNAVAILABLE] = ERROR_UNAVAILABLE,
    };
    if (msg->type == MSG_PERSISTENCE_FAILED) {
        const msg_persistence_failed_t *failed = msg->body;
        http_refuse(self, conn, codes[failed->fault], NULL, 0);
    } else if (msg->type == MSG_ACT_NO_ANSWER) {
        const msg_act_no_answer_t *none = msg->body;
        http_refuse(self, conn, none->code, NULL, 0);
    } else {
        ACT_UNREACHABLE("an actor answered a request with an answer of another one");
    }
}

/* ---- the table of requests ---- */

static uint64_t
http_handle(const gateway_t *self, const http_request_t *request)
{
    return request->generation << GATEWAY_SLOT_BITS | (uint64_t)(request - self->requests);
}

uint64_t
http_context(const gateway_t *self, const http_request_t *request)
{
    return (uint64_t)GATEWAY_ASK_HTTP << 56 | http_handle(self, request);
}

static http_request_t *
http_find(gateway_t *self, uint64_t handle)
{
    uint64_t slot = handle & GATEWAY_SLOT_MASK;
    if (slot >= self->requests_used) {
        return NULL;
    }
    http_request_t *request = &self->requests[slot];
    return request->route != NULL && request->generation == handle >> GATEWAY_SLOT_BITS ? request : NULL;
}

static http_request_t *
http_new(gateway_t *self, const http_route_t *route, void *conn)
{
    uint32_t slot = self->requests_free;
    if (slot != GATEWAY_NONE) {
        self->requests_free = self->requests[slot].next_free;
    } else if (self->requests_used < GATEWAY_HTTP_CAP) {
        slot = self->requests_used++;
    } else {
        return NULL;
    }
    http_request_t *request = &self->requests[slot];
    memset(request, 0, sizeof(*request));
    request->route = route;
    request->conn = conn;
    request->generation = ++self->generation;
    request->begun = act_now(self->ctx);
    return request;
}

static void
http_free(gateway_t *self, http_request_t *request)
{
    request->route = NULL;
    request->next_free = self->requests_free;
    self->requests_free = (uint32_t)(request - self->requests);
}

void
http_fini_all(gateway_t *self)
{
    for (uint32_t slot = 0; slot < self->requests_used; slot++) {
        http_request_t *request = &self->requests[slot];
        if (request->route != NULL && request->authenticated && request->route->abandon != NULL) {
            request->route->abandon(self, request);
        }
    }
    free(self->requests);
    self->requests = NULL;
    self->requests_used = 0;
}

/* ---- routes ---- */

static bool
http_is_id(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    return length >= 1 && length <= 24;
}

/* Does `path` follow `pattern`? Then its {id} is in `id` ("" when it has none). */
static bool
http_path_matches(const char *pattern, const char *path, char id[25])
{
    const char *hole = strstr(pattern, "{id}");
    id[0] = '\0';
    if (hole == NULL) {
        return strcmp(pattern, path) == 0;
    }
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0) {
        return false;
    }
    size_t length = strcspn(path + before, "/");
    if (!http_is_id(path + before, length) || strcmp(hole + strlen("{id}"), path + before + length) != 0) {
        return false;
    }
    memcpy(id, path + before, length);
    id[length] = '\0';
    return true;
}

bool
gateway_http_is_api(const char *path)
{
    static const char *const roots[] = {"/api/", "/instances/", "/dev/"};
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        if (strncmp(path, roots[i], strlen(roots[i])) == 0) {
            return true;
        }
    }
    return strcmp(path, "/ws") == 0;
}

/* NULL: there is none, and the client has been told. */
static const http_route_t *
http_route_find(gateway_t *self, const wire_request_t *in, char id[25])
{
    bool get = false, post = false;
    for (size_t i = 0; i < HTTP_ROUTES; i++) {
        const http_route_t *route = &http_routes[i];
        if (route->admin != in->admin || (route->dev && self->config->dev_token == NULL) ||
            !http_path_matches(route->path, in->path, id)) {
            continue;
        }
        if (route->method == in->method) {
            return route;
        }
        get = get || route->method == WIRE_GET;
        post = post || route->method == WIRE_POST;
    }
    if (get || post) {
        wire_answer_t answer = {.allow = get && post ? "GET, POST" : get ? "GET" : "POST"};
        http_refuse_with(self, in->conn, answer, ERROR_METHOD_NOT_ALLOWED, NULL, 0);
    } else if (!in->admin && strcmp(in->path, "/ws") == 0) {
        http_refuse(self, in->conn, ERROR_BAD_REQUEST, "/ws is for WebSockets: ask for an upgrade", 0);
    } else {
        http_refuse(self, in->conn, ERROR_NOT_FOUND, NULL, 0);
    }
    return NULL;
}

/* The token of "Bearer <token>"; NULL: there is none that could be good. */
static const char *
http_token(const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0) {
        return NULL;
    }
    const char *token = authorization + sizeof(scheme) - 1;
    size_t length = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");
    return length >= 1 && length <= WIRE_TOKEN_MAX && token[length] == '\0' ? token : NULL;
}

static bool
http_is_json(const char *content_type)
{
    static const char json[] = "application/json";
    size_t length = sizeof(json) - 1;
    return strncasecmp(content_type, json, length) == 0 &&
           (content_type[length] == '\0' || content_type[length] == ';' || content_type[length] == ' ');
}

/* What can be said against the request before anybody is asked. */
static bool
http_head_ok(gateway_t *self, const http_route_t *route, const wire_request_t *in)
{
    if (in->too_large) {
        http_refuse(self, in->conn, ERROR_TOO_LARGE, NULL, 0);
    } else if (in->unread) {
        http_refuse(self, in->conn, ERROR_BAD_REQUEST, "the body needs a content-length", 0);
    } else if (!route->open && http_token(in->authorization) == NULL) {
        http_refuse(self, in->conn, ERROR_UNAUTHENTICATED, NULL, 0);
    } else if (route->body != NULL && !(route->may_be_empty && in->length == 0) && !http_is_json(in->content_type)) {
        http_refuse(self, in->conn, ERROR_UNSUPPORTED_MEDIA, NULL, 0);
    } else {
        return true;
    }
    return false;
}

static void
http_refuse_body(gateway_t *self, void *conn, const codec_fault_t *fault)
{
    char message[120];
    snprintf(message, sizeof(message), "body: %s%s%s", fault->field, fault->field[0] != '\0' ? ": " : "",
             codec_error_text(fault->error));
    http_refuse(self, conn, ERROR_BAD_REQUEST, message, 0);
}

/* The token is good, or none is needed. Frees the request when it is answered. */
static void
http_go(gateway_t *self, http_request_t *request)
{
    request->authenticated = true;
    if (request->fault.error != CODEC_OK) {
        http_refuse_body(self, request->conn, &request->fault);
    } else if (request->route->start(self, request)) {
        return;
    }
    http_free(self, request);
}

uint64_t
gateway_http(gateway_t *self, const wire_request_t *in)
{
    char id[25];
    act_count(self->ctx, METRIC_HTTP_REQUESTS, 0, 1);
    act_trace_set(self->ctx, act_trace_new(self->ctx));
    const http_route_t *route = http_route_find(self, in, id);
    if (route == NULL || !http_head_ok(self, route, in)) {
        return 0;
    }
    http_request_t *request = http_new(self, route, in->conn);
    if (request == NULL) {
        http_refuse(self, in->conn, ERROR_OVERLOADED, "too many requests are under way", 0);
        return 0;
    }
    uint64_t handle = http_handle(self, request);
    memcpy(request->id, id, sizeof(request->id));
    if (route->body != NULL && !(route->may_be_empty && in->length == 0)) {
        codec_decode(CODEC_JSON, route->body, in->body, in->length, &request->body, &request->fault);
    }
    if (route->open) {
        http_go(self, request);
    } else {
        const char *token = http_token(in->authorization);
        msg_auth_verify_t verify;
        memcpy(verify.token, token, strlen(token) + 1);
        request_auth_verify(self->ctx, "", &verify, GATEWAY_ASK_USEC, http_context(self, request));
    }
    return http_find(self, handle) != NULL ? handle : 0;
}

static void
http_on_auth(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    error_code_t code = ERROR_UNAUTHENTICATED;
    if (msg->type == MSG_AUTH_VERIFIED) {
        const msg_auth_verified_t *verified = msg->body;
        memcpy(request->user_id, verified->user_id, sizeof(request->user_id));
        request->role = verified->role;
        http_go(self, request);
        return;
    }
    if (msg->type == MSG_AUTH_REFUSED) {
        const msg_auth_refused_t *refused = msg->body;
        code = refused->fault == TOKEN_FAULT_KEYS_UNAVAILABLE ? ERROR_UNAVAILABLE : ERROR_UNAUTHENTICATED;
    } else {
        const msg_act_no_answer_t *none = msg->body;
        code = none->code;
    }
    if (request->route->finish == http_connect_finish && code != ERROR_UNAUTHENTICATED) {
        http_connect_undecided(self, request, code);
    } else {
        http_refuse(self, request->conn, code, NULL, 0);
    }
    http_free(self, request);
}

void
http_receive(gateway_t *self, const msg_t *msg)
{
    http_request_t *request = http_find(self, msg->context & ((UINT64_C(1) << 56) - 1));
    if (request == NULL) {
        return; /* its client is gone, and what it asked for was taken back then */
    }
    if (!request->authenticated) {
        http_on_auth(self, request, msg);
        return;
    }
    request->route->finish(self, request, msg);
    http_free(self, request);
}

void
gateway_http_gone(gateway_t *self, uint64_t handle)
{
    http_request_t *request = http_find(self, handle);
    if (request == NULL) {
        return;
    }
    if (request->authenticated && request->route->abandon != NULL) {
        request->route->abandon(self, request);
    }
    http_free(self, request);
}
