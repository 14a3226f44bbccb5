/* Prints docs/metrics.md. */
#include "metrics.h"

int
main(void)
{
    metrics_write_reference(stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
