/* POST /instances/{id}/connect: always one outcome within 10 s, and no seat for a client that is gone. */
#include "http.h"

#include <string.h>

/* What is left of the 10 s, less the time it takes to say so. */
static act_usec_t
http_connect_left(const gateway_t *self, const http_request_t *request)
{
    act_usec_t left = request->begun + GATEWAY_CONNECT_USEC - 250 * ACT_MSEC - act_now(self->ctx);
    return left > ACT_MSEC ? left : ACT_MSEC;
}

static act_usec_t
http_connect_ask(const gateway_t *self, const http_request_t *request)
{
    act_usec_t left = http_connect_left(self, request);
    return left < GATEWAY_ASK_USEC ? left : GATEWAY_ASK_USEC;
}

bool
http_connect_start(gateway_t *self, http_request_t *request)
{
    const obj_connect_request_t *body = &request->body.connect;
    msg_admission_connect_t connect = {.role = request->role,
                                       .auth_until = request->auth_until,
                                       .has_character_id = body->has_character_id,
                                       .has_replace_token = body->has_replace_token,
                                       .has_reconnect_token = body->has_reconnect_token};
    gateway_session_id(self, http_context(self, request), connect.session_id);
    memcpy(connect.user_id, request->user_id, sizeof(connect.user_id));
    memcpy(connect.character_id, body->character_id, sizeof(connect.character_id));
    memcpy(connect.build, body->build, sizeof(connect.build));
    memcpy(connect.replace_token, body->replace_token, sizeof(connect.replace_token));
    memcpy(connect.reconnect_token, body->reconnect_token, sizeof(connect.reconnect_token));
    address_scope(request->address, connect.address);
    request_admission_connect(self->ctx, request->id, &connect, http_connect_left(self, request),
                              http_context(self, request));
    return true;
}

void
http_connect_abandon(gateway_t *self, http_request_t *request)
{
    msg_admission_leave_t leave = {.turn = 0}; /* nobody has entered */
    gateway_session_id(self, http_context(self, request), leave.session_id);
    send_admission_leave(self->ctx, request->id, &leave); /* refused: the ticket, or the place's grace, runs out */
}

static void
http_connect_answer(gateway_t *self, http_request_t *request, const obj_connect_result_t *result)
{
    act_observe(self->ctx, METRIC_ADMISSION_LATENCY, (uint64_t)(act_now(self->ctx) - request->begun));
    if (result->outcome == OUTCOME_FAILED && result->reason == REASON_RATE_LIMITED) {
        http_refuse(self, request->conn, ERROR_RATE_LIMITED, reason_texts[REASON_RATE_LIMITED],
                    result->has_retry_after_seconds ? result->retry_after_seconds * 1000 : 0);
        return;
    }
    http_answer(self, request->conn, 200, &type_connect_result, result);
}

static void
http_connect_reason(obj_connect_result_t *result, reason_t reason)
{
    result->has_reason = result->has_transient = result->has_message = true;
    result->reason = reason;
    result->transient = reason_transient[reason];
    memcpy(result->message, reason_texts[reason], strnlen(reason_texts[reason], sizeof(result->message) - 1));
}

void
http_connect_undecided(gateway_t *self, http_request_t *request, error_code_t code)
{
    obj_connect_result_t result = {.outcome = code == ERROR_TIMEOUT ? OUTCOME_TIMEOUT : OUTCOME_FAILED};
    reason_t reason = code == ERROR_TIMEOUT      ? REASON_TIMEOUT
                      : code == ERROR_OVERLOADED ? REASON_OVERLOADED
                                                 : REASON_DEPENDENCY_UNAVAILABLE;
    http_connect_reason(&result, reason);
    result.has_retry_after_seconds = true;
    result.retry_after_seconds = 1;
    act_count(self->ctx, METRIC_CONNECTS, result.outcome, 1);
    act_count(self->ctx, METRIC_CONNECT_REASONS, reason, 1);
    http_connect_answer(self, request, &result);
}

static void
http_connect_fill(obj_connect_result_t *result, const msg_admission_connected_t *connected)
{
    *result = (obj_connect_result_t){.outcome = connected->outcome,
                                     .has_ticket = connected->has_ticket,
                                     .has_character_id = connected->has_character_id,
                                     .has_session_id = connected->has_session_id,
                                     .has_position = connected->has_position,
                                     .position = connected->position,
                                     .has_eta_seconds = connected->has_eta_seconds,
                                     .eta_seconds = connected->eta_seconds,
                                     .has_retry_after_seconds = connected->has_retry_after_seconds,
                                     .retry_after_seconds = connected->retry_after_seconds,
                                     .has_reconnect_token = connected->has_reconnect_token,
                                     .has_replace_token = connected->has_replace_token};
    memcpy(result->ticket, connected->ticket, sizeof(result->ticket));
    memcpy(result->character_id, connected->character_id, sizeof(result->character_id));
    memcpy(result->session_id, connected->session_id, sizeof(result->session_id));
    memcpy(result->reconnect_token, connected->reconnect_token, sizeof(result->reconnect_token));
    memcpy(result->replace_token, connected->replace_token, sizeof(result->replace_token));
    if (connected->has_reason) {
        http_connect_reason(result, connected->reason);
    }
}

void
http_connect_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type == MSG_ACT_NO_ANSWER) {
        const msg_act_no_answer_t *none = msg->body;
        http_connect_abandon(self, request);
        http_connect_undecided(self, request, none->code);
        return;
    }
    if (msg->type != MSG_ADMISSION_CONNECTED) {
        ACT_UNREACHABLE("admission.connect has one answer");
    }
    const msg_admission_connected_t *connected = msg->body;
    bool held = connected->outcome == OUTCOME_ADMITTED || connected->outcome == OUTCOME_QUEUED;
    if (held && self->config->wire->gone(request->conn)) {
        http_connect_abandon(self, request);
        act_log(self->ctx, LOG_INFO, "connect-given-up", "the client hung up before it heard of its seat or place");
    }
    obj_connect_result_t result;
    http_connect_fill(&result, connected);
    http_connect_answer(self, request, &result);
}

void
http_connect_attempt(gateway_t *self, http_request_t *request)
{
    msg_admission_attempt_t attempt = {0};
    bool known = instances_find(self, request->id) != GATEWAY_NONE;
    address_scope(request->address, attempt.address);
    request_admission_attempt(self->ctx, known ? request->id : self->instances[0].id, &attempt,
                              http_connect_ask(self, request), http_context(self, request));
}

void
http_connect_attempted(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    int64_t locked_seconds = 0;
    if (msg->type == MSG_ADMISSION_ATTEMPTED) {
        const msg_admission_attempted_t *attempted = msg->body;
        locked_seconds = attempted->retry_after_seconds;
    }
    if (locked_seconds > 0) {
        http_refuse(self, request->conn, ERROR_RATE_LIMITED, reason_texts[REASON_RATE_LIMITED], locked_seconds * 1000);
    } else {
        http_refuse(self, request->conn, ERROR_UNAUTHENTICATED, NULL, 0);
    }
}
