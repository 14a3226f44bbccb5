#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "act.h"

/* ---- making ---- */

static void
socket_set(void *socket, int option, int value)
{
    int error = zmq_setsockopt(socket, option, &value, sizeof value);
    ACT_ASSERT(error == 0);
}

void *
socket_tcp_new(void *zmq, int type, int high_water, int64_t size_max)
{
    void *socket = zmq_socket(zmq, type);
    ACT_ASSERT(socket != NULL);
    socket_set(socket, ZMQ_SNDHWM, high_water);
    socket_set(socket, ZMQ_RCVHWM, high_water);
    socket_set(socket, ZMQ_LINGER, 0);
    socket_set(socket, ZMQ_BACKLOG, SOCKET_BACKLOG);
    socket_set(socket, ZMQ_HEARTBEAT_IVL, SOCKET_HEARTBEAT_MSEC);
    socket_set(socket, ZMQ_HEARTBEAT_TIMEOUT, SOCKET_SILENCE_MSEC);
    socket_set(socket, ZMQ_HEARTBEAT_TTL, SOCKET_SILENCE_MSEC);
    socket_set(socket, ZMQ_CONNECT_TIMEOUT, SOCKET_CONNECT_MSEC);
    socket_set(socket, ZMQ_RECONNECT_IVL, SOCKET_RECONNECT_MSEC);
    socket_set(socket, ZMQ_RECONNECT_IVL_MAX, SOCKET_RECONNECT_MSEC_MAX);
    int error = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max);
    ACT_ASSERT(error == 0);
    return socket;
}

void
socket_endpoint(const char *host, uint16_t port, char *text, size_t size)
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(text, size, "tcp://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

bool
socket_endpoint_parse(const char *endpoint, char *host, size_t host_size, uint16_t *port)
{
    static const char scheme[] = "tcp://";
    const char *colon = strrchr(endpoint, ':');
    if (strncmp(endpoint, scheme, sizeof scheme - 1) != 0 || colon < endpoint + sizeof scheme) {
        return false;
    }
    const char *from = endpoint + sizeof scheme - 1, *to = colon;
    if (*from == '[' && to[-1] == ']') {
        from++;
        to--;
    }
    size_t length = (size_t)(to - from);
    char *end = NULL;
    unsigned long number = strcmp(colon + 1, "*") == 0 ? 0 : strtoul(colon + 1, &end, 10);
    if (length == 0 || length >= host_size || (end != NULL && (end == colon + 1 || *end != '\0')) || number > 65535 ||
        strspn(colon + 1, "0123456789*") != strlen(colon + 1)) {
        return false;
    }
    memcpy(host, from, length);
    host[length] = '\0';
    *port = (uint16_t)number;
    return true;
}

/* libzmq binds to addresses, not to names. False: errno says why. */
static bool
socket_resolve(const char *host, char *address, size_t size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (strcmp(host, "*") == 0) {
        snprintf(address, size, "*");
        return true;
    }
    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return false;
    }
    int error = getnameinfo(found->ai_addr, found->ai_addrlen, address, (socklen_t)size, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    errno = EADDRNOTAVAIL;
    return error == 0;
}

uint16_t
socket_bind(void *socket, curve_t *curve, const char *host, uint16_t port)
{
    char address[INET6_ADDRSTRLEN + 1], endpoint[SOCKET_ENDPOINT_MAX];
    if (!socket_resolve(host, address, sizeof address)) {
        return 0;
    }
    curve_server(curve, socket, CURVE_PROCESSES);
    socket_set(socket, ZMQ_IPV6, strchr(address, ':') != NULL);
    socket_endpoint(address, port, endpoint, sizeof endpoint);
    if (port == 0) {
        char *colon = strrchr(endpoint, ':');
        snprintf(colon, sizeof endpoint - (size_t)(colon - endpoint), ":*");
    }
    size_t size = sizeof endpoint;
    char bound[INET6_ADDRSTRLEN + 1];
    if (zmq_bind(socket, endpoint) != 0 || zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 ||
        !socket_endpoint_parse(endpoint, bound, sizeof bound, &port)) {
        return 0;
    }
    return port;
}

bool
socket_connect(void *socket, curve_t *curve, const char *endpoint, const char *public_key)
{
    socket_set(socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    if (!curve_client(curve, socket, public_key)) {
        errno = EACCES;
        return false;
    }
    return zmq_connect(socket, endpoint) == 0;
}

/* ---- on a loop ---- */

static void
socket_on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    (void)events;
    socket_watch_t *self = watcher->data;
    int state = 0;
    size_t size = sizeof state;
    zmq_getsockopt(self->socket, ZMQ_EVENTS, &state, &size);
    if (!(state & ZMQ_POLLIN)) {
        ev_idle_stop(loop, &self->idle);
        return;
    }
    self->on_readable(self->self);
    ev_idle_start(loop, &self->idle); /* look again before sleeping */
}

static void
socket_on_io(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop; /* waking the loop is all it is for: prepare reads */
    (void)watcher;
    (void)events;
}

static void
socket_on_idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

void
socket_watch_start(socket_watch_t *self, struct ev_loop *loop)
{
    int fd;
    size_t size = sizeof fd;
    int error = zmq_getsockopt(self->socket, ZMQ_FD, &fd, &size);
    ACT_ASSERT(error == 0);
    ev_io_init(&self->io, socket_on_io, fd, EV_READ);
    ev_prepare_init(&self->prepare, socket_on_prepare);
    self->prepare.data = self;
    ev_idle_init(&self->idle, socket_on_idle);
    ev_io_start(loop, &self->io);
    ev_prepare_start(loop, &self->prepare);
    self->started = true;
}

void
socket_watch_stop(socket_watch_t *self, struct ev_loop *loop)
{
    if (self->started) {
        ev_io_stop(loop, &self->io);
        ev_prepare_stop(loop, &self->prepare);
        ev_idle_stop(loop, &self->idle);
        self->started = false;
    }
}
