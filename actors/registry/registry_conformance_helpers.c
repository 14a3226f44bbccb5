#include "registry_conformance_helpers.h"

void
world_pass(world_t *self, int64_t msec)
{
    self->now += msec * ACT_MSEC;
}

void
world_secret(unsigned number, uint8_t hash[SECRET_HASH_SIZE])
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    secret_hash(text, hash);
}

registry_session_t
world_row(const world_t *self, world_session_t names, session_state_t state, int64_t number, int64_t version)
{
    registry_session_t row = {
        .role = self->role, .state = state, .number = number, .version = version, .auth_until = self->auth_until};
    snprintf(row.session_id, sizeof row.session_id, "s%u", names.session);
    snprintf(row.instance, sizeof row.instance, "%s", self->instance);
    snprintf(row.character_id, sizeof row.character_id, "c%u", names.character);
    snprintf(row.user_id, sizeof row.user_id, "user %u", names.user);
    snprintf(row.name, sizeof row.name, "Name %u", names.character);
    if (state != SESSION_STATE_WAITING) {
        snprintf(row.room, sizeof row.room, "%s/main", self->instance);
    }
    if (state == SESSION_STATE_ACTIVE) {
        snprintf(row.holder, sizeof row.holder, "h1");
        row.connection = 1;
    }
    row.left_ms = REGISTRY_NO_END;
    row.secret_len = SECRET_HASH_SIZE;
    world_secret(names.secret, row.secret);
    return row;
}

registry_result_t
world_claim(world_t *self, world_session_t names)
{
    self->session =
        world_row(self, names, SESSION_STATE_ACTIVE, 999999, 999999); /* what it does not read is nonsense */
    self->session.turn = 999999;
    return self->registry->claim(self->registry, self->now, &self->session, &self->other, &self->limits);
}

registry_result_t
world_claim_one(world_t *self, unsigned number)
{
    return world_claim(self, (world_session_t){number, number, number, number});
}

registry_result_t
world_end_attempt(world_t *self, unsigned user, unsigned except_character)
{
    registry_session_t row =
        world_row(self, (world_session_t){0, except_character, user, 0}, SESSION_STATE_ENDED, 0, 0);
    return self->registry->end_attempt(self->registry, self->now, self->instance, row.user_id, row.character_id,
                                       &self->other);
}

static registry_bearer_t
world_bearer(const world_t *self, unsigned user, char *user_id, size_t size)
{
    snprintf(user_id, size, "user %u", user);
    return (registry_bearer_t){.user_id = user_id, .role = self->role, .auth_until = self->auth_until};
}

registry_result_t
world_renew(world_t *self, unsigned user, unsigned shown, unsigned next)
{
    uint8_t hashes[2][SECRET_HASH_SIZE];
    world_secret(shown, hashes[0]);
    world_secret(next, hashes[1]);
    char user_id[16];
    const registry_bearer_t bearer = world_bearer(self, user, user_id, sizeof user_id);
    return self->registry->renew(self->registry, self->now, self->instance, &bearer, hashes[0], hashes[1],
                                 &self->limits, &self->session);
}

registry_result_t
world_enter(world_t *self, unsigned shown, unsigned next, const char *holder, int64_t connection)
{
    uint8_t hashes[2][SECRET_HASH_SIZE];
    world_secret(shown, hashes[0]);
    world_secret(next, hashes[1]);
    return self->registry->enter(self->registry, self->now, self->instance, hashes[0], hashes[1], holder, connection,
                                 &self->session, &self->other);
}

registry_result_t
world_watch(world_t *self, unsigned shown, unsigned next, const char *holder, int64_t connection)
{
    uint8_t hashes[2][SECRET_HASH_SIZE];
    world_secret(shown, hashes[0]);
    world_secret(next, hashes[1]);
    return self->registry->watch(self->registry, self->now, self->instance, hashes[0], hashes[1], holder, connection,
                                 &self->session, &self->other);
}

registry_result_t
world_authorize(world_t *self, unsigned session, int64_t turn, int64_t auth_until)
{
    char id[16];
    snprintf(id, sizeof id, "s%u", session);
    return self->registry->authorize(self->registry, self->now, self->instance, id, turn, auth_until, &self->session);
}

registry_result_t
world_drop(world_t *self, unsigned session, int64_t turn)
{
    char id[16];
    snprintf(id, sizeof id, "s%u", session);
    return self->registry->drop(self->registry, self->now, self->instance, id, turn, &self->limits, &self->session);
}

registry_result_t
world_leave(world_t *self, unsigned session, int64_t turn)
{
    char id[16];
    snprintf(id, sizeof id, "s%u", session);
    return self->registry->leave(self->registry, self->now, self->instance, id, turn, &self->session, &self->was);
}

registry_result_t
world_ask(world_t *self, unsigned character, unsigned ask)
{
    uint8_t hash[SECRET_HASH_SIZE];
    char id[16];
    world_secret(ask, hash);
    snprintf(id, sizeof id, "c%u", character);
    return self->registry->ask(self->registry, self->now, self->instance, id, hash, &self->limits);
}

registry_result_t
world_unask(world_t *self, unsigned user, unsigned ask)
{
    uint8_t hash[SECRET_HASH_SIZE];
    char user_id[16];
    world_secret(ask, hash);
    snprintf(user_id, sizeof user_id, "user %u", user);
    return self->registry->unask(self->registry, self->now, self->instance, user_id, hash);
}

