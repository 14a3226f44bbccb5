#include "view.h"

#include <string.h>

#include "fnv.h"

static uint64_t
hash_bytes(uint64_t at, const void *bytes, size_t length)
{
    at = fnv_bytes(at, bytes, length);
    return (at ^ at >> 29) * 0xbf58476d1ce4e5b9u;
}

static uint64_t
hash_text(uint64_t at, const char *text)
{
    return hash_bytes(at, text, strlen(text) + 1);
}

static uint64_t
hash_place(uint64_t at, double x, double y)
{
    const double place[2] = {x, y};
    return hash_bytes(at, place, sizeof place);
}

uint64_t
view_digest(const obj_member_view_t *members, uint32_t members_len, const obj_item_view_t *items, uint32_t items_len)
{
    uint64_t sum = members_len * 31 + items_len;
    for (uint32_t i = 0; i < members_len; i++) {
        uint64_t one = hash_text(hash_text(1, members[i].character_id), members[i].name);
        sum += hash_place(one, members[i].x, members[i].y);
    }
    for (uint32_t i = 0; i < items_len; i++) {
        uint64_t one = hash_text(hash_text(2, items[i].item_id), items[i].kind);
        one = hash_text(one, items[i].has_holder ? items[i].holder : "");
        sum += hash_place(one, items[i].x, items[i].y);
    }
    return sum;
}

/* ---- parts ---- */

static const char *
view_put_member(view_t *self, const obj_member_view_t *member)
{
    uint32_t i = 0;
    while (i < self->members_len && strcmp(self->members[i].character_id, member->character_id) != 0) {
        i++;
    }
    if (i == VIEW_MEMBERS_MAX) {
        return "B11: more members are shown than there are people";
    }
    self->members_len += i == self->members_len;
    self->members[i] = *member;
    return NULL;
}

static const char *
view_put_item(view_t *self, const obj_item_view_t *item)
{
    uint32_t i = 0;
    while (i < self->items_len && strcmp(self->items[i].item_id, item->item_id) != 0) {
        i++;
    }
    if (i == VIEW_ITEMS_MAX) {
        return "B11: more items are shown than there are";
    }
    self->items_len += i == self->items_len;
    self->items[i] = *item;
    return NULL;
}

static void
view_drop_member(view_t *self, const char *character_id)
{
    for (uint32_t i = 0; i < self->members_len; i++) {
        if (strcmp(self->members[i].character_id, character_id) == 0) {
            self->members[i] = self->members[--self->members_len];
            return;
        }
    }
}

static const char *
view_put(view_t *self, const obj_member_view_t *members, uint32_t members_len, const obj_item_view_t *items,
         uint32_t items_len)
{
    const char *breach = NULL;
    for (uint32_t i = 0; i < members_len && breach == NULL; i++) {
        breach = view_put_member(self, &members[i]);
    }
    for (uint32_t i = 0; i < items_len && breach == NULL; i++) {
        breach = view_put_item(self, &items[i]);
    }
    return breach;
}

static void
view_hear(const obj_chat_line_t *lines, uint32_t count, view_line_fn line, void *me)
{
    for (uint32_t i = 0; i < count; i++) {
        line(me, &lines[i]);
    }
}

static bool
view_shows(const view_t *self, const char *character_id)
{
    for (uint32_t i = 0; i < self->members_len; i++) {
        if (strcmp(self->members[i].character_id, character_id) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- frames ---- */

static const char *
view_check_welcome(const view_t *self, const msg_event_welcome_t *welcome, int64_t since)
{
    if (welcome->room_version < self->highest) {
        return "B11: the roomVersion of a welcome fell";
    }
    if (welcome->has_snapshot == welcome->has_changes) {
        return "B11: a welcome has either a snapshot or changes";
    }
    if (welcome->has_changes && (since < 0 || welcome->changes.since != since)) {
        return "B11: changes since a version that nobody said";
    }
    if (since < 0 && (welcome->has_chats || welcome->has_chats_lost)) {
        return "B11: old chats for one who said no version";
    }
    return NULL;
}

const char *
view_welcome(view_t *self, const msg_event_welcome_t *welcome, int64_t since, view_line_fn line, void *me)
{
    const char *breach = view_check_welcome(self, welcome, since);
    if (breach != NULL) {
        return breach;
    }
    if (welcome->has_snapshot) {
        const obj_snapshot_t *whole = &welcome->snapshot;
        self->members_len = self->items_len = 0;
        breach = view_put(self, whole->members, whole->members_len, whole->items, whole->items_len);
    } else {
        const obj_changes_t *changes = &welcome->changes;
        for (uint32_t i = 0; i < changes->left_len; i++) {
            view_drop_member(self, changes->left[i]);
        }
        breach = view_put(self, changes->members, changes->members_len, changes->items, changes->items_len);
    }
    self->known = self->changed = true;
    self->version = self->highest = welcome->room_version;
    memcpy(self->room, welcome->room, sizeof self->room);
    if (since < 0 || welcome->has_chats_lost) {
        self->heard_from = welcome->room_version;
    }
    if (welcome->has_chats) {
        view_hear(welcome->chats, welcome->chats_len, line, me);
    }
    if (breach == NULL && !view_shows(self, welcome->character_id)) {
        breach = "B11: who comes in is not shown to itself";
    }
    return breach;
}

const char *
view_delta(view_t *self, const msg_event_state_delta_t *delta, view_line_fn line, void *me)
{
    bool full = delta->has_full && delta->full;
    if (delta->room_version < self->highest) {
        return "B11: the roomVersion of a delta fell";
    }
    if (full) {
        self->members_len = self->items_len = 0;
        self->heard_from = delta->room_version;
    }
    for (uint32_t i = 0; delta->has_left && i < delta->left_len; i++) {
        view_drop_member(self, delta->left[i]);
    }
    const char *breach = view_put(self, delta->members, delta->has_members ? delta->members_len : 0, delta->items,
                                  delta->has_items ? delta->items_len : 0);
    /* One with chats is newer than all before it, so one that is not is a copy. */
    if (delta->has_chats && delta->room_version > self->version) {
        view_hear(delta->chats, delta->chats_len, line, me);
    }
    self->version = self->highest = delta->room_version;
    self->changed = true;
    return breach;
}
