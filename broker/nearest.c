#include "nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t
nearest_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
nearest_distance(const char *a, const char *b)
{
    size_t a_length = strnlen(a, NEAREST_WORD_CAP - 1);
    size_t b_length = strnlen(b, NEAREST_WORD_CAP - 1);
    size_t row[NEAREST_WORD_CAP];
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = nearest_min(changed, nearest_min(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_length];
}

nearest_t
nearest_start(const char *word)
{
    return (nearest_t){.word = word, .distance = SIZE_MAX};
}

void
nearest_offer(nearest_t *self, const char *known)
{
    size_t distance = nearest_distance(self->word, known);
    if (distance < self->distance) {
        self->distance = distance;
        snprintf(self->best, sizeof(self->best), "%s", known);
    }
}

void
nearest_hint(const nearest_t *self, char *hint, size_t size)
{
    size_t limit = nearest_min(strnlen(self->word, NEAREST_WORD_CAP), strlen(self->best)) / 3 + 1;
    hint[0] = '\0';
    if (self->distance <= limit) {
        snprintf(hint, size, "; did you mean '%s'?", self->best);
    }
}
