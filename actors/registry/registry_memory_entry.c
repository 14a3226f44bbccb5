#include "registry_memory_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t left_msec_max = INT64_C(1000) * 86400 * 36500; /* a hundred years: no overflow, and for good */

registry_entry_t *
registry_entry_find(registry_memory_t *self, const registry_instance_t *instance, const char *session_id)
{
    registry_link_t *link = registry_table_first(&self->sessions, registry_text_hash(session_id));
    for (; link != NULL; link = registry_table_next(link)) {
        registry_entry_t *entry = REGISTRY_OWNER(registry_entry_t, by_session, link);
        if (entry->instance == instance && strcmp(entry->session_id, session_id) == 0) {
            return entry;
        }
    }
    return NULL;
}

registry_entry_t *
registry_entry_of_character(registry_memory_t *self, const char *character_id)
{
    registry_link_t *link = registry_table_first(&self->characters, registry_text_hash(character_id));
    for (; link != NULL; link = registry_table_next(link)) {
        registry_entry_t *entry = REGISTRY_OWNER(registry_entry_t, by_character, link);
        if (strcmp(entry->character_id, character_id) == 0) {
            return entry;
        }
    }
    return NULL;
}

registry_entry_t *
registry_entry_of_attempt(registry_memory_t *self, const registry_instance_t *instance, const char *user_id,
                          const char *except_character_id)
{
    registry_link_t *link = registry_table_first(&self->users, registry_text_hash(user_id));
    for (; link != NULL; link = registry_table_next(link)) {
        registry_entry_t *entry = REGISTRY_OWNER(registry_entry_t, by_user, link);
        if (entry->instance == instance &&
            (entry->state == SESSION_STATE_CONNECTING || entry->state == SESSION_STATE_WAITING) &&
            strcmp(entry->character_id, except_character_id) != 0 && strcmp(entry->user_id, user_id) == 0) {
            return entry;
        }
    }
    return NULL;
}

static uint32_t *
registry_entry_counter(registry_instance_t *instance, session_state_t state)
{
    switch (state) {
    case SESSION_STATE_WAITING:
        return &instance->count.waiting;
    case SESSION_STATE_CONNECTING:
        return &instance->count.connecting;
    case SESSION_STATE_ACTIVE:
        return &instance->count.active;
    case SESSION_STATE_GRACE:
        return &instance->count.grace;
    case SESSION_STATE_ENDED:
    case SESSION_STATE_COUNT:
        break;
    }
    ACT_UNREACHABLE("what has ended is in no registry");
}

/* Nearly always at the end of both lists: numbers rise, but for what is restored beside what is there. */
static void
registry_entry_enlist(registry_entry_t *self)
{
    registry_instance_t *instance = self->instance;
    registry_entry_t *before = instance->last;
    while (before != NULL && before->number > self->number) {
        before = before->earlier;
    }
    self->earlier = before;
    self->later = before != NULL ? before->later : instance->first;
    *(before != NULL ? &before->later : &instance->first) = self;
    *(self->later != NULL ? &self->later->earlier : &instance->last) = self;
}

static void
registry_entry_enqueue(registry_entry_t *self)
{
    registry_instance_t *instance = self->instance;
    registry_entry_t *ahead = instance->tail;
    while (ahead != NULL && ahead->number > self->number) {
        ahead = ahead->ahead;
    }
    self->ahead = ahead;
    self->behind = ahead != NULL ? ahead->behind : instance->head;
    *(ahead != NULL ? &ahead->behind : &instance->head) = self;
    *(self->behind != NULL ? &self->behind->ahead : &instance->tail) = self;
}

static void
registry_entry_dequeue(registry_entry_t *self)
{
    registry_instance_t *instance = self->instance;
    *(self->ahead != NULL ? &self->ahead->behind : &instance->head) = self->behind;
    *(self->behind != NULL ? &self->behind->ahead : &instance->tail) = self->ahead;
    self->ahead = NULL;
    self->behind = NULL;
}

void
registry_entry_change_state(registry_entry_t *self, session_state_t state)
{
    if (state == self->state) {
        return;
    }
    ACT_ASSERT(state != SESSION_STATE_WAITING); /* nobody goes back into the queue */
    if (self->state == SESSION_STATE_WAITING) {
        registry_entry_dequeue(self);
    }
    (*registry_entry_counter(self->instance, self->state))--;
    (*registry_entry_counter(self->instance, state))++;
    self->state = state;
}

void
registry_entry_change(registry_entry_t *self)
{
    self->version = ++self->instance->count.version;
}

