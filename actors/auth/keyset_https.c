/* The two forms of the key set that ask the provider: at the URL of its keys, or first where that is. A thread of
 * their own waits for it. */
#include "keyset_shelf.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyset_discover.h"
#include "keyset_https_get.h"
#include "log.h"

typedef struct keyset_https {
    keyset_t port;
    keyset_shelf_t shelf;
    pthread_cond_t wake; /* with the shelf's lock: `wanted` or `stopping` was set */
    bool wanted;
    atomic_bool stopping; /* also read during a transfer, without the lock */
    bool discover;        /* `url` is the issuer, and says where the keys are */
    bool plain;           /* http to a loopback host */
    pthread_t thread;
    char url[];
} keyset_https_t;

/* Where the keys are now, by what the provider says. False after a line in the log. It is asked in each reading: a
 * provider may move its keys while the old place still answers. */
static bool
keyset_https_discover(const keyset_https_t *self, char url[KEYSET_URL_SIZE], bool *plain)
{
    char where[KEYSET_URL_SIZE];
    const char *why = NULL;
    keyset_discover_url(self->url, where); /* it fits: keyset_discover_new has looked */
    char *document = keyset_https_get(where, self->plain, &self->stopping);
    if (document == NULL) {
        return false;
    }
    bool good = keyset_discover_read(document, self->url, url, &why);
    free(document);
    if (good && (!keyset_https_allowed(url, plain) || (*plain && !self->plain))) {
        why = "its jwks_uri is not https, nor, as the issuer is, http of a loopback host";
        good = false;
    }
    if (!good) {
        log_event(LOG_WARN, "discovery-bad",
                  "cannot take the provider's word for where its keys are; see auth.issuer, or set auth.jwks",
                  LOG_S("url", where), LOG_S("why", why));
    }
    return good;
}

/* The JWKS, malloc'd, or NULL after a line in the log. */
static char *
keyset_https_fetch(const keyset_https_t *self)
{
    char url[KEYSET_URL_SIZE];
    bool plain = false;
    if (!self->discover) {
        return keyset_https_get(self->url, self->plain, &self->stopping);
    }
    return keyset_https_discover(self, url, &plain) ? keyset_https_get(url, plain, &self->stopping) : NULL;
}

static void *
keyset_https_run(void *context)
{
    keyset_https_t *self = context;
    pthread_mutex_lock(&self->shelf.lock);
    while (!atomic_load(&self->stopping)) {
        if (!self->wanted) {
            pthread_cond_wait(&self->wake, &self->shelf.lock);
            continue;
        }
        pthread_mutex_unlock(&self->shelf.lock);
        char *text = keyset_https_fetch(self);
        pthread_mutex_lock(&self->shelf.lock);
        self->wanted = false;
        keyset_shelf_put(&self->shelf, text);
    }
    pthread_mutex_unlock(&self->shelf.lock);
    return NULL;
}

static void
keyset_https_refresh(keyset_t *port)
{
    keyset_https_t *self = (keyset_https_t *)port;
    pthread_mutex_lock(&self->shelf.lock);
    self->wanted = true;
    self->shelf.state = KEYSET_LOADING;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->shelf.lock);
}

static keyset_state_t
keyset_https_poll(keyset_t *port, uint64_t *generation, char **jwks)
{
    keyset_https_t *self = (keyset_https_t *)port;
    pthread_mutex_lock(&self->shelf.lock);
    keyset_state_t state = keyset_shelf_poll(&self->shelf, generation, jwks);
    pthread_mutex_unlock(&self->shelf.lock);
    return state;
}

static void
keyset_https_free(keyset_https_t *self)
{
    pthread_cond_destroy(&self->wake);
    keyset_shelf_fini(&self->shelf);
    free(self);
}

static void
keyset_https_destroy(keyset_t *port)
{
    keyset_https_t *self = (keyset_https_t *)port;
    pthread_mutex_lock(&self->shelf.lock);
    atomic_store(&self->stopping, true);
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->shelf.lock);
    pthread_join(self->thread, NULL);
    keyset_https_free(self);
}

/* The thread takes no signals: those are for main. */
static int
keyset_https_start(keyset_https_t *self)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&self->thread, NULL, keyset_https_run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static keyset_t *
keyset_https_open(const char *url, bool discover, char *error, size_t error_size)
{
    bool plain = false;
    if (!keyset_https_allowed(url, &plain)) {
        snprintf(error, error_size, "cannot take keys from %s: only https is safe (http: loopback hosts only)", url);
        return NULL;
    }
    size_t size = strlen(url) + 1;
    keyset_https_t *self = keyset_allocate(sizeof *self + size);
    self->port = (keyset_t){keyset_https_refresh, keyset_https_poll, keyset_https_destroy};
    self->discover = discover;
    self->plain = plain;
    memcpy(self->url, url, size);
    keyset_shelf_init(&self->shelf, KEYSET_AWAY);
    pthread_cond_init(&self->wake, NULL);
    int failed = keyset_https_start(self);
    if (failed != 0) {
        snprintf(error, error_size, "cannot start the thread that fetches keys: %s", strerror(failed));
        keyset_https_free(self);
        return NULL;
    }
    return &self->port;
}

keyset_t *
keyset_https_new(const char *url, char *error, size_t error_size)
{
    return keyset_https_open(url, false, error, error_size);
}

keyset_t *
keyset_discover_new(const char *issuer, char *error, size_t error_size)
{
    char where[KEYSET_URL_SIZE];
    bool plain = false;
    if (keyset_https_allowed(issuer, &plain) &&
        (!keyset_https_extensible(issuer) || !keyset_discover_url(issuer, where))) {
        snprintf(error, error_size,
                 "cannot ask the issuer %.200s for its keys: it has a user, a query or a fragment, "
                 "or is too long; set auth.jwks to the https URL of the keys",
                 issuer);
        return NULL;
    }
    return keyset_https_open(issuer, true, error, error_size);
}
