/* server_state -- what the server's files share. Private to them: nobody else sees libwebsockets. */
#ifndef PLAYHOUSE_SERVER_STATE_H
#define PLAYHOUSE_SERVER_STATE_H

#include <ev.h>
#include <libwebsockets.h>

#include "server.h"
#include "server_policy.h"

enum {
    SERVER_RX_BYTES = 256,     /* what each WebSocket keeps for reading: a common message; larger ones come in pieces */
    SERVER_SEND_BYTES = 65536, /* the kernel's for each: what a slow client gets late, and what it may cost */
    SERVER_BUFFER_BYTES = 16384, /* of the thread, for reading */
    SERVER_HEADER_BYTES = 8192,  /* all headers of a request; a token is at most half of it */
    SERVER_HEADERS_MAX = 4096,   /* requests whose headers are being read at once */
    SERVER_TIMEOUT_SECONDS = 10, /* for headers, and for a body */
    SERVER_ANSWER_SECONDS = 30,  /* for taking an answer */
    SERVER_IDLE_SECONDS = 30,    /* HTTP keep-alive */
    SERVER_PING_SECONDS = 30,    /* a WebSocket that was silent so long is asked for a sign of life */
    SERVER_HANGUP_SECONDS = 60,  /* and ended after this much silence */
    SERVER_CLOSE_SECONDS = 3,    /* for a close frame to go out */
    SERVER_PIECE_BYTES = 16384,  /* of an answer, written at once */
    SERVER_FILE_MAX = 16 << 20,  /* bytes of the largest file of the page */
};

typedef struct server_ws server_ws_t;

typedef struct server {
    struct lws_context *context;
    struct lws_vhost *vhost;
    ev_io listener, admin; /* fd -1 where there is none; admin is on thread 0 only */
    int admin_port;
    ev_timer tick; /* see server_on_tick */
    gateway_t *gateway;
    act_ctx_t *ctx;
    const gateway_config_t *config;
    size_t body_max;
    char policy[SERVER_POLICY_SIZE];
    struct lws_protocols protocols[4];
    lws_retry_bo_t keepalive;
    server_ws_t *first; /* every WebSocket */
    bool stopping;      /* the logic is gone: call nothing of it */
} server_t;

/* One WebSocket: libwebsockets allocates it with the connection. */
struct server_ws {
    struct lws *wsi;
    server_ws_t *next, *before;
    uint64_t handle;        /* 0: not let in */
    const char *close_text; /* static */
    uint16_t close_code;    /* 0: goes on */
};

/* One HTTP exchange, from its headers to the end of its answer. */
typedef struct server_http {
    server_t *server;
    struct lws *wsi;
    wire_request_t request;
    char *path, *query, *authorization, *content_type;
    char *host, *origin; /* of an admin request */
    uint8_t *body;
    size_t body_length, body_expected;
    uint64_t handle; /* while the logic has it */
    uint8_t *out;
    size_t out_length, out_at;
    bool head;     /* asked by HEAD: the body is left out */
    bool handed;   /* to the logic, or answered without it */
    bool answered; /* `out` is there */
    bool last;     /* close the connection after it */
    bool at_once;  /* is written by whoever asked, not from WRITEABLE */
} server_http_t;

/* server_listen.c */
/* The port it got; -1: *why says why not. */
int server_listen(server_t *self, ev_io *watcher, const char *host, int port, bool shared, const char **why);
void server_listen_stop(server_t *self, ev_io *watcher);
/* Did this connection come to the loopback listener? */
bool server_is_admin(const server_t *self, struct lws *wsi);
/* server.c */
/* Where a request, or the one that became this WebSocket, comes from; all zero when that is not known any more. */
void server_client(const server_t *self, struct lws *wsi, uint8_t address[WIRE_ADDRESS_BYTES]);
/* server_ws.c */
int server_on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length);
void server_ws_want_write(void *conn);
void server_ws_close(void *conn, unsigned code, const char *text);
/* Writes the close frames that can go out at once. */
void server_ws_farewell(server_t *self);
/* server_http.c */
int server_on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length);
void server_http_answer(void *conn, const wire_answer_t *answer);
bool server_http_gone(void *conn);
/* server_upgrade.c: 0: let it become a WebSocket; else as LWS_CALLBACK_HTTP_CONFIRM_UPGRADE wants it. */
int server_on_upgrade(server_t *self, struct lws *wsi, const char *to);
/* The whole value of a header, from malloc; "" when it is absent, NULL when it cannot be had. */
char *server_header(struct lws *wsi, enum lws_token_indexes token);
/* server_static.c: answers with a file of the page, or with a 404 that helps. */
void server_static_answer(server_http_t *exchange, const char *path);

#endif
