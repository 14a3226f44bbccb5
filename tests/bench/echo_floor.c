/*
 * echo_floor -- the least a WebSocket server of this kind can cost: a bare libwebsockets echo on libev, loaded by the
 * same client code as `playhouse bench`, in a process of its own. No session, no check, no store.
 *
 *   echo_floor [--sessions N] [--seconds N]
 *
 * Prints a row for 1,000/s, 5,000/s and saturation: frames per second, server CPU per frame, p50 and p99 of the echo;
 * and the bytes one idle connection costs.
 */
#include <ev.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_stats.h"
#include "bench_ws.h"

enum { FRAME_BYTES = 64, OUTSTANDING = 4, RX_BYTES = 512, SESSIONS_MAX = 10000, EVENTS = 256 };

/* ---- the server ---- */

typedef struct echo {
    uint8_t bytes[LWS_PRE + RX_BYTES];
    size_t length;
} echo_t;

/* The one outstanding frame of a connection is echoed when the socket takes it; those that come meanwhile are put
 * behind it, as any server would. */
static int
echo_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    echo_t *echo = user;
    if (reason == LWS_CALLBACK_RECEIVE) {
        if (echo->length + length > RX_BYTES) {
            return -1;
        }
        memcpy(echo->bytes + LWS_PRE + echo->length, in, length);
        echo->length += length;
        lws_callback_on_writable(wsi);
    } else if (reason == LWS_CALLBACK_SERVER_WRITEABLE && echo->length > 0) {
        size_t waiting = echo->length;
        echo->length = 0;
        if (lws_write(wsi, echo->bytes + LWS_PRE, waiting, LWS_WRITE_BINARY) < (int)waiting) {
            return -1;
        }
    }
    return 0;
}

_Noreturn static void
serve(int port_pipe)
{
    static const struct lws_protocols protocols[] = {{.name = "playhouse.v1.msgpack",
                                                      .callback = echo_callback,
                                                      .per_session_data_size = sizeof(echo_t),
                                                      .rx_buffer_size = RX_BYTES},
                                                     {0}};
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    void *loops[] = {loop};
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN_SERVER,
                                             .options = LWS_SERVER_OPTION_LIBEV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
                                             .foreign_loops = loops,
                                             .pt_serv_buf_size = 4096};
    struct lws_context *context = lws_create_context(&info);
    struct lws_context_creation_info host = {.protocols = protocols, .iface = "127.0.0.1", .vhost_name = "echo"};
    struct lws_vhost *vhost = context ? lws_create_vhost(context, &host) : NULL;
    int port = vhost ? lws_get_vhost_listen_port(vhost) : -1;
    if (write(port_pipe, &port, sizeof port) != sizeof port || port <= 0) {
        exit(1);
    }
    ev_run(loop, 0);
    exit(0);
}

/* ---- the client ---- */

typedef struct probe {
    bench_ws_t ws; /* first */
    int64_t sent_at[OUTSTANDING];
    uint32_t outstanding;
} probe_t;

static struct {
    client_peer_t peer;
    probe_t *probes;
    int64_t sessions, opened;
    bool counting, saturate;
    uint64_t echoed;
    bench_stats_t times;
} load;

static void
probe_send(probe_t *probe)
{
    static const uint8_t frame[FRAME_BYTES];
    probe->sent_at[probe->outstanding++] = bench_now();
    bench_ws_send(&probe->ws, frame, sizeof frame);
}

static void
probe_opened(bench_ws_t *ws)
{
    (void)ws;
    load.opened++;
}

static void
probe_message(bench_ws_t *ws, const uint8_t *data, size_t length)
{
    (void)data;
    probe_t *probe = (probe_t *)ws;
    for (size_t n = length / FRAME_BYTES; n > 0 && probe->outstanding > 0; n--) {
        if (load.counting) {
            load.echoed++;
            bench_stats_add(&load.times, bench_now() - probe->sent_at[0]);
        }
        probe->outstanding--;
        memmove(probe->sent_at, probe->sent_at + 1, probe->outstanding * sizeof *probe->sent_at);
        if (load.saturate) {
            probe_send(probe);
        }
    }
}

