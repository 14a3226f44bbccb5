/* room_fixture -- a room in the simulator, and its tester in the place of the gateway and the store. */
#ifndef PLAYHOUSE_ROOM_FIXTURE_H
#define PLAYHOUSE_ROOM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "room_state.h"
#include "sim.h"

#define ROOM "plaza/main"

typedef struct fixture {
    sim_t *sim;
    room_config_t config;
    msg_persistence_append_t append; /* the last one taken */
    msg_event_welcome_t welcome;
    msg_event_state_delta_t delta;
} fixture_t;

static inline int
fixture_setup(void **state)
{
    fixture_t *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->config = (room_config_t){
        .delta_msec = 50, .moves_per_second = 20, .chats_per_second = 5, .build = "test-build", .rules = &plaza_rules};
    f->sim = sim_new(7);
    sim_add(f->sim, &room_kind, &f->config);
    *state = f;
    return 0;
}

static inline int
fixture_teardown(void **state)
{
    fixture_t *f = *state;
    sim_destroy(&f->sim);
    free(f);
    return 0;
}

static inline room_t *
fixture_room(fixture_t *f)
{
    return sim_state(f->sim, ACT_KIND_ROOM, ROOM);
}

static inline void
tell_room(fixture_t *f, msg_type_t type, const void *body)
{
    act_addr_t to = {.kind = ACT_KIND_ROOM, .key = ROOM};
    sim_send_to(f->sim, &to, type, body);
}

/* Fails the test when there is none. */
static inline const msg_t *
take(fixture_t *f, msg_type_t type)
{
    const msg_t *msg = sim_take(f->sim, type);
    if (msg == NULL) {
        fail_msg("no %s", msg_infos[type].name);
    }
    return msg;
}

static inline void
none(fixture_t *f, msg_type_t type)
{
    if (sim_take(f->sim, type) != NULL) {
        fail_msg("unexpected %s", msg_infos[type].name);
    }
}

static inline void
forget(fixture_t *f, msg_type_t type)
{
    while (sim_take(f->sim, type) != NULL) {
    }
}

static inline msg_room_peeked_t
peek(fixture_t *f)
{
    sim_ask(f->sim, MSG_ROOM_PEEK, ROOM, &(msg_room_peek_t){0}, 0, 1);
    return *(const msg_room_peeked_t *)take(f, MSG_ROOM_PEEKED)->body;
}

/* Answers load_room with what the room proposed as seed. */
static inline void
loaded(fixture_t *f, int64_t epoch)
{
    const msg_t *msg = take(f, MSG_PERSISTENCE_LOAD_ROOM);
    const msg_persistence_load_room_t *load = msg->body;
    msg_persistence_room_loaded_t body = {.epoch = epoch, .items_len = load->seed_len};
    memcpy(body.room, load->room, sizeof body.room);
    memcpy(body.items, load->seed, sizeof body.items);
    sim_reply(f->sim, msg, MSG_PERSISTENCE_ROOM_LOADED, &body);
}

static inline void
open_room(fixture_t *f)
{
    assert_int_equal(peek(f).state, ROOM_STATE_LOADING);
    loaded(f, 1);
    assert_int_equal(peek(f).state, ROOM_STATE_OPEN);
}

static inline void
ask_join_as(fixture_t *f, int64_t connection, const char *character, format_t format, role_t role)
{
    msg_room_join_t join = {.connection = connection, .role = role, .format = format};
    snprintf(join.session_id, sizeof join.session_id, "s%d", (int)connection);
    snprintf(join.character_id, sizeof join.character_id, "%s", character);
    snprintf(join.name, sizeof join.name, "%s", character);
    sim_ask(f->sim, MSG_ROOM_JOIN, ROOM, &join, 10 * ACT_SEC, (uint64_t)connection);
}

/* It still has the state of `version`, and has had the ack of `sequence`. */
static inline void
ask_join_back(fixture_t *f, int64_t connection, const char *character, int64_t version, int64_t sequence)
{
    msg_room_join_t join = {.connection = connection,
                            .format = FORMAT_MSGPACK,
                            .has_room_version = true,
                            .room_version = version,
                            .has_last_sequence = true,
                            .last_sequence = sequence};
    snprintf(join.session_id, sizeof join.session_id, "s%d", (int)connection);
    snprintf(join.character_id, sizeof join.character_id, "%s", character);
    snprintf(join.name, sizeof join.name, "%s", character);
    sim_ask(f->sim, MSG_ROOM_JOIN, ROOM, &join, 10 * ACT_SEC, (uint64_t)connection);
}

static inline void
ask_join(fixture_t *f, int64_t connection, const char *character)
{
    ask_join_as(f, connection, character, FORMAT_MSGPACK, ROLE_PLAYER);
}

static inline void
member_loaded_muted(fixture_t *f, int64_t sequence, int64_t last_action_id, double x, double y, int64_t muted_until)
{
    const msg_t *msg = take(f, MSG_PERSISTENCE_LOAD_MEMBER);
    msg_persistence_member_loaded_t body = {.sequence = sequence,
                                            .last_action_id = last_action_id,
                                            .has_room = true,
                                            .room = ROOM,
                                            .x = x,
                                            .y = y,
                                            .muted_until = muted_until};
    memcpy(body.character_id, ((const msg_persistence_load_member_t *)msg->body)->character_id,
           sizeof body.character_id);
    sim_reply(f->sim, msg, MSG_PERSISTENCE_MEMBER_LOADED, &body);
}

/* Answers load_member: the character stands at x, y of this room. */
static inline void
member_loaded(fixture_t *f, int64_t sequence, int64_t last_action_id, double x, double y)
{
    member_loaded_muted(f, sequence, last_action_id, x, y, 0);
}

