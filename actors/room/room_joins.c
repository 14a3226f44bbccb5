/* Joins under way: a character is loaded from the store before it appears. */
#include "room_state.h"

#include <stdlib.h>
#include <string.h>

#include "fnv.h"

void
room_join_refuse(act_ctx_t *ctx, const msg_t *head, int64_t connection, error_code_t code)
{
    msg_room_refused_t body = {.connection = connection, .code = code};
    reply_room_refused(ctx, head, &body);
}

void
room_join_send_on(act_ctx_t *ctx, const msg_t *head, int64_t connection)
{
    msg_room_refused_t body = {.connection = connection, .code = ERROR_UNAVAILABLE, .has_moved = true, .moved = true};
    reply_room_refused(ctx, head, &body);
}

bool
room_join_answer(room_t *self, act_ctx_t *ctx, const msg_t *head, const msg_room_join_t *join,
                 const room_member_t *member)
{
    bool changes = false;
    msg_room_joined_t body = {
        .connection = member->connection, .member = member->handle, .has_welcome = !join->has_moved || !join->moved};
    if (body.has_welcome) {
        body.welcome = room_welcome(self, member, join, &changes);
    }
    reply_room_joined(ctx, head, &body);
    blob_release(&body.welcome);
    return changes;
}

room_waiting_t *
room_waiting_add(room_t *self, const msg_t *msg)
{
    room_waiting_t *waiting = calloc(1, sizeof *waiting);
    ACT_ASSERT(waiting != NULL);
    waiting->stamp = ++self->stamp;
    waiting->head = *msg;
    waiting->head.body = NULL;
    waiting->join = *(const msg_room_join_t *)msg->body;
    room_waiting_t **link = &self->waiting;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = waiting;
    self->waiting_count++;
    return waiting;
}

room_waiting_t *
room_waiting_of(const room_t *self, const char *character_id)
{
    room_waiting_t *waiting = self->waiting;
    while (waiting != NULL && strcmp(waiting->join.character_id, character_id) != 0) {
        waiting = waiting->next;
    }
    return waiting;
}

void
room_waiting_end(room_t *self, room_waiting_t *waiting)
{
    room_waiting_t **link = &self->waiting;
    while (*link != waiting) {
        link = &(*link)->next;
    }
    *link = waiting->next;
    self->waiting_count--;
    self->arrived += waiting->join.has_moved && waiting->join.moved; /* or will not */
    free(waiting);
}

static bool
room_waiting_is_over(const room_waiting_t *waiting, const act_ctx_t *ctx)
{
    return waiting->head.deadline != 0 && waiting->head.deadline <= act_now(ctx);
}

void
room_waiting_purge(room_t *self, act_ctx_t *ctx)
{
    for (room_waiting_t *waiting = self->waiting, *next; waiting != NULL; waiting = next) {
        next = waiting->next;
        if (room_waiting_is_over(waiting, ctx)) {
            room_waiting_end(self, waiting);
        }
    }
}

/* What an earlier membership has under way must be settled first: then the store knows all there is to know. */
static bool
room_is_unsettled(const room_t *self, const char *character_id)
{
    for (uint32_t i = 0; i < self->members_top; i++) {
        const room_member_t *member = &self->members[i];
        if (member->handle != 0 && !member->present && strcmp(member->seen.character_id, character_id) == 0) {
            return true;
        }
    }
    return false;
}

void
room_joins_resume(room_t *self, act_ctx_t *ctx)
{
    if (self->state != ROOM_STATE_OPEN) {
        return;
    }
    for (room_waiting_t *waiting = self->waiting; waiting != NULL; waiting = waiting->next) {
        if (!waiting->asked && !room_is_unsettled(self, waiting->join.character_id)) {
            msg_persistence_load_member_t body;
            memcpy(body.character_id, waiting->join.character_id, sizeof body.character_id);
            waiting->asked = true;
            request_to_persistence_load_member(ctx, &self->store, &body, (act_usec_t)ROOM_ASK_MSEC * ACT_MSEC,
                                               room_context(ROOM_ASK_JOIN, waiting->stamp, 0));
        }
    }
}

static room_waiting_t *
room_waiting_find(room_t *self, uint32_t stamp)
{
    room_waiting_t *waiting = self->waiting;
    while (waiting != NULL && waiting->stamp != stamp) {
        waiting = waiting->next;
    }
    return waiting;
}

/* The index of this gateway's row, made if need be; -1: no row is free. Connections of an earlier life of this room, or
 * some that could not be told of their end, still read what is sent there: for them it begins with the whole. */
static int
room_gateway_take(room_t *self, const act_addr_t *addr)
{
    int vacant = self->gateways_top < ROOM_GATEWAYS_CAP ? (int)self->gateways_top : -1;
    for (int i = (int)self->gateways_top - 1; i >= 0; i--) {
        room_gateway_t *gateway = &self->gateways[i];
        bool used = gateway->readers[FORMAT_JSON] + gateway->readers[FORMAT_MSGPACK] > 0;
        if (room_addr_same(&gateway->addr, addr)) {
            gateway->behind = used ? gateway->behind : gateway->orphans;
            gateway->unshown_at = used ? gateway->unshown_at : 0;
            return i;
        }
        vacant = used ? vacant : i;
    }
    if (vacant >= 0) {
        self->gateways[vacant] = (room_gateway_t){.addr = *addr, .behind = true};
        self->gateways_top += (uint32_t)vacant == self->gateways_top;
    }
    return vacant;
}

