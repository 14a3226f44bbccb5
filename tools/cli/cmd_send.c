#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client_front.h"

enum { SEND_LINE_CAP = 65536 };

static const char send_fault[] = "{\"type\":\"front.fault\"";

/* One question, one answer. The caller frees it; NULL after saying why there is none. */
static char *
send_ask(config_t *config, const char *line, int64_t seconds)
{
    zsock_t *socket = client_front_open("send", config, ZMQ_REQ, (int)seconds * 1000);
    if (socket == NULL) {
        return NULL;
    }
    char *answer = zstr_send(socket, line) == 0 ? zstr_recv(socket) : NULL;
    if (answer == NULL) {
        client_front_silent("send", config, seconds);
    }
    zsock_destroy(&socket);
    return answer;
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

int
cmd_send(int argc, char **argv, config_t *config)
{
    int64_t seconds = 6;
    const cli_option_t options[] = {{.name = "--timeout", .number = &seconds, .min = 1, .max = 3600}, {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    if (argc < 4) {
        fprintf(stderr, "playhouse send: KIND, KEY and TYPE are needed\ntry: playhouse help send\n");
        return 2;
    }
    if (argc > 5) {
        return cli_misuse("send", argv[5]);
    }
    static char line[SEND_LINE_CAP];
    if (!send_line(argc, argv, line, sizeof(line))) {
        return 2;
    }
    char *answer = send_ask(config, line, seconds);
    if (!answer) {
        return EXIT_FAILURE;
    }
    printf("%s\n", answer);
    bool fault = strncmp(answer, send_fault, sizeof(send_fault) - 1) == 0 || strstr(answer, "\"act.no_answer\"");
    free(answer);
    return fault ? EXIT_FAILURE : EXIT_SUCCESS;
}
