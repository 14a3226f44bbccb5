#include "keyset_https_get.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "keyset_shelf.h"
#include "log.h"

typedef struct keyset_body {
    char *text;
    size_t used;
} keyset_body_t;

static size_t
keyset_body_write(char *data, size_t size, size_t count, void *context)
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
keyset_body_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    const atomic_bool *stopping = context;
    return atomic_load(stopping) ? 1 : 0;
}

static CURLcode
keyset_https_transfer(CURL *curl, const char *url, bool plain, const atomic_bool *stopping, keyset_body_t *body,
                      long *status)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)KEYSET_CONNECT_MSEC);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)KEYSET_TOTAL_MSEC);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, keyset_body_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stopping);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keyset_body_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (plain) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return code;
}

static void
keyset_https_setup(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void
keyset_https_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, keyset_https_setup);
}

char *
keyset_https_get(const char *url, bool plain, const atomic_bool *stopping)
{
    keyset_https_once();
    keyset_body_t body = {.text = keyset_allocate(KEYSET_BYTES_MAX + 1)};
    long status = 0;
    CURL *curl = curl_easy_init();
    CURLcode code =
        curl == NULL ? CURLE_FAILED_INIT : keyset_https_transfer(curl, url, plain, stopping, &body, &status);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK && status == 200 && memchr(body.text, '\0', body.used) == NULL) {
        body.text[body.used] = '\0';
        return body.text;
    }
    free(body.text);
    if (!atomic_load(stopping)) {
        log_event(LOG_WARN, "keys-unreachable",
                  "cannot fetch the identity provider's keys; tokens of known keys go on, see auth.issuer, auth.jwks",
                  LOG_S("url", url), LOG_S("why", curl_easy_strerror(code)), LOG_N("status", status));
    }
    return NULL;
}

bool
keyset_https_allowed(const char *url, bool *plain)
{
    keyset_https_once();
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

bool
keyset_https_extensible(const char *url)
{
    CURLU *parts = curl_url();
    bool extensible = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                      strpbrk(url, "?#") == NULL; /* also an empty query or fragment, which curl does not tell */
    char *user = NULL;
    if (extensible && curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        extensible = false;
    }
    curl_free(user);
    curl_url_cleanup(parts);
    return extensible;
}
