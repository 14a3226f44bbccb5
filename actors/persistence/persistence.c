#include "persistence_state.h"

#include <string.h>

#include "send.h"

/* The slot of a room: its own, or the free one where it belongs. */
static lease_t *
lease_slot(persistence_t *self, const char *room)
{
    uint64_t at = 14695981039346656037u;
    for (const char *c = room; *c != '\0'; c++) {
        at = (at ^ (uint8_t)*c) * 1099511628211u; /* FNV-1a */
    }
    at ^= at >> 32;
    while (self->leases[at % ROOM_SLOTS].epoch != 0 && strcmp(self->leases[at % ROOM_SLOTS].room, room) != 0) {
        at++;
    }
    return &self->leases[at % ROOM_SLOTS];
}

static void
append_refuse(act_ctx_t *ctx, const act_addr_t *to, int64_t epoch, store_result_t fault)
{
    msg_persistence_append_refused_t refused = {.epoch = epoch, .fault = store_fault_of(fault)};
    send_to_persistence_append_refused(ctx, to, &refused);
}

static void
lease_refuse(lease_t *lease, act_ctx_t *ctx, store_result_t fault)
{
    lease->fault = fault;
    act_log(ctx, LOG_WARN, "appends-refused", "a room's appends are refused until it takes a new lease",
            LOG_S("room", lease->room), LOG_N("epoch", lease->epoch),
            LOG_S("fault", store_fault_names[store_fault_of(fault)]));
    append_refuse(ctx, &lease->from, lease->epoch, fault);
}

static void
lease_touch(persistence_t *self, lease_t *lease)
{
    if (!lease->touched) {
        lease->touched = true;
        self->touched[self->touched_count++] = lease;
    }
}

/* Takes one room out of the batch: it alone was at fault. */
static void
batch_refuse_room(persistence_t *self, act_ctx_t *ctx, const msg_persistence_append_t *culprit, store_result_t fault)
{
    lease_t *lease = lease_slot(self, culprit->room);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->batch_count; i++) {
        if (strcmp(self->batch[i].room, lease->room) != 0) {
            if (kept != i) {
                self->batch[kept] = self->batch[i];
            }
            kept++;
        }
    }
    ACT_ASSERT(kept < self->batch_count);
    self->batch_count = kept;
    lease_refuse(lease, ctx, fault);
}

static void
batch_refuse(persistence_t *self, act_ctx_t *ctx, store_result_t fault)
{
    if (!self->failing) {
        act_log(ctx, LOG_ERROR, "commit-failed", "actions could not be stored and are refused",
                LOG_S("why", self->store->error_text(self->store)), LOG_N("actions", self->batch_count));
    }
    self->failing = true;
    for (uint32_t i = 0; i < self->batch_count; i++) {
        lease_t *lease = lease_slot(self, self->batch[i].room);
        if (lease->fault == STORE_OK) {
            lease_refuse(lease, ctx, fault);
        }
    }
    self->batch_count = 0;
}

/* Writes what waits, and tells each room how far it is. */
static void
persistence_commit(persistence_t *self, act_ctx_t *ctx)
{
    while (self->batch_count > 0) {
        store_report_t report;
        store_result_t result =
            self->store->commit(self->store, self->batch, self->batch_count, act_wall_msec(ctx), &report);
        if (result == STORE_OK) {
            act_count(ctx, METRIC_COMMITS, 0, 1);
            act_observe(ctx, METRIC_COMMIT_SIZE, self->batch_count);
            act_observe(ctx, METRIC_COMMIT_LATENCY, report.usec);
            if (self->failing) {
                act_log(ctx, LOG_INFO, "commit-recovered", "actions are stored again");
            }
            self->failing = false;
            self->batch_count = 0;
            break;
        }
        act_count(ctx, METRIC_COMMIT_FAILURES, 0, 1);
        if (report.culprit != NULL) {
            batch_refuse_room(self, ctx, report.culprit, result);
        } else {
            batch_refuse(self, ctx, result);
        }
    }
    for (uint32_t i = 0; i < self->touched_count; i++) {
        lease_t *lease = self->touched[i];
        lease->touched = false;
        if (lease->fault == STORE_OK && lease->accepted > 0) {
            msg_persistence_appended_t appended = {.epoch = lease->epoch, .through = lease->accepted};
            send_to_persistence_appended(ctx, &lease->from, &appended);
        }
    }
    self->touched_count = 0;
}

