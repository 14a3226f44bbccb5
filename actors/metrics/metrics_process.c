/* What /proc says about this process. */
#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics.h"

static uint64_t
timeval_usec(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

static bool
count_fds(uint64_t *count)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return false;
    }
    *count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        *count += entry->d_name[0] != '.';
    }
    closedir(folder);
    *count -= 1; /* the folder itself was open */
    return true;
}

bool
metrics_process_read(metrics_process_t *out)
{
    struct rusage usage;
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    bool known = file != NULL && fscanf(file, "%*u %" SCNu64, &pages) == 1;
    if (file != NULL) {
        fclose(file);
    }
    if (!known || getrusage(RUSAGE_SELF, &usage) != 0 || !count_fds(&out->open_fds)) {
        return false;
    }
    out->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    out->cpu_usec = timeval_usec(&usage.ru_utime) + timeval_usec(&usage.ru_stime);
    return true;
}
