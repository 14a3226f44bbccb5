/* What every form of the registry must do. A new form is one row of `forms`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "registry.h"

typedef registry_t *(*registry_make_fn)(uint32_t sessions_max);

static registry_make_fn make; /* the form under test */

enum { SESSIONS_MAX = 100, TICKET_USEC = 30 * ACT_SEC };
static const registry_limits_t limits = {.capacity = 10, .room_size = 4, .ticket_usec = TICKET_USEC};

static void
draw_ticket(unsigned number, uint8_t ticket[REGISTRY_HASH_SIZE])
{
    memset(ticket, 0, REGISTRY_HASH_SIZE);
    memcpy(ticket, &number, sizeof number);
}

static registry_session_t
session_of(const char *instance, unsigned session, unsigned character)
{
    registry_session_t out = {.role = ROLE_PLAYER};
    snprintf(out.session_id, sizeof out.session_id, "s%u", session);
    snprintf(out.character_id, sizeof out.character_id, "c%u", character);
    snprintf(out.instance, sizeof out.instance, "%s", instance);
    snprintf(out.user_id, sizeof out.user_id, "user %u", character);
    snprintf(out.name, sizeof out.name, "Name %u", character);
    return out;
}

/* A claim whose ticket has the session's number. */
static registry_result_t
claim(registry_t *registry, act_usec_t now, const char *instance, unsigned session, unsigned character, char *room)
{
    uint8_t ticket[REGISTRY_HASH_SIZE];
    draw_ticket(session, ticket);
    registry_session_t claimed = session_of(instance, session, character);
    registry_result_t result = registry->claim(registry, now, &claimed, ticket, &limits);
    if (room != NULL) {
        snprintf(room, sizeof claimed.room, "%s", claimed.room);
    }
    return result;
}

static registry_result_t
redeem(registry_t *registry, act_usec_t now, const char *instance, unsigned session, registry_session_t *out)
{
    uint8_t ticket[REGISTRY_HASH_SIZE];
    draw_ticket(session, ticket);
    return registry->redeem(registry, now, instance, ticket, out);
}

static registry_result_t
leave(registry_t *registry, const char *instance, unsigned session)
{
    char id[16];
    registry_session_t out;
    snprintf(id, sizeof id, "s%u", session);
    return registry->leave(registry, instance, id, &out);
}

static void
assert_count(registry_t *registry, const char *instance, uint32_t connecting, uint32_t active)
{
    registry_count_t count = registry->count(registry, instance);
    assert_int_equal(count.connecting, connecting);
    assert_int_equal(count.active, active);
}

static void
claims_beyond_capacity_are_full_and_take_nothing(void **state)
{
    registry_t *registry = *state;
    for (unsigned i = 0; i < limits.capacity; i++) {
        assert_int_equal(claim(registry, 0, "plaza", i, i, NULL), REGISTRY_OK);
    }
    assert_int_equal(claim(registry, 0, "plaza", 10, 10, NULL), REGISTRY_FULL);
    assert_count(registry, "plaza", 10, 0);
    assert_int_equal(claim(registry, 0, "other", 10, 10, NULL), REGISTRY_OK);
    assert_int_equal(leave(registry, "plaza", 3), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "plaza", 11, 11, NULL), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "plaza", 12, 12, NULL), REGISTRY_FULL);
}

static void
a_redeemed_session_still_has_its_seat(void **state)
{
    registry_t *registry = *state;
    registry_session_t out;
    for (unsigned i = 0; i < limits.capacity; i++) {
        assert_int_equal(claim(registry, 0, "plaza", i, i, NULL), REGISTRY_OK);
        assert_int_equal(redeem(registry, 1, "plaza", i, &out), REGISTRY_OK);
    }
    assert_int_equal(claim(registry, 2, "plaza", 10, 10, NULL), REGISTRY_FULL);
    assert_int_equal(registry->sweep(registry, INT64_C(1) << 60, "plaza", &out), REGISTRY_UNKNOWN);
    assert_count(registry, "plaza", 0, 10);
}

