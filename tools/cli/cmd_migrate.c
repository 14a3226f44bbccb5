#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "store_sqlite.h"

int
cmd_migrate(int argc, char **argv, config_t *config)
{
    const char *path = config_text(config, CONFIG_STORE_PATH);
    if (argc < 2) {
        fprintf(stderr, "playhouse migrate: say up or status\ntry: playhouse help migrate\n");
        return 2;
    }
    if (argc > 2) {
        return cli_misuse("migrate", argv[2]);
    }
    if (strcmp(argv[1], "up") == 0) {
        return store_sqlite_migrate(path, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (strcmp(argv[1], "status") == 0) {
        return store_sqlite_status(path, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    return cli_misuse("migrate", argv[1]);
}
