/* The promises, and what is looked at to see that they are kept. */
#include "world_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* B5, B6: what is acknowledged is in the store, under that sequence. */
void
world_on_ack(void *me, const client_t *client, const intent_t *intent, const msg_gateway_ack_t *ack)
{
    world_t *self = me;
    obj_action_row_t row;
    if (self->store->find_action(self->store, client->id, intent->action_id, &row) != STORE_OK) {
        world_breach(self, "B5: an ack left before its commit");
    } else if (row.sequence != ack->sequence || row.room_version != ack->room_version) {
        world_breach(self, "B6: the ack differs from what is stored");
    }
    const void *room = world_room(self);
    room_inspection_t seen;
    if (intent->kind != INTENT_CHAT || room == NULL) {
        return;
    }
    room_inspect(room, &seen);
    int character = (int)(client - self->players->clients);
    /* One of an earlier lease may have been committed and not heard of: then it is never told, and declared lost. */
    if (ack->room_version >> 32 == seen.epoch && !said_stands(&self->said, room, character, intent->action_id)) {
        world_breach(self, "B5: what was said and acknowledged is not told");
    }
}

static void
world_take(world_t *self, const char *breach)
{
    if (breach != NULL) {
        world_breach(self, breach);
    }
}

void
world_on_line(void *me, int player, const obj_chat_line_t *line)
{
    world_t *self = me;
    world_take(self, said_heard(&self->said, player, line));
}

/* The sessions of the registry; 0 while it has lost its memory. */
static uint32_t
world_sessions(world_t *self, registry_session_t *sessions, uint32_t max)
{
    uint32_t count = 0;
    registry_result_t result =
        self->registry->list(self->registry, sim_now(self->sim), WORLD_INSTANCE, 0, sessions, max, &count);
    return result == REGISTRY_OK ? count : 0;
}

static bool
world_has_seat(const registry_session_t *session)
{
    return session->state == SESSION_STATE_CONNECTING || session->state == SESSION_STATE_ACTIVE ||
           session->state == SESSION_STATE_GRACE;
}

/* It waited at the last look already. */
static bool
world_waited(const world_t *self, int64_t number)
{
    for (uint32_t i = 0; i < self->waiting_count; i++) {
        if (self->waiting[i] == number) {
            return true;
        }
    }
    return false;
}

/* A4: nobody may hold a seat that was given since the last look while one with a lower number waited all that time.
 * Whose time is over does not wait; and may be back, where it was, within the very step that gave the seat. */
static void
world_check_order(world_t *self, uint32_t count)
{
    int64_t numbers[WORLD_SESSIONS_MAX], head = INT64_MAX, seated = 0;
    uint32_t waiting = 0;
    uint64_t rebuilds = sim_metric(self->sim, METRIC_REGISTRY_REBUILDS, 0);
    for (uint32_t i = 0; i < count; i++) {
        const registry_session_t *session = &self->sessions[i];
        if (session->state == SESSION_STATE_WAITING && session->left_ms != 0) {
            numbers[waiting++] = session->number;
            head = session->number < head && world_waited(self, session->number) ? session->number : head;
        } else if (world_has_seat(session) && session->number > seated) {
            seated = session->number;
        }
    }
    if (rebuilds == self->rebuilds && seated > self->seated && seated > head) {
        world_breach(self, "A4: somebody was overtaken");
    }
    self->seated = seated > self->seated || rebuilds != self->rebuilds ? seated : self->seated;
    self->rebuilds = rebuilds;
    self->waiting_count = waiting;
    memcpy(self->waiting, numbers, waiting * sizeof numbers[0]);
}

/* A3, A4, A6 over the registry: seats, order, one session per character. A session whose end was lost on its way to the
 * store, with the actor that would have sent it again, comes back as a ghost when the registry is lost too, until the
 * audit finds it: on evenings where all of that may happen seats are not counted. */
