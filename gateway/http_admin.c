/* What an operator sees and switches: on the loopback listener, and with a token of that role. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

enum {
    HTTP_INSTANCES_MAX = GATEWAY_INSTANCES_CAP * 2048, /* bytes: a message of 200 characters, each \u001f at worst */
    HTTP_SESSIONS_MAX = 32 * 1024,
};

bool
http_instance_known(gateway_t *self, const http_request_t *request)
{
    if (instances_find(self, request->id) == GATEWAY_NONE) {
        http_refuse(self, request->conn, ERROR_NOT_FOUND, "there is no such instance", 0);
        return false;
    }
    return true;
}

/* ---- every instance, one after the other ---- */

static void
http_inspect_next(gateway_t *self, http_request_t *request)
{
    msg_admission_inspect_t inspect = {0};
    const obj_instance_list_t *list = request->so_far;
    request_admission_inspect(self->ctx, self->instances[list->instances_len].id, &inspect, GATEWAY_ASK_USEC,
                              http_context(self, request));
}

bool
http_instances_start(gateway_t *self, http_request_t *request)
{
    request->so_far = calloc(1, sizeof(obj_instance_list_t));
    ACT_ASSERT(request->so_far != NULL);
    http_inspect_next(self, request);
    return true;
}

void
http_instances_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_ADMISSION_INSTANCE) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_admission_instance_t *answer = msg->body;
    obj_instance_list_t *list = request->so_far;
    list->instances[list->instances_len++] = answer->instance;
    request->more = list->instances_len < self->instances_count;
    if (request->more) {
        http_inspect_next(self, request);
    } else {
        http_answer_large(self, request->conn, &type_instance_list, list, HTTP_INSTANCES_MAX);
    }
}

/* ---- one instance ---- */

bool
http_inspect_start(gateway_t *self, http_request_t *request)
{
    msg_admission_inspect_t inspect = {0};
    if (!http_instance_known(self, request)) {
        return false;
    }
    request_admission_inspect(self->ctx, request->id, &inspect, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

bool
http_change_start(gateway_t *self, http_request_t *request)
{
    if (!http_instance_known(self, request)) {
        return false;
    }
    const obj_instance_change_t *body = &request->body.change;
    msg_admission_configure_t configure = {.has_capacity = body->has_capacity,
                                           .capacity = body->capacity,
                                           .has_drain = body->has_drain,
                                           .drain = body->drain,
                                           .has_maintenance = body->has_maintenance,
                                           .maintenance = body->maintenance,
                                           .has_ends_in_seconds = body->has_ends_in_seconds,
                                           .ends_in_seconds = body->ends_in_seconds,
                                           .has_message = body->has_message};
    memcpy(configure.message, body->message, sizeof(configure.message));
    request_admission_configure(self->ctx, request->id, &configure, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_change_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_ADMISSION_INSTANCE) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_admission_instance_t *answer = msg->body;
    http_answer(self, request->conn, 200, &type_instance_info, &answer->instance);
}

/* A number of the schema's range in decimal; "" is 0. False: it is none. */
static bool
http_number_read(const char *text, int64_t *number)
{
    *number = 0;
    for (; *text >= '0' && *text <= '9' && *number <= INT64_C(9007199254740991); text++) {
        *number = *number * 10 + (*text - '0');
    }
    return *text == '\0' && *number <= INT64_C(9007199254740991);
}

bool
http_sessions_start(gateway_t *self, http_request_t *request)
{
    msg_admission_list_t list;
    if (!http_instance_known(self, request)) {
        return false;
    }
    if (!http_number_read(request->query, &list.after)) {
        http_refuse(self, request->conn, ERROR_BAD_REQUEST, "query: after is a number", 0);
        return false;
    }
    request_admission_list(self->ctx, request->id, &list, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_sessions_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_ADMISSION_SESSIONS) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_admission_sessions_t *sessions = msg->body;
    obj_session_list_t list = {.sessions_len = sessions->sessions_len};
    memcpy(list.sessions, sessions->sessions, sizeof(list.sessions));
    http_answer_large(self, request->conn, &type_session_list, &list, HTTP_SESSIONS_MAX);
}

bool
http_kick_start(gateway_t *self, http_request_t *request)
{
    const obj_kick_request_t *body = &request->body.kick;
    if (!http_instance_known(self, request)) {
        return false;
    }
    if (body->has_session_id == body->has_character_id) {
        http_refuse(self, request->conn, ERROR_BAD_REQUEST, "body: wants either a sessionId or a characterId", 0);
        return false;
    }
    msg_admission_kick_t kick = {.has_session_id = body->has_session_id, .has_character_id = body->has_character_id};
    memcpy(kick.session_id, body->session_id, sizeof(kick.session_id));
    memcpy(kick.character_id, body->character_id, sizeof(kick.character_id));
    request_admission_kick(self->ctx, request->id, &kick, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_kick_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    const obj_kick_request_t *body = &request->body.kick;
    bool moderator = request->user_id[0] != '\0'; /* else it came to the loopback listener */
    if (moderator && msg->type == MSG_ADMISSION_ENDED && ((const msg_admission_ended_t *)msg->body)->ended) {
        char user[13];
        log_hash(request->user_id, user);
        act_log(self->ctx, LOG_INFO, "moderator-kick", "a moderator has ended a session", LOG_S("user", user),
                LOG_S("instance", request->id), LOG_S("session", body->session_id),
                LOG_S("character", body->character_id)); /* one of the two; the other is "" */
    }
    http_leave_finish(self, request, msg);
}
