#include "auth.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "send.h"

typedef enum auth_timer { AUTH_TIMER_POLL, AUTH_TIMER_REFRESH } auth_timer_t;

/* A token whose key may be in the set that is being read. */
typedef struct auth_pending {
    msg_t request; /* its head: no body */
    act_trace_t trace;
    act_usec_t until;
    char token[sizeof((msg_auth_verify_t *)NULL)->token];
} auth_pending_t;

typedef struct auth {
    const auth_config_t *config;
    keys_t *keys; /* NULL: none yet */
    uint64_t generation;
    keyset_state_t keyset_state;
    bool text_bad;         /* the latest text holds no key of use */
    bool away;             /* the latest reading that ended has failed */
    bool fresh;            /* the latest reading that ended gave keys of use */
    act_usec_t refresh_at; /* not before this has an unknown kid the keys read again */
    /* SHA-256 of tokens whose signature was good under the present keys, each in the slot its first bytes name; the
     * latest takes the slot. A user shows the same token several times on the way in, and an ES256 check takes 100 us.
     */
    uint8_t known[AUTH_KNOWN_SLOTS][SHA256_DIGEST_LENGTH];
    uint32_t pending_count;
    auth_pending_t pending[AUTH_PENDING_CAP]; /* oldest first */
} auth_t;

static void
auth_log_end(const auth_t *self, act_ctx_t *ctx, bool away)
{
    if (away && !self->away) {
        act_log(
            ctx, LOG_WARN, "keys-away",
            "the key set cannot be read; tokens of known keys go on, others are refused; see auth.issuer, auth.jwks");
    } else if (!away && self->away) {
        act_log(ctx, LOG_INFO, "keys-back", "the key set can be read again");
    }
}

/* Takes over what the port has read. Keys that cannot be used leave those that are there. */
static void
auth_poll(auth_t *self, act_ctx_t *ctx)
{
    char *jwks = NULL;
    keyset_state_t state = self->config->keyset->poll(self->config->keyset, &self->generation, &jwks);
    if (jwks != NULL) {
        keys_t *keys = keys_parse(jwks);
        free(jwks);
        self->text_bad = keys == NULL;
        if (keys != NULL) {
            keys_destroy(&self->keys);
            self->keys = keys;
            memset(self->known, 0, sizeof self->known); /* a key may have been withdrawn */
            act_log(ctx, LOG_INFO, "keys-read", "the identity provider's keys were read",
                    LOG_N("keys", keys_count(keys)));
        } else {
            act_log(ctx, LOG_WARN, "keys-bad", "the key set has no RS256 or ES256 key with a kid; see auth.jwks");
        }
    }
    if (state != KEYSET_LOADING) {
        auth_log_end(self, ctx, state == KEYSET_AWAY);
        self->away = state == KEYSET_AWAY;
        self->fresh = !self->away && !self->text_bad;
    }
    self->keyset_state = state;
}

static void
auth_refuse(act_ctx_t *ctx, const msg_t *request, token_fault_t fault)
{
    msg_auth_refused_t body = {.fault = fault};
    act_count(ctx, METRIC_TOKENS_REFUSED, fault, 1);
    act_log(ctx, LOG_DEBUG, "token-refused", "an access token was refused", LOG_S("fault", token_fault_names[fault]));
    reply_auth_refused(ctx, request, &body);
}

static void
auth_verify(auth_t *self, act_ctx_t *ctx, const msg_t *request, const char *token, const token_head_t *head,
            const cjose_jwk_t *key)
{
    msg_auth_verified_t claims;
    token_fault_t fault = TOKEN_FAULT_MALFORMED;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)token, strlen(token), digest);
    uint8_t *slot = self->known[(digest[0] << 8 | digest[1]) % AUTH_KNOWN_SLOTS];
    bool known = memcmp(slot, digest, sizeof digest) == 0;
    if (token_verify(token, head, key, known, &self->config->rules, act_wall_msec(ctx), &claims, &fault)) {
        memcpy(slot, digest, sizeof digest);
        reply_auth_verified(ctx, request, &claims);
    } else {
        auth_refuse(ctx, request, fault);
    }
}

/* When the port is looked at next: soon while it reads, else when it is time for another reading. */
static void
auth_plan(const auth_t *self, act_ctx_t *ctx)
{
    act_timer_start(ctx, AUTH_TIMER_REFRESH, self->fresh ? AUTH_REFRESH_USEC : AUTH_RETRY_USEC);
    if (self->keyset_state == KEYSET_LOADING && !act_timer_running(ctx, AUTH_TIMER_POLL)) {
        act_timer_start(ctx, AUTH_TIMER_POLL, AUTH_POLL_USEC);
    }
}

static void
auth_refresh(auth_t *self, act_ctx_t *ctx)
{
    self->config->keyset->refresh(self->config->keyset);
    auth_poll(self, ctx);
    auth_plan(self, ctx);
}

