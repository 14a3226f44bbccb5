/* store_test_rows -- what tests of a store put into it. */
#ifndef PLAYHOUSE_STORE_TEST_ROWS_H
#define PLAYHOUSE_STORE_TEST_ROWS_H

#include <stdio.h>
#include <string.h>

#include "store.h"

/* A move of `character`, its `sequence`-th, with an actionId of ten times that. */
static inline msg_persistence_append_t
append_make(const char *room, int64_t epoch, int64_t number, const char *character, int64_t sequence)
{
    msg_persistence_append_t append = {.epoch = epoch, .number = number, .x = (double)(sequence % 1000), .y = 7};
    snprintf(append.room, sizeof(append.room), "%s", room);
    snprintf(append.action.room, sizeof(append.action.room), "%s", room);
    snprintf(append.action.character_id, sizeof(append.action.character_id), "%s", character);
    append.action.sequence = sequence;
    append.action.action_id = sequence * 10;
    append.action.room_version = epoch * ((int64_t)1 << 32) + number;
    append.action.kind = ACTION_KIND_MOVE;
    append.action.payload_len =
        (uint32_t)snprintf((char *)append.action.payload, sizeof(append.action.payload), "move %d", (int)sequence);
    return append;
}

static inline msg_persistence_load_room_t
load_make(const char *room, uint32_t items)
{
    msg_persistence_load_room_t ask = {.seed_len = items};
    snprintf(ask.room, sizeof(ask.room), "%s", room);
    for (uint32_t i = 0; i < items; i++) {
        snprintf(ask.seed[i].item_id, sizeof(ask.seed[i].item_id), "item-%u", i);
        snprintf(ask.seed[i].kind, sizeof(ask.seed[i].kind), "ball");
        ask.seed[i].x = i;
    }
    return ask;
}

/* Version 1 of a session of "character-<id>" whose state lasts; a change raises `version`. */
static inline obj_session_row_t
session_make(const char *instance, int64_t number, const char *id, session_state_t state)
{
    obj_session_row_t session = {.role = ROLE_PLAYER, .state = state, .number = number, .version = 1, .left_ms = -1};
    snprintf(session.session_id, sizeof(session.session_id), "%s", id);
    snprintf(session.instance, sizeof(session.instance), "%s", instance);
    snprintf(session.character_id, sizeof(session.character_id), "character-%.14s", id);
    snprintf(session.user_id, sizeof(session.user_id), "user-%s", id);
    snprintf(session.name, sizeof(session.name), "Ada");
    session.secret_len = sizeof(session.secret);
    memset(session.secret, (int)(number % 256), sizeof(session.secret));
    return session;
}

#endif
