#include "session_saver.h"

#include <stdlib.h>
#include <string.h>

#include "send.h"
#include "fnv.h"

enum {
    SAVER_BUCKETS = 4096,
    SAVER_NONE = UINT32_MAX,
    SAVER_RETRIES_MAX = 1024, /* sent again in one tick */
};

typedef struct save {
    bool used;
    bool asked;    /* a request is out */
    uint32_t turn; /* of this slot: an answer to an earlier use of it means nothing */
    uint32_t next; /* of the same bucket, or free */
    uint32_t seats_max;
    void *waiting;
    registry_session_t session;
} save_t;

struct saver {
    saver_done_fn *done;
    void *actor;
    save_t **saves; /* each allocated for itself: a row is large, and pointers stay */
    uint32_t top, size, free_first;
    uint32_t used; /* saves that are under way, */
    uint32_t idle; /* and those of them that are not asked */
    uint32_t next_retry;
    uint32_t buckets[SAVER_BUCKETS];
};

saver_t *
saver_new(saver_done_fn *done, void *actor)
{
    saver_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->done = done;
    self->actor = actor;
    self->free_first = SAVER_NONE;
    for (uint32_t i = 0; i < SAVER_BUCKETS; i++) {
        self->buckets[i] = SAVER_NONE;
    }
    return self;
}

void
saver_destroy(saver_t **self_p, void (*drop)(void *waiting))
{
    saver_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->top; i++) {
        if (self->saves[i]->used && self->saves[i]->waiting != NULL) {
            drop(self->saves[i]->waiting);
        }
        free(self->saves[i]);
    }
    free(self->saves);
    free(self);
    *self_p = NULL;
}

static uint32_t *
saver_bucket(saver_t *self, const char *session_id)
{
    uint32_t hash = fnv32_text(FNV_32, session_id);
    return &self->buckets[(hash ^ hash >> 15) % SAVER_BUCKETS];
}

static save_t *
saver_take(saver_t *self, uint32_t *slot)
{
    *slot = self->free_first;
    if (*slot != SAVER_NONE) {
        self->free_first = self->saves[*slot]->next;
        return self->saves[*slot];
    }
    if (self->top == self->size) {
        self->size = self->size == 0 ? 64 : self->size * 2;
        save_t **grown = realloc(self->saves, self->size * sizeof(save_t *));
        ACT_ASSERT(grown != NULL);
        self->saves = grown;
    }
    *slot = self->top++;
    self->saves[*slot] = calloc(1, sizeof(save_t));
    ACT_ASSERT(self->saves[*slot] != NULL);
    return self->saves[*slot];
}

static void
saver_free(saver_t *self, uint32_t slot)
{
    save_t *save = self->saves[slot];
    uint32_t *link = saver_bucket(self, save->session.session_id);
    while (*link != slot) {
        link = &self->saves[*link]->next;
    }
    *link = save->next;
    self->used--;
    self->idle -= !save->asked;
    save->used = false;
    save->waiting = NULL;
    save->turn++;
    save->next = self->free_first;
    self->free_first = slot;
}

const registry_session_t *
saver_newer(const saver_t *self, const char *session_id, int64_t version)
{
    const registry_session_t *newest = NULL;
    for (uint32_t slot = *saver_bucket((saver_t *)self, session_id); slot != SAVER_NONE;
         slot = self->saves[slot]->next) {
        const save_t *save = self->saves[slot];
        if (save->session.version > version && strcmp(save->session.session_id, session_id) == 0) {
            newest = &save->session;
            version = newest->version;
        }
    }
    return newest;
}

static void
saver_ask(saver_t *self, act_ctx_t *ctx, uint32_t slot)
{
    save_t *save = self->saves[slot];
    msg_persistence_save_session_t body = {.session = save->session, .seats_max = save->seats_max};
    self->idle -= !save->asked;
    save->asked = true;
    uint64_t context = (uint64_t)SAVER_CONTEXT << 56 | (uint64_t)(save->turn & 0xffffff) << 32 | slot;
    request_persistence_save_session(ctx, save->session.instance, &body, SAVER_SAVE_USEC, context);
}

void
saver_save(saver_t *self, act_ctx_t *ctx, const registry_session_t *session, uint32_t seats_max, void *waiting)
{
    uint32_t slot;
    save_t *save = saver_take(self, &slot);
    uint32_t *bucket = saver_bucket(self, session->session_id);
    self->used++;
    save->used = true;
    save->asked = true;
    save->seats_max = seats_max;
    save->waiting = waiting;
    save->session = *session;
    save->next = *bucket;
    *bucket = slot;
    saver_ask(self, ctx, slot);
}

bool
saver_is_mine(const msg_t *msg)
{
    return msg->context >> 56 == SAVER_CONTEXT;
}

/* Which save an answer is for; SAVER_NONE: of an earlier life. */
static uint32_t
saver_slot_of(const saver_t *self, const msg_t *msg)
{
    uint32_t slot = (uint32_t)msg->context, turn = (uint32_t)(msg->context >> 32) & 0xffffff;
    if (slot >= self->top || !self->saves[slot]->used || (self->saves[slot]->turn & 0xffffff) != turn) {
        return SAVER_NONE;
    }
    return slot;
}

/* This version is stored: what failed of an earlier one is not to be tried again. */
static void
saver_free_older(saver_t *self, const registry_session_t *session)
{
    for (uint32_t slot = *saver_bucket(self, session->session_id), next; slot != SAVER_NONE; slot = next) {
        const save_t *save = self->saves[slot];
        next = save->next;
        if (!save->asked && save->session.version < session->version &&
            strcmp(save->session.session_id, session->session_id) == 0) {
            saver_free(self, slot);
        }
    }
}

void
saver_answer(saver_t *self, act_ctx_t *ctx, const msg_t *msg)
{
    uint32_t slot = saver_slot_of(self, msg);
    if (slot == SAVER_NONE) {
        return;
    }
    save_t *save = self->saves[slot];
    saver_outcome_t outcome = SAVER_UNSAVED;
    session_conflict_t conflict = SESSION_CONFLICT_NONE;
    if (msg->type == MSG_PERSISTENCE_SESSION_SAVED) {
        conflict = ((const msg_persistence_session_saved_t *)msg->body)->conflict;
        outcome = conflict == SESSION_CONFLICT_NONE ? SAVER_STORED : SAVER_CONFLICT;
    }
    void *waiting = save->waiting;
    save->waiting = NULL;
    registry_session_t session = save->session;
    if (outcome == SAVER_UNSAVED && self->idle < SAVER_UNSAVED_MAX &&
        saver_newer(self, session.session_id, session.version) == NULL) {
        save->asked = false; /* the next tick sends it again */
        self->idle++;
    } else {
        saver_free(self, slot);
    }
    if (outcome == SAVER_STORED) {
        saver_free_older(self, &session);
    }
    self->done(self->actor, ctx, &session, outcome, conflict, waiting);
}

bool
saver_is_idle(const saver_t *self)
{
    return self->used == 0;
}

void
saver_tick(saver_t *self, act_ctx_t *ctx)
{
    for (uint32_t i = 0, sent = 0; i < self->top && self->idle > 0 && sent < SAVER_RETRIES_MAX; i++) {
        uint32_t slot = self->next_retry++ % self->top;
        save_t *save = self->saves[slot];
        if (!save->used || save->asked) {
            continue;
        }
        if (saver_newer(self, save->session.session_id, save->session.version) != NULL) {
            saver_free(self, slot);
        } else {
            saver_ask(self, ctx, slot);
            sent++;
        }
    }
}
