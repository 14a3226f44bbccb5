/*
 * view -- who is there, as one process puts it together from what its brokers tell. Time and wires are its caller's.
 *
 * It is the union of what the brokers say that were heard within MEMBERS_SILENCE_MSEC. As long as none of those is
 * settled it only adds to what was there; while none is heard at all the last view stays: what works goes on without
 * brokers. Of two lives of one name the later counts. The process itself is always in it.
 */
#ifndef PLAYHOUSE_VIEW_H
#define PLAYHOUSE_VIEW_H

#include "members.h"

enum { VIEW_BROKERS_MAX = 8 };

/* What one broker has said. */
typedef struct view_broker {
    obj_node_row_t nodes[MEMBERS_MAX];
    uint32_t nodes_count;
    int64_t version;  /* 0: it has told nothing yet, or may have told what did not come */
    act_usec_t heard; /* 0: never */
    bool settled;
} view_broker_t;

typedef struct view {
    obj_node_row_t self;
    view_broker_t brokers[VIEW_BROKERS_MAX];
    uint32_t brokers_count;
    obj_node_row_t nodes[MEMBERS_MAX]; /* the result, by rising id */
    uint32_t nodes_count;
    bool registered; /* a broker that is heard has told of this process */
} view_t;

void view_init(view_t *self, const obj_node_row_t *node, uint32_t brokers_count);

void view_told(view_t *self, uint32_t broker, act_usec_t now, const msg_node_told_t *told);
void view_alive(view_t *self, uint32_t broker, act_usec_t now);
/* The broker has said that it ends. */
void view_gone(view_t *self, uint32_t broker);

bool view_hears(const view_t *self, uint32_t broker, act_usec_t now);
/* Puts it together anew. True: it is another than before. */
bool view_merge(view_t *self, act_usec_t now);
/* Another process, not leaving, that runs a kind which only one may run, and was first; NULL: none. */
const obj_node_row_t *view_conflict(const view_t *self, const char **kind);

#endif