registry_entry_t *
registry_entry_new(registry_memory_t *self, registry_instance_t *instance, const registry_session_t *row)
{
    ACT_ASSERT(row->secret_len == SECRET_HASH_SIZE);
    size_t user_size = strlen(row->user_id) + 1, name_size = strlen(row->name) + 1;
    registry_entry_t *entry = calloc(1, sizeof *entry + user_size + name_size);
    if (entry == NULL) {
        return NULL;
    }
    entry->instance = instance;
    entry->asks_end = &entry->asks;
    entry->connection = 0;
    entry->number = row->number;
    entry->version = row->version;
    entry->turn = row->turn;
    entry->auth_until = row->auth_until;
    entry->room = REGISTRY_NO_ROOM;
    entry->role = row->role;
    entry->state = row->state;
    memcpy(entry->secret, row->secret, SECRET_HASH_SIZE);
    memcpy(entry->session_id, row->session_id, sizeof entry->session_id);
    memcpy(entry->character_id, row->character_id, sizeof entry->character_id);
    memcpy(entry->user_id, row->user_id, user_size);
    memcpy(entry->user_id + user_size, row->name, name_size);
    entry->name = entry->user_id + user_size;
    registry_table_put(&self->sessions, &entry->by_session, registry_text_hash(entry->session_id));
    registry_table_put(&self->characters, &entry->by_character, registry_text_hash(entry->character_id));
    registry_table_put(&self->users, &entry->by_user, registry_text_hash(entry->user_id));
    registry_table_put(&self->secrets, &entry->by_secret, registry_digest_hash(entry->secret));
    registry_entry_enlist(entry);
    if (entry->state == SESSION_STATE_WAITING) {
        registry_entry_enqueue(entry);
    }
    (*registry_entry_counter(instance, entry->state))++;
    return entry;
}

void
registry_entry_forget(registry_memory_t *self, registry_entry_t *entry)
{
    registry_instance_t *instance = entry->instance;
    registry_ask_close_all(self, entry);
    registry_holder_release(entry);
    registry_room_leave(entry);
    heap_remove(&instance->deadlines, &entry->deadline);
    if (entry->state == SESSION_STATE_WAITING) {
        registry_entry_dequeue(entry);
    }
    (*registry_entry_counter(instance, entry->state))--;
    *(entry->earlier != NULL ? &entry->earlier->later : &instance->first) = entry->later;
    *(entry->later != NULL ? &entry->later->earlier : &instance->last) = entry->earlier;
    registry_table_remove(&self->sessions, &entry->by_session);
    registry_table_remove(&self->characters, &entry->by_character);
    registry_table_remove(&self->users, &entry->by_user);
    registry_table_remove(&self->secrets, &entry->by_secret);
    free(entry);
}

void
registry_entry_drop(registry_memory_t *self, registry_entry_t *entry, act_usec_t now, registry_result_t result)
{
    registry_secret_bury(self, entry, now, result);
    registry_entry_forget(self, entry);
}

void
registry_entry_end(registry_memory_t *self, registry_entry_t *entry, act_usec_t now, registry_result_t result,
                   registry_session_t *row)
{
    registry_entry_change(entry);
    registry_entry_row(entry, now, row);
    row->state = SESSION_STATE_ENDED;
    row->left_ms = REGISTRY_NO_END;
    row->secret_len = 0;
    registry_entry_drop(self, entry, now, result);
}

void
registry_entry_row(const registry_entry_t *self, act_usec_t now, registry_session_t *row)
{
    *row = (registry_session_t){
        .role = self->role,
        .state = self->state,
        .connection = self->connection,
        .number = self->number,
        .version = self->version,
        .turn = self->turn,
        .secret_len = SECRET_HASH_SIZE,
        .left_ms = REGISTRY_NO_END,
        .auth_until = self->auth_until,
    };
    memcpy(row->session_id, self->session_id, sizeof row->session_id);
    memcpy(row->character_id, self->character_id, sizeof row->character_id);
    memcpy(row->secret, self->secret, SECRET_HASH_SIZE);
    snprintf(row->instance, sizeof row->instance, "%s", self->instance->key);
    snprintf(row->user_id, sizeof row->user_id, "%s", self->user_id);
    snprintf(row->name, sizeof row->name, "%s", self->name);
    snprintf(row->holder, sizeof row->holder, "%s", self->holder != NULL ? self->holder->name : "");
    registry_room_name(self, row->room, sizeof row->room);
    if (self->deadline.place != 0) {
        act_usec_t left = self->deadline.due > now ? self->deadline.due - now : 0;
        row->left_ms = (left + ACT_MSEC - 1) / ACT_MSEC;
    }
}

uint32_t
registry_entry_place(const registry_entry_t *self)
{
    uint32_t place = 0;
    if (self->state == SESSION_STATE_WAITING) {
        for (const registry_entry_t *entry = self; entry != NULL; entry = entry->ahead) {
            place++;
        }
    }
    return place;
}

void
registry_entry_set_left(registry_entry_t *self, act_usec_t now, int64_t left_msec)
{
    heap_t *deadlines = &self->instance->deadlines;
    if (left_msec == REGISTRY_NO_END) {
        heap_remove(deadlines, &self->deadline);
        return;
    }
    left_msec = left_msec < 0 ? 0 : left_msec > left_msec_max ? left_msec_max : left_msec;
    heap_put(deadlines, &self->deadline, now + left_msec * ACT_MSEC);
}

bool
registry_entry_is_over(const registry_entry_t *self, act_usec_t now)
{
    return self->deadline.place != 0 && self->deadline.due <= now;
}

void
registry_entry_let_go(registry_entry_t *self, act_usec_t now, const registry_limits_t *limits)
{
    registry_holder_release(self);
    if (self->state == SESSION_STATE_ACTIVE) {
        registry_entry_change_state(self, SESSION_STATE_GRACE);
    }
    if (self->state != SESSION_STATE_CONNECTING) {
        registry_entry_set_left(self, now, limits->grace_msec);
    }
    registry_entry_change(self);
}