static void
auth_wait(auth_t *self, act_ctx_t *ctx, const msg_t *request, const char *token)
{
    if (self->pending_count == AUTH_PENDING_CAP) {
        auth_refuse(ctx, request, TOKEN_FAULT_KEYS_UNAVAILABLE);
        return;
    }
    auth_pending_t *entry = &self->pending[self->pending_count++];
    entry->request = *request;
    entry->request.body = NULL;
    entry->trace = act_trace(ctx);
    entry->until = act_now(ctx) + AUTH_PENDING_USEC;
    memcpy(entry->token, token, strlen(token) + 1);
    if (!act_timer_running(ctx, AUTH_TIMER_POLL)) {
        act_timer_start(ctx, AUTH_TIMER_POLL, AUTH_POLL_USEC);
    }
}

/* What a kid that is in no key set we have means. */
static token_fault_t
auth_unknown(const auth_t *self)
{
    return self->keyset_state == KEYSET_READY && !self->text_bad ? TOKEN_FAULT_UNKNOWN_KEY
                                                                 : TOKEN_FAULT_KEYS_UNAVAILABLE;
}

static void
auth_on_verify(auth_t *self, act_ctx_t *ctx, const msg_t *request, const msg_auth_verify_t *body)
{
    token_head_t head;
    token_fault_t fault = TOKEN_FAULT_MALFORMED;
    if (!token_open(body->token, &head, &fault)) {
        auth_refuse(ctx, request, fault);
        return;
    }
    auth_poll(self, ctx);
    const cjose_jwk_t *key = keys_find(self->keys, head.kid);
    if (key == NULL && act_now(ctx) >= self->refresh_at) {
        self->refresh_at = act_now(ctx) + AUTH_REFRESH_MIN_USEC;
        auth_refresh(self, ctx);
        key = keys_find(self->keys, head.kid);
    }
    if (key != NULL) {
        auth_verify(self, ctx, request, body->token, &head, key);
    } else if (self->keyset_state == KEYSET_LOADING) {
        auth_wait(self, ctx, request, body->token);
    } else {
        auth_refuse(ctx, request, auth_unknown(self));
    }
}

/* True: this one was answered. */
static bool
auth_settle(auth_t *self, act_ctx_t *ctx, const auth_pending_t *entry)
{
    token_head_t head;
    token_fault_t fault = TOKEN_FAULT_MALFORMED;
    act_trace_set(ctx, entry->trace);
    ACT_ASSERT(token_open(entry->token, &head, &fault)); /* it was opened before it was made to wait */
    const cjose_jwk_t *key = keys_find(self->keys, head.kid);
    if (key != NULL) {
        auth_verify(self, ctx, &entry->request, entry->token, &head, key);
        return true;
    }
    if (self->keyset_state == KEYSET_LOADING && act_now(ctx) < entry->until) {
        return false;
    }
    auth_refuse(ctx, &entry->request, auth_unknown(self));
    return true;
}

static void
auth_on_poll(auth_t *self, act_ctx_t *ctx)
{
    auth_poll(self, ctx);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->pending_count; i++) {
        if (auth_settle(self, ctx, &self->pending[i])) {
            continue;
        }
        if (kept != i) {
            self->pending[kept] = self->pending[i];
        }
        kept++;
    }
    self->pending_count = kept;
    auth_plan(self, ctx);
}

static void
auth_on_ping(auth_t *self, act_ctx_t *ctx, const msg_t *request)
{
    auth_poll(self, ctx);
    msg_auth_pong_t pong = {.keys = self->keys != NULL, .fresh = self->fresh};
    reply_auth_pong(ctx, request, &pong);
}

static bool
auth_init(void *state, act_ctx_t *ctx, const void *config)
{
    auth_t *self = state;
    self->config = config;
    auth_refresh(self, ctx);
    return true;
}

static void
auth_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    auth_t *self = state;
    switch ((auth_inbox_t)msg->type) {
    case AUTH_INBOX_PING:
        auth_on_ping(self, ctx, msg);
        return;
    case AUTH_INBOX_VERIFY:
        auth_on_verify(self, ctx, msg, msg->body);
        return;
    }
    ACT_UNREACHABLE("auth hears only what the schema routes to it");
}

static void
auth_expire(void *state, act_ctx_t *ctx, int timer)
{
    auth_t *self = state;
    switch ((auth_timer_t)timer) {
    case AUTH_TIMER_POLL:
        auth_on_poll(self, ctx);
        return;
    case AUTH_TIMER_REFRESH:
        auth_refresh(self, ctx);
        return;
    }
    ACT_UNREACHABLE("auth has two timers");
}

static void
auth_fini(void *state, act_ctx_t *ctx)
{
    auth_t *self = state;
    for (uint32_t i = 0; i < self->pending_count; i++) {
        auth_refuse(ctx, &self->pending[i].request, TOKEN_FAULT_KEYS_UNAVAILABLE);
    }
    keys_destroy(&self->keys);
}

const act_kind_t auth_kind = {
    .id = ACT_KIND_AUTH,
    .name = "auth",
    .keying = ACT_SHARDED,
    .state_size = sizeof(auth_t),
    .init = auth_init,
    .receive = auth_receive,
    .expire = auth_expire,
    .fini = auth_fini,
};
