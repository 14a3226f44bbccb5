#include "room_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t
room_context(room_ask_t ask, uint32_t stamp, uint32_t index)
{
    return (uint64_t)ask << 56 | (uint64_t)stamp << 16 | index;
}

void
room_version_next(room_t *self)
{
    self->room_version = (self->epoch << 32) + (int64_t)++self->counter;
}

static bool
room_is_idle(const room_t *self)
{
    return self->present_count == 0 && self->pending_count == 0 && self->waiting_count == 0;
}

/* Anybody at the front door may name a room; what is no key of the schema must not reach the store. */
static bool
room_key_is_good(const char *key)
{
    static const char id[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t instance = strspn(key, id);
    size_t room = key[instance] == '/' ? strspn(key + instance + 1, id) : 0;
    return instance > 0 && room > 0 && key[instance + 1 + room] == '\0' &&
           instance + 1 + room < sizeof((room_t *)NULL)->key;
}

static bool
room_init(void *state, act_ctx_t *ctx, const void *config)
{
    room_t *self = state;
    self->config = config;
    self->rules = self->config->rules;
    ACT_ASSERT(self->rules != NULL && self->config->build != NULL && self->config->delta_msec > 0);
    if (!room_key_is_good(act_key(ctx))) {
        act_log(ctx, LOG_WARN, "room-key-bad", "that is no room: a key is INSTANCE/ROOM, of letters, digits, - and _");
        return false;
    }
    snprintf(self->key, sizeof self->key, "%.49s", act_key(ctx));
    self->generation = (int64_t)(act_random(ctx) >> 20) + 1;
    room_begin(self, ctx);
    return true;
}

static void
room_fini(void *state, act_ctx_t *ctx)
{
    room_t *self = state;
    while (self->waiting != NULL) {
        room_waiting_end(self, self->waiting);
    }
    for (uint32_t i = 0; i < self->pending_count; i++) {
        free(room_pending_at(self, i)->chat);
    }
    free(self->pending);
    room_changes_fini(self);
    act_gauge(ctx, METRIC_ROOM_MEMBERS, 0, -(int64_t)self->present_count);
}

static void
room_on_resync(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_room_resync_t *body = msg->body;
    const room_member_t *member = room_member_find(self, body->member);
    if (member == NULL) {
        room_member_unknown(ctx, msg, body->connection);
        return;
    }
    msg_gateway_state_t answer = {.connection = member->connection, .frame = room_whole(self, member->format)};
    send_to_gateway_state(ctx, room_member_addr(self, member), &answer); /* refused: the gateway asks again */
    blob_release(&answer.frame);
}

static void
room_on_peek(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    msg_room_peeked_t answer = {.state = self->state,
                                .members = self->present_count,
                                .items = self->items_count,
                                .pending = self->pending_count,
                                .epoch = self->epoch,
                                .room_version = self->room_version};
    reply_room_peeked(ctx, msg, &answer);
}

static void
room_on_member_loaded(room_t *self, act_ctx_t *ctx, const msg_t *msg, uint32_t stamp, uint32_t index)
{
    if (msg->context >> 56 == ROOM_ASK_JOIN) {
        room_on_join_loaded(self, ctx, stamp, msg->body);
    } else {
        room_on_reloaded(self, ctx, stamp, index, msg->body);
    }
}

static error_code_t
code_of_fault(store_fault_t fault)
{
    return fault == STORE_FAULT_NOT_FOUND ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE;
}

/* A question to the store or to the owner before has failed, or has no answer. */
static void
room_on_failed(room_t *self, act_ctx_t *ctx, const msg_t *msg, error_code_t code, const char *why)
{
    uint32_t stamp = (uint32_t)(msg->context >> 16), index = (uint32_t)(msg->context & 0xffff);
    switch ((room_ask_t)(msg->context >> 56)) {
    case ROOM_ASK_LOAD:
        room_on_load_failed(self, ctx, stamp, why);
        return;
    case ROOM_ASK_RELOAD:
        room_on_reload_failed(self, ctx, stamp, index, code == ERROR_NOT_FOUND, why);
        return;
    case ROOM_ASK_JOIN:
        room_on_join_failed(self, ctx, stamp, code);
        return;
    case ROOM_ASK_LOOKUP:
        room_on_action_missing(self, ctx, stamp, index, code == ERROR_NOT_FOUND);
        return;
    case ROOM_ASK_YIELD:
        room_on_yielded(self, ctx, stamp, NULL);
        return;
    }
    ACT_UNREACHABLE("a context that this room did not make");
}

static void
room_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    room_t *self = state;
    const void *body = msg->body;
    uint32_t stamp = (uint32_t)(msg->context >> 16), index = (uint32_t)(msg->context & 0xffff);
    switch ((room_inbox_t)msg->type) {
    case ROOM_INBOX_JOIN:
        room_on_join(self, ctx, msg);
        return;
    case ROOM_INBOX_LEAVE:
        room_on_leave(self, ctx, msg);
        return;
    case ROOM_INBOX_MOVE:
        room_on_move(self, ctx, msg);
        return;
    case ROOM_INBOX_CHAT:
        room_on_chat(self, ctx, msg);
        return;
    case ROOM_INBOX_ACTION:
        room_on_action(self, ctx, msg);
        return;
    case ROOM_INBOX_RESYNC:
        room_on_resync(self, ctx, msg);
        return;
    case ROOM_INBOX_MUTE:
        room_on_mute(self, ctx, msg);
        return;
    case ROOM_INBOX_PEEK:
        room_on_peek(self, ctx, msg);
        return;
    case ROOM_INBOX_YIELD:
        room_on_yield(self, ctx, msg);
        return;
    case ROOM_INBOX_ROOM_YIELDED:
        room_on_yielded(self, ctx, stamp, body);
        return;
    case ROOM_INBOX_ABSENT:
        room_on_absent(self, ctx, msg);
        return;
    case ROOM_INBOX_PARTED:
        room_on_parted(self, ctx, msg);
        return;
    case ROOM_INBOX_PERSISTENCE_ROOM_LOADED:
        room_on_loaded(self, ctx, msg, stamp);
        return;
    case ROOM_INBOX_PERSISTENCE_MEMBER_LOADED:
        room_on_member_loaded(self, ctx, msg, stamp, index);
        return;
    case ROOM_INBOX_PERSISTENCE_ACTION:
        room_on_action_found(self, ctx, stamp, index, &((const msg_persistence_action_t *)body)->action);
        return;
    case ROOM_INBOX_PERSISTENCE_APPENDED:
        room_on_appended(self, ctx, body);
        return;
    case ROOM_INBOX_PERSISTENCE_APPEND_REFUSED:
        room_on_append_refused(self, ctx, body);
        return;
    case ROOM_INBOX_PERSISTENCE_FAILED: {
        store_fault_t fault = ((const msg_persistence_failed_t *)body)->fault;
        room_on_failed(self, ctx, msg, code_of_fault(fault), store_fault_names[fault]);
        return;
    }
    case ROOM_INBOX_ACT_NO_ANSWER: {
        error_code_t code = ((const msg_act_no_answer_t *)body)->code;
        room_on_failed(self, ctx, msg, code, error_names[code]);
        return;
    }
    }
    ACT_UNREACHABLE("only what the schema routes here arrives");
}

