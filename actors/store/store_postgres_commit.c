/*
 * One batch of appends: put into order here, checked and written by the function play_commit of the database, in one
 * round trip. When its answer is lost it is sent once more, and the database first looks whether it is there.
 */
#include "store_postgres_form.h"

#include <stdlib.h>
#include <string.h>

/* The arguments of play_commit, in its order. */
enum {
    ROOMS,
    EPOCHS,
    CHARACTERS,
    BEFORES,
    FIRSTS,
    LASTS,
    LAST_ACTIONS,
    XS,
    YS,
    PLACES,
    ITEM_ROOMS,
    ITEMS,
    HOLDERS,
    ITEM_XS,
    ITEM_YS,
    ACTION_CHARACTERS,
    ACTION_SEQUENCES,
    ACTION_ACTIONS,
    ACTION_ROOMS,
    ACTION_VERSIONS,
    ACTION_KINDS,
    ACTION_PAYLOADS,
    ARRAYS
};
_Static_assert((int)ARRAYS <= (int)POSTGRES_ARRAYS, "there is an array for each");

static const postgres_element_t elements[ARRAYS] = {
    [ROOMS] = POSTGRES_TEXTS,
    [EPOCHS] = POSTGRES_INTS,
    [CHARACTERS] = POSTGRES_TEXTS,
    [BEFORES] = POSTGRES_INTS,
    [FIRSTS] = POSTGRES_INTS,
    [LASTS] = POSTGRES_INTS,
    [LAST_ACTIONS] = POSTGRES_INTS,
    [XS] = POSTGRES_DOUBLES,
    [YS] = POSTGRES_DOUBLES,
    [PLACES] = POSTGRES_TEXTS,
    [ITEM_ROOMS] = POSTGRES_TEXTS,
    [ITEMS] = POSTGRES_TEXTS,
    [HOLDERS] = POSTGRES_TEXTS,
    [ITEM_XS] = POSTGRES_DOUBLES,
    [ITEM_YS] = POSTGRES_DOUBLES,
    [ACTION_CHARACTERS] = POSTGRES_TEXTS,
    [ACTION_SEQUENCES] = POSTGRES_INTS,
    [ACTION_ACTIONS] = POSTGRES_INTS,
    [ACTION_ROOMS] = POSTGRES_TEXTS,
    [ACTION_VERSIONS] = POSTGRES_INTS,
    [ACTION_KINDS] = POSTGRES_TEXTS,
    [ACTION_PAYLOADS] = POSTGRES_BYTES,
};

enum { LOSSES_MAX = 3 }; /* answers that may be lost before the batch is given up; each is asked for exactly */

static int
compare_rooms(const void *a, const void *b, void *appends)
{
    const msg_persistence_append_t *all = appends;
    return strcmp(all[*(const uint16_t *)a].room, all[*(const uint16_t *)b].room);
}

static int
compare_characters(const void *a, const void *b, void *appends)
{
    const msg_persistence_append_t *all = appends;
    return strcmp(all[*(const uint16_t *)a].action.character_id, all[*(const uint16_t *)b].action.character_id);
}

static int
compare_items(const void *a, const void *b, void *appends)
{
    const msg_persistence_append_t *all = appends;
    int rooms = compare_rooms(a, b, appends);
    return rooms != 0 ? rooms : strcmp(all[*(const uint16_t *)a].item.item_id, all[*(const uint16_t *)b].item.item_id);
}

/* Which rooms, and does each append have the same lease of it? */
static store_result_t
batch_rooms(store_postgres_t *self, const msg_persistence_append_t *appends, uint32_t count, store_report_t *report)
{
    self->rooms_count = 0;
    store_group_start(&self->group, STORE_BY_ROOM);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = store_group_first(&self->group, appends, i);
        if (first == i) {
            self->rooms[self->rooms_count++] = (uint16_t)i;
        } else if (appends[i].epoch != appends[first].epoch) {
            report->culprit = &appends[i];
            return STORE_STALE_EPOCH;
        }
    }
    qsort_r(self->rooms, self->rooms_count, sizeof(*self->rooms), compare_rooms, (void *)(uintptr_t)appends);
    return STORE_OK;
}

