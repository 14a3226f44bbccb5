#include "said.h"

#include <stdio.h>
#include <string.h>

#include "room.h"

void
said_text(char text[281], int character, int64_t action_id)
{
    snprintf(text, 281, "c%d says %lld", character, (long long)action_id);
}

/* The line of an action, forgetting the one whose place it takes. */
static said_line_t *
said_line(said_t *self, int character, int64_t action_id)
{
    said_line_t *line = &self->lines[character][action_id % SAID_LINES];
    if (line->action_id < action_id) {
        *line = (said_line_t){.action_id = action_id};
    }
    return line;
}

static bool
said_parse(const char *character_id, const char *text, int *character, int64_t *action_id)
{
    long long action = 0;
    char expected[281];
    if (sscanf(text, "c%d says %lld", character, &action) != 2 || *character < 0 || *character >= CHARACTERS) {
        return false;
    }
    *action_id = action;
    said_text(expected, *character, action);
    return strcmp(text, expected) == 0 && strncmp(text, character_id, strlen(character_id)) == 0;
}

const char *
said_heard(said_t *self, int player, const obj_chat_line_t *heard)
{
    int character;
    int64_t action_id;
    if (!said_parse(heard->character_id, heard->text, &character, &action_id)) {
        return "B11: a line that nobody has said";
    }
    said_line_t *line = said_line(self, character, action_id);
    if (line->action_id == action_id && ++line->heard[player] > 1) {
        return "B11: a line of chat was delivered twice";
    }
    return NULL;
}

const char *
said_look(said_t *self, const void *room)
{
    int64_t last = self->shown_count > 0 ? self->shown[(self->shown_count - 1) % SAID_SHOWN].version : 0;
    room_line_inspection_t line;
    uint32_t fresh = 0;
    while (room_inspect_line(room, fresh, &line) && (line.version == 0 || line.version > last)) {
        fresh++;
    }
    while (fresh-- > 0 && room_inspect_line(room, fresh, &line) && line.version != 0) {
        int character;
        int64_t action_id;
        if (!said_parse(line.character_id, line.text, &character, &action_id)) {
            return "B11: a line that nobody has said stands in the room";
        }
        said_line_t *said = said_line(self, character, action_id);
        said->version = line.version;
        uint64_t at = self->shown_count++ % SAID_SHOWN;
        self->shown[at].version = line.version;
        self->shown[at].line = said;
        self->shown[at].action_id = action_id;
    }
    return NULL;
}

bool
said_stands(said_t *self, const void *room, int character, int64_t action_id)
{
    const said_line_t *said = said_line(self, character, action_id);
    if (said->action_id != action_id || said->version != 0) {
        return true;
    }
    char text[281];
    said_text(text, character, action_id);
    room_line_inspection_t line;
    for (uint32_t back = 0; room_inspect_line(room, back, &line); back++) {
        if (strcmp(line.text, text) == 0) {
            return true;
        }
    }
    return false;
}

const char *
said_check(said_t *self, int player, const view_t *view)
{
    uint64_t *checked = &self->checked[player];
    if (self->shown_count - *checked > SAID_SHOWN) {
        *checked = self->shown_count - SAID_SHOWN; /* it was away for so long that the rest is forgotten here */
    }
    for (; *checked < self->shown_count && self->shown[*checked % SAID_SHOWN].version <= view->version; ++*checked) {
        const said_line_t *line = self->shown[*checked % SAID_SHOWN].line;
        bool forgotten = line->action_id != self->shown[*checked % SAID_SHOWN].action_id;
        if (self->shown[*checked % SAID_SHOWN].version <= view->heard_from || forgotten) {
            continue;
        }
        if (line->heard[player] == 0) {
            return "B11: a line of chat was neither delivered nor declared lost";
        }
        self->heard++;
    }
    return NULL;
}
