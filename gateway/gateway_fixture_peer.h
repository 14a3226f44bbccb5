/* gateway_fixture_peer -- for tests: WebSockets as their clients see them, and what admission, queue and rooms answer.
 * Included by gateway_fixture.h. */
#ifndef PLAYHOUSE_GATEWAY_FIXTURE_PEER_H
#define PLAYHOUSE_GATEWAY_FIXTURE_PEER_H

#include "gateway_fixture.h"

static inline peer_t *
peer_open_from(house_t *house, codec_format_t format, uint8_t last_byte)
{
    peer_t *peer = calloc(1, sizeof(*peer));
    assert_non_null(peer);
    uint8_t address[WIRE_ADDRESS_BYTES] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last_byte};
    act_enter(house->ctx);
    peer->handle = gateway_open(house->gateway, peer, format, address);
    act_leave(house->ctx);
    sim_run(house->sim);
    return peer;
}

static inline peer_t *
peer_open(house_t *house, codec_format_t format)
{
    return peer_open_from(house, format, 1);
}

static inline void
peer_data(house_t *house, peer_t *peer, const void *data, size_t length, bool first, bool last, bool binary)
{
    act_enter(house->ctx);
    gateway_data(house->gateway, peer->handle, data, length, first, last, binary);
    act_leave(house->ctx);
    sim_run(house->sim);
}

static inline void
peer_say(house_t *house, peer_t *peer, const char *json)
{
    peer_data(house, peer, json, strlen(json), true, true, false);
}

/* The next frame, as the socket would take it; NULL when there is none. */
static inline const char *
peer_hear(house_t *house, peer_t *peer)
{
    size_t length;
    bool more;
    act_enter(house->ctx);
    const uint8_t *frame = peer->wants ? gateway_take(house->gateway, peer->handle, &length, &more) : NULL;
    if (frame != NULL) {
        assert_true(length < sizeof(peer->heard));
        memcpy(peer->heard, frame, length);
        peer->heard[length] = '\0';
        peer->heard_length = length;
        peer->wants = more;
    } else {
        peer->wants = false;
    }
    act_leave(house->ctx);
    sim_run(house->sim);
    return frame != NULL ? peer->heard : NULL;
}

static inline void
peer_gone(house_t *house, peer_t **peer_p)
{
    act_enter(house->ctx);
    gateway_closed(house->gateway, (*peer_p)->handle);
    act_leave(house->ctx);
    sim_run(house->sim);
    free(*peer_p);
    *peer_p = NULL;
}

static inline void
assert_heard(house_t *house, peer_t *peer, const char *part)
{
    const char *heard = peer_hear(house, peer);
    if (heard == NULL || memmem(heard, peer->heard_length, part, strlen(part)) == NULL) { /* msgpack has NULs */
        fail_msg("wanted %s, heard %s", part, heard != NULL ? heard : "nothing");
    }
}

static inline void
assert_silent(house_t *house, peer_t *peer)
{
    const char *heard = peer_hear(house, peer);
    if (heard != NULL) {
        fail_msg("wanted nothing, heard %s", heard);
    }
}

/* What admission answers when it lets a client in. */
static inline msg_admission_entered_t
entered_body(const char *session_id, const char *room, int64_t turn)
{
    msg_admission_entered_t entered = {.user_id = "auth0|someone",
                                       .name = "Ann",
                                       .role = ROLE_PLAYER,
                                       .character_id = "c1",
                                       .turn = turn,
                                       .reconnect_token = NEXT_TOKEN,
                                       .grace_seconds = 60};
    snprintf(entered.session_id, sizeof(entered.session_id), "%s", session_id);
    snprintf(entered.room, sizeof(entered.room), "%s", room);
    return entered;
}

/* Shows a ticket; what admission was asked, by its head. */
static inline msg_t
peer_show(house_t *house, peer_t *peer)
{
    uint8_t join[256];
    msg_session_join_t body = {.has_ticket = true, .ticket = TICKET, .build = "b1"};
    codec_format_t format = (codec_format_t)session_find(house->gateway, peer->handle)->format;
    size_t length = codec_encode(format, &type_session_join, "session.join", &body, join, sizeof(join));
    peer_data(house, peer, join, length, true, true, format == CODEC_MSGPACK);
    const msg_t *ask = sim_take(house->sim, MSG_ADMISSION_ENTER);
    assert_non_null(ask);
    assert_string_equal(ask->key, "plaza");
    const msg_admission_enter_t *enter = ask->body;
    assert_string_equal(enter->secret, TICKET);
    assert_string_equal(enter->holder, house->gateway->session_prefix);
    assert_int_equal(enter->connection, peer->handle);
    return *ask;
}