static void
a_character_has_one_session_on_all_instances(void **state)
{
    registry_t *registry = *state;
    registry_session_t out;
    assert_int_equal(claim(registry, 0, "plaza", 1, 7, NULL), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "plaza", 2, 7, NULL), REGISTRY_EXISTS);
    assert_int_equal(claim(registry, 0, "other", 3, 7, NULL), REGISTRY_EXISTS);
    assert_int_equal(redeem(registry, 1, "plaza", 1, &out), REGISTRY_OK);
    assert_int_equal(claim(registry, 1, "other", 3, 7, NULL), REGISTRY_EXISTS);
    assert_int_equal(leave(registry, "plaza", 1), REGISTRY_OK);
    assert_int_equal(claim(registry, 1, "other", 3, 7, NULL), REGISTRY_OK);
}

static void
the_same_session_twice_has_one_seat_and_its_first_ticket(void **state)
{
    registry_t *registry = *state;
    registry_session_t out;
    uint8_t second[REGISTRY_HASH_SIZE];
    draw_ticket(99, second);
    registry_session_t again = session_of("plaza", 1, 1);
    assert_int_equal(claim(registry, 0, "plaza", 1, 1, NULL), REGISTRY_OK);
    assert_int_equal(registry->claim(registry, 0, &again, second, &limits), REGISTRY_REPEATED);
    assert_count(registry, "plaza", 1, 0);
    assert_int_equal(redeem(registry, 1, "plaza", 99, &out), REGISTRY_UNKNOWN);
    assert_int_equal(redeem(registry, 1, "plaza", 1, &out), REGISTRY_OK);
    assert_int_equal(registry->claim(registry, 2, &again, second, &limits), REGISTRY_REPEATED);
    assert_count(registry, "plaza", 0, 1);
}

static void
redeem_gives_what_was_claimed_and_once_only(void **state)
{
    registry_t *registry = *state;
    registry_session_t out;
    uint8_t ticket[REGISTRY_HASH_SIZE];
    draw_ticket(5, ticket);
    registry_session_t in = session_of("plaza", 5, 6);
    in.role = ROLE_SPECTATOR;
    assert_int_equal(registry->claim(registry, 0, &in, ticket, &limits), REGISTRY_OK);
    assert_int_equal(redeem(registry, 1, "other", 5, &out), REGISTRY_UNKNOWN);
    assert_int_equal(redeem(registry, 1, "plaza", 5, &out), REGISTRY_OK);
    assert_int_equal(out.state, REGISTRY_ACTIVE);
    assert_int_equal(out.role, ROLE_SPECTATOR);
    assert_string_equal(out.session_id, "s5");
    assert_string_equal(out.character_id, "c6");
    assert_string_equal(out.user_id, "user 6");
    assert_string_equal(out.name, "Name 6");
    assert_string_equal(out.room, "plaza/main");
    assert_int_equal(redeem(registry, 2, "plaza", 5, &out), REGISTRY_UNKNOWN);
    assert_count(registry, "plaza", 0, 1);
}

static void
a_ticket_runs_out_at_its_time_and_frees_seat_and_character(void **state)
{
    registry_t *registry = *state;
    registry_session_t out;
    assert_true(registry->next(registry, 0, "plaza") < 0);
    assert_int_equal(claim(registry, 100, "plaza", 1, 1, NULL), REGISTRY_OK);
    assert_int_equal(registry->next(registry, 100, "plaza"), TICKET_USEC);
    assert_int_equal(registry->sweep(registry, 100 + TICKET_USEC - 1, "plaza", &out), REGISTRY_UNKNOWN);
    assert_int_equal(registry->next(registry, 100 + TICKET_USEC + 5, "plaza"), 0);
    assert_int_equal(redeem(registry, 100 + TICKET_USEC, "plaza", 1, &out), REGISTRY_UNKNOWN);
    assert_int_equal(registry->sweep(registry, 100 + TICKET_USEC, "other", &out), REGISTRY_UNKNOWN);
    assert_int_equal(registry->sweep(registry, 100 + TICKET_USEC, "plaza", &out), REGISTRY_OK);
    assert_string_equal(out.session_id, "s1");
    assert_int_equal(registry->sweep(registry, 100 + TICKET_USEC, "plaza", &out), REGISTRY_UNKNOWN);
    assert_count(registry, "plaza", 0, 0);
    assert_true(registry->next(registry, 0, "plaza") < 0);
    assert_int_equal(claim(registry, 200, "plaza", 2, 1, NULL), REGISTRY_OK);
}

