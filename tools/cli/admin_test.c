/* Operators' commands, beside a server of a few lines that hears what they ask and answers as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "config.h"
#include "msg.h"

enum { ANSWERS_MAX = 4, TEXT_CAP = 16384, OUT_CAP = 160 * 1024, WORDS_MAX = 12, INSTANCES_MAX = 64, MESSAGE_MAX = 200 };

typedef struct answer {
    int status;
    const char *body;
} answer_t;

/* ---- the server: one connection after the other, one answer each ---- */

typedef struct stub {
    int listener;
    int port;
    pthread_t thread;
    const answer_t *answers;
    int count;
    char heard[ANSWERS_MAX][TEXT_CAP]; /* read after the thread has ended */
} stub_t;

/* A request has come whole when its body has. */
static bool
is_whole(const char *text)
{
    const char *length = strstr(text, "Content-Length: ");
    const char *end = strstr(text, "\r\n\r\n");
    return length && end && strlen(end + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static void
stub_serve(stub_t *self, int i)
{
    int fd = accept(self->listener, NULL, NULL);
    size_t at = 0;
    while (fd >= 0 && !is_whole(self->heard[i])) {
        ssize_t got = recv(fd, self->heard[i] + at, TEXT_CAP - 1 - at, 0);
        if (got <= 0) {
            break;
        }
        at += (size_t)got;
    }
    char out[OUT_CAP];
    const answer_t *answer = &self->answers[i];
    int length =
        snprintf(out, sizeof(out), "HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                 answer->status, strlen(answer->body), answer->body);
    if (answer->status > 0) {
        send(fd, out, (size_t)length, MSG_NOSIGNAL);
    }
    close(fd);
}

static void *
stub_run(void *argument)
{
    stub_t *self = argument;
    for (int i = 0; i < self->count; i++) {
        stub_serve(self, i);
    }
    return NULL;
}

static void
stub_start(stub_t *self, const answer_t *answers, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *self = (stub_t){.answers = answers, .count = count};
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(self->listener >= 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(self->listener, 4), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &size), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, stub_run, self), 0);
}

/* Every answer must have been asked for. */
static void
stub_end(stub_t *self)
{
    shutdown(self->listener, SHUT_RDWR); /* whoever still waits in accept is woken */
    pthread_join(self->thread, NULL);
    close(self->listener);
}

/* ---- a command, its output and its exit status ---- */

typedef struct ended {
    int status;
    char out[OUT_CAP];
    char err[TEXT_CAP];
} ended_t;

static int
capture(FILE *stream, int *saved)
{
    int file = memfd_create("capture", MFD_CLOEXEC);
    assert_true(file >= 0);
    fflush(stream);
    *saved = dup(fileno(stream));
    assert_true(dup2(file, fileno(stream)) >= 0);
    return file;
}

static void
release(FILE *stream, int saved, int file, char *text, size_t size)
{
    fflush(stream);
    dup2(saved, fileno(stream));
    close(saved);
    ssize_t length = pread(file, text, size - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    close(file);
}

/* `words` end with NULL; the first one is the command's name. */
static const ended_t *
command(cli_run_fn *run, int port, const char *const *words)
{
    static ended_t ended;
    char *argv[WORDS_MAX + 1] = {0};
    int argc = 0;
    while (words[argc]) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    char flag[32];
    snprintf(flag, sizeof(flag), "--admin.port=%d", port);
    char *flags[] = {NULL, flag, NULL};
    int flags_count = 2;
    flags[0] = argv[0];
    config_t *config = config_new();
    assert_true(config_load_flags(config, &flags_count, flags, stderr));
    int out = -1;
    int err = -1;
    int out_file = capture(stdout, &out);
    int err_file = capture(stderr, &err);
    ended.status = run(argc, argv, config);
    release(stderr, err, err_file, ended.err, sizeof(ended.err));
    release(stdout, out, out_file, ended.out, sizeof(ended.out));
    config_destroy(&config);
    return &ended;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("'%s' is not in: %s", part, text);
    }
}

static stub_t stub;

/* Runs a command beside these answers; all of them have to be asked for. */
static const ended_t *
beside(const answer_t *answers, int count, cli_run_fn *run, const char *const *words)
{
    stub_start(&stub, answers, count);
    const ended_t *ended = command(run, stub.port, words);
    stub_end(&stub);
    for (int i = 0; i < count; i++) {
        assert_true(*stub.heard[i]);
    }
    return ended;
}

/* ---- what the server says ---- */

#define PLAZA(more)                                                                                                    \
    "{\"id\":\"plaza\",\"capacity\":500,\"connecting\":1,\"active\":3,\"grace\":2,\"waiting\":4," more                 \
    "\"degraded\":false}"
static const char open_plaza[] = PLAZA("\"drain\":false,\"maintenance\":false,");
static const char closing_plaza[] =
    PLAZA("\"drain\":true,\"maintenance\":true,\"endsInSeconds\":299,\"message\":\"back \\u001b[2Jsoon\",");
static const char plazas[] = "{\"instances\":[" PLAZA("\"drain\":false,\"maintenance\":false,") "]}";
static const char not_found[] = "{\"code\":\"NOT_FOUND\",\"message\":\"there is nothing here\",\"transient\":false,"
                                "\"traceId\":\"0123456789abcdef0123456789abcdef\"}";
static const char unavailable[] = "{\"code\":\"UNAVAILABLE\",\"message\":\"the store is away\",\"transient\":true,"
                                  "\"traceId\":\"0123456789abcdef0123456789abcdef\"}";

static void
instances_are_shown_as_a_table_or_as_json(void **state)
{
    (void)state;
    const answer_t answers[] = {{200, plazas}};
    const ended_t *ended = beside(answers, 1, cmd_instances, WORDS("instances"));
    assert_int_equal(ended->status, 0);
    assert_string_equal(ended->out, "INSTANCE  CAPACITY    ACTIVE  CONNECTING     GRACE   WAITING  STATE\n"
                                    "plaza          500         3           1         2         4  open\n");
    assert_int_equal(strncmp(stub.heard[0], "GET /admin/instances HTTP/1.1\r\n", 31), 0);
    ended = beside(answers, 1, cmd_instances, WORDS("instances", "--json"));
    assert_int_equal(ended->status, 0);
    static obj_instance_list_t list;
    codec_fault_t fault;
    assert_int_equal(codec_decode(CODEC_JSON, &type_instance_list, (const uint8_t *)ended->out, strlen(ended->out) - 1,
                                  &list, &fault),
                     CODEC_OK);
    assert_int_equal(list.instances[0].waiting, 4);
}

static void
the_longest_list_of_instances_is_shown_whole(void **state)
{
    (void)state;
    static char body[OUT_CAP];
    size_t at = (size_t)snprintf(body, sizeof(body), "{\"instances\":[");
    for (int i = 0; i < INSTANCES_MAX; i++) {
        at +=
            (size_t)snprintf(body + at, sizeof(body) - at,
                             "%s{\"id\":\"instance-%d\",\"capacity\":1000000,\"connecting\":1000000,\"active\":1000000,"
                             "\"grace\":1000000,\"waiting\":1000000,\"drain\":true,\"maintenance\":true,"
                             "\"endsInSeconds\":86400,\"degraded\":true,\"message\":\"",
                             i ? "," : "", i);
        for (int c = 0; c < MESSAGE_MAX; c++) {
            at += (size_t)snprintf(body + at, sizeof(body) - at, "\\u001f");
        }
        at += (size_t)snprintf(body + at, sizeof(body) - at, "\"}");
    }
    snprintf(body + at, sizeof(body) - at, "]}");
    const answer_t answers[] = {{200, body}};
    const ended_t *ended = beside(answers, 1, cmd_instances, WORDS("instances", "--json"));
    assert_int_equal(ended->status, 0);
    static obj_instance_list_t list;
    codec_fault_t fault;
    assert_int_equal(codec_decode(CODEC_JSON, &type_instance_list, (const uint8_t *)ended->out, strlen(ended->out) - 1,
                                  &list, &fault),
                     CODEC_OK);
    assert_int_equal(list.instances_len, INSTANCES_MAX);
    assert_int_equal(strlen(list.instances[INSTANCES_MAX - 1].message), MESSAGE_MAX);
}

static void
switches_send_only_what_was_asked_and_show_what_became_of_it(void **state)
{
    (void)state;
    const answer_t answers[] = {{200, open_plaza}};
    const answer_t closing[] = {{200, closing_plaza}};
    assert_int_equal(beside(answers, 1, cmd_drain, WORDS("drain", "plaza", "off"))->status, 0);
    assert_int_equal(strncmp(stub.heard[0], "POST /admin/instances/plaza HTTP/1.1\r\n", 38), 0);
    assert_has(stub.heard[0], "\r\n\r\n{\"drain\":false}");
    assert_int_equal(beside(answers, 1, cmd_capacity, WORDS("capacity", "plaza", "750"))->status, 0);
    assert_has(stub.heard[0], "\r\n\r\n{\"capacity\":750}");
    assert_int_equal(beside(answers, 1, cmd_maintenance, WORDS("maintenance", "plaza", "off"))->status, 0);
    assert_has(stub.heard[0], "\r\n\r\n{\"maintenance\":false}");
    const ended_t *ended = beside(closing, 1, cmd_maintenance,
                                  WORDS("maintenance", "plaza", "on", "--in", "5m", "--message", "back \"soon\""));
    assert_int_equal(ended->status, 0);
    assert_has(stub.heard[0], "{\"maintenance\":true,\"endsInSeconds\":300,\"message\":\"back \\\"soon\\\"\"}");
    assert_has(ended->out, "draining, maintenance that ends sessions in 4m 59s: back ?[2Jsoon\n");
}

static void
all_pages_of_sessions_become_one_list(void **state)
{
    (void)state;
    const answer_t answers[] = {
        {200, "{\"sessions\":[{\"sessionId\":\"s1\",\"characterId\":\"c1\",\"name\":\"Ann\",\"state\":\"active\","
              "\"room\":\"plaza/main\",\"number\":3},{\"sessionId\":\"s2\",\"characterId\":\"c2\",\"name\":\"Bob\","
              "\"state\":\"grace\",\"room\":\"plaza/main\",\"number\":8,\"leftSeconds\":59}]}"},
        {200, "{\"sessions\":[{\"sessionId\":\"s3\",\"characterId\":\"c3\",\"name\":\"Cy\",\"state\":\"waiting\","
              "\"room\":\"\",\"number\":9}]}"},
        {200, "{\"sessions\":[]}"},
    };
    const ended_t *ended = beside(answers, 3, cmd_sessions, WORDS("sessions", "plaza"));
    assert_int_equal(ended->status, 0);
    assert_has(stub.heard[0], "GET /admin/instances/plaza/sessions?after=0 ");
    assert_has(stub.heard[1], "GET /admin/instances/plaza/sessions?after=8 ");
    assert_has(stub.heard[2], "GET /admin/instances/plaza/sessions?after=9 ");
    static const char *const words[] = {"NUMBER", "s1", "Ann", "grace", "59s", "waiting", "Cy"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_has(ended->out, words[i]);
    }
    ended = beside(answers, 3, cmd_sessions, WORDS("sessions", "plaza", "--json"));
    static obj_session_list_t list;
    codec_fault_t fault;
    assert_int_equal(codec_decode(CODEC_JSON, &type_session_list, (const uint8_t *)ended->out, strlen(ended->out) - 1,
                                  &list, &fault),
                     CODEC_OK);
    assert_int_equal(list.sessions_len, 3);
    assert_int_equal(list.sessions[2].number, 9);
}

static void
half_a_list_is_not_printed(void **state)
{
    (void)state;
    const answer_t answers[] = {
        {200, "{\"sessions\":[{\"sessionId\":\"s1\",\"characterId\":\"c1\",\"name\":\"Ann\",\"state\":\"active\","
              "\"room\":\"plaza/main\",\"number\":3}]}"},
        {503, unavailable},
    };
    const ended_t *ended = beside(answers, 2, cmd_sessions, WORDS("sessions", "plaza"));
    assert_int_equal(ended->status, 1);
    assert_string_equal(ended->out, "");
    assert_has(ended->err, "the store is away; trying again may help");
    const answer_t circle[] = {answers[0], answers[0]};
    ended = beside(circle, 2, cmd_sessions, WORDS("sessions", "plaza"));
    assert_int_equal(ended->status, 1);
    assert_has(ended->err, "out of order");
}

static void
a_kick_says_whom_it_ended_or_that_there_was_nobody(void **state)
{
    (void)state;
    const answer_t done[] = {{200, "{\"left\":true}"}};
    const answer_t nobody[] = {{200, "{\"left\":false}"}};
    assert_int_equal(beside(done, 1, cmd_kick, WORDS("kick", "plaza", "s1"))->status, 0);
    assert_has(stub.heard[0], "POST /admin/instances/plaza/kick HTTP/1.1\r\n");
    assert_has(stub.heard[0], "\r\n\r\n{\"sessionId\":\"s1\"}");
    assert_int_equal(beside(done, 1, cmd_kick, WORDS("kick", "plaza", "--session=--s"))->status, 0);
    assert_has(stub.heard[0], "\r\n\r\n{\"sessionId\":\"--s\"}");
    const ended_t *ended = beside(nobody, 1, cmd_kick, WORDS("kick", "plaza", "--character", "c9"));
    assert_has(stub.heard[0], "\r\n\r\n{\"characterId\":\"c9\"}");
    assert_int_equal(ended->status, 1);
    assert_string_equal(ended->out, "");
    assert_has(ended->err, "no session of character 'c9' on plaza");
}

static void
an_instance_that_is_not_there_is_named_with_the_nearest(void **state)
{
    (void)state;
    const answer_t answers[] = {{404, not_found}, {200, plazas}};
    const ended_t *ended = beside(answers, 2, cmd_drain, WORDS("drain", "plazza", "on"));
    assert_int_equal(ended->status, 1);
    assert_has(ended->err, "there is no instance 'plazza'; did you mean 'plaza'?");
    ended = beside(answers, 2, cmd_drain, WORDS("drain", "garden", "on"));
    assert_has(ended->err, "there is no instance 'garden'; `playhouse instances` lists them");
    ended = beside(answers, 2, cmd_drain, WORDS("drain", "plaza", "on")); /* it is the server that errs */
    assert_has(ended->err, "NOT_FOUND: there is nothing here");
    assert_int_equal(ended->status, 1);
}

static void
what_is_no_playhouse_server_is_told_from_none(void **state)
{
    (void)state;
    const answer_t other[] = {{404, "<html>nothing</html>"}};
    const answer_t strange[] = {{200, "{\"instances\":3}"}};
    const answer_t silent[] = {{0, ""}};
    const ended_t *ended = beside(other, 1, cmd_instances, WORDS("instances"));
    assert_int_equal(ended->status, 1);
    assert_has(ended->err, "answered with status 404");
    ended = beside(strange, 1, cmd_instances, WORDS("instances"));
    assert_int_equal(ended->status, 1);
    assert_has(ended->err, "cannot be read: instances");
    ended = beside(silent, 1, cmd_instances, WORDS("instances"));
    assert_int_equal(ended->status, 1);
    assert_has(ended->err, "admin.port?");
    ended = command(cmd_instances, stub.port, WORDS("instances")); /* nobody listens there any more */
    assert_int_equal(ended->status, 1);
    assert_has(ended->err, "no server at 127.0.0.1");
    ended = command(cmd_instances, 0, WORDS("instances"));
    assert_int_equal(ended->status, 2);
    assert_has(ended->err, "admin.port is 0");
}

static void
misuse_is_refused_before_anything_is_asked(void **state)
{
    (void)state;
    static const struct {
        cli_run_fn *run;
        const char *words[WORDS_MAX];
        const char *told;
    } cases[] = {
        {cmd_instances, {"instances", "plaza"}, "plaza"},
        {cmd_instances, {"instances", "--jsn"}, "did you mean '--json'?"},
        {cmd_sessions, {"sessions"}, "INSTANCE"},
        {cmd_sessions, {"sessions", "a/b"}, "a/b"},
        {cmd_sessions, {"sessions", "plaza", "more"}, "more"},
        {cmd_drain, {"drain", "plaza"}, "on or off"},
        {cmd_drain, {"drain", "plaza", "onn"}, "did you mean 'on'?"},
        {cmd_drain, {"drain", "plaza", "on", "off"}, "off"},
        {cmd_maintenance, {"maintenance", "plaza", "on", "--in", "soon"}, "soon"},
        {cmd_maintenance, {"maintenance", "plaza", "on", "--in", "25h"}, "24h"},
        {cmd_maintenance, {"maintenance", "plaza", "off", "--in", "5m"}, "--in goes with on"},
        {cmd_maintenance, {"maintenance", "plaza", "off", "--message", "x"}, "--message goes with on"},
        {cmd_maintenance, {"maintenance", "plaza", "on", "--message", ""}, "1 to 200"},
        {cmd_maintenance, {"maintenance", "plaza", "on", "--massage", "x"}, "did you mean '--message'?"},
        {cmd_capacity, {"capacity", "plaza"}, "SEATS"},
        {cmd_capacity, {"capacity", "plaza", "0"}, "1000000"},
        {cmd_capacity, {"capacity", "plaza", "many"}, "many"},
        {cmd_kick, {"kick", "plaza"}, "--character"},
        {cmd_kick, {"kick", "plaza", "s1", "s2"}, "s2"},
        {cmd_kick, {"kick", "plaza", "s1", "--character", "c1"}, "s1"},
        {cmd_kick, {"kick", "plaza", "--session", "s1", "--character", "c1"}, "--character"},
        {cmd_kick, {"kick", "plaza", "s 1"}, "s 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const ended_t *ended = command(cases[i].run, 1, cases[i].words);
        assert_int_equal(ended->status, 2);
        assert_string_equal(ended->out, "");
        assert_has(ended->err, cases[i].told);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_are_shown_as_a_table_or_as_json),
        cmocka_unit_test(the_longest_list_of_instances_is_shown_whole),
        cmocka_unit_test(switches_send_only_what_was_asked_and_show_what_became_of_it),
        cmocka_unit_test(all_pages_of_sessions_become_one_list),
        cmocka_unit_test(half_a_list_is_not_printed),
        cmocka_unit_test(a_kick_says_whom_it_ended_or_that_there_was_nobody),
        cmocka_unit_test(an_instance_that_is_not_there_is_named_with_the_nearest),
        cmocka_unit_test(what_is_no_playhouse_server_is_told_from_none),
        cmocka_unit_test(misuse_is_refused_before_anything_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
