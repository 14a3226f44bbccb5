#include "player.h"

#include <stdio.h>
#include <string.h>

#include "send.h"

enum { PLAYER_TIMER_TICK };

enum {
    PLAYER_TICK_USEC = 4 * ACT_MSEC,
    PLAYER_ANSWER_USEC = 2 * ACT_SEC,
    PLAYER_PATIENCE_USEC = 12 * ACT_SEC, /* a join that nobody answers is given up */
};

typedef struct player_actor {
    players_t *all;
} player_actor_t;

client_t *
players_client(players_t *self, int player)
{
    return &self->clients[player < CHARACTERS ? player : CHARACTERS - 1];
}

static bool
player_chance(act_ctx_t *ctx, unsigned percent)
{
    return act_random(ctx) % 100 < percent;
}

static void
player_enter(player_t *player, act_ctx_t *ctx, player_state_t state)
{
    player->state = state;
    player->since = act_now(ctx);
}

/* context of a request: which player, and which of its lives */
static uint64_t
player_context(const players_t *all, const player_t *player)
{
    return (uint64_t)player->turn * PLAYERS + (uint64_t)(player - all->players);
}

static player_t *
player_of_connection(players_t *all, int64_t connection)
{
    for (int i = 0; i < PLAYERS; i++) {
        if (all->players[i].connection == (uint64_t)connection && all->players[i].state >= PLAYER_JOINING) {
            return &all->players[i];
        }
    }
    return NULL;
}

/* ---- in and out ---- */

static void
player_connect(players_t *all, act_ctx_t *ctx, int i)
{
    player_t *player = &all->players[i];
    client_t *client = players_client(all, i);
    player->turn++;
    player->connection = ++all->connections;
    player->member = 0;
    snprintf(player->session_id, sizeof player->session_id, "s%llu", (unsigned long long)player->connection);
    msg_admission_connect_t body = {.role = ROLE_PLAYER, .has_character_id = true};
    snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
    snprintf(body.user_id, sizeof body.user_id, "%s", client->user);
    snprintf(body.character_id, sizeof body.character_id, "%s", client->id);
    snprintf(body.build, sizeof body.build, "sim");
    player_enter(player, ctx, PLAYER_CONNECTING);
    request_admission_connect(ctx, "plaza", &body, PLAYER_ANSWER_USEC, player_context(all, player));
}

static void
player_send_leave(act_ctx_t *ctx, const player_t *player)
{
    if (player->state >= PLAYER_JOINING) {
        msg_room_leave_t leave = {.connection = (int64_t)player->connection, .member = player->member};
        send_room_leave(ctx, player->room, &leave);
    }
    msg_admission_leave_t body;
    snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
    send_admission_leave(ctx, "plaza", &body);
}

static void
player_leave(player_t *player, act_ctx_t *ctx)
{
    player_send_leave(ctx, player);
    player->turn++;
    player->connection = 0;
    player_enter(player, ctx, PLAYER_IDLE);
}

static void
player_on_connected(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_connected_t *body)
{
    if (body->outcome != OUTCOME_ADMITTED) {
        player_enter(player, ctx, PLAYER_IDLE);
        return;
    }
    all->admitted++;
    snprintf(player->ticket, sizeof player->ticket, "%s", body->ticket);
    msg_admission_redeem_t redeem;
    snprintf(redeem.ticket, sizeof redeem.ticket, "%s", player->ticket);
    player_enter(player, ctx, PLAYER_REDEEMING);
    request_admission_redeem(ctx, "plaza", &redeem, PLAYER_ANSWER_USEC, player_context(all, player));
}

static void
player_on_redeemed(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_redeemed_t *body)
{
    snprintf(player->room, sizeof player->room, "%s", body->room);
    msg_room_join_t join = {
        .connection = (int64_t)player->connection, .role = body->role, .format = (format_t)(act_random(ctx) % 2)};
    snprintf(join.session_id, sizeof join.session_id, "%s", body->session_id);
    snprintf(join.character_id, sizeof join.character_id, "%s", body->character_id);
    snprintf(join.name, sizeof join.name, "%s", body->name);
    player_enter(player, ctx, PLAYER_JOINING);
    request_room_join(ctx, player->room, &join, PLAYER_PATIENCE_USEC, player_context(all, player));
}

/* ---- intents ---- */

static void
player_send_intent(act_ctx_t *ctx, const player_t *player, intent_t *intent)
{
    switch (intent->kind) {
    case INTENT_MOVE:
        intent->u.move.connection = (int64_t)player->connection;
        intent->u.move.member = player->member;
        send_room_move(ctx, player->room, &intent->u.move);
        return;
    case INTENT_CHAT:
        intent->u.chat.connection = (int64_t)player->connection;
        intent->u.chat.member = player->member;
        send_room_chat(ctx, player->room, &intent->u.chat);
        return;
    case INTENT_ACTION:
        intent->u.action.connection = (int64_t)player->connection;
        intent->u.action.member = player->member;
        send_room_action(ctx, player->room, &intent->u.action);
        return;
    }
}

