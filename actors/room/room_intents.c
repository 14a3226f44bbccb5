/* Intents: may this be done, and if so, on its way to the store with it. Nothing is visible yet. */
#include "room_state.h"

#include <stdlib.h>
#include <string.h>

void
room_refuse(room_t *self, act_ctx_t *ctx, const room_member_t *member, int64_t action_id, error_code_t code)
{
    msg_gateway_refused_t body = {.connection = member->connection, .action_id = action_id, .code = code};
    if (error_transient[code]) {
        body.has_retry_after_ms = true;
        body.retry_after_ms = ROOM_RETRY_MSEC;
    }
    send_to_gateway_refused(ctx, room_member_addr(self, member), &body); /* not sent: the client resends */
}

/* Terminal, and still it says for how long: trying again before that is no use. */
static void
room_refuse_muted(room_t *self, act_ctx_t *ctx, const room_member_t *member, int64_t action_id)
{
    int64_t left = member->muted_until - act_wall_msec(ctx);
    msg_gateway_refused_t body = {.connection = member->connection,
                                  .action_id = action_id,
                                  .code = ERROR_MUTED,
                                  .has_retry_after_ms = true,
                                  .retry_after_ms = left < ROOM_MUTED_MSEC_MAX ? left : ROOM_MUTED_MSEC_MAX};
    send_to_gateway_refused(ctx, room_member_addr(self, member), &body); /* not sent: the client resends */
}

static bool
room_find_place(const void *room, const char *character_id, double *x, double *y)
{
    const room_member_t *member = room_member_of(room, character_id);
    if (member != NULL) {
        *x = member->due_x;
        *y = member->due_y;
    }
    return member != NULL;
}

static bool
room_decide(room_t *self, act_ctx_t *ctx, const room_member_t *member, const rules_intent_t *intent,
            rules_effect_t *effect, error_code_t *refusal)
{
    rules_view_t view = {.now = act_now(ctx),
                         .actor = {.character_id = member->seen.character_id,
                                   .x = member->due_x,
                                   .y = member->due_y,
                                   .stride = member->stride,
                                   .stride_at = member->stride_at},
                         .items = self->items_due,
                         .items_count = self->items_count,
                         .find = room_find_place,
                         .room = self};
    return self->rules->decide(&view, intent, effect, refusal);
}

/* False: the store's mailbox is full. */
static bool
room_append(room_t *self, act_ctx_t *ctx, const room_member_t *member, int64_t action_id, const room_content_t *content,
            const rules_effect_t *effect)
{
    msg_persistence_append_t body; /* filled by hand: clearing its payload would cost more than the rest */
    memcpy(body.room, self->key, sizeof body.room);
    body.epoch = self->epoch;
    body.number = self->next_number;
    memcpy(body.action.character_id, member->seen.character_id, sizeof body.action.character_id);
    body.action.sequence = member->due_sequence + 1;
    body.action.action_id = action_id;
    memcpy(body.action.room, self->key, sizeof body.action.room);
    body.action.room_version = (self->epoch << 32) + (int64_t)self->counter + 1;
    body.action.kind = content->kind;
    body.action.payload_len = content->length;
    memcpy(body.action.payload, content->bytes, content->length);
    body.x = effect->x;
    body.y = effect->y;
    body.has_item = effect->item >= 0;
    body.item = body.has_item ? effect->item_after : (obj_item_view_t){.has_holder = false};
    return send_to_persistence_append(ctx, &self->store, &body);
}

static room_chat_t *
room_chat_new(const room_member_t *member, const char *text)
{
    size_t size = strlen(text) + 1;
    room_chat_t *chat = malloc(sizeof *chat + size);
    ACT_ASSERT(chat != NULL);
    memcpy(chat->character_id, member->seen.character_id, sizeof chat->character_id);
    memcpy(chat->name, member->seen.name, sizeof chat->name);
    memcpy(chat->text, text, size);
    return chat;
}

