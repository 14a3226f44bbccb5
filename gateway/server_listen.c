/* The listening sockets. Our own, because libwebsockets lets contexts of several threads not share a port; what is
 * accepted is handed to it. */
#include "server_state.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SERVER_BACKLOG = 4096,
    SERVER_ACCEPT_MAX = 64, /* connections accepted in one turn of the loop; others want their turn too */
};

static int
server_port_of(int fd)
{
    struct sockaddr_storage own;
    socklen_t length = sizeof(own);
    if (getsockname(fd, (struct sockaddr *)&own, &length) != 0) {
        return -1;
    }
    return ntohs(own.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&own)->sin6_port
                                           : ((const struct sockaddr_in *)&own)->sin_port);
}

bool
server_is_admin(const server_t *self, struct lws *wsi)
{
    return self->admin.fd >= 0 && server_port_of(lws_get_socket_fd(wsi)) == self->admin_port;
}

static void
server_on_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)events;
    server_t *self = watcher->data;
    for (int i = 0; i < SERVER_ACCEPT_MAX; i++) {
        int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            (void)lws_adopt_socket_vhost(self->vhost, fd); /* closes it when it cannot */
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            ev_io_stop(loop, watcher); /* it would be told of the same one again and again; server_on_tick tries anew */
            act_log(self->ctx, LOG_WARN, "accept-failed",
                    "a connection has to wait: the process has no descriptor or memory left for it; see ulimit -n",
                    LOG_S("why", strerror(errno)));
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

/* One that is bound and listens, or -1 with errno. */
static int
server_socket(const struct addrinfo *address, bool shared)
{
    int one = 1, bytes = SERVER_SEND_BYTES;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));  /* both are inherited by what is accepted; */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)); /* without them it is slower, not wrong */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, SERVER_BACKLOG) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

int
server_listen(server_t *self, ev_io *watcher, const char *host, int port, bool shared, const char **why)
{
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    snprintf(service, sizeof(service), "%d", port);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0) {
        *why = gai_strerror(failed);
        return -1;
    }
    int fd = server_socket(found, shared);
    freeaddrinfo(found);
    if (fd < 0) {
        *why = strerror(errno);
        return -1;
    }
    ev_io_init(watcher, server_on_accept, fd, EV_READ);
    watcher->data = self;
    ev_io_start(act_loop(self->ctx), watcher);
    return server_port_of(fd);
}

void
server_listen_stop(server_t *self, ev_io *watcher)
{
    if (watcher->fd >= 0) {
        ev_io_stop(act_loop(self->ctx), watcher);
        close(watcher->fd);
        watcher->fd = -1;
    }
}
