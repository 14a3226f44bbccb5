/* A moderator takes a character's voice: first in the store, where it lasts, then in the room it is in. */
#include "http.h"

#include <string.h>

bool
http_mute_start(gateway_t *self, http_request_t *request)
{
    const obj_mute_request_t *body = &request->body.mute;
    if (!http_instance_known(self, request)) {
        return false;
    }
    request->muted_until = body->seconds > 0 ? act_wall_msec(self->ctx) + body->seconds * 1000 : 0;
    msg_persistence_mute_character_t mute = {.muted_until = request->muted_until};
    memcpy(mute.character_id, body->character_id, sizeof(mute.character_id));
    request_persistence_mute_character(self->ctx, "", &mute, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

/* Every instance is told: it is the character that is muted, wherever it plays. False: one could not be. */
static bool
http_mute_tell(gateway_t *self, const http_request_t *request)
{
    msg_admission_muted_t muted = {.muted_until = request->muted_until};
    bool told = true;
    memcpy(muted.character_id, request->body.mute.character_id, sizeof(muted.character_id));
    for (uint32_t i = 0; i < self->instances_count; i++) {
        told = send_admission_muted(self->ctx, self->instances[i].id, &muted) && told;
    }
    return told;
}

void
http_mute_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_PERSISTENCE_MUTED) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    char user[13];
    log_hash(request->user_id, user);
    act_log(self->ctx, LOG_INFO, "moderator-mute", "a moderator has muted a character, or let it speak again",
            LOG_S("user", user), LOG_S("instance", request->id), LOG_S("character", request->body.mute.character_id),
            LOG_N("seconds", request->body.mute.seconds));
    if (!http_mute_tell(self, request)) {
        http_refuse(self, request->conn, ERROR_OVERLOADED,
                    "it is stored, but its room could not be told: send it again", 0);
        return;
    }
    obj_mute_result_t result = {.muted_until = request->muted_until};
    http_answer(self, request->conn, 200, &type_mute_result, &result);
}
