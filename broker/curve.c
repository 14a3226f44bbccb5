#include "curve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "act.h"
#include "keyring.h"
#include "log.h"

enum {
    /* Fail closed: without a ZAP handler nobody is let in. libzmq 4.3 takes the option, its stable header does not name
     * it. */
    CURVE_ZAP_ENFORCE_DOMAIN = 93,
    CURVE_ZAP_FRAMES = 7,      /* version, request, domain, address, routing id, mechanism, key */
    CURVE_ZAP_FRAME_MAX = 256, /* bytes kept of each */
    CURVE_KEY_BYTES = 32,
    CURVE_LOG_MSEC = 1000, /* one line about refusals of a domain in this time, with the number of the others */
};

static const char *const curve_domain_names[CURVE_DOMAIN_COUNT] = {"process", "tool"};

/* The refused of one domain, for the log; only the handler's thread touches it. */
typedef struct curve_refusals {
    int64_t logged_msec;
    uint64_t silent; /* since then */
} curve_refusals_t;

struct curve {
    cert_t own;
    keyring_t *rings[CURVE_DOMAIN_COUNT];
    _Atomic bool removed[CURVE_DOMAIN_COUNT]; /* has a key of it ever been removed? */
    _Atomic uint64_t allowed[CURVE_DOMAIN_COUNT], refused[CURVE_DOMAIN_COUNT], stale[CURVE_DOMAIN_COUNT];
    curve_counts_t reported; /* each domain by its actor */
    /* The handler; none for a tool. */
    void *zap;
    int quit; /* eventfd */
    pthread_t thread;
    int64_t looked_msec;
    curve_refusals_t refusals[CURVE_DOMAIN_COUNT];
};

/* ---- who is allowed ---- */

static bool
curve_is_own(const curve_t *self, const char *key)
{
    return memcmp(self->own.public_key, key, CERT_KEY_SIZE - 1) == 0;
}

static bool
curve_domain_allows(curve_t *self, curve_domain_t domain, const char *key, char name[CERT_NAME_MAX + 1])
{
    if (domain == CURVE_PROCESSES && curve_is_own(self, key)) {
        snprintf(name, CERT_NAME_MAX + 1, "this one");
        return true;
    }
    return keyring_allows(self->rings[domain], key, name);
}

bool
curve_allows(curve_t *self, const char *public_key)
{
    char name[CERT_NAME_MAX + 1];
    return self == NULL ||
           (cert_key_is_good(public_key) && curve_domain_allows(self, CURVE_PROCESSES, public_key, name));
}

const char *
curve_sender(void *frame)
{
    const char *user = zmq_msg_gets(frame, "User-Id");
    return user != NULL && strlen(user) == CERT_KEY_SIZE - 1 ? user : "";
}

bool
curve_admits(curve_t *self, curve_domain_t domain, void *frame)
{
    if (self == NULL || !atomic_load_explicit(&self->removed[domain], memory_order_relaxed)) {
        return true;
    }
    char name[CERT_NAME_MAX + 1];
    const char *sender = curve_sender(frame);
    if (*sender != '\0' && curve_domain_allows(self, domain, sender, name)) {
        return true;
    }
    atomic_fetch_add_explicit(&self->stale[domain], 1, memory_order_relaxed);
    return false;
}

/* ---- the handler ---- */

static int64_t
curve_now_msec(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
curve_look(curve_t *self, int64_t pause_msec)
{
    int64_t now = curve_now_msec();
    if (now - self->looked_msec < pause_msec) {
        return;
    }
    self->looked_msec = now;
    for (int domain = 0; domain < CURVE_DOMAIN_COUNT; domain++) {
        keyring_news_t news;
        keyring_look(self->rings[domain], &news);
        if (news.removed > 0) {
            atomic_store_explicit(&self->removed[domain], true, memory_order_relaxed);
        }
        if (news.changed) {
            log_event(LOG_INFO, "keys-changed", "the certificates that are allowed have changed",
                      LOG_S("domain", curve_domain_names[domain]), LOG_N("allowed", news.count),
                      LOG_N("removed", news.removed), LOG_N("unusable", news.unusable));
        }
    }
}

static void
curve_say_refused(curve_t *self, curve_domain_t domain, const char *address, const char *key)
{
    curve_refusals_t *refusals = &self->refusals[domain];
    int64_t now = curve_now_msec();
    if (refusals->logged_msec != 0 && now - refusals->logged_msec < CURVE_LOG_MSEC) {
        refusals->silent++;
        return;
    }
    log_event(LOG_WARN, "key-refused", "somebody whose key is not allowed tried to connect",
              LOG_S("domain", curve_domain_names[domain]), LOG_S("address", address), LOG_S("publicKey", key),
              LOG_N("more", refusals->silent),
              LOG_S("hint", domain == CURVE_PROCESSES ? "if it is one of yours, put its .key into keys.allowed"
                                                      : "if it is one of yours, put its .key into keys.tools"));
    *refusals = (curve_refusals_t){.logged_msec = now};
}

typedef struct curve_request {
    char frames[CURVE_ZAP_FRAMES][CURVE_ZAP_FRAME_MAX + 1];
    size_t lengths[CURVE_ZAP_FRAMES];
    int count; /* may be more than were kept */
} curve_request_t;

/* One request of libzmq's (RFC 27). False: none is there. */
static bool
curve_read(curve_t *self, curve_request_t *request)
{
    request->count = 0;
    for (int more = 1; more;) {
        char rest[CURVE_ZAP_FRAME_MAX + 1];
        bool kept = request->count < CURVE_ZAP_FRAMES;
        char *to = kept ? request->frames[request->count] : rest;
        int length = zmq_recv(self->zap, to, CURVE_ZAP_FRAME_MAX, ZMQ_DONTWAIT);
        if (length < 0) {
            return false;
        }
        size_t size = length < CURVE_ZAP_FRAME_MAX ? (size_t)length : CURVE_ZAP_FRAME_MAX;
        to[size] = '\0';
        if (kept) {
            request->lengths[request->count] = size;
        }
        request->count++;
        size = sizeof more;
        zmq_getsockopt(self->zap, ZMQ_RCVMORE, &more, &size);
    }
    return true;
}

static void
curve_answer(curve_t *self, const curve_request_t *request, const char *status, const char *text, const char *user)
{
    const char *frames[] = {"1.0", request->frames[1], status, text, user, ""};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        zmq_send(self->zap, frames[i], strlen(frames[i]), i + 1 < sizeof frames / sizeof *frames ? ZMQ_SNDMORE : 0);
    }
}

