#include "admin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "bench_stats.h"
#include "cli_words.h"
#include "client_http.h"
#include "nearest.h"

enum {
    ADMIN_WAIT_SEC = 15, /* the server itself answers within 10 */
    ADMIN_BODY_CAP = 2048,
    ADMIN_EVENTS_CAP = 4,
    ADMIN_JSON_CAP = CLIENT_HTTP_IN_CAP, /* what was read can be written */
    ADMIN_PATH_CAP = 128,
};

typedef struct admin_exchange {
    bool answered;
    int status; /* 0: no server */
    size_t length;
    char body[CLIENT_HTTP_IN_CAP + 1];
} admin_exchange_t;

static void
admin_answered(void *owner, int status, const char *body, size_t length)
{
    admin_exchange_t *exchange = owner;
    exchange->answered = true;
    exchange->status = status;
    exchange->length = length < CLIENT_HTTP_IN_CAP ? length : CLIENT_HTTP_IN_CAP;
    memcpy(exchange->body, body, exchange->length);
    exchange->body[exchange->length] = '\0';
}

/* False: no answer in time, or no socket at all (said). */
static bool
admin_exchange(const client_peer_t *peer, const char *path, const char *body, admin_exchange_t *exchange)
{
    static client_http_t http;
    exchange->answered = false;
    client_http_init(&http, peer, admin_answered, exchange);
    client_http_ask(&http, body ? "POST" : "GET", path, NULL, body);
    int64_t deadline = bench_now() + (int64_t)ADMIN_WAIT_SEC * 1000000;
    for (int64_t left = 1; !exchange->answered && left > 0; left = deadline - bench_now()) {
        struct epoll_event events[ADMIN_EVENTS_CAP];
        int count = epoll_wait(peer->epoll, events, ADMIN_EVENTS_CAP, (int)(left / 1000) + 1);
        for (int i = 0; i < count; i++) {
            client_source_t *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
    }
    client_http_fini(&http);
    return exchange->answered;
}

/* ---- what went wrong ---- */

/* Does the server list its instances, and not this one? Then `hint` is what to say about it. */
static bool
admin_is_unknown(const char *instance, const client_peer_t *peer, admin_exchange_t *exchange, char *hint, size_t size)
{
    static obj_instance_list_t list;
    codec_fault_t fault;
    if (!admin_exchange(peer, "/admin/instances", NULL, exchange) || exchange->status != 200 ||
        codec_decode(CODEC_JSON, &type_instance_list, (const uint8_t *)exchange->body, exchange->length, &list,
                     &fault) != CODEC_OK) {
        return false;
    }
    nearest_t nearest = nearest_start(instance);
    for (uint32_t i = 0; i < list.instances_len; i++) {
        if (strcmp(list.instances[i].id, instance) == 0) {
            return false;
        }
        nearest_offer(&nearest, list.instances[i].id);
    }
    nearest_hint(&nearest, hint, size);
    if (!*hint) {
        snprintf(hint, size, "; `playhouse instances` lists them");
    }
    return true;
}

static void
admin_tell_refusal(const admin_t *self, const client_peer_t *peer, admin_exchange_t *exchange)
{
    obj_http_error_t error;
    codec_fault_t fault;
    if (codec_decode(CODEC_JSON, &type_http_error, (const uint8_t *)exchange->body, exchange->length, &error, &fault) !=
        CODEC_OK) {
        fprintf(stderr, "playhouse %s: %s answered with status %d: is a playhouse server's admin.port there?\n",
                self->command, peer->host, exchange->status);
        return;
    }
    char hint[2 * NEAREST_WORD_CAP];
    if (error.code == ERROR_NOT_FOUND && self->instance &&
        admin_is_unknown(self->instance, peer, exchange, hint, sizeof(hint))) {
        fprintf(stderr, "playhouse %s: there is no instance '%s'%s\n", self->command, self->instance, hint);
        return;
    }
    char message[sizeof(error.message)];
    cli_plain_text(error.message, message, sizeof(message));
    fprintf(stderr, "playhouse %s: the server refused: %s: %s%s\n", self->command, error_names[error.code], message,
            error.transient ? "; trying again may help" : "");
}

static int
admin_understand(const admin_t *self, const client_peer_t *peer, admin_exchange_t *exchange,
                 const codec_type_t *answer_type, void *answer)
{
    codec_fault_t fault;
    if (exchange->status == 0) {
        fprintf(stderr, "playhouse %s: no server at %s: %s; is one running, and is this its admin.port?\n",
                self->command, peer->host, exchange->body);
        return EXIT_FAILURE;
    }
    if (exchange->status < 200 || exchange->status > 299) {
        admin_tell_refusal(self, peer, exchange);
        return EXIT_FAILURE;
    }
    codec_error_t error =
        codec_decode(CODEC_JSON, answer_type, (const uint8_t *)exchange->body, exchange->length, answer, &fault);
    if (error != CODEC_OK) {
        fprintf(stderr, "playhouse %s: the answer of %s cannot be read: %s%s%s: is it another build?\n", self->command,
                peer->host, fault.field, *fault.field ? ": " : "", codec_error_text(error));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* ---- asking ---- */

static bool
admin_open(const admin_t *self, client_peer_t *peer, int *status)
{
    char url[64];
    int64_t port = config_int(self->config, CONFIG_ADMIN_PORT);
    *status = 2;
    if (port == 0) {
        fprintf(stderr, "playhouse %s: admin.port is 0: give the one that the server printed, as --admin.port PORT\n",
                self->command);
        return false;
    }
    *status = EXIT_FAILURE;
    snprintf(url, sizeof(url), "http://127.0.0.1:%lld", (long long)port);
    return client_peer_open(peer, url, false);
}

int
admin_ask(const admin_t *self, const char *rest, const codec_type_t *body_type, const void *body,
          const codec_type_t *answer_type, void *answer)
{
    static admin_exchange_t exchange;
    client_peer_t peer;
    int status = EXIT_FAILURE;
    if (!admin_open(self, &peer, &status)) {
        return status;
    }
    char path[ADMIN_PATH_CAP];
    char text[ADMIN_BODY_CAP];
    snprintf(path, sizeof(path), "/admin/instances%s%s%s", self->instance ? "/" : "",
             self->instance ? self->instance : "", rest);
    size_t length = body ? codec_encode(CODEC_JSON, body_type, NULL, body, (uint8_t *)text, sizeof(text) - 1) : 0;
    text[length] = '\0';
    if (admin_exchange(&peer, path, body ? text : NULL, &exchange)) {
        status = admin_understand(self, &peer, &exchange, answer_type, answer);
    } else {
        fprintf(stderr, "playhouse %s: no answer from %s in %d s\n", self->command, peer.host, ADMIN_WAIT_SEC);
    }
    client_peer_close(&peer);
    return status;
}

/* ---- showing ---- */

/* "open", or everything that is not as usual. */
static void
admin_print_state(const obj_instance_info_t *instance, FILE *out)
{
    const char *comma = "";
    if (instance->drain) {
        fprintf(out, "draining");
        comma = ", ";
    }
    if (instance->degraded) {
        fprintf(out, "%sdegraded", comma);
        comma = ", ";
    }
    if (instance->maintenance) {
        fprintf(out, "%smaintenance", comma);
        comma = ", ";
    }
    if (instance->maintenance && instance->has_ends_in_seconds) {
        char left[CLI_SECONDS_TEXT_CAP];
        cli_seconds_text(instance->ends_in_seconds, left);
        fprintf(out, " that ends sessions in %s", left);
    }
    fprintf(out, "%s", *comma ? "" : "open");
    if (instance->maintenance && instance->has_message) {
        char message[sizeof(instance->message)];
        cli_plain_text(instance->message, message, sizeof(message));
        fprintf(out, ": %s", message);
    }
    fprintf(out, "\n");
}

void
admin_print_instances(const obj_instance_info_t *instances, uint32_t count, FILE *out)
{
    int width = (int)strlen("INSTANCE");
    for (uint32_t i = 0; i < count; i++) {
        int length = (int)strlen(instances[i].id);
        width = length > width ? length : width;
    }
    fprintf(out, "%-*s  %8s  %8s  %10s  %8s  %8s  STATE\n", width, "INSTANCE", "CAPACITY", "ACTIVE", "CONNECTING",
            "GRACE", "WAITING");
    for (uint32_t i = 0; i < count; i++) {
        const obj_instance_info_t *it = &instances[i];
        fprintf(out, "%-*s  %8lld  %8lld  %10lld  %8lld  %8lld  ", width, it->id, (long long)it->capacity,
                (long long)it->active, (long long)it->connecting, (long long)it->grace, (long long)it->waiting);
        admin_print_state(it, out);
    }
}

void
admin_print_json(const codec_type_t *type, const void *body, FILE *out)
{
    static uint8_t json[ADMIN_JSON_CAP];
    size_t length = codec_encode(CODEC_JSON, type, NULL, body, json, sizeof(json));
    fwrite(json, 1, length, out);
    fputc('\n', out);
}
