/* log_test_helpers -- what is logged, for a test that reads it. */
#ifndef PLAYHOUSE_LOG_TEST_HELPERS_H
#define PLAYHOUSE_LOG_TEST_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

enum { CAPTURE_CAP = 8192 };

static int capture_file = -1;
static int capture_saved = -1;
static char capture_text[CAPTURE_CAP];

/* What is written to standard error until capture_end goes to memory; lines of `lowest` and above are. */
static inline void
capture_begin(log_level_t lowest)
{
    capture_file = memfd_create("log", 0);
    assert_true(capture_file >= 0);
    fflush(stderr);
    capture_saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(capture_file, STDERR_FILENO), STDERR_FILENO);
    log_setup(lowest, NULL);
}

/* Valid until the next one. */
static inline const char *
capture_end(void)
{
    assert_int_equal(dup2(capture_saved, STDERR_FILENO), STDERR_FILENO);
    close(capture_saved);
    ssize_t length = pread(capture_file, capture_text, CAPTURE_CAP - 1, 0);
    close(capture_file);
    assert_true(length >= 0);
    capture_text[length] = '\0';
    return capture_text;
}

#endif
