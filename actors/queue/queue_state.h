/*
 * queue_state -- what one instance's queue remembers, and what its files are to each other. Included by them alone.
 */
#ifndef PLAYHOUSE_QUEUE_STATE_H
#define PLAYHOUSE_QUEUE_STATE_H

#include "queue.h"
#include "queue_pace.h"
#include "queue_watchers.h"
#include "session_saver.h"

enum { QUEUE_TICK_USEC = 1 * ACT_SEC };

typedef struct queue {
    const queue_config_t *config;
    bool open;    /* this key is an instance of ours */
    bool leaving; /* the key belongs elsewhere: seats are offered there; who still watches here is told on */
    bool changed; /* a seat may be free: see to it in flush */
    saver_t *saver;
    queue_watchers_t watchers;
    queue_pace_t pace;
    int64_t ms_per_place, told_ms_per_place;
    int64_t *numbers; /* of those who wait, as last read; `limits.queue_max` and more */
    uint32_t numbers_count, numbers_max;
} queue_t;

/* What is to be said when the store has it; given to the saver, which gives it back to queue_on_saved. */
typedef struct queue_waiting {
    msg_t request;                /* of an attach; without a correlation: a seat is offered */
    char token[SECRET_TEXT_SIZE]; /* of an attach */
} queue_waiting_t;

/* ---- queue_attach.c: who watches ---- */

void queue_on_attach(queue_t *self, act_ctx_t *ctx, const msg_t *request);
void queue_on_watching(queue_t *self, act_ctx_t *ctx, const msg_t *msg);
void queue_on_detach(queue_t *self, act_ctx_t *ctx, const msg_queue_detach_t *body);
void queue_on_locate(queue_t *self, act_ctx_t *ctx, const msg_t *request);
void queue_on_forget(queue_t *self, const msg_queue_forget_t *body);
void queue_on_saved(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
                    session_conflict_t conflict, void *data);
void queue_refuse(act_ctx_t *ctx, const msg_t *request, registry_result_t result);
/* For an attach, with the token that is to be told; NULL, NULL: for an offer. */
queue_waiting_t *queue_waiting_new(const msg_t *request, const char *token);

/* ---- queue_tell.c: what watchers hear ---- */

/* A seat is held for the one who watches: it may join with the token it has. */
void queue_admit(queue_t *self, act_ctx_t *ctx, queue_watcher_t *watcher);
/* The first word on a connection: where it stands, if it waits. */
void queue_tell_first(queue_t *self, act_ctx_t *ctx, queue_watcher_t *watcher);
/* All whose position has changed, at most once a second each; and who waits no more. */
void queue_tell_all(queue_t *self, act_ctx_t *ctx);
int64_t queue_eta_seconds(const queue_t *self, uint32_t position);

#endif
