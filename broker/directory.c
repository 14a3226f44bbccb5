#include "directory.h"

#include <stdio.h>
#include <string.h>

#include "fnv.h"

uint64_t
directory_hash(const char *text)
{
    return fnv_text(FNV_64, text);
}

/* The finaliser of splitmix64: FNV alone leaves the high bits of short keys alike. */
static uint64_t
directory_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

bool
directory_is_by_name(act_kind_id_t kind)
{
    switch ((int)kind) {
    case ACT_KIND_ADMIN:
    case ACT_KIND_BROKER:
    case ACT_KIND_FRONT:
    case ACT_KIND_METRICS:
    case ACT_KIND_NODE:
    case ACT_KIND_WATCH:
        return true;
    default:
        return false;
    }
}

/* ---- filling ---- */

directory_node_t *
directory_add_node(directory_t *self, uint32_t id, const char *name, const char *host)
{
    if (self->nodes_count == DIRECTORY_NODES_MAX) {
        return NULL;
    }
    directory_node_t *node = &self->nodes[self->nodes_count++];
    *node = (directory_node_t){.id = id};
    snprintf(node->name, sizeof node->name, "%s", name);
    snprintf(node->host, sizeof node->host, "%s", host);
    return node;
}

bool
directory_add_mailbox(directory_node_t *node, act_kind_id_t kind, uint8_t thread, uint16_t port)
{
    if (node->mailboxes_count == DIRECTORY_MAILBOXES_MAX) {
        return false;
    }
    node->mailboxes[node->mailboxes_count++] =
        (directory_mailbox_t){.kind = (uint8_t)kind, .thread = thread, .port = port};
    return true;
}

static act_kind_id_t
directory_kind_named(const char *name)
{
    int kind = ACT_KIND_COUNT - 1;
    while (kind > 0 && strcmp(act_kind_names[kind], name) != 0) {
        kind--;
    }
    return (act_kind_id_t)kind;
}

directory_node_t *
directory_add_row(directory_t *self, const obj_node_row_t *row)
{
    directory_node_t *node = directory_add_node(self, (uint32_t)row->id, row->name, row->host);
    if (node == NULL) {
        return NULL;
    }
    node->leaving = row->leaving;
    snprintf(node->public_key, sizeof node->public_key, "%s", row->has_public_key ? row->public_key : "");
    for (uint32_t i = 0; i < row->places_len; i++) {
        act_kind_id_t kind = directory_kind_named(row->places[i].kind);
        if (kind != ACT_KIND_NONE) {
            directory_add_mailbox(node, kind, (uint8_t)row->places[i].thread, (uint16_t)row->places[i].port);
        }
    }
    return node;
}

/* Adds the places of the nodes that leave, or of those that stay. */
static uint32_t
directory_settle_kind(directory_t *self, act_kind_id_t kind, bool leaving)
{
    directory_places_t *places = &self->kinds[kind];
    uint32_t left_out = 0;
    for (uint32_t n = 0; n < self->nodes_count; n++) {
        const directory_node_t *node = &self->nodes[n];
        for (uint32_t i = 0; node->leaving == leaving && i < node->mailboxes_count; i++) {
            if (node->mailboxes[i].kind != kind) {
                continue;
            }
            if (places->count == DIRECTORY_PLACES_MAX) {
                left_out++;
                continue;
            }
            places->places[places->count++] =
                (directory_place_t){.node = node->id, .thread = node->mailboxes[i].thread};
        }
    }
    return left_out;
}

uint32_t
directory_settle(directory_t *self)
{
    uint32_t left_out = 0;
    memset(self->kinds, 0, sizeof self->kinds);
    for (int kind = 1; kind < ACT_KIND_COUNT; kind++) {
        left_out += directory_settle_kind(self, (act_kind_id_t)kind, false);
        if (self->kinds[kind].count == 0) {
            left_out += directory_settle_kind(self, (act_kind_id_t)kind, true);
        }
    }
    return left_out;
}

/* ---- looking ---- */

const directory_node_t *
directory_node(const directory_t *self, uint32_t id)
{
    for (uint32_t i = 0; i < self->nodes_count; i++) {
        if (self->nodes[i].id == id) {
            return &self->nodes[i];
        }
    }
    return NULL;
}

