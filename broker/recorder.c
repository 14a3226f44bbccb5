#include "recorder.h"

#include <stdlib.h>
#include <string.h>

enum {
    RECORDER_KEY_WORDS = (ACT_KEY_MAX + 1) / 8,
    RECORDER_WORDS = 5 + 2 * RECORDER_KEY_WORDS,
    RECORDER_LINEAR = 8, /* buckets of one microsecond each */
    RECORDER_PER_OCTAVE = 4,
};

/* Words of a slot. */
enum { WORD_AT, WORD_TOOK, WORD_CORRELATION, WORD_TRACE, WORD_KEY = WORD_TRACE + 2, WORD_FROM = WORD_KEY + 8 };
_Static_assert(WORD_FROM + RECORDER_KEY_WORDS == RECORDER_WORDS && RECORDER_KEY_WORDS == 8, "a slot's words");
_Static_assert(MSG_COUNT <= UINT16_MAX && ACT_KIND_COUNT <= UINT8_MAX, "a head's numbers fit their fields");

/*
 * One head. `stamp` is its position + 1, and 0 while it is written. Every word is stored with release and loaded with
 * acquire: a reader that got a word of a later head sees, when it looks at the stamp again, that it has changed.
 */
struct recorder_slot {
    _Atomic uint64_t stamp;
    _Atomic uint64_t node; /* of the sender */
    _Atomic uint64_t words[RECORDER_WORDS];
};

struct recorder_body {
    uint64_t stamp; /* position + 1 */
    uint32_t length;
    char text[RECORDER_BODY_MAX];
};

void
recorder_init(recorder_t *self, act_kind_id_t kind)
{
    *self = (recorder_t){.kind = kind, .slots = calloc(RECORDER_HEADS, sizeof *self->slots)};
    ACT_ASSERT(self->slots != NULL);
    pthread_mutex_init(&self->lock, NULL);
}

void
recorder_fini(recorder_t *self)
{
    free(self->slots);
    free(self->bodies);
    pthread_mutex_destroy(&self->lock);
}

/* ---- heads ---- */

static inline void
slot_put(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* As many words as the text has; the reader stops at its NUL. */
static inline void
slot_put_text(_Atomic uint64_t *words, const char *text)
{
    for (int i = 0; i < RECORDER_KEY_WORDS; i++) {
        uint64_t word;
        memcpy(&word, text + 8 * (size_t)i, 8);
        slot_put(&words[i], word);
        if (((word - 0x0101010101010101u) & ~word & 0x8080808080808080u) != 0) { /* one of its bytes is 0 */
            return;
        }
    }
}

static inline uint32_t
recorder_bucket(uint64_t usec)
{
    if (usec < RECORDER_LINEAR) {
        return (uint32_t)usec;
    }
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(usec); /* 3 and up */
    uint32_t bucket = RECORDER_LINEAR + (octave - 3) * RECORDER_PER_OCTAVE + (uint32_t)(usec >> (octave - 2) & 3);
    return bucket < RECORDER_BUCKETS ? bucket : RECORDER_BUCKETS - 1;
}

/* The largest time that falls into it. */
static uint64_t
recorder_bucket_bound(uint32_t bucket)
{
    if (bucket < RECORDER_LINEAR) {
        return bucket;
    }
    uint32_t octave = 3 + (bucket - RECORDER_LINEAR) / RECORDER_PER_OCTAVE;
    uint64_t quarter = (bucket - RECORDER_LINEAR) % RECORDER_PER_OCTAVE;
    return ((4 + quarter + 1) << (octave - 2)) - 1;
}

static void recorder_note_body(recorder_t *self, const msg_t *msg, uint64_t position, act_usec_t at);

void
recorder_note(recorder_t *self, const msg_t *msg, act_usec_t at, act_usec_t took)
{
    /* One writer: a plain add, made visible to readers. */
    uint64_t position = atomic_load_explicit(&self->position, memory_order_relaxed);
    uint64_t usec = took < 0 ? 0 : took < UINT32_MAX ? (uint64_t)took : UINT32_MAX;
    recorder_slot_t *slot = &self->slots[position % RECORDER_HEADS];
    uint64_t trace[2];
    memcpy(trace, msg->trace.bytes, sizeof trace);
    atomic_store_explicit(&slot->stamp, 0, memory_order_relaxed);
    slot_put(&slot->node, msg->from.node);
    slot_put(&slot->words[WORD_AT], (uint64_t)at);
    slot_put(&slot->words[WORD_TOOK],
             usec << 32 | (uint64_t)msg->from.kind << 24 | (uint64_t)msg->from.thread << 16 | (uint64_t)msg->type);
    slot_put(&slot->words[WORD_CORRELATION], msg->correlation);
    slot_put(&slot->words[WORD_TRACE], trace[0]);
    slot_put(&slot->words[WORD_TRACE + 1], trace[1]);
    slot_put_text(&slot->words[WORD_KEY], msg->key);
    slot_put_text(&slot->words[WORD_FROM], msg->from.key);
    slot_put(&slot->stamp, position + 1);
    _Atomic uint64_t *bucket = &self->took[recorder_bucket(usec)];
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1, memory_order_relaxed);
    if (atomic_load_explicit(&self->tapped, memory_order_relaxed)) {
        recorder_note_body(self, msg, position, at);
    }
    slot_put(&self->position, position + 1);
}

