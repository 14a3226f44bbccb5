/* All that a client needs before it connects: its characters, and what the active one is doing already. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

/* The answer as far as it is known, and which instance is being asked for a session. */
typedef struct http_bootstrap {
    obj_bootstrap_t answer;
    uint32_t instance;
} http_bootstrap_t;

bool
http_bootstrap_start(gateway_t *self, http_request_t *request)
{
    const obj_bootstrap_request_t *body = &request->body.bootstrap;
    if (body->has_build && strcmp(body->build, self->config->build) != 0) {
        http_refuse(self, request->conn, ERROR_VERSION_MISMATCH, NULL, 0);
        return false;
    }
    return http_characters_start(self, request);
}

static void
http_bootstrap_fill(const gateway_t *self, obj_bootstrap_t *answer, const msg_persistence_characters_t *found)
{
    answer->characters_len = found->characters_len;
    memcpy(answer->characters, found->characters, sizeof(answer->characters));
    for (uint32_t i = 0; i < found->characters_len; i++) {
        if (found->characters[i].active) {
            answer->has_character = true;
            answer->character = found->characters[i];
        }
    }
    memcpy(answer->build, self->config->build, strnlen(self->config->build, sizeof(answer->build) - 1));
    answer->instance.has_capacity = true;
    answer->instance.capacity = config_int(self->config->config, CONFIG_ADMISSION_CAPACITY);
    answer->has_limits = self->config->limits != NULL;
    if (answer->has_limits) {
        answer->limits = *self->config->limits;
    }
}

static void
http_bootstrap_answer(gateway_t *self, http_request_t *request, uint32_t instance)
{
    http_bootstrap_t *so_far = request->so_far;
    memcpy(so_far->answer.instance.id, self->instances[instance].id, strlen(self->instances[instance].id));
    http_answer(self, request->conn, 200, &type_bootstrap, &so_far->answer);
}

/* What does the active character do in the next instance? Asked in turn: there are few, and mostly one. */
static void
http_bootstrap_ask(gateway_t *self, http_request_t *request)
{
    http_bootstrap_t *so_far = request->so_far;
    bool late = act_now(self->ctx) - request->begun >= GATEWAY_ASK_USEC;
    if (!so_far->answer.has_character || so_far->instance == self->instances_count || late) {
        http_bootstrap_answer(self, request, 0);
        return;
    }
    msg_admission_find_t find;
    memcpy(find.character_id, so_far->answer.character.id, sizeof(find.character_id));
    request_admission_find(self->ctx, self->instances[so_far->instance].id, &find, GATEWAY_PING_USEC,
                           http_context(self, request));
    request->more = true;
}

void
http_bootstrap_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    http_bootstrap_t *so_far = request->so_far;
    if (so_far == NULL) {
        if (msg->type != MSG_PERSISTENCE_CHARACTERS) {
            http_refuse_as(self, request->conn, msg);
            return;
        }
        request->so_far = so_far = calloc(1, sizeof(*so_far));
        ACT_ASSERT(so_far != NULL);
        http_bootstrap_fill(self, &so_far->answer, msg->body);
    } else if (msg->type == MSG_ADMISSION_FOUND && ((const msg_admission_found_t *)msg->body)->has_session) {
        so_far->answer.has_session = true;
        so_far->answer.session = ((const msg_admission_found_t *)msg->body)->session;
        http_bootstrap_answer(self, request, so_far->instance);
        return;
    } else {
        so_far->instance++; /* nothing there; or admission does not know now, and a connect will tell */
    }
    http_bootstrap_ask(self, request);
}
