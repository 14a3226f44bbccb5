/*
 * sim -- the same kinds on one thread, with a virtual clock, a seed and faults. Unit tests use it to talk to one
 * actor; the simulation in tests/sim runs the whole server in it.
 *
 * Messages to a kind that was not added, and whatever is sent to the tester's own address, are kept for sim_take: so
 * a test reads what an actor said, and answers in place of those it asked. Nothing here sleeps or reads a clock.
 */
#ifndef PLAYHOUSE_SIM_H
#define PLAYHOUSE_SIM_H

#include "act.h"

typedef struct sim sim_t;

sim_t *sim_new(uint64_t seed);
void sim_destroy(sim_t **self_p);

/* `config` is borrowed until sim_destroy. Sharded kinds are made at once, on one thread. */
void sim_add(sim_t *self, const act_kind_t *kind, const void *config);

/*
 * Several processes: slots 0 to SIM_NODES_CAP - 1, slot 0 is where sim_add adds. A slot to which nothing was added is
 * the tester's. All see all at the start. Each life of a process has another node id (slot + SIM_NODES_CAP * life), so
 * that nothing sent to an earlier one reaches it.
 */
enum { SIM_NODES_CAP = 8 };
void sim_add_on(sim_t *self, uint32_t slot, const act_kind_t *kind, const void *config);

typedef enum sim_presence {
    SIM_NODE_OUT,     /* nobody sees it; itself goes on with what it saw last */
    SIM_NODE_LEAVING, /* it is reached, and no key is its own any more that somebody else can own */
    SIM_NODE_IN,
} sim_presence_t;

/* What others see of a process from now on, each at the latest after faults.view_delay_max; act_kind_t.view is called
 * where something has changed. IN also starts one that has crashed, with the kinds it had. Runs what is due. */
void sim_node(sim_t *self, uint32_t slot, sim_presence_t presence);
/* `viewer` does not see `other`, or does again. */
void sim_split(sim_t *self, uint32_t viewer, uint32_t other, bool apart);
/* All of a process is gone at once, what it was sent too; others see it until sim_node says so. */
void sim_node_crash(sim_t *self, uint32_t slot);
/* It has not crashed since it was last started. */
bool sim_node_runs(const sim_t *self, uint32_t slot);
/* ... and has this kind. */
bool sim_runs(const sim_t *self, uint32_t slot, act_kind_id_t kind);

/* From the tester. sim_ask waits for an answer: it comes to sim_take with `context`; 0 timeout means none. Both
 * deliver and run everything that is due now. False: refused, mailbox full. */
bool sim_tell(sim_t *self, msg_type_t type, const char *key, const void *body);
bool sim_ask(sim_t *self, msg_type_t type, const char *key, const void *body, act_usec_t timeout, uint64_t context);

/* The oldest message kept for the tester, of one type (MSG_NONE: of any); NULL when there is none. Valid until the
 * next call of sim_take or sim_destroy. */
const msg_t *sim_take(sim_t *self, msg_type_t type);
/* How many are kept. */
size_t sim_kept(const sim_t *self);
/* Answers a message that sim_take gave, or sends to where it came from, and runs what is due. */
void sim_reply(sim_t *self, const msg_t *taken, msg_type_t type, const void *body);
void sim_send_to(sim_t *self, const act_addr_t *to, msg_type_t type, const void *body);
/* The same as one whose address is `from`: a process of the tester's. */
void sim_reply_as(sim_t *self, const act_addr_t *from, const msg_t *taken, msg_type_t type, const void *body);
/* The answer comes to sim_take with `context`. */
void sim_ask_as(sim_t *self, const act_addr_t *from, const act_addr_t *to, msg_type_t type, const void *body,
                act_usec_t timeout, uint64_t context);
void sim_send_as(sim_t *self, const act_addr_t *from, const act_addr_t *to, msg_type_t type, const void *body);
/* Whom the message that sim_take gave last was for. */
act_addr_t sim_taken_to(const sim_t *self);

/* Moves the clock, stopping at each deadline and delivery in turn. */
void sim_advance(sim_t *self, act_usec_t by);
/* Runs what is due now, without moving the clock. */
void sim_run(sim_t *self);
/* Runs the next thing due, moving the clock to it; false when nothing is under way but timers later than `limit`. */
bool sim_step(sim_t *self, act_usec_t limit);
act_usec_t sim_now(const sim_t *self);
/* The simulation's own random stream, for a scenario's choices. */
uint64_t sim_random(sim_t *self);

/* Faults, each per million messages that cross between states; a delay is drawn up to delay_max. Order between one
 * sender and one receiver is kept; between senders it is not. Answers and requests alike. */
typedef struct sim_faults {
    uint32_t drop_ppm;
    uint32_t duplicate_ppm;
    uint32_t delay_ppm;
    act_usec_t delay_max;
    act_usec_t view_delay_max; /* until a process hears that who is there has changed */
} sim_faults_t;
void sim_set_faults(sim_t *self, const sim_faults_t *faults);
/* While full, every send to this kind is refused. */
void sim_set_full(sim_t *self, act_kind_id_t kind, bool full);
/* A kind that was not added is in this slot, one of the tester's; at first it is in slot 0. */
void sim_set_home(sim_t *self, act_kind_id_t kind, uint32_t slot);
/* The states of a kind (all keys) vanish without fini's courtesy to others, with their mailboxes; keyed ones are made
 * again at the next message, sharded ones at once. Ports keep what they hold: that is what survives a crash. */
void sim_crash(sim_t *self, act_kind_id_t kind);
void sim_crash_on(sim_t *self, uint32_t slot, act_kind_id_t kind);
/* The state of a kind, for invariants; NULL when there is none. `key` "" for sharded. Of slot 0, or of another. */
void *sim_state(sim_t *self, act_kind_id_t kind, const char *key);
act_ctx_t *sim_ctx(sim_t *self, act_kind_id_t kind, const char *key);
void *sim_state_on(sim_t *self, uint32_t slot, act_kind_id_t kind, const char *key);
act_ctx_t *sim_ctx_on(sim_t *self, uint32_t slot, act_kind_id_t kind, const char *key);
/* Of a histogram `label` is the bucket, or METRIC_BUCKETS for the sum. */
uint64_t sim_metric(sim_t *self, metric_id_t metric, uint32_t label);

#endif
