/* player_state -- what the sources of the player share: player.c lives, player_door.c goes in and out, player_play.c
 * acts, player_see.c looks, player_room.c follows a room that moves. */
#ifndef PLAYHOUSE_SIM_PLAYER_STATE_H
#define PLAYHOUSE_SIM_PLAYER_STATE_H

#include "player.h"

enum {
    PLAYER_ANSWER_USEC = 2 * ACT_SEC,
    PLAYER_PATIENCE_USEC = 12 * ACT_SEC, /* a join that nobody answers is given up */
};

/* player.c */
bool player_chance(act_ctx_t *ctx, unsigned percent);
void player_enter(player_t *player, act_ctx_t *ctx, player_state_t state);
player_t *player_of_connection(players_t *all, int64_t connection);

/* player_door.c */
void player_holder(const gate_t *gate, char holder[25]);
/* context of a request: which player, and which of its lives */
uint64_t player_context(const players_t *all, const player_t *player);
void player_connect(players_t *all, act_ctx_t *ctx, int i);
void player_forget(player_t *player, act_ctx_t *ctx);
void player_leave(players_t *all, player_t *player, act_ctx_t *ctx);
void player_drop(players_t *all, player_t *player, act_ctx_t *ctx);
void player_show(players_t *all, act_ctx_t *ctx, player_t *player, const char *secret);
void player_on_connected(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_connected_t *body);
void player_on_attached(players_t *all, player_t *player, act_ctx_t *ctx, const msg_queue_attached_t *body);
void player_on_entered(players_t *all, act_ctx_t *ctx, player_t *player, const msg_admission_entered_t *body);
void player_on_refused_secret(players_t *all, act_ctx_t *ctx, player_t *player, secret_fault_t fault);
void player_on_end(players_t *all, act_ctx_t *ctx, const msg_t *msg);
void player_on_position(players_t *all, const msg_gateway_queue_position_t *body);
void player_on_admitted(players_t *all, act_ctx_t *ctx, const msg_gateway_admitted_t *body);
void player_on_report(players_t *all, act_ctx_t *ctx, unsigned gate, const msg_t *msg);

/* player_play.c */
void player_act(players_t *all, act_ctx_t *ctx, int i);
void player_resend(players_t *all, act_ctx_t *ctx, int i);
bool player_has_unacked(const client_t *client);
void player_on_ack(players_t *all, const msg_gateway_ack_t *ack);
void player_on_refused(players_t *all, const msg_gateway_refused_t *body);

/* player_room.c */
gate_t *player_gate(players_t *all, const player_t *player);
void player_ask_room(players_t *all, act_ctx_t *ctx, player_t *player);
void player_leave_room(players_t *all, act_ctx_t *ctx, player_t *player);
void player_to_room(players_t *all, act_ctx_t *ctx, player_t *player, const intent_t *wish);
bool player_settle(players_t *all, act_ctx_t *ctx, player_t *player, const msg_t *msg);
void player_on_rejoined(players_t *all, act_ctx_t *ctx, player_t *player, const msg_room_joined_t *body);
void player_on_room_refused(players_t *all, act_ctx_t *ctx, player_t *player, const msg_room_refused_t *body);
/* A breach where only planned moves happen. */
void player_torn(players_t *all, const char *what);
bool player_takes_delta(players_t *all, act_ctx_t *ctx, unsigned gate, const act_addr_t *room);
bool player_hears(const players_t *all, unsigned gate, const act_addr_t *room);
void player_on_moving(players_t *all, act_ctx_t *ctx, unsigned gate, const msg_t *msg);
void player_on_moved(players_t *all, act_ctx_t *ctx, unsigned gate, const msg_t *msg);
void player_look_at_move(players_t *all, act_ctx_t *ctx, player_t *player);
void player_look_at_view(players_t *all, act_ctx_t *ctx, unsigned gate);

/* player_see.c */
/* What it says of the state that it still has. */
void player_say_version(players_t *all, player_t *player, msg_room_join_t *join);
void player_on_joined(players_t *all, act_ctx_t *ctx, player_t *player, const msg_room_joined_t *body);
void player_on_delta(players_t *all, unsigned gate, const msg_gateway_delta_t *body);
void player_on_state(players_t *all, const msg_gateway_state_t *body);
/* Now and then it does not read for a while, and then asks for the whole. */
void player_live_slow(players_t *all, act_ctx_t *ctx, player_t *player);

#endif
