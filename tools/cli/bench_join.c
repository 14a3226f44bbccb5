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

typedef enum bench_step {
    STEP_VERSION,
    STEP_TOKEN,
    STEP_LIST,
    STEP_CREATE,
    STEP_CONNECT,
    STEP_SOCKET,
    STEP_LEAVE
} bench_step_t;

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

int64_t
bench_count(const bench_t *self, bench_state_t state)
{
    int64_t count = 0;
    for (int64_t i = 0; i < self->sessions_count; i++) {
        count += self->sessions[i].state == state;
    }
    return count;
}

void
bench_poll(bench_t *self, int64_t usec)
{
    struct epoll_event events[BENCH_EVENTS_CAP];
    int count = epoll_wait(self->peer.epoll, events, BENCH_EVENTS_CAP, usec > 0 ? (int)((usec + 999) / 1000) : 0);
    for (int i = 0; i < count; i++) {
        client_source_t *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
}

static bool
bench_server_costs(const bench_pids_t *servers, bench_costs_t *costs)
{
    costs->server = (bench_usage_t){0};
    for (size_t i = 0; i < servers->count; i++) {
        if (!bench_usage_read(servers->pids[i], &costs->parts[i])) {
            return false;
        }
        costs->server.cpu_usec += costs->parts[i].cpu_usec;
        costs->server.rss += costs->parts[i].rss;
    }
    return true;
}

bool
bench_costs(bench_t *self, bench_costs_t *costs)
{
    const bench_options_t *options = self->options;
    return bench_server_costs(&options->servers, costs) &&
           (options->registry_pid == 0 || bench_usage_read(options->registry_pid, &costs->registry)) &&
           (options->store_pid == 0 || bench_usage_read_family(options->store_pid, &costs->store));
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
bench_joiner_free(bench_session_t *session, const char *why)
{
    if (session->joiner) {
        bench_joiner_done(session->joiner, why);
    } else if (why) {
        session->state = BENCH_GONE;
        bench_ws_close(&session->ws);
        bench_tally_add(&session->bench->failures, why);
    }
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
        client_http_ask(&self->http, "POST", bench->options->token_path, NULL, body);
        return;
    case STEP_LIST:
        client_http_ask(&self->http, "GET", "/api/characters", session->token, NULL);
        return;
    case STEP_CREATE:
        snprintf(body, sizeof(body), "{\"name\":\"%s-%lld\"}", bench->options->users, number);
        client_http_ask(&self->http, "POST", "/api/characters", session->token, body);
        return;
    case STEP_CONNECT:
        snprintf(body, sizeof(body), "{\"build\":\"%s\"}", bench->build);
        client_http_ask(&self->http, "POST", "/instances/plaza/connect", session->token, body);
        return;
    case STEP_LEAVE:
        client_http_ask(&self->http, "POST", "/instances/plaza/leave", session->token, "{}");
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

/* Who is to wait must be told to, everybody else must be admitted: then *secret is what opens the session. */
static const char *
bench_outcome(const bench_session_t *session, const obj_connect_result_t *result, const char **secret)
{
    bool waits = session->part == BENCH_WATCHER;
    if (result->outcome == OUTCOME_ADMITTED && waits) {
        return "admitted: --sessions must be the instance's capacity";
    }
    bool wanted = waits ? result->outcome == OUTCOME_QUEUED && result->has_reconnect_token && result->has_position
                        : result->outcome == OUTCOME_ADMITTED && result->has_ticket;
    if (!wanted) {
        return result->has_reason ? reason_names[result->reason] : outcome_names[result->outcome];
    }
    *secret = waits ? result->reconnect_token : result->ticket;
    return NULL;
}

static void
bench_on_connect(bench_joiner_t *self, const char *body, size_t length)
{
    static obj_connect_result_t result;
    codec_fault_t fault;
    bench_session_t *session = self->session;
    const char *secret = NULL;
    if (codec_decode(CODEC_JSON, &type_connect_result, (const uint8_t *)body, length, &result, &fault) != CODEC_OK) {
        bench_joiner_done(self, "the answer to connect cannot be read");
        return;
    }
    const char *failure = bench_outcome(session, &result, &secret);
    if (failure) {
        bench_joiner_done(self, failure);
        return;
    }
    if (session->entry) {
        bench_stats_add(&session->entry->connect, bench_now() - session->since);
    }
    snprintf(session->secret, sizeof(session->secret), "%s", secret);
    session->place = result.has_position ? result.position : 0;
    self->step = STEP_SOCKET;
    if (!bench_ws_open(&session->ws, &self->bench->peer, &bench_session_events, self->bench->options->format)) {
        bench_joiner_done(self, "cannot open a socket");
    }
}

/* The place in the queue was given up, and with it the socket that watched it. */
static void
bench_on_left(bench_joiner_t *self, const char *body, size_t length)
{
    obj_leave_result_t result;
    codec_fault_t fault;
    bool left =
        codec_decode(CODEC_JSON, &type_leave_result, (const uint8_t *)body, length, &result, &fault) == CODEC_OK &&
        result.left;
    bench_session_t *session = self->session;
    session->state = BENCH_GONE;
    bench_ws_close(&session->ws);
    bench_joiner_done(self, left ? NULL : "a place in the queue could not be given up");
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
    case STEP_LEAVE:
        bench_on_left(self, body, length);
        return;
    case STEP_SOCKET:
        return;
    }
}

static void
bench_joiner_take(bench_joiner_t *self, bench_session_t *session)
{
    self->session = session;
    session->joiner = self;
}

bool
bench_connect(bench_session_t *session, int64_t since, bench_entry_t *entry)
{
    bench_t *bench = session->bench;
    for (int64_t i = 0; i < bench->options->joiners; i++) {
        if (!bench->joiners[i].session) {
            bench_joiner_take(&bench->joiners[i], session);
            session->state = BENCH_ASKING;
            session->since = since;
            session->entry = entry;
            bench_joiner_ask(&bench->joiners[i], STEP_CONNECT);
            return true;
        }
    }
    return false;
}

int64_t
bench_connecting(const bench_t *self)
{
    int64_t count = 0;
    for (int64_t i = 0; i < self->options->joiners; i++) {
        count += self->joiners[i].session != NULL;
    }
    return count;
}

/* Gives a session of this phase to a free joiner; false: there is none. */
static bool
bench_phase_step(bench_t *self, bench_session_t *session)
{
    static const bench_state_t wanted[] = {
        [BENCH_PREPARE] = BENCH_NEW, [BENCH_ENTER] = BENCH_READY, [BENCH_END] = BENCH_WAITING};
    if (session->state != wanted[self->phase]) {
        self->finished++;
        return true;
    }
    if (self->phase == BENCH_ENTER) {
        return bench_connect(session, bench_now(), session->part == BENCH_WATCHER ? &self->waits : &self->joins);
    }
    for (int64_t i = 0; i < self->options->joiners; i++) {
        if (!self->joiners[i].session) {
            bench_joiner_take(&self->joiners[i], session);
            bench_step_t first = session->token ? STEP_LIST : STEP_TOKEN;
            bench_joiner_ask(&self->joiners[i], self->phase == BENCH_END ? STEP_LEAVE : first);
            return true;
        }
    }
    return false;
}

bool
bench_run_phase(bench_t *self, bench_phase_t phase, int64_t first, int64_t last, const char *what)
{
    int64_t limit = BENCH_PHASE_SEC + (last - first) / BENCH_PHASE_PER_SEC;
    int64_t deadline = bench_now() + limit * 1000000;
    self->phase = phase;
    self->next = first;
    self->last = last;
    self->finished = 0;
    while (self->finished < last - first) {
        while (self->next < last && bench_phase_step(self, &self->sessions[self->next])) {
            self->next++;
        }
        if (self->finished < last - first) {
            bench_poll(self, 100000);
        }
        if (bench_now() > deadline) {
            fprintf(stderr, "%s took longer than %lld s: %lld of %lld done\n", what, (long long)limit,
                    (long long)self->finished, (long long)(last - first));
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
    client_http_ask(&joiner->http, "GET", "/api/version", NULL, NULL);
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
    for (int64_t i = 0; i < self->sessions_count && good; i++) {
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
        client_http_init(&self->joiners[i].http, &self->peer, bench_joiner_answered, &self->joiners[i]);
    }
    for (int64_t i = 0; i < self->sessions_count; i++) {
        bench_part_t other = self->options->queue ? BENCH_WATCHER : BENCH_VISITOR;
        self->sessions[i].bench = self;
        self->sessions[i].ws.fd = -1;
        self->sessions[i].part = i < self->options->sessions ? BENCH_PLAYER : other;
    }
    return bench_ask_version(self) && (self->options->token_path || bench_sign(self)) &&
           bench_run_phase(self, BENCH_PREPARE, 0, self->sessions_count, "making characters");
}

bool
bench_join(bench_t *self)
{
    if (!bench_costs(self, &self->before_join)) {
        return false;
    }
    int64_t start = bench_now();
    bool good = bench_run_phase(self, BENCH_ENTER, 0, self->options->sessions, "joining");
    self->join_usec = bench_now() - start;
    if (good && self->joined == 0) {
        fprintf(stderr, "no session is in\n");
    }
    for (int64_t i = 0; i < self->options->joiners; i++) {
        client_http_fini(&self->joiners[i].http);
    }
    return bench_costs(self, &self->after_join) && good;
}
