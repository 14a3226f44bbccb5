/*
 * rules -- what a world allows. A room asks its world before it sends anything to the store; the world decides by
 * what it is shown and changes nothing itself.
 *
 * `decide` sees the speculative state: what will be true once all that is under way is committed.
 */
#ifndef PLAYHOUSE_RULES_H
#define PLAYHOUSE_RULES_H

#include "act.h"

enum { RULES_ITEMS_CAP = 64 }; /* as max of snapshot.items in the schemas */

/* Who acts. `stride` is how far it may still go at `stride_at`, in units; it grows with time, see the world. */
typedef struct rules_actor {
    const char *character_id;
    double x, y;
    double stride;
    act_usec_t stride_at;
} rules_actor_t;

typedef struct rules_view {
    act_usec_t now;
    rules_actor_t actor;
    const obj_item_view_t *items;
    uint32_t items_count;
    /* Where a present member stands; false: nobody of that id is here. */
    bool (*find)(const void *room, const char *character_id, double *x, double *y);
    const void *room;
} rules_view_t;

/* What is asked. Members beside `kind` are set as the kind needs them; texts are borrowed and never NULL, except
 * target_id, which is NULL when the client gave none. */
typedef struct rules_intent {
    action_kind_t kind;
    double x, y;
    const char *text;
    const char *item_id;
    const char *target_id;
} rules_intent_t;

/* What follows: the actor as it is afterwards, and at most one changed item. One effect is one append, so it happens
 * wholly or not at all. */
typedef struct rules_effect {
    double x, y;
    double stride;
    act_usec_t stride_at;
    int32_t item; /* index into view->items, -1: none */
    obj_item_view_t item_after;
} rules_effect_t;

typedef struct rules {
    const char *name;
    double width, height; /* units */
    double speed;         /* units per second; also the most that `stride` can hold */
    double reach;         /* units */
    int64_t chat_max;     /* code points */
    /* The items of a new room; returns how many. The same each time. */
    uint32_t (*seed)(obj_item_view_t items[RULES_ITEMS_CAP]);
    /* A place for whoever has none here; `random` is 64 bits, the same for the same character. */
    void (*spawn)(uint64_t random, double *x, double *y);
    /* True: *effect is what the intent does. False: *refusal says why it may not, and nothing is to change. */
    bool (*decide)(const rules_view_t *view, const rules_intent_t *intent, rules_effect_t *effect,
                   error_code_t *refusal);
} rules_t;

/* The built-in world: a plane with items lying about. */
extern const rules_t plaza_rules;

#endif
