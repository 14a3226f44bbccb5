/* A temporary folder for certificates. Include after cmocka.h. */
#ifndef PLAYHOUSE_CURVE_TEST_HELPERS_H
#define PLAYHOUSE_CURVE_TEST_HELPERS_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* *state is its path. */
static inline int
folder_setup(void **state)
{
    char path[] = "keys-test-XXXXXX";
    *state = mkdtemp(path) != NULL ? strdup(path) : NULL;
    return *state != NULL ? 0 : -1;
}

/* FOLDER/NAME; good until eight more were asked for. */
static inline const char *
folder_file(const char *folder, const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    next = (next + 1) % 8;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static inline void
folder_empty(const char *folder)
{
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlink(folder_file(folder, entry->d_name));
        }
    }
    closedir(entries);
}

static inline int
folder_teardown(void **state)
{
    folder_empty(*state);
    int failed = rmdir(*state);
    free(*state);
    return failed;
}

static inline void
folder_write(const char *folder, const char *name, const char *text, mode_t mode)
{
    const char *path = folder_file(folder, name);
    unlink(path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    assert_int_equal(close(file), 0);
}

#endif
