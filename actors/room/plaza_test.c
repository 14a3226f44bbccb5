#include <math.h>

#include "room_fixture.h"

typedef struct plaza {
    rules_view_t view;
    obj_item_view_t items[RULES_ITEMS_CAP];
    rules_effect_t effect;
    error_code_t refusal;
} plaza_t;

/* "near" stands at 530, 500 and "far" at 900, 900; the actor "me" at 500, 500. */
static bool
find(const void *room, const char *character_id, double *x, double *y)
{
    (void)room;
    bool is_near = strcmp(character_id, "near") == 0;
    *x = is_near ? 530 : 900;
    *y = is_near ? 500 : 900;
    return is_near || strcmp(character_id, "far") == 0 || strcmp(character_id, "me") == 0;
}

static int
setup(void **state)
{
    plaza_t *p = calloc(1, sizeof *p);
    assert_non_null(p);
    uint32_t count = plaza_rules.seed(p->items);
    p->view = (rules_view_t){.now = 10 * ACT_SEC,
                             .actor = {"me", 500, 500, plaza_rules.speed, 10 * ACT_SEC},
                             .items = p->items,
                             .items_count = count,
                             .find = find};
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    free(*state);
    return 0;
}

static bool
decide(plaza_t *p, rules_intent_t intent)
{
    return plaza_rules.decide(&p->view, &intent, &p->effect, &p->refusal);
}

static void
refused(plaza_t *p, rules_intent_t intent, error_code_t code)
{
    assert_false(decide(p, intent));
    assert_string_equal(error_names[p->refusal], error_names[code]);
}

static rules_intent_t
moving(double x, double y)
{
    return (rules_intent_t){.kind = ACTION_KIND_MOVE, .x = x, .y = y};
}

static rules_intent_t
doing(action_kind_t kind, const char *item, const char *target)
{
    return (rules_intent_t){.kind = kind, .item_id = item, .target_id = target};
}

static void
hold(plaza_t *p, uint32_t item, const char *holder)
{
    p->items[item].has_holder = true;
    snprintf(p->items[item].holder, sizeof p->items[item].holder, "%s", holder);
}

static void
the_seed_is_the_same_each_time_with_ids_from_one(void **state)
{
    plaza_t *p = *state;
    obj_item_view_t again[RULES_ITEMS_CAP];
    assert_int_equal(plaza_rules.seed(again), 24);
    assert_string_equal(again[0].item_id, "item-1");
    assert_string_equal(again[23].item_id, "item-24");
    for (int i = 0; i < 24; i++) {
        assert_string_equal(again[i].kind, p->items[i].kind);
        assert_true(again[i].x >= 0 && again[i].x <= 1000 && again[i].y >= 0 && again[i].y <= 1000);
        assert_false(again[i].has_holder);
    }
}

static void
newcomers_stand_near_the_middle(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        double x, y;
        plaza_rules.spawn(i * 0x9e3779b97f4a7c15u, &x, &y);
        assert_true(x >= 400 && x <= 600 && y >= 400 && y <= 600);
    }
}

static void
a_step_uses_up_the_stride_and_time_gives_it_back(void **state)
{
    plaza_t *p = *state;
    assert_true(decide(p, moving(500, 750)));
    assert_true(p->effect.stride == 0 && p->effect.y == 750 && p->effect.item == -1);
    p->view.actor = (rules_actor_t){"me", 500, 750, p->effect.stride, p->effect.stride_at};
    refused(p, moving(500, 751), ERROR_TOO_FAST);
    p->view.now += ACT_SEC / 10;
    refused(p, moving(500, 776), ERROR_TOO_FAST);
    assert_true(decide(p, moving(500, 775)));
    p->view.now += 100 * ACT_SEC; /* no more than one second's worth is kept */
    refused(p, moving(500, 499), ERROR_TOO_FAST);
    assert_true(decide(p, moving(500, 500)));
}

static void
outside_the_plane_is_refused(void **state)
{
    plaza_t *p = *state;
    p->view.actor.x = p->view.actor.y = 0;
    refused(p, moving(-0.1, 0), ERROR_OUT_OF_BOUNDS);
    refused(p, moving(0, -1), ERROR_OUT_OF_BOUNDS);
    refused(p, moving(1000.1, 0), ERROR_OUT_OF_BOUNDS);
    refused(p, moving(NAN, 0), ERROR_OUT_OF_BOUNDS);
    refused(p, moving(0, INFINITY), ERROR_OUT_OF_BOUNDS);
    assert_true(decide(p, moving(0, 0)));
}

static void
chat_counts_code_points_and_not_bytes(void **state)
{
    plaza_t *p = *state;
    char text[281 * 3 + 1] = "";
    for (int i = 0; i < 280; i++) {
        memcpy(text + 3 * i, "\xe2\x82\xac", 4);
    }
    assert_true(decide(p, (rules_intent_t){.kind = ACTION_KIND_CHAT, .text = text}));
    memcpy(text + 3 * 280, "!", 2);
    refused(p, (rules_intent_t){.kind = ACTION_KIND_CHAT, .text = text}, ERROR_BAD_REQUEST);
    refused(p, (rules_intent_t){.kind = ACTION_KIND_CHAT, .text = ""}, ERROR_BAD_REQUEST);
}

