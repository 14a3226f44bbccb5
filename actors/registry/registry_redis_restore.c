/* Restoring: what the store knows is told to a Redis that has lost it. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "registry_redis_call.h"
#include "registry_redis_form.h"

/* The number of a room in its name: <instance>/main is 1, <instance>/main-2 is 2. 0: it is not such a name. */
static int64_t
room_number(const registry_session_t *session)
{
    const size_t length = strlen(session->instance);
    const char *text = session->room;
    if (strncmp(text, session->instance, length) != 0 || strncmp(text + length, "/main", 5) != 0) {
        return 0;
    }
    text += length + 5;
    if (*text == '\0') {
        return 1;
    }
    int64_t number = 0;
    if (*text++ != '-' || *text < '1' || *text > '9') {
        return 0;
    }
    for (; *text >= '0' && *text <= '9' && number <= UINT32_MAX; text++) {
        number = number * 10 + (*text - '0');
    }
    return *text == '\0' && number >= 2 && number <= UINT32_MAX ? number : 0;
}

static void
call_row(redis_call_t *self, const registry_session_t *session)
{
    call_text(self, session->session_id);
    call_text(self, session->character_id);
    call_text(self, session->user_id);
    call_text(self, session->name);
    call_name(self, role_names, ROLE_COUNT, session->role);
    call_name(self, session_state_names, SESSION_STATE_COUNT, session->state);
    call_number(self, room_number(session));
    call_text(self, session->holder);
    call_number(self, session->connection);
    call_number(self, session->number);
    call_number(self, session->version);
    call_number(self, session->turn);
    call_bytes(self, session->secret, session->secret_len <= SECRET_HASH_SIZE ? session->secret_len : 0);
    call_number(self, session->left_ms);
    call_number(self, session->auth_until);
}

static void
draw_generation(char text[REDIS_GENERATION_SIZE])
{
    uint64_t bits;
    ssize_t got = getrandom(&bits, sizeof bits, 0);
    ACT_ASSERT(got == (ssize_t)sizeof bits);
    snprintf(text, REDIS_GENERATION_SIZE, "%016llx", (unsigned long long)bits);
}

static registry_result_t
redis_restore_begin(registry_t *port, act_usec_t now, const char *instance, int64_t number,
                    const registry_switches_t *switches)
{
    redis_call_t call;
    char fresh[REDIS_GENERATION_SIZE], generation[REDIS_GENERATION_SIZE];
    draw_generation(fresh);
    call_begin(&call, port, now, &redis_script_restore_begin, instance);
    if (!call_may_remember(&call)) {
        return call_end(&call);
    }
    call_text(&call, fresh);
    call_number(&call, number);
    call_number(&call, call.self->window_msec);
    call_number(&call, switches->capacity);
    call_number(&call, switches->drain);
    call_number(&call, switches->maintenance);
    if (call_run(&call) == REGISTRY_OK) {
        call_take_text(&call, generation, sizeof generation);
        memcpy(call_remember(&call)->joining, generation, sizeof generation);
    }
    return call_end(&call);
}

/* What was begun; or, when nothing was, what has been restored. */
static const char *
generation_of(const redis_call_t *call)
{
    return *call->instance->joining != '\0' ? call->instance->joining : call->instance->generation;
}

/* Those that have ended there, and the version that the store is to hear. */
static void
call_take_ended(redis_call_t *self, registry_session_t *sessions, uint32_t count)
{
    const int64_t ended = call_take_number(self, 0, count);
    for (int64_t i = 0; i < ended && !self->failed; i++) {
        registry_session_t *session = &sessions[call_take_number(self, 1, count) - 1];
        session->version = call_take_number(self, session->version + 1, INT64_MAX);
        session->state = SESSION_STATE_ENDED;
        session->secret_len = 0;
    }
}

static registry_result_t
restore_rows(registry_t *port, act_usec_t now, const char *instance, registry_session_t *sessions, uint32_t count,
             const registry_limits_t *limits)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_restore_add, instance);
    call_text(&call, generation_of(&call));
    call_number(&call, limits->ticket_msec);
    call_number(&call, limits->grace_msec);
    call_number(&call, limits->room_size);
    call_number(&call, count);
    for (uint32_t i = 0; i < count; i++) {
        call_row(&call, &sessions[i]);
    }
    if (call_run(&call) == REGISTRY_OK) {
        call_take_ended(&call, sessions, count);
    }
    return call_end(&call);
}

static registry_result_t
redis_restore_add(registry_t *port, act_usec_t now, const char *instance, registry_session_t *sessions, uint32_t count,
                  const registry_limits_t *limits)
{
    registry_result_t result = REGISTRY_OK;
    for (uint32_t at = 0; at < count && result == REGISTRY_OK; at += REDIS_ROWS_MAX) {
        const uint32_t left = count - at;
        result =
            restore_rows(port, now, instance, sessions + at, left < REDIS_ROWS_MAX ? left : REDIS_ROWS_MAX, limits);
    }
    return result;
}

static registry_result_t
redis_restore_end(registry_t *port, act_usec_t now, const char *instance)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_restore_end, instance);
    call_text(&call, generation_of(&call));
    if (call_run(&call) == REGISTRY_OK && *call.instance->joining != '\0') {
        memcpy(call.instance->generation, call.instance->joining, sizeof call.instance->generation);
        call.instance->joining[0] = '\0';
        call.instance->revision = call.revision;
    }
    return call_end(&call);
}

static registry_result_t
redis_join(registry_t *port, act_usec_t now, const char *instance)
{
    redis_call_t call;
    char generation[REDIS_GENERATION_SIZE];
    call_begin(&call, port, now, &redis_script_join, instance);
    if (!call_may_remember(&call)) {
        return call_end(&call);
    }
    if (call_run(&call) == REGISTRY_OK) {
        call_take_text(&call, generation, sizeof generation);
        redis_instance_t *joined = call_remember(&call);
        memcpy(joined->generation, generation, sizeof joined->generation);
        joined->revision = call.revision;
    }
    return call_end(&call);
}

static registry_result_t
redis_forget(registry_t *port, act_usec_t now, const char *instance)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_forget, instance);
    if (call_run(&call) == REGISTRY_OK) {
        call_forget(&call);
    }
    return call_end(&call);
}

void
redis_form_restore(registry_t *port)
{
    port->restore_begin = redis_restore_begin;
    port->restore_add = redis_restore_add;
    port->restore_end = redis_restore_end;
    port->join = redis_join;
    port->forget = redis_forget;
}
