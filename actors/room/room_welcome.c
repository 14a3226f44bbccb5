/* What who comes in is shown: the whole, or what has changed since the version that it still has. */
#include "room_state.h"

#include <string.h>

bool
room_client_is_ahead(const room_member_t *member, const msg_room_join_t *join)
{
    return join->has_last_sequence && join->last_sequence > member->seen_sequence;
}

/* Its version is one that this room had before it came in now. */
static bool
welcome_is_since(const room_member_t *member, const msg_room_join_t *join)
{
    return !room_client_is_ahead(member, join) && join->room_version < member->version;
}

/* The changes go straight to where they are sent from. False: they are not known, or the whole is shorter. */
static bool
welcome_fill_changes(msg_event_welcome_t *welcome, const room_t *self, int64_t since)
{
    obj_changes_t *changes = &welcome->changes;
    if (since < self->base_version) {
        return false;
    }
    changes->since = since;
    changes->members_len = room_members_since(self, since, changes->members);
    changes->items_len = room_items_since(self, since, changes->items);
    changes->left_len = room_left_since(self, since, changes->left);
#ifdef PLAYHOUSE_PLANTED_GHOST
    /* !!! PLANTED BUG, for the simulation to catch: who left meanwhile is not told. Never in a shipped build. !!! */
    changes->left_len = 0;
#endif
    return changes->members_len + changes->items_len + changes->left_len <= self->present_count + self->items_count;
}

static void
welcome_fill_snapshot(msg_event_welcome_t *welcome, const room_t *self)
{
    welcome->snapshot.members_len = room_list_members(self, welcome->snapshot.members);
    welcome->snapshot.items_len = self->items_count;
    memcpy(welcome->snapshot.items, self->items_seen, self->items_count * sizeof self->items_seen[0]);
}

/* Of what was said; what waits for the next delta comes with that. */
static void
welcome_fill_chats(msg_event_welcome_t *welcome, const room_t *self, int64_t since, bool comparable)
{
    uint32_t shown = room_chats_kept(self) - self->chats_count;
    for (uint32_t i = 0; comparable && i < shown; i++) {
        const room_chat_t *chat = room_chat_at(self, i);
        if (chat->version > since) {
            room_chat_line(chat, &welcome->chats[welcome->chats_len++]);
        }
    }
    welcome->has_chats = welcome->chats_len > 0;
    welcome->has_chats_lost = welcome->chats_lost = !comparable || since < self->chats_version;
}

/* A hundred and fifty kilobytes that are mostly unused: never cleared, and only what counts is filled. */
blob_t *
room_welcome(const room_t *self, const room_member_t *member, const msg_room_join_t *join, bool *changes)
{
    msg_event_welcome_t welcome;
    bool comparable = join->has_room_version && welcome_is_since(member, join);
    memcpy(welcome.session_id, member->session_id, sizeof welcome.session_id);
    memcpy(welcome.character_id, member->seen.character_id, sizeof welcome.character_id);
    memcpy(welcome.name, member->seen.name, sizeof welcome.name);
    memcpy(welcome.room, self->key, sizeof welcome.room);
    welcome.has_role = true;
    welcome.role = member->role;
    size_t length = strnlen(self->config->build, sizeof welcome.build - 1);
    memcpy(welcome.build, self->config->build, length);
    welcome.build[length] = '\0';
    welcome.sequence = member->seen_sequence;
    welcome.last_action_id = member->seen_action_id;
    welcome.room_version = self->room_version;
    welcome.limits = room_limits(self->config);
    welcome.has_chats = welcome.has_chats_lost = welcome.chats_lost = false;
    welcome.chats_len = 0;
    welcome.has_changes = comparable && welcome_fill_changes(&welcome, self, join->room_version);
    welcome.has_snapshot = !welcome.has_changes;
    if (welcome.has_snapshot) {
        welcome_fill_snapshot(&welcome, self);
    }
    if (join->has_room_version) {
        welcome_fill_chats(&welcome, self, join->room_version, comparable);
    }
    *changes = welcome.has_changes;
    return room_frame(member->format, &type_event_welcome, "event.welcome", &welcome);
}
