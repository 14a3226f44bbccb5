#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_id.h"
#include "log.h"
#include "nearest.h"

enum { CLI_MISUSE = 2, CLI_HINT_CAP = 2 * NEAREST_WORD_CAP };

typedef struct cli_command {
    const char *name;
    const char *arguments;
    const char *what; /* one line */
    const char *more; /* lines, or "" */
    cli_run_fn *run;  /* NULL: cli_main's own */
} cli_command_t;

static const char cli_more_bench[] =
    "  --sessions N      sessions that play or wait (default 100)\n"
    "  --rate N|max      actions per second of all sessions together (default 1000); max: as fast as acks come\n"
    "  --outstanding W   unacknowledged actions of one session at most (default 4)\n"
    "  --seconds N       how long to measure (default 10), after --warmup N seconds (default 1)\n"
    "  --idle            sessions join and do nothing: memory per session\n"
    "  --join-only       stop after the joins\n"
    "  --visits N        beside the load N others per second connect, join and leave: admission while sessions play\n"
    "  --queue N         sessions do nothing but hold the seats; N others wait for them and are told their positions\n"
    "  --frees N         with --queue: seats that are left per second (default 50)\n"
    "  --joins-at-once N connects under way at the same time (default 64)\n"
    "  --format F        json or msgpack (default msgpack)\n"
    "  --url URL         the server (default: gateway.host and gateway.port of the configuration)\n"
    "  --token-url PATH  where the server gives tokens (default /dev/token)\n"
    "  --sign            sign tokens here, with dev.key, instead of asking the server for them\n"
    "  --pid A,B,C       the server's process, or all of them: adds CPU per action, of each too, and memory\n"
    "  --registry-pid P  the process of its Redis: adds the CPU of that one\n"
    "  --store-pid P     the postmaster of its PostgreSQL: adds the CPU of it and its children per action\n"
    "  --freshness FILE  write each sight of another's move: characterId,actionId,microseconds since 1970\n"
    "  --users NAME      the users are NAME-1, NAME-2 ... (default bench)\n"
    "  --json            one JSON object instead of lines for people\n"
    "  --allow-remote    let URL be another machine\n"
    "\n"
    "Sessions above gateway.moves_per_second are refused by the server: start it with\n"
    "--gateway.moves_per_second 1000 to measure saturation. Times are from when an action was due to its ack,\n"
    "and to when another session first saw it (one in ten reads its deltas), and from when a visit was due. --queue "
    "needs an instance of exactly --sessions seats, and nobody else in it.\n";

static const char cli_more_send[] =
    "  --line LINE       the line as it is, in place of the words\n"
    "  --file FILE       a message as one msgpack array (see docs/front-door.md), in place of the words; - is standard "
    "input\n"
    "  --front ENDPOINT  the front door (default broker.endpoint)\n"
    "  --timeout N       seconds to wait for the answer (default 6)\n"
    "\n"
    "KEY is - for kinds that have none. Example: playhouse send room plaza/main room.peek '{}'\n"
    "What can be sent: playhouse send --line kinds, --line 'types room', --line 'help room.peek'\n";

static const char cli_more_tail[] =
    "  --actor KIND      only what actors of this kind handle\n"
    "  --key KEY         only to, or from, the actor with this key\n"
    "  --type TYPE       only messages of this type\n"
    "  --trace ID        the whole way of one intent, also in the past, with the time since its beginning\n"
    "  --node NAME       only of this process\n"
    "  --bodies          show bodies, from now on, with secrets and chats masked; bounded so as not to slow anybody\n"
    "  --sample N        about one in N traces, and those whole\n"
    "  --past            begin with what is remembered: the last 1024 messages of each mailbox\n"
    "  --once            show what is remembered, and end\n"
    "  --seconds N       end after N seconds\n"
    "  --json            one JSON object per line\n"
    "  --front ENDPOINT  the front door (default broker.endpoint)\n";

static const char cli_more_top[] = "  --once            show it once, with rates of one interval, and end\n"
                                   "  --json            one JSON object per look\n"
                                   "  --interval N      seconds between two looks (default 1)\n"
                                   "  --front ENDPOINT  the front door (default broker.endpoint)\n";

