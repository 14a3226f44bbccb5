#include "registry.h"

void
registry_destroy(registry_t **self_p)
{
    if (*self_p != NULL) {
        (*self_p)->destroy(*self_p);
        *self_p = NULL;
    }
}
