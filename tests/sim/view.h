/*
 * view -- what one client shows of a room: made of the frames it was sent, as a good client does it, and nothing else.
 * A frame that could not come from a good server is a breach, and its name is the answer; NULL: none.
 */
#ifndef PLAYHOUSE_SIM_VIEW_H
#define PLAYHOUSE_SIM_VIEW_H

#include "act.h"

enum { VIEW_MEMBERS_MAX = 64, VIEW_ITEMS_MAX = 64 };

typedef struct view {
    bool known; /* else it shows nothing, and has no version to come back with */
    char room[50];
    int64_t version;
    int64_t heard_from; /* what was said in versions above this was to be delivered */
    int64_t highest;    /* of all versions this client ever had */
    bool changed;       /* for whoever looks: set with each frame */
    uint32_t members_len, items_len;
    obj_member_view_t members[VIEW_MEMBERS_MAX];
    obj_item_view_t items[VIEW_ITEMS_MAX];
} view_t;

/* Is called for each line of chat that is delivered. */
typedef void (*view_line_fn)(void *me, const obj_chat_line_t *line);

/* `since`: the version that was said with the join; -1: none. */
const char *view_welcome(view_t *self, const msg_event_welcome_t *welcome, int64_t since, view_line_fn line, void *me);
const char *view_delta(view_t *self, const msg_event_state_delta_t *delta, view_line_fn line, void *me);

/* The same for the same state, in whatever order it is told. */
uint64_t view_digest(const obj_member_view_t *members, uint32_t members_len, const obj_item_view_t *items,
                     uint32_t items_len);

#endif
