/* What operators ask and switch. A switch is in the store before it is in the registry, and then everybody is told. */
#include "admission_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADMISSION_LIST_PAGE = 32, ADMISSION_END_MAX = 1024 };

void
admission_decline(act_ctx_t *ctx, const msg_t *request, error_code_t code)
{
    msg_admission_declined_t body = {.code = code};
    reply_admission_declined(ctx, request, &body);
}

int64_t
admission_ends_in(const admission_t *self, const act_ctx_t *ctx)
{
    if (!self->switches.maintenance || self->switches.ends_at == 0) {
        return -1;
    }
    int64_t left = (self->switches.ends_at - act_wall_msec(ctx) + 999) / 1000;
    return left > 0 ? left : 0;
}

/* ---- asked ---- */

bool
admission_on_inspect(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    registry_t *registry = self->config->registry;
    registry_count_t count;
    registry_result_t result = registry->count(registry, act_now(ctx), act_key(ctx), &count);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    int64_t ends_in = admission_ends_in(self, ctx);
    msg_admission_instance_t answer = {.instance = {.capacity = admission_capacity(self),
                                                    .connecting = count.connecting,
                                                    .active = count.active,
                                                    .grace = count.grace,
                                                    .waiting = count.waiting,
                                                    .drain = self->switches.drain,
                                                    .maintenance = self->switches.maintenance,
                                                    .has_ends_in_seconds = ends_in >= 0,
                                                    .ends_in_seconds = ends_in >= 0 ? ends_in : 0,
                                                    .has_message = self->switches.message[0] != '\0',
                                                    .degraded = self->told_degraded}};
    admission_copy_text(answer.instance.id, sizeof answer.instance.id, act_key(ctx));
    admission_copy_text(answer.instance.message, sizeof answer.instance.message, self->switches.message);
    reply_admission_instance(ctx, request, &answer);
    return true;
}

static void
admission_view(obj_session_view_t *view, const registry_session_t *session)
{
    admission_copy_text(view->session_id, sizeof view->session_id, session->session_id);
    admission_copy_text(view->character_id, sizeof view->character_id, session->character_id);
    admission_copy_text(view->name, sizeof view->name, session->name);
    admission_copy_text(view->room, sizeof view->room, session->room);
    view->state = session->state;
    view->number = session->number;
    view->has_left_seconds = session->left_ms >= 0;
    view->left_seconds = session->left_ms >= 0 ? session->left_ms / 1000 : 0;
}

bool
admission_on_find(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_find_t *body = request->body;
    registry_t *registry = self->config->registry;
    registry_session_t found;
    uint32_t place;
    registry_result_t result =
        registry->find_character(registry, act_now(ctx), act_key(ctx), body->character_id, &found, &place);
    if (admission_is_lost(self, ctx, result)) {
        return false;
    }
    msg_admission_found_t answer = {.has_session = result == REGISTRY_OK && strcmp(found.instance, act_key(ctx)) == 0};
    if (answer.has_session) {
        admission_view(&answer.session, &found);
    }
    reply_admission_found(ctx, request, &answer);
    return true;
}

bool
admission_on_list(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_list_t *body = request->body;
    registry_t *registry = self->config->registry;
    registry_session_t *page = calloc(ADMISSION_LIST_PAGE, sizeof *page);
    msg_admission_sessions_t *answer = calloc(1, sizeof *answer);
    uint32_t count = 0;
    ACT_ASSERT(page != NULL && answer != NULL);
    registry_result_t result =
        registry->list(registry, act_now(ctx), act_key(ctx), body->after, page, ADMISSION_LIST_PAGE, &count);
    bool good = !admission_is_lost(self, ctx, result);
    for (uint32_t i = 0; good && i < count; i++) {
        admission_view(&answer->sessions[answer->sessions_len++], &page[i]);
    }
    if (good) {
        reply_admission_sessions(ctx, request, answer);
    }
    free(page);
    free(answer);
    return good;
}

/* ---- switched ---- */

void
admission_on_configure(admission_t *self, act_ctx_t *ctx, const msg_t *request)
{
    const msg_admission_configure_t *body = request->body;
    uint32_t slot = 0;
    while (slot < ADMISSION_CONFIGURES_MAX && self->configures[slot].used) {
        slot++;
    }
    if (slot == ADMISSION_CONFIGURES_MAX || !self->ready || self->leaving) {
        admission_decline(ctx, request, ERROR_OVERLOADED);
        return;
    }
    admission_configure_t *configure = &self->configures[slot];
    *configure =
        (admission_configure_t){.used = true, .turn = configure->turn + 1, .request = *request, .switches = self->due};
    configure->request.body = NULL;
    obj_instance_switches_t *switches = &configure->switches;
    if (body->has_capacity) {
        switches->capacity = body->capacity;
    }
    if (body->has_drain) {
        switches->drain = body->drain;
    }
    if (body->has_maintenance) {
        switches->maintenance = body->maintenance;
        switches->ends_at =
            body->maintenance && body->has_ends_in_seconds ? act_wall_msec(ctx) + body->ends_in_seconds * 1000 : 0;
        admission_copy_text(switches->message, sizeof switches->message,
                            body->maintenance && body->has_message ? body->message : "");
    }
    self->due = *switches;
    msg_persistence_save_instance_t save = {.switches = *switches};
    admission_copy_text(save.instance, sizeof save.instance, act_key(ctx));
    request_persistence_save_instance(ctx, act_key(ctx), &save, ADMISSION_STORE_USEC,
                                      (uint64_t)ADMISSION_ASK_CONFIGURE << 56 |
                                          (uint64_t)(configure->turn & 0xffffff) << 32 | slot);
}

