#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "blob.h"

static void
blob_copies_what_it_is_given_and_starts_with_one_reference(void **state)
{
    (void)state;
    char text[] = "frame";
    blob_t *blob = blob_new(text, sizeof text);
    text[0] = 'x';
    assert_int_equal(blob->length, sizeof text);
    assert_string_equal((const char *)blob->data, "frame");
    assert_int_equal(atomic_load(&blob->references), 1);
    blob_release(&blob);
    assert_null(blob);
    blob_release(&blob); /* of nothing is fine */
    assert_null(blob);
}

static void
blob_of_no_bytes_or_of_unset_bytes_is_a_blob(void **state)
{
    (void)state;
    blob_t *empty = blob_new(NULL, 0), *unset = blob_new(NULL, 100);
    memset(unset->data, 7, unset->length);
    assert_int_equal(empty->length, 0);
    assert_int_equal(unset->length, 100);
    blob_release(&empty);
    blob_release(&unset);
}

static void *
retain_and_release(void *argument)
{
    for (int i = 0; i < 10000; i++) {
        blob_t *mine = blob_retain(argument);
        blob_release(&mine);
    }
    blob_t *own = argument;
    blob_release(&own);
    return NULL;
}

static void
references_are_counted_over_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    blob_t *blob = blob_new("shared", 6);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, retain_and_release, blob_retain(blob)), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&blob->references), 1);
    blob_release(&blob);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blob_copies_what_it_is_given_and_starts_with_one_reference),
        cmocka_unit_test(blob_of_no_bytes_or_of_unset_bytes_is_a_blob),
        cmocka_unit_test(references_are_counted_over_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
