/* Clients, admission, queue and rooms do whatever they like, in time or late; a ledger says what was given, and at the
 * end each of it has been let go of once. */
#include "gateway_fixture.h"

enum { PEERS = 6, ASKS = 64, GIVEN_MAX = 8192, STEPS = 12000 };

/* A hold on a session, or (turn 0) a member of a room. */
typedef struct given {
    bool excused; /* nobody has to be told: it was ended from there, or went on into another hold */
    unsigned let_go;
} given_t;

typedef struct ask {
    msg_t head;
    int64_t connection;
} ask_t;

typedef struct ledger {
    house_t *house;
    peer_t *peers[PEERS];
    ask_t asks[ASKS];
    size_t asks_count;
    given_t holds[GIVEN_MAX], members[GIVEN_MAX]; /* by turn, by member */
    int64_t holds_count, members_count;
} ledger_t;

static uint64_t
draw(ledger_t *self, uint64_t below)
{
    return sim_random(self->house->sim) % below;
}

static void
session_id_of(int64_t turn, char id[25])
{
    snprintf(id, 25, "s%d", (int)turn);
}

static void
ledger_keep_ask(ledger_t *self, const msg_t *msg, int64_t connection)
{
    if (self->asks_count < ASKS) { /* else nobody ever answers it */
        self->asks[self->asks_count++] = (ask_t){.head = *msg, .connection = connection};
    }
}

static void
ledger_let_go(given_t *all, int64_t count, const char *session_id, int64_t which)
{
    char wanted[25];
    session_id_of(which, wanted);
    assert_true(which >= 1 && which <= count);
    assert_true(session_id == NULL || strcmp(session_id, wanted) == 0);
    all[which].let_go++;
}

/* Reads what the gateway has said. */
static void
ledger_hear(ledger_t *self)
{
    const msg_t *msg;
    while ((msg = sim_take(self->house->sim, MSG_NONE)) != NULL) {
        if (msg->type == MSG_ADMISSION_ENTER) {
            ledger_keep_ask(self, msg, ((const msg_admission_enter_t *)msg->body)->connection);
        } else if (msg->type == MSG_QUEUE_ATTACH) {
            ledger_keep_ask(self, msg, ((const msg_queue_attach_t *)msg->body)->connection);
        } else if (msg->type == MSG_ROOM_JOIN) {
            ledger_keep_ask(self, msg, ((const msg_room_join_t *)msg->body)->connection);
        } else if (msg->type == MSG_ADMISSION_DROP) {
            const msg_admission_drop_t *drop = msg->body;
            ledger_let_go(self->holds, self->holds_count, drop->session_id, drop->turn);
        } else if (msg->type == MSG_ADMISSION_LEAVE) {
            const msg_admission_leave_t *leave = msg->body;
            ledger_let_go(self->holds, self->holds_count, leave->session_id, leave->turn);
        } else if (msg->type == MSG_QUEUE_DETACH) {
            const msg_queue_detach_t *detach = msg->body;
            ledger_let_go(self->holds, self->holds_count, detach->session_id, detach->turn);
        } else if (msg->type == MSG_ROOM_LEAVE) {
            const msg_room_leave_t *leave = msg->body;
            ledger_let_go(self->members, self->members_count, NULL, leave->member);
        }
    }
}

static void
ledger_answer_enter(ledger_t *self, const ask_t *ask)
{
    if (draw(self, 4) == 0) {
        msg_admission_refused_t refused = {.fault = (secret_fault_t)draw(self, SECRET_FAULT_COUNT)};
        sim_reply(self->house->sim, &ask->head, MSG_ADMISSION_REFUSED, &refused);
        return;
    }
    const session_t *session = session_find(self->house->gateway, (uint64_t)ask->connection);
    int64_t watched = session != NULL ? session->turn : 0;
    char id[25];
    session_id_of(++self->holds_count, id);
    msg_admission_entered_t entered =
        entered_body(id, draw(self, 2) ? "plaza/main" : "plaza/main-2", self->holds_count);
    sim_reply(self->house->sim, &ask->head, MSG_ADMISSION_ENTERED, &entered);
    session = session_find(self->house->gateway, (uint64_t)ask->connection);
    if (watched != 0 && session != NULL && session->turn == self->holds_count) {
        self->holds[watched].excused = true;
    }
}

static void
ledger_answer_attach(ledger_t *self, const ask_t *ask)
{
    if (draw(self, 4) == 0) {
        msg_queue_refused_t refused = {.fault = (secret_fault_t)draw(self, SECRET_FAULT_COUNT)};
        sim_reply(self->house->sim, &ask->head, MSG_QUEUE_REFUSED, &refused);
        return;
    }
    msg_queue_attached_t attached = {
        .user_id = "u", .turn = ++self->holds_count, .reconnect_token = NEXT_TOKEN, .grace_seconds = 60};
    session_id_of(self->holds_count, attached.session_id);
    sim_reply(self->house->sim, &ask->head, MSG_QUEUE_ATTACHED, &attached);
}

static void
ledger_answer_room(ledger_t *self, const ask_t *ask)
{
    if (draw(self, 4) == 0) {
        msg_room_refused_t refused = {.connection = ask->connection, .code = ERROR_ROOM_FULL};
        sim_reply(self->house->sim, &ask->head, MSG_ROOM_REFUSED, &refused);
        return;
    }
    msg_room_joined_t joined = {.connection = ask->connection,
                                .member = ++self->members_count,
                                .has_welcome = true,
                                .welcome = blob_new("{}", 2)};
    sim_reply(self->house->sim, &ask->head, MSG_ROOM_JOINED, &joined);
    blob_release(&joined.welcome);
}

