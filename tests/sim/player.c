#include "player.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "send.h"

enum { PLAYER_TIMER_TICK, PLAYER_TIMER_BEAT };

enum {
    PLAYER_TICK_USEC = 4 * ACT_MSEC,
    PLAYER_TICK_LEAVING_USEC = 100 * ACT_MSEC,
    PLAYER_BEAT_USEC = 1 * ACT_SEC,
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

static void
player_holder(const players_t *all, char holder[25])
{
    snprintf(holder, 25, "gateway-%u", all->incarnation);
}

/* context of a request: which player, and which of its lives */
static uint64_t
player_context(const players_t *all, const player_t *player)
{
    return (uint64_t)player->life * PLAYERS + (uint64_t)(player - all->players);
}

static player_t *
player_of_connection(players_t *all, int64_t connection)
{
    for (int i = 0; i < PLAYERS; i++) {
        if (all->players[i].connection == (uint64_t)connection && all->players[i].state >= PLAYER_ATTACHING) {
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
    player->life++;
    snprintf(player->session_id, sizeof player->session_id, "s%llu", (unsigned long long)++all->connections);
    msg_admission_connect_t body = {.role = ROLE_PLAYER, .has_character_id = true};
    snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
    snprintf(body.user_id, sizeof body.user_id, "%s", client->user);
    snprintf(body.character_id, sizeof body.character_id, "%s", client->id);
    snprintf(body.address, sizeof body.address, "192.0.2.%d", i);
    snprintf(body.build, sizeof body.build, "sim");
    if (player->secret[0] != '\0') {
        body.has_reconnect_token = true;
        snprintf(body.reconnect_token, sizeof body.reconnect_token, "%s", player->secret);
    } else if (player->replace_token[0] != '\0') {
        body.has_replace_token = true;
        snprintf(body.replace_token, sizeof body.replace_token, "%s", player->replace_token);
        player->replace_token[0] = '\0';
    }
    player->certain = player->reused = false;
    player_enter(player, ctx, PLAYER_CONNECTING);
    request_admission_connect(ctx, "plaza", &body, PLAYER_ANSWER_USEC, player_context(all, player));
}

/* Forgets the session; whoever holds it then is not this player. */
static void
player_forget(player_t *player, act_ctx_t *ctx)
{
    player->life++;
    player->connection = 0;
    player->secret[0] = player->spent[0] = '\0';
    player_enter(player, ctx, PLAYER_IDLE);
}

static void
player_leave_room(act_ctx_t *ctx, const player_t *player)
{
    if (player->state >= PLAYER_JOINING) {
        msg_room_leave_t leave = {.connection = (int64_t)player->connection, .member = player->member};
        send_room_leave(ctx, player->room, &leave);
    }
}

static void
player_leave(player_t *player, act_ctx_t *ctx)
{
    player_leave_room(ctx, player);
    if (player->state >= PLAYER_WAITING && player->state != PLAYER_ENTERING) {
        msg_admission_leave_t body = {.turn = player->turn};
        snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
        send_admission_leave(ctx, "plaza", &body);
    }
    player_forget(player, ctx);
}

/* The network is gone; the client keeps its token. */
static void
player_drop(player_t *player, act_ctx_t *ctx)
{
    if (player->state == PLAYER_WAITING) {
        msg_queue_detach_t body = {.turn = player->turn};
        snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
        send_queue_detach(ctx, "plaza", &body);
    } else if (player->state >= PLAYER_JOINING) {
        msg_admission_drop_t body = {.turn = player->turn};
        snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
        player_leave_room(ctx, player);
        send_admission_drop(ctx, "plaza", &body);
    }
    player->life++;
    player->connection = 0;
    player->away_at = act_now(ctx);
    player_enter(player, ctx, player->secret[0] != '\0' ? PLAYER_AWAY : PLAYER_IDLE);
}

/* Shows its secret: to hear of its place, or to come in. */
static void
player_show(players_t *all, act_ctx_t *ctx, player_t *player, const char *secret)
{
    player->life++;
    player->connection = ++all->connections;
    player->member = 0;
    player->position = 0;
    player->was_certain = player->certain && secret == player->secret;
    player->certain = false;
    if (player->queued) {
        msg_queue_attach_t body = {.connection = (int64_t)player->connection};
        snprintf(body.secret, sizeof body.secret, "%s", secret);
        player_holder(all, body.holder);
        player_enter(player, ctx, PLAYER_ATTACHING);
        request_queue_attach(ctx, "plaza", &body, PLAYER_ANSWER_USEC, player_context(all, player));
    } else {
        msg_admission_enter_t body = {.connection = (int64_t)player->connection, .reconnect = player->away_at > 0};
        snprintf(body.secret, sizeof body.secret, "%s", secret);
        player_holder(all, body.holder);
        player_enter(player, ctx, PLAYER_ENTERING);
        request_admission_enter(ctx, "plaza", &body, PLAYER_ANSWER_USEC, player_context(all, player));
    }
}

static void
player_on_connected(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_connected_t *body)
{
    if (body->outcome != OUTCOME_ADMITTED && body->outcome != OUTCOME_QUEUED) {
        player_forget(player, ctx);
        if (body->has_replace_token) {
            snprintf(player->replace_token, sizeof player->replace_token, "%s", body->replace_token);
        }
        return;
    }
    player->queued = body->outcome == OUTCOME_QUEUED;
    all->admitted += !player->queued;
    all->queued += player->queued;
    snprintf(player->session_id, sizeof player->session_id, "%s", body->session_id);
    snprintf(player->secret, sizeof player->secret, "%s", player->queued ? body->reconnect_token : body->ticket);
    player->spent[0] = '\0';
    player_show(all, ctx, player, player->secret);
}

/* What it shows next is another one. */
static void
player_renewed(player_t *player, const char *token)
{
    memcpy(player->spent, player->secret, sizeof player->spent);
    snprintf(player->secret, sizeof player->secret, "%s", token);
    player->certain = true;
    player->reused = false;
}

static void
player_check_reuse(players_t *all, const player_t *player)
{
    if (player->reused && all->books_sure) {
        all->on_breach(all->world, "A7: a spent token opened a session");
    }
}

static void
player_on_attached(players_t *all, player_t *player, act_ctx_t *ctx, const msg_queue_attached_t *body)
{
    player_check_reuse(all, player);
    player_renewed(player, body->reconnect_token);
    player->turn = body->turn;
    player_enter(player, ctx, PLAYER_WAITING);
}

static void
player_on_entered(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_entered_t *body)
{
    player_check_reuse(all, player);
    player_renewed(player, body->reconnect_token);
    player->turn = body->turn;
    player->queued = false;
    snprintf(player->session_id, sizeof player->session_id, "%s", body->session_id);
    snprintf(player->room, sizeof player->room, "%s", body->room);
    msg_room_join_t join = {
        .connection = (int64_t)player->connection, .role = body->role, .format = (format_t)(act_random(ctx) % 2)};
    snprintf(join.session_id, sizeof join.session_id, "%s", body->session_id);
    snprintf(join.character_id, sizeof join.character_id, "%s", body->character_id);
    snprintf(join.name, sizeof join.name, "%s", body->name);
    player_enter(player, ctx, PLAYER_JOINING);
    request_room_join(ctx, player->room, &join, PLAYER_PATIENCE_USEC, player_context(all, player));
}

/* Its secret opened nothing. On an evening without faults one that is certain, and shown in time, must open. */
static void
player_on_refused_secret(players_t *all, act_ctx_t *ctx, player_t *player, secret_fault_t fault)
{
    if (fault == SECRET_FAULT_WAITING) {
        player->queued = true;
        player_enter(player, ctx, PLAYER_AWAY);
        return;
    }
    if (fault == SECRET_FAULT_UNAVAILABLE) {
        player->certain = false;
        player_enter(player, ctx, PLAYER_AWAY);
        return;
    }
    bool shared = player - all->players >= CHARACTERS - 1; /* the other one may have taken it over */
    if (all->faultless && player->was_certain && !shared && act_now(ctx) - player->away_at < all->grace_usec / 2) {
        all->on_breach(all->world, "A7: a good token, shown in time, opened nothing");
    }
    player_forget(player, ctx);
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
    if (msg->context / PLAYERS != player->life) {
        return;
    }
    switch (msg->type) {
    case MSG_ADMISSION_CONNECTED:
        player_on_connected(all, ctx, player, msg->body);
        return;
    case MSG_QUEUE_ATTACHED:
        player_on_attached(all, player, ctx, msg->body);
        return;
    case MSG_QUEUE_REFUSED:
        player_on_refused_secret(all, ctx, player, ((const msg_queue_refused_t *)msg->body)->fault);
        return;
    case MSG_ADMISSION_ENTERED:
        player_on_entered(all, ctx, player, msg->body);
        return;
    case MSG_ADMISSION_REFUSED:
        player_on_refused_secret(all, ctx, player, ((const msg_admission_refused_t *)msg->body)->fault);
        return;
    case MSG_ROOM_JOINED:
        player->member = ((const msg_room_joined_t *)msg->body)->member;
        player_enter(player, ctx, PLAYER_IN);
        player_resend(all, ctx, (int)(player - all->players));
        return;
    default: /* refused, or nobody answered */
        player_drop(player, ctx);
        return;
    }
}

/* Its room or its session has ended this connection. */
static void
player_on_end(players_t *all, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_gateway_end_t *end = msg->body;
    player_t *player = player_of_connection(all, end->connection);
    if (player == NULL) {
        return;
    }
    if (msg->from.kind == ACT_KIND_ROOM) {
        player->member = 0;
        player_drop(player, ctx);
    } else {
        all->replaced += end->close == CLOSE_CODE_REPLACED;
        player_leave_room(ctx, player);
        player_forget(player, ctx);
    }
}

static void
player_on_position(players_t *all, const msg_gateway_queue_position_t *body)
{
    player_t *player = player_of_connection(all, body->connection);
    if (player == NULL || player->state != PLAYER_WAITING) {
        return;
    }
    if (all->faultless && player->position != 0 && body->position > player->position) {
        all->on_breach(all->world, "A4: somebody was overtaken in the queue");
    }
    player->position = (uint32_t)body->position;
}

static void
player_on_admitted(players_t *all, act_ctx_t *ctx, const msg_gateway_admitted_t *body)
{
    player_t *player = player_of_connection(all, body->connection);
    if (player != NULL && player->state == PLAYER_WAITING) {
        player->queued = false;
        player_show(all, ctx, player, player->secret);
    }
}

static void
player_on_report(players_t *all, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_gateway_report_t *report = msg->body;
    msg_admission_held_t *held = calloc(1, sizeof *held);
    ACT_ASSERT(held != NULL);
    player_holder(all, held->holder);
    held->marker = report->marker;
    held->last = true;
    for (int i = 0; i < PLAYERS; i++) {
        const player_t *player = &all->players[i];
        if (player->state == PLAYER_WAITING || player->state >= PLAYER_JOINING) {
            obj_held_session_t *one = &held->sessions[held->sessions_len++];
            snprintf(one->session_id, sizeof one->session_id, "%s", player->session_id);
            one->turn = player->turn;
            one->connection = (int64_t)player->connection;
        }
    }
    send_admission_held(ctx, report->instance, held);
    free(held);
}

static void
player_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    players_t *all = ((player_actor_t *)state)->all;
    switch (msg->type) {
    case MSG_GATEWAY_ACK:
        player_on_ack(all, msg->body);
        return;
    case MSG_GATEWAY_REFUSED:
        player_on_refused(all, msg->body);
        return;
    case MSG_GATEWAY_END:
        player_on_end(all, ctx, msg);
        return;
    case MSG_GATEWAY_QUEUE_POSITION:
        player_on_position(all, msg->body);
        return;
    case MSG_GATEWAY_ADMITTED:
        player_on_admitted(all, ctx, msg->body);
        return;
    case MSG_GATEWAY_REPORT:
        player_on_report(all, ctx, msg);
        return;
    case MSG_GATEWAY_DELTA:
    case MSG_GATEWAY_STATE:
    case MSG_GATEWAY_NOTICE:
        return; /* what is seen is checked at the room, after each step */
    default:
        player_on_answer(all, ctx, msg);
        return;
    }
}

static void
player_live_away(players_t *all, act_ctx_t *ctx, int i)
{
    player_t *player = &all->players[i];
    unsigned dice = (unsigned)(act_random(ctx) % 1000);
    if (act_now(ctx) - player->away_at > 2 * all->grace_usec) {
        player_forget(player, ctx); /* too late */
    } else if (dice < 20) {
        player_show(all, ctx, player, player->secret);
        all->resumed++;
    } else if (dice < 25) {
        player_connect(all, ctx, i); /* over HTTP, with its token */
    } else if (dice < 28 && player->spent[0] != '\0') {
        player->certain = false; /* a confused client: what it kept is the token before the last */
        memcpy(player->secret, player->spent, sizeof player->secret);
        player->reused = true;
        player_show(all, ctx, player, player->secret);
    } else if (dice < 30) {
        player_forget(player, ctx);
    }
}

static void
player_live_in(players_t *all, act_ctx_t *ctx, int i)
{
    player_t *player = &all->players[i];
    unsigned dice = (unsigned)(act_random(ctx) % 1000);
    if (dice < 300) {
        player_act(all, ctx, i);
    } else if (dice < 340) {
        player_resend(all, ctx, i);
    } else if (all->quiet) {
        return;
    } else if (dice < 343) {
        player_leave(player, ctx);
    } else if (dice < 347) {
        player_drop(player, ctx);
    }
}

static bool
player_has_unacked(const client_t *client)
{
    for (int k = 0; k < PLAYER_UNACKED; k++) {
        if (client->unacked[k].action_id != 0) {
            return true;
        }
    }
    return false;
}

static void
player_live(players_t *all, act_ctx_t *ctx, int i)
{
    player_t *player = &all->players[i];
    if (all->leaving) {
        if (player->state == PLAYER_IN || player->state == PLAYER_WAITING) {
            player_leave(player, ctx);
        } else if (player->state == PLAYER_AWAY) {
            player_forget(player, ctx);
        }
        return;
    }
    if (player->state == PLAYER_IDLE) {
        if (player_chance(ctx, 5) && (!all->quiet || player_has_unacked(players_client(all, i)))) {
            player_connect(all, ctx, i);
        }
    } else if (player->state == PLAYER_AWAY) {
        player_live_away(all, ctx, i);
    } else if (player->state == PLAYER_WAITING) {
        unsigned dice = (unsigned)(act_random(ctx) % 1000);
        if (dice < 3) {
            player_drop(player, ctx);
        } else if (dice < 4) {
            player_leave(player, ctx);
        }
    } else if (player->state == PLAYER_IN) {
        player_live_in(all, ctx, i);
    }
}

static void
player_expire(void *state, act_ctx_t *ctx, int timer)
{
    players_t *all = ((player_actor_t *)state)->all;
    if (timer == PLAYER_TIMER_BEAT) {
        msg_admission_beat_t beat;
        player_holder(all, beat.holder);
        send_admission_beat(ctx, "plaza", &beat);
        act_timer_start(ctx, timer, PLAYER_BEAT_USEC);
        return;
    }
    for (int i = 0; i < PLAYERS; i++) {
        player_live(all, ctx, i);
    }
    act_timer_start(ctx, timer, all->leaving ? PLAYER_TICK_LEAVING_USEC : PLAYER_TICK_USEC);
}

/* Also when the gateway has crashed: every connection is gone, and every client has its token. */
static bool
player_init(void *state, act_ctx_t *ctx, const void *config)
{
    players_t *all = *(players_t *const *)config;
    ((player_actor_t *)state)->all = all;
    all->incarnation++;
    for (int i = 0; i < PLAYERS; i++) {
        player_t *player = &all->players[i];
        player->life++;
        player->connection = 0;
        player->away_at = act_now(ctx);
        player_enter(player, ctx, player->secret[0] != '\0' ? PLAYER_AWAY : PLAYER_IDLE);
    }
    act_timer_start(ctx, PLAYER_TIMER_TICK, PLAYER_TICK_USEC);
    act_timer_start(ctx, PLAYER_TIMER_BEAT, 0);
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
