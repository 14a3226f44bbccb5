#include "store_names.h"

#include <string.h>

bool
store_name_find(const char *const *names, int count, const char *name, int *out)
{
    for (*out = 0; *out < count; (*out)++) {
        if (strcmp(names[*out], name) == 0) {
            return true;
        }
    }
    return false;
}