static int
curve_domain_of(const char *name)
{
    int domain = 0;
    while (domain < CURVE_DOMAIN_COUNT && strcmp(curve_domain_names[domain], name) != 0) {
        domain++;
    }
    return domain;
}

static void
curve_judge(curve_t *self, const curve_request_t *request)
{
    int domain = request->count > 2 ? curve_domain_of(request->frames[2]) : CURVE_DOMAIN_COUNT;
    if (request->count != CURVE_ZAP_FRAMES || domain == CURVE_DOMAIN_COUNT || strcmp(request->frames[0], "1.0") != 0 ||
        strcmp(request->frames[5], "CURVE") != 0 || request->lengths[6] != CURVE_KEY_BYTES) {
        log_event(LOG_ERROR, "handshake-not-understood", "a socket asks about a peer as this program never does");
        curve_answer(self, request, "500", "not understood", "");
        return;
    }
    char key[CERT_KEY_SIZE], name[CERT_NAME_MAX + 1];
    ACT_ASSERT(zmq_z85_encode(key, (const uint8_t *)request->frames[6], CURVE_KEY_BYTES) != NULL);
    curve_look(self, CURVE_LOOK_MIN_MSEC);
    if (curve_domain_allows(self, (curve_domain_t)domain, key, name)) {
        atomic_fetch_add_explicit(&self->allowed[domain], 1, memory_order_relaxed);
        log_event(LOG_DEBUG, "key-allowed", "a peer has proved its key", LOG_S("domain", curve_domain_names[domain]),
                  LOG_S("address", request->frames[3]), LOG_S("certificate", name));
        curve_answer(self, request, "200", "OK", key);
        return;
    }
    atomic_fetch_add_explicit(&self->refused[domain], 1, memory_order_relaxed);
    curve_say_refused(self, (curve_domain_t)domain, request->frames[3], key);
    /* After 400 a peer's libzmq never tries again; after 300 it does when its handshake has timed out. */
    curve_answer(self, request, domain == CURVE_PROCESSES ? "300" : "400", "the key is not allowed", "");
}

/* Until curve_destroy, or the end of the context. */
static void *
curve_main(void *me)
{
    curve_t *self = me;
    zmq_pollitem_t items[] = {{.socket = self->zap, .events = ZMQ_POLLIN}, {.fd = self->quit, .events = ZMQ_POLLIN}};
    while (!(items[1].revents & ZMQ_POLLIN) && (zmq_poll(items, 2, CURVE_LOOK_MSEC) >= 0 || errno != ETERM)) {
        curve_request_t request;
        while (curve_read(self, &request)) {
            curve_judge(self, &request);
        }
        curve_look(self, CURVE_LOOK_MSEC);
    }
    zmq_close(self->zap);
    return NULL;
}

/* ---- life ---- */

/* False: the context has a handler already. */
static bool
curve_start(curve_t *self, void *zmq)
{
    int linger = 0;
    self->zap = zmq_socket(zmq, ZMQ_REP);
    ACT_ASSERT(self->zap != NULL);
    zmq_setsockopt(self->zap, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_bind(self->zap, "inproc://zeromq.zap.01") != 0) {
        zmq_close(self->zap);
        self->zap = NULL;
        return false;
    }
    self->quit = eventfd(0, EFD_CLOEXEC);
    ACT_ASSERT(self->quit >= 0);
    sigset_t all, before; /* signals are for the thread that started us */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&self->thread, NULL, curve_main, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ACT_ASSERT(error == 0);
    return true;
}

