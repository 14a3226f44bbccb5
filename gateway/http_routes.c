/* The routes of the HTTP API: one table, and how a request finds its row. */
#include "http.h"

#include <string.h>

static const http_route_t http_routes[] = {
    {.method = WIRE_GET, .path = "/api/version", .open = true, .start = http_version_start},
    {.method = WIRE_GET, .path = "/api/sign-in", .open = true, .start = http_sign_in_start},
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
     .path = "/instances/{id}/leave",
     .body = &type_leave_request,
     .start = http_leave_start,
     .finish = http_leave_finish},
    {.method = WIRE_GET,
     .path = "/instances/{id}/queue/status",
     .query = "characterId",
     .query_needed = true,
     .start = http_place_start,
     .finish = http_place_finish},
    {.method = WIRE_GET,
     .path = "/instances/{id}/sessions",
     .least = ROLE_MODERATOR,
     .query = "after",
     .start = http_sessions_start,
     .finish = http_sessions_finish},
    {.method = WIRE_POST,
     .path = "/instances/{id}/kick",
     .least = ROLE_MODERATOR,
     .body = &type_kick_request,
     .start = http_kick_start,
     .finish = http_kick_finish},
    {.method = WIRE_POST,
     .path = "/instances/{id}/mute",
     .least = ROLE_MODERATOR,
     .body = &type_mute_request,
     .start = http_mute_start,
     .finish = http_mute_finish},
    {.method = WIRE_GET,
     .path = "/instances/{id}",
     .least = ROLE_ADMIN,
     .start = http_inspect_start,
     .finish = http_change_finish},
    {.method = WIRE_POST,
     .path = "/instances/{id}",
     .least = ROLE_ADMIN,
     .body = &type_instance_change,
     .start = http_change_start,
     .finish = http_change_finish},
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
    {.method = WIRE_GET,
     .path = "/admin/instances",
     .admin = true,
     .open = true,
     .start = http_instances_start,
     .finish = http_instances_finish},
    {.method = WIRE_POST,
     .path = "/admin/instances/{id}",
     .admin = true,
     .open = true,
     .body = &type_instance_change,
     .start = http_change_start,
     .finish = http_change_finish},
    {.method = WIRE_GET,
     .path = "/admin/instances/{id}/sessions",
     .admin = true,
     .open = true,
     .query = "after",
     .start = http_sessions_start,
     .finish = http_sessions_finish},
    {.method = WIRE_POST,
     .path = "/admin/instances/{id}/kick",
     .admin = true,
     .open = true,
     .body = &type_kick_request,
     .start = http_kick_start,
     .finish = http_kick_finish},
};

enum { HTTP_ROUTES = sizeof(http_routes) / sizeof(http_routes[0]) };

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

const http_route_t *
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

const char *
http_query_read(const http_route_t *route, const char *query, char value[25])
{
    value[0] = '\0';
    if (route->query == NULL) {
        return NULL;
    }
    if (query[0] == '\0') {
        return route->query_needed ? "query: a parameter is missing" : NULL;
    }
    size_t name = strlen(route->query);
    if (strncmp(query, route->query, name) != 0 || query[name] != '=') {
        return "query: a parameter is not known";
    }
    size_t length = strlen(query + name + 1);
    if (!http_is_id(query + name + 1, length)) {
        return "query: the value has 1 to 24 letters, digits, - and _, and nothing follows it";
    }
    memcpy(value, query + name + 1, length + 1);
    return NULL;
}