/* It is on its way: from now on it counts for whatever is asked next. */
static void
room_accept(room_t *self, act_ctx_t *ctx, room_member_t *member, int64_t action_id, const room_content_t *content,
            const rules_intent_t *intent, const rules_effect_t *effect)
{
    room_pending_t *pending = room_pending_push(self);
    pending->trace = act_trace(ctx);
    pending->digest = content->digest;
    pending->action_id = action_id;
    pending->sequence = ++member->due_sequence;
    pending->room_version = (self->epoch << 32) + (int64_t)++self->counter;
    pending->kind = content->kind;
    pending->member = (uint16_t)(member - self->members);
    pending->item = (int16_t)effect->item;
    pending->x = effect->x;
    pending->y = effect->y;
    pending->chat = content->kind == ACTION_KIND_CHAT ? room_chat_new(member, intent->text) : NULL;
    if (effect->item >= 0) {
        pending->item_after = effect->item_after;
        self->items_due[effect->item] = effect->item_after;
    }
    self->next_number++;
    member->pending++;
    member->due_action_id = action_id;
    member->due_x = effect->x;
    member->due_y = effect->y;
    member->stride = effect->stride;
    member->stride_at = effect->stride_at;
    if (!act_timer_running(ctx, ROOM_TIMER_COMMIT)) {
        act_timer_start(ctx, ROOM_TIMER_COMMIT, (act_usec_t)ROOM_COMMIT_MSEC * ACT_MSEC);
    }
#ifdef PLAYHOUSE_PLANTED_EARLY_ACK
    /* !!! PLANTED BUG, for the simulation to catch: the ack leaves before the commit. Never in a shipped build. !!! */
    room_ack(self, ctx, pending);
#endif
}

static void
room_intent(room_t *self, act_ctx_t *ctx, const msg_t *msg, int64_t connection, int64_t handle, int64_t action_id,
            const rules_intent_t *intent)
{
    room_member_t *member = room_member_find(self, handle);
    if (member == NULL) {
        room_member_unknown(ctx, msg, connection);
        return;
    }
    if (self->state == ROOM_STATE_OPEN && self->counter >= ROOM_COUNTER_MAX) {
        room_reload(self, ctx, "the lease has given out its versions");
    }
    if (self->state != ROOM_STATE_OPEN) {
        room_refuse(self, ctx, member, action_id, ERROR_UNAVAILABLE);
        return;
    }
    if (member->role == ROLE_SPECTATOR) {
        room_refuse(self, ctx, member, action_id, ERROR_FORBIDDEN);
        return;
    }
    room_content_t content;
    room_content_make(&content, intent);
    if (action_id <= member->due_action_id) {
        room_repeat(self, ctx, member, action_id, &content);
        return;
    }
    if (intent->kind == ACTION_KIND_CHAT && member->muted_until > act_wall_msec(ctx)) {
        room_refuse_muted(self, ctx, member, action_id);
        return;
    }
    if (member->pending == ROOM_MEMBER_PENDING_MAX || self->pending_count == ROOM_PENDING_CAP) {
        bool own = member->pending == ROOM_MEMBER_PENDING_MAX;
        room_refuse(self, ctx, member, action_id, own ? ERROR_TOO_MANY_PENDING : ERROR_OVERLOADED);
        return;
    }
    rules_effect_t effect;
    error_code_t refusal;
    if (!room_decide(self, ctx, member, intent, &effect, &refusal)) {
        room_refuse(self, ctx, member, action_id, refusal);
        return;
    }
    if (!room_append(self, ctx, member, action_id, &content, &effect)) {
        room_refuse(self, ctx, member, action_id, ERROR_OVERLOADED);
        return;
    }
    room_accept(self, ctx, member, action_id, &content, intent, &effect);
}

void
room_on_move(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_room_move_t *move = msg->body;
    rules_intent_t intent = {.kind = ACTION_KIND_MOVE, .x = move->x, .y = move->y};
    room_intent(self, ctx, msg, move->connection, move->member, move->action_id, &intent);
}

void
room_on_chat(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_room_chat_t *chat = msg->body;
    rules_intent_t intent = {.kind = ACTION_KIND_CHAT, .text = chat->text};
    room_intent(self, ctx, msg, chat->connection, chat->member, chat->action_id, &intent);
}

void
room_on_action(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    static const action_kind_t kinds[ITEM_ACTION_COUNT] = {[ITEM_ACTION_PICKUP] = ACTION_KIND_PICKUP,
                                                           [ITEM_ACTION_DROP] = ACTION_KIND_DROP,
                                                           [ITEM_ACTION_GIVE] = ACTION_KIND_GIVE};
    const msg_room_action_t *action = msg->body;
    rules_intent_t intent = {.kind = kinds[action->action],
                             .item_id = action->item_id,
                             .target_id = action->has_target_id ? action->target_id : NULL};
    room_intent(self, ctx, msg, action->connection, action->member, action->action_id, &intent);
}
