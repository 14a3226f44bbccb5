/* nearest -- which known word somebody may have meant: by edit distance, at most a third of the word. */
#ifndef PLAYHOUSE_NEAREST_H
#define PLAYHOUSE_NEAREST_H

#include <stddef.h>

enum { NEAREST_WORD_CAP = 128 }; /* bytes compared; the rest of a longer word is ignored */

typedef struct nearest {
    const char *word; /* borrowed */
    size_t distance;
    char best[NEAREST_WORD_CAP];
} nearest_t;

nearest_t nearest_start(const char *word);
void nearest_offer(nearest_t *self, const char *known);
/* Writes "; did you mean 'known'?", or "" when nothing known is near. */
void nearest_hint(const nearest_t *self, char *hint, size_t size);

#endif
