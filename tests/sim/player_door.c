/* In and out: tickets, tokens, places in the queue, and what a gateway owes admission. */
#include "player_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "send.h"

void
player_holder(const gate_t *gate, char holder[25])
{
    snprintf(holder, 25, "gateway-%u", gate->incarnation);
}

uint64_t
player_context(const players_t *all, const player_t *player)
{
    return (uint64_t)player->life * PLAYERS + (uint64_t)(player - all->players);
}

void
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
void
player_forget(player_t *player, act_ctx_t *ctx)
{
    player->life++;
    player->connection = 0;
    player->secret[0] = player->spent[0] = '\0';
    player->view.known &= !player_chance(ctx, 30); /* a page that is loaded again shows nothing */
    player_enter(player, ctx, PLAYER_IDLE);
}

void
player_leave(players_t *all, player_t *player, act_ctx_t *ctx)
{
    player_leave_room(all, ctx, player);
    if (player->state >= PLAYER_WAITING && player->state != PLAYER_ENTERING) {
        msg_admission_leave_t body = {.turn = player->turn};
        snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
        send_admission_leave(ctx, "plaza", &body);
    }
    player_forget(player, ctx);
}

/* The network is gone; the client keeps its token. */
void
player_drop(players_t *all, player_t *player, act_ctx_t *ctx)
{
    if (player->state == PLAYER_WAITING) {
        msg_queue_detach_t body = {.turn = player->turn};
        snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
        send_queue_detach(ctx, "plaza", &body);
    } else if (player->state >= PLAYER_JOINING) {
        msg_admission_drop_t body = {.turn = player->turn};
        snprintf(body.session_id, sizeof body.session_id, "%s", player->session_id);
        player_leave_room(all, ctx, player);
        send_admission_drop(ctx, "plaza", &body);
    }
    player->life++;
    player->connection = 0;
    player->away_at = act_now(ctx);
    player_enter(player, ctx, player->secret[0] != '\0' ? PLAYER_AWAY : PLAYER_IDLE);
}

/* Shows its secret: to hear of its place, or to come in. */
void
player_show(players_t *all, act_ctx_t *ctx, player_t *player, const char *secret)
{
    player->life++;
    player->connection = ++all->connections;
    player->member = 0;
    player->position = 0;
    player->slow = false;
    player->was_certain = player->certain && secret == player->secret;
    player->certain = false;
    if (player->queued) {
        msg_queue_attach_t body = {.connection = (int64_t)player->connection};
        snprintf(body.secret, sizeof body.secret, "%s", secret);
        player_holder(player_gate(all, player), body.holder);
        player_enter(player, ctx, PLAYER_ATTACHING);
        request_queue_attach(ctx, "plaza", &body, PLAYER_ANSWER_USEC, player_context(all, player));
    } else {
        msg_admission_enter_t body = {.connection = (int64_t)player->connection, .reconnect = player->away_at > 0};
        snprintf(body.secret, sizeof body.secret, "%s", secret);
        player_holder(player_gate(all, player), body.holder);
        player_enter(player, ctx, PLAYER_ENTERING);
        request_admission_enter(ctx, "plaza", &body, PLAYER_ANSWER_USEC, player_context(all, player));
    }
}

void
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

void
player_on_attached(players_t *all, player_t *player, act_ctx_t *ctx, const msg_queue_attached_t *body)
{
    player_check_reuse(all, player);
    player_renewed(player, body->reconnect_token);
    player->turn = body->turn;
    player_enter(player, ctx, PLAYER_WAITING);
}

void
player_on_entered(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_entered_t *body)
{
    player_check_reuse(all, player);
    player_renewed(player, body->reconnect_token);
    player->turn = body->turn;
    player->queued = false;
    snprintf(player->session_id, sizeof player->session_id, "%s", body->session_id);
    snprintf(player->room, sizeof player->room, "%s", body->room);
    player->format = (format_t)(act_random(ctx) % 2);
    snprintf(player->character_id, sizeof player->character_id, "%s", body->character_id);
    snprintf(player->name, sizeof player->name, "%s", body->name);
    player->member = 0;
    player_enter(player, ctx, PLAYER_JOINING);
    player_ask_room(all, ctx, player);
}

/* Its secret opened nothing. On an evening without faults one that is certain, and shown in time, must open. */
void
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

/* Its room or its session has ended this connection. */
void
player_on_end(players_t *all, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_gateway_end_t *end = msg->body;
    player_t *player = player_of_connection(all, end->connection);
    if (player == NULL) {
        return;
    }
    if (msg->from.kind == ACT_KIND_ROOM) {
        if (!player_hears(all, (unsigned)(player_gate(all, player) - all->gates), &msg->from)) {
            return; /* of an owner before */
        }
        if (end->close == CLOSE_CODE_ROOM_CLOSED) {
            player_torn(all, "a planned move closed a session");
        }
        player->member = 0;
        player_drop(all, player, ctx);
    } else {
        all->replaced += end->close == CLOSE_CODE_REPLACED;
        player_leave_room(all, ctx, player);
        player_forget(player, ctx);
    }
}

void
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

void
player_on_admitted(players_t *all, act_ctx_t *ctx, const msg_gateway_admitted_t *body)
{
    player_t *player = player_of_connection(all, body->connection);
    if (player != NULL && player->state == PLAYER_WAITING) {
        player->queued = false;
        player_show(all, ctx, player, player->secret);
    }
}

void
player_on_report(players_t *all, act_ctx_t *ctx, unsigned gate, const msg_t *msg)
{
    const msg_gateway_report_t *report = msg->body;
    msg_admission_held_t *held = calloc(1, sizeof *held);
    ACT_ASSERT(held != NULL);
    player_holder(&all->gates[gate], held->holder);
    held->marker = report->marker;
    held->last = true;
    for (int i = 0; i < PLAYERS; i++) {
        const player_t *player = &all->players[i];
        if (player_gate(all, player) == &all->gates[gate] &&
            (player->state == PLAYER_WAITING || player->state >= PLAYER_JOINING)) {
            obj_held_session_t *one = &held->sessions[held->sessions_len++];
            snprintf(one->session_id, sizeof one->session_id, "%s", player->session_id);
            one->turn = player->turn;
            one->connection = (int64_t)player->connection;
        }
    }
    send_admission_held(ctx, report->instance, held);
    free(held);
}
