/*
 * cli -- the words that may follow `playhouse`: one table, one function per word.
 *
 * `playhouse help WORD` and `playhouse WORD --help` print to standard output and succeed; whatever is not understood
 * is named on standard error, with the nearest word or flag that is, and fails with status 2.
 */
#ifndef PLAYHOUSE_CLI_H
#define PLAYHOUSE_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

/* Words after the command's name are argv[1..argc-1]; keys of the configuration have been taken out of them. Returns
 * the exit status: 0 done, 1 it failed, 2 it was asked wrongly. */
typedef int cli_run_fn(int argc, char **argv, config_t *config);

/* Reads `--config FILE`, the environment and the flags (before or after the command), sets the log up, and runs the
 * command. `run` is the caller's: it is called for `playhouse run`. */
int cli_main(int argc, char **argv, cli_run_fn *run);

cli_run_fn cmd_check_config;
cli_run_fn cmd_config;
cli_run_fn cmd_migrate;
cli_run_fn cmd_token;
cli_run_fn cmd_keys;
cli_run_fn cmd_send;
cli_run_fn cmd_tail;
cli_run_fn cmd_top;
cli_run_fn cmd_bench;
cli_run_fn cmd_instances;
cli_run_fn cmd_sessions;
cli_run_fn cmd_drain;
cli_run_fn cmd_maintenance;
cli_run_fn cmd_capacity;
cli_run_fn cmd_kick;

/* One option of a command: `--name` sets *flag, `--name VALUE` or `--name=VALUE` sets *text or *number (checked
 * against min..max). Exactly one of the three is not NULL. A list ends with name == NULL. */
typedef struct cli_option {
    const char *name;
    bool *flag;
    const char **text;
    int64_t *number;
    int64_t min;
    int64_t max;
} cli_option_t;

/* Takes the options out of argv (argc is updated, argv[0] stays). False after saying on standard error what is wrong;
 * any other word that begins with "--" is wrong. */
bool cli_options(const cli_option_t *options, int *argc, char **argv);

/* Says on standard error that `command` cannot do anything with `word`, and how to ask; returns 2. */
int cli_misuse(const char *command, const char *word);

/* Says what is missing, and how to ask; returns 2. */
int cli_lacks(const char *command, const char *what);

/* A whole number from min to max; false after saying that `name` must be one. */
bool cli_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *number);

#endif
