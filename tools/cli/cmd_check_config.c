#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

/* The configuration was read, and its faults were told, before this is called. */
int
cmd_check_config(int argc, char **argv, config_t *config)
{
    if (argc > 1 && argv[1][0] == '-') {
        return cli_misuse("check-config", argv[1]);
    }
    if (argc > 2) {
        return cli_misuse("check-config", argv[2]);
    }
    if (argc == 2 && !config_load_file(config, argv[1], stderr)) {
        return EXIT_FAILURE;
    }
    printf("the configuration is good\n");
    if (*config_text(config, CONFIG_AUTH_ISSUER) == '\0' && !config_bool(config, CONFIG_AUTH_DEV)) {
        printf("to run, auth.issuer is still to be set (or --dev to be given)\n");
    }
    return EXIT_SUCCESS;
}
