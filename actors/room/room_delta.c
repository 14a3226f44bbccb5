/* What members are shown: a welcome, the changes, or the whole. Each frame is encoded once per format. */
#include "room_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- marks: what has changed since the last delta ---- */

void
room_mark_member(room_t *self, const room_member_t *member)
{
    size_t slot = (size_t)(member - self->members);
    self->changed_members[slot / 64] |= (uint64_t)1 << slot % 64;
}

void
room_unmark_member(room_t *self, const room_member_t *member)
{
    size_t slot = (size_t)(member - self->members);
    self->changed_members[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

static void room_delta_send(room_t *self, act_ctx_t *ctx);

void
room_mark_left(room_t *self, act_ctx_t *ctx, const char *character_id)
{
    if (self->left_count == ROOM_MEMBERS_CAP) {
        room_delta_send(self, ctx);
    }
    memcpy(self->left[self->left_count++], character_id, sizeof self->left[0]);
}

void
room_unmark_left(room_t *self, const char *character_id)
{
    for (uint32_t i = 0; i < self->left_count; i++) {
        if (strcmp(self->left[i], character_id) == 0) {
            self->left_count--;
            memmove(self->left[i], self->left[self->left_count], sizeof self->left[0]);
            return;
        }
    }
}

void
room_mark_chat(room_t *self, act_ctx_t *ctx, room_chat_t *chat)
{
    if (self->chats_count == ROOM_CHATS_CAP) {
        room_delta_send(self, ctx);
    }
    self->chats[self->chats_count++] = chat;
}

void
room_marks_clear(room_t *self)
{
    for (uint32_t i = 0; i < self->chats_count; i++) {
        free(self->chats[i]);
    }
    self->chats_count = 0;
    self->left_count = 0;
    self->changed_items = 0;
    memset(self->changed_members, 0, sizeof self->changed_members);
}

/* ---- frames ---- */

static blob_t *
frame_new(format_t format, const codec_type_t *type, const char *tag, const void *body)
{
    uint8_t frame[ROOM_FRAME_MAX]; /* only what is written is touched */
    size_t length = codec_encode((codec_format_t)format, type, tag, body, frame, sizeof frame);
    ACT_ASSERT(length > 0);
    return blob_new(frame, length);
}

/* An event of a hundred kilobytes that is mostly unused: it is never cleared, and only what counts is filled. */
static void
delta_init(msg_event_state_delta_t *delta, const room_t *self, bool whole)
{
    delta->room_version = self->room_version;
    delta->has_full = delta->full = whole;
    delta->has_members = delta->has_left = delta->has_items = delta->has_chats = false;
    delta->members_len = delta->left_len = delta->items_len = delta->chats_len = 0;
}

static void
delta_add_chats(msg_event_state_delta_t *delta, const room_t *self)
{
    for (uint32_t i = 0; i < self->chats_count; i++) {
        obj_chat_line_t *line = &delta->chats[i];
        memcpy(line->character_id, self->chats[i]->character_id, sizeof line->character_id);
        memcpy(line->name, self->chats[i]->name, sizeof line->name);
        memcpy(line->text, self->chats[i]->text, strlen(self->chats[i]->text) + 1);
    }
    delta->chats_len = self->chats_count;
    delta->has_chats = delta->chats_len > 0;
}

static uint32_t
room_list_members(const room_t *self, obj_member_view_t *views)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->members_top; i++) {
        if (self->members[i].present) {
            views[count++] = self->members[i].seen;
        }
    }
    return count;
}

static void
delta_fill_whole(msg_event_state_delta_t *delta, const room_t *self)
{
    delta_init(delta, self, true);
    delta->has_members = delta->has_items = true;
    delta->members_len = room_list_members(self, delta->members);
    delta->items_len = self->items_count;
    memcpy(delta->items, self->items_seen, self->items_count * sizeof delta->items[0]);
}

static void
delta_fill_changes(msg_event_state_delta_t *delta, const room_t *self)
{
    delta_init(delta, self, false);
    for (uint32_t word = 0; word < ROOM_MEMBERS_CAP / 64; word++) {
        for (uint64_t bits = self->changed_members[word]; bits != 0; bits &= bits - 1) {
            delta->members[delta->members_len++] = self->members[word * 64 + (uint32_t)__builtin_ctzll(bits)].seen;
        }
    }
    for (uint64_t bits = self->changed_items; bits != 0; bits &= bits - 1) {
        delta->items[delta->items_len++] = self->items_seen[__builtin_ctzll(bits)];
    }
    delta->left_len = self->left_count;
    memcpy(delta->left, self->left, self->left_count * sizeof self->left[0]);
    delta->has_members = delta->members_len > 0;
    delta->has_items = delta->items_len > 0;
    delta->has_left = delta->left_len > 0;
    delta_add_chats(delta, self);
}

