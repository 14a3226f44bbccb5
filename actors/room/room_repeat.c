/* A resend is harmless: the same actionId with the same content gets the same ack, and nothing is done twice. */
#include "room_state.h"

#include <stdio.h>
#include <string.h>

#include "fnv.h"

/* Who finds two contents of one digest is given the ack of his own other action. */
static uint64_t
content_digest(action_kind_t kind, const uint8_t *bytes, size_t length)
{
    return fnv_bytes(FNV_64 ^ (uint64_t)kind, bytes, length) ^ length << 48;
}

void
room_content_make(room_content_t *self, const rules_intent_t *intent)
{
    union {
        obj_move_content_t move;
        obj_chat_content_t chat;
        obj_item_content_t item;
    } content;
    const codec_type_t *type = &type_item_content;
    if (intent->kind == ACTION_KIND_MOVE) {
        content.move = (obj_move_content_t){.x = intent->x, .y = intent->y};
        type = &type_move_content;
    } else if (intent->kind == ACTION_KIND_CHAT) {
        snprintf(content.chat.text, sizeof content.chat.text, "%s", intent->text);
        type = &type_chat_content;
    } else {
        content.item = (obj_item_content_t){.has_target_id = intent->target_id != NULL};
        snprintf(content.item.item_id, sizeof content.item.item_id, "%s", intent->item_id);
        snprintf(content.item.target_id, sizeof content.item.target_id, "%s",
                 intent->target_id != NULL ? intent->target_id : "");
    }
    self->kind = intent->kind;
    self->length = (uint32_t)codec_encode(CODEC_MSGPACK, type, NULL, &content, self->bytes, sizeof self->bytes);
    ACT_ASSERT(self->length > 0);
    self->digest = content_digest(self->kind, self->bytes, self->length);
}

static const room_pending_t *
room_pending_find(const room_t *self, const room_member_t *member, int64_t action_id)
{
    uint32_t slot = (uint32_t)(member - self->members);
    for (uint32_t i = 0; i < self->pending_count; i++) {
        const room_pending_t *pending = room_pending_at(self, i);
        if (pending->member == slot && pending->action_id == action_id) {
            return pending;
        }
    }
    return NULL;
}

void
room_repeat(room_t *self, act_ctx_t *ctx, const room_member_t *member, int64_t action_id, const room_content_t *content)
{
    const room_pending_t *pending = room_pending_find(self, member, action_id);
    if (pending != NULL) {
        if (pending->digest != content->digest) {
            room_refuse(self, ctx, member, action_id, ERROR_ACTION_CONFLICT);
        }
        return; /* the same: its ack is on its way */
    }
    uint32_t index = 0;
    while (index < ROOM_LOOKUPS_CAP && self->lookups[index].used) {
        index++;
    }
    if (index == ROOM_LOOKUPS_CAP) {
        room_refuse(self, ctx, member, action_id, ERROR_OVERLOADED);
        return;
    }
    self->lookups[index] = (room_lookup_t){.used = true,
                                           .stamp = ++self->stamp,
                                           .kind = content->kind,
                                           .member = member->handle,
                                           .action_id = action_id,
                                           .digest = content->digest};
    msg_persistence_find_action_t body = {.action_id = action_id};
    memcpy(body.character_id, member->seen.character_id, sizeof body.character_id);
    request_to_persistence_find_action(ctx, &self->store, &body, (act_usec_t)ROOM_ASK_MSEC * ACT_MSEC,
                                       room_context(ROOM_ASK_LOOKUP, self->lookups[index].stamp, index));
}

/* Ends the lookup; NULL: the answer is of an earlier one, or the member has gone. */
static room_member_t *
room_lookup_end(room_t *self, uint32_t stamp, uint32_t index, room_lookup_t *lookup)
{
    *lookup = self->lookups[index];
    if (!lookup->used || lookup->stamp != stamp) {
        return NULL;
    }
    self->lookups[index].used = false;
    return room_member_find(self, lookup->member);
}

void
room_on_action_found(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t index, const obj_action_row_t *row)
{
    room_lookup_t lookup;
    const room_member_t *member = room_lookup_end(self, stamp, index, &lookup);
    if (member == NULL) {
        return;
    }
    if (row->kind != lookup.kind || content_digest(row->kind, row->payload, row->payload_len) != lookup.digest) {
        room_refuse(self, ctx, member, lookup.action_id, ERROR_ACTION_CONFLICT);
        return;
    }
    msg_gateway_ack_t body = {.connection = member->connection,
                              .action_id = lookup.action_id,
                              .sequence = row->sequence,
                              .room_version = row->room_version};
    send_to_gateway_ack(ctx, room_member_addr(self, member), &body); /* not sent: the client resends */
}

void
room_on_action_missing(room_t *self, act_ctx_t *ctx, uint32_t stamp, uint32_t index, bool not_found)
{
    room_lookup_t lookup;
    const room_member_t *member = room_lookup_end(self, stamp, index, &lookup);
    if (member != NULL) {
        /* A reload in between may have brought the last accepted actionId down: then it may be asked once more. */
        bool never = not_found && self->state == ROOM_STATE_OPEN && lookup.action_id <= member->due_action_id;
        room_refuse(self, ctx, member, lookup.action_id, never ? ERROR_ACTION_OUT_OF_ORDER : ERROR_UNAVAILABLE);
    }
}
