#include "client_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

bool
client_peer_open(client_peer_t *self, const char *url, bool allow_remote)
{
    char host[100] = "";
    char port[8] = "80";
    char rest[2] = "";
    if (sscanf(url, "http://%99[^:/]:%7[0-9]%1s", host, port, rest) < 1 || (rest[0] && rest[0] != '/')) {
        fprintf(stderr, "'%s' is not an address: it must be http://HOST:PORT\n", url);
        return false;
    }
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0) {
        fprintf(stderr, "cannot find the address of '%s': %s\n", url, gai_strerror(code));
        return false;
    }
    memcpy(&self->address, found->ai_addr, sizeof(self->address));
    freeaddrinfo(found);
    if (ntohl(self->address.sin_addr.s_addr) >> 24 != 127 && !allow_remote) {
        fprintf(stderr, "'%s' is another machine: give --allow-remote if it may be loaded\n", url);
        return false;
    }
    snprintf(self->host, sizeof(self->host), "%s:%s", host, port);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0) {
        fprintf(stderr, "cannot make an epoll descriptor: %s\n", strerror(errno));
    }
    return self->epoll >= 0;
}

void
client_peer_close(client_peer_t *self)
{
    close(self->epoll);
    self->epoll = -1;
}

int
client_peer_connect(const client_peer_t *self, client_source_t *source)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fprintf(stderr, "cannot make a socket: %s (see ulimit -n)\n", strerror(errno));
        return -1;
    }
    int on = 1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = source};
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        (connect(fd, (const struct sockaddr *)&self->address, sizeof(self->address)) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        fprintf(stderr, "cannot connect to %s: %s\n", self->host, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static void
client_http_drop(client_http_t *self)
{
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->fd = -1;
    self->in_length = 0;
    self->reused = false;
}

static void
client_http_fail(client_http_t *self, const char *why)
{
    self->asking = false;
    client_http_drop(self);
    self->answered(self->owner, 0, why, strlen(why));
}

static bool
client_http_connect(client_http_t *self)
{
    self->out_at = 0;
    self->fd = client_peer_connect(self->peer, &self->source);
    return self->fd >= 0;
}

/* The connection is gone. One that was kept too long is no fault: it is asked again on a new one. */
static void
client_http_on_gone(client_http_t *self, const char *why)
{
    bool again = self->reused && self->in_length == 0;
    client_http_drop(self);
    if (self->asking && !(again && client_http_connect(self))) {
        client_http_fail(self, why);
    }
}

/* What the descriptor said last, for people. */
static const char *
client_http_reason(int fd)
{
    int code = 0;
    socklen_t length = sizeof(code);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length);
    return code ? strerror(code) : "the server closed the connection";
}

static void
client_http_write(client_http_t *self)
{
    while (self->asking && self->fd >= 0 && self->out_at < self->out_length) {
        ssize_t written = send(self->fd, self->out + self->out_at, self->out_length - self->out_at, MSG_NOSIGNAL);
        if (written < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN) {
                client_http_on_gone(self, strerror(errno));
            }
            return;
        }
        self->out_at += (size_t)written;
    }
}

/* The value of a header in the head that ends at `end`; NULL when it is not there. */
static const char *
client_http_header(const char *head, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            return line + 3 + length + strspn(line + 3 + length, " ");
        }
    }
    return NULL;
}

static void
client_http_parse(client_http_t *self)
{
    self->in[self->in_length] = '\0';
    char *end = strstr(self->in, "\r\n\r\n");
    int status = 0;
    if (!self->asking || !end) {
        return;
    }
    const char *length_text = client_http_header(self->in, end, "content-length");
    if (sscanf(self->in, "HTTP/1.1 %d", &status) != 1 || !length_text) {
        client_http_fail(self, "the answer is not HTTP/1.1 with a Content-Length");
        return;
    }
    size_t length = strtoul(length_text, NULL, 10);
    char *body = end + 4;
    if (length > CLIENT_HTTP_IN_CAP - (size_t)(body - self->in)) {
        client_http_fail(self, "the answer is too long");
        return;
    }
    if (self->in_length < (size_t)(body - self->in) + length) {
        return;
    }
    const char *connection = client_http_header(self->in, end, "connection");
    bool closing = connection && strncasecmp(connection, "close", 5) == 0;
    /* A copy: the owner may ask again from within the call. */
    char copy[CLIENT_HTTP_IN_CAP + 1];
    memcpy(copy, body, length);
    copy[length] = '\0';
    self->asking = false;
    self->in_length = 0;
    self->reused = true;
    if (closing) {
        client_http_drop(self);
    }
    self->answered(self->owner, status, copy, length);
}

static void
client_http_ready(client_source_t *source, uint32_t events)
{
    client_http_t *self = (client_http_t *)source;
    int fd = self->fd;
    if (events & EPOLLOUT) {
        client_http_write(self);
    }
    while (self->fd == fd && fd >= 0) {
        size_t room = CLIENT_HTTP_IN_CAP - self->in_length;
        ssize_t got = room ? recv(fd, self->in + self->in_length, room, 0) : 0;
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (got <= 0) {
            client_http_on_gone(self, got < 0 ? strerror(errno) : client_http_reason(fd));
            return;
        }
        self->in_length += (size_t)got;
        client_http_parse(self);
    }
}

void
client_http_init(client_http_t *self, const client_peer_t *peer, client_http_fn *answered, void *owner)
{
    self->source.ready = client_http_ready;
    self->peer = peer;
    self->answered = answered;
    self->owner = owner;
    self->fd = -1;
    self->asking = false;
    self->in_length = 0;
    self->reused = false;
}

void
client_http_fini(client_http_t *self)
{
    self->asking = false;
    client_http_drop(self);
}

void
client_http_ask(client_http_t *self, const char *method, const char *path, const char *token, const char *body)
{
    int length = snprintf(
        self->out, sizeof(self->out), "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%sContent-Length: %zu\r\n\r\n%s", method,
        path, self->peer->host, token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
        body ? "Content-Type: application/json\r\n" : "", body ? strlen(body) : 0, body ? body : "");
    self->asking = true;
    self->out_at = 0;
    if (length < 0 || (size_t)length >= sizeof(self->out)) {
        client_http_fail(self, "the request is too long");
        return;
    }
    self->out_length = (size_t)length;
    if (self->fd < 0) {
        if (!client_http_connect(self)) {
            client_http_fail(self, "could not connect");
        }
        return;
    }
    client_http_write(self);
}
