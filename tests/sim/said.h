/*
 * said -- what was said in the room, and who has heard it: each line once, by everybody who was there or came back, or
 * it was declared lost.
 */
#ifndef PLAYHOUSE_SIM_SAID_H
#define PLAYHOUSE_SIM_SAID_H

#include "player.h"

enum {
    SAID_LINES = 1024, /* remembered of each character, the newest; more than anybody could still have to hear */
    SAID_SHOWN = 4096, /* remembered in the order in which they were shown */
};

typedef struct said_line {
    int64_t action_id;
    int64_t version; /* of the delta that told it; 0: that is not known */
    uint8_t heard[PLAYERS];
} said_line_t;

typedef struct said {
    said_line_t lines[CHARACTERS][SAID_LINES]; /* at actionId modulo SAID_LINES */
    struct {
        int64_t version;
        said_line_t *line;
        int64_t action_id;
    } shown[SAID_SHOWN];
    uint64_t shown_count;
    uint64_t checked[PLAYERS]; /* of the shown ones */
    uint64_t heard;            /* times that any line was delivered and had to be */
} said_t;

/* What `client` says with this action; `text` has room for 281. */
void said_text(char text[281], int character, int64_t action_id);
/* A player has been told a line. Each answers with a breach, or NULL. */
const char *said_heard(said_t *self, int player, const obj_chat_line_t *line);
/* The room, whose state it is, has told its members more. */
const char *said_look(said_t *self, const void *room);
/* Whether a line that was acknowledged now is known or stands in the room, and will be told. */
bool said_stands(said_t *self, const void *room, int character, int64_t action_id);
/* All that was to be heard up to what the player has seen was heard. */
const char *said_check(said_t *self, int player, const view_t *view);

#endif
