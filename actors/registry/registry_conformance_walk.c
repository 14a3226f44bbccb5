/* A long random walk of all operations, beside a naive model: same answers, and after each step the same sessions. */
#include <stdlib.h>

#include "registry_conformance_helpers.h"
#include "registry_conformance_model.h"

enum {
    CHARACTERS = 18, /* three of each user */
    SECRETS_RECENT = 40,
    ROWS_MAX = 64,
};

static const int64_t AUTH_UNTIL_MAX = INT64_C(9007199254740991); /* of the schema */

static const char *const walk_instances[MODEL_INSTANCES] = {"alpha", "beta"};
static const char *const walk_holders[MODEL_HOLDERS + 1] = {"", "h1", "h2", "h3"};

typedef struct walk {
    world_t *world;
    model_t model;
    uint64_t seed;
    unsigned instance;                /* of this step */
    unsigned sessions, secrets, asks; /* numbers used up */
    int64_t connections, notices;
    uint32_t seats[MODEL_INSTANCES]; /* before this step */
    uint32_t results[REGISTRY_RESULT_COUNT];
    registry_session_t rows[ROWS_MAX];
} walk_t;

static uint32_t
walk_draw(walk_t *self, uint32_t below)
{
    self->seed = self->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(self->seed >> 33) % below;
}

static unsigned
walk_user_of(unsigned character)
{
    return (character + 2) / 3;
}

/* One that is there, of this step's instance; NULL: none. */
static model_session_t *
walk_pick(walk_t *self)
{
    uint32_t first = walk_draw(self, MODEL_SESSIONS_MAX);
    for (uint32_t i = 0; i < MODEL_SESSIONS_MAX; i++) {
        model_session_t *session = &self->model.sessions[(first + i) % MODEL_SESSIONS_MAX];
        if (session->session != 0 && session->instance == self->instance) {
            return session;
        }
    }
    return NULL;
}

/* Mostly one that is there, else one that was once. */
static unsigned
walk_pick_session(walk_t *self, int64_t *turn)
{
    const model_session_t *session = walk_pick(self);
    if (session == NULL || walk_draw(self, 10) == 0) {
        *turn = walk_draw(self, 2) == 0 ? REGISTRY_ANY_TURN : 0;
        return walk_draw(self, self->sessions + 1) + 1;
    }
    *turn = walk_draw(self, 5) == 0 ? session->turn - 1 : session->turn;
    return session->session;
}

static unsigned
walk_pick_secret(walk_t *self)
{
    const model_session_t *session = walk_pick(self);
    if (session == NULL || walk_draw(self, 4) == 0) {
        return self->secrets > SECRETS_RECENT ? self->secrets - walk_draw(self, SECRETS_RECENT) : self->secrets + 1;
    }
    return session->secret;
}

static void
walk_compare(walk_t *self, registry_result_t expected, registry_result_t actual)
{
    assert_result(expected, actual);
    self->results[actual]++;
}

/* *ended or *before: the same session, and who held it. */
static void
walk_compare_other(const walk_t *self, bool ended)
{
    const model_session_t *expected = &self->model.other;
    const registry_session_t *actual = &self->world->other;
    char id[16] = "";
    if (expected->session != 0) {
        snprintf(id, sizeof id, "s%u", expected->session);
    }
    assert_string_equal(actual->session_id, id);
    if (expected->session != 0) {
        assert_string_equal(actual->holder, walk_holders[expected->holder]);
        assert_true(actual->connection == expected->connection);
        assert_true(!ended || (actual->state == SESSION_STATE_ENDED && actual->secret_len == 0));
        assert_true(ended || actual->turn == expected->turn);
    }
}

static void
walk_compare_row(const walk_t *self, const model_session_t *expected, const registry_session_t *actual)
{
    char text[32];
    uint8_t secret[SECRET_HASH_SIZE];
    snprintf(text, sizeof text, "c%u", expected->character);
    assert_string_equal(actual->character_id, text);
    snprintf(text, sizeof text, "user %u", expected->user);
    assert_string_equal(actual->user_id, text);
    assert_string_equal(actual->instance, walk_instances[expected->instance]);
    text[0] = '\0';
    if (expected->room == 1) {
        snprintf(text, sizeof text, "%s/main", walk_instances[expected->instance]);
    } else if (expected->room > 1) {
        snprintf(text, sizeof text, "%s/main-%u", walk_instances[expected->instance], expected->room);
    }
    assert_string_equal(actual->room, text);
    assert_int_equal(actual->state, expected->state);
    assert_string_equal(actual->holder, walk_holders[expected->holder]);
    assert_true(actual->connection == expected->connection);
    assert_true(actual->number == expected->number && actual->version == expected->version);
    assert_true(actual->turn == expected->turn);
    assert_int_equal(actual->role, expected->role);
    assert_true(actual->auth_until == expected->auth_until);
    assert_true(actual->left_ms == model_left_msec(&self->model, expected));
    assert_int_equal(actual->secret_len, SECRET_HASH_SIZE);
    world_secret(expected->secret, secret);
    assert_memory_equal(actual->secret, secret, SECRET_HASH_SIZE);
}

