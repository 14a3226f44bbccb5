/* Intents: what is wished for, sent, sent again, acknowledged. */
#include "player_state.h"

#include <stdio.h>
#include <string.h>

#include "rules.h"
#include "said.h"
#include "send.h"

/* Another one that it shows, or anybody. */
static const char *
player_choose_target(players_t *all, act_ctx_t *ctx, const player_t *player, const client_t *client)
{
    const view_t *view = &player->view;
    for (int tries = 0; tries < 4 && view->members_len > 1; tries++) {
        const char *other = view->members[act_random(ctx) % view->members_len].character_id;
        if (strcmp(other, client->id) != 0) {
            return other;
        }
    }
    return all->clients[act_random(ctx) % CHARACTERS].id;
}

static bool
player_is_near(const view_t *view, const client_t *client, const obj_item_view_t *item)
{
    for (uint32_t i = 0; i < view->members_len; i++) {
        const obj_member_view_t *me = &view->members[i];
        if (strcmp(me->character_id, client->id) == 0) {
            double x = me->x - item->x, y = me->y - item->y;
            return x * x + y * y <= plaza_rules.reach * plaza_rules.reach;
        }
    }
    return false;
}

/* What it holds it gives away, mostly; what lies near it takes. Now and then it wants what cannot be. */
static void
player_wish_item(players_t *all, act_ctx_t *ctx, const player_t *player, const client_t *client,
                 msg_room_action_t *action)
{
    const view_t *view = &player->view;
    uint32_t first = (uint32_t)(act_random(ctx) % 24);
    action->action = (item_action_t)(act_random(ctx) % ITEM_ACTION_COUNT);
    snprintf(action->item_id, sizeof action->item_id, "item-%u", 1 + first);
    for (uint32_t i = 0; i < view->items_len && !player_chance(ctx, 1); i++) {
        const obj_item_view_t *item = &view->items[(first + i) % view->items_len];
        bool mine = item->has_holder && strcmp(item->holder, client->id) == 0;
        if (mine || (!item->has_holder && player_is_near(view, client, item))) {
            action->action = !mine ? ITEM_ACTION_PICKUP : player_chance(ctx, 70) ? ITEM_ACTION_GIVE : ITEM_ACTION_DROP;
            memcpy(action->item_id, item->item_id, sizeof action->item_id);
            break;
        }
    }
    action->has_target_id = action->action == ITEM_ACTION_GIVE;
    snprintf(action->target_id, sizeof action->target_id, "%s", player_choose_target(all, ctx, player, client));
}

/* A wish of some kind; many will be refused by the rules, which is as it should be. */
static void
player_wish(players_t *all, act_ctx_t *ctx, const player_t *player, intent_t *intent, int64_t action_id)
{
    const client_t *client = players_client(all, (int)(player - all->players));
    *intent = (intent_t){.action_id = action_id, .kind = (intent_kind_t)(act_random(ctx) % 3)};
    if (intent->kind == INTENT_MOVE) {
        intent->u.move.action_id = action_id;
        intent->u.move.x = 420 + (double)(act_random(ctx) % 160);
        intent->u.move.y = 420 + (double)(act_random(ctx) % 160);
    } else if (intent->kind == INTENT_CHAT) {
        intent->u.chat.action_id = action_id;
        said_text(intent->u.chat.text, (int)(client - all->clients), action_id);
    } else {
        intent->u.action.action_id = action_id;
        player_wish_item(all, ctx, player, client, &intent->u.action);
    }
}

static intent_t *
client_intent(client_t *client, int64_t action_id)
{
    for (int i = 0; i < PLAYER_UNACKED; i++) {
        if (client->unacked[i].action_id == action_id) {
            return &client->unacked[i];
        }
    }
    return NULL;
}

void
player_act(players_t *all, act_ctx_t *ctx, int i)
{
    client_t *client = players_client(all, i);
    intent_t *free_slot = client_intent(client, 0);
    if (free_slot != NULL && !all->quiet) {
        player_wish(all, ctx, &all->players[i], free_slot, client->next_action_id++);
        player_to_room(all, ctx, &all->players[i], free_slot);
    }
}

/* In order of actionId, as a client would. */
void
player_resend(players_t *all, act_ctx_t *ctx, int i)
{
    client_t *client = players_client(all, i);
    for (int64_t last = 0;;) {
        intent_t *next = NULL;
        for (int k = 0; k < PLAYER_UNACKED; k++) {
            intent_t *intent = &client->unacked[k];
            if (intent->action_id > last && (next == NULL || intent->action_id < next->action_id)) {
                next = intent;
            }
        }
        if (next == NULL) {
            return;
        }
        last = next->action_id;
        player_to_room(all, ctx, &all->players[i], next);
    }
}

/* An ack is remembered; a second one for the same intent must say the same. */
void
player_on_ack(players_t *all, const msg_gateway_ack_t *ack)
{
    player_t *player = player_of_connection(all, ack->connection);
    if (player == NULL) {
        return; /* a connection that is gone */
    }
    client_t *client = players_client(all, (int)(player - all->players));
    for (int k = 0; k < client->acks_count; k++) {
        if (client->acks[k].action_id == ack->action_id) {
            if (client->acks[k].sequence != ack->sequence || client->acks[k].version != ack->room_version) {
                all->on_breach(all->world, "B6: a resend got another ack");
            }
            return;
        }
    }
    intent_t *intent = client_intent(client, ack->action_id);
    if (intent == NULL) {
        return; /* the other player of this character sent it, or it was refused to us before a copy was accepted */
    }
    all->acks++;
    all->handed += intent->kind == INTENT_ACTION && intent->u.action.action == ITEM_ACTION_GIVE;
    all->on_ack(all->world, client, intent, ack);
    intent->action_id = 0;
    client->last_sequence = ack->sequence > client->last_sequence ? ack->sequence : client->last_sequence;
    if (client->acks_count < ACTIONS_MAX) {
        client->acks[client->acks_count].action_id = ack->action_id;
        client->acks[client->acks_count].sequence = ack->sequence;
        client->acks[client->acks_count++].version = ack->room_version;
    }
}

void
player_on_refused(players_t *all, const msg_gateway_refused_t *body)
{
    player_t *player = player_of_connection(all, body->connection);
    if (player == NULL) {
        return;
    }
    all->refusals++;
    if (error_transient[body->code]) {
        player_torn(all, "a planned move refused an intent");
    }
    intent_t *intent = client_intent(players_client(all, (int)(player - all->players)), body->action_id);
    if (intent != NULL && !error_transient[body->code]) {
        intent->action_id = 0; /* transient ones are sent again */
    }
}

bool
player_has_unacked(const client_t *client)
{
    for (int k = 0; k < PLAYER_UNACKED; k++) {
        if (client->unacked[k].action_id != 0) {
            return true;
        }
    }
    return false;
}
