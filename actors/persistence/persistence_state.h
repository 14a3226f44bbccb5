/* persistence_state -- what the files of the persistence actor share; nobody else includes it. */
#ifndef PLAYHOUSE_PERSISTENCE_STATE_H
#define PLAYHOUSE_PERSISTENCE_STATE_H

#include "persistence.h"

enum {
    ROOMS_CAP = 4096, /* leases remembered; when full all are forgotten, and each room takes a new one */
    ROOM_SLOTS = 8192,
};

/* What a room may append under, and how far it is. */
typedef struct lease {
    char room[sizeof(((msg_persistence_append_t *)0)->room)];
    int64_t epoch;        /* 0: a free slot */
    int64_t accepted;     /* number of the last append taken into a batch */
    store_result_t fault; /* not OK: this epoch is refused until the next load_room */
    bool touched;         /* in `touched`: something came since the last flush */
    act_addr_t from;      /* where its appends come from */
} lease_t;

typedef enum persistence_timer {
    TIMER_WINDOW,   /* the batch has waited for company long enough */
    TIMER_MAINTAIN, /* on the first thread only */
} persistence_timer_t;

typedef struct persistence {
    const persistence_config_t *config;
    store_t *store;           /* this thread's */
    cache_t *cache;           /* this thread's, or NULL */
    bool failing;             /* the last commit of actions failed */
    bool refusing[MSG_COUNT]; /* by request: the last one found the store away or full */
    bool maintain_failing;    /* the last maintain failed */
    bool cache_away;          /* as it was when it was looked at last */
    act_usec_t cache_ping_at;
    uint32_t leases_count;
    uint32_t touched_count;
    uint32_t batch_count;
    lease_t leases[ROOM_SLOTS]; /* open addressing */
    lease_t *touched[ROOMS_CAP];
    msg_persistence_append_t batch[STORE_BATCH_MAX];
    /* Sessions to be saved, and who asked for it: heads without their bodies. */
    bool sessions_failing; /* the last commit of sessions failed */
    uint32_t saves_count;
    msg_t save_requests[STORE_SESSIONS_MAX];
    msg_persistence_save_session_t saves[STORE_SESSIONS_MAX];
} persistence_t;

/* persistence.c: has the store done what was asked? If not, persistence.failed is said; that it is away or full is
 * logged once for each kind of request, until it is done again. */
bool persistence_did(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, store_result_t result);

/* persistence_batch.c */
void persistence_on_append(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                           const msg_persistence_append_t *append);
void persistence_on_load_room(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                              const msg_persistence_load_room_t *ask);
/* Writes what waits, and tells each room how far it is. */
void persistence_commit(persistence_t *self, act_ctx_t *ctx);
/* A read that follows appends of this character sees them. */
void persistence_settle_character(persistence_t *self, act_ctx_t *ctx, const char *character_id);
/* Commits, or lets the batch wait for company. */
void persistence_flush_batch(persistence_t *self, act_ctx_t *ctx);
/* At the end: what waits is written, and nobody is told any more. */
void persistence_write_last(persistence_t *self, act_ctx_t *ctx);

/* persistence_characters.c */
void persistence_on_list_characters(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                    const msg_persistence_list_characters_t *ask);
void persistence_on_create_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                     const msg_persistence_create_character_t *ask);
void persistence_on_select_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                     const msg_persistence_select_character_t *ask);
void persistence_on_find_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                   const msg_persistence_find_character_t *ask);
void persistence_on_mute_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                   const msg_persistence_mute_character_t *ask);
/* Says in the log when the cache goes, and when it is back. */
void persistence_watch_cache(persistence_t *self, act_ctx_t *ctx);

/* persistence_sessions.c. Saves are collected; whatever else is asked about sessions and instances comes after them. */
void persistence_commit_sessions(persistence_t *self, act_ctx_t *ctx);
void persistence_on_save_session(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                 const msg_persistence_save_session_t *save);
void persistence_on_load_sessions(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                  const msg_persistence_load_sessions_t *ask);
void persistence_on_save_instance(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                  const msg_persistence_save_instance_t *save);
void persistence_on_load_instance(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                  const msg_persistence_load_instance_t *ask);

#endif