curve_t *
curve_new(void *zmq, const curve_config_t *config, char *why, size_t why_size)
{
    curve_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    char fault[256];
    if (!cert_read_secret(config->secret, &self->own, fault, sizeof fault)) {
        snprintf(why, why_size, "keys.secret '%s' %s", config->secret, fault);
        curve_destroy(&self);
        return NULL;
    }
    const char *folders[CURVE_DOMAIN_COUNT] = {config->allowed, config->tools};
    for (int domain = 0; domain < CURVE_DOMAIN_COUNT; domain++) {
        self->rings[domain] = keyring_open(folders[domain], why, why_size);
        if (self->rings[domain] == NULL) {
            curve_destroy(&self);
            return NULL;
        }
    }
    self->looked_msec = curve_now_msec();
    if (zmq != NULL && !curve_start(self, zmq)) {
        snprintf(why, why_size, "the keys are already in use in this process");
        curve_destroy(&self);
    }
    return self;
}

void
curve_destroy(curve_t **self_p)
{
    curve_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    if (self->zap != NULL) {
        uint64_t one = 1;
        ACT_ASSERT(write(self->quit, &one, sizeof one) == sizeof one);
        pthread_join(self->thread, NULL);
        close(self->quit);
    }
    for (int domain = 0; domain < CURVE_DOMAIN_COUNT; domain++) {
        keyring_destroy(&self->rings[domain]);
    }
    cert_wipe(&self->own);
    free(self);
    *self_p = NULL;
}

/* ---- sockets ---- */

static void
curve_set(void *socket, int option, const void *value, size_t size)
{
    ACT_ASSERT(zmq_setsockopt(socket, option, value, size) == 0);
}

void
curve_server(curve_t *self, void *socket, curve_domain_t domain)
{
    int handshake = CURVE_HANDSHAKE_MSEC, yes = 1;
    curve_set(socket, ZMQ_HANDSHAKE_IVL, &handshake, sizeof handshake);
    if (self == NULL) {
        return;
    }
    curve_set(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes);
    curve_set(socket, ZMQ_CURVE_SECRETKEY, self->own.secret_key, CERT_KEY_SIZE);
    curve_set(socket, ZMQ_ZAP_DOMAIN, curve_domain_names[domain], strlen(curve_domain_names[domain]));
    curve_set(socket, CURVE_ZAP_ENFORCE_DOMAIN, &yes, sizeof yes);
}

bool
curve_client(curve_t *self, void *socket, const char *server_public_key)
{
    int handshake = CURVE_HANDSHAKE_MSEC;
    curve_set(socket, ZMQ_HANDSHAKE_IVL, &handshake, sizeof handshake);
    if (self == NULL) {
        return true;
    }
    if (!curve_allows(self, server_public_key)) {
        return false;
    }
    curve_set(socket, ZMQ_CURVE_SERVERKEY, server_public_key, CERT_KEY_SIZE);
    curve_set(socket, ZMQ_CURVE_PUBLICKEY, self->own.public_key, CERT_KEY_SIZE);
    curve_set(socket, ZMQ_CURVE_SECRETKEY, self->own.secret_key, CERT_KEY_SIZE);
    return true;
}

const char *
curve_public(const curve_t *self)
{
    return self != NULL ? self->own.public_key : "";
}

bool
curve_public_of(curve_t *self, const char *name, char public_key[CERT_KEY_SIZE])
{
    return keyring_find(self->rings[CURVE_PROCESSES], name, public_key);
}

void
curve_count(curve_t *self, curve_counts_t *counts)
{
    for (int domain = 0; domain < CURVE_DOMAIN_COUNT; domain++) {
        counts->allowed[domain] = atomic_load_explicit(&self->allowed[domain], memory_order_relaxed);
        counts->refused[domain] = atomic_load_explicit(&self->refused[domain], memory_order_relaxed);
        counts->stale[domain] = atomic_load_explicit(&self->stale[domain], memory_order_relaxed);
    }
}

static void
curve_report_one(act_ctx_t *ctx, metric_id_t metric, uint64_t now, uint64_t *reported)
{
    if (now != *reported) {
        act_count(ctx, metric, 0, now - *reported);
        *reported = now;
    }
}

void
curve_report(curve_t *self, curve_domain_t domain, act_ctx_t *ctx)
{
    if (self == NULL) {
        return;
    }
    curve_counts_t now;
    curve_count(self, &now);
    curve_report_one(ctx, METRIC_KEYS_ALLOWED, now.allowed[domain], &self->reported.allowed[domain]);
    curve_report_one(ctx, METRIC_KEYS_REFUSED, now.refused[domain], &self->reported.refused[domain]);
    curve_report_one(ctx, METRIC_KEYS_STALE, now.stale[domain], &self->reported.stale[domain]);
}

const char *
curve_endpoint(const char *text, char name[CERT_NAME_MAX + 1])
{
    size_t length = strcspn(text, "@");
    name[0] = '\0';
    if (text[length] == '\0') {
        return text;
    }
    if (length > CERT_NAME_MAX) {
        return NULL;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    return cert_name_is_good(name) ? text + length + 1 : NULL;
}
