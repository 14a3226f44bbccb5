#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "dev_issuer.h"

static bool
token_role(const char *text, role_t *role)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(role_names[i], text) == 0) {
            *role = (role_t)i;
            return true;
        }
    }
    fprintf(stderr, "--role is '%s': it must be player, spectator, moderator or admin\n", text);
    return false;
}

int
cmd_token(int argc, char **argv, config_t *config)
{
    const char *user = NULL;
    const char *role_text = "player";
    int64_t seconds = DEV_ISSUER_TTL_SECONDS;
    role_t role = ROLE_PLAYER;
    const cli_option_t options[] = {{.name = "--user", .text = &user},
                                    {.name = "--role", .text = &role_text},
                                    {.name = "--seconds", .number = &seconds, .min = 1, .max = DEV_ISSUER_TTL_MAX},
                                    {.name = NULL}};
    if (!cli_options(options, &argc, argv) || !token_role(role_text, &role)) {
        return 2;
    }
    if (argc > 1) {
        return cli_misuse("token", argv[1]);
    }
    if (!user) {
        fprintf(stderr, "playhouse token: --user NAME is missing\ntry: playhouse help token\n");
        return 2;
    }
    char error[256];
    dev_issuer_t *issuer = dev_issuer_new(config_text(config, CONFIG_AUTH_DEV_KEY),
                                          config_text(config, CONFIG_AUTH_AUDIENCE), error, sizeof(error));
    if (!issuer) {
        fprintf(stderr, "playhouse token: %s\n", error);
        return EXIT_FAILURE;
    }
    char token[DEV_ISSUER_TOKEN_SIZE];
    bool made = dev_issuer_token(issuer, user, role, (int64_t)time(NULL) * 1000, seconds, token, sizeof(token));
    dev_issuer_destroy(&issuer);
    if (!made) {
        fprintf(stderr, "playhouse token: '%s' cannot be a user: 1 to 32 printable characters are allowed\n", user);
        return EXIT_FAILURE;
    }
    printf("%s\n", token);
    return EXIT_SUCCESS;
}
