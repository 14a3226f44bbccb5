/*
 * The room goes to another owner. Whoever has it finds that its key is not its own any more, or is asked to let go by
 * who has it next; gateways part, what is under way is settled, the last delta leaves; then they are sent on.
 */
#include "room_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- the next owner ---- */

static void
room_load_now(room_t *self, act_ctx_t *ctx)
{
    self->phase = ROOM_HERE;
    act_timer_stop(ctx, ROOM_TIMER_MOVE);
    room_load(self, ctx);
}

void
room_begin(room_t *self, act_ctx_t *ctx)
{
    if (!act_owns(ctx)) {
        self->phase = ROOM_EXPECTED;
        act_timer_start(ctx, ROOM_TIMER_MOVE, (act_usec_t)ROOM_EXPECTED_MSEC * ACT_MSEC);
    } else if (act_owner_before(ctx, &self->before)) {
        static const msg_room_yield_t yield;
        self->phase = ROOM_ASKING;
        self->load_stamp = ++self->stamp;
        act_timer_stop(ctx, ROOM_TIMER_MOVE);
        request_to_room_yield(ctx, &self->before, &yield, (act_usec_t)ROOM_YIELD_MSEC * ACT_MSEC,
                              room_context(ROOM_ASK_YIELD, self->load_stamp, 0));
    } else {
        room_load_now(self, ctx);
    }
}

void
room_on_yielded(room_t *self, act_ctx_t *ctx, uint32_t stamp, const msg_room_yielded_t *yielded)
{
    if (self->phase != ROOM_ASKING || stamp != self->load_stamp) {
        return;
    }
    if (yielded == NULL) {
        act_log(
            ctx, LOG_WARN, "room-not-yielded",
            "the owner before has not let go of the room in time; it is taken, and what is still done there is refused",
            LOG_N("node", self->before.node), LOG_N("thread", self->before.thread));
    } else {
        self->expected = (uint32_t)yielded->members;
    }
    room_load_now(self, ctx);
}

void
room_gather(room_t *self, act_ctx_t *ctx)
{
    if (self->expected > self->arrived) {
        self->gather_until = act_now(ctx) + (act_usec_t)ROOM_GATHER_MSEC * ACT_MSEC;
        act_timer_start(ctx, ROOM_TIMER_MOVE, (act_usec_t)ROOM_GATHER_MSEC * ACT_MSEC); /* flush follows */
    }
}

bool
room_gathers(room_t *self, const act_ctx_t *ctx)
{
    if (self->gather_until != 0 && (self->arrived >= self->expected || act_now(ctx) >= self->gather_until)) {
        self->gather_until = 0;
        self->expected = 0;
    }
    return self->gather_until != 0;
}

/* ---- the owner before ---- */

static bool
room_gateway_is_used(const room_gateway_t *gateway)
{
    return gateway->readers[FORMAT_JSON] + gateway->readers[FORMAT_MSGPACK] > 0;
}

static void
room_gateway_end(room_t *self, act_ctx_t *ctx, uint32_t index, close_code_t why)
{
    for (uint32_t i = 0; i < self->members_top; i++) {
        room_member_t *member = &self->members[i];
        if (member->present && member->gateway == index) {
            room_member_end(self, ctx, member, why);
        }
    }
}

static void
room_answer_first_yield(room_t *self, act_ctx_t *ctx)
{
    msg_room_yielded_t body = {.members = self->moved};
    reply_room_yielded(ctx, &self->yields[0], &body);
    memmove(&self->yields[0], &self->yields[1], --self->yields_count * sizeof self->yields[0]);
}

void
room_answer_yields(room_t *self, act_ctx_t *ctx)
{
    while (self->yields_count > 0) {
        room_answer_first_yield(self, ctx);
    }
}

/* Several may ask while their views differ; each of them stands still until it is answered. */
static void
room_keep_yield(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    if (self->yields_count == ROOM_YIELDS_CAP) {
        act_count(ctx, METRIC_ROOM_YIELDS_EARLY, 0, 1);
        room_answer_first_yield(self, ctx); /* its lease is fenced, as ever */
    }
    msg_t *yield = &self->yields[self->yields_count++];
    *yield = *msg;
    yield->body = NULL;
}

