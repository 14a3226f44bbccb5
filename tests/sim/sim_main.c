/*
 * sim_main -- runs simulated evenings, one per seed.
 *
 *   simulation [--seeds N] [--first SEED] [--seed SEED] [--expect-breach]
 *
 * --seed replays one. --expect-breach is for the builds with a planted bug: it succeeds only if a promise is broken
 * within the seeds, for a simulation that cannot fail proves nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "world.h"

typedef struct sim_options {
    uint64_t first, seeds;
    bool expect_breach;
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

int
main(int argc, char **argv)
{
    sim_options_t options = {.first = 1, .seeds = 1000};
    if (!sim_parse(argc, argv, &options)) {
        fprintf(stderr, "usage: %s [--seeds N] [--first SEED] [--seed SEED] [--expect-breach]\n", argv[0]);
        return 2;
    }
    log_setup(LOG_OFF, NULL); /* refusals and failures are what an evening is made of */
    char folder[] = "/tmp/playhouse-sim-XXXXXX";
    if (mkdtemp(folder) == NULL) {
        perror("could not make a folder for the stores");
        return 2;
    }
    world_result_t total = {0}, one;
    for (uint64_t i = 0; i < options.seeds && !total.broken; i++) {
        world_run(options.first + i, folder, &one);
        total.acks += one.acks;
        total.refusals += one.refusals;
        total.admitted += one.admitted;
        total.queued += one.queued;
        total.resumed += one.resumed;
        total.replaced += one.replaced;
        total.steps += one.steps;
        total.crashes += one.crashes;
        total.losses += one.losses;
        total.broken = one.broken;
        if (one.broken) {
            printf("seed %llu at %lld ms: %s\nreplay with: %s --seed %llu\n", (unsigned long long)(options.first + i),
                   (long long)one.at_msec, one.what, argv[0], (unsigned long long)(options.first + i));
        }
    }
    rmdir(folder);
    printf("%llu seeds from %llu: %llu steps, %llu admitted, %llu queued, %llu resumed, %llu replaced, %llu acks, "
           "%llu refusals, %llu crashes, %llu registry losses: %s\n",
           (unsigned long long)options.seeds, (unsigned long long)options.first, (unsigned long long)total.steps,
           (unsigned long long)total.admitted, (unsigned long long)total.queued, (unsigned long long)total.resumed,
           (unsigned long long)total.replaced, (unsigned long long)total.acks, (unsigned long long)total.refusals,
           (unsigned long long)total.crashes, (unsigned long long)total.losses,
           total.broken ? "a promise was broken" : "all promises kept");
    /* An evening where nothing happens proves nothing. */
    bool worked = total.acks > 0 && total.admitted > 0 &&
                  (options.seeds < 50 || (total.queued > 0 && total.resumed > 0 && total.replaced > 0));
    return (options.expect_breach ? total.broken : worked && !total.broken) ? 0 : 1;
}
