#include "registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A session stands in three chains (by id, by character, by ticket) and, while connecting, in its instance's list of
 * tickets in the order they run out. */
typedef struct seat {
    uint8_t ticket[REGISTRY_HASH_SIZE];
    act_usec_t until;
    uint32_t room; /* 0 is main, 1 is main-2 ... */
    struct seat *next_session;
    struct seat *next_character;
    struct seat *next_ticket;
    struct seat *earlier, *later;
    registry_session_t session; /* last, and cut after its user_id: an id has 20 bytes where 1,020 are allowed */
} seat_t;

/* The bytes of a session up to the end of its user_id, the last member. */
static size_t
session_used(const registry_session_t *session)
{
    return offsetof(registry_session_t, user_id) + strlen(session->user_id) + 1;
}

typedef struct instance {
    char key[ACT_KEY_MAX + 1];
    registry_count_t count;
    seat_t *first, *last; /* connecting seats by `until` */
    uint32_t *rooms;      /* sessions of each room opened so far */
    uint32_t rooms_count;
    uint32_t room_size; /* of the claim before */
    uint32_t room_hint; /* every room below it is full */
} instance_t;

typedef struct registry_memory {
    registry_t port;
    pthread_mutex_t lock;
    uint32_t sessions_max;
    uint32_t sessions;
    uint32_t mask; /* buckets of each table, less one */
    seat_t **by_session;
    seat_t **by_character;
    seat_t **by_ticket;
    uint32_t instances_count;
    instance_t instances[REGISTRY_MEMORY_INSTANCES_CAP];
} registry_memory_t;

static void *
registry_memory_allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        ACT_UNREACHABLE("the registry has the memory it was made for");
    }
    return memory;
}

/* FNV-1a. The keys are ids that the server drew, or hashes: nobody outside chooses them. */
static uint32_t
registry_memory_hash(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    }
    return hash ^ hash >> 15;
}

static uint32_t
registry_memory_ticket_hash(const uint8_t ticket[REGISTRY_HASH_SIZE])
{
    uint32_t hash;
    memcpy(&hash, ticket, sizeof hash);
    return hash;
}

/* Each finds the link that points to what is looked for, or the NULL at the end of its chain. */
static seat_t **
registry_memory_session_link(registry_memory_t *self, const char *session_id)
{
    seat_t **link = &self->by_session[registry_memory_hash(session_id) & self->mask];
    while (*link != NULL && strcmp((*link)->session.session_id, session_id) != 0) {
        link = &(*link)->next_session;
    }
    return link;
}

static seat_t **
registry_memory_character_link(registry_memory_t *self, const char *character_id)
{
    seat_t **link = &self->by_character[registry_memory_hash(character_id) & self->mask];
    while (*link != NULL && strcmp((*link)->session.character_id, character_id) != 0) {
        link = &(*link)->next_character;
    }
    return link;
}

static seat_t **
registry_memory_ticket_link(registry_memory_t *self, const uint8_t ticket[REGISTRY_HASH_SIZE])
{
    seat_t **link = &self->by_ticket[registry_memory_ticket_hash(ticket) & self->mask];
    while (*link != NULL && memcmp((*link)->ticket, ticket, REGISTRY_HASH_SIZE) != 0) {
        link = &(*link)->next_ticket;
    }
    return link;
}

static instance_t *
registry_memory_instance(registry_memory_t *self, const char *key)
{
    for (uint32_t i = 0; i < self->instances_count; i++) {
        if (strcmp(self->instances[i].key, key) == 0) {
            return &self->instances[i];
        }
    }
    return NULL;
}

static instance_t *
registry_memory_open(registry_memory_t *self, const char *key)
{
    instance_t *instance = registry_memory_instance(self, key);
    if (instance == NULL && self->instances_count < REGISTRY_MEMORY_INSTANCES_CAP) {
        instance = &self->instances[self->instances_count++];
        snprintf(instance->key, sizeof instance->key, "%s", key);
    }
    return instance;
}

/* The first room with a place, opened when need be; its number. */
static uint32_t
instance_enter_room(instance_t *self, uint32_t room_size)
{
    if (self->room_size != room_size) {
        self->room_size = room_size;
        self->room_hint = 0;
    }
    uint32_t room = self->room_hint;
    while (room < self->rooms_count && self->rooms[room] >= room_size) {
        room++;
    }
    if (room == self->rooms_count) {
        uint32_t *rooms = realloc(self->rooms, (room + 1) * sizeof *rooms);
        if (rooms == NULL) {
            ACT_UNREACHABLE("there is memory for one more room");
        }
        rooms[room] = 0;
        self->rooms = rooms;
        self->rooms_count++;
    }
    self->room_hint = room;
    self->rooms[room]++;
    return room;
}

