/* admission_state -- what the files of admission share. Private to this folder. */
#ifndef PLAYHOUSE_ADMISSION_STATE_H
#define PLAYHOUSE_ADMISSION_STATE_H

#include "admission.h"
#include "admission_pending.h"
#include "send.h"
#include "session_saver.h"

enum {
    ADMISSION_TICK_USEC = 1 * ACT_SEC,
    ADMISSION_SWEEP_MAX = 1024, /* changes by time in one tick; the rest in the next */
    ADMISSION_AUDIT_TICKS = 30, /* ticks from one audit of a gateway to the next */
    ADMISSION_SETTLE_TICKS = SAVER_SAVE_USEC / ADMISSION_TICK_USEC + 3, /* from the begin of an audit to its question */
    ADMISSION_AUDIT_PAGE = 64,      /* sessions of the registry looked at in one tick of an audit */
    ADMISSION_CONFIGURES_MAX = 16,  /* switches that wait for the store; over it OVERLOADED */
    ADMISSION_COUNTDOWN_TICKS = 10, /* between two notices of a maintenance that is far off */
    ADMISSION_STORE_USEC = 5 * ACT_SEC,
};

typedef enum admission_timer { ADMISSION_TIMER_TICK, ADMISSION_TIMER_REBUILD } admission_timer_t;

/* First byte of the context of a request; SAVER_CONTEXT is the saver's. */
typedef enum admission_ask {
    ADMISSION_ASK_CHARACTER = 1, /* the rest: which connect, see admission_pending.h */
    ADMISSION_ASK_REBUILD,       /* the rest: which try */
    ADMISSION_ASK_CONFIGURE,     /* the rest: which slot */
} admission_ask_t;

/* A message that came while the registry was being rebuilt. */
typedef struct admission_deferred {
    struct admission_deferred *next;
    msg_t msg;
    void *body;
} admission_deferred_t;

/* One gateway thread that beats, and what it said it holds when it was asked last. */
typedef struct admission_gateway {
    act_addr_t addr;
    char holder[sizeof((registry_session_t *)NULL)->holder];
    act_usec_t heard_at;
    bool heard;      /* since the last tick */
    bool reached;    /* its process was there when it was looked at last */
    bool gone;       /* its process has left or died: what it holds is being dropped, from `after` on */
    int64_t marker;  /* of the audit under way; 0: none */
    uint32_t settle; /* ticks until it is asked what it holds */
    bool reported;   /* all of `held` is here */
    int64_t after;   /* how far the registry's list was gone through */
    uint32_t held_count, held_size;
    obj_held_session_t *held; /* sorted by id once reported */
    bool *seen;               /* of each of `held` */
} admission_gateway_t;

typedef struct admission_configure {
    bool used;
    uint32_t turn;
    msg_t request;
    obj_instance_switches_t switches;
} admission_configure_t;

typedef struct admission {
    const admission_config_t *config;
    bool open;        /* this key is an instance of ours */
    bool ready;       /* the registry knows what the store knows */
    bool leaving;     /* the key belongs elsewhere: what is under way ends here, and then the state */
    act_usec_t since; /* when it took the key over; gateways have not had the time to be silent before */
    bool told_degraded;
    admission_table_t table;
    saver_t *saver;
    struct admission_answer *answers; /* that wait for the saver */
    obj_instance_switches_t switches;
    obj_instance_switches_t due; /* with what is on its way to the store */
    registry_count_t counted;    /* as the gauges say */
    int64_t ms_per_place;        /* as the queue measures; 0: not known */

    uint32_t rebuild; /* which try; answers to earlier ones mean nothing */
    bool rebuilding, restoring;
    int64_t rebuild_after;
    admission_deferred_t *deferred, **deferred_end;
    uint32_t deferred_count;

    admission_gateway_t *gateways[ADMISSION_GATEWAYS_MAX];
    uint32_t gateways_count;
    uint32_t ticks;
    bool queue_news; /* tell the queue in flush */
    admission_configure_t configures[ADMISSION_CONFIGURES_MAX];
} admission_t;

