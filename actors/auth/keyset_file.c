#include "keyset_shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct keyset_file {
    keyset_t port;
    keyset_shelf_t shelf;
    struct stat seen; /* of the reading before; all zero: none */
    char path[];
} keyset_file_t;

/* The whole file, malloc'd; NULL when it cannot be read or is too large. */
static char *
keyset_file_load(const char *path, struct stat *seen)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return NULL;
    }
    char *text = NULL;
    if (fstat(file, seen) == 0 && S_ISREG(seen->st_mode) && seen->st_size <= KEYSET_BYTES_MAX) {
        text = keyset_allocate(KEYSET_BYTES_MAX + 2);
        size_t used = 0;
        ssize_t got = 0;
        do {
            got = read(file, text + used, KEYSET_BYTES_MAX + 1 - used);
            used += got > 0 ? (size_t)got : 0;
        } while (got > 0 || (got < 0 && errno == EINTR));
        if (got < 0 || used > KEYSET_BYTES_MAX || memchr(text, '\0', used) != NULL) {
            free(text);
            text = NULL;
        }
    }
    close(file);
    return text;
}

static void
keyset_file_read(keyset_file_t *self)
{
    memset(&self->seen, 0, sizeof self->seen);
    keyset_shelf_put(&self->shelf, keyset_file_load(self->path, &self->seen));
}

static bool
keyset_file_changed(const keyset_file_t *self)
{
    struct stat now;
    if (stat(self->path, &now) != 0) {
        return self->seen.st_ino != 0;
    }
    return now.st_ino != self->seen.st_ino || now.st_size != self->seen.st_size ||
           now.st_mtim.tv_sec != self->seen.st_mtim.tv_sec || now.st_mtim.tv_nsec != self->seen.st_mtim.tv_nsec;
}

static void
keyset_file_refresh(keyset_t *port)
{
    keyset_file_t *self = (keyset_file_t *)port;
    pthread_mutex_lock(&self->shelf.lock);
    keyset_file_read(self);
    pthread_mutex_unlock(&self->shelf.lock);
}

static keyset_state_t
keyset_file_poll(keyset_t *port, uint64_t *generation, char **jwks)
{
    keyset_file_t *self = (keyset_file_t *)port;
    pthread_mutex_lock(&self->shelf.lock);
    if (keyset_file_changed(self)) {
        keyset_file_read(self);
    }
    keyset_state_t state = keyset_shelf_poll(&self->shelf, generation, jwks);
    pthread_mutex_unlock(&self->shelf.lock);
    return state;
}

static void
keyset_file_destroy(keyset_t *port)
{
    keyset_file_t *self = (keyset_file_t *)port;
    keyset_shelf_fini(&self->shelf);
    free(self);
}

keyset_t *
keyset_file_new(const char *path)
{
    size_t size = strlen(path) + 1;
    keyset_file_t *self = keyset_allocate(sizeof *self + size);
    self->port = (keyset_t){keyset_file_refresh, keyset_file_poll, keyset_file_destroy};
    keyset_shelf_init(&self->shelf, KEYSET_AWAY);
    memcpy(self->path, path, size);
    return &self->port;
}
