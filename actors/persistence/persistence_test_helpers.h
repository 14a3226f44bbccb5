/* persistence_test_helpers -- the persistence actor in the simulator, on a real store, and a room that talks to it. */
#ifndef PLAYHOUSE_PERSISTENCE_TEST_HELPERS_H
#define PLAYHOUSE_PERSISTENCE_TEST_HELPERS_H

#include "persistence.h"
#include "shaky_store_test_helpers.h"
#include "sim.h"
#include "store_test_helpers.h"

/* A room that says what the test has put in its queue, all in one handler, so that it arrives as one batch; and keeps
 * what it hears. */
enum { PUPPET_QUEUE_CAP = 3000, PUPPET_HEARD_CAP = 4096 };

typedef struct puppet_line {
    msg_type_t type;
    const void *body;
    bool request;
} puppet_line_t;

typedef struct puppet {
    puppet_line_t queue[PUPPET_QUEUE_CAP];
    size_t queue_count;
    struct {
        msg_type_t type;
        void *body; /* owned */
    } heard[PUPPET_HEARD_CAP];
    size_t heard_count;
    size_t heard_taken;
} puppet_t;

typedef struct stage {
    fixture_t fixture;
    shaky_store_t shaky; /* the fixture's, with what a test makes of it */
    store_t *store;      /* that */
    cache_t *cache;      /* NULL: none */
    persistence_config_t config;
    sim_t *sim;
    puppet_t puppet;
    msg_persistence_append_t appends[PUPPET_QUEUE_CAP]; /* that the queue points to */
    size_t appends_count;
} stage_t;

static inline bool
puppet_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)ctx;
    *(puppet_t **)state = (puppet_t *)(uintptr_t)config;
    return true;
}

static inline void
puppet_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    puppet_t *self = *(puppet_t **)state;
    if (msg->type != MSG_ROOM_PEEK) {
        size_t size = msg_infos[msg->type].type->size;
        assert_true(self->heard_count < PUPPET_HEARD_CAP);
        self->heard[self->heard_count].type = msg->type;
        self->heard[self->heard_count].body = malloc(size);
        assert_non_null(self->heard[self->heard_count].body);
        memcpy(self->heard[self->heard_count++].body, msg->body, size);
        return;
    }
    for (size_t i = 0; i < self->queue_count; i++) {
        const puppet_line_t *line = &self->queue[i];
        if (line->request) {
            act_request(ctx, line->type, "plaza/main", line->body, ACT_SEC, 1);
        } else {
            assert_true(act_send(ctx, line->type, "plaza/main", line->body));
        }
    }
    self->queue_count = 0;
}

static const act_kind_t puppet_kind = {
    .id = ACT_KIND_ROOM,
    .name = "puppet",
    .keying = ACT_SHARDED,
    .state_size = sizeof(puppet_t *),
    .init = puppet_init,
    .receive = puppet_receive,
};

/* A store, and no actor yet. */
static inline stage_t *
stage_make(void)
{
    stage_t *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    fixture_folder(&self->fixture);
    fixture_open(&self->fixture);
    shaky_store_init(&self->shaky, self->fixture.store);
    self->store = &self->shaky.port;
    self->config.stores = &self->store;
    self->config.stores_count = 1;
    return self;
}

static inline void
stage_start(stage_t *self)
{
    self->config.caches = self->cache != NULL ? &self->cache : NULL;
    self->sim = sim_new(1);
    sim_add(self->sim, &persistence_kind, &self->config);
    sim_add(self->sim, &puppet_kind, &self->puppet);
}

static inline int
set_up(void **state)
{
    stage_t *self = stage_make();
    stage_start(self);
    *state = self;
    return 0;
}

static inline int
tear_down(void **state)
{
    stage_t *self = *state;
    if (self->sim != NULL) {
        sim_destroy(&self->sim);
    }
    for (size_t i = 0; i < self->puppet.heard_count; i++) {
        free(self->puppet.heard[i].body);
    }
    if (self->cache != NULL) {
        self->cache->destroy(&self->cache);
    }
    fixture_remove(&self->fixture);
    free(self);
    return 0;
}

static inline const void *
expect(stage_t *self, msg_type_t type)
{
    const msg_t *msg = sim_take(self->sim, MSG_NONE);
    assert_non_null(msg);
    assert_string_equal(msg_infos[msg->type].name, msg_infos[type].name);
    return msg->body;
}

static inline void
expect_nothing(stage_t *self)
{
    assert_null(sim_take(self->sim, MSG_NONE));
}

