/* store_names -- an enum of the schema, read back from the name that was written. */
#ifndef PLAYHOUSE_STORE_NAMES_H
#define PLAYHOUSE_STORE_NAMES_H

#include <stdbool.h>

/* False when it is none of them. */
bool store_name_find(const char *const *names, int count, const char *name, int *out);

#endif
