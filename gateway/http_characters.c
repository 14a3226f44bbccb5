/* The characters of whoever holds the token. */
#include "http.h"

#include <string.h>

bool
http_characters_start(gateway_t *self, http_request_t *request)
{
    msg_persistence_list_characters_t list;
    memcpy(list.user_id, request->user_id, sizeof(list.user_id));
    request_persistence_list_characters(self->ctx, "", &list, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_characters_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_PERSISTENCE_CHARACTERS) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_persistence_characters_t *found = msg->body;
    obj_character_list_t list = {.characters_len = found->characters_len};
    memcpy(list.characters, found->characters, sizeof(list.characters));
    http_answer(self, request->conn, 200, &type_character_list, &list);
}

bool
http_create_start(gateway_t *self, http_request_t *request)
{
    msg_persistence_create_character_t create;
    memcpy(create.user_id, request->user_id, sizeof(create.user_id));
    memcpy(create.name, request->body.create.name, sizeof(create.name));
    gateway_draw_id(self, create.character_id);
    request_persistence_create_character(self->ctx, "", &create, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

static void
http_one_finish(gateway_t *self, http_request_t *request, const msg_t *msg, unsigned status)
{
    if (msg->type != MSG_PERSISTENCE_CHARACTER) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_persistence_character_t *one = msg->body;
    http_answer(self, request->conn, status, &type_character, &one->character);
}

void
http_create_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    http_one_finish(self, request, msg, 201);
}

bool
http_select_start(gateway_t *self, http_request_t *request)
{
    msg_persistence_select_character_t select;
    memcpy(select.user_id, request->user_id, sizeof(select.user_id));
    memcpy(select.character_id, request->id, sizeof(select.character_id));
    request_persistence_select_character(self->ctx, "", &select, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_select_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type == MSG_PERSISTENCE_CHARACTER) {
        msg_admission_select_t select;
        memcpy(select.user_id, request->user_id, sizeof(select.user_id));
        memcpy(select.character_id, request->id, sizeof(select.character_id));
        for (uint32_t i = 0; i < self->instances_count; i++) {
            /* refused: an attempt for another character goes on until the user's next connect ends it */
            send_admission_select(self->ctx, self->instances[i].id, &select);
        }
    }
    http_one_finish(self, request, msg, 200);
}
