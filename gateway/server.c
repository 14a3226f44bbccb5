#include "server_state.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(LWS_PRE <= WIRE_HEADROOM, "libwebsockets writes its header in front of what gateway_take gives");

static _Thread_local bool server_starting;

/* What libwebsockets complains of while it starts is ours to mend; later it is a client's doing, and not worth a line.
 */
static void
server_on_log(int level, const char *line)
{
    (void)level;
    char text[200];
    size_t length = strcspn(line, "\n");
    length = length < sizeof(text) ? length : sizeof(text) - 1;
    memcpy(text, line, length);
    text[length] = '\0';
    log_event(server_starting ? LOG_ERROR : LOG_DEBUG, "libwebsockets", "libwebsockets says", LOG_S("text", text));
}

static void
server_peer(struct lws *wsi, uint8_t address[WIRE_ADDRESS_BYTES])
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    memset(address, 0, WIRE_ADDRESS_BYTES);
    if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&peer, &length) != 0) {
        return; /* gone already; it counts with the other ones without an address */
    }
    if (peer.ss_family == AF_INET) {
        address[10] = address[11] = 0xff;
        memcpy(address + 12, &((const struct sockaddr_in *)&peer)->sin_addr, 4);
    } else if (peer.ss_family == AF_INET6) {
        memcpy(address, &((const struct sockaddr_in6 *)&peer)->sin6_addr, WIRE_ADDRESS_BYTES);
    }
}

void
server_client(const server_t *self, struct lws *wsi, uint8_t address[WIRE_ADDRESS_BYTES])
{
    server_peer(wsi, address);
    const proxies_t *proxies = self->config->proxies;
    if (proxies == NULL || proxies->count == 0 || server_is_admin(self, wsi)) {
        return;
    }
    char *forwarded = server_header(wsi, WSI_TOKEN_X_FORWARDED_FOR);
    if (forwarded != NULL) {
        proxies_client(proxies, forwarded, address);
        free(forwarded);
    }
}

static void
server_fill_protocols(server_t *self)
{
    struct lws_protocols http = {.name = "http", .callback = server_on_http, .per_session_data_size = sizeof(void *)};
    struct lws_protocols ws = {
        .callback = server_on_ws, .per_session_data_size = sizeof(server_ws_t), .rx_buffer_size = SERVER_RX_BYTES};
    self->protocols[0] = http;
    ws.name = "playhouse.v1.json";
    ws.id = CODEC_JSON;
    self->protocols[1] = ws;
    ws.name = "playhouse.v1.msgpack";
    ws.id = CODEC_MSGPACK;
    self->protocols[2] = ws;
}

static struct lws_context *
server_context(server_t *self)
{
    void *loops[] = {act_loop(self->ctx)};
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .foreign_loops = loops,
        .timeout_secs = SERVER_TIMEOUT_SECONDS,
        .pt_serv_buf_size = SERVER_BUFFER_BYTES,
        .max_http_header_data2 = SERVER_HEADER_BYTES,
        .max_http_header_pool2 = SERVER_HEADERS_MAX,
        .uid = (uid_t)-1,
        .gid = (gid_t)-1,
    };
    return lws_create_context(&info);
}

static struct lws_vhost *
server_vhost(server_t *self)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .vhost_name = "gateway",
        .protocols = self->protocols,
        .user = self,
        .keepalive_timeout = SERVER_IDLE_SECONDS,
        .retry_and_idle_policy = &self->keepalive,
    };
    return lws_create_vhost(self->context, &info);
}

/* Several processes on one host have an admin listener each: the port that all would have by themselves is the
 * gateway's. */
static int
server_port(const server_t *self, bool admin)
{
    const config_t *config = self->config->config;
    if (self->config->admin_only && !config_is_set(config, CONFIG_ADMIN_PORT)) {
        return 0;
    }
    return (int)config_int(config, admin ? CONFIG_ADMIN_PORT : CONFIG_GATEWAY_PORT);
}

