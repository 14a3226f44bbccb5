/* shaky_store_test_helpers -- a real store that fails when a test wants it to, and says what it was asked. */
#ifndef PLAYHOUSE_SHAKY_STORE_TEST_HELPERS_H
#define PLAYHOUSE_SHAKY_STORE_TEST_HELPERS_H

#include "store.h"

typedef struct shaky_store {
    store_t port;
    store_t *real;               /* the test's */
    store_result_t away;         /* not OK: this is what everything answers, and nothing is done */
    store_result_t commit_fault; /* not OK: so do commits */
    bool commit_lost;            /* commits are done all the same */
    store_report_t report;       /* how a commit went: unknown, became, reconnects */
    uint32_t more;               /* so many maintains say that there is more to do */
    int64_t keep_msec;           /* as the last maintain was told */
    uint32_t commits, finds, lists, maintains, others;
} shaky_store_t;

/* The store itself; in the function that is called through it. NULL: it is away. */
static inline store_t *
shaky_real(store_t *port, uint32_t *count)
{
    shaky_store_t *self = (shaky_store_t *)port;
    ++*count;
    return self->away == STORE_OK ? self->real : NULL;
}

#define SHAKY(port) ((shaky_store_t *)(port))
#define SHAKY_PASS(counter, call)                                                                                      \
    do {                                                                                                               \
        store_t *real = shaky_real(port, &SHAKY(port)->counter);                                                       \
        return real != NULL ? real->call : SHAKY(port)->away;                                                          \
    } while (0)

static inline store_result_t
shaky_ping(store_t *port, int64_t *schema)
{
    SHAKY_PASS(others, ping(real, schema));
}

static inline store_result_t
shaky_list_characters(store_t *port, const char *user_id, obj_character_t *list, uint32_t *count)
{
    SHAKY_PASS(lists, list_characters(real, user_id, list, count));
}

static inline store_result_t
shaky_create_character(store_t *port, const char *user_id, const char *id, const char *name, int64_t at,
                       obj_character_t *out)
{
    SHAKY_PASS(others, create_character(real, user_id, id, name, at, out));
}

static inline store_result_t
shaky_select_character(store_t *port, const char *user_id, const char *id, obj_character_t *out)
{
    SHAKY_PASS(others, select_character(real, user_id, id, out));
}

static inline store_result_t
shaky_find_character(store_t *port, const char *user_id, const char *id, obj_character_t *out)
{
    SHAKY_PASS(finds, find_character(real, user_id, id, out));
}

static inline store_result_t
shaky_load_room(store_t *port, const msg_persistence_load_room_t *ask, msg_persistence_room_loaded_t *out)
{
    SHAKY_PASS(others, load_room(real, ask, out));
}

static inline store_result_t
shaky_load_member(store_t *port, const char *character_id, msg_persistence_member_loaded_t *out)
{
    SHAKY_PASS(others, load_member(real, character_id, out));
}

static inline store_result_t
shaky_mute_character(store_t *port, const char *character_id, int64_t until)
{
    SHAKY_PASS(others, mute_character(real, character_id, until));
}

static inline store_result_t
shaky_find_action(store_t *port, const char *character_id, int64_t action_id, obj_action_row_t *out)
{
    SHAKY_PASS(others, find_action(real, character_id, action_id, out));
}

static inline store_result_t
shaky_read_actions(store_t *port, const char *character_id, int64_t from, obj_action_row_t *rows, uint32_t *count)
{
    SHAKY_PASS(others, read_actions(real, character_id, from, rows, count));
}

static inline store_result_t
shaky_save_sessions(store_t *port, const msg_persistence_save_session_t *const *saves, uint32_t count, int64_t at,
                    session_conflict_t *conflicts)
{
    SHAKY_PASS(others, save_sessions(real, saves, count, at, conflicts));
}

static inline store_result_t
shaky_load_sessions(store_t *port, const char *instance, int64_t after, int64_t at, msg_persistence_sessions_t *out)
{
    SHAKY_PASS(others, load_sessions(real, instance, after, at, out));
}

static inline store_result_t
shaky_save_instance(store_t *port, const char *instance, const obj_instance_switches_t *switches)
{
    SHAKY_PASS(others, save_instance(real, instance, switches));
}

static inline store_result_t
shaky_load_instance(store_t *port, const char *instance, obj_instance_switches_t *switches)
{
    SHAKY_PASS(others, load_instance(real, instance, switches));
}

static inline store_result_t
shaky_commit(store_t *port, const msg_persistence_append_t *appends, uint32_t count, int64_t at, store_report_t *report)
{
    shaky_store_t *self = SHAKY(port);
    store_t *real = shaky_real(port, &self->commits);
    *report = (store_report_t){.culprit = NULL};
    store_result_t result = self->away;
    if (real != NULL) {
        result = self->commit_fault;
        if (result == STORE_OK || self->commit_lost) {
            store_result_t done = real->commit(real, appends, count, at, report);
            result = result == STORE_OK ? done : result;
        }
    }
    report->unknown = self->report.unknown;
    report->became = self->report.became;
    report->reconnects = self->report.reconnects;
    return result;
}

static inline store_result_t
shaky_maintain(store_t *port, int64_t at, int64_t keep_msec, bool *more)
{
    shaky_store_t *self = SHAKY(port);
    store_t *real = shaky_real(port, &self->maintains);
    self->keep_msec = keep_msec;
    store_result_t result = real != NULL ? real->maintain(real, at, keep_msec, more) : self->away;
    if (self->more > 0) {
        self->more--;
        *more = true;
    }
    return result;
}

static inline const char *
shaky_error_text(const store_t *port)
{
    const shaky_store_t *self = (const shaky_store_t *)port;
    return self->away != STORE_OK || self->commit_fault != STORE_OK ? "the test says so"
                                                                    : self->real->error_text(self->real);
}

static inline void
shaky_store_init(shaky_store_t *self, store_t *real)
{
    *self = (shaky_store_t){.port = {.ping = shaky_ping,
                                     .list_characters = shaky_list_characters,
                                     .create_character = shaky_create_character,
                                     .select_character = shaky_select_character,
                                     .find_character = shaky_find_character,
                                     .load_room = shaky_load_room,
                                     .load_member = shaky_load_member,
                                     .mute_character = shaky_mute_character,
                                     .commit = shaky_commit,
                                     .find_action = shaky_find_action,
                                     .read_actions = shaky_read_actions,
                                     .save_sessions = shaky_save_sessions,
                                     .load_sessions = shaky_load_sessions,
                                     .save_instance = shaky_save_instance,
                                     .load_instance = shaky_load_instance,
                                     .maintain = shaky_maintain,
                                     .error_text = shaky_error_text},
                            .real = real};
}

#endif