static void
an_item_in_reach_is_picked_up(void **state)
{
    plaza_t *p = *state;
    assert_true(decide(p, doing(ACTION_KIND_PICKUP, "item-22", NULL))); /* at 500, 530 */
    assert_int_equal(p->effect.item, 21);
    assert_true(p->effect.item_after.has_holder && p->effect.item_after.y == 530);
    assert_string_equal(p->effect.item_after.holder, "me");
}

static void
pickups_are_refused_for_their_reason(void **state)
{
    plaza_t *p = *state;
    refused(p, doing(ACTION_KIND_PICKUP, "item-25", NULL), ERROR_NO_SUCH_ITEM);
    refused(p, doing(ACTION_KIND_PICKUP, "item-1", NULL), ERROR_TOO_FAR);
    hold(p, 22, "far");
    refused(p, doing(ACTION_KIND_PICKUP, "item-23", NULL), ERROR_ITEM_TAKEN);
    hold(p, 21, "me");
    refused(p, doing(ACTION_KIND_PICKUP, "item-22", NULL), ERROR_ITEM_TAKEN);
    p->items[23].y = 440.1; /* me at 500: 59.9 away, and 30 to the side */
    p->items[23].x = 500;
    assert_true(decide(p, doing(ACTION_KIND_PICKUP, "item-24", NULL)));
    p->items[23].y = 439.9;
    refused(p, doing(ACTION_KIND_PICKUP, "item-24", NULL), ERROR_TOO_FAR);
}

static void
eight_hands_are_all_there_are(void **state)
{
    plaza_t *p = *state;
    for (uint32_t i = 0; i < 7; i++) {
        hold(p, i, "me");
    }
    assert_true(decide(p, doing(ACTION_KIND_PICKUP, "item-22", NULL)));
    hold(p, 7, "me");
    refused(p, doing(ACTION_KIND_PICKUP, "item-22", NULL), ERROR_INVENTORY_FULL);
}

static void
a_dropped_item_lies_where_its_holder_stands(void **state)
{
    plaza_t *p = *state;
    refused(p, doing(ACTION_KIND_DROP, "item-1", NULL), ERROR_NOT_HOLDER);
    hold(p, 0, "near");
    refused(p, doing(ACTION_KIND_DROP, "item-1", NULL), ERROR_NOT_HOLDER);
    refused(p, doing(ACTION_KIND_DROP, "nothing", NULL), ERROR_NO_SUCH_ITEM);
    hold(p, 0, "me");
    assert_true(decide(p, doing(ACTION_KIND_DROP, "item-1", NULL)));
    assert_false(p->effect.item_after.has_holder);
    assert_true(p->effect.item_after.x == 500 && p->effect.item_after.y == 500);
}

static void
gifts_go_to_somebody_near_with_a_free_hand(void **state)
{
    plaza_t *p = *state;
    refused(p, doing(ACTION_KIND_GIVE, "item-1", NULL), ERROR_BAD_REQUEST);
    refused(p, doing(ACTION_KIND_GIVE, "item-1", "near"), ERROR_NOT_HOLDER);
    hold(p, 0, "me");
    refused(p, doing(ACTION_KIND_GIVE, "item-99", "near"), ERROR_NO_SUCH_ITEM);
    refused(p, doing(ACTION_KIND_GIVE, "item-1", "me"), ERROR_NO_SUCH_TARGET);
    refused(p, doing(ACTION_KIND_GIVE, "item-1", "ghost"), ERROR_NO_SUCH_TARGET);
    refused(p, doing(ACTION_KIND_GIVE, "item-1", "far"), ERROR_TOO_FAR);
    assert_true(decide(p, doing(ACTION_KIND_GIVE, "item-1", "near")));
    assert_string_equal(p->effect.item_after.holder, "near");
    for (uint32_t i = 1; i <= 8; i++) {
        hold(p, i, "near");
    }
    refused(p, doing(ACTION_KIND_GIVE, "item-1", "near"), ERROR_INVENTORY_FULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_seed_is_the_same_each_time_with_ids_from_one),
        TEST(newcomers_stand_near_the_middle),
        TEST(a_step_uses_up_the_stride_and_time_gives_it_back),
        TEST(outside_the_plane_is_refused),
        TEST(chat_counts_code_points_and_not_bytes),
        TEST(an_item_in_reach_is_picked_up),
        TEST(pickups_are_refused_for_their_reason),
        TEST(eight_hands_are_all_there_are),
        TEST(a_dropped_item_lies_where_its_holder_stands),
        TEST(gifts_go_to_somebody_near_with_a_free_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