static unsigned
walk_session_number(const registry_session_t *row)
{
    return (unsigned)strtoul(row->session_id + 1, NULL, 10);
}

/* Whoever claims, renews or replaces next. */
static void
walk_draw_bearer(walk_t *self)
{
    self->world->role = (role_t)walk_draw(self, ROLE_COUNT);
    self->world->auth_until = walk_draw(self, 101) * (AUTH_UNTIL_MAX / 100);
}

static model_bearer_t
walk_bearer(const walk_t *self, unsigned user)
{
    return (model_bearer_t){user, self->world->role, self->world->auth_until};
}

static void
walk_claim(walk_t *self)
{
    unsigned character = walk_draw(self, CHARACTERS) + 1;
    const model_session_t *there = walk_pick(self);
    model_session_t names = {.instance = self->instance, .character = character, .user = walk_user_of(character)};
    names.session = there != NULL && walk_draw(self, 20) == 0 ? there->session : ++self->sessions;
    names.secret = ++self->secrets;
    walk_draw_bearer(self);
    names.role = self->world->role;
    names.auth_until = self->world->auth_until;
    registry_result_t result =
        world_claim(self->world, (world_session_t){names.session, character, names.user, names.secret});
    const registry_session_t *row = &self->world->session;
    walk_compare(self, model_claim(&self->model, names, row->number, row->version, self->world->other.version), result);
    if (result == REGISTRY_EXISTS) {
        there = model_find_character(&self->model, self->instance, character);
        assert_int_equal(walk_session_number(row), there->session);
        assert_string_equal(row->instance, walk_instances[there->instance]);
        assert_int_equal(row->secret_len, 0);
    }
    if (result == REGISTRY_OK || result == REGISTRY_QUEUED) {
        walk_compare_row(self, model_find(&self->model, self->instance, names.session), row);
    }
    walk_compare_other(self, true);
}

static void
walk_end_attempt_of(walk_t *self, unsigned user, unsigned character)
{
    registry_result_t result = world_end_attempt(self->world, user, character);
    walk_compare(self, model_end_attempt(&self->model, self->instance, user, character, self->world->other.version),
                 result);
    if (result == REGISTRY_OK) {
        walk_compare_other(self, true);
    }
}

static void
walk_end_attempt(walk_t *self)
{
    unsigned character = walk_draw(self, CHARACTERS) + 1;
    walk_end_attempt_of(self, walk_user_of(character), character);
}

static void
walk_renew(walk_t *self)
{
    unsigned shown = walk_pick_secret(self), next = ++self->secrets;
    unsigned user = walk_draw(self, CHARACTERS / 3) + 1;
    for (unsigned i = 0; i < MODEL_SESSIONS_MAX; i++) {
        const model_session_t *session = &self->model.sessions[i];
        if (session->session != 0 && session->secret == shown && walk_draw(self, 5) != 0) {
            user = session->user;
        }
    }
    walk_draw_bearer(self);
    registry_result_t result = world_renew(self->world, user, shown, next);
    walk_compare(
        self,
        model_renew(&self->model, self->instance, walk_bearer(self, user), shown, next, self->world->session.version),
        result);
}

static void
walk_enter(walk_t *self)
{
    unsigned shown = walk_pick_secret(self), next = ++self->secrets, holder = walk_draw(self, MODEL_HOLDERS) + 1;
    int64_t connection = walk_draw(self, 4) == 0 ? self->connections : ++self->connections;
    registry_result_t result = world_enter(self->world, shown, next, walk_holders[holder], connection);
    walk_compare(
        self, model_enter(&self->model, self->instance, shown, next, holder, connection, self->world->session.version),
        result);
    if (result == REGISTRY_OK) {
        walk_compare_other(self, false);
    }
}