/* An answer that waits until the store has the session it is about. */
typedef struct admission_answer {
    struct admission_answer *next, **link; /* of all that wait */
    msg_t request;
    bool is_entered;
    bool claimed; /* a fresh claim: is taken back when the store does not take it */
    union {
        msg_admission_connected_t connected;
        msg_admission_entered_t entered;
    } body;
} admission_answer_t;

/* admission.c */
registry_limits_t admission_limits(const admission_t *self);
uint32_t admission_capacity(const admission_t *self);
/* True: `result` says that the registry must be rebuilt first, and that is under way. */
bool admission_is_lost(admission_t *self, act_ctx_t *ctx, registry_result_t result);
/* Brings it into the store, and gives `answer` (NULL: none) when it is there. */
void admission_save(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, uint32_t seats_max,
                    admission_answer_t *answer);
admission_answer_t *admission_answer_new(admission_t *self, const msg_t *request);
void admission_answer_free(admission_answer_t *answer);
/* Does an answer to this very request wait for the store? Then it was good, and this is a copy of it. */
bool admission_is_answering(const admission_t *self, const msg_t *request);
/* The end of a session: store, counter, log, and the queue hears that a seat may be free. */
void admission_ended(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, session_end_t why);
void admission_queue_news(admission_t *self, act_ctx_t *ctx, int64_t number);
void admission_copy_text(char *to, size_t size, const char *from);

/* admission_connect.c: POST connect, what is asked and what is told. */
void admission_on_connect(admission_t *self, act_ctx_t *ctx, const msg_t *request);
void admission_on_attempt(admission_t *self, act_ctx_t *ctx, const msg_t *request);
void admission_on_end(admission_t *self, act_ctx_t *ctx, const msg_t *request);
void admission_on_character(admission_t *self, act_ctx_t *ctx, const msg_t *answer);
/* Of `who` only request, session_id, user_id and address are looked at. */
void admission_refuse(const admission_t *self, act_ctx_t *ctx, const admission_pending_t *who, reason_t reason);
/* The same, with what is in *body beside the reason. */
void admission_refuse_with(const admission_t *self, act_ctx_t *ctx, const admission_pending_t *who, reason_t reason,
                           msg_admission_connected_t *body);
/* Also an admission.end; it is over then. */
void admission_refuse_pending(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending, reason_t reason);
void admission_log_outcome(act_ctx_t *ctx, const char *event, const char *sentence, const char *session_id,
                           const char *user_id, const char *reason);

/* admission_decide.c: what the registry decides about it. */
/* Whatever the store had to say is known. Leaves the connect where it is if the registry cannot decide now. */
void admission_decide(admission_t *self, act_ctx_t *ctx, admission_pending_t *pending);
/* Goes on with connects that waited for the registry. */
void admission_decide_all(admission_t *self, act_ctx_t *ctx);
/* They cannot be decided now. */
void admission_refuse_all(admission_t *self, act_ctx_t *ctx, reason_t reason);
/* The store has answered about a session that waited for it. */
void admission_on_saved(void *actor, act_ctx_t *ctx, const registry_session_t *session, saver_outcome_t outcome,
                        session_conflict_t conflict, void *waiting);

