/*
 * main -- where it starts: read the configuration, start what this process is to run, stop it in reverse.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"
#include "house.h"

/* As many descriptors as the system lets us have: each connection is one. */
static void
main_raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* Until a signal comes, or until this process may not be among the others. */
static void
main_wait(house_t *house, int signals)
{
    while (!house->net.refused) {
        struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = house->net.wake, .events = POLLIN}};
        poll(fds, 2, -1);
        struct signalfd_siginfo signal_info;
        uint64_t count;
        if (fds[0].revents != 0 && read(signals, &signal_info, sizeof signal_info) > 0) {
            log_event(LOG_INFO, "stopping", "asked to stop; sessions are told",
                      LOG_S("signal", strsignal((int)signal_info.ssi_signo)));
            return;
        }
        if (fds[1].revents != 0 && read(house->net.wake, &count, sizeof count) < 0) {
            return;
        }
    }
}

static int
cmd_run(int argc, char **argv, config_t *config)
{
    if (argc > 1) {
        return cli_misuse("run", argv[1]);
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    main_raise_limits();
    int descriptor = signalfd(-1, &signals, SFD_CLOEXEC);
    house_t *house = calloc(1, sizeof *house);
    if (descriptor < 0 || house == NULL) {
        return EXIT_FAILURE;
    }
    house->config = config;
    bool good = house_open(house);
    if (good) {
        house_join(house, descriptor);
        main_wait(house, descriptor);
        if (!broker_stop(house->broker)) {
            _exit(EXIT_FAILURE); /* a thread that is stuck cannot be joined */
        }
        good = !house->net.refused;
        log_event(LOG_INFO, "stopped", "all actors have ended");
    }
    house_close(house);
    free(house);
    close(descriptor);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    return cli_main(argc, argv, cmd_run);
}