static inline const void *
ask(stage_t *self, msg_type_t question, const void *body, msg_type_t answer)
{
    assert_true(sim_ask(self->sim, question, "plaza/main", body, 10 * ACT_SEC, 1));
    return expect(self, answer);
}

static inline void
expect_failed(stage_t *self, msg_type_t question, const void *body, store_fault_t fault)
{
    const msg_persistence_failed_t *failed = ask(self, question, body, MSG_PERSISTENCE_FAILED);
    assert_int_equal(failed->fault, fault);
}

static inline void
queue(stage_t *self, msg_type_t type, const void *body, bool request)
{
    assert_true(self->puppet.queue_count < PUPPET_QUEUE_CAP);
    self->puppet.queue[self->puppet.queue_count++] = (puppet_line_t){type, body, request};
}

/* All that is queued, as one batch. */
static inline void
say(stage_t *self)
{
    assert_true(sim_tell(self->sim, MSG_ROOM_PEEK, "plaza/main", &(msg_room_peek_t){0}));
}

/* The next that the puppet heard. */
static inline const void *
heard(stage_t *self, msg_type_t type)
{
    assert_true(self->puppet.heard_taken < self->puppet.heard_count);
    size_t i = self->puppet.heard_taken++;
    assert_string_equal(msg_infos[self->puppet.heard[i].type].name, msg_infos[type].name);
    return self->puppet.heard[i].body;
}

static inline void
heard_nothing_more(stage_t *self)
{
    assert_int_equal(self->puppet.heard_taken, self->puppet.heard_count);
}

/* ---- what rooms say and hear ---- */

static inline void
character(stage_t *self, const char *id)
{
    msg_persistence_create_character_t body = {.user_id = "user", .name = "Ada"};
    snprintf(body.character_id, sizeof(body.character_id), "%s", id);
    const msg_persistence_character_t *made =
        ask(self, MSG_PERSISTENCE_CREATE_CHARACTER, &body, MSG_PERSISTENCE_CHARACTER);
    assert_string_equal(made->character.id, id);
}

static inline int64_t
lease(stage_t *self, const char *room)
{
    msg_persistence_load_room_t body = load_make(room, 2);
    const msg_persistence_room_loaded_t *loaded =
        ask(self, MSG_PERSISTENCE_LOAD_ROOM, &body, MSG_PERSISTENCE_ROOM_LOADED);
    assert_string_equal(loaded->room, room);
    return loaded->epoch;
}

static inline void
tell(stage_t *self, msg_persistence_append_t append)
{
    assert_true(sim_tell(self->sim, MSG_PERSISTENCE_APPEND, append.room, &append));
}

static inline void
queue_append(stage_t *self, msg_persistence_append_t append)
{
    assert_true(self->appends_count < PUPPET_QUEUE_CAP);
    msg_persistence_append_t *kept = &self->appends[self->appends_count++];
    *kept = append;
    queue(self, MSG_PERSISTENCE_APPEND, kept, false);
}

static inline void
heard_appended(stage_t *self, int64_t epoch, int64_t through)
{
    const msg_persistence_appended_t *appended = heard(self, MSG_PERSISTENCE_APPENDED);
    assert_int_equal(appended->epoch, epoch);
    assert_int_equal(appended->through, through);
}

static inline void
heard_refused(stage_t *self, int64_t epoch, store_fault_t fault)
{
    const msg_persistence_append_refused_t *refused = heard(self, MSG_PERSISTENCE_APPEND_REFUSED);
    assert_int_equal(refused->epoch, epoch);
    assert_int_equal(refused->fault, fault);
}

static inline void
expect_appended(stage_t *self, int64_t epoch, int64_t through)
{
    const msg_persistence_appended_t *appended = expect(self, MSG_PERSISTENCE_APPENDED);
    assert_int_equal(appended->epoch, epoch);
    assert_int_equal(appended->through, through);
}

static inline void
expect_refused(stage_t *self, int64_t epoch, store_fault_t fault)
{
    const msg_persistence_append_refused_t *refused = expect(self, MSG_PERSISTENCE_APPEND_REFUSED);
    assert_int_equal(refused->epoch, epoch);
    assert_int_equal(refused->fault, fault);
}

static inline int64_t
sequence_of(stage_t *self, const char *id)
{
    msg_persistence_member_loaded_t loaded;
    store_t *store = self->fixture.store;
    assert_int_equal(store->load_member(store, id, &loaded), STORE_OK);
    return loaded.sequence;
}

#endif
