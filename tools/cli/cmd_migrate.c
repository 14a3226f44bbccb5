#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "store_sqlite.h"

/* What went well is for standard output, what did not for standard error. */
static int
migrate_tell(bool (*work)(const char *path, FILE *out), const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        fprintf(stderr, "playhouse migrate: out of memory\n");
        return EXIT_FAILURE;
    }
    bool good = work(path, out);
    fclose(out);
    fputs(text, good ? stdout : stderr);
    free(text);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

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
        return migrate_tell(store_sqlite_migrate, path);
    }
    if (strcmp(argv[1], "status") == 0) {
        return migrate_tell(store_sqlite_status, path);
    }
    return cli_misuse("migrate", argv[1]);
}