registry_result_t
world_replace(world_t *self, unsigned user, unsigned ask, unsigned next)
{
    uint8_t hashes[2][SECRET_HASH_SIZE];
    world_secret(ask, hashes[0]);
    world_secret(next, hashes[1]);
    char user_id[16];
    const registry_bearer_t bearer = world_bearer(self, user, user_id, sizeof user_id);
    return self->registry->replace(self->registry, self->now, self->instance, &bearer, hashes[0], hashes[1],
                                   &self->limits, &self->session, &self->other);
}

registry_result_t
world_promote(world_t *self)
{
    return self->registry->promote(self->registry, self->now, self->instance, &self->limits, &self->session);
}

registry_result_t
world_sweep(world_t *self)
{
    return self->registry->sweep(self->registry, self->now, self->instance, &self->limits, &self->session,
                                 &self->swept);
}

registry_result_t
world_beat(world_t *self, const char *holder, uint32_t max)
{
    registry_notice_t notices[16];
    uint32_t count = UINT32_MAX;
    assert_in_range(max, 0, 16);
    registry_result_t result =
        self->registry->beat(self->registry, self->now, self->instance, holder, notices, max, &count);
    if (result == REGISTRY_OK) {
        assert_in_range(count, 0, max);
        self->place = count;
        self->left = count > 0 ? notices[0].connection : -1;
        for (uint32_t i = 1; i < count; i++) { /* tests tell with rising connections */
            assert_true(notices[i].connection == notices[i - 1].connection + 1);
        }
    }
    return result;
}

registry_result_t
world_tell(world_t *self, const char *holder, unsigned session, int64_t connection)
{
    registry_notice_t notice = {.connection = connection, .close = CLOSE_CODE_REPLACED};
    snprintf(notice.session_id, sizeof notice.session_id, "s%u", session);
    return self->registry->tell(self->registry, self->now, self->instance, holder, &notice);
}

registry_result_t
world_touch(world_t *self, unsigned session)
{
    char id[16];
    snprintf(id, sizeof id, "s%u", session);
    return self->registry->touch(self->registry, self->now, self->instance, id, &self->limits);
}

registry_result_t
world_find(world_t *self, unsigned session)
{
    char id[16];
    snprintf(id, sizeof id, "s%u", session);
    return self->registry->find_session(self->registry, self->now, self->instance, id, &self->session, &self->place);
}

registry_result_t
world_find_character(world_t *self, unsigned character)
{
    char id[16];
    snprintf(id, sizeof id, "c%u", character);
    return self->registry->find_character(self->registry, self->now, self->instance, id, &self->session, &self->place);
}

registry_result_t
world_count(world_t *self)
{
    return self->registry->count(self->registry, self->now, self->instance, &self->count);
}

registry_result_t
world_switch(world_t *self, registry_switches_t switches)
{
    return self->registry->set_switches(self->registry, self->now, self->instance, &switches);
}

void
world_restore(world_t *self, int64_t number, registry_session_t *rows, uint32_t count)
{
    registry_t *registry = self->registry;
    const registry_switches_t switches = {0};
    assert_result(REGISTRY_OK, registry->restore_begin(registry, self->now, self->instance, number, &switches));
    if (count > 0) {
        assert_result(REGISTRY_OK,
                      registry->restore_add(registry, self->now, self->instance, rows, count, &self->limits));
    }
    assert_result(REGISTRY_OK, registry->restore_end(registry, self->now, self->instance));
}

static registry_attempt_t
world_attempt(unsigned user, unsigned address)
{
    registry_attempt_t attempt = {.has_user = user != 0};
    char text[32];
    snprintf(text, sizeof text, "user %u", user);
    secret_hash(text, attempt.user);
    snprintf(text, sizeof text, "address %u", address);
    secret_hash(text, attempt.address);
    return attempt;
}

registry_result_t
world_attempt_left(world_t *self, unsigned user, unsigned address)
{
    registry_attempt_t attempt = world_attempt(user, address);
    return self->registry->attempt_left(self->registry, self->now, &attempt, &self->left);
}

registry_result_t
world_attempt_failed(world_t *self, unsigned user, unsigned address, registry_attempt_limits_t limits)
{
    registry_attempt_t attempt = world_attempt(user, address);
    return self->registry->attempt_failed(self->registry, self->now, &attempt, &limits, &self->left);
}

void
world_assert_result(registry_result_t expected, registry_result_t actual, const char *file, int line)
{
    _assert_string_equal(world_result_name(actual), world_result_name(expected), file, line);
}

void
world_assert_count(world_t *self, registry_count_t expected, const char *file, int line)
{
    world_assert_result(REGISTRY_OK, world_count(self), file, line);
    _assert_int_equal(self->count.connecting, expected.connecting, file, line);
    _assert_int_equal(self->count.active, expected.active, file, line);
    _assert_int_equal(self->count.grace, expected.grace, file, line);
    _assert_int_equal(self->count.waiting, expected.waiting, file, line);
}

void
world_play(world_t *self, unsigned number, const char *holder)
{
    assert_result(REGISTRY_OK, world_claim_one(self, number));
    assert_result(REGISTRY_OK, world_enter(self, number, number + 1000, holder, number));
}
