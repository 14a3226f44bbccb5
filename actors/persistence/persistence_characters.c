/* Characters: read through the cache when there is one, created, selected and muted in the store. */
#include "persistence_state.h"

#include <stdio.h>
#include <string.h>

#include "codec.h"
#include "send.h"

enum { NAME_SIZE = sizeof "characters:" + sizeof(((msg_persistence_list_characters_t *)0)->user_id) };
_Static_assert((int)NAME_SIZE <= (int)CACHE_NAME_MAX, "the longest user id makes a name of the cache");

/* ---- the cache ---- */

/* One value for each user: all its characters, so that one forget is enough for whatever changes. */
static void
cache_name(const char *user_id, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "characters:%s", user_id);
}

void
persistence_watch_cache(persistence_t *self, act_ctx_t *ctx)
{
    bool away = self->cache->is_away(self->cache);
    if (away && !self->cache_away) {
        act_log(ctx, LOG_WARN, "cache-away", "the cache does not answer: characters are read from the store",
                LOG_S("why", self->cache->error_text(self->cache)));
    } else if (!away && self->cache_away) {
        act_log(ctx, LOG_INFO, "cache-back", "the cache answers again");
    }
    self->cache_away = away;
}

static const codec_type_t *
characters_type(void)
{
    return msg_infos[MSG_PERSISTENCE_CHARACTERS].type;
}

/* True: `list` is what the store said at most CACHE_FRESH_MSEC ago. Else *began is for the put after it is read. */
static bool
characters_recall(persistence_t *self, act_ctx_t *ctx, const char *name, msg_persistence_characters_t *list,
                  int64_t *began)
{
    cache_value_t value;
    codec_fault_t fault;
    cache_found_t found = self->cache->get(self->cache, act_now(ctx), name, &value);
    if (found == CACHE_FOUND_FRESH &&
        codec_decode(CODEC_MSGPACK, characters_type(), value.bytes, value.length, list, &fault) != CODEC_OK) {
        found = CACHE_FOUND_NOTHING; /* another build's, or nobody's */
    }
    act_count(ctx, METRIC_CACHE, found, 1);
    if (found == CACHE_FOUND_STALE) {
        act_count(ctx, METRIC_FORCED_REFRESH, 0, 1);
    }
    persistence_watch_cache(self, ctx);
    *began = value.began;
    return found == CACHE_FOUND_FRESH;
}

static store_result_t
characters_read(persistence_t *self, act_ctx_t *ctx, const char *user_id, msg_persistence_characters_t *list)
{
    store_t *store = self->store;
    if (self->cache == NULL) {
        return store->list_characters(store, user_id, list->characters, &list->characters_len);
    }
    char name[NAME_SIZE];
    int64_t began;
    cache_name(user_id, name);
    if (characters_recall(self, ctx, name, list, &began)) {
        return STORE_OK;
    }
    store_result_t result = store->list_characters(store, user_id, list->characters, &list->characters_len);
    if (result == STORE_OK) {
        uint8_t bytes[CACHE_VALUE_MAX];
        size_t length = codec_encode(CODEC_MSGPACK, characters_type(), NULL, list, bytes, sizeof bytes);
        if (length > 0) {
            self->cache->put(self->cache, act_now(ctx), name, began, bytes, length);
        }
    }
    return result;
}

/* After what may have changed the user's characters: also when nobody knows whether it has. */
static void
characters_forget(persistence_t *self, act_ctx_t *ctx, const char *user_id, store_result_t result)
{
    if (self->cache != NULL && (result == STORE_OK || result == STORE_UNAVAILABLE)) {
        char name[NAME_SIZE];
        cache_name(user_id, name);
        self->cache->forget(self->cache, act_now(ctx), name);
        persistence_watch_cache(self, ctx);
    }
}

/* ---- what is asked ---- */

void
persistence_on_list_characters(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                               const msg_persistence_list_characters_t *ask)
{
    msg_persistence_characters_t list;
    if (persistence_did(self, ctx, msg, characters_read(self, ctx, ask->user_id, &list))) {
        reply_persistence_characters(ctx, msg, &list);
    }
}

static void
characters_answer(persistence_t *self, act_ctx_t *ctx, const msg_t *msg, store_result_t result,
                  const msg_persistence_character_t *answer)
{
    if (persistence_did(self, ctx, msg, result)) {
        reply_persistence_character(ctx, msg, answer);
    }
}

void
persistence_on_create_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                const msg_persistence_create_character_t *ask)
{
    msg_persistence_character_t answer;
    store_result_t result = self->store->create_character(self->store, ask->user_id, ask->character_id, ask->name,
                                                          act_wall_msec(ctx), &answer.character);
    characters_forget(self, ctx, ask->user_id, result);
    characters_answer(self, ctx, msg, result, &answer);
}

void
persistence_on_select_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                                const msg_persistence_select_character_t *ask)
{
    msg_persistence_character_t answer;
    store_result_t result =
        self->store->select_character(self->store, ask->user_id, ask->character_id, &answer.character);
    characters_forget(self, ctx, ask->user_id, result);
    characters_answer(self, ctx, msg, result, &answer);
}

/* `id` NULL: the active one. */
static const obj_character_t *
characters_pick(const msg_persistence_characters_t *list, const char *id)
{
    for (uint32_t i = 0; i < list->characters_len; i++) {
        const obj_character_t *one = &list->characters[i];
        if (id == NULL ? one->active : strcmp(one->id, id) == 0) {
            return one;
        }
    }
    return NULL;
}

/* A cache only ever says yes: that somebody does not have a character, the store has to say. */
void
persistence_on_find_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                              const msg_persistence_find_character_t *ask)
{
    const char *id = ask->has_character_id ? ask->character_id : NULL;
    msg_persistence_character_t answer;
    store_result_t result = STORE_OK;
    const obj_character_t *found = NULL;
    if (self->cache != NULL) {
        msg_persistence_characters_t list;
        result = characters_read(self, ctx, ask->user_id, &list);
        found = result == STORE_OK ? characters_pick(&list, id) : NULL;
        if (found != NULL) {
            answer.character = *found;
        }
    }
    if (result == STORE_OK && found == NULL) {
        result = self->store->find_character(self->store, ask->user_id, id, &answer.character);
    }
    characters_answer(self, ctx, msg, result, &answer);
}

/* The cache has nothing to forget: a mute is read by load_member, which is never cached. */
void
persistence_on_mute_character(persistence_t *self, act_ctx_t *ctx, const msg_t *msg,
                              const msg_persistence_mute_character_t *ask)
{
    store_result_t result = self->store->mute_character(self->store, ask->character_id, ask->muted_until);
    if (persistence_did(self, ctx, msg, result)) {
        msg_persistence_muted_t muted = {0};
        reply_persistence_muted(ctx, msg, &muted);
    }
}
