/* gateway_fixture -- for tests: a gateway in the simulator, with a wire that only remembers. */
#ifndef PLAYHOUSE_GATEWAY_FIXTURE_H
#define PLAYHOUSE_GATEWAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "sim.h"

#define TICKET "0123456789012345678901234567890123456789abc"
#define TOKEN "the-token-of-the-session-or-place-789012xyz"      /* a reconnect token that a client shows */
#define NEXT_TOKEN "the-next-token-of-session-or-place-90123xyz" /* the one it is given then */

enum { TURN = 41 }; /* of sessions that entered, unless a test says otherwise */

/* One WebSocket as its client sees it. */
typedef struct peer {
    uint64_t handle;
    bool wants; /* the gateway has something to write */
    unsigned close_code;
    const char *close_text;
    char heard[65536]; /* the last frame, NUL-terminated */
    size_t heard_length;
} peer_t;

/* One HTTP exchange as its client sees it. */
typedef struct call {
    uint64_t handle;
    bool gone;
    unsigned answers, status, retry_seconds;
    bool authenticate;
    size_t length;
    char allow[32], body[16384]; /* as much as fits */
} call_t;

typedef struct house {
    sim_t *sim;
    config_t *values;
    gateway_config_t config;
    gateway_t *gateway;
    act_ctx_t *ctx;
} house_t;

static void *
wire_start(gateway_t *gateway, act_ctx_t *ctx, const struct gateway_config *config)
{
    (void)ctx;
    house_t *house = config->wire_config;
    house->gateway = gateway;
    return house;
}

static void
wire_stop(void *self)
{
    ((house_t *)self)->gateway = NULL;
}

static void
wire_want_write(void *conn)
{
    ((peer_t *)conn)->wants = true;
}

static void
wire_close(void *conn, unsigned code, const char *text)
{
    peer_t *peer = conn;
    assert_int_equal(peer->close_code, 0);
    peer->close_code = code;
    peer->close_text = text;
}

static void
wire_answer(void *conn, const wire_answer_t *answer)
{
    call_t *call = conn;
    call->answers++;
    call->status = answer->status;
    call->retry_seconds = answer->retry_seconds;
    call->authenticate = answer->authenticate;
    snprintf(call->allow, sizeof(call->allow), "%s", answer->allow != NULL ? answer->allow : "");
    call->length = answer->length;
    snprintf(call->body, sizeof(call->body), "%.*s", (int)answer->length, (const char *)answer->body);
}

static bool
wire_gone(void *conn)
{
    return ((const call_t *)conn)->gone;
}

static const wire_t fixture_wire = {.start = wire_start,
                                    .stop = wire_stop,
                                    .want_write = wire_want_write,
                                    .close = wire_close,
                                    .answer = wire_answer,
                                    .gone = wire_gone};

/* `flags`: an argv, with "--key=value" words; NULL: the defaults. */
static inline house_t *
house_new_of(char **flags, const char *const *instances)
{
    house_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->values = config_new();
    int count = 0;
    while (flags != NULL && flags[count] != NULL) {
        count++;
    }
    assert_true(count == 0 || config_load_flags(self->values, &count, flags, stderr));
    self->config = (gateway_config_t){
        .config = self->values, .build = "b1", .wire = &fixture_wire, .wire_config = self, .instances = instances};
    self->sim = sim_new(11);
    sim_add(self->sim, &gateway_kind, &self->config);
    self->ctx = sim_ctx(self->sim, ACT_KIND_GATEWAY, "");
    assert_non_null(self->gateway);
    sim_run(self->sim);
    return self;
}

/* How many messages are kept for the tester, beats left out. */
static inline size_t
house_kept(house_t *self)
{
    while (sim_take(self->sim, MSG_ADMISSION_BEAT) != NULL) {
    }
    return sim_kept(self->sim);
}

/* Says `type` to the gateway as the actor that hears `hearer` would. */
static inline void
house_tell_as(house_t *self, msg_type_t hearer, msg_type_t type, const void *body)
{
    msg_t head = {.type = hearer, .from = act_self(self->ctx)};
    sim_reply(self->sim, &head, type, body);
}

static inline house_t *
house_new(char **flags)
{
    static const char *const instances[] = {"plaza", "arena", NULL};
    return house_new_of(flags, instances);
}

static inline void
house_destroy(house_t *self)
{
    sim_destroy(&self->sim);
    config_destroy(&self->values);
    free(self);
}

static inline int
house_setup(void **state)
{
    *state = house_new(NULL);
    return 0;
}

static inline int
house_teardown(void **state)
{
    house_destroy(*state);
    return 0;
}

/* ---- WebSockets ---- */

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
    msg_room_joined_t joined = {
        .connection = (int64_t)peer->handle, .member = member, .welcome = blob_new("{\"welcome\":1}", 13)};
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

/* ---- HTTP ---- */

static inline void
call_send(house_t *house, call_t *call, wire_request_t request)
{
    memset(call, 0, sizeof(*call));
    request.conn = call;
    request.authorization = request.authorization != NULL ? request.authorization : "";
    request.content_type = request.content_type != NULL ? request.content_type : "";
    request.query = request.query != NULL ? request.query : "";
    request.host = request.host != NULL ? request.host : "";
    request.origin = request.origin != NULL ? request.origin : "";
    act_enter(house->ctx);
    call->handle = gateway_http(house->gateway, &request);
    act_leave(house->ctx);
    sim_run(house->sim);
}

static inline void
call_get(house_t *house, call_t *call, const char *path)
{
    call_send(house, call, (wire_request_t){.path = path, .authorization = "Bearer good"});
}

static inline void
call_post(house_t *house, call_t *call, const char *path, const char *json)
{
    call_send(house, call,
              (wire_request_t){.method = WIRE_POST,
                               .path = path,
                               .authorization = "Bearer good",
                               .content_type = "application/json",
                               .body = (const uint8_t *)json,
                               .length = strlen(json)});
}

/* Auth finds the token good. */
static inline void
call_verify(house_t *house)
{
    const msg_t *ask = sim_take(house->sim, MSG_AUTH_VERIFY);
    assert_non_null(ask);
    assert_string_equal(((const msg_auth_verify_t *)ask->body)->token, "good");
    msg_auth_verified_t verified = {.user_id = "auth0|someone", .role = ROLE_PLAYER, .expires_at = 1};
    sim_reply(house->sim, ask, MSG_AUTH_VERIFIED, &verified);
}

static inline void
assert_answer(const call_t *call, unsigned status, const char *part)
{
    assert_int_equal(call->answers, 1);
    if (call->status != status || strstr(call->body, part) == NULL) {
        fail_msg("wanted %u with %s, got %u with %s", status, part, call->status, call->body);
    }
}

#endif
