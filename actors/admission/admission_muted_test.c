/* A moderator has muted a character, which is in the store: its room is told, wherever it is. */
#include "admission_fixture.h"
#include "log_test_helpers.h"

static const int64_t until = INT64_C(1800000000000);

static void
the_room_of_a_muted_character_is_told(void **state)
{
    fixture_t *f = *state;
    secret_t ticket;
    play(f, 1, "g1");
    play(f, 2, "g1");
    admit(f, 3, ticket); /* has its place in a room, and may be joining it */
    muted(f, "c1", until);
    assert_muted(f, "plaza/main", "c1", until);
    muted(f, "c3", until + 1);
    assert_muted(f, "plaza/main-2", "c3", until + 1);
    muted(f, "c1", 0); /* it may speak again */
    assert_muted(f, "plaza/main", "c1", 0);
    drop(f, "s2", f->entered.turn); /* it is shown in its room for as long as it may come back */
    muted(f, "c2", until);
    assert_muted(f, "plaza/main", "c2", until);
    serve(f);
    nothing_else(f);
}

static void
who_is_in_no_room_is_told_to_none(void **state)
{
    fixture_t *f = *state;
    secret_t secret;
    muted(f, "c9", until); /* is not here */
    for (unsigned i = 1; i <= 3; i++) {
        play(f, i, "g1");
    }
    queue_up(f, 4, secret);
    muted(f, "c4", until); /* waits */
    leave(f, "s3", f->entered.turn);
    muted(f, "c3", until); /* has gone */
    none(f, MSG_ROOM_MUTE);
    serve(f);
    nothing_else(f);
}

static void
a_mute_waits_for_a_registry_that_is_lost(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    f->registry->forget(f->registry, sim_now(f->sim), PLAZA);
    muted(f, "c1", until);
    muted(f, "c1", 0);
    none(f, MSG_ROOM_MUTE);
    assert_int_equal(count_of(f, METRIC_ADMISSION_DEFERRED, 0), 2);
    serve(f);
    assert_muted(f, "plaza/main", "c1", until); /* in the order they came */
    assert_muted(f, "plaza/main", "c1", 0);
}

static void
a_room_that_is_full_is_said_not_to_have_heard(void **state)
{
    fixture_t *f = *state;
    play(f, 1, "g1");
    sim_set_full(f->sim, ACT_KIND_ROOM, true);
    capture_begin(LOG_WARN);
    muted(f, "c1", until);
    const char *log = capture_end();
    log_setup(LOG_ERROR, NULL);
    assert_non_null(strstr(log, "mute-not-told"));
    assert_non_null(strstr(log, "plaza/main"));
    none(f, MSG_ROOM_MUTE);
    sim_set_full(f->sim, ACT_KIND_ROOM, false);
    muted(f, "c1", until);
    assert_muted(f, "plaza/main", "c1", until);
}

int
main(void)
{
    log_setup(LOG_ERROR, NULL);
    const struct CMUnitTest tests[] = {
        CASE(the_room_of_a_muted_character_is_told),
        CASE(who_is_in_no_room_is_told_to_none),
        CASE(a_mute_waits_for_a_registry_that_is_lost),
        CASE(a_room_that_is_full_is_said_not_to_have_heard),
    };
    return cmocka_run_group_tests_name("admission_muted", tests, NULL, NULL);
}