uint64_t
recorder_end(const recorder_t *self)
{
    return atomic_load_explicit(&self->position, memory_order_acquire);
}

uint64_t
recorder_begin(const recorder_t *self)
{
    uint64_t end = recorder_end(self);
    return end > RECORDER_HEADS ? end - RECORDER_HEADS : 0;
}

static uint64_t
slot_get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static void
slot_get_text(const _Atomic uint64_t *words, char text[ACT_KEY_MAX + 1])
{
    for (int i = 0; i < RECORDER_KEY_WORDS; i++) {
        uint64_t word = slot_get(&words[i]);
        memcpy(text + 8 * (size_t)i, &word, 8);
        if (memchr(text + 8 * (size_t)i, 0, 8) != NULL) {
            return;
        }
    }
    text[ACT_KEY_MAX] = '\0'; /* torn: the stamp will tell */
}

bool
recorder_read(const recorder_t *self, uint64_t position, recorder_head_t *head)
{
    const recorder_slot_t *slot = &self->slots[position % RECORDER_HEADS];
    if (slot_get(&slot->stamp) != position + 1) {
        return false;
    }
    uint64_t took = slot_get(&slot->words[WORD_TOOK]);
    uint64_t trace[2] = {slot_get(&slot->words[WORD_TRACE]), slot_get(&slot->words[WORD_TRACE + 1])};
    *head = (recorder_head_t){
        .position = position,
        .at = (act_usec_t)slot_get(&slot->words[WORD_AT]),
        .handler_usec = (uint32_t)(took >> 32),
        .type = (msg_type_t)(took & UINT16_MAX),
        .from = {.node = (uint32_t)slot_get(&slot->node),
                 .kind = (uint8_t)(took >> 24 & UINT8_MAX),
                 .thread = (uint8_t)(took >> 16 & UINT8_MAX)},
        .correlation = slot_get(&slot->words[WORD_CORRELATION]),
    };
    memcpy(head->trace.bytes, trace, sizeof trace);
    slot_get_text(&slot->words[WORD_KEY], head->key);
    slot_get_text(&slot->words[WORD_FROM], head->from.key);
    return slot_get(&slot->stamp) == position + 1;
}

bool
recorder_matches(const recorder_t *self, const recorder_filter_t *filter, const recorder_head_t *head)
{
    static const act_trace_t none;
    if ((filter->kind != ACT_KIND_NONE && filter->kind != self->kind) ||
        (filter->type != MSG_NONE && filter->type != head->type) ||
        (filter->traced && memcmp(&filter->trace, &head->trace, sizeof none) != 0) ||
        (filter->keyed && strcmp(filter->key, head->key) != 0 && strcmp(filter->key, head->from.key) != 0)) {
        return false;
    }
    if (filter->sample <= 1) {
        return true;
    }
    uint64_t draw;
    memcpy(&draw, head->trace.bytes, sizeof draw);
    bool untraced = memcmp(&head->trace, &none, sizeof none) == 0;
    return (untraced ? head->position : draw) % filter->sample == 0;
}

/* ---- bodies ---- */