static void
probe_closed(bench_ws_t *ws, int code, const char *why)
{
    (void)ws;
    fprintf(stderr, "echo_floor: a connection was closed: %d %s\n", code, why ? why : "");
    exit(1);
}

static const bench_ws_events_t probe_events = {
    .opened = probe_opened, .message = probe_message, .closed = probe_closed};

static void
poll_once(int msec)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load.peer.epoll, events, EVENTS, msec);
    for (int i = 0; i < count; i++) {
        client_source_t *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
}

static void
run(pid_t server, int64_t rate, int64_t seconds)
{
    bench_usage_t before, after;
    load.times = (bench_stats_t){0};
    load.echoed = 0;
    load.counting = true;
    load.saturate = rate == 0;
    bench_usage_read(server, &before);
    int64_t start = bench_now(), end = start + seconds * 1000000, sent = 0, next = 0;
    for (int64_t i = 0; load.saturate && i < load.sessions * OUTSTANDING; i++) {
        probe_send(&load.probes[i % load.sessions]);
    }
    for (int64_t now = start; now < end; now = bench_now()) {
        for (; !load.saturate && sent < (now - start) * rate / 1000000; sent++) {
            probe_t *probe = &load.probes[next++ % load.sessions];
            if (probe->outstanding < OUTSTANDING) {
                probe_send(probe);
            }
        }
        poll_once(load.saturate ? 10 : 1);
    }
    load.counting = load.saturate = false;
    bench_usage_read(server, &after);
    for (int i = 0; i < 100; i++) { /* what is still on its way */
        poll_once(1);
    }
    char name[32] = "saturated";
    if (rate > 0) {
        snprintf(name, sizeof name, "%lld/s", (long long)rate);
    }
    double cpu = load.echoed ? (double)(after.cpu_usec - before.cpu_usec) / (double)load.echoed : 0;
    printf("echo %-10s %8.0f frames/s, CPU %6.1f us per frame, p50 %.2f ms, p99 %.2f ms\n", name,
           (double)load.echoed / (double)seconds, cpu, (double)bench_stats_quantile(&load.times, 0.5) / 1000,
           (double)bench_stats_quantile(&load.times, 0.99) / 1000);
}

static void
connect_all(pid_t server)
{
    bench_usage_t before, after;
    bench_usage_read(server, &before);
    for (int64_t i = 0; i < load.sessions; i++) {
        if (!bench_ws_open(&load.probes[i].ws, &load.peer, &probe_events, CODEC_MSGPACK)) {
            exit(1);
        }
        while (i - load.opened > 100) {
            poll_once(100);
        }
    }
    while (load.opened < load.sessions) {
        poll_once(100);
    }
    bench_usage_read(server, &after);
    printf("echo idle       %lld connections, %lld bytes each\n", (long long)load.sessions,
           (long long)((after.rss - before.rss) / load.sessions));
}

int
main(int argc, char **argv)
{
    int64_t seconds = 5;
    load.sessions = 500;
    for (int i = 1; i + 1 < argc; i += 2) {
        int64_t number = strtoll(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--sessions") == 0 && number > 0 && number <= SESSIONS_MAX) {
            load.sessions = number;
        } else if (strcmp(argv[i], "--seconds") == 0 && number > 0) {
            seconds = number;
        } else {
            fprintf(stderr, "usage: echo_floor [--sessions N] [--seconds N]\n");
            return 2;
        }
    }
    int port = 0, channel[2];
    if (pipe(channel) != 0) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    pid_t server = fork();
    if (server == 0) {
        serve(channel[1]);
    }
    if (read(channel[0], &port, sizeof port) != sizeof port || port <= 0) {
        fprintf(stderr, "echo_floor: the server did not start\n");
        return 1;
    }
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    load.probes = calloc((size_t)load.sessions, sizeof *load.probes);
    if (load.probes == NULL || !client_peer_open(&load.peer, url, false)) {
        return 1;
    }
    connect_all(server);
    static const int64_t rates[] = {1000, 5000, 0};
    for (int i = 0; i < 3; i++) {
        run(server, rates[i], seconds);
    }
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    return 0;
}
