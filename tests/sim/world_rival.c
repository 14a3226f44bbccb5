#include "world_state.h"

#include <stdio.h>
#include <string.h>

#define RIVAL_CHARACTER "stranger"

enum { RIVAL_ANSWER_USEC = 1 * ACT_SEC, RIVAL_ACTIONS = 3 };

static void
rival_open(world_t *self)
{
    rival_t *rival = &self->rival;
    obj_character_t made;
    rival->sim = sim_new(sim_random(self->sim));
    sim_add(rival->sim, &persistence_kind, &self->persistence);
    sim_add(rival->sim, &room_kind, &self->room);
    store_result_t result =
        self->store->create_character(self->store, "user-of-rival", RIVAL_CHARACTER, "Stranger", 1, &made);
    ACT_ASSERT(result == STORE_OK);
}

/* What its people are told. */
static void
rival_hear(world_t *self)
{
    rival_t *rival = &self->rival;
    const msg_t *msg;
    while ((msg = sim_take(rival->sim, MSG_NONE)) != NULL) {
        if (msg->type == MSG_ROOM_JOINED) {
            rival->member = ((const msg_room_joined_t *)msg->body)->member;
        } else if (msg->type == MSG_GATEWAY_END) {
            rival->member = 0;
            rival->ended += ((const msg_gateway_end_t *)msg->body)->close == CLOSE_CODE_ROOM_CLOSED;
        } else if (msg->type == MSG_GATEWAY_ACK) {
            const msg_gateway_ack_t *ack = msg->body;
            obj_action_row_t row;
            if (self->store->find_action(self->store, RIVAL_CHARACTER, ack->action_id, &row) != STORE_OK) {
                world_breach(self, "B5: an ack of the other owner left before its commit");
            }
        }
    }
}

static void
rival_join(world_t *self)
{
    rival_t *rival = &self->rival;
    msg_room_join_t join = {.connection = ++rival->connections, .role = ROLE_PLAYER, .format = FORMAT_MSGPACK};
    snprintf(join.session_id, sizeof join.session_id, "r%lld", (long long)rival->connections);
    snprintf(join.character_id, sizeof join.character_id, RIVAL_CHARACTER);
    snprintf(join.name, sizeof join.name, "Stranger");
    sim_ask(rival->sim, MSG_ROOM_JOIN, WORLD_ROOM, &join, RIVAL_ANSWER_USEC, 1);
    sim_advance(rival->sim, RIVAL_ANSWER_USEC);
    rival_hear(self);
}

/* It takes up what lies about, and drops it, and says so. */
static void
rival_do(world_t *self)
{
    rival_t *rival = &self->rival;
    uint64_t dice = sim_random(self->sim);
    if (dice % 3 == 0) {
        msg_room_chat_t chat = {.connection = rival->connections, .member = rival->member, .text = "mine"};
        chat.action_id = ++rival->action_id;
        sim_tell(rival->sim, MSG_ROOM_CHAT, WORLD_ROOM, &chat);
        return;
    }
    msg_room_action_t action = {.connection = rival->connections,
                                .member = rival->member,
                                .action = dice % 3 == 1 ? ITEM_ACTION_PICKUP : ITEM_ACTION_DROP};
    action.action_id = ++rival->action_id;
    snprintf(action.item_id, sizeof action.item_id, "item-%u", 1 + (unsigned)(dice / 3 % WORLD_ITEMS));
    sim_tell(rival->sim, MSG_ROOM_ACTION, WORLD_ROOM, &action);
}

void
world_rival_act(world_t *self)
{
    rival_t *rival = &self->rival;
    if (rival->sim == NULL) {
        rival_open(self);
    }
    if (rival->member == 0) {
        rival_join(self);
    }
    for (int i = 0; i < RIVAL_ACTIONS && rival->member != 0; i++) {
        rival_do(self);
        sim_advance(rival->sim, 100 * ACT_MSEC);
        rival_hear(self);
    }
}

void
world_rival_fini(world_t *self)
{
    sim_destroy(&self->rival.sim);
}
