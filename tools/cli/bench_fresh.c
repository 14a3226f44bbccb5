/* How old is what others see? Some sessions read the deltas of their room as a client does. A move's place says which
 * action it is: BENCH_OUTSTANDING_CAP places lie within one step. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#include "fnv.h"

enum { FRESH_EVERY = 10 }; /* one session of so many reads deltas: all would keep the bench busier than the server */

static int64_t
fresh_wall_usec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static double
fresh_unit(void)
{
    return bench_step_length / BENCH_OUTSTANDING_CAP;
}

double
bench_fresh_offset(int64_t action_id)
{
    return (double)(action_id % BENCH_OUTSTANDING_CAP) * fresh_unit();
}

/* The slot of a character: its own, or the free one where it belongs. */
static bench_session_t **
fresh_slot(bench_t *self, const char *character_id)
{
    uint64_t at = fnv_text(FNV_64, character_id);
    at ^= at >> 32;
    bench_session_t **slot;
    while (*(slot = &self->fresh.characters[at++ & self->fresh.mask]) != NULL &&
           strcmp((*slot)->character_id, character_id) != 0) {
    }
    return slot;
}

bool
bench_fresh_open(bench_t *self)
{
    uint64_t slots = 64;
    while (slots < 2 * (uint64_t)self->sessions_count) {
        slots *= 2;
    }
    self->fresh.mask = slots - 1;
    self->fresh.characters = calloc(slots, sizeof(bench_session_t *));
    const char *path = self->options->freshness_path;
    if (path != NULL && (self->fresh.log = fopen(path, "w")) == NULL) {
        fprintf(stderr, "cannot write '%s'\n", path);
        return false;
    }
    return self->fresh.characters != NULL;
}

void
bench_fresh_close(bench_t *self)
{
    if (self->fresh.log != NULL) {
        fclose(self->fresh.log);
    }
    free(self->fresh.characters);
}

void
bench_fresh_enter(bench_session_t *self)
{
    *fresh_slot(self->bench, self->character_id) = self;
    self->reads_deltas = (self - self->bench->sessions) % FRESH_EVERY == 0;
}

void
bench_fresh_sent(bench_session_t *self, int64_t now)
{
    size_t place = (size_t)(self->action_id % BENCH_OUTSTANDING_CAP);
    self->sent_at[place] = now;
    self->acked_at[place] = 0;
}

void
bench_fresh_acked(bench_session_t *self, int64_t action_id, int64_t now)
{
    self->acked_at[action_id % BENCH_OUTSTANDING_CAP] = now;
}

/* Somebody else sees this character there, for the first time. */
static void
fresh_seen(bench_session_t *self, double x, int64_t now)
{
    bench_t *bench = self->bench;
    int64_t place = llround((x - self->x) / fresh_unit());
    if (place < 0 || place >= BENCH_OUTSTANDING_CAP || self->sent_at[place] == 0) {
        return; /* where it stood before its first move here */
    }
    int64_t action_id = self->action_id - (self->action_id - place + BENCH_OUTSTANDING_CAP) % BENCH_OUTSTANDING_CAP;
    if (action_id <= self->seen_id) {
        return;
    }
    self->seen_id = action_id;
    if (!bench->counting || self->sent_at[place] < bench->count_start) {
        return;
    }
    bench_stats_add(&bench->fresh.seen, now - self->sent_at[place]);
    bench_stats_add(&bench->fresh.after_ack, self->acked_at[place] != 0 ? now - self->acked_at[place] : 0);
    if (bench->fresh.log != NULL) {
        fprintf(bench->fresh.log, "%s,%" PRId64 ",%" PRId64 "\n", self->character_id, action_id, fresh_wall_usec());
    }
}

static const codec_type_t *
fresh_find_delta(const char *name, size_t length, uint32_t *type)
{
    static const char delta[] = "event.state_delta";
    bool found = length == sizeof(delta) - 1 && memcmp(name, delta, length) == 0;
    *type = found ? MSG_EVENT_STATE_DELTA : 0;
    return found ? &type_event_state_delta : NULL;
}

void
bench_fresh_look(bench_session_t *self, const uint8_t *data, size_t length)
{
    static msg_event_state_delta_t delta;
    codec_frame_t frame;
    int64_t now = bench_now();
    codec_frame_open(&frame, self->ws.format, data, length);
    for (int got = 1; got != 0;) {
        codec_fault_t fault;
        uint32_t type = 0;
        uint64_t action_id = 0;
        got = codec_frame_next(&frame, fresh_find_delta, &type, &delta, sizeof(delta), &action_id, &fault);
        for (uint32_t i = 0; got == 1 && delta.has_members && i < delta.members_len; i++) {
            bench_session_t *other = *fresh_slot(self->bench, delta.members[i].character_id);
            if (other != NULL && other != self) {
                fresh_seen(other, delta.members[i].x, now);
            }
        }
    }
}
