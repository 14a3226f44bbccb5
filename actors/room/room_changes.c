/* What has changed: since the last delta, for those who are here, and since which version, for those who come back.
 * Every change of the visible state has a version of its own, so a version says what a client has seen. */
#include "room_state.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(ROOM_CHATS_CAP <= ROOM_CHATS_KEPT_CAP, "what waits for the delta stands in the ring");
_Static_assert(ROOM_LEAVERS_CAP >= ROOM_MEMBERS_CAP, "a full room can leave in one delta");

/* ---- members and items ---- */

void
room_mark_member(room_t *self, room_member_t *member)
{
    size_t slot = (size_t)(member - self->members);
    self->changed_members[slot / 64] |= (uint64_t)1 << slot % 64;
    member->version = self->room_version;
}

void
room_unmark_member(room_t *self, const room_member_t *member)
{
    size_t slot = (size_t)(member - self->members);
    self->changed_members[slot / 64] &= ~((uint64_t)1 << slot % 64);
}

void
room_mark_item(room_t *self, uint32_t index)
{
    self->changed_items |= (uint64_t)1 << index;
    self->item_versions[index] = self->room_version;
}

/* ---- leavers ---- */

void
room_reserve_left(room_t *self, act_ctx_t *ctx)
{
    if (self->leavers[self->leavers_next % ROOM_LEAVERS_CAP].version > self->shown_version) {
        room_delta_send(self, ctx);
    }
}

void
room_mark_left(room_t *self, const char *character_id)
{
    room_leaver_t *leaver = &self->leavers[self->leavers_next++ % ROOM_LEAVERS_CAP];
    if (leaver->version > self->base_version) {
        self->base_version = leaver->version; /* forgotten: who has not seen it go could keep it for ever */
    }
    leaver->version = self->room_version;
    memcpy(leaver->character_id, character_id, sizeof leaver->character_id);
    self->left_count++;
}

void
room_unmark_left(room_t *self, const char *character_id)
{
    for (uint32_t i = 0; i < ROOM_LEAVERS_CAP; i++) {
        room_leaver_t *leaver = &self->leavers[i];
        if (leaver->version != 0 && strcmp(leaver->character_id, character_id) == 0) {
            self->left_count -= leaver->version > self->shown_version;
            leaver->version = 0;
            return;
        }
    }
}

/* ---- chats ---- */

uint32_t
room_chats_kept(const room_t *self)
{
    return self->chats_next < ROOM_CHATS_KEPT_CAP ? self->chats_next : ROOM_CHATS_KEPT_CAP;
}

static room_chat_t *
chat_at(const room_t *self, uint32_t index)
{
    return self->chats[(self->chats_next - room_chats_kept(self) + index) % ROOM_CHATS_KEPT_CAP];
}

const room_chat_t *
room_chat_at(const room_t *self, uint32_t index)
{
    return chat_at(self, index);
}

void
room_mark_chat(room_t *self, act_ctx_t *ctx, room_chat_t *chat)
{
    if (self->chats_count == ROOM_CHATS_CAP) {
        room_delta_send(self, ctx);
    }
    room_chat_t **slot = &self->chats[self->chats_next++ % ROOM_CHATS_KEPT_CAP];
    if (*slot != NULL) {
        if ((*slot)->version > self->chats_version) {
            self->chats_version = (*slot)->version;
        }
        free(*slot);
    }
    chat->version = 0;
    *slot = chat;
    self->chats_count++;
}

void
room_chat_line(const room_chat_t *chat, obj_chat_line_t *line)
{
    memcpy(line->character_id, chat->character_id, sizeof line->character_id);
    memcpy(line->name, chat->name, sizeof line->name);
    memcpy(line->text, chat->text, strlen(chat->text) + 1);
}

/* ---- all of it ---- */

bool
room_is_marked(const room_t *self)
{
    uint64_t marked = self->changed_items | self->left_count | self->chats_count;
    for (int i = 0; i < ROOM_MEMBERS_CAP / 64; i++) {
        marked |= self->changed_members[i];
    }
    return marked != 0;
}

/* A state that was shown while a chat waited has the version of before: the delta that tells it needs one of its own,
 * or who comes back with that version has had the chat, or has not. */
void
room_marks_stamp(room_t *self)
{
    if (self->chats_count > 0) {
        room_version_next(self);
    }
    uint32_t kept = room_chats_kept(self);
    for (uint32_t i = kept - self->chats_count; i < kept; i++) {
        chat_at(self, i)->version = self->room_version;
    }
}

void
room_marks_clear(room_t *self)
{
    self->chats_count = 0;
    self->left_count = 0;
    self->changed_items = 0;
    memset(self->changed_members, 0, sizeof self->changed_members);
    self->shown_version = self->room_version;
    self->changed_at = 0;
}

void
room_changes_forget(room_t *self)
{
    self->base_version = self->chats_version = self->room_version;
}

void
room_changes_fini(room_t *self)
{
    for (uint32_t i = 0; i < ROOM_CHATS_KEPT_CAP; i++) {
        free(self->chats[i]);
    }
}

/* ---- lists ---- */

uint32_t
room_members_since(const room_t *self, int64_t version, obj_member_view_t *views)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->members_top; i++) {
        const room_member_t *member = &self->members[i];
        if (member->present && member->version > version) {
            views[count++] = member->seen;
        }
    }
    return count;
}

uint32_t
room_list_members(const room_t *self, obj_member_view_t *views)
{
    return room_members_since(self, -1, views);
}

uint32_t
room_items_since(const room_t *self, int64_t version, obj_item_view_t *views)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->items_count; i++) {
        if (self->item_versions[i] > version) {
            views[count++] = self->items_seen[i];
        }
    }
    return count;
}

uint32_t
room_left_since(const room_t *self, int64_t version, char (*left)[25])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ROOM_LEAVERS_CAP; i++) {
        const room_leaver_t *leaver = &self->leavers[(self->leavers_next + i) % ROOM_LEAVERS_CAP];
        if (leaver->version > version) {
            memcpy(left[count++], leaver->character_id, sizeof *left);
        }
    }
    return count;
}
