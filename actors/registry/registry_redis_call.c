#include "registry_redis_call.h"

#include <stdio.h>
#include <string.h>

/* ---- what is asked ---- */

static void
call_fail(redis_call_t *self, const char *what)
{
    if (!self->failed) {
        self->failed = true;
        redis_link_fail(self->self->link, "not an answer to what was asked", what);
    }
}

void
call_bytes(redis_call_t *self, const void *bytes, size_t length)
{
    ACT_ASSERT(self->argc < REDIS_ARGS_MAX);
    self->argv[self->argc] = bytes;
    self->lengths[self->argc++] = length;
}

void
call_text(redis_call_t *self, const char *text)
{
    call_bytes(self, text, strlen(text));
}

void
call_hash(redis_call_t *self, const uint8_t hash[SECRET_HASH_SIZE])
{
    call_bytes(self, hash, SECRET_HASH_SIZE);
}

/* A text that the call keeps for as long as it lasts. */
static char *
call_keep(redis_call_t *self, size_t size)
{
    ACT_ASSERT(REDIS_ARENA_SIZE - self->arena_used >= size);
    char *text = self->arena + self->arena_used;
    self->arena_used += size;
    return text;
}

void
call_number(redis_call_t *self, int64_t number)
{
    enum { SIZE = 21 };
    char *text = call_keep(self, SIZE);
    snprintf(text, SIZE, "%lld", (long long)number);
    call_text(self, text);
}

void
call_name(redis_call_t *self, const char *const *names, unsigned count, unsigned index)
{
    ACT_ASSERT(index < count);
    call_text(self, names[index]);
}

static redis_instance_t *
call_find_instance(registry_redis_t *registry, const char *key)
{
    for (uint32_t i = 0; i < registry->instances_count; i++) {
        if (strcmp(registry->instances[i].key, key) == 0) {
            return &registry->instances[i];
        }
    }
    return NULL;
}

bool
call_may_remember(redis_call_t *self)
{
    if (self->instance == &self->stranger && self->self->instances_count == REGISTRY_INSTANCES_CAP) {
        self->result = REGISTRY_FULL;
        self->failed = false;
        return false;
    }
    return true;
}

redis_instance_t *
call_remember(redis_call_t *self)
{
    registry_redis_t *registry = self->self;
    if (self->instance == &self->stranger) {
        self->instance = &registry->instances[registry->instances_count++];
        *self->instance = self->stranger;
    }
    return self->instance;
}

void
call_forget(redis_call_t *self)
{
    registry_redis_t *registry = self->self;
    if (self->instance != &self->stranger) {
        self->stranger = (redis_instance_t){0};
        memcpy(self->stranger.key, self->instance->key, sizeof self->stranger.key);
        *self->instance = registry->instances[--registry->instances_count];
        self->instance = &self->stranger;
    }
}

/* Two places are left free for the link. */
static void
call_lock(redis_call_t *self, registry_t *port, const redis_script_t *script)
{
    self->self = (registry_redis_t *)port;
    self->script = script;
    self->instance = NULL;
    self->reply = NULL;
    self->taken = 0;
    self->failed = false;
    self->result = REGISTRY_UNAVAILABLE;
    self->argc = 2;
    self->arena_used = 0;
    pthread_mutex_lock(&self->self->lock);
}

/* What every script is told: ARGV[1] to ARGV[4]. */
static void
call_head(redis_call_t *self, act_usec_t now, const char *generation, int64_t revision)
{
    self->failed |= !redis_link_open(self->self->link, now);
    call_text(self, generation);
    call_number(self, revision);
    call_text(self, redis_link_server(self->self->link));
    if (self->self->caller_clock) {
        call_number(self, now / ACT_MSEC);
    } else {
        call_text(self, "");
    }
}

void
call_begin(redis_call_t *self, registry_t *port, act_usec_t now, const redis_script_t *script, const char *instance)
{
    static const char head[] = "playhouse:{", tail[] = "}:";
    call_lock(self, port, script);
    self->instance = call_find_instance(self->self, instance);
    if (self->instance == NULL) {
        ACT_ASSERT(strlen(instance) < sizeof self->stranger.key);
        self->stranger = (redis_instance_t){0};
        snprintf(self->stranger.key, sizeof self->stranger.key, "%s", instance);
        self->instance = &self->stranger;
    }
    const size_t size = sizeof head + sizeof tail + sizeof self->instance->key;
    char *prefix = call_keep(self, size);
    snprintf(prefix, size, "%s%s%s", head, instance, tail);
    call_number(self, 1);
    call_text(self, prefix);
    call_head(self, now, self->instance->generation, self->instance->revision);
}

void
call_begin_keys(redis_call_t *self, registry_t *port, act_usec_t now, const redis_script_t *script,
                const char *const *keys, int count)
{
    call_lock(self, port, script);
    call_number(self, count);
    for (int i = 0; i < count; i++) {
        call_text(self, keys[i]);
    }
    call_head(self, now, "", 0);
}

/* ---- what is answered ---- */

static const redisReply *
call_take(redis_call_t *self, int type)
{
    if (self->failed) {
        return NULL;
    }
    if (self->reply == NULL || self->taken >= self->reply->elements) {
        call_fail(self, "it is too short");
        return NULL;
    }
    const redisReply *element = self->reply->element[self->taken++];
    if (element->type != type) {
        call_fail(self, "an element is of another type");
        return NULL;
    }
    return element;
}