static void
tickets_of_different_length_run_out_in_order(void **state)
{
    registry_t *registry = *state;
    static const struct {
        unsigned session;
        act_usec_t usec;
    } rows[] = {{1, 300}, {2, 100}, {3, 400}, {4, 200}};
    for (size_t i = 0; i < 4; i++) {
        registry_limits_t own = limits;
        uint8_t ticket[REGISTRY_HASH_SIZE];
        own.ticket_usec = rows[i].usec;
        draw_ticket(rows[i].session, ticket);
        registry_session_t session = session_of("plaza", rows[i].session, rows[i].session);
        assert_int_equal(registry->claim(registry, 0, &session, ticket, &own), REGISTRY_OK);
    }
    assert_int_equal(registry->next(registry, 0, "plaza"), 100);
    static const char *const order[] = {"s2", "s4", "s1", "s3"};
    for (size_t i = 0; i < 4; i++) {
        registry_session_t out;
        act_usec_t due = (act_usec_t)(i + 1) * 100;
        assert_int_equal(registry->sweep(registry, due - 1, "plaza", &out), REGISTRY_UNKNOWN);
        assert_int_equal(registry->sweep(registry, due, "plaza", &out), REGISTRY_OK);
        assert_string_equal(out.session_id, order[i]);
    }
}

static void
leaving_twice_is_harmless(void **state)
{
    registry_t *registry = *state;
    registry_session_t out;
    assert_int_equal(claim(registry, 0, "plaza", 1, 1, NULL), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "plaza", 2, 2, NULL), REGISTRY_OK);
    assert_int_equal(leave(registry, "other", 1), REGISTRY_UNKNOWN);
    assert_int_equal(leave(registry, "plaza", 1), REGISTRY_OK);
    assert_int_equal(leave(registry, "plaza", 1), REGISTRY_UNKNOWN);
    assert_int_equal(redeem(registry, 1, "plaza", 1, &out), REGISTRY_UNKNOWN);
    assert_count(registry, "plaza", 1, 0);
}

static void
rooms_fill_one_after_the_other_and_refill_from_the_first(void **state)
{
    registry_t *registry = *state;
    char room[sizeof((registry_session_t *)NULL)->room];
    for (unsigned i = 0; i < 10; i++) {
        static const char *const wanted[] = {"plaza/main", "plaza/main-2", "plaza/main-3"};
        assert_int_equal(claim(registry, 0, "plaza", i, i, room), REGISTRY_OK);
        assert_string_equal(room, wanted[i / limits.room_size]);
    }
    assert_int_equal(leave(registry, "plaza", 1), REGISTRY_OK);
    assert_int_equal(leave(registry, "plaza", 9), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "plaza", 20, 20, room), REGISTRY_OK);
    assert_string_equal(room, "plaza/main");
    assert_int_equal(claim(registry, 0, "plaza", 21, 21, room), REGISTRY_OK);
    assert_string_equal(room, "plaza/main-3");
}

static void
a_form_is_bounded_over_all_instances(void **state)
{
    (void)state;
    registry_t *registry = make(2);
    assert_int_equal(claim(registry, 0, "plaza", 1, 1, NULL), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "other", 2, 2, NULL), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "third", 3, 3, NULL), REGISTRY_FULL);
    assert_int_equal(leave(registry, "plaza", 1), REGISTRY_OK);
    assert_int_equal(claim(registry, 0, "third", 3, 3, NULL), REGISTRY_OK);
    registry_destroy(&registry);
    assert_null(registry);
}