#define CLI_MORE_ADMIN                                                                                                 \
    "Asks the server of this machine that listens on admin.port: give --config FILE or --admin.port PORT as to run.\n" \
    "Switches are kept when the server restarts. Exit status: 0 done, 1 not done (standard error says why), 2 "        \
    "misuse.\n"
static const char cli_more_admin[] = CLI_MORE_ADMIN;

static const cli_command_t cli_commands[] = {
    {"run", "[--dev]", "Run the server until SIGINT or SIGTERM.",
     "  --dev             INSECURE: sign anybody in by name, on loopback only\n", NULL},
    {"check-config", "[FILE]", "Read the configuration, say what is wrong with it, and do nothing else.", "",
     cmd_check_config},
    {"config", "", "Print every key with its default, unit, range and what it does, as a file to edit.", "",
     cmd_config},
    {"migrate", "up|down|status",
     "Bring the store (store.url, else store.path) to this binary's schema, or say where it stands.",
     "  up                apply what is missing\n"
     "  down              undo the newest migration; without --yes only say what that would lose\n"
     "  status            change nothing\n"
     "  --yes             down: do it\n",
     cmd_migrate},
    {"token", "--user NAME [--role ROLE] [--seconds N]",
     "Print an access token of the development issuer (dev.key), good for a server run with --dev.",
     "  --user NAME       who to be, 1 to 32 characters\n"
     "  --role ROLE       player (default), spectator, moderator or admin\n"
     "  --seconds N       how long it is good (default 43200)\n",
     cmd_token},
    {"keys", "NAME [--folder FOLDER] | --check FOLDER",
     "Make the CURVE keys of one process or tool, or list the certificates of a folder.",
     "  --folder FOLDER   where to (default keys): NAME.key_secret and NAME.key; nothing is overwritten\n"
     "  --check FOLDER    name, kind and public key of each certificate; exit status 1 if one cannot be used\n"
     "\n"
     "Prints the public key. The secret file is for its owner's keys.secret alone; the public one goes into the "
     "others'\n"
     "keys.allowed (processes) or keys.tools (who may use the front door). See docs/keys.md.\n",
     cmd_keys},
    {"send", "KIND KEY TYPE [JSON]", "Put a message in through the front door (broker.endpoint) and print the answer.",
     cli_more_send, cmd_send},
    {"tail", "[options]", "Show the messages that the actors of all processes handle, as they come.", cli_more_tail,
     cmd_tail},
    {"top", "[--once] [--json] [--interval N]",
     "Show every actor of every process: what waits, messages per second, times of its handlers.", cli_more_top,
     cmd_top},
    {"instances", "[--json]", "Say how every instance stands: seats, sessions, who waits, and what is switched.",
     cli_more_admin, cmd_instances},
    {"sessions", "INSTANCE [--json]", "List the sessions of an instance, those that wait included.", cli_more_admin,
     cmd_sessions},
    {"drain", "INSTANCE on|off [--json]",
     "Refuse new connects; those who play or wait go on, and those who wait still get their seats.", cli_more_admin,
     cmd_drain},
    {"maintenance", "INSTANCE on|off [--in TIME] [--message TEXT] [--json]",
     "Refuse everything new and tell players; with --in, end all sessions after that time.",
     "  --in TIME         when sessions end: 90, 90s, 5m, 2h; at most 24h. Without it they do not end\n"
     "  --message TEXT    for players, at most 200 characters\n"
     "\n" CLI_MORE_ADMIN,
     cmd_maintenance},
    {"capacity", "INSTANCE SEATS [--json]", "Change how many seats an instance has. Lowering it ends nobody's session.",
     cli_more_admin, cmd_capacity},
    {"kick", "INSTANCE SESSION|--character ID", "End one session; its player is told so.",
     "  --session ID      the same as SESSION; as --session=ID also for one that begins with --\n"
     "  --character ID    the session of this character\n"
     "\n" CLI_MORE_ADMIN,
     cmd_kick},
    {"bench", "[options]", "Load a server with sessions and report throughput, times of acks, CPU and memory.",
     cli_more_bench, cmd_bench},
};

enum { CLI_COMMANDS_COUNT = sizeof(cli_commands) / sizeof(cli_commands[0]) };