/* Who is waiting to come in asks again, there. */
static void
room_send_on_waiting(room_t *self, act_ctx_t *ctx)
{
    while (self->waiting != NULL) {
        room_join_send_on(ctx, &self->waiting->head, self->waiting->join.connection);
        room_waiting_end(self, self->waiting);
    }
}

static void
room_part(room_t *self, act_ctx_t *ctx)
{
    msg_gateway_room_moving_t body;
    memcpy(body.room, self->key, sizeof body.room);
    act_log(ctx, LOG_INFO, "room-moving", "the room goes to another owner", LOG_N("epoch", self->epoch),
            LOG_N("members", self->present_count), LOG_N("pending", self->pending_count));
    self->phase = ROOM_PARTING;
    if (self->state == ROOM_STATE_LOADING) {
        room_load_drop(self, ctx);
    }
    room_send_on_waiting(self, ctx);
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        room_gateway_t *gateway = &self->gateways[i];
        gateway->parting = room_gateway_is_used(gateway);
        if (gateway->parting && !send_to_gateway_room_moving(ctx, &gateway->addr, &body)) {
            self->torn = true;
            room_gateway_end(self, ctx, i, CLOSE_CODE_ROOM_CLOSED);
        }
    }
    act_timer_start(ctx, ROOM_TIMER_MOVE, (act_usec_t)ROOM_PARTING_MSEC * ACT_MSEC);
}

void
room_on_yield(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    room_keep_yield(self, ctx, msg);
    if (self->phase == ROOM_HERE && !self->retired) {
        room_part(self, ctx);
    } else if (self->phase != ROOM_PARTING || self->retired) {
        room_answer_yields(self, ctx); /* nothing is held here: not yet, or not any more */
    }
    bool empty = self->phase == ROOM_EXPECTED || self->phase == ROOM_ASKING;
    if (empty && (self->waiting == NULL || !act_owns(ctx))) {
        room_send_on_waiting(self, ctx);
        self->phase = ROOM_GONE;
        act_timer_stop(ctx, ROOM_TIMER_MOVE);
    } /* else both say that it is theirs, and whoever loads last has it */
}

void
room_on_parted(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    (void)ctx;
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        if (room_addr_same(&self->gateways[i].addr, &msg->from)) {
            self->gateways[i].parting = false;
        }
    }
}

void
room_on_absent(room_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        if (room_addr_same(&self->gateways[i].addr, &msg->from)) {
            room_gateway_end(self, ctx, i, CLOSE_CODE_LEFT);
        }
    }
}

