#include "queue_watchers.h"

#include <stdlib.h>
#include <string.h>

#include "fnv.h"

static queue_watcher_t **
queue_watchers_link(const queue_watchers_t *self, const char *session_id)
{
    uint32_t hash = fnv32_text(FNV_32, session_id);
    queue_watcher_t **link = (queue_watcher_t **)&self->buckets[(hash ^ hash >> 15) % QUEUE_WATCHER_BUCKETS];
    while (*link != NULL && strcmp((*link)->session_id, session_id) != 0) {
        link = &(*link)->next;
    }
    return link;
}

queue_watcher_t *
queue_watchers_find(const queue_watchers_t *self, const char *session_id)
{
    return *queue_watchers_link(self, session_id);
}

queue_watcher_t *
queue_watchers_add(queue_watchers_t *self, const char *session_id)
{
    queue_watcher_t **link = queue_watchers_link(self, session_id);
    if (*link != NULL) {
        return *link;
    }
    queue_watcher_t *watcher = calloc(1, sizeof *watcher);
    ACT_ASSERT(watcher != NULL);
    size_t length = strnlen(session_id, sizeof watcher->session_id - 1);
    memcpy(watcher->session_id, session_id, length);
    watcher->before = self->last;
    *(self->last != NULL ? &self->last->after : &self->first) = watcher;
    self->last = watcher;
    self->count++;
    *link = watcher;
    return watcher;
}

void
queue_watchers_remove(queue_watchers_t *self, queue_watcher_t *watcher)
{
    *queue_watchers_link(self, watcher->session_id) = watcher->next;
    *(watcher->before != NULL ? &watcher->before->after : &self->first) = watcher->after;
    *(watcher->after != NULL ? &watcher->after->before : &self->last) = watcher->before;
    self->count--;
    free(watcher);
}

void
queue_watchers_fini(queue_watchers_t *self)
{
    while (self->first != NULL) {
        queue_watchers_remove(self, self->first);
    }
}
