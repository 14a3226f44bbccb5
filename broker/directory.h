/*
 * directory -- who is there and who owns a key. Each thread of each process that runs a kind is a place of it; a key
 * belongs to the place whose hash with it is greatest (rendezvous hashing), so a place that comes or goes moves only
 * its own share of the keys. Kinds that every process has for itself (directory_is_by_name) are addressed by the name
 * of the process instead.
 *
 * Plain data without pointers: the thread that learns of a change fills one and publishes it, every worker thread
 * copies it for itself between two turns, and so nobody locks to look.
 */
#ifndef PLAYHOUSE_DIRECTORY_H
#define PLAYHOUSE_DIRECTORY_H

#include "act.h"

enum {
    DIRECTORY_PLACES_MAX = 64,    /* threads of one kind, over all processes; a place over it owns nothing */
    DIRECTORY_NODES_MAX = 64,     /* processes */
    DIRECTORY_MAILBOXES_MAX = 64, /* of one process: kinds times threads */
    DIRECTORY_NAME_MAX = 40,      /* bytes of a process's name */
    DIRECTORY_HOST_MAX = 63,      /* bytes of a host name or address */
    DIRECTORY_KEY_MAX = 40,       /* bytes of a public key in Z85 */
    DIRECTORY_HISTORY = 4,        /* changes of a kind's places that are remembered */
};

typedef struct directory_mailbox {
    uint8_t kind, thread;
    uint16_t port; /* 0: no other process can reach it */
} directory_mailbox_t;

/* One process. */
typedef struct directory_node {
    uint32_t id;
    bool leaving; /* is there, and owns nothing that anybody else can */
    char name[DIRECTORY_NAME_MAX + 1];
    char host[DIRECTORY_HOST_MAX + 1];
    char public_key[DIRECTORY_KEY_MAX + 1]; /* "": none */
    directory_mailbox_t mailboxes[DIRECTORY_MAILBOXES_MAX];
    uint32_t mailboxes_count;
} directory_node_t;

typedef struct directory_place {
    uint32_t node;
    uint8_t thread;
} directory_place_t;

/* The places that a kind's keys are shared out among. */
typedef struct directory_places {
    directory_place_t places[DIRECTORY_PLACES_MAX];
    uint32_t count;
} directory_places_t;

typedef struct directory {
    uint32_t self; /* the node that looks; 0: it is alone */
    directory_places_t kinds[ACT_KIND_COUNT];
    directory_node_t nodes[DIRECTORY_NODES_MAX];
    uint32_t nodes_count;
} directory_t;

/* What was before the last changes, so that a new owner knows whom to ask. */
typedef struct directory_history {
    directory_places_t kinds[ACT_KIND_COUNT][DIRECTORY_HISTORY]; /* the latest first */
    uint32_t counts[ACT_KIND_COUNT];
} directory_history_t;

/* Is each process's own one meant, or the one whose process the key names? */
bool directory_is_by_name(act_kind_id_t kind);

/* Takes a node in, without its places. NULL: DIRECTORY_NODES_MAX are there already. */
directory_node_t *directory_add_node(directory_t *self, uint32_t id, const char *name, const char *host);
/* The same with its mailboxes, as it says of itself. Kinds that this build does not know are passed over. */
directory_node_t *directory_add_row(directory_t *self, const obj_node_row_t *row);
/* False: DIRECTORY_MAILBOXES_MAX are there already. */
bool directory_add_mailbox(directory_node_t *node, act_kind_id_t kind, uint8_t thread, uint16_t port);
/* After the last node: makes the places from them. The places of a node that leaves count only for kinds that no other
 * node runs. Returns how many places did not fit. */
uint32_t directory_settle(directory_t *self);

/* NULL: not there. */
const directory_node_t *directory_node(const directory_t *self, uint32_t id);
/* The port of a mailbox; 0: there is none. */
uint16_t directory_port(const directory_node_t *node, act_kind_id_t kind, uint8_t thread);

/* Fills *to (key included). False: nobody runs that kind, or no process has that name. */
bool directory_owner(const directory_t *self, act_kind_id_t kind, const char *key, act_addr_t *to);
/* Who of some places owns a key. False: there are none. */
bool directory_choose(const directory_places_t *places, act_kind_id_t kind, const char *key, act_addr_t *to);

/* Remembers what `before` had and `after` has no more. */
void directory_remember(directory_history_t *self, const directory_t *before, const directory_t *after);
/* Who owned a key before its present owner, if that one is still there. Of a key that is this process's own, and as far
 * as is known always was: who would own it if this process had not come. */
bool directory_owner_before(const directory_t *self, const directory_history_t *history, act_kind_id_t kind,
                            const char *key, act_addr_t *to);

/* 64 well-mixed bits of a text. */
uint64_t directory_hash(const char *text);

#endif