/* A read that follows appends of this character sees them. */
static void
persistence_settle_character(persistence_t *self, act_ctx_t *ctx, const char *character_id)
{
    for (uint32_t i = 0; i < self->batch_count; i++) {
        if (strcmp(self->batch[i].action.character_id, character_id) == 0) {
            persistence_commit(self, ctx);
            return;
        }
    }
}

void
persistence_fail(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, store_result_t result)
{
    if (result == STORE_FULL || result == STORE_UNAVAILABLE) {
        act_log(ctx, LOG_ERROR, "store-failed", "the store did not do what was asked",
                LOG_S("request", msg_infos[msg->type].name), LOG_S("why", self->store->error_text(self->store)));
    }
    msg_persistence_failed_t failed = {.fault = store_fault_of(result)};
    reply_persistence_failed(ctx, msg, &failed);
}

static void
persistence_on_append(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, const msg_persistence_append_t *append)
{
    lease_t *lease = lease_slot(self, append->room);
    if (lease->epoch == 0 || lease->epoch != append->epoch) {
        append_refuse(ctx, &msg->from, append->epoch, STORE_STALE_EPOCH);
        return;
    }
    if (lease->fault != STORE_OK) {
        append_refuse(ctx, &msg->from, append->epoch, lease->fault);
        return;
    }
    lease->from = msg->from;
    if (append->number > lease->accepted + 1) {
        persistence_commit(self, ctx); /* what came before the gap is acknowledged before the refusal */
        if (lease->fault == STORE_OK) {
            lease_refuse(lease, ctx, STORE_GAP);
        }
        return;
    }
    lease_touch(self, lease);
    if (append->number <= lease->accepted) {
        return; /* a repeat: the flush says how far the room is */
    }
    lease->accepted = append->number;
    msg_persistence_append_t *row = &self->batch[self->batch_count++];
    size_t head = offsetof(msg_persistence_append_t, action.payload) + append->action.payload_len;
    size_t tail = offsetof(msg_persistence_append_t, x);
    memcpy(row, append, head); /* the rest of the payload is room for more */
    memcpy((char *)row + tail, (const char *)append + tail, sizeof(*append) - tail);
    if (self->batch_count == STORE_BATCH_MAX) {
        persistence_commit(self, ctx);
    }
}

static void
persistence_on_load_room(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, const msg_persistence_load_room_t *ask)
{
    lease_t *lease = lease_slot(self, ask->room);
    if (lease->touched || self->leases_count == ROOMS_CAP) {
        persistence_commit(self, ctx); /* the lease comes after the appends of the one before */
    }
    msg_persistence_room_loaded_t loaded;
    store_result_t result = self->store->load_room(self->store, ask, &loaded);
    if (result != STORE_OK) {
        persistence_fail(self, ctx, msg, result);
        return;
    }
    if (lease->epoch == 0) {
        if (self->leases_count == ROOMS_CAP) {
            act_log(ctx, LOG_WARN, "leases-forgotten", "too many rooms: all leases are forgotten",
                    LOG_N("rooms", ROOMS_CAP));
            memset(self->leases, 0, sizeof(self->leases));
            self->leases_count = 0;
            lease = lease_slot(self, ask->room);
        }
        self->leases_count++;
        memcpy(lease->room, ask->room, sizeof(lease->room));
    }
    lease->epoch = loaded.epoch;
    lease->accepted = 0;
    lease->fault = STORE_OK;
    lease->from = msg->from;
    reply_persistence_room_loaded(ctx, msg, &loaded);
}

