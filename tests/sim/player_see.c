/* What is shown: frames are read with the codec, as a client reads them, and make the view. */
#include "player_state.h"

#include <string.h>

#include "codec.h"
#include "send.h"

enum { PLAYER_RESYNC_USEC = 1 * ACT_SEC, PLAYER_SLOW_USEC = 1 * ACT_SEC };

typedef struct hearer {
    players_t *all;
    int player;
} hearer_t;

static void
player_hear(void *me, const obj_chat_line_t *line)
{
    hearer_t *hearer = me;
    hearer->all->on_line(hearer->all->world, hearer->player, line);
}

static const codec_type_t *
player_find_type(const char *name, size_t length, uint32_t *type)
{
    *type = msg_type_find(name, length);
    return *type != MSG_NONE ? msg_infos[*type].type : NULL;
}

/* A frame of one message that must be of this type. */
static bool
player_read(players_t *all, const blob_t *blob, format_t format, msg_type_t expected, void *body)
{
    codec_frame_t frame;
    codec_fault_t fault;
    uint32_t type;
    uint64_t action_id;
    codec_frame_open(&frame, (codec_format_t)format, blob->data, blob->length);
    int read =
        codec_frame_next(&frame, player_find_type, &type, body, msg_infos[expected].type->size, &action_id, &fault);
    if (read != 1 || type != (uint32_t)expected) {
        all->on_breach(all->world, "B4: a frame that cannot be read");
        return false;
    }
    return true;
}

static void
player_take(players_t *all, const char *breach)
{
    if (breach != NULL) {
        all->on_breach(all->world, breach);
    }
}

void
player_say_version(players_t *all, player_t *player, msg_room_join_t *join)
{
    player->said_version = -1;
    if (player->view.known && strcmp(player->view.room, player->room) == 0) {
        player->said_version = player->view.version;
        join->has_room_version = join->has_last_sequence = true;
        join->room_version = player->view.version;
        join->last_sequence = players_client(all, (int)(player - all->players))->last_sequence;
    }
}

void
player_on_joined(players_t *all, act_ctx_t *ctx, player_t *player, const msg_room_joined_t *body)
{
    static msg_event_welcome_t welcome; /* large */
    hearer_t hearer = {.all = all, .player = (int)(player - all->players)};
    if (!player_read(all, body->welcome, player->format, MSG_EVENT_WELCOME, &welcome)) {
        return;
    }
    player->member = body->member;
    player_enter(player, ctx, PLAYER_IN);
    player_take(all, view_welcome(&player->view, &welcome, player->said_version, player_hear, &hearer));
    all->by_changes += welcome.has_changes;
    all->by_snapshot += player->said_version >= 0 && welcome.has_snapshot;
    all->lost += welcome.has_chats_lost;
    if (welcome.sequence < players_client(all, hearer.player)->last_sequence) {
        all->on_breach(all->world, "B12: an acknowledged action is lost");
    }
    player_resend(all, ctx, hearer.player);
}

void
player_on_delta(players_t *all, unsigned gate, const msg_gateway_delta_t *body)
{
    static msg_event_state_delta_t deltas[2]; /* large */
    bool read[2] = {false};
    for (int i = 0; i < PLAYERS; i++) {
        player_t *player = &all->players[i];
        if (player_gate(all, player) != &all->gates[gate] || player->state != PLAYER_IN || player->slow ||
            strcmp(player->room, body->room) != 0) {
            continue;
        }
        const blob_t *blob = player->format == FORMAT_JSON ? body->json : body->msgpack;
        if (blob == NULL) {
            player->slow = true; /* the room does not know of it: the whole makes it good, or ends it */
            player->resync_at = 0;
            continue;
        }
        msg_event_state_delta_t *delta = &deltas[player->format];
        if (!read[player->format] && !player_read(all, blob, player->format, MSG_EVENT_STATE_DELTA, delta)) {
            return;
        }
        read[player->format] = true;
        hearer_t hearer = {.all = all, .player = i};
        player_take(all, view_delta(&player->view, delta, player_hear, &hearer));
    }
}

void
player_on_state(players_t *all, const msg_gateway_state_t *body)
{
    static msg_event_state_delta_t whole; /* large */
    player_t *player = player_of_connection(all, body->connection);
    if (player == NULL || player->state != PLAYER_IN || !player->slow || player->resync_at == 0 ||
        !player_read(all, body->frame, player->format, MSG_EVENT_STATE_DELTA, &whole)) {
        return;
    }
    hearer_t hearer = {.all = all, .player = (int)(player - all->players)};
    player->slow = false;
    player_take(all, view_delta(&player->view, &whole, player_hear, &hearer));
}

void
player_live_slow(players_t *all, act_ctx_t *ctx, player_t *player)
{
    act_usec_t now = act_now(ctx);
    if (player->held) {
        return;
    }
    if (!player->slow) {
        /* Not so soon that an answer to an earlier question could be taken for one to a later. */
        if (!all->quiet && now - player->slow_at > PLAYER_SLOW_USEC && act_random(ctx) % 1000 < 3) {
            player->slow = true;
            player->slow_at = now;
            player->resync_at = 0;
        }
    } else if (player->resync_at == 0 ? player_chance(ctx, 5) : now - player->resync_at > PLAYER_RESYNC_USEC) {
        msg_room_resync_t resync = {.connection = (int64_t)player->connection, .member = player->member};
        player->slow_at = player->resync_at = now;
        send_to_room_resync(ctx, &player_gate(all, player)->room, &resync);
    }
}
