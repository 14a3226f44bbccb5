#include "persistence_state.h"

#include "send.h"

enum {
    MAINTAIN_FIRST = 100 * ACT_MSEC, /* after the start: others are answered first */
    MAINTAIN_AGAIN = ACT_MSEC,       /* there is more to do: but what has come meanwhile goes first */
    MAINTAIN_EVERY = 60 * ACT_SEC,
    MAINTAIN_RETRY = 5 * ACT_SEC, /* after a failure */
    CACHE_PING_EVERY = ACT_SEC,
};

bool
persistence_did(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, store_result_t result)
{
    bool failed = result == STORE_FULL || result == STORE_UNAVAILABLE, *failing = &self->refusing[msg->type];
    if (failed && !*failing) {
        act_log(ctx, LOG_ERROR, "store-failed", "the store did not do what was asked",
                LOG_S("request", msg_infos[msg->type].name), LOG_S("why", self->store->error_text(self->store)));
    } else if (!failed && *failing) {
        act_log(ctx, LOG_INFO, "store-recovered", "the store does again what was asked",
                LOG_S("request", msg_infos[msg->type].name));
    }
    *failing = failed;
    if (result != STORE_OK) {
        msg_persistence_failed_t refused = {.fault = store_fault_of(result)};
        reply_persistence_failed(ctx, msg, &refused);
    }
    return result == STORE_OK;
}

static void
persistence_on_load_member(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                           const msg_persistence_load_member_t *ask)
{
    persistence_settle_character(self, ctx, ask->character_id);
    msg_persistence_member_loaded_t loaded;
    store_result_t result = self->store->load_member(self->store, ask->character_id, &loaded);
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_member_loaded(ctx, msg, &loaded);
    }
}

static void
persistence_on_find_action(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                           const msg_persistence_find_action_t *ask)
{
    persistence_settle_character(self, ctx, ask->character_id);
    msg_persistence_action_t found;
    store_result_t result = self->store->find_action(self->store, ask->character_id, ask->action_id, &found.action);
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_action(ctx, msg, &found);
    }
}

static void
persistence_on_read_actions(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                            const msg_persistence_read_actions_t *ask)
{
    persistence_settle_character(self, ctx, ask->character_id);
    msg_persistence_actions_t read;
    store_result_t result =
        self->store->read_actions(self->store, ask->character_id, ask->from_sequence, read.actions, &read.actions_len);
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_actions(ctx, msg, &read);
    }
}

/* How the cache is. It is asked now and then, also when nobody reads. */
static cache_state_t
persistence_cache_state(persistence_t *self, act_ctx_t *ctx)
{
    if (self->cache == NULL) {
        return CACHE_STATE_NONE;
    }
    if (act_now(ctx) >= self->cache_ping_at) {
        self->cache_ping_at = act_now(ctx) + CACHE_PING_EVERY;
        self->cache->ping(self->cache, act_now(ctx));
        persistence_watch_cache(self, ctx);
    }
    return self->cache->is_away(self->cache) ? CACHE_STATE_AWAY : CACHE_STATE_OK;
}

static void
persistence_on_ping(persistence_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    msg_persistence_pong_t pong = {.cache = CACHE_STATE_NONE};
    if (persistence_did(self, ctx, msg, self->store->ping(self->store, &pong.schema))) {
        pong.cache = persistence_cache_state(self, ctx);
        reply_persistence_pong(ctx, msg, &pong);
    }
}

static void
persistence_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    persistence_t *self = state;
    switch ((persistence_inbox_t)msg->type) {
    case PERSISTENCE_INBOX_APPEND:
        persistence_on_append(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_LOAD_ROOM:
        persistence_on_load_room(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_LOAD_MEMBER:
        persistence_on_load_member(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_FIND_ACTION:
        persistence_on_find_action(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_READ_ACTIONS:
        persistence_on_read_actions(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_LIST_CHARACTERS:
        persistence_on_list_characters(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_CREATE_CHARACTER:
        persistence_on_create_character(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_SELECT_CHARACTER:
        persistence_on_select_character(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_FIND_CHARACTER:
        persistence_on_find_character(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_MUTE_CHARACTER:
        persistence_on_mute_character(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_SAVE_SESSION:
        persistence_on_save_session(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_LOAD_SESSIONS:
        persistence_on_load_sessions(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_SAVE_INSTANCE:
        persistence_on_save_instance(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_LOAD_INSTANCE:
        persistence_on_load_instance(self, ctx, msg, msg->body);
        return;
    case PERSISTENCE_INBOX_PING:
        persistence_on_ping(self, ctx, msg);
        return;
    }
    ACT_UNREACHABLE("persistence hears only what its schema says");
}

static void
persistence_maintain(persistence_t *self, act_ctx_t *ctx)
{
    bool more = false;
    store_result_t result = self->store->maintain(self->store, act_wall_msec(ctx), self->config->keep_msec, &more);
    bool failed = result != STORE_OK;
    if (failed && !self->maintain_failing) {
        act_log(ctx, LOG_ERROR, "maintain-failed", "the log of actions could not be kept in order; it is tried again",
                LOG_S("fault", store_fault_names[store_fault_of(result)]),
                LOG_S("why", self->store->error_text(self->store)));
    } else if (!failed && self->maintain_failing) {
        act_log(ctx, LOG_INFO, "maintain-recovered", "the log of actions is kept in order again");
    }
    self->maintain_failing = failed;
    act_timer_start(ctx, TIMER_MAINTAIN, failed ? MAINTAIN_RETRY : more ? MAINTAIN_AGAIN : MAINTAIN_EVERY);
}

static void
persistence_expire(void *state, act_ctx_t *ctx, int timer)
{
    switch ((persistence_timer_t)timer) {
    case TIMER_WINDOW:
        persistence_commit(state, ctx);
        return;
    case TIMER_MAINTAIN:
        persistence_maintain(state, ctx);
        return;
    }
    ACT_UNREACHABLE("persistence has two timers");
}

static void
persistence_flush(void *state, act_ctx_t *ctx)
{
    persistence_commit_sessions(state, ctx);
    persistence_flush_batch(state, ctx);
}

static bool
persistence_init(void *state, act_ctx_t *ctx, const void *config)
{
    persistence_t *self = state;
    uint8_t thread = act_self(ctx).thread;
    self->config = config;
    if (thread >= self->config->stores_count) {
        act_log(ctx, LOG_ERROR, "no-store", "there are more threads for persistence than stores; see broker.placement",
                LOG_N("stores", self->config->stores_count));
        return false;
    }
    self->store = self->config->stores[thread];
    self->cache = self->config->caches != NULL ? self->config->caches[thread] : NULL;
    if (thread == 0) {
        act_timer_start(ctx, TIMER_MAINTAIN, MAINTAIN_FIRST);
    }
    return true;
}

static void
persistence_fini(void *state, act_ctx_t *ctx)
{
    persistence_write_last(state, ctx);
}

const act_kind_t persistence_kind = {
    .id = ACT_KIND_PERSISTENCE,
    .name = "persistence",
    .keying = ACT_SHARDED,
    .state_size = sizeof(persistence_t),
    .init = persistence_init,
    .receive = persistence_receive,
    .expire = persistence_expire,
    .flush = persistence_flush,
    .fini = persistence_fini,
};
