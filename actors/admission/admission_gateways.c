/* The gateways of this instance: who is alive, who is told what, and whether they hold what the registry says. */
#include "admission_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADMISSION_NOTICES_PAGE = 32 };

static admission_gateway_t *
admission_gateway_find(const admission_t *self, const char *holder)
{
    for (uint32_t i = 0; i < self->gateways_count; i++) {
        if (strcmp(self->gateways[i]->holder, holder) == 0) {
            return self->gateways[i];
        }
    }
    return NULL;
}

static void
admission_audit_end(admission_gateway_t *gateway)
{
    free(gateway->held);
    free(gateway->seen);
    gateway->held = NULL;
    gateway->seen = NULL;
    gateway->held_count = gateway->held_size = 0;
    gateway->marker = gateway->after = 0;
    gateway->settle = 0;
    gateway->reported = false;
}

static void
admission_gateway_remove(admission_t *self, uint32_t index)
{
    admission_audit_end(self->gateways[index]);
    free(self->gateways[index]);
    self->gateways[index] = self->gateways[--self->gateways_count];
}

void
admission_gateways_fini(admission_t *self)
{
    while (self->gateways_count > 0) {
        admission_gateway_remove(self, self->gateways_count - 1);
    }
}

/* ---- telling ---- */

void
admission_tell(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, close_code_t close)
{
    admission_gateway_t *gateway = admission_gateway_find(self, session->holder);
    if (gateway != NULL) {
        msg_gateway_end_t end = {.connection = session->connection, .close = close};
        send_to_gateway_end(ctx, &gateway->addr, &end); /* refused: the audit finds it */
    } else if (session->holder[0] != '\0') {
        registry_t *registry = self->config->registry;
        registry_notice_t notice = {.connection = session->connection, .close = close};
        admission_copy_text(notice.session_id, sizeof notice.session_id, session->session_id);
        registry->tell(registry, act_now(ctx), act_key(ctx), session->holder, &notice);
    }
}

void
admission_notify(admission_t *self, act_ctx_t *ctx, const act_addr_t *only)
{
    msg_gateway_notice_t notice = {.degraded = self->told_degraded, .maintenance = self->switches.maintenance};
    int64_t ends_in = admission_ends_in(self, ctx);
    admission_copy_text(notice.instance, sizeof notice.instance, act_key(ctx));
    notice.has_ends_in_seconds = notice.maintenance && ends_in >= 0;
    notice.ends_in_seconds = ends_in >= 0 ? ends_in : 0;
    notice.has_message = notice.maintenance && self->switches.message[0] != '\0';
    admission_copy_text(notice.message, sizeof notice.message, self->switches.message);
    if (only != NULL) {
        send_to_gateway_notice(ctx, only, &notice);
        return;
    }
    for (uint32_t i = 0; i < self->gateways_count; i++) {
        send_to_gateway_notice(ctx, &self->gateways[i]->addr, &notice);
    }
}

/* ---- who is there ---- */

void
admission_on_beat(admission_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    const msg_admission_beat_t *body = msg->body;
    admission_gateway_t *gateway = admission_gateway_find(self, body->holder);
    if (gateway == NULL) {
        if (self->gateways_count == ADMISSION_GATEWAYS_MAX) {
            act_log(ctx, LOG_WARN, "gateways-full", "more gateway threads than can be known",
                    LOG_N("gateways", ADMISSION_GATEWAYS_MAX));
            return;
        }
        gateway = calloc(1, sizeof *gateway);
        ACT_ASSERT(gateway != NULL);
        memcpy(gateway->holder, body->holder, sizeof gateway->holder);
        gateway->addr = msg->from;
        self->gateways[self->gateways_count++] = gateway;
        if (self->ready) { /* what it holds is not silent until the next tick */
            registry_t *registry = self->config->registry;
            uint32_t count;
            registry->beat(registry, act_now(ctx), act_key(ctx), gateway->holder, NULL, 0, &count);
        }
        if (self->ready) { /* else all are told when the switches are known */
            admission_notify(self, ctx, &gateway->addr);
        }
    }
    gateway->heard_at = act_now(ctx);
    gateway->heard = true;
    gateway->reached = act_reaches(ctx, &gateway->addr);
    gateway->gone = false;
}

