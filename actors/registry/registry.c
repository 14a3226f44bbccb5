#include "registry.h"

const char *const registry_result_names[REGISTRY_RESULT_COUNT] = {
    [REGISTRY_OK] = "OK",
    [REGISTRY_QUEUED] = "QUEUED",
    [REGISTRY_FULL] = "FULL",
    [REGISTRY_EXISTS] = "EXISTS",
    [REGISTRY_REPEATED] = "REPEATED",
    [REGISTRY_DRAINING] = "DRAINING",
    [REGISTRY_MAINTENANCE] = "MAINTENANCE",
    [REGISTRY_UNKNOWN] = "UNKNOWN",
    [REGISTRY_SPENT] = "SPENT",
    [REGISTRY_EXPIRED] = "EXPIRED",
    [REGISTRY_WAITING] = "WAITING",
    [REGISTRY_STALE] = "STALE",
    [REGISTRY_CLOSED] = "CLOSED",
    [REGISTRY_LOST] = "LOST",
    [REGISTRY_UNAVAILABLE] = "UNAVAILABLE",
};

void
registry_destroy(registry_t **self_p)
{
    if (*self_p != NULL) {
        (*self_p)->destroy(*self_p);
        *self_p = NULL;
    }
}