static void
room_expire(void *state, act_ctx_t *ctx, int timer)
{
    room_t *self = state;
    switch ((room_timer_t)timer) {
    case ROOM_TIMER_COMMIT:
        room_reload(self, ctx, "a commit has no answer");
        return;
    case ROOM_TIMER_DELTA:
        return; /* flush follows */
    case ROOM_TIMER_LOAD:
        room_waiting_purge(self, ctx);
        room_load(self, ctx);
        return;
    case ROOM_TIMER_LINGER:
        if (room_is_idle(self)) {
            act_retire(ctx);
        }
        return;
    case ROOM_TIMER_MOVE:
        room_on_move_timer(self, ctx);
        return;
    }
    ACT_UNREACHABLE("a timer that is not ours");
}

static void
room_view(void *state, act_ctx_t *ctx)
{
    room_on_view(state, ctx);
}

static void
room_flush(void *state, act_ctx_t *ctx)
{
    room_t *self = state;
    room_move_flush(self, ctx);
    if (self->retired) {
        act_retire(ctx); /* each message that comes meanwhile takes it back: so it is asked for again */
        return;
    }
    if (self->phase == ROOM_GONE) {
        return;
    }
    room_delta_flush(self, ctx);
    if (!room_is_idle(self)) {
        act_timer_stop(ctx, ROOM_TIMER_LINGER);
    } else if (!act_timer_running(ctx, ROOM_TIMER_LINGER)) {
        act_timer_start(ctx, ROOM_TIMER_LINGER, (act_usec_t)ROOM_LINGER_MSEC * ACT_MSEC);
    }
}

obj_limits_t
room_limits(const room_config_t *config)
{
    const rules_t *rules = config->rules;
    return (obj_limits_t){.width = rules->width,
                          .height = rules->height,
                          .speed = rules->speed,
                          .reach = rules->reach,
                          .moves_per_second = config->moves_per_second,
                          .chats_per_second = config->chats_per_second,
                          .chat_max = rules->chat_max};
}

const act_kind_t room_kind = {
    .id = ACT_KIND_ROOM,
    .name = "room",
    .keying = ACT_KEYED,
    .state_size = sizeof(room_t),
    .init = room_init,
    .receive = room_receive,
    .expire = room_expire,
    .flush = room_flush,
    .view = room_view,
    .fini = room_fini,
};
