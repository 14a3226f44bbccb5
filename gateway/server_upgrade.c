/* Who may open a WebSocket: at /ws, with one of our subprotocols, from a page we trust. */
#include "server_state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *
server_header(struct lws *wsi, enum lws_token_indexes token)
{
    int length = lws_hdr_total_length(wsi, token);
    char *text = calloc(1, (size_t)(length > 0 ? length : 0) + 1);
    ACT_ASSERT(text != NULL);
    if (length > 0 && lws_hdr_copy(wsi, text, length + 1, token) < 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Does a list of subprotocols name one of ours, and not the name under which libwebsockets knows plain HTTP? */
static bool
server_protocols_ok(const server_t *self, const char *list)
{
    bool ours = false;
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, " \t,");
        for (size_t i = 0; self->protocols[i].name != NULL; i++) {
            const char *name = self->protocols[i].name;
            if (length == strlen(name) && strncmp(at, name, length) == 0) {
                if (i == 0) {
                    return false;
                }
                ours = true;
            }
        }
        at += length;
    }
    return ours;
}

static bool
server_origin_ok(const server_t *self, struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0) {
        return true; /* not a page */
    }
    char *origin = server_header(wsi, WSI_TOKEN_ORIGIN);
    char *host = server_header(wsi, WSI_TOKEN_HOST);
    bool good = origin != NULL && host != NULL && gateway_origin_allowed(self->gateway, origin, host);
    free(origin);
    free(host);
    return good;
}

/* Answers and ends the connection: a client that got this wrong has nothing more to say on it. */
static int
server_refuse_upgrade(server_t *self, struct lws *wsi, error_code_t code, const char *message)
{
    server_http_t exchange = {.server = self, .wsi = wsi, .at_once = true, .last = true};
    act_enter(self->ctx);
    gateway_http_refuse(self->gateway, &exchange, code, message);
    act_leave(self->ctx);
    (void)lws_write(wsi, exchange.out, exchange.out_length, LWS_WRITE_HTTP_HEADERS); /* it is closed either way */
    free(exchange.out);
    return -1;
}

int
server_on_upgrade(server_t *self, struct lws *wsi, const char *to)
{
    char *path = server_header(wsi, WSI_TOKEN_GET_URI);
    char *list = server_header(wsi, WSI_TOKEN_PROTOCOL);
    int verdict = 0;
    if (strcasecmp(to, "websocket") != 0) {
        verdict = server_refuse_upgrade(self, wsi, ERROR_BAD_REQUEST, "an upgrade can only be to a WebSocket");
    } else if (server_is_admin(self, wsi) || path == NULL || strcmp(path, "/ws") != 0) {
        verdict = server_refuse_upgrade(self, wsi, ERROR_NOT_FOUND, "WebSockets are at /ws");
    } else if (list == NULL || !server_protocols_ok(self, list)) {
        verdict = server_refuse_upgrade(self, wsi, ERROR_BAD_REQUEST,
                                        "the subprotocol must be playhouse.v1.json or playhouse.v1.msgpack");
    } else if (!server_origin_ok(self, wsi)) {
        verdict = server_refuse_upgrade(self, wsi, ERROR_FORBIDDEN, "this origin may not open a WebSocket here");
    }
    free(path);
    free(list);
    return verdict;
}