uint16_t
directory_port(const directory_node_t *node, act_kind_id_t kind, uint8_t thread)
{
    for (uint32_t i = 0; i < node->mailboxes_count; i++) {
        if (node->mailboxes[i].kind == kind && node->mailboxes[i].thread == thread) {
            return node->mailboxes[i].port;
        }
    }
    return 0;
}

bool
directory_choose(const directory_places_t *places, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    uint32_t count = places->count;
    if (count == 0) {
        return false;
    }
    const directory_place_t *best = &places->places[0];
    if (count > 1) {
        uint64_t hash = directory_hash(key), best_weight = 0;
        for (uint32_t i = 0; i < count; i++) {
            const directory_place_t *place = &places->places[i];
            uint64_t weight = directory_mix(hash ^ directory_mix(((uint64_t)place->node << 8 | place->thread) + 1));
            if (i == 0 || weight > best_weight) {
                best = place;
                best_weight = weight;
            }
        }
    }
    to->node = best->node;
    to->kind = (uint8_t)kind;
    to->thread = best->thread;
    snprintf(to->key, sizeof to->key, "%s", key);
    return true;
}

/* Its first thread, in the process that the key names; "" is this one. */
static bool
directory_owner_by_name(const directory_t *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    for (uint32_t n = 0; n < self->nodes_count; n++) {
        const directory_node_t *node = &self->nodes[n];
        bool meant = *key == '\0' ? node->id == self->self : strcmp(node->name, key) == 0;
        for (uint32_t i = 0; meant && i < node->mailboxes_count; i++) {
            if (node->mailboxes[i].kind == kind) {
                *to = (act_addr_t){.node = node->id, .kind = (uint8_t)kind, .thread = node->mailboxes[i].thread};
                snprintf(to->key, sizeof to->key, "%s", key);
                return true;
            }
        }
    }
    return false;
}

bool
directory_owner(const directory_t *self, act_kind_id_t kind, const char *key, act_addr_t *to)
{
    return directory_is_by_name(kind) ? directory_owner_by_name(self, kind, key, to)
                                      : directory_choose(&self->kinds[kind], kind, key, to);
}

/* ---- what was ---- */

static bool
directory_same_places(const directory_places_t *a, const directory_places_t *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = a->places[i].node == b->places[i].node && a->places[i].thread == b->places[i].thread;
    }
    return same;
}

void
directory_remember(directory_history_t *self, const directory_t *before, const directory_t *after)
{
    for (int kind = 1; kind < ACT_KIND_COUNT; kind++) {
        if (directory_same_places(&before->kinds[kind], &after->kinds[kind])) {
            continue;
        }
        memmove(&self->kinds[kind][1], &self->kinds[kind][0], (DIRECTORY_HISTORY - 1) * sizeof self->kinds[kind][0]);
        self->kinds[kind][0] = before->kinds[kind];
        self->counts[kind] += self->counts[kind] < DIRECTORY_HISTORY;
    }
}

/* Whose a key would be if the process that looks were not among these places. False: nobody's who is still there. */
static bool
directory_owner_without(const directory_t *self, const directory_places_t *places, act_kind_id_t kind, const char *key,
                        act_addr_t *to)
{
    directory_places_t others = {.count = 0};
    for (uint32_t i = 0; i < places->count; i++) {
        if (places->places[i].node != self->self) {
            others.places[others.count++] = places->places[i];
        }
    }
    return directory_choose(&others, kind, key, to) && directory_node(self, to->node) != NULL;
}

bool
directory_owner_before(const directory_t *self, const directory_history_t *history, act_kind_id_t kind, const char *key,
                       act_addr_t *to)
{
    const directory_places_t *before = history->kinds[kind];
    act_addr_t now, then;
    if (!directory_owner(self, kind, key, &now)) {
        return false;
    }
    uint32_t known = 0;
    for (; known < history->counts[kind] && directory_choose(&before[known], kind, key, &then); known++) {
        if (then.node != now.node || then.thread != now.thread) {
            *to = then;
            return directory_node(self, then.node) != NULL;
        }
    }
    /* As far back as is known it was ours; but a process that has just come, or was cut off, knows nothing of before.
     * The oldest first: who had it then may leave by now. */
    bool found = false;
    while (now.node == self->self && !found && known > 0) {
        found = directory_owner_without(self, &before[--known], kind, key, to);
    }
    return found || (now.node == self->self && directory_owner_without(self, &self->kinds[kind], kind, key, to));
}
