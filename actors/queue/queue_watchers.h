/* queue_watchers -- the connections that want to hear of their place, by session. */
#ifndef PLAYHOUSE_QUEUE_WATCHERS_H
#define PLAYHOUSE_QUEUE_WATCHERS_H

#include "registry.h"

enum { QUEUE_WATCHER_BUCKETS = 1024 };

typedef struct queue_watcher {
    struct queue_watcher *next;           /* of its bucket */
    struct queue_watcher *before, *after; /* of all, in the order they came */
    char session_id[sizeof((registry_session_t *)NULL)->session_id];
    act_addr_t gateway;
    int64_t connection, turn, number;
    uint32_t told_position, told_depth; /* 0: not told yet */
    act_usec_t told_at;                 /* once a second at most */
    bool reached;                       /* the process of its gateway was there when it was looked at last */
    bool attached;                      /* its gateway has been told that it watches, and listens for it */
    bool offered;                       /* a seat is held for it, and it is about to hear so */
} queue_watcher_t;

/* All zero is empty. */
typedef struct queue_watchers {
    queue_watcher_t *buckets[QUEUE_WATCHER_BUCKETS];
    queue_watcher_t *first, *last;
    uint32_t count;
} queue_watchers_t;

/* The watcher of this session, or NULL. */
queue_watcher_t *queue_watchers_find(const queue_watchers_t *self, const char *session_id);
/* A new one, or the one there is, to be filled. */
queue_watcher_t *queue_watchers_add(queue_watchers_t *self, const char *session_id);
void queue_watchers_remove(queue_watchers_t *self, queue_watcher_t *watcher);
void queue_watchers_fini(queue_watchers_t *self);

#endif
