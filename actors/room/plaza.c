/*
 * plaza -- a plane of 1000 x 1000 units on which characters walk, talk, and pick up, drop and give items.
 */
#include "rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    PLAZA_CHAT_MAX = 280,
    PLAZA_HANDS = 8,   /* items one character can hold */
    PLAZA_SPAWN = 100, /* units around the middle */
};

static const double plaza_size = 1000, plaza_speed = 250, plaza_reach = 60;

static const struct {
    const char *kind;
    double x, y;
} plaza_seeds[] = {
    {"lantern", 120, 140}, {"lantern", 880, 160}, {"lantern", 130, 870}, {"lantern", 860, 850}, {"apple", 310, 220},
    {"apple", 340, 260},   {"apple", 290, 270},   {"apple", 690, 720},   {"key", 500, 90},      {"key", 910, 500},
    {"key", 500, 920},     {"book", 410, 430},    {"book", 590, 570},    {"book", 200, 520},    {"cup", 560, 420},
    {"cup", 440, 590},     {"cup", 640, 300},     {"flute", 760, 400},   {"flute", 240, 680},   {"kite", 700, 180},
    {"kite", 180, 340},    {"coin", 500, 530},    {"coin", 470, 480},    {"coin", 530, 470},
};

enum { PLAZA_ITEMS = sizeof plaza_seeds / sizeof plaza_seeds[0] };
_Static_assert((int)PLAZA_ITEMS <= (int)RULES_ITEMS_CAP, "a room holds no more items");

static uint32_t
plaza_seed(obj_item_view_t items[RULES_ITEMS_CAP])
{
    for (uint32_t i = 0; i < PLAZA_ITEMS; i++) {
        items[i] = (obj_item_view_t){.x = plaza_seeds[i].x, .y = plaza_seeds[i].y};
        snprintf(items[i].item_id, sizeof items[i].item_id, "item-%u", i + 1);
        snprintf(items[i].kind, sizeof items[i].kind, "%s", plaza_seeds[i].kind);
    }
    return PLAZA_ITEMS;
}

static void
plaza_spawn(uint64_t random, double *x, double *y)
{
    *x = plaza_size / 2 - PLAZA_SPAWN + (double)(random % (2 * PLAZA_SPAWN + 1));
    *y = plaza_size / 2 - PLAZA_SPAWN + (double)((random >> 32) % (2 * PLAZA_SPAWN + 1));
}

static bool
refuse(error_code_t *refusal, error_code_t code)
{
    *refusal = code;
    return false;
}

static bool
near(double ax, double ay, double bx, double by)
{
    return hypot(ax - bx, ay - by) <= plaza_reach;
}

/* A bucket of distance: `speed` units run in each second, and no more than one second's worth stays in it. */
static bool
plaza_move(const rules_view_t *view, const rules_intent_t *intent, rules_effect_t *effect, error_code_t *refusal)
{
    if (!(intent->x >= 0 && intent->x <= plaza_size && intent->y >= 0 && intent->y <= plaza_size)) { /* NaN too */
        return refuse(refusal, ERROR_OUT_OF_BOUNDS);
    }
    const rules_actor_t *actor = &view->actor;
    double stride = actor->stride + (double)(view->now - actor->stride_at) / ACT_SEC * plaza_speed;
    stride = fmin(stride, plaza_speed);
    double way = hypot(intent->x - actor->x, intent->y - actor->y);
    if (way > stride + 1e-6) { /* what rounding can add up to */
        return refuse(refusal, ERROR_TOO_FAST);
    }
    effect->x = intent->x;
    effect->y = intent->y;
    effect->stride = fmax(stride - way, 0);
    effect->stride_at = view->now;
    return true;
}

static bool
plaza_chat(const rules_intent_t *intent, error_code_t *refusal)
{
    size_t points = 0;
    for (const char *at = intent->text; *at != '\0'; at++) {
        points += ((unsigned char)*at & 0xc0) != 0x80;
    }
    return (points >= 1 && points <= PLAZA_CHAT_MAX) || refuse(refusal, ERROR_BAD_REQUEST);
}

