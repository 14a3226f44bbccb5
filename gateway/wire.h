/*
 * wire -- what stands between the gateway's logic and whatever carries bytes: libwebsockets (server.h), or a test.
 *
 * The logic calls the functions of wire_t; they only note what is wanted and never call back into the logic. The wire
 * calls gateway_*, each bracketed by act_enter and act_leave, on the gateway's thread. A `conn` is the wire's own
 * pointer for one WebSocket or one HTTP exchange; it is valid until the wire has called gateway_closed or
 * gateway_http_gone for it, or has answered the exchange.
 */
#ifndef PLAYHOUSE_WIRE_H
#define PLAYHOUSE_WIRE_H

#include "act.h"

typedef struct gateway gateway_t;
struct gateway_config;

enum {
    WIRE_HEADROOM = 16,      /* bytes free in front of what gateway_take gives */
    WIRE_TOO_LARGE = 1009,   /* close code of RFC 6455: a frame over gateway.frame_max */
    WIRE_TOKEN_MAX = 4096,   /* longest access token */
    WIRE_ADDRESS_BYTES = 16, /* IPv6, or IPv4 mapped into it */
};

/* An HTTP answer. Everything is borrowed for the call. */
typedef struct wire_answer {
    unsigned status;
    const char *content_type;
    const void *body;
    size_t length;
    const char *allow;      /* Allow, or NULL */
    const char *cache;      /* Cache-Control; NULL: no-store */
    unsigned retry_seconds; /* Retry-After, or 0 */
    bool authenticate;      /* WWW-Authenticate: Bearer */
} wire_answer_t;

typedef struct wire {
    /* Starts to listen. NULL: it could not, and has logged why. */
    void *(*start)(gateway_t *gateway, act_ctx_t *ctx, const struct gateway_config *config);
    /* Ends every connection, with the close frame it was told to send if that goes out at once, and frees all. Calls
     * no gateway_*. */
    void (*stop)(void *self);
    /* Call gateway_take for this connection when its socket takes bytes. */
    void (*want_write)(void *conn);
    /* Close with this code and text when the socket takes them, at the latest in a few seconds. */
    void (*close)(void *conn, unsigned code, const char *text);
    /* Answer an exchange; once. */
    void (*answer)(void *conn, const wire_answer_t *answer);
    /* Has the client of an exchange hung up? */
    bool (*gone)(void *conn);
} wire_t;

/* WebSockets. gateway_open gives the connection's handle; 0: too many, do not let it in. */
uint64_t gateway_open(gateway_t *self, void *conn, codec_format_t format, const uint8_t address[WIRE_ADDRESS_BYTES]);
/* A piece of a frame, `first` and `last` of its message or not. The bytes are hostile. */
void gateway_data(gateway_t *self, uint64_t handle, const uint8_t *data, size_t length, bool first, bool last,
                  bool binary);
/* The next frame to write, with WIRE_HEADROOM bytes in front that may be overwritten; valid until the next call.
 * NULL: nothing waits. *more: call again when the socket takes more. */
uint8_t *gateway_take(gateway_t *self, uint64_t handle, size_t *length, bool *more);
void gateway_closed(gateway_t *self, uint64_t handle);

typedef enum wire_method { WIRE_GET, WIRE_POST, WIRE_OTHER } wire_method_t;

typedef struct wire_request {
    void *conn;
    wire_method_t method;
    const char *path;          /* without the query */
    const char *query;         /* what follows '?', "" when there is nothing */
    const char *host, *origin; /* these headers, of an admin request; "" when absent */
    const char *authorization; /* "" when absent */
    const char *content_type;  /* "" when absent */
    const uint8_t *body;
    size_t length;
    uint8_t address[WIRE_ADDRESS_BYTES]; /* of the client */
    bool admin;                          /* came to the admin listener */
    bool too_large; /* the body is over gateway.frame_max, or a header over its limit; neither is here */
    bool unread;    /* the body has no length, or cannot be read */
} wire_request_t;

/* A whole request. It is answered now or later through wire_t.answer. Returns its handle, 0 when answered already. */
uint64_t gateway_http(gateway_t *self, const wire_request_t *request);
/* The client hung up before its answer. */
void gateway_http_gone(gateway_t *self, uint64_t handle);
/* Is this path the API's? Others are files. */
bool gateway_http_is_api(const char *path);
/* Refuses an upgrade or a request in the one error contract. */
void gateway_http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message);

/* May a page of this Origin open a WebSocket to a server that was asked for as `host`? */
bool gateway_origin_allowed(const gateway_t *self, const char *origin, const char *host);
/* May this request use the admin listener? From this machine: not when a page elsewhere made it, also not one that has
 * its own name resolve to 127.0.0.1. From elsewhere, when admin.host lets it in: GET of /health and /metrics. */
bool gateway_admin_allowed(const wire_request_t *in);

#endif