static const cli_command_t *
cli_find(const char *name)
{
    for (size_t i = 0; i < CLI_COMMANDS_COUNT; i++) {
        if (strcmp(cli_commands[i].name, name) == 0) {
            return &cli_commands[i];
        }
    }
    return NULL;
}

static void
cli_help(FILE *out)
{
    fprintf(out, "playhouse %s: a real-time session server\n\nusage: playhouse COMMAND [options]\n\n", PLAYHOUSE_BUILD);
    for (size_t i = 0; i < CLI_COMMANDS_COUNT; i++) {
        fprintf(out, "  %-13s %s\n", cli_commands[i].name, cli_commands[i].what);
    }
    fprintf(out, "  %-13s %s\n", "help", "Say more about a command: playhouse help COMMAND.");
    fprintf(out, "\nEvery command takes --config FILE, and --KEY VALUE for each key that `playhouse config` prints.\n"
                 "The key gateway.port is the flag --gateway.port, and PLAYHOUSE_GATEWAY_PORT in the environment.\n");
}

static void
cli_help_command(const cli_command_t *command)
{
    printf("usage: playhouse %s%s%s\n\n%s\n%s%s", command->name, *command->arguments ? " " : "", command->arguments,
           command->what, *command->more ? "\n" : "", command->more);
    printf("\nBesides --config FILE and --KEY VALUE for each key of `playhouse config`.\n");
}

static void
cli_offer_keys(nearest_t *nearest)
{
#define CONFIG(id, key, type, fallback, min, max, unit, doc) nearest_offer(nearest, "--" key);
#include "config.tbl.h"
#undef CONFIG
    nearest_offer(nearest, "--config");
    nearest_offer(nearest, "--help");
}

int
cli_misuse(const char *command, const char *what)
{
    char hint[CLI_HINT_CAP] = "";
    if (strncmp(what, "--", 2) == 0) {
        nearest_t nearest = nearest_start(what);
        cli_offer_keys(&nearest);
        nearest_hint(&nearest, hint, sizeof(hint));
    }
    fprintf(stderr, "playhouse %s: did not expect '%s'%s\ntry: playhouse help %s\n", command, what, hint, command);
    return CLI_MISUSE;
}

int
cli_lacks(const char *command, const char *what)
{
    fprintf(stderr, "playhouse %s: %s\ntry: playhouse help %s\n", command, what, command);
    return CLI_MISUSE;
}

static int
cli_unknown_command(const char *word)
{
    nearest_t nearest = nearest_start(word);
    for (size_t i = 0; i < CLI_COMMANDS_COUNT; i++) {
        nearest_offer(&nearest, cli_commands[i].name);
    }
    nearest_offer(&nearest, "help");
    cli_offer_keys(&nearest);
    char hint[CLI_HINT_CAP];
    nearest_hint(&nearest, hint, sizeof(hint));
    fprintf(stderr, "playhouse: unknown %s '%s'%s\ntry: playhouse --help\n", *word == '-' ? "flag" : "command", word,
            hint);
    return CLI_MISUSE;
}

/* ---- options of one command ---- */

static const cli_option_t *
cli_option_find(const cli_option_t *options, const char *word, size_t length)
{
    for (; options->name; options++) {
        if (strlen(options->name) == length && memcmp(options->name, word, length) == 0) {
            return options;
        }
    }
    return NULL;
}

bool
cli_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *number)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "%s is '%s': it must be a whole number from %lld to %lld\n", name, text, (long long)min,
                (long long)max);
        return false;
    }
    *number = value;
    return true;
}

static bool
cli_option_take(const cli_option_t *option, const char *value)
{
    if (option->text) {
        *option->text = value;
        return true;
    }
    return cli_number(option->name, value, option->min, option->max, option->number);
}

static bool
cli_option_unknown(const cli_option_t *options, const char *word)
{
    nearest_t nearest = nearest_start(word);
    cli_offer_keys(&nearest);
    for (; options->name; options++) {
        nearest_offer(&nearest, options->name);
    }
    char hint[CLI_HINT_CAP];
    nearest_hint(&nearest, hint, sizeof(hint));
    fprintf(stderr, "unknown flag '%s'%s\n", word, hint);
    return false;
}

