#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert.h"
#include "cli.h"

/* One row of the list; counts what cannot be used. The public key alone: a secret is never shown. */
static void
keys_print(const char *folder, const char *file, int *unusable)
{
    static const struct {
        const char *suffix, *kind;
        bool (*read)(const char *path, cert_t *cert, char *why, size_t why_size);
    } forms[] = {{CERT_SECRET_SUFFIX, "secret", cert_read_secret}, {CERT_PUBLIC_SUFFIX, "public", cert_read_public}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t length = strlen(file), suffix = strlen(forms[i].suffix);
        if (length <= suffix || strcmp(file + length - suffix, forms[i].suffix) != 0) {
            continue;
        }
        char path[PATH_MAX], name[NAME_MAX + 1], why[256] = "the path is too long";
        cert_t cert;
        snprintf(name, sizeof name, "%.*s", (int)(length - suffix), file);
        bool good = (size_t)snprintf(path, sizeof path, "%s/%s", folder, file) < sizeof path &&
                    forms[i].read(path, &cert, why, sizeof why);
        if (good && !cert_name_is_good(name)) {
            snprintf(why, sizeof why, "its name is passed over: 1 to 63 letters, digits, '.', '_' and '-' are taken");
            good = false;
        }
        if (good) {
            printf("%-24s %s %s\n", name, forms[i].kind, cert.public_key);
        } else {
            fprintf(stderr, "playhouse keys: '%s/%s' %s\n", folder, file, why);
            (*unusable)++;
        }
        cert_wipe(&cert);
        return;
    }
}

static int
keys_check(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort), unusable = 0;
    if (count < 0) {
        fprintf(stderr, "playhouse keys: the folder '%s' cannot be read: %s\n", folder, strerror(errno));
        return EXIT_FAILURE;
    }
    for (int i = 0; i < count; i++) {
        keys_print(folder, entries[i]->d_name, &unusable);
        free(entries[i]);
    }
    free(entries);
    return unusable == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
keys_make(const char *folder, const char *name)
{
    char why[512];
    cert_t cert;
    if (!cert_make(folder, name, &cert, why, sizeof why)) {
        fprintf(stderr, "playhouse keys: %s\n", why);
        return EXIT_FAILURE;
    }
    printf("%s\n", cert.public_key);
    fprintf(stderr,
            "made %s/%s%s (secret: for keys.secret of its owner alone) and %s/%s%s (public: for the folder "
            "keys.allowed or keys.tools of the others)\n",
            folder, name, CERT_SECRET_SUFFIX, folder, name, CERT_PUBLIC_SUFFIX);
    return EXIT_SUCCESS;
}

int
cmd_keys(int argc, char **argv, config_t *config)
{
    (void)config;
    const char *folder = "keys", *check = NULL;
    const cli_option_t options[] = {
        {.name = "--folder", .text = &folder}, {.name = "--check", .text = &check}, {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    if (check != NULL) {
        return argc > 1 ? cli_misuse("keys", argv[1]) : keys_check(check);
    }
    if (argc < 2) {
        return cli_lacks("keys", "NAME is missing: whose keys are to be made?");
    }
    return argc > 2 ? cli_misuse("keys", argv[2]) : keys_make(folder, argv[1]);
}
