#include "player_state.h"

#include <string.h>

#include "send.h"

enum { PLAYER_TIMER_TICK, PLAYER_TIMER_BEAT };

enum {
    PLAYER_TICK_LEAVING_USEC = 100 * ACT_MSEC,
    PLAYER_BEAT_USEC = 1 * ACT_SEC,
};

typedef struct player_actor {
    players_t *all;
    unsigned gate;
} player_actor_t;

client_t *
players_client(const players_t *self, int player)
{
    return (client_t *)&self->clients[player < CHARACTERS ? player : CHARACTERS - 1];
}

bool
player_chance(act_ctx_t *ctx, unsigned percent)
{
    return act_random(ctx) % 100 < percent;
}

void
player_enter(player_t *player, act_ctx_t *ctx, player_state_t state)
{
    player->state = state;
    player->since = act_now(ctx);
}

player_t *
player_of_connection(players_t *all, int64_t connection)
{
    for (int i = 0; i < PLAYERS; i++) {
        if (all->players[i].connection == (uint64_t)connection && all->players[i].state >= PLAYER_ATTACHING) {
            return &all->players[i];
        }
    }
    return NULL;
}

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
        if (!player_settle(all, ctx, player, msg)) {
            return;
        }
        (player->state == PLAYER_IN ? player_on_rejoined : player_on_joined)(all, ctx, player, msg->body);
        return;
    case MSG_ROOM_REFUSED:
        player_on_room_refused(all, ctx, player, msg->body);
        return;
    default: /* refused, or nobody answered */
        player_drop(all, player, ctx);
        return;
    }
}

static void
player_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    players_t *all = ((player_actor_t *)state)->all;
    unsigned gate = ((player_actor_t *)state)->gate;
    switch (msg->type) {
    case MSG_GATEWAY_ROOM_MOVING:
        player_on_moving(all, ctx, gate, msg);
        return;
    case MSG_GATEWAY_ROOM_MOVED:
        player_on_moved(all, ctx, gate, msg);
        return;
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
        player_on_report(all, ctx, gate, msg);
        return;
    case MSG_GATEWAY_DELTA:
        if (player_takes_delta(all, ctx, gate, &msg->from)) {
            player_on_delta(all, gate, msg->body);
        }
        return;
    case MSG_GATEWAY_STATE:
        player_on_state(all, msg->body);
        return;
    case MSG_GATEWAY_NOTICE:
        return;
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
    player_live_slow(all, ctx, player);
    if (dice < 300) {
        player_act(all, ctx, i);
    } else if (dice < 340) {
        player_resend(all, ctx, i);
    } else if (all->quiet) {
        return;
    } else if (dice < 343) {
        player_leave(all, player, ctx);
    } else if (dice < 347) {
        player_drop(all, player, ctx);
    }
}

static void
player_live(players_t *all, act_ctx_t *ctx, int i)
{
    player_t *player = &all->players[i];
    player_look_at_move(all, ctx, player);
    if (all->leaving) {
        if (player->state == PLAYER_IN || player->state == PLAYER_WAITING) {
            player_leave(all, player, ctx);
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
            player_drop(all, player, ctx);
        } else if (dice < 4) {
            player_leave(all, player, ctx);
        }
    } else if (player->state == PLAYER_IN) {
        player_live_in(all, ctx, i);
    }
}

static void
player_expire(void *state, act_ctx_t *ctx, int timer)
{
    players_t *all = ((player_actor_t *)state)->all;
    unsigned gate = ((player_actor_t *)state)->gate;
    if (timer == PLAYER_TIMER_BEAT) {
        msg_admission_beat_t beat;
        player_holder(&all->gates[gate], beat.holder);
        send_admission_beat(ctx, "plaza", &beat);
        act_timer_start(ctx, timer, PLAYER_BEAT_USEC);
        return;
    }
    for (unsigned i = gate; i < PLAYERS; i += all->gates_count) {
        player_live(all, ctx, (int)i);
    }
    act_timer_start(ctx, timer, all->leaving ? PLAYER_TICK_LEAVING_USEC : all->tick_usec);
}

/* Also when the gateway has crashed: every connection is gone, and every client has its token. */
static bool
player_init(void *state, act_ctx_t *ctx, const void *config)
{
    const player_config_t *mine = config;
    players_t *all = mine->all;
    *(player_actor_t *)state = (player_actor_t){.all = all, .gate = mine->gate};
    all->gates[mine->gate] = (gate_t){.incarnation = ++all->incarnation};
    for (unsigned i = mine->gate; i < PLAYERS; i += all->gates_count) {
        player_t *player = &all->players[i];
        player->life++;
        player->connection = 0;
        player->held = player->ask_again = false;
        player->kept_count = 0;
        player->away_at = act_now(ctx);
        player_enter(player, ctx, player->secret[0] != '\0' ? PLAYER_AWAY : PLAYER_IDLE);
    }
    act_timer_start(ctx, PLAYER_TIMER_TICK, all->tick_usec);
    act_timer_start(ctx, PLAYER_TIMER_BEAT, 0);
    return true;
}

static void
player_view(void *state, act_ctx_t *ctx)
{
    const player_actor_t *self = state;
    player_look_at_view(self->all, ctx, self->gate);
}

const act_kind_t player_kind = {
    .id = ACT_KIND_GATEWAY,
    .name = "player",
    .keying = ACT_SHARDED,
    .state_size = sizeof(player_actor_t),
    .init = player_init,
    .receive = player_receive,
    .expire = player_expire,
    .view = player_view,
};
