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

bool
http_connect_start(gateway_t *self, http_request_t *request)
{
    const obj_connect_request_t *body = &request->body.connect;
    msg_admission_connect_t connect = {.role = request->role, .has_character_id = body->has_character_id};
    gateway_session_id(self, http_context(self, request), connect.session_id);
    memcpy(connect.user_id, request->user_id, sizeof(connect.user_id));
    memcpy(connect.character_id, body->character_id, sizeof(connect.character_id));
    memcpy(connect.build, body->build, sizeof(connect.build));
    request_admission_connect(self->ctx, request->id, &connect, http_connect_left(self, request),
                              http_context(self, request));
    return true;
}

void
http_connect_abandon(gateway_t *self, http_request_t *request)
{
    msg_admission_leave_t leave;
    gateway_session_id(self, http_context(self, request), leave.session_id);
    send_admission_leave(self->ctx, request->id, &leave); /* refused: the ticket runs out */
}

static void
http_connect_answer(gateway_t *self, http_request_t *request, const obj_connect_result_t *result)
{
    act_observe(self->ctx, METRIC_ADMISSION_LATENCY, (uint64_t)(act_now(self->ctx) - request->begun));
    if (result->outcome == OUTCOME_FAILED && result->reason == REASON_RATE_LIMITED) {
        http_refuse(self, request->conn, ERROR_RATE_LIMITED, NULL,
                    result->has_retry_after_seconds ? result->retry_after_seconds * 1000 : 1000);
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
    if (connected->outcome == OUTCOME_ADMITTED && self->config->wire->gone(request->conn)) {
        http_connect_abandon(self, request);
        act_log(self->ctx, LOG_INFO, "connect-given-up", "the client hung up before it heard that it is admitted");
    }
    obj_connect_result_t result = {.outcome = connected->outcome,
                                   .has_ticket = connected->has_ticket,
                                   .has_character_id = connected->has_character_id,
                                   .has_retry_after_seconds = connected->has_retry_after_seconds,
                                   .retry_after_seconds = connected->retry_after_seconds};
    memcpy(result.ticket, connected->ticket, sizeof(result.ticket));
    memcpy(result.character_id, connected->character_id, sizeof(result.character_id));
    if (connected->has_reason) {
        http_connect_reason(&result, connected->reason);
    }
    if (connected->outcome == OUTCOME_ADMITTED) {
        result.has_session_id = true;
        gateway_session_id(self, http_context(self, request), result.session_id);
    }
    http_connect_answer(self, request, &result);
}
