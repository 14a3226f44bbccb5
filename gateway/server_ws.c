/* WebSockets of libwebsockets, told to the logic. */
#include "server_state.h"

#include <string.h>
#include <sys/socket.h>

static server_t *
server_of(struct lws *wsi)
{
    return lws_vhost_user(lws_get_vhost(wsi));
}

void
server_ws_want_write(void *conn)
{
    server_ws_t *ws = conn;
    lws_callback_on_writable(ws->wsi);
}

void
server_ws_close(void *conn, unsigned code, const char *text)
{
    server_ws_t *ws = conn;
    ws->close_code = (uint16_t)code;
    ws->close_text = text;
    lws_set_timeout(ws->wsi, PENDING_TIMEOUT_CLOSE_SEND, SERVER_CLOSE_SECONDS);
    lws_callback_on_writable(ws->wsi);
}

static void
server_on_established(server_t *self, struct lws *wsi, server_ws_t *ws)
{
    ws->wsi = wsi;
    ws->next = self->first;
    if (ws->next != NULL) {
        ws->next->before = ws;
    }
    self->first = ws;
    uint8_t address[WIRE_ADDRESS_BYTES];
    server_client(self, wsi, address);
    ws->handle = gateway_open(self->gateway, ws, (codec_format_t)lws_get_protocol(wsi)->id, address);
    if (ws->handle == 0) {
        server_ws_close(ws, close_code_numbers[CLOSE_CODE_OVERLOADED], close_code_names[CLOSE_CODE_OVERLOADED]);
    }
}

static int
server_on_writeable(server_t *self, struct lws *wsi, server_ws_t *ws)
{
    if (ws->close_code != 0) {
        lws_close_reason(wsi, (enum lws_close_status)ws->close_code, (unsigned char *)(uintptr_t)ws->close_text,
                         strlen(ws->close_text));
        return -1;
    }
    size_t length;
    bool more;
    uint8_t *frame = gateway_take(self->gateway, ws->handle, &length, &more);
    if (frame == NULL) {
        return 0;
    }
    bool binary = lws_get_protocol(wsi)->id == CODEC_MSGPACK;
    if (lws_write(wsi, frame, length, binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < (int)length) {
        return -1;
    }
    if (more) {
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static void
server_on_closed(server_t *self, server_ws_t *ws)
{
    if (ws->wsi == NULL) {
        return; /* it never was established */
    }
    gateway_closed(self->gateway, ws->handle);
    if (ws->next != NULL) {
        ws->next->before = ws->before;
    }
    if (ws->before != NULL) {
        ws->before->next = ws->next;
    } else {
        self->first = ws->next;
    }
    ws->wsi = NULL;
}

int
server_on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    server_ws_t *ws = user;
    server_t *self = server_of(wsi);
    int verdict = 0;
    if (self == NULL || self->stopping) {
        return 0;
    }
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        act_enter(self->ctx);
        server_on_established(self, wsi, ws);
        act_leave(self->ctx);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        act_enter(self->ctx);
        gateway_data(self->gateway, ws->handle, in, length, lws_is_first_fragment(wsi), lws_is_final_fragment(wsi),
                     lws_frame_is_binary(wsi));
        act_leave(self->ctx);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        act_enter(self->ctx);
        verdict = server_on_writeable(self, wsi, ws);
        act_leave(self->ctx);
        return verdict;
    case LWS_CALLBACK_CLOSED:
        act_enter(self->ctx);
        server_on_closed(self, ws);
        act_leave(self->ctx);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

void
server_ws_farewell(server_t *self)
{
    for (server_ws_t *ws = self->first; ws != NULL; ws = ws->next) {
        uint8_t frame[2 + 2 + 123] = {
            0x88}; /* a whole close frame, not masked; the loop will not turn again to send it */
        size_t length = ws->close_text != NULL ? strlen(ws->close_text) : 0;
        if (ws->close_code == 0 || length > 123 || lws_partial_buffered(ws->wsi)) {
            continue;
        }
        frame[1] = (uint8_t)(2 + length);
        frame[2] = (uint8_t)(ws->close_code >> 8);
        frame[3] = (uint8_t)ws->close_code;
        memcpy(frame + 4, ws->close_text, length);
        (void)send(lws_get_socket_fd(ws->wsi), frame, 4 + length,
                   MSG_DONTWAIT | MSG_NOSIGNAL); /* or it hears nothing */
    }
}
