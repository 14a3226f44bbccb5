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
} sim_faults_t;
void sim_set_faults(sim_t *self, const sim_faults_t *faults);
/* While full, every send to this kind is refused. */
void sim_set_full(sim_t *self, act_kind_id_t kind, bool full);
/* The states of a kind (all keys) vanish without fini's courtesy to others, with their mailboxes; keyed ones are made
 * again at the next message, sharded ones at once. Ports keep what they hold: that is what survives a crash. */
void sim_crash(sim_t *self, act_kind_id_t kind);
/* The state of a kind, for invariants; NULL when there is none. `key` "" for sharded. */
void *sim_state(sim_t *self, act_kind_id_t kind, const char *key);
act_ctx_t *sim_ctx(sim_t *self, act_kind_id_t kind, const char *key);
/* Of a histogram `label` is the bucket, or METRIC_BUCKETS for the sum. */
uint64_t sim_metric(const sim_t *self, metric_id_t metric, uint32_t label);

#endif
