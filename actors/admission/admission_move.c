/* The key moves to another process, or comes from one. The registry decides for all of them alike, so nothing is handed
 * over: who leaves ends what is under way, and who takes over comes up as at any start. */
#include "admission_state.h"

void
admission_pass_on(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    admission_pending_t who = {.request = *msg};
    msg_admission_refused_t refused = {.fault = SECRET_FAULT_UNAVAILABLE};
    msg_admission_attempted_t attempted = {0};
    switch ((admission_inbox_t)msg->type) {
    case ADMISSION_INBOX_CONNECT:
        admission_refuse(self, ctx, &who, REASON_DEPENDENCY_UNAVAILABLE);
        return;
    case ADMISSION_INBOX_ATTEMPT:
        reply_admission_attempted(ctx, msg, &attempted);
        return;
    case ADMISSION_INBOX_ENTER:
        reply_admission_refused(ctx, msg, &refused);
        return;
    case ADMISSION_INBOX_END:
    case ADMISSION_INBOX_CONFIGURE:
    case ADMISSION_INBOX_FIND:
    case ADMISSION_INBOX_INSPECT:
    case ADMISSION_INBOX_LIST:
    case ADMISSION_INBOX_KICK:
        admission_decline(ctx, msg, ERROR_UNAVAILABLE);
        return;
    case ADMISSION_INBOX_REFRESHED:
    case ADMISSION_INBOX_DROP:
    case ADMISSION_INBOX_LEAVE:
    case ADMISSION_INBOX_SELECT:
    case ADMISSION_INBOX_MUTED:
        if (msg->from.kind != ACT_KIND_ADMISSION) {
            /* Once: two that take each other for the owner must not play ball. */
            act_send(ctx, msg->type, act_key(ctx), msg->body);
        }
        return;
    default:
        return; /* beats and reports: they come again, by then to the owner */
    }
}

static bool
admission_is_idle(const admission_t *self)
{
    return self->table.top == self->table.free_count && self->answers == NULL && self->deferred == NULL &&
           !admission_is_configuring(self) && saver_is_idle(self->saver);
}

void
admission_leaving_tick(admission_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    saver_tick(self->saver, ctx);
    if (self->ready) {
        admission_decide_all(self, ctx);
    }
    if (!self->ready) { /* perhaps since just now */
        admission_rebuild_cancel(self, ctx);
    }
    if (admission_is_idle(self)) {
        act_log(ctx, LOG_INFO, "admission-moved", "another process decides who is let in");
        if (registry->let_go != NULL) {
            registry->let_go(registry, act_now(ctx), act_key(ctx));
        }
        act_retire(ctx);
    }
}

static void
admission_leaves(admission_t *self, act_ctx_t *ctx)
{
    self->leaving = true;
    if (self->rebuilding) {
        admission_rebuild_cancel(self, ctx);
    }
}

/* The owner meanwhile may have switched something, or told the registry's spare. */
static void
admission_returns(admission_t *self, act_ctx_t *ctx)
{
    self->leaving = false;
    self->since = act_now(ctx);
    admission_gateways_renew(self, ctx);
    admission_rebuild(self, ctx);
}

void
admission_on_view(void *state, act_ctx_t *ctx)
{
    admission_t *self = state;
    if (!self->open) {
        return;
    }
    bool owns = act_owns(ctx);
    if (!owns && !self->leaving) {
        admission_leaves(self, ctx);
    } else if (owns && self->leaving) {
        admission_returns(self, ctx);
    }
    if (owns) {
        admission_gateways_view(self, ctx);
        admission_queue_news(self, ctx, 0); /* the queue may be another's now, and know of no free seat */
    }
}
