/*
 * sim_main -- runs simulated evenings, one per seed.
 *
 *   simulation [--seeds N] [--first SEED] [--seed SEED] [--hour] [--expect-breach]
 *
 * --seed replays one. --hour makes each a long one. --expect-breach is for the builds with a planted bug: it succeeds
 * only if a promise is broken within the seeds, for a simulation that cannot fail proves nothing. Stores are made in
 * $TMPDIR: nobody here loses power, so it may well be memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "world.h"

typedef struct sim_options {
    uint64_t first, seeds;
    bool expect_breach, hour;
} sim_options_t;

static bool
sim_parse(int argc, char **argv, sim_options_t *options)
{
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        if (strcmp(argv[i], "--expect-breach") == 0) {
            options->expect_breach = true;
            continue;
        }
        if (strcmp(argv[i], "--hour") == 0) {
            options->hour = true;
            continue;
        }
        if (i + 1 == argc) {
            return false;
        }
        uint64_t number = strtoull(argv[i + 1], &end, 10);
        if (strcmp(argv[i], "--seeds") == 0) {
            options->seeds = number;
        } else if (strcmp(argv[i], "--first") == 0) {
            options->first = number;
        } else if (strcmp(argv[i], "--seed") == 0) {
            options->first = number;
            options->seeds = 1;
        } else {
            return false;
        }
        if (*end != '\0') {
            return false;
        }
        i++;
    }
    return true;
}

static void
sim_add_up(world_result_t *total, const world_result_t *one)
{
    for (int i = 0; i < WORLD_COUNTS; i++) {
        total->counts[i] += one->counts[i];
    }
}

static void
sim_print(const sim_options_t *options, const world_result_t *total)
{
    printf("%llu seeds from %llu:", (unsigned long long)options->seeds, (unsigned long long)options->first);
    for (int i = 0; i < WORLD_COUNTS; i++) {
        printf(" %llu %s,", (unsigned long long)total->counts[i], world_count_names[i]);
    }
    printf(" %s\n", total->broken ? "a promise was broken" : "all promises kept");
}

/* An evening where nothing happens proves nothing. */
static bool
sim_worked(const sim_options_t *options, const world_result_t *total)
{
    if (options->seeds < 50 && !options->hour) {
        return total->counts[WORLD_ADMITTED] > 0;
    }
    for (int i = 0; i < WORLD_COUNTS; i++) {
        if (total->counts[i] == 0) {
            return false;
        }
    }
    return true;
}

int
main(int argc, char **argv)
{
    sim_options_t options = {.first = 1, .seeds = 1000};
    if (!sim_parse(argc, argv, &options)) {
        fprintf(stderr, "usage: %s [--seeds N] [--first SEED] [--seed SEED] [--hour] [--expect-breach]\n", argv[0]);
        return 2;
    }
    log_setup(LOG_OFF, NULL); /* refusals and failures are what an evening is made of */
    const char *base = getenv("TMPDIR");
    char folder[128];
    snprintf(folder, sizeof folder, "%s/playhouse-sim-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL) {
        perror("could not make a folder for the stores");
        return 2;
    }
    world_result_t total = {0}, one;
    for (uint64_t i = 0; i < options.seeds && !total.broken; i++) {
        (options.hour ? world_hour : world_run)(options.first + i, folder, &one);
        sim_add_up(&total, &one);
        total.broken = one.broken;
        if (one.broken) {
            printf("seed %llu at %lld ms: %s\nreplay with: %s --seed %llu%s\n", (unsigned long long)(options.first + i),
                   (long long)one.at_msec, one.what, argv[0], (unsigned long long)(options.first + i),
                   options.hour ? " --hour" : "");
        }
    }
    rmdir(folder);
    sim_print(&options, &total);
    return (options.expect_breach ? total.broken : sim_worked(&options, &total) && !total.broken) ? 0 : 1;
}
