/* What a gateway owes a room that may go to another owner: to stay with one, to part, to keep back, to follow. */
#include "player_state.h"

#include <stdio.h>
#include <string.h>

#include "send.h"

enum { PLAYER_MOVE_USEC = 3 * ACT_SEC, PLAYER_HOLD_USEC = 5 * ACT_SEC };

gate_t *
player_gate(players_t *all, const player_t *player)
{
    return &all->gates[(player - all->players) % all->gates_count];
}

static bool
player_is_of(const players_t *all, const player_t *player, const gate_t *gate)
{
    return (size_t)(player - all->players) % all->gates_count == (size_t)(gate - all->gates);
}

static bool
gate_is_with(const gate_t *gate, const act_addr_t *room)
{
    return !gate->settled || (gate->room.node == room->node && gate->room.thread == room->thread);
}

/* Nobody of this gate is in the room: whom its view names is asked next. */
static void
gate_loosen(players_t *all, gate_t *gate)
{
    for (int i = 0; i < PLAYERS; i++) {
        const player_t *player = &all->players[i];
        if (player_is_of(all, player, gate) && player->state == PLAYER_IN && (player->member != 0 || gate->parted)) {
            return;
        }
    }
    gate->found = gate->settled = gate->parted = false;
}

void
player_ask_room(players_t *all, act_ctx_t *ctx, player_t *player)
{
    gate_t *gate = player_gate(all, player);
    bool moved = player->state == PLAYER_IN;
    if (!gate->found) {
        gate->found = act_owner(ctx, ACT_KIND_ROOM, player->room, &gate->room);
    }
    player->ask_again = !gate->found || gate->parted;
    if (player->ask_again) {
        return;
    }
    msg_room_join_t join = {.connection = (int64_t)player->connection,
                            .role = ROLE_PLAYER,
                            .format = player->format,
                            .has_moved = moved,
                            .moved = moved,
                            .has_epoch = moved,
                            .epoch = moved ? gate->epoch : 0};
    snprintf(join.session_id, sizeof join.session_id, "%s", player->session_id);
    snprintf(join.character_id, sizeof join.character_id, "%s", player->character_id);
    snprintf(join.name, sizeof join.name, "%s", player->name);
    if (!moved) {
        player_say_version(all, player, &join);
    }
    request_to_room_join(ctx, &gate->room, &join, moved ? PLAYER_MOVE_USEC : PLAYER_PATIENCE_USEC,
                         player_context(all, player));
}

void
player_leave_room(players_t *all, act_ctx_t *ctx, player_t *player)
{
    const gate_t *gate = player_gate(all, player);
    if (player->state >= PLAYER_JOINING && gate->found && !(gate->parted && player->held)) {
        msg_room_leave_t leave = {.connection = (int64_t)player->connection, .member = player->member};
        send_to_room_leave(ctx, &gate->room, &leave);
    }
    player->held = player->ask_again = false;
    player->kept_count = 0;
}

void
player_to_room(players_t *all, act_ctx_t *ctx, player_t *player, const intent_t *wish)
{
    const gate_t *gate = player_gate(all, player);
    if (player->held) {
        if (player->kept_count < PLAYER_KEPT) { /* else it is lost, and sent again */
            player->kept[player->kept_count++] = *wish;
        }
        return;
    }
    intent_t intent = *wish;
    switch (intent.kind) {
    case INTENT_MOVE:
        intent.u.move.connection = (int64_t)player->connection;
        intent.u.move.member = player->member;
        send_to_room_move(ctx, &gate->room, &intent.u.move);
        return;
    case INTENT_CHAT:
        intent.u.chat.connection = (int64_t)player->connection;
        intent.u.chat.member = player->member;
        send_to_room_chat(ctx, &gate->room, &intent.u.chat);
        return;
    case INTENT_ACTION:
        intent.u.action.connection = (int64_t)player->connection;
        intent.u.action.member = player->member;
        send_to_room_action(ctx, &gate->room, &intent.u.action);
        return;
    }
}

/* The room has let it in; false: another than its fellows are with. */
bool
player_settle(players_t *all, act_ctx_t *ctx, player_t *player, const msg_t *msg)
{
    gate_t *gate = player_gate(all, player);
    if (!gate_is_with(gate, &msg->from)) {
        const msg_room_joined_t *joined = msg->body;
        msg_room_leave_t leave = {.connection = joined->connection, .member = joined->member};
        send_to_room_leave(ctx, &msg->from, &leave);
        player->ask_again = true;
        return false;
    }
    gate->room = msg->from;
    snprintf(gate->room.key, sizeof gate->room.key, "%s", player->room);
    gate->found = gate->settled = true;
    return true;
}

