/* How far the wall clock is from the monotonic one, to the microsecond. */
#include <time.h>

#include "watch.h"

static act_usec_t
clock_usec(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (act_usec_t)now.tv_sec * ACT_SEC + now.tv_nsec / 1000;
}

act_usec_t
watch_clock_offset(void)
{
    act_usec_t before = clock_usec(CLOCK_MONOTONIC);
    act_usec_t wall = clock_usec(CLOCK_REALTIME);
    return wall - (before + clock_usec(CLOCK_MONOTONIC)) / 2;
}
