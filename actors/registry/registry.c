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

secret_fault_t
registry_secret_fault(registry_result_t result)
{
    switch (result) {
    case REGISTRY_SPENT:
        return SECRET_FAULT_SPENT;
    case REGISTRY_EXPIRED:
        return SECRET_FAULT_EXPIRED;
    case REGISTRY_WAITING:
        return SECRET_FAULT_WAITING;
    case REGISTRY_FULL: /* in these the secret may be good: it was not looked at to the end */
    case REGISTRY_LOST:
    case REGISTRY_CLOSED:
    case REGISTRY_UNAVAILABLE:
        return SECRET_FAULT_UNAVAILABLE;
    default:
        return SECRET_FAULT_UNKNOWN;
    }
}

void
registry_destroy(registry_t **self_p)
{
    if (*self_p != NULL) {
        (*self_p)->destroy(*self_p);
        *self_p = NULL;
    }
}