/* Which characters, and does each one's actions follow on each other? */
static store_result_t
batch_characters(store_postgres_t *self, const msg_persistence_append_t *appends, uint32_t count,
                 store_report_t *report)
{
    self->characters_count = 0;
    store_group_start(&self->group, STORE_BY_CHARACTER);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = store_group_first(&self->group, appends, i);
        const obj_action_row_t *action = &appends[i].action, *last = &appends[self->lasts[first]].action;
        if (first == i) {
            self->characters[self->characters_count++] = (uint16_t)i;
        } else if (action->sequence != last->sequence + 1 || action->action_id <= last->action_id) {
            report->culprit = &appends[i];
            return STORE_GAP;
        }
        self->lasts[first] = (uint16_t)i;
    }
    qsort_r(self->characters, self->characters_count, sizeof(*self->characters), compare_characters,
            (void *)(uintptr_t)appends);
    return STORE_OK;
}

/* Which items, each by the append that changed it last. */
static void
batch_items(store_postgres_t *self, const msg_persistence_append_t *appends, uint32_t count)
{
    self->items_count = 0;
    store_group_start(&self->group, STORE_BY_ITEM);
    for (uint32_t i = count; i-- > 0;) {
        if (appends[i].has_item && store_group_first(&self->group, appends, i) == i) {
            self->items[self->items_count++] = (uint16_t)i;
        }
    }
    qsort_r(self->items, self->items_count, sizeof(*self->items), compare_items, (void *)(uintptr_t)appends);
}

static void
batch_fill_changes(store_postgres_t *self, const msg_persistence_append_t *appends)
{
    postgres_array_t *arrays = self->arrays;
    for (uint32_t i = 0; i < self->rooms_count; i++) {
        postgres_array_text(&arrays[ROOMS], appends[self->rooms[i]].room);
        postgres_array_int(&arrays[EPOCHS], appends[self->rooms[i]].epoch);
    }
    for (uint32_t i = 0; i < self->characters_count; i++) {
        const obj_action_row_t *first = &appends[self->characters[i]].action;
        const msg_persistence_append_t *last = &appends[self->lasts[self->characters[i]]];
        postgres_array_text(&arrays[CHARACTERS], first->character_id);
        postgres_array_int(&arrays[BEFORES], first->sequence - 1);
        postgres_array_int(&arrays[FIRSTS], first->action_id);
        postgres_array_int(&arrays[LASTS], last->action.sequence);
        postgres_array_int(&arrays[LAST_ACTIONS], last->action.action_id);
        postgres_array_double(&arrays[XS], last->x);
        postgres_array_double(&arrays[YS], last->y);
        postgres_array_text(&arrays[PLACES], last->room);
    }
    for (uint32_t i = 0; i < self->items_count; i++) {
        const msg_persistence_append_t *append = &appends[self->items[i]];
        postgres_array_text(&arrays[ITEM_ROOMS], append->room);
        postgres_array_text(&arrays[ITEMS], append->item.item_id);
        postgres_array_text(&arrays[HOLDERS], append->item.has_holder ? append->item.holder : NULL);
        postgres_array_double(&arrays[ITEM_XS], append->item.x);
        postgres_array_double(&arrays[ITEM_YS], append->item.y);
    }
}

static void
batch_fill(store_postgres_t *self, const msg_persistence_append_t *appends, uint32_t count)
{
    postgres_array_t *arrays = self->arrays;
    for (int i = 0; i < ARRAYS; i++) {
        postgres_array_start(&arrays[i], elements[i]);
    }
    batch_fill_changes(self, appends);
    for (uint32_t i = 0; i < count; i++) {
        const obj_action_row_t *action = &appends[i].action;
        postgres_array_text(&arrays[ACTION_CHARACTERS], action->character_id);
        postgres_array_int(&arrays[ACTION_SEQUENCES], action->sequence);
        postgres_array_int(&arrays[ACTION_ACTIONS], action->action_id);
        postgres_array_text(&arrays[ACTION_ROOMS], appends[i].room);
        postgres_array_int(&arrays[ACTION_VERSIONS], action->room_version);
        postgres_array_text(&arrays[ACTION_KINDS], action_kind_names[action->kind]);
        postgres_array_bytes(&arrays[ACTION_PAYLOADS], action->payload, action->payload_len);
    }
}

