/* A9, exactly: of each subject the times of its failures, as many as may still count. */
#include "registry_memory_state.h"

#include <stdlib.h>
#include <string.h>

static registry_subject_t *
registry_subject_find(const registry_attempts_t *self, bool is_user, const uint8_t hash[SECRET_HASH_SIZE])
{
    registry_link_t *link = registry_table_first(&self->subjects, registry_digest_hash(hash));
    for (; link != NULL; link = registry_table_next(link)) {
        registry_subject_t *subject = REGISTRY_OWNER(registry_subject_t, by_hash, link);
        if (subject->is_user == is_user && memcmp(subject->hash, hash, SECRET_HASH_SIZE) == 0) {
            return subject;
        }
    }
    return NULL;
}

static void
registry_subject_unlist(registry_attempts_t *self, registry_subject_t *subject)
{
    *(subject->before != NULL ? &subject->before->after : &self->first) = subject->after;
    *(subject->after != NULL ? &subject->after->before : &self->last) = subject->before;
}

/* As the one that failed last. */
static void
registry_subject_enlist(registry_attempts_t *self, registry_subject_t *subject)
{
    subject->before = self->last;
    subject->after = NULL;
    *(self->last != NULL ? &self->last->after : &self->first) = subject;
    self->last = subject;
}

static void
registry_subject_destroy(registry_attempts_t *self, registry_subject_t *subject)
{
    registry_subject_unlist(self, subject);
    registry_table_remove(&self->subjects, &subject->by_hash);
    free(subject->failures);
    free(subject);
}

static registry_subject_t *
registry_subject_new(registry_attempts_t *self, act_usec_t now, bool is_user, const uint8_t hash[SECRET_HASH_SIZE])
{
    while (self->first != NULL && (self->first->forget_at <= now || self->subjects.count >= REGISTRY_SUBJECTS_MAX)) {
        registry_subject_destroy(self, self->first);
    }
    registry_subject_t *subject = calloc(1, sizeof *subject);
    if (subject != NULL) {
        subject->is_user = is_user;
        memcpy(subject->hash, hash, SECRET_HASH_SIZE);
        registry_table_put(&self->subjects, &subject->by_hash, registry_digest_hash(hash));
        registry_subject_enlist(self, subject);
    }
    return subject;
}

static int64_t
registry_subject_left(const registry_subject_t *self, act_usec_t now)
{
    return self != NULL && self->locked_until > now ? (self->locked_until - now + ACT_MSEC - 1) / ACT_MSEC : 0;
}

/* One more failure time. Without memory the oldest gives way. */
static void
registry_subject_add(registry_subject_t *self, act_usec_t now)
{
    if (self->count == self->capacity) {
        uint32_t capacity = self->capacity != 0 ? 2 * self->capacity : 4;
        act_usec_t *failures = realloc(self->failures, capacity * sizeof *failures);
        if (failures == NULL) {
            if (self->count == 0) {
                return;
            }
            memmove(self->failures, self->failures + 1, --self->count * sizeof *failures);
        } else {
            self->failures = failures;
            self->capacity = capacity;
        }
    }
    self->failures[self->count++] = now;
}

static void
registry_subject_failed(registry_attempts_t *self, act_usec_t now, bool is_user, const uint8_t hash[SECRET_HASH_SIZE],
                        uint32_t max, const registry_attempt_limits_t *limits)
{
    registry_subject_t *subject = registry_subject_find(self, is_user, hash);
    if (max == 0 || registry_subject_left(subject, now) > 0) {
        return;
    }
    if (subject == NULL) {
        subject = registry_subject_new(self, now, is_user, hash);
    } else {
        registry_subject_unlist(self, subject);
        registry_subject_enlist(self, subject);
    }
    if (subject == NULL) {
        return; /* no memory: it is not counted */
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < subject->count; i++) {
        if (now - subject->failures[i] < limits->window_msec * ACT_MSEC) {
            subject->failures[kept++] = subject->failures[i];
        }
    }
    subject->count = kept;
    registry_subject_add(subject, now);
    subject->forget_at = now + limits->window_msec * ACT_MSEC;
    if (subject->count >= max) {
        subject->count = 0;
        subject->locked_until = now + limits->lock_msec * ACT_MSEC;
        subject->forget_at = subject->locked_until;
    }
}

int64_t
registry_attempt_left(const registry_attempts_t *self, act_usec_t now, const registry_attempt_t *attempt)
{
    int64_t left = registry_subject_left(registry_subject_find(self, false, attempt->address), now);
    if (attempt->has_user) {
        int64_t user_left = registry_subject_left(registry_subject_find(self, true, attempt->user), now);
        left = user_left > left ? user_left : left;
    }
    return left;
}

void
registry_attempt_failed(registry_attempts_t *self, act_usec_t now, const registry_attempt_t *attempt,
                        const registry_attempt_limits_t *limits)
{
    if (attempt->has_user) {
        registry_subject_failed(self, now, true, attempt->user, limits->user_max, limits);
    }
    registry_subject_failed(self, now, false, attempt->address, limits->address_max, limits);
}

void
registry_attempts_fini(registry_attempts_t *self)
{
    while (self->first != NULL) {
        registry_subject_destroy(self, self->first);
    }
    registry_table_fini(&self->subjects);
}
