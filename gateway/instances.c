/* The instances: how each stands, told to its connections; and what admission is told of this gateway: that it is
 * alive, and which sessions it holds. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* Who owns that of an instance now; stays as it is while nobody does. True: it is another one than before. */
static bool
instances_look(const gateway_t *self, act_kind_id_t kind, const gateway_instance_t *instance, act_addr_t *owner)
{
    act_addr_t now;
    if (!act_owner(self->ctx, kind, instance->id, &now)) {
        return false;
    }
    bool other = owner->key[0] == '\0' || owner->node != now.node;
    *owner = now;
    return other;
}

void
instances_init(gateway_t *self)
{
    const char *const *ids = self->config->instances;
    while (ids[self->instances_count] != NULL) {
        self->instances_count++;
    }
    ACT_ASSERT(self->instances_count > 0 && self->instances_count <= GATEWAY_INSTANCES_CAP);
    self->instances = calloc(self->instances_count, sizeof(*self->instances));
    ACT_ASSERT(self->instances != NULL);
    for (uint32_t i = 0; i < self->instances_count; i++) {
        self->instances[i].id = ids[i];
        instances_look(self, ACT_KIND_ADMISSION, &self->instances[i], &self->instances[i].admission);
        instances_look(self, ACT_KIND_QUEUE, &self->instances[i], &self->instances[i].queue);
    }
}

void
instances_fini(gateway_t *self)
{
    free(self->instances);
    self->instances = NULL;
    self->instances_count = 0;
}

uint32_t
instances_find(const gateway_t *self, const char *id)
{
    for (uint32_t i = 0; id != NULL && i < self->instances_count; i++) {
        if (strcmp(self->instances[i].id, id) == 0) {
            return i;
        }
    }
    return id == NULL ? 0 : GATEWAY_NONE;
}

bool
instances_degraded(const gateway_t *self)
{
    for (uint32_t i = 0; i < self->instances_count; i++) {
        if (self->instances[i].degraded) {
            return true;
        }
    }
    return false;
}

/* ---- to clients ---- */

/* Has this connection had its welcome there? One that has not hears it all then. */
static bool
instances_hears(const session_t *session, uint32_t instance)
{
    return session->instance == instance &&
           (session->state == SESSION_JOINED || (session->state == SESSION_WATCHING && session->turn != 0));
}

static void
instances_say_degraded(gateway_t *self, session_t *session)
{
    msg_event_degraded_t degraded = {.on = self->instances[session->instance].degraded};
    session_say(self, session, &type_event_degraded, "event.degraded", &degraded, 96);
}

static void
instances_say_maintenance(gateway_t *self, session_t *session)
{
    const gateway_instance_t *instance = &self->instances[session->instance];
    act_usec_t left = instance->ends_at - act_now(self->ctx);
    msg_event_maintenance_t maintenance = {.on = instance->maintenance,
                                           .has_ends_in_seconds = instance->has_ends,
                                           .ends_in_seconds = left > 0 ? (left + ACT_SEC - 1) / ACT_SEC : 0,
                                           .has_message = instance->message[0] != '\0'};
    memcpy(maintenance.message, instance->message, sizeof(maintenance.message));
    session_say(self, session, &type_event_maintenance, "event.maintenance", &maintenance, 2048);
}

void
instances_greet(gateway_t *self, session_t *session)
{
    const gateway_instance_t *instance = &self->instances[session->instance];
    if (instance->degraded && instances_hears(session, session->instance)) {
        instances_say_degraded(self, session);
    }
    if (instance->maintenance && instances_hears(session, session->instance)) {
        instances_say_maintenance(self, session);
    }
}

static void
instances_tell_all(gateway_t *self, uint32_t instance, void (*say)(gateway_t *self, session_t *session))
{
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        session_t *session = &self->sessions[slot];
        if (instances_hears(session, instance)) {
            say(self, session);
        }
    }
}