static void
walk_watch(walk_t *self)
{
    unsigned shown = walk_pick_secret(self), next = ++self->secrets, holder = walk_draw(self, MODEL_HOLDERS) + 1;
    int64_t connection = walk_draw(self, 4) == 0 ? self->connections : ++self->connections;
    registry_result_t result = world_watch(self->world, shown, next, walk_holders[holder], connection);
    walk_compare(
        self, model_watch(&self->model, self->instance, shown, next, holder, connection, self->world->session.version),
        result);
    if (result == REGISTRY_OK) {
        walk_compare_other(self, false);
    }
}

static void
walk_authorize(walk_t *self)
{
    int64_t turn;
    unsigned session = walk_pick_session(self, &turn);
    walk_draw_bearer(self);
    int64_t auth_until = self->world->auth_until;
    registry_result_t result = world_authorize(self->world, session, turn, auth_until);
    walk_compare(self,
                 model_authorize(&self->model, self->instance, session, turn, auth_until, self->world->session.version),
                 result);
    if (result == REGISTRY_OK) {
        walk_compare_row(self, model_find(&self->model, self->instance, session), &self->world->session);
    }
}

static void
walk_drop(walk_t *self)
{
    int64_t turn;
    unsigned session = walk_pick_session(self, &turn);
    registry_result_t result = world_drop(self->world, session, turn);
    walk_compare(self, model_drop(&self->model, self->instance, session, turn, self->world->session.version), result);
}

static void
walk_leave(walk_t *self)
{
    int64_t turn;
    unsigned session = walk_pick_session(self, &turn);
    turn = walk_draw(self, 3) == 0 ? (int64_t)walk_draw(self, 2) - 1 : turn;
    registry_result_t result = world_leave(self->world, session, turn);
    walk_compare(self, model_leave(&self->model, self->instance, session, turn, self->world->session.version), result);
    if (result == REGISTRY_OK) {
        assert_int_equal(self->world->was, self->model.was);
        assert_int_equal(self->world->session.state, SESSION_STATE_ENDED);
        assert_int_equal(walk_session_number(&self->world->session), session);
    }
}

static void
walk_ask(walk_t *self)
{
    unsigned character = walk_draw(self, CHARACTERS) + 1, ask = 1000000 + ++self->asks;
    walk_compare(self, model_ask(&self->model, self->instance, character, ask), world_ask(self->world, character, ask));
}

static unsigned
walk_pick_ask(walk_t *self, unsigned *user)
{
    model_t *model = &self->model;
    if (model->asks_count == 0 || walk_draw(self, 10) == 0) {
        return 1000000 + walk_draw(self, self->asks + 1) + 1;
    }
    const model_ask_t *ask = &model->asks[walk_draw(self, model->asks_count)];
    const model_session_t *session = model_find(model, ask->instance, ask->session);
    if (session != NULL && walk_draw(self, 6) != 0) {
        *user = session->user;
        self->instance = ask->instance;
        self->world->instance = walk_instances[self->instance];
    }
    return ask->ask;
}

static void
walk_unask(walk_t *self)
{
    unsigned user = walk_draw(self, CHARACTERS / 3) + 1;
    unsigned ask = walk_pick_ask(self, &user);
    assert_result(REGISTRY_OK, world_unask(self->world, user, ask));
    model_unask(&self->model, self->instance, user, ask);
}

/* As whoever confirms a replacement has to: the user's other attempt ends first. */
static void
walk_replace(walk_t *self)
{
    unsigned user = walk_draw(self, CHARACTERS / 3) + 1, next = ++self->secrets, character = 0;
    unsigned ask = walk_pick_ask(self, &user);
    for (uint32_t i = 0; i < self->model.asks_count; i++) {
        if (self->model.asks[i].ask == ask) {
            const model_session_t *session = model_find(&self->model, self->instance, self->model.asks[i].session);
            character = session != NULL ? session->character : 0;
        }
    }
    walk_end_attempt_of(self, user, character);
    walk_draw_bearer(self);
    registry_result_t result = world_replace(self->world, user, ask, next);
    walk_compare(
        self,
        model_replace(&self->model, self->instance, walk_bearer(self, user), ask, next, self->world->session.version),
        result);
    if (result == REGISTRY_OK) {
        walk_compare_other(self, false);
    }
}

static void
walk_promote(walk_t *self)
{
    registry_result_t result = world_promote(self->world);
    walk_compare(self, model_promote(&self->model, self->instance, self->world->session.version), result);
}

static void
walk_touch(walk_t *self)
{
    int64_t turn;
    unsigned session = walk_pick_session(self, &turn);
    registry_result_t result = world_touch(self->world, session);
    walk_compare(self, model_touch(&self->model, self->instance, session), result);
}

