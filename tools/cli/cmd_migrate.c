#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "store_migrate.h"

typedef enum migrate_command { COMMAND_UP, COMMAND_DOWN, COMMAND_STATUS, COMMAND_COUNT } migrate_command_t;

static const char *const command_names[COMMAND_COUNT] = {"up", "down", "status"};

static bool
migrate_run(migrate_command_t command, const store_options_t *options, bool sure, FILE *out)
{
    switch (command) {
    case COMMAND_UP:
        return store_migrate_up(options, out);
    case COMMAND_DOWN:
        return store_migrate_down(options, sure, out);
    default:
        return store_migrate_status(options, out);
    }
}

/* What went well is for standard output, what did not for standard error. */
static int
migrate_tell(migrate_command_t command, const config_t *config, bool sure)
{
    const store_options_t options = {.url = config_text(config, CONFIG_STORE_URL),
                                     .path = config_text(config, CONFIG_STORE_PATH),
                                     .timeout_msec = config_int(config, CONFIG_STORE_TIMEOUT_MSEC)};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        fprintf(stderr, "playhouse migrate: out of memory\n");
        return EXIT_FAILURE;
    }
    bool good = migrate_run(command, &options, sure, out);
    fclose(out);
    fputs(text, good ? stdout : stderr);
    free(text);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
cmd_migrate(int argc, char **argv, config_t *config)
{
    if (argc < 2) {
        fprintf(stderr, "playhouse migrate: say up, down or status\ntry: playhouse help migrate\n");
        return 2;
    }
    for (int command = 0; command < COMMAND_COUNT; command++) {
        if (strcmp(argv[1], command_names[command]) == 0) {
            bool sure = command == COMMAND_DOWN && argc == 3 && strcmp(argv[2], "--yes") == 0;
            return argc == 2 || sure ? migrate_tell((migrate_command_t)command, config, sure)
                                     : cli_misuse("migrate", argv[2]);
        }
    }
    return cli_misuse("migrate", argv[1]);
}
