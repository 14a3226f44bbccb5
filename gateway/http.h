/* http -- what the routes of the HTTP API share. Private to this folder. */
#ifndef PLAYHOUSE_GATEWAY_HTTP_H
#define PLAYHOUSE_GATEWAY_HTTP_H

#include "state.h"

enum { HTTP_BODY_MAX = 16384 }; /* bytes of the longest answer but those of http_answer_large and /metrics */

/* One row of the table in http_routes.c. */
typedef struct http_route {
    wire_method_t method;
    bool admin;        /* of the loopback listener */
    bool open;         /* needs no token */
    bool dev;          /* only with --dev */
    bool may_be_empty; /* the body */
    role_t least;      /* ROLE_PLAYER: anybody whose token is good, a spectator too; else FORBIDDEN below it */
    const char *path;  /* {id} stands for one segment */
    const char *query; /* the one parameter it knows; NULL: none, and a query is not looked at */
    bool query_needed;
    const codec_type_t *body; /* NULL: takes none */
    /* Asks its actor; or answers at once and returns false. */
    bool (*start)(gateway_t *self, http_request_t *request);
    /* An answer of that actor (or act.no_answer) is here. Answers the client, or asks on and sets `more`. */
    void (*finish)(gateway_t *self, http_request_t *request, const msg_t *msg);
    /* The client hung up, or the actor did not answer in time: take back what was asked. NULL: nothing to take back. */
    void (*abandon)(gateway_t *self, http_request_t *request);
} http_route_t;

uint64_t http_context(const gateway_t *self, const http_request_t *request);
/* For a request that asks two at once: what comes back with this is GATEWAY_ASK_IDENTITY's. */
uint64_t http_context_identity(const gateway_t *self, const http_request_t *request);
/* A kind in this very process, on its first thread. */
act_addr_t http_here(const gateway_t *self, act_kind_id_t kind);
/* False: there is no such instance, and the client has been told. */
bool http_instance_known(gateway_t *self, const http_request_t *request);

/* http_routes.c */
/* The route of a request, and its {id}. NULL: there is none, and the client has been told. */
const http_route_t *http_route_find(gateway_t *self, const wire_request_t *in, char id[25]);
/* The value of the route's parameter. Returns what is wrong with the query, NULL: nothing. */
const char *http_query_read(const http_route_t *route, const char *query, char value[25]);

/* http_answer.c */
void http_answer(gateway_t *self, void *conn, unsigned status, const codec_type_t *type, const void *body);
/* 200, with a body of up to `max` bytes. */
void http_answer_large(gateway_t *self, void *conn, const codec_type_t *type, const void *body, size_t max);
/* `answer` says what an error may have beside its body: Allow. */
void http_refuse_with(gateway_t *self, void *conn, wire_answer_t answer, error_code_t code, const char *message,
                      int64_t retry_msec);
/* message NULL: the code's own text. */
void http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message, int64_t retry_msec);
/* For finish: what a refusal of the actor that was asked, or act.no_answer, means to the client. */
void http_refuse_as(gateway_t *self, void *conn, const msg_t *msg);

/* http_characters.c */
bool http_characters_start(gateway_t *self, http_request_t *request);
void http_characters_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_create_start(gateway_t *self, http_request_t *request);
void http_create_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_select_start(gateway_t *self, http_request_t *request);
void http_select_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_connect.c */
bool http_connect_start(gateway_t *self, http_request_t *request);
void http_connect_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
void http_connect_abandon(gateway_t *self, http_request_t *request);
/* A connect always has an outcome: also when its token could not be looked at. */
void http_connect_undecided(gateway_t *self, http_request_t *request, error_code_t code);
/* Its token is not good: admission counts that, and says whether the address is locked. */
void http_connect_attempt(gateway_t *self, http_request_t *request);
void http_connect_attempted(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_instance.c */
bool http_leave_start(gateway_t *self, http_request_t *request);
void http_leave_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_place_start(gateway_t *self, http_request_t *request);
void http_place_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_admin.c */
bool http_instances_start(gateway_t *self, http_request_t *request);
void http_instances_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_inspect_start(gateway_t *self, http_request_t *request);
bool http_change_start(gateway_t *self, http_request_t *request);
void http_change_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_sessions_start(gateway_t *self, http_request_t *request);
void http_sessions_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_kick_start(gateway_t *self, http_request_t *request);
void http_kick_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_mute.c */
bool http_mute_start(gateway_t *self, http_request_t *request);
void http_mute_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_bootstrap.c */
bool http_bootstrap_start(gateway_t *self, http_request_t *request);
void http_bootstrap_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_health.c */
bool http_health_start(gateway_t *self, http_request_t *request);
void http_health_finish(gateway_t *self, http_request_t *request, const msg_t *msg);

/* http_system.c */
bool http_version_start(gateway_t *self, http_request_t *request);
bool http_sign_in_start(gateway_t *self, http_request_t *request);
bool http_metrics_start(gateway_t *self, http_request_t *request);
void http_metrics_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_actors_start(gateway_t *self, http_request_t *request);
void http_actors_finish(gateway_t *self, http_request_t *request, const msg_t *msg);
bool http_dev_token_start(gateway_t *self, http_request_t *request);

#endif
