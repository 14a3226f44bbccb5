#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "bench.h"
#include "dev_issuer.h"

enum {
    BENCH_EVENTS_CAP = 512,
    BENCH_PHASE_SEC = 30,      /* a phase may take this long, and */
    BENCH_PHASE_PER_SEC = 100, /* a second more for so many sessions */
};

typedef enum bench_step { STEP_VERSION, STEP_TOKEN, STEP_LIST, STEP_CREATE, STEP_CONNECT, STEP_SOCKET } bench_step_t;

void
bench_tally_add(bench_tally_t *self, const char *code)
{
    uint32_t row = 0;
    while (row < self->rows_count && strncmp(self->rows[row].code, code, BENCH_CODE_CAP - 1) != 0) {
        row++;
    }
    if (row == BENCH_CODES_CAP) {
        row--; /* the last row takes what is left over */
    } else if (row == self->rows_count) {
        snprintf(self->rows[row].code, BENCH_CODE_CAP, "%s", row == BENCH_CODES_CAP - 1 ? "others" : code);
        self->rows_count++;
    }
    self->rows[row].count++;
    self->count++;
}

void
bench_poll(bench_t *self, int64_t usec)
{
    struct epoll_event events[BENCH_EVENTS_CAP];
    int count = epoll_wait(self->peer.epoll, events, BENCH_EVENTS_CAP, usec > 0 ? (int)((usec + 999) / 1000) : 0);
    for (int i = 0; i < count; i++) {
        bench_source_t *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
}

bool
bench_usage(bench_t *self, bench_usage_t *usage)
{
    return self->options->pid == 0 || bench_usage_read(self->options->pid, usage);
}

/* The joiner is done with its session in this phase. */
static void
bench_joiner_done(bench_joiner_t *self, const char *failure)
{
    bench_session_t *session = self->session;
    self->session = NULL;
    if (session) {
        session->joiner = NULL;
        self->bench->finished++;
        if (failure) {
            session->state = BENCH_GONE;
            bench_ws_close(&session->ws);
            bench_tally_add(&self->bench->failures, failure);
        }
    }
    self->step = -1; /* the next one is taken from the loop, not from inside of this answer */
}

void
bench_joined(bench_session_t *session, const char *why)
{
    if (!why) {
        session->state = BENCH_PLAYING;
        session->bench->joined++;
        session->bench->playing++;
    }
    bench_joiner_done(session->joiner, why);
}

static void
bench_joiner_ask(bench_joiner_t *self, bench_step_t step)
{
    const bench_t *bench = self->bench;
    const bench_session_t *session = self->session;
    char body[256];
    long long number = (long long)(session - bench->sessions) + 1;
    self->step = step;
    switch (step) {
    case STEP_TOKEN:
        snprintf(body, sizeof(body), "{\"name\":\"%s-%lld\"}", bench->options->users, number);
        bench_http_ask(&self->http, "POST", bench->options->token_path, NULL, body);
        return;
    case STEP_LIST:
        bench_http_ask(&self->http, "GET", "/api/characters", session->token, NULL);
        return;
    case STEP_CREATE:
        snprintf(body, sizeof(body), "{\"name\":\"%s-%lld\"}", bench->options->users, number);
        bench_http_ask(&self->http, "POST", "/api/characters", session->token, body);
        return;
    case STEP_CONNECT:
        snprintf(body, sizeof(body), "{\"build\":\"%s\"}", bench->build);
        bench_http_ask(&self->http, "POST", "/instances/plaza/connect", session->token, body);
        return;
    case STEP_VERSION:
    case STEP_SOCKET:
        return; /* nothing is asked for a session here */
    }
}

static void
bench_on_version(bench_joiner_t *self, const char *body, size_t length)
{
    obj_version_info_t info;
    codec_fault_t fault;
    if (codec_decode(CODEC_JSON, &type_version_info, (const uint8_t *)body, length, &info, &fault) == CODEC_OK) {
        snprintf(self->bench->build, sizeof(self->bench->build), "%s", info.build);
    }
    self->step = -1;
}

static void
bench_on_token(bench_joiner_t *self, const char *body, size_t length)
{
    static obj_dev_token_t token;
    codec_fault_t fault;
    if (codec_decode(CODEC_JSON, &type_dev_token, (const uint8_t *)body, length, &token, &fault) != CODEC_OK) {
        bench_joiner_done(self, "the answer with the token cannot be read");
        return;
    }
    self->session->token = strdup(token.access_token);
    bench_joiner_ask(self, STEP_LIST);
}

static void
bench_on_list(bench_joiner_t *self, const char *body, size_t length)
{
    static obj_character_list_t list;
    codec_fault_t fault;
    if (codec_decode(CODEC_JSON, &type_character_list, (const uint8_t *)body, length, &list, &fault) != CODEC_OK) {
        bench_joiner_done(self, "the list of characters cannot be read");
    } else if (list.characters_len == 0) {
        bench_joiner_ask(self, STEP_CREATE);
    } else {
        self->session->state = BENCH_READY;
        bench_joiner_done(self, NULL);
    }
}

static void
bench_on_connect(bench_joiner_t *self, const char *body, size_t length)
{
    static obj_connect_result_t result;
    codec_fault_t fault;
    bench_session_t *session = self->session;
    if (codec_decode(CODEC_JSON, &type_connect_result, (const uint8_t *)body, length, &result, &fault) != CODEC_OK) {
        bench_joiner_done(self, "the answer to connect cannot be read");
    } else if (result.outcome != OUTCOME_ADMITTED || !result.has_ticket) {
        bench_joiner_done(self, result.has_reason ? reason_names[result.reason] : outcome_names[result.outcome]);
    } else {
        snprintf(session->ticket, sizeof(session->ticket), "%s", result.ticket);
        self->step = STEP_SOCKET;
        if (!bench_ws_open(&session->ws, &self->bench->peer, &bench_session_events, self->bench->options->format)) {
            bench_joiner_done(self, "cannot open a socket");
        }
    }
}

static void
bench_joiner_answered(void *owner, int status, const char *body, size_t length)
{
    bench_joiner_t *self = owner;
    if (status < 200 || status > 299) {
        char failure[BENCH_CODE_CAP];
        const char *code = strstr(body, "\"code\":\"");
        code = code ? code + strlen("\"code\":\"") : NULL;
        snprintf(failure, sizeof(failure), "%.*s", code ? (int)strcspn(code, "\"") : (int)length, code ? code : body);
        bench_joiner_done(self, failure);
        return;
    }
    switch ((bench_step_t)self->step) {
    case STEP_VERSION:
        bench_on_version(self, body, length);
        return;
    case STEP_TOKEN:
        bench_on_token(self, body, length);
        return;
    case STEP_LIST:
        bench_on_list(self, body, length);
        return;
    case STEP_CREATE:
        self->session->state = BENCH_READY;
        bench_joiner_done(self, NULL);
        return;
    case STEP_CONNECT:
        bench_on_connect(self, body, length);
        return;
    case STEP_SOCKET:
        return;
    }
}

/* Takes the next session of this phase. */
static void
bench_joiner_next(bench_joiner_t *self)
{
    bench_t *bench = self->bench;
    while (!self->session && bench->next < bench->options->sessions) {
        bench_session_t *session = &bench->sessions[bench->next++];
        if (session->state == BENCH_GONE) {
            bench->finished++;
            continue;
        }
        self->session = session;
        session->joiner = self;
        bool preparing = session->state == BENCH_NEW;
        session->state = preparing ? BENCH_NEW : BENCH_ASKING;
        bench_joiner_ask(self, !preparing ? STEP_CONNECT : session->token ? STEP_LIST : STEP_TOKEN);
    }
}

/* Until every session was through its joiner. */
static bool
bench_phase(bench_t *self, const char *what)
{
    int64_t limit = BENCH_PHASE_SEC + self->options->sessions / BENCH_PHASE_PER_SEC;
    int64_t deadline = bench_now() + limit * 1000000;
    self->next = 0;
    self->finished = 0;
    while (self->finished < self->options->sessions) {
        for (int64_t i = 0; i < self->options->joiners; i++) {
            if (!self->joiners[i].session) {
                bench_joiner_next(&self->joiners[i]);
            }
        }
        if (self->finished < self->options->sessions) {
            bench_poll(self, 100000);
        }
        if (bench_now() > deadline) {
            fprintf(stderr, "%s took longer than %lld s: %lld of %lld done\n", what, (long long)limit,
                    (long long)self->finished, (long long)self->options->sessions);
            return false;
        }
    }
    return true;
}

static bool
bench_ask_version(bench_t *self)
{
    bench_joiner_t *joiner = &self->joiners[0];
    int64_t deadline = bench_now() + (int64_t)BENCH_PHASE_SEC * 1000000;
    joiner->step = STEP_VERSION;
    bench_http_ask(&joiner->http, "GET", "/api/version", NULL, NULL);
    while (joiner->step == STEP_VERSION && bench_now() < deadline) {
        bench_poll(self, 100000);
    }
    if (!self->build[0]) {
        fprintf(stderr, "no answer from %s/api/version: is a server running there?\n", self->options->url);
    }
    return self->build[0] != '\0';
}

static bool
bench_sign(bench_t *self)
{
    const bench_options_t *options = self->options;
    char error[256];
    dev_issuer_t *issuer = dev_issuer_new(options->dev_key, options->audience, error, sizeof(error));
    if (!issuer) {
        fprintf(stderr, "cannot sign tokens: %s\n", error);
        return false;
    }
    bool good = true;
    for (int64_t i = 0; i < options->sessions && good; i++) {
        char token[DEV_ISSUER_TOKEN_SIZE];
        char name[64];
        snprintf(name, sizeof(name), "%s-%lld", options->users, (long long)i + 1);
        good = dev_issuer_token(issuer, name, ROLE_PLAYER, (int64_t)time(NULL) * 1000, DEV_ISSUER_TTL_SECONDS, token,
                                sizeof(token));
        self->sessions[i].token = good ? strdup(token) : NULL;
        if (!good) {
            fprintf(stderr, "cannot sign a token for '%s': a name has 1 to 32 characters\n", name);
        }
    }
    dev_issuer_destroy(&issuer);
    return good;
}

bool
bench_prepare(bench_t *self)
{
    for (int64_t i = 0; i < self->options->joiners; i++) {
        self->joiners[i].bench = self;
        self->joiners[i].step = -1;
        bench_http_init(&self->joiners[i].http, &self->peer, bench_joiner_answered, &self->joiners[i]);
    }
    for (int64_t i = 0; i < self->options->sessions; i++) {
        self->sessions[i].bench = self;
        self->sessions[i].ws.fd = -1;
    }
    return bench_ask_version(self) && (self->options->token_path || bench_sign(self)) &&
           bench_phase(self, "making characters");
}

bool
bench_join(bench_t *self)
{
    if (!bench_usage(self, &self->before_join)) {
        return false;
    }
    int64_t start = bench_now();
    bool good = bench_phase(self, "joining");
    self->join_usec = bench_now() - start;
    if (good && self->joined == 0) {
        fprintf(stderr, "no session is in\n");
    }
    for (int64_t i = 0; i < self->options->joiners; i++) {
        bench_http_fini(&self->joiners[i].http);
    }
    return bench_usage(self, &self->after_join) && good;
}