blob_t *
room_whole(const room_t *self, format_t format)
{
    msg_event_state_delta_t delta;
    delta_fill_whole(&delta, self);
    return frame_new(format, &type_event_state_delta, "event.state_delta", &delta);
}

blob_t *
room_welcome(const room_t *self, const room_member_t *member)
{
    msg_event_welcome_t welcome = {.has_snapshot = true};
    memcpy(welcome.session_id, member->session_id, sizeof welcome.session_id);
    memcpy(welcome.character_id, member->seen.character_id, sizeof welcome.character_id);
    memcpy(welcome.name, member->seen.name, sizeof welcome.name);
    memcpy(welcome.room, self->key, sizeof welcome.room);
    size_t length = strnlen(self->config->build, sizeof welcome.build - 1);
    memcpy(welcome.build, self->config->build, length);
    welcome.build[length] = '\0';
    welcome.sequence = member->seen_sequence;
    welcome.last_action_id = member->seen_action_id;
    welcome.room_version = self->room_version;
    welcome.snapshot.members_len = room_list_members(self, welcome.snapshot.members);
    welcome.snapshot.items_len = self->items_count;
    memcpy(welcome.snapshot.items, self->items_seen, self->items_count * sizeof self->items_seen[0]);
    welcome.limits = room_limits(self->config);
    return frame_new(member->format, &type_event_welcome, "event.welcome", &welcome);
}

/* ---- the delta ---- */

static blob_t *
room_delta_frame(const room_t *self, format_t format, bool whole)
{
    msg_event_state_delta_t delta;
    if (whole) {
        delta_fill_whole(&delta, self);
        delta_add_chats(&delta, self);
    } else {
        delta_fill_changes(&delta, self);
    }
    return frame_new(format, &type_event_state_delta, "event.state_delta", &delta);
}

static void
room_delta_send(room_t *self, act_ctx_t *ctx)
{
    blob_t *frames[2][ROOM_FORMATS] = {{NULL}}; /* [whole][format], made at first need */
    msg_gateway_delta_t body;
    memcpy(body.room, self->key, sizeof body.room);
    for (uint32_t i = 0; i < self->gateways_top && self->present_count > 0; i++) {
        room_gateway_t *gateway = &self->gateways[i];
        blob_t **made = frames[gateway->behind];
        for (int format = 0; format < ROOM_FORMATS; format++) {
            if (gateway->readers[format] > 0 && made[format] == NULL) {
                made[format] = room_delta_frame(self, (format_t)format, gateway->behind);
            }
        }
        body.has_json = gateway->readers[FORMAT_JSON] > 0;
        body.json = body.has_json ? made[FORMAT_JSON] : NULL;
        body.has_msgpack = gateway->readers[FORMAT_MSGPACK] > 0;
        body.msgpack = body.has_msgpack ? made[FORMAT_MSGPACK] : NULL;
        if (body.has_json || body.has_msgpack) {
            gateway->behind = !send_to_gateway_delta(ctx, &gateway->addr, &body); /* full: the whole comes later */
        }
    }
    for (int format = 0; format < ROOM_FORMATS; format++) {
        blob_release(&frames[false][format]);
        blob_release(&frames[true][format]);
    }
    if (self->present_count > 0) {
        act_count(ctx, METRIC_DELTAS, 0, 1);
    }
    room_marks_clear(self);
    self->delta_at = act_now(ctx) + self->config->delta_msec * ACT_MSEC;
}

static bool
room_is_changed(const room_t *self)
{
    uint64_t changed = self->changed_items | self->left_count | self->chats_count;
    for (int i = 0; i < ROOM_MEMBERS_CAP / 64; i++) {
        changed |= self->changed_members[i];
    }
    for (uint32_t i = 0; i < self->gateways_top && changed == 0; i++) {
        const room_gateway_t *gateway = &self->gateways[i];
        changed |= gateway->behind && gateway->readers[FORMAT_JSON] + gateway->readers[FORMAT_MSGPACK] > 0;
    }
    return changed != 0;
}

void
room_delta_flush(room_t *self, act_ctx_t *ctx)
{
    bool changed = room_is_changed(self);
    if (changed && act_now(ctx) >= self->delta_at) {
        room_delta_send(self, ctx);
        changed = room_is_changed(self); /* a gateway could not take it */
    }
    if (changed && !act_timer_running(ctx, ROOM_TIMER_DELTA)) {
        act_timer_start(ctx, ROOM_TIMER_DELTA, self->delta_at - act_now(ctx));
    }
}
