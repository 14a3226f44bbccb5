/* Who watches: a connection takes its place, is watched on after a move, lets go; and who only asks where it stands. */
#include <stdlib.h>
#include <string.h>

#include "queue_state.h"
#include "send.h"

static void
queue_copy_id(char *to, const char *from)
{
    size_t length = strnlen(from, sizeof((registry_session_t *)NULL)->session_id - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

queue_waiting_t *
queue_waiting_new(const msg_t *request, const char *token)
{
    queue_waiting_t *waiting = calloc(1, sizeof *waiting);
    ACT_ASSERT(waiting != NULL);
    if (request != NULL) {
        waiting->request = *request;
        waiting->request.body = NULL;
        memcpy(waiting->token, token, sizeof waiting->token);
    }
    return waiting;
}

void
queue_refuse(act_ctx_t *ctx, const msg_t *request, registry_result_t result)
{
    msg_queue_refused_t body = {.fault = registry_secret_fault(result)};
    reply_queue_refused(ctx, request, &body);
}

/* ---- whose connection it is ---- */

static bool
queue_same_gateway(const act_addr_t *a, const act_addr_t *b)
{
    return a->node == b->node && a->kind == b->kind && a->thread == b->thread && strcmp(a->key, b->key) == 0;
}

/* The connection that watched before is to close; the one that is known here, or one that another process (or an
 * earlier life of this state) knew. */
static void
queue_end_before(queue_t *self, act_ctx_t *ctx, const msg_t *request, const registry_session_t *session,
                 const registry_session_t *before)
{
    registry_t *registry = self->config->registry;
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
    if (watcher != NULL) {
        msg_gateway_end_t end = {.connection = watcher->connection, .close = CLOSE_CODE_REPLACED};
        if (watcher->connection != session->connection || !queue_same_gateway(&watcher->gateway, &request->from)) {
            send_to_gateway_end(ctx, &watcher->gateway, &end);
        }
        queue_watchers_remove(&self->watchers, watcher);
    } else if (before->session_id[0] != '\0') {
        registry_notice_t notice = {.connection = before->connection, .close = CLOSE_CODE_REPLACED};
        queue_copy_id(notice.session_id, before->session_id);
        registry->tell(registry, act_now(ctx), act_key(ctx), before->holder, &notice);
    }
}

/* Does this very connection watch already? */
static bool
queue_is_attached(const queue_t *self, const msg_t *request, int64_t connection)
{
    for (const queue_watcher_t *watcher = self->watchers.first; watcher != NULL; watcher = watcher->after) {
        if (watcher->connection == connection && queue_same_gateway(&watcher->gateway, &request->from)) {
            return true;
        }
    }
    return false;
}

/* A new watcher, or one that watches anew. */
static queue_watcher_t *
queue_watch(queue_t *self, act_ctx_t *ctx, const msg_t *from, const char *session_id, int64_t connection, int64_t turn)
{
    queue_watcher_t *watcher = queue_watchers_add(&self->watchers, session_id);
    watcher->gateway = from->from;
    watcher->reached = act_reaches(ctx, &from->from);
    watcher->connection = connection;
    watcher->turn = turn;
    watcher->number = 0;
    watcher->told_position = watcher->told_depth = 0;
    return watcher;
}

/* ---- messages ---- */

void
queue_on_attach(queue_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_queue_attach_t *body = request->body;
    registry_t *registry = self->config->registry;
    char token[SECRET_TEXT_SIZE];
    uint8_t shown[SECRET_HASH_SIZE], next[SECRET_HASH_SIZE];
    registry_session_t session, before;
    before.session_id[0] = '\0';
    secret_hash(body->secret, shown);
    secret_draw(ctx, token, next);
    registry_result_t result = registry->watch(registry, act_now(ctx), act_key(ctx), shown, next, body->holder,
                                               body->connection, &session, &before);
    if (result == REGISTRY_SPENT && queue_is_attached(self, request, body->connection)) {
        return; /* a copy of one that was good */
    }
    if (result != REGISTRY_OK) {
        queue_refuse(ctx, request, result);
        if (result == REGISTRY_SPENT) {
            act_log(ctx, LOG_WARN, "token-reused", "a queue token was shown that had been used before");
        }
        return;
    }
    queue_end_before(self, ctx, request, &session, &before);
    queue_watcher_t *watcher = queue_watch(self, ctx, request, session.session_id, body->connection, session.turn);
    watcher->number = session.number;
    watcher->offered = session.state == SESSION_STATE_CONNECTING;
    watcher->attached = false;
    saver_save(self->saver, ctx, &session, 0, queue_waiting_new(request, token));
}

/* It was attached at the owner before us: what the registry says of it is looked up at the next tick. */
void
queue_on_watching(queue_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_queue_watching_t *body = msg->body;
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, body->session_id);
    if (watcher != NULL && watcher->turn >= body->turn) {
        return; /* a copy, or the place has gone on since */
    }
    if (watcher == NULL && self->watchers.count >= self->numbers_max) {
        msg_gateway_end_t end = {.connection = body->connection, .close = CLOSE_CODE_OVERLOADED};
        send_to_gateway_end(ctx, &msg->from, &end); /* it has its token */
        return;
    }
    watcher = queue_watch(self, ctx, msg, body->session_id, body->connection, body->turn);
    watcher->attached = true;
    watcher->offered = false;
}

void
queue_on_detach(queue_t *self, act_ctx_t *ctx, const msg_queue_detach_t *body)
{
    registry_t *registry = self->config->registry;
    registry_session_t session;
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, body->session_id);
    if (watcher != NULL && watcher->turn == body->turn) {
        queue_watchers_remove(&self->watchers, watcher);
    }
    registry_result_t result = registry->drop(registry, act_now(ctx), act_key(ctx), body->session_id, body->turn,
                                              &self->config->limits, &session);
    if (result == REGISTRY_OK) {
        act_count(ctx, METRIC_DROPS, 0, 1);
        act_log(ctx, LOG_INFO, "place-grace", "one who waits lost its connection; its place is held",
                LOG_S("session", session.session_id));
        saver_save(self->saver, ctx, &session, 0, NULL);
    } /* LOST or away: the registry's own look at silent holders, or admission's audit, finds it */
}