static void
walk_sweep(walk_t *self)
{
    bool is_due = model_is_due(&self->model, self->instance);
    registry_result_t result = world_sweep(self->world);
    walk_compare(self, is_due ? REGISTRY_OK : REGISTRY_UNKNOWN, result);
    const registry_session_t *row = &self->world->session;
    if (result == REGISTRY_OK) {
        assert_true(
            model_sweep(&self->model, self->instance, walk_session_number(row), self->world->swept, row->version));
    }
}

static void
walk_beat(walk_t *self)
{
    unsigned holder = walk_draw(self, MODEL_HOLDERS) + 1;
    uint32_t max = walk_draw(self, 17), *count = &self->model.notices_count[self->instance][holder];
    int64_t *notices = self->model.notices[self->instance][holder];
    registry_t *registry = self->world->registry;
    registry_notice_t taken[16];
    uint32_t got = 0;
    assert_result(REGISTRY_OK, registry->beat(registry, self->world->now, self->world->instance, walk_holders[holder],
                                              taken, max, &got));
    self->model.beats[self->instance][holder] = self->world->now;
    assert_int_equal(got, *count < max ? *count : max);
    for (uint32_t i = 0; i < got; i++) {
        assert_true(taken[i].connection == notices[i]);
    }
    *count -= got;
    memmove(notices, notices + got, *count * sizeof *notices);
}

static void
walk_tell(walk_t *self)
{
    unsigned holder = walk_draw(self, MODEL_HOLDERS) + 1;
    uint32_t *count = &self->model.notices_count[self->instance][holder];
    if (*count < MODEL_NOTICES_MAX) {
        assert_result(REGISTRY_OK, world_tell(self->world, walk_holders[holder], 1, ++self->notices));
        self->model.notices[self->instance][holder][(*count)++] = self->notices;
    }
}

static void
walk_switch(walk_t *self)
{
    registry_switches_t switches = {.capacity = walk_draw(self, 2) * walk_draw(self, 7),
                                    .drain = walk_draw(self, 12) == 0,
                                    .maintenance = walk_draw(self, 16) == 0};
    assert_result(REGISTRY_OK, world_switch(self->world, switches));
    self->model.switches[self->instance] = switches;
}

/* All there is, by number; compared with the model. */
static uint32_t
walk_list(walk_t *self, unsigned instance)
{
    registry_t *registry = self->world->registry;
    const char *name = walk_instances[instance];
    uint32_t count = 0;
    assert_result(REGISTRY_OK, registry->list(registry, self->world->now, name, 0, self->rows, ROWS_MAX, &count));
    assert_int_equal(count, model_seats(&self->model, instance) + model_waiting(&self->model, instance));
    for (uint32_t i = 0; i < count; i++) {
        const model_session_t *session = model_find(&self->model, instance, walk_session_number(&self->rows[i]));
        assert_non_null(session);
        walk_compare_row(self, session, &self->rows[i]);
        assert_true(i == 0 || self->rows[i].number > self->rows[i - 1].number);
    }
    return count;
}

/* The registry forgets, and the store tells it; or another process tells what is known already. */
static void
walk_restore(walk_t *self)
{
    world_t *world = self->world;
    uint32_t count = walk_list(self, self->instance);
    if (walk_draw(self, 2) == 0) {
        for (uint32_t i = 0; i < count; i++) {
            self->rows[i].version -= walk_draw(self, 2);
        }
        world_restore(world, self->model.number[self->instance], self->rows, count);
        return;
    }
    assert_result(REGISTRY_OK, world->registry->forget(world->registry, world->now, world->instance));
    assert_result(REGISTRY_LOST, world_promote(world));
    world_restore(world, self->model.number[self->instance], self->rows, count);
    self->model.switches[self->instance] = (registry_switches_t){0};
    for (unsigned holder = 1; holder <= MODEL_HOLDERS; holder++) { /* whether notices are kept is the form's */
        uint32_t got;
        do {
            registry_notice_t taken[16];
            assert_result(REGISTRY_OK, world->registry->beat(world->registry, world->now, world->instance,
                                                             walk_holders[holder], taken, 16, &got));
        } while (got > 0);
        self->model.beats[self->instance][holder] = world->now;
        self->model.notices_count[self->instance][holder] = 0;
    }
    model_restore(&self->model, self->instance);
}

static void
walk_pass(walk_t *self)
{
    uint32_t draw = walk_draw(self, 40);
    world_pass(self->world, draw == 0 ? walk_draw(self, 70000) : walk_draw(self, 1500));
    self->model.now = self->world->now;
}