static bool
room_is_settled(const room_t *self)
{
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        if (self->gateways[i].parting && room_gateway_is_used(&self->gateways[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < ROOM_LOOKUPS_CAP; i++) {
        if (self->lookups[i].used) {
            return false;
        }
    }
    return self->pending_count == 0;
}

/* The members are no longer this room's, and are not told anything by it. */
static void
room_forget_members(room_t *self, act_ctx_t *ctx)
{
    act_gauge(ctx, METRIC_ROOM_MEMBERS, 0, -(int64_t)self->present_count);
    memset(self->members, 0, sizeof self->members);
    memset(self->gateways, 0, sizeof self->gateways);
    memset(self->changed_members, 0, sizeof self->changed_members);
    self->present_count = self->members_top = self->gateways_top = 0;
}

/* False: nobody is there to go to. */
static bool
room_send_on_members(room_t *self, act_ctx_t *ctx)
{
    act_addr_t next;
    if (!act_owner(ctx, ACT_KIND_ROOM, self->key, &next)) {
        return false;
    }
    msg_gateway_room_moved_t body = {.node = next.node, .thread = next.thread, .epoch = self->epoch};
    memcpy(body.room, self->key, sizeof body.room);
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        if (room_gateway_is_used(&self->gateways[i])) {
            send_to_gateway_room_moved(ctx, &self->gateways[i].addr,
                                       &body); /* refused: the gateway does not wait long */
        }
    }
    return true;
}

static void
room_go(room_t *self, act_ctx_t *ctx)
{
    if (self->state == ROOM_STATE_OPEN) {
        room_delta_last(self, ctx);
    }
    if (!room_send_on_members(self, ctx)) {
        for (uint32_t i = 0; i < self->gateways_top; i++) {
            room_gateway_end(self, ctx, i, CLOSE_CODE_ROOM_CLOSED);
        }
    }
    self->phase = ROOM_GONE;
    act_moved(ctx);
    self->state = ROOM_STATE_LOADING;
    self->moved = self->present_count;
    act_count(ctx, METRIC_ROOM_MOVES, self->torn ? ROOM_MOVE_END_TORN : ROOM_MOVE_END_WHOLE, 1);
    act_log(ctx, LOG_INFO, "room-moved", "the room is another owner's now", LOG_N("members", self->moved));
    room_forget_members(self, ctx);
    act_timer_stop(ctx, ROOM_TIMER_COMMIT);
    room_answer_yields(self, ctx);
    act_timer_start(ctx, ROOM_TIMER_MOVE, (act_usec_t)ROOM_YIELD_MSEC * ACT_MSEC);
}

void
room_move_flush(room_t *self, act_ctx_t *ctx)
{
    if (self->phase == ROOM_PARTING && !self->retired && room_is_settled(self)) {
        room_go(self, ctx);
    }
    if (self->phase == ROOM_GONE && (act_owns(ctx) || !act_timer_running(ctx, ROOM_TIMER_MOVE))) {
        self->retired = true; /* who comes next finds a new one */
    }
}

void
room_on_move_timer(room_t *self, act_ctx_t *ctx)
{
    if (self->phase == ROOM_EXPECTED) {
        room_load_now(self, ctx);
    } else if (self->phase == ROOM_PARTING) {
        for (uint32_t i = 0; i < self->gateways_top; i++) {
            if (self->gateways[i].parting && room_gateway_is_used(&self->gateways[i])) {
                self->torn = true;
                room_gateway_end(self, ctx, i, CLOSE_CODE_ROOM_CLOSED);
            }
            self->gateways[i].parting = false;
        }
    }
}

/* ---- who is there ---- */

/* Its gateway's process is gone: as if all its connections had dropped. */
static void
room_drop_unreached(room_t *self, act_ctx_t *ctx)
{
    for (uint32_t i = 0; i < self->gateways_top; i++) {
        if (room_gateway_is_used(&self->gateways[i]) && !act_reaches(ctx, &self->gateways[i].addr)) {
            room_gateway_end(self, ctx, i, CLOSE_CODE_LEFT);
            self->gateways[i].orphans = true; /* if it is there after all: it does not know */
        }
    }
    for (room_waiting_t *waiting = self->waiting, *next; waiting != NULL; waiting = next) {
        next = waiting->next;
        if (!act_reaches(ctx, &waiting->head.from)) {
            room_waiting_end(self, waiting);
        }
    }
}

void
room_on_view(room_t *self, act_ctx_t *ctx)
{
    if (self->retired || self->phase == ROOM_GONE) {
        return; /* flush follows */
    }
    room_drop_unreached(self, ctx);
    if (self->epoch != 0 && !act_reaches(ctx, &self->store) && self->phase == ROOM_HERE) {
        room_reload(self, ctx, "the process that wrote for it is gone");
    }
    bool owns = act_owns(ctx);
    if (self->phase == ROOM_EXPECTED && owns) {
        room_begin(self, ctx);
    } else if (self->phase == ROOM_ASKING && owns && !act_reaches(ctx, &self->before)) {
        room_load_now(self, ctx);
    } else if ((self->phase == ROOM_HERE || self->phase == ROOM_ASKING) && !owns) {
        room_part(self, ctx);
    }
}