/* A wish of some kind; many will be refused by the rules, which is as it should be. */
static void
player_wish(players_t *all, act_ctx_t *ctx, intent_t *intent, int64_t action_id)
{
    *intent = (intent_t){.action_id = action_id, .kind = (intent_kind_t)(act_random(ctx) % 3)};
    if (intent->kind == INTENT_MOVE) {
        intent->u.move.action_id = action_id;
        intent->u.move.x = 400 + (double)(act_random(ctx) % 200);
        intent->u.move.y = 400 + (double)(act_random(ctx) % 200);
    } else if (intent->kind == INTENT_CHAT) {
        intent->u.chat.action_id = action_id;
        snprintf(intent->u.chat.text, sizeof intent->u.chat.text, "word %lld", (long long)action_id);
    } else {
        msg_room_action_t *action = &intent->u.action;
        action->action_id = action_id;
        action->action = (item_action_t)(act_random(ctx) % ITEM_ACTION_COUNT);
        snprintf(action->item_id, sizeof action->item_id, "item-%u", 1 + (unsigned)(act_random(ctx) % 24));
        action->has_target_id = action->action == ITEM_ACTION_GIVE;
        snprintf(action->target_id, sizeof action->target_id, "%s", all->clients[act_random(ctx) % CHARACTERS].id);
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

static void
player_act(players_t *all, act_ctx_t *ctx, int i)
{
    client_t *client = players_client(all, i);
    intent_t *free_slot = client_intent(client, 0);
    if (free_slot != NULL && !all->quiet) {
        player_wish(all, ctx, free_slot, client->next_action_id++);
        player_send_intent(ctx, &all->players[i], free_slot);
    }
}

/* In order of actionId, as a client would. */
static void
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
        player_send_intent(ctx, &all->players[i], next);
    }
}

/* An ack is remembered; a second one for the same intent must say the same. */
static void
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
    all->on_ack(all->world, client, intent, ack);
    intent->action_id = 0;
    if (client->acks_count < ACTIONS_MAX) {
        client->acks[client->acks_count].action_id = ack->action_id;
        client->acks[client->acks_count].sequence = ack->sequence;
        client->acks[client->acks_count++].version = ack->room_version;
    }
}

static void
player_on_refused(players_t *all, const msg_gateway_refused_t *body)
{
    player_t *player = player_of_connection(all, body->connection);
    if (player == NULL) {
        return;
    }
    all->refusals++;
    intent_t *intent = client_intent(players_client(all, (int)(player - all->players)), body->action_id);
    if (intent != NULL && !error_transient[body->code]) {
        intent->action_id = 0; /* transient ones are sent again */
    }
}

/* ---- the kind ---- */

static void
player_on_answer(players_t *all, act_ctx_t *ctx, const msg_t *msg)
{
    player_t *player = &all->players[msg->context % PLAYERS];
    if (msg->context / PLAYERS != player->turn) {
        return;
    }
    switch (msg->type) {
    case MSG_ADMISSION_CONNECTED:
        player_on_connected(all, ctx, player, msg->body);
        return;
    case MSG_ADMISSION_REDEEMED:
        player_on_redeemed(all, ctx, player, msg->body);
        return;
    case MSG_ROOM_JOINED:
        player->member = ((const msg_room_joined_t *)msg->body)->member;
        player_enter(player, ctx, PLAYER_IN);
        player_resend(all, ctx, (int)(player - all->players));
        return;
    default: /* refused, or nobody answered */
        player_leave(player, ctx);
        return;
    }
}

static void
player_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    players_t *all = ((player_actor_t *)state)->all;
    player_t *player;
    switch (msg->type) {
    case MSG_GATEWAY_ACK:
        player_on_ack(all, msg->body);
        return;
    case MSG_GATEWAY_REFUSED:
        player_on_refused(all, msg->body);
        return;
    case MSG_GATEWAY_END:
        player = player_of_connection(all, ((const msg_gateway_end_t *)msg->body)->connection);
        if (player != NULL) {
            player_leave(player, ctx);
        }
        return;
    case MSG_GATEWAY_DELTA:
    case MSG_GATEWAY_STATE:
        return; /* what is seen is checked at the room, after each step */
    default:
        player_on_answer(all, ctx, msg);
        return;
    }
}

static void
player_live(players_t *all, act_ctx_t *ctx, int i)
{
    player_t *player = &all->players[i];
    if (player->state == PLAYER_IDLE) {
        if (player_chance(ctx, 5)) {
            player_connect(all, ctx, i);
        }
    } else if (player->state == PLAYER_IN) {
        unsigned dice = (unsigned)(act_random(ctx) % 1000);
        if (dice < 300) {
            player_act(all, ctx, i);
        } else if (dice < 340) {
            player_resend(all, ctx, i);
        } else if (dice < 344 && !all->quiet) {
            player_leave(player, ctx);
        }
    }
}

static void
player_expire(void *state, act_ctx_t *ctx, int timer)
{
    players_t *all = ((player_actor_t *)state)->all;
    for (int i = 0; i < PLAYERS; i++) {
        player_live(all, ctx, i);
    }
    act_timer_start(ctx, timer, PLAYER_TICK_USEC);
}

static bool
player_init(void *state, act_ctx_t *ctx, const void *config)
{
    ((player_actor_t *)state)->all = *(players_t *const *)config;
    act_timer_start(ctx, PLAYER_TIMER_TICK, PLAYER_TICK_USEC);
    return true;
}

const act_kind_t player_kind = {
    .id = ACT_KIND_GATEWAY,
    .name = "player",
    .keying = ACT_SHARDED,
    .state_size = sizeof(player_actor_t),
    .init = player_init,
    .receive = player_receive,
    .expire = player_expire,
};