int64_t
call_take_number(redis_call_t *self, int64_t min, int64_t max)
{
    const redisReply *element = call_take(self, REDIS_REPLY_INTEGER);
    if (element == NULL) {
        return min;
    }
    if (element->integer < min || element->integer > max) {
        call_fail(self, "a number is out of its range");
        return min;
    }
    return element->integer;
}

void
call_take_text(redis_call_t *self, char *text, size_t size)
{
    const redisReply *element = call_take(self, REDIS_REPLY_STRING);
    *text = '\0';
    if (element == NULL) {
        return;
    }
    if (element->len >= size || memchr(element->str, '\0', element->len) != NULL) {
        call_fail(self, "a text is too long");
        return;
    }
    memcpy(text, element->str, element->len);
    text[element->len] = '\0';
}

unsigned
call_take_name(redis_call_t *self, const char *const *names, unsigned count)
{
    const redisReply *element = call_take(self, REDIS_REPLY_STRING);
    for (unsigned i = 0; element != NULL && i < count; i++) {
        if (strcmp(element->str, names[i]) == 0) {
            return i;
        }
    }
    call_fail(self, "an unknown word");
    return 0;
}

static void
call_take_secret(redis_call_t *self, registry_session_t *session)
{
    const redisReply *element = call_take(self, REDIS_REPLY_STRING);
    if (element == NULL) {
        return;
    }
    if (element->len != 0 && element->len != SECRET_HASH_SIZE) {
        call_fail(self, "a secret of another length");
        return;
    }
    session->secret_len = (uint32_t)element->len;
    memcpy(session->secret, element->str, element->len);
}

static void
call_take_room(redis_call_t *self, registry_session_t *session)
{
    const int64_t number = call_take_number(self, 0, UINT32_MAX);
    int length = 0;
    if (number == 1) {
        length = snprintf(session->room, sizeof session->room, "%s/main", session->instance);
    } else if (number > 1) {
        length = snprintf(session->room, sizeof session->room, "%s/main-%u", session->instance, (unsigned)number);
    }
    ACT_ASSERT(length >= 0 && (size_t)length < sizeof session->room);
}

void
call_take_session(redis_call_t *self, registry_session_t *session)
{
    *session = (registry_session_t){0};
    if (self->failed) {
        return;
    }
    memcpy(session->instance, self->instance->key, sizeof session->instance);
    call_take_text(self, session->session_id, sizeof session->session_id);
    call_take_text(self, session->character_id, sizeof session->character_id);
    call_take_text(self, session->user_id, sizeof session->user_id);
    call_take_text(self, session->name, sizeof session->name);
    session->role = (role_t)call_take_name(self, role_names, ROLE_COUNT);
    session->state = (session_state_t)call_take_name(self, session_state_names, SESSION_STATE_COUNT);
    call_take_room(self, session);
    call_take_text(self, session->holder, sizeof session->holder);
    session->connection = call_take_number(self, 0, REDIS_INT_MAX);
    session->number = call_take_number(self, 0, REDIS_INT_MAX);
    session->version = call_take_number(self, 0, REDIS_INT_MAX);
    session->turn = call_take_number(self, 0, REDIS_INT_MAX);
    call_take_secret(self, session);
    session->left_ms = call_take_number(self, REGISTRY_NO_END, REDIS_INT_MAX);
    session->auth_until = call_take_number(self, 0, REDIS_INT_MAX);
}

void
call_take_whom(redis_call_t *self, registry_session_t *session)
{
    if (call_take_number(self, 0, 1) == 1) {
        call_take_session(self, session);
    } else {
        *session = (registry_session_t){0};
    }
}

size_t
call_left(const redis_call_t *self)
{
    return self->failed || self->reply == NULL ? 0 : self->reply->elements - self->taken;
}

/* ---- the call ---- */

registry_result_t
call_run(redis_call_t *self)
{
    registry_redis_t *registry = self->self;
    if (!self->failed) {
        self->reply = redis_link_eval(registry->link, self->script, self->argc, self->argv, self->lengths);
        self->failed = self->reply == NULL;
    }
    if (!self->failed && self->reply->type != REDIS_REPLY_ARRAY) {
        call_fail(self, "it is no list");
    }
    unsigned result =
        self->failed ? REGISTRY_UNAVAILABLE : call_take_name(self, registry_result_names, REGISTRY_RESULT_COUNT);
    self->revision = call_take_number(self, 0, REDIS_INT_MAX);
    if (self->failed) {
        return REGISTRY_UNAVAILABLE;
    }
    self->result = (registry_result_t)result;
    if (self->result == REGISTRY_LOST || self->result == REGISTRY_UNAVAILABLE) {
        call_take_text(self, registry->trouble, sizeof registry->trouble);
    } else if (self->instance != NULL && self->revision > self->instance->revision) {
        self->instance->revision = self->revision;
    }
    return self->failed ? REGISTRY_UNAVAILABLE : self->result;
}

registry_result_t
call_end(redis_call_t *self)
{
    if (call_left(self) > 0) {
        call_fail(self, "it is too long");
    }
    if (self->failed) {
        snprintf(self->self->trouble, sizeof self->self->trouble, "%s", redis_link_why(self->self->link));
    }
    freeReplyObject(self->reply);
    self->reply = NULL;
    pthread_mutex_unlock(&self->self->lock);
    return self->failed ? REGISTRY_UNAVAILABLE : self->result;
}