static void
instance_leave_room(instance_t *self, uint32_t room)
{
    ACT_ASSERT(self->rooms[room] > 0);
    self->rooms[room]--;
    if (room < self->room_hint) {
        self->room_hint = room;
    }
}

/* Nearly always at the end: tickets of one instance last equally long. */
static void
instance_list(instance_t *self, seat_t *seat)
{
    seat_t *before = self->last;
    while (before != NULL && before->until > seat->until) {
        before = before->earlier;
    }
    seat->earlier = before;
    seat->later = before != NULL ? before->later : self->first;
    *(before != NULL ? &before->later : &self->first) = seat;
    *(seat->later != NULL ? &seat->later->earlier : &self->last) = seat;
}

static void
instance_unlist(instance_t *self, seat_t *seat)
{
    *(seat->earlier != NULL ? &seat->earlier->later : &self->first) = seat->later;
    *(seat->later != NULL ? &seat->later->earlier : &self->last) = seat->earlier;
}

/* The ticket is spent or void: nothing leads from it to the seat any more. */
static void
registry_memory_end_ticket(registry_memory_t *self, instance_t *instance, seat_t *seat)
{
    seat_t **link = registry_memory_ticket_link(self, seat->ticket);
    ACT_ASSERT(*link == seat);
    *link = seat->next_ticket;
    instance_unlist(instance, seat);
    ACT_ASSERT(instance->count.connecting > 0);
    instance->count.connecting--;
}

static void
registry_memory_end(registry_memory_t *self, instance_t *instance, seat_t *seat)
{
    if (seat->session.state == REGISTRY_CONNECTING) {
        registry_memory_end_ticket(self, instance, seat);
    } else {
        ACT_ASSERT(instance->count.active > 0);
        instance->count.active--;
    }
    *registry_memory_session_link(self, seat->session.session_id) = seat->next_session;
    *registry_memory_character_link(self, seat->session.character_id) = seat->next_character;
    instance_leave_room(instance, seat->room);
    self->sessions--;
    free(seat);
}

static registry_result_t
registry_memory_claim_locked(registry_memory_t *self, act_usec_t now, registry_session_t *session,
                             const uint8_t ticket[REGISTRY_HASH_SIZE], const registry_limits_t *limits)
{
    if (*registry_memory_session_link(self, session->session_id) != NULL) {
        return REGISTRY_REPEATED;
    }
    seat_t **by_character = registry_memory_character_link(self, session->character_id);
    if (*by_character != NULL) {
        return REGISTRY_EXISTS;
    }
    instance_t *instance = registry_memory_open(self, session->instance);
    if (instance == NULL || self->sessions == self->sessions_max ||
        instance->count.connecting + instance->count.active >= limits->capacity) {
        return REGISTRY_FULL;
    }
    seat_t *seat = registry_memory_allocate(1, offsetof(seat_t, session) + session_used(session));
    seat->room = instance_enter_room(instance, limits->room_size);
    char number[16] = "";
    if (seat->room > 0) {
        snprintf(number, sizeof number, "-%u", seat->room + 1);
    }
    int used = snprintf(session->room, sizeof session->room, "%s/main%s", session->instance, number);
    ACT_ASSERT(used > 0 && (size_t)used < sizeof session->room);
    session->state = REGISTRY_CONNECTING;
    memcpy(&seat->session, session, session_used(session));
    seat->until = now + limits->ticket_usec;
    memcpy(seat->ticket, ticket, REGISTRY_HASH_SIZE);
    *by_character = seat;
    *registry_memory_session_link(self, session->session_id) = seat;
    *registry_memory_ticket_link(self, ticket) = seat;
    instance_list(instance, seat);
    instance->count.connecting++;
    self->sessions++;
    return REGISTRY_OK;
}

static registry_result_t
registry_memory_claim(registry_t *port, act_usec_t now, registry_session_t *session,
                      const uint8_t ticket[REGISTRY_HASH_SIZE], const registry_limits_t *limits)
{
    registry_memory_t *self = (registry_memory_t *)port;
    pthread_mutex_lock(&self->lock);
    registry_result_t result = registry_memory_claim_locked(self, now, session, ticket, limits);
    pthread_mutex_unlock(&self->lock);
    return result;
}

