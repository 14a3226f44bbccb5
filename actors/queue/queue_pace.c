#include "queue_pace.h"

void
queue_pace_arrived(queue_pace_t *self, act_usec_t now, int64_t number)
{
    if (self->arrivals_count == QUEUE_ARRIVALS_CAP) {
        return;
    }
    uint32_t last = (self->arrivals_first + self->arrivals_count - 1) % QUEUE_ARRIVALS_CAP;
    if (self->arrivals_count == 0 || self->arrivals[last].number < number) {
        self->arrivals[(self->arrivals_first + self->arrivals_count++) % QUEUE_ARRIVALS_CAP] =
            (queue_arrival_t){.number = number, .at = now};
    }
}

act_usec_t
queue_pace_promoted(queue_pace_t *self, act_usec_t now, int64_t number)
{
    act_usec_t waited = -1;
    self->promoted[self->promoted_next++ % QUEUE_PACE_CAP] = now;
    self->promoted_count += self->promoted_count < QUEUE_PACE_CAP;
    while (self->arrivals_count > 0 && self->arrivals[self->arrivals_first].number <= number) {
        const queue_arrival_t *arrival = &self->arrivals[self->arrivals_first];
        waited = arrival->number == number ? now - arrival->at : waited;
        self->arrivals_first = (self->arrivals_first + 1) % QUEUE_ARRIVALS_CAP; /* those before it have left */
        self->arrivals_count--;
    }
    return waited;
}

int64_t
queue_pace_msec(const queue_pace_t *self, act_usec_t now)
{
    uint32_t counted = 0;
    act_usec_t first = now;
    for (uint32_t back = 1; back <= self->promoted_count; back++) {
        act_usec_t at = self->promoted[(self->promoted_next - back) % QUEUE_PACE_CAP];
        if (now - at > QUEUE_PACE_MSEC * (act_usec_t)ACT_MSEC) {
            break;
        }
        first = at;
        counted++;
    }
    /* From the first to now there were `counted - 1` more, and none since: a queue that has come to a halt is slow. */
    return counted < 2 ? 0 : (now - first) / ACT_MSEC / (counted - 1);
}