bool
admission_is_configuring(const admission_t *self)
{
    bool any = false;
    for (uint32_t slot = 0; slot < ADMISSION_CONFIGURES_MAX; slot++) {
        any |= self->configures[slot].used;
    }
    return any;
}

void
admission_on_configured(admission_t *self, act_ctx_t *ctx, const msg_t *answer)
{
    uint32_t slot = (uint32_t)answer->context;
    if (slot >= ADMISSION_CONFIGURES_MAX) {
        return; /* what another process switched: the registry has it, whether this store does or not */
    }
    admission_configure_t *configure = &self->configures[slot];
    if (!configure->used || (configure->turn & 0xffffff) != ((uint32_t)(answer->context >> 32) & 0xffffff)) {
        return;
    }
    configure->used = false;
    if (answer->type != MSG_PERSISTENCE_INSTANCE) {
        if (!admission_is_configuring(self)) { /* else what is due is on its way with the others */
            self->due = self->switches;
        }
        admission_decline(ctx, &configure->request, ERROR_UNAVAILABLE);
        return;
    }
    self->switches = configure->switches;
    registry_t *registry = self->config->registry;
    registry_switches_t switches = {.capacity = (uint32_t)self->switches.capacity,
                                    .drain = self->switches.drain,
                                    .maintenance = self->switches.maintenance};
    act_log(ctx, LOG_WARN, "instance-switched", "an operator has switched something",
            LOG_N("capacity", admission_capacity(self)), LOG_N("drain", switches.drain),
            LOG_N("maintenance", switches.maintenance), LOG_N("endsInSeconds", admission_ends_in(self, ctx)));
    admission_is_lost(self, ctx, registry->set_switches(registry, act_now(ctx), act_key(ctx), &switches));
    admission_notify(self, ctx, NULL);
    admission_queue_news(self, ctx, 0); /* there may be seats now */
    if (!self->ready || !admission_on_inspect(self, ctx, &configure->request)) {
        admission_decline(ctx, &configure->request, ERROR_UNAVAILABLE); /* switched, but nobody can say how it stands */
    }
}

/* Another process on the same registry has switched something: here it is so, too, and in this store. */
void
admission_switches_tick(admission_t *self, act_ctx_t *ctx)
{
    registry_t *registry = self->config->registry;
    registry_switches_t now;
    if (admission_is_lost(self, ctx, registry->get_switches(registry, act_now(ctx), act_key(ctx), &now))) {
        return;
    }
    obj_instance_switches_t *mine = &self->switches;
    if (now.capacity == mine->capacity && now.drain == mine->drain && now.maintenance == mine->maintenance) {
        return;
    }
    mine->capacity = now.capacity;
    mine->drain = now.drain;
    if (now.maintenance != mine->maintenance) { /* when it ends, and why, is that process's to say to its players */
        mine->maintenance = now.maintenance;
        mine->ends_at = 0;
        mine->message[0] = '\0';
    }
    self->due = *mine;
    msg_persistence_save_instance_t save = {.switches = *mine};
    admission_copy_text(save.instance, sizeof save.instance, act_key(ctx));
    request_persistence_save_instance(ctx, act_key(ctx), &save, ADMISSION_STORE_USEC,
                                      (uint64_t)ADMISSION_ASK_CONFIGURE << 56 | ADMISSION_CONFIGURES_MAX);
    admission_notify(self, ctx, NULL);
    admission_queue_news(self, ctx, 0);
}

/* ---- time ---- */

static bool
admission_end_page(admission_t *self, act_ctx_t *ctx, uint32_t *ended)
{
    registry_t *registry = self->config->registry;
    registry_session_t *page = calloc(ADMISSION_LIST_PAGE, sizeof *page), session;
    uint32_t count = 0;
    ACT_ASSERT(page != NULL);
    registry_result_t result =
        registry->list(registry, act_now(ctx), act_key(ctx), 0, page, ADMISSION_LIST_PAGE, &count);
    for (uint32_t i = 0; result == REGISTRY_OK && i < count; i++) {
        session_state_t was;
        result = registry->leave(registry, act_now(ctx), act_key(ctx), page[i].session_id, REGISTRY_ANY_TURN, &session,
                                 &was);
        if (result == REGISTRY_OK) {
            admission_tell(self, ctx, &page[i], CLOSE_CODE_MAINTENANCE);
            admission_ended(self, ctx, &session, SESSION_END_MAINTENANCE);
            (*ended)++;
        }
    }
    free(page);
    return !admission_is_lost(self, ctx, result) && count == ADMISSION_LIST_PAGE;
}

void
admission_maintenance_tick(admission_t *self, act_ctx_t *ctx)
{
    int64_t ends_in = admission_ends_in(self, ctx);
    if (ends_in < 0) {
        return;
    }
    if (ends_in > 0) {
        if (ends_in <= ADMISSION_COUNTDOWN_TICKS || self->ticks % ADMISSION_COUNTDOWN_TICKS == 0) {
            admission_notify(self, ctx, NULL);
        }
        return;
    }
    uint32_t ended = 0;
    while (ended < ADMISSION_END_MAX && admission_end_page(self, ctx, &ended)) {
    }
    if (ended > 0) {
        act_log(ctx, LOG_WARN, "maintenance-ended", "the announced time has come: sessions were ended",
                LOG_N("sessions", ended));
    }
}