/* Admission lets the ticket of `peer` in, with the end of its access token, ms since 1970. */
static inline void
peer_enter_until(house_t *house, peer_t *peer, int64_t auth_until)
{
    msg_t ask = peer_show(house, peer);
    msg_admission_entered_t entered = entered_body("s1", "plaza/main", TURN);
    entered.auth_until = auth_until;
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
}

/* Admission lets the ticket of `peer` in as a session of `room`. */
static inline void
peer_enter(house_t *house, peer_t *peer, const char *session_id, const char *room, role_t role)
{
    msg_t ask = peer_show(house, peer);
    msg_admission_entered_t entered = entered_body(session_id, room, TURN);
    entered.role = role;
    sim_reply(house->sim, &ask, MSG_ADMISSION_ENTERED, &entered);
}

/* The room that was asked takes `peer` in. */
static inline void
peer_let_in(house_t *house, peer_t *peer, int64_t member)
{
    const msg_t *ask = sim_take(house->sim, MSG_ROOM_JOIN);
    assert_non_null(ask);
    msg_room_joined_t joined = {.connection = (int64_t)peer->handle,
                                .member = member,
                                .has_welcome = true,
                                .welcome = blob_new("{\"welcome\":1}", 13)};
    sim_reply(house->sim, ask, MSG_ROOM_JOINED, &joined);
    blob_release(&joined.welcome);
}

/* All the way into a room; its welcome is taken. */
static inline peer_t *
peer_join(house_t *house, codec_format_t format, const char *session_id, const char *room, int64_t member)
{
    peer_t *peer = peer_open(house, format);
    peer_enter(house, peer, session_id, room, ROLE_PLAYER);
    peer_let_in(house, peer, member);
    assert_heard(house, peer, "{\"welcome\":1}");
    return peer;
}

/* Shows the token of a place in the queue; the queue takes it with `turn`, and its next token is heard. */
static inline peer_t *
peer_watch(house_t *house, codec_format_t format, const char *session_id, int64_t turn)
{
    peer_t *peer = peer_open(house, format);
    uint8_t watch[256];
    msg_queue_watch_t body = {.queue_token = TOKEN, .build = "b1"};
    size_t length = codec_encode(format, &type_queue_watch, "queue.watch", &body, watch, sizeof(watch));
    peer_data(house, peer, watch, length, true, true, format == CODEC_MSGPACK);
    const msg_t *ask = sim_take(house->sim, MSG_QUEUE_ATTACH);
    assert_non_null(ask);
    assert_string_equal(ask->key, "plaza");
    const msg_queue_attach_t *attach = ask->body;
    assert_string_equal(attach->secret, TOKEN);
    assert_string_equal(attach->holder, house->gateway->session_prefix);
    assert_int_equal(attach->connection, peer->handle);
    msg_queue_attached_t attached = {
        .user_id = "auth0|someone", .turn = turn, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
    snprintf(attached.session_id, sizeof(attached.session_id), "%s", session_id);
    sim_reply(house->sim, ask, MSG_QUEUE_ATTACHED, &attached);
    assert_heard(house, peer, NEXT_TOKEN);
    return peer;
}

/* What the next message kept for the tester says of a session: that its connection dropped, that it is over, or that
 * it watches no more. There is one, and no more of these. */
static inline void
assert_let_go(house_t *house, msg_type_t type, const char *instance, const char *session_id, int64_t turn)
{
    static const msg_type_t types[] = {MSG_ADMISSION_DROP, MSG_ADMISSION_LEAVE, MSG_QUEUE_DETACH};
    const msg_t *msg = sim_take(house->sim, type);
    assert_non_null(msg);
    assert_string_equal(msg->key, instance);
    if (type == MSG_ADMISSION_DROP) {
        const msg_admission_drop_t *drop = msg->body;
        assert_string_equal(drop->session_id, session_id);
        assert_int_equal(drop->turn, turn);
    } else if (type == MSG_ADMISSION_LEAVE) {
        const msg_admission_leave_t *leave = msg->body;
        assert_string_equal(leave->session_id, session_id);
        assert_int_equal(leave->turn, turn);
    } else {
        const msg_queue_detach_t *detach = msg->body;
        assert_string_equal(detach->session_id, session_id);
        assert_int_equal(detach->turn, turn);
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_null(sim_take(house->sim, types[i]));
    }
}

static inline void
assert_closed(const peer_t *peer, close_code_t why)
{
    assert_int_equal(peer->close_code, close_code_numbers[why]);
}

#endif
