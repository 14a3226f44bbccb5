/* What invariants and tests may see of a room from outside. */
#include "room_state.h"

void
room_inspect(const void *state, room_inspection_t *out)
{
    const room_t *self = state;
    *out = (room_inspection_t){.open = self->state == ROOM_STATE_OPEN,
                               .epoch = self->epoch,
                               .items = self->items_seen,
                               .items_count = self->items_count,
                               .members_count = self->present_count,
                               .pending_count = self->pending_count,
                               .room_version = self->room_version};
}

int64_t
room_inspect_sequence(const void *state, const char *character_id)
{
    const room_member_t *member = room_member_of(state, character_id);
    return member != NULL ? member->seen_sequence : -1;
}

uint32_t
room_inspect_members(const void *state, obj_member_view_t *views)
{
    return room_list_members(state, views);
}

bool
room_inspect_has(const void *state, int64_t member)
{
    return room_member_find((room_t *)state, member) != NULL;
}

bool
room_inspect_line(const void *state, uint32_t back, room_line_inspection_t *out)
{
    uint32_t kept = room_chats_kept(state);
    if (back >= kept) {
        return false;
    }
    const room_chat_t *chat = room_chat_at(state, kept - 1 - back);
    *out = (room_line_inspection_t){.version = chat->version, .character_id = chat->character_id, .text = chat->text};
    return true;
}
