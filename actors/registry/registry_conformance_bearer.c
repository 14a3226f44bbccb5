/* What the access token says: who may do what until when, from the claim to the end of the session. */
#include "registry_conformance_helpers.h"

static const int64_t until = INT64_C(1800000000000), latest = INT64_C(9007199254740991);

static void
assert_bearer(const registry_session_t *session, role_t role, int64_t auth_until)
{
    assert_string_equal(role_names[session->role], role_names[role]);
    assert_true(session->auth_until == auth_until);
}

static void
it_is_kept_from_the_claim_to_the_end(void **state)
{
    world_t *self = *state;
    self->limits.capacity = 1;
    self->role = ROLE_MODERATOR;
    self->auth_until = until;
    assert_result(REGISTRY_OK, world_claim_one(self, 1));
    assert_bearer(&self->session, ROLE_MODERATOR, until);
    assert_result(REGISTRY_OK, world_enter(self, 1, 11, "h1", 1));
    assert_bearer(&self->session, ROLE_MODERATOR, until);
    self->role = ROLE_SPECTATOR;
    self->auth_until = latest;
    assert_result(REGISTRY_QUEUED, world_claim_one(self, 2));
    assert_result(REGISTRY_OK, world_watch(self, 2, 22, "h1", 2));
    assert_bearer(&self->session, ROLE_SPECTATOR, latest);
    assert_result(REGISTRY_EXISTS, world_claim(self, (world_session_t){3, 1, 1, 3}));
    assert_bearer(&self->session, ROLE_MODERATOR, until); /* of the session that is there */
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_result(REGISTRY_OK, world_drop(self, 1, self->session.turn));
    assert_bearer(&self->session, ROLE_MODERATOR, until);
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_bearer(&self->session, ROLE_MODERATOR, until);
    assert_result(REGISTRY_OK, world_promote(self));
    assert_bearer(&self->session, ROLE_SPECTATOR, latest);
    assert_result(REGISTRY_OK, world_find_character(self, 2));
    assert_bearer(&self->session, ROLE_SPECTATOR, latest);
}

static void
a_later_end_is_taken_and_is_a_new_version_of_the_same_turn(void **state)
{
    world_t *self = *state;
    self->auth_until = until;
    world_play(self, 1, "h1");
    const registry_session_t was = self->session;
    assert_result(REGISTRY_OK, world_authorize(self, 1, was.turn, until + 1));
    assert_bearer(&self->session, ROLE_PLAYER, until + 1);
    assert_true(self->session.version > was.version && self->session.turn == was.turn);
    assert_int_equal(self->session.state, SESSION_STATE_ACTIVE);
    assert_string_equal(self->session.holder, "h1");
    assert_int_equal(self->session.connection, 1);
    assert_int_equal(self->session.left_ms, REGISTRY_NO_END);
    assert_memory_equal(self->session.secret, was.secret, SECRET_HASH_SIZE);
    assert_result(REGISTRY_OK, world_count(self));
    assert_true(self->count.version == self->session.version);
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_bearer(&self->session, ROLE_PLAYER, until + 1);
    assert_result(REGISTRY_OK, world_drop(self, 1, was.turn)); /* its connection still says of it what it says */
    assert_result(REGISTRY_OK, world_authorize(self, 1, was.turn, latest));
    assert_int_equal(self->session.state, SESSION_STATE_GRACE);
    assert_int_equal(self->session.left_ms, GRACE_MSEC); /* its time goes on */
    assert_bearer(&self->session, ROLE_PLAYER, latest);
}

static void
an_earlier_end_or_the_same_changes_nothing(void **state)
{
    world_t *self = *state;
    self->auth_until = until;
    world_play(self, 1, "h1");
    const int64_t turn = self->session.turn, ends[] = {until, until - 1, 0};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        assert_result(REGISTRY_OK, world_authorize(self, 1, turn, ends[i]));
        assert_bearer(&self->session, ROLE_PLAYER, until);
        assert_true(self->session.version == turn);
    }
    assert_result(REGISTRY_OK, world_count(self));
    assert_true(self->count.version == turn);
}

