/* From a request to its route, its token and its actor: one small state machine per request, in a bounded table. */
#include "http.h"
#include "role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

uint64_t
http_context_identity(const gateway_t *self, const http_request_t *request)
{
    return (uint64_t)GATEWAY_ASK_IDENTITY << 56 | http_handle(self, request);
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
    free(request->so_far);
    request->so_far = NULL;
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
        free(request->so_far);
    }
    free(self->requests);
    self->requests = NULL;
    self->requests_used = 0;
}

/* ---- from the request to its actor ---- */

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
    } else if (request->wrong != NULL) {
        http_refuse(self, request->conn, ERROR_BAD_REQUEST, request->wrong, 0);
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
    if (in->admin && !gateway_admin_allowed(in)) {
        http_refuse(self, in->conn, ERROR_FORBIDDEN, "this listener is for this machine, asked for as localhost", 0);
        return 0;
    }
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
    memcpy(request->address, in->address, sizeof(request->address));
    request->wrong = http_query_read(route, in->query, request->query);
    if (route->body != NULL && !(route->may_be_empty && in->length == 0)) {
        codec_decode(CODEC_JSON, route->body, in->body, in->length, &request->body, &request->fault);
    }
    if (route->open) {
        http_go(self, request);
    } else {
        const char *token = http_token(in->authorization);
        msg_auth_verify_t verify;
        memcpy(verify.token, token, strlen(token) + 1);
        char shard[25];
        gateway_session_id(self, handle, shard);
        request_auth_verify(self->ctx, shard, &verify, GATEWAY_ASK_USEC, http_context(self, request));
    }
    return http_find(self, handle) != NULL ? handle : 0;
}

static bool
http_role_ok(const http_request_t *request)
{
    role_t least = request->route->least;
    return least == ROLE_PLAYER || role_rank(request->role) >= role_rank(least);
}

static void
http_on_auth(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    error_code_t code = ERROR_UNAUTHENTICATED;
    if (msg->type == MSG_AUTH_VERIFIED) {
        const msg_auth_verified_t *verified = msg->body;
        memcpy(request->user_id, verified->user_id, sizeof(request->user_id));
        request->role = verified->role;
        request->auth_until = verified->expires_at;
        if (http_role_ok(request)) {
            http_go(self, request);
            return;
        }
        code = ERROR_FORBIDDEN;
    } else if (msg->type == MSG_AUTH_REFUSED) {
        const msg_auth_refused_t *refused = msg->body;
        code = refused->fault == TOKEN_FAULT_KEYS_UNAVAILABLE ? ERROR_UNAVAILABLE : ERROR_UNAUTHENTICATED;
    } else {
        const msg_act_no_answer_t *none = msg->body;
        code = none->code;
    }
    bool connect = request->route->finish == http_connect_finish;
    if (connect && code == ERROR_UNAUTHENTICATED) {
        request->attempted = true;
        http_connect_attempt(self, request);
        return;
    }
    if (connect) {
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
    if (request->attempted) {
        http_connect_attempted(self, request, msg);
    } else if (!request->authenticated) {
        http_on_auth(self, request, msg);
        return;
    } else {
        request->more = false;
        request->route->finish(self, request, msg);
    }
    if (!request->more) {
        http_free(self, request);
    }
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
