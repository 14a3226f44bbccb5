/*
 * session_saver -- brings sessions into the store, on behalf of the actor it stands in (admission, queue): each change
 * is sent with its version, so that the store takes the newest in whatever order they come; what was not stored is
 * sent again on the next tick, until it is or a newer version was.
 *
 * A save may have something waiting for it (an answer to be given, a push): the actor gets it back when the store has
 * answered.
 */
#ifndef PLAYHOUSE_SESSION_SAVER_H
#define PLAYHOUSE_SESSION_SAVER_H

#include "act.h"
#include "registry.h"

enum {
    SAVER_SAVE_USEC = 3 * ACT_SEC, /* less than a gateway waits: whoever waits can still be answered */
    SAVER_UNSAVED_MAX = 65536,     /* sessions that wait to be sent again; beyond it one is given up, and found by the
                                      registry's rebuild at the latest */
    SAVER_CONTEXT = 0x5a,          /* highest byte of the context of its requests */
};

typedef struct saver saver_t;

/* What became of a save: STORED, or the conflict, or UNSAVED (the store is away; it goes on trying). */
typedef enum saver_outcome { SAVER_STORED, SAVER_CONFLICT, SAVER_UNSAVED } saver_outcome_t;

/* `waiting` is what was given to saver_save, or NULL; the actor owns it again. */
typedef void saver_done_fn(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
                           session_conflict_t conflict, void *waiting);

saver_t *saver_new(saver_done_fn *done, void *actor);
/* What still waits is handed to `drop`, which frees it. */
void saver_destroy(saver_t **self_p, void (*drop)(void *waiting));

/* seats_max: see persistence.save_session. `waiting` may be NULL. */
void saver_save(saver_t *self, act_ctx_t *ctx, const registry_session_t *session, uint32_t seats_max, void *waiting);
/* An answer (persistence.session_saved, persistence.failed or act.no_answer) with the saver's context. */
bool saver_is_mine(const msg_t *msg);
void saver_answer(saver_t *self, act_ctx_t *ctx, const msg_t *msg);
/* All that it was given is stored, given up or overtaken. */
bool saver_is_idle(const saver_t *self);
/* Sends again what was not stored. */
void saver_tick(saver_t *self, act_ctx_t *ctx);
/* The newest version of this session that is still to be stored, if it is above `version`: then what was loaded of it
 * is old. NULL: there is none. */
const registry_session_t *saver_newer(const saver_t *self, const char *session_id, int64_t version);

#endif