/* Takes over what is said of maintenance. False: it was known. */
static bool
instances_take_maintenance(gateway_t *self, gateway_instance_t *instance, const msg_gateway_notice_t *msg)
{
    gateway_instance_t next = *instance;
    next.maintenance = msg->maintenance;
    next.has_ends = msg->maintenance && msg->has_ends_in_seconds;
    next.ends_in_seconds = next.has_ends ? msg->ends_in_seconds : 0;
    memset(next.message, 0, sizeof(next.message));
    if (msg->maintenance && msg->has_message) {
        memcpy(next.message, msg->message, strnlen(msg->message, sizeof(next.message) - 1));
    }
    bool same = next.maintenance == instance->maintenance && next.has_ends == instance->has_ends &&
                next.ends_in_seconds == instance->ends_in_seconds && strcmp(next.message, instance->message) == 0;
    if (!same) {
        next.ends_at = act_now(self->ctx) + next.ends_in_seconds * ACT_SEC;
        *instance = next;
    }
    return !same;
}

void
instances_on_notice(gateway_t *self, const msg_gateway_notice_t *msg)
{
    uint32_t index = instances_find(self, msg->instance);
    if (index == GATEWAY_NONE) {
        return;
    }
    gateway_instance_t *instance = &self->instances[index];
    if (instance->degraded != msg->degraded) {
        instance->degraded = msg->degraded;
        instances_tell_all(self, index, instances_say_degraded);
    }
    if (instances_take_maintenance(self, instance, msg)) {
        instances_tell_all(self, index, instances_say_maintenance);
    }
}

/* ---- to admission ---- */

/* Also one that shows its ticket: it may have to go on waiting. */
static bool
instances_is_watching(const session_t *session, uint32_t instance)
{
    return session->instance == instance && session->turn != 0 &&
           (session->state == SESSION_WATCHING || (session->state == SESSION_JOINING && session->audience == NULL));
}

/* All who watch there; `before`: see session_watch_again. */
static void
instances_watch_again(gateway_t *self, uint32_t index, const act_addr_t *before)
{
    gateway_instance_t *instance = &self->instances[index];
    instance->watch_again = false;
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        const session_t *session = &self->sessions[slot];
        if (instances_is_watching(session, index) && !session_watch_again(self, session, before)) {
            instance->watch_again = true; /* at the next beat */
        }
    }
}

void
instances_view(gateway_t *self)
{
    bool beat = false;
    act_trace_set(self->ctx, act_trace_new(self->ctx));
    for (uint32_t i = 0; i < self->instances_count; i++) {
        gateway_instance_t *instance = &self->instances[i];
        act_addr_t before = instance->queue;
        beat |= instances_look(self, ACT_KIND_ADMISSION, instance, &instance->admission);
        if (instances_look(self, ACT_KIND_QUEUE, instance, &instance->queue)) {
            instances_watch_again(self, i, &before);
        }
    }
    if (beat) {
        instances_beat(self);
    }
}

void
instances_beat(gateway_t *self)
{
    msg_admission_beat_t beat = {0};
    memcpy(beat.holder, self->session_prefix, sizeof(self->session_prefix));
    act_trace_set(self->ctx, act_trace_new(self->ctx));
    for (uint32_t i = 0; i < self->instances_count; i++) {
        send_admission_beat(self->ctx, self->instances[i].id, &beat); /* refused: the next one will do */
        if (self->instances[i].watch_again) {
            instances_watch_again(self, i, NULL);
        }
    }
    act_timer_start(self->ctx, GATEWAY_TIMER_BEAT, GATEWAY_BEAT_USEC);
}

void
instances_on_report(gateway_t *self, const msg_gateway_report_t *msg)
{
    uint32_t instance = instances_find(self, msg->instance);
    msg_admission_held_t held = {.marker = msg->marker};
    const uint32_t held_max = sizeof(held.sessions) / sizeof(held.sessions[0]);
    memcpy(held.holder, self->session_prefix, sizeof(self->session_prefix));
    for (uint32_t slot = 0; slot < self->sessions_used; slot++) {
        const session_t *session = &self->sessions[slot];
        if (session->turn == 0 || session->instance != instance) {
            continue;
        }
        if (held.sessions_len == held_max) {
            if (!send_admission_held(self->ctx, msg->instance, &held)) {
                return; /* without the last one nothing follows from them; it asks again */
            }
            held.sessions_len = 0;
        }
        obj_held_session_t *row = &held.sessions[held.sessions_len++];
        row->turn = session->turn;
        row->connection = (int64_t)session_handle(self, session);
        memcpy(row->session_id, session->session_id, sizeof(row->session_id));
    }
    held.last = true;
    send_admission_held(self->ctx, msg->instance, &held);
}