/* The first thread that binds chooses where the configuration leaves it open; the others take the same. */
static bool
server_bind(server_t *self, bool admin)
{
    gateway_ports_t *ports = self->config->ports;
    const config_t *config = self->config->config;
    const char *host = config_text(config, admin ? CONFIG_ADMIN_HOST : CONFIG_GATEWAY_HOST), *why = "";
    int *chosen = admin ? &ports->admin_port : &ports->port;
    pthread_mutex_lock(&ports->lock);
    int port = *chosen != 0 ? *chosen : server_port(self, admin);
    int bound = server_listen(self, admin ? &self->admin : &self->listener, host, port,
                              !admin && self->config->threads > 1, &why);
    if (bound > 0) {
        *chosen = bound;
    }
    pthread_mutex_unlock(&ports->lock);
    if (bound <= 0) {
        act_log(self->ctx, LOG_ERROR, "listen-failed", "could not listen; is another server running on that port?",
                LOG_S("why", why), LOG_S("host", host), LOG_N("port", port),
                LOG_S("setting", admin ? "admin.port" : "gateway.port"));
        return false;
    }
    if (admin) {
        self->admin_port = bound;
    }
    if (self->config->bound != NULL) {
        self->config->bound(self->config->self, admin, host, bound);
    }
    return true;
}

/* libwebsockets 4.1 arms its libev timer once and does not move it when an earlier deadline comes: time-outs would be
 * as late as the latest of them. Woken, it looks at all that are due. */
static void
server_on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)events;
    server_t *self = timer->data;
    lws_cancel_service(self->context);
    if (self->listener.fd >= 0) { /* if it was stopped for want of descriptors */
        ev_io_start(loop, &self->listener);
    }
    if (self->admin.fd >= 0) {
        ev_io_start(loop, &self->admin);
    }
}

static void
server_tick_start(server_t *self)
{
    ev_timer_init(&self->tick, server_on_tick, 1., 1.);
    self->tick.data = self;
    ev_timer_start(act_loop(self->ctx), &self->tick);
}

static void
server_stop(void *wire)
{
    server_t *self = wire;
    self->stopping = true;
    ev_timer_stop(act_loop(self->ctx), &self->tick);
    server_listen_stop(self, &self->listener);
    server_listen_stop(self, &self->admin);
    server_ws_farewell(self);
    lws_context_destroy(self->context);
    free(self);
}

static void *
server_start(gateway_t *gateway, act_ctx_t *ctx, const gateway_config_t *config)
{
    server_t *self = calloc(1, sizeof(*self));
    ACT_ASSERT(self != NULL);
    self->gateway = gateway;
    self->ctx = ctx;
    self->config = config;
    self->listener.fd = self->admin.fd = -1;
    self->body_max = (size_t)config_int(config->config, CONFIG_GATEWAY_FRAME_MAX);
    self->keepalive = (lws_retry_bo_t){.secs_since_valid_ping = SERVER_PING_SECONDS,
                                       .secs_since_valid_hangup = SERVER_HANGUP_SECONDS};
    if (!server_policy_write(self->policy, config->sign_in)) {
        act_log(ctx, LOG_WARN, "issuer-odd", "the page cannot sign in: auth.issuer is no address of a web server",
                LOG_S("issuer", config->sign_in->issuer));
    }
    server_fill_protocols(self);
    lws_set_log_level(LLL_ERR | LLL_WARN, server_on_log);
    server_starting = true;
    self->context = server_context(self);
    self->vhost = self->context != NULL ? server_vhost(self) : NULL;
    server_starting = false;
    bool good = self->vhost != NULL && (config->admin_only || server_bind(self, false)) &&
                (act_self(ctx).thread != 0 || server_bind(self, true));
    if (self->context == NULL) {
        act_log(ctx, LOG_ERROR, "listen-failed",
                "libwebsockets could not start; is its libev plug-in (libwebsockets-evlib-ev) installed?");
        free(self);
    } else if (!good) {
        server_stop(self);
    } else {
        server_tick_start(self);
    }
    return good ? self : NULL;
}

const wire_t server_wire = {
    .start = server_start,
    .stop = server_stop,
    .want_write = server_ws_want_write,
    .close = server_ws_close,
    .answer = server_http_answer,
    .gone = server_http_gone,
};