static bool
plaza_has_hand(const rules_view_t *view, const char *character_id)
{
    int held = 0;
    for (uint32_t i = 0; i < view->items_count; i++) {
        held += view->items[i].has_holder && strcmp(view->items[i].holder, character_id) == 0;
    }
    return held < PLAZA_HANDS;
}

static void
item_hold(obj_item_view_t *item, const char *character_id)
{
    item->has_holder = true;
    snprintf(item->holder, sizeof item->holder, "%s", character_id);
}

static bool
plaza_pickup(const rules_view_t *view, rules_effect_t *effect, error_code_t *refusal)
{
    obj_item_view_t *item = &effect->item_after;
    if (item->has_holder) {
        return refuse(refusal, ERROR_ITEM_TAKEN);
    }
    if (!near(view->actor.x, view->actor.y, item->x, item->y)) {
        return refuse(refusal, ERROR_TOO_FAR);
    }
    if (!plaza_has_hand(view, view->actor.character_id)) {
        return refuse(refusal, ERROR_INVENTORY_FULL);
    }
    item_hold(item, view->actor.character_id);
    return true;
}

static bool
plaza_give(const rules_view_t *view, const char *target_id, rules_effect_t *effect, error_code_t *refusal)
{
    double x, y;
    if (strcmp(target_id, view->actor.character_id) == 0 || !view->find(view->room, target_id, &x, &y)) {
        return refuse(refusal, ERROR_NO_SUCH_TARGET);
    }
    if (!near(view->actor.x, view->actor.y, x, y)) {
        return refuse(refusal, ERROR_TOO_FAR);
    }
    if (!plaza_has_hand(view, target_id)) {
        return refuse(refusal, ERROR_INVENTORY_FULL);
    }
    item_hold(&effect->item_after, target_id);
    return true;
}

static bool
plaza_item(const rules_view_t *view, const rules_intent_t *intent, rules_effect_t *effect, error_code_t *refusal)
{
    if (intent->kind == ACTION_KIND_GIVE && intent->target_id == NULL) {
        return refuse(refusal, ERROR_BAD_REQUEST);
    }
    uint32_t i = 0;
    while (i < view->items_count && strcmp(view->items[i].item_id, intent->item_id) != 0) {
        i++;
    }
    if (i == view->items_count) {
        return refuse(refusal, ERROR_NO_SUCH_ITEM);
    }
    obj_item_view_t *item = &effect->item_after;
    *item = view->items[i];
    effect->item = (int32_t)i;
    if (intent->kind == ACTION_KIND_PICKUP) {
        return plaza_pickup(view, effect, refusal);
    }
    if (!item->has_holder || strcmp(item->holder, view->actor.character_id) != 0) {
        return refuse(refusal, ERROR_NOT_HOLDER);
    }
    if (intent->kind == ACTION_KIND_GIVE) {
        return plaza_give(view, intent->target_id, effect, refusal);
    }
    item->has_holder = false;
    item->holder[0] = '\0';
    item->x = view->actor.x;
    item->y = view->actor.y;
    return true;
}

static bool
plaza_decide(const rules_view_t *view, const rules_intent_t *intent, rules_effect_t *effect, error_code_t *refusal)
{
    effect->x = view->actor.x;
    effect->y = view->actor.y;
    effect->stride = view->actor.stride;
    effect->stride_at = view->actor.stride_at;
    effect->item = -1;
    switch (intent->kind) {
    case ACTION_KIND_MOVE:
        return plaza_move(view, intent, effect, refusal);
    case ACTION_KIND_CHAT:
        return plaza_chat(intent, refusal);
    case ACTION_KIND_PICKUP:
    case ACTION_KIND_DROP:
    case ACTION_KIND_GIVE:
        return plaza_item(view, intent, effect, refusal);
    case ACTION_KIND_COUNT:
        break;
    }
    return refuse(refusal, ERROR_BAD_REQUEST);
}

const rules_t plaza_rules = {
    .name = "plaza",
    .width = 1000,
    .height = 1000,
    .speed = 250,
    .reach = 60,
    .chat_max = PLAZA_CHAT_MAX,
    .seed = plaza_seed,
    .spawn = plaza_spawn,
    .decide = plaza_decide,
};