static void
world_check_sessions(world_t *self)
{
    registry_session_t *sessions = self->sessions;
    uint32_t count = world_sessions(self, sessions, WORLD_SESSIONS_MAX), seats = 0;
    for (uint32_t i = 0; i < count; i++) {
        seats += world_has_seat(&sessions[i]);
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(sessions[i].character_id, sessions[k].character_id) == 0) {
                world_breach(self, "A6: one character in two sessions");
            }
        }
    }
    if (seats > WORLD_CAPACITY && self->players->books_sure) {
        world_breach(self, "A3: more seats taken than there are");
    }
    world_check_order(self, count);
}

/* A3 and A6 over people: of those who hold a session that the registry knows as theirs. */
static void
world_check_people(world_t *self)
{
    uint32_t inside = 0;
    for (int i = 0; i < PLAYERS; i++) {
        const player_t *player = &self->players->players[i];
        registry_session_t session;
        uint32_t place;
        inside += player->state == PLAYER_IN &&
                  self->registry->find_session(self->registry, sim_now(self->sim), WORLD_INSTANCE, player->session_id,
                                               &session, &place) == REGISTRY_OK &&
                  session.turn == player->turn;
    }
    if (inside > WORLD_CAPACITY && self->players->books_sure) {
        world_breach(self, "A3: more people inside than there are seats");
    }
}

/* Nothing is seen in the room that is not in the store; and the items are the items. */
static void
world_check_room(world_t *self, uint32_t slot)
{
    void *state = world_room_at(self, slot);
    room_inspection_t seen;
    if (state == NULL) {
        return;
    }
    room_inspect(state, &seen);
    if (!seen.open) {
        return;
    }
    for (int i = 0; i < CHARACTERS; i++) {
        int64_t sequence = room_inspect_sequence(state, self->players->clients[i].id);
        msg_persistence_member_loaded_t stored;
        if (sequence > 0 && (self->store->load_member(self->store, self->players->clients[i].id, &stored) != STORE_OK ||
                             stored.sequence < sequence)) {
            world_breach(self, "B5: an effect was seen before its commit");
        }
    }
    if (seen.items_count != WORLD_ITEMS) {
        world_breach(self, "items were made or lost in the room");
    }
}

/* ---- what is shown ---- */

static uint64_t
world_digest(const void *room)
{
    static obj_member_view_t members[256];
    room_inspection_t seen;
    room_inspect(room, &seen);
    return view_digest(members, room_inspect_members(room, members), seen.items, seen.items_count);
}

static uint64_t
world_view_digest(const view_t *view)
{
    return view_digest(view->members, view->members_len, view->items, view->items_len);
}

/* Remembers the room's state by its version. One version is one state, or nobody could come back by it. */
static void
world_look(world_t *self)
{
    const void *room = world_room(self);
    room_inspection_t seen;
    if (room == NULL) {
        return;
    }
    room_inspect(room, &seen);
    if (seen.open && seen.epoch < self->epoch) {
        return; /* an owner before, which has not found out */
    }
    world_take(self, said_look(&self->said, room));
    if (!seen.open) {
        return;
    }
    self->epoch = seen.epoch;
    uint64_t digest = world_digest(room);
    uint64_t last = (self->states_count - 1) % WORLD_STATES;
    if (self->states_count == 0 || self->states[last].version != seen.room_version) {
        if (self->states_count > 0 && self->states[last].version > seen.room_version) {
            world_breach(self, "B11: the room's version fell");
        }
        last = self->states_count++ % WORLD_STATES;
        self->states[last].version = seen.room_version;
        self->states[last].digest = digest;
    } else if (self->states[last].digest != digest) {
        world_breach(self, "B11: the room has changed and its version has not");
    }
}

/* B11: what a client shows is what was there at the version that it has. */
static void
world_check_view(world_t *self, view_t *view)
{
    for (uint64_t i = 0; i < WORLD_STATES && i < self->states_count; i++) {
        uint64_t at = (self->states_count - 1 - i) % WORLD_STATES;
        if (self->states[at].version == view->version) {
            if (self->states[at].digest != world_view_digest(view)) {
                world_breach(self, "B11: a client shows something else than there is");
            }
            self->result->counts[WORLD_VIEWS]++;
            return;
        }
    }
}

