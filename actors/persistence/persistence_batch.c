/* Leases, appends, and the batch that they become. */
#include "persistence_state.h"

#include <string.h>

#include "send.h"
#include "fnv.h"

/* The slot of a room: its own, or the free one where it belongs. */
static lease_t *
lease_slot(persistence_t *self, const char *room)
{
    uint64_t at = fnv_text(FNV_64, room);
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

/* What the store says of a commit, whatever became of it. */
static void
batch_report(const persistence_t *self, act_ctx_t *ctx, const store_report_t *report)
{
    if (report->reconnects > 0) {
        act_count(ctx, METRIC_STORE_RECONNECTS, 0, report->reconnects);
    }
    if (report->unknown) {
        act_count(ctx, METRIC_COMMITS_UNKNOWN, report->became, 1);
        act_log(ctx, LOG_WARN, "commit-unknown", "the answer to a commit was lost, and the store was asked again",
                LOG_S("became", commit_became_names[report->became]), LOG_N("actions", self->batch_count));
    }
}

/* Tells each room that said something how far it is. */
static void
batch_answer(persistence_t *self, act_ctx_t *ctx)
{
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

void
persistence_commit(persistence_t *self, act_ctx_t *ctx)
{
    act_timer_stop(ctx, TIMER_WINDOW);
    while (self->batch_count > 0) {
        store_report_t report;
        store_result_t result =
            self->store->commit(self->store, self->batch, self->batch_count, act_wall_msec(ctx), &report);
        batch_report(self, ctx, &report);
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
    batch_answer(self, ctx);
}

void
persistence_flush_batch(persistence_t *self, act_ctx_t *ctx)
{
    if (self->batch_count == 0 || self->config->window_msec == 0) {
        persistence_commit(self, ctx);
    } else if (!act_timer_running(ctx, TIMER_WINDOW)) {
        act_timer_start(ctx, TIMER_WINDOW, self->config->window_msec * ACT_MSEC);
    }
}

void
persistence_write_last(persistence_t *self, act_ctx_t *ctx)
{
    if (self->batch_count > 0) {
        store_report_t report;
        store_result_t result =
            self->store->commit(self->store, self->batch, self->batch_count, act_wall_msec(ctx), &report);
        if (result != STORE_OK) {
            act_log(ctx, LOG_WARN, "last-batch-lost", "actions that nobody was told of are not stored",
                    LOG_N("actions", self->batch_count), LOG_S("fault", store_fault_names[store_fault_of(result)]));
        }
        self->batch_count = 0;
    }
}

void
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
persistence_on_append(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, const msg_persistence_append_t *append)
{
    lease_t *lease = lease_slot(self, append->room);
    if (lease->epoch != append->epoch) {
        /* Older than what was given here: it has been taken from its owner. Newer, or of a room that is not known:
         * somebody else has given it, and nobody here can say whether it is the newest. */
        append_refuse(ctx, &msg->from, append->epoch,
                      lease->epoch > append->epoch ? STORE_STALE_EPOCH : STORE_LEASE_UNKNOWN);
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

void
persistence_on_load_room(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, const msg_persistence_load_room_t *ask)
{
    lease_t *lease = lease_slot(self, ask->room);
    if (lease->touched || self->leases_count == ROOMS_CAP) {
        persistence_commit(self, ctx); /* the lease comes after the appends of the one before */
    }
    msg_persistence_room_loaded_t loaded;
    store_result_t result = self->store->load_room(self->store, ask, &loaded);
    if (!persistence_did(self, ctx, msg, result)) {
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
