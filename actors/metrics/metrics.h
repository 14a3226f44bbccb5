/*
 * metrics -- counts for people: the counters of this process as Prometheus text, and its mailboxes as a list.
 *
 * Owns   nothing; reads the runtime's counters through its port at each scrape
 * Hears  metrics.scrape, metrics.actors                                       (schemas/metrics.json)
 * Says   metrics.text, metrics.actor_list to the asker
 * Timers none
 * Dies   never
 */
#ifndef PLAYHOUSE_METRICS_H
#define PLAYHOUSE_METRICS_H

#include <stdio.h>

#include "act.h"
#include "stats.h"

enum { METRICS_ROWS_CAP = 64 }; /* mailboxes shown; as many as metrics.actor_list takes */

/* What the operating system says about this process. */
typedef struct metrics_process {
    uint64_t resident_bytes;
    uint64_t cpu_usec; /* user and system */
    uint64_t open_fds;
} metrics_process_t;

typedef struct metrics_config {
    stats_source_t stats;
    const char *build; /* shown as a label; any text */
    /* Labels of every sample, any text: which process this is, and what it is there for. NULL or "": it is alone, and
     * there are no such labels. */
    const char *node, *roles;
    /* False: unknown, and left out. metrics_process_read in the server. */
    bool (*process)(metrics_process_t *out);
} metrics_config_t;

bool metrics_process_read(metrics_process_t *out);

/* What one page of numbers is written from. */
typedef struct metrics_page {
    const stats_row_t *rows;
    size_t count;
    const char *build, *node, *roles; /* as in the configuration */
    act_usec_t uptime;
    const metrics_process_t *process; /* NULL: left out */
} metrics_page_t;

/* Exposition format 0.0.4. */
void metrics_write(FILE *out, const metrics_page_t *page);
/* docs/metrics.md: every name with its type, labels and help. */
void metrics_write_reference(FILE *out);

extern const act_kind_t metrics_kind;

#endif
