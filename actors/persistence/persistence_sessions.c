/* Sessions, stored together as they come, and what is switched of instances. */
#include "persistence_state.h"

#include "send.h"

/* Nothing of them is in the store; each asker sends its session again. */
static void
sessions_refuse(persistence_t *self, act_ctx_t *ctx, store_result_t fault)
{
    act_count(ctx, METRIC_COMMIT_FAILURES, 0, 1);
    if (!self->sessions_failing) {
        act_log(ctx, LOG_ERROR, "commit-failed", "sessions could not be stored and are refused",
                LOG_S("why", self->store->error_text(self->store)), LOG_N("sessions", self->saves_count));
    }
    self->sessions_failing = true;
    msg_persistence_failed_t failed = {.fault = store_fault_of(fault)};
    for (uint32_t i = 0; i < self->saves_count; i++) {
        act_trace_set(ctx, self->save_requests[i].trace);
        reply_persistence_failed(ctx, &self->save_requests[i], &failed);
    }
}

static void
sessions_acknowledge(persistence_t *self, act_ctx_t *ctx, const session_conflict_t *conflicts)
{
    act_count(ctx, METRIC_COMMITS, 0, 1);
    if (self->sessions_failing) {
        act_log(ctx, LOG_INFO, "commit-recovered", "sessions are stored again");
    }
    self->sessions_failing = false;
    for (uint32_t i = 0; i < self->saves_count; i++) {
        msg_persistence_session_saved_t saved = {.conflict = conflicts[i]};
        act_trace_set(ctx, self->save_requests[i].trace);
        reply_persistence_session_saved(ctx, &self->save_requests[i], &saved);
    }
}

void
persistence_commit_sessions(persistence_t *self, act_ctx_t *ctx)
{
    if (self->saves_count == 0) {
        return;
    }
    const msg_persistence_save_session_t *saves[STORE_SESSIONS_MAX];
    session_conflict_t conflicts[STORE_SESSIONS_MAX];
    for (uint32_t i = 0; i < self->saves_count; i++) {
        saves[i] = &self->saves[i];
    }
    act_trace_t trace = act_trace(ctx);
    store_result_t result =
        self->store->save_sessions(self->store, saves, self->saves_count, act_wall_msec(ctx), conflicts);
    if (result == STORE_OK) {
        sessions_acknowledge(self, ctx, conflicts);
    } else {
        sessions_refuse(self, ctx, result);
    }
    self->saves_count = 0;
    act_trace_set(ctx, trace);
}

void
persistence_on_save_session(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                            const msg_persistence_save_session_t *save)
{
    msg_t *request = &self->save_requests[self->saves_count];
    *request = *msg;
    request->body = NULL;
    self->saves[self->saves_count++] = *save;
    if (self->saves_count == STORE_SESSIONS_MAX) {
        persistence_commit_sessions(self, ctx);
    }
}

void
persistence_on_load_sessions(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                             const msg_persistence_load_sessions_t *ask)
{
    persistence_commit_sessions(self, ctx);
    msg_persistence_sessions_t loaded;
    store_result_t result =
        self->store->load_sessions(self->store, ask->instance, ask->after, act_wall_msec(ctx), &loaded);
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_sessions(ctx, msg, &loaded);
    }
}

void
persistence_on_save_instance(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                             const msg_persistence_save_instance_t *save)
{
    persistence_commit_sessions(self, ctx);
    msg_persistence_instance_t saved = {.switches = save->switches};
    store_result_t result = self->store->save_instance(self->store, save->instance, &save->switches);
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_instance(ctx, msg, &saved);
    }
}

void
persistence_on_load_instance(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                             const msg_persistence_load_instance_t *ask)
{
    persistence_commit_sessions(self, ctx);
    msg_persistence_instance_t loaded;
    store_result_t result = self->store->load_instance(self->store, ask->instance, &loaded.switches);
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_instance(ctx, msg, &loaded);
    }
}