void
queue_on_locate(queue_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_queue_locate_t *body = request->body;
    registry_t *registry = self->config->registry;
    registry_session_t session;
    registry_count_t count = {0};
    uint32_t place = 0;
    registry_result_t result =
        registry->find_character(registry, act_now(ctx), act_key(ctx), body->character_id, &session, &place);
    if (result == REGISTRY_OK && (strcmp(session.user_id, body->user_id) != 0 ||
                                  session.state == SESSION_STATE_ACTIVE || session.state == SESSION_STATE_GRACE)) {
        result = REGISTRY_UNKNOWN;
    }
    if (result == REGISTRY_OK) {
        result = registry->count(registry, act_now(ctx), act_key(ctx), &count);
    }
    if (result != REGISTRY_OK) {
        queue_refuse(ctx, request, result);
        return;
    }
    registry->touch(registry, act_now(ctx), act_key(ctx), session.session_id, &self->config->limits);
    msg_queue_standing_t answer = {.position = place,
                                   .depth = count.waiting,
                                   .has_eta_seconds = place > 0 && self->ms_per_place > 0,
                                   .eta_seconds = queue_eta_seconds(self, place)};
    reply_queue_standing(ctx, request, &answer);
}

void
queue_on_forget(queue_t *self, const msg_queue_forget_t *body)
{
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, body->session_id);
    if (watcher != NULL) {
        queue_watchers_remove(&self->watchers, watcher);
    }
}

/* ---- when the store has it ---- */

static void
queue_attached(queue_t *self, act_ctx_t *ctx, const registry_session_t *session, const queue_waiting_t *waiting)
{
    msg_queue_attached_t answer = {.turn = session->turn, .grace_seconds = self->config->limits.grace_msec / 1000};
    queue_copy_id(answer.session_id, session->session_id);
    memcpy(answer.user_id, session->user_id, sizeof answer.user_id);
    memcpy(answer.reconnect_token, waiting->token, sizeof answer.reconnect_token);
    answer.grace_seconds = answer.grace_seconds > 0 ? answer.grace_seconds : 1;
    reply_queue_attached(ctx, &waiting->request, &answer);
    queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
    if (watcher == NULL || watcher->turn != session->turn) {
        return; /* gone meanwhile */
    }
    watcher->attached = true;
    if (session->state == SESSION_STATE_CONNECTING) {
        queue_admit(self, ctx, watcher);
    } else if (!watcher->offered) {
        queue_tell_first(self, ctx, watcher);
    }
}

void
queue_on_saved(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
               session_conflict_t conflict, void *data)
{
    queue_t *self = actor;
    queue_waiting_t *waiting = data;
    (void)outcome; /* whether the store has it or not yet: the place is theirs */
    if (conflict != SESSION_CONFLICT_NONE) {
        act_count(ctx, METRIC_SESSION_CONFLICTS, conflict, 1);
    }
    if (waiting != NULL && waiting->request.correlation != 0) {
        queue_attached(self, ctx, session, waiting);
    } else if (waiting != NULL) {
        queue_watcher_t *watcher = queue_watchers_find(&self->watchers, session->session_id);
        if (watcher != NULL && watcher->turn == session->turn) {
            queue_admit(self, ctx, watcher);
        }
    }
    free(waiting);
}
