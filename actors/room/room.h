/*
 * room -- one room of an instance: who is in it, what lies about, and what happens there.
 *
 * Owns   the members and the items, each as it is visible (committed) and as it is due (speculative).
 * Hears  room.join, leave, move, chat, action, resync, mute, peek; persistence.appended, append_refused and the answers
 *        of the store                                                                     (schemas/room.json)
 * Says   room.joined, room.refused, room.peeked to the asker; gateway.ack, refused, delta, state, end to gateways;
 *        persistence.append, load_room, load_member, find_action
 * Timers COMMIT: an append has no answer; DELTA: the next delta may leave; LOAD: the next try to load; LINGER: how
 *        long an empty room waits for somebody to come
 * Dies   when LINGER runs out, or another owner has taken its lease. Any other commit that failed or is unknown makes
 * it load again; it keeps its members.
 */
#ifndef PLAYHOUSE_ROOM_H
#define PLAYHOUSE_ROOM_H

#include "act.h"
#include "rules.h"

/* Every member is to be set. Borrowed, as long as the kind runs. */
typedef struct room_config {
    int64_t delta_msec;       /* config room.delta_ms: shortest time between two deltas */
    int64_t moves_per_second; /* config gateway.moves_per_second; told to clients */
    int64_t chats_per_second; /* config gateway.chats_per_second; told to clients */
    const char *build;        /* told to clients, 1..64 characters */
    const rules_t *rules;     /* the world: &plaza_rules */
} room_config_t;

extern const act_kind_t room_kind;

/* What the rules of this room's world allow, as clients are told. */
obj_limits_t room_limits(const room_config_t *config);

/* For the invariants of the simulation: the committed state as members see it, and the counts of what is under way.
 * Pointers are valid until the room next runs. */
typedef struct room_inspection {
    bool open;
    int64_t epoch;
    const obj_item_view_t *items;
    uint32_t items_count;
    uint32_t members_count; /* present ones */
    uint32_t pending_count;
    int64_t room_version;
} room_inspection_t;

/* `state` is that of room_kind (sim_state). */
void room_inspect(const void *state, room_inspection_t *out);
/* The sequence a present character has reached in committed state; -1: it is not here. */
int64_t room_inspect_sequence(const void *state, const char *character_id);
/* The present members as others see them; `views` has room for 256. Returns how many. */
uint32_t room_inspect_members(const void *state, obj_member_view_t *views);
/* The member with this handle is present. */
bool room_inspect_has(const void *state, int64_t member);

typedef struct room_line_inspection {
    int64_t version; /* of the delta that told it; 0: it waits for that */
    const char *character_id, *text;
} room_line_inspection_t;

/* One of the chats that are remembered; `back` 0 is the newest. False: there are not so many. */
bool room_inspect_line(const void *state, uint32_t back, room_line_inspection_t *out);

#endif