static void
who_has_gone_on_is_not_authorized_by_an_earlier_connection(void **state)
{
    world_t *self = *state;
    self->auth_until = until;
    world_play(self, 1, "h1");
    const int64_t turn = self->session.turn;
    assert_result(REGISTRY_STALE, world_authorize(self, 1, 0, latest));
    assert_result(REGISTRY_STALE, world_authorize(self, 1, REGISTRY_ANY_TURN, latest));
    assert_result(REGISTRY_UNKNOWN, world_authorize(self, 2, turn, latest));
    assert_result(REGISTRY_OK, world_enter(self, 1001, 91, "h2", 2));
    assert_result(REGISTRY_STALE, world_authorize(self, 1, turn, latest));
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_bearer(&self->session, ROLE_PLAYER, until);
    self->instance = "beta";
    assert_result(REGISTRY_UNKNOWN, world_authorize(self, 1, self->session.turn, latest));
    self->instance = "alpha";
    assert_result(REGISTRY_OK, world_leave(self, 1, REGISTRY_ANY_TURN));
    assert_result(REGISTRY_UNKNOWN, world_authorize(self, 1, self->session.turn, latest));
}

static void
who_renews_has_role_and_end_of_the_new_token(void **state)
{
    world_t *self = *state;
    self->role = ROLE_ADMIN;
    self->auth_until = until;
    world_play(self, 1, "h1");
    self->role = ROLE_SPECTATOR;
    self->auth_until = until - 1;
    assert_result(REGISTRY_UNKNOWN, world_renew(self, 2, 1001, 91)); /* of somebody else: nothing is changed by it */
    assert_result(REGISTRY_SPENT, world_renew(self, 1, 1, 91));
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_bearer(&self->session, ROLE_ADMIN, until);
    assert_result(REGISTRY_OK, world_renew(self, 1, 1001, 91)); /* lower, too */
    assert_bearer(&self->session, ROLE_SPECTATOR, until - 1);
    self->role = ROLE_MODERATOR;
    self->auth_until = latest;
    assert_result(REGISTRY_OK, world_renew(self, 1, 91, 92));
    assert_result(REGISTRY_OK, world_enter(self, 92, 93, "h1", 2));
    assert_bearer(&self->session, ROLE_MODERATOR, latest);
}

static void
who_replaces_has_role_and_end_of_the_new_token(void **state)
{
    world_t *self = *state;
    self->role = ROLE_ADMIN;
    self->auth_until = until;
    world_play(self, 1, "h1");
    assert_result(REGISTRY_OK, world_ask(self, 1, 70));
    self->role = ROLE_PLAYER;
    self->auth_until = until - 1;
    assert_result(REGISTRY_UNKNOWN, world_replace(self, 2, 70, 91));
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_bearer(&self->session, ROLE_ADMIN, until);
    assert_result(REGISTRY_OK, world_replace(self, 1, 70, 91));
    assert_bearer(&self->session, ROLE_PLAYER, until - 1);
    assert_bearer(&self->other, ROLE_ADMIN, until); /* who held it, as it was */
    assert_result(REGISTRY_OK, world_enter(self, 91, 92, "h1", 2));
    assert_bearer(&self->session, ROLE_PLAYER, until - 1);
}

static void
it_is_restored_with_its_session(void **state)
{
    world_t *self = *state;
    self->instance = "gamma";
    self->role = ROLE_SPECTATOR;
    self->auth_until = latest;
    registry_session_t rows[2] = {
        world_row(self, (world_session_t){1, 1, 1, 1}, SESSION_STATE_ACTIVE, 11, 31),
        world_row(self, (world_session_t){2, 2, 2, 2}, SESSION_STATE_GRACE, 12, 32),
    };
    rows[1].auth_until = 0; /* from before it was kept */
    world_restore(self, 12, rows, 2);
    assert_result(REGISTRY_OK, world_find(self, 1));
    assert_bearer(&self->session, ROLE_SPECTATOR, latest);
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_bearer(&self->session, ROLE_SPECTATOR, 0);
    assert_result(REGISTRY_OK, world_authorize(self, 2, 0, until));
    rows[1].auth_until = latest;
    rows[1].version = self->session.version;
    world_restore(self, 12, rows, 2); /* what is there stays, like all else of it */
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_bearer(&self->session, ROLE_SPECTATOR, until);
    rows[1].version++;
    world_restore(self, 12, rows, 2);
    assert_result(REGISTRY_OK, world_find(self, 2));
    assert_bearer(&self->session, ROLE_SPECTATOR, latest);
}

const struct CMUnitTest registry_bearer_tests[] = {
    CASE(it_is_kept_from_the_claim_to_the_end),
    CASE(a_later_end_is_taken_and_is_a_new_version_of_the_same_turn),
    CASE(an_earlier_end_or_the_same_changes_nothing),
    CASE(who_has_gone_on_is_not_authorized_by_an_earlier_connection),
    CASE(who_renews_has_role_and_end_of_the_new_token),
    CASE(who_replaces_has_role_and_end_of_the_new_token),
    CASE(it_is_restored_with_its_session),
    {0},
};
