/* The suite: a random walk of saves against a naive model of what store.h says, over restarts and days. */
#include "store_conformance_helpers.h"

enum {
    INSTANCES = 3,
    CHARACTERS = 24, /* few: there is often one in the way */
    SEATS = 3,
    ROWS_MAX = 4096,
    BATCH_MAX = 8,
    DAYS = 6,
    STEPS = 60, /* of a day; no more than 15 minutes each, so nothing is forgotten between its loads */
};

typedef struct model_row {
    obj_session_row_t session;
    int64_t until;
} model_row_t;

typedef struct walk {
    subject_t *subject;
    uint64_t random;
    int64_t at;
    uint32_t ids;            /* drawn so far */
    int64_t next[INSTANCES]; /* numbers drawn so far */
    int64_t gone[INSTANCES]; /* highest forgotten */
    uint32_t rows_count;
    model_row_t rows[ROWS_MAX];
    /* Whatever was tried, so that it is tried again. */
    uint32_t tried_count;
    obj_session_row_t tried[ROWS_MAX];
    uint32_t seen[SESSION_CONFLICT_COUNT];
} walk_t;

static uint32_t
draw(walk_t *self, uint32_t below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (uint32_t)(self->random >> 33) % below;
}

static const char *
instance_name(uint32_t i)
{
    static const char *const names[INSTANCES] = {"plaza", "beach", "cave"};
    return names[i];
}

static uint32_t
instance_index(const char *name)
{
    uint32_t i = 0;
    while (strcmp(instance_name(i), name) != 0) {
        i++;
    }
    return i;
}

static bool
is_live(const obj_session_row_t *session)
{
    return session->state != SESSION_STATE_ENDED;
}

static bool
has_seat(const obj_session_row_t *session)
{
    return is_live(session) && session->state != SESSION_STATE_WAITING;
}

/* ---- the model ---- */

static int64_t
model_seats(const walk_t *self, const char *instance, const model_row_t *except)
{
    int64_t held = 0;
    for (uint32_t i = 0; i < self->rows_count; i++) {
        const model_row_t *row = &self->rows[i];
        held += row != except && has_seat(&row->session) && strcmp(row->session.instance, instance) == 0;
    }
    return held;
}

static void
model_put(walk_t *self, model_row_t *row, const obj_session_row_t *session)
{
    row->session = *session;
    row->until = session->left_ms == -1 ? -1 : self->at + session->left_ms;
}

static session_conflict_t
model_change(walk_t *self, model_row_t *row, const obj_session_row_t *session)
{
    if (row->session.number != session->number || strcmp(row->session.instance, session->instance) != 0 ||
        strcmp(row->session.character_id, session->character_id) != 0) {
        return SESSION_CONFLICT_NUMBER;
    }
    if (!is_live(&row->session) || row->session.version >= session->version) {
        return SESSION_CONFLICT_NONE;
    }
    if (has_seat(session) && !has_seat(&row->session) && model_seats(self, session->instance, NULL) >= SEATS) {
        return SESSION_CONFLICT_SEATS;
    }
    model_put(self, row, session);
    return SESSION_CONFLICT_NONE;
}

static session_conflict_t
model_save(walk_t *self, const obj_session_row_t *session)
{
    model_row_t *other = NULL;
    bool taken = session->number <= self->gone[instance_index(session->instance)];
    for (uint32_t i = 0; i < self->rows_count; i++) {
        model_row_t *row = &self->rows[i];
        if (strcmp(row->session.session_id, session->session_id) == 0) {
            return model_change(self, row, session);
        }
        taken =
            taken || (row->session.number == session->number && strcmp(row->session.instance, session->instance) == 0);
        if (is_live(&row->session) && strcmp(row->session.character_id, session->character_id) == 0) {
            other = row;
        }
    }
    if (taken) {
        return SESSION_CONFLICT_NUMBER;
    }
    bool supersedes = other != NULL && strcmp(other->session.instance, session->instance) == 0 &&
                      other->session.number < session->number;
    if (other != NULL && !supersedes && is_live(session)) {
        return SESSION_CONFLICT_CHARACTER;
    }
    if (has_seat(session) && model_seats(self, session->instance, supersedes ? other : NULL) >= SEATS) {
        return SESSION_CONFLICT_SEATS;
    }
    if (supersedes) {
        other->session.state = SESSION_STATE_ENDED;
    }
    assert_true(self->rows_count < ROWS_MAX);
    model_put(self, &self->rows[self->rows_count++], session);
    return SESSION_CONFLICT_NONE;
}

static void
model_forget(walk_t *self)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->rows_count; i++) {
        const obj_session_row_t *session = &self->rows[i].session;
        int64_t *gone = &self->gone[instance_index(session->instance)];
        if (is_live(session)) {
            self->rows[kept++] = self->rows[i];
        } else if (session->number > *gone) {
            *gone = session->number;
        }
    }
    self->rows_count = kept;
}

/* The live one of an instance with the lowest number above `after`; NULL: there is none. */
static const model_row_t *
model_next(const walk_t *self, const char *instance, int64_t after)
{
    const model_row_t *next = NULL;
    for (uint32_t i = 0; i < self->rows_count; i++) {
        const model_row_t *row = &self->rows[i];
        if (is_live(&row->session) && strcmp(row->session.instance, instance) == 0 && row->session.number > after &&
            (next == NULL || row->session.number < next->session.number)) {
            next = row;
        }
    }
    return next;
}