/* Whose fault it is, when play_commit says so. */
static store_result_t
batch_culprit(const store_postgres_t *self, const msg_persistence_append_t *appends, store_report_t *report)
{
    const struct {
        const char *sqlstate;
        store_result_t result;
        const uint16_t *indexes;
        uint32_t count;
    } faults[] = {
        {"PH001", STORE_STALE_EPOCH, self->rooms, self->rooms_count},
        {"PH002", STORE_NOT_FOUND, self->characters, self->characters_count},
        {"PH003", STORE_GAP, self->characters, self->characters_count},
        {"PH004", STORE_NOT_FOUND, self->items, self->items_count},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        unsigned long n = strtoul(self->detail, NULL, 10);
        if (strcmp(self->sqlstate, faults[i].sqlstate) == 0 && n >= 1 && n <= faults[i].count) {
            report->culprit = &appends[faults[i].indexes[n - 1]];
            return faults[i].result;
        }
    }
    return self->fault;
}

/* Once. `again`: it may be there already; *stored says whether it was. */
static store_result_t
batch_send(store_postgres_t *self, const msg_persistence_append_t *appends, int64_t at, bool again,
           store_report_t *report, bool *stored)
{
    postgres_array_t *a = self->arrays;
    PGresult *row = store_postgres_run(self, PG_COMMIT, "iiaaaaaaaaaaaaaaaaaaaaaa", at, (int64_t)again, &a[ROOMS],
                                       &a[EPOCHS], &a[CHARACTERS], &a[BEFORES], &a[FIRSTS], &a[LASTS], &a[LAST_ACTIONS],
                                       &a[XS], &a[YS], &a[PLACES], &a[ITEM_ROOMS], &a[ITEMS], &a[HOLDERS], &a[ITEM_XS],
                                       &a[ITEM_YS], &a[ACTION_CHARACTERS], &a[ACTION_SEQUENCES], &a[ACTION_ACTIONS],
                                       &a[ACTION_ROOMS], &a[ACTION_VERSIONS], &a[ACTION_KINDS], &a[ACTION_PAYLOADS]);
    if (row == NULL) {
        return batch_culprit(self, appends, report);
    }
    *stored = store_postgres_int(row, 0, 0) != 0;
    PQclear(row);
    return STORE_OK;
}

/* Until it is known what became of it, or the time is over. */
static store_result_t
batch_store(store_postgres_t *self, const msg_persistence_append_t *appends, int64_t at, store_report_t *report)
{
    int64_t deadline_usec = self->deadline_usec;
    /* A quarter is left for asking. */
    self->deadline_usec -= self->timeout_msec * 1000 / 4;
    bool stored = false, partitioned = false;
    for (;;) {
        store_result_t result = batch_send(self, appends, at, report->unknown, report, &stored);
        bool known = result == STORE_OK || report->culprit != NULL;
        if (known) {
            report->became = stored ? COMMIT_BECAME_STORED : COMMIT_BECAME_NOT_STORED;
            return result;
        }
        if (self->repeat == POSTGRES_REPEAT_LOST && self->losses++ < LOSSES_MAX) {
            report->unknown = true;
            report->became = COMMIT_BECAME_NOT_KNOWN;
            self->deadline_usec = deadline_usec;
            if (!store_postgres_reconnect(self)) {
                return result;
            }
        } else if (strcmp(self->sqlstate, "23514") == 0 && !partitioned) { /* no partition has `at` */
            partitioned = true;
            if (store_postgres_partition(self, at, 1) < 0) {
                return store_postgres_fault(self);
            }
        } else if (self->repeat != POSTGRES_REPEAT_CONFLICT || !store_postgres_again(self, result)) {
            return result;
        }
    }
}

store_result_t
store_postgres_commit(store_t *port, const msg_persistence_append_t *appends, uint32_t count, int64_t at,
                      store_report_t *report)
{
    store_postgres_t *self = (store_postgres_t *)port;
    int64_t begin = store_postgres_clock_usec();
    *report = (store_report_t){.culprit = NULL};
    store_postgres_call(self);
    store_result_t result = batch_rooms(self, appends, count, report);
    if (result == STORE_OK) {
        result = batch_characters(self, appends, count, report);
    }
    if (result == STORE_OK) {
        batch_items(self, appends, count);
        batch_fill(self, appends, count);
        result = store_postgres_wrote(self, batch_store(self, appends, at, report));
    }
    report->usec = (uint64_t)(store_postgres_clock_usec() - begin);
    report->reconnects = self->reconnects;
    self->reconnects = 0;
    return result;
}