enum { CROWD_THREADS = 4, CROWD_EACH = 250 };

typedef struct crowd {
    registry_t *registry;
    unsigned first;
    unsigned admitted;
} crowd_t;

static void *
crowd_run(void *context)
{
    crowd_t *self = context;
    for (unsigned i = 0; i < CROWD_EACH; i++) {
        self->admitted += claim(self->registry, 0, "plaza", self->first + i, self->first + i, NULL) == REGISTRY_OK;
    }
    return NULL;
}

static void
a_crowd_on_many_threads_gets_exactly_the_capacity(void **state)
{
    pthread_t threads[CROWD_THREADS];
    crowd_t crowds[CROWD_THREADS];
    unsigned admitted = 0;
    for (unsigned i = 0; i < CROWD_THREADS; i++) {
        crowds[i] = (crowd_t){.registry = *state, .first = i * CROWD_EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &crowds[i]), 0);
    }
    for (unsigned i = 0; i < CROWD_THREADS; i++) {
        pthread_join(threads[i], NULL);
        admitted += crowds[i].admitted;
    }
    assert_int_equal(admitted, limits.capacity);
    assert_count(*state, "plaza", limits.capacity, 0);
}

/* ---- a naive model, and a long random walk beside it ---- */

enum { MODEL_SESSIONS = 60, MODEL_CHARACTERS = 30, MODEL_STEPS = 100000 };

typedef struct model {
    struct {
        bool held, active;
        unsigned instance, character, room;
        act_usec_t until;
    } rows[MODEL_SESSIONS];
    uint64_t random;
    act_usec_t now;
} model_t;

static const char *const model_instances[] = {"plaza", "other"};

static unsigned
model_draw(model_t *self, unsigned below)
{
    self->random = self->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(self->random >> 33) % below;
}

static unsigned
model_count(const model_t *self, unsigned instance, int active, int room)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MODEL_SESSIONS; i++) {
        count += self->rows[i].held && self->rows[i].instance == instance &&
                 (active < 0 || self->rows[i].active == (active == 1)) &&
                 (room < 0 || self->rows[i].room == (unsigned)room);
    }
    return count;
}

static void
model_claim(model_t *self, registry_t *registry)
{
    unsigned session = model_draw(self, MODEL_SESSIONS);
    unsigned character = model_draw(self, MODEL_CHARACTERS);
    unsigned instance = model_draw(self, 2);
    registry_result_t wanted = model_count(self, instance, -1, -1) < limits.capacity ? REGISTRY_OK : REGISTRY_FULL;
    for (unsigned i = 0; i < MODEL_SESSIONS; i++) {
        if (self->rows[i].held && self->rows[i].character == character) {
            wanted = REGISTRY_EXISTS;
        }
    }
    if (self->rows[session].held) {
        wanted = REGISTRY_REPEATED;
    }
    char room[sizeof((registry_session_t *)NULL)->room];
    assert_int_equal(claim(registry, self->now, model_instances[instance], session, character, room), wanted);
    if (wanted != REGISTRY_OK) {
        return;
    }
    unsigned number = 0;
    while (model_count(self, instance, -1, (int)number) >= limits.room_size) {
        number++;
    }
    char name[64];
    snprintf(name, sizeof name, number == 0 ? "%s/main" : "%s/main-%u", model_instances[instance], number + 1);
    assert_string_equal(room, name);
    self->rows[session].held = true;
    self->rows[session].active = false;
    self->rows[session].instance = instance;
    self->rows[session].character = character;
    self->rows[session].room = number;
    self->rows[session].until = self->now + TICKET_USEC;
}