static inline const codec_type_t *
find_any(const char *name, size_t length, uint32_t *type)
{
    *type = msg_type_find(name, length);
    return *type != MSG_NONE ? msg_infos[*type].type : NULL;
}

static inline void
decode(const blob_t *frame, format_t format, msg_type_t expected, void *body)
{
    codec_frame_t in;
    codec_fault_t fault;
    uint32_t type;
    uint64_t action_id;
    codec_frame_open(&in, (codec_format_t)format, frame->data, frame->length);
    int got = codec_frame_next(&in, find_any, &type, body, msg_infos[expected].type->size, &action_id, &fault);
    if (got != 1) {
        fail_msg("%s: %s %s", msg_infos[expected].name, codec_error_text(fault.error), fault.field);
    }
    assert_int_equal(type, expected);
}

/* Takes room.joined; the welcome is left in f->welcome. Returns the handle. */
static inline int64_t
joined(fixture_t *f, int64_t connection, format_t format)
{
    const msg_room_joined_t *body = take(f, MSG_ROOM_JOINED)->body;
    assert_int_equal(body->connection, connection);
    assert_int_not_equal(body->member, 0);
    decode(body->welcome, format, MSG_EVENT_WELCOME, &f->welcome);
    return body->member;
}

static inline int64_t
join_at(fixture_t *f, int64_t connection, const char *character, double x, double y)
{
    ask_join(f, connection, character);
    member_loaded(f, 0, 0, x, y);
    return joined(f, connection, FORMAT_MSGPACK);
}

static inline void
leave(fixture_t *f, int64_t connection, int64_t member)
{
    sim_tell(f->sim, MSG_ROOM_LEAVE, ROOM, &(msg_room_leave_t){.connection = connection, .member = member});
}

static inline void
move(fixture_t *f, int64_t member, int64_t action_id, double x, double y)
{
    msg_room_move_t body = {.connection = 99, .member = member, .action_id = action_id, .x = x, .y = y};
    sim_tell(f->sim, MSG_ROOM_MOVE, ROOM, &body);
}

static inline void
chat(fixture_t *f, int64_t member, int64_t action_id, const char *text)
{
    msg_room_chat_t body = {.connection = 99, .member = member, .action_id = action_id};
    snprintf(body.text, sizeof body.text, "%s", text);
    sim_tell(f->sim, MSG_ROOM_CHAT, ROOM, &body);
}

static inline void
act(fixture_t *f, int64_t member, int64_t action_id, item_action_t action, const char *item, const char *target)
{
    msg_room_action_t body = {.connection = 99, .member = member, .action_id = action_id, .action = action};
    snprintf(body.item_id, sizeof body.item_id, "%s", item);
    body.has_target_id = target != NULL;
    snprintf(body.target_id, sizeof body.target_id, "%s", target != NULL ? target : "");
    sim_tell(f->sim, MSG_ROOM_ACTION, ROOM, &body);
}

/* Takes the oldest append into f->append. */
static inline const msg_persistence_append_t *
appended_next(fixture_t *f)
{
    f->append = *(const msg_persistence_append_t *)take(f, MSG_PERSISTENCE_APPEND)->body;
    return &f->append;
}

static inline void
commit(fixture_t *f, int64_t epoch, int64_t through)
{
    tell_room(f, MSG_PERSISTENCE_APPENDED, &(msg_persistence_appended_t){.epoch = epoch, .through = through});
}

static inline msg_gateway_ack_t
expect_ack(fixture_t *f, int64_t action_id, int64_t sequence)
{
    msg_gateway_ack_t ack = *(const msg_gateway_ack_t *)take(f, MSG_GATEWAY_ACK)->body;
    assert_int_equal(ack.action_id, action_id);
    assert_int_equal(ack.sequence, sequence);
    return ack;
}

static inline void
expect_end(fixture_t *f, int64_t connection, close_code_t close)
{
    const msg_gateway_end_t *body = take(f, MSG_GATEWAY_END)->body;
    assert_int_equal(body->connection, connection);
    assert_string_equal(close_code_names[body->close], close_code_names[close]);
}

static inline void
expect_join_refused(fixture_t *f, int64_t connection, error_code_t code)
{
    const msg_room_refused_t *body = take(f, MSG_ROOM_REFUSED)->body;
    assert_int_equal(body->connection, connection);
    assert_string_equal(error_names[body->code], error_names[code]);
}

static inline void
expect_refused(fixture_t *f, int64_t action_id, error_code_t code)
{
    const msg_gateway_refused_t *body = take(f, MSG_GATEWAY_REFUSED)->body;
    assert_int_equal(body->action_id, action_id);
    assert_string_equal(error_names[body->code], error_names[code]);
    assert_int_equal(body->has_retry_after_ms, error_transient[code]);
}

/* Takes the oldest gateway.delta and reads its frame of one format into f->delta. */
static inline const msg_event_state_delta_t *
delta_next_in(fixture_t *f, format_t format)
{
    const msg_gateway_delta_t *body = take(f, MSG_GATEWAY_DELTA)->body;
    assert_string_equal(body->room, ROOM);
    decode(format == FORMAT_JSON ? body->json : body->msgpack, format, MSG_EVENT_STATE_DELTA, &f->delta);
    return &f->delta;
}

static inline const msg_event_state_delta_t *
delta_next(fixture_t *f)
{
    return delta_next_in(f, FORMAT_MSGPACK);
}

/* Lets the room say all it has to say, and forgets it. */
static inline void
settle(fixture_t *f)
{
    sim_advance(f->sim, 100 * ACT_MSEC);
    forget(f, MSG_GATEWAY_DELTA);
}

#endif