/* admission_sessions.c: the life of a session after its connect. False: the registry was lost; once more later. */
bool admission_on_enter(admission_t *self, act_ctx_t *ctx, const msg_t *request);
bool admission_on_refreshed(admission_t *self, act_ctx_t *ctx, const msg_admission_refreshed_t *body);
bool admission_on_drop(admission_t *self, act_ctx_t *ctx, const msg_admission_drop_t *body);
bool admission_on_leave(admission_t *self, act_ctx_t *ctx, const msg_admission_leave_t *body);
bool admission_on_select(admission_t *self, act_ctx_t *ctx, const msg_admission_select_t *body);
/* The user's attempt as any other character is over. False: the registry was lost. */
bool admission_end_attempt(admission_t *self, act_ctx_t *ctx, const char *user_id, const char *except_character_id);
/* The character of this admission.end is known. */
bool admission_end_character(admission_t *self, act_ctx_t *ctx, const admission_pending_t *pending);
bool admission_on_kick(admission_t *self, act_ctx_t *ctx, const msg_t *request);
bool admission_on_muted(admission_t *self, act_ctx_t *ctx, const msg_admission_muted_t *body);
void admission_sweep(admission_t *self, act_ctx_t *ctx);

/* admission_gateways.c: who is there, and who is told what. */
void admission_on_beat(admission_t *self, act_ctx_t *ctx, const msg_t *msg);
void admission_on_held(admission_t *self, act_ctx_t *ctx, const msg_admission_held_t *body);
/* The connection that holds (or held) this session is to close; also when its gateway is in another process. */
void admission_tell(admission_t *self, act_ctx_t *ctx, const registry_session_t *session, close_code_t close);
void admission_gateways_tick(admission_t *self, act_ctx_t *ctx);
void admission_audit_soon(admission_t *self);
void admission_notify(admission_t *self, act_ctx_t *ctx, const act_addr_t *only);
void admission_gateways_fini(admission_t *self);

/* admission_rebuild.c: a registry that has lost its memory, and one that is away. */
void admission_rebuild(admission_t *self, act_ctx_t *ctx);
void admission_defer(admission_t *self, act_ctx_t *ctx, const msg_t *msg);
void admission_on_rebuild_answer(admission_t *self, act_ctx_t *ctx, const msg_t *answer);
void admission_on_rebuild_timer(admission_t *self, act_ctx_t *ctx);
/* Nothing is rebuilt here any more; what waits for that is passed on. */
void admission_rebuild_cancel(admission_t *self, act_ctx_t *ctx);
void admission_deferred_fini(admission_t *self);
/* admission.c: what comes out of the deferred list goes in here. */
void admission_handle(admission_t *self, act_ctx_t *ctx, const msg_t *msg);

/* Some processes may be gone, and with them gateways. */
void admission_gateways_view(admission_t *self, act_ctx_t *ctx);
/* The beats went elsewhere for a while. */
void admission_gateways_renew(admission_t *self, act_ctx_t *ctx);

/* admission_move.c: the key moves to another process, or comes from one. */
void admission_on_view(void *state, act_ctx_t *ctx);
/* Instead of a tick's work. */
void admission_leaving_tick(admission_t *self, act_ctx_t *ctx);
/* What comes to the wrong process: who asks is told to ask again, what is told goes on to the owner. */
void admission_pass_on(admission_t *self, act_ctx_t *ctx, const msg_t *msg);

/* admission_operate.c: what operators ask and switch. */
void admission_on_configure(admission_t *self, act_ctx_t *ctx, const msg_t *request);
void admission_on_configured(admission_t *self, act_ctx_t *ctx, const msg_t *answer);
bool admission_on_inspect(admission_t *self, act_ctx_t *ctx, const msg_t *request);
bool admission_on_find(admission_t *self, act_ctx_t *ctx, const msg_t *request);
bool admission_on_list(admission_t *self, act_ctx_t *ctx, const msg_t *request);
/* Are switches on their way to the store? */
bool admission_is_configuring(const admission_t *self);
void admission_switches_tick(admission_t *self, act_ctx_t *ctx);
void admission_maintenance_tick(admission_t *self, act_ctx_t *ctx);
/* Seconds until maintenance ends the sessions; -1: it does not. */
int64_t admission_ends_in(const admission_t *self, const act_ctx_t *ctx);
void admission_decline(act_ctx_t *ctx, const msg_t *request, error_code_t code);

#endif