static void
persistence_on_load_member(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                           const msg_persistence_load_member_t *ask)
{
    persistence_settle_character(self, ctx, ask->character_id);
    msg_persistence_member_loaded_t loaded;
    store_result_t result = self->store->load_member(self->store, ask->character_id, &loaded);
    if (result == STORE_OK) {
        reply_persistence_member_loaded(ctx, msg, &loaded);
    } else {
        persistence_fail(self, ctx, msg, result);
    }
}

static void
persistence_on_find_action(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                           const msg_persistence_find_action_t *ask)
{
    persistence_settle_character(self, ctx, ask->character_id);
    msg_persistence_action_t found;
    store_result_t result = self->store->find_action(self->store, ask->character_id, ask->action_id, &found.action);
    if (result == STORE_OK) {
        reply_persistence_action(ctx, msg, &found);
    } else {
        persistence_fail(self, ctx, msg, result);
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
    if (result == STORE_OK) {
        reply_persistence_actions(ctx, msg, &read);
    } else {
        persistence_fail(self, ctx, msg, result);
    }
}

static void
persistence_on_list_characters(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                               const msg_persistence_list_characters_t *ask)
{
    msg_persistence_characters_t list;
    store_result_t result =
        self->store->list_characters(self->store, ask->user_id, list.characters, &list.characters_len);
    if (result == STORE_OK) {
        reply_persistence_characters(ctx, msg, &list);
    } else {
        persistence_fail(self, ctx, msg, result);
    }
}

static void
persistence_on_mute_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                              const msg_persistence_mute_character_t *ask)
{
    store_result_t result = self->store->mute_character(self->store, ask->character_id, ask->muted_until);
    if (result == STORE_OK) {
        msg_persistence_muted_t muted = {0};
        reply_persistence_muted(ctx, msg, &muted);
    } else {
        persistence_fail(self, ctx, msg, result);
    }
}

static void
persistence_answer_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, store_result_t result,
                             const msg_persistence_character_t *answer)
{
    if (result == STORE_OK) {
        reply_persistence_character(ctx, msg, answer);
    } else {
        persistence_fail(self, ctx, msg, result);
    }
}

static void
persistence_on_create_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                const msg_persistence_create_character_t *ask)
{
    msg_persistence_character_t answer;
    store_result_t result = self->store->create_character(self->store, ask->user_id, ask->character_id, ask->name,
                                                          act_wall_msec(ctx), &answer.character);
    persistence_answer_character(self, ctx, msg, result, &answer);
}

static void
persistence_on_select_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                const msg_persistence_select_character_t *ask)
{
    msg_persistence_character_t answer;
    store_result_t result =
        self->store->select_character(self->store, ask->user_id, ask->character_id, &answer.character);
    persistence_answer_character(self, ctx, msg, result, &answer);
}

static void
persistence_on_find_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                              const msg_persistence_find_character_t *ask)
{
    msg_persistence_character_t answer;
    store_result_t result = self->store->find_character(
        self->store, ask->user_id, ask->has_character_id ? ask->character_id : NULL, &answer.character);
    persistence_answer_character(self, ctx, msg, result, &answer);
}

static void
persistence_on_ping(persistence_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    msg_persistence_pong_t pong = {.cache = CACHE_STATE_NONE};
    store_result_t result = self->store->ping(self->store, &pong.schema);
    if (result == STORE_OK) {
        reply_persistence_pong(ctx, msg, &pong);
    } else {
        persistence_fail(self, ctx, msg, result);
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
persistence_flush(void *state, act_ctx_t *ctx)
{
    persistence_commit_sessions(state, ctx);
    persistence_commit(state, ctx);
}

static bool
persistence_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)ctx;
    persistence_t *self = state;
    self->store = ((const persistence_config_t *)config)->store;
    return true;
}

const act_kind_t persistence_kind = {
    .id = ACT_KIND_PERSISTENCE,
    .name = "persistence",
    .keying = ACT_SHARDED,
    .state_size = sizeof(persistence_t),
    .init = persistence_init,
    .receive = persistence_receive,
    .flush = persistence_flush,
};