bool
cli_options(const cli_option_t *options, int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        size_t length = strcspn(argv[i], "=");
        const cli_option_t *option = cli_option_find(options, argv[i], length);
        if (!option || (option->flag && argv[i][length] == '=')) {
            return cli_option_unknown(options, argv[i]);
        }
        if (option->flag) {
            *option->flag = true;
            continue;
        }
        const char *value = argv[i][length] == '=' ? argv[i] + length + 1 : i + 1 < *argc ? argv[++i] : NULL;
        if (!value) {
            fprintf(stderr, "%s needs a value\n", option->name);
            return false;
        }
        if (!cli_option_take(option, value)) {
            return false;
        }
    }
    *argc = kept;
    argv[kept] = NULL;
    return true;
}

/* ---- configuration and dispatch ---- */

/* Takes --config FILE out of argv; false when FILE is missing or it is there twice. */
static bool
cli_take_config(int *argc, char **argv, const char **path)
{
    int kept = 1;
    *path = NULL;
    for (int i = 1; i < *argc; i++) {
        bool joined = strncmp(argv[i], "--config=", strlen("--config=")) == 0;
        if (!joined && strcmp(argv[i], "--config") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *value = joined ? argv[i] + strlen("--config=") : i + 1 < *argc ? argv[++i] : NULL;
        if (!value || *path) {
            fprintf(stderr, "playhouse: --config %s\n", value ? "is there twice" : "needs a file");
            return false;
        }
        *path = value;
    }
    *argc = kept;
    argv[kept] = NULL;
    return true;
}

static bool
cli_log_level(const config_t *config, log_level_t *level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const char *text = config_text(config, CONFIG_LOG_LEVEL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) == 0) {
            *level = (log_level_t)i;
            return true;
        }
    }
    fprintf(stderr, "log.level is '%s': it must be debug, info, warn or error\n", text);
    return false;
}

static bool
cli_configure(config_t *config, const char *path, int *argc, char **argv)
{
    bool good = !path || config_load_file(config, path, stderr);
    good = config_load_env(config, environ, stderr) && good;
    good = config_load_flags(config, argc, argv, stderr) && good;
    log_level_t level = LOG_INFO;
    good = cli_log_level(config, &level) && good;
    log_setup(level, config_bool(config, CONFIG_AUTH_DEV) ? "INSECURE-DEV" : NULL);
    return good;
}

static bool
cli_wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static int
cli_on_help(int argc, char **argv, int at)
{
    const cli_command_t *command = at < argc ? cli_find(argv[at]) : NULL;
    if (at < argc && !command && argv[at][0] != '-') {
        return cli_unknown_command(argv[at]);
    }
    if (command) {
        cli_help_command(command);
    } else {
        cli_help(stdout);
    }
    return EXIT_SUCCESS;
}

/* argv[1] is the command, all that is configuration has been taken out. */
static int
cli_dispatch(int argc, char **argv, config_t *config, bool configured, cli_run_fn *run)
{
    if (argc < 2) {
        cli_help(stderr);
        return CLI_MISUSE;
    }
    const cli_command_t *command = cli_find(argv[1]);
    if (!command) {
        return cli_unknown_command(argv[1]);
    }
    if (!configured && command->run != cmd_config) {
        fprintf(stderr, "playhouse: the configuration is not usable; `playhouse config` prints every key\n");
        return command->run == cmd_check_config ? EXIT_FAILURE : CLI_MISUSE;
    }
    int status = (command->run ? command->run : run)(argc - 1, argv + 1, config);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "playhouse: cannot write to standard output: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return status;
}

int
cli_main(int argc, char **argv, cli_run_fn *run)
{
    if (argc > 1 && strcmp(argv[1], "help") == 0) {
        return cli_on_help(argc, argv, 2);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s\n", PLAYHOUSE_BUILD);
        return EXIT_SUCCESS;
    }
    if (cli_wants_help(argc, argv)) {
        return cli_on_help(argc, argv, 1);
    }
    const char *path = NULL;
    if (!cli_take_config(&argc, argv, &path)) {
        return CLI_MISUSE;
    }
    config_t *config = config_new();
    if (!config) {
        fprintf(stderr, "playhouse: out of memory\n");
        return EXIT_FAILURE;
    }
    bool configured = cli_configure(config, path, &argc, argv);
    int status = cli_dispatch(argc, argv, config, configured, run);
    config_destroy(&config);
    return status;
}
