/* The table of what waits: slots are used again, and an answer to an earlier use finds nothing. */
#include "admission_fixture.h"

static admission_table_t table;

static int
setup(void **state)
{
    (void)state;
    memset(&table, 0, sizeof table);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    admission_table_fini(&table);
    return 0;
}

static admission_pending_t *
add(const char *session_id)
{
    const msg_t request = {.correlation = 5, .body = session_id};
    return admission_table_add(&table, &request, session_id);
}

static void
what_is_kept_is_found_by_its_session_and_by_its_context(void **state)
{
    (void)state;
    assert_null(admission_table_find(&table, "a"));
    assert_null(admission_table_answered(&table, 0));
    uint64_t a = admission_table_context(&table, add("a"));
    uint64_t b = admission_table_context(&table, add("b"));
    uint64_t end = admission_table_context(&table, add(""));
    admission_pending_t *found = admission_table_find(&table, "b");
    assert_ptr_equal(found, admission_table_answered(&table, b));
    assert_string_equal(found->session_id, "b");
    assert_int_equal(found->request.correlation, 5);
    assert_null(found->request.body);
    assert_false(found->is_end || found->decided);
    assert_null(admission_table_find(&table, "")); /* which waits for no connect */
    assert_non_null(admission_table_answered(&table, end));
    admission_table_drop(&table, found);
    assert_null(admission_table_find(&table, "b"));
    assert_null(admission_table_answered(&table, b));
    assert_non_null(admission_table_answered(&table, a));
}

static void
an_answer_to_an_earlier_use_finds_nothing(void **state)
{
    (void)state;
    admission_pending_t *pending = add("a");
    uint64_t before = admission_table_context(&table, pending);
    pending->decided = true;
    snprintf(pending->replace_token, sizeof pending->replace_token, "x");
    admission_table_drop(&table, pending);
    pending = add("b");
    assert_null(admission_table_answered(&table, before));
    assert_ptr_equal(admission_table_answered(&table, admission_table_context(&table, pending)), pending);
    assert_false(pending->decided);
    assert_string_equal(pending->replace_token, "");
}

static void
it_holds_so_many_and_no_more(void **state)
{
    (void)state;
    static uint64_t contexts[ADMISSION_PENDING_CAP];
    for (unsigned i = 0; i < ADMISSION_PENDING_CAP; i++) {
        char id[16];
        snprintf(id, sizeof id, "s%u", i);
        admission_pending_t *pending = add(id);
        assert_non_null(pending);
        contexts[i] = admission_table_context(&table, pending);
    }
    assert_null(add("more"));
    for (unsigned i = 0; i < ADMISSION_PENDING_CAP; i += 7) {
        admission_pending_t *pending = admission_table_answered(&table, contexts[i]);
        char id[16];
        snprintf(id, sizeof id, "s%u", i);
        assert_string_equal(pending->session_id, id);
        assert_ptr_equal(admission_table_find(&table, id), pending);
        admission_table_drop(&table, pending);
        assert_non_null(add("more"));
        assert_null(admission_table_answered(&table, contexts[i]));
        admission_table_drop(&table, admission_table_find(&table, "more"));
    }
}

#undef CASE
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_kept_is_found_by_its_session_and_by_its_context),
        CASE(an_answer_to_an_earlier_use_finds_nothing),
        CASE(it_holds_so_many_and_no_more),
    };
    return cmocka_run_group_tests_name("admission_pending", tests, NULL, NULL);
}
