/* HTTP exchanges of libwebsockets: headers and body in, an answer out. No answer of ours needs more than this. */
#include "server_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SERVER_HEAD_MAX = 1024 + SERVER_POLICY_SIZE }; /* bytes of an answer's headers */

static const char *
server_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {{200, "OK"},
                 {201, "Created"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {409, "Conflict"},
                 {413, "Content Too Large"},
                 {415, "Unsupported Media Type"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Status";
}

static size_t
server_head_write(char head[SERVER_HEAD_MAX], const server_http_t *exchange, const wire_answer_t *answer)
{
    char allow[64] = "", retry[48] = "";
    if (answer->allow != NULL) {
        snprintf(allow, sizeof(allow), "allow: %s\r\n", answer->allow);
    }
    if (answer->retry_seconds > 0) {
        snprintf(retry, sizeof(retry), "retry-after: %u\r\n", answer->retry_seconds);
    }
    int length = snprintf(
        head, SERVER_HEAD_MAX,
        "HTTP/1.1 %u %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\ncache-control: %s\r\n"
        "content-security-policy: %s\r\nx-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"
        "%s%s%s%s\r\n",
        answer->status, server_status_text(answer->status), answer->content_type, answer->length,
        answer->cache != NULL ? answer->cache : "no-store", exchange->server->policy, allow, retry,
        answer->authenticate ? "www-authenticate: Bearer\r\n" : "", exchange->last ? "connection: close\r\n" : "");
    ACT_ASSERT(length > 0 && length < SERVER_HEAD_MAX);
    return (size_t)length;
}

void
server_http_answer(void *conn, const wire_answer_t *answer)
{
    server_http_t *exchange = conn;
    ACT_ASSERT(!exchange->answered);
    char head[SERVER_HEAD_MAX];
    size_t length = server_head_write(head, exchange, answer);
    size_t body = exchange->head ? 0 : answer->length;
    uint8_t *out = malloc(length + body);
    ACT_ASSERT(out != NULL);
    memcpy(out, head, length);
    if (body > 0) {
        memcpy(out + length, answer->body, body);
    }
    exchange->out = out;
    exchange->out_length = length + body;
    exchange->answered = true;
    exchange->handle = 0;
    if (!exchange->at_once) {
        lws_set_timeout(exchange->wsi, PENDING_TIMEOUT_HTTP_CONTENT, SERVER_ANSWER_SECONDS);
        lws_rx_flow_control(exchange->wsi, 1); /* without it libwebsockets does not write either */
        lws_callback_on_writable(exchange->wsi);
    }
}

bool
server_http_gone(void *conn)
{
    const server_http_t *exchange = conn;
    char byte;
    ssize_t got = recv(lws_get_socket_fd(exchange->wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void
server_http_free(server_http_t **exchange_p)
{
    server_http_t *exchange = *exchange_p;
    *exchange_p = NULL;
    if (exchange != NULL) {
        free(exchange->path);
        free(exchange->query);
        free(exchange->host);
        free(exchange->origin);
        free(exchange->authorization);
        free(exchange->content_type);
        free(exchange->body);
        free(exchange->out);
        free(exchange);
    }
}

/* Hands the request over. Nothing more is read of this connection until there is an answer: libwebsockets would be
 * woken for what it does not want yet, over and over. So it is only seen then whether the client hung up. */
static void
server_http_hand(server_t *self, server_http_t *exchange)
{
    exchange->handed = true;
    exchange->request.conn = exchange;
    exchange->request.body = exchange->body;
    exchange->request.length = exchange->body_length;
    lws_set_timeout(exchange->wsi, NO_PENDING_TIMEOUT, 0);
    lws_rx_flow_control(exchange->wsi, 0);
    if (!exchange->request.admin && exchange->request.method != WIRE_POST &&
        !gateway_http_is_api(exchange->request.path)) {
        server_static_answer(exchange, exchange->request.path);
        return;
    }
    act_enter(self->ctx);
    uint64_t handle = gateway_http(self->gateway, &exchange->request);
    if (!exchange->answered) {
        exchange->handle = handle;
    }
    act_leave(self->ctx);
}

/* How long the body is: false when that is not said in a way we read. */
static bool
server_body_length(struct lws *wsi, bool post, size_t *length, bool *said)
{
    char *text = server_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    bool chunked = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
    bool good = text != NULL && !chunked;
    *length = 0;
    *said = good && text[0] != '\0';
    if (*said) {
        char *end;
        errno = 0;
        unsigned long long value = strtoull(text, &end, 10);
        good = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
        *length = good && post ? (size_t)value : 0;
    }
    free(text);
    return good;
}

static wire_method_t
server_method(struct lws *wsi, bool *head)
{
    *head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0) {
        return WIRE_GET;
    }
    return lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0 ? WIRE_POST : WIRE_OTHER;
}

/* What follows '?'. libwebsockets has cut it at each '&' and taken the percent signs out: what came from one becomes
 * '%' again where it would pass for the end of the text or of a parameter. */
static char *
server_query(struct lws *wsi)
{
    size_t length = 0, capacity = (size_t)lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS);
    char *text = calloc(1, 2 * capacity + 2); /* each piece but the first has its '&' */
    ACT_ASSERT(text != NULL);
    for (int piece = 0; length <= 2 * capacity; piece++) {
        size_t at = length + (piece > 0 ? 1 : 0);
        int got = lws_hdr_copy_fragment(wsi, text + at, (int)(2 * capacity + 2 - at), WSI_TOKEN_HTTP_URI_ARGS, piece);
        if (got < 0) {
            text[length] = '\0';
            break;
        }
        if (piece > 0) {
            text[length] = '&';
        }
        for (size_t i = at; i < at + (size_t)got; i++) {
            text[i] = text[i] == '\0' || text[i] == '&' ? '%' : text[i];
        }
        length = at + (size_t)got;
    }
    return text;
}

static server_http_t *
server_http_new(server_t *self, struct lws *wsi, const char *path)
{
    server_http_t *exchange = calloc(1, sizeof(*exchange));
    ACT_ASSERT(exchange != NULL);
    exchange->server = self;
    exchange->wsi = wsi;
    exchange->path = strdup(path);
    exchange->authorization = server_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
    exchange->content_type = server_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE);
    exchange->query = server_query(wsi);
    ACT_ASSERT(exchange->path != NULL);
    exchange->request = (wire_request_t){
        .method = server_method(wsi, &exchange->head),
        .path = exchange->path,
        .query = exchange->query,
        .host = "",
        .origin = "",
        .authorization = exchange->authorization != NULL ? exchange->authorization : "",
        .content_type = exchange->content_type != NULL ? exchange->content_type : "",
    };
    server_client(self, wsi, exchange->request.address);
    if (server_is_admin(self, wsi)) {
        exchange->host = server_header(wsi, WSI_TOKEN_HOST);
        exchange->origin = server_header(wsi, WSI_TOKEN_ORIGIN);
        exchange->request.admin = true;
        exchange->request.host = exchange->host != NULL ? exchange->host : "?"; /* it cannot be had: not one of ours */
        exchange->request.origin = exchange->origin != NULL ? exchange->origin : "?";
    }
    return exchange;
}

static void
server_on_request(server_t *self, struct lws *wsi, server_http_t **slot, const char *path)
{
    server_http_free(slot);
    server_http_t *exchange = *slot = server_http_new(self, wsi, path);
    bool post = exchange->request.method == WIRE_POST, said;
    size_t length;
    exchange->request.unread = !server_body_length(wsi, post, &length, &said);
    exchange->request.too_large = length > self->body_max;
    exchange->body_expected = length;
    /* what libwebsockets takes for a body that we do not read would be in the way of a next request */
    exchange->last = exchange->request.unread || exchange->request.too_large || (post && !said) || (!post && said);
    if (exchange->last || !post) {
        server_http_hand(self, exchange);
        return;
    }
    exchange->body = malloc(length + 1);
    ACT_ASSERT(exchange->body != NULL);
}

static void
server_on_body(server_http_t *exchange, const void *bytes, size_t length)
{
    if (exchange == NULL || exchange->handed) {
        return;
    }
    size_t room = exchange->body_expected - exchange->body_length;
    length = length < room ? length : room;
    if (length > 0) {
        memcpy(exchange->body + exchange->body_length, bytes, length);
        exchange->body_length += length;
    }
}

static int
server_on_writeable(struct lws *wsi, server_http_t **slot)
{
    server_http_t *exchange = *slot;
    if (exchange == NULL || !exchange->answered) {
        return 0;
    }
    size_t left = exchange->out_length - exchange->out_at;
    size_t piece = left < SERVER_PIECE_BYTES ? left : SERVER_PIECE_BYTES;
    enum lws_write_protocol how = exchange->out_at == 0 ? LWS_WRITE_HTTP_HEADERS : LWS_WRITE_HTTP;
    if (lws_write(wsi, exchange->out + exchange->out_at, piece, how) < (int)piece) {
        return -1;
    }
    exchange->out_at += piece;
    if (piece < left) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    bool last = exchange->last;
    server_http_free(slot);
    return last || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static void
server_on_gone(server_t *self, server_http_t **slot)
{
    if (*slot != NULL && (*slot)->handle != 0 && !self->stopping) {
        act_enter(self->ctx);
        gateway_http_gone(self->gateway, (*slot)->handle);
        act_leave(self->ctx);
    }
    server_http_free(slot);
}

int
server_on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    server_t *self = lws_vhost_user(lws_get_vhost(wsi));
    server_http_t **slot = user;
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return server_on_upgrade(self, wsi, in);
    case LWS_CALLBACK_HTTP:
        server_on_request(self, wsi, slot, in);
        return 0;
    case LWS_CALLBACK_HTTP_BODY:
        server_on_body(*slot, in, length);
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (*slot != NULL && !(*slot)->handed) {
            server_http_hand(self, *slot);
        }
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return server_on_writeable(wsi, slot);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (slot != NULL) {
            server_on_gone(self, slot);
        }
        return 0;
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
        return -1; /* CONNECT makes libwebsockets think of a tunnel; here is none */
    default:
        return 0;
    }
}
