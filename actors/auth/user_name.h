/* user_name -- what may stand as a person's display name: 1..32 code points of printable UTF-8, no space at its ends.
 * Printable leaves out control characters, line breaks, and the invisible marks that turn or hide text. */
#ifndef PLAYHOUSE_USER_NAME_H
#define PLAYHOUSE_USER_NAME_H

#include <stdbool.h>

enum {
    USER_NAME_MAX = 32,                    /* code points */
    USER_NAME_SIZE = 4 * USER_NAME_MAX + 1 /* bytes, with the NUL */
};

bool user_name_valid(const char *text);

/* Makes a name of what an identity provider says: leaves out what is not printable, trims, cuts at 32 code points.
 * False: nothing is left, `out` is "". */
bool user_name_tidy(const char *text, char out[USER_NAME_SIZE]);

#endif
