#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "cli.h"
#include "client_front.h"
#include "envelope.h"

enum { SEND_LINE_CAP = 65536, SEND_ANSWER_CAP = 8 << 20 };

/* One question, one answer into `answer`, which is initialised. False: not in time. */
static bool
send_ask(void *socket, const void *question, size_t length, zmq_msg_t *answer)
{
    return zmq_send(socket, question, length, 0) == (int)length && zmq_msg_recv(answer, socket, 0) >= 0;
}

/* An envelope is printed as the line would have been answered; whatever else as it is. Returns the exit status. */
static int
send_print(zmq_msg_t *answer)
{
    static _Alignas(max_align_t) uint8_t body[MSG_BODY_MAX];
    static char text[SEND_ANSWER_CAP];
    msg_t msg;
    codec_fault_t fault;
    const char *shown = zmq_msg_data(answer);
    size_t length = zmq_msg_size(answer);
    if (envelope_decode(zmq_msg_data(answer), length, 0, &msg, body, &fault) == CODEC_OK) {
        length = codec_encode(CODEC_JSON, msg_infos[msg.type].type, msg_infos[msg.type].name, body, (uint8_t *)text,
                              sizeof text);
        shown = text;
        codec_release(msg_infos[msg.type].type, body);
    }
    static const char *const faults[] = {"{\"type\":\"front.fault\"", "{\"type\":\"act.no_answer\""};
    bool good = true;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        good &= length < strlen(faults[i]) || memcmp(shown, faults[i], strlen(faults[i])) != 0;
    }
    printf("%.*s\n", (int)length, shown);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The whole of a file, or of standard input; 0 after saying why not. */
static size_t
send_read(const char *path, char *bytes, size_t size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t length = file != NULL ? fread(bytes, 1, size, file) : 0;
    bool failed = file == NULL || ferror(file) || length == 0;
    if (failed) {
        fprintf(stderr, "playhouse send: cannot read '%s': %s\n", path, errno ? strerror(errno) : "it is empty");
    } else if (length == size) {
        fprintf(stderr, "playhouse send: '%s' is longer than %zu bytes\n", path, size - 1);
    }
    if (file != NULL && file != stdin) {
        fclose(file);
    }
    return failed || length == size ? 0 : length;
}

static bool
send_line(int argc, char **argv, char *line, size_t size)
{
    for (int i = 1; i < 4; i++) {
        if (argv[i][0] == '\0' || strpbrk(argv[i], " \t\r\n")) {
            fprintf(stderr, "playhouse send: '%s' must be one word (- is the empty key)\n", argv[i]);
            return false;
        }
    }
    int length = snprintf(line, size, "%s %s %s %s", argv[1], argv[2], argv[3], argc > 4 ? argv[4] : "{}");
    if (length < 0 || (size_t)length >= size) {
        fprintf(stderr, "playhouse send: the message is longer than %zu bytes\n", size - 1);
        return false;
    }
    for (char *at = line; *at; at++) {
        *at = *at == '\n' || *at == '\r' ? ' ' : *at; /* the front door takes one line */
    }
    return true;
}

/* What is to be sent: of a file, of --line, or of the words. 0 after saying what is wrong. */
static size_t
send_question(int argc, char **argv, const char *line, const char *file, char *question, size_t size)
{
    if (file != NULL) {
        errno = 0;
        return send_read(file, question, size);
    }
    if (line != NULL) {
        int length = snprintf(question, size, "%s", line);
        if (length <= 0 || (size_t)length >= size) {
            fprintf(stderr, "playhouse send: --line must be 1 to %zu bytes\n", size - 1);
            return 0;
        }
        return (size_t)length;
    }
    return send_line(argc, argv, question, size) ? strlen(question) : 0;
}

int
cmd_send(int argc, char **argv, config_t *config)
{
    int64_t seconds = 6;
    const char *front = NULL, *line = NULL, *file = NULL;
    const cli_option_t options[] = {{.name = "--timeout", .number = &seconds, .min = 1, .max = 3600},
                                    {.name = "--front", .text = &front},
                                    {.name = "--line", .text = &line},
                                    {.name = "--file", .text = &file},
                                    {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    bool given = line != NULL || file != NULL;
    if (!given && argc < 4) {
        fprintf(stderr, "playhouse send: KIND, KEY and TYPE are needed\ntry: playhouse help send\n");
        return 2;
    }
    if (argc > (given ? 1 : 5)) {
        return cli_misuse("send", argv[given ? 1 : 5]);
    }
    if (line != NULL && file != NULL) {
        return cli_misuse("send", "--file");
    }
    static char question[SEND_LINE_CAP];
    size_t length = send_question(argc, argv, line, file, question, sizeof(question));
    void *socket = length > 0 ? client_front_open("send", config, front, ZMQ_REQ, (int)seconds * 1000) : NULL;
    if (socket == NULL) {
        return 2;
    }
    zmq_msg_t answer;
    zmq_msg_init(&answer);
    int status = EXIT_FAILURE;
    if (send_ask(socket, question, length, &answer)) {
        status = send_print(&answer);
    } else {
        client_front_silent("send", config, front, seconds);
    }
    zmq_msg_close(&answer);
    zmq_close(socket);
    return status;
}