static int64_t
model_highest(const walk_t *self, uint32_t instance)
{
    int64_t highest = self->gone[instance];
    for (uint32_t i = 0; i < self->rows_count; i++) {
        const obj_session_row_t *session = &self->rows[i].session;
        if (session->number > highest && instance_index(session->instance) == instance) {
            highest = session->number;
        }
    }
    return highest;
}

/* ---- the walk ---- */

/* What a session may be at some time; its instance, character, name and number stay. */
static void
draw_state(walk_t *self, obj_session_row_t *session)
{
    session->version = draw(self, 12);
    session->state = (session_state_t)draw(self, SESSION_STATE_COUNT);
    if (session->state == SESSION_STATE_ENDED && draw(self, 2) == 0) {
        session->state = SESSION_STATE_ACTIVE;
    }
    snprintf(session->room, sizeof(session->room), "plaza/main-%u", draw(self, 5));
    snprintf(session->holder, sizeof(session->holder), "%.*s", (int)draw(self, 12), "abcdefghijk");
    session->connection = draw(self, 1000);
    session->turn = draw(self, 1000);
    session->secret_len = draw(self, 2) * 32;
    memset(session->secret, (int)draw(self, 256), sizeof(session->secret));
    session->auth_until = AT + draw(self, 1000);
    session->left_ms = (int64_t)draw(self, 3) * 1000 * 600 - 1;
    session->left_ms += session->left_ms == -1 ? 0 : (int64_t)draw(self, 1000);
}

static obj_session_row_t
draw_session(walk_t *self)
{
    obj_session_row_t session;
    if (self->tried_count > 0 && draw(self, 10) < 6) {
        uint32_t recent = self->tried_count < 40 ? self->tried_count : 40;
        session = self->tried[self->tried_count - 1 - draw(self, recent)];
        session.number += draw(self, 40) == 0;
        draw_state(self, &session);
        return session;
    }
    char id[25];
    uint32_t instance = draw(self, INSTANCES);
    uint32_t kind = draw(self, 10);
    int64_t number = self->next[instance] += 1 + draw(self, 2); /* some are drawn and never come */
    if (kind < 2) {
        number -= draw(self, 20);
    }
    snprintf(id, sizeof(id), "s%u", self->ids++);
    session = session_make(instance_name(instance), number < 0 ? 0 : number, id, SESSION_STATE_ACTIVE);
    snprintf(session.character_id, sizeof(session.character_id), "c%u", draw(self, CHARACTERS));
    draw_state(self, &session);
    return session;
}

static void
walk_save(walk_t *self)
{
    static msg_persistence_save_session_t copies[BATCH_MAX];
    const msg_persistence_save_session_t *saves[BATCH_MAX];
    session_conflict_t conflicts[BATCH_MAX];
    store_t *store = self->subject->store;
    uint32_t count = 1 + draw(self, BATCH_MAX);
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = (msg_persistence_save_session_t){.session = draw_session(self), .seats_max = SEATS};
        saves[i] = &copies[i];
        self->tried[self->tried_count++ % ROWS_MAX] = copies[i].session;
        assert_true(self->tried_count < ROWS_MAX);
    }
    assert_int_equal(store->save_sessions(store, saves, count, self->at, conflicts), STORE_OK);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(conflicts[i], model_save(self, &copies[i].session));
        self->seen[conflicts[i]]++;
    }
}

static void
walk_compare(walk_t *self)
{
    for (uint32_t i = 0; i < INSTANCES; i++) {
        int64_t after = 0;
        msg_persistence_sessions_t page;
        assert_true(model_seats(self, instance_name(i), NULL) <= SEATS);
        do {
            page = load_at(self->subject, instance_name(i), after, self->at);
            assert_int_equal(page.number, model_highest(self, i));
            for (uint32_t k = 0; k < page.sessions_len; k++) {
                const model_row_t *row = model_next(self, instance_name(i), after);
                assert_non_null(row);
                obj_session_row_t expected = row->session;
                int64_t left = row->until - self->at;
                expected.left_ms = row->until == -1 ? -1 : left > 0 ? left : 0;
                expect_same(&page.sessions[k], &expected);
                after = expected.number;
            }
        } while (page.sessions_len > 0);
        assert_null(model_next(self, instance_name(i), after));
    }
}

static void
walk(walk_t *self, uint64_t seed)
{
    self->random = seed * 0x9e3779b97f4a7c15u + 1;
    self->at = AT;
    for (int day = 0; day < DAYS; day++) {
        for (int step = 0; step < STEPS; step++) {
            walk_save(self);
            walk_compare(self);
            if (draw(self, 20) == 0) {
                reopen(self->subject);
            }
            self->at += draw(self, 15 * 60 * 1000);
        }
        self->at += 2 * DAY;
        load_at(self->subject, "plaza", 0, self->at); /* all that has ended is forgotten */
        model_forget(self);
        walk_compare(self);
    }
    for (int i = 0; i < SESSION_CONFLICT_COUNT; i++) {
        assert_true(self->seen[i] > 20); /* the walk came everywhere */
    }
}

static void
store_and_model_agree_after_each_batch(void **state)
{
    for (uint64_t seed = 1; seed <= store_form->walks; seed++) {
        walk_t *self = calloc(1, sizeof(*self));
        assert_non_null(self);
        self->subject = *state;
        self->subject->store->close(&self->subject->store);
        self->subject->store = store_form->open(store_form->context, true);
        assert_non_null(self->subject->store);
        walk(self, seed);
        free(self);
    }
}

const struct CMUnitTest store_walk_tests[] = {
    CASE(store_and_model_agree_after_each_batch),
    {0},
};