/* What holds whatever was done, asked of the form alone. */
static void
walk_check(walk_t *self)
{
    unsigned instance = self->instance;
    world_t *world = self->world;
    uint32_t rows = walk_list(self, instance), waiting = 0, live[CHARACTERS + 1] = {0};
    int64_t numbers[ROWS_MAX];
    uint32_t count = 0;
    assert_result(REGISTRY_OK,
                  world->registry->waiting(world->registry, world->now, world->instance, numbers, ROWS_MAX, &count));
    registry_count_t by_state = {0};
    for (uint32_t i = 0; i < rows; i++) {
        const registry_session_t *row = &self->rows[i];
        if (row->state == SESSION_STATE_WAITING) {
            assert_true(waiting < count && numbers[waiting] == row->number);
            waiting++;
        }
        by_state.connecting += row->state == SESSION_STATE_CONNECTING;
        by_state.active += row->state == SESSION_STATE_ACTIVE;
        by_state.grace += row->state == SESSION_STATE_GRACE;
        assert_int_equal(++live[strtoul(row->character_id + 1, NULL, 10)], 1);
    }
    assert_int_equal(count, waiting);
    assert_count(world, by_state.connecting, by_state.active, by_state.grace, waiting);
    assert_true(world->count.version == self->model.version[instance]);
    uint32_t seats = by_state.connecting + by_state.active + by_state.grace;
    assert_true(seats <= model_capacity(&self->model, instance) || seats <= self->seats[instance]);
    self->seats[instance] = seats;
    const model_session_t *session = walk_pick(self);
    if (session != NULL) {
        assert_result(REGISTRY_OK, world_find(world, session->session));
        walk_compare_row(self, session, &world->session);
        assert_int_equal(world->place, model_place(&self->model, session));
        assert_result(REGISTRY_OK, world_find_character(world, session->character));
        assert_int_equal(walk_session_number(&world->session), session->session);
        assert_int_equal(world->place, model_place(&self->model, session));
    }
}

typedef struct walk_step {
    void (*take)(walk_t *self);
    uint32_t weight;
} walk_step_t;

static const walk_step_t walk_steps[] = {
    {walk_claim, 22},  {walk_end_attempt, 2}, {walk_renew, 7},   {walk_enter, 14}, {walk_watch, 9},
    {walk_drop, 7},    {walk_leave, 4},       {walk_ask, 6},     {walk_unask, 1},  {walk_replace, 4},
    {walk_promote, 8}, {walk_sweep, 14},      {walk_beat, 22},   {walk_tell, 3},   {walk_authorize, 7},
    {walk_touch, 3},   {walk_switch, 1},      {walk_restore, 1}, {walk_pass, 11},
};

static void
walk_take_step(walk_t *self)
{
    uint32_t total = 0;
    for (size_t i = 0; i < sizeof walk_steps / sizeof *walk_steps; i++) {
        total += walk_steps[i].weight;
    }
    self->instance = walk_draw(self, 3) == 0;
    self->world->instance = walk_instances[self->instance];
    uint32_t draw = walk_draw(self, total);
    size_t step = 0;
    while (draw >= walk_steps[step].weight) {
        draw -= walk_steps[step++].weight;
    }
    walk_steps[step].take(self);
    walk_check(self);
}

static void
walk(world_t *world, uint64_t seed)
{
    walk_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->world = world;
    self->seed = seed;
    self->secrets = 1;
    world->limits.capacity = 5;
    world->limits.queue_max = 4;
    self->model.limits = world->limits;
    self->model.characters_per_instance = registry_form->characters_per_instance;
    self->model.now = world->now;
    for (uint32_t step = 0; step < registry_form->walk_steps; step++) {
        walk_take_step(self);
    }
    print_message("%u steps from seed %u:", registry_form->walk_steps, (unsigned)seed);
    for (unsigned i = 0; i <= REGISTRY_WAITING + 1; i++) {
        print_message(" %u %s", self->results[i], world_result_name((registry_result_t)i));
        assert_true(self->results[i] > 0 || registry_form->walk_steps < 20000); /* each was on the way */
    }
    print_message("\n");
    free(self);
}

static void
a_random_walk_agrees_with_the_model(void **state)
{
    walk(*state, 1);
}

static void
another_random_walk_agrees_with_the_model(void **state)
{
    walk(*state, 20240229);
}

static void
a_third_random_walk_agrees_with_the_model(void **state)
{
    walk(*state, 77);
}

const struct CMUnitTest registry_walk_tests[] = {
    CASE(a_random_walk_agrees_with_the_model),
    CASE(another_random_walk_agrees_with_the_model),
    CASE(a_third_random_walk_agrees_with_the_model),
    {0},
};