static void
model_redeem(model_t *self, registry_t *registry)
{
    unsigned session = model_draw(self, MODEL_SESSIONS);
    unsigned instance = model_draw(self, 2);
    bool good = self->rows[session].held && !self->rows[session].active && self->rows[session].instance == instance &&
                self->rows[session].until > self->now;
    registry_session_t out;
    assert_int_equal(redeem(registry, self->now, model_instances[instance], session, &out),
                     good ? REGISTRY_OK : REGISTRY_UNKNOWN);
    self->rows[session].active |= good;
}

static void
model_leave(model_t *self, registry_t *registry)
{
    unsigned session = model_draw(self, MODEL_SESSIONS);
    unsigned instance = model_draw(self, 2);
    bool good = self->rows[session].held && self->rows[session].instance == instance;
    assert_int_equal(leave(registry, model_instances[instance], session), good ? REGISTRY_OK : REGISTRY_UNKNOWN);
    self->rows[session].held &= !good;
}

static void
model_sweep(model_t *self, registry_t *registry)
{
    unsigned instance = model_draw(self, 2);
    act_usec_t earliest = -1;
    for (unsigned i = 0; i < MODEL_SESSIONS; i++) {
        if (self->rows[i].held && !self->rows[i].active && self->rows[i].instance == instance &&
            (earliest < 0 || self->rows[i].until < earliest)) {
            earliest = self->rows[i].until;
        }
    }
    act_usec_t left = earliest < 0 ? -1 : earliest > self->now ? earliest - self->now : 0;
    assert_int_equal(registry->next(registry, self->now, model_instances[instance]), left);
    registry_session_t out;
    registry_result_t wanted = left == 0 ? REGISTRY_OK : REGISTRY_UNKNOWN;
    assert_int_equal(registry->sweep(registry, self->now, model_instances[instance], &out), wanted);
    if (wanted == REGISTRY_OK) {
        unsigned session = 0;
        assert_int_equal(sscanf(out.session_id, "s%u", &session), 1);
        assert_true(self->rows[session].held && !self->rows[session].active);
        assert_int_equal(self->rows[session].until, earliest);
        self->rows[session].held = false;
    }
}

static void
a_long_random_walk_agrees_with_a_naive_model(void **state)
{
    registry_t *registry = *state;
    model_t model = {.random = 20251};
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        static void (*const moves[])(model_t *, registry_t *) = {model_claim,  model_claim, model_claim, model_redeem,
                                                                 model_redeem, model_leave, model_sweep};
        model.now += model_draw(&model, (unsigned)TICKET_USEC / 20);
        moves[model_draw(&model, sizeof moves / sizeof *moves)](&model, registry);
        for (unsigned i = 0; i < 2; i++) {
            assert_count(registry, model_instances[i], model_count(&model, i, 0, -1), model_count(&model, i, 1, -1));
        }
    }
}

static int
setup(void **state)
{
    *state = make(SESSIONS_MAX);
    return 0;
}

static int
teardown(void **state)
{
    registry_t *registry = *state;
    registry_destroy(&registry);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    static const struct {
        const char *name;
        registry_make_fn make;
    } forms[] = {{"registry memory", registry_memory_new}};
    const struct CMUnitTest tests[] = {
        CASE(claims_beyond_capacity_are_full_and_take_nothing),
        CASE(a_redeemed_session_still_has_its_seat),
        CASE(a_character_has_one_session_on_all_instances),
        CASE(the_same_session_twice_has_one_seat_and_its_first_ticket),
        CASE(redeem_gives_what_was_claimed_and_once_only),
        CASE(a_ticket_runs_out_at_its_time_and_frees_seat_and_character),
        CASE(tickets_of_different_length_run_out_in_order),
        CASE(leaving_twice_is_harmless),
        CASE(rooms_fill_one_after_the_other_and_refill_from_the_first),
        CASE(a_form_is_bounded_over_all_instances),
        CASE(a_crowd_on_many_threads_gets_exactly_the_capacity),
        CASE(a_long_random_walk_agrees_with_a_naive_model),
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        make = forms[i].make;
        failed += cmocka_run_group_tests_name(forms[i].name, tests, NULL, NULL);
    }
    return failed;
}
