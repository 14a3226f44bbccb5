#include "registry_memory_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOMS_MAX = 1000000 }; /* more than an instance can have seats */

/* Opens the rooms up to this one. */
static bool
registry_room_open(registry_instance_t *self, uint32_t room)
{
    if (room < self->rooms_count) {
        return true;
    }
    uint32_t *rooms = realloc(self->rooms, (room + 1) * sizeof *rooms);
    if (rooms == NULL) {
        return false;
    }
    memset(rooms + self->rooms_count, 0, (room + 1 - self->rooms_count) * sizeof *rooms);
    self->rooms = rooms;
    self->rooms_count = room + 1;
    return true;
}

bool
registry_room_choose(registry_entry_t *entry, uint32_t room_size)
{
    registry_instance_t *self = entry->instance;
    if (self->room_size != room_size) {
        self->room_size = room_size;
        self->room_hint = 0;
    }
    uint32_t room = self->room_hint;
    while (room < self->rooms_count && self->rooms[room] >= room_size) {
        room++;
    }
    self->room_hint = room;
    if (!registry_room_open(self, room)) {
        return false;
    }
    self->rooms[room]++;
    entry->room = room;
    return true;
}

bool
registry_room_take(registry_entry_t *entry, const char *room)
{
    registry_instance_t *self = entry->instance;
    size_t length = strlen(self->key);
    if (strncmp(room, self->key, length) != 0 || strncmp(room + length, "/main", 5) != 0) {
        return false;
    }
    unsigned long number = 1;
    const char *rest = room + length + 5;
    if (*rest != '\0') {
        char *end;
        if (rest[0] != '-' || rest[1] < '1' || rest[1] > '9') {
            return false;
        }
        number = strtoul(rest + 1, &end, 10);
        if (*end != '\0' || number < 2 || number > ROOMS_MAX) {
            return false;
        }
    }
    if (!registry_room_open(self, (uint32_t)number - 1)) {
        return false;
    }
    entry->room = (uint32_t)number - 1;
    self->rooms[entry->room]++;
    return true;
}

void
registry_room_leave(registry_entry_t *entry)
{
    registry_instance_t *self = entry->instance;
    if (entry->room == REGISTRY_NO_ROOM) {
        return;
    }
    ACT_ASSERT(self->rooms[entry->room] > 0);
    self->rooms[entry->room]--;
    if (entry->room < self->room_hint) {
        self->room_hint = entry->room;
    }
    entry->room = REGISTRY_NO_ROOM;
}

void
registry_room_name(const registry_entry_t *entry, char *name, size_t size)
{
    char number[16] = "";
    name[0] = '\0';
    if (entry->room == REGISTRY_NO_ROOM) {
        return;
    }
    if (entry->room > 0) {
        snprintf(number, sizeof number, "-%u", entry->room + 1);
    }
    int used = snprintf(name, size, "%s/main%s", entry->instance->key, number);
    ACT_ASSERT(used > 0 && (size_t)used < size);
}
