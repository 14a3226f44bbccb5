/* admission -- may this character in? Decides seats through the registry port; see README.md. */
#ifndef PLAYHOUSE_ADMISSION_H
#define PLAYHOUSE_ADMISSION_H

#include "act.h"
#include "registry.h"

enum {
    ADMISSION_FIND_USEC = 8 * ACT_SEC, /* how long the store may take; leaves time to say so within the 10 s */
    ADMISSION_RETRY_SECONDS = 5,       /* what a refusal for want of a seat says: try again after */
};

/* Given by main.c, borrowed for as long as the kind runs. */
typedef struct admission_config {
    registry_t *registry;         /* borrowed; one for all states of the process */
    const char *const *instances; /* names, NULL at the end; connects to others are INVALID_INSTANCE */
    const char *build;            /* the one build that is let in */
    registry_limits_t limits;
} admission_config_t;

extern const act_kind_t admission_kind;

#endif
