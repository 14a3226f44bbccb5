#include "client_front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "curve.h"

/* Puts keys on the socket. False after saying why not. */
static bool
client_front_protect(const char *command, const config_t *config, const char *server, void *socket)
{
    const curve_config_t keys = {.secret = config_text(config, CONFIG_KEYS_SECRET),
                                 .allowed = config_text(config, CONFIG_KEYS_ALLOWED),
                                 .tools = ""};
    char why[512], key[CERT_KEY_SIZE];
    curve_t *curve = curve_new(NULL, &keys, why, sizeof why);
    if (curve == NULL) {
        fprintf(stderr, "playhouse %s: %s\n", command, why);
        return false;
    }
    bool good = curve_public_of(curve, server, key) && curve_client(curve, socket, key);
    if (!good) {
        fprintf(stderr, "playhouse %s: there is no usable certificate %s.key in keys.allowed '%s'\n", command, server,
                keys.allowed);
    }
    curve_destroy(&curve);
    return good;
}

void *
client_front_open(const char *command, const config_t *config, const char *endpoint, int type, int msec)
{
    static void *context; /* lives as long as the process */
    const char *text = endpoint != NULL ? endpoint : config_text(config, CONFIG_BROKER_ENDPOINT);
    char server[CERT_NAME_MAX + 1];
    const char *where = curve_endpoint(text, server);
    if (where == NULL || *where == '\0' || strchr(where, '*') != NULL) {
        fprintf(stderr,
                "playhouse %s: broker.endpoint is '%s': give the one that the server printed, as "
                "--broker.endpoint tcp://127.0.0.1:PORT, or NAME@tcp://HOST:PORT with keys\n",
                command, text);
        return NULL;
    }
    context = context != NULL ? context : zmq_ctx_new();
    void *socket = zmq_socket(context, type);
    int linger = 0;
    if (socket == NULL) {
        fprintf(stderr, "playhouse %s: no socket could be made: %s\n", command, zmq_strerror(errno));
        return NULL;
    }
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &msec, sizeof msec);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &msec, sizeof msec);
    bool good = *server == '\0' || client_front_protect(command, config, server, socket);
    if (good && zmq_connect(socket, where) != 0) {
        fprintf(stderr, "playhouse %s: cannot connect to '%s': %s\n", command, where, zmq_strerror(errno));
        good = false;
    }
    if (!good) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

void
client_front_silent(const char *command, const config_t *config, const char *endpoint, int64_t seconds)
{
    char server[CERT_NAME_MAX + 1];
    const char *text = endpoint != NULL ? endpoint : config_text(config, CONFIG_BROKER_ENDPOINT);
    curve_endpoint(text, server);
    fprintf(stderr, "playhouse %s: no answer from %s in %lld s: is a server running, %s?\n", command, text,
            (long long)seconds,
            *server == '\0' ? "is this its broker.endpoint, and does it want keys (NAME@tcp://HOST:PORT)"
                            : "has it this NAME's keys, and is this tool's certificate in its keys.tools");
}
