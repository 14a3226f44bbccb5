/* What a user does about a session from outside of it: ends it, or asks where it stands in the queue. */
#include "http.h"

#include <string.h>

bool
http_leave_start(gateway_t *self, http_request_t *request)
{
    const obj_leave_request_t *body = &request->body.leave;
    msg_admission_end_t end = {.has_character_id = body->has_character_id,
                               .has_replace_token = body->has_replace_token};
    memcpy(end.user_id, request->user_id, sizeof(end.user_id));
    memcpy(end.character_id, body->character_id, sizeof(end.character_id));
    memcpy(end.replace_token, body->replace_token, sizeof(end.replace_token));
    request_admission_end(self->ctx, request->id, &end, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_leave_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_ADMISSION_ENDED) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_admission_ended_t *ended = msg->body;
    obj_leave_result_t result = {.left = ended->ended};
    http_answer(self, request->conn, 200, &type_leave_result, &result);
}

bool
http_place_start(gateway_t *self, http_request_t *request)
{
    msg_queue_locate_t locate;
    memcpy(locate.user_id, request->user_id, sizeof(locate.user_id));
    memcpy(locate.character_id, request->query, sizeof(locate.character_id));
    request_queue_locate(self->ctx, request->id, &locate, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_place_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_QUEUE_STANDING) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_queue_standing_t *standing = msg->body;
    obj_queue_status_t status = {.position = standing->position,
                                 .depth = standing->depth,
                                 .has_eta_seconds = standing->has_eta_seconds,
                                 .eta_seconds = standing->eta_seconds};
    http_answer(self, request->conn, 200, &type_queue_status, &status);
}