void
world_check_seen(world_t *self)
{
    world_look(self);
    for (int i = 0; i < PLAYERS && self->players->sees_all; i++) {
        view_t *view = &self->players->players[i].view;
        if (view->known && view->changed) {
            view->changed = false;
            world_check_view(self, view);
            world_take(self, said_check(&self->said, i, view));
        }
    }
    if (sim_metric(self->sim, METRIC_CLIENTS_AHEAD, 0) > 0) {
        world_breach(self, "B12: a client has an ack for what the store does not know");
    }
}

void
world_check_views(world_t *self)
{
    const void *room = world_room(self);
    for (int i = 0; i < PLAYERS && room != NULL && self->players->sees_all; i++) {
        const player_t *player = &self->players->players[i];
        if (player->state == PLAYER_IN && room_inspect_has(room, player->member) &&
            (player->slow || world_view_digest(&player->view) != world_digest(room))) {
            world_breach(self, "B11: when all is settled a client shows something else than there is");
        }
    }
}

void
world_check(world_t *self)
{
    world_check_sessions(self);
    world_check_people(self);
    for (uint32_t slot = 0; slot < SIM_NODES_CAP; slot++) {
        world_check_room(self, slot);
    }
    world_check_seen(self);
}

/* At the end: sequences without gaps, actionIds rising, every ack there once. */
void
world_check_log(world_t *self, const client_t *client)
{
    obj_action_row_t rows[STORE_READ_ACTIONS];
    int64_t sequence = 0, action_id = 0;
    int acked = 0;
    for (uint32_t count = 1; count > 0 && !self->result->broken;) {
        if (self->store->read_actions(self->store, client->id, sequence + 1, rows, &count) != STORE_OK) {
            world_breach(self, "the log of a character cannot be read");
            return;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].sequence != sequence + 1 || rows[i].action_id <= action_id) {
                world_breach(self, "B6: a gap, or an action twice, in the log");
            }
            sequence = rows[i].sequence;
            action_id = rows[i].action_id;
            for (int k = 0; k < client->acks_count; k++) {
                acked += client->acks[k].action_id == action_id && client->acks[k].sequence == sequence;
            }
        }
    }
    if (acked != client->acks_count) {
        world_breach(self, "B5: an acknowledged action is not in the log");
    }
}

void
world_check_items(world_t *self)
{
    msg_persistence_load_room_t ask = {.room = WORLD_ROOM};
    msg_persistence_room_loaded_t *stored = calloc(1, sizeof *stored);
    if (stored == NULL || self->store->load_room(self->store, &ask, stored) != STORE_OK) {
        world_breach(self, "the room cannot be read");
    } else if (stored->items_len != 0 && stored->items_len != WORLD_ITEMS) {
        world_breach(self, "items were made or lost in the store");
    }
    for (uint32_t i = 0; stored != NULL && i < stored->items_len; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(stored->items[i].item_id, stored->items[k].item_id) == 0) {
                world_breach(self, "an item is there twice");
            }
        }
    }
    free(stored);
}

/* Everybody has left and every deadline has passed: a seat or a place that is still taken is lost for good. */
void
world_check_empty(world_t *self)
{
    registry_count_t count;
    msg_persistence_sessions_t *stored = calloc(1, sizeof *stored);
    ACT_ASSERT(stored != NULL);
    if (self->registry->count(self->registry, sim_now(self->sim), WORLD_INSTANCE, &count) != REGISTRY_OK) {
        world_breach(self, "the registry was not rebuilt");
    } else if (count.connecting + count.active + count.grace + count.waiting > 0) {
        world_breach(self, "a seat or a place leaked");
    } else if (self->store->load_sessions(self->store, WORLD_INSTANCE, 0, 1, stored) != STORE_OK ||
               stored->sessions_len > 0) {
        world_breach(self, "a session is left in the store");
    }
    free(stored);
}