static room_member_t *
room_slot_take(room_t *self)
{
    uint32_t slot = 0;
    while (slot < self->members_top && self->members[slot].handle != 0) {
        slot++;
    }
    if (slot == ROOM_MEMBERS_CAP) {
        return NULL;
    }
    self->members_top = slot == self->members_top ? slot + 1 : self->members_top;
    room_member_t *member = &self->members[slot];
    *member = (room_member_t){.handle = self->generation++ << 8 | slot, .present = true};
    return member;
}

/* The same for the same character: who never moved stands, after a drop, where it stood. */
static uint64_t
room_spawn_seed(const char *character_id)
{
    uint64_t seed = fnv_text(FNV_64, character_id);
    return seed ^ seed >> 29;
}

void
room_place(const room_t *self, const msg_persistence_member_loaded_t *loaded, double *x, double *y)
{
    bool here = loaded->has_room && strcmp(loaded->room, self->key) == 0;
    if (here && loaded->x >= 0 && loaded->x <= self->rules->width && loaded->y >= 0 &&
        loaded->y <= self->rules->height) {
        *x = loaded->x;
        *y = loaded->y;
    } else {
        self->rules->spawn(room_spawn_seed(loaded->character_id), x, y);
    }
}

static void
room_member_begin(room_t *self, act_ctx_t *ctx, room_member_t *member, const room_waiting_t *waiting,
                  const msg_persistence_member_loaded_t *loaded)
{
    const msg_room_join_t *join = &waiting->join;
    member->connection = join->connection;
    member->role = join->role;
    member->format = join->format;
    memcpy(member->session_id, join->session_id, sizeof member->session_id);
    memcpy(member->seen.character_id, join->character_id, sizeof member->seen.character_id);
    memcpy(member->seen.name, join->name, sizeof member->seen.name);
    room_place(self, loaded, &member->seen.x, &member->seen.y);
    member->due_x = member->seen.x;
    member->due_y = member->seen.y;
    member->seen_sequence = member->due_sequence = loaded->sequence;
    member->seen_action_id = member->due_action_id = loaded->last_action_id;
    member->muted_until = waiting->mute_told ? waiting->muted_until : loaded->muted_until;
    member->stride = self->rules->speed;
    member->stride_at = act_now(ctx);
    self->gateways[member->gateway].readers[member->format]++;
    self->present_count++;
    act_gauge(ctx, METRIC_ROOM_MEMBERS, 0, 1);
    room_version_next(self);
    room_unmark_left(self, join->character_id);
    room_mark_member(self, member);
    act_log(ctx, LOG_INFO, "room-joined", "a character has come in", LOG_S("session", member->session_id),
            LOG_S("character", member->seen.character_id), LOG_N("members", self->present_count));
}

/* Books about one that still had a state. */
static void
room_join_resumed(act_ctx_t *ctx, const room_member_t *member, const msg_room_join_t *join, bool changes)
{
    if (join->has_room_version) {
        act_count(ctx, METRIC_RESUMES, changes ? RESUME_BY_CHANGES : RESUME_BY_SNAPSHOT, 1);
    }
    if (room_client_is_ahead(member, join)) {
        act_count(ctx, METRIC_CLIENTS_AHEAD, 0, 1);
        act_log(ctx, LOG_WARN, "client-ahead",
                "a client has an ack for what the store does not know: was the store put back, or does the client lie?",
                LOG_S("session", member->session_id), LOG_S("character", member->seen.character_id),
                LOG_N("acknowledged", join->last_sequence), LOG_N("stored", member->seen_sequence));
    }
}

void
room_on_join_loaded(room_t *self, act_ctx_t *ctx, uint32_t stamp, const msg_persistence_member_loaded_t *loaded)
{
    room_waiting_t *waiting = room_waiting_find(self, stamp);
    if (waiting == NULL) {
        return; /* it left, or another connection took over */
    }
    if (self->state != ROOM_STATE_OPEN) {
        waiting->asked = false; /* once more when the room is open again */
        return;
    }
    if (room_waiting_is_over(waiting, ctx)) {
        room_waiting_end(self, waiting);
        return;
    }
    ACT_ASSERT(room_member_of(self, waiting->join.character_id) == NULL);
    int gateway = room_gateway_take(self, &waiting->head.from);
    room_member_t *member = gateway >= 0 ? room_slot_take(self) : NULL;
    if (member == NULL) {
        room_join_refuse(ctx, &waiting->head, waiting->join.connection,
                         gateway >= 0 ? ERROR_ROOM_FULL : ERROR_OVERLOADED);
    } else {
        member->gateway = (uint8_t)gateway;
        bool moved = waiting->join.has_moved && waiting->join.moved;
        self->gateways[gateway].behind |= moved; /* it has no welcome: it begins with the whole */
        room_member_begin(self, ctx, member, waiting, loaded);
        bool changes = room_join_answer(self, ctx, &waiting->head, &waiting->join, member);
        room_join_resumed(ctx, member, &waiting->join, changes);
    }
    room_waiting_end(self, waiting);
}

void
room_on_join_failed(room_t *self, act_ctx_t *ctx, uint32_t stamp, error_code_t code)
{
    room_waiting_t *waiting = room_waiting_find(self, stamp);
    if (waiting != NULL) {
        room_join_refuse(ctx, &waiting->head, waiting->join.connection, code);
        room_waiting_end(self, waiting);
    }
}
