/* Answers of the HTTP API: JSON from a schema type, and the one error contract. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

static void
http_answer_with(gateway_t *self, void *conn, wire_answer_t answer, const codec_type_t *type, const void *body)
{
    uint8_t json[HTTP_BODY_MAX];
    answer.length = codec_encode(CODEC_JSON, type, NULL, body, json, sizeof(json));
    ACT_ASSERT(answer.length > 0);
    answer.body = json;
    answer.content_type = "application/json";
    self->config->wire->answer(conn, &answer);
}

void
http_answer(gateway_t *self, void *conn, unsigned status, const codec_type_t *type, const void *body)
{
    http_answer_with(self, conn, (wire_answer_t){.status = status}, type, body);
}

void
http_answer_large(gateway_t *self, void *conn, const codec_type_t *type, const void *body, size_t max)
{
    uint8_t *json = malloc(max);
    ACT_ASSERT(json != NULL);
    wire_answer_t answer = {.status = 200, .content_type = "application/json", .body = json};
    answer.length = codec_encode(CODEC_JSON, type, NULL, body, json, max);
    ACT_ASSERT(answer.length > 0);
    self->config->wire->answer(conn, &answer);
    free(json);
}

void
http_refuse_with(gateway_t *self, void *conn, wire_answer_t answer, error_code_t code, const char *message,
                 int64_t retry_msec)
{
    obj_http_error_t error = {.code = code, .transient = error_transient[code]};
    const char *text = message != NULL ? message : error_texts[code];
    memcpy(error.message, text, strnlen(text, sizeof(error.message) - 1));
    if (retry_msec == 0 && error.transient) {
        retry_msec = GATEWAY_RETRY_MSEC;
    }
    error.has_retry_after_ms = retry_msec > 0;
    error.retry_after_ms = retry_msec;
    act_trace_text(act_trace(self->ctx), error.trace_id);
    answer.status = error_http[code];
    answer.retry_seconds = (unsigned)((retry_msec + 999) / 1000);
    answer.authenticate = code == ERROR_UNAUTHENTICATED;
    http_answer_with(self, conn, answer, &type_http_error, &error);
}

void
http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message, int64_t retry_msec)
{
    http_refuse_with(self, conn, (wire_answer_t){0}, code, message, retry_msec);
}

void
gateway_http_refuse(gateway_t *self, void *conn, error_code_t code, const char *message)
{
    act_trace_set(self->ctx, act_trace_new(self->ctx));
    http_refuse(self, conn, code, message, 0);
}

void
http_refuse_as(gateway_t *self, void *conn, const msg_t *msg)
{
    static const error_code_t codes[STORE_FAULT_COUNT] = {
        [STORE_FAULT_NOT_FOUND] = ERROR_NOT_FOUND,    [STORE_FAULT_NOT_OWNER] = ERROR_NOT_FOUND,
        [STORE_FAULT_LIMIT] = ERROR_CONFLICT,         [STORE_FAULT_STALE_EPOCH] = ERROR_INTERNAL,
        [STORE_FAULT_LEASE_UNKNOWN] = ERROR_INTERNAL, [STORE_FAULT_GAP] = ERROR_INTERNAL,
        [STORE_FAULT_FULL] = ERROR_UNAVAILABLE,       [STORE_FAULT_UNAVAILABLE] = ERROR_UNAVAILABLE,
    };
    if (msg->type == MSG_ADMISSION_DECLINED) {
        const msg_admission_declined_t *declined = msg->body;
        http_refuse(self, conn, declined->code, NULL, 0);
    } else if (msg->type == MSG_QUEUE_REFUSED) {
        const msg_queue_refused_t *refused = msg->body;
        bool away = refused->fault == SECRET_FAULT_UNAVAILABLE;
        http_refuse(self, conn, away ? ERROR_UNAVAILABLE : ERROR_NOT_FOUND, NULL, 0);
    } else if (msg->type == MSG_PERSISTENCE_FAILED) {
        const msg_persistence_failed_t *failed = msg->body;
        http_refuse(self, conn, codes[failed->fault], NULL, 0);
    } else if (msg->type == MSG_ACT_NO_ANSWER) {
        const msg_act_no_answer_t *none = msg->body;
        http_refuse(self, conn, none->code, NULL, 0);
    } else {
        ACT_UNREACHABLE("an actor answered a request with an answer of another one");
    }
}
