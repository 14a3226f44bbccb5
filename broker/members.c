#include "members.h"

#include <stdio.h>
#include <string.h>

void
members_init(members_t *self, act_usec_t now, int64_t version)
{
    self->count = 0;
    self->version = version > 0 ? version : 1;
    self->started = now;
    self->settled = false;
}

bool
members_is_later(const obj_node_row_t *a, const obj_node_row_t *b)
{
    return a->incarnation != b->incarnation ? a->incarnation > b->incarnation : a->id > b->id;
}

const char *
members_conflict(const obj_node_row_t *a, const obj_node_row_t *b)
{
    for (uint32_t i = 0; i < a->places_len; i++) {
        for (uint32_t j = 0; j < b->places_len; j++) {
            if ((a->places[i].exclusive || b->places[j].exclusive) &&
                strcmp(a->places[i].kind, b->places[j].kind) == 0) {
                return a->places[i].kind;
            }
        }
    }
    return NULL;
}

static void
members_remove(members_t *self, uint32_t at)
{
    memmove(&self->rows[at], &self->rows[at + 1], (self->count - at - 1) * sizeof self->rows[0]);
    self->count--;
    self->version++;
}

static members_beat_t
members_refuse(msg_node_refused_t *refused, node_refusal_t why, const member_t *by, const char *kind)
{
    *refused = (msg_node_refused_t){.refusal = why, .has_by = by != NULL, .has_kind = kind != NULL};
    if (by != NULL) {
        memcpy(refused->by, by->node.name, sizeof refused->by);
    }
    if (kind != NULL) {
        snprintf(refused->kind, sizeof refused->kind, "%s", kind);
    }
    return MEMBERS_REFUSED;
}

/* Makes room for one that is new. */
static members_beat_t
members_admit(members_t *self, const obj_node_row_t *node, msg_node_refused_t *refused)
{
    for (uint32_t i = 0; i < self->count; i++) {
        member_t *row = &self->rows[i];
        const char *kind = NULL;
        if (strcmp(row->node.name, node->name) == 0) {
            if (strcmp(row->node.public_key, node->public_key) != 0) {
                return members_refuse(refused, NODE_REFUSAL_TAKEN, row, NULL);
            }
            if (!members_is_later(node, &row->node)) {
                return members_refuse(refused, NODE_REFUSAL_REPLACED, row, NULL);
            }
            members_remove(self, i--);
        } else if (!row->node.leaving && !node->leaving && (kind = members_conflict(&row->node, node)) != NULL) {
            return members_refuse(refused, NODE_REFUSAL_EXCLUSIVE, row, kind);
        }
    }
    return self->count == MEMBERS_MAX ? members_refuse(refused, NODE_REFUSAL_FULL, NULL, NULL) : MEMBERS_CHANGED;
}

members_beat_t
members_beat(members_t *self, act_usec_t now, const obj_node_row_t *node, member_t **member_p,
             msg_node_refused_t *refused)
{
    for (uint32_t i = 0; i < self->count; i++) {
        member_t *row = &self->rows[i];
        if (row->node.id == node->id) {
            if (strcmp(row->node.name, node->name) != 0 || strcmp(row->node.public_key, node->public_key) != 0) {
                return members_refuse(refused, NODE_REFUSAL_TAKEN, row, NULL);
            }
            bool changed = row->node.leaving != node->leaving;
            row->node.leaving = node->leaving; /* all else is the same as long as it lives */
            row->heard = now;
            self->version += changed;
            *member_p = row;
            return changed ? MEMBERS_CHANGED : MEMBERS_SAME;
        }
    }
    if (members_admit(self, node, refused) == MEMBERS_REFUSED) {
        return MEMBERS_REFUSED;
    }
    member_t *row = &self->rows[self->count++];
    *row = (member_t){.node = *node, .heard = now};
    self->version++;
    *member_p = row;
    return MEMBERS_CHANGED;
}

bool
members_leave(members_t *self, int64_t id)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->rows[i].node.id == id) {
            members_remove(self, i);
            return true;
        }
    }
    return false;
}

bool
members_tick(members_t *self, act_usec_t now)
{
    int64_t before = self->version;
    for (uint32_t i = 0; i < self->count; i++) {
        if (now - self->rows[i].heard >= (act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC) {
            log_event(LOG_WARN, "node-silent", "a process has not been heard and is taken for gone",
                      LOG_S("name", self->rows[i].node.name), LOG_N("id", self->rows[i].node.id));
            members_remove(self, i--);
        }
    }
    if (!self->settled && now - self->started >= (act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC) {
        self->settled = true;
        self->version++;
    }
    return self->version != before;
}

act_usec_t
members_due(const members_t *self)
{
    act_usec_t oldest = self->settled ? INT64_MAX : self->started;
    for (uint32_t i = 0; i < self->count; i++) {
        oldest = self->rows[i].heard < oldest ? self->rows[i].heard : oldest;
    }
    return oldest == INT64_MAX ? oldest : oldest + (act_usec_t)MEMBERS_SILENCE_MSEC * ACT_MSEC;
}
