#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

enum { BENCH_SPARE_FILES = 64 };

typedef struct bench_words {
    const char *rate;
    const char *format;
    const char *pids; /* NULL: none */
    bool json;
    bool sign;
} bench_words_t;

static bool
bench_understand(bench_options_t *options, const bench_words_t *words)
{
    char *end = NULL;
    long long rate = strcmp(words->rate, "max") == 0 ? 0 : strtoll(words->rate, &end, 10);
    if (end && (end == words->rate || *end != '\0' || rate < 1 || rate > 10000000)) {
        fprintf(stderr, "--rate is '%s': it must be max or 1 to 10000000\n", words->rate);
        return false;
    }
    options->rate = rate;
    bool json = strcmp(words->format, "json") == 0;
    if (!json && strcmp(words->format, "msgpack") != 0) {
        fprintf(stderr, "--format is '%s': it must be json or msgpack\n", words->format);
        return false;
    }
    options->format = json ? CODEC_JSON : CODEC_MSGPACK;
    int modes = options->idle + options->join_only + (options->queue > 0) + (options->visits > 0);
    if (modes > 1) {
        fprintf(stderr, "--idle, --join-only, --visits and --queue cannot go together\n");
        return false;
    }
    if (strspn(options->users, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
            strlen(options->users) ||
        strlen(options->users) > 24) {
        fprintf(stderr, "--users is '%s': it must be at most 24 letters, digits, - and _\n", options->users);
        return false;
    }
    if (words->pids != NULL && !bench_pids_parse(words->pids, &options->servers)) {
        fprintf(stderr, "--pid is '%s': it must be at most %d process ids, each once, joined by commas\n", words->pids,
                BENCH_PIDS_MAX);
        return false;
    }
    if (!options->token_path && access(options->dev_key, R_OK) != 0) {
        fprintf(stderr, "cannot read the key '%s' to sign tokens with: %s; give the server's own as --dev.key\n",
                options->dev_key, strerror(errno));
        return false;
    }
    return true;
}

static bool
bench_raise_files(int64_t wanted)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        fprintf(stderr, "cannot read the limit of open files: %s\n", strerror(errno));
        return false;
    }
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < (rlim_t)wanted) {
        fprintf(stderr, "%lld sessions need %lld open files, %llu are allowed: see ulimit -Hn\n",
                (long long)(wanted - BENCH_SPARE_FILES), (long long)wanted, (unsigned long long)files.rlim_cur);
        return false;
    }
    return true;
}

static bool
bench_run(bench_t *self)
{
    const bench_options_t *options = self->options;
    bool good = bench_prepare(self) && bench_join(self) && self->joined > 0;
    if (good && !options->join_only) {
        good = options->idle ? bench_idle(self) : options->queue ? bench_queue(self) : bench_load(self);
    }
    return good;
}

/* Players, and those who wait or visit. */
static int64_t
bench_sessions(const bench_options_t *options)
{
    int64_t visitors = options->visits > BENCH_VISITORS_MIN ? options->visits : BENCH_VISITORS_MIN;
    return options->sessions + options->queue + (options->visits > 0 ? visitors : 0);
}

static int
bench_measure(const bench_options_t *options, bool json)
{
    static bench_t bench;
    bench = (bench_t){.options = options, .sessions_count = bench_sessions(options)};
    bench.sessions = calloc((size_t)bench.sessions_count, sizeof(*bench.sessions));
    bench.joiners = calloc((size_t)options->joiners, sizeof(*bench.joiners));
    int status = EXIT_FAILURE;
    if (!bench.sessions || !bench.joiners) {
        fprintf(stderr, "playhouse bench: out of memory\n");
    } else if (bench_fresh_open(&bench) && client_peer_open(&bench.peer, options->url, options->allow_remote)) {
        bool good = bench_run(&bench);
        (json ? bench_report_json : bench_report_text)(&bench, stdout);
        bench_leave(&bench);
        client_peer_close(&bench.peer);
        status = good && bench.failures.count == 0 && bench.unanswered == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    bench_fresh_close(&bench);
    free(bench.sessions);
    free(bench.joiners);
    free(bench.queue.holders);
    free(bench.queue.freed_at);
    return status;
}

/* Reads the command line. EXIT_SUCCESS: *options and *words are filled; else what to end with. */
static int
bench_read(bench_options_t *options, bench_words_t *words, int argc, char **argv)
{
    const cli_option_t table[] = {
        {.name = "--url", .text = &options->url},
        {.name = "--token-url", .text = &options->token_path},
        {.name = "--users", .text = &options->users},
        {.name = "--freshness", .text = &options->freshness_path},
        {.name = "--format", .text = &words->format},
        {.name = "--rate", .text = &words->rate},
        {.name = "--sessions", .number = &options->sessions, .min = 1, .max = BENCH_SESSIONS_MAX},
        {.name = "--outstanding", .number = &options->outstanding, .min = 1, .max = BENCH_OUTSTANDING_CAP},
        {.name = "--seconds", .number = &options->seconds, .min = 1, .max = 3600},
        {.name = "--warmup", .number = &options->warmup, .min = 0, .max = 600},
        {.name = "--joins-at-once", .number = &options->joiners, .min = 1, .max = BENCH_JOINERS_CAP},
        {.name = "--pid", .text = &words->pids},
        {.name = "--registry-pid", .number = &options->registry_pid, .min = 1, .max = INT32_MAX},
        {.name = "--store-pid", .number = &options->store_pid, .min = 1, .max = INT32_MAX},
        {.name = "--visits", .number = &options->visits, .min = 1, .max = BENCH_VISITS_MAX},
        {.name = "--queue", .number = &options->queue, .min = 1, .max = BENCH_SESSIONS_MAX},
        {.name = "--frees", .number = &options->frees, .min = 1, .max = BENCH_FREES_MAX},
        {.name = "--idle", .flag = &options->idle},
        {.name = "--join-only", .flag = &options->join_only},
        {.name = "--allow-remote", .flag = &options->allow_remote},
        {.name = "--json", .flag = &words->json},
        {.name = "--sign", .flag = &words->sign},
        {.name = NULL},
    };
    if (!cli_options(table, &argc, argv)) {
        return 2;
    }
    return argc > 1 ? cli_misuse("bench", argv[1]) : EXIT_SUCCESS;
}

int
cmd_bench(int argc, char **argv, config_t *config)
{
    char url[192];
    snprintf(url, sizeof(url), "http://%s:%lld", config_text(config, CONFIG_GATEWAY_HOST),
             (long long)config_int(config, CONFIG_GATEWAY_PORT));
    bench_words_t words = {.rate = "1000", .format = "msgpack"};
    bench_options_t options = {
        .url = url,
        .dev_key = config_text(config, CONFIG_AUTH_DEV_KEY),
        .audience = config_text(config, CONFIG_AUTH_AUDIENCE),
        .token_path = "/dev/token",
        .users = "bench",
        .sessions = 100,
        .outstanding = 4,
        .seconds = 10,
        .warmup = 1,
        .joiners = 64,
        .frees = 50,
    };
    int wrong = bench_read(&options, &words, argc, argv);
    if (wrong != EXIT_SUCCESS) {
        return wrong;
    }
    size_t length = strlen(options.url);
    if (words.sign) {
        options.token_path = NULL;
    } else if (strncmp(options.token_path, options.url, length) == 0) {
        options.token_path += length; /* people paste whole addresses */
    }
    if (!bench_understand(&options, &words) ||
        !bench_raise_files(bench_sessions(&options) + options.joiners + BENCH_SPARE_FILES)) {
        return 2;
    }
    return bench_measure(&options, words.json);
}