void
admission_gateways_renew(admission_t *self, act_ctx_t *ctx)
{
    for (uint32_t i = 0; i < self->gateways_count; i++) {
        self->gateways[i]->heard_at = act_now(ctx);
        admission_audit_end(self->gateways[i]);
    }
}

/* What other processes have left for this gateway. False: the registry was lost. */
static bool
admission_gateway_beat(admission_t *self, act_ctx_t *ctx, const admission_gateway_t *gateway)
{
    registry_t *registry = self->config->registry;
    registry_notice_t notices[ADMISSION_NOTICES_PAGE];
    uint32_t count;
    do {
        registry_result_t result = registry->beat(registry, act_now(ctx), act_key(ctx), gateway->holder, notices,
                                                  ADMISSION_NOTICES_PAGE, &count);
        if (admission_is_lost(self, ctx, result)) {
            return false;
        }
        for (uint32_t i = 0; i < count; i++) {
            msg_gateway_end_t end = {.connection = notices[i].connection, .close = notices[i].close};
            send_to_gateway_end(ctx, &gateway->addr, &end);
        }
    } while (count == ADMISSION_NOTICES_PAGE);
    return true;
}

/* ---- the audit: what a gateway holds beside what the registry says it does ---- */

void
admission_audit_soon(admission_t *self)
{
    self->ticks = 0;
}

static void
admission_audit_begin(admission_t *self, act_ctx_t *ctx, admission_gateway_t *gateway)
{
    registry_t *registry = self->config->registry;
    registry_count_t count;
    admission_audit_end(gateway);
    if (admission_is_lost(self, ctx, registry->count(registry, act_now(ctx), act_key(ctx), &count))) {
        return;
    }
    gateway->marker = count.version + 1; /* never 0 */
    gateway->settle = ADMISSION_SETTLE_TICKS;
}

/* Some time after the begin: who took hold before it has been told so by now (see SAVER_SAVE_USEC), and its gateway
 * knows what it holds. */
static void
admission_audit_ask(act_ctx_t *ctx, const admission_gateway_t *gateway)
{
    msg_gateway_report_t report = {.marker = gateway->marker};
    admission_copy_text(report.instance, sizeof report.instance, act_key(ctx));
    send_to_gateway_report(ctx, &gateway->addr, &report); /* refused: at the next audit */
}

static int
admission_held_compare(const void *a, const void *b)
{
    return strcmp(((const obj_held_session_t *)a)->session_id, ((const obj_held_session_t *)b)->session_id);
}

void
admission_on_held(admission_t *self, act_ctx_t *ctx, const msg_admission_held_t *body)
{
    (void)ctx;
    admission_gateway_t *gateway = admission_gateway_find(self, body->holder);
    if (gateway == NULL || gateway->marker != body->marker || gateway->settle > 0 || gateway->reported) {
        return; /* of an earlier audit */
    }
    uint32_t wanted = gateway->held_count + body->sessions_len;
    if (wanted > gateway->held_size) {
        gateway->held_size = wanted + 1024;
        obj_held_session_t *grown = realloc(gateway->held, gateway->held_size * sizeof *grown);
        ACT_ASSERT(grown != NULL);
        gateway->held = grown;
    }
    if (body->sessions_len > 0) {
        memcpy(gateway->held + gateway->held_count, body->sessions, body->sessions_len * sizeof *gateway->held);
    }
    gateway->held_count = wanted;
    if (body->last) {
        if (wanted > 0) {
            qsort(gateway->held, wanted, sizeof *gateway->held, admission_held_compare);
        }
        gateway->seen = calloc(wanted + 1, sizeof *gateway->seen);
        ACT_ASSERT(gateway->seen != NULL);
        gateway->reported = true;
    }
}

