/* http -- what the routes of the HTTP API share. Private to this folder. */
#ifndef PLAYHOUSE_GATEWAY_HTTP_H
#define PLAYHOUSE_GATEWAY_HTTP_H

#include "state.h"

enum { HTTP_BODY_MAX = 16384 }; /* bytes of the longest answer but /metrics and /actors */

/* One row of the table in http_api.c. */
typedef struct http_route {
    wire_method_t method;
    bool admin;               /* of the loopback listener */
    bool open;                /* needs no token */
    bool dev;                 /* only with --dev */
    bool may_be_empty;        /* the body */
    const char *path;         /* {id} stands for one segment */
    const codec_type_t *body; /* NULL: takes none */
    /* Asks its actor; or answers at once and returns false. */
    bool (*start)(gateway_t *self, http_request_t *request);
    /* An answer of that actor (or act.no_answer) is here. Answers the client. */
    void (*finish)(gateway_t *self, http_request_t *request, const msg_t *msg);
    /* The client hung up, or the actor did not answer in time: take back what was asked. NULL: nothing to take back. */
    void (*abandon)(gateway_t *self, http_request_t *request);
} http_route_t;

uint64_t http_context(const gateway_t *self, const http_request_t *request);
void http_answer(gateway_t *self, void *conn, unsigned status, const codec_type_t *type, const void *body);
/* message NULL: the code's own text. */
void http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message, int64_t retry_msec);
/* For finish: what a persistence.failed or act.no_answer means to the client. */
void http_refuse_as(gateway_t *self, void *conn, const msg_t *msg);

/* http_characters.c */
bool http_characters_start(gateway_t *self, http_request_t *request);
void http_characters_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_create_start(gateway_t *self, http_request_t *request);
void http_create_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_select_start(gateway_t *self, http_request_t *request);
void http_select_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_bootstrap_start(gateway_t *self, http_request_t *request);
void http_bootstrap_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_connect.c */
bool http_connect_start(gateway_t *self, http_request_t *request);
void http_connect_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
void http_connect_abandon(gateway_t *self, http_request_t *request);
/* A connect always has an outcome: also when its token could not be looked at. */
void http_connect_undecided(gateway_t *self, http_request_t *request, error_code_t code);

/* http_system.c */
bool http_version_start(gateway_t *self, http_request_t *request);
bool http_health_start(gateway_t *self, http_request_t *request);
void http_health_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_metrics_start(gateway_t *self, http_request_t *request);
void http_metrics_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_actors_start(gateway_t *self, http_request_t *request);
void http_actors_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_dev_token_start(gateway_t *self, http_request_t *request);

#endif
