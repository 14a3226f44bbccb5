#include "keyset_shelf.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum {
    KEYSET_CONNECT_MSEC = 3000,
    KEYSET_TOTAL_MSEC = 5000,
};

typedef struct keyset_https {
    keyset_t port;
    keyset_shelf_t shelf;
    pthread_cond_t wake; /* with the shelf's lock: `wanted` or `stopping` was set */
    bool wanted;
    atomic_bool stopping; /* also read by curl's progress callback, without the lock */
    bool plain;           /* http to a loopback host */
    pthread_t thread;
    char url[];
} keyset_https_t;

typedef struct keyset_body {
    char *text;
    size_t used;
} keyset_body_t;

static size_t
keyset_https_write(char *data, size_t size, size_t count, void *context)
{
    keyset_body_t *body = context;
    size_t length = size * count; /* curl: size is 1 */
    if (length > KEYSET_BYTES_MAX - body->used) {
        return 0; /* too large: curl ends the transfer with an error */
    }
    memcpy(body->text + body->used, data, length);
    body->used += length;
    return length;
}

static int
keyset_https_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    keyset_https_t *self = context;
    return atomic_load(&self->stopping) ? 1 : 0;
}

static CURLcode
keyset_https_transfer(keyset_https_t *self, CURL *curl, keyset_body_t *body, long *status)
{
    curl_easy_setopt(curl, CURLOPT_URL, &self->url[0]);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, self->plain ? "http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)KEYSET_CONNECT_MSEC);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)KEYSET_TOTAL_MSEC);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keyset_https_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, self);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keyset_https_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (self->plain) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return code;
}

/* The JWKS, malloc'd, or NULL after a line in the log. */
static char *
keyset_https_fetch(keyset_https_t *self)
{
    keyset_body_t body = {.text = keyset_allocate(KEYSET_BYTES_MAX + 1)};
    long status = 0;
    CURL *curl = curl_easy_init();
    CURLcode code = curl == NULL ? CURLE_FAILED_INIT : keyset_https_transfer(self, curl, &body, &status);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK && status == 200 && memchr(body.text, '\0', body.used) == NULL) {
        body.text[body.used] = '\0';
        return body.text;
    }
    free(body.text);
    if (!atomic_load(&self->stopping)) {
        log_event(LOG_WARN, "keys-unreachable",
                  "cannot fetch the identity provider's keys; tokens of known keys go on, see auth.jwks",
                  LOG_S("url", self->url), LOG_S("why", curl_easy_strerror(code)), LOG_N("status", status));
    }
    return NULL;
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

/* Is this a URL that keys may come from? *plain: over http, from this machine. */
static bool
keyset_https_allowed(const char *url, bool *plain)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    bool allowed = false;
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool loopback = strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
        *plain = strcmp(scheme, "http") == 0;
        allowed = strcmp(scheme, "https") == 0 || (*plain && loopback);
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return allowed;
}

static void
keyset_https_setup(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
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

keyset_t *
keyset_https_new(const char *url, char *error, size_t error_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, keyset_https_setup);
    bool plain = false;
    if (!keyset_https_allowed(url, &plain)) {
        snprintf(error, error_size, "cannot take keys from %s: only https is safe (http: loopback hosts only)", url);
        return NULL;
    }
    size_t size = strlen(url) + 1;
    keyset_https_t *self = keyset_allocate(sizeof *self + size);
    self->port = (keyset_t){keyset_https_refresh, keyset_https_poll, keyset_https_destroy};
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
