/* front_text -- text that grows in a place of fixed size; what does not fit is left out. */
#ifndef PLAYHOUSE_FRONT_TEXT_H
#define PLAYHOUSE_FRONT_TEXT_H

#include <stddef.h>

typedef struct front_text {
    char *text;
    size_t used, size; /* size: NUL included */
} front_text_t;

front_text_t front_text_to(char *text, size_t size);
void front_text_add(front_text_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
