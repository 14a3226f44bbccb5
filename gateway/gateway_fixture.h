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

/* Whoever the wire is for: the gateway, or the admin listener alone. */
static inline void
house_start(house_t *self, const act_kind_t *kind)
{
    self->sim = sim_new(11);
    sim_add(self->sim, kind, &self->config);
    self->ctx = sim_ctx(self->sim, kind->id, "");
    assert_non_null(self->gateway);
    sim_run(self->sim);
}

/* Nobody runs yet. `flags`: an argv, with "--key=value" words; NULL: the defaults. */
static inline house_t *
house_new_bare(char **flags, const char *const *instances)
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
    return self;
}

static inline house_t *
house_new_of(char **flags, const char *const *instances)
{
    house_t *self = house_new_bare(flags, instances);
    house_start(self, &gateway_kind);
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

#include "gateway_fixture_call.h"
#include "gateway_fixture_peer.h"

#endif
