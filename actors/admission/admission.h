/*
 * admission -- may this character in, and who holds which session? Decides through the registry port and answers when
 * the store has it; see README.md, and docs/admission.md for the states.
 *
 * Owns   the connects that wait, the gateways it hears of, what an operator has switched
 * Hears  admission.* (schemas/admission.json)
 * Says   persistence.find_character, save_session, load_sessions, save_instance, load_instance; queue.changed,
 *        queue.forget; room.mute; gateway.end, gateway.notice, gateway.report
 * Timers TICK, once a second: deadlines, gateways that fell silent, what was not stored, the way back from degraded
 */
#ifndef PLAYHOUSE_ADMISSION_H
#define PLAYHOUSE_ADMISSION_H

#include "act.h"
#include "registry.h"

enum {
    ADMISSION_FIND_USEC = 8 * ACT_SEC, /* how long the store may take; leaves time to say so within the 10 s */
    ADMISSION_DEFERRED_MAX = 16384, /* messages that wait while the registry is rebuilt; over it the oldest are dropped,
                                       and whoever asked hears its deadline */
    ADMISSION_GATEWAYS_MAX = 256,   /* gateway threads that are heard of at once; more are not told anything */
};

/* Given by main.c, borrowed for as long as the kind runs. */
typedef struct admission_config {
    registry_t *registry;         /* borrowed; one for all states of the process */
    const char *const *instances; /* names, NULL at the end; connects to others are INVALID_INSTANCE */
    const char *build;            /* the one build that is let in */
    bool replacement;             /* false: ALREADY_IN_SESSION instead of REPLACEMENT_REQUIRED */
    registry_limits_t limits;
    registry_attempt_limits_t attempts;
} admission_config_t;

extern const act_kind_t admission_kind;

#endif