static registry_result_t
registry_memory_redeem(registry_t *port, act_usec_t now, const char *key, const uint8_t ticket[REGISTRY_HASH_SIZE],
                       registry_session_t *session)
{
    registry_memory_t *self = (registry_memory_t *)port;
    registry_result_t result = REGISTRY_UNKNOWN;
    pthread_mutex_lock(&self->lock);
    seat_t *seat = *registry_memory_ticket_link(self, ticket);
    if (seat != NULL && seat->until > now && strcmp(seat->session.instance, key) == 0) {
        instance_t *instance = registry_memory_instance(self, key);
        registry_memory_end_ticket(self, instance, seat);
        seat->session.state = REGISTRY_ACTIVE;
        instance->count.active++;
        memcpy(session, &seat->session, session_used(&seat->session));
        result = REGISTRY_OK;
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

static registry_result_t
registry_memory_leave(registry_t *port, const char *key, const char *session_id, registry_session_t *session)
{
    registry_memory_t *self = (registry_memory_t *)port;
    registry_result_t result = REGISTRY_UNKNOWN;
    pthread_mutex_lock(&self->lock);
    seat_t *seat = *registry_memory_session_link(self, session_id);
    if (seat != NULL && strcmp(seat->session.instance, key) == 0) {
        memcpy(session, &seat->session, session_used(&seat->session));
        registry_memory_end(self, registry_memory_instance(self, key), seat);
        result = REGISTRY_OK;
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

static registry_result_t
registry_memory_sweep(registry_t *port, act_usec_t now, const char *key, registry_session_t *session)
{
    registry_memory_t *self = (registry_memory_t *)port;
    registry_result_t result = REGISTRY_UNKNOWN;
    pthread_mutex_lock(&self->lock);
    instance_t *instance = registry_memory_instance(self, key);
    if (instance != NULL && instance->first != NULL && instance->first->until <= now) {
        memcpy(session, &instance->first->session, session_used(&instance->first->session));
        registry_memory_end(self, instance, instance->first);
        result = REGISTRY_OK;
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

static act_usec_t
registry_memory_next(registry_t *port, act_usec_t now, const char *key)
{
    registry_memory_t *self = (registry_memory_t *)port;
    act_usec_t left = -1;
    pthread_mutex_lock(&self->lock);
    const instance_t *instance = registry_memory_instance(self, key);
    if (instance != NULL && instance->first != NULL) {
        left = instance->first->until > now ? instance->first->until - now : 0;
    }
    pthread_mutex_unlock(&self->lock);
    return left;
}

static registry_count_t
registry_memory_count(registry_t *port, const char *key)
{
    registry_memory_t *self = (registry_memory_t *)port;
    registry_count_t count = {0};
    pthread_mutex_lock(&self->lock);
    const instance_t *instance = registry_memory_instance(self, key);
    if (instance != NULL) {
        count = instance->count;
    }
    pthread_mutex_unlock(&self->lock);
    return count;
}

static void
registry_memory_destroy(registry_t *port)
{
    registry_memory_t *self = (registry_memory_t *)port;
    for (uint32_t i = 0; i <= self->mask; i++) {
        for (seat_t *seat = self->by_session[i]; seat != NULL;) {
            seat_t *next = seat->next_session;
            free(seat);
            seat = next;
        }
    }
    for (uint32_t i = 0; i < self->instances_count; i++) {
        free(self->instances[i].rooms);
    }
    free(self->by_session);
    free(self->by_character);
    free(self->by_ticket);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

registry_t *
registry_memory_new(uint32_t sessions_max)
{
    registry_memory_t *self = registry_memory_allocate(1, sizeof *self);
    self->port = (registry_t){
        .claim = registry_memory_claim,
        .redeem = registry_memory_redeem,
        .leave = registry_memory_leave,
        .sweep = registry_memory_sweep,
        .next = registry_memory_next,
        .count = registry_memory_count,
        .destroy = registry_memory_destroy,
    };
    pthread_mutex_init(&self->lock, NULL);
    self->sessions_max = sessions_max;
    uint32_t buckets = 16;
    while (buckets < sessions_max && buckets < UINT32_C(1) << 20) {
        buckets *= 2;
    }
    self->mask = buckets - 1;
    self->by_session = registry_memory_allocate(buckets, sizeof *self->by_session);
    self->by_character = registry_memory_allocate(buckets, sizeof *self->by_character);
    self->by_ticket = registry_memory_allocate(buckets, sizeof *self->by_ticket);
    return &self->port;
}

void
registry_destroy(registry_t **self_p)
{
    if (*self_p != NULL) {
        (*self_p)->destroy(*self_p);
        *self_p = NULL;
    }
}
