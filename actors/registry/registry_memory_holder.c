#include "registry_memory_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
registry_holder_destroy(registry_holder_t *self)
{
    while (self->letters != NULL) {
        registry_letter_t *letter = self->letters;
        self->letters = letter->next;
        free(letter);
    }
    free(self);
}

static void
registry_holder_unlink(registry_holder_t **at)
{
    registry_holder_t *holder = *at;
    *at = holder->next;
    registry_holder_destroy(holder);
}

/* Before another one is made: those that hold nothing go when nothing was heard of them for long, and when they are too
 * many the one that was heard of longest ago. */
static void
registry_holder_make_room(registry_instance_t *instance, act_usec_t now)
{
    uint32_t idle = 0;
    registry_holder_t **oldest = NULL;
    for (registry_holder_t **at = &instance->holders; *at != NULL;) {
        registry_holder_t *holder = *at;
        if (holder->first == NULL && now - holder->heard >= (act_usec_t)REGISTRY_TOMBSTONE_MSEC * ACT_MSEC) {
            registry_holder_unlink(at);
            continue;
        }
        if (holder->first == NULL) {
            idle++;
            oldest = oldest == NULL || holder->heard < (*oldest)->heard ? at : oldest;
        }
        at = &holder->next;
    }
    if (idle >= REGISTRY_HOLDERS_MAX) {
        registry_holder_unlink(oldest);
    }
}

registry_holder_t *
registry_holder_open(registry_instance_t *instance, const char *name, act_usec_t now)
{
    for (registry_holder_t *holder = instance->holders; holder != NULL; holder = holder->next) {
        if (strcmp(holder->name, name) == 0) {
            holder->heard = now;
            return holder;
        }
    }
    registry_holder_make_room(instance, now);
    registry_holder_t *self = calloc(1, sizeof *self);
    if (self != NULL) {
        snprintf(self->name, sizeof self->name, "%s", name);
        self->heard = now;
        self->letters_end = &self->letters;
        self->next = instance->holders;
        instance->holders = self;
    }
    return self;
}

void
registry_holder_hold(registry_holder_t *self, registry_entry_t *entry, int64_t connection, act_usec_t now)
{
    registry_holder_release(entry);
    entry->holder = self;
    entry->connection = connection;
    entry->held_since = now;
    registry_entry_t *before = self->last;
    while (before != NULL && before->held_since > now) { /* the clocks of threads are a batch apart */
        before = before->held_before;
    }
    entry->held_before = before;
    entry->held_after = before != NULL ? before->held_after : self->first;
    *(before != NULL ? &before->held_after : &self->first) = entry;
    *(entry->held_after != NULL ? &entry->held_after->held_before : &self->last) = entry;
}

void
registry_holder_release(registry_entry_t *entry)
{
    registry_holder_t *self = entry->holder;
    if (self == NULL) {
        return;
    }
    *(entry->held_before != NULL ? &entry->held_before->held_after : &self->first) = entry->held_after;
    *(entry->held_after != NULL ? &entry->held_after->held_before : &self->last) = entry->held_before;
    entry->held_before = NULL;
    entry->held_after = NULL;
    entry->holder = NULL;
    entry->connection = 0;
}

/* The first of each holder is the one it has held longest: if that one is not due, none of them is. */
registry_entry_t *
registry_holder_silent(const registry_instance_t *instance, act_usec_t now)
{
    for (const registry_holder_t *holder = instance->holders; holder != NULL; holder = holder->next) {
        if (holder->first == NULL) {
            continue;
        }
        act_usec_t heard = holder->first->held_since;
        if (holder->has_beaten && holder->beat > heard) {
            heard = holder->beat;
        }
        if (now - heard >= (act_usec_t)REGISTRY_SILENT_MSEC * ACT_MSEC) {
            return holder->first;
        }
    }
    return NULL;
}

bool
registry_holder_tell(registry_holder_t *self, const registry_notice_t *notice)
{
    registry_letter_t *letter = malloc(sizeof *letter);
    if (letter == NULL) {
        return false;
    }
    if (self->letters_count >= REGISTRY_NOTICES_MAX) {
        registry_notice_t oldest;
        registry_holder_take(self, &oldest, 1);
    }
    *letter = (registry_letter_t){.notice = *notice};
    *self->letters_end = letter;
    self->letters_end = &letter->next;
    self->letters_count++;
    return true;
}

uint32_t
registry_holder_take(registry_holder_t *self, registry_notice_t *notices, uint32_t max)
{
    uint32_t count = 0;
    while (count < max && self->letters != NULL) {
        registry_letter_t *letter = self->letters;
        notices[count++] = letter->notice;
        self->letters = letter->next;
        free(letter);
    }
    if (self->letters == NULL) {
        self->letters_end = &self->letters;
    }
    self->letters_count -= count;
    return count;
}

void
registry_holder_forget_all(registry_instance_t *instance)
{
    while (instance->holders != NULL) {
        registry_holder_unlink(&instance->holders);
    }
}
