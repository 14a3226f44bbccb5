#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

int
cmd_config(int argc, char **argv, config_t *config)
{
    (void)config;
    if (argc > 1) {
        return cli_misuse("config", argv[1]);
    }
    config_print(stdout);
    return EXIT_SUCCESS;
}