void
player_on_rejoined(players_t *all, act_ctx_t *ctx, player_t *player, const msg_room_joined_t *body)
{
    player->member = body->member;
    player->held = false;
    player->resync_at = 0;
    all->moved++;
    int count = player->kept_count;
    player->kept_count = 0;
    for (int i = 0; i < count; i++) {
        player_to_room(all, ctx, player, &player->kept[i]);
    }
}

void
player_on_room_refused(players_t *all, act_ctx_t *ctx, player_t *player, const msg_room_refused_t *body)
{
    if (body->has_moved && body->moved) {
        player->ask_again = true;
    } else {
        if (body->code == ERROR_UNAVAILABLE) { /* a character that is elsewhere, too, is a conflict */
            player_torn(all, "a planned move refused a join");
        }
        player_drop(all, player, ctx);
    }
}

void
player_torn(players_t *all, const char *what)
{
    if (all->gentle) {
        all->on_breach(all->world, what);
    }
}

/* ---- what the room says of itself ---- */

bool
player_takes_delta(players_t *all, act_ctx_t *ctx, unsigned index, const act_addr_t *room)
{
    static const msg_room_absent_t absent;
    const gate_t *gate = &all->gates[index];
    bool any = gate->settled;
    for (unsigned i = index; i < PLAYERS; i += all->gates_count) {
        any |= all->players[i].state >= PLAYER_JOINING;
    }
    if (!any || (gate->settled && !gate_is_with(gate, room))) {
        send_to_room_absent(ctx, room, &absent);
    }
    return gate->settled && gate_is_with(gate, room);
}

bool
player_hears(const players_t *all, unsigned gate, const act_addr_t *room)
{
    return gate_is_with(&all->gates[gate], room);
}

void
player_on_moving(players_t *all, act_ctx_t *ctx, unsigned index, const msg_t *msg)
{
    static const msg_room_parted_t parted;
    gate_t *gate = &all->gates[index];
    bool any = false;
    for (int i = 0; i < PLAYERS && gate->settled && !gate->parted && gate_is_with(gate, &msg->from); i++) {
        player_t *player = &all->players[i];
        if (player_is_of(all, player, gate) && player->state == PLAYER_IN) {
            player->held_at = player->held ? player->held_at : act_now(ctx);
            player->held = any = true;
        }
    }
    if (any) {
        gate->parted = true;
        gate->parted_at = act_now(ctx);
    }
    send_to_room_parted(ctx, &msg->from, &parted);
}

void
player_on_moved(players_t *all, act_ctx_t *ctx, unsigned index, const msg_t *msg)
{
    const msg_gateway_room_moved_t *moved = msg->body;
    gate_t *gate = &all->gates[index];
    if (!gate->parted || !gate_is_with(gate, &msg->from)) {
        return;
    }
    gate->parted = gate->settled = false;
    gate->epoch = moved->epoch;
    gate->room.node = (uint32_t)moved->node;
    gate->room.thread = (uint8_t)moved->thread;
    gate->found = act_reaches(ctx, &gate->room);
    for (int i = 0; i < PLAYERS; i++) {
        player_t *player = &all->players[i];
        if (player_is_of(all, player, gate) && player->state == PLAYER_IN && player->held) {
            player->member = 0;
            player_ask_room(all, ctx, player);
        }
    }
}

/* ---- what has taken too long, and who is gone ---- */

void
player_look_at_move(players_t *all, act_ctx_t *ctx, player_t *player)
{
    gate_t *gate = player_gate(all, player);
    act_usec_t now = act_now(ctx);
    bool parted = player->held && gate->parted && now - gate->parted_at >= PLAYER_MOVE_USEC;
    bool held = player->held && now - player->held_at >= PLAYER_HOLD_USEC;
    bool asked = player->ask_again && now - player->since >= PLAYER_PATIENCE_USEC && player->state == PLAYER_JOINING;
    if (parted || held || asked) {
        player_torn(all, "a planned move took too long");
        player_drop(all, player, ctx);
    } else if (player->ask_again && player_chance(ctx, 10)) {
        gate_loosen(all, gate);
        player_ask_room(all, ctx, player);
    }
}

void
player_look_at_view(players_t *all, act_ctx_t *ctx, unsigned index)
{
    gate_t *gate = &all->gates[index];
    if (!gate->found || act_reaches(ctx, &gate->room)) {
        return;
    }
    for (int i = 0; i < PLAYERS; i++) {
        player_t *player = &all->players[i];
        if (player_is_of(all, player, gate) && player->state >= PLAYER_JOINING && !player->ask_again) {
            player_drop(all, player, ctx);
        }
    }
    gate->found = gate->settled = gate->parted = false;
}
