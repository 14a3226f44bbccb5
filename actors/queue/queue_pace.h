/* queue_pace -- how long a place lasts, measured from promotions that happened; and when each one who waits began to.
 */
#ifndef PLAYHOUSE_QUEUE_PACE_H
#define PLAYHOUSE_QUEUE_PACE_H

#include "queue.h"

enum {
    QUEUE_ARRIVALS_CAP = 4096
}; /* whose wait can be measured; of those that came later while so many wait it is not */

typedef struct queue_arrival {
    int64_t number;
    act_usec_t at;
} queue_arrival_t;

/* All zero is: nothing measured. */
typedef struct queue_pace {
    act_usec_t promoted[QUEUE_PACE_CAP]; /* ring */
    uint32_t promoted_next, promoted_count;
    queue_arrival_t arrivals[QUEUE_ARRIVALS_CAP]; /* ring, by number */
    uint32_t arrivals_first, arrivals_count;
} queue_pace_t;

/* Somebody waits from now on. */
void queue_pace_arrived(queue_pace_t *self, act_usec_t now, int64_t number);
/* The head was promoted. Returns how long it waited, -1: not known. */
act_usec_t queue_pace_promoted(queue_pace_t *self, act_usec_t now, int64_t number);
/* Milliseconds that a place lasts; 0: there is nothing to measure from. */
int64_t queue_pace_msec(const queue_pace_t *self, act_usec_t now);

#endif