/* Is it wanted by anybody? Taps that have run out are freed; without any the recorder is not tapped. */
static bool
recorder_wanted(recorder_t *self, const msg_t *msg, uint64_t position, act_usec_t now)
{
    recorder_head_t head = {.position = position, .type = msg->type, .from = msg->from, .trace = msg->trace};
    memcpy(head.key, msg->key, sizeof head.key);
    bool wanted = false, any = false;
    for (int i = 0; i < RECORDER_TAPS_MAX; i++) {
        if (self->taps[i].until != 0 && self->taps[i].until <= now) {
            self->taps[i].until = 0;
        }
        any |= self->taps[i].until != 0;
        wanted |= self->taps[i].until != 0 && recorder_matches(self, &self->taps[i].filter, &head);
    }
    if (!any) {
        atomic_store_explicit(&self->tapped, false, memory_order_relaxed);
    }
    return wanted;
}

/* At most so many in a second. */
static bool
recorder_may_write(recorder_t *self, act_usec_t now)
{
    if (now - self->second >= ACT_SEC || now < self->second) {
        self->second = now;
        self->written = 0;
    }
    return self->written++ < RECORDER_BODIES_PER_SEC;
}

static void
recorder_note_body(recorder_t *self, const msg_t *msg, uint64_t position, act_usec_t at)
{
    if (pthread_mutex_trylock(&self->lock) != 0) { /* somebody reads a body: this one is not waited with */
        atomic_fetch_add_explicit(&self->bodies_dropped, 1, memory_order_relaxed);
        return;
    }
    if (recorder_wanted(self, msg, position, at)) {
        if (recorder_may_write(self, at)) {
            recorder_body_t *body = &self->bodies[position % RECORDER_HEADS];
            body->stamp = position + 1;
            body->length = (uint32_t)codec_show(msg_infos[msg->type].type, msg->body, body->text, sizeof body->text);
        } else {
            atomic_fetch_add_explicit(&self->bodies_dropped, 1, memory_order_relaxed);
        }
    }
    pthread_mutex_unlock(&self->lock);
}

static bool
filter_is(const recorder_filter_t *a, const recorder_filter_t *b)
{
    return a->kind == b->kind && a->type == b->type && a->keyed == b->keyed && strcmp(a->key, b->key) == 0 &&
           a->traced == b->traced && memcmp(&a->trace, &b->trace, sizeof a->trace) == 0 && a->sample == b->sample;
}

bool
recorder_tap(recorder_t *self, const recorder_filter_t *filter, act_usec_t now, act_usec_t until)
{
    pthread_mutex_lock(&self->lock);
    int place = -1;
    for (int i = 0; i < RECORDER_TAPS_MAX; i++) {
        bool open = self->taps[i].until > now;
        if (open && filter_is(&self->taps[i].filter, filter)) {
            place = i;
            break;
        }
        place = !open && place < 0 ? i : place;
    }
    if (place >= 0) {
        if (self->bodies == NULL) {
            self->bodies = calloc(RECORDER_HEADS, sizeof *self->bodies); /* memory comes as it is written to */
            ACT_ASSERT(self->bodies != NULL);
        }
        self->taps[place].filter = *filter;
        self->taps[place].until = until;
        atomic_store_explicit(&self->tapped, true, memory_order_relaxed);
    }
    pthread_mutex_unlock(&self->lock);
    return place >= 0;
}

size_t
recorder_read_body(recorder_t *self, uint64_t position, char out[RECORDER_BODY_MAX + 1])
{
    size_t length = 0;
    pthread_mutex_lock(&self->lock);
    if (self->bodies != NULL && self->bodies[position % RECORDER_HEADS].stamp == position + 1) {
        length = self->bodies[position % RECORDER_HEADS].length;
        memcpy(out, self->bodies[position % RECORDER_HEADS].text, length);
    }
    pthread_mutex_unlock(&self->lock);
    out[length] = '\0';
    return length;
}

/* ---- times ---- */

void
recorder_read_took(const recorder_t *self, uint64_t took[RECORDER_BUCKETS])
{
    for (int i = 0; i < RECORDER_BUCKETS; i++) {
        took[i] = atomic_load_explicit(&self->took[i], memory_order_relaxed);
    }
}

uint64_t
recorder_quantile(const uint64_t took[RECORDER_BUCKETS], const uint64_t *before, double share)
{
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < RECORDER_BUCKETS; i++) {
        all += took[i] - (before != NULL ? before[i] : 0);
    }
    for (uint32_t i = 0; i < RECORDER_BUCKETS && all > 0; i++) {
        seen += took[i] - (before != NULL ? before[i] : 0);
        if ((double)seen >= share * (double)all) {
            return recorder_bucket_bound(i);
        }
    }
    return 0;
}
