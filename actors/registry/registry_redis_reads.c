/* Reading, and the switches. */
#include "registry_redis_call.h"
#include "registry_redis_form.h"

static registry_result_t
redis_find(registry_t *port, act_usec_t now, const char *instance, const char *what, const char *id,
           registry_session_t *session, uint32_t *place)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_find, instance);
    call_text(&call, what);
    call_text(&call, id);
    if (call_run(&call) == REGISTRY_OK) {
        *place = (uint32_t)call_take_number(&call, 0, UINT32_MAX);
        call_take_session(&call, session);
    }
    return call_end(&call);
}

static registry_result_t
redis_find_session(registry_t *port, act_usec_t now, const char *instance, const char *session_id,
                   registry_session_t *session, uint32_t *place)
{
    return redis_find(port, now, instance, "session", session_id, session, place);
}

static registry_result_t
redis_find_character(registry_t *port, act_usec_t now, const char *instance, const char *character_id,
                     registry_session_t *session, uint32_t *place)
{
    return redis_find(port, now, instance, "character", character_id, session, place);
}

static registry_result_t
redis_count(registry_t *port, act_usec_t now, const char *instance, registry_count_t *count)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_count, instance);
    if (call_run(&call) == REGISTRY_OK) {
        count->connecting = (uint32_t)call_take_number(&call, 0, UINT32_MAX);
        count->active = (uint32_t)call_take_number(&call, 0, UINT32_MAX);
        count->grace = (uint32_t)call_take_number(&call, 0, UINT32_MAX);
        count->waiting = (uint32_t)call_take_number(&call, 0, UINT32_MAX);
        count->version = call_take_number(&call, 0, REDIS_INT_MAX);
    }
    return call_end(&call);
}

static registry_result_t
redis_waiting(registry_t *port, act_usec_t now, const char *instance, int64_t *numbers, uint32_t max, uint32_t *count)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_waiting, instance);
    call_number(&call, max);
    *count = 0;
    if (call_run(&call) == REGISTRY_OK) {
        while (call_left(&call) > 0 && *count < max) {
            numbers[(*count)++] = call_take_number(&call, 0, REDIS_INT_MAX);
        }
    }
    return call_end(&call);
}

static registry_result_t
redis_list(registry_t *port, act_usec_t now, const char *instance, int64_t after, registry_session_t *sessions,
           uint32_t max, uint32_t *count)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_list, instance);
    call_number(&call, after);
    call_number(&call, max);
    *count = 0;
    if (call_run(&call) == REGISTRY_OK) {
        while (call_left(&call) > 0 && *count < max) {
            call_take_session(&call, &sessions[(*count)++]);
        }
    }
    return call_end(&call);
}

static registry_result_t
redis_get_switches(registry_t *port, act_usec_t now, const char *instance, registry_switches_t *switches)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_get_switches, instance);
    if (call_run(&call) == REGISTRY_OK) {
        switches->capacity = (uint32_t)call_take_number(&call, 0, UINT32_MAX);
        switches->drain = call_take_number(&call, 0, 1) == 1;
        switches->maintenance = call_take_number(&call, 0, 1) == 1;
    }
    return call_end(&call);
}

static registry_result_t
redis_set_switches(registry_t *port, act_usec_t now, const char *instance, const registry_switches_t *switches)
{
    redis_call_t call;
    call_begin(&call, port, now, &redis_script_set_switches, instance);
    call_number(&call, switches->capacity);
    call_number(&call, switches->drain);
    call_number(&call, switches->maintenance);
    call_run(&call);
    return call_end(&call);
}

void
redis_form_reads(registry_t *port)
{
    port->find_session = redis_find_session;
    port->find_character = redis_find_character;
    port->count = redis_count;
    port->waiting = redis_waiting;
    port->list = redis_list;
    port->get_switches = redis_get_switches;
    port->set_switches = redis_set_switches;
}