/* The registry says that this gateway holds the session. Does it? What has changed since the audit began is not judged.
 * False: the registry was lost. */
static bool
admission_audit_session(admission_t *self, act_ctx_t *ctx, admission_gateway_t *gateway,
                        const registry_session_t *session)
{
    if (strcmp(session->holder, gateway->holder) != 0) {
        return true;
    }
    obj_held_session_t key = {.turn = 0};
    memcpy(key.session_id, session->session_id, sizeof key.session_id);
    const obj_held_session_t *held = gateway->held_count == 0 ? NULL
                                                              : bsearch(&key, gateway->held, gateway->held_count,
                                                                        sizeof key, admission_held_compare);
    if (held != NULL) {
        gateway->seen[held - gateway->held] = true;
    }
    if (session->turn >= gateway->marker || (held != NULL && held->turn == session->turn)) {
        return true;
    }
#ifdef PLAYHOUSE_PLANTED_LEAK
    return true; /* A BUG, PLANTED ON PURPOSE, in no build but the one that shows that the simulation catches it */
#endif
    act_log(ctx, LOG_WARN, "session-unheld", "a gateway does not hold a session that the registry thinks it does",
            LOG_S("session", session->session_id));
    msg_admission_drop_t drop = {.turn = session->turn};
    memcpy(drop.session_id, session->session_id, sizeof drop.session_id);
    return admission_on_drop(self, ctx, &drop);
}

/* All that the registry has is gone through: what the gateway holds beyond it is over. */
static void
admission_audit_finish(admission_t *self, act_ctx_t *ctx, admission_gateway_t *gateway)
{
    registry_t *registry = self->config->registry;
    for (uint32_t i = 0; i < gateway->held_count; i++) {
        const obj_held_session_t *held = &gateway->held[i];
        registry_session_t found;
        uint32_t place;
        if (gateway->seen[i]) {
            continue;
        }
        registry_result_t result =
            registry->find_session(registry, act_now(ctx), act_key(ctx), held->session_id, &found, &place);
        if (admission_is_lost(self, ctx, result)) {
            return;
        }
        if (result == REGISTRY_UNKNOWN || found.turn != held->turn || strcmp(found.holder, gateway->holder) != 0) {
            msg_gateway_end_t end = {.connection = held->connection, .close = CLOSE_CODE_SESSION_ENDED};
            /* one that has ended since it was reported is no news */
            act_log(ctx, result == REGISTRY_UNKNOWN ? LOG_DEBUG : LOG_WARN, "session-ghost",
                    "a gateway holds a session that has ended or gone on elsewhere",
                    LOG_S("session", held->session_id));
            send_to_gateway_end(ctx, &gateway->addr, &end);
        }
    }
    admission_audit_end(gateway);
}

/* What the registry lists after the last one that was looked at for this gateway, for the caller to free. NULL: it was
 * lost. */
static registry_session_t *
admission_page(admission_t *self, act_ctx_t *ctx, const admission_gateway_t *gateway, uint32_t *count)
{
    registry_t *registry = self->config->registry;
    registry_session_t *page = calloc(ADMISSION_AUDIT_PAGE, sizeof *page);
    ACT_ASSERT(page != NULL);
    *count = 0;
    registry_result_t result =
        registry->list(registry, act_now(ctx), act_key(ctx), gateway->after, page, ADMISSION_AUDIT_PAGE, count);
    if (admission_is_lost(self, ctx, result)) {
        free(page);
        return NULL;
    }
    return page;
}

/* A page of the registry's list per tick. False: the registry was lost. */
static bool
admission_audit_step(admission_t *self, act_ctx_t *ctx, admission_gateway_t *gateway)
{
    uint32_t count;
    registry_session_t *page = admission_page(self, ctx, gateway, &count);
    bool good = page != NULL;
    for (uint32_t i = 0; good && i < count; i++) {
        gateway->after = page[i].number;
        good = admission_audit_session(self, ctx, gateway, &page[i]);
    }
    if (good && count < ADMISSION_AUDIT_PAGE) {
        admission_audit_finish(self, ctx, gateway);
    }
    free(page);
    return good;
}

