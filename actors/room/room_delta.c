/* What members are shown: the changes since the last delta, or the whole. Each frame is encoded once per format. */
#include "room_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- frames ---- */

blob_t *
room_frame(format_t format, const codec_type_t *type, const char *tag, const void *body)
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

/* Those that wait for a delta. */
static void
delta_add_chats(msg_event_state_delta_t *delta, const room_t *self)
{
    uint32_t kept = room_chats_kept(self);
    for (uint32_t i = kept - self->chats_count; i < kept; i++) {
        room_chat_line(room_chat_at(self, i), &delta->chats[delta->chats_len++]);
    }
    delta->has_chats = delta->chats_len > 0;
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
    delta->left_len = self->left_count > 0 ? room_left_since(self, self->shown_version, delta->left) : 0;
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
    return room_frame(format, &type_event_state_delta, "event.state_delta", &delta);
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
    return room_frame(format, &type_event_state_delta, "event.state_delta", &delta);
}

/* To one gateway, with frames that are made at first need. Returns since when it had not seen what it sees now; 0: no
 * commit is among that, or it could not take it, and then the whole comes later. */
static act_usec_t
room_delta_give(room_t *self, act_ctx_t *ctx, room_gateway_t *gateway, blob_t *made[ROOM_FORMATS])
{
    msg_gateway_delta_t body;
    memcpy(body.room, self->key, sizeof body.room);
    for (int format = 0; format < ROOM_FORMATS; format++) {
        if (gateway->readers[format] > 0 && made[format] == NULL) {
            made[format] = room_delta_frame(self, (format_t)format, gateway->behind);
        }
    }
    body.has_json = gateway->readers[FORMAT_JSON] > 0;
    body.json = body.has_json ? made[FORMAT_JSON] : NULL;
    body.has_msgpack = gateway->readers[FORMAT_MSGPACK] > 0;
    body.msgpack = body.has_msgpack ? made[FORMAT_MSGPACK] : NULL;
    if (!body.has_json && !body.has_msgpack) {
        return 0;
    }
    act_usec_t unshown_at = gateway->unshown_at != 0 ? gateway->unshown_at : self->changed_at;
    gateway->behind = !send_to_gateway_delta(ctx, &gateway->addr, &body);
    gateway->unshown_at = gateway->behind ? unshown_at : 0;
    return gateway->behind ? 0 : unshown_at;
}

void
room_delta_send(room_t *self, act_ctx_t *ctx)
{
    blob_t *frames[2][ROOM_FORMATS] = {{NULL}}; /* [whole][format] */
    act_usec_t oldest = 0;
    room_marks_stamp(self);
    for (uint32_t i = 0; i < self->gateways_top && self->present_count > 0; i++) {
        room_gateway_t *gateway = &self->gateways[i];
        act_usec_t unshown_at = room_delta_give(self, ctx, gateway, frames[gateway->behind]);
        if (unshown_at != 0 && (oldest == 0 || unshown_at < oldest)) {
            oldest = unshown_at;
        }
    }
    for (int format = 0; format < ROOM_FORMATS; format++) {
        blob_release(&frames[false][format]);
        blob_release(&frames[true][format]);
    }
    if (self->present_count > 0) {
        act_count(ctx, METRIC_DELTAS, 0, 1);
    }
    if (oldest != 0) {
        act_observe(ctx, METRIC_FRESHNESS, (uint64_t)(act_now(ctx) - oldest));
    }
    room_marks_clear(self);
    self->delta_at = act_now(ctx) + self->config->delta_msec * ACT_MSEC;
}

static bool
room_is_changed(const room_t *self)
{
    bool changed = room_is_marked(self);
    for (uint32_t i = 0; i < self->gateways_top && !changed; i++) {
        const room_gateway_t *gateway = &self->gateways[i];
        changed = gateway->behind && gateway->readers[FORMAT_JSON] + gateway->readers[FORMAT_MSGPACK] > 0;
    }
    return changed;
}

void
room_delta_last(room_t *self, act_ctx_t *ctx)
{
    if (room_is_changed(self)) {
        room_delta_send(self, ctx);
    }
}

void
room_delta_flush(room_t *self, act_ctx_t *ctx)
{
    bool changed = room_is_changed(self);
    if (room_gathers(self, ctx)) {
        return;
    }
    if (changed && act_now(ctx) >= self->delta_at) {
        room_delta_send(self, ctx);
        changed = room_is_changed(self); /* a gateway could not take it */
    }
    if (changed && !act_timer_running(ctx, ROOM_TIMER_DELTA)) {
        act_timer_start(ctx, ROOM_TIMER_DELTA, self->delta_at - act_now(ctx));
    }
}
