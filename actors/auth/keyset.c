#include "keyset.h"
#include "keyset_shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
keyset_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fprintf(stderr, "auth: out of memory\n");
        abort();
    }
    return memory;
}

static char *
keyset_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(keyset_allocate(size), text, size);
}

void
keyset_shelf_init(keyset_shelf_t *self, keyset_state_t state)
{
    pthread_mutex_init(&self->lock, NULL);
    self->text = NULL;
    self->generation = 0;
    self->state = state;
}

void
keyset_shelf_fini(keyset_shelf_t *self)
{
    pthread_mutex_destroy(&self->lock);
    free(self->text);
}

void
keyset_shelf_put(keyset_shelf_t *self, char *text)
{
    self->state = text != NULL ? KEYSET_READY : KEYSET_AWAY;
    if (text == NULL) {
        return;
    }
    if (self->text != NULL && strcmp(self->text, text) == 0) {
        free(text);
        return;
    }
    free(self->text);
    self->text = text;
    self->generation++;
}

keyset_state_t
keyset_shelf_poll(const keyset_shelf_t *self, uint64_t *generation, char **jwks)
{
    *jwks = NULL;
    if (*generation != self->generation) {
        *jwks = keyset_copy(self->text);
        *generation = self->generation;
    }
    return self->state;
}

typedef struct keyset_text {
    keyset_t port;
    keyset_shelf_t shelf;
} keyset_text_t;

static void
keyset_text_refresh(keyset_t *self)
{
    (void)self; /* the text is what it is */
}

static keyset_state_t
keyset_text_poll(keyset_t *port, uint64_t *generation, char **jwks)
{
    keyset_text_t *self = (keyset_text_t *)port;
    pthread_mutex_lock(&self->shelf.lock);
    keyset_state_t state = keyset_shelf_poll(&self->shelf, generation, jwks);
    pthread_mutex_unlock(&self->shelf.lock);
    return state;
}

static void
keyset_text_destroy(keyset_t *port)
{
    keyset_text_t *self = (keyset_text_t *)port;
    keyset_shelf_fini(&self->shelf);
    free(self);
}

keyset_t *
keyset_text_new(const char *jwks)
{
    keyset_text_t *self = keyset_allocate(sizeof *self);
    self->port = (keyset_t){keyset_text_refresh, keyset_text_poll, keyset_text_destroy};
    keyset_shelf_init(&self->shelf, KEYSET_READY);
    keyset_shelf_put(&self->shelf, keyset_copy(jwks));
    return &self->port;
}

keyset_t *
keyset_open(const char *where, const char *issuer, char *error, size_t error_size)
{
    if (*where == '\0') {
        return keyset_discover_new(issuer, error, error_size);
    }
    return strstr(where, "://") != NULL ? keyset_https_new(where, error, error_size) : keyset_file_new(where);
}

void
keyset_destroy(keyset_t **self_p)
{
    if (*self_p != NULL) {
        (*self_p)->destroy(*self_p);
        *self_p = NULL;
    }
}