/* ---- a gateway whose process is gone ---- */

/* Drops what it held, a page at a time. True: there is more. */
static bool
admission_gone_page(admission_t *self, act_ctx_t *ctx, admission_gateway_t *gateway, uint32_t *dropped)
{
    uint32_t count;
    registry_session_t *page = admission_page(self, ctx, gateway, &count);
    bool good = page != NULL;
    for (uint32_t i = 0; good && i < count; i++) {
        gateway->after = page[i].number;
        if (strcmp(page[i].holder, gateway->holder) == 0) {
            msg_admission_drop_t drop = {.turn = page[i].turn};
            memcpy(drop.session_id, page[i].session_id, sizeof drop.session_id);
            good = admission_on_drop(self, ctx, &drop);
            (*dropped)++;
        }
    }
    free(page);
    return good && count == ADMISSION_AUDIT_PAGE;
}

/* As much as a sweep does at once. What the registry loses meanwhile its own look at silent holders finds. */
static void
admission_gone_drop(admission_t *self, act_ctx_t *ctx, uint32_t index)
{
    admission_gateway_t *gateway = self->gateways[index];
    uint32_t dropped = 0;
    while (self->ready && dropped < ADMISSION_SWEEP_MAX) {
        if (!admission_gone_page(self, ctx, gateway, &dropped)) {
            if (self->ready) {
                admission_gateway_remove(self, index);
            }
            return;
        }
    }
}

static void
admission_gone_begin(act_ctx_t *ctx, admission_gateway_t *gateway)
{
    act_count(ctx, METRIC_HOLDERS_LOST, 0, 1);
    act_log(ctx, LOG_WARN, "gateway-gone", "a gateway's process is gone; what it held goes into grace",
            LOG_S("holder", gateway->holder));
    admission_audit_end(gateway);
    gateway->gone = true;
}

void
admission_gateways_view(admission_t *self, act_ctx_t *ctx)
{
    for (uint32_t i = self->gateways_count; i-- > 0;) {
        admission_gateway_t *gateway = self->gateways[i];
        bool reached = act_reaches(ctx, &gateway->addr);
        if (gateway->reached && !reached && !gateway->gone) { /* one that is not in the view yet was not reached */
            admission_gone_begin(ctx, gateway);
        }
        gateway->reached = reached;
        if (gateway->gone) {
            admission_gone_drop(self, ctx, i);
        }
    }
}

/* ---- time ---- */

void
admission_gateways_tick(admission_t *self, act_ctx_t *ctx)
{
    bool begin = self->ticks % ADMISSION_AUDIT_TICKS == 1;
    for (uint32_t i = self->gateways_count; i-- > 0 && self->ready;) {
        admission_gateway_t *gateway = self->gateways[i];
        if (gateway->gone) {
            admission_gone_drop(self, ctx, i);
            continue;
        }
        if (act_now(ctx) - gateway->heard_at >= REGISTRY_SILENT_MSEC * (act_usec_t)ACT_MSEC) {
            act_count(ctx, METRIC_HOLDERS_LOST, 0, 1);
            act_log(ctx, LOG_WARN, "gateway-silent", "a gateway is not heard of any more; what it held goes into grace",
                    LOG_S("holder", gateway->holder));
            admission_gateway_remove(self, i);
            continue;
        }
        if (gateway->heard && !admission_gateway_beat(self, ctx, gateway)) {
            return;
        }
        gateway->heard = false;
        if (gateway->reported) {
            admission_audit_step(self, ctx, gateway);
        } else if (begin) {
            admission_audit_begin(self, ctx, gateway);
        } else if (gateway->settle > 0 && --gateway->settle == 0) {
            admission_audit_ask(ctx, gateway);
        }
    }
}