/* One of the questions, new or old, gets its answer, at times twice. */
static void
ledger_answer(ledger_t *self)
{
    if (self->asks_count == 0) {
        return;
    }
    assert_true(self->holds_count + 1 < GIVEN_MAX && self->members_count + 1 < GIVEN_MAX);
    size_t which = draw(self, 3) ? self->asks_count - 1 : draw(self, self->asks_count);
    ask_t ask = self->asks[which];
    if (draw(self, 16) != 0) {
        self->asks[which] = self->asks[--self->asks_count];
    }
    if (ask.head.type == MSG_ADMISSION_ENTER) {
        ledger_answer_enter(self, &ask);
    } else if (ask.head.type == MSG_QUEUE_ATTACH) {
        ledger_answer_attach(self, &ask);
    } else {
        ledger_answer_room(self, &ask);
    }
}

static void
ledger_end(ledger_t *self, const peer_t *peer)
{
    static const msg_type_t as[] = {MSG_ADMISSION_ENTER, MSG_QUEUE_ATTACH, MSG_ROOM_JOIN};
    msg_type_t hearer = as[draw(self, 3)];
    const session_t *session = session_find(self->house->gateway, peer->handle);
    if (hearer == MSG_ROOM_JOIN) {
        if (session->member != 0) {
            self->members[session->member].excused = true;
        }
    } else if (session->turn != 0) {
        self->holds[session->turn].excused = true;
    }
    msg_gateway_end_t end = {.connection = (int64_t)peer->handle, .close = CLOSE_CODE_REPLACED};
    house_tell_as(self->house, hearer, MSG_GATEWAY_END, &end);
}

static void
ledger_client(ledger_t *self, peer_t **slot)
{
    static const char *const says[] = {
        "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"build\":\"b1\"}",
        "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"build\":\"b1\"}",
        "{\"type\":\"session.join\",\"reconnectToken\":\"" TOKEN "\",\"build\":\"b1\"}",
        "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}",
        "{\"type\":\"queue.watch\",\"queueToken\":\"" TOKEN "\",\"build\":\"b1\"}",
        "{\"type\":\"session.join\",\"ticket\":\"" TICKET "\",\"build\":\"b0\"}",
        "{\"type\":\"session.leave\"}",
        "{\"type\":\"intent.move\",\"actionId\":1,\"x\":1,\"y\":1}",
    };
    if (*slot == NULL) {
        *slot = peer_open(self->house, CODEC_JSON);
    } else if ((*slot)->close_code != 0 || draw(self, 12) == 0) {
        peer_gone(self->house, slot);
    } else {
        peer_say(self->house, *slot, says[draw(self, sizeof(says) / sizeof(says[0]))]);
    }
}

static void
ledger_step(ledger_t *self)
{
    peer_t **slot = &self->peers[draw(self, PEERS)];
    uint64_t what = draw(self, 20);
    if (what < 8) {
        ledger_client(self, slot);
    } else if (what < 15) {
        ledger_answer(self);
    } else if (what < 16 && *slot != NULL) {
        ledger_end(self, *slot);
    } else if (what < 17 && *slot != NULL) {
        msg_gateway_admitted_t admitted = {.connection = (int64_t)(*slot)->handle, .seconds = 30};
        house_tell_as(self->house, MSG_QUEUE_ATTACH, MSG_GATEWAY_ADMITTED, &admitted);
    } else if (what < 18) {
        msg_gateway_notice_t notice = {.instance = "plaza", .degraded = draw(self, 2)};
        house_tell_as(self->house, MSG_ADMISSION_BEAT, MSG_GATEWAY_NOTICE, &notice);
    } else {
        sim_advance(self->house->sim, (act_usec_t)draw(self, 3 * ACT_SEC));
    }
    if (*slot != NULL && draw(self, 4) != 0) {
        (void)peer_hear(self->house, *slot);
    }
    ledger_hear(self);
}

/* What connections hold now is what is neither let go of nor excused, and every such thing is held. */
static void
ledger_check(const ledger_t *self)
{
    for (int64_t turn = 1; turn <= self->holds_count; turn++) {
        const given_t *given = &self->holds[turn];
        bool held = false;
        for (uint32_t slot = 0; slot < self->house->gateway->sessions_used; slot++) {
            held = held || self->house->gateway->sessions[slot].turn == turn;
        }
        assert_int_equal(held + given->let_go + given->excused, 1);
    }
    for (int64_t member = 1; member <= self->members_count; member++) {
        const given_t *given = &self->members[member];
        bool held = false;
        for (uint32_t slot = 0; slot < self->house->gateway->sessions_used; slot++) {
            held = held || self->house->gateway->sessions[slot].member == member;
        }
        assert_int_equal(held + given->let_go + given->excused, 1);
    }
}

static void
whatever_is_given_is_held_or_let_go_of_once(void **state)
{
    ledger_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->house = *state;
    for (int step = 0; step < STEPS; step++) {
        ledger_step(self);
        if (step % 100 == 0) {
            ledger_check(self);
        }
    }
    for (size_t i = 0; i < PEERS; i++) {
        if (self->peers[i] != NULL) {
            peer_gone(self->house, &self->peers[i]);
        }
    }
    ledger_hear(self);
    while (self->asks_count > 0) {
        ledger_answer(self);
        ledger_hear(self);
    }
    ledger_check(self);
    assert_true(self->holds_count > 500 && self->members_count > 100);
    assert_int_equal(sim_metric(self->house->sim, METRIC_CONNECTIONS, 0), 0);
    free(self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_is_given_is_held_or_let_go_of_once, house_setup, house_teardown),
    };
    return cmocka_run_group_tests_name("session_ledger", tests, NULL, NULL);
}
