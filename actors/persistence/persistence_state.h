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

typedef struct persistence {
    store_t *store;
    bool failing; /* the last commit of actions failed */
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

/* persistence.c: persistence.failed, and a line in the log when it is the store's own fault. */
void persistence_fail(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, store_result_t result);

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
